/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the log: its rows, entries as they were kept, and proofs. Any thread; a proof is made on
 * a copy of the head, so that no commit waits for it.
 */
#include <inttypes.h>

#include "audit/audit_log_internal.h"
#include "base/alloc.h"
#include "codec/protobuf.h"

/* ---- Rows ------------------------------------------------------------------------------------ */

void audit_index_text(uint64_t index, char ret_text[AUDIT_INDEX_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = AUDIT_INDEX_TEXT - 1; i > 0; i--) {
        ret_text[i - 1] = digits[index & 15];
        index >>= 4;
    }
    ret_text[AUDIT_INDEX_TEXT - 1] = '\0';
}

CAPSA_RESULT audit_read_entry(struct capsa_store *store, uint64_t index,
                              ProtobufCMessage **ret_message)
{
    char text[AUDIT_INDEX_TEXT];
    audit_index_text(index, text);
    const struct capsa_record_key key = AUDIT_LEAF_KEY(text);
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(capsa_store_find(store, &key, &record));
    CAPSA_REQUIRE(record.version != 0, TAMPERED,
                  "entry %" PRIu64 " of the audit log was removed from the store", index);
    CAPSA_TRY_AT(audit_entry_parse(capsa_buf_bytes(&record.value), ret_message),
                 "entry %" PRIu64 " of the audit log", index);
    return CAPSA_OK;
}

CAPSA_RESULT audit_fetch_tile(void *context, unsigned level, uint64_t index,
                              uint8_t ret_hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH])
{
    const struct capsa_audit_log *log = context;
    char level_text[AUDIT_INDEX_TEXT], index_text[AUDIT_INDEX_TEXT];
    audit_index_text(level, level_text);
    audit_index_text(index, index_text);
    const struct capsa_record_key key = AUDIT_TILE_KEY(level_text, index_text);
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(capsa_store_find(log->options.store, &key, &record));
    CAPSA_REQUIRE(record.version != 0, TAMPERED,
                  "tile %u/%" PRIu64 " of the audit log was removed from the store", level, index);
    CAPSA_REQUIRE(record.value.len == TILE_BYTES, TAMPERED,
                  "tile %u/%" PRIu64 " of the audit log has %zu bytes", level, index,
                  record.value.len);
    memcpy(ret_hashes, record.value.data, TILE_BYTES);
    return CAPSA_OK;
}

CAPSA_RESULT audit_fetch_leaf(void *context, uint64_t index, uint8_t ret_hash[CAPSA_TREE_HASH])
{
    const struct capsa_audit_log *log = context;
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(audit_read_entry(log->options.store, index, &message));
    capsa_tree_leaf_hash(audit_bytes(audit_entry_of(message)->leaf), ret_hash);
    return CAPSA_OK;
}

/* ---- The head -------------------------------------------------------------------------------- */

static struct capsa_audit_log *lock(struct capsa_audit_log *log)
{
    (void)pthread_mutex_lock(&log->mutex);
    return log;
}

static void unlock(struct capsa_audit_log *log)
{
    (void)pthread_mutex_unlock(&log->mutex);
}

void capsa_audit_log_head(struct capsa_audit_log *log, struct capsa_audit_head *ret_head)
{
    lock(log);
    *ret_head = (struct capsa_audit_head){.size = log->now.tree.size, .time = log->now.time};
    unlock(log);
}

void capsa_audit_log_anchor(struct capsa_audit_log *log, struct capsa_error *ret_error)
{
    lock(log);
    *ret_error = log->anchor_error;
    unlock(log);
}

static capsa_result append_note(const struct audit_head *head, capsa_buf *note)
{
    CAPSA_REQUIRE(head->note.len > 0, NOT_FOUND, "the audit log has no entries yet");
    return capsa_buf_append(note, capsa_buf_bytes(&head->note));
}

CAPSA_RESULT capsa_audit_log_checkpoint(struct capsa_audit_log *log, capsa_buf *note)
{
    lock(log);
    capsa_result result = append_note(&log->now, note);
    unlock(log);
    return result;
}

/* ---- Proofs ---------------------------------------------------------------------------------- */

/* The log as it is now; `note` may be NULL. */
static capsa_result snapshot(struct capsa_audit_log *log, capsa_tree *tree, capsa_buf *note)
{
    lock(log);
    capsa_result result = capsa_tree_copy(&log->now.tree, tree);
    if (!capsa_failed(result) && note != NULL) {
        result = append_note(&log->now, note);
    }
    unlock(log);
    return result;
}

/* Tiles are sealed, but those of a copy of the store that went another way open too. */
static capsa_result require_proof(capsa_result checked)
{
    CAPSA_REQUIRE(!capsa_failed(checked), TAMPERED,
                  "the tiles of the audit log are not its own: %s", capsa_text_of(checked));
    return CAPSA_OK;
}

