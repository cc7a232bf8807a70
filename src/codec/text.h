/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes as text and back: hex, base32, base64 (RFC 4648). Readers are strict: whole input,
 * canonical form only (no white space, no stray padding, no non-zero trailing bits). On failure the
 * output is as it was.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

enum capsa_base64 {
    CAPSA_BASE64_STD, /* "+/", padded: certificates in x5c, data keys */
    CAPSA_BASE64_URL, /* "-_", not padded: JOSE */
};

CAPSA_RESULT capsa_base64_write(capsa_bytes bytes, enum capsa_base64 form, capsa_buf *buf);
CAPSA_RESULT capsa_base64_parse(capsa_bytes text, enum capsa_base64 form, capsa_buf *buf);
CAPSA_RESULT capsa_base32_write(capsa_bytes bytes, capsa_buf *buf); /* upper case, not padded */
CAPSA_RESULT capsa_hex_write(capsa_bytes bytes, capsa_buf *buf);    /* lower case */
CAPSA_RESULT capsa_hex_parse(capsa_bytes text, capsa_buf *buf);     /* both cases */
CAPSA_RESULT capsa_utf8_check(capsa_bytes text); /* shortest form, no surrogates, no NUL */
