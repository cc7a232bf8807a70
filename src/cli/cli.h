/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `capsa`: everything but its main(), which hands over the words it was called with and
 * what the environment says about where things are. Prints to standard output and error, and
 * returns the exit status: CAPSA_CLI_STATUS says which there are.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

/* All may be NULL. Where things are, never what is allowed. */
struct capsa_cli_places {
    const char *host;        /* CAPSA_HOST */
    const char *cert;        /* CAPSA_CERT: one file */
    const char *key;         /* CAPSA_KEY */
    const char *config_file; /* CAPSA_CONFIG_FILE */
    const char *memory;      /* the folder where managers are remembered (client_memory.h) */
};

/* How work that must not be killed half done learns that it shall stop. NULL: it is killed. */
struct capsa_cli_signals {
    volatile sig_atomic_t *caught; /* SIGINT, SIGTERM or SIGHUP; 0: none */
    void (*watch)(bool on);        /* from now on they are caught, or kill again */
};

int capsa_cli_main(int argc, char *const *argv, const struct capsa_cli_places *places,
                   const struct capsa_cli_signals *signals);

/* Of failures, errors.def; with one difference: what the manager says is not there, or there
 * already, is a refusal (2), while a file of this machine is wrong use (1). */
#define CAPSA_CLI_STATUS                                                                           \
    "0 done; 1 wrong use or bad input; 2 refused: by the manager, by a policy, or because\n"       \
    "something is not authentic; 3 and 4 attestation refused; 5 network or machine;\n"             \
    "10 a store was tampered with; 11 to 16 what is wrong with a log (capsa help audit);\n"        \
    "128 and more: stopped by a signal"
