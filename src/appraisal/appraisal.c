/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging by a policy what verification found. The table at the end has every question in the order
 * of verifier/checks.def: whoever is refused for two reasons hears of the first, the same one each
 * time. `accepted` is set here, after the last of them, and nowhere else in the tree.
 */
#include "appraisal/appraisal.h"

#include <stdio.h>

#include "appraisal/appraisal_policy.h"

#define DAY INT64_C(86400)

struct judging {
    const struct capsa_appraisal_policy *policy;
    capsa_time now;
    const uint8_t *report_data; /* or NULL */
    struct capsa_verdict *verdict;
};

/* A time as text, for the arguments of a refusal. */
struct shown_time {
    char text[CAPSA_TIME_TEXT];
};

static struct shown_time show_time(capsa_time time)
{
    struct shown_time shown = {.text = {0}};
    capsa_time_text(time, shown.text);
    return shown;
}

static bool is_intel(const struct capsa_verdict *verdict)
{
    return verdict->claims.platform == CAPSA_PLATFORM_SGX ||
           verdict->claims.platform == CAPSA_PLATFORM_TDX;
}

/* ---- Debug and time ---------------------------------------------------------------------------
 */

static capsa_result judge_debug(const struct judging *judging)
{
    struct capsa_verdict *verdict = judging->verdict;
    CAPSA_JUDGE(verdict, DEBUG, judging->policy->allow_debug || !verdict->claims.debug,
                "expected evidence without debug, got %s with debug: its host can look inside",
                capsa_platform_what(verdict->claims.platform));
    return CAPSA_OK;
}

static capsa_result judge_now(const struct judging *judging)
{
    CAPSA_JUDGE(judging->verdict, TIME, judging->now > 0,
                "expected a verification time after 1970, got %lld", (long long)judging->now);
    return CAPSA_OK;
}

static capsa_result judge_issued(const struct judging *judging)
{
    struct capsa_verdict *verdict = judging->verdict;
    CAPSA_JUDGE(verdict, NOT_YET_VALID,
                verdict->collateral_issued - judging->policy->clock_skew_seconds <= judging->now,
                "expected everything to be valid at %s, got something valid from %s on",
                show_time(judging->now).text, show_time(verdict->collateral_issued).text);
    return CAPSA_OK;
}

/* The instant of expiry itself is still valid, as in Intel's library. */
static capsa_result judge_expiry(const struct judging *judging)
{
    struct capsa_verdict *verdict = judging->verdict;
    const struct capsa_appraisal_policy *policy = judging->policy;
    CAPSA_JUDGE(verdict, EXPIRED,
                verdict->collateral_expires == 0 || policy->allow_expired ||
                    judging->now - policy->grace_seconds <= verdict->collateral_expires,
                "expected everything to be valid at %s, got something that expired at %s",
                show_time(judging->now).text, show_time(verdict->collateral_expires).text);
    return CAPSA_OK;
}

/* Valid is not fresh: within its validity collateral of another day can hide what is known today.
 */
static capsa_result judge_freshness(const struct judging *judging)
{
    struct capsa_verdict *verdict = judging->verdict;
    const struct capsa_appraisal_policy *policy = judging->policy;
    capsa_time signed_at = verdict->signed_at;
    int64_t wanted = policy->min_tcb_evaluation_data_number;
    CAPSA_JUDGE(verdict, STALE, !is_intel(verdict) || verdict->tcb_evaluation >= wanted,
                "expected a TCB evaluation data number of %lld or more, got %u", (long long)wanted,
                verdict->tcb_evaluation);
    CAPSA_JUDGE(verdict, STALE,
                signed_at != 0 || !policy->guest.snp_require_crl ||
                    verdict->claims.platform != CAPSA_PLATFORM_SNP,
                "expected a revocation list of the chip's product, got none");
    bool dated = signed_at != 0 || is_intel(verdict);
    CAPSA_JUDGE(verdict, STALE, !dated || signed_at >= policy->min_issue_date,
                "expected collateral issued at %s or later, got a part of %s",
                show_time(policy->min_issue_date).text, show_time(signed_at).text);
    int64_t age = policy->max_collateral_age_seconds;
    CAPSA_JUDGE(verdict, STALE, !dated || age == 0 || judging->now - age <= signed_at,
                "expected collateral that is at most %lld seconds old, got a part of %s",
                (long long)age, show_time(signed_at).text);
    return CAPSA_OK;
}

