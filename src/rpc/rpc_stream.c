/* SPDX-License-Identifier: Apache-2.0
 *
 * One call as HTTP/2 sees it. A request is refused as early as its bytes allow; an answer leaves as
 * headers, one message, trailers, or as trailers alone when there is no message.
 */
#include "rpc/rpc_stream.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "rpc/rpc_http2.h"

#define SECONDS(n)       ((int64_t)(n)*1000000)
#define WATCH_PERIOD_US  SECONDS(1)
#define THROWN_AWAY_MAX  KIB(64)
#define MESSAGE_TEXT_MAX (CAPSA_ERROR_TEXT * 3) /* every byte as %XX */

/* ---- memory ---- */

void capsa_rpc_work_free(struct capsa_rpc_work *work)
{
    if (work == NULL) {
        return;
    }
    work->service->body_bytes -= work->request_charged + work->answer_charged;
    capsa_buf_drop(&work->request);
    capsa_buf_drop(&work->answer);
    capsa_dealloc(work);
}

static struct capsa_rpc_work *new_work(struct capsa_rpc_stream *stream)
{
    struct capsa_rpc_work *work = CAPSA_NEW(struct capsa_rpc_work);
    if (work == NULL) {
        return NULL;
    }
    const struct capsa_rpc_session *session = stream->session;
    work->method = stream->head.method;
    work->service = session->service;
    work->stream = stream;
    work->request = capsa_buf_of(stream->body.max);
    work->answer = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    (void)snprintf(work->peer, sizeof(work->peer), "%s", session->peer);
    work->call = (struct capsa_rpc_call){
        .method = work->method->path,
        .peer = work->peer,
        .peer_verified = session->peer_verified,
        .id = stream->call_id,
        .deadline_us = stream->deadline_us,
        .abandoned = &work->abandoned,
    };
    return work;
}

/* The server holds more than it should, and this connection more than its share of that. What
 * others hoard keeps no small request out. */
static bool is_over_share(const struct capsa_rpc_session *session)
{
    return session->service->body_bytes > CAPSA_LIMIT_server_body &&
           session->request_bytes + session->answer_bytes > CAPSA_LIMIT_connection_share;
}

/* Count `more` bytes of a request; false: over a limit, by requests or by answers nobody reads. */
static bool charge_request(struct capsa_rpc_stream *stream, size_t more)
{
    struct capsa_rpc_session *session = stream->session;
    stream->work->request_charged += more;
    session->request_bytes += more;
    session->service->body_bytes += more;
    return session->request_bytes <= CAPSA_LIMIT_connection_body &&
           session->answer_bytes <= CAPSA_LIMIT_connection_answers && !is_over_share(session);
}

/* A peer that reads nothing gets no more to leave unread. Its first answer is never refused. */
static bool is_hoarding_answers(const struct capsa_rpc_session *session)
{
    return session->answer_bytes > CAPSA_LIMIT_connection_answers ||
           (session->answer_bytes > CAPSA_LIMIT_connection_share && is_over_share(session));
}

static void charge_answer(struct capsa_rpc_stream *stream)
{
    struct capsa_rpc_work *work = stream->work;
    work->answer_charged = work->answer.len;
    stream->session->answer_bytes += work->answer.len;
    stream->session->service->body_bytes += work->answer.len;
}

/* The stream has no more use for its work, wherever that is. */
static void let_go_of_work(struct capsa_rpc_stream *stream)
{
    struct capsa_rpc_work *work = stream->work;
    if (work == NULL) {
        return;
    }
    const struct capsa_rpc_service *service = stream->session->service;
    stream->session->request_bytes -= work->request_charged;
    stream->session->answer_bytes -= work->answer_charged;
    stream->work = NULL;
    work->stream = NULL;
    if (stream->state != CAPSA_RPC_STREAM_SUBMITTED) {
        capsa_rpc_work_free(work);
        return;
    }
    atomic_store(&work->abandoned, true);
    if (service->withdraw(service->context, work)) {
        capsa_rpc_work_free(work);
    }
}

