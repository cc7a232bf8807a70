/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated maker's certificates and revocation lists: a root, the platform CA below it, the
 * PCK certificate with what it says of the platform, and the signer of TCB Info. Names and
 * extensions are those of contracts, quote-verification section 3: a verifier sees no difference
 * but the root.
 */
#include "attester/attester_sim_recipe.h"
#include "codec/der.h"

#define OID_SGX   "1.2.840.113741.1.13.1"
#define OID_OTHER "1.2.840.113741.1.13.99" /* nobody's: where a forger hides an extension */
#define CRL_URL   "https://simulation.invalid/sgx/certification/v4/pckcrl"
#define EXTENSION KIB(4)

/* ---- the SGX extension ----------------------------------------------------------------------- */

/* SEQUENCE {OID of OID_SGX.<suffix>, an element that is written already} */
static capsa_result put_entry(capsa_buf *list, const char *suffix, capsa_bytes element)
{
    CAPSA_AUTO(capsa_buf) dotted = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&dotted, OID_SGX ".%s", suffix));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&dotted, &text));
    CAPSA_AUTO(capsa_buf) oid = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_der_oid(text, &oid));
    CAPSA_AUTO(capsa_buf) entry = capsa_buf_of(EXTENSION);
    CAPSA_TRY(capsa_der_write(&entry, CAPSA_DER_OID, capsa_buf_bytes(&oid)));
    CAPSA_TRY(capsa_buf_append(&entry, element));
    return capsa_der_write(list, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&entry));
}

static capsa_result put_value(capsa_buf *list, const char *suffix, uint8_t tag, capsa_bytes content)
{
    CAPSA_AUTO(capsa_buf) element = capsa_buf_of(EXTENSION);
    CAPSA_TRY(capsa_der_write(&element, tag, content));
    return put_entry(list, suffix, capsa_buf_bytes(&element));
}

static capsa_result put_number(capsa_buf *list, const char *suffix, uint8_t tag, uint64_t number)
{
    CAPSA_AUTO(capsa_buf) element = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_der_write_unsigned(&element, tag, number));
    return put_entry(list, suffix, capsa_buf_bytes(&element));
}

/* 2.1 to 2.16 the components, 2.17 PCESVN, 2.18 CPUSVN */
static capsa_result put_tcb(capsa_buf *list, const struct capsa_sim_hardware *hardware)
{
    CAPSA_AUTO(capsa_buf) tcb = capsa_buf_of(EXTENSION);
    for (unsigned i = 0; i < CAPSA_SIM_COMPONENTS; i++) {
        CAPSA_AUTO(capsa_buf) suffix = capsa_buf_of(KIB(1));
        CAPSA_TRY(capsa_buf_format(&suffix, "2.%u", i + 1));
        const char *text;
        CAPSA_TRY(capsa_buf_cstr(&suffix, &text));
        CAPSA_TRY(put_number(&tcb, text, CAPSA_DER_INTEGER, hardware->components[i]));
    }
    CAPSA_TRY(put_number(&tcb, "2.17", CAPSA_DER_INTEGER, hardware->pce_svn));
    CAPSA_TRY(put_value(&tcb, "2.18", CAPSA_DER_OCTET_STRING,
                        capsa_bytes_of(hardware->cpu_svn, sizeof(hardware->cpu_svn))));
    return put_value(list, "2", CAPSA_DER_SEQUENCE, capsa_buf_bytes(&tcb));
}

/* dynamic platform, cached keys, SMT: as a platform of several packages has them */
static capsa_result put_configuration(capsa_buf *list)
{
    static const uint8_t yes[] = {0xff};
    static const char *const suffixes[] = {"7.1", "7.2", "7.3"};
    CAPSA_AUTO(capsa_buf) configuration = capsa_buf_of(EXTENSION);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        CAPSA_TRY(put_value(&configuration, suffixes[i], CAPSA_DER_BOOLEAN,
                            capsa_bytes_of(yes, sizeof(yes))));
    }
    return put_value(list, "7", CAPSA_DER_SEQUENCE, capsa_buf_bytes(&configuration));
}

