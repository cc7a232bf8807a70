/* SPDX-License-Identifier: Apache-2.0
 *
 * What verbs read (cli_read.h).
 */
#include "cli/cli_read.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "codec/text.h"
#include "codec/yaml.h"
#include "crypto/crypto.h"

CAPSA_RESULT capsa_texts_add(capsa_texts *texts, const char *text)
{
    const char **items =
        capsa_realloc((void *)texts->items, (texts->count + 2) * sizeof(*texts->items));
    CAPSA_REQUIRE_MEMORY(items);
    items[texts->count++] = text;
    items[texts->count] = NULL;
    texts->items = items;
    return CAPSA_OK;
}

void capsa_texts_drop(capsa_texts *texts)
{
    capsa_dealloc((void *)texts->items);
    *texts = (capsa_texts){NULL, 0};
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static capsa_bytes trimmed(capsa_bytes text)
{
    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    while (text.len > 0 && is_space(text.data[0])) {
        text = capsa_bytes_from(text, 1);
    }
    return text;
}

CAPSA_RESULT capsa_cli_read_document(const char *path, struct capsa_json **ret_document)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_file_read(path, &text));
    capsa_bytes start = trimmed(capsa_buf_bytes(&text));
    bool json = start.len > 0 && (start.data[0] == '{' || start.data[0] == '[');
    CAPSA_TRY_AT(json ? capsa_json_parse(capsa_buf_bytes(&text), ret_document)
                      : capsa_yaml_parse(capsa_buf_bytes(&text), ret_document),
                 "%s", path);
    return CAPSA_OK;
}

