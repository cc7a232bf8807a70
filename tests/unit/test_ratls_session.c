/* SPDX-License-Identifier: Apache-2.0
 *
 * Attested sessions over memory: what two honest ends come to, what is bound, and who agrees to
 * what. The dishonest are in test_ratls_session_hostile.c.
 */
#include "ratls_session_scene.h"

#define ALPN CAPSA_RATLS_ALPN

/* ---- Honest ends ------------------------------------------------------------------------------
 */

static void a_server_proves_itself_to_a_client(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    join(&server, &client);
    assert_true(shake(&client, &server));
    converse(&client, &server);
    assert_done(&client);
    assert_done(&server);
    assert_proved(&client, 0xaa, true);
    assert_null(capsa_ratls_peer(server.ssl)); /* nothing was asked of the client */
    assert_talk(&client, &server);
    end_close(&client);
    end_close(&server);
}

static void both_prove_themselves(void **state)
{
    const struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    server_is.appraiser = asks(scene->accepts_both);
    client_is.identity = scene->client;
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    join(&server, &client);
    assert_true(shake(&client, &server));
    converse(&server, &client);
    assert_done(&client);
    assert_done(&server);
    assert_proved(&client, 0xaa, true);
    assert_proved(&server, 0xbb, true);
    assert_talk(&client, &server);
    end_close(&client);
    end_close(&server);
}

/* A client that could show something does so for who asks, and for nobody else. */
static void who_is_not_asked_shows_nothing(void **state)
{
    struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.identity = scene->client;
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    const unsigned before = scene->client_program.quotes;
    join(&server, &client);
    assert_true(shake(&client, &server));
    converse(&client, &server);
    assert_done(&client);
    assert_done(&server);
    assert_int_equal(scene->client_program.quotes, before);
    CAPSA_AUTO(capsa_buf) shown = capsa_buf_of(KIB(1));
    assert_ok(capsa_ratls_peer_certificate(server.ssl, &shown));
    assert_int_equal(shown.len, 0);
    end_close(&client);
    end_close(&server);
}

/* Without collateral of its own a peer is judged by what the other end has. */
static void who_brings_no_collateral_is_judged_by_ours(void **state)
{
    struct ratls_scene *scene = *state;
    scene->server_program.is_lonely = true;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_collateral(scene->platform.sim, CAPSA_PLATFORM_SGX, &collateral));
    for (int has_some = 0; has_some < 2; has_some++) {
        const struct capsa_ratls_context_options server_is = server_options(scene);
        struct capsa_ratls_context_options client_is = client_options(scene);
        client_is.collateral = has_some ? &collateral : NULL;
        struct end server = end_of(&server_is);
        struct end client = end_of(&client_is);
        join(&server, &client);
        assert_true(shake(&client, &server));
        converse(&client, &server);
        if (has_some) {
            assert_done(&client);
        } else {
            assert_refused(&client, "collateral-missing");
            assert_int_equal(client.error.code, CAPSA_E_TCB);
        }
        end_close(&client);
        end_close(&server);
    }
    scene->server_program.is_lonely = false;
}

static void another_certificate_is_shown_as_soon_as_there_is_one(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct capsa_ratls_context *context = context_of(&server_is);
    uint8_t spki[2][32];
    for (int i = 0; i < 2; i++) {
        struct end server = {.context = capsa_ratls_context_share(context)};
        assert_ok(capsa_ratls_context_session(context, &server.ssl));
        SSL_set_accept_state(server.ssl);
        struct end client = end_of(&client_is);
        join(&server, &client);
        assert_ok(capsa_ratls_identity_renew(scene->server, RATLS_NOW + i));
        assert_true(shake(&client, &server));
        converse(&client, &server);
        assert_done(&client);
        memcpy(spki[i], capsa_ratls_peer(client.ssl)->spki_sha256, sizeof(spki[i]));
        end_close(&client);
        end_close(&server);
    }
    assert_memory_not_equal(spki[0], spki[1], sizeof(spki[0]));
    capsa_ratls_context_free(context);
}

