/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection: a libevent bufferevent, plain or TLS, with an owner. An idle one holds no buffers.
 * Callbacks are deferred to the loop, so an owner may send, finish or free from within any of them.
 */
#include "net/net_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "net/net_loop.h"
#include "net/net_tls_ssl.h"

/* The owner is asked for more once less than this waits to be sent. */
#define LOW_MARK    (32 * 1024)
#define BEV_OPTIONS (BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS)
#define LINGER_MAX  (256 * 1024) /* last words longer than this are a flood */
#define CLOSED_TEXT 160
#define FIRST_READ  4096 /* what libevent reads at once; then there may be more */
#define ONE_READ    (8 * 1024)
#define READS_MAX   8 /* before it is another connection's turn */

enum conn_state {
    CONN_HANDSHAKE,
    CONN_OPEN,
    CONN_OVER, /* the owner was told */
    /* From here on it has no owner, and the timer frees it. */
    CONN_FLUSHING,  /* sending the rest */
    CONN_LINGERING, /* our direction is closed */
    CONN_DYING,     /* freed by the loop's next turn, not under the feet of a caller */
};

struct capsa_net_conn {
    struct bufferevent *stream;
    struct evbuffer *gathered; /* to be sent by the next flush */
    struct event *timer;       /* handshake, then the owner's, then the end's */
    const struct capsa_net_conn_events *events;
    void *owner;
    capsa_net_callback on_timer;
    struct capsa_net_conns *list;
    struct capsa_net_conn *before;
    struct capsa_net_conn *after;
    enum conn_state state;
    bool refused;       /* the TLS handshake failed */
    size_t thrown_away; /* since it lost its owner */
    int64_t linger_us;  /* the end's timer, which is set again before linger_until_us */
    int64_t linger_until_us;
    struct capsa_net_peer peer;
};

static void list_add(struct capsa_net_conn *conn, struct capsa_net_conns *list)
{
    conn->list = list;
    conn->after = list->first;
    if (list->first != NULL) {
        list->first->before = conn;
    }
    list->first = conn;
    list->count++;
}

static void list_remove(struct capsa_net_conn *conn)
{
    if (conn->list == NULL) {
        return;
    }
    if (conn->before != NULL) {
        conn->before->after = conn->after;
    } else {
        conn->list->first = conn->after;
    }
    if (conn->after != NULL) {
        conn->after->before = conn->before;
    }
    conn->list->count--;
}

void capsa_net_conn_free(struct capsa_net_conn *conn)
{
    list_remove(conn);
    if (conn->timer != NULL) {
        event_free(conn->timer);
    }
    if (conn->gathered != NULL) {
        evbuffer_free(conn->gathered);
    }
    if (conn->stream != NULL) {
        bufferevent_free(conn->stream);
    }
    capsa_dealloc(conn);
}

static void set_timer(struct capsa_net_conn *conn, int64_t delay_us)
{
    const struct timeval delay = capsa_net_timeval(delay_us);
    (void)evtimer_add(conn->timer, &delay);
}

static void die(struct capsa_net_conn *conn)
{
    conn->state = CONN_DYING;
    (void)bufferevent_disable(conn->stream, EV_READ | EV_WRITE);
    set_timer(conn, 0);
}

static void tell_closed(struct capsa_net_conn *conn, const char *why)
{
    if (conn->state >= CONN_FLUSHING) {
        die(conn);
        return;
    }
    if (conn->state == CONN_OVER) {
        return;
    }
    conn->refused = conn->state == CONN_HANDSHAKE;
    conn->state = CONN_OVER;
    (void)bufferevent_disable(conn->stream, EV_READ | EV_WRITE);
    conn->events->closed(conn->owner, why);
}

static void tell_ready(struct capsa_net_conn *conn)
{
    conn->state = CONN_OPEN;
    (void)evtimer_del(conn->timer);
    conn->events->ready(conn->owner);
}

