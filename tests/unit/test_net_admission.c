/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands between a TLS handshake and the owner of a connection: nobody is let in but by the
 * admission, its state goes exactly once, and whoever stalls or leaves is noticed.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "net_tls_scene.h"

struct admission_case {
    const char *name;
    enum plan plan;
    const char *sends;   /* at once, in one record; NULL: nothing */
    const char *answers; /* what the client reads */
    const char *owner;   /* what the owner gets; NULL: it is refused */
    const char *why;     /* within what the owner hears of a refusal */
};

static const struct admission_case cases[] = {
    {"admitted in begin", ADMIT_AT_ONCE, "letter", "letter", "letter", NULL},
    {"admitted by bytes", ADMIT_AT_HELLO, HELLO, WELCOME, "", NULL},
    {"the letter behind hello", ADMIT_AT_HELLO, HELLO "letter", WELCOME "letter", "letter", NULL},
    {"admitted by a worker", ADMIT_BY_WAKE, HELLO, "", "", NULL},
    {"a letter kept meanwhile", ADMIT_BY_WAKE, HELLO "letter", "letter", "letter", NULL},
    {"refused in begin", REFUSE_AT_ONCE, NULL, "", NULL, "I do not like you"},
    {"refused by bytes", REFUSE_AT_HELLO, HELLO "letter", SORRY, NULL, "I do not like that"},
    {"begin fails", FAIL_TO_BEGIN, "letter", "", NULL, "not you"},
};

static void check_case(const struct admission_case *one)
{
    struct scene scene;
    scene_open(&scene, (struct scene_options){.plan = one->plan});
    struct capsa_net_stream *stream = scene_stream(&scene, false);
    if (one->sends != NULL) {
        send_text(stream, one->sends);
    }
    expect_text(stream, one->answers, one->owner == NULL);
    if (one->owner != NULL) {
        wait_for_count(&scene, &scene.ready, 1);
        assert_ok(capsa_net_stream_end(stream, soon()));
        expect_text(stream, WELCOME, true);
    }
    wait_for_count(&scene, &scene.closed, 1);
    capsa_net_stream_free(stream);
    scene_stop(&scene);
    if (one->owner != NULL) {
        assert_string_equal(scene.first, one->owner);
        assert_string_equal(scene.why, "");
    } else {
        assert_int_equal(scene.ready, 0);
        assert_int_equal(scene.got, 0);
        assert_non_null(strstr(scene.why, one->why));
    }
    assert_int_equal(scene.begun, 1);
    assert_int_equal(scene.ended_admissions, one->plan == FAIL_TO_BEGIN ? 0 : 1);
    scene_close(&scene);
    assert_int_equal(scene.ended_admissions, one->plan == FAIL_TO_BEGIN ? 0 : 1);
}

static void nobody_reaches_the_owner_but_by_the_admission(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].name);
        check_case(&cases[i]);
    }
}

static void who_stalls_is_cut_off_in_time(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.plan = STALL, .admission_us = SECOND / 20});
    struct capsa_net_stream *stream = scene_stream(&scene, false);
    send_text(stream, "and so on and on");
    expect_text(stream, "", true);
    wait_for_count(&scene, &scene.closed, 1);
    assert_non_null(strstr(scene.why, "took too long"));
    assert_int_equal(count_of(&scene, &scene.ended_admissions), 1);
    assert_int_equal(count_of(&scene, &scene.ready), 0);
    capsa_net_stream_free(stream);
    scene_close(&scene);
}

static void who_stalls_in_the_handshake_is_cut_off_in_time(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.plan = STALL, .handshake_us = SECOND / 20});
    struct capsa_net_stream *stream = scene_stream(&scene, true);
    send_text(stream, "\x16\x03\x01\x02"); /* the beginning of a record */
    wait_for_count(&scene, &scene.closed, 1);
    assert_non_null(strstr(scene.why, "handshake took too long"));
    assert_int_equal(count_of(&scene, &scene.begun), 0);
    capsa_net_stream_free(stream);
    scene_close(&scene);
}

