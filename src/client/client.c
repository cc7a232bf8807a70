/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls to a capsule manager (client.h): the table of methods, the way of a request into its
 * envelope and of an answer out of its own.
 */
#include "client/client.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "codec/protobuf.h"
#include "codec/text.h"
#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"
#include "rpc/rpc_client.h"

#define SERVICE "/secretflowapis.v2.sdc.capsule_manager.CapsuleManager/"

struct capsa_client {
    struct capsa_client_options options;
    struct capsa_net_tls *tls;
    int tls_certs_fd; /* several certificate files as one; -1: none */
    struct capsa_rpc_client *rpc;
    struct capsa_cert *manager;
};

/* ---- methods --------------------------------------------------------------------------------- */

static const struct method {
    const char *path;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *answer; /* NULL: no body */
    bool without_x5c;                         /* the chain stands in the body */
} methods[] = {
    [CAPSA_CLIENT_CREATE_DATA_KEYS] = {SERVICE "CreateDataKeys",
                                       &cm__create_data_keys_request__descriptor, NULL, false},
    [CAPSA_CLIENT_GET_DATA_KEYS] = {SERVICE "GetDataKeys", &cm__get_data_keys_request__descriptor,
                                    &cm__get_data_keys_response__descriptor, false},
    [CAPSA_CLIENT_DELETE_DATA_KEY] = {SERVICE "DeleteDataKey",
                                      &cm__delete_data_key_request__descriptor, NULL, false},
    [CAPSA_CLIENT_GET_EXPORT_DATA_KEY] = {SERVICE "GetExportDataKey",
                                          &cm__get_export_data_key_request__descriptor,
                                          &cm__get_export_data_key_response__descriptor, false},
    [CAPSA_CLIENT_REGISTER_CERT] = {SERVICE "RegisterCert", &cm__register_cert_request__descriptor,
                                    NULL, true},
    [CAPSA_CLIENT_CREATE_DATA_POLICY] = {SERVICE "CreateDataPolicy",
                                         &cm__create_data_policy_request__descriptor, NULL, false},
    [CAPSA_CLIENT_LIST_DATA_POLICY] = {SERVICE "ListDataPolicy",
                                       &cm__list_data_policy_request__descriptor,
                                       &cm__list_data_policy_response__descriptor, false},
    [CAPSA_CLIENT_ADD_DATA_RULE] = {SERVICE "AddDataRule", &cm__add_data_rule_request__descriptor,
                                    NULL, false},
    [CAPSA_CLIENT_DELETE_DATA_POLICY] = {SERVICE "DeleteDataPolicy",
                                         &cm__delete_data_policy_request__descriptor, NULL, false},
    [CAPSA_CLIENT_DELETE_DATA_RULE] = {SERVICE "DeleteDataRule",
                                       &cm__delete_data_rule_request__descriptor, NULL, false},
    [CAPSA_CLIENT_CREATE_RESULT_DATA_KEY] = {SERVICE "CreateResultDataKey",
                                             &cm__create_result_data_key_request__descriptor, NULL,
                                             false},
    [CAPSA_CLIENT_GET_TLS_ASSET] = {SERVICE "GetTlsAsset", &cm__get_tls_asset_request__descriptor,
                                    &cm__get_tls_asset_response__descriptor, false},
};

const ProtobufCMessageDescriptor *capsa_client_shape(enum capsa_client_method method)
{
    return methods[method].request;
}

/* ---- making one ------------------------------------------------------------------------------ */

/* TLS settings take one file; several are put together in one that no folder knows of. */
static capsa_result join_files(const char *const *paths, int *ret_fd)
{
    int fd = memfd_create("capsa-tls-certs", MFD_CLOEXEC);
    CAPSA_REQUIRE(fd >= 0, IO, "no memory file for the TLS certificates");
    *ret_fd = fd;
    for (size_t i = 0; paths[i] != NULL; i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_cert_pem);
        CAPSA_TRY(capsa_file_read(paths[i], &text));
        CAPSA_TRY(capsa_buf_u8(&text, '\n'));
        CAPSA_REQUIRE(write(fd, text.data, text.len) == (ssize_t)text.len, IO,
                      "no memory file for the TLS certificates");
    }
    return CAPSA_OK;
}

