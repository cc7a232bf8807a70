/* SPDX-License-Identifier: Apache-2.0
 *
 * The knobs of attester_sim_knobs.def: most set one member of the recipe; the functions here do
 * what takes more than that. What a knob leads to is said beside it, and the first check of all
 * that were turned is what a verifier must name.
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

#define DAY_SECONDS 86400

/* ---- values ---------------------------------------------------------------------------------- */

static capsa_result number_of(const char *text, int64_t min, uint64_t max, int64_t *ret_number)
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

static capsa_result hex_of(const char *text, void *ret, size_t len)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(1));
    CAPSA_REQUIRE(strlen(text) == 2 * len &&
                      !capsa_failed(capsa_hex_parse(capsa_bytes_str(text), &bytes)),
                  USAGE, "wants %zu bytes as %zu hex digits, not \"%s\"", len, 2 * len, text);
    memcpy(ret, bytes.data, len);
    return CAPSA_OK;
}

/* A part that is before `end` and not before `first`. */
static capsa_result part_of(const char *text, enum capsa_sim_part first, enum capsa_sim_part end,
                            enum capsa_sim_part *ret_part)
{
    enum capsa_sim_part part = capsa_sim_part_by_name(text);
    CAPSA_REQUIRE(part >= first && part < end, USAGE, "wants one of %s to %s, not \"%s\"",
                  capsa_sim_part_name(first),
                  capsa_sim_part_name((enum capsa_sim_part)((unsigned)end - 1)), text);
    *ret_part = part;
    return CAPSA_OK;
}

static capsa_result crl_of(struct capsa_sim_lab *lab, const char *text,
                           struct capsa_sim_crl_facts **ret_facts)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(text, CAPSA_SIM_ROOT_CRL, CAPSA_SIM_TCB_INFO, &part));
    *ret_facts = &lab->recipe.crls[part == CAPSA_SIM_ROOT_CRL ? 0 : 1];
    return CAPSA_OK;
}

/* "PART=REST": the part, and where the rest begins. */
static capsa_result split_part(const char *text, enum capsa_sim_part end,
                               enum capsa_sim_part *ret_part, const char **ret_rest)
{
    const char *equals = strchr(text, '=');
    CAPSA_REQUIRE(equals != NULL && equals[1] != '\0', USAGE, "wants PART=..., not \"%s\"", text);
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_append(&name, capsa_bytes_of(text, (size_t)(equals - text))));
    const char *part;
    CAPSA_TRY(capsa_buf_cstr(&name, &part));
    CAPSA_TRY(part_of(part, CAPSA_SIM_ROOT, end, ret_part));
    *ret_rest = equals + 1;
    return CAPSA_OK;
}

/* ---- what the quote says --------------------------------------------------------------------- */

static capsa_result knob_platform(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_platform platform = capsa_platform_by_name(value);
    CAPSA_REQUIRE(platform == CAPSA_PLATFORM_SGX || platform == CAPSA_PLATFORM_TDX, USAGE,
                  "wants sgx or tdx, not \"%s\"", value);
    lab->recipe.claims.platform = platform;
    return CAPSA_OK;
}

static capsa_result knob_expect_report_data(struct capsa_sim_lab *lab, const char *value)
{
    CAPSA_TRY(hex_of(value, lab->expected_report_data, CAPSA_REPORT_DATA));
    lab->binds = true;
    bool same =
        memcmp(lab->expected_report_data, lab->recipe.claims.report_data, CAPSA_REPORT_DATA) == 0;
    return capsa_sim_expect(lab, same ? "" : "report-data");
}

static capsa_result knob_td_attributes(struct capsa_sim_lab *lab, const char *value)
{
    uint8_t *attributes = lab->recipe.td.td_attributes;
    CAPSA_TRY(hex_of(value, attributes, sizeof(lab->recipe.td.td_attributes)));
    CAPSA_TRY(capsa_sim_expect(lab, (attributes[0] & 0xfeU) != 0 ? "td-attributes" : ""));
    return capsa_sim_expect(lab, (attributes[0] & 1U) != 0 ? "debug" : "");
}

