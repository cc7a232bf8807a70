/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins connections (net), sessions (HTTP/2 and gRPC) and the pool (handlers). Everything but the
 * pool's threads runs on the loop.
 */
#include "rpc/rpc_server.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "rpc/rpc_pool.h"
#include "rpc/rpc_session.h"

#define SECONDS(n)       ((int64_t)(n)*1000000)
#define HIGH_MARK        KIB(64) /* unsent bytes at which a session is not asked for more */
#define LINGER_US        (SECONDS(1) / 2)
#define DEFAULT_GRACE_US SECONDS(10)
#define DRAIN_LOOK_US    20000
#define WORKERS_MAX      256
#define SPARE_FILES      128 /* for the store, logs, the admin pages */

/* Ordered by when they last said something. */
struct conn_list {
    struct rpc_conn *latest;
    struct rpc_conn *longest;
};

struct rpc_conn {
    struct capsa_rpc_server *server;
    struct conn_list *list;
    struct capsa_net_conn *net;
    struct capsa_rpc_session *session; /* made by the first bytes: silent peers cost little */
    struct rpc_conn *before;           /* later ones */
    struct rpc_conn *after;
    int64_t timer_at_us;
    size_t unsent; /* as last seen, and since when it has not changed */
    int64_t unsent_since_us;
};

struct capsa_rpc_server {
    struct capsa_rpc_server_options options;
    struct capsa_rpc_service service;
    struct capsa_net_listener *listener;
    struct capsa_net_wake *wake;
    struct capsa_net_timer *drain_timer;
    struct capsa_rpc_pool *pool;
    struct conn_list idle; /* without calls: these make room for others */
    struct conn_list busy;
    atomic_bool stop_wanted;
    bool draining;
    int64_t drain_until_us;
};

/* ---- connections ---- */

static void tell_trouble(const struct capsa_rpc_server *server, const char *peer, const char *text)
{
    if (server->options.on_trouble != NULL) {
        server->options.on_trouble(server->options.context, peer, text);
    }
}

static void conn_trouble(const struct rpc_conn *conn, const char *text)
{
    tell_trouble(conn->server, capsa_net_conn_peer(conn->net)->address, text);
}

static void list_add(struct conn_list *list, struct rpc_conn *conn)
{
    conn->list = list;
    conn->before = NULL;
    conn->after = list->latest;
    *(list->latest != NULL ? &list->latest->before : &list->longest) = conn;
    list->latest = conn;
}

static void list_remove(struct rpc_conn *conn)
{
    *(conn->before != NULL ? &conn->before->after : &conn->list->latest) = conn->after;
    *(conn->after != NULL ? &conn->after->before : &conn->list->longest) = conn->before;
}

/* Into the right list. `spoke`: the peer did, just now. */
static void sort_conn(struct rpc_conn *conn, bool spoke)
{
    struct capsa_rpc_server *server = conn->server;
    struct conn_list *list =
        capsa_rpc_session_is_idle(conn->session) ? &server->idle : &server->busy;
    if (spoke || conn->list != list) {
        list_remove(conn);
        list_add(list, conn);
    }
}

/* Unsent bytes may still leave for `linger_us`; when the server stops, as long as the grace time
 * lasts. */
static void close_conn(struct rpc_conn *conn, int64_t linger_us)
{
    const struct capsa_rpc_server *server = conn->server;
    capsa_rpc_session_free(conn->session);
    if (server->draining) {
        capsa_net_conn_finish_by(conn->net, linger_us, server->drain_until_us);
    } else {
        capsa_net_conn_finish(conn->net, linger_us);
    }
    list_remove(conn);
    capsa_dealloc(conn);
}

/* Frames of the session up to the high mark; *ret_all: there are no more. */
static CAPSA_RESULT gather_output(struct rpc_conn *conn, int64_t now_us, bool *ret_all)
{
    bool all = false;
    while (!all && capsa_net_conn_unsent(conn->net) < HIGH_MARK) {
        capsa_bytes bytes;
        CAPSA_TRY(capsa_rpc_session_take(conn->session, now_us, &bytes));
        CAPSA_TRY(capsa_net_conn_send(conn->net, bytes));
        all = bytes.len == 0;
    }
    *ret_all = all;
    return CAPSA_OK;
}

/* Out with what the session has, as far as the peer takes it: a few frames, one write. */
static CAPSA_RESULT send_output(struct rpc_conn *conn, int64_t now_us)
{
    bool all = false;
    while (!all && capsa_net_conn_unsent(conn->net) < HIGH_MARK) {
        CAPSA_TRY(gather_output(conn, now_us, &all));
        CAPSA_TRY(capsa_net_conn_flush(conn->net));
    }
    return CAPSA_OK;
}

