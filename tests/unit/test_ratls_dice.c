/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: what DICE's extensions hold, evidence with its claims and endorsements, and how each wrong
 * one is refused.
 */
#include "ratls_scene.h"

/* ---- DICE ------------------------------------------------------------------------------------ */

#define DIGEST16 "000102030405060708090a0b0c0d0e0f"
#define DIGEST32 DIGEST16 "101112131415161718191a1b1c1d1e1f"
#define KEY      "6b7075626b65792d68617368" /* text(11) "pubkey-hash" */
#define PAIR     "582482015820" DIGEST32    /* bytes(36) of [1, bytes(32)] */

static void claims_are_read_as_written_by_anybody(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum capsa_ratls_hash hash;
        size_t digest, nonce; /* nonce 99: none */
    } cases[] = {
        {"a1" KEY PAIR, CAPSA_RATLS_SHA256, 32, 99},
        {"b801" KEY "5900248201" /* wider numbers */ "5820" DIGEST32, CAPSA_RATLS_SHA256, 32, 99},
        {"b90001780b7075626b65792d68617368582982190001" /* and wider */ "5a00000020" DIGEST32,
         CAPSA_RATLS_SHA256, 32, 99},
        {"a1" KEY "583482075830" DIGEST32 DIGEST16, CAPSA_RATLS_SHA384, 48, 99},
        {"a1" KEY "584482085840" DIGEST32 DIGEST32, CAPSA_RATLS_SHA512, 64, 99},
        {"a2" KEY PAIR "656e6f6e636540", CAPSA_RATLS_SHA256, 32, 0},
        {"a2656e6f6e6365420102" KEY PAIR, CAPSA_RATLS_SHA256, 32, 2},
        {"a3656b65795f3048"
         "76616c75655f3000" KEY PAIR "656b65795f3140",
         CAPSA_RATLS_SHA256, 32, 99},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = hex_of(cases[i].hex);
        struct capsa_ratls_claims claims;
        assert_ok(capsa_ratls_dice_read_claims(capsa_buf_bytes(&bytes), &claims));
        assert_int_equal(claims.hash, cases[i].hash);
        assert_int_equal(claims.key_digest.len, cases[i].digest);
        assert_int_equal(claims.nonce.data == NULL, cases[i].nonce == 99);
        assert_int_equal(claims.nonce.len, cases[i].nonce == 99 ? 0 : cases[i].nonce);
    }
}

static void bad_claims_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *reason;
    } cases[] = {
        {"", "nothing is left"},
        {"a0", "no pubkey-hash"},
        {"a1656e6f6e63654101", "no pubkey-hash"},
        {"a1667075626b6579" PAIR, "no pubkey-hash"},               /* a prefix of the name */
        {"a16d7075626b65792d686173682d32" PAIR, "no pubkey-hash"}, /* it is the prefix */
        {"a16b5075626b65792d68617368" PAIR, "no pubkey-hash"},     /* another case */
        {"a2" KEY PAIR KEY PAIR, "twice"},                         /* the same */
        {"a3" KEY PAIR "616140616140", "twice"},                   /* any other */
        {"a2656e6f6e636540656e6f6e636540", "twice"},
        {"a1" KEY "582482005820" DIGEST32, "hash 0"},
        {"a1" KEY "582482095820" DIGEST32, "hash 9"},
        {"a1" KEY "582482025820" DIGEST32, "hash 2"},
        {"a1" KEY "582c821b00000001000000015820" DIGEST32, "hash 4294967297"},
        {"a1" KEY "5823820158"
         "1f"
         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
         "a digest of 31 bytes"},
        {"a1" KEY "582482075820" DIGEST32, "a digest of 32 bytes, that of sha384 has 48"},
        {"a1" KEY "582482085820" DIGEST32, "that of sha512 has 64"},
        {"a1" KEY "583482015830" DIGEST32 DIGEST16, "has 32"},
        {"a1" KEY "428101", "an array of 1"},
        {"a1" KEY "58258301"
         "5820" DIGEST32 "00",
         "an array of 3"},
        {"a1" KEY "582582015820" DIGEST32 "00", "behind its end"},
        {"a1" KEY "58259f015820" DIGEST32 "ff", "indefinite"},
        {"a1" KEY "582482"
         "20"
         "5820" DIGEST32,
         "an unsigned number wanted"},
        {"a1" KEY "582482017820" DIGEST32, "a byte string wanted"},
        {"a1" KEY "582482415820" DIGEST32, "wanted"},
        {"a1" KEY "82015820" DIGEST32,
         "a byte string wanted"}, /* the pair itself, not serialised */
        {"a1" KEY "7824"
         "82015820" DIGEST32,
         "a byte string wanted"},
        {"a14b7075626b65792d68617368" PAIR, "a text string wanted"},
        {"bf" KEY PAIR "ff", "indefinite"},
        {"a17f" KEY "ff" PAIR, "indefinite"},
        {"a1" KEY PAIR "00", "behind"},
        {"a2" KEY PAIR, "nothing is left"},
        {"82" KEY PAIR, "a map wanted"},
        {"d9ea60a1" KEY PAIR, "a map wanted"},
        {"b1" KEY PAIR, "at most 16"},
        {"bbffffffffffffffff" KEY PAIR, "at most 16"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = hex_of(cases[i].hex);
        struct capsa_ratls_claims claims = {.hash = CAPSA_RATLS_SHA512};
        capsa_result read = capsa_ratls_dice_read_claims(capsa_buf_bytes(&bytes), &claims);
        if (capsa_code_of(read) != CAPSA_E_MALFORMED ||
            strstr(capsa_text_of(read), cases[i].reason) == NULL) {
            fail_msg("%zu: wanted \"%s\", got %s", i, cases[i].reason, capsa_text_of(read));
        }
        assert_int_equal(claims.hash, CAPSA_RATLS_SHA512);
    }
}

