/* SPDX-License-Identifier: Apache-2.0
 *
 * See bench_channel.h. The plain ends have what those of ratls/ have: the same key type, TLS 1.3,
 * no tickets. A client verifies one signature on the server's certificate, its CA's, where an
 * attested one verifies the certificate's own: that much is the same work.
 */
#include "bench_channel.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/file.h"
#include "base/limits.h"
#include "ratls/ratls_session.h"

#define CACHE_ENTRIES 1024
#define ROUNDS_MAX    64 /* of messages to and fro, before something is wrong */

/* ---- Plain --------------------------------------------------------------------------------------
 */

static CAPSA_RESULT failed_in(const char *what)
{
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    CAPSA_FAIL(INTERNAL, "%s: %s", what, text);
}

static EVP_PKEY *key_of(const char *kind)
{
    return capsa_streq(kind, "rsa3072") ? EVP_RSA_gen(3072)
           : capsa_streq(kind, "p384")  ? EVP_EC_gen("P-384")
                                        : EVP_EC_gen("P-256");
}

static bool mark_as_ca(X509 *made)
{
    BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
    basic->ca = 1;
    bool good = X509_add1_ext_i2d(made, NID_basic_constraints, basic, 1, 0) == 1;
    BASIC_CONSTRAINTS_free(basic);
    return good;
}

/* `issuer` NULL: a CA, signed by itself. */
static X509 *certificate_of(EVP_PKEY *key, const char *name, EVP_PKEY *issuer_key, X509 *issuer)
{
    X509 *made = X509_new();
    X509_NAME *subject = X509_get_subject_name(made);
    bool good =
        X509_set_version(made, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(made), issuer == NULL ? 1 : 2) == 1 &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(made, issuer == NULL ? subject : X509_get_subject_name(issuer)) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(made), -60) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(made), 86400) != NULL &&
        X509_set_pubkey(made, key) == 1 && (issuer != NULL || mark_as_ca(made)) &&
        X509_sign(made, issuer_key, EVP_sha256()) > 0;
    if (!good) {
        X509_free(made);
        return NULL;
    }
    return made;
}

static int believe(X509_STORE_CTX *store, void *context)
{
    (void)store, (void)context;
    return 1;
}

static SSL_CTX *plain_context(const SSL_METHOD *method, X509 *ca, X509 *own, EVP_PKEY *key,
                              int verify)
{
    char groups[] = "X25519:P-256:P-384";
    SSL_CTX *context = SSL_CTX_new(method);
    bool good = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                SSL_CTX_set_num_tickets(context, 0) == 1 &&
                SSL_CTX_set1_groups_list(context, groups) == 1 &&
                X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) == 1;
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN); /* the CA's certificate is known */
    SSL_CTX_set_verify(context, verify, NULL);
    if (own != NULL) {
        good = good && SSL_CTX_use_certificate(context, own) == 1 &&
               SSL_CTX_use_PrivateKey(context, key) == 1;
    }
    if (!good) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static CAPSA_RESULT plain_open(struct bench_ends *ends, bool mutual, const char *kind)
{
    EVP_PKEY *ca_key = key_of(kind);
    EVP_PKEY *key = key_of(kind);
    X509 *ca = certificate_of(ca_key, "CA", ca_key, NULL);
    X509 *own = ca == NULL ? NULL : certificate_of(key, "end", ca_key, ca);
    if (own != NULL) {
        int ask = mutual ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE;
        ends->plain_server = plain_context(TLS_server_method(), ca, own, key, ask);
        ends->plain_client =
            plain_context(TLS_client_method(), ca, mutual ? own : NULL, key, SSL_VERIFY_PEER);
    }
    if (ends->kind == BENCH_BLIND && ends->plain_client != NULL) {
        SSL_CTX_set_cert_verify_callback(ends->plain_client, believe, NULL);
    }
    X509_free(own);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return ends->plain_server != NULL && ends->plain_client != NULL ? CAPSA_OK
                                                                    : failed_in("plain TLS");
}

/* ---- Attested -----------------------------------------------------------------------------------
 */

static int64_t cpu_ns(void)
{
    struct timespec cpu;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec;
}

/* A quoting enclave stays, with its key certified once. The simulated one reads its keys and has
 * them certified for each quote, with another signature each time: a new platform each time, and
 * milliseconds. So it makes the first quote, and the others are made of that one, by the same key.
 */
enum { SIGNED_BYTES = 48 + 384, REPORT_DATA_AT = 48 + 320, SIGNATURE_AT = SIGNED_BYTES + 4 };

