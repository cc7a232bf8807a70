/* SPDX-License-Identifier: Apache-2.0
 *
 * A group of mutations, seen by the log: their leaves become entries, and rows of the same
 * transaction. All that the callers shall get is made before the commit, on a copy of the head; so
 * what comes after it, when there is no way back, cannot fail.
 */
#include "audit/audit_log_internal.h"
#include "base/alloc.h"
#include "codec/protobuf.h"
#include "store/store_backend.h"

/* ---- The group's memory ---------------------------------------------------------------------- */

static void pending_drop(struct audit_pending *pending)
{
    capsa_message_free(pending->message);
    capsa_buf_drop(&pending->proof);
    capsa_buf_drop(&pending->note);
}

static void group_clear(struct capsa_audit_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        pending_drop(&log->pending[i]);
    }
    for (size_t i = 0; i < log->tile_count; i++) {
        capsa_dealloc(log->tiles[i]);
    }
    log->count = 0;
    log->tile_count = 0;
}

void audit_group_drop(struct capsa_audit_log *log)
{
    group_clear(log);
    capsa_dealloc(log->pending);
    capsa_dealloc(log->tiles);
    log->pending = NULL;
    log->tiles = NULL;
}

static capsa_result grow(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return CAPSA_OK;
    }
    size_t more = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = capsa_realloc(*array, more * size);
    CAPSA_REQUIRE_MEMORY(grown);
    *array = grown;
    *capacity = more;
    return CAPSA_OK;
}

/* ---- Gathering ------------------------------------------------------------------------------- */

/* The changes of batches without leaves go to the next entry behind them. */
static size_t batches_told(const struct capsa_audit_log *log)
{
    return log->count == 0 ? 0 : log->pending[log->count - 1].end_batch;
}

static capsa_result gather_entry(struct capsa_audit_log *log, capsa_bytes bytes,
                                 capsa_audit_receipt *receipt, size_t end_batch)
{
    void *pending = log->pending;
    CAPSA_TRY(grow(&pending, log->count, &log->capacity, sizeof(*log->pending)));
    log->pending = pending;
    ProtobufCMessage *message;
    CAPSA_TRY_AT(audit_entry_parse(bytes, &message), "an audit entry");
    size_t first_batch = batches_told(log);
    log->pending[log->count++] = (struct audit_pending){
        .message = message,
        .receipt = receipt,
        .first_batch = first_batch,
        .end_batch = end_batch,
    };
    return CAPSA_OK;
}

static capsa_result gather_own(struct capsa_audit_log *log, enum capsa_audit_type type,
                               capsa_bytes details)
{
    capsa_time now = capsa_now(log->options.clock);
    const struct capsa_audit_entry entry = {
        .type = type,
        .time = now > log->now.time ? now : log->now.time, /* no clock turns the log back */
        .details = details};
    uint8_t decision_id[CAPSA_AUDIT_ID];
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(4));
    CAPSA_TRY(audit_entry_make(&entry, decision_id, &bytes));
    return gather_entry(log, capsa_buf_bytes(&bytes), NULL, batches_told(log));
}

static capsa_result gather_genesis(struct capsa_audit_log *log)
{
    CAPSA_AUTO(capsa_buf) details = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&details, "{\"manager\":\"%s\"}", log->options.origin));
    return gather_own(log, CAPSA_AUDIT_GENESIS, capsa_buf_bytes(&details));
}

static capsa_result gather_batch(struct capsa_audit_log *log, const struct capsa_group *group,
                                 size_t at)
{
    const struct capsa_batch *batch = group->batches[at];
    for (size_t i = 0; i < batch->leaf_count; i++) {
        CAPSA_TRY(gather_entry(log, capsa_buf_bytes(&batch->leaves[i].bytes),
                               batch->leaves[i].context, at + 1));
    }
    return CAPSA_OK;
}

