/* SPDX-License-Identifier: Apache-2.0
 *
 * What a service offers over gRPC: a table of methods, and what a handler is told of a call.
 * Everything is unary, but for "watch" methods, which answer each time something changed.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/result.h"

/* gRPC status codes that this folder sets by itself (grpc/doc/statuscodes.md). */
enum capsa_rpc_status {
    CAPSA_RPC_OK = 0,
    CAPSA_RPC_CANCELLED = 1,
    CAPSA_RPC_UNKNOWN = 2,
    CAPSA_RPC_INVALID_ARGUMENT = 3,
    CAPSA_RPC_DEADLINE_EXCEEDED = 4,
    CAPSA_RPC_NOT_FOUND = 5,
    CAPSA_RPC_RESOURCE_EXHAUSTED = 8,
    CAPSA_RPC_OUT_OF_RANGE = 11,
    CAPSA_RPC_UNIMPLEMENTED = 12,
    CAPSA_RPC_INTERNAL = 13,
    CAPSA_RPC_UNAVAILABLE = 14,
};

#define CAPSA_RPC_NO_DEADLINE INT64_MAX

/* One call. Borrowed by the handler; lives until it returns. */
struct capsa_rpc_call {
    const char *method;           /* the path from the table: "/package.Service/Method" */
    capsa_bytes request;          /* one complete gRPC message */
    const char *peer;             /* "127.0.0.1:4711" */
    bool peer_verified;           /* mutual TLS: the peer's certificate leads to our roots */
    uint64_t id;                  /* of this call, unique in the process */
    int64_t deadline_us;          /* capsa_monotonic_us value, or CAPSA_RPC_NO_DEADLINE */
    const atomic_bool *abandoned; /* for capsa_rpc_cancelled; NULL: never */
};

/* Runs on a worker thread, several at once; may block. Appends the answer to `ret_message`, whose
 * max is CAPSA_LIMIT_grpc_message. A failure becomes the gRPC status of its code
 * (capsa_code_status) with its text as grpc-message, and no message. */
typedef CAPSA_RESULT (*capsa_rpc_handler)(void *context, const struct capsa_rpc_call *call,
                                          capsa_buf *ret_message);

/* Nobody waits for the answer any more: the caller cancelled or left, or the deadline passed.
 * Cheap; for handlers that take long. */
bool capsa_rpc_cancelled(const struct capsa_rpc_call *call);

/* Watch methods only. Runs on the event loop and must not block: at the start of the call with
 * *version 0, later about once a second. If there is something newer than *version, append one
 * message and set *version (never back to 0); else leave both. A failure ends the call. */
typedef CAPSA_RESULT (*capsa_rpc_watcher)(void *context, const struct capsa_rpc_call *call,
                                          uint64_t *version, capsa_buf *ret_message);

/* Exactly one of handler and watcher is set. */
struct capsa_rpc_method {
    const char *path;   /* "/package.Service/Method"; static */
    size_t max_request; /* bytes, at most CAPSA_LIMIT_grpc_message; 0: that limit */
    capsa_rpc_handler handler;
    void *context;
    capsa_rpc_watcher watcher; /* optional */
};
