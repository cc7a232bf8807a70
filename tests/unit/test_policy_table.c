/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of tests for policies: what they mean, and that one which does not say what its author
 * meant is refused. The command itself is in tests/integration/policytest.py.
 */
#include "unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "cli/cli_policy_table.h"
#include "codec/yaml.h"

#define POLICY                                                                                     \
    "policy:\n"                                                                                    \
    "  data_uuid: d1\n"                                                                            \
    "  scope: s1\n"                                                                                \
    "  rules:\n"                                                                                   \
    "    - {rule_id: join, grantee_party_ids: [carol], columns: [a, b],\n"                         \
    "       op_constraints: [{op_name: psi}], global_constraints: ['r.scope == \"s1\"']}\n"        \
    "    - {rule_id: all, grantee_party_ids: [dave], columns: ['*'],\n"                            \
    "       op_constraints: [{op_name: '*', constraints: ['r.env.tee.sgx.isv_svn >= 3']}]}\n"
#define DEFAULTS                                                                                   \
    "defaults:\n"                                                                                  \
    "  initiator: carol\n"                                                                         \
    "  op: psi\n"                                                                                  \
    "  columns: [a]\n"                                                                             \
    "  env: {request_time: '2026-11-21T12:00:00Z', tee: {platform: sgx, sgx: {isv_svn: 3,\n"       \
    "        mr_enclave: ab}}}\n"

static capsa_result read_text(const char *text, capsa_policy_table *table)
{
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_yaml_parse(capsa_bytes_str(text), &document));
    return capsa_policy_table_of(document, NULL, table);
}

static struct capsa_decision decide(const capsa_policy_table *table, const capsa_policy_case *test)
{
    struct capsa_decision decision;
    assert_ok(capsa_policy_decide(table->policy, &test->request, &decision));
    return decision;
}

/* Does the one test, members as YAML, pass? */
static bool passes(const char *members)
{
    char text[4096];
    (void)snprintf(text, sizeof(text), POLICY DEFAULTS "tests: [{name: it, %s}]\n", members);
    CAPSA_AUTO(capsa_policy_table) table = {.document = NULL};
    assert_ok(read_text(text, &table));
    assert_int_equal(capsa_policy_table_count(&table), 1);
    CAPSA_AUTO(capsa_policy_case) test = {.members = NULL};
    assert_ok(capsa_policy_case_of(&table, 0, &test));
    struct capsa_decision decision = decide(&table, &test);
    return capsa_policy_case_passes(&test, &decision);
}

static void a_test_passes_if_all_that_it_expects_is_so(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        bool passes;
    } cases[] = {
        {"expect: allow", true},
        {"expect: deny", false},
        {"expect: allow, rule: join", true},
        {"expect: allow, rule: all", false},
        {"expect: deny, columns: [c]", true},
        {"expect: allow, columns: [c]", false},
        {"expect: deny, columns: [c], clause: columns", true},
        {"expect: deny, columns: [c], clause: operation", false},
        {"expect: deny, columns: [c], clause: columns, rule: join", true},
        {"expect: deny, columns: [c], clause: columns, rule: all", false},
        {"expect: deny, scope: s2, clause: global constraint", true},
        {"expect: allow, clause: null, rule: null", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (passes(cases[i].members) != cases[i].passes) {
            fail_msg("%s", cases[i].members);
        }
    }
}

static void a_test_overrides_defaults_member_by_member(void **state)
{
    (void)state;
    static const char *const good[] = {
        "expect: allow, initiator: dave, columns: []",
        "expect: deny, initiator: carol, columns: [], clause: columns",
        "expect: deny, columns: null, clause: columns",
        "expect: allow, initiator: dave, op: lr, rule: all",
        "expect: allow, initiator: dave, env: {tee: {sgx: {mr_enclave: cd}}}",
        "expect: deny, initiator: dave, env: {tee: {sgx: {isv_svn: 2}}}, clause: op constraint",
        "expect: deny, initiator: dave, env: {tee: {sgx: {isv_svn: null}}}, clause: op constraint",
        "expect: deny, initiator: dave, env: {tee: null}, clause: op constraint",
        "expect: deny, initiator: dave, env: null, clause: op constraint",
        "expect: allow, columns: [x, y], is_result: true",
        "expect: deny, signed: false, clause: initiator",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!passes(good[i])) {
            fail_msg("%s", good[i]);
        }
    }
}

