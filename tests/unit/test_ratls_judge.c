/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: certificates judged, by a real appraiser on a simulated platform where they are right, and
 * by the check that each wrong thing has to fail.
 */
#include "ratls_scene.h"

#define A_DAY INT64_C(86400)

static const struct capsa_ratls_rules compat = {.native = false};
static const struct capsa_ratls_rules native = {.native = true};
static const struct capsa_ratls_rules old = {.insecure_old_x509 = true};

/* ---- Accepted -------------------------------------------------------------------------------- */

static void every_generation_is_accepted_all_the_way(void **state)
{
    const struct ratls_scene *scene = *state;
    static const enum capsa_ratls_form forms[] = {
        CAPSA_RATLS_DICE, CAPSA_RATLS_GRAMINE, CAPSA_RATLS_GRAMINE_MEANT, CAPSA_RATLS_INTEL_SDK,
        CAPSA_RATLS_GRPC, CAPSA_RATLS_OE_V1,   CAPSA_RATLS_OE_OLD_V1};
    EVP_PKEY *const keys[] = {scene->p256, scene->p384, scene->rsa};
    for (size_t i = 0; i < 3 * sizeof(forms) / sizeof(forms[0]); i++) {
        const enum capsa_ratls_form form = forms[i / 3];
        EVP_PKEY *key = keys[i % 3];
        CAPSA_AUTO(capsa_buf)
        evidence = form == CAPSA_RATLS_DICE ? ratls_dice(scene, CAPSA_PLATFORM_SGX, key)
                                            : ratls_bound_quote(scene, CAPSA_PLATFORM_SGX, form,
                                                                false, key, (capsa_bytes){NULL, 0});
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(RATLS_MAX);
        if (form == CAPSA_RATLS_OE_V1 || form == CAPSA_RATLS_OE_OLD_V1) {
            append_le(&content, 1, 4);
            append_le(&content, 2, 4);
            append_le(&content, evidence.len, 8);
        }
        assert_ok(capsa_buf_append(&content, capsa_buf_bytes(&evidence)));
        CAPSA_AUTO(capsa_buf)
        der = ratls_single(key, capsa_ratls_form_type(form)->oid, capsa_buf_bytes(&content), false);
        struct capsa_ratls_report report;
        assert_ok(ratls_judge(scene, capsa_buf_bytes(&der), &native, &report));
        assert_true(report.verdict.accepted);
        assert_int_equal(report.form, form);
        assert_int_equal(report.hash, form == CAPSA_RATLS_DICE ? CAPSA_RATLS_SHA256 : 0);
        assert_int_equal(report.verdict.anchor_kind, CAPSA_ANCHOR_SIMULATION);
        assert_false(report.session_bound);
        assert_string_equal(report.warning, "");
        assert_true(report.not_before == SIM_NOW - 3600);
        assert_true(report.not_after == SIM_NOW + 82800);
        uint8_t digest[CAPSA_SHA256];
        CAPSA_AUTO(capsa_buf) spki = ratls_spki(key);
        capsa_sha256(capsa_buf_bytes(&spki), digest);
        assert_memory_equal(report.spki_sha256, digest, CAPSA_SHA256);
    }
}

static void TDX_is_accepted_in_both_widths(void **state)
{
    const struct ratls_scene *scene = *state;
    for (int wide = 0; wide < 2; wide++) {
        CAPSA_AUTO(capsa_buf)
        claims = ratls_claims_of(scene->p384, CAPSA_RATLS_SHA384, (capsa_bytes){NULL, 0});
        CAPSA_AUTO(capsa_buf)
        content = ratls_dice_of(scene, CAPSA_PLATFORM_TDX, wide == 1, scene->p384,
                                capsa_buf_bytes(&claims));
        CAPSA_AUTO(capsa_buf)
        der = ratls_single(scene->p384, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
        const struct capsa_ratls_appraiser appraiser = ratls_appraiser(scene);
        struct capsa_ratls_report report;
        assert_ok(capsa_ratls_judge(capsa_buf_bytes(&der), &native, &appraiser, &scene->tdx,
                                    SIM_NOW, &report));
        assert_int_equal(report.verdict.claims.platform, CAPSA_PLATFORM_TDX);
        assert_int_equal(report.hash, CAPSA_RATLS_SHA384);
    }
}

static void PEM_is_judged_as_DER_is(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_ratls_pem_write("TRUSTED CERTIFICATE", capsa_buf_bytes(&der), &pem));
    assert_ok(capsa_buf_u8(&pem, 0));
    ratls_assert_accepted(scene, capsa_buf_bytes(&pem), &native);
}