/* 1.0 is judged by the levels; 1.5 and 2.0 have an identity. */
static capsa_result knob_module_version(struct capsa_sim_lab *lab, const char *value)
{
    int64_t version;
    CAPSA_TRY(number_of(value, 0, UINT8_MAX, &version));
    lab->recipe.td.tcb_svn[1] = (uint8_t)version;
    bool known = version == 0 || version == 1 || version == 3;
    return capsa_sim_expect(lab, known ? "" : "tdx-module");
}

/* The identity of module 1.5 has levels 5 and 3. */
static capsa_result knob_module_svn(struct capsa_sim_lab *lab, const char *value)
{
    int64_t svn;
    CAPSA_TRY(number_of(value, 0, UINT8_MAX, &svn));
    lab->recipe.td.tcb_svn[0] = (uint8_t)svn;
    return capsa_sim_expect(lab, svn >= 5 ? "" : svn >= 3 ? "tcb-status" : "tcb-level");
}

static capsa_result knob_relaunch(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    CAPSA_REQUIRE(lab->recipe.claims.td15, USAGE, "wants --td15: other bodies do not say");
    lab->recipe.td.tcb_svn[0] = 3;
    return CAPSA_OK;
}

/* ---- status ---------------------------------------------------------------------------------- */

/* What the default policy does with a status. */
static const struct {
    const char *name;
    bool accepted;
} statuses[] = {
    {"UpToDate", true},
    {"SWHardeningNeeded", true},
    {"ConfigurationNeeded", false},
    {"ConfigurationAndSWHardeningNeeded", false},
    {"OutOfDate", false},
    {"OutOfDateConfigurationNeeded", false},
    {"Revoked", false},
};

static capsa_result expect_status(struct capsa_sim_lab *lab, const char *status, bool of_platform,
                                  const char *check_unknown)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (capsa_streq(status, statuses[i].name)) {
            /* of a module or enclave, everything that is not up to date is out of date */
            bool accepted = statuses[i].accepted && (of_platform || i == 0);
            return capsa_sim_expect(lab, accepted ? "" : "tcb-status");
        }
    }
    return capsa_sim_expect(lab, check_unknown);
}

static capsa_result knob_tcb_status(struct capsa_sim_lab *lab, const char *value)
{
    lab->recipe.tcb_info.status = value;
    return expect_status(lab, value, true, "tcb-info");
}

static capsa_result knob_unknown_status(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    lab->recipe.tcb_info.status = "Splendid";
    return CAPSA_OK;
}

static capsa_result knob_qe_tcb_status(struct capsa_sim_lab *lab, const char *value)
{
    lab->recipe.identity.status = value;
    return expect_status(lab, value, false, "qe-identity");
}

static capsa_result knob_module_tcb_status(struct capsa_sim_lab *lab, const char *value)
{
    CAPSA_REQUIRE(lab->recipe.claims.platform == CAPSA_PLATFORM_TDX, USAGE,
                  "wants --platform tdx: enclaves have no module");
    lab->recipe.tcb_info.module_status = value;
    return expect_status(lab, value, false, "tcb-info");
}

/* ---- time ------------------------------------------------------------------------------------ */

static capsa_result knob_expire(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT, CAPSA_SIM_DATED, &part));
    lab->recipe.parts[part].from = lab->now - 60 * DAY_SECONDS;
    lab->recipe.parts[part].to = lab->now - DAY_SECONDS;
    return CAPSA_OK;
}

static capsa_result knob_not_yet(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT, CAPSA_SIM_DATED, &part));
    lab->recipe.parts[part].from = lab->now + DAY_SECONDS;
    lab->recipe.parts[part].to = lab->now + 60 * DAY_SECONDS;
    return CAPSA_OK;
}

static capsa_result knob_issued_days_ago(struct capsa_sim_lab *lab, const char *value)
{
    int64_t days;
    CAPSA_TRY(number_of(value, 0, 10000, &days));
    for (unsigned i = CAPSA_SIM_CERTS; i < CAPSA_SIM_DATED; i++) {
        lab->recipe.parts[i].from = lab->now - days * DAY_SECONDS;
    }
    return CAPSA_OK;
}

