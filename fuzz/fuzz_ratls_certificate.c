/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: a certificate of a peer, from anywhere. Whatever is read lies within its own copy and can
 * be shown; nobody is asked about evidence but of a certificate that passed all checks of its own;
 * and without an appraiser's yes nothing is accepted.
 */
#include <stdlib.h>

#include "ratls/ratls_certificate.h"

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void must_lie_within(capsa_bytes part, capsa_bytes whole)
{
    must(part.len == 0 ||
         (part.data >= whole.data && (size_t)(part.data - whole.data) + part.len <= whole.len));
}

/* Accepts, and so stands in for any verdict: what is asked is what counts. */
static capsa_result judge(void *context, enum capsa_platform platform, capsa_bytes evidence,
                          const capsa_collateral *shipped, capsa_time now,
                          const uint8_t *report_data, struct capsa_verdict *verdict)
{
    struct capsa_claims claims;
    (void)now;
    (void)shipped;
    must(!capsa_failed(capsa_evidence_claims(platform, evidence, &claims)));
    must(capsa_bytes_equal(capsa_claims_report_data(&claims),
                           capsa_bytes_of(report_data, CAPSA_REPORT_DATA)));
    *verdict = (struct capsa_verdict){.accepted = true};
    *(bool *)context = true;
    return CAPSA_OK;
}

static void use_report(capsa_bytes bytes, const struct capsa_ratls_rules *rules)
{
    struct capsa_ratls_report report;
    bool asked = false;
    const struct capsa_ratls_appraiser appraiser = {&asked, judge};
    bool failed = capsa_failed(capsa_ratls_judge(bytes, rules, &appraiser, NULL, NOW, &report));
    must(failed == !report.verdict.accepted && asked == !failed);
    must(!failed || report.verdict.failed_check != CAPSA_CHECK_NONE);
    struct capsa_json *json = NULL;
    must(!capsa_failed(capsa_ratls_report_json(&report, &json)));
    capsa_json_free(json);
}

static void use_certificate(const struct capsa_ratls_certificate *certificate)
{
    const capsa_bytes whole = capsa_buf_bytes(&certificate->der);
    const capsa_bytes parts[] = {certificate->tbs,  certificate->algorithm, certificate->signature,
                                 certificate->spki, certificate->claims,    certificate->key_digest,
                                 certificate->nonce};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        must_lie_within(parts[i], whole);
    }
    must(certificate->form != CAPSA_RATLS_NONE && certificate->spki.len > 0);
    must((certificate->form == CAPSA_RATLS_DICE) == (certificate->hash != 0));
    struct capsa_json *json = NULL;
    must(!capsa_failed(capsa_ratls_show(certificate, &json)));
    capsa_json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct capsa_ratls_rules strict = {.native = true};
    static const struct capsa_ratls_rules lax = {.insecure_old_x509 = true};
    const capsa_bytes bytes = capsa_bytes_of(data, size);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = NULL;
    if (!capsa_failed(capsa_ratls_read(bytes, &certificate))) {
        use_certificate(certificate);
    } else {
        must(certificate == NULL);
    }
    use_report(bytes, &strict);
    use_report(bytes, &lax);
    return 0;
}
