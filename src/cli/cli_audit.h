/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa audit export and verify: the whole log of a manager, fetched or out of a file.
 */
#pragma once

#include "cli/cli_verb.h"

capsa_result capsa_cli_run_audit_export(struct capsa_cli *cli);
capsa_result capsa_cli_run_audit_verify(struct capsa_cli *cli);
