/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotes of Intel SGX and TDX (DCAP): the flow. The platform, then the quote's own signature, then
 * the collateral, so that what is forged is called that before anybody asks what is missing or out
 * of date. Platform and collateral may come out of the cache; everything that depends on both, or
 * on the quote, is judged on every call: anchor, revocation, match, identity, module, TCB.
 */
#include "verifier/verifier_dcap.h"

/* ---- What may have been checked before --------------------------------------------------------
 */

static capsa_bytes digest_bytes(const uint8_t digest[CAPSA_SHA256])
{
    return capsa_bytes_of(digest, CAPSA_SHA256);
}

typedef struct dcap_flow {
    const struct capsa_verify_input *input;
    const struct capsa_quote *quote;
    struct capsa_verdict *verdict;
    uint8_t anchors[CAPSA_SHA256];
    struct capsa_cert_cache *certs, *own_certs;
    struct capsa_dcap_platform *platform;
    struct capsa_dcap_collateral *collateral;
    bool is_new_platform, is_new_collateral;
} dcap_flow;

static void dcap_flow_drop(dcap_flow *flow)
{
    capsa_dcap_platform_free(flow->platform);
    capsa_dcap_collateral_free(flow->collateral);
    capsa_cert_cache_free(flow->own_certs);
}

enum { PLATFORM_PARTS = 4, COLLATERAL_PARTS = 11 };

/* The chain is part of the certification data, unless the caller gives it. */
static void platform_parts(const dcap_flow *flow, capsa_bytes chain_text,
                           capsa_bytes parts[PLATFORM_PARTS])
{
    bool is_given = chain_text.data != flow->quote->cert_data.data;
    parts[0] = digest_bytes(flow->anchors);
    parts[1] = flow->quote->attestation_key;
    parts[2] = flow->quote->certification;
    parts[3] = is_given ? chain_text : capsa_bytes_of(NULL, 0);
}

static void collateral_parts(const dcap_flow *flow, capsa_bytes parts[COLLATERAL_PARTS])
{
    const capsa_collateral *given = flow->input->collateral;
    parts[0] = digest_bytes(flow->anchors);
    parts[1] = capsa_cert_der(flow->platform->chain.certs[1]);
    parts[2] = capsa_cert_der(flow->platform->chain.certs[2]);
    parts[3] = capsa_buf_bytes(&given->root_ca_crl);
    parts[4] = capsa_buf_bytes(&given->pck_crl);
    parts[5] = capsa_buf_bytes(&given->tcb_info_issuer_chain);
    parts[6] = capsa_buf_bytes(&given->tcb_info);
    parts[7] = capsa_buf_bytes(&given->tcb_info_signature);
    parts[8] = capsa_buf_bytes(&given->qe_identity_issuer_chain);
    parts[9] = capsa_buf_bytes(&given->qe_identity);
    parts[10] = capsa_buf_bytes(&given->qe_identity_signature);
}

static struct capsa_cache_key platform_key(const capsa_bytes parts[PLATFORM_PARTS])
{
    return (struct capsa_cache_key){"dcap platform", parts, PLATFORM_PARTS};
}

static struct capsa_cache_key collateral_key(const capsa_bytes parts[COLLATERAL_PARTS])
{
    return (struct capsa_cache_key){"dcap collateral", parts, COLLATERAL_PARTS};
}

static CAPSA_RESULT get_platform(dcap_flow *flow, capsa_bytes chain_text)
{
    capsa_bytes parts[PLATFORM_PARTS];
    platform_parts(flow, chain_text, parts);
    struct capsa_cache_key key = platform_key(parts);
    struct capsa_kept *kept = capsa_verify_cache_find(flow->input->cache, &key);
    if (kept != NULL) {
        flow->platform = (struct capsa_dcap_platform *)(void *)kept;
        return capsa_dcap_judge_anchor(flow->input, flow->platform, flow->verdict);
    }
    flow->is_new_platform = true;
    return capsa_dcap_platform_check(flow->input, flow->certs, flow->quote, chain_text,
                                     flow->verdict, &flow->platform);
}

