/* SPDX-License-Identifier: Apache-2.0
 *
 * The forged-evidence lab: the whole corpus against the verifier and the appraisal, each case by
 * the check that must refuse it, and with every cache there is.
 */
#include "attester/attester_sim_lab.h"
#include "sim_scene.h"

/* As a file would be read: what collateral loses by that is part of what is tested. */
static void reread(const capsa_sim_forgery *forgery, capsa_collateral *ret_collateral)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    assert_ok(capsa_sim_forgery_collateral(forgery, &text));
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &json));
    assert_ok(capsa_collateral_parse_v3(json, ret_collateral));
}

static void judge(const capsa_sim_forgery *forgery, struct capsa_verify_cache *cache,
                  struct capsa_verdict *ret_verdict)
{
    struct capsa_anchors *anchors = NULL;
    assert_ok(forgery->root.len == 0
                  ? capsa_anchors_new_vendor(&anchors)
                  : capsa_anchors_new_simulation(capsa_buf_bytes(&forgery->root), &anchors));
    struct capsa_appraisal_policy *policy = NULL;
    assert_ok(forgery->policy.len == 0
                  ? capsa_appraisal_policy_new(&policy)
                  : capsa_appraisal_policy_load(capsa_buf_bytes(&forgery->policy), &policy));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    reread(forgery, &collateral);
    const struct capsa_verify_input input = {.platform = forgery->platform,
                                             .evidence = capsa_buf_bytes(&forgery->evidence),
                                             .collateral = &collateral,
                                             .now = forgery->verify_time,
                                             .anchors = anchors,
                                             .cache = cache};
    capsa_result result =
        capsa_appraise(&input, policy, forgery->binds ? forgery->report_data : NULL, ret_verdict);
    assert_int_equal(ret_verdict->accepted, !capsa_failed(result));
    if (!ret_verdict->accepted) {
        assert_int_equal(capsa_code_exit(capsa_code_of(result)), forgery->exit);
    }
    capsa_appraisal_policy_free(policy);
    capsa_anchors_free(anchors);
}

static int compare(const char *id, const capsa_sim_forgery *forgery,
                   const struct capsa_verdict *verdict)
{
    const char *got = capsa_check_name(verdict->failed_check);
    const char *status = capsa_tcb_status_name(verdict->tcb_status);
    bool right = capsa_streq(got, forgery->check) &&
                 verdict->accepted == (*forgery->check == '\0') &&
                 (forgery->tcb_status == NULL || capsa_streq(status, forgery->tcb_status));
    if (!right) {
        print_error("%s: expected \"%s\" and status %s, got \"%s\" and status %s: %s\n", id,
                    forgery->check, forgery->tcb_status == NULL ? "any" : forgery->tcb_status, got,
                    status, verdict->reason);
    }
    return right ? 0 : 1;
}

static int judge_corpus(const struct sim_scene *scene, struct capsa_verify_cache *cache)
{
    int wrong = 0;
    const struct capsa_sim_case *one;
    for (size_t i = 0; (one = capsa_sim_case_at(i)) != NULL; i++) {
        CAPSA_AUTO(capsa_sim_forgery) forgery;
        assert_ok(capsa_sim_case_make(scene->sim, SIM_NOW + 10, one, &forgery));
        struct capsa_verdict verdict;
        judge(&forgery, cache, &verdict);
        wrong += compare(one->id, &forgery, &verdict);
        struct capsa_verdict again;
        judge(&forgery, cache, &again);
        wrong += compare(one->id, &forgery, &again);
        assert_memory_equal(&verdict.claims, &again.claims, sizeof(verdict.claims));
        assert_string_equal(verdict.reason, again.reason);
    }
    return wrong;
}

static void A1_to_A29_every_case_fails_its_check(void **state)
{
    assert_int_equal(judge_corpus(*state, NULL), 0);
}

/* One cache for all of them: what held for one platform is not believed of its forgeries. */
static void A22_caches_change_no_verdict(void **state)
{
    struct capsa_verify_cache *cache = NULL;
    assert_ok(capsa_verify_cache_new(64, &cache));
    int wrong = judge_corpus(*state, cache);
    capsa_verify_cache_free(cache);
    assert_int_equal(wrong, 0);
}

/* A case whose collateral was not what its evidence needs would be refused for a wrong reason. */
static void ids_are_names_of_folders_and_unique(void **state)
{
    (void)state;
    const struct capsa_sim_case *one;
    for (size_t i = 0; (one = capsa_sim_case_at(i)) != NULL; i++) {
        assert_int_equal(strspn(one->id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                         "0123456789_"),
                         strlen(one->id));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(one->id, capsa_sim_case_at(k)->id);
        }
    }
}