static void what_is_left_out_is_the_policy_s_own(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_policy_table) table = {.document = NULL};
    assert_ok(read_text(POLICY
                        "tests: [{name: bare, initiator: i, op: o, expect: deny},\n"
                        "  {name: full, initiator: i, op: o, expect: deny, resource_uri: u,\n"
                        "   attrs: x, scope: y, columns: [p, q], env: {}, is_result: true}]",
                        &table));
    CAPSA_AUTO(capsa_policy_case) bare = {.members = NULL};
    assert_ok(capsa_policy_case_of(&table, 0, &bare));
    assert_string_equal(bare.request.resource_uri, "d1");
    assert_string_equal(bare.request.scope, "s1");
    assert_string_equal(bare.request.attrs, "");
    assert_int_equal(bare.request.columns_count, 0);
    assert_null(bare.request.env);
    assert_false(bare.request.is_result || bare.request.only_pinned_code);
    CAPSA_AUTO(capsa_policy_case) full = {.members = NULL};
    assert_ok(capsa_policy_case_of(&table, 1, &full));
    assert_string_equal(full.request.resource_uri, "u");
    assert_string_equal(full.request.scope, "y");
    assert_string_equal(full.request.attrs, "x");
    assert_string_equal(full.request.columns[1], "q");
    assert_non_null(full.request.env);
    assert_true(full.request.is_result);
}

static void one_of_several_policies_is_chosen_by_its_uuid(void **state)
{
    (void)state;
#define SEVERAL                                                                                    \
    "policy: {scope: s9, policies: [{data_uuid: d1, rules: []}, {data_uuid: d2, rules: []}]}\n"    \
    "tests: [{name: n, initiator: i, op: o, expect: deny, clause: rules}]\n"
    CAPSA_AUTO(capsa_policy_table) table = {.document = NULL};
    assert_ok(read_text("data_uuid: d2\n" SEVERAL, &table));
    assert_string_equal(table.policy->data_uuid, "d2");
    assert_string_equal(table.scope, "s9");
    CAPSA_AUTO(capsa_policy_table) other = {.document = NULL};
    assert_fails(read_text(SEVERAL, &other), MALFORMED);
    assert_fails(read_text("data_uuid: d3\n" SEVERAL, &other), MALFORMED);
}