static capsa_result write_extension(const struct capsa_sim_recipe *recipe, capsa_buf *ret_content)
{
    const struct capsa_sim_hardware *hardware = &recipe->hardware;
    const struct {
        const char *suffix;
        capsa_bytes bytes;
        bool left_out;
    } octets[] = {
        {"1", capsa_bytes_of(hardware->ppid, sizeof(hardware->ppid)), false},
        {"3", capsa_bytes_of(hardware->pce_id, sizeof(hardware->pce_id)), false},
        {"4", capsa_bytes_of(hardware->fmspc, sizeof(hardware->fmspc)), recipe->pck.no_fmspc},
        {"6", capsa_bytes_of(hardware->instance_id, sizeof(hardware->instance_id)), false},
    };
    CAPSA_AUTO(capsa_buf) list = capsa_buf_of(EXTENSION);
    for (size_t i = 0; i < sizeof(octets) / sizeof(octets[0]); i++) {
        if (!octets[i].left_out) {
            CAPSA_TRY(put_value(&list, octets[i].suffix, CAPSA_DER_OCTET_STRING, octets[i].bytes));
        }
    }
    if (!recipe->pck.no_tcb) {
        CAPSA_TRY(put_tcb(&list, hardware));
    }
    CAPSA_TRY(put_number(&list, "5", CAPSA_DER_ENUMERATED, hardware->sgx_type));
    CAPSA_TRY(put_configuration(&list));
    return capsa_der_write(ret_content, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&list));
}

/* ---- certificates ---------------------------------------------------------------------------- */

static const struct {
    enum capsa_sim_part issuer;
    enum capsa_sim_key key;
} places[CAPSA_SIM_CERTS] = {
    [CAPSA_SIM_ROOT] = {CAPSA_SIM_ROOT, CAPSA_SIM_ROOT_KEY},
    [CAPSA_SIM_PLATFORM_CA] = {CAPSA_SIM_ROOT, CAPSA_SIM_PLATFORM_CA_KEY},
    [CAPSA_SIM_PCK] = {CAPSA_SIM_PLATFORM_CA, CAPSA_SIM_PCK_KEY},
    [CAPSA_SIM_TCB_SIGNER] = {CAPSA_SIM_ROOT, CAPSA_SIM_TCB_SIGNER_KEY},
};

/* The same with the last bit of its signature turned. */
static capsa_result damage_cert(struct capsa_cert **cert)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_cert_write_der(*cert, &der));
    der.data[der.len - 1] ^= 1;
    struct capsa_cert *damaged;
    CAPSA_TRY(capsa_cert_parse_der(capsa_buf_bytes(&der), &damaged));
    capsa_cert_free(*cert);
    *cert = damaged;
    return CAPSA_OK;
}

static capsa_result issue_cert(const struct capsa_sim *sim, const struct capsa_sim_recipe *recipe,
                               enum capsa_sim_part part, const struct capsa_cert *issuer,
                               struct capsa_cert **ret_cert)
{
    const struct capsa_sim_signed *how = &recipe->parts[part];
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_public_key_of(sim->keys[places[part].key], &key));
    CAPSA_AUTO(capsa_buf) extension = capsa_buf_of(EXTENSION);
    CAPSA_TRY(write_extension(recipe, &extension));
    const struct capsa_cert_extra extra = {recipe->pck.hidden ? OID_OTHER : OID_SGX,
                                           capsa_buf_bytes(&extension)};
    bool extends = part == CAPSA_SIM_PCK && !recipe->pck.no_extension;
    const struct capsa_cert_issue issue = {
        .common_name = recipe->certs[part].common_name,
        .issuer = issuer,
        .issuer_key = sim->keys[how->signer],
        .key = key,
        .kind = CAPSA_LINK_P256_SHA256,
        .not_before = how->from,
        .not_after = how->to,
        .is_ca = recipe->certs[part].is_ca,
        .crl_url = recipe->certs[part].has_crl_point ? CRL_URL : NULL,
        .extra = &extra,
        .extra_count = extends ? 1 : 0,
    };
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY(capsa_cert_issue(&issue, &cert));
    if (how->damaged) {
        CAPSA_TRY(damage_cert(&cert));
    }
    *ret_cert = cert;
    cert = NULL;
    return CAPSA_OK;
}

