/* SPDX-License-Identifier: Apache-2.0
 *
 * A native client for tests of the key manager, on keymanager_scene.h: every layer of a request can
 * be made wrong, and every layer of an answer is checked.
 */
#pragma once

#include "keymanager_scene.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

/* What the manager announces of itself: the keys are borrowed from `info`. */
struct announced {
    Native__ManagerInfo *info;
    Native__Genesis *genesis;
    char id[CAPSA_MANAGER_ID];
};

#define INFO_OID "1.2.840.113556.1.8000.2554.35527.355.40132.19456.35205.9612017.2054100"

static void announced_learn(const struct house *house, struct announced *ret)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(64));
    assert_ok(capsa_cert_extension(house->cert, INFO_OID, &content));
    CAPSA_AUTO_MESSAGE outer = NULL;
    assert_ok(capsa_protobuf_parse(&native__signed_manager_info__descriptor,
                                   capsa_buf_bytes(&content), CAPSA_UNKNOWN_REFUSED, &outer));
    const Native__SignedManagerInfo *signed_info = (const Native__SignedManagerInfo *)outer;
    ProtobufCMessage *info = NULL;
    assert_ok(capsa_protobuf_parse(&native__manager_info__descriptor,
                                   capsa_bytes_of(signed_info->info.data, signed_info->info.len),
                                   CAPSA_UNKNOWN_REFUSED, &info));
    ret->info = (Native__ManagerInfo *)info;
    capsa_bytes genesis = capsa_bytes_of(ret->info->genesis.data, ret->info->genesis.len);
    assert_ok(capsa_genesis_parse(genesis, &ret->genesis));
    capsa_genesis_id(genesis, ret->id);
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(KIB(64));
    assert_ok(capsa_buf_str(&message, "capsa manager info v1\n"));
    assert_ok(
        capsa_buf_append(&message, capsa_bytes_of(signed_info->info.data, signed_info->info.len)));
    assert_ok(capsa_ed25519_check(
        ret->genesis->announce_key.data, capsa_buf_bytes(&message),
        capsa_bytes_of(signed_info->signature.data, signed_info->signature.len)));
}

static void announced_free(struct announced *announced)
{
    capsa_message_free(&announced->info->base);
    capsa_message_free(&announced->genesis->base);
}

/* The announced native key on a curve. */
static struct capsa_public_key *announced_key(const struct announced *announced,
                                              enum capsa_key_kind kind)
{
    for (size_t i = 0; i < announced->info->n_keys; i++) {
        const Native__ManagerInfo__EnvelopeKey *each = announced->info->keys[i];
        struct capsa_public_key *key;
        assert_ok(capsa_public_key_parse(capsa_bytes_of(each->spki.data, each->spki.len), &key));
        if (capsa_public_key_kind(key) == kind) {
            return key;
        }
        capsa_public_key_free(key);
    }
    fail_msg("no key of that kind is announced");
    abort();
}

/* One request. What is zero or NULL is as it should be. */
struct native_request {
    const char *method; /* that it is sent to */
    const struct party *signer;
    const char *json;
    enum capsa_key_kind kind; /* CAPSA_KEY_RSA (0): X25519 */
    const char *aud, *claimed_method;
    capsa_time iat;
    const uint8_t *jti;
    bool has_version;
    int64_t version;
    const struct announced *sealed_to; /* an older announcement */
};

/* The answer. `code` -1: not sealed, and `outer` is the status in the clear. */
struct native_answer {
    int code, outer;
    char text[CAPSA_ERROR_TEXT];
    char decision[64];
    struct capsa_json *body; /* or NULL */
    bool has_leaf;
    struct capsa_audit_leaf leaf;
    struct capsa_checkpoint checkpoint;
    uint64_t index;
};

static void native_answer_free(struct native_answer *answer)
{
    capsa_json_free(answer->body);
    answer->body = NULL;
}

