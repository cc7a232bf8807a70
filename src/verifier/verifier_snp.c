/* SPDX-License-Identifier: Apache-2.0
 *
 * SEV-SNP reports: signed by the key in the leaf, and made on the chip, at the versions, and of the
 * product that the leaf was made for. AMD's certificates are verifier_snp_chain.c's.
 */
#include "verifier/verifier_snp_chain.h"

#include "crypto/crypto_evidence.h"

#define ECDSA_P384_SHA384 1
#define POLICY_ALWAYS     (UINT64_C(1) << 17)
#define WITH_CPUID        3 /* the first version of the report that tells family and model */

static const char *key_name(unsigned key)
{
    return key == CAPSA_SNP_VCEK ? "VCEK" : key == CAPSA_SNP_VLEK ? "VLEK" : "no key";
}

static capsa_result judge_report(capsa_bytes evidence, struct capsa_verdict *verdict,
                                 struct capsa_snp_report *ret_report)
{
    struct capsa_snp_report report;
    CAPSA_JUDGE_TRY(verdict, FORMAT, capsa_snp_report_parse(evidence, &report));
    CAPSA_JUDGE_TRY(verdict, FORMAT, capsa_snp_claims(&report, &verdict->claims));
    verdict->claims.debug = (report.policy & CAPSA_SNP_POLICY_DEBUG) != 0;
    CAPSA_JUDGE(verdict, FORMAT, (report.policy & POLICY_ALWAYS) != 0,
                "bit 17 of the policy is always one, and the report's policy is 0x%llx",
                (unsigned long long)report.policy);
    CAPSA_JUDGE(verdict, FORMAT, report.signature_algo == ECDSA_P384_SHA384,
                "signature_algo %u, only 1 (ECDSA on P-384 with SHA-384) is known",
                report.signature_algo);
    CAPSA_JUDGE(verdict, FORMAT,
                report.signing_key == CAPSA_SNP_VCEK || report.signing_key == CAPSA_SNP_VLEK,
                "the report says that its signing key is number %u, neither a VCEK nor a VLEK",
                report.signing_key);
    *ret_report = report;
    return CAPSA_OK;
}

/* ---- What the key was made for -----------------------------------------------------------------
 */

static bool all_zero(capsa_bytes bytes)
{
    uint8_t any = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        any |= bytes.data[i];
    }
    return any == 0;
}

static capsa_result judge_product(const struct capsa_snp_report *report,
                                  const struct capsa_snp_leaf *leaf, struct capsa_verdict *verdict)
{
    CAPSA_JUDGE(verdict, CHIP, report->version < WITH_CPUID || report->product == leaf->product,
                "the report is of family 0x%02x, model 0x%02x, the certificate of %s",
                report->cpuid_family, report->cpuid_model, capsa_snp_product_name(leaf->product));
    return CAPSA_OK;
}

static capsa_result judge_versions(const struct capsa_snp_report *report,
                                   const struct capsa_snp_leaf *leaf, struct capsa_verdict *verdict)
{
    for (int i = 0; i < CAPSA_SNP_PARTS; i++) {
        int reported =
            capsa_snp_tcb_part(leaf->product, report->reported_tcb, (enum capsa_snp_part)i);
        CAPSA_JUDGE(verdict, CHIP, reported < 0 || reported == leaf->parts[i],
                    "reported_tcb has %s %d, and the certificate was made for %u",
                    capsa_snp_part_name((enum capsa_snp_part)i), reported, leaf->parts[i]);
    }
    return CAPSA_OK;
}

/* A VLEK is of no chip, so that its reports name none; nor do those of a platform that says that it
 * masks. A masked VCEK may still name its own. */
static capsa_result judge_chip(const struct capsa_snp_report *report,
                               const struct capsa_snp_leaf *leaf, struct capsa_verdict *verdict)
{
    capsa_bytes id = report->chip_id;
    if (leaf->kind == CAPSA_SNP_VLEK) {
        CAPSA_JUDGE(verdict, CHIP, all_zero(id),
                    "a report signed by a VLEK names a chip; its chip_id must be zero");
        return CAPSA_OK;
    }
    if (report->mask_chip_key && all_zero(id)) {
        return CAPSA_OK;
    }
    CAPSA_JUDGE(verdict, CHIP,
                id.len >= leaf->hwid_len && memcmp(id.data, leaf->hwid, leaf->hwid_len) == 0 &&
                    all_zero(capsa_bytes_from(id, leaf->hwid_len)),
                "the report's chip_id is another than the one that the certificate is of");
    return CAPSA_OK;
}

/* ---- All of it ---------------------------------------------------------------------------------
 */

static capsa_result judge_signature(const struct capsa_snp_report *report,
                                    const struct capsa_snp_chain *chain,
                                    struct capsa_verdict *verdict)
{
    CAPSA_JUDGE(verdict, CHAIN, report->signing_key == (unsigned)chain->says.kind,
                "the report says that a %s signed it, and the certificate is of a %s",
                key_name(report->signing_key), key_name(chain->says.kind));
    CAPSA_JUDGE_TRY(
        verdict, SIGNATURE,
        capsa_ecdsa_check(capsa_cert_key(chain->leaf.certs[0]), report->signed_region,
                          capsa_bytes_of(report->signature, sizeof(report->signature))));
    return CAPSA_OK;
}

static CAPSA_RESULT verify_snp(const struct capsa_verify_input *input,
                               struct capsa_verdict *verdict)
{
    struct capsa_snp_report report;
    CAPSA_AUTO_FREE(capsa_snp_chain) chain = NULL;
    CAPSA_TRY(judge_report(input->evidence, verdict, &report));
    CAPSA_TRY(capsa_snp_chain_judge(input, verdict, &chain));
    CAPSA_TRY(judge_signature(&report, chain, verdict));
    CAPSA_TRY(judge_product(&report, &chain->says, verdict));
    CAPSA_TRY(judge_versions(&report, &chain->says, verdict));
    CAPSA_TRY(judge_chip(&report, &chain->says, verdict));
    capsa_claim_set_bytes(&verdict->claims, CAPSA_CLAIM_SNP_PRODUCT,
                          capsa_bytes_str(capsa_snp_product_name(chain->says.product)));
    return CAPSA_OK;
}

const struct capsa_verifier capsa_verifier_snp = {CAPSA_PLATFORM_SNP, verify_snp};
