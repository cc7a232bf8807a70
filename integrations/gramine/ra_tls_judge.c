/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging one certificate (ra_tls_judge.h). The policy that the environment was made into has
 * decided already; Gramine's own table of results and flags stands behind it as a second lock, and
 * says at which of Gramine's steps something was refused.
 */
#include "ra_tls_judge.h"

#include <string.h>
#include <time.h>

#include <capsa/ratls.h>

#include "ra_tls_say.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* quote3_error_t, as far as something here is like it. */
enum {
    QUOTE3_SUCCESS = 0,
    QUOTE3_UNEXPECTED = 0xe001,
    QUOTE3_NETWORK = 0xe019,
    QUOTE3_NO_COLLATERAL = 0xe01b,
    QUOTE3_FORMAT = 0xe01d,
};

/* ---- Gramine's table, once more -------------------------------------------------------------- */

bool ra_tls_result_is_allowed(uint32_t intel_result, bool expired, const struct ra_tls_env *env)
{
    if (expired && !env->allow_outdated) {
        return false;
    }
    for (size_t i = 0; i < RA_TLS_STATUSES; i++) {
        if (ra_tls_statuses[i].result == intel_result) {
            return ra_tls_env_allows(env, &ra_tls_statuses[i]);
        }
    }
    return false;
}

/* ---- Refusals -------------------------------------------------------------------------------- */

/* Checks that are not about verifying a quote; all others are refused at that step. */
static const struct {
    const char *check;
    enum ra_tls_step step;
    enum ra_tls_code code;
} refusals[] = {
    {"certificate", RA_TLS_AT_EXTRACT, RA_TLS_INVALID_EXTENSIONS},
    {"certificate-signature", RA_TLS_AT_EXTRACT, RA_TLS_SIG_MISMATCH},
    {"certificate-time", RA_TLS_AT_EXTRACT, RA_TLS_VERIFY_FAILED},
    {"certificate-lifetime", RA_TLS_AT_EXTRACT, RA_TLS_VERIFY_FAILED},
    {"certificate-key", RA_TLS_AT_EXTRACT, RA_TLS_SIG_MISMATCH},
    {"debug", RA_TLS_AT_ATTRIBUTES, RA_TLS_VERIFY_FAILED},
    {"guest-policy", RA_TLS_AT_ATTRIBUTES, RA_TLS_VERIFY_FAILED},
    {"reference-values", RA_TLS_AT_MEASUREMENTS, RA_TLS_VERIFY_FAILED},
};

static const struct {
    const char *check;
    int result;
} quote_failures[] = {
    {"format", QUOTE3_FORMAT},
    {"collateral-missing", QUOTE3_NO_COLLATERAL},
};

/* What is neither yes nor no: it could not be found out. */
static const struct {
    int error;
    enum ra_tls_code code;
    int result;
} failures[] = {
    {LIBCAPSA_E_NOMEM, RA_TLS_ALLOC_FAILED, QUOTE3_UNEXPECTED},
    {LIBCAPSA_E_IO, RA_TLS_FILE_IO, QUOTE3_NO_COLLATERAL},
    {LIBCAPSA_E_NOT_FOUND, RA_TLS_VERIFY_FAILED, QUOTE3_NO_COLLATERAL},
    {LIBCAPSA_E_NETWORK, RA_TLS_VERIFY_FAILED, QUOTE3_NETWORK},
    {LIBCAPSA_E_TIMEOUT, RA_TLS_VERIFY_FAILED, QUOTE3_NETWORK},
};

static int fail(const libcapsa_error *error, struct ra_tls_verify_callback_results *results)
{
    int code = RA_TLS_FATAL;
    results->err_loc = RA_TLS_AT_VERIFY;
    results->dcap.func_verify_quote_result = QUOTE3_UNEXPECTED;
    for (size_t i = 0; i < COUNT(failures); i++) {
        if (failures[i].error == libcapsa_error_code(error)) {
            code = failures[i].code;
            results->dcap.func_verify_quote_result = failures[i].result;
        }
    }
    return ra_tls_say(code, "the certificate could not be verified: %s",
                      libcapsa_error_text(error));
}