/* Politely, or without a TLS close. */
static void who_leaves_meanwhile_is_noticed(void **state)
{
    (void)state;
    for (int polite = 0; polite < 2; polite++) {
        struct scene scene;
        scene_open(&scene, (struct scene_options){.plan = STALL});
        struct capsa_net_stream *stream = scene_stream(&scene, false);
        wait_for_count(&scene, &scene.begun, 1);
        if (polite == 0) {
            SSL_set_quiet_shutdown(capsa_net_stream_session(stream), 1);
        }
        capsa_net_stream_free(stream);
        wait_for_count(&scene, &scene.closed, 1);
        assert_non_null(strstr(scene.why, "left before it was admitted"));
        assert_int_equal(count_of(&scene, &scene.ended_admissions), 1);
        scene_close(&scene);
        assert_int_equal(scene.ended_admissions, 1);
    }
}

/* Settings that admit streams, on a loop, and those of loops, at a stream, let nobody in. */
static void an_admission_of_the_other_kind_admits_nobody(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.by_streams_alone = true});
    struct capsa_net_stream *stream = scene_stream(&scene, false);
    send_text(stream, "letter");
    wait_for_count(&scene, &scene.closed, 1);
    assert_int_equal(count_of(&scene, &scene.ready), 0);
    assert_non_null(strstr(scene.why, "no loop"));
    capsa_net_stream_free(stream);
    stream = NULL;
    const struct capsa_net_tls_maker maker = {
        .context = scene.client_ctx,
        .session = scene_session,
        .admission = {
            .context = &scene, .begin = scene_begin, .bytes = scene_bytes, .end = scene_end}};
    struct capsa_net_tls *tls = NULL;
    assert_ok(capsa_net_tls_of_maker(&maker, &tls));
    const struct capsa_net_target target = scene_target(&scene);
    assert_fails(capsa_net_stream_open(&target, tls, NULL, soon(), &stream), USAGE);
    assert_null(stream);
    capsa_net_tls_free(tls);
    scene_close(&scene);
}

static void an_admission_ends_with_its_listener(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.plan = STALL});
    struct capsa_net_stream *stream = scene_stream(&scene, false);
    wait_for_count(&scene, &scene.begun, 1);
    scene_stop(&scene);
    assert_int_equal(scene.ended_admissions, 0);
    scene_close(&scene);
    assert_int_equal(scene.ended_admissions, 1);
    assert_int_equal(scene.closed, 0);
    capsa_net_stream_free(stream);
}

/* ---- blocking streams ---- */

struct porter {
    struct scene *scene;
    bool refuses, says_nothing;
    int64_t limit_us;
    int asked;
};

static CAPSA_RESULT porter_admit(void *context, struct capsa_net_stream *stream, SSL *session)
{
    struct porter *porter = context;
    porter->asked++;
    porter->limit_us = capsa_net_stream_limit_us(stream);
    assert_ptr_equal(session, capsa_net_stream_session(stream));
    CAPSA_REQUIRE(!porter->refuses, EVIDENCE, "I do not like you");
    if (!porter->says_nothing) {
        CAPSA_TRY(capsa_net_stream_send(stream, capsa_bytes_str(HELLO), INT64_MAX));
    }
    uint8_t room[7];
    size_t len = 0;
    for (size_t at = 0; at < sizeof(room); at += len) {
        CAPSA_TRY(capsa_net_stream_receive(stream, room + at, sizeof(room) - at, INT64_MAX, &len));
        CAPSA_REQUIRE(len > 0, NETWORK, "gone");
    }
    CAPSA_REQUIRE(memcmp(room, WELCOME, sizeof(room)) == 0, UNAUTHENTIC, "not welcome");
    return CAPSA_OK;
}

static struct capsa_net_tls *porter_tls(struct porter *porter, SSL_CTX *ctx, bool is_server,
                                        int64_t admission_us)
{
    const struct capsa_net_tls_maker maker = {
        .context = ctx,
        .session = scene_session,
        .is_server = is_server,
        .admission = {.context = porter, .admit = porter_admit, .admission_us = admission_us}};
    struct capsa_net_tls *tls = NULL;
    assert_ok(capsa_net_tls_of_maker(&maker, &tls));
    return tls;
}

static void a_stream_opens_only_with_its_admission(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.plan = ADMIT_AT_HELLO});
    struct porter porter = {.scene = &scene};
    struct capsa_net_tls *tls = porter_tls(&porter, scene.client_ctx, false, PATIENCE);
    const struct capsa_net_target target = scene_target(&scene);
    struct capsa_net_stream *stream = NULL;
    assert_ok(capsa_net_stream_open(&target, tls, NULL, soon(), &stream));
    assert_true(porter.limit_us < INT64_MAX);
    assert_true(capsa_net_stream_limit_us(stream) == INT64_MAX);
    send_text(stream, "letter");
    expect_text(stream, "letter", false);
    capsa_net_stream_free(stream);
    stream = NULL;
    wait_for_count(&scene, &scene.closed, 1);
    porter.refuses = true;
    assert_fails(capsa_net_stream_open(&target, tls, NULL, soon(), &stream), EVIDENCE);
    assert_null(stream);
    assert_int_equal(porter.asked, 2);
    capsa_net_tls_free(tls);
    scene_close(&scene);
}

