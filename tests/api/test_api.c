/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface as its callers see it: what is accepted and refused on each platform, what a
 * verdict tells, and what wrong use comes to.
 */
#include "api_test.h"

#define SGX "sgx_v3_swh_2025"
#define TDX "tdx_v4_uptodate_90C06F"

/* ---- Errors ---------------------------------------------------------------------------------- */

static void codes_have_their_names_and_strangers_are_internal(void **state)
{
    (void)state;
    assert_string_equal(libcapsa_code_name(LIBCAPSA_OK), "OK");
    assert_string_equal(libcapsa_code_name(LIBCAPSA_E_TCB), "TCB");
    assert_string_equal(libcapsa_code_name(LIBCAPSA_E_STORE), "STORE");
    assert_string_equal(libcapsa_code_text(LIBCAPSA_E_MALFORMED), "malformed input");
    assert_string_equal(libcapsa_code_name(1), "INTERNAL");
    assert_string_equal(libcapsa_code_name(-9999), "INTERNAL");
    assert_true(strlen(libcapsa_version()) >= strlen("0.0.0"));
}

static void an_error_keeps_the_last_failure_and_forgets_it_on_success(void **state)
{
    const struct api_case *test = *state;
    libcapsa_evidence *evidence = NULL;
    assert_code(libcapsa_evidence_parse("no evidence", 11, &evidence, test->error),
                LIBCAPSA_E_MALFORMED, test->error);
    assert_null(evidence);
    assert_non_null(strstr(libcapsa_error_text(test->error), "11 bytes"));
    assert_string_equal(libcapsa_error_check(test->error), "");
    assert_success(libcapsa_verifier_set_vendor_only(test->verifier, 0, test->error), test->error);
    assert_string_equal(libcapsa_error_text(test->error), "");
    libcapsa_error_set(test->error, LIBCAPSA_E_NETWORK, "no\nway");
    assert_int_equal(libcapsa_error_code(test->error), LIBCAPSA_E_NETWORK);
    assert_string_equal(libcapsa_error_text(test->error), "no?way");
    libcapsa_error_set(test->error, 7, NULL);
    assert_int_equal(libcapsa_error_code(test->error), LIBCAPSA_E_INTERNAL);
}

static void null_is_wrong_use_and_no_crash(void **state)
{
    struct api_case *test = *state;
    libcapsa_verifier *verifier = test->verifier;
    libcapsa_error *error = test->error;
    libcapsa_verdict *verdict = NULL;
    libcapsa_evidence *evidence = NULL;
    uint8_t data[LIBCAPSA_REPORT_DATA];
    char *text = NULL;
    const int codes[] = {
        libcapsa_evidence_parse(NULL, 1, &evidence, error),
        libcapsa_evidence_parse("", 0, NULL, error),
        libcapsa_evidence_load(NULL, &evidence, error),
        libcapsa_evidence_show(NULL, &text, error),
        libcapsa_evidence_report_data(NULL, data, error),
        libcapsa_evidence_report(NULL, NULL, &text, error),
        libcapsa_report_data(NULL, NULL, 0, data, error),
        libcapsa_report_data("", NULL, 0, data, error),
        libcapsa_report_data("purpose", NULL, 1, data, error),
        libcapsa_report_data("purpose", NULL, 0, NULL, error),
        libcapsa_collateral_add(NULL, NULL, "", 0, error),
        libcapsa_collateral_load(NULL, "/", error),
        libcapsa_collateral_json(NULL, "sgx", &text, error),
        libcapsa_verifier_new(NULL, error),
        libcapsa_verifier_set_policy(NULL, "", 0, error),
        libcapsa_verifier_set_policy(verifier, NULL, 1, error),
        libcapsa_verifier_load_policy(verifier, NULL, error),
        libcapsa_verifier_set_root(NULL, "", 0, error),
        libcapsa_verifier_load_root(verifier, NULL, error),
        libcapsa_verifier_set_vendor_only(NULL, 1, error),
        libcapsa_verifier_set_cache(NULL, NULL, error),
        libcapsa_verifier_set_getter(NULL, NULL, NULL, error),
        libcapsa_cache_new(1, NULL, error),
        libcapsa_verifier_judge(NULL, NULL, NULL, 1, NULL, 0, &verdict, error),
        libcapsa_verifier_judge(verifier, NULL, NULL, 1, NULL, 0, &verdict, error),
        libcapsa_verifier_judge_bytes(NULL, "", 0, NULL, 1, NULL, 0, &verdict, error),
        libcapsa_verifier_judge_bytes(verifier, NULL, 1, NULL, 1, NULL, 0, &verdict, error),
        libcapsa_verify(NULL, 1, NULL, 0, NULL, 0, 1, NULL, 0, &verdict, error),
        libcapsa_verify("x", 1, NULL, 1, NULL, 0, 1, NULL, 0, &verdict, error),
        libcapsa_verify("x", 1, NULL, 0, NULL, 1, 1, NULL, 0, &verdict, error),
        libcapsa_verdict_json(NULL, &text, error),
        libcapsa_attester_set_root(NULL, "/", error),
        libcapsa_attester_set_quoting_service(NULL, "unix:/", error),
        libcapsa_attester_attest(NULL, "purpose", NULL, 0, &evidence, error),
        libcapsa_attester_insecure_attest_raw(NULL, data, sizeof(data), &evidence, error),
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i] != LIBCAPSA_E_USAGE) {
            fail_msg("call %zu: %s", i, libcapsa_code_name(codes[i]));
        }
    }
    assert_null(evidence);
    assert_null(verdict);
    assert_null(text);
}