/* ---- TCB --------------------------------------------------------------------------------------
 */

static capsa_result judge_level(const struct judging *judging)
{
    CAPSA_JUDGE(judging->verdict, TCB_LEVEL, !judging->verdict->tcb_unsupported,
                "expected a platform that reaches a TCB level of its TCB Info, got one below all");
    return CAPSA_OK;
}

static bool is_accepted(const struct capsa_appraisal_policy *policy, enum capsa_tcb_status status)
{
    return status != CAPSA_TCB_ABSENT && status != CAPSA_TCB_REVOKED &&
           (policy->accepted_statuses & CAPSA_STATUS_BIT(status)) != 0;
}

/* Out of date, and not for long: what remains of the status must be accepted by itself. The date is
 * that of the platform's level, so a module or quoting enclave that is out of date has no grace. */
static bool is_within_grace(const struct judging *judging)
{
    static const struct {
        enum capsa_tcb_status status, rest;
    } rests[] = {
        {CAPSA_TCB_OUT_OF_DATE, CAPSA_TCB_UP_TO_DATE},
        {CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED, CAPSA_TCB_CONFIGURATION_NEEDED},
    };
    const struct capsa_verdict *verdict = judging->verdict;
    bool others = (verdict->module_tcb_status == CAPSA_TCB_UP_TO_DATE ||
                   verdict->module_tcb_status == CAPSA_TCB_ABSENT) &&
                  verdict->qe_tcb_status == CAPSA_TCB_UP_TO_DATE;
    int64_t grace = judging->policy->tcb_grace_days * DAY;
    if (grace == 0 || !others || verdict->tcb_date == 0 ||
        judging->now - grace > verdict->tcb_date) {
        return false;
    }
    for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
        if (rests[i].status == verdict->tcb_status) {
            return is_accepted(judging->policy, rests[i].rest);
        }
    }
    return false;
}

/* "UpToDate, ConfigurationNeeded or OutOfDate": a policy accepts one at least. */
static capsa_result list_accepted(const struct capsa_appraisal_policy *policy, capsa_buf *text)
{
    uint64_t left = policy->accepted_statuses & ~CAPSA_STATUS_BIT(CAPSA_TCB_REVOKED);
    for (int i = CAPSA_TCB_UP_TO_DATE; i < CAPSA_TCB_STATUS_COUNT; i++) {
        uint64_t bit = CAPSA_STATUS_BIT(i);
        if ((left & bit) == 0) {
            continue;
        }
        left &= ~bit;
        CAPSA_TRY(capsa_buf_str(text, text->len == 0 ? "" : left == 0 ? " or " : ", "));
        CAPSA_TRY(capsa_buf_str(text, capsa_tcb_status_name((enum capsa_tcb_status)i)));
    }
    return CAPSA_OK;
}

static capsa_result judge_status(const struct judging *judging)
{
    struct capsa_verdict *verdict = judging->verdict;
    enum capsa_tcb_status status = verdict->tcb_status;
    CAPSA_JUDGE(verdict, TCB_STATUS, status != CAPSA_TCB_ABSENT || !is_intel(verdict),
                "expected a TCB status, and the evidence has none");
    CAPSA_JUDGE(verdict, TCB_STATUS, status != CAPSA_TCB_REVOKED,
                "expected an accepted TCB status, got Revoked, which never is");
    if (status == CAPSA_TCB_ABSENT || is_accepted(judging->policy, status) ||
        is_within_grace(judging)) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) accepted = capsa_buf_of(KIB(1));
    const char *names;
    CAPSA_TRY(list_accepted(judging->policy, &accepted));
    CAPSA_TRY(capsa_buf_cstr(&accepted, &names));
    return capsa_verdict_fail(verdict, CAPSA_CHECK_TCB_STATUS, __FILE__, __LINE__,
                              "expected %s, got %s", names, capsa_tcb_status_name(status));
}

static capsa_result judge_floor(const struct judging *judging)
{
    return capsa_guest_floor_judge(&judging->policy->guest, judging->verdict);
}

