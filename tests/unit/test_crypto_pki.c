/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: certificates and revocation lists as makers of hardware have them, issued by ourselves;
 * and such as nobody should issue, made with libcrypto directly.
 */
#include "unit.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "certs.h"
#include "codec_failing.h"
#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"

#define DAY      ((capsa_time)86400)
#define URL      "https://certificates.example/root.crl"
#define EXTRA    "1.2.840.113741.1.13.1"
#define RSA_BITS 4096

static const uint8_t extra_content[] = {0x30, 0x03, 0x02, 0x01, 0x05};

/* Made once: the root and a certificate below it, on P-256; and the same by RSA-PSS. */
static struct capsa_private_key *root_key, *leaf_key, *rsa_key;
static struct capsa_public_key *root_public, *leaf_public, *rsa_public;
static struct capsa_cert *root, *leaf, *rsa_root, *rsa_leaf;

static struct capsa_cert_issue root_issue(void)
{
    return (struct capsa_cert_issue){.common_name = "root",
                                     .issuer_key = root_key,
                                     .key = root_public,
                                     .kind = CAPSA_LINK_P256_SHA256,
                                     .not_before = TEST_NOW - DAY,
                                     .not_after = TEST_NOW + DAY,
                                     .is_ca = true,
                                     .crl_url = URL};
}

static const struct capsa_cert_extra one_extra[] = {
    {EXTRA, {extra_content, sizeof(extra_content)}}};

static struct capsa_cert_issue leaf_issue(void)
{
    struct capsa_cert_issue issue = root_issue();
    issue.common_name = "leaf";
    issue.issuer = root;
    issue.key = leaf_public;
    issue.is_ca = false;
    issue.extra = one_extra;
    issue.extra_count = 1;
    return issue;
}

static struct capsa_cert *issued(struct capsa_cert_issue issue)
{
    struct capsa_cert *cert = NULL;
    assert_ok(capsa_cert_issue(&issue, &cert));
    return cert;
}

static int world_make(void **state)
{
    (void)state;
    assert_ok(capsa_private_key_new_p256(&root_key));
    assert_ok(capsa_private_key_new_p384(&leaf_key));
    assert_ok(capsa_private_key_new_rsa(RSA_BITS, &rsa_key));
    assert_ok(capsa_public_key_of(root_key, &root_public));
    assert_ok(capsa_public_key_of(leaf_key, &leaf_public));
    assert_ok(capsa_public_key_of(rsa_key, &rsa_public));
    root = issued(root_issue());
    leaf = issued(leaf_issue());
    struct capsa_cert_issue issue = root_issue();
    issue.issuer_key = rsa_key;
    issue.key = rsa_public;
    issue.kind = CAPSA_LINK_RSA_PSS_SHA384;
    rsa_root = issued(issue);
    issue.issuer = rsa_root;
    issue.common_name = "VCEK";
    issue.key = leaf_public;
    issue.is_ca = false;
    rsa_leaf = issued(issue);
    return 0;
}

static int world_free(void **state)
{
    (void)state;
    capsa_private_key_free(root_key);
    capsa_private_key_free(leaf_key);
    capsa_private_key_free(rsa_key);
    capsa_public_key_free(root_public);
    capsa_public_key_free(leaf_public);
    capsa_public_key_free(rsa_public);
    capsa_cert_free(root);
    capsa_cert_free(leaf);
    capsa_cert_free(rsa_root);
    capsa_cert_free(rsa_leaf);
    return 0;
}

