/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC's syntax, and a server's session over memory with a clock that the tests move.
 */
#include "rpc/rpc_health.h"
#include "rpc/rpc_session.h"
#include "rpc/rpc_wire.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "http2_peer.h"

#define SECOND INT64_C(1000000)

/* ---- syntax ---- */

static void timeouts_are_read_exactly_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } cases[] = {
        {"1H", 3600 * SECOND},
        {"2M", 120 * SECOND},
        {"3S", 3 * SECOND},
        {"4m", 4000},
        {"5u", 5},
        {"6n", 1},
        {"1001n", 2},
        {"0m", 0},
        {"99999999H", INT64_C(99999999) * 3600 * SECOND},
        {"999999999m", -1},
        {"m", -1},
        {"", -1},
        {"1", -1},
        {"1x", -1},
        {"-1m", -1},
        {"1 m", -1},
        {"1h", -1},
        {"+1m", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t us = -1;
        const capsa_result result = capsa_rpc_timeout_parse(capsa_bytes_str(cases[i].text), &us);
        assert_int_equal(capsa_failed(result), cases[i].us < 0);
        assert_int_equal(us, cases[i].us);
    }
}

static void a_written_timeout_reads_back_and_is_never_zero(void **state)
{
    (void)state;
    static const int64_t values[] = {
        -5, 0, 1, 999, 99999999, 100000000, 30 * SECOND, 86400 * SECOND, INT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[CAPSA_RPC_TIMEOUT_TEXT];
        int64_t us = 0;
        capsa_rpc_timeout_write(values[i], text);
        assert_ok(capsa_rpc_timeout_parse(capsa_bytes_str(text), &us));
        assert_true(us >= 1);
        assert_true(values[i] < 1 || us <= values[i]);
        assert_true(values[i] < 1 || values[i] == INT64_MAX ||
                    us > values[i] - values[i] / 1000 - 1);
    }
}

static void status_messages_survive_percent_encoding(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) encoded = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) decoded = capsa_buf_of(KIB(1));
    const char *text = "100% sch\xC3\xB6n\n~ \x7f";
    assert_ok(capsa_rpc_percent_write(text, &encoded));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&encoded), "100%25 sch%C3%B6n%0A~ %7F"));
    assert_ok(capsa_rpc_percent_parse(capsa_buf_bytes(&encoded), &decoded));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&decoded), text));
    capsa_buf_clear(&decoded);
    assert_ok(capsa_rpc_percent_parse(CAPSA_BYTES_LITERAL("%4g%%41%4"), &decoded));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&decoded), "%4g%A%4"));
}

