/* SPDX-License-Identifier: Apache-2.0
 *
 * appraisal: what a policy may say. Values that would match by accident, gaps, names that are not
 * there, and the originals' form.
 */
#include "appraisal_scene.h"

#define ENCLAVE(value) "reference_values: [{sgx: {mr_enclave: " value "}}]"

static void A8_accidental_wildcards_are_refused_at_load(void **state)
{
    (void)state;
    static const char *const refused[][2] = {
        {ENCLAVE("''"),
         "reference_values: [0]: sgx: mr_enclave: 64 hex digits wanted, got nothing"},
        {ENCLAVE(""), "mr_enclave: a string of 64 hex digits wanted, got null"},
        {ENCLAVE("[]"), "mr_enclave: an empty list"},
        {ENCLAVE("any"), "mr_enclave: 64 hex digits wanted, got \"any\""},
        {ENCLAVE("'*'"), "mr_enclave: 64 hex digits wanted, got \"*\""},
        {ENCLAVE("0x" HEX32("ab")), "mr_enclave: 64 hex digits wanted"},
        {ENCLAVE(HEX16("ab")), "mr_enclave: 64 hex digits wanted, got 32"},
        {ENCLAVE("abc"), "mr_enclave: 64 hex digits wanted, got 3"},
        {ENCLAVE(HEX32("ab") "cd"), "mr_enclave: 64 hex digits wanted, got 66"},
        {ENCLAVE("'" HEX32("00") "'"), "mr_enclave: all zero"},
        {ENCLAVE(HEX16("ab") HEX16("AB")), "mr_enclave: hex digits of one case wanted"},
        {ENCLAVE("[" HEX32("ab") ", '']"), "mr_enclave: [1]: 64 hex digits wanted, got nothing"},
        {ENCLAVE("' " HEX32("ab") "'"), "mr_enclave: 64 hex digits wanted"},
        {ENCLAVE("12"), "(quote what is all digits)"},
        {ENCLAVE("true"), "mr_enclave: a string of 64 hex digits wanted, got true or false"},
        {"reference_values: []", "reference_values: empty"},
        {"reference_values: [{}]", "reference_values: [0]: empty"},
        {"reference_values: [{sgx: {}}]", "sgx: nothing is expected"},
        {"reference_values:", "reference_values: an array wanted, got null"},
        {"reference_values: [{snp: {product: '*'}}]", "product: a name wanted"},
        {"reference_values: [{snp: {product: any}}]", "product: a name wanted"},
        {"reference_values: [{sgx: {isv_prod_id: -1}}]", "isv_prod_id: 0 to 4294967295 wanted"},
        {"reference_values: [{sgx: {isv_prod_id: '1'}}]", "isv_prod_id: an integer wanted"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        test_not_loaded(refused[i][0], refused[i][1]);
    }
    test_accepted(ENCLAVE(HEX32("ab")), test_sgx());
    test_accepted(ENCLAVE(HEX32("AB")), test_sgx());
}

static void A8_every_length_but_the_right_one_is_refused(void **state)
{
    (void)state;
    const char *hex = HEX32("ab") HEX32("ab");
    for (int len = 0; len <= 128; len++) {
        char text[256];
        (void)snprintf(text, sizeof(text), ENCLAVE("'%.*s'"), len, hex);
        if (len == 64) {
            test_accepted(text, test_sgx());
        } else {
            test_not_loaded(text, "mr_enclave: ");
        }
    }
}

static void zero_is_said_by_name(void **state)
{
    (void)state;
    test_not_loaded("reference_values: [{sgx: {must_be_zero: [mr_enclave]}}]", "is never zero");
    test_not_loaded("reference_values: [{tdx: {must_be_zero: [mr_plat]}}]", "is never zero");
    test_not_loaded("reference_values: [{sgx: {must_be_zero: [isv_svn]}}]", "no hex value");
    struct capsa_verdict verdict = test_sgx();
    const char *policy =
        "reference_values: [{sgx: {mr_enclave: " HEX32("ab") ", "
                                                             "must_be_zero: [config_id]}}]";
    test_refused(policy, verdict, CAPSA_CHECK_REFERENCE_VALUES, "sgx.config_id: expected a value");
    test_claim(&verdict, CAPSA_CLAIM_SGX_CONFIG_ID, 0);
    test_accepted(policy, verdict);
    test_claim(&verdict, CAPSA_CLAIM_SGX_CONFIG_ID, 1);
    test_refused(policy, verdict, CAPSA_CHECK_REFERENCE_VALUES,
                 "sgx.config_id: expected zero, got 01");
}

static void A16_missing_register_is_not_any_value(void **state)
{
    (void)state;
    test_not_loaded("reference_values: [{tdx: {mr_td: " HEX48("a0") "}}]", "rtmr0 is missing");
    test_not_loaded("reference_values: [{tdx: {mr_td: " HEX48("a0") ", mr_boot: " HEX48("a1")
                        HEX48("a2") "}}]",
                    "rtmr2 is missing");
    test_not_loaded("reference_values: [{tdx: {rtmr0: " HEX48("a1") ", ignored: [rtmr1, mr_ta]}}]",
                    "mr_td is missing");
    test_not_loaded("reference_values: [{tdx: {mr_td: " HEX48("a0") ", mr_boot: " HEX48("a1")
                        HEX48("a2") ", ignored: [mr_ta, rtmr0]}}]",
                    "rtmr0 is both expected and ignored");
    test_accepted("reference_values: [{tdx: {mr_td: " HEX48("a0") ", mr_boot: " HEX48("a1")
                      HEX48("a2") ", ignored: [rtmr2, rtmr3]}}]",
                  test_tdx());
    test_accepted(
        "reference_values: [{tdx: {mr_td: " HEX48("a0") ", rtmr0: " HEX48("a1") ", rtmr1: " HEX48(
            "a2") ", rtmr2: " HEX48("a3") ", must_be_zero: [rtmr3]}}]",
        test_tdx());
}

static void asserted_claims_are_of_no_use(void **state)
{
    (void)state;
    test_not_loaded("reference_values: [{csv: {chip_id: ABC}}]",
                    "csv: chip_id: nothing signs this claim");
}

static void names_are_known(void **state)
{
    (void)state;
    static const char *const refused[][2] = {
        {"accepted_tcb_status: [UpToDate]", "\"accepted_tcb_statuses\" is the nearest known"},
        {"accepted_tcb_statuses: [uptodate]", "[0]: unknown TCB status \"uptodate\"; \"UpToDate\""},
        {"accepted_tcb_statuses: []", "accepted_tcb_statuses: empty"},
        {"accepted_tcb_statuses: [Revoked]", "Revoked is never accepted"},
        {"accepted_tcb_statuses: [UpToDate, UpToDate]", "[1]: given twice"},
        {"platforms: [sxg]", "unknown platform \"sxg\"; \"sgx\""},
        {"reference_values: [{xsgx: {}}]", "unknown platform \"xsgx\""},
        {"reference_values: [{sgx: {mrenclave: aa}}]", "\"mr_enclave\" is the nearest"},
        {"reference_values: [{sgx: {mr_td: aa}}]", "unknown claim \"mr_td\""},
        {"reference_values: [{sgx: {isv_svn: 3}}]", "min_isv_svn is the floor"},
        {"reference_values: [{sgx: {min_mr_enclave: 3}}]", "mr_enclave is no number"},
        {"tdx: {required_attributes: [sept_ve]}", "tdx: required_attributes: [0]: unknown bit"},
        {"tdx: {required_attributes: [64]}", "a bit of 0 to 63 wanted, got 64"},
        {"csv: {denied_policy: [32]}", "a bit of 0 to 31 wanted"},
        {"snp: {required_policy: [smt], denied_policy: [16]}", "smt stands in denied_policy too"},
        {"snp: {max_vmpl: 4}", "0 to 3 wanted, got 4"},
        {"snp: {min_tcb: {Milan: {fmc: 1}}}", "min_tcb: Milan: unknown part \"fmc\""},
        {"snp: {min_tcb: {Rome: {snp: 1}}}", "unknown product \"Rome\""},
        {"snp: {min_tcb: {Milan: {snp: 256}}}", "snp: 0 to 255 wanted"},
        {"snp: {min_tcb: {}}", "min_tcb: empty"},
        {"snp: {min_tcb: {Milan: {}}}", "Milan: empty"},
        {"denied_advisories: ['*']", "[0]: an advisory wanted"},
        {"denied_advisories: []", "denied_advisories: empty"},
        {"denied_chips: [77]", "a PPID (32 digits) or chip id"},
        {"denied_chips: ['" HEX16("00") "']", "all zero"},
        {"grace_seconds: -1", "grace_seconds: 0 to"},
        /* for ever has insecure in its name */
        {"grace_seconds: 7776001", "grace_seconds: 0 to 7776000"},
        {"tcb_grace_days: 1.5", "tcb_grace_days: an integer wanted"},
        {"min_issue_date: yesterday", "min_issue_date: "},
        {"insecure_allow_debug: 1", "insecure_allow_debug: true or false wanted"},
        {"[]", "an object wanted, got"},
        {"", "an object wanted, got null"},
        {"{\"platforms\":[\"sgx\"]", ""},
        {"insecure_trustflow_compat: true\naccepted_tcb_statuses: [UpToDate]", "leave"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        test_not_loaded(refused[i][0], refused[i][1]);
    }
}

static bool pins(const char *text, enum capsa_platform platform)
{
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = test_policy(text);
    return capsa_appraisal_policy_pins_code(policy, platform);
}

static void pinning_takes_what_identifies_code(void **state)
{
    (void)state;
    assert_true(pins(ENCLAVE(HEX32("ab")), CAPSA_PLATFORM_SGX));
    assert_false(pins(ENCLAVE(HEX32("ab")), CAPSA_PLATFORM_TDX));
    assert_false(pins("{}", CAPSA_PLATFORM_SGX));
    static const struct {
        const char *rest;
        bool pins;
    } cases[] = {
        {"isv_prod_id: 1, min_isv_svn: 2", true},
        {"isv_prod_id: 1", false},
        {"min_isv_svn: 2", false},
    };
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "reference_values: [{sgx: {mr_signer: " HEX32("ab") ", %s}}]",
                       cases[i].rest);
        assert_int_equal(pins(text, CAPSA_PLATFORM_SGX), cases[i].pins);
    }
    /* One loose alternative is a way around all others. */
    assert_false(
        pins("reference_values: [{sgx: {mr_enclave: " HEX32("ab") "}}, {sgx: {isv_prod_id: 1}}]",
             CAPSA_PLATFORM_SGX));
    assert_true(pins("reference_values: [{tdx: {mr_td: " HEX48("a0") ", mr_boot: " HEX48("a1")
                         HEX48("a2") ", ignored: [mr_ta]}}]",
                     CAPSA_PLATFORM_TDX));
    assert_false(pins("reference_values: [{tdx: {mr_td: " HEX48("a0") ", rtmr0: " HEX48(
                          "a1") ", ignored: [rtmr1, mr_ta]}}]",
                      CAPSA_PLATFORM_TDX));
    assert_true(
        pins("reference_values: [{snp: {measurement: " HEX48("ab") "}}]", CAPSA_PLATFORM_SNP));
    assert_true(pins("reference_values: [{csv: {mr_boot: " HEX32("ab") "}}]", CAPSA_PLATFORM_CSV));
    assert_false(pins("reference_values: [{csv: {vm_id: " HEX16("ab") "}}]", CAPSA_PLATFORM_CSV));
}

