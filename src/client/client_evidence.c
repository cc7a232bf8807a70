/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence at the client's end: a manager's is judged before anything is sent to it, and that of
 * the program that asks goes along with the requests that want it.
 */
#include "base/limits.h"
#include "client/client_internal.h"
#include "evidence/evidence_bound.h"

#define NOTHING_SENT "nothing was sent to it"

/* ---- the manager's --------------------------------------------------------------------------- */

static bool is_there(const Cm__UnifiedAttestationReport *report)
{
    return report != NULL && *report->json_report != '\0';
}

/* With what was expected and what came: the policy is ours. */
static capsa_result refuse(const struct capsa_verdict *verdict, capsa_result why)
{
    if (verdict->failed_check == CAPSA_CHECK_NONE) {
        return why;
    }
    return capsa_error_make(capsa_code_of(why), __FILE__, __LINE__,
                            "the manager's evidence is refused, and " NOTHING_SENT ": %s: %.260s",
                            capsa_check_name(verdict->failed_check), verdict->reason);
}

static capsa_result check_platform(const struct capsa_client_trust *trust,
                                   enum capsa_platform platform)
{
    CAPSA_REQUIRE(trust->platform == CAPSA_PLATFORM_NONE || trust->platform == platform, EVIDENCE,
                  "the manager shows evidence of %s, and %s is wanted; " NOTHING_SENT,
                  capsa_platform_what(platform), capsa_platform_what(trust->platform));
    return CAPSA_OK;
}

static capsa_result judge(const struct capsa_client *client, const Cm__GetRaCertResponse *answer,
                          const char *nonce, struct capsa_verdict *verdict)
{
    const struct capsa_client_trust *trust = client->options.trust;
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_TRY(capsa_ual_parse_message(answer->attestation_report, "the manager's evidence",
                                      &evidence, &collateral));
    CAPSA_TRY(check_platform(trust, evidence.platform));
    CAPSA_TRY(capsa_bind_cert(!client->options.original, capsa_bytes_str(answer->cert), nonce,
                              report_data));
    return capsa_appraiser_judge(trust->appraiser, evidence.platform,
                                 capsa_buf_bytes(&evidence.bytes), &collateral,
                                 capsa_now(client->clock), report_data, verdict);
}

