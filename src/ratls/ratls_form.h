/* SPDX-License-Identifier: Apache-2.0
 *
 * The generations of RA-TLS certificates, as one table (ratls_forms.def).
 */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

enum capsa_ratls_form {
    CAPSA_RATLS_NONE,
#define CAPSA_RATLS_FORM(symbol, name, oid, use, what) CAPSA_RATLS_##symbol,
#include "ratls/ratls_forms.def"
#undef CAPSA_RATLS_FORM
    CAPSA_RATLS_FORM_COUNT,
};

enum capsa_ratls_use {
    CAPSA_RATLS_USE_EVIDENCE,
    CAPSA_RATLS_USE_ENDORSEMENTS,
    CAPSA_RATLS_USE_UNSUPPORTED
};

struct capsa_ratls_form_type {
    const char *name; /* "dice" */
    const char *oid;  /* dotted */
    enum capsa_ratls_use use;
    const char *what;
};
/* Of NONE: empty texts. */
const struct capsa_ratls_form_type *capsa_ratls_form_type(enum capsa_ratls_form form);
/* By the content octets of an OBJECT IDENTIFIER; NONE: not one of ours. */
enum capsa_ratls_form capsa_ratls_form_by_oid(capsa_bytes oid);
