/* SPDX-License-Identifier: Apache-2.0
 *
 * A context as libssl's settings: versions, names of protocols, what is shown and who is asked. A
 * peer's certificate leads to no authority; whatever it is worth, its evidence says. It is judged
 * afterwards, off the loop, or (for a caller's own SSL_CTX) within the handshake.
 */
#include <string.h>

#include "crypto/crypto.h"
#include "ratls/ratls_channel.h"

#define GROUPS            "X25519:P-256:P-384"
#define TLS12_CIPHERS     "ECDHE+AESGCM:ECDHE+CHACHA20"
#define ALPN_MAX          32  /* of our names */
#define RSA_EXPONENT      "e" /* of the parameters that libcrypto names */
#define RSA_EXPONENT_BITS 64

/* Indexed by whether HTTP/2 is spoken inside. */
static const char *const bound_names[] = {CAPSA_RATLS_ALPN, CAPSA_RATLS_ALPN_H2};
static const char *const unbound_names[] = {NULL, "h2"};

const char *capsa_ratls_alpn(const struct capsa_ratls_context *context)
{
    return context->bound ? bound_names[context->http2] : unbound_names[context->http2];
}

/* ---- ALPN ---------------------------------------------------------------------------------------
 */

/* A list of one name, as TLS has it. */
static unsigned list_of(const char *name, uint8_t ret_list[ALPN_MAX])
{
    const size_t len = strlen(name);
    ret_list[0] = (uint8_t)len;
    memcpy(ret_list + 1, name, len);
    return (unsigned)len + 1;
}

