/* SPDX-License-Identifier: Apache-2.0
 *
 * Which TCB level a platform has reached, and what that says of it: matching, the TDX module's own
 * identity, convergence with the quoting enclave's status, and the rule for TDs whose module was
 * updated under them. Contracts, quote-verification section 7, as Intel's library does it.
 */
#include "verifier/verifier_dcap.h"

#include <stdio.h>

/* ---- Matching ---------------------------------------------------------------------------------
 */

static bool reaches(const uint8_t *has, const uint8_t *wanted, size_t from)
{
    for (size_t i = from; i < CAPSA_TCB_COMPONENTS; i++) {
        if (has[i] < wanted[i]) {
            return false;
        }
    }
    return true;
}

/* Byte 1 is the line of the module. From the second line on, bytes 0 and 1 are the module's own
 * version, which its identity judges. */
static size_t tdx_from(const struct capsa_td_report *td)
{
    return td->tee_tcb_svn.data[1] > 0 ? 2 : 0;
}

struct matched {
    const struct capsa_tcb_level *level;     /* fits in everything; NULL: none does */
    const struct capsa_tcb_level *sgx_level; /* the first that fits without TDX */
};

static struct matched match_level(const struct capsa_dcap_facts *facts)
{
    struct matched matched = {NULL, NULL};
    for (size_t i = 0; i < facts->tcb_info->count && matched.level == NULL; i++) {
        const struct capsa_tcb_level *level = &facts->tcb_info->levels[i];
        if (!reaches(facts->pck->components, level->sgx, 0) ||
            facts->pck->pce_svn < level->pce_svn) {
            continue;
        }
        if (matched.sgx_level == NULL) {
            matched.sgx_level = level;
        }
        if (facts->td == NULL ||
            reaches(facts->td->tee_tcb_svn.data, level->tdx, tdx_from(facts->td))) {
            matched.level = level;
        }
    }
    return matched;
}

static const struct capsa_isv_level *match_isv(const struct capsa_isv_level *levels, size_t count,
                                               uint16_t isv_svn)
{
    for (size_t i = 0; i < count; i++) {
        if (levels[i].isv_svn <= isv_svn) {
            return &levels[i];
        }
    }
    return NULL;
}

/* ---- The TDX module ---------------------------------------------------------------------------
 */

static const struct capsa_tdx_module *module_of(const struct capsa_tcb_info *info, uint8_t version)
{
    if (version == 0) {
        return &info->module;
    }
    for (size_t i = 0; i < info->module_count; i++) {
        if (info->modules[i].version == version) {
            return &info->modules[i];
        }
    }
    return NULL;
}

static CAPSA_RESULT judge_module(const struct capsa_dcap_facts *facts,
                                 struct capsa_verdict *verdict)
{
    static const uint8_t zeros[8];
    uint8_t version = facts->td->tee_tcb_svn.data[1];
    const struct capsa_tdx_module *module = module_of(facts->tcb_info, version);
    CAPSA_JUDGE(verdict, TDX_MODULE, module != NULL, "TCB Info knows no TDX module \"TDX_%02X\"",
                version);
    CAPSA_JUDGE(verdict, TDX_MODULE,
                capsa_bytes_equal(facts->td->mr_signer_seam,
                                  capsa_bytes_of(module->mr_signer, sizeof(module->mr_signer))),
                "MRSIGNERSEAM is not the signer of TDX module TDX_%02X", version);
    capsa_bytes attributes = facts->td->seam_attributes;
    CAPSA_JUDGE(
        verdict, TDX_MODULE,
        capsa_bytes_equal(attributes, capsa_bytes_of(zeros, sizeof(zeros))) &&
            capsa_bytes_equal(attributes, capsa_bytes_of(module->attributes, sizeof(zeros))),
        "SEAMATTRIBUTES are not zero, or not those of TDX module TDX_%02X", version);
    return CAPSA_OK;
}

/* Bits 1 to 7 of the first byte are reserved for what makes a TD untrusted. */
#define UNTRUSTED 0xfe

