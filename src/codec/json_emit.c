/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON text, piece by piece (json_emit.h).
 */
#include "codec/json_emit.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static capsa_result new_line(struct capsa_json_emit *emit)
{
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(emit->buf, 1 + 2 * emit->depth, &room));
    room[0] = '\n';
    memset(room + 1, ' ', 2 * emit->depth);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_json_emit_open(struct capsa_json_emit *emit, char bracket)
{
    CAPSA_TRY(capsa_buf_u8(emit->buf, (uint8_t)bracket));
    emit->depth++;
    emit->first = true;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_json_emit_close(struct capsa_json_emit *emit, char bracket)
{
    emit->depth--;
    if (emit->indent && !emit->first) {
        CAPSA_TRY(new_line(emit));
    }
    emit->first = false;
    return capsa_buf_u8(emit->buf, (uint8_t)bracket);
}

CAPSA_RESULT capsa_json_emit_next(struct capsa_json_emit *emit)
{
    if (!emit->first) {
        CAPSA_TRY(capsa_buf_str(emit->buf, emit->spaced ? ", " : ","));
    }
    emit->first = false;
    return emit->indent ? new_line(emit) : CAPSA_OK;
}

CAPSA_RESULT capsa_json_emit_name(struct capsa_json_emit *emit, const char *name)
{
    CAPSA_TRY(capsa_json_emit_next(emit));
    CAPSA_TRY(capsa_json_emit_string(emit, name));
    return capsa_buf_str(emit->buf, emit->indent || emit->spaced ? ": " : ":");
}

/* ---- Strings -------------------------------------------------------------------------------- */

/* What stands behind the backslash, or 0. */
static uint8_t short_escape(uint8_t byte)
{
    static const uint8_t escapes[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    return escapes[byte];
}

/* The code point at `text`, which is UTF-8; *ret_len bytes. */
static uint32_t code_point(const char *text, size_t *ret_len)
{
    uint8_t lead = (uint8_t)text[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t point = len == 1 ? lead : lead & (0x7fU >> len);
    size_t used = 1;
    for (; used < len && text[used] != '\0'; used++) {
        point = point << 6 | ((uint8_t)text[used] & 0x3f);
    }
    *ret_len = used;
    return point;
}

static capsa_result emit_escaped(struct capsa_json_emit *emit, uint32_t point)
{
    if (point < 0x80 && short_escape((uint8_t)point) != 0) {
        CAPSA_TRY(capsa_buf_u8(emit->buf, '\\'));
        return capsa_buf_u8(emit->buf, short_escape((uint8_t)point));
    }
    if (point < 0x10000) {
        return capsa_buf_format(emit->buf, "\\u%04" PRIx32, point);
    }
    point -= 0x10000;
    return capsa_buf_format(emit->buf, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + (point >> 10),
                            0xdc00 + (point & 0x3ff));
}

CAPSA_RESULT capsa_json_emit_string(struct capsa_json_emit *emit, const char *text)
{
    CAPSA_TRY(capsa_buf_u8(emit->buf, '"'));
    while (*text != '\0') {
        size_t plain = 0;
        for (uint8_t byte = (uint8_t)text[0];
             byte >= 0x20 && short_escape(byte) == 0 && (byte < 0x80 || !emit->ascii);
             byte = (uint8_t)text[plain]) {
            plain++;
        }
        CAPSA_TRY(capsa_buf_append(emit->buf, capsa_bytes_of(text, plain)));
        text += plain;
        if (*text != '\0') {
            size_t len;
            CAPSA_TRY(emit_escaped(emit, code_point(text, &len)));
            text += len;
        }
    }
    return capsa_buf_u8(emit->buf, '"');
}

/* ---- Numbers and words ---------------------------------------------------------------------- */

CAPSA_RESULT capsa_json_emit_int(struct capsa_json_emit *emit, int64_t number)
{
    return capsa_buf_format(emit->buf, "%" PRId64, number);
}

struct decimal {
    char digits[24]; /* d.ddd means digits "dddd"; no zeros at the end */
    int exponent;    /* of ten, of the first digit */
};

/* 17 digits always suffice for a double; 15 are always kept by one, unless it is so small that its
 * own digits are fewer. The character between the first two digits, the locale's
 * point, is stepped over. */
static struct decimal shortest(double magnitude)
{
    char text[40];
    for (int precision = magnitude < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision - 1, magnitude);
        if (strtod(text, NULL) >= magnitude && strtod(text, NULL) <= magnitude) {
            break;
        }
    }
    struct decimal decimal = {.exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10)};
    size_t len = 0;
    for (const char *at = text; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            decimal.digits[len++] = *at;
        }
    }
    while (len > 1 && decimal.digits[len - 1] == '0') {
        decimal.digits[--len] = '\0';
    }
    return decimal;
}

static capsa_result emit_digits(capsa_buf *buf, const struct decimal *decimal)
{
    const char *digits = decimal->digits;
    int len = (int)strlen(digits);
    int exponent = decimal->exponent;
    if (exponent < -4 || exponent >= 16) {
        return capsa_buf_format(buf, "%c%s%se%c%02d", digits[0], len > 1 ? "." : "", digits + 1,
                                exponent < 0 ? '-' : '+', abs(exponent));
    }
    if (exponent < 0) {
        return capsa_buf_format(buf, "0.%.*s%s", -exponent - 1, "000", digits);
    }
    if (len <= exponent + 1) {
        return capsa_buf_format(buf, "%s%.*s.0", digits, exponent + 1 - len, "000000000000000");
    }
    return capsa_buf_format(buf, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
}

CAPSA_RESULT capsa_json_emit_real(struct capsa_json_emit *emit, double number)
{
    CAPSA_REQUIRE(isfinite(number), INTERNAL, "JSON has no number for infinity or not-a-number");
    if (signbit(number)) {
        CAPSA_TRY(capsa_buf_u8(emit->buf, '-'));
    }
    struct decimal decimal = shortest(fabs(number));
    return emit_digits(emit->buf, &decimal);
}

CAPSA_RESULT capsa_json_emit_bool(struct capsa_json_emit *emit, bool truth)
{
    return capsa_buf_str(emit->buf, truth ? "true" : "false");
}

CAPSA_RESULT capsa_json_emit_null(struct capsa_json_emit *emit)
{
    return capsa_buf_str(emit->buf, "null");
}
