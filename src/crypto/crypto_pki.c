/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates of makers of hardware: what they say, one link from one to its issuer, and texts
 * that hold several. Which chain is believed, and until when, is for whoever knows the maker's
 * rules.
 */
#include "crypto/crypto_pki.h"

#include <ctype.h>

#include <openssl/err.h>

#include "crypto/crypto_x509.h"

#define TAG_SEQUENCE 0x30

/* ---- what a certificate says ----------------------------------------------------------------- */

capsa_bytes capsa_cert_der(const struct capsa_cert *cert)
{
    return capsa_bytes_of(cert->der, cert->der_len);
}

/* As it was read: a name that nobody changed keeps its bytes. */
static capsa_bytes name_bytes(const X509_NAME *name)
{
    const unsigned char *der = NULL;
    size_t len = 0;
    bool read = X509_NAME_get0_der(name, &der, &len) == 1;
    return read ? capsa_bytes_of(der, len) : capsa_bytes_of(NULL, 0);
}

capsa_bytes capsa_cert_issuer(const struct capsa_cert *cert)
{
    return name_bytes(X509_get_issuer_name(cert->x509));
}

capsa_bytes capsa_cert_subject(const struct capsa_cert *cert)
{
    return name_bytes(X509_get_subject_name(cert->x509));
}

capsa_bytes capsa_cert_serial(const struct capsa_cert *cert)
{
    return cert->parts.serial;
}

static bool is_plain(capsa_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            return false;
        }
    }
    return text.len > 0 && text.len < CAPSA_COMMON_NAME;
}

static capsa_result common_name(const X509_NAME *name, const char *whose,
                                char ret_name[CAPSA_COMMON_NAME])
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    CAPSA_REQUIRE(at >= 0, MALFORMED, "the %s has no commonName", whose);
    CAPSA_REQUIRE(X509_NAME_get_index_by_NID(name, NID_commonName, at) < 0, MALFORMED,
                  "the %s has more than one commonName", whose);
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    bool plain = len > 0 && is_plain(capsa_bytes_of(text, (size_t)len));
    if (plain) {
        memcpy(ret_name, text, (size_t)len);
        ret_name[len] = '\0';
    }
    OPENSSL_free(text);
    CRYPTO_REQUIRE_MEMORY_UNLESS(plain);
    CAPSA_REQUIRE(plain, MALFORMED, "the %s has a commonName that is no text of 1 to %d bytes",
                  whose, CAPSA_COMMON_NAME - 1);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cert_subject_name(const struct capsa_cert *cert,
                                     char ret_name[CAPSA_COMMON_NAME])
{
    return common_name(X509_get_subject_name(cert->x509), "subject", ret_name);
}

CAPSA_RESULT capsa_cert_issuer_name(const struct capsa_cert *cert, char ret_name[CAPSA_COMMON_NAME])
{
    return common_name(X509_get_issuer_name(cert->x509), "issuer", ret_name);
}

unsigned capsa_cert_extensions(const struct capsa_cert *cert)
{
    static const struct {
        int nid;
        unsigned bit;
    } extensions[] = {{NID_authority_key_identifier, CAPSA_CERT_HAS_AKI},
                      {NID_subject_key_identifier, CAPSA_CERT_HAS_SKI},
                      {NID_key_usage, CAPSA_CERT_HAS_KEY_USAGE},
                      {NID_basic_constraints, CAPSA_CERT_HAS_BASIC_CONSTRAINTS},
                      {NID_crl_distribution_points, CAPSA_CERT_HAS_CRL_POINTS}};
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        bool has = X509_get_ext_by_NID(cert->x509, extensions[i].nid, -1) >= 0;
        bits |= has ? extensions[i].bit : 0;
    }
    return bits;
}

bool capsa_cert_is_ca(const struct capsa_cert *cert)
{
    uint32_t flags = X509_get_extension_flags(cert->x509);
    return (flags & EXFLAG_BCONS) != 0 && (flags & EXFLAG_CA) != 0;
}

