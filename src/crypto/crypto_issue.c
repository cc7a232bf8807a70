/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and revocation lists as makers of hardware issue them, for the simulation, whose
 * evidence is then checked exactly as real evidence is, and for tests.
 */
#include "crypto/crypto_pki.h"

#include <stdio.h>

#include <openssl/rsa.h>

#include "crypto/crypto_x509.h"

#define ORGANIZATION "Capsa simulation"
#define SERIAL_MAX   20 /* RFC 5280 §4.1.2.2 */
#define URL_MAX      256

CRYPTO_DEFINE_AUTO(X509_CRL)
CRYPTO_DEFINE_AUTO(X509_REVOKED)
CRYPTO_DEFINE_AUTO(ASN1_INTEGER)
CRYPTO_DEFINE_AUTO(ASN1_TIME)

/* ---- signing --------------------------------------------------------------------------------- */

static capsa_result check_signer(const struct capsa_private_key *key, enum capsa_link kind)
{
    enum capsa_key_kind wanted = kind == CAPSA_LINK_RSA_PSS_SHA384 ? CAPSA_KEY_RSA : CAPSA_KEY_P256;
    CAPSA_REQUIRE(key->kind == wanted, USAGE, "a key of another type than the signature wanted");
    return CAPSA_OK;
}

static capsa_result begin_signing(EVP_MD_CTX *context, const struct capsa_private_key *key,
                                  enum capsa_link kind)
{
    const struct crypto_algorithms *algorithms = capsa_crypto_algorithms();
    bool pss = kind == CAPSA_LINK_RSA_PSS_SHA384;
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    CRYPTO_REQUIRE(EVP_DigestSignInit(context, &parameters,
                                      pss ? algorithms->sha384 : algorithms->sha256, NULL,
                                      key->pkey) == 1 &&
                       (!pss || capsa_crypto_pss_parameters(parameters)),
                   "sign");
    return CAPSA_OK;
}

/* ---- certificates ---------------------------------------------------------------------------- */

static capsa_result serial_of(capsa_bytes bytes, ASN1_INTEGER *ret_serial)
{
    CAPSA_REQUIRE(bytes.len <= SERIAL_MAX, USAGE, "a serial number of %zu bytes, at most %d",
                  bytes.len, SERIAL_MAX);
    BIGNUM *number = BN_bin2bn(bytes.data, (int)bytes.len, NULL);
    bool set = number != NULL && BN_to_ASN1_INTEGER(number, ret_serial) != NULL;
    BN_free(number);
    CRYPTO_REQUIRE(set, "set a serial number");
    return CAPSA_OK;
}

static capsa_result set_facts(X509 *x509, const struct capsa_cert_issue *issue)
{
    CAPSA_TRY(capsa_crypto_set_dates(x509, issue->not_before, issue->not_after));
    CAPSA_TRY(issue->serial.len == 0 ? capsa_crypto_set_random_serial(x509)
                                     : serial_of(issue->serial, X509_get_serialNumber(x509)));
    X509_NAME *name = X509_get_subject_name(x509);
    CAPSA_TRY(capsa_crypto_add_name(name, NID_organizationName, ORGANIZATION, "an organization"));
    CAPSA_TRY(capsa_crypto_add_name(name, NID_commonName, issue->common_name, "a common name"));
    const X509_NAME *issuer =
        issue->issuer == NULL ? name : X509_get_subject_name(issue->issuer->x509);
    CRYPTO_REQUIRE(X509_set_issuer_name(x509, issuer) == 1 &&
                       X509_set_pubkey(x509, issue->key->pkey) == 1,
                   "fill in a certificate");
    return CAPSA_OK;
}

/* One that the caller gives stands in place of ours, and one without content in place of none. */
static bool is_given(const struct capsa_cert_issue *issue, const char *oid)
{
    for (size_t i = 0; i < issue->extra_count; i++) {
        if (capsa_streq(issue->extra[i].oid, oid)) {
            return true;
        }
    }
    return false;
}

static capsa_result add_usual(X509 *x509, const struct capsa_cert_issue *issue)
{
    char points[URL_MAX + 8] = "";
    if (issue->crl_url != NULL) {
        /* a comma or a semicolon would begin another value */
        CAPSA_REQUIRE(strlen(issue->crl_url) <= URL_MAX && strpbrk(issue->crl_url, ",;") == NULL,
                      USAGE, "a URL of a revocation list that is too long, or has a comma");
        (void)snprintf(points, sizeof(points), "URI:%s", issue->crl_url);
    }
    const struct {
        const char *oid, *value; /* value NULL: none */
        int nid;
    } usual[] = {
        {"2.5.29.19", issue->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE",
         NID_basic_constraints},
        {"2.5.29.15", issue->is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature",
         NID_key_usage},
        {"2.5.29.14", "hash", NID_subject_key_identifier},
        {"2.5.29.35", "keyid:always", NID_authority_key_identifier}, /* may be its own key's id */
        {"2.5.29.31", issue->crl_url == NULL ? NULL : points, NID_crl_distribution_points},
    };
    X509 *issuer = issue->issuer == NULL ? x509 : issue->issuer->x509;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (usual[i].value != NULL && !is_given(issue, usual[i].oid)) {
            CAPSA_TRY(capsa_crypto_add_extension(x509, issuer, usual[i].nid, usual[i].value));
        }
    }
    return CAPSA_OK;
}

