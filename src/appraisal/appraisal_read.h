/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of policy files that must be right before anything is compared with them: expected hex
 * values and names out of known lists. Errors say what was wanted and what stood there; the caller
 * puts the place before. Of this folder only.
 */
#pragma once

#include "codec/json.h"

/* Fail: `name` is no known `what`; the nearest known one is named. */
CAPSA_RESULT capsa_appraisal_unknown(const char *what, const char *name, const char *const *known);

/* An expected value of exactly `size` bytes, as hex digits of one case. Refused are those that
 * match too much or nothing: empty, zero, short, long, odd, not hex, "any" or "*". `any_case`:
 * upper and lower case may be mixed, as the originals do. */
CAPSA_RESULT capsa_appraisal_hex(const struct capsa_json *value, size_t size, bool any_case,
                                 uint8_t *ret_bytes);

/* Elements of a list, or the value itself where a single one stands for a list of one. */
size_t capsa_appraisal_count(const struct capsa_json *value);
const struct capsa_json *capsa_appraisal_nth(const struct capsa_json *value, size_t index);

/* A list (never empty) of names out of `known` (NULL-ended): each is bit 1 << its index in
 * *ret_set. At most 64 are known. Twice the same is refused. */
CAPSA_RESULT capsa_appraisal_names(const struct capsa_json *list, const char *what,
                                   const char *const *known, uint64_t *ret_set);

/* MALFORMED unless the value is of this kind. */
CAPSA_RESULT capsa_appraisal_kind(const struct capsa_json *value, enum capsa_json_kind wanted);
