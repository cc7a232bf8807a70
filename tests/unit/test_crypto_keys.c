/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: the keys of the native protocol (Ed25519, X25519, P-256), kids, and the manager's
 * extension of its certificate. The older kinds: test_crypto.c.
 */
#include "unit.h"

#include <openssl/err.h>

#include "base/alloc.h"
#include "certs.h"
#include "codec/text.h"

#define PKCS8_ED25519 "302e020100300506032b657004220420"

static int no_errors_are_left(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static capsa_buf unhex(const char *hex)
{
    capsa_buf buf = capsa_buf_of(KIB(16));
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &buf));
    return buf;
}

static void assert_hex(capsa_bytes bytes, const char *hex)
{
    CAPSA_AUTO(capsa_buf) wanted = unhex(hex);
    assert_int_equal(bytes.len, wanted.len);
    assert_memory_equal(bytes.data, wanted.data, bytes.len);
}

/* A private key out of the prefix of its PKCS#8 form and its 32 bytes. */
static struct capsa_private_key *raw_key(const char *prefix, const char *hex)
{
    CAPSA_AUTO(capsa_buf) der = unhex(prefix);
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &der));
    struct capsa_private_key *key = NULL;
    assert_ok(capsa_private_key_parse(capsa_buf_bytes(&der), &key));
    return key;
}

static struct capsa_public_key *public_of(const struct capsa_private_key *key)
{
    struct capsa_public_key *made = NULL;
    assert_ok(capsa_public_key_of(key, &made));
    return made;
}

/* ---- Ed25519 --------------------------------------------------------------------------------- */

static void ed25519_gives_the_answers_of_its_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *private_key, *public_key, *message, *signature;
    } cases[] = {
        /* RFC 8032 §7.1, TEST 1 and 3 */
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
         "cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
         "84dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = raw_key(PKCS8_ED25519, cases[i].private_key);
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        assert_int_equal(capsa_private_key_kind(key), CAPSA_KEY_ED25519);
        uint8_t raw[CAPSA_ED25519_PUBLIC], signature[CAPSA_ED25519_SIGNATURE];
        assert_ok(capsa_public_key_raw(public_key, raw));
        assert_hex(capsa_bytes_of(raw, sizeof(raw)), cases[i].public_key);
        CAPSA_AUTO(capsa_buf) message = unhex(cases[i].message);
        assert_ok(capsa_ed25519_sign(key, capsa_buf_bytes(&message), signature));
        assert_hex(capsa_bytes_of(signature, sizeof(signature)), cases[i].signature);
        assert_ok(capsa_ed25519_check(raw, capsa_buf_bytes(&message),
                                      capsa_bytes_of(signature, sizeof(signature))));
    }
}

