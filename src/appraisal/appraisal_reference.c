/* SPDX-License-Identifier: Apache-2.0
 *
 * reference_values of a policy (docs/reference/appraisal-policy.md) into alternatives:
 *
 *   - sgx: {mr_signer: "..", isv_prod_id: 1, min_isv_svn: 3}
 *   - tdx: {mr_td: "..", mr_boot: "..", ignored: [rtmr2, rtmr3]}
 *
 * A member is a claim of claims.def, a composite, min_ and a number, or one of two lists: ignored
 * and must_be_zero. Whoever leaves a register out has to say so: a list of measurements with a gap
 * is refused here, where somebody looks at it.
 */
#include "appraisal/appraisal_values.h"

#include <strings.h>

#define MIN_PREFIX "min_"

/* One object of claims while it is read. */
struct reading {
    enum capsa_platform platform;
    struct capsa_alternative *alternative;
    bool ignored[CAPSA_CLAIM_COUNT];
};

/* ---- Names ------------------------------------------------------------------------------------
 */

/* Every member that the object of a platform may have; for errors. */
static capsa_result unknown_member(enum capsa_platform platform, const char *name)
{
    const char *known[CAPSA_CLAIM_COUNT + 16] = {"ignored", "must_be_zero", "min_isv_svn"};
    size_t count = 3;
    for (int claim = 0; claim < CAPSA_CLAIM_COUNT; claim++) {
        const struct capsa_claim_type *type = capsa_claim_type((enum capsa_claim)claim);
        if (type->platform == platform && type->provenance != CAPSA_PROVENANCE_ASSERTED) {
            known[count++] = type->name;
        }
    }
    for (size_t i = 0; i < capsa_composites_count && count < CAPSA_CLAIM_COUNT + 15; i++) {
        if (capsa_composites[i].platform == platform) {
            known[count++] = capsa_composites[i].name;
        }
    }
    return capsa_appraisal_unknown("claim", name, known);
}

/* What `name` is on the platform, if somebody vouches for it. */
static capsa_result find_claim(enum capsa_platform platform, const char *name,
                               struct capsa_expectation *expectation)
{
    if (!capsa_expectation_of_name(platform, name, expectation)) {
        return unknown_member(platform, name);
    }
    for (size_t i = 0; i < expectation->parts_count; i++) {
        const struct capsa_claim_type *type = capsa_claim_type(expectation->parts[i]);
        CAPSA_REQUIRE(type->provenance != CAPSA_PROVENANCE_ASSERTED, MALFORMED,
                      "nothing signs this claim: it is shown, and no policy can rely on it");
    }
    return CAPSA_OK;
}

/* ---- Values -----------------------------------------------------------------------------------
 */

static capsa_result add_hex(const struct capsa_json *value, struct capsa_expectation *expectation)
{
    uint8_t bytes[CAPSA_EXPECT_BYTES];
    CAPSA_TRY(capsa_appraisal_hex(value, expectation->width, false, bytes));
    return capsa_buf_append(&expectation->values, capsa_bytes_of(bytes, expectation->width));
}

static capsa_result add_number(const struct capsa_json *value,
                               struct capsa_expectation *expectation)
{
    CAPSA_TRY(capsa_appraisal_kind(value, CAPSA_JSON_INT));
    int64_t number = capsa_json_int(value);
    CAPSA_REQUIRE(number >= 0 && number <= UINT32_MAX, MALFORMED, "0 to %u wanted, got %lld",
                  UINT32_MAX, (long long)number);
    return capsa_buf_be64(&expectation->values, (uint64_t)number);
}

static bool is_word(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return len > 0 && text[len] == '\0';
}

static capsa_result add_text(const struct capsa_json *value, struct capsa_expectation *expectation)
{
    CAPSA_TRY(capsa_appraisal_kind(value, CAPSA_JSON_STRING));
    const char *text = capsa_json_string(value);
    CAPSA_REQUIRE(is_word(text) && strlen(text) <= expectation->width &&
                      strcasecmp(text, "any") != 0,
                  MALFORMED, "a name wanted, got \"%.40s\"; nothing stands for any value", text);
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(&expectation->values, expectation->width, &room));
    memset(room, 0, expectation->width);
    memcpy(room, text, strlen(text));
    return CAPSA_OK;
}

static capsa_result add_value(const struct capsa_json *value, struct capsa_expectation *expectation)
{
    static capsa_result (*const adders[])(const struct capsa_json *, struct capsa_expectation *) = {
        [CAPSA_CLAIM_HEX] = add_hex,
        [CAPSA_CLAIM_NUMBER] = add_number,
        [CAPSA_CLAIM_TEXT] = add_text,
    };
    return adders[capsa_claim_type(expectation->parts[0])->kind](value, expectation);
}

