/* SPDX-License-Identifier: Apache-2.0
 *
 * The one function of libra_tls_attest.so: a key and a certificate with evidence of it, as Gramine
 * 1.8 and later make them (P-384; the evidence as TCG DICE has it, and Gramine's own of before).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <capsa/ratls.h>

#include "ra_tls.h"
#include "ra_tls_env.h"
#include "ra_tls_say.h"

/* Programs that were written for Gramine make one certificate when they start and never another,
 * because Gramine's end in 2030: a day, as Capsa's own live, would stop their service a day after
 * its start. Over a year verifiers frown at. */
#define LIFE_SECONDS (INT64_C(364) * 86400)

/* ---- Settings -------------------------------------------------------------------------------- */

struct settings {
    char simulation[PATH_MAX], code[PATH_MAX]; /* "": none; the running program */
    bool has_dates;
    int64_t not_before, not_after;
};

static int read_dates(int64_t now, struct settings *settings)
{
    bool has_start = false, has_end = false;
    settings->not_before = now;
    int code =
        ra_tls_env_time("RA_TLS_CERT_TIMESTAMP_NOT_BEFORE", &has_start, &settings->not_before);
    if (code != RA_TLS_OK) {
        return code;
    }
    const int64_t start = settings->not_before;
    settings->not_after = (start > now ? start : now) + LIFE_SECONDS;
    code = ra_tls_env_time("RA_TLS_CERT_TIMESTAMP_NOT_AFTER", &has_end, &settings->not_after);
    if (code != RA_TLS_OK) {
        return code;
    }
    settings->has_dates = has_start || has_end;
    if (settings->not_after <= settings->not_before) {
        return ra_tls_say(RA_TLS_BAD_INPUT,
                          "by RA_TLS_CERT_TIMESTAMP_NOT_BEFORE and RA_TLS_CERT_TIMESTAMP_NOT_AFTER "
                          "the certificate ends before it starts");
    }
    return RA_TLS_OK;
}

static int read_settings(int64_t now, struct settings *settings)
{
    int code = read_dates(now, settings);
    code = code != RA_TLS_OK ? code : ra_tls_env_simulation(settings->simulation);
    return code != RA_TLS_OK ? code
                             : ra_tls_env_path("CAPSA_INSECURE_SIMULATION_CODE", settings->code);
}

/* ---- Making ---------------------------------------------------------------------------------- */

struct made {
    libcapsa_error *error;
    libcapsa_attester *attester;
    libcapsa_identity *identity;
    uint8_t *key, *crt; /* the library's */
    size_t key_len, crt_len;
};

static void drop(struct made *made)
{
    if (made->key != NULL) {
        explicit_bzero(made->key, made->key_len);
    }
    libcapsa_free(made->key);
    libcapsa_free(made->crt);
    libcapsa_identity_free(made->identity);
    libcapsa_attester_free(made->attester);
    libcapsa_error_free(made->error);
}

#ifdef CAPSA_SIMULATION
static int new_simulated(const struct settings *settings, struct made *made)
{
    (void)ra_tls_say(0,
                     "INSECURE: CAPSA_INSECURE_SIMULATION is set, and the certificate carries "
                     "evidence of the simulated platform in %s: it proves nothing",
                     settings->simulation);
    const int code = libcapsa_attester_new("sim-sgx", &made->attester, made->error);
    return code != 0 ? code
                     : libcapsa_attester_insecure_set_simulation(
                           made->attester, settings->simulation,
                           settings->code[0] == '\0' ? NULL : settings->code, made->error);
}
#endif

/* What stands for another attester is never taken because "sgx" is missing. */
static int new_attester(const struct settings *settings, struct made *made)
{
#ifdef CAPSA_SIMULATION
    if (settings->simulation[0] != '\0') {
        return new_simulated(settings, made);
    }
#endif
    (void)settings;
    return libcapsa_attester_new("sgx", &made->attester, made->error);
}

static int new_identity(const struct settings *settings, struct made *made)
{
    int code = libcapsa_identity_new(made->attester, &made->identity, made->error);
    code = code != 0 ? code : libcapsa_identity_set_key(made->identity, "p384", made->error);
    code =
        code != 0 ? code : libcapsa_identity_set_forms(made->identity, "dice,gramine", made->error);
    if (code != 0) {
        return code;
    }
    return settings->has_dates
               ? libcapsa_identity_set_dates(made->identity, settings->not_before,
                                             settings->not_after, made->error)
               : libcapsa_identity_set_lifetime(made->identity, LIFE_SECONDS, made->error);
}

static int make(const struct settings *settings, int64_t now, struct made *made)
{
    int code = new_attester(settings, made);
    code = code != 0 ? code : new_identity(settings, made);
    code = code != 0 ? code : libcapsa_identity_make(made->identity, now, made->error);
    code = code != 0 ? code
                     : libcapsa_identity_key(made->identity, "der", &made->key, &made->key_len,
                                             made->error);
    return code != 0 ? code
                     : libcapsa_identity_certificate(made->identity, "der", &made->crt,
                                                     &made->crt_len, made->error);
}

static const struct {
    int error;
    enum ra_tls_code code;
} failures[] = {
    {LIBCAPSA_E_NOMEM, RA_TLS_ALLOC_FAILED},  {LIBCAPSA_E_USAGE, RA_TLS_BAD_INPUT},
    {LIBCAPSA_E_IO, RA_TLS_FILE_IO},          {LIBCAPSA_E_NOT_FOUND, RA_TLS_FILE_IO},
    {LIBCAPSA_E_UNSUPPORTED, RA_TLS_FILE_IO}, {LIBCAPSA_E_TIMEOUT, RA_TLS_FILE_IO},
    {LIBCAPSA_E_BUSY, RA_TLS_FILE_IO},
};

static int code_of(int error)
{
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].error == error) {
            return failures[i].code;
        }
    }
    return RA_TLS_FATAL;
}

/* ---- The interface --------------------------------------------------------------------------- */

/* The caller frees with free(), which is not the library's. */
static int hand_over(const struct made *made, uint8_t **ret_key, size_t *ret_key_len,
                     uint8_t **ret_crt, size_t *ret_crt_len)
{
    uint8_t *key = malloc(made->key_len);
    uint8_t *crt = malloc(made->crt_len);
    if (key == NULL || crt == NULL) {
        free(key);
        free(crt);
        return ra_tls_say(RA_TLS_ALLOC_FAILED, "out of memory");
    }
    memcpy(key, made->key, made->key_len);
    memcpy(crt, made->crt, made->crt_len);
    *ret_key = key;
    *ret_key_len = made->key_len;
    *ret_crt = crt;
    *ret_crt_len = made->crt_len;
    return RA_TLS_OK;
}

int ra_tls_create_key_and_crt_der(uint8_t **ret_key, size_t *ret_key_len, uint8_t **ret_crt,
                                  size_t *ret_crt_len)
{
    if (ret_key == NULL || ret_key_len == NULL || ret_crt == NULL || ret_crt_len == NULL) {
        return -EINVAL;
    }
    const int64_t now = (int64_t)time(NULL);
    struct settings settings = {.has_dates = false};
    int code = read_settings(now, &settings);
    if (code != RA_TLS_OK) {
        return code;
    }
    struct made made = {.error = libcapsa_error_new()};
    const int failed = make(&settings, now, &made);
    code = failed == 0 ? hand_over(&made, ret_key, ret_key_len, ret_crt, ret_crt_len)
                       : ra_tls_say(code_of(failed), "no certificate could be made: %s",
                                    libcapsa_error_text(made.error));
    drop(&made);
    return code;
}
