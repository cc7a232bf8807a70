/* SPDX-License-Identifier: Apache-2.0
 *
 * Protocol buffers (proto3) through protobuf-c, made strict. protobuf-c alone accepts bad UTF-8,
 * cuts strings at NUL, merges duplicate submessages wrongly and recurses without limit; so every
 * message is checked against its descriptor first (fields, wire types, UTF-8, duplicates of
 * singular fields, depth CAPSA_LIMIT_protobuf_depth), and unknown fields are skipped over or
 * refused as asked.
 *
 * And its JSON mapping (https://protobuf.dev/programming-guides/json/), as far as our messages go:
 * strings, bytes, bools, int32/int64, messages, repeated, map<string,string>. Names are the field
 * names of the proto file (snake_case); a json_name that differs is not known to C, so Jwe and Jws
 * are not for these functions (envelope/ reads and writes them). There is one source of every
 * message shape: proto/.
 *
 * Messages are freed with capsa_message_free, which wipes every string first.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "base/result.h"
#include "codec/json.h"

enum capsa_unknown {
    CAPSA_UNKNOWN_REFUSED,
    CAPSA_UNKNOWN_SKIPPED, /* dropped: never re-emitted */
};

CAPSA_RESULT capsa_protobuf_parse(const ProtobufCMessageDescriptor *shape, capsa_bytes wire,
                                  enum capsa_unknown unknown, ProtobufCMessage **ret_message);
/* Canonical: fields ascending, defaults omitted, unknown fields dropped. */
CAPSA_RESULT capsa_protobuf_write(const ProtobufCMessage *message, capsa_buf *buf);

/* Absent members and null messages are defaults; null for another kind, a wrong type, and unknown
 * members (where refused) are errors that name the path: "policy.rules[2].columns[0]". Integers may
 * come as JSON strings. */
CAPSA_RESULT capsa_protojson_parse(const ProtobufCMessageDescriptor *shape, capsa_bytes text,
                                   enum capsa_unknown unknown, ProtobufCMessage **ret_message);
CAPSA_RESULT capsa_protojson_decode(const ProtobufCMessageDescriptor *shape,
                                    const struct capsa_json *value, enum capsa_unknown unknown,
                                    ProtobufCMessage **ret_message);
enum capsa_protojson_style {
    CAPSA_PROTOJSON_ALL,     /* compact, every field printed, absent messages omitted */
    CAPSA_PROTOJSON_MINIMAL, /* compact, defaults omitted */
    CAPSA_PROTOJSON_PRETTY,  /* 2 spaces, defaults omitted: what Python's MessageToJson prints */
};
CAPSA_RESULT capsa_protojson_write(const ProtobufCMessage *message,
                                   enum capsa_protojson_style style, capsa_buf *buf);

void capsa_message_free(ProtobufCMessage *message); /* NULL is fine */
static inline void capsa_message_free_at(ProtobufCMessage **at)
{
    capsa_message_free(*at);
}
#define CAPSA_AUTO_MESSAGE __attribute__((cleanup(capsa_message_free_at))) ProtobufCMessage *
