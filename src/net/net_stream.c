/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's blocking stream: a non-blocking socket, poll with deadlines, and libssl on top where
 * asked for. libssl writes through a BIO of our own, because its socket BIO can raise SIGPIPE.
 */
#include "net/net_stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "net/net_tls_ssl.h"

#define NAME_TEXT (CAPSA_NET_HOST_TEXT + 16)

struct capsa_net_stream {
    int fd;
    SSL *session; /* NULL: plain */
    BIO_METHOD *bio_method;
    char name[NAME_TEXT]; /* host:port, for messages */
};

/* Milliseconds for poll, rounded up; 0 when the deadline has passed. */
static int left_ms(int64_t deadline_us)
{
    const int64_t left = deadline_us - capsa_monotonic_us();
    if (left <= 0) {
        return 0;
    }
    return left > INT64_C(3600000000) ? 3600000 : (int)((left + 999) / 1000);
}

/* Wait for any of `events`; *ret_events are those that hold. */
static CAPSA_RESULT wait_for(const struct capsa_net_stream *stream, short events,
                             int64_t deadline_us, short *ret_events)
{
    for (;;) {
        struct pollfd poll_fd = {stream->fd, events, 0};
        const int left = left_ms(deadline_us);
        CAPSA_REQUIRE(left > 0, TIMEOUT, "%s: no answer in time", stream->name);
        const int ready = poll(&poll_fd, 1, left);
        if (ready > 0) {
            *ret_events = poll_fd.revents;
            return CAPSA_OK;
        }
        CAPSA_REQUIRE(ready == 0 || errno == EINTR, NETWORK, "%s: %s", stream->name,
                      strerror(errno));
    }
}

/* ---- the BIO ---- */

