/* SPDX-License-Identifier: Apache-2.0
 *
 * policy: which requests a policy allows, what a denial says to whom, what may be stored, and what
 * lint finds.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "codec/protobuf.h"
#include "policy/policy.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* ---- Makers ------------------------------------------------------------------------------- */

static void drop_policy(Cm__Policy **policy)
{
    if (*policy != NULL) {
        capsa_message_free(&(*policy)->base);
    }
}
#define AUTO_POLICY __attribute__((cleanup(drop_policy))) Cm__Policy *

static Cm__Policy *parse_policy(const char *text)
{
    ProtobufCMessage *message = NULL;
    assert_ok(capsa_protojson_parse(&cm__policy__descriptor, capsa_bytes_str(text),
                                    CAPSA_UNKNOWN_REFUSED, &message));
    return (Cm__Policy *)message;
}

/* A policy of one rule, as JSON without its braces. */
static Cm__Policy *policy_of(const char *rule)
{
    char text[8192];
    assert_true((size_t)snprintf(text, sizeof(text), "{\"data_uuid\":\"d1\",\"rules\":[{%s}]}",
                                 rule) < sizeof(text));
    return parse_policy(text);
}

static const struct capsa_request plain = {
    .resource_uri = "d1",
    .initiator_party_id = "carol",
    .scope = "default",
    .op_name = "psi",
    .attrs = "",
};

static char column_a[] = "a", column_b[] = "b", column_c[] = "c";
static char *columns_ab[] = {column_a, column_b};
static char *columns_abc[] = {column_c, column_a, column_b, column_a};

static struct capsa_request request_for(char **columns, size_t count)
{
    struct capsa_request request = plain;
    request.columns = columns;
    request.columns_count = count;
    return request;
}

static struct capsa_decision decide(const Cm__Policy *policy, const struct capsa_request *request)
{
    struct capsa_decision decision;
    assert_ok(capsa_policy_decide(policy, request, &decision));
    assert_true(decision.allowed == (decision.clause == CAPSA_CLAUSE_NONE));
    assert_true(decision.allowed == (decision.reason[0] == '\0'));
    return decision;
}

#define WHO "\"grantee_party_ids\":[\"bob\",\"carol\"],"
#define ALL "\"columns\":[\"*\"],"
#define PSI "\"op_constraints\":[{\"op_name\":\"psi\"}]"

/* ---- Deciding ----------------------------------------------------------------------------- */

struct rule_case {
    const char *rule;
    enum capsa_clause clause; /* NONE: allowed */
};

static void check_rules(const struct capsa_request *request, const struct rule_case *cases,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_POLICY policy = policy_of(cases[i].rule);
        struct capsa_decision decision = decide(policy, request);
        if (decision.clause != cases[i].clause) {
            fail_msg("%s: wanted %s, got %s (%s; %s)", cases[i].rule,
                     capsa_clause_name(cases[i].clause), capsa_clause_name(decision.clause),
                     decision.expected, decision.got);
        }
    }
}
#define CHECK(request, cases) check_rules(request, cases, sizeof(cases) / sizeof((cases)[0]))

static void a_rule_grants_to_its_grantees_and_operations_alone(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        {WHO ALL PSI, CAPSA_CLAUSE_NONE},
        {"\"grantee_party_ids\":[\"bob\"]," ALL PSI, CAPSA_CLAUSE_GRANTEE},
        {"\"grantee_party_ids\":[]," ALL PSI, CAPSA_CLAUSE_GRANTEE},
        {"\"grantee_party_ids\":[\"*\"]," ALL PSI, CAPSA_CLAUSE_GRANTEE},
        {"\"grantee_party_ids\":[\"Carol\",\"carol \",\"caro\"]," ALL PSI, CAPSA_CLAUSE_GRANTEE},
        {WHO ALL "\"op_constraints\":[]", CAPSA_CLAUSE_OPERATION},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"PSI\"},{\"op_name\":\"\"}]",
         CAPSA_CLAUSE_OPERATION},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"lr\"},{\"op_name\":\"psi\"}]",
         CAPSA_CLAUSE_NONE},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"*\"}]", CAPSA_CLAUSE_NONE},
    };
    CHECK(&plain, cases);
    struct capsa_request unnamed = plain;
    unnamed.op_name = "";
    static const struct rule_case literal[] = {
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"\"}]", CAPSA_CLAUSE_NONE},
        {WHO ALL PSI, CAPSA_CLAUSE_OPERATION},
    };
    CHECK(&unnamed, literal);
    AUTO_POLICY empty = parse_policy("{\"data_uuid\":\"d1\"}");
    assert_int_equal(decide(empty, &plain).clause, CAPSA_CLAUSE_RULES);
    assert_int_equal(decide(NULL, &plain).clause, CAPSA_CLAUSE_RULES);
}

