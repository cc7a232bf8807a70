/* SPDX-License-Identifier: Apache-2.0
 *
 * A platform that is made up, for sessions in which its evidence is not what counts: a report that
 * says nothing but what it binds, and an appraiser that looks at nothing else.
 */
#pragma once

#include <string.h>

#include "evidence/evidence_snp.h"
#include "ratls/ratls_channel.h"

static inline capsa_result bare_collect(void *context, const uint8_t report_data[CAPSA_REPORT_DATA],
                                        capsa_buf *ret_evidence, capsa_collateral *ret_collateral)
{
    (void)context;
    (void)ret_collateral;
    uint8_t report[CAPSA_SNP_REPORT_BYTES] = {2};
    report[10] = 2;   /* the bit of the policy that is always set */
    report[0x34] = 1; /* ECDSA P-384 with SHA-384 */
    memcpy(report + 0x50, report_data, CAPSA_REPORT_DATA);
    return capsa_buf_append(ret_evidence, capsa_bytes_of(report, sizeof(report)));
}

static inline capsa_result bare_judge(void *context, enum capsa_platform platform,
                                      capsa_bytes evidence, const capsa_collateral *shipped,
                                      capsa_time now, const uint8_t *report_data,
                                      struct capsa_verdict *verdict)
{
    (void)context;
    (void)shipped;
    (void)now;
    CAPSA_JUDGE_TRY(verdict, FORMAT, capsa_evidence_claims(platform, evidence, &verdict->claims));
    CAPSA_JUDGE(verdict, REPORT_DATA,
                capsa_bytes_equal(capsa_claims_report_data(&verdict->claims),
                                  capsa_bytes_of(report_data, CAPSA_REPORT_DATA)),
                "another one");
    verdict->accepted = true;
    return CAPSA_OK;
}
