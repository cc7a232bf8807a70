/* SPDX-License-Identifier: Apache-2.0
 *
 * The original attestation library's policy, {"main_attributes": [{...}, ...]}, into alternatives:
 * any one set of attributes is enough, and all of its attributes must hold. An attribute that is
 * absent or empty is not compared, as there. Two things differ: a set that pins no code is refused,
 * and a string that differs leaves the other sets a chance. The table below is the meaning of each
 * attribute (contracts, trustflow-sidecars section 5.5).
 */
#include "appraisal/appraisal_values.h"

#include <stdlib.h>
#include <strings.h>

#include "base/limits.h"
#include "crypto/crypto.h"

#define HALF CAPSA_SHA256 /* of the report data */

/* ---- Attributes -------------------------------------------------------------------------------
 */

enum kind {
    KIND_PLATFORM, /* which evidence the set is for */
    KIND_VALUE,    /* hex or, of a number, decimal text */
    KIND_FLOOR,    /* decimal text */
    KIND_KEY,      /* text whose SHA-256 is bound */
    KIND_DEBUG,
    KIND_NOTHING, /* never compared */
};

static const struct attribute {
    const char *name;
    enum kind kind;
} attributes[] = {
    {"str_tee_platform", KIND_PLATFORM},
    {"hex_platform_hw_version", KIND_VALUE},
    {"hex_platform_sw_version", KIND_VALUE},
    {"hex_secure_flags", KIND_VALUE},
    {"hex_platform_measurement", KIND_VALUE},
    {"hex_boot_measurement", KIND_VALUE},
    {"hex_ta_measurement", KIND_VALUE},
    {"hex_ta_dyn_measurement", KIND_VALUE},
    {"hex_signer", KIND_VALUE},
    {"hex_prod_id", KIND_VALUE},
    {"str_min_isvsvn", KIND_FLOOR},
    {"hex_user_data", KIND_VALUE},
    {"hex_nonce", KIND_VALUE},
    {"bool_debug_disabled", KIND_DEBUG},
    {"hex_hash_or_pem_pubkey", KIND_KEY},
    {"str_tee_name", KIND_NOTHING},
    {"str_tee_identity", KIND_NOTHING},
    {"hex_spid", KIND_NOTHING},
    {"str_verified_time", KIND_NOTHING},
};
#define ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

/* What an attribute is on a platform. No line: evidence of that platform has no such thing. */
static const struct source {
    const char *attribute;
    enum capsa_platform platform;
    const char *value;  /* a claim or a composite */
    size_t offset, len; /* len 0: all of it */
} sources[] = {
    {"hex_ta_measurement", CAPSA_PLATFORM_SGX, "mr_enclave", 0, 0},
    {"hex_signer", CAPSA_PLATFORM_SGX, "mr_signer", 0, 0},
    {"hex_prod_id", CAPSA_PLATFORM_SGX, "isv_prod_id", 0, 0},
    {"str_min_isvsvn", CAPSA_PLATFORM_SGX, "isv_svn", 0, 0},
    {"hex_user_data", CAPSA_PLATFORM_SGX, "report_data", 0, HALF},
    {"hex_hash_or_pem_pubkey", CAPSA_PLATFORM_SGX, "report_data", HALF, HALF},
    {"hex_platform_measurement", CAPSA_PLATFORM_TDX, "mr_plat", 0, 0},
    {"hex_boot_measurement", CAPSA_PLATFORM_TDX, "mr_boot", 0, 0},
    {"hex_ta_measurement", CAPSA_PLATFORM_TDX, "mr_ta", 0, 0},
    {"hex_user_data", CAPSA_PLATFORM_TDX, "report_data", 0, HALF},
    {"hex_hash_or_pem_pubkey", CAPSA_PLATFORM_TDX, "report_data", HALF, HALF},
    {"hex_boot_measurement", CAPSA_PLATFORM_CSV, "measure", 0, 0},
    {"hex_prod_id", CAPSA_PLATFORM_CSV, "vm_id", 0, 0},
    {"hex_platform_sw_version", CAPSA_PLATFORM_CSV, "vm_version", 0, 0},
    {"hex_secure_flags", CAPSA_PLATFORM_CSV, "policy", 0, 0},
    {"hex_nonce", CAPSA_PLATFORM_CSV, "mnonce", 0, 0},
    {"hex_user_data", CAPSA_PLATFORM_CSV, "report_data", 0, HALF},
    {"hex_hash_or_pem_pubkey", CAPSA_PLATFORM_CSV, "report_data", HALF, HALF},
};

static const struct attribute *attribute_named(const char *name)
{
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (capsa_streq(attributes[i].name, name)) {
            return &attributes[i];
        }
    }
    return NULL;
}

