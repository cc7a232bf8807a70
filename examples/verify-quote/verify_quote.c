/* SPDX-License-Identifier: Apache-2.0
 *
 * verify-quote EVIDENCE [COLLATERAL [POLICY [TIME]]]: prints the verdict; exit status 0 is
 * accepted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <capsa/verify.h>

static int fail(const libcapsa_error *error)
{
    (void)fprintf(stderr, "%s\n", libcapsa_error_text(error));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 5) {
        (void)fprintf(stderr, "verify-quote EVIDENCE [COLLATERAL [POLICY [TIME]]]\n");
        return 1;
    }
    const int64_t now = argc > 4 ? strtoll(argv[4], NULL, 10) : (int64_t)time(NULL);
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_verifier *verifier = NULL;
    libcapsa_evidence *evidence = NULL;
    libcapsa_collateral *collateral = argc > 2 ? libcapsa_collateral_new() : NULL;
    libcapsa_verdict *verdict = NULL;
    if (libcapsa_verifier_new(&verifier, error) != 0 ||
        (argc > 3 && libcapsa_verifier_load_policy(verifier, argv[3], error) != 0) ||
        (argc > 2 && libcapsa_collateral_load(collateral, argv[2], error) != 0) ||
        libcapsa_evidence_load(argv[1], &evidence, error) != 0) {
        return fail(error);
    }
    const int code =
        libcapsa_verifier_judge(verifier, evidence, collateral, now, NULL, 0, &verdict, error);
    if (verdict == NULL) {
        return fail(error);
    }
    printf("%s %s\n", code == 0 ? "accepted" : "refused:", libcapsa_verdict_reason(verdict));
    for (size_t i = 0; i < libcapsa_verdict_claim_count(verdict); i++) {
        const libcapsa_claim *claim = libcapsa_verdict_claim_at(verdict, i);
        printf("%-24s %-9s %s\n", libcapsa_claim_name(claim), libcapsa_claim_provenance(claim),
               libcapsa_claim_text(claim));
    }
    libcapsa_verdict_free(verdict);
    libcapsa_evidence_free(evidence);
    libcapsa_collateral_free(collateral);
    libcapsa_verifier_free(verifier);
    libcapsa_error_free(error);
    return code == 0 ? 0 : 2;
}
