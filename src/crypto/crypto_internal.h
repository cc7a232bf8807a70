/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the objects behind crypto.h, algorithms that are looked up
 * once, OpenSSL objects that free themselves, and the one way in which a failure of OpenSSL becomes
 * an error of ours. Not for other folders.
 */
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/crypto.h"

#define CRYPTO_RSA_BYTES_MAX (CAPSA_LIMIT_rsa_bits_max / 8)

/* Looked up once for the process: OpenSSL 3 otherwise takes a lock and searches its providers for
 * each operation. Read-only afterwards. A member is NULL where the look-up failed; OpenSSL then
 * refuses the operation. */
struct crypto_algorithms {
    EVP_MD *sha1, *sha256, *sha384, *sha512, *sm3;
    EVP_MAC *hmac;
    EVP_CIPHER *aes128_gcm, *aes192_gcm, *aes256_gcm;
    EVP_CIPHER *aes256_wrap;
    EVP_PKEY *p256, *p384, *sm2; /* the parameters of the curves, without a key */
    OSSL_LIB_CTX *bare;          /* a library without providers: it has nobody to ask */
};
const struct crypto_algorithms *capsa_crypto_algorithms(void);

struct capsa_private_key {
    EVP_PKEY *pkey;
    enum capsa_key_kind kind;
    EVP_PKEY_CTX *agree; /* begun with this key, to be copied for each agreement; or NULL */
};

struct capsa_public_key {
    EVP_PKEY *pkey; /* NULL: of a type that OpenSSL does not know; kind is OTHER then */
    enum capsa_key_kind kind;
    uint8_t *spki; /* DER SubjectPublicKeyInfo */
    size_t spki_len;
    EVP_PKEY_CTX *check; /* begun with this key, to be copied for each ECDSA check; or NULL */
};

/* CAPSA_E_MALFORMED unless the modulus and the public exponent are within limits. */
CAPSA_RESULT capsa_crypto_rsa_check(const EVP_PKEY *pkey);
/* `pkey` is what OpenSSL made of `spki`, or NULL; shared, not taken over. */
CAPSA_RESULT capsa_crypto_public_key(EVP_PKEY *pkey, capsa_bytes spki,
                                     struct capsa_public_key **ret_key);

/* The same where the kind is known. */
CAPSA_RESULT capsa_crypto_public_key_of_kind(EVP_PKEY *pkey, enum capsa_key_kind kind,
                                             capsa_bytes spki, struct capsa_public_key **ret_key);

/* Prepare a P-256 or P-384 key for checking many signatures; for other kinds it does nothing.
 * Before the key is shared. */
CAPSA_RESULT capsa_crypto_begin_checking(struct capsa_public_key *key);
/* capsa_public_key_of_point without that preparation. */
CAPSA_RESULT capsa_crypto_key_of_point(enum capsa_key_kind kind, capsa_bytes x, capsa_bytes y,
                                       struct capsa_public_key **ret_key);

/* The uncompressed point that a SubjectPublicKeyInfo holds, if it is of a curve that we know. */
bool capsa_crypto_spki_point(capsa_bytes spki, enum capsa_key_kind *ret_kind,
                             capsa_bytes *ret_point);
/* A public key as capsa_crypto_public_key makes it, without libcrypto's decoders if it is of a
 * usual kind. OTHER where libcrypto would not read it. */
CAPSA_RESULT capsa_crypto_key_of_spki(capsa_bytes spki, struct capsa_public_key **ret_key);

/* r||s, which has `half` bytes each, as the DER that OpenSSL takes, and back. */
#define CRYPTO_PAIR_HALF_MAX 48
#define CRYPTO_PAIR_DER_MAX  (2 + 2 * (2 + 1 + CRYPTO_PAIR_HALF_MAX))
CAPSA_RESULT capsa_crypto_pair_to_der(capsa_bytes rs, size_t half,
                                      uint8_t ret_der[CRYPTO_PAIR_DER_MAX], size_t *ret_len);
CAPSA_RESULT capsa_crypto_pair_from_der(capsa_bytes der, size_t half, uint8_t *ret_rs);
/* ECDSA by a P-256 or P-384 key over a message with SHA-256 or SHA-384, the signature in DER. */
CAPSA_RESULT capsa_crypto_ecdsa_check(const struct capsa_public_key *key, capsa_bytes message,
                                      capsa_bytes der);

/* Key wrapping into plain memory: `out` has room for in.len + 8 or in.len - 8 bytes. False: OpenSSL
 * fails, or (unwrapping) the check does. */
bool capsa_crypto_wrap(capsa_secret_bytes kek, bool wrapping, capsa_bytes in, uint8_t *out);

/* All ones when a equals b, else zero; no branch. */
uint8_t capsa_crypto_equal_mask(size_t a, size_t b);
/* bytes[i] = mask ? chosen[i] : bytes[i] */
void capsa_crypto_choose(uint8_t *bytes, const uint8_t *chosen, size_t len, uint8_t mask);

/* SM2 by GB/T 32918 wants the signer's id; OpenSSL 3.0 would take an empty one. */
#define CRYPTO_SM2_ID "1234567812345678"
bool capsa_crypto_sm2_id(EVP_PKEY_CTX *context);

/* An error for an OpenSSL call that should not have failed. Empties OpenSSL's queue of errors, and
 * takes from it only whether memory ran out. */
capsa_result capsa_crypto_failed(const char *file, int line, const char *what);

/* Empties OpenSSL's queue of errors. True when one of them is that memory ran out. */
bool capsa_crypto_ran_out(void);

/* Between a call and what its failure says of its input: a key, certificate or signature is not bad
 * because there was no memory to look at it. */
#define CRYPTO_REQUIRE_MEMORY() CAPSA_REQUIRE(!capsa_crypto_ran_out(), NOMEM, "out of memory")

/* The same where the call did what it was for: that memory ran out on the way is of no consequence
 * then, also when it was on the way of an earlier one. */
#define CRYPTO_REQUIRE_MEMORY_UNLESS(done)                                                         \
    do {                                                                                           \
        bool crypto_ran_out_ = capsa_crypto_ran_out();                                             \
        CAPSA_REQUIRE((done) || !crypto_ran_out_, NOMEM, "out of memory");                         \
    } while (0)

#define CRYPTO_REQUIRE(condition, what)                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return capsa_error_made(capsa_crypto_failed(__FILE__, __LINE__, what));                \
        }                                                                                          \
    } while (0)

#define CRYPTO_DEFINE_AUTO(type)                                                                   \
    static inline void crypto_##type##_free_at(type **at)                                          \
    {                                                                                              \
        type##_free(*at);                                                                          \
    }
#define CRYPTO_AUTO(type) __attribute__((cleanup(crypto_##type##_free_at))) type *

CRYPTO_DEFINE_AUTO(BIO)
CRYPTO_DEFINE_AUTO(EVP_CIPHER_CTX)
CRYPTO_DEFINE_AUTO(EVP_MAC_CTX)
CRYPTO_DEFINE_AUTO(EVP_MD_CTX)
CRYPTO_DEFINE_AUTO(EVP_PKEY)
CRYPTO_DEFINE_AUTO(EVP_PKEY_CTX)
CRYPTO_DEFINE_AUTO(X509)
