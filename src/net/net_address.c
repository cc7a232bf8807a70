/* SPDX-License-Identifier: Apache-2.0
 *
 * host:port texts and socket addresses.
 */
#include "net/net_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

static CAPSA_RESULT parse_port(const char *text, const char *digits, unsigned *ret_port)
{
    unsigned port = 0;
    const size_t len = strlen(digits);
    CAPSA_REQUIRE(len > 0, USAGE, "\"%s\" has no port; write host:port", text);
    for (size_t i = 0; i < len; i++) {
        CAPSA_REQUIRE(digits[i] >= '0' && digits[i] <= '9', USAGE,
                      "\"%s\": the port is not a number; write host:port", text);
        port = port * 10 + (unsigned)(digits[i] - '0');
        CAPSA_REQUIRE(port <= 65535, USAGE, "\"%s\": the port is over 65535", text);
    }
    *ret_port = port;
    return CAPSA_OK;
}

/* The host, and where the port's digits begin. */
static CAPSA_RESULT split(const char *text, capsa_bytes *ret_host, const char **ret_digits)
{
    const char *end = strrchr(text, ':');
    if (text[0] == '[') {
        const char *bracket = strchr(text, ']');
        CAPSA_REQUIRE(bracket != NULL && bracket[1] == ':', USAGE,
                      "\"%s\" is not an address; write [IPv6 address]:port", text);
        *ret_host = capsa_bytes_of(text + 1, (size_t)(bracket - text) - 1);
        *ret_digits = bracket + 2;
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(end != NULL, USAGE, "\"%s\" has no port; write host:port", text);
    CAPSA_REQUIRE(strchr(text, ':') == end, USAGE,
                  "\"%s\" has more than one colon; put an IPv6 address in brackets", text);
    *ret_host = capsa_bytes_of(text, (size_t)(end - text));
    *ret_digits = end + 1;
    return CAPSA_OK;
}

static bool is_host_byte(char byte, bool bracketed)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '-' || byte == '_' ||
           (bracketed && (byte == ':' || byte == '%'));
}

CAPSA_RESULT capsa_net_target_parse(const char *text, struct capsa_net_target *ret_target)
{
    struct capsa_net_target target;
    CAPSA_TRY(capsa_net_listen_parse(text, &target));
    CAPSA_REQUIRE(target.port > 0, USAGE, "\"%s\": the port is 0", text);
    *ret_target = target;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_listen_parse(const char *text, struct capsa_net_target *ret_target)
{
    CAPSA_REQUIRE(strstr(text, "://") == NULL, USAGE,
                  "\"%s\" is a URL; write host:port without the scheme", text);
    capsa_bytes host;
    const char *digits;
    CAPSA_TRY(split(text, &host, &digits));
    CAPSA_REQUIRE(host.len > 0, USAGE, "\"%s\" has no host; write host:port", text);
    CAPSA_REQUIRE(host.len < CAPSA_NET_HOST_TEXT, USAGE, "the host name is over %d bytes",
                  CAPSA_NET_HOST_TEXT - 1);
    struct capsa_net_target target = {0};
    memcpy(target.host, host.data, host.len);
    for (size_t i = 0; i < host.len; i++) {
        CAPSA_REQUIRE(is_host_byte(target.host[i], text[0] == '['), USAGE,
                      "\"%s\" is not a host name", text);
    }
    CAPSA_TRY(parse_port(text, digits, &target.port));
    *ret_target = target;
    return CAPSA_OK;
}

void capsa_net_target_text(const struct capsa_net_target *target, char text[CAPSA_NET_NAME_TEXT])
{
    const bool colons = strchr(target->host, ':') != NULL;
    (void)snprintf(text, CAPSA_NET_NAME_TEXT, colons ? "[%s]:%u" : "%s:%u", target->host,
                   target->port);
}

CAPSA_RESULT capsa_net_resolve(const char *host, unsigned port, bool passive,
                               struct capsa_net_addresses *ret_addresses)
{
    CAPSA_REQUIRE(port <= 65535, USAGE, "port %u is over 65535", port);
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", port);
    const struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0),
    };
    struct addrinfo *found = NULL;
    const int failed = getaddrinfo(host, service, &hints, &found);
    CAPSA_REQUIRE(failed == 0, NETWORK, "cannot find the address of \"%s\": %s", host,
                  gai_strerror(failed));
    struct capsa_net_addresses addresses = {0};
    for (const struct addrinfo *at = found; at != NULL && addresses.count < CAPSA_NET_ADDRESSES;
         at = at->ai_next) {
        memcpy(&addresses.list[addresses.count], at->ai_addr, at->ai_addrlen);
        addresses.lens[addresses.count++] = at->ai_addrlen;
    }
    freeaddrinfo(found);
    *ret_addresses = addresses;
    return CAPSA_OK;
}

void capsa_net_address_text(const struct sockaddr *address, char text[CAPSA_NET_ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        if (inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host)) != NULL) {
            (void)snprintf(text, CAPSA_NET_ADDRESS_TEXT, "%s:%u", host, ntohs(in.sin_port));
            return;
        }
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        if (inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host)) != NULL) {
            (void)snprintf(text, CAPSA_NET_ADDRESS_TEXT, "[%s]:%u", host, ntohs(in6.sin6_port));
            return;
        }
    }
    (void)snprintf(text, CAPSA_NET_ADDRESS_TEXT, "?");
}

bool capsa_net_host_is_ip(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

bool capsa_net_host_is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    return strcmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six));
}

/* FNV-1a. */
static uint32_t hash_of(capsa_bytes bytes)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.data[i]) * UINT32_C(16777619);
    }
    return hash;
}

/* Who has one IPv6 address has the 2^64 that begin alike. */
#define V6_SITE 8

uint32_t capsa_net_address_hash(const char *text)
{
    const char *port = strrchr(text, ':');
    const capsa_bytes host =
        capsa_bytes_of((const uint8_t *)text, port == NULL ? strlen(text) : (size_t)(port - text));
    char inner[INET6_ADDRSTRLEN] = "";
    struct in6_addr in6;
    if (host.len > 2 && host.len - 2 < sizeof(inner) && text[0] == '[') {
        memcpy(inner, text + 1, host.len - 2);
    }
    if (inet_pton(AF_INET6, inner, &in6) != 1 || IN6_IS_ADDR_V4MAPPED(&in6)) {
        return hash_of(host);
    }
    return hash_of(capsa_bytes_of(in6.s6_addr, V6_SITE));
}
