/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes of the constraint language from its tokens, by recursive descent over the levels of
 * policy_expression.h. Nesting is counted and bounded here, and since only what nests is deep in
 * the nodes, whoever walks them later is bounded too.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "policy/policy_expression.h"

struct parser {
    struct lexer lexer;
    struct capsa_constraint *constraint;
    struct token_value token; /* the next one, not yet taken */
    unsigned depth;
    uint16_t seed; /* already parsed first operand of LEVEL_SUM, or 0 */
};

#define SHOWN_TOKEN 24

static CAPSA_RESULT parse_level(struct parser *parser, unsigned level, uint16_t *ret_node);
static CAPSA_RESULT parse_unary(struct parser *parser, uint16_t *ret_node);

static CAPSA_RESULT take(struct parser *parser)
{
    return capsa_lex(&parser->lexer, &parser->token);
}

static CAPSA_RESULT deeper(struct parser *parser)
{
    if (parser->depth >= CAPSA_LIMIT_expression_depth) {
        CAPSA_FAIL_AT(TOO_LARGE, parser->constraint->text, parser->token.at,
                      "nested deeper than %d levels", CAPSA_LIMIT_expression_depth);
    }
    parser->depth++;
    return CAPSA_OK;
}

/* ---- Nodes -------------------------------------------------------------------------------- */

static CAPSA_RESULT grow_nodes(struct capsa_constraint *constraint)
{
    size_t capacity = constraint->nodes_capacity == 0 ? 16 : 2 * constraint->nodes_capacity;
    struct node *nodes = capsa_realloc(constraint->nodes, capacity * sizeof(struct node));
    CAPSA_REQUIRE_MEMORY(nodes);
    constraint->nodes = nodes;
    constraint->nodes_capacity = capacity;
    return CAPSA_OK;
}

/* A node made of the next token, which is not taken. */
static CAPSA_RESULT add_node(struct parser *parser, enum node_kind kind, uint16_t *ret_node)
{
    struct capsa_constraint *constraint = parser->constraint;
    const struct token_value *token = &parser->token;
    if (constraint->nodes_count >= CAPSA_LIMIT_expression_nodes) {
        CAPSA_FAIL_AT(TOO_LARGE, constraint->text, token->at, "more than %d parts",
                      CAPSA_LIMIT_expression_nodes);
    }
    if (constraint->nodes_count >= constraint->nodes_capacity) {
        CAPSA_TRY(grow_nodes(constraint));
    }
    constraint->nodes[constraint->nodes_count] = (struct node){
        .kind = (uint8_t)kind,
        .at = (uint16_t)token->at,
        .op_at = (uint16_t)token->at,
        .text = token->text_at,
        .text_len = token->text_len,
    };
    *ret_node = (uint16_t)constraint->nodes_count++;
    return CAPSA_OK;
}

static struct node *node_at(struct parser *parser, uint16_t id)
{
    return &parser->constraint->nodes[id];
}

static void add_child(struct parser *parser, uint16_t parent, uint16_t child)
{
    struct node *above = node_at(parser, parent);
    if (above->first == 0) {
        above->first = child;
    } else {
        node_at(parser, above->last)->next = child;
    }
    above->last = child;
}

/* `*whole` is what stands before the operator: a node of `kind` already, or its first child. */
static CAPSA_RESULT add_operand(struct parser *parser, enum node_kind kind, bool started,
                                struct token_value op, uint16_t operand, uint16_t *whole)
{
    if (!started) {
        uint16_t first = *whole;
        CAPSA_TRY(add_node(parser, kind, whole));
        node_at(parser, *whole)->at = node_at(parser, first)->at;
        add_child(parser, *whole, first);
    }
    node_at(parser, operand)->op = (uint8_t)op.kind;
    node_at(parser, operand)->op_at = (uint16_t)op.at;
    add_child(parser, *whole, operand);
    return CAPSA_OK;
}

