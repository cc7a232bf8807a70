/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the folder: algorithms looked up once, errors, randomness.
 */
#include "crypto/crypto_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#include <openssl/err.h>

static struct crypto_algorithms algorithms; /* written once, under the guard of `looked_up` */
static pthread_once_t looked_up = PTHREAD_ONCE_INIT;

static void look_up(void)
{
    algorithms = (struct crypto_algorithms){
        .sha1 = EVP_MD_fetch(NULL, "SHA1", NULL),
        .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL),
        .sha384 = EVP_MD_fetch(NULL, "SHA384", NULL),
        .sha512 = EVP_MD_fetch(NULL, "SHA512", NULL),
        .aes128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL),
        .aes192_gcm = EVP_CIPHER_fetch(NULL, "AES-192-GCM", NULL),
        .aes256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL),
    };
    ERR_clear_error();
}

const struct crypto_algorithms *capsa_crypto_algorithms(void)
{
    (void)pthread_once(&looked_up, look_up);
    return &algorithms;
}

capsa_result capsa_crypto_failed(const char *file, int line, const char *what)
{
    bool no_memory = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    ERR_clear_error();
    return capsa_error_make(no_memory ? CAPSA_E_NOMEM : CAPSA_E_INTERNAL, file, line,
                            "libcrypto cannot %s", what);
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
