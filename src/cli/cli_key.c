/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa key: make data keys, give them to the manager and get them back. Keys go from file to file
 * and never through an argument or onto a terminal that did not ask.
 */
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_release.h"
#include "codec/protobuf.h"

/* ---- new ------------------------------------------------------------------------------------- */

static capsa_result run_new(struct capsa_cli *cli)
{
    int64_t bits;
    CAPSA_TRY(capsa_cli_number(cli, "bits", 0, 4096, 256, &bits));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_cli_new_data_key(bits, &text));
    CAPSA_TRY(capsa_buf_u8(&text, '\n'));
    const char *path = capsa_cli_option(cli, "out");
    CAPSA_TRY(capsa_cli_write_secret(cli, path, capsa_buf_bytes(&text)));
    if (!capsa_streq(path, "-")) {
        capsa_cli_say(cli, "wrote a data key of %lld bits to %s\n", (long long)bits, path);
    }
    return capsa_cli_set_text(cli, "key_file", path);
}

/* ---- register -------------------------------------------------------------------------------- */

static capsa_result push_key(struct capsa_json *keys, const char *uri, const char *path)
{
    CAPSA_AUTO(capsa_buf) base64 = capsa_buf_of(CAPSA_CLI_KEY_TEXT);
    CAPSA_TRY(capsa_cli_read_data_key_text(path, &base64));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&base64, &text));
    struct capsa_json *key;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"resource_uri", uri},
                                                               {"data_key_b64", text},
                                                               {NULL, NULL}},
                               &key));
    return capsa_json_push(keys, key);
}

static capsa_result keys_of_words(const struct capsa_cli *cli, struct capsa_json **ret_keys)
{
    CAPSA_REQUIRE(cli->words_count == capsa_cli_option_count(cli, "data-key"), USAGE,
                  "every URI wants a --data-key FILE, in the same order: %zu URIs, %zu files",
                  cli->words_count, capsa_cli_option_count(cli, "data-key"));
    CAPSA_REQUIRE(cli->words_count > 0, USAGE,
                  "what is to be registered? use: capsa key register URI --data-key FILE");
    CAPSA_AUTO_FREE(capsa_json) keys = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(keys);
    for (size_t i = 0; i < cli->words_count; i++) {
        CAPSA_TRY(push_key(keys, cli->words[i], capsa_cli_option_nth(cli, "data-key", i)));
    }
    *ret_keys = keys;
    keys = NULL;
    return CAPSA_OK;
}

/* data_keys: [{resource_uri, data_key_b64}], as in the section of cms. */
static capsa_result keys_of_file(const struct capsa_cli *cli, const char *path,
                                 struct capsa_json **ret_keys)
{
    CAPSA_REQUIRE(cli->words_count == 0 && capsa_cli_option(cli, "data-key") == NULL, USAGE,
                  "--from names the URIs and keys; nothing else can");
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &document));
    const struct capsa_json *section = capsa_json_get(document, "register_data_keys");
    const struct capsa_json *keys =
        capsa_json_get(section == NULL ? document : section, "data_keys");
    CAPSA_REQUIRE(keys != NULL && capsa_json_count(keys) > 0, MALFORMED, "%s: data_keys is missing",
                  path);
    *ret_keys = capsa_json_copy(keys);
    CAPSA_REQUIRE_MEMORY(*ret_keys);
    return CAPSA_OK;
}

static capsa_result name_keys(struct capsa_cli *cli, const struct capsa_json *keys)
{
    CAPSA_AUTO_FREE(capsa_json) uris = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(uris);
    for (size_t i = 0; i < capsa_json_count(keys); i++) {
        const char *uri = capsa_json_string(capsa_json_get(capsa_json_at(keys, i), "resource_uri"));
        uri = uri == NULL ? "" : uri;
        capsa_cli_say(cli, "registered the key of %s\n", uri);
        CAPSA_TRY(capsa_json_push(uris, capsa_json_new_string(uri)));
    }
    return capsa_cli_set(cli, "registered", capsa_cli_hand(&uris));
}

static capsa_result run_register(struct capsa_cli *cli)
{
    const char *from = capsa_cli_option(cli, "from");
    CAPSA_AUTO_FREE(capsa_json) keys = NULL;
    CAPSA_TRY(from == NULL ? keys_of_words(cli, &keys) : keys_of_file(cli, from, &keys));
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){{"owner_party_id", link.party.id}, {NULL, NULL}},
        &request));
    CAPSA_TRY(capsa_json_set(request, "data_keys", capsa_json_copy(keys)));
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_CREATE_DATA_KEYS, capsa_cli_hand(&request), NULL));
    return name_keys(cli, keys);
}

/* ---- export, delete -------------------------------------------------------------------------- */

