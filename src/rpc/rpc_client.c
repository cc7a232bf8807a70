/* SPDX-License-Identifier: Apache-2.0
 *
 * The client: one connection, one call at a time, blocking. nghttp2 keeps HTTP/2; this file moves
 * bytes between it and the stream, and turns what came into an answer or one clear error.
 */
#include "rpc/rpc_client.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "net/net_stream.h"
#include "rpc/rpc_http2.h"
#include "rpc/rpc_wire.h"

#define DEFAULT_TIMEOUT_US INT64_C(30000000)
#define WINDOW             MIB(8) /* a whole answer fits */
#define READ_MAX           KIB(16)
#define GRPC_MESSAGE_MAX   KIB(4)
#define NAME_TEXT          (CAPSA_NET_HOST_TEXT + 16)
#define IDLE_READS         64 /* what a server may say between calls */
#define NO_STATUS          (-1)

/* The call that is going on. */
struct client_call {
    capsa_bytes request;
    uint8_t prefix[CAPSA_RPC_PREFIX];
    size_t sent;
    int32_t id;

    struct capsa_rpc_body body;
    capsa_buf message;
    struct capsa_rpc_refusal refusal; /* what is wrong with the message */
    int http_status;
    bool grpc;
    int status; /* NO_STATUS: none came */
    capsa_buf text;
    bool closed;
    uint32_t error_code; /* of the stream's end */
};

struct capsa_rpc_client {
    struct capsa_net_target target;
    struct capsa_net_tls *tls;
    char *server_name;
    char name[NAME_TEXT]; /* host:port as given, for messages and :authority */
    int64_t timeout_us;

    struct capsa_net_stream *stream; /* NULL: not connected */
    nghttp2_session *http2;
    struct client_call *call;
    bool going_away;
    int32_t last_served; /* by the server's GOAWAY */
};

/* ---- nghttp2's callbacks ---- */

static struct client_call *call_of(struct capsa_rpc_client *client, int32_t id)
{
    return client->call != NULL && client->call->id == id ? client->call : NULL;
}

static int small_number(capsa_bytes digits)
{
    int number = 0;
    if (digits.len == 0 || digits.len > 4) {
        return NO_STATUS;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return NO_STATUS;
        }
        number = number * 10 + (digits.data[i] - '0');
    }
    return number;
}

static void read_field(struct client_call *call, capsa_bytes name, capsa_bytes value)
{
    if (capsa_bytes_is(name, ":status")) {
        call->http_status = small_number(value);
    } else if (capsa_bytes_is(name, "content-type")) {
        call->grpc = capsa_rpc_is_content_type(value);
    } else if (capsa_bytes_is(name, "grpc-encoding")) {
        call->body.compressed = !capsa_bytes_is(value, "identity");
    } else if (capsa_bytes_is(name, "grpc-status")) {
        call->status = small_number(value);
    } else if (capsa_bytes_is(name, "grpc-message")) {
        capsa_buf_clear(&call->text);
        capsa_ignore(capsa_rpc_percent_parse(value, &call->text), "a text too long is cut");
    }
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    (void)http2;
    (void)flags;
    struct client_call *call = call_of(user_data, frame->hd.stream_id);
    if (call != NULL) {
        read_field(call, capsa_bytes_of(name, name_len), capsa_bytes_of(value, value_len));
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *http2, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user_data)
{
    (void)flags;
    struct client_call *call = call_of(user_data, id);
    if (call == NULL || !call->grpc || call->refusal.status != CAPSA_RPC_OK) {
        return 0;
    }
    capsa_rpc_body_feed(&call->body, capsa_bytes_of(data, len), &call->message, &call->refusal);
    return call->refusal.status == CAPSA_RPC_OK
               ? 0
               : nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
}

static int on_frame_recv(nghttp2_session *http2, const nghttp2_frame *frame, void *user_data)
{
    (void)http2;
    struct capsa_rpc_client *client = user_data;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->going_away = true;
        client->last_served = frame->goaway.last_stream_id;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *http2, int32_t id, uint32_t error_code, void *user_data)
{
    (void)http2;
    struct client_call *call = call_of(user_data, id);
    if (call != NULL) {
        call->closed = true;
        call->error_code = error_code;
    }
    return 0;
}

static ssize_t read_request(nghttp2_session *http2, int32_t id, uint8_t *room, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)http2;
    (void)id;
    (void)user_data;
    struct client_call *call = source->ptr;
    const bool in_prefix = call->sent < CAPSA_RPC_PREFIX;
    const capsa_bytes rest =
        in_prefix ? capsa_bytes_from(capsa_bytes_of(call->prefix, CAPSA_RPC_PREFIX), call->sent)
                  : capsa_bytes_from(call->request, call->sent - CAPSA_RPC_PREFIX);
    const size_t part = rest.len < len ? rest.len : len;
    if (part > 0) {
        memcpy(room, rest.data, part);
    }
    call->sent += part;
    if (call->sent == CAPSA_RPC_PREFIX + call->request.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)part;
}

