/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages from JSON and to JSON (protobuf.h), by their descriptors. What JSON says is checked as
 * the wire form is in protobuf.c; a string is UTF-8 and free of NUL because json.c says so.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/limits.h"
#include "codec/codec_alloc.h"
#include "codec/json_emit.h"
#include "codec/json_path.h"
#include "codec/protobuf_internal.h"
#include "codec/text.h"

struct decoder {
    enum capsa_unknown unknown;
    unsigned depth;
};

static capsa_result decode_message(struct decoder *decoder, const ProtobufCMessageDescriptor *shape,
                                   const struct capsa_json *value,
                                   const struct capsa_json_path *path,
                                   ProtobufCMessage **ret_message);

bool capsa_field_is_map(const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE) {
        return false;
    }
    const ProtobufCMessageDescriptor *shape = capsa_field_shape(field);
    size_t len = strlen(shape->short_name);
    return len > 5 && capsa_streq(shape->short_name + len - 5, "Entry") && shape->n_fields == 2 &&
           capsa_streq(shape->fields[0].name, "key") &&
           shape->fields[0].type == PROTOBUF_C_TYPE_STRING &&
           capsa_streq(shape->fields[1].name, "value") &&
           shape->fields[1].type == PROTOBUF_C_TYPE_STRING;
}

/* ---- From JSON: values ---------------------------------------------------------------------- */

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

static capsa_result copy_string(const char *text, char **ret_text)
{
    size_t size = strlen(text) + 1;
    char *copy = capsa_wiping_alloc(size);
    CAPSA_REQUIRE_MEMORY(copy);
    memcpy(copy, text, size);
    *ret_text = copy;
    return CAPSA_OK;
}

static capsa_result decode_bytes(const char *text, const struct capsa_json_path *path,
                                 ProtobufCBinaryData *ret_data)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    capsa_result parsed = capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_STD, &bytes);
    if (capsa_code_of(parsed) == CAPSA_E_MALFORMED) {
        CAPSA_FAIL_AT(path, MALFORMED, "base64 with padding wanted");
    }
    CAPSA_TRY(parsed);
    if (bytes.len == 0) {
        return CAPSA_OK;
    }
    ret_data->data = capsa_wiping_alloc(bytes.len);
    CAPSA_REQUIRE_MEMORY(ret_data->data);
    memcpy(ret_data->data, bytes.data, bytes.len);
    ret_data->len = bytes.len;
    return CAPSA_OK;
}

/* Digits and at most a minus, nothing else: strtoll alone would step over white space. */
static bool parse_digits(const char *text, int64_t *ret_number)
{
    const char *digits = text + (text[0] == '-');
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || digits[len] != '\0') {
        return false;
    }
    errno = 0;
    *ret_number = strtoll(text, NULL, 10);
    return errno == 0;
}

static capsa_result decode_number(const struct capsa_json *value, int64_t min, int64_t max,
                                  const struct capsa_json_path *path, int64_t *ret_number)
{
    int64_t number = capsa_json_int(value);
    bool understood = capsa_json_kind_of(value) == CAPSA_JSON_INT;
    if (capsa_json_kind_of(value) == CAPSA_JSON_STRING) {
        understood = parse_digits(capsa_json_string(value), &number);
    }
    if (!understood) {
        CAPSA_FAIL_AT(path, MALFORMED, "an integer of %d bits wanted, got %s",
                      max == INT32_MAX ? 32 : 64, capsa_json_kind_name(capsa_json_kind_of(value)));
    }
    if (number < min || number > max) {
        CAPSA_FAIL_AT(path, MALFORMED, "%" PRId64 " does not fit 32 bits", number);
    }
    *ret_number = number;
    return CAPSA_OK;
}

