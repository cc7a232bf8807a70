/* SPDX-License-Identifier: Apache-2.0
 *
 * Attested sessions over memory with somebody dishonest at one end or between: every wrong thing is
 * refused at its check. Puppets say what honest ends never would.
 */
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "ratls_session_scene.h"

#define ALPN CAPSA_RATLS_ALPN

/* A puppet that serves, and a client that waits for its word. */
static void meet(const struct ratls_scene *scene,
                 const struct capsa_ratls_context_options *client_is, struct end *puppet,
                 struct end *client)
{
    *puppet = puppet_of(true, scene->server, NULL);
    *client = end_of(client_is);
    join(puppet, client);
    assert_true(shake(client, puppet));
    begin(client);
}

/* ---- Puppets that know the protocol -----------------------------------------------------------
 */

static void spki_of(const X509 *certificate, uint8_t ret_digest[32])
{
    unsigned char *der = NULL;
    const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    capsa_sha256(capsa_bytes_of(der, (size_t)len), ret_digest);
    OPENSSL_free(der);
}

/* What evidence of `role` in the puppet's session binds, by TLS and this page alone. */
static void data_of(const struct end *puppet, enum capsa_ratls_role role, bool exchanged,
                    uint8_t ret_data[CAPSA_REPORT_DATA])
{
    const bool is_server = SSL_is_server(puppet->ssl);
    const X509 *own = SSL_get_certificate(puppet->ssl);
    const X509 *peer = SSL_get0_peer_certificate(puppet->ssl);
    const X509 *client = is_server ? peer : own;
    struct capsa_ratls_transcript transcript = {.has_client = client != NULL};
    spki_of(is_server ? own : peer, transcript.server_spki);
    if (client != NULL) {
        spki_of(client, transcript.client_spki);
    }
    if (exchanged) {
        transcript.server_spki[0] ^= 1;
    }
    CAPSA_AUTO(capsa_buf) context = capsa_buf_of(KIB(1));
    uint8_t exported[32];
    assert_ok(capsa_ratls_exporter_context(&transcript, role, &context));
    assert_int_equal(SSL_export_keying_material(puppet->ssl, exported, 32,
                                                "EXPORTER-Capsa-RA-TLS-1", 23, context.data,
                                                context.len, 1),
                     1);
    assert_ok(capsa_ratls_session_report_data(&transcript, role, exported, ret_data));
}

static void report_of(struct program *program, const uint8_t data[CAPSA_REPORT_DATA],
                      capsa_buf *ret_report)
{
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(program_collect(program, data, &quote, &collateral));
    assert_ok(capsa_ual_write(program->platform, capsa_buf_bytes(&quote), &collateral, ret_report));
}

/* What a puppet with the server's stolen key does after the handshake. */
struct trick {
    const char *name;
    void (*say)(struct ratls_scene *scene, const struct end *puppet);
    const char *check; /* that refuses; NULL: it is no refusal of evidence */
    enum capsa_code code;
};

static void say_all_well(struct ratls_scene *scene, const struct end *puppet)
{
    uint8_t data[CAPSA_REPORT_DATA];
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    data_of(puppet, CAPSA_RATLS_SERVER, false, data);
    report_of(&scene->server_program, data, &report);
    puppet_say(puppet, CAPSA_RATLS_MSG_EVIDENCE, capsa_buf_bytes(&report));
    puppet_say(puppet, CAPSA_RATLS_MSG_ACCEPTED, capsa_bytes_of(NULL, 0));
}

static void say_nothing_shown(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    puppet_say(puppet, CAPSA_RATLS_MSG_NO_EVIDENCE, capsa_bytes_of(NULL, 0));
}

static void say_as(struct program *program, const struct end *puppet, enum capsa_ratls_role role,
                   bool exchanged)
{
    uint8_t data[CAPSA_REPORT_DATA];
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    data_of(puppet, role, exchanged, data);
    report_of(program, data, &report);
    puppet_say(puppet, CAPSA_RATLS_MSG_EVIDENCE, capsa_buf_bytes(&report));
}

