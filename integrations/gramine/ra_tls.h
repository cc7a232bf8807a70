/* SPDX-License-Identifier: Apache-2.0
 *
 * The binary interface of Gramine's RA-TLS libraries: four functions and one structure, declared
 * anew, and the numbers that they answer with. Programs that were built for Gramine's libraries
 * call ours without being built again, so nothing here may ever change.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RA_TLS_API __attribute__((visibility("default")))

/* What went through mbedTLS in the original carries its numbers. */
enum ra_tls_code {
    RA_TLS_OK = 0,
    RA_TLS_INVALID_FORMAT = -0x2180,     /* no certificate */
    RA_TLS_INVALID_EXTENSIONS = -0x2500, /* no evidence in it, or damaged */
    RA_TLS_SIG_MISMATCH = -0x2680,       /* evidence of another key; not signed by its own */
    RA_TLS_VERIFY_FAILED = -0x2700,      /* refused */
    RA_TLS_BAD_INPUT = -0x2800,          /* arguments, and the environment */
    RA_TLS_ALLOC_FAILED = -0x2880,
    RA_TLS_FILE_IO = -0x2900, /* no interface to attest with; configuration that cannot be read */
    RA_TLS_FATAL = -0x3000,
};

enum ra_tls_scheme { RA_TLS_SCHEME_UNKNOWN = 0, RA_TLS_SCHEME_DCAP = 2 };

/* How far it came. */
enum ra_tls_step {
    RA_TLS_AT_NONE = 0,
    RA_TLS_AT_INIT = 1,
    RA_TLS_AT_EXTRACT = 2,      /* certificate, and that the evidence binds its key */
    RA_TLS_AT_VERIFY = 3,       /* the quote, and the status of its platform */
    RA_TLS_AT_ATTRIBUTES = 4,   /* of the enclave */
    RA_TLS_AT_MEASUREMENTS = 5, /* of the enclave, and the variables that give them */
};

struct ra_tls_verify_callback_results {
    int attestation_scheme; /* enum ra_tls_scheme */
    int err_loc;            /* enum ra_tls_step */
    union {
        struct {
            int func_verify_quote_result;  /* quote3_error_t: could it be verified at all */
            int quote_verification_result; /* sgx_ql_qv_result_t: 0, 0xA001 ... */
        } dcap;
        char room[128];
    };
};
_Static_assert(sizeof(struct ra_tls_verify_callback_results) == 136, "Gramine's size");
_Static_assert(offsetof(struct ra_tls_verify_callback_results, err_loc) == 4, "Gramine's place");
_Static_assert(offsetof(struct ra_tls_verify_callback_results, dcap) == 8, "Gramine's place");

/* Binary: 32 bytes, 32 bytes, and two 16-bit numbers, little-endian. 0 accepts. */
typedef int (*ra_tls_measurement_callback)(const char *mrenclave, const char *mrsigner,
                                           const char *isv_prod_id, const char *isv_svn);

/* A key (SEC1, DER) and its certificate (DER), each in memory of malloc's. -EINVAL: a NULL. */
RA_TLS_API int ra_tls_create_key_and_crt_der(uint8_t **ret_key, size_t *ret_key_len,
                                             uint8_t **ret_crt, size_t *ret_crt_len);
/* 0: accepted, and only then. `results` may be NULL. */
RA_TLS_API int ra_tls_verify_callback_extended_der(uint8_t *crt, size_t crt_len,
                                                   struct ra_tls_verify_callback_results *results);
RA_TLS_API int ra_tls_verify_callback_der(uint8_t *crt, size_t crt_len);
/* Instead of the four variables with measurements; NULL: these again. A verification that is under
 * way in another thread still asks the one before. */
RA_TLS_API void ra_tls_set_measurement_callback(ra_tls_measurement_callback callback);
