/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs of connections, each of which sends what the other receives. A pair is told and freed as a
 * whole, once both its ends are over or one of them broke.
 */
#include "ratls/ratls_proxy.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"

#define CONNECT_US  INT64_C(10000000)
#define LINGER_US   INT64_C(2000000)
#define HIGH_MARK   KIB(256) /* more than this waits for one end: the other is not read */
#define HIGH_LEAST  KIB(16)
#define FILES_SPARE 64 /* descriptors that are not connections */
#define FILES_EACH  2  /* ends of a pair */
#define WHY_TEXT    256

struct pair;

struct end {
    struct pair *pair;
    struct end *other;
    struct capsa_net_conn *conn; /* NULL: not dialled */
    bool paused;                 /* until the other has sent what it has */
    bool over;                   /* both directions, as it should be */
};

struct pair {
    struct capsa_ratls_proxy *proxy;
    struct pair *before, *after;
    struct end came, dialled;
    uint64_t id;
    bool joined;
    uint64_t in_bytes, out_bytes;
    int64_t moved_us; /* when anything last did */
};

struct capsa_ratls_proxy {
    struct capsa_ratls_proxy_options options;
    struct capsa_net_target target;
    struct capsa_net_listener *listener;
    struct pair *first;
    size_t count;
    uint64_t last_id;
};

/* ---- telling, and ending ---- */

static void tell(const struct pair *pair,
                 void (*told)(void *context, const struct capsa_ratls_proxy_event *event),
                 const char *why)
{
    const struct capsa_ratls_proxy_options *options = &pair->proxy->options;
    if (told == NULL) {
        return;
    }
    const struct end *attested = options->listen_tls != NULL ? &pair->came : &pair->dialled;
    const struct ssl_st *session =
        attested->conn == NULL ? NULL : capsa_net_conn_session(attested->conn);
    const struct capsa_ratls_proxy_event event = {
        .id = pair->id,
        .peer = capsa_net_conn_peer(pair->came.conn)->address,
        .report = session == NULL ? NULL : capsa_ratls_peer(session),
        .was_joined = pair->joined,
        .why = why,
        .in_bytes = pair->in_bytes,
        .out_bytes = pair->out_bytes,
    };
    told(options->context, &event);
}

static void unlink_pair(struct pair *pair)
{
    struct capsa_ratls_proxy *proxy = pair->proxy;
    if (pair->before != NULL) {
        pair->before->after = pair->after;
    } else {
        proxy->first = pair->after;
    }
    if (pair->after != NULL) {
        pair->after->before = pair->before;
    }
    proxy->count--;
}

/* Of a pair that broke, the end at fault, which is over, may still have our last words coming; the
 * other gets a reset, unless it has had all there was. */
static void hand_back(struct end *end, bool properly)
{
    if (end->conn == NULL) {
        return;
    }
    if (properly || end->over) {
        capsa_net_conn_finish(end->conn, LINGER_US);
    } else {
        capsa_net_conn_cut(end->conn);
    }
    end->conn = NULL;
}

/* `fault`: the end that is over, with `why`; NULL: neither is. Without `why` both end properly. */
static void part(struct pair *pair, const struct end *fault, const char *why)
{
    tell(pair, pair->proxy->options.ended, why);
    hand_back(&pair->came, why == NULL || fault == &pair->came);
    hand_back(&pair->dialled, why == NULL || fault == &pair->dialled);
    unlink_pair(pair);
    capsa_dealloc(pair);
}

static void break_off(struct pair *pair, capsa_result result)
{
    char why[WHY_TEXT];
    (void)snprintf(why, sizeof(why), "%s", capsa_text_of(result));
    part(pair, NULL, why);
}

/* ---- time ---- */

static void on_idle(void *owner);

static void watch(struct end *end, int64_t delay_us)
{
    if (end->pair->proxy->options.idle_us > 0 && !end->over) {
        capsa_ignore(capsa_net_conn_set_timer(end->conn, delay_us, on_idle),
                     "a connection that is over needs no limit");
    }
}

