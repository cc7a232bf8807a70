/* SPDX-License-Identifier: Apache-2.0
 *
 * The decision about one resource of one request. Rules are tried in order, and each rule's clauses
 * in order; the first rule of which all hold allows. Of a denial the rule that got farthest is
 * kept, with its first failing clause, for the owner; the requester gets a sentence that tells a
 * stranger nothing, not even whether there is a policy.
 */
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "policy/policy_match.h"

struct judge {
    const Cm__Policy *policy;
    const struct capsa_request *request;
    size_t *steps_left;
    struct capsa_json *r;       /* made when the first constraint wants it */
    struct capsa_error r_fault; /* why the constraints cannot read it */
    char **columns;             /* the requested ones, sorted, each once; made when wanted */
    bool *granted;              /* of each of them */
    size_t columns_count;
};

/* How a rule fared; a struct capsa_decision without the texts for the requester. */
struct trial {
    size_t rule;
    enum capsa_clause clause;
    size_t entry, constraint;
    bool no_columns;        /* clause COLUMNS, because none are named */
    size_t columns_missing; /* else that many are not granted */
    bool only_empty_columns;
    char expected[CAPSA_ERROR_TEXT];
    char got[CAPSA_ERROR_TEXT];
};

const char *capsa_clause_name(enum capsa_clause clause)
{
    static const char *const names[] = {
        [CAPSA_CLAUSE_NONE] = "none",
        [CAPSA_CLAUSE_RULES] = "rules",
        [CAPSA_CLAUSE_GRANTEE] = "grantee",
        [CAPSA_CLAUSE_INITIATOR] = "initiator",
        [CAPSA_CLAUSE_OPERATION] = "operation",
        [CAPSA_CLAUSE_COLUMNS] = "columns",
        [CAPSA_CLAUSE_OP_CONSTRAINT] = "op constraint",
        [CAPSA_CLAUSE_GLOBAL_CONSTRAINT] = "global constraint",
    };
    return names[clause];
}

static void judge_drop(struct judge *judge)
{
    capsa_json_free(judge->r);
    capsa_dealloc(judge->columns);
    capsa_dealloc(judge->granted);
}

static CAPSA_RESULT make_request(struct judge *judge)
{
    if (judge->r != NULL) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_request_object(judge->request, &judge->r));
    capsa_error_keep(capsa_constraint_check_request(judge->r), &judge->r_fault);
    return CAPSA_OK;
}

/* ---- Clauses ------------------------------------------------------------------------------ */

#define EXPECT(trial, ...)                                                                         \
    ((void)snprintf((trial)->expected, sizeof((trial)->expected), __VA_ARGS__))
#define GOT(trial, ...) ((void)snprintf((trial)->got, sizeof((trial)->got), __VA_ARGS__))

/* Everything that grows with the policy is paid for, so that nobody's policy is a stranger's wait.
 */
static CAPSA_RESULT charge(struct judge *judge, size_t steps)
{
    if (steps > *judge->steps_left) {
        *judge->steps_left = 0;
        CAPSA_FAIL(TOO_LARGE, "the policy takes too many steps to judge");
    }
    *judge->steps_left -= steps;
    return CAPSA_OK;
}

static CAPSA_RESULT try_grantee(struct judge *judge, const Cm__Rule *rule, struct trial *trial,
                                bool *ret_holds)
{
    const char *initiator = judge->request->initiator_party_id;
    CAPSA_TRY(charge(judge, rule->n_grantee_party_ids));
    *ret_holds = capsa_list_has(rule->grantee_party_ids, rule->n_grantee_party_ids, initiator);
    EXPECT(trial, "one of %zu grantees", rule->n_grantee_party_ids);
    GOT(trial, "%s", capsa_show(initiator).text);
    return CAPSA_OK;
}

