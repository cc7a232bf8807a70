/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa result: a job stores what it computed, under the control of all whose data it used.
 */
#include "base/limits.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_policy_file.h"
#include "cli/cli_print.h"

static capsa_result make_body(const struct capsa_cli *cli, struct capsa_json **ret_body)
{
    CAPSA_AUTO(capsa_buf) base64 = capsa_buf_of(CAPSA_CLI_KEY_TEXT);
    CAPSA_TRY(capsa_cli_read_data_key_text(capsa_cli_option(cli, "data-key"), &base64));
    const char *key;
    CAPSA_TRY(capsa_buf_cstr(&base64, &key));
    const char *scope = capsa_cli_option(cli, "scope");
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){{"resource_uri", cli->words[0]},
                                        {"scope", scope == NULL ? CAPSA_CLI_SCOPE : scope},
                                        {"data_key_b64", key},
                                        {NULL, NULL}},
        &body));
    CAPSA_AUTO_FREE(capsa_json) ancestors = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(ancestors);
    for (size_t i = 0; i < capsa_cli_option_count(cli, "ancestor"); i++) {
        CAPSA_TRY(
            capsa_cli_push_text(ancestors, "--ancestor", capsa_cli_option_nth(cli, "ancestor", i)));
    }
    CAPSA_TRY(capsa_json_set(body, "ancestor_uuids", capsa_cli_hand(&ancestors)));
    *ret_body = body;
    body = NULL;
    return CAPSA_OK;
}

static capsa_result run_register(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    CAPSA_TRY(make_body(cli, &body));
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_AUTO_FREE(capsa_json) request = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(request);
    CAPSA_TRY(capsa_json_set(request, "body", capsa_cli_hand(&body)));
    CAPSA_TRY(
        capsa_cli_call(&link, CAPSA_CLIENT_CREATE_RESULT_DATA_KEY, capsa_cli_hand(&request), NULL));
    capsa_cli_say(cli, "registered %s as a result of", cli->words[0]);
    for (size_t i = 0; i < capsa_cli_option_count(cli, "ancestor"); i++) {
        capsa_cli_say(cli, "%s %s", i == 0 ? "" : ",", capsa_cli_option_nth(cli, "ancestor", i));
    }
    capsa_cli_say(cli, "\n");
    return capsa_cli_set_text(cli, "registered", cli->words[0]);
}

static const struct capsa_cli_option register_options[] = {
    {"data-key", "FILE", "the result's data key", CAPSA_CLI_NEEDED},
    {"ancestor", "UUID", "data that it was computed from", CAPSA_CLI_NEEDED | CAPSA_CLI_REPEAT},
    {"scope", "SCOPE", "as in the job's requests; default", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"register", "URI",
     "Give the key of a result to the manager. Every ancestor must have been released to this very "
     "key before; from then on all their owners decide.",
     1, 1, CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS | CAPSA_CLI_ATTESTS, register_options, run_register},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_result = {"result", NULL,
                                                     "what a job computed: register", verbs, NULL};
