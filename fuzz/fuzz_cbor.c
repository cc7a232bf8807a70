/* SPDX-License-Identifier: Apache-2.0
 *
 * CBOR, item after item, whatever their nesting. An item is of one kind alone; what was read and is
 * written anew is no longer than it was, and reads the same.
 */
#include <stdlib.h>

#include "codec/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* One item as it was read: its number (or count, or tag), or its string. */
struct item {
    enum capsa_cbor_kind kind;
    uint64_t number;
    capsa_bytes content;
};

static bool read_as(enum capsa_cbor_kind kind, struct capsa_reader *reader, struct item *item)
{
    item->kind = kind;
    switch (kind) {
    case CAPSA_CBOR_UNSIGNED:
        return !capsa_failed(capsa_cbor_unsigned(reader, "it", UINT64_MAX, &item->number));
    case CAPSA_CBOR_BYTES:
        return !capsa_failed(capsa_cbor_bytes(reader, "it", &item->content));
    case CAPSA_CBOR_TEXT:
        return !capsa_failed(capsa_cbor_text(reader, "it", &item->content));
    case CAPSA_CBOR_ARRAY:
        return !capsa_failed(capsa_cbor_array(reader, "it", UINT64_MAX, &item->number));
    case CAPSA_CBOR_MAP:
        return !capsa_failed(capsa_cbor_map(reader, "it", UINT64_MAX, &item->number));
    case CAPSA_CBOR_TAG:
        return !capsa_failed(capsa_cbor_tag(reader, "it", &item->number));
    }
    return false;
}

static bool is_string(enum capsa_cbor_kind kind)
{
    return kind == CAPSA_CBOR_BYTES || kind == CAPSA_CBOR_TEXT;
}

static void must_come_back(const struct item *item, capsa_bytes whole, capsa_bytes rest)
{
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(MIB(2));
    uint64_t number = is_string(item->kind) ? item->content.len : item->number;
    must(!capsa_failed(capsa_cbor_write(&again, item->kind, number)));
    if (is_string(item->kind)) {
        must(!capsa_failed(capsa_buf_append(&again, item->content)));
    }
    must(again.len <= whole.len);
    must(!capsa_failed(capsa_buf_append(&again, rest))); /* counts are held against what follows */
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&again));
    struct item twice = {.number = 0};
    must(read_as(item->kind, &reader, &twice));
    must(twice.number == item->number && capsa_bytes_equal(twice.content, item->content));
}

static bool read_any(struct capsa_reader *reader, struct item *ret_item)
{
    static const enum capsa_cbor_kind kinds[] = {CAPSA_CBOR_UNSIGNED, CAPSA_CBOR_BYTES,
                                                 CAPSA_CBOR_TEXT,     CAPSA_CBOR_ARRAY,
                                                 CAPSA_CBOR_MAP,      CAPSA_CBOR_TAG};
    struct capsa_reader after = *reader;
    bool found = false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct capsa_reader ahead = *reader;
        struct item item = {.number = 0};
        bool is = read_as(kinds[i], &ahead, &item);
        must(is || ahead.at == reader->at);
        must(!is || !found);
        if (is) {
            found = true;
            *ret_item = item;
            after = ahead;
        }
    }
    *reader = after;
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(data, size));
    size_t before = 0;
    struct item item = {.number = 0};
    while (read_any(&reader, &item)) {
        must(reader.at > before && reader.at <= size);
        must_come_back(&item, capsa_bytes_of(data + before, reader.at - before),
                       capsa_bytes_from(reader.bytes, reader.at));
        before = reader.at;
    }
    must(capsa_failed(capsa_cbor_end(&reader, "it")) == (reader.at < size));
    return 0;
}
