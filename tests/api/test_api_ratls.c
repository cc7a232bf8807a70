/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts through the public interface: whom they refuse, and what the other end hears of it;
 * settings; wrong use; and plain RA-TLS in somebody's own SSL_CTX.
 */
#include "api_pair.h"

#include <fcntl.h>
#include <openssl/ssl.h>

/* ---- Refusals -------------------------------------------------------------------------------- */

static libcapsa_verifier *verifier_of_others(const struct ratls_scene *scene)
{
    libcapsa_verifier *verifier = scene_verifier(scene);
    assert_success(
        libcapsa_verifier_set_policy(verifier, POLICY_OF_OTHERS, strlen(POLICY_OF_OTHERS), NULL),
        NULL);
    return verifier;
}

static void a_client_refuses_another_program_and_the_server_hears_why(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_verifier *verifier = verifier_of_others(scene);
    libcapsa_ratls *server = server_of(scene, (struct kind){.mutual = false});
    libcapsa_ratls *client = NULL;
    struct pair pair;
    assert_success(libcapsa_ratls_client_new(verifier, NULL, &client, NULL), NULL);
    pair_connect(server, client, &pair);
    assert_refuses(&pair.client.outcome, LIBCAPSA_E_DENIED, "reference-values");
    assert_int_equal(libcapsa_verdict_authentic(pair.client.outcome.verdict), 1);
    assert_refused(&pair.server.outcome, "reference-values");
    pair_drop(&pair);
    libcapsa_ratls_free(server);
    libcapsa_ratls_free(client);
    libcapsa_verifier_free(verifier);
}

static void a_server_refuses_another_program_and_the_client_hears_why(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_verifier *verifier = verifier_of_others(scene);
    libcapsa_ratls *server = NULL;
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = true});
    struct pair pair;
    assert_success(libcapsa_ratls_server_new(scene->identity, verifier, &server, NULL), NULL);
    pair_connect(server, client, &pair);
    assert_refuses(&pair.server.outcome, LIBCAPSA_E_DENIED, "reference-values");
    assert_refused(&pair.client.outcome, "reference-values");
    pair_drop(&pair);
    libcapsa_ratls_free(server);
    libcapsa_ratls_free(client);
    libcapsa_verifier_free(verifier);
}

/* The makers' roots do not vouch for a simulation, and no old way of connecting is tried. */
static void an_unbound_client_refuses_within_the_connection_too(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_verifier *verifier = NULL;
    libcapsa_ratls *server = server_of(scene, (struct kind){.unbound = true});
    libcapsa_ratls *client = NULL;
    struct pair pair;
    assert_success(libcapsa_verifier_new(&verifier, NULL), NULL);
    assert_success(libcapsa_ratls_client_new(verifier, NULL, &client, NULL), NULL);
    assert_success(libcapsa_ratls_insecure_set_unbound(client, 1, NULL), NULL);
    pair_connect(server, client, &pair);
    assert_int_not_equal(pair.client.outcome.code, LIBCAPSA_OK);
    assert_string_equal(libcapsa_error_check(pair.client.outcome.error), "anchor");
    assert_null(pair.client.outcome.channel);
    pair_drop(&pair);
    libcapsa_ratls_free(server);
    libcapsa_ratls_free(client);
    libcapsa_verifier_free(verifier);
}

static void bound_and_unbound_do_not_meet(void **state)
{
    const struct ratls_scene *scene = *state;
    for (int server_unbound = 0; server_unbound <= 1; server_unbound++) {
        libcapsa_ratls *server = server_of(scene, (struct kind){.unbound = server_unbound == 1});
        libcapsa_ratls *client = client_of(scene, (struct kind){.unbound = server_unbound == 0});
        struct pair pair;
        pair_connect(server, client, &pair);
        const struct outcome *bound = server_unbound ? &pair.client.outcome : &pair.server.outcome;
        assert_int_not_equal(bound->code, LIBCAPSA_OK);
        assert_null(bound->channel);
        assert_null(bound->verdict);
        pair_drop(&pair);
        libcapsa_ratls_free(server);
        libcapsa_ratls_free(client);
    }
}

