/* SPDX-License-Identifier: Apache-2.0
 *
 * The one writer of a store: a thread that takes what has gathered, up to CAPSA_LIMIT_writer_group
 * batches, and commits it in one transaction, so that many callers share one fsync. Reading does
 * not pass through here.
 */
#pragma once

#include "store/store.h"

struct capsa_group;
struct capsa_writer;

/* Turns the audit leaves of a group into records of the same transaction: capsa_group.finish; the
 * group's state is set then. And `settle` (NULL: none), called after each group's end, whatever it
 * was, before any caller is told; `committed` false: nothing of the group is in the store. A
 * failure that it returns is told to the caller of each batch that was taken, though it is in the
 * store. Both run on the writer's thread. */
struct capsa_writer_audit {
    CAPSA_RESULT(*finish)
    (void *context, const struct capsa_group *group, struct capsa_batch *last);
    CAPSA_RESULT (*settle)(void *context, const struct capsa_group *group, bool committed);
    void *context; /* outlives the writer */
};

/* The end of a group that was applied with this `outcome`: settle, and its failure, if any, in the
 * results of what was taken. For those who commit without a writer. */
CAPSA_RESULT capsa_writer_audit_settle(const struct capsa_writer_audit *audit,
                                       const struct capsa_group *group, capsa_result outcome);

/* Starts the thread. `store` is borrowed, and until _free nobody else commits to it. `audit` NULL:
 * batches with leaves are refused. */
CAPSA_RESULT capsa_writer_new(struct capsa_store *store, const struct capsa_writer_audit *audit,
                              struct capsa_writer **ret_writer);
/* Stops, waits for the thread, frees. No other thread may be inside a call. NULL is fine. */
void capsa_writer_free(struct capsa_writer *writer);
CAPSA_DEFINE_AUTO_FREE(capsa_writer)

/* Any thread; blocks until the batch is durable (success), was left out (CONFLICT, naming the key)
 * or could not be committed (STORE, IO, NOMEM: nothing of it is in the store). After a failure the
 * next commit is tried as if nothing had been. The batch stays the caller's, unchanged. After
 * _stop: CANCELLED. */
CAPSA_RESULT capsa_writer_commit(struct capsa_writer *writer, const struct capsa_batch *batch);

/* From now on nothing new is taken; what was handed in before is committed. Does not wait. */
void capsa_writer_stop(struct capsa_writer *writer);

/* Any thread: for /readyz and /metrics. */
struct capsa_writer_state {
    uint64_t commits;        /* transactions that reached the disk */
    uint64_t batches;        /* batches in them */
    uint64_t conflicts;      /* batches left out */
    uint64_t failures;       /* transactions that failed */
    size_t waiting;          /* batches in line, without those being committed now */
    struct capsa_error last; /* code OK, or why the latest transaction failed */
};
void capsa_writer_state(struct capsa_writer *writer, struct capsa_writer_state *ret_state);
