/* SPDX-License-Identifier: Apache-2.0
 *
 * Where collateral is fetched from: options that every verb takes that fetches some, and their
 * reading.
 */
#pragma once

#include "cli/cli_verb.h"
#include "collateral/collateral_qcnl.h"
#include "collateral/collateral_source.h"

#define CAPSA_CLI_FETCH_OPTIONS                                                                    \
    {"pccs-url", "URL", "ask this PCCS (https://HOST:8081); without, Intel's PCS is asked", 0},    \
        {"qcnl", "FILE", "take the PCCS from this file (/etc/sgx_default_qcnl.conf)", 0},          \
        {"root-crl-url", "URL", "where the revocation list of Intel's root is", 0},                \
        {"kds-url", "URL", "ask this in place of AMD's https://kdsintf.amd.com", 0},               \
        {"hygon-url", "URL", "ask this in place of https://cert.hygon.cn", 0},                     \
        {"ca-file", "FILE", "trust these certificates of TLS servers, and no others (PEM)", 0},    \
        {"insecure-tls", NULL, "believe whoever answers to be the server", 0},                     \
        {"bundle", "FILE|DIR", "ask nobody: take it from what capsa collateral bundle wrote", 0},  \
        {"cache-dir", "DIR", "keep answers here, and take them from here while they are fresh",    \
         0},                                                                                       \
        {"max-age", "SECONDS", "fetch anew what is older; half of its life", 0},                   \
        {"stale-while-error", NULL, "take what is older, and still valid, when the server fails",  \
         0},                                                                                       \
    {                                                                                              \
        "timeout", "SECONDS", "for each request; 10", 0                                            \
    }

/* Borrows from the command line. Start from {0}. */
typedef struct capsa_cli_fetch {
    capsa_qcnl qcnl;
    struct capsa_collateral_options options;
} capsa_cli_fetch;
void capsa_cli_fetch_drop(capsa_cli_fetch *fetch); /* callable twice, and on zeros */
/* Warns of what weakens it. */
CAPSA_RESULT capsa_cli_fetch_read(struct capsa_cli *cli, capsa_cli_fetch *fetch);
/* The first of these options that was given; NULL: none. */
const char *capsa_cli_fetch_given(const struct capsa_cli *cli);
