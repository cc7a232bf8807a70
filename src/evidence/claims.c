/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of claims.def and platforms.def, and claims as JSON (claims.h).
 */
#include "evidence/claims.h"

#include "codec/text.h"
#include "evidence/evidence_layout.h"

/* ---- Platforms ------------------------------------------------------------------------------- */

static const struct platform {
    const char *name, *ual, *what;
} platforms[CAPSA_PLATFORM_COUNT] = {
    [CAPSA_PLATFORM_NONE] = {"none", "", "no platform"},
#define CAPSA_PLATFORM(symbol, name, ual, what) [CAPSA_PLATFORM_##symbol] = {name, ual, what},
#include "evidence/platforms.def"
#undef CAPSA_PLATFORM
};

static const struct platform *platform_of(enum capsa_platform platform)
{
    return &platforms[(size_t)platform < CAPSA_PLATFORM_COUNT ? platform : CAPSA_PLATFORM_NONE];
}

const char *capsa_platform_name(enum capsa_platform platform)
{
    return platform_of(platform)->name;
}

const char *capsa_platform_ual(enum capsa_platform platform)
{
    return platform_of(platform)->ual;
}

const char *capsa_platform_what(enum capsa_platform platform)
{
    return platform_of(platform)->what;
}

enum capsa_platform capsa_platform_by_name(const char *name)
{
    for (size_t i = CAPSA_PLATFORM_NONE + 1; i < CAPSA_PLATFORM_COUNT; i++) {
        if (capsa_streq(platforms[i].name, name)) {
            return (enum capsa_platform)i;
        }
    }
    return CAPSA_PLATFORM_NONE;
}

enum capsa_platform capsa_platform_by_ual(const char *ual)
{
    for (size_t i = CAPSA_PLATFORM_NONE + 1; i < CAPSA_PLATFORM_COUNT; i++) {
        if (capsa_streq(platforms[i].ual, ual)) {
            return (enum capsa_platform)i;
        }
    }
    return CAPSA_PLATFORM_NONE;
}

/* ---- Types of claims ------------------------------------------------------------------------- */

#define CAPSA_CLAIM(symbol, platform, name, kind, size, provenance, what)                          \
    _Static_assert((size) <= CAPSA_CLAIM_BYTES, name " does not fit into a claim");
#include "evidence/claims.def"
#undef CAPSA_CLAIM