/* The lab is on the verifier's floor and cannot read its table: the two are compared here. */
static void checks_are_the_verifiers_and_in_its_order(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
    } checks[] = {
#define CAPSA_CHECK(symbol, name, code, what) {name, CAPSA_E_##code},
#include "verifier/checks.def"
#undef CAPSA_CHECK
    };
    size_t at = 0;
    for (size_t rank = 0; rank < capsa_sim_rank_none(); rank++) {
        int status;
        const char *check = capsa_sim_rank_check(rank, &status);
        while (at < sizeof(checks) / sizeof(checks[0]) && !capsa_streq(checks[at].name, check)) {
            at++;
        }
        if (at == sizeof(checks) / sizeof(checks[0])) {
            fail_msg("%s is no check, or out of order", check);
        }
        assert_int_equal(status, capsa_code_exit((enum capsa_code)checks[at].code));
    }
}

/* ---- knobs ------------------------------------------------------------------------------------
 */

/* An argument that each kind of knob takes. */
static const struct {
    const char *takes, *value;
} arguments[] = {
    {"N", "4"},         {"PART", "pck-crl"},       {"STATUS", "OutOfDate"},     {"TEXT", "SGX"},
    {"sgx|tdx", "sgx"}, {"PART=KEY", "quote=pck"}, {"PART=NAME", "pck=A name"},
};

/* No knob is in the table in vain: turned or wrongly turned, each is understood or says why not. */
static void every_knob_turns_or_complains(void **state)
{
    const struct sim_scene *scene = *state;
    const struct capsa_sim_knob *knob;
    size_t turned = 0;
    size_t count = 0;
    for (; (knob = capsa_sim_knob_at(count)) != NULL; count++) {
        const char *value = "";
        for (size_t k = 0; k < sizeof(arguments) / sizeof(arguments[0]); k++) {
            bool takes = knob->takes != NULL && capsa_streq(knob->takes, arguments[k].takes);
            value = takes ? arguments[k].value : value;
        }
        const struct capsa_sim_turn turn = {knob->name, value};
        CAPSA_AUTO(capsa_sim_forgery) forgery = {.check = ""};
        capsa_result result = capsa_sim_forge(scene->sim, SIM_NOW + 10, &turn, 1, &forgery);
        if (capsa_failed(result)) {
            assert_int_equal(capsa_code_of(result), CAPSA_E_USAGE);
        } else {
            turned++;
        }
    }
    assert_true(turned > count / 2);
}

static void wrong_arguments_are_named(void **state)
{
    const struct sim_scene *scene = *state;
    static const struct capsa_sim_turn wrong[] = {
        {"no-such-knob", ""},   {"qe-mrsigner", "00"},
        {"qe-mrsigner", "zz"},  {"isv-svn", "65536"},
        {"isv-svn", "-1"},      {"isv-svn", "1x"},
        {"revoke", "root-crl"}, {"expire", "quote"},
        {"sign", "quote"},      {"sign", "quote=me"},
        {"platform", "snp"},    {"td15", ""},
        {"ca", "root"},         {"unsigned-crl", "tcb-info"},
        {"relaunch", ""},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CAPSA_AUTO(capsa_sim_forgery) forgery = {.check = ""};
        capsa_result result = capsa_sim_forge(scene->sim, SIM_NOW + 10, &wrong[i], 1, &forgery);
        assert_int_equal(capsa_code_of(result), CAPSA_E_USAGE);
        assert_int_equal(forgery.evidence.len, 0);
    }
}

/* What is wrong together is expected to fail at what is judged first. */
static void the_first_check_of_several_is_expected(void **state)
{
    const struct sim_scene *scene = *state;
    static const struct capsa_sim_turn turns[] = {
        {"expire", "tcb-info"}, {"debug", ""}, {"qe-debug", ""}, {"revoke", "pck"}};
    static const char *const expected[] = {"expired", "debug", "qe-report", "revoked"};
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        CAPSA_AUTO(capsa_sim_forgery) forgery;
        assert_ok(capsa_sim_forge(scene->sim, SIM_NOW + 10, turns, i + 1, &forgery));
        assert_string_equal(forgery.check, expected[i]);
        struct capsa_verdict verdict;
        judge(&forgery, NULL, &verdict);
        assert_int_equal(compare(expected[i], &forgery, &verdict), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A1_to_A29_every_case_fails_its_check),
        cmocka_unit_test(A22_caches_change_no_verdict),
        cmocka_unit_test(ids_are_names_of_folders_and_unique),
        cmocka_unit_test(checks_are_the_verifiers_and_in_its_order),
        cmocka_unit_test(every_knob_turns_or_complains),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(the_first_check_of_several_is_expected),
    };
    return cmocka_run_group_tests(tests, sim_scene_setup, sim_scene_teardown);
}
