/* SPDX-License-Identifier: Apache-2.0
 *
 * CBOR (RFC 8949) as RA-TLS certificates have it: unsigned numbers, byte and text strings, arrays,
 * maps and tags, all of definite length. Read one item after the other, never as a tree, so that
 * nothing is allocated and no count is believed. Widths need not be the shortest; indefinite
 * lengths, simple values, floats and negative numbers are MALFORMED. Borrowed: strings lie in what
 * was given.
 */
#pragma once

#include "base/buf.h"
#include "base/reader.h"
#include "base/result.h"

enum capsa_cbor_kind {
    CAPSA_CBOR_UNSIGNED = 0,
    CAPSA_CBOR_BYTES = 2,
    CAPSA_CBOR_TEXT = 3, /* UTF-8, checked */
    CAPSA_CBOR_ARRAY = 4,
    CAPSA_CBOR_MAP = 5,
    CAPSA_CBOR_TAG = 6,
};

/* Each reads the next item, which must be of its kind; else MALFORMED, saying what came and at
 * which byte, and the reader is as it was. `what` is what messages call the item. */
CAPSA_RESULT capsa_cbor_unsigned(struct capsa_reader *reader, const char *what, uint64_t max,
                                 uint64_t *ret_value);
CAPSA_RESULT capsa_cbor_bytes(struct capsa_reader *reader, const char *what,
                              capsa_bytes *ret_content);
CAPSA_RESULT capsa_cbor_text(struct capsa_reader *reader, const char *what,
                             capsa_bytes *ret_content);
/* The items of an array, or the pairs of a map, follow. */
CAPSA_RESULT capsa_cbor_array(struct capsa_reader *reader, const char *what, uint64_t max,
                              uint64_t *ret_count);
CAPSA_RESULT capsa_cbor_map(struct capsa_reader *reader, const char *what, uint64_t max,
                            uint64_t *ret_pairs);
/* The tagged item follows. */
CAPSA_RESULT capsa_cbor_tag(struct capsa_reader *reader, const char *what, uint64_t *ret_tag);
/* Nothing is behind the last item. */
CAPSA_RESULT capsa_cbor_end(const struct capsa_reader *reader, const char *what);

/* Writing, each in its shortest form. Of arrays, maps and tags the head. */
CAPSA_RESULT capsa_cbor_write(capsa_buf *buf, enum capsa_cbor_kind kind, uint64_t number);
CAPSA_RESULT capsa_cbor_write_bytes(capsa_buf *buf, capsa_bytes content);
CAPSA_RESULT capsa_cbor_write_text(capsa_buf *buf, const char *text);
