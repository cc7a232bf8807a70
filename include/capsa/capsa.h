/* SPDX-License-Identifier: Apache-2.0
 *
 * The public C interface of Capsa: what every part of it shares. The parts: evidence.h,
 * collateral.h, verify.h (libcapsa and libcapsa-verify), attest.h, fetch.h (libcapsa alone),
 * ratls.h (its certificates in both, its channels in libcapsa).
 *
 * Names     Everything begins with libcapsa_ or LIBCAPSA_. Nothing here is a macro that a caller
 *           needs, so that the library can be called from any language; the headers are C++ too.
 * Handles   Opaque. Made by a function with `ret_` at its end or by ..._new, freed by the ..._free
 *           of its type, which takes NULL. What a handle lends out (const pointers) lives as long
 *           as the handle, unless said otherwise.
 * Errors    0 is success, and any other int is one of the negative codes below. Outputs (`ret_`)
 *           are written on success alone, but for verdicts (verify.h). The text of a failure goes
 *           into a libcapsa_error, which the last argument may bring; it may always be NULL.
 *           NULL where something is needed is LIBCAPSA_E_USAGE and no crash.
 * Threads   Functions may be called from any thread. A handle that is only read (const) may be used
 *           by any number of threads at once, a verifier above all; a handle that is being changed
 *           by one at a time. There is no state outside of handles.
 * Effects   No function logs or reads the environment. Files are read by ..._load and what says so;
 *           devices by libcapsa_attest... and identities; the network is used by fetch.h and by
 *           channels (ratls.h), which also read the clock; nothing else does.
 * Units     Times are seconds since 1970-01-01T00:00:00Z. Texts are NUL-terminated UTF-8. Bytes are
 *           a pointer and a length, and NULL with a length of 0 is no bytes.
 */
#ifndef CAPSA_CAPSA_H
#define CAPSA_CAPSA_H

#include <stddef.h>
#include <stdint.h>

#define LIBCAPSA_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* -1.. usage and memory; -1xx malformed input; -2xx refused, never retry; -3xx environment, may
 * retry. Numbers never change their meaning; new ones may come. */
enum libcapsa_code {
    LIBCAPSA_OK = 0,
    LIBCAPSA_E_NOMEM = -1,
    LIBCAPSA_E_USAGE = -2,
    LIBCAPSA_E_INTERNAL = -3,
    LIBCAPSA_E_UNSUPPORTED = -4,
    LIBCAPSA_E_MALFORMED = -100,
    LIBCAPSA_E_TOO_LARGE = -101,
    LIBCAPSA_E_TRUNCATED = -102,
    LIBCAPSA_E_UNKNOWN_FIELD = -103,
    LIBCAPSA_E_DENIED = -200, /* of a verdict: authentic, and refused by the policy */
    LIBCAPSA_E_UNAUTHENTIC = -201,
    LIBCAPSA_E_REPLAYED = -202,
    LIBCAPSA_E_EXPIRED = -203,
    LIBCAPSA_E_NOT_FOUND = -204,
    LIBCAPSA_E_EXISTS = -205,
    LIBCAPSA_E_CONFLICT = -206,
    LIBCAPSA_E_EVIDENCE = -207, /* of a verdict: not parsable, not authentic, or debug */
    LIBCAPSA_E_TCB = -208,      /* of a verdict: expired, without collateral, or TCB status */
    LIBCAPSA_E_TAMPERED = -209,
    LIBCAPSA_E_IO = -300,
    LIBCAPSA_E_NETWORK = -301,
    LIBCAPSA_E_TIMEOUT = -302,
    LIBCAPSA_E_BUSY = -303,
    LIBCAPSA_E_CANCELLED = -304,
    LIBCAPSA_E_STORE = -305
};

/* "MALFORMED", and "malformed input". Any other number is "INTERNAL". Static. */
LIBCAPSA_API const char *libcapsa_code_name(int code);
LIBCAPSA_API const char *libcapsa_code_text(int code);

LIBCAPSA_API const char *libcapsa_version(void); /* "0.1.0"; static */

/* ---- Errors -------------------------------------------------------------------------------------
 * A place for the last failure. Every function that takes one sets it, on success to
 * LIBCAPSA_OK. Of one thread at a time. */
typedef struct libcapsa_error libcapsa_error;
LIBCAPSA_API libcapsa_error *libcapsa_error_new(void); /* NULL: out of memory */
LIBCAPSA_API void libcapsa_error_free(libcapsa_error *error);
LIBCAPSA_API int libcapsa_error_code(const libcapsa_error *error);
/* One sentence: what was wrong, and where. "" on success. Lives until `error` is set again. */
LIBCAPSA_API const char *libcapsa_error_text(const libcapsa_error *error);
/* Which check of evidence failed ("qe-report-binding"); "" when the failure is no refusal. */
LIBCAPSA_API const char *libcapsa_error_check(const libcapsa_error *error);
/* For callbacks. Bytes of `text` (NULL: none) that are not printable become '?'. */
LIBCAPSA_API void libcapsa_error_set(libcapsa_error *error, int code, const char *text);

/* Overwrites and frees what a function handed over as a plain pointer (char **, uint8_t **). NULL
 * is fine. */
LIBCAPSA_API void libcapsa_free(void *pointer);

/* Borrowed bytes, where a function takes several. */
typedef struct libcapsa_bytes {
    const void *data;
    size_t len;
} libcapsa_bytes;

#define LIBCAPSA_REPORT_DATA 64 /* bytes that evidence of every platform binds */

#ifdef __cplusplus
}
#endif

#endif
