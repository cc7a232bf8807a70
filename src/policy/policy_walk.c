/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts in the nodes of a constraint, without evaluating it: which claims it pins, and which parts
 * of the request it reads and compares with what. Used by the rule that evidence vouches for an
 * initiator only under a rule that pins code, and by lint.
 */
#include <stdio.h>

#include "policy/policy_claims.h"
#include "policy/policy_expression.h"

/* What there is not is node 0, of kind NONE, which has neither. */
static const struct node *next_of(const struct capsa_constraint *constraint,
                                  const struct node *node)
{
    return capsa_node(constraint, node->next);
}

static const struct node *first_of(const struct capsa_constraint *constraint,
                                   const struct node *node)
{
    return capsa_node(constraint, node->first);
}

/* Names may stand behind a dot or, as text, in brackets; a text with '.' in it ends the path. */
static bool append_name(struct capsa_path *path, capsa_bytes name)
{
    size_t len = strlen(path->text);
    if (capsa_bytes_find(name, '.') < name.len || capsa_bytes_find(name, '\0') < name.len ||
        len + name.len + 2 > sizeof(path->text)) {
        return false;
    }
    (void)snprintf(path->text + len, sizeof(path->text) - len, "%s%.*s", len == 0 ? "" : ".",
                   (int)name.len, (const char *)name.data);
    return true;
}

bool capsa_path_of(const struct capsa_constraint *constraint, const struct node *node,
                   struct capsa_path *ret_path)
{
    *ret_path = (struct capsa_path){.whole = true};
    if (node->kind == NODE_REQUEST) {
        return true;
    }
    if (node->kind != NODE_PATH || first_of(constraint, node)->kind != NODE_REQUEST) {
        return false;
    }
    const struct node *access = next_of(constraint, first_of(constraint, node));
    for (; access->kind != NODE_NONE && ret_path->whole; access = next_of(constraint, access)) {
        ret_path->whole = access->kind == NODE_STRING &&
                          append_name(ret_path, capsa_node_text(constraint, access));
    }
    return true;
}

/* ---- Pins --------------------------------------------------------------------------------- */

static const struct capsa_r_value *value_of(const struct capsa_constraint *constraint,
                                            const struct node *node)
{
    struct capsa_path path;
    return capsa_path_of(constraint, node, &path) && path.whole ? capsa_r_value_find(path.text)
                                                                : NULL;
}

/* A measurement that no program has, or that every program has that has none, pins nothing. */
static bool literal_pins(const struct capsa_constraint *constraint,
                         const struct capsa_r_value *value, const struct node *literal)
{
    return value->kind == CAPSA_R_NUMBER
               ? literal->kind == NODE_INT && literal->number >= 0
               : literal->kind == NODE_STRING &&
                     capsa_r_value_can_be(value, capsa_node_text(constraint, literal));
}

static bool list_pins(const struct capsa_constraint *constraint, const struct capsa_r_value *value,
                      const struct node *list)
{
    bool pins = list->kind == NODE_LIST && list->first != 0;
    const struct node *element = first_of(constraint, list);
    for (; element->kind != NODE_NONE; element = next_of(constraint, element)) {
        pins = pins && literal_pins(constraint, value, element);
    }
    return pins;
}

/* `value op other`, or, for a comparison that was turned round, the same in that order. */
static bool comparison_pins(const struct capsa_constraint *constraint,
                            const struct capsa_r_value *value, enum token op,
                            const struct node *other)
{
    switch (op) {
    case TOKEN_EQUAL:
        return literal_pins(constraint, value, other);
    case TOKEN_IN:
        return list_pins(constraint, value, other);
    case TOKEN_GREATER:
    case TOKEN_GREATER_EQUAL:
        return value->pin == CAPSA_PINS_ISV_SVN && literal_pins(constraint, value, other);
    default:
        return false;
    }
}

static enum token turned(enum token op)
{
    switch (op) {
    case TOKEN_EQUAL:
        return TOKEN_EQUAL;
    case TOKEN_LESS:
        return TOKEN_GREATER;
    case TOKEN_LESS_EQUAL:
        return TOKEN_GREATER_EQUAL;
    default:
        return TOKEN_END; /* `in` cannot be turned */
    }
}

static unsigned pins_of_comparison(const struct capsa_constraint *constraint,
                                   const struct node *left, const struct node *right)
{
    const struct capsa_r_value *value = value_of(constraint, left);
    if (value != NULL) {
        return comparison_pins(constraint, value, right->op, right) ? value->pin : 0;
    }
    value = value_of(constraint, right);
    return value != NULL && comparison_pins(constraint, value, turned(right->op), left) ? value->pin
                                                                                        : 0;
}

bool capsa_pins_are_code(unsigned pins)
{
    static const unsigned enough[] = {
        CAPSA_PINS_CODE,
        CAPSA_PINS_MR_ENCLAVE,
        CAPSA_PINS_MR_SIGNER | CAPSA_PINS_ISV_PROD_ID | CAPSA_PINS_ISV_SVN,
        CAPSA_PINS_TDX_MR_PLAT | CAPSA_PINS_TDX_MR_BOOT,
        CAPSA_PINS_TDX_MR_TD | CAPSA_PINS_TDX_MR_BOOT,
        CAPSA_PINS_TDX_MR_PLAT | CAPSA_PINS_TDX_RTMR0 | CAPSA_PINS_TDX_RTMR1,
        CAPSA_PINS_TDX_MR_TD | CAPSA_PINS_TDX_RTMR0 | CAPSA_PINS_TDX_RTMR1,
        CAPSA_PINS_CSV_MR_BOOT,
        CAPSA_PINS_SNP_MEASUREMENT,
    };
    for (size_t i = 0; i < sizeof(enough) / sizeof(enough[0]); i++) {
        if ((pins & enough[i]) == enough[i]) {
            return true;
        }
    }
    return false;
}

