/* SPDX-License-Identifier: Apache-2.0
 *
 * What certificates and revocation lists have in common (RFC 5280 §4.1, §5.1): something that is
 * signed, with the algorithm said twice, and the signature. The algorithm counts only when it is
 * one of two with exactly its parameters; and the signature is checked over the bytes that came,
 * which are never written anew.
 */
#include "crypto/crypto_x509.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define TAG_INTEGER    0x02
#define TAG_BIT_STRING 0x03
#define TAG_SEQUENCE   0x30
#define TAG_VERSION    0xa0 /* [0], of a certificate */
#define TAG_NUMBER_MAX 30   /* in one byte */
#define INDEFINITE     0x01 /* as ASN1_get_object says it */
#define PSS_SALT       48
#define PSS_TRAILER    1
#define PSS_BITS_MIN   4096

/* ---- elements -------------------------------------------------------------------------------- */

bool capsa_crypto_element(capsa_bytes *rest, struct crypto_element *ret_element)
{
    const unsigned char *at = rest->data;
    long len = 0;
    int tag = 0, class = 0;
    int status = rest->len < 2 ? 0x80 : ASN1_get_object(&at, &len, &tag, &class, (long)rest->len);
    if ((status & (0x80 | INDEFINITE)) != 0 || tag > TAG_NUMBER_MAX) {
        ERR_clear_error();
        return false;
    }
    size_t header = (size_t)(at - rest->data);
    *ret_element = (struct crypto_element){rest->data[0], capsa_bytes_of(at, (size_t)len),
                                           capsa_bytes_of(rest->data, header + (size_t)len)};
    *rest = capsa_bytes_from(*rest, header + (size_t)len);
    return true;
}

bool capsa_crypto_element_of(capsa_bytes *rest, unsigned tag, struct crypto_element *ret_element)
{
    if (rest->len == 0 || rest->data[0] != tag) {
        return false;
    }
    return capsa_crypto_element(rest, ret_element);
}

/* Whatever stands before the inner algorithm: a certificate's version and serial, or a revocation
 * list's version. */
static bool parse_inner(capsa_bytes content, struct crypto_signed *parts)
{
    capsa_bytes rest = content;
    struct crypto_element element;
    (void)capsa_crypto_element_of(&rest, TAG_VERSION, &element);
    if (capsa_crypto_element_of(&rest, TAG_INTEGER, &element)) {
        parts->serial = element.content;
    }
    if (!capsa_crypto_element_of(&rest, TAG_SEQUENCE, &element)) {
        return false;
    }
    parts->inner_algorithm = element.whole;
    parts->after_inner = content.len - rest.len;
    return true;
}

static bool parse_outer(capsa_bytes der, struct crypto_signed *parts)
{
    struct crypto_element whole, tbs, algorithm, signature;
    capsa_bytes behind = der;
    if (!capsa_crypto_element_of(&behind, TAG_SEQUENCE, &whole) || behind.len != 0) {
        return false;
    }
    capsa_bytes rest = whole.content;
    if (!capsa_crypto_element_of(&rest, TAG_SEQUENCE, &tbs) ||
        !capsa_crypto_element_of(&rest, TAG_SEQUENCE, &algorithm) ||
        !capsa_crypto_element_of(&rest, TAG_BIT_STRING, &signature) || rest.len != 0 ||
        signature.content.len == 0 || signature.content.data[0] != 0 /* bits left over */) {
        return false;
    }
    parts->tbs = tbs.whole;
    parts->outer_algorithm = algorithm.whole;
    parts->signature = capsa_bytes_from(signature.content, 1);
    return parse_inner(tbs.content, parts);
}

CAPSA_RESULT capsa_crypto_signed_parse(capsa_bytes der, struct crypto_signed *ret_parts)
{
    struct crypto_signed parts = {.after_inner = 0};
    CAPSA_REQUIRE(parse_outer(der, &parts), MALFORMED,
                  "not something signed, its algorithm and its signature, in DER");
    *ret_parts = parts;
    return CAPSA_OK;
}

/* ---- algorithms ------------------------------------------------------------------------------ */

static bool is_sha384(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *object = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, NULL, algorithm);
    return OBJ_obj2nid(object) == NID_sha384 && (type == V_ASN1_UNDEF || type == V_ASN1_NULL);
}

static bool is_mgf1_sha384(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *object = NULL;
    const void *sequence = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, &sequence, algorithm);
    if (OBJ_obj2nid(object) != NID_mgf1 || type != V_ASN1_SEQUENCE) {
        return false;
    }
    X509_ALGOR *hash = ASN1_item_unpack(sequence, ASN1_ITEM_rptr(X509_ALGOR));
    bool same = hash != NULL && is_sha384(hash);
    X509_ALGOR_free(hash);
    return same;
}

