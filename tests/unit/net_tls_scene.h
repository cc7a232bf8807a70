/* SPDX-License-Identifier: Apache-2.0
 *
 * A server on a loop of its own thread, TLS settings that the test makes, and an admission that
 * does as it is told; what happens is noted for the test's thread, which waits for it. A test that
 * uses this depends on net_dep and libcrypto.
 */
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "net/net.h"
#include "net/net_stream.h"
#include "net/net_tls.h"
#include "unit.h"

#define SECOND   INT64_C(1000000)
#define PATIENCE (60 * SECOND)
#define HELLO    "hello" /* what the admission wants to hear */
#define WELCOME  "welcome"
#define SORRY    "sorry"

enum plan {
    ADMIT_AT_ONCE,
    ADMIT_AT_HELLO,
    ADMIT_BY_WAKE, /* at HELLO another thread is set to work, and wakes the loop */
    REFUSE_AT_ONCE,
    REFUSE_AT_HELLO,
    FAIL_TO_BEGIN,
    STALL, /* takes all bytes and says nothing */
};

/* What the server's owner does with a connection. */
enum manner {
    ECHO,       /* and ends when the peer does */
    END_FIRST,  /* says WELCOME and ends at once; what comes then is counted */
    PAUSE,      /* reads nothing until told to */
    KEEP_QUIET, /* has no `ended` */
    END_LATER,  /* when woken */
};

struct scene {
    SSL_CTX *server_ctx;
    SSL_CTX *client_ctx;
    struct capsa_net_tls *server_tls;
    struct capsa_net_tls *client_tls;
    struct capsa_net_loop *loop;
    struct capsa_net_listener *listener;
    struct capsa_net_wake *wake; /* admits or goes on reading, whichever waits */
    pthread_t thread;
    bool running;
    enum plan plan;
    enum manner manner;
    struct capsa_net_conn *conn; /* the one that there is, on the loop's thread */
    struct capsa_net_conn *waiting;
    pthread_t worker;
    bool has_worker;
    /* Noted, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int begun, ended_admissions, ready, ended, closed;
    size_t got;
    uint8_t first[256]; /* the beginning of what the owner got */
    char why[256];
};

static inline void note(struct scene *scene, int *counter)
{
    assert_int_equal(pthread_mutex_lock(&scene->lock), 0);
    ++*counter;
    (void)pthread_cond_broadcast(&scene->changed);
    (void)pthread_mutex_unlock(&scene->lock);
}

static inline void wait_for_count(struct scene *scene, const int *counter, int count)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE / SECOND;
    (void)pthread_mutex_lock(&scene->lock);
    int failed = 0;
    while (*counter < count && failed == 0) {
        failed = pthread_cond_timedwait(&scene->changed, &scene->lock, &until);
    }
    (void)pthread_mutex_unlock(&scene->lock);
    assert_int_equal(failed, 0);
}

static inline int count_of(struct scene *scene, const int *counter)
{
    (void)pthread_mutex_lock(&scene->lock);
    const int count = *counter;
    (void)pthread_mutex_unlock(&scene->lock);
    return count;
}

static inline size_t got_so_far(struct scene *scene)
{
    (void)pthread_mutex_lock(&scene->lock);
    const size_t got = scene->got;
    (void)pthread_mutex_unlock(&scene->lock);
    return got;
}

/* ---- TLS ---- */