static unsigned with_code(unsigned pins)
{
    return capsa_pins_are_code(pins) ? pins | CAPSA_PINS_CODE : pins;
}

static unsigned pins_of(const struct capsa_constraint *constraint, const struct node *node);

/* Of `a && b` both hold; of `a || b` what both say; nothing is known of `a ^ b`. */
static unsigned pins_of_operands(const struct capsa_constraint *constraint,
                                 const struct node *first)
{
    unsigned pins = pins_of(constraint, first);
    const struct node *operand = next_of(constraint, first);
    for (; operand->kind != NODE_NONE; operand = next_of(constraint, operand)) {
        unsigned more = operand->op == TOKEN_BIT_XOR ? 0 : pins_of(constraint, operand);
        bool both = operand->op == TOKEN_AND || operand->op == TOKEN_BIT_AND;
        pins = both ? with_code(pins | more) : pins & more;
    }
    return pins;
}

static unsigned pins_of(const struct capsa_constraint *constraint, const struct node *node)
{
    if (node->kind != NODE_CHAIN) {
        return 0;
    }
    const struct node *first = first_of(constraint, node);
    const struct node *second = next_of(constraint, first);
    if (capsa_operator_level(second->op) <= capsa_operator_level(TOKEN_AND)) {
        return pins_of_operands(constraint, first);
    }
    return second->next != 0 ? 0 : with_code(pins_of_comparison(constraint, first, second));
}

unsigned capsa_constraint_pins(const struct capsa_constraint *constraint)
{
    return pins_of(constraint, capsa_node(constraint, constraint->root));
}

/* ---- Uses --------------------------------------------------------------------------------- */

struct walk {
    const struct capsa_constraint *constraint;
    capsa_constraint_use_fn each;
    void *context;
    bool negated; /* under an odd number of `!` */
};

static CAPSA_RESULT report(const struct walk *walk, const struct node *node,
                           const struct capsa_path *path, const char *compare,
                           const struct node *literal)
{
    struct capsa_constraint_use use = {
        .path = path->text,
        .whole = path->whole,
        .compare = compare,
        .negated = walk->negated,
    };
    if (literal != NULL && literal->kind == NODE_STRING) {
        capsa_bytes text = capsa_node_text(walk->constraint, literal); /* a NUL follows it */
        use.literal = capsa_bytes_find(text, '\0') < text.len ? NULL : (const char *)text.data;
    }
    capsa_place_of(walk->constraint->text, node->at, &use.line, &use.column);
    return walk->each(walk->context, &use);
}

static CAPSA_RESULT report_list(const struct walk *walk, const struct node *node,
                                const struct capsa_path *path, const struct node *list)
{
    const struct node *element = first_of(walk->constraint, list);
    if (element->kind == NODE_NONE) {
        return report(walk, node, path, "in", NULL);
    }
    for (; element->kind != NODE_NONE; element = next_of(walk->constraint, element)) {
        CAPSA_TRY(report(walk, node, path, "in", element));
    }
    return CAPSA_OK;
}

/* A path with what it is compared with: `op` stands between it and `other`, or there is none. */
static CAPSA_RESULT report_path(const struct walk *walk, const struct node *node, enum token op,
                                const struct node *other)
{
    struct capsa_path path;
    if (!capsa_path_of(walk->constraint, node, &path)) {
        return CAPSA_OK;
    }
    if (other != NULL && other->kind == NODE_LIST) {
        return report_list(walk, node, &path, other);
    }
    bool compared = other != NULL &&
                    capsa_operator_level(op) >= capsa_operator_level(TOKEN_EQUAL) &&
                    capsa_operator_level(op) <= capsa_operator_level(TOKEN_LESS);
    return report(walk, node, &path, compared ? capsa_operator_text(op) : NULL,
                  compared ? other : NULL);
}

static CAPSA_RESULT walk_operand(const struct walk *walk, const struct node *node, enum token op,
                                 const struct node *other);

static CAPSA_RESULT walk_each(const struct walk *walk, const struct node *node)
{
    for (; node->kind != NODE_NONE; node = next_of(walk->constraint, node)) {
        CAPSA_TRY(walk_operand(walk, node, TOKEN_END, NULL));
    }
    return CAPSA_OK;
}

/* Two operands are reported each with the other; more of them say nothing about each other. */
static CAPSA_RESULT walk_chain(const struct walk *walk, const struct node *chain)
{
    const struct node *first = first_of(walk->constraint, chain);
    const struct node *second = next_of(walk->constraint, first);
    if (second->next != 0) {
        return walk_each(walk, first);
    }
    CAPSA_TRY(walk_operand(walk, first, second->op, second));
    return walk_operand(walk, second, second->op, first);
}

static CAPSA_RESULT walk_operand(const struct walk *walk, const struct node *node, enum token op,
                                 const struct node *other)
{
    if (node->kind == NODE_CHAIN) {
        return walk_chain(walk, node);
    }
    CAPSA_TRY(report_path(walk, node, op, other));
    const struct node *child = first_of(walk->constraint, node);
    bool on_request = node->kind == NODE_PATH && child->kind == NODE_REQUEST;
    struct walk within = *walk;
    within.negated = walk->negated != (node->kind == NODE_NOT);
    return walk_each(&within, on_request ? next_of(walk->constraint, child) : child);
}

CAPSA_RESULT capsa_constraint_uses(const struct capsa_constraint *constraint,
                                   capsa_constraint_use_fn each, void *context)
{
    struct walk walk = {.constraint = constraint, .each = each, .context = context};
    return walk_operand(&walk, capsa_node(constraint, constraint->root), TOKEN_END, NULL);
}
