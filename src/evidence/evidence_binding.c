/* SPDX-License-Identifier: Apache-2.0
 *
 * What evidence binds. Native report data fills all 64 bytes and names its purpose, so that none of
 * it is good for another; the originals' has a zero upper half, so that the two never meet.
 */
#include "base/limits.h"
#include "crypto/crypto.h"
#include "crypto/crypto_evidence.h"
#include "evidence/evidence.h"

#define FIELDS_MAX 16

CAPSA_RESULT capsa_report_data_native(const char *purpose, const capsa_bytes *fields, size_t count,
                                      uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    CAPSA_REQUIRE(purpose[0] != '\0', INTERNAL, "report data without a purpose");
    CAPSA_REQUIRE(count <= FIELDS_MAX, TOO_LARGE, "report data: %zu fields, at most %d", count,
                  FIELDS_MAX);
    capsa_bytes parts[FIELDS_MAX + 2] = {CAPSA_BYTES_LITERAL("capsa/1"), capsa_bytes_str(purpose)};
    for (size_t i = 0; i < count; i++) {
        parts[i + 2] = fields[i];
    }
    capsa_sha512_parts(parts, count + 2, ret_report_data);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_report_data_original(const capsa_bytes *parts, size_t count,
                                        uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    CAPSA_AUTO(capsa_buf) joined = capsa_buf_of((size_t)CAPSA_LIMIT_grpc_message * 2);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(capsa_buf_str(&joined, i == 0 ? "" : "."));
        CAPSA_TRY(capsa_buf_append(&joined, parts[i]));
    }
    capsa_sha256(capsa_buf_bytes(&joined), ret_report_data);
    memset(ret_report_data + CAPSA_SHA256, 0, CAPSA_REPORT_DATA - CAPSA_SHA256);
    return CAPSA_OK;
}