/* ---- What people try ---------------------------------------------------------------------- */

static bool token_is(const struct parser *parser, const char *text)
{
    const struct token_value *token = &parser->token;
    return capsa_bytes_is(
        capsa_bytes_of(parser->constraint->text + token->at, token->end - token->at), text);
}

static const char *advice_for(const struct parser *parser)
{
    static const struct {
        const char *text, *advice;
    } advices[] = {
        {"and", "; use '&&'"},
        {"or", "; use '||'"},
        {"not", "; use '!'"},
        {"xor", "; use '^'"},
        {"()", "; there are no functions"},
        {"(", "; there are no functions"},
        {"..", "; a range can only stand within the [ ] of a text"},
        {"..=", "; a range can only stand within the [ ] of a text"},
        {",", "; a list is written a in [b, c]"},
    };
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if (token_is(parser, advices[i].text)) {
            return advices[i].advice;
        }
    }
    return "";
}

static CAPSA_RESULT unexpected(const struct parser *parser, const char *wanted)
{
    const char *text = parser->constraint->text;
    const struct token_value *token = &parser->token;
    CAPSA_REQUIRE_AT(token->kind != TOKEN_END, text, token->at, "%s expected, but this is the end",
                     wanted);
    size_t len = token->end - token->at;
    CAPSA_FAIL_AT(MALFORMED, text, token->at, "%s expected, got '%.*s'%s%s", wanted,
                  (int)(len < SHOWN_TOKEN ? len : SHOWN_TOKEN), text + token->at,
                  len < SHOWN_TOKEN ? "" : "...", advice_for(parser));
}

static CAPSA_RESULT expect(struct parser *parser, enum token token, const char *wanted)
{
    if (parser->token.kind != token) {
        return unexpected(parser, wanted);
    }
    return take(parser);
}

static CAPSA_RESULT refuse_call(const struct parser *parser)
{
    CAPSA_REQUIRE_AT(parser->token.kind != TOKEN_OPEN && parser->token.kind != TOKEN_UNIT,
                     parser->constraint->text, parser->token.at,
                     "there are no functions and no methods");
    return CAPSA_OK;
}

static CAPSA_RESULT refuse_name(struct parser *parser)
{
    struct token_value name = parser->token;
    const char *advice = advice_for(parser);
    CAPSA_TRY(take(parser));
    CAPSA_TRY(refuse_call(parser));
    CAPSA_FAIL_AT(
        MALFORMED, parser->constraint->text, name.at, "there is no '%.*s', only the request r%s",
        (int)(name.text_len < 64 ? name.text_len : 64), parser->constraint->text + name.at, advice);
}

/* ---- Primaries ---------------------------------------------------------------------------- */

static CAPSA_RESULT parse_literal(struct parser *parser, enum node_kind kind, int32_t number,
                                  uint16_t *ret_node)
{
    CAPSA_TRY(add_node(parser, kind, ret_node));
    node_at(parser, *ret_node)->number = number;
    return take(parser);
}

static CAPSA_RESULT parse_int(struct parser *parser, uint16_t *ret_node)
{
    CAPSA_REQUIRE_AT(parser->token.number <= INT32_MAX, parser->constraint->text, parser->token.at,
                     "this number is too large; integers go from -2147483648 to 2147483647");
    return parse_literal(parser, NODE_INT, (int32_t)parser->token.number, ret_node);
}

static CAPSA_RESULT parse_name(struct parser *parser, uint16_t *ret_node)
{
    if (!token_is(parser, "r")) {
        return refuse_name(parser);
    }
    CAPSA_TRY(parse_literal(parser, NODE_REQUEST, 0, ret_node));
    return refuse_call(parser);
}

