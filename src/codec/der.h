/* SPDX-License-Identifier: Apache-2.0
 *
 * A strict reader of DER (X.690), for the extensions of attestation certificates: definite lengths
 * in their shortest form, one-byte tags. Borrowed: what it hands out lies in what it was given.
 */
#pragma once

#include "base/buf.h"
#include "base/bytes.h"
#include "base/reader.h"
#include "base/result.h"

enum {
    CAPSA_DER_BOOLEAN = 0x01,
    CAPSA_DER_INTEGER = 0x02,
    CAPSA_DER_BIT_STRING = 0x03,
    CAPSA_DER_OCTET_STRING = 0x04,
    CAPSA_DER_NULL = 0x05,
    CAPSA_DER_OID = 0x06,
    CAPSA_DER_ENUMERATED = 0x0A,
    CAPSA_DER_UTF8_STRING = 0x0C,
    CAPSA_DER_IA5_STRING = 0x16,
    CAPSA_DER_SEQUENCE = 0x30,
    CAPSA_DER_SET = 0x31,
};

/* The next element, whatever it is. */
CAPSA_RESULT capsa_der_any(struct capsa_reader *reader, uint8_t *ret_tag, capsa_bytes *ret_content);
/* The next element, which must have this tag. */
CAPSA_RESULT capsa_der_read(struct capsa_reader *reader, uint8_t tag, capsa_bytes *ret_content);
/* The whole of `bytes` is one element of this tag. */
CAPSA_RESULT capsa_der_whole(capsa_bytes bytes, uint8_t tag, capsa_bytes *ret_content);
/* An INTEGER or ENUMERATED of 0 to `max`, in its shortest form. */
CAPSA_RESULT capsa_der_unsigned(struct capsa_reader *reader, uint8_t tag, uint64_t max,
                                uint64_t *ret_value);
CAPSA_RESULT capsa_der_boolean(struct capsa_reader *reader, bool *ret_value);

/* Writing, for what we issue. Appends tag, length, content. */
CAPSA_RESULT capsa_der_write(capsa_buf *buf, uint8_t tag, capsa_bytes content);
CAPSA_RESULT capsa_der_write_unsigned(capsa_buf *buf, uint8_t tag, uint64_t value);
/* The content octets of an OID from its dotted text. */
CAPSA_RESULT capsa_der_oid(const char *dotted, capsa_buf *ret_content);
