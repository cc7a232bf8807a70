/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates of every kind, good and bad, for tests; made with libcrypto directly, because the
 * product rightly cannot make the bad ones. A test that uses this depends on crypto_dep.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/crypto.h"
#include "unit.h"

#define TEST_NOW ((capsa_time)1795000000) /* 2026-11-18 */

struct test_cert {
    EVP_PKEY *key;        /* the subject's */
    X509 *issuer;         /* NULL: signs itself */
    EVP_PKEY *issuer_key; /* NULL with a NULL issuer */
    const char *name;     /* common name; NULL: an empty subject */
    const char
        *extensions;      /* lines "nid-name value", as in "basicConstraints critical,CA:TRUE\n" */
    int version;          /* 0 is version 3; 1 is version 1 */
    long from, to;        /* days from TEST_NOW; both 0: -1 and +30 */
    const EVP_MD *digest; /* NULL: SHA-256 */
    const char *claimed_issuer; /* common name to put in place of the issuer's */
};

#define TEST_CA "basicConstraints critical,CA:TRUE\n"

static inline void test_cert_name(X509_NAME *name, const char *text)
{
    if (text != NULL) {
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                    (const unsigned char *)text, -1, -1, 0),
                         1);
    }
}

static inline void test_cert_extend(X509 *x509, const char *lines)
{
    char copy[512];
    assert_true(strlen(lines) < sizeof(copy));
    strcpy(copy, lines);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, ' ');
        assert_non_null(value);
        *value++ = '\0';
        X509V3_CTX context;
        X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
        X509_EXTENSION *extension = X509V3_EXT_conf(NULL, &context, line, value);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(x509, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
}

static inline X509 *test_cert_make(struct test_cert want)
{
    X509 *x509 = X509_new();
    assert_non_null(x509);
    assert_int_equal(X509_set_version(x509, want.version == 1 ? X509_VERSION_1 : X509_VERSION_3),
                     1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 7), 1);
    bool usual = want.from == 0 && want.to == 0;
    time_t now = TEST_NOW;
    assert_non_null(
        X509_time_adj_ex(X509_getm_notBefore(x509), usual ? -1 : (int)want.from, 0, &now));
    assert_non_null(X509_time_adj_ex(X509_getm_notAfter(x509), usual ? 30 : (int)want.to, 0, &now));
    test_cert_name(X509_get_subject_name(x509), want.name);
    const X509 *issuer = want.issuer == NULL ? x509 : want.issuer;
    assert_int_equal(X509_set_issuer_name(x509, X509_get_subject_name(issuer)), 1);
    if (want.claimed_issuer != NULL) {
        X509_NAME *claimed = X509_NAME_new();
        test_cert_name(claimed, want.claimed_issuer);
        assert_int_equal(X509_set_issuer_name(x509, claimed), 1);
        X509_NAME_free(claimed);
    }
    assert_int_equal(X509_set_pubkey(x509, want.key), 1);
    if (want.extensions != NULL) {
        test_cert_extend(x509, want.extensions);
    }
    EVP_PKEY *signer = want.issuer == NULL ? want.key : want.issuer_key;
    bool own_digest = EVP_PKEY_is_a(signer, "ED25519");
    const EVP_MD *digest = want.digest == NULL ? EVP_sha256() : want.digest;
    assert_true(X509_sign(x509, signer, own_digest ? NULL : digest) > 0);
    return x509;
}

/* DER of a certificate, appended. */
static inline void test_cert_der(X509 *x509, capsa_buf *buf)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    assert_true(len > 0);
    assert_ok(capsa_buf_append(buf, capsa_bytes_of(der, (size_t)len)));
    OPENSSL_free(der);
}

static inline void test_chain_add(capsa_chain *chain, X509 *x509)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
    test_cert_der(x509, &der);
    assert_ok(capsa_chain_add_der(chain, capsa_buf_bytes(&der)));
}

/* The same key as the product holds it. */
static inline struct capsa_private_key *test_private_key(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key, &der);
    assert_true(len > 0);
    struct capsa_private_key *made = NULL;
    assert_ok(capsa_private_key_parse(capsa_bytes_of(der, (size_t)len), &made));
    OPENSSL_free(der);
    return made;
}
