/* SPDX-License-Identifier: Apache-2.0
 *
 * AES-GCM (NIST SP 800-38D) with whole tags only. Plaintext of a message whose tag is wrong is
 * wiped before anybody sees it.
 */
#include "crypto/crypto_internal.h"

#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "base/alloc.h"

#define GCM_IV 12

struct capsa_gcm {
    EVP_CIPHER_CTX *context;
};

enum gcm_direction { GCM_OPEN = 0, GCM_SEAL = 1 }; /* the numbers are EVP_CipherInit_ex2's */

static const EVP_CIPHER *gcm_cipher(size_t key_len)
{
    const struct crypto_algorithms *algorithms = capsa_crypto_algorithms();
    switch (key_len) {
    case 16:
        return algorithms->aes128_gcm;
    case 24:
        return algorithms->aes192_gcm;
    case 32:
        return algorithms->aes256_gcm;
    default:
        return NULL;
    }
}

static capsa_result gcm_check_sizes(capsa_secret_bytes key, size_t iv_len, size_t aad_len,
                                    size_t text_len)
{
    CAPSA_REQUIRE(key.len == 16 || key.len == 24 || key.len == 32, MALFORMED,
                  "an AES key of %zu bytes; 16, 24 or 32", key.len);
    CAPSA_REQUIRE(iv_len == 12 || iv_len == 16 || iv_len == 32, MALFORMED,
                  "an AES-GCM IV of %zu bytes; 12, 16 or 32", iv_len);
    CAPSA_REQUIRE(aad_len <= INT_MAX && text_len <= INT_MAX, TOO_LARGE,
                  "an AES-GCM text over 2 GiB");
    return CAPSA_OK;
}

static capsa_result gcm_context(capsa_secret_bytes key, EVP_CIPHER_CTX **ret_context)
{
    CRYPTO_AUTO(EVP_CIPHER_CTX) context = EVP_CIPHER_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    CRYPTO_REQUIRE(
        EVP_CipherInit_ex2(context, gcm_cipher(key.len), key.data, NULL, GCM_SEAL, NULL) == 1,
        "prepare AES-GCM");
    *ret_context = context;
    context = NULL;
    return CAPSA_OK;
}

static bool gcm_start(EVP_CIPHER_CTX *context, enum gcm_direction direction, capsa_bytes iv)
{
    size_t iv_len = iv.len;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, &iv_len),
        OSSL_PARAM_construct_end(),
    };
    /* a context starts out with 12, and one that is used again never had another length */
    bool sized = iv_len == GCM_IV ||
                 EVP_CipherInit_ex2(context, NULL, NULL, NULL, (int)direction, params) == 1;
    return sized && EVP_CipherInit_ex2(context, NULL, NULL, iv.data, (int)direction, NULL) == 1;
}

/* Everything between the IV and the tag. EVP takes a NULL output for "this is additional data" and
 * a NULL input for "this is the end", so empty parts are skipped. */
static bool gcm_run(EVP_CIPHER_CTX *context, capsa_bytes aad, capsa_bytes in, uint8_t *out)
{
    int len = 0;
    return (aad.len == 0 || EVP_CipherUpdate(context, NULL, &len, aad.data, (int)aad.len) == 1) &&
           (in.len == 0 || EVP_CipherUpdate(context, out, &len, in.data, (int)in.len) == 1);
}

static capsa_result gcm_seal(EVP_CIPHER_CTX *context, capsa_bytes iv, capsa_bytes aad,
                             capsa_bytes in, uint8_t *out, uint8_t ret_tag[CAPSA_GCM_TAG])
{
    uint8_t end[EVP_MAX_BLOCK_LENGTH];
    int len = 0;
    CRYPTO_REQUIRE(
        gcm_start(context, GCM_SEAL, iv) && gcm_run(context, aad, in, out) &&
            EVP_CipherFinal_ex(context, end, &len) == 1 &&
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, CAPSA_GCM_TAG, ret_tag) == 1,
        "seal with AES-GCM");
    return CAPSA_OK;
}