static void nothing_tells_nothing(void **state)
{
    (void)state;
    size_t len = 1;
    assert_int_equal(libcapsa_verdict_accepted(NULL), 0);
    assert_int_equal(libcapsa_verdict_authentic(NULL), 0);
    assert_string_equal(libcapsa_verdict_failed_check(NULL), "");
    assert_string_equal(libcapsa_verdict_anchor_kind(NULL), "");
    assert_string_equal(libcapsa_verdict_tcb_status(NULL, LIBCAPSA_PART_ALL), "");
    assert_int_equal(libcapsa_verdict_advisory_count(NULL, LIBCAPSA_PART_ALL), 0);
    assert_null(libcapsa_verdict_claim(NULL, "sgx.mr_enclave"));
    assert_int_equal(libcapsa_claim_kind(NULL), -1);
    assert_null(libcapsa_claim_bytes(NULL, &len));
    assert_int_equal(len, 0);
    assert_int_equal(libcapsa_collateral_is_empty(NULL), 1);
    assert_null(libcapsa_evidence_collateral(NULL));
    libcapsa_verdict_free(NULL);
    libcapsa_evidence_free(NULL);
    libcapsa_collateral_free(NULL);
    libcapsa_verifier_free(NULL);
    libcapsa_cache_free(NULL);
    libcapsa_attester_free(NULL);
    libcapsa_error_free(NULL);
    libcapsa_free(NULL);
}

/* ---- Each platform --------------------------------------------------------------------------- */

struct wanted {
    const char *folder, *platform;
    const char *root; /* the file to trust instead, or NULL */
    int code;
    const char *check, *anchor, *status;
};

static const struct wanted wanted[] = {
    {SGX, "sgx", NULL, LIBCAPSA_OK, "", "vendor", "SWHardeningNeeded"},
    {"sgx_v3_outofdate_2023", "sgx", NULL, LIBCAPSA_E_TCB, "tcb-status", "vendor", "OutOfDate"},
    {TDX, "tdx", NULL, LIBCAPSA_OK, "", "vendor", "UpToDate"},
    {"tdx_v5_uptodate", "tdx", NULL, LIBCAPSA_OK, "", "vendor", "UpToDate"},
    {"tdx_v4_debug_td", "tdx", NULL, LIBCAPSA_E_EVIDENCE, "debug", "vendor", "UpToDate"},
    {"tdx_v4_untrusted_root", "tdx", NULL, LIBCAPSA_E_EVIDENCE, "anchor", "", ""},
    {"snp_v2_milan_vcek", "snp", NULL, LIBCAPSA_OK, "", "vendor", ""},
    {"snp_v2_milan_debug_policy", "snp", NULL, LIBCAPSA_E_EVIDENCE, "debug", "vendor", ""},
    {"mutations_snp/neg_snp_genoa_measurement_bit", "snp", NULL, LIBCAPSA_E_EVIDENCE, "signature",
     "vendor", ""},
    {"csv_v1_synthetic_ok", "csv", "hrk.cert", LIBCAPSA_OK, "", "custom", ""},
    {"csv_v1_synthetic_debug", "csv", "hrk.cert", LIBCAPSA_E_EVIDENCE, "debug", "custom", ""},
    /* A root that merely lies beside the evidence. */
    {"csv_v1_synthetic_ok", "csv", NULL, LIBCAPSA_E_EVIDENCE, NULL, NULL, ""},
};

