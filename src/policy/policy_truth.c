/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said of a constraint's value without a request: that it, or a part of it, is never
 * false or never true. Used by lint. Sees constants, comparisons of a claim with what it can never
 * be, and comparisons of one claim that contradict each other; whatever it does not see through
 * depends on the request.
 */
#include "policy/policy_claims.h"
#include "policy/policy_expression.h"

/* More operands than anybody writes are not compared each with each. */
#define PAIRED_OPERANDS 64

static enum capsa_truth truth_of(const struct capsa_constraint *constraint,
                                 const struct node *node);

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

static bool is_constant(const struct capsa_constraint *constraint, const struct node *node,
                        enum capsa_truth *ret_truth)
{
    size_t steps = CAPSA_LIMIT_expression_steps;
    bool read, truth = false;
    uint16_t id = (uint16_t)(node - constraint->nodes);
    capsa_result result = capsa_expression_run(constraint, id, NULL, &steps, &read, &truth);
    if (read || capsa_code_of(result) == CAPSA_E_NOMEM) {
        return false;
    }
    *ret_truth = capsa_failed(result) ? CAPSA_TRUTH_FAILS
                 : truth              ? CAPSA_TRUTH_NEVER_FALSE
                                      : CAPSA_TRUTH_NEVER_TRUE;
    return true;
}

/* ---- Literals ----------------------------------------------------------------------------- */

static bool is_literal(const struct node *node)
{
    switch ((enum node_kind)node->kind) {
    case NODE_UNIT:
    case NODE_BOOL:
    case NODE_INT:
    case NODE_CHAR:
    case NODE_STRING:
        return true;
    default:
        return false;
    }
}

static bool is_text(const struct node *node)
{
    return node->kind == NODE_STRING || node->kind == NODE_CHAR;
}

static bool literals_equal(const struct capsa_constraint *constraint, const struct node *a,
                           const struct node *b)
{
    if (is_text(a) && is_text(b)) {
        return capsa_bytes_equal(capsa_node_text(constraint, a), capsa_node_text(constraint, b));
    }
    bool numbers = a->kind == NODE_BOOL || a->kind == NODE_INT;
    return a->kind == b->kind && (!numbers || a->number == b->number);
}

/* ---- Comparisons of a path with literals -------------------------------------------------- */

struct comparison {
    struct capsa_path path;
    enum token op;
    const struct node *literal; /* the only one, or the first of the list right of `in` */
    bool list;
};

static bool is_path(const struct capsa_constraint *constraint, const struct node *node,
                    struct capsa_path *ret_path)
{
    return capsa_path_of(constraint, node, ret_path) && ret_path->whole;
}

static bool is_comparison(enum token op)
{
    return op >= TOKEN_EQUAL && op <= TOKEN_GREATER_EQUAL;
}

static bool all_literals(const struct capsa_constraint *constraint, const struct node *list)
{
    const struct node *element = first_of(constraint, list);
    while (is_literal(element)) {
        element = next_of(constraint, element);
    }
    return list->kind == NODE_LIST && element->kind == NODE_NONE;
}

/* `path op literal` and `path in [literals]`; and `literal op path`, whose op is left as it is,
 * since nobody here asks which side is less. */
static bool comparison_of(const struct capsa_constraint *constraint, const struct node *node,
                          struct comparison *ret)
{
    const struct node *left = first_of(constraint, node);
    const struct node *right = next_of(constraint, left);
    if (node->kind != NODE_CHAIN || right->next != 0 || !is_comparison(right->op)) {
        return false;
    }
    *ret = (struct comparison){.op = right->op, .literal = right};
    if (right->op == TOKEN_IN) {
        ret->list = true;
        ret->literal = first_of(constraint, right);
        return is_path(constraint, left, &ret->path) && all_literals(constraint, right);
    }
    if (is_literal(left)) {
        ret->literal = left;
        return is_path(constraint, right, &ret->path);
    }
    return is_literal(right) && is_path(constraint, left, &ret->path);
}

/* The next of the literals that it compares with; NONE behind the last. */
static const struct node *next_literal(const struct capsa_constraint *constraint,
                                       const struct comparison *comparison,
                                       const struct node *literal)
{
    return comparison->list ? next_of(constraint, literal) : capsa_node(constraint, 0);
}