static capsa_result add_values(const struct capsa_json *value,
                               struct capsa_expectation *expectation)
{
    size_t count = capsa_appraisal_count(value);
    CAPSA_REQUIRE(count > 0, MALFORMED, "an empty list: no value would be right");
    for (size_t i = 0; i < count; i++) {
        const struct capsa_json *one = capsa_appraisal_nth(value, i);
        if (one == value) {
            return add_value(value, expectation);
        }
        CAPSA_TRY_AT(add_value(one, expectation), "[%zu]", i);
    }
    return CAPSA_OK;
}

/* ---- Members ----------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && capsa_streq(text + len - end_len, end);
}

static capsa_result read_exact(struct reading *reading, const char *name,
                               const struct capsa_json *value)
{
    struct capsa_expectation found = {.rule = CAPSA_EXPECT_ONE_OF};
    CAPSA_TRY(find_claim(reading->platform, name, &found));
    bool version =
        capsa_claim_type(found.parts[0])->kind == CAPSA_CLAIM_NUMBER && ends_with(name, "svn");
    CAPSA_REQUIRE(!version, MALFORMED,
                  "an exact version would refuse every update: min_%s is the floor", name);
    struct capsa_expectation *item;
    CAPSA_TRY(capsa_alternative_add(reading->alternative, &item));
    *item = found;
    return add_values(value, item);
}

static capsa_result read_floor(struct reading *reading, const char *name,
                               const struct capsa_json *value)
{
    struct capsa_expectation found = {.rule = CAPSA_EXPECT_AT_LEAST};
    CAPSA_TRY(find_claim(reading->platform, name, &found));
    CAPSA_REQUIRE(capsa_claim_type(found.parts[0])->kind == CAPSA_CLAIM_NUMBER, MALFORMED,
                  "%s is no number, and has no floor", name);
    struct capsa_expectation *item;
    CAPSA_TRY(capsa_alternative_add(reading->alternative, &item));
    *item = found;
    return add_number(value, item);
}

static bool has_never_zero(const struct capsa_expectation *found)
{
    static const enum capsa_claim never_zero[] = {
        CAPSA_CLAIM_SGX_MR_ENCLAVE,  CAPSA_CLAIM_SGX_MR_SIGNER, CAPSA_CLAIM_TDX_MR_TD,
        CAPSA_CLAIM_SNP_MEASUREMENT, CAPSA_CLAIM_CSV_MEASURE,
    };
    for (size_t part = 0; part < found->parts_count; part++) {
        for (size_t i = 0; i < sizeof(never_zero) / sizeof(never_zero[0]); i++) {
            if (found->parts[part] == never_zero[i]) {
                return true;
            }
        }
    }
    return false;
}

static capsa_result read_zero(struct reading *reading, const char *name)
{
    struct capsa_expectation found = {.rule = CAPSA_EXPECT_ZERO};
    CAPSA_TRY(find_claim(reading->platform, name, &found));
    CAPSA_REQUIRE(capsa_claim_type(found.parts[0])->kind == CAPSA_CLAIM_HEX, MALFORMED,
                  "%s is no hex value; give it as a number", name);
    CAPSA_REQUIRE(!has_never_zero(&found), MALFORMED, "the measurement of code is never zero");
    struct capsa_expectation *item;
    CAPSA_TRY(capsa_alternative_add(reading->alternative, &item));
    *item = found;
    return CAPSA_OK;
}

static capsa_result read_ignored(struct reading *reading, const char *name)
{
    struct capsa_expectation found = {.name = ""};
    CAPSA_TRY(find_claim(reading->platform, name, &found));
    for (size_t i = 0; i < found.parts_count; i++) {
        reading->ignored[found.parts[i]] = true;
    }
    return CAPSA_OK;
}

/* ignored and must_be_zero: lists of names. */
static capsa_result read_list(struct reading *reading, const struct capsa_json *list,
                              capsa_result (*read)(struct reading *, const char *))
{
    CAPSA_TRY(capsa_appraisal_kind(list, CAPSA_JSON_ARRAY));
    for (size_t i = 0; i < capsa_json_count(list); i++) {
        const struct capsa_json *name = capsa_json_at(list, i);
        CAPSA_TRY_AT(capsa_appraisal_kind(name, CAPSA_JSON_STRING), "[%zu]", i);
        CAPSA_TRY_AT(read(reading, capsa_json_string(name)), "%s", capsa_json_string(name));
    }
    return CAPSA_OK;
}

static capsa_result read_member(struct reading *reading, const char *name,
                                const struct capsa_json *value)
{
    if (capsa_streq(name, "ignored")) {
        return read_list(reading, value, read_ignored);
    }
    if (capsa_streq(name, "must_be_zero")) {
        return read_list(reading, value, read_zero);
    }
    size_t prefix = strlen(MIN_PREFIX);
    if (strncmp(name, MIN_PREFIX, prefix) == 0) {
        return read_floor(reading, name + prefix, value);
    }
    return read_exact(reading, name, value);
}

/* ---- Gaps -------------------------------------------------------------------------------------
 */