static void use_root(const struct wanted *case_, libcapsa_verifier *verifier)
{
    if (case_->root != NULL) {
        struct api_bytes root = api_read(case_->folder, case_->root);
        assert_success(libcapsa_verifier_set_root(verifier, root.data, root.len, NULL), NULL);
        free(root.data);
    }
}

static void check_text(const char *folder, const char *got, const char *want)
{
    if (want != NULL && strcmp(got, want) != 0) {
        fail_msg("%s: wanted \"%s\", got \"%s\"", folder, want, got);
    }
}

static void check_wanted(const struct wanted *case_, libcapsa_error *error)
{
    struct api_vector vector;
    libcapsa_verifier *verifier = NULL;
    libcapsa_verdict *verdict = NULL;
    api_vector_open(case_->folder, &vector);
    assert_success(libcapsa_verifier_new(&verifier, error), error);
    use_root(case_, verifier);
    const int code = api_judge(verifier, &vector, &verdict, error);
    check_text(case_->folder, libcapsa_code_name(code), libcapsa_code_name(case_->code));
    assert_non_null(verdict);
    assert_int_equal(libcapsa_verdict_accepted(verdict), code == LIBCAPSA_OK);
    check_text(case_->folder, libcapsa_verdict_platform(verdict), case_->platform);
    check_text(case_->folder, libcapsa_verdict_failed_check(verdict), case_->check);
    check_text(case_->folder, libcapsa_verdict_anchor_kind(verdict), case_->anchor);
    check_text(case_->folder, libcapsa_verdict_tcb_status(verdict, LIBCAPSA_PART_ALL),
               case_->status);
    check_text(case_->folder, libcapsa_error_check(error), case_->check);
    if (code != LIBCAPSA_OK) {
        assert_string_equal(libcapsa_error_text(error), libcapsa_verdict_reason(verdict));
        assert_true(strlen(libcapsa_verdict_reason(verdict)) > 0);
    }
    libcapsa_verdict_free(verdict);
    libcapsa_verifier_free(verifier);
    api_vector_close(&vector);
}

static void each_platform_is_accepted_and_refused(void **state)
{
    const struct api_case *test = *state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        check_wanted(&wanted[i], test->error);
    }
}

