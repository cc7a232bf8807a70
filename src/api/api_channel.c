/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels across the public interface (capsa/ratls.h): a blocking stream whose admission is
 * listened to, so that a refused peer's report is there when its session is gone already.
 */
#include <stdio.h>
#include <unistd.h>

#include "api/api_ratls.h"
#include "api/api_verifier.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "net/net_stream.h"

/* ---- One connection's TLS, with what was found of its peer ----------------------------------- */

struct attempt {
    struct capsa_net_tls_maker inner;
    struct capsa_ratls_report found;
    bool has_found;
};

static capsa_result attempt_session(void *context, struct ssl_st **ret_session)
{
    const struct attempt *attempt = context;
    return attempt->inner.session(attempt->inner.context, ret_session);
}

static capsa_result attempt_admit(void *context, struct capsa_net_stream *stream,
                                  struct ssl_st *session)
{
    struct attempt *attempt = context;
    const struct capsa_net_admission *inner = &attempt->inner.admission;
    const capsa_result admitted = inner->admit(inner->context, stream, session);
    const struct capsa_ratls_report *report = capsa_ratls_peer(session);
    if (report != NULL &&
        (report->verdict.accepted || report->verdict.failed_check != CAPSA_CHECK_NONE)) {
        attempt->found = *report;
        attempt->has_found = true;
    }
    return admitted;
}

static void attempt_free(void *context)
{
    struct attempt *attempt = context;
    if (attempt->inner.free != NULL) {
        attempt->inner.free(attempt->inner.context);
    }
    capsa_dealloc(attempt);
}

static capsa_result wrap(struct attempt *attempt, struct capsa_net_tls **ret_tls)
{
    struct capsa_net_tls_maker maker = attempt->inner;
    maker.context = attempt;
    maker.session = attempt_session;
    maker.free = attempt_free;
    maker.admission.context = attempt;
    maker.admission.admit = attempt_admit;
    return capsa_net_tls_of_maker(&maker, ret_tls);
}

/* *ret_attempt is lent by the TLS settings. */
static capsa_result new_attempt(const libcapsa_ratls *ratls, struct capsa_net_tls **ret_tls,
                                struct attempt **ret_attempt)
{
    struct capsa_ratls_context *context = NULL;
    CAPSA_TRY(capsa_api_ratls_context(ratls, &context));
    struct attempt *attempt = CAPSA_NEW(struct attempt);
    CAPSA_REQUIRE_MEMORY(attempt);
    capsa_result made = capsa_ratls_maker(context, &attempt->inner);
    if (!capsa_failed(made)) {
        made = wrap(attempt, ret_tls);
    }
    if (capsa_failed(made)) {
        attempt_free(attempt);
        return made;
    }
    *ret_attempt = attempt;
    return CAPSA_OK;
}

/* ---- Making ---------------------------------------------------------------------------------- */

struct libcapsa_channel {
    libcapsa_ratls *ratls; /* a reference */
    struct capsa_net_tls *tls;
    struct capsa_net_stream *stream;
    capsa_buf certificate;
    bool ended;
};
CAPSA_DEFINE_AUTO_FREE(libcapsa_channel)

void libcapsa_channel_free(libcapsa_channel *channel)
{
    if (channel == NULL) {
        return;
    }
    capsa_net_stream_free(channel->stream);
    capsa_net_tls_free(channel->tls);
    libcapsa_ratls_free(channel->ratls);
    capsa_buf_drop(&channel->certificate);
    capsa_dealloc(channel);
}

/* Where a connection comes from: dialled, or given. */
struct origin {
    const char *host; /* NULL: `fd` */
    unsigned port;
    int fd; /* -1: taken over by somebody else, or none */
};

static void origin_close(struct origin *origin)
{
    if (origin->fd >= 0) {
        (void)close(origin->fd);
        origin->fd = -1;
    }
}

