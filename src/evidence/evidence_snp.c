/* SPDX-License-Identifier: Apache-2.0
 *
 * SEV-SNP reports (evidence_snp.h). Reserved bytes must be zero: a version names what its report
 * may hold, and a report that holds more is of a version that is not known here. Whether signature
 * algorithm, signing key and product are acceptable is the verifier's to say.
 */
#include "evidence/evidence_snp.h"

#include "base/reader.h"
#include "evidence/evidence_layout.h"

#define IOCTL_HEADER    32
#define SCALAR          72 /* of r and s */
#define P384            48
#define SIGNATURE_FIELD (CAPSA_SNP_REPORT_BYTES - CAPSA_SNP_SIGNED_BYTES)
#define TCB_BYTES       8

static const struct capsa_layout_bits policy_bits = {
    0xffff, /* the version of the interface */
    {{16, "smt"},
     {17, "reserved_one"},
     {18, "migration_agent"},
     {19, "debug"},
     {20, "single_socket"},
     {21, "cxl"},
     {22, "aes_256_xts"},
     {23, "rapl_disabled"},
     {24, "ciphertext_hiding"},
     {25, "page_swap_disabled"}},
};
static const struct capsa_layout_bits platform_bits = {
    0,
    {{0, "smt"},
     {1, "tsme"},
     {2, "ecc"},
     {3, "rapl_disabled"},
     {4, "ciphertext_hiding"},
     {5, "alias_check_complete"},
     {7, "tio"}},
};
static const struct capsa_layout_bits flag_bits = {
    0x1c, /* which key signs */
    {{0, "author_key"}, {1, "mask_chip_key"}},
};
#define FLAGS_KNOWN 0x1fu

#define NONE CAPSA_LAYOUT_NOWHERE
#define NAMED(name, member, size, kind, bits)                                                      \
    {                                                                                              \
        name, size, CAPSA_LAYOUT_##kind, offsetof(struct capsa_snp_report, member), 0, bits        \
    }
#define FIELD(member, size, kind, bits) NAMED(#member, member, size, kind, bits)
#define ZERO(name, size)                                                                           \
    {                                                                                              \
        name, size, CAPSA_LAYOUT_ZERO, NONE, 0, NULL                                               \
    }
const struct capsa_layout capsa_snp_layout[] = {
    FIELD(version, 4, NUMBER, NULL),
    FIELD(guest_svn, 4, NUMBER, NULL),
    FIELD(policy, 8, NUMBER, &policy_bits),
    FIELD(family_id, 16, BYTES, NULL),
    FIELD(image_id, 16, BYTES, NULL),
    FIELD(vmpl, 4, NUMBER, NULL),
    FIELD(signature_algo, 4, NUMBER, NULL),
    FIELD(current_tcb, 8, BYTES, NULL),
    FIELD(platform_info, 8, NUMBER, &platform_bits),
    FIELD(flags, 4, NUMBER, &flag_bits),
    ZERO("reserved1", 4),
    FIELD(report_data, 64, BYTES, NULL),
    FIELD(measurement, 48, BYTES, NULL),
    FIELD(host_data, 32, BYTES, NULL),
    FIELD(id_key_digest, 48, BYTES, NULL),
    FIELD(author_key_digest, 48, BYTES, NULL),
    FIELD(report_id, 32, BYTES, NULL),
    FIELD(report_id_ma, 32, BYTES, NULL),
    FIELD(reported_tcb, 8, BYTES, NULL),
    FIELD(cpuid_family, 1, NUMBER, NULL),
    FIELD(cpuid_model, 1, NUMBER, NULL),
    FIELD(cpuid_stepping, 1, NUMBER, NULL),
    ZERO("reserved2", 21),
    FIELD(chip_id, 64, BYTES, NULL),
    FIELD(committed_tcb, 8, BYTES, NULL),
    NAMED("current_build", current_version[2], 1, NUMBER, NULL),
    NAMED("current_minor", current_version[1], 1, NUMBER, NULL),
    NAMED("current_major", current_version[0], 1, NUMBER, NULL),
    ZERO("reserved3", 1),
    NAMED("committed_build", committed_version[2], 1, NUMBER, NULL),
    NAMED("committed_minor", committed_version[1], 1, NUMBER, NULL),
    NAMED("committed_major", committed_version[0], 1, NUMBER, NULL),
    ZERO("reserved4", 1),
    FIELD(launch_tcb, 8, BYTES, NULL),
    FIELD(launch_mitigation, 8, NUMBER, NULL),
    FIELD(current_mitigation, 8, NUMBER, NULL),
    ZERO("reserved5", 152),
    {0},
};

/* ---- Products -------------------------------------------------------------------------------- */

/* Which processors are which product; a line of models is one product. */
static const struct {
    enum capsa_snp_product product;
    uint8_t family, model_first, model_last;
} models[] = {
    {CAPSA_SNP_MILAN, 0x19, 0x00, 0x0f},
    {CAPSA_SNP_GENOA, 0x19, 0x10, 0x1f},
    {CAPSA_SNP_GENOA, 0x19, 0xa0, 0xaf},
    {CAPSA_SNP_TURIN, 0x1a, 0x00, 0x11},
};

