/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values (json.h) by jansson. A capsa_json is a json_t; only this file and json_simple.c know
 * it. Two things are checked before anything is built: depth, and the number of values, since two
 * bytes of text become some hundred of memory. jansson's own error texts quote the input and are
 * not passed on: the input may be secret.
 */
#include "codec/json.h"

#include <jansson.h>
#include <pthread.h>

#include "base/limits.h"
#include "codec/codec_alloc.h"
#include "codec/json_simple.h"
#include "codec/text.h"

static json_t *inner(struct capsa_json *value)
{
    return (json_t *)value;
}

static const json_t *inner_const(const struct capsa_json *value)
{
    return (const json_t *)value;
}

static struct capsa_json *outer(json_t *value)
{
    return (struct capsa_json *)value;
}

/* jansson's iterators and deep copy want a json_t that is not const, and do not change it. */
static json_t *inner_unconst(const struct capsa_json *value)
{
    return (json_t *)(uintptr_t)value;
}

static void set_allocators(void)
{
    json_set_alloc_funcs(capsa_wiping_alloc, capsa_wiping_free);
}

/* Before the first value is made, and never again: memory has to go back where it came from. */
static void prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_allocators);
}

/* ---- Parsing -------------------------------------------------------------------------------- */

struct scan {
    size_t line, line_start;
    size_t depth;
    size_t values;
    bool in_string, escaped;
};

static void scan_string_byte(struct scan *scan, uint8_t byte)
{
    if (scan->escaped) {
        scan->escaped = false;
    } else if (byte == '\\') {
        scan->escaped = true;
    } else if (byte == '"') {
        scan->in_string = false;
    }
}

static void scan_byte(struct scan *scan, uint8_t byte, size_t at)
{
    switch (byte) {
    case '"':
        scan->in_string = true;
        break;
    case '[':
    case '{':
        scan->depth++;
        scan->values++;
        break;
    case ']':
    case '}':
        scan->depth -= scan->depth > 0;
        break;
    case ',':
        scan->values++;
        break;
    case '\n':
        scan->line++;
        scan->line_start = at + 1;
        break;
    default:
        break;
    }
}

/* A value is the first of all, the first in a container, or stands behind a comma. In text that is
 * not JSON the counts mean nothing, and jansson refuses it. */
static capsa_result check_limits(capsa_bytes text)
{
    struct scan scan = {.line = 1, .values = 1};
    for (size_t at = 0; at < text.len; at++) {
        if (scan.in_string) {
            scan_string_byte(&scan, text.data[at]);
            continue;
        }
        scan_byte(&scan, text.data[at], at);
        CAPSA_REQUIRE(scan.depth <= CAPSA_LIMIT_json_depth, TOO_LARGE,
                      "JSON line %zu column %zu: nested deeper than %d levels", scan.line,
                      at - scan.line_start + 1, CAPSA_LIMIT_json_depth);
        CAPSA_REQUIRE(scan.values <= CAPSA_LIMIT_json_values, TOO_LARGE,
                      "JSON line %zu column %zu: more than %d values", scan.line,
                      at - scan.line_start + 1, CAPSA_LIMIT_json_values);
    }
    return CAPSA_OK;
}

static const char *const parse_errors[] = {
    [json_error_invalid_utf8] = "text that is not UTF-8",
    [json_error_premature_end_of_input] = "the text ends too early",
    [json_error_end_of_input_expected] = "text behind the value",
    [json_error_invalid_syntax] = "not JSON",
    [json_error_duplicate_key] = "an object has the same member twice",
    [json_error_numeric_overflow] = "a number too large",
    [json_error_null_character] = "a NUL in a string",
    [json_error_null_byte_in_key] = "a NUL in a member's name",
};

static capsa_result parse_failed(const json_error_t *error)
{
    CAPSA_REQUIRE(!capsa_wiping_has_failed(), NOMEM, "out of memory");
    enum json_error_code code = json_error_code(error);
    const char *what =
        (size_t)code < sizeof(parse_errors) / sizeof(parse_errors[0]) ? parse_errors[code] : NULL;
    CAPSA_FAIL(MALFORMED, "JSON line %d column %d: %s", error->line, error->column,
               what == NULL ? "not JSON" : what);
}

