/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that renews a certificate (cli_ratls_renew.h).
 */
#include "cli/cli_ratls_renew.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/alloc.h"

/* It looks at the clock this often, because clocks are set and machines sleep. */
#define LOOK_SECONDS      60
#define TRY_AGAIN_SECONDS 5
#define TRY_AGAIN_LONGEST 300

struct capsa_cli_renewer {
    struct capsa_ratls_identity *identity;
    struct capsa_log *log;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t woken;
    bool stops, now;
};

static void tell_renewed(const struct capsa_cli_renewer *renewer)
{
    char until[CAPSA_TIME_TEXT] = "";
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = capsa_ratls_identity_current(renewer->identity);
    if (made != NULL) {
        capsa_time_text(capsa_ratls_credential_not_after(made), until);
    }
    capsa_log_event(renewer->log, CAPSA_LOG_INFO, "renewed",
                    CAPSA_LOG_STR("until", (const char *)until));
}

/* Waits until `due`, or for at most LOOK_SECONDS; false: it is to stop. */
static bool wait_for_due(struct capsa_cli_renewer *renewer, capsa_time due)
{
    int64_t left = due - capsa_now(&capsa_clock_system);
    left = left < 0 ? 0 : left;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += left < LOOK_SECONDS ? left : LOOK_SECONDS;
    (void)pthread_mutex_lock(&renewer->lock);
    int waited = 0;
    while (!renewer->stops && !renewer->now && waited == 0) {
        waited = pthread_cond_timedwait(&renewer->woken, &renewer->lock, &until);
    }
    const bool stops = renewer->stops;
    (void)pthread_mutex_unlock(&renewer->lock);
    return !stops;
}

static bool is_wanted_now(struct capsa_cli_renewer *renewer)
{
    (void)pthread_mutex_lock(&renewer->lock);
    const bool now = renewer->now;
    renewer->now = false;
    (void)pthread_mutex_unlock(&renewer->lock);
    return now;
}

static capsa_time renew_at(const struct capsa_cli_renewer *renewer)
{
    CAPSA_AUTO_FREE(capsa_ratls_credential) now = capsa_ratls_identity_current(renewer->identity);
    return now == NULL ? 0 : capsa_ratls_credential_renew_at(now);
}

/* When to do it again. */
static capsa_time renew(const struct capsa_cli_renewer *renewer, int64_t *pause)
{
    const capsa_time now = capsa_now(&capsa_clock_system);
    const capsa_result renewed = capsa_ratls_identity_renew(renewer->identity, now);
    if (!capsa_failed(renewed)) {
        *pause = TRY_AGAIN_SECONDS;
        tell_renewed(renewer);
        return renew_at(renewer);
    }
    capsa_log_event(renewer->log, CAPSA_LOG_ERROR, "renewal_failed", CAPSA_LOG_CODE("why", renewed),
                    CAPSA_LOG_INT("again_in_seconds", *pause));
    const capsa_time due = capsa_now(&capsa_clock_system) + *pause;
    *pause = *pause * 2 < TRY_AGAIN_LONGEST ? *pause * 2 : TRY_AGAIN_LONGEST;
    return due;
}

static void *run(void *context)
{
    struct capsa_cli_renewer *renewer = context;
    int64_t pause = TRY_AGAIN_SECONDS;
    capsa_time due = renew_at(renewer);
    while (wait_for_due(renewer, due)) {
        if (is_wanted_now(renewer) || capsa_now(&capsa_clock_system) >= due) {
            due = renew(renewer, &pause);
        }
    }
    return NULL;
}

static bool init_waiting(struct capsa_cli_renewer *renewer)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return false;
    }
    const bool made = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                      pthread_cond_init(&renewer->woken, &monotonic) == 0;
    (void)pthread_condattr_destroy(&monotonic);
    if (made && pthread_mutex_init(&renewer->lock, NULL) != 0) {
        (void)pthread_cond_destroy(&renewer->woken);
        return false;
    }
    return made;
}

static void drop_waiting(struct capsa_cli_renewer *renewer)
{
    (void)pthread_cond_destroy(&renewer->woken);
    (void)pthread_mutex_destroy(&renewer->lock);
    capsa_dealloc(renewer);
}

CAPSA_RESULT capsa_cli_renewer_new(struct capsa_ratls_identity *identity, struct capsa_log *log,
                                   struct capsa_cli_renewer **ret_renewer)
{
    struct capsa_cli_renewer *renewer = CAPSA_NEW(struct capsa_cli_renewer);
    CAPSA_REQUIRE_MEMORY(renewer);
    renewer->identity = identity;
    renewer->log = log;
    if (!init_waiting(renewer)) {
        capsa_dealloc(renewer);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    if (pthread_create(&renewer->thread, NULL, run, renewer) != 0) {
        drop_waiting(renewer);
        CAPSA_FAIL(NOMEM, "no thread to renew the certificate on");
    }
    *ret_renewer = renewer;
    return CAPSA_OK;
}

static void wake(struct capsa_cli_renewer *renewer, bool *what)
{
    (void)pthread_mutex_lock(&renewer->lock);
    *what = true;
    (void)pthread_cond_signal(&renewer->woken);
    (void)pthread_mutex_unlock(&renewer->lock);
}

void capsa_cli_renewer_now(struct capsa_cli_renewer *renewer)
{
    if (renewer != NULL) {
        wake(renewer, &renewer->now);
    }
}

void capsa_cli_renewer_free(struct capsa_cli_renewer *renewer)
{
    if (renewer != NULL) {
        wake(renewer, &renewer->stops);
        (void)pthread_join(renewer->thread, NULL);
        drop_waiting(renewer);
    }
}
