/* SPDX-License-Identifier: Apache-2.0
 *
 * appraisal: each question that a policy asks of verified evidence, and which answer is enough.
 */
#include "appraisal_scene.h"

#define DEFAULT "{}"

/* ---- Status -----------------------------------------------------------------------------------
 */

static struct capsa_verdict with_status(struct capsa_verdict verdict, enum capsa_tcb_status status)
{
    verdict.tcb_status = verdict.platform_tcb_status = status;
    return verdict;
}

static bool passes(const char *text, struct capsa_verdict verdict)
{
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy(text);
    bool passed = !capsa_failed(capsa_appraise_verdict(policy, NOW, NULL, &verdict));
    assert_int_equal(passed, verdict.accepted);
    assert_int_equal(passed, verdict.failed_check == CAPSA_CHECK_NONE);
    return passed;
}

static void A6_tcb_out_of_date_is_not_success(void **state)
{
    (void)state;
    for (enum capsa_tcb_status s = CAPSA_TCB_UP_TO_DATE; s < CAPSA_TCB_STATUS_COUNT; s++) {
        struct capsa_verdict verdict = with_status(test_tdx(), s);
        bool by_default = s == CAPSA_TCB_UP_TO_DATE || s == CAPSA_TCB_SW_HARDENING_NEEDED;
        bool compat = s <= CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
        assert_int_equal(passes(DEFAULT, verdict), by_default);
        assert_int_equal(passes("insecure_trustflow_compat: true", verdict), compat);
        for (enum capsa_tcb_status a = CAPSA_TCB_UP_TO_DATE; a < CAPSA_TCB_REVOKED; a++) {
            char policy[128];
            (void)snprintf(policy, sizeof(policy), "accepted_tcb_statuses: [%s]",
                           capsa_tcb_status_name(a));
            assert_int_equal(passes(policy, verdict), a == s);
        }
    }
    test_refused(DEFAULT, with_status(test_sgx(), CAPSA_TCB_OUT_OF_DATE), CAPSA_CHECK_TCB_STATUS,
                 "expected UpToDate or SWHardeningNeeded, got OutOfDate");
    test_refused("accepted_tcb_statuses: [UpToDate]",
                 with_status(test_sgx(), CAPSA_TCB_SW_HARDENING_NEEDED), CAPSA_CHECK_TCB_STATUS,
                 "expected UpToDate, got SWHardeningNeeded");
    test_refused("accepted_tcb_statuses: [OutOfDate, UpToDate, ConfigurationNeeded]",
                 with_status(test_sgx(), CAPSA_TCB_SW_HARDENING_NEEDED), CAPSA_CHECK_TCB_STATUS,
                 "expected UpToDate, ConfigurationNeeded or OutOfDate, got SWHardeningNeeded");
    test_refused("insecure_trustflow_compat: true", with_status(test_tdx(), CAPSA_TCB_REVOKED),
                 CAPSA_CHECK_TCB_STATUS, "Revoked, which never is");
    test_refused(DEFAULT, with_status(test_sgx(), CAPSA_TCB_ABSENT), CAPSA_CHECK_TCB_STATUS,
                 "expected a TCB status");
}

static void A6_expired_collateral_fails_whatever_the_status(void **state)
{
    (void)state;
    for (enum capsa_tcb_status s = CAPSA_TCB_UP_TO_DATE; s < CAPSA_TCB_STATUS_COUNT; s++) {
        struct capsa_verdict verdict = with_status(test_sgx(), s);
        verdict.collateral_expires = NOW - 1;
        test_refused(DEFAULT, verdict, CAPSA_CHECK_EXPIRED, "expired at 2027-01-15T07:59:59Z");
    }
}

static void no_level_is_refused_by_every_policy(void **state)
{
    (void)state;
    struct capsa_verdict verdict = with_status(test_tdx(), CAPSA_TCB_ABSENT);
    verdict.tcb_unsupported = true;
    test_refused(DEFAULT, verdict, CAPSA_CHECK_TCB_LEVEL, "one below all");
    test_refused("insecure_trustflow_compat: true", verdict, CAPSA_CHECK_TCB_LEVEL, "below all");
}

