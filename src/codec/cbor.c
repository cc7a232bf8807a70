/* SPDX-License-Identifier: Apache-2.0
 *
 * CBOR (cbor.h). An item is read on a copy of the cursor, so that a failure leaves the caller's
 * where it was. A count is compared with what is left before anybody loops over it: every item has
 * at least one byte, so that no count can promise more work than there are bytes.
 */
#include "codec/cbor.h"

#include <inttypes.h>

#include "codec/text.h"

#define KIND_SHIFT   5
#define INFO_BITS    0x1fU
#define INFO_DIRECT  24U /* below it the number itself; from it on, how many bytes follow */
#define INFO_8_BYTES 27U
#define INDEFINITE   31U

static const char *const kinds[] = {
    "an unsigned number",
    "a negative number",
    "a byte string",
    "a text string",
    "an array",
    "a map",
    "a tag",
    "a simple value or float",
};

struct head {
    unsigned kind;
    uint64_t number; /* the value, length, count or tag */
};

/* ---- reading --------------------------------------------------------------------------------- */

static capsa_result read_number(struct capsa_reader *reader, const char *what, unsigned info,
                                uint64_t *ret_number)
{
    if (info < INFO_DIRECT) {
        *ret_number = info;
        return CAPSA_OK;
    }
    size_t at = reader->at - 1;
    CAPSA_REQUIRE(info != INDEFINITE, MALFORMED, "%s: an indefinite length at byte %zu", what, at);
    CAPSA_REQUIRE(info <= INFO_8_BYTES, MALFORMED, "%s: no CBOR at byte %zu", what, at);
    size_t bytes = (size_t)1 << (info - INFO_DIRECT);
    CAPSA_REQUIRE(bytes <= capsa_reader_left(reader), MALFORMED,
                  "%s: ends within the number at byte %zu", what, at);
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = 0;
        CAPSA_TRY(capsa_read_u8(reader, &byte));
        number = number << 8 | byte;
    }
    *ret_number = number;
    return CAPSA_OK;
}

static capsa_result read_head(struct capsa_reader *reader, const char *what,
                              enum capsa_cbor_kind wanted, uint64_t *ret_number)
{
    size_t at = reader->at;
    uint8_t first = 0;
    CAPSA_REQUIRE(capsa_reader_left(reader) > 0, MALFORMED,
                  "%s: %s wanted at byte %zu, and nothing is left", what, kinds[wanted], at);
    CAPSA_TRY(capsa_read_u8(reader, &first));
    unsigned kind = first >> KIND_SHIFT;
    CAPSA_REQUIRE(kind == (unsigned)wanted, MALFORMED, "%s: %s wanted at byte %zu, got %s", what,
                  kinds[wanted], at, kinds[kind]);
    return read_number(reader, what, first & INFO_BITS, ret_number);
}

CAPSA_RESULT capsa_cbor_unsigned(struct capsa_reader *reader, const char *what, uint64_t max,
                                 uint64_t *ret_value)
{
    struct capsa_reader ahead = *reader;
    uint64_t value = 0;
    CAPSA_TRY(read_head(&ahead, what, CAPSA_CBOR_UNSIGNED, &value));
    CAPSA_REQUIRE(value <= max, MALFORMED, "%s: %" PRIu64 " at byte %zu, at most %" PRIu64, what,
                  value, reader->at, max);
    *ret_value = value;
    *reader = ahead;
    return CAPSA_OK;
}

