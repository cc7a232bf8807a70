/* SPDX-License-Identifier: Apache-2.0
 *
 * What a back-end's author implements and what a batch looks like from within. Only files of this
 * folder and of `audit` include it. docs/howto/add-a-store.md is the recipe.
 *
 * A back-end sees canonical key bytes (store.h), versions, and two opaque byte strings. It need not
 * know about sealing, owners, or audit. The dispatcher in store.c has checked arguments and limits
 * before a slot is called, and wraps what comes back.
 */
#pragma once

#include "store/store.h"

enum capsa_step_kind {
    CAPSA_STEP_PUT,
    CAPSA_STEP_REMOVE,
    CAPSA_STEP_CHECK,
};

struct capsa_step {
    enum capsa_step_kind kind;
    uint64_t expected; /* never CAPSA_VERSION_ANY for a put or a check */
    capsa_buf key;
    capsa_buf owners; /* puts only, as is value */
    capsa_buf value;
};

struct capsa_leaf {
    capsa_buf bytes;
    void *context; /* of whoever added it: for finish and settle */
};

struct capsa_batch {
    struct capsa_step *steps;
    size_t count, capacity;
    struct capsa_leaf *leaves;
    size_t leaf_count, leaf_capacity;
    size_t bytes; /* of keys, owners, values and leaves together: what a group is cut by */
};

/* Any of the steps, from bytes that are checked already: for decorators and audit. */
CAPSA_RESULT capsa_batch_step(struct capsa_batch *batch, enum capsa_step_kind kind, capsa_bytes key,
                              uint64_t expected, capsa_bytes owners, capsa_bytes value);

/* What is committed in one transaction. */
struct capsa_group {
    const struct capsa_batch *const *batches;
    size_t count;
    struct capsa_error *results; /* one a batch; filled in by apply */

    /* NULL, or called once by apply, inside the transaction, when each batch was taken
     * (results[i].code is CAPSA_E_OK) or left out. What it adds to `last` is committed in the same
     * transaction; its failure, and a conflict of `last`, fail the whole group. It is where audit
     * turns the leaves of the batches that went in, and of no others, into records. It runs on the
     * thread of apply and must not call the store. Not called when no batch was taken. */
    CAPSA_RESULT(*finish)
    (void *context, const struct capsa_group *group, struct capsa_batch *last);
    void *context;
    /* NULL, or CAPSA_STORE_STATE bytes: of a sealed store, the state that the taken batches make,
     * set before finish is called. What finish adds must lie in CAPSA_STORE_LOG_NAMESPACE there,
     * and does not change it. */
    uint8_t *state;
};

/* First member of every back-end's own struct. */
struct capsa_store {
    const struct capsa_store_ops *ops;
    struct capsa_store *inner; /* NULL, or what a decorator wraps */
};

/* What a visit of a back-end gets: borrowed for the call. The same rules as capsa_store_visit. */
typedef capsa_result (*capsa_store_row_visit)(void *context, capsa_bytes key,
                                              const capsa_record *record, bool *ret_stop);

/* What a row's value shall be instead, appended to `ret_value`; *ret_keep = true leaves the row. */
typedef capsa_result (*capsa_store_row_change)(void *context, capsa_bytes key,
                                               const capsa_record *record, capsa_buf *ret_value,
                                               bool *ret_keep);

struct capsa_store_ops {
    const char *scheme; /* of a decorator: NULL; "sqlite" in sqlite:/var/lib/capsa/keys.db */

    /* Once; `where` is what stands behind "scheme:". Makes what is absent, refuses (BUSY) what
     * another process has open, and (UNSUPPORTED) a format newer than its own, naming both. */
    CAPSA_RESULT (*open)(const char *where, struct capsa_store **ret_store);
    /* Once, when no other slot runs any more. */
    void (*close)(struct capsa_store *store);

    /* Any thread, also while apply runs; sees committed states only. No record is success and
     * leaves *ret_record as it is: version 0. */
    CAPSA_RESULT (*get)(struct capsa_store *store, capsa_bytes key, capsa_record *ret_record);
    /* Any thread. Rows whose key begins with `prefix`, in byte order, of one committed state. */
    CAPSA_RESULT(*each)
    (struct capsa_store *store, capsa_bytes prefix, capsa_store_row_visit visit, void *context);

    /* One thread at a time. Takes the batches in their order in ONE durable transaction: a batch
     * with a step whose expectation does not hold is left out whole, with CONFLICT in its result
     * (capsa_step_conflict), and harms no other. Success: what was taken is on disk. Failure: none
     * of it is in the store, and it can be used on. */
    CAPSA_RESULT (*apply)(struct capsa_store *store, const struct capsa_group *group);

    /* Optional: as apply, after each row was given to `change` (in byte order) and got the value
     * that it says, under the same key, version and owners; all in the one transaction. Here a
     * batch that would be left out fails all of it: the rows hang by what the batches hold. */
    CAPSA_RESULT(*rewrite)
    (struct capsa_store *store, capsa_store_row_change change, void *context,
     const struct capsa_group *group);

    /* Optional, both or none: the store as a file (capsa_store_backup, capsa_store_restore). Not on
     * an open store: they are for whoever runs the machine, beside the daemon. */
    CAPSA_RESULT (*backup)(const char *where, const char *to);
    CAPSA_RESULT (*restore)(const char *where, const char *from);
};

extern const struct capsa_store_ops capsa_store_memory;
extern const struct capsa_store_ops capsa_store_sqlite;

/* The table of back-ends, for the conformance suite; NULL-ended. */
extern const struct capsa_store_ops *const capsa_store_backends[];

/* Checks and commits a group: apply with the checks that no back-end repeats. Success, or the
 * reason that every batch of the group failed with (results are filled in either way). */
CAPSA_RESULT capsa_store_apply(struct capsa_store *store, const struct capsa_group *group);

/* The CONFLICT of a step that found version `found` (0: none). */
CAPSA_RESULT capsa_step_conflict(const struct capsa_step *step, uint64_t found);
/* Whether the step may be taken when the record has version `found`. */
bool capsa_step_holds(const struct capsa_step *step, uint64_t found);
/* True when some batch of the group was taken: whether finish is due. */
bool capsa_group_has_taken(const struct capsa_group *group);
/* The first reason for which a batch of the group was left out. */
CAPSA_RESULT capsa_group_is_whole(const struct capsa_group *group);
/* Make the folder that `path` lies in, mode 0700, unless it is there. */
CAPSA_RESULT capsa_store_folder_make(const char *path);