static bool are_pss_sha384(const RSA_PSS_PARAMS *pss)
{
    return pss->hashAlgorithm != NULL && is_sha384(pss->hashAlgorithm) &&
           pss->maskGenAlgorithm != NULL && is_mgf1_sha384(pss->maskGenAlgorithm) &&
           pss->saltLength != NULL && ASN1_INTEGER_get(pss->saltLength) == PSS_SALT &&
           /* AMD spells the default out, which DER forbids */
           (pss->trailerField == NULL || ASN1_INTEGER_get(pss->trailerField) == PSS_TRAILER);
}

static bool is_rsa_pss_sha384(capsa_bytes identifier)
{
    const unsigned char *at = identifier.data;
    X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &at, (long)identifier.len);
    if (algorithm == NULL) {
        return false;
    }
    const ASN1_OBJECT *object = NULL;
    const void *sequence = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, &sequence, algorithm);
    RSA_PSS_PARAMS *pss = OBJ_obj2nid(object) == NID_rsassaPss && type == V_ASN1_SEQUENCE
                              ? ASN1_item_unpack(sequence, ASN1_ITEM_rptr(RSA_PSS_PARAMS))
                              : NULL;
    bool same = pss != NULL && are_pss_sha384(pss);
    RSA_PSS_PARAMS_free(pss);
    X509_ALGOR_free(algorithm);
    return same;
}

/* RFC 5758 §3.2: without parameters, so there is one encoding. */
static bool is_ecdsa_sha256(capsa_bytes identifier)
{
    static const uint8_t ecdsa[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                    0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    return capsa_bytes_equal(identifier, capsa_bytes_of(ecdsa, sizeof(ecdsa)));
}

/* ---- signatures ------------------------------------------------------------------------------ */

bool capsa_crypto_pss_parameters(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, PSS_SALT) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, capsa_crypto_algorithms()->sha384) == 1;
}

static capsa_result check_rsa_pss(const struct capsa_public_key *key, capsa_bytes message,
                                  capsa_bytes signature)
{
    CAPSA_TRY(capsa_crypto_rsa_check(key->pkey));
    int bits = EVP_PKEY_get_bits(key->pkey);
    CAPSA_REQUIRE(bits >= PSS_BITS_MIN, UNAUTHENTIC, "an RSA key of %d bits, at least %d", bits,
                  PSS_BITS_MIN);
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    CRYPTO_REQUIRE(EVP_DigestVerifyInit(context, &parameters, capsa_crypto_algorithms()->sha384,
                                        NULL, key->pkey) == 1 &&
                       capsa_crypto_pss_parameters(parameters),
                   "check a signature");
    int status =
        EVP_DigestVerify(context, signature.data, signature.len, message.data, message.len);
    CRYPTO_REQUIRE_MEMORY_UNLESS(status == 1);
    CAPSA_REQUIRE(status == 1, UNAUTHENTIC, "the RSA-PSS signature is wrong");
    return CAPSA_OK;
}

static const struct {
    const char *name, *key_name;
    enum capsa_key_kind key;
    bool (*is)(capsa_bytes identifier);
    capsa_result (*check)(const struct capsa_public_key *key, capsa_bytes message,
                          capsa_bytes signature);
} links[] = {
    [CAPSA_LINK_P256_SHA256] = {"ECDSA with SHA-256", "P-256", CAPSA_KEY_P256, is_ecdsa_sha256,
                                capsa_crypto_ecdsa_check},
    [CAPSA_LINK_RSA_PSS_SHA384] = {"RSA-PSS with SHA-384 and a salt of 48 bytes", "RSA",
                                   CAPSA_KEY_RSA, is_rsa_pss_sha384, check_rsa_pss},
};

CAPSA_RESULT capsa_crypto_signed_check(const struct crypto_signed *parts,
                                       const struct capsa_public_key *key, enum capsa_link kind,
                                       const char *what)
{
    CAPSA_REQUIRE((size_t)kind < sizeof(links) / sizeof(links[0]), USAGE,
                  "an unknown kind of link");
    CAPSA_REQUIRE(capsa_bytes_equal(parts->inner_algorithm, parts->outer_algorithm), UNAUTHENTIC,
                  "the %s names two signature algorithms, one inside what is signed and another "
                  "outside",
                  what);
    bool is = links[kind].is(parts->inner_algorithm);
    CRYPTO_REQUIRE_MEMORY_UNLESS(is);
    CAPSA_REQUIRE(is, UNAUTHENTIC, "the %s is signed otherwise than by %s", what, links[kind].name);
    CAPSA_REQUIRE(key->kind == links[kind].key, UNAUTHENTIC,
                  "the issuer of the %s has a key that is not %s", what, links[kind].key_name);
    CAPSA_TRY_AT(links[kind].check(key, parts->tbs, parts->signature), "the %s", what);
    return CAPSA_OK;
}
