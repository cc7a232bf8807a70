/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's end of a connection on a loop: each address of the target in turn, and then TLS, all
 * within one time. Nothing is told to the owner before the loop's next turn.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "net/net_conn.h"
#include "net/net_loop.h"

#define WHY_TEXT (CAPSA_NET_NAME_TEXT + 128)

struct capsa_net_dialling {
    struct capsa_net_addresses addresses;
    size_t next; /* to be tried */
    int64_t deadline_us;
    char name[CAPSA_NET_NAME_TEXT];
    int code; /* an errno: why the last one that was tried is none */
};

void capsa_net_dialling_free(struct capsa_net_dialling *dialling)
{
    capsa_dealloc(dialling);
}

/* The deadline's share of the next address: one that swallows what is sent to it leaves the others
 * theirs. */
static int64_t share_us(const struct capsa_net_dialling *dialling)
{
    const int64_t left_us = dialling->deadline_us - capsa_monotonic_us();
    return left_us / (int64_t)(dialling->addresses.count - dialling->next);
}

/* False: there is nothing to wait for at this address. */
static bool try_address(struct capsa_net_conn *conn, const struct sockaddr *address, socklen_t len)
{
    const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        conn->dialling->code = errno;
        return false;
    }
    if (connect(fd, address, len) != 0 && errno != EINPROGRESS) {
        conn->dialling->code = errno;
        (void)close(fd);
        return false;
    }
    capsa_net_address_text(address, conn->peer.address);
    capsa_net_conn_use(conn, fd);
    return true;
}

static void try_next(struct capsa_net_conn *conn)
{
    struct capsa_net_dialling *dialling = conn->dialling;
    while (dialling->next < dialling->addresses.count) {
        const int64_t wait_us = share_us(dialling);
        const size_t at = dialling->next++;
        if (wait_us <= 0) {
            dialling->code = ETIMEDOUT;
        } else if (try_address(conn, (const struct sockaddr *)&dialling->addresses.list[at],
                               dialling->addresses.lens[at])) {
            capsa_net_conn_after(conn, wait_us);
            return;
        }
    }
    char why[WHY_TEXT];
    (void)snprintf(why, sizeof(why), "cannot connect to %s: %s", dialling->name,
                   dialling->code == ETIMEDOUT ? "no answer in time" : strerror(dialling->code));
    capsa_net_conn_over(conn, why);
}

static void drop_socket(struct capsa_net_conn *conn)
{
    const int fd = conn->pipe.fd;
    conn->pipe.fd = -1;
    capsa_net_conn_update(conn);
    (void)close(fd);
}

void capsa_net_dialling_step(struct capsa_net_conn *conn, bool late)
{
    struct capsa_net_dialling *dialling = conn->dialling;
    if (conn->pipe.fd >= 0) {
        socklen_t len = sizeof(dialling->code);
        dialling->code = late ? ETIMEDOUT : 0;
        if (!late && getsockopt(conn->pipe.fd, SOL_SOCKET, SO_ERROR, &dialling->code, &len) == 0 &&
            dialling->code == 0) {
            const int64_t left_us = dialling->deadline_us - capsa_monotonic_us();
            conn->dialling = NULL;
            capsa_net_dialling_free(dialling);
            capsa_net_conn_start(conn, left_us);
            return;
        }
        drop_socket(conn);
    }
    try_next(conn);
}

static CAPSA_RESULT prepare(struct capsa_net_conn *conn, const struct capsa_net_target *target,
                            int64_t connect_us)
{
    if (conn->tls != NULL) {
        CAPSA_TRY(capsa_net_tls_session(conn->tls, false, &conn->pipe.session));
        CAPSA_TRY(capsa_net_tls_expect_name(conn->tls, conn->pipe.session, target->host));
    }
    struct capsa_net_dialling *dialling = CAPSA_NEW(struct capsa_net_dialling);
    CAPSA_REQUIRE_MEMORY(dialling);
    conn->dialling = dialling;
    dialling->deadline_us = capsa_monotonic_us() + connect_us;
    capsa_net_target_text(target, dialling->name);
    CAPSA_TRY(capsa_net_resolve(target->host, target->port, false, &dialling->addresses));
    CAPSA_REQUIRE(dialling->addresses.count > 0, NETWORK, "\"%s\" has no address", target->host);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_dial(struct capsa_net_loop *loop, const struct capsa_net_target *target,
                            struct capsa_net_tls *tls, int64_t connect_us,
                            const struct capsa_net_conn_events *events, void *owner,
                            struct capsa_net_conn **ret_conn)
{
    struct capsa_net_conn *conn = NULL;
    CAPSA_TRY(capsa_net_conn_make(loop, tls, capsa_net_loop_dialled(loop), &conn));
    const capsa_result result = prepare(conn, target, connect_us);
    if (capsa_failed(result)) {
        capsa_net_conn_free(conn);
        return result;
    }
    capsa_net_conn_attach(conn, events, owner);
    capsa_net_conn_next_turn(conn);
    *ret_conn = conn;
    return CAPSA_OK;
}
