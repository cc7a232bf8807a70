/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for the parsers that we use but did not write: what it held is wiped when it is freed.
 * Of this folder only. Thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *capsa_wiping_alloc(size_t size); /* NULL when out of memory */
void capsa_wiping_free(void *pointer); /* NULL is fine */

/* Whether an allocation failed on this thread since the last _forget: a parser may report that as
 * an error in its input. */
void capsa_wiping_forget(void);
bool capsa_wiping_has_failed(void);

/* While `on`, on this thread, no allocation succeeds once one has failed: for a parser that goes on
 * regardless, with less than it believes to have. */
void capsa_wiping_once(bool on);