static void a_table_that_does_not_say_what_was_meant_is_refused(void **state)
{
    (void)state;
#define ONE(members) POLICY DEFAULTS "tests: [{name: it, expect: deny, " members "}]\n"
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "an object with policy and tests, not null"},
        {"- a\n", "not an array"},
        {"{}", "tests: there is none"},
        {POLICY, "tests: there is none"},
        {POLICY "tests:\n", "tests: there is none"},
        {POLICY "tests: []\n", "tests: there is none"},
        {POLICY "tests: {}\n", "tests: a list wanted, got an object"},
        {POLICY "test: []\n", "unknown member \"test\"; \"tests\" is the nearest"},
        {"tests: [{name: a}]\n", "policy is missing"},
        {"policy: other.yaml\ntests: [{name: a}]\n", "no other file"},
        {"policy: 7\ntests: [{name: a}]\n", "policy: a policy is an object"},
        {"policy: {rulez: []}\ntests: [{name: a}]\n", "policy: "},
        {"policy: {rules: [{global_constraints: ['1 = 2']}]}\ntests: [{name: a}]\n",
         "policy: rule 1: global constraint 1: line 1, column 3"},
        {POLICY "defaults: []\ntests: [{name: a}]\n", "defaults: an object wanted"},
        {POLICY "defaults: {initator: x}\ntests: [{name: a}]\n",
         "defaults: unknown member \"initator\"; \"initiator\" is the nearest"},
        {POLICY "defaults: {name: x}\ntests: [{name: a}]\n", "defaults: unknown member \"name\""},
        {POLICY "defaults: {env: {tee: {sgx: {mr_enclav: a}}}}\ntests: [{name: a}]\n",
         "defaults: env.tee.sgx: unknown member \"mr_enclav\"; \"mr_enclave\" is the nearest"},
        {POLICY DEFAULTS "tests: [a]\n", "tests[0]: a test is an object, not a string"},
        {POLICY DEFAULTS "tests: [{expect: deny}]\n", "tests[0]: name"},
        {POLICY DEFAULTS "tests: [{name: '', expect: deny}]\n", "name: must not be empty"},
        {POLICY DEFAULTS "tests: [{name: it}]\n", "tests[0] \"it\": expect is missing"},
        {POLICY DEFAULTS "tests: [{name: a, expect: deny}, {name: a, expect: deny}]\n",
         "tests[1]: tests[0] has the name \"a\" already"},
        {POLICY DEFAULTS "tests: [{name: a, expect: denied}]\n", "allow or deny, not \"denied\""},
        {POLICY DEFAULTS "tests: [{name: a, expect: allow, clause: columns}]\n",
         "clause says what denies"},
        {POLICY "tests: [{name: a, expect: deny, op: x}]\n", "initiator is missing"},
        {POLICY "tests: [{name: a, expect: deny, initiator: x}]\n", "op is missing"},
        {ONE("initiator: ''"), "initiator: must not be empty"},
        {ONE("initiator: null"), "initiator is missing"},
        {ONE("colums: [a]"), "tests[0] \"it\": unknown member \"colums\"; \"columns\""},
        {ONE("columns: a"), "columns: an array wanted, got a string"},
        {ONE("columns: [1]"), "columns[0]: a string wanted"},
        {ONE("clause: colums"), "clause: there is no \"colums\"; columns"},
        {ONE("clause: zzzzzzz"), "clause: there is no \"zzzzzzz\"; rules, grantee"},
        {ONE("clause: none"), "clause: there is no \"none\""},
        {ONE("rule: jion"), "rule: the policy has no \"jion\"; \"join\" is the nearest"},
        {ONE("rule: join, clause: rules"), "clause \"rules\" means that there is none"},
        {ONE("signed: 1"), "signed: "},
        {ONE("env: []"), "env: an object wanted"},
        {ONE("env: {time: x}"), "env: unknown member \"time\""},
        {ONE("env: {request_time: '2027-01-01'}"), "env.request_time is a text as in"},
        {ONE("env: {request_time: '2027-01-01T00:00:00+01:00'}"), "env.request_time is a text"},
        {ONE("env: {tee: {platform: tdx}}"), "env.tee.sgx cannot be there"},
        {ONE("env: {tee: {platform: null}}"), "env.tee.platform is missing beside sgx"},
        {ONE("env: {tee: {sgx: {isv_svn: x}}}"), "env.tee.sgx.isv_svn: an integer wanted"},
        {ONE("env: {tee: {sgx: {isv_svn: 2147483648}}}"), "env.tee.sgx.isv_svn: "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_policy_table) table = {.document = NULL};
        capsa_result result = read_text(cases[i].text, &table);
        if (!capsa_failed(result) || strstr(capsa_text_of(result), cases[i].said) == NULL) {
            fail_msg("%s\nsaid: %s\nnot: %s", cases[i].text,
                     capsa_failed(result) ? capsa_text_of(result) : "nothing", cases[i].said);
        }
        assert_null(table.document);
    }
}

static void a_table_has_as_many_tests_as_its_limit_says(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
        assert_ok(capsa_buf_str(&text, POLICY DEFAULTS "tests:\n"));
        for (size_t i = 0; i < CAPSA_LIMIT_policy_tests + more; i++) {
            assert_ok(capsa_buf_format(&text, "- {name: t%zu, expect: deny}\n", i));
        }
        const char *cstr;
        assert_ok(capsa_buf_cstr(&text, &cstr));
        CAPSA_AUTO(capsa_policy_table) table = {.document = NULL};
        capsa_result result = read_text(cstr, &table);
        assert_int_equal(capsa_code_of(result), more == 0 ? CAPSA_E_OK : CAPSA_E_TOO_LARGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_test_passes_if_all_that_it_expects_is_so),
        cmocka_unit_test(a_test_overrides_defaults_member_by_member),
        cmocka_unit_test(what_is_left_out_is_the_policy_s_own),
        cmocka_unit_test(one_of_several_policies_is_chosen_by_its_uuid),
        cmocka_unit_test(a_table_that_does_not_say_what_was_meant_is_refused),
        cmocka_unit_test(a_table_has_as_many_tests_as_its_limit_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