static int refuse(const libcapsa_verdict *verdict, const struct ra_tls_env *env,
                  struct ra_tls_verify_callback_results *results)
{
    const char *check = libcapsa_verdict_failed_check(verdict);
    int code = RA_TLS_VERIFY_FAILED;
    results->err_loc = RA_TLS_AT_VERIFY;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        if (strcmp(refusals[i].check, check) == 0) {
            code = refusals[i].code;
            results->err_loc = (int)refusals[i].step;
        }
    }
    for (size_t i = 0; i < COUNT(quote_failures); i++) {
        if (strcmp(quote_failures[i].check, check) == 0) {
            results->dcap.func_verify_quote_result = quote_failures[i].result;
        }
    }
    /* Gramine looks at the platform's status before it looks into the enclave. */
    if (libcapsa_verdict_authentic(verdict) == 1 &&
        !ra_tls_result_is_allowed(libcapsa_verdict_intel_result(verdict),
                                  libcapsa_verdict_collateral_expired(verdict) != 0, env)) {
        results->err_loc = RA_TLS_AT_VERIFY;
    }
    return ra_tls_say(code, "the certificate is refused (%s): %s", check,
                      libcapsa_verdict_reason(verdict));
}

/* ---- What was accepted ----------------------------------------------------------------------- */

struct measured {
    uint8_t mr_enclave[32], mr_signer[32];
    uint8_t isv_prod_id[2], isv_svn[2]; /* little-endian */
} __attribute__((aligned(8)));

static bool take_bytes(const libcapsa_verdict *verdict, const char *name, uint8_t ret_bytes[32])
{
    size_t len = 0;
    const uint8_t *bytes = libcapsa_claim_bytes(libcapsa_verdict_claim(verdict, name), &len);
    if (bytes == NULL || len != 32) {
        return false;
    }
    memcpy(ret_bytes, bytes, len);
    return true;
}

static bool take_number(const libcapsa_verdict *verdict, const char *name, uint8_t ret_bytes[2])
{
    const libcapsa_claim *claim = libcapsa_verdict_claim(verdict, name);
    if (claim == NULL || libcapsa_claim_kind(claim) != LIBCAPSA_CLAIM_NUMBER) {
        return false;
    }
    const uint64_t number = libcapsa_claim_number(claim);
    ret_bytes[0] = (uint8_t)number;
    ret_bytes[1] = (uint8_t)(number >> 8);
    return number <= UINT16_MAX;
}

static int ask(ra_tls_measurement_callback callback, const libcapsa_verdict *verdict)
{
    struct measured found;
    if (!take_bytes(verdict, "sgx.mr_enclave", found.mr_enclave) ||
        !take_bytes(verdict, "sgx.mr_signer", found.mr_signer) ||
        !take_number(verdict, "sgx.isv_prod_id", found.isv_prod_id) ||
        !take_number(verdict, "sgx.isv_svn", found.isv_svn)) {
        return ra_tls_say(RA_TLS_FATAL, "the evidence was accepted, and has no measurements");
    }
    const int answer = callback((const char *)found.mr_enclave, (const char *)found.mr_signer,
                                (const char *)found.isv_prod_id, (const char *)found.isv_svn);
    return answer == 0 ? RA_TLS_OK
                       : ra_tls_say(RA_TLS_VERIFY_FAILED,
                                    "the certificate is refused: the program's own measurement "
                                    "callback returned %d; 0 accepts",
                                    answer);
}