static void a_server_that_asks_takes_nobody_without_a_certificate(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_ratls *server = server_of(scene, (struct kind){.mutual = true});
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    struct pair pair;
    pair_connect(server, client, &pair);
    assert_int_not_equal(pair.server.outcome.code, LIBCAPSA_OK);
    assert_null(pair.server.outcome.channel);
    assert_int_not_equal(pair.client.outcome.code, LIBCAPSA_OK);
    assert_null(pair.client.outcome.channel);
    pair_drop(&pair);
    libcapsa_ratls_free(server);
    libcapsa_ratls_free(client);
}

static void who_stalls_is_waited_for_as_long_as_was_set(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_channel *channel = NULL;
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    int fds[2];
    assert_success(libcapsa_ratls_set_timeouts(client, 50, 50, error), error);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_code(libcapsa_ratls_connect_fd(client, fds[0], &channel, NULL, error),
                LIBCAPSA_E_TIMEOUT, error);
    assert_null(channel);
    (void)close(fds[1]);
    libcapsa_ratls_free(client);
    libcapsa_error_free(error);
}

/* ---- Settings -------------------------------------------------------------------------------- */

static bool is_closed(int fd)
{
    return fcntl(fd, F_GETFD) == -1;
}

/* One end of a pair, whose other one is closed. */
static int lone_socket(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    (void)close(fds[1]);
    return fds[0];
}

static void TLS_1_2_is_refused_at_the_first_use_of_a_bound_context(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_channel *channel = NULL;
    libcapsa_ratls *client = client_of(scene, (struct kind){.tls12 = true});
    const int fd = lone_socket();
    assert_code(libcapsa_ratls_connect_fd(client, fd, &channel, NULL, error), LIBCAPSA_E_USAGE,
                error);
    assert_true(is_closed(fd));
    assert_null(channel);
    /* It was not used, and may be set right. */
    assert_success(libcapsa_ratls_insecure_set_unbound(client, 1, error), error);
    libcapsa_ratls_free(client);
    libcapsa_error_free(error);
}

