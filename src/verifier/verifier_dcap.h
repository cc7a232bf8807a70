/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the DCAP verifier share, and nobody else: the two things whose checking is
 * worth keeping (a platform, its collateral), the values that were read of certificates and signed
 * JSON, and how each is judged. Source: contracts, quote-verification sections 2 to 8.
 */
#pragma once

#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"
#include "evidence/evidence_pck.h"
#include "evidence/evidence_quote.h"
#include "verifier/verifier.h"
#include "verifier/verifier_cache.h"

/* The time in which everything that was used is valid: both ends drawn in by each part. */
struct capsa_window {
    capsa_time issued;  /* 0: nothing yet */
    capsa_time expires; /* 0: nothing yet */
};
void capsa_window_add(struct capsa_window *window, capsa_time from, capsa_time until);

/* ---- Certificates (verifier_dcap_chain.c) -------------------------------------------------------
 */

enum capsa_dcap_role {
    CAPSA_DCAP_LEAF,
    CAPSA_DCAP_INTERMEDIATE,
    CAPSA_DCAP_ROOT,
    CAPSA_DCAP_SIGNER, /* of TCB Info and identities */
};

/* Put a chain in order by its names, leaf first, and judge each certificate by its role; the chain
 * has to have exactly these. Signatures are not looked at. */
CAPSA_RESULT capsa_dcap_pck_roles(capsa_chain *chain);
CAPSA_RESULT capsa_dcap_signer_roles(capsa_chain *chain);
/* PEM or DER, through the certificates that `certs` knows already. */
CAPSA_RESULT capsa_dcap_chain_parse(struct capsa_cert_cache *certs, capsa_bytes text,
                                    capsa_chain *ret_chain);

/* ---- Signed JSON (verifier_tcbinfo.c) ----------------------------------------------------------
 */

/* Rows of CAPSA_ADVISORY_TEXT bytes in the pool of their document. */
struct capsa_advisory_rows {
    uint32_t first, count;
};

struct capsa_tcb_level {
    uint8_t sgx[CAPSA_TCB_COMPONENTS], tdx[CAPSA_TCB_COMPONENTS];
    uint16_t pce_svn;
    enum capsa_tcb_status status;
    capsa_time date;
    struct capsa_advisory_rows advisories;
};

/* Of a module or an enclave; in the order in which Intel lists them. */
struct capsa_isv_level {
    uint16_t isv_svn;
    enum capsa_tcb_status
        status; /* UpToDate, OutOfDate or Revoked: what Intel's library makes of it */
    capsa_time date;
    struct capsa_advisory_rows advisories;
};

struct capsa_tdx_module {
    uint8_t version; /* 1 of "TDX_01"; 0: the module that has no id */
    uint8_t mr_signer[48], attributes[8];
    struct capsa_isv_level *levels;
    size_t count;
};

struct capsa_tcb_info {
    bool is_tdx;
    int version; /* 2 or 3 */
    uint8_t fmspc[6], pce_id[2];
    capsa_time issued, next_update;
    uint32_t evaluation;
    struct capsa_tcb_level *levels; /* highest first */
    size_t count;
    struct capsa_tdx_module module; /* TDX: that of version 0; it has no levels */
    struct capsa_tdx_module *modules;
    size_t module_count;
    capsa_buf advisories;
};
/* The inner object. Unknown members are allowed, since Intel adds some. */
CAPSA_RESULT capsa_tcb_info_parse(capsa_bytes text, struct capsa_tcb_info *ret_info);
void capsa_tcb_info_drop(struct capsa_tcb_info *info);