static void content_types_of_grpc_alone_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {"application/grpc", "application/grpc+proto",
                                       "application/grpc;charset=utf-8"};
    static const char *const bad[] = {"",
                                      "application/grp",
                                      "application/grpc-web",
                                      "application/grpc+json",
                                      "application/grpcx",
                                      "text/application/grpc"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(capsa_rpc_is_content_type(capsa_bytes_str(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(capsa_rpc_is_content_type(capsa_bytes_str(bad[i])));
    }
}

/* ---- a session on a bench ---- */

#define PENDING_MAX 256

struct bench {
    struct capsa_rpc_service service;
    struct capsa_rpc_session *session;
    struct capsa_rpc_health *health;
    struct capsa_rpc_method methods[2 + CAPSA_RPC_HEALTH_METHODS];
    struct peer peer;
    capsa_buf out; /* what the peer says next */
    int64_t now_us;

    struct capsa_rpc_work *pending[PENDING_MAX];
    size_t pending_count;
    size_t submitted;
    bool running; /* a worker has begun: nothing can be withdrawn */
    bool full;
    size_t calls; /* told by on_call */
    int last_status;
    const char *last_method;
};

static CAPSA_RESULT unused_handler(void *context, const struct capsa_rpc_call *call,
                                   capsa_buf *ret_message)
{
    (void)context;
    (void)call;
    (void)ret_message;
    return CAPSA_OK;
}

static CAPSA_RESULT bench_submit(void *context, struct capsa_rpc_work *work)
{
    struct bench *bench = context;
    CAPSA_REQUIRE(!bench->full, BUSY, "the server has too many waiting requests");
    assert_true(bench->pending_count < PENDING_MAX);
    bench->pending[bench->pending_count++] = work;
    bench->submitted++;
    return CAPSA_OK;
}

static bool bench_withdraw(void *context, struct capsa_rpc_work *work)
{
    struct bench *bench = context;
    for (size_t i = 0; i < bench->pending_count && !bench->running; i++) {
        if (bench->pending[i] == work) {
            bench->pending[i] = bench->pending[--bench->pending_count];
            return true;
        }
    }
    return false;
}

static void bench_on_call(void *context, const struct capsa_rpc_info *info)
{
    struct bench *bench = context;
    bench->calls++;
    bench->last_status = info->status;
    bench->last_method = info->method;
}

static void bench_open(struct bench *bench)
{
    *bench = (struct bench){.now_us = 1000 * SECOND, .out = capsa_buf_of(MIB(64))};
    bench->methods[0] = (struct capsa_rpc_method){"/t.T/Do", 0, unused_handler, NULL, NULL};
    bench->methods[1] = (struct capsa_rpc_method){"/t.T/Small", 8, unused_handler, NULL, NULL};
    const char *const names[] = {"t.T"};
    assert_ok(capsa_rpc_health_new(names, 1, &bench->health));
    capsa_rpc_health_methods(bench->health, &bench->methods[2]);
    bench->service = (struct capsa_rpc_service){
        .methods = bench->methods,
        .method_count = sizeof(bench->methods) / sizeof(bench->methods[0]),
        .submit = bench_submit,
        .withdraw = bench_withdraw,
        .on_call = bench_on_call,
        .context = bench,
    };
    assert_ok(capsa_rpc_methods_check(bench->methods, bench->service.method_count));
    bench->peer = peer_make();
    assert_ok(
        capsa_rpc_session_new(&bench->service, "peer:1", false, bench->now_us, &bench->session));
}

/* What the session has to say goes to the peer. */
static void bench_take(struct bench *bench)
{
    for (;;) {
        capsa_bytes bytes;
        assert_ok(capsa_rpc_session_take(bench->session, bench->now_us, &bytes));
        if (bytes.len == 0) {
            return;
        }
        peer_take(&bench->peer, bytes);
    }
}

/* What the peer wrote to `out` goes to the session, and the other way. */
static capsa_result bench_feed(struct bench *bench)
{
    const capsa_result result =
        capsa_rpc_session_feed(bench->session, capsa_buf_bytes(&bench->out), bench->now_us);
    capsa_buf_clear(&bench->out);
    bench_take(bench);
    return result;
}

static void bench_greet(struct bench *bench)
{
    peer_greet(&bench->out);
    peer_frame(&bench->out, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, (capsa_bytes){NULL, 0});
    assert_ok(bench_feed(bench));
}

static void bench_answer(struct bench *bench, const char *message)
{
    assert_true(bench->pending_count > 0);
    struct capsa_rpc_work *work = bench->pending[--bench->pending_count];
    assert_ok(capsa_buf_str(&work->answer, message));
    (void)capsa_rpc_session_answer(work, bench->now_us);
    bench_take(bench);
}

static void bench_tick(struct bench *bench, int64_t later_us)
{
    bench->now_us += later_us;
    assert_ok(capsa_rpc_session_tick(bench->session, bench->now_us));
    bench_take(bench);
}

static void bench_close(struct bench *bench)
{
    capsa_rpc_session_free(bench->session);
    while (bench->pending_count > 0) {
        assert_null(
            capsa_rpc_session_answer(bench->pending[--bench->pending_count], bench->now_us));
    }
    /* Whatever happened, nothing is held and every call was told of. */
    assert_int_equal(bench->service.body_bytes, 0);
    assert_int_equal(bench->service.calls, 0);
    assert_int_equal(bench->service.watchers, 0);
    peer_drop(&bench->peer);
    capsa_buf_drop(&bench->out);
    capsa_rpc_health_free(bench->health);
}

static void assert_refused(struct bench *bench, int32_t id, int status)
{
    char field[32];
    (void)snprintf(field, sizeof(field), "grpc-status: %d\n", status);
    assert_told(&bench->peer, id, ":status: 200\n");
    assert_told(&bench->peer, id, field);
    assert_true(peer_stream(&bench->peer, id)->ended);
    assert_int_equal(peer_stream(&bench->peer, id)->data.len, 0);
    assert_int_equal(bench->last_status, status);
}

/* ---- calls ---- */

static void a_call_is_submitted_and_answered_with_headers_message_and_trailers(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_call(&bench.out, 1, "/t.T/Do", "question");
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, 1);
    const struct capsa_rpc_call *call = &bench.pending[0]->call;
    assert_true(capsa_bytes_is(call->request, "question"));
    assert_string_equal(call->method, "/t.T/Do");
    assert_string_equal(call->peer, "peer:1");
    assert_true(call->deadline_us == CAPSA_RPC_NO_DEADLINE);
    assert_false(capsa_rpc_cancelled(call));
    bench_answer(&bench, "answer");
    assert_told(&bench.peer, 1, ":status: 200\n");
    assert_told(&bench.peer, 1, "content-type: application/grpc\n");
    assert_told(&bench.peer, 1, "grpc-status: 0\n");
    const struct peer_stream *stream = peer_stream(&bench.peer, 1);
    assert_true(stream->ended);
    assert_false(stream->reset);
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&stream->data), CAPSA_BYTES_LITERAL("\0\0\0\0\x06"
                                                                                      "answer")));
    assert_int_equal(bench.calls, 1);
    bench_close(&bench);
}

static void bytes_that_come_one_by_one_make_the_same_call(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    CAPSA_AUTO(capsa_buf) all = capsa_buf_of(KIB(4));
    peer_greet(&all);
    peer_call(&all, 1, "/t.T/Do", "question");
    for (size_t i = 0; i < all.len; i++) {
        assert_ok(capsa_buf_u8(&bench.out, all.data[i]));
        assert_ok(bench_feed(&bench));
    }
    assert_int_equal(bench.submitted, 1);
    assert_true(capsa_bytes_is(bench.pending[0]->call.request, "question"));
    bench_close(&bench);
}

static void a_connection_that_ends_anywhere_leaves_nothing_behind(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) all = capsa_buf_of(KIB(4));
    peer_greet(&all);
    peer_call(&all, 1, "/t.T/Do", "question");
    peer_call(&all, 3, "/grpc.health.v1.Health/Watch", "");
    for (size_t len = 0; len <= all.len; len++) {
        struct bench bench;
        bench_open(&bench);
        assert_ok(capsa_buf_append(&bench.out, capsa_bytes_of(all.data, len)));
        assert_ok(bench_feed(&bench));
        bench_close(&bench);
    }
}

static void a_failure_of_the_handler_is_a_status_and_a_text(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_call(&bench.out, 1, "/t.T/Do", "");
    assert_ok(bench_feed(&bench));
    struct capsa_rpc_work *work = bench.pending[--bench.pending_count];
    assert_ok(capsa_buf_str(&work->answer, "half an answer"));
    capsa_rpc_work_keep(work, capsa_error_make(CAPSA_E_DENIED, __FILE__, __LINE__, "no, 100%%"));
    assert_ptr_equal(capsa_rpc_session_answer(work, bench.now_us), bench.session);
    bench_take(&bench);
    assert_refused(&bench, 1, 7);
    assert_told(&bench.peer, 1, "grpc-message: no, 100%25\n");
    bench_close(&bench);
}

