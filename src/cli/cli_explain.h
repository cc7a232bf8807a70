/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa policy explain: one decision in full; and what an entry of the log is about in one line.
 */
#pragma once

#include "cli/cli_verb.h"
#include "client/client_audit.h"

capsa_result capsa_cli_run_explain(struct capsa_cli *cli);

/* "join on alice-table (id, radius) by PARTY: no rule matches", as far as the details say it. */
CAPSA_RESULT capsa_cli_entry_line(const struct capsa_json *details, capsa_buf *ret_line);
/* The entry as -o json prints it: index, time, type, decision id and all its details. */
CAPSA_RESULT capsa_cli_entry_value(const struct capsa_audit_own *entry,
                                   struct capsa_json **ret_value);
