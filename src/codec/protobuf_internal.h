/* SPDX-License-Identifier: Apache-2.0
 *
 * What protobuf.c and protojson.c share: the memory of messages, and how to find a field in one. Of
 * this folder only.
 */
#pragma once

#include "codec/protobuf.h"

/* Every message of ours is made and freed with it. By value, because protobuf-c wants it writable.
 */
ProtobufCAllocator capsa_message_allocator(void);

static inline void *capsa_field_place(ProtobufCMessage *message,
                                      const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->offset;
}

static inline const void *capsa_field_at(const ProtobufCMessage *message,
                                         const ProtobufCFieldDescriptor *field)
{
    return (const char *)message + field->offset;
}

/* How many elements a repeated field has. */
static inline size_t *capsa_field_count(ProtobufCMessage *message,
                                        const ProtobufCFieldDescriptor *field)
{
    return (size_t *)(void *)((char *)message + field->quantifier_offset);
}

static inline size_t capsa_field_count_of(const ProtobufCMessage *message,
                                          const ProtobufCFieldDescriptor *field)
{
    return *(const size_t *)(const void *)((const char *)message + field->quantifier_offset);
}

static inline const ProtobufCMessageDescriptor *
capsa_field_shape(const ProtobufCFieldDescriptor *field)
{
    return field->descriptor;
}

/* A map is a repeated message of `key` and `value`. Descriptors do not say which messages are
 * that, so the name and the shape that protoc gives them are looked for. Only map<string, string>
 * is known. */
bool capsa_field_is_map(const ProtobufCFieldDescriptor *field);