static capsa_result gather(struct capsa_audit_log *log, const struct capsa_group *group)
{
    if (log->now.tree.size == 0) {
        CAPSA_TRY(gather_genesis(log));
    }
    for (size_t i = 0; i < group->count; i++) {
        if (group->results[i].code == CAPSA_E_OK) {
            CAPSA_TRY(gather_batch(log, group, i));
        }
    }
    /* Else the log's last state would be another than the store's. */
    bool has_changed = memcmp(group->state, log->now.state, CAPSA_AUDIT_STATE) != 0;
    if (log->count == 0 && has_changed) {
        CAPSA_TRY(gather_own(log, CAPSA_AUDIT_UPKEEP, CAPSA_BYTES_LITERAL("{}")));
    }
    if (log->count > 0) {
        log->pending[log->count - 1].end_batch = group->count;
    }
    return CAPSA_OK;
}

/* ---- The tree -------------------------------------------------------------------------------- */

static capsa_result put_tile(const struct audit_tile *tile, struct capsa_batch *last)
{
    char level[AUDIT_INDEX_TEXT], index[AUDIT_INDEX_TEXT];
    audit_index_text(tile->level, level);
    audit_index_text(tile->index, index);
    const struct capsa_record_key key = AUDIT_TILE_KEY(level, index);
    return capsa_batch_put(last, &key, 0, NULL, capsa_bytes_of(tile->hashes, TILE_BYTES));
}

struct appending {
    struct capsa_audit_log *log;
    struct capsa_batch *last;
};

static capsa_result keep_tile(void *context, unsigned level, uint64_t index,
                              const uint8_t hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH])
{
    const struct appending *appending = context;
    struct capsa_audit_log *log = appending->log;
    void *tiles = log->tiles;
    CAPSA_TRY(grow(&tiles, log->tile_count, &log->tile_capacity, sizeof(*log->tiles)));
    log->tiles = tiles;
    struct audit_tile *tile = CAPSA_NEW(struct audit_tile);
    CAPSA_REQUIRE_MEMORY(tile);
    tile->level = level;
    tile->index = index;
    memcpy(tile->hashes, hashes, TILE_BYTES);
    log->tiles[log->tile_count++] = tile;
    return put_tile(tile, appending->last);
}

static capsa_result append(struct appending *appending, Rec__Entry *entry, const uint8_t *state)
{
    struct audit_head *next = &appending->log->next;
    struct capsa_audit_leaf leaf;
    uint8_t hash[CAPSA_TREE_HASH];
    CAPSA_TRY(capsa_audit_leaf_parse(audit_bytes(entry->leaf), &leaf));
    memcpy(leaf.state, state, sizeof(leaf.state));
    capsa_audit_leaf_write(&leaf, entry->leaf.data);
    capsa_tree_leaf_hash(audit_bytes(entry->leaf), hash);
    next->time = leaf.time > next->time ? leaf.time : next->time;
    return capsa_tree_append(&next->tree, hash, keep_tile, appending);
}

static capsa_result append_all(struct capsa_audit_log *log, const struct capsa_group *group,
                               struct capsa_batch *last)
{
    struct appending appending = {log, last};
    for (size_t i = 0; i < log->count; i++) {
        CAPSA_TRY(append(&appending, audit_entry_of(log->pending[i].message), group->state));
    }
    memcpy(log->next.state, group->state, CAPSA_AUDIT_STATE);
    struct capsa_checkpoint checkpoint = {.size = log->next.tree.size};
    memcpy(checkpoint.origin, log->options.origin, sizeof(checkpoint.origin));
    capsa_tree_root(&log->next.tree, checkpoint.root);
    capsa_buf_clear(&log->next.note);
    return capsa_checkpoint_sign_as(&checkpoint, log->options.audit_key, log->public_key,
                                    &log->next.note);
}

/* ---- Changes --------------------------------------------------------------------------------- */

struct changes {
    Rec__Change *items;
    Rec__Change **list;
    size_t count;
};

static void changes_drop(struct changes *changes)
{
    capsa_dealloc(changes->items);
    capsa_dealloc(changes->list);
}