static capsa_result read_string(struct capsa_reader *reader, const char *what,
                                enum capsa_cbor_kind kind, capsa_bytes *ret_content)
{
    uint64_t len = 0;
    size_t at = reader->at;
    CAPSA_TRY(read_head(reader, what, kind, &len));
    CAPSA_REQUIRE(len <= capsa_reader_left(reader), MALFORMED,
                  "%s: a string of %" PRIu64 " bytes at byte %zu, and %zu are left", what, len, at,
                  capsa_reader_left(reader));
    /* Not NULL, also of no bytes: what is empty is there. */
    *ret_content = capsa_bytes_of(reader->bytes.data + reader->at, (size_t)len);
    reader->at += (size_t)len;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cbor_bytes(struct capsa_reader *reader, const char *what,
                              capsa_bytes *ret_content)
{
    struct capsa_reader ahead = *reader;
    CAPSA_TRY(read_string(&ahead, what, CAPSA_CBOR_BYTES, ret_content));
    *reader = ahead;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cbor_text(struct capsa_reader *reader, const char *what,
                             capsa_bytes *ret_content)
{
    struct capsa_reader ahead = *reader;
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(read_string(&ahead, what, CAPSA_CBOR_TEXT, &content));
    CAPSA_TRY_AT(capsa_utf8_check(content), "%s: the text at byte %zu", what, reader->at);
    *ret_content = content;
    *reader = ahead;
    return CAPSA_OK;
}

static capsa_result read_count(struct capsa_reader *reader, const char *what,
                               enum capsa_cbor_kind kind, uint64_t max, uint64_t *ret_count)
{
    struct capsa_reader ahead = *reader;
    uint64_t count = 0;
    CAPSA_TRY(read_head(&ahead, what, kind, &count));
    size_t least = kind == CAPSA_CBOR_MAP ? 2 : 1; /* bytes of each */
    CAPSA_REQUIRE(count <= max, MALFORMED, "%s: %s of %" PRIu64 " at byte %zu, at most %" PRIu64,
                  what, kinds[kind], count, reader->at, max);
    CAPSA_REQUIRE(count <= capsa_reader_left(&ahead) / least, MALFORMED,
                  "%s: %s of %" PRIu64 " at byte %zu, and %zu bytes are left", what, kinds[kind],
                  count, reader->at, capsa_reader_left(&ahead));
    *ret_count = count;
    *reader = ahead;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cbor_array(struct capsa_reader *reader, const char *what, uint64_t max,
                              uint64_t *ret_count)
{
    return read_count(reader, what, CAPSA_CBOR_ARRAY, max, ret_count);
}

CAPSA_RESULT capsa_cbor_map(struct capsa_reader *reader, const char *what, uint64_t max,
                            uint64_t *ret_pairs)
{
    return read_count(reader, what, CAPSA_CBOR_MAP, max, ret_pairs);
}

CAPSA_RESULT capsa_cbor_tag(struct capsa_reader *reader, const char *what, uint64_t *ret_tag)
{
    struct capsa_reader ahead = *reader;
    CAPSA_TRY(read_head(&ahead, what, CAPSA_CBOR_TAG, ret_tag));
    *reader = ahead;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cbor_end(const struct capsa_reader *reader, const char *what)
{
    CAPSA_REQUIRE(capsa_reader_left(reader) == 0, MALFORMED,
                  "%s: %zu bytes behind its end at byte %zu", what, capsa_reader_left(reader),
                  reader->at);
    return CAPSA_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The least of 24 to 27 whose 1, 2, 4 or 8 bytes hold the number. */
static unsigned info_of(uint64_t number)
{
    unsigned info = INFO_DIRECT;
    while (info < INFO_8_BYTES && number >> (8U << (info - INFO_DIRECT)) != 0) {
        info++;
    }
    return info;
}

CAPSA_RESULT capsa_cbor_write(capsa_buf *buf, enum capsa_cbor_kind kind, uint64_t number)
{
    uint8_t head[1 + sizeof(number)] = {(uint8_t)((unsigned)kind << KIND_SHIFT)};
    size_t len = 1;
    if (number < INFO_DIRECT) {
        head[0] |= (uint8_t)number;
    } else {
        unsigned info = info_of(number);
        head[0] |= (uint8_t)info;
        for (unsigned bytes = 1U << (info - INFO_DIRECT); bytes > 0; bytes--) {
            head[len++] = (uint8_t)(number >> (8 * (bytes - 1)));
        }
    }
    return capsa_buf_append(buf, capsa_bytes_of(head, len));
}

static capsa_result write_string(capsa_buf *buf, enum capsa_cbor_kind kind, capsa_bytes content)
{
    size_t before = buf->len;
    CAPSA_TRY(capsa_cbor_write(buf, kind, content.len));
    capsa_result written = capsa_buf_append(buf, content);
    if (capsa_failed(written)) {
        capsa_buf_cut(buf, before);
    }
    return written;
}

CAPSA_RESULT capsa_cbor_write_bytes(capsa_buf *buf, capsa_bytes content)
{
    return write_string(buf, CAPSA_CBOR_BYTES, content);
}

CAPSA_RESULT capsa_cbor_write_text(capsa_buf *buf, const char *text)
{
    CAPSA_REQUIRE(!capsa_failed(capsa_utf8_check(capsa_bytes_str(text))), USAGE,
                  "a text that is not UTF-8");
    return write_string(buf, CAPSA_CBOR_TEXT, capsa_bytes_str(text));
}
