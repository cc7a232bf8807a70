/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection: a pipe, plain or TLS, with an owner. An idle one holds no buffers. The owner is
 * called from the loop alone and never from within a call of its own, and nothing is freed before
 * the loop's next turn, so it may send, finish or pause from within any event.
 */
#include "net/net_conn.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/net_loop.h"

/* ---- lists, events, ends ---- */

static void list_add(struct capsa_net_conn *conn, struct capsa_net_conns *list)
{
    conn->list = list;
    conn->after = list->first;
    if (list->first != NULL) {
        list->first->before = conn;
    }
    list->first = conn;
    list->count++;
}

static void list_remove(struct capsa_net_conn *conn)
{
    if (conn->before != NULL) {
        conn->before->after = conn->after;
    } else {
        conn->list->first = conn->after;
    }
    if (conn->after != NULL) {
        conn->after->before = conn->before;
    }
    conn->list->count--;
}

void capsa_net_conn_end_admission(struct capsa_net_conn *conn)
{
    if (conn->admitting) {
        conn->admitting = false;
        capsa_net_tls_admission(conn->tls)->end(conn->admission);
    }
}

void capsa_net_conn_free(struct capsa_net_conn *conn)
{
    capsa_net_conn_end_admission(conn);
    list_remove(conn);
    (void)event_del(&conn->turn);
    (void)event_del(&conn->timer);
    (void)event_del(&conn->readable);
    (void)event_del(&conn->writable);
    if (conn->kept != NULL) {
        evbuffer_free(conn->kept);
    }
    capsa_net_dialling_free(conn->dialling);
    capsa_net_pipe_close(&conn->pipe);
    capsa_dealloc(conn->why);
    capsa_dealloc(conn);
}

void capsa_net_conn_after(struct capsa_net_conn *conn, int64_t delay_us)
{
    const struct timeval delay = capsa_net_timeval(delay_us);
    (void)evtimer_add(&conn->timer, &delay);
}

void capsa_net_conn_next_turn(struct capsa_net_conn *conn)
{
    event_active(&conn->turn, EV_WRITE, 1);
}

bool capsa_net_conn_wants_input(const struct capsa_net_conn *conn)
{
    switch (conn->state) {
    case CAPSA_NET_HANDSHAKE:
        return true;
    case CAPSA_NET_ADMISSION:
        return !conn->admitted && !conn->refused && conn->kept == NULL;
    case CAPSA_NET_OPEN:
        return !conn->paused && !conn->ended && conn->kept == NULL;
    case CAPSA_NET_FLUSHING:
    case CAPSA_NET_LINGERING:
        return !conn->ended;
    default:
        return false;
    }
}

static bool wants_room(const struct capsa_net_conn *conn)
{
    const struct capsa_net_pipe *pipe = &conn->pipe;
    switch (conn->state) {
    case CAPSA_NET_CONNECTING:
        return true;
    case CAPSA_NET_HANDSHAKE:
        return pipe->read_wants_room;
    case CAPSA_NET_ADMISSION:
    case CAPSA_NET_OPEN:
    case CAPSA_NET_FLUSHING:
        return !pipe->write_wants_input &&
               (pipe->read_wants_room || capsa_net_pipe_unsent(pipe) > 0 ||
                (pipe->end_wanted && !pipe->end_sent));
    default:
        return false;
    }
}

static void wait_or_not(struct capsa_net_conn *conn, struct event *event, bool wants, bool *waits)
{
    if (wants == *waits) {
        return;
    }
    if ((wants ? event_add(event, NULL) : event_del(event)) == 0) {
        *waits = wants;
    } else {
        conn->pipe.why = "out of memory";
        conn->broken = true;
        capsa_net_conn_next_turn(conn);
    }
}

void capsa_net_conn_update(struct capsa_net_conn *conn)
{
    const bool alive = conn->pipe.fd >= 0 && conn->state < CAPSA_NET_DYING;
    const bool for_write =
        alive && conn->pipe.write_wants_input && conn->state < CAPSA_NET_LINGERING;
    wait_or_not(conn, &conn->readable, for_write || (alive && capsa_net_conn_wants_input(conn)),
                &conn->waits_readable);
    wait_or_not(conn, &conn->writable, alive && wants_room(conn), &conn->waits_writable);
}

void capsa_net_conn_die(struct capsa_net_conn *conn)
{
    conn->state = CAPSA_NET_DYING;
    capsa_net_conn_update(conn);
    capsa_net_conn_after(conn, 0);
}

/* ---- making ---- */