/* ---- Dates ----------------------------------------------------------------------------------- */

static void dates_are_judged_to_the_second(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct {
        int64_t from, to;
        const char *reason;
    } cases[] = {
        {0, 0, NULL},
        {-1, 1, NULL},
        {0, A_DAY, NULL},
        {-A_DAY, 0, NULL},
        {1, A_DAY, "not valid before 2027-01-15T08:00:01Z"},
        {-A_DAY, -1, "expired at 2027-01-15T07:59:59Z"},
        {1, -1, "not valid before"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf)
        der = ratls_signed(scene, (struct ratls_plan){.key = scene->p256,
                                                      .from = SIM_NOW + cases[i].from,
                                                      .to = SIM_NOW + cases[i].to});
        if (cases[i].reason == NULL) {
            ratls_assert_accepted(scene, capsa_buf_bytes(&der), &native);
            continue;
        }
        ratls_assert_refused(scene, capsa_buf_bytes(&der), &native, CAPSA_CHECK_CERTIFICATE_TIME,
                             cases[i].reason);
        ratls_assert_refused(scene, capsa_buf_bytes(&der), &compat, CAPSA_CHECK_CERTIFICATE_TIME,
                             cases[i].reason);
    }
}

static void P24_a_life_over_a_year_is_refused_natively_and_told_otherwise(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct {
        int64_t life;
        bool is_short;
        const char *days;
    } cases[] = {
        {366 * A_DAY, true, ""},
        {366 * A_DAY + 1, false, "367 days"},
        {3650 * A_DAY, false, "3650 days"},
        {INT64_C(253402300798) - SIM_NOW, false, "days"}, /* a second before never */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf)
        der = ratls_signed(scene, (struct ratls_plan){.key = scene->p256,
                                                      .from = SIM_NOW,
                                                      .to = SIM_NOW + cases[i].life});
        struct capsa_ratls_report report;
        assert_ok(ratls_judge(scene, capsa_buf_bytes(&der), &compat, &report));
        assert_int_equal(report.warning[0] == '\0', cases[i].is_short);
        assert_non_null(strstr(report.warning, cases[i].days));
        assert_non_null(strstr(report.verdict.note, report.warning));
        if (cases[i].is_short) {
            ratls_assert_accepted(scene, capsa_buf_bytes(&der), &native);
        } else {
            ratls_assert_refused(scene, capsa_buf_bytes(&der), &native,
                                 CAPSA_CHECK_CERTIFICATE_LIFETIME, cases[i].days);
        }
    }
}

static void P24_what_never_expires_is_refused_of_anybody(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf)
    der = ratls_signed(
        scene,
        (struct ratls_plan){.key = scene->p256, .from = SIM_NOW, .to = INT64_C(253402300799)});
    const struct capsa_ratls_rules *rules[] = {&compat, &native, &old};
    for (size_t i = 0; i < 3; i++) {
        ratls_assert_refused(scene, capsa_buf_bytes(&der), rules[i],
                             CAPSA_CHECK_CERTIFICATE_LIFETIME, "never expires");
    }
}

/* ---- Nonces ---------------------------------------------------------------------------------- */