static CAPSA_RESULT get_collateral(dcap_flow *flow)
{
    capsa_bytes parts[COLLATERAL_PARTS];
    collateral_parts(flow, parts);
    struct capsa_cache_key key = collateral_key(parts);
    struct capsa_kept *kept = capsa_verify_cache_find(flow->input->cache, &key);
    if (kept != NULL) {
        flow->collateral = (struct capsa_dcap_collateral *)(void *)kept;
        return CAPSA_OK;
    }
    flow->is_new_collateral = true;
    return capsa_dcap_collateral_check(flow->input, flow->certs, flow->platform, flow->verdict,
                                       &flow->collateral);
}

/* Once all signatures of a call held: a platform's chain is whole only together with collateral. */
static void keep(dcap_flow *flow, capsa_bytes chain_text)
{
    if (flow->is_new_platform) {
        capsa_bytes parts[PLATFORM_PARTS];
        platform_parts(flow, chain_text, parts);
        struct capsa_cache_key key = platform_key(parts);
        capsa_verify_cache_keep(flow->input->cache, &key, &flow->platform->kept);
    }
    if (flow->is_new_collateral) {
        capsa_bytes parts[COLLATERAL_PARTS];
        collateral_parts(flow, parts);
        struct capsa_cache_key key = collateral_key(parts);
        capsa_verify_cache_keep(flow->input->cache, &key, &flow->collateral->kept);
    }
}

/* ---- Judged on every call ---------------------------------------------------------------------
 */

static CAPSA_RESULT judge_revocation(const dcap_flow *flow)
{
    const struct capsa_dcap_collateral *collateral = flow->collateral;
    const struct {
        const char *what;
        const struct capsa_crl *crl;
        const struct capsa_cert *cert;
    } lookups[] = {
        {"PCK certificate", collateral->pck_crl, flow->platform->chain.certs[0]},
        {"PCK CA", collateral->root_crl, flow->platform->chain.certs[1]},
        {"TCB signing certificate", collateral->root_crl, collateral->tcb_chain.certs[0]},
        {"identity's signing certificate", collateral->root_crl,
         collateral->identity_chain.certs[0]},
    };
    for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
        CAPSA_JUDGE(flow->verdict, REVOKED, !capsa_crl_revokes(lookups[i].crl, lookups[i].cert),
                    "the %s is on its issuer's revocation list", lookups[i].what);
    }
    return CAPSA_OK;
}

static CAPSA_RESULT judge_match(const dcap_flow *flow)
{
    const struct capsa_pck *pck = &flow->platform->pck;
    const struct capsa_tcb_info *info = &flow->collateral->tcb_info;
    bool is_tdx = flow->input->platform == CAPSA_PLATFORM_TDX;
    CAPSA_JUDGE(flow->verdict, COLLATERAL_MATCH, info->is_tdx == is_tdx,
                "TCB Info is of %s, and the quote of %s", info->is_tdx ? "TDX" : "SGX",
                is_tdx ? "TDX" : "SGX");
    CAPSA_JUDGE(flow->verdict, COLLATERAL_MATCH,
                memcmp(pck->fmspc, info->fmspc, sizeof(pck->fmspc)) == 0,
                "FMSPC: the PCK certificate has %02X%02X%02X%02X%02X%02X, and TCB Info is of "
                "%02X%02X%02X%02X%02X%02X",
                pck->fmspc[0], pck->fmspc[1], pck->fmspc[2], pck->fmspc[3], pck->fmspc[4],
                pck->fmspc[5], info->fmspc[0], info->fmspc[1], info->fmspc[2], info->fmspc[3],
                info->fmspc[4], info->fmspc[5]);
    CAPSA_JUDGE(flow->verdict, COLLATERAL_MATCH,
                memcmp(pck->pce_id, info->pce_id, sizeof(pck->pce_id)) == 0,
                "PCE-ID: the PCK certificate has %02X%02X, and TCB Info is of %02X%02X",
                pck->pce_id[0], pck->pce_id[1], info->pce_id[0], info->pce_id[1]);
    return CAPSA_OK;
}

static bool fits_masked(const uint8_t *has, const uint8_t *mask, const uint8_t *wanted, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((has[i] & mask[i]) != wanted[i]) {
            return false;
        }
    }
    return true;
}