static void grace_counts_from_the_date_of_the_level(void **state)
{
    (void)state;
    struct capsa_verdict verdict = with_status(test_sgx(), CAPSA_TCB_OUT_OF_DATE);
    assert_false(passes("tcb_grace_days: 99", verdict));
    assert_true(passes("tcb_grace_days: 100", verdict));
    verdict.tcb_status = CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
    assert_false(passes("tcb_grace_days: 100", verdict));
    assert_true(
        passes("tcb_grace_days: 100\naccepted_tcb_statuses: [ConfigurationNeeded]", verdict));
    verdict = with_status(test_sgx(), CAPSA_TCB_OUT_OF_DATE);
    verdict.qe_tcb_status = CAPSA_TCB_OUT_OF_DATE;
    assert_false(passes("tcb_grace_days: 100", verdict)); /* the date is not the enclave's */
    verdict = with_status(test_tdx(), CAPSA_TCB_OUT_OF_DATE);
    verdict.module_tcb_status = CAPSA_TCB_OUT_OF_DATE;
    assert_false(passes("tcb_grace_days: 100", verdict));
    verdict = with_status(test_tdx(), CAPSA_TCB_TD_RELAUNCH_ADVISED);
    assert_false(passes("tcb_grace_days: 36500", verdict));
    verdict = with_status(test_sgx(), CAPSA_TCB_OUT_OF_DATE);
    verdict.tcb_date = 0;
    assert_false(passes("tcb_grace_days: 36500", verdict));
    verdict.tcb_date = NOW + A_DAY; /* no date makes grace of none */
    assert_false(passes(DEFAULT, verdict));
    assert_false(passes("tcb_grace_days: 0", verdict));
    verdict.tcb_date = NOW;
    assert_false(passes(DEFAULT, verdict));
    assert_true(passes("tcb_grace_days: 1", verdict));
}

/* ---- Time -------------------------------------------------------------------------------------
 */

static void validity_ends_after_its_last_second(void **state)
{
    (void)state;
    struct capsa_verdict verdict = test_sgx();
    verdict.collateral_expires = NOW;
    assert_true(passes(DEFAULT, verdict));
    verdict.collateral_expires = NOW - 60;
    assert_false(passes(DEFAULT, verdict));
    assert_false(passes("grace_seconds: 59", verdict));
    assert_true(passes("grace_seconds: 60", verdict));
    assert_true(passes("insecure_allow_expired: true", verdict));
    verdict.collateral_expires = 1;
    assert_true(passes("insecure_allow_expired: true", verdict));
    assert_false(passes("grace_seconds: 60", verdict));
}

static void validity_begins_with_its_first_second(void **state)
{
    (void)state;
    struct capsa_verdict verdict = test_sgx();
    verdict.collateral_issued = NOW;
    assert_true(passes(DEFAULT, verdict));
    verdict.collateral_issued = NOW + 60;
    test_refused("insecure_allow_expired: true", verdict, CAPSA_CHECK_NOT_YET_VALID,
                 "from 2027-01-15T08:01:00Z");
    assert_false(passes("clock_skew_seconds: 59", verdict));
    assert_true(passes("clock_skew_seconds: 60", verdict));
}

static void time_zero_is_no_time(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy("insecure_allow_expired: true");
    static const capsa_time times[] = {0, -1, INT64_MIN};
    for (size_t i = 0; i < 3; i++) {
        struct capsa_verdict verdict = test_sgx();
        verdict.collateral_issued = INT64_MIN / 2;
        assert_fails(capsa_appraise_verdict(policy, times[i], NULL, &verdict), TCB);
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_TIME);
        assert_false(verdict.accepted);
    }
}