/* jansson's lexer does not ask whether its copy of a token could grow. When that lost the quote at
 * the end of a string, it would read and write on behind it, were there memory for the string. */
static capsa_result load(capsa_bytes text, size_t more_flags, json_t **ret_value)
{
    json_error_t error;
    capsa_wiping_once(true);
    json_t *value = json_loadb((const char *)text.data, text.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | more_flags, &error);
    capsa_wiping_once(false);
    if (value == NULL) {
        return parse_failed(&error);
    }
    *ret_value = value;
    return CAPSA_OK;
}

static capsa_result parse(capsa_bytes text, size_t more_flags, struct capsa_json **ret_value)
{
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_json_bytes, TOO_LARGE, "JSON text over %d bytes",
                  CAPSA_LIMIT_json_bytes);
    CAPSA_REQUIRE(text.len > 0, MALFORMED, "JSON wanted, got empty text");
    CAPSA_TRY(check_limits(text));
    prepare();
    capsa_wiping_forget();
    json_t *value = capsa_json_simple(text);
    if (value == NULL && !capsa_wiping_has_failed()) {
        CAPSA_TRY(load(text, more_flags, &value));
    }
    if (capsa_wiping_has_failed()) { /* a value may have lost bytes */
        json_decref(value);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    *ret_value = outer(value);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_json_parse(capsa_bytes text, struct capsa_json **ret_value)
{
    return parse(text, 0, ret_value);
}

static bool is_named(const char *name, const char *const *names)
{
    while (*names != NULL && !capsa_streq(*names, name)) {
        names++;
    }
    return *names != NULL;
}

/* No deeper than CAPSA_LIMIT_json_depth: check_limits has counted. */
static bool holds_nul(const struct capsa_json *value)
{
    capsa_bytes bytes = capsa_json_bytes(value);
    if (capsa_bytes_find(bytes, 0) < bytes.len) {
        return true;
    }
    bool found = false;
    for (size_t i = 0; !found && json_is_array(inner_const(value)) && i < capsa_json_count(value);
         i++) {
        found = holds_nul(capsa_json_at(value, i));
    }
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *member;
    while (!found && capsa_json_next(value, &walk, &name, &member)) {
        found = holds_nul(member);
    }
    return found;
}

CAPSA_RESULT capsa_json_parse_nul(capsa_bytes text, const char *const *names,
                                  struct capsa_json **ret_value)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(parse(text, JSON_ALLOW_NUL, &value));
    CAPSA_REQUIRE(json_is_object(inner(value)) || !holds_nul(value), MALFORMED,
                  "JSON: a NUL in a string");
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *member;
    while (capsa_json_next(value, &walk, &name, &member)) {
        bool is_free = capsa_json_kind_of(member) == CAPSA_JSON_STRING && is_named(name, names);
        CAPSA_REQUIRE(is_free || !holds_nul(member), MALFORMED,
                      "JSON: a NUL in a string, in member \"%.64s\"", name);
    }
    *ret_value = value;
    value = NULL;
    return CAPSA_OK;
}

void capsa_json_free(struct capsa_json *value)
{
    json_decref(inner(value));
}

/* ---- Reading -------------------------------------------------------------------------------- */

enum capsa_json_kind capsa_json_kind_of(const struct capsa_json *value)
{
    static const enum capsa_json_kind kinds[] = {
        [JSON_OBJECT] = CAPSA_JSON_OBJECT, [JSON_ARRAY] = CAPSA_JSON_ARRAY,
        [JSON_STRING] = CAPSA_JSON_STRING, [JSON_INTEGER] = CAPSA_JSON_INT,
        [JSON_REAL] = CAPSA_JSON_REAL,     [JSON_TRUE] = CAPSA_JSON_BOOL,
        [JSON_FALSE] = CAPSA_JSON_BOOL,    [JSON_NULL] = CAPSA_JSON_NULL,
    };
    return value == NULL ? CAPSA_JSON_NULL : kinds[json_typeof(inner_const(value))];
}

const char *capsa_json_kind_name(enum capsa_json_kind kind)
{
    static const char *const names[] = {
        [CAPSA_JSON_NULL] = "null",        [CAPSA_JSON_BOOL] = "true or false",
        [CAPSA_JSON_INT] = "an integer",   [CAPSA_JSON_REAL] = "a number with a fraction",
        [CAPSA_JSON_STRING] = "a string",  [CAPSA_JSON_ARRAY] = "an array",
        [CAPSA_JSON_OBJECT] = "an object",
    };
    return names[kind];
}