/* X509_get_key_usage has all bits when there is no such extension. */
bool capsa_cert_signs_certs(const struct capsa_cert *cert)
{
    return (X509_get_key_usage(cert->x509) & KU_KEY_CERT_SIGN) != 0;
}

bool capsa_cert_signs_crls(const struct capsa_cert *cert)
{
    return (X509_get_key_usage(cert->x509) & KU_CRL_SIGN) != 0;
}

CAPSA_RESULT capsa_cert_link_check(const struct capsa_cert *cert, const struct capsa_cert *issuer,
                                   enum capsa_link kind)
{
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_cert_issuer(cert), capsa_cert_subject(issuer)),
                  UNAUTHENTIC, "the certificate names another issuer than the one given");
    return capsa_crypto_signed_check(&cert->parts, issuer->key, kind, "certificate");
}

/* ---- several certificates -------------------------------------------------------------------- */

static capsa_bytes without_filling(capsa_bytes text)
{
    while (text.len > 0 && (text.data[0] == '\0' || isspace(text.data[0]))) {
        text = capsa_bytes_from(text, 1);
    }
    return text;
}

static capsa_result add(struct capsa_cert_cache *certs, capsa_bytes text, crypto_cert_reader *parse,
                        capsa_chain *chain)
{
    CAPSA_REQUIRE(chain->count < CAPSA_LIMIT_x5c_certs, TOO_LARGE,
                  "a chain of more than %d certificates", CAPSA_LIMIT_x5c_certs);
    CAPSA_TRY_AT(capsa_crypto_cert_cached(certs, text, true, parse, &chain->certs[chain->count]),
                 "certificate %zu of the chain", chain->count);
    chain->count++;
    return CAPSA_OK;
}

/* Both ways of taking the next one leave in `rest` what is behind it. */
static capsa_result take_pem(struct capsa_cert_cache *certs, capsa_chain *chain, capsa_bytes *rest)
{
    static const char end[] = "-----END CERTIFICATE-----";
    const uint8_t *found = memmem(rest->data, rest->len, end, sizeof(end) - 1);
    CAPSA_REQUIRE(found != NULL, MALFORMED, "certificate %zu of the chain has no end: no %s",
                  chain->count, end);
    size_t len = (size_t)(found - rest->data) + sizeof(end) - 1;
    CAPSA_TRY(add(certs, capsa_bytes_of(rest->data, len), capsa_crypto_cert_parse_bare_pem, chain));
    *rest = capsa_bytes_from(*rest, len);
    return CAPSA_OK;
}

static capsa_result take_der(struct capsa_cert_cache *certs, capsa_chain *chain, capsa_bytes *rest)
{
    struct crypto_element element;
    CAPSA_REQUIRE(capsa_crypto_element_of(rest, TAG_SEQUENCE, &element), MALFORMED,
                  "certificate %zu of the chain is neither DER nor PEM", chain->count);
    return add(certs, element.whole, capsa_crypto_cert_parse_bare, chain);
}

static capsa_result take_all(struct capsa_cert_cache *certs, capsa_bytes text, capsa_chain *chain)
{
    capsa_bytes rest = without_filling(text);
    CAPSA_REQUIRE(rest.len > 0, MALFORMED, "a chain without certificates");
    bool is_pem = rest.data[0] == '-';
    while (rest.len > 0) {
        CAPSA_TRY(is_pem ? take_pem(certs, chain, &rest) : take_der(certs, chain, &rest));
        rest = without_filling(rest);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_certs_parse(capsa_bytes text, capsa_chain *ret_chain)
{
    return capsa_certs_parse_known(NULL, text, ret_chain);
}

CAPSA_RESULT capsa_certs_parse_known(struct capsa_cert_cache *certs, capsa_bytes text,
                                     capsa_chain *ret_chain)
{
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_chain_bytes, TOO_LARGE,
                  "a chain of %zu bytes, at most %d", text.len, CAPSA_LIMIT_chain_bytes);
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY(take_all(certs, text, &chain));
    *ret_chain = chain;
    chain.count = 0;
    return CAPSA_OK;
}
