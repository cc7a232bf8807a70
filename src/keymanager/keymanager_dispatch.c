/* SPDX-License-Identifier: Apache-2.0
 *
 * From the bytes of a call to its handler and back: open the envelope, check the signature that the
 * method's table entry wants, read the request, run the handler, commit, seal the answer. Every
 * failure becomes the in-band status that clients of this protocol read; gRPC itself says OK.
 */
#include "keymanager/keymanager_call.h"

#include "base/limits.h"
#include "codec/text.h"
#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"
#include "keymanager/keymanager_identity.h"

/* So that the answer sealed, which is base64, fits one message with its certificate and status. */
#define ANSWER_MAX ((CAPSA_LIMIT_grpc_message - KIB(16)) / 4 * 3)
#define ATTEMPTS   64 /* when others change what a handler reads; each time somebody got ahead */

/* One enveloped call in the works. Everything that must outlive the handler. */
typedef struct {
    struct capsa_km_entry *entry;
    const struct capsa_rpc_call *rpc;
    capsa_time now;
    capsa_jwe_parsed jwe;
    capsa_jws jws;
    capsa_chain body_chain; /* RegisterCert's */
    ProtobufCMessage *request;
    struct capsa_km_signer signer;
    capsa_buf answer;
} km_work;

static void km_work_drop(km_work *work)
{
    capsa_jwe_parsed_drop(&work->jwe);
    capsa_jws_drop(&work->jws);
    capsa_chain_drop(&work->body_chain);
    capsa_message_free(work->request);
    capsa_buf_drop(&work->answer);
}
/* ---- opening --------------------------------------------------------------------------------- */

static capsa_result open_envelope(km_work *work, capsa_buf *ret_text, bool *ret_has_signature)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&cm__encrypted_request__descriptor, work->rpc->request,
                                   CAPSA_UNKNOWN_SKIPPED, &message));
    const Cm__EncryptedRequest *outer = (const Cm__EncryptedRequest *)message;
    CAPSA_REQUIRE(outer->message != NULL, MALFORMED, "message: missing");
    const struct capsa_jwe jwe = {
        outer->message->protected_header, outer->message->encrypted_key, outer->message->iv,
        outer->message->ciphertext,       outer->message->tag,           outer->message->aad};
    CAPSA_TRY_AT(capsa_jwe_parse(&jwe, &work->jwe), "message");
    *ret_has_signature = outer->has_signature;
    return capsa_jwe_open(&work->jwe, capsa_km_identity_key(work->entry->manager->identity),
                          ret_text);
}

static capsa_result parse_request(km_work *work)
{
    CAPSA_TRY(capsa_protojson_parse(work->entry->method->shape, capsa_buf_bytes(&work->jws.payload),
                                    CAPSA_UNKNOWN_REFUSED, &work->request));
    return CAPSA_OK;
}

static capsa_result identify(km_work *work, const struct capsa_cert *cert)
{
    uint8_t digest[CAPSA_SHA256];
    CAPSA_TRY(capsa_cert_spki_digest(cert, digest));
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(CAPSA_KM_SPKI);
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(digest, sizeof(digest)), &hex));
    memcpy(work->signer.spki, hex.data, hex.len);
    work->signer.spki[hex.len] = '\0';
    work->signer.cert = cert;
    return CAPSA_OK;
}

/* Nothing of the payload is read before its signature holds; but RegisterCert's chain is in it. */
static capsa_result check_signer(km_work *work)
{
    if ((work->entry->method->needs & CAPSA_KM_SIGNED_BODY) != 0) {
        CAPSA_TRY(parse_request(work));
        CAPSA_TRY(capsa_km_register_cert_check(&work->jws,
                                               (const Cm__RegisterCertRequest *)work->request,
                                               work->now, &work->body_chain, work->signer.party));
        return identify(work, work->body_chain.certs[0]);
    }
    CAPSA_REQUIRE(work->jws.has_x5c, UNAUTHENTIC,
                  "no x5c: a request carries the certificates of its signer");
    CAPSA_TRY(capsa_jws_check_x5c(&work->jws, work->now, work->signer.party));
    CAPSA_TRY(identify(work, work->jws.x5c.certs[0]));
    return parse_request(work);
}

static capsa_result open_request(km_work *work)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    bool has_signature;
    CAPSA_TRY(open_envelope(work, &text, &has_signature));
    CAPSA_REQUIRE(has_signature, MALFORMED, "has_signature: %s must be signed",
                  work->entry->method->name);
    CAPSA_TRY(
        capsa_jws_parse_cached(capsa_buf_bytes(&text), work->entry->manager->certs, &work->jws));
    CAPSA_TRY(check_signer(work));
    CAPSA_REQUIRE((work->entry->method->needs & CAPSA_KM_ANSWERS) == 0 ||
                      capsa_public_key_kind(capsa_cert_key(work->signer.cert)) == CAPSA_KEY_RSA,
                  UNSUPPORTED,
                  "the answer of %s is sealed with RSA-OAEP, and the signer's key is not RSA",
                  work->entry->method->name);
    return CAPSA_OK;
}

