/* SPDX-License-Identifier: Apache-2.0
 *
 * What in a policy is legal and most likely not what its owner meant. Two tables: what can be wrong
 * with a rule as a whole, and with what a constraint reads. Nothing here refuses anything.
 */
#include "policy/policy.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "policy/policy_claims.h"
#include "policy/policy_expression.h"
#include "policy/policy_match.h"

struct linter {
    const Cm__Policy *policy;
    capsa_lint_fn each;
    void *context;
    struct capsa_lint_finding place; /* of what is looked at now */
    size_t dead; /* the first constraint of the list that never holds, from 1; 0: there is none */
};

static const Cm__Rule *rule_of(const struct linter *linter)
{
    return linter->policy->rules[linter->place.rule];
}

static void write_where(const struct linter *linter, char *text, size_t size)
{
    const struct capsa_lint_finding *place = &linter->place;
    struct capsa_rule_shown rule = capsa_show_rule(rule_of(linter), place->rule + 1);
    if (place->clause == CAPSA_CLAUSE_OP_CONSTRAINT) {
        (void)snprintf(text, size, "%s, op_constraints %zu, constraint %zu", rule.text,
                       place->entry + 1, place->constraint + 1);
    } else if (place->clause == CAPSA_CLAUSE_GLOBAL_CONSTRAINT) {
        (void)snprintf(text, size, "%s, global constraint %zu", rule.text, place->constraint + 1);
    } else {
        (void)snprintf(text, size, "%s", rule.text);
    }
    capsa_one_line(text, size);
}

static CAPSA_RESULT found(struct linter *linter, enum capsa_lint_level level, const char *name,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

static CAPSA_RESULT found(struct linter *linter, enum capsa_lint_level level, const char *name,
                          const char *format, ...)
{
    struct capsa_lint_finding finding = linter->place;
    finding.level = level;
    finding.name = name;
    write_where(linter, finding.where, sizeof(finding.where));
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding.message, sizeof(finding.message), format, arguments);
    va_end(arguments);
    capsa_one_line(finding.message, sizeof(finding.message));
    return linter->each(linter->context, &finding);
}

/* ---- What a constraint reads -------------------------------------------------------------- */

/* What people look for and where it is. A name stands for all that begins with it and a dot. */
static const struct {
    const char *name, *advice;
} missing_paths[] = {
    {"attrs", "r.attrs is one text and has no parts"},
    {"global_attrs", "there is no r.global_attrs; constraints see r.attrs of their resource"},
    {"op", "there is no r.op; the operation is r.op_name"},
    {"execution_time", "there is no r.execution_time; the time of a request with evidence is "
                       "r.env.request_time"},
    {"columns", "r.columns is a list and has no parts but r.columns[0] and so on"},
};

static bool is_within(const char *path, const char *name)
{
    size_t len = strlen(name);
    return strncmp(path, name, len) == 0 && (path[len] == '.' || path[len] == '\0');
}

static CAPSA_RESULT lint_unknown(struct linter *linter, const struct capsa_constraint_use *use)
{
    for (size_t i = 0; i < sizeof(missing_paths) / sizeof(missing_paths[0]); i++) {
        if (is_within(use->path, missing_paths[i].name)) {
            return found(linter, CAPSA_LINT_WARNING, "unknown-path", "line %zu, column %zu: %s",
                         use->line, use->column, missing_paths[i].advice);
        }
    }
    const char *nearest = capsa_r_value_nearest(use->path);
    return found(linter, CAPSA_LINT_WARNING, "unknown-path",
                 "line %zu, column %zu: requests have no r.%s%s%s", use->line, use->column,
                 use->path, nearest == NULL ? "" : "; did you mean r.",
                 nearest == NULL ? "" : nearest);
}

