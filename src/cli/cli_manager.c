/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa manager: who answers at the other end, and which managers are remembered.
 */
#include "base/limits.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "client/client_audit.h"

static capsa_result run_cert(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_look(cli, &link));
    const struct capsa_cert *cert;
    CAPSA_TRY(capsa_cli_manager(&link, &cert));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_cert_write_pem(cert, &pem));
    const char *out = capsa_cli_option(cli, "out");
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&pem, &text));
    if (out != NULL) {
        CAPSA_TRY(capsa_cli_write_public(cli, out, capsa_buf_bytes(&pem)));
        capsa_cli_say(cli, "wrote the manager's certificate to %s\n", out);
    } else if (!cli->json) {
        capsa_cli_print(cli, capsa_buf_bytes(&pem));
    }
    return capsa_cli_set_text(cli, "cert", text);
}

/* ---- show ------------------------------------------------------------------------------------ */

static capsa_result show_cert(struct capsa_cli *cli, const struct capsa_cert *cert)
{
    char id[CAPSA_PARTY_ID];
    CAPSA_TRY(capsa_cert_party_id(cert, id));
    capsa_time from;
    capsa_time to;
    char from_text[CAPSA_TIME_TEXT];
    char to_text[CAPSA_TIME_TEXT];
    capsa_cert_validity(cert, &from, &to);
    capsa_time_text(from, from_text);
    capsa_time_text(to, to_text);
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_public_key_write(capsa_cert_key(cert), &pem));
    const char *key;
    CAPSA_TRY(capsa_buf_cstr(&pem, &key));
    capsa_cli_say(cli, "party id     %s\nvalid        %s to %s\n", id, from_text, to_text);
    CAPSA_TRY(capsa_cli_set_text(cli, "party_id", id));
    CAPSA_TRY(capsa_cli_set_text(cli, "not_before", from_text));
    CAPSA_TRY(capsa_cli_set_text(cli, "not_after", to_text));
    return capsa_cli_set_text(cli, "public_key", key);
}

static capsa_result show_key(struct capsa_cli *cli, const Native__ManagerInfo__EnvelopeKey *key,
                             struct capsa_json *list)
{
    char ends[CAPSA_TIME_TEXT];
    capsa_time_text(key->not_after, ends);
    capsa_cli_say(cli, "key          %s %s until %s\n", key->kid, key->alg, ends);
    struct capsa_json *entry;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){
            {"kid", key->kid}, {"alg", key->alg}, {"not_after", ends}, {NULL, NULL}},
        &entry));
    return capsa_json_push(list, entry);
}

static capsa_result show_keys(struct capsa_cli *cli, const capsa_manager *manager)
{
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < manager->info->n_keys; i++) {
        CAPSA_TRY(show_key(cli, manager->info->keys[i], list));
    }
    return capsa_cli_set(cli, "keys", capsa_cli_hand(&list));
}

static capsa_result show_insecure(struct capsa_cli *cli, const Native__Genesis *genesis)
{
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < genesis->n_insecure; i++) {
        capsa_cli_say(cli, "insecure     it may run with %s\n", genesis->insecure[i]);
        CAPSA_TRY(capsa_json_push(list, capsa_json_new_string(genesis->insecure[i])));
    }
    return capsa_cli_set(cli, "insecure", capsa_cli_hand(&list));
}

struct known_id {
    const char *id;
    bool found;
};

static capsa_result is_known(void *context, const struct capsa_known *known)
{
    struct known_id *wanted = context;
    wanted->found = wanted->found || capsa_streq(known->id, wanted->id);
    return CAPSA_OK;
}

/* By what this manager is known to be the one that is wanted. */
static capsa_result find_proof(const struct capsa_cli *cli, const capsa_manager *manager,
                               const char **ret_proof)
{
    *ret_proof = "by nothing: compare the manager id with what its operator says";
    if (capsa_cli_option(cli, "manager-id") != NULL) {
        *ret_proof = "by --manager-id";
        return CAPSA_OK;
    }
    if (capsa_cli_option(cli, "manager-policy") != NULL) { /* else it would have been refused */
        *ret_proof = "by evidence that --manager-policy accepts";
        return CAPSA_OK;
    }
    struct capsa_client_memory memory;
    struct known_id known = {manager->id, false};
    if (capsa_cli_memory(cli, &memory)) {
        CAPSA_TRY(capsa_memory_walk(&memory, is_known, &known));
    }
    *ret_proof = known.found ? "known from before (capsa manager list)" : *ret_proof;
    return CAPSA_OK;
}

