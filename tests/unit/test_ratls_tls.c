/* SPDX-License-Identifier: Apache-2.0
 *
 * Attested TLS over real sockets: a listener on a loop, blocking clients and dialled ones; peers
 * that stall at each step, leave while threads work for them, and come by the hundred.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "ratls/ratls_proof.h"
#include "ratls/ratls_workers.h"
#include "ratls_service.h"

#define CROWD 200

static int64_t soon(void)
{
    return capsa_monotonic_us() + 30 * SECOND;
}

static capsa_result open_stream(const struct service *service,
                                const struct capsa_ratls_context_options *options,
                                struct capsa_net_stream **ret_stream)
{
    struct capsa_ratls_context *context = context_of(options);
    CAPSA_AUTO_FREE(capsa_net_tls) tls = NULL;
    assert_ok(capsa_ratls_tls_new(context, &tls));
    capsa_ratls_context_free(context);
    return capsa_net_stream_open(&service->target, tls, NULL, soon(), ret_stream);
}

static void assert_echo(struct capsa_net_stream *stream, size_t len)
{
    uint8_t *out = malloc(len);
    uint8_t *in = malloc(len);
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(i * 131 >> 3);
    }
    assert_ok(capsa_net_stream_send(stream, capsa_bytes_of(out, len), soon()));
    for (size_t at = 0; at < len;) {
        size_t got = 0;
        assert_ok(capsa_net_stream_receive(stream, in + at, len - at, soon(), &got));
        assert_true(got > 0);
        at += got;
    }
    assert_memory_equal(in, out, len);
    free(out);
    free(in);
}

/* ---- Channels ---------------------------------------------------------------------------------
 */

static const struct {
    bool unbound, mutual, http2;
} kinds[] = {{false, false, false}, {false, true, false}, {false, true, true},
             {true, false, false},  {true, true, false},  {true, true, true}};

static void streams_of_each_kind_carry_what_they_are_given(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_collateral(scene->platform.sim, CAPSA_PLATFORM_SGX, &collateral));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct capsa_ratls_context_options server_is = server_options(scene);
        struct capsa_ratls_context_options client_is = client_options(scene);
        server_is.insecure_unbound = client_is.insecure_unbound = kinds[i].unbound;
        server_is.http2 = client_is.http2 = kinds[i].http2;
        server_is.collateral = client_is.collateral = &collateral;
        if (kinds[i].mutual) {
            server_is.appraiser = asks(scene->accepts_both);
            client_is.identity = scene->client;
        }
        struct service service;
        service_start(&service, &server_is);
        struct capsa_net_stream *stream = NULL;
        assert_ok(open_stream(&service, &client_is, &stream));
        assert_echo(stream, 100000);
        const struct capsa_ratls_report *report =
            capsa_ratls_peer(capsa_net_stream_session(stream));
        assert_true(report->verdict.accepted);
        assert_int_equal(report->session_bound, !kinds[i].unbound);
        (void)pthread_mutex_lock(&service.lock);
        assert_int_equal(service.measure, kinds[i].mutual ? 0xbb : 0);
        assert_int_equal(service.bound, kinds[i].mutual && !kinds[i].unbound);
        (void)pthread_mutex_unlock(&service.lock);
        capsa_net_stream_free(stream);
        wait_over(&service, 1);
        assert_string_equal(service.why, "");
        service_stop(&service);
    }
}

static void a_client_that_refuses_tells_the_server_its_check(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.appraiser = asks(scene->accepts_other);
    struct service service;
    service_start(&service, &server_is);
    struct capsa_net_stream *stream = NULL;
    assert_fails(open_stream(&service, &client_is, &stream), DENIED);
    assert_null(stream);
    wait_over(&service, 1);
    assert_non_null(strstr(service.why, "\"reference-values\""));
    assert_int_equal(service.ready, 0);
    service_stop(&service);
}

