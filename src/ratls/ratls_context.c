/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of attested servers and clients: what goes together is checked here once, and shared
 * from then on.
 */
#include "ratls/ratls_context.h"

#include "base/alloc.h"
#include "ratls/ratls_channel.h"
#include "verifier/verifier.h"

#define SECOND_US   INT64_C(1000000)
#define KNOWN_PEERS 256 /* whose certificates are remembered, with their bytes */

/* ---- What goes together -------------------------------------------------------------------------
 */

static capsa_result check_sides(const struct capsa_ratls_context_options *options)
{
    CAPSA_REQUIRE(!options->is_server || options->identity != NULL, USAGE,
                  "an attested server needs an identity to show");
    CAPSA_REQUIRE(options->is_server || options->appraiser.judge != NULL, USAGE,
                  "an attested client has to say whom it accepts: it needs a policy");
    CAPSA_REQUIRE(options->handshake_us >= 0 && options->evidence_us >= 0, USAGE,
                  "a limit of time is no negative number");
    return CAPSA_OK;
}

static capsa_result check_binding(const struct capsa_ratls_context_options *options)
{
    if (options->insecure_unbound) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(!options->tls12, USAGE,
                  "TLS 1.2 is for unbound channels: a bound one is TLS 1.3");
    CAPSA_REQUIRE(!options->insecure_old_x509, USAGE,
                  "X.509 version 1 and SHA-1 are for unbound channels");
    CAPSA_REQUIRE(options->identity == NULL ||
                      capsa_ratls_identity_attester(options->identity) != NULL,
                  USAGE,
                  "a bound channel needs evidence of each session, and this identity can make "
                  "none: it is a certificate alone");
    return CAPSA_OK;
}

/* ---- Making -------------------------------------------------------------------------------------
 */

static int64_t or_limit(int64_t us, int64_t seconds)
{
    return us > 0 ? us : seconds * SECOND_US;
}

static void copy_options(struct capsa_ratls_context *context,
                         const struct capsa_ratls_context_options *options)
{
    context->is_server = options->is_server;
    context->bound = !options->insecure_unbound;
    context->http2 = options->http2;
    context->tls12 = options->tls12;
    context->old_x509 = options->insecure_old_x509;
    context->appraiser = options->appraiser;
    context->clock = options->clock == NULL ? &capsa_clock_system : options->clock;
    context->handshake_us = or_limit(options->handshake_us, CAPSA_LIMIT_handshake_seconds);
    context->pending_max = CAPSA_LIMIT_ratls_pending;
    context->evidence_us = or_limit(options->evidence_us, CAPSA_LIMIT_ratls_evidence_seconds);
}

/* Idle connections keep no buffers. */
static capsa_result make_ctx(struct capsa_ratls_context *context)
{
    context->ctx = SSL_CTX_new(context->is_server ? TLS_server_method() : TLS_client_method());
    CAPSA_REQUIRE(context->ctx != NULL, NOMEM, "TLS cannot be set up: %s",
                  capsa_ratls_libssl_reason());
    (void)SSL_CTX_set_mode(context->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return capsa_ratls_settings(context, context->ctx, false);
}

static capsa_result fill(struct capsa_ratls_context *context,
                         const struct capsa_ratls_context_options *options)
{
    copy_options(context, options);
    if (options->collateral != NULL) {
        CAPSA_TRY(capsa_collateral_copy(options->collateral, &context->collateral));
    }
    if (options->identity != NULL) {
        context->identity = capsa_ratls_identity_share(options->identity);
    }
    if (options->appraiser.judge != NULL) {
        CAPSA_TRY(capsa_verify_cache_new(KNOWN_PEERS, &context->cache));
    }
    return make_ctx(context);
}

CAPSA_RESULT capsa_ratls_context_new(const struct capsa_ratls_context_options *options,
                                     struct capsa_ratls_context **ret_context)
{
    CAPSA_TRY(check_sides(options));
    CAPSA_TRY(check_binding(options));
    struct capsa_ratls_context *made = CAPSA_NEW(struct capsa_ratls_context);
    CAPSA_REQUIRE_MEMORY(made);
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        capsa_dealloc(made);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    atomic_init(&made->owners, 1);
    capsa_collateral_init(&made->collateral);
    CAPSA_AUTO_FREE(capsa_ratls_context) context = made;
    CAPSA_TRY(fill(context, options));
    context->release = options->release; /* not before: a failure leaves the owner to the caller */
    context->owner = options->owner;
    *ret_context = context;
    context = NULL;
    return CAPSA_OK;
}

struct capsa_ratls_context *capsa_ratls_context_share(struct capsa_ratls_context *context)
{
    (void)atomic_fetch_add(&context->owners, 1);
    return context;
}

void capsa_ratls_context_free(struct capsa_ratls_context *context)
{
    if (context == NULL || atomic_fetch_sub(&context->owners, 1) > 1) {
        return;
    }
    SSL_CTX_free(context->ctx);
    X509_free(context->kept_certificate);
    EVP_PKEY_free(context->kept_key);
    capsa_ratls_credential_free(context->kept);
    capsa_ratls_identity_free(context->identity);
    capsa_collateral_drop(&context->collateral);
    capsa_verify_cache_free(context->cache);
    (void)pthread_mutex_destroy(&context->lock);
    if (context->release != NULL) {
        context->release(context->owner);
    }
    capsa_dealloc(context);
}

/* ---- Using --------------------------------------------------------------------------------------
 */

/* What cannot be shown is said now, in words: in a handshake nobody would hear them. */
CAPSA_RESULT capsa_ratls_context_session(struct capsa_ratls_context *context, SSL **ret_session)
{
    CAPSA_TRY(capsa_ratls_presentable(context));
    SSL *session = SSL_new(context->ctx);
    CAPSA_REQUIRE(session != NULL, NOMEM, "TLS cannot be set up: %s", capsa_ratls_libssl_reason());
    struct capsa_ratls_state *state;
    capsa_result made = capsa_ratls_state_make(session, context, &state);
    if (capsa_failed(made)) {
        SSL_free(session);
        return made;
    }
    *ret_session = session;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_context_use(struct capsa_ratls_context *context, struct ssl_ctx_st *ctx)
{
    CAPSA_REQUIRE(!context->bound, USAGE,
                  "evidence of the session follows the handshake, and with an SSL_CTX of one's own "
                  "nobody sees to it: this context has to be unbound");
    CAPSA_TRY(capsa_ratls_presentable(context));
    CAPSA_TRY(capsa_ratls_keep_context(ctx, context));
    return capsa_ratls_settings(context, ctx, true);
}