static const struct source *source_of(const struct attribute *attribute,
                                      enum capsa_platform platform)
{
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (sources[i].platform == platform && capsa_streq(sources[i].attribute, attribute->name)) {
            return &sources[i];
        }
    }
    return NULL;
}

/* ---- One attribute on one platform ------------------------------------------------------------
 */

static capsa_result add_decimal(const struct capsa_json *value, struct capsa_expectation *item)
{
    const char *text = capsa_json_string(value);
    size_t len = strlen(text);
    CAPSA_REQUIRE(len <= 5 && strspn(text, "0123456789") == len, MALFORMED,
                  "a decimal number of at most 5 digits wanted, got \"%.24s\"", text);
    return capsa_buf_be64(&item->values, strtoull(text, NULL, 10));
}

static capsa_result add_hex(const struct capsa_json *value, struct capsa_expectation *item)
{
    uint8_t bytes[CAPSA_EXPECT_BYTES];
    CAPSA_TRY(capsa_appraisal_hex(value, item->width, true, bytes));
    return capsa_buf_append(&item->values, capsa_bytes_of(bytes, item->width));
}

static capsa_result add_key(const struct capsa_json *value, struct capsa_expectation *item)
{
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(capsa_bytes_str(capsa_json_string(value)), digest);
    return capsa_buf_append(&item->values, capsa_bytes_of(digest, sizeof(digest)));
}

/* true, in any case, or 1; what the original would take for false without being it is refused. */
static capsa_result debug_rule(const char *text, enum capsa_expect *ret_rule)
{
    bool yes = strcasecmp(text, "true") == 0 || capsa_streq(text, "1");
    bool no = strcasecmp(text, "false") == 0 || capsa_streq(text, "0");
    CAPSA_REQUIRE(yes || no, MALFORMED, "\"true\" or \"false\" wanted, got \"%.24s\"", text);
    *ret_rule = yes ? CAPSA_EXPECT_NO_DEBUG : CAPSA_EXPECT_DEBUG;
    return CAPSA_OK;
}

static capsa_result fill_value(const struct attribute *attribute, const struct source *source,
                               const struct capsa_json *value, struct capsa_expectation *item)
{
    (void)capsa_expectation_of_name(source->platform, source->value, item);
    item->name = attribute->name;
    item->offset = source->offset;
    item->width = source->len == 0 ? item->width : source->len;
    if (attribute->kind == KIND_KEY) {
        return add_key(value, item);
    }
    if (capsa_claim_type(item->parts[0])->kind == CAPSA_CLAIM_NUMBER) {
        item->rule = attribute->kind == KIND_FLOOR ? CAPSA_EXPECT_AT_LEAST : CAPSA_EXPECT_ONE_OF;
        return add_decimal(value, item);
    }
    return add_hex(value, item);
}

static capsa_result add_attribute(const struct attribute *attribute, const struct capsa_json *value,
                                  struct capsa_alternative *alternative)
{
    CAPSA_REQUIRE(attribute != NULL, UNKNOWN_FIELD, "not known");
    if (attribute->kind == KIND_PLATFORM || attribute->kind == KIND_NOTHING) {
        return CAPSA_OK;
    }
    enum capsa_expect rule = CAPSA_EXPECT_ONE_OF;
    const struct source *source = source_of(attribute, alternative->platform);
    if (attribute->kind == KIND_DEBUG) {
        CAPSA_TRY(debug_rule(capsa_json_string(value), &rule));
    } else {
        CAPSA_REQUIRE(source != NULL, MALFORMED, "evidence of %s has no such attribute",
                      capsa_platform_ual(alternative->platform));
    }
    struct capsa_expectation *item;
    CAPSA_TRY(capsa_alternative_add(alternative, &item));
    item->name = attribute->name;
    item->rule = rule;
    return source == NULL ? CAPSA_OK : fill_value(attribute, source, value, item);
}

/* ---- One set ----------------------------------------------------------------------------------
 */

static capsa_result check_members(const struct capsa_json *set)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(set, &walk, &name, &value)) {
        if (attribute_named(name) == NULL) {
            const char *known[ATTRIBUTES + 1] = {NULL};
            for (size_t i = 0; i < ATTRIBUTES; i++) {
                known[i] = attributes[i].name;
            }
            return capsa_appraisal_unknown("attribute", name, known);
        }
        bool absent = capsa_json_kind_of(value) == CAPSA_JSON_NULL;
        CAPSA_TRY_AT(absent ? CAPSA_OK : capsa_appraisal_kind(value, CAPSA_JSON_STRING), "%s",
                     name);
    }
    return CAPSA_OK;
}