static void a_server_that_refuses_tells_the_client_its_check(void **state)
{
    const struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    server_is.appraiser = asks(scene->accepts_other);
    client_is.identity = scene->client;
    struct service service;
    service_start(&service, &server_is);
    struct capsa_net_stream *stream = NULL;
    capsa_result opened = open_stream(&service, &client_is, &stream);
    assert_int_equal(capsa_code_of(opened), CAPSA_E_UNAUTHENTIC);
    assert_non_null(strstr(capsa_text_of(opened), "\"reference-values\""));
    wait_over(&service, 1);
    assert_string_equal(service.check, "reference-values"); /* the owner can look it up */
    assert_int_equal(service.ready, 0);
    service_stop(&service);
}

static void who_is_bound_does_not_speak_with_who_is_not(void **state)
{
    const struct ratls_scene *scene = *state;
    for (int server_bound = 0; server_bound < 2; server_bound++) {
        struct capsa_ratls_context_options server_is = server_options(scene);
        struct capsa_ratls_context_options client_is = client_options(scene);
        server_is.insecure_unbound = !server_bound;
        client_is.insecure_unbound = server_bound;
        struct service service;
        service_start(&service, &server_is);
        struct capsa_net_stream *stream = NULL;
        capsa_result opened = open_stream(&service, &client_is, &stream);
        assert_int_equal(capsa_code_of(opened), CAPSA_E_UNAUTHENTIC);
        assert_non_null(
            strstr(capsa_text_of(opened), server_bound ? "application protocol" : "no fallback"));
        wait_over(&service, 1);
        if (server_bound) {
            assert_int_equal(service.ready, 0);
            assert_non_null(strstr(service.why, "no application protocol"));
        }
        service_stop(&service);
    }
}

/* ---- Stalls -----------------------------------------------------------------------------------
 */

/* A bare TLS end on a socket of its own, blocking. */
struct caller {
    int fd;
    struct end puppet;
};

static int connect_to(const struct service *service)
{
    struct capsa_net_addresses addresses;
    assert_ok(capsa_net_resolve(service->target.host, service->target.port, false, &addresses));
    const int fd = socket(addresses.list[0].ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&addresses.list[0], addresses.lens[0]),
                     0);
    return fd;
}

static struct caller call(const struct service *service, struct capsa_ratls_identity *identity)
{
    struct caller caller = {connect_to(service), puppet_of(false, identity, CAPSA_RATLS_ALPN)};
    assert_int_equal(SSL_set_fd(caller.puppet.ssl, caller.fd), 1);
    assert_int_equal(SSL_connect(caller.puppet.ssl), 1);
    return caller;
}

static void hang_up(struct caller *caller)
{
    SSL_free(caller->puppet.ssl);
    (void)close(caller->fd);
    ERR_clear_error();
}

/* It connects and says nothing; it shakes hands and says nothing; half a head; half a message; all
 * of it, and no word on ours. */
static void who_stalls_is_cut_at_each_step(void **state)
{
    const struct ratls_scene *scene = *state;
    static const char half_head[] = {1, 0};
    static const char half_message[] = {1, 0, 1, 0, '{'};
    static const char no_word[] = {2, 0, 0, 0};
    static const struct {
        const char *says;
        size_t len;
        const char *why;
    } steps[] = {
        {NULL, 0, "handshake took too long"},
        {"", 0, "too long"},
        {half_head, sizeof(half_head), "too long"},
        {half_message, sizeof(half_message), "too long"},
        {no_word, sizeof(no_word), "too long"},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct capsa_ratls_context_options server_is = server_options(scene);
        server_is.handshake_us = i == 0 ? SECOND / 5 : 20 * SECOND;
        server_is.evidence_us = i == 0 ? 20 * SECOND : SECOND / 2;
        if (i < 4) {
            server_is.appraiser = asks(scene->accepts_both);
        }
        struct service service;
        service_start(&service, &server_is);
        const int64_t began = capsa_monotonic_us();
        struct caller caller = {-1, {.ssl = NULL}};
        if (steps[i].says == NULL) {
            caller.fd = connect_to(&service);
        } else {
            caller = call(&service, scene->client);
            put(&caller.puppet, capsa_bytes_of(steps[i].says, steps[i].len));
        }
        wait_over(&service, 1);
        assert_true(capsa_monotonic_us() - began < 15 * SECOND);
        if (strstr(service.why, steps[i].why) == NULL) {
            fail_msg("step %zu: %s", i, service.why);
        }
        assert_int_equal(service.ready, 0);
        hang_up(&caller);
        service_stop(&service);
    }
}

