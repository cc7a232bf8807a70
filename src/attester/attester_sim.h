/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated platform: a root of its own, made fresh, under which stand PCK certificates, TCB
 * Info, enclave identities and revocation lists in the genuine formats, and quotes for any
 * measurement. It proves nothing, and is told apart by its anchor alone: everything else is
 * verified as if it were silicon's. Not in builds with -Dsimulation=disabled.
 */
#pragma once

#include "attester/attester.h"
#include "base/time.h"

#define CAPSA_SIM_ROOT_FILE "root.pem"

/* Keys, certificates and collateral in `dir` (made; 0700), which must not exist or be empty. The
 * collateral is valid from now for `days`. Files: root.pem (the anchor), pck.key and others (0600),
 * their certificates, sgx/collateral.json and tdx/collateral.json (QuoteCollateralV3). */
CAPSA_RESULT capsa_sim_init(const char *dir, capsa_time now, unsigned days);
/* Sign the collateral anew, for `days` from now, with the keys of `dir`. */
CAPSA_RESULT capsa_sim_renew(const char *dir, capsa_time now, unsigned days);

struct capsa_sim;
CAPSA_RESULT capsa_sim_open(const char *dir, struct capsa_sim **ret_sim);
void capsa_sim_free(struct capsa_sim *sim);
CAPSA_DEFINE_AUTO_FREE(capsa_sim)
CAPSA_RESULT capsa_sim_collateral(const struct capsa_sim *sim, enum capsa_platform platform,
                                  capsa_collateral *ret_collateral);

/* What a quote shall say. Zeroed: an SGX enclave or TD without any attribute that matters. */
struct capsa_sim_claims {
    enum capsa_platform platform; /* SGX or TDX */
    unsigned quote_version;       /* 3 (SGX only), 4, 5; 0: 3 for SGX, 4 for TDX */
    bool td15;                    /* TDX version 5: the TD 1.5 body */
    uint8_t mr_enclave[32], mr_signer[32];
    uint16_t isv_prod_id, isv_svn;
    uint8_t mr_td[48], rtmr[4][48], mr_config_id[48], mr_owner[48], mr_owner_config[48];
    bool debug;
    uint8_t report_data[CAPSA_REPORT_DATA];
};
/* MRENCLAVE (or MRTD) of a program in simulation: SHA-256 (SHA-384) over its file,
 * domain-separated. A TD gets RTMR0 and RTMR1 beside it, always the same. */
CAPSA_RESULT capsa_sim_measure(const char *file, struct capsa_sim_claims *claims);
/* MRSIGNER of the platform's own enclaves: SHA-256 of its signer's SubjectPublicKeyInfo. */
CAPSA_RESULT capsa_sim_mr_signer(const struct capsa_sim *sim, uint8_t ret_mr_signer[32]);
CAPSA_RESULT capsa_sim_quote(const struct capsa_sim *sim, const struct capsa_sim_claims *claims,
                             capsa_buf *ret_quote);
