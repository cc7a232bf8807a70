/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: chains of certificates, good and bad.
 */
#include "unit.h"

#include <openssl/err.h>

#include "certs.h"

#define SIGNER_USE "keyUsage critical,keyCertSign\n"

static EVP_PKEY *rsa, *ec[4], *p384, *p521; /* made once */

static int make_keys(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    p384 = EVP_EC_gen("P-384");
    p521 = EVP_EC_gen("P-521");
    for (size_t i = 0; i < 4; i++) {
        ec[i] = EVP_EC_gen("P-256");
        assert_non_null(ec[i]);
    }
    return rsa != NULL && p384 != NULL && p521 != NULL ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p521);
    for (size_t i = 0; i < 4; i++) {
        EVP_PKEY_free(ec[i]);
    }
    return 0;
}

static int no_errors_are_left(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

/* A chain of up to three as described, root first in the arguments: each signed by the one before
 * it unless it says otherwise. */
static void make_chain(struct test_cert root, struct test_cert *middle, struct test_cert *leaf,
                       capsa_chain *chain)
{
    X509 *made[3] = {test_cert_make(root), NULL, NULL};
    EVP_PKEY *keys[3] = {root.key, NULL, NULL};
    size_t count = 1;
    struct test_cert *const below[] = {middle, leaf};
    for (size_t i = 0; i < 2; i++) {
        if (below[i] == NULL) {
            continue;
        }
        struct test_cert want = *below[i];
        want.issuer = made[count - 1];
        want.issuer_key = want.issuer_key == NULL ? keys[count - 1] : want.issuer_key;
        made[count] = test_cert_make(want);
        keys[count++] = want.key;
    }
    for (size_t i = count; i > 0; i--) {
        test_chain_add(chain, made[i - 1]);
        X509_free(made[i - 1]);
    }
}

static capsa_result check(const capsa_chain *chain)
{
    return capsa_chain_check(chain->certs, chain->count, TEST_NOW);
}

static void assert_refused(const capsa_chain *chain, const char *why)
{
    capsa_result result = check(chain);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNAUTHENTIC);
    if (strstr(capsa_text_of(result), why) == NULL) {
        fail_msg("wanted \"%s\" in \"%s\"", why, capsa_text_of(result));
    }
}

/* ---- good ------------------------------------------------------------------------------------ */

static void a_single_certificate_needs_no_ca(void **state)
{
    (void)state;
    const struct test_cert alone[] = {
        {.key = ec[0]},
        {.key = ec[0], .version = 1, .name = "v1"},
        {.key = ec[0], .name = "leaf", .extensions = "basicConstraints critical,CA:FALSE\n"},
        {.key = rsa, .name = "old", .digest = EVP_sha1()},
        {.key = p521, .name = "other"},
    };
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        CAPSA_AUTO(capsa_chain) chain = {0};
        make_chain(alone[i], NULL, NULL, &chain);
        assert_ok(check(&chain));
    }
}

static void ordinary_chains_hold(void **state)
{
    (void)state;
    struct test_cert plain_leaf = {.key = rsa, .name = "leaf"};
    struct test_cert v1_leaf = {.key = rsa, .name = "leaf", .version = 1};
    struct test_cert unnamed_leaf = {.key = ec[2]};
    struct test_cert middle = {.key = ec[1], .name = "middle", .extensions = TEST_CA SIGNER_USE};
    const struct {
        struct test_cert root, *middle, *leaf;
    } chains[] = {
        {{.key = ec[0], .name = "root", .extensions = TEST_CA}, NULL, &plain_leaf},
        {{.key = ec[0], .name = "root", .extensions = TEST_CA SIGNER_USE}, &middle, &plain_leaf},
        {{.key = ec[0], .name = "root", .version = 1}, &middle, &v1_leaf},
        {{.key = ec[0], .name = "root"}, NULL, &v1_leaf}, /* version 3 without extensions, last */
        {{.key = ec[0], .extensions = TEST_CA}, NULL, &unnamed_leaf},
        {{.key = p384, .name = "root", .extensions = TEST_CA}, &middle, &plain_leaf},
        {{.key = rsa, .name = "root", .extensions = TEST_CA}, &middle, &unnamed_leaf},
    };
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
        CAPSA_AUTO(capsa_chain) chain = {0};
        make_chain(chains[i].root, chains[i].middle, chains[i].leaf, &chain);
        assert_ok(check(&chain));
    }
}