CAPSA_RESULT capsa_client_evidence_check(const struct capsa_client *client,
                                         const Cm__GetRaCertResponse *answer, const char *nonce,
                                         struct capsa_client_vouched *ret_vouched)
{
    const struct capsa_client_trust *trust = client->options.trust;
    struct capsa_verdict verdict = {.accepted = false};
    if (trust == NULL) {
        *ret_vouched = (struct capsa_client_vouched){.shown = false};
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(is_there(answer->attestation_report), EVIDENCE,
                  "the manager shows no evidence, and it is wanted; " NOTHING_SENT);
    capsa_result judged = judge(client, answer, nonce, &verdict);
    if (capsa_failed(judged)) {
        return refuse(&verdict, judged);
    }
    CAPSA_REQUIRE(verdict.accepted, INTERNAL, "evidence neither refused nor accepted");
    *ret_vouched = (struct capsa_client_vouched){
        .shown = true,
        .by_code = trust->pins_code[verdict.claims.platform],
        .by_vendor = verdict.anchor_kind == CAPSA_ANCHOR_VENDOR,
    };
    return CAPSA_OK;
}

/* ---- the program's --------------------------------------------------------------------------- */

void capsa_client_attested_drop(capsa_client_attested *attested)
{
    capsa_buf_drop(&attested->json_report);
}

/* What of the request its evidence binds. */
static struct capsa_bound_request bound_of(const capsa_client_exchange *call)
{
    struct capsa_bound_request bound = {.method = call->method->name};
    if (call->method->evidence == CAPSA_CLIENT_EVIDENCE_OF_BODY) {
        const Cm__CreateResultDataKeyRequest *result =
            (const Cm__CreateResultDataKeyRequest *)(const void *)call->request;
        bound.message = result->body == NULL ? NULL : &result->body->base;
        return bound;
    }
    /* GetTlsAsset's request has the same three fields. */
    const Cm__GetDataKeysRequest *keys =
        (const Cm__GetDataKeysRequest *)(const void *)call->request;
    const Cm__GetTlsAssetRequest *tls = (const Cm__GetTlsAssetRequest *)(const void *)call->request;
    bool is_tls = call->request->descriptor == &cm__get_tls_asset_request__descriptor;
    const Cm__ResourceRequest *asked = is_tls ? tls->resource_request : keys->resource_request;
    bound.cert = is_tls ? tls->cert : keys->cert;
    bound.message = asked == NULL ? NULL : &asked->base;
    return bound;
}

static capsa_result bind(const struct capsa_client *client, const capsa_client_exchange *call,
                         uint8_t ret_report_data[CAPSA_REPORT_DATA])
{
    struct capsa_bound_request bound = bound_of(call);
    CAPSA_REQUIRE(bound.message != NULL, USAGE, "%s: the request says nothing to bind evidence to",
                  call->method->name);
    uint8_t spki[CAPSA_SHA256];
    if (!client->options.original) {
        CAPSA_TRY(capsa_cert_spki_digest(client->options.party->chain.certs[0], spki));
        bound.manager_id = client->manager.id;
        bound.jti = call->jti;
        bound.spki = spki;
    }
    return capsa_bind_request(&bound, ret_report_data);
}

static capsa_result collect(const struct capsa_client_attest *how,
                            const uint8_t report_data[CAPSA_REPORT_DATA],
                            capsa_client_attested *attested)
{
    CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(CAPSA_LIMIT_grpc_message / 4);
    CAPSA_AUTO(capsa_collateral) own;
    capsa_collateral_init(&own);
    CAPSA_TRY_AT(how->attester->collect(how->attester, how->where, report_data, &evidence, &own),
                 "platform %s", how->attester->name);
    const capsa_collateral *collateral =
        how->collateral != NULL && !capsa_collateral_is_empty(how->collateral) ? how->collateral
                                                                               : &own;
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(CAPSA_LIMIT_grpc_message / 2);
    CAPSA_TRY(capsa_ual_write_json_report(how->attester->platform, capsa_buf_bytes(&evidence),
                                          collateral, &json));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&json, &text));
    Cm__UnifiedAttestationReport *report = &attested->report;
    cm__unified_attestation_report__init(report);
    report->str_report_version = capsa_client_field("1.0");
    report->str_report_type =
        capsa_client_field(capsa_collateral_is_empty(collateral) ? "BackgroundCheck" : "Passport");
    report->str_tee_platform = capsa_client_field(capsa_platform_ual(how->attester->platform));
    report->json_report = capsa_client_field(text);
    attested->json_report = json;
    json = (capsa_buf){.data = NULL}; /* handed over */
    return CAPSA_OK;
}

/* The caller's request, with the report. */
static void put(capsa_client_attested *attested, capsa_client_exchange *call)
{
    if (call->method->evidence == CAPSA_CLIENT_EVIDENCE_OF_BODY) {
        attested->result = *(const Cm__CreateResultDataKeyRequest *)(const void *)call->request;
        attested->result.attestation_report = &attested->report;
        call->request = &attested->result.base;
    } else if (call->request->descriptor == &cm__get_tls_asset_request__descriptor) {
        attested->tls = *(const Cm__GetTlsAssetRequest *)(const void *)call->request;
        attested->tls.attestation_report = &attested->report;
        call->request = &attested->tls.base;
    } else {
        attested->keys = *(const Cm__GetDataKeysRequest *)(const void *)call->request;
        attested->keys.attestation_report = &attested->report;
        call->request = &attested->keys.base;
    }
}

CAPSA_RESULT capsa_client_evidence_attach(const struct capsa_client *client,
                                          capsa_client_exchange *call,
                                          capsa_client_attested *attested)
{
    const struct capsa_client_attest *how = client->options.attest;
    if (how == NULL || call->method->evidence == CAPSA_CLIENT_EVIDENCE_NONE) {
        return CAPSA_OK;
    }
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_TRY(bind(client, call, report_data));
    CAPSA_TRY(collect(how, report_data, attested));
    put(attested, call);
    return CAPSA_OK;
}
