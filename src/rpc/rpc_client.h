/* SPDX-License-Identifier: Apache-2.0
 *
 * A gRPC client for unary calls, blocking, one call at a time, over one connection that is opened
 * at the first call, kept, and opened anew when the server has closed it meanwhile. A call is sent
 * a second time only where the protocol says that the server has not looked at it (GOAWAY,
 * REFUSED_STREAM). One thread at a time. Raises no SIGPIPE.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/result.h"
#include "net/net_tls.h"

struct capsa_rpc_client;

struct capsa_rpc_client_options {
    const char *target;        /* "host:port", "[::1]:8888" */
    struct capsa_net_tls *tls; /* NULL: plain; outlives the client */
    const char *server_name;   /* whom the certificate must name; NULL: the target's host */
    int64_t timeout_us;        /* for each call, connecting included; 0: 30 seconds */
};

/* Only parses; a target that cannot be is CAPSA_E_USAGE. */
CAPSA_RESULT capsa_rpc_client_new(const struct capsa_rpc_client_options *options,
                                  struct capsa_rpc_client **ret_client);
void capsa_rpc_client_free(struct capsa_rpc_client *client); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_rpc_client)

/* Append the answer's message to `ret_message`, whose max limits it (TOO_LARGE).
 *
 * ret_status may be NULL. It gets the gRPC status that the server answered with, or -1 when the
 * failure is our own; it is the one output that is set on failure too.
 *
 * Errors: NETWORK (no connection, reset, GOAWAY, not HTTP/2, HTTP status other than 200), TIMEOUT,
 * UNAUTHENTIC (TLS), TOO_LARGE, MALFORMED (not gRPC); and for a status other than OK the nearest
 * code, with the server's words behind ours (control bytes taken out, cut to fit). */
CAPSA_RESULT capsa_rpc_call_unary(struct capsa_rpc_client *client, const char *path,
                                  capsa_bytes request, capsa_buf *ret_message, int *ret_status);
