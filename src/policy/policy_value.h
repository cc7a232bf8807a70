/* SPDX-License-Identifier: Apache-2.0
 *
 * Within policy/ only: values while a constraint is evaluated, and what the operators make of two
 * of them. Values borrow: from the nodes, from `r`, or from the strings of the run.
 */
#pragma once

#include "policy/policy_expression.h"

enum value_kind {
    VALUE_UNIT,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_CHAR,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_MAP,
};

struct value {
    enum value_kind kind;
    union {
        bool truth;
        int32_t number;
        capsa_bytes text; /* STRING, and CHAR as its UTF-8 */
        const struct capsa_json *json;
    };
};

struct made_string;

/* One evaluation. */
struct run {
    const struct capsa_constraint *constraint;
    const struct capsa_json *r; /* NULL: not to be read */
    bool read;                  /* `r` was wanted */
    size_t *steps_left;
    size_t string_left; /* bytes of strings that may still be made */
    struct made_string *made;
};

const char *capsa_value_name(enum value_kind kind); /* "a text" */

/* Takes `steps` and one for each KiB of `bytes`. */
CAPSA_RESULT capsa_run_charge(struct run *run, size_t steps, size_t bytes);
/* `len` writable bytes that live as long as the run. */
CAPSA_RESULT capsa_run_string(struct run *run, size_t len, uint8_t **ret_room);
void capsa_run_drop(struct run *run);

/* Neither null, fractions nor integers beyond 32 bits are values. */
CAPSA_RESULT capsa_value_of_json(struct run *run, size_t at, const struct capsa_json *json,
                                 struct value *ret_value);

/* An operator that looks at both its operands; `at` is its place. */
CAPSA_RESULT capsa_value_apply(struct run *run, enum token op, size_t at, const struct value *left,
                               const struct value *right, struct value *ret_value);
