/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate behind crypto.h's opaque one, for the files of this folder.
 */
#pragma once

#include <stdatomic.h>

#include <openssl/x509v3.h>

#include "crypto/crypto_internal.h"
#include "crypto/crypto_pki.h"

/* The pieces of a certificate or revocation list that its signature is about, in what it was read
 * from. An algorithm is the whole of an AlgorithmIdentifier. */
struct crypto_signed {
    capsa_bytes tbs; /* what is signed */
    capsa_bytes inner_algorithm, outer_algorithm;
    capsa_bytes signature;
    capsa_bytes serial; /* content of a certificate's INTEGER; a list's version */
    size_t after_inner; /* where in the content of `tbs` what follows the inner algorithm begins */
};

struct capsa_cert {
    atomic_uint owners; /* _free takes one away */
    X509 *x509;         /* its extensions were read; not changed any more */
    bool is_bare;       /* `x509` knows no key, and verifies nothing: crypto_chain.c refuses it */
    struct capsa_public_key *key;
    capsa_time not_before, not_after;
    struct crypto_signed parts; /* of `der` */
    size_t der_len;
    uint8_t der[]; /* as it was read */
};

/* Certificates of makers of hardware: libcrypto reads all but the key, and that is read without its
 * decoders, which take four fifths of the time. Only signatures and names of such a certificate may
 * be looked at by crypto_pki.h. */
CAPSA_RESULT capsa_crypto_cert_parse_bare(capsa_bytes der, struct capsa_cert **ret_cert);
CAPSA_RESULT capsa_crypto_cert_parse_bare_pem(capsa_bytes pem, struct capsa_cert **ret_cert);

typedef capsa_result crypto_cert_reader(capsa_bytes text, struct capsa_cert **ret_cert);
/* From `cache` (NULL: none), or read by `parse`, which makes bare ones or not, and kept there. */
CAPSA_RESULT capsa_crypto_cert_cached(struct capsa_cert_cache *cache, capsa_bytes text,
                                      bool is_bare, crypto_cert_reader *parse,
                                      struct capsa_cert **ret_cert);

/* The next element of ASN.1, of definite length. `ret_whole` is it with its tag and length. */
struct crypto_element {
    unsigned tag; /* as its first byte has it */
    capsa_bytes content, whole;
};
bool capsa_crypto_element(capsa_bytes *rest, struct crypto_element *ret_element);
/* The next one if it has this tag; else false, and `rest` is as it was. */
bool capsa_crypto_element_of(capsa_bytes *rest, unsigned tag, struct crypto_element *ret_element);

/* SEQUENCE { what is signed, algorithm, BIT STRING }, and nothing behind it. */
CAPSA_RESULT capsa_crypto_signed_parse(capsa_bytes der, struct crypto_signed *ret_parts);
/* Both algorithms are the kind's, the key is one of the kind, and the signature is the key's.
 * `what` is "certificate" or "revocation list". */
CAPSA_RESULT capsa_crypto_signed_check(const struct crypto_signed *parts,
                                       const struct capsa_public_key *key, enum capsa_link kind,
                                       const char *what);
/* The kind's parameters for RSA-PSS: MGF1 with SHA-384, a salt of 48 bytes. */
bool capsa_crypto_pss_parameters(EVP_PKEY_CTX *context);

bool capsa_crypto_time_of(const ASN1_TIME *time, capsa_time *ret_time);

/* True for kinds of keys that may sign certificates. */
bool capsa_crypto_certifies(enum capsa_key_kind kind);

CRYPTO_DEFINE_AUTO(ASN1_OBJECT)
/* The object that a dotted number names; to be freed. USAGE when it is no such number. */
CAPSA_RESULT capsa_crypto_object(const char *oid, ASN1_OBJECT **ret_object);

/* Pieces of certificates to be signed (crypto_selfsign.c). */
CAPSA_RESULT capsa_crypto_add_name(X509_NAME *subject, int nid, const char *text, const char *what);
CAPSA_RESULT capsa_crypto_set_random_serial(X509 *x509);
/* And the version, which is 3. */
CAPSA_RESULT capsa_crypto_set_dates(X509 *x509, capsa_time not_before, capsa_time not_after);
/* `value` as openssl.cnf has it; of `issuer` only its key id is used. */
CAPSA_RESULT capsa_crypto_add_extension(X509 *x509, X509 *issuer, int nid, const char *value);
/* Not critical; `content` is what stands in its OCTET STRING. */
CAPSA_RESULT capsa_crypto_add_foreign(X509 *x509, const char *oid, capsa_bytes content);
/* What was signed, as everybody will read it. */
CAPSA_RESULT capsa_crypto_cert_of(const X509 *x509, struct capsa_cert **ret_cert);

/* One owner more of what nobody changes. Returns `cert`. */
struct capsa_cert *capsa_crypto_cert_share(struct capsa_cert *cert);
