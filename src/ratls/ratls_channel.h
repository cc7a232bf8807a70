/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: the context behind ratls_context.h, and what hangs on an SSL. A context never
 * changes once it is made, but for the credential that it keeps in libssl's form.
 */
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/time.h"
#include "ratls/ratls_session.h"

struct capsa_ratls_context {
    atomic_uint owners;
    bool is_server, bound, http2, tls12, old_x509;
    struct capsa_ratls_identity *identity; /* NULL: a client that shows none */
    struct capsa_ratls_appraiser appraiser;
    capsa_collateral collateral;
    struct capsa_verify_cache *cache; /* whose certificates are known; NULL: nobody is judged */
    const struct capsa_clock *clock;
    int64_t handshake_us, evidence_us;
    size_t pending_max; /* CAPSA_LIMIT_ratls_pending; less in tests */
    void (*release)(void *owner);
    void *owner;
    SSL_CTX *ctx;
    pthread_mutex_t lock; /* guards what follows: the last credential, as libssl has it */
    struct capsa_ratls_credential *kept;
    X509 *kept_certificate;
    EVP_PKEY *kept_key;
};

/* ---- What hangs on an SSL (ratls_peer.c) --------------------------------------------------------
 */

struct capsa_ratls_state {
    struct capsa_ratls_context *context; /* a share: callbacks of the session use it */
    struct capsa_ratls_report *report;   /* NULL: nothing yet */
    bool presented;                      /* our certificate was shown */
};
/* NULL: none. */
struct capsa_ratls_state *capsa_ratls_state_of(const SSL *session);
/* The one that is there, or a new one that is freed with the session. */
CAPSA_RESULT capsa_ratls_state_make(SSL *session, struct capsa_ratls_context *context,
                                    struct capsa_ratls_state **ret_state);
/* Copies; takes the place of an earlier one. */
CAPSA_RESULT capsa_ratls_state_report(struct capsa_ratls_state *state,
                                      const struct capsa_ratls_report *report);
/* `ctx` keeps a share of `context`. USAGE: it has one already. */
CAPSA_RESULT capsa_ratls_keep_context(SSL_CTX *ctx, struct capsa_ratls_context *context);

/* ---- What we show (ratls_present.c) -------------------------------------------------------------
 */

/* The identity has a credential that is valid now: EXPIRED, or NOT_FOUND. Without an identity it
 * holds. */
CAPSA_RESULT capsa_ratls_presentable(const struct capsa_ratls_context *context);
/* Certificate and key of the identity as it is now, on one session. */
CAPSA_RESULT capsa_ratls_present(struct capsa_ratls_context *context, SSL *session);

/* ---- Settings (ratls_settings.c) ----------------------------------------------------------------
 */

/* "capsa-ratls/1", "h2"; NULL: the context has none. */
const char *capsa_ratls_alpn(const struct capsa_ratls_context *context);
/* Everything on an SSL_CTX. `judging`: evidence is judged within the handshake. */
CAPSA_RESULT capsa_ratls_settings(struct capsa_ratls_context *context, SSL_CTX *ctx, bool judging);

/* A session with these settings, for a connection of this context's own. SSL_free it. */
CAPSA_RESULT capsa_ratls_context_session(struct capsa_ratls_context *context, SSL **ret_session);
/* As DER, appended. */
CAPSA_RESULT capsa_ratls_x509_der(const X509 *certificate, capsa_buf *ret_der);
/* What libssl says last, in words; empties its queue. */
const char *capsa_ratls_libssl_reason(void);
