/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the folder: algorithms looked up once, errors, randomness.
 */
#include "crypto/crypto_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#include <openssl/err.h>
#include <openssl/provider.h>

static struct crypto_algorithms algorithms; /* written once, under the guard of `looked_up` */
static pthread_once_t looked_up = PTHREAD_ONCE_INIT;

static EVP_PKEY *curve_parameters(const char *type, const char *curve)
{
    EVP_PKEY *parameters = NULL;
    CRYPTO_AUTO(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context != NULL && EVP_PKEY_paramgen_init(context) == 1 &&
        EVP_PKEY_CTX_set_group_name(context, curve) == 1) {
        (void)EVP_PKEY_paramgen(context, &parameters);
    }
    return parameters;
}

/* Its one provider has nothing; without any, libcrypto would load the default one. */
static OSSL_LIB_CTX *bare_library(void)
{
    OSSL_LIB_CTX *bare = OSSL_LIB_CTX_new();
    if (bare != NULL && OSSL_PROVIDER_load(bare, "null") == NULL) {
        OSSL_LIB_CTX_free(bare);
        bare = NULL;
    }
    return bare;
}

static void look_up(void)
{
    algorithms = (struct crypto_algorithms){
        .sha1 = EVP_MD_fetch(NULL, "SHA1", NULL),
        .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL),
        .sha384 = EVP_MD_fetch(NULL, "SHA384", NULL),
        .sha512 = EVP_MD_fetch(NULL, "SHA512", NULL),
        .sm3 = EVP_MD_fetch(NULL, "SM3", NULL),
        .hmac = EVP_MAC_fetch(NULL, "HMAC", NULL),
        .aes128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL),
        .aes192_gcm = EVP_CIPHER_fetch(NULL, "AES-192-GCM", NULL),
        .aes256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL),
        .aes256_wrap = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL),
        .p256 = curve_parameters("EC", "P-256"),
        .p384 = curve_parameters("EC", "P-384"),
        .sm2 = curve_parameters("SM2", "SM2"),
        .bare = bare_library(),
    };
    ERR_clear_error();
}

const struct crypto_algorithms *capsa_crypto_algorithms(void)
{
    (void)pthread_once(&looked_up, look_up);
    return &algorithms;
}

bool capsa_crypto_ran_out(void)
{
    bool ran_out = false;
    for (unsigned long error = ERR_get_error(); error != 0; error = ERR_get_error()) {
        ran_out = ran_out || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    }
    return ran_out;
}

capsa_result capsa_crypto_failed(const char *file, int line, const char *what)
{
    bool no_memory = capsa_crypto_ran_out();
    return capsa_error_make(no_memory ? CAPSA_E_NOMEM : CAPSA_E_INTERNAL, file, line,
                            "libcrypto cannot %s", what);
}

uint8_t capsa_crypto_equal_mask(size_t a, size_t b)
{
    size_t difference = a ^ b;
    __asm__ volatile("" : "+r"(difference)); /* or the optimiser may bring the branch back */
    size_t differs = (difference | (0 - difference)) >> (sizeof(size_t) * 8 - 1);
    return (uint8_t)(differs - 1);
}

void capsa_crypto_choose(uint8_t *bytes, const uint8_t *chosen, size_t len, uint8_t mask)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)((bytes[i] & (uint8_t)~mask) | (chosen[i] & mask));
    }
}

static int (*random_hook)(size_t len); /* set before threads start, by tests only */

void capsa_random_set_hook(int (*hook)(size_t len))
{
    random_hook = hook;
}

/* From the kernel each time: there is no state in this process that a fork or a virtual machine put
 * back to a snapshot could run through twice. */
CAPSA_RESULT capsa_random(void *ret_data, size_t len)
{
    CAPSA_REQUIRE(random_hook == NULL || random_hook(len) == 0, IO, "no random bytes");
    uint8_t *at = ret_data;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        CAPSA_REQUIRE(got > 0, IO, "no random bytes from the system");
        at += got;
        len -= (size_t)got;
    }
    return CAPSA_OK;
}