static inline SSL_CTX *scene_ctx(bool is_server)
{
    SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    assert_non_null(ctx);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    assert_int_equal(SSL_CTX_set_num_tickets(ctx, 0), 1);
    if (!is_server) {
        return ctx;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    assert_true(key != NULL && x509 != NULL);
    assert_int_equal(X509_set_version(x509, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 3600));
    assert_int_equal(X509_set_pubkey(x509, key), 1);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(x509);
    EVP_PKEY_free(key);
    return ctx;
}

static inline CAPSA_RESULT scene_session(void *context, SSL **ret_session)
{
    SSL *session = SSL_new(context);
    CAPSA_REQUIRE_MEMORY(session);
    *ret_session = session;
    return CAPSA_OK;
}

/* ---- the admission ---- */

static inline CAPSA_RESULT scene_begin(void *context, struct capsa_net_conn *conn,
                                       struct ssl_st *session, void **ret_state)
{
    struct scene *scene = context;
    assert_ptr_equal(session, capsa_net_conn_session(conn));
    note(scene, &scene->begun);
    scene->waiting = conn;
    if (scene->plan == FAIL_TO_BEGIN) {
        capsa_net_conn_admit(conn); /* which the failure takes back */
        CAPSA_FAIL(DENIED, "not you");
    }
    if (scene->plan == ADMIT_AT_ONCE) {
        capsa_net_conn_admit(conn);
    } else if (scene->plan == REFUSE_AT_ONCE) {
        capsa_net_conn_refuse(conn, "I do not like you");
        capsa_net_conn_admit(conn); /* the first word counts */
    }
    *ret_state = scene;
    return CAPSA_OK;
}

static inline void *scene_work(void *context)
{
    struct scene *scene = context;
    capsa_net_wake_up(scene->wake);
    return NULL;
}

static inline void say(struct capsa_net_conn *conn, const char *text)
{
    assert_ok(capsa_net_conn_send(conn, capsa_bytes_str(text)));
    assert_ok(capsa_net_conn_flush(conn));
}

static inline size_t scene_bytes(void *state, capsa_bytes bytes)
{
    struct scene *scene = state;
    const size_t hello = strlen(HELLO);
    if (scene->plan == STALL) {
        return bytes.len;
    }
    assert_true(bytes.len >= hello && memcmp(bytes.data, HELLO, hello) == 0);
    if (scene->plan == ADMIT_BY_WAKE) {
        assert_int_equal(pthread_create(&scene->worker, NULL, scene_work, scene), 0);
        scene->has_worker = true;
    } else if (scene->plan == ADMIT_AT_HELLO) {
        say(scene->waiting, WELCOME);
        capsa_net_conn_admit(scene->waiting);
    } else {
        say(scene->waiting, SORRY);
        capsa_net_conn_refuse(scene->waiting, "I do not like that");
    }
    return hello;
}

static inline void scene_end(void *state)
{
    struct scene *scene = state;
    note(scene, &scene->ended_admissions);
}

static inline void scene_woken(void *context)
{
    struct scene *scene = context;
    if (scene->plan == ADMIT_BY_WAKE) {
        capsa_net_conn_admit(scene->waiting);
    } else if (scene->manner == END_LATER) {
        assert_ok(capsa_net_conn_end(scene->conn));
    } else {
        capsa_net_conn_pause(scene->conn, false);
    }
}

/* ---- the owner ---- */

static inline void scene_on_ready(void *owner)
{
    struct scene *scene = owner;
    if (scene->manner == PAUSE) {
        capsa_net_conn_pause(scene->conn, true);
    } else if (scene->manner == END_FIRST) {
        say(scene->conn, WELCOME);
        assert_ok(capsa_net_conn_end(scene->conn));
        assert_fails(capsa_net_conn_send(scene->conn, capsa_bytes_str("x")), NETWORK);
    }
    note(scene, &scene->ready);
}

static inline void scene_on_bytes(void *owner, capsa_bytes bytes)
{
    struct scene *scene = owner;
    if (scene->manner == ECHO) {
        assert_ok(capsa_net_conn_send(scene->conn, bytes));
        assert_ok(capsa_net_conn_flush(scene->conn));
    }
    (void)pthread_mutex_lock(&scene->lock);
    const size_t room = sizeof(scene->first) - 1;
    if (scene->got < room) {
        const size_t free = room - scene->got;
        memcpy(scene->first + scene->got, bytes.data, bytes.len < free ? bytes.len : free);
    }
    scene->got += bytes.len;
    (void)pthread_cond_broadcast(&scene->changed);
    (void)pthread_mutex_unlock(&scene->lock);
}

static inline void scene_on_drained(void *owner)
{
    (void)owner;
}

static inline void scene_on_ended(void *owner)
{
    struct scene *scene = owner;
    if (scene->manner == ECHO) {
        say(scene->conn, WELCOME); /* the other direction still goes */
        assert_ok(capsa_net_conn_end(scene->conn));
    }
    note(scene, &scene->ended);
}

static inline void scene_on_closed(void *owner, const char *why)
{
    struct scene *scene = owner;
    (void)pthread_mutex_lock(&scene->lock);
    (void)snprintf(scene->why, sizeof(scene->why), "%s", why == NULL ? "" : why);
    (void)pthread_mutex_unlock(&scene->lock);
    capsa_net_conn_finish(scene->conn, PATIENCE);
    note(scene, &scene->closed);
}

static const struct capsa_net_conn_events scene_events = {.ready = scene_on_ready,
                                                          .bytes = scene_on_bytes,
                                                          .drained = scene_on_drained,
                                                          .ended = scene_on_ended,
                                                          .closed = scene_on_closed};
static const struct capsa_net_conn_events scene_quiet_events = {.ready = scene_on_ready,
                                                                .bytes = scene_on_bytes,
                                                                .drained = scene_on_drained,
                                                                .closed = scene_on_closed};

static inline void scene_on_accepted(void *context, struct capsa_net_conn *conn)
{
    struct scene *scene = context;
    scene->conn = conn;
    capsa_net_conn_attach(conn, scene->manner == KEEP_QUIET ? &scene_quiet_events : &scene_events,
                          scene);
}

static inline void *scene_run(void *context)
{
    struct scene *scene = context;
    capsa_ignore(capsa_net_loop_run(scene->loop), "the test sees what comes of it");
    return NULL;
}

/* ---- setting up ---- */

struct scene_options {
    enum plan plan;
    enum manner manner;
    bool plain;
    bool without_admission;
    bool by_streams_alone; /* the admission is one of streams, and knows no loops */
    int64_t admission_us;  /* 0: PATIENCE */
    int64_t handshake_us;  /* 0: PATIENCE */
};

static inline CAPSA_RESULT scene_admit_nobody(void *context, struct capsa_net_stream *stream,
                                              struct ssl_st *session)
{
    (void)context, (void)stream, (void)session;
    CAPSA_FAIL(DENIED, "nobody");
}

static inline void scene_open(struct scene *scene, struct scene_options options)
{
    *scene = (struct scene){.plan = options.plan, .manner = options.manner};
    (void)capsa_net_prepare_process();
    assert_int_equal(pthread_mutex_init(&scene->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&scene->changed, NULL), 0);
    scene->server_ctx = scene_ctx(true);
    scene->client_ctx = scene_ctx(false);
    struct capsa_net_tls_maker maker = {
        .context = scene->server_ctx, .session = scene_session, .is_server = true};
    if (!options.without_admission) {
        maker.admission = (struct capsa_net_admission){
            .context = scene,
            .begin = scene_begin,
            .bytes = scene_bytes,
            .end = scene_end,
            .admission_us = options.admission_us == 0 ? PATIENCE : options.admission_us};
    }
    if (options.by_streams_alone) {
        maker.admission = (struct capsa_net_admission){.admit = scene_admit_nobody};
    }
    assert_ok(capsa_net_tls_of_maker(&maker, &scene->server_tls));
    maker = (struct capsa_net_tls_maker){.context = scene->client_ctx, .session = scene_session};
    assert_ok(capsa_net_tls_of_maker(&maker, &scene->client_tls));
    assert_ok(capsa_net_loop_new(&scene->loop));
    assert_ok(capsa_net_wake_new(scene->loop, scene_woken, scene, &scene->wake));
    const struct capsa_net_listener_options listen = {
        .address = "127.0.0.1",
        .tls = options.plain ? NULL : scene->server_tls,
        .max_connections = 4,
        .handshake_us = options.handshake_us == 0 ? PATIENCE : options.handshake_us,
        .accepted = scene_on_accepted,
        .context = scene};
    assert_ok(capsa_net_listen(scene->loop, &listen, &scene->listener));
    assert_int_equal(pthread_create(&scene->thread, NULL, scene_run, scene), 0);
    scene->running = true;
}

static inline void scene_stop(struct scene *scene)
{
    if (scene->running) {
        scene->running = false;
        capsa_net_loop_stop(scene->loop);
        assert_int_equal(pthread_join(scene->thread, NULL), 0);
    }
    if (scene->has_worker) {
        scene->has_worker = false;
        assert_int_equal(pthread_join(scene->worker, NULL), 0);
    }
}

static inline void scene_close(struct scene *scene)
{
    scene_stop(scene);
    capsa_net_listener_free(scene->listener);
    capsa_net_wake_free(scene->wake);
    capsa_net_loop_free(scene->loop);
    capsa_net_tls_free(scene->server_tls);
    capsa_net_tls_free(scene->client_tls);
    SSL_CTX_free(scene->server_ctx);
    SSL_CTX_free(scene->client_ctx);
    (void)pthread_cond_destroy(&scene->changed);
    (void)pthread_mutex_destroy(&scene->lock);
}

static inline int64_t soon(void)
{
    return capsa_monotonic_us() + PATIENCE;
}

static inline struct capsa_net_target scene_target(const struct scene *scene)
{
    return (struct capsa_net_target){.host = "127.0.0.1",
                                     .port = capsa_net_listener_port(scene->listener)};
}

static inline struct capsa_net_stream *scene_stream(const struct scene *scene, bool plain)
{
    const struct capsa_net_target target = scene_target(scene);
    struct capsa_net_stream *stream = NULL;
    assert_ok(
        capsa_net_stream_open(&target, plain ? NULL : scene->client_tls, NULL, soon(), &stream));
    return stream;
}

static inline void send_text(struct capsa_net_stream *stream, const char *text)
{
    assert_ok(capsa_net_stream_send(stream, capsa_bytes_str(text), soon()));
}

/* Exactly this, and then, where `to_the_end`, the proper end. */
static inline void expect_text(struct capsa_net_stream *stream, const char *text, bool to_the_end)
{
    uint8_t room[256];
    size_t len = 1;
    for (size_t at = 0; at < strlen(text); at += len) {
        assert_ok(capsa_net_stream_receive(stream, room, strlen(text) - at, soon(), &len));
        assert_true(len > 0);
        assert_memory_equal(room, text + at, len);
    }
    if (to_the_end) {
        assert_ok(capsa_net_stream_receive(stream, room, sizeof(room), soon(), &len));
        assert_int_equal(len, 0);
    }
}