/* One value, not repeated, to `place`. */
static capsa_result decode_value(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                                 const struct capsa_json *value, const struct capsa_json_path *path,
                                 void *place)
{
    int64_t number;
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
        CAPSA_TRY(check_kind(value, CAPSA_JSON_STRING, path));
        return copy_string(capsa_json_string(value), place);
    case PROTOBUF_C_TYPE_BYTES:
        CAPSA_TRY(check_kind(value, CAPSA_JSON_STRING, path));
        return decode_bytes(capsa_json_string(value), path, place);
    case PROTOBUF_C_TYPE_BOOL:
        CAPSA_TRY(check_kind(value, CAPSA_JSON_BOOL, path));
        *(protobuf_c_boolean *)place = capsa_json_bool(value);
        return CAPSA_OK;
    case PROTOBUF_C_TYPE_INT32:
        CAPSA_TRY(decode_number(value, INT32_MIN, INT32_MAX, path, &number));
        *(int32_t *)place = (int32_t)number;
        return CAPSA_OK;
    case PROTOBUF_C_TYPE_INT64:
        CAPSA_TRY(decode_number(value, INT64_MIN, INT64_MAX, path, &number));
        *(int64_t *)place = number;
        return CAPSA_OK;
    case PROTOBUF_C_TYPE_MESSAGE:
        return decode_message(decoder, capsa_field_shape(field), value, path, place);
    default:
        CAPSA_FAIL_AT(path, UNSUPPORTED, "this type of field has no JSON form here");
    }
}

/* ---- From JSON: containers ------------------------------------------------------------------ */

static size_t element_size(const ProtobufCFieldDescriptor *field)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT32:
        return sizeof(int32_t);
    case PROTOBUF_C_TYPE_INT64:
        return sizeof(int64_t);
    default:
        return sizeof(void *);
    }
}

/* An array for `count` elements, zeroed, in place; elements are counted as they are filled in, so
 * that a half-filled message can be freed. */
static capsa_result make_array(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                               size_t count, char **ret_elements)
{
    *ret_elements = NULL;
    if (count > 0) {
        CAPSA_REQUIRE(count <= CAPSA_LIMIT_json_values, TOO_LARGE, "more than %d values",
                      CAPSA_LIMIT_json_values);
        *ret_elements = capsa_wiping_alloc(count * element_size(field));
        CAPSA_REQUIRE_MEMORY(*ret_elements);
    }
    *(void **)capsa_field_place(message, field) = *ret_elements;
    return CAPSA_OK;
}

static capsa_result decode_array(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                                 const struct capsa_json *array, const struct capsa_json_path *path,
                                 ProtobufCMessage *message)
{
    CAPSA_TRY(check_kind(array, CAPSA_JSON_ARRAY, path));
    size_t count = capsa_json_count(array);
    char *elements;
    CAPSA_TRY(make_array(message, field, count, &elements));
    for (size_t i = 0; i < count; i++) {
        const struct capsa_json_path step = {.up = path, .index = i};
        CAPSA_TRY(decode_value(decoder, field, capsa_json_at(array, i), &step,
                               elements + i * element_size(field)));
        *capsa_field_count(message, field) = i + 1;
    }
    return CAPSA_OK;
}

static capsa_result new_message(const ProtobufCMessageDescriptor *shape,
                                ProtobufCMessage **ret_message)
{
    ProtobufCMessage *message = capsa_wiping_alloc(shape->sizeof_message);
    CAPSA_REQUIRE_MEMORY(message);
    protobuf_c_message_init(shape, message);
    *ret_message = message;
    return CAPSA_OK;
}

static capsa_result decode_entry(const ProtobufCMessageDescriptor *shape, const char *name,
                                 const struct capsa_json *value, const struct capsa_json_path *path,
                                 ProtobufCMessage **ret_entry)
{
    CAPSA_TRY(check_kind(value, CAPSA_JSON_STRING, path));
    CAPSA_AUTO_MESSAGE entry = NULL;
    CAPSA_TRY(new_message(shape, &entry));
    CAPSA_TRY(copy_string(name, capsa_field_place(entry, &shape->fields[0])));
    CAPSA_TRY(copy_string(capsa_json_string(value), capsa_field_place(entry, &shape->fields[1])));
    *ret_entry = entry;
    entry = NULL;
    return CAPSA_OK;
}

