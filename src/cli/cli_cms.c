/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa cms: the original client's command. No options but --config-file; everything else stands
 * in its YAML file (cli_config.h). Prints what the original prints, except that get-public-key
 * prints the PEM text itself. The file and nothing else says who and where: of the environment only
 * CAPSA_CONFIG_FILE counts.
 */
#include "base/limits.h"
#include "cli/cli_config.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_policy_file.h"
#include "cli/cli_print.h"
#include "codec/protobuf.h"
#include "codec/text.h"

#define DEFAULT_CONFIG "cli.yaml"

static capsa_result begin(struct capsa_cli *cli, bool signs, capsa_cli_link *link)
{
    static const struct capsa_cli_places nowhere = {.host = NULL};
    CAPSA_TRY(capsa_cli_config_load(cli, DEFAULT_CONFIG));
    cli->places = &nowhere;
    if (signs) {
        const char *key;
        CAPSA_TRY(capsa_cli_config_needed(cli, "common.private_key_file", &key));
        CAPSA_AUTO(capsa_texts) certs = {NULL, 0};
        CAPSA_TRY(capsa_cli_config_texts(cli, "common.cert_pems_file", &certs));
        CAPSA_REQUIRE(certs.count > 0, MALFORMED, "%s: common.cert_pems_file is missing",
                      cli->config_path);
    }
    return capsa_cli_link_open(cli, signs, link);
}

static capsa_result scope_at(const struct capsa_cli *cli, const char *path, const char **ret_scope)
{
    *ret_scope = NULL;
    CAPSA_TRY(capsa_cli_config_text(cli, path, ret_scope));
    if (*ret_scope == NULL) {
        *ret_scope = CAPSA_CLI_SCOPE;
    }
    return CAPSA_OK;
}

/* What must be there and be a list or a section. */
static capsa_result value_at(const struct capsa_cli *cli, const char *path,
                             const struct capsa_json **ret_value)
{
    const struct capsa_json *value = capsa_cli_config_get(cli, path);
    CAPSA_REQUIRE(value != NULL, MALFORMED, "%s: %s is missing", cli->config_path, path);
    *ret_value = value;
    return CAPSA_OK;
}

/* ---- who ------------------------------------------------------------------------------------- */

static capsa_result run_get_public_key(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, false, &link));
    const struct capsa_cert *cert;
    CAPSA_TRY(capsa_cli_manager(&link, &cert));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_public_key_write(capsa_cert_key(cert), &pem));
    capsa_cli_print(cli, capsa_buf_bytes(&pem));
    return CAPSA_OK;
}

static capsa_result run_register_cert(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const char *scheme = NULL;
    CAPSA_TRY(capsa_cli_config_text(cli, "common.scheme", &scheme));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                        {"scheme", scheme == NULL ? "RSA" : scheme},
                                        {NULL, NULL}},
        &request));
    struct capsa_json *certs;
    CAPSA_TRY(capsa_party_certs(&link.party, &certs));
    CAPSA_TRY(capsa_json_set(request, "certs", certs));
    return capsa_cli_call(&link, CAPSA_CLIENT_REGISTER_CERT, capsa_cli_hand(&request), NULL);
}

/* ---- data keys ------------------------------------------------------------------------------- */

/* The manager would say so too, but only after it was sent. */
static capsa_result check_data_keys(const struct capsa_cli *cli, const struct capsa_json *keys)
{
    for (size_t i = 0; i < capsa_json_count(keys); i++) {
        const char *text =
            capsa_json_string(capsa_json_get(capsa_json_at(keys, i), "data_key_b64"));
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_data_key_bytes);
        CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_STD, &bytes),
                     "%s: register_data_keys.data_keys[%zu].data_key_b64", cli->config_path, i);
        CAPSA_REQUIRE(bytes.len > 0, MALFORMED,
                      "%s: register_data_keys.data_keys[%zu].data_key_b64 is missing",
                      cli->config_path, i);
    }
    return CAPSA_OK;
}