static capsa_result write_exported(struct capsa_cli *cli, const char *uri,
                                   const ProtobufCMessage *message)
{
    const Cm__GetExportDataKeyResponse *answer =
        (const Cm__GetExportDataKeyResponse *)(const void *)message;
    CAPSA_REQUIRE(answer->data_key != NULL && capsa_streq(answer->data_key->resource_uri, uri),
                  MALFORMED, "the manager answered with the key of something else");
    const char *path = capsa_cli_option(cli, "out");
    CAPSA_TRY(capsa_cli_write_key(cli, path, answer->data_key->data_key_b64));
    if (!capsa_streq(path, "-")) {
        capsa_cli_say(cli, "exported the key of %s to %s\n", uri, path);
    }
    return capsa_cli_set_text(cli, "key_file", path);
}

static capsa_result run_export(struct capsa_cli *cli)
{
    const char *uri = cli->words[0];
    CAPSA_TRY(capsa_cli_check_room(cli, capsa_cli_option(cli, "out")));
    CAPSA_AUTO_FREE(capsa_json) votes = NULL;
    CAPSA_TRY(capsa_cli_read_document(capsa_cli_option(cli, "votes"), &votes));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    CAPSA_TRY(capsa_json_write(votes, CAPSA_JSON_PYTHON, &text));
    const char *certificate;
    CAPSA_TRY(capsa_buf_cstr(&text, &certificate));
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    struct capsa_json *request;
    CAPSA_TRY(
        capsa_cli_object((const struct capsa_cli_pair[]){{"request_party_id", link.party.id},
                                                         {"resource_uri", uri},
                                                         {"data_export_certificate", certificate},
                                                         {NULL, NULL}},
                         &request));
    CAPSA_AUTO_MESSAGE answer = NULL;
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_GET_EXPORT_DATA_KEY, request, &answer));
    return write_exported(cli, uri, answer);
}

static capsa_result run_delete(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    for (size_t i = 0; i < cli->words_count; i++) {
        struct capsa_json *request;
        CAPSA_TRY(capsa_cli_object(
            (const struct capsa_cli_pair[]){
                {"owner_party_id", link.party.id}, {"resource_uri", cli->words[i]}, {NULL, NULL}},
            &request));
        CAPSA_TRY_AT(capsa_cli_call(&link, CAPSA_CLIENT_DELETE_DATA_KEY, request, NULL), "%s",
                     cli->words[i]);
        capsa_cli_say(cli, "deleted the key of %s\n", cli->words[i]);
    }
    return CAPSA_OK;
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option new_options[] = {
    {"out", "FILE", "where to write it; - is standard output", CAPSA_CLI_NEEDED},
    {"bits", "128|192|256", "its size; 256", 0},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_option register_options[] = {
    {"data-key", "FILE", "the key of the URI at the same place", CAPSA_CLI_REPEAT},
    {"from", "FILE", "instead: YAML or JSON with data_keys: [{resource_uri, data_key_b64}]", 0},
    {.name = NULL},
};

static const struct capsa_cli_option get_options[] = {
    {"out", "FILE|DIR", "where to write: a file for one URI, a folder for several",
     CAPSA_CLI_NEEDED},
    {"op", "NAME", "the operation that the keys are for", 0},
    {"columns", "A,B", "columns wanted: once for all URIs, or once for each in their order",
     CAPSA_CLI_REPEAT},
    {"scope", "SCOPE", "of the policies; default", 0},
    {"initiator", "ID", "who started the job; the party itself", 0},
    {"request", "FILE", "instead of URIs and the above: a whole ResourceRequest, YAML or JSON", 0},
    {"force", NULL, "replace existing files", 0},
    {.name = NULL},
};

static const struct capsa_cli_option export_options[] = {
    {"votes", "FILE", "the vote result (capsa vote result)", CAPSA_CLI_NEEDED},
    {"out", "FILE", "where to write the key; - is standard output", CAPSA_CLI_NEEDED},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

#define SIGNED_CALL (CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS)

static const struct capsa_cli_verb verbs[] = {
    {"new", "", "Make a random data key: one line of base64 in a file of its own.", 0, 0, 0,
     new_options, run_new},
    {"register", "URI... --data-key FILE...",
     "Give data keys to the manager. Who registers a uuid first owns it.", 0, CAPSA_CLI_MANY,
     SIGNED_CALL, register_options, run_register},
    {"get", "URI... --op NAME [--columns A,B...]",
     "Ask for keys as a job does: all of them or none, as the policies say.", 0, CAPSA_CLI_MANY,
     SIGNED_CALL | CAPSA_CLI_ATTESTS, get_options, capsa_cli_run_key_get},
    {"export", "URI", "Get the key of a result (or of one's own data) with the owners' votes.", 1,
     1, SIGNED_CALL, export_options, run_export},
    {"delete", "URI...", "Make the manager forget keys of one's own.", 1, CAPSA_CLI_MANY,
     SIGNED_CALL, NULL, run_delete},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_key = {
    "key", NULL, "data keys: make, register, get, export, delete", verbs, NULL};
