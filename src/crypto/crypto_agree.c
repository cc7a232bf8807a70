/* SPDX-License-Identifier: Apache-2.0
 *
 * ECDH on P-256 and X25519, public keys as JWK has them, and ECDH-ES+A256KW, which puts the
 * agreement, Concat KDF and key wrap together. What is secret in between stays on the stack and is
 * wiped. Opening has no failure that depends on a private key: see crypto.h.
 */
#include "crypto/crypto_internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#define AGREED     32
#define COORDINATE 32
#define POINT      (1 + 2 * COORDINATE)

/* ---- keys as JWK has them ---------------------------------------------------------------------
 */

/* DER SubjectPublicKeyInfo up to the key itself; written out, because OpenSSL 3 takes as long to
 * write one as to agree on a secret. */
static const uint8_t spki_x25519[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                      0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00};

CAPSA_RESULT capsa_public_key_of_p256(capsa_bytes x, capsa_bytes y,
                                      struct capsa_public_key **ret_key)
{
    return capsa_crypto_key_of_point(CAPSA_KEY_P256, x, y, ret_key);
}

CAPSA_RESULT capsa_public_key_of_x25519(capsa_bytes x, struct capsa_public_key **ret_key)
{
    CAPSA_REQUIRE(x.len == COORDINATE, MALFORMED, "a coordinate of %zu bytes, not %d", x.len,
                  COORDINATE);
    CRYPTO_AUTO(EVP_PKEY)
    pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, x.data, x.len);
    CRYPTO_REQUIRE(pkey != NULL, "prepare an X25519 key");
    uint8_t spki[sizeof(spki_x25519) + COORDINATE];
    memcpy(spki, spki_x25519, sizeof(spki_x25519));
    memcpy(spki + sizeof(spki_x25519), x.data, COORDINATE);
    return capsa_crypto_public_key_of_kind(pkey, CAPSA_KEY_X25519,
                                           capsa_bytes_of(spki, sizeof(spki)), ret_key);
}

static bool coordinate(const EVP_PKEY *pkey, const char *name, uint8_t ret_bytes[COORDINATE])
{
    BIGNUM *number = NULL;
    bool read = EVP_PKEY_get_bn_param(pkey, name, &number) == 1 &&
                BN_bn2binpad(number, ret_bytes, COORDINATE) == COORDINATE;
    BN_free(number);
    return read;
}

CAPSA_RESULT capsa_public_key_p256_xy(const struct capsa_public_key *key, uint8_t ret_x[32],
                                      uint8_t ret_y[32])
{
    CAPSA_REQUIRE(key->kind == CAPSA_KEY_P256, UNSUPPORTED, "a key that is not on P-256");
    uint8_t y[COORDINATE];
    CRYPTO_REQUIRE(coordinate(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, y) &&
                       coordinate(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, ret_x),
                   "read a public key");
    memcpy(ret_y, y, sizeof(y));
    return CAPSA_OK;
}

/* ---- agreement --------------------------------------------------------------------------------
 */

static capsa_result check_kinds(const struct capsa_private_key *key,
                                const struct capsa_public_key *peer)
{
    CAPSA_REQUIRE(key->kind == CAPSA_KEY_P256 || key->kind == CAPSA_KEY_X25519, UNSUPPORTED,
                  "a key that is neither on P-256 nor X25519 cannot agree on a secret");
    CAPSA_REQUIRE(peer->kind == key->kind, MALFORMED,
                  "two keys on different curves cannot agree on a secret");
    return CAPSA_OK;
}

/* The peer's point was checked when its key was made, so it is not again; and both curves have few
 * points of low order (none, on P-256), for which OpenSSL fails. */
static bool agree(const struct capsa_private_key *key, const struct capsa_public_key *peer,
                  uint8_t ret_secret[AGREED])
{
    CRYPTO_AUTO(EVP_PKEY_CTX) context = EVP_PKEY_CTX_dup(key->agree);
    size_t len = AGREED;
    return context != NULL && EVP_PKEY_derive_set_peer_ex(context, peer->pkey, 0) == 1 &&
           EVP_PKEY_derive(context, ret_secret, &len) == 1 && len == AGREED;
}

CAPSA_RESULT capsa_agree(const struct capsa_private_key *key, const struct capsa_public_key *peer,
                         struct capsa_secret **ret_secret)
{
    CAPSA_TRY(check_kinds(key, peer));
    CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
    CAPSA_TRY(capsa_secret_new(AGREED, &secret));
    bool agreed = agree(key, peer, capsa_secret_room(secret));
    ERR_clear_error();
    CAPSA_REQUIRE(agreed, MALFORMED, "a public key of low order, which agrees on no secret");
    *ret_secret = secret;
    secret = NULL;
    return CAPSA_OK;
}

/* ---- ECDH-ES+A256KW ---------------------------------------------------------------------------
 */

static capsa_result derive_kek(const uint8_t agreed[AGREED], uint8_t ret_kek[CAPSA_SHA256])
{
    const capsa_secret_bytes secret = {agreed, AGREED};
    const capsa_bytes none = {NULL, 0};
    return capsa_concat_kdf(secret, CAPSA_BYTES_LITERAL("ECDH-ES+A256KW"), none, none, ret_kek,
                            CAPSA_SHA256);
}