static void on_idle(void *owner)
{
    struct end *end = owner;
    struct pair *pair = end->pair;
    const int64_t left_us = pair->moved_us + pair->proxy->options.idle_us - capsa_monotonic_us();
    if (left_us > 0) {
        watch(end, left_us);
        return;
    }
    part(pair, NULL, "nothing moved for too long");
}

/* ---- what either end does ---- */

size_t capsa_ratls_proxy_mark(size_t pairs)
{
    const size_t share = CAPSA_LIMIT_proxy_unsent / FILES_EACH / (pairs > 0 ? pairs : 1);
    const size_t mark = share < HIGH_MARK ? share : HIGH_MARK;
    return mark > HIGH_LEAST ? mark : HIGH_LEAST;
}

static void on_bytes(void *owner, capsa_bytes bytes)
{
    struct end *end = owner;
    struct pair *pair = end->pair;
    struct capsa_net_conn *to = end->other->conn;
    pair->moved_us = capsa_monotonic_us();
    *(end == &pair->came ? &pair->in_bytes : &pair->out_bytes) += bytes.len;
    capsa_result result = capsa_net_conn_send(to, bytes);
    if (!capsa_failed(result)) {
        result = capsa_net_conn_flush(to);
    }
    if (capsa_failed(result)) {
        break_off(end->pair, result);
    } else if (capsa_net_conn_unsent(to) > capsa_ratls_proxy_mark(pair->proxy->count)) {
        end->paused = true;
        capsa_net_conn_pause(end->conn, true);
    }
}

static void on_drained(void *owner)
{
    struct end *end = owner;
    struct end *source = end->other;
    end->pair->moved_us = capsa_monotonic_us();
    if (source->paused) {
        source->paused = false;
        capsa_net_conn_pause(source->conn, false);
    }
}

static void on_ended(void *owner)
{
    struct end *end = owner;
    const capsa_result result = capsa_net_conn_end(end->other->conn);
    if (capsa_failed(result)) {
        break_off(end->pair, result);
    }
}

/* Without a reason: both directions are over, and then it is for the other to get there. */
static void on_closed(void *owner, const char *why)
{
    struct end *end = owner;
    if (why != NULL || end->other->conn == NULL || end->other->over) {
        part(end->pair, end, why);
        return;
    }
    end->over = true;
}

/* ---- joining ---- */

static void on_dialled_ready(void *owner)
{
    struct end *end = owner;
    struct pair *pair = end->pair;
    pair->joined = true;
    pair->moved_us = capsa_monotonic_us();
    tell(pair, pair->proxy->options.joined, NULL);
    watch(&pair->came, pair->proxy->options.idle_us);
    watch(&pair->dialled, pair->proxy->options.idle_us);
    capsa_net_conn_pause(pair->came.conn, false);
}

static const struct capsa_net_conn_events dialled_events = {.ready = on_dialled_ready,
                                                            .bytes = on_bytes,
                                                            .drained = on_drained,
                                                            .ended = on_ended,
                                                            .closed = on_closed};

/* Whoever came may come in: only now anybody is called for him. */
static void on_came_ready(void *owner)
{
    struct end *end = owner;
    struct pair *pair = end->pair;
    const struct capsa_ratls_proxy *proxy = pair->proxy;
    capsa_net_conn_pause(end->conn, true);
    const capsa_result result = capsa_net_dial(
        proxy->options.loop, &proxy->target, proxy->options.target_tls, proxy->options.connect_us,
        &dialled_events, &pair->dialled, &pair->dialled.conn);
    if (capsa_failed(result)) {
        break_off(pair, result);
    }
}

static const struct capsa_net_conn_events came_events = {.ready = on_came_ready,
                                                         .bytes = on_bytes,
                                                         .drained = on_drained,
                                                         .ended = on_ended,
                                                         .closed = on_closed};

