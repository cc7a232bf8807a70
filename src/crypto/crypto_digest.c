/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-2, HMAC (RFC 2104), HKDF (RFC 5869), Concat KDF (RFC 7518 §4.6.2).
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init and its like, see below */
#include "crypto/crypto_internal.h"

#include <openssl/sha.h>

#include "crypto/crypto_evidence.h"

#define HKDF_MAX ((size_t)255 * CAPSA_SHA256)

/* Its callers compare and look up by digests; none of them could go on safely with bytes that are
 * not one. So digests are made by the functions of libcrypto that allocate nothing and cannot fail,
 * though it would rather have us use those that do. */
void capsa_sha256(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SHA256])
{
    SHA256_CTX context;
    (void)SHA256_Init(&context);
    (void)SHA256_Update(&context, bytes.data, bytes.len);
    (void)SHA256_Final(ret_digest, &context);
    capsa_wipe(&context, sizeof(context));
}

static void digest_part(SHA256_CTX *context, capsa_bytes part)
{
    const uint8_t len[4] = {(uint8_t)(part.len >> 24), (uint8_t)(part.len >> 16),
                            (uint8_t)(part.len >> 8), (uint8_t)part.len};
    (void)SHA256_Update(context, len, sizeof(len));
    (void)SHA256_Update(context, part.data, part.len);
}

void capsa_sha256_parts(const capsa_bytes *parts, size_t count, uint8_t ret_digest[CAPSA_SHA256])
{
    SHA256_CTX context;
    (void)SHA256_Init(&context);
    for (size_t i = 0; i < count; i++) {
        digest_part(&context, parts[i]);
    }
    (void)SHA256_Final(ret_digest, &context);
    capsa_wipe(&context, sizeof(context));
}

void capsa_sha384(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SHA384])
{
    SHA512_CTX context;
    (void)SHA384_Init(&context);
    (void)SHA384_Update(&context, bytes.data, bytes.len);
    (void)SHA384_Final(ret_digest, &context);
    capsa_wipe(&context, sizeof(context));
}

void capsa_sha512(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SHA512])
{
    SHA512_CTX context;
    (void)SHA512_Init(&context);
    (void)SHA512_Update(&context, bytes.data, bytes.len);
    (void)SHA512_Final(ret_digest, &context);
    capsa_wipe(&context, sizeof(context));
}

void capsa_sha512_parts(const capsa_bytes *parts, size_t count, uint8_t ret_digest[CAPSA_SHA512])
{
    SHA512_CTX context;
    (void)SHA512_Init(&context);
    for (size_t i = 0; i < count; i++) {
        const uint8_t len[4] = {(uint8_t)(parts[i].len >> 24), (uint8_t)(parts[i].len >> 16),
                                (uint8_t)(parts[i].len >> 8), (uint8_t)parts[i].len};
        (void)SHA512_Update(&context, len, sizeof(len));
        (void)SHA512_Update(&context, parts[i].data, parts[i].len);
    }
    (void)SHA512_Final(ret_digest, &context);
    capsa_wipe(&context, sizeof(context));
}

/* RFC 2104: H(key ^ pad, parts), the key filled with zeros up to a block. */
static void hmac_half(const uint8_t key[SHA256_CBLOCK], uint8_t pad, const capsa_bytes *parts,
                      size_t count, uint8_t ret_digest[CAPSA_SHA256])
{
    uint8_t block[SHA256_CBLOCK];
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = key[i] ^ pad;
    }
    SHA256_CTX context;
    (void)SHA256_Init(&context);
    (void)SHA256_Update(&context, block, sizeof(block));
    for (size_t i = 0; i < count; i++) {
        (void)SHA256_Update(&context, parts[i].data, parts[i].len);
    }
    (void)SHA256_Final(ret_digest, &context);
    capsa_wipe(block, sizeof(block));
    capsa_wipe(&context, sizeof(context));
}

static void hmac(capsa_secret_bytes key, const capsa_bytes *parts, size_t count,
                 uint8_t ret_mac[CAPSA_SHA256])
{
    uint8_t block[SHA256_CBLOCK] = {0};
    if (key.len > sizeof(block)) {
        capsa_sha256(capsa_declassify(key, "HMAC's rule for long keys"), block);
    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }
    uint8_t inner[CAPSA_SHA256];
    const capsa_bytes inner_bytes = {inner, sizeof(inner)};
    hmac_half(block, 0x36, parts, count, inner);
    hmac_half(block, 0x5c, &inner_bytes, 1, ret_mac);
    capsa_wipe(block, sizeof(block));
    capsa_wipe(inner, sizeof(inner));
}

void capsa_hmac_sha256(capsa_secret_bytes key, capsa_bytes bytes, uint8_t ret_mac[CAPSA_SHA256])
{
    hmac(key, &bytes, 1, ret_mac);
}

/* RFC 5869 §2.3: T(n) = HMAC(prk, T(n - 1) || info || n), T(0) being nothing. */
static void hkdf_expand(capsa_secret_bytes prk, capsa_bytes info, uint8_t *ret_key, size_t len)
{
    uint8_t block[CAPSA_SHA256], number = 0;
    for (size_t done = 0; done < len; done += sizeof(block)) {
        number++;
        const capsa_bytes parts[] = {{block, done == 0 ? 0 : sizeof(block)}, info, {&number, 1}};
        hmac(prk, parts, 3, block);
        memcpy(ret_key + done, block, len - done < sizeof(block) ? len - done : sizeof(block));
    }
    capsa_wipe(block, sizeof(block));
}

/* RFC 5869. By hand, because a sealed record's key is derived so: libcrypto's own takes four times
 * as long to set up as these few digests take. */
CAPSA_RESULT capsa_hkdf(capsa_secret_bytes key, capsa_bytes salt, capsa_bytes info,
                        uint8_t *ret_key, size_t len)
{
    CAPSA_REQUIRE(key.len > 0, USAGE, "a key is derived from an empty one");
    CAPSA_REQUIRE(len > 0 && len <= HKDF_MAX, USAGE, "a derived key of %zu bytes; 1 to %zu", len,
                  HKDF_MAX);
    uint8_t prk[CAPSA_SHA256];
    const capsa_bytes input = {key.data, key.len};
    /* §2.2: no salt is a salt of zeros, and an empty HMAC key is padded to the same */
    hmac((capsa_secret_bytes){salt.data, salt.len}, &input, 1, prk);
    hkdf_expand((capsa_secret_bytes){prk, sizeof(prk)}, info, ret_key, len);
    capsa_wipe(prk, sizeof(prk));
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
    SHA256_CTX context;
    (void)SHA256_Init(&context);
    (void)SHA256_Update(&context, round, sizeof(round));
    (void)SHA256_Update(&context, secret.data, secret.len);
    digest_part(&context, algorithm);
    digest_part(&context, party_u);
    digest_part(&context, party_v);
    (void)SHA256_Update(&context, bits, sizeof(bits));
    (void)SHA256_Final(digest, &context);
    capsa_wipe(&context, sizeof(context));
    memcpy(ret_key, digest, len);
    capsa_wipe(digest, sizeof(digest));
    return CAPSA_OK;
}