/* How many steps of the batches that were taken change a record; SIZE_MAX: too much to be kept. */
static size_t count_changes(const struct capsa_group *group, const struct audit_pending *pending)
{
    size_t count = 0, bytes = 0;
    for (size_t i = pending->first_batch; i < pending->end_batch; i++) {
        const struct capsa_batch *batch = group->batches[i];
        for (size_t j = 0; group->results[i].code == CAPSA_E_OK && j < batch->count; j++) {
            if (batch->steps[j].kind != CAPSA_STEP_CHECK) {
                count++;
                bytes += batch->steps[j].key.len + 16; /* and what protobuf adds */
            }
        }
    }
    return bytes <= CAPSA_LIMIT_audit_changes ? count : SIZE_MAX;
}

static void add_change(struct changes *changes, const struct capsa_step *step)
{
    if (step->kind == CAPSA_STEP_CHECK) {
        return;
    }
    Rec__Change *change = &changes->items[changes->count];
    rec__change__init(change);
    change->key = audit_field(step->key.data, step->key.len);
    change->version = step->kind == CAPSA_STEP_PUT ? (int64_t)step->expected + 1 : 0;
    changes->list[changes->count++] = change;
}

static capsa_result list_changes(const struct capsa_group *group,
                                 const struct audit_pending *pending, struct changes *changes)
{
    size_t count = count_changes(group, pending);
    if (count == 0 || count == SIZE_MAX) {
        return CAPSA_OK;
    }
    changes->items = capsa_alloc_array(count, sizeof(*changes->items));
    changes->list = capsa_alloc_array(count, sizeof(Rec__Change *));
    CAPSA_REQUIRE_MEMORY(changes->items);
    CAPSA_REQUIRE_MEMORY(changes->list);
    for (size_t i = pending->first_batch; i < pending->end_batch; i++) {
        const struct capsa_batch *batch = group->batches[i];
        for (size_t j = 0; group->results[i].code == CAPSA_E_OK && j < batch->count; j++) {
            add_change(changes, &batch->steps[j]);
        }
    }
    return CAPSA_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static capsa_result put_entry(uint64_t index, const Rec__Entry *entry, struct capsa_batch *last)
{
    char text[AUDIT_INDEX_TEXT];
    audit_index_text(index, text);
    const struct capsa_record_key key = AUDIT_LEAF_KEY(text);
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(CAPSA_LIMIT_record_value);
    CAPSA_TRY(capsa_protobuf_write(&entry->base, &value));
    return capsa_batch_put(last, &key, 0, NULL, capsa_buf_bytes(&value));
}

static capsa_result put_row(const struct capsa_audit_log *log, const struct capsa_group *group,
                            size_t at, struct capsa_batch *last)
{
    const struct audit_pending *pending = &log->pending[at];
    struct changes changes = {.count = 0};
    capsa_result result = list_changes(group, pending, &changes);
    if (!capsa_failed(result)) {
        Rec__Entry row = *audit_entry_of(pending->message); /* borrows what it holds */
        row.changes = changes.list;
        row.n_changes = changes.count;
        if (at == log->count - 1) {
            row.note = audit_field(log->next.note.data, log->next.note.len);
        }
        result = put_entry(log->now.tree.size + at, &row, last);
    }
    changes_drop(&changes);
    return result;
}

static capsa_result put_head(const struct capsa_audit_log *log, struct capsa_batch *last)
{
    const struct capsa_record_key key = AUDIT_HEAD_KEY;
    Rec__Head head = REC__HEAD__INIT;
    head.note = audit_field(log->next.note.data, log->next.note.len);
    head.time = log->next.time;
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_protobuf_write(&head.base, &value));
    return capsa_batch_put(last, &key, log->now.version, NULL, capsa_buf_bytes(&value));
}

static capsa_result put_rows(const struct capsa_audit_log *log, const struct capsa_group *group,
                             struct capsa_batch *last)
{
    for (size_t i = 0; i < log->count; i++) {
        CAPSA_TRY(put_row(log, group, i, last));
    }
    return put_head(log, last);
}

/* ---- Receipts -------------------------------------------------------------------------------- */

/* A proof about an entry of this group needs the tiles that it lies in, which are unfinished or
 * have become full just now: nothing is read from the store. */