static void sessions_leave_nothing_to_resume(void **state)
{
    const struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options server_is = server_options(scene);
    server_is.insecure_unbound = true;
    server_is.tls12 = true;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct end server = end_of(&server_is);
        struct end puppet = puppet_of(false, NULL, NULL);
        assert_int_equal(SSL_set_max_proto_version(puppet.ssl, version), 1);
        join(&server, &puppet);
        assert_true(shake(&puppet, &server));
        begin(&server);
        assert_done(&server);
        assert_talk(&server, &puppet);
        SSL_SESSION *kept = SSL_get1_session(puppet.ssl);
        assert_int_equal(SSL_SESSION_has_ticket(kept), 0);
        end_close(&server);
        end_close(&puppet);
        /* And who tries all the same gets a whole handshake. */
        server = end_of(&server_is);
        puppet = puppet_of(false, NULL, NULL);
        assert_int_equal(SSL_set_max_proto_version(puppet.ssl, version), 1);
        (void)SSL_set_session(puppet.ssl, kept);
        join(&server, &puppet);
        assert_true(shake(&puppet, &server));
        assert_int_equal(SSL_session_reused(server.ssl), 0);
        SSL_SESSION_free(kept);
        end_close(&server);
        end_close(&puppet);
    }
}

/* ---- What is bound ----------------------------------------------------------------------------
 */

/* As PROTOCOL.md has it, put together by hand. */
static void the_exporter_context_is_what_the_page_says(void **state)
{
    (void)state;
    struct capsa_ratls_transcript transcript = {.has_client = false};
    memset(transcript.server_spki, 0x11, 32);
    memset(transcript.client_spki, 0x22, 32);
    CAPSA_AUTO(capsa_buf) context = capsa_buf_of(KIB(1));
    assert_ok(capsa_ratls_exporter_context(&transcript, CAPSA_RATLS_SERVER, &context));
    static const char alone[] = "\0\0\0\015ratls-session\0\0\0\006server\0\0\0\040"
                                "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
                                "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
                                "\0\0\0\0";
    assert_int_equal(context.len, sizeof(alone) - 1);
    assert_memory_equal(context.data, alone, context.len);
    transcript.has_client = true;
    CAPSA_AUTO(capsa_buf) other = capsa_buf_of(KIB(1));
    assert_ok(capsa_ratls_exporter_context(&transcript, CAPSA_RATLS_CLIENT, &other));
    assert_memory_equal(other.data + 17, "\0\0\0\006client", 10);
    assert_memory_equal(other.data + other.len - 33, "\040\x22\x22", 3);
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    char text[2 * CAPSA_REPORT_DATA + 1] = "";
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    assert_string_equal(text, hex);
}

static void the_report_data_is_what_the_page_says(void **state)
{
    (void)state;
    struct capsa_ratls_transcript transcript = {.has_client = false};
    uint8_t exported[CAPSA_RATLS_EXPORTER];
    uint8_t bound[CAPSA_REPORT_DATA];
    memset(transcript.server_spki, 0x11, 32);
    memset(transcript.client_spki, 0x22, 32);
    memset(exported, 0x33, sizeof(exported));
    assert_ok(capsa_ratls_session_report_data(&transcript, CAPSA_RATLS_SERVER, exported, bound));
    assert_hex(bound, sizeof(bound),
               "7c9482d9d84b22d17cadbf1cd99af12c35d86ea0a68c177150161f1464239dc5"
               "d4e2aa39926dd6f501c71585ee87c5a2dd8d5f026bdd61ea7e872b43cace7c25");
    transcript.has_client = true;
    assert_ok(capsa_ratls_session_report_data(&transcript, CAPSA_RATLS_CLIENT, exported, bound));
    assert_hex(bound, sizeof(bound),
               "63ec5f7cee6470b091fc8baadd85d4575fac5ba573b3cb2588dadd0beb521f4d"
               "9eaf13713383d9563dbd521f386e4fb687e463e8fff56689338d70d2d6714281");
}