static capsa_result judge_advisories(const struct judging *judging)
{
    struct capsa_verdict *verdict = judging->verdict;
    const struct capsa_appraisal_policy *policy = judging->policy;
    for (size_t i = 0; i < verdict->advisories.count; i++) {
        for (size_t d = 0; d < policy->denied_advisories_count; d++) {
            CAPSA_JUDGE(verdict, ADVISORY,
                        !capsa_streq(verdict->advisories.ids[i], policy->denied_advisories[d]),
                        "expected a platform without %s, got one that it applies to",
                        policy->denied_advisories[d]);
        }
    }
    return CAPSA_OK;
}

/* ---- Chip and guest ---------------------------------------------------------------------------
 */

/* The claim that names the very chip. CSV has none that anybody signs. */
static const struct {
    enum capsa_platform platform;
    enum capsa_claim claim;
} chip_claims[] = {
    {CAPSA_PLATFORM_SGX, CAPSA_CLAIM_SGX_PPID},
    {CAPSA_PLATFORM_TDX, CAPSA_CLAIM_TDX_PPID},
    {CAPSA_PLATFORM_SNP, CAPSA_CLAIM_SNP_CHIP_ID},
};

static bool is_blank(capsa_bytes id)
{
    uint8_t all = 0;
    for (size_t i = 0; i < id.len; i++) {
        all |= id.data[i];
    }
    return all == 0;
}

static capsa_result judge_chip_claim(const struct judging *judging, enum capsa_claim claim)
{
    struct capsa_verdict *verdict = judging->verdict;
    const struct capsa_claim_type *type = capsa_claim_type(claim);
    capsa_bytes id = capsa_claim_bytes(&verdict->claims, claim);
    for (size_t i = 0; i < judging->policy->denied_chips_count; i++) {
        const struct capsa_denied_chip *chip = &judging->policy->denied_chips[i];
        if (chip->len != type->size) {
            continue; /* of another kind of platform */
        }
        /* The host decides whether a chip shows its id, and could hide a denied one. */
        CAPSA_JUDGE(verdict, CHIP_DENIED, !is_blank(id),
                    "%s.%s: expected one that denied_chips can be compared with, got none or a "
                    "masked one",
                    capsa_platform_name(type->platform), type->name);
        CAPSA_JUDGE(verdict, CHIP_DENIED,
                    !capsa_bytes_equal(id, capsa_bytes_of(chip->id, chip->len)),
                    "%s.%s: expected one that is not denied, got %02x%02x%02x%02x..., which is",
                    capsa_platform_name(type->platform), type->name, chip->id[0], chip->id[1],
                    chip->id[2], chip->id[3]);
    }
    return CAPSA_OK;
}

static capsa_result judge_chip(const struct judging *judging)
{
    for (size_t i = 0; i < sizeof(chip_claims) / sizeof(chip_claims[0]); i++) {
        if (chip_claims[i].platform == judging->verdict->claims.platform) {
            return judge_chip_claim(judging, chip_claims[i].claim);
        }
    }
    return CAPSA_OK;
}

static capsa_result judge_guest(const struct judging *judging)
{
    return capsa_guest_policy_judge(&judging->policy->guest, judging->verdict);
}

static capsa_result judge_platform(const struct judging *judging)
{
    enum capsa_platform platform = judging->verdict->claims.platform;
    CAPSA_JUDGE(judging->verdict, PLATFORM,
                (judging->policy->platforms & CAPSA_PLATFORM_BIT(platform)) != 0,
                "expected evidence of one of the policy's platforms, got %s",
                capsa_platform_name(platform));
    return CAPSA_OK;
}

/* ---- What is bound, and which code ------------------------------------------------------------
 */

static void show_report_data(const uint8_t *bytes, char text[2 * CAPSA_REPORT_DATA + 1])
{
    for (size_t i = 0; i < CAPSA_REPORT_DATA; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)bytes[i]);
    }
}

