/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a manager's log (client_audit.h).
 */
#include "client/client_audit.h"

#include <stdio.h>

#include "client/client_internal.h"

#define PAGE_ENTRIES 100

/* ---- one's own entries ----------------------------------------------------------------------- */

typedef Native__ListAuditResponse__Entry listed_entry;

/* One entry of a page, and what it is proven with. */
struct page {
    const char *owner;
    const char *decision_id; /* or NULL */
    struct capsa_checkpoint checkpoint;
    uint64_t before; /* the next entry's index is below */
};

static capsa_result check_entry(const struct page *page, const listed_entry *listed,
                                struct capsa_audit_own *ret_entry)
{
    capsa_bytes leaf = capsa_bytes_of(listed->leaf.data, listed->leaf.len);
    CAPSA_TRY(capsa_client_log_prove(leaf, listed->proof, &page->checkpoint, &ret_entry->leaf,
                                     &ret_entry->index));
    CAPSA_REQUIRE(ret_entry->index < page->before, UNAUTHENTIC,
                  "entry %llu is not older than the one before it",
                  (unsigned long long)ret_entry->index);
    CAPSA_REQUIRE(listed->salt.len == CAPSA_AUDIT_SALT, MALFORMED, "salt: %zu bytes, not %d",
                  listed->salt.len, CAPSA_AUDIT_SALT);
    CAPSA_TRY_AT(capsa_audit_leaf_check(&ret_entry->leaf, page->owner, listed->salt.data,
                                        capsa_bytes_str(listed->details)),
                 "entry %llu", (unsigned long long)ret_entry->index);
    ret_entry->text = listed->details;
    return CAPSA_OK;
}

static capsa_result check_decision(const struct page *page, const struct capsa_audit_own *entry)
{
    char id[CAPSA_AUDIT_ID_TEXT];
    capsa_audit_id_text(entry->leaf.decision_id, id);
    CAPSA_REQUIRE(page->decision_id == NULL || capsa_streq(page->decision_id, id), UNAUTHENTIC,
                  "entry %llu is of decision %s, and %s was asked for",
                  (unsigned long long)entry->index, id, page->decision_id);
    return CAPSA_OK;
}

static capsa_result show_entry(struct page *page, const listed_entry *listed, capsa_audit_each each,
                               void *context, bool *ret_enough)
{
    struct capsa_audit_own entry = {.index = 0};
    CAPSA_TRY(check_entry(page, listed, &entry));
    CAPSA_TRY(check_decision(page, &entry));
    CAPSA_AUTO_FREE(capsa_json) details = NULL;
    CAPSA_TRY_AT(capsa_json_parse(capsa_bytes_str(entry.text), &details), "entry %llu: its details",
                 (unsigned long long)entry.index);
    entry.details = details;
    page->before = entry.index;
    return each(context, &entry, ret_enough);
}

static capsa_result ask_page(struct capsa_client *client, const struct capsa_audit_query *query,
                             struct capsa_client_outcome *ret_outcome,
                             ProtobufCMessage **ret_message)
{
    Native__ListAuditRequest request = NATIVE__LIST_AUDIT_REQUEST__INIT;
    char party[CAPSA_PARTY_ID];
    char id[CAPSA_AUDIT_ID_TEXT] = "";
    memcpy(party, client->options.party->id, sizeof(party));
    (void)snprintf(id, sizeof(id), "%s", query->decision_id == NULL ? "" : query->decision_id);
    request.party_id = party;
    request.decision_id = id;
    request.before = (int64_t)query->before;
    request.limit = PAGE_ENTRIES;
    return capsa_client_call_with(client, CAPSA_CLIENT_LIST_AUDIT, &request.base, NULL, ret_outcome,
                                  ret_message);
}

