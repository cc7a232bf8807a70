/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop, addresses as people write them, and the admin pages.
 */
#include "net/net.h"

#include <pthread.h>
#include <signal.h>

#include "base/buf.h"
#include "base/time.h"
#include "net/net_http.h"
#include "net/net_stream.h"
#include "unit.h"

#define SECOND   INT64_C(1000000)
#define PATIENCE (60 * SECOND)

/* ---- addresses ---- */

static void targets_are_host_and_port_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host;
        unsigned port;
    } good[] = {
        {"localhost:8888", "localhost", 8888},
        {"10.0.0.1:1", "10.0.0.1", 1},
        {"[::1]:65535", "::1", 65535},
        {"[fe80::1%eth0]:80", "fe80::1%eth0", 80},
        {"my-host_1.example.org:0080", "my-host_1.example.org", 80},
    };
    static const char *const bad[] = {
        "",           "localhost",  "localhost:",      ":8888",        "localhost:0",
        "host:65536", "host:70051", "host:4294967297", "host:8x",      "host:-1",
        "host: 80",   "::1:80",     "[::1]",           "[::1",         "[::1]80",
        "[]:80",      "a b:80",     "http://host:80",  "user@host:80", "host:80/path",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct capsa_net_target target;
        assert_ok(capsa_net_target_parse(good[i].text, &target));
        assert_string_equal(target.host, good[i].host);
        assert_int_equal(target.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct capsa_net_target target = {.port = 4711};
        assert_fails(capsa_net_target_parse(bad[i], &target), USAGE);
        assert_int_equal(target.port, 4711);
    }
    char long_host[300];
    memset(long_host, 'a', sizeof(long_host) - 1);
    memcpy(long_host + sizeof(long_host) - 4, ":80", 4);
    struct capsa_net_target target;
    assert_fails(capsa_net_target_parse(long_host, &target), USAGE);
    assert_ok(capsa_net_target_parse(long_host + 300 - 4 - 253, &target));
}

static void addresses_are_written_as_they_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *text;
    } cases[] = {{"127.0.0.1", "127.0.0.1:80"}, {"::1", "[::1]:80"}};
    char text[CAPSA_NET_ADDRESS_TEXT];
    for (size_t i = 0; i < 2; i++) {
        struct capsa_net_addresses addresses;
        assert_ok(capsa_net_resolve(cases[i].host, 80, false, &addresses));
        capsa_net_address_text((struct sockaddr *)&addresses.list[0], text);
        assert_string_equal(text, cases[i].text);
        assert_true(capsa_net_host_is_ip(cases[i].host));
    }
    capsa_net_address_text(&(struct sockaddr){.sa_family = AF_UNIX}, text);
    assert_string_equal(text, "?");
    assert_false(capsa_net_host_is_ip("localhost"));
    struct capsa_net_addresses addresses;
    assert_fails(capsa_net_resolve("no.such.host.invalid", 80, false, &addresses), NETWORK);
    assert_fails(capsa_net_resolve("127.0.0.1", 65536, false, &addresses), USAGE);
}

/* ---- the loop ---- */

struct counter {
    struct capsa_net_loop *loop;
    unsigned count;
};

static void count_and_stop(void *context)
{
    struct counter *counter = context;
    counter->count++;
    capsa_net_loop_stop(counter->loop);
}

static void *wake_from_elsewhere(void *context)
{
    capsa_net_wake_up(context);
    return NULL;
}

static void wakes_timers_and_signals_run_on_the_loop(void **state)
{
    (void)state;
    struct counter counter = {0};
    struct capsa_net_wake *wake = NULL;
    struct capsa_net_timer *timer = NULL;
    struct capsa_net_signal *signal_watch = NULL;
    pthread_t thread;
    assert_ok(capsa_net_loop_new(&counter.loop));
    assert_ok(capsa_net_wake_new(counter.loop, count_and_stop, &counter, &wake));
    assert_ok(capsa_net_timer_new(counter.loop, count_and_stop, &counter, &timer));
    assert_ok(capsa_net_signal_new(counter.loop, SIGUSR1, count_and_stop, &counter, &signal_watch));
    assert_int_equal(pthread_create(&thread, NULL, wake_from_elsewhere, wake), 0);
    assert_ok(capsa_net_loop_run(counter.loop));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(counter.count, 1);
    assert_ok(capsa_net_timer_set(timer, PATIENCE));
    assert_ok(capsa_net_timer_set(timer, 1000)); /* moves it */
    assert_ok(capsa_net_loop_run(counter.loop));
    assert_int_equal(counter.count, 2);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_ok(capsa_net_loop_run(counter.loop));
    assert_int_equal(counter.count, 3);
    assert_ok(capsa_net_timer_set(timer, 0));
    capsa_net_timer_clear(timer);
    capsa_net_loop_stop(counter.loop); /* before the run: it returns at once */
    assert_ok(capsa_net_loop_run(counter.loop));
    assert_int_equal(counter.count, 3);
    capsa_net_wake_free(wake);
    capsa_net_timer_free(timer);
    capsa_net_signal_free(signal_watch);
    capsa_net_loop_free(counter.loop);
}

