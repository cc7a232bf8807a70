/* SPDX-License-Identifier: Apache-2.0
 *
 * The structure of an X.509 certificate (RFC 5280 §4.1), walked over DER: where each piece stands,
 * and nothing of what it means. An extension is found because it stands among the extensions, never
 * because its bytes stand somewhere. Borrowed.
 */
#pragma once

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"

struct capsa_ratls_extension {
    capsa_bytes oid; /* content octets */
    bool critical;
    capsa_bytes content; /* of its OCTET STRING */
};

struct capsa_ratls_x509 {
    int version;           /* 1 or 3 */
    capsa_bytes serial;    /* content of the INTEGER */
    capsa_bytes tbs;       /* what is signed, with tag and length */
    capsa_bytes algorithm; /* the AlgorithmIdentifier, whole; inside and outside the same */
    capsa_bytes signature;
    capsa_time not_before, not_after;
    capsa_bytes spki; /* whole */
    struct capsa_ratls_extension extensions[CAPSA_LIMIT_ratls_extensions];
    size_t count;
};

/* The whole of `der` is one certificate. Refused: two algorithms, version 2, an extension twice, a
 * critical one that nobody here knows (UNSUPPORTED). Extensions in a certificate of version 1 are
 * read, as those who make them expect. MALFORMED, TRUNCATED, TOO_LARGE. */
CAPSA_RESULT capsa_ratls_x509_parse(capsa_bytes der, struct capsa_ratls_x509 *ret_x509);
