/* SPDX-License-Identifier: Apache-2.0
 *
 * The default recipe (attester_sim_recipe.h): a multi-package server with TDX module 1.5, up to
 * date in everything. FMSPC 53494D000000 is "SIM": no processor of Intel's has it.
 */
#include "attester/attester_sim_recipe.h"

#define DAY_SECONDS        86400
#define CERT_DAYS          (20 * 366) /* longer than collateral may live */
#define ROOT_DAYS          (30 * 366)
#define EVALUATION         20
#define QE_ISV_SVN         8
#define SGX_TYPE_SCALABLE  1
#define QE_FLAGS           0x11U /* initialised, provisioning key: as Intel's quoting enclaves */
#define QE_XFRM            0xe7U
#define SEPT_VE_DISABLE_AT 3 /* bit 28 of the TD attributes */
#define SEPT_VE_DISABLE    0x10U

/* ---- parts ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum capsa_sim_key signer;
} parts[CAPSA_SIM_PARTS] = {
    [CAPSA_SIM_ROOT] = {"root", CAPSA_SIM_ROOT_KEY},
    [CAPSA_SIM_PLATFORM_CA] = {"platform-ca", CAPSA_SIM_ROOT_KEY},
    [CAPSA_SIM_PCK] = {"pck", CAPSA_SIM_PLATFORM_CA_KEY},
    [CAPSA_SIM_TCB_SIGNER] = {"tcb-signer", CAPSA_SIM_ROOT_KEY},
    [CAPSA_SIM_ROOT_CRL] = {"root-crl", CAPSA_SIM_ROOT_KEY},
    [CAPSA_SIM_PCK_CRL] = {"pck-crl", CAPSA_SIM_PLATFORM_CA_KEY},
    [CAPSA_SIM_TCB_INFO] = {"tcb-info", CAPSA_SIM_TCB_SIGNER_KEY},
    [CAPSA_SIM_QE_IDENTITY] = {"qe-identity", CAPSA_SIM_TCB_SIGNER_KEY},
    [CAPSA_SIM_QE_REPORT] = {"qe-report", CAPSA_SIM_PCK_KEY},
    [CAPSA_SIM_QUOTE] = {"quote", CAPSA_SIM_ATTESTATION_KEY},
};

const char *capsa_sim_part_name(enum capsa_sim_part part)
{
    return part < CAPSA_SIM_PARTS ? parts[part].name : "";
}

enum capsa_sim_part capsa_sim_part_by_name(const char *name)
{
    for (unsigned i = 0; i < CAPSA_SIM_PARTS; i++) {
        if (capsa_streq(parts[i].name, name)) {
            return (enum capsa_sim_part)i;
        }
    }
    return CAPSA_SIM_PARTS;
}

static void set_parts(capsa_time now, unsigned days, struct capsa_sim_recipe *recipe)
{
    for (unsigned i = 0; i < CAPSA_SIM_PARTS; i++) {
        unsigned lives = i == CAPSA_SIM_ROOT ? ROOT_DAYS : i < CAPSA_SIM_CERTS ? CERT_DAYS : days;
        recipe->parts[i] = (struct capsa_sim_signed){
            .from = now, .to = now + (capsa_time)lives * DAY_SECONDS, .signer = parts[i].signer};
    }
}

/* ---- measurements ---------------------------------------------------------------------------- */

void capsa_sim_digest(const char *label, capsa_bytes data, uint8_t ret_digest[32])
{
    const capsa_bytes inputs[] = {CAPSA_BYTES_LITERAL("capsa sim"), capsa_bytes_str(label), data};
    capsa_sha256_parts(inputs, sizeof(inputs) / sizeof(inputs[0]), ret_digest);
}

void capsa_sim_digest384(const char *label, capsa_bytes data, uint8_t ret_digest[48])
{
    const capsa_bytes inputs[] = {CAPSA_BYTES_LITERAL("capsa sim"), capsa_bytes_str(label), data};
    uint8_t digest[CAPSA_SHA512];
    capsa_sha512_parts(inputs, sizeof(inputs) / sizeof(inputs[0]), digest);
    memcpy(ret_digest, digest, 48);
}

/* ---- what the platform is -------------------------------------------------------------------- */

static const uint8_t vendor_id[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                      0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
static const struct capsa_sim_hardware hardware = {
    .fmspc = {'S', 'I', 'M', 0, 0, 0},
    .components = {5, 5, 2, 4, 3, 1, 0, 3},
    .cpu_svn = {5, 5, 2, 4, 3, 1, 0, 3},
    .pce_svn = 13,
    .sgx_type = SGX_TYPE_SCALABLE,
};
static const struct capsa_sim_cert_facts certs[CAPSA_SIM_CERTS] = {
    [CAPSA_SIM_ROOT] = {"Intel SGX Root CA", true, true},
    [CAPSA_SIM_PLATFORM_CA] = {"Intel SGX PCK Platform CA", true, true},
    [CAPSA_SIM_PCK] = {"Intel SGX PCK Certificate", false, true},
    [CAPSA_SIM_TCB_SIGNER] = {"Intel SGX TCB Signing", false, true},
};
static const struct capsa_sim_td td = {
    .tcb_svn = {5, 1, 2},
    .tcb_svn2 = {5, 1, 2},
    .td_attributes = {[SEPT_VE_DISABLE_AT] = SEPT_VE_DISABLE},
    .xfam = {0xe7, 0x02, 0x06},
};

/* What tells one simulated platform from another comes from its PCK key: nothing more to keep. */
static capsa_result set_hardware(const struct capsa_sim *sim, struct capsa_sim_hardware *ret)
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_public_key_of(sim->keys[CAPSA_SIM_PCK_KEY], &key));
    CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_public_key_spki(key, &spki));
    uint8_t digest[CAPSA_SHA256];
    capsa_sim_digest("platform", capsa_buf_bytes(&spki), digest);
    *ret = hardware;
    memcpy(ret->ppid, digest, sizeof(ret->ppid));
    memcpy(ret->instance_id, digest + sizeof(ret->ppid), sizeof(ret->instance_id));
    return CAPSA_OK;
}