static void a_long_nonce_is_refused(void **state)
{
    (void)state;
    static const uint8_t zeros[CAPSA_LIMIT_ratls_nonce + 1];
    CAPSA_AUTO(capsa_buf) claims = capsa_buf_of(KIB(16));
    capsa_bytes spki = CAPSA_BYTES_LITERAL("key");
    struct capsa_ratls_claims got;
    assert_ok(capsa_ratls_dice_write_claims(CAPSA_RATLS_SHA256, spki,
                                            capsa_bytes_of(zeros, sizeof(zeros) - 1), &claims));
    assert_ok(capsa_ratls_dice_read_claims(capsa_buf_bytes(&claims), &got));
    assert_int_equal(got.nonce.len, CAPSA_LIMIT_ratls_nonce);
    const size_t len = claims.len;
    assert_fails(capsa_ratls_dice_write_claims(CAPSA_RATLS_SHA256, spki,
                                               capsa_bytes_of(zeros, sizeof(zeros)), &claims),
                 TOO_LARGE);
    assert_int_equal(claims.len, len);
}

/* What is around a quote, where %s stands for its bytes with their head. */
static void bad_DICE_evidence_is_refused_and_never_passed_over_for_a_legacy_one(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct {
        const char *before, *after;
        enum capsa_code code;
        const char *reason;
    } cases[] = {
        {"d9ea6081", "", CAPSA_E_MALFORMED, "an array of 1"},
        {"d9ea6083", "41014101", CAPSA_E_MALFORMED, "an array of 3"},
        {"d9ea6082", "a0", CAPSA_E_MALFORMED, "a byte string wanted"},
        {"d9ea6082", "41a000", CAPSA_E_MALFORMED, "behind its end"},
        {"d9ea6082", "41a0", CAPSA_E_MALFORMED, "no pubkey-hash"},
        {"d9ea609f", "41a0ff", CAPSA_E_MALFORMED, "indefinite"},
        {"d9ea60825f", "ff41a0", CAPSA_E_MALFORMED, "indefinite"},
        {"82", "41a0", CAPSA_E_MALFORMED, "a tag wanted"},
        {"d9ea60d9ea6082", "41a0", CAPSA_E_MALFORMED, "an array wanted"},
        {"d9ea60a1", "41a0", CAPSA_E_MALFORMED, "an array wanted"},
        {"d9ea6182", "41a0", CAPSA_E_UNSUPPORTED, "60001"},
        {"d9ea6282", "41a0", CAPSA_E_UNSUPPORTED, "60002"},
        {"da001a750582", "41a0", CAPSA_E_UNSUPPORTED, "SEV"},
        {"d9ea6382", "41a0", CAPSA_E_UNSUPPORTED, "60003"},
        {"dbffffffffffffffff82", "41a0", CAPSA_E_UNSUPPORTED, "18446744073709551615"},
        {"da001a750482", "5833a1" KEY PAIR, CAPSA_E_MALFORMED, "evidence of Intel SGX"},
        {"da001a750682", "5833a1" KEY PAIR, CAPSA_E_MALFORMED, "evidence of Intel SGX"},
    };
    CAPSA_AUTO(capsa_buf)
    legacy = ratls_bound_quote(scene, CAPSA_PLATFORM_SGX, CAPSA_RATLS_GRAMINE, false, scene->p256,
                               (capsa_bytes){NULL, 0});
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_buf_u8(&quote, 0x59));
    assert_ok(capsa_buf_be16(&quote, (uint16_t)legacy.len));
    assert_ok(capsa_buf_append(&quote, capsa_buf_bytes(&legacy)));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(RATLS_MAX);
        CAPSA_AUTO(capsa_buf) before = hex_of(cases[i].before);
        CAPSA_AUTO(capsa_buf) after = hex_of(cases[i].after);
        assert_ok(capsa_buf_append(&content, capsa_buf_bytes(&before)));
        assert_ok(capsa_buf_append(&content, capsa_buf_bytes(&quote)));
        assert_ok(capsa_buf_append(&content, capsa_buf_bytes(&after)));
        struct ratls_plan plan = {.key = scene->p256};
        ratls_add(&plan, RATLS_OID(GRAMINE), capsa_buf_bytes(&legacy), false);
        ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &der);
        ratls_assert_unread(capsa_buf_bytes(&der), cases[i].code, cases[i].reason);
    }
    /* The legacy one alone is good. */
    CAPSA_AUTO(capsa_buf)
    der = ratls_single(scene->p256, RATLS_OID(GRAMINE), capsa_buf_bytes(&legacy), false);
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &no_rules);
}

