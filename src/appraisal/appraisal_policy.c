/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading policies (docs/reference/appraisal-policy.md). One table names every member; what needs
 * more than a type and a range has a small function of its own. Everything that could match by
 * accident is refused here, when somebody is looking, and not when evidence comes.
 */
#include "appraisal/appraisal_policy.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/yaml.h"

#define SECONDS_MAX INT64_C(3153600000) /* a hundred years: sums with times stay small */
#define GRACE_MAX   (90 * 86400)        /* more than that is insecure_allow_expired */
#define SKEW_MAX    86400
#define DAYS_MAX    36500

/* A policy as it is written. */
struct members {
    const struct capsa_json *platforms, *statuses, *min_issue_date, *advisories, *chips;
    const struct capsa_json *sections[CAPSA_PLATFORM_COUNT];
    const struct capsa_json *reference_values, *main_attributes, *pem_public_key, *nested_policies;
    int64_t grace, tcb_grace, skew, age, evaluation;
    bool allow_debug, allow_expired, compat;
};

#define MEMBER(name, type, member, max)                                                            \
    {                                                                                              \
        name, CAPSA_FIELD_##type, offsetof(struct members, member), 0, 0, max, NULL                \
    }

static const struct capsa_json_field fields[] = {
    MEMBER("platforms", VALUE, platforms, 0),
    MEMBER("accepted_tcb_statuses", VALUE, statuses, 0),
    MEMBER("tcb_grace_days", INT, tcb_grace, DAYS_MAX),
    MEMBER("grace_seconds", INT, grace, GRACE_MAX),
    MEMBER("clock_skew_seconds", INT, skew, SKEW_MAX),
    MEMBER("max_collateral_age_seconds", INT, age, SECONDS_MAX),
    MEMBER("min_issue_date", VALUE, min_issue_date, 0),
    MEMBER("min_tcb_evaluation_data_number", INT, evaluation, UINT32_MAX),
    MEMBER("denied_advisories", VALUE, advisories, 0),
    MEMBER("denied_chips", VALUE, chips, 0),
    MEMBER("sgx", VALUE, sections[CAPSA_PLATFORM_SGX], 0),
    MEMBER("tdx", VALUE, sections[CAPSA_PLATFORM_TDX], 0),
    MEMBER("snp", VALUE, sections[CAPSA_PLATFORM_SNP], 0),
    MEMBER("csv", VALUE, sections[CAPSA_PLATFORM_CSV], 0),
    MEMBER("reference_values", VALUE, reference_values, 0),
    MEMBER("main_attributes", VALUE, main_attributes, 0),
    MEMBER("pem_public_key", VALUE, pem_public_key, 0),
    MEMBER("nested_policies", VALUE, nested_policies, 0),
    MEMBER("insecure_allow_debug", BOOL, allow_debug, 0),
    MEMBER("insecure_allow_expired", BOOL, allow_expired, 0),
    MEMBER("insecure_trustflow_compat", BOOL, compat, 0),
    {.name = NULL},
};

static const struct {
    const char *name;
    size_t offset;
} insecure_members[] = {
    {"insecure_allow_debug", offsetof(struct members, allow_debug)},
    {"insecure_allow_expired", offsetof(struct members, allow_expired)},
    {"insecure_trustflow_compat", offsetof(struct members, compat)},
};
#define INSECURE (sizeof(insecure_members) / sizeof(insecure_members[0]))

static unsigned insecure_of(const struct members *members)
{
    unsigned found = 0;
    for (size_t i = 0; i < INSECURE; i++) {
        const bool *is_on = (const void *)((const char *)members + insecure_members[i].offset);
        found |= *is_on ? 1u << i : 0;
    }
    return found;
}

const char *capsa_appraisal_policy_insecure(const struct capsa_appraisal_policy *policy,
                                            size_t index)
{
    for (size_t i = 0; i < INSECURE; i++) {
        if ((policy->insecure & 1u << i) != 0 && index-- == 0) {
            return insecure_members[i].name;
        }
    }
    return NULL;
}

