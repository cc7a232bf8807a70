/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated quoting service: header, body and authentication data of Intel's ECDSA quotes,
 * versions 3, 4 and 5 (contracts, quote-verification section 1), signed by an attestation key that
 * the simulated quoting enclave's report binds and the PCK key vouches for.
 */
#include "attester/attester_sim_recipe.h"

#define QUOTE_MAX     KIB(64)
#define SGX_BODY      384
#define TD10_BODY     584
#define TD15_BODY     648
#define USER_DATA_LEN 20
#define PPID_CERT     404   /* certification data of type 3: 384 encrypted bytes and 20 in clear */
#define SGX_FLAGS     0x05U /* initialised, 64 bit */
#define SGX_XFRM      0xe7U

/* ---- fields ---------------------------------------------------------------------------------- */

/* A structure of fixed size that starts as zeros, as reserved fields shall be. */
static void set_le(uint8_t *structure, size_t at, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        structure[at + i] = (uint8_t)(value >> (8 * i));
    }
}

static capsa_result put_le16(capsa_buf *buf, uint16_t value)
{
    CAPSA_TRY(capsa_buf_u8(buf, (uint8_t)value));
    return capsa_buf_u8(buf, (uint8_t)(value >> 8));
}

/* A declared length: the true one, and what a forger adds to it. */
static uint32_t declared(size_t len, int extra)
{
    return (uint32_t)((int64_t)len + extra);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

struct sgx_facts {
    uint8_t mr_enclave[32], mr_signer[32], report_data[CAPSA_REPORT_DATA];
    uint32_t misc_select;
    uint64_t flags, xfrm;
    uint16_t isv_prod_id, isv_svn;
};

static void write_sgx(const struct capsa_sim_recipe *recipe, const struct sgx_facts *facts,
                      uint8_t body[SGX_BODY])
{
    memset(body, 0, SGX_BODY);
    memcpy(body, recipe->hardware.cpu_svn, sizeof(recipe->hardware.cpu_svn));
    set_le(body, 16, facts->misc_select, 4);
    set_le(body, 48, facts->flags, 8);
    set_le(body, 56, facts->xfrm, 8);
    memcpy(body + 64, facts->mr_enclave, sizeof(facts->mr_enclave));
    memcpy(body + 128, facts->mr_signer, sizeof(facts->mr_signer));
    set_le(body, 256, facts->isv_prod_id, 2);
    set_le(body, 258, facts->isv_svn, 2);
    memcpy(body + 320, facts->report_data, sizeof(facts->report_data));
}

static capsa_result put_enclave(const struct capsa_sim_recipe *recipe, capsa_buf *quote)
{
    const struct capsa_sim_claims *claims = &recipe->claims;
    struct sgx_facts facts = {
        .flags = SGX_FLAGS | (claims->debug ? CAPSA_SIM_SGX_DEBUG : 0),
        .xfrm = SGX_XFRM,
        .isv_prod_id = claims->isv_prod_id,
        .isv_svn = claims->isv_svn,
    };
    memcpy(facts.mr_enclave, claims->mr_enclave, sizeof(facts.mr_enclave));
    memcpy(facts.mr_signer, claims->mr_signer, sizeof(facts.mr_signer));
    memcpy(facts.report_data, claims->report_data, sizeof(facts.report_data));
    uint8_t body[SGX_BODY];
    write_sgx(recipe, &facts, body);
    return capsa_buf_append(quote, capsa_bytes_of(body, sizeof(body)));
}

#define FIELD(member)                                                                              \
    {                                                                                              \
        member, sizeof(member)                                                                     \
    }

static capsa_result put_td(const struct capsa_sim_recipe *recipe, capsa_buf *quote)
{
    const struct capsa_sim_claims *claims = &recipe->claims;
    const struct capsa_sim_td *td = &recipe->td;
    const struct {
        const uint8_t *data;
        size_t len;
    } fields[] = {
        FIELD(td->tcb_svn),         FIELD(td->mr_seam),
        FIELD(td->mr_signer_seam),  FIELD(td->seam_attributes),
        FIELD(td->td_attributes),   FIELD(td->xfam),
        FIELD(claims->mr_td),       FIELD(claims->mr_config_id),
        FIELD(claims->mr_owner),    FIELD(claims->mr_owner_config),
        FIELD(claims->rtmr[0]),     FIELD(claims->rtmr[1]),
        FIELD(claims->rtmr[2]),     FIELD(claims->rtmr[3]),
        FIELD(claims->report_data), FIELD(td->tcb_svn2),
        FIELD(td->mr_service_td), /* the last two: TD 1.5 */
    };
    size_t count = sizeof(fields) / sizeof(fields[0]) - (claims->td15 ? 0 : 2);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(capsa_buf_append(quote, capsa_bytes_of(fields[i].data, fields[i].len)));
    }
    return CAPSA_OK;
}

