/* SPDX-License-Identifier: Apache-2.0
 *
 * GetExportDataKey: a key leaves for a person when every original owner of the resource has agreed.
 * Each owner counts once, whatever number of votes came; the requester's own signature is on the
 * request, so it need not vote.
 */
#include "keymanager/keymanager_lineage.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/text.h"
#include "keymanager/keymanager_terms.h"
#include "keymanager/keymanager_vote.h"

/* Distinct owners other than the requester that approved. An owner's rejection ends it. */
static capsa_result count_approvals(const capsa_km_vote_result *votes, const capsa_km_set *owners,
                                    capsa_km_set *approved)
{
    for (size_t i = 0; i < votes->count; i++) {
        const struct capsa_km_vote *vote = &votes->votes[i];
        if (!capsa_km_set_has(owners, vote->party) || capsa_streq(vote->party, votes->requester)) {
            continue;
        }
        CAPSA_REQUIRE(vote->approves, DENIED, "the owner %s rejected the export", vote->party);
        CAPSA_TRY(capsa_km_set_add(approved, vote->party));
    }
    return CAPSA_OK;
}

/* approved_threshold can raise the number of votes needed, never lower it. */
static capsa_result check_votes(const char *uri, const capsa_km_vote_result *votes,
                                const capsa_km_set *owners)
{
    bool is_owner = capsa_km_set_has(owners, votes->requester);
    size_t others = owners->count - (is_owner ? 1 : 0);
    size_t threshold = (size_t)votes->approved_threshold;
    size_t needed = threshold > others ? threshold : others;
    CAPSA_AUTO(capsa_km_set) approved = {NULL, 0};
    CAPSA_TRY(count_approvals(votes, owners, &approved));
    if (approved.count >= needed) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(is_owner, DENIED, "\"%s\" is not approved for export by all of its owners", uri);
    CAPSA_FAIL(DENIED,
               "\"%s\" is not approved for export: it has %zu other owner%s, %zu vote%s needed "
               "(approved_threshold %zu), and %zu valid",
               uri, others, others == 1 ? "" : "s", needed, needed == 1 ? " is" : "s are",
               threshold, approved.count);
}

static capsa_result answer_write(const struct capsa_km_call *call, char *uri, char *data_key_b64)
{
    Cm__DataKey key = CM__DATA_KEY__INIT;
    key.resource_uri = uri;
    key.data_key_b64 = data_key_b64;
    Cm__GetExportDataKeyResponse response = CM__GET_EXPORT_DATA_KEY_RESPONSE__INIT;
    response.data_key = &key;
    return capsa_protojson_write(&response.base, CAPSA_PROTOJSON_ALL, call->answer);
}

/* A vote result is good for the key that used it first, and for the data as it was then: not for
 * another holder of the party's root, and not for what is registered under the name later. */
static capsa_result bind_votes(struct capsa_km_call *call, const capsa_km_vote_result *votes,
                               char *uuid, const Rec__Resource *resource)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(2 * CAPSA_SHA256);
    const char *id;
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(votes->id, sizeof(votes->id)), &hex));
    CAPSA_TRY(capsa_buf_cstr(&hex, &id));
    CAPSA_AUTO_RECORD(Rec__Vote) used = NULL;
    CAPSA_TRY(capsa_km_vote_find(call->txn, id, &used));
    if (used != NULL) {
        CAPSA_REQUIRE(capsa_streq(used->spki, call->signer.spki) &&
                          capsa_streq(used->data_uuid, uuid) &&
                          used->incarnation == resource->incarnation,
                      DENIED,
                      "this vote was used by another key, or for what \"%s\" was before; ask for "
                      "a new one",
                      uuid);
        return CAPSA_OK;
    }
    Rec__Vote vote = REC__VOTE__INIT;
    vote.spki = call->signer.spki;
    vote.data_uuid = uuid;
    vote.incarnation = resource->incarnation;
    return capsa_km_vote_put(call->txn, id, &vote);
}

/* The votes are for this request and nothing else. */
static capsa_result check_binding(const struct capsa_km_call *call, const char *uri,
                                  const capsa_km_vote_result *votes)
{
    CAPSA_REQUIRE(capsa_streq(votes->requester, call->signer.party), DENIED,
                  "the vote was requested by %s, not by %s", votes->requester, call->signer.party);
    CAPSA_REQUIRE(capsa_streq(votes->resource_uri, uri), DENIED,
                  "the vote is on \"%s\", not on \"%s\"", votes->resource_uri, uri);
    return CAPSA_OK;
}

static capsa_result note_export(struct capsa_km_call *call, const char *uri,
                                const capsa_km_set *owners)
{
    for (size_t i = 0; i < owners->count; i++) {
        CAPSA_TRY(capsa_km_notes_resource(call->notes, owners->items[i], uri, NULL, 0));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_get_export_data_key(struct capsa_km_call *call)
{
    const Cm__GetExportDataKeyRequest *request = (const Cm__GetExportDataKeyRequest *)call->request;
    CAPSA_TRY(capsa_km_party_check(call, "request_party_id", request->request_party_id));
    CAPSA_AUTO(capsa_buf) uuid_buf = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    const char *uuid;
    CAPSA_TRY(capsa_km_uri_parse(request->resource_uri, &uuid_buf));
    CAPSA_TRY(capsa_buf_cstr(&uuid_buf, &uuid));
    CAPSA_AUTO(capsa_km_vote_result) votes = {.resource_uri = NULL};
    CAPSA_TRY_AT(capsa_km_vote_result_parse(capsa_bytes_str(request->data_export_certificate),
                                            call->now, &votes),
                 "data_export_certificate");
    call->about = request->resource_uri;
    CAPSA_TRY(check_binding(call, request->resource_uri, &votes));

    CAPSA_AUTO_RECORD(Rec__Resource) resource = NULL;
    CAPSA_TRY(capsa_km_resource_find(call->txn, uuid, &resource));
    /* The terms first, and of what is not there too (GetVoteTerms names it by the incarnation 0):
     * whoever has none, or wrong ones, does not learn which it is. */
    CAPSA_TRY(capsa_km_vote_terms_check(call, &votes.terms, uuid,
                                        resource == NULL ? 0 : resource->incarnation));
    CAPSA_REQUIRE(resource != NULL, DENIED,
                  "\"%s\" is not approved for export by all of its owners", request->resource_uri);
    CAPSA_AUTO(capsa_km_set) owners = {NULL, 0};
    CAPSA_TRY(capsa_km_owners_find(call->txn, uuid, resource, &owners));
    CAPSA_TRY(check_votes(request->resource_uri, &votes, &owners));
    CAPSA_AUTO_RECORD(Rec__Key) key = NULL;
    CAPSA_TRY(capsa_km_key_take(call->txn, uuid, request->resource_uri, resource, &key));
    CAPSA_TRY(bind_votes(call, &votes, (char *)uuid_buf.data, resource));
    CAPSA_TRY(note_export(call, request->resource_uri, &owners));
    return answer_write(call, request->resource_uri, key->data_key_b64);
}
