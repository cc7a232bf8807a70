/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates: reading, writing, and the party that stands behind one. Whether to believe them is
 * crypto_chain.c's matter.
 */
#include "crypto/crypto_x509.h"

#include <ctype.h>
#include <limits.h>
#include <time.h>

#include <openssl/pem.h>

#include "base/alloc.h"

bool capsa_crypto_time_of(const ASN1_TIME *time, capsa_time *ret_time)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *ret_time = timegm(&parts);
    return true;
}

static capsa_result cert_key_of(X509 *x509, bool is_bare, struct capsa_public_key **ret_key)
{
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &spki);
    /* NULL for types that OpenSSL does not know */
    EVP_PKEY *pkey = is_bare ? NULL : X509_get0_pubkey(x509);
    capsa_result made = CAPSA_OK;
    if (capsa_crypto_ran_out()) {
        made = capsa_error_make(CAPSA_E_NOMEM, __FILE__, __LINE__, "out of memory");
    } else if (len <= 0) {
        made = capsa_error_make(CAPSA_E_MALFORMED, __FILE__, __LINE__,
                                "the certificate has no public key");
    } else if (is_bare) {
        made = capsa_crypto_key_of_spki(capsa_bytes_of(spki, (size_t)len), ret_key);
    } else {
        made = capsa_crypto_public_key(pkey, capsa_bytes_of(spki, (size_t)len), ret_key);
    }
    OPENSSL_free(spki);
    return made;
}

/* A signature by SM2 covers an id of the signer, which stands nowhere in the certificate. Set here,
 * because later the certificate is shared. */
static capsa_result set_sm2_id(X509 *x509)
{
    if (X509_get_signature_nid(x509) != NID_SM2_with_SM3) {
        return CAPSA_OK;
    }
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    bool set = id != NULL && ASN1_OCTET_STRING_set(id, (const unsigned char *)CRYPTO_SM2_ID,
                                                   (int)strlen(CRYPTO_SM2_ID)) == 1;
    if (!set) {
        ASN1_OCTET_STRING_free(id);
    }
    CAPSA_REQUIRE_MEMORY(set ? id : NULL);
    X509_set0_distinguishing_id(x509, id);
    return CAPSA_OK;
}

/* Takes over `taken`, which was read from `der`, also on failure. */
static capsa_result cert_of(X509 *taken, bool is_bare, capsa_bytes der,
                            struct capsa_cert **ret_cert)
{
    CRYPTO_AUTO(X509) x509 = taken;
    /* Reads all extensions once and keeps what they say, so that later readers change nothing. */
    (void)X509_check_purpose(x509, -1, 0);
    bool sound = (X509_get_extension_flags(x509) & EXFLAG_INVALID) == 0;
    CRYPTO_REQUIRE_MEMORY();
    CAPSA_REQUIRE(sound, MALFORMED,
                  "the certificate has extensions that contradict each other or "
                  "cannot be read");
    CAPSA_AUTO_FREE(capsa_cert) cert = capsa_alloc(sizeof(struct capsa_cert) + der.len);
    CAPSA_REQUIRE_MEMORY(cert);
    atomic_init(&cert->owners, 1);
    memcpy(cert->der, der.data, der.len);
    cert->der_len = der.len;
    CAPSA_TRY_AT(capsa_crypto_signed_parse(capsa_cert_der(cert), &cert->parts), "the certificate");
    bool dated = capsa_crypto_time_of(X509_get0_notBefore(x509), &cert->not_before) &&
                 capsa_crypto_time_of(X509_get0_notAfter(x509), &cert->not_after);
    CRYPTO_REQUIRE_MEMORY();
    CAPSA_REQUIRE(dated, MALFORMED, "the certificate's validity cannot be read");
    CAPSA_TRY(cert_key_of(x509, is_bare, &cert->key));
    CAPSA_TRY(set_sm2_id(x509));
    cert->is_bare = is_bare;
    cert->x509 = x509;
    x509 = NULL;
    *ret_cert = cert;
    cert = NULL;
    return CAPSA_OK;
}

