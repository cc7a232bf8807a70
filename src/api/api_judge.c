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

/* The verdict goes to the caller before the number does. */
struct answer {
    struct capsa_verdict verdict;
    libcapsa_verdict *made; /* NULL: it came to none */
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

/* ---- The caller's getter --------------------------------------------------------------------- */

/* A number that is no error of ours would make a failure look like something else. */
static capsa_result getter_failure(int code, const struct libcapsa_error *error)
{
    const char *text = error->kept.code == CAPSA_E_OK ? "" : error->kept.text;
    const bool known = code < 0 && !capsa_streq(capsa_code_name((enum capsa_code)code), "INTERNAL");
    return capsa_error_make(known ? (enum capsa_code)code : CAPSA_E_INTERNAL, __FILE__, __LINE__,
                            "the getter of collateral failed with %d%s%s", code,
                            *text == '\0' ? "" : ": ", text);
}

static capsa_result get_by_caller(void *context, enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral)
{
    const libcapsa_verifier *verifier = context;
    CAPSA_AUTO_FREE(libcapsa_collateral) found = libcapsa_collateral_new();
    CAPSA_REQUIRE_MEMORY(found);
    struct libcapsa_error error = {.check = CAPSA_CHECK_NONE};
    const int got = verifier->getter(verifier->getter_context, capsa_platform_name(platform),
                                     evidence.data, evidence.len, found, &error);
    if (got != 0) {
        return getter_failure(got, &error);
    }
    return capsa_collateral_take(ret_collateral, &found->held);
}

/* ---- Judging --------------------------------------------------------------------------------- */

static capsa_result appraise(const struct question *question, const libcapsa_evidence *evidence,
                             struct capsa_verdict *verdict)
{
    const libcapsa_verifier *verifier = question->verifier;
    const libcapsa_collateral *collateral = question->collateral;
    const struct capsa_verify_input input = {
        .platform = evidence->held.platform,
        .evidence = capsa_buf_bytes(&evidence->held.bytes),
        .collateral = collateral == NULL ? &evidence->shipped.held : &collateral->held,
        .now = question->now,
        .anchors = verifier->anchors,
        .vendor_only = verifier->vendor_only,
        .cache = capsa_api_cache(verifier),
    };
    /* Whoever gets collateral reads the verifier, and changes nothing of it. */
    const struct capsa_collateral_getter getter = {
        .context = (void *)(uintptr_t)verifier,
        .get = verifier->getter == NULL ? NULL : get_by_caller,
    };
    return capsa_appraise_getting(&input, verifier->policy, &getter, question->report_data.data,
                                  verdict);
}

static bool is_refusal(capsa_result judged, const struct capsa_verdict *verdict)
{
    const enum capsa_code code = capsa_code_of(judged);
    return !verdict->accepted && verdict->failed_check != CAPSA_CHECK_NONE &&
           (code == CAPSA_E_EVIDENCE || code == CAPSA_E_TCB || code == CAPSA_E_DENIED);
}

/* An error that is no refusal leaves no verdict; and no verdict is neither yes nor no. */
static capsa_result conclude(const struct question *question, capsa_result judged,
                             struct answer *answer)
{
    const bool accepted = !capsa_failed(judged) && answer->verdict.accepted;
    const bool refused = is_refusal(judged, &answer->verdict);
    CAPSA_TRY(refused ? CAPSA_OK : judged);
    CAPSA_REQUIRE(refused || accepted, INTERNAL, "the evidence was neither accepted nor refused");
    CAPSA_TRY(capsa_api_verdict(&answer->verdict, question->now, &answer->made));
    return judged;
}

static capsa_result judge(const struct question *question, const libcapsa_evidence *evidence,
                          struct answer *answer)
{
    CAPSA_API_GIVEN(evidence);
    CAPSA_TRY(check(question));
    return conclude(question, appraise(question, evidence, &answer->verdict), answer);
}

static int give(capsa_result result, const struct answer *answer, libcapsa_verdict **ret_verdict,
                libcapsa_error *ret_error)
{
    const enum capsa_check failed =
        answer->made == NULL ? CAPSA_CHECK_NONE : answer->verdict.failed_check;
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
    struct answer answer = {.made = NULL};
    const capsa_result result = judge(&question, evidence, &answer);
    return give(result, &answer, ret_verdict, ret_error);
}

/* ---- Of bytes -------------------------------------------------------------------------------- */

static capsa_result refuse(const struct question *question, enum capsa_check failed,
                           capsa_result why, struct answer *answer)
{
    return conclude(question, capsa_verdict_fail_with(&answer->verdict, failed, why), answer);
}

static capsa_result judge_bytes(const struct question *question, const void *data, size_t len,
                                struct answer *answer)
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
    struct answer answer = {.made = NULL};
    const capsa_result result = judge_bytes(&question, evidence, evidence_len, &answer);
    return give(result, &answer, ret_verdict, ret_error);
}

/* ---- In one go ------------------------------------------------------------------------------- */

struct given {
    capsa_bytes evidence, collateral, policy, report_data;
    capsa_time now;
};

/* Collateral that cannot be read is a refusal, as if the evidence had brought it. */
static capsa_result judge_with_collateral(struct question *question, const struct given *given,
                                          struct answer *answer)
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

static capsa_result verify_once(const struct given *given, struct answer *answer)
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
    struct answer answer = {.made = NULL};
    const capsa_result result = verify_once(&given, &answer);
    return give(result, &answer, ret_verdict, ret_error);
}