static CAPSA_RESULT lint_hex(struct linter *linter, const struct capsa_constraint_use *use,
                             const struct capsa_r_value *value)
{
    if (use->compare == NULL || use->literal == NULL) {
        return CAPSA_OK;
    }
    bool is_measurement = value->kind == CAPSA_R_MEASUREMENT;
    bool equates = capsa_streq(use->compare, "==") || capsa_streq(use->compare, "in");
    if (is_measurement && (use->negated ? equates : capsa_streq(use->compare, "!="))) {
        return found(linter, CAPSA_LINT_WARNING, "measurement-not-equal",
                     "line %zu, column %zu: r.%s != lets in every program but one; list those that "
                     "may ask",
                     use->line, use->column, use->path);
    }
    if (equates && !capsa_r_value_can_be(value, capsa_bytes_str(use->literal))) {
        return found(linter, CAPSA_LINT_ERROR, "measurement-form",
                     "line %zu, column %zu: r.%s never equals this; it is %zu lower-case hex "
                     "digits%s",
                     use->line, use->column, use->path, value->digits,
                     is_measurement ? ", not all zero" : "");
    }
    return CAPSA_OK;
}

static CAPSA_RESULT lint_use(void *context, const struct capsa_constraint_use *use)
{
    struct linter *linter = context;
    const struct capsa_r_value *value = capsa_r_value_find(use->path);
    if (*use->path != '\0' && value == NULL) {
        return lint_unknown(linter, use);
    }
    return use->whole && value != NULL && value->digits > 0 ? lint_hex(linter, use, value)
                                                            : CAPSA_OK;
}

/* ---- Constraints -------------------------------------------------------------------------- */

static void note_dead(struct linter *linter)
{
    linter->dead = linter->dead == 0 ? linter->place.constraint + 1 : linter->dead;
}

/* It does not read the request, so an empty one will do. */
static CAPSA_RESULT lint_constant(struct linter *linter, const struct capsa_constraint *constraint)
{
    CAPSA_AUTO_FREE(capsa_json) nothing = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(nothing);
    bool truth = false;
    capsa_result result = capsa_constraint_eval(constraint, nothing, &truth);
    if (capsa_code_of(result) == CAPSA_E_NOMEM) {
        return result;
    }
    if (capsa_failed(result)) {
        return found(linter, CAPSA_LINT_ERROR, "always-fails", "it fails for every request: %s",
                     capsa_text_of(result));
    }
    return truth ? found(linter, CAPSA_LINT_WARNING, "always-true", "it is true for every request")
                 : found(linter, CAPSA_LINT_ERROR, "always-false", "it is false for every request");
}

static CAPSA_RESULT lint_part(void *context, enum capsa_truth truth, size_t line, size_t column)
{
    struct linter *linter = context;
    return truth == CAPSA_TRUTH_NEVER_FALSE
               ? found(
                     linter, CAPSA_LINT_WARNING, "always-true",
                     "line %zu, column %zu: this part is true for every request, and says nothing",
                     line, column)
               : found(linter, CAPSA_LINT_WARNING, "always-false",
                       "line %zu, column %zu: this part is true for no request", line, column);
}

static CAPSA_RESULT lint_truth(struct linter *linter, const struct capsa_constraint *constraint)
{
    size_t line, column;
    enum capsa_truth truth = capsa_constraint_truth(constraint, &line, &column);
    if (truth == CAPSA_TRUTH_NEVER_TRUE || truth == CAPSA_TRUTH_FAILS) {
        note_dead(linter);
    }
    if (capsa_constraint_is_constant(constraint)) {
        return lint_constant(linter, constraint);
    }
    if (truth == CAPSA_TRUTH_OPEN) {
        return capsa_constraint_parts(constraint, lint_part, linter);
    }
    return truth == CAPSA_TRUTH_NEVER_FALSE
               ? found(linter, CAPSA_LINT_WARNING, "always-true",
                       "line %zu, column %zu: it is true for every request, whatever else it asks",
                       line, column)
               : found(linter, CAPSA_LINT_ERROR, "always-false",
                       "line %zu, column %zu: this is true for no request, so that the constraint "
                       "never holds and what stands behind is never asked",
                       line, column);
}