static CAPSA_RESULT try_initiator(struct judge *judge, const Cm__Rule *rule, struct trial *trial,
                                  bool *ret_holds)
{
    *ret_holds =
        !judge->request->only_pinned_code || capsa_rule_pins_code(rule, judge->request->op_name);
    EXPECT(trial, "a signature of the initiator, or a rule that says which code may ask");
    GOT(trial, "no signature, and a rule that does not say which code may ask");
    return CAPSA_OK;
}

/* `"psi", "xgb", "lr" and 3 more`. */
static void show_operations(const Cm__Rule *rule, char *text, size_t size)
{
    size_t shown = rule->n_op_constraints < 3 ? rule->n_op_constraints : 3;
    (void)snprintf(text, size, "%s", shown == 0 ? "no operation is listed" : "");
    for (size_t i = 0; i < shown; i++) {
        size_t len = strlen(text);
        const char *name = capsa_rule_text(rule->op_constraints[i]->op_name);
        (void)snprintf(text + len, size - len, "%s%s", i == 0 ? "" : ", ", capsa_show(name).text);
    }
    size_t len = strlen(text);
    if (shown < rule->n_op_constraints) {
        (void)snprintf(text + len, size - len, " and %zu more", rule->n_op_constraints - shown);
    }
}

static CAPSA_RESULT try_operation(struct judge *judge, const Cm__Rule *rule, struct trial *trial,
                                  bool *ret_holds)
{
    *ret_holds = false;
    CAPSA_TRY(charge(judge, rule->n_op_constraints));
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        *ret_holds =
            *ret_holds || capsa_entry_covers(rule->op_constraints[i], judge->request->op_name);
    }
    show_operations(rule, trial->expected, sizeof(trial->expected));
    GOT(trial, "%s", capsa_show(judge->request->op_name).text);
    return CAPSA_OK;
}

/* ---- Columns ------------------------------------------------------------------------------ */

static int order_columns(const void *a, const void *b)
{
    return strcmp(capsa_rule_text(*(char *const *)a), capsa_rule_text(*(char *const *)b));
}

/* A rule and a request may each name thousands: sorted, they are matched in no time. */
static CAPSA_RESULT sort_columns(struct judge *judge)
{
    size_t count = judge->request->columns_count;
    if (judge->columns != NULL) {
        return CAPSA_OK;
    }
    CAPSA_TRY(charge(judge, count));
    judge->columns = capsa_alloc_array(count, sizeof(char *));
    judge->granted = capsa_alloc_array(count, sizeof(bool));
    CAPSA_REQUIRE_MEMORY(judge->columns);
    CAPSA_REQUIRE_MEMORY(judge->granted);
    memcpy(judge->columns, judge->request->columns, count * sizeof(char *));
    qsort(judge->columns, count, sizeof(char *), order_columns);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !capsa_streq(judge->columns[i], judge->columns[judge->columns_count - 1])) {
            judge->columns[judge->columns_count++] = judge->columns[i];
        }
    }
    return CAPSA_OK;
}

static void mark_granted(struct judge *judge, const Cm__Rule *rule)
{
    memset(judge->granted, 0, judge->columns_count * sizeof(bool));
    for (size_t i = 0; i < rule->n_columns; i++) {
        char *const *found = bsearch(&rule->columns[i], judge->columns, judge->columns_count,
                                     sizeof(char *), order_columns);
        if (found != NULL) {
            judge->granted[found - judge->columns] = true;
        }
    }
}

static CAPSA_RESULT try_named_columns(struct judge *judge, const Cm__Rule *rule,
                                      struct trial *trial, bool *ret_holds)
{
    CAPSA_TRY(sort_columns(judge));
    CAPSA_TRY(charge(judge, judge->columns_count));
    mark_granted(judge, rule);
    for (size_t i = judge->columns_count; i-- > 0;) {
        if (!judge->granted[i]) {
            trial->columns_missing++;
            GOT(trial, "%s", capsa_show(judge->columns[i]).text);
        }
    }
    size_t len = strlen(trial->got);
    if (trial->columns_missing > 1) {
        (void)snprintf(trial->got + len, sizeof(trial->got) - len, " and %zu more",
                       trial->columns_missing - 1);
    }
    EXPECT(trial,
           rule->n_columns == 1 ? "only the %zu granted column" : "only the %zu granted columns",
           rule->n_columns);
    *ret_holds = trial->columns_missing == 0;
    return CAPSA_OK;
}

