/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_requests.h. A new kind of envelope is a function and a line of `kinds`.
 */
#include "bench_requests.h"

#include "base/time.h"
#include "client/client.h"
#include "client/client_manager.h"
#include "codec/protobuf.h"
#include "envelope/envelope_jws.h"

#define ORIGINAL "/secretflowapis.v2.sdc.capsule_manager.CapsuleManager/"
#define NATIVE   "/capsa.v1.Manager/"

/* ---- messages -------------------------------------------------------------------------------- */

static capsa_result create_json(const bench_scene *scene, size_t index, capsa_buf *json)
{
    char uri[BENCH_NAME], key[] = BENCH_KEY, owner[CAPSA_PARTY_ID];
    bench_uri(scene->party_type, index, uri);
    memcpy(owner, scene->party->id, sizeof(owner));
    Cm__DataKey data_key = CM__DATA_KEY__INIT;
    data_key.resource_uri = uri;
    data_key.data_key_b64 = key;
    Cm__DataKey *keys[] = {&data_key};
    Cm__CreateDataKeysRequest request = CM__CREATE_DATA_KEYS_REQUEST__INIT;
    request.owner_party_id = owner;
    request.data_keys = keys;
    request.n_data_keys = 1;
    return capsa_protojson_write(&request.base, CAPSA_PROTOJSON_MINIMAL, json);
}

static capsa_result get_json(const bench_scene *scene, size_t index, capsa_buf *json)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_party_cert(scene->party, &pem));
    CAPSA_TRY(capsa_buf_u8(&pem, '\0'));
    char uri[BENCH_NAME], scope[] = BENCH_SCOPE, op[] = BENCH_OP, column[] = "*";
    char initiator[CAPSA_PARTY_ID];
    bench_uri(scene->party_type, index, uri);
    memcpy(initiator, scene->party->id, sizeof(initiator));
    char *columns[] = {column};
    Cm__ResourceRequest__Resource resource = CM__RESOURCE_REQUEST__RESOURCE__INIT;
    resource.resource_uri = uri;
    resource.columns = columns;
    resource.n_columns = 1;
    Cm__ResourceRequest__Resource *resources[] = {&resource};
    Cm__ResourceRequest asked = CM__RESOURCE_REQUEST__INIT;
    asked.initiator_party_id = initiator;
    asked.scope = scope;
    asked.op_name = op;
    asked.resources = resources;
    asked.n_resources = 1;
    Cm__GetDataKeysRequest request = CM__GET_DATA_KEYS_REQUEST__INIT;
    request.cert = (char *)pem.data;
    request.resource_request = &asked;
    return capsa_protojson_write(&request.base, CAPSA_PROTOJSON_MINIMAL, json);
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static capsa_result write_outer(const capsa_jwe_out *jwe, capsa_buf *ret_request)
{
    Cm__Jwe inner = CM__JWE__INIT;
    inner.protected_header = jwe->protected_header;
    inner.encrypted_key = jwe->encrypted_key;
    inner.iv = jwe->iv;
    inner.ciphertext = jwe->ciphertext;
    inner.tag = jwe->tag;
    inner.aad = jwe->aad;
    Cm__EncryptedRequest outer = CM__ENCRYPTED_REQUEST__INIT;
    outer.message = &inner;
    outer.has_signature = true;
    return capsa_protobuf_write(&outer.base, ret_request);
}

static capsa_result seal_original(const bench_scene *scene, const char *method, capsa_bytes json,
                                  bench_request *ret_request)
{
    (void)method; /* this protocol does not say inside for which method a request is */
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_jwe_out) jwe = {.iv = NULL};
    CAPSA_TRY(capsa_jws_make(scene->party->key, &scene->party->chain, json, &jws));
    CAPSA_TRY(capsa_jwe_seal(scene->envelope_key, CAPSA_JWE_RSA_OAEP_256, CAPSA_JWE_A128GCM,
                             capsa_buf_bytes(&jws), &jwe));
    return write_outer(&jwe, &ret_request->bytes);
}

static capsa_result check_original(const bench_request *request,
                                   const Cm__EncryptedResponse *response)
{
    (void)request;
    CAPSA_REQUIRE(response->status != NULL, MALFORMED, "an answer without a status");
    return capsa_client_status(response->status->code, response->status->message);
}

static capsa_result seal_native(const bench_scene *scene, const char *method, capsa_bytes json,
                                bench_request *ret_request)
{
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_jwe_out) jwe = {.iv = NULL};
    struct capsa_jws_claims claims = {
        .aud = scene->manager_id, .method = method, .iat = capsa_now(&capsa_clock_system)};
    CAPSA_TRY(capsa_random(claims.jti, sizeof(claims.jti)));
    CAPSA_TRY(capsa_jws_make_native(scene->party->key, &scene->party->chain, &claims, json, &jws));
    CAPSA_TRY(
        capsa_native_seal(scene->envelope_key, capsa_buf_bytes(&jws), &jwe, &ret_request->channel));
    return write_outer(&jwe, &ret_request->bytes);
}

