/* SPDX-License-Identifier: Apache-2.0
 *
 * ECDSA and SM2 as the evidence of hardware has them: r||s beside a raw key, SM2 under an id of the
 * signer's own. No JOSE scheme comes to them (crypto_sign.c), and they are no JOSE schemes.
 *
 * Setting up a check makes OpenSSL 3 search its providers under a lock, for a twentieth of the time
 * that a check on P-256 takes. So a key carries a check that is set up, and each check copies it.
 */
#include "crypto/crypto_evidence.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "crypto/crypto_internal.h"

#define SM2_HALF     32
#define SM2_ID_MAX   8190 /* what libcrypto takes; the length stands before it as 16 bits of bits */
#define DER_NUMBER   0x02
#define DER_SEQUENCE 0x30

/* ---- r||s ------------------------------------------------------------------------------------ */

/* One number as DER INTEGER: no zeros before it, but one where its top bit would say "negative". */
static size_t number_to_der(capsa_bytes number, uint8_t *ret_der)
{
    while (number.len > 1 && number.data[0] == 0) {
        number = capsa_bytes_from(number, 1);
    }
    size_t pad = number.data[0] >= 0x80 ? 1 : 0;
    ret_der[0] = DER_NUMBER;
    ret_der[1] = (uint8_t)(number.len + pad);
    ret_der[2] = 0;
    memcpy(ret_der + 2 + pad, number.data, number.len);
    return 2 + pad + number.len;
}

CAPSA_RESULT capsa_crypto_pair_to_der(capsa_bytes rs, size_t half,
                                      uint8_t ret_der[CRYPTO_PAIR_DER_MAX], size_t *ret_len)
{
    CAPSA_REQUIRE(rs.len == 2 * half && half <= CRYPTO_PAIR_HALF_MAX, UNAUTHENTIC,
                  "a signature of %zu bytes, not %zu", rs.len, 2 * half);
    size_t len = number_to_der(capsa_bytes_of(rs.data, half), ret_der + 2);
    len += number_to_der(capsa_bytes_of(rs.data + half, half), ret_der + 2 + len);
    ret_der[0] = DER_SEQUENCE;
    ret_der[1] = (uint8_t)len; /* below 128: the short form */
    *ret_len = 2 + len;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_crypto_pair_from_der(capsa_bytes der, size_t half, uint8_t *ret_rs)
{
    const unsigned char *at = der.data;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    int wanted = (int)half;
    bool held = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret_rs, wanted) == wanted &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret_rs + half, wanted) == wanted;
    ECDSA_SIG_free(pair);
    CRYPTO_REQUIRE(held, "read its own signature");
    return CAPSA_OK;
}

/* ---- ECDSA ----------------------------------------------------------------------------------- */

struct ecdsa {
    const char *name;
    size_t half, digest_len;
    void (*digest)(capsa_bytes bytes, uint8_t *ret_digest);
};

static const struct ecdsa kinds[] = {
    [CAPSA_KEY_P256] = {"P-256", 32, CAPSA_SHA256, capsa_sha256},
    [CAPSA_KEY_P384] = {"P-384", 48, CAPSA_SHA384, capsa_sha384},
};

static const struct ecdsa *ecdsa_of(enum capsa_key_kind kind)
{
    bool known = (size_t)kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[kind].half > 0;
    return known ? &kinds[kind] : NULL;
}

static EVP_PKEY_CTX *check_begun(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (context != NULL && EVP_PKEY_verify_init(context) != 1) {
        EVP_PKEY_CTX_free(context);
        context = NULL;
    }
    return context;
}

CAPSA_RESULT capsa_crypto_begin_checking(struct capsa_public_key *key)
{
    if (ecdsa_of(key->kind) != NULL) {
        key->check = check_begun(key->pkey);
        CRYPTO_REQUIRE(key->check != NULL, "prepare a check of signatures");
    }
    return CAPSA_OK;
}

