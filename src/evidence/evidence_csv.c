/* SPDX-License-Identifier: Apache-2.0
 *
 * Hygon CSV reports of version 1 (evidence_csv.h). They come masked: every word of theirs XOR one
 * number, anonce, that stands in the clear beside them. It is taken off in a copy, never in place:
 * the signature is over what was delivered, and the same report must read the same twice.
 *
 * Version 2 has neither mask nor version field. It is told by its length, by what stands where
 * version 1 has padding, or by the request that it lies in, and is refused by name.
 */
#include "evidence/evidence_csv.h"

#include "base/reader.h"
#include "base/secret.h"
#include "crypto/crypto_evidence.h"
#include "evidence/evidence_layout.h"

#define PAGE            4096
#define V2_REPORT_BYTES 3380
#define V2_MAGIC        "ATTESTATION_EXT"
#define ANONCE_OFFSET   188
#define PEK_OFFSET      336
#define SCALAR          72
#define MAC_OFFSET      2516
#define CHIP_ID_BYTES   64

static const struct capsa_layout_bits policy_bits = {
    0xffffff00, /* versions of HSK, CEK and the interface */
    {{0, "nodbg"},
     {1, "noks"},
     {2, "es"},
     {3, "nosend"},
     {4, "domain"},
     {5, "csv"},
     {6, "csv3"},
     {7, "asid_reuse"}},
};

#define NONE CAPSA_LAYOUT_NOWHERE
#define FIELD(member, size, kind)                                                                  \
    {                                                                                              \
#member, size, CAPSA_LAYOUT_##kind, offsetof(struct capsa_csv_report, member), 0, NULL     \
    }
/* Of a report that was unmasked. */
const struct capsa_layout capsa_csv_report_layout[] = {
    FIELD(user_pubkey_digest, 32, COPY),
    FIELD(vm_id, 16, COPY),
    FIELD(vm_version, 16, COPY),
    FIELD(user_data, 64, COPY),
    FIELD(mnonce, 16, COPY),
    FIELD(measure, 32, COPY),
    {"policy", 4, CAPSA_LAYOUT_NUMBER, offsetof(struct capsa_csv_report, policy), 0, &policy_bits},
    FIELD(sig_usage, 4, NUMBER),
    FIELD(sig_algo, 4, NUMBER),
    FIELD(anonce, 4, NUMBER),
    {"signature_r", SCALAR, CAPSA_LAYOUT_SCALAR, offsetof(struct capsa_csv_report, signature), 32,
     NULL},
    {"signature_s", SCALAR, CAPSA_LAYOUT_SCALAR, offsetof(struct capsa_csv_report, signature) + 32,
     32, NULL},
    FIELD(pek, CAPSA_CSV_CERT_BYTES, COPY),
    FIELD(chip_id, CHIP_ID_BYTES, COPY),
    {"reserved", CAPSA_CSV_SECRET_BYTES, CAPSA_LAYOUT_SECRET, NONE, 0, NULL},
    {"mac", 32, CAPSA_LAYOUT_BYTES, NONE, 0, NULL},
    {0},
};

/* ---- Which form ------------------------------------------------------------------------------ */

static bool is_version_2(capsa_bytes bytes)
{
    const capsa_bytes magic = capsa_bytes_of(V2_MAGIC, sizeof(V2_MAGIC)); /* with its NUL */
    if (bytes.len >= magic.len && capsa_bytes_equal(capsa_bytes_of(bytes.data, magic.len), magic)) {
        return true;
    }
    return bytes.len == V2_REPORT_BYTES ||
           (bytes.len == PAGE &&
            !capsa_all_zero(capsa_bytes_of(bytes.data + CAPSA_CSV_REPORT_BYTES,
                                           V2_REPORT_BYTES - CAPSA_CSV_REPORT_BYTES)) &&
            capsa_all_zero(capsa_bytes_from(bytes, V2_REPORT_BYTES)));
}

/* The 2548 bytes of the report, without padding. */
static capsa_result find_report(capsa_bytes bytes, capsa_bytes *ret_report)
{
    CAPSA_REQUIRE(!is_version_2(bytes), UNSUPPORTED,
                  "%zu bytes of version 2 (ATTESTATION_EXT, CSV3), which is not supported; version "
                  "1 has %d",
                  bytes.len, CAPSA_CSV_REPORT_BYTES);
    CAPSA_REQUIRE(bytes.len >= CAPSA_CSV_REPORT_BYTES, TRUNCATED, "%zu bytes; a report has %d",
                  bytes.len, CAPSA_CSV_REPORT_BYTES);
    CAPSA_REQUIRE(bytes.len == CAPSA_CSV_REPORT_BYTES || bytes.len == PAGE, MALFORMED,
                  "%zu bytes; a report has %d, or %d when it is padded", bytes.len,
                  CAPSA_CSV_REPORT_BYTES, PAGE);
    CAPSA_REQUIRE(capsa_all_zero(capsa_bytes_from(bytes, CAPSA_CSV_REPORT_BYTES)), MALFORMED,
                  "bytes behind offset %d are no padding of zeros", CAPSA_CSV_REPORT_BYTES);
    *ret_report = capsa_bytes_of(bytes.data, CAPSA_CSV_REPORT_BYTES);
    return CAPSA_OK;
}

/* ---- Unmasking ------------------------------------------------------------------------------- */

static void unmask(capsa_bytes report, size_t from, size_t to, uint8_t *plain)
{
    for (size_t i = from; i < to; i++) {
        plain[i] = report.data[i] ^ report.data[ANONCE_OFFSET + i % 4];
    }
}

