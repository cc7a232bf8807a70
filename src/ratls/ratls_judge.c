/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging a certificate (ratls_certificate.h): its own checks first, which cost little, then its
 * evidence by whoever judges evidence. Dates are the certificate's own word, signed by its own key:
 * they say how long its maker meant it to live, and bind him to that.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "crypto/crypto_pki.h"
#include "ratls/ratls_certificate.h"
#include "verifier/verifier_cache.h"

#define DAY INT64_C(86400)

/* One certificate on its way through the checks. */
struct judging {
    const struct capsa_ratls_certificate *certificate;
    const struct capsa_ratls_rules *rules;
    capsa_time now;
    struct capsa_ratls_report *report;
};

static void take_facts(const struct capsa_ratls_certificate *certificate,
                       struct capsa_ratls_report *report)
{
    report->form = certificate->form;
    report->hash = certificate->hash;
    report->not_before = certificate->not_before;
    report->not_after = certificate->not_after;
    memcpy(report->spki_sha256, certificate->spki_sha256, sizeof(report->spki_sha256));
}

/* ---- Checks of the certificate --------------------------------------------------------------- */

static capsa_result judge_version(const struct judging *judging)
{
    CAPSA_JUDGE(&judging->report->verdict, CERTIFICATE,
                judging->certificate->x509_version == 3 || judging->rules->insecure_old_x509,
                "an X.509 certificate of version 1, wanted 3");
    return CAPSA_OK;
}

/* That a signature is good is a fact about bytes, which no time changes. SHA-1's are facts of their
 * own: others may not have them. */
static struct capsa_cache_key signature_key(const struct judging *judging,
                                            const capsa_bytes *certificate)
{
    return (struct capsa_cache_key){judging->rules->insecure_old_x509 ? "ratls-old-signature"
                                                                      : "ratls-signature",
                                    certificate, 1};
}

static void forget(struct capsa_kept *kept)
{
    capsa_dealloc(kept);
}

static bool is_known(const struct judging *judging, const struct capsa_cache_key *key)
{
    struct capsa_kept *kept = capsa_verify_cache_find(judging->rules->cache, key);
    const bool known = kept != NULL;
    capsa_kept_release(kept);
    return known;
}

/* Once all of it was accepted: signing certificates is free, and genuine evidence is not, so
 * strangers cannot push out those who are known. */
static void remember(const struct judging *judging)
{
    const capsa_bytes der = capsa_buf_bytes(&judging->certificate->der);
    const struct capsa_cache_key key = signature_key(judging, &der);
    struct capsa_kept *good = judging->rules->cache == NULL ? NULL : CAPSA_NEW(struct capsa_kept);
    if (good != NULL) {
        capsa_kept_init(good, forget);
        capsa_verify_cache_keep(judging->rules->cache, &key, good);
        capsa_kept_release(good);
    }
}

static capsa_result judge_signature(const struct judging *judging)
{
    const struct capsa_ratls_certificate *certificate = judging->certificate;
    const capsa_bytes der = capsa_buf_bytes(&certificate->der);
    const struct capsa_cache_key key = signature_key(judging, &der);
    if (is_known(judging, &key)) {
        return CAPSA_OK;
    }
    const struct capsa_selfcheck_parts parts = {
        .tbs = certificate->tbs,
        .algorithm = certificate->algorithm,
        .signature = certificate->signature,
        .spki = certificate->spki,
        .insecure_sha1 = judging->rules->insecure_old_x509,
    };
    CAPSA_JUDGE_TRY(&judging->report->verdict, CERTIFICATE_SIGNATURE, capsa_selfcheck(&parts));
    return CAPSA_OK;
}

static capsa_result judge_time(const struct judging *judging)
{
    const struct capsa_ratls_certificate *certificate = judging->certificate;
    char now[CAPSA_TIME_TEXT], from[CAPSA_TIME_TEXT], to[CAPSA_TIME_TEXT];
    capsa_time_text(judging->now, now);
    capsa_time_text(certificate->not_before, from);
    capsa_time_text(certificate->not_after, to);
    CAPSA_JUDGE(&judging->report->verdict, CERTIFICATE_TIME,
                judging->now >= certificate->not_before,
                "the certificate is not valid before %s; it is %s", from, now);
    CAPSA_JUDGE(&judging->report->verdict, CERTIFICATE_TIME, judging->now <= certificate->not_after,
                "the certificate expired at %s; it is %s", to, now);
    return CAPSA_OK;
}

