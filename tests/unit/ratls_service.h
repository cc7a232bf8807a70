/* SPDX-License-Identifier: Apache-2.0
 *
 * An attested server on a real port, in a loop and thread of its own, that sends back what it gets
 * and notes how each connection ended.
 */
#pragma once

#include <pthread.h>
#include <stdlib.h>

#include "base/time.h"
#include "net/net.h"
#include "net/net_stream.h"
#include "ratls_session_scene.h"

#define SECOND INT64_C(1000000)

struct service {
    struct capsa_net_loop *loop;
    struct capsa_net_listener *listener;
    struct capsa_net_tls *tls;
    struct capsa_ratls_context *context;
    struct capsa_net_target target;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. */
    unsigned ready, over;
    char why[CAPSA_ERROR_TEXT]; /* of the last that was over; "" it just closed */
    char check[64];             /* that refused it, as its report has it */
    bool was_judged;            /* there is a report of the last that was over */
    uint8_t measure;            /* of the last that was ready; 0: it proved nothing */
    bool bound;
    struct guest *guests; /* of the loop; all that ever came, freed at the end */
};

struct guest {
    struct service *service;
    struct capsa_net_conn *conn;
    struct guest *next;
};

static inline void note(struct service *service)
{
    (void)pthread_cond_broadcast(&service->changed);
    (void)pthread_mutex_unlock(&service->lock);
}

static inline void guest_ready(void *owner)
{
    const struct guest *guest = owner;
    struct service *service = guest->service;
    const struct capsa_ratls_report *report = capsa_ratls_peer(capsa_net_conn_session(guest->conn));
    (void)pthread_mutex_lock(&service->lock);
    service->ready++;
    service->bound = report != NULL && report->session_bound;
    service->measure = 0;
    if (report != NULL) {
        const capsa_bytes code =
            capsa_claim_bytes(&report->verdict.claims, CAPSA_CLAIM_SGX_MR_ENCLAVE);
        service->measure = code.len > 0 ? code.data[0] : 0;
    }
    note(service);
}

static inline void guest_bytes(void *owner, capsa_bytes bytes)
{
    const struct guest *guest = owner;
    capsa_result sent = capsa_net_conn_send(guest->conn, bytes);
    if (!capsa_failed(sent)) {
        sent = capsa_net_conn_flush(guest->conn);
    }
    capsa_ignore(sent, "the peer may be gone");
}

static inline void guest_drained(void *owner)
{
    (void)owner;
}

static inline void guest_closed(void *owner, const char *why)
{
    struct guest *guest = owner;
    struct service *service = guest->service;
    const struct ssl_st *ssl = capsa_net_conn_session(guest->conn);
    const struct capsa_ratls_report *report = ssl == NULL ? NULL : capsa_ratls_peer(ssl);
    (void)pthread_mutex_lock(&service->lock);
    service->over++;
    (void)snprintf(service->why, sizeof(service->why), "%s", why == NULL ? "" : why);
    service->was_judged = report != NULL;
    (void)snprintf(service->check, sizeof(service->check), "%s",
                   report == NULL ? "" : capsa_check_name(report->verdict.failed_check));
    note(service);
    capsa_net_conn_finish(guest->conn, SECOND);
}

static const struct capsa_net_conn_events guest_events = {
    .ready = guest_ready, .bytes = guest_bytes, .drained = guest_drained, .closed = guest_closed};

static inline void guest_came(void *context, struct capsa_net_conn *conn)
{
    struct service *service = context;
    struct guest *guest = calloc(1, sizeof(*guest));
    *guest = (struct guest){service, conn, service->guests};
    service->guests = guest;
    capsa_net_conn_attach(conn, &guest_events, guest);
}

static inline void *service_run(void *context)
{
    const struct service *service = context;
    capsa_ignore(capsa_net_loop_run(service->loop), "the test sees what it does not do");
    return NULL;
}

static inline void service_start(struct service *service,
                                 const struct capsa_ratls_context_options *options)
{
    *service = (struct service){.ready = 0};
    (void)pthread_mutex_init(&service->lock, NULL);
    (void)pthread_cond_init(&service->changed, NULL);
    service->context = context_of(options);
    assert_ok(capsa_ratls_tls_new(service->context, &service->tls));
    assert_ok(capsa_net_loop_new(&service->loop));
    const struct capsa_net_listener_options listen = {
        .address = "127.0.0.1",
        .tls = service->tls,
        .max_connections = 1000,
        .handshake_us = options->handshake_us > 0 ? options->handshake_us : 20 * SECOND,
        .accepted = guest_came,
        .context = service,
    };
    assert_ok(capsa_net_listen(service->loop, &listen, &service->listener));
    service->target = (struct capsa_net_target){.host = "127.0.0.1",
                                                .port = capsa_net_listener_port(service->listener)};
    assert_int_equal(pthread_create(&service->thread, NULL, service_run, service), 0);
}

/* Connections that are open go without an event. */
static inline void service_stop(struct service *service)
{
    capsa_net_loop_stop(service->loop);
    assert_int_equal(pthread_join(service->thread, NULL), 0);
    capsa_net_listener_free(service->listener);
    capsa_net_tls_free(service->tls);
    capsa_net_loop_free(service->loop);
    capsa_ratls_context_free(service->context);
    while (service->guests != NULL) {
        struct guest *next = service->guests->next;
        free(service->guests);
        service->guests = next;
    }
    (void)pthread_cond_destroy(&service->changed);
    (void)pthread_mutex_destroy(&service->lock);
}

/* Until so many connections are over; fails the test after 30 s. */
static inline void wait_over(struct service *service, unsigned over)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    int waited = 0;
    (void)pthread_mutex_lock(&service->lock);
    while (service->over < over && waited == 0) {
        waited = pthread_cond_timedwait(&service->changed, &service->lock, &until);
    }
    (void)pthread_mutex_unlock(&service->lock);
    assert_int_equal(waited, 0);
}
