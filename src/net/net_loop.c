/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop, wake-ups, timers and signals over libevent. Other threads touch a loop only by
 * writing to an eventfd, so libevent runs without locks, and stopping is safe in a signal handler.
 */
#include "net/net_loop.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/net_conn.h"

struct capsa_net_loop {
    struct event_base *base;
    struct capsa_net_wake *stop;
    struct capsa_net_conns dialled;
};

struct capsa_net_wake {
    int fd;
    struct event *event;
    capsa_net_callback callback;
    void *context;
};

struct capsa_net_timer {
    struct event *event;
    capsa_net_callback callback;
    void *context;
};

struct capsa_net_signal {
    struct event *event;
    capsa_net_callback callback;
    void *context;
};

/* libevent's own messages would go to standard error past our log. */
static void drop_message(int severity, const char *message)
{
    (void)severity;
    (void)message;
}

size_t capsa_net_prepare_process(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    event_set_log_callback(drop_message);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    const struct rlimit raised = {limit.rlim_max, limit.rlim_max};
    return (size_t)(setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur);
}

struct event_base *capsa_net_loop_base(struct capsa_net_loop *loop)
{
    return loop->base;
}

struct capsa_net_conns *capsa_net_loop_dialled(struct capsa_net_loop *loop)
{
    return &loop->dialled;
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return NULL;
    }
    struct event_base *base = NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0) {
        base = event_base_new_with_config(config);
    }
    event_config_free(config);
    return base;
}

static void break_loop(void *context)
{
    struct capsa_net_loop *loop = context;
    (void)event_base_loopbreak(loop->base);
}

CAPSA_RESULT capsa_net_loop_new(struct capsa_net_loop **ret_loop)
{
    CAPSA_AUTO_FREE(capsa_net_loop) loop = CAPSA_NEW(struct capsa_net_loop);
    CAPSA_REQUIRE_MEMORY(loop);
    loop->base = new_base();
    CAPSA_REQUIRE(loop->base != NULL, IO, "cannot set up the event loop");
    CAPSA_TRY(capsa_net_wake_new(loop, break_loop, loop, &loop->stop));
    *ret_loop = loop;
    loop = NULL;
    return CAPSA_OK;
}

void capsa_net_loop_free(struct capsa_net_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    while (loop->dialled.first != NULL) {
        capsa_net_conn_free(loop->dialled.first);
    }
    capsa_net_wake_free(loop->stop);
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    capsa_dealloc(loop);
}

CAPSA_RESULT capsa_net_loop_run(struct capsa_net_loop *loop)
{
    CAPSA_REQUIRE(event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) >= 0, IO,
                  "the event loop failed");
    return CAPSA_OK;
}

void capsa_net_loop_stop(struct capsa_net_loop *loop)
{
    capsa_net_wake_up(loop->stop);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    const struct capsa_net_wake *wake = context;
    uint64_t count = 0;
    if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count)) {
        wake->callback(wake->context);
    }
}

CAPSA_RESULT capsa_net_wake_new(struct capsa_net_loop *loop, capsa_net_callback callback,
                                void *context, struct capsa_net_wake **ret_wake)
{
    struct capsa_net_wake *wake = CAPSA_NEW(struct capsa_net_wake);
    CAPSA_REQUIRE_MEMORY(wake);
    *wake = (struct capsa_net_wake){-1, NULL, callback, context};
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake->fd >= 0) {
        wake->event = event_new(loop->base, wake->fd, EV_READ | EV_PERSIST, on_wake, wake);
    }
    if (wake->event == NULL || event_add(wake->event, NULL) != 0) {
        capsa_net_wake_free(wake);
        CAPSA_FAIL(IO, "cannot set up a wake-up for the event loop");
    }
    *ret_wake = wake;
    return CAPSA_OK;
}

void capsa_net_wake_up(struct capsa_net_wake *wake)
{
    const uint64_t one = 1;
    /* It can only fail when the counter is full, and then the loop is awake already. */
    const ssize_t written = write(wake->fd, &one, sizeof(one));
    (void)written;
}

void capsa_net_wake_free(struct capsa_net_wake *wake)
{
    if (wake == NULL) {
        return;
    }
    if (wake->event != NULL) {
        event_free(wake->event);
    }
    if (wake->fd >= 0) {
        (void)close(wake->fd);
    }
    capsa_dealloc(wake);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    const struct capsa_net_timer *timer = context;
    timer->callback(timer->context);
}

CAPSA_RESULT capsa_net_timer_new(struct capsa_net_loop *loop, capsa_net_callback callback,
                                 void *context, struct capsa_net_timer **ret_timer)
{
    struct capsa_net_timer *timer = CAPSA_NEW(struct capsa_net_timer);
    CAPSA_REQUIRE_MEMORY(timer);
    *timer = (struct capsa_net_timer){NULL, callback, context};
    timer->event = evtimer_new(loop->base, on_timer, timer);
    if (timer->event == NULL) {
        capsa_dealloc(timer);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    *ret_timer = timer;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_timer_set(struct capsa_net_timer *timer, int64_t delay_us)
{
    const struct timeval delay = capsa_net_timeval(delay_us);
    CAPSA_REQUIRE(evtimer_add(timer->event, &delay) == 0, NOMEM, "cannot set a timer");
    return CAPSA_OK;
}

void capsa_net_timer_clear(struct capsa_net_timer *timer)
{
    (void)evtimer_del(timer->event);
}

void capsa_net_timer_free(struct capsa_net_timer *timer)
{
    if (timer != NULL) {
        event_free(timer->event);
        capsa_dealloc(timer);
    }
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    const struct capsa_net_signal *signal = context;
    signal->callback(signal->context);
}

CAPSA_RESULT capsa_net_signal_new(struct capsa_net_loop *loop, int number,
                                  capsa_net_callback callback, void *context,
                                  struct capsa_net_signal **ret_signal)
{
    struct capsa_net_signal *signal = CAPSA_NEW(struct capsa_net_signal);
    CAPSA_REQUIRE_MEMORY(signal);
    *signal = (struct capsa_net_signal){NULL, callback, context};
    signal->event = evsignal_new(loop->base, number, on_signal, signal);
    if (signal->event == NULL || evsignal_add(signal->event, NULL) != 0) {
        capsa_net_signal_free(signal);
        CAPSA_FAIL(IO, "cannot watch for signal %d", number);
    }
    *ret_signal = signal;
    return CAPSA_OK;
}

void capsa_net_signal_free(struct capsa_net_signal *signal)
{
    if (signal == NULL) {
        return;
    }
    if (signal->event != NULL) {
        event_free(signal->event);
    }
    capsa_dealloc(signal);
}
