/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex, base32, base64 (RFC 4648) and UTF-8 (RFC 3629), by the strict reading (text.h). Key bytes
 * pass through here, but table look-ups by their value are not hidden from a cache-timing observer:
 * secrets are text only inside an envelope that the same process opened.
 */
#include "codec/text.h"

static const char base32_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char hex_digits[] = "0123456789abcdef";

static const struct base64_form {
    const char *digits;
    bool padded;
} base64_forms[] = {
    [CAPSA_BASE64_STD] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true},
    [CAPSA_BASE64_URL] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                          false},
};

/* Room for `len` bytes in `buf`, refused when the arithmetic before it overflowed. */
static capsa_result room_for(capsa_buf *buf, size_t len, size_t input, uint8_t **ret_room)
{
    CAPSA_REQUIRE(input <= SIZE_MAX / 8, TOO_LARGE, "%zu bytes are too many to encode", input);
    return capsa_buf_extend(buf, len, ret_room);
}

/* ---- Writing: bits from the left, in digits of `width` bits --------------------------------- */

static void write_digits(capsa_bytes bytes, const char *digits, unsigned width, uint8_t *room)
{
    uint32_t bits = 0;
    unsigned count = 0;
    uint32_t mask = (1U << width) - 1;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = (bits << 8) | bytes.data[i];
        for (count += 8; count >= width; count -= width) {
            *room++ = (uint8_t)digits[(bits >> (count - width)) & mask];
        }
    }
    if (count > 0) {
        *room = (uint8_t)digits[(bits << (width - count)) & mask];
    }
}

CAPSA_RESULT capsa_base64_write(capsa_bytes bytes, enum capsa_base64 form, capsa_buf *buf)
{
    size_t digits = bytes.len / 3 * 4 + (bytes.len % 3 * 8 + 5) / 6;
    size_t padding = base64_forms[form].padded ? (4 - digits % 4) % 4 : 0;
    uint8_t *room;
    CAPSA_TRY(room_for(buf, digits + padding, bytes.len, &room));
    write_digits(bytes, base64_forms[form].digits, 6, room);
    memset(room + digits, '=', padding);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_base32_write(capsa_bytes bytes, capsa_buf *buf)
{
    uint8_t *room;
    CAPSA_TRY(room_for(buf, bytes.len / 5 * 8 + (bytes.len % 5 * 8 + 4) / 5, bytes.len, &room));
    write_digits(bytes, base32_digits, 5, room);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_hex_write(capsa_bytes bytes, capsa_buf *buf)
{
    uint8_t *room;
    CAPSA_TRY(room_for(buf, 2 * bytes.len, bytes.len, &room));
    write_digits(bytes, hex_digits, 4, room);
    return CAPSA_OK;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static int base64_digit(uint8_t byte, enum capsa_base64 form)
{
    const char *at = memchr(base64_forms[form].digits, byte, 64);
    return at == NULL ? -1 : (int)(at - base64_forms[form].digits);
}

/* The text without its padding, once that is known to be exactly what it has to be. */
static capsa_result strip_padding(capsa_bytes text, enum capsa_base64 form, capsa_bytes *ret_digits)
{
    if (base64_forms[form].padded) {
        CAPSA_REQUIRE(text.len % 4 == 0, MALFORMED,
                      "base64 text of %zu characters is not a multiple of 4: padding is missing",
                      text.len);
        for (int i = 0; i < 2 && text.len > 0 && text.data[text.len - 1] == '='; i++) {
            text.len--;
        }
    }
    CAPSA_REQUIRE(text.len % 4 != 1, MALFORMED, "base64 text ends within a byte");
    *ret_digits = text;
    return CAPSA_OK;
}

static capsa_result read_base64(capsa_bytes digits, enum capsa_base64 form, uint8_t *room)
{
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = base64_digit(digits.data[i], form);
        CAPSA_REQUIRE(digit >= 0, MALFORMED, "base64%s text has a wrong character at %zu",
                      base64_forms[form].padded ? "" : "url", i);
        bits = (bits << 6) | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *room++ = (uint8_t)(bits >> count);
        }
    }
    /* RFC 4648 section 3.5: one text for one value. */
    CAPSA_REQUIRE((bits & ((1U << count) - 1)) == 0, MALFORMED,
                  "base64 text ends in bits that are not zero");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_base64_parse(capsa_bytes text, enum capsa_base64 form, capsa_buf *buf)
{
    capsa_bytes digits;
    CAPSA_TRY(strip_padding(text, form, &digits));
    size_t before = buf->len;
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(buf, digits.len / 4 * 3 + digits.len % 4 * 6 / 8, &room));
    capsa_result result = read_base64(digits, form, room);
    if (capsa_failed(result)) {
        capsa_buf_cut(buf, before);
    }
    return result;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static capsa_result read_hex(capsa_bytes text, uint8_t *room)
{
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit(text.data[i]);
        int low = hex_digit(text.data[i + 1]);
        CAPSA_REQUIRE(high >= 0 && low >= 0, MALFORMED, "hex text has a wrong character at %zu",
                      high < 0 ? i : i + 1);
        *room++ = (uint8_t)(high << 4 | low);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_hex_parse(capsa_bytes text, capsa_buf *buf)
{
    CAPSA_REQUIRE(text.len % 2 == 0, MALFORMED, "hex text has an odd number of digits");
    size_t before = buf->len;
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(buf, text.len / 2, &room));
    capsa_result result = read_hex(text, room);
    if (capsa_failed(result)) {
        capsa_buf_cut(buf, before);
    }
    return result;
}

/* ---- UTF-8 ---------------------------------------------------------------------------------- */

/* RFC 3629 section 4: what may lead, how many follow, and the range of the first that follows (the
 * rest are 80..BF). It is this range that shuts out overlong forms, surrogates, and what lies
 * behind U+10FFFF. */
static const struct utf8_lead {
    uint8_t from, to;
    uint8_t more;
    uint8_t second_from, second_to;
} utf8_leads[] = {
    {0x01, 0x7f, 0, 0x00, 0x00}, {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf},
    {0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf},
    {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

/* Bytes of the character at the start of `text`, or 0 when there is none. */
static size_t utf8_character(capsa_bytes text)
{
    for (size_t i = 0; i < sizeof(utf8_leads) / sizeof(utf8_leads[0]); i++) {
        const struct utf8_lead *lead = &utf8_leads[i];
        if (text.data[0] < lead->from || text.data[0] > lead->to) {
            continue;
        }
        if (text.len <= lead->more) {
            return 0;
        }
        if (lead->more > 0 &&
            (text.data[1] < lead->second_from || text.data[1] > lead->second_to)) {
            return 0;
        }
        for (size_t j = 2; j <= lead->more; j++) {
            if ((text.data[j] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return 1 + (size_t)lead->more;
    }
    return 0;
}

CAPSA_RESULT capsa_utf8_check(capsa_bytes text)
{
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_character(capsa_bytes_from(text, at));
        CAPSA_REQUIRE(len > 0 || text.data[at] != 0, MALFORMED, "text has a NUL at byte %zu", at);
        CAPSA_REQUIRE(len > 0, MALFORMED, "text is not UTF-8 at byte %zu", at);
        at += len;
    }
    return CAPSA_OK;
}
