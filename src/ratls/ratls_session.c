/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine of one session. All that it needs of libssl (the peer's certificate, both exporter
 * values) is taken when it is made, so that its work may go on while the connection goes.
 *
 * What a peer may say: EVIDENCE or NO_EVIDENCE, once; then ACCEPTED or REFUSED, once. What comes
 * behind is the application's, and only when this side has accepted too.
 */
#include "ratls/ratls_session.h"

#include "base/alloc.h"
#include "crypto/crypto.h"
#include "ratls/ratls_channel.h"
#include "ratls/ratls_message.h"
#include "ratls/ratls_proof.h"

#define OUTPUT_MAX ((size_t)CAPSA_LIMIT_ual_bytes + 2 * CAPSA_RATLS_HEAD + CAPSA_RATLS_REFUSAL)

enum peer_step { PEER_SILENT, PEER_SHOWED, PEER_ACCEPTED };

struct capsa_ratls_session {
    struct capsa_ratls_context *context; /* a share */
    SSL *ssl;                            /* borrowed; of _new and _output alone */
    bool shows;                          /* this side makes evidence of the session */
    bool asks;                           /* the peer has to prove what it is */
    bool spoke;                          /* our first message is in the output, or was */
    bool judged;                         /* and accepted; or there was nothing to judge */
    enum peer_step peer;
    capsa_buf certificate; /* the peer's, DER */
    uint8_t peer_spki[CAPSA_SHA256];
    uint8_t own_data[CAPSA_REPORT_DATA], peer_data[CAPSA_REPORT_DATA];
    struct capsa_ratls_inbox inbox;
    capsa_buf evidence; /* the peer's; empty: none */
    capsa_buf output;
    struct capsa_ratls_report report;
    bool has_report, is_reported;
    struct capsa_error failure; /* OK: none */
};

static bool has_failed(const struct capsa_ratls_session *session)
{
    return session->failure.code != CAPSA_E_OK;
}

/* What failed stays failed. */
static capsa_result fail(struct capsa_ratls_session *session, capsa_result failed)
{
    capsa_error_keep(failed, &session->failure);
    return failed;
}

/* ---- What libssl knows --------------------------------------------------------------------------
 */

static capsa_result spki_digest(const X509 *certificate, uint8_t ret_digest[CAPSA_SHA256])
{
    unsigned char *der = NULL;
    const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    CAPSA_REQUIRE(len > 0, NOMEM, "the key of a certificate cannot be written: %s",
                  capsa_ratls_libssl_reason());
    capsa_sha256(capsa_bytes_of(der, (size_t)len), ret_digest);
    OPENSSL_free(der);
    return CAPSA_OK;
}

/* Our own certificate as far as the peer has seen it. A server shows his always, a client only when
 * asked. */
static const X509 *own_certificate(const struct capsa_ratls_session *session)
{
    const struct capsa_ratls_state *state = capsa_ratls_state_of(session->ssl);
    return state != NULL && state->presented ? SSL_get_certificate(session->ssl) : NULL;
}

static capsa_result read_transcript(struct capsa_ratls_session *session,
                                    struct capsa_ratls_transcript *ret_transcript)
{
    const bool is_server = session->context->is_server;
    const X509 *own = own_certificate(session);
    const X509 *peer = SSL_get0_peer_certificate(session->ssl);
    const X509 *server = is_server ? own : peer;
    const X509 *client = is_server ? peer : own;
    *ret_transcript = (struct capsa_ratls_transcript){.has_client = client != NULL};
    CAPSA_REQUIRE(server != NULL, UNAUTHENTIC, "the server showed no certificate");
    CAPSA_TRY(spki_digest(server, ret_transcript->server_spki));
    if (client != NULL) {
        CAPSA_TRY(spki_digest(client, ret_transcript->client_spki));
    }
    memcpy(session->peer_spki,
           is_server ? ret_transcript->client_spki : ret_transcript->server_spki,
           sizeof(session->peer_spki));
    session->shows = own != NULL;
    return capsa_ratls_peer_certificate(session->ssl, &session->certificate);
}

