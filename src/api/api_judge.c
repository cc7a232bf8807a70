/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging across the public interface (capsa/verify.h). Whatever can be said of the evidence is a
 * verdict, also when it refuses; what fails on our side, or was asked wrongly, is an error alone.
 */
#include "api/api_verifier.h"

struct question {
    const libcapsa_verifier *verifier;
    const libcapsa_collateral *collateral; /* NULL: what came with the evidence */
    capsa_time now;
    capsa_bytes report_data; /* NULL: not asked */
};

/* A length of its own, so that a binding that passes a shorter text is told, and not obeyed. */
static capsa_result check(const struct question *question)
{
    CAPSA_REQUIRE(question->verifier != NULL, USAGE, "verifier is NULL, and has to be given");
    const capsa_bytes bound = question->report_data;
    CAPSA_REQUIRE(bound.len == (bound.data == NULL ? 0 : CAPSA_REPORT_DATA), USAGE,
                  "report_data: %s and %zu bytes; wanted are %d, or NULL and 0",
                  bound.data == NULL ? "NULL" : "a pointer", bound.len, CAPSA_REPORT_DATA);
    return CAPSA_OK;
}

/* ---- Judging --------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_api_appraise(const libcapsa_verifier *verifier, enum capsa_platform platform,
                                capsa_bytes evidence, const capsa_collateral *shipped,
                                capsa_time now, const uint8_t *report_data,
                                struct capsa_verdict *verdict)
{
    CAPSA_AUTO(capsa_collateral) none;
    capsa_collateral_init(&none);
    const struct capsa_verify_input input = {
        .platform = platform,
        .evidence = evidence,
        .collateral = shipped == NULL ? &none : shipped,
        .now = now,
        .anchors = verifier->anchors,
        .vendor_only = verifier->vendor_only,
        .cache = capsa_api_cache(verifier),
    };
    return capsa_appraise_getting(&input, verifier->policy, &verifier->getter, report_data,
                                  verdict);
}

static capsa_result appraise(const struct question *question, const libcapsa_evidence *evidence,
                             struct capsa_verdict *verdict)
{
    const libcapsa_collateral *collateral = question->collateral;
    return capsa_api_appraise(question->verifier, evidence->held.platform,
                              capsa_buf_bytes(&evidence->held.bytes),
                              collateral == NULL ? &evidence->shipped.held : &collateral->held,
                              question->now, question->report_data.data, verdict);
}

bool capsa_api_is_refusal(capsa_result judged, const struct capsa_verdict *verdict)
{
    const enum capsa_code code = capsa_code_of(judged);
    return !verdict->accepted && verdict->failed_check != CAPSA_CHECK_NONE &&
           (code == CAPSA_E_EVIDENCE || code == CAPSA_E_TCB || code == CAPSA_E_DENIED);
}

CAPSA_RESULT capsa_api_conclude(capsa_result judged, capsa_time now,
                                struct capsa_api_answer *answer)
{
    const bool accepted = !capsa_failed(judged) && answer->report.verdict.accepted;
    const bool refused = capsa_api_is_refusal(judged, &answer->report.verdict);
    CAPSA_TRY(refused ? CAPSA_OK : judged);
    CAPSA_REQUIRE(refused || accepted, INTERNAL, "the evidence was neither accepted nor refused");
    CAPSA_TRY(capsa_api_verdict(&answer->report, answer->of_certificate, now, &answer->made));
    return judged;
}

/* ---- Of evidence ----------------------------------------------------------------------------- */

static capsa_result judge(const struct question *question, const libcapsa_evidence *evidence,
                          struct capsa_api_answer *answer)
{
    CAPSA_API_GIVEN(evidence);
    CAPSA_TRY(check(question));
    return capsa_api_conclude(appraise(question, evidence, &answer->report.verdict), question->now,
                              answer);
}

int capsa_api_give(capsa_result result, const struct capsa_api_answer *answer,
                   libcapsa_verdict **ret_verdict, libcapsa_error *ret_error)
{
    const enum capsa_check failed =
        answer->made == NULL ? CAPSA_CHECK_NONE : answer->report.verdict.failed_check;
    if (ret_verdict != NULL) {
        *ret_verdict = answer->made;
    } else {
        libcapsa_verdict_free(answer->made);
    }
    return capsa_api_end_check(result, failed, ret_error);
}

int libcapsa_verifier_judge(const libcapsa_verifier *verifier, const libcapsa_evidence *evidence,
                            const libcapsa_collateral *collateral, int64_t time,
                            const uint8_t *report_data, size_t report_data_len,
                            libcapsa_verdict **ret_verdict, libcapsa_error *ret_error)
{
    const struct question question = {verifier, collateral, time,
                                      capsa_bytes_of(report_data, report_data_len)};
    struct capsa_api_answer answer = {.made = NULL};
    const capsa_result result = judge(&question, evidence, &answer);
    return capsa_api_give(result, &answer, ret_verdict, ret_error);
}

