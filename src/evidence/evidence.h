/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence and what it comes with, whatever the platform: told apart, taken out of its wrappings,
 * put into them. Evidence is bytes and a platform; collateral is collateral.h's.
 */
#pragma once

#include "evidence/claims.h"
#include "evidence/collateral.h"

/* Raw evidence that owns its bytes. */
typedef struct {
    enum capsa_platform platform;
    capsa_buf bytes; /* a quote, a 1184-byte SNP report, a 2548-byte CSV report */
} capsa_evidence;
void capsa_evidence_drop(capsa_evidence *evidence);

/* Which platform raw bytes are of, by their structure alone: an Intel quote header, or the lengths
 * of SNP and CSV reports. MALFORMED when it is none, saying what was looked for. */
CAPSA_RESULT capsa_evidence_recognise(capsa_bytes bytes, enum capsa_platform *ret_platform);
/* The same, copied; the header of an SNP ioctl and the padding of a CSV page are taken off, and the
 * secret bytes of a CSV report are zeroed. */
CAPSA_RESULT capsa_evidence_of_bytes(capsa_bytes bytes, capsa_evidence *ret_evidence);
/* A file of evidence, whatever it is: raw bytes, or a unified report (below), told apart by its
 * first character. *ret_collateral is what a Passport ships, else empty; *ret_is_ual may be NULL.
 */
CAPSA_RESULT capsa_evidence_parse(capsa_bytes file, capsa_evidence *ret_evidence,
                                  capsa_collateral *ret_collateral, bool *ret_is_ual);
/* Its claims, unverified. */
CAPSA_RESULT capsa_evidence_claims(enum capsa_platform platform, capsa_bytes bytes,
                                   struct capsa_claims *ret_claims);

/* ---- The unified attestation report (contracts, trustflow 5.2) ----------------------------------
 */

enum capsa_report_type { CAPSA_REPORT_PASSPORT, CAPSA_REPORT_BACKGROUND_CHECK };
struct capsa_ual_fields { /* of the message or the JSON object; borrowed; absent ones are "" */
    const char *version, *type, *platform, *json_report;
};
/* Evidence and, in a Passport, its collateral, which is empty in a BackgroundCheck. The platform
 * must be the one that the bytes of the evidence say. What *ret_evidence and *ret_collateral held
 * is not freed: hand in fresh ones. An unknown platform is UNSUPPORTED, an unknown member
 * UNKNOWN_FIELD. */
CAPSA_RESULT capsa_ual_parse_fields(const struct capsa_ual_fields *fields,
                                    capsa_evidence *ret_evidence, capsa_collateral *ret_collateral,
                                    enum capsa_report_type *ret_type);
/* The JSON text of the whole report. */
CAPSA_RESULT capsa_ual_parse(capsa_bytes text, capsa_evidence *ret_evidence,
                             capsa_collateral *ret_collateral, enum capsa_report_type *ret_type);
/* `collateral` NULL or empty: a BackgroundCheck. json_report alone, and the whole. */
CAPSA_RESULT capsa_ual_write_json_report(enum capsa_platform platform, capsa_bytes evidence,
                                         const capsa_collateral *collateral, capsa_buf *ret_text);
CAPSA_RESULT capsa_ual_write(enum capsa_platform platform, capsa_bytes evidence,
                             const capsa_collateral *collateral, capsa_buf *ret_text);

/* ---- What is bound (trust.md, Evidence)
 * ---------------------------------------------------------- */

#define CAPSA_REPORT_DATA 64
/* Native: SHA-512 over be32-length-prefixed "capsa/1", purpose, fields. */
CAPSA_RESULT capsa_report_data_native(const char *purpose, const capsa_bytes *fields, size_t count,
                                      uint8_t ret_report_data[CAPSA_REPORT_DATA]);
/* The originals': SHA-256 of the parts joined by '.', then 32 zeros. */
CAPSA_RESULT capsa_report_data_original(const capsa_bytes *parts, size_t count,
                                        uint8_t ret_report_data[CAPSA_REPORT_DATA]);
