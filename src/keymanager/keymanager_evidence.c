/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging the evidence that requests bring, and what is made of the verdict
 * (keymanager_evidence.h). keymanager_report.c makes the manager's own.
 */
#include "keymanager/keymanager_evidence.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/text.h"
#include "evidence/evidence_bound.h"

struct capsa_km_judge {
    struct capsa_appraiser *appraiser; /* or NULL */
    bool has_floor[CAPSA_PLATFORM_COUNT];
    unsigned uses; /* under the manager's judge_lock */
};

/* ---- by what --------------------------------------------------------------------------------- */

static struct capsa_km_judge *judge_take(struct capsa_keymanager *manager)
{
    (void)pthread_mutex_lock(&manager->judge_lock);
    struct capsa_km_judge *judge = manager->judge;
    judge->uses++;
    (void)pthread_mutex_unlock(&manager->judge_lock);
    return judge;
}

void capsa_km_judge_put(struct capsa_keymanager *manager, struct capsa_km_judge *judge)
{
    if (judge == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&manager->judge_lock);
    bool is_last = --judge->uses == 0;
    (void)pthread_mutex_unlock(&manager->judge_lock);
    if (is_last) {
        capsa_appraiser_free(judge->appraiser);
        capsa_dealloc(judge);
    }
}

