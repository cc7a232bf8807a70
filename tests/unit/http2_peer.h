/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of an HTTP/2 connection for tests over memory: frames made by hand, so that they
 * can be wrong, and frames read back into what each stream was told. A test that uses it depends on
 * nghttp2 for HPACK.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "unit.h"

#define PEER_STREAMS 256
#define PEER_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct peer_stream {
    int32_t id;
    capsa_buf fields; /* "name: value\n" of headers and trailers */
    capsa_buf data;
    bool ended;
    bool reset;
    uint32_t reset_code;
};

struct peer {
    nghttp2_hd_inflater *inflater;
    struct peer_stream streams[PEER_STREAMS];
    size_t count;
    size_t pings_answered;
    size_t pings; /* sent by the server */
    bool going_away;
    int32_t last_served;
    uint32_t goaway_code;
    capsa_buf unread; /* part of a frame */
};

/* ---- making frames ---- */

static inline void peer_frame(capsa_buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                              capsa_bytes payload)
{
    assert_ok(capsa_buf_u8(out, (uint8_t)(payload.len >> 16)));
    assert_ok(capsa_buf_be16(out, (uint16_t)payload.len));
    assert_ok(capsa_buf_u8(out, type));
    assert_ok(capsa_buf_u8(out, flags));
    assert_ok(capsa_buf_be32(out, stream));
    assert_ok(capsa_buf_append(out, payload));
}

/* HPACK: a literal that is not indexed, without Huffman coding. Values up to 16 KiB. */
static inline void peer_hpack_text(capsa_buf *out, const char *text)
{
    size_t len = strlen(text);
    if (len < 127) {
        assert_ok(capsa_buf_u8(out, (uint8_t)len));
    } else {
        assert_ok(capsa_buf_u8(out, 127));
        for (len -= 127; len >= 128; len >>= 7) {
            assert_ok(capsa_buf_u8(out, (uint8_t)(len | 0x80)));
        }
        assert_ok(capsa_buf_u8(out, (uint8_t)len));
    }
    assert_ok(capsa_buf_str(out, text));
}

static inline void peer_field(capsa_buf *out, const char *name, const char *value)
{
    assert_ok(capsa_buf_u8(out, 0));
    peer_hpack_text(out, name);
    peer_hpack_text(out, value);
}

static inline void peer_greet(capsa_buf *out)
{
    assert_ok(capsa_buf_str(out, PEER_PREFACE));
    peer_frame(out, NGHTTP2_SETTINGS, 0, 0, (capsa_bytes){NULL, 0});
}

struct peer_request {
    const char *method; /* NULL: POST */
    const char *path;
    const char *type; /* NULL: application/grpc; "": none */
    const char *extra_name;
    const char *extra_value;
};

static inline void peer_headers(capsa_buf *out, uint32_t stream, bool end,
                                const struct peer_request *request)
{
    CAPSA_AUTO(capsa_buf) block = capsa_buf_of(KIB(64));
    const char *type = request->type == NULL ? "application/grpc" : request->type;
    peer_field(&block, ":method", request->method == NULL ? "POST" : request->method);
    peer_field(&block, ":scheme", "http");
    peer_field(&block, ":path", request->path);
    peer_field(&block, ":authority", "test");
    peer_field(&block, "te", "trailers");
    if (type[0] != '\0') {
        peer_field(&block, "content-type", type);
    }
    if (request->extra_name != NULL) {
        peer_field(&block, request->extra_name, request->extra_value);
    }
    peer_frame(out, NGHTTP2_HEADERS,
               (uint8_t)(NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0)), stream,
               capsa_buf_bytes(&block));
}

static inline void peer_data(capsa_buf *out, uint32_t stream, bool end, capsa_bytes bytes)
{
    peer_frame(out, NGHTTP2_DATA, end ? NGHTTP2_FLAG_END_STREAM : 0, stream, bytes);
}

static inline void peer_message(capsa_buf *out, uint32_t stream, bool end, uint8_t flag,
                                capsa_bytes message)
{
    CAPSA_AUTO(capsa_buf) framed = capsa_buf_of(KIB(64));
    assert_ok(capsa_buf_u8(&framed, flag));
    assert_ok(capsa_buf_be32(&framed, (uint32_t)message.len));
    assert_ok(capsa_buf_append(&framed, message));
    peer_data(out, stream, end, capsa_buf_bytes(&framed));
}

/* Headers and one message: a whole call. */
static inline void peer_call(capsa_buf *out, uint32_t stream, const char *path, const char *message)
{
    peer_headers(out, stream, false, &(struct peer_request){.path = path});
    peer_message(out, stream, true, 0, capsa_bytes_str(message));
}

static inline void peer_reset(capsa_buf *out, uint32_t stream)
{
    const uint8_t code[] = {0, 0, 0, NGHTTP2_CANCEL};
    peer_frame(out, NGHTTP2_RST_STREAM, 0, stream, capsa_bytes_of(code, sizeof(code)));
}

