/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of evidence: raw bytes or unified reports. What is read is written, read again, and must be
 * the same; the secret bytes of a CSV report never come out.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "evidence/evidence.h"
#include "evidence/evidence_csv.h"

static void check_secret(const capsa_evidence *evidence)
{
    uint8_t bits = 0;
    for (size_t i = 0;
         evidence->platform == CAPSA_PLATFORM_CSV && i < (size_t)CAPSA_CSV_SECRET_BYTES; i++) {
        bits |= evidence->bytes.data[CAPSA_CSV_SECRET_OFFSET + i];
    }
    if (bits != 0) {
        abort();
    }
}

static void check_again(const capsa_evidence *evidence, const capsa_collateral *collateral)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of((size_t)CAPSA_LIMIT_ual_bytes);
    if (capsa_failed(capsa_ual_write(evidence->platform, capsa_buf_bytes(&evidence->bytes),
                                     collateral, &text))) {
        return; /* incomplete collateral, or a report that is none within */
    }
    CAPSA_AUTO(capsa_evidence) again = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) collateral_again;
    capsa_collateral_init(&collateral_again);
    enum capsa_report_type type;
    if (capsa_failed(capsa_ual_parse(capsa_buf_bytes(&text), &again, &collateral_again, &type)) ||
        !capsa_bytes_equal(capsa_buf_bytes(&again.bytes), capsa_buf_bytes(&evidence->bytes))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    capsa_result result =
        capsa_evidence_parse(capsa_bytes_of(data, size), &evidence, &collateral, NULL);
    if (capsa_failed(result) != (evidence.platform == CAPSA_PLATFORM_NONE)) {
        abort();
    }
    if (!capsa_failed(result)) {
        check_secret(&evidence);
        check_again(&evidence, &collateral);
        struct capsa_claims claims;
        capsa_ignore(
            capsa_evidence_claims(evidence.platform, capsa_buf_bytes(&evidence.bytes), &claims),
            "any bytes may come");
    }
    return 0;
}
