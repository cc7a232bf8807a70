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
