/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies: which rule lets whom do what with a resource, judged for one request and one resource.
 * Pure: no I/O, no clock, no store; the same inputs give the same decision. Who vouches for the
 * initiator, whose policies apply (lineage) and what is released are the key manager's business.
 *
 * A policy is the message of the wire. A rule matches when all of this holds, and a policy allows
 * what some rule matches:
 *   grantee    the initiator is in grantee_party_ids, byte for byte; there is no wildcard
 *   initiator  if only_pinned_code is asked for: the rule pins code (capsa_rule_pins_code)
 *   operation  some op_constraints entry names the operation or "*"
 *   columns    the rule lists every requested column or "*"; a request without columns asks for
 *              the whole resource, which takes "*"; not checked for results
 *   constraints of every op_constraints entry that names the operation or "*", blank ones skipped
 *   constraints of the rule as a whole (global_constraints)
 * No rules, no operations, no grantees: denied.
 */
#pragma once

#include "base/limits.h"
#include "base/result.h"
#include "codec/json.h"
#include "policy/constraint.h"
#include "wire/capsule_manager.pb-c.h"

/* ---- Adding ------------------------------------------------------------------------------- */

/* May this be stored? Limits, and every constraint compiles. MALFORMED or TOO_LARGE, as in
 *   rule 2 "train": global constraint 1: line 1, column 26: '=' is no comparison; use '=='
 * `number` counts from 1 and is for the message only. */
CAPSA_RESULT capsa_policy_check(const Cm__Policy *policy);
CAPSA_RESULT capsa_rule_check(const Cm__Rule *rule, size_t number);

/* ---- Deciding ----------------------------------------------------------------------------- */

/* One resource of a request. Everything is borrowed; no string is NULL. */
struct capsa_request {
    const char *resource_uri;
    const char *initiator_party_id;
    const char *scope;
    const char *op_name;
    const char *attrs;    /* of this resource: any text, a string to constraints */
    char *const *columns; /* as protobuf-c has them */
    size_t columns_count;
    const struct capsa_json *env; /* NULL: absent, and r.env is () */
    bool is_result;               /* columns name the parents' columns, and are not checked */
    bool only_pinned_code;        /* the initiator is vouched for by evidence, not by a signature */
    bool empty_columns_pass;      /* insecure_empty_columns_pass */
    size_t *steps_left;           /* work left for all decisions of one call; NULL: a budget of
                                     CAPSA_LIMIT_policy_steps for this one */
};

/* The object `r` that constraints see: resource_uri, initiator_party_id, scope, op_name, attrs,
 * columns, and env if there is one (copied). MALFORMED for text that is no UTF-8. */
CAPSA_RESULT capsa_request_object(const struct capsa_request *request, struct capsa_json **ret_r);

/* In the order in which they are judged. */
enum capsa_clause {
    CAPSA_CLAUSE_NONE,  /* allowed */
    CAPSA_CLAUSE_RULES, /* there is no rule at all, or no policy */
    CAPSA_CLAUSE_GRANTEE,
    CAPSA_CLAUSE_INITIATOR,
    CAPSA_CLAUSE_OPERATION,
    CAPSA_CLAUSE_COLUMNS,
    CAPSA_CLAUSE_OP_CONSTRAINT,
    CAPSA_CLAUSE_GLOBAL_CONSTRAINT,
};
const char *capsa_clause_name(enum capsa_clause clause); /* "grantee", "op constraint", ... */

#define CAPSA_RULE_ID_TEXT 96

struct capsa_decision {
    bool allowed;
    enum capsa_clause clause; /* the first that fails in the rule nearest to matching */
    size_t rule;              /* index of the matching or the nearest rule; 0 without rules */
    char rule_id[CAPSA_RULE_ID_TEXT]; /* its id, cut to fit */
    size_t entry;                     /* OP_CONSTRAINT: index into op_constraints */
    size_t constraint; /* OP_CONSTRAINT, GLOBAL_CONSTRAINT: index into the constraints there */
    /* Only the columns fail, because none are named: insecure_empty_columns_pass would allow it. */
    bool only_empty_columns;
    /* For the owner of the policy and nobody else: what the clause wants and what came. */
    char expected[CAPSA_ERROR_TEXT];
    char got[CAPSA_ERROR_TEXT];
    /* For the requester: one sentence that names the resource and, to a grantee, what is not
     * granted. To others, and where only evidence speaks for the initiator, the same text whether
     * there is a policy or not. Empty if allowed. */
    char reason[CAPSA_ERROR_TEXT];
};

/* Success means decided, either way. NULL is a policy without rules: what a resource that does not
 * exist looks like. Constraints that do not compile or that fail are clauses that do not hold.
 * Fails with NOMEM, with TOO_LARGE when the steps run out, and MALFORMED as capsa_request_object
 * does: nothing is decided then, and nothing may be released. */
CAPSA_RESULT capsa_policy_decide(const Cm__Policy *policy, const struct capsa_request *request,
                                 struct capsa_decision *ret_decision);
/* A denial as an error (DENIED, with the reason), for handlers that return it. */
CAPSA_RESULT capsa_decision_result(const struct capsa_decision *decision);

/* Does the rule say which code may run `op_name` (NULL: any operation)? Some `&&` conjunct of its
 * constraints equates, or `in` lists, mr_enclave; or mr_signer with isv_prod_id and a minimum
 * isv_svn; or TDX mr_plat (or mr_td) with mr_boot; or CSV mr_boot; or the SNP measurement; with
 * well-formed literals. False also when memory runs out. */
bool capsa_rule_pins_code(const Cm__Rule *rule, const char *op_name);

/* ---- Lint --------------------------------------------------------------------------------- */

enum capsa_lint_level {
    CAPSA_LINT_WARNING, /* it means something, and most likely not what was meant */
    CAPSA_LINT_ERROR,   /* it would be refused, or never lets anybody in */
};

struct capsa_lint_finding {
    enum capsa_lint_level level;
    const char *name;         /* static, stable: "pins-nothing", "always-true", ... */
    size_t rule;              /* index */
    enum capsa_clause clause; /* NONE: the rule as a whole */
    size_t entry, constraint; /* as in capsa_decision */
    char where[192];          /* `rule 1 "train", global constraint 2` */
    char message[CAPSA_ERROR_TEXT];
};

typedef CAPSA_RESULT (*capsa_lint_fn)(void *context, const struct capsa_lint_finding *finding);
/* Calls `each` for every finding, in the order of the policy; stops at, and returns, its failure.
 */
CAPSA_RESULT capsa_policy_lint(const Cm__Policy *policy, capsa_lint_fn each, void *context);