/* ---- Statuses and platforms -------------------------------------------------------------------
 */

#define STATUSES_DEFAULT                                                                           \
    (CAPSA_STATUS_BIT(CAPSA_TCB_UP_TO_DATE) | CAPSA_STATUS_BIT(CAPSA_TCB_SW_HARDENING_NEEDED))
/* What the original's verifiers take: the first six. */
#define STATUSES_COMPAT                                                                            \
    (CAPSA_STATUS_BIT(CAPSA_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED + 1) - UINT64_C(1))

static capsa_result load_statuses(const struct capsa_json *list, uint64_t *ret_statuses)
{
    const char *known[CAPSA_TCB_STATUS_COUNT] = {NULL};
    for (int i = CAPSA_TCB_UP_TO_DATE; i < CAPSA_TCB_STATUS_COUNT; i++) {
        known[i - 1] = capsa_tcb_status_name((enum capsa_tcb_status)i);
    }
    uint64_t statuses;
    CAPSA_TRY(capsa_appraisal_names(list, "TCB status", known, &statuses));
    CAPSA_REQUIRE((statuses & CAPSA_STATUS_BIT(CAPSA_TCB_REVOKED)) == 0, MALFORMED,
                  "Revoked is never accepted");
    *ret_statuses = statuses;
    return CAPSA_OK;
}

static capsa_result load_platforms(const struct capsa_json *list, uint64_t *ret_platforms)
{
    const char *known[CAPSA_PLATFORM_COUNT] = {NULL};
    for (int i = 1; i < CAPSA_PLATFORM_COUNT; i++) {
        known[i - 1] = capsa_platform_name((enum capsa_platform)i);
    }
    return capsa_appraisal_names(list, "platform", known, ret_platforms);
}

/* ---- Deny lists -------------------------------------------------------------------------------
 */

/* Room for every element of a list that may not be empty. */
static capsa_result make_room(const struct capsa_json *list, size_t size, void **ret_items)
{
    CAPSA_TRY(capsa_appraisal_kind(list, CAPSA_JSON_ARRAY));
    CAPSA_REQUIRE(capsa_json_count(list) > 0, MALFORMED, "empty: leave it out to deny nothing");
    *ret_items = capsa_alloc_array(capsa_json_count(list), size);
    CAPSA_REQUIRE_MEMORY(*ret_items);
    return CAPSA_OK;
}

static capsa_result load_advisory(const struct capsa_json *value, char ret_id[CAPSA_ADVISORY_TEXT])
{
    CAPSA_TRY(capsa_appraisal_kind(value, CAPSA_JSON_STRING));
    const char *text = capsa_json_string(value);
    size_t len = strlen(text);
    CAPSA_REQUIRE(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len && len > 0 &&
                      len < CAPSA_ADVISORY_TEXT && strchr(text, '-') != NULL,
                  MALFORMED, "an advisory wanted, as \"INTEL-SA-00615\", got \"%.40s\"", text);
    memcpy(ret_id, text, len + 1);
    return CAPSA_OK;
}

static capsa_result load_advisories(const struct capsa_json *list,
                                    struct capsa_appraisal_policy *policy)
{
    void *items = NULL;
    CAPSA_TRY(make_room(list, CAPSA_ADVISORY_TEXT, &items));
    policy->denied_advisories = items;
    policy->denied_advisories_count = capsa_json_count(list);
    for (size_t i = 0; i < policy->denied_advisories_count; i++) {
        CAPSA_TRY_AT(load_advisory(capsa_json_at(list, i), policy->denied_advisories[i]), "[%zu]",
                     i);
    }
    return CAPSA_OK;
}

static capsa_result load_chip(const struct capsa_json *value, struct capsa_denied_chip *ret_chip)
{
    static const size_t sizes[] = {16, CAPSA_CHIP_BYTES, 8};
    const char *text = capsa_json_string(value);
    size_t len = text == NULL ? 0 : strlen(text);
    size_t size = sizes[0];
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size = sizes[i] * 2 == len ? sizes[i] : size;
    }
    CAPSA_TRY_AT(capsa_appraisal_hex(value, size, false, ret_chip->id),
                 "a PPID (32 digits) or chip id (128 or 16)");
    ret_chip->len = size == 8 ? CAPSA_CHIP_BYTES : size;
    return CAPSA_OK;
}

