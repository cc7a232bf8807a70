/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates that carry evidence, across the public interface (capsa/ratls.h): read, shown and
 * judged. In libcapsa-verify too: nothing here needs TLS.
 */
#include "api/api_verifier.h"
#include "base/alloc.h"
#include "capsa/ratls.h"

struct libcapsa_certificate {
    struct capsa_ratls_certificate *held;
    libcapsa_evidence evidence; /* lent: its parts are those of `held`, and are not dropped */
};

static capsa_result parse(const void *bytes, size_t len, libcapsa_certificate **ret_certificate)
{
    CAPSA_API_GIVEN(ret_certificate);
    capsa_bytes given;
    CAPSA_TRY(capsa_api_bytes("bytes", bytes, len, &given));
    CAPSA_AUTO_FREE(capsa_ratls_certificate) held = NULL;
    CAPSA_TRY(capsa_ratls_read(given, &held));
    struct libcapsa_certificate *made = CAPSA_NEW(struct libcapsa_certificate);
    CAPSA_REQUIRE_MEMORY(made);
    made->evidence.held = held->evidence;
    made->evidence.shipped.held = held->endorsements;
    made->held = held;
    held = NULL;
    *ret_certificate = made;
    return CAPSA_OK;
}

int libcapsa_certificate_parse(const void *bytes, size_t len,
                               libcapsa_certificate **ret_certificate, libcapsa_error *ret_error)
{
    return capsa_api_end(parse(bytes, len, ret_certificate), ret_error);
}

void libcapsa_certificate_free(libcapsa_certificate *certificate)
{
    if (certificate == NULL) {
        return;
    }
    capsa_ratls_certificate_free(certificate->held);
    capsa_dealloc(certificate);
}

/* ---- What it is ------------------------------------------------------------------------------ */

const char *libcapsa_certificate_form(const libcapsa_certificate *certificate)
{
    return certificate == NULL ? "" : capsa_ratls_form_type(certificate->held->form)->name;
}

const libcapsa_evidence *libcapsa_certificate_evidence(const libcapsa_certificate *certificate)
{
    return certificate == NULL ? NULL : &certificate->evidence;
}

const uint8_t *libcapsa_certificate_der(const libcapsa_certificate *certificate, size_t *ret_len)
{
    if (ret_len != NULL) {
        *ret_len = certificate == NULL ? 0 : certificate->held->der.len;
    }
    return certificate == NULL ? NULL : certificate->held->der.data;
}

int64_t libcapsa_certificate_not_before(const libcapsa_certificate *certificate)
{
    return certificate == NULL ? 0 : certificate->held->not_before;
}

int64_t libcapsa_certificate_not_after(const libcapsa_certificate *certificate)
{
    return certificate == NULL ? 0 : certificate->held->not_after;
}

static capsa_result show(const libcapsa_certificate *certificate, char **ret_text)
{
    CAPSA_API_GIVEN(certificate);
    CAPSA_API_GIVEN(ret_text);
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_ratls_show(certificate->held, &json));
    return capsa_api_json_text(json, ret_text);
}

int libcapsa_certificate_show(const libcapsa_certificate *certificate, char **ret_text,
                              libcapsa_error *ret_error)
{
    return capsa_api_end(show(certificate, ret_text), ret_error);
}

/* ---- Judging --------------------------------------------------------------------------------- */

struct question {
    const libcapsa_verifier *verifier;
    capsa_bytes certificate;
    unsigned rules;
    const libcapsa_collateral *collateral; /* NULL: what the certificate embeds */
    capsa_time now;
};

/* What the caller has counts, and not what the certificate chose to bring. */
static capsa_result judge_evidence(void *context, enum capsa_platform platform,
                                   capsa_bytes evidence, const capsa_collateral *shipped,
                                   capsa_time now, const uint8_t *report_data,
                                   struct capsa_verdict *verdict)
{
    const struct question *question = context;
    const libcapsa_collateral *given = question->collateral;
    return capsa_api_appraise(question->verifier, platform, evidence,
                              given == NULL ? shipped : &given->held, now, report_data, verdict);
}

#define RULES_ALL (LIBCAPSA_CERTIFICATE_NATIVE | LIBCAPSA_CERTIFICATE_INSECURE_OLD_X509)

static capsa_result judge(struct question *question, struct capsa_api_answer *answer)
{
    CAPSA_REQUIRE(question->verifier != NULL, USAGE, "verifier is NULL, and has to be given");
    CAPSA_TRY(capsa_api_bytes("certificate", question->certificate.data, question->certificate.len,
                              &question->certificate));
    CAPSA_REQUIRE((question->rules & ~(unsigned)RULES_ALL) == 0, USAGE,
                  "rules: 0x%x has bits that mean nothing", question->rules);
    const struct capsa_ratls_rules rules = {
        .native = (question->rules & LIBCAPSA_CERTIFICATE_NATIVE) != 0,
        .insecure_old_x509 = (question->rules & LIBCAPSA_CERTIFICATE_INSECURE_OLD_X509) != 0,
        .cache = capsa_api_cache(question->verifier),
    };
    const struct capsa_ratls_appraiser appraiser = {question, judge_evidence};
    return capsa_api_conclude(capsa_ratls_judge(question->certificate, &rules, &appraiser, NULL,
                                                question->now, &answer->report),
                              question->now, answer);
}

int libcapsa_verifier_judge_certificate(const libcapsa_verifier *verifier, const void *certificate,
                                        size_t len, unsigned rules,
                                        const libcapsa_collateral *collateral, int64_t time,
                                        libcapsa_verdict **ret_verdict, libcapsa_error *ret_error)
{
    struct question question = {verifier, capsa_bytes_of(certificate, len), rules, collateral,
                                time};
    struct capsa_api_answer answer = {.of_certificate = true};
    const capsa_result result = judge(&question, &answer);
    return capsa_api_give(result, &answer, ret_verdict, ret_error);
}
