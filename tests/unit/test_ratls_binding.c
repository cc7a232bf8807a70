/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: what evidence in certificates binds. The values of the contract's table, and evidence of
 * every generation that binds something else.
 */
#include <openssl/pem.h>

#include "ratls_scene.h"

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(KIB(1));
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &wanted));
    assert_int_equal(wanted.len, len);
    assert_memory_equal(bytes, wanted.data, len);
}

/* Claims around a digest that is no key's: the writer hashes keys, so by hand. */
static capsa_buf claims_around(const char *head, size_t digest_len)
{
    capsa_buf claims = capsa_buf_of(KIB(1));
    assert_ok(capsa_hex_parse(capsa_bytes_str(head), &claims));
    for (size_t i = 0; i < digest_len; i++) {
        assert_ok(capsa_buf_u8(&claims, (uint8_t)i));
    }
    return claims;
}

static void claims_are_hashed_as_the_published_values_say(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t digest, len;
        const char *sha256;
    } cases[] = {
        {"a16b7075626b65792d68617368582482015820", 32, 51,
         "aad92f251f8c5a823ebf123276237b4252c56d9863f0a948e5d48f2656c1497b"},
        {"a16b7075626b65792d68617368583482075830", 48, 67,
         "f5a28f9af8e8de3c83e1eba69b312299a0f012d4dad53f213963b410fa5bc5bd"},
        {"a16b7075626b65792d68617368584482085840", 64, 83,
         "29291e6fa7b9115bad3c67cf9015a1b7f9d192cbe6fb9ea19b1f6eb16ff6fa73"},
    };
    static const uint8_t zeros[CAPSA_REPORT_DATA];
    uint8_t data[CAPSA_REPORT_DATA];
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) claims = claims_around(cases[i].head, cases[i].digest);
        assert_int_equal(claims.len, cases[i].len);
        struct capsa_ratls_claims read;
        assert_ok(capsa_ratls_dice_read_claims(capsa_buf_bytes(&claims), &read));
        assert_int_equal(read.key_digest.len, cases[i].digest);
        assert_ok(capsa_ratls_report_data(CAPSA_RATLS_DICE, false, (capsa_bytes){NULL, 0},
                                          capsa_buf_bytes(&claims), data));
        assert_hex(data, 32, cases[i].sha256);
        assert_memory_equal(data + 32, zeros, 32);
    }
    CAPSA_AUTO(capsa_buf) claims = claims_around(cases[1].head, cases[1].digest);
    assert_ok(capsa_ratls_report_data(CAPSA_RATLS_DICE, true, (capsa_bytes){NULL, 0},
                                      capsa_buf_bytes(&claims), data));
    assert_hex(
        data, 48,
        "d3add59ff2376b4cdbbb57f56ef036a94302d1d011ed5cdbb146fe2d552997fdfe917aff9e22d0a633e1"
        "ee23b4234687");
    assert_memory_equal(data + 48, zeros, 16);
}

/* The writer makes the layout that all producers have. */
static void claims_are_written_as_everybody_writes_them(void **state)
{
    (void)state;
    static const struct {
        enum capsa_ratls_hash hash;
        const char *head;
        size_t len;
    } cases[] = {
        {CAPSA_RATLS_SHA256, "a16b7075626b65792d68617368582482015820", 51},
        {CAPSA_RATLS_SHA384, "a16b7075626b65792d68617368583482075830", 67},
        {CAPSA_RATLS_SHA512, "a16b7075626b65792d68617368584482085840", 83},
    };
    capsa_bytes spki = CAPSA_BYTES_LITERAL("abc");
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) claims = capsa_buf_of(KIB(1));
        assert_ok(
            capsa_ratls_dice_write_claims(cases[i].hash, spki, (capsa_bytes){NULL, 0}, &claims));
        assert_int_equal(claims.len, cases[i].len);
        assert_hex(claims.data, 19, cases[i].head);
        struct capsa_ratls_claims read;
        assert_ok(capsa_ratls_dice_read_claims(capsa_buf_bytes(&claims), &read));
        assert_int_equal(read.hash, cases[i].hash);
    }
    CAPSA_AUTO(capsa_buf) sha512 = capsa_buf_of(KIB(1));
    assert_ok(
        capsa_ratls_dice_write_claims(CAPSA_RATLS_SHA512, spki, (capsa_bytes){NULL, 0}, &sha512));
    assert_hex(
        sha512.data + 19, 64, /* FIPS 180-2, appendix C.1 */
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba"
        "3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    assert_fails(capsa_ratls_dice_write_claims((enum capsa_ratls_hash)2, spki,
                                               (capsa_bytes){NULL, 0}, &sha512),
                 USAGE);
    /* The head of the whole: a tag of 16 bits, two items, a length of 16 bits. */
    static const uint8_t quote[300] = {3};
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(4));
    assert_ok(capsa_ratls_dice_write_evidence(CAPSA_PLATFORM_SGX, capsa_bytes_of(quote, 300),
                                              capsa_buf_bytes(&sha512), &content));
    assert_hex(content.data, 7, "d9ea608259012c");
    assert_hex(content.data + 307, 2, "5853");
    assert_fails(capsa_ratls_dice_write_evidence(CAPSA_PLATFORM_NONE, capsa_bytes_of(quote, 300),
                                                 capsa_buf_bytes(&sha512), &content),
                 UNSUPPORTED);
}

