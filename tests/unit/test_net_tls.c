/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams whose directions end apart, that are cut off, paused, dialled: plain and over TLS.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_tls_ssl.h"
#include "net_tls_scene.h"

#define FLOOD MIB(64) /* more than systems buffer between two ends */

static void each_direction_ends_for_itself(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct scene scene;
        scene_open(&scene, (struct scene_options){.plain = plain == 1, .without_admission = true});
        struct capsa_net_stream *stream = scene_stream(&scene, plain == 1);
        send_text(stream, "letter");
        assert_ok(capsa_net_stream_end(stream, soon()));
        /* WELCOME was said after the server had heard our end. */
        expect_text(stream, "letter" WELCOME, true);
        wait_for_count(&scene, &scene.closed, 1);
        assert_int_equal(count_of(&scene, &scene.ended), 1);
        assert_string_equal(scene.why, "");
        capsa_net_stream_free(stream);
        scene_close(&scene);
    }
}

static void the_one_who_ended_goes_on_reading(void **state)
{
    (void)state;
    static uint8_t words[MIB(1)];
    for (int plain = 0; plain < 2; plain++) {
        struct scene scene;
        scene_open(&scene, (struct scene_options){.plain = plain == 1,
                                                  .without_admission = true,
                                                  .manner = END_FIRST});
        struct capsa_net_stream *stream = scene_stream(&scene, plain == 1);
        expect_text(stream, WELCOME, true);
        assert_ok(capsa_net_stream_send(stream, capsa_bytes_of(words, sizeof(words)), soon()));
        assert_ok(capsa_net_stream_end(stream, soon()));
        wait_for_count(&scene, &scene.closed, 1);
        assert_int_equal(got_so_far(&scene), sizeof(words));
        assert_int_equal(count_of(&scene, &scene.ended), 1);
        assert_string_equal(scene.why, "");
        capsa_net_stream_free(stream);
        scene_close(&scene);
    }
}

static void without_a_word_for_it_an_end_is_the_end(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.without_admission = true, .manner = KEEP_QUIET});
    struct capsa_net_stream *stream = scene_stream(&scene, false);
    wait_for_count(&scene, &scene.ready, 1);
    assert_ok(capsa_net_stream_end(stream, soon()));
    wait_for_count(&scene, &scene.closed, 1);
    assert_string_equal(scene.why, "");
    capsa_net_stream_free(stream);
    scene_close(&scene);
}

/* ---- cut off ---- */

static void a_tls_stream_that_is_cut_is_no_end(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.without_admission = true});
    struct capsa_net_stream *stream = scene_stream(&scene, false);
    send_text(stream, "letter");
    expect_text(stream, "letter", false);
    SSL_set_quiet_shutdown(capsa_net_stream_session(stream), 1);
    assert_ok(capsa_net_stream_end(stream, soon())); /* of TCP alone */
    wait_for_count(&scene, &scene.closed, 1);
    assert_non_null(strstr(scene.why, "without a TLS close"));
    assert_int_equal(count_of(&scene, &scene.ended), 0);
    capsa_net_stream_free(stream);
    scene_close(&scene);
}

/* A stream on a socket that the test keeps, to reset it. */
static struct capsa_net_stream *open_with_socket(const struct scene *scene, bool plain, int *ret_fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port =
                                      htons((uint16_t)capsa_net_listener_port(scene->listener))};
    struct capsa_net_stream *stream = NULL;
    *ret_fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(*ret_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_ok(capsa_net_stream_connected(dup(*ret_fd), plain ? NULL : scene->client_tls, "it",
                                         soon(), &stream));
    return stream;
}

/* `fd` is the last descriptor: closing it is a reset. */
static void reset(struct capsa_net_stream *stream, int fd)
{
    const struct linger at_once = {1, 0};
    if (capsa_net_stream_session(stream) != NULL) {
        SSL_set_quiet_shutdown(capsa_net_stream_session(stream), 1);
    }
    capsa_net_stream_free(stream);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    (void)close(fd);
}

static void a_reset_is_no_end(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct scene scene;
        int fd;
        scene_open(&scene, (struct scene_options){.plain = plain == 1, .without_admission = true});
        struct capsa_net_stream *stream = open_with_socket(&scene, plain == 1, &fd);
        send_text(stream, "letter");
        expect_text(stream, "letter", false);
        reset(stream, fd);
        wait_for_count(&scene, &scene.closed, 1);
        assert_string_equal(scene.why, "the connection was reset");
        assert_int_equal(count_of(&scene, &scene.ended), 0);
        scene_close(&scene);
    }
}

