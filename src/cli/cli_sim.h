/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb of capsa sim that has a file of its own.
 */
#pragma once

#include "cli/cli_verb.h"

extern const struct capsa_cli_option capsa_cli_sim_forge_options[];
capsa_result capsa_cli_run_sim_forge(struct capsa_cli *cli);