static void A7_old_collateral_is_stale(void **state)
{
    (void)state;
    struct capsa_verdict verdict = test_sgx();
    verdict.signed_at = NOW - 730 * A_DAY;
    assert_true(passes(DEFAULT, verdict));
    test_refused("max_collateral_age_seconds: 63071999", verdict, CAPSA_CHECK_STALE,
                 "at most 63071999 seconds old");
    assert_true(passes("max_collateral_age_seconds: 63072000", verdict));
    test_refused("min_issue_date: 2026-01-01T00:00:00Z", verdict, CAPSA_CHECK_STALE,
                 "issued at 2026-01-01T00:00:00Z or later");
    assert_true(passes("min_issue_date: 2025-01-15T08:00:00Z", verdict));
    test_refused("min_tcb_evaluation_data_number: 18", verdict, CAPSA_CHECK_STALE,
                 "of 18 or more, got 17");
    assert_true(passes("min_tcb_evaluation_data_number: 17", verdict));
    verdict.signed_at = 0; /* of Intel's there is always a date */
    assert_false(passes("max_collateral_age_seconds: 63072000", verdict));
    verdict.tcb_evaluation = 0;
    assert_false(passes("min_tcb_evaluation_data_number: 1", verdict));
}

static void revocation_list_of_snp_can_be_demanded(void **state)
{
    (void)state;
    struct capsa_verdict verdict = test_snp();
    assert_true(passes("max_collateral_age_seconds: 1", verdict)); /* certificates only */
    test_refused("snp: {require_crl: true}", verdict, CAPSA_CHECK_STALE, "revocation list");
    verdict.signed_at = NOW - 10;
    assert_true(passes("snp: {require_crl: true}", verdict));
    assert_false(passes("max_collateral_age_seconds: 9", verdict));
}

/* ---- Debug, order -----------------------------------------------------------------------------
 */

static void debug_is_judged_before_everything(void **state)
{
    (void)state;
    struct capsa_verdict all[] = {test_sgx(), test_tdx(), test_snp(), test_csv()};
    for (size_t i = 0; i < 4; i++) {
        assert_true(passes(DEFAULT, all[i]));
        all[i].claims.debug = true;
        all[i].collateral_expires = 1;
        all[i].tcb_status = CAPSA_TCB_OUT_OF_DATE;
        test_refused("platforms: [sgx]", all[i], CAPSA_CHECK_DEBUG, "without debug");
        CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy(DEFAULT);
        assert_fails(capsa_appraise_verdict(policy, NOW, NULL, &all[i]), EVIDENCE);
    }
    struct capsa_verdict verdict = test_sgx();
    verdict.claims.debug = true;
    assert_true(passes("insecure_allow_debug: true", verdict));
}

