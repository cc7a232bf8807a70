/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence from options and config file: what a manager has to show before anything is sent to it,
 * and how this program makes its own.
 */
#pragma once

#include "cli/cli_verb.h"
#include "client/client.h"

/* Borrowed by a client; start from {0}. */
typedef struct capsa_cli_evidence {
    struct capsa_appraiser *appraiser;
    struct capsa_client_trust trust;
    struct capsa_attester_options where;
    capsa_collateral collateral;
    bool has_collateral;
    struct capsa_client_attest attest;
} capsa_cli_evidence;
void capsa_cli_evidence_drop(capsa_cli_evidence *evidence); /* callable twice, and on zeros */

/* --manager-policy, or tee_plat and tee_constraints of the config file: options->trust. What a
 * manager is known by beside (a pinned id) is in `options` already. */
CAPSA_RESULT capsa_cli_trust(struct capsa_cli *cli, capsa_cli_evidence *evidence,
                             struct capsa_client_options *options);

/* --platform and what goes with it, of verbs that carry evidence: options->attest. */
CAPSA_RESULT capsa_cli_attest(struct capsa_cli *cli, capsa_cli_evidence *evidence,
                              struct capsa_client_options *options);

/* The makers', and the root of a simulated platform; UNSUPPORTED in builds without simulation. */
CAPSA_RESULT capsa_cli_sim_anchors(const char *path, struct capsa_anchors **ret_anchors);

/* All that --collateral names, in place of what is there; without the option that stays. */
CAPSA_RESULT capsa_cli_read_collateral(const struct capsa_cli *cli, capsa_collateral *collateral);

#define CAPSA_CLI_INTERFACE_OPTIONS                                                                \
    {"qgs", "ADDRESS",                                                                             \
     "of tdx: the host's quoting service, vsock:CID:PORT or unix:PATH; otherwise "                 \
     "/etc/tdx-attest.conf",                                                                       \
     0},                                                                                           \
    {                                                                                              \
        "sys-root", "DIR", "put before the path of every interface of the kernel", 0               \
    }

/* By the name that --platform has; USAGE says which there are. And where its interfaces stand, by
 * --sys-root, --qgs, --sim-dir, --sim-code. */
CAPSA_RESULT capsa_cli_attester_find(const char *name, const struct capsa_attester **ret_attester);
struct capsa_attester_options capsa_cli_attester_options(const struct capsa_cli *cli);
/* Without --platform: USAGE if another of these options, which it goes with, was given. */
CAPSA_RESULT capsa_cli_check_no_platform(const struct capsa_cli *cli,
                                         const struct capsa_cli_option *options);

extern const struct capsa_cli_option capsa_cli_trust_options[];  /* of all that call a manager */
extern const struct capsa_cli_option capsa_cli_attest_options[]; /* of CAPSA_CLI_ATTESTS */

/* What weakens a policy is told whenever it is used. */
void capsa_cli_warn_insecure(struct capsa_cli *cli, const char *path,
                             const struct capsa_appraisal_policy *policy);