static void requests_that_cannot_be_served_are_refused_at_their_headers(void **state)
{
    (void)state;
    static const struct {
        struct peer_request request;
        const char *told;
    } cases[] = {
        {{.path = "/t.T/Other"}, "grpc-status: 12\n"},
        {{.path = "/t.Other/Do"}, "grpc-status: 12\n"},
        {{.path = "/t.T/Do/"}, "grpc-status: 12\n"},
        {{.path = "/t.T/Do", .method = "GET"}, ":status: 405\n"},
        {{.path = "/t.T/Do", .type = "application/json"}, ":status: 415\n"},
        {{.path = "/t.T/Do", .type = ""}, ":status: 415\n"},
        {{.path = "/t.T/Do", .extra_name = "grpc-encoding", .extra_value = "gzip"},
         "grpc-status: 12\n"},
        {{.path = "/t.T/Do", .extra_name = "grpc-timeout", .extra_value = "soon"},
         "grpc-status: 13\n"},
    };
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint32_t id = (uint32_t)(2 * i + 1);
        peer_headers(&bench.out, id, false, &cases[i].request);
        assert_ok(bench_feed(&bench));
        assert_told(&bench.peer, (int32_t)id, cases[i].told);
        assert_true(peer_stream(&bench.peer, (int32_t)id)->ended);
        /* What still comes of it is no harm. */
        peer_message(&bench.out, id, true, 0, CAPSA_BYTES_LITERAL("late"));
        assert_ok(bench_feed(&bench));
    }
    assert_told(&bench.peer, 13, "grpc-accept-encoding: identity\n");
    assert_int_equal(bench.submitted, 0);
    assert_int_equal(bench.calls, sizeof(cases) / sizeof(cases[0]));
    peer_headers(&bench.out, 99, false,
                 &(struct peer_request){
                     .path = "/t.T/Do", .extra_name = "grpc-encoding", .extra_value = "identity"});
    peer_message(&bench.out, 99, true, 0, CAPSA_BYTES_LITERAL("x"));
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, 1);
    bench_close(&bench);
}

static void messages_that_are_not_exactly_one_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        capsa_bytes body;
        int status;
    } cases[] = {
        {"/t.T/Do", {NULL, 0}, 12},
        {"/t.T/Do", CAPSA_BYTES_LITERAL("\0\0\0"), 13},
        {"/t.T/Do", CAPSA_BYTES_LITERAL("\0\0\0\0\2x"), 13},
        {"/t.T/Do", CAPSA_BYTES_LITERAL("\0\0\0\0\1xy"), 12},
        {"/t.T/Do", CAPSA_BYTES_LITERAL("\0\0\0\0\0\0\0\0\0\0"), 12},
        {"/t.T/Do", CAPSA_BYTES_LITERAL("\1\0\0\0\1x"), 13},
        {"/t.T/Do", CAPSA_BYTES_LITERAL("\2\0\0\0\1x"), 13},
        {"/t.T/Small", CAPSA_BYTES_LITERAL("\0\0\0\0\x09"), 11},
        {"/t.T/Do", CAPSA_BYTES_LITERAL("\0\0\x40\0\1"), 11},
        {"/t.T/Do", CAPSA_BYTES_LITERAL("\0\xff\xff\xff\xff"), 11},
    };
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint32_t id = (uint32_t)(2 * i + 1);
        peer_headers(&bench.out, id, false, &(struct peer_request){.path = cases[i].path});
        peer_data(&bench.out, id, true, cases[i].body);
        assert_ok(bench_feed(&bench));
        assert_refused(&bench, (int32_t)id, cases[i].status);
    }
    assert_int_equal(bench.submitted, 0);
    bench_close(&bench);
}

static void a_message_over_the_limit_is_refused_at_its_prefix(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_headers(&bench.out, 1, false, &(struct peer_request){.path = "/t.T/Do"});
    peer_data(&bench.out, 1, false, CAPSA_BYTES_LITERAL("\0\0\x40\0\1"));
    assert_ok(bench_feed(&bench));
    assert_refused(&bench, 1, 11);
    assert_int_equal(bench.service.body_bytes, 0);
    assert_false(peer_stream(&bench.peer, 1)->reset);
    static const uint8_t more[16384];
    for (size_t i = 0; i < 8; i++) {
        peer_data(&bench.out, 1, false, capsa_bytes_of(more, sizeof(more)));
    }
    assert_ok(bench_feed(&bench));
    assert_true(peer_stream(&bench.peer, 1)->reset); /* it was told to stop */
    assert_int_equal(peer_stream(&bench.peer, 1)->reset_code, NGHTTP2_NO_ERROR);
    bench_close(&bench);
}

static void a_full_queue_is_unavailable(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    bench.full = true;
    peer_call(&bench.out, 1, "/t.T/Do", "x");
    assert_ok(bench_feed(&bench));
    assert_refused(&bench, 1, 14);
    bench_close(&bench);
}

/* ---- time ---- */

static void deadlines_reach_the_handler_and_end_the_call(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_headers(&bench.out, 1, false,
                 &(struct peer_request){
                     .path = "/t.T/Do", .extra_name = "grpc-timeout", .extra_value = "2S"});
    peer_message(&bench.out, 1, true, 0, CAPSA_BYTES_LITERAL("x"));
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.pending[0]->call.deadline_us, bench.now_us + 2 * SECOND);
    assert_int_equal(capsa_rpc_session_wake_at(bench.session), bench.now_us + 2 * SECOND);
    bench.running = true;
    struct capsa_rpc_work *work = bench.pending[0];
    bench_tick(&bench, 2 * SECOND - 1);
    assert_int_equal(bench.calls, 0);
    bench_tick(&bench, 1);
    assert_refused(&bench, 1, 4);
    assert_true(capsa_rpc_cancelled(&work->call));
    bench_answer(&bench, "too late"); /* freed, and said to nobody */
    assert_int_equal(peer_stream(&bench.peer, 1)->data.len, 0);
    assert_int_equal(bench.calls, 1);
    bench_close(&bench);
}

