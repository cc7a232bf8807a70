/* SPDX-License-Identifier: Apache-2.0
 *
 * The JOSE signature schemes (RFC 7518 §3.3-3.5) and SM2-SM3, as a table.
 */
#include "crypto/crypto_internal.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#define PAIR_HALF 32
#define PAIR_SIZE 64 /* r and s, on curves of 256 bits */

struct scheme {
    const char *name;
    enum capsa_key_kind kind;
    size_t digest; /* where it stands in struct crypto_algorithms */
    bool pss;
};
#define DIGEST(member) offsetof(struct crypto_algorithms, member)

static const struct scheme schemes[] = {
    [CAPSA_RS256] = {"RS256", CAPSA_KEY_RSA, DIGEST(sha256), false},
    [CAPSA_RS384] = {"RS384", CAPSA_KEY_RSA, DIGEST(sha384), false},
    [CAPSA_RS512] = {"RS512", CAPSA_KEY_RSA, DIGEST(sha512), false},
    [CAPSA_PS256] = {"PS256", CAPSA_KEY_RSA, DIGEST(sha256), true},
    [CAPSA_PS384] = {"PS384", CAPSA_KEY_RSA, DIGEST(sha384), true},
    [CAPSA_PS512] = {"PS512", CAPSA_KEY_RSA, DIGEST(sha512), true},
    [CAPSA_ES256] = {"ES256", CAPSA_KEY_P256, DIGEST(sha256), false},
    [CAPSA_SM2_SM3] = {"SM2-SM3", CAPSA_KEY_SM2, DIGEST(sm3), false},
};
#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

const char *capsa_scheme_name(enum capsa_scheme scheme)
{
    return (size_t)scheme < SCHEMES ? schemes[scheme].name : "none";
}

bool capsa_scheme_by_name(const char *name, enum capsa_scheme *ret_scheme)
{
    for (size_t i = 0; i < SCHEMES; i++) {
        if (capsa_streq(name, schemes[i].name)) {
            *ret_scheme = (enum capsa_scheme)i;
            return true;
        }
    }
    return false;
}