struct capsa_rpc_stream *capsa_rpc_stream_new(struct capsa_rpc_session *session, int32_t id)
{
    struct capsa_rpc_stream *stream = CAPSA_NEW(struct capsa_rpc_stream);
    if (stream == NULL) {
        return NULL;
    }
    stream->id = id;
    stream->session = session;
    stream->began_us = session->now_us;
    stream->progress_us = session->now_us;
    stream->deadline_us = CAPSA_RPC_NO_DEADLINE;
    stream->call_id = ++session->service->last_id;
    stream->after = session->streams;
    if (session->streams != NULL) {
        session->streams->before = stream;
    }
    session->streams = stream;
    session->service->calls++;
    return stream;
}

static void tell_call(const struct capsa_rpc_stream *stream)
{
    const struct capsa_rpc_service *service = stream->session->service;
    if (service->on_call == NULL) {
        return;
    }
    const struct capsa_rpc_work *work = stream->work;
    const struct capsa_rpc_info info = {
        .method = stream->head.method == NULL ? NULL : stream->head.method->path,
        .peer = stream->session->peer,
        .id = stream->call_id,
        .status = stream->status,
        .text = stream->text,
        .elapsed_us = stream->session->now_us - stream->began_us,
        .request_bytes = work == NULL ? 0 : work->request.len,
        .answer_bytes = work == NULL || !stream->message ? 0 : work->answer.len,
    };
    service->on_call(service->context, &info);
}

static void set_status(struct capsa_rpc_stream *stream, int status, const char *text)
{
    stream->status = status;
    (void)snprintf(stream->text, sizeof(stream->text), "%s", text);
}

void capsa_rpc_stream_free(struct capsa_rpc_stream *stream)
{
    struct capsa_rpc_session *session = stream->session;
    if (stream->state != CAPSA_RPC_STREAM_ANSWERED) {
        set_status(stream, CAPSA_RPC_CANCELLED, "the caller left before the answer");
        tell_call(stream);
    }
    let_go_of_work(stream);
    if (stream->before != NULL) {
        stream->before->after = stream->after;
    } else {
        session->streams = stream->after;
    }
    if (stream->after != NULL) {
        stream->after->before = stream->before;
    }
    session->service->calls--;
    session->service->watchers -= stream->watcher ? 1 : 0;
    capsa_dealloc(stream);
}

/* ---- answering ---- */

static CAPSA_RESULT check_http2(int code, const char *what)
{
    CAPSA_REQUIRE(code != NGHTTP2_ERR_NOMEM, NOMEM, "out of memory");
    CAPSA_REQUIRE(code == 0, INTERNAL, "%s: %s", what, nghttp2_strerror(code));
    return CAPSA_OK;
}

#define STATUS_FIELDS 2
/* grpc-status, and grpc-message when there is one; the texts live in `text` and `digits`. */
static CAPSA_RESULT status_fields(const struct capsa_rpc_stream *stream, char digits[12],
                                  capsa_buf *text, nghttp2_nv fields[STATUS_FIELDS],
                                  size_t *ret_count)
{
    const char *message = NULL;
    (void)snprintf(digits, 12, "%d", stream->status);
    fields[0] = capsa_rpc_http2_field("grpc-status", digits);
    if (stream->text[0] == '\0') {
        *ret_count = 1;
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_rpc_percent_write(stream->text, text));
    CAPSA_TRY(capsa_buf_cstr(text, &message));
    fields[1] = capsa_rpc_http2_field("grpc-message", message);
    *ret_count = 2;
    return CAPSA_OK;
}

static CAPSA_RESULT submit_trailers(struct capsa_rpc_stream *stream)
{
    char digits[12];
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MESSAGE_TEXT_MAX);
    nghttp2_nv fields[STATUS_FIELDS];
    size_t count = 0;
    CAPSA_TRY(status_fields(stream, digits, &text, fields, &count));
    return check_http2(nghttp2_submit_trailer(stream->session->http2, stream->id, fields, count),
                       "trailers");
}

/* Headers that end the stream: there is no message. */
static CAPSA_RESULT submit_trailers_only(struct capsa_rpc_stream *stream)
{
    char digits[12];
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MESSAGE_TEXT_MAX);
    nghttp2_nv fields[3 + STATUS_FIELDS] = {
        capsa_rpc_http2_field(":status", "200"),
        capsa_rpc_http2_field("content-type", "application/grpc"),
        capsa_rpc_http2_field("grpc-accept-encoding", "identity"),
    };
    size_t count = 0;
    CAPSA_TRY(status_fields(stream, digits, &text, fields + 3, &count));
    return check_http2(
        nghttp2_submit_response(stream->session->http2, stream->id, fields, 3 + count, NULL),
        "answer");
}

