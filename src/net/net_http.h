/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin listener: a tiny HTTP/1.1 server for GET (and HEAD) of fixed paths, such as /healthz,
 * /readyz and /metrics. It has no TLS, no bodies of requests, no parameters; bind it to loopback.
 * Unknown paths are 404, other methods 405. Handlers run on the loop and must not block.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"
#include "net/net.h"

struct capsa_net_http;

/* Append the body to `ret_body` and choose the status (200 at the start). A failure is a 500 with
 * no body. */
typedef CAPSA_RESULT (*capsa_net_http_handler)(void *context, int *ret_status, capsa_buf *ret_body);

struct capsa_net_http_page {
    const char *path;         /* "/healthz" */
    const char *content_type; /* "text/plain; charset=utf-8" */
    capsa_net_http_handler handler;
    void *context;
};

/* Pages must outlive the listener. Port 0: any free one. */
CAPSA_RESULT capsa_net_http_new(struct capsa_net_loop *loop, const char *address, unsigned port,
                                const struct capsa_net_http_page *pages, size_t count,
                                struct capsa_net_http **ret_http);
unsigned capsa_net_http_port(const struct capsa_net_http *http);
/* The loop must not run again afterwards. NULL is fine. */
void capsa_net_http_free(struct capsa_net_http *http);
CAPSA_DEFINE_AUTO_FREE(capsa_net_http)
