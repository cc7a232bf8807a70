/* SPDX-License-Identifier: Apache-2.0
 *
 * Self-signed certificates (RFC 5280): the manager's own, and those that parties make for
 * themselves.
 */
#include "crypto/crypto_x509.h"

#define SERIAL_BYTES 16
#define NAME_MAX_LEN 64 /* RFC 5280's upper bound of a common name and of an organization */

CAPSA_RESULT capsa_crypto_add_name(X509_NAME *subject, int nid, const char *text, const char *what)
{
    if (text == NULL) {
        return CAPSA_OK;
    }
    size_t len = strlen(text);
    CAPSA_REQUIRE(len > 0 && len <= NAME_MAX_LEN, USAGE, "%s of %zu bytes; 1 to %d", what, len,
                  NAME_MAX_LEN);
    int added = X509_NAME_add_entry_by_NID(subject, nid, MBSTRING_UTF8, (const unsigned char *)text,
                                           (int)len, -1, 0);
    CRYPTO_REQUIRE_MEMORY();
    CAPSA_REQUIRE(added == 1, USAGE, "%s is not UTF-8", what);
    return CAPSA_OK;
}

/* Positive and not zero; 128 bits of chance. */
CAPSA_RESULT capsa_crypto_set_random_serial(X509 *x509)
{
    uint8_t bytes[SERIAL_BYTES];
    CAPSA_TRY(capsa_random(bytes, sizeof(bytes)));
    BIGNUM *number = BN_bin2bn(bytes, (int)sizeof(bytes), NULL);
    bool set = number != NULL && BN_add_word(number, 1) == 1 &&
               BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
    BN_free(number);
    CRYPTO_REQUIRE(set, "set a serial number");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_crypto_set_dates(X509 *x509, capsa_time not_before, capsa_time not_after)
{
    CAPSA_REQUIRE(not_before <= not_after, USAGE, "a certificate that ends before it begins");
    CRYPTO_REQUIRE(X509_set_version(x509, X509_VERSION_3) == 1 &&
                       ASN1_TIME_set(X509_getm_notBefore(x509), not_before) != NULL &&
                       ASN1_TIME_set(X509_getm_notAfter(x509), not_after) != NULL,
                   "fill in a certificate");
    return CAPSA_OK;
}

static capsa_result set_facts(X509 *x509, const struct capsa_cert_request *request)
{
    CAPSA_TRY(capsa_crypto_set_dates(x509, request->not_before, request->not_after));
    CAPSA_TRY(capsa_crypto_set_random_serial(x509));
    X509_NAME *name = X509_get_subject_name(x509);
    CAPSA_TRY(capsa_crypto_add_name(name, NID_organizationName, request->organization,
                                    "an organization"));
    CAPSA_TRY(capsa_crypto_add_name(name, NID_commonName, request->common_name, "a common name"));
    CRYPTO_REQUIRE(X509_set_issuer_name(x509, name) == 1, "fill in a certificate");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_crypto_add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    CRYPTO_REQUIRE(added, "add an extension to a certificate");
    return CAPSA_OK;
}

static const char *key_usage(const struct capsa_cert_request *request, enum capsa_key_kind kind)
{
    if (request->is_ca) {
        return request->signs_digitally ? "critical,digitalSignature,keyCertSign,cRLSign"
                                        : "critical,keyCertSign,cRLSign";
    }
    return kind == CAPSA_KEY_RSA ? "critical,digitalSignature,keyEncipherment"
                                 : "critical,digitalSignature";
}

/* Names go in as values: a text form such as "DNS:a,DNS:b" would let a name smuggle in another. */
static bool push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name == NULL || value == NULL) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return false;
    }
    return true;
}

static capsa_result push_dns(GENERAL_NAMES *names, const char *text)
{
    CAPSA_REQUIRE(*text != '\0' && strlen(text) <= CAPSA_LIMIT_id_bytes, USAGE,
                  "a DNS name of %zu bytes", strlen(text));
    for (const char *at = text; *at != '\0'; at++) {
        CAPSA_REQUIRE(*at > ' ' && *at < 0x7f, USAGE, "a DNS name that is not ASCII: %s", text);
    }
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    if (value != NULL && ASN1_STRING_set(value, text, -1) != 1) {
        ASN1_IA5STRING_free(value);
        value = NULL;
    }
    CRYPTO_REQUIRE(push_name(names, GEN_DNS, value), "add a DNS name");
    return CAPSA_OK;
}

static capsa_result push_ip(GENERAL_NAMES *names, const char *text)
{
    ASN1_OCTET_STRING *value = a2i_IPADDRESS(text);
    CRYPTO_REQUIRE_MEMORY();
    CAPSA_REQUIRE(value != NULL, USAGE, "not an IP address: %s", text);
    CRYPTO_REQUIRE(push_name(names, GEN_IPADD, value), "add an IP address");
    return CAPSA_OK;
}

static capsa_result push_names(GENERAL_NAMES *names, const struct capsa_cert_request *request)
{
    for (const char *const *at = request->dns_names; at != NULL && *at != NULL; at++) {
        CAPSA_TRY(push_dns(names, *at));
    }
    for (const char *const *at = request->ip_addresses; at != NULL && *at != NULL; at++) {
        CAPSA_TRY(push_ip(names, *at));
    }
    return CAPSA_OK;
}