/* The original never evaluated what stands on "*" (defect 10). */
static void constraints_on_every_operation_hold_too(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"*\",\"constraints\":[\"false\"]}]",
         CAPSA_CLAUSE_OP_CONSTRAINT},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\"},"
                 "{\"op_name\":\"*\",\"constraints\":[\"r.scope==\\\"x\\\"\"]}]",
         CAPSA_CLAUSE_OP_CONSTRAINT},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[\"true\"]},"
                 "{\"op_name\":\"psi\",\"constraints\":[\"true\",\"1==2\"]}]",
         CAPSA_CLAUSE_OP_CONSTRAINT},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\"},"
                 "{\"op_name\":\"lr\",\"constraints\":[\"false\"]}]",
         CAPSA_CLAUSE_NONE},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[\"\",\" \\n\"]}]",
         CAPSA_CLAUSE_NONE},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[\"1\"]}]",
         CAPSA_CLAUSE_OP_CONSTRAINT},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[\"1=1\"]}]",
         CAPSA_CLAUSE_OP_CONSTRAINT},
        {WHO ALL PSI ",\"global_constraints\":[\"true\",\"r.op_name==\\\"psi\\\"\"]",
         CAPSA_CLAUSE_NONE},
        {WHO ALL PSI ",\"global_constraints\":[\"true\",\"r.op_name==\\\"lr\\\"\"]",
         CAPSA_CLAUSE_GLOBAL_CONSTRAINT},
        {WHO ALL PSI ",\"global_constraints\":[\"\"]", CAPSA_CLAUSE_GLOBAL_CONSTRAINT},
        {WHO ALL PSI ",\"global_constraints\":[\"r.env.tee.sgx.mr_enclave!=\\\"x\\\"\"]",
         CAPSA_CLAUSE_GLOBAL_CONSTRAINT},
    };
    CHECK(&plain, cases);
}

static void every_requested_column_has_to_be_listed(void **state)
{
    (void)state;
    static const struct rule_case ab[] = {
        {WHO PSI ",\"columns\":[\"b\",\"x\",\"a\"]", CAPSA_CLAUSE_NONE},
        {WHO PSI ",\"columns\":[\"*\"]", CAPSA_CLAUSE_NONE},
        {WHO PSI ",\"columns\":[\"x\",\"*\"]", CAPSA_CLAUSE_NONE},
        {WHO PSI ",\"columns\":[\"a\"]", CAPSA_CLAUSE_COLUMNS},
        {WHO PSI ",\"columns\":[\"A\",\"b\"]", CAPSA_CLAUSE_COLUMNS},
        {WHO PSI ",\"columns\":[]", CAPSA_CLAUSE_COLUMNS},
    };
    struct capsa_request request = request_for(columns_ab, 2);
    CHECK(&request, ab);
    static const struct rule_case abc[] = {
        {WHO PSI ",\"columns\":[\"a\",\"b\",\"c\"]", CAPSA_CLAUSE_NONE},
        {WHO PSI ",\"columns\":[\"a\",\"b\",\"a\",\"b\"]", CAPSA_CLAUSE_COLUMNS},
    };
    request = request_for(columns_abc, 4);
    CHECK(&request, abc);
    char star[] = "*", *stars[] = {star};
    request = request_for(stars, 1);
    static const struct rule_case literal[] = {
        {WHO PSI ",\"columns\":[\"a\"]", CAPSA_CLAUSE_COLUMNS},
    };
    CHECK(&request, literal);
}

/* The original let a request without columns pass any list (defect 11). */
static void naming_no_columns_asks_for_all_of_them(void **state)
{
    (void)state;
    static const struct rule_case sound[] = {
        {WHO PSI ",\"columns\":[\"a\"]", CAPSA_CLAUSE_COLUMNS},
        {WHO PSI, CAPSA_CLAUSE_COLUMNS},
        {WHO PSI ",\"columns\":[\"*\"]", CAPSA_CLAUSE_NONE},
    };
    CHECK(&plain, sound);
    static const struct rule_case lax[] = {
        {WHO PSI ",\"columns\":[\"a\"]", CAPSA_CLAUSE_NONE},
        {WHO PSI, CAPSA_CLAUSE_NONE},
    };
    struct capsa_request request = plain;
    request.empty_columns_pass = true;
    CHECK(&request, lax);

    AUTO_POLICY alone = policy_of(WHO PSI ",\"columns\":[\"a\"]");
    struct capsa_decision decision = decide(alone, &plain);
    assert_true(decision.only_empty_columns);
    assert_non_null(strstr(decision.reason, "insecure_empty_columns_pass"));
    AUTO_POLICY more = policy_of(WHO PSI ",\"columns\":[\"a\"],\"global_constraints\":[\"false\"]");
    decision = decide(more, &plain);
    assert_false(decision.only_empty_columns);
    assert_int_equal(decision.clause, CAPSA_CLAUSE_COLUMNS);
    assert_null(strstr(decision.reason, "insecure_"));
}

static void columns_of_a_result_are_not_checked(void **state)
{
    (void)state;
    AUTO_POLICY policy = policy_of(WHO PSI ",\"columns\":[\"x\"]");
    struct capsa_request request = request_for(columns_ab, 2);
    assert_int_equal(decide(policy, &request).clause, CAPSA_CLAUSE_COLUMNS);
    request.is_result = true;
    assert_true(decide(policy, &request).allowed);
    request.columns_count = 0;
    assert_true(decide(policy, &request).allowed);
    request.op_name = "lr";
    assert_int_equal(decide(policy, &request).clause, CAPSA_CLAUSE_OPERATION);
}

static void some_rule_has_to_match_as_a_whole(void **state)
{
    (void)state;
    AUTO_POLICY policy = parse_policy(
        "{\"data_uuid\":\"d1\",\"rules\":["
        "{\"rule_id\":\"one\"," WHO ALL "\"op_constraints\":[{\"op_name\":\"lr\"}]},"
        "{\"rule_id\":\"two\",\"grantee_party_ids\":[\"bob\"]," ALL PSI "},"
        "{\"rule_id\":\"three\"," WHO ALL PSI ",\"global_constraints\":[\"r.scope==\\\"x\\\"\"]},"
        "{\"rule_id\":\"four\"," WHO PSI ",\"columns\":[\"a\"]}]}");
    struct capsa_decision decision = decide(policy, &plain);
    assert_int_equal(decision.rule, 2); /* it got farthest */
    assert_string_equal(decision.rule_id, "three");
    assert_string_equal(decision.expected, "r.scope==\"x\"");
    assert_string_equal(decision.got, "false; r.scope is \"default\"");
    struct capsa_request request = plain;
    request.scope = "x";
    assert_true(decide(policy, &request).allowed);
    assert_string_equal(decide(policy, &request).rule_id, "three");
}