static void floors_are_asked_for_where_no_status_is(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_appraisal_policy) none = test_policy("{}");
    assert_true(capsa_appraisal_policy_has_floor(none, CAPSA_PLATFORM_SGX));
    assert_false(capsa_appraisal_policy_has_floor(none, CAPSA_PLATFORM_SNP));
    assert_false(capsa_appraisal_policy_has_floor(none, CAPSA_PLATFORM_CSV));
    CAPSA_AUTO_FREE(capsa_appraisal_policy)
    some = test_policy(
        "snp: {min_tcb: {Milan: {snp: 1}}}\ncsv: {min_api_version: {major: 1, minor: 0}}");
    assert_true(capsa_appraisal_policy_has_floor(some, CAPSA_PLATFORM_SNP));
    assert_true(capsa_appraisal_policy_has_floor(some, CAPSA_PLATFORM_CSV));
}

/* ---- The originals' form --------------------------------------------------------------------- */

#define SET(members)    "{\"main_attributes\":[{" members "}]}"
#define COMPAT(members) "{\"insecure_trustflow_compat\":true,\"main_attributes\":[{" members "}]}"
#define TA              "\"hex_ta_measurement\":\"" HEX32("ab") "\""

static void originals_sets_are_alternatives(void **state)
{
    (void)state;
    const char *two = "{\"pem_public_key\":\"\",\"nested_policies\":null,\"main_attributes\":["
                      "{\"hex_ta_measurement\":\"" HEX32(
                          "12") "\",\"hex_spid\":\"\"},"
                                "{\"str_tee_platform\":\"SGX_DCAP\"," TA ",\"hex_prod_id\":\"3\","
                                "\"str_min_isvsvn\":\"7\",\"bool_debug_disabled\":\"1\","
                                "\"hex_user_data\":\"" HEX32("11") "\"}]}";
    test_accepted(two, test_sgx());
    struct capsa_verdict other = test_sgx();
    test_claim(&other, CAPSA_CLAIM_SGX_MR_ENCLAVE, 0x99);
    test_refused(two, other, CAPSA_CHECK_REFERENCE_VALUES,
                 "main_attributes[1]: sgx.hex_ta_measurement: expected abab");
    test_accepted(SET("\"hex_ta_measurement\":\"" HEX16("aB") HEX16("Ab") "\""), test_sgx());
    test_accepted(SET("\"hex_boot_measurement\":\"" HEX32("ab") "\""), test_csv());
}

