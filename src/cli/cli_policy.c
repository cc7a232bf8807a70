/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa policy: put, list and delete them at the manager; look for mistakes and try expressions
 * without one.
 */
#include "base/file.h"
#include "cli/cli_explain.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_owned.h"
#include "cli/cli_policy_file.h"
#include "cli/cli_policy_table.h"
#include "cli/cli_print.h"
#include "codec/yaml.h"
#include "policy/constraint.h"
#include "policy/policy.h"

/* ---- put, list, delete ----------------------------------------------------------------------- */

static capsa_result put(struct capsa_cli *cli, capsa_cli_link *link, const char *scope,
                        const struct capsa_json *policy, struct capsa_json *done)
{
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link->party.id},
                                                               {"scope", scope},
                                                               {NULL, NULL}},
                               &request));
    CAPSA_TRY(capsa_json_set(request, "policy", capsa_json_copy(policy)));
    CAPSA_TRY(
        capsa_cli_call(link, CAPSA_CLIENT_CREATE_DATA_POLICY, capsa_cli_hand(&request), NULL));
    const char *uuid = capsa_json_string(capsa_json_get(policy, "data_uuid"));
    uuid = uuid == NULL ? "" : uuid;
    size_t rules = capsa_json_count(capsa_json_get(policy, "rules"));
    capsa_cli_say(cli, "put the policy of %s (scope %s): %zu rule%s\n", uuid, scope, rules,
                  rules == 1 ? "" : "s");
    struct capsa_json *entry;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){{"data_uuid", uuid}, {"scope", scope}, {NULL, NULL}},
        &entry));
    return capsa_json_push(done, entry);
}

/* The index-th policy of a file. In one of several, errors say which. */
static capsa_result take(struct capsa_cli *cli, const struct capsa_json *document, size_t index,
                         const char **ret_scope, struct capsa_json **ret_policy)
{
    const char *path = cli->words[0];
    capsa_result result = capsa_cli_policy_of(cli, document, index, ret_scope, ret_policy);
    if (capsa_failed(result) && capsa_json_get(document, "policies") != NULL) {
        CAPSA_TRY_AT(result, "%s: policies[%zu]", path, index);
    }
    CAPSA_TRY_AT(result, "%s", path);
    return CAPSA_OK;
}

/* All are checked before one is put. */
static capsa_result run_put(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_cli_read_document(cli->words[0], &document));
    size_t count = capsa_cli_policies_count(document);
    CAPSA_REQUIRE(count > 0, MALFORMED, "%s: policies is empty", cli->words[0]);
    CAPSA_REQUIRE(count == 1 || capsa_cli_option(cli, "if-version") == NULL, USAGE,
                  "--if-version is the version of one policy, and %s holds %zu", cli->words[0],
                  count);
    const char *scope;
    for (size_t i = 0; i < count; i++) {
        CAPSA_AUTO_FREE(capsa_json) policy = NULL;
        CAPSA_TRY(take(cli, document, i, &scope, &policy));
        CAPSA_TRY_AT(capsa_cli_policy_check(cli, policy), "%s", cli->words[0]);
    }
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_AUTO_FREE(capsa_json) done = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(done);
    for (size_t i = 0; i < count; i++) {
        CAPSA_AUTO_FREE(capsa_json) policy = NULL;
        CAPSA_TRY(take(cli, document, i, &scope, &policy));
        CAPSA_TRY(put(cli, &link, scope, policy, done));
    }
    return capsa_cli_set(cli, "policies", capsa_cli_hand(&done));
}

/* The message as the value that a policy file holds. */
static capsa_result policy_value(const Cm__Policy *policy, struct capsa_json **ret_value)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_protojson_write(&policy->base, CAPSA_PROTOJSON_MINIMAL, &text));
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(capsa_json_parse(capsa_buf_bytes(&text), &value));
    if (policy->version > 0) { /* a number, and not the text that protobuf makes of a long one */
        CAPSA_TRY(capsa_json_set(value, "version", capsa_json_new_int(policy->version)));
    }
    *ret_value = value;
    value = NULL;
    return CAPSA_OK;
}

