/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log as it is asked for: an owner's own entries with what opens them, the leaves of all,
 * and proofs that the log only grew. The last two are for anybody: leaves name nobody.
 */
#include "keymanager/keymanager_call.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/text.h"

/* ---- an owner's own entries ------------------------------------------------------------------ */

typedef struct {
    struct capsa_km_call *call;
    const char *party;
    uint64_t size; /* of the checkpoint that the proofs lead to */
    uint64_t limit, found;
    uint8_t wanted[CAPSA_AUDIT_ID];
    bool has_wanted;
    struct capsa_json *entries;
} km_listing;

static void km_listing_drop(km_listing *listing)
{
    capsa_json_free(listing->entries);
}

static capsa_result set_base64(struct capsa_json *object, const char *name, capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(bytes.len * 2 + 8);
    const char *string;
    CAPSA_TRY(capsa_base64_write(bytes, CAPSA_BASE64_STD, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &string));
    return capsa_json_set(object, name, capsa_json_new_string(string));
}

/* An int64 is text in protobuf's JSON. */
static capsa_result set_number(struct capsa_json *object, const char *name, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    return capsa_json_set(object, name, capsa_json_new_string(text));
}

static capsa_result set_proof(struct capsa_json *entry, struct capsa_audit_log *log, uint64_t index,
                              uint64_t size)
{
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of((size_t)CAPSA_TREE_PATH_MAX * CAPSA_TREE_HASH);
    CAPSA_TRY(capsa_audit_log_inclusion(log, index, size, &hashes));
    CAPSA_AUTO_FREE(capsa_json) proof = capsa_json_new_object();
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(proof);
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t at = 0; at < hashes.len; at += CAPSA_TREE_HASH) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(64);
        const char *string;
        CAPSA_TRY(capsa_base64_write(capsa_bytes_of(hashes.data + at, CAPSA_TREE_HASH),
                                     CAPSA_BASE64_STD, &text));
        CAPSA_TRY(capsa_buf_cstr(&text, &string));
        CAPSA_TRY(capsa_json_push(list, capsa_json_new_string(string)));
    }
    CAPSA_TRY(set_number(proof, "index", index));
    struct capsa_json *handed_over = list;
    list = NULL;
    CAPSA_TRY(capsa_json_set(proof, "hashes", handed_over));
    handed_over = proof;
    proof = NULL;
    return capsa_json_set(entry, "proof", handed_over);
}

static capsa_result list_entry(km_listing *listing, capsa_audit_kept *kept)
{
    CAPSA_AUTO_FREE(capsa_json) entry = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(entry);
    const char *details;
    CAPSA_TRY(capsa_buf_cstr(&kept->details, &details));
    CAPSA_TRY(set_base64(entry, "leaf", capsa_buf_bytes(&kept->leaf)));
    CAPSA_TRY(set_base64(entry, "salt", capsa_buf_bytes(&kept->salt)));
    CAPSA_TRY(capsa_json_set(entry, "details", capsa_json_new_string(details)));
    CAPSA_TRY(set_proof(entry, listing->call->manager->log, kept->index, listing->size));
    struct capsa_json *handed_over = entry;
    entry = NULL;
    listing->found++;
    return capsa_json_push(listing->entries, handed_over);
}

static bool is_wanted(const km_listing *listing, const capsa_audit_kept *kept)
{
    struct capsa_audit_leaf leaf;
    bool own = capsa_bytes_is(capsa_buf_bytes(&kept->owner), listing->party);
    return own && (!listing->has_wanted ||
                   (!capsa_failed(capsa_audit_leaf_parse(capsa_buf_bytes(&kept->leaf), &leaf)) &&
                    memcmp(leaf.decision_id, listing->wanted, CAPSA_AUDIT_ID) == 0));
}

#define LIST_BYTES MIB(2) /* so that the answer fits one message */

/* Entries are small or large as their authors like, and anybody may have them read. */
static bool is_within_work(size_t bytes_read)
{
    return bytes_read < CAPSA_LIMIT_audit_page_bytes;
}

