/* SPDX-License-Identifier: Apache-2.0
 *
 * The knobs of attester_sim_knobs.def that do more than set a member of the recipe. Each says what
 * it leads to, as far as that depends on its argument.
 */
#include "attester/attester_sim_lab.h"

#define DAY_SECONDS 86400

/* ---- arguments ------------------------------------------------------------------------------- */

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

static capsa_result require_tdx(const struct capsa_sim_lab *lab)
{
    CAPSA_REQUIRE(lab->recipe.claims.platform == CAPSA_PLATFORM_TDX, USAGE,
                  "wants --platform tdx: enclaves have no such thing");
    return CAPSA_OK;
}

/* ---- what the quote says --------------------------------------------------------------------- */

CAPSA_RESULT capsa_sim_knob_platform(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_platform platform = capsa_platform_by_name(value);
    CAPSA_REQUIRE(platform == CAPSA_PLATFORM_SGX || platform == CAPSA_PLATFORM_TDX, USAGE,
                  "wants sgx or tdx, not \"%s\"", value);
    lab->recipe.claims.platform = platform;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_expect_report_data(struct capsa_sim_lab *lab, const char *value)
{
    CAPSA_TRY(capsa_sim_hex_of(value, lab->expected_report_data, CAPSA_REPORT_DATA));
    lab->binds = true;
    bool same =
        memcmp(lab->expected_report_data, lab->recipe.claims.report_data, CAPSA_REPORT_DATA) == 0;
    return capsa_sim_expect(lab, same ? "" : "report-data");
}

CAPSA_RESULT capsa_sim_knob_td_attributes(struct capsa_sim_lab *lab, const char *value)
{
    CAPSA_TRY(require_tdx(lab));
    uint8_t *attributes = lab->recipe.td.td_attributes;
    CAPSA_TRY(capsa_sim_hex_of(value, attributes, sizeof(lab->recipe.td.td_attributes)));
    CAPSA_TRY(capsa_sim_expect(lab, (attributes[0] & 0xfeU) != 0 ? "td-attributes" : ""));
    return capsa_sim_expect(lab, (attributes[0] & 1U) != 0 ? "debug" : "");
}

/* 1.0 is judged by the levels; 1.5 and 2.0 have an identity. */
CAPSA_RESULT capsa_sim_knob_module_version(struct capsa_sim_lab *lab, const char *value)
{
    int64_t version;
    CAPSA_TRY(require_tdx(lab));
    CAPSA_TRY(capsa_sim_number_of(value, 0, UINT8_MAX, &version));
    lab->recipe.td.tcb_svn[1] = (uint8_t)version;
    bool known = version == 0 || version == 1 || version == 3;
    return capsa_sim_expect(lab, known ? "" : "tdx-module");
}

/* The identity of module 1.5 has levels 5 and 3. */
CAPSA_RESULT capsa_sim_knob_module_svn(struct capsa_sim_lab *lab, const char *value)
{
    int64_t svn;
    CAPSA_TRY(require_tdx(lab));
    CAPSA_TRY(capsa_sim_number_of(value, 0, UINT8_MAX, &svn));
    lab->recipe.td.tcb_svn[0] = (uint8_t)svn;
    return capsa_sim_expect(lab, svn >= 5 ? "" : svn >= 3 ? "tcb-status" : "tcb-level");
}

CAPSA_RESULT capsa_sim_knob_relaunch(struct capsa_sim_lab *lab, const char *value)
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

CAPSA_RESULT capsa_sim_knob_tcb_status(struct capsa_sim_lab *lab, const char *value)
{
    lab->recipe.tcb_info.status = value;
    return expect_status(lab, value, true, "tcb-info");
}

/* Of a level that the platform has passed: only whether there is such a status counts. */
CAPSA_RESULT capsa_sim_knob_low_status(struct capsa_sim_lab *lab, const char *value)
{
    lab->recipe.tcb_info.low_status = value;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (capsa_streq(value, statuses[i].name)) {
            return CAPSA_OK;
        }
    }
    return capsa_sim_expect(lab, "tcb-info");
}