static capsa_result dial(const struct origin *origin, struct capsa_net_tls *tls,
                         int64_t deadline_us, struct capsa_net_stream **ret_stream)
{
    struct capsa_net_target target = {.port = origin->port};
    const int len = snprintf(target.host, sizeof(target.host), "%s", origin->host);
    CAPSA_REQUIRE(len > 0 && (size_t)len < sizeof(target.host), USAGE,
                  "host: \"%.64s\" is no name of a host", origin->host);
    CAPSA_REQUIRE(origin->port >= 1 && origin->port <= 65535, USAGE,
                  "port: %u is none; 1 to 65535 are", origin->port);
    return capsa_net_stream_open(&target, tls, NULL, deadline_us, ret_stream);
}

static capsa_result open_stream(const libcapsa_ratls *ratls, struct origin *origin,
                                struct capsa_net_tls *tls, struct capsa_net_stream **ret_stream)
{
    /* Whoever is dialled has to answer first, in as long as a handshake may take. */
    const int64_t dial_ms = origin->host == NULL ? 0 : ratls->handshake_ms;
    const int64_t deadline_us =
        capsa_monotonic_us() + 1000 * (dial_ms + ratls->handshake_ms + ratls->evidence_ms);
    if (origin->host != NULL) {
        return dial(origin, tls, deadline_us, ret_stream);
    }
    const int fd = origin->fd;
    origin->fd = -1;
    return ratls->is_server ? capsa_net_stream_accept(fd, tls, deadline_us, ret_stream)
                            : capsa_net_stream_connected(fd, tls, "peer", deadline_us, ret_stream);
}

/* A connection that stands has been judged, if anything was asked of its peer. */
static capsa_result finish(libcapsa_channel *channel)
{
    channel->certificate = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    return capsa_ratls_peer_certificate(capsa_net_stream_session(channel->stream),
                                        &channel->certificate);
}

static capsa_result connect_with(libcapsa_channel *channel, struct origin *origin,
                                 const struct attempt *attempt, struct capsa_api_answer *answer)
{
    const libcapsa_ratls *ratls = channel->ratls;
    const capsa_time now = capsa_now(&capsa_clock_system);
    capsa_result opened = open_stream(ratls, origin, channel->tls, &channel->stream);
    if (!capsa_failed(opened)) {
        opened = finish(channel);
    }
    CAPSA_REQUIRE(capsa_failed(opened) || attempt->has_found || ratls->verifier == NULL, INTERNAL,
                  "a connection was made, and nobody judged its peer");
    if (!attempt->has_found) {
        return opened;
    }
    answer->report = attempt->found;
    return capsa_api_conclude(opened, now, answer);
}

static capsa_result make_channel(const libcapsa_ratls *ratls, struct origin *origin,
                                 libcapsa_channel **ret_channel, struct capsa_api_answer *answer)
{
    CAPSA_AUTO_FREE(libcapsa_channel) channel = CAPSA_NEW(struct libcapsa_channel);
    CAPSA_REQUIRE_MEMORY(channel);
    channel->ratls = capsa_api_ratls_share(ratls);
    struct attempt *attempt = NULL;
    CAPSA_TRY(new_attempt(ratls, &channel->tls, &attempt));
    CAPSA_TRY(connect_with(channel, origin, attempt, answer));
    *ret_channel = channel;
    channel = NULL;
    return CAPSA_OK;
}

static capsa_result make_asked(const libcapsa_ratls *ratls, bool as_server, struct origin *origin,
                               libcapsa_channel **ret_channel, struct capsa_api_answer *answer)
{
    CAPSA_API_GIVEN(ratls);
    CAPSA_API_GIVEN(ret_channel);
    CAPSA_REQUIRE(ratls->is_server == as_server, USAGE, "the context is a %s's",
                  ratls->is_server ? "server" : "client");
    CAPSA_REQUIRE(origin->host != NULL || origin->fd >= 0, USAGE, "fd: %d is no socket",
                  origin->fd);
    return make_channel(ratls, origin, ret_channel, answer);
}

static int make(const libcapsa_ratls *ratls, bool as_server, struct origin *origin,
                libcapsa_channel **ret_channel, libcapsa_verdict **ret_verdict,
                libcapsa_error *ret_error)
{
    struct capsa_api_answer answer = {.of_certificate = true};
    const capsa_result result = make_asked(ratls, as_server, origin, ret_channel, &answer);
    origin_close(origin);
    return capsa_api_give(result, &answer, ret_verdict, ret_error);
}

