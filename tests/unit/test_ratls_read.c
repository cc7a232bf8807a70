/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: certificates with evidence, read. Certificates of every generation, what is refused of
 * them and by which words, and three real ones (recorded vectors).
 */
#include "ratls_scene.h"

static const struct capsa_ratls_rules no_rules = {.native = false};

static capsa_buf hex_of(const char *hex)
{
    capsa_buf bytes = capsa_buf_of(KIB(8));
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &bytes));
    return bytes;
}

static struct capsa_ratls_certificate *read_or_fail(capsa_bytes text)
{
    struct capsa_ratls_certificate *certificate = NULL;
    assert_ok(capsa_ratls_read(text, &certificate));
    return certificate;
}

static capsa_buf any_quote(const struct ratls_scene *scene)
{
    static const uint8_t nothing[CAPSA_REPORT_DATA];
    return ratls_quote(scene, CAPSA_PLATFORM_SGX, nothing);
}

/* The last place of some bytes. */
static uint8_t *last_of(const capsa_buf *buf, capsa_bytes wanted)
{
    for (size_t at = buf->len - wanted.len + 1; at > 0; at--) {
        if (memcmp(buf->data + at - 1, wanted.data, wanted.len) == 0) {
            return buf->data + at - 1;
        }
    }
    fail_msg("not there");
    return NULL;
}

/* ---- Real ones ------------------------------------------------------------------------------- */

static const struct {
    const char *file, *spki_sha256;
    size_t bytes, spki, quote, claims;
    bool has_legacy;
    const char *not_before, *not_after;
} reals[] = {
    {"ra-tls/gramine.der", "5a5a5b2d177433048e9d62409d1acc4ec526c06e294d09e69a36cff9369e4851",
     10068, 120, 4734, 51, true, "2001-01-01T00:00:00Z", "2030-12-31T23:59:59Z"},
    {"ra-tls/intel-sgxsdk.der", "f306ed602985371e3b485102db1fcdd4f4738329ce58b2f8d1c5d2cc79752026",
     9822, 120, 4600, 51, true, NULL, NULL},
    {"ra-tls/rats-tls.der", "72c0b70c2092741a4cfda0c2465487faf132998617b0aad53118aa5d6e180006",
     5264, 91, 4734, 81, false, NULL, NULL},
};
#define REALS (sizeof(reals) / sizeof(reals[0]))

static void real_certificates_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < REALS; i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        test_vector_read(reals[i].file, &der);
        CAPSA_AUTO_FREE(capsa_ratls_certificate)
        certificate = read_or_fail(capsa_buf_bytes(&der));
        CAPSA_AUTO(capsa_buf) digest = hex_of(reals[i].spki_sha256);
        assert_int_equal(certificate->der.len, reals[i].bytes);
        assert_int_equal(certificate->form, CAPSA_RATLS_DICE);
        assert_int_equal(certificate->has_legacy, reals[i].has_legacy);
        assert_int_equal(certificate->evidence.platform, CAPSA_PLATFORM_SGX);
        assert_int_equal(certificate->evidence.bytes.len, reals[i].quote);
        assert_int_equal(certificate->claims.len, reals[i].claims);
        assert_int_equal(certificate->hash, CAPSA_RATLS_SHA256);
        assert_int_equal(certificate->spki.len, reals[i].spki);
        assert_memory_equal(certificate->spki_sha256, digest.data, CAPSA_SHA256);
        assert_memory_equal(certificate->key_digest.data, digest.data, CAPSA_SHA256);
        assert_int_equal(certificate->x509_version, 3);
        assert_false(certificate->critical);
        assert_false(certificate->signed_with_sha1);
        assert_null(certificate->nonce.data);
        uint8_t bound[CAPSA_REPORT_DATA];
        assert_ok(capsa_ratls_bound(certificate, bound));
        char text[CAPSA_TIME_TEXT];
        if (reals[i].not_before != NULL) {
            capsa_time_text(certificate->not_before, text);
            assert_string_equal(text, reals[i].not_before);
            capsa_time_text(certificate->not_after, text);
            assert_string_equal(text, reals[i].not_after);
        }
    }
}

