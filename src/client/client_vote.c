/* SPDX-License-Identifier: Apache-2.0
 *
 * Votes on exporting a key (client_vote.h).
 */
#include "client/client_vote.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "client/client_text.h"
#include "codec/text.h"

/* Who exports and what it is called there; only the URI behind the comma counts. */
#define ACTION "tee/download"
#define TYPE   "TEE_DOWNLOAD"

/* The body's text never grows past what a manager would read. */
#define BODY_MAX KIB(64)

/* ---- making ---------------------------------------------------------------------------------- */

static capsa_result set_text(struct capsa_json *object, const char *name, capsa_buf *text)
{
    const char *string;
    CAPSA_TRY(capsa_buf_cstr(text, &string));
    return capsa_json_set(object, name, capsa_json_new_string(string));
}

/* {cert_chain, body, NAME: signature over body and `suffix`}. */
static capsa_result make_document(const capsa_party *signer, const struct capsa_json *body,
                                  const char *suffix, const char *name,
                                  struct capsa_json **ret_document)
{
    CAPSA_REQUIRE(signer->key != NULL, USAGE, "a vote is signed: a key is needed");
    CAPSA_REQUIRE(capsa_private_key_kind(signer->key) == CAPSA_KEY_RSA, UNSUPPORTED,
                  "votes are signed with RSA keys only (RS256); this one is of another kind");
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(BODY_MAX);
    CAPSA_TRY(capsa_json_write(body, CAPSA_JSON_PYTHON, &json));
    CAPSA_AUTO(capsa_buf) signed_text = capsa_buf_of(4 * BODY_MAX);
    CAPSA_TRY(capsa_base64_write(capsa_buf_bytes(&json), CAPSA_BASE64_STD, &signed_text));
    size_t body_len = signed_text.len;
    CAPSA_TRY(capsa_buf_str(&signed_text, suffix));
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(KIB(4));
    CAPSA_TRY(capsa_sign(signer->key, CAPSA_RS256, capsa_buf_bytes(&signed_text), &signature));
    CAPSA_AUTO(capsa_buf) signature_text = capsa_buf_of(KIB(8));
    CAPSA_TRY(capsa_base64_write(capsa_buf_bytes(&signature), CAPSA_BASE64_STD, &signature_text));
    capsa_buf_cut(&signed_text, body_len);