/* ---- doing ----------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_km_still_wanted(const struct capsa_km_call *call)
{
    CAPSA_REQUIRE(!capsa_rpc_cancelled(call->rpc), CANCELLED, "nobody waits for the answer");
    return CAPSA_OK;
}

static capsa_result handle_once(km_work *work)
{
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(work->entry->manager->options.store, &txn));
    capsa_buf_clear(&work->answer);
    struct capsa_km_call call = {
        .manager = work->entry->manager,
        .rpc = work->rpc,
        .now = work->now,
        .request = work->request,
        .signer = work->signer,
        .txn = txn,
        .answer = &work->answer,
    };
    CAPSA_TRY(work->entry->method->handle(&call));
    CAPSA_TRY(capsa_km_still_wanted(&call));
    return capsa_km_txn_commit(txn, work->entry->manager->options.writer);
}

static capsa_result handle(km_work *work)
{
    capsa_result result = CAPSA_OK;
    for (int i = 0; i < ATTEMPTS; i++) {
        result = handle_once(work);
        if (capsa_code_of(result) != CAPSA_E_CONFLICT) {
            break;
        }
    }
    return result;
}

/* ---- answering ------------------------------------------------------------------------------- */

/* Faults of the manager's own house are told to its operator; the peer learns that there is one. */
static capsa_result for_peer(capsa_result result)
{
    switch (capsa_code_of(result)) {
    case CAPSA_E_STORE:
    case CAPSA_E_IO:
    case CAPSA_E_TAMPERED:
    case CAPSA_E_INTERNAL:
        return capsa_error_make(capsa_code_of(result), __FILE__, __LINE__,
                                "the manager cannot do this now; its log says why");
    default:
        return result;
    }
}

static capsa_result write_response(capsa_result result, const capsa_jwe_out *sealed,
                                   capsa_buf *ret_message)
{
    Cm__Status status = CM__STATUS__INIT;
    status.code = capsa_code_status(capsa_code_of(result));
    status.message = capsa_km_field(capsa_text_of(result));
    Cm__Jwe jwe = CM__JWE__INIT;
    Cm__EncryptedResponse response = CM__ENCRYPTED_RESPONSE__INIT;
    response.status = &status;
    if (sealed != NULL) {
        jwe.protected_header = sealed->protected_header;
        jwe.encrypted_key = sealed->encrypted_key;
        jwe.iv = sealed->iv;
        jwe.ciphertext = sealed->ciphertext;
        jwe.tag = sealed->tag;
        jwe.aad = sealed->aad;
        response.message = &jwe;
    }
    return capsa_protobuf_write(&response.base, ret_message);
}

static capsa_result answer(km_work *work, capsa_result result, capsa_buf *ret_message)
{
    CAPSA_AUTO(capsa_jwe_out) sealed = {.iv = NULL};
    bool has_body = !capsa_failed(result) && work->answer.len > 0;
    if (has_body) { /* in the flavour of the request: C++ clients read no other */
        result = capsa_jwe_seal(capsa_cert_key(work->signer.cert), work->jwe.alg, CAPSA_JWE_A128GCM,
                                capsa_buf_bytes(&work->answer), &sealed);
    }
    has_body = has_body && !capsa_failed(result);
    return write_response(for_peer(result), has_body ? &sealed : NULL, ret_message);
}

static capsa_result run(km_work *work)
{
    CAPSA_TRY(open_request(work));
    return handle(work);
}

CAPSA_RESULT capsa_km_dispatch_enveloped(void *context, const struct capsa_rpc_call *rpc,
                                         capsa_buf *ret_message)
{
    int64_t started_us = capsa_monotonic_us();
    struct capsa_km_entry *entry = context;
    CAPSA_AUTO(km_work) work = {.entry = entry, .rpc = rpc};
    work.now = capsa_now(entry->manager->options.clock);
    work.answer = capsa_buf_of(ANSWER_MAX);
    capsa_result result = run(&work);
    capsa_km_answered(entry, rpc, started_us, work.signer.party, result);
    return answer(&work, result, ret_message);
}

/* ---- GetRaCert, the one method without an envelope ------------------------------------------- */

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

static capsa_result ra_cert(struct capsa_km_entry *entry, const struct capsa_rpc_call *rpc,
                            capsa_buf *pem)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(
        capsa_protobuf_parse(entry->method->shape, rpc->request, CAPSA_UNKNOWN_SKIPPED, &message));
    CAPSA_TRY(nonce_check(((const Cm__GetRaCertRequest *)message)->nonce));
    CAPSA_TRY(capsa_km_identity_cert(entry->manager->identity, pem));
    return capsa_buf_u8(pem, '\0');
}

CAPSA_RESULT capsa_km_dispatch_ra_cert(void *context, const struct capsa_rpc_call *rpc,
                                       capsa_buf *ret_message)
{
    int64_t started_us = capsa_monotonic_us();
    struct capsa_km_entry *entry = context;
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem + 1);
    capsa_result result = ra_cert(entry, rpc, &pem);
    capsa_km_answered(entry, rpc, started_us, "", result);
    result = for_peer(result);
    Cm__Status status = CM__STATUS__INIT;
    status.code = capsa_code_status(capsa_code_of(result));
    status.message = capsa_km_field(capsa_text_of(result));
    Cm__GetRaCertResponse response = CM__GET_RA_CERT_RESPONSE__INIT;
    response.status = &status;
    if (!capsa_failed(result)) {
        response.cert = (char *)pem.data;
    }
    return capsa_protobuf_write(&response.base, ret_message);
}
