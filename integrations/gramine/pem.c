/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing PEM (pem.h). Keys pass through here: nothing is kept anywhere else.
 */
#include "pem.h"

#include <string.h>

#define LINE 64

size_t ra_tls_pem_size(const char *header, const char *footer, size_t len)
{
    if (len > SIZE_MAX / 4) {
        return 0;
    }
    const size_t digits = (len + 2) / 3 * 4;
    return strlen(header) + digits + (digits + LINE - 1) / LINE + strlen(footer) + 1;
}

/* Arithmetic, and no table: looking into one leaves traces of what was looked for. */
static char digit(uint32_t value)
{
    const uint32_t six = value & 63U;
    uint32_t c = six + 'A';
    c += (uint32_t) - (int32_t)(six >= 26) & ('a' - 'A' - 26U);
    c -= (uint32_t) - (int32_t)(six >= 52) & ('a' - '0' + 26U);
    c -= (uint32_t) - (int32_t)(six >= 62) & ('0' - '+' + 10U);
    c += (uint32_t) - (int32_t)(six >= 63) & ('/' - '+' - 1U);
    return (char)c;
}

static char *add(char *at, const char *text)
{
    const size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

/* Up to three bytes as four digits. */
static void encode(const uint8_t *bytes, size_t len, char ret_digits[4])
{
    const uint32_t first = bytes[0];
    const uint32_t second = len > 1 ? bytes[1] : 0;
    const uint32_t third = len > 2 ? bytes[2] : 0;
    const uint32_t group = first << 16 | second << 8 | third;
    ret_digits[0] = digit(group >> 18);
    ret_digits[1] = digit(group >> 12);
    ret_digits[2] = len > 1 ? digit(group >> 6) : '=';
    ret_digits[3] = len > 2 ? digit(group) : '=';
}

void ra_tls_pem_write(const char *header, const char *footer, const uint8_t *der, size_t len,
                      char *ret_pem)
{
    char *at = add(ret_pem, header);
    for (size_t i = 0; i < len; i += 3) {
        encode(der + i, len - i < 3 ? len - i : 3, at);
        at += 4;
        if ((i / 3 + 1) % (LINE / 4) == 0 || len - i <= 3) {
            *at++ = '\n';
        }
    }
    *add(at, footer) = '\0';
}
