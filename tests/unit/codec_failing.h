/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a call again and again with its first, second ... allocation failing, until it succeeds.
 * Each failure must be "out of memory"; leaks show under the address sanitizer.
 */
#pragma once

#include "base/alloc.h"
#include "unit.h"

static size_t test_allocations_left;

static inline int test_fail_when_spent(size_t size)
{
    (void)size;
    return test_allocations_left-- == 0;
}

#define ASSERT_FAILS_CLEANLY(call)                                                                 \
    do {                                                                                           \
        bool done_ = false;                                                                        \
        for (size_t n_ = 0; !done_ && n_ < 10000; n_++) {                                          \
            test_allocations_left = n_;                                                            \
            capsa_alloc_set_hook(test_fail_when_spent);                                            \
            capsa_result result_ = (call);                                                         \
            capsa_alloc_set_hook(NULL);                                                            \
            done_ = !capsa_failed(result_);                                                        \
            if (!done_) {                                                                          \
                assert_string_equal(capsa_code_name(capsa_code_of(result_)), "NOMEM");             \
            }                                                                                      \
        }                                                                                          \
        assert_true(done_);                                                                        \
    } while (0)
