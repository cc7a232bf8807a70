/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment, which is how programs tell Gramine's verifier what to accept: read strictly,
 * into an appraisal policy. Unlike in the original, garbage is an error and never a zero, and what
 * is not said is not "anything".
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define RA_TLS_POLICY_TEXT 1024

struct ra_tls_env {
    bool allow_outdated, allow_hw_config, allow_sw_hardening, allow_debug;
    char policy[RA_TLS_POLICY_TEXT]; /* for libcapsa_verifier_set_policy */
    /* Where collateral comes from: the first of these that is not "". */
    char bundle[PATH_MAX];
    char simulation[PATH_MAX]; /* its root is trusted, whatever the collateral is */
    char qcnl[PATH_MAX];
};

/* A platform's status that may pass at all, and the flags that Gramine asks for it, all of them. */
struct ra_tls_status {
    const char *name; /* as policies call it */
    uint32_t result;  /* as Intel's library answers it */
    bool outdated, hw_config, sw_hardening;
};
#define RA_TLS_STATUSES 6
extern const struct ra_tls_status ra_tls_statuses[RA_TLS_STATUSES];
bool ra_tls_env_allows(const struct ra_tls_env *env, const struct ra_tls_status *status);

/* `measured`: the four variables with measurements count; false: a callback sees to them. Failures
 * are said, and what is returned is an enum ra_tls_code and *ret_step; *ret_env is written on
 * success alone. */
int ra_tls_env_read(bool measured, struct ra_tls_env *ret_env, int *ret_step);

/* A path from a variable: "" when it is not set. An empty value is as good as a wrong one. */
int ra_tls_env_path(const char *name, char ret_path[PATH_MAX]);
/* The same of CAPSA_INSECURE_SIMULATION: a build without simulation refuses any value. */
int ra_tls_env_simulation(char ret_path[PATH_MAX]);
/* YYYYMMDDHHMMSS, in UTC; *ret_given false when it is not set. */
int ra_tls_env_time(const char *name, bool *ret_given, int64_t *ret_time);