static void authentic_is_what_only_the_policy_refused(void **state)
{
    const struct api_case *test = *state;
    static const struct {
        const char *folder;
        int authentic;
    } cases[] = {
        {SGX, 1},
        {"sgx_v3_outofdate_2023", 1},
        {"tdx_v4_debug_td", 1},
        {"tdx_v4_untrusted_root", 0},
        {"mutations_snp/neg_snp_genoa_measurement_bit", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct api_vector vector;
        libcapsa_verdict *verdict = NULL;
        api_vector_open(cases[i].folder, &vector);
        (void)api_judge(test->verifier, &vector, &verdict, NULL);
        assert_int_equal(libcapsa_verdict_authentic(verdict), cases[i].authentic);
        libcapsa_verdict_free(verdict);
        api_vector_close(&vector);
    }
}

/* ---- What a verdict tells -------------------------------------------------------------------- */

static void intels_numbers_and_advisories_are_told(void **state)
{
    const struct api_case *test = *state;
    static const struct {
        const char *folder;
        uint32_t result;
        size_t advisories;
    } cases[] = {
        {SGX, 0xa007, 1},
        {"sgx_v3_outofdate_2023", 0xa002, 5},
        {TDX, 0, 0},
        {"tdx_v5_relaunch_advised_2025", 0xa009, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct api_vector vector;
        libcapsa_verdict *verdict = NULL;
        api_vector_open(cases[i].folder, &vector);
        (void)api_judge(test->verifier, &vector, &verdict, NULL);
        assert_int_equal(libcapsa_verdict_intel_result(verdict), cases[i].result);
        assert_int_equal(libcapsa_verdict_advisory_count(verdict, LIBCAPSA_PART_ALL),
                         cases[i].advisories);
        assert_null(libcapsa_verdict_advisory(verdict, LIBCAPSA_PART_ALL, cases[i].advisories));
        for (size_t a = 0; a < cases[i].advisories; a++) {
            assert_memory_equal(libcapsa_verdict_advisory(verdict, LIBCAPSA_PART_ALL, a), "INTEL-",
                                6);
        }
        assert_true(libcapsa_verdict_issued(verdict) <= vector.time);
        assert_true(libcapsa_verdict_expires(verdict) >= vector.time);
        assert_int_equal(libcapsa_verdict_collateral_expired(verdict), 0);
        libcapsa_verdict_free(verdict);
        api_vector_close(&vector);
    }
}

/* 0 is success to whoever reads it as Intel's. */
static void A17_intels_number_is_no_success_where_intel_knows_nothing(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    libcapsa_verdict *verdict = NULL;
    api_vector_open("snp_v2_milan_vcek", &vector);
    assert_int_equal(api_judge(test->verifier, &vector, &verdict, NULL), 0);
    assert_int_equal(libcapsa_verdict_intel_result(verdict), 0xa006);
    assert_string_equal(libcapsa_verdict_note(verdict), "");
    libcapsa_verdict_free(verdict);
    api_vector_close(&vector);
    assert_int_not_equal(libcapsa_verifier_judge_bytes(test->verifier, "no evidence", 11, NULL, 1,
                                                       NULL, 0, &verdict, NULL),
                         0);
    assert_non_null(verdict);
    assert_int_equal(libcapsa_verdict_intel_result(verdict), 0xa006);
    libcapsa_verdict_free(verdict);
    assert_int_equal(libcapsa_verdict_intel_result(NULL), 0xa006);
    assert_string_equal(libcapsa_verdict_note(NULL), "");
}

static void claims_are_found_by_name_with_their_kind_and_provenance(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    libcapsa_verdict *verdict = NULL;
    api_vector_open(SGX, &vector);
    assert_success(api_judge(test->verifier, &vector, &verdict, test->error), test->error);
    const libcapsa_claim *claim = libcapsa_verdict_claim(verdict, "sgx.mr_enclave");
    size_t len = 0;
    const uint8_t *bytes = libcapsa_claim_bytes(claim, &len);
    assert_int_equal(len, 32);
    assert_memory_equal(bytes, vector.evidence.data + 48 + 64, 32);
    assert_int_equal(libcapsa_claim_kind(claim), LIBCAPSA_CLAIM_BYTES);
    assert_string_equal(libcapsa_claim_provenance(claim), "measured");
    assert_string_equal(libcapsa_claim_text(claim),
                        "536e6e0d2fb709229edefa8924bd4526b7f40241c34cc2248836d89f1558beae");
    claim = libcapsa_verdict_claim(verdict, "sgx.isv_svn");
    assert_int_equal(libcapsa_claim_kind(claim), LIBCAPSA_CLAIM_NUMBER);
    assert_int_equal(libcapsa_claim_number(claim),
                     vector.evidence.data[48 + 258] | vector.evidence.data[48 + 259] << 8);
    assert_string_equal(libcapsa_claim_provenance(libcapsa_verdict_claim(verdict, "sgx.fmspc")),
                        "endorsed");
    assert_null(libcapsa_verdict_claim(verdict, "tdx.mr_td"));
    assert_null(libcapsa_verdict_claim(verdict, "mr_enclave"));
    assert_null(libcapsa_verdict_claim(verdict, NULL));
    for (size_t i = 0; i < libcapsa_verdict_claim_count(verdict); i++) {
        claim = libcapsa_verdict_claim_at(verdict, i);
        assert_ptr_equal(libcapsa_verdict_claim(verdict, libcapsa_claim_name(claim)), claim);
    }
    assert_null(libcapsa_verdict_claim_at(verdict, libcapsa_verdict_claim_count(verdict)));
    libcapsa_verdict_free(verdict);
    api_vector_close(&vector);
}

static void a_verdict_as_json_has_the_members_of_the_command(void **state)
{
    const struct api_case *test = *state;
    static const char *const parts[] = {
        "\"verdict\":\"reject\"", "\"platform\":\"tdx\"",         "\"failed_check\":\"debug\"",
        "\"reason\":\"",          "\"tcb_status\":\"UpToDate\"",  "\"advisory_ids\":[]",
        "\"claims\":{",           "\"anchor\":\"intel-sgx-root\""};
    struct api_vector vector;
    libcapsa_verdict *verdict = NULL;
    char *json = NULL;
    api_vector_open("tdx_v4_debug_td", &vector);
    (void)api_judge(test->verifier, &vector, &verdict, NULL);
    assert_int_equal(libcapsa_verdict_debug(verdict), 1);
    assert_success(libcapsa_verdict_json(verdict, &json, test->error), test->error);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(json, parts[i]) == NULL) {
            fail_msg("no %s in %s", parts[i], json);
        }
    }
    libcapsa_free(json);
    libcapsa_verdict_free(verdict);
    api_vector_close(&vector);
}