CAPSA_RESULT capsa_dcap_judge_td(const struct capsa_dcap_facts *facts,
                                 struct capsa_verdict *verdict)
{
    CAPSA_TRY(judge_module(facts, verdict));
    uint8_t untrusted = facts->td->td_attributes.data[0] & UNTRUSTED;
    CAPSA_JUDGE(verdict, TD_ATTRIBUTES, untrusted == 0,
                "TDATTRIBUTES have bits set that make a TD untrusted: 0x%02x", untrusted);
    return CAPSA_OK;
}

/* ---- Statuses ---------------------------------------------------------------------------------
 */

/* What an outdated module or quoting enclave makes of a platform's status; others stay. */
static const enum capsa_tcb_status when_out_of_date[CAPSA_TCB_STATUS_COUNT] = {
    [CAPSA_TCB_UP_TO_DATE] = CAPSA_TCB_OUT_OF_DATE,
    [CAPSA_TCB_SW_HARDENING_NEEDED] = CAPSA_TCB_OUT_OF_DATE,
    [CAPSA_TCB_CONFIGURATION_NEEDED] = CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    [CAPSA_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
};

static enum capsa_tcb_status converge(enum capsa_tcb_status status, enum capsa_tcb_status other)
{
    if (other == CAPSA_TCB_REVOKED || status == CAPSA_TCB_REVOKED) {
        return CAPSA_TCB_REVOKED;
    }
    if (other != CAPSA_TCB_OUT_OF_DATE || when_out_of_date[status] == CAPSA_TCB_ABSENT) {
        return status;
    }
    return when_out_of_date[status];
}

static bool is_configuration(enum capsa_tcb_status status)
{
    return status == CAPSA_TCB_CONFIGURATION_NEEDED ||
           status == CAPSA_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
           status == CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

/* The two statuses that only a newer module under a running TD can mend. */
static bool may_relaunch(const struct capsa_dcap_facts *facts, const struct capsa_verdict *verdict,
                         enum capsa_tcb_status sgx, enum capsa_tcb_status now)
{
    return facts->td->tee_tcb_svn2.len > 0 && verdict->qe_tcb_status == CAPSA_TCB_UP_TO_DATE &&
           when_out_of_date[sgx] != CAPSA_TCB_ABSENT &&
           (now == CAPSA_TCB_OUT_OF_DATE || now == CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED) &&
           verdict->module_tcb_status == CAPSA_TCB_OUT_OF_DATE;
}

/* Is what runs now, by the TD's second set of versions, as good as the best level asks? */
static CAPSA_RESULT judge_relaunch(const struct capsa_dcap_facts *facts, enum capsa_tcb_status sgx,
                                   struct capsa_verdict *verdict, enum capsa_tcb_status *status)
{
    if (!may_relaunch(facts, verdict, sgx, *status)) {
        return CAPSA_OK;
    }
    const uint8_t *svn2 = facts->td->tee_tcb_svn2.data;
    const struct capsa_tcb_level *top = &facts->tcb_info->levels[0];
    const struct capsa_tdx_module *module = module_of(facts->tcb_info, svn2[1]);
    CAPSA_JUDGE(verdict, TDX_MODULE, module != NULL,
                "TCB Info knows no TDX module \"TDX_%02X\", which TEE_TCB_SVN2 names", svn2[1]);
    unsigned wanted = module->count == 0 ? top->tdx[0] : module->levels[0].isv_svn;
    if (svn2[0] >= wanted && svn2[2] >= top->tdx[2]) {
        *status = is_configuration(sgx) || is_configuration(*status)
                      ? CAPSA_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                      : CAPSA_TCB_TD_RELAUNCH_ADVISED;
    }
    return CAPSA_OK;
}

/* ---- Advisories -------------------------------------------------------------------------------
 */

static bool is_listed(const struct capsa_advisories *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (capsa_streq(list->ids[i], id)) {
            return true;
        }
    }
    return false;
}

static CAPSA_RESULT list_advisory(const char *id, struct capsa_advisories *list)
{
    if (is_listed(list, id)) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(list->count < CAPSA_ADVISORIES, TOO_LARGE, "more than %d advisories apply",
                  CAPSA_ADVISORIES);
    (void)snprintf(list->ids[list->count++], CAPSA_ADVISORY_TEXT, "%s", id);
    return CAPSA_OK;
}

/* Into the list of where they stand, and into the union. */
static CAPSA_RESULT list_advisories(const capsa_buf *pool, const struct capsa_advisory_rows *rows,
                                    struct capsa_advisories *list, struct capsa_verdict *verdict)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        const char *id = (const char *)pool->data + (size_t)(rows->first + i) * CAPSA_ADVISORY_TEXT;
        CAPSA_JUDGE_TRY(verdict, TCB_INFO, list_advisory(id, list));
        CAPSA_JUDGE_TRY(verdict, TCB_INFO, list_advisory(id, &verdict->advisories));
    }
    return CAPSA_OK;
}

