/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: certificates that were read before.
 */
#include "unit.h"

#include <pthread.h>

#include "certs.h"

static EVP_PKEY *key;
static struct capsa_cert_cache *cache;

static int make_cache(void **state)
{
    (void)state;
    key = EVP_EC_gen("P-256");
    return key == NULL || capsa_failed(capsa_cert_cache_new(&cache)) ? -1 : 0;
}

static int free_cache(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    capsa_cert_cache_free(cache);
    cache = NULL;
    return 0;
}

/* A certificate of that name, as DER. */
static void make(const char *name, const char *extensions, capsa_buf *der)
{
    X509 *x509 =
        test_cert_make((struct test_cert){.key = key, .name = name, .extensions = extensions});
    test_cert_der(x509, der);
    X509_free(x509);
}

static void the_same_bytes_are_read_once(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64)), pem = capsa_buf_of(KIB(64));
    CAPSA_AUTO_FREE(capsa_cert) first = NULL;
    CAPSA_AUTO_FREE(capsa_cert) again = NULL;
    CAPSA_AUTO_FREE(capsa_cert) text = NULL;
    CAPSA_AUTO_FREE(capsa_cert) text_again = NULL;
    CAPSA_AUTO_FREE(capsa_cert) anew = NULL;
    make("a", NULL, &der);
    assert_ok(capsa_cert_cache_der(cache, capsa_buf_bytes(&der), &first));
    assert_ok(capsa_cert_cache_der(cache, capsa_buf_bytes(&der), &again));
    assert_ok(capsa_cert_write_pem(first, &pem));
    assert_ok(capsa_cert_cache_pem(cache, capsa_buf_bytes(&pem), &text));
    assert_ok(capsa_cert_cache_der(NULL, capsa_buf_bytes(&der), &anew));
    assert_ptr_equal(first, again);
    assert_ok(capsa_cert_cache_pem(cache, capsa_buf_bytes(&pem), &text_again));
    assert_ptr_equal(text, text_again);
    assert_true(capsa_cert_same_key(first, text));
    assert_ptr_not_equal(first, anew);
}

static void one_other_byte_is_another_certificate(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
    CAPSA_AUTO_FREE(capsa_cert) good = NULL;
    make("a", NULL, &der);
    assert_ok(capsa_cert_cache_der(cache, capsa_buf_bytes(&der), &good));
    for (size_t i = 0; i < der.len; i++) {
        CAPSA_AUTO_FREE(capsa_cert) other = NULL;
        der.data[i] ^= 1;
        capsa_result read = capsa_cert_cache_der(cache, capsa_buf_bytes(&der), &other);
        assert_ptr_not_equal(other, good);
        assert_true(capsa_failed(read) == (other == NULL));
        der.data[i] ^= 1;
    }
}

static void what_cannot_be_read_is_not_kept(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    make("a", NULL, &der);
    for (int i = 0; i < 2; i++) {
        assert_fails(capsa_cert_cache_der(cache, capsa_bytes_of(der.data, der.len - 1), &cert),
                     MALFORMED);
        assert_fails(capsa_cert_cache_pem(cache, capsa_bytes_str("-----"), &cert), MALFORMED);
        assert_null(cert);
    }
}

/* So many that every place of the table is taken over several times. */
static void newer_certificates_take_the_places_of_older_ones(void **state)
{
    (void)state;
    enum { MANY = 4 * CAPSA_LIMIT_cert_cache };
    static struct capsa_cert *held[MANY];
    for (size_t i = 0; i < MANY; i++) {
        char name[16];
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64)), back = capsa_buf_of(KIB(64));
        (void)snprintf(name, sizeof(name), "%zu", i);
        make(name, NULL, &der);
        assert_ok(capsa_cert_cache_der(cache, capsa_buf_bytes(&der), &held[i]));
        assert_ok(capsa_cert_write_der(held[i], &back));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&der), capsa_buf_bytes(&back)));
    }
    /* Those that lost their place are whole as long as somebody has them, and so are the others
     * when the table goes first. */
    capsa_cert_cache_free(cache);
    cache = NULL;
    for (size_t i = 0; i < MANY; i++) {
        CAPSA_AUTO(capsa_buf) back = capsa_buf_of(KIB(64));
        assert_ok(capsa_cert_write_der(held[i], &back));
        capsa_cert_free(held[i]);
    }
}

static void a_large_certificate_is_read_anew(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
    CAPSA_AUTO_FREE(capsa_cert) first = NULL;
    CAPSA_AUTO_FREE(capsa_cert) again = NULL;
    X509 *x509 = test_cert_make((struct test_cert){.key = key, .name = "large"});
    ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
    static const unsigned char bytes[KIB(7)];
    assert_int_equal(ASN1_OCTET_STRING_set(content, bytes, sizeof(bytes)), 1);
    X509_EXTENSION *extension =
        X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, content);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    test_cert_der(x509, &der);
    assert_ok(capsa_cert_cache_der(cache, capsa_buf_bytes(&der), &first));
    assert_ok(capsa_cert_cache_der(cache, capsa_buf_bytes(&der), &again));
    assert_ptr_not_equal(first, again);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(content);
    X509_free(x509);
}

static void a_chain_is_checked_each_time(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_chain) early = {0}, late = {0};
    make("a", NULL, &der);
    assert_ok(capsa_chain_add_cached(&early, cache, capsa_buf_bytes(&der)));
    assert_ok(capsa_chain_check(early.certs, early.count, TEST_NOW));
    assert_ok(capsa_chain_add_cached(&late, cache, capsa_buf_bytes(&der)));
    assert_fails(capsa_chain_check(late.certs, late.count, TEST_NOW + 40 * 86400), EXPIRED);
    for (size_t i = 1; i < CAPSA_LIMIT_x5c_certs; i++) {
        assert_ok(capsa_chain_add_cached(&early, cache, capsa_buf_bytes(&der)));
    }
    assert_fails(capsa_chain_add_cached(&early, cache, capsa_buf_bytes(&der)), TOO_LARGE);
    assert_int_equal(early.count, CAPSA_LIMIT_x5c_certs);
}

struct hammer {
    const capsa_buf *ders;
    size_t count;
};

static void *take_and_free(void *context)
{
    const struct hammer *hammer = context;
    for (size_t i = 0; i < 2000; i++) {
        struct capsa_cert *cert = NULL;
        const capsa_buf *der = &hammer->ders[i % hammer->count];
        if (capsa_failed(capsa_cert_cache_der(cache, capsa_buf_bytes(der), &cert))) {
            return context;
        }
        capsa_cert_free(cert);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    capsa_buf ders[3];
    pthread_t threads[4];
    for (size_t i = 0; i < 3; i++) {
        ders[i] = capsa_buf_of(KIB(64));
        make((const char *const[]){"a", "b", "c"}[i], NULL, &ders[i]);
    }
    struct hammer hammer = {ders, 3};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_free, &hammer), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    for (size_t i = 0; i < 3; i++) {
        capsa_buf_drop(&ders[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_cache, free_cache)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_bytes_are_read_once),
        TEST(one_other_byte_is_another_certificate),
        TEST(what_cannot_be_read_is_not_kept),
        TEST(newer_certificates_take_the_places_of_older_ones),
        TEST(a_large_certificate_is_read_anew),
        TEST(a_chain_is_checked_each_time),
        TEST(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