static capsa_result judge_report_data(const struct judging *judging)
{
    if (judging->report_data == NULL) {
        return CAPSA_OK;
    }
    struct capsa_verdict *verdict = judging->verdict;
    capsa_bytes got = capsa_claims_report_data(&verdict->claims);
    CAPSA_JUDGE(verdict, REPORT_DATA, got.len == CAPSA_REPORT_DATA,
                "report_data: expected 64 bytes, got %zu", got.len);
    char wanted[2 * CAPSA_REPORT_DATA + 1], came[2 * CAPSA_REPORT_DATA + 1];
    show_report_data(judging->report_data, wanted);
    show_report_data(got.data, came);
    CAPSA_JUDGE(verdict, REPORT_DATA, memcmp(got.data, judging->report_data, got.len) == 0,
                "report_data: expected %s, got %s", wanted, came);
    return CAPSA_OK;
}

static capsa_result judge_values(const struct judging *judging)
{
    return judging->policy->has_values
               ? capsa_alternatives_judge(&judging->policy->values, judging->verdict)
               : CAPSA_OK;
}

/* ---- What acceptance does not prove -----------------------------------------------------------
 */

/* verifier_csv.c says why. */
static void note_unpinned(const struct capsa_appraisal_policy *policy,
                          struct capsa_verdict *verdict)
{
    bool pinned = capsa_appraisal_policy_pins_code(policy, verdict->claims.platform);
    if (verdict->claims.platform == CAPSA_PLATFORM_CSV && !pinned) {
        (void)snprintf(verdict->note, sizeof(verdict->note), "%s",
                       "no reference value for csv.measure was demanded, and without one the other "
                       "claims of a CSV report, the debug bit too, prove nothing against who holds "
                       "a genuine report: the word that masks them (anonce) is not signed");
    }
}

CAPSA_RESULT capsa_appraise_pinned(const struct capsa_appraisal_policy *policy,
                                   struct capsa_verdict *verdict)
{
    const enum capsa_platform platform = verdict->claims.platform;
    if (capsa_appraisal_policy_pins_code(policy, platform)) {
        return CAPSA_OK;
    }
    verdict->accepted = false;
    return capsa_error_made(
        capsa_verdict_fail(verdict, CAPSA_CHECK_REFERENCE_VALUES, __FILE__, __LINE__,
                           "the policy does not say which code a peer on %s has to be, so any "
                           "program there would pass",
                           capsa_platform_what(platform)));
}

/* ---- The whole --------------------------------------------------------------------------------
 */

/* In the order of verifier/checks.def. */
static capsa_result (*const judges[])(const struct judging *) = {
    judge_debug, judge_now,      judge_issued,      judge_expiry,     judge_freshness,
    judge_level, judge_status,   judge_floor,       judge_advisories, judge_chip,
    judge_guest, judge_platform, judge_report_data, judge_values,
};

CAPSA_RESULT capsa_appraise_verdict(const struct capsa_appraisal_policy *policy, capsa_time now,
                                    const uint8_t *report_data, struct capsa_verdict *verdict)
{
    verdict->accepted = false;
    verdict->note[0] = '\0';
    if (verdict->failed_check != CAPSA_CHECK_NONE) { /* no policy makes it better */
        char reason[CAPSA_ERROR_TEXT];
        memcpy(reason, verdict->reason, sizeof(reason));
        return capsa_verdict_fail(verdict, verdict->failed_check, __FILE__, __LINE__, "%s", reason);
    }
    enum capsa_platform platform = verdict->claims.platform;
    CAPSA_JUDGE(verdict, FORMAT, platform > CAPSA_PLATFORM_NONE && platform < CAPSA_PLATFORM_COUNT,
                "there is no evidence that could be judged");
    CAPSA_JUDGE(verdict, ANCHOR, verdict->anchor[0] != '\0',
                "expected evidence that stands under a trust anchor, got one under none");
    const struct judging judging = {policy, now, report_data, verdict};
    for (size_t i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
        CAPSA_TRY(judges[i](&judging));
    }
    note_unpinned(policy, verdict);
    verdict->accepted = true;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_appraise(const struct capsa_verify_input *input,
                            const struct capsa_appraisal_policy *policy, const uint8_t *report_data,
                            struct capsa_verdict *verdict)
{
    *verdict = (struct capsa_verdict){.accepted = false};
    CAPSA_TRY(capsa_verify(input, verdict));
    return capsa_appraise_verdict(policy, input->now, report_data, verdict);
}