static capsa_result gcm_open(EVP_CIPHER_CTX *context, capsa_bytes iv, capsa_bytes aad,
                             capsa_bytes in, const uint8_t tag[CAPSA_GCM_TAG], uint8_t *out)
{
    uint8_t wanted[CAPSA_GCM_TAG];
    memcpy(wanted, tag, sizeof(wanted));
    uint8_t end[EVP_MAX_BLOCK_LENGTH];
    int len = 0;
    bool ran = gcm_start(context, GCM_OPEN, iv) && gcm_run(context, aad, in, out) &&
               EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, CAPSA_GCM_TAG, wanted) == 1;
    if (!ran || EVP_CipherFinal_ex(context, end, &len) != 1) {
        capsa_wipe(out, in.len);
        CRYPTO_REQUIRE(ran, "open with AES-GCM");
        ERR_clear_error();
        CAPSA_FAIL(UNAUTHENTIC, "the tag is wrong");
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_gcm_seal(capsa_secret_bytes key, capsa_bytes iv, capsa_bytes aad,
                            capsa_bytes plaintext, capsa_buf *buf, uint8_t ret_tag[CAPSA_GCM_TAG])
{
    CAPSA_TRY(gcm_check_sizes(key, iv.len, aad.len, plaintext.len));
    CRYPTO_AUTO(EVP_CIPHER_CTX) context = NULL;
    CAPSA_TRY(gcm_context(key, &context));
    size_t before = buf->len;
    uint8_t *room = NULL;
    CAPSA_TRY(capsa_buf_extend(buf, plaintext.len, &room));
    capsa_result sealed = gcm_seal(context, iv, aad, plaintext, room, ret_tag);
    if (capsa_failed(sealed)) {
        capsa_buf_cut(buf, before);
    }
    return sealed;
}

CAPSA_RESULT capsa_gcm_open(capsa_secret_bytes key, capsa_bytes iv, capsa_bytes aad,
                            capsa_bytes ciphertext, capsa_bytes tag, capsa_buf *buf)
{
    CAPSA_TRY(gcm_check_sizes(key, iv.len, aad.len, ciphertext.len));
    CAPSA_REQUIRE(tag.len == CAPSA_GCM_TAG, MALFORMED, "an AES-GCM tag of %zu bytes, not %d",
                  tag.len, CAPSA_GCM_TAG);
    CRYPTO_AUTO(EVP_CIPHER_CTX) context = NULL;
    CAPSA_TRY(gcm_context(key, &context));
    size_t before = buf->len;
    uint8_t *room = NULL;
    CAPSA_TRY(capsa_buf_extend(buf, ciphertext.len, &room));
    capsa_result opened = gcm_open(context, iv, aad, ciphertext, tag.data, room);
    if (capsa_failed(opened)) {
        capsa_buf_cut(buf, before);
    }
    return opened;
}

CAPSA_RESULT capsa_gcm_new(capsa_secret_bytes key, struct capsa_gcm **ret_gcm)
{
    CAPSA_TRY(gcm_check_sizes(key, GCM_IV, 0, 0));
    struct capsa_gcm *gcm = CAPSA_NEW(struct capsa_gcm);
    CAPSA_REQUIRE_MEMORY(gcm);
    capsa_result made = gcm_context(key, &gcm->context);
    if (capsa_failed(made)) {
        capsa_gcm_free(gcm);
        return made;
    }
    *ret_gcm = gcm;
    return CAPSA_OK;
}

void capsa_gcm_free(struct capsa_gcm *gcm)
{
    if (gcm != NULL) {
        EVP_CIPHER_CTX_free(gcm->context); /* wipes the key schedule */
        capsa_dealloc(gcm);
    }
}

CAPSA_RESULT capsa_gcm_seal_block(struct capsa_gcm *gcm, const uint8_t iv[12], capsa_bytes aad,
                                  capsa_bytes in, uint8_t *out, uint8_t ret_tag[CAPSA_GCM_TAG])
{
    CAPSA_REQUIRE(aad.len <= INT_MAX && in.len <= INT_MAX, TOO_LARGE, "a block over 2 GiB");
    return gcm_seal(gcm->context, capsa_bytes_of(iv, GCM_IV), aad, in, out, ret_tag);
}

CAPSA_RESULT capsa_gcm_open_block(struct capsa_gcm *gcm, const uint8_t iv[12], capsa_bytes aad,
                                  capsa_bytes in, const uint8_t tag[CAPSA_GCM_TAG], uint8_t *out)
{
    CAPSA_REQUIRE(aad.len <= INT_MAX && in.len <= INT_MAX, TOO_LARGE, "a block over 2 GiB");
    return gcm_open(gcm->context, capsa_bytes_of(iv, GCM_IV), aad, in, tag, out);
}
