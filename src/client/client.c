/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls to a manager (client.h): the table of methods, and what both protocols have in common.
 */
#include "client/client.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "client/client_internal.h"

/* ---- methods --------------------------------------------------------------------------------- */

static const struct capsa_client_method_entry methods[] = {
    [CAPSA_CLIENT_CREATE_DATA_KEYS] = {"CreateDataKeys", &cm__create_data_keys_request__descriptor,
                                       .answer = NULL},
    [CAPSA_CLIENT_GET_DATA_KEYS] = {"GetDataKeys", &cm__get_data_keys_request__descriptor,
                                    &cm__get_data_keys_response__descriptor, .releases = true,
                                    .evidence = CAPSA_CLIENT_EVIDENCE_OF_REQUEST},
    [CAPSA_CLIENT_DELETE_DATA_KEY] = {"DeleteDataKey", &cm__delete_data_key_request__descriptor,
                                      .answer = NULL},
    [CAPSA_CLIENT_GET_EXPORT_DATA_KEY] = {"GetExportDataKey",
                                          &cm__get_export_data_key_request__descriptor,
                                          &cm__get_export_data_key_response__descriptor,
                                          .releases = true},
    [CAPSA_CLIENT_REGISTER_CERT] = {"RegisterCert", &cm__register_cert_request__descriptor,
                                    .without_x5c = true},
    [CAPSA_CLIENT_CREATE_DATA_POLICY] = {"CreateDataPolicy",
                                         &cm__create_data_policy_request__descriptor,
                                         .changes_policy = true},
    [CAPSA_CLIENT_LIST_DATA_POLICY] = {"ListDataPolicy", &cm__list_data_policy_request__descriptor,
                                       &cm__list_data_policy_response__descriptor,
                                       .releases = false},
    [CAPSA_CLIENT_ADD_DATA_RULE] = {"AddDataRule", &cm__add_data_rule_request__descriptor,
                                    .changes_policy = true},
    [CAPSA_CLIENT_DELETE_DATA_POLICY] = {"DeleteDataPolicy",
                                         &cm__delete_data_policy_request__descriptor,
                                         .changes_policy = true},
    [CAPSA_CLIENT_DELETE_DATA_RULE] = {"DeleteDataRule", &cm__delete_data_rule_request__descriptor,
                                       .changes_policy = true},
    [CAPSA_CLIENT_CREATE_RESULT_DATA_KEY] = {"CreateResultDataKey",
                                             &cm__create_result_data_key_request__descriptor,
                                             .evidence = CAPSA_CLIENT_EVIDENCE_OF_BODY},
    [CAPSA_CLIENT_GET_TLS_ASSET] = {"GetTlsAsset", &cm__get_tls_asset_request__descriptor,
                                    &cm__get_tls_asset_response__descriptor, .releases = true,
                                    .evidence = CAPSA_CLIENT_EVIDENCE_OF_REQUEST},
    [CAPSA_CLIENT_LIST_AUDIT] = {"ListAudit", &native__list_audit_request__descriptor,
                                 &native__list_audit_response__descriptor, .native_only = true},
    [CAPSA_CLIENT_GET_VOTE_TERMS] = {"GetVoteTerms", &native__vote_terms_request__descriptor,
                                     &native__vote_terms_response__descriptor, .native_only = true},
};

const ProtobufCMessageDescriptor *capsa_client_shape(enum capsa_client_method method)
{
    return methods[method].request;
}

