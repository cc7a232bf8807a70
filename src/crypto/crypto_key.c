/* SPDX-License-Identifier: Apache-2.0
 *
 * Private and public keys: making, reading, writing, and what kind a key is.
 */
#include "crypto/crypto_internal.h"

#include <limits.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/alloc.h"
#include "crypto/crypto_evidence.h"

#define RSA_EXPONENT_BITS_MAX 64 /* larger ones make checking slow, and nobody uses them */
#define CURVE_NAME_MAX        32

/* ---- kinds ----------------------------------------------------------------------------------- */

/* A curve counts only when it is named: parameters spelled out can be another curve that shares a
 * point with the real one (CVE-2020-0601). */
static enum capsa_key_kind curve_kind(const EVP_PKEY *pkey, const char *type)
{
    static const struct {
        const char *type, *name;
        enum capsa_key_kind kind;
    } curves[] = {{"EC", "prime256v1", CAPSA_KEY_P256},
                  {"EC", "secp384r1", CAPSA_KEY_P384},
                  {"SM2", "SM2", CAPSA_KEY_SM2}};
    char name[CURVE_NAME_MAX];
    size_t len = 0;
    int spelled_out = 0;
    if (EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                               &spelled_out) != 1 ||
        spelled_out != 0 || EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) != 1) {
        return CAPSA_KEY_OTHER;
    }
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (capsa_streq(type, curves[i].type) && capsa_streq(name, curves[i].name)) {
            return curves[i].kind;
        }
    }
    return CAPSA_KEY_OTHER;
}

/* RSA and not RSA-PSS, which may not decrypt. A key on SM2's curve is of a type of its own. */
static const struct {
    const char *type;
    enum capsa_key_kind kind; /* OTHER: by its curve */
} types[] = {
    {"RSA", CAPSA_KEY_RSA},       {"EC", CAPSA_KEY_OTHER},        {"SM2", CAPSA_KEY_OTHER},
    {"X25519", CAPSA_KEY_X25519}, {"ED25519", CAPSA_KEY_ED25519},
};

static enum capsa_key_kind key_kind(const EVP_PKEY *pkey)
{
    enum capsa_key_kind kind = CAPSA_KEY_OTHER;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (EVP_PKEY_is_a(pkey, types[i].type)) {
            kind =
                types[i].kind == CAPSA_KEY_OTHER ? curve_kind(pkey, types[i].type) : types[i].kind;
        }
    }
    ERR_clear_error();
    return kind;
}

static size_t rsa_size(const EVP_PKEY *pkey, enum capsa_key_kind kind)
{
    int size = kind == CAPSA_KEY_RSA ? EVP_PKEY_get_size(pkey) : 0;
    return size > 0 ? (size_t)size : 0;
}

CAPSA_RESULT capsa_crypto_rsa_check(const EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);
    CAPSA_REQUIRE(bits >= CAPSA_LIMIT_rsa_bits_min && bits <= CAPSA_LIMIT_rsa_bits_max, MALFORMED,
                  "an RSA key of %d bits; %d to %d", bits, CAPSA_LIMIT_rsa_bits_min,
                  CAPSA_LIMIT_rsa_bits_max);
    BIGNUM *exponent = NULL;
    CRYPTO_REQUIRE(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1,
                   "read an RSA exponent");
    bool sound = BN_is_odd(exponent) && !BN_is_one(exponent) &&
                 BN_num_bits(exponent) <= RSA_EXPONENT_BITS_MAX;
    BN_free(exponent);
    CAPSA_REQUIRE(sound, MALFORMED,
                  "an RSA key with a public exponent that is not odd, over 1 and "
                  "of at most 64 bits");
    return CAPSA_OK;
}

/* ---- private keys ---------------------------------------------------------------------------- */

static capsa_result begin_agreeing(struct capsa_private_key *key)
{
    if (key->kind == CAPSA_KEY_P256 || key->kind == CAPSA_KEY_X25519) {
        key->agree = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
        CRYPTO_REQUIRE(key->agree != NULL && EVP_PKEY_derive_init(key->agree) == 1,
                       "prepare a key agreement");
    }
    return CAPSA_OK;
}

