/* SPDX-License-Identifier: Apache-2.0
 *
 *   mbedtls_server [options of mbedtls_peer.h]
 *
 * Says "ready PORT" on standard output, and sends back whatever connections send, one connection
 * after the other, until standard input ends.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mbedtls_peer.h"

#define BLOCK 16384

static void echo(mbedtls_ssl_context *session)
{
    unsigned char block[BLOCK];
    int got;
    while ((got = peer_read(session, block, sizeof(block))) > 0) {
        if (!peer_write(session, block, (size_t)got)) {
            return;
        }
    }
    (void)mbedtls_ssl_close_notify(session);
}

static void serve_one(const struct peer *peer, mbedtls_net_context *listener)
{
    mbedtls_net_context socket;
    mbedtls_ssl_context session;
    mbedtls_net_init(&socket);
    mbedtls_ssl_init(&session);
    int code = mbedtls_net_accept(listener, &socket, NULL, 0, NULL);
    if (code != 0) {
        (void)peer_failed("accept", code);
    } else if (peer_handshake(&session, peer, &socket)) {
        echo(&session);
    }
    mbedtls_ssl_free(&session);
    mbedtls_net_free(&socket);
}

static unsigned port_of(const mbedtls_net_context *listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    return getsockname(listener->fd, (struct sockaddr *)&address, &len) == 0
               ? ntohs(address.sin_port)
               : 0;
}

static bool serve(const struct peer *peer)
{
    mbedtls_net_context listener;
    mbedtls_net_init(&listener);
    int code = mbedtls_net_bind(&listener, "127.0.0.1", "0", MBEDTLS_NET_PROTO_TCP);
    if (code != 0) {
        return peer_failed("bind", code);
    }
    (void)printf("ready %u\n", port_of(&listener));
    (void)fflush(stdout);
    struct pollfd wait[] = {{.fd = listener.fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    while (poll(wait, 2, -1) > 0 && wait[1].revents == 0) {
        if (wait[0].revents != 0) {
            serve_one(peer, &listener);
        }
    }
    mbedtls_net_free(&listener);
    return true;
}

int main(int argc, char **argv)
{
    struct peer peer;
    memset(&peer, 0, sizeof(peer));
    if (argc < 1 || !peer_options(&peer, argv, 1) || peer.cert == NULL) {
        (void)fprintf(stderr, "mbedtls_server --cert FILE --key FILE [OPTIONS]\n");
        return 2;
    }
    bool good = peer_prepare(&peer, MBEDTLS_SSL_IS_SERVER) && serve(&peer);
    peer_drop(&peer);
    return good ? 0 : 1;
}