/* ---- Of bytes -------------------------------------------------------------------------------- */

static capsa_result refuse(const struct question *question, enum capsa_check failed,
                           capsa_result why, struct capsa_api_answer *answer)
{
    return capsa_api_conclude(capsa_verdict_fail_with(&answer->report.verdict, failed, why),
                              question->now, answer);
}

static capsa_result judge_bytes(const struct question *question, const void *data, size_t len,
                                struct capsa_api_answer *answer)
{
    CAPSA_TRY(check(question));
    capsa_bytes bytes;
    CAPSA_TRY(capsa_api_bytes("evidence", data, len, &bytes));
    CAPSA_AUTO_FREE(libcapsa_evidence) evidence = NULL;
    const capsa_result parsed = capsa_api_evidence_parse(bytes, &evidence);
    return capsa_failed(parsed) ? refuse(question, CAPSA_CHECK_FORMAT, parsed, answer)
                                : judge(question, evidence, answer);
}

int libcapsa_verifier_judge_bytes(const libcapsa_verifier *verifier, const void *evidence,
                                  size_t evidence_len, const libcapsa_collateral *collateral,
                                  int64_t time, const uint8_t *report_data, size_t report_data_len,
                                  libcapsa_verdict **ret_verdict, libcapsa_error *ret_error)
{
    const struct question question = {verifier, collateral, time,
                                      capsa_bytes_of(report_data, report_data_len)};
    struct capsa_api_answer answer = {.made = NULL};
    const capsa_result result = judge_bytes(&question, evidence, evidence_len, &answer);
    return capsa_api_give(result, &answer, ret_verdict, ret_error);
}

/* ---- In one go ------------------------------------------------------------------------------- */

struct given {
    capsa_bytes evidence, collateral, policy, report_data;
    capsa_time now;
};

/* Collateral that cannot be read is a refusal, as if the evidence had brought it. */
static capsa_result judge_with_collateral(struct question *question, const struct given *given,
                                          struct capsa_api_answer *answer)
{
    CAPSA_TRY(check(question));
    capsa_bytes bytes;
    CAPSA_TRY(capsa_api_bytes("collateral", given->collateral.data, given->collateral.len, &bytes));
    CAPSA_AUTO_FREE(libcapsa_collateral) collateral = libcapsa_collateral_new();
    CAPSA_REQUIRE_MEMORY(collateral);
    const capsa_result added = capsa_collateral_add(&collateral->held, "", bytes);
    if (capsa_failed(added)) {
        return refuse(question, CAPSA_CHECK_COLLATERAL_FORMAT, added, answer);
    }
    question->collateral = collateral;
    return judge_bytes(question, given->evidence.data, given->evidence.len, answer);
}

/* NULL and 0 is what was not given; an empty text was, and is as wrong as any other bad one. */
static bool was_given(capsa_bytes bytes)
{
    return bytes.data != NULL || bytes.len > 0;
}

static capsa_result verify_once(const struct given *given, struct capsa_api_answer *answer)
{
    CAPSA_AUTO_FREE(libcapsa_verifier) verifier = NULL;
    CAPSA_TRY(capsa_api_verifier_new(&verifier));
    if (was_given(given->policy)) {
        CAPSA_TRY_AT(capsa_api_set_policy(verifier, given->policy.data, given->policy.len),
                     "policy");
    }
    struct question question = {verifier, NULL, given->now, given->report_data};
    return was_given(given->collateral)
               ? judge_with_collateral(&question, given, answer)
               : judge_bytes(&question, given->evidence.data, given->evidence.len, answer);
}

int libcapsa_verify(const void *evidence, size_t evidence_len, const void *collateral,
                    size_t collateral_len, const void *policy, size_t policy_len, int64_t time,
                    const uint8_t *report_data, size_t report_data_len,
                    libcapsa_verdict **ret_verdict, libcapsa_error *ret_error)
{
    const struct given given = {
        .evidence = capsa_bytes_of(evidence, evidence_len),
        .collateral = capsa_bytes_of(collateral, collateral_len),
        .policy = capsa_bytes_of(policy, policy_len),
        .report_data = capsa_bytes_of(report_data, report_data_len),
        .now = time,
    };
    struct capsa_api_answer answer = {.made = NULL};
    const capsa_result result = verify_once(&given, &answer);
    return capsa_api_give(result, &answer, ret_verdict, ret_error);
}