static const struct capsa_claim_type types[CAPSA_CLAIM_COUNT] = {
#define CAPSA_CLAIM(symbol, platform, name, kind, size, provenance, what)                          \
    [CAPSA_CLAIM_##symbol] = {CAPSA_PLATFORM_##platform,     name, CAPSA_CLAIM_##kind, size,       \
                              CAPSA_PROVENANCE_##provenance, what},
#include "evidence/claims.def"
#undef CAPSA_CLAIM
};

const struct capsa_claim_type *capsa_claim_type(enum capsa_claim claim)
{
    return (size_t)claim < CAPSA_CLAIM_COUNT ? &types[claim] : NULL;
}

bool capsa_claim_by_name(enum capsa_platform platform, const char *name,
                         enum capsa_claim *ret_claim)
{
    for (size_t i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        if (types[i].platform == platform && capsa_streq(types[i].name, name)) {
            *ret_claim = (enum capsa_claim)i;
            return true;
        }
    }
    return false;
}

const char *capsa_provenance_name(enum capsa_provenance provenance)
{
    static const char *const names[] = {
        [CAPSA_PROVENANCE_MEASURED] = "measured", [CAPSA_PROVENANCE_HOST] = "host",
        [CAPSA_PROVENANCE_GUEST] = "guest",       [CAPSA_PROVENANCE_ENDORSED] = "endorsed",
        [CAPSA_PROVENANCE_ASSERTED] = "asserted",
    };
    return (size_t)provenance < sizeof(names) / sizeof(names[0]) ? names[provenance] : "unknown";
}

/* ---- Values ---------------------------------------------------------------------------------- */

capsa_bytes capsa_claim_bytes(const struct capsa_claims *claims, enum capsa_claim claim)
{
    const struct capsa_claim_value *value = &claims->values[claim];
    return value->present ? capsa_bytes_of(value->bytes, value->len) : (capsa_bytes){NULL, 0};
}

/* A value of a wrong size is no value: what is absent matches nothing. */
void capsa_claim_set_bytes(struct capsa_claims *claims, enum capsa_claim claim, capsa_bytes bytes)
{
    const struct capsa_claim_type *type = &types[claim];
    const bool fits = type->kind == CAPSA_CLAIM_HEX    ? bytes.len == type->size
                      : type->kind == CAPSA_CLAIM_TEXT ? bytes.len <= type->size
                                                       : false;
    struct capsa_claim_value value = {.present = fits};
    if (fits && bytes.len > 0) {
        value.len = (uint8_t)bytes.len;
        memcpy(value.bytes, bytes.data, bytes.len);
    }
    claims->values[claim] = value;
}

void capsa_claim_set_number(struct capsa_claims *claims, enum capsa_claim claim, uint64_t number)
{
    claims->values[claim] = (struct capsa_claim_value){
        .present = types[claim].kind == CAPSA_CLAIM_NUMBER,
        .number = number,
    };
}

capsa_bytes capsa_claims_report_data(const struct capsa_claims *claims)
{
    enum capsa_claim claim;
    if (!capsa_claim_by_name(claims->platform, "report_data", &claim)) {
        return (capsa_bytes){NULL, 0};
    }
    return capsa_claim_bytes(claims, claim);
}

/* ---- Composites ------------------------------------------------------------------------------ */

const struct capsa_composite capsa_composites[] = {
    {CAPSA_PLATFORM_TDX,
     "mr_plat",
     {CAPSA_CLAIM_TDX_MR_SEAM, CAPSA_CLAIM_TDX_MR_SIGNER_SEAM, CAPSA_CLAIM_TDX_MR_TD,
      CAPSA_CLAIM_TDX_MR_CONFIG_ID, CAPSA_CLAIM_TDX_MR_OWNER, CAPSA_CLAIM_TDX_MR_OWNER_CONFIG},
     6},
    {CAPSA_PLATFORM_TDX, "mr_boot", {CAPSA_CLAIM_TDX_RTMR0, CAPSA_CLAIM_TDX_RTMR1}, 2},
    {CAPSA_PLATFORM_TDX, "mr_ta", {CAPSA_CLAIM_TDX_RTMR2, CAPSA_CLAIM_TDX_RTMR3}, 2},
    {CAPSA_PLATFORM_CSV, "mr_boot", {CAPSA_CLAIM_CSV_MEASURE}, 1},
};
const size_t capsa_composites_count = sizeof(capsa_composites) / sizeof(capsa_composites[0]);

/* All parts or nothing: half a composite would equal another platform's whole one. */
static bool composite_is_present(const struct capsa_claims *claims,
                                 const struct capsa_composite *composite)
{
    for (size_t i = 0; i < composite->count; i++) {
        if (!claims->values[composite->parts[i]].present) {
            return false;
        }
    }
    return claims->platform == composite->platform;
}

CAPSA_RESULT capsa_composite_hex(const struct capsa_claims *claims,
                                 const struct capsa_composite *composite, capsa_buf *ret_hex)
{
    CAPSA_REQUIRE(composite_is_present(claims, composite), NOT_FOUND,
                  "the evidence does not hold all that %s.%s is put together of",
                  capsa_platform_name(composite->platform), composite->name);
    const size_t before = ret_hex->len;
    for (size_t i = 0; i < composite->count; i++) {
        const capsa_result written =
            capsa_hex_write(capsa_claim_bytes(claims, composite->parts[i]), ret_hex);
        if (capsa_failed(written)) {
            capsa_buf_cut(ret_hex, before);
            return written;
        }
    }
    return CAPSA_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static struct capsa_json *text_json(capsa_bytes text)
{
    char copy[CAPSA_CLAIM_BYTES + 1] = {0};
    memcpy(copy, text.data, text.len);
    return capsa_json_new_string(copy);
}

static capsa_result set_claim(const struct capsa_claim_type *type,
                              const struct capsa_claim_value *value, struct capsa_json *object)
{
    const capsa_bytes bytes = capsa_bytes_of(value->bytes, value->len);
    switch (type->kind) {
    case CAPSA_CLAIM_HEX:
        return capsa_json_set(object, type->name, capsa_json_new_hex(bytes));
    case CAPSA_CLAIM_NUMBER:
        CAPSA_REQUIRE(value->number <= INT64_MAX, MALFORMED, "%s: a number over %lld", type->name,
                      (long long)INT64_MAX);
        return capsa_json_set(object, type->name, capsa_json_new_int((int64_t)value->number));
    case CAPSA_CLAIM_TEXT:
        CAPSA_TRY_AT(capsa_utf8_check(bytes), "%s", type->name);
        return capsa_json_set(object, type->name, text_json(bytes));
    }
    CAPSA_FAIL(INTERNAL, "%s: a claim of no kind", type->name);
}

static capsa_result set_composite(const struct capsa_claims *claims,
                                  const struct capsa_composite *composite,
                                  struct capsa_json *object)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
    const char *hex = NULL;
    CAPSA_TRY(capsa_composite_hex(claims, composite, &text));
    CAPSA_TRY(capsa_buf_cstr(&text, &hex));
    return capsa_json_set(object, composite->name, capsa_json_new_string(hex));
}

static capsa_result set_values(const struct capsa_claims *claims, struct capsa_json *object)
{
    for (size_t i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        if (types[i].platform == claims->platform && claims->values[i].present) {
            CAPSA_TRY(set_claim(&types[i], &claims->values[i], object));
        }
    }
    for (size_t i = 0; i < capsa_composites_count; i++) {
        if (composite_is_present(claims, &capsa_composites[i])) {
            CAPSA_TRY(set_composite(claims, &capsa_composites[i], object));
        }
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_claims_json(const struct capsa_claims *claims, struct capsa_json **ret_json)
{
    const char *platform = capsa_platform_name(claims->platform);
    CAPSA_AUTO_FREE(capsa_json) whole = capsa_json_new_object();
    CAPSA_AUTO_FREE(capsa_json) values = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(whole);
    CAPSA_REQUIRE_MEMORY(values);
    CAPSA_TRY(set_values(claims, values));
    CAPSA_TRY(capsa_json_set(whole, "platform", capsa_json_new_string(platform)));
    CAPSA_TRY(capsa_json_set(whole, "debug", capsa_json_new_bool(claims->debug)));
    struct capsa_json *given = values;
    values = NULL;
    CAPSA_TRY(capsa_json_set(whole, platform, given));
    *ret_json = whole;
    whole = NULL;
    return CAPSA_OK;
}
