/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values as YAML, block style. A string is written plain where no reader could take it for
 * anything else, as a literal block where it has lines, and in double quotes otherwise.
 */
#include <inttypes.h>

#include "base/limits.h"
#include "codec/json_emit.h"
#include "codec/yaml.h"
#include "codec/yaml_scalar.h"

enum {
    KEY_MAX = 1000, /* as written: YAML wants a key and its colon within 1024 characters */
};

static capsa_result write_node(capsa_buf *buf, const struct capsa_json *value, size_t indent);

static capsa_result write_spaces(capsa_buf *buf, size_t count)
{
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(buf, count, &room));
    memset(room, ' ', count);
    return CAPSA_OK;
}

/* ---- Strings -------------------------------------------------------------------------------- */

/* Characters that YAML has to see as escapes, and those that people do: DEL, C1 controls, line
 * separators, controls of writing direction, byte order marks and non-characters, as UTF-8: a
 * prefix and the range of the byte behind it. */
static const struct escaped {
    const char *prefix;
    uint8_t from, to;
} escaped[] = {
    {"", 0x7f, 0x7f},         {"\xc2", 0x80, 0x9f},     {"\xd8", 0x9c, 0x9c},
    {"\xe2\x80", 0x8e, 0x8f}, {"\xe2\x80", 0xa8, 0xae}, {"\xe2\x81", 0xa6, 0xa9},
    {"\xef\xbb", 0xbf, 0xbf}, {"\xef\xbf", 0xbe, 0xbf},
};

/* Bytes of the character at `text` when it has to be escaped, else 0. */
static size_t needs_escape(const char *text)
{
    for (size_t i = 0; i < sizeof(escaped) / sizeof(escaped[0]); i++) {
        size_t len = strlen(escaped[i].prefix);
        uint8_t last = strncmp(text, escaped[i].prefix, len) == 0 ? (uint8_t)text[len] : 0;
        if (last >= escaped[i].from && last <= escaped[i].to) {
            return len + 1;
        }
    }
    return 0;
}

static capsa_result write_quoted_character(capsa_buf *buf, const char *text, size_t len)
{
    uint32_t point = (uint8_t)text[0];
    if (len == 2) {
        point = ((uint32_t)(uint8_t)text[0] & 0x1f) << 6 | ((uint8_t)text[1] & 0x3f);
    } else if (len == 3) {
        point = ((uint32_t)(uint8_t)text[0] & 0xf) << 12 |
                ((uint32_t)(uint8_t)text[1] & 0x3f) << 6 | ((uint8_t)text[2] & 0x3f);
    }
    return capsa_buf_format(buf, "\\u%04" PRIx32, point);
}

static capsa_result write_quoted(capsa_buf *buf, const char *text)
{
    CAPSA_TRY(capsa_buf_u8(buf, '"'));
    for (; *text != '\0'; text++) {
        static const char names[] = "\"\\\n\"\\n"; /* the bytes, and behind them their escapes */
        const char *at = memchr(names, *text, 3);
        size_t len = (uint8_t)*text < 0x20 ? 1 : needs_escape(text);
        if (at != NULL) {
            CAPSA_TRY(capsa_buf_u8(buf, '\\'));
            CAPSA_TRY(capsa_buf_u8(buf, (uint8_t)at[3]));
        } else if (len > 0) {
            CAPSA_TRY(write_quoted_character(buf, text, len));
            text += len - 1;
        } else {
            CAPSA_TRY(capsa_buf_u8(buf, (uint8_t)*text));
        }
    }
    return capsa_buf_u8(buf, '"');
}

/* A literal block shows its lines as they are: so they must begin with something visible, and hold
 * nothing that a reader changes. */
static bool fits_literal(const char *text)
{
    if (text[0] == '\n' || text[0] == ' ') {
        return false;
    }
    bool line_start = true;
    for (; *text != '\0'; text++) {
        uint8_t byte = (uint8_t)*text;
        if ((byte < 0x20 && byte != '\n' && byte != '\t') || needs_escape(text) > 0 ||
            (line_start && byte == '\t')) {
            return false;
        }
        line_start = byte == '\n';
    }
    return true;
}

static capsa_result write_lines(capsa_buf *buf, const char *text, size_t indent)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        CAPSA_TRY(capsa_buf_u8(buf, '\n'));
        if (len > 0) {
            CAPSA_TRY(write_spaces(buf, indent));
        }
        CAPSA_TRY(capsa_buf_append(buf, capsa_bytes_of(text, len)));
        text += len;
        text += *text == '\n';
    }
    return CAPSA_OK;
}

