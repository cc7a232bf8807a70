/* SPDX-License-Identifier: Apache-2.0
 *
 * A verifier as it is set up: policies, roots, what must be bound, the cache and the getter; and
 * many threads at one.
 */
#include "api_test.h"

#include <pthread.h>

#define SGX        "sgx_v3_swh_2025"
#define TDX        "tdx_v4_uptodate_90C06F"
#define MR_ENCLAVE "536e6e0d2fb709229edefa8924bd4526b7f40241c34cc2248836d89f1558beae"

static int set_policy(const struct api_case *test, const char *text)
{
    return libcapsa_verifier_set_policy(test->verifier, text, strlen(text), test->error);
}

/* ---- Policies -------------------------------------------------------------------------------- */

static const char pins_right[] = "reference_values: [{sgx: {mr_enclave: " MR_ENCLAVE "}}]";
static const char pins_other[] =
    "reference_values: [{sgx: {mr_enclave: "
    "636e6e0d2fb709229edefa8924bd4526b7f40241c34cc2248836d89f1558beae}}]";

static void a_policy_decides_which_code_is_taken(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    libcapsa_verdict *verdict = NULL;
    api_vector_open(SGX, &vector);
    assert_int_equal(libcapsa_verifier_pins_code(test->verifier, "sgx"), 0);
    assert_success(set_policy(test, pins_right), test->error);
    assert_int_equal(libcapsa_verifier_pins_code(test->verifier, "sgx"), 1);
    assert_int_equal(libcapsa_verifier_pins_code(test->verifier, "tdx"), 0);
    assert_int_equal(libcapsa_verifier_pins_code(test->verifier, "vax"), 0);
    assert_success(api_judge(test->verifier, &vector, NULL, test->error), test->error);
    assert_success(set_policy(test, pins_other), test->error);
    assert_code(api_judge(test->verifier, &vector, &verdict, test->error), LIBCAPSA_E_DENIED,
                test->error);
    assert_string_equal(libcapsa_verdict_failed_check(verdict), "reference-values");
    assert_string_equal(libcapsa_error_check(test->error), "reference-values");
    assert_int_equal(libcapsa_verdict_authentic(verdict), 1);
    libcapsa_verdict_free(verdict);
    api_vector_close(&vector);
}

static void a_policy_that_is_refused_leaves_the_one_before(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    api_vector_open(SGX, &vector);
    assert_success(set_policy(test, pins_other), test->error);
    assert_int_not_equal(set_policy(test, "reference_values: [{sgx: {mr_enclave: ''}}]"),
                         LIBCAPSA_OK);
    assert_int_not_equal(set_policy(test, "no_such_knob: true"), LIBCAPSA_OK);
    assert_int_not_equal(libcapsa_verifier_load_policy(test->verifier, "/nowhere", test->error),
                         LIBCAPSA_OK);
    assert_non_null(strstr(libcapsa_error_text(test->error), "/nowhere"));
    assert_code(api_judge(test->verifier, &vector, NULL, test->error), LIBCAPSA_E_DENIED,
                test->error);
    api_vector_close(&vector);
}

static void in_one_go_an_empty_policy_is_not_the_default_one(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    libcapsa_verdict *verdict = NULL;
    api_vector_open(SGX, &vector);
    const int code = libcapsa_verify(vector.evidence.data, vector.evidence.len, NULL, 0, "", 0,
                                     vector.time, NULL, 0, &verdict, test->error);
    assert_int_not_equal(code, LIBCAPSA_OK);
    assert_null(verdict); /* wrong use is no verdict on evidence */
    assert_code(libcapsa_verify(vector.evidence.data, vector.evidence.len, "", 0, NULL, 0,
                                vector.time, NULL, 0, &verdict, test->error),
                LIBCAPSA_E_EVIDENCE, test->error);
    assert_string_equal(libcapsa_verdict_failed_check(verdict), "collateral-format");
    libcapsa_verdict_free(verdict);
    api_vector_close(&vector);
}

