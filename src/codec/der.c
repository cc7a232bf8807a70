/* SPDX-License-Identifier: Apache-2.0
 *
 * DER (der.h). There is one encoding of each value, and nothing else is read: two readers of the
 * same signed bytes can then not see two things. An element is read on a copy of the cursor, so
 * that a failure leaves the caller's where it was.
 */
#include "codec/der.h"

#include <inttypes.h>

#define TAG_NUMBER     0x1f /* of the identifier; all ones: the number follows in more bytes */
#define LENGTH_LONG    0x80 /* the rest says how many bytes of length follow */
#define LENGTH_BYTES   4    /* elements of 4 GiB and more do not fit into anything here */
#define UNSIGNED_BYTES 8
#define OID_MAX        64 /* bytes */
#define OID_GROUPS     10 /* of seven bits, in 64 */

/* ---- reading --------------------------------------------------------------------------------- */

static capsa_result read_long_length(struct capsa_reader *reader, size_t bytes, size_t *ret_len)
{
    CAPSA_REQUIRE(bytes > 0, MALFORMED, "an indefinite length at %zu, which DER has not",
                  reader->at - 1);
    CAPSA_REQUIRE(bytes <= LENGTH_BYTES, MALFORMED, "a length of %zu bytes at %zu, at most %d",
                  bytes, reader->at - 1, LENGTH_BYTES);
    uint64_t len = 0;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = 0;
        CAPSA_TRY(capsa_read_u8(reader, &byte));
        len = len << 8 | byte;
    }
    bool shortest = len >= LENGTH_LONG && len >> (8 * (bytes - 1)) != 0;
    CAPSA_REQUIRE(shortest, MALFORMED, "a length at %zu that is not in its shortest form",
                  reader->at - bytes - 1);
    *ret_len = (size_t)len;
    return CAPSA_OK;
}

static capsa_result read_length(struct capsa_reader *reader, size_t *ret_len)
{
    uint8_t first = 0;
    CAPSA_TRY(capsa_read_u8(reader, &first));
    if (first >= LENGTH_LONG) {
        return read_long_length(reader, (size_t)(first - LENGTH_LONG), ret_len);
    }
    *ret_len = first;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_der_any(struct capsa_reader *reader, uint8_t *ret_tag, capsa_bytes *ret_content)
{
    struct capsa_reader ahead = *reader;
    uint8_t tag = 0;
    size_t len = 0;
    CAPSA_TRY(capsa_read_u8(&ahead, &tag));
    CAPSA_REQUIRE((tag & TAG_NUMBER) != TAG_NUMBER, MALFORMED, "a tag of more than one byte at %zu",
                  reader->at);
    CAPSA_TRY(read_length(&ahead, &len));
    CAPSA_TRY(capsa_read_bytes(&ahead, len, ret_content));
    *ret_tag = tag;
    *reader = ahead;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_der_read(struct capsa_reader *reader, uint8_t tag, capsa_bytes *ret_content)
{
    struct capsa_reader ahead = *reader;
    uint8_t found = 0;
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_der_any(&ahead, &found, &content));
    CAPSA_REQUIRE(found == tag, MALFORMED, "the tag 0x%02x at %zu where 0x%02x belongs", found,
                  reader->at, tag);
    *ret_content = content;
    *reader = ahead;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_der_whole(capsa_bytes bytes, uint8_t tag, capsa_bytes *ret_content)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_der_read(&reader, tag, &content));
    CAPSA_REQUIRE(capsa_reader_left(&reader) == 0, MALFORMED,
                  "%zu bytes behind the end of the element", capsa_reader_left(&reader));
    *ret_content = content;
    return CAPSA_OK;
}

/* X.690 §8.3.2: the first nine bits are neither all ones nor all zeros. */
static bool number_is_shortest(capsa_bytes content)
{
    if (content.len == 1) {
        return true;
    }
    bool filled = content.data[0] == 0 && content.data[1] < 0x80;
    return content.len > 1 && !filled;
}

CAPSA_RESULT capsa_der_unsigned(struct capsa_reader *reader, uint8_t tag, uint64_t max,
                                uint64_t *ret_value)
{
    struct capsa_reader ahead = *reader;
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_der_read(&ahead, tag, &content));
    CAPSA_REQUIRE(content.len > 0, MALFORMED, "a number without bytes at %zu", reader->at);
    CAPSA_REQUIRE(content.data[0] < 0x80, MALFORMED, "a number below zero at %zu", reader->at);
    CAPSA_REQUIRE(number_is_shortest(content), MALFORMED,
                  "a number at %zu that is not in its shortest form", reader->at);
    CAPSA_REQUIRE(content.len <= UNSIGNED_BYTES + 1, MALFORMED, "a number of %zu bytes at %zu",
                  content.len, reader->at);
    uint64_t value = 0;
    bool fits = content.len <= UNSIGNED_BYTES || content.data[0] == 0;
    for (size_t i = 0; i < content.len; i++) {
        value = value << 8 | content.data[i];
    }
    CAPSA_REQUIRE(fits && value <= max, MALFORMED, "a number at %zu that is over %" PRIu64,
                  reader->at, max);
    *ret_value = value;
    *reader = ahead;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_der_boolean(struct capsa_reader *reader, bool *ret_value)
{
    struct capsa_reader ahead = *reader;
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_der_read(&ahead, CAPSA_DER_BOOLEAN, &content));
    CAPSA_REQUIRE(content.len == 1 && (content.data[0] == 0 || content.data[0] == 0xff), MALFORMED,
                  "a truth value at %zu that is neither 00 nor ff", reader->at);
    *ret_value = content.data[0] != 0;
    *reader = ahead;
    return CAPSA_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static size_t bytes_of_number(uint64_t number)
{
    size_t bytes = 1;
    while (bytes < sizeof(number) && number >> (8 * bytes) != 0) {
        bytes++;
    }
    return bytes;
}