static void real_certificates_cut_anywhere_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < REALS; i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        test_vector_read(reals[i].file, &der);
        for (size_t len = 0; len < der.len; len++) {
            uint8_t *copy = malloc(len > 0 ? len : 1);
            assert_non_null(copy);
            memcpy(copy, der.data, len);
            struct capsa_ratls_certificate *read = NULL;
            assert_fails(capsa_ratls_read(capsa_bytes_of(copy, len), &read), MALFORMED);
            assert_null(read);
            free(copy);
        }
        assert_ok(capsa_buf_u8(&der, 0));
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "behind the end");
    }
}

static void real_certificates_are_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < REALS; i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        test_vector_read(reals[i].file, &der);
        CAPSA_AUTO_FREE(capsa_ratls_certificate)
        certificate = read_or_fail(capsa_buf_bytes(&der));
        CAPSA_AUTO_FREE(capsa_json) shown = NULL;
        assert_ok(capsa_ratls_show(certificate, &shown));
        assert_string_equal(capsa_json_string(capsa_json_get(shown, "form")), "dice");
        assert_string_equal(capsa_json_string(capsa_json_get(shown, "platform")), "sgx");
        assert_string_equal(capsa_json_string(capsa_json_get(shown, "spki_sha256")),
                            reals[i].spki_sha256);
        assert_true(capsa_json_bool(capsa_json_get(shown, "binds_key")));
        assert_int_equal(capsa_json_kind_of(capsa_json_get(shown, "nonce")), CAPSA_JSON_NULL);
        assert_true(capsa_json_count(capsa_json_get(shown, "evidence")) > 2);
    }
}

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

/* ---- Which extension counts ------------------------------------------------------------------ */

static void A19_numbers_within_another_extension_are_not_found(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf)
    quote = ratls_bound_quote(scene, CAPSA_PLATFORM_SGX, CAPSA_RATLS_GRAMINE, false, scene->p256,
                              (capsa_bytes){NULL, 0});
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    const struct {
        const char *tlv;
        const capsa_buf *evidence;
    } hidden[] = {
        {"060b06092a864886f84d8a3906", &quote},
        {"06092a864886f84d8a3906", &quote},
        {"0606678105050409", &dice},
    };
    for (size_t i = 0; i < 3; i++) {
        /* A whole extension, as it would stand in the list, within the value of one that nobody
         * knows. */
        CAPSA_AUTO(capsa_buf) inner = hex_of(hidden[i].tlv);
        CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_buf_append(&whole, capsa_buf_bytes(&inner)));
        assert_ok(capsa_buf_u8(&whole, 0x04));
        assert_ok(capsa_buf_u8(&whole, 0x82));
        assert_ok(capsa_buf_be16(&whole, (uint16_t)hidden[i].evidence->len));
        assert_ok(capsa_buf_append(&whole, capsa_buf_bytes(hidden[i].evidence)));
        CAPSA_AUTO(capsa_buf)
        der = ratls_single(scene->p256, "1.3.6.1.4.1.99999.1", capsa_buf_bytes(&whole), false);
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED,
                            "the certificate carries no evidence");
    }
}

static void a_certificate_without_evidence_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct ratls_plan plan = {.key = scene->p256};
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &der);
    ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "carries no evidence");
    CAPSA_AUTO(capsa_buf)
    pck = ratls_single(scene->p256, RATLS_OID(INTEL_SDK),
                       CAPSA_BYTES_LITERAL("\x30\x03\x02\x01\x01"), false);
    ratls_assert_unread(capsa_buf_bytes(&pck), CAPSA_E_MALFORMED, "PCK");
    CAPSA_AUTO(capsa_buf)
    empty = ratls_single(scene->p256, RATLS_OID(GRAMINE), CAPSA_BYTES_LITERAL(""), false);
    ratls_assert_unread(capsa_buf_bytes(&empty), CAPSA_E_MALFORMED, "Gramine");
}

