/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa cms_config: set values in the YAML file of cms, comments and all else staying as they are.
 * Differs from the original where that wrote what cms never reads: create-data-policy sets the
 * section register_data_policy, and add-data-rule sets rule.rule_id; the file's mode is kept, and
 * 0600 for a new one.
 */
#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_read.h"
#include "cli/cli_yaml_edit.h"

#define DEFAULT_CONFIG "cli.yaml"

static const char template[] = "# Where the manager is, and how to reach it.\n"
                               "host: 127.0.0.1:8888\n"
                               "# sim: nothing is verified.\n"
                               "tee_plat: sim\n"
                               "# All three for TLS, or none.\n"
                               "root_ca_file:\n"
                               "private_key_file:\n"
                               "cert_chain_file:\n"
                               "# The party that signs.\n"
                               "common:\n"
                               "  party_id:\n"
                               "  cert_pems_file:\n"
                               "  scheme: RSA\n"
                               "  private_key_file:\n";

/* ---- which option sets what ------------------------------------------------------------------ */

struct setting {
    const char *verb;
    const char *option;
    const char *path;
    bool list;
};

static const struct setting settings[] = {
    {"init", "host", "host", false},
    {"init", "tee-plat", "tee_plat", false},
    {"init", "mr-plat", "tee_constraints.mr_plat", false},
    {"init", "mr-boot", "tee_constraints.mr_boot", false},
    {"init", "mr-ta", "tee_constraints.mr_ta", false},
    {"init", "mr-signer", "tee_constraints.mr_signer", false},
    {"init", "root-ca-file", "root_ca_file", false},
    {"init", "private-key-file", "private_key_file", false},
    {"init", "cert-chain-file", "cert_chain_file", true},
    {"common", "party-id", "common.party_id", false},
    {"common", "cert-pems-file", "common.cert_pems_file", true},
    {"common", "scheme", "common.scheme", false},
    {"common", "private-key-file", "common.private_key_file", false},
    {"get-data-policys", "scope", "get_data_policys.scope", false},
    {"create-data-policy", "scope", "register_data_policy.scope", false},
    {"create-data-policy", "data-uuid", "register_data_policy.data_uuid", false},
    {"delete-data-policy", "scope", "delete_data_policy.scope", false},
    {"delete-data-policy", "data-uuid", "delete_data_policy.data_uuid", false},
    {"add-data-rule", "scope", "add_data_rule.scope", false},
    {"add-data-rule", "data-uuid", "add_data_rule.data_uuid", false},
    {"add-data-rule", "rule-id", "add_data_rule.rule.rule_id", false},
    {"delete-data-rule", "scope", "delete_data_rule.scope", false},
    {"delete-data-rule", "data-uuid", "delete_data_rule.data_uuid", false},
    {"delete-data-rule", "rule-id", "delete_data_rule.rule_id", false},
};

/* Empty values leave what is there, as in the original. */
static capsa_result value_of(const struct capsa_cli *cli, const struct setting *setting,
                             struct capsa_json **ret_value)
{
    *ret_value = NULL;
    size_t count = capsa_cli_option_count(cli, setting->option);
    if (!setting->list) {
        const char *text = capsa_cli_option(cli, setting->option);
        return text == NULL || *text == '\0' ? CAPSA_OK
                                             : capsa_cli_string(setting->option, text, ret_value);
    }
    if (count == 0) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(capsa_cli_push_text(list, setting->option,
                                      capsa_cli_option_nth(cli, setting->option, i)));
    }
    *ret_value = capsa_cli_hand(&list);
    return CAPSA_OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

static capsa_result read_or_begin(const char *path, capsa_buf *text, unsigned *ret_mode)
{
    struct stat status;
    if (stat(path, &status) == 0) {
        *ret_mode = status.st_mode & 0777;
        return capsa_file_read(path, text);
    }
    CAPSA_REQUIRE(errno == ENOENT, IO, "cannot read %s: %s", path, strerror(errno));
    *ret_mode = 0600;
    return capsa_buf_str(text, template);
}

