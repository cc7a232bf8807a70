/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin listener over libevent's evhttp: fixed pages for GET and HEAD, everything else refused.
 */
#include "net/net_http.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <string.h>

#include "base/alloc.h"
#include "net/net_loop.h"

#define HEADERS_MAX  8192
#define BODY_MAX     4096 /* read to answer 405, and thrown away */
#define IDLE_SECONDS 10
#define PAGE_MAX     MIB(1)
#define PAUSE_US     100000 /* no descriptors: accept again after this */
/* Methods that we answer with 405; evhttp answers the others with 501. */
#define METHODS                                                                                    \
    (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |     \
     EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH)

struct capsa_net_http {
    struct evhttp *server;
    const struct capsa_net_http_page *pages;
    size_t count;
    unsigned port;
};

static const struct capsa_net_http_page *find_page(const struct capsa_net_http *http,
                                                   const struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    for (size_t i = 0; path != NULL && i < http->count; i++) {
        if (capsa_streq(http->pages[i].path, path)) {
            return &http->pages[i];
        }
    }
    return NULL;
}

static void set_header(struct evhttp_request *request, const char *name, const char *value)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

static void answer(struct evhttp_request *request, int status, const char *type, capsa_bytes body)
{
    struct evbuffer *out = evbuffer_new();
    if (out == NULL || evbuffer_add(out, body.data, body.len) != 0) {
        status = HTTP_INTERNAL;
    }
    set_header(request, "Content-Type", type);
    set_header(request, "Cache-Control", "no-store");
    evhttp_send_reply(request, status, NULL, out);
    if (out != NULL) {
        evbuffer_free(out);
    }
}

static void answer_text(struct evhttp_request *request, int status, const char *text)
{
    answer(request, status, "text/plain; charset=utf-8", capsa_bytes_str(text));
}

static void on_request(struct evhttp_request *request, void *context)
{
    const enum evhttp_cmd_type command = evhttp_request_get_command(request);
    const struct capsa_net_http_page *page = find_page(context, request);
    if (page == NULL) {
        answer_text(request, HTTP_NOTFOUND, "not found\n");
        return;
    }
    if (command != EVHTTP_REQ_GET && command != EVHTTP_REQ_HEAD) {
        set_header(request, "Allow", "GET, HEAD");
        answer_text(request, HTTP_BADMETHOD, "only GET is served here\n");
        return;
    }
    CAPSA_AUTO(capsa_buf) body = capsa_buf_of(PAGE_MAX);
    int status = HTTP_OK;
    if (capsa_failed(page->handler(page->context, &status, &body))) {
        answer_text(request, HTTP_INTERNAL, "");
        return;
    }
    answer(request, status, page->content_type, capsa_buf_bytes(&body));
}

static void on_pause_over(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)evconnlistener_enable(context);
}

/* Out of descriptors the socket stays readable: without a pause the loop would spin. evhttp keeps
 * the listener's context for itself, hence an event that belongs to nobody but the loop. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    (void)context;
    const struct timeval pause = capsa_net_timeval(PAUSE_US);
    (void)evconnlistener_disable(listener);
    if (event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, on_pause_over, listener,
                        &pause) != 0) {
        (void)evconnlistener_enable(listener);
    }
}

static CAPSA_RESULT bind_page_server(struct capsa_net_http *http, const char *address,
                                     unsigned port)
{
    CAPSA_REQUIRE(port <= 65535, USAGE, "port %u is over 65535", port);
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(http->server, address, (ev_uint16_t)port);
    CAPSA_REQUIRE(bound != NULL, NETWORK, "cannot listen on %s port %u for the admin pages",
                  address, port);
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_error);
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&name, &len) == 0) {
        /* The port stands at the same place in both families. */
        struct sockaddr_in in;
        memcpy(&in, &name, sizeof(in));
        http->port = ntohs(in.sin_port);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_net_http_new(struct capsa_net_loop *loop, const char *address, unsigned port,
                                const struct capsa_net_http_page *pages, size_t count,
                                struct capsa_net_http **ret_http)
{
    CAPSA_AUTO_FREE(capsa_net_http) http = CAPSA_NEW(struct capsa_net_http);
    CAPSA_REQUIRE_MEMORY(http);
    http->pages = pages;
    http->count = count;
    http->server = evhttp_new(capsa_net_loop_base(loop));
    CAPSA_REQUIRE_MEMORY(http->server);
    evhttp_set_max_headers_size(http->server, HEADERS_MAX);
    evhttp_set_max_body_size(http->server, BODY_MAX);
    evhttp_set_timeout(http->server, IDLE_SECONDS);
    evhttp_set_allowed_methods(http->server, METHODS);
    evhttp_set_default_content_type(http->server, NULL);
    evhttp_set_gencb(http->server, on_request, http);
    CAPSA_TRY(bind_page_server(http, address, port));
    *ret_http = http;
    http = NULL;
    return CAPSA_OK;
}

unsigned capsa_net_http_port(const struct capsa_net_http *http)
{
    return http->port;
}

void capsa_net_http_free(struct capsa_net_http *http)
{
    if (http == NULL) {
        return;
    }
    if (http->server != NULL) {
        evhttp_free(http->server);
    }
    capsa_dealloc(http);
}