static capsa_result parse_der(bool is_bare, capsa_bytes der, struct capsa_cert **ret_cert)
{
    CAPSA_REQUIRE(der.len > 0, MALFORMED, "an empty certificate");
    CAPSA_REQUIRE(der.len <= CAPSA_LIMIT_cert_pem, TOO_LARGE,
                  "a certificate of %zu bytes, at most %d", der.len, CAPSA_LIMIT_cert_pem);
    const unsigned char *at = der.data;
    X509 *into = X509_new_ex(is_bare ? capsa_crypto_algorithms()->bare : NULL, NULL);
    CRYPTO_AUTO(X509) x509 = into == NULL ? NULL : d2i_X509(&into, &at, (long)der.len);
    CRYPTO_REQUIRE_MEMORY(); /* `into` was freed if it could not be filled */
    CAPSA_REQUIRE(x509 != NULL, MALFORMED, "not a DER certificate");
    CAPSA_REQUIRE(at == der.data + der.len, MALFORMED,
                  "%zu bytes behind the end of the certificate", (size_t)(der.data + der.len - at));
    X509 *parsed = x509;
    x509 = NULL;
    return cert_of(parsed, is_bare, der, ret_cert);
}

CAPSA_RESULT capsa_cert_parse_der(capsa_bytes der, struct capsa_cert **ret_cert)
{
    return parse_der(false, der, ret_cert);
}

CAPSA_RESULT capsa_crypto_cert_parse_bare(capsa_bytes der, struct capsa_cert **ret_cert)
{
    return parse_der(true, der, ret_cert);
}