/* The last `bytes` bytes of a number. */
static capsa_result write_number(capsa_buf *buf, uint64_t number, size_t bytes)
{
    while (bytes > 0) {
        bytes--;
        CAPSA_TRY(capsa_buf_u8(buf, (uint8_t)(number >> (8 * bytes))));
    }
    return CAPSA_OK;
}

static capsa_result write_element(capsa_buf *buf, uint8_t tag, capsa_bytes content)
{
    CAPSA_TRY(capsa_buf_u8(buf, tag));
    if (content.len < LENGTH_LONG) {
        CAPSA_TRY(capsa_buf_u8(buf, (uint8_t)content.len));
    } else {
        size_t bytes = bytes_of_number(content.len);
        CAPSA_TRY(capsa_buf_u8(buf, (uint8_t)(LENGTH_LONG + bytes)));
        CAPSA_TRY(write_number(buf, content.len, bytes));
    }
    return capsa_buf_append(buf, content);
}

CAPSA_RESULT capsa_der_write(capsa_buf *buf, uint8_t tag, capsa_bytes content)
{
    CAPSA_REQUIRE((tag & TAG_NUMBER) != TAG_NUMBER, USAGE, "a tag of more than one byte");
    CAPSA_REQUIRE(bytes_of_number(content.len) <= LENGTH_BYTES, TOO_LARGE,
                  "an element of %zu bytes", content.len);
    size_t before = buf->len;
    capsa_result written = write_element(buf, tag, content);
    if (capsa_failed(written)) {
        capsa_buf_cut(buf, before);
    }
    return written;
}

CAPSA_RESULT capsa_der_write_unsigned(capsa_buf *buf, uint8_t tag, uint64_t value)
{
    uint8_t content[UNSIGNED_BYTES + 1] = {0}; /* with room for the zero before a top bit */
    size_t bytes = bytes_of_number(value);
    for (size_t i = 0; i < bytes; i++) {
        content[UNSIGNED_BYTES - i] = (uint8_t)(value >> (8 * i));
    }
    size_t from = UNSIGNED_BYTES + 1 - bytes;
    from -= content[from] >= 0x80 ? 1 : 0;
    return capsa_der_write(buf, tag, capsa_bytes_of(content + from, sizeof(content) - from));
}

/* ---- object numbers -------------------------------------------------------------------------- */

static bool read_arc(const char **at, uint64_t *ret_arc)
{
    const char *digits = *at;
    uint64_t arc = 0;
    while (**at >= '0' && **at <= '9') {
        uint64_t digit = (uint64_t)(**at - '0');
        if (arc > (UINT64_MAX - digit) / 10) {
            return false;
        }
        arc = arc * 10 + digit;
        (*at)++;
    }
    *ret_arc = arc;
    bool zero_before = *digits == '0' && *at > digits + 1;
    return *at > digits && !zero_before;
}

struct oid {
    uint8_t bytes[OID_MAX];
    size_t len;
};

static bool put_arc(struct oid *oid, uint64_t arc)
{
    size_t groups = 1;
    while (groups < OID_GROUPS && arc >> (7 * groups) != 0) {
        groups++;
    }
    if (groups > sizeof(oid->bytes) - oid->len) {
        return false;
    }
    while (groups > 0) {
        groups--;
        uint8_t more = groups > 0 ? 0x80 : 0;
        oid->bytes[oid->len++] = (uint8_t)((arc >> (7 * groups) & 0x7f) | more);
    }
    return true;
}

/* X.690 §8.19.4: the first two numbers share one arc, and the second is below 40 under 0 and 1. */
static bool put_roots(struct oid *oid, const char **at)
{
    uint64_t root = 0, second = 0;
    if (!read_arc(at, &root) || **at != '.') {
        return false;
    }
    (*at)++;
    return read_arc(at, &second) && root <= 2 && (root == 2 || second < 40) &&
           second <= UINT64_MAX - 80 && put_arc(oid, root * 40 + second);
}

static bool put_dotted(struct oid *oid, const char *at)
{
    bool sound = put_roots(oid, &at);
    while (sound && *at == '.') {
        uint64_t arc = 0;
        at++;
        sound = read_arc(&at, &arc) && put_arc(oid, arc);
    }
    return sound && *at == '\0';
}

CAPSA_RESULT capsa_der_oid(const char *dotted, capsa_buf *ret_content)
{
    struct oid oid = {.len = 0};
    CAPSA_REQUIRE(put_dotted(&oid, dotted), USAGE, "not a dotted object number of at most %d bytes",
                  OID_MAX);
    return capsa_buf_append(ret_content, capsa_bytes_of(oid.bytes, oid.len));
}