/* ---- reading frames ---- */

static inline struct peer peer_make(void)
{
    struct peer peer = {.unread = capsa_buf_of(MIB(1))};
    assert_int_equal(nghttp2_hd_inflate_new(&peer.inflater), 0);
    return peer;
}

static inline void peer_drop(struct peer *peer)
{
    for (size_t i = 0; i < peer->count; i++) {
        capsa_buf_drop(&peer->streams[i].fields);
        capsa_buf_drop(&peer->streams[i].data);
    }
    capsa_buf_drop(&peer->unread);
    nghttp2_hd_inflate_del(peer->inflater);
    peer->inflater = NULL;
}

static inline struct peer_stream *peer_stream(struct peer *peer, int32_t id)
{
    for (size_t i = 0; i < peer->count; i++) {
        if (peer->streams[i].id == id) {
            return &peer->streams[i];
        }
    }
    assert_true(peer->count < PEER_STREAMS);
    peer->streams[peer->count] = (struct peer_stream){
        .id = id, .fields = capsa_buf_of(KIB(64)), .data = capsa_buf_of(MIB(8))};
    return &peer->streams[peer->count++];
}

static inline void peer_inflate(struct peer *peer, capsa_bytes block, capsa_buf *fields)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        const ssize_t used =
            nghttp2_hd_inflate_hd2(peer->inflater, &nv, &flags, block.data, block.len, 1);
        assert_true(used >= 0);
        block = capsa_bytes_from(block, (size_t)used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            assert_ok(capsa_buf_format(fields, "%.*s: %.*s\n", (int)nv.namelen, nv.name,
                                       (int)nv.valuelen, nv.value));
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
            assert_int_equal(nghttp2_hd_inflate_end_headers(peer->inflater), 0);
            return;
        }
    }
}

static inline uint32_t peer_number(capsa_bytes bytes, size_t at)
{
    assert_true(bytes.len >= at + 4);
    return (uint32_t)bytes.data[at] << 24 | (uint32_t)bytes.data[at + 1] << 16 |
           (uint32_t)bytes.data[at + 2] << 8 | bytes.data[at + 3];
}

static inline void peer_take_frame(struct peer *peer, uint8_t type, uint8_t flags, int32_t id,
                                   capsa_bytes payload)
{
    switch (type) {
    case NGHTTP2_HEADERS:
        peer_inflate(peer, payload, &peer_stream(peer, id)->fields);
        break;
    case NGHTTP2_DATA:
        assert_ok(capsa_buf_append(&peer_stream(peer, id)->data, payload));
        break;
    case NGHTTP2_RST_STREAM:
        peer_stream(peer, id)->reset = true;
        peer_stream(peer, id)->reset_code = peer_number(payload, 0);
        break;
    case NGHTTP2_PING:
        *((flags & NGHTTP2_FLAG_ACK) != 0 ? &peer->pings_answered : &peer->pings) += 1;
        break;
    case NGHTTP2_GOAWAY:
        peer->going_away = true;
        peer->last_served = (int32_t)peer_number(payload, 0);
        peer->goaway_code = peer_number(payload, 4);
        break;
    default:
        break;
    }
    if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) &&
        (flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        peer_stream(peer, id)->ended = true;
    }
}

/* What the server sent. */
static inline void peer_take(struct peer *peer, capsa_bytes bytes)
{
    assert_ok(capsa_buf_append(&peer->unread, bytes));
    capsa_bytes rest = capsa_buf_bytes(&peer->unread);
    while (rest.len >= 9) {
        const size_t len = peer_number(rest, 0) >> 8;
        if (rest.len < 9 + len) {
            break;
        }
        peer_take_frame(peer, rest.data[3], rest.data[4], (int32_t)peer_number(rest, 5),
                        capsa_bytes_of(rest.data + 9, len));
        rest = capsa_bytes_from(rest, 9 + len);
    }
    CAPSA_AUTO(capsa_buf) kept = capsa_buf_of(MIB(1));
    assert_ok(capsa_buf_append(&kept, rest));
    capsa_buf_clear(&peer->unread);
    assert_ok(capsa_buf_append(&peer->unread, capsa_buf_bytes(&kept)));
}

static inline bool peer_was_told(struct peer *peer, int32_t id, const char *field)
{
    const capsa_buf *fields = &peer_stream(peer, id)->fields;
    return fields->len > 0 && memmem(fields->data, fields->len, field, strlen(field)) != NULL;
}

#define assert_told(peer, id, field)                                                               \
    do {                                                                                           \
        if (!peer_was_told((peer), (id), (field))) {                                               \
            const capsa_buf *told_ = &peer_stream((peer), (id))->fields;                           \
            fail_msg("stream %d was not told %s, but: %.*s", (int)(id), (field), (int)told_->len,  \
                     (const char *)told_->data);                                                   \
        }                                                                                          \
    } while (0)
