/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral: what proves evidence beside itself. Intel's certificates, revocation lists, TCB Info
 * and identities; AMD's VCEK or VLEK with its issuers; Hygon's HSK and CEK. It is read here and
 * trusted by nobody until a verifier looks; a root certificate among it is never a trust anchor.
 *
 * Every form that tools keep collateral in is told apart by its content: QuoteCollateralV3 and
 * SgxQlQveCollateral as JSON, what Intel's servers answer, certificates and lists in PEM, DER or
 * hex, AMD's certificate table, and the collateral of a unified report
 * (docs/reference/evidence-formats.md).
 */
#ifndef CAPSA_COLLATERAL_H
#define CAPSA_COLLATERAL_H

#include "capsa.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct libcapsa_collateral libcapsa_collateral;

/* Empty. NULL: out of memory. */
LIBCAPSA_API libcapsa_collateral *libcapsa_collateral_new(void);
LIBCAPSA_API void libcapsa_collateral_free(libcapsa_collateral *collateral);

/* Adds what one file holds. `name` is the file's, without folders, and decides only where content
 * cannot; NULL: none. What is there already must be the same. MALFORMED: no collateral, or a root.
 * After a failure the collateral is as it was. */
LIBCAPSA_API int libcapsa_collateral_add(libcapsa_collateral *collateral, const char *name,
                                         const void *bytes, size_t len, libcapsa_error *ret_error);
/* Adds a file, or all files of a folder. NOT_FOUND: a folder without any collateral; IO. */
LIBCAPSA_API int libcapsa_collateral_load(libcapsa_collateral *collateral, const char *path,
                                          libcapsa_error *ret_error);

LIBCAPSA_API int libcapsa_collateral_is_empty(const libcapsa_collateral *collateral); /* 1 or 0 */

/* What `platform` ("sgx", "tdx", "snp", "csv") needs of it as one JSON text, which
 * libcapsa_collateral_add reads again: QuoteCollateralV3 for Intel's. MALFORMED names what is
 * missing. Free *ret_text with libcapsa_free. */
LIBCAPSA_API int libcapsa_collateral_json(const libcapsa_collateral *collateral,
                                          const char *platform, char **ret_text,
                                          libcapsa_error *ret_error);

#ifdef __cplusplus
}
#endif

#endif
