/* SPDX-License-Identifier: Apache-2.0
 *
 * When the store does not hold the records that the last entry of the log says, somebody changed
 * them while it was closed. Which? Rows that do not open name themselves. Else the entries are
 * walked from the newest back: each lists what was changed with it, so the first mention of a key
 * is what became of it last, and the store is held against that.
 */
#include <inttypes.h>

#include "audit/audit_log_internal.h"
#include "base/alloc.h"
#include "codec/protobuf.h"
#include "store/store_sealed.h"

/* ---- Keys that were met ---------------------------------------------------------------------- */

#define NAME 16 /* bytes of a key's SHA-256; never all zero */

typedef struct key_set {
    uint8_t (*names)[NAME]; /* open addressing; zeros: free */
    size_t capacity, count;
} key_set;

static void key_set_drop(key_set *met)
{
    capsa_dealloc(met->names);
}

static uint8_t *key_set_slot(const key_set *met, const uint8_t name[NAME])
{
    static const uint8_t free_slot[NAME];
    size_t at;
    memcpy(&at, name + 1, sizeof(at));
    at &= met->capacity - 1;
    while (memcmp(met->names[at], free_slot, NAME) != 0 &&
           memcmp(met->names[at], name, NAME) != 0) {
        at = (at + 1) & (met->capacity - 1);
    }
    return met->names[at];
}

static capsa_result key_set_grow(key_set *met)
{
    key_set larger = {.capacity = met->capacity == 0 ? 1024 : 2 * met->capacity};
    static const uint8_t free_slot[NAME];
    larger.names = capsa_alloc_array(larger.capacity, NAME);
    CAPSA_REQUIRE_MEMORY(larger.names);
    for (size_t i = 0; i < met->capacity; i++) {
        if (memcmp(met->names[i], free_slot, NAME) != 0) {
            memcpy(key_set_slot(&larger, met->names[i]), met->names[i], NAME);
        }
    }
    larger.count = met->count;
    key_set_drop(met);
    *met = larger;
    return CAPSA_OK;
}

static capsa_result meet(key_set *met, capsa_bytes key, bool *ret_is_new)
{
    uint8_t name[CAPSA_SHA256];
    capsa_sha256(key, name);
    name[0] |= 1;
    if (2 * met->count >= met->capacity) {
        CAPSA_TRY(key_set_grow(met));
    }
    uint8_t *slot = key_set_slot(met, name);
    *ret_is_new = memcmp(slot, name, NAME) != 0;
    if (*ret_is_new) {
        memcpy(slot, name, NAME);
        met->count++;
    }
    return CAPSA_OK;
}

/* ---- Looking --------------------------------------------------------------------------------- */

/* Versions of a record only grow, so one entry's list may name it twice: the last counts. */
static capsa_result blame_changes(struct capsa_store *store, const Rec__Entry *entry, key_set *met)
{
    for (size_t i = entry->n_changes; i > 0; i--) {
        const Rec__Change *change = entry->changes[i - 1];
        bool is_new;
        CAPSA_TRY(meet(met, audit_bytes(change->key), &is_new));
        if (is_new) {
            CAPSA_TRY(
                capsa_store_blame(store, audit_bytes(change->key), (uint64_t)change->version));
        }
    }
    return CAPSA_OK;
}

static capsa_result blame_entries(struct capsa_audit_log *log)
{
    CAPSA_AUTO(key_set) met = {.count = 0};
    for (uint64_t index = log->now.tree.size; index > 0; index--) {
        CAPSA_AUTO_MESSAGE message = NULL;
        CAPSA_TRY(audit_read_entry(log->options.store, index - 1, &message));
        CAPSA_TRY(blame_changes(log->options.store, audit_entry_of(message), &met));
    }
    return CAPSA_OK;
}

static capsa_result tell_damage(void *context, capsa_bytes key, capsa_result why, bool *ret_stop)
{
    (void)context;
    (void)key;
    (void)ret_stop;
    return why; /* names the record */
}

CAPSA_RESULT audit_blame(struct capsa_audit_log *log)
{
    CAPSA_TRY(capsa_store_find_damaged(log->options.store, tell_damage, NULL));
    CAPSA_TRY(blame_entries(log));
    CAPSA_FAIL(TAMPERED,
               "the store does not hold the records that the last entry of its audit log (%" PRIu64
               ") says; which of them was put back, removed or added is not known",
               log->now.tree.size - 1);
}