static void constraints_see_the_request(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json) env = NULL;
    assert_ok(capsa_json_parse(
        CAPSA_BYTES_LITERAL("{\"request_time\":\"2026-11-21T00:00:00Z\",\"tee\":{\"platform\":"
                            "\"sgx\",\"sgx\":{\"mr_enclave\":\"aa\",\"mr_signer\":\"bb\"}}}"),
        &env));
    struct capsa_request request = request_for(columns_ab, 2);
    request.attrs = "{\"x\":1}";
    request.env = env;
    AUTO_POLICY policy = policy_of(
        WHO ALL PSI ",\"global_constraints\":["
                    "\"r.resource_uri==\\\"d1\\\" && r.initiator_party_id==\\\"carol\\\"\","
                    "\"r.scope==\\\"default\\\" && r.op_name==\\\"psi\\\"\","
                    "\"r.attrs==\\\"{\\\\\\\"x\\\\\\\":1}\\\" && r.columns[1]==\\\"b\\\"\","
                    "\"r.env.tee.sgx.mr_enclave==\\\"aa\\\" && r.global_attrs==()\"]");
    struct capsa_decision decision = decide(policy, &request);
    if (!decision.allowed) {
        fail_msg("%s: %s", decision.expected, decision.got);
    }
    request.env = NULL;
    assert_string_equal(decide(policy, &request).got,
                        "error: line 1, column 7: 'tee' is asked of (): what stands before it is "
                        "not in the request; r.env.tee.sgx.mr_enclave is absent, r.global_attrs "
                        "is absent");
    assert_ok(capsa_json_set(env, "tee", capsa_json_new_null()));
    request.env = env;
    assert_int_equal(decide(policy, &request).clause, CAPSA_CLAUSE_GLOBAL_CONSTRAINT);
}

static void denials_say_plainly_what_is_not_granted(void **state)
{
    (void)state;
    struct capsa_request request = request_for(columns_abc, 4);
    static const struct {
        const char *rule, *reason;
    } cases[] = {
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"lr\"}]",
         "resource \"d1\": operation \"psi\" is not granted"},
        {WHO PSI ",\"columns\":[\"a\",\"b\"]", "resource \"d1\": column \"c\" is not granted"},
        {WHO PSI ",\"columns\":[\"x\"]",
         "resource \"d1\": columns \"a\" and 2 more are not granted"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[\"false\"]}]",
         "resource \"d1\": a condition on operation \"psi\" does not hold"},
        {WHO ALL PSI ",\"global_constraints\":[\"r.attrs==\\\"secret\\\"\"]",
         "resource \"d1\": a condition of the rule does not hold"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_POLICY policy = policy_of(cases[i].rule);
        struct capsa_decision decision = decide(policy, &request);
        assert_string_equal(decision.reason, cases[i].reason);
        capsa_result result = capsa_decision_result(&decision);
        assert_int_equal(capsa_code_of(result), CAPSA_E_DENIED);
        assert_string_equal(capsa_text_of(result), cases[i].reason);
    }
}

static void a_stranger_learns_nothing(void **state)
{
    (void)state;
    AUTO_POLICY policy = policy_of("\"grantee_party_ids\":[\"bob\"]," ALL PSI);
    AUTO_POLICY other = policy_of(WHO ALL "\"op_constraints\":[{\"op_name\":\"lr\"}]");
    struct capsa_decision absent = decide(NULL, &plain);
    assert_string_equal(decide(policy, &plain).reason, absent.reason);
    assert_string_equal(absent.reason, "resource \"d1\": not granted to party \"carol\", or there "
                                       "is no such resource");
    struct capsa_request request = plain; /* nobody vouches for carol but the evidence */
    request.only_pinned_code = true;
    absent = decide(NULL, &request);
    assert_string_equal(decide(policy, &request).reason, absent.reason);
    assert_string_equal(decide(other, &request).reason, absent.reason);
}

static void texts_of_a_decision_are_one_printable_line(void **state)
{
    (void)state;
    char long_name[600];
    memset(long_name, 0, sizeof(long_name));
    for (size_t i = 0; i + 2 < sizeof(long_name); i += 2) {
        memcpy(long_name + i, "\xc3\xa9", 2);
    }
    for (size_t pad = 0; pad < 3; pad++) {
        char text[2048];
        (void)snprintf(text, sizeof(text),
                       "\"rule_id\":\"%.*s%s\"," WHO ALL PSI
                       ",\"global_constraints\":[\"%.*s r.attrs\\n!= \\\"%s\\\"\"]",
                       (int)pad, "xy", long_name, (int)pad, "  ", long_name);
        AUTO_POLICY policy = policy_of(text);
        struct capsa_request request = plain;
        request.resource_uri = "a\nb\x1b[2J";
        request.attrs = long_name;
        struct capsa_decision decision = decide(policy, &request);
        const char *const shown[] = {decision.rule_id, decision.expected, decision.got,
                                     decision.reason};
        for (size_t i = 0; i < 4; i++) {
            assert_null(strpbrk(shown[i], "\n\x1b"));
            size_t len = strlen(shown[i]);
            assert_true(len > 10);
            unsigned char last = (unsigned char)shown[i][len - 1];
            assert_true(last < 0x80 || last == 0xa9);
        }
    }
}

static void work_is_bounded_and_shared(void **state)
{
    (void)state;
    AUTO_POLICY policy =
        policy_of(WHO ALL PSI ",\"global_constraints\":[\"1+1+1+1+1+1+1+1+1+1==10\",\"2+2==4\"]");
    size_t steps = 200;
    struct capsa_request request = plain;
    request.steps_left = &steps;
    struct capsa_decision decision = {.clause = CAPSA_CLAUSE_RULES};
    size_t times = 0;
    capsa_result result;
    while (!capsa_failed(result = capsa_policy_decide(policy, &request, &decision))) {
        assert_true(decision.allowed);
        assert_true(++times < 20);
    }
    assert_int_equal(capsa_code_of(result), CAPSA_E_TOO_LARGE);
    assert_true(times > 2);
}

static char **many_columns(size_t count)
{
    char **columns = calloc(count, sizeof(char *));
    assert_non_null(columns);
    for (size_t i = 0; i < count; i++) {
        assert_true(asprintf(&columns[i], "c%zu", i) > 0);
    }
    return columns;
}

static void free_columns(char **columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(columns[i]);
    }
    free(columns);
}