static void *serve_silently(void *context)
{
    const struct end *puppet = context;
    (void)SSL_accept(puppet->ssl);
    uint8_t room[64];
    while (SSL_read(puppet->ssl, room, sizeof(room)) > 0) { /* until it has left */
    }
    ERR_clear_error();
    return NULL;
}

static void a_blocking_client_does_not_wait_for_ever(void **state)
{
    const struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.evidence_us = SECOND / 5;
    struct capsa_ratls_context *context = context_of(&client_is);
    CAPSA_AUTO_FREE(capsa_net_tls) tls = NULL;
    assert_ok(capsa_ratls_tls_new(context, &tls));
    capsa_ratls_context_free(context);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct end puppet = puppet_of(true, scene->server, NULL);
    assert_int_equal(SSL_set_fd(puppet.ssl, pair[0]), 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve_silently, &puppet), 0);
    struct capsa_net_stream *stream = NULL;
    assert_fails(capsa_net_stream_connected(pair[1], tls, "the silent", soon(), &stream), TIMEOUT);
    assert_null(stream);
    assert_int_equal(pthread_join(thread, NULL), 0);
    SSL_free(puppet.ssl);
    (void)close(pair[0]);
}

/* ---- Narrow ways ------------------------------------------------------------------------------
 */

struct narrow {
    int fd;
    struct capsa_net_tls *tls;
    struct capsa_error failure;
};

static void *accept_narrowly(void *context)
{
    struct narrow *narrow = context;
    struct capsa_net_stream *stream = NULL;
    capsa_error_keep(capsa_net_stream_accept(narrow->fd, narrow->tls, soon(), &stream),
                     &narrow->failure);
    capsa_net_stream_free(stream);
    return NULL;
}

static struct capsa_net_tls *tls_of(struct capsa_ratls_context_options options)
{
    options.evidence_us = 10 * SECOND;
    struct capsa_ratls_context *context = context_of(&options);
    struct capsa_net_tls *tls = NULL;
    assert_ok(capsa_ratls_tls_new(context, &tls));
    capsa_ratls_context_free(context);
    return tls;
}

/* Both ends send their evidence first, and the way between holds a part of it only. */
static void two_who_block_do_not_wait_for_each_other(void **state)
{
    const struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    server_is.appraiser = asks(scene->accepts_both);
    client_is.identity = scene->client;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const int least = 1; /* the system makes some KiB of it */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
    }
    struct narrow server = {.fd = pair[0], .tls = tls_of(server_is)};
    struct capsa_net_tls *client_tls = tls_of(client_is);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, accept_narrowly, &server), 0);
    struct capsa_net_stream *stream = NULL;
    assert_ok(capsa_net_stream_connected(pair[1], client_tls, "the server", soon(), &stream));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(server.failure.code, CAPSA_E_OK);
    capsa_net_stream_free(stream);
    capsa_net_tls_free(server.tls);
    capsa_net_tls_free(client_tls);
}

#define FLOOD_US (6 * SECOND)

/* Says what violates the exchange, and then goes on in records of one byte, faster than anybody
 * reads them. */
