/* SPDX-License-Identifier: Apache-2.0
 *
 * The forged-evidence lab: simulated evidence and collateral with chosen things wrong, and the
 * verdict that a right verifier gives. Each wrong thing is a knob (attester_sim_knobs.def); the
 * corpus is a table of cases, named by the regression that they stand for. Not in builds with
 * -Dsimulation=disabled.
 */
#pragma once

#include "attester/attester_sim.h"

struct capsa_sim_knob {
    const char *name;
    const char *takes; /* what the help calls its argument; NULL: none */
    const char *what;
};
const struct capsa_sim_knob *capsa_sim_knob_at(size_t index); /* NULL behind the last */

/* A knob with its argument ("" for none). */
struct capsa_sim_turn {
    const char *knob, *value;
};

/* One piece of wrong evidence and all that is needed to refuse it. */
typedef struct capsa_sim_forgery {
    enum capsa_platform platform;
    capsa_buf evidence;
    capsa_collateral collateral;
    capsa_buf root;         /* PEM of the anchor; empty: verify with the vendors' anchors */
    capsa_buf policy;       /* JSON text of an appraisal policy; empty: the default one */
    capsa_buf expected;     /* JSON text: verdict, failed_check, exit, ... */
    capsa_time verify_time; /* when it is to be verified */
    const char *check;      /* the check that it must fail; "": none, it must be accepted */
    int exit;               /* of capsa verify: 0, 2, 3, 4 */
    const char *tcb_status; /* that the verdict must hold; NULL: not said */
    bool binds;             /* report_data is what the verifier is told to expect */
    uint8_t report_data[CAPSA_REPORT_DATA];
} capsa_sim_forgery;
void capsa_sim_forgery_drop(capsa_sim_forgery *forgery);

/* What the turns make, for a verifier whose time is `now`. The platform's folder must have been
 * made before `now`. USAGE names the knob that was not understood. */
CAPSA_RESULT capsa_sim_forge(const struct capsa_sim *sim, capsa_time now,
                             const struct capsa_sim_turn *turns, size_t count,
                             capsa_sim_forgery *ret_forgery);

#define CAPSA_SIM_CASE_TURNS 6
struct capsa_sim_case {
    const char *id; /* "A1_qe_mrsigner" */
    struct capsa_sim_turn turns[CAPSA_SIM_CASE_TURNS];
    const char *check;      /* NULL: what its knobs lead to */
    const char *policy;     /* JSON; NULL: the default policy */
    const char *tcb_status; /* NULL: not said */
};
const struct capsa_sim_case *capsa_sim_case_at(size_t index); /* NULL behind the last */
CAPSA_RESULT capsa_sim_case_make(const struct capsa_sim *sim, capsa_time now,
                                 const struct capsa_sim_case *wanted,
                                 capsa_sim_forgery *ret_forgery);

/* Its collateral as JSON (QuoteCollateralV3), appended. */
CAPSA_RESULT capsa_sim_forgery_collateral(const capsa_sim_forgery *forgery, capsa_buf *ret_text);
/* evidence.bin, collateral.json, root.pem, policy.json, expected.json in `dir`, which is made and
 * must not exist; empty ones are left out. */
CAPSA_RESULT capsa_sim_forgery_save(const capsa_sim_forgery *forgery, const char *dir);
/* Every case of the corpus in a folder of its name below `dir`, which is made and must not exist.
 */
CAPSA_RESULT capsa_sim_corpus_save(const struct capsa_sim *sim, capsa_time now, const char *dir,
                                   size_t *ret_count);