static capsa_result bind_role(const struct capsa_ratls_session *session,
                              const struct capsa_ratls_transcript *transcript,
                              enum capsa_ratls_role role,
                              uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    CAPSA_AUTO(capsa_buf) context = capsa_buf_of(KIB(1));
    uint8_t exported[CAPSA_RATLS_EXPORTER];
    CAPSA_TRY(capsa_ratls_exporter_context(transcript, role, &context));
    CAPSA_REQUIRE(SSL_export_keying_material(
                      session->ssl, exported, sizeof(exported), CAPSA_RATLS_EXPORTER_LABEL,
                      sizeof(CAPSA_RATLS_EXPORTER_LABEL) - 1, context.data, context.len, 1) == 1,
                  INTERNAL, "TLS does not hand out the value that evidence is to bind: %s",
                  capsa_ratls_libssl_reason());
    return capsa_ratls_session_report_data(transcript, role, exported, ret_report_data);
}

static capsa_result bind_ends(struct capsa_ratls_session *session,
                              const struct capsa_ratls_transcript *transcript)
{
    const bool is_server = session->context->is_server;
    CAPSA_TRY(bind_role(session, transcript, is_server ? CAPSA_RATLS_SERVER : CAPSA_RATLS_CLIENT,
                        session->own_data));
    return bind_role(session, transcript, is_server ? CAPSA_RATLS_CLIENT : CAPSA_RATLS_SERVER,
                     session->peer_data);
}

/* Nothing of an earlier session may stand for this one. */
static capsa_result check_handshake(const struct capsa_ratls_context *context, const SSL *ssl)
{
    CAPSA_REQUIRE(SSL_is_init_finished(ssl), INTERNAL, "the TLS handshake is not done");
    CAPSA_REQUIRE(SSL_session_reused(ssl) == 0, UNAUTHENTIC,
                  "the TLS session was resumed, and proves nothing anew");
    if (!context->bound) {
        return CAPSA_OK;
    }
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(ssl, &name, &len);
    const char *wanted = capsa_ratls_alpn(context);
    CAPSA_REQUIRE(capsa_bytes_is(capsa_bytes_of(name, len), wanted), UNAUTHENTIC,
                  "the peer does not bind its evidence to the session (it did not agree to the "
                  "protocol \"%s\"), and there is no fallback",
                  wanted);
    CAPSA_REQUIRE(SSL_version(ssl) == TLS1_3_VERSION, UNAUTHENTIC,
                  "a bound channel is TLS 1.3, and this is %s", SSL_get_version(ssl));
    return CAPSA_OK;
}

/* ---- Beginning ----------------------------------------------------------------------------------
 */

static capsa_result say(struct capsa_ratls_session *session, enum capsa_ratls_message type,
                        capsa_bytes content)
{
    return capsa_ratls_message_write(type, content, &session->output);
}

static capsa_result begin_bound(struct capsa_ratls_session *session,
                                const struct capsa_ratls_transcript *transcript)
{
    CAPSA_TRY(bind_ends(session, transcript));
    if (!session->shows) {
        CAPSA_TRY(say(session, CAPSA_RATLS_MSG_NO_EVIDENCE, capsa_bytes_of(NULL, 0)));
        session->spoke = true;
    }
    return CAPSA_OK;
}

static capsa_result begin_unbound(struct capsa_ratls_session *session)
{
    session->spoke = true;
    session->peer = PEER_ACCEPTED;
    session->judged = !session->asks;
    return CAPSA_OK;
}

static capsa_result begin(struct capsa_ratls_session *session)
{
    struct capsa_ratls_transcript transcript;
    CAPSA_TRY(check_handshake(session->context, session->ssl));
    CAPSA_TRY(read_transcript(session, &transcript));
    return session->context->bound ? begin_bound(session, &transcript) : begin_unbound(session);
}

CAPSA_RESULT capsa_ratls_session_new(struct capsa_ratls_context *context, struct ssl_st *ssl,
                                     struct capsa_ratls_session **ret_session)
{
    CAPSA_AUTO_FREE(capsa_ratls_session) session = CAPSA_NEW(struct capsa_ratls_session);
    CAPSA_REQUIRE_MEMORY(session);
    session->context = capsa_ratls_context_share(context);
    session->ssl = ssl;
    session->asks = context->appraiser.judge != NULL;
    session->certificate = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    session->evidence = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    session->output = capsa_buf_of(OUTPUT_MAX);
    CAPSA_TRY(begin(session));
    *ret_session = session;
    session = NULL;
    return CAPSA_OK;
}

