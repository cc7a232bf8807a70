/* SPDX-License-Identifier: Apache-2.0
 *
 * Verdicts as a verifier leaves them for evidence that is in order, and policies as text, for the
 * tests of appraisal.
 */
#pragma once

#include <stdio.h>

#include "appraisal/appraisal.h"
#include "unit.h"

#define NOW   INT64_C(1800000000)
#define A_DAY INT64_C(86400)
#define HEX32(digits)                                                                              \
    digits digits digits digits digits digits digits digits digits digits digits digits digits     \
        digits digits digits digits digits digits digits digits digits digits digits digits digits \
            digits digits digits digits digits digits
#define HEX16(digits)                                                                              \
    digits digits digits digits digits digits digits digits digits digits digits digits digits     \
        digits digits digits
#define HEX48(digits) HEX32(digits) HEX16(digits)
#define HEX64(digits) HEX32(digits) HEX32(digits)

static inline void test_claim(struct capsa_verdict *verdict, enum capsa_claim claim, uint8_t byte)
{
    uint8_t bytes[CAPSA_CLAIM_BYTES];
    memset(bytes, byte, sizeof(bytes));
    size_t size = capsa_claim_type(claim)->size;
    capsa_claim_set_bytes(&verdict->claims, claim, capsa_bytes_of(bytes, size));
}

static inline struct capsa_verdict test_verdict(enum capsa_platform platform, const char *anchor)
{
    struct capsa_verdict verdict = {
        .collateral_issued = NOW - 10 * A_DAY,
        .collateral_expires = NOW + 10 * A_DAY,
        .signed_at = NOW - 20 * A_DAY,
    };
    verdict.claims.platform = platform;
    (void)snprintf(verdict.anchor, sizeof(verdict.anchor), "%s", anchor);
    return verdict;
}

static inline struct capsa_verdict test_intel(enum capsa_platform platform)
{
    struct capsa_verdict verdict = test_verdict(platform, "intel-sgx-root");
    verdict.tcb_status = verdict.platform_tcb_status = verdict.qe_tcb_status = CAPSA_TCB_UP_TO_DATE;
    verdict.tcb_date = NOW - 100 * A_DAY;
    verdict.tcb_evaluation = 17;
    return verdict;
}

static inline struct capsa_verdict test_sgx(void)
{
    struct capsa_verdict verdict = test_intel(CAPSA_PLATFORM_SGX);
    test_claim(&verdict, CAPSA_CLAIM_SGX_MR_ENCLAVE, 0xab);
    test_claim(&verdict, CAPSA_CLAIM_SGX_MR_SIGNER, 0xcd);
    test_claim(&verdict, CAPSA_CLAIM_SGX_REPORT_DATA, 0x11);
    test_claim(&verdict, CAPSA_CLAIM_SGX_ATTRIBUTES, 0x05);
    test_claim(&verdict, CAPSA_CLAIM_SGX_PPID, 0x77);
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_PROD_ID, 3);
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_SVN, 7);
    return verdict;
}

static inline struct capsa_verdict test_tdx(void)
{
    struct capsa_verdict verdict = test_intel(CAPSA_PLATFORM_TDX);
    verdict.module_tcb_status = CAPSA_TCB_UP_TO_DATE;
    static const enum capsa_claim registers[] = {CAPSA_CLAIM_TDX_MR_TD, CAPSA_CLAIM_TDX_RTMR0,
                                                 CAPSA_CLAIM_TDX_RTMR1, CAPSA_CLAIM_TDX_RTMR2,
                                                 CAPSA_CLAIM_TDX_RTMR3};
    for (size_t i = 0; i < 5; i++) {
        test_claim(&verdict, registers[i], (uint8_t)(0xa0 + i));
    }
    test_claim(&verdict, CAPSA_CLAIM_TDX_RTMR3, 0);
    test_claim(&verdict, CAPSA_CLAIM_TDX_MR_SEAM, 0x21);
    test_claim(&verdict, CAPSA_CLAIM_TDX_MR_SIGNER_SEAM, 0);
    test_claim(&verdict, CAPSA_CLAIM_TDX_MR_CONFIG_ID, 0);
    test_claim(&verdict, CAPSA_CLAIM_TDX_MR_OWNER, 0);
    test_claim(&verdict, CAPSA_CLAIM_TDX_MR_OWNER_CONFIG, 0);
    test_claim(&verdict, CAPSA_CLAIM_TDX_REPORT_DATA, 0x11);
    test_claim(&verdict, CAPSA_CLAIM_TDX_PPID, 0x77);
    static const uint8_t attributes[8] = {0, 0, 0, 0x10, 0, 0, 0, 0};
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_TDX_TD_ATTRIBUTES,
                          capsa_bytes_of(attributes, sizeof(attributes)));
    return verdict;
}