static capsa_result fetch_own(void *context, unsigned level, uint64_t index,
                              uint8_t ret_hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH])
{
    const struct capsa_audit_log *log = context;
    for (size_t i = 0; i < log->tile_count; i++) {
        if (log->tiles[i]->level == level && log->tiles[i]->index == index) {
            memcpy(ret_hashes, log->tiles[i]->hashes, TILE_BYTES);
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(INTERNAL, "a proof about a new entry that needs an old tile");
}

static capsa_result prove(struct capsa_audit_log *log, struct capsa_tree_prover *prover, size_t at)
{
    struct audit_pending *pending = &log->pending[at];
    pending->proof = capsa_buf_of((size_t)CAPSA_TREE_PATH_MAX * CAPSA_TREE_HASH);
    pending->note = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    CAPSA_TRY(capsa_buf_append(&pending->note, capsa_buf_bytes(&log->next.note)));
    return capsa_tree_inclusion(prover, log->now.tree.size + at, log->next.tree.size,
                                &pending->proof);
}

static capsa_result prove_all(struct capsa_audit_log *log)
{
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    CAPSA_TRY(capsa_tree_prover_new(&log->next.tree, fetch_own, log, &prover));
    for (size_t i = 0; i < log->count; i++) {
        if (log->pending[i].receipt != NULL) {
            CAPSA_TRY(prove(log, prover, i));
        }
    }
    return CAPSA_OK;
}

/* Cannot fail. */
static void hand_over(const struct capsa_audit_log *log, size_t at)
{
    struct audit_pending *pending = &log->pending[at];
    capsa_audit_receipt *receipt = pending->receipt;
    const Rec__Entry *entry = audit_entry_of(pending->message);
    capsa_buf_drop(&receipt->proof);
    capsa_buf_drop(&receipt->note);
    receipt->size = log->now.tree.size;
    receipt->index = receipt->size - log->count + at;
    memcpy(receipt->leaf, entry->leaf.data, CAPSA_AUDIT_LEAF);
    receipt->proof = pending->proof;
    receipt->note = pending->note;
    pending->proof = (capsa_buf){0}; /* handed over */
    pending->note = (capsa_buf){0};
}

/* ---- The hooks ------------------------------------------------------------------------------- */

static capsa_result begin_next(struct capsa_audit_log *log)
{
    CAPSA_TRY(capsa_tree_copy(&log->now.tree, &log->next.tree));
    log->next.version = log->now.version + 1;
    log->next.time = log->now.time;
    return CAPSA_OK;
}

static capsa_result make_entries(struct capsa_audit_log *log, const struct capsa_group *group,
                                 struct capsa_batch *last)
{
    CAPSA_TRY(gather(log, group));
    if (log->count == 0) {
        return CAPSA_OK;
    }
    CAPSA_TRY(begin_next(log));
    CAPSA_TRY(append_all(log, group, last));
    CAPSA_TRY(put_rows(log, group, last));
    return prove_all(log);
}

CAPSA_RESULT audit_finish(void *context, const struct capsa_group *group, struct capsa_batch *last)
{
    struct capsa_audit_log *log = context;
    group_clear(log);
    CAPSA_REQUIRE(group->state != NULL, INTERNAL, "an audit log of a store without a state");
    CAPSA_TRY_AT(audit_anchor_follow(log), "nothing is committed while the anchor is behind");
    return make_entries(log, group, last);
}

static void adopt(struct capsa_audit_log *log)
{
    (void)pthread_mutex_lock(&log->mutex);
    struct audit_head before = log->now;
    log->now = log->next;
    log->next = before;
    (void)pthread_mutex_unlock(&log->mutex);
    for (size_t i = 0; i < log->count; i++) {
        if (log->pending[i].receipt != NULL) {
            hand_over(log, i);
        }
    }
}

CAPSA_RESULT audit_settle(void *context, const struct capsa_group *group, bool committed)
{
    (void)group;
    struct capsa_audit_log *log = context;
    bool has_grown = committed && log->count > 0;
    if (has_grown) {
        adopt(log);
    }
    group_clear(log);
    capsa_result followed = has_grown ? audit_anchor_follow(log) : CAPSA_OK;
    CAPSA_REQUIRE(!capsa_failed(followed), STORE, "committed, but %s", capsa_text_of(followed));
    return CAPSA_OK;
}
