/* SPDX-License-Identifier: Apache-2.0
 *
 * The folders of recorded evidence, walked one by one.
 */
#pragma once

#include "base/limits.h"
#include "evidence/evidence.h"
#include "vectors.h"

#define ATTESTATION_FOLDERS 512

struct attestation_case {
    char name[160]; /* below the vectors' folder: "attestation/sgx_v3_swh_2025" */
};

static inline bool attestation_has(const char *folder, const char *file, char path[VECTOR_PATH])
{
    char name[VECTOR_PATH / 2];
    assert_true(snprintf(name, sizeof(name), "%s/%s", folder, file) > 0);
    test_vector_path(name, path);
    return access(path, R_OK) == 0;
}

/* The test is skipped when there are no vectors. */
static inline void attestation_read(const char *folder, const char *file, capsa_buf *ret_content)
{
    char name[VECTOR_PATH / 2];
    assert_true(snprintf(name, sizeof(name), "%s/%s", folder, file) > 0);
    test_vector_read(name, ret_content);
}

/* Every folder below `group` that has the file; the test is skipped when there is no such group. */
static inline size_t attestation_folders(const char *group, const char *file,
                                         struct attestation_case cases[ATTESTATION_FOLDERS])
{
    char path[VECTOR_PATH];
    test_vector_path(group, path);
    DIR *directory = opendir(path);
    if (directory == NULL) {
        print_message("skipped: no recorded evidence at %s\n", path);
        skip();
    }
    size_t count = 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        struct attestation_case found;
        int len = snprintf(found.name, sizeof(found.name), "%s/%.100s", group, entry->d_name);
        assert_true(len > 0 && (size_t)len < sizeof(found.name));
        if (entry->d_name[0] != '.' && attestation_has(found.name, file, path)) {
            assert_true(count < ATTESTATION_FOLDERS);
            cases[count++] = found;
        }
    }
    (void)closedir(directory);
    return count;
}