static void what_is_insecure_opens_only_what_it_says(void **state)
{
    (void)state;
    struct capsa_verdict debug = test_sgx(), expired = test_sgx();
    debug.claims.debug = true;
    expired.collateral_expires = NOW - 1;
    struct capsa_verdict old = with_status(test_sgx(), CAPSA_TCB_OUT_OF_DATE);
    static const struct {
        const char *policy;
        bool debug, expired, old;
    } cases[] = {
        {DEFAULT, false, false, false},
        {"insecure_allow_debug: true", true, false, false},
        {"insecure_allow_expired: true", false, true, false},
        {"insecure_trustflow_compat: true", true, true, true},
        {"insecure_allow_debug: false\ninsecure_allow_expired: false\n"
         "insecure_trustflow_compat: false",
         false, false, false},
        {"accepted_tcb_statuses: [UpToDate, OutOfDate]", false, false, true},
        {"grace_seconds: 1", false, true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(passes(cases[i].policy, debug), cases[i].debug);
        assert_int_equal(passes(cases[i].policy, expired), cases[i].expired);
        assert_int_equal(passes(cases[i].policy, old), cases[i].old);
    }
}

static void first_of_several_reasons_is_named(void **state)
{
    (void)state;
    struct capsa_verdict verdict = with_status(test_sgx(), CAPSA_TCB_OUT_OF_DATE);
    const char *policy = "platforms: [tdx]\ndenied_chips: [" HEX16(
        "77") "]\n"
              "sgx: {required_attributes: [kss]}\n"
              "reference_values: [{sgx: {mr_enclave: " HEX32("12") "}}]";
    test_refused(policy, verdict, CAPSA_CHECK_TCB_STATUS, "");
    verdict.tcb_status = CAPSA_TCB_UP_TO_DATE;
    test_refused(policy, verdict, CAPSA_CHECK_CHIP_DENIED, "");
    test_claim(&verdict, CAPSA_CLAIM_SGX_PPID, 0x78);
    test_refused(policy, verdict, CAPSA_CHECK_GUEST_POLICY, "expected kss to be set");
    test_claim(&verdict, CAPSA_CLAIM_SGX_ATTRIBUTES, 0x85);
    test_refused(policy, verdict, CAPSA_CHECK_PLATFORM, "got sgx");
}

static void A17_nothing_is_never_accepted(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy("insecure_trustflow_compat: true");
    struct capsa_verdict nothing = {.accepted = true};
    assert_fails(capsa_appraise_verdict(policy, NOW, NULL, &nothing), EVIDENCE);
    assert_false(nothing.accepted);
    struct capsa_verdict unanchored = test_sgx();
    unanchored.anchor[0] = '\0';
    assert_fails(capsa_appraise_verdict(policy, NOW, NULL, &unanchored), EVIDENCE);
    assert_int_equal(unanchored.failed_check, CAPSA_CHECK_ANCHOR);
    struct capsa_verdict refused = test_sgx();
    refused.failed_check = CAPSA_CHECK_SIGNATURE;
    (void)snprintf(refused.reason, sizeof(refused.reason), "not signed");
    assert_fails(capsa_appraise_verdict(policy, NOW, NULL, &refused), EVIDENCE);
    assert_int_equal(refused.failed_check, CAPSA_CHECK_SIGNATURE);
    assert_string_equal(refused.reason, "not signed");
    assert_false(refused.accepted);
}

/* ---- Values -----------------------------------------------------------------------------------
 */

static void A9_svn_is_a_floor(void **state)
{
    (void)state;
    const char *policy =
        "reference_values: [{sgx: {mr_signer: " HEX32("cd") ", isv_prod_id: 3, min_isv_svn: 7}}]";
    struct capsa_verdict verdict = test_sgx();
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_SVN, 6);
    test_refused(policy, verdict, CAPSA_CHECK_REFERENCE_VALUES,
                 "sgx.isv_svn: expected at least 7, got 6");
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_SVN, 7);
    test_accepted(policy, verdict);
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_SVN, 8);
    test_accepted(policy, verdict);
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_SVN, 65535);
    test_accepted(policy, verdict);
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_PROD_ID, 4);
    test_refused(policy, verdict, CAPSA_CHECK_REFERENCE_VALUES, "isv_prod_id: expected 3, got 4");
    const char *unified = "{\"main_attributes\":[{\"hex_signer\":\"" HEX32(
        "cd") "\","
              "\"hex_prod_id\":\"3\",\"str_min_isvsvn\":\"7\"}]}";
    for (uint64_t svn = 6; svn < 9; svn++) {
        verdict = test_sgx();
        capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_SVN, svn);
        assert_int_equal(passes(unified, verdict), svn >= 7);
    }
}

static void any_alternative_is_enough_and_all_of_it_is_needed(void **state)
{
    (void)state;
    const char *policy =
        "reference_values:\n"
        "  - sgx: {mr_enclave: [" HEX32("12") ", " HEX32(
            "34") "]}\n"
                  "  - sgx: {mr_enclave: " HEX32("ab") ", isv_prod_id: [1, 3]}\n"
                                                       "    snp: {measurement: " HEX48("ab") "}\n";
    test_accepted(policy, test_sgx());
    test_accepted(policy, test_snp());
    test_refused(policy, test_csv(), CAPSA_CHECK_REFERENCE_VALUES, "no reference values for csv");
    struct capsa_verdict verdict = test_sgx();
    capsa_claim_set_number(&verdict.claims, CAPSA_CLAIM_SGX_ISV_PROD_ID, 2);
    test_refused(policy, verdict, CAPSA_CHECK_REFERENCE_VALUES,
                 "none of 2 fits, nearest is reference_values[1]: sgx.isv_prod_id: expected 1 or 1 "
                 "other, got 2");
    test_claim(&verdict, CAPSA_CLAIM_SGX_MR_ENCLAVE, 0x34);
    test_accepted(policy, verdict);
}