static int bio_write(BIO *bio, const char *data, int len)
{
    const struct capsa_net_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    const ssize_t sent = send(stream->fd, data, (size_t)len, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static int bio_read(BIO *bio, char *room, int len)
{
    const struct capsa_net_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    const ssize_t got = recv(stream->fd, room, (size_t)len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(bio);
    }
    return (int)got;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static CAPSA_RESULT attach_bio(struct capsa_net_stream *stream)
{
    stream->bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    CAPSA_REQUIRE_MEMORY(stream->bio_method);
    const bool set = BIO_meth_set_write(stream->bio_method, bio_write) == 1 &&
                     BIO_meth_set_read(stream->bio_method, bio_read) == 1 &&
                     BIO_meth_set_ctrl(stream->bio_method, bio_ctrl) == 1;
    BIO *bio = set ? BIO_new(stream->bio_method) : NULL;
    CAPSA_REQUIRE_MEMORY(bio);
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(stream->session, bio, bio);
    return CAPSA_OK;
}

/* ---- TLS ---- */

static CAPSA_RESULT expect_name(SSL *session, const char *name)
{
    char copy[CAPSA_NET_HOST_TEXT] = {0}; /* libssl's macro for SNI takes no const */
    const size_t len = strlen(name);
    CAPSA_REQUIRE(len > 0 && len < sizeof(copy), USAGE, "\"%s\" is not a server name", name);
    memcpy(copy, name, len);
    /* Names stand in subjectAltName, and a wildcard is a whole label (RFC 9525 section 6). */
    SSL_set_hostflags(session,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const bool set =
        capsa_net_host_is_ip(name)
            ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name) == 1
            : SSL_set1_host(session, name) == 1 && SSL_set_tlsext_host_name(session, copy) == 1;
    CAPSA_REQUIRE(set, USAGE, "\"%s\" cannot be looked for in a certificate", name);
    return CAPSA_OK;
}

static CAPSA_RESULT tls_failure(const struct capsa_net_stream *stream, int kind)
{
    const long verified = SSL_get_verify_result(stream->session);
    if (verified != X509_V_OK) {
        ERR_clear_error();
        CAPSA_FAIL(UNAUTHENTIC, "%s: the server's certificate is refused: %s", stream->name,
                   X509_verify_cert_error_string(verified));
    }
    const unsigned long code = ERR_peek_error();
    CAPSA_REQUIRE(kind == SSL_ERROR_SSL && code != 0, NETWORK,
                  "%s: the server closed the connection during TLS", stream->name);
    const int reason = ERR_GET_REASON(code);
    /* 1000 and up are alerts: the server refused us. */
    const bool alert = reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
    const char *text = capsa_net_tls_reason();
    CAPSA_REQUIRE(!alert, UNAUTHENTIC, "%s: the server refused our TLS: %s", stream->name, text);
    CAPSA_FAIL(NETWORK, "%s: TLS failed: %s", stream->name, text);
}

/* libssl asks for `kind` (SSL_ERROR_*): wait for it, or say what is wrong. */
static CAPSA_RESULT tls_wait(const struct capsa_net_stream *stream, int kind, int64_t deadline_us)
{
    short events;
    if (kind == SSL_ERROR_WANT_READ) {
        return wait_for(stream, POLLIN, deadline_us, &events);
    }
    if (kind == SSL_ERROR_WANT_WRITE) {
        return wait_for(stream, POLLOUT, deadline_us, &events);
    }
    return tls_failure(stream, kind);
}

static CAPSA_RESULT start_tls(struct capsa_net_stream *stream, struct capsa_net_tls *tls,
                              const char *server_name, int64_t deadline_us)
{
    CAPSA_TRY(capsa_net_tls_session(tls, &stream->session));
    CAPSA_TRY(attach_bio(stream));
    CAPSA_TRY(expect_name(stream->session, server_name));
    for (;;) {
        ERR_clear_error();
        const int done = SSL_connect(stream->session);
        if (done == 1) {
            break;
        }
        CAPSA_TRY(tls_wait(stream, SSL_get_error(stream->session, done), deadline_us));
    }
    CAPSA_REQUIRE(capsa_net_tls_agreed_h2(stream->session), NETWORK,
                  "%s: the server does not speak HTTP/2 over TLS", stream->name);
    return CAPSA_OK;
}

/* ---- connecting ---- */

static CAPSA_RESULT finish_connect(const struct capsa_net_stream *stream, int64_t deadline_us)
{
    short events;
    CAPSA_TRY(wait_for(stream, POLLOUT, deadline_us, &events));
    int code = 0;
    socklen_t len = sizeof(code);
    (void)getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &code, &len);
    CAPSA_REQUIRE(code == 0, NETWORK, "cannot connect to %s: %s", stream->name, strerror(code));
    return CAPSA_OK;
}

static CAPSA_RESULT connect_one(struct capsa_net_stream *stream, const struct sockaddr *address,
                                socklen_t len, int64_t deadline_us)
{
    if (stream->fd >= 0) {
        (void)close(stream->fd);
    }
    stream->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CAPSA_REQUIRE(stream->fd >= 0, NETWORK, "cannot connect to %s: %s", stream->name,
                  strerror(errno));
    const int one = 1;
    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(stream->fd, address, len) == 0) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(errno == EINPROGRESS, NETWORK, "cannot connect to %s: %s", stream->name,
                  strerror(errno));
    return finish_connect(stream, deadline_us);
}

static CAPSA_RESULT connect_any(struct capsa_net_stream *stream,
                                const struct capsa_net_target *target, int64_t deadline_us)
{
    struct capsa_net_addresses addresses;
    CAPSA_TRY(capsa_net_resolve(target->host, target->port, false, &addresses));
    CAPSA_REQUIRE(addresses.count > 0, NETWORK, "\"%s\" has no address", target->host);
    capsa_result result = CAPSA_OK;
    for (size_t i = 0; i < addresses.count; i++) {
        /* An address that swallows what is sent to it leaves the others their share of the time. */
        const int64_t now_us = capsa_monotonic_us();
        const int64_t share_us = (deadline_us - now_us) / (int64_t)(addresses.count - i);
        result = connect_one(stream, (const struct sockaddr *)&addresses.list[i], addresses.lens[i],
                             now_us + share_us);
        if (!capsa_failed(result)) {
            break;
        }
    }
    return result;
}

CAPSA_RESULT capsa_net_stream_open(const struct capsa_net_target *target, struct capsa_net_tls *tls,
                                   const char *server_name, int64_t deadline_us,
                                   struct capsa_net_stream **ret_stream)
{
    CAPSA_AUTO_FREE(capsa_net_stream) stream = CAPSA_NEW(struct capsa_net_stream);
    CAPSA_REQUIRE_MEMORY(stream);
    stream->fd = -1;
    const bool colons = strchr(target->host, ':') != NULL;
    (void)snprintf(stream->name, sizeof(stream->name), colons ? "[%s]:%u" : "%s:%u", target->host,
                   target->port);
    CAPSA_TRY(connect_any(stream, target, deadline_us));
    if (tls != NULL) {
        CAPSA_TRY(
            start_tls(stream, tls, server_name == NULL ? target->host : server_name, deadline_us));
    }
    *ret_stream = stream;
    stream = NULL;
    return CAPSA_OK;
}

void capsa_net_stream_free(struct capsa_net_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->session != NULL) {
        if (SSL_is_init_finished(stream->session)) {
            (void)SSL_shutdown(stream->session);
        }
        SSL_free(stream->session);
        ERR_clear_error();
    }
    BIO_meth_free(stream->bio_method);
    if (stream->fd >= 0) {
        (void)close(stream->fd);
    }
    capsa_dealloc(stream);
}