static bool has_literal(const struct capsa_constraint *constraint,
                        const struct comparison *comparison, const struct node *wanted)
{
    const struct node *literal = comparison->literal;
    for (; literal->kind != NODE_NONE; literal = next_literal(constraint, comparison, literal)) {
        if (literals_equal(constraint, literal, wanted)) {
            return true;
        }
    }
    return false;
}

/* ---- What a claim can be ------------------------------------------------------------------ */

static bool can_equal(const struct capsa_r_value *value, const struct node *literal)
{
    if (literal->kind == NODE_UNIT) {
        return !value->always;
    }
    switch (value->kind) {
    case CAPSA_R_MEASUREMENT:
    case CAPSA_R_HEX:
    case CAPSA_R_TEXT:
        return is_text(literal);
    case CAPSA_R_NUMBER:
        return literal->kind == NODE_INT;
    case CAPSA_R_TRUTH:
        return literal->kind == NODE_BOOL;
    case CAPSA_R_OBJECT:
    case CAPSA_R_LIST:
        return false;
    }
    return true;
}

static bool can_equal_any(const struct capsa_constraint *constraint,
                          const struct capsa_r_value *value, const struct comparison *comparison)
{
    const struct node *literal = comparison->literal;
    for (; literal->kind != NODE_NONE; literal = next_literal(constraint, comparison, literal)) {
        if (can_equal(value, literal)) {
            return true;
        }
    }
    return false;
}

/* A value of another kind is unequal, and neither less nor greater. */
static enum capsa_truth truth_with_literals(const struct capsa_constraint *constraint,
                                            const struct comparison *comparison)
{
    const struct capsa_r_value *value = capsa_r_value_find(comparison->path.text);
    if (value == NULL || value->kind == CAPSA_R_OBJECT ||
        can_equal_any(constraint, value, comparison)) {
        return CAPSA_TRUTH_OPEN;
    }
    return comparison->op == TOKEN_NOT_EQUAL ? CAPSA_TRUTH_NEVER_FALSE : CAPSA_TRUTH_NEVER_TRUE;
}

/* `r.scope == r.scope` */
static enum capsa_truth truth_with_itself(const struct capsa_constraint *constraint,
                                          const struct node *left, const struct node *right)
{
    struct capsa_path a, b;
    if (!is_path(constraint, left, &a) || !is_path(constraint, right, &b) ||
        !capsa_streq(a.text, b.text)) {
        return CAPSA_TRUTH_OPEN;
    }
    const struct capsa_r_value *value = capsa_r_value_find(a.text);
    if (value == NULL || value->kind == CAPSA_R_LIST || value->kind == CAPSA_R_OBJECT) {
        return CAPSA_TRUTH_OPEN;
    }
    switch ((enum token)right->op) {
    case TOKEN_EQUAL:
        return CAPSA_TRUTH_NEVER_FALSE;
    case TOKEN_NOT_EQUAL:
    case TOKEN_LESS:
    case TOKEN_GREATER:
        return CAPSA_TRUTH_NEVER_TRUE;
    default:
        return CAPSA_TRUTH_OPEN;
    }
}

static enum capsa_truth truth_of_comparison(const struct capsa_constraint *constraint,
                                            const struct node *chain)
{
    struct comparison comparison;
    if (comparison_of(constraint, chain, &comparison)) {
        return truth_with_literals(constraint, &comparison);
    }
    const struct node *left = first_of(constraint, chain);
    const struct node *right = next_of(constraint, left);
    return right->next == 0 ? truth_with_itself(constraint, left, right) : CAPSA_TRUTH_OPEN;
}

/* ---- Two comparisons of one claim --------------------------------------------------------- */

/* Whether all operators of the chain are this one. */
static bool is_chain_of(const struct capsa_constraint *constraint, const struct node *node,
                        enum token op)
{
    const struct node *operand = next_of(constraint, first_of(constraint, node));
    while (operand->kind != NODE_NONE && operand->op == op) {
        operand = next_of(constraint, operand);
    }
    return node->kind == NODE_CHAIN && operand->kind == NODE_NONE;
}

static bool share_literal(const struct capsa_constraint *constraint, const struct comparison *a,
                          const struct comparison *b)
{
    const struct node *literal = a->literal;
    for (; literal->kind != NODE_NONE; literal = next_literal(constraint, a, literal)) {
        if (has_literal(constraint, b, literal)) {
            return true;
        }
    }
    return false;
}

static bool is_positive(const struct comparison *comparison)
{
    return comparison->op == TOKEN_EQUAL || comparison->op == TOKEN_IN;
}