/* Small answers go out at once, and a vanished peer is noticed within about four minutes. */
static void tune_socket(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 120}, {IPPROTO_TCP, TCP_KEEPINTVL, 30},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof(options[i].value));
    }
}

CAPSA_RESULT capsa_net_conn_make(struct capsa_net_loop *loop, struct capsa_net_tls *tls,
                                 struct capsa_net_conns *list, struct capsa_net_conn **ret_conn)
{
    struct capsa_net_conn *conn = CAPSA_NEW(struct capsa_net_conn);
    CAPSA_REQUIRE_MEMORY(conn);
    conn->loop = loop;
    conn->tls = tls;
    conn->pipe.fd = -1;
    conn->peer.tls = tls != NULL;
    struct event_base *base = capsa_net_loop_base(loop);
    (void)evtimer_assign(&conn->timer, base, capsa_net_conn_on_timer, conn);
    (void)event_assign(&conn->turn, base, -1, 0, capsa_net_conn_on_writable, conn);
    (void)event_assign(&conn->readable, base, -1, 0, capsa_net_conn_on_readable, conn);
    (void)event_assign(&conn->writable, base, -1, 0, capsa_net_conn_on_writable, conn);
    list_add(conn, list);
    *ret_conn = conn;
    return CAPSA_OK;
}

void capsa_net_conn_use(struct capsa_net_conn *conn, int fd)
{
    struct event_base *base = capsa_net_loop_base(conn->loop);
    tune_socket(fd);
    conn->pipe.fd = fd;
    (void)event_assign(&conn->readable, base, fd, EV_READ | EV_PERSIST, capsa_net_conn_on_readable,
                       conn);
    (void)event_assign(&conn->writable, base, fd, EV_WRITE | EV_PERSIST, capsa_net_conn_on_writable,
                       conn);
}

CAPSA_RESULT capsa_net_conn_new(struct capsa_net_loop *loop, int fd, const struct sockaddr *from,
                                struct capsa_net_tls *tls, struct capsa_net_conns *list,
                                struct capsa_net_conn **ret_conn)
{
    struct capsa_net_conn *conn = NULL;
    capsa_result result = capsa_net_conn_make(loop, tls, list, &conn);
    if (capsa_failed(result)) {
        (void)close(fd);
        return result;
    }
    capsa_net_conn_use(conn, fd);
    if (tls != NULL) {
        result = capsa_net_tls_session(tls, true, &conn->pipe.session);
    }
    if (capsa_failed(result)) {
        capsa_net_conn_free(conn);
        return result;
    }
    capsa_net_address_text(from, conn->peer.address);
    *ret_conn = conn;
    return CAPSA_OK;
}

void capsa_net_conn_start(struct capsa_net_conn *conn, int64_t handshake_us)
{
    if (conn->pipe.session == NULL) {
        capsa_net_conn_ready(conn);
    } else {
        conn->state = CAPSA_NET_HANDSHAKE;
        capsa_net_conn_after(conn, handshake_us);
        if (SSL_set_fd(conn->pipe.session, conn->pipe.fd) != 1) {
            ERR_clear_error();
            capsa_net_conn_over(conn, "out of memory");
        } else if (!SSL_is_server(conn->pipe.session)) {
            capsa_net_conn_step_handshake(conn);
        }
    }
    capsa_net_conn_update(conn);
}

/* ---- what the owner asks for ---- */

bool capsa_net_conn_has_owner(const struct capsa_net_conn *conn)
{
    return conn->events != NULL;
}

void capsa_net_conn_attach(struct capsa_net_conn *conn, const struct capsa_net_conn_events *events,
                           void *owner)
{
    conn->events = events;
    conn->owner = owner;
}

const struct capsa_net_peer *capsa_net_conn_peer(const struct capsa_net_conn *conn)
{
    return &conn->peer;
}

struct ssl_st *capsa_net_conn_session(const struct capsa_net_conn *conn)
{
    return conn->pipe.session;
}

struct capsa_net_loop *capsa_net_conn_loop(const struct capsa_net_conn *conn)
{
    return conn->loop;
}

void capsa_net_conn_admit(struct capsa_net_conn *conn)
{
    if (conn->state == CAPSA_NET_ADMISSION && !conn->refused) {
        conn->admitted = true;
        capsa_net_conn_next_turn(conn);
    }
}

void capsa_net_conn_refuse(struct capsa_net_conn *conn, const char *why)
{
    if (conn->state == CAPSA_NET_ADMISSION && !conn->admitted && !conn->refused) {
        conn->refused = true;
        conn->why = capsa_strdup(why);
        capsa_net_conn_next_turn(conn);
    }
}