static void *serve_endlessly(void *context)
{
    const struct end *puppet = context;
    enum { RECORDS = 2000 };
    assert_int_equal(SSL_accept(puppet->ssl), 1);
    const int fd = SSL_get_fd(puppet->ssl);
    SSL_set0_wbio(puppet->ssl, BIO_new(BIO_s_mem()));
    const int64_t until_us = capsa_monotonic_us() + FLOOD_US;
    bool goes_on = true;
    while (goes_on && capsa_monotonic_us() < until_us) {
        char *bytes = NULL;
        for (int i = 0; i < RECORDS; i++) {
            assert_int_equal(SSL_write(puppet->ssl, "x", 1), 1);
        }
        long left = BIO_get_mem_data(SSL_get_wbio(puppet->ssl), &bytes);
        while (goes_on && left > 0) {
            const ssize_t sent = send(fd, bytes, (size_t)left, MSG_NOSIGNAL);
            goes_on = sent > 0;
            bytes += sent;
            left -= sent;
        }
        (void)BIO_reset(SSL_get_wbio(puppet->ssl));
    }
    ERR_clear_error();
    return NULL;
}

/* Who is refused is read on for a moment, so that he hears why, and not for as long as he likes. */
static void a_refused_peer_does_not_talk_for_ever(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct capsa_ratls_context *context = context_of(&client_is);
    CAPSA_AUTO_FREE(capsa_net_tls) tls = NULL;
    assert_ok(capsa_ratls_tls_new(context, &tls));
    capsa_ratls_context_free(context);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct end puppet = puppet_of(true, scene->server, NULL);
    assert_int_equal(SSL_set_fd(puppet.ssl, pair[0]), 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve_endlessly, &puppet), 0);
    struct capsa_net_stream *stream = NULL;
    const int64_t began_us = capsa_monotonic_us();
    assert_fails(capsa_net_stream_connected(pair[1], tls, "the talker", soon(), &stream),
                 MALFORMED);
    assert_true(capsa_monotonic_us() - began_us < FLOOD_US / 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
    SSL_free(puppet.ssl);
    (void)close(pair[0]);
}

/* ---- Work that lasts --------------------------------------------------------------------------
 */

/* A platform that takes until it is let. */
struct gate {
    struct program *program;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    unsigned waiting;
};

static capsa_result slow_collect(void *context, const uint8_t report_data[64],
                                 capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    struct gate *gate = context;
    (void)pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open) {
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return program_collect(gate->program, report_data, ret_evidence, ret_collateral);
}

static void wait_working(struct gate *gate, unsigned count)
{
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->waiting < count) {
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    }
    (void)pthread_mutex_unlock(&gate->lock);
}

static void open_gate(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->lock);
}

static struct capsa_ratls_identity *gated_identity(struct gate *gate)
{
    struct capsa_ratls_profile profile;
    struct capsa_ratls_identity *identity;
    const struct capsa_ratls_attester attester = {gate, CAPSA_PLATFORM_SGX, slow_collect};
    capsa_ratls_profile_default(&profile);
    assert_ok(capsa_ratls_identity_new(&attester, &profile, &identity));
    gate->is_open = true;
    assert_ok(capsa_ratls_identity_renew(identity, RATLS_NOW));
    gate->is_open = false;
    gate->waiting = 0;
    return identity;
}

/* The peer leaves, or is cut, or the server stops, while a thread works for it: nothing is touched
 * that is gone (the sanitizers look), and the work ends by itself. */