/* Such that it can be put back as it is, also with -o json. */
static capsa_result print_policies(struct capsa_cli *cli)
{
    if (cli->json) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(64));
    CAPSA_TRY(capsa_yaml_write(cli->answer, &text));
    capsa_cli_print(cli, capsa_buf_bytes(&text));
    return CAPSA_OK;
}

static capsa_result run_list(struct capsa_cli *cli)
{
    const char *scope = capsa_cli_scope(cli);
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_AUTO_MESSAGE message = NULL;
    const Cm__ListDataPolicyResponse *answer = NULL;
    CAPSA_TRY(capsa_cli_own_policies(&link, scope, &message, &answer));
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < answer->n_policies; i++) {
        struct capsa_json *policy;
        CAPSA_TRY(policy_value(answer->policies[i], &policy));
        CAPSA_TRY(capsa_json_push(list, policy));
    }
    CAPSA_TRY(capsa_cli_set_text(cli, "scope", scope));
    CAPSA_TRY(capsa_cli_set(cli, "policies", capsa_cli_hand(&list)));
    if (answer->n_policies == 0) {
        capsa_cli_say(cli, "no policies of yours in scope %s\n", scope);
        return CAPSA_OK;
    }
    return print_policies(cli);
}

static capsa_result run_delete(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_TRY(capsa_cli_own_check(&link, capsa_cli_scope(cli), cli->words[0], NULL));
    struct capsa_json *request;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                                               {"scope", capsa_cli_scope(cli)},
                                                               {"data_uuid", cli->words[0]},
                                                               {NULL, NULL}},
                               &request));
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_DELETE_DATA_POLICY, request, NULL));
    capsa_cli_say(cli, "there is no policy of %s (scope %s) any more\n", cli->words[0],
                  capsa_cli_scope(cli));
    return CAPSA_OK;
}

/* ---- lint ------------------------------------------------------------------------------------ */

struct findings {
    struct capsa_cli *cli;
    struct capsa_json *list; /* for -o json */
    const char *uuid;        /* whose policy; NULL: there is but one */
    size_t errors;
    size_t warnings;
};

static capsa_result add_finding(void *context, const struct capsa_lint_finding *finding)
{
    struct findings *findings = context;
    bool error = finding->level == CAPSA_LINT_ERROR;
    findings->errors += error;
    findings->warnings += !error;
    const char *level = error ? "error" : "warning";
    const char *uuid = findings->uuid == NULL ? "" : findings->uuid;
    capsa_cli_say(findings->cli, "%s: %s%s%s: %s [%s]\n", level, uuid, *uuid == '\0' ? "" : ": ",
                  finding->where, finding->message, finding->name);
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"level", level},
                                                               {"name", finding->name},
                                                               {"where", finding->where},
                                                               {"message", finding->message},
                                                               {NULL, NULL}},
                               &value));
    if (*uuid != '\0') {
        CAPSA_TRY(capsa_json_set(value, "data_uuid", capsa_json_new_string(uuid)));
    }
    return capsa_json_push(findings->list, capsa_cli_hand(&value));
}

static capsa_result lint(struct capsa_cli *cli, const struct capsa_json *document, size_t index,
                         struct findings *findings)
{
    CAPSA_AUTO_FREE(capsa_json) policy = NULL;
    CAPSA_TRY(take(cli, document, index, NULL, &policy));
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY_AT(capsa_cli_policy_message(policy, &message), "%s", cli->words[0]);
    const Cm__Policy *typed = (const Cm__Policy *)(const void *)message;
    findings->uuid = capsa_cli_policies_count(document) > 1 ? typed->data_uuid : NULL;
    return capsa_policy_lint(typed, add_finding, findings);
}

