/* SPDX-License-Identifier: Apache-2.0
 *
 * What a connection does when its socket, its timer or the loop's next turn comes: shake hands, be
 * admitted, hand bytes to the owner, send what waits, linger.
 */
#include <errno.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/time.h"
#include "net/net_conn.h"

/* The owner is asked for more once less than this waits to be sent. */
#define LOW_MARK    (32 * 1024)
#define LINGER_MAX  (256 * 1024) /* last words longer than this are a flood */
#define CLOSED_TEXT 256
#define ONE_READ    (16 * 1024) /* one full record of TLS */
#define MORE_AFTER  (4 * 1024)  /* a read of less than this has emptied the socket, mostly */
#define READS_MAX   8           /* before it is another connection's turn */

/* ---- what the owner is told ---- */

void capsa_net_conn_over(struct capsa_net_conn *conn, const char *why)
{
    if (conn->state >= CAPSA_NET_FLUSHING) {
        capsa_net_conn_die(conn);
        return;
    }
    if (conn->state == CAPSA_NET_OVER) {
        return;
    }
    conn->failed_in = conn->state;
    conn->state = CAPSA_NET_OVER;
    (void)event_del(&conn->timer);
    capsa_net_conn_update(conn);
    capsa_net_conn_end_admission(conn);
    conn->events->closed(conn->owner, why);
}

/* The pipe is broken: why, as a sentence. A reset is the end by an impolite peer: nothing to tell
 * to an owner who would not tell it from a polite one. */
static void over_broken(struct capsa_net_conn *conn)
{
    const struct capsa_net_pipe *pipe = &conn->pipe;
    char text[CLOSED_TEXT];
    if (conn->state == CAPSA_NET_HANDSHAKE) {
        (void)snprintf(text, sizeof(text), "the TLS handshake failed: %s",
                       pipe->reset ? "the peer left" : pipe->why);
    } else if (conn->state == CAPSA_NET_ADMISSION) {
        (void)snprintf(text, sizeof(text), "the peer left before it was admitted: %s", pipe->why);
    } else if (pipe->reset) {
        capsa_net_conn_over(conn,
                            conn->events != NULL && conn->events->ended == NULL ? NULL : pipe->why);
        return;
    } else {
        (void)snprintf(text, sizeof(text), "TLS failed: %s", pipe->why);
    }
    capsa_net_conn_over(conn, text);
}

void capsa_net_conn_ready(struct capsa_net_conn *conn)
{
    conn->state = CAPSA_NET_OPEN;
    (void)event_del(&conn->timer);
    conn->peer.verified =
        conn->tls != NULL && capsa_net_tls_has_verified(conn->tls, conn->pipe.session);
    conn->events->ready(conn->owner);
}

/* What was kept of the owner's while it could not have it. */
static void deliver_kept(struct capsa_net_conn *conn)
{
    if (conn->kept == NULL || conn->state != CAPSA_NET_OPEN || conn->paused) {
        return;
    }
    struct evbuffer *kept = conn->kept;
    struct evbuffer_iovec piece;
    while (conn->state == CAPSA_NET_OPEN && !conn->paused &&
           evbuffer_peek(kept, ONE_READ, NULL, &piece, 1) > 0 && piece.iov_len > 0) {
        conn->events->bytes(conn->owner, capsa_bytes_of(piece.iov_base, piece.iov_len));
        (void)evbuffer_drain(kept, piece.iov_len);
    }
    if (evbuffer_get_length(kept) == 0) {
        conn->kept = NULL;
        evbuffer_free(kept);
    }
}

/* ---- admission ---- */

static void settle_admission(struct capsa_net_conn *conn)
{
    capsa_net_conn_end_admission(conn);
    if (conn->admitted) {
        capsa_net_conn_ready(conn);
        deliver_kept(conn);
    } else {
        capsa_net_conn_over(conn, conn->why == NULL ? "the peer is refused" : conn->why);
    }
}

