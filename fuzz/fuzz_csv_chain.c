/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that a CSV report is verified with, one behind the other: root (HRK) 832 bytes, HSK
 * 832, CEK 2084, and the report. The verifier never accepts by itself, names the check that fails,
 * and gives the same answer twice.
 */
#include <stdlib.h>

#include "evidence/evidence_csv.h"
#include "verifier/verifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static capsa_bytes take(capsa_bytes *rest, size_t len)
{
    capsa_bytes taken = capsa_bytes_of(rest->data, len < rest->len ? len : rest->len);
    *rest = capsa_bytes_from(*rest, taken.len);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    capsa_bytes rest = capsa_bytes_of(data, size);
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    if (capsa_failed(capsa_anchors_new_custom(take(&rest, CAPSA_CSV_ROOT_CERT_BYTES), &anchors))) {
        return 0;
    }
    CAPSA_AUTO(capsa_buf) hsk = capsa_buf_of(CAPSA_CSV_ROOT_CERT_BYTES);
    CAPSA_AUTO(capsa_buf) cek = capsa_buf_of(CAPSA_CSV_CERT_BYTES);
    must(!capsa_failed(capsa_buf_append(&hsk, take(&rest, CAPSA_CSV_ROOT_CERT_BYTES))));
    must(!capsa_failed(capsa_buf_append(&cek, take(&rest, CAPSA_CSV_CERT_BYTES))));
    const capsa_collateral collateral = {.csv_hsk = hsk, .csv_cek = cek};
    const struct capsa_verify_input input = {
        .platform = CAPSA_PLATFORM_CSV,
        .evidence = rest,
        .collateral = &collateral,
        .now = 1,
        .anchors = anchors,
    };
    struct capsa_verdict first, second;
    bool failed = capsa_failed(capsa_verify(&input, &first));
    must(failed == (first.failed_check != CAPSA_CHECK_NONE) && !first.accepted);
    must(failed == capsa_failed(capsa_verify(&input, &second)));
    must(memcmp(&first, &second, sizeof(first)) == 0);
    return 0;
}
