/* SPDX-License-Identifier: Apache-2.0
 *
 * Methods without an envelope: what anybody may ask. GetRaCert is here; the log's are in
 * keymanager_audit.c.
 */
#include "keymanager/keymanager_call.h"

#include "base/limits.h"
#include "keymanager/keymanager_envelope.h"
#include "keymanager/keymanager_evidence.h"

CAPSA_RESULT capsa_km_dispatch_plain(void *context, const struct capsa_rpc_call *rpc,
                                     capsa_buf *ret_message)
{
    int64_t started_us = capsa_monotonic_us();
    struct capsa_km_entry *entry = context;
    CAPSA_AUTO_MESSAGE request = NULL;
    capsa_result result =
        capsa_protobuf_parse(entry->method->shape, rpc->request, CAPSA_UNKNOWN_SKIPPED, &request);
    result = capsa_failed(result) ? result : entry->method->plain(entry, request, ret_message);
    capsa_km_answered(entry, rpc, started_us, "", result);
    if (!capsa_failed(result)) {
        return CAPSA_OK;
    }
    /* Every plain answer has its status in field 1, as this one has. */
    Cm__Status status = capsa_km_status(capsa_km_for_peer(result));
    Cm__GetRaCertResponse response = CM__GET_RA_CERT_RESPONSE__INIT;
    response.status = &status;
    capsa_buf_clear(ret_message);
    return capsa_protobuf_write(&response.base, ret_message);
}

/* A nonce with control bytes could be part of something else that is hashed for evidence. */
static capsa_result nonce_check(const char *nonce)
{
    CAPSA_REQUIRE(strlen(nonce) <= CAPSA_LIMIT_nonce_bytes, TOO_LARGE, "nonce: over %d bytes",
                  CAPSA_LIMIT_nonce_bytes);
    for (const char *at = nonce; *at != '\0'; at++) {
        CAPSA_REQUIRE((unsigned char)*at >= 0x20, MALFORMED,
                      "nonce: a control byte at offset %td; text wanted", at - nonce);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_get_ra_cert(const struct capsa_km_entry *entry,
                                  const ProtobufCMessage *request, capsa_buf *ret_message)
{
    struct capsa_keymanager *manager = entry->manager;
    const char *nonce = ((const Cm__GetRaCertRequest *)request)->nonce;
    CAPSA_TRY(nonce_check(nonce));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem + 1);
    const char *cert;
    CAPSA_TRY(capsa_km_envelope_cert(manager->envelope, &pem));
    CAPSA_TRY(capsa_buf_cstr(&pem, &cert));
    Cm__Status status = capsa_km_status(CAPSA_OK);
    Cm__GetRaCertResponse response = CM__GET_RA_CERT_RESPONSE__INIT;
    response.status = &status;
    response.cert = capsa_km_field(cert);
    CAPSA_AUTO(capsa_km_report) report = {.json_report = {.data = NULL}};
    if (manager->options.evidence.attester != NULL) {
        CAPSA_TRY(
            capsa_km_report_make(manager, entry->native, capsa_bytes_str(cert), nonce, &report));
        response.attestation_report = &report.message;
    }
    return capsa_protobuf_write(&response.base, ret_message);
}
