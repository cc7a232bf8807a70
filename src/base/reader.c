/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded cursor (reader.h).
 */
#include "base/reader.h"

#include <string.h>

CAPSA_RESULT capsa_read_bytes(struct capsa_reader *reader, size_t len, capsa_bytes *ret_bytes)
{
    CAPSA_REQUIRE(len <= capsa_reader_left(reader), TRUNCATED,
                  "at offset %zu: %zu bytes wanted, %zu left", reader->at, len,
                  capsa_reader_left(reader));
    *ret_bytes =
        len == 0 ? (capsa_bytes){NULL, 0} : capsa_bytes_of(reader->bytes.data + reader->at, len);
    reader->at += len;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_read_into(struct capsa_reader *reader, void *ret_data, size_t len)
{
    capsa_bytes bytes;
    CAPSA_TRY(capsa_read_bytes(reader, len, &bytes));
    if (len > 0) {
        memcpy(ret_data, bytes.data, len);
    }
    return CAPSA_OK;
}

static capsa_result read_number(struct capsa_reader *reader, size_t size, bool big_endian,
                                uint64_t *ret_value)
{
    capsa_bytes bytes;
    CAPSA_TRY(capsa_read_bytes(reader, size, &bytes));
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes.data[big_endian ? i : size - 1 - i];
    }
    *ret_value = value;
    return CAPSA_OK;
}

#define DEFINE_READ(name, type, big_endian)                                                        \
    CAPSA_RESULT capsa_read_##name(struct capsa_reader *reader, type *ret_value)                   \
    {                                                                                              \
        uint64_t value;                                                                            \
        CAPSA_TRY(read_number(reader, sizeof(type), big_endian, &value));                          \
        *ret_value = (type)value;                                                                  \
        return CAPSA_OK;                                                                           \
    }

DEFINE_READ(u8, uint8_t, true)
DEFINE_READ(be16, uint16_t, true)
DEFINE_READ(be32, uint32_t, true)
DEFINE_READ(be64, uint64_t, true)
DEFINE_READ(le16, uint16_t, false)
DEFINE_READ(le32, uint32_t, false)
DEFINE_READ(le64, uint64_t, false)

CAPSA_RESULT capsa_read_field(struct capsa_reader *reader, size_t max, capsa_bytes *ret_bytes)
{
    struct capsa_reader ahead = *reader;
    uint32_t len;
    CAPSA_TRY(capsa_read_be32(&ahead, &len));
    CAPSA_REQUIRE(len <= max, TOO_LARGE, "at offset %zu: a field of %u bytes, at most %zu",
                  reader->at, len, max);
    CAPSA_TRY(capsa_read_bytes(&ahead, len, ret_bytes));
    *reader = ahead;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_read_end(const struct capsa_reader *reader)
{
    CAPSA_REQUIRE(capsa_reader_left(reader) == 0, MALFORMED, "%zu bytes behind the end, offset %zu",
                  capsa_reader_left(reader), reader->at);
    return CAPSA_OK;
}