static int conclude(const libcapsa_verdict *verdict, const struct ra_tls_env *env,
                    ra_tls_measurement_callback callback,
                    struct ra_tls_verify_callback_results *results)
{
    const uint32_t result = libcapsa_verdict_intel_result(verdict);
    results->err_loc = RA_TLS_AT_VERIFY;
    if (libcapsa_verdict_accepted(verdict) != 1 || libcapsa_verdict_authentic(verdict) != 1 ||
        strcmp(libcapsa_verdict_platform(verdict), "sgx") != 0 ||
        !ra_tls_result_is_allowed(result, libcapsa_verdict_collateral_expired(verdict) != 0, env)) {
        return ra_tls_say(RA_TLS_FATAL, "policy and flags disagree on result 0x%x", result);
    }
    results->err_loc = RA_TLS_AT_MEASUREMENTS;
    const int code = callback == NULL ? RA_TLS_OK : ask(callback, verdict);
    results->err_loc = code == RA_TLS_OK ? RA_TLS_AT_NONE : RA_TLS_AT_MEASUREMENTS;
    return code;
}

/* ---- Judging --------------------------------------------------------------------------------- */

/* One DER sequence and nothing behind it: the original reads no PEM here. */
static bool is_der(const uint8_t *crt, size_t len)
{
    if (len < 2 || crt[0] != 0x30) {
        return false;
    }
    if (crt[1] < 0x80) {
        return len == 2U + crt[1];
    }
    const size_t count = crt[1] & 0x7fU;
    if (count == 0 || count > 4 || len < 2 + count) {
        return false;
    }
    size_t inner = 0;
    for (size_t i = 0; i < count; i++) {
        inner = inner << 8 | crt[2 + i];
    }
    return inner == len - 2 - count;
}

/* With collateral that is none, so that ours is asked for, as in the original: what a certificate
 * brings is the choice of a platform that has reasons to bring what was said of it before. */
static int ask_verifier(const libcapsa_verifier *verifier, const uint8_t *crt, size_t crt_len,
                        libcapsa_verdict **ret_verdict, libcapsa_error *error)
{
    libcapsa_collateral *none = libcapsa_collateral_new();
    if (none == NULL) {
        libcapsa_error_set(error, LIBCAPSA_E_NOMEM, "out of memory");
        return LIBCAPSA_E_NOMEM;
    }
    const int judged =
        libcapsa_verifier_judge_certificate(verifier, crt, crt_len, LIBCAPSA_CERTIFICATE_COMPAT,
                                            none, (int64_t)time(NULL), ret_verdict, error);
    libcapsa_collateral_free(none);
    return judged;
}

static int judge(const libcapsa_verifier *verifier, const struct ra_tls_env *env,
                 ra_tls_measurement_callback callback, const uint8_t *crt, size_t crt_len,
                 libcapsa_error *error, struct ra_tls_verify_callback_results *results)
{
    libcapsa_verdict *verdict = NULL;
    const int judged = ask_verifier(verifier, crt, crt_len, &verdict, error);
    results->dcap.quote_verification_result = (int)libcapsa_verdict_intel_result(verdict);
    int code = RA_TLS_OK;
    if (verdict == NULL) {
        code = fail(error, results);
    } else if (judged != 0) {
        code = refuse(verdict, env, results);
    } else {
        code = conclude(verdict, env, callback, results);
    }
    libcapsa_verdict_free(verdict);
    return code;
}

int ra_tls_judge(const libcapsa_verifier *verifier, const struct ra_tls_env *env,
                 ra_tls_measurement_callback callback, const uint8_t *crt, size_t crt_len,
                 struct ra_tls_verify_callback_results *results)
{
    if (!is_der(crt, crt_len)) {
        results->err_loc = RA_TLS_AT_EXTRACT;
        return ra_tls_say(RA_TLS_INVALID_FORMAT,
                          "what was given is no certificate: %zu bytes that are not one DER "
                          "sequence",
                          crt_len);
    }
    libcapsa_error *error = libcapsa_error_new();
    if (error == NULL) {
        results->err_loc = RA_TLS_AT_INIT;
        return ra_tls_say(RA_TLS_ALLOC_FAILED, "out of memory");
    }
    const int code = judge(verifier, env, callback, crt, crt_len, error, results);
    libcapsa_error_free(error);
    return code;
}
