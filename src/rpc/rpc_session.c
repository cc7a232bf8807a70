/* SPDX-License-Identifier: Apache-2.0
 *
 * nghttp2's callbacks turned into streams, and the life of a session around them.
 */
#include "rpc/rpc_session.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "rpc/rpc_http2.h"
#include "rpc/rpc_stream.h"

#define SECONDS(n)        ((int64_t)(n)*1000000)
#define STREAM_WINDOW     KIB(256)
#define CONNECTION_WINDOW MIB(1)
#define RESET_BURST       (10 * CAPSA_LIMIT_http2_resets_per_second)
#define SETTINGS_ENTRIES  32
#define CONTINUATIONS     8
#define UNANSWERED_ACKS   512 /* pings and settings that the peer does not let us answer */
#define GOAWAY_GAP_US     (SECONDS(1) / 2) /* a round trip, or the peer answers no pings */

/* ---- the method table ---- */

CAPSA_RESULT capsa_rpc_methods_check(const struct capsa_rpc_method *methods, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct capsa_rpc_method *method = &methods[i];
        CAPSA_REQUIRE(method->path != NULL && method->path[0] == '/', USAGE,
                      "entry %zu of the method table has no path that begins with /", i);
        CAPSA_REQUIRE((method->handler == NULL) != (method->watcher == NULL), USAGE,
                      "method %s needs either a handler or a watcher", method->path);
        CAPSA_REQUIRE(method->max_request <= CAPSA_LIMIT_grpc_message, USAGE,
                      "method %s has a larger limit than grpc_message", method->path);
        for (size_t j = 0; j < i; j++) {
            CAPSA_REQUIRE(!capsa_streq(methods[j].path, method->path), USAGE,
                          "method %s stands twice in the method table", method->path);
        }
    }
    return CAPSA_OK;
}

bool capsa_rpc_cancelled(const struct capsa_rpc_call *call)
{
    return call->abandoned != NULL && atomic_load(call->abandoned);
}

/* ---- nghttp2's callbacks ---- */

static struct capsa_rpc_stream *stream_of(nghttp2_session *http2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(http2, id);
}

static int callback_code(capsa_result result)
{
    return capsa_failed(result) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_begin_headers(nghttp2_session *http2, const nghttp2_frame *frame, void *user_data)
{
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct capsa_rpc_session *session = user_data;
    if (session->service->calls >= CAPSA_LIMIT_calls) {
        /* This reset comes first; the one that the return value asks for is not sent. */
        (void)nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                        NGHTTP2_REFUSED_STREAM);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    struct capsa_rpc_stream *stream = capsa_rpc_stream_new(session, frame->hd.stream_id);
    if (stream == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* this stream is reset, others live on */
    }
    return nghttp2_session_set_stream_user_data(http2, frame->hd.stream_id, stream);
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    (void)flags;
    const struct capsa_rpc_service *service =
        ((const struct capsa_rpc_session *)user_data)->service;
    struct capsa_rpc_stream *stream = stream_of(http2, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    const capsa_bytes name_bytes = capsa_bytes_of(name, name_len);
    const capsa_bytes value_bytes = capsa_bytes_of(value, value_len);
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        capsa_rpc_head_field(&stream->head, service->methods, service->method_count, name_bytes,
                             value_bytes);
    } else {
        capsa_rpc_head_trailer(&stream->head, name_bytes, value_bytes);
    }
    /* One byte of HPACK can stand for thousands: past the hard limit the fields are not even looked
     * at any more, and the stream is reset. */
    return stream->head.bytes > CAPSA_RPC_HEAD_BYTES_MAX ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
                                                         : 0;
}

static int on_data_chunk(nghttp2_session *http2, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user_data)
{
    (void)flags;
    (void)user_data;
    struct capsa_rpc_stream *stream = stream_of(http2, id);
    return stream == NULL ? 0
                          : callback_code(capsa_rpc_stream_data(stream, capsa_bytes_of(data, len)));
}

/* The second GOAWAY, which names the last stream we serve. */
static int submit_goaway(struct capsa_rpc_session *session)
{
    session->goaway_at_us = INT64_MAX;
    return nghttp2_submit_goaway(session->http2, NGHTTP2_FLAG_NONE,
                                 nghttp2_session_get_last_proc_stream_id(session->http2),
                                 NGHTTP2_NO_ERROR, NULL, 0);
}

static int on_stream_frame(nghttp2_session *http2, const nghttp2_frame *frame)
{
    struct capsa_rpc_stream *stream = stream_of(http2, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    capsa_result result = CAPSA_OK;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        result = capsa_rpc_stream_head_done(stream);
    }
    if (!capsa_failed(result) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        result = capsa_rpc_stream_request_done(stream);
    }
    return callback_code(result);
}

static int on_frame_recv(nghttp2_session *http2, const nghttp2_frame *frame, void *user_data)
{
    struct capsa_rpc_session *session = user_data;
    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
            session->settings_taken = true; /* from now on the limit of streams binds the peer */
        } else {
            session->greeted = true;
        }
        if (session->greeted && session->settings_taken) {
            session->greeting_until_us = INT64_MAX;
        }
        return 0;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && session->goaway_at_us != INT64_MAX) {
            return submit_goaway(session);
        }
        return 0;
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        return on_stream_frame(http2, frame);
    default:
        return 0;
    }
}

