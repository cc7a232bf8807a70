/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence of a session made, and judged. That it is of this very session is looked at before
 * anything else of it: a relayed one is refused as such, whatever else is wrong or right with it.
 */
#include "ratls/ratls_proof.h"

#include "base/limits.h"

/* ---- Making -------------------------------------------------------------------------------------
 */

/* Some interfaces hand out a part of the collateral only; no Passport is made of that. */
static capsa_result write_report(enum capsa_platform platform, capsa_bytes evidence,
                                 const capsa_collateral *collateral, capsa_buf *text)
{
    capsa_result whole = capsa_ual_write(platform, evidence, collateral, text);
    if (capsa_code_of(whole) != CAPSA_E_MALFORMED || capsa_collateral_is_empty(collateral)) {
        return whole;
    }
    capsa_buf_clear(text);
    return capsa_ual_write(platform, evidence, NULL, text);
}

CAPSA_RESULT capsa_ratls_proof_make(const struct capsa_ratls_attester *attester,
                                    const uint8_t report_data[CAPSA_REPORT_DATA],
                                    capsa_buf *ret_report)
{
    CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    CAPSA_TRY_AT(attester->collect(attester->context, report_data, &evidence, &collateral),
                 "evidence of the session");
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_TRY_AT(write_report(attester->platform, capsa_buf_bytes(&evidence), &collateral, &text),
                 "evidence of the session");
    return capsa_buf_append(ret_report, capsa_buf_bytes(&text));
}

/* ---- Judging ------------------------------------------------------------------------------------
 */

/* What is tried, with all that it needs. */
struct judging {
    const struct capsa_ratls_shown *shown;
    const struct capsa_ratls_judge_by *by;
    struct capsa_ratls_report *report;
    capsa_evidence evidence;
    capsa_collateral shipped;
};

static const capsa_collateral *collateral_of(const struct judging *judging)
{
    return capsa_collateral_is_empty(&judging->shipped) ? judging->by->collateral
                                                        : &judging->shipped;
}

/* What was not shown at all is said before anything is judged. */
static capsa_result read_evidence(struct judging *judging)
{
    struct capsa_verdict *verdict = &judging->report->verdict;
    CAPSA_JUDGE(verdict, CERTIFICATE, judging->shown->certificate.len > 0,
                "the peer showed no certificate");
    if (!judging->shown->is_bound) {
        return CAPSA_OK;
    }
    CAPSA_JUDGE(verdict, SESSION, judging->shown->evidence.len > 0,
                "the peer showed no evidence of this session");
    enum capsa_report_type type;
    capsa_result read =
        capsa_ual_parse(judging->shown->evidence, &judging->evidence, &judging->shipped, &type);
    CAPSA_JUDGE_TRY(verdict, FORMAT, read);
    return CAPSA_OK;
}

static capsa_result judge_certificate(struct judging *judging)
{
    const struct capsa_ratls_judge_by *by = judging->by;
    struct capsa_ratls_report *report = judging->report;
    CAPSA_TRY(capsa_ratls_judge(judging->shown->certificate, &by->rules, by->appraiser,
                                collateral_of(judging), by->now, report));
    /* Both read the same certificate; should they ever differ, what is bound is not what was
     * judged. */
    CAPSA_JUDGE(&report->verdict, CERTIFICATE_KEY,
                memcmp(report->spki_sha256, judging->shown->spki, sizeof(report->spki_sha256)) == 0,
                "the key of the certificate is read differently by TLS");
    return CAPSA_OK;
}

static capsa_result judge_binding(const struct judging *judging)
{
    struct capsa_verdict *verdict = &judging->report->verdict;
    const capsa_evidence *evidence = &judging->evidence;
    struct capsa_claims claims;
    CAPSA_JUDGE_TRY(
        verdict, FORMAT,
        capsa_evidence_claims(evidence->platform, capsa_buf_bytes(&evidence->bytes), &claims));
    const capsa_bytes wanted = capsa_bytes_of(judging->shown->report_data, CAPSA_REPORT_DATA);
    CAPSA_JUDGE(verdict, SESSION, capsa_bytes_equal(capsa_claims_report_data(&claims), wanted),
                "the evidence was made for another session, another end of it, or another key: "
                "somebody may stand between");
    CAPSA_JUDGE(verdict, SESSION, evidence->platform == verdict->claims.platform,
                "the evidence of the session is of %s, that of the certificate of %s",
                capsa_platform_what(evidence->platform),
                capsa_platform_what(verdict->claims.platform));
    return CAPSA_OK;
}

static capsa_result judge_session(const struct judging *judging)
{
    CAPSA_TRY(judge_binding(judging));
    const struct capsa_ratls_appraiser *appraiser = judging->by->appraiser;
    const capsa_evidence *evidence = &judging->evidence;
    struct capsa_verdict verdict = {.accepted = false};
    capsa_result judged = appraiser->judge(
        appraiser->context, evidence->platform, capsa_buf_bytes(&evidence->bytes),
        collateral_of(judging), judging->by->now, judging->shown->report_data, &verdict);
    if (verdict.note[0] == '\0') { /* what the certificate does not prove, it still does not */
        memcpy(verdict.note, judging->report->verdict.note, sizeof(verdict.note));
    }
    judging->report->verdict = verdict;
    CAPSA_TRY(judged);
    judging->report->session_bound = true;
    return CAPSA_OK;
}

static capsa_result judge_all(struct judging *judging)
{
    CAPSA_TRY(read_evidence(judging));
    CAPSA_TRY(judge_certificate(judging));
    if (judging->shown->is_bound) {
        CAPSA_TRY(judge_session(judging));
    }
    CAPSA_REQUIRE(judging->report->verdict.accepted, INTERNAL, "a verdict that accepts nothing");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_proof_judge(const struct capsa_ratls_shown *shown,
                                     const struct capsa_ratls_judge_by *by,
                                     struct capsa_ratls_report *ret_report)
{
    *ret_report = (struct capsa_ratls_report){.session_bound = false};
    struct judging judging = {
        .shown = shown,
        .by = by,
        .report = ret_report,
        .evidence = {.platform = CAPSA_PLATFORM_NONE},
    };
    capsa_collateral_init(&judging.shipped);
    capsa_result judged = judge_all(&judging);
    if (capsa_failed(judged)) { /* whatever was accepted on the way */
        ret_report->verdict.accepted = false;
        ret_report->session_bound = false;
    }
    capsa_evidence_drop(&judging.evidence);
    capsa_collateral_drop(&judging.shipped);
    return judged;
}
