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
    enum capsa_platform platform;
    capsa_bytes evidence;
    capsa_time now;
    const uint8_t *report_data;
};

static capsa_result judge_with(const struct capsa_appraiser *appraiser, const struct asked *asked,
                               const capsa_collateral *collateral, struct capsa_verdict *verdict)
{
    const struct capsa_verify_input input = {
        .platform = asked->platform,
        .evidence = asked->evidence,
        .collateral = collateral,
        .now = asked->now,
        .anchors = appraiser->anchors,
        .vendor_only = appraiser->vendor_only,
        .cache = appraiser->cache,
    };
    return capsa_appraise(&input, appraiser->policy, asked->report_data, verdict);
}

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
static capsa_result judge_fetched(const struct capsa_appraiser *appraiser,
                                  const struct asked *asked, const struct capsa_error *refused,
                                  struct capsa_verdict *verdict)
{
    CAPSA_AUTO(capsa_collateral) fetched;
    capsa_collateral_init(&fetched);
    const struct capsa_collateral_getter *getter = &appraiser->getter;
    capsa_result got = getter->get(getter->context, asked->platform, asked->evidence, &fetched);
    if (!capsa_failed(got)) {
        return judge_with(appraiser, asked, &fetched, verdict);
    }
    CAPSA_TRY(capsa_code_of(got) == CAPSA_E_NOMEM ? got : CAPSA_OK);
    return capsa_verdict_fail(verdict, verdict->failed_check, __FILE__, __LINE__,
                              "%s; and none could be fetched: %.120s", refused->text,
                              capsa_text_of(got));
}

CAPSA_RESULT capsa_appraiser_judge(struct capsa_appraiser *appraiser, enum capsa_platform platform,
                                   capsa_bytes evidence, const capsa_collateral *shipped,
                                   capsa_time now, const uint8_t *report_data,
                                   struct capsa_verdict *verdict)
{
    const struct asked asked = {platform, evidence, now, report_data};
    CAPSA_AUTO(capsa_collateral) none;
    capsa_collateral_init(&none);
    capsa_result judged = judge_with(appraiser, &asked, shipped == NULL ? &none : shipped, verdict);
    bool refused = capsa_failed(judged) && is_for_collateral(verdict->failed_check);
    if (!refused || appraiser->getter.get == NULL) {
        return judged;
    }
    struct capsa_error first;
    capsa_error_keep(judged, &first);
    return judge_fetched(appraiser, &asked, &first, verdict);
}
