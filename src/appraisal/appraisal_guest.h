/* SPDX-License-Identifier: Apache-2.0
 *
 * The sections sgx, tdx, snp and csv of a policy: how the guest or enclave must have been started,
 * and below which versions its platform must not be. Of this folder only.
 */
#pragma once

#include "evidence/evidence_snp.h"
#include "verifier/verdict.h"

/* The words of evidence whose bits a policy may name; appraisal_guest.c says what they are. */
enum capsa_guest_word {
    CAPSA_WORD_SGX_ATTRIBUTES,
    CAPSA_WORD_TDX_ATTRIBUTES,
    CAPSA_WORD_SNP_POLICY,
    CAPSA_WORD_SNP_PLATFORM,
    CAPSA_WORD_CSV_POLICY,
    CAPSA_WORD_COUNT,
};

#define CAPSA_SNP_PRODUCTS (CAPSA_SNP_TURIN + 1)

/* Security versions that a product must reach. */
struct capsa_snp_floor {
    bool given;
    uint8_t parts[CAPSA_SNP_PARTS];
};

/* Which TCB of a report a floor is for. */
enum capsa_floor_kind {
    CAPSA_FLOOR_REPORTED,
    CAPSA_FLOOR_COMMITTED,
    CAPSA_FLOOR_LAUNCH,
    CAPSA_FLOOR_COUNT
};

struct capsa_guest_policy {
    struct {
        uint64_t required, denied;
    } words[CAPSA_WORD_COUNT];
    bool tdx_no_service_td;
    bool snp_require_crl;
    int64_t snp_max_vmpl;
    bool snp_has_floor[CAPSA_FLOOR_COUNT]; /* then every product without one is refused */
    struct capsa_snp_floor snp_floors[CAPSA_FLOOR_COUNT][CAPSA_SNP_PRODUCTS];
    bool csv_has_floor;
    int64_t csv_api_major, csv_api_minor;
};

void capsa_guest_policy_init(struct capsa_guest_policy *guest);
/* `section` NULL: absent. On failure *guest may be half filled in. */
CAPSA_RESULT capsa_guest_policy_load(enum capsa_platform platform, const struct capsa_json *section,
                                     struct capsa_guest_policy *guest);

CAPSA_RESULT capsa_guest_policy_judge(const struct capsa_guest_policy *guest,
                                      struct capsa_verdict *verdict);
CAPSA_RESULT capsa_guest_floor_judge(const struct capsa_guest_policy *guest,
                                     struct capsa_verdict *verdict);