static capsa_result check_native(const bench_request *request,
                                 const Cm__EncryptedResponse *response)
{
    const Cm__Jwe *inner = response->message;
    if (inner == NULL) {
        return check_original(request, response);
    }
    if (request->channel.response_key == NULL) {
        return CAPSA_OK;
    }
    const struct capsa_jwe jwe = {inner->protected_header, inner->encrypted_key, inner->iv,
                                  inner->ciphertext,       inner->tag,           inner->aad};
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_native_answer_open(&request->channel, &jwe, &json));
    CAPSA_TRY(capsa_protojson_parse(&native__answer__descriptor, capsa_buf_bytes(&json),
                                    CAPSA_UNKNOWN_REFUSED, &message));
    const Cm__Status *status = ((const Native__Answer *)message)->status;
    return status == NULL ? CAPSA_OK : capsa_client_status(status->code, status->message);
}

static const struct bench_kind kinds[] = {
    {"rsa", ORIGINAL, "rsa", CAPSA_KEY_RSA, 700, seal_original, check_original},
    {"p256", NATIVE, "p256", CAPSA_KEY_P256, 6000, seal_native, check_native},
    {"x25519", NATIVE, "p256", CAPSA_KEY_X25519, 8000, seal_native, check_native},
};

const struct bench_kind *bench_kind_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (capsa_streq(name, kinds[i].name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- the manager ----------------------------------------------------------------------------- */

static capsa_result take_key(const struct bench_kind *kind, const Native__ManagerInfo *info,
                             bench_scene *scene)
{
    for (size_t i = 0; i < info->n_keys; i++) {
        const ProtobufCBinaryData spki = info->keys[i]->spki;
        CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
        CAPSA_TRY(capsa_public_key_parse(capsa_bytes_of(spki.data, spki.len), &key));
        if (capsa_public_key_kind(key) == kind->kind) {
            scene->envelope_key = key;
            key = NULL;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(NOT_FOUND, "the manager has no key for %s", kind->name);
}

static capsa_result read_info(const struct bench_kind *kind, const struct capsa_cert *cert,
                              bench_scene *scene)
{
    CAPSA_AUTO(capsa_manager) manager = {.info = NULL};
    CAPSA_TRY(capsa_manager_of_cert(cert, &manager));
    memcpy(scene->manager_id, manager.id, sizeof(scene->manager_id));
    return take_key(kind, manager.info, scene);
}

CAPSA_RESULT bench_scene_open(const struct bench_kind *kind, const char *target, bench_scene *scene)
{
    const struct capsa_client_options options = {.target = target, .party = scene->party};
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    const struct capsa_cert *cert;
    CAPSA_TRY(capsa_client_new(&options, &client));
    CAPSA_TRY(capsa_client_manager(client, &cert));
    return read_info(kind, cert, scene);
}

void bench_scene_drop(bench_scene *scene)
{
    capsa_public_key_free(scene->envelope_key);
    scene->envelope_key = NULL;
}

/* ---- both ------------------------------------------------------------------------------------ */

CAPSA_RESULT bench_request_make(const struct bench_kind *kind, const bench_scene *scene,
                                const char *method, size_t index, bench_request *ret_request)
{
    static const struct {
        const char *method;
        capsa_result (*json)(const bench_scene *, size_t, capsa_buf *);
    } makers[] = {{"CreateDataKeys", create_json}, {"GetDataKeys", get_json}};
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        if (capsa_streq(method, makers[i].method)) {
            CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(256));
            CAPSA_TRY(makers[i].json(scene, index, &json));
            ret_request->bytes = capsa_buf_of(MIB(1));
            return kind->seal(scene, method, capsa_buf_bytes(&json), ret_request);
        }
    }
    CAPSA_FAIL(USAGE, "\"%s\": CreateDataKeys and GetDataKeys can be measured", method);
}

void bench_request_drop(bench_request *request)
{
    capsa_buf_drop(&request->bytes);
    capsa_native_channel_drop(&request->channel);
}

CAPSA_RESULT bench_answer_check(const struct bench_kind *kind, const bench_request *request,
                                capsa_bytes answer)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&cm__encrypted_response__descriptor, answer,
                                   CAPSA_UNKNOWN_SKIPPED, &message));
    return kind->check(request, (const Cm__EncryptedResponse *)message);
}