/* ---- the connection ---- */

static void disconnect(struct capsa_rpc_client *client)
{
    nghttp2_session_del(client->http2);
    client->http2 = NULL;
    capsa_net_stream_free(client->stream);
    client->stream = NULL;
    client->going_away = false;
}

static CAPSA_RESULT new_http2(struct capsa_rpc_client *client)
{
    nghttp2_session_callbacks *callbacks = NULL;
    CAPSA_REQUIRE(nghttp2_session_callbacks_new(&callbacks) == 0, NOMEM, "out of memory");
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_mem memory = capsa_rpc_http2_memory();
    const int code = nghttp2_session_client_new3(&client->http2, callbacks, client, NULL, &memory);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CAPSA_LIMIT_http2_header_list},
    };
    CAPSA_REQUIRE(
        code == 0 && nghttp2_submit_settings(client->http2, NGHTTP2_FLAG_NONE, settings, 3) == 0 &&
            nghttp2_session_set_local_window_size(client->http2, NGHTTP2_FLAG_NONE, 0, WINDOW) == 0,
        NOMEM, "out of memory");
    return CAPSA_OK;
}

static CAPSA_RESULT connect_client(struct capsa_rpc_client *client, int64_t deadline_us)
{
    CAPSA_TRY(capsa_net_stream_open(&client->target, client->tls, client->server_name, deadline_us,
                                    &client->stream));
    return new_http2(client);
}

/* Receive once and feed it. */
static CAPSA_RESULT receive_once(struct capsa_rpc_client *client, int64_t deadline_us)
{
    uint8_t room[READ_MAX];
    size_t len = 0;
    const capsa_result received =
        capsa_net_stream_receive(client->stream, room, sizeof(room), deadline_us, &len);
    if (capsa_code_of(received) != CAPSA_E_TRUNCATED) { /* HTTP/2 knows itself what is missing */
        CAPSA_TRY(received);
    }
    CAPSA_REQUIRE(len > 0, NETWORK, "%s: the server closed the connection before it answered",
                  client->name);
    const ssize_t code = nghttp2_session_mem_recv(client->http2, room, len);
    CAPSA_REQUIRE(code >= 0, NETWORK, "%s: the server does not speak HTTP/2: %s", client->name,
                  nghttp2_strerror((int)code));
    return CAPSA_OK;
}

/* A server that never stops talking does not outlive the deadline. */
static CAPSA_RESULT receive(struct capsa_rpc_client *client, int64_t deadline_us)
{
    CAPSA_REQUIRE(capsa_monotonic_us() < deadline_us, TIMEOUT, "%s: no answer in time",
                  client->name);
    return receive_once(client, deadline_us);
}

/* Send all that nghttp2 has; while the server takes nothing, read what it says. */
static CAPSA_RESULT send_all(struct capsa_rpc_client *client, int64_t deadline_us)
{
    for (;;) {
        const uint8_t *data = NULL;
        const ssize_t len = nghttp2_session_mem_send(client->http2, &data);
        CAPSA_REQUIRE(len >= 0, INTERNAL, "HTTP/2 output failed: %s", nghttp2_strerror((int)len));
        if (len == 0) {
            return CAPSA_OK;
        }
        capsa_bytes rest = capsa_bytes_of(data, (size_t)len);
        while (rest.len > 0) {
            size_t sent = 0;
            CAPSA_TRY(capsa_net_stream_send_some(client->stream, rest, deadline_us, &sent));
            rest = capsa_bytes_from(rest, sent);
            if (sent == 0) {
                CAPSA_TRY(receive(client, deadline_us));
            }
        }
    }
}

/* A connection that was kept: is it still good? Reads what came since the last call. */
static bool is_still_good(struct capsa_rpc_client *client)
{
    const int64_t now_us = capsa_monotonic_us();
    for (size_t reads = 0; capsa_net_stream_has_input(client->stream); reads++) {
        if (reads == IDLE_READS) {
            return false;
        }
        const capsa_result result = receive_once(client, now_us);
        if (capsa_code_of(result) == CAPSA_E_TIMEOUT) {
            break; /* TLS had no whole record for us yet */
        }
        if (capsa_failed(result)) {
            return false;
        }
    }
    return !client->going_away && nghttp2_session_check_request_allowed(client->http2) != 0;
}

/* ---- a call ---- */