static capsa_result load_chips(const struct capsa_json *list, struct capsa_appraisal_policy *policy)
{
    void *items = NULL;
    CAPSA_TRY(make_room(list, sizeof(*policy->denied_chips), &items));
    policy->denied_chips = items;
    policy->denied_chips_count = capsa_json_count(list);
    for (size_t i = 0; i < policy->denied_chips_count; i++) {
        CAPSA_TRY_AT(load_chip(capsa_json_at(list, i), &policy->denied_chips[i]), "[%zu]", i);
    }
    return CAPSA_OK;
}

/* ---- Values -----------------------------------------------------------------------------------
 */

static capsa_result load_date(const struct capsa_json *value, capsa_time *ret_time)
{
    CAPSA_TRY(capsa_appraisal_kind(value, CAPSA_JSON_STRING));
    capsa_time time;
    CAPSA_TRY(capsa_time_parse(capsa_bytes_str(capsa_json_string(value)), &time));
    CAPSA_REQUIRE(time > 0, MALFORMED, "a date after 1970 wanted");
    *ret_time = time;
    return CAPSA_OK;
}

static capsa_result load_values(const struct members *members,
                                struct capsa_appraisal_policy *policy)
{
    bool unified = members->main_attributes != NULL;
    CAPSA_REQUIRE(!unified || members->reference_values == NULL, MALFORMED,
                  "main_attributes and reference_values say the same in two ways: give one");
    CAPSA_REQUIRE(unified || (members->pem_public_key == NULL && members->nested_policies == NULL),
                  MALFORMED,
                  "pem_public_key and nested_policies stand beside main_attributes, which is "
                  "missing");
    policy->has_values = unified || members->reference_values != NULL;
    if (unified) {
        CAPSA_TRY_AT(capsa_unified_attributes_load(members->main_attributes, members->compat,
                                                   &policy->values),
                     "main_attributes");
    } else if (policy->has_values) {
        CAPSA_TRY_AT(capsa_reference_values_load(members->reference_values, &policy->values),
                     "reference_values");
    }
    return CAPSA_OK;
}

static capsa_result load_compat(const struct members *members,
                                struct capsa_appraisal_policy *policy)
{
    CAPSA_REQUIRE(members->statuses == NULL, MALFORMED,
                  "insecure_trustflow_compat says which statuses are accepted; leave "
                  "accepted_tcb_statuses out");
    policy->accepted_statuses = STATUSES_COMPAT;
    policy->allow_expired = true;
    policy->allow_debug = true;
    return CAPSA_OK;
}

/* ---- The whole --------------------------------------------------------------------------------
 */

static void fill_numbers(const struct members *members, struct capsa_appraisal_policy *policy)
{
    policy->grace_seconds = members->grace;
    policy->tcb_grace_days = members->tcb_grace;
    policy->clock_skew_seconds = members->skew;
    policy->max_collateral_age_seconds = members->age;
    policy->min_tcb_evaluation_data_number = members->evaluation;
    policy->insecure = insecure_of(members);
    policy->allow_debug = members->allow_debug;
    policy->allow_expired = members->allow_expired;
}

static capsa_result fill(const struct members *members, struct capsa_appraisal_policy *policy)
{
    fill_numbers(members, policy);
    if (members->platforms != NULL) {
        CAPSA_TRY_AT(load_platforms(members->platforms, &policy->platforms), "platforms");
    }
    if (members->statuses != NULL) {
        CAPSA_TRY_AT(load_statuses(members->statuses, &policy->accepted_statuses),
                     "accepted_tcb_statuses");
    }
    if (members->min_issue_date != NULL) {
        CAPSA_TRY_AT(load_date(members->min_issue_date, &policy->min_issue_date), "min_issue_date");
    }
    if (members->advisories != NULL) {
        CAPSA_TRY_AT(load_advisories(members->advisories, policy), "denied_advisories");
    }
    if (members->chips != NULL) {
        CAPSA_TRY_AT(load_chips(members->chips, policy), "denied_chips");
    }
    for (int i = 1; i < CAPSA_PLATFORM_COUNT; i++) {
        enum capsa_platform platform = (enum capsa_platform)i;
        CAPSA_TRY_AT(capsa_guest_policy_load(platform, members->sections[i], &policy->guest), "%s",
                     capsa_platform_name(platform));
    }
    CAPSA_TRY(load_values(members, policy));
    return members->compat ? load_compat(members, policy) : CAPSA_OK;
}

