/* SPDX-License-Identifier: Apache-2.0
 *
 * Within the simulation only: a recipe says everything that stands in one piece of simulated
 * evidence and in what proves it. The default recipe is right in all of it; the lab
 * (attester_sim_forge.h) changes entries. There is one maker of certificates, one of collateral and
 * one of quotes, and each reads nothing but the recipe and keys: a forgery differs from the genuine
 * in what its knobs say and in nothing else.
 */
#pragma once

#include "attester/attester_sim.h"
#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"

/* ---- Keys --------------------------------------------------------------------------------------
 */

enum capsa_sim_key {
    CAPSA_SIM_ROOT_KEY,
    CAPSA_SIM_PLATFORM_CA_KEY,
    CAPSA_SIM_PCK_KEY,
    CAPSA_SIM_TCB_SIGNER_KEY,
    CAPSA_SIM_ATTESTATION_KEY,
    CAPSA_SIM_ENCLAVE_SIGNER_KEY, /* its hash is the MRSIGNER of what runs here */
    CAPSA_SIM_FOLDER_KEYS,
    CAPSA_SIM_STRANGER_KEY = CAPSA_SIM_FOLDER_KEYS, /* of a forger: the lab's, never in a folder */
    CAPSA_SIM_KEYS,
};

struct capsa_sim {
    char *dir;
    struct capsa_private_key *keys[CAPSA_SIM_KEYS]; /* NULL: no such key (the stranger's) */
    struct capsa_cert *certs[4];                    /* by enum capsa_sim_part: as in the folder */
};

/* ---- What is signed ----------------------------------------------------------------------------
 */

enum capsa_sim_part {
    CAPSA_SIM_ROOT,
    CAPSA_SIM_PLATFORM_CA,
    CAPSA_SIM_PCK,
    CAPSA_SIM_TCB_SIGNER,
    CAPSA_SIM_CERTS,
    CAPSA_SIM_ROOT_CRL = CAPSA_SIM_CERTS,
    CAPSA_SIM_PCK_CRL,
    CAPSA_SIM_TCB_INFO,
    CAPSA_SIM_QE_IDENTITY,
    CAPSA_SIM_DATED, /* those before have a window of validity */
    CAPSA_SIM_QE_REPORT = CAPSA_SIM_DATED,
    CAPSA_SIM_QUOTE,
    CAPSA_SIM_PARTS,
};
const char *capsa_sim_part_name(enum capsa_sim_part part); /* "pck-crl" */
/* By name; CAPSA_SIM_PARTS when there is none. */
enum capsa_sim_part capsa_sim_part_by_name(const char *name);

struct capsa_sim_signed {
    capsa_time from, to;
    enum capsa_sim_key signer;
    bool damaged; /* its signature has one bit wrong */
};

/* ---- The recipe --------------------------------------------------------------------------------
 */

#define CAPSA_SIM_COMPONENTS 16
#define CAPSA_SIM_SGX_DEBUG  0x02U

/* What the PCK certificate says of the platform. */
struct capsa_sim_hardware {
    uint8_t ppid[16], cpu_svn[16], fmspc[6], pce_id[2], instance_id[16];
    uint8_t components[CAPSA_SIM_COMPONENTS];
    uint16_t pce_svn;
    uint8_t sgx_type;
};

struct capsa_sim_cert_facts {
    const char *common_name;
    bool is_ca;
    bool has_crl_point;
};

struct capsa_sim_pck_facts {
    bool no_extension, no_fmspc, no_tcb;
    bool hidden; /* the extension's bytes lie in another extension */
};

/* A list's own faults, beside its window and signer. */
struct capsa_sim_crl_facts {
    bool revokes[CAPSA_SIM_CERTS];
    bool wrong_issuer; /* names, and is signed by, the other CA */
    bool trailing, missing;
};

struct capsa_sim_tcb_info {
    const char *id; /* "SGX", "TDX" */
    unsigned version, tcb_type, evaluation;
    uint8_t fmspc[6], pce_id[2];
    const char *status, *module_status, *low_status; /* of the level that fits, and of the lowest */
    unsigned components;
    bool unsorted, duplicate, no_levels, out_of_reach, no_module;
    bool repeated_member; /* "fmspc" stands there twice */
    bool unknown_member;
    const char *tail; /* behind the object, and signed with it */
};

struct capsa_sim_identity {
    const char *id; /* "QE", "TD_QE" */
    unsigned version, evaluation;
    uint8_t mr_signer[32];
    uint16_t isv_prod_id, isv_svn;
    const char *status;
    bool no_levels, no_low_levels;
    const char *tail;
};

