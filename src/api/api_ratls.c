/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts across the public interface (capsa/ratls.h): who one is, who has to prove what, and how.
 * What channels are made with is made at the first use; the settings stand from then on.
 */
#include "api/api_ratls.h"

#include <inttypes.h>

#include "api/api_identity.h"
#include "api/api_verifier.h"
#include "base/alloc.h"
#include "base/limits.h"

/* ---- Making ---------------------------------------------------------------------------------- */

/* An identity that was not made would fail every connection, one by one. */
static capsa_result check_made(const libcapsa_identity *identity)
{
    CAPSA_AUTO_FREE(capsa_ratls_identity) made = NULL;
    return identity == NULL ? CAPSA_OK : capsa_api_identity_made(identity, &made);
}

static capsa_result new_ratls(bool is_server, const libcapsa_verifier *verifier,
                              const libcapsa_identity *identity, libcapsa_ratls **ret_ratls)
{
    CAPSA_API_GIVEN(ret_ratls);
    CAPSA_TRY(check_made(identity));
    struct libcapsa_ratls *ratls = CAPSA_NEW(struct libcapsa_ratls);
    CAPSA_REQUIRE_MEMORY(ratls);
    atomic_init(&ratls->references, 1);
    (void)pthread_mutex_init(&ratls->lock, NULL);
    ratls->is_server = is_server;
    ratls->verifier = capsa_api_verifier_share(verifier);
    ratls->identity = capsa_api_identity_share(identity);
    ratls->handshake_ms = INT64_C(1000) * CAPSA_LIMIT_handshake_seconds;
    ratls->evidence_ms = INT64_C(1000) * CAPSA_LIMIT_ratls_evidence_seconds;
    *ret_ratls = ratls;
    return CAPSA_OK;
}

static capsa_result new_server(const libcapsa_identity *identity, const libcapsa_verifier *verifier,
                               libcapsa_ratls **ret_ratls)
{
    CAPSA_API_GIVEN(identity);
    return new_ratls(true, verifier, identity, ret_ratls);
}

int libcapsa_ratls_server_new(const libcapsa_identity *identity, const libcapsa_verifier *verifier,
                              libcapsa_ratls **ret_ratls, libcapsa_error *ret_error)
{
    return capsa_api_end(new_server(identity, verifier, ret_ratls), ret_error);
}

/* A client that asks nothing of its server is no client of RA-TLS. */
static capsa_result new_client(const libcapsa_verifier *verifier, const libcapsa_identity *identity,
                               libcapsa_ratls **ret_ratls)
{
    CAPSA_API_GIVEN(verifier);
    return new_ratls(false, verifier, identity, ret_ratls);
}

int libcapsa_ratls_client_new(const libcapsa_verifier *verifier, const libcapsa_identity *identity,
                              libcapsa_ratls **ret_ratls, libcapsa_error *ret_error)
{
    return capsa_api_end(new_client(verifier, identity, ret_ratls), ret_error);
}

void libcapsa_ratls_free(libcapsa_ratls *ratls)
{
    if (ratls == NULL || !capsa_api_let_go(&ratls->references)) {
        return;
    }
    capsa_ratls_context_free(ratls->context);
    libcapsa_verifier_free(ratls->verifier);
    libcapsa_identity_free(ratls->identity);
    (void)pthread_mutex_destroy(&ratls->lock);
    capsa_dealloc(ratls);
}

/* Whoever uses it counts himself, or makes the context; the settings are only read. */
static libcapsa_ratls *usable(const libcapsa_ratls *ratls)
{
    return (libcapsa_ratls *)(uintptr_t)ratls;
}

libcapsa_ratls *capsa_api_ratls_share(const libcapsa_ratls *ratls)
{
    libcapsa_ratls *shared = usable(ratls);
    capsa_api_hold(&shared->references);
    return shared;
}

/* ---- Setting up ------------------------------------------------------------------------------ */

