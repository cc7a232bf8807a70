/* SPDX-License-Identifier: Apache-2.0
 *
 * appraisal: what a service keeps, on recorded quotes. Whose collateral counts, when other is asked
 * for, and that no answer depends on the cache. One quote is there with collateral of two days:
 * by the older one its platform is up to date, by the newer one it is not.
 */
#include "appraisal/appraisal.h"
#include "attestation.h"

#define OLD_FOLDER "attestation/tdx_v4_uptodate_same_quote_eval19"
#define NEW_FOLDER "attestation/tdx_v4_outofdate_B0C06F_eval20"
#define BOTH_VALID INT64_C(1787894484)
#define OLD_ENDED  INT64_C(1789000311)
#define OLD_SIGNED INT64_C(1786408760) /* the youngest part of the older one */

struct scene {
    capsa_buf quote;
    capsa_collateral old, new;
    const capsa_collateral *fetched; /* NULL: fetching fails */
    int asked;
    struct capsa_appraiser *appraiser;
    struct capsa_verdict verdict;
};

static void load(const char *folder, capsa_collateral *ret_collateral)
{
    char path[VECTOR_PATH];
    assert_true(attestation_has(folder, "collateral.json", path));
    capsa_collateral_init(ret_collateral);
    assert_ok(capsa_collateral_load(path, ret_collateral));
}

static capsa_result get(void *context, enum capsa_platform platform, capsa_bytes evidence,
                        capsa_collateral *ret_collateral)
{
    struct scene *scene = context;
    scene->asked++;
    assert_int_equal(platform, CAPSA_PLATFORM_TDX);
    assert_int_equal(evidence.len, scene->quote.len);
    CAPSA_REQUIRE(scene->fetched != NULL, NETWORK, "nobody answers");
    load(scene->fetched == &scene->old ? OLD_FOLDER : NEW_FOLDER, ret_collateral);
    return CAPSA_OK;
}

/* An appraiser with this policy; `getter`: may it fetch? */
static void open_scene(struct scene *scene, const char *policy, bool getter)
{
    *scene = (struct scene){.quote = capsa_buf_of(CAPSA_LIMIT_evidence_bytes)};
    attestation_read(OLD_FOLDER, "quote.bin", &scene->quote);
    load(OLD_FOLDER, &scene->old);
    load(NEW_FOLDER, &scene->new);
    struct capsa_appraiser_options options = {.cache_entries = 16};
    if (getter) {
        options.getter = (struct capsa_collateral_getter){scene, get};
    }
    assert_ok(capsa_anchors_new_vendor(&options.anchors));
    assert_ok(capsa_appraisal_policy_load(capsa_bytes_str(policy), &options.policy));
    assert_ok(capsa_appraiser_new(&options, &scene->appraiser));
}

static void close_scene(struct scene *scene)
{
    capsa_buf_drop(&scene->quote);
    capsa_collateral_drop(&scene->old);
    capsa_collateral_drop(&scene->new);
    capsa_appraiser_free(scene->appraiser);
}

static capsa_result judge(struct scene *scene, const capsa_collateral *shipped, capsa_time now)
{
    scene->asked = 0;
    capsa_result first =
        capsa_appraiser_judge(scene->appraiser, CAPSA_PLATFORM_TDX, capsa_buf_bytes(&scene->quote),
                              shipped, now, NULL, &scene->verdict);
    assert_int_equal(!capsa_failed(first), scene->verdict.accepted);
    return first;
}

#define AFTER_OLD "min_issue_date: 2026-08-12T00:00:00Z"

static void A7_collateral_of_the_prover_counts_only_if_fresh(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, AFTER_OLD, true);
    scene.fetched = &scene.new;
    for (int again = 0; again < 2; again++) { /* cold and warm */
        assert_fails(judge(&scene, &scene.old, BOTH_VALID), TCB);
        assert_int_equal(scene.asked, 1);
        assert_int_equal(scene.verdict.failed_check, CAPSA_CHECK_TCB_STATUS);
        assert_int_equal(scene.verdict.tcb_status, CAPSA_TCB_OUT_OF_DATE);
        assert_true(scene.verdict.signed_at > OLD_SIGNED);
    }
    close_scene(&scene);
}

static void A7_stale_collateral_is_refused_where_none_is_fetched(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, AFTER_OLD, false);
    assert_fails(judge(&scene, &scene.old, BOTH_VALID), TCB);
    assert_int_equal(scene.verdict.failed_check, CAPSA_CHECK_STALE);
    close_scene(&scene);
    open_scene(&scene, AFTER_OLD, true); /* what is fetched is not fresher */
    scene.fetched = &scene.old;
    assert_fails(judge(&scene, &scene.old, BOTH_VALID), TCB);
    assert_int_equal(scene.asked, 1);
    assert_int_equal(scene.verdict.failed_check, CAPSA_CHECK_STALE);
    close_scene(&scene);
}

static void fresh_collateral_is_not_fetched_again(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, "{}", true);
    for (int again = 0; again < 2; again++) {
        assert_ok(judge(&scene, &scene.old, BOTH_VALID));
        assert_int_equal(scene.asked, 0);
        assert_int_equal(scene.verdict.tcb_status, CAPSA_TCB_UP_TO_DATE);
    }
    assert_fails(judge(&scene, &scene.new, BOTH_VALID), TCB); /* a bad status is an answer */
    assert_int_equal(scene.asked, 0);
    close_scene(&scene);
}