static void settings_stand_from_the_first_use_on(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_channel *channel = NULL;
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    assert_code(libcapsa_ratls_set_timeouts(client, -1, 0, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_ratls_set_timeouts(client, 0, 3600001, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_ratls_connect_fd(client, lone_socket(), &channel, NULL, error),
                LIBCAPSA_E_NETWORK, error);
    assert_code(libcapsa_ratls_insecure_set_unbound(client, 1, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_ratls_set_tls12(client, 1, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_ratls_set_timeouts(client, 0, 0, error), LIBCAPSA_E_USAGE, error);
    libcapsa_ratls_free(client);
    libcapsa_error_free(error);
}

/* ---- Wrong use ------------------------------------------------------------------------------- */

static void a_context_is_of_one_side(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_channel *channel = NULL;
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    libcapsa_ratls *server = server_of(scene, (struct kind){.mutual = false});
    int fd = lone_socket();
    assert_code(libcapsa_ratls_accept(client, fd, &channel, NULL, error), LIBCAPSA_E_USAGE, error);
    assert_true(is_closed(fd));
    fd = lone_socket();
    assert_code(libcapsa_ratls_connect_fd(server, fd, &channel, NULL, error), LIBCAPSA_E_USAGE,
                error);
    assert_true(is_closed(fd));
    assert_code(libcapsa_ratls_connect(server, "localhost", 1, &channel, NULL, error),
                LIBCAPSA_E_USAGE, error);
    assert_null(channel);
    libcapsa_ratls_free(client);
    libcapsa_ratls_free(server);
    libcapsa_error_free(error);
}

static void nothing_is_usage_and_no_crash(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    libcapsa_identity *unmade = scene_identity(scene);
    libcapsa_ratls *none = NULL;
    libcapsa_channel *channel = NULL;
    libcapsa_verdict *verdict = NULL;
    size_t len = 1;
    uint8_t byte = 0;
    libcapsa_ratls_free(NULL);
    libcapsa_channel_free(NULL);
    const int fd = lone_socket();
    const int usages[] = {
        libcapsa_ratls_server_new(NULL, scene->verifier, &none, NULL),
        libcapsa_ratls_server_new(unmade, scene->verifier, &none, NULL),
        libcapsa_ratls_server_new(scene->identity, scene->verifier, NULL, NULL),
        libcapsa_ratls_client_new(NULL, scene->identity, &none, NULL),
        libcapsa_ratls_client_new(scene->verifier, unmade, &none, NULL),
        libcapsa_ratls_client_new(scene->verifier, NULL, NULL, NULL),
        libcapsa_ratls_insecure_set_unbound(NULL, 1, NULL),
        libcapsa_ratls_set_tls12(NULL, 1, NULL),
        libcapsa_ratls_set_timeouts(NULL, 0, 0, NULL),
        libcapsa_ratls_connect(NULL, "localhost", 1, &channel, &verdict, NULL),
        libcapsa_ratls_connect(client, NULL, 1, &channel, &verdict, NULL),
        libcapsa_ratls_connect(client, "", 1, &channel, &verdict, NULL),
        libcapsa_ratls_connect(client, "localhost", 0, &channel, &verdict, NULL),
        libcapsa_ratls_connect(client, "localhost", 65536, &channel, &verdict, NULL),
        libcapsa_ratls_connect(client, "localhost", 1, NULL, &verdict, NULL),
        libcapsa_ratls_connect_fd(NULL, fd, &channel, &verdict, NULL),
        libcapsa_ratls_connect_fd(client, -1, &channel, &verdict, NULL),
        libcapsa_ratls_accept(NULL, -1, &channel, &verdict, NULL),
        libcapsa_channel_read(NULL, &byte, 1, 0, &len, NULL),
        libcapsa_channel_write(NULL, &byte, 1, 0, NULL),
        libcapsa_channel_end(NULL, 0, NULL),
        libcapsa_ratls_use(NULL, NULL, NULL),
        libcapsa_ratls_use(client, NULL, NULL),
        libcapsa_ratls_verdict_of(NULL, &verdict, NULL),
    };
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        assert_int_equal(usages[i], LIBCAPSA_E_USAGE);
    }
    assert_true(is_closed(fd));
    assert_true(none == NULL && channel == NULL && verdict == NULL);
    assert_null(libcapsa_channel_certificate(NULL, &len));
    assert_int_equal(len, 0);
    assert_int_equal(libcapsa_channel_is_bound(NULL), 0);
    libcapsa_identity_free(unmade);
    libcapsa_ratls_free(client);
}

static void reading_and_writing_nothing_is_told(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    libcapsa_ratls *server = server_of(scene, (struct kind){.mutual = false});
    struct pair pair;
    uint8_t byte;
    size_t len = 0;
    pair_connect(server, client, &pair);
    libcapsa_channel *channel = pair.client.outcome.channel;
    assert_code(libcapsa_channel_read(channel, NULL, 1, 0, &len, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_channel_read(channel, &byte, 0, 0, &len, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_channel_read(channel, &byte, 1, 0, NULL, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_channel_write(channel, NULL, 1, 0, error), LIBCAPSA_E_USAGE, error);
    assert_success(libcapsa_channel_write(channel, NULL, 0, 0, error), error);
    pair_drop(&pair);
    libcapsa_ratls_free(client);
    libcapsa_ratls_free(server);
    libcapsa_error_free(error);
}

/* ---- Somebody's own SSL_CTX ------------------------------------------------------------------ */

/* The context and what it was made of are gone when this returns. */
static SSL_CTX *ctx_of(libcapsa_ratls *ratls, const SSL_METHOD *method)
{
    libcapsa_error *error = libcapsa_error_new();
    SSL_CTX *ctx = SSL_CTX_new(method);
    assert_non_null(ctx);
    assert_success(libcapsa_ratls_use(ratls, ctx, error), error);
    libcapsa_ratls_free(ratls);
    libcapsa_error_free(error);
    return ctx;
}

struct peer {
    SSL *session;
    int fd;
    int done;
};

static void *shake_hands(void *context)
{
    struct peer *peer = context;
    peer->done = SSL_do_handshake(peer->session);
    if (peer->done != 1) {
        (void)shutdown(peer->fd, SHUT_RDWR);
    }
    return NULL;
}

static struct peer peer_of(SSL_CTX *ctx, int fd, bool is_server)
{
    struct peer peer = {SSL_new(ctx), fd, 0};
    assert_non_null(peer.session);
    assert_int_equal(SSL_set_fd(peer.session, fd), 1);
    if (is_server) {
        SSL_set_accept_state(peer.session);
    } else {
        SSL_set_connect_state(peer.session);
    }
    return peer;
}

static void peers_meet(struct peer *server, struct peer *client)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, shake_hands, server), 0);
    (void)shake_hands(client);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void peer_drop(struct peer *peer)
{
    SSL_free(peer->session);
    (void)close(peer->fd);
}

static void ssl_meet(SSL_CTX *server_ctx, SSL_CTX *client_ctx, struct peer *server,
                     struct peer *client)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *server = peer_of(server_ctx, fds[0], true);
    *client = peer_of(client_ctx, fds[1], false);
    peers_meet(server, client);
}

/* Everything that was used is freed before the first handshake. */
static void an_SSL_CTX_keeps_what_it_needs(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_verifier *verifier = scene_verifier(scene);
    libcapsa_identity *identity = scene_identity(scene);
    assert_success(libcapsa_identity_make(identity, time(NULL), error), error);
    const struct ratls_scene own = {.verifier = verifier, .identity = identity};
    SSL_CTX *server_ctx =
        ctx_of(server_of(&own, (struct kind){.unbound = true, .tls12 = true}), TLS_server_method());
    SSL_CTX *client_ctx =
        ctx_of(client_of(&own, (struct kind){.unbound = true, .tls12 = true}), TLS_client_method());
    libcapsa_verifier_free(verifier);
    libcapsa_identity_free(identity);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct peer server, client;
        libcapsa_verdict *verdict = NULL;
        (void)SSL_CTX_set_max_proto_version(client_ctx, version);
        ssl_meet(server_ctx, client_ctx, &server, &client);
        assert_int_equal(client.done, 1);
        assert_int_equal(SSL_version(client.session), version);
        assert_success(libcapsa_ratls_verdict_of(client.session, &verdict, error), error);
        assert_int_equal(libcapsa_verdict_accepted(verdict), 1);
        libcapsa_verdict_free(verdict);
        assert_code(libcapsa_ratls_verdict_of(server.session, &verdict, error),
                    LIBCAPSA_E_NOT_FOUND, error);
        peer_drop(&server);
        peer_drop(&client);
    }
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    libcapsa_error_free(error);
}

static void an_SSL_CTX_refuses_within_the_handshake_and_tells_why(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_verifier *verifier = verifier_of_others(scene);
    const struct ratls_scene other = {.verifier = verifier, .identity = scene->identity};
    SSL_CTX *server_ctx =
        ctx_of(server_of(scene, (struct kind){.unbound = true}), TLS_server_method());
    SSL_CTX *client_ctx =
        ctx_of(client_of(&other, (struct kind){.unbound = true}), TLS_client_method());
    struct peer server, client;
    libcapsa_verdict *verdict = NULL;
    ssl_meet(server_ctx, client_ctx, &server, &client);
    assert_int_not_equal(client.done, 1);
    assert_int_not_equal(server.done, 1);
    assert_success(libcapsa_ratls_verdict_of(client.session, &verdict, error), error);
    assert_int_equal(libcapsa_verdict_accepted(verdict), 0);
    assert_string_equal(libcapsa_verdict_failed_check(verdict), "reference-values");
    libcapsa_verdict_free(verdict);
    peer_drop(&server);
    peer_drop(&client);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    libcapsa_verifier_free(verifier);
    libcapsa_error_free(error);
}

/* A server of somebody's own, with our certificate, whose sessions can be resumed. */
static SSL_CTX *resuming_server(const struct ratls_scene *scene, int version, bool tickets)
{
    uint8_t *certificate = NULL, *key = NULL;
    const unsigned char *at;
    size_t certificate_len = 0, key_len = 0;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_success(
        libcapsa_identity_certificate(scene->identity, "der", &certificate, &certificate_len, NULL),
        NULL);
    assert_success(libcapsa_identity_key(scene->identity, "der", &key, &key_len, NULL), NULL);
    at = key;
    EVP_PKEY *parsed = d2i_AutoPrivateKey(NULL, &at, (long)key_len);
    assert_int_equal(SSL_CTX_use_certificate_ASN1(ctx, (int)certificate_len, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, parsed), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"own", 3), 1);
    assert_int_equal(SSL_CTX_set_max_early_data(ctx, 16384), 1);
    if (!tickets) {
        (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); /* then it remembers sessions itself */
    }
    EVP_PKEY_free(parsed);
    libcapsa_free(certificate);
    libcapsa_free(key);
    return ctx;
}

/* `offered`: a session to resume, or NULL. Tickets of TLS 1.3 come with the first byte. */
static int meet_again(SSL_CTX *server_ctx, SSL_CTX *client_ctx, SSL_SESSION *offered,
                      struct peer *server, struct peer *client)
{
    int fds[2];
    char byte = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *server = peer_of(server_ctx, fds[0], true);
    *client = peer_of(client_ctx, fds[1], false);
    if (offered != NULL) {
        assert_int_equal(SSL_set_session(client->session, offered), 1);
    }
    peers_meet(server, client);
    const int met = client->done == 1 && SSL_write(server->session, "x", 1) == 1 &&
                    SSL_read(client->session, &byte, 1) == 1;
    SSL_set_shutdown(server->session, SSL_SENT_SHUTDOWN); /* else neither keeps the session */
    SSL_set_shutdown(client->session, SSL_SENT_SHUTDOWN);
    return met;
}

/* Before any handshake is done, with what a session of before allows. */
static void expect_no_early_data(SSL_CTX *client_ctx, SSL_SESSION *offered)
{
    int fds[2];
    char sent[4096] = {0};
    size_t written = 0;
    assert_true(SSL_SESSION_get_max_early_data(offered) > 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct peer client = peer_of(client_ctx, fds[1], false);
    assert_int_equal(SSL_set_session(client.session, offered), 1);
    assert_int_equal(SSL_write_early_data(client.session, "a secret", 8, &written), 0);
    peer_drop(&client);
    const ssize_t len = recv(fds[0], sent, sizeof(sent), 0);
    assert_null(memmem(sent, len < 0 ? 0 : (size_t)len, "a secret", 8));
    (void)close(fds[0]);
}

/* Somebody's own, where one of ours would stand. */
static void watch(const SSL *session, int where, int value)
{
    (void)session;
    (void)where;
    (void)value;
}

/* Who resumes is shown no certificate: as curl's cache of sessions would have it, a verifier was
 * passed by a session that nobody had judged. */
static void a_session_that_was_not_judged_is_not_resumed_through_an_SSL_CTX(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_verifier *verifier = verifier_of_others(scene);
    const struct ratls_scene other = {.verifier = verifier, .identity = scene->identity};
    const struct kind kind = {.unbound = true, .tls12 = true};
    SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
    SSL_CTX *wrong = ctx_of(client_of(&other, kind), TLS_client_method());
    SSL_CTX *right = ctx_of(client_of(scene, kind), TLS_client_method());
    SSL_CTX *watched = ctx_of(client_of(&other, kind), TLS_client_method());
    SSL_CTX_set_info_callback(watched, watch);
    for (int i = 0; i < 4; i++) {
        const int version = i < 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
        SSL_CTX *server_ctx = resuming_server(scene, version, i % 2 == 1);
        struct peer server, client;
        libcapsa_verdict *verdict = NULL;
        assert_int_equal(meet_again(server_ctx, plain, NULL, &server, &client), 1);
        SSL_SESSION *kept = SSL_get1_session(client.session);
        peer_drop(&server);
        peer_drop(&client);
        assert_int_equal(meet_again(server_ctx, plain, kept, &server, &client), 1);
        assert_int_equal(SSL_session_reused(client.session), 1);
        SSL_SESSION_free(kept); /* tickets of TLS 1.3 are good for once */
        kept = SSL_get1_session(client.session);
        peer_drop(&server);
        peer_drop(&client);
        assert_int_equal(meet_again(server_ctx, wrong, kept, &server, &client), 0);
        assert_success(libcapsa_ratls_verdict_of(client.session, &verdict, error), error);
        assert_string_equal(libcapsa_verdict_failed_check(verdict), "reference-values");
        libcapsa_verdict_free(verdict);
        peer_drop(&server);
        peer_drop(&client);
        assert_int_equal(meet_again(server_ctx, right, kept, &server, &client), 1);
        assert_int_equal(SSL_session_reused(client.session), 0);
        assert_success(libcapsa_ratls_verdict_of(client.session, &verdict, error), error);
        assert_int_equal(libcapsa_verdict_accepted(verdict), 1);
        libcapsa_verdict_free(verdict);
        peer_drop(&server);
        peer_drop(&client);
        assert_int_equal(meet_again(server_ctx, watched, kept, &server, &client), 0);
        peer_drop(&server);
        peer_drop(&client);
        if (i == 3) {
            expect_no_early_data(wrong, kept);
        }
        SSL_SESSION_free(kept);
        SSL_CTX_free(server_ctx);
    }
    SSL_CTX_free(plain);
    SSL_CTX_free(watched);
    SSL_CTX_free(wrong);
    SSL_CTX_free(right);
    libcapsa_verifier_free(verifier);
    libcapsa_error_free(error);
}

static void a_bound_context_is_no_SSL_CTXs(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *session = SSL_new(ctx);
    libcapsa_verdict *verdict = NULL;
    assert_code(libcapsa_ratls_use(client, ctx, error), LIBCAPSA_E_USAGE, error);
    assert_non_null(strstr(libcapsa_error_text(error), "unbound"));
    assert_code(libcapsa_ratls_verdict_of(session, &verdict, error), LIBCAPSA_E_NOT_FOUND, error);
    assert_null(verdict);
    SSL_free(session);
    SSL_CTX_free(ctx);
    libcapsa_ratls_free(client);
    libcapsa_error_free(error);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_refuses_another_program_and_the_server_hears_why),
        TEST(a_server_refuses_another_program_and_the_client_hears_why),
        TEST(an_unbound_client_refuses_within_the_connection_too),
        TEST(bound_and_unbound_do_not_meet),
        TEST(a_server_that_asks_takes_nobody_without_a_certificate),
        TEST(who_stalls_is_waited_for_as_long_as_was_set),
        TEST(TLS_1_2_is_refused_at_the_first_use_of_a_bound_context),
        TEST(settings_stand_from_the_first_use_on),
        TEST(a_context_is_of_one_side),
        TEST(nothing_is_usage_and_no_crash),
        TEST(reading_and_writing_nothing_is_told),
        TEST(an_SSL_CTX_keeps_what_it_needs),
        TEST(an_SSL_CTX_refuses_within_the_handshake_and_tells_why),
        TEST(a_session_that_was_not_judged_is_not_resumed_through_an_SSL_CTX),
        TEST(a_bound_context_is_no_SSL_CTXs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