static bool can_send(const struct capsa_net_conn *conn)
{
    return (conn->state == CAPSA_NET_OPEN || conn->state == CAPSA_NET_ADMISSION) &&
           !conn->pipe.end_wanted;
}

CAPSA_RESULT capsa_net_conn_send(struct capsa_net_conn *conn, capsa_bytes bytes)
{
    CAPSA_REQUIRE(can_send(conn), NETWORK, "the connection is closed");
    return capsa_net_pipe_add(&conn->pipe, bytes);
}

/* What the system takes now goes now; where something waits already, it waits behind it. */
static void write_now(struct capsa_net_conn *conn)
{
    if (conn->waits_writable || conn->broken) {
        return;
    }
    if (capsa_net_pipe_write(&conn->pipe) == CAPSA_NET_BROKEN) {
        conn->broken = true;
        capsa_net_conn_next_turn(conn);
    }
    if (conn->ended && conn->pipe.end_sent) {
        capsa_net_conn_next_turn(conn);
    }
    capsa_net_conn_update(conn);
}

CAPSA_RESULT capsa_net_conn_flush(struct capsa_net_conn *conn)
{
    CAPSA_REQUIRE(can_send(conn), NETWORK, "the connection is closed");
    write_now(conn);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_conn_end(struct capsa_net_conn *conn)
{
    CAPSA_REQUIRE(conn->state == CAPSA_NET_OPEN, NETWORK, "the connection is closed");
    conn->pipe.end_wanted = true;
    write_now(conn);
    return CAPSA_OK;
}

size_t capsa_net_conn_unsent(const struct capsa_net_conn *conn)
{
    return capsa_net_pipe_unsent(&conn->pipe);
}

void capsa_net_conn_pause(struct capsa_net_conn *conn, bool paused)
{
    conn->paused = paused;
    if (!paused && conn->kept != NULL) {
        capsa_net_conn_next_turn(conn);
    }
    capsa_net_conn_update(conn);
}

CAPSA_RESULT capsa_net_conn_set_timer(struct capsa_net_conn *conn, int64_t delay_us,
                                      capsa_net_callback callback)
{
    CAPSA_REQUIRE(conn->state == CAPSA_NET_OPEN, NETWORK, "the connection is closed");
    conn->on_timer = callback;
    capsa_net_conn_after(conn, delay_us);
    return CAPSA_OK;
}

/* Something of ours may still reach the peer: what was sent before the end, what an admission sends
 * to one that it refuses, the alert of a handshake that failed. */
static bool has_last_words(const struct capsa_net_conn *conn)
{
    if (conn->pipe.why != NULL && conn->failed_in != CAPSA_NET_HANDSHAKE) {
        return false;
    }
    return conn->state == CAPSA_NET_OPEN ||
           (conn->state == CAPSA_NET_OVER &&
            (conn->failed_in == CAPSA_NET_ADMISSION || conn->failed_in == CAPSA_NET_HANDSHAKE));
}

void capsa_net_conn_finish(struct capsa_net_conn *conn, int64_t linger_us)
{
    const bool lingers = linger_us > 0 && has_last_words(conn);
    capsa_net_conn_end_admission(conn);
    conn->events = NULL;
    conn->owner = NULL;
    if (!lingers) {
        capsa_net_conn_die(conn);
        return;
    }
    conn->linger_us = linger_us;
    capsa_net_conn_after(conn, linger_us);
    conn->pipe.end_wanted = true;
    if (conn->state == CAPSA_NET_OVER && conn->failed_in == CAPSA_NET_HANDSHAKE) {
        /* libssl has said why (an alert); with the peer's bytes unread a close would be a reset,
         * and the peer would never see it. */
        (void)shutdown(conn->pipe.fd, SHUT_WR);
        conn->state = CAPSA_NET_LINGERING;
    } else {
        conn->state = CAPSA_NET_FLUSHING;
        capsa_net_conn_step_flushing(conn);
    }
    capsa_net_conn_update(conn);
}

void capsa_net_conn_finish_by(struct capsa_net_conn *conn, int64_t linger_us, int64_t until_us)
{
    conn->linger_until_us = until_us;
    capsa_net_conn_finish(conn, linger_us);
}

void capsa_net_conn_cut(struct capsa_net_conn *conn)
{
    const struct linger at_once = {1, 0};
    if (conn->pipe.fd >= 0) {
        (void)setsockopt(conn->pipe.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    capsa_net_conn_finish(conn, 0);
}