/* The tag of a report of SNP's around one, as rats-tls has it; and Intel's tag around it. */
static void tags_say_the_platform(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct {
        enum capsa_platform platform;
        size_t len;
        uint64_t tag;
    } raws[] = {{CAPSA_PLATFORM_SNP, 1184, 0x1A7504}, {CAPSA_PLATFORM_CSV, 2548, 0x1A7506}};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf) report = capsa_buf_of(RATLS_MAX);
        uint8_t *room = NULL;
        assert_ok(capsa_buf_extend(&report, raws[i].len, &room));
        memset(room, 0, raws[i].len);
        CAPSA_AUTO(capsa_buf)
        claims = ratls_claims_of(scene->p256, CAPSA_RATLS_SHA256, (capsa_bytes){NULL, 0});
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_ratls_dice_write_evidence(raws[i].platform, capsa_buf_bytes(&report),
                                                  capsa_buf_bytes(&claims), &content));
        struct capsa_ratls_dice dice;
        assert_ok(capsa_ratls_dice_read_evidence(capsa_buf_bytes(&content), &dice));
        assert_true(dice.tag == raws[i].tag);
        assert_int_equal(dice.evidence.len, raws[i].len);
        assert_ok(capsa_ratls_dice_check_platform(dice.tag, raws[i].platform));
        assert_fails(capsa_ratls_dice_check_platform(60000, raws[i].platform), MALFORMED);
        assert_fails(capsa_ratls_dice_check_platform(dice.tag, CAPSA_PLATFORM_TDX), MALFORMED);
    }
    assert_fails(capsa_ratls_dice_check_platform(60001, CAPSA_PLATFORM_NONE), MALFORMED);
}

/* ---- Endorsements ---------------------------------------------------------------------------- */

static bool same_part(const capsa_buf *a, const capsa_buf *b)
{
    return capsa_bytes_equal(capsa_buf_bytes(a), capsa_buf_bytes(b));
}

