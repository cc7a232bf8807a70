/* SPDX-License-Identifier: Apache-2.0
 *
 * Group commit (store_writer.h). Callers queue up with a slip on their own stacks; the thread takes
 * as many as a group may hold, commits, writes each one's outcome on its slip, and wakes it. While
 * it commits the next group gathers: the slower the disk, the larger the groups.
 *
 * All wait at semaphores and are told when the lock is free again: who is woken from a condition
 * takes the lock at once, and a whole group that is woken would stand in line for it.
 */
#include "store/store_writer.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "store/store_backend.h"

struct slip {
    const struct capsa_batch *batch;
    struct capsa_error error;
    sem_t told; /* the thread's last touch of a slip */
    struct slip *next;
};

struct capsa_writer {
    struct capsa_store *store;
    struct capsa_writer_audit audit;
    pthread_t thread;
    sem_t work;            /* where the thread waits when nobody does */
    pthread_mutex_t mutex; /* guards what follows */
    struct slip *first, **last;
    bool is_idle; /* the thread waits, or is about to */
    bool stopping;
    struct capsa_writer_state state;
    /* The thread's own. */
    struct slip *slips[CAPSA_LIMIT_writer_group];
    const struct capsa_batch *batches[CAPSA_LIMIT_writer_group];
    struct capsa_error results[CAPSA_LIMIT_writer_group];
};

/* ---- The thread ------------------------------------------------------------------------------ */

static void wait_at(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) { /* a signal came */
    }
}

static void wait_for_work(struct capsa_writer *writer)
{
    while (writer->first == NULL && !writer->stopping) {
        writer->is_idle = true;
        (void)pthread_mutex_unlock(&writer->mutex);
        wait_at(&writer->work);
        (void)pthread_mutex_lock(&writer->mutex);
    }
}

/* Waits for work; 0: there will be none. Called and left with the mutex held. */
static size_t gather(struct capsa_writer *writer)
{
    wait_for_work(writer);
    size_t count = 0;
    size_t bytes = 0;
    while (writer->first != NULL && count < CAPSA_LIMIT_writer_group) {
        struct slip *slip = writer->first;
        if (count > 0 && bytes + slip->batch->bytes > CAPSA_LIMIT_writer_group_bytes) {
            break;
        }
        bytes += slip->batch->bytes;
        writer->slips[count] = slip;
        writer->batches[count] = slip->batch;
        count++;
        writer->first = slip->next;
    }
    writer->state.waiting -= count;
    if (writer->first == NULL) {
        writer->last = &writer->first;
    }
    return count;
}

static void note(struct capsa_writer *writer, size_t count, capsa_result outcome)
{
    struct capsa_writer_state *state = &writer->state;
    capsa_error_keep(outcome, &state->last);
    if (capsa_failed(outcome)) {
        state->failures++;
        return;
    }
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        taken += writer->results[i].code == CAPSA_E_OK;
    }
    state->commits += taken > 0;
    state->batches += taken;
    state->conflicts += count - taken;
}

/* A slip is gone as soon as its owner is told. */
static void tell(const struct capsa_writer *writer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slip *slip = writer->slips[i];
        slip->error = writer->results[i];
        (void)sem_post(&slip->told);
    }
}

CAPSA_RESULT capsa_writer_audit_settle(const struct capsa_writer_audit *audit,
                                       const struct capsa_group *group, capsa_result outcome)
{
    if (audit->settle == NULL) {
        return outcome;
    }
    struct capsa_error kept;
    capsa_error_keep(outcome, &kept); /* settle may use up the ring */
    capsa_result settled = audit->settle(audit->context, group, !capsa_failed(outcome));
    CAPSA_TRY(capsa_error_again(&kept));
    for (size_t i = 0; capsa_failed(settled) && i < group->count; i++) {
        if (group->results[i].code == CAPSA_E_OK) {
            capsa_error_keep(settled, &group->results[i]);
        }
    }
    return settled;
}

