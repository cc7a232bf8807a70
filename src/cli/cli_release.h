/* SPDX-License-Identifier: Apache-2.0
 *
 * A job's request for keys, as the options say it; capsa key get, and where the keys are put.
 */
#pragma once

#include "cli/cli_link.h"
#include "cli/cli_verb.h"

/* The ResourceRequest of --request, or of URIs (the verb's words, or --uri), --op, --columns,
 * --scope and --initiator. It names at least one resource. */
CAPSA_RESULT capsa_cli_key_request(const struct capsa_cli *cli, const char *party,
                                   struct capsa_json **ret_request);
/* Ask for what it names by GetDataKeys or GetTlsAsset. */
CAPSA_RESULT capsa_cli_ask_keys(capsa_cli_link *link, enum capsa_client_method method,
                                const struct capsa_json *resource_request,
                                ProtobufCMessage **ret_answer);

capsa_result capsa_cli_run_key_get(struct capsa_cli *cli);

/* One line of base64 into a file of mode 0600, or to standard output for "-". */
CAPSA_RESULT capsa_cli_write_key(struct capsa_cli *cli, const char *path, const char *base64);

/* A URI as a file name: letters, digits, "._-" stay, all else is %XX; then ".key". */
CAPSA_RESULT capsa_cli_key_file_name(const char *uri, capsa_buf *ret_name);
