/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope: what a native request signs beside its payload, and SM2-SM3 as a JWS. The JWS itself:
 * test_jws.c.
 */
#include "unit.h"

#include "base/alloc.h"
#include "certs.h"
#include "codec/json.h"
#include "codec/text.h"
#include "envelope/envelope_jws.h"

#define PAYLOAD "{\"owner_party_id\":\"x\"}"
#define MANAGER "00000000000000000000000000000000000000000000000000000000000000aa"
#define METHOD  "CreateDataKeys"

static struct capsa_private_key *p256, *sm2, *rsa; /* made once */
static capsa_chain p256_chain, sm2_chain, rsa_chain;

static void chain_for(const struct capsa_private_key *key, capsa_chain *chain)
{
    const struct capsa_cert_request request = {
        .not_before = TEST_NOW - 10, .not_after = TEST_NOW + 1000, .is_ca = true};
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
    assert_ok(capsa_cert_self_sign(key, &request, &cert));
    assert_ok(capsa_cert_write_der(cert, &der));
    assert_ok(capsa_chain_add_der(chain, capsa_buf_bytes(&der)));
}

static int make_keys(void **state)
{
    (void)state;
    assert_ok(capsa_private_key_new_p256(&p256));
    assert_ok(capsa_private_key_new_sm2(&sm2));
    assert_ok(capsa_private_key_new_rsa(2048, &rsa));
    chain_for(p256, &p256_chain);
    chain_for(sm2, &sm2_chain);
    chain_for(rsa, &rsa_chain);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    capsa_private_key_free(p256);
    capsa_private_key_free(sm2);
    capsa_private_key_free(rsa);
    capsa_chain_drop(&p256_chain);
    capsa_chain_drop(&sm2_chain);
    capsa_chain_drop(&rsa_chain);
    return 0;
}

static struct capsa_jws_claims claims(void)
{
    return (struct capsa_jws_claims){
        .aud = MANAGER,
        .method = METHOD,
        .iat = TEST_NOW,
        .jti = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
}

/* A JWS whose header is this text; its signature is none. */
static capsa_result parse_header(const char *header, capsa_jws *ret_jws)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    assert_ok(capsa_buf_str(&text, "{\"protected\":\""));
    assert_ok(capsa_base64_write(capsa_bytes_str(header), CAPSA_BASE64_URL, &text));
    assert_ok(capsa_buf_str(&text, "\",\"payload\":\"\",\"signature\":\"\"}"));
    return capsa_jws_parse(capsa_buf_bytes(&text), ret_jws);
}

/* ---- making and reading ---------------------------------------------------------------------- */

static void what_is_made_says_all_of_it(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct capsa_jws_claims want = claims();
        want.has_version = i > 0;
        want.version = i == 2 ? CAPSA_JWS_VERSION_MAX : 0;
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
        CAPSA_AUTO(capsa_jws) jws = {0};
        char party[CAPSA_PARTY_ID];
        assert_ok(
            capsa_jws_make_native(p256, &p256_chain, &want, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
        assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
        assert_true(jws.has_native && jws.has_iat && jws.has_jti);
        assert_string_equal(jws.aud, MANAGER);
        assert_string_equal(jws.method, METHOD);
        assert_int_equal(jws.iat, TEST_NOW);
        assert_memory_equal(jws.jti, want.jti, CAPSA_JWS_JTI);
        assert_int_equal(jws.has_version, want.has_version);
        assert_true(jws.version == want.version);
        assert_ok(capsa_jws_check_x5c(&jws, TEST_NOW, party));
        assert_ok(capsa_jws_claims_check(&jws, MANAGER, METHOD, TEST_NOW));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&jws.payload), PAYLOAD));
    }
}

static void a_native_jws_names_its_signer(void **state)
{
    (void)state;
    const struct capsa_jws_claims want = claims();
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    assert_fails(capsa_jws_make_native(p256, NULL, &want, CAPSA_BYTES_LITERAL(PAYLOAD), &text),
                 USAGE);
    assert_fails(
        capsa_jws_make_native(p256, &rsa_chain, &want, CAPSA_BYTES_LITERAL(PAYLOAD), &text), USAGE);
    assert_int_equal(text.len, 0);
}