    CAPSA_AUTO_FREE(capsa_json) document = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(document);
    struct capsa_json *certs;
    CAPSA_TRY(capsa_party_certs(signer, &certs));
    CAPSA_TRY(capsa_json_set(document, "cert_chain", certs));
    CAPSA_TRY(set_text(document, "body", &signed_text));
    CAPSA_TRY(set_text(document, name, &signature_text));
    *ret_document = document;
    document = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_vote_request_make(const capsa_party *asker, const struct capsa_json *terms,
                                     struct capsa_json **ret_request)
{
    return make_document(asker, terms, "", "vote_request_signature", ret_request);
}

CAPSA_RESULT capsa_vote_make(const capsa_party *voter, const char *request_signature,
                             const struct capsa_json *answer, struct capsa_json **ret_vote)
{
    return make_document(voter, answer, request_signature, "voter_signature", ret_vote);
}

CAPSA_RESULT capsa_vote_terms(const char *resource_uri, int64_t threshold,
                              struct capsa_json **ret_terms)
{
    CAPSA_REQUIRE(*resource_uri != '\0' && strchr(resource_uri, ',') == NULL, USAGE,
                  "\"%s\" cannot be voted on: it is empty or has a comma", resource_uri);
    CAPSA_TRY(capsa_text_check("the URI", resource_uri));
    CAPSA_AUTO(capsa_buf) action = capsa_buf_of(KIB(8));
    CAPSA_TRY(capsa_buf_format(&action, "%s,%s", ACTION, resource_uri));
    CAPSA_AUTO_FREE(capsa_json) terms = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(terms);
    CAPSA_TRY(capsa_json_set(terms, "type", capsa_json_new_string(TYPE)));
    CAPSA_TRY(capsa_json_set(terms, "approved_threshold", capsa_json_new_int(threshold)));
    CAPSA_TRY(set_text(terms, "approved_action", &action));
    *ret_terms = terms;
    terms = NULL;
    return CAPSA_OK;
}

static capsa_result check_hex(const char *name, const char *text, size_t digits)
{
    CAPSA_REQUIRE(strlen(text) == digits && strspn(text, "0123456789abcdef") == digits, MALFORMED,
                  "%s: \"%s\" is not %zu hex digits in lower case", name, text, digits);
    return CAPSA_OK;
}

#define NONCE_DIGITS 32

static capsa_result check_bond(const struct capsa_vote_bond *bond)
{
    CAPSA_TRY(check_hex("manager", bond->manager, CAPSA_MANAGER_ID - 1));
    CAPSA_TRY(check_hex("requester", bond->requester, CAPSA_VOTE_HEX - 1));
    CAPSA_TRY(check_hex("nonce", bond->nonce, NONCE_DIGITS));
    CAPSA_REQUIRE(*bond->resource != '\0', MALFORMED, "resource: empty");
    return capsa_text_check("resource", bond->resource);
}

CAPSA_RESULT capsa_vote_bond_check(const struct capsa_vote_bond *bond, const char *manager_id,
                                   const struct capsa_cert *requester)
{
    uint8_t digest[CAPSA_SHA256];
    CAPSA_TRY(capsa_cert_spki_digest(requester, digest));
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(CAPSA_VOTE_HEX);
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(digest, sizeof(digest)), &hex));
    CAPSA_REQUIRE(capsa_streq(bond->manager, manager_id), UNAUTHENTIC,
                  "the manager gives terms of another manager, %s", bond->manager);
    CAPSA_REQUIRE(capsa_bytes_is(capsa_buf_bytes(&hex), bond->requester), UNAUTHENTIC,
                  "the manager gives terms for another key than the one that asks");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_vote_terms_bind(struct capsa_json *terms, const struct capsa_vote_bond *bond)
{
    CAPSA_TRY_AT(check_bond(bond), "the terms of a request for votes");
    char expires[CAPSA_TIME_TEXT];
    capsa_time_text(bond->expires, expires);
    CAPSA_AUTO_FREE(capsa_json) member = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(member);
    CAPSA_TRY(capsa_json_set(member, "manager", capsa_json_new_string(bond->manager)));
    CAPSA_TRY(capsa_json_set(member, "resource", capsa_json_new_string(bond->resource)));
    CAPSA_TRY(capsa_json_set(member, "requester", capsa_json_new_string(bond->requester)));
    CAPSA_TRY(capsa_json_set(member, "expires", capsa_json_new_string(expires)));
    CAPSA_TRY(capsa_json_set(member, "nonce", capsa_json_new_string(bond->nonce)));
    struct capsa_json *handed = member;
    member = NULL;
    return capsa_json_set(terms, "capsa", handed);
}

/* ---- checking -------------------------------------------------------------------------------- */

void capsa_vote_view_drop(capsa_vote_view *view)
{
    capsa_dealloc(view->resource_uri);
    capsa_dealloc(view->action);
    capsa_dealloc(view->resource);
    *view = (capsa_vote_view){.resource_uri = NULL};
}

static void hand_over(capsa_vote_view *from, capsa_vote_view *to)
{
    *to = *from;
    *from = (capsa_vote_view){.resource_uri = NULL};
}

struct document {
    const struct capsa_json *cert_chain;
    const char *body;
    const char *signature;
};

#define DOCUMENT_FIELD(name_, member, type_)                                                       \
    {                                                                                              \
        .name = (name_), .type = (type_), .offset = offsetof(struct document, member),             \
        .flags = CAPSA_FIELD_REQUIRED,                                                             \
    }

static const struct capsa_json_field request_fields[] = {
    DOCUMENT_FIELD("cert_chain", cert_chain, CAPSA_FIELD_STRINGS),
    DOCUMENT_FIELD("body", body, CAPSA_FIELD_STRING),
    DOCUMENT_FIELD("vote_request_signature", signature, CAPSA_FIELD_STRING),
    {.name = NULL},
};

static const struct capsa_json_field vote_fields[] = {
    DOCUMENT_FIELD("cert_chain", cert_chain, CAPSA_FIELD_STRINGS),
    DOCUMENT_FIELD("body", body, CAPSA_FIELD_STRING),
    DOCUMENT_FIELD("voter_signature", signature, CAPSA_FIELD_STRING),
    {.name = NULL},
};