static void *write_groups(void *context)
{
    struct capsa_writer *writer = context;
    (void)pthread_mutex_lock(&writer->mutex);
    for (size_t count = gather(writer); count > 0; count = gather(writer)) {
        (void)pthread_mutex_unlock(&writer->mutex);
        uint8_t state[CAPSA_STORE_STATE] = {0};
        const struct capsa_group group = {
            .batches = writer->batches,
            .count = count,
            .results = writer->results,
            .finish = writer->audit.finish,
            .context = writer->audit.context,
            .state = state,
        };
        capsa_result outcome = capsa_store_apply(writer->store, &group);
        outcome = capsa_writer_audit_settle(&writer->audit, &group, outcome);
        (void)pthread_mutex_lock(&writer->mutex);
        note(writer, count, outcome);
        (void)pthread_mutex_unlock(&writer->mutex);
        tell(writer, count);
        (void)pthread_mutex_lock(&writer->mutex);
    }
    (void)pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

/* ---- The callers ----------------------------------------------------------------------------- */

/* Gives the mutex back. Who finds the thread idle tells it, once for each time it waits. */
static void unlock_and_wake(struct capsa_writer *writer)
{
    bool is_idle = writer->is_idle;
    writer->is_idle = false;
    (void)pthread_mutex_unlock(&writer->mutex);
    if (is_idle) {
        (void)sem_post(&writer->work);
    }
}

static capsa_result wait_in_line(struct capsa_writer *writer, struct slip *slip)
{
    (void)pthread_mutex_lock(&writer->mutex);
    bool refused = writer->stopping;
    if (!refused) {
        *writer->last = slip;
        writer->last = &slip->next;
        writer->state.waiting++;
    }
    unlock_and_wake(writer);
    CAPSA_REQUIRE(!refused, CANCELLED, "the store takes no more changes: the program is stopping");
    wait_at(&slip->told);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_writer_commit(struct capsa_writer *writer, const struct capsa_batch *batch)
{
    if (capsa_batch_is_empty(batch)) {
        return CAPSA_OK;
    }
    /* Here, so that one batch's mistake cannot fail those that it would share a group with. */
    CAPSA_REQUIRE(batch->leaf_count == 0 || writer->audit.finish != NULL, UNSUPPORTED,
                  "a mutation with audit leaves, and no audit log to take them");
    struct slip slip = {.batch = batch};
    (void)sem_init(&slip.told, 0, 0); /* cannot fail at 0 */
    capsa_result result = wait_in_line(writer, &slip);
    (void)sem_destroy(&slip.told);
    CAPSA_TRY(result);
    if (slip.error.code != CAPSA_E_OK) { /* into this thread's ring: the slip ends here */
        return capsa_error_make(slip.error.code, slip.error.file, slip.error.line, "%s",
                                slip.error.text);
    }
    return CAPSA_OK;
}

void capsa_writer_stop(struct capsa_writer *writer)
{
    (void)pthread_mutex_lock(&writer->mutex);
    writer->stopping = true;
    unlock_and_wake(writer);
}

void capsa_writer_state(struct capsa_writer *writer, struct capsa_writer_state *ret_state)
{
    (void)pthread_mutex_lock(&writer->mutex);
    *ret_state = writer->state;
    (void)pthread_mutex_unlock(&writer->mutex);
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* Signals are for the threads of the program; this one is not to be interrupted at its writes. */
static int start(struct capsa_writer *writer)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int started = pthread_create(&writer->thread, NULL, write_groups, writer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void writer_dealloc(struct capsa_writer *writer)
{
    (void)sem_destroy(&writer->work);
    (void)pthread_mutex_destroy(&writer->mutex);
    capsa_dealloc(writer);
}

CAPSA_RESULT capsa_writer_new(struct capsa_store *store, const struct capsa_writer_audit *audit,
                              struct capsa_writer **ret_writer)
{
    struct capsa_writer *writer = CAPSA_NEW(struct capsa_writer);
    CAPSA_REQUIRE_MEMORY(writer);
    writer->store = store;
    writer->last = &writer->first;
    if (audit != NULL) {
        writer->audit = *audit;
    }
    (void)pthread_mutex_init(&writer->mutex, NULL);
    (void)sem_init(&writer->work, 0, 0);
    if (start(writer) != 0) {
        writer_dealloc(writer);
        CAPSA_FAIL(NOMEM, "cannot start the thread that writes to the store");
    }
    *ret_writer = writer;
    return CAPSA_OK;
}

void capsa_writer_free(struct capsa_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    capsa_writer_stop(writer);
    (void)pthread_join(writer->thread, NULL);
    writer_dealloc(writer);
}
