/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies as JSON: checking, lint and deciding end without harm whatever the policy holds, a
 * decision is the same twice, and what is allowed was granted by some rule.
 */
#include <stdlib.h>

#include "codec/protobuf.h"
#include "policy/policy.h"

static char column_a[] = "a", column_b[] = "b";
static char *columns[] = {column_a, column_b};

static const struct capsa_request requests[] = {
    {.resource_uri = "d1",
     .initiator_party_id = "carol",
     .scope = "s",
     .op_name = "psi",
     .attrs = ""},
    {.resource_uri = "d1",
     .initiator_party_id = "carol",
     .scope = "s",
     .op_name = "psi",
     .attrs = "",
     .columns = columns,
     .columns_count = 2},
    {.resource_uri = "d1",
     .initiator_party_id = "carol",
     .scope = "s",
     .op_name = "psi",
     .attrs = "",
     .only_pinned_code = true,
     .is_result = true},
};

static bool grants(const Cm__Rule *rule)
{
    bool grantee = false, operation = false;
    for (size_t i = 0; i < rule->n_grantee_party_ids; i++) {
        grantee = grantee || capsa_streq(rule->grantee_party_ids[i], "carol");
    }
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        operation = operation || capsa_streq(rule->op_constraints[i]->op_name, "psi") ||
                    capsa_streq(rule->op_constraints[i]->op_name, "*");
    }
    return grantee && operation;
}

static void decide(const Cm__Policy *policy, const struct capsa_request *request)
{
    struct capsa_decision first, second;
    if (capsa_failed(capsa_policy_decide(policy, request, &first))) {
        return;
    }
    if (capsa_failed(capsa_policy_decide(policy, request, &second)) ||
        first.clause != second.clause || first.rule != second.rule) {
        abort();
    }
    if (first.allowed && !grants(policy->rules[first.rule])) {
        abort();
    }
}

static CAPSA_RESULT see(void *context, const struct capsa_lint_finding *finding)
{
    if (finding->name == NULL || finding->message[0] == '\0' || finding->where[0] == '\0') {
        abort();
    }
    *(bool *)context = *(bool *)context || capsa_streq(finding->name, "does-not-compile");
    return CAPSA_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    if (size > KIB(64) ||
        capsa_failed(capsa_protojson_parse(&cm__policy__descriptor, capsa_bytes_of(data, size),
                                           CAPSA_UNKNOWN_SKIPPED, &message))) {
        return 0;
    }
    const Cm__Policy *policy = (const Cm__Policy *)message;
    bool refused = false;
    if (capsa_failed(capsa_policy_lint(policy, see, &refused)) ||
        (refused && !capsa_failed(capsa_policy_check(policy)))) {
        abort();
    }
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        decide(policy, &requests[i]);
    }
    return 0;
}
