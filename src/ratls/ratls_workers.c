/* SPDX-License-Identifier: Apache-2.0
 *
 * One lock, one list, one condition. What waits and what is worked at is counted by the peer's
 * address, in a table of fixed size: addresses that share a slot share what it may have.
 */
#include "ratls/ratls_workers.h"

#include <pthread.h>
#include <signal.h>

#include "base/alloc.h"
#include "net/net_address.h"

#define SLOTS 1024

struct slot {
    size_t waiting;
    unsigned working; /* threads */
};

struct capsa_ratls_workers {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct capsa_ratls_work *first, *last;
    size_t count, max, share;
    struct slot slots[SLOTS];
    bool is_stopping;
    unsigned running; /* threads */
    pthread_t threads[];
};

static void enqueue(struct capsa_ratls_workers *workers, struct capsa_ratls_work *work)
{
    work->before = workers->last;
    work->after = NULL;
    if (workers->last != NULL) {
        workers->last->after = work;
    } else {
        workers->first = work;
    }
    workers->last = work;
    workers->count++;
    workers->slots[work->slot].waiting++;
    work->is_queued = true;
}

static void dequeue(struct capsa_ratls_workers *workers, struct capsa_ratls_work *work)
{
    if (work->before != NULL) {
        work->before->after = work->after;
    } else {
        workers->first = work->after;
    }
    if (work->after != NULL) {
        work->after->before = work->before;
    } else {
        workers->last = work->before;
    }
    workers->count--;
    workers->slots[work->slot].waiting--;
    work->is_queued = false;
}

/* Under the lock; NULL: none waits. Nobody waits behind all that one address wants done. */
static struct capsa_ratls_work *next_work(const struct capsa_ratls_workers *workers)
{
    struct capsa_ratls_work *next = NULL;
    for (struct capsa_ratls_work *work = workers->first; work != NULL; work = work->after) {
        if (next == NULL ||
            workers->slots[work->slot].working < workers->slots[next->slot].working) {
            next = work;
        }
    }
    return next;
}

/* NULL: stop. */
static struct capsa_ratls_work *wait_for_work(struct capsa_ratls_workers *workers)
{
    (void)pthread_mutex_lock(&workers->lock);
    while (!workers->is_stopping && workers->first == NULL) {
        (void)pthread_cond_wait(&workers->more, &workers->lock);
    }
    struct capsa_ratls_work *work = workers->is_stopping ? NULL : next_work(workers);
    if (work != NULL) {
        dequeue(workers, work);
        workers->slots[work->slot].working++;
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return work;
}

static void note_worked(struct capsa_ratls_workers *workers, unsigned slot)
{
    (void)pthread_mutex_lock(&workers->lock);
    workers->slots[slot].working--;
    (void)pthread_mutex_unlock(&workers->lock);
}

static void *work_on(void *context)
{
    struct capsa_ratls_workers *workers = context;
    for (struct capsa_ratls_work *work = wait_for_work(workers); work != NULL;
         work = wait_for_work(workers)) {
        const unsigned slot = work->slot;
        work->run(work); /* may free it */
        note_worked(workers, slot);
    }
    return NULL;
}

/* Signals are for the main thread. */
static bool start(struct capsa_ratls_workers *workers, unsigned threads)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (workers->running < threads &&
           pthread_create(&workers->threads[workers->running], NULL, work_on, workers) == 0) {
        workers->running++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return workers->running == threads;
}

CAPSA_RESULT capsa_ratls_workers_new(unsigned threads, size_t max, size_t share,
                                     struct capsa_ratls_workers **ret_workers)
{
    struct capsa_ratls_workers *made =
        capsa_alloc(sizeof(struct capsa_ratls_workers) + threads * sizeof(pthread_t));
    CAPSA_REQUIRE_MEMORY(made);
    made->max = max;
    made->share = share;
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        capsa_dealloc(made);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    if (pthread_cond_init(&made->more, NULL) != 0) {
        (void)pthread_mutex_destroy(&made->lock);
        capsa_dealloc(made);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    CAPSA_AUTO_FREE(capsa_ratls_workers) workers = made;
    CAPSA_REQUIRE(start(workers, threads), IO,
                  "cannot start %u threads that make and judge evidence", threads);
    *ret_workers = workers;
    workers = NULL;
    return CAPSA_OK;
}

void capsa_ratls_workers_free(struct capsa_ratls_workers *workers)
{
    if (workers == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&workers->lock);
    workers->is_stopping = true;
    (void)pthread_cond_broadcast(&workers->more);
    (void)pthread_mutex_unlock(&workers->lock);
    for (; workers->running > 0; workers->running--) {
        (void)pthread_join(workers->threads[workers->running - 1], NULL);
    }
    (void)pthread_cond_destroy(&workers->more);
    (void)pthread_mutex_destroy(&workers->lock);
    capsa_dealloc(workers);
}

CAPSA_RESULT capsa_ratls_workers_submit(struct capsa_ratls_workers *workers, const char *peer,
                                        struct capsa_ratls_work *work)
{
    work->slot = capsa_net_address_hash(peer) % SLOTS;
    (void)pthread_mutex_lock(&workers->lock);
    const bool has_room = workers->count < workers->max;
    const bool is_fair = workers->slots[work->slot].waiting < workers->share;
    if (has_room && is_fair) {
        enqueue(workers, work);
        (void)pthread_cond_signal(&workers->more);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    CAPSA_REQUIRE(has_room, BUSY, "too many peers wait for evidence to be made or judged");
    CAPSA_REQUIRE(is_fair, BUSY,
                  "too many peers of this address wait for evidence to be made or judged");
    return CAPSA_OK;
}

bool capsa_ratls_workers_withdraw(struct capsa_ratls_workers *workers,
                                  struct capsa_ratls_work *work)
{
    (void)pthread_mutex_lock(&workers->lock);
    const bool was_queued = work->is_queued;
    if (was_queued) {
        dequeue(workers, work);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return was_queued;
}
