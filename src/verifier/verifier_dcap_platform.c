/* SPDX-License-Identifier: Apache-2.0
 *
 * A platform of Intel's: its PCK chain, and that the leaf's key vouches for the quoting enclave,
 * which bound the attestation key. It takes two signature checks, and is the same for weeks. That
 * the root signed the intermediate is checked with the collateral, once for all platforms below it.
 */
#include "base/alloc.h"
#include "verifier/verifier_dcap.h"

static void destroy(struct capsa_kept *kept)
{
    struct capsa_dcap_platform *platform = (struct capsa_dcap_platform *)(void *)kept;
    capsa_chain_drop(&platform->chain);
    capsa_buf_drop(&platform->root_spki);
    capsa_public_key_free(platform->attestation_key);
    capsa_dealloc(platform);
}

void capsa_dcap_platform_free(struct capsa_dcap_platform *platform)
{
    if (platform != NULL) {
        capsa_kept_release(&platform->kept);
    }
}

static CAPSA_RESULT new_platform(struct capsa_dcap_platform **ret_platform)
{
    struct capsa_dcap_platform *platform = CAPSA_NEW(struct capsa_dcap_platform);
    CAPSA_REQUIRE_MEMORY(platform);
    capsa_kept_init(&platform->kept, destroy);
    platform->root_spki = capsa_buf_of(KIB(4));
    *ret_platform = platform;
    return CAPSA_OK;
}

/* ---- The chain --------------------------------------------------------------------------------
 */

/* Only the Platform CA certifies platforms of several packages, and writes which one it is. */
static CAPSA_RESULT check_extension_kind(const struct capsa_dcap_platform *platform)
{
    char issuer[CAPSA_COMMON_NAME];
    CAPSA_TRY(capsa_cert_subject_name(platform->chain.certs[1], issuer));
    bool by_platform_ca = strstr(issuer, "Platform") != NULL;
    CAPSA_REQUIRE(by_platform_ca == platform->pck.has_instance, MALFORMED,
                  "the SGX extension %s a platform instance, and the issuer is \"%s\"",
                  platform->pck.has_instance ? "names" : "does not name", issuer);
    return CAPSA_OK;
}

static CAPSA_RESULT read_pck(struct capsa_dcap_platform *platform)
{
    CAPSA_AUTO(capsa_buf) extension = capsa_buf_of(KIB(16));
    CAPSA_TRY(capsa_cert_extension(platform->chain.certs[0], CAPSA_PCK_OID, &extension));
    CAPSA_TRY(capsa_pck_parse(capsa_buf_bytes(&extension), &platform->pck));
    return check_extension_kind(platform);
}

static CAPSA_RESULT read_chain(struct capsa_cert_cache *certs, capsa_bytes text,
                               struct capsa_dcap_platform *platform)
{
    CAPSA_TRY_AT(capsa_dcap_chain_parse(certs, text, &platform->chain), "PCK chain");
    CAPSA_TRY_AT(capsa_dcap_pck_roles(&platform->chain), "PCK chain");
    for (size_t i = 0; i < platform->chain.count; i++) {
        capsa_time from = 0, until = 0;
        capsa_cert_validity(platform->chain.certs[i], &from, &until);
        capsa_window_add(&platform->window, from, until);
    }
    return capsa_public_key_spki(capsa_cert_key(platform->chain.certs[2]), &platform->root_spki);
}

/* ---- The quoting enclave ----------------------------------------------------------------------
 */

/* REPORTDATA of its report begins with the hash of the key and of whatever stands with it. */
static CAPSA_RESULT check_binding(const struct capsa_quote *quote)
{
    struct capsa_sgx_report report;
    CAPSA_TRY(capsa_sgx_report_parse(quote->qe_report, &report));
    CAPSA_AUTO(capsa_buf) bound = capsa_buf_of(KIB(128));
    CAPSA_TRY(capsa_buf_append(&bound, quote->attestation_key));
    CAPSA_TRY(capsa_buf_append(&bound, quote->qe_auth));
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(capsa_buf_bytes(&bound), digest);
    CAPSA_REQUIRE(memcmp(report.report_data.data, digest, sizeof(digest)) == 0, UNAUTHENTIC,
                  "the quoting enclave's REPORTDATA is not the hash of the attestation key and "
                  "its %zu bytes of authentication data",
                  quote->qe_auth.len);
    return CAPSA_OK;
}

static CAPSA_RESULT check_enclave(const struct capsa_quote *quote, struct capsa_verdict *verdict,
                                  struct capsa_dcap_platform *platform)
{
    CAPSA_JUDGE_TRY(verdict, QE_REPORT_SIGNATURE,
                    capsa_ecdsa_check(capsa_cert_key(platform->chain.certs[0]), quote->qe_report,
                                      quote->qe_signature));
    CAPSA_JUDGE_TRY(verdict, QE_REPORT_BINDING, check_binding(quote));
    capsa_bytes key = quote->attestation_key;
    size_t half = key.len / 2;
    CAPSA_JUDGE_TRY(verdict, SIGNATURE,
                    capsa_public_key_of_point(CAPSA_KEY_P256, capsa_bytes_of(key.data, half),
                                              capsa_bytes_from(key, half),
                                              &platform->attestation_key));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_dcap_platform_check(const struct capsa_verify_input *input,
                                       struct capsa_cert_cache *certs,
                                       const struct capsa_quote *quote, capsa_bytes chain_text,
                                       struct capsa_verdict *verdict,
                                       struct capsa_dcap_platform **ret_platform)
{
    CAPSA_AUTO_FREE(capsa_dcap_platform) platform = NULL;
    CAPSA_TRY(new_platform(&platform));
    CAPSA_JUDGE_TRY(verdict, CHAIN, read_chain(certs, chain_text, platform));
    CAPSA_TRY(capsa_dcap_judge_anchor(input, platform, verdict));
    CAPSA_JUDGE_TRY(verdict, CHAIN,
                    capsa_cert_link_check(platform->chain.certs[0], platform->chain.certs[1],
                                          CAPSA_LINK_P256_SHA256));
    CAPSA_JUDGE_TRY(verdict, CHAIN, read_pck(platform));
    CAPSA_TRY(check_enclave(quote, verdict, platform));
    *ret_platform = platform;
    platform = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_dcap_judge_anchor(const struct capsa_verify_input *input,
                                     const struct capsa_dcap_platform *platform,
                                     struct capsa_verdict *verdict)
{
    const struct capsa_anchor_key *key = NULL;
    return capsa_anchors_judge(input, capsa_buf_bytes(&platform->root_spki), verdict, &key);
}
