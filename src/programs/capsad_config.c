/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading capsad's configuration by the table of capsad_config.def. What a value means is decided
 * by whoever uses it (capsad.c); here only its kind is checked.
 */
#include "programs/capsad_config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml.h"

#define DEFAULT_CONFIG_PATH "/host/config.yaml"

enum kind { KIND_string, KIND_bool, KIND_number };

struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *value; /* default */
    const char *help;
    bool insecure;
};

static const struct key keys[] = {
#define CAPSAD_KEY(name, symbol, kind, value, help)                                                \
    {name, KIND_##kind, offsetof(struct capsad_config, symbol), value, help, false},
#define CAPSAD_ALIAS(old, name)
#define CAPSAD_INSECURE(name, symbol, help)                                                        \
    {name, KIND_bool, offsetof(struct capsad_config, symbol), "false", help, true},
#include "programs/capsad_config.def"
#undef CAPSAD_KEY
#undef CAPSAD_ALIAS
#undef CAPSAD_INSECURE
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static const struct {
    const char *old;
    const char *name;
} aliases[] = {
#define CAPSAD_KEY(name, symbol, kind, value, help)
#define CAPSAD_ALIAS(old, name) {old, name},
#define CAPSAD_INSECURE(name, symbol, help)
#include "programs/capsad_config.def"
#undef CAPSAD_KEY
#undef CAPSAD_ALIAS
#undef CAPSAD_INSECURE
};
#define ALIASES (sizeof(aliases) / sizeof(aliases[0]))

static const char *const sections[] = {"log_config", "tls_config", "storage_config", "collateral"};

static const struct key *key_find(const char *name)
{
    for (size_t i = 0; i < ALIASES; i++) {
        if (capsa_streq(name, aliases[i].old)) {
            name = aliases[i].name;
        }
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (capsa_streq(name, keys[i].name)) {
            return &keys[i];
        }
    }
    return NULL;
}

static capsa_result unknown_key(const char *what, const char *name)
{
    const char *names[KEYS + ALIASES + 1] = {NULL};
    for (size_t i = 0; i < KEYS; i++) {
        names[i] = keys[i].name;
    }
    for (size_t i = 0; i < ALIASES; i++) {
        names[KEYS + i] = aliases[i].old;
    }
    const char *nearest = capsa_nearest_name(name, names);
    for (size_t i = 0; i < KEYS && nearest == NULL; i++) { /* the section was forgotten */
        const char *dot = strrchr(keys[i].name, '.');
        nearest = dot != NULL && capsa_streq(dot + 1, name) ? keys[i].name : NULL;
    }
    if (nearest != NULL) {
        CAPSA_FAIL(UNKNOWN_FIELD, "unknown %s \"%s\"; did you mean \"%s\"?", what, name, nearest);
    }
    CAPSA_FAIL(UNKNOWN_FIELD, "unknown %s \"%s\"; capsad --help lists them", what, name);
}

static capsa_result set_string(struct capsad_config *config, const struct key *key,
                               const char *text)
{
    char *copy = capsa_strdup(text);
    CAPSA_REQUIRE_MEMORY(copy);
    char **at = (char **)(void *)((char *)config + key->offset);
    capsa_dealloc(*at);
    *at = copy;
    return CAPSA_OK;
}

/* A value from a flag or a default, as text. */
static capsa_result set_text(struct capsad_config *config, const struct key *key, const char *text)
{
    void *at = (char *)config + key->offset;
    switch (key->kind) {
    case KIND_string:
        return set_string(config, key, text);
    case KIND_bool:
        CAPSA_REQUIRE(capsa_streq(text, "true") || capsa_streq(text, "false"), MALFORMED,
                      "%s: true or false wanted, got \"%s\"", key->name, text);
        *(bool *)at = capsa_streq(text, "true");
        return CAPSA_OK;
    case KIND_number: {
        char *end;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        CAPSA_REQUIRE(errno == 0 && end != text && *end == '\0', MALFORMED,
                      "%s: a whole number wanted, got \"%s\"", key->name, text);
        *(int64_t *)at = number;
        return CAPSA_OK;
    }
    }
    CAPSA_FAIL(INTERNAL, "%s: unknown kind", key->name);
}

/* A value from the YAML file. A blank value leaves the default. */
static capsa_result set_value(struct capsad_config *config, const struct key *key,
                              const struct capsa_json *value)
{
    static const enum capsa_json_kind wanted[] = {
        [KIND_string] = CAPSA_JSON_STRING,
        [KIND_bool] = CAPSA_JSON_BOOL,
        [KIND_number] = CAPSA_JSON_INT,
    };
    enum capsa_json_kind got = capsa_json_kind_of(value);
    if (got == CAPSA_JSON_NULL) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(got == wanted[key->kind], MALFORMED, "%s: %s wanted, got %s", key->name,
                  capsa_json_kind_name(wanted[key->kind]), capsa_json_kind_name(got));
    void *at = (char *)config + key->offset;
    if (key->kind == KIND_string) {
        return set_string(config, key, capsa_json_string(value));
    }
    if (key->kind == KIND_bool) {
        *(bool *)at = capsa_json_bool(value);
    } else {
        *(int64_t *)at = capsa_json_int(value);
    }
    return CAPSA_OK;
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (capsa_streq(name, sections[i])) {
            return true;
        }
    }
    return false;
}

static capsa_result set_members(struct capsad_config *config, const char *section,
                                const struct capsa_json *object)
{
    const char *name;
    const struct capsa_json *value;
    for (size_t i = 0; capsa_json_member(object, i, &name, &value); i++) {
        CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(4));
        CAPSA_TRY(capsa_buf_format(&path, "%s%s%s", section, *section == '\0' ? "" : ".", name));
        const char *full;
        CAPSA_TRY(capsa_buf_cstr(&path, &full));
        if (*section == '\0' && is_section(name)) {
            if (capsa_json_kind_of(value) == CAPSA_JSON_NULL) {
                continue;
            }
            CAPSA_REQUIRE(capsa_json_kind_of(value) == CAPSA_JSON_OBJECT, MALFORMED,
                          "%s: a section wanted, got %s", name,
                          capsa_json_kind_name(capsa_json_kind_of(value)));
            CAPSA_TRY(set_members(config, name, value));
            continue;
        }
        const struct key *key = key_find(full);
        if (key == NULL) {
            return unknown_key("key", full);
        }
        CAPSA_TRY(set_value(config, key, value));
    }
    return CAPSA_OK;
}