/* From the entry before `from` towards the oldest; *ret_next is where the next call goes on. */
static capsa_result look_back(km_listing *listing, uint64_t from, uint64_t *ret_next)
{
    uint64_t at = from;
    size_t bytes = 0, bytes_read = 0;
    for (uint64_t looked = 0;
         at > 0 && looked < CAPSA_LIMIT_audit_looked_at && is_within_work(bytes_read) &&
         listing->found < listing->limit && bytes < LIST_BYTES;
         looked++) {
        CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
        CAPSA_TRY(capsa_km_still_wanted(listing->call));
        CAPSA_TRY(capsa_audit_log_read(listing->call->manager->log, at - 1, &kept));
        bytes_read += kept.bytes;
        if (is_wanted(listing, &kept)) {
            if (bytes > 0 && bytes + kept.details.len > LIST_BYTES) {
                break;
            }
            bytes += kept.details.len + KIB(4);
            CAPSA_TRY(list_entry(listing, &kept));
        }
        at--;
    }
    *ret_next = at;
    return CAPSA_OK;
}

static capsa_result listing_begin(struct capsa_km_call *call,
                                  const Native__ListAuditRequest *request, km_listing *listing)
{
    CAPSA_TRY(capsa_km_party_check(call, "party_id", request->party_id));
    CAPSA_REQUIRE(request->before >= 0 && request->limit >= 0, MALFORMED,
                  "before and limit: not below 0");
    listing->call = call;
    listing->party = call->signer.party;
    listing->limit = request->limit == 0 || request->limit > CAPSA_LIMIT_audit_page
                         ? CAPSA_LIMIT_audit_page
                         : (uint64_t)request->limit;
    listing->has_wanted = *request->decision_id != '\0';
    if (listing->has_wanted) {
        CAPSA_TRY_AT(capsa_audit_id_parse(request->decision_id, listing->wanted), "decision_id");
    }
    listing->entries = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(listing->entries);
    return CAPSA_OK;
}

/* The checkpoint of exactly `size` leaves is the newest one only if nothing came meanwhile. */
static capsa_result checkpoint_now(struct capsa_audit_log *log, uint64_t *ret_size, capsa_buf *note)
{
    struct capsa_audit_head before, after;
    do {
        capsa_buf_clear(note);
        capsa_audit_log_head(log, &before);
        CAPSA_TRY(capsa_audit_log_checkpoint(log, note));
        capsa_audit_log_head(log, &after);
    } while (before.size != after.size);
    *ret_size = before.size;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_list_audit(struct capsa_km_call *call)
{
    const Native__ListAuditRequest *request = (const Native__ListAuditRequest *)call->request;
    CAPSA_AUTO(km_listing) listing = {.call = NULL};
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(4));
    const char *note_text;
    uint64_t next = 0;
    CAPSA_TRY(listing_begin(call, request, &listing));
    CAPSA_TRY(checkpoint_now(call->manager->log, &listing.size, &note));
    CAPSA_TRY(capsa_buf_cstr(&note, &note_text));
    bool from_newest = request->before == 0 || (uint64_t)request->before > listing.size;
    CAPSA_TRY(look_back(&listing, from_newest ? listing.size : (uint64_t)request->before, &next));

    CAPSA_AUTO_FREE(capsa_json) answer = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(answer);
    struct capsa_json *entries = listing.entries;
    listing.entries = NULL;
    CAPSA_TRY(capsa_json_set(answer, "entries", entries));
    CAPSA_TRY(set_number(answer, "next", next));
    CAPSA_TRY(capsa_json_set(answer, "checkpoint", capsa_json_new_string(note_text)));
    return capsa_json_write(answer, CAPSA_JSON_COMPACT, call->answer);
}

/* ---- for anybody ----------------------------------------------------------------------------- */

