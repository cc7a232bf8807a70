/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits of limits.def as constants (CAPSA_LIMIT_name) and as a table for people.
 */
#pragma once

#include <stddef.h>

enum capsa_limit_value {
#define CAPSA_LIMIT(name, value, unit, stops) CAPSA_LIMIT_##name = value,
#include "base/limits.def"
#undef CAPSA_LIMIT
};

struct capsa_limit {
    const char *name;
    size_t value;
    const char *unit;
    const char *stops; /* the attack or accident it answers */
};

extern const struct capsa_limit capsa_limits[];
extern const size_t capsa_limits_count;
