/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket's bytes, plain or through libssl. A TLS direction ends with a close_notify and then the
 * end of the TCP stream; an end without the former is a cut, which anybody on the way can make, and
 * is BROKEN.
 */
#include "net/net_pipe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD 16384 /* the most that one TLS record holds: smaller ones cost more */

static enum capsa_net_step broken(struct capsa_net_pipe *pipe, const char *why, bool reset)
{
    pipe->why = why;
    pipe->reset = reset;
    return CAPSA_NET_BROKEN;
}

/* ---- libssl ---- */

static const char *fatal_text(bool *ret_reset)
{
    const unsigned long code = ERR_get_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    *ret_reset = code == 0 || ERR_GET_LIB(code) == ERR_LIB_SYS;
    ERR_clear_error();
    if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
        ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return "the stream ended without a TLS close";
    }
    return reason == NULL ? "the connection was reset" : reason;
}

/* What libssl says of a call that did not succeed; `reading`: which direction had asked. */
static enum capsa_net_step tls_step(struct capsa_net_pipe *pipe, int returned, bool reading)
{
    switch (SSL_get_error(pipe->session, returned)) {
    case SSL_ERROR_WANT_READ:
        pipe->write_wants_input = !reading;
        return CAPSA_NET_WAIT;
    case SSL_ERROR_WANT_WRITE:
        pipe->read_wants_room = reading;
        return CAPSA_NET_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return CAPSA_NET_ENDED;
    default: {
        bool reset;
        const char *why = fatal_text(&reset);
        return broken(pipe, why, reset);
    }
    }
}

/* Of a peer that has ended its direction, libssl calls every later failure of the system an end. */
static enum capsa_net_step write_step(struct capsa_net_pipe *pipe, int returned)
{
    const enum capsa_net_step step = tls_step(pipe, returned, false);
    return step == CAPSA_NET_ENDED ? broken(pipe, "the connection was reset", true) : step;
}

enum capsa_net_step capsa_net_pipe_handshake(struct capsa_net_pipe *pipe)
{
    ERR_clear_error();
    pipe->read_wants_room = false;
    const int done = SSL_do_handshake(pipe->session);
    if (done == 1) {
        return CAPSA_NET_DONE;
    }
    const enum capsa_net_step step = tls_step(pipe, done, true);
    return step == CAPSA_NET_ENDED ? broken(pipe, "the peer left", true) : step;
}

static enum capsa_net_step read_tls(struct capsa_net_pipe *pipe, uint8_t *room, size_t len,
                                    size_t *ret_len)
{
    ERR_clear_error();
    pipe->read_wants_room = false;
    const int got = SSL_read(pipe->session, room, (int)len);
    if (got <= 0) {
        return tls_step(pipe, got, true);
    }
    *ret_len = (size_t)got;
    return CAPSA_NET_DONE;
}

/* One record; after WAIT libssl wants to be offered the same bytes again, and it is: `output` only
 * grows at its other end. */
static enum capsa_net_step write_record(struct capsa_net_pipe *pipe)
{
    uint8_t room[RECORD];
    struct evbuffer_iovec piece = {NULL, 0};
    (void)evbuffer_peek(pipe->output, RECORD, NULL, &piece, 1);
    const size_t waiting = evbuffer_get_length(pipe->output);
    if (piece.iov_len < RECORD && piece.iov_len < waiting) {
        piece.iov_base = room;
        piece.iov_len = (size_t)evbuffer_copyout(pipe->output, room, RECORD);
    }
    ERR_clear_error();
    pipe->write_wants_input = false;
    const int sent = SSL_write(pipe->session, piece.iov_base,
                               (int)(piece.iov_len > RECORD ? RECORD : piece.iov_len));
    if (sent <= 0) {
        return write_step(pipe, sent);
    }
    (void)evbuffer_drain(pipe->output, (size_t)sent);
    return CAPSA_NET_DONE;
}

static enum capsa_net_step close_tls(struct capsa_net_pipe *pipe)
{
    ERR_clear_error();
    pipe->write_wants_input = false;
    const int sent = SSL_shutdown(pipe->session);
    /* 0: ours is sent. Whether the peer's has come is reading's to find out. */
    return sent >= 0 ? CAPSA_NET_DONE : write_step(pipe, sent);
}

/* ---- plain ---- */

static enum capsa_net_step system_step(struct capsa_net_pipe *pipe)
{
    if (errno == EAGAIN || errno == EINTR) {
        return CAPSA_NET_WAIT;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
        return broken(pipe, "the connection was reset", true);
    }
    return broken(pipe, errno == ETIMEDOUT ? "the peer vanished" : "the connection failed", true);
}

static enum capsa_net_step read_plain(struct capsa_net_pipe *pipe, uint8_t *room, size_t len,
                                      size_t *ret_len)
{
    const ssize_t got = recv(pipe->fd, room, len, MSG_DONTWAIT);
    if (got < 0) {
        return system_step(pipe);
    }
    *ret_len = (size_t)got;
    return got == 0 ? CAPSA_NET_ENDED : CAPSA_NET_DONE;
}

static enum capsa_net_step write_plain(struct capsa_net_pipe *pipe)
{
    return evbuffer_write(pipe->output, pipe->fd) < 0 ? system_step(pipe) : CAPSA_NET_DONE;
}

/* ---- either ---- */

enum capsa_net_step capsa_net_pipe_read(struct capsa_net_pipe *pipe, uint8_t *room, size_t len,
                                        size_t *ret_len)
{
    return pipe->session == NULL ? read_plain(pipe, room, len, ret_len)
                                 : read_tls(pipe, room, len, ret_len);
}

static enum capsa_net_step send_end(struct capsa_net_pipe *pipe)
{
    const enum capsa_net_step step = pipe->session == NULL ? CAPSA_NET_DONE : close_tls(pipe);
    if (step == CAPSA_NET_DONE) {
        (void)shutdown(pipe->fd, SHUT_WR);
        pipe->end_sent = true;
    }
    return step;
}

enum capsa_net_step capsa_net_pipe_write(struct capsa_net_pipe *pipe)
{
    enum capsa_net_step step = CAPSA_NET_DONE;
    while (step == CAPSA_NET_DONE && capsa_net_pipe_unsent(pipe) > 0) {
        step = pipe->session == NULL ? write_plain(pipe) : write_record(pipe);
    }
    if (step == CAPSA_NET_DONE && pipe->end_wanted && !pipe->end_sent) {
        step = send_end(pipe);
    }
    return step;
}

CAPSA_RESULT capsa_net_pipe_add(struct capsa_net_pipe *pipe, capsa_bytes bytes)
{
    if (pipe->output == NULL) {
        pipe->output = evbuffer_new();
        CAPSA_REQUIRE_MEMORY(pipe->output);
    }
    CAPSA_REQUIRE(evbuffer_add(pipe->output, bytes.data, bytes.len) == 0, NOMEM, "out of memory");
    return CAPSA_OK;
}

size_t capsa_net_pipe_unsent(const struct capsa_net_pipe *pipe)
{
    return pipe->output == NULL ? 0 : evbuffer_get_length(pipe->output);
}

void capsa_net_pipe_close(struct capsa_net_pipe *pipe)
{
    SSL_free(pipe->session);
    if (pipe->output != NULL) {
        evbuffer_free(pipe->output);
    }
    if (pipe->fd >= 0) {
        (void)close(pipe->fd);
    }
    *pipe = (struct capsa_net_pipe){.fd = -1};
}
