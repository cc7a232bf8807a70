/* SPDX-License-Identifier: Apache-2.0
 *
 * Verdicts and claims across the public interface (capsa/verify.h): a copy of what was found, which
 * never changes, and what of it can be asked for.
 */
#include "api/api_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"

#define CLAIM_NAME 48
#define CLAIM_TEXT (2 * CAPSA_CLAIM_BYTES + 1)

struct libcapsa_claim {
    const struct capsa_claim_type *type;
    struct capsa_claim_value value;
    char name[CLAIM_NAME];
    char text[CLAIM_TEXT];
};

struct libcapsa_verdict {
    struct capsa_ratls_report report;
    bool of_certificate; /* else only the verdict of `report` says anything */
    capsa_time time;
    size_t count;
    struct libcapsa_claim claims[];
};

/* ---- Making ---------------------------------------------------------------------------------- */

static void write_hex(capsa_bytes bytes, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
}

static void fill_claim(enum capsa_claim which, const struct capsa_claim_value *value,
                       struct libcapsa_claim *claim)
{
    const struct capsa_claim_type *type = capsa_claim_type(which);
    claim->type = type;
    claim->value = *value;
    (void)snprintf(claim->name, sizeof(claim->name), "%s.%s", capsa_platform_name(type->platform),
                   type->name);
    switch (type->kind) {
    case CAPSA_CLAIM_HEX:
        write_hex(capsa_bytes_of(value->bytes, value->len), claim->text);
        break;
    case CAPSA_CLAIM_NUMBER:
        (void)snprintf(claim->text, sizeof(claim->text), "%" PRIu64, value->number);
        break;
    case CAPSA_CLAIM_TEXT:
        memcpy(claim->text, value->bytes, value->len);
        break;
    }
}

static size_t count_claims(const struct capsa_claims *claims)
{
    size_t count = 0;
    for (size_t i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        count += claims->values[i].present;
    }
    return count;
}

CAPSA_RESULT capsa_api_verdict(const struct capsa_ratls_report *report, bool of_certificate,
                               capsa_time time, libcapsa_verdict **ret_verdict)
{
    const struct capsa_claims *claims = &report->verdict.claims;
    const size_t room = count_claims(claims) * sizeof(struct libcapsa_claim);
    struct libcapsa_verdict *made = capsa_alloc(sizeof(*made) + room);
    CAPSA_REQUIRE_MEMORY(made);
    made->report = *report;
    made->of_certificate = of_certificate;
    made->time = time;
    for (size_t i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        if (claims->values[i].present) {
            fill_claim((enum capsa_claim)i, &claims->values[i], &made->claims[made->count++]);
        }
    }
    *ret_verdict = made;
    return CAPSA_OK;
}

void libcapsa_verdict_free(libcapsa_verdict *verdict)
{
    capsa_dealloc(verdict);
}

/* ---- The answer ------------------------------------------------------------------------------ */

int libcapsa_verdict_accepted(const libcapsa_verdict *verdict)
{
    return verdict != NULL && verdict->report.verdict.accepted;
}

/* Every check from debug on is made of evidence that is authentic (checks.def). */
int libcapsa_verdict_authentic(const libcapsa_verdict *verdict)
{
    return verdict != NULL && (verdict->report.verdict.accepted ||
                               verdict->report.verdict.failed_check >= CAPSA_CHECK_DEBUG);
}

const char *libcapsa_verdict_failed_check(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? "" : capsa_check_name(verdict->report.verdict.failed_check);
}

const char *libcapsa_verdict_reason(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? "" : verdict->report.verdict.reason;
}

const char *libcapsa_verdict_note(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? "" : verdict->report.verdict.note;
}

const char *libcapsa_check_what(const char *check)
{
    for (int i = CAPSA_CHECK_NONE + 1; check != NULL && i < CAPSA_CHECK_COUNT; i++) {
        if (capsa_streq(check, capsa_check_name((enum capsa_check)i))) {
            return capsa_check_what((enum capsa_check)i);
        }
    }
    return "";
}

const char *libcapsa_verdict_platform(const libcapsa_verdict *verdict)
{
    bool known = verdict != NULL && verdict->report.verdict.claims.platform != CAPSA_PLATFORM_NONE;
    return known ? capsa_platform_name(verdict->report.verdict.claims.platform) : "";
}

const char *libcapsa_verdict_anchor(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? "" : verdict->report.verdict.anchor;
}

const char *libcapsa_verdict_anchor_kind(const libcapsa_verdict *verdict)
{
    static const char *const kinds[] = {
        [CAPSA_ANCHOR_VENDOR] = "vendor",
        [CAPSA_ANCHOR_SIMULATION] = "simulation",
        [CAPSA_ANCHOR_CUSTOM] = "custom",
    };
    bool reached = verdict != NULL && verdict->report.verdict.anchor[0] != '\0';
    return reached ? kinds[verdict->report.verdict.anchor_kind] : "";
}

int libcapsa_verdict_debug(const libcapsa_verdict *verdict)
{
    return verdict != NULL && verdict->report.verdict.claims.debug;
}

/* ---- Status and advisories ------------------------------------------------------------------- */

