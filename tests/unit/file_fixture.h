/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of sealed files share: a folder of their own, content, and options that make small
 * files have several pieces.
 */
#pragma once

#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "envelope/envelope_file.h"

#define FOLDER "capsa-file-XXXXXX"
#define CHUNK  CAPSA_FILE_CHUNK_MIN

static char folder[64];

static const uint8_t key_bytes[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                      11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                      22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
static const capsa_secret_bytes key = {key_bytes, 16};

static const struct capsa_file_options own = {.format = CAPSA_FILE_CAPSA, .chunk = CHUNK};
static const struct capsa_file_options sdc1 = {.format = CAPSA_FILE_SDC1};
static const struct capsa_file_options *const formats[] = {&own, &sdc1};

static inline int folder_make(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/dev/shm/" FOLDER); /* in memory, if there is such */
    if (mkdtemp(folder) != NULL) {
        return 0;
    }
    (void)snprintf(folder, sizeof(folder), "/tmp/" FOLDER);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static inline int folder_remove(void **state)
{
    (void)state;
    test_remove_tree(folder);
    return 0;
}

/* Paths in the test's folder; a few may be in use at a time. */
static inline const char *at(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

static inline bool is_there(const char *name)
{
    return access(at(name), F_OK) == 0;
}

static inline void put(const char *name, capsa_bytes content)
{
    FILE *file = fopen(at(name), "we"); /* not capsa_file_write: no test waits for the disk */
    assert_non_null(file);
    if (content.len > 0) {
        assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
    }
    assert_int_equal(fclose(file), 0);
}

static inline void get(const char *name, capsa_buf *content)
{
    capsa_buf_clear(content);
    assert_ok(capsa_file_read(at(name), content));
}

/* Bytes of which no two pieces are alike. */
static inline void put_made(const char *name, size_t size)
{
    uint8_t *content = malloc(size + 4);
    assert_non_null(content);
    uint32_t word = (uint32_t)size + 1;
    for (size_t i = 0; i < size; i += 4) {
        word = word * 1664525 + 1013904223;
        memcpy(content + i, &word, 4);
    }
    put(name, capsa_bytes_of(content, size));
    free(content);
}

static inline void assert_same(const char *one, const char *two)
{
    CAPSA_AUTO(capsa_buf) a = capsa_buf_of(MIB(64));
    CAPSA_AUTO(capsa_buf) b = capsa_buf_of(MIB(64));
    get(one, &a);
    get(two, &b);
    assert_int_equal(a.len, b.len);
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&a), capsa_buf_bytes(&b)));
}

static inline capsa_result reopen(const char *name, const struct capsa_file_options *options)
{
    (void)unlink(at("opened"));
    return capsa_file_open(at(name), at("opened"), key, options);
}

static inline void assert_holds(const char *name, const char *text)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(MIB(1));
    get(name, &content);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&content), text));
}

/* The failure left neither a destination nor a temporary file. */
static inline void assert_nothing_left(int files)
{
    assert_false(is_there("opened"));
    assert_int_equal(test_count_files(folder), files);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)
