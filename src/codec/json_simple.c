/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects, arrays, strings without \u, whole numbers of up to 18 digits, and the three words
 * (json_simple.h): all that programs of this protocol write. jansson's reader asks a function for
 * each byte, and requests are mostly long strings of base64; this one looks at them eight times as
 * fast. It has no errors: what it does not like is somebody else's to judge.
 */
#include "codec/json_simple.h"

#include "codec/codec_alloc.h"
#include "codec/text.h"

#define DIGITS_MAX 18 /* of a number that int64 holds in any case */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

static json_t *read_value(struct reader *reader);

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\t' || *reader->at == '\r')) {
        reader->at++;
    }
}

/* Past white space and, if it stands there, `wanted`. */
static bool take(struct reader *reader, uint8_t wanted)
{
    skip_space(reader);
    bool stands = reader->at < reader->end && *reader->at == wanted;
    reader->at += stands;
    return stands;
}

static bool take_word(struct reader *reader, const char *word)
{
    size_t len = strlen(word);
    bool stands = (size_t)(reader->end - reader->at) >= len && memcmp(reader->at, word, len) == 0;
    reader->at += stands ? len : 0;
    return stands;
}

/* ---- Strings --------------------------------------------------------------------------------- */

/* What stands between two quotes; whether a backslash is in it. */
static bool take_string(struct reader *reader, capsa_bytes *ret_raw, bool *ret_escaped)
{
    if (!take(reader, '"')) {
        return false;
    }
    const uint8_t *begin = reader->at;
    bool escaped = false;
    while (reader->at < reader->end && *reader->at != '"') {
        bool is_pair = *reader->at == '\\';
        if (*reader->at < 0x20 || (is_pair && reader->end - reader->at < 2)) {
            return false;
        }
        escaped |= is_pair;
        reader->at += is_pair ? 2 : 1;
    }
    if (reader->at == reader->end) {
        return false;
    }
    *ret_raw = capsa_bytes_of(begin, (size_t)(reader->at - begin));
    *ret_escaped = escaped;
    reader->at++;
    return !capsa_failed(capsa_utf8_check(*ret_raw));
}

/* What a character behind a backslash stands for; 0: not simple. */
static char unescaped(uint8_t letter)
{
    static const char pairs[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    for (const char *pair = pairs; *pair != '\0'; pair += 2) {
        if (*pair == (char)letter) {
            return pair[1];
        }
    }
    return 0;
}

/* Returns the length of the text, or `raw.len` + 1. */
static size_t unescape(capsa_bytes raw, char *room)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char byte = (char)raw.data[i];
        if (byte == '\\') {
            byte = unescaped(raw.data[++i]); /* one follows, or the string would not have ended */
            if (byte == 0) {
                return raw.len + 1;
            }
        }
        room[len++] = byte;
    }
    return len;
}

static json_t *read_escaped(capsa_bytes raw)
{
    char *room = capsa_wiping_alloc(raw.len);
    if (room == NULL) {
        return NULL;
    }
    size_t len = unescape(raw, room);
    json_t *string = len > raw.len ? NULL : json_stringn_nocheck(room, len);
    capsa_wiping_free(room);
    return string;
}

static json_t *read_string(struct reader *reader)
{
    capsa_bytes raw;
    bool is_escaped;
    if (!take_string(reader, &raw, &is_escaped)) {
        return NULL;
    }
    return is_escaped ? read_escaped(raw) : json_stringn_nocheck((const char *)raw.data, raw.len);
}

/* ---- Numbers and words ----------------------------------------------------------------------- */

/* A fraction, an exponent or one digit more is not simple: it is no end of a value. */
static json_t *read_number(struct reader *reader)
{
    bool is_negative = take_word(reader, "-");
    const uint8_t *begin = reader->at;
    int64_t number = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' &&
           reader->at - begin < DIGITS_MAX) {
        number = number * 10 + (*reader->at++ - '0');
    }
    ptrdiff_t digits = reader->at - begin;
    if (digits == 0 || (digits > 1 && *begin == '0')) {
        return NULL;
    }
    return json_integer(is_negative ? -number : number);
}

static json_t *read_scalar(struct reader *reader)
{
    if (take_word(reader, "true")) {
        return json_true();
    }
    if (take_word(reader, "false")) {
        return json_false();
    }
    return take_word(reader, "null") ? json_null() : read_number(reader);
}

/* ---- Containers ------------------------------------------------------------------------------ */

/* A second member of a name is not simple. */
static bool read_member(struct reader *reader, json_t *object)
{
    capsa_bytes name;
    bool is_escaped;
    if (!take_string(reader, &name, &is_escaped) || is_escaped || !take(reader, ':')) {
        return false;
    }
    const char *text = (const char *)name.data;
    json_t *value = read_value(reader);
    if (value == NULL || json_object_getn(object, text, name.len) != NULL) {
        json_decref(value);
        return false;
    }
    return json_object_setn_new_nocheck(object, text, name.len, value) == 0;
}

static bool read_element(struct reader *reader, json_t *array)
{
    json_t *value = read_value(reader);
    return value != NULL && json_array_append_new(array, value) == 0;
}

/* From behind the opening bracket to behind the closing one. */
static json_t *read_container(struct reader *reader, json_t *made, uint8_t closing,
                              bool (*read)(struct reader *, json_t *))
{
    if (made == NULL || take(reader, closing)) {
        return made;
    }
    bool sound;
    do {
        sound = read(reader, made);
    } while (sound && take(reader, ','));
    if (!sound || !take(reader, closing)) {
        json_decref(made);
        return NULL;
    }
    return made;
}

static json_t *read_value(struct reader *reader)
{
    skip_space(reader);
    if (reader->at < reader->end && *reader->at == '"') {
        return read_string(reader);
    }
    if (take(reader, '{')) {
        return read_container(reader, json_object(), '}', read_member);
    }
    if (take(reader, '[')) {
        return read_container(reader, json_array(), ']', read_element);
    }
    return read_scalar(reader);
}

json_t *capsa_json_simple(capsa_bytes text)
{
    struct reader reader = {text.data, text.data + text.len};
    json_t *value = read_value(&reader);
    skip_space(&reader);
    if (value != NULL && reader.at != reader.end) {
        json_decref(value);
        value = NULL;
    }
    return value;
}
