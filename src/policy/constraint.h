/* SPDX-License-Identifier: Apache-2.0
 *
 * The constraint language of rules: an expression over the request object `r` that is true, false
 * or an error, and an error denies. docs/reference/constraints.md describes it. It is a subset of
 * what the original manager runs, with the same verdicts, except that integers never wrap.
 *
 * Total: no loops, no functions, no assignment. Text, nesting, nodes, steps and the strings made
 * while evaluating are bounded (limits.def: expression_*). Whatever is not in the language is
 * refused by compiling, with line and column, never evaluated to something else.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/result.h"
#include "codec/json.h"

/* Immutable once compiled: threads may share one. Owned by the caller. */
struct capsa_constraint;

/* Errors: MALFORMED ("line 1, column 26: '=' is no comparison; use '=='"), TOO_LARGE, NOMEM. Text
 * that is empty or blank is MALFORMED. `text` is copied. */
CAPSA_RESULT capsa_constraint_compile(const char *text, struct capsa_constraint **ret_constraint);
void capsa_constraint_free(struct capsa_constraint *constraint); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_constraint)

/* Does it hold for the request object `r` (policy.h, capsa_request_object)? Any failure denies:
 * MALFORMED with line and column (wrong types, overflow, a result that is neither true nor false,
 * an `r` that capsa_constraint_check_request refuses), TOO_LARGE (steps, strings), NOMEM. */
CAPSA_RESULT capsa_constraint_eval(const struct capsa_constraint *constraint,
                                   const struct capsa_json *r, bool *ret_truth);

/* The same for many constraints over one `r` that capsa_constraint_check_request has accepted:
 * takes the steps used from *steps_left, and fails with TOO_LARGE when they run out. */
CAPSA_RESULT capsa_constraint_eval_within(const struct capsa_constraint *constraint,
                                          const struct capsa_json *r, size_t *steps_left,
                                          bool *ret_truth);

/* The original hands `r` to its engine as text that the engine cannot read when it holds null, a
 * fraction, an integer beyond 32 bits, or the control characters U+0008 and U+000C in a string, and
 * then denies. So does this: MALFORMED. An `r` that is not an object is refused too. */
CAPSA_RESULT capsa_constraint_check_request(const struct capsa_json *r);

/* ---- Looking into a constraint, for rules that pin code and for lint ----------------------- */

/* What makes a constraint true in any case, or false, or an error: it does not read `r`. */
bool capsa_constraint_is_constant(const struct capsa_constraint *constraint);

/* What can be said of its value without a request. It may still fail for some: constraints that are
 * never false are true wherever they do not fail. Says OPEN where it does not see through. */
enum capsa_truth {
    CAPSA_TRUTH_OPEN, /* it depends on the request */
    CAPSA_TRUTH_NEVER_FALSE,
    CAPSA_TRUTH_NEVER_TRUE,
    CAPSA_TRUTH_FAILS, /* for every request */
};
/* Line and column (from 1) of the part of it that makes it so. */
enum capsa_truth capsa_constraint_truth(const struct capsa_constraint *constraint, size_t *ret_line,
                                        size_t *ret_column);

/* Called for each part of an `&&` or `||` whose truth is not OPEN, though that of what it stands in
 * is. Stops at, and returns, the callback's failure. */
typedef CAPSA_RESULT (*capsa_constraint_part_fn)(void *context, enum capsa_truth truth, size_t line,
                                                 size_t column);
CAPSA_RESULT capsa_constraint_parts(const struct capsa_constraint *constraint,
                                    capsa_constraint_part_fn each, void *context);

/* Facts about the requesting program that hold whenever the constraint is true: that a claim equals
 * one of the given literals. Facts of several constraints that must all hold are joined by `|`. */
enum {
    CAPSA_PINS_MR_ENCLAVE = 1 << 0,
    CAPSA_PINS_MR_SIGNER = 1 << 1,
    CAPSA_PINS_ISV_PROD_ID = 1 << 2,
    CAPSA_PINS_ISV_SVN = 1 << 3, /* at least a given number, or equal to one */
    CAPSA_PINS_TDX_MR_PLAT = 1 << 4,
    CAPSA_PINS_TDX_MR_TD = 1 << 5,
    CAPSA_PINS_TDX_MR_BOOT = 1 << 6,
    CAPSA_PINS_CSV_MR_BOOT = 1 << 7,
    CAPSA_PINS_SNP_MEASUREMENT = 1 << 8,
    CAPSA_PINS_TDX_RTMR0 = 1 << 9,
    CAPSA_PINS_TDX_RTMR1 = 1 << 10,
    CAPSA_PINS_CODE = 1 << 11, /* both sides of an `||` pin code, each in its own way */
};
unsigned capsa_constraint_pins(const struct capsa_constraint *constraint);
/* Do these facts together say which code runs (trust.md's combinations)? */
bool capsa_pins_are_code(unsigned pins);

/* Called for each path on `r` that is written out in names, as in "env.tee.sgx.mr_enclave"
 * (elements of arrays and computed names end it), with the comparison it stands in. */
struct capsa_constraint_use {
    const char *path;    /* without the leading "r."; "" is `r` itself */
    bool whole;          /* false: something not written as a name follows, as in columns[0] */
    const char *compare; /* "==", "!=", "<", "<=", ">", ">=", "in"; NULL: in none of these */
    const char *literal; /* the string literal it is compared with, NUL-free, or NULL */
    bool negated;        /* it stands under a `!`, or an odd number of them */
    size_t line, column; /* from 1, in characters */
};
/* `in [..]` calls once for each string literal. Stops at, and returns, the callback's failure. */
typedef CAPSA_RESULT (*capsa_constraint_use_fn)(void *context,
                                                const struct capsa_constraint_use *use);
CAPSA_RESULT capsa_constraint_uses(const struct capsa_constraint *constraint,
                                   capsa_constraint_use_fn each, void *context);
