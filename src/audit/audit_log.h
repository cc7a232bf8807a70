/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log of a store: turns the leaves of a group of mutations into records of the same
 * transaction, signs a checkpoint for each group, and reads entries and proofs back. The writer
 * calls it (capsa_writer_audit); services add entries to their batches and get a receipt when the
 * commit is durable.
 *
 * Records, all in the namespace CAPSA_AUDIT_NAMESPACE, which the store leaves out of its state
 * because the tree holds them: "leaf" / index (16 hex digits), "tile" / level / index, "head".
 */
#pragma once

#include "audit/audit_anchor.h"
#include "audit/audit_leaf.h"
#include "audit/audit_note.h"
#include "store/store.h"
#include "store/store_writer.h"

#define CAPSA_AUDIT_NAMESPACE "capsa.log" /* CAPSA_STORE_LOG_NAMESPACE of store_sealed.h */

struct capsa_audit_log;

struct capsa_audit_log_options {
    struct capsa_store *store; /* sealed; outlives the log */
    char origin[CAPSA_MANAGER_ID];
    const struct capsa_private_key *audit_key; /* borrowed */
    struct capsa_anchor *anchor;               /* borrowed; NULL: none */
    const struct capsa_clock *clock;
};

/* Checks that the log is whole at its end (head, tiles, last leaves), that the anchor has seen no
 * later one, and that the store's state is the one of the last leaf. TAMPERED names what is wrong:
 * of a record that was removed or put back, its key, out of the list of changes that each entry
 * keeps. A store that has no log yet and was just begun gets its first entry (GENESIS) at the first
 * commit. */
CAPSA_RESULT capsa_audit_log_open(const struct capsa_audit_log_options *options,
                                  struct capsa_audit_log **ret_log);
void capsa_audit_log_free(struct capsa_audit_log *log); /* NULL is fine; after the writer */
CAPSA_DEFINE_AUTO_FREE(capsa_audit_log)

/* For capsa_writer_new. */
struct capsa_writer_audit capsa_audit_log_writer(struct capsa_audit_log *log);

/* What an entry is made of. Everything is copied. */
struct capsa_audit_entry {
    enum capsa_audit_type type;
    capsa_time time;
    const char *owner;   /* party id; NULL: nobody's */
    capsa_bytes details; /* JSON text, for the owner alone */
    const uint8_t
        *spent; /* CAPSA_SHA256 bytes that must not come again (keymanager_spent.h), or NULL */
    const uint8_t *decision_id; /* of the decision's first entry; NULL: this is it */
};

/* What the commit made of it. Filled in before capsa_writer_commit returns success. */
typedef struct capsa_audit_receipt {
    uint8_t decision_id[CAPSA_AUDIT_ID]; /* known already when the entry is added */
    uint8_t leaf[CAPSA_AUDIT_LEAF];
    uint64_t index;
    uint64_t size;
    capsa_buf proof; /* hashes, of a tree of `size` leaves */
    capsa_buf note;  /* the checkpoint of that tree */
} capsa_audit_receipt;
void capsa_audit_receipt_drop(capsa_audit_receipt *receipt); /* callable twice, and on zeros */

/* Add an entry to a batch. `receipt` (NULL: not wanted) must live until the commit has returned. */
CAPSA_RESULT capsa_audit_add(struct capsa_batch *batch, const struct capsa_audit_entry *entry,
                             capsa_audit_receipt *receipt);

/* ---- reading; any thread --------------------------------------------------------------------- */

struct capsa_audit_head {
    uint64_t size;
    capsa_time time; /* the latest time in any entry: below it nothing is released */
};
void capsa_audit_log_head(struct capsa_audit_log *log, struct capsa_audit_head *ret_head);
/* Why the anchor does not follow; code OK: it does, or there is none. While it does not, nothing
 * more is committed: each commit tries to move it first. */
void capsa_audit_log_anchor(struct capsa_audit_log *log, struct capsa_error *ret_error);
/* Append the latest checkpoint's note; NOT_FOUND while there are no entries. */
CAPSA_RESULT capsa_audit_log_checkpoint(struct capsa_audit_log *log, capsa_buf *note);
/* `second` 0: the latest, whose note is appended to `note` (else untouched). */
CAPSA_RESULT capsa_audit_log_consistency(struct capsa_audit_log *log, uint64_t first,
                                         uint64_t second, capsa_buf *hashes, capsa_buf *note);
CAPSA_RESULT capsa_audit_log_inclusion(struct capsa_audit_log *log, uint64_t index, uint64_t size,
                                       capsa_buf *hashes);

/* An entry as it was kept. */
typedef struct capsa_audit_kept {
    uint64_t index;
    size_t bytes; /* of the whole entry in the store, with what is not given here */
    capsa_buf leaf, salt, owner, details, spent,
        note; /* note: of the checkpoint that it ends, or empty */
} capsa_audit_kept;
void capsa_audit_kept_drop(capsa_audit_kept *kept);
/* One that is not there though it should be, or whose leaf is not that of the tree, is TAMPERED. */
CAPSA_RESULT capsa_audit_log_read(struct capsa_audit_log *log, uint64_t index,
                                  capsa_audit_kept *ret_kept);

/* ---- A log that is at fault ------------------------------------------------------------------ */

/* For a verifier (audit_file.h), which is told everything as it stands: the rows of entries in the
 * order of their indices, each commit's checkpoint behind its entries, and that of the head last
 * where it is another. What does not open is shown as no bytes. */
struct capsa_audit_walk {
    capsa_result (*entry)(void *context, uint64_t index, capsa_bytes leaf);
    capsa_result (*checkpoint)(void *context, capsa_bytes note);
    void *context;
};
/* A sealed store, whose log nobody has open. Fails only as the machine or the visitor does. */
CAPSA_RESULT capsa_audit_walk_store(struct capsa_store *store, const struct capsa_audit_walk *walk);