/* Genoa; boot loader 10, TEE 0, SNP 23, microcode 84; SMT allowed. */
static inline struct capsa_verdict test_snp(void)
{
    struct capsa_verdict verdict = test_verdict(CAPSA_PLATFORM_SNP, "amd-ark-genoa");
    verdict.signed_at = 0;
    static const uint8_t tcb[8] = {10, 0, 0, 0, 0, 0, 23, 84};
    static const uint8_t policy[8] = {0x1f, 0, 0x03, 0, 0, 0, 0, 0};
    static const enum capsa_claim tcbs[] = {
        CAPSA_CLAIM_SNP_REPORTED_TCB, CAPSA_CLAIM_SNP_COMMITTED_TCB, CAPSA_CLAIM_SNP_LAUNCH_TCB};
    for (size_t i = 0; i < 3; i++) {
        capsa_claim_set_bytes(&verdict.claims, tcbs[i], capsa_bytes_of(tcb, sizeof(tcb)));
    }
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_SNP_POLICY,
                          capsa_bytes_of(policy, sizeof(policy)));
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_SNP_PRODUCT, CAPSA_BYTES_LITERAL("Genoa"));
    test_claim(&verdict, CAPSA_CLAIM_SNP_MEASUREMENT, 0xab);
    test_claim(&verdict, CAPSA_CLAIM_SNP_CHIP_ID, 0x77);
    test_claim(&verdict, CAPSA_CLAIM_SNP_REPORT_DATA, 0x11);
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SNP_VMPL, 1);
    return verdict;
}

/* API 1.3 asked for; debugging and sharing of keys impossible. */
static inline struct capsa_verdict test_csv(void)
{
    struct capsa_verdict verdict = test_verdict(CAPSA_PLATFORM_CSV, "hygon-hrk");
    verdict.collateral_issued = verdict.collateral_expires = verdict.signed_at = 0;
    static const uint8_t policy[4] = {0x07, 0, 1, 3};
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_CSV_POLICY,
                          capsa_bytes_of(policy, sizeof(policy)));
    test_claim(&verdict, CAPSA_CLAIM_CSV_MEASURE, 0xab);
    test_claim(&verdict, CAPSA_CLAIM_CSV_VM_ID, 0x31);
    test_claim(&verdict, CAPSA_CLAIM_CSV_REPORT_DATA, 0x11);
    return verdict;
}

/* ---- Policies ------------------------------------------------------------------------------- */

static inline struct capsa_appraisal_policy *test_policy(const char *text)
{
    struct capsa_appraisal_policy *policy = NULL;
    capsa_result loaded = capsa_appraisal_policy_load(capsa_bytes_str(text), &policy);
    if (capsa_failed(loaded)) {
        fail_msg("%s: %s", text, capsa_text_of(loaded));
    }
    return policy;
}

static inline void test_accepted(const char *text, struct capsa_verdict verdict)
{
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy(text);
    capsa_result judged = capsa_appraise_verdict(policy, NOW, NULL, &verdict);
    if (capsa_failed(judged) || !verdict.accepted || verdict.failed_check != CAPSA_CHECK_NONE) {
        fail_msg("%s: refused: %s", text, capsa_text_of(judged));
    }
}

/* Refused by this check, with all of `reason` in the reason. */
static inline void test_refused(const char *text, struct capsa_verdict verdict,
                                enum capsa_check check, const char *reason)
{
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy(text);
    capsa_result judged = capsa_appraise_verdict(policy, NOW, NULL, &verdict);
    if (!capsa_failed(judged) || verdict.accepted || verdict.failed_check != check ||
        strstr(verdict.reason, reason) == NULL) {
        fail_msg("%s: wanted a refusal by %s with \"%s\", got %s: %s", text,
                 capsa_check_name(check), reason, capsa_check_name(verdict.failed_check),
                 verdict.reason);
    }
}

/* Not loaded, with all of `reason` in the error. */
static inline void test_not_loaded(const char *text, const char *reason)
{
    struct capsa_appraisal_policy *policy = NULL;
    capsa_result loaded = capsa_appraisal_policy_load(capsa_bytes_str(text), &policy);
    if (!capsa_failed(loaded) || policy != NULL || strstr(capsa_text_of(loaded), reason) == NULL) {
        capsa_appraisal_policy_free(policy);
        fail_msg("%s: wanted \"%s\", got \"%s\"", text, reason, capsa_text_of(loaded));
    }
}
