/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies as files hold them (cli_policy_file.h).
 */
#include "cli/cli_policy_file.h"

#include "cli/cli_print.h"
#include "cli/cli_read.h"
#include "policy/policy.h"

static const struct capsa_json *member(const struct capsa_json *object, const char *name)
{
    const struct capsa_json *value = capsa_json_get(object, name);
    return value == NULL || capsa_json_kind_of(value) == CAPSA_JSON_NULL ? NULL : value;
}

/* The members of a policy file; the rest of an object is the policy's own affair. */
static capsa_result copy_policy(const struct capsa_json *object, bool nested,
                                struct capsa_json **ret_policy)
{
    CAPSA_AUTO_FREE(capsa_json) policy = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(policy);
    const char *name;
    const struct capsa_json *value;
    for (size_t i = 0; capsa_json_member(object, i, &name, &value); i++) {
        if ((!nested && capsa_streq(name, "scope")) ||
            capsa_json_kind_of(value) == CAPSA_JSON_NULL) {
            continue;
        }
        struct capsa_json *copy;
        CAPSA_TRY(capsa_cli_without_nulls(value, &copy));
        CAPSA_TRY(capsa_json_set(policy, name, copy));
    }
    *ret_policy = policy;
    policy = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_policy_of(const struct capsa_cli *cli, const struct capsa_json *document,
                                 const char **ret_scope, struct capsa_json **ret_policy)
{
    const struct capsa_json *section = member(document, "register_data_policy");
    const struct capsa_json *outer = section == NULL ? document : section;
    CAPSA_REQUIRE(capsa_json_kind_of(outer) == CAPSA_JSON_OBJECT, MALFORMED,
                  "a policy is an object with data_uuid and rules, not %s",
                  capsa_json_kind_name(capsa_json_kind_of(outer)));
    const struct capsa_json *inner = member(outer, "policy");
    const struct capsa_json *scope = member(outer, "scope");
    CAPSA_REQUIRE(scope == NULL || capsa_json_string(scope) != NULL, MALFORMED,
                  "scope: text (in quotes, if need be) wanted, got %s",
                  capsa_json_kind_name(capsa_json_kind_of(scope)));
    if (ret_policy != NULL) {
        CAPSA_TRY(copy_policy(inner == NULL ? outer : inner, inner != NULL, ret_policy));
    }
    if (ret_scope != NULL) {
        const char *wanted = capsa_cli_option(cli, "scope");
        *ret_scope = wanted != NULL  ? wanted
                     : scope != NULL ? capsa_json_string(scope)
                                     : CAPSA_CLI_SCOPE;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_policy_message(const struct capsa_json *policy,
                                      ProtobufCMessage **ret_message)
{
    return capsa_protojson_decode(&cm__policy__descriptor, policy, CAPSA_UNKNOWN_REFUSED,
                                  ret_message);
}

/* That a rule pins no code is for lint to say: where nothing is attested no rule can. */
static capsa_result warn_of(void *context, const struct capsa_lint_finding *finding)
{
    if (capsa_streq(finding->name, "pins-nothing")) {
        return CAPSA_OK;
    }
    capsa_cli_warn(context, "%s: %s", finding->where, finding->message);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_policy_check(struct capsa_cli *cli, const struct capsa_json *policy)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_cli_policy_message(policy, &message));
    const Cm__Policy *typed = (const Cm__Policy *)(const void *)message;
    CAPSA_TRY(capsa_policy_check(typed));
    return capsa_policy_lint(typed, warn_of, cli);
}
