/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence: what a trusted environment says of itself, signed. Reading it proves nothing; verify.h
 * does. Platforms are called "sgx", "tdx", "snp" and "csv".
 *
 * Forms that are read: Intel SGX and TDX quotes (versions 3 to 5), AMD SEV-SNP reports of 1184
 * bytes (with or without the header of the driver's answer), Hygon CSV reports of 2548 bytes (or a
 * page), and unified attestation reports (JSON). The secret bytes of a CSV report are zeroed.
 */
#ifndef CAPSA_EVIDENCE_H
#define CAPSA_EVIDENCE_H

#include "capsa.h"
#include "collateral.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct libcapsa_evidence libcapsa_evidence;

/* Copies `bytes`. MALFORMED, TRUNCATED, TOO_LARGE (over 256 KiB), UNKNOWN_FIELD, UNSUPPORTED. */
LIBCAPSA_API int libcapsa_evidence_parse(const void *bytes, size_t len,
                                         libcapsa_evidence **ret_evidence,
                                         libcapsa_error *ret_error);
LIBCAPSA_API int libcapsa_evidence_load(const char *path, libcapsa_evidence **ret_evidence,
                                        libcapsa_error *ret_error);
LIBCAPSA_API void libcapsa_evidence_free(libcapsa_evidence *evidence);

LIBCAPSA_API const char *libcapsa_evidence_platform(const libcapsa_evidence *evidence);
/* The raw quote or report, lent. */
LIBCAPSA_API const uint8_t *libcapsa_evidence_bytes(const libcapsa_evidence *evidence,
                                                    size_t *ret_len);
/* The collateral that came with it (a Passport's, or what an attester had), lent; NULL: none. */
LIBCAPSA_API const libcapsa_collateral *
libcapsa_evidence_collateral(const libcapsa_evidence *evidence);

/* Every field of it as JSON, unverified: for people. Free *ret_text with libcapsa_free. */
LIBCAPSA_API int libcapsa_evidence_show(const libcapsa_evidence *evidence, char **ret_text,
                                        libcapsa_error *ret_error);
/* The 64 bytes that it binds, unverified: to find what it may belong to, before it is verified. */
LIBCAPSA_API int libcapsa_evidence_report_data(const libcapsa_evidence *evidence,
                                               uint8_t ret_report_data[LIBCAPSA_REPORT_DATA],
                                               libcapsa_error *ret_error);
/* As a unified attestation report: a Passport with `collateral`, without (NULL or empty) a
 * BackgroundCheck. Free *ret_text with libcapsa_free. */
LIBCAPSA_API int libcapsa_evidence_report(const libcapsa_evidence *evidence,
                                          const libcapsa_collateral *collateral, char **ret_text,
                                          libcapsa_error *ret_error);

/* The report data of Capsa's own protocols: SHA-512 over "capsa/1", `purpose` and the fields, a
 * 32-bit big-endian length before each. What one purpose binds is good for no other. At most 16
 * fields. Both sides compute it: libcapsa_attester_attest to bind, a verifier's caller to expect.
 */
LIBCAPSA_API int libcapsa_report_data(const char *purpose, const libcapsa_bytes *fields,
                                      size_t count, uint8_t ret_report_data[LIBCAPSA_REPORT_DATA],
                                      libcapsa_error *ret_error);

#ifdef __cplusplus
}
#endif

#endif