static CAPSA_RESULT load_quoting_key(struct bench_ends *ends, const char *sim)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/attestation.key", sim);
    FILE *file = fopen(path, "r");
    CAPSA_REQUIRE(file != NULL, IO, "%s cannot be read", path);
    ends->quoting_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    return ends->quoting_key == NULL ? failed_in(path) : CAPSA_OK;
}

/* ECDSA's two numbers as quotes have them, big-endian one after the other. */
static bool write_signature(const uint8_t *der, size_t len, uint8_t ret_raw[64])
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool good = signature != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret_raw, 32) == 32 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret_raw + 32, 32) == 32;
    ECDSA_SIG_free(signature);
    return good;
}

static CAPSA_RESULT quote_again(const struct bench_ends *ends,
                                const uint8_t report_data[CAPSA_REPORT_DATA],
                                capsa_buf *ret_evidence)
{
    uint8_t der[128];
    size_t len = sizeof(der);
    CAPSA_TRY(capsa_buf_append(ret_evidence, capsa_buf_bytes(&ends->quote)));
    memcpy(ret_evidence->data + REPORT_DATA_AT, report_data, CAPSA_REPORT_DATA);
    EVP_MD_CTX *signing = EVP_MD_CTX_new();
    bool good = signing != NULL &&
                EVP_DigestSignInit(signing, NULL, EVP_sha256(), NULL, ends->quoting_key) == 1 &&
                EVP_DigestSign(signing, der, &len, ret_evidence->data, SIGNED_BYTES) == 1 &&
                write_signature(der, len, ret_evidence->data + SIGNATURE_AT);
    EVP_MD_CTX_free(signing);
    return good ? CAPSA_OK : failed_in("quote");
}

static CAPSA_RESULT make_evidence(struct bench_ends *ends,
                                  const uint8_t report_data[CAPSA_REPORT_DATA],
                                  capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    if (ends->quote.len == 0) {
        CAPSA_TRY(ends->attester->collect(ends->attester, &ends->where, report_data, ret_evidence,
                                          ret_collateral));
        return capsa_buf_append(&ends->quote, capsa_buf_bytes(ret_evidence));
    }
    CAPSA_TRY(quote_again(ends, report_data, ret_evidence));
    return ends->kind == BENCH_PASSPORT ? capsa_collateral_copy(&ends->collateral, ret_collateral)
                                        : CAPSA_OK;
}

static capsa_result collect(void *context, const uint8_t report_data[CAPSA_REPORT_DATA],
                            capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    struct bench_ends *ends = context;
    int64_t began = cpu_ns();
    capsa_result result = make_evidence(ends, report_data, ret_evidence, ret_collateral);
    ends->making_ns += cpu_ns() - began;
    return result;
}

static capsa_result judge(void *context, enum capsa_platform platform, capsa_bytes evidence,
                          const capsa_collateral *shipped, capsa_time now,
                          const uint8_t *report_data, struct capsa_verdict *verdict)
{
    const struct bench_ends *ends = context;
    return capsa_appraiser_judge(ends->appraiser, platform, evidence, shipped, now, report_data,
                                 verdict);
}

static CAPSA_RESULT open_appraiser(struct bench_ends *ends, const char *sim)
{
    char path[4096];
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    (void)snprintf(path, sizeof(path), "%s/root.pem", sim);
    CAPSA_TRY(capsa_file_read(path, &root));
    (void)snprintf(path, sizeof(path), "%s/sgx", sim);
    CAPSA_TRY(capsa_collateral_load(path, &ends->collateral));
    struct capsa_appraiser_options options = {.cache_entries = CACHE_ENTRIES};
    CAPSA_TRY(capsa_anchors_new_custom(capsa_buf_bytes(&root), &options.anchors));
    capsa_result result = capsa_appraisal_policy_new(&options.policy);
    if (!capsa_failed(result)) {
        result = capsa_appraiser_new(&options, &ends->appraiser);
    }
    if (capsa_failed(result)) {
        capsa_anchors_free(options.anchors);
        capsa_appraisal_policy_free(options.policy);
    }
    return result;
}

static CAPSA_RESULT open_identity(struct bench_ends *ends, const char *key)
{
    struct capsa_ratls_profile profile;
    const struct capsa_ratls_attester attester = {
        .context = ends, .platform = ends->attester->platform, .collect = collect};
    capsa_ratls_profile_default(&profile);
    CAPSA_TRY(capsa_ratls_profile_key(&profile, key));
    CAPSA_TRY(capsa_ratls_identity_new(&attester, &profile, &ends->identity));
    return capsa_ratls_identity_renew(ends->identity, capsa_now(&capsa_clock_system));
}

