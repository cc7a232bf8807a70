/* SPDX-License-Identifier: Apache-2.0
 *
 * RA-TLS: TLS whose certificates carry evidence of the program that holds their key.
 *
 *   A certificate that came from anywhere:  libcapsa_verifier_judge_certificate
 *   A key and a certificate for a server:   libcapsa_identity_new, _make, _write
 *   A connection, everything seen to:       libcapsa_ratls_client_new, _connect;
 *                                           libcapsa_ratls_server_new, _accept
 *   A program that has its own OpenSSL:     libcapsa_ratls_use
 *
 * Bound and unbound. Plain RA-TLS binds evidence to the TLS key: whoever steals that key from one
 * genuine instance can stand between two peers and read everything (docs/explanation/ra-tls.md).
 * The channels here are bound to their session instead, and both ends have to be Capsa's; a
 * function with "unbound" in its name is for everybody else's software.
 *
 * Judging a certificate is in libcapsa-verify too; identities and channels are in libcapsa alone.
 */
#ifndef CAPSA_RATLS_H
#define CAPSA_RATLS_H

#include "attest.h"
#include "verify.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Certificates that carry evidence, read -----------------------------------------------------
 * Reading proves nothing. Forms that are read: "dice" (TCG DICE tagged evidence, with Gramine 1.8
 * and later, Intel's SGX SDK 2.22 and later, rats-tls), "gramine", "gramine-1337.6", "intel-sdk",
 * "openenclave-v1", "grpc-ra-tls". */
typedef struct libcapsa_certificate libcapsa_certificate;

/* DER, or one PEM block (CERTIFICATE or TRUSTED CERTIFICATE, NULs behind it are fine). Copies.
 * MALFORMED: no certificate, none or more than one evidence, or damaged; UNSUPPORTED: evidence of a
 * kind that is known and not read; TOO_LARGE. */
LIBCAPSA_API int libcapsa_certificate_parse(const void *bytes, size_t len,
                                            libcapsa_certificate **ret_certificate,
                                            libcapsa_error *ret_error);
LIBCAPSA_API void libcapsa_certificate_free(libcapsa_certificate *certificate);
LIBCAPSA_API const char *libcapsa_certificate_form(const libcapsa_certificate *certificate);
/* Lent. */
LIBCAPSA_API const libcapsa_evidence *
libcapsa_certificate_evidence(const libcapsa_certificate *certificate);
LIBCAPSA_API const uint8_t *libcapsa_certificate_der(const libcapsa_certificate *certificate,
                                                     size_t *ret_len);
LIBCAPSA_API int64_t libcapsa_certificate_not_before(const libcapsa_certificate *certificate);
LIBCAPSA_API int64_t libcapsa_certificate_not_after(const libcapsa_certificate *certificate);
/* Every field of it and of its evidence as JSON. Free *ret_text with libcapsa_free. */
LIBCAPSA_API int libcapsa_certificate_show(const libcapsa_certificate *certificate, char **ret_text,
                                           libcapsa_error *ret_error);

/* ---- Judged -------------------------------------------------------------------------------------
 */

enum libcapsa_certificate_rules {
    LIBCAPSA_CERTIFICATE_COMPAT = 0, /* a life over a year is told in the verdict's note */
    LIBCAPSA_CERTIFICATE_NATIVE = 1, /* ... and refused */
    /* X.509 version 1 and SHA-1 are taken, as grpc-ra-tls makes them. */
    LIBCAPSA_CERTIFICATE_INSECURE_OLD_X509 = 2
};
/* Certificate (DER or PEM), then its evidence, by the verifier's anchors and policy. 0: accepted,
 * and only then; as libcapsa_verifier_judge otherwise. `rules`: the bits above. `collateral` NULL:
 * what the certificate embeds, else the getter's. The verdict's JSON has a member "certificate".
 * That the peer *has* the key, the certificate alone does not prove: a TLS handshake does. */
LIBCAPSA_API int libcapsa_verifier_judge_certificate(const libcapsa_verifier *verifier,
                                                     const void *certificate, size_t len,
                                                     unsigned rules,
                                                     const libcapsa_collateral *collateral,
                                                     int64_t time, libcapsa_verdict **ret_verdict,
                                                     libcapsa_error *ret_error);

/* ---- Identities ---------------------------------------------------------------------------------
 * A key that never leaves the program, and the certificate that carries evidence of it. Set it up,
 * then make; channels use what was made last, those that run keep theirs. The setters are for one
 * thread before the first make, and USAGE after it; the rest is for any. What is asked of one that
 * was not made is USAGE too. */
typedef struct libcapsa_identity libcapsa_identity;
/* Copies what `attester` is set to. */
LIBCAPSA_API int libcapsa_identity_new(const libcapsa_attester *attester,
                                       libcapsa_identity **ret_identity, libcapsa_error *ret_error);
/* Contexts and channels that use it keep it alive. */
LIBCAPSA_API void libcapsa_identity_free(libcapsa_identity *identity);
/* "p256" (as new), "p384", "rsa3072". */
LIBCAPSA_API int libcapsa_identity_set_key(libcapsa_identity *identity, const char *kind,
                                           libcapsa_error *ret_error);
/* "dice" (as new), "gramine" (for Gramine before 1.8, rats-tls 1 and others of their time),
 * "intel-sdk"; several with commas between them. */
LIBCAPSA_API int libcapsa_identity_set_forms(libcapsa_identity *identity, const char *forms,
                                             libcapsa_error *ret_error);
/* Of the key in DICE's claims: "sha256" (as new), "sha384", "sha512". */
LIBCAPSA_API int libcapsa_identity_set_hash(libcapsa_identity *identity, const char *hash,
                                            libcapsa_error *ret_error);
/* DICE's claim "nonce", up to 4096 bytes. NULL and 0: none. */
LIBCAPSA_API int libcapsa_identity_set_nonce(libcapsa_identity *identity, const void *nonce,
                                             size_t len, libcapsa_error *ret_error);
/* 60 seconds to 366 days; as new 24 hours. */
LIBCAPSA_API int libcapsa_identity_set_lifetime(libcapsa_identity *identity, int64_t seconds,
                                                libcapsa_error *ret_error);
/* These dates instead, whenever it is made: for who has to look like Gramine. */
LIBCAPSA_API int libcapsa_identity_set_dates(libcapsa_identity *identity, int64_t not_before,
                                             int64_t not_after, libcapsa_error *ret_error);
/* 1: embed collateral (DICE's endorsements): what the attester hands out, or a source has
 * (libcapsa_identity_set_source, fetch.h); none is a failure of _make. Such certificates are large,
 * and peers with mbedTLS cannot read more than 16 KiB. */
LIBCAPSA_API int libcapsa_identity_set_endorsements(libcapsa_identity *identity, int embed,
                                                    libcapsa_error *ret_error);
/* A new key and its certificate, as of `time`. After a failure the old ones stay. Blocks. */
LIBCAPSA_API int libcapsa_identity_make(libcapsa_identity *identity, int64_t time,
                                        libcapsa_error *ret_error);
/* When to make the next: two thirds of its life; 0: nothing was made. */
LIBCAPSA_API int64_t libcapsa_identity_renew_at(const libcapsa_identity *identity);
/* "pem" or "der". Free *ret_bytes with libcapsa_free. */
LIBCAPSA_API int libcapsa_identity_certificate(const libcapsa_identity *identity,
                                               const char *format, uint8_t **ret_bytes,
                                               size_t *ret_len, libcapsa_error *ret_error);
/* "pem" (PKCS#8) or "der" (SEC1 of curves, PKCS#1 of RSA). It is secret: libcapsa_free overwrites
 * what it frees; copies are the caller's to look after. */
LIBCAPSA_API int libcapsa_identity_key(const libcapsa_identity *identity, const char *format,
                                       uint8_t **ret_bytes, size_t *ret_len,
                                       libcapsa_error *ret_error);
/* Certificate and key as PEM files, each exchanged as a whole; the key with mode 0600. */
LIBCAPSA_API int libcapsa_identity_write(const libcapsa_identity *identity, const char *cert_path,
                                         const char *key_path, libcapsa_error *ret_error);

/* ---- Contexts -----------------------------------------------------------------------------------
 * Settings of a server or a client, shared by its channels and by threads once they are set: after
 * the first use they stand, and setters are USAGE. A new one makes bound channels. */
typedef struct libcapsa_ratls libcapsa_ratls;
/* `verifier` NULL: clients need not prove anything. The identity has been made. Verifier and
 * identity are used, not copied: they may be freed while this lives, and the verifier must not be
 * changed; the identity may be made anew. */
LIBCAPSA_API int libcapsa_ratls_server_new(const libcapsa_identity *identity,
                                           const libcapsa_verifier *verifier,
                                           libcapsa_ratls **ret_ratls, libcapsa_error *ret_error);
/* `identity` NULL: this end proves nothing. `verifier` is needed; whose policy identifies no code
 * (libcapsa_verifier_pins_code) takes any program on genuine hardware, also whoever stands in the
 * middle with one of his own. */
LIBCAPSA_API int libcapsa_ratls_client_new(const libcapsa_verifier *verifier,
                                           const libcapsa_identity *identity,
                                           libcapsa_ratls **ret_ratls, libcapsa_error *ret_error);
/* Channels that run keep it alive. */
LIBCAPSA_API void libcapsa_ratls_free(libcapsa_ratls *ratls);
/* 1: plain RA-TLS, for peers that know nothing else. */
LIBCAPSA_API int libcapsa_ratls_insecure_set_unbound(libcapsa_ratls *ratls, int unbound,
                                                     libcapsa_error *ret_error);
/* 1: TLS 1.2 too, for old peers. Unbound ones alone: the first use of the context says so. */
LIBCAPSA_API int libcapsa_ratls_set_tls12(libcapsa_ratls *ratls, int allowed,
                                          libcapsa_error *ret_error);
/* Milliseconds, up to an hour, from the connection on and from the handshake on; 0: 10 s, 30 s. To
 * be connected takes no longer than the first, either. */
LIBCAPSA_API int libcapsa_ratls_set_timeouts(libcapsa_ratls *ratls, int64_t handshake_ms,
                                             int64_t evidence_ms, libcapsa_error *ret_error);

/* ---- Channels -----------------------------------------------------------------------------------
 * A connection whose peer has proved what it had to; blocking, of one thread at a time. */
typedef struct libcapsa_channel libcapsa_channel;
/* Success: connected, judged, and bound where that is not switched off. *ret_verdict (may be NULL)
 * is set on refusals of evidence as well, else to NULL where there is none, and is to be freed.
 * Errors: those of verdicts, with their check (libcapsa_error_check); NETWORK, TIMEOUT, MALFORMED;
 * UNAUTHENTIC (the peer refused us, and by which check). */
LIBCAPSA_API int libcapsa_ratls_connect(const libcapsa_ratls *ratls, const char *host,
                                        unsigned port, libcapsa_channel **ret_channel,
                                        libcapsa_verdict **ret_verdict, libcapsa_error *ret_error);
/* The same on a connected socket, which is taken over, also on failure: the client's end; the
 * server's. */
LIBCAPSA_API int libcapsa_ratls_connect_fd(const libcapsa_ratls *ratls, int fd,
                                           libcapsa_channel **ret_channel,
                                           libcapsa_verdict **ret_verdict,
                                           libcapsa_error *ret_error);
LIBCAPSA_API int libcapsa_ratls_accept(const libcapsa_ratls *ratls, int fd,
                                       libcapsa_channel **ret_channel,
                                       libcapsa_verdict **ret_verdict, libcapsa_error *ret_error);
/* Waits for at least one byte; *ret_len 0: the peer closed, properly. TIMEOUT; TRUNCATED: it is
 * gone without a word, and what came may not be all; NETWORK. `timeout_ms` below 0: for ever; 0:
 * only what is there. `len` is not 0. */
LIBCAPSA_API int libcapsa_channel_read(libcapsa_channel *channel, void *room, size_t len,
                                       int64_t timeout_ms, size_t *ret_len,
                                       libcapsa_error *ret_error);
/* All of it, or a failure, after which nobody knows how much the peer has: free it then. */
LIBCAPSA_API int libcapsa_channel_write(libcapsa_channel *channel, const void *data, size_t len,
                                        int64_t timeout_ms, libcapsa_error *ret_error);
/* Our direction is over; the peer's goes on. */
LIBCAPSA_API int libcapsa_channel_end(libcapsa_channel *channel, int64_t timeout_ms,
                                      libcapsa_error *ret_error);
LIBCAPSA_API void libcapsa_channel_free(libcapsa_channel *channel); /* closes */
/* The peer's certificate as DER, lent; NULL: it showed none. */
LIBCAPSA_API const uint8_t *libcapsa_channel_certificate(const libcapsa_channel *channel,
                                                         size_t *ret_len);
LIBCAPSA_API int libcapsa_channel_is_bound(const libcapsa_channel *channel); /* 1 or 0 */

/* ---- Programs with their own OpenSSL ------------------------------------------------------------
 * Sets certificate, key, versions and verification on an SSL_CTX of OpenSSL 3, for plain RA-TLS:
 * the context must be unbound. Evidence is judged within the handshake, which blocks for it; what
 * was found is asked for with libcapsa_ratls_verdict_of. `ctx` keeps what it needs. */
struct ssl_ctx_st;
struct ssl_st;
LIBCAPSA_API int libcapsa_ratls_use(const libcapsa_ratls *ratls, struct ssl_ctx_st *ctx,
                                    libcapsa_error *ret_error);
/* Of the peer of a session, also a refused one, while the session lives; NOT_FOUND: nothing was
 * asked of it. To be freed. */
LIBCAPSA_API int libcapsa_ratls_verdict_of(const struct ssl_st *session,
                                           libcapsa_verdict **ret_verdict,
                                           libcapsa_error *ret_error);

#ifdef __cplusplus
}
#endif

#endif
