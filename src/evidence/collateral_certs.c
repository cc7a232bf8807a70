/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and revocation lists in files of their own, put where they belong by the common name
 * that their makers gave them. That is sorting and no more: a certificate in the wrong place, or
 * with a name that it gave itself, fails where the verifier looks at signatures.
 */
#include "base/limits.h"
#include "codec/der.h"
#include "crypto/crypto_pki.h"
#include "evidence/collateral_internal.h"

enum role {
    ROLE_NONE,
    ROLE_PCK,    /* Intel: leaf of a quote */
    ROLE_SIGNER, /* Intel: signs TCB Info and identities */
    ROLE_PCK_CA, /* Intel: issues PCK certificates and their revocation list */
    ROLE_ROOT,   /* Intel */
    ROLE_LEAF,   /* AMD: VCEK or VLEK */
    ROLE_ASK,
    ROLE_ARK,
};

static const struct {
    const char *begin; /* of the common name */
    bool whole;
    enum role role;
} common_names[] = {
    {"Intel SGX PCK Certificate", false, ROLE_PCK},
    {"Intel SGX TCB Signing", false, ROLE_SIGNER},
    {"Intel SGX PCK Platform CA", false, ROLE_PCK_CA},
    {"Intel SGX PCK Processor CA", false, ROLE_PCK_CA},
    {"Intel SGX Root CA", false, ROLE_ROOT},
    {"SEV-VCEK", true, ROLE_LEAF},
    {"SEV-VLEK", true, ROLE_LEAF},
    {"SEV-", false, ROLE_ASK}, /* SEV-Milan, SEV-VLEK-Milan */
    {"ARK-", false, ROLE_ARK},
};

static enum role role_of_name(capsa_bytes common_name)
{
    for (size_t i = 0; i < sizeof(common_names) / sizeof(common_names[0]); i++) {
        size_t len = strlen(common_names[i].begin);
        capsa_bytes begin = common_name;
        begin.len = common_names[i].whole || begin.len < len ? begin.len : len;
        if (capsa_bytes_is(begin, common_names[i].begin)) {
            return common_names[i].role;
        }
    }
    return ROLE_NONE;
}

/* For a certificate that names itself otherwise: what its file is called. */
static enum role role_of_file(const char *name)
{
    static const struct {
        const char *stem;
        enum role role;
    } stems[] = {
        {"leaf", ROLE_LEAF}, {"vcek", ROLE_LEAF}, {"vlek", ROLE_LEAF},
        {"ask", ROLE_ASK},   {"asvk", ROLE_ASK},  {"ark", ROLE_ARK},
    };
    for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++) {
        if (capsa_collateral_stem_is(name, stems[i].stem)) {
            return stems[i].role;
        }
    }
    return ROLE_NONE;
}

bool capsa_collateral_is_cert(const char *name, capsa_bytes bytes)
{
    return role_of_file(name) != ROLE_NONE || capsa_collateral_is_pem(bytes, "CERTIFICATE");
}

/* A certificate without one common name has no role; only want of memory is an error. */
static capsa_result role_of_cert(const struct capsa_cert *cert, enum role *ret_role)
{
    char name[CAPSA_COMMON_NAME];
    capsa_result read = capsa_cert_subject_name(cert, name);
    CAPSA_TRY(capsa_code_of(read) == CAPSA_E_NOMEM ? read : CAPSA_OK);
    *ret_role = capsa_failed(read) ? ROLE_NONE : role_of_name(capsa_bytes_str(name));
    return CAPSA_OK;
}

/* ---- AMD ------------------------------------------------------------------------------------- */

static capsa_result put_amd(const struct capsa_cert *cert, enum role role,
                            capsa_collateral *collateral)
{
    capsa_buf *place = role == ROLE_LEAF  ? &collateral->snp_leaf
                       : role == ROLE_ASK ? &collateral->snp_ask
                                          : &collateral->snp_ark;
    CAPSA_REQUIRE(place->len == 0, MALFORMED, "two certificates that would be the same part");
    return capsa_buf_append(place, capsa_cert_der(cert));
}

static bool is_amd(enum role role)
{
    return role >= ROLE_LEAF;
}

static capsa_result put_amd_chain(const char *name, const capsa_chain *chain,
                                  capsa_collateral *collateral)
{
    for (size_t i = 0; i < chain->count; i++) {
        enum role role = ROLE_NONE;
        CAPSA_TRY(role_of_cert(chain->certs[i], &role));
        role = is_amd(role) ? role : role_of_file(name);
        CAPSA_REQUIRE(is_amd(role), MALFORMED,
                      "certificate %zu is none of AMD's, though others of the file are", i + 1);
        CAPSA_TRY(put_amd(chain->certs[i], role, collateral));
    }
    return CAPSA_OK;
}

/* ---- Intel ----------------------------------------------------------------------------------- */

static bool name_has(const char *name, const char *word)
{
    return strcasestr(name, word) != NULL;
}