static void the_nonce_that_was_asked_for_must_be_there(void **state)
{
    const struct ratls_scene *scene = *state;
    const capsa_bytes none = {NULL, 0}, empty = CAPSA_BYTES_LITERAL("");
    const capsa_bytes one = CAPSA_BYTES_LITERAL("one"),
                      longer = CAPSA_BYTES_LITERAL("one and more");
    const struct {
        capsa_bytes carried, wanted;
        const char *reason;
    } cases[] = {
        {one, one, NULL},
        {empty, empty, NULL},
        {none, one, "carries no nonce"},
        {none, empty, "carries no nonce"},
        {none, none, "carries no nonce"},
        {empty, one, "another nonce"},
        {one, empty, "another nonce"},
        {longer, one, "another nonce"},
        {one, longer, "another nonce"},
        {one, CAPSA_BYTES_LITERAL("onf"), "another nonce"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf)
        claims = ratls_claims_of(scene->p256, CAPSA_RATLS_SHA256, cases[i].carried);
        CAPSA_AUTO(capsa_buf)
        content =
            ratls_dice_of(scene, CAPSA_PLATFORM_SGX, false, scene->p256, capsa_buf_bytes(&claims));
        CAPSA_AUTO(capsa_buf)
        der = ratls_single(scene->p256, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
        const struct capsa_ratls_rules rules = {.has_nonce = true, .nonce = cases[i].wanted};
        if (cases[i].reason == NULL) {
            ratls_assert_accepted(scene, capsa_buf_bytes(&der), &rules);
        } else {
            ratls_assert_refused(scene, capsa_buf_bytes(&der), &rules,
                                 CAPSA_CHECK_CERTIFICATE_NONCE, cases[i].reason);
        }
        ratls_assert_accepted(scene, capsa_buf_bytes(&der), &native); /* nobody asked */
    }
    CAPSA_AUTO(capsa_buf)
    quote =
        ratls_bound_quote(scene, CAPSA_PLATFORM_SGX, CAPSA_RATLS_GRAMINE, false, scene->p256, none);
    CAPSA_AUTO(capsa_buf)
    der = ratls_single(scene->p256, RATLS_OID(GRAMINE), capsa_buf_bytes(&quote), false);
    const struct capsa_ratls_rules rules = {.has_nonce = true, .nonce = one};
    ratls_assert_refused(scene, capsa_buf_bytes(&der), &rules, CAPSA_CHECK_CERTIFICATE_NONCE,
                         "carries no nonce");
}

/* ---- Evidence -------------------------------------------------------------------------------- */

static void evidence_is_judged_by_the_collateral_that_is_there(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_appraiser appraiser = ratls_appraiser(scene);
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    struct capsa_ratls_report report;
    assert_fails(
        capsa_ratls_judge(capsa_buf_bytes(&der), &native, &appraiser, NULL, SIM_NOW, &report), TCB);
    assert_int_equal(report.verdict.failed_check, CAPSA_CHECK_COLLATERAL_MISSING);
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &native);
}

static void endorsements_of_the_certificate_are_used(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct capsa_ratls_appraiser appraiser = ratls_appraiser(scene);
    CAPSA_AUTO(capsa_buf) content = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    const capsa_collateral *const collaterals[] = {&scene->sgx, &scene->tdx};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf) endorsements = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_ratls_dice_write_endorsements(collaterals[i], &endorsements));
        struct ratls_plan plan = {.key = scene->p256};
        ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
        ratls_add(&plan, RATLS_OID(ENDORSEMENTS), capsa_buf_bytes(&endorsements), false);
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &der);
        struct capsa_ratls_report report;
        capsa_result judged = capsa_ratls_judge(capsa_buf_bytes(&der), &native, &appraiser,
                                                i == 0 ? NULL : &scene->sgx, SIM_NOW, &report);
        if (i == 0) {
            assert_ok(judged);
            continue;
        }
        /* Those of TDX prove no enclave of SGX, and what lies beside does not stand in. */
        assert_true(capsa_failed(judged));
        assert_false(report.verdict.accepted);
    }
}

/* What a fake appraiser is asked, and what it answers. */
struct fake {
    size_t asked;
    enum capsa_platform platform;
    size_t evidence_len;
    const capsa_collateral *shipped;
    uint8_t report_data[CAPSA_REPORT_DATA];
    bool accepts;
};

static capsa_result fake_judge(void *context, enum capsa_platform platform, capsa_bytes evidence,
                               const capsa_collateral *shipped, capsa_time now,
                               const uint8_t *report_data, struct capsa_verdict *verdict)
{
    struct fake *fake = context;
    (void)now;
    fake->asked++;
    fake->platform = platform;
    fake->evidence_len = evidence.len;
    fake->shipped = shipped;
    memcpy(fake->report_data, report_data, CAPSA_REPORT_DATA);
    *verdict = (struct capsa_verdict){.accepted = fake->accepts};
    return CAPSA_OK;
}

