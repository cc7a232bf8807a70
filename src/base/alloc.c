/* SPDX-License-Identifier: Apache-2.0
 *
 * One door to malloc, with one hook for tests that make it fail.
 */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static capsa_alloc_hook alloc_hook; /* set before threads start, by tests only */

void capsa_alloc_set_hook(capsa_alloc_hook hook)
{
    alloc_hook = hook;
}

void *capsa_alloc(size_t size)
{
    return capsa_alloc_array(1, size);
}

void *capsa_alloc_array(size_t n, size_t size)
{
    if (alloc_hook != NULL && alloc_hook(size)) {
        return NULL;
    }
    if (n == 0 || size == 0) {
        n = size = 1;
    }
    return calloc(n, size); /* refuses n * size that overflows */
}

void *capsa_realloc(void *old, size_t size)
{
    if (alloc_hook != NULL && alloc_hook(size)) {
        return NULL;
    }
    return realloc(old, size == 0 ? 1 : size);
}

char *capsa_strndup(const char *text, size_t len)
{
    if (len == SIZE_MAX) {
        return NULL;
    }
    char *copy = capsa_alloc(len + 1);
    if (copy != NULL && len > 0) {
        memcpy(copy, text, len);
    }
    return copy;
}

char *capsa_strdup(const char *text)
{
    return capsa_strndup(text, strlen(text));
}

void capsa_dealloc(void *pointer)
{
    free(pointer);
}