static capsa_result parse_chain(const struct capsa_json *certs, capsa_chain *ret_chain)
{
    for (size_t i = 0; i < capsa_json_count(certs); i++) {
        const char *pem = capsa_json_string(capsa_json_at(certs, i));
        CAPSA_TRY_AT(capsa_chain_add_pem(ret_chain, capsa_bytes_str(pem)), "cert_chain[%zu]", i);
    }
    CAPSA_REQUIRE(ret_chain->count > 0, MALFORMED, "cert_chain is empty");
    return CAPSA_OK;
}

static capsa_result check_signature(const capsa_chain *chain, const struct document *document,
                                    const char *suffix)
{
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(KIB(4));
    CAPSA_TRY_AT(
        capsa_base64_parse(capsa_bytes_str(document->signature), CAPSA_BASE64_STD, &signature),
        "the signature");
    CAPSA_AUTO(capsa_buf) signed_text = capsa_buf_of(MIB(1));
    CAPSA_TRY(capsa_buf_str(&signed_text, document->body));
    CAPSA_TRY(capsa_buf_str(&signed_text, suffix));
    CAPSA_TRY_AT(capsa_sign_check(capsa_cert_key(chain->certs[0]), CAPSA_RS256,
                                  capsa_buf_bytes(&signed_text), capsa_buf_bytes(&signature)),
                 "the signature");
    return CAPSA_OK;
}

/* Everything that requests and votes have in common; the body comes back parsed. */
static capsa_result check_document(const struct capsa_json *value,
                                   const struct capsa_json_field *fields, const char *suffix,
                                   capsa_time now, char *ret_party, struct capsa_json **ret_body)
{
    struct document document = {NULL, NULL, NULL};
    CAPSA_TRY(capsa_json_decode(value, fields, CAPSA_JSON_UNKNOWN_REFUSED, &document));
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(parse_chain(document.cert_chain, &chain));
    CAPSA_TRY(capsa_chain_check(chain.certs, chain.count, now));
    CAPSA_TRY(check_signature(&chain, &document, suffix));
    CAPSA_AUTO(capsa_buf) body = capsa_buf_of(BODY_MAX);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(document.body), CAPSA_BASE64_STD, &body),
                 "body");
    CAPSA_TRY_AT(capsa_json_parse(capsa_buf_bytes(&body), ret_body), "body");
    return capsa_cert_party_id(chain.certs[chain.count - 1], ret_party);
}

struct terms {
    const char *type;
    const char *approved_action;
    int64_t approved_threshold;
    const struct capsa_json *bond; /* NULL: not bound */
};

static const struct capsa_json_field terms_fields[] = {
    {.name = "type",
     .type = CAPSA_FIELD_STRING,
     .offset = offsetof(struct terms, type),
     .flags = CAPSA_FIELD_REQUIRED},
    {.name = "approved_action",
     .type = CAPSA_FIELD_STRING,
     .offset = offsetof(struct terms, approved_action),
     .flags = CAPSA_FIELD_REQUIRED},
    {.name = "approved_threshold",
     .type = CAPSA_FIELD_INT,
     .offset = offsetof(struct terms, approved_threshold),
     .flags = CAPSA_FIELD_REQUIRED,
     .min = 0,
     .max = UINT32_MAX},
    {.name = "capsa", .type = CAPSA_FIELD_VALUE, .offset = offsetof(struct terms, bond)},
    {.name = NULL},
};

struct bond_text {
    struct capsa_vote_bond bond; /* all but `expires` */
    const char *expires;
};

#define BOND_FIELD(name_, place)                                                                   \
    {                                                                                              \
        .name = (name_), .type = CAPSA_FIELD_STRING, .offset = offsetof(struct bond_text, place),  \
        .flags = CAPSA_FIELD_REQUIRED,                                                             \
    }

static const struct capsa_json_field bond_fields[] = {
    BOND_FIELD("manager", bond.manager),     BOND_FIELD("resource", bond.resource),
    BOND_FIELD("requester", bond.requester), BOND_FIELD("nonce", bond.nonce),
    BOND_FIELD("expires", expires),          {.name = NULL},
};

static capsa_result read_bond(const struct capsa_json *member, capsa_vote_view *view)
{
    struct bond_text text = {.expires = NULL};
    CAPSA_TRY(capsa_json_decode(member, bond_fields, CAPSA_JSON_UNKNOWN_REFUSED, &text));
    CAPSA_TRY(check_bond(&text.bond));
    CAPSA_TRY_AT(capsa_time_parse(capsa_bytes_str(text.expires), &view->expires), "expires");
    memcpy(view->manager, text.bond.manager, sizeof(view->manager));
    memcpy(view->requester, text.bond.requester, sizeof(view->requester));
    view->resource = capsa_strdup(text.bond.resource);
    CAPSA_REQUIRE_MEMORY(view->resource);
    view->is_bound = true;
    return CAPSA_OK;
}

