/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `capsa`: everything but its main(), which hands over the words it was called with and
 * what the environment says about where things are. Prints to standard output and error, and
 * returns the exit status: 0 done, 1 wrong use or bad input, 2 denied, 5 network or machine
 * (base/errors.def has them all).
 */
#pragma once

/* All may be NULL. Where things are, never what is allowed. */
struct capsa_cli_places {
    const char *host;        /* CAPSA_HOST */
    const char *cert;        /* CAPSA_CERT: one file */
    const char *key;         /* CAPSA_KEY */
    const char *config_file; /* CAPSA_CONFIG_FILE */
};

int capsa_cli_main(int argc, char *const *argv, const struct capsa_cli_places *places);
