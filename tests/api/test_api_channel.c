/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels through the public interface, over a socket pair or over TCP: bound and unbound, ended
 * and cut, of many threads, and longer alive than what they were made of.
 */
#include "api_pair.h"

#include <arpa/inet.h>

/* The certificate that one end made is what the other one saw. */
static void expect_certificate(const libcapsa_channel *channel, const libcapsa_identity *identity)
{
    uint8_t *wanted = NULL;
    size_t wanted_len = 0, len = 0;
    assert_success(libcapsa_identity_certificate(identity, "der", &wanted, &wanted_len, NULL),
                   NULL);
    const uint8_t *seen = libcapsa_channel_certificate(channel, &len);
    assert_int_equal(len, wanted_len);
    assert_memory_equal(seen, wanted, len);
    libcapsa_free(wanted);
}

static void expect_proofs(const struct ratls_scene *scene, const struct pair *pair,
                          struct kind kind)
{
    const struct outcome *client = &pair->client.outcome;
    const struct outcome *server = &pair->server.outcome;
    assert_int_equal(libcapsa_verdict_accepted(client->verdict), 1);
    assert_non_null(libcapsa_verdict_claim(client->verdict, "sgx.mr_enclave"));
    expect_certificate(client->channel, scene->identity);
    assert_int_equal(libcapsa_verdict_accepted(server->verdict), kind.mutual);
    assert_int_equal(server->verdict != NULL, kind.mutual);
    if (kind.mutual) {
        expect_certificate(server->channel, scene->identity);
    } else {
        size_t len = 1;
        assert_null(libcapsa_channel_certificate(server->channel, &len));
        assert_int_equal(len, 0);
    }
    assert_int_equal(libcapsa_channel_is_bound(client->channel), !kind.unbound);
    assert_int_equal(libcapsa_channel_is_bound(server->channel), !kind.unbound);
    char *json = NULL;
    assert_success(libcapsa_verdict_json(client->verdict, &json, NULL), NULL);
    assert_non_null(
        strstr(json, kind.unbound ? "\"session_bound\":false" : "\"session_bound\":true"));
    libcapsa_free(json);
}

static void every_kind_of_channel_carries_bytes_both_ways(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct kind kinds[] = {
        {.mutual = false},
        {.mutual = true},
        {.unbound = true},
        {.mutual = true, .unbound = true},
        {.unbound = true, .tls12 = true},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        libcapsa_ratls *server = server_of(scene, kinds[i]);
        libcapsa_ratls *client = client_of(scene, kinds[i]);
        struct pair pair;
        pair_connect(server, client, &pair);
        assert_connected(&pair.client.outcome);
        assert_connected(&pair.server.outcome);
        expect_proofs(scene, &pair, kinds[i]);
        converse(pair.client.outcome.channel, pair.server.outcome.channel);
        pair_drop(&pair);
        libcapsa_ratls_free(server);
        libcapsa_ratls_free(client);
    }
}

/* ---- The end of channels --------------------------------------------------------------------- */

static void open_bound(const struct ratls_scene *scene, struct pair *pair)
{
    libcapsa_ratls *server = server_of(scene, (struct kind){.mutual = false});
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    pair_connect(server, client, pair);
    libcapsa_ratls_free(server);
    libcapsa_ratls_free(client);
    assert_connected(&pair->client.outcome);
    assert_connected(&pair->server.outcome);
}

static void one_direction_ends_and_the_other_goes_on(void **state)
{
    libcapsa_error *error = libcapsa_error_new();
    struct pair pair;
    open_bound(*state, &pair);
    libcapsa_channel *client = pair.client.outcome.channel;
    libcapsa_channel *server = pair.server.outcome.channel;
    send_text(client, "all of it");
    assert_success(libcapsa_channel_end(client, WAIT_MS, error), error);
    assert_success(libcapsa_channel_end(client, WAIT_MS, error), error);
    assert_code(libcapsa_channel_write(client, "more", 4, WAIT_MS, error), LIBCAPSA_E_USAGE, error);
    receive_text(server, "all of it");
    receive_end(server);
    receive_end(server);
    send_text(server, "the answer");
    receive_text(client, "the answer");
    libcapsa_channel_free(server); /* closes, properly */
    pair.server.outcome.channel = NULL;
    receive_end(client);
    pair_drop(&pair);
    libcapsa_error_free(error);
}

static void who_is_gone_without_a_word_has_not_ended(void **state)
{
    libcapsa_error *error = libcapsa_error_new();
    struct pair pair;
    uint8_t byte;
    size_t len = 77;
    open_bound(*state, &pair);
    send_text(pair.server.outcome.channel, "half of i");
    receive_text(pair.client.outcome.channel, "half of i");
    assert_int_equal(shutdown(pair.wire[0], SHUT_RDWR), 0);
    assert_code(libcapsa_channel_read(pair.client.outcome.channel, &byte, 1, WAIT_MS, &len, error),
                LIBCAPSA_E_TRUNCATED, error);
    assert_int_equal(len, 77);
    pair_drop(&pair);
    libcapsa_error_free(error);
}

static void reading_waits_no_longer_than_it_was_told_to(void **state)
{
    libcapsa_error *error = libcapsa_error_new();
    struct pair pair;
    uint8_t byte;
    size_t len = 77;
    open_bound(*state, &pair);
    libcapsa_channel *client = pair.client.outcome.channel;
    assert_code(libcapsa_channel_read(client, &byte, 1, 0, &len, error), LIBCAPSA_E_TIMEOUT, error);
    assert_code(libcapsa_channel_read(client, &byte, 1, 20, &len, error), LIBCAPSA_E_TIMEOUT,
                error);
    assert_int_equal(len, 77);
    converse(client, pair.server.outcome.channel); /* none of it lost the channel */
    send_text(pair.server.outcome.channel, "!");
    assert_success(libcapsa_channel_read(client, &byte, 1, -1, &len, error), error);
    assert_int_equal(byte, '!');
    pair_drop(&pair);
    libcapsa_error_free(error);
}

