/* SPDX-License-Identifier: Apache-2.0
 *
 * Ed25519 (RFC 8032 §5.1), pure: what checkpoints and a manager's announcements are signed with.
 * Keys of parties never come here, and these keys never make a JWS.
 */
#include "crypto/crypto_internal.h"

#include <openssl/err.h>

static const uint8_t nothing; /* where an empty message lies */

CAPSA_RESULT capsa_ed25519_sign(const struct capsa_private_key *key, capsa_bytes message,
                                uint8_t ret_signature[CAPSA_ED25519_SIGNATURE])
{
    CAPSA_REQUIRE(key->kind == CAPSA_KEY_ED25519, UNSUPPORTED, "Ed25519 wants an Ed25519 key");
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    uint8_t made[CAPSA_ED25519_SIGNATURE];
    size_t len = sizeof(made);
    const uint8_t *data = message.len == 0 ? &nothing : message.data;
    CRYPTO_REQUIRE(EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
                       EVP_DigestSign(context, made, &len, data, message.len) == 1 &&
                       len == sizeof(made),
                   "sign with Ed25519");
    memcpy(ret_signature, made, sizeof(made));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ed25519_check(const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                                 capsa_bytes message, capsa_bytes signature)
{
    CAPSA_REQUIRE(signature.len == CAPSA_ED25519_SIGNATURE, UNAUTHENTIC,
                  "an Ed25519 signature of %zu bytes, not %d", signature.len,
                  CAPSA_ED25519_SIGNATURE);
    CRYPTO_AUTO(EVP_PKEY)
    pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public_key, CAPSA_ED25519_PUBLIC);
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    CRYPTO_REQUIRE(pkey != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1,
                   "check an Ed25519 signature");
    const uint8_t *data = message.len == 0 ? &nothing : message.data;
    int status = EVP_DigestVerify(context, signature.data, signature.len, data, message.len);
    ERR_clear_error();
    CAPSA_REQUIRE(status == 1, UNAUTHENTIC, "the Ed25519 signature is wrong");
    return CAPSA_OK;
}
