/* SPDX-License-Identifier: Apache-2.0
 *
 * The verifier of an exported log (audit_file.h). While all is well the tree grows by the entries
 * as they stand, and each checkpoint is compared with it. The first thing that does not fit is a
 * suspicion: its place is known then, its kind often only by what comes behind it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "audit/audit_file.h"
#include "audit/audit_verify_explain.h"
#include "base/alloc.h"

enum suspicion {
    NONE,
    GAP,      /* an index was left out: removed, unless it turns up */
    MISMATCH, /* another root was signed: edited, unless what belongs there turns up */
    SHORT,    /* a checkpoint of more entries than there are: cut, unless more come */
    DECIDED,  /* the verdict stands */
};

struct capsa_audit_verifier {
    char origin[CAPSA_MANAGER_ID];
    uint8_t public_key[CAPSA_ED25519_PUBLIC];
    bool has_since, since_differs;
    struct capsa_checkpoint since;

    struct capsa_audit_verdict verdict;
    enum suspicion suspicion;
    struct capsa_tree_edge tree; /* of the entries by their places */
    capsa_stretch stretch;       /* those behind the last checkpoint that held */
    uint64_t odd;                /* the first of them whose decision id is nobody's, or NO_ENTRY */
    uint8_t last_id[CAPSA_AUDIT_ID];

    uint64_t missing, missing_end;   /* GAP: the indices that were left out */
    bool missing_turned_up;          /* GAP */
    struct capsa_checkpoint suspect; /* MISMATCH, SHORT: what did not hold */
    uint64_t entries_then;           /* SHORT */
};

#define NO_ENTRY UINT64_MAX

CAPSA_RESULT capsa_audit_verifier_new(const char *origin,
                                      const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                                      const struct capsa_checkpoint *since,
                                      struct capsa_audit_verifier **ret_verifier)
{
    CAPSA_REQUIRE(strlen(origin) == CAPSA_MANAGER_ID - 1, USAGE, "a manager id of another length");
    struct capsa_audit_verifier *verifier = CAPSA_NEW(struct capsa_audit_verifier);
    CAPSA_REQUIRE_MEMORY(verifier);
    memcpy(verifier->origin, origin, CAPSA_MANAGER_ID);
    memcpy(verifier->public_key, public_key, CAPSA_ED25519_PUBLIC);
    if (since != NULL && since->size > 0) { /* no entries are the beginning of any log */
        verifier->has_since = true;
        verifier->since = *since;
    }
    verifier->odd = NO_ENTRY;
    capsa_stretch_begin(&verifier->stretch, &verifier->tree);
    *ret_verifier = verifier;
    return CAPSA_OK;
}

void capsa_audit_verifier_free(struct capsa_audit_verifier *verifier)
{
    if (verifier != NULL) {
        capsa_stretch_drop(&verifier->stretch);
        capsa_dealloc(verifier);
    }
}

/* ---- Deciding -------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void decide(struct capsa_audit_verifier *verifier,
                                                         enum capsa_audit_fault fault,
                                                         uint64_t index, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(verifier->verdict.text, sizeof(verifier->verdict.text), format, arguments);
    va_end(arguments);
    verifier->verdict.fault = fault;
    verifier->verdict.index = index;
    verifier->suspicion = DECIDED;
}

/* How many entries the last checkpoint that held covers. */
static uint64_t covered(const struct capsa_audit_verifier *verifier)
{
    return verifier->stretch.begin.size;
}

static bool is_root(const struct capsa_tree_edge *tree, const struct capsa_checkpoint *checkpoint)
{
    uint8_t root[CAPSA_TREE_HASH];
    capsa_tree_edge_root(tree, root);
    return tree->size == checkpoint->size && memcmp(root, checkpoint->root, sizeof(root)) == 0;
}

static void decide_forked(struct capsa_audit_verifier *verifier,
                          const struct capsa_checkpoint *other, const char *what)
{
    decide(verifier, CAPSA_AUDIT_FORKED, other->size,
           "forked: %s of %" PRIu64 " entries was signed over others than these, which were "
           "signed too",
           what, other->size);
}

static void decide_reordered(struct capsa_audit_verifier *verifier, uint64_t index)
{
    decide(verifier, CAPSA_AUDIT_REORDERED, index,
           "reordered: entry %" PRIu64 " does not stand where it was signed", index);
}

/* ---- Checkpoints that hold ------------------------------------------------------------------- */

/* All entries are as they were signed; a new stretch begins. */
static void hold(struct capsa_audit_verifier *verifier, const struct capsa_checkpoint *checkpoint)
{
    verifier->verdict.last = *checkpoint;
    capsa_stretch_begin(&verifier->stretch, &verifier->tree);
    verifier->odd = NO_ENTRY;
    verifier->suspicion = NONE;
    if (verifier->since_differs) {
        decide_forked(verifier, &verifier->since, "the earlier checkpoint");
    }
}

