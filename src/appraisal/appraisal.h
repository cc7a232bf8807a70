/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence in, verdict out: verification (verifier.h), then the policy of whoever relies on it
 * (RFC 9334: appraisal). The only place where `accepted` becomes true. Pure as the verifier is,
 * apart from the caches and from capsa_appraiser, which may get collateral when it is configured
 * to.
 */
#pragma once

#include "verifier/verifier.h"

/* ---- Policies -----------------------------------------------------------------------------------
 */

/* What is taken, loaded from YAML or JSON (docs/reference/appraisal-policy.md). Values are checked
 * at loading: empty, zero, short, long, not hex, "any" or "*" are refused there, with their place.
 */
struct capsa_appraisal_policy;
/* The default: authentic, unexpired, not debug, TCB UpToDate or SWHardeningNeeded; no reference
 * values. */
CAPSA_RESULT capsa_appraisal_policy_new(struct capsa_appraisal_policy **ret_policy);
CAPSA_RESULT capsa_appraisal_policy_load(capsa_bytes text,
                                         struct capsa_appraisal_policy **ret_policy);
/* The same from an object that stands in another document (a configuration). */
CAPSA_RESULT capsa_appraisal_policy_of(const struct capsa_json *object,
                                       struct capsa_appraisal_policy **ret_policy);
void capsa_appraisal_policy_free(struct capsa_appraisal_policy *policy);
CAPSA_DEFINE_AUTO_FREE(capsa_appraisal_policy)
/* What of it weakens it, member after member ("insecure_allow_debug"); NULL behind the last.
 * Whoever uses a policy announces these. */
const char *capsa_appraisal_policy_insecure(const struct capsa_appraisal_policy *policy,
                                            size_t index);
/* Has it reference values that identify code on `platform`: SGX mr_enclave, or mr_signer with
 * isv_prod_id and min_isv_svn; TDX mr_td (or mr_plat) with rtmr0 and rtmr1 (or mr_boot); SNP
 * measurement; CSV measure (mr_boot)? */
bool capsa_appraisal_policy_pins_code(const struct capsa_appraisal_policy *policy,
                                      enum capsa_platform platform);
/* On any platform at all? */
bool capsa_appraisal_policy_pins_any(const struct capsa_appraisal_policy *policy);
/* Has it a floor for platforms without a TCB status (SNP: min_tcb; CSV: min_api_version)? */
bool capsa_appraisal_policy_has_floor(const struct capsa_appraisal_policy *policy,
                                      enum capsa_platform platform);

/* ---- Appraising ---------------------------------------------------------------------------------
 */

/* capsa_verify, then the policy. `report_data` not NULL: the 64 bytes that must be bound. Success:
 * accepted. A refusal is an error of the check's code, and stands in the verdict. */
CAPSA_RESULT capsa_appraise(const struct capsa_verify_input *input,
                            const struct capsa_appraisal_policy *policy, const uint8_t *report_data,
                            struct capsa_verdict *verdict);
/* For channels, behind any of these: accepted evidence of a platform for which the policy pins no
 * code is refused after all (reference-values), since any program there would pass. */
CAPSA_RESULT capsa_appraise_pinned(const struct capsa_appraisal_policy *policy,
                                   struct capsa_verdict *verdict);
/* The policy alone, on what capsa_verify found. */
CAPSA_RESULT capsa_appraise_verdict(const struct capsa_appraisal_policy *policy, capsa_time now,
                                    const uint8_t *report_data, struct capsa_verdict *verdict);

/* ---- What a service keeps
 * ------------------------------------------------------------------------ */

/* Where collateral comes from when evidence brings none that is fresh enough. NULL in the release
 * path unless configured. Blocks; any thread. */
struct capsa_collateral_getter {
    void *context;
    CAPSA_RESULT(*get)
    (void *context, enum capsa_platform platform, capsa_bytes evidence,
     capsa_collateral *ret_collateral);
};

/* capsa_appraise; and once more with what the getter (.get NULL: none) finds, if the collateral of
 * `input` is missing, does not hold, or is not fresh enough for the policy. */
CAPSA_RESULT capsa_appraise_getting(const struct capsa_verify_input *input,
                                    const struct capsa_appraisal_policy *policy,
                                    const struct capsa_collateral_getter *getter,
                                    const uint8_t *report_data, struct capsa_verdict *verdict);

/* Anchors, policy, cache and getter together; thread-safe. */
struct capsa_appraiser;
struct capsa_appraiser_options {
    struct capsa_anchors *anchors;         /* taken over */
    struct capsa_appraisal_policy *policy; /* taken over */
    bool vendor_only;
    size_t cache_entries;                  /* 0: no cache */
    struct capsa_collateral_getter getter; /* .get NULL: none */
};
CAPSA_RESULT capsa_appraiser_new(const struct capsa_appraiser_options *options,
                                 struct capsa_appraiser **ret_appraiser);
void capsa_appraiser_free(struct capsa_appraiser *appraiser);
CAPSA_DEFINE_AUTO_FREE(capsa_appraiser)
/* Shipped collateral (NULL or empty: none) counts if the policy finds it fresh enough; else the
 * getter is asked, if there is one; else the refusal of the shipped one stands. */
CAPSA_RESULT capsa_appraiser_judge(struct capsa_appraiser *appraiser, enum capsa_platform platform,
                                   capsa_bytes evidence, const capsa_collateral *shipped,
                                   capsa_time now, const uint8_t *report_data,
                                   struct capsa_verdict *verdict);