static CAPSA_RESULT submit_http_error(struct capsa_rpc_stream *stream, int http)
{
    char digits[12];
    (void)snprintf(digits, sizeof(digits), "%d", http);
    const nghttp2_nv fields[] = {capsa_rpc_http2_field(":status", digits),
                                 capsa_rpc_http2_field("allow", "POST")};
    return check_http2(nghttp2_submit_response(stream->session->http2, stream->id, fields,
                                               http == 405 ? 2 : 1, NULL),
                       "answer");
}

/* Copy what is left of prefix and message, as far as there is room. */
static size_t copy_message(struct capsa_rpc_stream *stream, uint8_t *room, size_t len)
{
    size_t copied = 0;
    if (!stream->message) {
        return 0;
    }
    const capsa_bytes parts[] = {capsa_bytes_of(stream->prefix, sizeof(stream->prefix)),
                                 capsa_buf_bytes(&stream->work->answer)};
    size_t skip = stream->sent;
    for (size_t i = 0; i < 2 && copied < len; i++) {
        const capsa_bytes rest = capsa_bytes_from(parts[i], skip);
        const size_t part = rest.len < len - copied ? rest.len : len - copied;
        if (part > 0) {
            memcpy(room + copied, rest.data, part);
        }
        copied += part;
        skip = skip > parts[i].len ? skip - parts[i].len : 0;
    }
    stream->sent += copied;
    stream->progress_us = stream->session->now_us;
    return copied;
}

static bool message_is_sent(const struct capsa_rpc_stream *stream)
{
    return !stream->message || stream->sent == CAPSA_RPC_PREFIX + stream->work->answer.len;
}

static ssize_t read_answer(nghttp2_session *http2, int32_t id, uint8_t *room, size_t len,
                           uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)http2;
    (void)id;
    (void)user_data;
    struct capsa_rpc_stream *stream = source->ptr;
    const size_t copied = copy_message(stream, room, len);
    if (!message_is_sent(stream)) {
        return (ssize_t)copied;
    }
    if (stream->state == CAPSA_RPC_STREAM_WATCHING) {
        return copied > 0 ? (ssize_t)copied : NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return capsa_failed(submit_trailers(stream)) ? NGHTTP2_ERR_CALLBACK_FAILURE : (ssize_t)copied;
}

static CAPSA_RESULT submit_headers_and_message(struct capsa_rpc_stream *stream)
{
    const nghttp2_nv fields[] = {
        capsa_rpc_http2_field(":status", "200"),
        capsa_rpc_http2_field("content-type", "application/grpc"),
        capsa_rpc_http2_field("grpc-accept-encoding", "identity"),
    };
    const nghttp2_data_provider provider = {{.ptr = stream}, read_answer};
    stream->headers_sent = true;
    return check_http2(
        nghttp2_submit_response(stream->session->http2, stream->id, fields, 3, &provider),
        "answer");
}

/* Nothing to resume is fine: the next read finds the news by itself. */
static CAPSA_RESULT resume(struct capsa_rpc_stream *stream)
{
    const int code = nghttp2_session_resume_data(stream->session->http2, stream->id);
    return code == NGHTTP2_ERR_INVALID_ARGUMENT ? CAPSA_OK : check_http2(code, "message");
}

static void set_message(struct capsa_rpc_stream *stream)
{
    capsa_rpc_prefix_write(stream->work->answer.len, stream->prefix);
    stream->message = true;
    stream->sent = 0;
    stream->progress_us = stream->session->now_us;
}

/* The call ends with this status and no (further) message. */
static CAPSA_RESULT end_with(struct capsa_rpc_stream *stream, int status, const char *text)
{
    set_status(stream, status, text);
    const bool was_watching = stream->state == CAPSA_RPC_STREAM_WATCHING;
    tell_call(stream);
    if (!was_watching) {
        let_go_of_work(stream);
        stream->message = false;
    }
    stream->state = CAPSA_RPC_STREAM_ANSWERED;
    return stream->headers_sent ? resume(stream) : submit_trailers_only(stream);
}

