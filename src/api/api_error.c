/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors across the public interface (capsa/capsa.h): the numbers of errors.def under public names,
 * and a place of the caller's for the text.
 */
#include <malloc.h>
#include <stdio.h>

#include "api/api_internal.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/secret.h"

/* ---- Codes ----------------------------------------------------------------------------------- */

/* A line that is new in errors.def stops the build here until capsa.h has it. */
#define CAPSA_ERROR(symbol, number, status, exit, text)                                            \
    _Static_assert((int)LIBCAPSA_E_##symbol == (number), "capsa.h and errors.def disagree");
#include "base/errors.def"
#undef CAPSA_ERROR

static const struct {
    int code;
    const char *name, *text;
} codes[] = {
    {LIBCAPSA_OK, "OK", "success"},
#define CAPSA_ERROR(symbol, number, status, exit, text) {(number), #symbol, (text)},
#include "base/errors.def"
#undef CAPSA_ERROR
};

static size_t code_index(int code)
{
    size_t internal = 0;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == code) {
            return i;
        }
        internal = codes[i].code == LIBCAPSA_E_INTERNAL ? i : internal;
    }
    return internal;
}

const char *libcapsa_code_name(int code)
{
    return codes[code_index(code)].name;
}

const char *libcapsa_code_text(int code)
{
    return codes[code_index(code)].text;
}

const char *libcapsa_version(void)
{
    return CAPSA_VERSION;
}

/* ---- The caller's place ---------------------------------------------------------------------- */

libcapsa_error *libcapsa_error_new(void)
{
    return CAPSA_NEW(struct libcapsa_error);
}

void libcapsa_error_free(libcapsa_error *error)
{
    capsa_dealloc(error);
}

int libcapsa_error_code(const libcapsa_error *error)
{
    return error == NULL ? LIBCAPSA_OK : (int)error->kept.code;
}

const char *libcapsa_error_text(const libcapsa_error *error)
{
    return error == NULL ? "" : error->kept.text;
}

const char *libcapsa_error_check(const libcapsa_error *error)
{
    return error == NULL ? "" : capsa_check_name(error->check);
}

void libcapsa_error_set(libcapsa_error *error, int code, const char *text)
{
    const enum capsa_code known = (enum capsa_code)codes[code_index(code)].code;
    const capsa_result made = capsa_error_make(known, __FILE__, __LINE__, "%s",
                                               text == NULL ? capsa_code_text(known) : text);
    (void)capsa_api_end(known == CAPSA_E_OK ? CAPSA_OK : made, error);
}

/* A private key may be among what is freed, and how long it was, the allocator knows. */
void libcapsa_free(void *pointer)
{
    if (pointer != NULL) {
        capsa_wipe(pointer, malloc_usable_size(pointer));
        capsa_dealloc(pointer);
    }
}

/* ---- The end of every function --------------------------------------------------------------- */

int capsa_api_end_check(capsa_result result, enum capsa_check check, libcapsa_error *ret_error)
{
    if (ret_error != NULL) {
        capsa_error_keep(result, &ret_error->kept);
        ret_error->check = check;
    }
    return (int)capsa_code_of(result);
}

int capsa_api_end(capsa_result result, libcapsa_error *ret_error)
{
    return capsa_api_end_check(result, CAPSA_CHECK_NONE, ret_error);
}

/* ---- What callers give, and get ---------------------------------------------------------------*/

CAPSA_RESULT capsa_api_bytes(const char *what, const void *data, size_t len, capsa_bytes *ret_bytes)
{
    CAPSA_REQUIRE(data != NULL || len == 0, USAGE, "%s: NULL, and %zu bytes of it", what, len);
    *ret_bytes = capsa_bytes_of(data, len);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_api_platform(const char *name, enum capsa_platform *ret_platform)
{
    CAPSA_API_GIVEN(name);
    const enum capsa_platform platform = capsa_platform_by_name(name);
    CAPSA_REQUIRE(platform != CAPSA_PLATFORM_NONE, USAGE,
                  "no platform has the name \"%.32s\"; sgx, tdx, snp or csv is wanted", name);
    *ret_platform = platform;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_api_read(const char *path, size_t max, capsa_buf *ret_content)
{
    CAPSA_API_GIVEN(path);
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(max);
    CAPSA_TRY(capsa_file_read(path, &content));
    *ret_content = content;
    content = capsa_buf_of(0);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_api_json_text(const struct capsa_json *json, char **ret_text)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(16));
    CAPSA_TRY(capsa_json_write(json, CAPSA_JSON_COMPACT, &text));
    return capsa_buf_take_str(&text, ret_text);
}

/* ---- Handles that others use ----------------------------------------------------------------- */

void capsa_api_hold(capsa_api_references *references)
{
    (void)atomic_fetch_add_explicit(references, 1, memory_order_relaxed);
}

bool capsa_api_let_go(capsa_api_references *references)
{
    return atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
}
