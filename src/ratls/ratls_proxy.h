/* SPDX-License-Identifier: Apache-2.0
 *
 * Attested TLS in front of, or behind, any TCP service: connections that a listener accepts are
 * joined with ones that are dialled, each side plain or attested. Nothing is dialled for anybody
 * who has not proved what he had to. Half-closing and pressure pass through, and so does a stream
 * that breaks: the other side is reset, so that nobody takes a part for the whole. Runs on a loop;
 * never logs, and tells its owner.
 */
#pragma once

#include "net/net.h"
#include "ratls/ratls_context.h"

struct capsa_ratls_proxy;

struct capsa_ratls_proxy_event {
    uint64_t id;
    const char *peer; /* who came */
    /* Of the attested side, or NULL: it was not asked, or it did not come so far. */
    const struct capsa_ratls_report *report;
    bool was_joined; /* false: it ended before the two sides were one */
    const char *why; /* how it ended; NULL: it has just been joined, or it ended as it should */
    uint64_t in_bytes, out_bytes; /* from the one who came, and to him */
};

struct capsa_ratls_proxy_options {
    struct capsa_net_loop *loop;
    const char *listen_address;
    unsigned listen_port;
    struct capsa_net_tls *listen_tls;      /* NULL: plain */
    const struct capsa_net_target *target; /* looked up for every connection, which may block */
    struct capsa_net_tls *target_tls;      /* NULL: plain */
    size_t max_connections;                /* 0: CAPSA_LIMIT_connections, or as open files allow */
    int64_t handshake_us;                  /* of listen_tls; 0: CAPSA_LIMIT_handshake_seconds */
    int64_t connect_us;                    /* to the target, its TLS handshake included; 0: 10 s */
    int64_t idle_us;                       /* nothing moves in either direction; 0: for ever */
    /* Both may be NULL. What they are told lives for the call. */
    void (*joined)(void *context, const struct capsa_ratls_proxy_event *event);
    void (*ended)(void *context, const struct capsa_ratls_proxy_event *event);
    void *context;
};
CAPSA_RESULT capsa_ratls_proxy_new(const struct capsa_ratls_proxy_options *options,
                                   struct capsa_ratls_proxy **ret_proxy);
unsigned capsa_ratls_proxy_port(const struct capsa_ratls_proxy *proxy);
/* Of so many pairs: how many bytes may wait for one end before the other is not read any more. */
size_t capsa_ratls_proxy_mark(size_t pairs);
size_t capsa_ratls_proxy_connections(const struct capsa_ratls_proxy *proxy);
/* Accept no more; what is joined goes on. */
void capsa_ratls_proxy_close(struct capsa_ratls_proxy *proxy);
void capsa_ratls_proxy_free(struct capsa_ratls_proxy *proxy); /* drops what is joined */
CAPSA_DEFINE_AUTO_FREE(capsa_ratls_proxy)