/* It ended its direction, and is gone when we end ours: libssl does not say so plainly. */
static void a_reset_behind_an_end_is_noticed(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct scene scene;
        int fd;
        scene_open(&scene, (struct scene_options){.plain = plain == 1,
                                                  .without_admission = true,
                                                  .manner = END_LATER});
        struct capsa_net_stream *stream = open_with_socket(&scene, plain == 1, &fd);
        assert_ok(capsa_net_stream_end(stream, soon()));
        wait_for_count(&scene, &scene.ended, 1);
        reset(stream, fd);
        capsa_net_wake_up(scene.wake);
        wait_for_count(&scene, &scene.closed, 1);
        scene_close(&scene);
    }
}

/* The blocking stream's side of it. */
static void a_stream_tells_an_end_from_a_cut(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.without_admission = true, .manner = PAUSE});
    struct capsa_net_stream *stream = scene_stream(&scene, false);
    wait_for_count(&scene, &scene.ready, 1);
    scene_stop(&scene);
    capsa_net_listener_free(scene.listener); /* closes without a word */
    scene.listener = NULL;
    uint8_t room[16];
    size_t len = 4711;
    assert_fails(capsa_net_stream_receive(stream, room, sizeof(room), soon(), &len), TRUNCATED);
    assert_int_equal(len, 4711);
    capsa_net_stream_free(stream);
    scene_close(&scene);
}

/* ---- pressure ---- */

/* The peer's bytes stay with the peer, and all come once we read on. */
static void who_is_paused_reads_nothing(void **state)
{
    (void)state;
    static uint8_t words[FLOOD];
    for (int plain = 0; plain < 2; plain++) {
        struct scene scene;
        scene_open(&scene, (struct scene_options){
                               .plain = plain == 1, .without_admission = true, .manner = PAUSE});
        struct capsa_net_stream *stream = scene_stream(&scene, plain == 1);
        wait_for_count(&scene, &scene.ready, 1);
        size_t total = 0;
        capsa_result result = CAPSA_OK;
        while (!capsa_failed(result) && total < FLOOD) {
            size_t sent = 0;
            result =
                capsa_net_stream_send_some(stream, capsa_bytes_of(words + total, FLOOD - total),
                                           capsa_monotonic_us() + SECOND / 5, &sent);
            total += sent;
        }
        assert_int_equal(capsa_code_of(result), CAPSA_E_TIMEOUT); /* the systems are full */
        assert_int_equal(got_so_far(&scene), 0);
        capsa_net_wake_up(scene.wake);
        assert_ok(
            capsa_net_stream_send(stream, capsa_bytes_of(words + total, FLOOD - total), soon()));
        assert_ok(capsa_net_stream_end(stream, soon()));
        wait_for_count(&scene, &scene.ended, 1);
        assert_int_equal(got_so_far(&scene), FLOOD);
        capsa_net_stream_free(stream);
        scene_close(&scene);
    }
}

/* Both ways at once, and the echo has to wait for its reader. */
static void what_is_sent_arrives_as_it_was(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct scene scene;
        scene_open(&scene, (struct scene_options){.plain = plain == 1, .without_admission = true});
        struct capsa_net_stream *stream = scene_stream(&scene, plain == 1);
        static uint8_t room[MIB(1)];
        uint8_t chunk[1000];
        size_t sent = 0;
        size_t got = 0;
        while (got < MIB(8)) {
            for (size_t i = 0; i < sizeof(chunk) && sent < MIB(8); i++) {
                chunk[i] = (uint8_t)((sent + i) * 7 + (sent + i) / 4093);
            }
            const size_t left = MIB(8) - sent;
            size_t taken = 0;
            if (left > 0) {
                assert_ok(capsa_net_stream_send_some(
                    stream, capsa_bytes_of(chunk, left < sizeof(chunk) ? left : sizeof(chunk)),
                    soon(), &taken));
                sent += taken;
            }
            if (left == 0 || taken == 0 || capsa_net_stream_has_input(stream)) {
                size_t len = 0;
                assert_ok(capsa_net_stream_receive(stream, room, sizeof(room), soon(), &len));
                for (size_t i = 0; i < len; i++, got++) {
                    assert_int_equal(room[i], (uint8_t)(got * 7 + got / 4093));
                }
            }
        }
        capsa_net_stream_free(stream);
        scene_close(&scene);
    }
}

/* ---- dialling ---- */

struct dialler {
    struct capsa_net_loop *loop;
    struct capsa_net_conn *conn;
    int ready, closed;
    char why[256];
    capsa_buf got;
    bool inside; /* the call that made it has not returned */
};

static void dialler_on_ready(void *owner)
{
    struct dialler *dialler = owner;
    assert_false(dialler->inside);
    dialler->ready++;
    say(dialler->conn, "letter");
    assert_ok(capsa_net_conn_end(dialler->conn));
}

