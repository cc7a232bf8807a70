/* SPDX-License-Identifier: Apache-2.0
 *
 * Within net only: how a listener makes connections and keeps the list of them.
 */
#pragma once

#include <event2/bufferevent.h>

#include "net/net.h"

/* Head of a list of connections; each removes itself when it is freed. */
struct capsa_net_conns {
    struct capsa_net_conn *first;
    size_t count;
};

/* Takes `fd` over, also on failure. The caller attaches an owner, then calls _start. */
CAPSA_RESULT capsa_net_conn_new(struct capsa_net_loop *loop, int fd, const struct sockaddr *from,
                                struct capsa_net_tls *tls, struct capsa_net_conns *list,
                                struct capsa_net_conn **ret_conn);
/* Begin the TLS handshake, or say that the plain stream is ready. May free the connection. */
void capsa_net_conn_start(struct capsa_net_conn *conn, int64_t handshake_us);
bool capsa_net_conn_has_owner(const struct capsa_net_conn *conn);
void capsa_net_conn_free(struct capsa_net_conn *conn);