/* The original manager's own certificate has it. */
static void a_serial_number_of_zero_is_read(void **state)
{
    (void)state;
    X509 *x509 = test_cert_make((struct test_cert){.key = ec[0], .name = "capsule-manager"});
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 0), 1);
    assert_true(X509_sign(x509, ec[0], EVP_sha256()) > 0);
    CAPSA_AUTO(capsa_chain) chain = {0};
    test_chain_add(&chain, x509);
    assert_ok(check(&chain));
    X509_free(x509);
}

static void the_party_of_a_chain_is_its_last_key(void **state)
{
    (void)state;
    struct test_cert leaf = {.key = rsa, .name = "leaf"};
    CAPSA_AUTO(capsa_chain) chain = {0};
    CAPSA_AUTO(capsa_chain) root = {0};
    make_chain((struct test_cert){.key = ec[0], .name = "root", .extensions = TEST_CA}, NULL, &leaf,
               &chain);
    make_chain((struct test_cert){.key = ec[0], .name = "another form"}, NULL, NULL, &root);
    char of_chain[CAPSA_PARTY_ID], of_root[CAPSA_PARTY_ID], of_leaf[CAPSA_PARTY_ID];
    assert_ok(capsa_cert_party_id(chain.certs[1], of_chain));
    assert_ok(capsa_cert_party_id(chain.certs[0], of_leaf));
    assert_ok(capsa_cert_party_id(root.certs[0], of_root));
    assert_string_equal(of_chain, of_root);
    assert_string_not_equal(of_chain, of_leaf);
    assert_true(capsa_cert_same_key(chain.certs[1], root.certs[0]));
}

static void eight_certificates_are_a_chain_and_nine_are_not(void **state)
{
    (void)state;
    X509 *made[CAPSA_LIMIT_x5c_certs + 1];
    for (int i = 0; i <= CAPSA_LIMIT_x5c_certs; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "ca %d", i);
        made[i] = test_cert_make((struct test_cert){.key = ec[i % 4],
                                                    .name = name,
                                                    .extensions = TEST_CA,
                                                    .issuer = i == 0 ? NULL : made[i - 1],
                                                    .issuer_key = i == 0 ? NULL : ec[(i - 1) % 4]});
    }
    CAPSA_AUTO(capsa_chain) chain = {0};
    for (int i = CAPSA_LIMIT_x5c_certs; i > 0; i--) {
        test_chain_add(&chain, made[i]);
    }
    assert_ok(check(&chain)); /* its last one is no root; its key is the party all the same */
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
    test_cert_der(made[0], &der);
    assert_fails(capsa_chain_add_der(&chain, capsa_buf_bytes(&der)), TOO_LARGE);
    assert_int_equal(chain.count, CAPSA_LIMIT_x5c_certs);
    struct capsa_cert *nine[CAPSA_LIMIT_x5c_certs + 1];
    memcpy(nine, chain.certs, sizeof(chain.certs));
    nine[CAPSA_LIMIT_x5c_certs] = chain.certs[0];
    assert_fails(capsa_chain_check(nine, CAPSA_LIMIT_x5c_certs + 1, TEST_NOW), TOO_LARGE);
    assert_fails(capsa_chain_check(nine, 0, TEST_NOW), MALFORMED);
    for (int i = 0; i <= CAPSA_LIMIT_x5c_certs; i++) {
        X509_free(made[i]);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

static void every_certificate_must_be_valid_now_and_the_dates_are_told(void **state)
{
    (void)state;
    struct test_cert root = {.key = ec[0], .name = "root", .extensions = TEST_CA};
    struct test_cert leaf = {.key = ec[1], .name = "leaf", .from = -9, .to = -2};
    CAPSA_AUTO(capsa_chain) ended = {0};
    make_chain(root, NULL, &leaf, &ended);
    capsa_result result = check(&ended);
    assert_int_equal(capsa_code_of(result), CAPSA_E_EXPIRED);
    assert_string_equal(capsa_text_of(result),
                        "certificate 0 of the chain expired at 2026-11-16T11:06:40Z");
    leaf.from = leaf.to = 0;
    root.from = 3;
    root.to = 9;
    CAPSA_AUTO(capsa_chain) early = {0};
    make_chain(root, NULL, &leaf, &early);
    result = check(&early);
    assert_int_equal(capsa_code_of(result), CAPSA_E_EXPIRED);
    assert_string_equal(capsa_text_of(result),
                        "certificate 1 of the chain is not valid before 2026-11-21T11:06:40Z");
}

static void validity_includes_both_its_ends(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_chain) chain = {0};
    make_chain((struct test_cert){.key = ec[0]}, NULL, NULL, &chain);
    capsa_time from = 0, to = 0;
    capsa_cert_validity(chain.certs[0], &from, &to);
    assert_ok(capsa_chain_check(chain.certs, 1, from));
    assert_ok(capsa_chain_check(chain.certs, 1, to));
    assert_fails(capsa_chain_check(chain.certs, 1, from - 1), EXPIRED);
    assert_fails(capsa_chain_check(chain.certs, 1, to + 1), EXPIRED);
}