static CAPSA_RESULT refuse(struct capsa_rpc_stream *stream, const struct capsa_rpc_refusal *refusal)
{
    if (refusal->http == 200) {
        return end_with(stream, refusal->status, refusal->text);
    }
    set_status(stream, refusal->status, refusal->text);
    tell_call(stream);
    let_go_of_work(stream);
    stream->state = CAPSA_RPC_STREAM_ANSWERED;
    return submit_http_error(stream, refusal->http);
}

static CAPSA_RESULT fail_with(struct capsa_rpc_stream *stream, capsa_result result)
{
    return end_with(stream, capsa_code_status(capsa_code_of(result)), capsa_text_of(result));
}

/* ---- watching ---- */

static CAPSA_RESULT watch(struct capsa_rpc_stream *stream)
{
    if (!message_is_sent(stream)) {
        return CAPSA_OK; /* the peer gets the newest when it has read the last */
    }
    struct capsa_rpc_work *work = stream->work;
    capsa_buf_clear(&work->answer);
    stream->message = false;
    const uint64_t before = stream->version;
    const capsa_result result =
        work->method->watcher(work->method->context, &work->call, &stream->version, &work->answer);
    if (capsa_failed(result)) {
        return fail_with(stream, result);
    }
    stream->progress_us = stream->session->now_us;
    if (stream->version == before) {
        return CAPSA_OK;
    }
    set_message(stream);
    return stream->headers_sent ? resume(stream) : submit_headers_and_message(stream);
}

static CAPSA_RESULT begin_watch(struct capsa_rpc_stream *stream)
{
    struct capsa_rpc_service *service = stream->session->service;
    if (service->watchers >= CAPSA_LIMIT_watchers) {
        return end_with(stream, CAPSA_RPC_RESOURCE_EXHAUSTED, "too many calls watch this server");
    }
    stream->watcher = true;
    service->watchers++;
    stream->state = CAPSA_RPC_STREAM_WATCHING;
    return watch(stream);
}

/* ---- receiving ---- */

static void set_deadline(struct capsa_rpc_stream *stream)
{
    if (stream->head.has_timeout) {
        stream->deadline_us = stream->began_us + stream->head.timeout_us;
    }
}

CAPSA_RESULT capsa_rpc_stream_head_done(struct capsa_rpc_stream *stream)
{
    struct capsa_rpc_refusal refusal = {.http = 200};
    capsa_rpc_head_judge(&stream->head, &refusal);
    if (refusal.status != CAPSA_RPC_OK) {
        return refuse(stream, &refusal);
    }
    const size_t max = stream->head.method->max_request;
    stream->body.max = max == 0 ? CAPSA_LIMIT_grpc_message : max;
    set_deadline(stream);
    stream->work = new_work(stream);
    if (stream->work == NULL) {
        return end_with(stream, CAPSA_RPC_RESOURCE_EXHAUSTED, "out of memory");
    }
    return CAPSA_OK;
}

static CAPSA_RESULT submit_reset(const struct capsa_rpc_stream *stream, uint32_t code)
{
    return check_http2(
        nghttp2_submit_rst_stream(stream->session->http2, NGHTTP2_FLAG_NONE, stream->id, code),
        "reset");
}

/* The call was refused while its request still comes. A little more of it is let pass, because some
 * clients lose an answer that a reset follows at once; then the peer is told to stop. */
static CAPSA_RESULT throw_away(struct capsa_rpc_stream *stream, size_t len)
{
    const bool was_over = stream->thrown_away > THROWN_AWAY_MAX;
    stream->thrown_away += len;
    const bool is_over = stream->thrown_away > THROWN_AWAY_MAX;
    return is_over && !was_over ? submit_reset(stream, NGHTTP2_NO_ERROR) : CAPSA_OK;
}

CAPSA_RESULT capsa_rpc_stream_data(struct capsa_rpc_stream *stream, capsa_bytes bytes)
{
    if (stream->state != CAPSA_RPC_STREAM_RECEIVING || stream->work == NULL) {
        return throw_away(stream, bytes.len);
    }
    struct capsa_rpc_refusal refusal = {.http = 200};
    capsa_rpc_body_feed(&stream->body, bytes, &stream->work->request, &refusal);
    if (refusal.status == CAPSA_RPC_OK && !charge_request(stream, bytes.len)) {
        capsa_rpc_refuse(&refusal, CAPSA_RPC_RESOURCE_EXHAUSTED,
                         "the server holds too many bytes of unfinished calls");
    }
    return refusal.status == CAPSA_RPC_OK ? CAPSA_OK : refuse(stream, &refusal);
}

