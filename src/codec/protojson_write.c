/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as JSON (protobuf.h).
 */
#include <inttypes.h>

#include "base/limits.h"
#include "codec/json_emit.h"
#include "codec/protobuf_internal.h"
#include "codec/text.h"

struct writer {
    struct capsa_json_emit emit;
    bool defaults; /* print fields that hold their default too */
};

static capsa_result write_message(struct writer *writer, const ProtobufCMessage *message);

/* ---- Values --------------------------------------------------------------------------------- */

static const char *text_at(const void *place)
{
    const char *text = *(const char *const *)place;
    return text == NULL ? "" : text;
}

static capsa_result write_bytes(struct writer *writer, const ProtobufCBinaryData *data)
{
    capsa_buf *buf = writer->emit.buf;
    CAPSA_TRY(capsa_buf_u8(buf, '"'));
    CAPSA_TRY(capsa_base64_write(capsa_bytes_of(data->data, data->len), CAPSA_BASE64_STD, buf));
    return capsa_buf_u8(buf, '"');
}

/* 64 bits are a string: JSON readers that have only doubles would change them. */
static capsa_result write_int64(struct writer *writer, int64_t number)
{
    return capsa_buf_format(writer->emit.buf, "\"%" PRId64 "\"", number);
}

static capsa_result write_value(struct writer *writer, const ProtobufCFieldDescriptor *field,
                                const void *place)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
        CAPSA_TRY_AT(capsa_utf8_check(capsa_bytes_str(text_at(place))), "%s", field->name);
        return capsa_json_emit_string(&writer->emit, text_at(place));
    case PROTOBUF_C_TYPE_BYTES:
        return write_bytes(writer, place);
    case PROTOBUF_C_TYPE_BOOL:
        return capsa_json_emit_bool(&writer->emit, *(const protobuf_c_boolean *)place);
    case PROTOBUF_C_TYPE_INT32:
        return capsa_json_emit_int(&writer->emit, *(const int32_t *)place);
    case PROTOBUF_C_TYPE_INT64:
        return write_int64(writer, *(const int64_t *)place);
    case PROTOBUF_C_TYPE_MESSAGE:
        return write_message(writer, *(const ProtobufCMessage *const *)place);
    default:
        CAPSA_FAIL(UNSUPPORTED, "%s: this type of field has no JSON form here", field->name);
    }
}

static bool is_default(const ProtobufCFieldDescriptor *field, const void *place)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return text_at(place)[0] == '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)place)->len == 0;
    case PROTOBUF_C_TYPE_BOOL:
        return !*(const protobuf_c_boolean *)place;
    case PROTOBUF_C_TYPE_INT32:
        return *(const int32_t *)place == 0;
    case PROTOBUF_C_TYPE_INT64:
        return *(const int64_t *)place == 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(const ProtobufCMessage *const *)place == NULL;
    default:
        return false;
    }
}

/* ---- Containers ----------------------------------------------------------------------------- */

static const void *element_at(const ProtobufCFieldDescriptor *field, const void *elements,
                              size_t index)
{
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return (const ProtobufCBinaryData *)elements + index;
    case PROTOBUF_C_TYPE_BOOL:
        return (const protobuf_c_boolean *)elements + index;
    case PROTOBUF_C_TYPE_INT32:
        return (const int32_t *)elements + index;
    case PROTOBUF_C_TYPE_INT64:
        return (const int64_t *)elements + index;
    default:
        return (const void *const *)elements + index;
    }
}

static capsa_result write_array(struct writer *writer, const ProtobufCFieldDescriptor *field,
                                const void *elements, size_t count)
{
    CAPSA_TRY(capsa_json_emit_open(&writer->emit, '['));
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(capsa_json_emit_next(&writer->emit));
        CAPSA_TRY(write_value(writer, field, element_at(field, elements, i)));
    }
    return capsa_json_emit_close(&writer->emit, ']');
}

/* A key that stands in the message twice is one member, and its last value holds; so says the
 * encoding of maps. A JSON object does the counting. */
static capsa_result collect_map(ProtobufCMessage *const *entries, size_t count,
                                struct capsa_json *object)
{
    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessageDescriptor *shape = entries[i]->descriptor;
        const char *name = text_at(capsa_field_at(entries[i], &shape->fields[0]));
        const char *value = text_at(capsa_field_at(entries[i], &shape->fields[1]));
        CAPSA_TRY(capsa_utf8_check(capsa_bytes_str(value)));
        CAPSA_TRY(capsa_json_set(object, name, capsa_json_new_string(value)));
    }
    return CAPSA_OK;
}

static capsa_result write_map(struct writer *writer, ProtobufCMessage *const *entries, size_t count)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(collect_map(entries, count, object));
    CAPSA_TRY(capsa_json_emit_open(&writer->emit, '{'));
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        CAPSA_TRY(capsa_json_emit_name(&writer->emit, name));
        CAPSA_TRY(capsa_json_emit_string(&writer->emit, capsa_json_string(value)));
    }
    return capsa_json_emit_close(&writer->emit, '}');
}

static capsa_result write_repeated(struct writer *writer, const ProtobufCFieldDescriptor *field,
                                   const ProtobufCMessage *message)
{
    size_t count = capsa_field_count_of(message, field);
    if (count == 0 && !writer->defaults) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_json_emit_name(&writer->emit, field->name));
    const void *elements = *(const void *const *)capsa_field_at(message, field);
    return capsa_field_is_map(field) ? write_map(writer, elements, count)
                                     : write_array(writer, field, elements, count);
}

/* ---- Messages ------------------------------------------------------------------------------- */

/* Fields from here on are our own in messages of the original protocol: a client of that refuses a
 * member that it does not know, so they are printed only when somebody has set them. */
#define NATIVE_FIELDS 1000

static capsa_result write_field(struct writer *writer, const ProtobufCFieldDescriptor *field,
                                const ProtobufCMessage *message)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return write_repeated(writer, field, message);
    }
    const void *place = capsa_field_at(message, field);
    bool prints_default =
        writer->defaults && field->type != PROTOBUF_C_TYPE_MESSAGE && field->id < NATIVE_FIELDS;
    bool absent = is_default(field, place) && !prints_default;
    if (absent) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_json_emit_name(&writer->emit, field->name));
    return write_value(writer, field, place);
}

static capsa_result write_message(struct writer *writer, const ProtobufCMessage *message)
{
    CAPSA_REQUIRE(writer->emit.depth < CAPSA_LIMIT_json_depth, TOO_LARGE,
                  "nested deeper than %d levels", CAPSA_LIMIT_json_depth);
    CAPSA_TRY(capsa_json_emit_open(&writer->emit, '{'));
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        CAPSA_TRY(write_field(writer, &message->descriptor->fields[i], message));
    }
    return capsa_json_emit_close(&writer->emit, '}');
}

CAPSA_RESULT capsa_protojson_write(const ProtobufCMessage *message,
                                   enum capsa_protojson_style style, capsa_buf *buf)
{
    struct writer writer = {
        .emit = {.buf = buf,
                 .indent = style == CAPSA_PROTOJSON_PRETTY,
                 .ascii = style == CAPSA_PROTOJSON_PRETTY},
        .defaults = style == CAPSA_PROTOJSON_ALL,
    };
    size_t before = buf->len;
    capsa_result result = write_message(&writer, message);
    if (capsa_failed(result)) {
        capsa_buf_cut(buf, before);
    }
    return result;
}