static void on_conn_timer(void *owner);

/* Remember when the peer last took something, and set the timer to what is due first. */
static CAPSA_RESULT schedule(struct rpc_conn *conn, int64_t now_us)
{
    const size_t unsent = capsa_net_conn_unsent(conn->net);
    int64_t at = capsa_rpc_session_wake_at(conn->session);
    if (unsent == 0 || unsent != conn->unsent) {
        conn->unsent = unsent;
        conn->unsent_since_us = now_us;
    }
    if (unsent > 0) {
        const int64_t stall = conn->unsent_since_us + SECONDS(CAPSA_LIMIT_write_stall_seconds);
        at = stall < at ? stall : at;
    }
    if (at == conn->timer_at_us || at == INT64_MAX) {
        return CAPSA_OK; /* a timer that rings for nothing is harmless */
    }
    conn->timer_at_us = at;
    return capsa_net_conn_set_timer(conn->net, at - now_us, on_conn_timer);
}

/* Send, close if all is over, else set the timer. May free the connection. */
static void pump(struct rpc_conn *conn)
{
    const int64_t now_us = capsa_monotonic_us();
    capsa_result result = send_output(conn, now_us);
    if (!capsa_failed(result) && capsa_rpc_session_over(conn->session)) {
        const char *trouble = capsa_rpc_session_trouble(conn->session);
        if (trouble != NULL) {
            conn_trouble(conn, trouble);
        }
        close_conn(conn, LINGER_US);
        return;
    }
    if (!capsa_failed(result)) {
        sort_conn(conn, false);
        result = schedule(conn, now_us);
    }
    if (capsa_failed(result)) {
        conn_trouble(conn, capsa_text_of(result));
        close_conn(conn, 0);
    }
}

static void on_conn_timer(void *owner)
{
    struct rpc_conn *conn = owner;
    const int64_t now_us = capsa_monotonic_us();
    conn->timer_at_us = 0;
    if (conn->session == NULL) {
        conn_trouble(conn, "the peer said nothing");
        close_conn(conn, 0);
        return;
    }
    const size_t unsent = capsa_net_conn_unsent(conn->net);
    const bool stalled = unsent > 0 && unsent == conn->unsent &&
                         now_us - conn->unsent_since_us >= SECONDS(CAPSA_LIMIT_write_stall_seconds);
    const capsa_result result = capsa_rpc_session_tick(conn->session, now_us);
    if (stalled || capsa_failed(result)) {
        conn_trouble(conn, stalled ? "the peer does not read its answers" : capsa_text_of(result));
        close_conn(conn, 0);
        return;
    }
    pump(conn);
}

static void on_ready(void *owner)
{
    struct rpc_conn *conn = owner;
    conn->timer_at_us = 0;
    if (conn->server->draining ||
        capsa_failed(capsa_net_conn_set_timer(conn->net, SECONDS(CAPSA_LIMIT_handshake_seconds),
                                              on_conn_timer))) {
        close_conn(conn, 0);
    }
}

/* For whoever points a browser at us. */
static void refuse_http1(struct rpc_conn *conn)
{
    static const char answer[] = "HTTP/1.1 505 HTTP Version Not Supported\r\n"
                                 "Content-Type: text/plain\r\n"
                                 "Content-Length: 40\r\n"
                                 "Connection: close\r\n\r\n"
                                 "This port speaks gRPC over HTTP/2 only.\n";
    conn_trouble(conn, "the peer speaks HTTP/1, not HTTP/2");
    capsa_ignore(capsa_net_conn_send(conn->net, capsa_bytes_str(answer)), "it is closed anyway");
    close_conn(conn, LINGER_US);
}