/* ---- Time, roots, what is bound -------------------------------------------------------------- */

static void time_is_what_the_caller_says(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    static const struct {
        int64_t time;
        const char *check;
    } cases[] = {{0, "time"}, {-1, "time"}, {1000000000, "not-yet-valid"}, {4000000000, "expired"}};
    api_vector_open(SGX, &vector);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vector.time = cases[i].time;
        assert_code(api_judge(test->verifier, &vector, NULL, test->error), LIBCAPSA_E_TCB,
                    test->error);
        assert_string_equal(libcapsa_error_check(test->error), cases[i].check);
    }
    api_vector_close(&vector);
}

static void a_root_given_by_hand_is_the_only_one_and_no_vendors(void **state)
{
    const struct api_case *test = *state;
    struct api_vector own;
    struct api_vector intels;
    char path[API_PATH];
    api_vector_open("sgx_v3_intel_sampleapp_testroot", &own);
    api_vector_open(SGX, &intels);
    api_path("sgx_v3_intel_sampleapp_testroot/trusted_root.pem", path);
    assert_success(libcapsa_verifier_load_root(test->verifier, path, test->error), test->error);
    assert_success(api_judge(test->verifier, &own, NULL, test->error), test->error);
    assert_code(api_judge(test->verifier, &intels, NULL, test->error), LIBCAPSA_E_EVIDENCE,
                test->error);
    assert_string_equal(libcapsa_error_check(test->error), "anchor");
    assert_success(libcapsa_verifier_set_vendor_only(test->verifier, 1, test->error), test->error);
    assert_code(api_judge(test->verifier, &own, NULL, test->error), LIBCAPSA_E_EVIDENCE,
                test->error);
    assert_string_equal(libcapsa_error_check(test->error), "anchor-kind");
    assert_int_not_equal(libcapsa_verifier_set_root(test->verifier, "junk", 4, NULL), LIBCAPSA_OK);
    api_vector_close(&own);
    api_vector_close(&intels);
}

static void what_must_be_bound_is_64_bytes_and_no_others(void **state)
{
    const struct api_case *test = *state;
    libcapsa_error *error = test->error;
    struct api_vector vector;
    libcapsa_evidence *evidence = NULL;
    uint8_t bound[LIBCAPSA_REPORT_DATA];
    api_vector_open(SGX, &vector);
    assert_success(
        libcapsa_evidence_parse(vector.evidence.data, vector.evidence.len, &evidence, error),
        error);
    assert_success(libcapsa_evidence_report_data(evidence, bound, error), error);
#define JUDGE(data, len)                                                                           \
    libcapsa_verifier_judge(test->verifier, evidence, vector.collateral, vector.time, data, len,   \
                            NULL, error)
    assert_success(JUDGE(bound, sizeof(bound)), error);
    /* Shorter would match more, and nothing would match everything. */
    assert_code(JUDGE(bound, sizeof(bound) - 1), LIBCAPSA_E_USAGE, error);
    assert_code(JUDGE(bound, 0), LIBCAPSA_E_USAGE, error);
    assert_code(JUDGE(NULL, sizeof(bound)), LIBCAPSA_E_USAGE, error);
    bound[63] ^= 1;
    assert_code(JUDGE(bound, sizeof(bound)), LIBCAPSA_E_DENIED, error);
    assert_string_equal(libcapsa_error_check(error), "report-data");
    libcapsa_evidence_free(evidence);
    api_vector_close(&vector);
}

/* ---- The cache ------------------------------------------------------------------------------- */

