/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence for the fakes to hand out: of genuine format, made for the report data that was asked
 * for. SGX and TDX quotes are signed by a simulated platform; the reports of SNP and CSV are signed
 * by nobody, which no attester looks at, but CSV's MAC is right.
 */
#pragma once

#include "evidence/evidence.h"

/* A quote, or an SNP report. `sim_dir` is what capsa_sim_init made. */
CAPSA_RESULT fake_evidence(enum capsa_platform platform, const char *sim_dir,
                           const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence);

/* The answer of a host's quoting service, with its length before it. */
CAPSA_RESULT fake_qgs_frame(capsa_bytes quote, capsa_buf *ret_frame);

#define FAKE_CSV_REPORT 2548
#define FAKE_CSV_SECRET 0x5a /* what its secret bytes hold */
/* As the firmware delivers it: masked, with a MAC under `mnonce`. */
CAPSA_RESULT fake_csv_report(const uint8_t report_data[CAPSA_REPORT_DATA], const uint8_t mnonce[16],
                             uint8_t ret_report[FAKE_CSV_REPORT]);
