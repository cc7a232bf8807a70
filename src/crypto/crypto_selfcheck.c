/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a certificate signed by its own key? Of the makers of RA-TLS certificates some leave NULL
 * parameters where RFC 5480 wants none, so the algorithm is known by its object number, and its
 * parameters are one of few. It is checked over the bytes that came, and read without libcrypto's
 * decoders, which take longer than the check.
 */
#include "crypto/crypto_pki.h"
#include "crypto/crypto_x509.h"

#include <openssl/rsa.h>

#define TAG_NULL       0x05
#define TAG_OID        0x06
#define TAG_SEQUENCE   0x30
#define PSS_PARAMETERS 54 /* bytes; each of the two times three places below */

/* ---- algorithms ------------------------------------------------------------------------------ */

static const uint8_t ecdsa_sha1[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01};
static const uint8_t ecdsa_sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t ecdsa_sha384[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
static const uint8_t ecdsa_sha512[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04};
static const uint8_t rsa_sha1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05};
static const uint8_t rsa_sha256[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b};
static const uint8_t rsa_sha384[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c};
static const uint8_t rsa_sha512[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d};
static const uint8_t rsa_pss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};

/* The one form of PSS parameters that is taken: hash, MGF1 with the same, a salt as long; the
 * trailer is the default, which DER leaves out. */
#define PSS(hash, salt)                                                                            \
    {                                                                                              \
        0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,  \
            0x02, hash, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,    \
            0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,    \
            0x03, 0x04, 0x02, hash, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, salt                       \
    }
static const uint8_t pss_sha256[PSS_PARAMETERS] = PSS(1, 32);
static const uint8_t pss_sha384[PSS_PARAMETERS] = PSS(2, 48);
static const uint8_t pss_sha512[PSS_PARAMETERS] = PSS(3, 64);

struct selfcheck {
    capsa_bytes oid;
    const uint8_t *pss; /* its parameters; NULL: none, or NULL */
    bool is_rsa, is_sha1;
    size_t digest; /* where it stands in struct crypto_algorithms */
};
#define BYTES(name)                                                                                \
    {                                                                                              \
        name, sizeof(name)                                                                         \
    }
#define DIGEST(member) offsetof(struct crypto_algorithms, member)
static const struct selfcheck algorithms[] = {
    {BYTES(ecdsa_sha256), NULL, false, false, DIGEST(sha256)},
    {BYTES(ecdsa_sha384), NULL, false, false, DIGEST(sha384)},
    {BYTES(ecdsa_sha512), NULL, false, false, DIGEST(sha512)},
    {BYTES(rsa_sha256), NULL, true, false, DIGEST(sha256)},
    {BYTES(rsa_sha384), NULL, true, false, DIGEST(sha384)},
    {BYTES(rsa_sha512), NULL, true, false, DIGEST(sha512)},
    {BYTES(rsa_pss), pss_sha256, true, false, DIGEST(sha256)},
    {BYTES(rsa_pss), pss_sha384, true, false, DIGEST(sha384)},
    {BYTES(rsa_pss), pss_sha512, true, false, DIGEST(sha512)},
    {BYTES(ecdsa_sha1), NULL, false, true, DIGEST(sha1)},
    {BYTES(rsa_sha1), NULL, true, true, DIGEST(sha1)},
};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

static bool has_parameters(const struct selfcheck *algorithm, capsa_bytes parameters)
{
    static const uint8_t null[] = {TAG_NULL, 0};
    if (algorithm->pss != NULL) {
        return capsa_bytes_equal(parameters, capsa_bytes_of(algorithm->pss, PSS_PARAMETERS));
    }
    return parameters.len == 0 || capsa_bytes_equal(parameters, capsa_bytes_of(null, sizeof(null)));
}

/* NULL: none of these. */
static const struct selfcheck *algorithm_of(capsa_bytes identifier)
{
    struct crypto_element whole, oid;
    if (!capsa_crypto_element_of(&identifier, TAG_SEQUENCE, &whole) || identifier.len != 0) {
        return NULL;
    }
    capsa_bytes parameters = whole.content;
    if (!capsa_crypto_element_of(&parameters, TAG_OID, &oid)) {
        return NULL;
    }
    for (size_t i = 0; i < ALGORITHMS; i++) {
        if (capsa_bytes_equal(algorithms[i].oid, oid.content) &&
            has_parameters(&algorithms[i], parameters)) {
            return &algorithms[i];
        }
    }
    return NULL;
}

bool capsa_selfcheck_is_sha1(capsa_bytes algorithm)
{
    const struct selfcheck *found = algorithm_of(algorithm);
    return found != NULL && found->is_sha1;
}

/* ---- checking -------------------------------------------------------------------------------- */

static capsa_result check_key(const struct selfcheck *algorithm, const struct capsa_public_key *key)
{
    bool is_curve = key->kind == CAPSA_KEY_P256 || key->kind == CAPSA_KEY_P384;
    CAPSA_REQUIRE(is_curve || key->kind == CAPSA_KEY_RSA, UNSUPPORTED,
                  "a key that is neither on P-256 nor on P-384 nor RSA");
    CAPSA_REQUIRE(algorithm->is_rsa == !is_curve, UNAUTHENTIC,
                  "an algorithm of %s, and a key of %s", algorithm->is_rsa ? "RSA" : "ECDSA",
                  is_curve ? "a curve" : "RSA");
    return is_curve ? CAPSA_OK : capsa_crypto_rsa_check(key->pkey);
}

static const EVP_MD *digest_of(const struct selfcheck *algorithm)
{
    const EVP_MD *digest = NULL;
    memcpy(&digest, (const uint8_t *)capsa_crypto_algorithms() + algorithm->digest, sizeof(digest));
    return digest;
}

static bool set_pss(EVP_PKEY_CTX *parameters, const EVP_MD *digest)
{
    return EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, digest) == 1;
}

CAPSA_RESULT capsa_selfcheck(const struct capsa_selfcheck_parts *parts)
{
    const struct selfcheck *algorithm = algorithm_of(parts->algorithm);
    CAPSA_REQUIRE(algorithm != NULL, UNSUPPORTED,
                  "a signature that is neither ECDSA nor RSA (PKCS #1 v1.5; PSS with one hash and "
                  "a salt of its length) with SHA-256, SHA-384 or SHA-512");
    CAPSA_REQUIRE(!algorithm->is_sha1 || parts->insecure_sha1, UNAUTHENTIC,
                  "a signature with SHA-1, which can be forged");
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_crypto_key_of_spki(parts->spki, &key));
    CAPSA_TRY(check_key(algorithm, key));
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    const EVP_MD *digest = digest_of(algorithm);
    CRYPTO_REQUIRE(EVP_DigestVerifyInit(context, &parameters, digest, NULL, key->pkey) == 1 &&
                       (algorithm->pss == NULL || set_pss(parameters, digest)),
                   "check a signature");
    int status = EVP_DigestVerify(context, parts->signature.data, parts->signature.len,
                                  parts->tbs.data, parts->tbs.len);
    CRYPTO_REQUIRE_MEMORY_UNLESS(status == 1);
    CAPSA_REQUIRE(status == 1, UNAUTHENTIC,
                  "the signature is not one by the certificate's own key");
    return CAPSA_OK;
}