static void dialler_on_bytes(void *owner, capsa_bytes bytes)
{
    struct dialler *dialler = owner;
    assert_ok(capsa_buf_append(&dialler->got, bytes));
}

static void dialler_on_ended(void *owner)
{
    (void)owner;
}

static void dialler_on_closed(void *owner, const char *why)
{
    struct dialler *dialler = owner;
    assert_false(dialler->inside);
    dialler->closed++;
    (void)snprintf(dialler->why, sizeof(dialler->why), "%s", why == NULL ? "" : why);
    capsa_net_conn_finish(dialler->conn, 0);
    capsa_net_loop_stop(dialler->loop);
}

static void dial_on(struct dialler *dialler, const struct capsa_net_target *target,
                    struct capsa_net_tls *tls, int64_t connect_us)
{
    static const struct capsa_net_conn_events events = {.ready = dialler_on_ready,
                                                        .bytes = dialler_on_bytes,
                                                        .drained = dialler_on_ended,
                                                        .ended = dialler_on_ended,
                                                        .closed = dialler_on_closed};
    *dialler = (struct dialler){.got = capsa_buf_of(KIB(1)), .inside = true};
    assert_ok(capsa_net_loop_new(&dialler->loop));
    assert_ok(
        capsa_net_dial(dialler->loop, target, tls, connect_us, &events, dialler, &dialler->conn));
    dialler->inside = false;
    assert_ok(capsa_net_loop_run(dialler->loop));
    assert_int_equal(dialler->closed, 1);
    capsa_net_loop_free(dialler->loop);
}

static void a_dialled_connection_is_as_good_as_an_accepted_one(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct scene scene;
        scene_open(&scene, (struct scene_options){.plain = plain == 1, .without_admission = true});
        struct capsa_net_target target = scene_target(&scene);
        memcpy(target.host, "localhost", sizeof("localhost")); /* ::1 refuses, or is not there */
        struct dialler dialler;
        dial_on(&dialler, &target, plain == 1 ? NULL : scene.client_tls, PATIENCE);
        assert_int_equal(dialler.ready, 1);
        assert_string_equal(dialler.why, "");
        assert_true(capsa_bytes_is(capsa_buf_bytes(&dialler.got), "letter" WELCOME));
        capsa_buf_drop(&dialler.got);
        scene_close(&scene);
    }
}

static int listen_nowhere(struct capsa_net_target *ret_target)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_target = (struct capsa_net_target){.host = "127.0.0.1", .port = ntohs(address.sin_port)};
    return fd;
}

static void a_dialling_that_comes_to_nothing_says_why(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.without_admission = true});
    struct capsa_net_target target;
    struct dialler dialler;
    const int fd = listen_nowhere(&target);
    dial_on(&dialler, &target, NULL, PATIENCE); /* bound, and not listening */
    assert_non_null(strstr(dialler.why, "cannot connect to 127.0.0.1:"));
    assert_non_null(strstr(dialler.why, "refused"));
    assert_int_equal(listen(fd, 8), 0); /* connects, and says nothing ever */
    dial_on(&dialler, &target, scene.client_tls, SECOND / 20);
    assert_non_null(strstr(dialler.why, "handshake took too long"));
    assert_int_equal(dialler.ready, 0);
    (void)close(fd);
    /* Not TLS at all. */
    struct scene plain;
    scene_open(&plain, (struct scene_options){.plain = true, .without_admission = true});
    target = scene_target(&plain);
    dial_on(&dialler, &target, scene.client_tls, PATIENCE);
    assert_non_null(strstr(dialler.why, "TLS handshake failed"));
    scene_close(&plain);
    scene_close(&scene);
}

static void a_dialling_that_cannot_begin_leaves_nothing(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.without_admission = true});
    CAPSA_AUTO_FREE(capsa_net_loop) loop = NULL;
    assert_ok(capsa_net_loop_new(&loop));
    struct capsa_net_conn *conn = NULL;
    struct capsa_net_target target = {.host = "no.such.host.invalid", .port = 80};
    assert_fails(capsa_net_dial(loop, &target, NULL, PATIENCE, &scene_events, &scene, &conn),
                 NETWORK);
    target = scene_target(&scene);
    assert_fails(
        capsa_net_dial(loop, &target, scene.server_tls, PATIENCE, &scene_events, &scene, &conn),
        USAGE);
    assert_null(conn);
    struct capsa_net_stream *stream = NULL;
    assert_fails(capsa_net_stream_open(&target, scene.server_tls, NULL, soon(), &stream), USAGE);
    /* Begun, and never run: it goes with the loop. */
    assert_ok(capsa_net_dial(loop, &target, NULL, PATIENCE, &scene_events, &scene, &conn));
    scene_close(&scene);
}

/* ---- settings of a maker ---- */