static void on_accepted(void *context, struct capsa_net_conn *conn)
{
    struct capsa_ratls_proxy *proxy = context;
    struct pair *pair = CAPSA_NEW(struct pair);
    if (pair == NULL) {
        capsa_net_conn_cut(conn);
        return;
    }
    pair->proxy = proxy;
    pair->id = ++proxy->last_id;
    pair->came = (struct end){.pair = pair, .other = &pair->dialled, .conn = conn};
    pair->dialled = (struct end){.pair = pair, .other = &pair->came};
    pair->after = proxy->first;
    if (proxy->first != NULL) {
        proxy->first->before = pair;
    }
    proxy->first = pair;
    proxy->count++;
    capsa_net_conn_attach(conn, &came_events, &pair->came);
}

/* Nothing of ours was said to whom no connection was made for. */
static void on_trouble(void *context, const char *peer, const char *text)
{
    const struct capsa_ratls_proxy *proxy = context;
    const struct capsa_ratls_proxy_event event = {.peer = peer, .why = text};
    if (proxy->options.ended != NULL) {
        proxy->options.ended(proxy->options.context, &event);
    }
}

/* ---- making ---- */

static size_t most_connections(size_t wanted)
{
    const size_t files = capsa_net_prepare_process();
    const size_t most = wanted == 0 ? CAPSA_LIMIT_connections : wanted;
    if (files <= FILES_SPARE) {
        return most;
    }
    const size_t room = (files - FILES_SPARE) / FILES_EACH;
    return most < room ? most : room;
}

static capsa_result listen_at(struct capsa_ratls_proxy *proxy)
{
    const struct capsa_net_listener_options options = {
        .address = proxy->options.listen_address,
        .port = proxy->options.listen_port,
        .tls = proxy->options.listen_tls,
        .max_connections = most_connections(proxy->options.max_connections),
        .handshake_us = proxy->options.handshake_us,
        .accepted = on_accepted,
        .trouble = on_trouble,
        .context = proxy,
    };
    return capsa_net_listen(proxy->options.loop, &options, &proxy->listener);
}

CAPSA_RESULT capsa_ratls_proxy_new(const struct capsa_ratls_proxy_options *options,
                                   struct capsa_ratls_proxy **ret_proxy)
{
    CAPSA_AUTO_FREE(capsa_ratls_proxy) proxy = CAPSA_NEW(struct capsa_ratls_proxy);
    CAPSA_REQUIRE_MEMORY(proxy);
    proxy->options = *options;
    proxy->target = *options->target;
    if (options->connect_us == 0) {
        proxy->options.connect_us = CONNECT_US;
    }
    if (options->handshake_us == 0) {
        proxy->options.handshake_us = INT64_C(1000000) * CAPSA_LIMIT_handshake_seconds;
    }
    CAPSA_TRY(listen_at(proxy));
    proxy->options.listen_address = NULL; /* the caller's; not needed any more */
    proxy->options.target = NULL;
    *ret_proxy = proxy;
    proxy = NULL;
    return CAPSA_OK;
}

unsigned capsa_ratls_proxy_port(const struct capsa_ratls_proxy *proxy)
{
    return capsa_net_listener_port(proxy->listener);
}

size_t capsa_ratls_proxy_connections(const struct capsa_ratls_proxy *proxy)
{
    return proxy->count;
}

void capsa_ratls_proxy_close(struct capsa_ratls_proxy *proxy)
{
    capsa_net_listener_close(proxy->listener);
}

void capsa_ratls_proxy_free(struct capsa_ratls_proxy *proxy)
{
    if (proxy == NULL) {
        return;
    }
    proxy->options.ended = NULL;
    while (proxy->first != NULL) {
        part(proxy->first, NULL, "stopped");
    }
    capsa_net_listener_free(proxy->listener);
    capsa_dealloc(proxy);
}