static void nothing_is_asked_about_evidence_of_a_bad_certificate(void **state)
{
    const struct ratls_scene *scene = *state;
    struct fake fake = {.accepts = true};
    const struct capsa_ratls_appraiser appraiser = {&fake, fake_judge};
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    struct capsa_ratls_report report;
    der.data[der.len - 9] ^= 1;
    assert_true(capsa_failed(
        capsa_ratls_judge(capsa_buf_bytes(&der), &native, &appraiser, NULL, SIM_NOW, &report)));
    assert_int_equal(fake.asked, 0);
    assert_int_equal(report.form, CAPSA_RATLS_DICE); /* what was read is told */
    assert_int_equal(report.verdict.claims.platform, CAPSA_PLATFORM_NONE); /* and not believed */
    der.data[der.len - 9] ^= 1;
    assert_ok(capsa_ratls_judge(capsa_buf_bytes(&der), &native, &appraiser, &scene->sgx, SIM_NOW,
                                &report));
    assert_int_equal(fake.asked, 1);
    assert_ptr_equal(fake.shipped, &scene->sgx);
}

static void success_without_acceptance_is_a_failure(void **state)
{
    const struct ratls_scene *scene = *state;
    struct fake fake = {.accepts = false};
    const struct capsa_ratls_appraiser appraiser = {&fake, fake_judge};
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    struct capsa_ratls_report report;
    assert_fails(
        capsa_ratls_judge(capsa_buf_bytes(&der), &native, &appraiser, NULL, SIM_NOW, &report),
        INTERNAL);
    assert_false(report.verdict.accepted);
}

/* ---- Real ones ------------------------------------------------------------------------------- */

static const struct {
    const char *file, *report_data;
    size_t evidence;
    bool is_long; /* over a year */
} reals[] = {
    {"ra-tls/gramine.der", NULL, 4734, true},
    {"ra-tls/intel-sgxsdk.der", "e551b081", 4600, true},
    {"ra-tls/rats-tls.der", NULL, 4734, false},
};

static void real_certificates_are_signed_and_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        test_vector_read(reals[i].file, &der);
        CAPSA_AUTO_FREE(capsa_ratls_certificate) read = NULL;
        assert_ok(capsa_ratls_read(capsa_buf_bytes(&der), &read));
        struct fake fake = {.accepts = true};
        const struct capsa_ratls_appraiser appraiser = {&fake, fake_judge};
        struct capsa_ratls_report report;
        capsa_time now = read->not_after - A_DAY;
        assert_ok(
            capsa_ratls_judge(capsa_buf_bytes(&der), &compat, &appraiser, NULL, now, &report));
        assert_int_equal(fake.asked, 1);
        assert_int_equal(fake.platform, CAPSA_PLATFORM_SGX);
        assert_int_equal(fake.evidence_len, reals[i].evidence);
        assert_null(fake.shipped);
        assert_int_equal(report.warning[0] != '\0', reals[i].is_long);
        if (reals[i].report_data != NULL) {
            CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(64);
            assert_ok(capsa_hex_parse(capsa_bytes_str(reals[i].report_data), &wanted));
            assert_memory_equal(fake.report_data, wanted.data, wanted.len);
        }
        capsa_result judged =
            capsa_ratls_judge(capsa_buf_bytes(&der), &native, &appraiser, NULL, now, &report);
        assert_int_equal(report.verdict.failed_check,
                         reals[i].is_long ? CAPSA_CHECK_CERTIFICATE_LIFETIME : CAPSA_CHECK_NONE);
        assert_int_equal(capsa_failed(judged), reals[i].is_long);
    }
}

/* By a real appraiser, with the vendor's anchors: all that is wrong with them is that the
 * collateral of their time is not here. */