/* ---- All together -----------------------------------------------------------------------------
 */

struct fitting {
    struct matched platform;
    const struct capsa_isv_level *module, *enclave;
    bool has_module_levels;
};

static struct fitting fit(const struct capsa_dcap_facts *facts)
{
    struct fitting fitting = {.platform = match_level(facts)};
    fitting.enclave = match_isv(facts->identity->levels, facts->identity->count, facts->qe_isv_svn);
    if (facts->td != NULL && facts->td->tee_tcb_svn.data[1] > 0) {
        const uint8_t *svn = facts->td->tee_tcb_svn.data;
        const struct capsa_tdx_module *module = module_of(facts->tcb_info, svn[1]);
        fitting.has_module_levels = true;
        fitting.module = module == NULL ? NULL : match_isv(module->levels, module->count, svn[0]);
    }
    return fitting;
}

static CAPSA_RESULT take_advisories(const struct capsa_dcap_facts *facts,
                                    const struct fitting *fitting, struct capsa_verdict *verdict)
{
    const capsa_buf *pool = &facts->tcb_info->advisories;
    CAPSA_TRY(list_advisories(pool, &fitting->platform.level->advisories,
                              &verdict->level_advisories, verdict));
    if (fitting->module != NULL) {
        CAPSA_TRY(list_advisories(pool, &fitting->module->advisories, &verdict->module_advisories,
                                  verdict));
    }
    return list_advisories(&facts->identity->advisories, &fitting->enclave->advisories,
                           &verdict->qe_advisories, verdict);
}

static CAPSA_RESULT take_status(const struct capsa_dcap_facts *facts, const struct fitting *fitting,
                                struct capsa_verdict *verdict)
{
    enum capsa_tcb_status status = fitting->platform.level->status;
    verdict->platform_tcb_status = status;
    verdict->qe_tcb_status = fitting->enclave->status;
    if (fitting->module != NULL) {
        verdict->module_tcb_status = fitting->module->status;
        status = converge(status, fitting->module->status);
    }
    if (facts->td != NULL) {
        CAPSA_TRY(judge_relaunch(facts, fitting->platform.sgx_level->status, verdict, &status));
    }
    verdict->tcb_status = converge(status, fitting->enclave->status);
    verdict->tcb_date = fitting->platform.level->date;
    return take_advisories(facts, fitting, verdict);
}

CAPSA_RESULT capsa_dcap_judge_tcb(const struct capsa_dcap_facts *facts,
                                  struct capsa_verdict *verdict)
{
    uint32_t platform = facts->tcb_info->evaluation, enclave = facts->identity->evaluation;
    verdict->tcb_evaluation = platform < enclave ? platform : enclave;
    struct fitting fitting = fit(facts);
    if (fitting.platform.level == NULL || fitting.enclave == NULL ||
        (fitting.has_module_levels && fitting.module == NULL)) {
        verdict->tcb_unsupported = true;
        return CAPSA_OK;
    }
    return take_status(facts, &fitting, verdict);
}