static void every_part_of_a_transcript_changes_what_is_bound(void **state)
{
    (void)state;
    struct capsa_ratls_transcript transcripts[5];
    uint8_t exported[5][32] = {{0}};
    enum capsa_ratls_role roles[5] = {CAPSA_RATLS_SERVER, CAPSA_RATLS_SERVER, CAPSA_RATLS_SERVER,
                                      CAPSA_RATLS_SERVER, CAPSA_RATLS_CLIENT};
    uint8_t bound[5][CAPSA_REPORT_DATA];
    for (int i = 0; i < 5; i++) {
        transcripts[i] = (struct capsa_ratls_transcript){.has_client = i != 1};
        memset(transcripts[i].server_spki, 1, 32);
        memset(transcripts[i].client_spki, i == 2 ? 1 : 2, 32);
    }
    memset(transcripts[2].server_spki, 2, 32); /* both keys, exchanged */
    exported[3][31] = 1;
    for (int i = 0; i < 5; i++) {
        assert_ok(
            capsa_ratls_session_report_data(&transcripts[i], roles[i], exported[i], bound[i]));
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(bound[i], bound[j], CAPSA_REPORT_DATA);
        }
    }
}

/* ---- Who agrees to what -----------------------------------------------------------------------
 */

static void a_bound_server_refuses_clients_that_do_not_bind(void **state)
{
    const struct ratls_scene *scene = *state;
    static const char *const names[] = {NULL, "h2", "http/1.1", CAPSA_RATLS_ALPN_H2,
                                        "capsa-ratls/10"};
    const struct capsa_ratls_context_options server_is = server_options(scene);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct end server = end_of(&server_is);
        struct end puppet = puppet_of(false, NULL, names[i]);
        join(&server, &puppet);
        assert_false(shake(&puppet, &server));
        assert_int_equal(last_reason(), SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL);
        end_close(&server);
        end_close(&puppet);
    }
}

static void a_bound_client_does_not_fall_back(void **state)
{
    const struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options server_is = server_options(scene);
    server_is.insecure_unbound = true;
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    join(&server, &client);
    assert_true(shake(&client, &server));
    begin(&client);
    assert_int_equal(client.error.code, CAPSA_E_UNAUTHENTIC);
    assert_non_null(strstr(client.error.text, "no fallback"));
    end_close(&client);
    end_close(&server);
}