static capsa_result run_register_data_keys(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const struct capsa_json *keys;
    CAPSA_TRY(value_at(cli, "register_data_keys.data_keys", &keys));
    CAPSA_TRY(check_data_keys(cli, keys));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){{"owner_party_id", link.party.id}, {NULL, NULL}},
        &request));
    CAPSA_TRY(capsa_json_set(request, "data_keys", capsa_json_copy(keys)));
    return capsa_cli_call(&link, CAPSA_CLIENT_CREATE_DATA_KEYS, capsa_cli_hand(&request), NULL);
}

static capsa_result run_delete_data_key(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const char *uri;
    CAPSA_TRY(capsa_cli_config_needed(cli, "delete_data_key.resource_uri", &uri));
    struct capsa_json *request;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                                               {"resource_uri", uri},
                                                               {NULL, NULL}},
                               &request));
    return capsa_cli_call(&link, CAPSA_CLIENT_DELETE_DATA_KEY, request, NULL);
}

static capsa_result run_get_export_data_key(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const char *uri;
    const char *file;
    CAPSA_TRY(capsa_cli_config_needed(cli, "get_export_data_key_b64.resource_uri", &uri));
    CAPSA_TRY(capsa_cli_config_needed(cli, "get_export_data_key_b64.data_export_certificate_file",
                                      &file));
    CAPSA_AUTO_FREE(capsa_json) votes = NULL;
    CAPSA_TRY(capsa_cli_read_document(file, &votes));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_TRY(capsa_json_write(votes, CAPSA_JSON_PYTHON, &text));
    const char *certificate;
    CAPSA_TRY(capsa_buf_cstr(&text, &certificate));
    struct capsa_json *request;
    CAPSA_TRY(
        capsa_cli_object((const struct capsa_cli_pair[]){{"request_party_id", link.party.id},
                                                         {"resource_uri", uri},
                                                         {"data_export_certificate", certificate},
                                                         {NULL, NULL}},
                         &request));
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_GET_EXPORT_DATA_KEY, request, &message));
    const Cm__GetExportDataKeyResponse *answer =
        (const Cm__GetExportDataKeyResponse *)(const void *)message;
    CAPSA_REQUIRE(answer->data_key != NULL, MALFORMED, "the manager's answer has no key");
    CAPSA_TRY(capsa_cli_data_key_check(answer->data_key->data_key_b64));
    capsa_cli_say(cli, "%s\n", answer->data_key->data_key_b64);
    return CAPSA_OK;
}

/* ---- policies -------------------------------------------------------------------------------- */

static capsa_result run_register_data_policy(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const struct capsa_json *section;
    CAPSA_TRY(value_at(cli, "register_data_policy", &section));
    const char *scope;
    const char *uuid;
    CAPSA_TRY(scope_at(cli, "register_data_policy.scope", &scope));
    CAPSA_TRY(capsa_cli_config_needed(cli, "register_data_policy.data_uuid", &uuid));
    CAPSA_AUTO_FREE(capsa_json) policy = NULL;
    CAPSA_TRY_AT(capsa_cli_policy_of(cli, section, 0, NULL, &policy), "%s: register_data_policy",
                 cli->config_path);
    CAPSA_TRY_AT(capsa_cli_policy_check(cli, policy), "%s: register_data_policy", cli->config_path);
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                                               {"scope", scope},
                                                               {NULL, NULL}},
                               &request));
    CAPSA_TRY(capsa_json_set(request, "policy", capsa_cli_hand(&policy)));
    return capsa_cli_call(&link, CAPSA_CLIENT_CREATE_DATA_POLICY, capsa_cli_hand(&request), NULL);
}

static capsa_result run_get_data_policys(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const char *scope;
    CAPSA_TRY(scope_at(cli, "get_data_policys.scope", &scope));
    struct capsa_json *request;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                                               {"scope", scope},
                                                               {NULL, NULL}},
                               &request));
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_cli_call(&link, CAPSA_CLIENT_LIST_DATA_POLICY, request, &message));
    const Cm__ListDataPolicyResponse *answer =
        (const Cm__ListDataPolicyResponse *)(const void *)message;
    for (size_t i = 0; i < answer->n_policies; i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(16));
        CAPSA_TRY(capsa_protojson_write(&answer->policies[i]->base, CAPSA_PROTOJSON_PRETTY, &text));
        CAPSA_TRY(capsa_buf_u8(&text, '\n'));
        capsa_cli_print(cli, capsa_buf_bytes(&text));
    }
    return CAPSA_OK;
}

