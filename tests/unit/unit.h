/* SPDX-License-Identifier: Apache-2.0
 *
 * What every unit test includes first: cmocka, and asserts that show the error's text.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>

#include "base/result.h"

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        capsa_result assert_result_ = (call);                                                      \
        if (capsa_failed(assert_result_)) {                                                        \
            fail_msg("%s: %s", #call, capsa_text_of(assert_result_));                              \
        }                                                                                          \
    } while (0)

#define assert_fails(call, code)                                                                   \
    do {                                                                                           \
        capsa_result assert_result_ = (call);                                                      \
        if (capsa_code_of(assert_result_) != CAPSA_E_##code) {                                     \
            fail_msg("%s: wanted %s, got %s: %s", #call, #code,                                    \
                     capsa_code_name(capsa_code_of(assert_result_)),                               \
                     capsa_text_of(assert_result_));                                               \
        }                                                                                          \
    } while (0)

static inline int test_remove_one(const char *path, const struct stat *status, int flag,
                                  struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

/* Remove a temporary folder of the test's own. */
static inline void test_remove_tree(const char *path)
{
    assert_int_equal(nftw(path, test_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int test_count_files(const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    int count = 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    return count;
}
