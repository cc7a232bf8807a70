/* SPDX-License-Identifier: Apache-2.0
 *
 * What a service keeps (appraisal.h). Evidence may bring its collateral along, which its sender
 * chose: it is taken if the policy finds it fresh, and otherwise, if somebody configured a getter,
 * fetched from where the relying party trusts. Anchors and policy do not change, the cache locks
 * itself: any number of threads may judge.
 */
#include "appraisal/appraisal.h"

#include "base/alloc.h"

struct capsa_appraiser {
    struct capsa_anchors *anchors;
    struct capsa_appraisal_policy *policy;
    bool vendor_only;
    struct capsa_verify_cache *cache; /* NULL: none */
    struct capsa_collateral_getter getter;
};

CAPSA_RESULT capsa_appraiser_new(const struct capsa_appraiser_options *options,
                                 struct capsa_appraiser **ret_appraiser)
{
    CAPSA_REQUIRE(options->anchors != NULL && options->policy != NULL, INTERNAL,
                  "an appraiser needs trust anchors and a policy");
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    if (options->cache_entries > 0) {
        CAPSA_TRY(capsa_verify_cache_new(options->cache_entries, &cache));
    }
    struct capsa_appraiser *appraiser = CAPSA_NEW(struct capsa_appraiser);
    CAPSA_REQUIRE_MEMORY(appraiser);
    *appraiser = (struct capsa_appraiser){
        .anchors = options->anchors,
        .policy = options->policy,
        .vendor_only = options->vendor_only,
        .cache = cache,
        .getter = options->getter,
    };
    cache = NULL;
    *ret_appraiser = appraiser;
    return CAPSA_OK;
}

void capsa_appraiser_free(struct capsa_appraiser *appraiser)
{
    if (appraiser == NULL) {
        return;
    }
    capsa_anchors_free(appraiser->anchors);
    capsa_appraisal_policy_free(appraiser->policy);
    capsa_verify_cache_free(appraiser->cache);
    capsa_dealloc(appraiser);
}

/* ---- Judging ----------------------------------------------------------------------------------
 */

struct asked {
    const struct capsa_verify_input *input;
    const struct capsa_appraisal_policy *policy;
    const uint8_t *report_data;
};

/* Refusals that other collateral may change. A bad signature in the evidence is not among them, and
 * a bad status is none either while the collateral that says so is fresh. */
static bool is_for_collateral(enum capsa_check check)
{
    switch (check) {
    case CAPSA_CHECK_COLLATERAL_MISSING:
    case CAPSA_CHECK_COLLATERAL_FORMAT:
    case CAPSA_CHECK_COLLATERAL_MATCH:
    case CAPSA_CHECK_CRL:
    case CAPSA_CHECK_TCB_INFO_SIGNATURE:
    case CAPSA_CHECK_TCB_INFO:
    case CAPSA_CHECK_QE_IDENTITY_SIGNATURE:
    case CAPSA_CHECK_QE_IDENTITY:
    case CAPSA_CHECK_NOT_YET_VALID:
    case CAPSA_CHECK_EXPIRED:
    case CAPSA_CHECK_STALE:
        return true;
    default:
        return false;
    }
}

/* With collateral that somebody gets now. When it cannot be got, `refused` stands, and says so. */
static capsa_result judge_fetched(const struct asked *asked,
                                  const struct capsa_collateral_getter *getter,
                                  const struct capsa_error *refused, struct capsa_verdict *verdict)
{
    CAPSA_AUTO(capsa_collateral) fetched;
    capsa_collateral_init(&fetched);
    struct capsa_verify_input input = *asked->input;
    input.collateral = &fetched;
    capsa_result got = getter->get(getter->context, input.platform, input.evidence, &fetched);
    if (!capsa_failed(got)) {
        return capsa_appraise(&input, asked->policy, asked->report_data, verdict);
    }
    CAPSA_TRY(capsa_code_of(got) == CAPSA_E_NOMEM ? got : CAPSA_OK);
    return capsa_verdict_fail(verdict, verdict->failed_check, __FILE__, __LINE__,
                              "%s; and none could be fetched: %.120s", refused->text,
                              capsa_text_of(got));
}

CAPSA_RESULT capsa_appraise_getting(const struct capsa_verify_input *input,
                                    const struct capsa_appraisal_policy *policy,
                                    const struct capsa_collateral_getter *getter,
                                    const uint8_t *report_data, struct capsa_verdict *verdict)
{
    const struct asked asked = {input, policy, report_data};
    capsa_result judged = capsa_appraise(input, policy, report_data, verdict);
    bool refused = capsa_failed(judged) && is_for_collateral(verdict->failed_check);
    if (!refused || getter->get == NULL) {
        return judged;
    }
    struct capsa_error first;
    capsa_error_keep(judged, &first);
    return judge_fetched(&asked, getter, &first, verdict);
}

CAPSA_RESULT capsa_appraiser_judge(struct capsa_appraiser *appraiser, enum capsa_platform platform,
                                   capsa_bytes evidence, const capsa_collateral *shipped,
                                   capsa_time now, const uint8_t *report_data,
                                   struct capsa_verdict *verdict)
{
    CAPSA_AUTO(capsa_collateral) none;
    capsa_collateral_init(&none);
    const struct capsa_verify_input input = {
        .platform = platform,
        .evidence = evidence,
        .collateral = shipped == NULL ? &none : shipped,
        .now = now,
        .anchors = appraiser->anchors,
        .vendor_only = appraiser->vendor_only,
        .cache = appraiser->cache,
    };
    return capsa_appraise_getting(&input, appraiser->policy, &appraiser->getter, report_data,
                                  verdict);
}
