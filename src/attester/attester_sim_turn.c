/* SPDX-License-Identifier: Apache-2.0
 *
 * Turning a knob of attester_sim_knobs.def: most set one member of the recipe, and what is not set
 * to what it was anyway leads to the check that stands beside it.
 */
#include <stdlib.h>

#include "attester/attester_sim_lab.h"
#include "codec/text.h"

enum kind {
    KIND_FLAG,
    KIND_NUMBER,
    KIND_SIGNED,
    KIND_HEX,
    KIND_TEXT,
    KIND_CALL,
};
typedef capsa_result (*turn_function)(struct capsa_sim_lab *lab, const char *value);

/* ---- values ---------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_sim_number_of(const char *text, int64_t min, uint64_t max, int64_t *ret_number)
{
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    CAPSA_REQUIRE(*text != '\0' && *end == '\0' && number >= min &&
                      (number < 0 || (uint64_t)number <= max),
                  USAGE, "wants a number of %lld to %llu, not \"%s\"", (long long)min,
                  (unsigned long long)max, text);
    *ret_number = number;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_hex_of(const char *text, void *ret, size_t len)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(1));
    CAPSA_REQUIRE(strlen(text) == 2 * len &&
                      !capsa_failed(capsa_hex_parse(capsa_bytes_str(text), &bytes)),
                  USAGE, "wants %zu bytes as %zu hex digits, not \"%s\"", len, 2 * len, text);
    memcpy(ret, bytes.data, len);
    return CAPSA_OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

struct knob {
    struct capsa_sim_knob public;
    bool early;
    enum kind kind;
    size_t offset, size;
    turn_function call;
    const char *check;
};

#define MEMBER(of_kind, member)                                                                    \
    .kind = (of_kind), .offset = offsetof(struct capsa_sim_recipe, member),                        \
    .size = sizeof(((struct capsa_sim_recipe *)NULL)->member)
#define FLAG(member)         MEMBER(KIND_FLAG, member)
#define NUMBER(member)       MEMBER(KIND_NUMBER, member)
#define SIGNED(member)       MEMBER(KIND_SIGNED, member)
#define HEX(member)          MEMBER(KIND_HEX, member)
#define TEXT(member)         MEMBER(KIND_TEXT, member)
#define CALL(function)       .kind = KIND_CALL, .call = (function)
#define EARLY_FLAG(member)   .early = true, FLAG(member)
#define EARLY_NUMBER(member) .early = true, NUMBER(member)
#define EARLY_HEX(member)    .early = true, HEX(member)
#define EARLY_CALL(function) .early = true, CALL(function)

static const struct knob knobs[] = {
#define CAPSA_SIM_KNOB(name, takes, times, what, how, leads)                                       \
    {{name, takes, what}, how, .check = leads},
#include "attester/attester_sim_knobs.def"
#undef CAPSA_SIM_KNOB
};
#define KNOBS (sizeof(knobs) / sizeof(knobs[0]))

const struct capsa_sim_knob *capsa_sim_knob_at(size_t index)
{
    return index < KNOBS ? &knobs[index].public : NULL;
}

/* An unsigned or signed number of the member's size; the host's order. */
static capsa_result set_number(void *member, size_t size, bool is_signed, const char *value)
{
    uint64_t max = size == 8 ? INT64_MAX : (UINT64_C(1) << (8 * size - is_signed)) - 1;
    int64_t number = 0;
    CAPSA_TRY(capsa_sim_number_of(value, is_signed ? INT32_MIN : 0, max, &number));
    const uint8_t one = (uint8_t)number;
    const uint16_t two = (uint16_t)number;
    const uint32_t four = (uint32_t)number;
    const void *sources[] = {[1] = &one, [2] = &two, [4] = &four, [8] = &number};
    memcpy(member, sources[size], size);
    return CAPSA_OK;
}

/* Members of the recipe that only some evidence has: for other evidence they lead to nothing. */
#define OF(member, wanted_platform, wanted_version, wanted_td15, said)                             \
    {                                                                                              \
        offsetof(struct capsa_sim_recipe, member),                                                 \
            sizeof(((struct capsa_sim_recipe *)NULL)->member), wanted_platform, wanted_version,    \
            wanted_td15, said                                                                      \
    }