/* ---- bytes ---- */

/* -1: would block. */
static CAPSA_RESULT send_now(const struct capsa_net_stream *stream, capsa_bytes bytes,
                             ssize_t *ret_sent)
{
    const size_t len = bytes.len > INT32_MAX ? INT32_MAX : bytes.len;
    ssize_t sent;
    if (stream->session == NULL) {
        sent = send(stream->fd, bytes.data, len, MSG_NOSIGNAL);
        CAPSA_REQUIRE(sent >= 0 || errno == EAGAIN || errno == EINTR, NETWORK, "%s: %s",
                      stream->name, strerror(errno));
    } else {
        ERR_clear_error();
        sent = SSL_write(stream->session, bytes.data, (int)len);
        const int kind = sent > 0 ? SSL_ERROR_NONE : SSL_get_error(stream->session, (int)sent);
        if (sent <= 0 && kind != SSL_ERROR_WANT_WRITE && kind != SSL_ERROR_WANT_READ) {
            return tls_failure(stream, kind);
        }
    }
    *ret_sent = sent > 0 ? sent : -1;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_stream_send_some(struct capsa_net_stream *stream, capsa_bytes bytes,
                                        int64_t deadline_us, size_t *ret_sent)
{
    size_t total = 0;
    while (total < bytes.len) {
        ssize_t sent = 0;
        CAPSA_TRY(send_now(stream, capsa_bytes_from(bytes, total), &sent));
        if (sent > 0) {
            total += (size_t)sent;
            continue;
        }
        if (total > 0) {
            break;
        }
        short events = 0;
        CAPSA_TRY(wait_for(stream, POLLOUT | POLLIN, deadline_us, &events));
        if ((events & POLLOUT) == 0) {
            break;
        }
    }
    *ret_sent = total;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_stream_send(struct capsa_net_stream *stream, capsa_bytes bytes,
                                   int64_t deadline_us)
{
    size_t total = 0;
    while (total < bytes.len) {
        ssize_t sent = 0;
        CAPSA_TRY(send_now(stream, capsa_bytes_from(bytes, total), &sent));
        if (sent > 0) {
            total += (size_t)sent;
            continue;
        }
        short events;
        CAPSA_TRY(wait_for(stream, POLLOUT, deadline_us, &events));
    }
    return CAPSA_OK;
}

static CAPSA_RESULT receive_plain(const struct capsa_net_stream *stream, uint8_t *room, size_t len,
                                  int64_t deadline_us, size_t *ret_len)
{
    for (;;) {
        const ssize_t got = recv(stream->fd, room, len, 0);
        if (got >= 0) {
            *ret_len = (size_t)got;
            return CAPSA_OK;
        }
        CAPSA_REQUIRE(errno == EAGAIN || errno == EINTR, NETWORK, "%s: %s", stream->name,
                      strerror(errno));
        short events;
        CAPSA_TRY(wait_for(stream, POLLIN, deadline_us, &events));
    }
}

CAPSA_RESULT capsa_net_stream_receive(struct capsa_net_stream *stream, uint8_t *room, size_t len,
                                      int64_t deadline_us, size_t *ret_len)
{
    if (stream->session == NULL) {
        return receive_plain(stream, room, len, deadline_us, ret_len);
    }
    for (;;) {
        ERR_clear_error();
        const int got = SSL_read(stream->session, room, len > INT32_MAX ? INT32_MAX : (int)len);
        if (got > 0) {
            *ret_len = (size_t)got;
            return CAPSA_OK;
        }
        const int kind = SSL_get_error(stream->session, got);
        if (kind == SSL_ERROR_ZERO_RETURN) {
            *ret_len = 0;
            return CAPSA_OK;
        }
        CAPSA_TRY(tls_wait(stream, kind, deadline_us));
    }
}

bool capsa_net_stream_has_input(const struct capsa_net_stream *stream)
{
    if (stream->session != NULL && SSL_has_pending(stream->session)) {
        return true;
    }
    struct pollfd poll_fd = {stream->fd, POLLIN, 0};
    return poll(&poll_fd, 1, 0) > 0;
}
