/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates: reading, writing, and the party that stands behind one. Whether to believe them is
 * crypto_chain.c's matter.
 */
#include "crypto/crypto_x509.h"

#include <ctype.h>
#include <limits.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/alloc.h"

static bool time_of(const ASN1_TIME *time, capsa_time *ret_time)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *ret_time = timegm(&parts);
    return true;
}

static capsa_result cert_key_of(X509 *x509, struct capsa_public_key **ret_key)
{
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &spki);
    EVP_PKEY *pkey = X509_get0_pubkey(x509); /* NULL for types that OpenSSL does not know */
    ERR_clear_error();
    CAPSA_REQUIRE(len > 0, MALFORMED, "the certificate has no public key");
    capsa_result made = capsa_crypto_public_key(pkey, capsa_bytes_of(spki, (size_t)len), ret_key);
    OPENSSL_free(spki);
    return made;
}

/* Takes over `taken`, also on failure. */
static capsa_result cert_of(X509 *taken, struct capsa_cert **ret_cert)
{
    CRYPTO_AUTO(X509) x509 = taken;
    /* Reads all extensions once and keeps what they say, so that later readers change nothing. */
    (void)X509_check_purpose(x509, -1, 0);
    bool sound = (X509_get_extension_flags(x509) & EXFLAG_INVALID) == 0;
    ERR_clear_error();
    CAPSA_REQUIRE(sound, MALFORMED,
                  "the certificate has extensions that contradict each other or "
                  "cannot be read");
    CAPSA_AUTO_FREE(capsa_cert) cert = CAPSA_NEW(struct capsa_cert);
    CAPSA_REQUIRE_MEMORY(cert);
    atomic_init(&cert->owners, 1);
    bool dated = time_of(X509_get0_notBefore(x509), &cert->not_before) &&
                 time_of(X509_get0_notAfter(x509), &cert->not_after);
    ERR_clear_error();
    CAPSA_REQUIRE(dated, MALFORMED, "the certificate's validity cannot be read");
    CAPSA_TRY(cert_key_of(x509, &cert->key));
    cert->x509 = x509;
    x509 = NULL;
    *ret_cert = cert;
    cert = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cert_parse_der(capsa_bytes der, struct capsa_cert **ret_cert)
{
    CAPSA_REQUIRE(der.len > 0, MALFORMED, "an empty certificate");
    CAPSA_REQUIRE(der.len <= CAPSA_LIMIT_cert_pem, TOO_LARGE,
                  "a certificate of %zu bytes, at most %d", der.len, CAPSA_LIMIT_cert_pem);
    const unsigned char *at = der.data;
    CRYPTO_AUTO(X509) x509 = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    CAPSA_REQUIRE(x509 != NULL, MALFORMED, "not a DER certificate");
    CAPSA_REQUIRE(at == der.data + der.len, MALFORMED,
                  "%zu bytes behind the end of the certificate", (size_t)(der.data + der.len - at));
    X509 *parsed = x509;
    x509 = NULL;
    return cert_of(parsed, ret_cert);
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

CAPSA_RESULT capsa_cert_parse_pem(capsa_bytes pem, struct capsa_cert **ret_cert)
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
    ERR_clear_error();
    OPENSSL_free(name);
    OPENSSL_free(header);
    CAPSA_REQUIRE(status == 1 && len >= 0, MALFORMED,
                  "not a PEM certificate: its base64 cannot be read");
    capsa_result parsed = capsa_cert_parse_der(capsa_bytes_of(der, (size_t)len), ret_cert);
    OPENSSL_free(der);
    return parsed;
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