/* ---- header and body: what the attestation key signs ------------------------------------------
 */

static capsa_result put_header(const struct capsa_sim_recipe *recipe, capsa_buf *quote)
{
    const struct capsa_sim_layout *layout = &recipe->layout;
    CAPSA_TRY(put_le16(quote, layout->version));
    CAPSA_TRY(put_le16(quote, layout->key_type));
    CAPSA_TRY(capsa_buf_le32(quote, layout->tee_type));
    CAPSA_TRY(put_le16(quote, recipe->qe.isv_svn));
    CAPSA_TRY(put_le16(quote, recipe->hardware.pce_svn));
    CAPSA_TRY(capsa_buf_append(quote,
                               capsa_bytes_of(recipe->qe.vendor_id, sizeof(recipe->qe.vendor_id))));
    uint8_t user_data[USER_DATA_LEN] = {0}; /* begins with the id of the quoting enclave */
    memcpy(user_data, recipe->hardware.instance_id, sizeof(recipe->hardware.instance_id));
    return capsa_buf_append(quote, capsa_bytes_of(user_data, sizeof(user_data)));
}

static size_t body_len(const struct capsa_sim_claims *claims)
{
    return claims->platform == CAPSA_PLATFORM_SGX ? SGX_BODY : claims->td15 ? TD15_BODY : TD10_BODY;
}

static capsa_result put_signed_region(const struct capsa_sim_recipe *recipe, capsa_buf *quote)
{
    const struct capsa_sim_layout *layout = &recipe->layout;
    CAPSA_TRY(put_header(recipe, quote));
    struct capsa_sim_layout genuine;
    CAPSA_TRY(capsa_sim_layout_make(&recipe->claims, &genuine));
    if (genuine.version == 5) {
        CAPSA_TRY(put_le16(quote, layout->body_type));
        CAPSA_TRY(capsa_buf_le32(quote, declared(body_len(&recipe->claims), layout->body_extra)));
    }
    return recipe->claims.platform == CAPSA_PLATFORM_SGX ? put_enclave(recipe, quote)
                                                         : put_td(recipe, quote);
}

/* ---- the quoting enclave --------------------------------------------------------------------- */

static capsa_result attestation_key(const struct capsa_sim *sim,
                                    const struct capsa_sim_recipe *recipe, uint8_t ret_xy[64])
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_public_key_of(sim->keys[CAPSA_SIM_ATTESTATION_KEY], &key));
    CAPSA_AUTO(capsa_buf) xy = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_public_key_point(key, &xy));
    CAPSA_REQUIRE(xy.len == 64, INTERNAL, "an attestation key of %zu bytes", xy.len);
    memcpy(ret_xy, xy.data, 64);
    if (recipe->layout.zero_key) {
        memset(ret_xy, 0, 64);
    }
    return CAPSA_OK;
}

/* SHA-256 of attestation key and QE authentication data, then zeros. */
static capsa_result bind_key(const struct capsa_sim_recipe *recipe, const uint8_t xy[64],
                             capsa_bytes auth, uint8_t report_data[CAPSA_REPORT_DATA])
{
    CAPSA_AUTO(capsa_buf) bound = capsa_buf_of(QUOTE_MAX + KIB(1));
    CAPSA_TRY(capsa_buf_append(&bound, capsa_bytes_of(xy, 64)));
    CAPSA_TRY(capsa_buf_append(&bound, auth));
    capsa_sha256(capsa_buf_bytes(&bound), report_data);
    if (recipe->qe.unbound) {
        report_data[0] ^= 1;
    }
    return CAPSA_OK;
}

