/* SPDX-License-Identifier: Apache-2.0
 *
 * What the client and the server on mbedTLS share: settings from the command line, RNG, and a
 * verify callback that hands the peer's certificate, as DER, to whoever judges it: libcapsa, or a
 * drop-in library with Gramine's symbol. mbedTLS itself trusts nobody here.
 *
 *   --cert FILE --key FILE             what to present (PEM or DER)
 *   --simulation DIR [--policy FILE]   judge by libcapsa, trusting this simulated platform
 *   --drop-in LIBRARY                  judge by its ra_tls_verify_callback_extended_der
 */
#pragma once

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include <stddef.h>

struct libcapsa_verifier;

struct peer {
    const char *cert, *key, *simulation, *policy, *drop_in;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_ssl_config config;
    mbedtls_x509_crt own;
    mbedtls_x509_crt nobody; /* the CAs that mbedTLS wants to have: none */
    mbedtls_pk_context own_key;
    struct libcapsa_verifier *verifier;
    int (*drop_in_verify)(unsigned char *der, size_t len, void *results);
};

/* Takes `--name value` of the above out of argv (NULL-ended) from `first` on; false: one that
 * nobody knows, and it was said. */
bool peer_options(struct peer *peer, char **argv, int first);
/* `endpoint` is MBEDTLS_SSL_IS_CLIENT or _SERVER. A server that judges asks for certificates. */
bool peer_prepare(struct peer *peer, int endpoint);
/* Handshake on a connected socket, told on stderr: versions, sizes, or what went wrong. */
bool peer_handshake(mbedtls_ssl_context *session, const struct peer *peer,
                    mbedtls_net_context *socket);
/* All of it. */
bool peer_write(mbedtls_ssl_context *session, const unsigned char *bytes, size_t len);
/* At least one byte; 0: the peer closed; below 0: failed, and it was said. */
int peer_read(mbedtls_ssl_context *session, unsigned char *room, size_t len);
/* "mbedtls: WHAT: -0x2700 (...)" on stderr. False, always. */
bool peer_failed(const char *what, int error);
void peer_drop(struct peer *peer);