static capsa_result show_log(struct capsa_cli *cli, capsa_cli_link *link)
{
    struct capsa_checkpoint checkpoint;
    CAPSA_TRY(capsa_client_checkpoint(link->client, NULL, &checkpoint));
    capsa_cli_say(cli, "log          %llu entries\n", (unsigned long long)checkpoint.size);
    return capsa_cli_set(cli, "log_size", capsa_json_new_int((int64_t)checkpoint.size));
}

static capsa_result show_identity(struct capsa_cli *cli, const capsa_manager *manager)
{
    const char *proof;
    CAPSA_TRY(find_proof(cli, manager, &proof));
    char began[CAPSA_TIME_TEXT];
    capsa_time_text(manager->genesis->created_at, began);
    capsa_cli_say(cli,
                  "manager id   %s\nmode         %s\nproven       %s\nanchor       %s\n"
                  "began        %s\n",
                  manager->id, manager->genesis->mode, proof, manager->info->anchor, began);
    CAPSA_TRY(capsa_cli_set_text(cli, "manager_id", manager->id));
    CAPSA_TRY(capsa_cli_set_text(cli, "mode", manager->genesis->mode));
    CAPSA_TRY(capsa_cli_set_text(cli, "anchor", manager->info->anchor));
    CAPSA_TRY(capsa_cli_set_text(cli, "created_at", began));
    CAPSA_TRY(show_insecure(cli, manager->genesis));
    return show_keys(cli, manager);
}

static capsa_result run_show(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_look(cli, &link));
    const struct capsa_cert *cert;
    CAPSA_TRY(capsa_cli_manager(&link, &cert));
    const capsa_manager *manager;
    CAPSA_TRY(capsa_client_identity(link.client, &manager));
    CAPSA_REQUIRE(
        manager != NULL || capsa_cli_is_original(cli), UNSUPPORTED,
        "the manager does not speak the native protocol; --original speaks the other one");
    if (manager != NULL) {
        CAPSA_TRY(show_identity(cli, manager));
        CAPSA_TRY(show_log(cli, &link));
    }
    return show_cert(cli, cert);
}

/* ---- list, forget ---------------------------------------------------------------------------- */

static capsa_result need_memory(const struct capsa_cli *cli, struct capsa_client_memory *ret_memory)
{
    CAPSA_REQUIRE(capsa_cli_memory(cli, ret_memory), USAGE,
                  "managers are remembered in $XDG_CONFIG_HOME/capsa or $HOME/.config/capsa, and "
                  "neither variable is set");
    return CAPSA_OK;
}

struct listing {
    struct capsa_cli *cli;
    struct capsa_json *list;
};

static capsa_result list_one(void *context, const struct capsa_known *known)
{
    struct listing *listing = context;
    capsa_cli_say(listing->cli, "%s %s %s\n", known->address, known->id, known->mode);
    struct capsa_json *entry;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"address", known->address},
                                                               {"manager_id", known->id},
                                                               {"mode", known->mode},
                                                               {NULL, NULL}},
                               &entry));
    return capsa_json_push(listing->list, entry);
}

static capsa_result run_list(struct capsa_cli *cli)
{
    struct capsa_client_memory memory;
    CAPSA_TRY(need_memory(cli, &memory));
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    struct listing listing = {cli, list};
    CAPSA_TRY(capsa_memory_walk(&memory, list_one, &listing));
    if (capsa_json_count(list) == 0) {
        capsa_cli_say(cli, "no manager is known yet\n");
    }
    return capsa_cli_set(cli, "managers", capsa_cli_hand(&list));
}

static capsa_result run_forget(struct capsa_cli *cli)
{
    struct capsa_client_memory memory;
    CAPSA_TRY(need_memory(cli, &memory));
    struct capsa_known known;
    CAPSA_TRY(capsa_memory_forget(&memory, cli->words[0], &known));
    capsa_cli_say(cli, "forgot manager %s at %s, and what its log was like\n", known.id,
                  known.address);
    return capsa_cli_set_text(cli, "manager_id", known.id);
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option cert_options[] = {
    {"out", "FILE", "write it to a file, to be used as --manager-cert", 0},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"cert", "", "Print the manager's certificate.", 0, 0, CAPSA_CLI_SERVER, cert_options,
     run_cert},
    {"show", "",
     "Print who the manager is: id, mode, anchor, envelope keys and their ends, the size of its "
     "log; and its certificate's key.",
     0, 0, CAPSA_CLI_SERVER, NULL, run_show},
    {"list", "", "Print the managers that are known, with their addresses.", 0, 0, 0, NULL,
     run_list},
    {"forget", "HOST:PORT",
     "Forget which manager was at an address, and its last checkpoint: the next one met there is "
     "taken for new.",
     1, 1, 0, NULL, run_forget},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_manager = {"manager", NULL,
                                                      "who answers at the other end", verbs, NULL};