void capsa_ratls_session_free(struct capsa_ratls_session *session)
{
    if (session == NULL) {
        return;
    }
    capsa_buf_drop(&session->certificate);
    capsa_buf_drop(&session->evidence);
    capsa_buf_drop(&session->output);
    capsa_ratls_inbox_drop(&session->inbox);
    capsa_ratls_context_free(session->context);
    capsa_dealloc(session);
}

enum capsa_ratls_next capsa_ratls_session_next(const struct capsa_ratls_session *session)
{
    if (has_failed(session)) {
        return CAPSA_RATLS_READ;
    }
    if (!session->spoke || (!session->judged && session->peer != PEER_SILENT)) {
        return CAPSA_RATLS_WORK;
    }
    return session->peer == PEER_ACCEPTED ? CAPSA_RATLS_DONE : CAPSA_RATLS_READ;
}

size_t capsa_ratls_session_wants(const struct capsa_ratls_session *session)
{
    return has_failed(session) || capsa_ratls_session_next(session) != CAPSA_RATLS_READ
               ? 0
               : capsa_ratls_inbox_wants(&session->inbox);
}

/* ---- Work ---------------------------------------------------------------------------------------
 */

static capsa_result show(struct capsa_ratls_session *session)
{
    const struct capsa_ratls_attester *attester =
        capsa_ratls_identity_attester(session->context->identity);
    CAPSA_REQUIRE(attester != NULL, INTERNAL, "an identity that makes no evidence");
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_TRY(capsa_ratls_proof_make(attester, session->own_data, &report));
    CAPSA_TRY(say(session, CAPSA_RATLS_MSG_EVIDENCE, capsa_buf_bytes(&report)));
    session->spoke = true;
    return CAPSA_OK;
}

static capsa_result accept_peer(struct capsa_ratls_session *session)
{
    if (session->context->bound) {
        CAPSA_TRY(say(session, CAPSA_RATLS_MSG_ACCEPTED, capsa_bytes_of(NULL, 0)));
    }
    session->judged = true;
    return CAPSA_OK;
}

/* Names the check; who could not judge for a reason of his own does not say which. */
static void refuse_peer(struct capsa_ratls_session *session)
{
    const char *name = capsa_check_name(session->report.verdict.failed_check);
    if (session->context->bound) {
        capsa_ignore(say(session, CAPSA_RATLS_MSG_REFUSED,
                         capsa_bytes_str(*name == '\0' ? "internal" : name)),
                     "the connection ends, with words or without");
    }
}

static capsa_result judge(struct capsa_ratls_session *session)
{
    const struct capsa_ratls_context *context = session->context;
    const struct capsa_ratls_shown shown = {
        .certificate = capsa_buf_bytes(&session->certificate),
        .spki = session->peer_spki,
        .is_bound = context->bound,
        .evidence = capsa_buf_bytes(&session->evidence),
        .report_data = session->peer_data,
    };
    const struct capsa_ratls_judge_by by = {
        .rules = {.native = context->bound,
                  .insecure_old_x509 = context->old_x509,
                  .cache = context->cache},
        .appraiser = &context->appraiser,
        .collateral = &context->collateral,
        .now = capsa_now(context->clock),
    };
    session->has_report = true;
    capsa_result judged = capsa_ratls_proof_judge(&shown, &by, &session->report);
    if (capsa_failed(judged)) {
        refuse_peer(session);
        return judged;
    }
    return accept_peer(session);
}

CAPSA_RESULT capsa_ratls_session_work(struct capsa_ratls_session *session)
{
    if (has_failed(session)) {
        return capsa_error_again(&session->failure);
    }
    CAPSA_REQUIRE(capsa_ratls_session_next(session) == CAPSA_RATLS_WORK, INTERNAL,
                  "a session with nothing to work at");
    capsa_result worked = session->spoke ? judge(session) : show(session);
    return capsa_failed(worked) ? fail(session, worked) : CAPSA_OK;
}

/* ---- What the peer says -------------------------------------------------------------------------
 */

static capsa_result on_evidence(struct capsa_ratls_session *session)
{
    const capsa_buf taken = session->inbox.content;
    session->inbox.content = capsa_buf_of(0);
    capsa_buf_drop(&session->evidence);
    session->evidence = taken;
    session->peer = PEER_SHOWED;
    return CAPSA_OK;
}

/* Where nobody asks there is nothing to judge. */
static capsa_result on_no_evidence(struct capsa_ratls_session *session)
{
    session->peer = PEER_SHOWED;
    return session->asks ? CAPSA_OK : accept_peer(session);
}