static void thousands_of_columns_are_no_trouble(void **state)
{
    (void)state;
    const size_t count = CAPSA_LIMIT_columns;
    char **columns = many_columns(count);
    Cm__Rule rule = CM__RULE__INIT;
    Cm__Rule__OpConstraint entry = CM__RULE__OP_CONSTRAINT__INIT;
    Cm__Rule__OpConstraint *entries[] = {&entry};
    char name[] = "psi", carol[] = "carol", *grantees[] = {carol};
    entry.op_name = name;
    rule.op_constraints = entries;
    rule.n_op_constraints = 1;
    rule.grantee_party_ids = grantees;
    rule.n_grantee_party_ids = 1;
    rule.columns = columns;
    rule.n_columns = count;
    Cm__Rule *rules[64];
    for (size_t i = 0; i < 64; i++) {
        rules[i] = &rule;
    }
    Cm__Policy policy = CM__POLICY__INIT;
    policy.rules = rules;
    policy.n_rules = 64;
    struct capsa_request request = request_for(columns, count);
    assert_true(decide(&policy, &request).allowed);
    char other[] = "c5x", *kept = columns[7];
    rule.n_columns = count - 1;
    assert_string_equal(decide(&policy, &request).reason,
                        "resource \"d1\": column \"c16383\" is not granted");
    rule.n_columns = 7;
    columns[7] = other;
    rule.columns = columns;
    assert_int_equal(decide(&policy, &request).clause, CAPSA_CLAUSE_COLUMNS);
    columns[7] = kept;
    free_columns(columns, count);
}

static int allocations_left;

static int allocation_fails(size_t size)
{
    (void)size;
    return allocations_left-- == 0;
}

static void a_decision_without_memory_is_none(void **state)
{
    (void)state;
    AUTO_POLICY policy = policy_of(WHO PSI ",\"columns\":[\"a\",\"b\"],\"global_constraints\":["
                                           "\"r.op_name+\\\"1\\\"==\\\"psi1\\\"\"]");
    struct capsa_request request = request_for(columns_ab, 2);
    for (int n = 0;; n++) {
        assert_true(n < 200);
        struct capsa_decision decision = {.rule = 77};
        allocations_left = n;
        capsa_alloc_set_hook(allocation_fails);
        capsa_result result = capsa_policy_decide(policy, &request, &decision);
        capsa_alloc_set_hook(NULL);
        if (!capsa_failed(result)) {
            assert_true(decision.allowed);
            assert_true(n > 5);
            return;
        }
        assert_int_equal(capsa_code_of(result), CAPSA_E_NOMEM);
        assert_int_equal(decision.rule, 77);
    }
}

/* ---- Rules that pin code ------------------------------------------------------------------ */

#define ENC     "\"r.env.tee.sgx.mr_enclave==\\\"" HEX64 "\\\"\""
#define SIG     "\"r.env.tee.sgx.mr_signer==\\\"" HEX64 "\\\"\""
#define PRODUCT "\"r.env.tee.sgx.isv_prod_id==1\""
#define SVN     "\"r.env.tee.sgx.isv_svn>=3\""

static void evidence_vouches_only_under_a_rule_that_pins_code(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        bool psi, any;
    } cases[] = {
        {WHO ALL PSI, false, false},
        {WHO ALL PSI ",\"global_constraints\":[" ENC "]", true, true},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[" ENC "]}]", true,
         false},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"*\",\"constraints\":[" ENC "]}]", true, true},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\"},"
                 "{\"op_name\":\"lr\",\"constraints\":[" ENC "]}]",
         false, false},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[" SIG "," SVN "]}],"
                 "\"global_constraints\":[" PRODUCT "]",
         true, false},
        {WHO ALL PSI ",\"global_constraints\":[" SIG "," PRODUCT "]", false, false},
    };
    struct capsa_request request = plain;
    request.only_pinned_code = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_POLICY policy = policy_of(cases[i].rule);
        if (capsa_rule_pins_code(policy->rules[0], "psi") != cases[i].psi ||
            capsa_rule_pins_code(policy->rules[0], NULL) != cases[i].any) {
            fail_msg("%s", cases[i].rule);
        }
        enum capsa_clause clause = decide(policy, &request).clause;
        assert_true(cases[i].psi ? clause > CAPSA_CLAUSE_COLUMNS
                                 : clause == CAPSA_CLAUSE_INITIATOR);
    }
}