static void every_check_says_what_it_asks_for(void **state)
{
    (void)state;
    assert_string_equal(libcapsa_check_what("signature"), "the evidence is signed");
    assert_string_equal(libcapsa_check_what(""), "");
    assert_string_equal(libcapsa_check_what("no-such-check"), "");
    assert_string_equal(libcapsa_check_what(NULL), "");
}

/* ---- Evidence and collateral by themselves --------------------------------------------------- */

static void evidence_of_a_report_brings_its_collateral(void **state)
{
    const struct api_case *test = *state;
    libcapsa_error *error = test->error;
    struct api_bytes report = api_read(SGX, "ual_report.json");
    struct api_bytes quote = api_read(SGX, "quote.bin");
    libcapsa_evidence *evidence = NULL;
    libcapsa_verdict *verdict = NULL;
    assert_success(libcapsa_evidence_parse(report.data, report.len, &evidence, error), error);
    assert_string_equal(libcapsa_evidence_platform(evidence), "sgx");
    size_t len = 0;
    const uint8_t *bytes = libcapsa_evidence_bytes(evidence, &len);
    assert_int_equal(len, quote.len);
    assert_memory_equal(bytes, quote.data, len);
    assert_non_null(libcapsa_evidence_collateral(evidence));
    assert_success(libcapsa_verifier_judge(test->verifier, evidence, NULL, api_time(SGX), NULL, 0,
                                           &verdict, error),
                   error);
    libcapsa_verdict_free(verdict);
    libcapsa_evidence_free(evidence);
    free(report.data);
    free(quote.data);
}

static void evidence_goes_into_a_report_and_comes_out(void **state)
{
    const struct api_case *test = *state;
    libcapsa_error *error = test->error;
    struct api_vector vector;
    libcapsa_evidence *evidence = NULL;
    libcapsa_evidence *again = NULL;
    char *text = NULL;
    api_vector_open(TDX, &vector);
    assert_success(
        libcapsa_evidence_parse(vector.evidence.data, vector.evidence.len, &evidence, error),
        error);
    assert_null(libcapsa_evidence_collateral(evidence));
    assert_success(libcapsa_evidence_report(evidence, vector.collateral, &text, error), error);
    assert_success(libcapsa_evidence_parse(text, strlen(text), &again, error), error);
    assert_success(
        libcapsa_verifier_judge(test->verifier, again, NULL, vector.time, NULL, 0, NULL, error),
        error);
    libcapsa_free(text);
    libcapsa_evidence_free(again);
    libcapsa_evidence_free(evidence);
    api_vector_close(&vector);
}

static void collateral_as_json_is_read_again_and_proves_as_much(void **state)
{
    const struct api_case *test = *state;
    libcapsa_error *error = test->error;
    static const char *const folders[] = {SGX, TDX, "snp_v2_milan_vcek"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct api_vector vector;
        char *json = NULL;
        const char platform[] = {folders[i][0], folders[i][1], folders[i][2], '\0'};
        api_vector_open(folders[i], &vector);
        assert_success(libcapsa_collateral_json(vector.collateral, platform, &json, error), error);
        libcapsa_verdict *verdict = NULL;
        assert_success(libcapsa_verify(vector.evidence.data, vector.evidence.len, json,
                                       strlen(json), NULL, 0, vector.time, NULL, 0, &verdict,
                                       error),
                       error);
        libcapsa_verdict_free(verdict);
        libcapsa_free(json);
        api_vector_close(&vector);
    }
    libcapsa_collateral *empty = libcapsa_collateral_new();
    char *json = NULL;
    assert_code(libcapsa_collateral_json(empty, "sgx", &json, error), LIBCAPSA_E_MALFORMED, error);
    assert_code(libcapsa_collateral_json(empty, "SGX", &json, error), LIBCAPSA_E_USAGE, error);
    assert_null(json);
    libcapsa_collateral_free(empty);
}