static void two_legacy_kinds_without_DICE_are_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) quote = any_quote(scene);
    static const enum capsa_ratls_form others[] = {
        CAPSA_RATLS_GRAMINE_MEANT, CAPSA_RATLS_INTEL_SDK, CAPSA_RATLS_GRPC,
        CAPSA_RATLS_OE_V1,         CAPSA_RATLS_OE_V2,     CAPSA_RATLS_DSTACK_QUOTE};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct ratls_plan plan = {.key = scene->p256};
        ratls_add(&plan, RATLS_OID(GRAMINE), capsa_buf_bytes(&quote), false);
        ratls_add(&plan, capsa_ratls_form_type(others[i])->oid, capsa_buf_bytes(&quote), false);
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &der);
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "twice, of two generations");
    }
}

static void DICE_counts_alone_beside_any_legacy_one(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    static const enum capsa_ratls_form others[] = {CAPSA_RATLS_GRAMINE, CAPSA_RATLS_INTEL_SDK,
                                                   CAPSA_RATLS_OE_V2};
    struct ratls_plan plan = {.key = scene->p256};
    for (size_t i = 0; i < 3; i++) {
        ratls_add(&plan, capsa_ratls_form_type(others[i])->oid, CAPSA_BYTES_LITERAL("rubbish"),
                  false);
    }
    ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &der);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = read_or_fail(capsa_buf_bytes(&der));
    assert_int_equal(certificate->form, CAPSA_RATLS_DICE);
    assert_true(certificate->has_legacy);
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &no_rules);
    /* Intel's PCK extension beside it is no evidence. */
    plan.count = 0;
    ratls_add(&plan, RATLS_OID(INTEL_SDK), CAPSA_BYTES_LITERAL("\x30\x00"), false);
    ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
    CAPSA_AUTO(capsa_buf) pck = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &pck);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) other = read_or_fail(capsa_buf_bytes(&pck));
    assert_false(other->has_legacy);
}

static void kinds_that_are_not_read_are_named(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) quote = any_quote(scene);
    size_t count = 0;
    for (int i = CAPSA_RATLS_NONE + 1; i < CAPSA_RATLS_FORM_COUNT; i++) {
        const struct capsa_ratls_form_type *type = capsa_ratls_form_type((enum capsa_ratls_form)i);
        if (type->use != CAPSA_RATLS_USE_UNSUPPORTED) {
            continue;
        }
        CAPSA_AUTO(capsa_buf)
        der = ratls_single(scene->p256, type->oid, capsa_buf_bytes(&quote), false);
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_UNSUPPORTED, type->what);
        count++;
    }
    assert_int_equal(count, 11);
    CAPSA_AUTO(capsa_buf)
    alone = ratls_single(scene->p256, RATLS_OID(ENDORSEMENTS), capsa_buf_bytes(&quote), false);
    ratls_assert_unread(capsa_buf_bytes(&alone), CAPSA_E_MALFORMED, "carries no evidence");
}

/* ---- What legacy ones hold ------------------------------------------------------------------- */

static void open_enclave_headers_are_read_exactly(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) quote = any_quote(scene);
    const struct {
        uint64_t version, type, extra;
        const char *reason;
    } cases[] = {
        {1, 2, 0, NULL},
        {0, 2, 0, "version 0 and type 2"},
        {2, 2, 0, "version 2"},
        {1, 1, 0, "type 1"},
        {1, 3, 0, "type 3"},
        {1, 2, 1, "are there"},
        {1, 2, UINT64_MAX, "are there"},
        {1, 2, UINT64_C(1) << 32, "are there"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(RATLS_MAX);
        append_le(&content, cases[i].version, 4);
        append_le(&content, cases[i].type, 4);
        append_le(&content, quote.len + cases[i].extra, 8);
        assert_ok(capsa_buf_append(&content, capsa_buf_bytes(&quote)));
        CAPSA_AUTO(capsa_buf)
        der = ratls_single(scene->p256, RATLS_OID(OE_V1), capsa_buf_bytes(&content), false);
        if (cases[i].reason != NULL) {
            ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, cases[i].reason);
            continue;
        }
        CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = read_or_fail(capsa_buf_bytes(&der));
        assert_int_equal(certificate->form, CAPSA_RATLS_OE_V1);
        assert_int_equal(certificate->evidence.bytes.len, quote.len);
    }
    CAPSA_AUTO(capsa_buf)
    cut = ratls_single(scene->p256, RATLS_OID(OE_V1), CAPSA_BYTES_LITERAL("\1\0\0\0\2\0\0\0\1"),
                       false);
    ratls_assert_unread(capsa_buf_bytes(&cut), CAPSA_E_MALFORMED, "Open Enclave report");
}