static void an_answer_after_the_deadline_is_not_sent(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_headers(&bench.out, 1, false,
                 &(struct peer_request){
                     .path = "/t.T/Do", .extra_name = "grpc-timeout", .extra_value = "1m"});
    peer_message(&bench.out, 1, true, 0, CAPSA_BYTES_LITERAL("x"));
    assert_ok(bench_feed(&bench));
    bench.now_us += 1000;
    bench_answer(&bench, "late");
    assert_refused(&bench, 1, 4);
    bench_close(&bench);
}

static void a_request_that_arrives_too_slowly_is_given_up(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_headers(&bench.out, 1, false, &(struct peer_request){.path = "/t.T/Do"});
    peer_data(&bench.out, 1, false, CAPSA_BYTES_LITERAL("\0\0\0\0\5a"));
    assert_ok(bench_feed(&bench));
    bench_tick(&bench, 59 * SECOND);
    assert_int_equal(bench.calls, 0);
    peer_data(&bench.out, 1, false,
              CAPSA_BYTES_LITERAL("b")); /* a byte now and then does not help */
    assert_ok(bench_feed(&bench));
    bench_tick(&bench, SECOND);
    assert_refused(&bench, 1, 4);
    assert_int_equal(bench.service.body_bytes, 0);
    bench_close(&bench);
}

static void a_peer_that_never_greets_is_given_up(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    assert_ok(capsa_buf_str(&bench.out, PEER_PREFACE));
    assert_ok(bench_feed(&bench));
    bench.now_us = capsa_rpc_session_wake_at(bench.session);
    assert_fails(capsa_rpc_session_tick(bench.session, bench.now_us), TIMEOUT);
    bench_close(&bench);
}

static void a_peer_that_does_not_acknowledge_our_settings_is_given_up(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    peer_greet(&bench.out);
    assert_ok(bench_feed(&bench));
    const int64_t until_us = bench.now_us + CAPSA_LIMIT_handshake_seconds * SECOND;
    assert_int_equal(capsa_rpc_session_wake_at(bench.session), until_us);
    assert_ok(capsa_rpc_session_tick(bench.session, until_us - 1));
    bench.now_us = until_us;
    assert_fails(capsa_rpc_session_tick(bench.session, bench.now_us), TIMEOUT);
    bench_close(&bench);

    bench_open(&bench);
    bench_greet(&bench);
    assert_true(capsa_rpc_session_wake_at(bench.session) == INT64_MAX);
    bench_close(&bench);
}

static void an_answer_that_is_not_taken_is_given_up(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    const uint8_t no_window[] = {0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0, 0, 0, 3};
    assert_ok(capsa_buf_str(&bench.out, PEER_PREFACE));
    peer_frame(&bench.out, NGHTTP2_SETTINGS, 0, 0, capsa_bytes_of(no_window, sizeof(no_window)));
    peer_frame(&bench.out, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, (capsa_bytes){NULL, 0});
    peer_call(&bench.out, 1, "/t.T/Do", "x");
    assert_ok(bench_feed(&bench));
    bench_answer(&bench, "an answer that does not fit");
    assert_int_equal(peer_stream(&bench.peer, 1)->data.len, 3);
    bench_tick(&bench, 59 * SECOND);
    assert_false(peer_stream(&bench.peer, 1)->reset);
    bench_tick(&bench, SECOND);
    assert_true(peer_stream(&bench.peer, 1)->reset);
    assert_int_equal(bench.service.calls, 0);
    assert_int_equal(bench.service.body_bytes, 0);
    bench_close(&bench);
}

/* ---- callers that leave ---- */

static void a_reset_withdraws_what_waits_and_marks_what_runs(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_call(&bench.out, 1, "/t.T/Do", "waits");
    assert_ok(bench_feed(&bench));
    peer_reset(&bench.out, 1);
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.pending_count, 0);
    assert_int_equal(bench.last_status, 1);
    assert_string_equal(bench.last_method, "/t.T/Do");

    bench.running = true;
    peer_call(&bench.out, 3, "/t.T/Do", "runs");
    assert_ok(bench_feed(&bench));
    peer_reset(&bench.out, 3);
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.pending_count, 1);
    assert_true(capsa_rpc_cancelled(&bench.pending[0]->call));
    assert_int_equal(bench.calls, 2);
    bench_answer(&bench, "for nobody");
    assert_int_equal(bench.calls, 2);
    bench_close(&bench);
}

static void floods_of_resets_end_the_connection(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    size_t opened = 0;
    for (; opened < 5000 && !bench.peer.going_away; opened++) {
        const uint32_t id = (uint32_t)(2 * opened + 1);
        peer_headers(&bench.out, id, false, &(struct peer_request){.path = "/t.T/Do"});
        peer_reset(&bench.out, id);
        assert_ok(bench_feed(&bench));
    }
    assert_true(bench.peer.going_away);
    assert_in_range(opened, 1000, 1200); /* honest clients may cancel a thousand calls at once */
    assert_true(capsa_rpc_session_over(bench.session));
    assert_int_equal(bench.service.calls, 0);
    bench_close(&bench);
}

/* What the session says goes nowhere. */
static void bench_throw_away(struct bench *bench)
{
    capsa_bytes bytes = {NULL, 1};
    while (bytes.len > 0) {
        assert_ok(capsa_rpc_session_take(bench->session, bench->now_us, &bytes));
    }
}

/* Opens streams and overflows their windows, until the session is over. */
static size_t provoke_resets(struct bench *bench, size_t max)
{
    size_t opened = 0;
    for (; opened < max && !capsa_rpc_session_over(bench->session); opened++) {
        const uint32_t id = (uint32_t)(2 * opened + 1);
        peer_headers(&bench->out, id, false, &(struct peer_request){.path = "/t.T/Do"});
        peer_frame(&bench->out, NGHTTP2_WINDOW_UPDATE, 0, id,
                   CAPSA_BYTES_LITERAL("\x7f\xff\xff\xff"));
        assert_ok(
            capsa_rpc_session_feed(bench->session, capsa_buf_bytes(&bench->out), bench->now_us));
        capsa_buf_clear(&bench->out);
        bench_throw_away(bench);
    }
    return opened;
}