/* By libcrypto's own writer of PEM, whose text Intel's SDK and Open Enclave hash. */
static void keys_as_PEM_are_hashed_with_the_NUL_that_ends_them(void **state)
{
    const struct ratls_scene *scene = *state;
    EVP_PKEY *const keys[] = {scene->p256, scene->p384, scene->rsa};
    static const enum capsa_ratls_form forms[] = {CAPSA_RATLS_INTEL_SDK, CAPSA_RATLS_OE_V1,
                                                  CAPSA_RATLS_OE_OLD_V1};
    for (size_t i = 0; i < 9; i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PUBKEY(bio, keys[i / 3]), 1);
        assert_int_equal(BIO_write(bio, "", 1), 1);
        char *text = NULL;
        long len = BIO_get_mem_data(bio, &text);
        uint8_t wanted[CAPSA_REPORT_DATA] = {0}, got[CAPSA_REPORT_DATA];
        capsa_sha256(capsa_bytes_of(text, (size_t)len), wanted);
        BIO_free(bio);
        CAPSA_AUTO(capsa_buf) spki = ratls_spki(keys[i / 3]);
        assert_ok(capsa_ratls_report_data(forms[i % 3], false, capsa_buf_bytes(&spki),
                                          (capsa_bytes){NULL, 0}, got));
        assert_memory_equal(got, wanted, CAPSA_REPORT_DATA);
    }
}

static void forms_that_bind_nothing_known_have_no_report_data(void **state)
{
    (void)state;
    for (int i = 0; i < CAPSA_RATLS_FORM_COUNT; i++) {
        uint8_t data[CAPSA_REPORT_DATA] = {77};
        bool is_evidence =
            i != CAPSA_RATLS_NONE &&
            capsa_ratls_form_type((enum capsa_ratls_form)i)->use == CAPSA_RATLS_USE_EVIDENCE;
        capsa_bytes bytes = CAPSA_BYTES_LITERAL("x");
        capsa_result made =
            capsa_ratls_report_data((enum capsa_ratls_form)i, false, bytes, bytes, data);
        assert_int_equal(capsa_code_of(made), is_evidence ? CAPSA_E_OK : CAPSA_E_UNSUPPORTED);
        made = capsa_ratls_report_data((enum capsa_ratls_form)i, true, bytes, bytes, data);
        assert_int_equal(capsa_failed(made), i != CAPSA_RATLS_DICE);
    }
    uint8_t data[CAPSA_REPORT_DATA];
    assert_fails(capsa_ratls_report_data(CAPSA_RATLS_FORM_COUNT, false, (capsa_bytes){NULL, 0},
                                         (capsa_bytes){NULL, 0}, data),
                 UNSUPPORTED);
}

/* ---- Whole certificates ---------------------------------------------------------------------- */

static capsa_buf dice_with(enum capsa_platform platform, const capsa_buf *quote,
                           const capsa_buf *claims)
{
    capsa_buf content = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_ratls_dice_write_evidence(platform, capsa_buf_bytes(quote),
                                              capsa_buf_bytes(claims), &content));
    return content;
}

static void assert_unbound(capsa_bytes certificate, const char *reason)
{
    CAPSA_AUTO_FREE(capsa_ratls_certificate) read = NULL;
    assert_ok(capsa_ratls_read(certificate, &read));
    uint8_t data[CAPSA_REPORT_DATA] = {77};
    capsa_result bound = capsa_ratls_bound(read, data);
    if (capsa_code_of(bound) != CAPSA_E_UNAUTHENTIC ||
        strstr(capsa_text_of(bound), reason) == NULL) {
        fail_msg("wanted \"%s\", got %s", reason, capsa_text_of(bound));
    }
    assert_int_equal(data[0], 77);
    CAPSA_AUTO_FREE(capsa_json) shown = NULL;
    assert_ok(capsa_ratls_show(read, &shown));
    assert_false(capsa_json_bool(capsa_json_get(shown, "binds_key")));
}

