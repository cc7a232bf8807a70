/* SPDX-License-Identifier: Apache-2.0
 *
 * libmbedtls_gramine.so, as far as the Python package gramine-ratls loads it: one function of
 * mbedTLS, by its interface. Anything else of mbedTLS is not here.
 */
#include <stdlib.h>
#include <string.h>

#include "pem.h"

enum {
    BASE64_BUFFER_TOO_SMALL = -0x002a, /* and *ret_len says how much it takes */
    PEM_BAD_INPUT = -0x1480,
};

__attribute__((visibility("default"))) int
mbedtls_pem_write_buffer(const char *header, const char *footer, const unsigned char *der,
                         size_t der_len, unsigned char *room, size_t room_len, size_t *ret_len);

int mbedtls_pem_write_buffer(const char *header, const char *footer, const unsigned char *der,
                             size_t der_len, unsigned char *room, size_t room_len, size_t *ret_len)
{
    if (header == NULL || footer == NULL || ret_len == NULL || (der == NULL && der_len > 0)) {
        return PEM_BAD_INPUT;
    }
    const size_t size = ra_tls_pem_size(header, footer, der_len);
    if (size == 0) {
        return PEM_BAD_INPUT;
    }
    *ret_len = size;
    if (room == NULL || room_len < size) {
        return BASE64_BUFFER_TOO_SMALL;
    }
    ra_tls_pem_write(header, footer, der, der_len, (char *)room);
    memset(room + size, 0, room_len - size); /* as the original leaves it */
    return 0;
}