static capsa_result knob_evaluation(struct capsa_sim_lab *lab, const char *value)
{
    int64_t number;
    CAPSA_TRY(number_of(value, 0, UINT32_MAX, &number));
    lab->recipe.tcb_info.evaluation = (unsigned)number;
    lab->recipe.identity.evaluation = (unsigned)number;
    return CAPSA_OK;
}

/* ---- revocation and signatures --------------------------------------------------------------- */

static capsa_result knob_revoke(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_PLATFORM_CA, CAPSA_SIM_CERTS, &part));
    lab->recipe.crls[part == CAPSA_SIM_PCK ? 1 : 0].revokes[part] = true;
    return CAPSA_OK;
}

static capsa_result knob_unsigned_crl(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT_CRL, CAPSA_SIM_TCB_INFO, &part));
    lab->recipe.parts[part].damaged = true;
    return CAPSA_OK;
}

static capsa_result knob_crl_issuer(struct capsa_sim_lab *lab, const char *value)
{
    struct capsa_sim_crl_facts *facts;
    CAPSA_TRY(crl_of(lab, value, &facts));
    facts->wrong_issuer = true;
    return CAPSA_OK;
}

static capsa_result knob_crl_trailing(struct capsa_sim_lab *lab, const char *value)
{
    struct capsa_sim_crl_facts *facts;
    CAPSA_TRY(crl_of(lab, value, &facts));
    facts->trailing = true;
    return CAPSA_OK;
}

static capsa_result knob_crl_missing(struct capsa_sim_lab *lab, const char *value)
{
    struct capsa_sim_crl_facts *facts;
    CAPSA_TRY(crl_of(lab, value, &facts));
    facts->missing = true;
    return CAPSA_OK;
}

/* Which check looks at the signature of a part. The root is trusted by its key alone. */
static const char *const signature_checks[CAPSA_SIM_PARTS] = {
    [CAPSA_SIM_ROOT] = "",
    [CAPSA_SIM_PLATFORM_CA] = "chain",
    [CAPSA_SIM_PCK] = "chain",
    [CAPSA_SIM_TCB_SIGNER] = "chain",
    [CAPSA_SIM_ROOT_CRL] = "crl",
    [CAPSA_SIM_PCK_CRL] = "crl",
    [CAPSA_SIM_TCB_INFO] = "tcb-info-signature",
    [CAPSA_SIM_QE_IDENTITY] = "qe-identity-signature",
    [CAPSA_SIM_QE_REPORT] = "qe-report-signature",
    [CAPSA_SIM_QUOTE] = "signature",
};

static capsa_result knob_sign(struct capsa_sim_lab *lab, const char *value)
{
    static const struct {
        const char *name;
        enum capsa_sim_key key;
    } keys[] = {
        {"root", CAPSA_SIM_ROOT_KEY},
        {"platform-ca", CAPSA_SIM_PLATFORM_CA_KEY},
        {"pck", CAPSA_SIM_PCK_KEY},
        {"tcb-signer", CAPSA_SIM_TCB_SIGNER_KEY},
        {"attestation", CAPSA_SIM_ATTESTATION_KEY},
        {"stranger", CAPSA_SIM_STRANGER_KEY},
    };
    enum capsa_sim_part part;
    const char *signer;
    CAPSA_TRY(split_part(value, CAPSA_SIM_PARTS, &part, &signer));
    struct capsa_sim_signed *how = &lab->recipe.parts[part];
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (capsa_streq(keys[i].name, signer)) {
            bool genuine = how->signer == keys[i].key;
            how->signer = keys[i].key;
            return capsa_sim_expect(lab, genuine ? "" : signature_checks[part]);
        }
    }
    CAPSA_FAIL(USAGE, "there is no key of \"%s\"", signer);
}

static capsa_result knob_damage(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT, CAPSA_SIM_PARTS, &part));
    lab->recipe.parts[part].damaged = true;
    return capsa_sim_expect(lab, signature_checks[part]);
}

