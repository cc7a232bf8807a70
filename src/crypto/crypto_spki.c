/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys out of the SubjectPublicKeyInfo of makers' certificates. libcrypto asks all its
 * providers for decoders at each key, which takes as long as checking two signatures on P-256; here
 * the kinds that makers use are known by how they begin. What is not exactly of such a form is
 * libcrypto's to read, so that no key is taken here that libcrypto would refuse.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "crypto/crypto_evidence.h"
#include "crypto/crypto_x509.h"

#define TAG_INTEGER    0x02
#define TAG_BIT_STRING 0x03
#define TAG_SEQUENCE   0x30

typedef BIGNUM number;
typedef OSSL_PARAM parameters;
typedef OSSL_PARAM_BLD parameter_list;
#define number_free         BN_free
#define parameters_free     OSSL_PARAM_free
#define parameter_list_free OSSL_PARAM_BLD_free
CRYPTO_DEFINE_AUTO(number)
CRYPTO_DEFINE_AUTO(parameters)
CRYPTO_DEFINE_AUTO(parameter_list)

/* ---- RSA ------------------------------------------------------------------------------------- */

/* DER's one form of a number above zero. */
static bool take_number(capsa_bytes *rest, capsa_bytes *ret_number)
{
    struct crypto_element element;
    if (!capsa_crypto_element_of(rest, TAG_INTEGER, &element) || element.content.len == 0) {
        return false;
    }
    const uint8_t *digits = element.content.data;
    bool padded = element.content.len > 1 && digits[0] == 0;
    *ret_number = padded ? capsa_bytes_from(element.content, 1) : element.content;
    return padded ? digits[1] >= 0x80 : digits[0] > 0 && digits[0] < 0x80;
}

/* SEQUENCE { algorithm, BIT STRING of SEQUENCE { modulus, exponent } } */
static bool read_rsa(capsa_bytes spki, capsa_bytes *ret_modulus, capsa_bytes *ret_exponent)
{
    static const uint8_t rsa[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                  0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    struct crypto_element whole, algorithm, bits, pair;
    if (!capsa_crypto_element_of(&spki, TAG_SEQUENCE, &whole) || spki.len != 0) {
        return false;
    }
    capsa_bytes rest = whole.content;
    if (!capsa_crypto_element_of(&rest, TAG_SEQUENCE, &algorithm) ||
        !capsa_bytes_equal(algorithm.whole, capsa_bytes_of(rsa, sizeof(rsa))) ||
        !capsa_crypto_element_of(&rest, TAG_BIT_STRING, &bits) || rest.len != 0 ||
        bits.content.len == 0 || bits.content.data[0] != 0) {
        return false;
    }
    rest = capsa_bytes_from(bits.content, 1);
    if (!capsa_crypto_element_of(&rest, TAG_SEQUENCE, &pair) || rest.len != 0) {
        return false;
    }
    rest = pair.content;
    return take_number(&rest, ret_modulus) && take_number(&rest, ret_exponent) && rest.len == 0;
}

/* NULL: libcrypto takes no such key, or there was no memory for it. */
static EVP_PKEY *new_rsa(capsa_bytes modulus, capsa_bytes exponent)
{
    CRYPTO_AUTO(number) n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
    CRYPTO_AUTO(number) e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
    CRYPTO_AUTO(parameter_list) list = OSSL_PARAM_BLD_new();
    if (n == NULL || e == NULL || list == NULL ||
        OSSL_PARAM_BLD_push_BN(list, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(list, OSSL_PKEY_PARAM_RSA_E, e) != 1) {
        return NULL;
    }
    CRYPTO_AUTO(parameters) all = OSSL_PARAM_BLD_to_param(list);
    CRYPTO_AUTO(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *pkey = NULL;
    if (all == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, all) != 1) {
        return NULL;
    }
    return pkey;
}

/* ---- any ------------------------------------------------------------------------------------- */

static capsa_result read_by_libcrypto(capsa_bytes spki, struct capsa_public_key **ret_key)
{
    const unsigned char *at = spki.data;
    CRYPTO_AUTO(EVP_PKEY) pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
    CRYPTO_REQUIRE_MEMORY_UNLESS(pkey != NULL);
    return capsa_crypto_public_key(pkey, spki, ret_key);
}

static capsa_result read_point(enum capsa_key_kind kind, capsa_bytes point, capsa_bytes spki,
                               struct capsa_public_key **ret_key)
{
    const size_t half = point.len / 2;
    capsa_result made = capsa_public_key_of_point(kind, capsa_bytes_of(point.data, half),
                                                  capsa_bytes_from(point, half), ret_key);
    /* Not on its curve: as for libcrypto, a key of no kind, with which nothing verifies. */
    return capsa_code_of(made) == CAPSA_E_MALFORMED ? capsa_crypto_public_key(NULL, spki, ret_key)
                                                    : made;
}

CAPSA_RESULT capsa_crypto_key_of_spki(capsa_bytes spki, struct capsa_public_key **ret_key)
{
    CAPSA_REQUIRE(spki.len > 0 && spki.len <= CAPSA_LIMIT_cert_pem, MALFORMED,
                  "a public key of %zu bytes", spki.len);
    enum capsa_key_kind kind;
    capsa_bytes point, modulus, exponent;
    if (capsa_crypto_spki_point(spki, &kind, &point)) {
        return read_point(kind, point, spki, ret_key);
    }
    if (!read_rsa(spki, &modulus, &exponent)) {
        return read_by_libcrypto(spki, ret_key);
    }
    CRYPTO_AUTO(EVP_PKEY) pkey = new_rsa(modulus, exponent);
    CRYPTO_REQUIRE_MEMORY_UNLESS(pkey != NULL);
    return pkey == NULL ? read_by_libcrypto(spki, ret_key)
                        : capsa_crypto_public_key_of_kind(pkey, CAPSA_KEY_RSA, spki, ret_key);
}