static capsa_result check_consistency(struct capsa_tree_prover *prover, uint64_t first,
                                      uint64_t second, const capsa_tree *tree, capsa_bytes hashes)
{
    uint8_t first_root[CAPSA_TREE_HASH], second_root[CAPSA_TREE_HASH];
    if (second != tree->size) {
        return CAPSA_OK; /* nothing to hold it against that does not come from tiles */
    }
    CAPSA_TRY(capsa_tree_root_at(prover, first, first_root));
    capsa_tree_root(tree, second_root);
    return require_proof(
        capsa_tree_consistency_check(first, first_root, second, second_root, hashes));
}

CAPSA_RESULT capsa_audit_log_consistency(struct capsa_audit_log *log, uint64_t first,
                                         uint64_t second, capsa_buf *hashes, capsa_buf *note)
{
    CAPSA_AUTO(capsa_tree) tree = {0};
    CAPSA_AUTO(capsa_buf) latest = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    CAPSA_AUTO(capsa_buf) proof = capsa_buf_of((CAPSA_TREE_PATH_MAX + 1) * CAPSA_TREE_HASH);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    CAPSA_TRY(snapshot(log, &tree, second == 0 ? &latest : NULL));
    uint64_t size = second == 0 ? tree.size : second;
    CAPSA_TRY(capsa_tree_prover_new(&tree, audit_fetch_tile, log, &prover));
    CAPSA_TRY(capsa_tree_consistency(prover, first, size, &proof));
    CAPSA_TRY(check_consistency(prover, first, size, &tree, capsa_buf_bytes(&proof)));
    size_t before = hashes->len;
    CAPSA_TRY(capsa_buf_append(hashes, capsa_buf_bytes(&proof)));
    capsa_result result = second == 0 ? capsa_buf_append(note, capsa_buf_bytes(&latest)) : CAPSA_OK;
    if (capsa_failed(result)) {
        capsa_buf_cut(hashes, before);
    }
    return result;
}

static capsa_result check_inclusion(struct capsa_tree_prover *prover, uint64_t index, uint64_t size,
                                    const capsa_tree *tree, capsa_bytes hashes)
{
    uint8_t leaf[CAPSA_TREE_HASH], root[CAPSA_TREE_HASH];
    if (size != tree->size) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_tree_leaf_at(prover, index, leaf));
    capsa_tree_root(tree, root);
    return require_proof(capsa_tree_inclusion_check(leaf, index, size, hashes, root));
}

CAPSA_RESULT capsa_audit_log_inclusion(struct capsa_audit_log *log, uint64_t index, uint64_t size,
                                       capsa_buf *hashes)
{
    CAPSA_AUTO(capsa_tree) tree = {0};
    CAPSA_AUTO(capsa_buf) proof = capsa_buf_of((size_t)CAPSA_TREE_PATH_MAX * CAPSA_TREE_HASH);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    CAPSA_TRY(snapshot(log, &tree, NULL));
    CAPSA_TRY(capsa_tree_prover_new(&tree, audit_fetch_tile, log, &prover));
    CAPSA_TRY(capsa_tree_inclusion(prover, index, size, &proof));
    CAPSA_TRY(check_inclusion(prover, index, size, &tree, capsa_buf_bytes(&proof)));
    return capsa_buf_append(hashes, capsa_buf_bytes(&proof));
}

/* ---- Entries --------------------------------------------------------------------------------- */

/* The hash of a leaf, where it is at hand: in the unfinished tile, or in the one fetched last. */
static bool hash_at_hand(struct capsa_audit_log *log, uint64_t index,
                         uint8_t ret_hash[CAPSA_TREE_HASH])
{
    const uint8_t *tile = NULL;
    lock(log);
    if (index / CAPSA_TREE_TILE == log->now.tree.size / CAPSA_TREE_TILE) {
        tile = log->now.tree.partial[0];
    } else if (log->recent != NULL && log->recent->index == index / CAPSA_TREE_TILE) {
        tile = log->recent->hashes;
    }
    if (tile != NULL) {
        memcpy(ret_hash, tile + index % CAPSA_TREE_TILE * CAPSA_TREE_HASH, CAPSA_TREE_HASH);
    }
    unlock(log);
    return tile != NULL;
}

struct judging {
    const struct capsa_audit_log *log;
    const struct audit_tile *tile;
};