/* QE report, its signature, and the authentication data that the report binds. */
static capsa_result put_qe(const struct capsa_sim *sim, const struct capsa_sim_recipe *recipe,
                           const uint8_t xy[64], capsa_buf *tail)
{
    const struct capsa_sim_qe *qe = &recipe->qe;
    uint16_t auth_len = recipe->layout.qe_auth_len;
    CAPSA_AUTO(capsa_buf) auth = capsa_buf_of(QUOTE_MAX);
    for (size_t i = 0; i < auth_len; i++) {
        CAPSA_TRY(capsa_buf_u8(&auth, qe->auth[i % sizeof(qe->auth)]));
    }
    struct sgx_facts facts = {.misc_select = qe->misc_select,
                              .flags = qe->flags,
                              .xfrm = qe->xfrm,
                              .isv_prod_id = qe->isv_prod_id,
                              .isv_svn = qe->isv_svn};
    memcpy(facts.mr_enclave, qe->mr_enclave, sizeof(facts.mr_enclave));
    memcpy(facts.mr_signer, qe->mr_signer, sizeof(facts.mr_signer));
    CAPSA_TRY(bind_key(recipe, xy, capsa_buf_bytes(&auth), facts.report_data));
    uint8_t report[SGX_BODY];
    write_sgx(recipe, &facts, report);
    CAPSA_TRY(capsa_buf_append(tail, capsa_bytes_of(report, sizeof(report))));
    CAPSA_TRY(capsa_sim_sign(sim, recipe, CAPSA_SIM_QE_REPORT,
                             capsa_bytes_of(report, sizeof(report)), tail));
    CAPSA_TRY(put_le16(tail, auth_len));
    return capsa_buf_append(tail, capsa_buf_bytes(&auth));
}

/* The chain, or, where the type says that the platform is named by its id, an id. */
static capsa_result put_certification(const struct capsa_sim_recipe *recipe, capsa_bytes chain,
                                      capsa_buf *tail)
{
    static const uint8_t id[PPID_CERT] = {1};
    const struct capsa_sim_layout *layout = &recipe->layout;
    capsa_bytes data = layout->cert_type == 3 ? capsa_bytes_of(id, sizeof(id)) : chain;
    CAPSA_TRY(put_le16(tail, layout->cert_type));
    CAPSA_TRY(capsa_buf_le32(tail, declared(data.len, layout->cert_extra)));
    return capsa_buf_append(tail, data);
}

/* ---- authentication data --------------------------------------------------------------------- */

static capsa_result put_signature(const struct capsa_sim *sim,
                                  const struct capsa_sim_recipe *recipe, capsa_bytes region,
                                  capsa_buf *auth)
{
    if (!recipe->layout.one_one_signature) {
        return capsa_sim_sign(sim, recipe, CAPSA_SIM_QUOTE, region, auth);
    }
    const uint8_t rs[64] = {[31] = 1, [63] = 1};
    return capsa_buf_append(auth, capsa_bytes_of(rs, sizeof(rs)));
}

static capsa_result put_authentication(const struct capsa_sim *sim,
                                       const struct capsa_sim_recipe *recipe, capsa_bytes chain,
                                       capsa_bytes region, capsa_buf *auth)
{
    const struct capsa_sim_layout *layout = &recipe->layout;
    uint8_t xy[64];
    CAPSA_TRY(attestation_key(sim, recipe, xy));
    CAPSA_AUTO(capsa_buf) tail = capsa_buf_of(QUOTE_MAX);
    CAPSA_TRY(put_qe(sim, recipe, xy, &tail));
    CAPSA_TRY(put_certification(recipe, chain, &tail));
    CAPSA_TRY(put_signature(sim, recipe, region, auth));
    CAPSA_TRY(capsa_buf_append(auth, capsa_bytes_of(xy, sizeof(xy))));
    struct capsa_sim_layout genuine;
    CAPSA_TRY(capsa_sim_layout_make(&recipe->claims, &genuine));
    if (genuine.version > 3) { /* the tail within certification data of type 6 */
        CAPSA_TRY(put_le16(auth, layout->outer_type));
        CAPSA_TRY(capsa_buf_le32(auth, declared(tail.len, layout->outer_extra)));
    }
    return capsa_buf_append(auth, capsa_buf_bytes(&tail));
}

CAPSA_RESULT capsa_sim_quote_make(const struct capsa_sim *sim,
                                  const struct capsa_sim_recipe *recipe, capsa_bytes chain,
                                  capsa_buf *ret_quote)
{
    const struct capsa_sim_layout *layout = &recipe->layout;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(2 * QUOTE_MAX);
    CAPSA_TRY(put_signed_region(recipe, &quote));
    CAPSA_AUTO(capsa_buf) auth = capsa_buf_of(QUOTE_MAX);
    CAPSA_TRY(put_authentication(sim, recipe, chain, capsa_buf_bytes(&quote), &auth));
    CAPSA_TRY(capsa_buf_le32(&quote, declared(auth.len, layout->auth_extra)));
    CAPSA_TRY(capsa_buf_append(&quote, capsa_buf_bytes(&auth)));
    for (size_t i = 0; i < layout->trailing; i++) {
        CAPSA_TRY(capsa_buf_u8(&quote, 0));
    }
    if (layout->truncate < quote.len) {
        capsa_buf_cut(&quote, layout->truncate);
    }
    return capsa_buf_append(ret_quote, capsa_buf_bytes(&quote));
}
