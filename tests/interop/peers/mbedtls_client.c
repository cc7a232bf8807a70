/* SPDX-License-Identifier: Apache-2.0
 *
 *   mbedtls_client HOST PORT [options of mbedtls_peer.h] <request >answer
 *
 * Connects, sends what stands in standard input, and writes as many bytes of answer (of an echo)
 * to standard output. Exit status 0: all of it came back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mbedtls_peer.h"

#define BLOCK 16384

static bool answered(mbedtls_ssl_context *session, size_t len)
{
    unsigned char block[BLOCK];
    while (len > 0) {
        int got = peer_read(session, block, sizeof(block));
        if (got <= 0 || (size_t)got > len || fwrite(block, 1, (size_t)got, stdout) != (size_t)got) {
            return false;
        }
        len -= (size_t)got;
    }
    return true;
}

static bool talk(mbedtls_ssl_context *session)
{
    unsigned char block[BLOCK];
    size_t len;
    while ((len = fread(block, 1, sizeof(block), stdin)) > 0) {
        if (!peer_write(session, block, len) || !answered(session, len)) {
            return false;
        }
    }
    return mbedtls_ssl_close_notify(session) == 0;
}

static bool connect_and_talk(const struct peer *peer, const char *host, const char *port)
{
    mbedtls_net_context socket;
    mbedtls_ssl_context session;
    mbedtls_net_init(&socket);
    mbedtls_ssl_init(&session);
    int code = mbedtls_net_connect(&socket, host, port, MBEDTLS_NET_PROTO_TCP);
    bool good = code == 0 ? peer_handshake(&session, peer, &socket) && talk(&session)
                          : peer_failed("connect", code);
    mbedtls_ssl_free(&session);
    mbedtls_net_free(&socket);
    return good;
}

int main(int argc, char **argv)
{
    struct peer peer;
    memset(&peer, 0, sizeof(peer));
    if (argc < 3 || !peer_options(&peer, argv, 3)) {
        (void)fprintf(stderr, "mbedtls_client HOST PORT [OPTIONS]\n");
        return 2;
    }
    bool good =
        peer_prepare(&peer, MBEDTLS_SSL_IS_CLIENT) && connect_and_talk(&peer, argv[1], argv[2]);
    peer_drop(&peer);
    return good ? 0 : 1;
}