/* ---- Adding ------------------------------------------------------------------------------- */

static void a_bad_constraint_is_refused_when_it_is_added(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *message;
    } cases[] = {
        {"\"rule_id\":\"train\"," WHO ALL PSI ",\"global_constraints\":[\"true\",\"r.scope = 1\"]",
         "rule 1 \"train\": global constraint 2: line 1, column 9: '=' is not in the language; it "
         "is no comparison; use '=='"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"lr\"},{\"op_name\":\"psi\",\"constraints\":"
                 "[\"eval(1)\"]}]",
         "rule 1: op_constraints 2: constraint 1: line 1, column 1: 'eval' is not in the language; "
         "there are no functions"},
        {WHO ALL PSI ",\"global_constraints\":[\" \"]",
         "rule 1: global constraint 1 is blank, which would never hold; leave it out"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_POLICY policy = policy_of(cases[i].rule);
        capsa_result result = capsa_policy_check(policy);
        assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
        assert_string_equal(capsa_text_of(result), cases[i].message);
    }
    AUTO_POLICY fine =
        policy_of("\"op_constraints\":[{\"op_name\":\"\",\"constraints\":[\"\",\" \",\"true\"]}]");
    assert_ok(capsa_policy_check(fine));
    AUTO_POLICY empty = parse_policy("{}");
    assert_ok(capsa_policy_check(empty));
}

static void sizes_over_the_limits_are_refused(void **state)
{
    (void)state;
    char *name = malloc(CAPSA_LIMIT_id_bytes + 2);
    assert_non_null(name);
    memset(name, 'x', CAPSA_LIMIT_id_bytes + 1);
    name[CAPSA_LIMIT_id_bytes + 1] = '\0';
    char *names[CAPSA_LIMIT_constraints + 1];
    char truth[] = "true";
    for (size_t i = 0; i <= CAPSA_LIMIT_constraints; i++) {
        names[i] = truth;
    }
    Cm__Rule rule = CM__RULE__INIT;
    rule.global_constraints = names;
    rule.n_global_constraints = CAPSA_LIMIT_constraints;
    assert_ok(capsa_rule_check(&rule, 1));
    rule.n_global_constraints++;
    assert_fails(capsa_rule_check(&rule, 1), TOO_LARGE);
    rule.n_global_constraints = 0;
    rule.n_grantee_party_ids = 1;
    rule.grantee_party_ids = &name;
    assert_fails(capsa_rule_check(&rule, 1), TOO_LARGE);
    name[CAPSA_LIMIT_id_bytes] = '\0';
    assert_ok(capsa_rule_check(&rule, 1));

    Cm__Rule *rules[CAPSA_LIMIT_rules + 1];
    for (size_t i = 0; i <= CAPSA_LIMIT_rules; i++) {
        rules[i] = &rule;
    }
    Cm__Policy policy = CM__POLICY__INIT;
    policy.rules = rules;
    policy.n_rules = 1000;
    assert_ok(capsa_policy_check(&policy)); /* just under CAPSA_LIMIT_policy_bytes */
    policy.n_rules = CAPSA_LIMIT_rules;
    assert_fails(capsa_policy_check(&policy), TOO_LARGE);
    rule.n_grantee_party_ids = 0;
    assert_ok(capsa_policy_check(&policy));
    policy.n_rules++;
    assert_fails(capsa_policy_check(&policy), TOO_LARGE);
    free(name);
}

/* ---- Lint --------------------------------------------------------------------------------- */

static CAPSA_RESULT note_finding(void *context, const struct capsa_lint_finding *finding)
{
    return capsa_buf_format(context, "%s %s", finding->level == CAPSA_LINT_ERROR ? "E" : "W",
                            finding->name);
}

static CAPSA_RESULT tell_finding(void *context, const struct capsa_lint_finding *finding)
{
    CAPSA_TRY(note_finding(context, finding));
    return capsa_buf_format(context, ": %s: %s\n", finding->where, finding->message);
}

static void assert_lint(const Cm__Policy *policy, capsa_lint_fn each, const char *expected)
{
    CAPSA_AUTO(capsa_buf) notes = capsa_buf_of(65536);
    assert_ok(capsa_policy_lint(policy, each, &notes));
    const char *text;
    assert_ok(capsa_buf_cstr(&notes, &text));
    assert_string_equal(text, expected);
}