int libcapsa_ratls_connect(const libcapsa_ratls *ratls, const char *host, unsigned port,
                           libcapsa_channel **ret_channel, libcapsa_verdict **ret_verdict,
                           libcapsa_error *ret_error)
{
    struct origin origin = {host == NULL ? "" : host, port, -1};
    return make(ratls, false, &origin, ret_channel, ret_verdict, ret_error);
}

int libcapsa_ratls_connect_fd(const libcapsa_ratls *ratls, int fd, libcapsa_channel **ret_channel,
                              libcapsa_verdict **ret_verdict, libcapsa_error *ret_error)
{
    struct origin origin = {NULL, 0, fd};
    return make(ratls, false, &origin, ret_channel, ret_verdict, ret_error);
}

int libcapsa_ratls_accept(const libcapsa_ratls *ratls, int fd, libcapsa_channel **ret_channel,
                          libcapsa_verdict **ret_verdict, libcapsa_error *ret_error)
{
    struct origin origin = {NULL, 0, fd};
    return make(ratls, true, &origin, ret_channel, ret_verdict, ret_error);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Longer than anybody waits, and short enough to be added to any time. */
#define FOR_EVER_US (INT64_MAX / 4)

static int64_t deadline_of(int64_t timeout_ms)
{
    const bool for_ever = timeout_ms < 0 || timeout_ms > FOR_EVER_US / 1000;
    return capsa_monotonic_us() + (for_ever ? FOR_EVER_US : timeout_ms * 1000);
}

static capsa_result read_some(libcapsa_channel *channel, uint8_t *room, size_t len,
                              int64_t timeout_ms, size_t *ret_len)
{
    CAPSA_API_GIVEN(channel);
    CAPSA_API_GIVEN(room);
    CAPSA_API_GIVEN(ret_len);
    CAPSA_REQUIRE(len > 0, USAGE, "room for no byte: then 0 would not mean that the peer closed");
    return capsa_net_stream_receive(channel->stream, room, len, deadline_of(timeout_ms), ret_len);
}

int libcapsa_channel_read(libcapsa_channel *channel, void *room, size_t len, int64_t timeout_ms,
                          size_t *ret_len, libcapsa_error *ret_error)
{
    return capsa_api_end(read_some(channel, room, len, timeout_ms, ret_len), ret_error);
}

static capsa_result write_all(libcapsa_channel *channel, const void *data, size_t len,
                              int64_t timeout_ms)
{
    CAPSA_API_GIVEN(channel);
    capsa_bytes given;
    CAPSA_TRY(capsa_api_bytes("data", data, len, &given));
    CAPSA_REQUIRE(!channel->ended, USAGE, "our direction of the channel was ended");
    return capsa_net_stream_send(channel->stream, given, deadline_of(timeout_ms));
}

int libcapsa_channel_write(libcapsa_channel *channel, const void *data, size_t len,
                           int64_t timeout_ms, libcapsa_error *ret_error)
{
    return capsa_api_end(write_all(channel, data, len, timeout_ms), ret_error);
}

static capsa_result end(libcapsa_channel *channel, int64_t timeout_ms)
{
    CAPSA_API_GIVEN(channel);
    if (channel->ended) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_net_stream_end(channel->stream, deadline_of(timeout_ms)));
    channel->ended = true;
    return CAPSA_OK;
}

int libcapsa_channel_end(libcapsa_channel *channel, int64_t timeout_ms, libcapsa_error *ret_error)
{
    return capsa_api_end(end(channel, timeout_ms), ret_error);
}

/* ---- What it is ------------------------------------------------------------------------------ */

const uint8_t *libcapsa_channel_certificate(const libcapsa_channel *channel, size_t *ret_len)
{
    const size_t len = channel == NULL ? 0 : channel->certificate.len;
    if (ret_len != NULL) {
        *ret_len = len;
    }
    return len == 0 ? NULL : channel->certificate.data;
}

int libcapsa_channel_is_bound(const libcapsa_channel *channel)
{
    return channel != NULL && !channel->ratls->unbound;
}