static void floods_of_provoked_resets_end_the_connection(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    assert_in_range(provoke_resets(&bench, 5000), 1000, 1200);
    assert_non_null(capsa_rpc_session_trouble(bench.session));
    assert_int_equal(bench.service.calls, 0);
    bench_close(&bench);

    /* Few at a time are forgiven. */
    bench_open(&bench);
    bench_greet(&bench);
    assert_int_equal(provoke_resets(&bench, 900), 900);
    bench.now_us += 5 * SECOND;
    bench_throw_away(&bench);
    assert_false(capsa_rpc_session_over(bench.session));
    bench_close(&bench);
}

/* ---- abuse ---- */

static void answers_that_a_peer_provokes_and_does_not_read_end_the_connection(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    peer_greet(&bench.out); /* without an acknowledgement, which would make us stricter */
    size_t opened = 0;
    capsa_result result = CAPSA_OK;
    while (opened < 20000 && !capsa_failed(result)) {
        peer_headers(&bench.out, (uint32_t)(2 * opened++ + 1), false,
                     &(struct peer_request){.path = "/t.T/Do"});
        result = capsa_rpc_session_feed(bench.session, capsa_buf_bytes(&bench.out), bench.now_us);
        capsa_buf_clear(&bench.out);
    }
    assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
    assert_in_range(opened, CAPSA_LIMIT_http2_queued_frames,
                    CAPSA_LIMIT_http2_queued_frames + CAPSA_LIMIT_http2_streams + 1);
    assert_non_null(capsa_rpc_session_trouble(bench.session));
    bench_close(&bench);
}

static void what_others_hoard_keeps_small_requests_in_and_large_ones_out(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    bench.service.body_bytes = CAPSA_LIMIT_server_body + 1;
    peer_call(&bench.out, 1, "/t.T/Do", "small");
    peer_call(&bench.out, 3, "/t.T/Do", "another");
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, 2);
    static const uint8_t chunk[16384];
    peer_headers(&bench.out, 5, false, &(struct peer_request){.path = "/t.T/Do"});
    peer_data(&bench.out, 5, false, CAPSA_BYTES_LITERAL("\0\0\x40\0\0"));
    for (size_t i = 0; i < CAPSA_LIMIT_connection_share / sizeof(chunk); i++) {
        peer_data(&bench.out, 5, false, capsa_bytes_of(chunk, sizeof(chunk)));
    }
    assert_ok(bench_feed(&bench));
    assert_refused(&bench, 5, 8);
    /* The first answer is held for a peer that reads nothing; the second is not. */
    for (size_t i = 0; i < 2; i++) {
        struct capsa_rpc_work *work = bench.pending[--bench.pending_count];
        uint8_t *room;
        assert_ok(capsa_buf_extend(&work->answer, CAPSA_LIMIT_grpc_message, &room));
        (void)capsa_rpc_session_answer(work, bench.now_us);
        bench_take(&bench);
    }
    assert_refused(&bench, 1, 8);
    assert_false(peer_stream(&bench.peer, 3)->ended);
    bench.service.body_bytes -= CAPSA_LIMIT_server_body + 1;
    bench_close(&bench);
}

static void more_calls_than_the_server_holds_are_refused_unseen(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    bench.service.calls = CAPSA_LIMIT_calls;
    peer_call(&bench.out, 1, "/t.T/Do", "x");
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, 0);
    assert_true(peer_stream(&bench.peer, 1)->reset);
    assert_int_equal(peer_stream(&bench.peer, 1)->reset_code, NGHTTP2_REFUSED_STREAM);
    assert_int_equal(bench.service.calls, CAPSA_LIMIT_calls);
    bench.service.calls = 0;
    peer_call(&bench.out, 3, "/t.T/Do", "x");
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, 1);
    bench_close(&bench);
}

static void more_watchers_than_the_server_serves_are_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    bench.service.watchers = CAPSA_LIMIT_watchers - 1;
    peer_call(&bench.out, 1, "/grpc.health.v1.Health/Watch", "");
    peer_call(&bench.out, 3, "/grpc.health.v1.Health/Watch", "");
    assert_ok(bench_feed(&bench));
    assert_false(peer_stream(&bench.peer, 1)->ended);
    assert_refused(&bench, 3, 8);
    peer_reset(&bench.out, 1); /* one goes, one can come */
    peer_call(&bench.out, 5, "/grpc.health.v1.Health/Watch", "");
    assert_ok(bench_feed(&bench));
    assert_false(peer_stream(&bench.peer, 5)->ended);
    assert_int_equal(bench.service.watchers, CAPSA_LIMIT_watchers);
    bench.service.watchers -= CAPSA_LIMIT_watchers - 1;
    bench_close(&bench);
}

static void unread_bodies_are_limited_for_each_connection(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    static const uint8_t chunk[16384];
    size_t refused = 0;
    for (uint32_t id = 1; id < 2 * 9; id += 2) {
        peer_headers(&bench.out, id, false, &(struct peer_request){.path = "/t.T/Do"});
        peer_data(&bench.out, id, false, CAPSA_BYTES_LITERAL("\0\0\x40\0\0"));
        for (size_t i = 0; i < MIB(4) / sizeof(chunk) - 1; i++) { /* all but the last chunk */
            peer_data(&bench.out, id, false, capsa_bytes_of(chunk, sizeof(chunk)));
            assert_ok(bench_feed(&bench));
        }
        refused += peer_was_told(&bench.peer, (int32_t)id, "grpc-status: 8\n");
    }
    assert_int_equal(refused, 1); /* nine times 4 MiB are more than 32 */
    assert_true(bench.service.body_bytes <= CAPSA_LIMIT_connection_body);
    bench_close(&bench);
}

