/* SPDX-License-Identifier: Apache-2.0
 *
 * Attested sessions: every allocation and every read of randomness fails in turn while contexts are
 * made, evidence is shown and judged. A session either comes to its end, proved, or fails with an
 * error of ours, and the next one works. The platform is made up and its evidence taken by an
 * appraiser that looks at nothing but what it binds.
 */
#include "failing.h"

#include "../../fuzz/ratls_bare.h"
#include "base/alloc.h"

#define WIRE_MAX MIB(1)
#define NOW      1800000000

static struct capsa_clock clock_of_now;
static struct capsa_ratls_identity *identity;
static struct capsa_ratls_context *server, *client;
static SSL *server_ssl, *client_ssl;
static capsa_buf shown; /* the server's message, for this very session */

static struct capsa_ratls_context_options server_options(void)
{
    return (struct capsa_ratls_context_options){
        .is_server = true, .identity = identity, .clock = &clock_of_now};
}

static struct capsa_ratls_context_options client_options(void)
{
    return (struct capsa_ratls_context_options){.appraiser = {NULL, bare_judge},
                                                .clock = &clock_of_now};
}

static void shake(void)
{
    BIO *left;
    BIO *right;
    assert_int_equal(BIO_new_bio_pair(&left, WIRE_MAX, &right, WIRE_MAX), 1);
    SSL_set_bio(server_ssl, left, left);
    SSL_set_bio(client_ssl, right, right);
    SSL_set_accept_state(server_ssl);
    SSL_set_connect_state(client_ssl);
    for (int i = 0; i < 8; i++) {
        (void)SSL_do_handshake(client_ssl);
        (void)SSL_do_handshake(server_ssl);
    }
    ERR_clear_error();
    assert_true(SSL_is_init_finished(server_ssl) && SSL_is_init_finished(client_ssl));
}

static capsa_result show(capsa_buf *ret_message)
{
    CAPSA_AUTO_FREE(capsa_ratls_session) session = NULL;
    CAPSA_TRY(capsa_ratls_session_new(server, server_ssl, &session));
    CAPSA_TRY(capsa_ratls_session_work(session));
    return capsa_ratls_session_output(session, ret_message);
}

static int fixtures_make(void **state)
{
    (void)state;
    clock_of_now = capsa_clock_at(NOW);
    const struct capsa_ratls_attester attester = {NULL, CAPSA_PLATFORM_SNP, bare_collect};
    struct capsa_ratls_profile profile;
    capsa_ratls_profile_default(&profile);
    assert_ok(capsa_ratls_identity_new(&attester, &profile, &identity));
    assert_ok(capsa_ratls_identity_renew(identity, NOW));
    const struct capsa_ratls_context_options server_is = server_options();
    const struct capsa_ratls_context_options client_is = client_options();
    assert_ok(capsa_ratls_context_new(&server_is, &server));
    assert_ok(capsa_ratls_context_new(&client_is, &client));
    assert_ok(capsa_ratls_context_session(server, &server_ssl));
    assert_ok(capsa_ratls_context_session(client, &client_ssl));
    shake();
    shown = capsa_buf_of(WIRE_MAX);
    assert_ok(show(&shown));
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    capsa_buf_drop(&shown);
    SSL_free(server_ssl);
    SSL_free(client_ssl);
    capsa_ratls_context_free(server);
    capsa_ratls_context_free(client);
    capsa_ratls_identity_free(identity);
    return 0;
}

static void free_context(void *made)
{
    capsa_ratls_context_free(made);
}

static capsa_result new_context(const struct capsa_ratls_context_options *options,
                                struct failing_out *out)
{
    struct capsa_ratls_context *made = out->made;
    capsa_result result = capsa_ratls_context_new(options, &made);
    out->made = made;
    return result;
}

static capsa_result server_run(struct failing_out *out)
{
    const struct capsa_ratls_context_options options = server_options();
    return new_context(&options, out);
}

static capsa_result client_run(struct failing_out *out)
{
    const struct capsa_ratls_context_options options = client_options();
    return new_context(&options, out);
}

