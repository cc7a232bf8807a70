/* SPDX-License-Identifier: Apache-2.0
 *
 * Alternatives (appraisal_values.h): their memory, what they pin, and whether evidence fits one.
 * Each expectation compares bytes of claims; that the loaders put in values which are long enough
 * and not zero is why plain equality is enough here.
 */
#include "appraisal/appraisal_values.h"

#include "base/alloc.h"
#include "base/limits.h"

#include <stdio.h>

/* ---- Memory -----------------------------------------------------------------------------------
 */

static void drop_alternative(struct capsa_alternative *alternative)
{
    for (size_t i = 0; i < alternative->count; i++) {
        capsa_buf_drop(&alternative->items[i].values);
    }
    capsa_dealloc(alternative->items);
}

void capsa_alternatives_drop(capsa_alternatives *alternatives)
{
    for (size_t i = 0; i < alternatives->count; i++) {
        drop_alternative(&alternatives->items[i]);
    }
    capsa_dealloc(alternatives->items);
    *alternatives = (capsa_alternatives){NULL, 0, 0};
}

void capsa_alternatives_take_back(capsa_alternatives *alternatives)
{
    drop_alternative(&alternatives->items[--alternatives->count]);
}

CAPSA_RESULT capsa_alternatives_add(capsa_alternatives *alternatives,
                                    struct capsa_alternative **ret_alternative)
{
    CAPSA_REQUIRE(alternatives->count < CAPSA_LIMIT_appraisal_alternatives, TOO_LARGE,
                  "more than %zu alternatives", (size_t)CAPSA_LIMIT_appraisal_alternatives);
    if (alternatives->count == alternatives->room) {
        size_t room = alternatives->room * 2 + 4;
        struct capsa_alternative *items =
            capsa_realloc(alternatives->items, room * sizeof(*alternatives->items));
        CAPSA_REQUIRE_MEMORY(items);
        alternatives->items = items;
        alternatives->room = room;
    }
    *ret_alternative = &alternatives->items[alternatives->count++];
    **ret_alternative = (struct capsa_alternative){.platform = CAPSA_PLATFORM_NONE};
    return CAPSA_OK;
}

CAPSA_RESULT capsa_alternative_add(struct capsa_alternative *alternative,
                                   struct capsa_expectation **ret_expectation)
{
    if (alternative->count == alternative->room) {
        size_t room = alternative->room * 2 + 4;
        struct capsa_expectation *items =
            capsa_realloc(alternative->items, room * sizeof(*alternative->items));
        CAPSA_REQUIRE_MEMORY(items);
        alternative->items = items;
        alternative->room = room;
    }
    *ret_expectation = &alternative->items[alternative->count++];
    **ret_expectation = (struct capsa_expectation){.name = ""};
    return CAPSA_OK;
}

/* ---- Names ------------------------------------------------------------------------------------
 */

/* In bytes, within an expectation. */
static size_t claim_width(enum capsa_claim claim)
{
    const struct capsa_claim_type *type = capsa_claim_type(claim);
    return type->kind == CAPSA_CLAIM_NUMBER ? sizeof(uint64_t) : type->size;
}

static const struct capsa_composite *composite_named(enum capsa_platform platform, const char *name)
{
    for (size_t i = 0; i < capsa_composites_count; i++) {
        const struct capsa_composite *composite = &capsa_composites[i];
        if (composite->platform == platform && capsa_streq(composite->name, name)) {
            return composite;
        }
    }
    return NULL;
}

bool capsa_expectation_of_name(enum capsa_platform platform, const char *name,
                               struct capsa_expectation *expectation)
{
    enum capsa_claim claim;
    const struct capsa_composite *composite = composite_named(platform, name);
    if (composite != NULL) {
        expectation->name = composite->name;
        expectation->parts_count = composite->count;
        memcpy(expectation->parts, composite->parts, sizeof(expectation->parts));
    } else if (capsa_claim_by_name(platform, name, &claim)) {
        expectation->name = capsa_claim_type(claim)->name;
        expectation->parts_count = 1;
        expectation->parts[0] = claim;
    } else {
        return false;
    }
    expectation->offset = 0;
    expectation->width = 0;
    for (size_t i = 0; i < expectation->parts_count; i++) {
        expectation->width += claim_width(expectation->parts[i]);
    }
    expectation->values = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    return true;
}

/* ---- What is pinned ---------------------------------------------------------------------------
 */

void capsa_alternative_covers(const struct capsa_alternative *alternative,
                              bool ret_covered[CAPSA_CLAIM_COUNT])
{
    memset(ret_covered, 0, CAPSA_CLAIM_COUNT * sizeof(*ret_covered));
    for (size_t i = 0; i < alternative->count; i++) {
        const struct capsa_expectation *item = &alternative->items[i];
        for (size_t part = 0; part < item->parts_count; part++) {
            ret_covered[item->parts[part]] = true;
        }
    }
}