static void grpc_ra_tls_that_binds_nothing_is_refused_by_name(void **state)
{
    const struct ratls_scene *scene = *state;
    static const uint8_t zeros[CAPSA_REPORT_DATA];
    CAPSA_AUTO(capsa_buf) tdx = ratls_quote(scene, CAPSA_PLATFORM_TDX, zeros);
    CAPSA_AUTO(capsa_buf)
    dummy = ratls_single(scene->rsa, RATLS_OID(GRPC), capsa_bytes_of(zeros, 32), false);
    ratls_assert_unread(capsa_buf_bytes(&dummy), CAPSA_E_UNSUPPORTED, "dummy back-end");
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_buf_append(&content, capsa_buf_bytes(&tdx)));
    assert_ok(capsa_buf_append(&content, capsa_bytes_of(zeros, 32)));
    CAPSA_AUTO(capsa_buf)
    grafted = ratls_single(scene->rsa, RATLS_OID(GRPC), capsa_buf_bytes(&content), false);
    ratls_assert_unread(capsa_buf_bytes(&grafted), CAPSA_E_UNSUPPORTED,
                        "32 bytes behind the quote");
    capsa_buf_clear(&content);
    append_le(&content, tdx.len, 4);
    append_le(&content, 4, 4);
    assert_ok(capsa_buf_append(&content, capsa_buf_bytes(&tdx)));
    assert_ok(capsa_buf_append(&content, capsa_bytes_of(zeros, 4)));
    CAPSA_AUTO(capsa_buf)
    cloud = ratls_single(scene->rsa, RATLS_OID(GRPC), capsa_buf_bytes(&content), false);
    ratls_assert_unread(capsa_buf_bytes(&cloud), CAPSA_E_UNSUPPORTED, "TDX in clouds");
}

static void legacy_generations_hold_quotes_of_SGX_alone(void **state)
{
    const struct ratls_scene *scene = *state;
    static const uint8_t zeros[2548];
    CAPSA_AUTO(capsa_buf) tdx = ratls_quote(scene, CAPSA_PLATFORM_TDX, zeros);
    static const enum capsa_ratls_form forms[] = {CAPSA_RATLS_GRAMINE, CAPSA_RATLS_GRAMINE_MEANT,
                                                  CAPSA_RATLS_INTEL_SDK};
    for (size_t i = 0; i < 3; i++) {
        const char *oid = capsa_ratls_form_type(forms[i])->oid;
        CAPSA_AUTO(capsa_buf) der = ratls_single(scene->p256, oid, capsa_buf_bytes(&tdx), false);
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_UNSUPPORTED, "only quotes of SGX");
        CAPSA_AUTO(capsa_buf)
        csv = ratls_single(scene->p256, oid, capsa_bytes_of(zeros, 2548), false);
        ratls_assert_unread(capsa_buf_bytes(&csv), CAPSA_E_UNSUPPORTED, "only quotes of SGX");
    }
}

/* ---- X.509 ----------------------------------------------------------------------------------- */

static void extensions_that_stand_there_twice_are_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    static const char *const oids[] = {"2.23.133.5.4.9", "2.5.29.14", "1.3.6.1.4.1.99999.1"};
    for (size_t i = 0; i < 3; i++) {
        struct ratls_plan plan = {.key = scene->p256};
        ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
        ratls_add(&plan, oids[i], capsa_buf_bytes(&dice), false);
        if (i > 0) {
            ratls_add(&plan, oids[i], CAPSA_BYTES_LITERAL("another"), false);
        }
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &der);
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "twice");
    }
}

