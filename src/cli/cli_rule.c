/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa rule: add a rule to a policy, take one away.
 */
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_owned.h"
#include "cli/cli_policy_file.h"
#include "cli/cli_print.h"

/* ---- a rule of options ----------------------------------------------------------------------- */

/* All values of an option, each split at commas if `split`. */
static capsa_result push_all(const struct capsa_cli *cli, const char *name, bool split,
                             struct capsa_json *array)
{
    for (size_t i = 0; i < capsa_cli_option_count(cli, name); i++) {
        const char *value = capsa_cli_option_nth(cli, name, i);
        CAPSA_TRY(split ? capsa_cli_push_parts(array, name, value)
                        : capsa_cli_push_text(array, name, value));
    }
    return CAPSA_OK;
}

/* --grantee ID, and --grantee-cert FILE, whose party id is meant. */
static capsa_result add_grantees(const struct capsa_cli *cli, struct capsa_json *rule)
{
    CAPSA_AUTO_FREE(capsa_json) ids = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(ids);
    CAPSA_TRY(push_all(cli, "grantee", true, ids));
    for (size_t i = 0; i < capsa_cli_option_count(cli, "grantee-cert"); i++) {
        const char *const paths[] = {capsa_cli_option_nth(cli, "grantee-cert", i), NULL};
        CAPSA_AUTO(capsa_party) party = {.key = NULL};
        CAPSA_TRY(capsa_party_load_chain(&party, paths));
        CAPSA_TRY(capsa_json_push(ids, capsa_json_new_string(party.id)));
    }
    CAPSA_REQUIRE(capsa_json_count(ids) > 0, USAGE,
                  "whom does the rule let in? --grantee ID or --grantee-cert FILE");
    return capsa_json_set(rule, "grantee_party_ids", capsa_cli_hand(&ids));
}

static capsa_result add_operations(const struct capsa_cli *cli, struct capsa_json *rule)
{
    CAPSA_REQUIRE(capsa_cli_option_count(cli, "op") > 0, USAGE,
                  "what for? --op NAME, or --op '*' for any operation");
    CAPSA_AUTO_FREE(capsa_json) entries = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(entries);
    for (size_t i = 0; i < capsa_cli_option_count(cli, "op"); i++) {
        struct capsa_json *entry;
        CAPSA_TRY(capsa_cli_object(
            (const struct capsa_cli_pair[]){{"op_name", capsa_cli_option_nth(cli, "op", i)},
                                            {NULL, NULL}},
            &entry));
        CAPSA_TRY(capsa_json_push(entries, entry));
    }
    return capsa_json_set(rule, "op_constraints", capsa_cli_hand(&entries));
}

static capsa_result add_list(const struct capsa_cli *cli, const char *option, bool split,
                             const char *member, struct capsa_json *rule)
{
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    CAPSA_TRY(push_all(cli, option, split, list));
    return capsa_json_set(rule, member, capsa_cli_hand(&list));
}

static capsa_result rule_of_options(const struct capsa_cli *cli, struct capsa_json **ret_rule)
{
    const char *id = capsa_cli_option(cli, "id");
    CAPSA_REQUIRE(id != NULL && *id != '\0', USAGE,
                  "a rule has a name: --id RULE_ID (or give the rule as a FILE)");
    CAPSA_REQUIRE(capsa_cli_option_count(cli, "columns") > 0, USAGE,
                  "which columns? --columns A,B, or --columns '*' for the whole resource");
    CAPSA_AUTO_FREE(capsa_json) rule = NULL;
    CAPSA_TRY(
        capsa_cli_object((const struct capsa_cli_pair[]){{"rule_id", id}, {NULL, NULL}}, &rule));
    CAPSA_TRY(add_grantees(cli, rule));
    CAPSA_TRY(add_operations(cli, rule));
    CAPSA_TRY(add_list(cli, "columns", true, "columns", rule));
    CAPSA_TRY(add_list(cli, "constraint", false, "global_constraints", rule));
    *ret_rule = rule;
    rule = NULL;
    return CAPSA_OK;
}

/* ---- a rule of a file ------------------------------------------------------------------------ */