static void a_cache_of_two_verifiers_carries_no_trust_from_one_to_the_other(void **state)
{
    const struct api_case *test = *state;
    libcapsa_error *error = test->error;
    struct api_vector vector;
    libcapsa_cache *cache = NULL;
    libcapsa_verifier *other = NULL;
    struct api_bytes root = api_read("sgx_v3_intel_sampleapp_testroot", "trusted_root.pem");
    api_vector_open(SGX, &vector);
    assert_success(libcapsa_cache_new(64, &cache, error), error);
    assert_success(libcapsa_verifier_new(&other, error), error);
    assert_success(libcapsa_verifier_set_root(other, root.data, root.len, error), error);
    assert_success(libcapsa_verifier_set_cache(test->verifier, cache, error), error);
    assert_success(libcapsa_verifier_set_cache(other, cache, error), error);
    libcapsa_cache_free(cache); /* the verifiers keep it */
    for (int i = 0; i < 2; i++) {
        assert_success(api_judge(test->verifier, &vector, NULL, error), error);
        assert_code(api_judge(other, &vector, NULL, error), LIBCAPSA_E_EVIDENCE, error);
        assert_string_equal(libcapsa_error_check(error), "anchor");
    }
    vector.time = 4000000000; /* warm is not valid for ever */
    assert_code(api_judge(test->verifier, &vector, NULL, error), LIBCAPSA_E_TCB, error);
    assert_success(libcapsa_verifier_set_cache(test->verifier, NULL, error), error);
    libcapsa_verifier_free(other);
    api_vector_close(&vector);
    free(root.data);
}

static void a_cache_has_a_size(void **state)
{
    const struct api_case *test = *state;
    libcapsa_cache *cache = NULL;
    assert_code(libcapsa_cache_new(0, &cache, test->error), LIBCAPSA_E_USAGE, test->error);
    assert_code(libcapsa_cache_new(SIZE_MAX, &cache, test->error), LIBCAPSA_E_TOO_LARGE,
                test->error);
    assert_null(cache);
}

/* ---- The getter ------------------------------------------------------------------------------ */

struct shelf {
    const char *folder; /* NULL: fail */
    int calls;
};

static int get(void *context, const char *platform, const uint8_t *evidence, size_t len,
               libcapsa_collateral *collateral, libcapsa_error *error)
{
    struct shelf *shelf = context;
    char path[API_PATH];
    shelf->calls++;
    assert_string_equal(platform, "sgx");
    assert_true(evidence != NULL && len > 1000);
    assert_int_equal(libcapsa_collateral_is_empty(collateral), 1);
    if (shelf->folder == NULL) {
        libcapsa_error_set(error, LIBCAPSA_E_NETWORK, "the shelf is bare");
        return LIBCAPSA_E_NETWORK;
    }
    api_path(shelf->folder, path);
    return libcapsa_collateral_load(collateral, path, error);
}

static void a_getter_is_asked_when_collateral_is_missing_and_only_then(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    struct shelf shelf = {SGX, 0};
    api_vector_open(SGX, &vector);
    assert_success(libcapsa_verifier_set_getter(test->verifier, get, &shelf, test->error),
                   test->error);
    assert_success(api_judge(test->verifier, &vector, NULL, test->error), test->error);
    assert_int_equal(shelf.calls, 0);
    libcapsa_collateral_free(vector.collateral);
    vector.collateral = NULL;
    assert_success(api_judge(test->verifier, &vector, NULL, test->error), test->error);
    assert_int_equal(shelf.calls, 1);
    assert_success(libcapsa_verifier_set_getter(test->verifier, NULL, NULL, test->error),
                   test->error);
    assert_code(api_judge(test->verifier, &vector, NULL, test->error), LIBCAPSA_E_TCB, test->error);
    assert_string_equal(libcapsa_error_check(test->error), "collateral-missing");
    api_vector_close(&vector);
}

