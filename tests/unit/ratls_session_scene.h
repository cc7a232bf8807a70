/* SPDX-License-Identifier: Apache-2.0
 *
 * Two ends of an attested session over memory, on a simulated platform: real ends, whose machine is
 * driven as an admission drives it, and puppets, bare TLS ends that say whatever a test wants.
 */
#pragma once

#include <openssl/ssl.h>

#include "ratls/ratls_channel.h"
#include "ratls/ratls_message.h"
#include "sim_scene.h"

#define RATLS_NOW (SIM_NOW + 60)
#define WIRE_MAX  (4 * CAPSA_LIMIT_ual_bytes)

/* ---- Programs ---------------------------------------------------------------------------------
 */

/* A program on the platform: its measurement is the byte. */
struct program {
    const struct capsa_sim *sim;
    enum capsa_platform platform;
    uint8_t measure;
    bool is_broken;  /* its platform makes nothing */
    bool is_lonely;  /* hands out no collateral */
    unsigned quotes; /* made so far */
};

static inline capsa_result program_collect(void *context, const uint8_t report_data[64],
                                           capsa_buf *ret_evidence,
                                           capsa_collateral *ret_collateral)
{
    struct program *program = context;
    CAPSA_REQUIRE(!program->is_broken, IO, "the platform makes no evidence today");
    struct capsa_sim_claims claims = {.platform = program->platform, .isv_svn = 1};
    memset(claims.mr_enclave, program->measure, sizeof(claims.mr_enclave));
    memset(claims.mr_td, program->measure, sizeof(claims.mr_td));
    memset(claims.mr_signer, 0x5a, sizeof(claims.mr_signer));
    memcpy(claims.report_data, report_data, sizeof(claims.report_data));
    CAPSA_TRY(capsa_sim_quote(program->sim, &claims, ret_evidence));
    (void)__atomic_add_fetch(&program->quotes, 1, __ATOMIC_RELAXED);
    return program->is_lonely
               ? CAPSA_OK
               : capsa_sim_collateral(program->sim, program->platform, ret_collateral);
}

static inline struct capsa_ratls_attester attester_of(struct program *program)
{
    return (struct capsa_ratls_attester){program, program->platform, program_collect};
}

/* ---- The scene --------------------------------------------------------------------------------
 */

struct ratls_scene {
    struct sim_scene platform;
    struct capsa_clock clock;
    struct program server_program, client_program, td_program;
    struct capsa_ratls_identity *server, *client;
    struct capsa_appraiser *accepts_both, *accepts_other;
};

/* Takes the programs whose measurements are these bytes. */
static inline struct capsa_appraiser *appraiser_of(const struct ratls_scene *scene, uint8_t a,
                                                   uint8_t b)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
    const uint8_t both[] = {a, b};
    assert_ok(capsa_buf_str(&text, "reference_values:\n"));
    for (size_t i = 0; i < sizeof(both); i++) {
        char hex[97] = "";
        for (size_t at = 0; at < 48; at++) {
            (void)snprintf(hex + 2 * at, 3, "%02x", both[i]);
        }
        assert_ok(capsa_buf_format(&text, "  - sgx: {mr_enclave: \"%.64s\"}\n", hex));
        assert_ok(capsa_buf_format(
            &text, "  - tdx: {mr_td: \"%s\", ignored: [rtmr0, rtmr1, rtmr2, rtmr3]}\n", hex));
    }
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(64));
    char root[96];
    (void)snprintf(root, sizeof(root), "%s/%s", scene->platform.dir, CAPSA_SIM_ROOT_FILE);
    assert_ok(capsa_file_read(root, &pem));
    struct capsa_appraiser_options options = {.cache_entries = 64};
    assert_ok(capsa_anchors_new_simulation(capsa_buf_bytes(&pem), &options.anchors));
    assert_ok(capsa_appraisal_policy_load(capsa_buf_bytes(&text), &options.policy));
    struct capsa_appraiser *appraiser;
    assert_ok(capsa_appraiser_new(&options, &appraiser));
    return appraiser;
}

