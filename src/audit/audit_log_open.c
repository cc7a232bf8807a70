/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading the log of a store: nothing is believed that does not lead to a signature or come from
 * it.
 */
#include <inttypes.h>

#include "audit/audit_log_internal.h"
#include "codec/protobuf.h"
#include "store/store_sealed.h"

static capsa_result has_entry(const struct capsa_audit_log *log, uint64_t index, bool *ret_has)
{
    char text[AUDIT_INDEX_TEXT];
    audit_index_text(index, text);
    const struct capsa_record_key key = AUDIT_LEAF_KEY(text);
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(capsa_store_find(log->options.store, &key, &record));
    *ret_has = record.version != 0;
    return CAPSA_OK;
}

/* A store that was just begun has no log yet. */
static capsa_result load_nothing(struct capsa_audit_log *log)
{
    bool has = false;
    CAPSA_TRY(has_entry(log, 0, &has));
    CAPSA_REQUIRE(!has, TAMPERED, "the head of the audit log was removed from the store");
    CAPSA_REQUIRE(capsa_store_was_begun(log->options.store), TAMPERED,
                  "the audit log was removed from the store");
    return audit_anchor_check(log);
}

/* ---- A log that is there --------------------------------------------------------------------- */

static capsa_result read_head(struct capsa_audit_log *log, const capsa_record *record,
                              struct capsa_checkpoint *ret_checkpoint)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&rec__head__descriptor, capsa_buf_bytes(&record->value),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Rec__Head *head = (const Rec__Head *)(const void *)message;
    CAPSA_TRY(capsa_checkpoint_open(audit_bytes(head->note), log->options.origin, log->public_key,
                                    ret_checkpoint));
    CAPSA_REQUIRE(ret_checkpoint->size > 0, TAMPERED, "a checkpoint of no entries");
    CAPSA_TRY(capsa_buf_append(&log->now.note, audit_bytes(head->note)));
    log->now.version = record->version;
    log->now.time = head->time;
    return CAPSA_OK;
}

static capsa_result load_tree(struct capsa_audit_log *log, const struct capsa_checkpoint *wanted)
{
    uint8_t root[CAPSA_TREE_HASH];
    CAPSA_TRY(
        capsa_tree_load(wanted->size, audit_fetch_tile, audit_fetch_leaf, log, &log->now.tree));
    capsa_tree_root(&log->now.tree, root);
    CAPSA_REQUIRE(memcmp(root, wanted->root, sizeof(root)) == 0, TAMPERED,
                  "the %" PRIu64 " entries of the audit log are not those that its last checkpoint "
                  "was signed over",
                  wanted->size);
    return CAPSA_OK;
}

/* Else the head was put back to how it was before an entry. */
static capsa_result require_end(const struct capsa_audit_log *log)
{
    bool has = false;
    uint64_t size = log->now.tree.size;
    CAPSA_TRY(has_entry(log, size, &has));
    CAPSA_REQUIRE(!has, TAMPERED,
                  "the head of the audit log was put back: it ends with %" PRIu64
                  " entries, and there are more in the store",
                  size);
    return CAPSA_OK;
}

/* A leaf that was signed: one of a copy of the store would bring the copy's state. */
static capsa_result load_state(struct capsa_audit_log *log)
{
    uint64_t last = log->now.tree.size - 1;
    struct capsa_audit_leaf leaf;
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(audit_read_entry(log->options.store, last, &message));
    CAPSA_TRY(audit_require_own(log, last, audit_bytes(audit_entry_of(message)->leaf)));
    CAPSA_TRY(capsa_audit_leaf_parse(audit_bytes(audit_entry_of(message)->leaf), &leaf));
    memcpy(log->now.state, leaf.state, sizeof(leaf.state));
    return CAPSA_OK;
}

static capsa_result compare_state(struct capsa_audit_log *log)
{
    uint8_t state[CAPSA_STORE_STATE];
    CAPSA_TRY(capsa_store_state(log->options.store, state));
    return memcmp(state, log->now.state, sizeof(state)) == 0 ? CAPSA_OK : audit_blame(log);
}

CAPSA_RESULT audit_load(struct capsa_audit_log *log)
{
    const struct capsa_record_key key = AUDIT_HEAD_KEY;
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(capsa_store_find(log->options.store, &key, &record));
    if (record.version == 0) {
        return load_nothing(log);
    }
    struct capsa_checkpoint checkpoint;
    CAPSA_TRY_AT(read_head(log, &record, &checkpoint), "the head of the audit log");
    CAPSA_TRY(load_tree(log, &checkpoint));
    CAPSA_TRY(require_end(log));
    CAPSA_TRY(load_state(log));
    CAPSA_TRY(audit_anchor_check(log));
    return compare_state(log);
}