static int no_errors_are_left(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static capsa_buf copy_of(capsa_bytes bytes)
{
    capsa_buf buf = capsa_buf_of(KIB(512));
    assert_ok(capsa_buf_append(&buf, bytes));
    return buf;
}

/* ---- what a certificate says ----------------------------------------------------------------- */

static void a_certificate_says_what_was_issued(void **state)
{
    (void)state;
    static const uint8_t serial[] = {0x80, 0x01};
    struct capsa_cert_issue issue = leaf_issue();
    issue.serial = capsa_bytes_of(serial, sizeof(serial));
    CAPSA_AUTO_FREE(capsa_cert) cert = issued(issue);
    static const uint8_t content[] = {0x00, 0x80, 0x01};
    assert_true(capsa_bytes_equal(capsa_cert_serial(cert), capsa_bytes_of(content, 3)));
    char name[CAPSA_COMMON_NAME];
    assert_ok(capsa_cert_subject_name(cert, name));
    assert_string_equal(name, "leaf");
    assert_ok(capsa_cert_issuer_name(cert, name));
    assert_string_equal(name, "root");
    assert_true(capsa_bytes_equal(capsa_cert_issuer(cert), capsa_cert_subject(root)));
    assert_false(capsa_bytes_equal(capsa_cert_subject(cert), capsa_cert_subject(root)));
    assert_int_equal(capsa_cert_subject(cert).data[0], 0x30);
    assert_int_equal(capsa_cert_extensions(cert), 31);
    assert_false(capsa_cert_is_ca(cert) || capsa_cert_signs_certs(cert) ||
                 capsa_cert_signs_crls(cert));
    assert_true(capsa_cert_is_ca(root) && capsa_cert_signs_certs(root) &&
                capsa_cert_signs_crls(root));
    assert_int_equal(capsa_public_key_kind(capsa_cert_key(cert)), CAPSA_KEY_P384);
    CAPSA_AUTO(capsa_buf) content_of = capsa_buf_of(64);
    assert_ok(capsa_cert_extension(cert, EXTRA, &content_of));
    assert_int_equal(content_of.len, sizeof(extra_content));
    capsa_time from = 0, to = 0;
    capsa_cert_validity(cert, &from, &to);
    assert_true(from == TEST_NOW - DAY && to == TEST_NOW + DAY);
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
    assert_ok(capsa_cert_write_der(cert, &der));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&der), capsa_cert_der(cert)));
}

static void an_extra_stands_in_place_of_what_is_usual(void **state)
{
    (void)state;
    static const uint8_t not_a_ca[] = {0x30, 0x00};
    const struct {
        const char *oid;
        unsigned bit;
    } usual[] = {{"2.5.29.35", CAPSA_CERT_HAS_AKI},
                 {"2.5.29.14", CAPSA_CERT_HAS_SKI},
                 {"2.5.29.15", CAPSA_CERT_HAS_KEY_USAGE},
                 {"2.5.29.19", CAPSA_CERT_HAS_BASIC_CONSTRAINTS},
                 {"2.5.29.31", CAPSA_CERT_HAS_CRL_POINTS}};
    for (size_t i = 0; i < 5; i++) {
        struct capsa_cert_issue issue = leaf_issue();
        const struct capsa_cert_extra none = {usual[i].oid, {NULL, 0}};
        issue.extra = &none;
        issue.extra_count = 1;
        CAPSA_AUTO_FREE(capsa_cert) cert = issued(issue);
        assert_int_equal(capsa_cert_extensions(cert), 31 & ~usual[i].bit);
    }
    struct capsa_cert_issue issue = root_issue();
    const struct capsa_cert_extra other = {"2.5.29.19", {not_a_ca, sizeof(not_a_ca)}};
    issue.extra = &other;
    issue.extra_count = 1;
    CAPSA_AUTO_FREE(capsa_cert) cert = issued(issue);
    assert_int_equal(capsa_cert_extensions(cert), 31);
    assert_false(capsa_cert_is_ca(cert));
}

static struct capsa_cert *parsed(X509 *x509)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    struct capsa_cert *cert = NULL;
    test_cert_der(x509, &der);
    assert_ok(capsa_cert_parse_der(capsa_buf_bytes(&der), &cert));
    return cert;
}

static void a_name_that_is_none_or_two_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    static const struct {
        const char *first, *second;
        int len;
    } bad[] = {{NULL, NULL, -1}, {"a", "b", -1}, {"a\0b", NULL, 3}, {"a\nb", NULL, -1}};
    for (size_t i = 0; i < 4; i++) {
        X509 *x509 = test_cert_make((struct test_cert){.key = key});
        X509_NAME *name = X509_NAME_new();
        for (int k = 0; k < 2; k++) {
            const char *text = k == 0 ? bad[i].first : bad[i].second;
            if (text != NULL) {
                assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                            (const unsigned char *)text, bad[i].len,
                                                            -1, 0),
                                 1);
            }
        }
        assert_int_equal(X509_set_subject_name(x509, name), 1);
        assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
        CAPSA_AUTO_FREE(capsa_cert) cert = parsed(x509);
        char text[CAPSA_COMMON_NAME] = "untouched";
        assert_fails(capsa_cert_subject_name(cert, text), MALFORMED);
        assert_string_equal(text, "untouched");
        X509_NAME_free(name);
        X509_free(x509);
    }
    EVP_PKEY_free(key);
}