/* `a` says which values, `b` that it is not one of them. */
static bool excludes(const struct capsa_constraint *constraint, enum token joined,
                     const struct comparison *a, const struct comparison *b)
{
    bool only = next_literal(constraint, a, a->literal)->kind == NODE_NONE;
    return is_positive(a) && b->op == TOKEN_NOT_EQUAL && (joined == TOKEN_OR || only) &&
           has_literal(constraint, a, b->literal);
}

/* Joined by `&&` never both true; joined by `||` never both false. */
static bool comparisons_clash(const struct capsa_constraint *constraint, enum token joined,
                              const struct node *left, const struct node *right)
{
    struct comparison a, b;
    if (!comparison_of(constraint, left, &a) || !comparison_of(constraint, right, &b) ||
        !capsa_streq(a.path.text, b.path.text)) {
        return false;
    }
    bool apart = joined == TOKEN_AND ? is_positive(&a) && is_positive(&b)
                                     : a.op == TOKEN_NOT_EQUAL && b.op == TOKEN_NOT_EQUAL;
    return (apart && !share_literal(constraint, &a, &b)) || excludes(constraint, joined, &a, &b) ||
           excludes(constraint, joined, &b, &a);
}

/* Chains of the same operator are looked into, as deep as an expression nests. */
static bool operands_clash(const struct capsa_constraint *constraint, enum token joined,
                           const struct node *left, const struct node *right)
{
    const struct node *chain = is_chain_of(constraint, left, joined)    ? left
                               : is_chain_of(constraint, right, joined) ? right
                                                                        : NULL;
    if (chain == NULL) {
        return comparisons_clash(constraint, joined, left, right);
    }
    const struct node *other = chain == left ? right : left;
    const struct node *operand = first_of(constraint, chain);
    for (; operand->kind != NODE_NONE; operand = next_of(constraint, operand)) {
        if (operands_clash(constraint, joined, operand, other)) {
            return true;
        }
    }
    return false;
}

static bool chain_clashes(const struct capsa_constraint *constraint, const struct node *chain,
                          enum token joined)
{
    const struct node *a = first_of(constraint, chain);
    size_t count = 0;
    for (; a->kind != NODE_NONE && count < PAIRED_OPERANDS; a = next_of(constraint, a), count++) {
        const struct node *b = next_of(constraint, a);
        for (size_t i = 0; b->kind != NODE_NONE && i < PAIRED_OPERANDS; i++) {
            if (operands_clash(constraint, joined, a, b)) {
                return true;
            }
            b = next_of(constraint, b);
        }
    }
    return false;
}

/* ---- Expressions -------------------------------------------------------------------------- */

static bool is_never_true(enum capsa_truth truth)
{
    return truth == CAPSA_TRUTH_NEVER_TRUE || truth == CAPSA_TRUTH_FAILS;
}

static enum capsa_truth both(enum capsa_truth left, enum capsa_truth right)
{
    if (is_never_true(left) || is_never_true(right)) {
        return CAPSA_TRUTH_NEVER_TRUE;
    }
    return left == right ? left : CAPSA_TRUTH_OPEN;
}

static enum capsa_truth either(enum capsa_truth left, enum capsa_truth right)
{
    if (left == CAPSA_TRUTH_NEVER_FALSE || right == CAPSA_TRUTH_NEVER_FALSE) {
        return CAPSA_TRUTH_NEVER_FALSE;
    }
    bool neither = is_never_true(left) && is_never_true(right);
    return neither ? CAPSA_TRUTH_NEVER_TRUE : CAPSA_TRUTH_OPEN;
}

static enum capsa_truth truth_of_logic(const struct capsa_constraint *constraint,
                                       const struct node *chain)
{
    const struct node *first = first_of(constraint, chain);
    const struct node *operand = next_of(constraint, first);
    enum token joined = operand->op;
    enum capsa_truth truth = truth_of(constraint, first);
    for (; operand->kind != NODE_NONE; operand = next_of(constraint, operand)) {
        enum capsa_truth right = truth_of(constraint, operand);
        truth = operand->op == TOKEN_AND  ? both(truth, right)
                : operand->op == TOKEN_OR ? either(truth, right)
                                          : CAPSA_TRUTH_OPEN;
    }
    bool logical = joined == TOKEN_AND || joined == TOKEN_OR;
    if (truth == CAPSA_TRUTH_OPEN && logical && is_chain_of(constraint, chain, joined) &&
        chain_clashes(constraint, chain, joined)) {
        return joined == TOKEN_AND ? CAPSA_TRUTH_NEVER_TRUE : CAPSA_TRUTH_NEVER_FALSE;
    }
    return truth;
}

