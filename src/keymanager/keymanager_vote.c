/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and verifying vote results (keymanager_vote.h).
 *
 *   {"vote_request": {"cert_chain": [PEM...], "body": b64(RB), "vote_request_signature": b64},
 *    "vote_invite": [{"cert_chain": [PEM...], "body": b64(IB), "voter_signature": b64}...]}
 *   RB {"type": "TEE_DOWNLOAD", "approved_threshold": N, "approved_action": "ACTION,RESOURCE_URI"}
 *   IB {"action": "APPROVE" | "REJECT"}
 * The requester signs the text of its body; a voter signs the text of its body followed by the text
 * of the request's signature. All RS256 (ES256 for P-256 keys). The party is the chain's last.
 */
#include "keymanager/keymanager_vote.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/text.h"

#define VOTE_TEXT_MAX MIB(1)

void capsa_km_vote_result_drop(capsa_km_vote_result *result)
{
    capsa_dealloc(result->resource_uri);
    capsa_dealloc(result->votes);
    *result = (capsa_km_vote_result){.resource_uri = NULL};
}

/* ---- signed statements ----------------------------------------------------------------------- */

struct statement {
    const struct capsa_json *cert_chain;
    const char *body;
    const char *signature;
};

static const struct capsa_json_field request_fields[] = {
    {"cert_chain", CAPSA_FIELD_STRINGS, offsetof(struct statement, cert_chain),
     CAPSA_FIELD_REQUIRED, 0, 0, NULL},
    {"body", CAPSA_FIELD_STRING, offsetof(struct statement, body), CAPSA_FIELD_REQUIRED, 0, 0,
     NULL},
    {"vote_request_signature", CAPSA_FIELD_STRING, offsetof(struct statement, signature),
     CAPSA_FIELD_REQUIRED, 0, 0, NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL}};

static const struct capsa_json_field invite_fields[] = {
    {"cert_chain", CAPSA_FIELD_STRINGS, offsetof(struct statement, cert_chain),
     CAPSA_FIELD_REQUIRED, 0, 0, NULL},
    {"body", CAPSA_FIELD_STRING, offsetof(struct statement, body), CAPSA_FIELD_REQUIRED, 0, 0,
     NULL},
    {"voter_signature", CAPSA_FIELD_STRING, offsetof(struct statement, signature),
     CAPSA_FIELD_REQUIRED, 0, 0, NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL}};

static capsa_result chain_load(const struct capsa_json *pems, capsa_chain *chain)
{
    size_t count = capsa_json_count(pems);
    CAPSA_REQUIRE(count > 0, MALFORMED, "cert_chain: empty");
    for (size_t i = 0; i < count; i++) {
        const char *pem = capsa_json_string(capsa_json_at(pems, i));
        CAPSA_TRY_AT(capsa_chain_add_pem(chain, capsa_bytes_str(pem)), "cert_chain[%zu]", i);
    }
    return CAPSA_OK;
}

/* Holds when the statement's chain is good and its first key signed body || suffix. */
static capsa_result statement_check(const struct statement *statement, const char *suffix,
                                    capsa_time now, char ret_party[CAPSA_PARTY_ID])
{
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(chain_load(statement->cert_chain, &chain));
    CAPSA_TRY_AT(capsa_chain_check(chain.certs, chain.count, now), "cert_chain");
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(KIB(2));
    CAPSA_TRY_AT(
        capsa_base64_parse(capsa_bytes_str(statement->signature), CAPSA_BASE64_STD, &signature),
        "signature");
    CAPSA_AUTO(capsa_buf) input = capsa_buf_of(VOTE_TEXT_MAX);
    CAPSA_TRY(capsa_buf_str(&input, statement->body));
    CAPSA_TRY(capsa_buf_str(&input, suffix));
    const struct capsa_public_key *key = capsa_cert_key(chain.certs[0]);
    enum capsa_scheme scheme = CAPSA_RS256;
    CAPSA_TRY(capsa_scheme_for_kind(capsa_public_key_kind(key), &scheme));
    CAPSA_TRY(capsa_sign_check(key, scheme, capsa_buf_bytes(&input), capsa_buf_bytes(&signature)));
    return capsa_cert_party_id(chain.certs[chain.count - 1], ret_party);
}