/* ---- certificates ---------------------------------------------------------------------------- */

static capsa_result knob_common_name(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    const char *name;
    CAPSA_TRY(split_part(value, CAPSA_SIM_CERTS, &part, &name));
    lab->recipe.certs[part].common_name = name;
    return CAPSA_OK;
}

static capsa_result set_ca(struct capsa_sim_lab *lab, const char *value, bool is_ca)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT, CAPSA_SIM_CERTS, &part));
    CAPSA_REQUIRE(lab->recipe.certs[part].is_ca != is_ca, USAGE, "%s is that anyway", value);
    lab->recipe.certs[part].is_ca = is_ca;
    return CAPSA_OK;
}

static capsa_result knob_ca(struct capsa_sim_lab *lab, const char *value)
{
    return set_ca(lab, value, true);
}

static capsa_result knob_no_ca(struct capsa_sim_lab *lab, const char *value)
{
    return set_ca(lab, value, false);
}

static capsa_result knob_vendor_anchors(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    lab->without_root = true;
    return CAPSA_OK;
}

/* ---- the quoting enclave --------------------------------------------------------------------- */

static capsa_result knob_self_made_qe(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    struct capsa_sim_qe *qe = &lab->recipe.qe;
    capsa_sim_digest("forger's mr_enclave", capsa_bytes_of(NULL, 0), qe->mr_enclave);
    capsa_sim_digest("forger's mr_signer", capsa_bytes_of(NULL, 0), qe->mr_signer);
    return CAPSA_OK;
}

/* The identity has levels 8, 6 (out of date) and 4 (revoked). */
static capsa_result knob_qe_svn(struct capsa_sim_lab *lab, const char *value)
{
    int64_t svn;
    CAPSA_TRY(number_of(value, 0, UINT16_MAX, &svn));
    lab->recipe.qe.isv_svn = (uint16_t)svn;
    return capsa_sim_expect(lab, svn >= 8 ? "" : svn >= 4 ? "tcb-status" : "tcb-level");
}

static capsa_result knob_qe_debug(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    lab->recipe.qe.flags |= CAPSA_SIM_SGX_DEBUG;
    return CAPSA_OK;
}

/* ---- structure ------------------------------------------------------------------------------- */

static capsa_result knob_no_evidence(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    lab->recipe.layout.truncate = 0;
    return CAPSA_OK;
}

static capsa_result knob_cert_type(struct capsa_sim_lab *lab, const char *value)
{
    int64_t type;
    CAPSA_TRY(number_of(value, 0, UINT16_MAX, &type));
    lab->recipe.layout.cert_type = (uint16_t)type;
    return capsa_sim_expect(lab, type == 5 ? "" : type == 3 ? "collateral-missing" : "format");
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
    int64_t number;
    CAPSA_TRY(number_of(value, is_signed ? INT32_MIN : 0, max, &number));
    const uint8_t one = (uint8_t)number;
    const uint16_t two = (uint16_t)number;
    const uint32_t four = (uint32_t)number;
    const void *sources[] = {[1] = &one, [2] = &two, [4] = &four, [8] = &number};
    memcpy(member, sources[size], size);
    return CAPSA_OK;
}

static capsa_result set_member(struct capsa_sim_lab *lab, const struct knob *knob,
                               const char *value)
{
    uint8_t *member = (uint8_t *)&lab->recipe + knob->offset;
    switch (knob->kind) {
    case KIND_FLAG:
        *(bool *)(void *)member = true;
        return CAPSA_OK;
    case KIND_NUMBER:
    case KIND_SIGNED:
        return set_number(member, knob->size, knob->kind == KIND_SIGNED, value);
    case KIND_HEX:
        return hex_of(value, member, knob->size);
    case KIND_TEXT:
        memcpy(member, &value, sizeof(value));
        return CAPSA_OK;
    case KIND_CALL:
        break;
    }
    return knob->call(lab, value);
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
        CAPSA_TRY_AT(set_member(lab, knob, turn->value), "--%s", turn->knob);
    }
    return early ? CAPSA_OK : capsa_sim_expect(lab, knob->check);
}