CAPSA_RESULT capsa_keymanager_appraise_by(struct capsa_keymanager *manager,
                                          const struct capsa_keymanager_evidence *how)
{
    struct capsa_km_judge *judge = CAPSA_NEW(struct capsa_km_judge);
    CAPSA_REQUIRE_MEMORY(judge);
    judge->appraiser = how->appraiser;
    judge->uses = 1;
    memcpy(judge->has_floor, how->has_floor, sizeof(judge->has_floor));
    (void)pthread_mutex_lock(&manager->judge_lock);
    struct capsa_km_judge *before = manager->judge;
    manager->judge = judge;
    (void)pthread_mutex_unlock(&manager->judge_lock);
    capsa_km_judge_put(manager, before);
    return CAPSA_OK;
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool is_there(const Cm__UnifiedAttestationReport *report)
{
    return report != NULL && protobuf_c_message_get_packed_size(&report->base) > 0;
}

static capsa_result bind(const struct capsa_km_call *call, const struct capsa_km_bound *bound,
                         uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    struct capsa_bound_request request = {
        .method = call->method->name, .message = bound->message, .cert = bound->cert};
    uint8_t spki[CAPSA_SHA256];
    if (call->native) {
        CAPSA_TRY(capsa_cert_spki_digest(call->signer.cert, spki));
        request.manager_id = capsa_ledger_manager_id(call->manager->options.ledger);
        request.jti = call->jti;
        request.spki = spki;
    }
    return capsa_bind_request(&request, ret_report_data);
}

static capsa_result parse(const Cm__UnifiedAttestationReport *report, capsa_evidence *ret_evidence,
                          capsa_collateral *ret_collateral)
{
    CAPSA_REQUIRE(capsa_platform_by_ual(report->str_tee_platform) != CAPSA_PLATFORM_NONE,
                  UNSUPPORTED, "attestation_report: str_tee_platform: \"%.32s\" is not known",
                  report->str_tee_platform);
    return capsa_ual_parse_message(report, "attestation_report", ret_evidence, ret_collateral);
}

/* These checks ask what the operator's policy wants, which is not for everybody. */
static bool is_policy(enum capsa_check check)
{
    switch (check) {
    case CAPSA_CHECK_STALE:
    case CAPSA_CHECK_TCB_STATUS:
    case CAPSA_CHECK_TCB_FLOOR:
    case CAPSA_CHECK_ADVISORY:
    case CAPSA_CHECK_CHIP_DENIED:
    case CAPSA_CHECK_GUEST_POLICY:
    case CAPSA_CHECK_PLATFORM:
    case CAPSA_CHECK_REFERENCE_VALUES:
        return true;
    default:
        return false;
    }
}

/* For the requester. A failure that is not the evidence's passes as it is. */
static capsa_result refuse(const struct capsa_verdict *verdict, capsa_result why)
{
    if (verdict->failed_check == CAPSA_CHECK_NONE) {
        return why;
    }
    bool tell = !is_policy(verdict->failed_check);
    return capsa_error_make(capsa_code_of(why), __FILE__, __LINE__,
                            "attestation_report: evidence refused: %s: %s%.240s",
                            capsa_check_name(verdict->failed_check),
                            tell ? "" : "it does not hold that ",
                            tell ? verdict->reason : capsa_check_what(verdict->failed_check));
}

/* What no policy of the operator can allow where real keys are. */
static capsa_result judge_production(const struct capsa_km_judge *judge,
                                     struct capsa_verdict *verdict)
{
    enum capsa_platform platform = verdict->claims.platform;
    verdict->accepted = false;
    CAPSA_JUDGE(verdict, ANCHOR_KIND, verdict->anchor_kind == CAPSA_ANCHOR_VENDOR,
                "%s is no vendor's trust anchor", verdict->anchor);
    CAPSA_JUDGE(verdict, DEBUG, !verdict->claims.debug,
                "its host can look inside, and this manager is in production");
    CAPSA_JUDGE(verdict, TCB_FLOOR,
                verdict->tcb_status != CAPSA_TCB_ABSENT || judge->has_floor[platform],
                "%s has no TCB status, and the manager's evidence_policy sets no floor for it",
                capsa_platform_what(platform));
    verdict->accepted = true;
    return CAPSA_OK;
}

static capsa_result judge_by(const struct capsa_km_judge *judge, const struct capsa_km_call *call,
                             const Cm__UnifiedAttestationReport *report,
                             const struct capsa_km_bound *bound, struct capsa_verdict *verdict)
{
    CAPSA_REQUIRE(judge->appraiser != NULL, UNSUPPORTED,
                  "attestation_report: this manager cannot verify evidence; leave it out");
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_TRY(bind(call, bound, report_data));
    CAPSA_TRY(parse(report, &evidence, &collateral));
    CAPSA_TRY(capsa_appraiser_judge(judge->appraiser, evidence.platform,
                                    capsa_buf_bytes(&evidence.bytes), &collateral, call->now,
                                    report_data, verdict));
    return call->manager->options.evidence.production ? judge_production(judge, verdict) : CAPSA_OK;
}

CAPSA_RESULT capsa_km_evidence_judge(const struct capsa_km_call *call,
                                     const Cm__UnifiedAttestationReport *report,
                                     const struct capsa_km_bound *bound,
                                     capsa_km_evidence *evidence)
{
    const struct capsa_keymanager_evidence *how = &call->manager->options.evidence;
    *evidence = (capsa_km_evidence){.present = false};
    if (!is_there(report)) {
        CAPSA_REQUIRE(!how->required, EVIDENCE,
                      "attestation_report: missing; this manager wants evidence of every program "
                      "that asks for keys or registers results");
        return CAPSA_OK;
    }
    evidence->present = true;
    struct capsa_km_judge *judge = judge_take(call->manager);
    capsa_result judged = judge_by(judge, call, report, bound, &evidence->verdict);
    capsa_km_judge_put(call->manager, judge);
    if (capsa_failed(judged)) {
        return refuse(&evidence->verdict, judged);
    }
    CAPSA_REQUIRE(evidence->verdict.accepted, INTERNAL, "evidence neither refused nor accepted");
    return CAPSA_OK;
}

/* ---- r.env.tee ------------------------------------------------------------------------------- */

static capsa_result hex_of(capsa_bytes bytes, struct capsa_json **ret_value)
{
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(2 * CAPSA_CLAIM_BYTES + 1);
    const char *text;
    CAPSA_TRY(capsa_hex_write(bytes, &hex));
    CAPSA_TRY(capsa_buf_cstr(&hex, &text));
    *ret_value = capsa_json_new_string(text);
    CAPSA_REQUIRE_MEMORY(*ret_value);
    return CAPSA_OK;
}

static capsa_result text_of(capsa_bytes bytes, struct capsa_json **ret_value)
{
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(CAPSA_CLAIM_BYTES + 1);
    const char *text;
    CAPSA_TRY(capsa_buf_append(&buf, bytes));
    CAPSA_TRY(capsa_buf_cstr(&buf, &text));
    *ret_value = capsa_json_new_string(text);
    CAPSA_REQUIRE_MEMORY(*ret_value);
    return CAPSA_OK;
}

static capsa_result claim_set(const struct capsa_claims *claims, enum capsa_claim claim,
                              struct capsa_json *object)
{
    const struct capsa_claim_type *type = capsa_claim_type(claim);
    struct capsa_json *value = NULL;
    if (type->kind == CAPSA_CLAIM_NUMBER) {
        value = capsa_json_new_int((int64_t)claims->values[claim].number);
    } else if (type->kind == CAPSA_CLAIM_HEX) {
        CAPSA_TRY(hex_of(capsa_claim_bytes(claims, claim), &value));
    } else {
        CAPSA_TRY(text_of(capsa_claim_bytes(claims, claim), &value));
    }
    return capsa_json_set(object, type->name, value);
}

/* Of what nobody signs constraints see nothing; and a number that they cannot read would make all
 * of them fail. */
static bool is_for_constraints(const struct capsa_claims *claims, enum capsa_claim claim)
{
    const struct capsa_claim_type *type = capsa_claim_type(claim);
    const struct capsa_claim_value *value = &claims->values[claim];
    return value->present && type->platform == claims->platform &&
           type->provenance != CAPSA_PROVENANCE_ASSERTED &&
           (type->kind != CAPSA_CLAIM_NUMBER || value->number <= INT32_MAX);
}

static capsa_result composites_set(const struct capsa_claims *claims, struct capsa_json *object)
{
    for (size_t i = 0; i < capsa_composites_count; i++) {
        const struct capsa_composite *composite = &capsa_composites[i];
        if (composite->platform != claims->platform) {
            continue;
        }
        CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(2));
        const char *text;
        CAPSA_TRY(capsa_composite_hex(claims, composite, &hex));
        CAPSA_TRY(capsa_buf_cstr(&hex, &text));
        CAPSA_TRY(capsa_json_set(object, composite->name, capsa_json_new_string(text)));
    }
    return CAPSA_OK;
}