static void every_one_of_the_64_bytes_is_compared(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf)
    claims = ratls_claims_of(scene->p256, CAPSA_RATLS_SHA256, (capsa_bytes){NULL, 0});
    uint8_t data[CAPSA_REPORT_DATA];
    assert_ok(capsa_ratls_report_data(CAPSA_RATLS_DICE, false, (capsa_bytes){NULL, 0},
                                      capsa_buf_bytes(&claims), data));
    for (size_t i = 0; i < CAPSA_REPORT_DATA; i++) {
        data[i] ^= 0x80;
        CAPSA_AUTO(capsa_buf) quote = ratls_quote(scene, CAPSA_PLATFORM_SGX, data);
        data[i] ^= 0x80;
        CAPSA_AUTO(capsa_buf) content = dice_with(CAPSA_PLATFORM_SGX, &quote, &claims);
        CAPSA_AUTO(capsa_buf)
        der = ratls_single(scene->p256, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
        assert_unbound(capsa_buf_bytes(&der), i < 32 ? "made for another key" : "with zeros");
    }
}

static void evidence_of_another_key_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    static const enum capsa_ratls_form forms[] = {CAPSA_RATLS_DICE, CAPSA_RATLS_GRAMINE,
                                                  CAPSA_RATLS_GRAMINE_MEANT, CAPSA_RATLS_INTEL_SDK,
                                                  CAPSA_RATLS_GRPC};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        CAPSA_AUTO(capsa_buf)
        content = i == 0 ? ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p384)
                         : ratls_bound_quote(scene, CAPSA_PLATFORM_SGX, forms[i], false,
                                             scene->p384, (capsa_bytes){NULL, 0});
        const char *oid = capsa_ratls_form_type(forms[i])->oid;
        CAPSA_AUTO(capsa_buf)
        right = ratls_single(scene->p384, oid, capsa_buf_bytes(&content), false);
        ratls_assert_accepted(scene, capsa_buf_bytes(&right), &no_rules);
        CAPSA_AUTO(capsa_buf)
        stolen = ratls_single(scene->p256, oid, capsa_buf_bytes(&content), false);
        assert_unbound(capsa_buf_bytes(&stolen), "another key");
        ratls_assert_refused(scene, capsa_buf_bytes(&stolen), &no_rules,
                             CAPSA_CHECK_CERTIFICATE_KEY, "another key");
    }
}

/* Claims of this key around a quote of other claims: the digest fits, the report data does not. */
static void claims_put_around_a_foreign_quote_are_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf)
    theirs = ratls_claims_of(scene->p384, CAPSA_RATLS_SHA256, (capsa_bytes){NULL, 0});
    CAPSA_AUTO(capsa_buf)
    ours = ratls_claims_of(scene->p256, CAPSA_RATLS_SHA256, (capsa_bytes){NULL, 0});
    CAPSA_AUTO(capsa_buf)
    quote = ratls_bound_quote(scene, CAPSA_PLATFORM_SGX, CAPSA_RATLS_DICE, false, scene->p384,
                              capsa_buf_bytes(&theirs));
    CAPSA_AUTO(capsa_buf) content = dice_with(CAPSA_PLATFORM_SGX, &quote, &ours);
    CAPSA_AUTO(capsa_buf)
    der = ratls_single(scene->p256, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
    assert_unbound(capsa_buf_bytes(&der), "the hash of its claims");
}

