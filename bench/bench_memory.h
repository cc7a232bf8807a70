/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory something takes, ours and libcrypto's alike: while it is asked to count, every
 * allocation of the process is. For one thread at a time.
 */
#pragma once

#include <stddef.h>

struct bench_memory {
    long live;  /* bytes that are held now, less those that were held at the start */
    long peak;  /* the most that were */
    long count; /* allocations */
};

void bench_memory_begin(void);
struct bench_memory bench_memory_end(void);
