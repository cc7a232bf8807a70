/* SPDX-License-Identifier: Apache-2.0
 *
 * What hangs on an SSL and on an SSL_CTX, in slots of our own that libssl frees with them: what the
 * peer proved, and the context whose callbacks run.
 */
#include "base/alloc.h"
#include "ratls/ratls_channel.h"

static pthread_once_t taken_once = PTHREAD_ONCE_INIT;
static int session_slot = -1, ctx_slot = -1; /* -1: libssl had no memory for one */

static void free_state(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number,
                       void *argument)
{
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    struct capsa_ratls_state *state = pointer;
    if (state != NULL) {
        capsa_ratls_context_free(state->context);
        capsa_dealloc(state->report);
        capsa_dealloc(state);
    }
}

/* The copy of a session has proved nothing. */
static int dup_state(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **pointer, int index,
                     long number, void *argument)
{
    (void)to, (void)from, (void)index, (void)number, (void)argument;
    *pointer = NULL;
    return 1;
}

static void free_context(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number,
                         void *argument)
{
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    capsa_ratls_context_free(pointer);
}

static void take_slots(void)
{
    session_slot = SSL_get_ex_new_index(0, NULL, NULL, dup_state, free_state);
    ctx_slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_context);
}

static bool has_slots(void)
{
    (void)pthread_once(&taken_once, take_slots);
    return session_slot >= 0 && ctx_slot >= 0;
}

struct capsa_ratls_state *capsa_ratls_state_of(const SSL *session)
{
    return has_slots() ? SSL_get_ex_data(session, session_slot) : NULL;
}

CAPSA_RESULT capsa_ratls_state_make(SSL *session, struct capsa_ratls_context *context,
                                    struct capsa_ratls_state **ret_state)
{
    CAPSA_REQUIRE(has_slots(), NOMEM, "out of memory");
    struct capsa_ratls_state *state = capsa_ratls_state_of(session);
    if (state == NULL) {
        state = CAPSA_NEW(struct capsa_ratls_state);
        CAPSA_REQUIRE_MEMORY(state);
        if (SSL_set_ex_data(session, session_slot, state) != 1) {
            capsa_dealloc(state);
            ERR_clear_error();
            CAPSA_FAIL(NOMEM, "out of memory");
        }
        state->context = capsa_ratls_context_share(context);
    }
    *ret_state = state;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_state_report(struct capsa_ratls_state *state,
                                      const struct capsa_ratls_report *report)
{
    if (state->report == NULL) {
        state->report = CAPSA_NEW(struct capsa_ratls_report);
        CAPSA_REQUIRE_MEMORY(state->report);
    }
    *state->report = *report;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_keep_context(SSL_CTX *ctx, struct capsa_ratls_context *context)
{
    CAPSA_REQUIRE(has_slots(), NOMEM, "out of memory");
    CAPSA_REQUIRE(SSL_CTX_get_ex_data(ctx, ctx_slot) == NULL, USAGE,
                  "this SSL_CTX was set up for RA-TLS before");
    struct capsa_ratls_context *share = capsa_ratls_context_share(context);
    if (SSL_CTX_set_ex_data(ctx, ctx_slot, share) != 1) {
        capsa_ratls_context_free(share);
        ERR_clear_error();
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    return CAPSA_OK;
}

const struct capsa_ratls_report *capsa_ratls_peer(const struct ssl_st *session)
{
    const struct capsa_ratls_state *state = capsa_ratls_state_of(session);
    return state == NULL ? NULL : state->report;
}

CAPSA_RESULT capsa_ratls_x509_der(const X509 *certificate, capsa_buf *ret_der)
{
    const int len = i2d_X509(certificate, NULL);
    CAPSA_REQUIRE(len > 0, NOMEM, "a certificate cannot be written: %s",
                  capsa_ratls_libssl_reason());
    uint8_t *room;
    CAPSA_TRY_AT(capsa_buf_extend(ret_der, (size_t)len, &room), "the peer's certificate");
    if (i2d_X509(certificate, &room) != len) {
        capsa_buf_cut(ret_der, ret_der->len - (size_t)len);
        CAPSA_FAIL(NOMEM, "a certificate cannot be written: %s", capsa_ratls_libssl_reason());
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_peer_certificate(const struct ssl_st *session, capsa_buf *ret_der)
{
    const X509 *certificate = SSL_get0_peer_certificate(session);
    return certificate == NULL ? CAPSA_OK : capsa_ratls_x509_der(certificate, ret_der);
}

const char *capsa_ratls_libssl_reason(void)
{
    const unsigned long code = ERR_get_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    ERR_clear_error();
    return reason == NULL ? "no further reason given" : reason;
}