static CAPSA_RESULT judge_enclave(const dcap_flow *flow, const struct capsa_sgx_report *report)
{
    const struct capsa_enclave_identity *identity = &flow->collateral->identity;
    struct capsa_verdict *verdict = flow->verdict;
    enum capsa_enclave_id wanted =
        flow->input->platform == CAPSA_PLATFORM_TDX ? CAPSA_ENCLAVE_TD_QE : CAPSA_ENCLAVE_QE;
    CAPSA_JUDGE(verdict, QE_IDENTITY, identity->id == wanted,
                "the identity is of the enclave %s, wanted is %s",
                capsa_enclave_id_name(identity->id), capsa_enclave_id_name(wanted));
    CAPSA_JUDGE(verdict, QE_REPORT,
                capsa_bytes_equal(report->mr_signer,
                                  capsa_bytes_of(identity->mr_signer, sizeof(identity->mr_signer))),
                "MRSIGNER of the quoting enclave is not the identity's");
    CAPSA_JUDGE(verdict, QE_REPORT, report->isv_prod_id == identity->isv_prod_id,
                "ISVPRODID of the quoting enclave is %u, the identity has %u", report->isv_prod_id,
                identity->isv_prod_id);
    CAPSA_JUDGE(verdict, QE_REPORT,
                (report->misc_select & identity->misc_select_mask) == identity->misc_select,
                "MISCSELECT of the quoting enclave is 0x%08x, the identity has 0x%08x under the "
                "mask 0x%08x",
                report->misc_select, identity->misc_select, identity->misc_select_mask);
    CAPSA_JUDGE(verdict, QE_REPORT,
                fits_masked(report->attributes.data, identity->attributes_mask,
                            identity->attributes, sizeof(identity->attributes)),
                "ATTRIBUTES of the quoting enclave are not the identity's");
    CAPSA_JUDGE(verdict, QE_REPORT, (report->flags & CAPSA_SGX_FLAG_DEBUG) == 0,
                "the quoting enclave is a debug enclave");
    return CAPSA_OK;
}

static CAPSA_RESULT judge_platform(const dcap_flow *flow)
{
    struct capsa_sgx_report enclave;
    CAPSA_JUDGE_TRY(flow->verdict, FORMAT,
                    capsa_sgx_report_parse(flow->quote->qe_report, &enclave));
    CAPSA_TRY(judge_enclave(flow, &enclave));
    struct capsa_dcap_facts facts = {&flow->platform->pck, &flow->collateral->tcb_info,
                                     &flow->collateral->identity, enclave.isv_svn, NULL};
    struct capsa_td_report td;
    if (flow->input->platform == CAPSA_PLATFORM_TDX) {
        CAPSA_JUDGE_TRY(flow->verdict, FORMAT, capsa_td_report_parse(flow->quote->body, &td));
        facts.td = &td;
        CAPSA_TRY(capsa_dcap_judge_td(&facts, flow->verdict));
    }
    return capsa_dcap_judge_tcb(&facts, flow->verdict);
}

/* ---- The verdict ------------------------------------------------------------------------------
 */

/* Intel's wrapper counts the very second of the end as expired. */
static void note_times(const dcap_flow *flow)
{
    struct capsa_window window = flow->platform->window;
    capsa_window_add(&window, flow->collateral->window.issued, flow->collateral->window.expires);
    struct capsa_verdict *verdict = flow->verdict;
    verdict->collateral_issued = window.issued;
    verdict->collateral_expires = window.expires;
    verdict->signed_at = flow->collateral->signed_at;
    verdict->collateral_status = window.expires <= flow->input->now ? 1 : 0;
}

static void note_endorsed(const dcap_flow *flow)
{
    bool is_tdx = flow->input->platform == CAPSA_PLATFORM_TDX;
    const struct capsa_pck *pck = &flow->platform->pck;
    capsa_claim_set_bytes(&flow->verdict->claims,
                          is_tdx ? CAPSA_CLAIM_TDX_FMSPC : CAPSA_CLAIM_SGX_FMSPC,
                          capsa_bytes_of(pck->fmspc, sizeof(pck->fmspc)));
    capsa_claim_set_bytes(&flow->verdict->claims,
                          is_tdx ? CAPSA_CLAIM_TDX_PPID : CAPSA_CLAIM_SGX_PPID,
                          capsa_bytes_of(pck->ppid, sizeof(pck->ppid)));
}