/* With collateral of its own the certificate, which is of SGX, would be refused by that. */
static void say_another_platform(struct ratls_scene *scene, const struct end *puppet)
{
    scene->td_program.is_lonely = true;
    say_as(&scene->td_program, puppet, CAPSA_RATLS_SERVER, false);
}

static void say_another_program(struct ratls_scene *scene, const struct end *puppet)
{
    struct program other = scene->server_program;
    other.measure = 0xee;
    say_as(&other, puppet, CAPSA_RATLS_SERVER, false);
}

static void say_the_other_role(struct ratls_scene *scene, const struct end *puppet)
{
    say_as(&scene->server_program, puppet, CAPSA_RATLS_CLIENT, false);
}

static void say_another_key(struct ratls_scene *scene, const struct end *puppet)
{
    say_as(&scene->server_program, puppet, CAPSA_RATLS_SERVER, true);
}

static void say_no_report(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    puppet_say(puppet, CAPSA_RATLS_MSG_EVIDENCE, CAPSA_BYTES_LITERAL("{\"not\":\"a report\"}"));
}

static void say_evidence_twice(struct ratls_scene *scene, const struct end *puppet)
{
    say_another_key(scene, puppet);
    say_another_key(scene, puppet);
}

static void say_accepted_first(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    puppet_say(puppet, CAPSA_RATLS_MSG_ACCEPTED, capsa_bytes_of(NULL, 0));
}

static void say_refused_first(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    puppet_say(puppet, CAPSA_RATLS_MSG_REFUSED, CAPSA_BYTES_LITERAL("session"));
}

static void say_too_much(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    const uint8_t head[] = {CAPSA_RATLS_MSG_EVIDENCE, 0x02, 0x80, 0x01}; /* limit + 1 */
    _Static_assert(CAPSA_LIMIT_ual_bytes == 0x028000, "the head above is for another limit");
    put(puppet, capsa_bytes_of(head, sizeof(head)));
}

static void say_unknown(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    put(puppet, CAPSA_BYTES_LITERAL("\005\0\0\0"));
}

static void say_zero(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    put(puppet, CAPSA_BYTES_LITERAL("\0\0\0\0"));
}

static void say_empty_evidence(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    put(puppet, CAPSA_BYTES_LITERAL("\001\0\0\0"));
}

static void say_full_acceptance(struct ratls_scene *scene, const struct end *puppet)
{
    (void)scene;
    put(puppet, CAPSA_BYTES_LITERAL("\002\0\0\001x"));
}

static void say_application_early(struct ratls_scene *scene, const struct end *puppet)
{
    say_another_key(scene, puppet);
    puppet_say(puppet, CAPSA_RATLS_MSG_ACCEPTED, capsa_bytes_of(NULL, 0));
    put(puppet, CAPSA_BYTES_LITERAL("secrets, please"));
}

static const struct trick tricks[] = {
    {"all well", say_all_well, "", CAPSA_E_OK},
    {"no evidence", say_nothing_shown, "session", CAPSA_E_EVIDENCE},
    {"evidence of another platform", say_another_platform, "session", CAPSA_E_EVIDENCE},
    {"evidence of another program", say_another_program, "reference-values", CAPSA_E_DENIED},
    {"evidence of the client's role", say_the_other_role, "session", CAPSA_E_EVIDENCE},
    {"evidence with another key", say_another_key, "session", CAPSA_E_EVIDENCE},
    {"no report", say_no_report, "format", CAPSA_E_EVIDENCE},
    {"evidence twice", say_evidence_twice, NULL, CAPSA_E_MALFORMED},
    {"accepted at first", say_accepted_first, NULL, CAPSA_E_MALFORMED},
    {"refused at first", say_refused_first, NULL, CAPSA_E_MALFORMED},
    {"too much", say_too_much, NULL, CAPSA_E_TOO_LARGE},
    {"an unknown type", say_unknown, NULL, CAPSA_E_MALFORMED},
    {"type zero", say_zero, NULL, CAPSA_E_MALFORMED},
    {"empty evidence", say_empty_evidence, NULL, CAPSA_E_MALFORMED},
    {"no evidence with content", say_full_acceptance, NULL, CAPSA_E_TOO_LARGE},
    {"the application before its time", say_application_early, NULL, CAPSA_E_MALFORMED},
};