static void native_wrap(const struct announced *announced, const struct native_request *request,
                        capsa_buf *ret_request, capsa_native_channel *ret_channel)
{
    struct capsa_jws_claims claims = {
        .aud = request->aud == NULL ? announced->id : request->aud,
        .method = request->claimed_method == NULL ? request->method : request->claimed_method,
        .iat = request->iat == 0 ? test_clock.fixed : request->iat,
        .has_version = request->has_version,
        .version = request->version,
    };
    if (request->jti != NULL) {
        memcpy(claims.jti, request->jti, sizeof(claims.jti));
    } else {
        assert_ok(capsa_random(claims.jti, sizeof(claims.jti)));
    }
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(MIB(4));
    assert_ok(capsa_jws_make_native(request->signer->key, &request->signer->chain, &claims,
                                    capsa_bytes_str(request->json), &jws));
    CAPSA_AUTO_FREE(capsa_public_key)
    key = announced_key(request->sealed_to == NULL ? announced : request->sealed_to,
                        request->kind == CAPSA_KEY_RSA ? CAPSA_KEY_X25519 : request->kind);
    CAPSA_AUTO(capsa_jwe_out) jwe = {.iv = NULL};
    assert_ok(capsa_native_seal(key, capsa_buf_bytes(&jws), &jwe, ret_channel));
    wrap_request(&jwe, ret_request);
}

static void native_check_leaf(const Native__Answer *message, struct native_answer *answer)
{
    uint8_t hash[CAPSA_TREE_HASH];
    capsa_bytes bytes = capsa_bytes_of(message->leaf.data, message->leaf.len);
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
    answer->has_leaf = true;
    assert_non_null(message->proof);
    assert_ok(capsa_audit_leaf_parse(bytes, &answer->leaf));
    for (size_t i = 0; i < message->proof->n_hashes; i++) {
        assert_ok(capsa_buf_append(&hashes, capsa_bytes_of(message->proof->hashes[i].data,
                                                           message->proof->hashes[i].len)));
    }
    answer->index = (uint64_t)message->proof->index;
    capsa_tree_leaf_hash(bytes, hash);
    assert_ok(capsa_tree_inclusion_check(hash, answer->index, answer->checkpoint.size,
                                         capsa_buf_bytes(&hashes), answer->checkpoint.root));
    char id[CAPSA_AUDIT_ID_TEXT];
    capsa_audit_id_text(answer->leaf.decision_id, id);
    assert_string_equal(id, answer->decision);
}

static void native_read(const struct announced *announced, const capsa_native_channel *channel,
                        const Cm__Jwe *jwe, struct native_answer *answer)
{
    const struct capsa_jwe form = {jwe->protected_header, jwe->encrypted_key, jwe->iv,
                                   jwe->ciphertext,       jwe->tag,           jwe->aad};
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_native_answer_open(channel, &form, &text));
    assert_ok(capsa_protojson_parse(&native__answer__descriptor, capsa_buf_bytes(&text),
                                    CAPSA_UNKNOWN_REFUSED, &message));
    const Native__Answer *inner = (const Native__Answer *)message;
    answer->code = inner->status->code;
    (void)snprintf(answer->text, sizeof(answer->text), "%s", inner->status->message);
    (void)snprintf(answer->decision, sizeof(answer->decision), "%s", inner->decision_id);
    assert_ok(capsa_checkpoint_open(capsa_bytes_str(inner->checkpoint), announced->id,
                                    announced->genesis->audit_key.data, &answer->checkpoint));
    if (inner->leaf.len > 0) {
        native_check_leaf(inner, answer);
    }
    if (*inner->body != '\0') {
        assert_ok(capsa_json_parse(capsa_bytes_str(inner->body), &answer->body));
    }
}