static void A8_originals_sets_that_pin_nothing_are_refused(void **state)
{
    (void)state;
    test_not_loaded("{\"main_attributes\":[]}", "main_attributes: empty");
    test_not_loaded(SET(""), "pins no code");
    test_not_loaded(SET("\"hex_user_data\":\"" HEX32("11") "\""), "pins no code");
    test_not_loaded(SET("\"str_tee_platform\":\"SGX_DCAP\",\"bool_debug_disabled\":\"true\""),
                    "pins no code");
    test_not_loaded(SET("\"str_tee_platform\":\"TDX\",\"hex_boot_measurement\":\"" HEX48("a1")
                            HEX48("a2") "\""),
                    "on TDX");
    test_not_loaded(SET("\"str_tee_platform\":\"SGX\"," TA), "unknown str_tee_platform");
    test_not_loaded(SET("\"hex_mrenclave\":\"ab\""), "unknown attribute");
    test_not_loaded(SET("\"hex_ta_measurement\":\"ab\""), "64 hex digits wanted, got 2");
    test_not_loaded(SET("\"hex_ta_measurement\":\"" HEX32("00") "\""), "all zero");
    test_not_loaded(SET(TA ",\"bool_debug_disabled\":\"yes\""), "\"true\" or \"false\" wanted");
    test_not_loaded(SET(TA ",\"str_min_isvsvn\":\"7x\""), "a decimal number");
    test_not_loaded(
        SET("\"str_tee_platform\":\"SGX_DCAP\"," TA ",\"hex_ta_dyn_measurement\":\"ab\""),
        "SGX_DCAP has no such attribute");
    test_not_loaded("{\"pem_public_key\":\"x\"}", "main_attributes, which is missing");
    test_not_loaded("{\"main_attributes\":[{" TA "}],\"reference_values\":[]}", "give one");
    test_accepted(COMPAT("\"hex_user_data\":\"" HEX32("11") "\""), test_sgx());
    test_accepted(COMPAT("\"hex_user_data\":\"" HEX32("11") "\""), test_csv());
}