static capsa_result advisories_set(const struct capsa_verdict *verdict, struct capsa_json *object)
{
    struct capsa_json *list = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(list);
    capsa_result result = CAPSA_OK;
    for (size_t i = 0; i < verdict->advisories.count && !capsa_failed(result); i++) {
        result = capsa_json_push(list, capsa_json_new_string(verdict->advisories.ids[i]));
    }
    if (capsa_failed(result)) {
        capsa_json_free(list);
        return result;
    }
    return capsa_json_set(object, "advisory_ids", list);
}

/* platform, tcb_status (left out where the platform has none: it is never "UpToDate" by default),
 * advisory_ids. */
static capsa_result status_set(const struct capsa_verdict *verdict, struct capsa_json *object)
{
    const char *platform = capsa_platform_name(verdict->claims.platform);
    CAPSA_TRY(capsa_json_set(object, "platform", capsa_json_new_string(platform)));
    if (verdict->tcb_status != CAPSA_TCB_ABSENT) {
        const char *status = capsa_tcb_status_name(verdict->tcb_status);
        CAPSA_TRY(capsa_json_set(object, "tcb_status", capsa_json_new_string(status)));
    }
    return advisories_set(verdict, object);
}

static capsa_result part_make(const struct capsa_claims *claims, struct capsa_json **ret_part)
{
    CAPSA_AUTO_FREE(capsa_json) part = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(part);
    for (unsigned i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        if (is_for_constraints(claims, (enum capsa_claim)i)) {
            CAPSA_TRY(claim_set(claims, (enum capsa_claim)i, part));
        }
    }
    CAPSA_TRY(composites_set(claims, part));
    *ret_part = part;
    part = NULL; /* handed over */
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_evidence_env(const capsa_km_evidence *evidence, struct capsa_json *env)
{
    const struct capsa_verdict *verdict = &evidence->verdict;
    if (!evidence->present || !verdict->accepted) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_json) tee = capsa_json_new_object();
    struct capsa_json *part;
    CAPSA_REQUIRE_MEMORY(tee);
    CAPSA_TRY(status_set(verdict, tee));
    CAPSA_TRY(capsa_json_set(tee, "is_debug", capsa_json_new_bool(verdict->claims.debug)));
    CAPSA_TRY(part_make(&verdict->claims, &part));
    CAPSA_TRY(capsa_json_set(tee, capsa_platform_name(verdict->claims.platform), part));
    struct capsa_json *handed_over = tee;
    tee = NULL;
    return capsa_json_set(env, "tee", handed_over);
}

/* ---- for the owner --------------------------------------------------------------------------- */

/* Which code it was: what an owner looks for, and no more, since it stands in every entry. */
static const enum capsa_claim shown[] = {
    CAPSA_CLAIM_SGX_MR_ENCLAVE,  CAPSA_CLAIM_SGX_MR_SIGNER, CAPSA_CLAIM_SGX_ISV_PROD_ID,
    CAPSA_CLAIM_SGX_ISV_SVN,     CAPSA_CLAIM_TDX_MR_TD,     CAPSA_CLAIM_TDX_RTMR0,
    CAPSA_CLAIM_TDX_RTMR1,       CAPSA_CLAIM_TDX_RTMR2,     CAPSA_CLAIM_TDX_RTMR3,
    CAPSA_CLAIM_SNP_MEASUREMENT, CAPSA_CLAIM_SNP_HOST_DATA, CAPSA_CLAIM_CSV_MEASURE,
};

static capsa_result code_set(const struct capsa_claims *claims, struct capsa_json *object)
{
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        if (is_for_constraints(claims, shown[i])) {
            CAPSA_TRY(claim_set(claims, shown[i], object));
        }
    }
    return CAPSA_OK;
}

static capsa_result failure_set(const struct capsa_verdict *verdict, struct capsa_json *object)
{
    if (verdict->failed_check == CAPSA_CHECK_NONE) {
        return CAPSA_OK;
    }
    const char *check = capsa_check_name(verdict->failed_check);
    CAPSA_TRY(capsa_json_set(object, "failed_check", capsa_json_new_string(check)));
    return capsa_json_set(object, "reason", capsa_json_new_string(verdict->reason));
}

CAPSA_RESULT capsa_km_evidence_note(const capsa_km_evidence *evidence, capsa_km_notes *notes,
                                    const char *owner)
{
    const struct capsa_verdict *verdict = &evidence->verdict;
    if (!evidence->present) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    struct capsa_km_note *note;
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(status_set(verdict, object));
    CAPSA_TRY(capsa_json_set(object, "anchor", capsa_json_new_string(verdict->anchor)));
    CAPSA_TRY(code_set(&verdict->claims, object));
    CAPSA_TRY(failure_set(verdict, object));
    CAPSA_TRY(capsa_km_notes_of(notes, owner, &note));
    struct capsa_json *handed_over = object;
    object = NULL;
    return capsa_json_set(note->details, "evidence", handed_over);
}
