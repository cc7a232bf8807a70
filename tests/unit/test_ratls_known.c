/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: a certificate whose own signature was found good is known by all its bytes, and everything
 * else about it is judged anew each time.
 */
#include "ratls_scene.h"
#include "verifier/verifier_cache.h"

#define A_DAY INT64_C(86400)

static bool is_known(struct capsa_verify_cache *cache, const char *kind, capsa_bytes der)
{
    const struct capsa_cache_key key = {kind, &der, 1};
    struct capsa_kept *kept = capsa_verify_cache_find(cache, &key);
    capsa_kept_release(kept);
    return kept != NULL;
}

static void what_was_good_is_known_and_every_changed_byte_is_a_stranger(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(16, &cache));
    const struct capsa_ratls_rules rules = {.native = true, .cache = cache};
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    assert_false(is_known(cache, "ratls-signature", capsa_buf_bytes(&der)));
    for (int i = 0; i < 3; i++) {
        ratls_assert_accepted(scene, capsa_buf_bytes(&der), &rules);
        assert_true(is_known(cache, "ratls-signature", capsa_buf_bytes(&der)));
    }
    for (size_t at = 1; at < 60; at += 7) {
        der.data[der.len - at] ^= 0x04;
        ratls_assert_refused(scene, capsa_buf_bytes(&der), &rules,
                             CAPSA_CHECK_CERTIFICATE_SIGNATURE, "own key");
        assert_false(is_known(cache, "ratls-signature", capsa_buf_bytes(&der)));
        der.data[der.len - at] ^= 0x04;
    }
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &rules);
}

static void what_is_known_still_expires_and_is_still_appraised(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(16, &cache));
    const struct capsa_ratls_rules rules = {.native = true, .cache = cache};
    const struct capsa_ratls_appraiser appraiser = ratls_appraiser(scene);
    struct capsa_ratls_report report;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &rules);
    assert_true(capsa_failed(capsa_ratls_judge(capsa_buf_bytes(&der), &rules, &appraiser,
                                               &scene->sgx, SIM_NOW + 2 * A_DAY, &report)));
    assert_int_equal(report.verdict.failed_check, CAPSA_CHECK_CERTIFICATE_TIME);
    assert_true(capsa_failed(
        capsa_ratls_judge(capsa_buf_bytes(&der), &rules, &appraiser, NULL, SIM_NOW, &report)));
    assert_int_equal(report.verdict.failed_check, CAPSA_CHECK_COLLATERAL_MISSING);
}

static void strangers_are_not_remembered(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(16, &cache));
    const struct capsa_ratls_rules rules = {.native = true, .cache = cache};
    const struct capsa_ratls_appraiser appraiser = ratls_appraiser(scene);
    struct capsa_ratls_report report;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    assert_true(capsa_failed(
        capsa_ratls_judge(capsa_buf_bytes(&der), &rules, &appraiser, NULL, SIM_NOW, &report)));
    assert_int_equal(report.verdict.failed_check, CAPSA_CHECK_COLLATERAL_MISSING);
    assert_false(is_known(cache, "ratls-signature", capsa_buf_bytes(&der)));
}

static void SHA1_that_one_takes_is_not_known_to_another(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(16, &cache));
    const struct capsa_ratls_rules old = {.insecure_old_x509 = true, .cache = cache};
    const struct capsa_ratls_rules today = {.cache = cache};
    CAPSA_AUTO(capsa_buf)
    der = ratls_signed(scene, (struct ratls_plan){.key = scene->rsa, .digest = EVP_sha1()});
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &old);
    assert_true(is_known(cache, "ratls-old-signature", capsa_buf_bytes(&der)));
    ratls_assert_refused(scene, capsa_buf_bytes(&der), &today, CAPSA_CHECK_CERTIFICATE_SIGNATURE,
                         "SHA-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_good_is_known_and_every_changed_byte_is_a_stranger),
        cmocka_unit_test(what_is_known_still_expires_and_is_still_appraised),
        cmocka_unit_test(strangers_are_not_remembered),
        cmocka_unit_test(SHA1_that_one_takes_is_not_known_to_another),
    };
    return cmocka_run_group_tests(tests, ratls_scene_setup, ratls_scene_teardown);
}
