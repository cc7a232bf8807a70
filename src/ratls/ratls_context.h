/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS whose peers prove what they are: the settings of a server or a client. Two kinds of channel:
 *
 *   bound    (native, the default) TLS 1.3; after the handshake each side that attests shows
 * evidence made for this very session (ratls_session.h). Announced by ALPN; without it there is no
 *            connection.
 *   unbound  (plain RA-TLS, for everybody else's software) the certificate's evidence binds the TLS
 *            key and nothing more: whoever steals that key from one genuine instance can stand in
 * the middle. TLS 1.3, and 1.2 where asked for.
 *
 * No session tickets, no resumption, no early data, no renegotiation. Names in certificates mean
 * nothing here and are not looked at. Any thread; never logs.
 */
#pragma once

#include "net/net_tls.h"
#include "ratls/ratls_identity.h"

struct ssl_ctx_st;
struct ssl_st;

struct capsa_ratls_context_options {
    bool is_server;
    struct capsa_ratls_identity
        *identity; /* shared; a server needs one; NULL: a client that shows none */
    /* Copied, its context outlives this; .judge NULL: the peer is not asked (servers alone). */
    struct capsa_ratls_appraiser appraiser;
    const capsa_collateral *collateral; /* copied: for peers that bring none; NULL: none */
    bool insecure_unbound;              /* plain RA-TLS alone */
    bool insecure_old_x509;             /* unbound only: grpc-ra-tls's certificates */
    bool tls12;                         /* unbound only: TLS 1.2 too */
    bool http2;                         /* what is spoken inside is HTTP/2 (ALPN "h2") */
    const struct capsa_clock *clock;    /* NULL: the system's */
    int64_t handshake_us, evidence_us;  /* limits of the steps; 0: CAPSA_LIMIT_handshake_seconds,
                                           CAPSA_LIMIT_ratls_evidence_seconds */
    /* Called with the last share of the context, for what `appraiser` and `identity` stand on; not
     * when _new fails. NULL: nothing. */
    void (*release)(void *owner);
    void *owner;
};

struct capsa_ratls_context;
CAPSA_RESULT capsa_ratls_context_new(const struct capsa_ratls_context_options *options,
                                     struct capsa_ratls_context **ret_context);
struct capsa_ratls_context *capsa_ratls_context_share(struct capsa_ratls_context *context);
void capsa_ratls_context_free(struct capsa_ratls_context *context); /* lets go */
CAPSA_DEFINE_AUTO_FREE(capsa_ratls_context)

/* For listeners, dialled connections and streams of net/: handshake, then everything that has to be
 * proved (on threads of its own where a loop must not wait), then the owner is told that the stream
 * is ready. Keeps a share of the context. */
CAPSA_RESULT capsa_ratls_tls_new(struct capsa_ratls_context *context,
                                 struct capsa_net_tls **ret_tls);

/* Of what capsa_ratls_tls_new makes its settings, the part that blocking streams need
 * (.admission.admit, and no .begin), for who wraps a step of it. .context is a share of the
 * context, and .free lets go of it. In a file that no loop is needed for: libcapsa.so has none. */
CAPSA_RESULT capsa_ratls_maker(struct capsa_ratls_context *context,
                               struct capsa_net_tls_maker *ret_maker);

/* For programs that have their own OpenSSL: sets certificate, key, versions and verification on
 * `ctx`; unbound contexts only, since nobody then sees to the second step (USAGE). Evidence is
 * judged within the handshake, which blocks for it. Keeps a share of the context for as long as
 * `ctx` lives. */
CAPSA_RESULT capsa_ratls_context_use(struct capsa_ratls_context *context, struct ssl_ctx_st *ctx);

/* What the peer of a session proved; NULL: nothing was asked of it, or nothing yet. Lives as long
 * as the session. Also of refused ones, while their session lives. */
const struct capsa_ratls_report *capsa_ratls_peer(const struct ssl_st *session);
/* The certificate that the peer showed, as DER, appended; nothing when it showed none. */
CAPSA_RESULT capsa_ratls_peer_certificate(const struct ssl_st *session, capsa_buf *ret_der);