CAPSA_RESULT capsa_sim_knob_unknown_status(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    lab->recipe.tcb_info.status = "Splendid";
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_qe_tcb_status(struct capsa_sim_lab *lab, const char *value)
{
    lab->recipe.identity.status = value;
    return expect_status(lab, value, false, "qe-identity");
}

CAPSA_RESULT capsa_sim_knob_module_tcb_status(struct capsa_sim_lab *lab, const char *value)
{
    CAPSA_TRY(require_tdx(lab));
    lab->recipe.tcb_info.module_status = value;
    return expect_status(lab, value, false, "tcb-info");
}

/* ---- time ------------------------------------------------------------------------------------ */

CAPSA_RESULT capsa_sim_knob_expire(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT, CAPSA_SIM_DATED, &part));
    lab->recipe.parts[part].from = lab->now - 60 * DAY_SECONDS;
    lab->recipe.parts[part].to = lab->now - DAY_SECONDS;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_not_yet(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT, CAPSA_SIM_DATED, &part));
    lab->recipe.parts[part].from = lab->now + DAY_SECONDS;
    lab->recipe.parts[part].to = lab->now + 60 * DAY_SECONDS;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_issued_days_ago(struct capsa_sim_lab *lab, const char *value)
{
    int64_t days;
    CAPSA_TRY(capsa_sim_number_of(value, 0, 10000, &days));
    for (unsigned i = CAPSA_SIM_CERTS; i < CAPSA_SIM_DATED; i++) {
        lab->recipe.parts[i].from = lab->now - days * DAY_SECONDS;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_evaluation(struct capsa_sim_lab *lab, const char *value)
{
    int64_t number;
    CAPSA_TRY(capsa_sim_number_of(value, 0, UINT32_MAX, &number));
    lab->recipe.tcb_info.evaluation = (unsigned)number;
    lab->recipe.identity.evaluation = (unsigned)number;
    return CAPSA_OK;
}

/* ---- revocation and signatures --------------------------------------------------------------- */

CAPSA_RESULT capsa_sim_knob_revoke(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_PLATFORM_CA, CAPSA_SIM_CERTS, &part));
    lab->recipe.crls[part == CAPSA_SIM_PCK ? 1 : 0].revokes[part] = true;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_unsigned_crl(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT_CRL, CAPSA_SIM_TCB_INFO, &part));
    lab->recipe.parts[part].damaged = true;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_crl_issuer(struct capsa_sim_lab *lab, const char *value)
{
    struct capsa_sim_crl_facts *facts;
    CAPSA_TRY(crl_of(lab, value, &facts));
    facts->wrong_issuer = true;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_crl_trailing(struct capsa_sim_lab *lab, const char *value)
{
    struct capsa_sim_crl_facts *facts;
    CAPSA_TRY(crl_of(lab, value, &facts));
    facts->trailing = true;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_crl_missing(struct capsa_sim_lab *lab, const char *value)
{
    struct capsa_sim_crl_facts *facts;
    CAPSA_TRY(crl_of(lab, value, &facts));
    facts->missing = true;
    return CAPSA_OK;
}

/* Which check looks at the signature of a part. */
static const char *const signature_checks[CAPSA_SIM_PARTS] = {
    [CAPSA_SIM_ROOT] = "chain",
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

CAPSA_RESULT capsa_sim_knob_sign(struct capsa_sim_lab *lab, const char *value)
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

CAPSA_RESULT capsa_sim_knob_damage(struct capsa_sim_lab *lab, const char *value)
{
    enum capsa_sim_part part;
    CAPSA_TRY(part_of(value, CAPSA_SIM_ROOT, CAPSA_SIM_PARTS, &part));
    lab->recipe.parts[part].damaged = true;
    return capsa_sim_expect(lab, signature_checks[part]);
}

/* ---- certificates ---------------------------------------------------------------------------- */

CAPSA_RESULT capsa_sim_knob_common_name(struct capsa_sim_lab *lab, const char *value)
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

CAPSA_RESULT capsa_sim_knob_ca(struct capsa_sim_lab *lab, const char *value)
{
    return set_ca(lab, value, true);
}

CAPSA_RESULT capsa_sim_knob_no_ca(struct capsa_sim_lab *lab, const char *value)
{
    return set_ca(lab, value, false);
}

CAPSA_RESULT capsa_sim_knob_vendor_anchors(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    lab->without_root = true;
    return CAPSA_OK;
}

/* ---- the quoting enclave --------------------------------------------------------------------- */

CAPSA_RESULT capsa_sim_knob_self_made_qe(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    struct capsa_sim_qe *qe = &lab->recipe.qe;
    capsa_sim_digest("forger's mr_enclave", capsa_bytes_of(NULL, 0), qe->mr_enclave);
    capsa_sim_digest("forger's mr_signer", capsa_bytes_of(NULL, 0), qe->mr_signer);
    return CAPSA_OK;
}

/* The identity has levels 8, 6 (out of date) and 4 (revoked). */
CAPSA_RESULT capsa_sim_knob_qe_svn(struct capsa_sim_lab *lab, const char *value)
{
    int64_t svn;
    CAPSA_TRY(capsa_sim_number_of(value, 0, UINT16_MAX, &svn));
    lab->recipe.qe.isv_svn = (uint16_t)svn;
    return capsa_sim_expect(lab, svn >= 8 ? "" : svn >= 4 ? "tcb-status" : "tcb-level");
}

CAPSA_RESULT capsa_sim_knob_qe_debug(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    lab->recipe.qe.flags |= CAPSA_SIM_SGX_DEBUG;
    return CAPSA_OK;
}

/* ---- TCB Info -------------------------------------------------------------------------------- */

/* SGX's levels are no levels of TDX, and what is neither is refused before it is compared. */
CAPSA_RESULT capsa_sim_knob_tcb_info_id(struct capsa_sim_lab *lab, const char *value)
{
    struct capsa_sim_tcb_info *tcb = &lab->recipe.tcb_info;
    bool same = capsa_streq(value, tcb->id);
    tcb->id = value;
    return capsa_sim_expect(lab, same                        ? ""
                                 : capsa_streq(value, "SGX") ? "collateral-match"
                                                             : "tcb-info");
}

CAPSA_RESULT capsa_sim_knob_components(struct capsa_sim_lab *lab, const char *value)
{
    int64_t count;
    CAPSA_TRY(capsa_sim_number_of(value, 0, 64, &count));
    lab->recipe.tcb_info.components = (unsigned)count;
    return capsa_sim_expect(lab, count == CAPSA_SIM_COMPONENTS ? "" : "tcb-info");
}

/* ---- structure ------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_sim_knob_no_evidence(struct capsa_sim_lab *lab, const char *value)
{
    (void)value;
    lab->recipe.layout.truncate = 0;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_knob_cert_type(struct capsa_sim_lab *lab, const char *value)
{
    int64_t type;
    CAPSA_TRY(capsa_sim_number_of(value, 0, UINT16_MAX, &type));
    lab->recipe.layout.cert_type = (uint16_t)type;
    return capsa_sim_expect(lab, type == 5                ? ""
                                 : type >= 1 && type <= 4 ? "collateral-missing"
                                                          : "format");
}