static capsa_result check_unused(const libcapsa_ratls *ratls)
{
    CAPSA_API_GIVEN(ratls);
    CAPSA_REQUIRE(ratls->context == NULL, USAGE,
                  "the context is in use already, and its settings stand");
    return CAPSA_OK;
}

static capsa_result set_unbound(libcapsa_ratls *ratls, bool unbound)
{
    CAPSA_TRY(check_unused(ratls));
    ratls->unbound = unbound;
    return CAPSA_OK;
}

int libcapsa_ratls_insecure_set_unbound(libcapsa_ratls *ratls, int unbound,
                                        libcapsa_error *ret_error)
{
    return capsa_api_end(set_unbound(ratls, unbound != 0), ret_error);
}

static capsa_result set_tls12(libcapsa_ratls *ratls, bool allowed)
{
    CAPSA_TRY(check_unused(ratls));
    ratls->tls12 = allowed;
    return CAPSA_OK;
}

int libcapsa_ratls_set_tls12(libcapsa_ratls *ratls, int allowed, libcapsa_error *ret_error)
{
    return capsa_api_end(set_tls12(ratls, allowed != 0), ret_error);
}

static capsa_result set_any_code(libcapsa_ratls *ratls, bool allowed)
{
    CAPSA_TRY(check_unused(ratls));
    ratls->any_code = allowed;
    return CAPSA_OK;
}

int libcapsa_ratls_insecure_set_any_code(libcapsa_ratls *ratls, int allowed,
                                         libcapsa_error *ret_error)
{
    return capsa_api_end(set_any_code(ratls, allowed != 0), ret_error);
}

#define TIMEOUT_MAX_MS INT64_C(3600000)

static capsa_result set_timeouts(libcapsa_ratls *ratls, int64_t handshake_ms, int64_t evidence_ms)
{
    CAPSA_TRY(check_unused(ratls));
    CAPSA_REQUIRE(handshake_ms >= 0 && handshake_ms <= TIMEOUT_MAX_MS && evidence_ms >= 0 &&
                      evidence_ms <= TIMEOUT_MAX_MS,
                  USAGE, "%" PRId64 " ms and %" PRId64 " ms: up to an hour each is possible",
                  handshake_ms, evidence_ms);
    ratls->handshake_ms =
        handshake_ms > 0 ? handshake_ms : INT64_C(1000) * CAPSA_LIMIT_handshake_seconds;
    ratls->evidence_ms =
        evidence_ms > 0 ? evidence_ms : INT64_C(1000) * CAPSA_LIMIT_ratls_evidence_seconds;
    return CAPSA_OK;
}

int libcapsa_ratls_set_timeouts(libcapsa_ratls *ratls, int64_t handshake_ms, int64_t evidence_ms,
                                libcapsa_error *ret_error)
{
    return capsa_api_end(set_timeouts(ratls, handshake_ms, evidence_ms), ret_error);
}

/* ---- The first use --------------------------------------------------------------------------- */

/* What a context asks; it may outlive ours, in somebody's SSL_CTX. */
struct owner {
    libcapsa_verifier *verifier;
    libcapsa_identity *identity;
    bool any_code;
};

static capsa_result judge_peer(void *context, enum capsa_platform platform, capsa_bytes evidence,
                               const capsa_collateral *shipped, capsa_time now,
                               const uint8_t *report_data, struct capsa_verdict *verdict)
{
    const struct owner *owner = context;
    CAPSA_TRY(capsa_api_appraise(owner->verifier, platform, evidence, shipped, now, report_data,
                                 verdict));
    return owner->any_code ? CAPSA_OK : capsa_appraise_pinned(owner->verifier->policy, verdict);
}

static void release(void *context)
{
    struct owner *owner = context;
    libcapsa_verifier_free(owner->verifier);
    libcapsa_identity_free(owner->identity);
    capsa_dealloc(owner);
}

