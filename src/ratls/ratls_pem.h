/* SPDX-License-Identifier: Apache-2.0
 *
 * PEM as RA-TLS's tools write and read it: one block, whose base64 stands in lines of 64.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

/* One block, appended: "-----BEGIN label-----", lines, "-----END label-----", each ending in LF. */
CAPSA_RESULT capsa_ratls_pem_write(const char *label, capsa_bytes der, capsa_buf *ret_pem);

/* The DER of a certificate, appended: `text` is it already, or one PEM block CERTIFICATE or TRUSTED
 * CERTIFICATE with white space around it and NULs behind. Behind a TRUSTED one's certificate may
 * stand the one structure that OpenSSL appends, which is cut off. MALFORMED, TOO_LARGE. */
CAPSA_RESULT capsa_ratls_pem_certificate(capsa_bytes text, capsa_buf *ret_der);
