/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of checks and statuses, how a verdict takes note of a failure, and the JSON that people and
 * programs are shown. A failure stands in the verdict and is returned as an error: neither can be
 * had without the other.
 */
#include "verifier/verdict.h"

#include <stdarg.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Names ------------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *what;
    enum capsa_code code;
} checks[CAPSA_CHECK_COUNT] = {
    [CAPSA_CHECK_NONE] = {"", "", CAPSA_E_INTERNAL},
#define CAPSA_CHECK(symbol, name, code, what) [CAPSA_CHECK_##symbol] = {name, what, CAPSA_E_##code},
#include "verifier/checks.def"
#undef CAPSA_CHECK
};

const char *capsa_check_name(enum capsa_check check)
{
    return check < CAPSA_CHECK_COUNT ? checks[check].name : "";
}

const char *capsa_check_what(enum capsa_check check)
{
    return check < CAPSA_CHECK_COUNT ? checks[check].what : "";
}

static const char *const status_names[CAPSA_TCB_STATUS_COUNT] = {
    [CAPSA_TCB_ABSENT] = "",
    [CAPSA_TCB_UP_TO_DATE] = "UpToDate",
    [CAPSA_TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [CAPSA_TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [CAPSA_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [CAPSA_TCB_OUT_OF_DATE] = "OutOfDate",
    [CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [CAPSA_TCB_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
    [CAPSA_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
    [CAPSA_TCB_REVOKED] = "Revoked",
};

const char *capsa_tcb_status_name(enum capsa_tcb_status status)
{
    return status < CAPSA_TCB_STATUS_COUNT ? status_names[status] : "";
}

enum capsa_tcb_status capsa_tcb_status_by_name(capsa_bytes name)
{
    for (enum capsa_tcb_status i = CAPSA_TCB_UP_TO_DATE; i < CAPSA_TCB_STATUS_COUNT; i++) {
        if (capsa_bytes_is(name, status_names[i])) {
            return i;
        }
    }
    return CAPSA_TCB_ABSENT;
}

/* ---- Failing ----------------------------------------------------------------------------------
 */

static bool is_intel(const struct capsa_verdict *verdict)
{
    return verdict->claims.platform == CAPSA_PLATFORM_SGX ||
           verdict->claims.platform == CAPSA_PLATFORM_TDX;
}

static CAPSA_RESULT note(struct capsa_verdict *verdict, enum capsa_check check, const char *file,
                         int line, const char *text)
{
    capsa_result made = capsa_error_make(checks[check].code, file, line, "%s", text);
    verdict->accepted = false;
    verdict->failed_check = check;
    /* From debug on the evidence is authentic, and Intel's library knows no such refusal. */
    if (check < CAPSA_CHECK_DEBUG) {
        verdict->intel_result = capsa_verdict_intel_result(verdict);
    }
    /* What the error made of the text: printable, and one line. */
    (void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", capsa_text_of(made));
    return made;
}

CAPSA_RESULT capsa_verdict_fail(struct capsa_verdict *verdict, enum capsa_check check,
                                const char *file, int line, const char *format, ...)
{
    char text[CAPSA_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return note(verdict, check, file, line, text);
}

static bool is_about_us(enum capsa_code code)
{
    return code == CAPSA_E_NOMEM || code == CAPSA_E_INTERNAL || code == CAPSA_E_IO;
}

CAPSA_RESULT capsa_verdict_fail_with(struct capsa_verdict *verdict, enum capsa_check check,
                                     capsa_result inner)
{
    if (!capsa_failed(inner) || is_about_us(capsa_code_of(inner))) {
        return inner;
    }
    return note(verdict, check, inner.error->file, inner.error->line, inner.error->text);
}

/* ---- Intel's number
 * ------------------------------------------------------------------------------
 */

/* Intel's sgx_ql_qv_result_t. */
enum { INTEL_INVALID_SIGNATURE = 0xa004, INTEL_UNSPECIFIED = 0xa006 };

static const uint32_t results_of_status[CAPSA_TCB_STATUS_COUNT] = {
    [CAPSA_TCB_ABSENT] = INTEL_UNSPECIFIED,
    [CAPSA_TCB_UP_TO_DATE] = 0,
    [CAPSA_TCB_SW_HARDENING_NEEDED] = 0xa007,
    [CAPSA_TCB_CONFIGURATION_NEEDED] = 0xa001,
    [CAPSA_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = 0xa008,
    [CAPSA_TCB_OUT_OF_DATE] = 0xa002,
    [CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = 0xa003,
    [CAPSA_TCB_TD_RELAUNCH_ADVISED] = 0xa009,
    [CAPSA_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = 0xa00a,
    [CAPSA_TCB_REVOKED] = 0xa005,
};

static bool is_signature(enum capsa_check check)
{
    return check == CAPSA_CHECK_SIGNATURE || check == CAPSA_CHECK_QE_REPORT_SIGNATURE ||
           check == CAPSA_CHECK_QE_REPORT_BINDING || check == CAPSA_CHECK_TCB_INFO_SIGNATURE ||
           check == CAPSA_CHECK_QE_IDENTITY_SIGNATURE;
}

uint32_t capsa_verdict_intel_result(const struct capsa_verdict *verdict)
{
    if (verdict->failed_check == CAPSA_CHECK_NONE) {
        return results_of_status[verdict->tcb_status];
    }
    return is_signature(verdict->failed_check) ? INTEL_INVALID_SIGNATURE : INTEL_UNSPECIFIED;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

/* Absent texts and numbers are null, so that a reader finds every member every time. */
static struct capsa_json *text_or_null(const char *text)
{
    return *text == '\0' ? capsa_json_new_null() : capsa_json_new_string(text);
}

static struct capsa_json *time_or_null(capsa_time time)
{
    if (time == 0) {
        return capsa_json_new_null();
    }
    char text[CAPSA_TIME_TEXT];
    capsa_time_text(time, text);
    return capsa_json_new_string(text);
}

static CAPSA_RESULT set_advisories(struct capsa_json *object, const char *name,
                                   const struct capsa_advisories *advisories)
{
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < advisories->count; i++) {
        CAPSA_TRY(capsa_json_push(list, capsa_json_new_string(advisories->ids[i])));
    }
    struct capsa_json *given = list;
    list = NULL;
    return capsa_json_set(object, name, given);
}

static const char *const anchor_kinds[] = {
    [CAPSA_ANCHOR_VENDOR] = "vendor",
    [CAPSA_ANCHOR_SIMULATION] = "simulation",
    [CAPSA_ANCHOR_CUSTOM] = "custom",
};

static CAPSA_RESULT set_texts(struct capsa_json *object, const struct capsa_verdict *verdict)
{
    bool known = verdict->claims.platform != CAPSA_PLATFORM_NONE;
    bool anchored = *verdict->anchor != '\0';
    const struct {
        const char *name, *text;
    } texts[] = {
        {"verdict", verdict->accepted ? "accept" : "reject"},
        {"platform", known ? capsa_platform_name(verdict->claims.platform) : ""},
        {"tcb_status", capsa_tcb_status_name(verdict->tcb_status)},
        {"failed_check", capsa_check_name(verdict->failed_check)},
        {"reason", verdict->reason},
        {"note", verdict->note},
        {"anchor", verdict->anchor},
        {"anchor_kind", anchored ? anchor_kinds[verdict->anchor_kind] : ""},
        {"platform_tcb_status", capsa_tcb_status_name(verdict->platform_tcb_status)},
        {"tdx_module_tcb_status", capsa_tcb_status_name(verdict->module_tcb_status)},
        {"qe_tcb_status", capsa_tcb_status_name(verdict->qe_tcb_status)},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        CAPSA_TRY(capsa_json_set(object, texts[i].name, text_or_null(texts[i].text)));
    }
    return CAPSA_OK;
}

static CAPSA_RESULT set_lists(struct capsa_json *object, const struct capsa_verdict *verdict)
{
    CAPSA_TRY(set_advisories(object, "advisory_ids", &verdict->advisories));
    CAPSA_TRY(set_advisories(object, "advisory_ids_tcb_level_only", &verdict->level_advisories));
    CAPSA_TRY(set_advisories(object, "advisory_ids_tdx_module", &verdict->module_advisories));
    return set_advisories(object, "advisory_ids_qe", &verdict->qe_advisories);
}

static CAPSA_RESULT set_numbers(struct capsa_json *object, const struct capsa_verdict *verdict)
{
    const struct {
        const char *name;
        capsa_time time;
    } times[] = {
        {"tcb_date", verdict->tcb_date},
        {"collateral_issued", verdict->collateral_issued},
        {"collateral_expires", verdict->collateral_expires},
        {"collateral_signed_at", verdict->signed_at},
    };
    for (size_t i = 0; i < COUNT(times); i++) {
        CAPSA_TRY(capsa_json_set(object, times[i].name, time_or_null(times[i].time)));
    }
    CAPSA_TRY(capsa_json_set(object, "tcb_evaluation_data_number",
                             verdict->tcb_evaluation == 0
                                 ? capsa_json_new_null()
                                 : capsa_json_new_int(verdict->tcb_evaluation)));
    CAPSA_TRY(capsa_json_set(object, "collateral_expiration_status",
                             capsa_json_new_int(verdict->collateral_status)));
    return capsa_json_set(object, "intel_result",
                          is_intel(verdict) ? capsa_json_new_int(verdict->intel_result)
                                            : capsa_json_new_null());
}

CAPSA_RESULT capsa_verdict_json(const struct capsa_verdict *verdict, struct capsa_json **ret_json)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(set_texts(object, verdict));
    CAPSA_TRY(set_lists(object, verdict));
    CAPSA_TRY(set_numbers(object, verdict));
    struct capsa_json *claims = capsa_json_new_null();
    if (verdict->claims.platform != CAPSA_PLATFORM_NONE) {
        capsa_json_free(claims);
        CAPSA_TRY(capsa_claims_json(&verdict->claims, &claims));
    }
    CAPSA_TRY(capsa_json_set(object, "claims", claims));
    *ret_json = object;
    object = NULL;
    return CAPSA_OK;
}
