/* SPDX-License-Identifier: Apache-2.0
 *
 * A table from names of 12 bytes to marks of 16, for millions of them: open addressing over packed
 * entries of 28 bytes, between 65 and 81 percent full. It is cut into pieces that grow one by one,
 * so that growing never stalls the one writer for long. The names are results of a keyed hash, so
 * nobody can choose them to collide. Not thread-safe; what the marks mean: store_freshness.h.
 */
#pragma once

#include "base/result.h"

#include <stdint.h>

#define CAPSA_MARK_NAME 12

/* A number, so that marks can be summed up mod 2^128. */
__extension__ typedef unsigned __int128 capsa_mark;

struct capsa_mark_name {
    uint8_t bytes[CAPSA_MARK_NAME]; /* never all zero */
};

struct capsa_mark_entry {
    struct capsa_mark_name name; /* all zero: free */
    uint8_t mark[sizeof(capsa_mark)];
};

struct capsa_marks_piece {
    struct capsa_mark_entry *entries;
    size_t capacity, count;
    size_t reserved; /* puts that are announced */
};

/* Start from {0} with `piece_count` set: a power of two up to 256. */
typedef struct capsa_marks {
    struct capsa_marks_piece *pieces;
    size_t piece_count;
} capsa_marks;
void capsa_marks_drop(capsa_marks *marks); /* callable twice, keeps piece_count */

/* False, and *ret_mark as it was, when there is no such name. */
bool capsa_marks_find(const capsa_marks *marks, const struct capsa_mark_name *name,
                      capsa_mark *ret_mark);
/* Set one, new or not. */
CAPSA_RESULT capsa_marks_set(capsa_marks *marks, const struct capsa_mark_name *name,
                             capsa_mark mark);
/* After _reserve for it, a _set cannot fail. The reservations end with capsa_marks_release. */
CAPSA_RESULT capsa_marks_reserve(capsa_marks *marks, const struct capsa_mark_name *name);
void capsa_marks_release(capsa_marks *marks);
void capsa_marks_erase(capsa_marks *marks, const struct capsa_mark_name *name);
size_t capsa_marks_count(const capsa_marks *marks);
size_t capsa_marks_bytes(const capsa_marks *marks); /* of memory */

/* In no order. `at` starts at 0; NULL behind the last. The table must not change meanwhile. */
const struct capsa_mark_entry *capsa_marks_next(const capsa_marks *marks, size_t *at);
capsa_mark capsa_mark_of(const struct capsa_mark_entry *entry);