static void a_getter_that_fails_leaves_the_refusal_and_says_why(void **state)
{
    const struct api_case *test = *state;
    struct api_vector vector;
    struct shelf shelf = {NULL, 0};
    libcapsa_verdict *verdict = NULL;
    api_vector_open(SGX, &vector);
    libcapsa_collateral_free(vector.collateral);
    vector.collateral = NULL;
    assert_success(libcapsa_verifier_set_getter(test->verifier, get, &shelf, test->error),
                   test->error);
    assert_code(api_judge(test->verifier, &vector, &verdict, test->error), LIBCAPSA_E_TCB,
                test->error);
    assert_int_equal(shelf.calls, 1);
    assert_string_equal(libcapsa_verdict_failed_check(verdict), "collateral-missing");
    assert_non_null(strstr(libcapsa_verdict_reason(verdict), "the shelf is bare"));
    libcapsa_verdict_free(verdict);
    api_vector_close(&vector);
}

/* ---- Threads --------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  8

static const struct {
    const char *folder;
    int code;
    const char *check;
} shared_cases[] = {
    {SGX, LIBCAPSA_OK, ""},
    {TDX, LIBCAPSA_OK, ""},
    {"sgx_v3_outofdate_2023", LIBCAPSA_E_TCB, "tcb-status"},
    {"tdx_v4_untrusted_root", LIBCAPSA_E_EVIDENCE, "anchor"},
    {"snp_v2_milan_vcek", LIBCAPSA_OK, ""},
};
#define SHARED (sizeof(shared_cases) / sizeof(shared_cases[0]))

struct crowd {
    const libcapsa_verifier *verifier;
    struct api_vector vectors[SHARED];
};
struct member {
    const struct crowd *crowd;
    size_t first;
    int wrong;
};

/* cmocka's asserts are for the thread of the test: count, and tell afterwards. */
static void *judge_all(void *argument)
{
    struct member *member = argument;
    libcapsa_error *error = libcapsa_error_new();
    for (size_t i = 0; i < ROUNDS * SHARED; i++) {
        const size_t which = (member->first + i) % SHARED;
        libcapsa_verdict *verdict = NULL;
        const int code =
            api_judge(member->crowd->verifier, &member->crowd->vectors[which], &verdict, error);
        member->wrong +=
            code != shared_cases[which].code ||
            strcmp(libcapsa_verdict_failed_check(verdict), shared_cases[which].check) != 0 ||
            strcmp(libcapsa_error_check(error), shared_cases[which].check) != 0;
        libcapsa_verdict_free(verdict);
    }
    libcapsa_error_free(error);
    return NULL;
}

static void four_threads_at_one_verifier_hear_what_one_would(void **state)
{
    const struct api_case *test = *state;
    struct crowd crowd = {.verifier = test->verifier};
    struct member members[THREADS];
    pthread_t threads[THREADS];
    libcapsa_cache *cache = NULL;
    /* Few places, so that the threads push out each other's. */
    assert_success(libcapsa_cache_new(8, &cache, test->error), test->error);
    assert_success(libcapsa_verifier_set_cache(test->verifier, cache, test->error), test->error);
    libcapsa_cache_free(cache);
    for (size_t i = 0; i < SHARED; i++) {
        api_vector_open(shared_cases[i].folder, &crowd.vectors[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        members[i] = (struct member){&crowd, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, judge_all, &members[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(members[i].wrong, 0);
    }
    for (size_t i = 0; i < SHARED; i++) {
        api_vector_close(&crowd.vectors[i]);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_policy_decides_which_code_is_taken),
        CASE(a_policy_that_is_refused_leaves_the_one_before),
        CASE(in_one_go_an_empty_policy_is_not_the_default_one),
        CASE(time_is_what_the_caller_says),
        CASE(a_root_given_by_hand_is_the_only_one_and_no_vendors),
        CASE(what_must_be_bound_is_64_bytes_and_no_others),
        CASE(a_cache_of_two_verifiers_carries_no_trust_from_one_to_the_other),
        CASE(a_cache_has_a_size),
        CASE(a_getter_is_asked_when_collateral_is_missing_and_only_then),
        CASE(a_getter_that_fails_leaves_the_refusal_and_says_why),
        CASE(four_threads_at_one_verifier_hear_what_one_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
