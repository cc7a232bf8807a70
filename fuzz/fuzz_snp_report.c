/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: an SEV-SNP report from anywhere. Whatever parses claims something, and can be shown.
 */
#include <stdlib.h>

#include "evidence/evidence_show.h"
#include "evidence/evidence_snp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_snp_report report = {.version = 77};
    struct capsa_claims claims;
    struct capsa_json *json = NULL;
    const capsa_bytes bytes = capsa_bytes_of(data, size);
    if (capsa_failed(capsa_snp_report_parse(bytes, &report))) {
        must(report.version == 77); /* outputs are untouched on failure */
        return 0;
    }
    must(report.version >= 2 && report.version <= 5);
    must(report.signed_region.data == data + (size - CAPSA_SNP_REPORT_BYTES));
    must(!capsa_failed(capsa_snp_claims(&report, &claims)));
    must(capsa_claims_report_data(&claims).len == 64);
    must(!capsa_failed(capsa_claims_json(&claims, &json)));
    capsa_json_free(json);
    must(!capsa_failed(capsa_evidence_show(CAPSA_PLATFORM_SNP, bytes, &json)));
    capsa_json_free(json);
    return 0;
}
