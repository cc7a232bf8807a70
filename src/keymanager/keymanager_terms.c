/* SPDX-License-Identifier: Apache-2.0
 *
 * GetVoteTerms, and the check of what it gave (keymanager_terms.h). The resource's name in them is
 * blind: it changes with each incarnation, and one for a resource that does not exist looks like
 * any other.
 */
#include "keymanager/keymanager_terms.h"

#include "base/limits.h"
#include "codec/text.h"

#define NONCE 16

static capsa_result resource_token(const struct capsa_km_call *call, const char *uuid,
                                   int64_t incarnation, capsa_buf *hex)
{
    uint8_t number[8], token[CAPSA_SHA256];
    for (size_t i = 0; i < sizeof(number); i++) {
        number[i] = (uint8_t)((uint64_t)incarnation >> (56 - 8 * i));
    }
    const capsa_bytes parts[] = {
        CAPSA_BYTES_LITERAL("capsa vote resource"),
        capsa_bytes_str(CAPSA_KM_NAMESPACE),
        capsa_bytes_str(uuid),
        capsa_bytes_of(number, sizeof(number)),
    };
    capsa_ledger_blind(call->manager->options.ledger, parts, 4, token);
    return capsa_hex_write(capsa_bytes_of(token, sizeof(token)), hex);
}

CAPSA_RESULT capsa_km_get_vote_terms(struct capsa_km_call *call)
{
    const Native__VoteTermsRequest *request = (const Native__VoteTermsRequest *)call->request;
    CAPSA_TRY(capsa_km_party_check(call, "party_id", request->party_id));
    CAPSA_AUTO(capsa_buf) uuid_buf = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    CAPSA_AUTO(capsa_buf) token = capsa_buf_of(CAPSA_KM_VOTE_HEX);
    CAPSA_AUTO(capsa_buf) nonce = capsa_buf_of(CAPSA_KM_VOTE_HEX);
    const char *uuid, *token_text, *nonce_text;
    CAPSA_TRY(capsa_km_uri_parse(request->resource_uri, &uuid_buf));
    CAPSA_TRY(capsa_buf_cstr(&uuid_buf, &uuid));
    CAPSA_AUTO_RECORD(Rec__Resource) resource = NULL;
    CAPSA_TRY(capsa_km_resource_find(call->txn, uuid, &resource));
    CAPSA_TRY(resource_token(call, uuid, resource == NULL ? 0 : resource->incarnation, &token));
    uint8_t random[NONCE];
    CAPSA_TRY(capsa_random(random, sizeof(random)));
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(random, sizeof(random)), &nonce));
    CAPSA_TRY(capsa_buf_cstr(&token, &token_text));
    CAPSA_TRY(capsa_buf_cstr(&nonce, &nonce_text));
    Native__VoteTermsResponse response = NATIVE__VOTE_TERMS_RESPONSE__INIT;
    response.manager = capsa_km_field(capsa_ledger_manager_id(call->manager->options.ledger));
    response.resource = capsa_km_field(token_text);
    response.requester = call->signer.spki;
    response.nonce = capsa_km_field(nonce_text);
    return capsa_protojson_write(&response.base, CAPSA_PROTOJSON_ALL, call->answer);
}

/* ---- checking -------------------------------------------------------------------------------- */

static capsa_result expiry_check(const struct capsa_km_call *call, capsa_time expires)
{
    CAPSA_REQUIRE(expires > call->now, EXPIRED, "the vote has expired; ask for a new one");
    CAPSA_REQUIRE(expires - call->now <= (capsa_time)CAPSA_KM_VOTE_DAYS * 86400, DENIED,
                  "the vote is good for more than %d days, which is too long", CAPSA_KM_VOTE_DAYS);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_vote_terms_check(const struct capsa_km_call *call,
                                       const struct capsa_km_vote_terms *terms, const char *uuid,
                                       int64_t incarnation)
{
    if (!terms->is_there) {
        CAPSA_REQUIRE(!call->native, DENIED,
                      "the vote says nothing of manager, key and end (\"capsa\" in the body of the "
                      "vote request), and the native protocol wants that");
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) token = capsa_buf_of(CAPSA_KM_VOTE_HEX);
    const char *token_text;
    CAPSA_TRY(resource_token(call, uuid, incarnation, &token));
    CAPSA_TRY(capsa_buf_cstr(&token, &token_text));
    CAPSA_REQUIRE(
        capsa_streq(terms->manager, capsa_ledger_manager_id(call->manager->options.ledger)), DENIED,
        "the vote is for another manager");
    CAPSA_REQUIRE(capsa_streq(terms->requester, call->signer.spki), DENIED,
                  "the vote is for another key than the one that signs the request");
    CAPSA_REQUIRE(capsa_streq(terms->resource, token_text), DENIED,
                  "the vote is for another resource, or for what \"%s\" was before", uuid);
    return expiry_check(call, terms->expires);
}