static capsa_result decode_map(const ProtobufCFieldDescriptor *field,
                               const struct capsa_json *object, const struct capsa_json_path *path,
                               ProtobufCMessage *message)
{
    CAPSA_TRY(check_kind(object, CAPSA_JSON_OBJECT, path));
    char *elements;
    CAPSA_TRY(make_array(message, field, capsa_json_count(object), &elements));
    ProtobufCMessage **entries = (ProtobufCMessage **)(void *)elements;
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    for (size_t i = 0; capsa_json_next(object, &walk, &name, &value); i++) {
        const struct capsa_json_path step = {.up = path, .name = name};
        CAPSA_TRY(decode_entry(capsa_field_shape(field), name, value, &step, &entries[i]));
        *capsa_field_count(message, field) = i + 1;
    }
    return CAPSA_OK;
}

/* ---- From JSON: messages -------------------------------------------------------------------- */

static capsa_result check_members(const ProtobufCMessageDescriptor *shape,
                                  const struct capsa_json *object,
                                  const struct capsa_json_path *path)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        if (protobuf_c_message_descriptor_get_field_by_name(shape, name) == NULL) {
            CAPSA_FAIL_AT(path, UNKNOWN_FIELD, "unknown member \"%.64s\"", name);
        }
    }
    return CAPSA_OK;
}

static capsa_result decode_field(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                                 const struct capsa_json *value, const struct capsa_json_path *path,
                                 ProtobufCMessage *message)
{
    if (capsa_field_is_map(field)) {
        return decode_map(field, value, path, message);
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return decode_array(decoder, field, value, path, message);
    }
    bool null_message =
        field->type == PROTOBUF_C_TYPE_MESSAGE && capsa_json_kind_of(value) == CAPSA_JSON_NULL;
    if (null_message) {
        return CAPSA_OK;
    }
    return decode_value(decoder, field, value, path, capsa_field_place(message, field));
}

static capsa_result decode_fields(struct decoder *decoder, const ProtobufCMessageDescriptor *shape,
                                  const struct capsa_json *object,
                                  const struct capsa_json_path *path, ProtobufCMessage *message)
{
    for (unsigned i = 0; i < shape->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &shape->fields[i];
        const struct capsa_json_path step = {.up = path, .name = field->name};
        const struct capsa_json *value = capsa_json_get(object, field->name);
        if (value != NULL) {
            CAPSA_TRY(decode_field(decoder, field, value, &step, message));
        }
    }
    return CAPSA_OK;
}

static capsa_result decode_message(struct decoder *decoder, const ProtobufCMessageDescriptor *shape,
                                   const struct capsa_json *value,
                                   const struct capsa_json_path *path,
                                   ProtobufCMessage **ret_message)
{
    CAPSA_TRY(check_kind(value, CAPSA_JSON_OBJECT, path));
    CAPSA_REQUIRE(decoder->depth < CAPSA_LIMIT_protobuf_depth, TOO_LARGE,
                  "nested deeper than %d levels", CAPSA_LIMIT_protobuf_depth);
    if (decoder->unknown == CAPSA_UNKNOWN_REFUSED) {
        CAPSA_TRY(check_members(shape, value, path));
    }
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(new_message(shape, &message));
    decoder->depth++;
    CAPSA_TRY(decode_fields(decoder, shape, value, path, message));
    decoder->depth--;
    *ret_message = message;
    message = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_protojson_decode(const ProtobufCMessageDescriptor *shape,
                                    const struct capsa_json *value, enum capsa_unknown unknown,
                                    ProtobufCMessage **ret_message)
{
    struct decoder decoder = {.unknown = unknown};
    return decode_message(&decoder, shape, value, NULL, ret_message);
}

CAPSA_RESULT capsa_protojson_parse(const ProtobufCMessageDescriptor *shape, capsa_bytes text,
                                   enum capsa_unknown unknown, ProtobufCMessage **ret_message)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(capsa_json_parse(text, &value));
    return capsa_protojson_decode(shape, value, unknown, ret_message);
}