static void on_handshake_done(struct capsa_net_conn *conn)
{
    const SSL *session = bufferevent_openssl_get_ssl(conn->stream);
    if (!capsa_net_tls_agreed_h2(session)) {
        tell_closed(conn, "the peer's TLS did not offer HTTP/2 (ALPN \"h2\")");
        return;
    }
    /* With SSL_VERIFY_PEER set, a handshake ends well only if the chain did; ask again all the
     * same, and ask whether there was a certificate at all. */
    X509 *certificate = SSL_get0_peer_certificate(session);
    conn->peer.verified = certificate != NULL && SSL_get_verify_result(session) == X509_V_OK &&
                          (SSL_get_verify_mode(session) & SSL_VERIFY_PEER) != 0;
    tell_ready(conn);
}

/* Why the stream broke, as a sentence; NULL for a plain end. */
static const char *broken_text(const struct capsa_net_conn *conn, short what,
                               char text[CLOSED_TEXT])
{
    const unsigned long code = bufferevent_get_openssl_error(conn->stream);
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    ERR_clear_error();
    if (conn->state == CONN_HANDSHAKE) {
        (void)snprintf(text, CLOSED_TEXT, "the TLS handshake failed: %s",
                       reason == NULL ? "the peer left" : reason);
        return text;
    }
    if ((what & BEV_EVENT_ERROR) == 0 || reason == NULL) {
        return NULL; /* an end, or a reset, which is an end by an impolite peer */
    }
    (void)snprintf(text, CLOSED_TEXT, "TLS failed: %s", reason);
    return text;
}

static void on_stream_event(struct bufferevent *stream, short what, void *context)
{
    (void)stream;
    struct capsa_net_conn *conn = context;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        on_handshake_done(conn);
        return;
    }
    char text[CLOSED_TEXT];
    tell_closed(conn, broken_text(conn, what, text));
}

/* Everything is sent: say so, and listen to the peer's last words so that the system does not
 * answer them with a reset that would destroy ours. */
static void close_our_direction(struct capsa_net_conn *conn)
{
    conn->state = CONN_LINGERING;
    SSL *session = bufferevent_openssl_get_ssl(conn->stream);
    if (session != NULL) {
        (void)SSL_shutdown(session);
        ERR_clear_error();
    }
    (void)shutdown(bufferevent_getfd(conn->stream), SHUT_WR);
}

/* What libevent left in the system of a plain stream: it reads FIRST_READ bytes a turn. Errors and
 * the end it will find itself. */
static void read_more(struct capsa_net_conn *conn)
{
    uint8_t room[ONE_READ];
    ssize_t len = ONE_READ;
    for (int i = 0; i < READS_MAX && len == ONE_READ && conn->state == CONN_OPEN; i++) {
        len = recv(bufferevent_getfd(conn->stream), room, sizeof(room), MSG_DONTWAIT);
        if (len > 0) {
            conn->events->bytes(conn->owner, capsa_bytes_of(room, (size_t)len));
        }
    }
}

/* The bytes may be the last thing the owner looks at: it can finish the connection in the call. */
static void on_readable(struct bufferevent *stream, void *context)
{
    struct capsa_net_conn *conn = context;
    struct evbuffer *input = bufferevent_get_input(stream);
    bool more = evbuffer_get_length(input) >= FIRST_READ && !conn->peer.tls;
    struct evbuffer_iovec piece;
    while (conn->state == CONN_OPEN && evbuffer_peek(input, 1, NULL, &piece, 1) > 0) {
        conn->events->bytes(conn->owner, capsa_bytes_of(piece.iov_base, piece.iov_len));
        (void)evbuffer_drain(input, piece.iov_len);
    }
    if (more) {
        read_more(conn);
    }
    if (conn->state != CONN_OPEN) {
        conn->thrown_away += evbuffer_get_length(input);
        (void)evbuffer_drain(input, evbuffer_get_length(input));
    }
    if (conn->state >= CONN_FLUSHING && conn->thrown_away > LINGER_MAX) {
        die(conn);
    }
}

static void on_writable(struct bufferevent *stream, void *context)
{
    (void)stream;
    struct capsa_net_conn *conn = context;
    if (conn->state == CONN_OPEN) {
        conn->events->drained(conn->owner);
    } else if (conn->state == CONN_FLUSHING && capsa_net_conn_unsent(conn) == 0) {
        close_our_direction(conn);
    }
}