/* The alert is no_application_protocol. */
static int select_name(SSL *session, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *argument)
{
    (void)session;
    const char *name = capsa_ratls_alpn(argument);
    for (unsigned at = 0; at < in_len && in[at] < in_len - at; at += 1U + in[at]) {
        if (capsa_bytes_is(capsa_bytes_of(in + at + 1, in[at]), name)) {
            *out = in + at + 1;
            *out_len = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Without the extension libssl asks nobody. */
static int demand_name(SSL *session, int *ret_alert, void *argument)
{
    (void)argument;
    const unsigned char *content;
    size_t len = 0;
    if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                  &content, &len) == 1) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    *ret_alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    ERR_raise(ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL); /* libssl says that a callback failed */
    return SSL_CLIENT_HELLO_ERROR;
}

static bool set_names(struct capsa_ratls_context *context, SSL_CTX *ctx)
{
    const char *name = capsa_ratls_alpn(context);
    if (name == NULL) {
        return true;
    }
    if (context->is_server) {
        SSL_CTX_set_alpn_select_cb(ctx, select_name, context);
        if (context->bound) {
            SSL_CTX_set_client_hello_cb(ctx, demand_name, NULL);
        }
        return true;
    }
    uint8_t list[ALPN_MAX];
    const unsigned len = list_of(name, list);
    return SSL_CTX_set_alpn_protos(ctx, list, len) == 0; /* this one call has 0 for success */
}

/* ---- What we show -------------------------------------------------------------------------------
 */

/* Of servers in each handshake, of clients only where the server asks. */
static int on_certificate_wanted(SSL *session, void *argument)
{
    struct capsa_ratls_context *context = argument;
    struct capsa_ratls_state *state;
    if (context->identity == NULL) {
        return 1;
    }
    if (capsa_failed(capsa_ratls_state_make(session, context, &state)) ||
        capsa_failed(capsa_ratls_present(context, session))) {
        ERR_raise(ERR_LIB_SSL, SSL_R_NO_CERTIFICATE_ASSIGNED);
        return 0;
    }
    state->presented = true;
    return 1;
}

/* ---- What the peer shows ------------------------------------------------------------------------
 */

/* A certificate with evidence stands by itself. */
static bool is_single(X509_STORE_CTX *shown)
{
    return X509_STORE_CTX_get0_cert(shown) != NULL &&
           sk_X509_num(X509_STORE_CTX_get0_untrusted(shown)) == 1;
}

static int answer(X509_STORE_CTX *shown, bool accepted)
{
    X509_STORE_CTX_set_error(shown, accepted ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return accepted;
}

/* To check a signature by an RSA key of endless length or exponent takes a loop longer than forty
 * handshakes; the judge refuses them too, but not before. */
static bool is_checked_soon(const X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    BIGNUM *exponent = NULL;
    if (key == NULL) {
        return false;
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA &&
        EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA_PSS) {
        return true;
    }
    const bool is_short = EVP_PKEY_get_bits(key) <= CAPSA_LIMIT_rsa_bits_max &&
                          EVP_PKEY_get_bn_param(key, RSA_EXPONENT, &exponent) == 1 &&
                          BN_num_bits(exponent) <= RSA_EXPONENT_BITS;
    BN_free(exponent);
    return is_short;
}

/* Its key is proved by TLS, its evidence judged by the session (ratls_session.h). */
static int take_for_now(X509_STORE_CTX *shown, void *argument)
{
    (void)argument;
    return answer(shown, is_single(shown) && is_checked_soon(X509_STORE_CTX_get0_cert(shown)));
}

static capsa_result judge_shown(struct capsa_ratls_context *context, X509_STORE_CTX *shown)
{
    SSL *session = X509_STORE_CTX_get_ex_data(shown, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct capsa_ratls_state *state;
    CAPSA_TRY(capsa_ratls_state_make(session, context, &state));
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    CAPSA_TRY(capsa_ratls_x509_der(X509_STORE_CTX_get0_cert(shown), &der));
    const struct capsa_ratls_rules rules = {.insecure_old_x509 = context->old_x509,
                                            .cache = context->cache};
    struct capsa_ratls_report report;
    capsa_result judged =
        capsa_ratls_judge(capsa_buf_bytes(&der), &rules, &context->appraiser, &context->collateral,
                          capsa_now(context->clock), &report);
    CAPSA_TRY(capsa_ratls_state_report(state, &report));
    return judged;
}

static int judge_now(X509_STORE_CTX *shown, void *argument)
{
    return answer(shown, is_single(shown) && !capsa_failed(judge_shown(argument, shown)));
}

static void set_asking(struct capsa_ratls_context *context, SSL_CTX *ctx, bool judging)
{
    if (context->appraiser.judge == NULL) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        return;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, judging ? judge_now : take_for_now, context);
    SSL_CTX_set_max_cert_list(ctx, CAPSA_LIMIT_ratls_certificate);
}

/* ---- No session of before -----------------------------------------------------------------------
 * Who resumes is shown no certificate, so nobody is asked. Programs and libraries (curl's cache)
 * hand sessions to an SSL that were made with other settings, and judged by others or by nobody.
 */

/* Before the client's first message: then it offers none, and the handshake is a whole one. */
static void forget_session(const SSL *session, int where, int value)
{
    (void)value;
    if ((where & SSL_CB_HANDSHAKE_START) != 0 && SSL_is_server(session) == 0) {
        (void)SSL_set_session((SSL *)(uintptr_t)session, NULL);
    }
}

/* Where a caller's own callback stands in the way, libssl breaks off: no session has these bytes.
 */
static capsa_result set_fresh(SSL_CTX *ctx)
{
    uint8_t own[SSL_MAX_SID_CTX_LENGTH];
    if (SSL_CTX_get_info_callback(ctx) == NULL) {
        SSL_CTX_set_info_callback(ctx, forget_session);
    }
    CAPSA_TRY(capsa_random(own, sizeof(own)));
    CAPSA_REQUIRE(SSL_CTX_set_session_id_context(ctx, own, sizeof(own)) == 1, INTERNAL,
                  "TLS cannot be set up: %s", capsa_ratls_libssl_reason());
    return CAPSA_OK;
}

/* ---- The whole ----------------------------------------------------------------------------------
 */

/* Old mbedTLS takes a ticket for an error; and who resumes proves nothing anew. */
static bool set_versions(const struct capsa_ratls_context *context, SSL_CTX *ctx)
{
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    char groups[] = GROUPS; /* libssl's macro takes no const */
    const int lowest = context->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    return SSL_CTX_set_min_proto_version(ctx, lowest) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
           SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
           SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) == 1;
}

CAPSA_RESULT capsa_ratls_settings(struct capsa_ratls_context *context, SSL_CTX *ctx, bool judging)
{
    ERR_clear_error();
    CAPSA_REQUIRE(set_versions(context, ctx) && set_names(context, ctx), INTERNAL,
                  "TLS cannot be set up: %s", capsa_ratls_libssl_reason());
    CAPSA_TRY(set_fresh(ctx));
    SSL_CTX_set_cert_cb(ctx, on_certificate_wanted, context);
    set_asking(context, ctx, judging);
    return CAPSA_OK;
}