static capsa_result rule_of_file(const struct capsa_cli *cli, const char *path,
                                 struct capsa_json **ret_rule)
{
    static const char *const others[] = {"id", "grantee", "grantee-cert",
                                         "op", "columns", "constraint"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CAPSA_REQUIRE(capsa_cli_option_count(cli, others[i]) == 0, USAGE,
                      "the rule is the file's: --%s does not go with it", others[i]);
    }
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &document));
    CAPSA_REQUIRE(capsa_json_kind_of(document) == CAPSA_JSON_OBJECT, MALFORMED,
                  "%s: a rule is an object, not %s", path,
                  capsa_json_kind_name(capsa_json_kind_of(document)));
    return capsa_cli_without_nulls(document, ret_rule);
}

/* As a policy of one rule: what lint and the manager's own check would say. */
static capsa_result check_rule(struct capsa_cli *cli, const char *uuid,
                               const struct capsa_json *rule)
{
    CAPSA_AUTO_FREE(capsa_json) policy = NULL;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"data_uuid", uuid}, {NULL, NULL}},
                               &policy));
    CAPSA_AUTO_FREE(capsa_json) rules = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(rules);
    CAPSA_TRY(capsa_json_push(rules, capsa_json_copy(rule)));
    CAPSA_TRY(capsa_json_set(policy, "rules", capsa_cli_hand(&rules)));
    return capsa_cli_policy_check(cli, policy);
}

/* ---- verbs ----------------------------------------------------------------------------------- */

static capsa_result run_add(struct capsa_cli *cli)
{
    const char *uuid = cli->words[0];
    CAPSA_AUTO_FREE(capsa_json) rule = NULL;
    CAPSA_TRY(cli->words_count > 1 ? rule_of_file(cli, cli->words[1], &rule)
                                   : rule_of_options(cli, &rule));
    CAPSA_TRY(check_rule(cli, uuid, rule));
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                                               {"data_uuid", uuid},
                                                               {"scope", capsa_cli_scope(cli)},
                                                               {NULL, NULL}},
                               &request));
    CAPSA_TRY(capsa_json_set(request, "rule", capsa_json_copy(rule)));
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_ADD_DATA_RULE, capsa_cli_hand(&request), NULL));
    const char *id = capsa_json_string(capsa_json_get(rule, "rule_id"));
    capsa_cli_say(cli, "added rule %s to the policy of %s (scope %s)\n",
                  id == NULL ? "(named by the manager)" : id, uuid, capsa_cli_scope(cli));
    return capsa_cli_set_text(cli, "rule_id", id == NULL ? "" : id);
}

static capsa_result run_delete(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_TRY(capsa_cli_own_check(&link, capsa_cli_scope(cli), cli->words[0], cli->words[1]));
    struct capsa_json *request;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                                               {"scope", capsa_cli_scope(cli)},
                                                               {"data_uuid", cli->words[0]},
                                                               {"rule_id", cli->words[1]},
                                                               {NULL, NULL}},
                               &request));
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_DELETE_DATA_RULE, request, NULL));
    capsa_cli_say(cli, "there is no rule %s in the policy of %s (scope %s) any more\n",
                  cli->words[1], cli->words[0], capsa_cli_scope(cli));
    return CAPSA_OK;
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option add_options[] = {
    {"id", "RULE_ID", "the rule's name", 0},
    {"grantee", "ID,ID", "who: party ids", CAPSA_CLI_REPEAT},
    {"grantee-cert", "FILE", "who: the party of this certificate", CAPSA_CLI_REPEAT},
    {"op", "NAME", "what for: an operation, or *", CAPSA_CLI_REPEAT},
    {"columns", "A,B", "which columns, or *", CAPSA_CLI_REPEAT},
    {"constraint", "EXPR", "what must hold, too", CAPSA_CLI_REPEAT},
    {"scope", "SCOPE", "the scope of the policy; default", 0},
    CAPSA_CLI_IF_VERSION,
    {.name = NULL},
};

static const struct capsa_cli_option delete_options[] = {
    {"scope", "SCOPE", "the scope of the policy; default", 0},
    CAPSA_CLI_IF_VERSION,
    {.name = NULL},
};

#define SIGNED_CALL (CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS)

static const struct capsa_cli_verb verbs[] = {
    {"add", "UUID FILE|--id RULE_ID ...",
     "Add a rule to a policy: of a file (YAML or JSON), or of --id, --grantee, --op, --columns and "
     "--constraint.",
     1, 2, SIGNED_CALL, add_options, run_add},
    {"delete", "UUID RULE_ID", "Take a rule away. One that is not there is refused.", 2, 2,
     SIGNED_CALL, delete_options, run_delete},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_rule = {"rule", NULL, "rules of a policy: add, delete",
                                                   verbs, NULL};