static void refusals_name_the_measurement_that_differs(void **state)
{
    (void)state;
    struct capsa_verdict verdict = test_sgx();
    verdict.claims.values[CAPSA_CLAIM_SGX_MR_ENCLAVE].bytes[31] ^= 1;
    test_refused("reference_values: [{sgx: {mr_enclave: " HEX32("ab") "}}]", verdict,
                 CAPSA_CHECK_REFERENCE_VALUES,
                 "sgx.mr_enclave: expected " HEX32("ab") ", got " HEX16("ab"));
    struct capsa_verdict td = test_tdx();
    td.claims.values[CAPSA_CLAIM_TDX_RTMR1].bytes[47] ^= 1;
    test_refused("reference_values: [{tdx: {mr_td: " HEX48("a0") ", mr_boot: " HEX48("a1")
                     HEX48("a2") ", ignored: [mr_ta]}}]",
                 td, CAPSA_CHECK_REFERENCE_VALUES,
                 "tdx.mr_boot rtmr1: expected " HEX48("a2") ", got " HEX32("a2"));
}

static void composites_are_their_parts(void **state)
{
    (void)state;
    const char *policy = "reference_values: [{tdx: {mr_plat: '" HEX48("21") HEX48("00") HEX48("a0")
        HEX48("00") HEX48("00") HEX48("00") "', mr_boot: " HEX48("a1")
            HEX48("a2") ", mr_ta: '" HEX48("a3") HEX48("00") "'}}]";
    static const enum capsa_claim parts[] = {
        CAPSA_CLAIM_TDX_MR_SEAM,  CAPSA_CLAIM_TDX_MR_SIGNER_SEAM,
        CAPSA_CLAIM_TDX_MR_TD,    CAPSA_CLAIM_TDX_MR_CONFIG_ID,
        CAPSA_CLAIM_TDX_MR_OWNER, CAPSA_CLAIM_TDX_MR_OWNER_CONFIG,
        CAPSA_CLAIM_TDX_RTMR0,    CAPSA_CLAIM_TDX_RTMR1,
        CAPSA_CLAIM_TDX_RTMR2,    CAPSA_CLAIM_TDX_RTMR3};
    test_accepted(policy, test_tdx());
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct capsa_verdict verdict = test_tdx();
        verdict.claims.values[parts[i]].bytes[i] ^= 0x80;
        test_refused(policy, verdict, CAPSA_CHECK_REFERENCE_VALUES,
                     capsa_claim_type(parts[i])->name);
    }
}

/* The word that masks a CSV report is not signed: all claims but a given measurement can be turned
 * by who holds a genuine report. */
static void A23_csv_without_its_measurement_is_accepted_with_a_note(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        bool noted;
    } cases[] = {
        {DEFAULT, true},
        {"csv: {required_policy: [noks]}", true},
        {"reference_values: [{csv: {vm_id: '" HEX16("31") "'}}]", true},
        {"reference_values: [{csv: {measure: '" HEX32("ab") "'}}]", false},
        {"reference_values: [{csv: {mr_boot: '" HEX32("ab") "'}}]", false},
        {"reference_values: [{csv: {measure: '" HEX32("ab") "'}}, "
                                                            "{csv: {vm_id: '" HEX16("31") "'}}]",
         true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy(cases[i].policy);
        struct capsa_verdict verdict = test_csv();
        assert_ok(capsa_appraise_verdict(policy, NOW, NULL, &verdict));
        assert_true(verdict.accepted);
        assert_int_equal(strstr(verdict.note, "csv.measure") != NULL, cases[i].noted);
        assert_int_equal(*verdict.note != '\0', cases[i].noted);
        CAPSA_AUTO_FREE(capsa_json) json = NULL;
        assert_ok(capsa_verdict_json(&verdict, &json));
        const char *text = capsa_json_string(capsa_json_get(json, "note"));
        assert_int_equal(text != NULL, cases[i].noted);
    }
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy(DEFAULT);
    struct capsa_verdict others[] = {test_sgx(), test_tdx(), test_snp()};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_ok(capsa_appraise_verdict(policy, NOW, NULL, &others[i]));
        assert_string_equal(others[i].note, "");
    }
    struct capsa_verdict refused = test_csv(); /* judged before, and accepted */
    assert_ok(capsa_appraise_verdict(policy, NOW, NULL, &refused));
    refused.claims.debug = true;
    assert_true(capsa_failed(capsa_appraise_verdict(policy, NOW, NULL, &refused)));
    assert_string_equal(refused.note, ""); /* the reason is enough */
}