static capsa_bytes trimmed(capsa_bytes text)
{
    while (text.len > 0 && isspace(text.data[0])) {
        text = capsa_bytes_from(text, 1);
    }
    while (text.len > 0 && isspace(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static const char pem_begin[] = "-----BEGIN CERTIFICATE-----";
static const char pem_end[] = "-----END CERTIFICATE-----";

/* One block and nothing beside it. OpenSSL's reader would skip text before the block and ignore
 * what follows it, so that two readers could see two certificates. */
static capsa_result pem_check_shape(capsa_bytes pem)
{
    const size_t begin_len = sizeof(pem_begin) - 1, end_len = sizeof(pem_end) - 1;
    CAPSA_REQUIRE(pem.len > begin_len + end_len && memcmp(pem.data, pem_begin, begin_len) == 0,
                  MALFORMED, "not a PEM certificate: it does not begin with %s", pem_begin);
    CAPSA_REQUIRE(memcmp(pem.data + pem.len - end_len, pem_end, end_len) == 0, MALFORMED,
                  "not a PEM certificate: it does not end with %s", pem_end);
    capsa_bytes inside = {pem.data + begin_len, pem.len - begin_len - end_len};
    CAPSA_REQUIRE(memmem(inside.data, inside.len, "-----", 5) == NULL, MALFORMED,
                  "more than one PEM block where one certificate belongs");
    CAPSA_REQUIRE(memchr(inside.data, ':', inside.len) == NULL, MALFORMED,
                  "a PEM certificate with header lines");
    return CAPSA_OK;
}

static capsa_result parse_pem(bool is_bare, capsa_bytes pem, struct capsa_cert **ret_cert)
{
    CAPSA_REQUIRE(pem.len <= CAPSA_LIMIT_cert_pem, TOO_LARGE,
                  "a certificate of %zu bytes, at most %d", pem.len, CAPSA_LIMIT_cert_pem);
    capsa_bytes block = trimmed(pem);
    CAPSA_TRY(pem_check_shape(block));
    CRYPTO_AUTO(BIO) bio = BIO_new_mem_buf(block.data, (int)block.len);
    CAPSA_REQUIRE_MEMORY(bio);
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    int status = PEM_read_bio(bio, &name, &header, &der, &len);
    OPENSSL_free(name);
    OPENSSL_free(header);
    bool ran_out = capsa_crypto_ran_out();
    CAPSA_REQUIRE(status == 1 || !ran_out, NOMEM, "out of memory");
    CAPSA_REQUIRE(status == 1 && len >= 0, MALFORMED,
                  "not a PEM certificate: its base64 cannot be read");
    capsa_result parsed = parse_der(is_bare, capsa_bytes_of(der, (size_t)len), ret_cert);
    OPENSSL_free(der);
    return parsed;
}

CAPSA_RESULT capsa_cert_parse_pem(capsa_bytes pem, struct capsa_cert **ret_cert)
{
    return parse_pem(false, pem, ret_cert);
}

CAPSA_RESULT capsa_crypto_cert_parse_bare_pem(capsa_bytes pem, struct capsa_cert **ret_cert)
{
    return parse_pem(true, pem, ret_cert);
}

struct capsa_cert *capsa_crypto_cert_share(struct capsa_cert *cert)
{
    (void)atomic_fetch_add_explicit(&cert->owners, 1, memory_order_relaxed);
    return cert;
}

void capsa_cert_free(struct capsa_cert *cert)
{
    if (cert == NULL || atomic_fetch_sub_explicit(&cert->owners, 1, memory_order_acq_rel) > 1) {
        return;
    }
    X509_free(cert->x509);
    capsa_public_key_free(cert->key);
    capsa_dealloc(cert);
}

CAPSA_RESULT capsa_cert_write_pem(const struct capsa_cert *cert, capsa_buf *pem)
{
    CRYPTO_AUTO(BIO) bio = BIO_new(BIO_s_mem());
    CAPSA_REQUIRE_MEMORY(bio);
    CRYPTO_REQUIRE(PEM_write_bio_X509(bio, cert->x509) == 1, "write a certificate");
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    return capsa_buf_append(pem, capsa_bytes_of(text, (size_t)len));
}

CAPSA_RESULT capsa_cert_write_der(const struct capsa_cert *cert, capsa_buf *der)
{
    unsigned char *bytes = NULL;
    int len = i2d_X509(cert->x509, &bytes);
    CRYPTO_REQUIRE(len > 0, "write a certificate");
    capsa_result appended = capsa_buf_append(der, capsa_bytes_of(bytes, (size_t)len));
    OPENSSL_free(bytes);
    return appended;
}

const struct capsa_public_key *capsa_cert_key(const struct capsa_cert *cert)
{
    return cert->key;
}

void capsa_cert_validity(const struct capsa_cert *cert, capsa_time *ret_not_before,
                         capsa_time *ret_not_after)
{
    *ret_not_before = cert->not_before;
    *ret_not_after = cert->not_after;
}

bool capsa_crypto_certifies(enum capsa_key_kind kind)
{
    return kind == CAPSA_KEY_RSA || kind == CAPSA_KEY_P256 || kind == CAPSA_KEY_P384 ||
           kind == CAPSA_KEY_SM2;
}

CAPSA_RESULT capsa_crypto_object(const char *oid, ASN1_OBJECT **ret_object)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1); /* 1: dotted numbers alone */
    CRYPTO_REQUIRE_MEMORY();
    CAPSA_REQUIRE(object != NULL, USAGE, "not a dotted object number: %s", oid);
    *ret_object = object;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cert_extension(const struct capsa_cert *cert, const char *oid,
                                  capsa_buf *ret_content)
{
    CRYPTO_AUTO(ASN1_OBJECT) object = NULL;
    CAPSA_TRY(capsa_crypto_object(oid, &object));
    int at = X509_get_ext_by_OBJ(cert->x509, object, -1);
    CAPSA_REQUIRE(at >= 0, NOT_FOUND, "the certificate has no extension %s", oid);
    CAPSA_REQUIRE(X509_get_ext_by_OBJ(cert->x509, object, at) < 0, MALFORMED,
                  "the certificate has the extension %s twice", oid);
    const ASN1_OCTET_STRING *content = X509_EXTENSION_get_data(X509_get_ext(cert->x509, at));
    return capsa_buf_append(ret_content, capsa_bytes_of(ASN1_STRING_get0_data(content),
                                                        (size_t)ASN1_STRING_length(content)));
}

bool capsa_cert_same_key(const struct capsa_cert *a, const struct capsa_cert *b)
{
    return capsa_public_key_same(a->key, b->key);
}

CAPSA_RESULT capsa_cert_spki_digest(const struct capsa_cert *cert, uint8_t ret[CAPSA_SHA256])
{
    capsa_sha256(capsa_bytes_of(cert->key->spki, cert->key->spki_len), ret);
    return CAPSA_OK;
}

/* RFC 4648 §6 for 32 bytes, without padding: 51 whole groups of five bits and one last bit. */
CAPSA_RESULT capsa_cert_party_id(const struct capsa_cert *cert, char ret_id[CAPSA_PARTY_ID])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t digest[CAPSA_SHA256 + 1] = {0};
    CAPSA_TRY(capsa_cert_spki_digest(cert, digest));
    for (size_t i = 0; i + 1 < CAPSA_PARTY_ID; i++) {
        size_t byte = i * 5 / 8, shift = 11 - i * 5 % 8;
        unsigned pair = (unsigned)digest[byte] << 8 | digest[byte + 1];
        ret_id[i] = alphabet[pair >> shift & 31];
    }
    ret_id[CAPSA_PARTY_ID - 1] = '\0';
    return CAPSA_OK;
}