enum capsa_enclave_id {
    CAPSA_ENCLAVE_QE,
    CAPSA_ENCLAVE_TD_QE,
    CAPSA_ENCLAVE_QVE,
    CAPSA_ENCLAVE_QAE
};
const char *capsa_enclave_id_name(enum capsa_enclave_id id); /* "TD_QE" */
struct capsa_enclave_identity {
    enum capsa_enclave_id id;
    capsa_time issued, next_update;
    uint32_t evaluation;
    uint32_t misc_select, misc_select_mask;
    uint8_t attributes[16], attributes_mask[16], mr_signer[32];
    uint16_t isv_prod_id;
    struct capsa_isv_level *levels;
    size_t count;
    capsa_buf advisories;
};
CAPSA_RESULT capsa_enclave_identity_parse(capsa_bytes text,
                                          struct capsa_enclave_identity *ret_identity);
void capsa_enclave_identity_drop(struct capsa_enclave_identity *identity);

/* ---- What is checked once ----------------------------------------------------------------------
 */

/* A platform: the leaf signed the quoting enclave's report, and that binds the attestation key.
 * That the intermediate is signed by the root is its collateral's to have checked. Immutable. */
struct capsa_dcap_platform {
    struct capsa_kept kept;
    capsa_chain chain; /* leaf, intermediate, root */
    capsa_buf root_spki;
    struct capsa_pck pck;
    struct capsa_window window;
    struct capsa_public_key *attestation_key;
};
/* `chain_text`: from the quote, or the caller's where the quote has none. */
CAPSA_RESULT capsa_dcap_platform_check(const struct capsa_verify_input *input,
                                       struct capsa_cert_cache *certs,
                                       const struct capsa_quote *quote, capsa_bytes chain_text,
                                       struct capsa_verdict *verdict,
                                       struct capsa_dcap_platform **ret_platform);
/* The one thing about a platform that a kept one is asked again: is its root trusted here? */
CAPSA_RESULT capsa_dcap_judge_anchor(const struct capsa_verify_input *input,
                                     const struct capsa_dcap_platform *platform,
                                     struct capsa_verdict *verdict);
void capsa_dcap_platform_free(struct capsa_dcap_platform *platform);
CAPSA_DEFINE_AUTO_FREE(capsa_dcap_platform)

/* Everything that Intel signs beside the leaf, under one root: the intermediate, both revocation
 * lists, TCB Info and identity, each parsed and its signature checked. Immutable. */
struct capsa_dcap_collateral {
    struct capsa_kept kept;
    struct capsa_crl *root_crl, *pck_crl;
    capsa_chain tcb_chain, identity_chain; /* signer, root */
    struct capsa_tcb_info tcb_info;
    struct capsa_enclave_identity identity;
    struct capsa_window window;
    capsa_time signed_at; /* the earliest issueDate or thisUpdate, but for the root's CRL */
};
CAPSA_RESULT capsa_dcap_collateral_check(const struct capsa_verify_input *input,
                                         struct capsa_cert_cache *certs,
                                         const struct capsa_dcap_platform *platform,
                                         struct capsa_verdict *verdict,
                                         struct capsa_dcap_collateral **ret_collateral);
void capsa_dcap_collateral_free(struct capsa_dcap_collateral *collateral);
CAPSA_DEFINE_AUTO_FREE(capsa_dcap_collateral)

/* ---- TCB (verifier_tcb.c) ----------------------------------------------------------------------
 */

struct capsa_dcap_facts {
    const struct capsa_pck *pck;
    const struct capsa_tcb_info *tcb_info;
    const struct capsa_enclave_identity *identity;
    uint16_t qe_isv_svn;
    const struct capsa_td_report *td; /* NULL: SGX */
};
/* Is the TDX module one of Intel's, and the TD none that it marks as untrusted? TDX_MODULE,
 * TD_ATTRIBUTES. */
CAPSA_RESULT capsa_dcap_judge_td(const struct capsa_dcap_facts *facts,
                                 struct capsa_verdict *verdict);
/* Statuses, date, advisories and evaluation number. That no level fits, or that something is
 * revoked, is noted and not refused: see verdict.h. */
CAPSA_RESULT capsa_dcap_judge_tcb(const struct capsa_dcap_facts *facts,
                                  struct capsa_verdict *verdict);