static capsa_result open_tls(struct capsa_client *client)
{
    const struct capsa_client_options *options = &client->options;
    struct capsa_net_tls_client_options tls = {.ca_path = options->ca_path};
    char joined[32];
    CAPSA_REQUIRE((options->tls_certs == NULL) == (options->tls_key == NULL), USAGE,
                  "a TLS certificate and its key are given together");
    CAPSA_REQUIRE(options->ca_path != NULL || options->tls_certs == NULL, USAGE,
                  "a TLS certificate is of use only with the CA that the server is checked by");
    if (options->ca_path == NULL) {
        return CAPSA_OK;
    }
    if (options->tls_certs != NULL) {
        tls.cert_path = options->tls_certs[0];
        tls.key_path = options->tls_key;
        if (options->tls_certs[1] != NULL) {
            CAPSA_TRY(join_files(options->tls_certs, &client->tls_certs_fd));
            (void)snprintf(joined, sizeof(joined), "/proc/self/fd/%d", client->tls_certs_fd);
            tls.cert_path = joined;
        }
    }
    return capsa_net_tls_client_new(&tls, &client->tls);
}

CAPSA_RESULT capsa_client_new(const struct capsa_client_options *options,
                              struct capsa_client **ret_client)
{
    CAPSA_AUTO_FREE(capsa_client) client = CAPSA_NEW(struct capsa_client);
    CAPSA_REQUIRE_MEMORY(client);
    client->options = *options;
    client->tls_certs_fd = -1;
    CAPSA_TRY(open_tls(client));
    const struct capsa_rpc_client_options rpc = {
        .target = options->target, .tls = client->tls, .timeout_us = options->timeout_us};
    CAPSA_TRY(capsa_rpc_client_new(&rpc, &client->rpc));
    *ret_client = client;
    client = NULL;
    return CAPSA_OK;
}

void capsa_client_free(struct capsa_client *client)
{
    if (client == NULL) {
        return;
    }
    capsa_rpc_client_free(client->rpc);
    capsa_net_tls_free(client->tls);
    capsa_cert_free(client->manager);
    if (client->tls_certs_fd >= 0) {
        (void)close(client->tls_certs_fd);
    }
    capsa_dealloc(client);
}

/* ---- one exchange ---------------------------------------------------------------------------- */

#define FAIL_AS(code_, text)                                                                       \
    case code_:                                                                                    \
        CAPSA_FAIL(text, "the manager refused: %s", message)

CAPSA_RESULT capsa_client_status(int code, const char *message)
{
    if (code == 0) {
        return CAPSA_OK;
    }
    if (message == NULL || *message == '\0') {
        message = "it gave no reason";
    }
    switch (code) {
        FAIL_AS(3, MALFORMED);
        FAIL_AS(5, NOT_FOUND);
        FAIL_AS(6, EXISTS);
        FAIL_AS(7, DENIED);
        FAIL_AS(10, CONFLICT);
        FAIL_AS(12, UNSUPPORTED);
        FAIL_AS(15, TAMPERED);
        FAIL_AS(16, UNAUTHENTIC);
    case 4:
        CAPSA_FAIL(TIMEOUT, "the manager took too long: %s", message);
    case 14:
        CAPSA_FAIL(BUSY, "the manager answered: %s", message);
    default:
        CAPSA_FAIL(INTERNAL, "the manager failed (code %d): %s", code, message);
    }
}

/* Send a message and parse the answer, which is not yet believed. */
static capsa_result exchange(struct capsa_client *client, const char *path,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *shape, ProtobufCMessage **ret_answer)
{
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_TRY_AT(capsa_protobuf_write(request, &wire), "the request");
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_TRY(capsa_rpc_call_unary(client->rpc, path, capsa_buf_bytes(&wire), &answer, NULL));
    CAPSA_TRY_AT(
        capsa_protobuf_parse(shape, capsa_buf_bytes(&answer), CAPSA_UNKNOWN_SKIPPED, ret_answer),
        "the manager's answer");
    return CAPSA_OK;
}

static capsa_result check_status(const Cm__Status *status)
{
    CAPSA_REQUIRE(status != NULL, MALFORMED, "the manager's answer has no status");
    return capsa_client_status(status->code, status->message);
}

/* Fresh for each call, in the form the original uses: 32 random bytes in hex. */
static capsa_result make_nonce(capsa_buf *nonce)
{
    uint8_t random[32];
    CAPSA_TRY(capsa_random(random, sizeof(random)));
    return capsa_hex_write(capsa_bytes_of(random, sizeof(random)), nonce);
}