static capsa_result run_lint(struct capsa_cli *cli)
{
    const char *path = cli->words[0];
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &document));
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    struct findings findings = {.cli = cli, .list = list};
    size_t count = capsa_cli_policies_count(document);
    CAPSA_REQUIRE(count > 0, MALFORMED, "%s: policies is empty", path);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(lint(cli, document, i, &findings));
    }
    capsa_cli_say(cli, "%s: %zu error%s, %zu warning%s\n", path, findings.errors,
                  findings.errors == 1 ? "" : "s", findings.warnings,
                  findings.warnings == 1 ? "" : "s");
    cli->exit = findings.errors == 0 ? 0 : capsa_code_exit(CAPSA_E_MALFORMED);
    return capsa_cli_set(cli, "findings", capsa_cli_hand(&list));
}

/* ---- eval ------------------------------------------------------------------------------------ */

static capsa_result evaluate(const char *path, const char *expression, bool *ret_truth)
{
    CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
    CAPSA_TRY(capsa_constraint_compile(expression, &constraint));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_file_read(path, &text));
    CAPSA_AUTO_FREE(capsa_json) r = NULL;
    CAPSA_TRY_AT(capsa_json_parse(capsa_buf_bytes(&text), &r), "%s", path);
    return capsa_constraint_eval(constraint, r, ret_truth);
}

/* Three outcomes, each with its own exit status; whatever goes wrong is the third. */
static capsa_result run_eval(struct capsa_cli *cli)
{
    bool truth = false;
    capsa_result result = evaluate(capsa_cli_option(cli, "request"), cli->words[0], &truth);
    if (capsa_failed(result)) {
        cli->exit = capsa_code_exit(CAPSA_E_USAGE);
        capsa_cli_say(cli, "error: %s\n", capsa_text_of(result));
        return capsa_cli_set_text(cli, "error", capsa_text_of(result));
    }
    cli->exit = truth ? 0 : capsa_code_exit(CAPSA_E_DENIED);
    capsa_cli_say(cli, "%s\n", truth ? "true" : "false");
    return capsa_cli_set(cli, "result", capsa_json_new_bool(truth));
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option scope_options[] = {
    {"scope", "SCOPE", "the scope of the policy; default", 0},
    {.name = NULL},
};

static const struct capsa_cli_option delete_options[] = {
    {"scope", "SCOPE", "the scope of the policy; default", 0},
    CAPSA_CLI_IF_VERSION,
    {.name = NULL},
};

static const struct capsa_cli_option put_options[] = {
    {"scope", "SCOPE", "wins over the scope in the file", 0},
    CAPSA_CLI_IF_VERSION,
    {.name = NULL},
};

static const struct capsa_cli_option eval_options[] = {
    {"request", "R.json", "the object r that the expression speaks of", CAPSA_CLI_NEEDED},
    {.name = NULL},
};

#define SIGNED_CALL (CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS)

static const struct capsa_cli_verb verbs[] = {
    {"put", "FILE",
     "Set the policy of a uuid, or those that capsa policy list prints, in the place of what was "
     "there. Checked before it is sent.",
     1, 1, SIGNED_CALL, put_options, run_put},
    {"list", "", "Show one's own policies of a scope, as a file that can be put again.", 0, 0,
     SIGNED_CALL, scope_options, run_list},
    {"delete", "UUID",
     "Remove one's own policy of a uuid: nobody gets its key any more. One that is not there is "
     "refused.",
     1, 1, SIGNED_CALL, delete_options, run_delete},
    {"explain", "ID",
     "Show the owner what a decision on his data was, who asked for what, and which clause of his "
     "policy it failed at; proven by the manager's log.",
     1, 1, SIGNED_CALL, NULL, capsa_cli_run_explain},
    {"lint", "FILE",
     "Say what is wrong with a policy (or several), or most likely not meant. Status 1 when it has "
     "errors.",
     1, 1, 0, NULL, run_lint},
    {"test", "FILE...",
     "Judge the cases of tables as a manager would, and compare with what they expect. Status 2 "
     "when one fails.",
     1, CAPSA_CLI_MANY, 0, NULL, capsa_cli_policy_test},
    {"eval", "[--] EXPR",
     "Evaluate a constraint: prints true, false, or error: and the reason; status 0, 2, 1.", 1, 1,
     CAPSA_CLI_LITERAL, eval_options, run_eval},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_policy = {
    "policy", NULL, "policies: who may do what with which columns", verbs, NULL};