static CAPSA_RESULT parse_parentheses(struct parser *parser, uint16_t *ret_node)
{
    CAPSA_TRY(deeper(parser));
    CAPSA_TRY(take(parser));
    CAPSA_TRY(parse_level(parser, 0, ret_node));
    CAPSA_TRY(expect(parser, TOKEN_CLOSE, "')'"));
    parser->depth--;
    return CAPSA_OK;
}

static CAPSA_RESULT parse_primary(struct parser *parser, uint16_t *ret_node)
{
    switch (parser->token.kind) {
    case TOKEN_INT:
        return parse_int(parser, ret_node);
    case TOKEN_STRING:
        return parse_literal(parser, NODE_STRING, 0, ret_node);
    case TOKEN_CHAR:
        return parse_literal(parser, NODE_CHAR, 0, ret_node);
    case TOKEN_TRUE:
        return parse_literal(parser, NODE_BOOL, 1, ret_node);
    case TOKEN_FALSE:
        return parse_literal(parser, NODE_BOOL, 0, ret_node);
    case TOKEN_UNIT:
        return parse_literal(parser, NODE_UNIT, 0, ret_node);
    case TOKEN_NAME:
        return parse_name(parser, ret_node);
    case TOKEN_OPEN:
        return parse_parentheses(parser, ret_node);
    case TOKEN_INDEX:
        CAPSA_FAIL_AT(MALFORMED, parser->constraint->text, parser->token.at,
                      "a list can only stand right of 'in'");
    default:
        return unexpected(parser, "a value");
    }
}

/* ---- Accesses ----------------------------------------------------------------------------- */

static CAPSA_RESULT parse_property(struct parser *parser, uint16_t *ret_node)
{
    CAPSA_TRY(take(parser));
    if (parser->token.kind == TOKEN_TRUE || parser->token.kind == TOKEN_FALSE ||
        parser->token.kind == TOKEN_IN) {
        CAPSA_FAIL_AT(MALFORMED, parser->constraint->text, parser->token.at,
                      "this word is reserved; write [\"...\"]");
    }
    if (parser->token.kind != TOKEN_NAME) {
        return unexpected(parser, "the name of a property");
    }
    CAPSA_TRY(parse_literal(parser, NODE_STRING, 0, ret_node));
    return refuse_call(parser);
}

/* Behind the first operand: `..` and, unless `]` follows, the second. */
static CAPSA_RESULT parse_range(struct parser *parser, uint16_t *index)
{
    struct token_value op = parser->token;
    uint16_t range;
    CAPSA_TRY(add_node(parser, NODE_RANGE, &range));
    add_child(parser, range, *index);
    node_at(parser, range)->number = op.kind == TOKEN_RANGE_INCLUSIVE;
    *index = range;
    CAPSA_TRY(take(parser));
    if (parser->token.kind == TOKEN_INDEX_END) {
        CAPSA_REQUIRE_AT(op.kind == TOKEN_RANGE, parser->constraint->text, op.at,
                         "a range to the end is written a..");
        return CAPSA_OK;
    }
    uint16_t to;
    CAPSA_TRY(parse_level(parser, LEVEL_SUM, &to));
    add_child(parser, range, to);
    return CAPSA_OK;
}

/* Ranges bind looser than sums and tighter than all else: so first a sum is read, and then either
 * its range, or what remains of a looser expression that begins with it. */
static CAPSA_RESULT parse_index(struct parser *parser, uint16_t *ret_node)
{
    CAPSA_TRY(deeper(parser));
    CAPSA_TRY(take(parser));
    CAPSA_TRY(parse_level(parser, LEVEL_SUM, ret_node));
    if (parser->token.kind == TOKEN_RANGE || parser->token.kind == TOKEN_RANGE_INCLUSIVE) {
        CAPSA_TRY(parse_range(parser, ret_node));
    } else {
        parser->seed = *ret_node;
        CAPSA_TRY(parse_level(parser, 0, ret_node));
    }
    CAPSA_TRY(expect(parser, TOKEN_INDEX_END, "']'"));
    parser->depth--;
    return CAPSA_OK;
}