/* Send bytes that were made before; the channel is their sender's. */
static void native_send(const struct house *house, const struct announced *announced,
                        const char *method, capsa_bytes request,
                        const capsa_native_channel *channel, struct native_answer *ret)
{
    *ret = (struct native_answer){.code = -1};
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(4));
    CAPSA_AUTO_MESSAGE message = NULL;
    ask_method(method_of(house, CAPSA_KEYMANAGER_NATIVE_SERVICE, method), request, &bytes);
    assert_ok(capsa_protobuf_parse(&cm__encrypted_response__descriptor, capsa_buf_bytes(&bytes),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Cm__EncryptedResponse *response = (const Cm__EncryptedResponse *)message;
    if (response->message != NULL) {
        assert_null(response->status); /* nothing of the outcome is told in the clear */
        native_read(announced, channel, response->message, ret);
        return;
    }
    assert_non_null(response->status);
    ret->outer = response->status->code;
    (void)snprintf(ret->text, sizeof(ret->text), "%s", response->status->message);
}

static int native_call(const struct house *house, const struct announced *announced,
                       const struct native_request *request, struct native_answer *ret)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(4));
    CAPSA_AUTO(capsa_native_channel) channel = {.response_key = NULL};
    native_wrap(announced, request, &bytes, &channel);
    native_send(house, announced, request->method, capsa_buf_bytes(&bytes), &channel, ret);
    return ret->code;
}

/* The same, when only the code matters. */
static int native(const struct house *house, const struct announced *announced, const char *method,
                  const struct party *signer, const char *json)
{
    const struct native_request request = {.method = method, .signer = signer, .json = json};
    struct native_answer answer;
    int code = native_call(house, announced, &request, &answer);
    native_answer_free(&answer);
    return code;
}

static const char *create_json(const struct party *owner, const char *uri)
{
    return text("{\"owner_party_id\":\"%s\",\"data_keys\":[{\"resource_uri\":\"%s\","
                "\"data_key_b64\":\"" KEY_B64 "\"}]}",
                owner->id, uri);
}

/* GetDataKeys by `job`, for one resource and column. */
static const char *get_json(const struct party *job, const char *op, const char *uri,
                            const char *column)
{
    CAPSA_AUTO_FREE(capsa_json) cert = capsa_json_new_string(job->pem);
    CAPSA_AUTO(capsa_buf) quoted = capsa_buf_of(KIB(16));
    const char *cert_text;
    assert_ok(capsa_json_write(cert, CAPSA_JSON_COMPACT, &quoted));
    assert_ok(capsa_buf_cstr(&quoted, &cert_text));
    return text(
        "{\"cert\":%s,\"resource_request\":{\"initiator_party_id\":\"%s\",\"scope\":"
        "\"default\",\"op_name\":\"%s\",\"resources\":[{\"resource_uri\":\"%s\",\"columns\":"
        "[\"%s\"]}]}}",
        cert_text, job->id, op, uri, column);
}

/* Seals `jws` as the original does, sends it to `method`, and gives the answer's status. */
static int send_jws(struct house *house, const char *method, const capsa_buf *jws)
{
    CAPSA_AUTO(capsa_jwe_out) jwe = {.iv = NULL};
    assert_ok(capsa_jwe_seal(capsa_cert_key(house->cert), CAPSA_JWE_RSA_OAEP, CAPSA_JWE_A128GCM,
                             capsa_buf_bytes(jws), &jwe));
    CAPSA_AUTO(capsa_buf) request = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) reply = capsa_buf_of(MIB(1));
    wrap_request(&jwe, &request);
    ask(house, method, capsa_buf_bytes(&request), &reply);
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(&cm__encrypted_response__descriptor, capsa_buf_bytes(&reply),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    return ((const Cm__EncryptedResponse *)message)->status->code;
}

/* ---- a manager, and what it says of itself --------------------------------------------------- */

struct scene {
    struct house house;
    struct announced announced;
};

static void scene_open(struct scene *scene)
{
    test_clock.fixed = NOW;
    house_open(&scene->house, (struct capsa_keymanager_options){.rsa_bits = 0});
    announced_learn(&scene->house, &scene->announced);
}

static void scene_close(struct scene *scene)
{
    announced_free(&scene->announced);
    house_close(&scene->house);
    test_clock.fixed = NOW;
}

#pragma GCC diagnostic pop
