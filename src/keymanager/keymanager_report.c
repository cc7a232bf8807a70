/* SPDX-License-Identifier: Apache-2.0
 *
 * The manager's own evidence: a report that binds its certificate and the asker's nonce, made anew
 * for each call. Making one takes long, and anybody can ask: only so many are made at once.
 */
#include "keymanager/keymanager_evidence.h"

#include "base/limits.h"
#include "evidence/evidence_bound.h"

#define REPORT_VERSION "1.0"
#define PASSPORT       "Passport"
#define BACKGROUND     "BackgroundCheck"

void capsa_km_report_drop(capsa_km_report *report)
{
    capsa_buf_drop(&report->json_report);
}

/* What proves it: from the interface itself, or from wherever the operator says. Without, the
 * report says so, and whoever verifies it needs his own. */
static capsa_result collateral_find(const struct capsa_keymanager *manager, capsa_bytes evidence,
                                    capsa_collateral *collateral)
{
    const struct capsa_keymanager_evidence *how = &manager->options.evidence;
    if (!capsa_collateral_is_empty(collateral) || how->getter.get == NULL) {
        return CAPSA_OK;
    }
    capsa_result result =
        how->getter.get(how->getter.context, how->attester->platform, evidence, collateral);
    if (capsa_code_of(result) == CAPSA_E_NOMEM) {
        return result;
    }
    if (capsa_failed(result)) {
        capsa_log_event(manager->options.log, CAPSA_LOG_WARN, "collateral",
                        CAPSA_LOG_CODE("why", result));
    }
    return CAPSA_OK;
}

static capsa_result make(const struct capsa_keymanager *manager,
                         const uint8_t report_data[CAPSA_REPORT_DATA], capsa_km_report *ret_report)
{
    const struct capsa_keymanager_evidence *how = &manager->options.evidence;
    CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(CAPSA_LIMIT_grpc_message / 4);
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    CAPSA_TRY_AT(
        how->attester->collect(how->attester, &how->where, report_data, &evidence, &collateral),
        "platform %s", how->attester->name);
    CAPSA_TRY(collateral_find(manager, capsa_buf_bytes(&evidence), &collateral));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(CAPSA_LIMIT_grpc_message / 2);
    CAPSA_TRY(capsa_ual_write_json_report(how->attester->platform, capsa_buf_bytes(&evidence),
                                          &collateral, &json));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&json, &text));
    bool is_passport = !capsa_collateral_is_empty(&collateral);
    cm__unified_attestation_report__init(&ret_report->message);
    ret_report->message.str_report_version = capsa_km_field(REPORT_VERSION);
    ret_report->message.str_report_type = capsa_km_field(is_passport ? PASSPORT : BACKGROUND);
    ret_report->message.str_tee_platform =
        capsa_km_field(capsa_platform_ual(how->attester->platform));
    ret_report->message.json_report = capsa_km_field(text);
    ret_report->json_report = json;
    json = (capsa_buf){.data = NULL}; /* handed over */
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_report_make(struct capsa_keymanager *manager, bool native, capsa_bytes cert,
                                  const char *nonce, capsa_km_report *ret_report)
{
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_TRY(capsa_bind_cert(native, cert, nonce, report_data));
    unsigned others = atomic_fetch_add(&manager->reports, 1);
    capsa_result result = CAPSA_OK;
    if (others >= CAPSA_LIMIT_reports_at_once) {
        result = capsa_error_make(CAPSA_E_BUSY, __FILE__, __LINE__,
                                  "too many ask for the manager's evidence at once; ask again");
    } else {
        result = make(manager, report_data, ret_report);
    }
    (void)atomic_fetch_sub(&manager->reports, 1);
    return result;
}