static inline struct capsa_ratls_identity *identity_of(struct program *program)
{
    struct capsa_ratls_profile profile;
    struct capsa_ratls_identity *identity;
    const struct capsa_ratls_attester attester = attester_of(program);
    capsa_ratls_profile_default(&profile);
    assert_ok(capsa_ratls_identity_new(&attester, &profile, &identity));
    assert_ok(capsa_ratls_identity_renew(identity, RATLS_NOW));
    return identity;
}

static inline int ratls_scene_setup(void **state)
{
    struct ratls_scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    sim_scene_open(&scene->platform);
    scene->clock = capsa_clock_at(RATLS_NOW);
    scene->server_program = (struct program){
        .sim = scene->platform.sim, .platform = CAPSA_PLATFORM_SGX, .measure = 0xaa};
    scene->client_program = scene->server_program;
    scene->client_program.measure = 0xbb;
    scene->td_program = scene->server_program;
    scene->td_program.platform = CAPSA_PLATFORM_TDX;
    scene->server = identity_of(&scene->server_program);
    scene->client = identity_of(&scene->client_program);
    scene->accepts_both = appraiser_of(scene, 0xaa, 0xbb);
    scene->accepts_other = appraiser_of(scene, 0xcc, 0xdd);
    *state = scene;
    return 0;
}

static inline int ratls_scene_teardown(void **state)
{
    struct ratls_scene *scene = *state;
    capsa_ratls_identity_free(scene->server);
    capsa_ratls_identity_free(scene->client);
    capsa_appraiser_free(scene->accepts_both);
    capsa_appraiser_free(scene->accepts_other);
    sim_scene_close(&scene->platform);
    free(scene);
    return 0;
}

static inline struct capsa_ratls_appraiser asks(struct capsa_appraiser *appraiser)
{
    return (struct capsa_ratls_appraiser){appraiser, sim_judge};
}

/* Bound; the client shows nothing and is not asked. */
static inline struct capsa_ratls_context_options server_options(const struct ratls_scene *scene)
{
    return (struct capsa_ratls_context_options){
        .is_server = true, .identity = scene->server, .clock = &scene->clock};
}

static inline struct capsa_ratls_context_options client_options(const struct ratls_scene *scene)
{
    return (struct capsa_ratls_context_options){.appraiser = asks(scene->accepts_both),
                                                .clock = &scene->clock};
}

static inline struct capsa_ratls_context *
context_of(const struct capsa_ratls_context_options *options)
{
    struct capsa_ratls_context *context;
    assert_ok(capsa_ratls_context_new(options, &context));
    return context;
}

/* ---- Ends -------------------------------------------------------------------------------------
 */

struct end {
    SSL *ssl;
    struct capsa_ratls_context *context; /* NULL: a puppet */
    struct capsa_ratls_session *session;
    struct capsa_error error; /* how it ended; OK: well, or not yet */
};

static inline struct end end_of(const struct capsa_ratls_context_options *options)
{
    struct end end = {.context = context_of(options)};
    assert_ok(capsa_ratls_context_session(end.context, &end.ssl));
    options->is_server ? SSL_set_accept_state(end.ssl) : SSL_set_connect_state(end.ssl);
    return end;
}

static inline void end_close(struct end *end)
{
    capsa_ratls_session_free(end->session);
    SSL_free(end->ssl);
    capsa_ratls_context_free(end->context);
    *end = (struct end){.ssl = NULL};
}

static inline void join(const struct end *a, const struct end *b)
{
    BIO *left = NULL;
    BIO *right = NULL;
    assert_int_equal(BIO_new_bio_pair(&left, WIRE_MAX, &right, WIRE_MAX), 1);
    SSL_set_bio(a->ssl, left, left);
    SSL_set_bio(b->ssl, right, right);
}