/* That the log differs from the earlier checkpoint is the log's fault only if its own checkpoints
 * hold: else its entries were changed. */
static void meet_since(struct capsa_audit_verifier *verifier)
{
    if (!verifier->has_since || verifier->tree.size != verifier->since.size) {
        return;
    }
    if (is_root(&verifier->tree, &verifier->since)) {
        hold(verifier, &verifier->since);
    } else {
        verifier->since_differs = true;
    }
}

/* ---- Entries --------------------------------------------------------------------------------- */

/* A decision id is that of its leaf, or of the leaf before, in a decision of several. A leaf that
 * was edited shows by it, unless that was made anew too. */
static void note_odd(struct capsa_audit_verifier *verifier, uint64_t index, capsa_bytes bytes)
{
    struct capsa_audit_leaf leaf;
    uint8_t own[CAPSA_AUDIT_ID] = {0};
    bool fits = !capsa_failed(capsa_audit_leaf_parse(bytes, &leaf));
    if (fits) {
        capsa_audit_leaf_own_id(&leaf, own);
        fits = memcmp(leaf.decision_id, own, sizeof(own)) == 0 ||
               memcmp(leaf.decision_id, verifier->last_id, sizeof(own)) == 0;
        memcpy(verifier->last_id, leaf.decision_id, sizeof(own));
    }
    if (!fits && verifier->odd == NO_ENTRY) {
        verifier->odd = index;
    }
}

/* An entry of the index that is due, or the first that is not. */
static capsa_result take(struct capsa_audit_verifier *verifier, uint64_t index,
                         const uint8_t hash[CAPSA_TREE_HASH], capsa_bytes leaf)
{
    uint64_t due = verifier->tree.size;
    if (index < due) {
        decide(verifier, CAPSA_AUDIT_EDITED, index,
               "edited: an entry was put in: %" PRIu64 " stands there twice", index);
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_stretch_add(&verifier->stretch, hash));
    note_odd(verifier, due, leaf);
    capsa_tree_edge_append(&verifier->tree, hash);
    if (index > due) {
        verifier->suspicion = GAP;
        verifier->missing = due;
        verifier->missing_end = index;
        return CAPSA_OK;
    }
    meet_since(verifier);
    return CAPSA_OK;
}

static void look_for_missing(struct capsa_audit_verifier *verifier, uint64_t index)
{
    verifier->missing_turned_up |= index >= verifier->missing && index < verifier->missing_end;
}

/* Whether this later entry is one that the suspect checkpoint covers. */
static void look_for_place(struct capsa_audit_verifier *verifier,
                           const uint8_t hash[CAPSA_TREE_HASH])
{
    size_t at;
    uint64_t lacking = verifier->suspect.size - covered(verifier) - verifier->stretch.count;
    if (lacking <= 1 &&
        capsa_stretch_lacks(&verifier->stretch, hash, lacking == 1, verifier->suspect.root, &at)) {
        decide_reordered(verifier, covered(verifier) + at);
    }
}

static void decide_misplaced(struct capsa_audit_verifier *verifier,
                             const struct capsa_checkpoint *checkpoint, uint64_t index)
{
    decide(verifier, CAPSA_AUDIT_REORDERED, index,
           "reordered: the checkpoint of %" PRIu64 " entries does not stand behind them",
           checkpoint->size);
}

/* More entries behind a checkpoint of more than there were. */
static void take_more(struct capsa_audit_verifier *verifier, uint64_t index,
                      const uint8_t hash[CAPSA_TREE_HASH])
{
    uint64_t due = verifier->tree.size;
    look_for_place(verifier, hash);
    capsa_tree_edge_append(&verifier->tree, hash);
    if (verifier->suspicion == SHORT && is_root(&verifier->tree, &verifier->suspect)) {
        decide_misplaced(verifier, &verifier->suspect, verifier->entries_then);
    } else if (verifier->suspicion == SHORT && due == verifier->entries_then && index > due) {
        verifier->suspicion = GAP; /* the numbers tell what is missing */
        verifier->missing = due;
        verifier->missing_end = index;
    }
}

/* Behind the first fault: only what tells its kind. */
static void take_suspect(struct capsa_audit_verifier *verifier, uint64_t index,
                         const uint8_t hash[CAPSA_TREE_HASH])
{
    if (verifier->suspicion == SHORT) {
        take_more(verifier, index, hash);
        return;
    }
    if (verifier->suspicion == GAP) {
        look_for_missing(verifier, index);
    }
    if (verifier->suspicion == MISMATCH) {
        look_for_place(verifier, hash);
    }
    capsa_tree_edge_append(&verifier->tree, hash);
}