/* Takes over `taken`, also on failure. */
static capsa_result private_key_of_kind(EVP_PKEY *taken, enum capsa_key_kind kind,
                                        struct capsa_private_key **ret_key)
{
    CRYPTO_AUTO(EVP_PKEY) pkey = taken;
    CAPSA_AUTO_FREE(capsa_private_key) key = CAPSA_NEW(struct capsa_private_key);
    CAPSA_REQUIRE_MEMORY(key);
    key->kind = kind;
    key->pkey = pkey;
    pkey = NULL;
    CAPSA_TRY(begin_agreeing(key));
    *ret_key = key;
    key = NULL;
    return CAPSA_OK;
}

static capsa_result private_key_of(EVP_PKEY *taken, struct capsa_private_key **ret_key)
{
    return private_key_of_kind(taken, key_kind(taken), ret_key);
}

/* What was just made is of the kind that was asked for: looking at it, memory might run out, and
 * the key pass for one of no kind. */
CAPSA_RESULT capsa_private_key_new_rsa(unsigned bits, struct capsa_private_key **ret_key)
{
    CAPSA_REQUIRE(bits >= CAPSA_LIMIT_rsa_bits_min && bits <= CAPSA_LIMIT_rsa_bits_max, USAGE,
                  "an RSA key of %u bits; %d to %d", bits, CAPSA_LIMIT_rsa_bits_min,
                  CAPSA_LIMIT_rsa_bits_max);
    EVP_PKEY *pkey = EVP_RSA_gen(bits);
    CRYPTO_REQUIRE(pkey != NULL, "make an RSA key");
    return private_key_of_kind(pkey, CAPSA_KEY_RSA, ret_key);
}

CAPSA_RESULT capsa_private_key_new_p256(struct capsa_private_key **ret_key)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    CRYPTO_REQUIRE(pkey != NULL, "make a P-256 key");
    return private_key_of_kind(pkey, CAPSA_KEY_P256, ret_key);
}

CAPSA_RESULT capsa_private_key_new_p384(struct capsa_private_key **ret_key)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-384");
    CRYPTO_REQUIRE(pkey != NULL, "make a P-384 key");
    return private_key_of_kind(pkey, CAPSA_KEY_P384, ret_key);
}

static capsa_result private_key_new(const char *type, enum capsa_key_kind kind,
                                    struct capsa_private_key **ret_key)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, type);
    CRYPTO_REQUIRE(pkey != NULL, "make a key");
    return private_key_of_kind(pkey, kind, ret_key);
}

CAPSA_RESULT capsa_private_key_new_ed25519(struct capsa_private_key **ret_key)
{
    return private_key_new("ED25519", CAPSA_KEY_ED25519, ret_key);
}

CAPSA_RESULT capsa_private_key_new_x25519(struct capsa_private_key **ret_key)
{
    return private_key_new("X25519", CAPSA_KEY_X25519, ret_key);
}

CAPSA_RESULT capsa_private_key_new_sm2(struct capsa_private_key **ret_key)
{
    return private_key_new("SM2", CAPSA_KEY_SM2, ret_key);
}

struct pass_phrase_asked {
    bool asked;
};

static int no_pass_phrase(char *phrase, int size, int writing, void *context)
{
    (void)phrase;
    (void)size;
    (void)writing;
    ((struct pass_phrase_asked *)context)->asked = true;
    return -1;
}

static bool is_pem(capsa_bytes text)
{
    static const char mark[] = "-----BEGIN ";
    return memmem(text.data, text.len, mark, sizeof(mark) - 1) != NULL;
}

static EVP_PKEY *private_key_der(capsa_bytes der)
{
    const unsigned char *at = der.data;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    if (pkey != NULL && at != der.data + der.len) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

CAPSA_RESULT capsa_private_key_parse(capsa_bytes text, struct capsa_private_key **ret_key)
{
    CAPSA_REQUIRE(text.len > 0, MALFORMED, "an empty private key");
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_cert_pem, TOO_LARGE,
                  "a private key of %zu bytes, at most %d", text.len, CAPSA_LIMIT_cert_pem);
    struct pass_phrase_asked phrase = {false};
    CRYPTO_AUTO(EVP_PKEY) pkey = NULL;
    if (is_pem(text)) {
        CRYPTO_AUTO(BIO) bio = BIO_new_mem_buf(text.data, (int)text.len);
        CAPSA_REQUIRE_MEMORY(bio);
        pkey = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, &phrase);
    } else {
        pkey = private_key_der(text);
    }
    CRYPTO_REQUIRE_MEMORY();
    CAPSA_REQUIRE(!phrase.asked, UNSUPPORTED,
                  "the private key is encrypted with a pass phrase; write it without one");
    CAPSA_REQUIRE(pkey != NULL, MALFORMED,
                  "not a private key (PEM in PKCS#8, PKCS#1 or SEC1, or DER, wanted)");
    EVP_PKEY *parsed = pkey;
    pkey = NULL;
    return private_key_of(parsed, ret_key);
}

