/* SPDX-License-Identifier: Apache-2.0
 *
 * An HTTP server in a thread of the test: one connection after the other, answered by the test's
 * own words. Its gate can be shut, so that an answer waits until the test wants it to come.
 */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

struct http_server {
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool shut; /* the gate */
    atomic_int requests;
    char status[64];   /* "200 OK" */
    char headers[256]; /* lines, each with its CRLF */
    char body[256];
    char url[64]; /* "http://127.0.0.1:PORT" */
};

static inline void http_server_answer(struct http_server *server, const char *status,
                                      const char *headers, const char *body)
{
    (void)pthread_mutex_lock(&server->mutex);
    (void)snprintf(server->status, sizeof(server->status), "%s", status);
    (void)snprintf(server->headers, sizeof(server->headers), "%s", headers);
    (void)snprintf(server->body, sizeof(server->body), "%s", body);
    (void)pthread_mutex_unlock(&server->mutex);
}

static inline void http_server_gate(struct http_server *server, bool shut)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->shut = shut;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->mutex);
}

/* Read up to the empty line; false at the end. */
static inline bool http_server_read(int peer)
{
    char text[4096];
    size_t len = 0;
    for (;;) {
        ssize_t got = recv(peer, text + len, sizeof(text) - 1 - len, 0);
        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        text[len] = '\0';
        if (strstr(text, "\r\n\r\n") != NULL) {
            return true;
        }
    }
}

static inline void http_server_write(struct http_server *server, int peer)
{
    char text[1024];
    (void)pthread_mutex_lock(&server->mutex);
    while (server->shut) {
        (void)pthread_cond_wait(&server->changed, &server->mutex);
    }
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                       server->status, server->headers, strlen(server->body), server->body);
    (void)pthread_mutex_unlock(&server->mutex);
    (void)send(peer, text, (size_t)len, MSG_NOSIGNAL);
}

static inline void *http_server_run(void *context)
{
    struct http_server *server = context;
    for (int peer = accept(server->fd, NULL, NULL); peer >= 0;
         peer = accept(server->fd, NULL, NULL)) {
        if (http_server_read(peer)) {
            (void)atomic_fetch_add(&server->requests, 1);
            http_server_write(server, peer);
        }
        (void)close(peer);
    }
    return NULL;
}

static inline void http_server_start(struct http_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    *server = (struct http_server){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_true(server->fd >= 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, 64), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u", server->port);
    (void)pthread_mutex_init(&server->mutex, NULL);
    (void)pthread_cond_init(&server->changed, NULL);
    http_server_answer(server, "200 OK", "", "");
    assert_int_equal(pthread_create(&server->thread, NULL, http_server_run, server), 0);
}

/* Nobody listens at its address any more; may be called twice. */
static inline void http_server_stop(struct http_server *server)
{
    if (server->fd < 0) {
        return;
    }
    http_server_gate(server, false);
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->fd);
    server->fd = -1;
}
