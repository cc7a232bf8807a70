/* SPDX-License-Identifier: Apache-2.0
 *
 * A verdict of ours in the original's numbers: which return code, which step, which of Intel's
 * results.
 */
#pragma once

#include <stdbool.h>

#include <capsa/verify.h>

#include "ra_tls.h"
#include "ra_tls_env.h"

/* One certificate by one verifier; `callback` (NULL: none) has the last word, and is asked only
 * about what is accepted otherwise. Says why it refuses. */
int ra_tls_judge(const libcapsa_verifier *verifier, const struct ra_tls_env *env,
                 ra_tls_measurement_callback callback, const uint8_t *crt, size_t crt_len,
                 struct ra_tls_verify_callback_results *results);

/* Would Gramine let this result of Intel's pass, with these flags? */
bool ra_tls_result_is_allowed(uint32_t intel_result, bool expired, const struct ra_tls_env *env);
