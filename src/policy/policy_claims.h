/* SPDX-License-Identifier: Apache-2.0
 *
 * What `r` can have, as one table (policy_claims.def): for lint, for what is known of a constraint
 * without a request, for the rules that pin code, and for tests of policies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum capsa_r_kind {
    CAPSA_R_OBJECT, /* a part, which has values and is none */
    CAPSA_R_MEASUREMENT,
    CAPSA_R_HEX,
    CAPSA_R_NUMBER,
    CAPSA_R_TEXT,
    CAPSA_R_LIST,
    CAPSA_R_TRUTH,
};

struct capsa_r_value {
    const char *path; /* without the leading "r." */
    enum capsa_r_kind kind;
    bool always; /* never () */
    size_t digits;
    unsigned pin; /* CAPSA_PINS_.., or 0 */
};

/* NULL: `r` never has it. */
const struct capsa_r_value *capsa_r_value_find(const char *path);
/* Each in turn, NULL behind the last. */
const struct capsa_r_value *capsa_r_value_at(size_t index);
/* The path nearest to one that is none, or NULL. */
const char *capsa_r_value_nearest(const char *path);
/* Can it have this text? Hex of evidence has its full length and lower-case digits; a measurement
 * is not all zeros. */
bool capsa_r_value_can_be(const struct capsa_r_value *value, capsa_bytes text);
