/* SPDX-License-Identifier: Apache-2.0
 *
 * A log as text, outside of any store (docs/explanation/PROTOCOL.md, section 7), and what is wrong
 * with one: the verifier of `capsa audit verify`. Pure; entry by entry, so that a log of any length
 * is read in constant memory.
 */
#pragma once

#include "audit/audit_leaf.h"
#include "audit/audit_note.h"

/* What is wrong first; the numbers are exit statuses of the command. */
enum capsa_audit_fault {
    CAPSA_AUDIT_SOUND = 0,
    CAPSA_AUDIT_EDITED = 11,    /* an entry is not what was signed, or was put in */
    CAPSA_AUDIT_REMOVED = 12,   /* an entry is missing */
    CAPSA_AUDIT_REORDERED = 13, /* entries stand in another order */
    CAPSA_AUDIT_CUT = 14,       /* the log ends before a checkpoint that was signed */
    CAPSA_AUDIT_FORKED = 15,    /* another log was signed too: --since, or two checkpoints */
    CAPSA_AUDIT_UNSIGNED = 16, /* a signature does not hold, or entries that no checkpoint covers */
};
const char *capsa_audit_fault_name(enum capsa_audit_fault fault); /* "edited", ... */

/* `index` is that of the first entry at fault where it can be known, and else of the first one
 * behind the last checkpoint that held; CUT: how many entries are there; FORKED: how many entries
 * the checkpoint of the other log covers. The sentence says which of them it is. */
struct capsa_audit_verdict {
    enum capsa_audit_fault fault;
    uint64_t index;
    char text[CAPSA_ERROR_TEXT];   /* one sentence */
    struct capsa_checkpoint last;  /* the last one that holds; an origin of "": none */
    uint64_t entries, checkpoints; /* read, those behind the fault too */
};

struct capsa_audit_verifier;
/* `origin` and `public_key`: whose log it is. `since`: a checkpoint that the log must contain the
 * tree of, or NULL; it is verified before by whoever got it. */
CAPSA_RESULT capsa_audit_verifier_new(const char *origin,
                                      const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                                      const struct capsa_checkpoint *since,
                                      struct capsa_audit_verifier **ret_verifier);
void capsa_audit_verifier_free(struct capsa_audit_verifier *verifier); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_audit_verifier)
/* One entry as it stands: what it says is its index, its leaf hash and its leaf. What comes behind
 * the first fault tells at most what kind of fault it is: an entry that seemed to be missing may
 * stand further down. Failures are those of the machine; what is wrong is in the verdict. */
CAPSA_RESULT capsa_audit_verifier_entry(struct capsa_audit_verifier *verifier, uint64_t index,
                                        const uint8_t leaf_hash[CAPSA_TREE_HASH], capsa_bytes leaf);
CAPSA_RESULT capsa_audit_verifier_checkpoint(struct capsa_audit_verifier *verifier,
                                             capsa_bytes note);
/* No more is to come. */
void capsa_audit_verifier_end(struct capsa_audit_verifier *verifier,
                              struct capsa_audit_verdict *ret_verdict);

/* One line of the file, its newline cut off. */
enum capsa_audit_line {
    CAPSA_AUDIT_LINE_FIRST,
    CAPSA_AUDIT_LINE_GENESIS,
    CAPSA_AUDIT_LINE_ENTRY,
    CAPSA_AUDIT_LINE_CHECKPOINT
};
struct capsa_audit_parsed_line {
    enum capsa_audit_line kind;
    uint64_t index;
    uint8_t leaf_hash[CAPSA_TREE_HASH];
    capsa_bytes bytes; /* of the leaf, the genesis or the note; in the scratch */
};
CAPSA_RESULT capsa_audit_line_parse(capsa_bytes line, capsa_buf *scratch,
                                    struct capsa_audit_parsed_line *ret_line);
CAPSA_RESULT capsa_audit_line_first(capsa_buf *text);
CAPSA_RESULT capsa_audit_line_genesis(capsa_bytes genesis, capsa_buf *text);
CAPSA_RESULT capsa_audit_line_entry(uint64_t index, capsa_bytes leaf, capsa_buf *text);
CAPSA_RESULT capsa_audit_line_checkpoint(capsa_bytes note, capsa_buf *text);