static void an_original_jws_claims_nothing(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_jws) jws = {0};
    assert_ok(capsa_jws_make(rsa, &rsa_chain, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
    assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
    assert_false(jws.has_native || jws.has_iat || jws.has_jti || jws.has_version);
    assert_null(jws.aud);
    assert_null(jws.method);
    assert_fails(capsa_jws_claims_check(&jws, MANAGER, METHOD, TEST_NOW), MALFORMED);
}

static void any_one_member_makes_it_native(void **state)
{
    (void)state;
    static const char *const members[] = {"\"aud\":\"x\"", "\"method\":\"x\"", "\"iat\":0",
                                          "\"jti\":\"AQIDBAUGBwgJCgsMDQ4PEA\"", "\"version\":0"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        CAPSA_AUTO(capsa_jws) jws = {0};
        char header[256];
        assert_true(snprintf(header, sizeof(header), "{\"alg\":\"ES256\",%s}", members[i]) > 0);
        assert_ok(parse_header(header, &jws));
        assert_true(jws.has_native);
        assert_fails(capsa_jws_claims_check(&jws, "x", "x", 0), MALFORMED);
    }
}

static void members_are_read_strictly(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\"aud\":5",
        "\"aud\":null",
        "\"aud\":[\"" MANAGER "\"]",
        "\"method\":true",
        "\"method\":null",
        "\"iat\":\"1795000000\"",
        "\"iat\":1795000000.5",
        "\"iat\":1795000000.0",
        "\"iat\":1.8e9",
        "\"iat\":-1",
        "\"iat\":null",
        "\"iat\":9223372036854775808",
        "\"jti\":7",
        "\"jti\":null",
        "\"jti\":\"\"",
        "\"jti\":\"AQIDBAUGBwgJCgsMDQ4P\"",     /* 15 bytes */
        "\"jti\":\"AQIDBAUGBwgJCgsMDQ4PEBE\"",  /* 17 */
        "\"jti\":\"AQIDBAUGBwgJCgsMDQ4PEB\"",   /* a bit behind the end */
        "\"jti\":\"AQIDBAUGBwgJCgsMDQ4PEA==\"", /* padding */
        "\"jti\":\"AQIDBAUGBwgJCgsMDQ4P+A\"",
        "\"version\":-1",
        "\"version\":9007199254740993",
        "\"version\":\"1\"",
        "\"version\":1.0",
        "\"version\":null",
        "\"version\":true",
        "\"aud\":\"x\",\"aud\":\"x\"",
        "\"jti\":\"AQIDBAUGBwgJCgsMDQ4PEA\",\"jti\":\"AQIDBAUGBwgJCgsMDQ4PEA\"",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CAPSA_AUTO(capsa_jws) jws = {0};
        char header[256];
        assert_true(snprintf(header, sizeof(header), "{\"alg\":\"ES256\",%s}", wrong[i]) > 0);
        capsa_result parsed = parse_header(header, &jws);
        if (capsa_code_of(parsed) != CAPSA_E_MALFORMED &&
            capsa_code_of(parsed) != CAPSA_E_TOO_LARGE) {
            fail_msg("%s: %s", wrong[i], capsa_text_of(parsed));
        }
        assert_null(jws.aud);
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

static void each_claim_is_needed_and_the_missing_one_is_named(void **state)
{
    (void)state;
    static const char *const names[] = {"aud", "method", "iat", "jti"};
    static const char *const members[] = {"\"aud\":\"" MANAGER "\"", "\"method\":\"" METHOD "\"",
                                          "\"iat\":1795000000",
                                          "\"jti\":\"AQIDBAUGBwgJCgsMDQ4PEA\""};
    for (size_t left_out = 0; left_out < 4; left_out++) {
        CAPSA_AUTO(capsa_jws) jws = {0};
        char header[512] = "{\"alg\":\"ES256\"";
        for (size_t i = 0; i < 4; i++) {
            if (i != left_out) {
                strcat(header, ",");
                strcat(header, members[i]);
            }
        }
        strcat(header, "}");
        assert_ok(parse_header(header, &jws));
        capsa_result checked = capsa_jws_claims_check(&jws, MANAGER, METHOD, TEST_NOW);
        assert_int_equal(capsa_code_of(checked), CAPSA_E_MALFORMED);
        assert_non_null(strstr(capsa_text_of(checked), names[left_out]));
    }
}

static capsa_result judge(struct capsa_jws_claims made, const char *aud, const char *method,
                          capsa_time now)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_jws) jws = {0};
    assert_ok(capsa_jws_make_native(p256, &p256_chain, &made, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
    assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
    return capsa_jws_claims_check(&jws, aud, method, now);
}

static void a_request_is_for_one_manager_and_one_method(void **state)
{
    (void)state;
    assert_fails(judge(claims(), "b" MANAGER, METHOD, TEST_NOW), UNAUTHENTIC);
    assert_fails(judge(claims(), "", METHOD, TEST_NOW), UNAUTHENTIC);
    assert_fails(judge(claims(), MANAGER, "DeleteDataKey", TEST_NOW), UNAUTHENTIC);
    assert_fails(judge(claims(), MANAGER, "createdatakeys", TEST_NOW), UNAUTHENTIC);
    assert_fails(judge(claims(), MANAGER, "CreateDataKey", TEST_NOW), UNAUTHENTIC);
    struct capsa_jws_claims empty = claims();
    empty.aud = "";
    assert_fails(judge(empty, MANAGER, METHOD, TEST_NOW), UNAUTHENTIC);
    empty = claims();
    empty.method = "";
    assert_fails(judge(empty, MANAGER, METHOD, TEST_NOW), UNAUTHENTIC);
    capsa_result other = judge(claims(), "0123", METHOD, TEST_NOW);
    assert_non_null(strstr(capsa_text_of(other), MANAGER));
    assert_non_null(strstr(capsa_text_of(other), "0123"));
    other = judge(claims(), MANAGER, "GetDataKeys", TEST_NOW);
    assert_non_null(strstr(capsa_text_of(other), METHOD));
    assert_non_null(strstr(capsa_text_of(other), "GetDataKeys"));
}

static void a_request_is_good_for_five_minutes_either_way(void **state)
{
    (void)state;
    static const struct {
        int64_t behind; /* the manager's clock minus iat */
        enum capsa_code code;
    } cases[] = {{0, CAPSA_E_OK},          {300, CAPSA_E_OK},       {-300, CAPSA_E_OK},
                 {301, CAPSA_E_EXPIRED},   {-301, CAPSA_E_EXPIRED}, {86400, CAPSA_E_EXPIRED},
                 {-86400, CAPSA_E_EXPIRED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            capsa_code_of(judge(claims(), MANAGER, METHOD, TEST_NOW + cases[i].behind)),
            cases[i].code);
    }
    struct capsa_jws_claims far = claims();
    far.iat = INT64_MAX;
    assert_fails(judge(far, MANAGER, METHOD, TEST_NOW), EXPIRED);
    far.iat = 0;
    capsa_result old = judge(far, MANAGER, METHOD, TEST_NOW);
    assert_int_equal(capsa_code_of(old), CAPSA_E_EXPIRED);
    char now[CAPSA_TIME_TEXT];
    capsa_time_text(TEST_NOW, now);
    assert_non_null(strstr(capsa_text_of(old), now));
    assert_non_null(strstr(capsa_text_of(old), "1970-01-01T00:00:00Z"));
}

/* ---- SM2-SM3 --------------------------------------------------------------------------------- */

static void an_sm2_key_signs_and_its_party_is_known(void **state)
{
    (void)state;
    const struct capsa_jws_claims want = claims();
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_jws) jws = {0};
    char party[CAPSA_PARTY_ID], id[CAPSA_PARTY_ID];
    assert_ok(capsa_jws_make_native(sm2, &sm2_chain, &want, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
    assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
    assert_int_equal(jws.scheme, CAPSA_SM2_SM3);
    assert_int_equal(jws.signature.len, 64);
    assert_ok(capsa_jws_check_x5c(&jws, TEST_NOW, party));
    assert_ok(capsa_cert_party_id(sm2_chain.certs[0], id));
    assert_string_equal(party, id);
    for (size_t i = 0; i < jws.signature.len; i++) {
        jws.signature.data[i] ^= 1;
        assert_fails(capsa_jws_check_x5c(&jws, TEST_NOW, party), UNAUTHENTIC);
        jws.signature.data[i] ^= 1;
    }
}

/* A signature by one key under the name of another's scheme. */
static void a_scheme_goes_with_its_own_kind_of_key(void **state)
{
    (void)state;
    const struct {
        const struct capsa_private_key *key;
        const capsa_chain *chain;
        enum capsa_scheme scheme;
    } signers[] = {{p256, &p256_chain, CAPSA_ES256},
                   {sm2, &sm2_chain, CAPSA_SM2_SM3},
                   {rsa, &rsa_chain, CAPSA_RS256}};
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
        CAPSA_AUTO(capsa_jws) jws = {0};
        char party[CAPSA_PARTY_ID];
        assert_ok(
            capsa_jws_make(signers[i].key, signers[i].chain, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
        assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
        for (size_t k = 0; k < 3; k++) {
            jws.scheme = signers[k].scheme;
            assert_int_equal(capsa_code_of(capsa_jws_check_x5c(&jws, TEST_NOW, party)),
                             i == k ? CAPSA_E_OK : CAPSA_E_UNAUTHENTIC);
        }
        jws.scheme = signers[i].scheme;
        assert_fails(capsa_jws_check(&jws, signers[(i + 1) % 3].chain, TEST_NOW, party),
                     UNAUTHENTIC);
    }
}

static void keys_that_belong_to_no_party_make_no_jws(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) ed25519 = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) x25519 = NULL;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    assert_ok(capsa_private_key_new_ed25519(&ed25519));
    assert_ok(capsa_private_key_new_x25519(&x25519));
    assert_fails(capsa_jws_make(ed25519, NULL, CAPSA_BYTES_LITERAL(PAYLOAD), &text), UNSUPPORTED);
    assert_fails(capsa_jws_make(x25519, NULL, CAPSA_BYTES_LITERAL(PAYLOAD), &text), UNSUPPORTED);
    static const char *const algs[] = {"EdDSA", "Ed25519", "SM2", "sm2-sm3", "SM3", "none"};
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        CAPSA_AUTO(capsa_jws) jws = {0};
        char header[64];
        assert_true(snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algs[i]) > 0);
        assert_fails(parse_header(header, &jws), UNSUPPORTED);
    }
}