CAPSA_RESULT capsa_rpc_stream_request_done(struct capsa_rpc_stream *stream)
{
    if (stream->state != CAPSA_RPC_STREAM_RECEIVING || stream->work == NULL) {
        return CAPSA_OK;
    }
    struct capsa_rpc_work *work = stream->work;
    struct capsa_rpc_refusal refusal = {.http = 200};
    capsa_rpc_body_end(&stream->body, &work->request, &refusal);
    if (refusal.status != CAPSA_RPC_OK) {
        return refuse(stream, &refusal);
    }
    work->call.request = capsa_buf_bytes(&work->request);
    if (work->method->watcher != NULL) {
        return begin_watch(stream);
    }
    const struct capsa_rpc_service *service = stream->session->service;
    const capsa_result submitted = service->submit(service->context, work);
    if (capsa_failed(submitted)) {
        return fail_with(stream, submitted);
    }
    stream->state = CAPSA_RPC_STREAM_SUBMITTED;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_rpc_stream_finish(struct capsa_rpc_stream *stream, struct capsa_rpc_work *work)
{
    /* It is the stream's own again: letting go of it now frees it. */
    stream->state = CAPSA_RPC_STREAM_RECEIVING;
    if (stream->session->now_us >= stream->deadline_us) {
        return end_with(stream, CAPSA_RPC_DEADLINE_EXCEEDED, "the answer came after the deadline");
    }
    if (work->failed) {
        return fail_with(stream, capsa_error_kept(&work->failure));
    }
    if (is_hoarding_answers(stream->session)) {
        return end_with(stream, CAPSA_RPC_RESOURCE_EXHAUSTED,
                        "too many answers on this connection are not read");
    }
    charge_answer(stream);
    set_message(stream);
    set_status(stream, CAPSA_RPC_OK, "");
    stream->state = CAPSA_RPC_STREAM_ANSWERED;
    tell_call(stream);
    return submit_headers_and_message(stream);
}

/* ---- time ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t capsa_rpc_stream_wake_at(const struct capsa_rpc_stream *stream)
{
    switch (stream->state) {
    case CAPSA_RPC_STREAM_RECEIVING:
        return earlier(stream->deadline_us,
                       stream->began_us + SECONDS(CAPSA_LIMIT_request_seconds));
    case CAPSA_RPC_STREAM_SUBMITTED:
        return stream->deadline_us;
    case CAPSA_RPC_STREAM_WATCHING:
        return earlier(stream->deadline_us,
                       message_is_sent(stream)
                           ? stream->progress_us + WATCH_PERIOD_US
                           : stream->progress_us + SECONDS(CAPSA_LIMIT_write_stall_seconds));
    case CAPSA_RPC_STREAM_ANSWERED:
        return stream->progress_us + SECONDS(CAPSA_LIMIT_write_stall_seconds);
    }
    return INT64_MAX;
}

/* The peer does not take what it asked for: it gets nothing more, and the memory is free. */
static CAPSA_RESULT reset(struct capsa_rpc_stream *stream)
{
    stream->progress_us = stream->session->now_us;
    return submit_reset(stream, NGHTTP2_CANCEL);
}

CAPSA_RESULT capsa_rpc_stream_tick(struct capsa_rpc_stream *stream)
{
    const int64_t now = stream->session->now_us;
    if (now < capsa_rpc_stream_wake_at(stream)) {
        return CAPSA_OK;
    }
    if (stream->state == CAPSA_RPC_STREAM_ANSWERED) {
        return reset(stream);
    }
    if (now >= stream->deadline_us) {
        return end_with(stream, CAPSA_RPC_DEADLINE_EXCEEDED, "the deadline passed");
    }
    if (stream->state == CAPSA_RPC_STREAM_WATCHING) {
        return message_is_sent(stream) ? watch(stream) : reset(stream);
    }
    return end_with(stream, CAPSA_RPC_DEADLINE_EXCEEDED, "the request took too long to arrive");
}

CAPSA_RESULT capsa_rpc_stream_drain(struct capsa_rpc_stream *stream)
{
    if (stream->state != CAPSA_RPC_STREAM_WATCHING) {
        return CAPSA_OK;
    }
    return end_with(stream, CAPSA_RPC_UNAVAILABLE, "the server is stopping");
}