static void begin_admission(struct capsa_net_conn *conn)
{
    const struct capsa_net_admission *admission = capsa_net_tls_admission(conn->tls);
    if (admission == NULL || (admission->begin == NULL && admission->admit == NULL)) {
        capsa_net_conn_ready(conn);
        return;
    }
    if (admission->begin == NULL) {
        capsa_net_conn_over(conn, "who comes is admitted to streams alone, and to no loop");
        return;
    }
    conn->state = CAPSA_NET_ADMISSION;
    capsa_net_conn_after(conn, admission->admission_us);
    void *state = NULL;
    const capsa_result result =
        admission->begin(admission->context, conn, conn->pipe.session, &state);
    if (capsa_failed(result)) {
        conn->admitted = false; /* whatever it had said before */
        capsa_net_conn_refuse(conn, capsa_text_of(result));
        return;
    }
    conn->admission = state;
    conn->admitting = true;
}

/* The rest of what came with the admission's last words is the owner's. */
static void feed_admission(struct capsa_net_conn *conn, capsa_bytes bytes)
{
    const size_t taken = capsa_net_tls_admission(conn->tls)->bytes(conn->admission, bytes);
    const capsa_bytes rest = capsa_bytes_from(bytes, taken);
    if (rest.len == 0) {
        return;
    }
    conn->kept = evbuffer_new();
    if (conn->kept == NULL || evbuffer_add(conn->kept, rest.data, rest.len) != 0) {
        capsa_net_conn_over(conn, "out of memory");
    }
}

/* ---- input ---- */

void capsa_net_conn_step_handshake(struct capsa_net_conn *conn)
{
    const enum capsa_net_step step = capsa_net_pipe_handshake(&conn->pipe);
    if (step == CAPSA_NET_BROKEN) {
        over_broken(conn);
    } else if (step == CAPSA_NET_DONE) {
        const capsa_result agreed = capsa_net_tls_check_alpn(conn->tls, conn->pipe.session);
        if (capsa_failed(agreed)) {
            char text[CLOSED_TEXT];
            (void)snprintf(text, sizeof(text), "the peer speaks %s", capsa_text_of(agreed));
            capsa_net_conn_over(conn, text);
        } else {
            begin_admission(conn);
        }
    }
}

static void on_peer_end(struct capsa_net_conn *conn)
{
    conn->ended = true;
    if (conn->state == CAPSA_NET_ADMISSION) {
        capsa_net_conn_over(conn, "the peer left before it was admitted");
    } else if (conn->events->ended == NULL) {
        capsa_net_conn_over(conn, NULL);
    } else {
        conn->events->ended(conn->owner);
        capsa_net_conn_next_turn(conn); /* both directions may be over now */
    }
}

/* In its other states a connection is read for nobody. */
static bool has_reader(const struct capsa_net_conn *conn)
{
    return conn->state <= CAPSA_NET_OPEN && capsa_net_conn_wants_input(conn);
}

static void read_some(struct capsa_net_conn *conn)
{
    uint8_t room[ONE_READ];
    size_t len = ONE_READ;
    for (int i = 0; i < READS_MAX && len >= MORE_AFTER && has_reader(conn); i++) {
        const enum capsa_net_step step = capsa_net_pipe_read(&conn->pipe, room, sizeof(room), &len);
        if (step == CAPSA_NET_WAIT) {
            return;
        }
        if (step == CAPSA_NET_ENDED) {
            on_peer_end(conn);
            return;
        }
        if (step == CAPSA_NET_BROKEN) {
            over_broken(conn);
            return;
        }
        if (conn->state == CAPSA_NET_ADMISSION) {
            feed_admission(conn, capsa_bytes_of(room, len));
        } else {
            conn->events->bytes(conn->owner, capsa_bytes_of(room, len));
        }
    }
}

/* It has no owner any more: what comes is read past libssl, so that the system does not answer it
 * with a reset that would destroy our last words. */