/* The registers that only together say what runs. */
static const struct {
    enum capsa_platform platform;
    enum capsa_claim claims[5];
} register_lists[] = {
    {CAPSA_PLATFORM_TDX,
     {CAPSA_CLAIM_TDX_MR_TD, CAPSA_CLAIM_TDX_RTMR0, CAPSA_CLAIM_TDX_RTMR1, CAPSA_CLAIM_TDX_RTMR2,
      CAPSA_CLAIM_TDX_RTMR3}},
};

static capsa_result check_gaps(const struct reading *reading, const bool covered[CAPSA_CLAIM_COUNT])
{
    for (size_t i = 0; i < sizeof(register_lists) / sizeof(register_lists[0]); i++) {
        const enum capsa_claim *claims = register_lists[i].claims;
        const size_t count = sizeof(register_lists[i].claims) / sizeof(claims[0]);
        bool some = false;
        for (size_t c = 0; c < count; c++) {
            some = some || covered[claims[c]];
        }
        for (size_t c = 0; some && c < count; c++) {
            CAPSA_REQUIRE(covered[claims[c]] || reading->ignored[claims[c]], MALFORMED,
                          "%s is missing, which does not mean any value: give it, or name it in "
                          "must_be_zero or ignored",
                          capsa_claim_type(claims[c])->name);
        }
    }
    return CAPSA_OK;
}

static capsa_result check_whole(const struct reading *reading)
{
    struct capsa_alternative *alternative = reading->alternative;
    CAPSA_REQUIRE(alternative->count > 0, MALFORMED, "nothing is expected: any evidence would do");
    bool covered[CAPSA_CLAIM_COUNT];
    capsa_alternative_covers(alternative, covered);
    for (int claim = 0; claim < CAPSA_CLAIM_COUNT; claim++) {
        CAPSA_REQUIRE(!covered[claim] || !reading->ignored[claim], MALFORMED,
                      "%s is both expected and ignored",
                      capsa_claim_type((enum capsa_claim)claim)->name);
    }
    CAPSA_TRY(check_gaps(reading, covered));
    alternative->pins = capsa_claims_identify_code(reading->platform, covered);
    return CAPSA_OK;
}

/* ---- The list ---------------------------------------------------------------------------------
 */

static capsa_result read_platform(const struct capsa_json *object, enum capsa_platform platform,
                                  struct capsa_alternative *alternative)
{
    CAPSA_TRY(capsa_appraisal_kind(object, CAPSA_JSON_OBJECT));
    alternative->platform = platform;
    alternative->list = "reference_values";
    struct reading reading = {.platform = platform, .alternative = alternative};
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        CAPSA_TRY_AT(read_member(&reading, name, value), "%.64s", name);
    }
    return check_whole(&reading);
}

static capsa_result find_platform(const char *name, enum capsa_platform *ret_platform)
{
    *ret_platform = capsa_platform_by_name(name);
    if (*ret_platform != CAPSA_PLATFORM_NONE) {
        return CAPSA_OK;
    }
    const char *known[CAPSA_PLATFORM_COUNT] = {NULL};
    for (int i = 1; i < CAPSA_PLATFORM_COUNT; i++) {
        known[i - 1] = capsa_platform_name((enum capsa_platform)i);
    }
    return capsa_appraisal_unknown("platform", name, known);
}

/* An object of platforms; those of several are alternatives by themselves. */
static capsa_result read_entry(const struct capsa_json *entry, size_t index,
                               capsa_alternatives *alternatives)
{
    CAPSA_TRY(capsa_appraisal_kind(entry, CAPSA_JSON_OBJECT));
    CAPSA_REQUIRE(capsa_json_count(entry) > 0, MALFORMED, "empty: any evidence would do");
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(entry, &walk, &name, &value)) {
        enum capsa_platform platform;
        CAPSA_TRY(find_platform(name, &platform));
        struct capsa_alternative *alternative;
        CAPSA_TRY(capsa_alternatives_add(alternatives, &alternative));
        alternative->index = index;
        CAPSA_TRY_AT(read_platform(value, platform, alternative), "%s", name);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_reference_values_load(const struct capsa_json *list,
                                         capsa_alternatives *ret_alternatives)
{
    CAPSA_TRY(capsa_appraisal_kind(list, CAPSA_JSON_ARRAY));
    CAPSA_REQUIRE(capsa_json_count(list) > 0, MALFORMED,
                  "empty: no evidence would do; leave it out to compare nothing");
    CAPSA_AUTO(capsa_alternatives) alternatives = {NULL, 0, 0};
    for (size_t i = 0; i < capsa_json_count(list); i++) {
        CAPSA_TRY_AT(read_entry(capsa_json_at(list, i), i, &alternatives), "[%zu]", i);
    }
    *ret_alternatives = alternatives;
    alternatives = (capsa_alternatives){NULL, 0, 0};
    return CAPSA_OK;
}
