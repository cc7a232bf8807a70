/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads, one lock, two lists: what waits, and what is done. What waits is also counted by the
 * peer's address, in a table of fixed size: addresses that share a slot share its limit.
 *
 * Threads wait at a semaphore, not at a condition: who is woken from a condition takes the lock as
 * one that others wait for, and tells the kernel so when it gives it back.
 */
#include "rpc/rpc_pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/time.h"
#include "net/net_address.h"

#define SLOTS 1024

struct work_list {
    struct capsa_rpc_work *first;
    struct capsa_rpc_work *last;
    size_t count;
};

struct capsa_rpc_pool {
    pthread_mutex_t lock;
    sem_t more; /* one for each piece that came, even when it was withdrawn since */
    struct work_list waiting;
    struct work_list done;
    size_t slots[SLOTS]; /* waiting, by address */
    size_t queue_max;
    size_t address_max;
    bool stopping;
    struct capsa_net_wake *wake;
    unsigned running; /* threads started */
    pthread_t threads[];
};

static void list_append(struct work_list *list, struct capsa_rpc_work *work)
{
    work->before = list->last;
    work->after = NULL;
    if (list->last != NULL) {
        list->last->after = work;
    } else {
        list->first = work;
    }
    list->last = work;
    list->count++;
}

static void list_remove(struct work_list *list, struct capsa_rpc_work *work)
{
    if (work->before != NULL) {
        work->before->after = work->after;
    } else {
        list->first = work->after;
    }
    if (work->after != NULL) {
        work->after->before = work->before;
    } else {
        list->last = work->before;
    }
    list->count--;
}

static void enqueue(struct capsa_rpc_pool *pool, struct capsa_rpc_work *work)
{
    list_append(&pool->waiting, work);
    pool->slots[work->slot]++;
    work->queued = true;
}

static void dequeue(struct capsa_rpc_pool *pool, struct capsa_rpc_work *work)
{
    list_remove(&pool->waiting, work);
    pool->slots[work->slot]--;
    work->queued = false;
}

static CAPSA_RESULT run_handler(struct capsa_rpc_work *work)
{
    CAPSA_REQUIRE(!atomic_load(&work->abandoned), CANCELLED, "the call was cancelled");
    CAPSA_REQUIRE(capsa_monotonic_us() < work->call.deadline_us, TIMEOUT,
                  "the deadline passed while the call was waiting");
    return work->method->handler(work->method->context, &work->call, &work->answer);
}

/* The next piece of work, or NULL when there is none or the pool stops. */
static struct capsa_rpc_work *take_work(struct capsa_rpc_pool *pool, bool *ret_stopping)
{
    (void)pthread_mutex_lock(&pool->lock);
    struct capsa_rpc_work *work = pool->stopping ? NULL : pool->waiting.first;
    if (work != NULL) {
        dequeue(pool, work);
    }
    *ret_stopping = pool->stopping;
    (void)pthread_mutex_unlock(&pool->lock);
    return work;
}

/* The next piece of work, or NULL when the pool stops. */
static struct capsa_rpc_work *wait_for_work(struct capsa_rpc_pool *pool)
{
    struct capsa_rpc_work *work = NULL;
    bool stopping = false;
    while (work == NULL && !stopping) {
        if (sem_wait(&pool->more) == 0) { /* else a signal came */
            work = take_work(pool, &stopping);
        }
    }
    return work;
}

/* The loop takes all that is done at once: who finds something there need not wake it again. */
static void hand_back(struct capsa_rpc_pool *pool, struct capsa_rpc_work *work)
{
    (void)pthread_mutex_lock(&pool->lock);
    const bool first = pool->done.first == NULL;
    list_append(&pool->done, work);
    (void)pthread_mutex_unlock(&pool->lock);
    if (first) {
        capsa_net_wake_up(pool->wake);
    }
}

static void *work_on(void *context)
{
    struct capsa_rpc_pool *pool = context;
    for (struct capsa_rpc_work *work = wait_for_work(pool); work != NULL;
         work = wait_for_work(pool)) {
        capsa_rpc_work_keep(work, run_handler(work));
        hand_back(pool, work);
    }
    return NULL;
}

/* Signals are for the main thread. */
static bool start_threads(struct capsa_rpc_pool *pool, unsigned threads)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->running < threads &&
           pthread_create(&pool->threads[pool->running], NULL, work_on, pool) == 0) {
        pool->running++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->running == threads;
}

CAPSA_RESULT capsa_rpc_pool_new(unsigned threads, size_t queue_max, size_t address_max,
                                struct capsa_net_wake *done, struct capsa_rpc_pool **ret_pool)
{
    CAPSA_AUTO_FREE(capsa_rpc_pool)
    pool = capsa_alloc(sizeof(struct capsa_rpc_pool) + threads * sizeof(pthread_t));
    CAPSA_REQUIRE_MEMORY(pool);
    pool->queue_max = queue_max;
    pool->address_max = address_max;
    pool->wake = done;
    CAPSA_REQUIRE(pthread_mutex_init(&pool->lock, NULL) == 0 && sem_init(&pool->more, 0, 0) == 0,
                  NOMEM, "out of memory");
    CAPSA_REQUIRE(start_threads(pool, threads), IO, "cannot start %u worker threads", threads);
    *ret_pool = pool;
    pool = NULL;
    return CAPSA_OK;
}

void capsa_rpc_pool_stop(struct capsa_rpc_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->running; i++) {
        (void)sem_post(&pool->more);
    }
    for (; pool->running > 0; pool->running--) {
        (void)pthread_join(pool->threads[pool->running - 1], NULL);
    }
    /* What never began is done in its way. */
    while (pool->waiting.first != NULL) {
        struct capsa_rpc_work *work = pool->waiting.first;
        dequeue(pool, work);
        list_append(&pool->done, work);
    }
}

void capsa_rpc_pool_free(struct capsa_rpc_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    capsa_rpc_pool_stop(pool);
    (void)sem_destroy(&pool->more);
    (void)pthread_mutex_destroy(&pool->lock);
    capsa_dealloc(pool);
}

CAPSA_RESULT capsa_rpc_pool_submit(struct capsa_rpc_pool *pool, struct capsa_rpc_work *work)
{
    work->slot = capsa_net_address_hash(work->peer) % SLOTS;
    (void)pthread_mutex_lock(&pool->lock);
    const bool fair = pool->slots[work->slot] < pool->address_max;
    const bool room = pool->waiting.count < pool->queue_max && !pool->stopping;
    if (room && fair) {
        enqueue(pool, work);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (room && fair) {
        (void)sem_post(&pool->more);
    }
    CAPSA_REQUIRE(room, BUSY, "the server has too many waiting requests");
    CAPSA_REQUIRE(fair, BUSY, "too many requests from this address are waiting");
    return CAPSA_OK;
}

bool capsa_rpc_pool_withdraw(struct capsa_rpc_pool *pool, struct capsa_rpc_work *work)
{
    (void)pthread_mutex_lock(&pool->lock);
    const bool queued = work->queued;
    if (queued) {
        dequeue(pool, work);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return queued;
}

struct capsa_rpc_work *capsa_rpc_pool_take_done(struct capsa_rpc_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    struct capsa_rpc_work *first = pool->done.first;
    pool->done = (struct work_list){NULL, NULL, 0};
    (void)pthread_mutex_unlock(&pool->lock);
    return first;
}

size_t capsa_rpc_pool_queued(struct capsa_rpc_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    const size_t count = pool->waiting.count;
    (void)pthread_mutex_unlock(&pool->lock);
    return count;
}
