/* SPDX-License-Identifier: Apache-2.0
 *
 * The YAML file of cms (cli_config.h).
 */
#include "cli/cli_config.h"

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_print.h"
#include "codec/yaml.h"

/* Every key that is read, section by section; "" are the keys outside of sections. */
#define SECTION_KEYS 16
static const struct {
    const char *section;
    const char *keys[SECTION_KEYS + 1];
} sections[] = {
    {"",
     {"host", "tee_plat", "root_ca_file", "private_key_file", "cert_chain_file", "manager_id",
      "manager_policy", "insecure_unpinned_manager",
#ifdef CAPSA_SIMULATION
      "sim_root",
#endif
      NULL}},
    {"tee_constraints", {"mr_plat", "mr_boot", "mr_ta", "mr_signer", NULL}},
    {"common", {"party_id", "cert_pems_file", "scheme", "private_key_file", NULL}},
    {"register_data_keys", {"data_keys", NULL}},
    {"register_data_policy", {"scope", "data_uuid", "rules", NULL}},
    {"get_data_policys", {"scope", NULL}},
    {"delete_data_policy", {"scope", "data_uuid", NULL}},
    {"add_data_rule", {"scope", "data_uuid", "rule", NULL}},
    {"delete_data_rule", {"scope", "data_uuid", "rule_id", NULL}},
    {"get_export_data_key_b64", {"resource_uri", "data_export_certificate_file", NULL}},
    {"delete_data_key", {"resource_uri", NULL}},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* ---- unknown keys ---------------------------------------------------------------------------- */

static const char *const *keys_of(const char *section)
{
    for (size_t i = 0; i < SECTIONS; i++) {
        if (capsa_streq(sections[i].section, section)) {
            return sections[i].keys;
        }
    }
    return NULL;
}

/* Sections that another writer of these files makes, and what reads the like. */
static const struct {
    const char *section;
    const char *instead;
} never_read[] = {
    {"create_data_policy", "register_data_policy"}, {"register_data_key", "register_data_keys"},
    {"create_data_keys", "register_data_keys"},     {"list_data_policy", "get_data_policys"},
    {"get_data_policies", "get_data_policys"},
};

static const char *instead_of(const char *section, const char *const *known)
{
    for (size_t i = 0; i < sizeof(never_read) / sizeof(never_read[0]); i++) {
        if (capsa_streq(never_read[i].section, section)) {
            return never_read[i].instead;
        }
    }
    return capsa_nearest_name(section, known);
}

static void warn_unread(struct capsa_cli *cli, const char *section, const char *key,
                        const char *nearest)
{
    const char *dot = *section == '\0' ? "" : ".";
    if (nearest != NULL) {
        capsa_cli_warn(cli, "%s: %s%s%s is never read; did you mean %s?", cli->config_path, section,
                       dot, key, nearest);
    } else {
        capsa_cli_warn(cli, "%s: %s%s%s is never read", cli->config_path, section, dot, key);
    }
}

static void check_section(struct capsa_cli *cli, const char *section,
                          const struct capsa_json *object)
{
    const char *const *known = keys_of(section);
    const char *name;
    const struct capsa_json *value;
    for (size_t i = 0; capsa_json_member(object, i, &name, &value); i++) {
        if (!capsa_cli_is_among(name, known)) {
            warn_unread(cli, section, name, capsa_nearest_name(name, known));
        }
    }
}

static void check_keys(struct capsa_cli *cli, const struct capsa_json *root)
{
    const char *all[SECTIONS + SECTION_KEYS + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 1; i < SECTIONS; i++) {
        all[count++] = sections[i].section;
    }
    for (size_t i = 0; sections[0].keys[i] != NULL; i++) {
        all[count++] = sections[0].keys[i];
    }
    const char *name;
    const struct capsa_json *value;
    for (size_t i = 0; capsa_json_member(root, i, &name, &value); i++) {
        if (!capsa_cli_is_among(name, all)) {
            warn_unread(cli, "", name, instead_of(name, all));
        } else if (*name != '\0' && keys_of(name) != NULL) {
            check_section(cli, name, value);
        }
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_cli_config_load(struct capsa_cli *cli, const char *otherwise)
{
    const char *path = capsa_cli_option(cli, "config-file");
    path = path == NULL ? cli->places->config_file : path;
    path = path == NULL ? otherwise : path;
    if (path == NULL || cli->config != NULL) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
    CAPSA_TRY_AT(capsa_file_read(path, &text), "the config file");
    CAPSA_AUTO_FREE(capsa_json) root = NULL;
    CAPSA_TRY_AT(capsa_yaml_parse(capsa_buf_bytes(&text), &root), "%s", path);
    CAPSA_REQUIRE(capsa_json_kind_of(root) == CAPSA_JSON_OBJECT, MALFORMED,
                  "%s: keys and values wanted, got %s", path,
                  capsa_json_kind_name(capsa_json_kind_of(root)));
    cli->config = root;
    cli->config_path = path;
    check_keys(cli, root);
    root = NULL;
    return CAPSA_OK;
}

const struct capsa_json *capsa_cli_config_get(const struct capsa_cli *cli, const char *path)
{
    const struct capsa_json *at = cli->config;
    char name[64];
    while (at != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        if (len >= sizeof(name)) {
            return NULL;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        at = capsa_json_get(at, name);
        path += len + (path[len] == '.');
    }
    return at != NULL && capsa_json_kind_of(at) == CAPSA_JSON_NULL ? NULL : at;
}

static capsa_result wrong_kind(const struct capsa_cli *cli, const char *path, const char *wanted,
                               const struct capsa_json *value)
{
    CAPSA_FAIL(MALFORMED, "%s: %s: %s wanted, got %s", cli->config_path, path, wanted,
               capsa_json_kind_name(capsa_json_kind_of(value)));
}

CAPSA_RESULT capsa_cli_config_text(const struct capsa_cli *cli, const char *path,
                                   const char **ret_text)
{
    const struct capsa_json *value = capsa_cli_config_get(cli, path);
    const char *text = value == NULL ? NULL : capsa_json_string(value);
    if (value != NULL && text == NULL) {
        return wrong_kind(cli, path, "text (in quotes, if need be)", value);
    }
    *ret_text = text;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_config_needed(const struct capsa_cli *cli, const char *path,
                                     const char **ret_text)
{
    const char *text = NULL;
    CAPSA_TRY(capsa_cli_config_text(cli, path, &text));
    CAPSA_REQUIRE(text != NULL && *text != '\0', MALFORMED, "%s: %s is missing", cli->config_path,
                  path);
    *ret_text = text;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_config_texts(const struct capsa_cli *cli, const char *path,
                                    capsa_texts *texts)
{
    const struct capsa_json *value = capsa_cli_config_get(cli, path);
    if (value == NULL) {
        return CAPSA_OK;
    }
    if (capsa_json_kind_of(value) == CAPSA_JSON_STRING) {
        return capsa_texts_add(texts, capsa_json_string(value));
    }
    if (capsa_json_kind_of(value) != CAPSA_JSON_ARRAY) {
        return wrong_kind(cli, path, "text or a list of texts", value);
    }
    for (size_t i = 0; i < capsa_json_count(value); i++) {
        const struct capsa_json *item = capsa_json_at(value, i);
        if (capsa_json_kind_of(item) == CAPSA_JSON_NULL) {
            continue; /* a "-" with nothing behind it */
        }
        if (capsa_json_string(item) == NULL) {
            return wrong_kind(cli, path, "a list of texts", item);
        }
        CAPSA_TRY(capsa_texts_add(texts, capsa_json_string(item)));
    }
    return CAPSA_OK;
}