struct capsa_sim_qe {
    uint8_t vendor_id[16], mr_enclave[32], mr_signer[32], auth[32];
    uint16_t isv_prod_id, isv_svn;
    uint32_t misc_select;
    uint64_t flags, xfrm;
    bool unbound; /* its report data is not the hash of the attestation key */
};

/* Of a TD, beside its claims. */
struct capsa_sim_td {
    uint8_t tcb_svn[16], tcb_svn2[16];
    uint8_t mr_seam[48], mr_signer_seam[48], mr_service_td[48];
    uint8_t seam_attributes[8], td_attributes[8], xfam[8];
};

/* Numbers of the quote's structure. */
struct capsa_sim_layout {
    uint16_t version, key_type, outer_type, cert_type, body_type;
    uint32_t tee_type;
    int auth_extra;  /* added to the declared length of the authentication data */
    int outer_extra; /* ... of the QE certification data */
    int cert_extra;  /* ... of the certification data */
    int body_extra;  /* ... of the body (version 5) */
    uint16_t qe_auth_len;
    size_t truncate; /* to so many bytes; SIZE_MAX: whole */
    size_t trailing;
    bool zero_key, one_one_signature;
    bool leaf_only, reversed; /* the chain in the certification data */
};

struct capsa_sim_recipe {
    struct capsa_sim_claims claims;
    struct capsa_sim_signed parts[CAPSA_SIM_PARTS];
    struct capsa_sim_cert_facts certs[CAPSA_SIM_CERTS];
    struct capsa_sim_hardware hardware;
    struct capsa_sim_pck_facts pck;
    struct capsa_sim_crl_facts crls[2]; /* of the root, of the platform CA */
    struct capsa_sim_tcb_info tcb_info;
    struct capsa_sim_identity identity;
    struct capsa_sim_qe qe;
    struct capsa_sim_td td;
    struct capsa_sim_layout layout;
};

/* Everything right: collateral from `now` for `days`, certificates for longer than that, what
 * belongs to this very platform from its PCK key. `claims` are kept as they are. */
CAPSA_RESULT capsa_sim_recipe_make(const struct capsa_sim *sim,
                                   const struct capsa_sim_claims *claims, capsa_time now,
                                   unsigned days, struct capsa_sim_recipe *ret_recipe);
/* Numbers that follow from the claims' platform and version. USAGE for what no quote is. */
CAPSA_RESULT capsa_sim_layout_make(const struct capsa_sim_claims *claims,
                                   struct capsa_sim_layout *ret_layout);

/* ---- Making ------------------------------------------------------------------------------------
 */

/* The certificates of the recipe, by part. */
CAPSA_RESULT capsa_sim_certs_make(const struct capsa_sim *sim,
                                  const struct capsa_sim_recipe *recipe,
                                  struct capsa_cert *ret_certs[CAPSA_SIM_CERTS]);
void capsa_sim_certs_drop(struct capsa_cert *certs[CAPSA_SIM_CERTS]);
/* PEM, concatenated: PCK leaf, platform CA, root. */
CAPSA_RESULT capsa_sim_chain_write(const struct capsa_sim_recipe *recipe,
                                   struct capsa_cert *const certs[CAPSA_SIM_CERTS],
                                   capsa_buf *ret_pem);
/* The revocation list of the root (part ROOT_CRL) or the platform CA (PCK_CRL); empty if missing.
 */
CAPSA_RESULT capsa_sim_crl_make(const struct capsa_sim *sim, const struct capsa_sim_recipe *recipe,
                                struct capsa_cert *const certs[CAPSA_SIM_CERTS],
                                enum capsa_sim_part part, capsa_buf *ret_der);
CAPSA_RESULT capsa_sim_collateral_make(const struct capsa_sim *sim,
                                       const struct capsa_sim_recipe *recipe,
                                       struct capsa_cert *const certs[CAPSA_SIM_CERTS],
                                       capsa_collateral *ret_collateral);
CAPSA_RESULT capsa_sim_quote_make(const struct capsa_sim *sim,
                                  const struct capsa_sim_recipe *recipe, capsa_bytes chain,
                                  capsa_buf *ret_quote);
/* r||s by the part's signer; damaged if the recipe says so. */
CAPSA_RESULT capsa_sim_sign(const struct capsa_sim *sim, const struct capsa_sim_recipe *recipe,
                            enum capsa_sim_part part, capsa_bytes message, capsa_buf *ret_rs);

/* SHA-256 of "capsa sim <label>" and data, each with its length: what stands for a measurement. */
void capsa_sim_digest(const char *label, capsa_bytes data, uint8_t ret_digest[32]);
void capsa_sim_digest384(const char *label, capsa_bytes data, uint8_t ret_digest[48]);
