/* SPDX-License-Identifier: Apache-2.0
 *
 * All allocation of our own goes through here, so that tests can make the n-th one fail
 * (tests/failing). Thread-safe. Sizes are checked for overflow; a zero size is one byte.
 */
#pragma once

#include <stddef.h>

void *capsa_alloc(size_t size);                 /* zeroed; NULL when out of memory */
void *capsa_alloc_array(size_t n, size_t size); /* zeroed; NULL also on overflow */
void *capsa_realloc(void *old, size_t size);    /* NULL: old is untouched */
char *capsa_strdup(const char *text);
char *capsa_strndup(const char *text, size_t len);
void capsa_dealloc(void *pointer); /* NULL is fine */

/* Asked before each allocation; true makes it fail. NULL: none. For tests, before threads start. */
typedef int (*capsa_alloc_hook)(size_t size);
void capsa_alloc_set_hook(capsa_alloc_hook hook);

#define CAPSA_NEW(type) ((type *)capsa_alloc(sizeof(type)))