static CAPSA_RESULT try_columns(struct judge *judge, const Cm__Rule *rule, struct trial *trial,
                                bool *ret_holds)
{
    const struct capsa_request *request = judge->request;
    CAPSA_TRY(charge(judge, rule->n_columns));
    if (request->is_result || capsa_list_has(rule->columns, rule->n_columns, "*")) {
        *ret_holds = true;
        return CAPSA_OK;
    }
    if (request->columns_count > 0) {
        return try_named_columns(judge, rule, trial, ret_holds);
    }
    *ret_holds = request->empty_columns_pass;
    trial->no_columns = !request->empty_columns_pass;
    EXPECT(trial, "columns by name, of the %zu granted ones", rule->n_columns);
    GOT(trial, "no columns, which asks for the whole resource");
    return CAPSA_OK;
}

/* ---- Constraints -------------------------------------------------------------------------- */

static CAPSA_RESULT run_constraint(struct judge *judge, const char *text,
                                   struct capsa_constraint **ret_constraint, bool *ret_holds)
{
    CAPSA_TRY(capsa_error_kept(&judge->r_fault));
    CAPSA_TRY(capsa_constraint_compile(text, ret_constraint));
    return capsa_constraint_eval_within(*ret_constraint, judge->r, judge->steps_left, ret_holds);
}

/* Success: judged, and *ret_holds says how. A constraint that fails does not hold. */
static CAPSA_RESULT try_constraint(struct judge *judge, const char *text, struct trial *trial,
                                   bool *ret_holds)
{
    CAPSA_TRY(make_request(judge));
    CAPSA_TRY(charge(judge, 1 + strlen(text) / 8)); /* for compiling it */
    CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
    bool holds = false;
    capsa_result result = run_constraint(judge, text, &constraint, &holds);
    if (capsa_code_of(result) == CAPSA_E_NOMEM) {
        return result;
    }
    CAPSA_TRY(charge(judge, 1)); /* it may have used up all that was left */
    *ret_holds = holds && !capsa_failed(result);
    if (!*ret_holds) {
        EXPECT(trial, "%s", text);
        GOT(trial, "%s%s", capsa_failed(result) ? "error: " : "false",
            capsa_failed(result) ? capsa_text_of(result) : "");
    }
    if (!*ret_holds && constraint != NULL) {
        capsa_show_request(constraint, judge->r, trial->got, sizeof(trial->got));
    }
    return CAPSA_OK;
}

static CAPSA_RESULT try_entry(struct judge *judge, const Cm__Rule__OpConstraint *entry,
                              struct trial *trial, bool *ret_holds)
{
    for (size_t i = 0; *ret_holds && i < entry->n_constraints; i++) {
        const char *text = capsa_rule_text(entry->constraints[i]);
        trial->constraint = i;
        if (!capsa_is_blank(text)) {
            CAPSA_TRY(try_constraint(judge, text, trial, ret_holds));
        }
    }
    return CAPSA_OK;
}

static CAPSA_RESULT try_op_constraints(struct judge *judge, const Cm__Rule *rule,
                                       struct trial *trial, bool *ret_holds)
{
    *ret_holds = true;
    for (size_t i = 0; *ret_holds && i < rule->n_op_constraints; i++) {
        const Cm__Rule__OpConstraint *entry = rule->op_constraints[i];
        trial->entry = i;
        if (capsa_entry_covers(entry, judge->request->op_name)) {
            CAPSA_TRY(try_entry(judge, entry, trial, ret_holds));
        }
    }
    return CAPSA_OK;
}

