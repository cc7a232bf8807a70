/* SPDX-License-Identifier: Apache-2.0
 *
 * Within policy/ only: a compiled constraint as its parts see it. policy_lex.c makes tokens of the
 * text, policy_parse.c nodes of the tokens, policy_eval.c values of the nodes, policy_walk.c looks
 * for facts in the nodes.
 *
 * Nodes lie in one array and name each other by index; 0 is none. A node has children (first,
 * next), and `op` says how it joins what stands before it in its parent. Operators of one level
 * stand in one CHAIN, so `a && b && c ...` is as deep as `a`: only what really nests is deep.
 */
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "policy/constraint.h"

/* Operators from the loosest level to the tightest: CAPSA_OPERATOR(symbol, text, level). */
#define CAPSA_OPERATORS                                                                            \
    CAPSA_OPERATOR(OR, "||", 0)                                                                    \
    CAPSA_OPERATOR(BIT_OR, "|", 0)                                                                 \
    CAPSA_OPERATOR(BIT_XOR, "^", 0)                                                                \
    CAPSA_OPERATOR(AND, "&&", 1)                                                                   \
    CAPSA_OPERATOR(BIT_AND, "&", 1)                                                                \
    CAPSA_OPERATOR(EQUAL, "==", 2)                                                                 \
    CAPSA_OPERATOR(NOT_EQUAL, "!=", 2)                                                             \
    CAPSA_OPERATOR(IN, "in", 3)                                                                    \
    CAPSA_OPERATOR(LESS, "<", 4)                                                                   \
    CAPSA_OPERATOR(LESS_EQUAL, "<=", 4)                                                            \
    CAPSA_OPERATOR(GREATER, ">", 4)                                                                \
    CAPSA_OPERATOR(GREATER_EQUAL, ">=", 4)                                                         \
    CAPSA_OPERATOR(ELSE, "??", 5)                                                                  \
    CAPSA_OPERATOR(PLUS, "+", 6)                                                                   \
    CAPSA_OPERATOR(MINUS, "-", 6)                                                                  \
    CAPSA_OPERATOR(TIMES, "*", 7)                                                                  \
    CAPSA_OPERATOR(DIVIDE, "/", 7)                                                                 \
    CAPSA_OPERATOR(REMAINDER, "%", 7)                                                              \
    CAPSA_OPERATOR(POWER, "**", 8)                                                                 \
    CAPSA_OPERATOR(SHIFT_LEFT, "<<", 9)                                                            \
    CAPSA_OPERATOR(SHIFT_RIGHT, ">>", 9)

enum {
    LEVEL_IN = 3,
    LEVEL_SUM = 6, /* the operands of a range */
    LEVEL_POWER = 8,
    LEVEL_UNARY = 10,
};

enum token {
    TOKEN_END,
    TOKEN_NAME, /* r, or a property; reserved words never get this far */
    TOKEN_INT,
    TOKEN_CHAR,
    TOKEN_STRING,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_UNIT, /* () in one piece */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_INDEX,
    TOKEN_SAFE_INDEX,
    TOKEN_INDEX_END,
    TOKEN_DOT,
    TOKEN_SAFE_DOT,
    TOKEN_COMMA,
    TOKEN_RANGE,
    TOKEN_RANGE_INCLUSIVE,
    TOKEN_NOT,
#define CAPSA_OPERATOR(symbol, text, level) TOKEN_##symbol,
    CAPSA_OPERATORS
#undef CAPSA_OPERATOR
        TOKEN_COUNT,
};

enum node_kind {
    NODE_NONE,
    NODE_UNIT,
    NODE_BOOL, /* number */
    NODE_INT,  /* number */
    NODE_CHAR, /* text: its UTF-8 */
    NODE_STRING,
    NODE_REQUEST, /* r */
    NODE_NOT,     /* one child */
    NODE_CHAIN,   /* operands; op of the second and later: the operator before it */
    NODE_PATH,    /* a base; then accesses, op: TOKEN_DOT, TOKEN_INDEX or their safe forms. Behind a
                     dot stands a STRING, behind a bracket any expression or a RANGE */
    NODE_RANGE,   /* from, or from and to; number: 1 if inclusive */
    NODE_LIST,    /* elements; only right of `in` */
};

