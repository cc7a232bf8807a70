/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: configfs-tsm, the one interface of newer kernels (6.7 and later) to reports
 * of TDX and SEV-SNP guests. Source: contracts, quote-verification section 17.
 */
#pragma once

#include "attester/attester.h"

bool capsa_tsm_present(const struct capsa_attester_options *options);

/* A report by `provider` ("tdx_guest", "sev_guest"); any other is EVIDENCE. With `ret_auxblob` the
 * certificates beside it, which may be none. A directory of our own is made for each try and is
 * gone afterwards. */
CAPSA_RESULT capsa_tsm_collect(const struct capsa_attester_options *options, const char *provider,
                               const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_outblob,
                               capsa_buf *ret_auxblob);
