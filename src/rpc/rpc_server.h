/* SPDX-License-Identifier: Apache-2.0
 *
 * A gRPC server on one address: a listener (plain HTTP/2 by prior knowledge, or TLS with ALPN
 * "h2"), one event loop, and a pool of threads for the handlers. Every limit of base/limits.def
 * that names connections, streams, requests or bodies is enforced here or in rpc_session.h.
 *
 * The server never logs; it tells `on_call` and `on_trouble`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "net/net.h"
#include "rpc/rpc_method.h"

struct capsa_rpc_server;

/* One finished call, for logs and metrics. Borrowed. */
struct capsa_rpc_info {
    const char *method; /* the table's path, or NULL: no such method */
    const char *peer;
    uint64_t id;
    int status;         /* the gRPC status it ended with */
    const char *text;   /* grpc-message; "" when none; may quote the peer's words */
    int64_t elapsed_us; /* from the request's headers to its answer or end */
    size_t request_bytes;
    size_t answer_bytes;
};

struct capsa_rpc_server_options {
    struct capsa_net_loop *loop; /* needed; outlives the server; may carry other things too */
    const char *address;         /* NULL: every IPv4 address */
    unsigned port;               /* 0: any free one (capsa_rpc_server_port) */
    struct capsa_net_tls *tls;   /* NULL: plain; outlives the server */
    /* Outlives the server. A path twice, or a broken entry, is CAPSA_E_USAGE. */
    const struct capsa_rpc_method *methods;
    size_t method_count;
    size_t max_connections; /* 0: CAPSA_LIMIT_connections, or as many as open files allow */
    unsigned workers;       /* threads for handlers; 0: one for each processor */
    int64_t grace_us;       /* after _stop, how long running calls may take; 0: 10 seconds */
    /* Optional. On the loop's thread, once for each call; must not block. */
    void (*on_call)(void *context, const struct capsa_rpc_info *info);
    /* Optional. On the loop's thread: a connection was refused or broke the rules. The caller
     * limits the rate at which it logs these. */
    void (*on_trouble)(void *context, const char *peer, const char *text);
    void *context; /* for both */
};

/* Binds and listens; nothing is accepted before the loop runs. Starts the workers. */
CAPSA_RESULT capsa_rpc_server_new(const struct capsa_rpc_server_options *options,
                                  struct capsa_rpc_server **ret_server);
unsigned capsa_rpc_server_port(const struct capsa_rpc_server *server);

/* Run the loop until _stop has finished. Same as capsa_net_loop_run on the loop. */
CAPSA_RESULT capsa_rpc_server_run(struct capsa_rpc_server *server);

/* Graceful: accept nothing more, send GOAWAY, let calls in flight finish within the grace time,
 * close, then stop the loop. Any thread, and signal handlers; more than once is fine. */
void capsa_rpc_server_stop(struct capsa_rpc_server *server);

/* After the loop has stopped, on its thread or after joining it. Waits for running handlers. NULL
 * is fine. */
void capsa_rpc_server_free(struct capsa_rpc_server *server);
CAPSA_DEFINE_AUTO_FREE(capsa_rpc_server)

struct capsa_rpc_stats {
    size_t connections; /* open now */
    size_t calls;       /* being received, waiting, running or answered but unsent, now */
    size_t queued;      /* waiting for a worker now */
    size_t body_bytes;  /* of requests and answers held in memory now */
};
/* On the loop's thread (the admin listener's handlers run there). */
void capsa_rpc_server_stats(const struct capsa_rpc_server *server,
                            struct capsa_rpc_stats *ret_stats);