static CAPSA_RESULT lint_blank(struct linter *linter)
{
    if (linter->place.clause == CAPSA_CLAUSE_OP_CONSTRAINT) {
        return found(linter, CAPSA_LINT_WARNING, "blank", "it is blank and skipped");
    }
    note_dead(linter);
    return found(linter, CAPSA_LINT_ERROR, "blank", "it is blank, which never holds");
}

static CAPSA_RESULT lint_constraint(struct linter *linter, const char *text)
{
    if (linter->dead > 0) {
        CAPSA_TRY(found(linter, CAPSA_LINT_WARNING, "unreachable",
                        "it is never asked, because constraint %zu never holds", linter->dead));
    }
    if (capsa_is_blank(capsa_rule_text(text))) {
        return lint_blank(linter);
    }
    CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
    capsa_result result = capsa_constraint_compile(text, &constraint);
    if (capsa_code_of(result) == CAPSA_E_NOMEM) {
        return result;
    }
    if (capsa_failed(result)) {
        note_dead(linter);
        return found(linter, CAPSA_LINT_ERROR, "does-not-compile", "%s", capsa_text_of(result));
    }
    CAPSA_TRY(lint_truth(linter, constraint));
    return capsa_constraint_is_constant(constraint)
               ? CAPSA_OK
               : capsa_constraint_uses(constraint, lint_use, linter);
}

static CAPSA_RESULT lint_list(struct linter *linter, char *const *constraints, size_t count)
{
    linter->dead = 0;
    for (size_t i = 0; i < count; i++) {
        linter->place.constraint = i;
        CAPSA_TRY(lint_constraint(linter, constraints[i]));
    }
    return CAPSA_OK;
}

/* Each by itself. *ret_dead: some of them never holds. */
static CAPSA_RESULT lint_constraints(struct linter *linter, bool *ret_dead)
{
    const Cm__Rule *rule = rule_of(linter);
    bool dead = false;
    linter->place.clause = CAPSA_CLAUSE_OP_CONSTRAINT;
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        const Cm__Rule__OpConstraint *entry = rule->op_constraints[i];
        linter->place.entry = i;
        CAPSA_TRY(lint_list(linter, entry->constraints, entry->n_constraints));
        dead = dead || linter->dead > 0;
    }
    linter->place.clause = CAPSA_CLAUSE_GLOBAL_CONSTRAINT;
    linter->place.entry = 0;
    CAPSA_TRY(lint_list(linter, rule->global_constraints, rule->n_global_constraints));
    *ret_dead = dead || linter->dead > 0;
    linter->place.clause = CAPSA_CLAUSE_NONE;
    linter->place.constraint = 0;
    return CAPSA_OK;
}

/* ---- Constraints that have to hold together ----------------------------------------------- */

/* As one constraint, each in brackets on lines of its own, because it may end in a comment. */
static CAPSA_RESULT join(capsa_buf *text, char *const *constraints, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *constraint = capsa_rule_text(constraints[i]);
        if (!capsa_is_blank(constraint)) {
            CAPSA_TRY(capsa_buf_format(text, "%s(%s\n)", text->len == 0 ? "" : "&&", constraint));
        }
    }
    return CAPSA_OK;
}

static CAPSA_RESULT join_all(const Cm__Rule *rule, const char *op_name, capsa_buf *text)
{
    if (!capsa_streq(op_name, "*") && strpbrk(op_name, "\"\\\n\r") == NULL) {
        CAPSA_TRY(capsa_buf_format(text, "(r.op_name==\"%s\")", op_name));
    }
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        const Cm__Rule__OpConstraint *entry = rule->op_constraints[i];
        if (capsa_entry_covers(entry, op_name)) {
            CAPSA_TRY(join(text, entry->constraints, entry->n_constraints));
        }
    }
    return join(text, rule->global_constraints, rule->n_global_constraints);
}