static capsa_result new_of_kind(enum capsa_key_kind kind, struct capsa_private_key **ret_key)
{
    return kind == CAPSA_KEY_P256 ? capsa_private_key_new_p256(ret_key)
                                  : capsa_private_key_new_x25519(ret_key);
}

/* capsa_public_key_of without the detour by DER, which takes longer than the agreement. */
static capsa_result public_half(const struct capsa_private_key *key,
                                struct capsa_public_key **ret_key)
{
    unsigned char *raw = NULL;
    size_t len = EVP_PKEY_get1_encoded_public_key(key->pkey, &raw);
    capsa_result made = CAPSA_OK;
    if (len == POINT && key->kind == CAPSA_KEY_P256) {
        made = capsa_public_key_of_p256(capsa_bytes_of(raw + 1, COORDINATE),
                                        capsa_bytes_of(raw + 1 + COORDINATE, COORDINATE), ret_key);
    } else if (len == COORDINATE && key->kind == CAPSA_KEY_X25519) {
        made = capsa_public_key_of_x25519(capsa_bytes_of(raw, len), ret_key);
    } else {
        made = capsa_crypto_failed(__FILE__, __LINE__, "write its own public key");
    }
    OPENSSL_free(raw);
    return made;
}

struct sealing {
    uint8_t agreed[AGREED];
    uint8_t kek[CAPSA_SHA256];
};

static capsa_result seal_with(const struct capsa_private_key *ephemeral,
                              const struct capsa_public_key *peer,
                              const uint8_t secret[CAPSA_ECDH_KEY], struct sealing *work,
                              uint8_t ret_wrapped[CAPSA_ECDH_WRAPPED])
{
    bool agreed = agree(ephemeral, peer, work->agreed);
    ERR_clear_error();
    CAPSA_REQUIRE(agreed, MALFORMED, "a public key of low order, which agrees on no secret");
    CAPSA_TRY(derive_kek(work->agreed, work->kek));
    const capsa_secret_bytes kek = {work->kek, sizeof(work->kek)};
    CRYPTO_REQUIRE(
        capsa_crypto_wrap(kek, true, capsa_bytes_of(secret, CAPSA_ECDH_KEY), ret_wrapped),
        "wrap a key");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ecdh_seal(const struct capsa_public_key *peer,
                             const uint8_t secret[CAPSA_ECDH_KEY],
                             struct capsa_public_key **ret_ephemeral,
                             uint8_t ret_wrapped[CAPSA_ECDH_WRAPPED])
{
    CAPSA_AUTO_FREE(capsa_private_key) ephemeral = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_REQUIRE(peer->kind == CAPSA_KEY_P256 || peer->kind == CAPSA_KEY_X25519, UNSUPPORTED,
                  "ECDH-ES wants a key on P-256 or X25519");
    CAPSA_TRY(new_of_kind(peer->kind, &ephemeral));
    CAPSA_TRY(public_half(ephemeral, &public_key));
    struct sealing work;
    capsa_result sealed = seal_with(ephemeral, peer, secret, &work, ret_wrapped);
    capsa_wipe(&work, sizeof(work));
    CAPSA_TRY(sealed);
    *ret_ephemeral = public_key;
    public_key = NULL;
    return CAPSA_OK;
}

struct opening {
    uint8_t agreed[AGREED];
    uint8_t kek[CAPSA_SHA256];
    uint8_t opened[CAPSA_ECDH_WRAPPED];
};

/* Whatever fails, all steps are gone through. */
static capsa_result open_with(const struct capsa_private_key *key,
                              const struct capsa_public_key *ephemeral,
                              const uint8_t wrapped[CAPSA_ECDH_WRAPPED], struct opening *work,
                              uint8_t *secret)
{
    unsigned held = agree(key, ephemeral, work->agreed);
    CAPSA_TRY(derive_kek(work->agreed, work->kek));
    const capsa_secret_bytes kek = {work->kek, sizeof(work->kek)};
    held &= (unsigned)capsa_crypto_wrap(kek, false, capsa_bytes_of(wrapped, CAPSA_ECDH_WRAPPED),
                                        work->opened);
    ERR_clear_error();
    capsa_crypto_choose(secret, work->opened, CAPSA_ECDH_KEY, capsa_crypto_equal_mask(held, 1));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ecdh_open(const struct capsa_private_key *key,
                             const struct capsa_public_key *ephemeral,
                             const uint8_t wrapped[CAPSA_ECDH_WRAPPED],
                             struct capsa_secret **ret_secret)
{
    CAPSA_TRY(check_kinds(key, ephemeral));
    CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
    CAPSA_TRY(capsa_secret_new(CAPSA_ECDH_KEY, &secret));
    CAPSA_TRY(capsa_random(capsa_secret_room(secret), CAPSA_ECDH_KEY));
    struct opening work = {0};
    capsa_result opened = open_with(key, ephemeral, wrapped, &work, capsa_secret_room(secret));
    capsa_wipe(&work, sizeof(work));
    CAPSA_TRY(opened);
    *ret_secret = secret;
    secret = NULL;
    return CAPSA_OK;
}