CAPSA_RESULT capsa_private_key_write(const struct capsa_private_key *key, capsa_buf *pem)
{
    CRYPTO_AUTO(BIO) bio = BIO_new(BIO_s_secmem()); /* wiped when freed */
    CAPSA_REQUIRE_MEMORY(bio);
    CRYPTO_REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1,
                   "write a private key");
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    CRYPTO_REQUIRE(len > 0, "write a private key");
    return capsa_buf_append(pem, capsa_bytes_of(text, (size_t)len));
}

CAPSA_RESULT capsa_private_key_write_der(const struct capsa_private_key *key, capsa_buf *ret_der)
{
    bool has_form =
        key->kind == CAPSA_KEY_RSA || key->kind == CAPSA_KEY_P256 || key->kind == CAPSA_KEY_P384;
    CAPSA_REQUIRE(has_form, UNSUPPORTED,
                  "a key that is neither RSA nor on P-256 or P-384 has no form beside PKCS#8");
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key->pkey, &der);
    CRYPTO_REQUIRE(len > 0, "write a private key");
    capsa_result written = capsa_buf_append(ret_der, capsa_bytes_of(der, (size_t)len));
    OPENSSL_clear_free(der, (size_t)len);
    return written;
}

void capsa_private_key_free(struct capsa_private_key *key)
{
    if (key != NULL) {
        EVP_PKEY_CTX_free(key->agree);
        EVP_PKEY_free(key->pkey); /* clears the numbers of a private key */
        capsa_dealloc(key);
    }
}

enum capsa_key_kind capsa_private_key_kind(const struct capsa_private_key *key)
{
    return key->kind;
}

size_t capsa_private_key_rsa_size(const struct capsa_private_key *key)
{
    return rsa_size(key->pkey, key->kind);
}

/* ---- public keys ----------------------------------------------------------------------------- */

/* The SubjectPublicKeyInfo stays as it came: it is what a party id is made of, and OpenSSL 3 takes
 * longer to write one than to check a signature. */
CAPSA_RESULT capsa_crypto_public_key_of_kind(EVP_PKEY *pkey, enum capsa_key_kind kind,
                                             capsa_bytes spki, struct capsa_public_key **ret_key)
{
    CAPSA_REQUIRE(spki.len > 0 && spki.len <= LONG_MAX, MALFORMED, "an empty public key");
    CAPSA_AUTO_FREE(capsa_public_key) key = CAPSA_NEW(struct capsa_public_key);
    CAPSA_REQUIRE_MEMORY(key);
    key->spki = capsa_alloc(spki.len);
    CAPSA_REQUIRE_MEMORY(key->spki);
    memcpy(key->spki, spki.data, spki.len);
    key->spki_len = spki.len;
    key->kind = kind;
    if (pkey != NULL) {
        CRYPTO_REQUIRE(EVP_PKEY_up_ref(pkey) == 1, "share a public key");
        key->pkey = pkey;
    }
    *ret_key = key;
    key = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_crypto_public_key(EVP_PKEY *pkey, capsa_bytes spki,
                                     struct capsa_public_key **ret_key)
{
    enum capsa_key_kind kind = pkey == NULL ? CAPSA_KEY_OTHER : key_kind(pkey);
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_TRY(capsa_crypto_public_key_of_kind(pkey, kind, spki, &key));
    CAPSA_TRY(capsa_crypto_begin_checking(key));
    *ret_key = key;
    key = NULL;
    return CAPSA_OK;
}

/* What OpenSSL writes for it is compared, or one key could have several kids. */
CAPSA_RESULT capsa_public_key_parse(capsa_bytes spki, struct capsa_public_key **ret_key)
{
    CAPSA_REQUIRE(spki.len <= CAPSA_LIMIT_cert_pem, TOO_LARGE,
                  "a public key of %zu bytes, at most %d", spki.len, CAPSA_LIMIT_cert_pem);
    const unsigned char *at = spki.data;
    CRYPTO_AUTO(EVP_PKEY) pkey = spki.len == 0 ? NULL : d2i_PUBKEY(NULL, &at, (long)spki.len);
    unsigned char *der = NULL;
    int len = pkey == NULL ? 0 : i2d_PUBKEY(pkey, &der);
    bool same = len > 0 && capsa_bytes_equal(spki, capsa_bytes_of(der, (size_t)len));
    OPENSSL_free(der);
    ERR_clear_error();
    CAPSA_REQUIRE(pkey != NULL, MALFORMED, "not a public key (DER SubjectPublicKeyInfo wanted)");
    CAPSA_REQUIRE(same, MALFORMED, "a public key that is not in DER, or has bytes behind its end");
    return capsa_crypto_public_key(pkey, spki, ret_key);
}

/* By way of its DER form, so that the object holds nothing of the private key. */
CAPSA_RESULT capsa_public_key_of(const struct capsa_private_key *key,
                                 struct capsa_public_key **ret_key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key->pkey, &der);
    CRYPTO_REQUIRE(len > 0, "write a public key");
    const unsigned char *at = der;
    CRYPTO_AUTO(EVP_PKEY) pkey = d2i_PUBKEY(NULL, &at, len);
    capsa_result made =
        pkey == NULL ? capsa_crypto_failed(__FILE__, __LINE__, "read its own public key")
                     : capsa_crypto_public_key(pkey, capsa_bytes_of(der, (size_t)len), ret_key);
    OPENSSL_free(der);
    return made;
}

