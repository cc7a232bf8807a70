/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operators of the constraint language make of two values. The rules are the original's,
 * which are at times surprising (values of different kinds are unequal, and neither less nor
 * greater), except that integers never leave 32 bits: that is an error here, and an error denies.
 */
#include "policy/policy_value.h"

#include "base/alloc.h"

#define TEXT(run) ((run)->constraint->text)

struct made_string {
    struct made_string *next;
    uint8_t bytes[];
};

const char *capsa_value_name(enum value_kind kind)
{
    static const char *const names[] = {
        [VALUE_UNIT] = "()",          [VALUE_BOOL] = "true or false", [VALUE_INT] = "a number",
        [VALUE_CHAR] = "a character", [VALUE_STRING] = "a text",      [VALUE_ARRAY] = "an array",
        [VALUE_MAP] = "an object",
    };
    return names[kind];
}

CAPSA_RESULT capsa_run_charge(struct run *run, size_t steps, size_t bytes)
{
    steps += bytes / KIB(1);
    if (steps > *run->steps_left) {
        *run->steps_left = 0;
        CAPSA_FAIL(TOO_LARGE, "the evaluation takes too many steps");
    }
    *run->steps_left -= steps;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_run_string(struct run *run, size_t len, uint8_t **ret_room)
{
    CAPSA_REQUIRE(len <= run->string_left, TOO_LARGE,
                  "the texts made while evaluating are longer than %d bytes",
                  CAPSA_LIMIT_expression_string);
    struct made_string *made = capsa_alloc(sizeof(struct made_string) + len);
    CAPSA_REQUIRE_MEMORY(made);
    run->string_left -= len;
    made->next = run->made;
    run->made = made;
    *ret_room = made->bytes;
    return CAPSA_OK;
}

void capsa_run_drop(struct run *run)
{
    while (run->made != NULL) {
        struct made_string *next = run->made->next;
        capsa_dealloc(run->made);
        run->made = next;
    }
}

static CAPSA_RESULT value_of_number(struct run *run, size_t at, int64_t number,
                                    struct value *ret_value)
{
    CAPSA_REQUIRE_AT(number >= INT32_MIN && number <= INT32_MAX, TEXT(run), at,
                     "the result does not fit into 32 bits");
    *ret_value = (struct value){.kind = VALUE_INT, .number = (int32_t)number};
    return CAPSA_OK;
}

static CAPSA_RESULT value_of_string(struct run *run, capsa_bytes text, struct value *ret_value)
{
    CAPSA_TRY(capsa_run_charge(run, 0, text.len));
    *ret_value = (struct value){.kind = VALUE_STRING, .text = text};
    return CAPSA_OK;
}

CAPSA_RESULT capsa_value_of_json(struct run *run, size_t at, const struct capsa_json *json,
                                 struct value *ret_value)
{
    switch (capsa_json_kind_of(json)) {
    case CAPSA_JSON_BOOL:
        *ret_value = (struct value){.kind = VALUE_BOOL, .truth = capsa_json_bool(json)};
        return CAPSA_OK;
    case CAPSA_JSON_INT:
        return value_of_number(run, at, capsa_json_int(json), ret_value);
    case CAPSA_JSON_STRING:
        return value_of_string(run, capsa_bytes_str(capsa_json_string(json)), ret_value);
    case CAPSA_JSON_ARRAY:
        *ret_value = (struct value){.kind = VALUE_ARRAY, .json = json};
        return CAPSA_OK;
    case CAPSA_JSON_OBJECT:
        *ret_value = (struct value){.kind = VALUE_MAP, .json = json};
        return CAPSA_OK;
    case CAPSA_JSON_NULL:
    case CAPSA_JSON_REAL:
        break;
    }
    CAPSA_FAIL_AT(MALFORMED, TEXT(run), at, "the request holds %s, which constraints cannot read",
                  capsa_json_kind_name(capsa_json_kind_of(json)));
}

/* ---- Comparisons -------------------------------------------------------------------------- */

static bool is_text(const struct value *value)
{
    return value->kind == VALUE_STRING || value->kind == VALUE_CHAR;
}

/* By bytes, which for UTF-8 is by code points: -1, 0 or 1. */
static int order_of_texts(capsa_bytes a, capsa_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return order != 0 ? (order > 0) - (order < 0) : (a.len > b.len) - (a.len < b.len);
}

static int order_of(const struct value *left, const struct value *right)
{
    return left->kind == VALUE_INT ? (left->number > right->number) - (left->number < right->number)
                                   : order_of_texts(left->text, right->text);
}

static bool truth_of_order(enum token op, int order)
{
    switch (op) {
    case TOKEN_EQUAL:
        return order == 0;
    case TOKEN_NOT_EQUAL:
        return order != 0;
    case TOKEN_LESS:
        return order < 0;
    case TOKEN_LESS_EQUAL:
        return order <= 0;
    case TOKEN_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

/* What has no order is never less, greater, or "less or equal", not even to itself. */
static bool truth_of_equality(enum token op, bool equal)
{
    return op == TOKEN_EQUAL ? equal : op == TOKEN_NOT_EQUAL && !equal;
}

static CAPSA_RESULT compare(struct run *run, enum token op, size_t at, const struct value *left,
                            const struct value *right, struct value *ret_value)
{
    bool same = left->kind == right->kind || (is_text(left) && is_text(right));
    bool truth;
    if (!same || left->kind == VALUE_UNIT) {
        truth = truth_of_equality(op, same);
    } else if (left->kind == VALUE_BOOL) {
        truth = truth_of_equality(op, left->truth == right->truth);
    } else {
        CAPSA_REQUIRE_AT(left->kind != VALUE_ARRAY && left->kind != VALUE_MAP, TEXT(run), at,
                         "'%s' cannot compare %s with %s", capsa_operator_text(op),
                         capsa_value_name(left->kind), capsa_value_name(right->kind));
        truth = truth_of_order(op, order_of(left, right));
    }
    CAPSA_TRY(capsa_run_charge(run, 0, is_text(left) ? left->text.len : 0));
    *ret_value = (struct value){.kind = VALUE_BOOL, .truth = truth};
    return CAPSA_OK;
}

/* ---- Integers ----------------------------------------------------------------------------- */

static CAPSA_RESULT power(struct run *run, size_t at, int64_t base, int64_t exponent,
                          struct value *ret_value)
{
    CAPSA_REQUIRE_AT(exponent >= 0, TEXT(run), at, "the exponent is negative");
    int64_t result = 1;
    for (;;) {
        if (exponent & 1) {
            result *= base; /* both within 32 bits */
            CAPSA_TRY(value_of_number(run, at, result, ret_value));
        }
        exponent >>= 1;
        if (exponent == 0) {
            return value_of_number(run, at, result, ret_value);
        }
        base *= base;
        CAPSA_REQUIRE_AT(base <= INT32_MAX, TEXT(run), at, "the result does not fit into 32 bits");
    }
}

static CAPSA_RESULT shift(struct run *run, enum token op, size_t at, int32_t number, int32_t by,
                          struct value *ret_value)
{
    CAPSA_REQUIRE_AT(by >= 0 && by < 32, TEXT(run), at, "a shift goes from 0 to 31 bits");
    int32_t result = op == TOKEN_SHIFT_LEFT ? (int32_t)((uint32_t)number << by) : number >> by;
    return value_of_number(run, at, result, ret_value);
}

static CAPSA_RESULT divide(struct run *run, enum token op, size_t at, int64_t left, int64_t right,
                           struct value *ret_value)
{
    CAPSA_REQUIRE_AT(right != 0, TEXT(run), at, "division by zero");
    CAPSA_TRY(value_of_number(run, at, left / right, ret_value)); /* also where % is asked for */
    return op == TOKEN_DIVIDE ? CAPSA_OK : value_of_number(run, at, left % right, ret_value);
}

static CAPSA_RESULT calculate(struct run *run, enum token op, size_t at, int32_t left,
                              int32_t right, struct value *ret_value)
{
    switch (op) {
    case TOKEN_PLUS:
        return value_of_number(run, at, (int64_t)left + right, ret_value);
    case TOKEN_MINUS:
        return value_of_number(run, at, (int64_t)left - right, ret_value);
    case TOKEN_TIMES:
        return value_of_number(run, at, (int64_t)left * right, ret_value);
    case TOKEN_POWER:
        return power(run, at, left, right, ret_value);
    case TOKEN_SHIFT_LEFT:
    case TOKEN_SHIFT_RIGHT:
        return shift(run, op, at, left, right, ret_value);
    case TOKEN_BIT_AND:
        return value_of_number(run, at, left & right, ret_value);
    case TOKEN_BIT_OR:
        return value_of_number(run, at, left | right, ret_value);
    case TOKEN_BIT_XOR:
        return value_of_number(run, at, left ^ right, ret_value);
    default:
        return divide(run, op, at, left, right, ret_value);
    }
}

/* ---- Texts and truths --------------------------------------------------------------------- */

static CAPSA_RESULT join(struct run *run, capsa_bytes left, capsa_bytes right,
                         struct value *ret_value)
{
    uint8_t *room;
    CAPSA_TRY(capsa_run_string(run, left.len + right.len, &room));
    memcpy(room, left.len == 0 ? (const void *)"" : left.data, left.len);
    memcpy(room + left.len, right.len == 0 ? (const void *)"" : right.data, right.len);
    return value_of_string(run, capsa_bytes_of(room, left.len + right.len), ret_value);
}

/* All of `what` taken out, from left to right. `what` is not empty. */
static CAPSA_RESULT take_out(struct run *run, capsa_bytes text, capsa_bytes what,
                             struct value *ret_value)
{
    uint8_t *room;
    CAPSA_TRY(capsa_run_string(run, text.len, &room));
    size_t len = 0;
    while (text.len > 0) {
        const uint8_t *found = memmem(text.data, text.len, what.data, what.len);
        size_t keep = found == NULL ? text.len : (size_t)(found - text.data);
        memcpy(room + len, text.data, keep);
        len += keep;
        text = capsa_bytes_from(text, found == NULL ? text.len : keep + what.len);
    }
    return value_of_string(run, capsa_bytes_of(room, len), ret_value);
}

static CAPSA_RESULT subtract_text(struct run *run, const struct value *left,
                                  const struct value *right, struct value *ret_value)
{
    if (right->text.len == 0) {
        *ret_value = *left;
        return CAPSA_OK;
    }
    if (left->text.len == 0 && right->kind == VALUE_STRING) {
        *ret_value = *right; /* "" - "a" is "a" in the original */
        return CAPSA_OK;
    }
    return take_out(run, left->text, right->text, ret_value);
}

static bool adds_text(const struct value *left, const struct value *right)
{
    bool unit = left->kind == VALUE_UNIT || right->kind == VALUE_UNIT;
    bool string = left->kind == VALUE_STRING || right->kind == VALUE_STRING;
    return (is_text(left) && is_text(right)) || (unit && string);
}

static capsa_bytes text_of(const struct value *value)
{
    return is_text(value) ? value->text : capsa_bytes_of(NULL, 0);
}

static bool is_bitwise(enum token op)
{
    return op == TOKEN_BIT_AND || op == TOKEN_BIT_OR || op == TOKEN_BIT_XOR;
}

static bool combine_truths(enum token op, bool left, bool right)
{
    return op == TOKEN_BIT_AND ? left && right : op == TOKEN_BIT_OR ? left || right : left != right;
}

CAPSA_RESULT capsa_value_apply(struct run *run, enum token op, size_t at, const struct value *left,
                               const struct value *right, struct value *ret_value)
{
    switch (op) {
    case TOKEN_EQUAL:
    case TOKEN_NOT_EQUAL:
    case TOKEN_LESS:
    case TOKEN_LESS_EQUAL:
    case TOKEN_GREATER:
    case TOKEN_GREATER_EQUAL:
        return compare(run, op, at, left, right, ret_value);
    default:
        break;
    }
    if (left->kind == VALUE_INT && right->kind == VALUE_INT) {
        return calculate(run, op, at, left->number, right->number, ret_value);
    }
    if (is_bitwise(op) && left->kind == VALUE_BOOL && right->kind == VALUE_BOOL) {
        bool truth = combine_truths(op, left->truth, right->truth);
        *ret_value = (struct value){.kind = VALUE_BOOL, .truth = truth};
        return CAPSA_OK;
    }
    if (op == TOKEN_PLUS && adds_text(left, right)) {
        return join(run, text_of(left), text_of(right), ret_value);
    }
    if (op == TOKEN_MINUS && left->kind == VALUE_STRING && is_text(right)) {
        return subtract_text(run, left, right, ret_value);
    }
    CAPSA_FAIL_AT(MALFORMED, TEXT(run), at, "'%s' cannot join %s and %s", capsa_operator_text(op),
                  capsa_value_name(left->kind), capsa_value_name(right->kind));
}