static void throw_away(struct capsa_net_conn *conn)
{
    uint8_t room[ONE_READ];
    const ssize_t len = recv(conn->pipe.fd, room, sizeof(room), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    conn->thrown_away += len > 0 ? (size_t)len : 0;
    conn->ended = len == 0;
    if (len < 0 || conn->thrown_away > LINGER_MAX ||
        (conn->ended && conn->state == CAPSA_NET_LINGERING)) {
        capsa_net_conn_die(conn);
    }
}

/* ---- output ---- */

void capsa_net_conn_step_flushing(struct capsa_net_conn *conn)
{
    const enum capsa_net_step step = capsa_net_pipe_write(&conn->pipe);
    if (step == CAPSA_NET_BROKEN || (step == CAPSA_NET_DONE && conn->ended)) {
        capsa_net_conn_die(conn);
    } else if (step == CAPSA_NET_DONE) {
        conn->state = CAPSA_NET_LINGERING;
    }
}

static void write_some(struct capsa_net_conn *conn)
{
    const size_t before = capsa_net_pipe_unsent(&conn->pipe);
    if (capsa_net_pipe_write(&conn->pipe) == CAPSA_NET_BROKEN) {
        over_broken(conn);
        return;
    }
    const size_t left = capsa_net_pipe_unsent(&conn->pipe);
    if (conn->state == CAPSA_NET_OPEN && left < before && left <= LOW_MARK) {
        conn->events->drained(conn->owner);
    }
}

/* ---- the loop's turns ---- */

static void turn_open(struct capsa_net_conn *conn)
{
    write_some(conn);
    deliver_kept(conn);
    if (conn->pipe.read_wants_room && has_reader(conn)) {
        read_some(conn);
    }
    if (conn->state == CAPSA_NET_OPEN && conn->ended && conn->pipe.end_sent) {
        capsa_net_conn_over(conn, NULL);
    }
}

static void turn_admission(struct capsa_net_conn *conn)
{
    if (conn->admitted || conn->refused) {
        settle_admission(conn);
        return;
    }
    write_some(conn);
    if (conn->state == CAPSA_NET_ADMISSION && conn->pipe.read_wants_room) {
        read_some(conn);
    }
}

void capsa_net_conn_on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct capsa_net_conn *conn = context;
    if (conn->broken && conn->state <= CAPSA_NET_OPEN) {
        over_broken(conn);
    } else if (conn->state == CAPSA_NET_CONNECTING) {
        capsa_net_dialling_step(conn, false);
    } else if (conn->state == CAPSA_NET_HANDSHAKE) {
        capsa_net_conn_step_handshake(conn);
    } else if (conn->state == CAPSA_NET_ADMISSION) {
        turn_admission(conn);
    } else if (conn->state == CAPSA_NET_OPEN) {
        turn_open(conn);
    } else if (conn->state == CAPSA_NET_FLUSHING) {
        capsa_net_conn_step_flushing(conn);
    }
    capsa_net_conn_update(conn);
}

void capsa_net_conn_on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct capsa_net_conn *conn = context;
    if (conn->state == CAPSA_NET_HANDSHAKE) {
        capsa_net_conn_step_handshake(conn);
    } else if (conn->state >= CAPSA_NET_FLUSHING) {
        throw_away(conn);
    } else {
        if (conn->pipe.write_wants_input) {
            write_some(conn);
        }
        read_some(conn);
    }
    capsa_net_conn_update(conn);
}

/* Bytes that the peer's system has not taken yet, ours or our system's. */
static bool has_bytes_under_way(const struct capsa_net_conn *conn)
{
    int queued = 0;
    return capsa_net_pipe_unsent(&conn->pipe) > 0 ||
           (ioctl(conn->pipe.fd, SIOCOUTQ, &queued) == 0 && queued > 0);
}

static void end_linger(struct capsa_net_conn *conn)
{
    const int64_t left_us = conn->linger_until_us - capsa_monotonic_us();
    if (conn->state != CAPSA_NET_DYING && left_us > 0 && has_bytes_under_way(conn)) {
        capsa_net_conn_after(conn, left_us < conn->linger_us ? left_us : conn->linger_us);
        return;
    }
    capsa_net_conn_free(conn);
}

void capsa_net_conn_on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct capsa_net_conn *conn = context;
    if (conn->state >= CAPSA_NET_FLUSHING) {
        end_linger(conn);
        return;
    }
    if (conn->state == CAPSA_NET_CONNECTING) {
        capsa_net_dialling_step(conn, true);
    } else if (conn->state == CAPSA_NET_HANDSHAKE) {
        capsa_net_conn_over(conn, "the TLS handshake took too long");
    } else if (conn->state == CAPSA_NET_ADMISSION) {
        capsa_net_conn_over(conn, "what follows the TLS handshake took too long");
    } else if (conn->state == CAPSA_NET_OPEN && conn->on_timer != NULL) {
        conn->on_timer(conn->owner);
    }
    capsa_net_conn_update(conn);
}