/* ---- The flow ---------------------------------------------------------------------------------
 */

static CAPSA_RESULT check_own_key(const struct capsa_quote *quote)
{
    size_t half = quote->attestation_key.len / 2;
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_public_key_of_point(CAPSA_KEY_P256,
                                        capsa_bytes_of(quote->attestation_key.data, half),
                                        capsa_bytes_from(quote->attestation_key, half), &key));
    return capsa_ecdsa_check(key, quote->signed_region, quote->signature);
}

/* Certification data of type 5 is a chain; all others need one that the caller vouches to have
 * looked for. Without any, nothing but the quote's own signature can be looked at. */
static CAPSA_RESULT choose_chain(const dcap_flow *flow, capsa_bytes *ret_text)
{
    enum { PCK_CHAIN = 5 };
    if (flow->quote->cert_type == PCK_CHAIN) {
        *ret_text = flow->quote->cert_data;
        return CAPSA_OK;
    }
    const capsa_buf *given = &flow->input->collateral->pck_certificate_chain;
    if (given->len == 0) {
        CAPSA_JUDGE_TRY(flow->verdict, SIGNATURE, check_own_key(flow->quote));
    }
    CAPSA_JUDGE(flow->verdict, COLLATERAL_MISSING, given->len > 0,
                "the quote has certification data of type %u, which is no PCK chain, and the "
                "collateral has no pck_certificate_chain",
                flow->quote->cert_type);
    *ret_text = capsa_buf_bytes(given);
    return CAPSA_OK;
}

/* The same root stands in three chains and the same signer in two, so that certificates are worth
 * keeping even for one verification. */
static CAPSA_RESULT find_certs(dcap_flow *flow)
{
    enum { PLACES = 32 };
    flow->certs = capsa_verify_cache_certs(flow->input->cache);
    if (flow->certs == NULL) {
        CAPSA_TRY(capsa_cert_cache_new_of(PLACES, &flow->own_certs));
        flow->certs = flow->own_certs;
    }
    return CAPSA_OK;
}

static CAPSA_RESULT run(dcap_flow *flow)
{
    CAPSA_TRY(find_certs(flow));
    capsa_bytes chain_text = {NULL, 0};
    CAPSA_TRY(choose_chain(flow, &chain_text));
    CAPSA_TRY(get_platform(flow, chain_text));
    CAPSA_JUDGE_TRY(flow->verdict, SIGNATURE,
                    capsa_ecdsa_check(flow->platform->attestation_key, flow->quote->signed_region,
                                      flow->quote->signature));
    CAPSA_TRY(get_collateral(flow));
    keep(flow, chain_text);
    note_endorsed(flow);
    note_times(flow);
    CAPSA_TRY(judge_revocation(flow));
    CAPSA_TRY(judge_match(flow));
    return judge_platform(flow);
}

static CAPSA_RESULT verify(const struct capsa_verify_input *input, struct capsa_verdict *verdict)
{
    struct capsa_quote quote;
    CAPSA_JUDGE_TRY(verdict, FORMAT, capsa_quote_parse(input->evidence, &quote));
    CAPSA_JUDGE_TRY(verdict, FORMAT, capsa_quote_claims(&quote, &verdict->claims));
    CAPSA_JUDGE(verdict, FORMAT, verdict->claims.platform == input->platform,
                "a quote of %s was expected, this one is of %s",
                capsa_platform_what(input->platform),
                capsa_platform_what(verdict->claims.platform));
    CAPSA_AUTO(dcap_flow) flow = {.input = input, .quote = &quote, .verdict = verdict};
    capsa_anchors_digest(input->anchors, flow.anchors);
    return run(&flow);
}

const struct capsa_verifier capsa_verifier_sgx = {CAPSA_PLATFORM_SGX, verify};
const struct capsa_verifier capsa_verifier_tdx = {CAPSA_PLATFORM_TDX, verify};
