/* SPDX-License-Identifier: Apache-2.0
 *
 * A peer's bytes into the machine of an attested session. TLS is done once, over memory; then each
 * input is a session of its own on it. The first byte says which end of which session it is (bits 0
 * and 1), whether the rest is fed byte by byte (bit 2), and whether work waits until all is fed
 * (bit 3). The appraiser takes any evidence that binds what it should, and no input can: what binds
 * is TLS's, and new in every process. So an end that asks never comes to its end.
 */
#include <stdlib.h>

#include "ratls_bare.h"

#define WIRE 65536
#define LIFE 86400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BY_BYTE = 4, WORK_LATE = 8 };
enum { SERVER, CLIENT, ASKING_SERVER, SHOWING_CLIENT, ENDS };

static struct capsa_ratls_context *contexts[ENDS];
static SSL *sessions[ENDS];

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void make_end(int end, struct capsa_ratls_identity *identity)
{
    const bool is_server = end == SERVER || end == ASKING_SERVER;
    struct capsa_ratls_context_options options = {.is_server = is_server};
    options.identity = end == CLIENT ? NULL : identity;
    if (end != SERVER) {
        options.appraiser.judge = bare_judge;
    }
    must(!capsa_failed(capsa_ratls_context_new(&options, &contexts[end])));
    must(!capsa_failed(capsa_ratls_context_session(contexts[end], &sessions[end])));
    if (is_server) {
        SSL_set_accept_state(sessions[end]);
    } else {
        SSL_set_connect_state(sessions[end]);
    }
}

static void shake(SSL *a, SSL *b)
{
    BIO *left;
    BIO *right;
    must(BIO_new_bio_pair(&left, WIRE, &right, WIRE) == 1);
    SSL_set_bio(a, left, left);
    SSL_set_bio(b, right, right);
    for (int i = 0; i < 8; i++) {
        (void)SSL_do_handshake(a);
        (void)SSL_do_handshake(b);
    }
    ERR_clear_error();
    must(SSL_is_init_finished(a) && SSL_is_init_finished(b));
}

static void set_up(void)
{
    const struct capsa_ratls_attester attester = {NULL, CAPSA_PLATFORM_SNP, bare_collect};
    struct capsa_ratls_profile profile;
    struct capsa_ratls_identity *identity;
    capsa_ratls_profile_default(&profile);
    profile.life_seconds = LIFE;
    must(!capsa_failed(capsa_ratls_identity_new(&attester, &profile, &identity)));
    must(!capsa_failed(capsa_ratls_identity_renew(identity, capsa_now(&capsa_clock_system))));
    for (int i = 0; i < ENDS; i++) {
        make_end(i, identity);
    }
    shake(sessions[SERVER], sessions[CLIENT]);
    shake(sessions[ASKING_SERVER], sessions[SHOWING_CLIENT]);
    capsa_ratls_identity_free(identity);
}

static void look_at_output(struct capsa_ratls_session *session)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(1));
    must(!capsa_failed(capsa_ratls_session_output(session, &bytes)));
}

/* False: it failed. */
static bool work(struct capsa_ratls_session *session)
{
    bool fine = true;
    while (fine && capsa_ratls_session_next(session) == CAPSA_RATLS_WORK) {
        fine = !capsa_failed(capsa_ratls_session_work(session));
        look_at_output(session);
    }
    return fine;
}

static bool feed(struct capsa_ratls_session *session, uint8_t how, capsa_bytes bytes)
{
    const size_t step = (how & BY_BYTE) != 0 ? 1 : bytes.len;
    for (size_t at = 0; at < bytes.len; at += step) {
        size_t taken = 0;
        if (((how & WORK_LATE) == 0 && !work(session)) ||
            capsa_failed(
                capsa_ratls_session_feed(session, capsa_bytes_of(bytes.data + at, step), &taken))) {
            return false;
        }
        must(taken <= step);
        must(taken == step || capsa_ratls_session_next(session) == CAPSA_RATLS_DONE);
    }
    return work(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sessions[0] == NULL) {
        set_up();
    }
    if (size == 0) {
        return 0;
    }
    const int end = data[0] % ENDS;
    struct capsa_ratls_session *session;
    must(!capsa_failed(capsa_ratls_session_new(contexts[end], sessions[end], &session)));
    look_at_output(session);
    const bool fine = feed(session, data[0], capsa_bytes_of(data + 1, size - 1));
    must(end == SERVER || capsa_ratls_session_next(session) != CAPSA_RATLS_DONE);
    must(fine || capsa_ratls_session_next(session) == CAPSA_RATLS_READ);
    capsa_ratls_session_free(session);
    return 0;
}
