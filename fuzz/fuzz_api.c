/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface as hostile callers' data reaches it: evidence, collateral, a policy, a root
 * and a certificate, a 32-bit big-endian length before each, in verdicts. 0 is accepted and nothing
 * else is; a refusal has a verdict and a check; other failures have no verdict; the same answer
 * twice. What a certificate cannot be read as, it is not accepted as either.
 */
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "capsa/ratls.h"

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

static void check(int code, const libcapsa_verdict *verdict)
{
    must((verdict != NULL) == (code == LIBCAPSA_OK || is_refusal(code)));
    must(libcapsa_verdict_accepted(verdict) == (code == LIBCAPSA_OK));
    must(is_refusal(code) == (*libcapsa_verdict_failed_check(verdict) != '\0'));
    if (verdict != NULL) {
        look_at(verdict);
    }
}

static int judge(const libcapsa_verifier *verifier, capsa_bytes evidence,
                 const libcapsa_collateral *collateral)
{
    libcapsa_verdict *verdict = NULL;
    const int code = libcapsa_verifier_judge_bytes(verifier, evidence.data, evidence.len,
                                                   collateral, NOW, NULL, 0, &verdict, NULL);
    check(code, verdict);
    libcapsa_verdict_free(verdict);
    return code;
}

/* ---- Certificates ---------------------------------------------------------------------------- */

static bool can_be_read(capsa_bytes bytes)
{
    libcapsa_certificate *certificate = NULL;
    char *text = NULL;
    if (libcapsa_certificate_parse(bytes.data, bytes.len, &certificate, NULL) != LIBCAPSA_OK) {
        must(certificate == NULL);
        return false;
    }
    size_t len = 0;
    must(libcapsa_certificate_der(certificate, &len) != NULL && len > 0);
    must(*libcapsa_certificate_form(certificate) != '\0');
    must(libcapsa_certificate_show(certificate, &text, NULL) == LIBCAPSA_OK);
    libcapsa_free(text);
    libcapsa_certificate_free(certificate);
    return true;
}

static int judge_certificate(const libcapsa_verifier *verifier, capsa_bytes bytes, unsigned rules,
                             bool is_one)
{
    libcapsa_verdict *verdict = NULL;
    const int code = libcapsa_verifier_judge_certificate(verifier, bytes.data, bytes.len, rules,
                                                         NULL, NOW, &verdict, NULL);
    check(code, verdict);
    must(is_one || strcmp(libcapsa_verdict_failed_check(verdict), "certificate") == 0);
    libcapsa_verdict_free(verdict);
    return code;
}

static void try_certificate(const libcapsa_verifier *verifier, capsa_bytes bytes)
{
    static const unsigned all =
        LIBCAPSA_CERTIFICATE_NATIVE | LIBCAPSA_CERTIFICATE_INSECURE_OLD_X509;
    const bool is_one = can_be_read(bytes);
    for (unsigned rules = 0; rules <= all; rules++) {
        must(judge_certificate(verifier, bytes, rules, is_one) ==
             judge_certificate(verifier, bytes, rules, is_one));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(data, size));
    const capsa_bytes evidence = take(&reader);
    const capsa_bytes collateral = take(&reader);
    const capsa_bytes policy = take(&reader);
    const capsa_bytes root = take(&reader);
    const capsa_bytes certificate = take(&reader);
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
    try_certificate(verifier, certificate);
    libcapsa_collateral_free(given);
    libcapsa_verifier_free(verifier);
    return 0;
}