static CAPSA_RESULT submit_call(struct capsa_rpc_client *client, struct client_call *call,
                                const char *path, int64_t deadline_us)
{
    char timeout[CAPSA_RPC_TIMEOUT_TEXT];
    capsa_rpc_timeout_write(deadline_us - capsa_monotonic_us(), timeout);
    const nghttp2_nv fields[] = {
        capsa_rpc_http2_field(":method", "POST"),
        capsa_rpc_http2_field(":scheme", client->tls == NULL ? "http" : "https"),
        capsa_rpc_http2_field(":path", path),
        capsa_rpc_http2_field(":authority", client->name),
        capsa_rpc_http2_field("te", "trailers"),
        capsa_rpc_http2_field("content-type", "application/grpc"),
        capsa_rpc_http2_field("user-agent", "capsa"),
        capsa_rpc_http2_field("grpc-timeout", timeout),
    };
    const nghttp2_data_provider provider = {{.ptr = call}, read_request};
    call->id = nghttp2_submit_request(client->http2, NULL, fields,
                                      sizeof(fields) / sizeof(fields[0]), &provider, NULL);
    CAPSA_REQUIRE(call->id > 0, NETWORK, "%s: the request cannot be sent: %s", client->name,
                  nghttp2_strerror(call->id));
    return CAPSA_OK;
}

static CAPSA_RESULT run_call(struct capsa_rpc_client *client, struct client_call *call,
                             const char *path, int64_t deadline_us)
{
    if (client->stream != NULL && !is_still_good(client)) {
        disconnect(client);
    }
    if (client->stream == NULL) {
        CAPSA_TRY(connect_client(client, deadline_us));
    }
    CAPSA_TRY(submit_call(client, call, path, deadline_us));
    while (!call->closed) {
        CAPSA_TRY(send_all(client, deadline_us));
        if (!call->closed) {
            CAPSA_TRY(receive(client, deadline_us));
        }
    }
    /* What is left to say (a window update, the acknowledgement of a reset) can be lost. */
    capsa_ignore(send_all(client, deadline_us), "the answer is here already");
    return CAPSA_OK;
}

/* The protocol promises that the server has not looked at the request. */
static bool was_not_looked_at(const struct capsa_rpc_client *client, const struct client_call *call)
{
    return (call->closed && call->error_code == NGHTTP2_REFUSED_STREAM) ||
           (client->going_away && call->id > client->last_served && call->status == NO_STATUS);
}

/* ---- the answer ---- */

static const struct {
    enum capsa_code code;
    const char *name;
} statuses[] = {
    {CAPSA_E_OK, "OK"},
    {CAPSA_E_CANCELLED, "CANCELLED"},
    {CAPSA_E_INTERNAL, "UNKNOWN"},
    {CAPSA_E_USAGE, "INVALID_ARGUMENT"},
    {CAPSA_E_TIMEOUT, "DEADLINE_EXCEEDED"},
    {CAPSA_E_NOT_FOUND, "NOT_FOUND"},
    {CAPSA_E_EXISTS, "ALREADY_EXISTS"},
    {CAPSA_E_DENIED, "PERMISSION_DENIED"},
    {CAPSA_E_BUSY, "RESOURCE_EXHAUSTED"},
    {CAPSA_E_CONFLICT, "FAILED_PRECONDITION"},
    {CAPSA_E_CONFLICT, "ABORTED"},
    {CAPSA_E_TOO_LARGE, "OUT_OF_RANGE"},
    {CAPSA_E_UNSUPPORTED, "UNIMPLEMENTED"},
    {CAPSA_E_INTERNAL, "INTERNAL"},
    {CAPSA_E_NETWORK, "UNAVAILABLE"},
    {CAPSA_E_TAMPERED, "DATA_LOSS"},
    {CAPSA_E_UNAUTHENTIC, "UNAUTHENTICATED"},
};

static CAPSA_RESULT status_error(const struct capsa_rpc_client *client,
                                 const struct client_call *call)
{
    const bool known = (size_t)call->status < sizeof(statuses) / sizeof(statuses[0]);
    const size_t len = call->text.len < CAPSA_ERROR_TEXT ? call->text.len : CAPSA_ERROR_TEXT;
    return capsa_error_make(known ? statuses[call->status].code : CAPSA_E_INTERNAL, __FILE__,
                            __LINE__, "%s answered %s%s%.*s", client->name,
                            known ? statuses[call->status].name : "an unknown status",
                            len == 0 ? "" : ": ", (int)len, (const char *)call->text.data);
}

