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

/* The members of a policy file; the rest of an object is the policy's own affair. The version that
 * capsa policy list shows is the manager's to count. */
static capsa_result copy_policy(const struct capsa_json *object, bool nested,
                                struct capsa_json **ret_policy)
{
    CAPSA_AUTO_FREE(capsa_json) policy = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(policy);
    const char *name;
    const struct capsa_json *value;
    for (size_t i = 0; capsa_json_member(object, i, &name, &value); i++) {
        if ((!nested && capsa_streq(name, "scope")) || capsa_streq(name, "version") ||
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

size_t capsa_cli_policies_count(const struct capsa_json *document)
{
    const struct capsa_json *list = member(document, "policies");
    return list == NULL ? 1 : capsa_json_count(list);
}

/* A list, and a scope for those that name none, and nothing else. */
static capsa_result check_list(const struct capsa_json *document, const struct capsa_json *list)
{
    static const char *const known[] = {"scope", "policies", NULL};
    CAPSA_REQUIRE(capsa_json_kind_of(list) == CAPSA_JSON_ARRAY, MALFORMED,
                  "policies: a list is wanted, not %s",
                  capsa_json_kind_name(capsa_json_kind_of(list)));
    const char *name;
    const struct capsa_json *value;
    for (size_t i = 0; capsa_json_member(document, i, &name, &value); i++) {
        CAPSA_REQUIRE(capsa_cli_is_among(name, known), UNKNOWN_FIELD,
                      "%s stands beside policies, where only scope does", name);
    }
    return CAPSA_OK;
}

static capsa_result scope_in(const struct capsa_json *object, const char **scope)
{
    const struct capsa_json *value = member(object, "scope");
    CAPSA_REQUIRE(value == NULL || capsa_json_string(value) != NULL, MALFORMED,
                  "scope: text (in quotes, if need be) wanted, got %s",
                  capsa_json_kind_name(capsa_json_kind_of(value)));
    *scope = value == NULL ? *scope : capsa_json_string(value);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_policy_of(const struct capsa_cli *cli, const struct capsa_json *document,
                                 size_t index, const char **ret_scope,
                                 struct capsa_json **ret_policy)
{
    const struct capsa_json *list = member(document, "policies");
    const struct capsa_json *section = member(document, "register_data_policy");
    const char *scope = CAPSA_CLI_SCOPE;
    if (list != NULL) {
        CAPSA_TRY(check_list(document, list));
        CAPSA_TRY(scope_in(document, &scope));
        section = capsa_json_at(list, index);
    }
    const struct capsa_json *outer = section == NULL ? document : section;
    CAPSA_REQUIRE(capsa_json_kind_of(outer) == CAPSA_JSON_OBJECT, MALFORMED,
                  "a policy is an object with data_uuid and rules, not %s",
                  capsa_json_kind_name(capsa_json_kind_of(outer)));
    CAPSA_TRY(scope_in(outer, &scope));
    const struct capsa_json *inner = member(outer, "policy");
    CAPSA_TRY(copy_policy(inner == NULL ? outer : inner, inner != NULL, ret_policy));
    if (ret_scope != NULL) {
        const char *wanted = capsa_cli_option(cli, "scope");
        *ret_scope = wanted != NULL ? wanted : scope;
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
