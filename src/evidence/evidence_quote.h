/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of Intel's ECDSA quotes (SGX and TDX, versions 3, 4 and 5) as values. Parsing decides
 * the layout and nothing else: a parsed quote is not a believed one. Everything is borrowed from
 * the bytes that were given. Source: contracts, quote-verification section 1.
 */
#pragma once

#include "evidence/claims.h"

#define CAPSA_SGX_REPORT_BYTES  384
#define CAPSA_TD10_REPORT_BYTES 584
#define CAPSA_TD15_REPORT_BYTES 648

enum capsa_quote_body { CAPSA_BODY_SGX = 1, CAPSA_BODY_TD10 = 2, CAPSA_BODY_TD15 = 3 };

struct capsa_quote {
    uint16_t version, key_type;
    uint32_t tee_type;
    uint16_t qe_svn, pce_svn;
    capsa_bytes qe_vendor_id, user_data; /* 16, 20 */
    enum capsa_quote_body body_kind;
    capsa_bytes body;            /* the report */
    capsa_bytes signed_region;   /* header and body */
    capsa_bytes signature;       /* r||s, 64 */
    capsa_bytes attestation_key; /* x||y, 64 */
    capsa_bytes qe_report;       /* 384 */
    capsa_bytes qe_signature;    /* 64 */
    capsa_bytes qe_auth;
    uint16_t cert_type;    /* of the certification data, 1 to 5 and 7 */
    capsa_bytes cert_data; /* type 5: PEM chain */
    /* QE report to the end of the certification data with its lengths: what makes a platform. */
    capsa_bytes certification;
    size_t trailing; /* bytes behind the authentication data: unsigned, ignored */
};

/* Header rules of 1.1 (version, key type, TEE type, vendor id), lengths of 1.2 and 1.5 exactly;
 * bytes behind the authentication data are allowed. MALFORMED, TRUNCATED, or UNSUPPORTED, each with
 * the field and its offset. */
CAPSA_RESULT capsa_quote_parse(capsa_bytes bytes, struct capsa_quote *ret_quote);

/* An SGX report body; also of the quoting enclave. */
struct capsa_sgx_report {
    capsa_bytes cpu_svn, isv_ext_prod_id, attributes, mr_enclave, mr_signer, config_id,
        isv_family_id, report_data;
    uint32_t misc_select;
    uint64_t flags, xfrm;
    uint16_t isv_prod_id, isv_svn, config_svn;
};
#define CAPSA_SGX_FLAG_DEBUG 0x02u
CAPSA_RESULT capsa_sgx_report_parse(capsa_bytes body, struct capsa_sgx_report *ret_report);

struct capsa_td_report {
    capsa_bytes tee_tcb_svn, mr_seam, mr_signer_seam, seam_attributes, td_attributes, xfam, mr_td,
        mr_config_id, mr_owner, mr_owner_config, rtmr[4], report_data;
    capsa_bytes tee_tcb_svn2, mr_service_td; /* TD 1.5; else empty */
};
/* 584 or 648 bytes. */
CAPSA_RESULT capsa_td_report_parse(capsa_bytes body, struct capsa_td_report *ret_report);

/* The claims of the body: platform, debug, values. */
CAPSA_RESULT capsa_quote_claims(const struct capsa_quote *quote, struct capsa_claims *ret_claims);
