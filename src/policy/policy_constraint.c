/* SPDX-License-Identifier: Apache-2.0
 *
 * Constraints as their users see them (constraint.h): compile, evaluate, free; and which request
 * objects the original's engine could not have read.
 */
#include "policy/constraint.h"

#include "base/alloc.h"
#include "codec/text.h"
#include "policy/policy_expression.h"

void capsa_constraint_free(struct capsa_constraint *constraint)
{
    if (constraint == NULL) {
        return;
    }
    capsa_dealloc(constraint->text);
    capsa_dealloc(constraint->nodes);
    capsa_dealloc(constraint->pool);
    capsa_dealloc(constraint);
}

CAPSA_RESULT capsa_constraint_compile(const char *text, struct capsa_constraint **ret_constraint)
{
    size_t len = strlen(text);
    CAPSA_REQUIRE(len <= CAPSA_LIMIT_expression_bytes, TOO_LARGE,
                  "a constraint of %zu bytes; at most %d are allowed", len,
                  CAPSA_LIMIT_expression_bytes);
    CAPSA_TRY(capsa_utf8_check(capsa_bytes_of(text, len)));

    CAPSA_AUTO_FREE(capsa_constraint) constraint = CAPSA_NEW(struct capsa_constraint);
    CAPSA_REQUIRE_MEMORY(constraint);
    constraint->text = capsa_strdup(text);
    CAPSA_REQUIRE_MEMORY(constraint->text);
    constraint->pool = capsa_alloc(2 * len + 1);
    CAPSA_REQUIRE_MEMORY(constraint->pool);
    CAPSA_TRY(capsa_parse_expression(constraint));
    *ret_constraint = constraint;
    constraint = NULL;
    return CAPSA_OK;
}

/* ---- Evaluating --------------------------------------------------------------------------- */

CAPSA_RESULT capsa_constraint_eval_within(const struct capsa_constraint *constraint,
                                          const struct capsa_json *r, size_t *steps_left,
                                          bool *ret_truth)
{
    size_t steps =
        *steps_left < CAPSA_LIMIT_expression_steps ? *steps_left : CAPSA_LIMIT_expression_steps;
    size_t before = steps;
    bool read;
    capsa_result result =
        capsa_expression_run(constraint, constraint->root, r, &steps, &read, ret_truth);
    *steps_left -= before - steps;
    return result;
}

CAPSA_RESULT capsa_constraint_eval(const struct capsa_constraint *constraint,
                                   const struct capsa_json *r, bool *ret_truth)
{
    CAPSA_TRY(capsa_constraint_check_request(r));
    size_t steps = CAPSA_LIMIT_expression_steps;
    return capsa_constraint_eval_within(constraint, r, &steps, ret_truth);
}

bool capsa_constraint_is_constant(const struct capsa_constraint *constraint)
{
    size_t steps = CAPSA_LIMIT_expression_steps;
    bool read, truth;
    capsa_result result =
        capsa_expression_run(constraint, constraint->root, NULL, &steps, &read, &truth);
    return !read && capsa_code_of(result) != CAPSA_E_NOMEM;
}

/* ---- Request objects ---------------------------------------------------------------------- */

static CAPSA_RESULT check_string(const char *text)
{
    CAPSA_REQUIRE(strpbrk(text, "\b\f") == NULL, MALFORMED,
                  "the request holds a text with a backspace or form feed, for which every "
                  "constraint fails");
    return CAPSA_OK;
}

static CAPSA_RESULT check_value(const struct capsa_json *value, unsigned depth);

static CAPSA_RESULT check_object(const struct capsa_json *object, unsigned depth)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        CAPSA_TRY(check_string(name));
        CAPSA_TRY(check_value(value, depth + 1));
    }
    return CAPSA_OK;
}

static CAPSA_RESULT check_array(const struct capsa_json *array, unsigned depth)
{
    for (size_t i = 0; i < capsa_json_count(array); i++) {
        CAPSA_TRY(check_value(capsa_json_at(array, i), depth + 1));
    }
    return CAPSA_OK;
}

static CAPSA_RESULT check_value(const struct capsa_json *value, unsigned depth)
{
    enum capsa_json_kind kind = capsa_json_kind_of(value);
    CAPSA_REQUIRE(depth <= CAPSA_LIMIT_json_depth, TOO_LARGE, "the request nests too deep");
    CAPSA_REQUIRE(kind != CAPSA_JSON_NULL && kind != CAPSA_JSON_REAL, MALFORMED,
                  "the request holds %s, for which every constraint fails",
                  capsa_json_kind_name(kind));
    int64_t number = capsa_json_int(value);
    CAPSA_REQUIRE(number >= INT32_MIN && number <= INT32_MAX, MALFORMED,
                  "the request holds an integer beyond 32 bits, for which every constraint fails");
    if (kind == CAPSA_JSON_STRING) {
        return check_string(capsa_json_string(value));
    }
    return kind == CAPSA_JSON_ARRAY    ? check_array(value, depth)
           : kind == CAPSA_JSON_OBJECT ? check_object(value, depth)
                                       : CAPSA_OK;
}

CAPSA_RESULT capsa_constraint_check_request(const struct capsa_json *r)
{
    CAPSA_REQUIRE(capsa_json_kind_of(r) == CAPSA_JSON_OBJECT, MALFORMED,
                  "the request r is %s, not an object",
                  capsa_json_kind_name(capsa_json_kind_of(r)));
    return check_value(r, 0);
}
