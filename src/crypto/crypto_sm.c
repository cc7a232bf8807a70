/* SPDX-License-Identifier: Apache-2.0
 *
 * SM3 (GB/T 32905) and HMAC-SM3, both libcrypto's. Unlike the digests of crypto_digest.c they
 * allocate and so can fail: libcrypto has no SM3 that cannot, and one by hand would be the wrong
 * price for that.
 */
#include "crypto/crypto_internal.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "crypto/crypto_evidence.h"

CAPSA_RESULT capsa_sm3(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SM3])
{
    uint8_t digest[CAPSA_SM3];
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    CRYPTO_REQUIRE(EVP_DigestInit_ex(context, capsa_crypto_algorithms()->sm3, NULL) == 1 &&
                       EVP_DigestUpdate(context, bytes.data, bytes.len) == 1 &&
                       EVP_DigestFinal_ex(context, digest, NULL) == 1,
                   "make an SM3 digest");
    memcpy(ret_digest, digest, sizeof(digest));
    return CAPSA_OK;
}

/* A key of no bytes is said by a pointer all the same: a NULL key would mean "as before". */
static capsa_result authenticate(EVP_MAC_CTX *context, capsa_secret_bytes key, capsa_bytes bytes,
                                 uint8_t mac[CAPSA_SM3])
{
    static const uint8_t nothing[1];
    static char digest[] = "SM3"; /* never written; OSSL_PARAM wants it so */
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    size_t len = 0;
    CRYPTO_REQUIRE(EVP_MAC_init(context, key.len == 0 ? nothing : key.data, key.len, parameters) ==
                           1 &&
                       EVP_MAC_update(context, bytes.data, bytes.len) == 1 &&
                       EVP_MAC_final(context, mac, &len, CAPSA_SM3) == 1 && len == CAPSA_SM3,
                   "make an HMAC-SM3");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_hmac_sm3(capsa_secret_bytes key, capsa_bytes bytes, uint8_t ret_mac[CAPSA_SM3])
{
    uint8_t mac[CAPSA_SM3];
    EVP_MAC *algorithm = capsa_crypto_algorithms()->hmac;
    CRYPTO_AUTO(EVP_MAC_CTX) context = algorithm == NULL ? NULL : EVP_MAC_CTX_new(algorithm);
    CRYPTO_REQUIRE(context != NULL, "make an HMAC-SM3");
    CAPSA_TRY(authenticate(context, key, bytes, mac));
    memcpy(ret_mac, mac, sizeof(mac));
    capsa_wipe(mac, sizeof(mac));
    return CAPSA_OK;
}