/* ---- connections ---- */

#define LAST_WORDS MIB(16) /* more than the system buffers for us */

struct speaker {
    struct capsa_net_conn *conn;
};

/* Says a great deal and leaves, with no patience but until_us. */
static void on_ready(void *owner)
{
    struct speaker *speaker = owner;
    static uint8_t words[LAST_WORDS];
    capsa_ignore(capsa_net_conn_send(speaker->conn, capsa_bytes_of(words, sizeof(words))),
                 "the test counts what arrives");
    capsa_net_conn_finish_by(speaker->conn, 1, capsa_monotonic_us() + PATIENCE);
}

static void on_bytes(void *owner, capsa_bytes bytes)
{
    (void)owner;
    (void)bytes;
}

static void on_drained(void *owner)
{
    (void)owner;
}

static void on_closed(void *owner, const char *why)
{
    (void)why;
    struct speaker *speaker = owner;
    capsa_net_conn_finish(speaker->conn, 0);
}

static void on_accepted(void *context, struct capsa_net_conn *conn)
{
    static const struct capsa_net_conn_events events = {
        .ready = on_ready, .bytes = on_bytes, .drained = on_drained, .closed = on_closed};
    struct speaker *speaker = context;
    speaker->conn = conn;
    capsa_net_conn_attach(conn, &events, speaker);
}

static void *run_loop(void *context)
{
    capsa_ignore(capsa_net_loop_run(context), "the test sees what comes of it");
    return NULL;
}

