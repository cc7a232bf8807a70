/* SPDX-License-Identifier: Apache-2.0
 *
 * An object into a struct, by a table of its members; and the nearest name, for errors.
 */
#include "base/alloc.h"
#include "codec/json.h"
#include "codec/json_path.h"

enum {
    NAME_MAX_NEAR = 64, /* longer names are near to none */
};

static capsa_result check_object(const struct capsa_json *object,
                                 const struct capsa_json_field *table,
                                 enum capsa_json_unknown unknown,
                                 const struct capsa_json_path *path);

/* ---- Names ---------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, removals and replacements (Levenshtein), row by row. Both fit NAME_MAX_NEAR. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_NEAR + 1];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t above = row[j + 1];
            row[j + 1] = least(diagonal + (a[i] != b[j]), above + 1, row[j] + 1);
            diagonal = above;
        }
    }
    return row[width];
}

const char *capsa_nearest_name(const char *name, const char *const *names)
{
    size_t len = strnlen(name, NAME_MAX_NEAR + 1);
    const char *nearest = NULL;
    size_t distance = len / 3 + 1; /* what is further than a third of it is another word */
    for (; len <= NAME_MAX_NEAR && *names != NULL; names++) {
        if (strlen(*names) > NAME_MAX_NEAR) {
            continue;
        }
        size_t candidate = edit_distance(name, *names);
        if (candidate < distance || (candidate == distance && nearest == NULL)) {
            nearest = *names;
            distance = candidate;
        }
    }
    return nearest;
}

static const struct capsa_json_field *field_named(const struct capsa_json_field *table,
                                                  const char *name)
{
    for (; table->name != NULL; table++) {
        if (capsa_streq(table->name, name)) {
            return table;
        }
    }
    return NULL;
}

static capsa_result unknown_member(const char *name, const struct capsa_json_field *table,
                                   const struct capsa_json_path *path)
{
    size_t count = 0;
    while (table[count].name != NULL) {
        count++;
    }
    const char **names = capsa_alloc_array(count + 1, sizeof(*names));
    CAPSA_REQUIRE_MEMORY(names);
    for (size_t i = 0; i < count; i++) {
        names[i] = table[i].name;
    }
    const char *nearest = capsa_nearest_name(name, names);
    capsa_dealloc(names);
    if (nearest == NULL) {
        CAPSA_FAIL_AT(path, UNKNOWN_FIELD, "unknown member \"%.64s\"", name);
    }
    CAPSA_FAIL_AT(path, UNKNOWN_FIELD, "unknown member \"%.64s\"; \"%s\" is the nearest known",
                  name, nearest);
}

static capsa_result check_members(const struct capsa_json *object,
                                  const struct capsa_json_field *table,
                                  const struct capsa_json_path *path)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        if (field_named(table, name) == NULL) {
            return unknown_member(name, table, path);
        }
    }
    return CAPSA_OK;
}

/* ---- Checking ------------------------------------------------------------------------------- */

static capsa_result check_kind(const struct capsa_json *value, enum capsa_json_kind wanted,
                               const struct capsa_json_path *path)
{
    enum capsa_json_kind kind = capsa_json_kind_of(value);
    if (kind != wanted) {
        CAPSA_FAIL_AT(path, MALFORMED, "%s wanted, got %s", capsa_json_kind_name(wanted),
                      capsa_json_kind_name(kind));
    }
    return CAPSA_OK;
}

static capsa_result check_int(const struct capsa_json *value, const struct capsa_json_field *field,
                              const struct capsa_json_path *path)
{
    CAPSA_TRY(check_kind(value, CAPSA_JSON_INT, path));
    int64_t number = capsa_json_int(value);
    bool bounded = field->min != 0 || field->max != 0;
    if (bounded && (number < field->min || number > field->max)) {
        CAPSA_FAIL_AT(path, MALFORMED, "%lld to %lld wanted, got %lld", (long long)field->min,
                      (long long)field->max, (long long)number);
    }
    return CAPSA_OK;
}

static capsa_result check_string(const struct capsa_json *value,
                                 const struct capsa_json_field *field,
                                 const struct capsa_json_path *path)
{
    CAPSA_TRY(check_kind(value, CAPSA_JSON_STRING, path));
    if (field->flags & CAPSA_FIELD_NOT_EMPTY && capsa_json_string(value)[0] == '\0') {
        CAPSA_FAIL_AT(path, MALFORMED, "must not be empty");
    }
    return CAPSA_OK;
}