static void critical_evidence_is_read_and_what_is_critical_and_unknown_is_not(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    CAPSA_AUTO(capsa_buf)
    der = ratls_single(scene->p256, RATLS_OID(DICE), capsa_buf_bytes(&dice), true);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = read_or_fail(capsa_buf_bytes(&der));
    assert_true(certificate->critical);
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &no_rules);
    /* FALSE, written out; then a truth that DER has not. */
    uint8_t *truth = last_of(&der, CAPSA_BYTES_LITERAL("\x05\x05\x04\x09\x01\x01\xff")) + 6;
    *truth = 0;
    CAPSA_AUTO_FREE(capsa_ratls_certificate) written_out = read_or_fail(capsa_buf_bytes(&der));
    assert_false(written_out->critical);
    *truth = 1;
    ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "truth value");

    static const struct {
        const char *oid;
        bool is_known;
    } cases[] = {{"2.5.29.19", true}, {"2.5.29.15", true},   {"2.5.29.17", true},
                 {"2.5.29.37", true}, {"2.5.29.30", false},  {"2.5.29.14", false},
                 {"1.2.3.4", false},  {"2.5.29.19.1", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ratls_plan plan = {.key = scene->p256};
        ratls_add(&plan, cases[i].oid, CAPSA_BYTES_LITERAL("\x30\x00"), true);
        ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
        CAPSA_AUTO(capsa_buf) other = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &other);
        if (cases[i].is_known) {
            capsa_ratls_certificate_free(read_or_fail(capsa_buf_bytes(&other)));
        } else {
            ratls_assert_unread(capsa_buf_bytes(&other), CAPSA_E_UNSUPPORTED,
                                "extension 1: it is critical, and not known here");
        }
    }
}

static void A24_more_extensions_than_the_limit_are_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    char oids[CAPSA_LIMIT_ratls_extensions][24];
    struct ratls_plan plan = {.key = scene->p256};
    ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
    for (int i = 0; i < CAPSA_LIMIT_ratls_extensions; i++) {
        (void)snprintf(oids[i], sizeof(oids[i]), "1.2.3.%d", i);
        ratls_add(&plan, oids[i], CAPSA_BYTES_LITERAL("x"), false);
    }
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &der);
    ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_TOO_LARGE, "at most 32");
    plan.count--;
    CAPSA_AUTO(capsa_buf) fits = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &fits);
    capsa_ratls_certificate_free(read_or_fail(capsa_buf_bytes(&fits)));
}

static void A24_oversized_certificates_are_refused_before_they_are_read(void **state)
{
    (void)state;
    static uint8_t zeros[CAPSA_LIMIT_ratls_certificate * 2 + 1];
    zeros[0] = 0x30;
    ratls_assert_unread(capsa_bytes_of(zeros, CAPSA_LIMIT_ratls_certificate + 1), CAPSA_E_TOO_LARGE,
                        "at most 131072");
    ratls_assert_unread(capsa_bytes_of(zeros, CAPSA_LIMIT_ratls_certificate), CAPSA_E_MALFORMED,
                        "the certificate");
    ratls_assert_unread(capsa_bytes_of(zeros, sizeof(zeros)), CAPSA_E_TOO_LARGE, "at most 262144");
    ratls_assert_unread((capsa_bytes){NULL, 0}, CAPSA_E_MALFORMED, "empty");
}

static void what_is_no_certificate_by_its_structure_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct {
        const char *find;
        size_t at; /* of the byte to change, from there */
        uint8_t to;
        const char *reason;
    } cases[] = {
        {"a003020102020101", 4, 1, "the version"},          /* 2 */
        {"a003020102020101", 4, 0, "the version"},          /* 1, written out */
        {"a003020102020101", 4, 3, "the version"},          /* 4 */
        {"a003020102020101", 5, 0x04, "the serial number"}, /* no INTEGER */
        {"170d", 0, 0x18, "notBefore"},                     /* its length is UTCTime's */
        {"170d", 0, 0x16, "notBefore"},                     /* no time */
        {"2a8648ce3d040302", 7, 3, "two algorithms"},       /* the outer one */
        {"06066781050504090482", 8, 0x24, "extension 1"},   /* no OCTET STRING */
        {"06066781050504090482", 0, 0x05, "extension 1"},   /* no OID */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
        CAPSA_AUTO(capsa_buf) find = hex_of(cases[i].find);
        uint8_t *place = cases[i].find[0] == '2' ? last_of(&der, capsa_buf_bytes(&find))
                                                 : memmem(der.data, der.len, find.data, find.len);
        assert_non_null(place);
        place[cases[i].at] = cases[i].to;
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, cases[i].reason);
    }
}