/* Each line is enough by itself. What other claims say, whoever starts the code may choose. */
static const struct {
    enum capsa_platform platform;
    enum capsa_claim claims[3];
    size_t count;
} identities[] = {
    {CAPSA_PLATFORM_SGX, {CAPSA_CLAIM_SGX_MR_ENCLAVE}, 1},
    {CAPSA_PLATFORM_SGX,
     {CAPSA_CLAIM_SGX_MR_SIGNER, CAPSA_CLAIM_SGX_ISV_PROD_ID, CAPSA_CLAIM_SGX_ISV_SVN},
     3},
    {CAPSA_PLATFORM_TDX, {CAPSA_CLAIM_TDX_MR_TD, CAPSA_CLAIM_TDX_RTMR0, CAPSA_CLAIM_TDX_RTMR1}, 3},
    {CAPSA_PLATFORM_SNP, {CAPSA_CLAIM_SNP_MEASUREMENT}, 1},
    {CAPSA_PLATFORM_CSV, {CAPSA_CLAIM_CSV_MEASURE}, 1},
};

bool capsa_claims_identify_code(enum capsa_platform platform, const bool covered[CAPSA_CLAIM_COUNT])
{
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        bool all = identities[i].platform == platform;
        for (size_t c = 0; all && c < identities[i].count; c++) {
            all = covered[identities[i].claims[c]];
        }
        if (all) {
            return true;
        }
    }
    return false;
}

bool capsa_alternatives_pin(const capsa_alternatives *alternatives, enum capsa_platform platform)
{
    bool some = false;
    for (size_t i = 0; i < alternatives->count; i++) {
        if (alternatives->items[i].platform == platform) {
            some = true;
            if (!alternatives->items[i].pins) {
                return false;
            }
        }
    }
    return some;
}

/* ---- What evidence has ------------------------------------------------------------------------
 */

static void put_number(uint64_t number, uint8_t bytes[8])
{
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    }
}

