/* SPDX-License-Identifier: Apache-2.0
 *
 * One's own policies at the manager (cli_owned.h).
 */
#include "cli/cli_owned.h"

#include "cli/cli_policy_file.h"

const char *capsa_cli_scope(const struct capsa_cli *cli)
{
    const char *scope = capsa_cli_option(cli, "scope");
    return scope == NULL ? CAPSA_CLI_SCOPE : scope;
}

CAPSA_RESULT capsa_cli_own_policies(capsa_cli_link *link, const char *scope,
                                    ProtobufCMessage **ret_message,
                                    const Cm__ListDataPolicyResponse **ret_answer)
{
    struct capsa_json *request;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link->party.id},
                                                               {"scope", scope},
                                                               {NULL, NULL}},
                               &request));
    CAPSA_TRY(capsa_cli_call(link, CAPSA_CLIENT_LIST_DATA_POLICY, request, ret_message));
    *ret_answer = (const Cm__ListDataPolicyResponse *)(const void *)*ret_message;
    return CAPSA_OK;
}

/* NOT_FOUND: `what` has no `name`, but one that is near, or those that there are. */
static capsa_result name_those(capsa_cli_link *link, const char *what, const char *name,
                               const capsa_texts *known)
{
    link->cli->refused = true;
    CAPSA_REQUIRE(known->count > 0, NOT_FOUND, "%s has no \"%s\", nor anything else of yours", what,
                  name);
    const char *nearest = capsa_nearest_name(name, known->items);
    CAPSA_REQUIRE(nearest == NULL, NOT_FOUND, "%s has no \"%s\"; did you mean \"%s\"?", what, name,
                  nearest);
    const char *second = known->count > 1 ? known->items[1] : "";
    CAPSA_FAIL(NOT_FOUND, "%s has no \"%s\"; there is \"%s\"%s%s%s%s", what, name, known->items[0],
               known->count > 1 ? " and \"" : "", second, known->count > 1 ? "\"" : "",
               known->count > 2 ? ", and more" : "");
}

static capsa_result check_rule(capsa_cli_link *link, const Cm__Policy *policy, const char *rule_id)
{
    CAPSA_AUTO(capsa_texts) ids = {NULL, 0};
    for (size_t i = 0; i < policy->n_rules; i++) {
        if (capsa_streq(policy->rules[i]->rule_id, rule_id)) {
            return CAPSA_OK;
        }
        CAPSA_TRY(capsa_texts_add(&ids, policy->rules[i]->rule_id));
    }
    char what[160];
    (void)snprintf(what, sizeof(what), "the policy of %.120s", policy->data_uuid);
    return name_those(link, what, rule_id, &ids);
}

CAPSA_RESULT capsa_cli_own_check(capsa_cli_link *link, const char *scope, const char *uuid,
                                 const char *rule_id)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    const Cm__ListDataPolicyResponse *answer = NULL;
    CAPSA_TRY(capsa_cli_own_policies(link, scope, &message, &answer));
    CAPSA_AUTO(capsa_texts) uuids = {NULL, 0};
    for (size_t i = 0; i < answer->n_policies; i++) {
        if (capsa_streq(answer->policies[i]->data_uuid, uuid)) {
            return rule_id == NULL ? CAPSA_OK : check_rule(link, answer->policies[i], rule_id);
        }
        CAPSA_TRY(capsa_texts_add(&uuids, answer->policies[i]->data_uuid));
    }
    char what[160];
    (void)snprintf(what, sizeof(what), "scope %.120s", scope);
    return name_those(link, what, uuid, &uuids);
}