static int freed;

static void count_freed(void *context)
{
    (void)context;
    freed++;
}

static void a_makers_settings_are_its_own(void **state)
{
    (void)state;
    struct capsa_net_tls *tls = NULL;
    struct capsa_net_tls_maker maker = {.free = count_freed, .is_server = true, .is_mutual = true};
    assert_fails(capsa_net_tls_of_maker(&maker, &tls), USAGE);
    assert_null(tls);
    assert_int_equal(freed, 0); /* not taken over */
    maker.session = scene_session;
    assert_ok(capsa_net_tls_of_maker(&maker, &tls));
    assert_ok(capsa_net_tls_reload(tls));
    assert_true(capsa_net_tls_is_mutual(tls));
    capsa_net_tls_free(tls);
    assert_int_equal(freed, 1);
}

/* Whoever does not speak what we do is not let in, at either end. */
static void a_makers_alpn_is_insisted_on(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.without_admission = true});
    const struct capsa_net_tls_maker maker = {
        .context = scene.client_ctx, .session = scene_session, .alpn = "chess"};
    struct capsa_net_tls *tls = NULL;
    assert_ok(capsa_net_tls_of_maker(&maker, &tls));
    const struct capsa_net_target target = scene_target(&scene);
    struct capsa_net_stream *stream = NULL;
    const capsa_result result = capsa_net_stream_open(&target, tls, NULL, soon(), &stream);
    assert_int_equal(capsa_code_of(result), CAPSA_E_NETWORK);
    assert_non_null(strstr(capsa_text_of(result), "\"chess\""));
    wait_for_count(&scene, &scene.closed, 1); /* the scene knows one connection at a time */
    struct dialler dialler;
    dial_on(&dialler, &target, tls, PATIENCE);
    if (strstr(dialler.why, "\"chess\"") == NULL) {
        fail_msg("%s", dialler.why);
    }
    assert_int_equal(dialler.ready, 0);
    capsa_net_tls_free(tls);
    scene_close(&scene);
}

/* ---- keys that change ---- */

/* Who changes his keys without end is read a record at a time, as others are. */
static void changed_keys_do_not_keep_a_read_busy(void **state)
{
    (void)state;
    enum { CHANGES = 100 };
    struct scene scene;
    scene_open(&scene, (struct scene_options){.without_admission = true});
    SSL *server = NULL;
    assert_ok(capsa_net_tls_session(scene.server_tls, true, &server));
    SSL *client = SSL_new(scene.client_ctx);
    SSL_set_connect_state(client);
    BIO *left = NULL, *right = NULL;
    assert_int_equal(BIO_new_bio_pair(&left, KIB(64), &right, KIB(64)), 1);
    SSL_set_bio(client, left, left);
    SSL_set_bio(server, right, right);
    for (int done = 0; done < 2;) {
        done = (SSL_do_handshake(client) == 1) + (SSL_do_handshake(server) == 1);
    }
    for (int i = 0; i < CHANGES; i++) {
        assert_int_equal(SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(client), 1);
    }
    assert_int_equal(SSL_write(client, "x", 1), 1);
    char room[4];
    int reads = 0;
    int got = -1;
    while (got <= 0 && reads <= CHANGES) {
        got = SSL_read(server, room, sizeof(room));
        assert_true(got > 0 || SSL_get_error(server, got) == SSL_ERROR_WANT_READ);
        reads++;
    }
    assert_int_equal(got, 1);
    assert_int_equal(reads, CHANGES + 1);
    SSL_free(client);
    SSL_free(server);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_direction_ends_for_itself),
        cmocka_unit_test(the_one_who_ended_goes_on_reading),
        cmocka_unit_test(without_a_word_for_it_an_end_is_the_end),
        cmocka_unit_test(a_tls_stream_that_is_cut_is_no_end),
        cmocka_unit_test(a_reset_is_no_end),
        cmocka_unit_test(a_reset_behind_an_end_is_noticed),
        cmocka_unit_test(a_stream_tells_an_end_from_a_cut),
        cmocka_unit_test(who_is_paused_reads_nothing),
        cmocka_unit_test(what_is_sent_arrives_as_it_was),
        cmocka_unit_test(a_dialled_connection_is_as_good_as_an_accepted_one),
        cmocka_unit_test(a_dialling_that_comes_to_nothing_says_why),
        cmocka_unit_test(a_dialling_that_cannot_begin_leaves_nothing),
        cmocka_unit_test(a_makers_settings_are_its_own),
        cmocka_unit_test(a_makers_alpn_is_insisted_on),
        cmocka_unit_test(changed_keys_do_not_keep_a_read_busy),
    };
    return cmocka_run_group_tests_name("net_tls", tests, NULL, NULL);
}