/* Of a key that a signature is said to be by. */
static CAPSA_RESULT find_ecdsa(const struct capsa_public_key *key, const struct ecdsa **ret_how)
{
    *ret_how = ecdsa_of(key->kind);
    CAPSA_REQUIRE(*ret_how != NULL, UNAUTHENTIC,
                  "an ECDSA signature by a key that is neither on P-256 nor P-384");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_crypto_ecdsa_check(const struct capsa_public_key *key, capsa_bytes message,
                                      capsa_bytes der)
{
    const struct ecdsa *how = NULL;
    CAPSA_TRY(find_ecdsa(key, &how));
    uint8_t digest[CAPSA_SHA384];
    how->digest(message, digest);
    CRYPTO_AUTO(EVP_PKEY_CTX)
    context = key->check != NULL ? EVP_PKEY_CTX_dup(key->check) : check_begun(key->pkey);
    CRYPTO_REQUIRE(context != NULL, "check a signature");
    int status = EVP_PKEY_verify(context, der.data, der.len, digest, how->digest_len);
    if (status == 1) {
        return CAPSA_OK;
    }
    CRYPTO_REQUIRE_MEMORY();
    CAPSA_FAIL(UNAUTHENTIC, "the ECDSA signature on %s is wrong", how->name);
}

CAPSA_RESULT capsa_ecdsa_check(const struct capsa_public_key *key, capsa_bytes message,
                               capsa_bytes rs)
{
    const struct ecdsa *how = NULL;
    CAPSA_TRY(find_ecdsa(key, &how));
    uint8_t der[CRYPTO_PAIR_DER_MAX];
    size_t len = 0;
    CAPSA_TRY(capsa_crypto_pair_to_der(rs, how->half, der, &len));
    return capsa_crypto_ecdsa_check(key, message, capsa_bytes_of(der, len));
}

static capsa_result append_pair(EVP_MD_CTX *context, capsa_bytes message, size_t half,
                                capsa_buf *ret_rs)
{
    uint8_t der[CRYPTO_PAIR_DER_MAX], rs[2 * CRYPTO_PAIR_HALF_MAX];
    size_t len = sizeof(der);
    CRYPTO_REQUIRE(EVP_DigestSign(context, der, &len, message.data, message.len) == 1, "sign");
    CAPSA_TRY(capsa_crypto_pair_from_der(capsa_bytes_of(der, len), half, rs));
    return capsa_buf_append(ret_rs, capsa_bytes_of(rs, 2 * half));
}

CAPSA_RESULT capsa_ecdsa_sign(const struct capsa_private_key *key, capsa_bytes message,
                              capsa_buf *ret_rs)
{
    const struct ecdsa *how = ecdsa_of(key->kind);
    CAPSA_REQUIRE(how != NULL, UNSUPPORTED,
                  "a key that is neither on P-256 nor P-384 signs no "
                  "evidence by ECDSA");
    const struct crypto_algorithms *algorithms = capsa_crypto_algorithms();
    const EVP_MD *digest = key->kind == CAPSA_KEY_P256 ? algorithms->sha256 : algorithms->sha384;
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    CRYPTO_REQUIRE(EVP_DigestSignInit(context, NULL, digest, NULL, key->pkey) == 1, "sign");
    return append_pair(context, message, how->half, ret_rs);
}

/* ---- SM2 ------------------------------------------------------------------------------------- */

static capsa_result check_id(enum capsa_key_kind kind, capsa_bytes id)
{
    CAPSA_REQUIRE(kind == CAPSA_KEY_SM2, UNAUTHENTIC,
                  "an SM2 signature by a key that is not on SM2's curve");
    CAPSA_REQUIRE(id.len <= SM2_ID_MAX, TOO_LARGE, "a signer's id of %zu bytes, at most %d", id.len,
                  SM2_ID_MAX);
    return CAPSA_OK;
}

static bool set_id(EVP_PKEY_CTX *parameters, capsa_bytes id)
{
    const void *bytes = id.len == 0 ? "" : (const void *)id.data;
    return EVP_PKEY_CTX_set1_id(parameters, bytes, (int)id.len) == 1;
}

CAPSA_RESULT capsa_sm2_check(const struct capsa_public_key *key, capsa_bytes id,
                             capsa_bytes message, capsa_bytes rs)
{
    CAPSA_TRY(check_id(key->kind, id));
    uint8_t der[CRYPTO_PAIR_DER_MAX];
    size_t len = 0;
    CAPSA_TRY(capsa_crypto_pair_to_der(rs, SM2_HALF, der, &len));
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    CRYPTO_REQUIRE(EVP_DigestVerifyInit(context, &parameters, capsa_crypto_algorithms()->sm3, NULL,
                                        key->pkey) == 1 &&
                       set_id(parameters, id),
                   "check a signature");
    int status = EVP_DigestVerify(context, der, len, message.data, message.len);
    CRYPTO_REQUIRE_MEMORY_UNLESS(status == 1);
    CAPSA_REQUIRE(status == 1, UNAUTHENTIC, "the SM2 signature is wrong");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sm2_sign(const struct capsa_private_key *key, capsa_bytes id,
                            capsa_bytes message, capsa_buf *ret_rs)
{
    CAPSA_REQUIRE(key->kind == CAPSA_KEY_SM2, UNSUPPORTED,
                  "a key that is not on SM2's curve does not sign by SM2");
    CAPSA_TRY(check_id(key->kind, id));
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    CRYPTO_REQUIRE(EVP_DigestSignInit(context, &parameters, capsa_crypto_algorithms()->sm3, NULL,
                                      key->pkey) == 1 &&
                       set_id(parameters, id),
                   "sign");
    return append_pair(context, message, SM2_HALF, ret_rs);
}
