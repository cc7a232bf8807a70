/* SPDX-License-Identifier: Apache-2.0
 *
 * What every test of the public interface includes first: cmocka, the public headers and nothing of
 * src/, asserts that show the library's own words, and recorded evidence.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <capsa/attest.h>
#include <capsa/verify.h>

#define API_PATH 1024

/* Of one test at a time. */
struct api_case {
    libcapsa_error *error;
    libcapsa_verifier *verifier;
};

static inline int api_setup(void **state)
{
    struct api_case *test = calloc(1, sizeof(*test));
    assert_non_null(test);
    test->error = libcapsa_error_new();
    assert_non_null(test->error);
    assert_int_equal(libcapsa_verifier_new(&test->verifier, test->error), LIBCAPSA_OK);
    *state = test;
    return 0;
}

static inline int api_teardown(void **state)
{
    struct api_case *test = *state;
    libcapsa_verifier_free(test->verifier);
    libcapsa_error_free(test->error);
    free(test);
    return 0;
}

#define assert_code(call, wanted, error)                                                           \
    do {                                                                                           \
        const int assert_got_ = (call);                                                            \
        if (assert_got_ != (wanted)) {                                                             \
            fail_msg("%s: wanted %s, got %s: %s", #call, libcapsa_code_name(wanted),               \
                     libcapsa_code_name(assert_got_), libcapsa_error_text(error));                 \
        }                                                                                          \
        if ((error) != NULL) {                                                                     \
            assert_int_equal(libcapsa_error_code(error), (wanted));                                \
        }                                                                                          \
    } while (0)
#define assert_success(call, error) assert_code(call, LIBCAPSA_OK, error)

/* ---- Recorded evidence --------------------------------------------------------------------------
 * It lies beside the repository, or where CAPSA_VECTORS says. Who does not find it skips. */

struct api_bytes {
    uint8_t *data;
    size_t len;
};

static inline void api_path(const char *name, char path[API_PATH])
{
    const char *folder = getenv("CAPSA_VECTORS");
    const int len =
        folder != NULL
            ? snprintf(path, API_PATH, "%s/attestation/%s", folder, name)
            : snprintf(path, API_PATH, CAPSA_SOURCE_ROOT "/../shared/vectors/attestation/%s", name);
    assert_true(len > 0 && len < API_PATH);
}

static inline struct api_bytes api_read(const char *folder, const char *file)
{
    char name[API_PATH / 2];
    char path[API_PATH];
    assert_true(snprintf(name, sizeof(name), "%s/%s", folder, file) < (int)sizeof(name));
    api_path(name, path);
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        print_message("skipped: no recorded evidence at %s\n", path);
        skip();
    }
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    const long len = ftell(in);
    assert_true(len >= 0);
    rewind(in);
    /* Exactly as long, so that a read behind the end is seen. */
    struct api_bytes bytes = {malloc(len == 0 ? 1 : (size_t)len), (size_t)len};
    assert_non_null(bytes.data);
    assert_int_equal(fread(bytes.data, 1, bytes.len, in), bytes.len);
    (void)fclose(in);
    return bytes;
}

/* What belongs to a folder of recorded evidence. */
struct api_vector {
    struct api_bytes evidence;
    libcapsa_collateral *collateral;
    int64_t time;
};

static inline int64_t api_time(const char *folder)
{
    static const char member[] = "\"verification_time_unix\":";
    struct api_bytes text = api_read(folder, "expected.json");
    char *copy = calloc(1, text.len + 1);
    assert_non_null(copy);
    memcpy(copy, text.data, text.len);
    const char *at = strstr(copy, member);
    const long long time = at == NULL ? 0 : strtoll(at + sizeof(member) - 1, NULL, 10);
    free(copy);
    free(text.data);
    return time == 0 ? 1795000000 : time; /* Hygon's: nothing of theirs expires */
}

static inline void api_vector_open(const char *folder, struct api_vector *vector)
{
    const bool intel = strncmp(folder, "sgx", 3) == 0 || strncmp(folder, "tdx", 3) == 0;
    char path[API_PATH];
    vector->evidence = api_read(folder, intel ? "quote.bin" : "report.bin");
    vector->collateral = libcapsa_collateral_new();
    vector->time = api_time(folder);
    assert_non_null(vector->collateral);
    api_path(folder, path);
    assert_success(libcapsa_collateral_load(vector->collateral, path, NULL), NULL);
}

static inline void api_vector_close(struct api_vector *vector)
{
    libcapsa_collateral_free(vector->collateral);
    free(vector->evidence.data);
}

/* Judged without report data. */
static inline int api_judge(const libcapsa_verifier *verifier, const struct api_vector *vector,
                            libcapsa_verdict **ret_verdict, libcapsa_error *error)
{
    return libcapsa_verifier_judge_bytes(verifier, vector->evidence.data, vector->evidence.len,
                                         vector->collateral, vector->time, NULL, 0, ret_verdict,
                                         error);
}