static capsa_result add_names(X509 *x509, const struct capsa_cert_request *request)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    CAPSA_REQUIRE_MEMORY(names);
    capsa_result pushed = push_names(names, request);
    /* RFC 5280 §4.2.1.6: critical when the subject is empty */
    int critical = X509_NAME_entry_count(X509_get_subject_name(x509)) == 0;
    bool added = !capsa_failed(pushed) &&
                 (sk_GENERAL_NAME_num(names) == 0 ||
                  X509_add1_ext_i2d(x509, NID_subject_alt_name, names, critical, 0) == 1);
    GENERAL_NAMES_free(names);
    CAPSA_TRY(pushed);
    CRYPTO_REQUIRE(added, "add names to a certificate");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_crypto_add_foreign(X509 *x509, const char *oid, capsa_bytes content)
{
    CAPSA_REQUIRE(content.len <= CAPSA_LIMIT_cert_pem, TOO_LARGE,
                  "an extension of %zu bytes, at most %d", content.len, CAPSA_LIMIT_cert_pem);
    CRYPTO_AUTO(ASN1_OBJECT) object = NULL;
    CAPSA_TRY(capsa_crypto_object(oid, &object));
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    bool filled =
        octets != NULL && ASN1_OCTET_STRING_set(octets, content.data, (int)content.len) == 1;
    X509_EXTENSION *extension =
        filled ? X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets) : NULL;
    bool added = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    CRYPTO_REQUIRE(added, "add an extension to a certificate");
    return CAPSA_OK;
}

/* Some TLS stacks stop at what is critical and at uses they do not expect; what such a key may do,
 * its evidence says. */
static capsa_result add_bare(X509 *x509, const struct capsa_cert_request *request)
{
    bool has_more = request->is_ca || request->server_use || request->client_use ||
                    request->dns_names != NULL || request->ip_addresses != NULL;
    CAPSA_REQUIRE(!has_more, USAGE,
                  "a bare certificate is no CA's, and has neither names nor uses");
    CAPSA_TRY(capsa_crypto_add_extension(x509, x509, NID_basic_constraints, "CA:FALSE"));
    CAPSA_TRY(capsa_crypto_add_extension(x509, x509, NID_subject_key_identifier, "hash"));
    return capsa_crypto_add_extension(x509, x509, NID_authority_key_identifier, "keyid:always");
}

static capsa_result add_usual(X509 *x509, const struct capsa_cert_request *request,
                              enum capsa_key_kind kind)
{
    static const char *const uses[] = {NULL, "serverAuth", "clientAuth", "serverAuth,clientAuth"};
    CAPSA_TRY(
        capsa_crypto_add_extension(x509, x509, NID_basic_constraints,
                                   request->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE"));
    CAPSA_TRY(capsa_crypto_add_extension(x509, x509, NID_key_usage, key_usage(request, kind)));
    CAPSA_TRY(capsa_crypto_add_extension(x509, x509, NID_subject_key_identifier, "hash"));
    const char *use = uses[(request->server_use ? 1 : 0) + (request->client_use ? 2 : 0)];
    if (use != NULL) {
        CAPSA_TRY(capsa_crypto_add_extension(x509, x509, NID_ext_key_usage, use));
    }
    return add_names(x509, request);
}

static capsa_result add_extensions(X509 *x509, const struct capsa_cert_request *request,
                                   enum capsa_key_kind kind)
{
    CAPSA_TRY(request->is_bare ? add_bare(x509, request) : add_usual(x509, request, kind));
    if (request->extension_oid != NULL) {
        CAPSA_TRY(capsa_crypto_add_foreign(x509, request->extension_oid, request->extension));
    }
    for (size_t i = 0; i < request->extra_count; i++) {
        const struct capsa_cert_extra *extra = &request->extra[i];
        CAPSA_TRY(capsa_crypto_add_foreign(x509, extra->oid, extra->content));
    }
    return CAPSA_OK;
}

static capsa_result sign(X509 *x509, const struct capsa_private_key *key)
{
    bool sm2 = key->kind == CAPSA_KEY_SM2;
    const struct crypto_algorithms *algorithms = capsa_crypto_algorithms();
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    CRYPTO_REQUIRE(
        EVP_DigestSignInit(context, &parameters, sm2 ? algorithms->sm3 : algorithms->sha256, NULL,
                           key->pkey) == 1 &&
            (!sm2 || capsa_crypto_sm2_id(parameters)) && X509_sign_ctx(x509, context) > 0 &&
            (sm2 || X509_verify(x509, key->pkey) == 1), /* as in capsa_sign */
        "sign a certificate");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_crypto_cert_of(const X509 *x509, struct capsa_cert **ret_cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    CRYPTO_REQUIRE(len > 0, "write a certificate");
    capsa_result parsed = capsa_cert_parse_der(capsa_bytes_of(der, (size_t)len), ret_cert);
    OPENSSL_free(der);
    return parsed;
}

CAPSA_RESULT capsa_cert_self_sign(const struct capsa_private_key *key,
                                  const struct capsa_cert_request *request,
                                  struct capsa_cert **ret_cert)
{
    CAPSA_REQUIRE(capsa_crypto_certifies(key->kind), UNSUPPORTED,
                  "a key of this type cannot sign certificates; RSA, P-256, P-384 and SM2 can");
    CRYPTO_AUTO(X509) x509 = X509_new();
    CAPSA_REQUIRE_MEMORY(x509);
    CAPSA_TRY(set_facts(x509, request));
    CRYPTO_REQUIRE(X509_set_pubkey(x509, key->pkey) == 1, "fill in a certificate");
    CAPSA_TRY(add_extensions(x509, request, key->kind));
    CAPSA_TRY(sign(x509, key));
    return capsa_crypto_cert_of(x509, ret_cert);
}
