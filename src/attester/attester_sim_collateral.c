/* SPDX-License-Identifier: Apache-2.0
 *
 * TCB Info (version 3), enclave identities, and all collateral together, as Intel's service gives
 * them: compact text, members in its order, r||s over exactly that text (contracts,
 * quote-verification sections 5 and 6).
 */
#include "attester/attester_sim_recipe.h"

#define TEXT_MAX           KIB(64)
#define MODULE_SVN         5
#define MODULE_SVN_LOW     3
#define LATE_MICROCODE_SVN 2
#define QE_SVN_LOW         6
#define QE_SVN_LOWEST      4
#define TCB_DATE           "2026-02-11T00:00:00Z"
#define TCB_DATE_LOW       "2023-08-09T00:00:00Z"
#define ADVISORY           "CAPSA-SIM-00001" /* of the level that fits, when it is not up to date */
#define ADVISORY_LOW       "CAPSA-SIM-00002"
#define ADVISORY_TDX       "CAPSA-SIM-00003"
#define ADVISORY_QE        "CAPSA-SIM-00004"
#define MODULE_SIGNER      "000000000000000000000000000000000000000000000000" /* half of it */

static capsa_result put_hex(capsa_buf *text, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        CAPSA_TRY(capsa_buf_format(text, "%02X", bytes[i]));
    }
    return CAPSA_OK;
}

static capsa_result put_dates(capsa_buf *text, const struct capsa_sim_signed *how)
{
    char from[CAPSA_TIME_TEXT];
    char to[CAPSA_TIME_TEXT];
    capsa_time_text(how->from, from);
    capsa_time_text(how->to, to);
    return capsa_buf_format(text, "\"issueDate\":\"%s\",\"nextUpdate\":\"%s\"", from, to);
}