CAPSA_RESULT capsa_audit_verifier_entry(struct capsa_audit_verifier *verifier, uint64_t index,
                                        const uint8_t leaf_hash[CAPSA_TREE_HASH], capsa_bytes leaf)
{
    verifier->verdict.entries++;
    if (verifier->suspicion == DECIDED) {
        return CAPSA_OK;
    }
    uint8_t hash[CAPSA_TREE_HASH] = {0};
    if (leaf.len <= CAPSA_TREE_LEAF_MAX) {
        capsa_tree_leaf_hash(leaf, hash);
    }
    if (verifier->suspicion != NONE) {
        take_suspect(verifier, index, hash);
        return CAPSA_OK;
    }
    if (leaf.len != CAPSA_AUDIT_LEAF || memcmp(hash, leaf_hash, sizeof(hash)) != 0) {
        decide(verifier, CAPSA_AUDIT_EDITED, index,
               "edited: the leaf of entry %" PRIu64 " is not the one of its hash", index);
        return CAPSA_OK;
    }
    return take(verifier, index, hash, leaf);
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

/* All entries are there, and are not what was signed. */
static void explain_mismatch(struct capsa_audit_verifier *verifier,
                             const struct capsa_checkpoint *checkpoint)
{
    size_t at;
    if (capsa_stretch_is_reordered(&verifier->stretch, checkpoint->root, &at)) {
        decide_reordered(verifier, covered(verifier) + at);
    } else if (verifier->odd != NO_ENTRY) {
        decide(verifier, CAPSA_AUDIT_EDITED, verifier->odd,
               "edited: entry %" PRIu64 " is not what was signed", verifier->odd);
    } else {
        verifier->suspicion = MISMATCH;
        verifier->suspect = *checkpoint;
    }
}

/* Behind entries that it does not cover, and that are what was signed, or not. */
static void explain_late(struct capsa_audit_verifier *verifier,
                         const struct capsa_checkpoint *checkpoint)
{
    uint64_t first = covered(verifier);
    size_t at, count = (size_t)(checkpoint->size - first);
    struct capsa_tree_edge edge;
    if (capsa_stretch_edge(&verifier->stretch, count, &edge) && is_root(&edge, checkpoint)) {
        decide_misplaced(verifier, checkpoint, checkpoint->size);
    } else if (capsa_stretch_has_extra(&verifier->stretch, count, checkpoint->root, &at)) {
        decide(verifier, CAPSA_AUDIT_EDITED, first + at, "edited: entry %" PRIu64 " was put in",
               first + at);
    } else {
        decide(verifier, CAPSA_AUDIT_EDITED, first,
               "edited: of the entries from %" PRIu64 " on, some were put in, or are not what was "
               "signed",
               first);
    }
}

/* A checkpoint of fewer entries than stand before it, or of as many as the last one. */
static void meet_late(struct capsa_audit_verifier *verifier,
                      const struct capsa_checkpoint *checkpoint)
{
    if (checkpoint->size < covered(verifier)) {
        decide_misplaced(verifier, checkpoint, checkpoint->size);
    } else if (checkpoint->size > covered(verifier) ||
               is_root(&verifier->stretch.begin, checkpoint)) {
        explain_late(verifier, checkpoint);
    } else {
        decide_forked(verifier, checkpoint, "a checkpoint");
    }
}

static void meet_checkpoint(struct capsa_audit_verifier *verifier,
                            const struct capsa_checkpoint *checkpoint)
{
    if (checkpoint->size > verifier->tree.size) {
        verifier->suspicion = SHORT;
        verifier->suspect = *checkpoint;
        verifier->entries_then = verifier->tree.size;
    } else if (is_root(&verifier->tree, checkpoint)) {
        hold(verifier, checkpoint);
    } else if (checkpoint->size == verifier->tree.size && verifier->stretch.count > 0) {
        explain_mismatch(verifier, checkpoint);
    } else {
        meet_late(verifier, checkpoint);
    }
}

/* One that holds in spite of a suspicion: the entries are what was signed. */
static void meet_suspected(struct capsa_audit_verifier *verifier,
                           const struct capsa_checkpoint *checkpoint)
{
    if (!is_root(&verifier->tree, checkpoint)) {
        return;
    }
    if (verifier->suspicion == GAP) {
        decide(verifier, CAPSA_AUDIT_EDITED, verifier->missing,
               "edited: entry %" PRIu64 " was given another number", verifier->missing);
    } else if (verifier->suspect.size <= checkpoint->size) {
        decide_forked(verifier, &verifier->suspect, "a checkpoint");
    }
}

static bool is_of_machine(capsa_result result)
{
    return capsa_code_of(result) == CAPSA_E_NOMEM || capsa_code_of(result) == CAPSA_E_INTERNAL;
}

CAPSA_RESULT capsa_audit_verifier_checkpoint(struct capsa_audit_verifier *verifier,
                                             capsa_bytes note)
{
    struct capsa_checkpoint checkpoint;
    verifier->verdict.checkpoints++;
    if (verifier->suspicion == DECIDED) {
        return CAPSA_OK;
    }
    capsa_result opened =
        capsa_checkpoint_open(note, verifier->origin, verifier->public_key, &checkpoint);
    if (is_of_machine(opened)) {
        return opened;
    }
    if (capsa_failed(opened) && verifier->suspicion == NONE) {
        decide(verifier, CAPSA_AUDIT_UNSIGNED, covered(verifier),
               "unsigned: the checkpoint behind entry %" PRIu64 ": %s", verifier->tree.size,
               capsa_text_of(opened));
    } else if (!capsa_failed(opened) && verifier->suspicion == NONE) {
        meet_checkpoint(verifier, &checkpoint);
    } else if (!capsa_failed(opened)) {
        meet_suspected(verifier, &checkpoint);
    }
    return CAPSA_OK;
}

/* ---- The end --------------------------------------------------------------------------------- */

static void end_gap(struct capsa_audit_verifier *verifier)
{
    if (verifier->missing_turned_up) {
        decide_reordered(verifier, verifier->missing);
    } else {
        decide(verifier, CAPSA_AUDIT_REMOVED, verifier->missing,
               "removed: entry %" PRIu64 " is missing", verifier->missing);
    }
}

static void end_mismatch(struct capsa_audit_verifier *verifier)
{
    uint64_t first = covered(verifier), last = verifier->suspect.size - 1;
    if (first == last) {
        decide(verifier, CAPSA_AUDIT_EDITED, first,
               "edited: entry %" PRIu64 " is not what was signed", first);
    } else {
        decide(verifier, CAPSA_AUDIT_EDITED, first,
               "edited: of the entries from %" PRIu64 " to %" PRIu64 ", some are not what was "
               "signed",
               first, last);
    }
}

static void end_short(struct capsa_audit_verifier *verifier)
{
    uint64_t first = covered(verifier), there = verifier->entries_then;
    if (verifier->tree.size == there) {
        decide(verifier, CAPSA_AUDIT_CUT, there,
               "cut: the log ends with %" PRIu64 " entries, and a checkpoint of %" PRIu64
               " was signed",
               there, verifier->suspect.size);
    } else if (first == there) {
        decide(verifier, CAPSA_AUDIT_REMOVED, first, "removed: entry %" PRIu64 " is missing",
               first);
    } else {
        decide(verifier, CAPSA_AUDIT_REMOVED, first,
               "removed: of the entries from %" PRIu64 " to %" PRIu64 ", %" PRIu64 " are missing",
               first, verifier->suspect.size - 1, verifier->suspect.size - there);
    }
}

static void end_unsuspected(struct capsa_audit_verifier *verifier)
{
    uint64_t size = verifier->tree.size;
    if (verifier->since_differs) {
        decide_forked(verifier, &verifier->since, "the earlier checkpoint");
    } else if (verifier->has_since && verifier->since.size > size) {
        decide(verifier, CAPSA_AUDIT_CUT, size,
               "cut: the log ends with %" PRIu64 " entries; the earlier checkpoint has %" PRIu64,
               size, verifier->since.size);
    } else if (size > covered(verifier)) {
        decide(verifier, CAPSA_AUDIT_UNSIGNED, covered(verifier),
               "unsigned: no checkpoint covers the entries from %" PRIu64 " on; the log was cut "
               "behind them, or they were put there",
               covered(verifier));
    } else if (verifier->verdict.last.origin[0] == '\0') {
        decide(verifier, CAPSA_AUDIT_UNSIGNED, 0, "unsigned: there is no checkpoint");
    } else {
        decide(verifier, CAPSA_AUDIT_SOUND, size,
               "sound: %" PRIu64 " entries, all of them covered by checkpoints", size);
    }
}

void capsa_audit_verifier_end(struct capsa_audit_verifier *verifier,
                              struct capsa_audit_verdict *ret_verdict)
{
    static void (*const ends[])(struct capsa_audit_verifier *) = {
        [NONE] = end_unsuspected, [GAP] = end_gap, [MISMATCH] = end_mismatch, [SHORT] = end_short};
    if (verifier->suspicion != DECIDED) {
        ends[verifier->suspicion](verifier);
    }
    *ret_verdict = verifier->verdict;
}