static void dates_are_read_in_both_forms_and_strictly(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    static const capsa_time times[] = {-631152000, -1,          0,          1,
                                       946684799,  1709164800,  2524607999, 2524608000,
                                       4102444800, 253402300799};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct ratls_plan plan = {.key = scene->p256, .from = times[i], .to = times[i] + 1};
        if (i + 1 == sizeof(times) / sizeof(times[0])) {
            plan.to = times[i];
        }
        ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &der);
        CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = read_or_fail(capsa_buf_bytes(&der));
        assert_true(certificate->not_before == plan.from);
        assert_true(certificate->not_after == plan.to);
    }
    static const char *const refused[] = {"271301080000Z", "270132080000Z", "270229080000Z",
                                          "270115240000Z", "270115086000Z", "2701150800 0Z",
                                          "27011508000-Z", "270115080000z", "27011508000Z0",
                                          "270115080000+", "2700150800 0Z", "270100080000Z"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
        uint8_t *place = memmem(der.data, der.len, "\x17\x0d", 2);
        assert_non_null(place);
        memcpy(place + 2, refused[i], 13);
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "notBefore");
    }
}

static void a_right_certificate_cut_anywhere_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    for (size_t len = 0; len < der.len; len++) {
        struct capsa_ratls_certificate *read = NULL;
        assert_fails(capsa_ratls_read(capsa_bytes_of(der.data, len), &read), MALFORMED);
        assert_null(read);
    }
}

/* ---- PEM ------------------------------------------------------------------------------------- */

static void PEM_is_read_under_both_labels_and_with_NULs_behind(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    static const struct {
        const char *label, *before, *behind;
        size_t behind_len;
    } cases[] = {
        {"CERTIFICATE", "", "", 0},
        {"TRUSTED CERTIFICATE", "", "", 0},
        {"TRUSTED CERTIFICATE", "", "\0", 1}, /* as Gramine's tool writes it */
        {"CERTIFICATE", "\n \t\r\n", "\n\n\0\0 \0", 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_buf_str(&pem, cases[i].before));
        assert_ok(capsa_ratls_pem_write(cases[i].label, capsa_buf_bytes(&der), &pem));
        assert_ok(capsa_buf_append(&pem, capsa_bytes_of(cases[i].behind, cases[i].behind_len)));
        CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = read_or_fail(capsa_buf_bytes(&pem));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&certificate->der), capsa_buf_bytes(&der)));
    }
}

/* Under its own label OpenSSL appends what it trusts a certificate for: one SEQUENCE. */
static void what_OpenSSL_appends_is_cut_off_under_its_label_alone(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    static const struct {
        const char *label, *aux;
        bool is_taken;
    } cases[] = {
        {"TRUSTED CERTIFICATE", "3000", true},
        {"TRUSTED CERTIFICATE", "300c300a06082b06010505070301", true},
        {"TRUSTED CERTIFICATE", "30003000", false},
        {"TRUSTED CERTIFICATE", "0500", false},
        {"TRUSTED CERTIFICATE", "3001", false},
        {"TRUSTED CERTIFICATE", "00", false},
        {"CERTIFICATE", "3000", false},
        {"CERTIFICATE", "00", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) both = capsa_buf_of(RATLS_MAX);
        CAPSA_AUTO(capsa_buf) aux = hex_of(cases[i].aux);
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_buf_append(&both, capsa_buf_bytes(&der)));
        assert_ok(capsa_buf_append(&both, capsa_buf_bytes(&aux)));
        assert_ok(capsa_ratls_pem_write(cases[i].label, capsa_buf_bytes(&both), &pem));
        struct capsa_ratls_certificate *read = NULL;
        capsa_result result = capsa_ratls_read(capsa_buf_bytes(&pem), &read);
        if (capsa_failed(result) == cases[i].is_taken) {
            fail_msg("%s with %s: %s", cases[i].label, cases[i].aux, capsa_text_of(result));
        }
        assert_true(read == NULL || read->der.len == der.len);
        capsa_ratls_certificate_free(read);
    }
}