static void lint_finds_what_was_hardly_meant(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *findings;
    } cases[] = {
        {WHO "\"columns\":[\"a\"]," PSI ",\"global_constraints\":[" ENC "]", ""},
        {WHO "\"columns\":[\"a\"]," PSI, "W pins-nothing"},
        {"\"columns\":[\"a\"]," PSI ",\"global_constraints\":[" ENC "]", "E no-grantees"},
        {"\"grantee_party_ids\":[\"*\"],\"columns\":[\"a\"]," PSI ",\"global_constraints\":[" ENC
         "]",
         "W wildcard-grantee"},
        {WHO "\"columns\":[\"a\"],\"global_constraints\":[" ENC "]", "E no-operations"},
        {WHO PSI ",\"global_constraints\":[" ENC "]", "W no-columns"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"*\",\"constraints\":[" ENC "]}]",
         "W grants-everything"},
        {WHO ALL PSI ",\"global_constraints\":[" SIG "]", "W signer-alone"},
        {WHO ALL PSI ",\"global_constraints\":[" SIG "," PRODUCT "," SVN "]", ""},
        {WHO ALL PSI ",\"global_constraints\":[" PRODUCT "]", "W pins-half"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[" ENC "]},"
                 "{\"op_name\":\"lr\"}]",
         "W pins-nothing"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"1==1\"]", "W always-true"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"1==2\"]", "E always-false"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"1/0==2\"]", "E always-fails"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"1=2\"]", "E does-not-compile"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"\"]", "E blank"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[\"\"," ENC "]}]",
         "W blank"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"r.env.tee.sgx.mr_enclave!=\\\"a\\\"\"]",
         "W measurement-not-equal"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC
                     ",\"r.env.tee.sgx.mr_signer in [\\\"AA\\\",\\\"" HEX64 "\\\"]\"]",
         "E measurement-form"},
        /* zero is Intel's signer of the module, and no program's measurement */
        {WHO ALL PSI ",\"global_constraints\":[" ENC
                     ",\"r.env.tee.tdx.fmspc==\\\"000000000000\\\"\"]",
         ""},
        {WHO ALL PSI ",\"global_constraints\":[" ENC
                     ",\"r.env.tee.tdx.fmspc==\\\"00000000000\\\"\"]",
         "E measurement-form"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"r.env.tee.snp.chip_id!=\\\"" HEX64 HEX64
                     "\\\"\"]",
         ""},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"r.env.tee.sgx.nonsense==1\"]",
         "W unknown-path"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"r.columns[0]==\\\"a\\\"\"]", ""},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"r.env.tee==() || r == 1\"]", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_POLICY policy = policy_of(cases[i].rule);
        assert_lint(policy, note_finding, cases[i].findings);
    }
}

/* A constraint beside one that pins code. */
#define ASK(text) WHO ALL PSI ",\"global_constraints\":[" ENC ",\"" text "\"]"
#define OP(name)  "r.op_name" name
#define A         "\\\"a\\\""
#define B         "\\\"b\\\""

static void lint_finds_what_is_always_or_never_true(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *findings;
    } cases[] = {
        {ASK("r.scope==" A), ""},
        {ASK("r.scope==" A " || true"), "W always-true"},
        {ASK("true || r.scope==" A), "W always-true"},
        {ASK("r.scope==" A " && true"), "W always-true"},
        {ASK("r.scope==" A " && false"), "E always-false"},
        {ASK("false || r.scope==" A), "W always-false"},
        {ASK("!(r.scope==" A " && 1==2)"), "W always-true"},
        {ASK("r.scope==" A " && !(r.attrs==" A " || true)"), "E always-false"},
        {ASK("r.scope==" A " ^ true"), ""},
        {ASK("r.scope==" A " & false"), ""},
        /* one claim against itself */
        {ASK("r.scope!=" A " || r.scope!=" B), "W always-true"},
        {ASK("r.scope!=" A " && r.scope!=" B), ""},
        {ASK("r.scope!=" A " || r.scope!=" A), ""},
        {ASK("r.scope==" A " || r.scope!=" A), "W always-true"},
        {ASK("r.scope==" A " || r.scope!=" B), ""},
        {ASK("r.scope==" A " && r.scope==" B), "E always-false"},
        {ASK("r.scope==" A " && r.scope==" A), ""},
        {ASK("r.scope==" A " && r.scope!=" A), "E always-false"},
        {ASK("r.scope==" A " && r.scope!=" B), ""},
        {ASK("r.scope==" A " || r.scope==" B), ""},
        {ASK("r.scope==" A " && r.attrs==" B), ""},
        {ASK("r.scope in [" A "," B "] && r.scope==" B), ""},
        {ASK("r.scope in [" A "," B "] && " B "==r.scope"), ""},
        {ASK("r.scope in [" A "," B "] && r.scope!=" A), ""},
        {ASK("r.scope in [" A "] && r.scope!=" A), "E always-false"},
        {ASK("r.scope in [" A "," B "] || r.scope!=" B), "W always-true"},
        {ASK("r.scope in [" A "] && r.scope in [" B ",\\\"c\\\"]"), "E always-false"},
        {ASK(A "==r.scope && (r.attrs==" A " && r.scope==" B ")"), "E always-false"},
        {ASK("r.scope==" A " && (r.attrs==" A " || r.scope==" B ")"), ""},
        {ASK("r.columns[0]==" A " && r.columns[1]==" B), ""},
        {ASK(A " in r.columns && " B " in r.columns"), ""},
        {ASK("r.scope==r.scope"), "W always-true"},
        {ASK("r.scope!=r.scope"), "E always-false"},
        {ASK("r.scope<=r.scope"), ""},
        {ASK("r.scope==r.attrs"), ""},
        {ASK("r.columns==r.columns"), ""},
        /* what a claim never is */
        {ASK("r.scope==1"), "E always-false"},
        {ASK("r.scope!=1"), "W always-true"},
        {ASK("r.scope>1"), "E always-false"},
        {ASK("r.scope==()"), "E always-false"},
        {ASK("r.columns==" A), "E always-false"},
        {ASK("r.env.tee.sgx.isv_svn>=\\\"3\\\""), "E always-false"},
        {ASK("r.env.tee.sgx.isv_svn>=3"), ""},
        {ASK("r.env.tee.is_debug==" A), "E always-false"},
        {ASK("r.env.tee.is_debug!=true"), ""},
        {ASK("r.env.tee.advisory_ids==" A), "E always-false"},
        {ASK("!(" A " in r.env.tee.advisory_ids)"), ""},
        {ASK("r.env.tee.tcb_status==" A), ""},
        {ASK("r.env.tee.csv==()"), ""},
        {ASK("r.env.request_time!=()"), ""},
        {ASK("r.env.request_time<" A " && r.env.request_time>" B), ""},
        {ASK("r.scope in []"), "E always-false"},
        {ASK("r.scope in [1," A "]"), ""},
        /* together */
        {ASK(OP("==" A)), "E always-false"},
        {ASK(OP("==\\\"psi\\\" // the only one")), ""},
        {ASK(OP("!=\\\"psi\\\"")), "E always-false"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"*\",\"constraints\":[" ENC ",\"r.scope==" A
                 "\"]}],\"global_constraints\":[\"r.scope==" B "\"]",
         "W grants-everythingE always-false"},
        {ASK("r.scope==" A " // a comment\",\"r.scope==" B), "E always-false"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\"},{\"op_name\":\"lr\"}],"
                 "\"global_constraints\":[" ENC ",\"" OP("==\\\"lr\\\"") "\"]",
         "E always-false"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_POLICY policy = policy_of(cases[i].rule);
        assert_lint(policy, note_finding, cases[i].findings);
    }
}