static capsa_result on_accepted(struct capsa_ratls_session *session)
{
    CAPSA_REQUIRE(session->spoke, MALFORMED, "the peer accepted evidence before it was shown");
    session->peer = PEER_ACCEPTED;
    return CAPSA_OK;
}

/* Checks have names of small letters, digits and dashes. */
static bool is_check_name(capsa_bytes text)
{
    bool is_name = true;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t byte = text.data[i];
        is_name &= (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
    }
    return is_name;
}

static capsa_result on_refused(struct capsa_ratls_session *session)
{
    const capsa_bytes name = capsa_buf_bytes(&session->inbox.content);
    CAPSA_REQUIRE(is_check_name(name), MALFORMED,
                  "the peer refused us with a text that is no name "
                  "of a check");
    CAPSA_FAIL(UNAUTHENTIC, "the peer refused what we showed, by its check \"%.*s\"", (int)name.len,
               (const char *)name.data);
}

static const struct {
    enum peer_step when; /* in no other */
    capsa_result (*take)(struct capsa_ratls_session *session);
} rules[] = {
    [CAPSA_RATLS_MSG_EVIDENCE] = {PEER_SILENT, on_evidence},
    [CAPSA_RATLS_MSG_NO_EVIDENCE] = {PEER_SILENT, on_no_evidence},
    [CAPSA_RATLS_MSG_ACCEPTED] = {PEER_SHOWED, on_accepted},
    [CAPSA_RATLS_MSG_REFUSED] = {PEER_SHOWED, on_refused},
};

/* By its head: what may not come is not kept until it is whole. */
static capsa_result check_announced(const struct capsa_ratls_session *session)
{
    const enum capsa_ratls_message type = capsa_ratls_inbox_type(&session->inbox);
    CAPSA_REQUIRE(rules[type].when == session->peer, MALFORMED, "the peer sent %s out of its order",
                  capsa_ratls_message_name(type));
    CAPSA_REQUIRE(type != CAPSA_RATLS_MSG_EVIDENCE || session->asks, MALFORMED,
                  "the peer showed evidence that nobody asked for");
    return CAPSA_OK;
}

static capsa_result take_message(struct capsa_ratls_session *session)
{
    CAPSA_TRY(rules[capsa_ratls_inbox_type(&session->inbox)].take(session));
    capsa_ratls_inbox_next(&session->inbox);
    return CAPSA_OK;
}

static capsa_result take_some(struct capsa_ratls_session *session, capsa_bytes bytes,
                              size_t *ret_taken)
{
    CAPSA_REQUIRE(session->peer != PEER_ACCEPTED, MALFORMED,
                  "the peer sent bytes of the application before it was accepted");
    bool whole = false;
    CAPSA_TRY(capsa_ratls_inbox_take(&session->inbox, bytes, ret_taken, &whole));
    if (capsa_ratls_inbox_has_head(&session->inbox)) {
        CAPSA_TRY(check_announced(session));
    }
    return whole ? take_message(session) : CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_session_feed(struct capsa_ratls_session *session, capsa_bytes bytes,
                                      size_t *ret_taken)
{
    if (has_failed(session)) {
        return capsa_error_again(&session->failure);
    }
    size_t taken = 0;
    while (taken < bytes.len && capsa_ratls_session_next(session) != CAPSA_RATLS_DONE &&
           session->context->bound) {
        size_t now = 0;
        capsa_result result = take_some(session, capsa_bytes_from(bytes, taken), &now);
        if (capsa_failed(result)) {
            return fail(session, result);
        }
        taken += now;
    }
    *ret_taken = taken;
    return CAPSA_OK;
}

static capsa_result publish(struct capsa_ratls_session *session)
{
    struct capsa_ratls_state *state;
    CAPSA_TRY(capsa_ratls_state_make(session->ssl, session->context, &state));
    CAPSA_TRY(capsa_ratls_state_report(state, &session->report));
    session->is_reported = true;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_session_output(struct capsa_ratls_session *session, capsa_buf *ret_bytes)
{
    if (session->has_report && !session->is_reported) {
        CAPSA_TRY(publish(session));
    }
    CAPSA_TRY(capsa_buf_append(ret_bytes, capsa_buf_bytes(&session->output)));
    capsa_buf_clear(&session->output);
    return CAPSA_OK;
}
