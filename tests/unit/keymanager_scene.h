/* SPDX-License-Identifier: Apache-2.0
 *
 * A key manager over a sealed memory store, four parties, and a client that speaks real envelopes:
 * what test_keymanager*.c have in common. Not every test uses every function.
 */
#pragma once

#include "unit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/protobuf.h"
#include "codec/text.h"
#include "crypto/crypto.h"
#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"
#include "envelope/envelope_native.h"
#include "keymanager/keymanager.h"
#include "keymanager/keymanager_vote.h"
#include "ledger/ledger.h"
#include "rpc/rpc_method.h"
#include "wire/capsa.pb-c.h"
#include "wire/capsule_manager.pb-c.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

#define NOW      1780000000
#define KEY_B64  "AAECAwQFBgcICQoLDA0ODw=="
#define KEY2_B64 "EBESExQVFhcYGRobHB0eHw=="

struct party {
    struct capsa_private_key *key;
    capsa_chain chain;
    char id[CAPSA_PARTY_ID];
    char *pem;
};

/* Keys take long to make: one set for all tests. */
static struct party alice, bob, carol, mallory;
static struct capsa_clock test_clock;

struct house {
    struct capsa_ledger *ledger;
    struct capsa_keymanager *manager;
    struct capsa_rpc_method *methods;
    struct capsa_cert *cert;
};

static void party_make(struct party *party)
{
    assert_ok(capsa_private_key_new_rsa(2048, &party->key));
    const struct capsa_cert_request request = {.not_before = NOW - 100, .not_after = NOW + 1000000};
    struct capsa_cert *cert;
    assert_ok(capsa_cert_self_sign(party->key, &request, &cert));
    party->chain.certs[0] = cert;
    party->chain.count = 1;
    assert_ok(capsa_cert_party_id(cert, party->id));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(64));
    assert_ok(capsa_cert_write_pem(cert, &pem));
    assert_ok(capsa_buf_take_str(&pem, &party->pem));
}

static void party_free(struct party *party)
{
    capsa_private_key_free(party->key);
    capsa_chain_drop(&party->chain);
    capsa_dealloc(party->pem);
}

static void house_learn_cert(struct house *house);

static void house_methods(struct house *house)
{
    house->methods = capsa_alloc_array(capsa_keymanager_method_count(), sizeof(*house->methods));
    assert_non_null(house->methods);
    capsa_keymanager_methods(house->manager, house->methods);
}

static void house_open_on(struct house *house, struct capsa_keymanager_options options)
{
    options.ledger = house->ledger;
    options.clock = &test_clock;
    options.rsa_bits = 2048;
    assert_ok(capsa_keymanager_new(&options, &house->manager));
    house_methods(house);
}

/* A manager over the house's ledger that somebody else made. */
static void house_adopt(struct house *house, struct capsa_keymanager *manager)
{
    house->manager = manager;
    house_methods(house);
    house_learn_cert(house);
}

/* The ledger that a house stands on. */
static struct capsa_ledger_options ledger_options(const char *location, const char *root_key_path)
{
    static const char *const insecure[] = {"insecure_claimed_initiator", "insecure_client_env",
                                           "insecure_empty_columns_pass", NULL};
    return (struct capsa_ledger_options){.location = location,
                                         .root_key_path = root_key_path,
                                         .mode = "simulation",
                                         .insecure = insecure,
                                         .clock = &test_clock};
}

static const struct capsa_rpc_method *method_of(const struct house *house, const char *service,
                                                const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "/%s/%s", service, name);
    for (size_t i = 0; i < capsa_keymanager_method_count(); i++) {
        if (capsa_streq(house->methods[i].path, path)) {
            return &house->methods[i];
        }
    }
    fail_msg("no method %s", path);
    abort();
}

static const struct capsa_rpc_method *method_find(const struct house *house, const char *name)
{
    return method_of(house, CAPSA_KEYMANAGER_SERVICE, name);
}

static void ask_method(const struct capsa_rpc_method *method, capsa_bytes request,
                       capsa_buf *answer)
{
    const struct capsa_rpc_call call = {.method = method->path,
                                        .request = request,
                                        .peer = "test",
                                        .deadline_us = CAPSA_RPC_NO_DEADLINE};
    assert_ok(method->handler(method->context, &call, answer));
}