/* An empty expected value is not compared: the original's rule. */
static bool is_given(const struct capsa_json *value)
{
    const char *text = capsa_json_string(value);
    return text != NULL && *text != '\0';
}

static capsa_result fill_set(const struct capsa_json *set, struct capsa_alternative *alternative)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(set, &walk, &name, &value)) {
        if (is_given(value)) {
            CAPSA_TRY_AT(add_attribute(attribute_named(name), value, alternative), "%s", name);
        }
    }
    bool covered[CAPSA_CLAIM_COUNT];
    capsa_alternative_covers(alternative, covered);
    alternative->pins = capsa_claims_identify_code(alternative->platform, covered);
    return CAPSA_OK;
}

static capsa_result set_platform(const struct capsa_json *set, enum capsa_platform *ret_platform)
{
    const struct capsa_json *named = capsa_json_get(set, "str_tee_platform");
    *ret_platform = CAPSA_PLATFORM_NONE;
    if (!is_given(named)) {
        return CAPSA_OK;
    }
    const char *known[CAPSA_PLATFORM_COUNT] = {NULL};
    for (int i = 1; i < CAPSA_PLATFORM_COUNT; i++) {
        known[i - 1] = capsa_platform_ual((enum capsa_platform)i);
        if (strcasecmp(known[i - 1], capsa_json_string(named)) == 0) {
            *ret_platform = (enum capsa_platform)i;
            return CAPSA_OK;
        }
    }
    return capsa_appraisal_unknown("str_tee_platform", capsa_json_string(named), known);
}

/* The set as it reads on one platform. */
static capsa_result add_set(const struct capsa_json *set, size_t index,
                            enum capsa_platform platform, bool compat,
                            capsa_alternatives *alternatives)
{
    struct capsa_alternative *alternative;
    CAPSA_TRY(capsa_alternatives_add(alternatives, &alternative));
    alternative->platform = platform;
    alternative->list = "main_attributes";
    alternative->index = index;
    capsa_result filled = fill_set(set, alternative);
    bool loose = !compat && !alternative->pins;
    if (capsa_failed(filled) || loose) {
        capsa_alternatives_take_back(alternatives);
    }
    CAPSA_TRY(filled);
    CAPSA_REQUIRE(!loose, MALFORMED,
                  "pins no code: on %s any program that reports the same would pass "
                  "(insecure_trustflow_compat takes it)",
                  capsa_platform_ual(platform));
    return CAPSA_OK;
}

/* A set that names no platform holds on each on which it makes sense; on one at least. */
static capsa_result read_set(const struct capsa_json *set, size_t index, bool compat,
                             capsa_alternatives *alternatives)
{
    CAPSA_TRY(capsa_appraisal_kind(set, CAPSA_JSON_OBJECT));
    CAPSA_TRY(check_members(set));
    enum capsa_platform named;
    CAPSA_TRY(set_platform(set, &named));
    if (named != CAPSA_PLATFORM_NONE) {
        return add_set(set, index, named, compat, alternatives);
    }
    size_t before = alternatives->count;
    struct capsa_error why = {.code = CAPSA_E_MALFORMED};
    for (int i = 1; i < CAPSA_PLATFORM_COUNT; i++) {
        capsa_result added = add_set(set, index, (enum capsa_platform)i, compat, alternatives);
        bool hopeless =
            capsa_code_of(added) == CAPSA_E_NOMEM || capsa_code_of(added) == CAPSA_E_TOO_LARGE;
        CAPSA_TRY(hopeless ? added : CAPSA_OK);
        if (capsa_failed(added) && why.text[0] == '\0') {
            capsa_error_keep(added, &why);
        }
    }
    CAPSA_REQUIRE(alternatives->count > before, MALFORMED,
                  "on no platform does this set pin code; on %s: %s",
                  capsa_platform_ual(CAPSA_PLATFORM_SGX), why.text);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_unified_attributes_load(const struct capsa_json *list, bool compat,
                                           capsa_alternatives *ret_alternatives)
{
    CAPSA_TRY(capsa_appraisal_kind(list, CAPSA_JSON_ARRAY));
    CAPSA_REQUIRE(capsa_json_count(list) > 0, MALFORMED, "empty: no evidence would do");
    CAPSA_AUTO(capsa_alternatives) alternatives = {NULL, 0, 0};
    for (size_t i = 0; i < capsa_json_count(list); i++) {
        CAPSA_TRY_AT(read_set(capsa_json_at(list, i), i, compat, &alternatives), "[%zu]", i);
    }
    *ret_alternatives = alternatives;
    alternatives = (capsa_alternatives){NULL, 0, 0};
    return CAPSA_OK;
}
