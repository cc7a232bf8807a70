/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether one part of a policy grants all that another does, so that the other is for nothing. Used
 * by lint. Constraints are compared as texts: what differs is taken for different.
 */
#include "policy/policy_match.h"

static bool list_within(char *const *list, size_t count, char *const *within, size_t within_count)
{
    for (size_t i = 0; i < count; i++) {
        if (!capsa_list_has(within, within_count, capsa_rule_text(list[i]))) {
            return false;
        }
    }
    return true;
}

static bool columns_within(const Cm__Rule *rule, const Cm__Rule *other)
{
    return capsa_list_has(rule->columns, rule->n_columns, "*") ||
           list_within(other->columns, other->n_columns, rule->columns, rule->n_columns);
}

/* ---- Operations --------------------------------------------------------------------------- */

static bool grants_operation(const Cm__Rule *rule, const char *op_name)
{
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        if (capsa_entry_covers(rule->op_constraints[i], op_name)) {
            return true;
        }
    }
    return false;
}

/* Has the constraint to hold for the operation under this rule? */
static bool asks(const Cm__Rule *rule, const char *op_name, const char *constraint)
{
    if (capsa_is_blank(constraint) ||
        capsa_list_has(rule->global_constraints, rule->n_global_constraints, constraint)) {
        return true;
    }
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        const Cm__Rule__OpConstraint *entry = rule->op_constraints[i];
        if (capsa_entry_covers(entry, op_name) &&
            capsa_list_has(entry->constraints, entry->n_constraints, constraint)) {
            return true;
        }
    }
    return false;
}

static bool all_asked(char *const *constraints, size_t count, const Cm__Rule *by,
                      const char *op_name)
{
    for (size_t i = 0; i < count; i++) {
        if (!asks(by, op_name, capsa_rule_text(constraints[i]))) {
            return false;
        }
    }
    return true;
}

/* Whatever has to hold for the operation under `rule` has to under `other`, too. */
static bool asks_no_more(const Cm__Rule *rule, const Cm__Rule *other, const char *op_name)
{
    bool no_more = all_asked(rule->global_constraints, rule->n_global_constraints, other, op_name);
    for (size_t i = 0; no_more && i < rule->n_op_constraints; i++) {
        const Cm__Rule__OpConstraint *entry = rule->op_constraints[i];
        no_more = !capsa_entry_covers(entry, op_name) ||
                  all_asked(entry->constraints, entry->n_constraints, other, op_name);
    }
    return no_more;
}

static bool operation_within(const Cm__Rule *rule, const Cm__Rule *other, const char *op_name,
                             bool *unsigned_too)
{
    if (capsa_rule_pins_code(other, op_name) && !capsa_rule_pins_code(rule, op_name)) {
        *unsigned_too = false;
    }
    return grants_operation(rule, op_name) && asks_no_more(rule, other, op_name);
}

/* Of "*" every operation that either of them names, and "*" for the rest. */
static bool operations_within(const Cm__Rule *rule, const Cm__Rule *other, bool *unsigned_too)
{
    bool within = true;
    for (size_t i = 0; within && i < other->n_op_constraints; i++) {
        within = operation_within(rule, other, capsa_rule_text(other->op_constraints[i]->op_name),
                                  unsigned_too);
    }
    bool any = grants_operation(other, NULL);
    for (size_t i = 0; within && any && i < rule->n_op_constraints; i++) {
        within = operation_within(rule, other, capsa_rule_text(rule->op_constraints[i]->op_name),
                                  unsigned_too);
    }
    return within;
}

bool capsa_rule_covers(const Cm__Rule *rule, const Cm__Rule *other, bool *ret_unsigned)
{
    bool unsigned_too = true;
    bool grants = other->n_grantee_party_ids > 0 && other->n_op_constraints > 0;
    if (!grants || !columns_within(rule, other) ||
        !list_within(other->grantee_party_ids, other->n_grantee_party_ids, rule->grantee_party_ids,
                     rule->n_grantee_party_ids) ||
        !operations_within(rule, other, &unsigned_too)) {
        return false;
    }
    *ret_unsigned = unsigned_too;
    return true;
}

/* ---- Entries ------------------------------------------------------------------------------ */

static bool asks_nothing(const Cm__Rule__OpConstraint *entry)
{
    for (size_t i = 0; i < entry->n_constraints; i++) {
        if (!capsa_is_blank(capsa_rule_text(entry->constraints[i]))) {
            return false;
        }
    }
    return true;
}

/* An earlier one for the same operation; or, if it only grants, any one for all operations. */
bool capsa_entry_is_spare(const Cm__Rule *rule, size_t entry, size_t *ret_other)
{
    const Cm__Rule__OpConstraint *it = rule->op_constraints[entry];
    const char *op_name = capsa_rule_text(it->op_name);
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        const char *name = capsa_rule_text(rule->op_constraints[i]->op_name);
        bool again = i < entry && capsa_streq(name, op_name);
        bool granted =
            i != entry && capsa_streq(name, "*") && !capsa_streq(op_name, "*") && asks_nothing(it);
        if (again || granted) {
            *ret_other = i;
            return true;
        }
    }
    return false;
}
