/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: every attester there can be. Which of them a build has is the table's
 * business (attester.c).
 */
#pragma once

#include "attester/attester.h"

extern const struct capsa_attester capsa_attester_sgx, capsa_attester_tdx, capsa_attester_snp,
    capsa_attester_csv;
extern const struct capsa_attester capsa_attester_sim_sgx, capsa_attester_sim_tdx;