/* ---- one link -------------------------------------------------------------------------------- */

static void a_link_holds_under_its_issuer_alone(void **state)
{
    (void)state;
    assert_ok(capsa_cert_link_check(leaf, root, CAPSA_LINK_P256_SHA256));
    assert_ok(capsa_cert_link_check(root, root, CAPSA_LINK_P256_SHA256));
    assert_ok(capsa_cert_link_check(rsa_leaf, rsa_root, CAPSA_LINK_RSA_PSS_SHA384));
    assert_ok(capsa_cert_link_check(rsa_root, rsa_root, CAPSA_LINK_RSA_PSS_SHA384));
    assert_fails(capsa_cert_link_check(leaf, root, CAPSA_LINK_RSA_PSS_SHA384), UNAUTHENTIC);
    assert_fails(capsa_cert_link_check(rsa_leaf, rsa_root, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
    assert_fails(capsa_cert_link_check(root, leaf, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
    /* of the same name, with another key: of the same type, and of another */
    CAPSA_AUTO_FREE(capsa_private_key) other_key = NULL;
    assert_ok(capsa_private_key_new_p256(&other_key));
    CAPSA_AUTO_FREE(capsa_public_key) other_public = NULL;
    assert_ok(capsa_public_key_of(other_key, &other_public));
    struct capsa_cert_issue issue = root_issue();
    issue.issuer_key = other_key;
    issue.key = other_public;
    CAPSA_AUTO_FREE(capsa_cert) other = issued(issue);
    assert_fails(capsa_cert_link_check(leaf, other, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
    assert_fails(capsa_cert_link_check(leaf, rsa_root, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
    /* of another name, with the right key */
    issue = root_issue();
    issue.common_name = "another";
    CAPSA_AUTO_FREE(capsa_cert) renamed = issued(issue);
    assert_fails(capsa_cert_link_check(leaf, renamed, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
}

static void every_changed_byte_of_a_certificate_is_noticed(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) der = copy_of(capsa_cert_der(leaf));
    for (size_t i = 0; i < der.len; i++) {
        der.data[i] ^= 1;
        CAPSA_AUTO_FREE(capsa_cert) changed = NULL;
        if (!capsa_failed(capsa_cert_parse_der(capsa_buf_bytes(&der), &changed))) {
            assert_fails(capsa_cert_link_check(changed, root, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
        }
        der.data[i] ^= 1;
        assert_fails(capsa_cert_parse_der(capsa_bytes_of(der.data, i), &changed), MALFORMED);
    }
}

/* ecdsa-with-SHA256, which stands in a certificate twice, becomes ecdsa-with-SHA384. */
static void both_algorithms_are_the_kinds_own(void **state)
{
    (void)state;
    static const uint8_t sha256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    for (unsigned which = 1; which <= 3; which++) {
        CAPSA_AUTO(capsa_buf) der = copy_of(capsa_cert_der(leaf));
        size_t found = 0;
        for (size_t i = 0; i + sizeof(sha256) <= der.len; i++) {
            if (memcmp(der.data + i, sha256, sizeof(sha256)) == 0) {
                der.data[i + 9] = (which >> found & 1) != 0 ? 3 : 2;
                found++;
            }
        }
        assert_int_equal(found, 2);
        CAPSA_AUTO_FREE(capsa_cert) changed = NULL;
        assert_ok(capsa_cert_parse_der(capsa_buf_bytes(&der), &changed));
        capsa_result checked = capsa_cert_link_check(changed, root, CAPSA_LINK_P256_SHA256);
        assert_fails(checked, UNAUTHENTIC);
        assert_non_null(strstr(capsa_text_of(checked),
                               which == 3 ? "otherwise than by" : "two signature algorithms"));
    }
}

struct pss {
    const EVP_MD *hash, *mgf1;
    int salt, padding, bits;
};

/* Signed by an RSA key in whatever way. */
static struct capsa_cert *signed_by_rsa(EVP_PKEY *key, struct pss how)
{
    X509 *x509 = test_cert_make((struct test_cert){.key = key, .name = "root"});
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    assert_int_equal(EVP_DigestSignInit(context, &parameters, how.hash, NULL, key), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, how.padding), 1);
    if (how.padding == RSA_PKCS1_PSS_PADDING) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, how.salt), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, how.mgf1), 1);
    }
    assert_true(X509_sign_ctx(x509, context) > 0);
    struct capsa_cert *cert = parsed(x509);
    EVP_MD_CTX_free(context);
    X509_free(x509);
    return cert;
}

static void rsa_pss_has_exactly_its_parameters(void **state)
{
    (void)state;
    const struct {
        struct pss how;
        bool holds;
    } cases[] = {
        {{EVP_sha384(), EVP_sha384(), 48, RSA_PKCS1_PSS_PADDING, 4096}, true},
        {{EVP_sha384(), EVP_sha384(), 47, RSA_PKCS1_PSS_PADDING, 4096}, false},
        {{EVP_sha384(), EVP_sha384(), 20, RSA_PKCS1_PSS_PADDING, 4096}, false},
        {{EVP_sha384(), EVP_sha256(), 48, RSA_PKCS1_PSS_PADDING, 4096}, false},
        {{EVP_sha256(), EVP_sha256(), 48, RSA_PKCS1_PSS_PADDING, 4096}, false},
        {{EVP_sha512(), EVP_sha384(), 48, RSA_PKCS1_PSS_PADDING, 4096}, false},
        {{EVP_sha384(), NULL, 0, RSA_PKCS1_PADDING, 4096}, false},
        {{EVP_sha384(), EVP_sha384(), 48, RSA_PKCS1_PSS_PADDING, 2048}, false},
    };
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(8));
    assert_ok(capsa_private_key_write(rsa_key, &pem));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *large = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_PKEY *small = EVP_RSA_gen(2048);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EVP_PKEY *key = cases[i].how.bits == RSA_BITS ? large : small;
        CAPSA_AUTO_FREE(capsa_cert) cert = signed_by_rsa(key, cases[i].how);
        capsa_result checked = capsa_cert_link_check(cert, cert, CAPSA_LINK_RSA_PSS_SHA384);
        assert_int_equal(capsa_code_of(checked), cases[i].holds ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
    }
    EVP_PKEY_free(large);
    EVP_PKEY_free(small);
    BIO_free(bio);
}

/* ---- several certificates -------------------------------------------------------------------- */

static capsa_buf chain_pem(size_t count)
{
    capsa_buf pem = capsa_buf_of(KIB(512));
    for (size_t i = 0; i < count; i++) {
        assert_ok(capsa_cert_write_pem(i == 0 ? leaf : root, &pem));
    }
    return pem;
}

static void assert_two(capsa_bytes text)
{
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    assert_ok(capsa_certs_parse(text, &chain));
    assert_int_equal(chain.count, 2);
    assert_true(capsa_bytes_equal(capsa_cert_der(chain.certs[0]), capsa_cert_der(leaf)));
    assert_true(capsa_bytes_equal(capsa_cert_der(chain.certs[1]), capsa_cert_der(root)));
}

static void certificates_stand_one_after_the_other(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) pem = chain_pem(2);
    assert_two(capsa_buf_bytes(&pem));
    CAPSA_AUTO(capsa_buf) filled = capsa_buf_of(KIB(64));
    assert_ok(capsa_buf_append(&filled, CAPSA_BYTES_LITERAL("\r\n\0 ")));
    assert_ok(capsa_buf_append(&filled, capsa_buf_bytes(&pem)));
    assert_ok(capsa_buf_append(&filled, CAPSA_BYTES_LITERAL("\n\0\0\0")));
    assert_two(capsa_buf_bytes(&filled));
    CAPSA_AUTO(capsa_buf) der = copy_of(capsa_cert_der(leaf));
    assert_ok(capsa_buf_append(&der, CAPSA_BYTES_LITERAL("\0\n")));
    assert_ok(capsa_buf_append(&der, capsa_cert_der(root)));
    assert_two(capsa_buf_bytes(&der));
}

static void what_is_no_chain_is_malformed_at_every_length(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) pem = chain_pem(2);
    const uint8_t *second = memmem(pem.data + 1, pem.len - 1, "-----BEGIN", 10);
    assert_non_null(second);
    size_t first_len = (size_t)(second - pem.data), whole = pem.len - 1; /* without the newline */
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    for (size_t len = 0; len < whole; len++) {
        if (len + 1 == first_len || len == first_len) {
            continue; /* the first one, whole */
        }
        assert_fails(capsa_certs_parse(capsa_bytes_of(pem.data, len), &chain), MALFORMED);
        assert_int_equal(chain.count, 0);
    }
    static const char *const between[] = {"x", "subject=a\n", "-----BEGIN PRIVATE KEY-----\n", "0"};
    for (size_t i = 0; i < 4; i++) {
        CAPSA_AUTO(capsa_buf) text = copy_of(capsa_bytes_of(pem.data, first_len));
        assert_ok(capsa_buf_str(&text, between[i]));
        assert_fails(capsa_certs_parse(capsa_buf_bytes(&text), &chain), MALFORMED);
        assert_ok(capsa_buf_append(&text, capsa_bytes_from(capsa_buf_bytes(&pem), first_len)));
        assert_fails(capsa_certs_parse(capsa_buf_bytes(&text), &chain), MALFORMED);
    }
    CAPSA_AUTO(capsa_buf) mixed = copy_of(capsa_cert_der(leaf));
    assert_ok(capsa_buf_append(&mixed, capsa_buf_bytes(&pem)));
    assert_fails(capsa_certs_parse(capsa_buf_bytes(&mixed), &chain), MALFORMED);
    assert_fails(capsa_certs_parse(CAPSA_BYTES_LITERAL(" \0\n"), &chain), MALFORMED);
    assert_int_equal(chain.count, 0);
}

static void too_many_certificates_are_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_AUTO(capsa_buf) most = chain_pem(CAPSA_LIMIT_x5c_certs);
    assert_ok(capsa_certs_parse(capsa_buf_bytes(&most), &chain));
    assert_int_equal(chain.count, CAPSA_LIMIT_x5c_certs);
    capsa_chain_drop(&chain);
    CAPSA_AUTO(capsa_buf) more = chain_pem(CAPSA_LIMIT_x5c_certs + 1);
    assert_fails(capsa_certs_parse(capsa_buf_bytes(&more), &chain), TOO_LARGE);
    CAPSA_AUTO(capsa_buf) large = chain_pem(1);
    uint8_t *room = NULL;
    assert_ok(capsa_buf_extend(&large, CAPSA_LIMIT_chain_bytes + 1 - large.len, &room));
    memset(room, ' ', large.len - (size_t)(room - large.data));
    assert_fails(capsa_certs_parse(capsa_buf_bytes(&large), &chain), TOO_LARGE);
    large.len--;
    assert_ok(capsa_certs_parse(capsa_buf_bytes(&large), &chain));
}

/* ---- revocation lists ------------------------------------------------------------------------ */

static struct capsa_crl_issue list_issue(void)
{
    return (struct capsa_crl_issue){.issuer = root,
                                    .issuer_key = root_key,
                                    .kind = CAPSA_LINK_P256_SHA256,
                                    .this_update = TEST_NOW - DAY,
                                    .next_update = TEST_NOW + DAY};
}

static struct capsa_crl *list_of(struct capsa_crl_issue issue)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(256));
    struct capsa_crl *crl = NULL;
    assert_ok(capsa_crl_issue(&issue, &der));
    assert_ok(capsa_crl_parse(capsa_buf_bytes(&der), &crl));
    return crl;
}