/* All that has come, to the machine at once, as a loop feeds it. */
static void feed_all(struct end *end)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(WIRE_MAX);
    size_t taken = 0;
    get(end, WIRE_MAX, &bytes);
    keep(end, capsa_ratls_session_feed(end->session, capsa_buf_bytes(&bytes), &taken));
    drive(end);
}

static void a_client_refuses_each_trick_of_a_server_at_its_check(void **state)
{
    struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_collateral(scene->platform.sim, CAPSA_PLATFORM_SGX, &collateral));
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.collateral = &collateral;
    for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
        struct end puppet, client;
        meet(scene, &client_is, &puppet, &client);
        tricks[i].say(scene, &puppet);
        feed_all(&client);
        if (client.error.code != tricks[i].code) {
            fail_msg("%s: code %d: %s", tricks[i].name, client.error.code, client.error.text);
        }
        if (tricks[i].code == CAPSA_E_OK) {
            assert_done(&client);
        } else if (tricks[i].check == NULL) {
            assert_null(capsa_ratls_peer(client.ssl));
        } else {
            assert_refused(&client, tricks[i].check);
        }
        end_close(&client);
        end_close(&puppet);
    }
}

/* The peer is told which check it was, after its own first message. */
static void who_is_refused_is_told_the_check(void **state)
{
    struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct end puppet, client;
    meet(scene, &client_is, &puppet, &client);
    say_another_key(scene, &puppet);
    drive(&client);
    CAPSA_AUTO(capsa_buf) said = capsa_buf_of(KIB(1));
    get(&puppet, KIB(1), &said);
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&said),
                                  CAPSA_BYTES_LITERAL("\002\0\0\0\004\0\0\007session")));
    end_close(&client);
    end_close(&puppet);
}

static void a_refusal_is_shown_if_it_names_a_check(void **state)
{
    struct ratls_scene *scene = *state;
    static const struct {
        const char *said;
        enum capsa_code code;
    } cases[] = {
        {"tcb-status", CAPSA_E_UNAUTHENTIC},
        {"\x1b[2Jyou lost", CAPSA_E_MALFORMED},
        {"Session", CAPSA_E_MALFORMED},
        {"0123456789012345678901234567890123456789012345678901234567890123", CAPSA_E_UNAUTHENTIC},
    };
    const struct capsa_ratls_context_options client_is = client_options(scene);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct end puppet, client;
        meet(scene, &client_is, &puppet, &client);
        say_as(&scene->server_program, &puppet, CAPSA_RATLS_SERVER, false);
        puppet_say(&puppet, CAPSA_RATLS_MSG_REFUSED, capsa_bytes_str(cases[i].said));
        feed_all(&client);
        assert_int_equal(client.error.code, cases[i].code);
        if (i == 0) {
            assert_non_null(strstr(client.error.text, "\"tcb-status\""));
        }
        assert_null(strstr(client.error.text, "\x1b"));
        end_close(&client);
        end_close(&puppet);
    }
}

/* Nothing is decided by a part of a message, wherever it is cut. */
static void a_message_counts_when_it_is_whole(void **state)
{
    struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct end puppet, client;
    meet(scene, &client_is, &puppet, &client);
    uint8_t data[CAPSA_REPORT_DATA];
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(WIRE_MAX);
    data_of(&puppet, CAPSA_RATLS_SERVER, false, data);
    report_of(&scene->server_program, data, &report);
    assert_ok(
        capsa_ratls_message_write(CAPSA_RATLS_MSG_EVIDENCE, capsa_buf_bytes(&report), &message));
    for (size_t i = 0; i < message.len; i++) {
        assert_int_equal(capsa_ratls_session_next(client.session), CAPSA_RATLS_READ);
        const size_t wants = capsa_ratls_session_wants(client.session);
        assert_int_equal(wants, i < CAPSA_RATLS_HEAD ? CAPSA_RATLS_HEAD - i : message.len - i);
        size_t taken = 0;
        assert_ok(
            capsa_ratls_session_feed(client.session, capsa_bytes_of(message.data + i, 1), &taken));
        assert_int_equal(taken, 1);
    }
    assert_int_equal(capsa_ratls_session_next(client.session), CAPSA_RATLS_WORK);
    assert_int_equal(capsa_ratls_session_wants(client.session), 0);
    end_close(&client);
    end_close(&puppet);
}