/* Bytes that the peer's system has not taken yet, ours or our system's. */
static bool has_bytes_under_way(const struct capsa_net_conn *conn)
{
    int queued = 0;
    return capsa_net_conn_unsent(conn) > 0 ||
           (ioctl(bufferevent_getfd(conn->stream), SIOCOUTQ, &queued) == 0 && queued > 0);
}

static void end_linger(struct capsa_net_conn *conn)
{
    const int64_t left_us = conn->linger_until_us - capsa_monotonic_us();
    if (conn->state != CONN_DYING && left_us > 0 && has_bytes_under_way(conn)) {
        set_timer(conn, left_us < conn->linger_us ? left_us : conn->linger_us);
        return;
    }
    capsa_net_conn_free(conn);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct capsa_net_conn *conn = context;
    if (conn->state == CONN_HANDSHAKE) {
        tell_closed(conn, "the TLS handshake took too long");
    } else if (conn->state >= CONN_FLUSHING) {
        end_linger(conn);
    } else if (conn->state == CONN_OPEN && conn->on_timer != NULL) {
        conn->on_timer(conn->owner);
    }
}

/* Small answers go out at once, and a vanished peer is noticed within about four minutes. */
static void tune_socket(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 120}, {IPPROTO_TCP, TCP_KEEPINTVL, 30},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof(options[i].value));
    }
}

