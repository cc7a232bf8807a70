/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded cursor for reading bytes from outside. No parser does pointer arithmetic of its own.
 * A failed read says at which offset, and leaves the cursor and the output as they were.
 */
#pragma once

#include "base/bytes.h"
#include "base/result.h"

struct capsa_reader {
    capsa_bytes bytes;
    size_t at;
};

static inline struct capsa_reader capsa_reader_of(capsa_bytes bytes)
{
    return (struct capsa_reader){bytes, 0};
}

static inline size_t capsa_reader_left(const struct capsa_reader *reader)
{
    return reader->bytes.len - reader->at;
}

CAPSA_RESULT capsa_read_bytes(struct capsa_reader *reader, size_t len, capsa_bytes *ret_bytes);
CAPSA_RESULT capsa_read_into(struct capsa_reader *reader, void *ret_data, size_t len);
CAPSA_RESULT capsa_read_u8(struct capsa_reader *reader, uint8_t *ret_value);
CAPSA_RESULT capsa_read_be16(struct capsa_reader *reader, uint16_t *ret_value);
CAPSA_RESULT capsa_read_be32(struct capsa_reader *reader, uint32_t *ret_value);
CAPSA_RESULT capsa_read_be64(struct capsa_reader *reader, uint64_t *ret_value);
CAPSA_RESULT capsa_read_le16(struct capsa_reader *reader, uint16_t *ret_value);
CAPSA_RESULT capsa_read_le32(struct capsa_reader *reader, uint32_t *ret_value);
CAPSA_RESULT capsa_read_le64(struct capsa_reader *reader, uint64_t *ret_value);
/* What capsa_buf_field wrote; refused when its length is over `max`. */
CAPSA_RESULT capsa_read_field(struct capsa_reader *reader, size_t max, capsa_bytes *ret_bytes);
/* Holds when nothing is left. */
CAPSA_RESULT capsa_read_end(const struct capsa_reader *reader);
