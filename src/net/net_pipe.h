/* SPDX-License-Identifier: Apache-2.0
 *
 * Within net only: bytes through a non-blocking socket, plain or TLS, and each direction's end. It
 * waits for nothing and calls nobody; net_conn.c does. Each step says how it went, and what the
 * socket has to be good for before the next.
 */
#pragma once

#include <event2/buffer.h>
#include <stdbool.h>

#include "net/net_tls_ssl.h"

struct capsa_net_pipe {
    int fd;                  /* -1: none */
    SSL *session;            /* NULL: plain */
    struct evbuffer *output; /* waits to be sent; NULL: nothing ever did */
    bool end_wanted;         /* our direction ends behind what is in `output` */
    bool end_sent;
    bool read_wants_room;   /* libssl must write before it can read on */
    bool write_wants_input; /* and the reverse */
    bool reset;             /* BROKEN by the system, not by TLS: the peer is gone */
    const char *why;        /* of BROKEN; static */
};

enum capsa_net_step {
    CAPSA_NET_DONE,
    CAPSA_NET_WAIT,  /* for the socket */
    CAPSA_NET_ENDED, /* the peer's direction, as it should */
    CAPSA_NET_BROKEN,
};

enum capsa_net_step capsa_net_pipe_handshake(struct capsa_net_pipe *pipe);
/* At least one byte when DONE. */
enum capsa_net_step capsa_net_pipe_read(struct capsa_net_pipe *pipe, uint8_t *room, size_t len,
                                        size_t *ret_len);
/* All that waits, and the end of our direction behind it where that is wanted. */
enum capsa_net_step capsa_net_pipe_write(struct capsa_net_pipe *pipe);
CAPSA_RESULT capsa_net_pipe_add(struct capsa_net_pipe *pipe, capsa_bytes bytes);
size_t capsa_net_pipe_unsent(const struct capsa_net_pipe *pipe);
/* Closes and frees what it has. */
void capsa_net_pipe_close(struct capsa_net_pipe *pipe);
