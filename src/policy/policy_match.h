/* SPDX-License-Identifier: Apache-2.0
 *
 * Within policy/ only: the parts of a rule that deciding, checking and lint all look at.
 */
#pragma once

#include "policy/policy.h"

/* protobuf-c gives NULL for no string only where a message was made by hand. */
static inline const char *capsa_rule_text(const char *text)
{
    return text == NULL ? "" : text;
}

/* Does the op_constraints entry speak of this operation? NULL: of every operation. */
static inline bool capsa_entry_covers(const Cm__Rule__OpConstraint *entry, const char *op_name)
{
    const char *named = capsa_rule_text(entry->op_name);
    return capsa_streq(named, "*") || (op_name != NULL && capsa_streq(named, op_name));
}

bool capsa_is_blank(const char *text); /* what the original skips: nothing but white space */
bool capsa_list_has(char *const *list, size_t count, const char *wanted);

/* What all constraints that hold for the operation (NULL: for every operation) pin together. */
unsigned capsa_rule_pins(const Cm__Rule *rule, const char *op_name);

/* Does the rule grant all that `other` grants, to requests that their initiator signs? Compares
 * constraints as texts; false where that does not settle it. *ret_unsigned: and also to those that
 * only evidence speaks for. */
bool capsa_rule_covers(const Cm__Rule *rule, const Cm__Rule *other, bool *ret_unsigned);
/* Does the entry grant anything that the others of the rule do not? *ret_other: which one does it
 * instead. */
bool capsa_entry_is_spare(const Cm__Rule *rule, size_t entry, size_t *ret_other);

#define CAPSA_SHOWN 64

/* `"name"`, cut between characters with "..." where longer than CAPSA_SHOWN bytes. */
struct capsa_shown {
    char text[CAPSA_SHOWN + 8];
};
struct capsa_shown capsa_show(const char *name);

/* `rule 2 "train"` or `rule 2`; number counts from 1. */
struct capsa_rule_shown {
    char text[CAPSA_SHOWN + 40];
};
struct capsa_rule_shown capsa_show_rule(const Cm__Rule *rule, size_t number);

/* Make one printable line of what snprintf may have cut: no control characters, whole ones only. */
void capsa_one_line(char *text, size_t size);

/* Append to `text` what the paths that the constraint reads are in `r`: `; r.op_name is "psi"`. */
void capsa_show_request(const struct capsa_constraint *constraint, const struct capsa_json *r,
                        char *text, size_t size);
