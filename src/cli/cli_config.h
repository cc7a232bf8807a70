/* SPDX-License-Identifier: Apache-2.0
 *
 * The YAML file that `cms` reads, and that all verbs read with --config-file: where the manager is,
 * TLS files, the party's credentials, and one section for each cms command. Null is as good as
 * absent. Keys that nobody reads are warned of.
 */
#pragma once

#include "cli/cli_read.h"
#include "cli/cli_verb.h"

/* Read --config-file, or else CAPSA_CONFIG_FILE, or else `otherwise` (NULL: then there is none),
 * and warn of its unknown keys. A second call does nothing. */
CAPSA_RESULT capsa_cli_config_load(struct capsa_cli *cli, const char *otherwise);

/* `path` is "host" or "common.party_id". NULL: not there, or null, or no config. */
const struct capsa_json *capsa_cli_config_get(const struct capsa_cli *cli, const char *path);
/* The text there, or NULL. Another kind of value is MALFORMED and named. */
CAPSA_RESULT capsa_cli_config_text(const struct capsa_cli *cli, const char *path,
                                   const char **ret_text);
/* It must be there, and not empty. */
CAPSA_RESULT capsa_cli_config_needed(const struct capsa_cli *cli, const char *path,
                                     const char **ret_text);
/* One text or a list of texts, appended; nothing when it is not there. */
CAPSA_RESULT capsa_cli_config_texts(const struct capsa_cli *cli, const char *path,
                                    capsa_texts *texts);
