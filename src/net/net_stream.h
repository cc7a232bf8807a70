/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's end of a byte stream, blocking with deadlines: connect (each address in turn), TLS,
 * send, receive. For commands and tests; servers use net.h. One thread at a time. Raises no
 * SIGPIPE. Deadlines are capsa_monotonic_us values; passing one is CAPSA_E_TIMEOUT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/result.h"
#include "net/net_address.h"

struct capsa_net_tls; /* net_tls.h */
struct ssl_st;
struct capsa_net_stream;

/* tls NULL: plain. The certificate must be for `server_name` (NULL: for target->host), a DNS name
 * or an IP address. Errors: NETWORK (not resolved, refused, reset, not speaking TLS), UNAUTHENTIC
 * (either side refused the other's certificate), TIMEOUT; each names the target. */
CAPSA_RESULT capsa_net_stream_open(const struct capsa_net_target *target, struct capsa_net_tls *tls,
                                   const char *server_name, int64_t deadline_us,
                                   struct capsa_net_stream **ret_stream);
/* The server's end of an accepted socket, which is taken over, also on failure. tls NULL: plain. */
CAPSA_RESULT capsa_net_stream_accept(int fd, struct capsa_net_tls *tls, int64_t deadline_us,
                                     struct capsa_net_stream **ret_stream);
/* The client's end of a connected socket, which is taken over, also on failure. `name` is what
 * errors call it. */
CAPSA_RESULT capsa_net_stream_connected(int fd, struct capsa_net_tls *tls, const char *name,
                                        int64_t deadline_us, struct capsa_net_stream **ret_stream);
/* Our direction is over (a TLS close, and the end of the stream); the other goes on. */
CAPSA_RESULT capsa_net_stream_end(struct capsa_net_stream *stream, int64_t deadline_us);
/* While it is being admitted: when that has to be over, which ends every wait of the stream; else
 * INT64_MAX. */
int64_t capsa_net_stream_limit_us(const struct capsa_net_stream *stream);
/* The TLS session; NULL: plain. Lives as long as the stream. */
struct ssl_st *capsa_net_stream_session(const struct capsa_net_stream *stream);
void capsa_net_stream_free(struct capsa_net_stream *stream); /* closes; NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_net_stream)

/* Sends everything or fails. */
CAPSA_RESULT capsa_net_stream_send(struct capsa_net_stream *stream, capsa_bytes bytes,
                                   int64_t deadline_us);
/* Sends what is possible now, at least one byte once there is room; while waiting for room, returns
 * early with *ret_sent 0 when there is something to receive. */
CAPSA_RESULT capsa_net_stream_send_some(struct capsa_net_stream *stream, capsa_bytes bytes,
                                        int64_t deadline_us, size_t *ret_sent);
/* Waits for at least one byte; *ret_len 0: the peer closed. TRUNCATED: its TLS stream ends without
 * a close, and what came may not be all. */
CAPSA_RESULT capsa_net_stream_receive(struct capsa_net_stream *stream, uint8_t *room, size_t len,
                                      int64_t deadline_us, size_t *ret_len);
/* There is something to receive, the end of the stream included, without waiting. */
bool capsa_net_stream_has_input(const struct capsa_net_stream *stream);
/* Waits until there is something to receive, or `fd` is readable or at its end (-1: waits for the
 * stream alone). Of TLS what has come may be no whole record yet: receive with a deadline that has
 * passed, and take TIMEOUT for nothing. */
CAPSA_RESULT capsa_net_stream_wait(const struct capsa_net_stream *stream, int fd,
                                   int64_t deadline_us, bool *ret_input, bool *ret_fd);
