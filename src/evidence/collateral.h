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

/* ---- Forms (contracts, quote-verification section 11)
 * -------------------------------------------- */

/* Any one file: QuoteCollateralV3 JSON (a), SgxQlQveCollateral JSON (b), a UAL Passport, Hygon's
 * 2916-byte hsk_cek, an AMD certificate table, a PEM or DER certificate or chain. Told apart by
 * content; `name` (the file's, without folders) decides only where content cannot, as for ASK and
 * ARK. Adds to `collateral`; what is there already is MALFORMED. */
CAPSA_RESULT capsa_collateral_add(capsa_collateral *collateral, const char *name,
                                  capsa_bytes bytes);

/* (a) and (b), whole objects. */
CAPSA_RESULT capsa_collateral_parse_qvl(const struct capsa_json *object,
                                        capsa_collateral *ret_collateral); /* SgxQlQveCollateral */
CAPSA_RESULT capsa_collateral_parse_v3(const struct capsa_json *object,
                                       capsa_collateral *ret_collateral); /* QuoteCollateralV3 */
CAPSA_RESULT capsa_collateral_write_qvl(const capsa_collateral *collateral,
                                        enum capsa_platform platform, struct capsa_json **ret_json);
CAPSA_RESULT capsa_collateral_write_v3(const capsa_collateral *collateral,
                                       struct capsa_json **ret_json);
/* {b64_hsk_cert, b64_cek_cert} of a CSV report. */
CAPSA_RESULT capsa_collateral_parse_csv(const struct capsa_json *object,
                                        capsa_collateral *ret_collateral);

/* A CRL field in any of its encodings (PEM, hex of DER, DER; NUL or newline at the end) to DER. */
CAPSA_RESULT capsa_collateral_crl(const char *field, capsa_bytes text, capsa_buf *ret_der);
/* {"tcbInfo":{...},"signature":".."}: the signed text as it stands, from its { to its }, and the
 * signature. `member` is "tcbInfo" or "enclaveIdentity". */
CAPSA_RESULT capsa_collateral_signed(const char *member, capsa_bytes envelope, capsa_buf *ret_text,
                                     capsa_buf *ret_signature);