bool capsa_client_changes_policy(enum capsa_client_method method)
{
    return methods[method].changes_policy;
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

/* What would be ignored is refused. */
static capsa_result check_pins(const struct capsa_client_options *options)
{
    CAPSA_REQUIRE(options->original || options->manager == NULL, USAGE,
                  "the native protocol knows a manager by its id, not by a certificate");
    return options->manager_id == NULL ? CAPSA_OK : capsa_manager_id_check(options->manager_id);
}

CAPSA_RESULT capsa_client_new(const struct capsa_client_options *options,
                              struct capsa_client **ret_client)
{
    CAPSA_AUTO_FREE(capsa_client) client = CAPSA_NEW(struct capsa_client);
    CAPSA_REQUIRE_MEMORY(client);
    client->options = *options;
    client->tls_certs_fd = -1;
    client->protocol = options->original ? &capsa_client_original : &capsa_client_native;
    client->clock = options->clock == NULL ? &capsa_clock_system : options->clock;
    CAPSA_TRY(check_pins(options));
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
    capsa_cert_free(client->cert);
    capsa_manager_drop(&client->manager);
    if (client->tls_certs_fd >= 0) {
        (void)close(client->tls_certs_fd);
    }
    capsa_dealloc(client);
}

/* ---- what a manager answers ----------------------------------------------------------------- */

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

CAPSA_RESULT capsa_client_check_status(const Cm__Status *status)
{
    CAPSA_REQUIRE(status != NULL, MALFORMED, "the manager's answer has no status");
    return capsa_client_status(status->code, status->message);
}

/* ---- messages -------------------------------------------------------------------------------- */

static capsa_result transmit(struct capsa_client *client, const char *path, capsa_bytes request,
                             capsa_buf *ret_answer)
{
    const struct capsa_client_transport *transport = client->options.transport;
    return transport == NULL ? capsa_rpc_call_unary(client->rpc, path, request, ret_answer, NULL)
                             : transport->exchange(transport, path, request, ret_answer);
}

CAPSA_RESULT capsa_client_send(struct capsa_client *client, const char *service, const char *name,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *shape,
                               ProtobufCMessage **ret_answer)
{
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_TRY_AT(capsa_protobuf_write(request, &wire), "the request");
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&path, "%s%s", service, name));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&path, &text));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_TRY(transmit(client, text, capsa_buf_bytes(&wire), &answer));
    CAPSA_TRY_AT(
        capsa_protobuf_parse(shape, capsa_buf_bytes(&answer), CAPSA_UNKNOWN_SKIPPED, ret_answer),
        "the manager's answer");
    return CAPSA_OK;
}

/* ---- the manager ----------------------------------------------------------------------------- */

