/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing buffer with a maximum from birth; the bounded writer of the tree. Whatever it held is
 * wiped when it grows elsewhere or is dropped, so it may hold secrets. Not thread-safe.
 *
 *   CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
 *   CAPSA_TRY(capsa_buf_str(&text, "hello"));
 */
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

typedef struct {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t max; /* appending past it is CAPSA_E_TOO_LARGE and leaves the buffer as it was */
} capsa_buf;

capsa_buf capsa_buf_of(size_t max);             /* empty; allocates nothing yet */
void capsa_buf_drop(capsa_buf *buf);            /* wipes, frees; callable twice; keeps max */
void capsa_buf_clear(capsa_buf *buf);           /* wipes the content, keeps the memory */
void capsa_buf_cut(capsa_buf *buf, size_t len); /* shorten to len; wipes the rest */

CAPSA_RESULT capsa_buf_append(capsa_buf *buf, capsa_bytes bytes);
CAPSA_RESULT capsa_buf_str(capsa_buf *buf, const char *text);
CAPSA_RESULT capsa_buf_format(capsa_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
CAPSA_RESULT capsa_buf_u8(capsa_buf *buf, uint8_t value);
CAPSA_RESULT capsa_buf_be16(capsa_buf *buf, uint16_t value);
CAPSA_RESULT capsa_buf_be32(capsa_buf *buf, uint32_t value);
CAPSA_RESULT capsa_buf_be64(capsa_buf *buf, uint64_t value);
CAPSA_RESULT capsa_buf_le32(capsa_buf *buf, uint32_t value);
CAPSA_RESULT capsa_buf_le64(capsa_buf *buf, uint64_t value);
/* be32 length, then the bytes: the encoding that no two lists of fields share. */
CAPSA_RESULT capsa_buf_field(capsa_buf *buf, capsa_bytes bytes);
/* Room for `len` more bytes to be written by the caller at *ret_room; counts them as written. */
CAPSA_RESULT capsa_buf_extend(capsa_buf *buf, size_t len, uint8_t **ret_room);

static inline capsa_bytes capsa_buf_bytes(const capsa_buf *buf)
{
    return capsa_bytes_of(buf->data, buf->len);
}
/* NUL-terminated view (the NUL is not counted). The pointer lives until the next change. */
CAPSA_RESULT capsa_buf_cstr(capsa_buf *buf, const char **ret_text);
/* Hand the content over as a heap string (capsa_dealloc) and leave the buffer empty. */
CAPSA_RESULT capsa_buf_take_str(capsa_buf *buf, char **ret_text);