static CAPSA_RESULT parse_postfix(struct parser *parser, uint16_t *ret_node)
{
    CAPSA_TRY(parse_primary(parser, ret_node));
    for (bool started = false;; started = true) {
        struct token_value op = parser->token;
        uint16_t access;
        if (op.kind == TOKEN_DOT || op.kind == TOKEN_SAFE_DOT) {
            CAPSA_TRY(parse_property(parser, &access));
        } else if (op.kind == TOKEN_INDEX || op.kind == TOKEN_SAFE_INDEX) {
            CAPSA_TRY(parse_index(parser, &access));
        } else {
            return CAPSA_OK;
        }
        CAPSA_TRY(add_operand(parser, NODE_PATH, started, op, access, ret_node));
    }
}

/* ---- Operators ---------------------------------------------------------------------------- */

/* A sign makes integers, of literals only: the original has no negation of values. */
static CAPSA_RESULT parse_sign(struct parser *parser, uint16_t *ret_node)
{
    struct token_value sign = parser->token;
    const char *text = parser->constraint->text;
    CAPSA_TRY(deeper(parser));
    CAPSA_TRY(take(parser));
    const struct token_value *number = &parser->token;
    bool negative = sign.kind == TOKEN_MINUS;
    bool adjacent = negative && number->kind == TOKEN_INT && number->at == sign.end;
    CAPSA_REQUIRE_AT(!adjacent || !number->has_radix, text, sign.at,
                     "a negative number is written in decimal digits");
    if (adjacent) {
        CAPSA_TRY(parse_literal(parser, NODE_INT, (int32_t) - (int64_t)number->number, ret_node));
    } else {
        CAPSA_TRY(parse_unary(parser, ret_node));
        struct node *node = node_at(parser, *ret_node);
        CAPSA_REQUIRE_AT(node->kind == NODE_INT, text, sign.at,
                         "a sign can only stand before a number; write 0 - a");
        CAPSA_REQUIRE_AT(!negative || node->number != INT32_MIN, text, sign.at,
                         "this number is too large; integers go from -2147483648 to 2147483647");
        node->number = negative ? -node->number : node->number;
    }
    node_at(parser, *ret_node)->at = (uint16_t)sign.at;
    parser->depth--;
    return CAPSA_OK;
}

static CAPSA_RESULT parse_not(struct parser *parser, uint16_t *ret_node)
{
    CAPSA_TRY(deeper(parser));
    uint16_t negation, operand;
    CAPSA_TRY(add_node(parser, NODE_NOT, &negation));
    CAPSA_TRY(take(parser));
    CAPSA_TRY(parse_unary(parser, &operand));
    add_child(parser, negation, operand);
    *ret_node = negation;
    parser->depth--;
    return CAPSA_OK;
}

static CAPSA_RESULT parse_unary(struct parser *parser, uint16_t *ret_node)
{
    switch (parser->token.kind) {
    case TOKEN_NOT:
        return parse_not(parser, ret_node);
    case TOKEN_PLUS:
    case TOKEN_MINUS:
        return parse_sign(parser, ret_node);
    default:
        return parse_postfix(parser, ret_node);
    }
}

/* Right of `in`: a list written out, or a path, which has to give an array. */
static CAPSA_RESULT parse_list(struct parser *parser, uint16_t *ret_node)
{
    CAPSA_TRY(deeper(parser));
    CAPSA_TRY(add_node(parser, NODE_LIST, ret_node));
    CAPSA_TRY(take(parser));
    while (parser->token.kind != TOKEN_INDEX_END) {
        uint16_t element;
        CAPSA_TRY(parse_level(parser, 0, &element));
        add_child(parser, *ret_node, element);
        if (parser->token.kind != TOKEN_INDEX_END) {
            CAPSA_TRY(expect(parser, TOKEN_COMMA, "',' or ']'"));
        }
    }
    CAPSA_TRY(take(parser));
    parser->depth--;
    return CAPSA_OK;
}

