/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a store as it stands, row by row, for whoever wants to know what is wrong with it: no
 * row is believed, and none that is broken ends the walk.
 */
#include "audit/audit_log_internal.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "codec/protobuf.h"
#include "store/store_backend.h"

/* ---- Which rows there are -------------------------------------------------------------------- */

typedef struct index_list {
    uint64_t *items; /* ascending */
    size_t count, capacity;
} index_list;

static void index_list_drop(index_list *list)
{
    capsa_dealloc(list->items);
    *list = (index_list){.items = NULL};
}

static capsa_result index_list_add(index_list *list, uint64_t index)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 1024 : 2 * list->capacity;
        uint64_t *grown = capsa_realloc(list->items, capacity * sizeof(*grown));
        CAPSA_REQUIRE_MEMORY(grown);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = index;
    return CAPSA_OK;
}

/* Whether this is how an index is written, and of which one. */
static bool read_index(const char *text, uint64_t *ret_index)
{
    uint64_t index = 0;
    char again[AUDIT_INDEX_TEXT];
    for (const char *at = text; *at != '\0' && at - text < AUDIT_INDEX_TEXT - 1; at++) {
        index = index << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    }
    audit_index_text(index, again);
    *ret_index = index;
    return capsa_streq(text, again);
}

/* A row of another key is no entry, and nobody reads it. */
static capsa_result note_row(void *context, capsa_bytes key, const capsa_record *row,
                             bool *ret_stop)
{
    (void)row;
    (void)ret_stop;
    CAPSA_AUTO(capsa_buf) texts = capsa_buf_of(2 * (size_t)CAPSA_LIMIT_record_key);
    struct capsa_record_key parsed;
    uint64_t index;
    if (capsa_failed(capsa_record_key_parse(key, &texts, &parsed)) || parsed.parts[0] == NULL ||
        parsed.parts[1] != NULL || !read_index(parsed.parts[0], &index)) {
        return CAPSA_OK;
    }
    return index_list_add(context, index);
}

/* Of the rows beneath the seal: a walk over the sealed ones ends at the first that does not open.
 */
static capsa_result list_rows(struct capsa_store *store, index_list *list)
{
    CAPSA_REQUIRE(store->inner != NULL, USAGE, "a store that is not sealed");
    const struct capsa_record_key leaves = AUDIT_LEAF_KEY(NULL);
    CAPSA_AUTO(capsa_buf) prefix = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_TRY(capsa_record_key_write(&leaves, &prefix));
    return store->inner->ops->each(store->inner, capsa_buf_bytes(&prefix), note_row, list);
}

/* ---- What they hold -------------------------------------------------------------------------- */

struct walking {
    struct capsa_store *store;
    const struct capsa_audit_walk *walk;
    uint8_t last[CAPSA_SHA256]; /* of the note that was shown last */
};

/* The row is at fault, and not the machine. */
static bool is_broken(capsa_result result)
{
    return capsa_code_of(result) == CAPSA_E_TAMPERED ||
           capsa_code_of(result) == CAPSA_E_MALFORMED ||
           capsa_code_of(result) == CAPSA_E_TRUNCATED ||
           capsa_code_of(result) == CAPSA_E_UNKNOWN_FIELD;
}

static capsa_result show_note(struct walking *walking, capsa_bytes note)
{
    capsa_sha256(note, walking->last);
    return walking->walk->checkpoint(walking->walk->context, note);
}

static capsa_result show_entry(struct walking *walking, uint64_t index)
{
    const struct capsa_audit_walk *walk = walking->walk;
    CAPSA_AUTO_MESSAGE message = NULL;
    capsa_result result = audit_read_entry(walking->store, index, &message);
    if (capsa_failed(result)) {
        return is_broken(result) ? walk->entry(walk->context, index, (capsa_bytes){NULL, 0})
                                 : result;
    }
    const Rec__Entry *entry = audit_entry_of(message);
    CAPSA_TRY(walk->entry(walk->context, index, audit_bytes(entry->leaf)));
    return entry->note.len == 0 ? CAPSA_OK : show_note(walking, audit_bytes(entry->note));
}

/* What the head says, if it is not what the last entry said. */
static capsa_result show_head(struct walking *walking)
{
    const struct capsa_record_key key = AUDIT_HEAD_KEY;
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_AUTO_MESSAGE message = NULL;
    capsa_result result = capsa_store_get(walking->store, &key, &record);
    if (!capsa_failed(result)) {
        result = capsa_protobuf_parse(&rec__head__descriptor, capsa_buf_bytes(&record.value),
                                      CAPSA_UNKNOWN_REFUSED, &message);
    }
    if (capsa_failed(result)) {
        return is_broken(result) || capsa_code_of(result) == CAPSA_E_NOT_FOUND
                   ? show_note(walking, (capsa_bytes){NULL, 0})
                   : result;
    }
    capsa_bytes note = audit_bytes(((const Rec__Head *)(const void *)message)->note);
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(note, digest);
    return memcmp(digest, walking->last, sizeof(digest)) == 0 ? CAPSA_OK : show_note(walking, note);
}

CAPSA_RESULT capsa_audit_walk_store(struct capsa_store *store, const struct capsa_audit_walk *walk)
{
    CAPSA_AUTO(index_list) list = {.items = NULL};
    CAPSA_TRY(list_rows(store, &list));
    struct walking walking = {.store = store, .walk = walk};
    for (size_t i = 0; i < list.count; i++) {
        CAPSA_TRY(show_entry(&walking, list.items[i]));
    }
    return show_head(&walking);
}