static struct capsa_cert *with_serial(capsa_bytes serial)
{
    struct capsa_cert_issue issue = leaf_issue();
    issue.serial = serial;
    return issued(issue);
}

static void a_list_revokes_what_it_names_and_nothing_else(void **state)
{
    (void)state;
    static const uint8_t serials[][3] = {{0x00, 0x00, 0x80}, {0x01, 0x00, 0x00}, {0x00, 0x7f, 0xff},
                                         {0x00, 0x00, 0x00}, {0x00, 0x80, 0x00}, {0x00, 0x00, 0x01},
                                         {0x80, 0x00, 0x00}};
    enum { COUNT = 7 };
    struct capsa_cert *certs[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        certs[i] = with_serial(capsa_bytes_of(serials[i], 3));
    }
    for (size_t count = 0; count <= COUNT; count++) {
        struct capsa_crl_issue issue = list_issue();
        issue.revoked = (const struct capsa_cert *const *)certs;
        issue.revoked_count = count;
        CAPSA_AUTO_FREE(capsa_crl) crl = list_of(issue);
        assert_ok(capsa_crl_check(crl, root, CAPSA_LINK_P256_SHA256));
        assert_int_equal(capsa_crl_count(crl), count);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(capsa_crl_revokes(crl, certs[i]), i < count);
        }
        assert_false(capsa_crl_revokes(crl, leaf));
    }
    for (size_t i = 0; i < COUNT; i++) {
        capsa_cert_free(certs[i]);
    }
}

