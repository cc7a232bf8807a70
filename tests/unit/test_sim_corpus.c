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

/* What a command would exit with. */
static int judge(const capsa_sim_forgery *forgery, struct capsa_verify_cache *cache,
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
    int status = capsa_failed(result) ? capsa_code_exit(capsa_code_of(result)) : 0;
    capsa_appraisal_policy_free(policy);
    capsa_anchors_free(anchors);
    return status;
}

/* 1 when the verdict is another than the expected one. */
static int judge_and_compare(const char *id, const capsa_sim_forgery *forgery,
                             struct capsa_verify_cache *cache, struct capsa_verdict *ret_verdict)
{
    int exit_status = judge(forgery, cache, ret_verdict);
    const char *got = capsa_check_name(ret_verdict->failed_check);
    const char *status = capsa_tcb_status_name(ret_verdict->tcb_status);
    bool right = capsa_streq(got, forgery->check) && exit_status == forgery->exit &&
                 ret_verdict->accepted == (*forgery->check == '\0') &&
                 (forgery->tcb_status == NULL || capsa_streq(status, forgery->tcb_status));
    if (!right) {
        print_error("%s: expected \"%s\", exit %d and status %s, got \"%s\", %d and %s: %s\n", id,
                    forgery->check, forgery->exit,
                    forgery->tcb_status == NULL ? "any" : forgery->tcb_status, got, exit_status,
                    status, ret_verdict->reason);
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
        wrong += judge_and_compare(one->id, &forgery, cache, &verdict);
        struct capsa_verdict again;
        wrong += judge_and_compare(one->id, &forgery, cache, &again);
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

/* Arguments that each kind of knob may take; those that one does not take, it must complain about.
 */
static const struct {
    const char *takes, *values[12];
} arguments[] = {
    {"N", {"0", "1", "2", "3", "4", "5", "6", "9", "20", "100"}},
    {"PART",
     {"root", "platform-ca", "pck", "tcb-signer", "root-crl", "pck-crl", "tcb-info", "qe-identity",
      "qe-report", "quote"}},
    {"STATUS",
     {"UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "OutOfDate",
      "OutOfDateConfigurationNeeded", "Revoked", "Splendid"}},
    {"TEXT", {"SGX", "TDX", "QE", "TD_QE", "QVE", "{}"}},
    {"sgx|tdx", {"sgx", "tdx"}},
    {"PART=KEY",
     {"platform-ca=stranger", "pck=root", "pck=platform-ca", "tcb-signer=pck", "root-crl=stranger",
      "pck-crl=root", "tcb-info=attestation", "qe-identity=stranger", "qe-report=stranger",
      "quote=pck"}},
    {"PART=NAME", {"root=A name", "platform-ca=A name", "pck=A name", "tcb-signer=A name"}},
};

static const struct {
    struct capsa_sim_turn turns[2];
    size_t count;
} bases[] = {
    {{{NULL, NULL}}, 0},
    {{{"platform", "tdx"}, {"td15", ""}}, 2},
};

/* 1 when the verdict was not the expected one. */
static int turn_alone(const struct sim_scene *scene, size_t base, const char *knob,
                      const char *value, size_t *turned)
{
    struct capsa_sim_turn turns[3];
    size_t count = bases[base].count;
    memcpy(turns, bases[base].turns, sizeof(bases[base].turns));
    turns[count++] = (struct capsa_sim_turn){knob, value};
    CAPSA_AUTO(capsa_sim_forgery) forgery = {.check = ""};
    capsa_result result = capsa_sim_forge(scene->sim, SIM_NOW + 10, turns, count, &forgery);
    if (capsa_failed(result)) {
        assert_int_equal(capsa_code_of(result), CAPSA_E_USAGE);
        return 0;
    }
    (*turned)++;
    struct capsa_verdict verdict;
    char text[256];
    (void)snprintf(text, sizeof(text), "base %zu, --%s %s", base, knob, value);
    return judge_and_compare(text, &forgery, NULL, &verdict);
}

static int turn_with_all(const struct sim_scene *scene, size_t base,
                         const struct capsa_sim_knob *knob, size_t *turned)
{
    if (knob->takes == NULL) {
        return turn_alone(scene, base, knob->name, "", turned);
    }
    int wrong = 0;
    if (capsa_streq(knob->takes, "HEX")) {
        static const size_t sizes[] = {2, 6, 8, 16, 32, 48, 64};
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            char hex[129];
            memset(hex, '5', sizeof(hex));
            hex[2 * sizes[i]] = '\0';
            wrong += turn_alone(scene, base, knob->name, hex, turned);
        }
        return wrong;
    }
    size_t kind = 0;
    while (!capsa_streq(arguments[kind].takes, knob->takes)) {
        kind++;
    }
    for (size_t i = 0; i < 12 && arguments[kind].values[i] != NULL; i++) {
        wrong += turn_alone(scene, base, knob->name, arguments[kind].values[i], turned);
    }
    return wrong;
}

/* Each knob alone, on every kind of evidence, with every argument that it takes: what it says that
 * it leads to is what the verifier finds; what it cannot do it does not do silently. */
static void every_knob_leads_where_it_says(void **state)
{
    int wrong = 0;
    const struct capsa_sim_knob *knob;
    for (size_t i = 0; (knob = capsa_sim_knob_at(i)) != NULL; i++) {
        size_t turned = 0;
        for (size_t base = 0; base < sizeof(bases) / sizeof(bases[0]); base++) {
            wrong += turn_with_all(*state, base, knob, &turned);
        }
        if (turned == 0) {
            fail_msg("--%s takes nothing of what was tried", knob->name);
        }
    }
    assert_int_equal(wrong, 0);
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
        assert_int_equal(judge_and_compare(expected[i], &forgery, NULL, &verdict), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A1_to_A29_every_case_fails_its_check),
        cmocka_unit_test(A22_caches_change_no_verdict),
        cmocka_unit_test(ids_are_names_of_folders_and_unique),
        cmocka_unit_test(checks_are_the_verifiers_and_in_its_order),
        cmocka_unit_test(every_knob_leads_where_it_says),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(the_first_check_of_several_is_expected),
    };
    return cmocka_run_group_tests(tests, sim_scene_setup, sim_scene_teardown);
}