static capsa_result body_parse(const char *body, struct capsa_json **ret_body)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(VOTE_TEXT_MAX);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(body), CAPSA_BASE64_STD, &text), "body");
    CAPSA_TRY_AT(capsa_json_parse(capsa_buf_bytes(&text), ret_body), "body");
    return CAPSA_OK;
}

/* ---- the request ----------------------------------------------------------------------------- */

struct request_body {
    const char *type;
    int64_t approved_threshold;
    const char *approved_action;
};

static const struct capsa_json_field request_body_fields[] = {
    {"type", CAPSA_FIELD_STRING, offsetof(struct request_body, type), CAPSA_FIELD_REQUIRED, 0, 0,
     NULL},
    {"approved_threshold", CAPSA_FIELD_INT, offsetof(struct request_body, approved_threshold),
     CAPSA_FIELD_REQUIRED, 0, UINT32_MAX, NULL},
    {"approved_action", CAPSA_FIELD_STRING, offsetof(struct request_body, approved_action),
     CAPSA_FIELD_REQUIRED, 0, 0, NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL}};

/* "ACTION,RESOURCE_URI[,ignored]", nothing trimmed. */
static capsa_result action_parse(const char *action, char **ret_uri)
{
    capsa_bytes rest = capsa_bytes_str(action);
    size_t comma = capsa_bytes_find(rest, ',');
    CAPSA_REQUIRE(comma > 0 && comma < rest.len, MALFORMED,
                  "approved_action: \"ACTION,RESOURCE_URI\" wanted");
    rest = capsa_bytes_from(rest, comma + 1);
    size_t len = capsa_bytes_find(rest, ',');
    CAPSA_REQUIRE(len > 0, MALFORMED, "approved_action: no resource behind the comma");
    *ret_uri = capsa_strndup((const char *)rest.data, len);
    CAPSA_REQUIRE_MEMORY(*ret_uri);
    return CAPSA_OK;
}

struct terms {
    const char *manager, *resource, *requester, *expires, *nonce;
};

#define TERM(field)                                                                                \
    {                                                                                              \
#field, CAPSA_FIELD_STRING, offsetof(struct terms, field), CAPSA_FIELD_REQUIRED, 0, 0,     \
            NULL                                                                                   \
    }
static const struct capsa_json_field terms_fields[] = {
    TERM(manager), TERM(resource), TERM(requester),
    TERM(expires), TERM(nonce),    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL}};

/* `digits` of lower-case hex; `ret_copy` (or NULL) has room for them and a NUL. */
static capsa_result hex_parse(const char *name, const char *text, size_t digits, char *ret_copy)
{
    CAPSA_REQUIRE(strlen(text) == digits && strspn(text, "0123456789abcdef") == digits, MALFORMED,
                  "capsa.%s: %zu lower-case hex digits wanted", name, digits);
    if (ret_copy != NULL) {
        memcpy(ret_copy, text, digits + 1);
    }
    return CAPSA_OK;
}

/* A native request holds nothing else, so that no member is passed over that should bind. */
static capsa_result terms_parse(const struct capsa_json *value,
                                struct capsa_km_vote_terms *ret_terms)
{
    if (value == NULL) {
        return CAPSA_OK;
    }
    struct terms terms = {.manager = NULL};
    CAPSA_TRY_AT(capsa_json_decode(value, terms_fields, CAPSA_JSON_UNKNOWN_REFUSED, &terms),
                 "capsa");
    CAPSA_TRY(hex_parse("manager", terms.manager, CAPSA_KM_VOTE_HEX - 1, ret_terms->manager));
    CAPSA_TRY(hex_parse("resource", terms.resource, CAPSA_KM_VOTE_HEX - 1, ret_terms->resource));
    CAPSA_TRY(hex_parse("requester", terms.requester, CAPSA_KM_VOTE_HEX - 1, ret_terms->requester));
    CAPSA_TRY(hex_parse("nonce", terms.nonce, 32, NULL));
    CAPSA_TRY_AT(capsa_time_parse(capsa_bytes_str(terms.expires), &ret_terms->expires),
                 "capsa.expires");
    ret_terms->is_there = true;
    return CAPSA_OK;
}