static CAPSA_RESULT try_global_constraints(struct judge *judge, const Cm__Rule *rule,
                                           struct trial *trial, bool *ret_holds)
{
    *ret_holds = true;
    trial->entry = 0;
    for (size_t i = 0; *ret_holds && i < rule->n_global_constraints; i++) {
        trial->constraint = i;
        CAPSA_TRY(
            try_constraint(judge, capsa_rule_text(rule->global_constraints[i]), trial, ret_holds));
    }
    return CAPSA_OK;
}

/* ---- Rules -------------------------------------------------------------------------------- */

static const struct clause {
    enum capsa_clause name;
    CAPSA_RESULT(*holds)
    (struct judge *judge, const Cm__Rule *rule, struct trial *trial, bool *ret_holds);
} clauses[] = {
    {CAPSA_CLAUSE_GRANTEE, try_grantee},
    {CAPSA_CLAUSE_INITIATOR, try_initiator},
    {CAPSA_CLAUSE_OPERATION, try_operation},
    {CAPSA_CLAUSE_COLUMNS, try_columns},
    {CAPSA_CLAUSE_OP_CONSTRAINT, try_op_constraints},
    {CAPSA_CLAUSE_GLOBAL_CONSTRAINT, try_global_constraints},
};

/* The clauses from `from` on, up to the first that does not hold. */
static CAPSA_RESULT try_clauses(struct judge *judge, const Cm__Rule *rule, enum capsa_clause from,
                                struct trial *trial)
{
    for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++) {
        bool holds = true;
        trial->clause = clauses[i].name;
        if (clauses[i].name >= from) {
            CAPSA_TRY(clauses[i].holds(judge, rule, trial, &holds));
        }
        if (!holds) {
            return CAPSA_OK;
        }
    }
    trial->clause = CAPSA_CLAUSE_NONE;
    return CAPSA_OK;
}

static CAPSA_RESULT try_rule(struct judge *judge, const Cm__Rule *rule, struct trial *trial)
{
    CAPSA_TRY(try_clauses(judge, rule, CAPSA_CLAUSE_GRANTEE, trial));
    if (trial->clause == CAPSA_CLAUSE_COLUMNS && trial->no_columns) {
        struct trial rest = {.rule = trial->rule}; /* is it the columns alone? */
        CAPSA_TRY(try_clauses(judge, rule, CAPSA_CLAUSE_OP_CONSTRAINT, &rest));
        trial->only_empty_columns = rest.clause == CAPSA_CLAUSE_NONE;
    }
    return CAPSA_OK;
}

/* ---- The decision ------------------------------------------------------------------------- */

/* Later clauses are nearer, and so is a request that only an option stops. */
static bool is_nearer(const struct trial *a, const struct trial *b)
{
    return a->clause != b->clause ? a->clause > b->clause
                                  : a->only_empty_columns && !b->only_empty_columns;
}

static void explain_columns(const struct trial *trial, char *text, size_t size)
{
    if (trial->no_columns) {
        (void)snprintf(text, size,
                       "no columns are named, which asks for the whole resource, and that takes a "
                       "grant of \"*\"%s",
                       trial->only_empty_columns ? " (or the option insecure_empty_columns_pass)"
                                                 : "");
        return;
    }
    bool one = trial->columns_missing == 1;
    (void)snprintf(text, size, "%s %.128s %s not granted", one ? "column" : "columns", trial->got,
                   one ? "is" : "are");
}

/* Whoever is not known to be a grantee reads the same, whatever there is. */
static void explain_to_stranger(const struct capsa_request *request, char *text, size_t size)
{
    (void)snprintf(text, size, "not granted to party %s, or there is no such resource%s",
                   capsa_show(request->initiator_party_id).text,
                   request->only_pinned_code
                       ? "; without the initiator's signature only rules count that say which "
                         "code may ask"
                       : "");
}