/* Takes `fd` over. */
static CAPSA_RESULT open_stream(struct event_base *base, int fd, struct capsa_net_tls *tls,
                                struct bufferevent **ret_stream)
{
    struct bufferevent *stream = NULL;
    SSL *session = NULL;
    capsa_result result = tls == NULL ? CAPSA_OK : capsa_net_tls_session(tls, &session);
    if (!capsa_failed(result)) {
        stream = tls == NULL ? bufferevent_socket_new(base, fd, BEV_OPTIONS)
                             : bufferevent_openssl_socket_new(
                                   base, fd, session, BUFFEREVENT_SSL_ACCEPTING, BEV_OPTIONS);
        if (stream == NULL) { /* libevent has freed the session: it was to close it */
            result = capsa_error_make(CAPSA_E_NOMEM, __FILE__, __LINE__, "out of memory");
        }
    }
    if (capsa_failed(result)) {
        (void)close(fd);
        return result;
    }
    *ret_stream = stream;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_conn_new(struct capsa_net_loop *loop, int fd, const struct sockaddr *from,
                                struct capsa_net_tls *tls, struct capsa_net_conns *list,
                                struct capsa_net_conn **ret_conn)
{
    struct bufferevent *stream = NULL;
    tune_socket(fd);
    CAPSA_TRY(open_stream(capsa_net_loop_base(loop), fd, tls, &stream));
    struct capsa_net_conn *conn = CAPSA_NEW(struct capsa_net_conn);
    if (conn != NULL) {
        conn->stream = stream;
        conn->timer = evtimer_new(capsa_net_loop_base(loop), on_timer, conn);
        conn->gathered = evbuffer_new();
    }
    if (conn == NULL || conn->timer == NULL || conn->gathered == NULL) {
        if (conn != NULL) {
            capsa_net_conn_free(conn);
        } else {
            bufferevent_free(stream);
        }
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    conn->state = CONN_HANDSHAKE;
    conn->peer.tls = tls != NULL;
    capsa_net_address_text(from, conn->peer.address);
    list_add(conn, list);
    *ret_conn = conn;
    return CAPSA_OK;
}

void capsa_net_conn_start(struct capsa_net_conn *conn, int64_t handshake_us)
{
    bufferevent_setcb(conn->stream, on_readable, on_writable, on_stream_event, conn);
    bufferevent_setwatermark(conn->stream, EV_WRITE, LOW_MARK, 0);
    if (conn->peer.tls) {
        set_timer(conn, handshake_us);
    } else {
        tell_ready(conn);
    }
    if (conn->state == CONN_HANDSHAKE || conn->state == CONN_OPEN) {
        (void)bufferevent_enable(conn->stream, EV_READ | EV_WRITE);
    }
}

bool capsa_net_conn_has_owner(const struct capsa_net_conn *conn)
{
    return conn->events != NULL;
}

void capsa_net_conn_attach(struct capsa_net_conn *conn, const struct capsa_net_conn_events *events,
                           void *owner)
{
    conn->events = events;
    conn->owner = owner;
}

const struct capsa_net_peer *capsa_net_conn_peer(const struct capsa_net_conn *conn)
{
    return &conn->peer;
}

CAPSA_RESULT capsa_net_conn_send(struct capsa_net_conn *conn, capsa_bytes bytes)
{
    CAPSA_REQUIRE(conn->state == CONN_OPEN, NETWORK, "the connection is closed");
    CAPSA_REQUIRE(evbuffer_add(conn->gathered, bytes.data, bytes.len) == 0, NOMEM, "out of memory");
    return CAPSA_OK;
}

/* A bufferevent asks the system whether it may write, and only then writes. Where nothing waits
 * already it mostly may, so try at once; what is left, errors too, is the bufferevent's. */
CAPSA_RESULT capsa_net_conn_flush(struct capsa_net_conn *conn)
{
    CAPSA_REQUIRE(conn->state == CONN_OPEN, NETWORK, "the connection is closed");
    bool waits = evbuffer_get_length(bufferevent_get_output(conn->stream)) > 0;
    if (evbuffer_get_length(conn->gathered) > 0 && !waits && !conn->peer.tls) {
        (void)evbuffer_write(conn->gathered, bufferevent_getfd(conn->stream));
    }
    CAPSA_REQUIRE(evbuffer_get_length(conn->gathered) == 0 ||
                      bufferevent_write_buffer(conn->stream, conn->gathered) == 0,
                  NOMEM, "out of memory");
    return CAPSA_OK;
}

size_t capsa_net_conn_unsent(const struct capsa_net_conn *conn)
{
    return evbuffer_get_length(conn->gathered) +
           evbuffer_get_length(bufferevent_get_output(conn->stream));
}

CAPSA_RESULT capsa_net_conn_set_timer(struct capsa_net_conn *conn, int64_t delay_us,
                                      capsa_net_callback callback)
{
    CAPSA_REQUIRE(conn->state == CONN_OPEN, NETWORK, "the connection is closed");
    conn->on_timer = callback;
    set_timer(conn, delay_us);
    return CAPSA_OK;
}

/* libssl has said why (an alert), but with the peer's bytes unread a close would be a reset, and
 * the peer would never see it. TLS is over, so the bare socket lingers. */
static bool keep_bare_socket(struct capsa_net_conn *conn)
{
    const int fd = fcntl(bufferevent_getfd(conn->stream), F_DUPFD_CLOEXEC, 0);
    struct bufferevent *bare =
        fd < 0 ? NULL : bufferevent_socket_new(bufferevent_get_base(conn->stream), fd, BEV_OPTIONS);
    if (bare == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    bufferevent_free(conn->stream);
    conn->stream = bare;
    bufferevent_setcb(bare, on_readable, NULL, on_stream_event, conn);
    (void)bufferevent_enable(bare, EV_READ);
    (void)shutdown(fd, SHUT_WR);
    return true;
}

void capsa_net_conn_finish(struct capsa_net_conn *conn, int64_t linger_us)
{
    const bool usable = conn->state == CONN_OPEN && !capsa_failed(capsa_net_conn_flush(conn));
    conn->events = NULL;
    conn->owner = NULL;
    if (conn->refused && linger_us > 0 && keep_bare_socket(conn)) {
        conn->state = CONN_LINGERING;
        set_timer(conn, linger_us);
        return;
    }
    if (!usable || linger_us <= 0) {
        die(conn);
        return;
    }
    conn->state = CONN_FLUSHING;
    conn->linger_us = linger_us;
    bufferevent_setwatermark(conn->stream, EV_WRITE, 0, 0);
    set_timer(conn, linger_us);
    if (capsa_net_conn_unsent(conn) == 0) {
        close_our_direction(conn);
    }
}

void capsa_net_conn_finish_by(struct capsa_net_conn *conn, int64_t linger_us, int64_t until_us)
{
    conn->linger_until_us = until_us;
    capsa_net_conn_finish(conn, linger_us);
}
