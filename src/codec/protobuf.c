/* SPDX-License-Identifier: Apache-2.0
 *
 * Protocol buffers made strict (protobuf.h): a walk over the wire by the descriptor, and only then
 * protobuf-c. The walk refuses whatever two readers of the same bytes could read differently.
 * https://protobuf.dev/programming-guides/encoding/
 */
#include "codec/protobuf.h"

#include "base/limits.h"
#include "base/reader.h"
#include "codec/codec_alloc.h"
#include "codec/protobuf_internal.h"
#include "codec/text.h"

struct walk {
    enum capsa_unknown unknown;
    size_t fields;
};

enum {
    FIELDS_MAX = 64, /* of one message: a bit each */
    VARINT_MAX = 10, /* bytes */
};

static capsa_result check_message(struct walk *walk, const ProtobufCMessageDescriptor *shape,
                                  capsa_bytes wire, unsigned depth);

/* ---- Memory --------------------------------------------------------------------------------- */

static void *message_alloc(void *data, size_t size)
{
    (void)data;
    return capsa_wiping_alloc(size);
}

static void message_free(void *data, void *pointer)
{
    (void)data;
    capsa_wiping_free(pointer);
}

ProtobufCAllocator capsa_message_allocator(void)
{
    return (ProtobufCAllocator){message_alloc, message_free, NULL};
}

void capsa_message_free(ProtobufCMessage *message)
{
    ProtobufCAllocator allocator = capsa_message_allocator();
    protobuf_c_message_free_unpacked(message, &allocator);
}

/* ---- Values --------------------------------------------------------------------------------- */

static capsa_result read_varint(struct capsa_reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_MAX; i++) {
        uint8_t byte;
        CAPSA_TRY(capsa_read_u8(reader, &byte));
        CAPSA_REQUIRE(i < VARINT_MAX - 1 || byte <= 1, MALFORMED,
                      "at offset %zu: a number of more than 64 bits", reader->at - 1);
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            break;
        }
    }
    *ret_value = value;
    return CAPSA_OK;
}

static capsa_result read_length_delimited(struct capsa_reader *reader, capsa_bytes *ret_bytes)
{
    uint64_t len;
    CAPSA_TRY(read_varint(reader, &len));
    CAPSA_REQUIRE(len <= capsa_reader_left(reader), TRUNCATED,
                  "at offset %zu: %llu bytes wanted, %zu left", reader->at, (unsigned long long)len,
                  capsa_reader_left(reader));
    return capsa_read_bytes(reader, (size_t)len, ret_bytes);
}

/* How a type stands on the wire, and whether its varint has to fit 32 bits. */
enum width {
    ANY_WIDTH,
    SIGNED_32,
    UNSIGNED_32,
};

static const struct type_rule {
    ProtobufCWireType wire;
    enum width width;
} type_rules[] = {
    [PROTOBUF_C_TYPE_INT32] = {PROTOBUF_C_WIRE_TYPE_VARINT, SIGNED_32},
    [PROTOBUF_C_TYPE_SINT32] = {PROTOBUF_C_WIRE_TYPE_VARINT, UNSIGNED_32},
    [PROTOBUF_C_TYPE_SFIXED32] = {PROTOBUF_C_WIRE_TYPE_32BIT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_INT64] = {PROTOBUF_C_WIRE_TYPE_VARINT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_SINT64] = {PROTOBUF_C_WIRE_TYPE_VARINT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_SFIXED64] = {PROTOBUF_C_WIRE_TYPE_64BIT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_UINT32] = {PROTOBUF_C_WIRE_TYPE_VARINT, UNSIGNED_32},
    [PROTOBUF_C_TYPE_FIXED32] = {PROTOBUF_C_WIRE_TYPE_32BIT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_UINT64] = {PROTOBUF_C_WIRE_TYPE_VARINT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_FIXED64] = {PROTOBUF_C_WIRE_TYPE_64BIT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_FLOAT] = {PROTOBUF_C_WIRE_TYPE_32BIT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_DOUBLE] = {PROTOBUF_C_WIRE_TYPE_64BIT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_BOOL] = {PROTOBUF_C_WIRE_TYPE_VARINT, ANY_WIDTH},
    [PROTOBUF_C_TYPE_ENUM] = {PROTOBUF_C_WIRE_TYPE_VARINT, SIGNED_32},
    [PROTOBUF_C_TYPE_STRING] = {PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, ANY_WIDTH},
    [PROTOBUF_C_TYPE_BYTES] = {PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, ANY_WIDTH},
    [PROTOBUF_C_TYPE_MESSAGE] = {PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, ANY_WIDTH},
};

