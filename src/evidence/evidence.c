/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw evidence: which platform's it is, by its bytes alone, and what is taken off it before anybody
 * sees it.
 */
#include "evidence/evidence.h"

#include "base/limits.h"
#include "base/reader.h"
#include "base/secret.h"
#include "evidence/evidence_csv.h"
#include "evidence/evidence_quote.h"
#include "evidence/evidence_snp.h"

#define INTEL_TDX        0x81u
#define INTEL_ECDSA_P256 2
#define INTEL_VENDOR_AT  12
#define CSV_PAGE_BYTES   4096
#define SNP_IOCTL_HEADER 32 /* status, size, and 24 bytes that are reserved */

static const uint8_t intel_vendor[] = {0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9,
                                       0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07};

void capsa_evidence_drop(capsa_evidence *evidence)
{
    capsa_buf_drop(&evidence->bytes);
}

/* ---- Intel ----------------------------------------------------------------------------------- */

struct intel_header {
    uint16_t version, key_type;
    uint32_t tee_type;
    bool has_vendor;
};

static bool read_intel_header(capsa_bytes bytes, struct intel_header *ret_header)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    struct intel_header header = {.has_vendor = false};
    if (capsa_failed(capsa_read_le16(&reader, &header.version)) ||
        capsa_failed(capsa_read_le16(&reader, &header.key_type)) ||
        capsa_failed(capsa_read_le32(&reader, &header.tee_type))) {
        return false;
    }
    capsa_bytes vendor = capsa_bytes_from(bytes, INTEL_VENDOR_AT);
    header.has_vendor = vendor.len >= sizeof(intel_vendor) &&
                        memcmp(vendor.data, intel_vendor, sizeof(intel_vendor)) == 0;
    *ret_header = header;
    return true;
}

static capsa_result intel_platform(const struct intel_header *header,
                                   enum capsa_platform *ret_platform)
{
    CAPSA_REQUIRE(header->tee_type == 0 || header->tee_type == INTEL_TDX, MALFORMED,
                  "an Intel quote, but its TEE type at offset 4 is 0x%08x: neither SGX (0) nor TDX "
                  "(0x81)",
                  header->tee_type);
    *ret_platform = header->tee_type == 0 ? CAPSA_PLATFORM_SGX : CAPSA_PLATFORM_TDX;
    return CAPSA_OK;
}

/* ---- Recognising ----------------------------------------------------------------------------- */

static const struct {
    size_t len;
    enum capsa_platform platform;
} lengths[] = {
    {CAPSA_SNP_REPORT_BYTES, CAPSA_PLATFORM_SNP},
    {CAPSA_SNP_REPORT_BYTES + SNP_IOCTL_HEADER, CAPSA_PLATFORM_SNP},
    {CAPSA_CSV_REPORT_BYTES, CAPSA_PLATFORM_CSV},
    {CSV_PAGE_BYTES, CAPSA_PLATFORM_CSV},
};

/* The vendor id of Intel's quoting enclaves first: a quote may be as long as a report. Then the
 * lengths, which no other report has. Last what looks like a quote of a vendor not known: its own
 * parser says what is wrong with it. */
CAPSA_RESULT capsa_evidence_recognise(capsa_bytes bytes, enum capsa_platform *ret_platform)
{
    struct intel_header header = {.has_vendor = false};
    bool is_long_enough = read_intel_header(bytes, &header);
    if (header.has_vendor) {
        return intel_platform(&header, ret_platform);
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        if (bytes.len == lengths[i].len) {
            *ret_platform = lengths[i].platform;
            return CAPSA_OK;
        }
    }
    if (is_long_enough && header.version >= 3 && header.version <= 5 &&
        header.key_type == INTEL_ECDSA_P256) {
        return intel_platform(&header, ret_platform);
    }
    CAPSA_FAIL(MALFORMED,
               "not evidence: %zu bytes without the header of an Intel quote, and not as long as "
               "an SNP report (%d) or a CSV report (%d)",
               bytes.len, CAPSA_SNP_REPORT_BYTES, CAPSA_CSV_REPORT_BYTES);
}

/* ---- Taking off ------------------------------------------------------------------------------ */

static bool is_zero(capsa_bytes bytes)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits |= bytes.data[i];
    }
    return bits == 0;
}

