/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop and what hangs on it: timers, wake-ups from other threads, signals, listeners and
 * connections (plain or TLS byte streams). One thread runs a loop; everything here belongs to that
 * thread except what is marked "any thread". Callbacks run on it and must not block.
 *
 * This file knows nothing of HTTP. TLS settings are net_tls.h, the blocking stream of clients is
 * net_stream.h, the admin listener is net_http.h. Nothing here logs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/result.h"
#include "net/net_address.h"

struct capsa_net_tls; /* net_tls.h */

typedef void (*capsa_net_callback)(void *context);

/* For daemons, once, before the first listener: ignores SIGPIPE and raises the soft limit of open
 * files to the hard one. capsa_rpc_server_new does it. Returns the resulting limit; 0: unknown. */
size_t capsa_net_prepare_process(void);

/* ---- loop ---- */
struct capsa_net_loop;
CAPSA_RESULT capsa_net_loop_new(struct capsa_net_loop **ret_loop);
/* After everything that hangs on it was freed. NULL is fine. */
void capsa_net_loop_free(struct capsa_net_loop *loop);
CAPSA_DEFINE_AUTO_FREE(capsa_net_loop)
/* Blocks until capsa_net_loop_stop. May be called again afterwards. */
CAPSA_RESULT capsa_net_loop_run(struct capsa_net_loop *loop);
/* Any thread, and signal handlers. A stop before the run makes the next run return at once. */
void capsa_net_loop_stop(struct capsa_net_loop *loop);

/* ---- wake: run `callback` on the loop, soon. Several wakes may become one call. ---- */
struct capsa_net_wake;
CAPSA_RESULT capsa_net_wake_new(struct capsa_net_loop *loop, capsa_net_callback callback,
                                void *context, struct capsa_net_wake **ret_wake);
void capsa_net_wake_up(struct capsa_net_wake *wake); /* any thread, and signal handlers */
void capsa_net_wake_free(struct capsa_net_wake *wake);

/* ---- timer: one shot; setting it again moves it ---- */
struct capsa_net_timer;
CAPSA_RESULT capsa_net_timer_new(struct capsa_net_loop *loop, capsa_net_callback callback,
                                 void *context, struct capsa_net_timer **ret_timer);
CAPSA_RESULT capsa_net_timer_set(struct capsa_net_timer *timer, int64_t delay_us);
void capsa_net_timer_clear(struct capsa_net_timer *timer);
void capsa_net_timer_free(struct capsa_net_timer *timer);

/* ---- signal: `callback` runs on the loop, not in the handler. One loop of a process only. ---- */
struct capsa_net_signal;
CAPSA_RESULT capsa_net_signal_new(struct capsa_net_loop *loop, int number,
                                  capsa_net_callback callback, void *context,
                                  struct capsa_net_signal **ret_signal);
void capsa_net_signal_free(struct capsa_net_signal *signal);

/* ---- connection: an accepted byte stream ---- */
struct capsa_net_conn;

struct capsa_net_conn_events {
    /* The stream may be used: accepted, and the TLS handshake is done. */
    void (*ready)(void *owner);
    /* Bytes came in; they are gone after the call. */
    void (*bytes)(void *owner, capsa_bytes bytes);
    /* What waits to be sent fell under the low mark: send more. */
    void (*drained)(void *owner);
    /* The peer will send no more, and may go on reading. NULL: that is `closed`. */
    void (*ended)(void *owner);
    /* The stream is over (peer left, error, TLS refused, handshake too slow). `why` is a sentence,
     * or NULL when the peer simply closed. Free the connection now; called at most once. */
    void (*closed)(void *owner, const char *why);
};

/* What is known of the other side. Lives as long as the connection. */
struct capsa_net_peer {
    char address[CAPSA_NET_ADDRESS_TEXT]; /* "127.0.0.1:4711" or "[::1]:4711" */
    bool tls;
    bool verified; /* mutual TLS: the peer's certificate was checked against our roots */
};

void capsa_net_conn_attach(struct capsa_net_conn *conn, const struct capsa_net_conn_events *events,
                           void *owner);
const struct capsa_net_peer *capsa_net_conn_peer(const struct capsa_net_conn *conn);
/* Gathers; _flush lets all go out that was gathered, as far as the system takes it now, and the
 * rest as soon as it does. _finish flushes too. */
