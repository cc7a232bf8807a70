/* SPDX-License-Identifier: Apache-2.0
 *
 * Verdicts as answers: what verbs that judge evidence read alike, and how they say what came of it.
 * On refusals too the verdict is the answer, and its exit status says of which kind it is.
 */
#pragma once

#include "appraisal/appraisal.h"
#include "cli/cli_verb.h"

/* ---- What was asked: errors are the caller's, USAGE where a file cannot be read -----------------
 */

CAPSA_RESULT capsa_cli_check_readable(const char *option, const char *path);
/* --time, or now; what is not above zero is handed out too (capsa_cli_refuse_time). */
CAPSA_RESULT capsa_cli_verdict_time(const struct capsa_cli *cli, capsa_time *ret_now);
/* --root, or the makers'. */
CAPSA_RESULT capsa_cli_anchors(const struct capsa_cli *cli, struct capsa_anchors **ret_anchors);
/* --policy, or the default one. Warns of what weakens it. */
CAPSA_RESULT capsa_cli_policy(struct capsa_cli *cli, struct capsa_appraisal_policy **ret_policy);

/* ---- The answer ---------------------------------------------------------------------------------
 */

/* "accepted", or what was refused and why. */
void capsa_cli_say_outcome(struct capsa_cli *cli, const struct capsa_verdict *verdict);
/* "name    value"; nothing where the value is empty. */
void capsa_cli_say_line(struct capsa_cli *cli, const char *name, const char *value);
/* What was found, line by line, and the claims. */
CAPSA_RESULT capsa_cli_say_findings(struct capsa_cli *cli, const struct capsa_verdict *verdict);

/* `json` (taken over) becomes the answer; the time of judging goes to it too. */
CAPSA_RESULT capsa_cli_set_verdict(struct capsa_cli *cli, struct capsa_json *json, capsa_time now);
/* A judging that returned `judged`: success where its answer is the verdict, and then the exit
 * status is set; else the error that says nothing about the evidence. */
CAPSA_RESULT capsa_cli_judged(struct capsa_cli *cli, const struct capsa_verdict *verdict,
                              capsa_result judged);
/* A verdict on --time itself, which is no time: said as wrong use, and the exit status is that. */
void capsa_cli_refuse_time(struct capsa_cli *cli, capsa_time now,
                           struct capsa_verdict *ret_verdict);
