/* SPDX-License-Identifier: Apache-2.0
 *
 * Pairs of connections: what passes through, who is dialled and who is not, what its owner is told.
 * The target is the scene's server; the attested ends of real channels are tried with the command.
 */
#include "ratls/ratls_proxy.h"

#include "net_tls_scene.h"

/* A proxy on a loop and thread of its own. */
struct pairing {
    struct capsa_net_loop *loop;
    struct capsa_ratls_proxy *proxy;
    pthread_t thread;
    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int joined, ended;
    struct capsa_ratls_proxy_event last;
    char peer[CAPSA_NET_ADDRESS_TEXT];
    char why[256];
};

static void on_joined(void *context, const struct capsa_ratls_proxy_event *event)
{
    struct pairing *pairing = context;
    assert_null(event->why);
    assert_true(event->was_joined);
    (void)pthread_mutex_lock(&pairing->lock);
    pairing->joined++;
    (void)pthread_mutex_unlock(&pairing->lock);
}

static void on_pair_ended(void *context, const struct capsa_ratls_proxy_event *event)
{
    struct pairing *pairing = context;
    (void)pthread_mutex_lock(&pairing->lock);
    pairing->ended++;
    pairing->last = *event;
    (void)snprintf(pairing->peer, sizeof(pairing->peer), "%s", event->peer);
    (void)snprintf(pairing->why, sizeof(pairing->why), "%s", event->why == NULL ? "" : event->why);
    (void)pthread_cond_broadcast(&pairing->changed);
    (void)pthread_mutex_unlock(&pairing->lock);
}

static void *run_pairing(void *context)
{
    const struct pairing *pairing = context;
    capsa_ignore(capsa_net_loop_run(pairing->loop), "the test sees what comes of it");
    return NULL;
}

static void pairing_open(struct pairing *pairing, const struct capsa_net_target *target,
                         struct capsa_ratls_proxy_options options)
{
    *pairing = (struct pairing){.loop = NULL};
    assert_int_equal(pthread_mutex_init(&pairing->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&pairing->changed, NULL), 0);
    assert_ok(capsa_net_loop_new(&pairing->loop));
    options.loop = pairing->loop;
    options.listen_address = "127.0.0.1";
    options.target = target;
    options.joined = on_joined;
    options.ended = on_pair_ended;
    options.context = pairing;
    assert_ok(capsa_ratls_proxy_new(&options, &pairing->proxy));
    assert_int_equal(pthread_create(&pairing->thread, NULL, run_pairing, pairing), 0);
}

/* Nothing changes any more once a pair has ended, where there was but one. */
static void wait_for_end(struct pairing *pairing)
{
    (void)pthread_mutex_lock(&pairing->lock);
    while (pairing->ended == 0) {
        (void)pthread_cond_wait(&pairing->changed, &pairing->lock);
    }
    (void)pthread_mutex_unlock(&pairing->lock);
}

static void pairing_close(struct pairing *pairing)
{
    capsa_net_loop_stop(pairing->loop);
    assert_int_equal(pthread_join(pairing->thread, NULL), 0);
    capsa_ratls_proxy_free(pairing->proxy);
    capsa_net_loop_free(pairing->loop);
    (void)pthread_cond_destroy(&pairing->changed);
    (void)pthread_mutex_destroy(&pairing->lock);
}

static struct capsa_net_stream *come(const struct pairing *pairing, struct capsa_net_tls *tls)
{
    const struct capsa_net_target target = {.host = "127.0.0.1",
                                            .port = capsa_ratls_proxy_port(pairing->proxy)};
    struct capsa_net_stream *stream = NULL;
    assert_ok(capsa_net_stream_open(&target, tls, NULL, soon(), &stream));
    return stream;
}

