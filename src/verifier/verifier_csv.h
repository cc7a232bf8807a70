/* SPDX-License-Identifier: Apache-2.0
 *
 * Hygon's certificates: root (HRK, the trust anchor), intermediate (HSK), and the key of one chip
 * (CEK). For verifier_csv.c, and for what judges a chain without a report.
 */
#pragma once

#include "evidence/evidence_csv.h"
#include "verifier/verifier.h"

/* Reads HSK and CEK in input->collateral and judges them under each anchor in turn; the one that
 * fits is noted in `verdict`. `ret_anchor` is its index for capsa_anchors_at. The CEK borrows from
 * the collateral. */
CAPSA_RESULT capsa_csv_chain_judge(const struct capsa_verify_input *input,
                                   struct capsa_verdict *verdict, size_t *ret_anchor,
                                   struct capsa_csv_cert *ret_cek);