bool capsa_json_bool(const struct capsa_json *value)
{
    return json_is_true(inner_const(value));
}

int64_t capsa_json_int(const struct capsa_json *value)
{
    return json_integer_value(inner_const(value));
}

double capsa_json_real(const struct capsa_json *value)
{
    return json_number_value(inner_const(value));
}

const char *capsa_json_string(const struct capsa_json *value)
{
    return json_string_value(inner_const(value));
}

capsa_bytes capsa_json_bytes(const struct capsa_json *value)
{
    return capsa_bytes_of(json_string_value(inner_const(value)),
                          json_string_length(inner_const(value)));
}

size_t capsa_json_count(const struct capsa_json *value)
{
    const json_t *container = inner_const(value);
    return json_is_object(container) ? json_object_size(container) : json_array_size(container);
}

const struct capsa_json *capsa_json_at(const struct capsa_json *array, size_t index)
{
    return outer(json_array_get(inner_const(array), index));
}

const struct capsa_json *capsa_json_get(const struct capsa_json *object, const char *name)
{
    return outer(json_object_get(inner_const(object), name));
}

bool capsa_json_next(const struct capsa_json *object, struct capsa_json_walk *walk,
                     const char **ret_name, const struct capsa_json **ret_value)
{
    json_t *container = inner_unconst(object);
    if (walk->ended) {
        return false;
    }
    walk->at =
        walk->at == NULL ? json_object_iter(container) : json_object_iter_next(container, walk->at);
    if (walk->at == NULL) {
        walk->ended = true;
        return false;
    }
    *ret_name = json_object_iter_key(walk->at);
    *ret_value = outer(json_object_iter_value(walk->at));
    return true;
}

bool capsa_json_member(const struct capsa_json *object, size_t index, const char **ret_name,
                       const struct capsa_json **ret_value)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name = NULL;
    const struct capsa_json *value = NULL;
    for (size_t i = 0; i <= index; i++) {
        if (!capsa_json_next(object, &walk, &name, &value)) {
            return false;
        }
    }
    *ret_name = name;
    *ret_value = value;
    return true;
}

/* ---- Building ------------------------------------------------------------------------------- */

struct capsa_json *capsa_json_new_object(void)
{
    prepare();
    return outer(json_object());
}

struct capsa_json *capsa_json_new_array(void)
{
    prepare();
    return outer(json_array());
}

struct capsa_json *capsa_json_new_string(const char *text)
{
    prepare();
    return outer(json_string(text));
}

struct capsa_json *capsa_json_new_int(int64_t number)
{
    prepare();
    return outer(json_integer(number));
}

struct capsa_json *capsa_json_new_bool(bool truth)
{
    return outer(json_boolean(truth));
}

struct capsa_json *capsa_json_new_null(void)
{
    return outer(json_null());
}

struct capsa_json *capsa_json_copy(const struct capsa_json *value)
{
    prepare();
    return outer(json_deep_copy(inner_const(value)));
}

CAPSA_RESULT capsa_json_set(struct capsa_json *object, const char *name, struct capsa_json *value)
{
    CAPSA_AUTO_FREE(capsa_json) owned = value;
    CAPSA_REQUIRE_MEMORY(owned);
    CAPSA_REQUIRE(json_is_object(inner(object)), INTERNAL, "a member set in what is no object");
    CAPSA_TRY(capsa_utf8_check(capsa_bytes_str(name)));
    CAPSA_REQUIRE(json_object_set_nocheck(inner(object), name, inner(owned)) == 0, NOMEM,
                  "out of memory");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_json_push(struct capsa_json *array, struct capsa_json *value)
{
    CAPSA_AUTO_FREE(capsa_json) owned = value;
    CAPSA_REQUIRE_MEMORY(owned);
    CAPSA_REQUIRE(json_is_array(inner(array)), INTERNAL, "an element pushed to what is no array");
    CAPSA_REQUIRE(json_array_append(inner(array), inner(owned)) == 0, NOMEM, "out of memory");
    return CAPSA_OK;
}