static void answers_that_are_not_read_count_as_well(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    for (uint32_t id = 1; id < 2 * 40; id += 2) {
        peer_call(&bench.out, id, "/t.T/Do", "x");
        assert_ok(bench_feed(&bench));
        if (peer_was_told(&bench.peer, (int32_t)id, "grpc-status: 8\n")) {
            assert_int_equal(id, 67); /* 33 answers are more than 128 MiB */
            bench_close(&bench);
            return;
        }
        struct capsa_rpc_work *work = bench.pending[--bench.pending_count];
        uint8_t *room;
        assert_ok(capsa_buf_extend(&work->answer, CAPSA_LIMIT_grpc_message, &room));
        (void)capsa_rpc_session_answer(work, bench.now_us);
        bench_take(&bench);
    }
    fail_msg("forty answers of 4 MiB are held for a peer that reads none");
}

static void a_large_header_list_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    char value[15500];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    peer_headers(
        &bench.out, 1, false,
        &(struct peer_request){.path = "/t.T/Do", .extra_name = "x-a", .extra_value = value});
    peer_message(&bench.out, 1, true, 0, CAPSA_BYTES_LITERAL("x"));
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, 1);

    CAPSA_AUTO(capsa_buf) block = capsa_buf_of(KIB(64));
    peer_field(&block, "x-b", value);
    peer_headers(
        &bench.out, 3, false,
        &(struct peer_request){.path = "/t.T/Do", .extra_name = "x-a", .extra_value = value});
    bench.out.data[4] = 0; /* not the end of the headers */
    peer_frame(&bench.out, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 3,
               capsa_buf_bytes(&block));
    assert_ok(bench_feed(&bench));
    assert_refused(&bench, 3, 8);
    bench_close(&bench);
}

/* Five frames of fields, together over the hard limit. */
static void huge_fields(capsa_buf *out, uint32_t id)
{
    char value[15500];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    CAPSA_AUTO(capsa_buf) block = capsa_buf_of(KIB(64));
    peer_field(&block, "x-b", value);
    for (size_t i = 0; i < 5; i++) {
        peer_frame(out, NGHTTP2_CONTINUATION, i == 4 ? NGHTTP2_FLAG_END_HEADERS : 0, id,
                   capsa_buf_bytes(&block));
    }
}

static void header_lists_and_trailers_over_the_hard_limit_reset_the_stream(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_headers(&bench.out, 1, false, &(struct peer_request){.path = "/t.T/Do"});
    bench.out.data[4] = 0; /* not the end of the headers */
    huge_fields(&bench.out, 1);
    assert_ok(bench_feed(&bench));
    assert_true(peer_stream(&bench.peer, 1)->reset);

    peer_headers(&bench.out, 3, false, &(struct peer_request){.path = "/t.T/Do"});
    peer_message(&bench.out, 3, false, 0, CAPSA_BYTES_LITERAL("x"));
    peer_frame(&bench.out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 3, (capsa_bytes){NULL, 0});
    huge_fields(&bench.out, 3);
    assert_ok(bench_feed(&bench));
    assert_true(peer_stream(&bench.peer, 3)->reset);
    assert_int_equal(bench.submitted, 0);

    CAPSA_AUTO(capsa_buf) trailer = capsa_buf_of(KIB(1));
    peer_field(&trailer, "x-end", "fine");
    peer_headers(&bench.out, 5, false, &(struct peer_request){.path = "/t.T/Do"});
    peer_message(&bench.out, 5, false, 0, CAPSA_BYTES_LITERAL("x"));
    peer_frame(&bench.out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, 5,
               capsa_buf_bytes(&trailer));
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, 1);
    bench_close(&bench);
}

static void broken_frames_are_answered_with_goaway(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint8_t flags;
        uint32_t stream;
        capsa_bytes payload;
    } cases[] = {
        {NGHTTP2_DATA, 0, 1, CAPSA_BYTES_LITERAL("x")},               /* idle stream */
        {NGHTTP2_HEADERS, 4, 1, CAPSA_BYTES_LITERAL("\xff\xff\xff")}, /* HPACK */
        {NGHTTP2_HEADERS, 4, 2, CAPSA_BYTES_LITERAL("")},             /* a server's number */
        {NGHTTP2_PING, 0, 0, CAPSA_BYTES_LITERAL("short")},
        {NGHTTP2_SETTINGS, 0, 0, CAPSA_BYTES_LITERAL("12345")},
        {NGHTTP2_WINDOW_UPDATE, 0, 0, CAPSA_BYTES_LITERAL("\0\0\0\0")},
        {NGHTTP2_PUSH_PROMISE, 4, 1, CAPSA_BYTES_LITERAL("\0\0\0\2")},
        {NGHTTP2_CONTINUATION, 4, 1, CAPSA_BYTES_LITERAL("")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench bench;
        bench_open(&bench);
        bench_greet(&bench);
        peer_frame(&bench.out, cases[i].type, cases[i].flags, cases[i].stream, cases[i].payload);
        assert_ok(bench_feed(&bench));
        assert_true(bench.peer.going_away);
        assert_true(bench.peer.goaway_code != NGHTTP2_NO_ERROR);
        assert_true(capsa_rpc_session_over(bench.session));
        bench_close(&bench);
    }
}

