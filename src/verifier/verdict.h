/* SPDX-License-Identifier: Apache-2.0
 *
 * What verification found. A plain value; zeroed, it refuses. `accepted` is set by the appraisal
 * alone, after everything; what failed says which check, what it expected and what it got. What was
 * learnt before the failure stays readable, also when the verdict refuses.
 */
#pragma once

#include "base/time.h"
#include "evidence/claims.h"

enum capsa_check {
    CAPSA_CHECK_NONE,
#define CAPSA_CHECK(symbol, name, code, what) CAPSA_CHECK_##symbol,
#include "verifier/checks.def"
#undef CAPSA_CHECK
    CAPSA_CHECK_COUNT,
};
const char *capsa_check_name(enum capsa_check check); /* "qe-report-binding"; "" for NONE */
const char *capsa_check_what(enum capsa_check check);

/* Intel's names. ABSENT: the platform has no such thing, or it was not reached. */
enum capsa_tcb_status {
    CAPSA_TCB_ABSENT,
    CAPSA_TCB_UP_TO_DATE,
    CAPSA_TCB_SW_HARDENING_NEEDED,
    CAPSA_TCB_CONFIGURATION_NEEDED,
    CAPSA_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    CAPSA_TCB_OUT_OF_DATE,
    CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    CAPSA_TCB_TD_RELAUNCH_ADVISED,
    CAPSA_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
    CAPSA_TCB_REVOKED,
    CAPSA_TCB_STATUS_COUNT,
};
const char *capsa_tcb_status_name(enum capsa_tcb_status status); /* "UpToDate"; "" for ABSENT */
/* ABSENT when there is no such name. */
enum capsa_tcb_status capsa_tcb_status_by_name(capsa_bytes name);

#define CAPSA_ADVISORIES    64 /* in one list; more in collateral is TOO_LARGE */
#define CAPSA_ADVISORY_TEXT 24
struct capsa_advisories {
    size_t count;
    char ids[CAPSA_ADVISORIES][CAPSA_ADVISORY_TEXT]; /* "INTEL-SA-00615" */
};

enum capsa_anchor_kind { CAPSA_ANCHOR_VENDOR, CAPSA_ANCHOR_SIMULATION, CAPSA_ANCHOR_CUSTOM };
#define CAPSA_ANCHOR_TEXT 80
#define CAPSA_NOTE_TEXT   320

struct capsa_verdict {
    bool accepted;
    enum capsa_check failed_check; /* NONE only if accepted */
    char reason[CAPSA_ERROR_TEXT]; /* one sentence: what was expected, what came */

    struct capsa_claims claims;     /* .platform NONE when the evidence was not recognised */
    char anchor[CAPSA_ANCHOR_TEXT]; /* "intel-sgx-root", "custom:<sha256 of it>"; "" none reached */
    enum capsa_anchor_kind anchor_kind;

    enum capsa_tcb_status tcb_status, platform_tcb_status, module_tcb_status, qe_tcb_status;
    bool tcb_unsupported; /* no TCB level fits; the appraisal refuses it, as it does REVOKED */
    struct capsa_advisories advisories; /* the union, in the order level, module, QE; no doubles */
    struct capsa_advisories level_advisories, module_advisories, qe_advisories;
    capsa_time tcb_date;           /* of the matched level; 0: none */
    uint32_t tcb_evaluation;       /* the smaller of both evaluation data numbers; 0: none */
    capsa_time collateral_issued;  /* the latest start of validity of all that was used */
    capsa_time collateral_expires; /* the earliest end; 0: nothing expires */
    /* The earliest issueDate or thisUpdate: how old the oldest part is; 0: none. Intel's root CRL
     * does not count, which is renewed once a year. */
    capsa_time signed_at;
    uint32_t collateral_status; /* 1 when expired at the verification time (Intel's flag) */
    uint32_t intel_result;      /* SGX and TDX: sgx_ql_qv_result_t: 0, 0xA001 ... */
    /* Of what is accepted: what it does not prove, for whoever reads the verdict; "" nothing. */
    char note[CAPSA_NOTE_TEXT];
};

/* Note the failure in `verdict` and return it as an error of the check's code. */
CAPSA_RESULT capsa_verdict_fail(struct capsa_verdict *verdict, enum capsa_check check,
                                const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same for a failure that something else returned: its text is the reason. Errors that say
 * nothing about the evidence (NOMEM, INTERNAL, IO) pass as they are and leave the verdict. */
CAPSA_RESULT capsa_verdict_fail_with(struct capsa_verdict *verdict, enum capsa_check check,
                                     capsa_result inner);

#define CAPSA_JUDGE(verdict, check, condition, ...)                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return capsa_error_made(capsa_verdict_fail(verdict, CAPSA_CHECK_##check, __FILE__,     \
                                                       __LINE__, __VA_ARGS__));                    \
        }                                                                                          \
    } while (0)
#define CAPSA_JUDGE_TRY(verdict, check, call)                                                      \
    do {                                                                                           \
        capsa_result capsa_judged_ = (call);                                                       \
        if (capsa_judged_.error != NULL) {                                                         \
            return capsa_error_made(                                                               \
                capsa_verdict_fail_with(verdict, CAPSA_CHECK_##check, capsa_judged_));             \
        }                                                                                          \
    } while (0)

/* What Intel's library would answer, for a verdict on SGX or TDX that no policy has judged yet:
 * sgx_ql_qv_result_t by the status, 0xA004 for signatures that do not hold, else 0xA006. */
uint32_t capsa_verdict_intel_result(const struct capsa_verdict *verdict);

/* {verdict, platform, tcb_status, advisory_ids, failed_check, reason, claims, anchor, ...}, on
 * refusals too; members without a value are null. */
CAPSA_RESULT capsa_verdict_json(const struct capsa_verdict *verdict, struct capsa_json **ret_json);
