/* SPDX-License-Identifier: Apache-2.0
 *
 * The C library's allocation with a counter before it. Programs may define these functions
 * themselves; every library then calls theirs. When nothing is counted they cost a branch.
 */
#include "bench_memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#define SEEN_BY_LIBRARIES __attribute__((visibility("default")))

/* glibc's own names of what is replaced here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *pointer);

/* A counter for the whole process is what this file is: there is no caller to hand it along. */
static bool counting;
static struct bench_memory counted;

static void add(void *pointer)
{
    if (counting && pointer != NULL) {
        counted.count++;
        counted.live += (long)malloc_usable_size(pointer);
        counted.peak = counted.live > counted.peak ? counted.live : counted.peak;
    }
}

static void subtract(void *pointer)
{
    if (counting && pointer != NULL) {
        counted.live -= (long)malloc_usable_size(pointer);
    }
}

SEEN_BY_LIBRARIES void *malloc(size_t size)
{
    void *made = __libc_malloc(size);
    add(made);
    return made;
}

SEEN_BY_LIBRARIES void *calloc(size_t count, size_t size)
{
    void *made = __libc_calloc(count, size);
    add(made);
    return made;
}

SEEN_BY_LIBRARIES void *realloc(void *old, size_t size)
{
    long before = counting && old != NULL ? (long)malloc_usable_size(old) : 0;
    void *made = __libc_realloc(old, size);
    if (made != NULL) {
        counted.live -= before;
        add(made);
    }
    return made;
}

SEEN_BY_LIBRARIES void free(void *pointer)
{
    subtract(pointer);
    __libc_free(pointer);
}

void bench_memory_begin(void)
{
    counted = (struct bench_memory){0, 0, 0};
    counting = true;
}

struct bench_memory bench_memory_end(void)
{
    counting = false;
    return counted;
}
