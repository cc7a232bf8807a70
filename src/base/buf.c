/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded writer (buf.h).
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"

capsa_buf capsa_buf_of(size_t max)
{
    return (capsa_buf){.max = max};
}

void capsa_buf_drop(capsa_buf *buf)
{
    if (buf->data != NULL) {
        capsa_wipe(buf->data, buf->capacity);
        capsa_dealloc(buf->data);
    }
    *buf = (capsa_buf){.max = buf->max};
}

void capsa_buf_clear(capsa_buf *buf)
{
    capsa_buf_cut(buf, 0);
}

void capsa_buf_cut(capsa_buf *buf, size_t len)
{
    if (len < buf->len) {
        capsa_wipe(buf->data + len, buf->len - len);
        buf->len = len;
    }
}

/* Memory for `more` further bytes and one NUL. realloc could leave a copy behind, so move. */
static capsa_result make_room(capsa_buf *buf, size_t more)
{
    CAPSA_REQUIRE(more <= buf->max && buf->len <= buf->max - more, TOO_LARGE, "more than %zu bytes",
                  buf->max);
    size_t need = buf->len + more + 1;
    if (need <= buf->capacity) {
        return CAPSA_OK;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < need) {
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    }
    if (capacity > buf->max + 1) {
        capacity = buf->max + 1;
    }
    uint8_t *data = capsa_alloc(capacity);
    CAPSA_REQUIRE_MEMORY(data);
    if (buf->data != NULL) {
        memcpy(data, buf->data, buf->len);
        capsa_wipe(buf->data, buf->capacity);
        capsa_dealloc(buf->data);
    }
    buf->data = data;
    buf->capacity = capacity;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_buf_extend(capsa_buf *buf, size_t len, uint8_t **ret_room)
{
    CAPSA_TRY(make_room(buf, len));
    *ret_room = buf->data + buf->len;
    buf->len += len;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_buf_append(capsa_buf *buf, capsa_bytes bytes)
{
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(buf, bytes.len, &room));
    if (bytes.len > 0) {
        memcpy(room, bytes.data, bytes.len);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_buf_str(capsa_buf *buf, const char *text)
{
    return capsa_buf_append(buf, capsa_bytes_str(text));
}

CAPSA_RESULT capsa_buf_format(capsa_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    uint8_t *room = NULL;
    capsa_result result = CAPSA_OK;
    if (len < 0) {
        result = capsa_error_make(CAPSA_E_INTERNAL, __FILE__, __LINE__, "cannot format text");
    } else {
        result = capsa_buf_extend(buf, (size_t)len, &room); /* one NUL more is always there */
    }
    if (!capsa_failed(result)) {
        (void)vsnprintf((char *)room, (size_t)len + 1, format, again);
    }
    va_end(again);
    return result;
}

static capsa_result put_number(capsa_buf *buf, uint64_t value, size_t size, bool big_endian)
{
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(buf, size, &room));
    for (size_t i = 0; i < size; i++) {
        size_t shift = 8 * (big_endian ? size - 1 - i : i);
        room[i] = (uint8_t)(value >> shift);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_buf_u8(capsa_buf *buf, uint8_t value)
{
    return put_number(buf, value, 1, true);
}

CAPSA_RESULT capsa_buf_be16(capsa_buf *buf, uint16_t value)
{
    return put_number(buf, value, 2, true);
}

CAPSA_RESULT capsa_buf_be32(capsa_buf *buf, uint32_t value)
{
    return put_number(buf, value, 4, true);
}

CAPSA_RESULT capsa_buf_be64(capsa_buf *buf, uint64_t value)
{
    return put_number(buf, value, 8, true);
}

CAPSA_RESULT capsa_buf_le32(capsa_buf *buf, uint32_t value)
{
    return put_number(buf, value, 4, false);
}

CAPSA_RESULT capsa_buf_le64(capsa_buf *buf, uint64_t value)
{
    return put_number(buf, value, 8, false);
}

CAPSA_RESULT capsa_buf_field(capsa_buf *buf, capsa_bytes bytes)
{
    CAPSA_REQUIRE(bytes.len <= UINT32_MAX, TOO_LARGE, "a field over 4 GiB");
    size_t before = buf->len;
    CAPSA_TRY(capsa_buf_be32(buf, (uint32_t)bytes.len));
    capsa_result result = capsa_buf_append(buf, bytes);
    if (capsa_failed(result)) {
        capsa_buf_cut(buf, before);
    }
    return result;
}

CAPSA_RESULT capsa_buf_cstr(capsa_buf *buf, const char **ret_text)
{
    CAPSA_TRY(make_room(buf, 0));
    buf->data[buf->len] = '\0';
    *ret_text = (const char *)buf->data;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_buf_take_str(capsa_buf *buf, char **ret_text)
{
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(buf, &text));
    *ret_text = (char *)buf->data;
    *buf = (capsa_buf){.max = buf->max};
    return CAPSA_OK;
}
