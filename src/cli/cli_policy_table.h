/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of tests for a policy, as `capsa policy test` reads it (YAML or JSON):
 *
 *   policy: join.yaml          # a path, from the folder of the table; or the policy itself
 *   data_uuid: alice-table     # only where the policy's file holds several
 *   defaults: {initiator: carol, op: join, columns: [id]}
 *   tests:
 *     - {name: carol may join, expect: allow, rule: join}
 *     - {name: nobody else, initiator: mallory, expect: deny, clause: grantee}
 *
 * A test's members win over the defaults', within env one by one; null takes a default away.
 * Unknown members are refused, and so is what no manager would ever see. Judging is policy.h's.
 */
#pragma once

#include "cli/cli_verb.h"
#include "policy/policy.h"

typedef struct capsa_policy_table {
    struct capsa_json *document; /* owned */
    struct capsa_json *file;     /* owned: the policy's own, or NULL */
    struct capsa_json *defaults; /* owned: an object without nulls */
    ProtobufCMessage *message;   /* owned */
    const Cm__Policy *policy;    /* a manager would take it */
    const char *scope;           /* the policy's */
    const struct capsa_json *tests;
} capsa_policy_table;
void capsa_policy_table_drop(capsa_policy_table *table); /* callable twice, and on zeros */

/* Read the table at `path`, and its policy. Errors name the file and the place in it. Start from
 * {0}. */
CAPSA_RESULT capsa_policy_table_read(const char *path, capsa_policy_table *ret_table);
/* The same of a document, whose copy is kept. `path` is where it is from, or NULL: it may then name
 * no other file. */
CAPSA_RESULT capsa_policy_table_of(const struct capsa_json *document, const char *path,
                                   capsa_policy_table *ret_table);
size_t capsa_policy_table_count(const capsa_policy_table *table); /* never 0 of one that was read */

/* One test. Everything but what it owns is borrowed from the table. */
typedef struct capsa_policy_case {
    struct capsa_json *members; /* owned: those of the defaults and its own */
    char **columns;             /* owned, its texts are not */
    const char *name;
    bool allow;               /* what is expected */
    const char *rule;         /* id of the rule that allows or is nearest; NULL: any */
    enum capsa_clause clause; /* of a denial; NONE: any */
    struct capsa_request request;
} capsa_policy_case;
void capsa_policy_case_drop(capsa_policy_case *test);

CAPSA_RESULT capsa_policy_case_of(const capsa_policy_table *table, size_t index,
                                  capsa_policy_case *ret_case);
/* Is the decision the one that is expected, by rule and clause too? */
bool capsa_policy_case_passes(const capsa_policy_case *test, const struct capsa_decision *decision);

/* The verb. */
CAPSA_RESULT capsa_cli_policy_test(struct capsa_cli *cli);
