/* SPDX-License-Identifier: Apache-2.0
 *
 * Attested TLS for blocking streams: the whole exchange, one step after the other. No loop in here.
 */
#include "ratls/ratls_channel.h"

#include "net/net_stream.h"

/* The longest piece that is read at once. */
#define PIECE_MAX KIB(16)
/* How long a peer that is refused may take to read why. */
#define LAST_WORDS_US INT64_C(1000000)

/* What one admission works with. */
struct exchange {
    struct capsa_ratls_session *session;
    struct capsa_net_stream *stream;
    int64_t deadline_us;
    bool has_words; /* a bound channel: there is something to hear when it is refused */
};

/* No byte more than is ours: what is behind is the application's. */
static capsa_result read_until(const struct exchange *exchange, int64_t deadline_us)
{
    uint8_t room[PIECE_MAX];
    const size_t wants = capsa_ratls_session_wants(exchange->session);
    size_t len = 0;
    size_t taken = 0;
    CAPSA_TRY(capsa_net_stream_receive(
        exchange->stream, room, wants < sizeof(room) ? wants : sizeof(room), deadline_us, &len));
    CAPSA_REQUIRE(len > 0, TRUNCATED, "the peer left before it showed evidence of the session");
    return capsa_ratls_session_feed(exchange->session, capsa_bytes_of(room, len), &taken);
}

/* The rest of a record is not waited for: it may not come before ours is sent. */
static capsa_result read_what_came(const struct exchange *exchange)
{
    capsa_result read = read_until(exchange, 0);
    return capsa_code_of(read) == CAPSA_E_TIMEOUT ? CAPSA_OK : read;
}

/* A peer who sends before he reads is read meanwhile: two such would wait for each other. */
static capsa_result send_bytes(const struct exchange *exchange, capsa_bytes bytes)
{
    while (bytes.len > 0) {
        size_t sent = 0;
        CAPSA_TRY(
            capsa_net_stream_send_some(exchange->stream, bytes, exchange->deadline_us, &sent));
        bytes = capsa_bytes_from(bytes, sent);
        if (sent == 0 && capsa_ratls_session_wants(exchange->session) > 0) {
            CAPSA_TRY(read_what_came(exchange));
        } else if (sent == 0) {
            return capsa_net_stream_send(exchange->stream, bytes, exchange->deadline_us);
        }
    }
    return CAPSA_OK;
}

/* What was read meanwhile may have to be answered. */
static capsa_result send_output(const struct exchange *exchange)
{
    for (;;) {
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(1));
        CAPSA_TRY(capsa_ratls_session_output(exchange->session, &bytes));
        if (bytes.len == 0) {
            return CAPSA_OK;
        }
        CAPSA_TRY(send_bytes(exchange, capsa_buf_bytes(&bytes)));
    }
}

static capsa_result go_on(const struct exchange *exchange)
{
    return capsa_ratls_session_next(exchange->session) == CAPSA_RATLS_WORK
               ? capsa_ratls_session_work(exchange->session)
               : read_until(exchange, exchange->deadline_us);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* With bytes of the peer unread, closing would be a reset, which destroys what was sent last. A
 * stream looks at the time only when it waits, and for a peer who talks on it never does. */
static void see_out(const struct exchange *exchange)
{
    const int64_t until_us = earlier(exchange->deadline_us, capsa_monotonic_us() + LAST_WORDS_US);
    uint8_t room[PIECE_MAX];
    size_t len = 1;
    capsa_result gone = capsa_net_stream_end(exchange->stream, until_us);
    while (!capsa_failed(gone) && len > 0 && capsa_monotonic_us() < until_us) {
        gone = capsa_net_stream_receive(exchange->stream, room, sizeof(room), until_us, &len);
    }
    capsa_ignore(gone, "it is refused, whether it hears why or not");
}

static capsa_result converse(const struct exchange *exchange)
{
    CAPSA_TRY(send_output(exchange));
    while (capsa_ratls_session_next(exchange->session) != CAPSA_RATLS_DONE) {
        capsa_result step = go_on(exchange);
        struct capsa_error kept;
        capsa_error_keep(step, &kept);
        capsa_result sent = send_output(exchange);
        if (kept.code != CAPSA_E_OK) {
            if (!capsa_failed(sent) && exchange->has_words) {
                see_out(exchange);
            }
            return capsa_error_made(capsa_error_again(&kept));
        }
        CAPSA_TRY(sent);
    }
    return CAPSA_OK;
}

static CAPSA_RESULT admit_stream(void *context, struct capsa_net_stream *stream, struct ssl_st *ssl)
{
    struct capsa_ratls_context *own = context;
    CAPSA_AUTO_FREE(capsa_ratls_session) session = NULL;
    CAPSA_TRY(capsa_ratls_session_new(own, ssl, &session));
    const struct exchange exchange = {session, stream, capsa_monotonic_us() + own->evidence_us,
                                      own->bound};
    return converse(&exchange);
}

static CAPSA_RESULT make_session(void *context, struct ssl_st **ret_session)
{
    return capsa_ratls_context_session(context, ret_session);
}

static void let_go(void *context)
{
    capsa_ratls_context_free(context);
}

/* A bound channel's name is looked at by its session, which can say what it means; an unbound one's
 * by net. */
CAPSA_RESULT capsa_ratls_maker(struct capsa_ratls_context *context,
                               struct capsa_net_tls_maker *ret_maker)
{
    *ret_maker = (struct capsa_net_tls_maker){
        .context = capsa_ratls_context_share(context),
        .session = make_session,
        .free = let_go,
        .is_server = context->is_server,
        .is_mutual = context->is_server && context->appraiser.judge != NULL,
        .alpn = context->bound ? NULL : capsa_ratls_alpn(context),
        .admission = {.context = context,
                      .admit = admit_stream,
                      .handshake_us = context->handshake_us,
                      .admission_us = context->evidence_us},
    };
    return CAPSA_OK;
}