static capsa_result check_varint(struct capsa_reader *reader, const struct type_rule *rule)
{
    uint64_t value;
    CAPSA_TRY(read_varint(reader, &value));
    CAPSA_REQUIRE(rule->width != UNSIGNED_32 || value <= UINT32_MAX, MALFORMED,
                  "a number that 32 bits do not hold");
    /* A negative int32 is sent as 64 bits, sign extended. */
    CAPSA_REQUIRE(rule->width != SIGNED_32 || value <= INT32_MAX || value >= (uint64_t)INT32_MIN,
                  MALFORMED, "a number that 32 bits do not hold");
    return CAPSA_OK;
}

static capsa_result check_scalar(struct capsa_reader *reader, const struct type_rule *rule)
{
    capsa_bytes skipped;
    switch (rule->wire) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return check_varint(reader, rule);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return capsa_read_bytes(reader, 8, &skipped);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return capsa_read_bytes(reader, 4, &skipped);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return read_length_delimited(reader, &skipped);
    default:
        CAPSA_FAIL(MALFORMED, "a group, or a wire type that does not exist");
    }
}

/* Many numbers of one field, one behind the other. */
static capsa_result check_packed(struct walk *walk, const struct type_rule *rule,
                                 struct capsa_reader *reader)
{
    capsa_bytes bytes;
    CAPSA_TRY(read_length_delimited(reader, &bytes));
    struct capsa_reader packed = capsa_reader_of(bytes);
    while (capsa_reader_left(&packed) > 0) {
        CAPSA_REQUIRE(++walk->fields <= CAPSA_LIMIT_protobuf_fields, TOO_LARGE,
                      "more than %d fields", CAPSA_LIMIT_protobuf_fields);
        CAPSA_TRY(check_scalar(&packed, rule));
    }
    return CAPSA_OK;
}

/* ---- Fields --------------------------------------------------------------------------------- */

static capsa_result check_value(struct walk *walk, const ProtobufCFieldDescriptor *field,
                                ProtobufCWireType wire_type, struct capsa_reader *reader,
                                unsigned depth)
{
    const struct type_rule *rule = &type_rules[field->type];
    if (field->label == PROTOBUF_C_LABEL_REPEATED &&
        rule->wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
        wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
        return check_packed(walk, rule, reader);
    }
    CAPSA_REQUIRE(wire_type == rule->wire, MALFORMED, "wire type %d wanted, got %d",
                  (int)rule->wire, (int)wire_type);
    if (rule->wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
        return check_scalar(reader, rule);
    }
    capsa_bytes bytes = {NULL, 0};
    CAPSA_TRY(read_length_delimited(reader, &bytes));
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return capsa_utf8_check(bytes);
    case PROTOBUF_C_TYPE_MESSAGE:
        return check_message(walk, capsa_field_shape(field), bytes, depth + 1);
    default:
        return CAPSA_OK;
    }
}

/* Bits of the fields that may not come again once this one came: itself, and its oneof. */
static uint64_t exclusive_bits(const ProtobufCMessageDescriptor *shape,
                               const ProtobufCFieldDescriptor *field)
{
    uint64_t bits = 1ULL << (field - shape->fields);
    for (unsigned i = 0; field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF && i < shape->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &shape->fields[i];
        bool same = other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
                    other->quantifier_offset == field->quantifier_offset;
        bits |= same ? 1ULL << i : 0;
    }
    return bits;
}

static capsa_result check_once(const ProtobufCMessageDescriptor *shape,
                               const ProtobufCFieldDescriptor *field, uint64_t *seen)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE((*seen >> (field - shape->fields) & 1) == 0, MALFORMED, "comes twice");
    *seen |= exclusive_bits(shape, field);
    return CAPSA_OK;
}

