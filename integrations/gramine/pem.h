/* SPDX-License-Identifier: Apache-2.0
 *
 * PEM, written as mbedTLS writes it: lines of 64 digits, each with its newline, between two lines
 * that the caller gives whole.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* With the NUL at the end; 0: more than can be counted. */
size_t ra_tls_pem_size(const char *header, const char *footer, size_t len);
/* `ret_pem` has room for as much as that. */
void ra_tls_pem_write(const char *header, const char *footer, const uint8_t *der, size_t len,
                      char *ret_pem);