/* A token of the bucket that refills at http2_resets_per_second; false: it is empty. */
static bool spend_reset(struct capsa_rpc_session *session)
{
    const int64_t fresh = (session->now_us - session->resets_at_us) *
                          CAPSA_LIMIT_http2_resets_per_second / SECONDS(1);
    if (fresh > 0) {
        const int64_t left = session->resets_left + fresh;
        session->resets_left = left < RESET_BURST ? left : RESET_BURST;
        session->resets_at_us = session->now_us;
    }
    return session->resets_left-- > 0;
}

/* Frames that make us reset a stream cost as much as resets of the peer's own. */
static bool is_provoked(uint32_t error_code)
{
    return error_code != NGHTTP2_NO_ERROR && error_code != NGHTTP2_CANCEL &&
           error_code != NGHTTP2_REFUSED_STREAM;
}

static int on_frame_send(nghttp2_session *http2, const nghttp2_frame *frame, void *user_data)
{
    struct capsa_rpc_session *session = user_data;
    if (frame->hd.type != NGHTTP2_RST_STREAM || !is_provoked(frame->rst_stream.error_code) ||
        spend_reset(session)) {
        return 0;
    }
    session->trouble = "the peer provokes too many resets";
    return nghttp2_session_terminate_session(http2, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int on_stream_close(nghttp2_session *http2, int32_t id, uint32_t error_code, void *user_data)
{
    (void)error_code;
    (void)user_data;
    struct capsa_rpc_stream *stream = stream_of(http2, id);
    if (stream != NULL) {
        (void)nghttp2_session_set_stream_user_data(http2, id, NULL);
        capsa_rpc_stream_free(stream);
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *http2, const nghttp2_frame *frame, int code,
                            void *user_data)
{
    (void)http2;
    (void)frame;
    struct capsa_rpc_session *session = user_data;
    session->trouble = nghttp2_strerror(code);
    return 0;
}

/* ---- a session's life ---- */

static nghttp2_session_callbacks *new_callbacks(void)
{
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return NULL;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    return callbacks;
}

static nghttp2_option *new_option(void)
{
    nghttp2_option *option = NULL;
    if (nghttp2_option_new(&option) != 0) {
        return NULL;
    }
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_settings(option, SETTINGS_ENTRIES);
    nghttp2_option_set_max_outbound_ack(option, UNANSWERED_ACKS);
    nghttp2_option_set_max_continuations(option, CONTINUATIONS);
    nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST,
                                               CAPSA_LIMIT_http2_resets_per_second);
    return option;
}

static int new_http2(struct capsa_rpc_session *session)
{
    nghttp2_mem memory = capsa_rpc_http2_memory();
    nghttp2_session_callbacks *callbacks = new_callbacks();
    nghttp2_option *option = new_option();
    const int code =
        callbacks == NULL || option == NULL
            ? NGHTTP2_ERR_NOMEM
            : nghttp2_session_server_new3(&session->http2, callbacks, session, option, &memory);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return code;
}

static int send_preface(nghttp2_session *http2)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, CAPSA_LIMIT_http2_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CAPSA_LIMIT_http2_header_list},
    };
    const int code = nghttp2_submit_settings(http2, NGHTTP2_FLAG_NONE, settings,
                                             sizeof(settings) / sizeof(settings[0]));
    return code != 0 ? code
                     : nghttp2_session_set_local_window_size(http2, NGHTTP2_FLAG_NONE, 0,
                                                             CONNECTION_WINDOW);
}