CAPSA_RESULT capsa_km_get_consistency(const struct capsa_km_entry *entry,
                                      const ProtobufCMessage *request, capsa_buf *ret_message)
{
    const Native__ConsistencyRequest *asked = (const Native__ConsistencyRequest *)request;
    CAPSA_REQUIRE(asked->first >= 0 && asked->second >= 0, MALFORMED,
                  "first and second: not below 0");
    CAPSA_AUTO(capsa_buf)
    hashes = capsa_buf_of((size_t)(CAPSA_TREE_PATH_MAX + 1) * CAPSA_TREE_HASH);
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(4));
    CAPSA_TRY(capsa_audit_log_consistency(entry->manager->log, (uint64_t)asked->first,
                                          (uint64_t)asked->second, &hashes, &note));
    ProtobufCBinaryData list[CAPSA_TREE_PATH_MAX + 1];
    const char *note_text;
    CAPSA_TRY(capsa_buf_cstr(&note, &note_text));
    Cm__Status status = capsa_km_status(CAPSA_OK);
    Native__ConsistencyResponse response = NATIVE__CONSISTENCY_RESPONSE__INIT;
    response.status = &status;
    response.checkpoint = capsa_km_field(note_text);
    response.hashes = list;
    for (size_t at = 0; at < hashes.len; at += CAPSA_TREE_HASH) {
        list[response.n_hashes++] = (ProtobufCBinaryData){CAPSA_TREE_HASH, hashes.data + at};
    }
    return capsa_protobuf_write(&response.base, ret_message);
}

/* Leaves one behind the other, `count` of them or as many as there is work for. */
static capsa_result read_leaves(struct capsa_audit_log *log, uint64_t start, uint64_t count,
                                capsa_buf *leaves)
{
    size_t bytes_read = 0;
    for (uint64_t i = 0; i < count && is_within_work(bytes_read); i++) {
        CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
        CAPSA_TRY(capsa_audit_log_read(log, start + i, &kept));
        bytes_read += kept.bytes;
        CAPSA_REQUIRE(kept.leaf.len == CAPSA_AUDIT_LEAF, TAMPERED, "an entry with another leaf");
        CAPSA_TRY(capsa_buf_append(leaves, capsa_buf_bytes(&kept.leaf)));
    }
    return CAPSA_OK;
}

static capsa_result write_leaves(struct capsa_keymanager *manager, capsa_buf *leaves,
                                 const char *note, capsa_buf *ret_message)
{
    size_t count = leaves->len / CAPSA_AUDIT_LEAF;
    ProtobufCBinaryData *list = capsa_alloc_array(count, sizeof(*list));
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < count; i++) {
        list[i] = (ProtobufCBinaryData){CAPSA_AUDIT_LEAF, leaves->data + i * CAPSA_AUDIT_LEAF};
    }
    CAPSA_AUTO(capsa_buf) genesis = capsa_buf_of(KIB(64));
    capsa_result result = capsa_buf_append(&genesis, capsa_store_genesis(manager->store));
    Cm__Status status = capsa_km_status(CAPSA_OK);
    Native__AuditLogResponse response = NATIVE__AUDIT_LOG_RESPONSE__INIT;
    response.status = &status;
    response.leaves = list;
    response.n_leaves = count;
    response.checkpoint = capsa_km_field(note);
    response.genesis = (ProtobufCBinaryData){genesis.len, genesis.data};
    result = capsa_failed(result) ? result : capsa_protobuf_write(&response.base, ret_message);
    capsa_dealloc(list);
    return result;
}

CAPSA_RESULT capsa_km_get_audit_log(const struct capsa_km_entry *entry,
                                    const ProtobufCMessage *request, capsa_buf *ret_message)
{
    const Native__AuditLogRequest *asked = (const Native__AuditLogRequest *)request;
    CAPSA_REQUIRE(asked->start >= 0 && asked->limit >= 0, MALFORMED,
                  "start and limit: not below 0");
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(4));
    const char *note_text;
    uint64_t size, start = (uint64_t)asked->start;
    CAPSA_TRY(checkpoint_now(entry->manager->log, &size, &note));
    CAPSA_TRY(capsa_buf_cstr(&note, &note_text));
    uint64_t count = asked->limit == 0 || asked->limit > CAPSA_LIMIT_audit_page
                         ? CAPSA_LIMIT_audit_page
                         : (uint64_t)asked->limit;
    uint64_t left = start < size ? size - start : 0;
    CAPSA_AUTO(capsa_buf) leaves = capsa_buf_of((size_t)CAPSA_LIMIT_audit_page * CAPSA_AUDIT_LEAF);
    CAPSA_TRY(read_leaves(entry->manager->log, start, count < left ? count : left, &leaves));
    return write_leaves(entry->manager, &leaves, note_text, ret_message);
}
