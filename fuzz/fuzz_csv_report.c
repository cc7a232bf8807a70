/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: a Hygon CSV report, or one of Hygon's certificates, from anywhere. Reading a report
 * twice gives the same and changes nothing, and its secret bytes do not come out.
 */
#include <stdlib.h>

#include "evidence/evidence_csv.h"
#include "evidence/evidence_show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void try_certificates(capsa_bytes bytes)
{
    struct capsa_csv_root_cert root;
    struct capsa_csv_cert cert;
    if (!capsa_failed(capsa_csv_root_cert_parse(bytes, &root))) {
        must(root.key.user_id.len <= 254 && root.signed_region.len == 576);
    }
    if (!capsa_failed(capsa_csv_cert_parse(bytes, &cert))) {
        must(cert.key.user_id.len <= 254 && cert.signed_region.len == 1044);
    }
}

/* Shown with these secret bytes and with others, a report looks the same. */
static void must_keep_its_secret(capsa_bytes bytes)
{
    uint8_t other[4096];
    CAPSA_AUTO(capsa_buf) first = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) second = capsa_buf_of(MIB(1));
    struct capsa_json *json = NULL;
    must(bytes.len <= sizeof(other));
    memcpy(other, bytes.data, bytes.len);
    for (size_t i = 0; i < CAPSA_CSV_SECRET_BYTES; i++) {
        other[CAPSA_CSV_SECRET_OFFSET + i] ^= 0xff;
    }
    must(!capsa_failed(capsa_evidence_show(CAPSA_PLATFORM_CSV, bytes, &json)));
    must(!capsa_failed(capsa_json_write(json, CAPSA_JSON_COMPACT, &first)));
    capsa_json_free(json);
    must(!capsa_failed(
        capsa_evidence_show(CAPSA_PLATFORM_CSV, capsa_bytes_of(other, bytes.len), &json)));
    must(!capsa_failed(capsa_json_write(json, CAPSA_JSON_COMPACT, &second)));
    capsa_json_free(json);
    must(capsa_bytes_equal(capsa_buf_bytes(&first), capsa_buf_bytes(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_csv_report report = {.policy = 77}, again = {0};
    struct capsa_claims claims;
    struct capsa_json *json = NULL;
    const capsa_bytes bytes = capsa_bytes_of(data, size);
    try_certificates(bytes);
    if (capsa_failed(capsa_csv_report_parse(bytes, &report))) {
        must(report.policy == 77); /* outputs are untouched on failure */
        return 0;
    }
    must(!capsa_failed(capsa_csv_report_parse(bytes, &again)));
    must(memcmp(report.pek, again.pek, sizeof(report.pek)) == 0);
    must(memcmp(report.user_data, again.user_data, sizeof(report.user_data)) == 0);
    must(!capsa_failed(capsa_csv_claims(&report, &claims)));
    must(capsa_claims_report_data(&claims).len == 64);
    must(!capsa_failed(capsa_claims_json(&claims, &json)));
    capsa_json_free(json);
    must_keep_its_secret(bytes);
    try_certificates(capsa_bytes_of(report.pek, sizeof(report.pek)));
    return 0;
}