/* True: both sides are through. What failed left its reason in OpenSSL's queue. */
static inline bool shake(const struct end *a, const struct end *b)
{
    int left = 0;
    int right = 0;
    ERR_clear_error();
    for (int i = 0; i < 12 && (left != 1 || right != 1); i++) {
        left = SSL_do_handshake(a->ssl);
        if (left != 1 && SSL_get_error(a->ssl, left) == SSL_ERROR_SSL) {
            (void)SSL_do_handshake(b->ssl); /* reads the alert */
            return false;
        }
        right = SSL_do_handshake(b->ssl);
        if (right != 1 && SSL_get_error(b->ssl, right) == SSL_ERROR_SSL) {
            (void)SSL_do_handshake(a->ssl);
            return false;
        }
    }
    return left == 1 && right == 1;
}

/* OpenSSL's reason for the last failure; empties the queue. */
static inline int last_reason(void)
{
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    ERR_clear_error();
    return reason;
}

static inline void put(const struct end *end, capsa_bytes bytes)
{
    if (bytes.len > 0) {
        assert_int_equal(SSL_write(end->ssl, bytes.data, (int)bytes.len), (int)bytes.len);
    }
}

/* What has come, at most `max` bytes. */
static inline void get(const struct end *end, size_t max, capsa_buf *ret_bytes)
{
    uint8_t room[4096];
    while (max > 0) {
        const int got = SSL_read(end->ssl, room, (int)(max < sizeof(room) ? max : sizeof(room)));
        if (got <= 0) {
            break;
        }
        assert_ok(capsa_buf_append(ret_bytes, capsa_bytes_of(room, (size_t)got)));
        max -= (size_t)got;
    }
    ERR_clear_error();
}

/* ---- Driving a machine ------------------------------------------------------------------------
 */

static inline void keep(struct end *end, capsa_result result)
{
    if (capsa_failed(result) && end->error.code == CAPSA_E_OK) {
        capsa_error_keep(result, &end->error);
    }
}

static inline void send_out(struct end *end)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(WIRE_MAX);
    assert_ok(capsa_ratls_session_output(end->session, &bytes));
    put(end, capsa_buf_bytes(&bytes));
}

static inline void begin(struct end *end)
{
    keep(end, capsa_ratls_session_new(end->context, end->ssl, &end->session));
    if (end->session != NULL) {
        send_out(end);
    }
}

static inline bool is_done(const struct end *end)
{
    return end->session != NULL && end->error.code == CAPSA_E_OK &&
           capsa_ratls_session_next(end->session) == CAPSA_RATLS_DONE;
}

static inline bool goes_on(const struct end *end)
{
    return end->session != NULL && end->error.code == CAPSA_E_OK && !is_done(end);
}

/* Reads what is its own, works, sends, until it wants bytes that are not there. */
static inline void drive(struct end *end)
{
    for (bool moved = true; moved && goes_on(end);) {
        if (capsa_ratls_session_next(end->session) == CAPSA_RATLS_WORK) {
            keep(end, capsa_ratls_session_work(end->session));
        } else {
            CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(WIRE_MAX);
            size_t taken = 0;
            get(end, capsa_ratls_session_wants(end->session), &bytes);
            moved = bytes.len > 0;
            keep(end, capsa_ratls_session_feed(end->session, capsa_buf_bytes(&bytes), &taken));
        }
        send_out(end);
    }
}

static inline void converse(struct end *a, struct end *b)
{
    begin(a);
    begin(b);
    for (int i = 0; i < 6; i++) {
        drive(a);
        drive(b);
    }
}