static void who_leaves_during_the_work_leaves_nothing_behind(void **state)
{
    struct ratls_scene *scene = *state;
    struct gate gate = {.program = &scene->server_program};
    (void)pthread_mutex_init(&gate.lock, NULL);
    (void)pthread_cond_init(&gate.changed, NULL);
    struct capsa_ratls_identity *identity = gated_identity(&gate);
    for (int i = 0; i < 3; i++) {
        struct capsa_ratls_context_options server_is = server_options(scene);
        server_is.identity = identity;
        server_is.evidence_us = i == 1 ? SECOND / 5 : 0;
        struct service service;
        gate.is_open = false;
        gate.waiting = 0;
        service_start(&service, &server_is);
        struct caller caller = call(&service, NULL);
        wait_working(&gate, 1);
        if (i == 0) {
            hang_up(&caller);
        }
        if (i < 2) {
            wait_over(&service, 1);
        }
        if (i == 2) { /* the loop stops, and frees what hangs on it, as the work goes on */
            capsa_net_loop_stop(service.loop);
            assert_int_equal(pthread_join(service.thread, NULL), 0);
            capsa_net_listener_free(service.listener);
            service.listener = NULL;
            assert_int_equal(pthread_create(&service.thread, NULL, service_run, &service), 0);
        }
        open_gate(&gate);
        service_stop(&service);
        if (i > 0) {
            hang_up(&caller);
        }
    }
    capsa_ratls_identity_free(identity);
    (void)pthread_cond_destroy(&gate.changed);
    (void)pthread_mutex_destroy(&gate.lock);
}

static capsa_result slow_judge(void *context, enum capsa_platform platform, capsa_bytes evidence,
                               const capsa_collateral *shipped, capsa_time now,
                               const uint8_t *report_data, struct capsa_verdict *verdict)
{
    struct gate *gate = context;
    (void)platform, (void)evidence, (void)shipped, (void)now, (void)report_data, (void)verdict;
    (void)pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open) {
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    }
    (void)pthread_mutex_unlock(&gate->lock);
    CAPSA_FAIL(UNAUTHENTIC, "refused at last");
}

/* A report that binds nothing of the session: its certificate is judged before. */
static void say_evidence(struct ratls_scene *scene, const struct end *puppet)
{
    static const uint8_t data[CAPSA_REPORT_DATA] = {1};
    const struct capsa_ratls_attester attester = attester_of(&scene->client_program);
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(CAPSA_LIMIT_ual_bytes + CAPSA_RATLS_HEAD);
    assert_ok(capsa_ratls_proof_make(&attester, data, &report));
    assert_ok(
        capsa_ratls_message_write(CAPSA_RATLS_MSG_EVIDENCE, capsa_buf_bytes(&report), &message));
    put(puppet, capsa_buf_bytes(&message));
}

/* Who sends more than he may while a thread judges him is cut, and the loop lets the session alone
 * that is the thread's: neither its report nor its output is looked at. */
static void a_flood_during_the_work_leaves_the_thread_alone(void **state)
{
    struct ratls_scene *scene = *state;
    struct gate gate = {.program = NULL};
    (void)pthread_mutex_init(&gate.lock, NULL);
    (void)pthread_cond_init(&gate.changed, NULL);
    struct capsa_ratls_context_options server_is = server_options(scene);
    server_is.appraiser = (struct capsa_ratls_appraiser){&gate, slow_judge};
    struct service service;
    service_start(&service, &server_is);
    struct caller caller = call(&service, scene->client);
    say_evidence(scene, &caller.puppet);
    wait_working(&gate, 1);
    static const uint8_t flood[CAPSA_LIMIT_ual_bytes + KIB(2)];
    put(&caller.puppet, capsa_bytes_of(flood, sizeof(flood)));
    wait_over(&service, 1);
    assert_int_equal(service.ready, 0);
    assert_false(service.was_judged); /* the thread is still at it */
    open_gate(&gate);
    hang_up(&caller);
    service_stop(&service);
    (void)pthread_cond_destroy(&gate.changed);
    (void)pthread_mutex_destroy(&gate.lock);
}

/* Of a client that is not asked nothing is kept but a few bytes, however long our evidence takes.
 */