static void real_certificates_lack_collateral_and_nothing_else(void **state)
{
    (void)state;
    struct capsa_appraiser_options options = {.vendor_only = true};
    assert_ok(capsa_anchors_new_vendor(&options.anchors));
    assert_ok(capsa_appraisal_policy_new(&options.policy));
    struct capsa_appraiser *appraiser = NULL;
    assert_ok(capsa_appraiser_new(&options, &appraiser));
    const struct capsa_ratls_appraiser judges = {appraiser, sim_judge};
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        test_vector_read(reals[i].file, &der);
        CAPSA_AUTO_FREE(capsa_ratls_certificate) read = NULL;
        assert_ok(capsa_ratls_read(capsa_buf_bytes(&der), &read));
        struct capsa_ratls_report report;
        capsa_result judged = capsa_ratls_judge(capsa_buf_bytes(&der), &compat, &judges, NULL,
                                                read->not_after - A_DAY, &report);
        assert_true(capsa_failed(judged));
        if (report.verdict.failed_check != CAPSA_CHECK_COLLATERAL_MISSING) {
            fail_msg("%s: %s: %s", reals[i].file, capsa_check_name(report.verdict.failed_check),
                     report.verdict.reason);
        }
        assert_true(report.verdict.claims.debug);
    }
    capsa_appraiser_free(appraiser);
}

/* ---- Reports --------------------------------------------------------------------------------- */

static void reports_are_shown_with_the_certificate(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    struct capsa_ratls_report report;
    assert_ok(ratls_judge(scene, capsa_buf_bytes(&der), &native, &report));
    CAPSA_AUTO_FREE(capsa_json) shown = NULL;
    assert_ok(capsa_ratls_report_json(&report, &shown));
    assert_string_equal(capsa_json_string(capsa_json_get(shown, "verdict")), "accept");
    const struct capsa_json *certificate = capsa_json_get(shown, "certificate");
    assert_string_equal(capsa_json_string(capsa_json_get(certificate, "form")), "dice");
    assert_string_equal(capsa_json_string(capsa_json_get(certificate, "hash")), "sha256");
    assert_string_equal(capsa_json_string(capsa_json_get(certificate, "not_before")),
                        "2027-01-15T07:00:00Z");
    assert_int_equal(strlen(capsa_json_string(capsa_json_get(certificate, "spki_sha256"))), 64);
    assert_int_equal(capsa_json_kind_of(capsa_json_get(certificate, "warning")), CAPSA_JSON_NULL);
    assert_int_equal(capsa_json_kind_of(capsa_json_get(certificate, "session_bound")),
                     CAPSA_JSON_BOOL);

    assert_true(capsa_failed(ratls_judge(scene, CAPSA_BYTES_LITERAL("rubbish"), &native, &report)));
    CAPSA_AUTO_FREE(capsa_json) refused = NULL;
    assert_ok(capsa_ratls_report_json(&report, &refused));
    assert_string_equal(capsa_json_string(capsa_json_get(refused, "verdict")), "reject");
    assert_string_equal(capsa_json_string(capsa_json_get(refused, "failed_check")), "certificate");
    assert_int_equal(capsa_json_kind_of(capsa_json_get(refused, "certificate")), CAPSA_JSON_NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_generation_is_accepted_all_the_way),
        cmocka_unit_test(TDX_is_accepted_in_both_widths),
        cmocka_unit_test(PEM_is_judged_as_DER_is),
        cmocka_unit_test(dates_are_judged_to_the_second),
        cmocka_unit_test(P24_a_life_over_a_year_is_refused_natively_and_told_otherwise),
        cmocka_unit_test(P24_what_never_expires_is_refused_of_anybody),
        cmocka_unit_test(the_nonce_that_was_asked_for_must_be_there),
        cmocka_unit_test(evidence_is_judged_by_the_collateral_that_is_there),
        cmocka_unit_test(endorsements_of_the_certificate_are_used),
        cmocka_unit_test(nothing_is_asked_about_evidence_of_a_bad_certificate),
        cmocka_unit_test(success_without_acceptance_is_a_failure),
        cmocka_unit_test(real_certificates_are_signed_and_bound),
        cmocka_unit_test(real_certificates_lack_collateral_and_nothing_else),
        cmocka_unit_test(reports_are_shown_with_the_certificate),
    };
    return cmocka_run_group_tests(tests, ratls_scene_setup, ratls_scene_teardown);
}