/* A quote that binds a key in one generation's way is nothing in another's. */
static void no_binding_counts_under_another_form(void **state)
{
    const struct ratls_scene *scene = *state;
    static const enum capsa_ratls_form forms[] = {CAPSA_RATLS_GRAMINE, CAPSA_RATLS_INTEL_SDK};
    CAPSA_AUTO(capsa_buf)
    claims = ratls_claims_of(scene->p256, CAPSA_RATLS_SHA256, (capsa_bytes){NULL, 0});
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf)
        quote = ratls_bound_quote(scene, CAPSA_PLATFORM_SGX, forms[i], false, scene->p256,
                                  (capsa_bytes){NULL, 0});
        CAPSA_AUTO(capsa_buf)
        swapped = ratls_single(scene->p256, capsa_ratls_form_type(forms[1 - i])->oid,
                               capsa_buf_bytes(&quote), false);
        assert_unbound(capsa_buf_bytes(&swapped), "another key");
        CAPSA_AUTO(capsa_buf) content = dice_with(CAPSA_PLATFORM_SGX, &quote, &claims);
        CAPSA_AUTO(capsa_buf)
        dice = ratls_single(scene->p256, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
        assert_unbound(capsa_buf_bytes(&dice), "the hash of its claims");
        CAPSA_AUTO(capsa_buf)
        of_claims = ratls_bound_quote(scene, CAPSA_PLATFORM_SGX, CAPSA_RATLS_DICE, false,
                                      scene->p256, capsa_buf_bytes(&claims));
        CAPSA_AUTO(capsa_buf)
        taken_out = ratls_single(scene->p256, capsa_ratls_form_type(forms[i])->oid,
                                 capsa_buf_bytes(&of_claims), false);
        assert_unbound(capsa_buf_bytes(&taken_out), "another key");
    }
}

static void every_hash_of_the_key_and_both_widths_of_TDX_are_taken(void **state)
{
    const struct ratls_scene *scene = *state;
    static const enum capsa_ratls_hash hashes[] = {CAPSA_RATLS_SHA256, CAPSA_RATLS_SHA384,
                                                   CAPSA_RATLS_SHA512};
    static const enum capsa_platform platforms[] = {CAPSA_PLATFORM_SGX, CAPSA_PLATFORM_TDX};
    for (size_t i = 0; i < 12; i++) {
        const enum capsa_platform platform = platforms[i & 1];
        const bool wide = (i & 2) != 0;
        CAPSA_AUTO(capsa_buf)
        claims = ratls_claims_of(scene->p256, hashes[i / 4], (capsa_bytes){NULL, 0});
        CAPSA_AUTO(capsa_buf)
        content = ratls_dice_of(scene, platform, wide, scene->p256, capsa_buf_bytes(&claims));
        CAPSA_AUTO(capsa_buf)
        der = ratls_single(scene->p256, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
        if (wide && platform == CAPSA_PLATFORM_SGX) { /* Intel's habit is TDX's alone */
            assert_unbound(capsa_buf_bytes(&der), "another key");
            continue;
        }
        CAPSA_AUTO_FREE(capsa_ratls_certificate) read = NULL;
        uint8_t bound[CAPSA_REPORT_DATA], wanted[CAPSA_REPORT_DATA];
        assert_ok(capsa_ratls_read(capsa_buf_bytes(&der), &read));
        assert_ok(capsa_ratls_bound(read, bound));
        assert_ok(
            capsa_ratls_report_data(CAPSA_RATLS_DICE, wide, read->spki, read->claims, wanted));
        assert_memory_equal(bound, wanted, CAPSA_REPORT_DATA);
        assert_int_equal(read->hash, hashes[i / 4]);
    }
}

static void a_digest_of_another_key_in_the_claims_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf)
    claims = ratls_claims_of(scene->p384, CAPSA_RATLS_SHA512, (capsa_bytes){NULL, 0});
    CAPSA_AUTO(capsa_buf)
    content =
        ratls_dice_of(scene, CAPSA_PLATFORM_SGX, false, scene->p256, capsa_buf_bytes(&claims));
    CAPSA_AUTO(capsa_buf)
    der = ratls_single(scene->p256, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
    assert_unbound(capsa_buf_bytes(&der), "sha512");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_are_hashed_as_the_published_values_say),
        cmocka_unit_test(claims_are_written_as_everybody_writes_them),
        cmocka_unit_test(keys_as_PEM_are_hashed_with_the_NUL_that_ends_them),
        cmocka_unit_test(forms_that_bind_nothing_known_have_no_report_data),
        cmocka_unit_test(every_one_of_the_64_bytes_is_compared),
        cmocka_unit_test(evidence_of_another_key_is_refused),
        cmocka_unit_test(claims_put_around_a_foreign_quote_are_refused),
        cmocka_unit_test(no_binding_counts_under_another_form),
        cmocka_unit_test(every_hash_of_the_key_and_both_widths_of_TDX_are_taken),
        cmocka_unit_test(a_digest_of_another_key_in_the_claims_is_refused),
    };
    return cmocka_run_group_tests(tests, ratls_scene_setup, ratls_scene_teardown);
}