static capsa_result fetch_judged(void *context, unsigned level, uint64_t index,
                                 uint8_t ret_hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH])
{
    struct judging *judging = context;
    if (level == 0 && index == judging->tile->index) {
        memcpy(ret_hashes, judging->tile->hashes, TILE_BYTES);
        return CAPSA_OK;
    }
    return audit_fetch_tile((void *)(uintptr_t)judging->log, level, index, ret_hashes);
}

/* All other hashes of a full tile go into the proof of its first leaf. */
static capsa_result require_own_tile(struct capsa_audit_log *log, const struct audit_tile *tile)
{
    CAPSA_AUTO(capsa_tree) tree = {0};
    CAPSA_AUTO(capsa_buf) proof = capsa_buf_of((size_t)CAPSA_TREE_PATH_MAX * CAPSA_TREE_HASH);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    struct judging judging = {log, tile};
    uint8_t root[CAPSA_TREE_HASH];
    uint64_t first = tile->index * CAPSA_TREE_TILE;
    CAPSA_TRY(snapshot(log, &tree, NULL));
    CAPSA_TRY(capsa_tree_prover_new(&tree, fetch_judged, &judging, &prover));
    CAPSA_TRY(capsa_tree_inclusion(prover, first, tree.size, &proof));
    capsa_tree_root(&tree, root);
    return require_proof(
        capsa_tree_inclusion_check(tile->hashes, first, tree.size, capsa_buf_bytes(&proof), root));
}

/* Entries are mostly read in their order. */
static capsa_result hash_of(struct capsa_audit_log *log, uint64_t index,
                            uint8_t ret_hash[CAPSA_TREE_HASH])
{
    if (hash_at_hand(log, index, ret_hash)) {
        return CAPSA_OK;
    }
    struct audit_tile *tile = CAPSA_NEW(struct audit_tile);
    CAPSA_REQUIRE_MEMORY(tile);
    tile->index = index / CAPSA_TREE_TILE;
    capsa_result result = audit_fetch_tile(log, 0, tile->index, tile->hashes);
    if (!capsa_failed(result)) {
        result = require_own_tile(log, tile);
    }
    if (!capsa_failed(result)) {
        memcpy(ret_hash, tile->hashes + index % CAPSA_TREE_TILE * CAPSA_TREE_HASH, CAPSA_TREE_HASH);
        lock(log);
        struct audit_tile *before = log->recent;
        log->recent = tile;
        unlock(log);
        tile = before;
    }
    capsa_dealloc(tile);
    return result;
}

CAPSA_RESULT audit_require_own(struct capsa_audit_log *log, uint64_t index, capsa_bytes leaf)
{
    uint8_t wanted[CAPSA_TREE_HASH], hash[CAPSA_TREE_HASH];
    CAPSA_TRY_AT(hash_of(log, index, wanted), "entry %" PRIu64 " of the audit log", index);
    capsa_tree_leaf_hash(leaf, hash);
    CAPSA_REQUIRE(memcmp(hash, wanted, sizeof(hash)) == 0, TAMPERED,
                  "entry %" PRIu64 " of the audit log is not the one that was signed", index);
    return CAPSA_OK;
}

static capsa_result copy_field(ProtobufCBinaryData field, capsa_buf *ret_copy)
{
    *ret_copy = capsa_buf_of(field.len);
    return capsa_buf_append(ret_copy, audit_bytes(field));
}

static capsa_result copy_entry(const Rec__Entry *entry, capsa_audit_kept *kept)
{
    CAPSA_TRY(copy_field(entry->leaf, &kept->leaf));
    CAPSA_TRY(copy_field(entry->salt, &kept->salt));
    CAPSA_TRY(copy_field(entry->owner, &kept->owner));
    CAPSA_TRY(copy_field(entry->details, &kept->details));
    CAPSA_TRY(copy_field(entry->spent, &kept->spent));
    return copy_field(entry->note, &kept->note);
}

CAPSA_RESULT capsa_audit_log_read(struct capsa_audit_log *log, uint64_t index,
                                  capsa_audit_kept *ret_kept)
{
    struct capsa_audit_head head;
    capsa_audit_log_head(log, &head);
    CAPSA_REQUIRE(index < head.size, NOT_FOUND, "the audit log has %" PRIu64 " entries", head.size);
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(audit_read_entry(log->options.store, index, &message));
    const Rec__Entry *entry = audit_entry_of(message);
    CAPSA_TRY(audit_require_own(log, index, audit_bytes(entry->leaf)));
    CAPSA_AUTO(capsa_audit_kept)
    kept = {.index = index, .bytes = protobuf_c_message_get_packed_size(message)};
    CAPSA_TRY(copy_entry(entry, &kept));
    capsa_audit_kept_drop(ret_kept);
    *ret_kept = kept;
    kept = (capsa_audit_kept){.index = 0}; /* handed over */
    return CAPSA_OK;
}