static void collateral_that_cannot_be_added_changes_nothing(void **state)
{
    const struct api_case *test = *state;
    libcapsa_collateral *collateral = libcapsa_collateral_new();
    struct api_bytes root = api_read("sgx_v3_intel_sampleapp_testroot", "trusted_root.pem");
    assert_code(libcapsa_collateral_add(collateral, NULL, "{}", 2, test->error),
                LIBCAPSA_E_MALFORMED, test->error);
    assert_code(libcapsa_collateral_add(collateral, "root.pem", root.data, root.len, test->error),
                LIBCAPSA_E_MALFORMED, test->error);
    assert_code(libcapsa_collateral_load(collateral, "/nowhere/at/all", test->error), LIBCAPSA_E_IO,
                test->error);
    assert_int_equal(libcapsa_collateral_is_empty(collateral), 1);
    libcapsa_collateral_free(collateral);
    free(root.data);
}

static void what_cannot_be_parsed_is_refused_at_every_length(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    api_vector_open(SGX, &vector);
    /* To the end of the signature data; what is behind it is certificates. */
    for (size_t len = 0; len < 1100; len++) {
        libcapsa_verdict *verdict = NULL;
        uint8_t *cut = malloc(len == 0 ? 1 : len);
        assert_non_null(cut);
        memcpy(cut, vector.evidence.data, len);
        assert_code(libcapsa_verifier_judge_bytes(test->verifier, cut, len, vector.collateral,
                                                  vector.time, NULL, 0, &verdict, test->error),
                    LIBCAPSA_E_EVIDENCE, test->error);
        assert_string_equal(libcapsa_verdict_failed_check(verdict), "format");
        assert_int_equal(libcapsa_verdict_authentic(verdict), 0);
        libcapsa_verdict_free(verdict);
        free(cut);
    }
    api_vector_close(&vector);
}

static void report_data_differs_by_purpose_and_by_where_fields_end(void **state)
{
    const struct api_case *test = *state;
    libcapsa_error *error = test->error;
    const libcapsa_bytes ab[] = {{"a", 1}, {"b", 1}};
    const libcapsa_bytes joined[] = {{"ab", 2}};
    libcapsa_bytes many[17] = {{NULL, 0}};
    uint8_t one[LIBCAPSA_REPORT_DATA];
    uint8_t two[LIBCAPSA_REPORT_DATA];
    assert_success(libcapsa_report_data("one", ab, 2, one, error), error);
    assert_success(libcapsa_report_data("one", ab, 2, two, error), error);
    assert_memory_equal(one, two, sizeof(one));
    assert_success(libcapsa_report_data("two", ab, 2, two, error), error);
    assert_memory_not_equal(one, two, sizeof(one));
    assert_success(libcapsa_report_data("one", joined, 1, two, error), error);
    assert_memory_not_equal(one, two, sizeof(one));
    assert_success(libcapsa_report_data("one", many, 16, two, error), error);
    assert_code(libcapsa_report_data("one", many, 17, two, error), LIBCAPSA_E_TOO_LARGE, error);
    many[3] = (libcapsa_bytes){NULL, 5};
    assert_code(libcapsa_report_data("one", many, 16, two, error), LIBCAPSA_E_USAGE, error);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        CASE(codes_have_their_names_and_strangers_are_internal),
        CASE(an_error_keeps_the_last_failure_and_forgets_it_on_success),
        CASE(null_is_wrong_use_and_no_crash),
        CASE(nothing_tells_nothing),
        CASE(each_platform_is_accepted_and_refused),
        CASE(authentic_is_what_only_the_policy_refused),
        CASE(intels_numbers_and_advisories_are_told),
        CASE(A17_intels_number_is_no_success_where_intel_knows_nothing),
        CASE(claims_are_found_by_name_with_their_kind_and_provenance),
        CASE(a_verdict_as_json_has_the_members_of_the_command),
        CASE(every_check_says_what_it_asks_for),
        CASE(evidence_of_a_report_brings_its_collateral),
        CASE(evidence_goes_into_a_report_and_comes_out),
        CASE(collateral_as_json_is_read_again_and_proves_as_much),
        CASE(collateral_that_cannot_be_added_changes_nothing),
        CASE(what_cannot_be_parsed_is_refused_at_every_length),
        CASE(report_data_differs_by_purpose_and_by_where_fields_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
