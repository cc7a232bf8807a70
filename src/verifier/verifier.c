/* SPDX-License-Identifier: Apache-2.0
 *
 * One door to the verifiers of all platforms, and what holds for each of them: the verdict starts
 * as a refusal, evidence has to be of a platform that is known, and where a vendor's anchor is
 * demanded no other passes, whatever the platform's own verifier thought of it.
 */
#include "verifier/verifier.h"

static const struct capsa_verifier *const verifiers[] = {
    &capsa_verifier_sgx,
    &capsa_verifier_tdx,
    &capsa_verifier_snp,
    &capsa_verifier_csv,
};

static const struct capsa_verifier *verifier_of(enum capsa_platform platform)
{
    for (size_t i = 0; i < sizeof(verifiers) / sizeof(verifiers[0]); i++) {
        if (verifiers[i]->platform == platform) {
            return verifiers[i];
        }
    }
    return NULL;
}

static CAPSA_RESULT verify(const struct capsa_verify_input *input, struct capsa_verdict *verdict)
{
    const struct capsa_verifier *verifier = verifier_of(input->platform);
    CAPSA_JUDGE(verdict, FORMAT, verifier != NULL, "evidence of platform \"%s\" cannot be verified",
                capsa_platform_name(input->platform));
    CAPSA_TRY(verifier->verify(input, verdict));
    CAPSA_JUDGE(
        verdict, ANCHOR_KIND, !input->vendor_only || verdict->anchor_kind == CAPSA_ANCHOR_VENDOR,
        "a vendor's trust anchor is demanded, and the evidence stands under %s", verdict->anchor);
    /* Last: nothing above looks at the clock, and what is not authentic is refused as that. */
    CAPSA_JUDGE(verdict, TIME, input->now > 0,
                "the verification time is %lld, seconds since 1970 above zero are wanted",
                (long long)input->now);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_verify(const struct capsa_verify_input *input, struct capsa_verdict *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
    verdict->intel_result = capsa_verdict_intel_result(verdict); /* unspecified: no success */
    CAPSA_REQUIRE(input->anchors != NULL && input->collateral != NULL, INTERNAL,
                  "verifying wants trust anchors and collateral, even if it is empty");
    capsa_result result = verify(input, verdict);
    if (input->platform == CAPSA_PLATFORM_SGX || input->platform == CAPSA_PLATFORM_TDX) {
        verdict->intel_result = capsa_verdict_intel_result(verdict);
    }
    return result;
}
