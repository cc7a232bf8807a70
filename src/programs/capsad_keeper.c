/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that renews envelope keys (capsad_keeper.h).
 */
#include "programs/capsad_keeper.h"

#include <pthread.h>
#include <signal.h>

#include "base/alloc.h"

struct capsad_keeper {
    struct capsa_keymanager *manager;
    struct capsa_log *log;
    pthread_t thread;
    pthread_mutex_t mutex; /* for the two below */
    pthread_cond_t told;
    bool wanted, stopping;
};

/* False: stop. */
static bool wait_for_work(struct capsad_keeper *keeper)
{
    (void)pthread_mutex_lock(&keeper->mutex);
    while (!keeper->wanted && !keeper->stopping) {
        (void)pthread_cond_wait(&keeper->told, &keeper->mutex);
    }
    keeper->wanted = false;
    bool goes_on = !keeper->stopping;
    (void)pthread_mutex_unlock(&keeper->mutex);
    return goes_on;
}

static void *keep(void *context)
{
    struct capsad_keeper *keeper = context;
    while (wait_for_work(keeper)) {
        bool renewed = false;
        capsa_result result = capsa_keymanager_renew(keeper->manager, &renewed);
        if (capsa_failed(result)) {
            capsa_log_event(keeper->log, CAPSA_LOG_ERROR, "envelope_keys",
                            CAPSA_LOG_CODE("why", result));
        } else if (renewed) {
            capsa_log_event(keeper->log, CAPSA_LOG_INFO, "envelope_keys",
                            CAPSA_LOG_STR("what", "a new generation"));
        }
    }
    return NULL;
}

static void tell(struct capsad_keeper *keeper, bool *flag)
{
    (void)pthread_mutex_lock(&keeper->mutex);
    *flag = true;
    (void)pthread_cond_signal(&keeper->told);
    (void)pthread_mutex_unlock(&keeper->mutex);
}

static void keeper_dealloc(struct capsad_keeper *keeper)
{
    (void)pthread_cond_destroy(&keeper->told);
    (void)pthread_mutex_destroy(&keeper->mutex);
    capsa_dealloc(keeper);
}

CAPSA_RESULT capsad_keeper_new(struct capsa_keymanager *manager, struct capsa_log *log,
                               struct capsad_keeper **ret_keeper)
{
    struct capsad_keeper *keeper = CAPSA_NEW(struct capsad_keeper);
    CAPSA_REQUIRE_MEMORY(keeper);
    keeper->manager = manager;
    keeper->log = log;
    (void)pthread_mutex_init(&keeper->mutex, NULL);
    (void)pthread_cond_init(&keeper->told, NULL);
    sigset_t all, before; /* signals are for the loop's thread */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&keeper->thread, NULL, keep, keeper);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        keeper_dealloc(keeper);
        CAPSA_FAIL(NOMEM, "cannot start the thread that renews envelope keys");
    }
    *ret_keeper = keeper;
    return CAPSA_OK;
}

void capsad_keeper_wake(struct capsad_keeper *keeper)
{
    tell(keeper, &keeper->wanted);
}

void capsad_keeper_free(struct capsad_keeper *keeper)
{
    if (keeper == NULL) {
        return;
    }
    tell(keeper, &keeper->stopping);
    (void)pthread_join(keeper->thread, NULL);
    keeper_dealloc(keeper);
}