CAPSA_RESULT capsa_client_manager(struct capsa_client *client, const struct capsa_cert **ret_cert)
{
    CAPSA_TRY(client->cert == NULL ? capsa_client_contact(client) : CAPSA_OK);
    *ret_cert = client->cert;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_client_identity(struct capsa_client *client, const capsa_manager **ret_manager)
{
    const struct capsa_cert *cert;
    CAPSA_TRY(capsa_client_manager(client, &cert));
    *ret_manager = client->has_identity ? &client->manager : NULL;
    return CAPSA_OK;
}

bool capsa_client_has_met(const struct capsa_client *client)
{
    return client->has_met;
}

/* A manager whose keys are good now. A client that lives for days asks again. */
static capsa_result prepare(struct capsa_client *client)
{
    if (client->cert != NULL && !capsa_failed(client->protocol->check(client))) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_client_contact(client));
    return client->protocol->check(client);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static capsa_result check_call(const struct capsa_client *client,
                               const struct capsa_client_method_entry *method,
                               const ProtobufCMessage *request, const int64_t *if_version)
{
    bool native = client->protocol == &capsa_client_native;
    CAPSA_REQUIRE(request->descriptor == method->request, USAGE, "%s takes %s, not %s",
                  method->name, method->request->short_name, request->descriptor->short_name);
    CAPSA_REQUIRE(native || !method->native_only, UNSUPPORTED,
                  "%s is a method of the native protocol; the original has none like it",
                  method->name);
    CAPSA_REQUIRE(if_version == NULL || (native && method->changes_policy), UNSUPPORTED,
                  "a version can be asked of policies only, and in the native protocol only");
    CAPSA_REQUIRE(client->options.party != NULL && client->options.party->key != NULL, USAGE,
                  "a request is signed: a certificate and its key are needed");
    return CAPSA_OK;
}

void capsa_client_exchange_drop(capsa_client_exchange *call)
{
    capsa_native_channel_drop(&call->channel);
}

/* With evidence where the request carries it: made for this attempt, and not needed any more. */
static capsa_result seal(struct capsa_client *client, capsa_client_exchange *call,
                         capsa_jwe_out *ret_sealed)
{
    CAPSA_AUTO(capsa_client_attested) attested = {.json_report = {.data = NULL}};
    const ProtobufCMessage *request = call->request;
    CAPSA_TRY(capsa_client_evidence_attach(client, call, &attested));
    capsa_result result = client->protocol->seal(client, call, ret_sealed);
    call->request = request;
    return result;
}

static capsa_result attempt(struct capsa_client *client, capsa_client_exchange *call,
                            ProtobufCMessage **ret_answer)
{
    CAPSA_TRY(prepare(client));
    CAPSA_TRY(capsa_client_log_begin(client, &call->log_size));
    CAPSA_AUTO(capsa_jwe_out) sealed = {0};
    CAPSA_TRY(seal(client, call, &sealed));
    Cm__Jwe jwe = CM__JWE__INIT;
    jwe.protected_header = sealed.protected_header;
    jwe.encrypted_key = sealed.encrypted_key;
    jwe.iv = sealed.iv;
    jwe.ciphertext = sealed.ciphertext;
    jwe.tag = sealed.tag;
    jwe.aad = sealed.aad;
    Cm__EncryptedRequest envelope = CM__ENCRYPTED_REQUEST__INIT;
    envelope.message = &jwe;
    envelope.has_signature = true;
    CAPSA_AUTO_MESSAGE response = NULL;
    CAPSA_TRY(capsa_client_send(client, client->protocol->service, call->method->name,
                                &envelope.base, &cm__encrypted_response__descriptor, &response));
    return client->protocol->open(
        client, call, (const Cm__EncryptedResponse *)(const void *)response, ret_answer);
}

/* A manager that has changed its keys meanwhile is asked for them once. That it does not know the
 * key anybody can have written, who let the request through: so the second attempt is the same
 * request, which is done once.
 */
static capsa_result attempt_twice(struct capsa_client *client, capsa_client_exchange *call,
                                  ProtobufCMessage **ret_answer)
{
    capsa_result result = attempt(client, call, ret_answer);
    if (!call->key_unknown) {
        return result;
    }
    capsa_client_exchange_drop(call);
    call->key_unknown = false;
    CAPSA_TRY(capsa_client_contact(client));
    return attempt(client, call, ret_answer);
}

CAPSA_RESULT capsa_client_call_with(struct capsa_client *client, enum capsa_client_method number,
                                    const ProtobufCMessage *request, const int64_t *if_version,
                                    struct capsa_client_outcome *ret_outcome,
                                    ProtobufCMessage **ret_answer)
{
    struct capsa_client_outcome unwanted = {.has_leaf = false};
    struct capsa_client_outcome *outcome = ret_outcome == NULL ? &unwanted : ret_outcome;
    *outcome = (struct capsa_client_outcome){.has_leaf = false};
    CAPSA_TRY(check_call(client, &methods[number], request, if_version));
    CAPSA_AUTO(capsa_client_exchange)
    call = {.method = &methods[number],
            .request = request,
            .if_version = if_version,
            .outcome = outcome};
    CAPSA_TRY(capsa_random(call.jti, sizeof(call.jti)));
    return attempt_twice(client, &call, ret_answer);
}

CAPSA_RESULT capsa_client_call(struct capsa_client *client, enum capsa_client_method method,
                               const ProtobufCMessage *request, ProtobufCMessage **ret_answer)
{
    return capsa_client_call_with(client, method, request, NULL, NULL, ret_answer);
}
