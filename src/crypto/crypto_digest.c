/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256, HMAC (RFC 2104), HKDF (RFC 5869).
 */
#include "crypto/crypto_internal.h"

#include <stdlib.h>

#include <openssl/err.h>

#define BLOCK    64
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

/* One context for all digests of a computation: making one costs as much as a short digest. Nested
 * HMACs of a few blocks are what a sealed record's key is derived by, so that counts. */
static bool digest_again(EVP_MD_CTX *context, const uint8_t block[BLOCK], const capsa_bytes *parts,
                         size_t count, uint8_t ret_digest[CAPSA_SHA256])
{
    bool held = EVP_DigestInit_ex2(context, capsa_crypto_algorithms()->sha256, NULL) == 1 &&
                EVP_DigestUpdate(context, block, BLOCK) == 1;
    for (size_t i = 0; held && i < count; i++) {
        held = parts[i].len == 0 || EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1;
    }
    return held && EVP_DigestFinal_ex(context, ret_digest, NULL) == 1;
}

/* RFC 2104 §2: a key longer than a block is hashed first, a shorter one filled up with zeros. */
static void pad_key(capsa_secret_bytes key, uint8_t pad, uint8_t ret_block[BLOCK])
{
    memset(ret_block, 0, BLOCK);
    if (key.len > BLOCK) {
        capsa_sha256(capsa_declassify(key, "into a block that is wiped"), ret_block);
    } else if (key.len > 0) {
        memcpy(ret_block, key.data, key.len);
    }
    for (size_t i = 0; i < BLOCK; i++) {
        ret_block[i] ^= pad;
    }
}

/* HMAC over the parts, one behind the other; no part may lie in `ret_mac`. */
static bool hmac_parts(EVP_MD_CTX *context, capsa_secret_bytes key, const capsa_bytes *parts,
                       size_t count, uint8_t ret_mac[CAPSA_SHA256])
{
    uint8_t block[BLOCK];
    uint8_t inner[CAPSA_SHA256];
    const capsa_bytes outer = {inner, sizeof(inner)};
    pad_key(key, 0x36, block);
    bool held = digest_again(context, block, parts, count, inner);
    pad_key(key, 0x5c, block);
    held = held && digest_again(context, block, &outer, 1, ret_mac);
    capsa_wipe(block, sizeof(block));
    capsa_wipe(inner, sizeof(inner));
    return held;
}

void capsa_hmac_sha256(capsa_secret_bytes key, capsa_bytes bytes, uint8_t ret_mac[CAPSA_SHA256])
{
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    digest_must_hold(context != NULL && hmac_parts(context, key, &bytes, 1, ret_mac));
}

/* RFC 5869 §2.3: T(i) = HMAC(PRK, T(i-1) || info || i). */
static bool expand(EVP_MD_CTX *context, const uint8_t prk[CAPSA_SHA256], capsa_bytes info,
                   uint8_t *ret_key, size_t len)
{
    uint8_t block[CAPSA_SHA256];
    uint8_t last[CAPSA_SHA256];
    bool held = true;
    for (size_t done = 0; held && done < len; done += CAPSA_SHA256) {
        const uint8_t number = (uint8_t)(done / CAPSA_SHA256 + 1);
        const capsa_bytes parts[] = {{last, done == 0 ? 0 : sizeof(last)}, info, {&number, 1}};
        held = hmac_parts(context, (capsa_secret_bytes){prk, CAPSA_SHA256}, parts, 3, block);
        memcpy(last, block, sizeof(last));
        memcpy(ret_key + done, block, len - done < sizeof(block) ? len - done : sizeof(block));
    }
    capsa_wipe(block, sizeof(block));
    capsa_wipe(last, sizeof(last));
    return held;
}

CAPSA_RESULT capsa_hkdf(capsa_secret_bytes key, capsa_bytes salt, capsa_bytes info,
                        uint8_t *ret_key, size_t len)
{
    CAPSA_REQUIRE(key.len > 0, USAGE, "a key is derived from an empty one");
    CAPSA_REQUIRE(len > 0 && len <= HKDF_MAX, USAGE, "a derived key of %zu bytes; 1 to %zu", len,
                  HKDF_MAX);
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CRYPTO_REQUIRE(context != NULL, "prepare a key derivation");
    uint8_t prk[CAPSA_SHA256];
    /* RFC 5869 §2.2: PRK = HMAC(salt, key); no salt is the same as one of zeros */
    const capsa_bytes input = capsa_declassify(key, "the input of an HMAC");
    bool held = hmac_parts(context, (capsa_secret_bytes){salt.data, salt.len}, &input, 1, prk) &&
                expand(context, prk, info, ret_key, len);
    capsa_wipe(prk, sizeof(prk));
    if (!held) {
        capsa_wipe(ret_key, len);
    }
    CRYPTO_REQUIRE(held, "derive a key");
    return CAPSA_OK;
}