static void what_failed_stays_failed(void **state)
{
    struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct end puppet, client;
    meet(scene, &client_is, &puppet, &client);
    say_another_key(scene, &puppet);
    drive(&client);
    assert_refused(&client, "session");
    size_t taken = 7;
    assert_fails(
        capsa_ratls_session_feed(client.session, CAPSA_BYTES_LITERAL("\003\0\0\0"), &taken),
        EVIDENCE);
    assert_int_equal(taken, 7);
    assert_fails(capsa_ratls_session_work(client.session), EVIDENCE);
    assert_int_equal(capsa_ratls_session_next(client.session), CAPSA_RATLS_READ);
    end_close(&client);
    end_close(&puppet);
}

/* ---- Clients that a server refuses ------------------------------------------------------------
 */

static struct end asking_server(const struct ratls_scene *scene)
{
    struct capsa_ratls_context_options server_is = server_options(scene);
    server_is.appraiser = asks(scene->accepts_both);
    return end_of(&server_is);
}

static void a_server_that_asks_wants_a_certificate(void **state)
{
    const struct ratls_scene *scene = *state;
    struct end server = asking_server(scene);
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct end client = end_of(&client_is);
    join(&server, &client);
    assert_false(shake(&client, &server));
    assert_int_equal(last_reason(), SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
    end_close(&client);
    end_close(&server);
}

static void a_server_that_asks_wants_evidence_of_the_session(void **state)
{
    struct ratls_scene *scene = *state;
    struct end server = asking_server(scene);
    struct end puppet = puppet_of(false, scene->client, ALPN);
    join(&server, &puppet);
    assert_true(shake(&puppet, &server));
    begin(&server);
    puppet_say(&puppet, CAPSA_RATLS_MSG_NO_EVIDENCE, capsa_bytes_of(NULL, 0));
    drive(&server);
    assert_refused(&server, "session");
    end_close(&puppet);
    end_close(&server);
}

/* The server's own evidence, sent back as the client's. */
static void A26_reflected_evidence_is_refused(void **state)
{
    struct ratls_scene *scene = *state;
    struct end server = asking_server(scene);
    struct end puppet = puppet_of(false, scene->client, ALPN);
    join(&server, &puppet);
    assert_true(shake(&puppet, &server));
    begin(&server);
    drive(&server);
    CAPSA_AUTO(capsa_buf) shown = capsa_buf_of(WIRE_MAX);
    get(&puppet, WIRE_MAX, &shown);
    assert_int_equal(shown.data[0], CAPSA_RATLS_MSG_EVIDENCE);
    put(&puppet, capsa_buf_bytes(&shown));
    drive(&server);
    assert_refused(&server, "session");
    end_close(&puppet);
    end_close(&server);
}

static void who_shows_what_nobody_asked_for_is_malformed(void **state)
{
    struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    struct end server = end_of(&server_is);
    struct end puppet = puppet_of(false, scene->client, ALPN);
    join(&server, &puppet);
    assert_true(shake(&puppet, &server));
    begin(&server);
    drive(&server);
    say_no_report(scene, &puppet);
    drive(&server);
    assert_int_equal(server.error.code, CAPSA_E_MALFORMED);
    end_close(&puppet);
    end_close(&server);
}

/* 160 KiB of each who was not asked would be kept until they are whole. */
static void what_may_not_come_is_refused_by_its_head(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    struct end server = end_of(&server_is);
    struct end puppet = puppet_of(false, scene->client, ALPN);
    join(&server, &puppet);
    assert_true(shake(&puppet, &server));
    begin(&server);
    drive(&server);
    size_t taken = 7;
    assert_fails(
        capsa_ratls_session_feed(server.session, CAPSA_BYTES_LITERAL("\001\002\0\0"), &taken),
        MALFORMED);
    end_close(&puppet);
    end_close(&server);
}

/* ---- Relays (A26) -----------------------------------------------------------------------------
 */

/* Somebody between both, with a session to each; passes on what comes, both ways. */
static void pass_on(const struct end *left, const struct end *right, capsa_buf *seen)
{
    const struct end *ends[] = {left, right};
    for (int i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(WIRE_MAX);
        get(ends[i], WIRE_MAX, &bytes);
        put(ends[!i], capsa_buf_bytes(&bytes));
        assert_ok(capsa_buf_append(seen, capsa_buf_bytes(&bytes)));
    }
}

static void A26_a_relay_with_the_servers_key_is_refused(void **state)
{
    struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    struct end to_client = puppet_of(true, scene->server, NULL);
    struct end to_server = puppet_of(false, NULL, ALPN);
    CAPSA_AUTO(capsa_buf) seen = capsa_buf_of(WIRE_MAX);
    join(&server, &to_server);
    join(&client, &to_client);
    assert_true(shake(&to_server, &server));
    assert_true(shake(&client, &to_client));
    begin(&server);
    begin(&client);
    for (int i = 0; i < 4; i++) {
        drive(&server);
        pass_on(&to_server, &to_client, &seen);
        drive(&client);
    }
    assert_refused(&client, "session");
    assert_false(is_done(&server));
    end_close(&client);
    end_close(&server);
    end_close(&to_client);
    end_close(&to_server);
}

/* Of both ends that prove themselves, with both keys stolen: either notices. */
static void A26_a_relay_with_both_keys_is_refused_by_both(void **state)
{
    struct ratls_scene *scene = *state;
    struct end server = asking_server(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.identity = scene->client;
    struct end client = end_of(&client_is);
    struct end to_client = puppet_of(true, scene->server, NULL);
    struct end to_server = puppet_of(false, scene->client, ALPN);
    puppet_ask(&to_client);
    CAPSA_AUTO(capsa_buf) seen = capsa_buf_of(WIRE_MAX);
    join(&server, &to_server);
    join(&client, &to_client);
    assert_true(shake(&to_server, &server));
    assert_true(shake(&client, &to_client));
    begin(&server);
    begin(&client);
    keep(&server, capsa_ratls_session_work(server.session)); /* both show before either judges */
    keep(&client, capsa_ratls_session_work(client.session));
    send_out(&server);
    send_out(&client);
    pass_on(&to_server, &to_client, &seen);
    drive(&client);
    drive(&server);
    assert_refused(&client, "session");
    assert_refused(&server, "session");
    end_close(&client);
    end_close(&server);
    end_close(&to_client);
    end_close(&to_server);
}

/* What plain RA-TLS cannot stop: documented in docs/explanation/ra-tls.md, and true. */
static void A26_plain_ra_tls_is_relayed(void **state)
{
    struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    server_is.insecure_unbound = true;
    client_is.insecure_unbound = true;
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    struct end to_client = puppet_of(true, scene->server, NULL);
    struct end to_server = puppet_of(false, NULL, NULL);
    CAPSA_AUTO(capsa_buf) seen = capsa_buf_of(WIRE_MAX);
    join(&server, &to_server);
    join(&client, &to_client);
    assert_true(shake(&to_server, &server));
    assert_true(shake(&client, &to_client));
    begin(&server);
    begin(&client);
    /* The certificate's evidence alone; nobody hands out collateral there. */
    drive(&client);
    drive(&server);
    assert_refused(&client, "collateral-missing");
    end_close(&client);
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_collateral(scene->platform.sim, CAPSA_PLATFORM_SGX, &collateral));
    client_is.collateral = &collateral;
    client = end_of(&client_is);
    end_close(&to_client);
    to_client = puppet_of(true, scene->server, NULL);
    join(&client, &to_client);
    assert_true(shake(&client, &to_client));
    begin(&client);
    drive(&client);
    assert_done(&client);
    assert_proved(&client, 0xaa, false);
    put(&client, CAPSA_BYTES_LITERAL("the data owner's key"));
    pass_on(&to_server, &to_client, &seen);
    assert_non_null(memmem(seen.data, seen.len, "the data owner's key", 20));
    end_close(&client);
    end_close(&server);
    end_close(&to_client);
    end_close(&to_server);
}

/* ---- Certificates -----------------------------------------------------------------------------
 */

/* A key whose public half is the certificate's and whose private half is not. */
static EVP_PKEY *impostor_key(EVP_PKEY *genuine)
{
    uint8_t point[133];
    size_t len = 0;
    assert_int_equal(EVP_PKEY_get_octet_string_param(genuine, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                     sizeof(point), &len),
                     1);
    BIGNUM *secret = BN_new();
    assert_int_equal(BN_set_word(secret, 4711), 1);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    assert_int_equal(
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len),
                     1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(secret);
    return key;
}

static struct end impostor_of(bool is_server, struct capsa_ratls_identity *identity)
{
    struct capsa_ratls_credential *credential = capsa_ratls_identity_current(identity);
    X509 *certificate = certificate_of(credential);
    EVP_PKEY *genuine = key_of(credential);
    EVP_PKEY *key = impostor_key(genuine);
    struct end puppet = puppet_with(is_server, certificate, key, ALPN);
    EVP_PKEY_free(key);
    EVP_PKEY_free(genuine);
    X509_free(certificate);
    capsa_ratls_credential_free(credential);
    return puppet;
}

static void A27_a_certificate_without_its_key_proves_nothing(void **state)
{
    struct ratls_scene *scene = *state;
    for (int unbound = 0; unbound < 2; unbound++) {
        struct capsa_ratls_context_options client_is = client_options(scene);
        client_is.insecure_unbound = unbound;
        struct end client = end_of(&client_is);
        struct end puppet = impostor_of(true, scene->server);
        join(&puppet, &client);
        assert_false(shake(&client, &puppet));
        assert_fails(capsa_ratls_session_new(client.context, client.ssl, &client.session),
                     INTERNAL);
        assert_null(capsa_ratls_peer(client.ssl));
        end_close(&client);
        end_close(&puppet);

        struct capsa_ratls_context_options server_is = server_options(scene);
        server_is.insecure_unbound = unbound;
        server_is.appraiser = asks(scene->accepts_both);
        struct end server = end_of(&server_is);
        puppet = impostor_of(false, scene->client);
        join(&puppet, &server);
        assert_false(shake(&puppet, &server));
        assert_null(capsa_ratls_peer(server.ssl));
        end_close(&server);
        end_close(&puppet);
    }
}

/* An RSA key of 3072 bits whose exponent has as many: nobody can sign with it, and it takes long to
 * find that out. */
static EVP_PKEY *endless_key(void)
{
    enum { BITS = 3072 };
    static const char *const parts[] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
                                        OSSL_PKEY_PARAM_RSA_D};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *numbers[3];
    for (int i = 0; i < 3; i++) {
        numbers[i] = BN_new();
        assert_int_equal(BN_rand(numbers[i], BITS - i, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
        assert_int_equal(OSSL_PARAM_BLD_push_BN(build, parts[i], numbers[i]), 1);
    }
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    for (int i = 0; i < 3; i++) {
        BN_free(numbers[i]);
    }
    return key;
}

static void keys_that_take_long_to_check_are_refused_before(void **state)
{
    const struct ratls_scene *scene = *state;
    EVP_PKEY *key = endless_key();
    X509 *certificate = X509_new();
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    struct end server = asking_server(scene);
    struct end puppet = puppet_with(false, certificate, key, ALPN);
    join(&puppet, &server);
    ERR_clear_error();
    for (int i = 0; i < 3; i++) {
        (void)SSL_do_handshake(puppet.ssl);
        (void)SSL_do_handshake(server.ssl);
    }
    /* And not its signature, for which it would have to be checked. */
    assert_int_equal(SSL_get_verify_result(server.ssl), X509_V_ERR_CERT_REJECTED);
    assert_false(SSL_is_init_finished(server.ssl));
    ERR_clear_error();
    end_close(&server);
    end_close(&puppet);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void other_programs_are_refused_by_the_policy(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.appraiser = asks(scene->accepts_other);
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    join(&server, &client);
    assert_true(shake(&client, &server));
    converse(&client, &server);
    assert_refused(&client, "reference-values");
    assert_int_equal(server.error.code, CAPSA_E_UNAUTHENTIC);
    assert_non_null(strstr(server.error.text, "\"reference-values\""));
    end_close(&client);
    end_close(&server);
}

static struct capsa_ratls_identity *plain_identity(struct program *program)
{
    struct capsa_private_key *key;
    struct capsa_cert *cert;
    const struct capsa_cert_request request = {
        .common_name = "nobody", .not_before = RATLS_NOW, .not_after = RATLS_NOW + 3600};
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(8));
    assert_ok(capsa_private_key_new_p256(&key));
    assert_ok(capsa_cert_self_sign(key, &request, &cert));
    assert_ok(capsa_cert_write_der(cert, &der));
    assert_ok(capsa_private_key_write(key, &pem));
    struct capsa_ratls_credential *credential;
    struct capsa_ratls_identity *identity;
    const struct capsa_ratls_attester attester = attester_of(program);
    assert_ok(capsa_ratls_credential_of(capsa_buf_bytes(&der), capsa_buf_bytes(&pem), &credential));
    assert_ok(capsa_ratls_identity_of(credential, &attester, &identity));
    capsa_ratls_credential_free(credential);
    capsa_cert_free(cert);
    capsa_private_key_free(key);
    return identity;
}

/* Good evidence of the session does not make up for it. */
static void a_certificate_without_evidence_is_refused(void **state)
{
    struct ratls_scene *scene = *state;
    struct capsa_ratls_identity *plain = plain_identity(&scene->server_program);
    struct capsa_ratls_context_options server_is = server_options(scene);
    server_is.identity = plain;
    const struct capsa_ratls_context_options client_is = client_options(scene);
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    join(&server, &client);
    assert_true(shake(&client, &server));
    converse(&client, &server);
    assert_refused(&client, "certificate");
    end_close(&client);
    end_close(&server);
    capsa_ratls_identity_free(plain);
}

static void an_expired_certificate_is_neither_shown_nor_taken(void **state)
{
    struct ratls_scene *scene = *state;
    struct capsa_ratls_context_options server_is = server_options(scene);
    struct capsa_clock later = capsa_clock_at(RATLS_NOW + INT64_C(86400) * 2);
    struct capsa_ratls_context_options client_is = client_options(scene);
    client_is.clock = &later; /* the server's stands still */
    struct end server = end_of(&server_is);
    struct end client = end_of(&client_is);
    join(&server, &client);
    assert_true(shake(&client, &server));
    converse(&client, &server);
    assert_refused(&client, "certificate-time");
    end_close(&client);
    end_close(&server);
    server_is.clock = &later;
    struct capsa_ratls_context *context = context_of(&server_is);
    SSL *ssl = NULL;
    assert_fails(capsa_ratls_context_session(context, &ssl), EXPIRED);
    assert_null(ssl);
    capsa_ratls_context_free(context);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_refuses_each_trick_of_a_server_at_its_check),
        TEST(who_is_refused_is_told_the_check),
        TEST(a_refusal_is_shown_if_it_names_a_check),
        TEST(a_message_counts_when_it_is_whole),
        TEST(what_failed_stays_failed),
        TEST(a_server_that_asks_wants_a_certificate),
        TEST(a_server_that_asks_wants_evidence_of_the_session),
        TEST(A26_reflected_evidence_is_refused),
        TEST(who_shows_what_nobody_asked_for_is_malformed),
        TEST(what_may_not_come_is_refused_by_its_head),
        TEST(A26_a_relay_with_the_servers_key_is_refused),
        TEST(A26_a_relay_with_both_keys_is_refused_by_both),
        TEST(A26_plain_ra_tls_is_relayed),
        TEST(A27_a_certificate_without_its_key_proves_nothing),
        TEST(keys_that_take_long_to_check_are_refused_before),
        TEST(other_programs_are_refused_by_the_policy),
        TEST(a_certificate_without_evidence_is_refused),
        TEST(an_expired_certificate_is_neither_shown_nor_taken),
    };
    return cmocka_run_group_tests_name("ratls_session_hostile", tests, ratls_scene_setup,
                                       ratls_scene_teardown);
}
