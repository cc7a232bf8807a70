/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_requests.h. A new kind of envelope is a function and a line of `kinds`.
 */
#include "bench_requests.h"

#include "base/limits.h"
#include "codec/protobuf.h"
#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"

#define ORIGINAL "/secretflowapis.v2.sdc.capsule_manager.CapsuleManager/"

/* ---- messages -------------------------------------------------------------------------------- */

static capsa_result create_json(const struct bench_scene *scene, size_t index, capsa_buf *json)
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

static capsa_result get_json(const struct bench_scene *scene, size_t index, capsa_buf *json)
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

static capsa_result seal_original(const struct bench_scene *scene, const char *method,
                                  capsa_bytes json, capsa_buf *ret_request)
{
    (void)method; /* this protocol does not say inside for which method a request is */
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_jwe_out) jwe = {.iv = NULL};
    CAPSA_TRY(capsa_jws_make(scene->party->key, &scene->party->chain, json, &jws));
    CAPSA_TRY(capsa_jwe_seal(capsa_cert_key(scene->manager), CAPSA_JWE_RSA_OAEP_256,
                             CAPSA_JWE_A128GCM, capsa_buf_bytes(&jws), &jwe));
    return write_outer(&jwe, ret_request);
}

static const struct bench_kind kinds[] = {
    {"rsa", ORIGINAL, "rsa", false, seal_original},
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

CAPSA_RESULT bench_request_make(const struct bench_kind *kind, const struct bench_scene *scene,
                                const char *method, size_t index, capsa_buf *ret_request)
{
    static const struct {
        const char *method;
        capsa_result (*json)(const struct bench_scene *, size_t, capsa_buf *);
    } makers[] = {{"CreateDataKeys", create_json}, {"GetDataKeys", get_json}};
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        if (capsa_streq(method, makers[i].method)) {
            CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(256));
            CAPSA_TRY(makers[i].json(scene, index, &json));
            return kind->seal(scene, method, capsa_buf_bytes(&json), ret_request);
        }
    }
    CAPSA_FAIL(USAGE, "\"%s\": CreateDataKeys and GetDataKeys can be measured", method);
}

bool bench_answer_is_success(capsa_bytes answer)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    if (capsa_failed(capsa_protobuf_parse(&cm__encrypted_response__descriptor, answer,
                                          CAPSA_UNKNOWN_SKIPPED, &message))) {
        return false;
    }
    /* The native protocol says all in the envelope, and a status only where it cannot be opened. */
    const Cm__Status *status = ((const Cm__EncryptedResponse *)message)->status;
    return status == NULL || status->code == 0;
}