static void compat_leaves_debug_and_expiry_to_the_sets(void **state)
{
    (void)state;
    struct capsa_verdict verdict = test_sgx();
    verdict.claims.debug = true;
    verdict.collateral_expires = NOW - 1;
    test_accepted(COMPAT(TA), verdict);
    test_accepted(COMPAT(TA ",\"bool_debug_disabled\":\"false\""), verdict);
    test_refused(COMPAT(TA ",\"bool_debug_disabled\":\"1\""), verdict, CAPSA_CHECK_REFERENCE_VALUES,
                 "expected debug to be impossible");
}

static void originals_public_key_is_bound_by_its_digest(void **state)
{
    (void)state;
    static const uint8_t digest_of_abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                              0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                              0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                              0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t report_data[64] = {0};
    memcpy(report_data + 32, digest_of_abc, 32);
    struct capsa_verdict verdict = test_sgx();
    const char *policy = SET(TA ",\"hex_hash_or_pem_pubkey\":\"abc\"");
    test_refused(policy, verdict, CAPSA_CHECK_REFERENCE_VALUES,
                 "hex_hash_or_pem_pubkey: expected ba7816bf");
    capsa_claim_set_bytes(&verdict.claims, CAPSA_CLAIM_SGX_REPORT_DATA,
                          capsa_bytes_of(report_data, 64));
    test_accepted(policy, verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A8_accidental_wildcards_are_refused_at_load),
        cmocka_unit_test(A8_every_length_but_the_right_one_is_refused),
        cmocka_unit_test(zero_is_said_by_name),
        cmocka_unit_test(A16_missing_register_is_not_any_value),
        cmocka_unit_test(asserted_claims_are_of_no_use),
        cmocka_unit_test(names_are_known),
        cmocka_unit_test(pinning_takes_what_identifies_code),
        cmocka_unit_test(floors_are_asked_for_where_no_status_is),
        cmocka_unit_test(originals_sets_are_alternatives),
        cmocka_unit_test(A8_originals_sets_that_pin_nothing_are_refused),
        cmocka_unit_test(compat_leaves_debug_and_expiry_to_the_sets),
        cmocka_unit_test(originals_public_key_is_bound_by_its_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