CAPSA_RESULT capsa_csv_report_unmask(capsa_bytes bytes, uint8_t ret_plain[CAPSA_CSV_REPORT_BYTES])
{
    capsa_bytes report;
    CAPSA_TRY_AT(find_report(bytes, &report), "CSV report");
    unmask(report, 0, ANONCE_OFFSET, ret_plain);
    memcpy(ret_plain + ANONCE_OFFSET, report.data + ANONCE_OFFSET, PEK_OFFSET - ANONCE_OFFSET);
    unmask(report, PEK_OFFSET, CAPSA_CSV_SECRET_OFFSET, ret_plain);
    memset(ret_plain + CAPSA_CSV_SECRET_OFFSET, 0, CAPSA_CSV_SECRET_BYTES);
    memcpy(ret_plain + MAC_OFFSET, report.data + MAC_OFFSET, CAPSA_CSV_REPORT_BYTES - MAC_OFFSET);
    return CAPSA_OK;
}

/* ---- Parsing --------------------------------------------------------------------------------- */

/* Text to its first NUL. What stands behind is masked like the rest and means nothing. */
static capsa_result check_chip_id(char chip_id[CHIP_ID_BYTES + 1])
{
    const size_t len = capsa_bytes_find(capsa_bytes_of(chip_id, CHIP_ID_BYTES), 0);
    for (size_t i = 0; i < len; i++) {
        CAPSA_REQUIRE(chip_id[i] >= ' ' && chip_id[i] <= '~', MALFORMED,
                      "at offset %zu: the chip id is no text: anonce is another than the report "
                      "was masked with, or chip id and PEK were stored in the clear",
                      (size_t)PEK_OFFSET + CAPSA_CSV_CERT_BYTES + i);
    }
    memset(chip_id + len, 0, CHIP_ID_BYTES + 1 - len);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_csv_report_parse(capsa_bytes bytes, struct capsa_csv_report *ret_report)
{
    uint8_t plain[CAPSA_CSV_REPORT_BYTES];
    struct capsa_csv_report report = {0};
    CAPSA_TRY(capsa_csv_report_unmask(bytes, plain));
    struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(plain, sizeof(plain)));
    CAPSA_TRY_AT(capsa_layout_read(capsa_csv_report_layout, &reader, &report), "CSV report");
    CAPSA_TRY_AT(check_chip_id(report.chip_id), "CSV report");
    report.signed_region = capsa_bytes_of(bytes.data, CAPSA_CSV_SIGNED_BYTES);
    *ret_report = report;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_csv_claims(const struct capsa_csv_report *report,
                              struct capsa_claims *ret_claims)
{
    const struct {
        enum capsa_claim claim;
        capsa_bytes bytes;
    } parts[] = {
        {CAPSA_CLAIM_CSV_MEASURE, {report->measure, sizeof(report->measure)}},
        {CAPSA_CLAIM_CSV_VM_ID, {report->vm_id, sizeof(report->vm_id)}},
        {CAPSA_CLAIM_CSV_VM_VERSION, {report->vm_version, sizeof(report->vm_version)}},
        {CAPSA_CLAIM_CSV_USER_PUBKEY_DIGEST,
         {report->user_pubkey_digest, sizeof(report->user_pubkey_digest)}},
        {CAPSA_CLAIM_CSV_MNONCE, {report->mnonce, sizeof(report->mnonce)}},
        {CAPSA_CLAIM_CSV_REPORT_DATA, {report->user_data, sizeof(report->user_data)}},
        {CAPSA_CLAIM_CSV_CHIP_ID, capsa_bytes_str(report->chip_id)},
    };
    uint8_t policy[4];
    for (size_t i = 0; i < sizeof(policy); i++) {
        policy[i] = (uint8_t)(report->policy >> 8 * i);
    }
    *ret_claims = (struct capsa_claims){
        .platform = CAPSA_PLATFORM_CSV,
        .debug = (report->policy & CAPSA_CSV_POLICY_NODBG) == 0,
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        capsa_claim_set_bytes(ret_claims, parts[i].claim, parts[i].bytes);
    }
    capsa_claim_set_bytes(ret_claims, CAPSA_CLAIM_CSV_POLICY,
                          capsa_bytes_of(policy, sizeof(policy)));
    return CAPSA_OK;
}

/* ---- What only the guest can check ----------------------------------------------------------- */

/* Over PEK, chip id and the secret bytes as they were delivered. */
CAPSA_RESULT capsa_csv_report_check_mac(capsa_bytes bytes, const uint8_t mnonce[16])
{
    capsa_bytes report;
    struct capsa_csv_report parsed;
    uint8_t mac[CAPSA_SM3];
    CAPSA_TRY(capsa_csv_report_parse(bytes, &parsed));
    CAPSA_TRY_AT(find_report(bytes, &report), "CSV report");
    CAPSA_REQUIRE(memcmp(parsed.mnonce, mnonce, sizeof(parsed.mnonce)) == 0, UNAUTHENTIC,
                  "CSV report: it is not about the nonce that was asked with");
    CAPSA_TRY(capsa_hmac_sm3((capsa_secret_bytes){mnonce, sizeof(parsed.mnonce)},
                             capsa_bytes_of(report.data + PEK_OFFSET, MAC_OFFSET - PEK_OFFSET),
                             mac));
    CAPSA_REQUIRE(capsa_equal_ct((capsa_secret_bytes){mac, sizeof(mac)},
                                 (capsa_secret_bytes){report.data + MAC_OFFSET, sizeof(mac)}),
                  UNAUTHENTIC, "CSV report: the MAC over its PEK and chip id is wrong");
    return CAPSA_OK;
}