static void lint_finds_what_is_never_asked(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *findings;
    } cases[] = {
        {WHO ALL PSI ",\"global_constraints\":[\"1==2\"," ENC "]", "E always-falseW unreachable"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"r.scope==1\",\"r.scope==" A "\"]",
         "E always-falseW unreachable"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[" ENC "]},"
                 "{\"op_name\":\"psi\",\"constraints\":[" ENC ",\"r.scope==" A "\"]}]",
         "W unreachable"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"*\",\"constraints\":[" ENC "]},"
                 "{\"op_name\":\"psi\"}]",
         "W grants-everythingW unreachable"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[" ENC ",\"1==2\"]},"
                 "{\"op_name\":\"lr\",\"constraints\":[" ENC "]}]",
         "E always-false"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\"},"
                 "{\"op_name\":\"*\",\"constraints\":[" ENC "]}]",
         "W grants-everythingW unreachable"},
        {WHO ALL "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[\"r.scope==" A
                 "\"]},{\"op_name\":\"*\",\"constraints\":[" ENC "]}]",
         "W grants-everything"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"!(r.env.tee.sgx.mr_enclave==\\\"" HEX64
                     "\\\")\"]",
         "W measurement-not-equal"},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"!(!(r.env.tee.sgx.mr_enclave==\\\"" HEX64
                     "\\\"))\"]",
         ""},
        {WHO ALL PSI ",\"global_constraints\":[" ENC ",\"!(r.env.tee.sgx.mr_enclave!=\\\"" HEX64
                     "\\\")\"]",
         ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_POLICY policy = policy_of(cases[i].rule);
        assert_lint(policy, note_finding, cases[i].findings);
    }
}