static void what_is_not_http2_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    assert_ok(capsa_buf_str(&bench.out, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"));
    assert_fails(bench_feed(&bench), MALFORMED);
    assert_true(bench.peer.going_away);
    bench_close(&bench);
}

static void pings_are_answered_and_floods_of_them_end_the_connection(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    for (size_t i = 0; i < 100; i++) {
        peer_frame(&bench.out, NGHTTP2_PING, 0, 0, CAPSA_BYTES_LITERAL("12345678"));
        assert_ok(bench_feed(&bench));
    }
    assert_int_equal(bench.peer.pings_answered, 100);
    for (size_t i = 0; i < 1000; i++) { /* before we could answer one */
        peer_frame(&bench.out, NGHTTP2_PING, 0, 0, CAPSA_BYTES_LITERAL("12345678"));
    }
    assert_fails(bench_feed(&bench), MALFORMED);
    bench_close(&bench);
}

static void endless_header_blocks_end_the_connection(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_headers(&bench.out, 1, false, &(struct peer_request){.path = "/t.T/Do"});
    bench.out.data[4] = 0; /* not the end of the headers */
    for (size_t i = 0; i < 100; i++) {
        peer_frame(&bench.out, NGHTTP2_CONTINUATION, 0, 1, (capsa_bytes){NULL, 0});
    }
    assert_fails(bench_feed(&bench), MALFORMED);
    bench_close(&bench);
}

static void more_streams_than_allowed_are_not_served(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    for (uint32_t i = 0; i < CAPSA_LIMIT_http2_streams; i++) {
        peer_call(&bench.out, 2 * i + 1, "/t.T/Do", "x");
    }
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, CAPSA_LIMIT_http2_streams);
    assert_false(bench.peer.going_away);
    peer_call(&bench.out, 2 * CAPSA_LIMIT_http2_streams + 1, "/t.T/Do", "x");
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, CAPSA_LIMIT_http2_streams);
    bench_close(&bench);
}

/* ---- the end, and health ---- */

static void draining_serves_what_crosses_the_first_goaway_and_then_ends(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_call(&bench.out, 1, "/t.T/Do", "before");
    assert_ok(bench_feed(&bench));
    assert_ok(capsa_rpc_session_drain(bench.session, bench.now_us));
    bench_take(&bench);
    assert_true(bench.peer.going_away);
    assert_int_equal(bench.peer.last_served, INT32_MAX);
    assert_int_equal(bench.peer.pings, 1);
    peer_call(&bench.out, 3, "/t.T/Do", "crossed");
    peer_frame(&bench.out, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0,
               CAPSA_BYTES_LITERAL("\0\0\0\0\0\0\0\0"));
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.peer.last_served, 3);
    assert_int_equal(bench.submitted, 2);
    peer_call(&bench.out, 5, "/t.T/Do", "too late");
    assert_ok(bench_feed(&bench));
    assert_int_equal(bench.submitted, 2);
    bench_answer(&bench, "a");
    assert_false(capsa_rpc_session_over(bench.session));
    bench_answer(&bench, "b");
    assert_true(capsa_rpc_session_over(bench.session));
    assert_told(&bench.peer, 1, "grpc-status: 0\n");
    assert_told(&bench.peer, 3, "grpc-status: 0\n");
    bench_close(&bench);
}

static void draining_does_not_wait_for_a_peer_that_answers_no_ping(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    assert_ok(capsa_rpc_session_drain(bench.session, bench.now_us));
    bench_take(&bench);
    assert_false(capsa_rpc_session_over(bench.session));
    bench_tick(&bench, SECOND);
    assert_int_equal(bench.peer.last_served, 0);
    assert_true(capsa_rpc_session_over(bench.session));
    bench_close(&bench);
}

static void health_is_watched(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    bench_greet(&bench);
    peer_call(&bench.out, 1, "/grpc.health.v1.Health/Watch", "\x0a\x03t.T");
    assert_ok(bench_feed(&bench));
    const struct peer_stream *stream = peer_stream(&bench.peer, 1);
    assert_true(
        capsa_bytes_equal(capsa_buf_bytes(&stream->data), CAPSA_BYTES_LITERAL("\0\0\0\0\2\x08\2")));
    capsa_rpc_health_set(bench.health, "", CAPSA_RPC_HEALTH_SERVING);
    bench_tick(&bench, SECOND);
    assert_int_equal(stream->data.len, 7); /* another service's news */
    capsa_rpc_health_set(bench.health, "t.T", CAPSA_RPC_HEALTH_SERVING);
    bench_tick(&bench, SECOND);
    assert_true(capsa_bytes_equal(capsa_bytes_from(capsa_buf_bytes(&stream->data), 7),
                                  CAPSA_BYTES_LITERAL("\0\0\0\0\2\x08\1")));
    assert_false(stream->ended);
    assert_ok(capsa_rpc_session_drain(bench.session, bench.now_us));
    bench_take(&bench);
    assert_true(stream->ended);
    assert_told(&bench.peer, 1, "grpc-status: 14\n");
    bench_close(&bench);
}

static CAPSA_RESULT check_health(const struct capsa_rpc_method *methods, capsa_bytes request,
                                 capsa_buf *answer)
{
    const struct capsa_rpc_call call = {.request = request};
    return methods[0].handler(methods[0].context, &call, answer);
}

static void health_is_checked_by_name(void **state)
{
    (void)state;
    struct capsa_rpc_method methods[CAPSA_RPC_HEALTH_METHODS];
    CAPSA_AUTO_FREE(capsa_rpc_health) health = NULL;
    const char *const names[] = {"a", "b"};
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(1));
    assert_ok(capsa_rpc_health_new(names, 2, &health));
    capsa_rpc_health_methods(health, methods);
    capsa_rpc_health_set(health, "b", CAPSA_RPC_HEALTH_SERVING);
    capsa_rpc_health_set(health, "unheard of", CAPSA_RPC_HEALTH_SERVING);
    assert_ok(check_health(methods, CAPSA_BYTES_LITERAL("\x0a\1b"), &answer));
    assert_ok(check_health(methods, CAPSA_BYTES_LITERAL("\x0a\1a"), &answer));
    assert_ok(check_health(methods, (capsa_bytes){NULL, 0}, &answer));
    assert_true(
        capsa_bytes_equal(capsa_buf_bytes(&answer), CAPSA_BYTES_LITERAL("\x08\1\x08\2\x08\2")));
    assert_fails(check_health(methods, CAPSA_BYTES_LITERAL("\x0a\1c"), &answer), NOT_FOUND);
    assert_fails(check_health(methods, CAPSA_BYTES_LITERAL("\x0a\2b"), &answer), TRUNCATED);
    assert_fails(check_health(methods, CAPSA_BYTES_LITERAL("\x0a"), &answer), TRUNCATED);
    assert_fails(check_health(methods, CAPSA_BYTES_LITERAL("\x12\1b"), &answer), UNKNOWN_FIELD);
    assert_fails(check_health(methods, CAPSA_BYTES_LITERAL("\x0a\xff\xff\xff"), &answer),
                 TOO_LARGE);
}

