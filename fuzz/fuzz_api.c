/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface as hostile callers' data reaches it: evidence, collateral, a policy and a
 * root, a 32-bit big-endian length before each, in one verdict. 0 is accepted and nothing else is;
 * a refusal has a verdict and a check; other failures have no verdict; the same answer twice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "capsa/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1800000000

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static capsa_bytes take(struct capsa_reader *reader)
{
    capsa_bytes taken = {NULL, 0};
    return capsa_failed(capsa_read_field(reader, reader->bytes.len, &taken))
               ? (capsa_bytes){NULL, 0}
               : taken;
}

static void look_at(const libcapsa_verdict *verdict)
{
    char *json = NULL;
    must(libcapsa_verdict_json(verdict, &json, NULL) == LIBCAPSA_OK);
    libcapsa_free(json);
    for (size_t i = 0; i < libcapsa_verdict_claim_count(verdict); i++) {
        must(*libcapsa_claim_name(libcapsa_verdict_claim_at(verdict, i)) != '\0');
    }
}

static bool is_refusal(int code)
{
    return code == LIBCAPSA_E_EVIDENCE || code == LIBCAPSA_E_TCB || code == LIBCAPSA_E_DENIED;
}

static int judge(const libcapsa_verifier *verifier, capsa_bytes evidence,
                 const libcapsa_collateral *collateral)
{
    libcapsa_verdict *verdict = NULL;
    const int code = libcapsa_verifier_judge_bytes(verifier, evidence.data, evidence.len,
                                                   collateral, NOW, NULL, 0, &verdict, NULL);
    must((verdict != NULL) == (code == LIBCAPSA_OK || is_refusal(code)));
    must(libcapsa_verdict_accepted(verdict) == (code == LIBCAPSA_OK));
    must(is_refusal(code) == (*libcapsa_verdict_failed_check(verdict) != '\0'));
    if (verdict != NULL) {
        look_at(verdict);
    }
    libcapsa_verdict_free(verdict);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(data, size));
    const capsa_bytes evidence = take(&reader);
    const capsa_bytes collateral = take(&reader);
    const capsa_bytes policy = take(&reader);
    const capsa_bytes root = take(&reader);
    libcapsa_verifier *verifier = NULL;
    libcapsa_collateral *given = libcapsa_collateral_new();
    must(given != NULL && libcapsa_verifier_new(&verifier, NULL) == LIBCAPSA_OK);
    (void)libcapsa_collateral_add(given, NULL, collateral.data, collateral.len, NULL);
    if (policy.len > 0) {
        (void)libcapsa_verifier_set_policy(verifier, policy.data, policy.len, NULL);
    }
    if (root.len > 0) {
        (void)libcapsa_verifier_set_root(verifier, root.data, root.len, NULL);
    }
    must(judge(verifier, evidence, given) == judge(verifier, evidence, given));
    libcapsa_collateral_free(given);
    libcapsa_verifier_free(verifier);
    return 0;
}