struct node {
    uint8_t kind;  /* enum node_kind */
    uint8_t op;    /* enum token */
    uint16_t next; /* sibling */
    uint16_t first, last;
    uint16_t at, op_at; /* offsets into the text */
    int32_t number;
    uint32_t text, text_len; /* in the pool */
};

_Static_assert(CAPSA_LIMIT_expression_nodes <= UINT16_MAX, "node indexes are 16 bits");
_Static_assert(CAPSA_LIMIT_expression_bytes <= UINT16_MAX, "offsets are 16 bits");

struct capsa_constraint {
    char *text; /* as it was given, for places in messages */
    struct node *nodes;
    size_t nodes_count; /* including number 0, which is none */
    size_t nodes_capacity;
    char *pool; /* strings of the nodes, each followed by a NUL; twice the text's length is room
                   enough, since none is longer than its literal */
    size_t pool_len;
    uint16_t root;
};

static inline const struct node *capsa_node(const struct capsa_constraint *constraint, uint16_t id)
{
    return &constraint->nodes[id];
}

static inline capsa_bytes capsa_node_text(const struct capsa_constraint *constraint,
                                          const struct node *node)
{
    return capsa_bytes_of(constraint->pool + node->text, node->text_len);
}

/* "==" for TOKEN_EQUAL; NULL for what is no operator. */
const char *capsa_operator_text(enum token token);
/* The level of an operator, or LEVEL_UNARY for what is none. */
unsigned capsa_operator_level(enum token token);

/* ---- Places in messages ------------------------------------------------------------------- */

void capsa_place_of(const char *text, size_t at, size_t *ret_line, size_t *ret_column);
/* "line 1, column 26: ..." */
capsa_result capsa_fault(enum capsa_code code, const char *file, int line, const char *text,
                         size_t at, const char *format, ...) __attribute__((format(printf, 6, 7)));
#define CAPSA_FAIL_AT(code, text, at, ...)                                                         \
    return capsa_error_made(capsa_fault(CAPSA_E_##code, __FILE__, __LINE__, text, at, __VA_ARGS__))
#define CAPSA_REQUIRE_AT(condition, text, at, ...)                                                 \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            CAPSA_FAIL_AT(MALFORMED, text, at, __VA_ARGS__);                                       \
        }                                                                                          \
    } while (0)

/* ---- Tokens ------------------------------------------------------------------------------- */

struct token_value {
    enum token kind;
    size_t at, end;   /* offsets into the text */
    uint32_t number;  /* INT: at most 2147483648, which only a sign makes an integer */
    bool has_radix;   /* INT: written with 0x, 0o or 0b */
    uint32_t text_at; /* NAME, CHAR, STRING: in the pool */
    uint32_t text_len;
};

struct lexer {
    struct capsa_constraint *constraint; /* with text and pool */
    size_t at;
};

/* The next token. What the language lacks (reserved words, `=`, `;`, `{`, ...) fails here, with
 * advice. A NAME never is a reserved word. */
CAPSA_RESULT capsa_lex(struct lexer *lexer, struct token_value *ret_token);

/* Fills nodes and root of a constraint whose text and pool are ready. */
CAPSA_RESULT capsa_parse_expression(struct capsa_constraint *constraint);

/* ---- Paths -------------------------------------------------------------------------------- */

#define CAPSA_PATH_TEXT 256

struct capsa_path {
    char text[CAPSA_PATH_TEXT]; /* "env.tee.sgx.mr_enclave" */
    bool whole;                 /* false: something not written as a name follows */
};

/* Is the node a path on `r`, and which? */
bool capsa_path_of(const struct capsa_constraint *constraint, const struct node *node,
                   struct capsa_path *ret_path);

/* ---- Values ------------------------------------------------------------------------------- */

/* Evaluates the node `root`; `r` NULL: fails at the first use of `r`, and says so in *ret_read. */
CAPSA_RESULT capsa_expression_run(const struct capsa_constraint *constraint, uint16_t root,
                                  const struct capsa_json *r, size_t *steps_left, bool *ret_read,
                                  bool *ret_truth);