static enum capsa_snp_product product_of(uint8_t family, uint8_t model)
{
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        if (models[i].family == family && model >= models[i].model_first &&
            model <= models[i].model_last) {
            return models[i].product;
        }
    }
    return CAPSA_SNP_UNKNOWN;
}

const char *capsa_snp_product_name(enum capsa_snp_product product)
{
    static const char *const names[] = {
        [CAPSA_SNP_UNKNOWN] = "unknown",
        [CAPSA_SNP_MILAN] = "Milan",
        [CAPSA_SNP_GENOA] = "Genoa",
        [CAPSA_SNP_TURIN] = "Turin",
    };
    return (size_t)product < sizeof(names) / sizeof(names[0]) ? names[product] : "unknown";
}

const char *capsa_snp_part_name(enum capsa_snp_part part)
{
    static const char *const names[CAPSA_SNP_PARTS] = {
        [CAPSA_SNP_BL] = "boot_loader",  [CAPSA_SNP_TEE] = "tee", [CAPSA_SNP_SNP] = "snp",
        [CAPSA_SNP_UCODE] = "microcode", [CAPSA_SNP_FMC] = "fmc",
    };
    return (size_t)part < CAPSA_SNP_PARTS ? names[part] : "unknown";
}

int capsa_snp_tcb_part(enum capsa_snp_product product, capsa_bytes tcb, enum capsa_snp_part part)
{
    /* At which byte each part stands: boot loader, TEE, SNP, microcode, FMC. */
    static const int8_t places[][CAPSA_SNP_PARTS] = {
        [CAPSA_SNP_UNKNOWN] = {-1, -1, -1, -1, -1},
        [CAPSA_SNP_MILAN] = {0, 1, 6, 7, -1},
        [CAPSA_SNP_GENOA] = {0, 1, 6, 7, -1},
        [CAPSA_SNP_TURIN] = {1, 2, 3, 7, 0},
    };
    if ((size_t)product >= sizeof(places) / sizeof(places[0]) || (size_t)part >= CAPSA_SNP_PARTS ||
        tcb.len != TCB_BYTES || places[product][part] < 0) {
        return -1;
    }
    return tcb.data[places[product][part]];
}

/* ---- Parsing --------------------------------------------------------------------------------- */

/* What the ioctl of /dev/sev-guest answers begins with: status, size, and 24 reserved bytes. */
static capsa_result skip_ioctl_header(struct capsa_reader *reader)
{
    uint32_t status, size;
    capsa_bytes reserved;
    CAPSA_TRY(capsa_read_le32(reader, &status));
    CAPSA_TRY(capsa_read_le32(reader, &size));
    CAPSA_TRY(capsa_read_bytes(reader, IOCTL_HEADER - 8, &reserved));
    CAPSA_REQUIRE(status == 0, MALFORMED, "the firmware gave status 0x%x and no report", status);
    CAPSA_REQUIRE(size == CAPSA_SNP_REPORT_BYTES && capsa_all_zero(reserved), MALFORMED,
                  "the first 32 bytes are not the header of an ioctl's answer");
    return CAPSA_OK;
}

static capsa_result read_signature(struct capsa_reader *reader, uint8_t ret_signature[2 * P384])
{
    capsa_bytes r, s, rest;
    CAPSA_TRY(capsa_read_bytes(reader, SCALAR, &r));
    CAPSA_TRY(capsa_read_bytes(reader, SCALAR, &s));
    CAPSA_TRY(capsa_read_bytes(reader, SIGNATURE_FIELD - 2 * SCALAR, &rest));
    CAPSA_TRY(capsa_layout_scalar("signature r", r, P384, ret_signature));
    CAPSA_TRY(capsa_layout_scalar("signature s", s, P384, ret_signature + P384));
    CAPSA_REQUIRE(capsa_all_zero(rest), MALFORMED, "bytes behind the signature are not zero");
    return CAPSA_OK;
}

/* Fields that are younger than the report's version are reserved in it. */
static capsa_result check_version(const struct capsa_snp_report *report)
{
    CAPSA_REQUIRE(report->version >= 3 ||
                      (report->cpuid_family | report->cpuid_model | report->cpuid_stepping) == 0,
                  MALFORMED, "at offset 0x188: a processor's family in version 2");
    /* Named in version 5; firmware may fill them in before, and they are signed like the rest. */
    CAPSA_REQUIRE(report->version >= 3 ||
                      (report->launch_mitigation | report->current_mitigation) == 0,
                  MALFORMED, "at offset 0x1f8: mitigation vectors in version 2");
    CAPSA_REQUIRE((report->flags & ~FLAGS_KNOWN) == 0, MALFORMED,
                  "at offset 0x48: flags 0x%x hold bits that are not known", report->flags);
    return CAPSA_OK;
}