static capsa_result add_extensions(X509 *x509, const struct capsa_cert_issue *issue)
{
    CAPSA_TRY(add_usual(x509, issue));
    for (size_t i = 0; i < issue->extra_count; i++) {
        if (issue->extra[i].content.len > 0) {
            CAPSA_TRY(capsa_crypto_add_foreign(x509, issue->extra[i].oid, issue->extra[i].content));
        }
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cert_issue(const struct capsa_cert_issue *issue, struct capsa_cert **ret_cert)
{
    CAPSA_TRY(check_signer(issue->issuer_key, issue->kind));
    CAPSA_REQUIRE(issue->key->pkey != NULL, USAGE, "a certificate for a key of unknown type");
    CRYPTO_AUTO(X509) x509 = X509_new();
    CAPSA_REQUIRE_MEMORY(x509);
    CAPSA_TRY(set_facts(x509, issue));
    CAPSA_TRY(add_extensions(x509, issue));
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    CAPSA_TRY(begin_signing(context, issue->issuer_key, issue->kind));
    CRYPTO_REQUIRE(X509_sign_ctx(x509, context) > 0, "sign a certificate");
    return capsa_crypto_cert_of(x509, ret_cert);
}

/* ---- revocation lists ------------------------------------------------------------------------ */

static capsa_result set_times(X509_CRL *list, const struct capsa_crl_issue *issue)
{
    CRYPTO_AUTO(ASN1_TIME) from = ASN1_TIME_set(NULL, issue->this_update);
    CRYPTO_AUTO(ASN1_TIME) to = ASN1_TIME_set(NULL, issue->next_update);
    bool set = from != NULL && X509_CRL_set1_lastUpdate(list, from) == 1 &&
               (issue->next_update == 0 || (to != NULL && X509_CRL_set1_nextUpdate(list, to) == 1));
    CRYPTO_REQUIRE(set, "date a revocation list");
    return CAPSA_OK;
}

static capsa_result revoke(X509_CRL *list, const struct capsa_crl_issue *issue, size_t index)
{
    CRYPTO_AUTO(X509_REVOKED) entry = X509_REVOKED_new();
    CRYPTO_AUTO(ASN1_TIME) when = ASN1_TIME_set(NULL, issue->this_update);
    ASN1_INTEGER *serial = X509_get_serialNumber(issue->revoked[index]->x509);
    bool added = entry != NULL && when != NULL &&
                 X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
                 X509_REVOKED_set_revocationDate(entry, when) == 1 &&
                 X509_CRL_add0_revoked(list, entry) == 1;
    CRYPTO_REQUIRE(added, "fill in a revocation list");
    entry = NULL; /* the list's */
    return CAPSA_OK;
}

/* The number grows with time, which is all that RFC 5280 §5.2.3 wants of it. */
static capsa_result add_number_and_aki(X509_CRL *list, const struct capsa_crl_issue *issue)
{
    CRYPTO_AUTO(ASN1_INTEGER) number = ASN1_INTEGER_new();
    bool numbered = number != NULL && ASN1_INTEGER_set_int64(number, issue->this_update) == 1 &&
                    X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) == 1;
    CRYPTO_REQUIRE(numbered, "number a revocation list");
    X509V3_CTX context;
    X509V3_set_ctx(&context, issue->issuer->x509, NULL, NULL, list, 0);
    X509_EXTENSION *aki =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    bool added = aki != NULL && X509_CRL_add_ext(list, aki, -1) == 1;
    X509_EXTENSION_free(aki);
    CRYPTO_REQUIRE(added, "name the key of a revocation list");
    return CAPSA_OK;
}

static capsa_result fill_list(X509_CRL *list, const struct capsa_crl_issue *issue)
{
    CRYPTO_REQUIRE(X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
                       X509_CRL_set_issuer_name(list, X509_get_subject_name(issue->issuer->x509)) ==
                           1,
                   "fill in a revocation list");
    CAPSA_TRY(set_times(list, issue));
    for (size_t i = 0; i < issue->revoked_count; i++) {
        CAPSA_TRY(revoke(list, issue, i));
    }
    return add_number_and_aki(list, issue);
}

CAPSA_RESULT capsa_crl_issue(const struct capsa_crl_issue *issue, capsa_buf *ret_der)
{
    CAPSA_TRY(check_signer(issue->issuer_key, issue->kind));
    CRYPTO_AUTO(X509_CRL) list = X509_CRL_new();
    CAPSA_REQUIRE_MEMORY(list);
    CAPSA_TRY(fill_list(list, issue));
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    CAPSA_TRY(begin_signing(context, issue->issuer_key, issue->kind));
    CRYPTO_REQUIRE(X509_CRL_sign_ctx(list, context) > 0, "sign a revocation list");
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(list, &der);
    CRYPTO_REQUIRE(len > 0, "write a revocation list");
    capsa_result appended = capsa_buf_append(ret_der, capsa_bytes_of(der, (size_t)len));
    OPENSSL_free(der);
    return appended;
}
