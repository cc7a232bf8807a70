/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys as points of a curve: how JWK and the evidence of hardware have them. A point that is
 * not on its curve never becomes a key.
 */
#include "crypto/crypto_internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "crypto/crypto_evidence.h"

#define COORDINATE_MAX CRYPTO_PAIR_HALF_MAX
#define PREFIX_MAX     32

/* DER SubjectPublicKeyInfo up to the key itself, which ends with the byte that says "uncompressed";
 * written out, because OpenSSL 3 takes as long to write one as to agree on a secret. */
static const uint8_t spki_p256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
static const uint8_t spki_p384[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                    0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};
static const uint8_t spki_sm2[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c,
                                   0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x42, 0x00, 0x04};

struct curve {
    const char *name;
    size_t coordinate; /* bytes; 0: no curve of this kind */
    size_t parameters; /* where they stand in struct crypto_algorithms */
    capsa_bytes prefix;
};
#define CURVE(member, text, bytes)                                                                 \
    {                                                                                              \
        text, bytes, offsetof(struct crypto_algorithms, member),                                   \
        {                                                                                          \
            spki_##member, sizeof(spki_##member)                                                   \
        }                                                                                          \
    }

static const struct curve curves[] = {
    [CAPSA_KEY_P256] = CURVE(p256, "P-256", 32),
    [CAPSA_KEY_P384] = CURVE(p384, "P-384", 48),
    [CAPSA_KEY_SM2] = CURVE(sm2, "SM2's curve", 32),
};

static capsa_result curve_of(enum capsa_key_kind kind, const struct curve **ret_curve)
{
    bool has = (size_t)kind < sizeof(curves) / sizeof(curves[0]) && curves[kind].coordinate > 0;
    CAPSA_REQUIRE(has, UNSUPPORTED, "a key that is neither on P-256 nor P-384 nor SM2's curve");
    *ret_curve = &curves[kind];
    return CAPSA_OK;
}

static const EVP_PKEY *parameters_of(const struct curve *curve)
{
    const EVP_PKEY *parameters = NULL;
    memcpy(&parameters, (const uint8_t *)capsa_crypto_algorithms() + curve->parameters,
           sizeof(parameters));
    return parameters;
}

bool capsa_crypto_spki_point(capsa_bytes spki, enum capsa_key_kind *ret_kind,
                             capsa_bytes *ret_point)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        capsa_bytes prefix = curves[i].prefix;
        if (curves[i].coordinate > 0 && spki.len == prefix.len + 2 * curves[i].coordinate &&
            memcmp(spki.data, prefix.data, prefix.len) == 0) {
            *ret_kind = (enum capsa_key_kind)i;
            *ret_point = capsa_bytes_from(spki, prefix.len);
            return true;
        }
    }
    return false;
}

CAPSA_RESULT capsa_crypto_key_of_point(enum capsa_key_kind kind, capsa_bytes x, capsa_bytes y,
                                       struct capsa_public_key **ret_key)
{
    const struct curve *curve = NULL;
    CAPSA_TRY(curve_of(kind, &curve));
    const size_t half = curve->coordinate, before = curve->prefix.len;
    CAPSA_REQUIRE(x.len == half && y.len == half, MALFORMED,
                  "coordinates of %zu and %zu bytes, not %zu", x.len, y.len, half);
    uint8_t spki[PREFIX_MAX + 2 * COORDINATE_MAX];
    memcpy(spki, curve->prefix.data, before);
    memcpy(spki + before, x.data, half);
    memcpy(spki + before + half, y.data, half);
    CRYPTO_AUTO(EVP_PKEY) pkey = EVP_PKEY_new();
    CAPSA_REQUIRE_MEMORY(pkey);
    CRYPTO_REQUIRE(EVP_PKEY_copy_parameters(pkey, parameters_of(curve)) == 1,
                   "prepare a key on a curve");
    /* from the byte that says "uncompressed" on */
    bool on_curve = EVP_PKEY_set1_encoded_public_key(pkey, spki + before - 1, 1 + 2 * half) == 1;
    CRYPTO_REQUIRE_MEMORY_UNLESS(on_curve);
    CAPSA_REQUIRE(on_curve, MALFORMED, "a point that is not on %s", curve->name);
    return capsa_crypto_public_key_of_kind(pkey, kind, capsa_bytes_of(spki, before + 2 * half),
                                           ret_key);
}

CAPSA_RESULT capsa_public_key_of_point(enum capsa_key_kind kind, capsa_bytes x, capsa_bytes y,
                                       struct capsa_public_key **ret_key)
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_crypto_key_of_point(kind, x, y, &key));
    CAPSA_TRY(capsa_crypto_begin_checking(key));
    *ret_key = key;
    key = NULL;
    return CAPSA_OK;
}

static bool coordinate(const EVP_PKEY *pkey, const char *name, uint8_t *ret_bytes, size_t len)
{
    BIGNUM *number = NULL;
    bool read = EVP_PKEY_get_bn_param(pkey, name, &number) == 1 &&
                BN_bn2binpad(number, ret_bytes, (int)len) == (int)len;
    BN_free(number);
    return read;
}

/* Not out of the SubjectPublicKeyInfo: a certificate may hold its point compressed. */
CAPSA_RESULT capsa_public_key_point(const struct capsa_public_key *key, capsa_buf *ret_xy)
{
    const struct curve *curve = NULL;
    CAPSA_TRY(curve_of(key->kind, &curve));
    uint8_t xy[2 * COORDINATE_MAX];
    const size_t half = curve->coordinate;
    CRYPTO_REQUIRE(coordinate(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, xy, half) &&
                       coordinate(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, xy + half, half),
                   "read a public key");
    return capsa_buf_append(ret_xy, capsa_bytes_of(xy, 2 * half));
}