static void a_list_says_what_was_issued(void **state)
{
    (void)state;
    struct capsa_crl_issue issue = list_issue();
    CAPSA_AUTO_FREE(capsa_crl) crl = list_of(issue);
    capsa_time from = 0, to = 0;
    capsa_crl_validity(crl, &from, &to);
    assert_true(from == TEST_NOW - DAY && to == TEST_NOW + DAY);
    assert_true(capsa_crl_has_number_and_aki(crl));
    assert_true(capsa_bytes_equal(capsa_crl_issuer(crl), capsa_cert_subject(root)));
    issue.next_update = 0;
    CAPSA_AUTO_FREE(capsa_crl) endless = list_of(issue);
    capsa_crl_validity(endless, &from, &to);
    assert_int_equal(to, 0);
    assert_ok(capsa_crl_check(endless, root, CAPSA_LINK_P256_SHA256));
}

static void a_list_holds_under_its_issuer_alone(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_crl) crl = list_of(list_issue());
    assert_ok(capsa_crl_check(crl, root, CAPSA_LINK_P256_SHA256));
    assert_fails(capsa_crl_check(crl, root, CAPSA_LINK_RSA_PSS_SHA384), UNAUTHENTIC);
    assert_fails(capsa_crl_check(crl, leaf, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
    assert_fails(capsa_crl_check(crl, rsa_root, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
    struct capsa_crl_issue issue = list_issue();
    issue.issuer = rsa_root;
    issue.issuer_key = rsa_key;
    issue.kind = CAPSA_LINK_RSA_PSS_SHA384;
    CAPSA_AUTO_FREE(capsa_crl) pss = list_of(issue);
    assert_ok(capsa_crl_check(pss, rsa_root, CAPSA_LINK_RSA_PSS_SHA384));
    assert_fails(capsa_crl_check(pss, root, CAPSA_LINK_RSA_PSS_SHA384), UNAUTHENTIC);
}

static void every_changed_byte_of_a_list_is_noticed(void **state)
{
    (void)state;
    const struct capsa_cert *const revoked[] = {leaf};
    struct capsa_crl_issue issue = list_issue();
    issue.revoked = revoked;
    issue.revoked_count = 1;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
    assert_ok(capsa_crl_issue(&issue, &der));
    struct capsa_crl *crl = NULL;
    for (size_t i = 0; i < der.len; i++) {
        for (unsigned bit = 1; bit < 256; bit *= 2) {
            der.data[i] ^= (uint8_t)bit;
            if (!capsa_failed(capsa_crl_parse(capsa_buf_bytes(&der), &crl))) {
                assert_fails(capsa_crl_check(crl, root, CAPSA_LINK_P256_SHA256), UNAUTHENTIC);
                capsa_crl_free(crl);
                crl = NULL;
            }
            der.data[i] ^= (uint8_t)bit;
        }
        assert_fails(capsa_crl_parse(capsa_bytes_of(der.data, i), &crl), MALFORMED);
    }
    assert_ok(capsa_buf_u8(&der, 0));
    assert_fails(capsa_crl_parse(capsa_buf_bytes(&der), &crl), MALFORMED);
    assert_fails(capsa_crl_parse(capsa_cert_der(root), &crl), MALFORMED);
    uint8_t *room = NULL;
    CAPSA_AUTO(capsa_buf) large = capsa_buf_of(MIB(1));
    assert_ok(capsa_buf_extend(&large, CAPSA_LIMIT_crl_bytes + 1, &room));
    assert_fails(capsa_crl_parse(capsa_buf_bytes(&large), &crl), TOO_LARGE);
    assert_null(crl);
}

/* A list signed with the root's key, and whatever extensions. */
static struct capsa_crl *odd_list(EVP_PKEY *key, const char *of_list, const char *of_entry)
{
    CAPSA_AUTO(capsa_buf) plain = capsa_buf_of(KIB(8));
    const struct capsa_cert *const revoked[] = {leaf};
    struct capsa_crl_issue issue = list_issue();
    issue.revoked = revoked;
    issue.revoked_count = 1;
    assert_ok(capsa_crl_issue(&issue, &plain));
    const unsigned char *at = plain.data;
    X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)plain.len);
    assert_non_null(list);
    const char *const wanted[] = {of_list, of_entry};
    for (size_t i = 0; i < 2; i++) {
        if (wanted[i] == NULL) {
            continue;
        }
        char name[128];
        size_t len = strcspn(wanted[i], " ");
        memcpy(name, wanted[i], len);
        name[len] = '\0';
        X509V3_CTX context;
        X509V3_set_ctx(&context, NULL, NULL, NULL, list, 0);
        X509V3_set_nconf(&context, NULL);
        X509_EXTENSION *extension = X509V3_EXT_conf(NULL, &context, name, wanted[i] + len + 1);
        assert_non_null(extension);
        X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(list), 0);
        assert_int_equal(i == 0 ? X509_CRL_add_ext(list, extension, -1)
                                : X509_REVOKED_add_ext(entry, extension, -1),
                         1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_CRL_sign(list, key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(list, &der);
    assert_true(len > 0);
    struct capsa_crl *crl = NULL;
    assert_ok(capsa_crl_parse(capsa_bytes_of(der, (size_t)len), &crl));
    OPENSSL_free(der);
    X509_CRL_free(list);
    return crl;
}

static void lists_that_cover_something_else_do_not_hold(void **state)
{
    (void)state;
    static const struct {
        const char *of_list, *of_entry;
        bool holds;
    } cases[] = {
        {NULL, NULL, true},
        {NULL, "2.5.29.21 DER:0a:01:01", true},
        {NULL, "2.5.29.24 DER:18:0f:32:30:32:36:30:31:30:31:30:30:30:30:30:30:5a", true},
        {"1.2.3.4 DER:05:00", NULL, true},
        {"1.2.3.4 critical,DER:05:00", NULL, false},
        {NULL, "1.2.3.4 DER:05:00", true},
        {NULL, "1.2.3.4 critical,DER:05:00", false},
        {"2.5.29.27 DER:02:01:01", NULL, false},
        {"2.5.29.27 critical,DER:02:01:01", NULL, false},
        /* issuingDistributionPoint: a place alone; users only; CAs only; some reasons; others'; */
        {"2.5.29.28 critical,DER:30:0e:a0:0c:a0:0a:86:08:68:74:74:70:3a:2f:2f:61", NULL, true},
        {"2.5.29.28 critical,DER:30:03:81:01:ff", NULL, false},
        {"2.5.29.28 DER:30:03:82:01:ff", NULL, false},
        {"2.5.29.28 critical,DER:30:04:83:02:01:06", NULL, false},
        {"2.5.29.28 critical,DER:30:03:84:01:ff", NULL, false},
        {"2.5.29.28 critical,DER:30:13:a0:0c:a0:0a:86:08:68:74:74:70:3a:2f:2f:61:84:01:ff:05:00",
         NULL, false},
        {NULL, "2.5.29.29 critical,DER:30:05:82:03:61:62:63", false},
        {NULL, "2.5.29.29 DER:30:05:82:03:61:62:63", false},
    };
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(8));
    assert_ok(capsa_private_key_write(root_key, &pem));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_crl) crl = odd_list(key, cases[i].of_list, cases[i].of_entry);
        capsa_result checked = capsa_crl_check(crl, root, CAPSA_LINK_P256_SHA256);
        if (capsa_failed(checked) == cases[i].holds) {
            fail_msg("case %zu: %s", i, capsa_text_of(checked));
        }
        assert_int_equal(capsa_code_of(checked), cases[i].holds ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
        assert_true(capsa_crl_revokes(crl, leaf)); /* what it says is read all the same */
    }
    EVP_PKEY_free(key);
    BIO_free(bio);
}

/* ---- memory, and wrong use ------------------------------------------------------------------- */

static void issuing_refuses_what_does_not_go_together(void **state)
{
    (void)state;
    static const uint8_t long_serial[21] = {1};
    struct capsa_cert_issue issue = leaf_issue();
    struct capsa_cert *cert = NULL;
    issue.kind = CAPSA_LINK_RSA_PSS_SHA384;
    assert_fails(capsa_cert_issue(&issue, &cert), USAGE);
    issue = leaf_issue();
    issue.issuer_key = leaf_key; /* P-384 */
    assert_fails(capsa_cert_issue(&issue, &cert), USAGE);
    issue = leaf_issue();
    issue.not_after = issue.not_before - 1;
    assert_fails(capsa_cert_issue(&issue, &cert), USAGE);
    issue = leaf_issue();
    issue.serial = capsa_bytes_of(long_serial, sizeof(long_serial));
    assert_fails(capsa_cert_issue(&issue, &cert), USAGE);
    issue = leaf_issue();
    issue.crl_url = URL ",URI:http://another";
    assert_fails(capsa_cert_issue(&issue, &cert), USAGE);
    assert_null(cert);
}

static capsa_result everything(void)
{
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    const struct capsa_cert_issue issue = leaf_issue();
    const struct capsa_cert *const revoked[] = {leaf};
    struct capsa_crl_issue list = list_issue();
    list.revoked = revoked;
    list.revoked_count = 1;
    CAPSA_TRY(capsa_cert_issue(&issue, &cert));
    CAPSA_TRY(capsa_crl_issue(&list, &der));
    CAPSA_TRY(capsa_crl_parse(capsa_buf_bytes(&der), &crl));
    CAPSA_TRY(capsa_certs_parse(capsa_cert_der(cert), &chain));
    CAPSA_TRY(capsa_crl_check(crl, root, CAPSA_LINK_P256_SHA256));
    return capsa_cert_link_check(cert, root, CAPSA_LINK_P256_SHA256);
}

static void running_out_of_memory_is_said(void **state)
{
    (void)state;
    ASSERT_FAILS_CLEANLY(everything());
}

#define CASE(name) cmocka_unit_test_teardown(name, no_errors_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_certificate_says_what_was_issued),
        CASE(an_extra_stands_in_place_of_what_is_usual),
        CASE(a_name_that_is_none_or_two_is_refused),
        CASE(a_link_holds_under_its_issuer_alone),
        CASE(every_changed_byte_of_a_certificate_is_noticed),
        CASE(both_algorithms_are_the_kinds_own),
        CASE(rsa_pss_has_exactly_its_parameters),
        CASE(certificates_stand_one_after_the_other),
        CASE(what_is_no_chain_is_malformed_at_every_length),
        CASE(too_many_certificates_are_refused),
        CASE(a_list_revokes_what_it_names_and_nothing_else),
        CASE(a_list_says_what_was_issued),
        CASE(a_list_holds_under_its_issuer_alone),
        CASE(every_changed_byte_of_a_list_is_noticed),
        CASE(lists_that_cover_something_else_do_not_hold),
        CASE(issuing_refuses_what_does_not_go_together),
        CASE(running_out_of_memory_is_said),
    };
    return cmocka_run_group_tests(tests, world_make, world_free);
}
