/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs of capsa ratls, and what they share: whose evidence is made, and by what the evidence
 * of others is judged. Options of the two kinds come with CAPSA_CLI_PROVES and CAPSA_CLI_JUDGES in
 * a verb's flags (cli_verb.h), and are read here.
 */
#pragma once

#include "appraisal/appraisal.h"
#include "attester/attester.h"
#include "cli/cli_verb.h"
#include "collateral/collateral_source.h"
#include "ratls/ratls_identity.h"

/* cli_ratls_cert.c */
extern const struct capsa_cli_option capsa_cli_ratls_cert_options[];
extern const struct capsa_cli_option capsa_cli_ratls_verify_options[];
capsa_result capsa_cli_ratls_cert(struct capsa_cli *cli);
capsa_result capsa_cli_ratls_show(struct capsa_cli *cli);
capsa_result capsa_cli_ratls_verify(struct capsa_cli *cli);
/* cli_ratls_proxy.c */
extern const struct capsa_cli_option capsa_cli_ratls_serve_options[];
extern const struct capsa_cli_option capsa_cli_ratls_connect_options[];
extern const struct capsa_cli_option capsa_cli_ratls_proxy_options[];
capsa_result capsa_cli_ratls_serve(struct capsa_cli *cli);
capsa_result capsa_cli_ratls_connect(struct capsa_cli *cli);
capsa_result capsa_cli_ratls_proxy(struct capsa_cli *cli);

/* ---- Evidence of this program: options of CAPSA_CLI_PROVES --------------------------------------
 * --platform, --sys-root, --qgs, --sim-dir, --sim-code; --key, --forms, --hash, --wide, --life,
 * --endorsements, --endorsements-from; and --nonce where the verb has it. */

extern const struct capsa_cli_option capsa_cli_prove_options[];

typedef struct capsa_cli_prover {
    const struct capsa_attester *attester; /* NULL: --platform was not given */
    struct capsa_attester_options where;
    struct capsa_ratls_attester made; /* for identities; its context is this struct */
    struct capsa_ratls_profile profile;
    capsa_buf nonce;               /* the profile's */
    const char *endorsements_from; /* read whenever evidence is made; NULL: as it comes */
} capsa_cli_prover;
/* Start from {0}. It must stay where it is, and outlive what it is handed to. Without --platform
 * the other options are refused (USAGE), and `attester` is NULL. */
CAPSA_RESULT capsa_cli_prover_read(struct capsa_cli *cli, capsa_cli_prover *prover);
/* The same, and --platform is needed. */
CAPSA_RESULT capsa_cli_prover_need(struct capsa_cli *cli, capsa_cli_prover *prover);
void capsa_cli_prover_drop(capsa_cli_prover *prover); /* callable twice, and on zeros */

/* ---- Evidence of others: options of CAPSA_CLI_JUDGES --------------------------------------------
 * --policy, --root, --sim-root, --collateral; --fetch and how: --pccs-url, --qcnl, ... */

extern const struct capsa_cli_option capsa_cli_judge_options[];

typedef struct capsa_cli_judge {
    struct capsa_appraiser *appraiser;
    const struct capsa_appraisal_policy *policy; /* the appraiser's */
    bool has_policy;                             /* --policy was given */
    bool must_pin; /* refuse accepted evidence of which the policy does not say which code it is */
    struct capsa_ratls_appraiser judge; /* for ratls/; its context is this struct */
    capsa_collateral collateral;        /* of --collateral */
    bool has_collateral;
    struct capsa_collateral_store *store; /* NULL: nothing is fetched */
    const char *sim_dir; /* a simulated platform's folder, whose collateral is read; or NULL */
} capsa_cli_judge;
/* Start from {0}; it must stay where it is. Warns of what weakens the policy. `must_pin`: unless
 * --insecure-unpinned-peer was given (which the verb has among its options then); a policy that
 * pins no code on any platform is USAGE at once. */
CAPSA_RESULT capsa_cli_judge_read(struct capsa_cli *cli, bool must_pin, capsa_cli_judge *judge);
void capsa_cli_judge_drop(capsa_cli_judge *judge); /* callable twice, and on zeros */
/* What a peer, or a certificate, was found to be, as capsa verify says it; lines about the
 * certificate beside it. The same goes to -o json by capsa_ratls_report_json. */
CAPSA_RESULT capsa_cli_say_report(struct capsa_cli *cli, const struct capsa_ratls_report *report);
