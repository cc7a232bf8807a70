/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's side of one gRPC connection: bytes in, bytes out, requests to whoever runs them. No
 * sockets, no threads, no clock of its own (callers pass the monotonic time), so tests and fuzzing
 * drive it over memory. HTTP/2 itself is nghttp2's.
 *
 * Limits kept here: streams, header lists, resets, settings, continuation frames, bodies, time for
 * a request to arrive, time for an answer to be taken, answers that the peer provokes and does not
 * read. A peer that breaks HTTP/2 gets GOAWAY.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/result.h"
#include "rpc/rpc_server.h"
#include "rpc/rpc_work.h"

struct capsa_rpc_session;

/* What all sessions of a server share. One thread. */
struct capsa_rpc_service {
    const struct capsa_rpc_method *methods;
    size_t method_count;
    /* A request is complete. Success: the work is taken over, and comes back through
     * capsa_rpc_session_answer. Failure: the call is answered with it. */
    CAPSA_RESULT (*submit)(void *context, struct capsa_rpc_work *work);
    /* Nobody waits for this submitted work any more. True: it will not come back. */
    bool (*withdraw)(void *context, struct capsa_rpc_work *work);
    void (*on_call)(void *context, const struct capsa_rpc_info *info); /* optional */
    void *context;                                                     /* of all three */
    /* Kept by the sessions. */
    uint64_t last_id;
    size_t calls;
    size_t watchers;
    size_t body_bytes;
};

/* Errors: USAGE for a table with an entry that has no path beginning with '/', both or none of
 * handler and watcher, too large a limit, or a path that stands there twice. */
CAPSA_RESULT capsa_rpc_methods_check(const struct capsa_rpc_method *methods, size_t count);

CAPSA_RESULT capsa_rpc_session_new(struct capsa_rpc_service *service, const char *peer,
                                   bool peer_verified, int64_t now_us,
                                   struct capsa_rpc_session **ret_session);
/* Calls that are not answered end as cancelled. NULL is fine. */
void capsa_rpc_session_free(struct capsa_rpc_session *session);
CAPSA_DEFINE_AUTO_FREE(capsa_rpc_session)

/* On failure send what _take still has, then close. */
CAPSA_RESULT capsa_rpc_session_feed(struct capsa_rpc_session *session, capsa_bytes bytes,
                                    int64_t now_us);
/* The next bytes to send, valid until the next call; none: len 0. */
CAPSA_RESULT capsa_rpc_session_take(struct capsa_rpc_session *session, int64_t now_us,
                                    capsa_bytes *ret_bytes);
/* No call is going on. */
bool capsa_rpc_session_is_idle(const struct capsa_rpc_session *session);
/* Nothing will come or go any more: close. */
bool capsa_rpc_session_over(const struct capsa_rpc_session *session);

/* Submitted work is finished: answer if somebody still waits. Frees the work. Returns the session
 * that has something to send now, or NULL. */
struct capsa_rpc_session *capsa_rpc_session_answer(struct capsa_rpc_work *work, int64_t now_us);

/* Deadlines. Call _tick when the time of _wake_at has come (INT64_MAX: never). Fails when the peer
 * has not even greeted in time, or does not
 * answer our greeting: close. */
int64_t capsa_rpc_session_wake_at(const struct capsa_rpc_session *session);
CAPSA_RESULT capsa_rpc_session_tick(struct capsa_rpc_session *session, int64_t now_us);

/* Take no new streams; over once those that run are answered. The peer learns it in two steps (RFC
 * 9113 section 6.8), so that a request that crosses the first GOAWAY is still served. */
CAPSA_RESULT capsa_rpc_session_drain(struct capsa_rpc_session *session, int64_t now_us);

/* For whoever drives a session: an owner's pointer. */
void capsa_rpc_session_set_owner(struct capsa_rpc_session *session, void *owner);
void *capsa_rpc_session_owner(const struct capsa_rpc_session *session);
/* Why nghttp2 ended the session, or NULL. */
const char *capsa_rpc_session_trouble(const struct capsa_rpc_session *session);