/* A page that stays where it is would be asked for without end. */
static capsa_result move_on(const struct page *page, uint64_t from, int64_t next,
                            struct capsa_audit_query *query)
{
    CAPSA_REQUIRE(next >= 0 && (uint64_t)next <= page->before &&
                      ((uint64_t)next < from || next == 0),
                  MALFORMED, "next: %lld does not lead to older entries", (long long)next);
    query->looked_at += from - (uint64_t)next;
    query->before = (uint64_t)next;
    query->ended = next == 0;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_client_audit_page(struct capsa_client *client, struct capsa_audit_query *query,
                                     capsa_audit_each each, void *context, bool *ret_enough)
{
    CAPSA_REQUIRE(client->options.party != NULL, USAGE, "whose entries? a party is needed");
    CAPSA_AUTO_MESSAGE message = NULL;
    struct capsa_client_outcome outcome;
    CAPSA_TRY(ask_page(client, query, &outcome, &message));
    const Native__ListAuditResponse *listed =
        (const Native__ListAuditResponse *)(const void *)message;
    struct page page = {.owner = client->options.party->id, .decision_id = query->decision_id};
    CAPSA_TRY(capsa_client_log_compare(client, listed->checkpoint, &outcome.checkpoint,
                                       &page.checkpoint));
    uint64_t from = query->before == 0 ? page.checkpoint.size : query->before;
    page.before = from;
    *ret_enough = false;
    for (size_t i = 0; i < listed->n_entries && !*ret_enough; i++) {
        CAPSA_TRY_AT(show_entry(&page, listed->entries[i], each, context, ret_enough),
                     "what the manager lists");
    }
    CAPSA_TRY_AT(*ret_enough ? CAPSA_OK : move_on(&page, from, listed->next, query),
                 "what the manager lists");
    return CAPSA_OK;
}

/* ---- the whole log --------------------------------------------------------------------------- */

static capsa_result ask_log(struct capsa_client *client, uint64_t start, uint64_t limit,
                            ProtobufCMessage **ret_message,
                            const Native__AuditLogResponse **ret_response)
{
    Native__AuditLogRequest request = NATIVE__AUDIT_LOG_REQUEST__INIT;
    request.start = (int64_t)start;
    request.limit = (int64_t)limit;
    CAPSA_TRY(capsa_client_send(client, capsa_client_native.service, "GetAuditLog", &request.base,
                                &native__audit_log_response__descriptor, ret_message));
    *ret_response = (const Native__AuditLogResponse *)(const void *)*ret_message;
    return capsa_client_check_status((*ret_response)->status);
}

static capsa_result need_native(struct capsa_client *client)
{
    const capsa_manager *manager;
    CAPSA_TRY(capsa_client_identity(client, &manager));
    CAPSA_REQUIRE(manager != NULL, UNSUPPORTED,
                  "the manager does not speak the native protocol, and has no log to show");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_client_checkpoint(struct capsa_client *client, capsa_buf *note,
                                     struct capsa_checkpoint *ret_checkpoint)
{
    CAPSA_TRY(need_native(client));
    uint64_t least;
    CAPSA_TRY(capsa_client_log_begin(client, &least));
    CAPSA_AUTO_MESSAGE message = NULL;
    const Native__AuditLogResponse *response;
    CAPSA_TRY(ask_log(client, 0, 1, &message, &response));
    CAPSA_TRY(note == NULL ? CAPSA_OK : capsa_buf_str(note, response->checkpoint));
    return capsa_client_log_take(client, response->checkpoint, least, ret_checkpoint);
}

CAPSA_RESULT capsa_client_checkpoint_signed(struct capsa_client *client, capsa_buf *note,
                                            struct capsa_checkpoint *ret_checkpoint)
{
    CAPSA_TRY(need_native(client));
    CAPSA_AUTO_MESSAGE message = NULL;
    const Native__AuditLogResponse *response;
    CAPSA_TRY(ask_log(client, 0, 1, &message, &response));
    CAPSA_TRY(capsa_buf_str(note, response->checkpoint));
    return capsa_client_log_open(client, response->checkpoint, ret_checkpoint);
}

CAPSA_RESULT capsa_client_audit_leaves(struct capsa_client *client, uint64_t start, uint64_t end,
                                       capsa_audit_leaf_each each, void *context,
                                       uint64_t *ret_next)
{
    CAPSA_TRY(need_native(client));
    CAPSA_AUTO_MESSAGE message = NULL;
    const Native__AuditLogResponse *response;
    CAPSA_TRY(ask_log(client, start, 0, &message, &response));
    CAPSA_REQUIRE(response->n_leaves > 0 || start >= end, UNAUTHENTIC,
                  "the manager does not show entry %llu of its log", (unsigned long long)start);
    uint64_t next = start;
    for (size_t i = 0; i < response->n_leaves && next < end; i++, next++) {
        CAPSA_TRY(
            each(context, next, capsa_bytes_of(response->leaves[i].data, response->leaves[i].len)));
    }
    *ret_next = next;
    return CAPSA_OK;
}