/* Whoever looks at Intel's number alone must not read "good" where nothing of Intel's was good. */
static void A17_a_refusal_never_has_intels_number_of_success(void **state)
{
    (void)state;
    struct capsa_verdict early = {.accepted = false};
    early.claims.platform = CAPSA_PLATFORM_SGX;
    assert_true(capsa_failed(capsa_verdict_fail(&early, CAPSA_CHECK_COLLATERAL_FORMAT, __FILE__,
                                                __LINE__, "no collateral at all")));
    struct capsa_verdict nothing = {.accepted = false};
    assert_true(capsa_failed(
        capsa_verdict_fail(&nothing, CAPSA_CHECK_FORMAT, __FILE__, __LINE__, "no evidence")));
    struct capsa_verdict others[] = {nothing, test_snp(), test_csv()};
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    assert_ok(capsa_verdict_json(&early, &json));
    assert_int_equal(early.intel_result, 0xa006);
    assert_int_equal(capsa_json_int(capsa_json_get(json, "intel_result")), 0xa006);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CAPSA_AUTO_FREE(capsa_json) other = NULL;
        assert_ok(capsa_verdict_json(&others[i], &other));
        assert_int_equal(capsa_json_kind_of(capsa_json_get(other, "intel_result")),
                         CAPSA_JSON_NULL);
    }
}

static void A14_report_data_that_differs_is_fatal(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy("insecure_trustflow_compat: true");
    struct capsa_verdict all[] = {test_sgx(), test_tdx(), test_snp(), test_csv()};
    for (size_t i = 0; i < 4; i++) {
        uint8_t wanted[CAPSA_REPORT_DATA];
        memset(wanted, 0x11, sizeof(wanted));
        struct capsa_verdict verdict = all[i];
        assert_ok(capsa_appraise_verdict(policy, NOW, wanted, &verdict));
        for (size_t at = 0; at < sizeof(wanted); at++) {
            wanted[at] ^= 1;
            verdict = all[i];
            assert_fails(capsa_appraise_verdict(policy, NOW, wanted, &verdict), DENIED);
            assert_int_equal(verdict.failed_check, CAPSA_CHECK_REPORT_DATA);
            assert_false(verdict.accepted);
            wanted[at] ^= 1;
        }
        memset(&verdict.claims.values, 0, sizeof(verdict.claims.values));
        assert_fails(capsa_appraise_verdict(policy, NOW, wanted, &verdict), DENIED);
    }
}

/* ---- Guest and chip ---------------------------------------------------------------------------
 */