static CAPSA_RESULT attested_open(struct bench_ends *ends, bool mutual)
{
    const struct capsa_ratls_appraiser appraiser = {.context = ends, .judge = judge};
    struct capsa_ratls_context_options options = {
        .is_server = true,
        .identity = ends->identity,
        .collateral = &ends->collateral,
        .insecure_unbound = ends->kind == BENCH_UNBOUND,
    };
    if (mutual) {
        options.appraiser = appraiser;
    }
    CAPSA_TRY(capsa_ratls_context_new(&options, &ends->server));
    options.is_server = false;
    options.appraiser = appraiser;
    options.identity = mutual ? ends->identity : NULL;
    return capsa_ratls_context_new(&options, &ends->client);
}

CAPSA_RESULT bench_ends_open(enum bench_kind kind, bool mutual, const char *key, const char *sim,
                             const char *code, struct bench_ends *ret_ends)
{
    *ret_ends = (struct bench_ends){.kind = kind};
    ret_ends->quote = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    capsa_collateral_init(&ret_ends->collateral);
    if (bench_is_plain(ret_ends)) {
        return plain_open(ret_ends, mutual, key);
    }
    ret_ends->attester = capsa_attester_by_name("sim-sgx");
    CAPSA_REQUIRE(ret_ends->attester != NULL, UNSUPPORTED, "this build has no simulated platform");
    ret_ends->where = (struct capsa_attester_options){.sim_dir = sim, .sim_code = code};
    CAPSA_TRY(load_quoting_key(ret_ends, sim));
    CAPSA_TRY(open_appraiser(ret_ends, sim));
    CAPSA_TRY(open_identity(ret_ends, key));
    return attested_open(ret_ends, mutual);
}

void bench_ends_close(struct bench_ends *ends)
{
    SSL_CTX_free(ends->plain_client);
    SSL_CTX_free(ends->plain_server);
    capsa_ratls_context_free(ends->client);
    capsa_ratls_context_free(ends->server);
    capsa_ratls_identity_free(ends->identity);
    capsa_appraiser_free(ends->appraiser);
    capsa_collateral_drop(&ends->collateral);
    capsa_buf_drop(&ends->quote);
    EVP_PKEY_free(ends->quoting_key);
}

/* ---- A handshake in memory ----------------------------------------------------------------------
 */

struct pair {
    SSL *server, *client;
    struct capsa_ratls_session *server_session, *client_session;
};
typedef struct pair pair;

static void pair_drop(pair *both)
{
    capsa_ratls_session_free(both->server_session);
    capsa_ratls_session_free(both->client_session);
    SSL_free(both->server);
    SSL_free(both->client);
}

static CAPSA_RESULT session_of(struct capsa_ratls_context *context, SSL **ret_session)
{
    struct capsa_net_tls_maker maker;
    CAPSA_TRY(capsa_ratls_maker(context, &maker));
    capsa_result result = maker.session(maker.context, ret_session);
    maker.free(maker.context);
    return result;
}

static CAPSA_RESULT make_pair(const struct bench_ends *ends, pair *both)
{
    if (bench_is_plain(ends)) {
        both->server = SSL_new(ends->plain_server);
        both->client = SSL_new(ends->plain_client);
        CAPSA_REQUIRE_MEMORY(both->server);
        CAPSA_REQUIRE_MEMORY(both->client);
    } else {
        CAPSA_TRY(session_of(ends->server, &both->server));
        CAPSA_TRY(session_of(ends->client, &both->client));
    }
    BIO *to_server = BIO_new(BIO_s_mem());
    BIO *to_client = BIO_new(BIO_s_mem());
    CAPSA_REQUIRE_MEMORY(to_server);
    CAPSA_REQUIRE_MEMORY(to_client);
    (void)BIO_set_mem_eof_return(to_server, -1);
    (void)BIO_set_mem_eof_return(to_client, -1);
    (void)BIO_up_ref(to_server);
    (void)BIO_up_ref(to_client);
    SSL_set_bio(both->server, to_server, to_client);
    SSL_set_bio(both->client, to_client, to_server);
    SSL_set_accept_state(both->server);
    SSL_set_connect_state(both->client);
    return CAPSA_OK;
}

static CAPSA_RESULT step(SSL *session, const char *who)
{
    int done = SSL_do_handshake(session);
    if (done == 1 || SSL_get_error(session, done) == SSL_ERROR_WANT_READ) {
        return CAPSA_OK;
    }
    return failed_in(who);
}

