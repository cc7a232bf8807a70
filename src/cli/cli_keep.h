/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb that stays and does something from time to time: signals are not caught but waited for, so
 * that none is lost, kills half-done work, or comes at a bad moment. SIGINT and SIGTERM end it,
 * SIGHUP says: now. What was ignored when the program started stays ignored.
 */
#pragma once

#include <signal.h>
#include <stdint.h>

#include "cli/cli_verb.h"

typedef struct capsa_cli_keep {
    sigset_t waited; /* blocked from _begin on */
    sigset_t before; /* what was blocked then */
    bool stopped;    /* SIGINT or SIGTERM came */
} capsa_cli_keep;
void capsa_cli_keep_begin(capsa_cli_keep *keep);
/* Signals are as they were; one that came and was not waited for takes its effect now. */
void capsa_cli_keep_drop(capsa_cli_keep *keep);

bool capsa_cli_is_ignored(int number); /* the signal, now */

enum capsa_cli_woken { CAPSA_CLI_WOKEN_TIME, CAPSA_CLI_WOKEN_NOW, CAPSA_CLI_WOKEN_STOP };
/* At most `seconds`; 0 looks and does not wait. */
enum capsa_cli_woken capsa_cli_keep_wait(capsa_cli_keep *keep, int64_t seconds);

/* Run it by the shell, with the variables (NAME=VALUE, NULL-ended) in its environment, and wait for
 * its end: IO unless that is status 0. SIGINT and SIGTERM are handed on to it; one that takes
 * longer than CAPSA_CLI_COMMAND_SECONDS is killed. */
#define CAPSA_CLI_COMMAND_SECONDS 120
CAPSA_RESULT capsa_cli_keep_command(capsa_cli_keep *keep, const struct capsa_cli *cli,
                                    const char *command, const char *const *variables);