CAPSA_RESULT capsa_rpc_session_new(struct capsa_rpc_service *service, const char *peer,
                                   bool peer_verified, int64_t now_us,
                                   struct capsa_rpc_session **ret_session)
{
    CAPSA_AUTO_FREE(capsa_rpc_session) session = CAPSA_NEW(struct capsa_rpc_session);
    CAPSA_REQUIRE_MEMORY(session);
    session->service = service;
    session->peer_verified = peer_verified;
    session->now_us = now_us;
    session->greeting_until_us = now_us + SECONDS(CAPSA_LIMIT_handshake_seconds);
    session->goaway_at_us = INT64_MAX;
    session->resets_left = RESET_BURST;
    session->resets_at_us = now_us;
    (void)snprintf(session->peer, sizeof(session->peer), "%s", peer);
    CAPSA_REQUIRE(new_http2(session) == 0 && send_preface(session->http2) == 0, NOMEM,
                  "out of memory");
    *ret_session = session;
    session = NULL;
    return CAPSA_OK;
}

void capsa_rpc_session_free(struct capsa_rpc_session *session)
{
    if (session == NULL) {
        return;
    }
    while (session->streams != NULL) {
        capsa_rpc_stream_free(session->streams);
    }
    nghttp2_session_del(session->http2);
    capsa_dealloc(session);
}

static CAPSA_RESULT fed_badly(struct capsa_rpc_session *session, ssize_t code)
{
    session->trouble = nghttp2_strerror((int)code);
    CAPSA_REQUIRE(code != NGHTTP2_ERR_NOMEM && code != NGHTTP2_ERR_CALLBACK_FAILURE, NOMEM,
                  "out of memory");
    if (code == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
        /* GOAWAY is a courtesy to a peer that does not speak HTTP/2; without memory it gets none.
         */
        (void)nghttp2_session_terminate_session(session->http2, NGHTTP2_PROTOCOL_ERROR);
    }
    CAPSA_FAIL(MALFORMED, "the peer broke HTTP/2: %s", session->trouble);
}