/* ---- bad links ------------------------------------------------------------------------------- */

static void a_broken_link_is_refused(void **state)
{
    (void)state;
    struct test_cert root = {.key = ec[0], .name = "root", .extensions = TEST_CA};
    /* names the root, but another key signed: the original's vote forgery and its kin */
    struct test_cert forged = {.key = ec[1], .name = "leaf", .issuer_key = ec[2]};
    struct test_cert renamed = {.key = ec[1], .name = "leaf", .claimed_issuer = "another root"};
    CAPSA_AUTO(capsa_chain) with_key = {0};
    CAPSA_AUTO(capsa_chain) with_name = {0};
    make_chain(root, NULL, &forged, &with_key);
    make_chain(root, NULL, &renamed, &with_name);
    assert_refused(&with_key, "certificate 0 of the chain is not signed by certificate 1");
    assert_refused(&with_name, "names another issuer");
}

static void the_wrong_order_is_refused(void **state)
{
    (void)state;
    struct test_cert root = {.key = ec[0], .name = "root", .extensions = TEST_CA};
    struct test_cert leaf = {.key = ec[1], .name = "leaf"};
    CAPSA_AUTO(capsa_chain) chain = {0};
    make_chain(root, NULL, &leaf, &chain);
    struct capsa_cert *turned[] = {chain.certs[1], chain.certs[0]};
    assert_fails(capsa_chain_check(turned, 2, TEST_NOW), UNAUTHENTIC);
    struct capsa_cert *strangers[] = {chain.certs[0], chain.certs[0]};
    assert_fails(capsa_chain_check(strangers, 2, TEST_NOW), UNAUTHENTIC);
}