static void A12_minimum_tcb_is_enforced(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *reason; /* NULL: accepted */
    } cases[] = {
        {"snp: {min_tcb: {Genoa: {boot_loader: 10, tee: 0, snp: 23, microcode: 84}}}", NULL},
        {"snp: {min_tcb: {Genoa: {boot_loader: 11}}}",
         "snp.reported_tcb boot_loader: expected at least 11, got 10"},
        {"snp: {min_tcb: {Genoa: {tee: 1}}}", "tee: expected at least 1, got 0"},
        {"snp: {min_tcb: {Genoa: {snp: 24}}}", "snp: expected at least 24, got 23"},
        {"snp: {min_tcb: {Genoa: {microcode: 85}}}", "microcode: expected at least 85, got 84"},
        {"snp: {min_committed_tcb: {Genoa: {snp: 24}}}",
         "snp.committed_tcb snp: expected at least 24"},
        {"snp: {min_launch_tcb: {Genoa: {snp: 24}}}", "snp.launch_tcb snp: expected at least 24"},
        {"snp: {min_tcb: {Milan: {snp: 1}}}", "the policy has no floor for Genoa"},
        {"csv: {min_api_version: {major: 1, minor: 4}}", NULL}, /* this is no CSV */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].reason == NULL) {
            test_accepted(cases[i].policy, test_snp());
        } else {
            test_refused(cases[i].policy, test_snp(), CAPSA_CHECK_TCB_FLOOR, cases[i].reason);
        }
    }
    test_accepted("csv: {min_api_version: {major: 1, minor: 3}}", test_csv());
    test_accepted("csv: {min_api_version: {major: 0, minor: 9}}", test_csv());
    test_refused("csv: {min_api_version: {major: 1, minor: 4}}", test_csv(), CAPSA_CHECK_TCB_FLOOR,
                 "1.4 or later, got 1.3");
    test_refused("csv: {min_api_version: {major: 2, minor: 0}}", test_csv(), CAPSA_CHECK_TCB_FLOOR,
                 "2.0 or later, got 1.3");
}

static void A12_floor_of_fmc_is_turins(void **state)
{
    (void)state;
    struct capsa_verdict verdict = test_snp();
    static const uint8_t tcb[8] = {1, 2, 3, 4, 0, 0, 0, 5};
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_SNP_REPORTED_TCB, capsa_bytes_of(tcb, 8));
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_SNP_PRODUCT, CAPSA_BYTES_LITERAL("Turin"));
    test_accepted("snp: {min_tcb: {Turin: {fmc: 1, boot_loader: 2, tee: 3, snp: 4, microcode: 5}}}",
                  verdict);
    test_refused("snp: {min_tcb: {Turin: {fmc: 2}}}", verdict, CAPSA_CHECK_TCB_FLOOR,
                 "fmc: expected at least 2, got 1");
}

static void A4_guest_is_started_as_the_policy_wants(void **state)
{
    (void)state;
    test_accepted("tdx: {required_attributes: [sept_ve_disable], denied_attributes: [perfmon, 29]}",
                  test_tdx());
    test_refused("tdx: {required_attributes: [perfmon]}", test_tdx(), CAPSA_CHECK_GUEST_POLICY,
                 "expected perfmon to be set");
    test_refused("tdx: {denied_attributes: [28]}", test_tdx(), CAPSA_CHECK_GUEST_POLICY,
                 "expected sept_ve_disable not to be set, got 0x10000000");
    struct capsa_verdict verdict = test_tdx();
    test_accepted("tdx: {require_no_service_td: true}", verdict); /* TD 1.0 has none */
    test_claim(&verdict, CAPSA_CLAIM_TDX_MR_SERVICE_TD, 0);
    test_accepted("tdx: {require_no_service_td: true}", verdict);
    test_claim(&verdict, CAPSA_CLAIM_TDX_MR_SERVICE_TD, 9);
    test_accepted(DEFAULT, verdict);
    test_refused("tdx: {require_no_service_td: true}", verdict, CAPSA_CHECK_GUEST_POLICY,
                 "expected zero");
    test_refused("snp: {denied_policy: [smt]}", test_snp(), CAPSA_CHECK_GUEST_POLICY,
                 "expected smt not to be set");
    test_refused("snp: {required_policy: [single_socket]}", test_snp(), CAPSA_CHECK_GUEST_POLICY,
                 "single_socket");
    test_accepted("snp: {denied_policy: [migration_agent]}", test_snp());
    test_refused("snp: {required_platform_info: [ecc]}", test_snp(), CAPSA_CHECK_GUEST_POLICY,
                 "snp.platform_info: expected a value");
    test_refused("snp: {max_vmpl: 0}", test_snp(), CAPSA_CHECK_GUEST_POLICY,
                 "snp.vmpl: expected at most 0, got 1");
    test_accepted("snp: {max_vmpl: 1}", test_snp());
    test_accepted("csv: {required_policy: [noks, es]}", test_csv());
    test_refused("csv: {required_policy: [nosend]}", test_csv(), CAPSA_CHECK_GUEST_POLICY,
                 "expected nosend to be set");
    test_accepted("csv: {required_policy: [nosend]}", test_snp());
}