static const struct home {
    size_t offset, size;
    bool tdx;
    unsigned version; /* at least */
    bool td15;
    const char *wants;
} homes[] = {
    OF(td, true, 4, false, "--platform tdx"),
    OF(td.mr_service_td, true, 5, true, "--td15"),
    OF(tcb_info.no_module, true, 4, false, "--platform tdx"),
    OF(layout.outer_type, false, 4, false, "--quote-version 4 or 5"),
    OF(layout.outer_extra, false, 4, false, "--quote-version 4 or 5"),
    OF(layout.body_type, false, 5, false, "--quote-version 5"),
    OF(layout.body_extra, false, 5, false, "--quote-version 5"),
};

static capsa_result require_home(const struct capsa_sim_lab *lab, const struct knob *knob)
{
    const struct capsa_sim_claims *claims = &lab->recipe.claims;
    struct capsa_sim_layout genuine;
    CAPSA_TRY(capsa_sim_layout_make(claims, &genuine));
    for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
        const struct home *home = &homes[i];
        bool within = knob->offset >= home->offset && knob->offset < home->offset + home->size;
        bool there = genuine.version >= home->version && (!home->td15 || claims->td15) &&
                     (!home->tdx || claims->platform == CAPSA_PLATFORM_TDX);
        CAPSA_REQUIRE(!within || there, USAGE, "wants %s: other evidence has no such thing",
                      home->wants);
    }
    return CAPSA_OK;
}

static capsa_result set_value(const struct knob *knob, void *member, const char *value)
{
    switch (knob->kind) {
    case KIND_FLAG:
        *(bool *)member = true;
        break;
    case KIND_NUMBER:
    case KIND_SIGNED:
        return set_number(member, knob->size, knob->kind == KIND_SIGNED, value);
    case KIND_HEX:
        return capsa_sim_hex_of(value, member, knob->size);
    case KIND_TEXT:
        memcpy(member, &value, sizeof(value));
        break;
    case KIND_CALL:
        break;
    }
    return CAPSA_OK;
}

static bool is_same(const struct knob *knob, const void *before, const void *after)
{
    if (knob->kind != KIND_TEXT) {
        return memcmp(before, after, knob->size) == 0;
    }
    const char *was;
    const char *is;
    memcpy(&was, before, sizeof(was));
    memcpy(&is, after, sizeof(is));
    return was != NULL && capsa_streq(was, is);
}

/* Sets the member, or calls; what was set to what it was anyway leads to nothing. */
static capsa_result turn_one(struct capsa_sim_lab *lab, const struct knob *knob, const char *value)
{
    if (knob->kind == KIND_CALL) {
        CAPSA_TRY(knob->call(lab, value));
        return capsa_sim_expect(lab, knob->check);
    }
    if (!knob->early) {
        CAPSA_TRY(require_home(lab, knob));
    }
    uint8_t *member = (uint8_t *)&lab->recipe + knob->offset;
    const struct capsa_sim_recipe before = lab->recipe;
    CAPSA_TRY(set_value(knob, member, value));
    bool same = is_same(knob, (const uint8_t *)&before + knob->offset, member);
    return capsa_sim_expect(lab, same ? "" : knob->check);
}

static capsa_result find_knob(const char *name, const struct knob **ret_knob)
{
    for (size_t i = 0; i < KNOBS; i++) {
        if (capsa_streq(knobs[i].public.name, name)) {
            *ret_knob = &knobs[i];
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "there is no knob \"%s\"; see: capsa sim forge --list", name);
}

CAPSA_RESULT capsa_sim_knob_turn(struct capsa_sim_lab *lab, const struct capsa_sim_turn *turn,
                                 bool early)
{
    const struct knob *knob = NULL;
    CAPSA_TRY(find_knob(turn->knob, &knob));
    if (knob->early == early) {
        CAPSA_TRY_AT(turn_one(lab, knob, turn->value), "--%s", turn->knob);
    }
    return CAPSA_OK;
}