static void an_issuer_must_be_allowed_to_sign_certificates(void **state)
{
    (void)state;
    struct test_cert good = {.key = ec[0], .name = "root", .extensions = TEST_CA};
    struct test_cert leaf = {.key = ec[2], .name = "leaf"};
    struct {
        struct test_cert root;
        struct test_cert middle;
        bool has_middle;
        const char *why;
    } bad[] = {
        {{.key = ec[0], .name = "r", .extensions = "basicConstraints CA:FALSE\n"},
         {0},
         false,
         "certificate 1 of the chain signs another one without being a CA"},
        {{.key = ec[0], .name = "r", .extensions = SIGNER_USE}, {0}, false, "no basicConstraints"},
        {{.key = ec[0], .name = "r", .extensions = TEST_CA "keyUsage critical,digitalSignature\n"},
         {0},
         false,
         "keyUsage"},
        /* what a last certificate may be for old times' sake, one between may not */
        {good, {.key = ec[1], .name = "m"}, true, "no basicConstraints"},
        {good, {.key = ec[1], .name = "m", .version = 1}, true, "no basicConstraints"},
        {{.key = ec[0], .name = "r", .extensions = "basicConstraints critical,CA:TRUE,pathlen:0\n"},
         {.key = ec[1], .name = "m", .extensions = TEST_CA},
         true,
         "allows 0 certificates between"},
        {{.key = p521, .name = "r", .extensions = TEST_CA}, {0}, false, "neither RSA nor"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO(capsa_chain) chain = {0};
        make_chain(bad[i].root, bad[i].has_middle ? &bad[i].middle : NULL, &leaf, &chain);
        assert_refused(&chain, bad[i].why);
    }
}

static void a_path_length_counts_what_lies_between(void **state)
{
    (void)state;
    struct test_cert root = {.key = ec[0],
                             .name = "root",
                             .extensions = "basicConstraints critical,CA:TRUE,pathlen:1\n"};
    struct test_cert middle = {
        .key = ec[1], .name = "m", .extensions = "basicConstraints critical,CA:TRUE,pathlen:0\n"};
    struct test_cert leaf = {.key = ec[2], .name = "leaf"};
    CAPSA_AUTO(capsa_chain) chain = {0};
    make_chain(root, &middle, &leaf, &chain);
    assert_ok(check(&chain));
}

static void a_link_signed_with_sha1_is_refused(void **state)
{
    (void)state;
    struct test_cert root = {.key = ec[0], .name = "root", .extensions = TEST_CA};
    struct test_cert leaf = {.key = ec[1], .name = "leaf", .digest = EVP_sha1()};
    CAPSA_AUTO(capsa_chain) chain = {0};
    make_chain(root, NULL, &leaf, &chain);
    assert_refused(&chain, "too weak");
}

static void an_issuer_with_a_short_key_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    struct test_cert root = {.key = weak, .name = "root", .extensions = TEST_CA};
    struct test_cert leaf = {.key = ec[1], .name = "leaf"};
    CAPSA_AUTO(capsa_chain) chain = {0};
    make_chain(root, NULL, &leaf, &chain);
    assert_fails(check(&chain), MALFORMED);
    EVP_PKEY_free(weak);
}

static void a_critical_extension_that_nobody_judges_is_refused(void **state)
{
    (void)state;
    struct test_cert root = {.key = ec[0], .name = "root", .extensions = TEST_CA};
    const char *const extensions[] = {
        "nameConstraints critical,permitted;DNS:example.org\n",
        "1.3.6.1.4.1.55555.1 critical,ASN1:NULL\n",
    };
    for (size_t i = 0; i < 2; i++) {
        struct test_cert leaf = {.key = ec[1], .name = "leaf", .extensions = extensions[i]};
        CAPSA_AUTO(capsa_chain) chain = {0};
        make_chain(root, NULL, &leaf, &chain);
        assert_refused(&chain, "critical extension");
    }
    struct test_cert leaf = {
        .key = ec[1], .name = "leaf", .extensions = "1.3.6.1.4.1.55555.1 ASN1:NULL\n"};
    CAPSA_AUTO(capsa_chain) chain = {0};
    make_chain(root, NULL, &leaf, &chain);
    assert_ok(check(&chain));
}

#define CASE(name) cmocka_unit_test_teardown(name, no_errors_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_single_certificate_needs_no_ca),
        CASE(ordinary_chains_hold),
        CASE(a_serial_number_of_zero_is_read),
        CASE(the_party_of_a_chain_is_its_last_key),
        CASE(eight_certificates_are_a_chain_and_nine_are_not),
        CASE(every_certificate_must_be_valid_now_and_the_dates_are_told),
        CASE(validity_includes_both_its_ends),
        CASE(a_broken_link_is_refused),
        CASE(the_wrong_order_is_refused),
        CASE(an_issuer_must_be_allowed_to_sign_certificates),
        CASE(a_path_length_counts_what_lies_between),
        CASE(a_link_signed_with_sha1_is_refused),
        CASE(an_issuer_with_a_short_key_is_refused),
        CASE(a_critical_extension_that_nobody_judges_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