static void who_is_not_asked_cannot_fill_the_memory(void **state)
{
    struct ratls_scene *scene = *state;
    struct gate gate = {.program = &scene->server_program};
    (void)pthread_mutex_init(&gate.lock, NULL);
    (void)pthread_cond_init(&gate.changed, NULL);
    struct capsa_ratls_identity *identity = gated_identity(&gate);
    struct capsa_ratls_context_options server_is = server_options(scene);
    server_is.identity = identity;
    struct service service;
    service_start(&service, &server_is);
    struct caller caller = call(&service, NULL);
    wait_working(&gate, 1);
    static const uint8_t flood[KIB(2)];
    put(&caller.puppet, capsa_bytes_of(flood, sizeof(flood)));
    wait_over(&service, 1);
    assert_int_equal(service.ready, 0);
    open_gate(&gate);
    hang_up(&caller);
    service_stop(&service);
    capsa_ratls_identity_free(identity);
    (void)pthread_cond_destroy(&gate.changed);
    (void)pthread_mutex_destroy(&gate.lock);
}

/* Peers who begin their evidence and do not end it: beyond what may be pending of all, each has its
 * share and no more, and who keeps to it comes in. */
static void evidence_that_never_ends_does_not_fill_the_memory(void **state)
{
    struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    server_is.appraiser = asks(scene->accepts_both);
    client_is.identity = scene->client;
    struct service service;
    service_start(&service, &server_is);
    service.context->pending_max = KIB(100);
    static const uint8_t begun[KIB(110)] = {CAPSA_RATLS_MSG_EVIDENCE, CAPSA_LIMIT_ual_bytes >> 16,
                                            CAPSA_LIMIT_ual_bytes >> 8 & 0xff,
                                            CAPSA_LIMIT_ual_bytes & 0xff};
    struct caller callers[3];
    for (int i = 0; i < 3; i++) {
        callers[i] = call(&service, scene->client);
        put(&callers[i].puppet, capsa_bytes_of(begun, i < 2 ? KIB(60) : sizeof(begun)));
    }
    wait_over(&service, 1);
    assert_non_null(strstr(service.why, "too much evidence"));
    struct capsa_net_stream *stream = NULL;
    assert_ok(open_stream(&service, &client_is, &stream));
    assert_echo(stream, KIB(4));
    capsa_net_stream_free(stream);
    wait_over(&service, 2); /* the guest's; both others are still there */
    for (int i = 0; i < 3; i++) {
        hang_up(&callers[i]);
    }
    wait_over(&service, 4);
    service_stop(&service);
}

/* Who waits for a thread and leaves is not worked for. */
static void what_nobody_waits_for_is_not_begun(void **state)
{
    struct ratls_scene *scene = *state;
    struct gate gate = {.program = &scene->server_program};
    (void)pthread_mutex_init(&gate.lock, NULL);
    (void)pthread_cond_init(&gate.changed, NULL);
    struct capsa_ratls_identity *identity = gated_identity(&gate);
    struct capsa_ratls_context_options server_is = server_options(scene);
    server_is.identity = identity;
    struct service service;
    service_start(&service, &server_is);
    enum { MANY = 80 }; /* more than there are threads */
    struct caller callers[MANY];
    for (int i = 0; i < MANY; i++) {
        callers[i] = call(&service, NULL);
    }
    wait_working(&gate, 2);
    for (int i = 0; i < MANY; i++) {
        hang_up(&callers[i]);
    }
    wait_over(&service, MANY);
    open_gate(&gate);
    service_stop(&service);
    assert_true(gate.waiting <= 32); /* the most threads that there are */
    capsa_ratls_identity_free(identity);
    (void)pthread_cond_destroy(&gate.changed);
    (void)pthread_mutex_destroy(&gate.lock);
}

struct counted {
    struct capsa_ratls_work work;
    struct gate *gate;
};

static void run_counted(struct capsa_ratls_work *work)
{
    struct gate *gate = ((struct counted *)work)->gate;
    (void)pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open) {
        (void)pthread_cond_wait(&gate->changed, &gate->lock);
    }
    (void)pthread_mutex_unlock(&gate->lock);
}