CAPSA_RESULT capsa_rpc_session_feed(struct capsa_rpc_session *session, capsa_bytes bytes,
                                    int64_t now_us)
{
    session->now_us = now_us;
    const ssize_t code = nghttp2_session_mem_recv(session->http2, bytes.data, bytes.len);
    if (code < 0) {
        return fed_badly(session, code);
    }
    if (nghttp2_session_get_outbound_queue_size(session->http2) > CAPSA_LIMIT_http2_queued_frames) {
        session->trouble = "the peer provokes more answers than it takes";
        CAPSA_FAIL(MALFORMED, "%s", session->trouble);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_rpc_session_take(struct capsa_rpc_session *session, int64_t now_us,
                                    capsa_bytes *ret_bytes)
{
    session->now_us = now_us;
    const uint8_t *data = NULL;
    const ssize_t len = nghttp2_session_mem_send(session->http2, &data);
    CAPSA_REQUIRE(len >= 0, INTERNAL, "HTTP/2 output failed: %s", nghttp2_strerror((int)len));
    *ret_bytes = capsa_bytes_of(data, (size_t)len);
    return CAPSA_OK;
}

bool capsa_rpc_session_is_idle(const struct capsa_rpc_session *session)
{
    return session->streams == NULL;
}

bool capsa_rpc_session_over(const struct capsa_rpc_session *session)
{
    const bool drained =
        session->draining && session->goaway_at_us == INT64_MAX && session->streams == NULL;
    return nghttp2_session_want_write(session->http2) == 0 &&
           (drained || nghttp2_session_want_read(session->http2) == 0);
}

struct capsa_rpc_session *capsa_rpc_session_answer(struct capsa_rpc_work *work, int64_t now_us)
{
    struct capsa_rpc_stream *stream = work->stream;
    if (stream == NULL) {
        capsa_rpc_work_free(work);
        return NULL;
    }
    struct capsa_rpc_session *session = stream->session;
    session->now_us = now_us;
    if (capsa_failed(capsa_rpc_stream_finish(stream, work))) {
        /* Not even the answer can be made: end the session rather than leave a caller waiting. */
        (void)nghttp2_session_terminate_session(session->http2, NGHTTP2_INTERNAL_ERROR);
    }
    return session;
}

/* ---- time ---- */

int64_t capsa_rpc_session_wake_at(const struct capsa_rpc_session *session)
{
    int64_t at = session->greeting_until_us < session->goaway_at_us ? session->greeting_until_us
                                                                    : session->goaway_at_us;
    for (const struct capsa_rpc_stream *stream = session->streams; stream != NULL;
         stream = stream->after) {
        const int64_t wake_at = capsa_rpc_stream_wake_at(stream);
        at = wake_at < at ? wake_at : at;
    }
    return at;
}

CAPSA_RESULT capsa_rpc_session_tick(struct capsa_rpc_session *session, int64_t now_us)
{
    session->now_us = now_us;
    CAPSA_REQUIRE(now_us < session->greeting_until_us, TIMEOUT,
                  "the peer did not greet, or answer our greeting, in time");
    if (now_us >= session->goaway_at_us) {
        CAPSA_REQUIRE(submit_goaway(session) == 0, NOMEM, "out of memory");
    }
    struct capsa_rpc_stream *after = NULL;
    for (struct capsa_rpc_stream *stream = session->streams; stream != NULL; stream = after) {
        after = stream->after;
        CAPSA_TRY(capsa_rpc_stream_tick(stream));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_rpc_session_drain(struct capsa_rpc_session *session, int64_t now_us)
{
    session->now_us = now_us;
    if (session->draining) {
        return CAPSA_OK;
    }
    session->draining = true;
    session->goaway_at_us = now_us + GOAWAY_GAP_US;
    for (struct capsa_rpc_stream *stream = session->streams; stream != NULL;
         stream = stream->after) {
        CAPSA_TRY(capsa_rpc_stream_drain(stream));
    }
    CAPSA_REQUIRE(nghttp2_submit_shutdown_notice(session->http2) == 0 &&
                      nghttp2_submit_ping(session->http2, NGHTTP2_FLAG_NONE, NULL) == 0,
                  NOMEM, "out of memory");
    return CAPSA_OK;
}

void capsa_rpc_session_set_owner(struct capsa_rpc_session *session, void *owner)
{
    session->owner = owner;
}

void *capsa_rpc_session_owner(const struct capsa_rpc_session *session)
{
    return session->owner;
}

const char *capsa_rpc_session_trouble(const struct capsa_rpc_session *session)
{
    return session->trouble;
}