/* approved_action is "ACTION,URI[,more]". */
static capsa_result read_terms(const struct capsa_json *body, capsa_vote_view *view)
{
    struct terms terms = {NULL, NULL, 0, NULL};
    CAPSA_TRY_AT(capsa_json_decode(body, terms_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &terms), "body");
    CAPSA_REQUIRE(capsa_streq(terms.type, TYPE), UNSUPPORTED,
                  "body: type \"%s\" is not one that exports a key (" TYPE ")", terms.type);
    const char *comma = strchr(terms.approved_action, ',');
    CAPSA_REQUIRE(comma != NULL && comma != terms.approved_action, MALFORMED,
                  "body: approved_action is not ACTION,URI");
    view->resource_uri = capsa_strndup(comma + 1, strcspn(comma + 1, ","));
    CAPSA_REQUIRE_MEMORY(view->resource_uri);
    CAPSA_REQUIRE(*view->resource_uri != '\0', MALFORMED, "body: approved_action names no URI");
    CAPSA_TRY_AT(capsa_text_check("its URI", view->resource_uri), "body: approved_action");
    view->threshold = terms.approved_threshold;
    CAPSA_TRY_AT(terms.bond == NULL ? CAPSA_OK : read_bond(terms.bond, view), "body: capsa");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_vote_live_check(const capsa_vote_view *view, capsa_time now)
{
    char expires[CAPSA_TIME_TEXT];
    capsa_time_text(view->expires, expires);
    CAPSA_REQUIRE(!view->is_bound || view->expires > now, EXPIRED,
                  "the request was good until %s: votes on it do not count any more", expires);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_vote_request_check(const struct capsa_json *request, capsa_time now,
                                      capsa_vote_view *ret_view)
{
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    CAPSA_TRY(check_document(request, request_fields, "", now, view.party, &body));
    CAPSA_TRY(read_terms(body, &view));
    hand_over(&view, ret_view);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_vote_check(const struct capsa_json *vote, const struct capsa_json *request,
                              capsa_time now, capsa_vote_view *ret_view)
{
    const char *suffix = capsa_json_string(capsa_json_get(request, "vote_request_signature"));
    CAPSA_REQUIRE(suffix != NULL, MALFORMED, "the request has no vote_request_signature");
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    CAPSA_TRY(check_document(vote, vote_fields, suffix, now, view.party, &body));
    const char *action = capsa_json_string(capsa_json_get(body, "action"));
    CAPSA_REQUIRE(action != NULL &&
                      (capsa_streq(action, "APPROVE") || capsa_streq(action, "REJECT")),
                  MALFORMED, "body: action is neither APPROVE nor REJECT");
    view.action = capsa_strdup(action);
    CAPSA_REQUIRE_MEMORY(view.action);
    hand_over(&view, ret_view);
    return CAPSA_OK;
}

/* ---- putting together ------------------------------------------------------------------------ */

CAPSA_RESULT capsa_vote_result_new(const struct capsa_json *request, struct capsa_json **ret_result)
{
    CAPSA_AUTO_FREE(capsa_json) result = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(result);
    CAPSA_TRY(capsa_json_set(result, "vote_request", capsa_json_copy(request)));
    CAPSA_TRY(capsa_json_set(result, "vote_invite", capsa_json_new_array()));
    *ret_result = result;
    result = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_vote_result_add(struct capsa_json *result, const struct capsa_json *vote)
{
    CAPSA_AUTO_FREE(capsa_json) invites = capsa_json_copy(capsa_json_get(result, "vote_invite"));
    CAPSA_REQUIRE_MEMORY(invites);
    CAPSA_REQUIRE(capsa_json_count(invites) < CAPSA_LIMIT_votes, TOO_LARGE, "more than %d votes",
                  CAPSA_LIMIT_votes);
    CAPSA_TRY(capsa_json_push(invites, capsa_json_copy(vote)));
    struct capsa_json *handed = invites;
    invites = NULL;
    return capsa_json_set(result, "vote_invite", handed);
}