/* Who says that a key lives for ever does not mean to renew it: that is refused of anybody. */
static capsa_result judge_lifetime(const struct judging *judging)
{
    const struct capsa_ratls_certificate *certificate = judging->certificate;
    struct capsa_ratls_report *report = judging->report;
    CAPSA_JUDGE(&report->verdict, CERTIFICATE_LIFETIME, certificate->not_after < CAPSA_RATLS_NEVER,
                "the certificate says that it never expires");
    int64_t life = certificate->not_after - certificate->not_before;
    if (life <= CAPSA_RATLS_LIFE_MAX) {
        return CAPSA_OK;
    }
    int64_t days = (life + DAY - 1) / DAY;
    CAPSA_JUDGE(&report->verdict, CERTIFICATE_LIFETIME, !judging->rules->native,
                "the certificate lives for %" PRId64 " days, at most %" PRId64, days,
                CAPSA_RATLS_LIFE_MAX / DAY);
    (void)snprintf(report->warning, sizeof(report->warning),
                   "the certificate lives for %" PRId64
                   " days: whoever gets hold of its key has it for that long",
                   days);
    return CAPSA_OK;
}

static capsa_result judge_nonce(const struct judging *judging)
{
    const struct capsa_ratls_rules *rules = judging->rules;
    if (!rules->has_nonce) {
        return CAPSA_OK;
    }
    capsa_bytes nonce = judging->certificate->nonce;
    CAPSA_JUDGE(&judging->report->verdict, CERTIFICATE_NONCE, nonce.data != NULL,
                "the certificate carries no nonce, and one of %zu bytes was asked for",
                rules->nonce.len);
    CAPSA_JUDGE(&judging->report->verdict, CERTIFICATE_NONCE,
                capsa_bytes_equal(nonce, rules->nonce),
                "the certificate carries another nonce than was asked for (%zu bytes, wanted %zu)",
                nonce.len, rules->nonce.len);
    return CAPSA_OK;
}

static capsa_result judge_certificate(const struct judging *judging,
                                      uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    static capsa_result (*const checks[])(const struct judging *judging) = {
        judge_version, judge_signature, judge_time, judge_lifetime, judge_nonce,
    };
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        CAPSA_TRY(checks[i](judging));
    }
    CAPSA_JUDGE_TRY(&judging->report->verdict, CERTIFICATE_KEY,
                    capsa_ratls_bound(judging->certificate, ret_report_data));
    return CAPSA_OK;
}

/* ---- The evidence ---------------------------------------------------------------------------- */

static void note_warning(struct capsa_ratls_report *report)
{
    char *note = report->verdict.note;
    size_t len = strlen(note);
    if (report->warning[0] != '\0') {
        (void)snprintf(note + len, sizeof(report->verdict.note) - len, "%s%s", len == 0 ? "" : "; ",
                       report->warning);
    }
}

static capsa_result judge_evidence(const struct judging *judging,
                                   const struct capsa_ratls_appraiser *appraiser,
                                   const capsa_collateral *collateral,
                                   const uint8_t report_data[CAPSA_REPORT_DATA])
{
    const struct capsa_ratls_certificate *certificate = judging->certificate;
    bool embeds = !capsa_collateral_is_empty(&certificate->endorsements);
    capsa_result judged = appraiser->judge(appraiser->context, certificate->evidence.platform,
                                           capsa_buf_bytes(&certificate->evidence.bytes),
                                           embeds ? &certificate->endorsements : collateral,
                                           judging->now, report_data, &judging->report->verdict);
    note_warning(judging->report);
    CAPSA_TRY(judged);
    CAPSA_REQUIRE(judging->report->verdict.accepted, INTERNAL,
                  "evidence was neither accepted nor refused");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_judge(capsa_bytes certificate, const struct capsa_ratls_rules *rules,
                               const struct capsa_ratls_appraiser *appraiser,
                               const capsa_collateral *collateral, capsa_time now,
                               struct capsa_ratls_report *ret_report)
{
    *ret_report = (struct capsa_ratls_report){.form = CAPSA_RATLS_NONE};
    CAPSA_AUTO_FREE(capsa_ratls_certificate) read = NULL;
    CAPSA_JUDGE_TRY(&ret_report->verdict, CERTIFICATE, capsa_ratls_read(certificate, &read));
    take_facts(read, ret_report);
    const struct judging judging = {read, rules, now, ret_report};
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_TRY(judge_certificate(&judging, report_data));
    CAPSA_TRY(judge_evidence(&judging, appraiser, collateral, report_data));
    remember(&judging);
    return CAPSA_OK;
}