static CAPSA_RESULT judge_answer(const struct capsa_rpc_client *client, struct client_call *call)
{
    if (call->refusal.status != CAPSA_RPC_OK) {
        CAPSA_REQUIRE(call->refusal.status != CAPSA_RPC_OUT_OF_RANGE, TOO_LARGE, "%s's answer: %s",
                      client->name, call->refusal.text);
        CAPSA_FAIL(MALFORMED, "%s's answer: %s", client->name, call->refusal.text);
    }
    CAPSA_REQUIRE(call->error_code == NGHTTP2_NO_ERROR || call->status != NO_STATUS, NETWORK,
                  "%s reset the call: %s", client->name, nghttp2_http2_strerror(call->error_code));
    CAPSA_REQUIRE(call->http_status == 200, NETWORK, "%s answered HTTP status %d, not 200",
                  client->name, call->http_status);
    CAPSA_REQUIRE(call->grpc, MALFORMED, "%s's answer is not gRPC", client->name);
    CAPSA_REQUIRE(call->status != NO_STATUS, MALFORMED, "%s's answer has no grpc-status",
                  client->name);
    if (call->status != CAPSA_RPC_OK) {
        return status_error(client, call);
    }
    capsa_rpc_body_end(&call->body, &call->message, &call->refusal);
    CAPSA_REQUIRE(call->refusal.status == CAPSA_RPC_OK, MALFORMED, "%s's answer: %s", client->name,
                  call->refusal.text);
    return CAPSA_OK;
}

static void begin_call(struct client_call *call, capsa_bytes request, size_t max)
{
    *call = (struct client_call){
        .request = request,
        .body = {.max = max},
        .message = capsa_buf_of(max),
        .refusal = {.http = 200},
        .status = NO_STATUS,
        .text = capsa_buf_of(GRPC_MESSAGE_MAX),
    };
    capsa_rpc_prefix_write(request.len, call->prefix);
}

typedef struct client_call client_call; /* for CAPSA_AUTO */

static void client_call_drop(struct client_call *call)
{
    capsa_buf_drop(&call->message);
    capsa_buf_drop(&call->text);
}

static CAPSA_RESULT attempt(struct capsa_rpc_client *client, struct client_call *call,
                            const char *path, int64_t deadline_us, bool *ret_again)
{
    client->call = call;
    const capsa_result result = run_call(client, call, path, deadline_us);
    client->call = NULL;
    const bool again = was_not_looked_at(client, call);
    /* After a failure the connection is in an unknown state; a fresh one is cheap. */
    if (capsa_failed(result) || again || call->error_code != NGHTTP2_NO_ERROR) {
        disconnect(client);
    }
    *ret_again = again;
    return result;
}

static CAPSA_RESULT call_unary(struct capsa_rpc_client *client, const char *path,
                               capsa_bytes request, capsa_buf *ret_message, int *ret_status)
{
    const int64_t deadline_us = capsa_monotonic_us() + client->timeout_us;
    CAPSA_AUTO(client_call) call;
    bool again = false;
    begin_call(&call, request, ret_message->max - ret_message->len);
    capsa_result result = attempt(client, &call, path, deadline_us, &again);
    if (again) {
        client_call_drop(&call);
        begin_call(&call, request, ret_message->max - ret_message->len);
        result = attempt(client, &call, path, deadline_us, &again);
    }
    CAPSA_TRY(result);
    *ret_status = call.status;
    CAPSA_TRY(judge_answer(client, &call));
    return capsa_buf_append(ret_message, capsa_buf_bytes(&call.message));
}

CAPSA_RESULT capsa_rpc_call_unary(struct capsa_rpc_client *client, const char *path,
                                  capsa_bytes request, capsa_buf *ret_message, int *ret_status)
{
    int status = NO_STATUS;
    const capsa_result result = call_unary(client, path, request, ret_message, &status);
    if (ret_status != NULL) {
        *ret_status = status;
    }
    return result;
}

/* ---- life ---- */

CAPSA_RESULT capsa_rpc_client_new(const struct capsa_rpc_client_options *options,
                                  struct capsa_rpc_client **ret_client)
{
    CAPSA_AUTO_FREE(capsa_rpc_client) client = CAPSA_NEW(struct capsa_rpc_client);
    CAPSA_REQUIRE_MEMORY(client);
    CAPSA_TRY(capsa_net_target_parse(options->target, &client->target));
    const bool colons = strchr(client->target.host, ':') != NULL;
    (void)snprintf(client->name, sizeof(client->name), colons ? "[%s]:%u" : "%s:%u",
                   client->target.host, client->target.port);
    client->tls = options->tls;
    client->timeout_us = options->timeout_us == 0 ? DEFAULT_TIMEOUT_US : options->timeout_us;
    if (options->server_name != NULL) {
        client->server_name = capsa_strdup(options->server_name);
        CAPSA_REQUIRE_MEMORY(client->server_name);
    }
    *ret_client = client;
    client = NULL;
    return CAPSA_OK;
}

void capsa_rpc_client_free(struct capsa_rpc_client *client)
{
    if (client == NULL) {
        return;
    }
    disconnect(client);
    capsa_dealloc(client->server_name);
    capsa_dealloc(client);
}
