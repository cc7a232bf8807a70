/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: certificates as evidence brings them are read faster than others, and must be read no
 * otherwise. Each is read in both ways, whole and damaged, and both must say the same.
 */
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "certs.h"
#include "crypto/crypto_pki.h"

static int no_errors_are_left(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

/* A certificate of that key, which is taken over. */
static void make(EVP_PKEY *taken, capsa_buf *der)
{
    assert_non_null(taken);
    EVP_PKEY *signer = EVP_EC_gen("P-256");
    X509 *x509 = test_cert_make((struct test_cert){.key = signer, .name = "a"});
    assert_int_equal(X509_set_pubkey(x509, taken), 1);
    assert_true(X509_sign(x509, signer, EVP_sha256()) > 0);
    test_cert_der(x509, der);
    X509_free(x509);
    EVP_PKEY_free(signer);
    EVP_PKEY_free(taken);
}

static void same_spki(const struct capsa_cert *a, const struct capsa_cert *b)
{
    CAPSA_AUTO(capsa_buf) left = capsa_buf_of(KIB(8)), right = capsa_buf_of(KIB(8));
    assert_ok(capsa_public_key_spki(capsa_cert_key(a), &left));
    assert_ok(capsa_public_key_spki(capsa_cert_key(b), &right));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&left), capsa_buf_bytes(&right)));
}

/* Returns the kind of its key; OTHER also if it cannot be read. */
static enum capsa_key_kind read_both_ways(capsa_bytes der)
{
    CAPSA_AUTO_FREE(capsa_cert) plain = NULL;
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    bool is_read = !capsa_failed(capsa_cert_parse_der(der, &plain));
    assert_int_equal(!capsa_failed(capsa_certs_parse(der, &chain)), is_read);
    if (!is_read) {
        return CAPSA_KEY_OTHER;
    }
    const struct capsa_cert *quick = chain.certs[0];
    enum capsa_key_kind kind = capsa_public_key_kind(capsa_cert_key(plain));
    assert_int_equal(capsa_public_key_kind(capsa_cert_key(quick)), kind);
    assert_int_equal(capsa_public_key_rsa_size(capsa_cert_key(quick)),
                     capsa_public_key_rsa_size(capsa_cert_key(plain)));
    assert_true(capsa_cert_same_key(quick, plain));
    same_spki(quick, plain);
    assert_int_equal(capsa_cert_extensions(quick), capsa_cert_extensions(plain));
    assert_int_equal(capsa_cert_is_ca(quick), capsa_cert_is_ca(plain));
    assert_true(capsa_bytes_equal(capsa_cert_subject(quick), capsa_cert_subject(plain)));
    return kind;
}

static const struct {
    enum capsa_key_kind kind;
    const char *curve; /* NULL: RSA */
} makers[] = {{CAPSA_KEY_P256, "P-256"}, {CAPSA_KEY_P384, "P-384"}, {CAPSA_KEY_RSA, NULL}};

static EVP_PKEY *key_of(const char *curve)
{
    return curve == NULL ? EVP_RSA_gen(2048) : EVP_EC_gen(curve);
}

static void kinds_that_makers_use_are_read_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
        make(key_of(makers[i].curve), &der);
        assert_int_equal(read_both_ways(capsa_buf_bytes(&der)), makers[i].kind);
    }
}

static void other_kinds_are_read_alike(void **state)
{
    (void)state;
    static const char *const curves[] = {"SM2", "P-521", "secp256k1"};
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
        make(EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves[i]), &der);
        (void)read_both_ways(capsa_buf_bytes(&der));
    }
    CAPSA_AUTO(capsa_buf) edwards = capsa_buf_of(KIB(8));
    make(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), &edwards);
    assert_int_equal(read_both_ways(capsa_buf_bytes(&edwards)), CAPSA_KEY_ED25519);
}

/* A bit of each byte of the certificate, in turn one more to the left: among them points off the
 * curve, numbers that are negative or not in their shortest form, lengths, other algorithms. */
static void damaged_ones_are_read_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
        make(key_of(makers[i].curve), &der);
        size_t refused = 0;
        for (size_t at = 0; at < der.len; at++) {
            der.data[at] ^= (uint8_t)(1u << at % 8);
            refused += read_both_ways(capsa_buf_bytes(&der)) == CAPSA_KEY_OTHER ? 1 : 0;
            der.data[at] ^= (uint8_t)(1u << at % 8);
        }
        assert_true(refused > 32);
    }
}

/* 65537 as three bytes; the same place with numbers that are none, or none of an RSA key. */
static void odd_exponents_are_read_alike(void **state)
{
    (void)state;
    static const uint8_t usual[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    static const uint8_t odd[][3] = {{0x00, 0x00, 0x03}, {0x00, 0x80, 0x00}, {0x81, 0x00, 0x01},
                                     {0x00, 0x00, 0x00}, {0x01, 0x00, 0x00}, {0x7f, 0xff, 0xff}};
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
    make(key_of(NULL), &der);
    uint8_t *at = memmem(der.data, der.len, usual, sizeof(usual));
    assert_non_null(at);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        memcpy(at + 2, odd[i], sizeof(odd[i]));
        (void)read_both_ways(capsa_buf_bytes(&der));
    }
}

/* They are no certificates of parties, and no cache may take them for such. */
static void chains_of_parties_are_not_made_of_them(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_cert_cache) certs = NULL;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_chain) quick = {.count = 0};
    CAPSA_AUTO(capsa_chain) again = {.count = 0};
    CAPSA_AUTO_FREE(capsa_cert) plain = NULL;
    make(EVP_EC_gen("P-256"), &der);
    assert_ok(capsa_cert_cache_new(&certs));
    assert_ok(capsa_certs_parse_known(certs, capsa_buf_bytes(&der), &quick));
    assert_ok(capsa_certs_parse_known(certs, capsa_buf_bytes(&der), &again));
    assert_ptr_equal(quick.certs[0], again.certs[0]);
    assert_fails(capsa_chain_check(quick.certs, 1, TEST_NOW), INTERNAL);
    assert_ok(capsa_cert_cache_der(certs, capsa_buf_bytes(&der), &plain));
    assert_ptr_not_equal(plain, quick.certs[0]);
    assert_ok(capsa_chain_check(&plain, 1, TEST_NOW));
}

#define CASE(name) cmocka_unit_test_teardown(name, no_errors_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(kinds_that_makers_use_are_read_alike),
        CASE(other_kinds_are_read_alike),
        CASE(damaged_ones_are_read_alike),
        CASE(odd_exponents_are_read_alike),
        CASE(chains_of_parties_are_not_made_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