static void ask(const struct house *house, const char *name, capsa_bytes request, capsa_buf *answer)
{
    ask_method(method_find(house, name), request, answer);
}

static void house_learn_cert(struct house *house)
{
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    ask(house, "GetRaCert", CAPSA_BYTES_LITERAL(""), &answer);
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(&cm__get_ra_cert_response__descriptor, capsa_buf_bytes(&answer),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Cm__GetRaCertResponse *response = (const Cm__GetRaCertResponse *)message;
    assert_int_equal(response->status->code, 0);
    assert_ok(capsa_cert_parse_pem(capsa_bytes_str(response->cert), &house->cert));
}

static void house_open(struct house *house, struct capsa_keymanager_options options)
{
    *house = (struct house){.ledger = NULL};
    const struct capsa_ledger_options ledger = ledger_options("memory:", NULL);
    assert_ok(capsa_ledger_open(&ledger, &house->ledger));
    house_open_on(house, options);
    house_learn_cert(house);
}

static void house_stop(struct house *house)
{
    capsa_keymanager_free(house->manager);
    capsa_dealloc(house->methods);
    capsa_cert_free(house->cert);
    house->cert = NULL;
}

static void house_close(struct house *house)
{
    house_stop(house);
    capsa_ledger_free(house->ledger);
}

/* ---- a client -------------------------------------------------------------------------------- */

/* The message EncryptedRequest around a sealed JWS. */
static void wrap_request(const capsa_jwe_out *jwe, capsa_buf *ret_request)
{
    Cm__Jwe inner = CM__JWE__INIT;
    inner.protected_header = jwe->protected_header;
    inner.encrypted_key = jwe->encrypted_key;
    inner.iv = jwe->iv;
    inner.ciphertext = jwe->ciphertext;
    inner.tag = jwe->tag;
    inner.aad = jwe->aad;
    Cm__EncryptedRequest request = CM__ENCRYPTED_REQUEST__INIT;
    request.message = &inner;
    request.has_signature = true;
    assert_ok(capsa_protobuf_write(&request.base, ret_request));
}

static void wrap(const struct house *house, const struct party *signer, bool with_x5c,
                 const char *json, capsa_buf *ret_request)
{
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(MIB(4));
    assert_ok(
        capsa_jws_make(signer->key, with_x5c ? &signer->chain : NULL, capsa_bytes_str(json), &jws));
    CAPSA_AUTO(capsa_jwe_out) jwe = {.iv = NULL};
    assert_ok(capsa_jwe_seal(capsa_cert_key(house->cert), CAPSA_JWE_RSA_OAEP, CAPSA_JWE_A128GCM,
                             capsa_buf_bytes(&jws), &jwe));
    wrap_request(&jwe, ret_request);
}

/* The in-band status; the answer's JSON in `ret_json` (may be NULL), its text in `status_text`. */
static char status_text[CAPSA_ERROR_TEXT];

static int call_signed(const struct house *house, const char *name, const struct party *signer,
                       bool with_x5c, const char *json, struct capsa_json **ret_json)
{
    CAPSA_AUTO(capsa_buf) request = capsa_buf_of(MIB(4));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(4));
    wrap(house, signer, with_x5c, json, &request);
    ask(house, name, capsa_buf_bytes(&request), &answer);
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(&cm__encrypted_response__descriptor, capsa_buf_bytes(&answer),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Cm__EncryptedResponse *response = (const Cm__EncryptedResponse *)message;
    (void)snprintf(status_text, sizeof(status_text), "%s", response->status->message);
    if (response->message != NULL && ret_json != NULL) {
        const struct capsa_jwe jwe = {response->message->protected_header,
                                      response->message->encrypted_key,
                                      response->message->iv,
                                      response->message->ciphertext,
                                      response->message->tag,
                                      response->message->aad};
        CAPSA_AUTO(capsa_jwe_parsed) parsed = {.iv = {NULL, 0, 0, 0}};
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
        assert_ok(capsa_jwe_parse(&jwe, &parsed));
        assert_ok(capsa_jwe_open(&parsed, signer->key, &text));
        assert_ok(capsa_json_parse(capsa_buf_bytes(&text), ret_json));
    }
    return response->status->code;
}

static int call(const struct house *house, const char *name, const struct party *signer,
                const char *json)
{
    return call_signed(house, name, signer, true, json, NULL);
}

static const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Formatted text, good until four more were made. */
static const char *text(const char *format, ...)
{
    static char texts[4][16384];
    static unsigned next;
    char *room = texts[next++ % 4];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(room, sizeof(texts[0]), format, arguments);
    va_end(arguments);
    assert_true(len > 0 && (size_t)len < sizeof(texts[0]));
    return room;
}

static int register_key(const struct house *house, const struct party *owner, const char *uri,
                        const char *key)
{
    return call(house, "CreateDataKeys", owner,
                text("{\"owner_party_id\":\"%s\",\"data_keys\":[{\"resource_uri\":\"%s\","
                     "\"data_key_b64\":\"%s\"}]}",
                     owner->id, uri, key));
}

static int grant(const struct house *house, const struct party *owner, const char *uuid,
                 const struct party *grantee, const char *op, const char *columns)
{
    return call(house, "CreateDataPolicy", owner,
                text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"policy\":{\"data_uuid\":"
                     "\"%s\",\"rules\":[{\"rule_id\":\"r1\",\"grantee_party_ids\":[\"%s\"],"
                     "\"columns\":%s,\"op_constraints\":[{\"op_name\":\"%s\"}]}]}}",
                     owner->id, uuid, grantee->id, columns, op));
}

