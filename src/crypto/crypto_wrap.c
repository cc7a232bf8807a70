/* SPDX-License-Identifier: Apache-2.0
 *
 * AES key wrap (RFC 3394) under 256-bit keys, with the RFC's own initial value.
 */
#include "crypto/crypto_internal.h"

#include <openssl/err.h>

#define WRAP_BLOCK 8
#define WRAP_KEK   32
#define WRAP_MIN   16
#define WRAP_MAX   4096

bool capsa_crypto_wrap(capsa_secret_bytes kek, bool wrapping, capsa_bytes in, uint8_t *out)
{
    CRYPTO_AUTO(EVP_CIPHER_CTX) context = EVP_CIPHER_CTX_new();
    if (context == NULL) {
        return false;
    }
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    int len = 0, wanted = (int)in.len + (wrapping ? WRAP_BLOCK : -WRAP_BLOCK);
    return EVP_CipherInit_ex2(context, capsa_crypto_algorithms()->aes256_wrap, kek.data, NULL,
                              wrapping ? 1 : 0, NULL) == 1 &&
           EVP_CipherUpdate(context, out, &len, in.data, (int)in.len) == 1 && len == wanted;
}

static capsa_result check_sizes(capsa_secret_bytes kek, size_t key_len)
{
    CAPSA_REQUIRE(kek.len == WRAP_KEK, USAGE, "a key of %zu bytes to wrap under, not %d", kek.len,
                  WRAP_KEK);
    CAPSA_REQUIRE(key_len >= WRAP_MIN && key_len <= WRAP_MAX && key_len % WRAP_BLOCK == 0,
                  MALFORMED, "a key of %zu bytes cannot be wrapped; %d to %d, in steps of %d",
                  key_len, WRAP_MIN, WRAP_MAX, WRAP_BLOCK);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_aes_kw_wrap(capsa_secret_bytes kek, capsa_secret_bytes key, capsa_buf *wrapped)
{
    CAPSA_TRY(check_sizes(kek, key.len));
    size_t before = wrapped->len;
    uint8_t *room = NULL;
    CAPSA_TRY(capsa_buf_extend(wrapped, key.len + WRAP_BLOCK, &room));
    const capsa_bytes in = {key.data, key.len};
    if (!capsa_crypto_wrap(kek, true, in, room)) {
        capsa_buf_cut(wrapped, before);
        CRYPTO_REQUIRE(false, "wrap a key");
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_aes_kw_unwrap(capsa_secret_bytes kek, capsa_bytes wrapped,
                                 struct capsa_secret **ret_key)
{
    CAPSA_REQUIRE(wrapped.len >= WRAP_BLOCK, MALFORMED, "a wrapped key of %zu bytes", wrapped.len);
    CAPSA_TRY(check_sizes(kek, wrapped.len - WRAP_BLOCK));
    CAPSA_AUTO_FREE(capsa_secret) key = NULL;
    CAPSA_TRY(capsa_secret_new(wrapped.len - WRAP_BLOCK, &key));
    uint8_t opened[WRAP_MAX + WRAP_BLOCK]; /* the cipher's room is that of its input */
    bool held = capsa_crypto_wrap(kek, false, wrapped, opened);
    memcpy(capsa_secret_room(key), opened, wrapped.len - WRAP_BLOCK);
    capsa_wipe(opened, wrapped.len);
    ERR_clear_error();
    CAPSA_REQUIRE(held, UNAUTHENTIC, "the wrapped key cannot be opened");
    *ret_key = key;
    key = NULL;
    return CAPSA_OK;
}