static void every_changed_bit_of_an_ed25519_signature_is_noticed(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    assert_ok(capsa_private_key_new_ed25519(&key));
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
    uint8_t raw[CAPSA_ED25519_PUBLIC], signature[CAPSA_ED25519_SIGNATURE];
    const capsa_bytes message = CAPSA_BYTES_LITERAL("a checkpoint");
    assert_ok(capsa_public_key_raw(public_key, raw));
    assert_ok(capsa_ed25519_sign(key, message, signature));
    const capsa_bytes whole = capsa_bytes_of(signature, sizeof(signature));
    for (size_t i = 0; i < sizeof(signature) * 8; i++) {
        signature[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_fails(capsa_ed25519_check(raw, message, whole), UNAUTHENTIC);
        signature[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_fails(capsa_ed25519_check(raw, CAPSA_BYTES_LITERAL("a checkpoinu"), whole), UNAUTHENTIC);
    assert_fails(capsa_ed25519_check(raw, message, capsa_bytes_of(signature, 63)), UNAUTHENTIC);
    assert_fails(capsa_ed25519_check(raw, message, capsa_bytes_of(NULL, 0)), UNAUTHENTIC);
    assert_ok(capsa_ed25519_check(raw, message, whole));
    raw[0] ^= 1;
    assert_fails(capsa_ed25519_check(raw, message, whole), UNAUTHENTIC);
}

static void keys_of_other_kinds_neither_sign_ed25519_nor_have_a_raw_form(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) x25519 = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) p256 = NULL;
    assert_ok(capsa_private_key_new_x25519(&x25519));
    assert_ok(capsa_private_key_new_p256(&p256));
    uint8_t signature[CAPSA_ED25519_SIGNATURE] = {0}, raw[32];
    assert_fails(capsa_ed25519_sign(x25519, capsa_bytes_str("x"), signature), UNSUPPORTED);
    assert_fails(capsa_ed25519_sign(p256, capsa_bytes_str("x"), signature), UNSUPPORTED);
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(p256);
    assert_fails(capsa_public_key_raw(public_key, raw), UNSUPPORTED);
}

/* ---- public keys ----------------------------------------------------------------------------- */

static capsa_result new_kind(size_t kind, struct capsa_private_key **ret_key)
{
    static capsa_result (*const makers[])(struct capsa_private_key **) = {
        capsa_private_key_new_p256, capsa_private_key_new_ed25519, capsa_private_key_new_x25519,
        capsa_private_key_new_sm2};
    return makers[kind](ret_key);
}
static const enum capsa_key_kind kinds[] = {CAPSA_KEY_P256, CAPSA_KEY_ED25519, CAPSA_KEY_X25519,
                                            CAPSA_KEY_SM2};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void keys_of_every_kind_survive_their_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        CAPSA_AUTO_FREE(capsa_private_key) again = NULL;
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
        CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(16));
        assert_ok(new_kind(i, &key));
        assert_ok(capsa_private_key_write(key, &pem));
        assert_ok(capsa_private_key_parse(capsa_buf_bytes(&pem), &again));
        assert_int_equal(capsa_private_key_kind(again), kinds[i]);
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        CAPSA_AUTO_FREE(capsa_public_key) public_again = public_of(again);
        CAPSA_AUTO_FREE(capsa_public_key) parsed = NULL;
        assert_true(capsa_public_key_same(public_key, public_again));
        assert_ok(capsa_public_key_spki(public_key, &spki));
        assert_ok(capsa_public_key_parse(capsa_buf_bytes(&spki), &parsed));
        assert_int_equal(capsa_public_key_kind(parsed), kinds[i]);
        assert_true(capsa_public_key_same(public_key, parsed));
    }
}

static void a_public_key_has_one_form(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    assert_ok(capsa_private_key_new_p256(&key));
    CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
    CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(16));
    assert_ok(capsa_public_key_spki(public_key, &spki));
    CAPSA_AUTO_FREE(capsa_public_key) parsed = NULL;
    for (size_t len = 0; len < spki.len; len++) {
        assert_fails(capsa_public_key_parse(capsa_bytes_of(spki.data, len), &parsed), MALFORMED);
    }
    assert_ok(capsa_buf_u8(&spki, 0));
    assert_fails(capsa_public_key_parse(capsa_buf_bytes(&spki), &parsed), MALFORMED);
    capsa_buf_cut(&spki, spki.len - 1);
    /* the same with a length written in two bytes where one is enough: BER and not DER */
    CAPSA_AUTO(capsa_buf) ber = capsa_buf_of(KIB(16));
    assert_ok(capsa_buf_u8(&ber, spki.data[0]));
    assert_ok(capsa_buf_u8(&ber, 0x81));
    assert_ok(capsa_buf_append(&ber, capsa_bytes_from(capsa_buf_bytes(&spki), 1)));
    assert_fails(capsa_public_key_parse(capsa_buf_bytes(&ber), &parsed), MALFORMED);
    spki.data[spki.len - 1] ^= 1; /* off the curve */
    assert_fails(capsa_public_key_parse(capsa_buf_bytes(&spki), &parsed), MALFORMED);
    assert_null(parsed);
}

