/* SPDX-License-Identifier: Apache-2.0
 *
 * A listening socket and the connections that came through it.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/net_conn.h"
#include "net/net_loop.h"

#define BACKLOG         1024
#define ACCEPT_PAUSE_US 100000 /* no descriptors or memory: try again after this */
#define CLOSING_MAX     32     /* connections that made room and are not quite gone */

struct capsa_net_listener {
    struct capsa_net_loop *loop;
    struct capsa_net_listener_options options;
    struct evconnlistener *socket; /* NULL: closed */
    struct capsa_net_timer *pause;
    struct capsa_net_conns conns;
    unsigned port;
};

static void tell_trouble(const struct capsa_net_listener *listener, const char *peer,
                         const char *text)
{
    if (listener->options.trouble != NULL) {
        listener->options.trouble(listener->options.context, peer, text);
    }
}

static bool has_room(const struct capsa_net_listener *listener)
{
    const struct capsa_net_listener_options *options = &listener->options;
    const size_t count = listener->conns.count;
    return count < options->max_connections ||
           (count < options->max_connections + CLOSING_MAX && options->make_room != NULL &&
            options->make_room(options->context));
}

static void on_accept(struct evconnlistener *socket, evutil_socket_t fd, struct sockaddr *from,
                      int from_len, void *context)
{
    (void)socket;
    (void)from_len;
    struct capsa_net_listener *listener = context;
    char peer[CAPSA_NET_ADDRESS_TEXT];
    capsa_net_address_text(from, peer);
    if (!has_room(listener)) {
        (void)close(fd);
        tell_trouble(listener, peer, "refused: too many connections");
        return;
    }
    struct capsa_net_conn *conn = NULL;
    const capsa_result result = capsa_net_conn_new(listener->loop, fd, from, listener->options.tls,
                                                   &listener->conns, &conn);
    if (capsa_failed(result)) {
        tell_trouble(listener, peer, capsa_text_of(result));
        return;
    }
    listener->options.accepted(listener->options.context, conn);
    if (capsa_net_conn_has_owner(conn)) {
        capsa_net_conn_start(conn, listener->options.handshake_us);
    }
}

static void on_accept_error(struct evconnlistener *socket, void *context)
{
    struct capsa_net_listener *listener = context;
    const int code = EVUTIL_SOCKET_ERROR();
    tell_trouble(listener, "", strerror(code));
    /* Out of descriptors the socket stays readable: without a pause the loop would spin. */
    (void)evconnlistener_disable(socket);
    if (capsa_failed(capsa_net_timer_set(listener->pause, ACCEPT_PAUSE_US))) {
        (void)evconnlistener_enable(socket);
    }
}

static void on_pause_over(void *context)
{
    const struct capsa_net_listener *listener = context;
    if (listener->socket != NULL) {
        (void)evconnlistener_enable(listener->socket);
    }
}

static unsigned bound_port(evutil_socket_t fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return 0;
    }
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    memcpy(&in, &address, sizeof(in));
    memcpy(&in6, &address, sizeof(in6));
    return ntohs(address.ss_family == AF_INET6 ? in6.sin6_port : in.sin_port);
}

static CAPSA_RESULT bind_first(struct capsa_net_listener *listener, const char *host)
{
    const unsigned flags = LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
    struct capsa_net_addresses addresses;
    CAPSA_TRY(capsa_net_resolve(host, listener->options.port, true, &addresses));
    for (size_t i = 0; i < addresses.count && listener->socket == NULL; i++) {
        listener->socket = evconnlistener_new_bind(
            capsa_net_loop_base(listener->loop), on_accept, listener, flags, BACKLOG,
            (struct sockaddr *)&addresses.list[i], (int)addresses.lens[i]);
    }
    CAPSA_REQUIRE(listener->socket != NULL, NETWORK, "cannot listen on %s port %u: %s", host,
                  listener->options.port, strerror(errno));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_listen(struct capsa_net_loop *loop,
                              const struct capsa_net_listener_options *options,
                              struct capsa_net_listener **ret_listener)
{
    CAPSA_REQUIRE(options->port <= 65535, USAGE, "port %u is over 65535", options->port);
    CAPSA_AUTO_FREE(capsa_net_listener) listener = CAPSA_NEW(struct capsa_net_listener);
    CAPSA_REQUIRE_MEMORY(listener);
    listener->loop = loop;
    listener->options = *options;
    CAPSA_TRY(capsa_net_timer_new(loop, on_pause_over, listener, &listener->pause));
    CAPSA_TRY(bind_first(listener, options->address == NULL ? "0.0.0.0" : options->address));
    evconnlistener_set_error_cb(listener->socket, on_accept_error);
    listener->options.address = NULL; /* the caller's; not needed any more */
    listener->port = bound_port(evconnlistener_get_fd(listener->socket));
    *ret_listener = listener;
    listener = NULL;
    return CAPSA_OK;
}

unsigned capsa_net_listener_port(const struct capsa_net_listener *listener)
{
    return listener->port;
}

size_t capsa_net_listener_connections(const struct capsa_net_listener *listener)
{
    return listener->conns.count;
}

void capsa_net_listener_close(struct capsa_net_listener *listener)
{
    if (listener->socket != NULL) {
        evconnlistener_free(listener->socket);
        listener->socket = NULL;
    }
}

void capsa_net_listener_free(struct capsa_net_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    capsa_net_listener_close(listener);
    capsa_net_timer_free(listener->pause);
    while (listener->conns.first != NULL) {
        capsa_net_conn_free(listener->conns.first);
    }
    capsa_dealloc(listener);
}
