/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded vectors, for the tests that use them. They lie beside the repository, or where
 * CAPSA_VECTORS says; a test that does not find them skips and says so.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "unit.h"

#define VECTOR_PATH 4096

static inline void test_vector_path(const char *name, char path[VECTOR_PATH])
{
    const char *folder = getenv("CAPSA_VECTORS");
    int len = folder != NULL
                  ? snprintf(path, VECTOR_PATH, "%s/%s", folder, name)
                  : snprintf(path, VECTOR_PATH, CAPSA_SOURCE_ROOT "/../shared/vectors/%s", name);
    assert_true(len > 0 && len < VECTOR_PATH);
}

/* The file of this name below the vectors' folder, or the test is skipped. */
static inline void test_vector_read(const char *name, capsa_buf *ret_content)
{
    char path[VECTOR_PATH];
    test_vector_path(name, path);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no recorded vector at %s\n", path);
        skip();
    }
    assert_ok(capsa_file_read(path, ret_content));
}
