/* SPDX-License-Identifier: Apache-2.0
 *
 * The log and its anchor: at the opening the anchor must have seen no more than the log has, and
 * afterwards it follows each commit. At most one group is ever ahead of it.
 */
#include <inttypes.h>

#include "audit/audit_log_internal.h"

static bool is_behind(const struct capsa_audit_log *log)
{
    return log->options.anchor != NULL && log->now.note.len > 0 &&
           !capsa_bytes_equal(capsa_buf_bytes(&log->anchored), capsa_buf_bytes(&log->now.note));
}

static capsa_result get(struct capsa_anchor *anchor, capsa_buf *ret_note)
{
    capsa_buf_clear(ret_note);
    return anchor->ops->get(anchor, ret_note);
}

/* An earlier attempt may have moved it and failed all the same: then it is where it should be. */
static capsa_result move(struct capsa_audit_log *log, const capsa_buf *to)
{
    struct capsa_anchor *anchor = log->options.anchor;
    capsa_result result =
        anchor->ops->advance(anchor, capsa_buf_bytes(&log->anchored), capsa_buf_bytes(to));
    if (capsa_code_of(result) != CAPSA_E_CONFLICT) {
        return result;
    }
    CAPSA_AUTO(capsa_buf) there = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    CAPSA_TRY(get(anchor, &there));
    return capsa_bytes_equal(capsa_buf_bytes(&there), capsa_buf_bytes(to)) ? CAPSA_OK : result;
}

static capsa_result follow(struct capsa_audit_log *log)
{
    CAPSA_AUTO(capsa_buf) to = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    CAPSA_TRY(capsa_buf_append(&to, capsa_buf_bytes(&log->now.note)));
    CAPSA_TRY(move(log, &to));
    capsa_buf before = log->anchored;
    log->anchored = to;
    to = before;
    return CAPSA_OK;
}

CAPSA_RESULT audit_anchor_follow(struct capsa_audit_log *log)
{
    if (!is_behind(log)) {
        return CAPSA_OK;
    }
    capsa_result result = follow(log);
    (void)pthread_mutex_lock(&log->mutex);
    capsa_error_keep(result, &log->anchor_error);
    (void)pthread_mutex_unlock(&log->mutex);
    CAPSA_REQUIRE(!capsa_failed(result), STORE, "the anchor does not follow: %s",
                  capsa_text_of(result));
    return CAPSA_OK;
}

/* ---- At the opening -------------------------------------------------------------------------- */

/* By a proof, not by the root as it was then: that would be the tiles' word, and tiles of a copy
 * open here too. */
static capsa_result compare(struct capsa_audit_log *log, const struct capsa_checkpoint *seen)
{
    uint64_t size = log->now.tree.size;
    CAPSA_REQUIRE(seen->size <= size, TAMPERED,
                  "everything was put back: the anchor has seen %" PRIu64
                  " entries of the audit log, the store has %" PRIu64,
                  seen->size, size);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    CAPSA_AUTO(capsa_buf) proof = capsa_buf_of((CAPSA_TREE_PATH_MAX + 1) * CAPSA_TREE_HASH);
    uint8_t root[CAPSA_TREE_HASH];
    CAPSA_TRY(capsa_tree_prover_new(&log->now.tree, audit_fetch_tile, log, &prover));
    CAPSA_TRY(capsa_tree_consistency(prover, seen->size, size, &proof));
    capsa_tree_root(&log->now.tree, root);
    capsa_result grown =
        capsa_tree_consistency_check(seen->size, seen->root, size, root, capsa_buf_bytes(&proof));
    CAPSA_REQUIRE(!capsa_failed(grown), TAMPERED,
                  "everything was put back, or a copy of the store was used: the first %" PRIu64
                  " entries of the audit log are not those that the anchor has seen",
                  seen->size);
    return CAPSA_OK;
}

CAPSA_RESULT audit_anchor_check(struct capsa_audit_log *log)
{
    if (log->options.anchor == NULL) {
        return CAPSA_OK;
    }
    struct capsa_checkpoint seen;
    CAPSA_TRY_AT(get(log->options.anchor, &log->anchored), "the anchor");
    if (log->anchored.len > 0) {
        CAPSA_TRY_AT(capsa_checkpoint_open(capsa_buf_bytes(&log->anchored), log->options.origin,
                                           log->public_key, &seen),
                     "the anchor");
        CAPSA_TRY(compare(log, &seen));
    }
    return audit_anchor_follow(log);
}