/* What is too long to be one constraint is not looked at. */
static CAPSA_RESULT is_contradiction(const Cm__Rule *rule, const char *op_name, bool *ret_is)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_expression_bytes);
    CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
    const char *joined;
    *ret_is = false;
    capsa_result result = join_all(rule, op_name, &text);
    if (!capsa_failed(result)) {
        result = capsa_buf_cstr(&text, &joined);
    }
    if (!capsa_failed(result)) {
        result = capsa_constraint_compile(joined, &constraint);
    }
    if (capsa_failed(result)) {
        return capsa_code_of(result) == CAPSA_E_NOMEM ? result : CAPSA_OK;
    }
    size_t line, column;
    *ret_is = capsa_constraint_truth(constraint, &line, &column) == CAPSA_TRUTH_NEVER_TRUE;
    return CAPSA_OK;
}

static CAPSA_RESULT lint_together(struct linter *linter)
{
    const Cm__Rule *rule = rule_of(linter);
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        const char *op_name = capsa_rule_text(rule->op_constraints[i]->op_name);
        bool contradiction;
        CAPSA_TRY(is_contradiction(rule, op_name, &contradiction));
        if (contradiction) {
            CAPSA_TRY(found(linter, CAPSA_LINT_ERROR, "always-false",
                            "op_constraints %zu: no request for operation %s meets all of its "
                            "constraints and the rule's; they contradict each other",
                            i + 1, capsa_show(op_name).text));
        }
    }
    return CAPSA_OK;
}

/* ---- Rules -------------------------------------------------------------------------------- */

static bool has_no_grantees(const Cm__Rule *rule)
{
    return rule->n_grantee_party_ids == 0;
}

static bool has_wildcard_grantee(const Cm__Rule *rule)
{
    return capsa_list_has(rule->grantee_party_ids, rule->n_grantee_party_ids, "*");
}

static bool has_no_operations(const Cm__Rule *rule)
{
    return rule->n_op_constraints == 0;
}

static bool has_no_columns(const Cm__Rule *rule)
{
    return rule->n_columns == 0;
}

static bool grants_everything(const Cm__Rule *rule)
{
    bool any_operation = false;
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        any_operation = any_operation || capsa_entry_covers(rule->op_constraints[i], NULL);
    }
    return any_operation && capsa_list_has(rule->columns, rule->n_columns, "*");
}

/* Of the operations, the one whose constraints say least. */
static unsigned weakest_pins(const Cm__Rule *rule)
{
    unsigned weakest = capsa_rule_pins(rule, NULL);
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        unsigned pins = capsa_rule_pins(rule, capsa_rule_text(rule->op_constraints[i]->op_name));
        weakest = i == 0 || !capsa_pins_are_code(pins) ? pins : weakest;
        if (!capsa_pins_are_code(pins)) {
            break;
        }
    }
    return weakest;
}

static bool pins_nothing(const Cm__Rule *rule)
{
    return weakest_pins(rule) == 0;
}

static bool pins_signer_alone(const Cm__Rule *rule)
{
    unsigned pins = weakest_pins(rule);
    return (pins & CAPSA_PINS_MR_SIGNER) != 0 && !capsa_pins_are_code(pins);
}

static bool pins_half(const Cm__Rule *rule)
{
    unsigned pins = weakest_pins(rule);
    return pins != 0 && (pins & CAPSA_PINS_MR_SIGNER) == 0 && !capsa_pins_are_code(pins);
}