static capsa_result check_unknown(const struct walk *walk, uint32_t number,
                                  ProtobufCWireType wire_type, struct capsa_reader *reader)
{
    CAPSA_REQUIRE(walk->unknown == CAPSA_UNKNOWN_SKIPPED, UNKNOWN_FIELD, "unknown field %u",
                  number);
    const struct type_rule rule = {wire_type, ANY_WIDTH};
    return check_scalar(reader, &rule);
}

static capsa_result check_field(struct walk *walk, const ProtobufCMessageDescriptor *shape,
                                struct capsa_reader *reader, uint64_t *seen, unsigned depth)
{
    CAPSA_REQUIRE(++walk->fields <= CAPSA_LIMIT_protobuf_fields, TOO_LARGE, "more than %d fields",
                  CAPSA_LIMIT_protobuf_fields);
    uint64_t tag;
    CAPSA_TRY(read_varint(reader, &tag));
    CAPSA_REQUIRE(tag <= UINT32_MAX && tag >> 3 != 0, MALFORMED,
                  "a field number that does not exist");
    uint32_t number = (uint32_t)tag >> 3;
    ProtobufCWireType wire_type = (ProtobufCWireType)(tag & 7);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(shape, number);
    if (field == NULL) {
        return check_unknown(walk, number, wire_type, reader);
    }
    CAPSA_TRY_AT(check_once(shape, field, seen), "%s", field->name);
    CAPSA_TRY_AT(check_value(walk, field, wire_type, reader, depth), "%s", field->name);
    return CAPSA_OK;
}

static capsa_result check_message(struct walk *walk, const ProtobufCMessageDescriptor *shape,
                                  capsa_bytes wire, unsigned depth)
{
    CAPSA_REQUIRE(depth <= CAPSA_LIMIT_protobuf_depth, TOO_LARGE, "nested deeper than %d levels",
                  CAPSA_LIMIT_protobuf_depth);
    CAPSA_REQUIRE(shape->n_fields <= FIELDS_MAX, INTERNAL, "%s has more than %d fields",
                  shape->name, FIELDS_MAX);
    struct capsa_reader reader = capsa_reader_of(wire);
    uint64_t seen = 0;
    while (capsa_reader_left(&reader) > 0) {
        CAPSA_TRY(check_field(walk, shape, &reader, &seen, depth));
    }
    return CAPSA_OK;
}

/* ---- Whole messages ------------------------------------------------------------------------- */

/* protobuf-c keeps unknown fields and would send them again. */
static void drop_unknown(ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        capsa_wiping_free(message->unknown_fields[i].data);
    }
    capsa_wiping_free(message->unknown_fields);
    message->unknown_fields = NULL;
    message->n_unknown_fields = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        ProtobufCMessage **place = capsa_field_place(message, field);
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        size_t count = repeated ? *capsa_field_count(message, field) : *place != NULL;
        ProtobufCMessage **messages = repeated ? *(ProtobufCMessage ***)(void *)place : place;
        for (size_t j = 0; j < count; j++) {
            drop_unknown(messages[j]);
        }
    }
}

CAPSA_RESULT capsa_protobuf_parse(const ProtobufCMessageDescriptor *shape, capsa_bytes wire,
                                  enum capsa_unknown unknown, ProtobufCMessage **ret_message)
{
    struct walk walk = {.unknown = unknown};
    CAPSA_TRY_AT(check_message(&walk, shape, wire, 1), "%s", shape->short_name);
    ProtobufCAllocator allocator = capsa_message_allocator();
    ProtobufCMessage *message = protobuf_c_message_unpack(shape, &allocator, wire.len, wire.data);
    CAPSA_REQUIRE_MEMORY(message); /* nothing else can be wrong with it now */
    if (unknown == CAPSA_UNKNOWN_SKIPPED) {
        drop_unknown(message);
    }
    *ret_message = message;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_protobuf_write(const ProtobufCMessage *message, capsa_buf *buf)
{
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(buf, protobuf_c_message_get_packed_size(message), &room));
    (void)protobuf_c_message_pack(message, room);
    return CAPSA_OK;
}