static capsa_result parse(capsa_bytes bytes, struct capsa_snp_report *ret_report)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    if (bytes.len == IOCTL_HEADER + CAPSA_SNP_REPORT_BYTES) {
        CAPSA_TRY(skip_ioctl_header(&reader));
        CAPSA_TRY(capsa_read_bytes(&reader, CAPSA_SNP_REPORT_BYTES, &bytes));
        reader = capsa_reader_of(bytes);
    }
    CAPSA_REQUIRE(bytes.len >= CAPSA_SNP_REPORT_BYTES, TRUNCATED, "%zu bytes; a report has %d",
                  bytes.len, CAPSA_SNP_REPORT_BYTES);
    CAPSA_REQUIRE(bytes.len == CAPSA_SNP_REPORT_BYTES, MALFORMED,
                  "%zu bytes; a report has %d, or %d with the header of the ioctl", bytes.len,
                  CAPSA_SNP_REPORT_BYTES, IOCTL_HEADER + CAPSA_SNP_REPORT_BYTES);
    struct capsa_snp_report report = {0};
    uint32_t version;
    struct capsa_reader ahead = reader;
    CAPSA_TRY(capsa_read_le32(&ahead, &version));
    CAPSA_REQUIRE(version >= 2 && version <= 5, UNSUPPORTED,
                  "at offset 0: version %u; 2 to 5 are known", version);
    CAPSA_TRY(capsa_layout_read(capsa_snp_layout, &reader, &report));
    CAPSA_TRY(check_version(&report));
    CAPSA_TRY(read_signature(&reader, report.signature));
    report.signed_region = capsa_bytes_of(bytes.data, CAPSA_SNP_SIGNED_BYTES);
    report.author_key = (report.flags & 1) != 0;
    report.mask_chip_key = (report.flags & 2) != 0;
    report.signing_key = report.flags >> 2 & 7;
    report.product = product_of(report.cpuid_family, report.cpuid_model);
    *ret_report = report;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_snp_report_parse(capsa_bytes bytes, struct capsa_snp_report *ret_report)
{
    CAPSA_TRY_AT(parse(bytes, ret_report), "SNP report");
    return CAPSA_OK;
}

/* ---- Claims ---------------------------------------------------------------------------------- */

static void set_word(struct capsa_claims *claims, enum capsa_claim claim, uint64_t word)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(word >> 8 * i);
    }
    capsa_claim_set_bytes(claims, claim, capsa_bytes_of(bytes, sizeof(bytes)));
}

/* Without the product: that is the certificate's to endorse. */
CAPSA_RESULT capsa_snp_claims(const struct capsa_snp_report *report,
                              struct capsa_claims *ret_claims)
{
    const struct {
        enum capsa_claim claim;
        capsa_bytes bytes;
    } parts[] = {
        {CAPSA_CLAIM_SNP_MEASUREMENT, report->measurement},
        {CAPSA_CLAIM_SNP_HOST_DATA, report->host_data},
        {CAPSA_CLAIM_SNP_FAMILY_ID, report->family_id},
        {CAPSA_CLAIM_SNP_IMAGE_ID, report->image_id},
        {CAPSA_CLAIM_SNP_ID_KEY_DIGEST, report->id_key_digest},
        {CAPSA_CLAIM_SNP_AUTHOR_KEY_DIGEST, report->author_key_digest},
        {CAPSA_CLAIM_SNP_REPORT_ID, report->report_id},
        {CAPSA_CLAIM_SNP_REPORT_ID_MA, report->report_id_ma},
        {CAPSA_CLAIM_SNP_REPORTED_TCB, report->reported_tcb},
        {CAPSA_CLAIM_SNP_CURRENT_TCB, report->current_tcb},
        {CAPSA_CLAIM_SNP_COMMITTED_TCB, report->committed_tcb},
        {CAPSA_CLAIM_SNP_LAUNCH_TCB, report->launch_tcb},
        {CAPSA_CLAIM_SNP_CHIP_ID, report->chip_id},
        {CAPSA_CLAIM_SNP_REPORT_DATA, report->report_data},
    };
    *ret_claims = (struct capsa_claims){
        .platform = CAPSA_PLATFORM_SNP,
        .debug = (report->policy & CAPSA_SNP_POLICY_DEBUG) != 0,
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        capsa_claim_set_bytes(ret_claims, parts[i].claim, parts[i].bytes);
    }
    set_word(ret_claims, CAPSA_CLAIM_SNP_POLICY, report->policy);
    set_word(ret_claims, CAPSA_CLAIM_SNP_PLATFORM_INFO, report->platform_info);
    capsa_claim_set_number(ret_claims, CAPSA_CLAIM_SNP_GUEST_SVN, report->guest_svn);
    capsa_claim_set_number(ret_claims, CAPSA_CLAIM_SNP_VMPL, report->vmpl);
    return CAPSA_OK;
}