void capsa_sim_certs_drop(struct capsa_cert *certs[CAPSA_SIM_CERTS])
{
    for (size_t i = 0; i < CAPSA_SIM_CERTS; i++) {
        capsa_cert_free(certs[i]);
        certs[i] = NULL;
    }
}

CAPSA_RESULT capsa_sim_certs_make(const struct capsa_sim *sim,
                                  const struct capsa_sim_recipe *recipe,
                                  struct capsa_cert *ret_certs[CAPSA_SIM_CERTS])
{
    struct capsa_cert *certs[CAPSA_SIM_CERTS] = {NULL};
    for (unsigned i = 0; i < CAPSA_SIM_CERTS; i++) {
        capsa_result issued =
            issue_cert(sim, recipe, (enum capsa_sim_part)i, certs[places[i].issuer], &certs[i]);
        if (capsa_failed(issued)) {
            capsa_sim_certs_drop(certs);
            return issued;
        }
    }
    memcpy(ret_certs, certs, sizeof(certs));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sim_chain_write(const struct capsa_sim_recipe *recipe,
                                   struct capsa_cert *const certs[CAPSA_SIM_CERTS],
                                   capsa_buf *ret_pem)
{
    static const enum capsa_sim_part order[] = {CAPSA_SIM_PCK, CAPSA_SIM_PLATFORM_CA,
                                                CAPSA_SIM_ROOT};
    const size_t all = sizeof(order) / sizeof(order[0]);
    size_t count = recipe->layout.leaf_only ? 1 : all;
    for (size_t i = 0; i < count; i++) {
        size_t at = recipe->layout.reversed ? count - 1 - i : i;
        CAPSA_TRY(capsa_cert_write_pem(certs[order[at]], ret_pem));
    }
    return CAPSA_OK;
}

/* ---- revocation lists ------------------------------------------------------------------------ */

CAPSA_RESULT capsa_sim_crl_make(const struct capsa_sim *sim, const struct capsa_sim_recipe *recipe,
                                struct capsa_cert *const certs[CAPSA_SIM_CERTS],
                                enum capsa_sim_part part, capsa_buf *ret_der)
{
    bool of_root = part == CAPSA_SIM_ROOT_CRL;
    const struct capsa_sim_crl_facts *facts = &recipe->crls[of_root ? 0 : 1];
    const struct capsa_sim_signed *how = &recipe->parts[part];
    if (facts->missing) {
        return CAPSA_OK;
    }
    const struct capsa_cert *revoked[CAPSA_SIM_CERTS];
    size_t count = 0;
    for (size_t i = 0; i < CAPSA_SIM_CERTS; i++) {
        if (facts->revokes[i]) {
            revoked[count++] = certs[i];
        }
    }
    bool by_root = of_root != facts->wrong_issuer;
    const struct capsa_crl_issue issue = {
        .issuer = certs[by_root ? CAPSA_SIM_ROOT : CAPSA_SIM_PLATFORM_CA],
        .issuer_key = sim->keys[!facts->wrong_issuer ? how->signer
                                : by_root            ? CAPSA_SIM_ROOT_KEY
                                                     : CAPSA_SIM_PLATFORM_CA_KEY],
        .kind = CAPSA_LINK_P256_SHA256,
        .this_update = how->from,
        .next_update = how->to,
        .revoked = revoked,
        .revoked_count = count,
    };
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    CAPSA_TRY(capsa_crl_issue(&issue, &der));
    if (how->damaged) { /* the last byte belongs to s */
        der.data[der.len - 1] ^= 1;
    }
    if (facts->trailing) {
        CAPSA_TRY(capsa_buf_u8(&der, 0));
    }
    return capsa_buf_append(ret_der, capsa_buf_bytes(&der));
}