static void a_stream_keeps_the_admissions_time_whatever_it_asks_for(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.plan = STALL});
    struct porter porter = {.scene = &scene};
    struct capsa_net_tls *tls = porter_tls(&porter, scene.client_ctx, false, SECOND / 20);
    const struct capsa_net_target target = scene_target(&scene);
    struct capsa_net_stream *stream = NULL;
    assert_fails(capsa_net_stream_open(&target, tls, NULL, soon(), &stream), TIMEOUT);
    wait_for_count(&scene, &scene.closed, 1);
    capsa_net_tls_free(tls);
    tls = porter_tls(&porter, scene.client_ctx, false, PATIENCE);
    assert_fails(
        capsa_net_stream_open(&target, tls, NULL, capsa_monotonic_us() + SECOND / 5, &stream),
        TIMEOUT);
    capsa_net_tls_free(tls);
    scene_close(&scene);
}

struct end {
    int fd;
    struct capsa_net_tls *tls;
    struct capsa_net_stream *stream;
    enum capsa_code code;
    char text[CAPSA_ERROR_TEXT];
};

static void *accept_end(void *context)
{
    struct end *end = context;
    const capsa_result result = capsa_net_stream_accept(end->fd, end->tls, soon(), &end->stream);
    end->code = capsa_code_of(result);
    (void)snprintf(end->text, sizeof(end->text), "%s", capsa_text_of(result));
    return NULL;
}

/* Both ends of a socket pair are streams; the server's has the admission, and the client answers it
 * by hand. */
static void an_accepted_stream_calls_the_other_a_client(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct scene_options){.plan = STALL});
    for (int refuses = 0; refuses < 2; refuses++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        struct porter porter = {.scene = &scene};
        struct end end = {.fd = pair[0]};
        end.tls = porter_tls(&porter, scene.server_ctx, true, PATIENCE);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, accept_end, &end), 0);
        struct capsa_net_stream *client = NULL;
        assert_ok(capsa_net_stream_connected(pair[1], scene.client_tls, "the other end", soon(),
                                             &client));
        expect_text(client, HELLO, false);
        if (refuses == 0) {
            send_text(client, WELCOME);
        } else {
            SSL_set_quiet_shutdown(capsa_net_stream_session(client), 1);
            capsa_net_stream_free(client);
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(end.code, refuses == 0 ? CAPSA_E_OK : CAPSA_E_TRUNCATED);
        if (refuses == 0) {
            send_text(end.stream, "letter");
            expect_text(client, "letter", false);
            capsa_net_stream_free(client);
        }
        capsa_net_stream_free(end.stream);
        capsa_net_tls_free(end.tls);
    }
    struct end plain = {.tls = scene.server_tls};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    plain.fd = pair[0];
    assert_int_equal(send(pair[1], "this is no TLS", 14, 0), 14);
    (void)accept_end(&plain);
    assert_int_equal(plain.code, CAPSA_E_NETWORK);
    (void)close(pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    plain.fd = pair[0];
    (void)close(pair[1]);
    (void)accept_end(&plain);
    assert_int_equal(plain.code, CAPSA_E_NETWORK);
    assert_non_null(strstr(plain.text, "the client closed the connection"));
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_reaches_the_owner_but_by_the_admission),
        cmocka_unit_test(who_stalls_is_cut_off_in_time),
        cmocka_unit_test(who_stalls_in_the_handshake_is_cut_off_in_time),
        cmocka_unit_test(who_leaves_meanwhile_is_noticed),
        cmocka_unit_test(an_admission_of_the_other_kind_admits_nobody),
        cmocka_unit_test(an_admission_ends_with_its_listener),
        cmocka_unit_test(a_stream_opens_only_with_its_admission),
        cmocka_unit_test(a_stream_keeps_the_admissions_time_whatever_it_asks_for),
        cmocka_unit_test(an_accepted_stream_calls_the_other_a_client),
    };
    return cmocka_run_group_tests_name("net_admission", tests, NULL, NULL);
}
