/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of limits, from limits.def.
 */
#include "base/limits.h"

const struct capsa_limit capsa_limits[] = {
#define CAPSA_LIMIT(name, value, unit, stops) {#name, value, unit, stops},
#include "base/limits.def"
#undef CAPSA_LIMIT
};

const size_t capsa_limits_count = sizeof(capsa_limits) / sizeof(capsa_limits[0]);