static void endorsements_come_back_as_collateral(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(MIB(1));
    assert_ok(capsa_ratls_dice_write_endorsements(&scene->sgx, &content));
    static const uint8_t head[] = {0xd9, 0xea, 0x60, 0x88, 0x1a, 0, 0, 0, 1};
    assert_memory_equal(content.data, head, sizeof(head));
    CAPSA_AUTO(capsa_collateral) got;
    capsa_collateral_init(&got);
    assert_ok(capsa_ratls_dice_read_endorsements(capsa_buf_bytes(&content), &got));
    const capsa_collateral *sgx = &scene->sgx;
    assert_true(same_part(&got.tcb_info, &sgx->tcb_info));
    assert_true(same_part(&got.tcb_info_signature, &sgx->tcb_info_signature));
    assert_true(same_part(&got.tcb_info_issuer_chain, &sgx->tcb_info_issuer_chain));
    assert_true(same_part(&got.pck_crl, &sgx->pck_crl));
    assert_true(same_part(&got.root_ca_crl, &sgx->root_ca_crl));
    assert_true(same_part(&got.pck_crl_issuer_chain, &sgx->pck_crl_issuer_chain));
    assert_true(same_part(&got.qe_identity, &sgx->qe_identity));
    assert_true(same_part(&got.qe_identity_signature, &sgx->qe_identity_signature));
    assert_true(same_part(&got.qe_identity_issuer_chain, &sgx->qe_identity_issuer_chain));
    assert_int_equal(got.pck_certificate_chain.len, 0);
    for (size_t len = 0; len < content.len; len += len < 64 ? 1 : 97) {
        CAPSA_AUTO(capsa_collateral) cut;
        capsa_collateral_init(&cut);
        assert_fails(capsa_ratls_dice_read_endorsements(capsa_bytes_of(content.data, len), &cut),
                     MALFORMED);
        assert_true(capsa_collateral_is_empty(&cut));
    }
    capsa_collateral empty;
    capsa_collateral_init(&empty);
    const size_t len = content.len;
    capsa_result missing = capsa_ratls_dice_write_endorsements(&empty, &content);
    assert_int_equal(capsa_code_of(missing), CAPSA_E_MALFORMED);
    assert_non_null(strstr(capsa_text_of(missing), "TCB Info: it is missing"));
    assert_int_equal(content.len, len);
}

static void endorsements_of_any_width_and_with_a_date_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum capsa_code code;
    } cases[] = {
        {"d9ea60880140404040404040", CAPSA_E_OK},
        {"d9ea608818014040404040404040", CAPSA_E_MALFORMED}, /* eight parts */
        {"d9ea60881b000000000000000140404040404040", CAPSA_E_OK},
        {"d9ea608801410041004041004100404100", CAPSA_E_OK}, /* NULs alone are nothing */
        {"d9ea6089014040404040404074323032362d31312d32315431323a30303a30305a", CAPSA_E_OK},
        {"d9ea608901404040404040404432303236", CAPSA_E_OK},
        {"d9ea6089014040404040404001", CAPSA_E_MALFORMED},
        {"d9ea608901404040404040405841" DIGEST32 DIGEST32 "00",
         CAPSA_E_MALFORMED}, /* a long date */
        {"d9ea60870140404040404040", CAPSA_E_MALFORMED},
        {"d9ea608a01404040404040404040", CAPSA_E_MALFORMED},
        {"d9ea6088014040404040404000", CAPSA_E_MALFORMED},
        {"d9ea60880140404040404060", CAPSA_E_MALFORMED},
        {"d9ea60882040404040404040", CAPSA_E_MALFORMED},
        {"d9ea60881b000000010000000040404040404040", CAPSA_E_MALFORMED},
        {"d9ea61880140404040404040", CAPSA_E_UNSUPPORTED},
        {"880140404040404040", CAPSA_E_MALFORMED},
        {"d9ea60880143616263404040404040", CAPSA_E_MALFORMED},   /* no TCB Info */
        {"d9ea6088014040436162634040404040", CAPSA_E_MALFORMED}, /* no list */
        {"d9ea60880140436100624040404040", CAPSA_E_MALFORMED},   /* a NUL within */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) bytes = hex_of(cases[i].hex);
        CAPSA_AUTO(capsa_collateral) got;
        capsa_collateral_init(&got);
        capsa_result read = capsa_ratls_dice_read_endorsements(capsa_buf_bytes(&bytes), &got);
        if (capsa_code_of(read) != cases[i].code) {
            fail_msg("%zu %s: %s", i, cases[i].hex, capsa_text_of(read));
        }
        assert_true(capsa_collateral_is_empty(&got));
    }
}

static void bad_endorsements_spoil_the_certificate(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    struct ratls_plan plan = {.key = scene->p256};
    ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
    ratls_add(&plan, RATLS_OID(ENDORSEMENTS), CAPSA_BYTES_LITERAL("x"), false);
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &der);
    ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "DICE endorsements");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_are_read_as_written_by_anybody),
        cmocka_unit_test(bad_claims_are_refused),
        cmocka_unit_test(a_long_nonce_is_refused),
        cmocka_unit_test(bad_DICE_evidence_is_refused_and_never_passed_over_for_a_legacy_one),
        cmocka_unit_test(tags_say_the_platform),
        cmocka_unit_test(endorsements_come_back_as_collateral),
        cmocka_unit_test(endorsements_of_any_width_and_with_a_date_are_read),
        cmocka_unit_test(bad_endorsements_spoil_the_certificate),
    };
    return cmocka_run_group_tests(tests, ratls_scene_setup, ratls_scene_teardown);
}