/* A session of a context that has not seen its credential yet. */
static capsa_result tls_run(struct failing_out *out)
{
    (void)out;
    const struct capsa_ratls_context_options options = server_options();
    CAPSA_AUTO_FREE(capsa_ratls_context) context = NULL;
    CAPSA_TRY(capsa_ratls_context_new(&options, &context));
    SSL *ssl = NULL;
    CAPSA_TRY(capsa_ratls_context_session(context, &ssl));
    capsa_result presented = capsa_ratls_present(context, ssl);
    const X509 *certificate = SSL_get_certificate(ssl);
    if (!capsa_failed(presented)) {
        assert_non_null(certificate);
    }
    SSL_free(ssl);
    return presented;
}

static capsa_result show_run(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(WIRE_MAX);
    capsa_result result = show(&message);
    if (!capsa_failed(result)) {
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&message), capsa_buf_bytes(&shown)));
    }
    return result;
}

static capsa_result judge(bool is_changed)
{
    CAPSA_AUTO_FREE(capsa_ratls_session) session = NULL;
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(WIRE_MAX);
    size_t taken = 0;
    CAPSA_TRY(capsa_ratls_session_new(client, client_ssl, &session));
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(WIRE_MAX);
    CAPSA_TRY(capsa_buf_append(&message, capsa_buf_bytes(&shown)));
    if (is_changed) { /* a digit of base64 in the middle of the report's data */
        uint8_t *at = memmem(message.data, message.len, "b64_quote", 9);
        at += 14 + 120;
        *at = *at == 'A' ? 'B' : 'A';
    }
    CAPSA_TRY(capsa_ratls_session_feed(session, capsa_buf_bytes(&message), &taken));
    assert_int_equal(taken, message.len);
    capsa_result judged = capsa_ratls_session_work(session);
    struct capsa_error kept;
    capsa_error_keep(judged, &kept);
    CAPSA_TRY(capsa_ratls_session_output(session, &answer));
    const struct capsa_ratls_report *report = capsa_ratls_peer(client_ssl);
    assert_non_null(report);
    assert_int_equal(report->verdict.accepted, kept.code == CAPSA_E_OK);
    assert_int_equal(report->session_bound, kept.code == CAPSA_E_OK);
    return kept.code == CAPSA_E_OK ? CAPSA_OK : capsa_error_again(&kept);
}

/* A signature that libcrypto could not look at for want of memory is refused as evidence: that is
 * MALFORMED or UNAUTHENTIC in terms of failing.h. */
static capsa_result accept_run(struct failing_out *out)
{
    (void)out;
    capsa_result judged = judge(false);
    CAPSA_REQUIRE(capsa_code_of(judged) != CAPSA_E_EVIDENCE, UNAUTHENTIC, "%s",
                  capsa_text_of(judged));
    return judged;
}

/* Whatever fails, what is of another session is not accepted. */
static capsa_result refuse_run(struct failing_out *out)
{
    (void)out;
    capsa_result judged = judge(true);
    assert_true(capsa_failed(judged));
    return capsa_code_of(judged) == CAPSA_E_EVIDENCE ? CAPSA_OK : judged;
}

/* libssl draws keys for tickets, which are switched off then, and does without them when it gets
 * none: contexts are not asked what they do without randomness. */
static const struct failing_case contexts[] = {
    {"context_new, server", server_run, free_context, false, false},
    {"context_new, client", client_run, free_context, false, false},
    {"context_session, present", tls_run, NULL, true, false},
};

static const struct failing_case sessions[] = {
    {"session, shows", show_run, NULL, true, false},
    {"session, accepts", accept_run, NULL, true, false},
    {"session, refuses", refuse_run, NULL, true, false},
};

static void sessions_survive_every_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
        for (int what = FAILING_MEMORY; what <= FAILING_LIBRARIES; what++) {
            failing_try(&contexts[i], (enum failing_what)what, FAILING_ONCE);
            failing_try(&contexts[i], (enum failing_what)what, FAILING_EVER);
        }
    }
    FAILING_TRY_ALL(sessions);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_survive_every_failure),
    };
    return cmocka_run_group_tests_name("ratls_session, failing", tests, fixtures_make,
                                       fixtures_free);
}
