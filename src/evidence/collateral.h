/* SPDX-License-Identifier: Apache-2.0
 *
 * Collateral: what proves evidence beside itself (endorsements, RFC 9334), as values. Unverified
 * until a verifier looks; a root certificate among it is never a trust anchor. All forms that the
 * field uses are read into one: certificates as they came (PEM or DER), CRLs as DER, signed JSON as
 * the signed text and the raw signature.
 */
#pragma once

#include "base/buf.h"
#include "codec/json.h"
#include "evidence/claims.h"

typedef struct capsa_collateral {
    /* Intel. Empty: absent. */
    capsa_buf pck_certificate_chain;                               /* only for quotes without one */
    capsa_buf pck_crl_issuer_chain;                                /* shown, never used for trust */
    capsa_buf root_ca_crl, pck_crl;                                /* DER */
    capsa_buf tcb_info_issuer_chain, tcb_info, tcb_info_signature; /* text; 64 bytes */
    capsa_buf qe_identity_issuer_chain, qe_identity, qe_identity_signature; /* text; 64 bytes */
    /* AMD: VCEK or VLEK, intermediate, root, CRL (DER; empty: absent) */
    capsa_buf snp_leaf, snp_ask, snp_ark, snp_crl;
    /* Hygon: 832 and 2084 bytes */
    capsa_buf csv_hsk, csv_cek;
} capsa_collateral;
void capsa_collateral_init(capsa_collateral *collateral); /* empty, with limits on every part */
void capsa_collateral_drop(capsa_collateral *collateral);
bool capsa_collateral_is_empty(const capsa_collateral *collateral);

/* Everything that `from` holds goes over; what is there already must be the same. All or nothing:
 * MALFORMED names the part that differs, and then both are as they were. `from` is left empty. */
CAPSA_RESULT capsa_collateral_take(capsa_collateral *collateral, capsa_collateral *from);
/* *ret_copy is overwritten: hand in a fresh one. After a failure it is empty. */
CAPSA_RESULT capsa_collateral_copy(const capsa_collateral *collateral, capsa_collateral *ret_copy);

/* ---- Files --------------------------------------------------------------------------------------
 */

/* Any one file: QuoteCollateralV3 JSON (a), SgxQlQveCollateral JSON (b), a UAL Passport (its
 * evidence is not looked at), a signed TCB Info or identity as Intel serves it, the certificates of
 * Hygon (HSK, CEK, or both in 2916 bytes) and of AMD, an AMD certificate table, chains and CRLs in
 * PEM, DER or hex. Told apart by content; `name` (the file's, without folders) decides only where
 * content cannot. Adds to `collateral`; what is there already must be the same. MALFORMED when it
 * is no collateral, and for a root, which is never any. */
CAPSA_RESULT capsa_collateral_add(capsa_collateral *collateral, const char *name,
                                  capsa_bytes bytes);
/* The same for a file of a folder, beside which other things lie: those add nothing. */
CAPSA_RESULT capsa_collateral_add_any(capsa_collateral *collateral, const char *name,
                                      capsa_bytes bytes);
/* A file, or all files of a folder in the order of their names. In a folder, roots, evidence and
 * files of no known form are passed over; what has a known form must be well-formed. A folder with
 * no collateral at all is NOT_FOUND. docs/reference/evidence-formats.md has the rules. */
CAPSA_RESULT capsa_collateral_load(const char *path, capsa_collateral *collateral);

/* ---- Forms (contracts, quote-verification section 11) -------------------------------------------
 */

/* Whole objects. Members that are absent, null or empty are absent in the collateral: a verifier
 * says what it misses. Unknown members are refused. *ret_collateral is overwritten: hand in a fresh
 * one. */
CAPSA_RESULT capsa_collateral_parse_qvl(const struct capsa_json *object,
                                        capsa_collateral *ret_collateral); /* SgxQlQveCollateral */
CAPSA_RESULT capsa_collateral_parse_v3(const struct capsa_json *object,
                                       capsa_collateral *ret_collateral); /* QuoteCollateralV3 */
/* {b64_hsk_cert, b64_cek_cert} of a CSV report. */
CAPSA_RESULT capsa_collateral_parse_csv(const struct capsa_json *object,
                                        capsa_collateral *ret_collateral);
/* {b64_vcek or b64_vlek, b64_ask, b64_ark, b64_crl} of an SNP report: DER. Ours. */
CAPSA_RESULT capsa_collateral_parse_snp(const struct capsa_json *object,
                                        capsa_collateral *ret_collateral);
/* Writers refuse what is incomplete with MALFORMED and name what is missing. */
CAPSA_RESULT capsa_collateral_write_qvl(const capsa_collateral *collateral,
                                        enum capsa_platform platform, struct capsa_json **ret_json);
CAPSA_RESULT capsa_collateral_write_v3(const capsa_collateral *collateral,
                                       struct capsa_json **ret_json);
CAPSA_RESULT capsa_collateral_write_csv(const capsa_collateral *collateral,
                                        struct capsa_json **ret_json);
CAPSA_RESULT capsa_collateral_write_snp(const capsa_collateral *collateral,
                                        struct capsa_json **ret_json);

/* A CRL field in any of its encodings (PEM, hex of DER, DER; NUL or newline at the end) to DER,
 * appended. What DER says is not looked at. */
CAPSA_RESULT capsa_collateral_crl(const char *field, capsa_bytes text, capsa_buf *ret_der);
/* {"tcbInfo":{...},"signature":".."}: the signed text as it stands, from its { to its }, and the
 * signature; appended. `member` is "tcbInfo" or "enclaveIdentity". */
CAPSA_RESULT capsa_collateral_signed(const char *member, capsa_bytes envelope, capsa_buf *ret_text,
                                     capsa_buf *ret_signature);
/* The other way. */
CAPSA_RESULT capsa_collateral_envelope(const char *member, capsa_bytes text, capsa_bytes signature,
                                       capsa_buf *ret_envelope);
