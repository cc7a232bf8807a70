/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values (RFC 8259), opaque. Parsing is strict: duplicate members, NUL, bad UTF-8, numbers
 * that int64 or double cannot hold, trailing text, and more than CAPSA_LIMIT_json_depth levels or
 * CAPSA_LIMIT_json_values values are refused with line and column. YAML (yaml.h) reads into the
 * same values.
 *
 * A value made by _parse or _new belongs to the caller (capsa_json_free). Values reached through
 * another are borrowed and live as long as it does. Not thread-safe; reading one value from several
 * threads is fine. Memory that held strings is wiped when freed.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

struct capsa_json;

enum capsa_json_kind {
    CAPSA_JSON_NULL,
    CAPSA_JSON_BOOL,
    CAPSA_JSON_INT,
    CAPSA_JSON_REAL,
    CAPSA_JSON_STRING,
    CAPSA_JSON_ARRAY,
    CAPSA_JSON_OBJECT,
};

CAPSA_RESULT capsa_json_parse(capsa_bytes text, struct capsa_json **ret_value);
/* The same for texts of programs that count the NUL at the end of a C string: strings that are
 * members of the outermost object under one of `names` (NULL-ended) may hold NULs. capsa_json_bytes
 * gives them whole; for capsa_json_string they end at the first NUL. */
CAPSA_RESULT capsa_json_parse_nul(capsa_bytes text, const char *const *names,
                                  struct capsa_json **ret_value);
void capsa_json_free(struct capsa_json *value); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_json)

enum capsa_json_style {
    CAPSA_JSON_COMPACT, /* {"a":1,"b":[2]} in the order of insertion; non-ASCII as it is */
    CAPSA_JSON_PRETTY,  /* 2 spaces */
    CAPSA_JSON_PYTHON,  /* {"a": 1, "b": [2]} and non-ASCII as \uXXXX: Python's json.dumps */
};
CAPSA_RESULT capsa_json_write(const struct capsa_json *value, enum capsa_json_style style,
                              capsa_buf *buf);

/* The readers take NULL, what an absent member gives, as null. */
enum capsa_json_kind capsa_json_kind_of(const struct capsa_json *value);
const char *capsa_json_kind_name(enum capsa_json_kind kind);   /* "a string", "an object", ... */
bool capsa_json_bool(const struct capsa_json *value);          /* false for other kinds */
int64_t capsa_json_int(const struct capsa_json *value);        /* 0 for other kinds */
double capsa_json_real(const struct capsa_json *value);        /* also of an int */
const char *capsa_json_string(const struct capsa_json *value); /* NULL for other kinds; NUL-free */
capsa_bytes capsa_json_bytes(const struct capsa_json *value);  /* of a string; else empty */
size_t capsa_json_count(const struct capsa_json *value);       /* of an array or object; else 0 */
const struct capsa_json *capsa_json_at(const struct capsa_json *array, size_t index); /* or NULL */
const struct capsa_json *capsa_json_get(const struct capsa_json *object, const char *name);
/* The index-th member: name and value, false behind the end. Takes time in proportion to the index:
 * walk what may be large with _next. */
bool capsa_json_member(const struct capsa_json *object, size_t index, const char **ret_name,
                       const struct capsa_json **ret_value);
/* Member after member in the order of insertion; false behind the end and for what is no object.
 *
 *   struct capsa_json_walk walk = {NULL, false};
 *   while (capsa_json_next(object, &walk, &name, &value)) { ... }
 */
struct capsa_json_walk {
    void *at;
    bool ended;
};
bool capsa_json_next(const struct capsa_json *object, struct capsa_json_walk *walk,
                     const char **ret_name, const struct capsa_json **ret_value);

/* Building. The _set and _push functions take ownership of `value`, also on failure. A NULL value
 * (a maker that ran out of memory) is CAPSA_E_NOMEM, so calls can be nested. */
struct capsa_json *capsa_json_new_object(void);
struct capsa_json *capsa_json_new_array(void);
struct capsa_json *capsa_json_new_string(const char *text); /* NULL also for bad UTF-8 */
struct capsa_json *capsa_json_new_int(int64_t number);
struct capsa_json *capsa_json_new_bool(bool truth);
struct capsa_json *capsa_json_new_null(void);
struct capsa_json *capsa_json_copy(const struct capsa_json *value); /* deep */
CAPSA_RESULT capsa_json_set(struct capsa_json *object, const char *name, struct capsa_json *value);
CAPSA_RESULT capsa_json_push(struct capsa_json *array, struct capsa_json *value);

/* ---- Decoding an object by a table --------------------------------------------------------- */

enum capsa_json_type {
    CAPSA_FIELD_STRING,  /* const char *, borrowed from the value */
    CAPSA_FIELD_BOOL,    /* bool */
    CAPSA_FIELD_INT,     /* int64_t, within [min, max] */
    CAPSA_FIELD_STRINGS, /* const struct capsa_json *: an array whose elements are all strings */
    CAPSA_FIELD_VALUE,   /* const struct capsa_json *: anything */
    CAPSA_FIELD_OBJECT,  /* a struct within, decoded by .sub at .offset */
};

enum {
    CAPSA_FIELD_REQUIRED = 1 << 0,
    CAPSA_FIELD_NULLABLE = 1 << 1,  /* null is as good as absent */
    CAPSA_FIELD_NOT_EMPTY = 1 << 2, /* a string of length 0 is refused */
};

struct capsa_json_field {
    const char *name; /* NULL ends the table */
    enum capsa_json_type type;
    size_t offset;
    unsigned flags;
    int64_t min, max;                   /* INT; both 0: any */
    const struct capsa_json_field *sub; /* OBJECT */
};

enum capsa_json_unknown {
    CAPSA_JSON_UNKNOWN_REFUSED, /* names the member and the nearest name that exists */
    CAPSA_JSON_UNKNOWN_SKIPPED,
};

/* Absent members leave their place in `ret_struct` untouched: fill in defaults before. Errors name
 * the path of the member, as in "tls_config.enable_tls: true or false wanted, got a string". */
CAPSA_RESULT capsa_json_decode(const struct capsa_json *object,
                               const struct capsa_json_field *table,
                               enum capsa_json_unknown unknown, void *ret_struct);

/* The name in `names` (NULL-ended) nearest to `name` by edit distance, or NULL when none is near.
 */
const char *capsa_nearest_name(const char *name, const char *const *names);