static capsa_result make_with(const libcapsa_ratls *ratls, struct capsa_ratls_identity *identity,
                              struct owner *owner, struct capsa_ratls_context **ret_context)
{
    const struct capsa_ratls_context_options options = {
        .is_server = ratls->is_server,
        .identity = identity,
        .appraiser = {owner, owner->verifier == NULL ? NULL : judge_peer},
        .insecure_unbound = ratls->unbound,
        .tls12 = ratls->tls12,
        .handshake_us = ratls->handshake_ms * 1000,
        .evidence_us = ratls->evidence_ms * 1000,
        .release = release,
        .owner = owner,
    };
    return capsa_ratls_context_new(&options, ret_context);
}

static capsa_result make(const libcapsa_ratls *ratls, struct capsa_ratls_context **ret_context)
{
    CAPSA_REQUIRE(ratls->unbound || !ratls->tls12, USAGE,
                  "TLS 1.2 is for plain RA-TLS, and this context makes bound channels");
    CAPSA_REQUIRE(ratls->verifier == NULL || ratls->any_code ||
                      capsa_appraisal_policy_pins_any(ratls->verifier->policy),
                  USAGE,
                  "the verifier's policy does not say which code a peer has to be, so any program "
                  "on genuine hardware would pass: give it reference values, or ask for that with "
                  "libcapsa_ratls_insecure_set_any_code");
    CAPSA_AUTO_FREE(capsa_ratls_identity) identity = NULL;
    if (ratls->identity != NULL) {
        CAPSA_TRY(capsa_api_identity_made(ratls->identity, &identity));
    }
    struct owner *owner = CAPSA_NEW(struct owner);
    CAPSA_REQUIRE_MEMORY(owner);
    owner->verifier = capsa_api_verifier_share(ratls->verifier);
    owner->identity = capsa_api_identity_share(ratls->identity);
    owner->any_code = ratls->any_code;
    const capsa_result made = make_with(ratls, identity, owner, ret_context);
    if (capsa_failed(made)) {
        release(owner);
    }
    return made;
}

CAPSA_RESULT capsa_api_ratls_context(const libcapsa_ratls *ratls,
                                     struct capsa_ratls_context **ret_context)
{
    libcapsa_ratls *used = usable(ratls);
    (void)pthread_mutex_lock(&used->lock);
    const capsa_result made = used->context == NULL ? make(used, &used->context) : CAPSA_OK;
    *ret_context = used->context;
    (void)pthread_mutex_unlock(&used->lock);
    return made;
}

/* ---- Programs with their own OpenSSL --------------------------------------------------------- */

static capsa_result use(const libcapsa_ratls *ratls, struct ssl_ctx_st *ctx)
{
    CAPSA_API_GIVEN(ratls);
    CAPSA_API_GIVEN(ctx);
    CAPSA_REQUIRE(ratls->unbound, USAGE,
                  "a bound channel is more than a handshake: for an SSL_CTX the context has to be "
                  "unbound (libcapsa_ratls_insecure_set_unbound)");
    struct capsa_ratls_context *context = NULL;
    CAPSA_TRY(capsa_api_ratls_context(ratls, &context));
    return capsa_ratls_context_use(context, ctx);
}

int libcapsa_ratls_use(const libcapsa_ratls *ratls, struct ssl_ctx_st *ctx,
                       libcapsa_error *ret_error)
{
    return capsa_api_end(use(ratls, ctx), ret_error);
}

static capsa_result verdict_of(const struct ssl_st *session, libcapsa_verdict **ret_verdict)
{
    CAPSA_API_GIVEN(session);
    CAPSA_API_GIVEN(ret_verdict);
    const struct capsa_ratls_report *report = capsa_ratls_peer(session);
    CAPSA_REQUIRE(report != NULL && (report->verdict.accepted ||
                                     report->verdict.failed_check != CAPSA_CHECK_NONE),
                  NOT_FOUND, "nothing was asked of the peer of this session, or nothing yet");
    return capsa_api_verdict(report, true, capsa_now(&capsa_clock_system), ret_verdict);
}

int libcapsa_ratls_verdict_of(const struct ssl_st *session, libcapsa_verdict **ret_verdict,
                              libcapsa_error *ret_error)
{
    return capsa_api_end(verdict_of(session, ret_verdict), ret_error);
}