CAPSA_RESULT capsa_scheme_for_kind(enum capsa_key_kind kind, enum capsa_scheme *ret_scheme)
{
    for (size_t i = 0; i < SCHEMES; i++) {
        if (schemes[i].kind == kind) {
            *ret_scheme = (enum capsa_scheme)i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(UNSUPPORTED, "a key of this type cannot sign; RSA, P-256 and SM2 can");
}

static const EVP_MD *scheme_digest(const struct scheme *scheme)
{
    const EVP_MD *digest = NULL;
    memcpy(&digest, (const uint8_t *)capsa_crypto_algorithms() + scheme->digest, sizeof(digest));
    return digest;
}

static const char *kind_wants(enum capsa_key_kind kind)
{
    static const char *const wants[] = {
        [CAPSA_KEY_RSA] = "RS or PS", [CAPSA_KEY_P256] = "ES256", [CAPSA_KEY_SM2] = "SM2-SM3"};
    bool signs = (size_t)kind < sizeof(wants) / sizeof(wants[0]) && wants[kind] != NULL;
    return signs ? wants[kind] : "another";
}

static capsa_result scheme_check_key(enum capsa_scheme scheme, enum capsa_key_kind kind,
                                     const EVP_PKEY *pkey)
{
    CAPSA_REQUIRE((size_t)scheme < SCHEMES, USAGE, "an unknown signature scheme");
    CAPSA_REQUIRE(kind == schemes[scheme].kind, UNAUTHENTIC,
                  "%s does not go with the key's type, which wants %s", schemes[scheme].name,
                  kind_wants(kind));
    if (kind == CAPSA_KEY_RSA) {
        CAPSA_TRY(capsa_crypto_rsa_check(pkey));
    }
    return CAPSA_OK;
}

bool capsa_crypto_sm2_id(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set1_id(context, CRYPTO_SM2_ID, (int)strlen(CRYPTO_SM2_ID)) == 1;
}

static bool is_pair(const struct scheme *scheme)
{
    return scheme->kind != CAPSA_KEY_RSA;
}

static bool scheme_parameters(EVP_PKEY_CTX *context, const struct scheme *scheme)
{
    if (scheme->kind == CAPSA_KEY_SM2) {
        return capsa_crypto_sm2_id(context);
    }
    return !scheme->pss ||
           (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
            EVP_PKEY_CTX_set_rsa_mgf1_md(context, scheme_digest(scheme)) == 1);
}

/* libcrypto's RSA keys give wrong results for a while after memory ran out at a bad moment (their
 * blinding is then half renewed), and a result that went wrong in the machine may give the key
 * away. Checking costs a thirtieth of signing. */
static capsa_result check_own(EVP_PKEY *pkey, const struct scheme *scheme, capsa_bytes message,
                              capsa_bytes signature)
{
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    EVP_PKEY_CTX *parameters = NULL;
    CRYPTO_REQUIRE(
        EVP_DigestVerifyInit(context, &parameters, scheme_digest(scheme), NULL, pkey) == 1 &&
            scheme_parameters(parameters, scheme) &&
            EVP_DigestVerify(context, signature.data, signature.len, message.data, message.len) ==
                1,
        "make a signature that holds");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sign(const struct capsa_private_key *key, enum capsa_scheme scheme,
                        capsa_bytes message, capsa_buf *signature)
{
    CAPSA_TRY(scheme_check_key(scheme, key->kind, key->pkey));
    const struct scheme *how = &schemes[scheme];
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    EVP_PKEY_CTX *parameters = NULL; /* the context's */
    uint8_t made[CRYPTO_RSA_BYTES_MAX];
    size_t len = sizeof(made);
    CRYPTO_REQUIRE(EVP_DigestSignInit(context, &parameters, scheme_digest(how), NULL, key->pkey) ==
                           1 &&
                       scheme_parameters(parameters, how) &&
                       EVP_DigestSign(context, made, &len, message.data, message.len) == 1,
                   "sign");
    if (how->kind == CAPSA_KEY_RSA) {
        CAPSA_TRY(check_own(key->pkey, how, message, capsa_bytes_of(made, len)));
    }
    if (is_pair(how)) {
        uint8_t raw[PAIR_SIZE];
        CAPSA_TRY(capsa_crypto_pair_from_der(capsa_bytes_of(made, len), PAIR_HALF, raw));
        return capsa_buf_append(signature, capsa_bytes_of(raw, sizeof(raw)));
    }
    return capsa_buf_append(signature, capsa_bytes_of(made, len));
}

CAPSA_RESULT capsa_sign_check(const struct capsa_public_key *key, enum capsa_scheme scheme,
                              capsa_bytes message, capsa_bytes signature)
{
    CAPSA_TRY(scheme_check_key(scheme, key->kind, key->pkey));
    const struct scheme *how = &schemes[scheme];
    uint8_t der[CRYPTO_PAIR_DER_MAX];
    capsa_bytes wanted = signature;
    if (is_pair(how)) {
        size_t der_len = 0;
        CAPSA_TRY(capsa_crypto_pair_to_der(signature, PAIR_HALF, der, &der_len));
        wanted = capsa_bytes_of(der, der_len);
    }
    CRYPTO_AUTO(EVP_MD_CTX) context = EVP_MD_CTX_new();
    CAPSA_REQUIRE_MEMORY(context);
    EVP_PKEY_CTX *parameters = NULL;
    CRYPTO_REQUIRE(
        EVP_DigestVerifyInit(context, &parameters, scheme_digest(how), NULL, key->pkey) == 1 &&
            scheme_parameters(parameters, how),
        "check a signature");
    int status = EVP_DigestVerify(context, wanted.data, wanted.len, message.data, message.len);
    CRYPTO_REQUIRE_MEMORY_UNLESS(status == 1);
    CAPSA_REQUIRE(status == 1, UNAUTHENTIC, "the %s signature is wrong", how->name);
    return CAPSA_OK;
}
