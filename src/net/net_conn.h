/* SPDX-License-Identifier: Apache-2.0
 *
 * Within net only: a connection, which is a pipe (net_pipe.h) with the events that drive it, an
 * owner, and the state that says who is told what. Listeners and diallers make them; each stands in
 * a list, and leaves it when it is freed.
 *
 *   connecting -> handshake -> admission -> open -> over -> (finished by its owner)
 *                                                  flushing -> lingering -> dying
 */
#pragma once

#include <event2/event_struct.h>

#include "net/net.h"
#include "net/net_pipe.h"
#include "net/net_tls.h"

enum capsa_net_conn_state {
    CAPSA_NET_CONNECTING,
    CAPSA_NET_HANDSHAKE,
    CAPSA_NET_ADMISSION,
    CAPSA_NET_OPEN,
    CAPSA_NET_OVER, /* the owner was told */
    /* From here on it has no owner, and the timer frees it. */
    CAPSA_NET_FLUSHING,  /* sending the rest */
    CAPSA_NET_LINGERING, /* our direction is closed */
    CAPSA_NET_DYING,     /* freed by the loop's next turn, not under the feet of a caller */
};

/* Head of a list of connections; each removes itself when it is freed. */
struct capsa_net_conns {
    struct capsa_net_conn *first;
    size_t count;
};

struct capsa_net_dialling; /* net_dial.c */

struct capsa_net_conn {
    struct capsa_net_loop *loop;
    struct capsa_net_tls *tls; /* NULL: plain */
    struct capsa_net_pipe pipe;
    struct event readable;
    struct event writable;
    struct event turn;  /* made active by hand: what a call found is seen to by the loop */
    struct event timer; /* of the state; of the owner while open */
    bool waits_readable, waits_writable;
    const struct capsa_net_conn_events *events;
    void *owner;
    capsa_net_callback on_timer;
    struct capsa_net_conns *list; /* NULL: none */
    struct capsa_net_conn *before;
    struct capsa_net_conn *after;
    enum capsa_net_conn_state state;
    enum capsa_net_conn_state failed_in; /* what it was when the owner was told that it is over */
    bool paused;
    bool ended;  /* the peer's direction is over */
    bool broken; /* found while the owner was calling us; it is told by the next turn */
    /* Of the admission, while it goes on. */
    void *admission;
    bool admitting; /* it has begun, and not ended */
    bool admitted, refused;
    struct evbuffer *kept; /* what is the owner's, once it may have it; NULL: nothing */
    char *why;             /* of a refusal or a failed dialling; NULL: none, or no memory for it */
    struct capsa_net_dialling *dialling;
    size_t thrown_away; /* since it lost its owner */
    int64_t linger_us;  /* the end's timer, which is set again before linger_until_us */
    int64_t linger_until_us;
    struct capsa_net_peer peer;
};

/* Without a socket, in state CONNECTING. */
CAPSA_RESULT capsa_net_conn_make(struct capsa_net_loop *loop, struct capsa_net_tls *tls,
                                 struct capsa_net_conns *list, struct capsa_net_conn **ret_conn);
/* An accepted one. Takes `fd` over, also on failure. The caller attaches an owner, then calls
 * _start. */
CAPSA_RESULT capsa_net_conn_new(struct capsa_net_loop *loop, int fd, const struct sockaddr *from,
                                struct capsa_net_tls *tls, struct capsa_net_conns *list,
                                struct capsa_net_conn **ret_conn);
/* Gives it its socket. The connection closes it. */
void capsa_net_conn_use(struct capsa_net_conn *conn, int fd);
/* Begin the TLS handshake, or say that the plain stream is ready. */
void capsa_net_conn_start(struct capsa_net_conn *conn, int64_t handshake_us);
bool capsa_net_conn_has_owner(const struct capsa_net_conn *conn);
void capsa_net_conn_free(struct capsa_net_conn *conn);

/* ---- Between net_conn.c, net_conn_turns.c and net_dial.c ---- */

bool capsa_net_conn_wants_input(const struct capsa_net_conn *conn);
void capsa_net_conn_update(struct capsa_net_conn *conn); /* what the socket is waited for */
void capsa_net_conn_after(struct capsa_net_conn *conn, int64_t delay_us); /* the state's timer */
void capsa_net_conn_next_turn(struct capsa_net_conn *conn);
void capsa_net_conn_end_admission(struct capsa_net_conn *conn);
void capsa_net_conn_die(struct capsa_net_conn *conn);
/* Tell the owner. */
void capsa_net_conn_ready(struct capsa_net_conn *conn);
void capsa_net_conn_over(struct capsa_net_conn *conn, const char *why);
void capsa_net_conn_step_handshake(struct capsa_net_conn *conn);
void capsa_net_conn_step_flushing(struct capsa_net_conn *conn);
void capsa_net_conn_on_readable(evutil_socket_t fd, short what, void *context);
void capsa_net_conn_on_writable(evutil_socket_t fd, short what, void *context);
void capsa_net_conn_on_timer(evutil_socket_t fd, short what, void *context);
/* The socket came to something, or its time is over. */
void capsa_net_dialling_step(struct capsa_net_conn *conn, bool late);
void capsa_net_dialling_free(struct capsa_net_dialling *dialling); /* NULL is fine */
