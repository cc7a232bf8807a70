/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS settings from PEM files, for listeners and for clients. TLS 1.2 with AEAD and forward
 * secrecy, and TLS 1.3; no session tickets, no resumption, no renegotiation, no compression. Both
 * sides insist on the ALPN name of HTTP/2 ("h2").
 *
 * Errors name the file and what is wrong with it (MALFORMED, IO), or the files that do not fit each
 * other (MALFORMED). A key that is encrypted is refused: nobody is there to type its password.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/result.h"

struct capsa_net_tls;

struct capsa_net_tls_server_options {
    const char *cert_path; /* PEM: the server's certificate, then its chain */
    const char *key_path;  /* PEM */
    /* PEM file, or a directory all of whose files are PEM: the roots that clients' certificates
     * must lead to (mutual TLS). NULL: clients are not asked for one. */
    const char *client_ca_path;
};

struct capsa_net_tls_client_options {
    const char *ca_path;   /* PEM file or directory: the only roots trusted. Needed. */
    const char *cert_path; /* PEM; NULL: no client certificate. With key_path or not at all. */
    const char *key_path;
};

CAPSA_RESULT capsa_net_tls_server_new(const struct capsa_net_tls_server_options *options,
                                      struct capsa_net_tls **ret_tls);
CAPSA_RESULT capsa_net_tls_client_new(const struct capsa_net_tls_client_options *options,
                                      struct capsa_net_tls **ret_tls);
void capsa_net_tls_free(struct capsa_net_tls *tls); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_net_tls)

/* Read the same files again. New connections use them; on failure everything stays as it was.
 * Any thread. */
CAPSA_RESULT capsa_net_tls_reload(struct capsa_net_tls *tls);

/* The server asks clients for certificates. */
bool capsa_net_tls_is_mutual(const struct capsa_net_tls *tls);

/* ---- Settings that somebody else makes (ratls/) -------------------------------------------------
 */

struct ssl_st;
struct capsa_net_conn;
struct capsa_net_stream;

/* Everything that has to happen between a TLS handshake and the first byte of the application. */
struct capsa_net_admission {
    void *context;
    /* Of a connection on a loop, on the loop's thread; must not block. `*ret_state` is handed to
     * the others. Ends by capsa_net_conn_admit, or capsa_net_conn_refuse, on the loop's thread, now
     * or later; a failure here refuses. */
    CAPSA_RESULT(*begin)
    (void *context, struct capsa_net_conn *conn, struct ssl_st *session, void **ret_state);
    /* Bytes of the peer before the end; returns how many are its own: the rest is the
     * application's, and only when it has admitted the connection within the call or will without
     * any more bytes. */
    size_t (*bytes)(void *state, capsa_bytes bytes);
    /* The connection is over, or the admission: frees the state. Called once after every begin that
     * succeeded, never from within the calls above. */
    void (*end)(void *state);
    /* Of a blocking stream, the whole. */
    CAPSA_RESULT (*admit)(void *context, struct capsa_net_stream *stream, struct ssl_st *session);
    int64_t handshake_us; /* of a stream's handshake; 0: as long as the deadline */
    int64_t admission_us; /* from the handshake to the end of the admission */
};

struct capsa_net_tls_maker {
    void *context;
    /* A session for a new connection; to be freed with SSL_free. */
    CAPSA_RESULT (*session)(void *context, struct ssl_st **ret_session);
    void (*free)(void *context); /* when the settings are freed */
    bool is_server;
    bool is_mutual;
    const char *alpn; /* what the peer must have agreed to speak; NULL: anything, or nothing */
    /* .begin and .admit NULL: none. One of them NULL: nobody is let in where it belongs. */
    struct capsa_net_admission admission;
};
/* `maker` is copied, and its context taken over on success. _reload of these does nothing. Names in
 * certificates are not looked at by streams: whom one speaks to is the admission's business. */
CAPSA_RESULT capsa_net_tls_of_maker(const struct capsa_net_tls_maker *maker,
                                    struct capsa_net_tls **ret_tls);
