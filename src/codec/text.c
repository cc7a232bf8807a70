/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex, base32, base64 (RFC 4648) and UTF-8 (RFC 3629), by the strict reading (text.h). Key bytes
 * pass through here, but table look-ups by their value are not hidden from a cache-timing observer:
 * secrets are text only inside an envelope that the same process opened.
 */
#include "codec/text.h"

static const char base32_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char hex_digits[] = "0123456789abcdef";

/* What a character stands for, with VALID set; 0 for characters that are no digits. */
#define VALID   0x40
#define D(c, n) [c] = VALID | (n)
#define BASE64_VALUES                                                                              \
    D('A', 0), D('B', 1), D('C', 2), D('D', 3), D('E', 4), D('F', 5), D('G', 6), D('H', 7),        \
        D('I', 8), D('J', 9), D('K', 10), D('L', 11), D('M', 12), D('N', 13), D('O', 14),          \
        D('P', 15), D('Q', 16), D('R', 17), D('S', 18), D('T', 19), D('U', 20), D('V', 21),        \
        D('W', 22), D('X', 23), D('Y', 24), D('Z', 25), D('a', 26), D('b', 27), D('c', 28),        \
        D('d', 29), D('e', 30), D('f', 31), D('g', 32), D('h', 33), D('i', 34), D('j', 35),        \
        D('k', 36), D('l', 37), D('m', 38), D('n', 39), D('o', 40), D('p', 41), D('q', 42),        \
        D('r', 43), D('s', 44), D('t', 45), D('u', 46), D('v', 47), D('w', 48), D('x', 49),        \
        D('y', 50), D('z', 51), D('0', 52), D('1', 53), D('2', 54), D('3', 55), D('4', 56),        \
        D('5', 57), D('6', 58), D('7', 59), D('8', 60), D('9', 61)

static const struct base64_form {
    const char *digits;
    uint8_t values[256];
    bool padded;
} base64_forms[] = {
    [CAPSA_BASE64_STD] =
        {
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            {BASE64_VALUES, D('+', 62), D('/', 63)},
            true,
        },
    [CAPSA_BASE64_URL] =
        {
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
            {BASE64_VALUES, D('-', 62), D('_', 63)},
            false,
        },
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

static capsa_result wrong_digit(capsa_bytes digits, const struct base64_form *form)
{
    size_t at = 0;
    while (at < digits.len && form->values[digits.data[at]] != 0) {
        at++;
    }
    CAPSA_FAIL(MALFORMED, "base64%s text has a wrong character at %zu", form->padded ? "" : "url",
               at);
}

/* Three bytes of four digits; VALID in the answer when all four were digits. */
static inline uint8_t read_four(const uint8_t *values, const uint8_t *digits, uint8_t *room)
{
    uint8_t a = values[digits[0]], b = values[digits[1]];
    uint8_t c = values[digits[2]], d = values[digits[3]];
    room[0] = (uint8_t)(a << 2 | (b & 0x3f) >> 4);
    room[1] = (uint8_t)(b << 4 | (c & 0x3f) >> 2);
    room[2] = (uint8_t)(c << 6 | (d & 0x3f));
    return a & b & c & d;
}

/* Filled up with the digit for zero, so that what is behind the last byte shows by not being zero.
 * RFC 4648 section 3.5: one text for one value. */
static capsa_result read_last(const struct base64_form *form, capsa_bytes digits, size_t at,
                              uint8_t *room)
{
    uint8_t four[4] = {'A', 'A', 'A', 'A'};
    uint8_t three[3];
    size_t len = (digits.len - at) * 6 / 8;
    memcpy(four, digits.data + at, digits.len - at);
    if ((read_four(form->values, four, three) & VALID) == 0) {
        return wrong_digit(digits, form);
    }
    memcpy(room, three, len);
    CAPSA_REQUIRE(three[len] == 0, MALFORMED, "base64 text ends in bits that are not zero");
    return CAPSA_OK;
}

/* Whether all were digits is asked once, not of each: this reads every byte of every request. */
static capsa_result read_base64(capsa_bytes digits, const struct base64_form *form, uint8_t *room)
{
    uint8_t all = VALID;
    size_t at = 0;
    for (; digits.len - at >= 4; at += 4, room += 3) {
        all &= read_four(form->values, digits.data + at, room);
    }
    if ((all & VALID) == 0) {
        return wrong_digit(digits, form);
    }
    return at == digits.len ? CAPSA_OK : read_last(form, digits, at, room);
}

CAPSA_RESULT capsa_base64_parse(capsa_bytes text, enum capsa_base64 form, capsa_buf *buf)
{
    capsa_bytes digits;
    CAPSA_TRY(strip_padding(text, form, &digits));
    size_t before = buf->len;
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(buf, digits.len / 4 * 3 + digits.len % 4 * 6 / 8, &room));
    capsa_result result = read_base64(digits, &base64_forms[form], room);
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

/* Where the first byte from `at` on lies that is not 0x01 to 0x7f. Eight at a time, as nearly all
 * of what comes is ASCII: a byte over 0x7f has its top bit, and a zero gets it when one is taken
 * off.
 */
static size_t plain_at(capsa_bytes text, size_t at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word;
    while (text.len - at >= sizeof(word)) {
        memcpy(&word, text.data + at, sizeof(word));
        if (((word | (word - ones)) & tops) != 0) {
            break;
        }
        at += sizeof(word);
    }
    while (at < text.len && text.data[at] >= 0x01 && text.data[at] <= 0x7f) {
        at++;
    }
    return at;
}

CAPSA_RESULT capsa_utf8_check(capsa_bytes text)
{
    for (size_t at = plain_at(text, 0); at < text.len; at = plain_at(text, at)) {
        size_t len = utf8_character(capsa_bytes_from(text, at));
        CAPSA_REQUIRE(len > 0 || text.data[at] != 0, MALFORMED, "text has a NUL at byte %zu", at);
        CAPSA_REQUIRE(len > 0, MALFORMED, "text is not UTF-8 at byte %zu", at);
        at += len;
    }
    return CAPSA_OK;
}