static CAPSA_RESULT parse_in(struct parser *parser, uint16_t *ret_node)
{
    struct token_value right = parser->token;
    if (right.kind == TOKEN_INDEX) {
        return parse_list(parser, ret_node);
    }
    CAPSA_TRY(parse_level(parser, LEVEL_IN + 1, ret_node));
    const struct node *node = node_at(parser, *ret_node);
    CAPSA_REQUIRE_AT(node->kind == NODE_PATH && node_at(parser, node->first)->kind == NODE_REQUEST,
                     parser->constraint->text, right.at,
                     "right of 'in' stands a list [a, b] or a part of r that is an array");
    return CAPSA_OK;
}

static CAPSA_RESULT parse_power(struct parser *parser, uint16_t *ret_node)
{
    CAPSA_TRY(deeper(parser));
    CAPSA_TRY(parse_level(parser, LEVEL_POWER, ret_node)); /* a ** (b ** c) */
    parser->depth--;
    return CAPSA_OK;
}

static CAPSA_RESULT parse_right(struct parser *parser, unsigned level, uint16_t *ret_node)
{
    return level == LEVEL_IN      ? parse_in(parser, ret_node)
           : level == LEVEL_POWER ? parse_power(parser, ret_node)
                                  : parse_level(parser, level + 1, ret_node);
}

/* The original looks only at literals here; other values are judged when they are there. */
static CAPSA_RESULT check_truth(const struct parser *parser, enum token op, uint16_t operand)
{
    static const char *const kinds[] = {
        [NODE_UNIT] = "()",       [NODE_INT] = "a number", [NODE_CHAR] = "a character",
        [NODE_STRING] = "a text", [NODE_LIST] = NULL,
    };
    const struct node *node = capsa_node(parser->constraint, operand);
    bool logical = op == TOKEN_AND || op == TOKEN_OR;
    CAPSA_REQUIRE_AT(!logical || kinds[node->kind] == NULL, parser->constraint->text, node->at,
                     "'%s' joins what is true or false; this is %s", capsa_operator_text(op),
                     kinds[node->kind]);
    return CAPSA_OK;
}

static CAPSA_RESULT parse_level(struct parser *parser, unsigned level, uint16_t *ret_node)
{
    if (level == LEVEL_UNARY) {
        return parse_unary(parser, ret_node);
    }
    if (level == LEVEL_SUM && parser->seed != 0) {
        *ret_node = parser->seed;
        parser->seed = 0;
        return CAPSA_OK;
    }
    CAPSA_TRY(parse_level(parser, level + 1, ret_node));
    for (bool started = false; capsa_operator_level(parser->token.kind) == level; started = true) {
        struct token_value op = parser->token;
        CAPSA_TRY(check_truth(parser, op.kind, *ret_node));
        CAPSA_TRY(take(parser));
        uint16_t right;
        CAPSA_TRY(parse_right(parser, level, &right));
        CAPSA_TRY(check_truth(parser, op.kind, right));
        CAPSA_TRY(add_operand(parser, NODE_CHAIN, started, op, right, ret_node));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_parse_expression(struct capsa_constraint *constraint)
{
    struct parser parser = {.lexer = {.constraint = constraint}, .constraint = constraint};
    uint16_t none;
    CAPSA_TRY(add_node(&parser, NODE_NONE, &none));
    CAPSA_TRY(take(&parser));
    CAPSA_REQUIRE_AT(parser.token.kind != TOKEN_END, constraint->text, parser.token.at,
                     "the constraint is empty");
    CAPSA_TRY(parse_level(&parser, 0, &constraint->root));
    if (parser.token.kind != TOKEN_END) {
        return unexpected(&parser, "an operator");
    }
    return CAPSA_OK;
}