static void explain(const struct judge *judge, const struct trial *trial, char *text, size_t size)
{
    struct capsa_shown operation = capsa_show(judge->request->op_name);
    if (trial->clause <= CAPSA_CLAUSE_INITIATOR || judge->request->only_pinned_code) {
        explain_to_stranger(judge->request, text, size);
    } else if (trial->clause == CAPSA_CLAUSE_OPERATION) {
        (void)snprintf(text, size, "operation %s is not granted", operation.text);
    } else if (trial->clause == CAPSA_CLAUSE_COLUMNS) {
        explain_columns(trial, text, size);
    } else if (trial->clause == CAPSA_CLAUSE_OP_CONSTRAINT) {
        (void)snprintf(text, size, "a condition on operation %s does not hold", operation.text);
    } else {
        (void)snprintf(text, size, "a condition of the rule does not hold");
    }
}

static void write_decision(const struct judge *judge, const struct trial *trial,
                           struct capsa_decision *ret_decision)
{
    struct capsa_decision decision = {
        .allowed = trial->clause == CAPSA_CLAUSE_NONE,
        .clause = trial->clause,
        .rule = trial->rule,
        .entry = trial->entry,
        .constraint = trial->constraint,
        .only_empty_columns = trial->only_empty_columns,
    };
    if (trial->clause != CAPSA_CLAUSE_RULES) {
        const Cm__Rule *rule = judge->policy->rules[trial->rule];
        (void)snprintf(decision.rule_id, sizeof(decision.rule_id), "%s",
                       capsa_rule_text(rule->rule_id));
    }
    if (!decision.allowed) {
        char why[CAPSA_ERROR_TEXT];
        explain(judge, trial, why, sizeof(why));
        (void)snprintf(decision.reason, sizeof(decision.reason), "resource %s: %.*s",
                       capsa_show(judge->request->resource_uri).text, CAPSA_ERROR_TEXT - 96, why);
        memcpy(decision.expected, trial->expected, sizeof(decision.expected));
        memcpy(decision.got, trial->got, sizeof(decision.got));
    }
    capsa_one_line(decision.rule_id, sizeof(decision.rule_id));
    capsa_one_line(decision.expected, sizeof(decision.expected));
    capsa_one_line(decision.got, sizeof(decision.got));
    capsa_one_line(decision.reason, sizeof(decision.reason));
    *ret_decision = decision;
}

static CAPSA_RESULT try_rules(struct judge *judge, struct trial *ret_nearest)
{
    struct trial nearest = {.clause = CAPSA_CLAUSE_RULES};
    EXPECT(&nearest, "a rule");
    GOT(&nearest, "none");
    size_t count = judge->policy == NULL ? 0 : judge->policy->n_rules;
    for (size_t i = 0; i < count && nearest.clause != CAPSA_CLAUSE_NONE; i++) {
        struct trial trial = {.rule = i};
        CAPSA_TRY(try_rule(judge, judge->policy->rules[i], &trial));
        if (trial.clause == CAPSA_CLAUSE_NONE || is_nearer(&trial, &nearest)) {
            nearest = trial;
        }
    }
    *ret_nearest = nearest;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_policy_decide(const Cm__Policy *policy, const struct capsa_request *request,
                                 struct capsa_decision *ret_decision)
{
    size_t steps = CAPSA_LIMIT_policy_steps;
    struct judge judge = {
        .policy = policy,
        .request = request,
        .steps_left = request->steps_left == NULL ? &steps : request->steps_left,
    };
    struct trial nearest;
    capsa_result result = try_rules(&judge, &nearest);
    judge_drop(&judge);
    CAPSA_TRY(result);
    write_decision(&judge, &nearest, ret_decision);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_decision_result(const struct capsa_decision *decision)
{
    CAPSA_REQUIRE(decision->allowed, DENIED, "%s", decision->reason);
    return CAPSA_OK;
}
