/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of others that people read (client_text.h).
 */
#include "client/client_text.h"

#include "codec/text.h"

static const struct range {
    uint32_t from, to;
} hiding[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},   {0x200e, 0x200f},
    {0x2028, 0x2029}, {0x202a, 0x202e}, {0x2066, 0x2069},
};

/* The well-formed character at `text` and its bytes; 0 bytes: there is none. */
static size_t point_at(const char *text, uint32_t *ret_point)
{
    const uint8_t *at = (const uint8_t *)text;
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t len = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
    if (strnlen(text, len) < len ||
        (len > 1 && capsa_failed(capsa_utf8_check(capsa_bytes_of(at, len))))) {
        return 0;
    }
    uint32_t point = at[0] & masks[len];
    for (size_t i = 1; i < len; i++) {
        point = point << 6 | (at[i] & 0x3fu);
    }
    *ret_point = point;
    return len;
}

size_t capsa_text_character(const char *text, bool *ret_hides)
{
    uint32_t point = 0;
    size_t len = point_at(text, &point);
    bool hides = len == 0;
    for (size_t i = 0; i < sizeof(hiding) / sizeof(hiding[0]); i++) {
        hides = hides || (point >= hiding[i].from && point <= hiding[i].to);
    }
    *ret_hides = hides;
    return len == 0 ? 1 : len;
}

CAPSA_RESULT capsa_text_check(const char *name, const char *text)
{
    bool hides;
    for (const char *at = text; *at != '\0'; at += capsa_text_character(at, &hides)) {
        (void)capsa_text_character(at, &hides);
        CAPSA_REQUIRE(!hides, USAGE,
                      "%s has a control character (or a byte that is no UTF-8) at byte %zu", name,
                      (size_t)(at - text));
    }
    return CAPSA_OK;
}

static capsa_result show(const char *text, capsa_buf *ret_shown)
{
    while (*text != '\0') {
        bool hides;
        size_t len = capsa_text_character(text, &hides);
        uint32_t point = (uint8_t)*text;
        if (!hides) {
            CAPSA_TRY(capsa_buf_append(ret_shown, capsa_bytes_of(text, len)));
        } else {
            (void)point_at(text, &point);
            CAPSA_TRY(capsa_buf_format(ret_shown, point < 0x100 ? "\\x%02x" : "\\u%04x",
                                       (unsigned)point));
        }
        text += len;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_text_show(const char *text, capsa_buf *ret_shown)
{
    size_t before = ret_shown->len;
    capsa_result result = show(text, ret_shown);
    if (capsa_failed(result)) {
        capsa_buf_cut(ret_shown, before);
    }
    return result;
}
