/* SPDX-License-Identifier: Apache-2.0
 *
 * Within rpc only: one stream of a session, that is, one call as HTTP/2 sees it: its request is
 * collected, judged and submitted; its answer is cut into frames. The session (rpc_session.c) turns
 * frames into these calls.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "rpc/rpc_head.h"
#include "rpc/rpc_session.h"

enum capsa_rpc_stream_state {
    CAPSA_RPC_STREAM_RECEIVING, /* head or body incomplete */
    CAPSA_RPC_STREAM_SUBMITTED, /* waits for its answer */
    CAPSA_RPC_STREAM_WATCHING,  /* sends messages until somebody ends it */
    CAPSA_RPC_STREAM_ANSWERED,  /* the answer is decided, and may still wait to be sent */
};

struct capsa_rpc_stream {
    int32_t id;
    enum capsa_rpc_stream_state state;
    struct capsa_rpc_session *session;
    struct capsa_rpc_stream *before;
    struct capsa_rpc_stream *after;

    struct capsa_rpc_head head;
    struct capsa_rpc_body body;
    struct capsa_rpc_work *work; /* NULL before the head is accepted, and when abandoned */
    int64_t began_us;
    int64_t deadline_us; /* the caller's */
    uint64_t call_id;

    bool headers_sent; /* of the answer */
    bool message;      /* `prefix` and the work's answer are to be sent */
    uint8_t prefix[CAPSA_RPC_PREFIX];
    size_t sent;
    size_t thrown_away;  /* of a request that was refused */
    int64_t progress_us; /* when the peer last took something */
    int status;          /* once ANSWERED */
    char text[CAPSA_ERROR_TEXT];
    uint64_t version; /* watch methods */
    bool watcher;     /* counted among the service's watchers */
};

struct capsa_rpc_session {
    nghttp2_session *http2;
    struct capsa_rpc_service *service;
    struct capsa_rpc_stream *streams;
    char peer[CAPSA_NET_ADDRESS_TEXT];
    bool peer_verified;
    void *owner;
    int64_t now_us;            /* of the call that is going on */
    int64_t greeting_until_us; /* for the peer's SETTINGS and its answer to ours */
    bool greeted;
    bool settings_taken;
    int64_t goaway_at_us; /* INT64_MAX: not draining, or done */
    bool draining;
    size_t request_bytes; /* held in memory for this connection */
    size_t answer_bytes;
    int64_t resets_left; /* of those that the peer may provoke, as of resets_at_us */
    int64_t resets_at_us;
    const char *trouble; /* static */
};

/* NULL: out of memory. */
struct capsa_rpc_stream *capsa_rpc_stream_new(struct capsa_rpc_session *session, int32_t id);
/* The stream is closed: its call, if not answered, ends as cancelled. */
void capsa_rpc_stream_free(struct capsa_rpc_stream *stream);

/* Failures of these are out-of-memory or nghttp2's: the session cannot go on. */
CAPSA_RESULT capsa_rpc_stream_head_done(struct capsa_rpc_stream *stream);
CAPSA_RESULT capsa_rpc_stream_data(struct capsa_rpc_stream *stream, capsa_bytes bytes);
CAPSA_RESULT capsa_rpc_stream_request_done(struct capsa_rpc_stream *stream);
/* The submitted work came back. */
CAPSA_RESULT capsa_rpc_stream_finish(struct capsa_rpc_stream *stream, struct capsa_rpc_work *work);
CAPSA_RESULT capsa_rpc_stream_tick(struct capsa_rpc_stream *stream);
/* When _tick has something to do. */
int64_t capsa_rpc_stream_wake_at(const struct capsa_rpc_stream *stream);
/* A watcher is told that it is over. */
CAPSA_RESULT capsa_rpc_stream_drain(struct capsa_rpc_stream *stream);