const char *libcapsa_verdict_tcb_status(const libcapsa_verdict *verdict, int part)
{
    if (verdict == NULL) {
        return "";
    }
    switch (part) {
    case LIBCAPSA_PART_ALL:
        return capsa_tcb_status_name(verdict->report.verdict.tcb_status);
    case LIBCAPSA_PART_PLATFORM:
        return capsa_tcb_status_name(verdict->report.verdict.platform_tcb_status);
    case LIBCAPSA_PART_MODULE:
        return capsa_tcb_status_name(verdict->report.verdict.module_tcb_status);
    case LIBCAPSA_PART_QE:
        return capsa_tcb_status_name(verdict->report.verdict.qe_tcb_status);
    default:
        return "";
    }
}

static const struct capsa_advisories *advisories_of(const libcapsa_verdict *verdict, int part)
{
    static const struct capsa_advisories none = {.count = 0};
    if (verdict == NULL) {
        return &none;
    }
    switch (part) {
    case LIBCAPSA_PART_ALL:
        return &verdict->report.verdict.advisories;
    case LIBCAPSA_PART_PLATFORM:
        return &verdict->report.verdict.level_advisories;
    case LIBCAPSA_PART_MODULE:
        return &verdict->report.verdict.module_advisories;
    case LIBCAPSA_PART_QE:
        return &verdict->report.verdict.qe_advisories;
    default:
        return &none;
    }
}

size_t libcapsa_verdict_advisory_count(const libcapsa_verdict *verdict, int part)
{
    return advisories_of(verdict, part)->count;
}

const char *libcapsa_verdict_advisory(const libcapsa_verdict *verdict, int part, size_t index)
{
    const struct capsa_advisories *advisories = advisories_of(verdict, part);
    return index < advisories->count ? advisories->ids[index] : NULL;
}

uint32_t libcapsa_verdict_intel_result(const libcapsa_verdict *verdict)
{
    static const uint32_t unspecified = 0xa006;
    return verdict == NULL ? unspecified : verdict->report.verdict.intel_result;
}

int libcapsa_verdict_collateral_expired(const libcapsa_verdict *verdict)
{
    return verdict != NULL && verdict->report.verdict.collateral_status != 0;
}

/* ---- Times ----------------------------------------------------------------------------------- */

int64_t libcapsa_verdict_issued(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? 0 : verdict->report.verdict.collateral_issued;
}

int64_t libcapsa_verdict_expires(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? 0 : verdict->report.verdict.collateral_expires;
}

int64_t libcapsa_verdict_signed_at(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? 0 : verdict->report.verdict.signed_at;
}

int64_t libcapsa_verdict_tcb_date(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? 0 : verdict->report.verdict.tcb_date;
}

uint32_t libcapsa_verdict_tcb_evaluation(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? 0 : verdict->report.verdict.tcb_evaluation;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static capsa_result write_json(const libcapsa_verdict *verdict, char **ret_text)
{
    CAPSA_API_GIVEN(verdict);
    CAPSA_API_GIVEN(ret_text);
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(verdict->of_certificate ? capsa_ratls_report_json(&verdict->report, &json)
                                      : capsa_verdict_json(&verdict->report.verdict, &json));
    CAPSA_TRY(capsa_json_set(json, "verification_time_unix", capsa_json_new_int(verdict->time)));
    return capsa_api_json_text(json, ret_text);
}

int libcapsa_verdict_json(const libcapsa_verdict *verdict, char **ret_text,
                          libcapsa_error *ret_error)
{
    return capsa_api_end(write_json(verdict, ret_text), ret_error);
}

/* ---- Claims ---------------------------------------------------------------------------------- */

size_t libcapsa_verdict_claim_count(const libcapsa_verdict *verdict)
{
    return verdict == NULL ? 0 : verdict->count;
}

const libcapsa_claim *libcapsa_verdict_claim_at(const libcapsa_verdict *verdict, size_t index)
{
    return index < libcapsa_verdict_claim_count(verdict) ? &verdict->claims[index] : NULL;
}

const libcapsa_claim *libcapsa_verdict_claim(const libcapsa_verdict *verdict, const char *name)
{
    for (size_t i = 0; name != NULL && i < libcapsa_verdict_claim_count(verdict); i++) {
        if (capsa_streq(verdict->claims[i].name, name)) {
            return &verdict->claims[i];
        }
    }
    return NULL;
}

const char *libcapsa_claim_name(const libcapsa_claim *claim)
{
    return claim == NULL ? "" : claim->name;
}

_Static_assert((int)LIBCAPSA_CLAIM_BYTES == (int)CAPSA_CLAIM_HEX &&
                   (int)LIBCAPSA_CLAIM_NUMBER == (int)CAPSA_CLAIM_NUMBER &&
                   (int)LIBCAPSA_CLAIM_TEXT == (int)CAPSA_CLAIM_TEXT,
               "verify.h and claims.h disagree");

int libcapsa_claim_kind(const libcapsa_claim *claim)
{
    return claim == NULL ? -1 : (int)claim->type->kind;
}

const char *libcapsa_claim_provenance(const libcapsa_claim *claim)
{
    return claim == NULL ? "" : capsa_provenance_name(claim->type->provenance);
}

const uint8_t *libcapsa_claim_bytes(const libcapsa_claim *claim, size_t *ret_len)
{
    if (ret_len != NULL) {
        *ret_len = claim == NULL ? 0 : claim->value.len;
    }
    return claim == NULL ? NULL : claim->value.bytes;
}

uint64_t libcapsa_claim_number(const libcapsa_claim *claim)
{
    return claim == NULL ? 0 : claim->value.number;
}

const char *libcapsa_claim_text(const libcapsa_claim *claim)
{
    return claim == NULL ? "" : claim->text;
}