static capsa_result strip_snp(capsa_bytes *bytes)
{
    if (bytes->len == CAPSA_SNP_REPORT_BYTES) {
        return CAPSA_OK;
    }
    struct capsa_reader reader = capsa_reader_of(*bytes);
    uint32_t status;
    uint32_t size;
    CAPSA_TRY(capsa_read_le32(&reader, &status));
    CAPSA_TRY(capsa_read_le32(&reader, &size));
    CAPSA_REQUIRE(status == 0 && size == CAPSA_SNP_REPORT_BYTES, MALFORMED,
                  "SNP report behind the header of an ioctl: status %u and size %u, wanted 0 and "
                  "%d",
                  status, size, CAPSA_SNP_REPORT_BYTES);
    *bytes = capsa_bytes_from(*bytes, SNP_IOCTL_HEADER);
    return CAPSA_OK;
}

static capsa_result strip_csv(capsa_bytes *bytes)
{
    CAPSA_REQUIRE(is_zero(capsa_bytes_from(*bytes, CAPSA_CSV_REPORT_BYTES)), MALFORMED,
                  "CSV report in a page: bytes from offset %d on are not zero",
                  CAPSA_CSV_REPORT_BYTES);
    bytes->len = CAPSA_CSV_REPORT_BYTES;
    return CAPSA_OK;
}

static capsa_result strip(enum capsa_platform platform, capsa_bytes *bytes)
{
    switch (platform) {
    case CAPSA_PLATFORM_SNP:
        return strip_snp(bytes);
    case CAPSA_PLATFORM_CSV:
        return strip_csv(bytes);
    default:
        return CAPSA_OK;
    }
}

CAPSA_RESULT capsa_evidence_of_bytes(capsa_bytes bytes, capsa_evidence *ret_evidence)
{
    CAPSA_REQUIRE(bytes.len <= CAPSA_LIMIT_evidence_bytes, TOO_LARGE,
                  "evidence of %zu bytes, at most %d", bytes.len, CAPSA_LIMIT_evidence_bytes);
    enum capsa_platform platform = CAPSA_PLATFORM_NONE;
    CAPSA_TRY(capsa_evidence_recognise(bytes, &platform));
    CAPSA_TRY(strip(platform, &bytes));
    capsa_buf copy = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_TRY(capsa_buf_append(&copy, bytes));
    if (platform == CAPSA_PLATFORM_CSV) {
        capsa_wipe(copy.data + CAPSA_CSV_SECRET_OFFSET, CAPSA_CSV_SECRET_BYTES);
    }
    *ret_evidence = (capsa_evidence){platform, copy};
    return CAPSA_OK;
}

/* ---- Claims ---------------------------------------------------------------------------------- */

static capsa_result quote_claims(capsa_bytes bytes, struct capsa_claims *ret_claims)
{
    struct capsa_quote quote;
    CAPSA_TRY(capsa_quote_parse(bytes, &quote));
    return capsa_quote_claims(&quote, ret_claims);
}

static capsa_result snp_claims(capsa_bytes bytes, struct capsa_claims *ret_claims)
{
    struct capsa_snp_report report;
    CAPSA_TRY(capsa_snp_report_parse(bytes, &report));
    return capsa_snp_claims(&report, ret_claims);
}

static capsa_result csv_claims(capsa_bytes bytes, struct capsa_claims *ret_claims)
{
    struct capsa_csv_report report;
    CAPSA_TRY(capsa_csv_report_parse(bytes, &report));
    return capsa_csv_claims(&report, ret_claims);
}

CAPSA_RESULT capsa_evidence_claims(enum capsa_platform platform, capsa_bytes bytes,
                                   struct capsa_claims *ret_claims)
{
    static capsa_result (*const makers[CAPSA_PLATFORM_COUNT])(capsa_bytes,
                                                              struct capsa_claims *) = {
        [CAPSA_PLATFORM_SGX] = quote_claims,
        [CAPSA_PLATFORM_TDX] = quote_claims,
        [CAPSA_PLATFORM_SNP] = snp_claims,
        [CAPSA_PLATFORM_CSV] = csv_claims,
    };
    CAPSA_REQUIRE((size_t)platform < CAPSA_PLATFORM_COUNT && makers[platform] != NULL, INTERNAL,
                  "claims of no platform");
    struct capsa_claims claims;
    CAPSA_TRY(makers[platform](bytes, &claims));
    CAPSA_REQUIRE(claims.platform == platform, MALFORMED, "evidence of %s, where %s was stated",
                  capsa_platform_what(claims.platform), capsa_platform_what(platform));
    *ret_claims = claims;
    return CAPSA_OK;
}
