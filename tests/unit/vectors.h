/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded vectors, for the tests that use them. They lie beside the repository, or where
 * CAPSA_VECTORS says; a test that does not find them skips and says so.
 */
#pragma once

#include <dirent.h>
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

/* Some descriptions hold NULs, which our reader of JSON rightly refuses. */
static inline void test_vector_without_nuls(capsa_buf *text)
{
    static const char nul[] = "\\u0000";
    uint8_t *at = NULL;
    while ((at = memmem(text->data, text->len, nul, sizeof(nul) - 1)) != NULL) {
        memset(at, ' ', sizeof(nul) - 1);
    }
}

/* Every folder within `parent` whose name begins with `prefix`, as "parent/name"; the test is
 * skipped where there is no such parent. Returns how many. */
static inline size_t test_vector_each(const char *parent, const char *prefix,
                                      void (*use)(const char *folder, void *context), void *context)
{
    char path[VECTOR_PATH];
    test_vector_path(parent, path);
    DIR *directory = opendir(path);
    if (directory == NULL) {
        print_message("skipped: no recorded vectors at %s\n", path);
        skip();
    }
    size_t count = 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            char folder[VECTOR_PATH];
            int len = snprintf(folder, sizeof(folder), "%s/%s", parent, entry->d_name);
            assert_true(len > 0 && len < VECTOR_PATH);
            use(folder, context);
            count++;
        }
    }
    (void)closedir(directory);
    return count;
}
