/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of Hygon CSV reports (version 1, with the XOR by anonce) and certificates. Parsed, not
 * believed. Bytes 2484 to 2516 of a report are secret and are never handed out. Source: contracts,
 * quote-verification section 15.
 */
#pragma once

#include "evidence/claims.h"

#define CAPSA_CSV_REPORT_BYTES    2548
#define CAPSA_CSV_SIGNED_BYTES    180
#define CAPSA_CSV_SECRET_OFFSET   2484
#define CAPSA_CSV_SECRET_BYTES    32
#define CAPSA_CSV_ROOT_CERT_BYTES 832
#define CAPSA_CSV_CERT_BYTES      2084

/* HRK, HSK: "root" kind; CEK, PEK: "csv" kind. */
struct capsa_csv_key {
    uint8_t x[32], y[32]; /* big-endian */
    capsa_bytes user_id;  /* borrowed */
};
struct capsa_csv_root_cert {
    uint32_t version, key_usage;
    capsa_bytes key_id, certifying_id, signed_region;
    struct capsa_csv_key key;
    uint8_t signature[64]; /* r||s big-endian */
};
struct capsa_csv_cert {
    uint32_t version, pubkey_usage, pubkey_algo;
    uint8_t api_major, api_minor;
    capsa_bytes signed_region;
    struct capsa_csv_key key;
    struct {
        uint32_t usage, algo;
        uint8_t signature[64];
    } sigs[2];
};
enum {
    CAPSA_CSV_USAGE_HRK = 0,
    CAPSA_CSV_USAGE_HSK = 0x13,
    CAPSA_CSV_USAGE_OCA = 0x1001,
    CAPSA_CSV_USAGE_PEK = 0x1002,
    CAPSA_CSV_USAGE_PDH = 0x1003,
    CAPSA_CSV_USAGE_CEK = 0x1004
};
CAPSA_RESULT capsa_csv_root_cert_parse(capsa_bytes bytes, struct capsa_csv_root_cert *ret_cert);
/* A signature slot that is not in use (usage 0x1000 or all zero) is given as zeros, with its usage.
 */
CAPSA_RESULT capsa_csv_cert_parse(capsa_bytes bytes, struct capsa_csv_cert *ret_cert);

struct capsa_csv_report {
    uint32_t anonce, policy, sig_usage, sig_algo; /* in clear */
    uint8_t user_pubkey_digest[32], vm_id[16], vm_version[16], user_data[64], mnonce[16],
        measure[32]; /* in clear */
    char chip_id[65];
    capsa_bytes signed_region;         /* as delivered */
    uint8_t signature[64];             /* r||s big-endian */
    uint8_t pek[CAPSA_CSV_CERT_BYTES]; /* in clear; parse with capsa_csv_cert_parse */
};
/* 2548 bytes, or padded with zeros to 4096. */
CAPSA_RESULT capsa_csv_report_parse(capsa_bytes bytes, struct capsa_csv_report *ret_report);
/* The report in clear, its secret bytes as zeros. For printers: nothing of it is checked. */
CAPSA_RESULT capsa_csv_report_unmask(capsa_bytes bytes, uint8_t ret_plain[CAPSA_CSV_REPORT_BYTES]);
CAPSA_RESULT capsa_csv_claims(const struct capsa_csv_report *report,
                              struct capsa_claims *ret_claims);
#define CAPSA_CSV_POLICY_NODBG 0x01u

/* What only the guest that asked can check: HMAC-SM3 under its own mnonce over PEK, chip id and the
 * secret bytes, and that mnonce came back. UNAUTHENTIC. */
CAPSA_RESULT capsa_csv_report_check_mac(capsa_bytes report, const uint8_t mnonce[16]);