static void missing_and_expired_collateral_is_fetched(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, "accepted_tcb_statuses: [UpToDate, OutOfDate]", true);
    scene.fetched = &scene.new;
    capsa_collateral none;
    capsa_collateral_init(&none);
    assert_ok(judge(&scene, NULL, BOTH_VALID));
    assert_int_equal(scene.asked, 1);
    assert_ok(judge(&scene, &none, BOTH_VALID));
    assert_int_equal(scene.asked, 1);
    assert_ok(judge(&scene, &scene.old, OLD_ENDED));
    assert_int_equal(scene.asked, 1);
    assert_true(scene.verdict.signed_at > OLD_SIGNED);
    assert_ok(judge(&scene, &scene.old, OLD_ENDED - 1));
    assert_int_equal(scene.asked, 0);
    close_scene(&scene);
}

static void refusal_stands_when_nothing_can_be_fetched(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, "{}", true);
    assert_fails(judge(&scene, NULL, BOTH_VALID), TCB);
    assert_int_equal(scene.asked, 1);
    assert_int_equal(scene.verdict.failed_check, CAPSA_CHECK_COLLATERAL_MISSING);
    assert_non_null(strstr(scene.verdict.reason, "nobody answers"));
    assert_fails(judge(&scene, &scene.old, OLD_ENDED), TCB);
    assert_int_equal(scene.verdict.failed_check, CAPSA_CHECK_EXPIRED);
    close_scene(&scene);
}

static void nothing_is_fetched_for_what_is_not_authentic(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, "{}", true);
    scene.fetched = &scene.new;
    scene.quote.data[200] ^= 1; /* MRTD */
    assert_fails(judge(&scene, &scene.old, BOTH_VALID), EVIDENCE);
    assert_int_equal(scene.verdict.failed_check, CAPSA_CHECK_SIGNATURE);
    assert_int_equal(scene.asked, 0);
    scene.quote.data[0] ^= 1;
    assert_fails(judge(&scene, NULL, BOTH_VALID), EVIDENCE);
    assert_int_equal(scene.verdict.failed_check, CAPSA_CHECK_FORMAT);
    assert_int_equal(scene.asked, 0);
    close_scene(&scene);
}

static void A17_every_truncation_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, "insecure_trustflow_compat: true", true);
    scene.fetched = &scene.new;
    size_t whole = scene.quote.len;
    while (whole > 0 && scene.quote.data[whole - 1] == 0) {
        whole--; /* padding, which nothing signs */
    }
    for (size_t len = 0; len < whole - 2; len++) {
        struct capsa_verdict verdict = {.accepted = true};
        capsa_result judged = capsa_appraiser_judge(scene.appraiser, CAPSA_PLATFORM_TDX,
                                                    capsa_bytes_of(scene.quote.data, len),
                                                    &scene.old, BOTH_VALID, NULL, &verdict);
        assert_true(capsa_failed(judged));
        assert_false(verdict.accepted);
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_FORMAT);
    }
    close_scene(&scene);
}

static void A15_vendors_anchor_is_demanded_in_production(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    attestation_read("attestation/synthetic/sgx_quote_v4", "trusted_root.pem", &root);
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    attestation_read("attestation/synthetic/sgx_quote_v4", "quote.bin", &quote);
    CAPSA_AUTO(capsa_collateral) collateral;
    load("attestation/synthetic/sgx_quote_v4", &collateral);
    for (int vendor_only = 0; vendor_only < 2; vendor_only++) {
        struct capsa_appraiser_options options = {.vendor_only = vendor_only == 1};
        assert_ok(capsa_anchors_new_custom(capsa_buf_bytes(&root), &options.anchors));
        assert_ok(capsa_appraisal_policy_new(&options.policy));
        CAPSA_AUTO_FREE(capsa_appraiser) appraiser = NULL;
        assert_ok(capsa_appraiser_new(&options, &appraiser));
        struct capsa_verdict verdict;
        capsa_result judged =
            capsa_appraiser_judge(appraiser, CAPSA_PLATFORM_SGX, capsa_buf_bytes(&quote),
                                  &collateral, 1780000000, NULL, &verdict);
        assert_int_equal(capsa_failed(judged), vendor_only);
        assert_int_equal(verdict.failed_check,
                         vendor_only ? CAPSA_CHECK_ANCHOR_KIND : CAPSA_CHECK_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A7_collateral_of_the_prover_counts_only_if_fresh),
        cmocka_unit_test(A7_stale_collateral_is_refused_where_none_is_fetched),
        cmocka_unit_test(fresh_collateral_is_not_fetched_again),
        cmocka_unit_test(missing_and_expired_collateral_is_fetched),
        cmocka_unit_test(refusal_stands_when_nothing_can_be_fetched),
        cmocka_unit_test(nothing_is_fetched_for_what_is_not_authentic),
        cmocka_unit_test(A17_every_truncation_is_refused),
        cmocka_unit_test(A15_vendors_anchor_is_demanded_in_production),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
