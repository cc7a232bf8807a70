/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealed stores for tests that do not care how a store begins.
 */
#pragma once

#include "store/store_sealed.h"

#define TEST_GENESIS "a genesis, for tests"

static inline capsa_result test_begin(void *context, capsa_buf *ret_genesis,
                                      struct capsa_batch *first)
{
    (void)context;
    (void)first;
    return capsa_buf_str(ret_genesis, TEST_GENESIS);
}

static inline struct capsa_store_options test_store_options(const char *location,
                                                            const char *root_path)
{
    return (struct capsa_store_options){
        .location = location, .provider = "file", .provider_where = root_path, .begin = test_begin};
}

static inline capsa_result test_store_open(const char *location, const char *root_path,
                                           struct capsa_store **ret_store)
{
    const struct capsa_store_options options = test_store_options(location, root_path);
    return capsa_store_open_sealed(&options, ret_store);
}