static const struct {
    const char *name;
    enum capsa_lint_level level;
    bool (*applies)(const Cm__Rule *rule);
    const char *message;
} rule_lints[] = {
    {"no-grantees", CAPSA_LINT_ERROR, has_no_grantees, "it has no grantees, so it grants nothing"},
    {"wildcard-grantee", CAPSA_LINT_WARNING, has_wildcard_grantee,
     "a grantee \"*\" is nobody; every grantee is named by its party id"},
    {"no-operations", CAPSA_LINT_ERROR, has_no_operations,
     "it has no op_constraints, so it grants nothing"},
    {"no-columns", CAPSA_LINT_WARNING, has_no_columns,
     "it lists no columns, so it grants only results made of the resource"},
    {"grants-everything", CAPSA_LINT_WARNING, grants_everything,
     "it grants every column (\"*\") to every operation (\"*\")"},
    {"pins-nothing", CAPSA_LINT_WARNING, pins_nothing,
     "no constraint says which code may ask, so any program of a grantee may; compare "
     "r.env.tee.sgx.mr_enclave (or its like) with =="},
    {"signer-alone", CAPSA_LINT_WARNING, pins_signer_alone,
     "mr_signer alone lets in every program of that signer, later and older ones too; add "
     "isv_prod_id and a minimum isv_svn, or mr_enclave"},
    {"pins-half", CAPSA_LINT_WARNING, pins_half,
     "its constraints do not say which code may ask: of SGX that takes mr_enclave, of TDX mr_td "
     "(or "
     "mr_plat) with rtmr0 and rtmr1 (or mr_boot), of SNP measurement, of CSV mr_boot"},
};

/* ---- Rules beside each other -------------------------------------------------------------- */

static CAPSA_RESULT lint_earlier(struct linter *linter)
{
    const Cm__Rule *rule = rule_of(linter);
    const char *id = capsa_rule_text(rule->rule_id);
    for (size_t i = 0; i < linter->place.rule; i++) {
        const Cm__Rule *earlier = linter->policy->rules[i];
        if (*id != '\0' && capsa_streq(id, capsa_rule_text(earlier->rule_id))) {
            CAPSA_TRY(found(linter, CAPSA_LINT_WARNING, "same-id",
                            "rule %zu has the same id; deleting it deletes both", i + 1));
        }
        bool unsigned_too;
        if (capsa_rule_covers(earlier, rule, &unsigned_too)) {
            return found(linter, CAPSA_LINT_WARNING, "unreachable",
                         "it grants what rule %zu grants already%s", i + 1,
                         unsigned_too ? "" : " to all but programs for which only evidence speaks");
        }
    }
    return CAPSA_OK;
}

static CAPSA_RESULT lint_entries(struct linter *linter)
{
    const Cm__Rule *rule = rule_of(linter);
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        size_t other;
        if (capsa_entry_is_spare(rule, i, &other)) {
            CAPSA_TRY(found(linter, CAPSA_LINT_WARNING, "unreachable",
                            "op_constraints %zu grants nothing that op_constraints %zu does not; "
                            "the constraints of both have to hold",
                            i + 1, other + 1));
        }
    }
    return CAPSA_OK;
}

static CAPSA_RESULT lint_rule(struct linter *linter)
{
    for (size_t i = 0; i < sizeof(rule_lints) / sizeof(rule_lints[0]); i++) {
        if (rule_lints[i].applies(rule_of(linter))) {
            CAPSA_TRY(found(linter, rule_lints[i].level, rule_lints[i].name, "%s",
                            rule_lints[i].message));
        }
    }
    bool dead;
    CAPSA_TRY(lint_earlier(linter));
    CAPSA_TRY(lint_entries(linter));
    CAPSA_TRY(lint_constraints(linter, &dead));
    return dead ? CAPSA_OK : lint_together(linter);
}

CAPSA_RESULT capsa_policy_lint(const Cm__Policy *policy, capsa_lint_fn each, void *context)
{
    struct linter linter = {.policy = policy, .each = each, .context = context};
    for (size_t i = 0; i < policy->n_rules; i++) {
        linter.place = (struct capsa_lint_finding){.rule = i};
        CAPSA_TRY(lint_rule(&linter));
    }
    return CAPSA_OK;
}
