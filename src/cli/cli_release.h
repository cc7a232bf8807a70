/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa key get: a job's request for keys, and where the keys are put.
 */
#pragma once

#include "cli/cli_verb.h"

capsa_result capsa_cli_run_key_get(struct capsa_cli *cli);

/* One line of base64 into a file of mode 0600, or to standard output for "-". */
CAPSA_RESULT capsa_cli_write_key(struct capsa_cli *cli, const char *path, const char *base64);

/* A URI as a file name: letters, digits, "._-" stay, all else is %XX; then ".key". */
CAPSA_RESULT capsa_cli_key_file_name(const char *uri, capsa_buf *ret_name);