static void PEM_that_two_readers_could_read_in_two_ways_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_ratls_pem_write("CERTIFICATE", capsa_buf_bytes(&der), &pem));
    static const struct {
        const char *before, *behind;
    } cases[] = {
        {"text\n", ""},
        {"", "text"},
        {"", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"},
        {"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", ""},
        {"-----BEGIN CERTIFICATE-----\n", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_buf_str(&whole, cases[i].before));
        assert_ok(capsa_buf_append(&whole, capsa_buf_bytes(&pem)));
        assert_ok(capsa_buf_str(&whole, cases[i].behind));
        struct capsa_ratls_certificate *read = NULL;
        assert_fails(capsa_ratls_read(capsa_buf_bytes(&whole), &read), MALFORMED);
    }
    static const char *const refused[] = {
        "-----BEGIN X509 CERTIFICATE-----\nMAA=\n-----END X509 CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4\n\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN ",
        "certificate",
        "\n",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct capsa_ratls_certificate *read = NULL;
        assert_fails(capsa_ratls_read(capsa_bytes_str(refused[i]), &read), MALFORMED);
    }
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
        cmocka_unit_test(real_certificates_are_read),
        cmocka_unit_test(real_certificates_cut_anywhere_are_refused),
        cmocka_unit_test(real_certificates_are_shown),
        cmocka_unit_test(claims_are_read_as_written_by_anybody),
        cmocka_unit_test(bad_claims_are_refused),
        cmocka_unit_test(a_long_nonce_is_refused),
        cmocka_unit_test(bad_DICE_evidence_is_refused_and_never_passed_over_for_a_legacy_one),
        cmocka_unit_test(tags_say_the_platform),
        cmocka_unit_test(A19_numbers_within_another_extension_are_not_found),
        cmocka_unit_test(a_certificate_without_evidence_is_refused),
        cmocka_unit_test(two_legacy_kinds_without_DICE_are_refused),
        cmocka_unit_test(DICE_counts_alone_beside_any_legacy_one),
        cmocka_unit_test(kinds_that_are_not_read_are_named),
        cmocka_unit_test(open_enclave_headers_are_read_exactly),
        cmocka_unit_test(grpc_ra_tls_that_binds_nothing_is_refused_by_name),
        cmocka_unit_test(legacy_generations_hold_quotes_of_SGX_alone),
        cmocka_unit_test(extensions_that_stand_there_twice_are_refused),
        cmocka_unit_test(critical_evidence_is_read_and_what_is_critical_and_unknown_is_not),
        cmocka_unit_test(A24_more_extensions_than_the_limit_are_refused),
        cmocka_unit_test(A24_oversized_certificates_are_refused_before_they_are_read),
        cmocka_unit_test(what_is_no_certificate_by_its_structure_is_refused),
        cmocka_unit_test(dates_are_read_in_both_forms_and_strictly),
        cmocka_unit_test(a_right_certificate_cut_anywhere_is_refused),
        cmocka_unit_test(PEM_is_read_under_both_labels_and_with_NULs_behind),
        cmocka_unit_test(what_OpenSSL_appends_is_cut_off_under_its_label_alone),
        cmocka_unit_test(PEM_that_two_readers_could_read_in_two_ways_is_refused),
        cmocka_unit_test(endorsements_come_back_as_collateral),
        cmocka_unit_test(endorsements_of_any_width_and_with_a_date_are_read),
        cmocka_unit_test(bad_endorsements_spoil_the_certificate),
    };
    return cmocka_run_group_tests(tests, ratls_scene_setup, ratls_scene_teardown);
}