static void method_tables_with_mistakes_are_refused(void **state)
{
    (void)state;
    const struct capsa_rpc_method tables[][2] = {
        {{"/a/b", 0, unused_handler, NULL, NULL}, {"/a/b", 0, unused_handler, NULL, NULL}},
        {{"/a/b", 0, unused_handler, NULL, NULL}, {"a/c", 0, unused_handler, NULL, NULL}},
        {{"/a/b", 0, unused_handler, NULL, NULL}, {"/a/c", 0, NULL, NULL, NULL}},
        {{"/a/b", 0, unused_handler, NULL, NULL}, {"/a/c", MIB(5), unused_handler, NULL, NULL}},
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        assert_ok(capsa_rpc_methods_check(tables[i], 1));
        assert_fails(capsa_rpc_methods_check(tables[i], 2), USAGE);
    }
}

/* ---- out of memory ---- */

static size_t allocations_left;

static int fail_when_spent(size_t size)
{
    (void)size;
    return allocations_left-- == 0;
}

/* A whole conversation; failures may end it at any point, but not leak or crash. */
static bool converse(struct bench *bench, capsa_bytes bytes)
{
    capsa_bytes out = {NULL, 1};
    bool fine = !capsa_failed(capsa_rpc_session_feed(bench->session, bytes, bench->now_us));
    while (bench->pending_count > 0) {
        struct capsa_rpc_work *work = bench->pending[--bench->pending_count];
        capsa_rpc_work_keep(work, capsa_buf_str(&work->answer, "answer"));
        (void)capsa_rpc_session_answer(work, bench->now_us);
    }
    while (fine && out.len > 0) {
        fine = !capsa_failed(capsa_rpc_session_take(bench->session, bench->now_us, &out));
    }
    return fine;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) all = capsa_buf_of(KIB(4));
    peer_greet(&all);
    peer_call(&all, 1, "/t.T/Do", "question");
    peer_call(&all, 3, "/t.T/Nothing", "question");
    peer_call(&all, 5, "/grpc.health.v1.Health/Watch", "");
    for (size_t n = 0;; n++) {
        assert_true(n < 1000);
        struct bench bench;
        bench_open(&bench);
        allocations_left = n;
        capsa_alloc_set_hook(fail_when_spent);
        (void)converse(&bench, capsa_buf_bytes(&all));
        capsa_alloc_set_hook(NULL);
        const bool spent = allocations_left > n; /* it wrapped: one failed */
        bench_close(&bench);
        if (!spent) {
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts_are_read_exactly_or_refused),
        cmocka_unit_test(a_written_timeout_reads_back_and_is_never_zero),
        cmocka_unit_test(status_messages_survive_percent_encoding),
        cmocka_unit_test(content_types_of_grpc_alone_are_taken),
        cmocka_unit_test(a_call_is_submitted_and_answered_with_headers_message_and_trailers),
        cmocka_unit_test(bytes_that_come_one_by_one_make_the_same_call),
        cmocka_unit_test(a_connection_that_ends_anywhere_leaves_nothing_behind),
        cmocka_unit_test(a_failure_of_the_handler_is_a_status_and_a_text),
        cmocka_unit_test(requests_that_cannot_be_served_are_refused_at_their_headers),
        cmocka_unit_test(messages_that_are_not_exactly_one_are_refused),
        cmocka_unit_test(a_message_over_the_limit_is_refused_at_its_prefix),
        cmocka_unit_test(a_full_queue_is_unavailable),
        cmocka_unit_test(deadlines_reach_the_handler_and_end_the_call),
        cmocka_unit_test(an_answer_after_the_deadline_is_not_sent),
        cmocka_unit_test(a_request_that_arrives_too_slowly_is_given_up),
        cmocka_unit_test(a_peer_that_never_greets_is_given_up),
        cmocka_unit_test(a_peer_that_does_not_acknowledge_our_settings_is_given_up),
        cmocka_unit_test(an_answer_that_is_not_taken_is_given_up),
        cmocka_unit_test(a_reset_withdraws_what_waits_and_marks_what_runs),
        cmocka_unit_test(floods_of_resets_end_the_connection),
        cmocka_unit_test(floods_of_provoked_resets_end_the_connection),
        cmocka_unit_test(answers_that_a_peer_provokes_and_does_not_read_end_the_connection),
        cmocka_unit_test(what_others_hoard_keeps_small_requests_in_and_large_ones_out),
        cmocka_unit_test(more_calls_than_the_server_holds_are_refused_unseen),
        cmocka_unit_test(more_watchers_than_the_server_serves_are_refused),
        cmocka_unit_test(unread_bodies_are_limited_for_each_connection),
        cmocka_unit_test(answers_that_are_not_read_count_as_well),
        cmocka_unit_test(a_large_header_list_is_refused),
        cmocka_unit_test(header_lists_and_trailers_over_the_hard_limit_reset_the_stream),
        cmocka_unit_test(broken_frames_are_answered_with_goaway),
        cmocka_unit_test(what_is_not_http2_is_refused),
        cmocka_unit_test(pings_are_answered_and_floods_of_them_end_the_connection),
        cmocka_unit_test(endless_header_blocks_end_the_connection),
        cmocka_unit_test(more_streams_than_allowed_are_not_served),
        cmocka_unit_test(draining_serves_what_crosses_the_first_goaway_and_then_ends),
        cmocka_unit_test(draining_does_not_wait_for_a_peer_that_answers_no_ping),
        cmocka_unit_test(health_is_watched),
        cmocka_unit_test(health_is_checked_by_name),
        cmocka_unit_test(method_tables_with_mistakes_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}