static capsa_result load_file(struct capsad_config *config, const char *path)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
    CAPSA_TRY(capsa_file_read(path, &text));
    CAPSA_AUTO_FREE(capsa_json) root = NULL;
    CAPSA_TRY_AT(capsa_yaml_parse(capsa_buf_bytes(&text), &root), "%s", path);
    if (capsa_json_kind_of(root) != CAPSA_JSON_NULL) {
        CAPSA_REQUIRE(capsa_json_kind_of(root) == CAPSA_JSON_OBJECT, MALFORMED,
                      "%s: keys and values wanted, got %s", path,
                      capsa_json_kind_name(capsa_json_kind_of(root)));
        CAPSA_TRY_AT(set_members(config, "", root), "%s", path);
    }
    config->config_path = capsa_strdup(path);
    CAPSA_REQUIRE_MEMORY(config->config_path);
    return CAPSA_OK;
}

/* ---- flags ---------------------------------------------------------------------------------- */

struct flags {
    int argc;
    char *const *argv;
    int next;
};

/* Take one flag: its name with underscores, and its value. Values may stand behind "=". */
static capsa_result take_flag(struct flags *flags, capsa_buf *name, const char **ret_value)
{
    const char *word = flags->argv[flags->next++];
    const char *equals = strchr(word, '=');
    size_t len = equals == NULL ? strlen(word) - 2 : (size_t)(equals - word) - 2;
    CAPSA_TRY(capsa_buf_append(name, capsa_bytes_of(word + 2, len)));
    for (size_t i = 0; i < name->len; i++) {
        if (name->data[i] == '-') {
            name->data[i] = '_';
        }
    }
    if (equals != NULL) {
        *ret_value = equals + 1;
        return CAPSA_OK;
    }
    *ret_value = flags->next < flags->argc ? flags->argv[flags->next] : NULL;
    return CAPSA_OK;
}

typedef capsa_result (*flag_fn)(struct capsad_config *config, const char *name, const char *value);

static capsa_result on_config_path(struct capsad_config *config, const char *name,
                                   const char *value)
{
    return capsa_streq(name, "config_path") ? load_file(config, value) : CAPSA_OK;
}

static capsa_result on_key(struct capsad_config *config, const char *name, const char *value)
{
    if (capsa_streq(name, "config_path")) {
        return CAPSA_OK;
    }
    const struct key *key = key_find(name);
    if (key == NULL) {
        return unknown_key("flag", name);
    }
    return set_text(config, key, value);
}

