/* SPDX-License-Identifier: Apache-2.0
 *
 * RSA-OAEP (RFC 8017 §7.1) around short keys. Opening has no failure that depends on the private
 * key: see crypto.h.
 */
#include "crypto/crypto_internal.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

static const EVP_MD *oaep_digest(enum capsa_oaep hash)
{
    const struct crypto_algorithms *algorithms = capsa_crypto_algorithms();
    return hash == CAPSA_OAEP_SHA1 ? algorithms->sha1 : algorithms->sha256;
}

static bool oaep_parameters(EVP_PKEY_CTX *context, enum capsa_oaep hash)
{
    const EVP_MD *digest = oaep_digest(hash);
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1;
}

CAPSA_RESULT capsa_oaep_seal(const struct capsa_public_key *key, enum capsa_oaep hash,
                             capsa_secret_bytes secret, capsa_buf *buf)
{
    CAPSA_REQUIRE(key->kind == CAPSA_KEY_RSA, UNSUPPORTED, "RSA-OAEP wants an RSA key");
    CAPSA_TRY(capsa_crypto_rsa_check(key->pkey));
    CRYPTO_AUTO(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    CRYPTO_REQUIRE(context != NULL && EVP_PKEY_encrypt_init(context) == 1 &&
                       oaep_parameters(context, hash),
                   "prepare RSA-OAEP");
    uint8_t sealed[CRYPTO_RSA_BYTES_MAX];
    size_t len = sizeof(sealed);
    CRYPTO_REQUIRE(EVP_PKEY_encrypt(context, sealed, &len, secret.data, secret.len) == 1,
                   "seal with RSA-OAEP");
    return capsa_buf_append(buf, capsa_bytes_of(sealed, len));
}

CAPSA_RESULT capsa_oaep_open(const struct capsa_private_key *key, enum capsa_oaep hash,
                             capsa_bytes sealed, size_t len, struct capsa_secret **ret_secret)
{
    CAPSA_REQUIRE(key->kind == CAPSA_KEY_RSA, UNSUPPORTED, "RSA-OAEP wants an RSA key");
    CAPSA_TRY(capsa_crypto_rsa_check(key->pkey));
    CAPSA_REQUIRE(len <= CRYPTO_RSA_BYTES_MAX, USAGE, "a sealed key of %zu bytes", len);
    CRYPTO_AUTO(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    CRYPTO_REQUIRE(context != NULL && EVP_PKEY_decrypt_init(context) == 1 &&
                       oaep_parameters(context, hash),
                   "prepare RSA-OAEP");
    CAPSA_AUTO_FREE(capsa_secret) secret = NULL;
    CAPSA_TRY(capsa_secret_new(len, &secret));
    CAPSA_TRY(capsa_random(capsa_secret_room(secret), len));
    uint8_t opened[CRYPTO_RSA_BYTES_MAX] = {0};
    size_t opened_len = sizeof(opened);
    int status = EVP_PKEY_decrypt(context, opened, &opened_len, sealed.data, sealed.len);
    uint8_t mask = capsa_crypto_equal_mask((size_t)(unsigned)status, 1) &
                   capsa_crypto_equal_mask(opened_len, len);
    capsa_crypto_choose(capsa_secret_room(secret), opened, len, mask);
    capsa_wipe(opened, sizeof(opened));
    ERR_clear_error();
    *ret_secret = secret;
    secret = NULL;
    return CAPSA_OK;
}
