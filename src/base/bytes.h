/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed bytes: a pointer and a length, owned by somebody else. Not NUL-terminated.
 * Comparison of public values is capsa_bytes_equal; of secrets, capsa_equal_ct (secret.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *data; /* may be NULL when len is 0 */
    size_t len;
} capsa_bytes;

#define CAPSA_BYTES_LITERAL(text) ((capsa_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static inline capsa_bytes capsa_bytes_of(const void *data, size_t len)
{
    return (capsa_bytes){(const uint8_t *)data, len};
}

static inline capsa_bytes capsa_bytes_str(const char *text)
{
    return capsa_bytes_of(text, text == NULL ? 0 : strlen(text));
}

static inline bool capsa_bytes_equal(capsa_bytes a, capsa_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool capsa_bytes_is(capsa_bytes a, const char *text)
{
    return capsa_bytes_equal(a, capsa_bytes_str(text));
}

static inline bool capsa_streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Index of the first `byte`, or len. */
static inline size_t capsa_bytes_find(capsa_bytes bytes, uint8_t byte)
{
    const uint8_t *at = bytes.len == 0 ? NULL : memchr(bytes.data, byte, bytes.len);
    return at == NULL ? bytes.len : (size_t)(at - bytes.data);
}

/* From `from` to the end; empty when `from` lies behind the end. */
static inline capsa_bytes capsa_bytes_from(capsa_bytes bytes, size_t from)
{
    return from >= bytes.len ? (capsa_bytes){NULL, 0}
                             : capsa_bytes_of(bytes.data + from, bytes.len - from);
}