#define assert_done(end)                                                                           \
    do {                                                                                           \
        if (!is_done(end)) {                                                                       \
            fail_msg("%s: %s", #end, (end)->error.text);                                           \
        }                                                                                          \
    } while (0)

/* Refused by this check, and the report says so too. */
#define assert_refused(end, check)                                                                 \
    do {                                                                                           \
        const struct capsa_ratls_report *report_ = capsa_ratls_peer((end)->ssl);                   \
        assert_false(is_done(end));                                                                \
        assert_non_null(report_);                                                                  \
        assert_string_equal(capsa_check_name(report_->verdict.failed_check), check);               \
        assert_false(report_->verdict.accepted);                                                   \
        assert_false(report_->session_bound);                                                      \
    } while (0)

/* ---- Puppets ----------------------------------------------------------------------------------
 */

/* Bare TLS with the certificate and key of `identity` (NULL: none), as a thief would have them. */
static inline struct end puppet_of(bool is_server, struct capsa_ratls_identity *identity,
                                   const char *alpn);

static inline int puppet_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                                const unsigned char *in, unsigned in_len, void *context)
{
    (void)ssl;
    (void)context;
    *out = in + 1; /* whatever comes first */
    *out_len = in_len > 0 ? in[0] : 0;
    return in_len > 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static inline int puppet_trust(int preverified, X509_STORE_CTX *store)
{
    (void)preverified;
    (void)store;
    return 1;
}

static inline EVP_PKEY *key_of(const struct capsa_ratls_credential *credential)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(8));
    assert_ok(capsa_private_key_write(capsa_ratls_credential_key(credential), &pem));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(key);
    (void)BIO_free(bio);
    return key;
}

static inline X509 *certificate_of(const struct capsa_ratls_credential *credential)
{
    const capsa_bytes der = capsa_ratls_credential_der(credential);
    const unsigned char *at = der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(certificate);
    return certificate;
}

static inline struct end puppet_with(bool is_server, X509 *certificate, EVP_PKEY *key,
                                     const char *alpn)
{
    SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    assert_non_null(ctx);
    if (certificate != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    }
    uint8_t list[64];
    if (is_server) {
        SSL_CTX_set_alpn_select_cb(ctx, puppet_select, NULL);
    } else if (alpn != NULL) {
        list[0] = (uint8_t)strlen(alpn);
        memcpy(list + 1, alpn, list[0]);
        assert_int_equal(SSL_CTX_set_alpn_protos(ctx, list, list[0] + 1U), 0);
    }
    struct end end = {.ssl = SSL_new(ctx)};
    SSL_CTX_free(ctx);
    is_server ? SSL_set_accept_state(end.ssl) : SSL_set_connect_state(end.ssl);
    return end;
}

static inline struct end puppet_of(bool is_server, struct capsa_ratls_identity *identity,
                                   const char *alpn)
{
    if (identity == NULL) {
        return puppet_with(is_server, NULL, NULL, alpn);
    }
    struct capsa_ratls_credential *credential = capsa_ratls_identity_current(identity);
    EVP_PKEY *key = key_of(credential);
    X509 *certificate = certificate_of(credential);
    struct end end = puppet_with(is_server, certificate, key, alpn);
    X509_free(certificate);
    EVP_PKEY_free(key);
    capsa_ratls_credential_free(credential);
    return end;
}

/* Asks for a certificate, and takes any. */
static inline void puppet_ask(const struct end *puppet)
{
    SSL_set_verify(puppet->ssl, SSL_VERIFY_PEER, puppet_trust);
}

static inline void puppet_say(const struct end *puppet, enum capsa_ratls_message type,
                              capsa_bytes content)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(WIRE_MAX);
    assert_ok(capsa_ratls_message_write(type, content, &bytes));
    put(puppet, capsa_buf_bytes(&bytes));
}

static inline void assert_talk(const struct end *a, const struct end *b)
{
    const struct end *ends[] = {a, b};
    for (int i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf) came = capsa_buf_of(KIB(1));
        put(ends[i], CAPSA_BYTES_LITERAL("the application's"));
        get(ends[!i], KIB(1), &came);
        assert_true(capsa_bytes_is(capsa_buf_bytes(&came), "the application's"));
    }
}

static inline void assert_proved(const struct end *end, uint8_t measure, bool bound)
{
    const struct capsa_ratls_report *report = capsa_ratls_peer(end->ssl);
    assert_non_null(report);
    assert_true(report->verdict.accepted);
    assert_int_equal(report->session_bound, bound);
    const capsa_bytes code = capsa_claim_bytes(&report->verdict.claims, CAPSA_CLAIM_SGX_MR_ENCLAVE);
    assert_int_equal(code.len, 32);
    assert_int_equal(code.data[31], measure);
}
