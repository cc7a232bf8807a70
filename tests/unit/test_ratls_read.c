/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: certificates with evidence, read. Which extension counts, what legacy ones hold, and three
 * real certificates (recorded vectors).
 */
#include "ratls_scene.h"

static capsa_buf any_quote(const struct ratls_scene *scene)
{
    static const uint8_t nothing[CAPSA_REPORT_DATA];
    return ratls_quote(scene, CAPSA_PLATFORM_SGX, nothing);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_certificates_are_read),
        cmocka_unit_test(real_certificates_cut_anywhere_are_refused),
        cmocka_unit_test(real_certificates_are_shown),
        cmocka_unit_test(A19_numbers_within_another_extension_are_not_found),
        cmocka_unit_test(a_certificate_without_evidence_is_refused),
        cmocka_unit_test(two_legacy_kinds_without_DICE_are_refused),
        cmocka_unit_test(DICE_counts_alone_beside_any_legacy_one),
        cmocka_unit_test(kinds_that_are_not_read_are_named),
        cmocka_unit_test(open_enclave_headers_are_read_exactly),
        cmocka_unit_test(grpc_ra_tls_that_binds_nothing_is_refused_by_name),
        cmocka_unit_test(legacy_generations_hold_quotes_of_SGX_alone),
    };
    return cmocka_run_group_tests(tests, ratls_scene_setup, ratls_scene_teardown);
}