CAPSA_RESULT capsa_appraisal_policy_new(struct capsa_appraisal_policy **ret_policy)
{
    struct capsa_appraisal_policy *policy = CAPSA_NEW(struct capsa_appraisal_policy);
    CAPSA_REQUIRE_MEMORY(policy);
    policy->platforms = CAPSA_PLATFORM_BIT(CAPSA_PLATFORM_COUNT) - 1;
    policy->accepted_statuses = STATUSES_DEFAULT;
    capsa_guest_policy_init(&policy->guest);
    *ret_policy = policy;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_appraisal_policy_of(const struct capsa_json *object,
                                       struct capsa_appraisal_policy **ret_policy)
{
    CAPSA_TRY(capsa_appraisal_kind(object, CAPSA_JSON_OBJECT));
    struct members members = {.platforms = NULL};
    CAPSA_TRY(capsa_json_decode(object, fields, CAPSA_JSON_UNKNOWN_REFUSED, &members));
    CAPSA_AUTO_FREE(capsa_appraisal_policy) policy = NULL;
    CAPSA_TRY(capsa_appraisal_policy_new(&policy));
    CAPSA_TRY(fill(&members, policy));
    *ret_policy = policy;
    policy = NULL;
    return CAPSA_OK;
}

static bool begins_as_json(capsa_bytes text)
{
    size_t at = 0;
    while (at < text.len && strchr(" \t\r\n", text.data[at]) != NULL && text.data[at] != '\0') {
        at++;
    }
    return at < text.len && text.data[at] == '{';
}

CAPSA_RESULT capsa_appraisal_policy_load(capsa_bytes text,
                                         struct capsa_appraisal_policy **ret_policy)
{
    CAPSA_AUTO_FREE(capsa_json) object = NULL;
    CAPSA_TRY(begins_as_json(text) ? capsa_json_parse(text, &object)
                                   : capsa_yaml_parse(text, &object));
    return capsa_appraisal_policy_of(object, ret_policy);
}

void capsa_appraisal_policy_free(struct capsa_appraisal_policy *policy)
{
    if (policy == NULL) {
        return;
    }
    capsa_dealloc(policy->denied_advisories);
    capsa_dealloc(policy->denied_chips);
    capsa_alternatives_drop(&policy->values);
    capsa_dealloc(policy);
}

/* ---- What it demands --------------------------------------------------------------------------
 */

bool capsa_appraisal_policy_pins_code(const struct capsa_appraisal_policy *policy,
                                      enum capsa_platform platform)
{
    return policy->has_values && capsa_alternatives_pin(&policy->values, platform);
}

bool capsa_appraisal_policy_pins_any(const struct capsa_appraisal_policy *policy)
{
    for (unsigned i = CAPSA_PLATFORM_NONE + 1; i < CAPSA_PLATFORM_COUNT; i++) {
        if (capsa_appraisal_policy_pins_code(policy, (enum capsa_platform)i)) {
            return true;
        }
    }
    return false;
}

bool capsa_appraisal_policy_has_floor(const struct capsa_appraisal_policy *policy,
                                      enum capsa_platform platform)
{
    switch (platform) {
    case CAPSA_PLATFORM_SNP:
        return policy->guest.snp_has_floor[CAPSA_FLOOR_REPORTED];
    case CAPSA_PLATFORM_CSV:
        return policy->guest.csv_has_floor;
    default:
        return true; /* its TCB status is the floor */
    }
}