static capsa_result run(struct capsa_cli *cli)
{
    const char *path = capsa_cli_option(cli, "config-file");
    path = path == NULL ? cli->places->config_file : path;
    path = path == NULL ? DEFAULT_CONFIG : path;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
    unsigned mode;
    CAPSA_TRY(read_or_begin(path, &text, &mode));
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (!capsa_streq(settings[i].verb, cli->verb->name)) {
            continue;
        }
        CAPSA_AUTO_FREE(capsa_json) value = NULL;
        CAPSA_TRY(value_of(cli, &settings[i], &value));
        if (value != NULL) {
            CAPSA_TRY_AT(capsa_yaml_set(&text, settings[i].path, value), "%s", path);
        }
    }
    return capsa_file_write(path, capsa_buf_bytes(&text), mode, true);
}

/* The original's get-data-policys sets the scope also when none is given. */
static capsa_result run_get_data_policys(struct capsa_cli *cli)
{
    static const struct capsa_cli_option scope = {.name = "scope"};
    if (capsa_cli_option(cli, "scope") == NULL) {
        cli->given[cli->given_count++] = (struct capsa_cli_given){&scope, "default"};
    }
    return run(cli);
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option options[] = {
    {"config-file", "FILE", "the YAML file; CAPSA_CONFIG_FILE, or cli.yaml here", 0},
    {.name = NULL},
};

static const struct capsa_cli_option init_options[] = {
    {"host", "HOST:PORT", "the manager", 0},
    {"tee-plat", "sim|sgx|tdx|csv", "what it should run on", 0},
    {"mr-plat", "HEX", "measurement of the platform", 0},
    {"mr-boot", "HEX", "measurement of the boot", 0},
    {"mr-ta", "HEX", "measurement of the manager", 0},
    {"mr-signer", "HEX", "who signed the manager", 0},
    {"root-ca-file", "FILE", "TLS: the CA of the server", 0},
    {"private-key-file", "FILE", "TLS: one's own key", 0},
    {"cert-chain-file", "FILE", "TLS: one's own certificates", CAPSA_CLI_REPEAT},
    {.name = NULL},
};

static const struct capsa_cli_option common_options[] = {
    {"party-id", "ID", "who signs; may be left out", 0},
    {"cert-pems-file", "FILE", "certificates: leaf, intermediates, root", CAPSA_CLI_REPEAT},
    {"scheme", "RSA", "kind of the key", 0},
    {"private-key-file", "FILE", "key of the first certificate", 0},
    {.name = NULL},
};

static const struct capsa_cli_option scope_options[] = {
    {"scope", "SCOPE", "scope of the policies; default", 0},
    {.name = NULL},
};

static const struct capsa_cli_option policy_options[] = {
    {"scope", "SCOPE", "scope of the policy", 0},
    {"data-uuid", "UUID", "whose policy", 0},
    {.name = NULL},
};

static const struct capsa_cli_option rule_options[] = {
    {"scope", "SCOPE", "scope of the policy", 0},
    {"data-uuid", "UUID", "whose policy", 0},
    {"rule-id", "RULE_ID", "which rule", 0},
    {.name = NULL},
};

#define CONFIG(name, help, options, run)                                                           \
    {                                                                                              \
        name, "", help, 0, 0, CAPSA_CLI_RAW, options, run                                          \
    }

static const struct capsa_cli_verb verbs[] = {
    CONFIG("init", "Set where the manager is and how it is reached.", init_options, run),
    CONFIG("common", "Set who signs.", common_options, run),
    CONFIG("get-data-policys", "Set what get-data-policys lists.", scope_options,
           run_get_data_policys),
    CONFIG("create-data-policy", "Set which policy register-data-policy sets.", policy_options,
           run),
    CONFIG("delete-data-policy", "Set which policy delete-data-policy deletes.", policy_options,
           run),
    CONFIG("add-data-rule", "Set which rule add-data-rule adds.", rule_options, run),
    CONFIG("delete-data-rule", "Set which rule delete-data-rule deletes.", rule_options, run),
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_cms_config = {
    "cms_config", "cms-config", "set values in the YAML file of cms", verbs, options};