/* '-': no line end behind the last line; nothing: one; '+': as many as stand there. */
static capsa_result write_literal(capsa_buf *buf, const char *text, size_t indent)
{
    size_t len = strlen(text);
    bool ends = text[len - 1] == '\n';
    bool ends_twice = ends && len > 1 && text[len - 2] == '\n';
    CAPSA_TRY(capsa_buf_str(buf, !ends ? "|-" : ends_twice ? "|+" : "|"));
    return write_lines(buf, text, indent);
}

static capsa_result write_string(capsa_buf *buf, const char *text, size_t indent)
{
    if (strchr(text, '\n') != NULL && fits_literal(text)) {
        return write_literal(buf, text, indent);
    }
    return capsa_yaml_is_plain_safe(text) ? capsa_buf_str(buf, text) : write_quoted(buf, text);
}

/* ---- Collections ---------------------------------------------------------------------------- */

static capsa_result new_line(capsa_buf *buf, size_t indent, bool first)
{
    if (first) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_buf_u8(buf, '\n'));
    return write_spaces(buf, indent);
}

static bool has_members(const struct capsa_json *value)
{
    return capsa_json_count(value) > 0;
}

static capsa_result write_array(capsa_buf *buf, const struct capsa_json *array, size_t indent)
{
    for (size_t i = 0; i < capsa_json_count(array); i++) {
        CAPSA_TRY(new_line(buf, indent, i == 0));
        CAPSA_TRY(capsa_buf_str(buf, "- "));
        CAPSA_TRY(write_node(buf, capsa_json_at(array, i), indent + 2));
    }
    return CAPSA_OK;
}

static capsa_result write_key(capsa_buf *buf, const char *name)
{
    size_t before = buf->len;
    CAPSA_TRY(capsa_yaml_is_plain_safe(name) ? capsa_buf_str(buf, name) : write_quoted(buf, name));
    CAPSA_REQUIRE(buf->len - before <= KEY_MAX, TOO_LARGE, "a YAML key of more than %d bytes",
                  KEY_MAX);
    return capsa_buf_u8(buf, ':');
}

static capsa_result write_object(capsa_buf *buf, const struct capsa_json *object, size_t indent)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    for (bool first = true; capsa_json_next(object, &walk, &name, &value); first = false) {
        CAPSA_TRY(new_line(buf, indent, first));
        CAPSA_TRY(write_key(buf, name));
        if (has_members(value)) {
            CAPSA_TRY(new_line(buf, indent + 2, false));
        } else {
            CAPSA_TRY(capsa_buf_u8(buf, ' '));
        }
        CAPSA_TRY(write_node(buf, value, indent + 2));
    }
    return CAPSA_OK;
}

static capsa_result write_collection(capsa_buf *buf, const struct capsa_json *value, size_t indent)
{
    bool array = capsa_json_kind_of(value) == CAPSA_JSON_ARRAY;
    if (!has_members(value)) {
        return capsa_buf_str(buf, array ? "[]" : "{}");
    }
    CAPSA_REQUIRE(indent / 2 < CAPSA_LIMIT_yaml_depth, TOO_LARGE,
                  "YAML nested deeper than %d levels", CAPSA_LIMIT_yaml_depth);
    return array ? write_array(buf, value, indent) : write_object(buf, value, indent);
}

/* A value whose first line begins where the buffer ends; further lines are indented. */
static capsa_result write_node(capsa_buf *buf, const struct capsa_json *value, size_t indent)
{
    struct capsa_json_emit emit = {.buf = buf};
    switch (capsa_json_kind_of(value)) {
    case CAPSA_JSON_NULL:
        return capsa_json_emit_null(&emit);
    case CAPSA_JSON_BOOL:
        return capsa_json_emit_bool(&emit, capsa_json_bool(value));
    case CAPSA_JSON_INT:
        return capsa_json_emit_int(&emit, capsa_json_int(value));
    case CAPSA_JSON_REAL:
        return capsa_json_emit_real(&emit, capsa_json_real(value));
    case CAPSA_JSON_STRING:
        /* A block at the outermost level is indented too. */
        return write_string(buf, capsa_json_string(value), indent == 0 ? 2 : indent);
    case CAPSA_JSON_ARRAY:
    case CAPSA_JSON_OBJECT:
        break;
    }
    return write_collection(buf, value, indent);
}

CAPSA_RESULT capsa_yaml_write(const struct capsa_json *value, capsa_buf *buf)
{
    size_t before = buf->len;
    capsa_result result = write_node(buf, value, 0);
    if (!capsa_failed(result)) {
        result = capsa_buf_u8(buf, '\n');
    }
    if (capsa_failed(result)) {
        capsa_buf_cut(buf, before);
    }
    return result;
}