static void a_kid_is_the_digest_of_the_key_in_base64url(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
        assert_ok(new_kind(i, &key));
        CAPSA_AUTO_FREE(capsa_public_key) public_key = public_of(key);
        CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(16));
        CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(64);
        uint8_t digest[CAPSA_SHA256];
        char kid[CAPSA_KID];
        capsa_public_key_kid(public_key, kid);
        assert_ok(capsa_public_key_spki(public_key, &spki));
        capsa_sha256(capsa_buf_bytes(&spki), digest);
        assert_ok(
            capsa_base64_write(capsa_bytes_of(digest, sizeof(digest)), CAPSA_BASE64_URL, &wanted));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&wanted), kid));
    }
}

/* ---- certificates ---------------------------------------------------------------------------- */

#define OID "1.3.6.1.4.1.99999.7.1"

static struct capsa_cert *extended(struct capsa_cert_request request)
{
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    assert_ok(capsa_private_key_new_p256(&key));
    request.not_before = TEST_NOW;
    request.not_after = TEST_NOW + 10;
    struct capsa_cert *cert = NULL;
    assert_ok(capsa_cert_self_sign(key, &request, &cert));
    return cert;
}

static void an_extension_of_ones_own_travels_in_a_certificate(void **state)
{
    (void)state;
    static uint8_t large[KIB(20)];
    const capsa_bytes contents[] = {
        {NULL, 0}, CAPSA_BYTES_LITERAL("\0\x05\xff"), {large, sizeof(large)}};
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        CAPSA_AUTO_FREE(capsa_cert)
        cert = extended((struct capsa_cert_request){
            .is_ca = true, .extension_oid = OID, .extension = contents[i]});
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(64));
        assert_ok(capsa_cert_extension(cert, OID, &content));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&content), contents[i]));
        assert_ok(capsa_chain_check(&cert, 1, TEST_NOW)); /* so it is not critical */
        assert_fails(capsa_cert_extension(cert, OID ".1", &content), NOT_FOUND);
        assert_fails(capsa_cert_extension(cert, "keyUsage", &content), USAGE);
    }
}

static void an_extension_that_stands_there_twice_is_none(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = test_cert_make((struct test_cert){
        .key = key, .name = "m", .extensions = OID " DER:0401\n" OID " DER:0402\n"});
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    test_cert_der(x509, &der);
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_parse_der(capsa_buf_bytes(&der), &cert));
    assert_fails(capsa_cert_extension(cert, OID, &der), MALFORMED);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static uint32_t usage_of(const struct capsa_cert *cert)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(64);
    assert_ok(capsa_cert_extension(cert, "2.5.29.15", &content));
    assert_int_equal(content.data[0], 3); /* BIT STRING */
    return content.data[3];
}

static void a_ca_signs_digitally_only_when_asked_to(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_cert) ca = extended((struct capsa_cert_request){.is_ca = true});
    CAPSA_AUTO_FREE(capsa_cert)
    both = extended((struct capsa_cert_request){.is_ca = true, .signs_digitally = true});
    CAPSA_AUTO_FREE(capsa_cert) leaf = extended((struct capsa_cert_request){.is_ca = false});
    assert_int_equal(usage_of(ca), 0x06);
    assert_int_equal(usage_of(both), 0x86);
    assert_int_equal(usage_of(leaf), 0x80);
}

#define CASE(name) cmocka_unit_test_teardown(name, no_errors_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(ed25519_gives_the_answers_of_its_rfc),
        CASE(every_changed_bit_of_an_ed25519_signature_is_noticed),
        CASE(keys_of_other_kinds_neither_sign_ed25519_nor_have_a_raw_form),
        CASE(keys_of_every_kind_survive_their_files),
        CASE(a_public_key_has_one_form),
        CASE(a_kid_is_the_digest_of_the_key_in_base64url),
        CASE(an_extension_of_ones_own_travels_in_a_certificate),
        CASE(an_extension_that_stands_there_twice_is_none),
        CASE(a_ca_signs_digitally_only_when_asked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