/* One signer signs both, and serves both where the file's name does not tell. */
static capsa_result put_signer(const char *name, capsa_bytes pem, capsa_collateral *collateral)
{
    bool is_identity = name_has(name, "identity");
    if (!is_identity) {
        CAPSA_TRY(capsa_buf_append(&collateral->tcb_info_issuer_chain, pem));
    }
    if (is_identity || !name_has(name, "info")) {
        CAPSA_TRY(capsa_buf_append(&collateral->qe_identity_issuer_chain, pem));
    }
    return CAPSA_OK;
}

static capsa_result write_chain(const capsa_chain *chain, capsa_buf *ret_pem)
{
    for (size_t i = 0; i < chain->count; i++) {
        CAPSA_TRY(capsa_cert_write_pem(chain->certs[i], ret_pem));
    }
    return CAPSA_OK;
}

static capsa_result put_intel(const char *name, enum role role, const capsa_chain *chain,
                              capsa_collateral *collateral)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_collateral_chain);
    CAPSA_TRY(write_chain(chain, &pem));
    if (role == ROLE_SIGNER) {
        return put_signer(name, capsa_buf_bytes(&pem), collateral);
    }
    return capsa_buf_append(role == ROLE_PCK ? &collateral->pck_certificate_chain
                                             : &collateral->pck_crl_issuer_chain,
                            capsa_buf_bytes(&pem));
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* What a chain is for is said by its lowest certificate, and in any order that is the one whose
 * role comes first in the list. */
static capsa_result role_of_chain(const char *name, const capsa_chain *chain, enum role *ret_role)
{
    enum role lowest = ROLE_NONE;
    for (size_t i = 0; i < chain->count; i++) {
        enum role role = ROLE_NONE;
        CAPSA_TRY(role_of_cert(chain->certs[i], &role));
        if (role != ROLE_NONE && (lowest == ROLE_NONE || role < lowest)) {
            lowest = role;
        }
    }
    *ret_role = lowest == ROLE_NONE && chain->count == 1 ? role_of_file(name) : lowest;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_certs(const char *name, capsa_bytes bytes,
                                    capsa_collateral *ret_collateral, const char **ret_why)
{
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(capsa_certs_parse(bytes, &chain));
    enum role role = ROLE_NONE;
    CAPSA_TRY(role_of_chain(name, &chain, &role));
    *ret_why = role == ROLE_NONE   ? "a certificate that no evidence known here comes with"
               : role == ROLE_ROOT ? "a root certificate, which is never collateral (--root)"
                                   : NULL;
    if (*ret_why != NULL) {
        return CAPSA_OK;
    }
    return is_amd(role) ? put_amd_chain(name, &chain, ret_collateral)
                        : put_intel(name, role, &chain, ret_collateral);
}

/* ---- Revocation lists ------------------------------------------------------------------------ */

/* An attribute of a DER Name: SET of SEQUENCE of OID and text. Empty unless it is a common name. */
static capsa_result read_common_name(struct capsa_reader *names, capsa_bytes *ret_text)
{
    static const uint8_t common_name[] = {0x55, 0x04, 0x03};
    capsa_bytes set;
    capsa_bytes pair;
    capsa_bytes oid;
    capsa_bytes text;
    uint8_t tag;
    CAPSA_TRY(capsa_der_read(names, CAPSA_DER_SET, &set));
    CAPSA_TRY(capsa_der_whole(set, CAPSA_DER_SEQUENCE, &pair));
    struct capsa_reader reader = capsa_reader_of(pair);
    CAPSA_TRY(capsa_der_read(&reader, CAPSA_DER_OID, &oid));
    CAPSA_TRY(capsa_der_any(&reader, &tag, &text));
    bool is_it = capsa_bytes_equal(oid, capsa_bytes_of(common_name, sizeof(common_name)));
    *ret_text = is_it ? text : capsa_bytes_of(NULL, 0);
    return CAPSA_OK;
}

static enum role role_of_issuer(capsa_bytes der_name)
{
    capsa_bytes names;
    if (capsa_failed(capsa_der_whole(der_name, CAPSA_DER_SEQUENCE, &names))) {
        return ROLE_NONE;
    }
    struct capsa_reader reader = capsa_reader_of(names);
    capsa_bytes text = {NULL, 0};
    while (text.len == 0 && capsa_reader_left(&reader) > 0) {
        if (capsa_failed(read_common_name(&reader, &text))) {
            return ROLE_NONE;
        }
    }
    return role_of_name(text);
}

CAPSA_RESULT capsa_collateral_crl_file(capsa_bytes bytes, capsa_collateral *ret_collateral)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_collateral_crl);
    CAPSA_TRY(capsa_collateral_crl("revocation list", bytes, &der));
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    CAPSA_TRY(capsa_crl_parse(capsa_buf_bytes(&der), &crl));
    enum role role = role_of_issuer(capsa_crl_issuer(crl));
    capsa_buf *place = role == ROLE_ROOT     ? &ret_collateral->root_ca_crl
                       : role == ROLE_PCK_CA ? &ret_collateral->pck_crl
                       : is_amd(role)        ? &ret_collateral->snp_crl
                                             : NULL;
    CAPSA_REQUIRE(place != NULL, MALFORMED,
                  "a revocation list of neither Intel's SGX authorities nor AMD's");
    return capsa_buf_append(place, capsa_buf_bytes(&der));
}