static capsa_result request_parse(const struct statement *request, capsa_time now,
                                  capsa_km_vote_result *result)
{
    CAPSA_TRY(statement_check(request, "", now, result->requester));
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(body_parse(request->body, &json));
    struct request_body body = {.type = NULL};
    CAPSA_TRY_AT(capsa_json_decode(json, request_body_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &body),
                 "body");
    CAPSA_REQUIRE(capsa_streq(body.type, "TEE_DOWNLOAD"), UNSUPPORTED,
                  "type: TEE_DOWNLOAD wanted, nothing else exports a key");
    CAPSA_TRY_AT(terms_parse(capsa_json_get(json, "capsa"), &result->terms), "body");
    capsa_sha256(capsa_bytes_str(request->signature), result->id);
    result->approved_threshold = body.approved_threshold;
    return action_parse(body.approved_action, &result->resource_uri);
}

/* ---- the votes ------------------------------------------------------------------------------- */

static const struct capsa_json_field invite_body_fields[] = {
    {"action", CAPSA_FIELD_STRING, 0, CAPSA_FIELD_REQUIRED, 0, 0, NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL}};

static capsa_result invite_parse(const struct capsa_json *value, const char *request_signature,
                                 capsa_time now, struct capsa_km_vote *ret_vote)
{
    struct statement invite = {.body = NULL};
    CAPSA_TRY(capsa_json_decode(value, invite_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &invite));
    CAPSA_TRY(statement_check(&invite, request_signature, now, ret_vote->party));
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    CAPSA_TRY(body_parse(invite.body, &body));
    const char *action = NULL;
    CAPSA_TRY_AT(capsa_json_decode(body, invite_body_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &action),
                 "body");
    ret_vote->approves = capsa_streq(action, "APPROVE");
    CAPSA_REQUIRE(ret_vote->approves || capsa_streq(action, "REJECT"), MALFORMED,
                  "action: APPROVE or REJECT wanted");
    return CAPSA_OK;
}

static capsa_result invites_parse(const struct capsa_json *invites, const char *request_signature,
                                  capsa_time now, capsa_km_vote_result *result)
{
    size_t count = capsa_json_count(invites);
    CAPSA_REQUIRE(capsa_json_kind_of(invites) == CAPSA_JSON_ARRAY, MALFORMED,
                  "vote_invite: a list wanted");
    CAPSA_REQUIRE(count <= CAPSA_LIMIT_votes, TOO_LARGE, "vote_invite: over %d votes",
                  CAPSA_LIMIT_votes);
    result->votes = capsa_alloc_array(count, sizeof(*result->votes));
    CAPSA_REQUIRE_MEMORY(result->votes);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY_AT(
            invite_parse(capsa_json_at(invites, i), request_signature, now, &result->votes[i]),
            "vote_invite[%zu]", i);
        result->count++;
    }
    return CAPSA_OK;
}

struct whole {
    struct statement request;
    const struct capsa_json *invites;
};

static const struct capsa_json_field whole_fields[] = {
    {"vote_request", CAPSA_FIELD_OBJECT, offsetof(struct whole, request), CAPSA_FIELD_REQUIRED, 0,
     0, request_fields},
    {"vote_invite", CAPSA_FIELD_VALUE, offsetof(struct whole, invites), CAPSA_FIELD_REQUIRED, 0, 0,
     NULL},
    {NULL, CAPSA_FIELD_VALUE, 0, 0, 0, 0, NULL}};

CAPSA_RESULT capsa_km_vote_result_parse(capsa_bytes text, capsa_time now,
                                        capsa_km_vote_result *ret_result)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_json_parse(text, &json));
    struct whole whole = {.invites = NULL};
    CAPSA_TRY(capsa_json_decode(json, whole_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &whole));
    CAPSA_AUTO(capsa_km_vote_result) result = {.resource_uri = NULL};
    CAPSA_TRY_AT(request_parse(&whole.request, now, &result), "vote_request");
    CAPSA_TRY(invites_parse(whole.invites, whole.request.signature, now, &result));
    *ret_result = result;
    result = (capsa_km_vote_result){.resource_uri = NULL};
    return CAPSA_OK;
}