/* A request for keys, of GetDataKeys or GetTlsAsset, as JSON. */
static void key_request(const struct party *job, const char *scope, const char *op,
                        const char *resources, capsa_buf *ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) request = capsa_json_new_object();
    CAPSA_AUTO_FREE(capsa_json) list = NULL;
    assert_ok(capsa_json_parse(capsa_bytes_str(resources), &list));
    struct capsa_json *inner = capsa_json_new_object();
    assert_ok(capsa_json_set(inner, "initiator_party_id", capsa_json_new_string(job->id)));
    assert_ok(capsa_json_set(inner, "scope", capsa_json_new_string(scope)));
    assert_ok(capsa_json_set(inner, "op_name", capsa_json_new_string(op)));
    assert_ok(capsa_json_set(inner, "resources", capsa_json_copy(list)));
    assert_ok(capsa_json_set(request, "cert", capsa_json_new_string(job->pem)));
    assert_ok(capsa_json_set(request, "resource_request", inner));
    assert_ok(capsa_json_write(request, CAPSA_JSON_COMPACT, ret_json));
}

static int get_keys(const struct house *house, const struct party *job, const char *op,
                    const char *resources, struct capsa_json **ret_json)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
    const char *json_text;
    key_request(job, "default", op, resources, &json);
    assert_ok(capsa_buf_cstr(&json, &json_text));
    return call_signed(house, "GetDataKeys", job, true, json_text, ret_json);
}

static int register_result(const struct house *house, const struct party *job, const char *uri,
                           const char *ancestors)
{
    return call(house, "CreateResultDataKey", job,
                text("{\"body\":{\"owner_id\":\"\",\"resource_uri\":\"%s\",\"scope\":\"default\","
                     "\"data_key_b64\":\"" KEY2_B64 "\",\"ancestor_uuids\":%s}}",
                     uri, ancestors));
}

#define BOTH                                                                                       \
    "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]},{\"resource_uri\":\"b\",\"columns\":[\"y\"]}]"