static void last_words_are_sent_as_long_as_the_peer_reads_them(void **state)
{
    (void)state;
    struct speaker speaker = {NULL};
    CAPSA_AUTO_FREE(capsa_net_loop) loop = NULL;
    struct capsa_net_listener *listener = NULL;
    CAPSA_AUTO_FREE(capsa_net_stream) stream = NULL;
    pthread_t thread;
    (void)capsa_net_prepare_process();
    assert_ok(capsa_net_loop_new(&loop));
    const struct capsa_net_listener_options options = {.address = "127.0.0.1",
                                                       .max_connections = 1,
                                                       .handshake_us = PATIENCE,
                                                       .accepted = on_accepted,
                                                       .context = &speaker};
    assert_ok(capsa_net_listen(loop, &options, &listener));
    assert_int_equal(pthread_create(&thread, NULL, run_loop, loop), 0);
    struct capsa_net_target target = {.host = "127.0.0.1",
                                      .port = capsa_net_listener_port(listener)};
    const int64_t deadline_us = capsa_monotonic_us() + PATIENCE;
    assert_ok(capsa_net_stream_open(&target, NULL, NULL, deadline_us, &stream));
    static uint8_t room[KIB(16)];
    size_t total = 0;
    size_t len = 1;
    for (; len > 0; total += len) {
        assert_ok(capsa_net_stream_receive(stream, room, sizeof(room), deadline_us, &len));
    }
    assert_int_equal(total, LAST_WORDS);
    capsa_net_loop_stop(loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    capsa_net_listener_free(listener);
}

/* ---- admin pages ---- */

static CAPSA_RESULT page_fine(void *context, int *ret_status, capsa_buf *ret_body)
{
    (void)context;
    (void)ret_status;
    return capsa_buf_str(ret_body, "fine\n");
}

static CAPSA_RESULT page_unready(void *context, int *ret_status, capsa_buf *ret_body)
{
    (void)context;
    *ret_status = 503;
    return capsa_buf_str(ret_body, "sealed\n");
}

static CAPSA_RESULT page_broken(void *context, int *ret_status, capsa_buf *ret_body)
{
    (void)context;
    (void)ret_status;
    CAPSA_TRY(capsa_buf_str(ret_body, "half a page"));
    CAPSA_FAIL(STORE, "secret reasons");
}

static void ask(unsigned port, const char *request, capsa_buf *ret_answer)
{
    CAPSA_AUTO_FREE(capsa_net_stream) stream = NULL;
    struct capsa_net_target target = {.host = "127.0.0.1", .port = port};
    const int64_t deadline_us = capsa_monotonic_us() + PATIENCE;
    uint8_t room[1024];
    size_t len = 1;
    assert_ok(capsa_net_stream_open(&target, NULL, NULL, deadline_us, &stream));
    assert_ok(capsa_net_stream_send(stream, capsa_bytes_str(request), deadline_us));
    while (len > 0) {
        assert_ok(capsa_net_stream_receive(stream, room, sizeof(room), deadline_us, &len));
        assert_ok(capsa_buf_append(ret_answer, capsa_bytes_of(room, len)));
    }
}

static void admin_pages_are_served_to_get_alone(void **state)
{
    (void)state;
    static const struct capsa_net_http_page pages[] = {
        {"/healthz", "text/plain", page_fine, NULL},
        {"/readyz", "text/plain", page_unready, NULL},
        {"/metrics", "text/plain", page_broken, NULL},
    };
    static const struct {
        const char *request;
        const char *status;
        const char *body;
    } cases[] = {
        {"GET /healthz HTTP/1.0\r\n\r\n", " 200 ", "\r\n\r\nfine\n"},
        {"GET /readyz HTTP/1.0\r\n\r\n", " 503 ", "\r\n\r\nsealed\n"},
        {"GET /metrics HTTP/1.0\r\n\r\n", " 500 ", "\r\n\r\n"},
        {"GET / HTTP/1.0\r\n\r\n", " 404 ", "not found"},
        {"GET /healthz/.. HTTP/1.0\r\n\r\n", " 404 ", "not found"},
        {"POST /healthz HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", " 405 ", "Allow: GET, HEAD"},
        {"HEAD /healthz HTTP/1.0\r\n\r\n", " 200 ", "\r\n\r\n"},
        {"nonsense\r\n\r\n", " 400 ", ""},
    };
    CAPSA_AUTO_FREE(capsa_net_loop) loop = NULL;
    struct capsa_net_http *http = NULL;
    pthread_t thread;
    (void)capsa_net_prepare_process();
    assert_ok(capsa_net_loop_new(&loop));
    assert_ok(capsa_net_http_new(loop, "127.0.0.1", 0, pages, 3, &http));
    struct capsa_net_http *second = NULL;
    assert_fails(
        capsa_net_http_new(loop, "127.0.0.1", capsa_net_http_port(http), pages, 3, &second),
        NETWORK);
    assert_fails(capsa_net_http_new(loop, "127.0.0.1", 65536, pages, 3, &second), USAGE);
    assert_int_equal(pthread_create(&thread, NULL, run_loop, loop), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(16));
        const char *text = "";
        ask(capsa_net_http_port(http), cases[i].request, &answer);
        assert_ok(capsa_buf_cstr(&answer, &text));
        if (strstr(text, cases[i].status) == NULL || strstr(text, cases[i].body) == NULL) {
            fail_msg("%s was answered: %s", cases[i].request, text);
        }
        assert_null(strstr(text, "half a page"));
        assert_null(strstr(text, "secret"));
    }
    capsa_net_loop_stop(loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    capsa_net_http_free(http);
}

static void addresses_of_one_owner_count_as_one(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"192.0.2.1:1", "192.0.2.1:60000", true},
        {"192.0.2.1:1", "192.0.2.2:1", false},
        {"[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:7", true},
        {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
        {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:2", true},
        {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false},
        {"?", "?", true},
        {"[]:1", "[]:2", true},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const bool same = capsa_net_address_hash(pairs[i].a) == capsa_net_address_hash(pairs[i].b);
        assert_int_equal(same, pairs[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_host_and_port_and_nothing_else),
        cmocka_unit_test(addresses_of_one_owner_count_as_one),
        cmocka_unit_test(addresses_are_written_as_they_are_read),
        cmocka_unit_test(wakes_timers_and_signals_run_on_the_loop),
        cmocka_unit_test(last_words_are_sent_as_long_as_the_peer_reads_them),
        cmocka_unit_test(admin_pages_are_served_to_get_alone),
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
