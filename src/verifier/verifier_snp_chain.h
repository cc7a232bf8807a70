/* SPDX-License-Identifier: Apache-2.0
 *
 * AMD's certificates: root (ARK), intermediate (ASK), and the key of one chip (VCEK) or of one
 * cloud (VLEK), with what AMD's extensions in it say. For verifier_snp.c.
 */
#pragma once

#include "crypto/crypto_pki.h"
#include "verifier/verifier_cache.h"

/* AMD's extensions, as they stand in their OCTET STRINGs; empty: absent. */
struct capsa_snp_extensions {
    capsa_bytes product, parts[CAPSA_SNP_PARTS], hwid, csp;
};

#define CAPSA_SNP_CHIP_ID 64

/* What a leaf was made for. */
struct capsa_snp_leaf {
    enum capsa_snp_key kind;
    enum capsa_snp_product product;
    uint8_t parts[CAPSA_SNP_PARTS]; /* 0 for those that the product lacks */
    uint8_t hwid[CAPSA_SNP_CHIP_ID];
    size_t hwid_len; /* 0: a VLEK, which is of no chip */
};
/* A VCEK has a HWID and no CSP id, a VLEK the other way round; every part that the product has must
 * be there. MALFORMED. */
CAPSA_RESULT capsa_snp_leaf_read(enum capsa_snp_key kind,
                                 const struct capsa_snp_extensions *extensions,
                                 struct capsa_snp_leaf *ret_leaf);

/* A chain that was judged. Immutable, and shared with the cache. */
struct capsa_snp_chain {
    struct capsa_kept kept;
    capsa_chain leaf, ask, ark; /* one certificate in each */
    struct capsa_crl *crl;      /* NULL: none was given */
    capsa_buf root_spki;
    struct capsa_snp_leaf says;
};
void capsa_snp_chain_free(struct capsa_snp_chain *chain); /* one reference less; NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_snp_chain)

/* Judges the certificates in input->collateral: anchor, roles, signatures, revocation. The anchor
 * and the windows of all that was used are noted in `verdict`; whether they have passed is the
 * appraisal's question. */
CAPSA_RESULT capsa_snp_chain_judge(const struct capsa_verify_input *input,
                                   struct capsa_verdict *verdict,
                                   struct capsa_snp_chain **ret_chain);