/* ---- Who is freed when ----------------------------------------------------------------------- */

static void whoever_is_used_may_be_freed_first(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_verifier *verifier = scene_verifier(scene);
    libcapsa_identity *identity = scene_identity(scene);
    libcapsa_ratls *server = NULL, *client = NULL;
    struct pair pair;
    assert_success(libcapsa_identity_make(identity, time(NULL), NULL), NULL);
    assert_success(libcapsa_ratls_server_new(identity, verifier, &server, NULL), NULL);
    assert_success(libcapsa_ratls_client_new(verifier, identity, &client, NULL), NULL);
    libcapsa_verifier_free(verifier);
    libcapsa_identity_free(identity);
    pair_connect(server, client, &pair);
    libcapsa_ratls_free(server);
    libcapsa_ratls_free(client);
    assert_connected(&pair.client.outcome);
    assert_connected(&pair.server.outcome);
    converse(pair.client.outcome.channel, pair.server.outcome.channel);
    pair_drop(&pair);
}

static void channels_keep_the_certificate_that_they_were_made_with(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_ratls *server = server_of(scene, (struct kind){.mutual = false});
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    struct pair before, after;
    pair_connect(server, client, &before);
    assert_success(libcapsa_identity_make(scene->identity, time(NULL), NULL), NULL);
    pair_connect(server, client, &after);
    assert_connected(&before.client.outcome);
    assert_connected(&after.client.outcome);
    expect_certificate(after.client.outcome.channel, scene->identity);
    size_t one = 0, two = 0;
    const uint8_t *old = libcapsa_channel_certificate(before.client.outcome.channel, &one);
    const uint8_t *fresh = libcapsa_channel_certificate(after.client.outcome.channel, &two);
    assert_true(one != two || memcmp(old, fresh, one) != 0);
    converse(before.client.outcome.channel, before.server.outcome.channel);
    pair_drop(&before);
    pair_drop(&after);
    libcapsa_ratls_free(server);
    libcapsa_ratls_free(client);
}

#define THREADS 6
#define TURNS   4

struct crowd {
    libcapsa_ratls *server, *client;
};

static void *meet_often(void *context)
{
    const struct crowd *crowd = context;
    for (int i = 0; i < TURNS; i++) {
        struct pair pair;
        pair_connect(crowd->server, crowd->client, &pair);
        const bool met = pair.client.outcome.code == LIBCAPSA_OK &&
                         pair.server.outcome.code == LIBCAPSA_OK &&
                         libcapsa_verdict_accepted(pair.client.outcome.verdict);
        pair_drop(&pair);
        if (!met) {
            return context;
        }
    }
    return NULL;
}

static void many_threads_share_one_context(void **state)
{
    const struct ratls_scene *scene = *state;
    struct crowd crowd = {server_of(scene, (struct kind){.mutual = true}),
                          client_of(scene, (struct kind){.mutual = true})};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, meet_often, &crowd), 0);
    }
    for (int i = 0; i < TURNS; i++) { /* renewed meanwhile */
        assert_success(libcapsa_identity_make(scene->identity, time(NULL), NULL), NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    libcapsa_ratls_free(crowd.server);
    libcapsa_ratls_free(crowd.client);
}

/* ---- Over TCP -------------------------------------------------------------------------------- */

struct listener {
    libcapsa_ratls *server;
    int fd;
    struct outcome outcome;
};

static void *accept_one(void *context)
{
    struct listener *listener = context;
    struct side side = {.ratls = listener->server, .fd = accept(listener->fd, NULL, NULL)};
    (void)accept_side(&side);
    listener->outcome = side.outcome;
    return NULL;
}

static int listen_anywhere(unsigned *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void a_server_is_dialled_by_its_name(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_ratls *client = client_of(scene, (struct kind){.mutual = false});
    struct listener listener = {.server = server_of(scene, (struct kind){.mutual = false})};
    unsigned port = 0;
    pthread_t thread;
    libcapsa_channel *channel = NULL;
    libcapsa_verdict *verdict = NULL;
    listener.fd = listen_anywhere(&port);
    assert_int_equal(pthread_create(&thread, NULL, accept_one, &listener), 0);
    assert_success(libcapsa_ratls_connect(client, "localhost", port, &channel, &verdict, error),
                   error);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_connected(&listener.outcome);
    converse(channel, listener.outcome.channel);
    libcapsa_channel_free(channel);
    libcapsa_verdict_free(verdict);
    outcome_drop(&listener.outcome);
    (void)close(listener.fd);
    channel = NULL;
    verdict = (libcapsa_verdict *)1;
    assert_code(libcapsa_ratls_connect(client, "127.0.0.1", port, &channel, &verdict, error),
                LIBCAPSA_E_NETWORK, error); /* nobody is there any more */
    assert_null(verdict);
    assert_null(channel);
    libcapsa_ratls_free(listener.server);
    libcapsa_ratls_free(client);
    libcapsa_error_free(error);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_channel_carries_bytes_both_ways),
        TEST(one_direction_ends_and_the_other_goes_on),
        TEST(who_is_gone_without_a_word_has_not_ended),
        TEST(reading_waits_no_longer_than_it_was_told_to),
        TEST(whoever_is_used_may_be_freed_first),
        TEST(channels_keep_the_certificate_that_they_were_made_with),
        TEST(many_threads_share_one_context),
        TEST(a_server_is_dialled_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