static capsa_result check_pin(const struct capsa_cert *pin, const struct capsa_cert *got)
{
    CAPSA_REQUIRE(pin == NULL || capsa_cert_same_key(pin, got), UNAUTHENTIC,
                  "the manager has another key than the certificate that it should have; nothing "
                  "was sent to it");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_client_manager(struct capsa_client *client, const struct capsa_cert **ret_cert)
{
    if (client->manager == NULL) {
        CAPSA_AUTO(capsa_buf) nonce = capsa_buf_of(128);
        CAPSA_TRY(make_nonce(&nonce));
        Cm__GetRaCertRequest request;
        cm__get_ra_cert_request__init(&request);
        char *text = NULL;
        CAPSA_TRY(capsa_buf_take_str(&nonce, &text));
        request.nonce = text;
        CAPSA_AUTO_MESSAGE answer = NULL;
        capsa_result result = exchange(client, SERVICE "GetRaCert", &request.base,
                                       &cm__get_ra_cert_response__descriptor, &answer);
        capsa_dealloc(text);
        CAPSA_TRY(result);
        const Cm__GetRaCertResponse *ra = (const Cm__GetRaCertResponse *)(const void *)answer;
        CAPSA_TRY(check_status(ra->status));
        CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
        CAPSA_TRY_AT(capsa_cert_parse_pem(capsa_bytes_str(ra->cert), &cert),
                     "the manager's certificate");
        CAPSA_TRY(check_pin(client->options.manager, cert));
        client->manager = cert;
        cert = NULL;
    }
    *ret_cert = client->manager;
    return CAPSA_OK;
}

/* Request to JSON, signed by the party. */
static capsa_result sign_request(const struct capsa_client *client, const struct method *method,
                                 const ProtobufCMessage *request, capsa_buf *jws)
{
    const capsa_party *party = client->options.party;
    CAPSA_REQUIRE(party != NULL && party->key != NULL, USAGE,
                  "a request is signed: a certificate and its key are needed");
    CAPSA_AUTO(capsa_buf) payload = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY_AT(capsa_protojson_write(request, CAPSA_PROTOJSON_MINIMAL, &payload), "the request");
    return capsa_jws_make(party->key, method->without_x5c ? NULL : &party->chain,
                          capsa_buf_bytes(&payload), jws);
}

static Cm__Jwe jwe_message(const capsa_jwe_out *out)
{
    Cm__Jwe jwe;
    cm__jwe__init(&jwe);
    jwe.protected_header = out->protected_header;
    jwe.encrypted_key = out->encrypted_key;
    jwe.iv = out->iv;
    jwe.ciphertext = out->ciphertext;
    jwe.tag = out->tag;
    jwe.aad = out->aad;
    return jwe;
}

/* The body of an answer, opened with the party's key. */
static capsa_result open_body(const struct capsa_client *client, const Cm__Jwe *jwe,
                              const ProtobufCMessageDescriptor *shape,
                              ProtobufCMessage **ret_answer)
{
    CAPSA_REQUIRE(jwe != NULL, MALFORMED, "the manager's answer has no body");
    const struct capsa_jwe form = {jwe->protected_header, jwe->encrypted_key, jwe->iv,
                                   jwe->ciphertext,       jwe->tag,           jwe->aad};
    CAPSA_AUTO(capsa_jwe_parsed) parsed = {0};
    CAPSA_TRY_AT(capsa_jwe_parse(&form, &parsed), "the manager's answer");
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY_AT(capsa_jwe_open(&parsed, client->options.party->key, &text),
                 "the manager's answer");
    CAPSA_TRY_AT(
        capsa_protojson_parse(shape, capsa_buf_bytes(&text), CAPSA_UNKNOWN_SKIPPED, ret_answer),
        "the manager's answer");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_client_call(struct capsa_client *client, enum capsa_client_method number,
                               const ProtobufCMessage *request, ProtobufCMessage **ret_answer)
{
    const struct method *method = &methods[number];
    CAPSA_REQUIRE(request->descriptor == method->request, USAGE, "%s takes %s, not %s",
                  method->path, method->request->short_name, request->descriptor->short_name);
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(sign_request(client, method, request, &jws));
    const struct capsa_cert *manager;
    CAPSA_TRY(capsa_client_manager(client, &manager));
    CAPSA_AUTO(capsa_jwe_out) sealed = {0};
    CAPSA_TRY_AT(capsa_jwe_seal(capsa_cert_key(manager), CAPSA_JWE_RSA_OAEP_256, CAPSA_JWE_A128GCM,
                                capsa_buf_bytes(&jws), &sealed),
                 "sealing to the manager's certificate");
    Cm__Jwe jwe = jwe_message(&sealed);
    Cm__EncryptedRequest envelope;
    cm__encrypted_request__init(&envelope);
    envelope.message = &jwe;
    envelope.has_signature = true;
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(exchange(client, method->path, &envelope.base, &cm__encrypted_response__descriptor,
                       &message));
    const Cm__EncryptedResponse *answer = (const Cm__EncryptedResponse *)(const void *)message;
    CAPSA_TRY(check_status(answer->status));
    if (method->answer == NULL) {
        *ret_answer = NULL;
        return CAPSA_OK;
    }
    return open_body(client, answer->message, method->answer, ret_answer);
}