static capsa_result run_delete_data_policy(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const char *scope;
    const char *uuid;
    CAPSA_TRY(scope_at(cli, "delete_data_policy.scope", &scope));
    CAPSA_TRY(capsa_cli_config_needed(cli, "delete_data_policy.data_uuid", &uuid));
    struct capsa_json *request;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){
            {"owner_party_id", link.party.id}, {"scope", scope}, {"data_uuid", uuid}, {NULL, NULL}},
        &request));
    return capsa_cli_call(&link, CAPSA_CLIENT_DELETE_DATA_POLICY, request, NULL);
}

static capsa_result run_add_data_rule(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const char *scope;
    const char *uuid;
    const struct capsa_json *rule;
    CAPSA_TRY(scope_at(cli, "add_data_rule.scope", &scope));
    CAPSA_TRY(capsa_cli_config_needed(cli, "add_data_rule.data_uuid", &uuid));
    CAPSA_TRY(value_at(cli, "add_data_rule.rule", &rule));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){
            {"owner_party_id", link.party.id}, {"data_uuid", uuid}, {"scope", scope}, {NULL, NULL}},
        &request));
    struct capsa_json *plain;
    CAPSA_TRY(capsa_cli_without_nulls(rule, &plain));
    CAPSA_TRY(capsa_json_set(request, "rule", plain));
    return capsa_cli_call(&link, CAPSA_CLIENT_ADD_DATA_RULE, capsa_cli_hand(&request), NULL);
}

static capsa_result run_delete_data_rule(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(begin(cli, true, &link));
    const char *scope;
    const char *uuid;
    const char *rule_id;
    CAPSA_TRY(scope_at(cli, "delete_data_rule.scope", &scope));
    CAPSA_TRY(capsa_cli_config_needed(cli, "delete_data_rule.data_uuid", &uuid));
    CAPSA_TRY(capsa_cli_config_needed(cli, "delete_data_rule.rule_id", &rule_id));
    struct capsa_json *request;
    CAPSA_TRY(capsa_cli_object((const struct capsa_cli_pair[]){{"owner_party_id", link.party.id},
                                                               {"scope", scope},
                                                               {"data_uuid", uuid},
                                                               {"rule_id", rule_id},
                                                               {NULL, NULL}},
                               &request));
    return capsa_cli_call(&link, CAPSA_CLIENT_DELETE_DATA_RULE, request, NULL);
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option options[] = {
    {"config-file", "FILE", "the YAML file; CAPSA_CONFIG_FILE, or cli.yaml here", 0},
    {.name = NULL},
};

#define CMS(name, help, run)                                                                       \
    {                                                                                              \
        name, "", help, 0, 0, CAPSA_CLI_RAW, NULL, run                                             \
    }

static const struct capsa_cli_verb verbs[] = {
    CMS("get-public-key", "Print the manager's public key (PEM).", run_get_public_key),
    CMS("register-cert", "Register the certificates of common.", run_register_cert),
    CMS("register-data-keys", "Register register_data_keys.data_keys.", run_register_data_keys),
    CMS("register-data-policy", "Set the policy of register_data_policy.",
        run_register_data_policy),
    CMS("get-data-policys", "Print one's own policies of get_data_policys.scope.",
        run_get_data_policys),
    CMS("delete-data-policy", "Delete the policy of delete_data_policy.", run_delete_data_policy),
    CMS("add-data-rule", "Add add_data_rule.rule to a policy.", run_add_data_rule),
    CMS("delete-data-rule", "Delete the rule of delete_data_rule.", run_delete_data_rule),
    CMS("get-export-data-key-b64", "Print the key that get_export_data_key_b64 names.",
        run_get_export_data_key),
    CMS("delete-data-key", "Delete the key of delete_data_key.", run_delete_data_key),
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_cms = {
    "cms", NULL, "the original client's command, by its YAML file", verbs, options};
