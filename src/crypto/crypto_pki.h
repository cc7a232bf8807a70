/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and revocation lists of makers of hardware: read in the pieces that a verifier
 * judges, one link at a time and without a clock, and issued for the simulation. Objects are
 * read-only after they are made, and may be shared by threads. Borrowed values live as long as
 * their certificate.
 */
#pragma once

#include "crypto/crypto.h"

/* ---- What a certificate says ------------------------------------------------------------------
 */

capsa_bytes capsa_cert_der(const struct capsa_cert *cert);     /* as it was read, whole */
capsa_bytes capsa_cert_issuer(const struct capsa_cert *cert);  /* DER Name */
capsa_bytes capsa_cert_subject(const struct capsa_cert *cert); /* DER Name */
capsa_bytes capsa_cert_serial(const struct capsa_cert *cert);  /* content of the INTEGER */
/* The one commonName of the subject or issuer, UTF-8; MALFORMED when there is none, two, or one
 * that is no text or too long for `ret_name`. */
#define CAPSA_COMMON_NAME 128
CAPSA_RESULT capsa_cert_subject_name(const struct capsa_cert *cert,
                                     char ret_name[CAPSA_COMMON_NAME]);
CAPSA_RESULT capsa_cert_issuer_name(const struct capsa_cert *cert,
                                    char ret_name[CAPSA_COMMON_NAME]);

enum {
    CAPSA_CERT_HAS_AKI = 1 << 0,
    CAPSA_CERT_HAS_SKI = 1 << 1,
    CAPSA_CERT_HAS_KEY_USAGE = 1 << 2,
    CAPSA_CERT_HAS_BASIC_CONSTRAINTS = 1 << 3,
    CAPSA_CERT_HAS_CRL_POINTS = 1 << 4,
};
unsigned capsa_cert_extensions(const struct capsa_cert *cert); /* the bits above */
bool capsa_cert_is_ca(const struct capsa_cert *cert);          /* basicConstraints says CA:TRUE */
/* keyUsage has keyCertSign / cRLSign, or there is no keyUsage. */
bool capsa_cert_signs_certs(const struct capsa_cert *cert);
bool capsa_cert_signs_crls(const struct capsa_cert *cert);

/* ---- One link ----------------------------------------------------------------------------------
 */

enum capsa_link {
    CAPSA_LINK_P256_SHA256,    /* ecdsa-with-SHA256, issuer key on P-256 */
    CAPSA_LINK_RSA_PSS_SHA384, /* RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48; RSA 4096 */
};
/* Holds when `cert` names `issuer` as its issuer, both algorithm fields (inner and outer) are the
 * kind's with its parameters, and the signature verifies. No clock, no other rules. UNAUTHENTIC,
 * with what differs. `issuer` may be `cert`. */
CAPSA_RESULT capsa_cert_link_check(const struct capsa_cert *cert, const struct capsa_cert *issuer,
                                   enum capsa_link kind);

/* PEM certificates one after the other, or one or more DER ones; white space and NULs around and
 * between are fine, anything else is MALFORMED. They are read for what this header offers, with
 * which capsa_chain_check has nothing to do. `certs` knows some that were read before; NULL: none.
 */
CAPSA_RESULT capsa_certs_parse(capsa_bytes text, capsa_chain *ret_chain);
CAPSA_RESULT capsa_certs_parse_known(struct capsa_cert_cache *certs, capsa_bytes text,
                                     capsa_chain *ret_chain);

/* ---- Signed by itself ---------------------------------------------------------------------------
 */

/* Pieces of a certificate as its reader found them. */
struct capsa_selfcheck_parts {
    capsa_bytes tbs;       /* what is signed */
    capsa_bytes algorithm; /* the AlgorithmIdentifier, whole */
    capsa_bytes signature;
    capsa_bytes spki;   /* the key that is in it */
    bool insecure_sha1; /* SHA-1 is taken as well */
};
/* Holds when the signature verifies under the certificate's own key: ECDSA on P-256 or P-384, or
 * RSA of at least 2048 bits (PKCS #1 v1.5, or PSS with one hash and a salt of its length), with
 * SHA-256, SHA-384 or SHA-512. Who could have made it is then who has the key, and nothing else is
 * known of him. UNAUTHENTIC, UNSUPPORTED, MALFORMED. */
CAPSA_RESULT capsa_selfcheck(const struct capsa_selfcheck_parts *parts);
/* Does this AlgorithmIdentifier hash with SHA-1? */
bool capsa_selfcheck_is_sha1(capsa_bytes algorithm);

/* ---- Revocation lists --------------------------------------------------------------------------
 */

struct capsa_crl;
/* DER, whole, nothing behind it. */
CAPSA_RESULT capsa_crl_parse(capsa_bytes der, struct capsa_crl **ret_crl);
void capsa_crl_free(struct capsa_crl *crl);
CAPSA_DEFINE_AUTO_FREE(capsa_crl)
capsa_bytes capsa_crl_issuer(const struct capsa_crl *crl); /* DER Name */
/* nextUpdate is 0 when absent. */
void capsa_crl_validity(const struct capsa_crl *crl, capsa_time *ret_this_update,
                        capsa_time *ret_next_update);
bool capsa_crl_has_number_and_aki(const struct capsa_crl *crl);
size_t capsa_crl_count(const struct capsa_crl *crl);
/* Holds when its issuer is the subject of `issuer` and the signature verifies; an unknown critical
 * extension fails, and so does a list that is a delta or covers not exactly what its issuer signed.
 * UNAUTHENTIC. */
CAPSA_RESULT capsa_crl_check(const struct capsa_crl *crl, const struct capsa_cert *issuer,
                             enum capsa_link kind);
/* By the serial number alone: that the list is one of the certificate's issuer is for the caller.
 */
bool capsa_crl_revokes(const struct capsa_crl *crl, const struct capsa_cert *cert);

/* ---- Issuing, for the simulation and tests ------------------------------------------------------
 */

struct capsa_cert_issue {
    const char *common_name;
    const struct capsa_cert *issuer; /* NULL: signs itself with `issuer_key` */
    const struct capsa_private_key *issuer_key;
    const struct capsa_public_key *key; /* the subject's */
    enum capsa_link kind;
    capsa_bytes serial; /* empty: random */
    capsa_time not_before, not_after;
    bool is_ca;          /* critical; keyUsage keyCertSign, cRLSign; else digitalSignature */
    const char *crl_url; /* NULL: no distribution point */
    const struct capsa_cert_extra *extra;
    size_t extra_count;
};
/* v3; AKI, SKI, keyUsage, basicConstraints. Subject O=Capsa simulation beside the CN. An `extra`
 * with the number of one of these, or of cRLDistributionPoints, stands in its place; without
 * content, in place of none. `serial` is the number, big-endian. */
CAPSA_RESULT capsa_cert_issue(const struct capsa_cert_issue *issue, struct capsa_cert **ret_cert);

struct capsa_crl_issue {
    const struct capsa_cert *issuer;
    const struct capsa_private_key *issuer_key;
    enum capsa_link kind;
    capsa_time this_update, next_update;
    const struct capsa_cert *const *revoked;
    size_t revoked_count;
};
CAPSA_RESULT capsa_crl_issue(const struct capsa_crl_issue *issue, capsa_buf *ret_der);