CAPSA_RESULT capsa_public_key_write(const struct capsa_public_key *key, capsa_buf *pem)
{
    CRYPTO_AUTO(BIO) bio = BIO_new(BIO_s_mem());
    CAPSA_REQUIRE_MEMORY(bio);
    CRYPTO_REQUIRE(PEM_write_bio(bio, PEM_STRING_PUBLIC, "", key->spki, (long)key->spki_len) > 0,
                   "write a public key");
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    return capsa_buf_append(pem, capsa_bytes_of(text, (size_t)len));
}

CAPSA_RESULT capsa_public_key_spki(const struct capsa_public_key *key, capsa_buf *der)
{
    return capsa_buf_append(der, capsa_bytes_of(key->spki, key->spki_len));
}

void capsa_public_key_free(struct capsa_public_key *key)
{
    if (key != NULL) {
        EVP_PKEY_CTX_free(key->check);
        EVP_PKEY_free(key->pkey);
        capsa_dealloc(key->spki);
        capsa_dealloc(key);
    }
}

enum capsa_key_kind capsa_public_key_kind(const struct capsa_public_key *key)
{
    return key->kind;
}

size_t capsa_public_key_rsa_size(const struct capsa_public_key *key)
{
    return rsa_size(key->pkey, key->kind);
}

CAPSA_RESULT capsa_public_key_raw(const struct capsa_public_key *key, uint8_t ret_raw[32])
{
    CAPSA_REQUIRE(key->kind == CAPSA_KEY_X25519 || key->kind == CAPSA_KEY_ED25519, UNSUPPORTED,
                  "a key that is neither X25519 nor Ed25519 has no raw form");
    size_t len = 32;
    CRYPTO_REQUIRE(EVP_PKEY_get_raw_public_key(key->pkey, ret_raw, &len) == 1, "read a public key");
    return CAPSA_OK;
}

/* RFC 4648 §5 for 32 bytes, without padding: 42 groups of six bits and one of four. */
void capsa_public_key_kid(const struct capsa_public_key *key, char ret_kid[CAPSA_KID])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t digest[CAPSA_SHA256 + 1] = {0};
    capsa_sha256(capsa_bytes_of(key->spki, key->spki_len), digest);
    for (size_t i = 0; i + 1 < CAPSA_KID; i++) {
        size_t byte = i * 6 / 8, shift = 10 - i * 6 % 8;
        unsigned pair = (unsigned)digest[byte] << 8 | digest[byte + 1];
        ret_kid[i] = alphabet[pair >> shift & 63];
    }
    ret_kid[CAPSA_KID - 1] = '\0';
}

bool capsa_public_key_same(const struct capsa_public_key *a, const struct capsa_public_key *b)
{
    return capsa_bytes_equal(capsa_bytes_of(a->spki, a->spki_len),
                             capsa_bytes_of(b->spki, b->spki_len));
}
