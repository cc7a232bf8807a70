/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: the two steps of work of a session, apart from who waits for them. Neither
 * touches libssl; both block.
 */
#pragma once

#include "ratls/ratls_session.h"

/* Evidence that binds `report_data`, as a unified report, appended: a Passport when the attester
 * hands out whole collateral, else a BackgroundCheck. */
CAPSA_RESULT capsa_ratls_proof_make(const struct capsa_ratls_attester *attester,
                                    const uint8_t report_data[CAPSA_REPORT_DATA],
                                    capsa_buf *ret_report);

/* What a peer showed. */
struct capsa_ratls_shown {
    capsa_bytes certificate;    /* DER; empty: none */
    const uint8_t *spki;        /* SHA-256 of its key, as this end's transcript has it */
    bool is_bound;              /* evidence of the session is wanted too: */
    capsa_bytes evidence;       /* a unified report; empty: none */
    const uint8_t *report_data; /* what it has to bind */
};
struct capsa_ratls_judge_by {
    struct capsa_ratls_rules rules;
    const struct capsa_ratls_appraiser *appraiser;
    const capsa_collateral *collateral; /* for peers that bring none; may be empty */
    capsa_time now;
};
/* The certificate, then the evidence of the session: success is accepted. *ret_report is zeroed
 * first. When accepted, its verdict is the session's evidence's where there is one, because the
 * certificate's was made earlier. */
CAPSA_RESULT capsa_ratls_proof_judge(const struct capsa_ratls_shown *shown,
                                     const struct capsa_ratls_judge_by *by,
                                     struct capsa_ratls_report *ret_report);