/* TLS at either side, at none, at both: the stream is the same. */
static void a_stream_passes_and_each_direction_ends_for_itself(void **state)
{
    (void)state;
    for (int sides = 0; sides < 4; sides++) {
        struct scene scene;
        struct pairing pairing;
        const bool comes_tls = (sides & 1) != 0;
        const bool goes_tls = (sides & 2) != 0;
        scene_open(&scene, (struct scene_options){.plain = !goes_tls, .without_admission = true});
        const struct capsa_net_target target = scene_target(&scene);
        pairing_open(
            &pairing, &target,
            (struct capsa_ratls_proxy_options){.listen_tls = comes_tls ? scene.server_tls : NULL,
                                               .target_tls = goes_tls ? scene.client_tls : NULL});
        struct capsa_net_stream *stream = come(&pairing, comes_tls ? scene.client_tls : NULL);
        send_text(stream, "letter");
        assert_ok(capsa_net_stream_end(stream, soon()));
        expect_text(stream, "letter" WELCOME, true);
        wait_for_end(&pairing);
        assert_int_equal(pairing.joined, 1);
        assert_true(pairing.last.was_joined);
        assert_string_equal(pairing.why, "");
        assert_int_equal(pairing.last.in_bytes, strlen("letter"));
        assert_int_equal(pairing.last.out_bytes, strlen("letter" WELCOME));
        assert_int_equal(strncmp(pairing.peer, "127.0.0.1:", 10), 0);
        capsa_net_stream_free(stream);
        pairing_close(&pairing);
        scene_close(&scene);
    }
}

static void nobody_is_dialled_for_who_is_not_admitted(void **state)
{
    (void)state;
    static const enum plan plans[] = {STALL, REFUSE_AT_ONCE, FAIL_TO_BEGIN};
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        struct scene door; /* whose settings the proxy listens with */
        struct scene scene;
        struct pairing pairing;
        scene_open(&door, (struct scene_options){.plan = plans[i], .admission_us = SECOND / 20});
        scene_open(&scene, (struct scene_options){.plain = true});
        const struct capsa_net_target target = scene_target(&scene);
        pairing_open(&pairing, &target,
                     (struct capsa_ratls_proxy_options){.listen_tls = door.server_tls});
        struct capsa_net_stream *stream = come(&pairing, door.client_tls);
        send_text(stream, "letter");
        expect_text(stream, "", true);
        wait_for_end(&pairing);
        assert_int_equal(pairing.joined, 0);
        assert_false(pairing.last.was_joined);
        assert_true(pairing.why[0] != '\0');
        assert_int_equal(pairing.last.in_bytes, 0);
        capsa_net_stream_free(stream);
        pairing_close(&pairing);
        scene_stop(&scene);
        assert_int_equal(scene.ready, 0); /* nobody came */
        scene_close(&scene);
        scene_close(&door);
    }
}

static void expect_reset(struct capsa_net_stream *stream)
{
    uint8_t room[16];
    size_t len = 0;
    assert_fails(capsa_net_stream_receive(stream, room, sizeof(room), soon(), &len), NETWORK);
}

static void a_target_that_is_not_there_is_a_reset(void **state)
{
    (void)state;
    struct scene scene;
    struct pairing pairing;
    scene_open(&scene, (struct scene_options){.plain = true});
    const struct capsa_net_target target = scene_target(&scene);
    scene_close(&scene);
    pairing_open(&pairing, &target, (struct capsa_ratls_proxy_options){.connect_us = PATIENCE});
    struct capsa_net_stream *stream = come(&pairing, NULL);
    expect_reset(stream);
    wait_for_end(&pairing);
    assert_non_null(strstr(pairing.why, "cannot connect to 127.0.0.1:"));
    capsa_net_stream_free(stream);
    pairing_close(&pairing);
}

/* A TLS stream that is cut behind the proxy is no plain end before it. */
static void a_cut_is_not_taken_for_an_end(void **state)
{
    (void)state;
    struct scene scene;
    struct pairing pairing;
    scene_open(&scene, (struct scene_options){.without_admission = true});
    const struct capsa_net_target target = scene_target(&scene);
    pairing_open(&pairing, &target,
                 (struct capsa_ratls_proxy_options){.target_tls = scene.client_tls});
    struct capsa_net_stream *stream = come(&pairing, NULL);
    send_text(stream, "letter");
    expect_text(stream, "letter", false);
    scene_stop(&scene);
    capsa_net_listener_free(scene.listener); /* closes its connections without a word */
    scene.listener = NULL;
    expect_reset(stream);
    wait_for_end(&pairing);
    assert_non_null(strstr(pairing.why, "without a TLS close"));
    capsa_net_stream_free(stream);
    pairing_close(&pairing);
    scene_close(&scene);
}