static void so_many_wait_for_threads_and_no_more(void **state)
{
    (void)state;
    struct gate gate = {.program = NULL};
    (void)pthread_mutex_init(&gate.lock, NULL);
    (void)pthread_cond_init(&gate.changed, NULL);
    struct counted works[4];
    CAPSA_AUTO_FREE(capsa_ratls_workers) workers = NULL;
    assert_ok(capsa_ratls_workers_new(1, 2, 2, &workers));
    for (int i = 0; i < 4; i++) {
        works[i] = (struct counted){.work = {.run = run_counted}, .gate = &gate};
        capsa_result submitted = capsa_ratls_workers_submit(workers, "192.0.2.1:1", &works[i].work);
        if (i == 0) {
            wait_working(&gate, 1);
        }
        assert_int_equal(capsa_code_of(submitted), i < 3 ? CAPSA_E_OK : CAPSA_E_BUSY);
    }
    assert_false(capsa_ratls_workers_withdraw(workers, &works[0].work));
    assert_true(capsa_ratls_workers_withdraw(workers, &works[1].work));
    assert_ok(capsa_ratls_workers_submit(workers, "192.0.2.1:1",
                                         &works[3].work)); /* there is room again */
    open_gate(&gate);
    wait_working(&gate, 3);
    (void)pthread_cond_destroy(&gate.changed);
}

/* One address has its share of the queue, whatever port it comes from, and its next piece is begun
 * after the first of an address for which no thread works. */
static void one_address_does_not_keep_the_others_waiting(void **state)
{
    (void)state;
    enum { KEPT, FREED, LAST, GATES };
    struct gate gates[GATES] = {{.program = NULL}};
    for (int i = 0; i < GATES; i++) {
        (void)pthread_mutex_init(&gates[i].lock, NULL);
        (void)pthread_cond_init(&gates[i].changed, NULL);
    }
    static const char *const peers[] = {"192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3",
                                        "192.0.2.1:1", "192.0.2.1:4", "[2001:db8::1]:4"};
    struct counted works[6];
    CAPSA_AUTO_FREE(capsa_ratls_workers) workers = NULL;
    assert_ok(capsa_ratls_workers_new(2, 8, 2, &workers));
    for (int i = 0; i < 6; i++) {
        works[i] = (struct counted){.work = {.run = run_counted}, .gate = &gates[i < 2 ? i : LAST]};
        capsa_result submitted = capsa_ratls_workers_submit(workers, peers[i], &works[i].work);
        if (i < 2) {
            wait_working(&gates[i], 1);
        }
        assert_int_equal(capsa_code_of(submitted), i == 4 ? CAPSA_E_BUSY : CAPSA_E_OK);
    }
    open_gate(&gates[FREED]);
    wait_working(&gates[LAST], 1); /* the last that came */
    assert_false(capsa_ratls_workers_withdraw(workers, &works[5].work));
    assert_true(capsa_ratls_workers_withdraw(workers, &works[2].work));
    assert_true(capsa_ratls_workers_withdraw(workers, &works[3].work));
    open_gate(&gates[LAST]);
    open_gate(&gates[KEPT]);
}

/* ---- Many at once -----------------------------------------------------------------------------
 */

struct dialled {
    struct crowd *crowd;
    struct capsa_net_conn *conn;
    unsigned got;
};

struct crowd {
    struct capsa_net_loop *loop;
    struct dialled all[CROWD];
    unsigned echoed, closed;
    char why[CAPSA_ERROR_TEXT];
};

static void dialled_ready(void *owner)
{
    const struct dialled *dialled = owner;
    assert_ok(capsa_net_conn_send(dialled->conn, CAPSA_BYTES_LITERAL("hello")));
    assert_ok(capsa_net_conn_flush(dialled->conn));
}

/* All stay until the last one has its answer. */
static void dialled_bytes(void *owner, capsa_bytes bytes)
{
    struct dialled *dialled = owner;
    dialled->got += (unsigned)bytes.len;
    if (dialled->got == 5 && ++dialled->crowd->echoed == CROWD) {
        capsa_net_loop_stop(dialled->crowd->loop);
    }
}

