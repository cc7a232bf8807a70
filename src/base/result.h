/* SPDX-License-Identifier: Apache-2.0
 *
 * What a function that can fail returns. A struct, so that it can neither be ignored, nor used as a
 * condition, nor compared with a number. It points at the error: a code, the place in the source,
 * and one sentence for people that says what was wrong and where in the input.
 *
 * Errors live in a ring of CAPSA_ERROR_RING slots per thread: a failure stays readable while its
 * caller cleans up, and until that many further errors were made on the same thread. To keep one
 * longer, or to hand it to another thread, copy *result.error (capsa_error_keep).
 *
 * Messages never hold secrets: they may name fields, ids, offsets and limits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum capsa_code {
    CAPSA_E_OK = 0,
#define CAPSA_ERROR(symbol, number, status, exit, text) CAPSA_E_##symbol = number,
#include "base/errors.def"
#undef CAPSA_ERROR
};

#define CAPSA_ERROR_TEXT 384
#define CAPSA_ERROR_RING 16

struct capsa_error {
    enum capsa_code code;
    const char *file; /* static */
    int line;
    char text[CAPSA_ERROR_TEXT]; /* NUL-terminated, printable, at most one line */
};

typedef struct {
    const struct capsa_error *error; /* NULL: success */
} capsa_result;

#define CAPSA_RESULT __attribute__((warn_unused_result)) capsa_result
#define CAPSA_OK     ((capsa_result){NULL})

/* Make an error. Bytes of the text that are not printable ASCII or UTF-8 become '?'. */
capsa_result capsa_error_make(enum capsa_code code, const char *file, int line, const char *format,
                              ...) __attribute__((format(printf, 4, 5)));

/* The same error with "prefix: " before its text: where in the input it was. */
capsa_result capsa_error_within(capsa_result inner, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Copy the error of a failed result, or clear *kept for a success. */
void capsa_error_keep(capsa_result result, struct capsa_error *kept);
/* A result made of a kept error; it points at `kept`, which must outlive it. */
capsa_result capsa_error_kept(const struct capsa_error *kept);
/* The same, made anew in this thread's ring: `kept` may go. */
capsa_result capsa_error_again(const struct capsa_error *kept);

bool capsa_failed(capsa_result result);
enum capsa_code capsa_code_of(capsa_result result);
const char *capsa_text_of(capsa_result result); /* never NULL */

/* Columns of errors.def. Unknown codes answer as INTERNAL. */
const char *capsa_code_name(enum capsa_code code);
const char *capsa_code_text(enum capsa_code code);
int capsa_code_status(enum capsa_code code);
int capsa_code_exit(enum capsa_code code);

/* Say that a failure is of no consequence here; `why` is for the reader. */
#define capsa_ignore(result, why) ((void)sizeof(why), (void)(result).error)

/* Tells the compiler that a made error is one, so that it can follow what a failure leaves unset.
 */
static inline capsa_result capsa_error_made(capsa_result made)
{
    if (made.error == NULL) {
        __builtin_unreachable();
    }
    return made;
}

#define CAPSA_FAIL(code, ...)                                                                      \
    return capsa_error_made(capsa_error_make(CAPSA_E_##code, __FILE__, __LINE__, __VA_ARGS__))

#define CAPSA_REQUIRE(condition, code, ...)                                                        \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            CAPSA_FAIL(code, __VA_ARGS__);                                                         \
        }                                                                                          \
    } while (0)

#define CAPSA_REQUIRE_MEMORY(pointer) CAPSA_REQUIRE((pointer) != NULL, NOMEM, "out of memory")

#define CAPSA_TRY(call)                                                                            \
    do {                                                                                           \
        capsa_result capsa_try_result_ = (call);                                                   \
        if (capsa_try_result_.error != NULL) {                                                     \
            return capsa_try_result_;                                                              \
        }                                                                                          \
    } while (0)

/* CAPSA_TRY, with where it happened put before the text. */
#define CAPSA_TRY_AT(call, ...)                                                                    \
    do {                                                                                           \
        capsa_result capsa_try_result_ = (call);                                                   \
        if (capsa_try_result_.error != NULL) {                                                     \
            return capsa_error_made(capsa_error_within(capsa_try_result_, __VA_ARGS__));           \
        }                                                                                          \
    } while (0)

/* Leave scope, and the value is dropped. `type` is a typedef or tag with a `type##_drop(type *)`.
 */
#define CAPSA_AUTO(type) __attribute__((cleanup(type##_drop))) type
/* The same for a pointer to a heap object with `name##_free(struct name *)`. Define the helper once
 * beside the type: CAPSA_DEFINE_AUTO_FREE(name). */
#define CAPSA_AUTO_FREE(name) __attribute__((cleanup(name##_free_at))) struct name *
#define CAPSA_DEFINE_AUTO_FREE(name)                                                               \
    static inline void name##_free_at(struct name **at)                                            \
    {                                                                                              \
        name##_free(*at);                                                                          \
    }