static void an_ed25519_certificate_checks_no_jws(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *x509 = test_cert_make((struct test_cert){.key = key, .name = "e"});
    CAPSA_AUTO(capsa_chain) chain = {0};
    test_chain_add(&chain, x509);
    assert_int_equal(capsa_public_key_kind(capsa_cert_key(chain.certs[0])), CAPSA_KEY_ED25519);
    char party[CAPSA_PARTY_ID];
    assert_ok(capsa_cert_party_id(chain.certs[0], party));
    CAPSA_AUTO_FREE(capsa_private_key) own = test_private_key(key);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_jws) jws = {0};
    assert_ok(capsa_jws_make(p256, &p256_chain, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
    assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
    uint8_t signature[CAPSA_ED25519_SIGNATURE]; /* a good one, by the key of the certificate */
    assert_ok(capsa_ed25519_sign(own, capsa_buf_bytes(&jws.signing_input), signature));
    capsa_buf_clear(&jws.signature);
    assert_ok(capsa_buf_append(&jws.signature, capsa_bytes_of(signature, sizeof(signature))));
    for (enum capsa_scheme scheme = CAPSA_RS256; scheme <= CAPSA_SM2_SM3; scheme++) {
        jws.scheme = scheme;
        assert_fails(capsa_jws_check(&jws, &chain, TEST_NOW, party), UNAUTHENTIC);
    }
    X509_free(x509);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_says_all_of_it),
        cmocka_unit_test(a_native_jws_names_its_signer),
        cmocka_unit_test(an_original_jws_claims_nothing),
        cmocka_unit_test(any_one_member_makes_it_native),
        cmocka_unit_test(members_are_read_strictly),
        cmocka_unit_test(each_claim_is_needed_and_the_missing_one_is_named),
        cmocka_unit_test(a_request_is_for_one_manager_and_one_method),
        cmocka_unit_test(a_request_is_good_for_five_minutes_either_way),
        cmocka_unit_test(an_sm2_key_signs_and_its_party_is_known),
        cmocka_unit_test(a_scheme_goes_with_its_own_kind_of_key),
        cmocka_unit_test(keys_that_belong_to_no_party_make_no_jws),
        cmocka_unit_test(an_ed25519_certificate_checks_no_jws),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
