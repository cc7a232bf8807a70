/* SPDX-License-Identifier: Apache-2.0
 *
 * An appraisal policy from a file: read, never crash; and whatever was loaded never accepts what no
 * policy may: nothing, debug without a word of insecure, a revoked platform.
 */
#include <stdlib.h>
#include <string.h>

#include "appraisal/appraisal.h"

#define NOW 1800000000

static void must_refuse(const struct capsa_appraisal_policy *policy, struct capsa_verdict *verdict)
{
    capsa_result judged = capsa_appraise_verdict(policy, NOW, NULL, verdict);
    if (!capsa_failed(judged) || verdict->accepted) {
        abort();
    }
}

static struct capsa_verdict quote(void)
{
    struct capsa_verdict verdict = {.tcb_status = CAPSA_TCB_UP_TO_DATE, .anchor = "intel-sgx-root"};
    verdict.claims.platform = CAPSA_PLATFORM_SGX;
    return verdict;
}

static bool mentions(const uint8_t *data, size_t size, const char *word)
{
    return memmem(data, size, word, strlen(word)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_appraisal_policy *policy = NULL;
    if (capsa_failed(capsa_appraisal_policy_load(capsa_bytes_of(data, size), &policy))) {
        if (policy != NULL) {
            abort(); /* outputs are untouched on failure */
        }
        return 0;
    }
    struct capsa_verdict nothing = {.accepted = false};
    must_refuse(policy, &nothing);
    struct capsa_verdict revoked = quote();
    revoked.tcb_status = CAPSA_TCB_REVOKED;
    must_refuse(policy, &revoked);
    struct capsa_verdict debug = quote();
    debug.claims.debug = true;
    /* An escape sequence can spell the word in other bytes. */
    if (!mentions(data, size, "insecure_") && !mentions(data, size, "\\")) {
        must_refuse(policy, &debug);
    }
    capsa_appraisal_policy_free(policy);
    return 0;
}