/* Alice's "a" and Bob's "b", both granted to Carol for "join". */
static void furnish(const struct house *house)
{
    assert_int_equal(register_key(house, &alice, "a", KEY_B64), 0);
    assert_int_equal(register_key(house, &bob, "b", KEY2_B64), 0);
    assert_int_equal(grant(house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    assert_int_equal(grant(house, &bob, "b", &carol, "join", "[\"y\"]"), 0);
}

/* ---- votes ----------------------------------------------------------------------------------- */

static struct capsa_json *chain_json(const struct party *const *links, size_t count)
{
    struct capsa_json *chain = capsa_json_new_array();
    for (size_t i = 0; i < count; i++) {
        assert_ok(capsa_json_push(chain, capsa_json_new_string(links[i]->pem)));
    }
    return chain;
}

/* {"cert_chain", "body", SIGNATURE_NAME}: body and body || suffix signed by `signer`. */
static struct capsa_json *statement(const struct party *signer, const struct party *const *links,
                                    size_t count, const char *body, const char *suffix,
                                    const char *signature_name)
{
    CAPSA_AUTO(capsa_buf) b64 = capsa_buf_of(KIB(16));
    CAPSA_AUTO(capsa_buf) input = capsa_buf_of(KIB(16));
    CAPSA_AUTO(capsa_buf) raw = capsa_buf_of(KIB(16));
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(KIB(16));
    const char *b64_text, *signature_text;
    assert_ok(capsa_base64_write(capsa_bytes_str(body), CAPSA_BASE64_STD, &b64));
    assert_ok(capsa_buf_append(&input, capsa_buf_bytes(&b64)));
    assert_ok(capsa_buf_str(&input, suffix));
    assert_ok(capsa_sign(signer->key, CAPSA_RS256, capsa_buf_bytes(&input), &raw));
    assert_ok(capsa_base64_write(capsa_buf_bytes(&raw), CAPSA_BASE64_STD, &signature));
    assert_ok(capsa_buf_cstr(&b64, &b64_text));
    assert_ok(capsa_buf_cstr(&signature, &signature_text));
    struct capsa_json *value = capsa_json_new_object();
    assert_ok(capsa_json_set(value, "cert_chain", chain_json(links, count)));
    assert_ok(capsa_json_set(value, "body", capsa_json_new_string(b64_text)));
    assert_ok(capsa_json_set(value, signature_name, capsa_json_new_string(signature_text)));
    return value;
}

struct ballot {
    const struct party *signer;
    const struct party *links[2];
    size_t count;
    const char *action;
};

static int export(const struct house *house, const struct party *requester, const char *uri,
                  const char *voted_uri, int threshold, const struct ballot *ballots, size_t count,
                  struct capsa_json **ret_json)
{
    const struct party *own[] = {requester};
    CAPSA_AUTO_FREE(capsa_json) votes = capsa_json_new_object();
    struct capsa_json *asked =
        statement(requester, own, 1,
                  text("{\"type\": \"TEE_DOWNLOAD\", \"approved_threshold\": %d, "
                       "\"approved_action\": \"tee/download,%s\"}",
                       threshold, voted_uri),
                  "", "vote_request_signature");
    CAPSA_AUTO(capsa_buf) suffix = capsa_buf_of(KIB(8));
    const char *suffix_text;
    assert_ok(
        capsa_buf_str(&suffix, capsa_json_string(capsa_json_get(asked, "vote_request_signature"))));
    assert_ok(capsa_buf_cstr(&suffix, &suffix_text));
    struct capsa_json *invites = capsa_json_new_array();
    for (size_t i = 0; i < count; i++) {
        assert_ok(capsa_json_push(invites,
                                  statement(ballots[i].signer, ballots[i].links, ballots[i].count,
                                            text("{\"action\": \"%s\"}", ballots[i].action),
                                            suffix_text, "voter_signature")));
    }
    assert_ok(capsa_json_set(votes, "vote_request", asked));
    assert_ok(capsa_json_set(votes, "vote_invite", invites));
    CAPSA_AUTO(capsa_buf) votes_json = capsa_buf_of(KIB(64));
    const char *votes_text;
    assert_ok(capsa_json_write(votes, CAPSA_JSON_COMPACT, &votes_json));
    assert_ok(capsa_buf_cstr(&votes_json, &votes_text));
    CAPSA_AUTO_FREE(capsa_json) request = capsa_json_new_object();
    assert_ok(capsa_json_set(request, "request_party_id", capsa_json_new_string(requester->id)));
    assert_ok(capsa_json_set(request, "resource_uri", capsa_json_new_string(uri)));
    assert_ok(
        capsa_json_set(request, "data_export_certificate", capsa_json_new_string(votes_text)));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(256));
    const char *json_text;
    assert_ok(capsa_json_write(request, CAPSA_JSON_COMPACT, &json));
    assert_ok(capsa_buf_cstr(&json, &json_text));
    return call_signed(house, "GetExportDataKey", requester, true, json_text, ret_json);
}

static int parties_make(void **state)
{
    (void)state;
    test_clock = capsa_clock_at(NOW);
    party_make(&alice);
    party_make(&bob);
    party_make(&carol);
    party_make(&mallory);
    return 0;
}

static int parties_free(void **state)
{
    (void)state;
    party_free(&alice);
    party_free(&bob);
    party_free(&carol);
    party_free(&mallory);
    return 0;
}

#pragma GCC diagnostic pop
