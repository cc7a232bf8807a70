/* SPDX-License-Identifier: Apache-2.0
 *
 * A blocking stream: a non-blocking socket, poll with deadlines, and libssl on top where
 * asked for. libssl writes through a BIO of our own, because its socket BIO can raise SIGPIPE.
 */
#include "net/net_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "net/net_tls_ssl.h"

struct capsa_net_stream {
    int fd;
    SSL *session; /* NULL: plain */
    BIO_METHOD *bio_method;
    bool accepted;                  /* the other is the client */
    bool at_end;                    /* nothing more comes */
    int64_t limit_us;               /* no wait goes on for longer; INT64_MAX: none */
    char name[CAPSA_NET_NAME_TEXT]; /* the peer, for messages */
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
    if (deadline_us > stream->limit_us) {
        deadline_us = stream->limit_us;
    }
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
    struct capsa_net_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    const ssize_t got = recv(stream->fd, room, (size_t)len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(bio);
    }
    stream->at_end = got == 0;
    return (int)got;
}

/* libssl tells a stream that was cut from one that failed by asking whether it is at its end. */
static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    const struct capsa_net_stream *stream = BIO_get_data(bio);
    return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && stream->at_end);
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

static bool is_cut_off(int kind)
{
    const unsigned long code = ERR_peek_error();
    return kind == SSL_ERROR_SSL && ERR_GET_LIB(code) == ERR_LIB_SSL &&
           ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

static CAPSA_RESULT tls_failure(const struct capsa_net_stream *stream, int kind)
{
    const char *peer = stream->accepted ? "client" : "server";
    const unsigned long code = ERR_peek_error();
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        ERR_clear_error();
        CAPSA_FAIL(UNAUTHENTIC, "%s: the %s's certificate is refused: %s", stream->name, peer,
                   X509_verify_cert_error_string(SSL_get_verify_result(stream->session)));
    }
    CAPSA_REQUIRE(kind == SSL_ERROR_SSL && code != 0 && !is_cut_off(kind), NETWORK,
                  SSL_is_init_finished(stream->session)
                      ? "%s: the %s broke the connection off"
                      : "%s: the %s closed the connection during TLS",
                  stream->name, peer);
    /* 1000 and up are alerts: the peer refused us. */
    const bool alert = reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
    const char *text = capsa_net_tls_reason();
    CAPSA_REQUIRE(!alert, UNAUTHENTIC, "%s: the %s refused our TLS: %s", stream->name, peer, text);
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

static CAPSA_RESULT shake_hands(struct capsa_net_stream *stream, int64_t deadline_us)
{
    for (;;) {
        ERR_clear_error();
        const int done = SSL_do_handshake(stream->session);
        if (done == 1) {
            return CAPSA_OK;
        }
        CAPSA_TRY(tls_wait(stream, SSL_get_error(stream->session, done), deadline_us));
    }
}

static int64_t limit_of(int64_t us)
{
    return us <= 0 ? INT64_MAX : capsa_monotonic_us() + us;
}

/* The admission knows no deadlines: the stream keeps them, whatever it is asked for. */
static CAPSA_RESULT be_admitted(struct capsa_net_stream *stream,
                                const struct capsa_net_admission *admission, int64_t deadline_us)
{
    if (admission == NULL || (admission->admit == NULL && admission->begin == NULL)) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(admission->admit != NULL, USAGE,
                  "%s: who is met is admitted to loops alone, and to no stream", stream->name);
    const int64_t limit_us = limit_of(admission->admission_us);
    stream->limit_us = limit_us < deadline_us ? limit_us : deadline_us;
    const capsa_result result = admission->admit(admission->context, stream, stream->session);
    stream->limit_us = INT64_MAX;
    return result;
}

/* server_name NULL: whoever it is. */
static CAPSA_RESULT start_tls(struct capsa_net_stream *stream, struct capsa_net_tls *tls,
                              const char *server_name, int64_t deadline_us)
{
    const struct capsa_net_admission *admission = capsa_net_tls_admission(tls);
    CAPSA_TRY(capsa_net_tls_session(tls, stream->accepted, &stream->session));
    CAPSA_TRY(attach_bio(stream));
    if (!stream->accepted) {
        CAPSA_TRY(capsa_net_tls_expect_name(tls, stream->session, server_name));
    }
    stream->limit_us = limit_of(admission == NULL ? 0 : admission->handshake_us);
    const capsa_result shaken = shake_hands(stream, deadline_us);
    stream->limit_us = INT64_MAX;
    CAPSA_TRY(shaken);
    CAPSA_TRY_AT(capsa_net_tls_check_alpn(tls, stream->session), "%s: the %s speaks", stream->name,
                 stream->accepted ? "client" : "server");
    return be_admitted(stream, admission, deadline_us);
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

static CAPSA_RESULT new_stream(int fd, bool accepted, struct capsa_net_stream **ret_stream)
{
    struct capsa_net_stream *stream = CAPSA_NEW(struct capsa_net_stream);
    if (stream == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    stream->fd = fd;
    stream->accepted = accepted;
    stream->limit_us = INT64_MAX;
    *ret_stream = stream;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_stream_open(const struct capsa_net_target *target, struct capsa_net_tls *tls,
                                   const char *server_name, int64_t deadline_us,
                                   struct capsa_net_stream **ret_stream)
{
    CAPSA_AUTO_FREE(capsa_net_stream) stream = NULL;
    CAPSA_TRY(new_stream(-1, false, &stream));
    capsa_net_target_text(target, stream->name);
    CAPSA_TRY(connect_any(stream, target, deadline_us));
    if (tls != NULL) {
        CAPSA_TRY(
            start_tls(stream, tls, server_name == NULL ? target->host : server_name, deadline_us));
    }
    *ret_stream = stream;
    stream = NULL;
    return CAPSA_OK;
}

static void make_ready(int fd)
{
    const int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
}

CAPSA_RESULT capsa_net_stream_accept(int fd, struct capsa_net_tls *tls, int64_t deadline_us,
                                     struct capsa_net_stream **ret_stream)
{
    CAPSA_AUTO_FREE(capsa_net_stream) stream = NULL;
    CAPSA_TRY(new_stream(fd, true, &stream));
    make_ready(fd);
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof(from);
    (void)getpeername(fd, (struct sockaddr *)&from, &len);
    capsa_net_address_text((const struct sockaddr *)&from, stream->name);
    if (tls != NULL) {
        CAPSA_TRY(start_tls(stream, tls, NULL, deadline_us));
    }
    *ret_stream = stream;
    stream = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_stream_connected(int fd, struct capsa_net_tls *tls, const char *name,
                                        int64_t deadline_us, struct capsa_net_stream **ret_stream)
{
    CAPSA_AUTO_FREE(capsa_net_stream) stream = NULL;
    CAPSA_TRY(new_stream(fd, false, &stream));
    make_ready(fd);
    (void)snprintf(stream->name, sizeof(stream->name), "%s", name);
    if (tls != NULL) {
        CAPSA_TRY(start_tls(stream, tls, name, deadline_us));
    }
    *ret_stream = stream;
    stream = NULL;
    return CAPSA_OK;
}

struct ssl_st *capsa_net_stream_session(const struct capsa_net_stream *stream)
{
    return stream->session;
}

int64_t capsa_net_stream_limit_us(const struct capsa_net_stream *stream)
{
    return stream->limit_us;
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

CAPSA_RESULT capsa_net_stream_end(struct capsa_net_stream *stream, int64_t deadline_us)
{
    while (stream->session != NULL) {
        ERR_clear_error();
        const int sent = SSL_shutdown(stream->session);
        if (sent >= 0) {
            break;
        }
        CAPSA_TRY(tls_wait(stream, SSL_get_error(stream->session, sent), deadline_us));
    }
    CAPSA_REQUIRE(shutdown(stream->fd, SHUT_WR) == 0, NETWORK, "%s: %s", stream->name,
                  strerror(errno));
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
        /* Anybody on the way can end a TCP stream; only the peer can end one of TLS. */
        CAPSA_REQUIRE(!is_cut_off(kind), TRUNCATED, "%s: the stream ends without a TLS close",
                      stream->name);
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

CAPSA_RESULT capsa_net_stream_wait(const struct capsa_net_stream *stream, int fd,
                                   int64_t deadline_us, bool *ret_input, bool *ret_fd)
{
    const bool pending = stream->session != NULL && SSL_pending(stream->session) > 0;
    for (;;) {
        struct pollfd both[] = {{stream->fd, POLLIN, 0}, {fd, POLLIN, 0}};
        const int left = pending ? 0 : left_ms(deadline_us);
        const int ready = poll(both, fd < 0 ? 1 : 2, left);
        CAPSA_REQUIRE(ready >= 0 || errno == EINTR, NETWORK, "%s: %s", stream->name,
                      strerror(errno));
        if (ready > 0 || pending) {
            *ret_input = pending || (ready > 0 && both[0].revents != 0);
            *ret_fd = ready > 0 && both[1].revents != 0;
            return CAPSA_OK;
        }
        CAPSA_REQUIRE(left > 0 || ready < 0, TIMEOUT, "%s: no answer in time", stream->name);
    }
}