static CAPSA_RESULT shake_hands(const pair *both)
{
    for (int i = 0; i < ROUNDS_MAX; i++) {
        CAPSA_TRY(step(both->client, "client"));
        CAPSA_TRY(step(both->server, "server"));
        if (SSL_is_init_finished(both->client) && SSL_is_init_finished(both->server)) {
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(INTERNAL, "the handshake does not end");
}

/* ---- What follows the handshake ---- */

static CAPSA_RESULT send_output(struct capsa_ratls_session *session, SSL *tls)
{
    CAPSA_AUTO(capsa_buf) output = capsa_buf_of(2 * CAPSA_LIMIT_ual_bytes);
    CAPSA_TRY(capsa_ratls_session_output(session, &output));
    CAPSA_REQUIRE(output.len == 0 || SSL_write(tls, output.data, (int)output.len) > 0, INTERNAL,
                  "memory takes no more");
    return CAPSA_OK;
}

static CAPSA_RESULT feed_input(struct capsa_ratls_session *session, SSL *tls)
{
    uint8_t block[16384];
    size_t taken = 0;
    int got;
    while (capsa_ratls_session_next(session) == CAPSA_RATLS_READ &&
           (got = SSL_read(tls, block, sizeof(block))) > 0) {
        CAPSA_TRY(capsa_ratls_session_feed(session, capsa_bytes_of(block, (size_t)got), &taken));
    }
    return CAPSA_OK;
}

static CAPSA_RESULT advance(struct capsa_ratls_session *session, SSL *tls)
{
    CAPSA_TRY(send_output(session, tls));
    CAPSA_TRY(feed_input(session, tls));
    while (capsa_ratls_session_next(session) == CAPSA_RATLS_WORK) {
        CAPSA_TRY(capsa_ratls_session_work(session));
        CAPSA_TRY(send_output(session, tls));
    }
    return send_output(session, tls);
}

static bool is_done(const struct capsa_ratls_session *session)
{
    return capsa_ratls_session_next(session) == CAPSA_RATLS_DONE;
}

static CAPSA_RESULT prove(const struct bench_ends *ends, pair *both)
{
    CAPSA_TRY(capsa_ratls_session_new(ends->server, both->server, &both->server_session));
    CAPSA_TRY(capsa_ratls_session_new(ends->client, both->client, &both->client_session));
    for (int i = 0; i < ROUNDS_MAX; i++) {
        CAPSA_TRY_AT(advance(both->server_session, both->server), "server");
        CAPSA_TRY_AT(advance(both->client_session, both->client), "client");
        if (is_done(both->server_session) && is_done(both->client_session)) {
            const struct capsa_ratls_report *report = capsa_ratls_peer(both->client);
            CAPSA_REQUIRE(report != NULL && report->verdict.accepted, INTERNAL,
                          "the server was not judged");
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(INTERNAL, "the exchange of evidence does not end");
}

CAPSA_RESULT bench_handshake(struct bench_ends *ends)
{
    CAPSA_AUTO(pair) both = {.server = NULL};
    CAPSA_TRY(make_pair(ends, &both));
    CAPSA_TRY(shake_hands(&both));
    return bench_is_plain(ends) ? CAPSA_OK : prove(ends, &both);
}

/* ---- On a socket --------------------------------------------------------------------------------
 */

CAPSA_RESULT bench_plain_open(struct bench_ends *ends, bool server, int fd, SSL **ret_session)
{
    SSL *session = SSL_new(server ? ends->plain_server : ends->plain_client);
    CAPSA_REQUIRE_MEMORY(session);
    BIO *socket = BIO_new_socket(fd, BIO_CLOSE);
    SSL_set_bio(session, socket, socket);
    if ((server ? SSL_accept(session) : SSL_connect(session)) != 1) {
        SSL_free(session);
        return failed_in("plain TLS on a socket");
    }
    *ret_session = session;
    return CAPSA_OK;
}

CAPSA_RESULT bench_stream_open(struct bench_ends *ends, bool server, int fd,
                               struct capsa_net_stream **ret_stream)
{
    CAPSA_AUTO_FREE(capsa_net_tls) tls = NULL;
    int64_t deadline = capsa_monotonic_us() + INT64_C(30000000);
    CAPSA_TRY(capsa_ratls_tls_new(server ? ends->server : ends->client, &tls));
    return server ? capsa_net_stream_accept(fd, tls, deadline, ret_stream)
                  : capsa_net_stream_connected(fd, tls, "the bench", deadline, ret_stream);
}
