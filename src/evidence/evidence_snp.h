/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of an AMD SEV-SNP attestation report, versions 2 to 5 (AMD 56860, table 23), and of the
 * certificate table beside it. Parsed, not believed; borrowed.
 */
#pragma once

#include "evidence/claims.h"

#define CAPSA_SNP_REPORT_BYTES 1184
#define CAPSA_SNP_SIGNED_BYTES 0x2A0

enum capsa_snp_key { CAPSA_SNP_VCEK = 0, CAPSA_SNP_VLEK = 1, CAPSA_SNP_NO_KEY = 7 };
enum capsa_snp_product { CAPSA_SNP_UNKNOWN, CAPSA_SNP_MILAN, CAPSA_SNP_GENOA, CAPSA_SNP_TURIN };
const char *capsa_snp_product_name(enum capsa_snp_product product); /* "Milan" */

#define CAPSA_SNP_POLICY_SMT           (1ull << 16)
#define CAPSA_SNP_POLICY_RESERVED_ONE  (1ull << 17)
#define CAPSA_SNP_POLICY_MIGRATION     (1ull << 18)
#define CAPSA_SNP_POLICY_DEBUG         (1ull << 19)
#define CAPSA_SNP_POLICY_SINGLE_SOCKET (1ull << 20)

struct capsa_snp_report {
    uint32_t version, guest_svn, vmpl, signature_algo, flags;
    uint64_t policy, platform_info;
    capsa_bytes family_id, image_id, report_data, measurement, host_data, id_key_digest,
        author_key_digest, report_id, report_id_ma, chip_id;
    capsa_bytes current_tcb, reported_tcb, committed_tcb, launch_tcb; /* 8 each, as in memory */
    uint8_t cpuid_family, cpuid_model, cpuid_stepping; /* version 3 and later; else 0 */
    uint8_t current_version[3], committed_version[3];  /* major, minor, build */
    uint64_t launch_mitigation, current_mitigation;    /* version 5 */
    bool mask_chip_key, author_key;
    unsigned signing_key;
    enum capsa_snp_product product; /* by cpuid; UNKNOWN in version 2 */
    capsa_bytes signed_region;
    uint8_t signature[96]; /* r||s big-endian, P-384 */
};

/* Exactly 1184 bytes, or the 32-byte header of the ioctl before them. Versions 2 to 5; reserved
 * upper bytes of r and s must be zero. */
CAPSA_RESULT capsa_snp_report_parse(capsa_bytes bytes, struct capsa_snp_report *ret_report);
CAPSA_RESULT capsa_snp_claims(const struct capsa_snp_report *report,
                              struct capsa_claims *ret_claims);

/* One component of a TCB, by product: boot loader, TEE, SNP, microcode, FMC (Turin only). */
enum capsa_snp_part {
    CAPSA_SNP_BL,
    CAPSA_SNP_TEE,
    CAPSA_SNP_SNP,
    CAPSA_SNP_UCODE,
    CAPSA_SNP_FMC,
    CAPSA_SNP_PARTS
};
const char *
capsa_snp_part_name(enum capsa_snp_part part); /* "boot_loader","tee","snp","microcode","fmc" */
/* -1: this product has no such part. */
int capsa_snp_tcb_part(enum capsa_snp_product product, capsa_bytes tcb, enum capsa_snp_part part);

/* The table of the extended report or auxblob: which certificates lie beside a report. Absent ones
 * are empty. Entries outside the table, overlapping headers or twice the same are MALFORMED;
 * unknown GUIDs are skipped. */
struct capsa_snp_certs {
    capsa_bytes vcek, vlek, ask, ark, crl; /* DER or PEM, as given */
};
CAPSA_RESULT capsa_snp_certs_parse(capsa_bytes table, struct capsa_snp_certs *ret_certs);
