/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verb needs that goes on until it is stopped: rounds with waits between them, which a
 * signal ends at once, and commands of the user's to run when something has changed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli_verb.h"

/* From now on signals are caught, or kill again. A second one kills in any case. */
void capsa_cli_watch(const struct capsa_cli *cli, bool on);
/* The signal that was caught, or 0. */
int capsa_cli_stopped(const struct capsa_cli *cli);

/* `round` again and again, `seconds` after the last one ended, until a signal is caught. A round
 * that has begun is not broken off. */
void capsa_cli_follow(const struct capsa_cli *cli, int64_t seconds, void (*round)(void *context),
                      void *context);

/* Run it by the shell and wait for its end: IO unless that is status 0. A signal to us is handed on
 * to it. */
CAPSA_RESULT capsa_cli_command(const struct capsa_cli *cli, const char *command);
/* How a command ended, by what waitpid(2) said of it: IO unless that is status 0. */
CAPSA_RESULT capsa_cli_command_ended(const char *command, int status);