static enum capsa_truth negated(enum capsa_truth truth)
{
    return truth == CAPSA_TRUTH_NEVER_FALSE  ? CAPSA_TRUTH_NEVER_TRUE
           : truth == CAPSA_TRUTH_NEVER_TRUE ? CAPSA_TRUTH_NEVER_FALSE
                                             : truth;
}

static enum capsa_truth truth_of(const struct capsa_constraint *constraint, const struct node *node)
{
    enum capsa_truth truth = CAPSA_TRUTH_OPEN;
    if (is_constant(constraint, node, &truth)) {
        return truth;
    }
    if (node->kind == NODE_NOT) {
        return negated(truth_of(constraint, first_of(constraint, node)));
    }
    if (node->kind != NODE_CHAIN) {
        return CAPSA_TRUTH_OPEN;
    }
    enum token op = next_of(constraint, first_of(constraint, node))->op;
    return capsa_operator_level(op) <= capsa_operator_level(TOKEN_AND)
               ? truth_of_logic(constraint, node)
               : truth_of_comparison(constraint, node);
}

/* ---- Places ------------------------------------------------------------------------------- */

/* Where the text of the node begins, but for brackets. */
static void place_of(const struct capsa_constraint *constraint, const struct node *node,
                     size_t *ret_line, size_t *ret_column)
{
    while (node->kind == NODE_CHAIN) {
        node = first_of(constraint, node);
    }
    capsa_place_of(constraint->text, node->at, ret_line, ret_column);
}

/* The operand that alone makes an `&&` never true or an `||` never false, or NONE. */
static const struct node *culprit(const struct capsa_constraint *constraint,
                                  const struct node *node, enum capsa_truth truth)
{
    enum token joined = is_never_true(truth) ? TOKEN_AND : TOKEN_OR;
    if (!is_chain_of(constraint, node, joined)) {
        return capsa_node(constraint, 0);
    }
    const struct node *operand = first_of(constraint, node);
    for (; operand->kind != NODE_NONE; operand = next_of(constraint, operand)) {
        enum capsa_truth its = truth_of(constraint, operand);
        if (its != CAPSA_TRUTH_OPEN && is_never_true(its) == is_never_true(truth)) {
            break;
        }
    }
    return operand;
}

enum capsa_truth capsa_constraint_truth(const struct capsa_constraint *constraint, size_t *ret_line,
                                        size_t *ret_column)
{
    const struct node *node = capsa_node(constraint, constraint->root);
    enum capsa_truth truth = truth_of(constraint, node);
    const struct node *part = node;
    while (truth != CAPSA_TRUTH_OPEN && part->kind != NODE_NONE) {
        node = part;
        part = culprit(constraint, node, truth);
    }
    place_of(constraint, node, ret_line, ret_column);
    return truth;
}

struct parts {
    const struct capsa_constraint *constraint;
    capsa_constraint_part_fn each;
    void *context;
};

/* Of a node whose own truth is OPEN. */
static CAPSA_RESULT parts_of(const struct parts *parts, const struct node *node)
{
    const struct capsa_constraint *constraint = parts->constraint;
    bool logical =
        is_chain_of(constraint, node, TOKEN_AND) || is_chain_of(constraint, node, TOKEN_OR);
    const struct node *operand = first_of(constraint, node);
    for (; logical && operand->kind != NODE_NONE; operand = next_of(constraint, operand)) {
        enum capsa_truth truth = truth_of(constraint, operand);
        size_t line, column;
        place_of(constraint, operand, &line, &column);
        CAPSA_TRY(truth == CAPSA_TRUTH_OPEN ? parts_of(parts, operand)
                                            : parts->each(parts->context, truth, line, column));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_constraint_parts(const struct capsa_constraint *constraint,
                                    capsa_constraint_part_fn each, void *context)
{
    struct parts parts = {.constraint = constraint, .each = each, .context = context};
    const struct node *root = capsa_node(constraint, constraint->root);
    return truth_of(constraint, root) == CAPSA_TRUTH_OPEN ? parts_of(&parts, root) : CAPSA_OK;
}
