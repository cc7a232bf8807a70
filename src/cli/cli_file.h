/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing and opening files with a progress bar: shared by capsa file and capsa cms_util.
 */
#pragma once

#include "base/secret.h"
#include "cli/cli_verb.h"
#include "envelope/envelope_file.h"

/* `options` is as capsa_file_seal and _open take it, without the progress. */
CAPSA_RESULT capsa_cli_seal(struct capsa_cli *cli, const char *source, const char *destination,
                            capsa_secret_bytes key, struct capsa_file_options options);
CAPSA_RESULT capsa_cli_open(struct capsa_cli *cli, const char *source, const char *destination,
                            capsa_secret_bytes key, struct capsa_file_options options);