CAPSA_RESULT capsa_net_conn_send(struct capsa_net_conn *conn, capsa_bytes bytes);
CAPSA_RESULT capsa_net_conn_flush(struct capsa_net_conn *conn);
/* Bytes handed to _send that the system has not taken yet. */
size_t capsa_net_conn_unsent(const struct capsa_net_conn *conn);
/* Our direction is over once what is unsent is sent: a TLS close, and the end of the stream. The
 * other direction goes on. */
CAPSA_RESULT capsa_net_conn_end(struct capsa_net_conn *conn);
/* Read no more for now, so that the peer has to wait; and again. */
void capsa_net_conn_pause(struct capsa_net_conn *conn, bool paused);
/* The loop that it hangs on. */
struct capsa_net_loop *capsa_net_conn_loop(const struct capsa_net_conn *conn);
/* The TLS session; NULL: plain. Lives as long as the connection. */
struct ssl_st *capsa_net_conn_session(const struct capsa_net_conn *conn);
/* For the admission of its TLS (net_tls.h): the owner may have it; or why not. */
void capsa_net_conn_admit(struct capsa_net_conn *conn);
void capsa_net_conn_refuse(struct capsa_net_conn *conn, const char *why);
/* One timer for the owner; setting it again moves it. */
CAPSA_RESULT capsa_net_conn_set_timer(struct capsa_net_conn *conn, int64_t delay_us,
                                      capsa_net_callback callback);
/* Hand the connection back: what is unsent is still sent, then our direction is closed, what still
 * comes in is thrown away for at most `linger_us`, then it is freed (so that a peer that still
 * sends can read our last words, or the alert of a TLS handshake that failed). No event is called
 * any more. linger_us 0: freed at once, unsent bytes are lost. */
void capsa_net_conn_finish(struct capsa_net_conn *conn, int64_t linger_us);
/* Hand it back as a stream that broke: unsent bytes are lost, and the peer's system is told by a
 * reset, so that it takes what came for no whole. */
void capsa_net_conn_cut(struct capsa_net_conn *conn);
/* The same as _finish for a peer that is still reading: as long as bytes of ours are under way,
 * lingers until `until_us` (a capsa_monotonic_us value). */
void capsa_net_conn_finish_by(struct capsa_net_conn *conn, int64_t linger_us, int64_t until_us);

/* ---- dialling: the client's end, on a loop ---- */

/* Connects to the first address that answers (its name is resolved here, which may block), then TLS
 * (NULL: plain), then `ready`, or `closed` with why. `events` and `owner` are attached. Errors
 * (USAGE, NETWORK for a name that is not resolved) leave no connection. */
CAPSA_RESULT capsa_net_dial(struct capsa_net_loop *loop, const struct capsa_net_target *target,
                            struct capsa_net_tls *tls, int64_t connect_us,
                            const struct capsa_net_conn_events *events, void *owner,
                            struct capsa_net_conn **ret_conn);

/* ---- listener ---- */
struct capsa_net_listener;

struct capsa_net_listener_options {
    const char *address;       /* "0.0.0.0", "::1", a host name; NULL: every IPv4 address */
    unsigned port;             /* 0: any free one; over 65535 is CAPSA_E_USAGE */
    struct capsa_net_tls *tls; /* NULL: plain. Must outlive the listener. */
    size_t max_connections;    /* further ones are closed as soon as accepted */
    /* A connection comes that would be one too many: finish another one, with linger_us 0, and say
     * true to let it in. May be NULL. */
    bool (*make_room)(void *context);
    int64_t handshake_us; /* how long a TLS handshake may take */
    /* A connection came. Attach to it, or finish it. */
    void (*accepted)(void *context, struct capsa_net_conn *conn);
    /* Something a log should know: a connection was refused, accept failed. May be NULL. */
    void (*trouble)(void *context, const char *peer, const char *text);
    void *context;
};

/* Errors: USAGE for a port or address that cannot be; NETWORK for one that cannot be bound. Both
 * say which. */
CAPSA_RESULT capsa_net_listen(struct capsa_net_loop *loop,
                              const struct capsa_net_listener_options *options,
                              struct capsa_net_listener **ret_listener);
unsigned capsa_net_listener_port(const struct capsa_net_listener *listener);
size_t capsa_net_listener_connections(const struct capsa_net_listener *listener); /* open now */
/* Accept no more; connections live on. */
void capsa_net_listener_close(struct capsa_net_listener *listener);
/* Every connection that was not finished, or lingers, is dropped without an event. NULL is fine. */
void capsa_net_listener_free(struct capsa_net_listener *listener);
CAPSA_DEFINE_AUTO_FREE(capsa_net_listener)