static void set_tcb_info(struct capsa_sim_recipe *recipe)
{
    struct capsa_sim_tcb_info *tcb = &recipe->tcb_info;
    tcb->id = recipe->claims.platform == CAPSA_PLATFORM_TDX ? "TDX" : "SGX";
    tcb->version = 3;
    tcb->evaluation = EVALUATION;
    memcpy(tcb->fmspc, recipe->hardware.fmspc, sizeof(tcb->fmspc));
    memcpy(tcb->pce_id, recipe->hardware.pce_id, sizeof(tcb->pce_id));
    tcb->status = "UpToDate";
    tcb->module_status = "UpToDate";
    tcb->low_status = "OutOfDate";
    tcb->components = CAPSA_SIM_COMPONENTS;
}

/* The quoting enclave, and the identity that knows it. */
static void set_qe(struct capsa_sim_recipe *recipe)
{
    bool tdx = recipe->claims.platform == CAPSA_PLATFORM_TDX;
    struct capsa_sim_qe *qe = &recipe->qe;
    memcpy(qe->vendor_id, vendor_id, sizeof(qe->vendor_id));
    capsa_bytes name = capsa_bytes_str(tdx ? "TD_QE" : "QE");
    capsa_sim_digest("qe mr_enclave", name, qe->mr_enclave);
    capsa_sim_digest("qe mr_signer", name, qe->mr_signer);
    for (size_t i = 0; i < sizeof(qe->auth); i++) {
        qe->auth[i] = (uint8_t)i;
    }
    qe->isv_prod_id = tdx ? 2 : 1;
    qe->isv_svn = QE_ISV_SVN;
    qe->flags = QE_FLAGS;
    qe->xfrm = QE_XFRM;
    struct capsa_sim_identity *identity = &recipe->identity;
    *identity = (struct capsa_sim_identity){
        .id = tdx ? "TD_QE" : "QE",
        .version = 2,
        .evaluation = EVALUATION,
        .isv_prod_id = qe->isv_prod_id,
        .isv_svn = qe->isv_svn,
        .status = "UpToDate",
    };
    memcpy(identity->mr_signer, qe->mr_signer, sizeof(identity->mr_signer));
}

/* ---- numbers of the quote -------------------------------------------------------------------- */

CAPSA_RESULT capsa_sim_layout_make(const struct capsa_sim_claims *claims,
                                   struct capsa_sim_layout *ret_layout)
{
    bool tdx = claims->platform == CAPSA_PLATFORM_TDX;
    CAPSA_REQUIRE(tdx || claims->platform == CAPSA_PLATFORM_SGX, USAGE,
                  "the simulation makes quotes of sgx and tdx");
    unsigned version = claims->quote_version;
    version = version != 0 ? version : !tdx ? 3 : claims->td15 ? 5 : 4;
    CAPSA_REQUIRE(version >= (tdx ? 4U : 3U) && version <= 5U, USAGE,
                  "quotes of %s have version %s, not %u", tdx ? "tdx" : "sgx",
                  tdx ? "4 or 5" : "3, 4 or 5", version);
    CAPSA_REQUIRE(!claims->td15 || (tdx && version == 5), USAGE,
                  "the TD 1.5 body is of tdx quotes of version 5");
    *ret_layout = (struct capsa_sim_layout){
        .version = (uint16_t)version,
        .key_type = 2,
        .outer_type = 6,
        .cert_type = 5,
        .body_type = (uint16_t)(!tdx           ? 1
                                : claims->td15 ? 3
                                               : 2),
        .tee_type = tdx ? 0x81 : 0,
        .qe_auth_len = sizeof(((struct capsa_sim_qe *)NULL)->auth),
        .truncate = SIZE_MAX,
    };
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_recipe_make(const struct capsa_sim *sim,
                                   const struct capsa_sim_claims *claims, capsa_time now,
                                   unsigned days, struct capsa_sim_recipe *ret_recipe)
{
    struct capsa_sim_recipe recipe = {.claims = *claims, .td = td};
    CAPSA_TRY(capsa_sim_layout_make(claims, &recipe.layout));
    set_parts(now, days, &recipe);
    memcpy(recipe.certs, certs, sizeof(recipe.certs));
    CAPSA_TRY(set_hardware(sim, &recipe.hardware));
    set_tcb_info(&recipe);
    set_qe(&recipe);
    capsa_sim_digest384("tdx module", capsa_bytes_of(NULL, 0), recipe.td.mr_seam);
    if (claims->debug) {
        recipe.td.td_attributes[0] |= 1;
    }
    *ret_recipe = recipe;
    return CAPSA_OK;
}