/* Walk all flags once. The file is read in a first walk, so that flags win wherever they stand. */
static capsa_result walk_flags(struct capsad_config *config, int argc, char *const *argv,
                               flag_fn each)
{
    struct flags flags = {argc, argv, 1};
    while (flags.next < argc) {
        const char *word = argv[flags.next];
        if (strncmp(word, "--", 2) != 0) {
            flags.next++;
            CAPSA_REQUIRE(*word != '-', USAGE, "unknown option \"%s\"; capsad --help", word);
            if (each == on_key) { /* the original takes the mode as its one word */
                CAPSA_TRY(on_key(config, "mode", word));
            }
            continue;
        }
        CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(4));
        const char *value;
        bool joined = strchr(word, '=') != NULL;
        CAPSA_TRY(take_flag(&flags, &name, &value));
        const char *flag;
        CAPSA_TRY(capsa_buf_cstr(&name, &flag));
        if (key_find(flag) == NULL && !capsa_streq(flag, "config_path")) {
            return unknown_key("flag", flag);
        }
        CAPSA_REQUIRE(value != NULL, USAGE, "--%s wants a value", flag);
        flags.next += joined ? 0 : 1;
        CAPSA_TRY(each(config, flag, value));
    }
    return CAPSA_OK;
}

/* A command stands alone; as the value of a flag the same word is a value. */
static bool find_command(int argc, char *const *argv, enum capsad_command *ret_command)
{
    static const struct {
        const char *word;
        enum capsad_command command;
    } commands[] = {{"--help", CAPSAD_HELP},
                    {"-h", CAPSAD_HELP},
                    {"help", CAPSAD_HELP},
                    {"--version", CAPSAD_VERSION},
                    {"--print-keys", CAPSAD_KEYS}};
    for (size_t k = 0; argc == 2 && k < sizeof(commands) / sizeof(commands[0]); k++) {
        if (capsa_streq(argv[1], commands[k].word)) {
            *ret_command = commands[k].command;
            return true;
        }
    }
    return false;
}

static capsa_result load(int argc, char *const *argv, struct capsad_config *config)
{
    for (size_t i = 0; i < KEYS; i++) {
        CAPSA_TRY(set_text(config, &keys[i], keys[i].value));
    }
    CAPSA_TRY(walk_flags(config, argc, argv, on_config_path));
    if (config->config_path == NULL && access(DEFAULT_CONFIG_PATH, F_OK) == 0) {
        CAPSA_TRY(load_file(config, DEFAULT_CONFIG_PATH));
    }
    return walk_flags(config, argc, argv, on_key);
}

CAPSA_RESULT capsad_config_load(int argc, char *const *argv, struct capsad_config *ret_config,
                                enum capsad_command *ret_command)
{
    CAPSA_AUTO(capsad_config) config = {.mode = NULL};
    if (find_command(argc, argv, ret_command)) {
        return CAPSA_OK;
    }
    CAPSA_TRY(load(argc, argv, &config));
    *ret_config = config;
    config = (struct capsad_config){.mode = NULL};
    *ret_command = CAPSAD_SERVE;
    return CAPSA_OK;
}

void capsad_config_drop(struct capsad_config *config)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].kind == KIND_string) {
            char **at = (char **)(void *)((char *)config + keys[i].offset);
            capsa_dealloc(*at);
            *at = NULL;
        }
    }
    capsa_dealloc(config->config_path);
    config->config_path = NULL;
}

void capsad_config_each_insecure(const struct capsad_config *config,
                                 void (*each)(void *context, const char *name, const char *help),
                                 void *context)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].insecure && *(const bool *)((const char *)config + keys[i].offset)) {
            each(context, keys[i].name, keys[i].help);
        }
    }
}

/* ---- for people ------------------------------------------------------------------------------ */

CAPSA_RESULT capsad_config_help(capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(
        text, "capsad: gives keys to programs that their owners allowed\n\n"
              "  capsad --mode simulation [--config_path FILE] [--KEY VALUE ...]\n\n"
              "Keys stand in the YAML file (a dot: in a section), or are flags; a flag wins.\n"
              "Without --config_path, " DEFAULT_CONFIG_PATH " is read where it exists.\n\n"));
    for (size_t i = 0; i < KEYS; i++) {
        CAPSA_TRY(capsa_buf_format(text, "  --%-38s %s%s%s%s\n", keys[i].name, keys[i].help,
                                   *keys[i].value == '\0' ? "" : " [", keys[i].value,
                                   *keys[i].value == '\0' ? "" : "]"));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsad_config_reference(capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(text, "# Configuration keys of capsad\n\n"
                                  "Made by `capsad --print-keys`; `./dev test` compares.\n\n"
                                  "| key | default | meaning |\n|---|---|---|\n"));
    for (size_t i = 0; i < KEYS; i++) {
        CAPSA_TRY(capsa_buf_format(text, "| `%s` | %s%s%s | %s |\n", keys[i].name,
                                   *keys[i].value == '\0' ? "" : "`", keys[i].value,
                                   *keys[i].value == '\0' ? "" : "`", keys[i].help));
    }
    for (size_t i = 0; i < ALIASES; i++) {
        CAPSA_TRY(capsa_buf_format(text, "| `%s` | | another spelling of `%s` |\n", aliases[i].old,
                                   aliases[i].name));
    }
    return CAPSA_OK;
}