static uint64_t get_number(const uint8_t bytes[8])
{
    uint64_t number = 0;
    for (size_t i = 0; i < 8; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/* All parts, one behind the other. False: the evidence lacks one of them. */
static bool parts_of(const struct capsa_claims *claims, const struct capsa_expectation *item,
                     uint8_t bytes[CAPSA_EXPECT_BYTES])
{
    size_t at = 0;
    for (size_t i = 0; i < item->parts_count; i++) {
        const struct capsa_claim_value *value = &claims->values[item->parts[i]];
        const struct capsa_claim_type *type = capsa_claim_type(item->parts[i]);
        size_t width = claim_width(item->parts[i]);
        bool whole = type->kind != CAPSA_CLAIM_HEX || value->len == type->size;
        if (!value->present || !whole || at + width > CAPSA_EXPECT_BYTES || value->len > width) {
            return false;
        }
        memset(bytes + at, 0, width);
        if (type->kind == CAPSA_CLAIM_NUMBER) {
            put_number(value->number, bytes + at);
        } else {
            memcpy(bytes + at, value->bytes, value->len);
        }
        at += width;
    }
    return true;
}

static bool is_among(capsa_bytes got, capsa_bytes values)
{
    for (size_t at = 0; at + got.len <= values.len; at += got.len) {
        if (memcmp(values.data + at, got.data, got.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_zero(capsa_bytes bytes)
{
    uint8_t all = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        all |= bytes.data[i];
    }
    return all == 0;
}

static bool holds(const struct capsa_claims *claims, const struct capsa_expectation *item)
{
    if (item->rule == CAPSA_EXPECT_NO_DEBUG || item->rule == CAPSA_EXPECT_DEBUG) {
        return claims->debug == (item->rule == CAPSA_EXPECT_DEBUG);
    }
    uint8_t bytes[CAPSA_EXPECT_BYTES];
    if (!parts_of(claims, item, bytes) || item->width == 0) {
        return false;
    }
    capsa_bytes got = capsa_bytes_of(bytes + item->offset, item->width);
    switch (item->rule) {
    case CAPSA_EXPECT_ONE_OF:
        return is_among(got, capsa_buf_bytes(&item->values));
    case CAPSA_EXPECT_AT_LEAST:
        return get_number(got.data) >= get_number(item->values.data);
    case CAPSA_EXPECT_ZERO:
        return is_zero(got);
    default:
        return false;
    }
}

/* ---- What differed ----------------------------------------------------------------------------
 */

#define SHOWN_BYTES 48
#define SHOWN_TEXT  (2 * SHOWN_BYTES + 4)

/* The bytes as their claim is written. Of more than a register the first bytes are shown. */
static void show(const struct capsa_expectation *item, capsa_bytes bytes, char text[SHOWN_TEXT])
{
    enum capsa_claim_kind kind = capsa_claim_type(item->parts[0])->kind;
    if (kind == CAPSA_CLAIM_NUMBER) {
        (void)snprintf(text, SHOWN_TEXT, "%llu", (unsigned long long)get_number(bytes.data));
        return;
    }
    if (kind == CAPSA_CLAIM_TEXT) {
        (void)snprintf(text, SHOWN_TEXT, "%.*s", (int)strnlen((const char *)bytes.data, bytes.len),
                       (const char *)bytes.data);
        return;
    }
    size_t shown = bytes.len < SHOWN_BYTES ? bytes.len : SHOWN_BYTES;
    for (size_t i = 0; i < shown; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)bytes.data[i]);
    }
    if (shown < bytes.len) {
        (void)snprintf(text + 2 * shown, 4, "...");
    }
}

/* Where two values of a list of registers first differ, so that this one is shown. */
struct difference {
    const char *part; /* NULL: the value is no list */
    size_t at, width;
};

static struct difference first_difference(const struct capsa_expectation *item, capsa_bytes got)
{
    bool list = item->parts_count > 1 && item->rule == CAPSA_EXPECT_ONE_OF;
    size_t at = 0;
    for (size_t i = 0; list && i < item->parts_count; i++) {
        size_t width = claim_width(item->parts[i]);
        if (memcmp(got.data + at, item->values.data + at, width) != 0) {
            return (struct difference){capsa_claim_type(item->parts[i])->name, at, width};
        }
        at += width;
    }
    return (struct difference){NULL, 0, item->width};
}

static capsa_result fail_values(const struct capsa_alternative *alternative,
                                const struct capsa_expectation *item, const char *where,
                                capsa_bytes got, struct capsa_verdict *verdict)
{
    struct difference there = first_difference(item, got);
    char wanted[SHOWN_TEXT] = "zero", came[SHOWN_TEXT];
    show(item, capsa_bytes_of(got.data + there.at, there.width), came);
    if (item->rule != CAPSA_EXPECT_ZERO) {
        show(item, capsa_bytes_of(item->values.data + there.at, there.width), wanted);
    }
    size_t count = item->width == 0 ? 0 : item->values.len / item->width;
    char others[32] = "";
    if (count > 1) {
        (void)snprintf(others, sizeof(others), " or %zu other", count - 1);
    }
    CAPSA_JUDGE(verdict, REFERENCE_VALUES, false, "%s%s.%s%s%s: expected %s%s%s, got %s", where,
                capsa_platform_name(alternative->platform), item->name,
                there.part == NULL ? "" : " ", there.part == NULL ? "" : there.part,
                item->rule == CAPSA_EXPECT_AT_LEAST ? "at least " : "", wanted, others, came);
    return CAPSA_OK;
}

static capsa_result fail_with(const struct capsa_alternative *alternative,
                              const struct capsa_expectation *item, const char *where,
                              struct capsa_verdict *verdict)
{
    bool debug = item->rule == CAPSA_EXPECT_DEBUG;
    CAPSA_JUDGE(verdict, REFERENCE_VALUES, !debug && item->rule != CAPSA_EXPECT_NO_DEBUG,
                "%s%s: expected debug to be %s, and it is %s", where, item->name,
                debug ? "possible" : "impossible", debug ? "impossible" : "possible");
    uint8_t bytes[CAPSA_EXPECT_BYTES];
    CAPSA_JUDGE(verdict, REFERENCE_VALUES, parts_of(&verdict->claims, item, bytes),
                "%s%s.%s: expected a value, and the evidence has none", where,
                capsa_platform_name(alternative->platform), item->name);
    return fail_values(alternative, item, where, capsa_bytes_of(bytes + item->offset, item->width),
                       verdict);
}

/* How many expectations hold, and the first that does not (NULL: all do). */
static size_t count_holding(const struct capsa_claims *claims,
                            const struct capsa_alternative *alternative,
                            const struct capsa_expectation **ret_failed)
{
    size_t holding = 0;
    *ret_failed = NULL;
    for (size_t i = 0; i < alternative->count; i++) {
        if (holds(claims, &alternative->items[i])) {
            holding++;
        } else if (*ret_failed == NULL) {
            *ret_failed = &alternative->items[i];
        }
    }
    return holding;
}

CAPSA_RESULT capsa_alternatives_judge(const capsa_alternatives *alternatives,
                                      struct capsa_verdict *verdict)
{
    const struct capsa_alternative *nearest = NULL;
    const struct capsa_expectation *differs = NULL;
    size_t best = 0, candidates = 0;
    for (size_t i = 0; i < alternatives->count; i++) {
        const struct capsa_alternative *alternative = &alternatives->items[i];
        if (alternative->platform != verdict->claims.platform) {
            continue;
        }
        const struct capsa_expectation *failed;
        size_t holding = count_holding(&verdict->claims, alternative, &failed);
        if (failed == NULL) {
            return CAPSA_OK;
        }
        candidates++;
        if (nearest == NULL || holding > best) {
            nearest = alternative;
            differs = failed;
            best = holding;
        }
    }
    CAPSA_JUDGE(verdict, REFERENCE_VALUES, nearest != NULL,
                "the policy has no reference values for %s",
                capsa_platform_name(verdict->claims.platform));
    char where[64] = "";
    if (candidates > 1) {
        (void)snprintf(where, sizeof(where), "none of %zu fits, nearest is %s[%zu]: ", candidates,
                       nearest->list, nearest->index);
    }
    return fail_with(nearest, differs, where, verdict);
}