static void A29_denied_chips_and_advisories_are_refused(void **state)
{
    (void)state;
    test_refused("denied_chips: [" HEX16("77") "]", test_sgx(), CAPSA_CHECK_CHIP_DENIED,
                 "sgx.ppid");
    test_refused("denied_chips: [" HEX16("12") ", " HEX16("77") "]", test_tdx(),
                 CAPSA_CHECK_CHIP_DENIED, "tdx.ppid");
    test_refused("denied_chips: [" HEX64("77") "]", test_snp(), CAPSA_CHECK_CHIP_DENIED,
                 "snp.chip_id");
    test_accepted("denied_chips: [" HEX16("77") "]", test_snp());
    test_accepted("denied_chips: [" HEX64("78") ", " HEX16("78") "]", test_snp());
    struct capsa_verdict verdict = test_snp();
    test_claim(&verdict, CAPSA_CLAIM_SNP_CHIP_ID, 0);
    test_refused("denied_chips: [" HEX64("78") "]", verdict, CAPSA_CHECK_CHIP_DENIED, "masked");
    uint8_t turin[64] = {1, 2, 3, 4, 5, 6, 7, 8};
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_SNP_CHIP_ID, capsa_bytes_of(turin, 64));
    test_refused("denied_chips: ['0102030405060708']", verdict, CAPSA_CHECK_CHIP_DENIED,
                 "got 01020304..., which is");
    turin[63] = 1;
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_SNP_CHIP_ID, capsa_bytes_of(turin, 64));
    test_accepted("denied_chips: ['0102030405060708']", verdict);

    struct capsa_verdict advised = test_sgx();
    advised.advisories.count = 2;
    (void)snprintf(advised.advisories.ids[0], CAPSA_ADVISORY_TEXT, "INTEL-SA-00615");
    (void)snprintf(advised.advisories.ids[1], CAPSA_ADVISORY_TEXT, "INTEL-SA-00617");
    test_accepted(DEFAULT, advised);
    test_accepted("denied_advisories: [INTEL-SA-0061, INTEL-SA-00616]", advised);
    test_refused("denied_advisories: [INTEL-SA-00616, INTEL-SA-00617]", advised,
                 CAPSA_CHECK_ADVISORY, "INTEL-SA-00617");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A6_tcb_out_of_date_is_not_success),
        cmocka_unit_test(A6_expired_collateral_fails_whatever_the_status),
        cmocka_unit_test(no_level_is_refused_by_every_policy),
        cmocka_unit_test(grace_counts_from_the_date_of_the_level),
        cmocka_unit_test(validity_ends_after_its_last_second),
        cmocka_unit_test(validity_begins_with_its_first_second),
        cmocka_unit_test(time_zero_is_no_time),
        cmocka_unit_test(A7_old_collateral_is_stale),
        cmocka_unit_test(revocation_list_of_snp_can_be_demanded),
        cmocka_unit_test(debug_is_judged_before_everything),
        cmocka_unit_test(what_is_insecure_opens_only_what_it_says),
        cmocka_unit_test(first_of_several_reasons_is_named),
        cmocka_unit_test(A17_nothing_is_never_accepted),
        cmocka_unit_test(A9_svn_is_a_floor),
        cmocka_unit_test(any_alternative_is_enough_and_all_of_it_is_needed),
        cmocka_unit_test(refusals_name_the_measurement_that_differs),
        cmocka_unit_test(composites_are_their_parts),
        cmocka_unit_test(A23_csv_without_its_measurement_is_accepted_with_a_note),
        cmocka_unit_test(A17_a_refusal_never_has_intels_number_of_success),
        cmocka_unit_test(A14_report_data_that_differs_is_fatal),
        cmocka_unit_test(A12_minimum_tcb_is_enforced),
        cmocka_unit_test(A12_floor_of_fmc_is_turins),
        cmocka_unit_test(A4_guest_is_started_as_the_policy_wants),
        cmocka_unit_test(A29_denied_chips_and_advisories_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