/* ---- data keys ------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_cli_read_data_key_text(const char *path, capsa_buf *ret_base64)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_CLI_KEY_TEXT);
    capsa_result read = capsa_file_read(path, &text);
    CAPSA_REQUIRE(capsa_code_of(read) != CAPSA_E_TOO_LARGE, MALFORMED,
                  "%s is no data key: it is far too large for one", path);
    CAPSA_TRY(read);
    capsa_bytes base64 = trimmed(capsa_buf_bytes(&text));
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_data_key_bytes);
    CAPSA_TRY_AT(capsa_base64_parse(base64, CAPSA_BASE64_STD, &bytes),
                 "%s is no data key, which is base64 text (`capsa key new` makes one)", path);
    CAPSA_REQUIRE(bytes.len > 0, MALFORMED, "%s holds no data key", path);
    return capsa_buf_append(ret_base64, base64);
}

CAPSA_RESULT capsa_cli_data_key_of(capsa_bytes base64, const char *where,
                                   struct capsa_secret **ret_key)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_data_key_bytes);
    CAPSA_TRY_AT(capsa_base64_parse(base64, CAPSA_BASE64_STD, &bytes), "%s", where);
    CAPSA_REQUIRE(bytes.len == 16 || bytes.len == 24 || bytes.len == 32, MALFORMED,
                  "%s: the data key has %zu bytes; files are sealed with 16, 24 or 32", where,
                  bytes.len);
    return capsa_secret_copy(capsa_buf_bytes(&bytes), ret_key);
}

CAPSA_RESULT capsa_cli_read_data_key(const char *path, struct capsa_secret **ret_key)
{
    CAPSA_AUTO(capsa_buf) base64 = capsa_buf_of(CAPSA_CLI_KEY_TEXT);
    CAPSA_TRY(capsa_cli_read_data_key_text(path, &base64));
    return capsa_cli_data_key_of(capsa_buf_bytes(&base64), path, ret_key);
}

CAPSA_RESULT capsa_cli_data_key_check(const char *base64)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_data_key_bytes);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(base64), CAPSA_BASE64_STD, &bytes),
                 "what the manager gave is no data key");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_new_data_key(int64_t bits, capsa_buf *ret_base64)
{
    CAPSA_REQUIRE(bits == 128 || bits == 192 || bits == 256, USAGE,
                  "a data key has 128, 192 or 256 bits");
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(32);
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(&key, (size_t)bits / 8, &room));
    CAPSA_TRY(capsa_random(room, (size_t)bits / 8));
    return capsa_base64_write(capsa_buf_bytes(&key), CAPSA_BASE64_STD, ret_base64);
}

/* ---- values ---------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_cli_string(const char *name, const char *text, struct capsa_json **ret_string)
{
    CAPSA_REQUIRE(!capsa_failed(capsa_utf8_check(capsa_bytes_str(text))), USAGE,
                  "%s is not UTF-8 text", name);
    struct capsa_json *string = capsa_json_new_string(text);
    CAPSA_REQUIRE_MEMORY(string);
    *ret_string = string;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_object(const struct capsa_cli_pair *pairs, struct capsa_json **ret_object)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    for (; pairs->name != NULL; pairs++) {
        struct capsa_json *string;
        CAPSA_TRY(capsa_cli_string(pairs->name, pairs->text, &string));
        CAPSA_TRY(capsa_json_set(object, pairs->name, string));
    }
    *ret_object = object;
    object = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_push_text(struct capsa_json *array, const char *name, const char *text)
{
    struct capsa_json *string;
    CAPSA_TRY(capsa_cli_string(name, text, &string));
    return capsa_json_push(array, string);
}

CAPSA_RESULT capsa_cli_push_parts(struct capsa_json *array, const char *name, const char *parts)
{
    for (;;) {
        size_t len = strcspn(parts, ",");
        CAPSA_REQUIRE(len > 0, USAGE, "%s: names with single commas between them are wanted", name);
        CAPSA_AUTO(capsa_buf) part = capsa_buf_of(KIB(64));
        CAPSA_TRY(capsa_buf_append(&part, capsa_bytes_of(parts, len)));
        const char *text;
        CAPSA_TRY(capsa_buf_cstr(&part, &text));
        CAPSA_TRY(capsa_cli_push_text(array, name, text));
        if (parts[len] == '\0') {
            return CAPSA_OK;
        }
        parts += len + 1;
    }
}

bool capsa_cli_is_among(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (capsa_streq(name, *names)) {
            return true;
        }
    }
    return false;
}

static capsa_result object_without_nulls(const struct capsa_json *object,
                                         struct capsa_json *ret_copy)
{
    const char *name;
    const struct capsa_json *member;
    for (size_t i = 0; capsa_json_member(object, i, &name, &member); i++) {
        if (capsa_json_kind_of(member) == CAPSA_JSON_NULL) {
            continue;
        }
        struct capsa_json *copy;
        CAPSA_TRY(capsa_cli_without_nulls(member, &copy));
        CAPSA_TRY(capsa_json_set(ret_copy, name, copy));
    }
    return CAPSA_OK;
}

static capsa_result array_without_nulls(const struct capsa_json *array, struct capsa_json *ret_copy)
{
    for (size_t i = 0; i < capsa_json_count(array); i++) {
        struct capsa_json *copy;
        CAPSA_TRY(capsa_cli_without_nulls(capsa_json_at(array, i), &copy));
        CAPSA_TRY(capsa_json_push(ret_copy, copy));
    }
    return CAPSA_OK;
}

/* The depth is that of a parsed document, which has a limit. */
CAPSA_RESULT capsa_cli_without_nulls(const struct capsa_json *value, struct capsa_json **ret_copy)
{
    enum capsa_json_kind kind = capsa_json_kind_of(value);
    CAPSA_AUTO_FREE(capsa_json)
    copy = kind == CAPSA_JSON_OBJECT  ? capsa_json_new_object()
           : kind == CAPSA_JSON_ARRAY ? capsa_json_new_array()
                                      : capsa_json_copy(value);
    CAPSA_REQUIRE_MEMORY(copy);
    if (kind == CAPSA_JSON_OBJECT) {
        CAPSA_TRY(object_without_nulls(value, copy));
    } else if (kind == CAPSA_JSON_ARRAY) {
        CAPSA_TRY(array_without_nulls(value, copy));
    }
    *ret_copy = copy;
    copy = NULL;
    return CAPSA_OK;
}
