/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be stored as a policy: sizes within the limits, and constraints that compile. What is
 * legal but unwise is lint's business.
 */
#include "policy/policy.h"

#include "policy/policy_match.h"

static CAPSA_RESULT check_name(const char *what, const char *name)
{
    size_t len = strlen(capsa_rule_text(name));
    CAPSA_REQUIRE(len <= CAPSA_LIMIT_id_bytes, TOO_LARGE, "%s of %zu bytes; at most %d are allowed",
                  what, len, CAPSA_LIMIT_id_bytes);
    return CAPSA_OK;
}

static CAPSA_RESULT check_count(const char *what, size_t count, size_t most)
{
    CAPSA_REQUIRE(count <= most, TOO_LARGE, "%zu %s; at most %zu are allowed", count, what, most);
    return CAPSA_OK;
}

static CAPSA_RESULT check_names(const char *what, const char *many, char *const *names,
                                size_t count, size_t most)
{
    CAPSA_TRY(check_count(many, count, most));
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(check_name(what, names[i]));
    }
    return CAPSA_OK;
}

static CAPSA_RESULT check_constraint(const char *text)
{
    CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
    return capsa_constraint_compile(capsa_rule_text(text), &constraint);
}

static CAPSA_RESULT check_entry(const Cm__Rule__OpConstraint *entry)
{
    CAPSA_TRY(check_name("an op_name", entry->op_name));
    CAPSA_TRY(check_count("constraints", entry->n_constraints, CAPSA_LIMIT_constraints));
    for (size_t i = 0; i < entry->n_constraints; i++) {
        if (!capsa_is_blank(capsa_rule_text(entry->constraints[i]))) {
            CAPSA_TRY_AT(check_constraint(entry->constraints[i]), "constraint %zu", i + 1);
        }
    }
    return CAPSA_OK;
}

static CAPSA_RESULT check_globals(const Cm__Rule *rule)
{
    CAPSA_TRY(
        check_count("global constraints", rule->n_global_constraints, CAPSA_LIMIT_constraints));
    for (size_t i = 0; i < rule->n_global_constraints; i++) {
        CAPSA_REQUIRE(!capsa_is_blank(capsa_rule_text(rule->global_constraints[i])), MALFORMED,
                      "global constraint %zu is blank, which would never hold; leave it out",
                      i + 1);
        CAPSA_TRY_AT(check_constraint(rule->global_constraints[i]), "global constraint %zu", i + 1);
    }
    return CAPSA_OK;
}

static CAPSA_RESULT check_rule(const Cm__Rule *rule)
{
    CAPSA_TRY(check_name("a rule_id", rule->rule_id));
    CAPSA_TRY(check_names("a grantee", "grantees", rule->grantee_party_ids,
                          rule->n_grantee_party_ids, CAPSA_LIMIT_grantees));
    CAPSA_TRY(
        check_names("a column", "columns", rule->columns, rule->n_columns, CAPSA_LIMIT_columns));
    CAPSA_TRY(check_count("op_constraints", rule->n_op_constraints, CAPSA_LIMIT_op_constraints));
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        CAPSA_TRY_AT(check_entry(rule->op_constraints[i]), "op_constraints %zu", i + 1);
    }
    return check_globals(rule);
}

CAPSA_RESULT capsa_rule_check(const Cm__Rule *rule, size_t number)
{
    CAPSA_TRY_AT(check_rule(rule), "%s", capsa_show_rule(rule, number).text);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_policy_check(const Cm__Policy *policy)
{
    CAPSA_TRY(check_name("a data_uuid", policy->data_uuid));
    CAPSA_TRY(check_count("rules", policy->n_rules, CAPSA_LIMIT_rules));
    size_t bytes = protobuf_c_message_get_packed_size(&policy->base);
    CAPSA_REQUIRE(bytes <= CAPSA_LIMIT_policy_bytes, TOO_LARGE,
                  "a policy of %zu bytes; at most %d are allowed", bytes, CAPSA_LIMIT_policy_bytes);
    for (size_t i = 0; i < policy->n_rules; i++) {
        CAPSA_TRY(capsa_rule_check(policy->rules[i], i + 1));
    }
    return CAPSA_OK;
}