/* What stands behind "tcb" in every kind of level; the advisory is left out where all is well. */
static capsa_result put_status(capsa_buf *text, const char *date, const char *status,
                               const char *advisory)
{
    CAPSA_TRY(capsa_buf_format(text, ",\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"", date, status));
    if (!capsa_streq(status, "UpToDate")) {
        CAPSA_TRY(capsa_buf_format(text, ",\"advisoryIDs\":[\"%s\"]", advisory));
    }
    return capsa_buf_str(text, "}");
}

/* A level of a module or enclave: {"tcb":{"isvsvn":n},...} */
static capsa_result put_svn_level(capsa_buf *text, unsigned svn, const char *date,
                                  const char *status, const char *advisory)
{
    CAPSA_TRY(capsa_buf_format(text, "{\"tcb\":{\"isvsvn\":%u}", svn));
    return put_status(text, date, status, advisory);
}

/* ---- TCB Info -------------------------------------------------------------------------------- */

struct level {
    uint8_t sgx[CAPSA_SIM_COMPONENTS], tdx[CAPSA_SIM_COMPONENTS];
    uint16_t pce_svn;
    const char *date, *status, *advisory;
};
#define LEVELS 3

static capsa_result put_components(capsa_buf *text, const char *name, const uint8_t *svns,
                                   unsigned count)
{
    CAPSA_TRY(capsa_buf_format(text, "\"%s\":[", name));
    for (unsigned i = 0; i < count; i++) {
        unsigned svn = i < CAPSA_SIM_COMPONENTS ? svns[i] : 0; /* a forger's list may be longer */
        CAPSA_TRY(capsa_buf_format(text, "%s{\"svn\":%u}", i == 0 ? "" : ",", svn));
    }
    return capsa_buf_str(text, "]");
}

static capsa_result put_level(capsa_buf *text, const struct capsa_sim_recipe *recipe,
                              const struct level *level)
{
    CAPSA_TRY(capsa_buf_str(text, "{\"tcb\":{"));
    CAPSA_TRY(put_components(text, "sgxtcbcomponents", level->sgx, recipe->tcb_info.components));
    CAPSA_TRY(capsa_buf_format(text, ",\"pcesvn\":%u", level->pce_svn));
    if (recipe->claims.platform == CAPSA_PLATFORM_TDX) {
        CAPSA_TRY(capsa_buf_str(text, ","));
        CAPSA_TRY(
            put_components(text, "tdxtcbcomponents", level->tdx, recipe->tcb_info.components));
    }
    CAPSA_TRY(capsa_buf_str(text, "}"));
    return put_status(text, level->date, level->status, level->advisory);
}

/* The platform's own level, one below it, and one that everything reaches; highest first. */
static void fill_levels(const struct capsa_sim_recipe *recipe, struct level levels[LEVELS])
{
    const struct capsa_sim_tcb_info *tcb = &recipe->tcb_info;
    levels[0] = (struct level){.pce_svn = recipe->hardware.pce_svn,
                               .date = TCB_DATE,
                               .status = tcb->status,
                               .advisory = ADVISORY};
    memcpy(levels[0].sgx, recipe->hardware.components, sizeof(levels[0].sgx));
    /* modules later than 1.0 are judged by their identity: their level names no module version */
    levels[0].tdx[0] = MODULE_SVN;
    levels[0].tdx[2] = LATE_MICROCODE_SVN;
    levels[1] = levels[0];
    levels[1].sgx[0] = (uint8_t)(levels[1].sgx[0] - 1);
    levels[1].date = TCB_DATE_LOW;
    levels[1].status = "OutOfDate";
    levels[1].advisory = ADVISORY_LOW;
    levels[2] =
        (struct level){.date = TCB_DATE_LOW, .status = tcb->low_status, .advisory = ADVISORY_LOW};
    for (size_t i = 0; tcb->out_of_reach && i < LEVELS; i++) {
        levels[i].pce_svn = (uint16_t)(recipe->hardware.pce_svn + LEVELS - i);
    }
}

static capsa_result put_levels(capsa_buf *text, const struct capsa_sim_recipe *recipe)
{
    const struct capsa_sim_tcb_info *tcb = &recipe->tcb_info;
    struct level levels[LEVELS];
    fill_levels(recipe, levels);
    CAPSA_TRY(capsa_buf_str(text, "\"tcbLevels\":["));
    for (size_t i = 0; !tcb->no_levels && i < LEVELS; i++) {
        const struct level *level = &levels[tcb->unsorted ? LEVELS - 1 - i : i];
        CAPSA_TRY(capsa_buf_str(text, i == 0 ? "" : ","));
        CAPSA_TRY(put_level(text, recipe, level));
    }
    if (tcb->duplicate) {
        levels[0].status = "UpToDate";
        CAPSA_TRY(capsa_buf_str(text, ","));
        CAPSA_TRY(put_level(text, recipe, &levels[0]));
    }
    return capsa_buf_str(text, "]");
}

#define MODULE_FACTS                                                                               \
    "\"mrsigner\":\"" MODULE_SIGNER MODULE_SIGNER "\",\"attributes\":\"0000000000000000\","        \
    "\"attributesMask\":\"FFFFFFFFFFFFFFFF\""

/* The module of 1.0, and the identities of those later: 2.0 ("TDX_03") and 1.5 ("TDX_01"). */
static capsa_result put_modules(capsa_buf *text, const struct capsa_sim_tcb_info *tcb)
{
    CAPSA_TRY(capsa_buf_str(text, "\"tdxModule\":{" MODULE_FACTS "},\"tdxModuleIdentities\":["
                                  "{\"id\":\"TDX_03\"," MODULE_FACTS ",\"tcbLevels\":["));
    CAPSA_TRY(put_svn_level(text, MODULE_SVN_LOW, TCB_DATE, "UpToDate", ADVISORY_TDX));
    CAPSA_TRY(capsa_buf_str(text, "]}"));
    if (!tcb->no_module) {
        CAPSA_TRY(capsa_buf_str(text, ",{\"id\":\"TDX_01\"," MODULE_FACTS ",\"tcbLevels\":["));
        CAPSA_TRY(put_svn_level(text, MODULE_SVN, TCB_DATE, tcb->module_status, ADVISORY_TDX));
        CAPSA_TRY(capsa_buf_str(text, ","));
        CAPSA_TRY(put_svn_level(text, MODULE_SVN_LOW, TCB_DATE_LOW, "OutOfDate", ADVISORY_TDX));
        CAPSA_TRY(capsa_buf_str(text, "]}"));
    }
    return capsa_buf_str(text, "],");
}

static capsa_result put_platform(capsa_buf *text, const struct capsa_sim_tcb_info *tcb)
{
    for (int i = 0; i < (tcb->repeated_member ? 2 : 1); i++) {
        CAPSA_TRY(capsa_buf_str(text, ",\"fmspc\":\""));
        CAPSA_TRY(put_hex(text, tcb->fmspc, sizeof(tcb->fmspc)));
        CAPSA_TRY(capsa_buf_str(text, "\""));
    }
    CAPSA_TRY(capsa_buf_str(text, ",\"pceId\":\""));
    CAPSA_TRY(put_hex(text, tcb->pce_id, sizeof(tcb->pce_id)));
    return capsa_buf_format(text, "\",\"tcbType\":%u,\"tcbEvaluationDataNumber\":%u,",
                            tcb->tcb_type, tcb->evaluation);
}

/* As Intel would serve it. */
static capsa_result write_tcb_info(const struct capsa_sim_recipe *recipe, capsa_buf *ret_text)
{
    const struct capsa_sim_tcb_info *tcb = &recipe->tcb_info;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(TEXT_MAX);
    CAPSA_TRY(capsa_buf_format(&text, "{\"id\":\"%s\",\"version\":%u,", tcb->id, tcb->version));
    CAPSA_TRY(put_dates(&text, &recipe->parts[CAPSA_SIM_TCB_INFO]));
    CAPSA_TRY(put_platform(&text, tcb));
    if (recipe->claims.platform == CAPSA_PLATFORM_TDX) {
        CAPSA_TRY(put_modules(&text, tcb));
    }
    CAPSA_TRY(put_levels(&text, recipe));
    CAPSA_TRY(capsa_buf_str(&text, tcb->unknown_member ? ",\"news\":{\"of\":[2030]}}" : "}"));
    CAPSA_TRY(capsa_buf_str(&text, tcb->tail == NULL ? "" : tcb->tail));
    return capsa_buf_append(ret_text, capsa_buf_bytes(&text));
}

/* ---- enclave identity ------------------------------------------------------------------------ */

static capsa_result put_identity_levels(capsa_buf *text, const struct capsa_sim_identity *identity)
{
    static const struct {
        unsigned svn;
        const char *status;
    } low[] = {{QE_SVN_LOW, "OutOfDate"}, {QE_SVN_LOWEST, "Revoked"}};
    CAPSA_TRY(capsa_buf_str(text, "\"tcbLevels\":["));
    if (!identity->no_levels) {
        CAPSA_TRY(put_svn_level(text, identity->isv_svn, TCB_DATE, identity->status, ADVISORY_QE));
    }
    bool has_low = !identity->no_levels && !identity->no_low_levels;
    for (size_t i = 0; has_low && i < sizeof(low) / sizeof(low[0]); i++) {
        CAPSA_TRY(capsa_buf_str(text, ","));
        CAPSA_TRY(put_svn_level(text, low[i].svn, TCB_DATE_LOW, low[i].status, ADVISORY_QE));
    }
    return capsa_buf_str(text, "]}");
}

static capsa_result write_identity(const struct capsa_sim_recipe *recipe, capsa_buf *ret_text)
{
    const struct capsa_sim_identity *identity = &recipe->identity;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(TEXT_MAX);
    CAPSA_TRY(
        capsa_buf_format(&text, "{\"id\":\"%s\",\"version\":%u,", identity->id, identity->version));
    CAPSA_TRY(put_dates(&text, &recipe->parts[CAPSA_SIM_QE_IDENTITY]));
    CAPSA_TRY(capsa_buf_format(&text,
                               ",\"tcbEvaluationDataNumber\":%u,\"miscselect\":\"00000000\","
                               "\"miscselectMask\":\"FFFFFFFF\","
                               "\"attributes\":\"11000000000000000000000000000000\","
                               "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\","
                               "\"mrsigner\":\"",
                               identity->evaluation));
    CAPSA_TRY(put_hex(&text, identity->mr_signer, sizeof(identity->mr_signer)));
    CAPSA_TRY(capsa_buf_format(&text, "\",\"isvprodid\":%u,", identity->isv_prod_id));
    CAPSA_TRY(put_identity_levels(&text, identity));
    CAPSA_TRY(capsa_buf_str(&text, identity->tail == NULL ? "" : identity->tail));
    return capsa_buf_append(ret_text, capsa_buf_bytes(&text));
}

/* ---- all together ---------------------------------------------------------------------------- */

CAPSA_RESULT capsa_sim_sign(const struct capsa_sim *sim, const struct capsa_sim_recipe *recipe,
                            enum capsa_sim_part part, capsa_bytes message, capsa_buf *ret_rs)
{
    const struct capsa_sim_signed *how = &recipe->parts[part];
    CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_ecdsa_sign(sim->keys[how->signer], message, &rs));
    if (how->damaged) {
        rs.data[rs.len - 1] ^= 1;
    }
    return capsa_buf_append(ret_rs, capsa_buf_bytes(&rs));
}

static capsa_result put_issuers(struct capsa_cert *const certs[CAPSA_SIM_CERTS],
                                enum capsa_sim_part first, capsa_buf *ret_pem)
{
    CAPSA_TRY(capsa_cert_write_pem(certs[first], ret_pem));
    return capsa_cert_write_pem(certs[CAPSA_SIM_ROOT], ret_pem);
}

static capsa_result put_signed(const struct capsa_sim *sim, const struct capsa_sim_recipe *recipe,
                               capsa_collateral *collateral)
{
    CAPSA_TRY(write_tcb_info(recipe, &collateral->tcb_info));
    CAPSA_TRY(capsa_sim_sign(sim, recipe, CAPSA_SIM_TCB_INFO,
                             capsa_buf_bytes(&collateral->tcb_info),
                             &collateral->tcb_info_signature));
    CAPSA_TRY(write_identity(recipe, &collateral->qe_identity));
    return capsa_sim_sign(sim, recipe, CAPSA_SIM_QE_IDENTITY,
                          capsa_buf_bytes(&collateral->qe_identity),
                          &collateral->qe_identity_signature);
}

CAPSA_RESULT capsa_sim_collateral_make(const struct capsa_sim *sim,
                                       const struct capsa_sim_recipe *recipe,
                                       struct capsa_cert *const certs[CAPSA_SIM_CERTS],
                                       capsa_collateral *ret_collateral)
{
    CAPSA_AUTO(capsa_collateral) made;
    capsa_collateral_init(&made);
    CAPSA_TRY(put_issuers(certs, CAPSA_SIM_PLATFORM_CA, &made.pck_crl_issuer_chain));
    CAPSA_TRY(capsa_sim_crl_make(sim, recipe, certs, CAPSA_SIM_ROOT_CRL, &made.root_ca_crl));
    CAPSA_TRY(capsa_sim_crl_make(sim, recipe, certs, CAPSA_SIM_PCK_CRL, &made.pck_crl));
    CAPSA_TRY(put_issuers(certs, CAPSA_SIM_TCB_SIGNER, &made.tcb_info_issuer_chain));
    CAPSA_TRY(put_issuers(certs, CAPSA_SIM_TCB_SIGNER, &made.qe_identity_issuer_chain));
    CAPSA_TRY(put_signed(sim, recipe, &made));
    capsa_collateral_drop(ret_collateral);
    *ret_collateral = made;
    capsa_collateral_init(&made);
    return CAPSA_OK;
}
