/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of capsad: defaults, then the YAML file, then flags; the later wins, key by key.
 * Unknown keys and flags are refused with the nearest name that exists. capsad_config.def is the
 * one list of keys.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

/* Names every insecure_ option that is on, so that the banner cannot miss one. */
struct capsad_config {
#define CAPSAD_KEY(name, symbol, kind, value, help) CAPSAD_MEMBER_##kind(symbol)
#define CAPSAD_ALIAS(old, name)
#define CAPSAD_INSECURE(name, symbol, help) bool symbol;
#define CAPSAD_MEMBER_string(symbol)        char *symbol;
#define CAPSAD_MEMBER_bool(symbol)          bool symbol;
#define CAPSAD_MEMBER_number(symbol)        int64_t symbol;
#include "programs/capsad_config.def"
#undef CAPSAD_KEY
#undef CAPSAD_ALIAS
#undef CAPSAD_INSECURE
    char *config_path; /* the file that was read, or NULL */
};

enum capsad_command {
    CAPSAD_SERVE,
    CAPSAD_HELP,
    CAPSAD_VERSION,
    CAPSAD_KEYS, /* print the reference page of keys */
};

/* Flags: --KEY VALUE, --KEY=VALUE, dashes for underscores; --config_path FILE; --help; --version;
 * --print-keys; and the mode alone, as the original takes it. */
CAPSA_RESULT capsad_config_load(int argc, char *const *argv, struct capsad_config *ret_config,
                                enum capsad_command *ret_command);
void capsad_config_drop(struct capsad_config *config);
typedef struct capsad_config capsad_config;

/* The insecure_ options that are on, one after another: calls `each` with name and meaning. */
void capsad_config_each_insecure(const struct capsad_config *config,
                                 void (*each)(void *context, const char *name, const char *help),
                                 void *context);
CAPSA_RESULT capsad_config_help(capsa_buf *text);      /* for --help */
CAPSA_RESULT capsad_config_reference(capsa_buf *text); /* Markdown, for docs/reference/config.md */