static void dialled_closed(void *owner, const char *why)
{
    struct dialled *dialled = owner;
    dialled->crowd->closed++;
    (void)snprintf(dialled->crowd->why, sizeof(dialled->crowd->why), "%s", why == NULL ? "" : why);
    capsa_net_conn_finish(dialled->conn, 0);
    dialled->conn = NULL;
    capsa_net_loop_stop(dialled->crowd->loop);
}

static void stop_loop(void *context)
{
    capsa_net_loop_stop(context);
}

static void two_hundred_prove_themselves_at_once(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct capsa_net_conn_events events = {.ready = dialled_ready,
                                                        .bytes = dialled_bytes,
                                                        .drained = guest_drained,
                                                        .closed = dialled_closed};
    struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    server_is.appraiser = asks(scene->accepts_both);
    server_is.evidence_us = client_is.evidence_us = 100 * SECOND;
    server_is.handshake_us = 100 * SECOND;
    client_is.identity = scene->client;
    struct service service;
    service_start(&service, &server_is);
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    struct capsa_ratls_context *context = context_of(&client_is);
    struct capsa_net_tls *tls = NULL;
    assert_ok(capsa_ratls_tls_new(context, &tls));
    assert_ok(capsa_net_loop_new(&crowd->loop));
    for (int i = 0; i < CROWD; i++) {
        crowd->all[i].crowd = crowd;
        assert_ok(capsa_net_dial(crowd->loop, &service.target, tls, 100 * SECOND, &events,
                                 &crowd->all[i], &crowd->all[i].conn));
    }
    assert_ok(capsa_net_loop_run(crowd->loop));
    if (crowd->closed > 0) {
        fail_msg("%u of %d were closed: %s", crowd->closed, CROWD, crowd->why);
    }
    assert_int_equal(crowd->echoed, CROWD);
    (void)pthread_mutex_lock(&service.lock);
    assert_int_equal(service.ready, CROWD);
    (void)pthread_mutex_unlock(&service.lock);
    for (int i = 0; i < CROWD; i++) {
        capsa_net_conn_finish(crowd->all[i].conn, 0);
    }
    struct capsa_net_timer *timer; /* they are freed by a turn of the loop */
    assert_ok(capsa_net_timer_new(crowd->loop, stop_loop, crowd->loop, &timer));
    assert_ok(capsa_net_timer_set(timer, 1000));
    assert_ok(capsa_net_loop_run(crowd->loop));
    capsa_net_timer_free(timer);
    wait_over(&service, CROWD);
    capsa_net_loop_free(crowd->loop);
    capsa_net_tls_free(tls);
    capsa_ratls_context_free(context);
    free(crowd);
    service_stop(&service);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    (void)capsa_net_prepare_process();
    const struct CMUnitTest tests[] = {
        TEST(streams_of_each_kind_carry_what_they_are_given),
        TEST(a_client_that_refuses_tells_the_server_its_check),
        TEST(a_server_that_refuses_tells_the_client_its_check),
        TEST(who_is_bound_does_not_speak_with_who_is_not),
        TEST(who_stalls_is_cut_at_each_step),
        TEST(a_blocking_client_does_not_wait_for_ever),
        TEST(two_who_block_do_not_wait_for_each_other),
        TEST(a_refused_peer_does_not_talk_for_ever),
        TEST(who_leaves_during_the_work_leaves_nothing_behind),
        TEST(a_flood_during_the_work_leaves_the_thread_alone),
        TEST(who_is_not_asked_cannot_fill_the_memory),
        TEST(evidence_that_never_ends_does_not_fill_the_memory),
        TEST(what_nobody_waits_for_is_not_begun),
        TEST(so_many_wait_for_threads_and_no_more),
        TEST(one_address_does_not_keep_the_others_waiting),
        TEST(two_hundred_prove_themselves_at_once),
    };
    return cmocka_run_group_tests_name("ratls_tls", tests, ratls_scene_setup, ratls_scene_teardown);
}