/* "GET ", "POST " and their like, but not "PRI * HTTP/2.0". */
static bool looks_like_http1(capsa_bytes bytes)
{
    static const char *const verbs[] = {"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "DELETE "};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        const size_t len = strlen(verbs[i]);
        if (bytes.len >= len && memcmp(bytes.data, verbs[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static CAPSA_RESULT start_session(struct rpc_conn *conn, int64_t now_us)
{
    const struct capsa_net_peer *peer = capsa_net_conn_peer(conn->net);
    CAPSA_TRY(capsa_rpc_session_new(&conn->server->service, peer->address, peer->verified, now_us,
                                    &conn->session));
    capsa_rpc_session_set_owner(conn->session, conn);
    return CAPSA_OK;
}

static void on_bytes(void *owner, capsa_bytes bytes)
{
    struct rpc_conn *conn = owner;
    const int64_t now_us = capsa_monotonic_us();
    if (conn->session == NULL) {
        if (looks_like_http1(bytes)) {
            refuse_http1(conn);
            return;
        }
        const capsa_result started = start_session(conn, now_us);
        if (capsa_failed(started)) {
            conn_trouble(conn, capsa_text_of(started));
            close_conn(conn, 0);
            return;
        }
    }
    const capsa_result fed = capsa_rpc_session_feed(conn->session, bytes, now_us);
    if (capsa_failed(fed)) {
        conn_trouble(conn, capsa_text_of(fed));
        capsa_ignore(send_output(conn, now_us), "the last words to a peer that broke the rules");
        close_conn(conn, LINGER_US);
        return;
    }
    sort_conn(conn, true);
    pump(conn);
}

static void on_drained(void *owner)
{
    struct rpc_conn *conn = owner;
    if (conn->session != NULL) {
        pump(conn);
    }
}

static void on_closed(void *owner, const char *why)
{
    struct rpc_conn *conn = owner;
    if (why != NULL) {
        conn_trouble(conn, why);
    }
    close_conn(conn, LINGER_US);
}

static const struct capsa_net_conn_events conn_events = {
    .ready = on_ready,
    .bytes = on_bytes,
    .drained = on_drained,
    .closed = on_closed,
};

static void on_accepted(void *context, struct capsa_net_conn *net)
{
    struct capsa_rpc_server *server = context;
    struct rpc_conn *conn = CAPSA_NEW(struct rpc_conn);
    if (conn == NULL) {
        tell_trouble(server, capsa_net_conn_peer(net)->address, "out of memory");
        capsa_net_conn_finish(net, 0);
        return;
    }
    conn->server = server;
    conn->net = net;
    list_add(&server->idle, conn);
    capsa_net_conn_attach(net, &conn_events, conn);
}

/* The connection that has been without a call for longest. */
static bool make_room(void *context)
{
    struct capsa_rpc_server *server = context;
    struct rpc_conn *conn = server->idle.longest;
    if (conn == NULL) {
        return false;
    }
    conn_trouble(conn, "closed, for it was idle and there are too many connections");
    close_conn(conn, 0);
    return true;
}

static void on_listener_trouble(void *context, const char *peer, const char *text)
{
    tell_trouble(context, peer, text);
}

/* ---- work ---- */

static CAPSA_RESULT submit_work(void *context, struct capsa_rpc_work *work)
{
    const struct capsa_rpc_server *server = context;
    return capsa_rpc_pool_submit(server->pool, work);
}

static bool withdraw_work(void *context, struct capsa_rpc_work *work)
{
    const struct capsa_rpc_server *server = context;
    return capsa_rpc_pool_withdraw(server->pool, work);
}

static void forward_call(void *context, const struct capsa_rpc_info *info)
{
    const struct capsa_rpc_server *server = context;
    if (server->options.on_call != NULL) {
        server->options.on_call(server->options.context, info);
    }
}

static void answer_done(struct capsa_rpc_server *server)
{
    struct capsa_rpc_work *after = NULL;
    for (struct capsa_rpc_work *work = capsa_rpc_pool_take_done(server->pool); work != NULL;
         work = after) {
        after = work->after;
        struct capsa_rpc_session *session = capsa_rpc_session_answer(work, capsa_monotonic_us());
        if (session != NULL) {
            pump(capsa_rpc_session_owner(session));
        }
    }
}

/* ---- stopping ---- */

static void drop_all_conns(struct capsa_rpc_server *server)
{
    struct conn_list *const lists[] = {&server->idle, &server->busy};
    for (size_t i = 0; i < 2; i++) {
        while (lists[i]->latest != NULL) {
            close_conn(lists[i]->latest, 0);
        }
    }
}

static void look_at_drain(void *context)
{
    struct capsa_rpc_server *server = context;
    const bool late = capsa_monotonic_us() >= server->drain_until_us;
    if (late) {
        drop_all_conns(server);
    }
    if (late || capsa_net_listener_connections(server->listener) == 0 ||
        capsa_failed(capsa_net_timer_set(server->drain_timer, DRAIN_LOOK_US))) {
        capsa_net_loop_stop(server->options.loop);
    }
}

static void drain_conn(struct rpc_conn *conn)
{
    if (conn->session == NULL ||
        capsa_failed(capsa_rpc_session_drain(conn->session, capsa_monotonic_us()))) {
        close_conn(conn, 0);
        return;
    }
    pump(conn);
}

static void drain_conns(const struct conn_list *list)
{
    struct rpc_conn *after = NULL;
    for (struct rpc_conn *conn = list->latest; conn != NULL; conn = after) {
        after = conn->after;
        drain_conn(conn);
    }
}

static void begin_drain(struct capsa_rpc_server *server)
{
    server->draining = true;
    server->drain_until_us = capsa_monotonic_us() + server->options.grace_us;
    capsa_net_listener_close(server->listener);
    drain_conns(&server->busy);
    drain_conns(&server->idle);
    look_at_drain(server);
}

static void on_wake(void *context)
{
    struct capsa_rpc_server *server = context;
    answer_done(server);
    if (atomic_load(&server->stop_wanted) && !server->draining) {
        begin_drain(server);
    }
}

void capsa_rpc_server_stop(struct capsa_rpc_server *server)
{
    atomic_store(&server->stop_wanted, true);
    capsa_net_wake_up(server->wake);
}

/* ---- life ---- */

static unsigned worker_count(unsigned wanted)
{
    if (wanted == 0) {
        const long processors = sysconf(_SC_NPROCESSORS_ONLN);
        wanted = processors < 1 ? 1 : (unsigned)processors;
    }
    return wanted > WORKERS_MAX ? WORKERS_MAX : wanted;
}

static size_t connection_count(size_t wanted, size_t files)
{
    const size_t max = wanted == 0 ? CAPSA_LIMIT_connections : wanted;
    const size_t room = files > 2 * SPARE_FILES ? files - SPARE_FILES : files / 2;
    return files == 0 || max < room ? max : room;
}

static CAPSA_RESULT listen_on(struct capsa_rpc_server *server)
{
    const size_t files = capsa_net_prepare_process();
    const struct capsa_net_listener_options options = {
        .address = server->options.address,
        .port = server->options.port,
        .tls = server->options.tls,
        .max_connections = connection_count(server->options.max_connections, files),
        .make_room = make_room,
        .handshake_us = SECONDS(CAPSA_LIMIT_handshake_seconds),
        .accepted = on_accepted,
        .trouble = on_listener_trouble,
        .context = server,
    };
    return capsa_net_listen(server->options.loop, &options, &server->listener);
}

CAPSA_RESULT capsa_rpc_server_new(const struct capsa_rpc_server_options *options,
                                  struct capsa_rpc_server **ret_server)
{
    CAPSA_TRY(capsa_rpc_methods_check(options->methods, options->method_count));
    CAPSA_AUTO_FREE(capsa_rpc_server) server = CAPSA_NEW(struct capsa_rpc_server);
    CAPSA_REQUIRE_MEMORY(server);
    server->options = *options;
    if (server->options.grace_us == 0) {
        server->options.grace_us = DEFAULT_GRACE_US;
    }
    server->service = (struct capsa_rpc_service){
        .methods = options->methods,
        .method_count = options->method_count,
        .submit = submit_work,
        .withdraw = withdraw_work,
        .on_call = forward_call,
        .context = server,
    };
    CAPSA_TRY(capsa_net_wake_new(options->loop, on_wake, server, &server->wake));
    CAPSA_TRY(capsa_net_timer_new(options->loop, look_at_drain, server, &server->drain_timer));
    CAPSA_TRY(listen_on(server));
    CAPSA_TRY(capsa_rpc_pool_new(worker_count(options->workers), CAPSA_LIMIT_queued_requests,
                                 CAPSA_LIMIT_queued_by_address, server->wake, &server->pool));
    server->options.address = NULL; /* the caller's; not needed any more */
    *ret_server = server;
    server = NULL;
    return CAPSA_OK;
}

unsigned capsa_rpc_server_port(const struct capsa_rpc_server *server)
{
    return capsa_net_listener_port(server->listener);
}

CAPSA_RESULT capsa_rpc_server_run(struct capsa_rpc_server *server)
{
    return capsa_net_loop_run(server->options.loop);
}

static void free_done(struct capsa_rpc_pool *pool)
{
    struct capsa_rpc_work *after = NULL;
    for (struct capsa_rpc_work *work = capsa_rpc_pool_take_done(pool); work != NULL; work = after) {
        after = work->after;
        capsa_rpc_work_free(work);
    }
}

void capsa_rpc_server_free(struct capsa_rpc_server *server)
{
    if (server == NULL) {
        return;
    }
    drop_all_conns(server);
    capsa_net_listener_free(server->listener);
    if (server->pool != NULL) {
        capsa_rpc_pool_stop(server->pool);
        free_done(server->pool);
    }
    capsa_rpc_pool_free(server->pool);
    capsa_net_timer_free(server->drain_timer);
    capsa_net_wake_free(server->wake);
    capsa_dealloc(server);
}

void capsa_rpc_server_stats(const struct capsa_rpc_server *server,
                            struct capsa_rpc_stats *ret_stats)
{
    *ret_stats = (struct capsa_rpc_stats){
        .connections = capsa_net_listener_connections(server->listener),
        .calls = server->service.calls,
        .queued = capsa_rpc_pool_queued(server->pool),
        .body_bytes = server->service.body_bytes,
    };
}
