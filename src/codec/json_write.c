/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values as text. jansson's own printer is not used: it has neither Python's style nor the
 * shortest form of a real.
 */
#include "base/limits.h"
#include "codec/json.h"
#include "codec/json_emit.h"

static capsa_result write_value(struct capsa_json_emit *emit, const struct capsa_json *value);

static capsa_result write_array(struct capsa_json_emit *emit, const struct capsa_json *array)
{
    CAPSA_TRY(capsa_json_emit_open(emit, '['));
    for (size_t i = 0; i < capsa_json_count(array); i++) {
        CAPSA_TRY(capsa_json_emit_next(emit));
        CAPSA_TRY(write_value(emit, capsa_json_at(array, i)));
    }
    return capsa_json_emit_close(emit, ']');
}

static capsa_result write_object(struct capsa_json_emit *emit, const struct capsa_json *object)
{
    CAPSA_TRY(capsa_json_emit_open(emit, '{'));
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        CAPSA_TRY(capsa_json_emit_name(emit, name));
        CAPSA_TRY(write_value(emit, value));
    }
    return capsa_json_emit_close(emit, '}');
}

static capsa_result write_value(struct capsa_json_emit *emit, const struct capsa_json *value)
{
    switch (capsa_json_kind_of(value)) {
    case CAPSA_JSON_NULL:
        return capsa_json_emit_null(emit);
    case CAPSA_JSON_BOOL:
        return capsa_json_emit_bool(emit, capsa_json_bool(value));
    case CAPSA_JSON_INT:
        return capsa_json_emit_int(emit, capsa_json_int(value));
    case CAPSA_JSON_REAL:
        return capsa_json_emit_real(emit, capsa_json_real(value));
    case CAPSA_JSON_STRING:
        return capsa_json_emit_string(emit, capsa_json_string(value));
    case CAPSA_JSON_ARRAY:
    case CAPSA_JSON_OBJECT:
        break;
    }
    /* What is written can be read again; and the stack is ours. */
    CAPSA_REQUIRE(emit->depth < CAPSA_LIMIT_json_depth, TOO_LARGE,
                  "JSON nested deeper than %d levels", CAPSA_LIMIT_json_depth);
    return capsa_json_kind_of(value) == CAPSA_JSON_ARRAY ? write_array(emit, value)
                                                         : write_object(emit, value);
}

CAPSA_RESULT capsa_json_write(const struct capsa_json *value, enum capsa_json_style style,
                              capsa_buf *buf)
{
    struct capsa_json_emit emit = {
        .buf = buf,
        .indent = style == CAPSA_JSON_PRETTY,
        .spaced = style == CAPSA_JSON_PYTHON,
        .ascii = style == CAPSA_JSON_PYTHON,
    };
    size_t before = buf->len;
    capsa_result result = write_value(&emit, value);
    if (capsa_failed(result)) {
        capsa_buf_cut(buf, before);
    }
    return result;
}