/* Is the second rule for nothing beside the first? */
static void lint_finds_rules_that_grant_what_an_earlier_one_does(void **state)
{
    (void)state;
#define COLUMN_A "\"columns\":[\"a\"],"
#define BY_ENC   ",\"global_constraints\":[" ENC "]"
#define OPS(...) "\"op_constraints\":[" #__VA_ARGS__ "]"
    static const struct {
        const char *first, *second, *findings;
    } cases[] = {
        {WHO COLUMN_A PSI BY_ENC, WHO COLUMN_A PSI BY_ENC, "W unreachable"},
        {WHO ALL PSI BY_ENC, WHO COLUMN_A PSI BY_ENC, "W unreachable"},
        {WHO COLUMN_A PSI BY_ENC, WHO ALL PSI BY_ENC, ""},
        {WHO COLUMN_A PSI BY_ENC, "\"grantee_party_ids\":[\"carol\"]," COLUMN_A PSI BY_ENC,
         "W unreachable"},
        {"\"grantee_party_ids\":[\"carol\"]," COLUMN_A PSI BY_ENC, WHO COLUMN_A PSI BY_ENC, ""},
        {WHO COLUMN_A OPS({"op_name" : "lr"}, {"op_name" : "psi"}) BY_ENC, WHO COLUMN_A PSI BY_ENC,
         "W unreachable"},
        {WHO COLUMN_A PSI BY_ENC, WHO COLUMN_A OPS({"op_name" : "lr"}, {"op_name" : "psi"}) BY_ENC,
         ""},
        {WHO COLUMN_A OPS({"op_name" : "*"}) BY_ENC, WHO COLUMN_A PSI BY_ENC, "W unreachable"},
        {WHO COLUMN_A PSI BY_ENC, WHO COLUMN_A OPS({"op_name" : "*"}) BY_ENC, ""},
        {WHO COLUMN_A PSI BY_ENC,
         WHO COLUMN_A PSI ",\"global_constraints\":[\"r.scope==" A "\"," ENC "]", "W unreachable"},
        {WHO COLUMN_A PSI ",\"global_constraints\":[\"r.scope==" A "\"," ENC "]",
         WHO COLUMN_A PSI BY_ENC, ""},
        {WHO COLUMN_A PSI BY_ENC,
         WHO COLUMN_A "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[\"\"," ENC "]}]",
         "W unreachableW blank"},
        {WHO COLUMN_A "\"op_constraints\":[{\"op_name\":\"*\"},{\"op_name\":\"lr\","
                      "\"constraints\":[\"r.scope==" A "\"]}]" BY_ENC,
         WHO COLUMN_A OPS({"op_name" : "*"}) BY_ENC, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[8192];
        (void)snprintf(text, sizeof(text), "{\"data_uuid\":\"d1\",\"rules\":[{%s},{%s}]}",
                       cases[i].first, cases[i].second);
        AUTO_POLICY policy = parse_policy(text);
        assert_lint(policy, note_finding, cases[i].findings);
    }
    AUTO_POLICY policy = parse_policy("{\"data_uuid\":\"d1\",\"rules\":[{" WHO COLUMN_A PSI
                                      "},{" WHO COLUMN_A PSI BY_ENC "}]}");
    assert_lint(
        policy, tell_finding,
        "W pins-nothing: rule 1: no constraint says which code may ask, so any program of a "
        "grantee may; compare r.env.tee.sgx.mr_enclave (or its like) with ==\n"
        "W unreachable: rule 2: it grants what rule 1 grants already to all but programs for "
        "which only evidence speaks\n");
    struct capsa_request request = request_for(columns_ab, 1);
    request.only_pinned_code = true; /* it is for something here, and lint says so */
    assert_int_equal(decide(policy, &request).rule, 1);
}

static void lint_says_where_and_what_instead(void **state)
{
    (void)state;
    AUTO_POLICY policy = parse_policy(
        "{\"data_uuid\":\"d1\",\"rules\":["
        "{\"rule_id\":\"a\"," WHO ALL
        "\"op_constraints\":[{\"op_name\":\"psi\",\"constraints\":[" ENC
        ",\"r.env.tee.sgx.mr_encalve==\\\"x\\\"\",\"r.attrs.x==1 && r.op.name==1\"]}],"
        "\"global_constraints\":[\"r.global_attrs==1 || r.execution_time==1 || r.wat.x==1\"]},"
        "{\"rule_id\":\"a\"," WHO ALL PSI ",\"global_constraints\":[" ENC "]},"
        "{" WHO ALL PSI ",\"global_constraints\":[" ENC "]}]}");
    assert_lint(
        policy, tell_finding,
        "W unknown-path: rule 1 \"a\", op_constraints 1, constraint 2: line 1, column 1: requests "
        "have no r.env.tee.sgx.mr_encalve; did you mean r.env.tee.sgx.mr_enclave\n"
        "W unknown-path: rule 1 \"a\", op_constraints 1, constraint 3: line 1, column 1: r.attrs "
        "is one text and has no parts\n"
        "W unknown-path: rule 1 \"a\", op_constraints 1, constraint 3: line 1, column 17: there is "
        "no r.op; the operation is r.op_name\n"
        "W unknown-path: rule 1 \"a\", global constraint 1: line 1, column 1: there is no "
        "r.global_attrs; constraints see r.attrs of their resource\n"
        "W unknown-path: rule 1 \"a\", global constraint 1: line 1, column 22: there is no "
        "r.execution_time; the time of a request with evidence is r.env.request_time\n"
        "W unknown-path: rule 1 \"a\", global constraint 1: line 1, column 45: requests have no "
        "r.wat.x\n"
        "W same-id: rule 2 \"a\": rule 1 has the same id; deleting it deletes both\n"
        "W unreachable: rule 3: it grants what rule 2 grants already\n");
    AUTO_POLICY never = policy_of(WHO ALL PSI ",\"global_constraints\":[" ENC ",\"r.scope==" A
                                              "\\n  && r.op_name==1\","
                                              "\"r.scope==" A " && (r.attrs==" A " || 1==2)\"]");
    assert_lint(
        never, tell_finding,
        "E always-false: rule 1, global constraint 2: line 2, column 6: this is true for no "
        "request, so that the constraint never holds and what stands behind is never "
        "asked\n"
        "W unreachable: rule 1, global constraint 3: it is never asked, because constraint "
        "2 never holds\n"
        "W always-false: rule 1, global constraint 3: line 1, column 34: this part is true "
        "for no request\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_grants_to_its_grantees_and_operations_alone),
        cmocka_unit_test(constraints_on_every_operation_hold_too),
        cmocka_unit_test(every_requested_column_has_to_be_listed),
        cmocka_unit_test(naming_no_columns_asks_for_all_of_them),
        cmocka_unit_test(columns_of_a_result_are_not_checked),
        cmocka_unit_test(some_rule_has_to_match_as_a_whole),
        cmocka_unit_test(constraints_see_the_request),
        cmocka_unit_test(denials_say_plainly_what_is_not_granted),
        cmocka_unit_test(a_stranger_learns_nothing),
        cmocka_unit_test(texts_of_a_decision_are_one_printable_line),
        cmocka_unit_test(work_is_bounded_and_shared),
        cmocka_unit_test(thousands_of_columns_are_no_trouble),
        cmocka_unit_test(a_decision_without_memory_is_none),
        cmocka_unit_test(evidence_vouches_only_under_a_rule_that_pins_code),
        cmocka_unit_test(a_bad_constraint_is_refused_when_it_is_added),
        cmocka_unit_test(sizes_over_the_limits_are_refused),
        cmocka_unit_test(lint_finds_what_was_hardly_meant),
        cmocka_unit_test(lint_finds_what_is_always_or_never_true),
        cmocka_unit_test(lint_finds_what_is_never_asked),
        cmocka_unit_test(lint_finds_rules_that_grant_what_an_earlier_one_does),
        cmocka_unit_test(lint_says_where_and_what_instead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
