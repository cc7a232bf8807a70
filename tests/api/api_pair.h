/* SPDX-License-Identifier: Apache-2.0
 *
 * A server and a client of the public interface in two threads, over a pair of sockets: what each
 * came to, and what they say to each other then.
 */
#pragma once

#include "api_ratls.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 20000

/* ---- Two ends -------------------------------------------------------------------------------- */

/* What one end came to. */
struct outcome {
    int code;
    libcapsa_channel *channel;
    libcapsa_verdict *verdict;
    libcapsa_error *error;
};

struct side {
    libcapsa_ratls *ratls;
    int fd;
    struct outcome outcome;
};

static inline void outcome_drop(struct outcome *outcome)
{
    libcapsa_channel_free(outcome->channel);
    libcapsa_verdict_free(outcome->verdict);
    libcapsa_error_free(outcome->error);
    *outcome = (struct outcome){.code = 0};
}

static inline void *accept_side(void *context)
{
    struct side *side = context;
    struct outcome *outcome = &side->outcome;
    outcome->error = libcapsa_error_new();
    outcome->code = libcapsa_ratls_accept(side->ratls, side->fd, &outcome->channel,
                                          &outcome->verdict, outcome->error);
    return NULL;
}

static inline void *connect_side(void *context)
{
    struct side *side = context;
    struct outcome *outcome = &side->outcome;
    outcome->error = libcapsa_error_new();
    outcome->code = libcapsa_ratls_connect_fd(side->ratls, side->fd, &outcome->channel,
                                              &outcome->verdict, outcome->error);
    return NULL;
}

struct pair {
    struct side server, client;
    int wire[2]; /* the same two sockets, to cut the wire with */
};

static inline void pair_connect(libcapsa_ratls *server, libcapsa_ratls *client, struct pair *pair)
{
    int fds[2];
    pthread_t thread;
    *pair = (struct pair){.wire = {-1, -1}};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pair->wire[0] = dup(fds[0]);
    pair->wire[1] = dup(fds[1]);
    pair->server = (struct side){.ratls = server, .fd = fds[0]};
    pair->client = (struct side){.ratls = client, .fd = fds[1]};
    assert_int_equal(pthread_create(&thread, NULL, accept_side, &pair->server), 0);
    (void)connect_side(&pair->client);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static inline void pair_drop(struct pair *pair)
{
    outcome_drop(&pair->client.outcome);
    outcome_drop(&pair->server.outcome);
    (void)close(pair->wire[0]);
    (void)close(pair->wire[1]);
}

#define assert_connected(outcome)                                                                  \
    do {                                                                                           \
        assert_code((outcome)->code, LIBCAPSA_OK, (outcome)->error);                               \
        assert_non_null((outcome)->channel);                                                       \
    } while (0)

/* Refused by this end's own check, with a verdict that says so. */
static inline void assert_refuses(const struct outcome *outcome, int code, const char *check)
{
    assert_code(outcome->code, code, outcome->error);
    assert_string_equal(libcapsa_error_check(outcome->error), check);
    assert_string_equal(libcapsa_verdict_failed_check(outcome->verdict), check);
    assert_int_equal(libcapsa_verdict_accepted(outcome->verdict), 0);
    assert_null(outcome->channel);
}

/* Refused by the other one. */
static inline void assert_refused(const struct outcome *outcome, const char *said)
{
    assert_code(outcome->code, LIBCAPSA_E_UNAUTHENTIC, outcome->error);
    assert_string_equal(libcapsa_error_check(outcome->error), "");
    assert_non_null(strstr(libcapsa_error_text(outcome->error), said));
    assert_null(outcome->verdict);
    assert_null(outcome->channel);
}

/* ---- The kinds of channel -------------------------------------------------------------------- */

struct kind {
    bool mutual, unbound, tls12;
};

static inline libcapsa_ratls *server_of(const struct ratls_scene *scene, struct kind kind)
{
    libcapsa_ratls *made = NULL;
    assert_success(libcapsa_ratls_server_new(scene->identity, kind.mutual ? scene->verifier : NULL,
                                             &made, NULL),
                   NULL);
    assert_success(libcapsa_ratls_insecure_set_unbound(made, kind.unbound, NULL), NULL);
    assert_success(libcapsa_ratls_set_tls12(made, kind.tls12, NULL), NULL);
    return made;
}

static inline libcapsa_ratls *client_of(const struct ratls_scene *scene, struct kind kind)
{
    libcapsa_ratls *made = NULL;
    assert_success(libcapsa_ratls_client_new(scene->verifier, kind.mutual ? scene->identity : NULL,
                                             &made, NULL),
                   NULL);
    assert_success(libcapsa_ratls_insecure_set_unbound(made, kind.unbound, NULL), NULL);
    assert_success(libcapsa_ratls_set_tls12(made, kind.tls12, NULL), NULL);
    return made;
}

static inline void send_text(libcapsa_channel *channel, const char *text)
{
    libcapsa_error *error = libcapsa_error_new();
    assert_success(libcapsa_channel_write(channel, text, strlen(text), WAIT_MS, error), error);
    libcapsa_error_free(error);
}

static inline void receive_text(libcapsa_channel *channel, const char *text)
{
    libcapsa_error *error = libcapsa_error_new();
    char room[64];
    size_t total = 0;
    while (total < strlen(text)) {
        size_t len = 0;
        assert_success(libcapsa_channel_read(channel, room + total, sizeof(room) - total, WAIT_MS,
                                             &len, error),
                       error);
        assert_true(len > 0);
        total += len;
    }
    assert_int_equal(total, strlen(text));
    assert_memory_equal(room, text, total);
    libcapsa_error_free(error);
}

static inline void receive_end(libcapsa_channel *channel)
{
    libcapsa_error *error = libcapsa_error_new();
    uint8_t byte;
    size_t len = 1;
    assert_success(libcapsa_channel_read(channel, &byte, 1, WAIT_MS, &len, error), error);
    assert_int_equal(len, 0);
    libcapsa_error_free(error);
}

static inline void converse(libcapsa_channel *one, libcapsa_channel *other)
{
    send_text(one, "question");
    receive_text(other, "question");
    send_text(other, "answer");
    receive_text(one, "answer");
}