static void who_moves_nothing_is_cut_where_that_is_wanted(void **state)
{
    (void)state;
    struct scene scene;
    struct pairing pairing;
    scene_open(&scene, (struct scene_options){.plain = true});
    const struct capsa_net_target target = scene_target(&scene);
    pairing_open(&pairing, &target, (struct capsa_ratls_proxy_options){.idle_us = SECOND / 5});
    struct capsa_net_stream *stream = come(&pairing, NULL);
    expect_reset(stream);
    wait_for_end(&pairing);
    assert_non_null(strstr(pairing.why, "nothing moved"));
    wait_for_count(&scene, &scene.closed, 1);
    assert_string_equal(scene.why, "the connection was reset");
    capsa_net_stream_free(stream);
    pairing_close(&pairing);
    scene_close(&scene);
}

static void what_is_joined_ends_with_the_proxy(void **state)
{
    (void)state;
    struct scene scene;
    struct pairing pairing;
    scene_open(&scene, (struct scene_options){.plain = true});
    const struct capsa_net_target target = scene_target(&scene);
    pairing_open(&pairing, &target, (struct capsa_ratls_proxy_options){.max_connections = 2});
    struct capsa_net_stream *first = come(&pairing, NULL);
    send_text(first, "letter");
    expect_text(first, "letter", false);
    pairing_close(&pairing);
    assert_int_equal(pairing.ended, 0); /* nothing is told of what is dropped */
    expect_reset(first);
    capsa_net_stream_free(first);
    scene_close(&scene);
}

static void a_flood_waits_for_its_reader(void **state)
{
    (void)state;
    static uint8_t words[MIB(64)];
    struct scene scene;
    struct pairing pairing;
    scene_open(&scene, (struct scene_options){.plain = true, .manner = PAUSE});
    const struct capsa_net_target target = scene_target(&scene);
    pairing_open(&pairing, &target, (struct capsa_ratls_proxy_options){.loop = NULL});
    struct capsa_net_stream *stream = come(&pairing, NULL);
    wait_for_count(&scene, &scene.ready, 1);
    size_t total = 0;
    capsa_result result = CAPSA_OK;
    while (!capsa_failed(result) && total < sizeof(words)) {
        size_t sent = 0;
        result =
            capsa_net_stream_send_some(stream, capsa_bytes_of(words + total, sizeof(words) - total),
                                       capsa_monotonic_us() + SECOND / 5, &sent);
        total += sent;
    }
    assert_int_equal(capsa_code_of(result), CAPSA_E_TIMEOUT);
    capsa_net_wake_up(scene.wake);
    assert_ok(capsa_net_stream_send(stream, capsa_bytes_of(words + total, sizeof(words) - total),
                                    soon()));
    assert_ok(capsa_net_stream_end(stream, soon()));
    wait_for_count(&scene, &scene.ended, 1);
    assert_int_equal(got_so_far(&scene), sizeof(words));
    pairing_close(&pairing);
    capsa_net_stream_free(stream);
    scene_close(&scene);
}

/* However many do not read what they asked for. */
static void many_who_read_nothing_do_not_fill_the_memory(void **state)
{
    (void)state;
    for (size_t pairs = 1; pairs <= CAPSA_LIMIT_connections; pairs *= 2) {
        const size_t mark = capsa_ratls_proxy_mark(pairs);
        assert_true(2 * pairs * mark <= CAPSA_LIMIT_proxy_unsent);
        assert_true(mark >= KIB(16)); /* a record of TLS */
    }
    assert_int_equal(capsa_ratls_proxy_mark(1), KIB(256));
    assert_int_equal(capsa_ratls_proxy_mark(SIZE_MAX), KIB(16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_passes_and_each_direction_ends_for_itself),
        cmocka_unit_test(nobody_is_dialled_for_who_is_not_admitted),
        cmocka_unit_test(a_target_that_is_not_there_is_a_reset),
        cmocka_unit_test(a_cut_is_not_taken_for_an_end),
        cmocka_unit_test(who_moves_nothing_is_cut_where_that_is_wanted),
        cmocka_unit_test(what_is_joined_ends_with_the_proxy),
        cmocka_unit_test(a_flood_waits_for_its_reader),
        cmocka_unit_test(many_who_read_nothing_do_not_fill_the_memory),
    };
    return cmocka_run_group_tests_name("ratls_proxy", tests, NULL, NULL);
}
