/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256, HMAC (RFC 2104), HKDF (RFC 5869), Concat KDF (RFC 7518 §4.6.2).
 */
#include "crypto/crypto_internal.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define HKDF_MAX ((size_t)255 * CAPSA_SHA256)

/* A digest fails only when libcrypto has no memory for its context. Its callers compare and look up
 * by digests; none of them could go on safely with bytes that are not one. */
static void digest_must_hold(bool held)
{
    if (!held) {
        abort();
    }
}

void capsa_sha256(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SHA256])
{
    static const uint8_t nothing;
    digest_must_hold(EVP_Digest(bytes.len == 0 ? &nothing : bytes.data, bytes.len, ret_digest, NULL,
                                capsa_crypto_algorithms()->sha256, NULL) == 1);
}

static bool digest_part(EVP_MD_CTX *context, capsa_bytes part)
{
    const uint8_t len[4] = {(uint8_t)(part.len >> 24), (uint8_t)(part.len >> 16),
                            (uint8_t)(part.len >> 8), (uint8_t)part.len};
    return part.len <= UINT32_MAX && EVP_DigestUpdate(context, len, sizeof(len)) == 1 &&
           (part.len == 0 || EVP_DigestUpdate(context, part.data, part.len) == 1);
}

void capsa_sha256_parts(const capsa_bytes *parts, size_t count, uint8_t ret_digest[CAPSA_SHA256])
{
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    bool held = context != NULL &&
                EVP_DigestInit_ex2(context, capsa_crypto_algorithms()->sha256, NULL) == 1;
    for (size_t i = 0; held && i < count; i++) {
        held = digest_part(context, parts[i]);
    }
    digest_must_hold(held && EVP_DigestFinal_ex(context, ret_digest, NULL) == 1);
}

void capsa_hmac_sha256(capsa_secret_bytes key, capsa_bytes bytes, uint8_t ret_mac[CAPSA_SHA256])
{
    static const uint8_t nothing;
    digest_must_hold(key.len <= INT_MAX &&
                     HMAC(capsa_crypto_algorithms()->sha256, key.len == 0 ? &nothing : key.data,
                          (int)key.len, bytes.len == 0 ? &nothing : bytes.data, bytes.len, ret_mac,
                          NULL) != NULL);
}

/* OpenSSL's parameters are not const, though only read. */
static OSSL_PARAM octets(const char *name, const uint8_t *data, size_t len)
{
    static uint8_t nothing;
    OSSL_PARAM param = OSSL_PARAM_construct_octet_string(name, &nothing, len);
    if (len > 0) {
        memcpy(&param.data, &data, sizeof(data));
    }
    return param;
}

CAPSA_RESULT capsa_hkdf(capsa_secret_bytes key, capsa_bytes salt, capsa_bytes info,
                        uint8_t *ret_key, size_t len)
{
    CAPSA_REQUIRE(key.len > 0, USAGE, "a key is derived from an empty one");
    CAPSA_REQUIRE(len > 0 && len <= HKDF_MAX, USAGE, "a derived key of %zu bytes; 1 to %zu", len,
                  HKDF_MAX);
    static char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, key.data, key.len),
        octets(OSSL_KDF_PARAM_INFO, info.data, info.len),
        /* RFC 5869 §2.2: no salt is a salt of zeros, and an empty HMAC key is padded to the same */
        octets(OSSL_KDF_PARAM_SALT, salt.data, salt.len),
        OSSL_PARAM_construct_end(),
    };
    CRYPTO_AUTO(EVP_KDF_CTX) context = EVP_KDF_CTX_new(capsa_crypto_algorithms()->hkdf);
    CRYPTO_REQUIRE(context != NULL, "prepare a key derivation");
    if (EVP_KDF_derive(context, ret_key, len, params) != 1) {
        capsa_wipe(ret_key, len);
        CRYPTO_REQUIRE(false, "derive a key");
    }
    return CAPSA_OK;
}

/* One round gives 32 bytes; nobody needs more of it. */
CAPSA_RESULT capsa_concat_kdf(capsa_secret_bytes secret, capsa_bytes algorithm, capsa_bytes party_u,
                              capsa_bytes party_v, uint8_t *ret_key, size_t len)
{
    CAPSA_REQUIRE(len > 0 && len <= CAPSA_SHA256, USAGE, "a derived key of %zu bytes; 1 to %d", len,
                  CAPSA_SHA256);
    static const uint8_t round[] = {0, 0, 0, 1};
    const uint8_t bits[] = {0, 0, (uint8_t)(len * 8 >> 8), (uint8_t)(len * 8)};
    uint8_t digest[CAPSA_SHA256];
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new(); /* freeing it wipes */
    CRYPTO_REQUIRE(context != NULL &&
                       EVP_DigestInit_ex2(context, capsa_crypto_algorithms()->sha256, NULL) == 1 &&
                       EVP_DigestUpdate(context, round, sizeof(round)) == 1 &&
                       EVP_DigestUpdate(context, secret.data, secret.len) == 1 &&
                       digest_part(context, algorithm) && digest_part(context, party_u) &&
                       digest_part(context, party_v) &&
                       EVP_DigestUpdate(context, bits, sizeof(bits)) == 1 &&
                       EVP_DigestFinal_ex(context, digest, NULL) == 1,
                   "derive a key");
    memcpy(ret_key, digest, len);
    capsa_wipe(digest, sizeof(digest));
    return CAPSA_OK;
}
