/* SPDX-License-Identifier: Apache-2.0
 *
 * "host:port" as people write it, and socket addresses as text. Pure but for _resolve, which asks
 * the system's resolver and may block.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/result.h"

#define CAPSA_NET_HOST_TEXT    254 /* the longest DNS name, and NUL */
#define CAPSA_NET_ADDRESS_TEXT 64

struct capsa_net_target {
    char host[CAPSA_NET_HOST_TEXT]; /* without the brackets of an IPv6 address */
    unsigned port;
};

/* "localhost:8888", "10.0.0.1:8888", "[::1]:8888". Anything else, a port of 0 or over 65535, and
 * schemes ("http://") are CAPSA_E_USAGE with a text that says what was expected. */
CAPSA_RESULT capsa_net_target_parse(const char *text, struct capsa_net_target *ret_target);

/* The same to listen at, where port 0 is any that is free. */
CAPSA_RESULT capsa_net_listen_parse(const char *text, struct capsa_net_target *ret_target);
/* As people write it. */
#define CAPSA_NET_NAME_TEXT (CAPSA_NET_HOST_TEXT + 16)
void capsa_net_target_text(const struct capsa_net_target *target, char text[CAPSA_NET_NAME_TEXT]);

#define CAPSA_NET_ADDRESSES 8
struct capsa_net_addresses {
    struct sockaddr_storage list[CAPSA_NET_ADDRESSES];
    socklen_t lens[CAPSA_NET_ADDRESSES];
    size_t count;
};

/* At most CAPSA_NET_ADDRESSES TCP addresses, in the system's order. `passive`: to listen on. */
CAPSA_RESULT capsa_net_resolve(const char *host, unsigned port, bool passive,
                               struct capsa_net_addresses *ret_addresses);

/* "127.0.0.1:80" or "[::1]:80"; "?" for what is neither. */
void capsa_net_address_text(const struct sockaddr *address, char text[CAPSA_NET_ADDRESS_TEXT]);
/* Of such a text, for tables of what each address may have: without the port, and of IPv6 the
 * first half alone, since nobody has less than all that begin alike. */
uint32_t capsa_net_address_hash(const char *text);
/* The host is a literal IPv4 or IPv6 address. */
bool capsa_net_host_is_ip(const char *host);
/* It is "localhost", or an address that only this machine reaches. */
bool capsa_net_host_is_loopback(const char *host);