static capsa_result check_strings(const struct capsa_json *value,
                                  const struct capsa_json_path *path)
{
    CAPSA_TRY(check_kind(value, CAPSA_JSON_ARRAY, path));
    for (size_t i = 0; i < capsa_json_count(value); i++) {
        const struct capsa_json_path step = {.up = path, .index = i};
        CAPSA_TRY(check_kind(capsa_json_at(value, i), CAPSA_JSON_STRING, &step));
    }
    return CAPSA_OK;
}

static capsa_result check_field(const struct capsa_json *value,
                                const struct capsa_json_field *field,
                                enum capsa_json_unknown unknown, const struct capsa_json_path *path)
{
    switch (field->type) {
    case CAPSA_FIELD_STRING:
        return check_string(value, field, path);
    case CAPSA_FIELD_BOOL:
        return check_kind(value, CAPSA_JSON_BOOL, path);
    case CAPSA_FIELD_INT:
        return check_int(value, field, path);
    case CAPSA_FIELD_STRINGS:
        return check_strings(value, path);
    case CAPSA_FIELD_VALUE:
        return CAPSA_OK;
    case CAPSA_FIELD_OBJECT:
        return check_object(value, field->sub, unknown, path);
    }
    CAPSA_FAIL(INTERNAL, "a table of JSON members holds an unknown type");
}

/* The member's value, or NULL when it counts as absent. */
static const struct capsa_json *present(const struct capsa_json *object,
                                        const struct capsa_json_field *field)
{
    const struct capsa_json *value = capsa_json_get(object, field->name);
    bool null = capsa_json_kind_of(value) == CAPSA_JSON_NULL;
    return null && field->flags & CAPSA_FIELD_NULLABLE ? NULL : value;
}

static capsa_result check_object(const struct capsa_json *object,
                                 const struct capsa_json_field *table,
                                 enum capsa_json_unknown unknown,
                                 const struct capsa_json_path *path)
{
    CAPSA_TRY(check_kind(object, CAPSA_JSON_OBJECT, path));
    if (unknown == CAPSA_JSON_UNKNOWN_REFUSED) {
        CAPSA_TRY(check_members(object, table, path));
    }
    for (const struct capsa_json_field *field = table; field->name != NULL; field++) {
        const struct capsa_json_path step = {.up = path, .name = field->name};
        const struct capsa_json *value = present(object, field);
        if (value == NULL && field->flags & CAPSA_FIELD_REQUIRED) {
            CAPSA_FAIL_AT(&step, MALFORMED, "is missing");
        }
        if (value != NULL) {
            CAPSA_TRY(check_field(value, field, unknown, &step));
        }
    }
    return CAPSA_OK;
}

/* ---- Storing what was checked --------------------------------------------------------------- */

static void store_object(const struct capsa_json *object, const struct capsa_json_field *table,
                         void *ret_struct);

static void store_field(const struct capsa_json *value, const struct capsa_json_field *field,
                        void *place)
{
    switch (field->type) {
    case CAPSA_FIELD_STRING:
        *(const char **)place = capsa_json_string(value);
        return;
    case CAPSA_FIELD_BOOL:
        *(bool *)place = capsa_json_bool(value);
        return;
    case CAPSA_FIELD_INT:
        *(int64_t *)place = capsa_json_int(value);
        return;
    case CAPSA_FIELD_STRINGS:
    case CAPSA_FIELD_VALUE:
        *(const struct capsa_json **)place = value;
        return;
    case CAPSA_FIELD_OBJECT:
        store_object(value, field->sub, place);
        return;
    }
}

static void store_object(const struct capsa_json *object, const struct capsa_json_field *table,
                         void *ret_struct)
{
    for (const struct capsa_json_field *field = table; field->name != NULL; field++) {
        const struct capsa_json *value = present(object, field);
        if (value != NULL) {
            store_field(value, field, (char *)ret_struct + field->offset);
        }
    }
}

CAPSA_RESULT capsa_json_decode(const struct capsa_json *object,
                               const struct capsa_json_field *table,
                               enum capsa_json_unknown unknown, void *ret_struct)
{
    CAPSA_TRY(check_object(object, table, unknown, NULL));
    store_object(object, table, ret_struct);
    return CAPSA_OK;
}