static void a_bound_channel_is_tls_1_3(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    struct end server = end_of(&server_is);
    struct end puppet = puppet_of(false, NULL, ALPN);
    assert_int_equal(SSL_set_max_proto_version(puppet.ssl, TLS1_2_VERSION), 1);
    join(&server, &puppet);
    assert_false(shake(&puppet, &server));
    assert_int_equal(last_reason(), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    end_close(&server);
    end_close(&puppet);
}

static void tls_1_2_is_an_option_of_unbound_channels(void **state)
{
    const struct ratls_scene *scene = *state;
    for (int allowed = 0; allowed < 2; allowed++) {
        struct capsa_ratls_context_options server_is = server_options(scene);
        server_is.insecure_unbound = true;
        server_is.tls12 = allowed;
        struct end server = end_of(&server_is);
        struct end puppet = puppet_of(false, NULL, NULL);
        assert_int_equal(SSL_set_max_proto_version(puppet.ssl, TLS1_2_VERSION), 1);
        join(&server, &puppet);
        assert_int_equal(shake(&puppet, &server), allowed);
        end_close(&server);
        end_close(&puppet);
    }
}

static void what_does_not_go_together_is_refused_when_it_is_set_up(void **state)
{
    struct ratls_scene *scene = *state;
    struct capsa_ratls_identity *bare = NULL;
    struct capsa_ratls_credential *credential = capsa_ratls_identity_current(scene->server);
    assert_ok(capsa_ratls_identity_of(credential, NULL, &bare));
    struct capsa_ratls_context_options wrong[6];
    for (size_t i = 0; i < 6; i++) {
        wrong[i] = i < 4 ? server_options(scene) : client_options(scene);
    }
    wrong[0].identity = NULL;
    wrong[1].identity = bare;
    wrong[2].tls12 = true;
    wrong[3].insecure_old_x509 = true;
    wrong[4].appraiser = (struct capsa_ratls_appraiser){NULL, NULL};
    wrong[5].identity = bare;
    for (size_t i = 0; i < 6; i++) {
        struct capsa_ratls_context *context = NULL;
        assert_fails(capsa_ratls_context_new(&wrong[i], &context), USAGE);
        assert_null(context);
    }
    wrong[1].insecure_unbound = true; /* a certificate alone is enough there */
    capsa_ratls_context_free(context_of(&wrong[1]));
    capsa_ratls_identity_free(bare);
    capsa_ratls_credential_free(credential);
}

/* ---- A caller's own SSL_CTX -------------------------------------------------------------------
 */

static struct end own_of(const struct capsa_ratls_context_options *options, const char **ret_error)
{
    struct capsa_ratls_context *context = context_of(options);
    SSL_CTX *ctx = SSL_CTX_new(options->is_server ? TLS_server_method() : TLS_client_method());
    capsa_result used = capsa_ratls_context_use(context, ctx);
    *ret_error = capsa_failed(used) ? capsa_text_of(used) : NULL;
    struct end end = {.ssl = capsa_failed(used) ? NULL : SSL_new(ctx)};
    SSL_CTX_free(ctx);
    capsa_ratls_context_free(context); /* the SSL keeps what it needs */
    if (end.ssl != NULL) {
        options->is_server ? SSL_set_accept_state(end.ssl) : SSL_set_connect_state(end.ssl);
    }
    return end;
}

static void a_callers_own_ssl_ctx_judges_within_the_handshake(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_collateral(scene->platform.sim, CAPSA_PLATFORM_SGX, &collateral));
    for (int refused = 0; refused < 2; refused++) {
        struct capsa_ratls_context_options server_is = server_options(scene);
        struct capsa_ratls_context_options client_is = client_options(scene);
        server_is.insecure_unbound = client_is.insecure_unbound = true;
        server_is.collateral = client_is.collateral = &collateral;
        server_is.appraiser = asks(scene->accepts_both);
        client_is.appraiser = asks(refused ? scene->accepts_other : scene->accepts_both);
        client_is.identity = scene->client;
        const char *error;
        struct end server = own_of(&server_is, &error);
        assert_null(error);
        struct end client = own_of(&client_is, &error);
        assert_null(error);
        join(&server, &client);
        assert_int_equal(shake(&client, &server), !refused);
        assert_non_null(capsa_ratls_peer(client.ssl));
        if (refused) {
            assert_int_equal(last_reason(), SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
            assert_refused(&client, "reference-values");
            assert_int_equal(SSL_get_verify_result(client.ssl), X509_V_ERR_CERT_REJECTED);
        } else {
            assert_proved(&client, 0xaa, false);
            assert_proved(&server, 0xbb, false);
            assert_int_equal(SSL_get_verify_result(client.ssl), X509_V_OK);
            assert_talk(&client, &server);
        }
        end_close(&client);
        end_close(&server);
    }
}

static void a_bound_context_wants_more_than_an_ssl_ctx(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options client_is = client_options(scene);
    const char *error;
    struct end client = own_of(&client_is, &error);
    assert_null(client.ssl);
    assert_non_null(strstr(error, "unbound"));
}

/* Its callbacks run with the first one for as long as it lives. */
static void an_ssl_ctx_takes_one_context(void **state)
{
    const struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.insecure_unbound = true;
    struct capsa_ratls_context *contexts[] = {context_of(&client_is), context_of(&client_is)};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_ok(capsa_ratls_context_use(contexts[0], ctx));
    assert_fails(capsa_ratls_context_use(contexts[1], ctx), USAGE);
    capsa_ratls_context_free(contexts[0]);
    capsa_ratls_context_free(contexts[1]);
    SSL_CTX_free(ctx);
}

static void a_chain_is_no_certificate_with_evidence(void **state)
{
    const struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.insecure_unbound = true;
    struct end client = end_of(&client_is);
    struct end puppet = puppet_of(true, scene->server, NULL);
    struct capsa_ratls_credential *credential = capsa_ratls_identity_current(scene->client);
    X509 *second = certificate_of(credential);
    assert_int_equal(SSL_add1_chain_cert(puppet.ssl, second), 1);
    join(&client, &puppet);
    assert_false(shake(&client, &puppet));
    assert_int_equal(SSL_get_verify_result(client.ssl), X509_V_ERR_CERT_REJECTED);
    ERR_clear_error();
    X509_free(second);
    capsa_ratls_credential_free(credential);
    end_close(&client);
    end_close(&puppet);
}

static void note_release(void *owner)
{
    ++*(int *)owner;
}

static void a_context_lives_as_long_as_its_sessions(void **state)
{
    const struct ratls_scene *scene = *state;
    int released = 0;
    struct capsa_ratls_context_options server_is = server_options(scene);
    server_is.release = note_release;
    server_is.owner = &released;
    struct end server = end_of(&server_is);
    capsa_ratls_context_free(server.context);
    server.context = NULL;
    assert_int_equal(released, 0);
    SSL_free(server.ssl);
    assert_int_equal(released, 1);
}

static void a_platform_that_makes_nothing_is_our_own_failure(void **state)
{
    struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    struct end server = end_of(&server_is);
    struct end puppet = puppet_of(false, NULL, ALPN);
    join(&server, &puppet);
    assert_true(shake(&puppet, &server));
    scene->server_program.is_broken = true;
    begin(&server);
    drive(&server);
    scene->server_program.is_broken = false;
    assert_int_equal(server.error.code, CAPSA_E_IO);
    CAPSA_AUTO(capsa_buf) said = capsa_buf_of(KIB(1));
    get(&puppet, KIB(1), &said);
    assert_int_equal(said.len, 0);
    end_close(&server);
    end_close(&puppet);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_proves_itself_to_a_client),
        TEST(both_prove_themselves),
        TEST(who_is_not_asked_shows_nothing),
        TEST(who_brings_no_collateral_is_judged_by_ours),
        TEST(another_certificate_is_shown_as_soon_as_there_is_one),
        TEST(sessions_leave_nothing_to_resume),
        TEST(the_exporter_context_is_what_the_page_says),
        TEST(the_report_data_is_what_the_page_says),
        TEST(every_part_of_a_transcript_changes_what_is_bound),
        TEST(a_bound_server_refuses_clients_that_do_not_bind),
        TEST(a_bound_client_does_not_fall_back),
        TEST(a_bound_channel_is_tls_1_3),
        TEST(tls_1_2_is_an_option_of_unbound_channels),
        TEST(what_does_not_go_together_is_refused_when_it_is_set_up),
        TEST(a_callers_own_ssl_ctx_judges_within_the_handshake),
        TEST(a_bound_context_wants_more_than_an_ssl_ctx),
        TEST(an_ssl_ctx_takes_one_context),
        TEST(a_chain_is_no_certificate_with_evidence),
        TEST(a_context_lives_as_long_as_its_sessions),
        TEST(a_platform_that_makes_nothing_is_our_own_failure),
    };
    return cmocka_run_group_tests_name("ratls_session", tests, ratls_scene_setup,
                                       ratls_scene_teardown);
}
