/* SPDX-License-Identifier: Apache-2.0
 *
 * The native protocol (docs/explanation/PROTOCOL.md, sections 3 to 5): a request that is good for
 * one manager, one method and once; an answer that only who opened the request can have made, with
 * the manager's checkpoint and the proof that what it did stands in its log.
 */
#include "base/limits.h"
#include "client/client_internal.h"
#include "codec/text.h"

#define KID_REFUSAL      "kid:"
#define CODE_UNAUTHENTIC 16

/* The types of leaves that say that keys were given away (audit_types.def). */
#define RELEASES_FIRST 32
#define RELEASES_LAST  47

/* ---- the request ----------------------------------------------------------------------------- */

static capsa_result check(struct capsa_client *client)
{
    CAPSA_REQUIRE(
        client->has_identity, UNSUPPORTED,
        "the manager does not speak the native protocol; --original speaks the other one");
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    const char *kid;
    return capsa_manager_native_key(&client->manager, capsa_now(client->clock), &key, &kid);
}

static capsa_result sign(const struct capsa_client *client, const capsa_client_exchange *call,
                         capsa_buf *jws)
{
    const capsa_party *party = client->options.party;
    struct capsa_jws_claims claims = {
        .aud = client->manager.id,
        .method = call->method->name,
        .iat = capsa_now(client->clock),
        .has_version = call->if_version != NULL,
        .version = call->if_version == NULL ? 0 : *call->if_version,
    };
    memcpy(claims.jti, call->jti, sizeof(claims.jti));
    CAPSA_AUTO(capsa_buf) payload = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY_AT(capsa_protojson_write(call->request, CAPSA_PROTOJSON_MINIMAL, &payload),
                 "the request");
    return capsa_jws_make_native(party->key, &party->chain, &claims, capsa_buf_bytes(&payload),
                                 jws);
}

static capsa_result seal(struct capsa_client *client, capsa_client_exchange *call,
                         capsa_jwe_out *ret_sealed)
{
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(sign(client, call, &jws));
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    const char *kid;
    CAPSA_TRY(capsa_manager_native_key(&client->manager, capsa_now(client->clock), &key, &kid));
    return capsa_native_seal(key, capsa_buf_bytes(&jws), ret_sealed, &call->channel);
}

/* ---- an answer in the clear ------------------------------------------------------------------ */

/* Anybody can have written it, so it can be a failure and nothing else. */
static capsa_result clear_refusal(capsa_client_exchange *call, const Cm__Status *status)
{
    CAPSA_TRY(capsa_client_check_status(status));
    CAPSA_FAIL(UNAUTHENTIC, "%s: an answer that is not sealed, and so proves nothing",
               call->method->name);
}

static bool says_key_unknown(const Cm__Status *status)
{
    return status != NULL && status->code == CODE_UNAUTHENTIC &&
           strncmp(status->message, KID_REFUSAL, strlen(KID_REFUSAL)) == 0;
}

/* ---- a sealed answer ------------------------------------------------------------------------- */

static capsa_result unseal(const capsa_client_exchange *call, const Cm__Jwe *jwe,
                           ProtobufCMessage **ret_message)
{
    const struct capsa_jwe form = {jwe->protected_header, jwe->encrypted_key, jwe->iv,
                                   jwe->ciphertext,       jwe->tag,           jwe->aad};
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY_AT(capsa_native_answer_open(&call->channel, &form, &text), "the manager's answer");
    CAPSA_TRY_AT(capsa_protojson_parse(&native__answer__descriptor, capsa_buf_bytes(&text),
                                       CAPSA_UNKNOWN_SKIPPED, ret_message),
                 "the manager's answer");
    return CAPSA_OK;
}

/* The leaf is this decision's, and the decision was made after it was asked for. */
static capsa_result check_release(const capsa_client_exchange *call)
{
    const struct capsa_client_outcome *outcome = call->outcome;
    CAPSA_REQUIRE(outcome->has_leaf, UNAUTHENTIC,
                  "the manager gives keys away without a record of it; they are not used");
    CAPSA_REQUIRE(outcome->leaf.type >= RELEASES_FIRST && outcome->leaf.type <= RELEASES_LAST,
                  UNAUTHENTIC, "the record of the release is one of \"%s\"; the keys are not used",
                  capsa_audit_type_name(outcome->leaf.type));
    CAPSA_REQUIRE(outcome->index >= call->log_size, UNAUTHENTIC,
                  "the record of the release, entry %llu, is older than the request; the keys are "
                  "not used",
                  (unsigned long long)outcome->index);
    return CAPSA_OK;
}

static capsa_result check_leaf(const capsa_client_exchange *call, const Native__Answer *answer)
{
    struct capsa_client_outcome *outcome = call->outcome;
    uint8_t id[CAPSA_AUDIT_ID];
    CAPSA_TRY_AT(capsa_audit_id_parse(answer->decision_id, id), "the answer's decision_id");
    CAPSA_TRY(capsa_client_log_prove(capsa_bytes_of(answer->leaf.data, answer->leaf.len),
                                     answer->proof, &outcome->checkpoint, &outcome->leaf,
                                     &outcome->index));
    CAPSA_REQUIRE(memcmp(id, outcome->leaf.decision_id, sizeof(id)) == 0, UNAUTHENTIC,
                  "the answer's record is that of another decision than %s", answer->decision_id);
    outcome->has_leaf = true;
    return CAPSA_OK;
}

/* Everything that the answer says beside its body. */
static capsa_result check_record(struct capsa_client *client, capsa_client_exchange *call,
                                 const Native__Answer *answer)
{
    CAPSA_TRY(capsa_client_log_take(client, answer->checkpoint, call->log_size,
                                    &call->outcome->checkpoint));
    CAPSA_TRY(answer->leaf.len > 0 ? check_leaf(call, answer) : CAPSA_OK);
    if (*answer->decision_id == '\0') {
        return CAPSA_OK;
    }
    uint8_t id[CAPSA_AUDIT_ID];
    CAPSA_TRY_AT(capsa_audit_id_parse(answer->decision_id, id), "the answer's decision_id");
    capsa_audit_id_text(id, call->outcome->decision_id);
    return CAPSA_OK;
}

static capsa_result open_body(const capsa_client_exchange *call, const Native__Answer *answer,
                              ProtobufCMessage **ret_answer)
{
    if (call->method->answer == NULL) {
        *ret_answer = NULL;
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(*answer->body != '\0', MALFORMED, "the manager's answer has no body");
    CAPSA_TRY_AT(capsa_protojson_parse(call->method->answer, capsa_bytes_str(answer->body),
                                       CAPSA_UNKNOWN_SKIPPED, ret_answer),
                 "the manager's answer");
    return CAPSA_OK;
}

static capsa_result open_response(struct capsa_client *client, capsa_client_exchange *call,
                                  const Cm__EncryptedResponse *response,
                                  ProtobufCMessage **ret_answer)
{
    if (response->message == NULL) {
        call->key_unknown = says_key_unknown(response->status);
        return clear_refusal(call, response->status);
    }
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(unseal(call, response->message, &message));
    const Native__Answer *answer = (const Native__Answer *)(const void *)message;
    CAPSA_TRY(check_record(client, call, answer));
    CAPSA_TRY(capsa_client_check_status(answer->status));
    CAPSA_TRY(call->method->releases ? check_release(call) : CAPSA_OK);
    return open_body(call, answer, ret_answer);
}

const struct capsa_client_protocol capsa_client_native = {
    .service = "/capsa.v1.Manager/",
    .check = check,
    .seal = seal,
    .open = open_response,
};
