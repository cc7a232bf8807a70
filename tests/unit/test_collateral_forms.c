/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: collateral as JSON, from form to form; revocation lists; signed text cut out.
 */
#include "attestation.h"

#include "codec/text.h"
#include "evidence/collateral_internal.h"

static struct capsa_json *parsed(capsa_bytes text)
{
    struct capsa_json *json = NULL;
    assert_ok(capsa_collateral_json(text, &json));
    return json;
}

static void assert_same(const capsa_collateral *a, const capsa_collateral *b, size_t but)
{
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        size_t offset = capsa_collateral_parts[i].offset;
        if (offset != but && !capsa_bytes_equal(capsa_collateral_part_bytes(a, offset),
                                                capsa_collateral_part_bytes(b, offset))) {
            fail_msg("%s differs", capsa_collateral_parts[i].name);
        }
    }
}

static void assert_member_is(const struct capsa_json *json, const char *name, const char *text)
{
    const char *got = capsa_json_string(capsa_json_get(json, name));
    assert_non_null(got);
    assert_string_equal(got, text);
}

/* ---- From form to form ----------------------------------------------------------------------- */

static void assert_members_same(const struct capsa_json *a, const struct capsa_json *b)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(a, &walk, &name, &value)) {
        assert_member_is(b, name, capsa_json_string(value));
    }
    assert_int_equal(capsa_json_count(a), capsa_json_count(b));
}

static void check_round_trip(const char *folder, enum capsa_platform platform)
{
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(CAPSA_LIMIT_collateral_file);
    attestation_read(folder, "collateral.json", &file);
    CAPSA_AUTO_FREE(capsa_json) v3 = parsed(capsa_buf_bytes(&file));
    CAPSA_AUTO(capsa_collateral) of_v3;
    CAPSA_AUTO(capsa_collateral) of_qvl;
    CAPSA_AUTO_FREE(capsa_json) qvl = NULL;
    CAPSA_AUTO_FREE(capsa_json) v3_again = NULL;
    assert_ok(capsa_collateral_parse_v3(v3, &of_v3));
    assert_ok(capsa_collateral_write_qvl(&of_v3, platform, &qvl));
    assert_ok(capsa_collateral_parse_qvl(qvl, &of_qvl));
    /* (b) has no room for the chain of a quote that carries none. */
    assert_same(&of_v3, &of_qvl, offsetof(capsa_collateral, pck_certificate_chain));
    assert_ok(capsa_collateral_write_v3(&of_v3, &v3_again));
    assert_members_same(v3, v3_again);
}

static void recorded_collateral_goes_from_v3_to_qvl_and_back_unchanged(void **state)
{
    (void)state;
    static const char *const groups[] = {"attestation", "attestation/synthetic"};
    static struct attestation_case cases[ATTESTATION_FOLDERS];
    size_t all = 0;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        size_t count = attestation_folders(groups[i], "collateral.json", cases);
        for (size_t k = 0; k < count; k++) {
            bool is_tdx = strstr(cases[k].name, "/tdx") != NULL;
            check_round_trip(cases[k].name, is_tdx ? CAPSA_PLATFORM_TDX : CAPSA_PLATFORM_SGX);
        }
        all += count;
    }
    assert_true(all > 100);
}

/* (b) as it was recorded, to (a) and back to (b): every member is the same text. */
static void check_report(const char *folder)
{
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(CAPSA_LIMIT_collateral_file);
    attestation_read(folder, "ual_report.json", &file);
    CAPSA_AUTO_FREE(capsa_json) report = parsed(capsa_buf_bytes(&file));
    const char *platform = capsa_json_string(capsa_json_get(report, "str_tee_platform"));
    const char *inner_text = capsa_json_string(capsa_json_get(report, "json_report"));
    CAPSA_AUTO_FREE(capsa_json) inner = parsed(capsa_bytes_str(inner_text));
    const char *qvl_text = capsa_json_string(capsa_json_get(inner, "json_collateral"));
    CAPSA_AUTO_FREE(capsa_json) qvl = parsed(capsa_bytes_str(qvl_text));
    CAPSA_AUTO(capsa_collateral) of_qvl;
    CAPSA_AUTO(capsa_collateral) of_v3;
    CAPSA_AUTO_FREE(capsa_json) v3 = NULL;
    CAPSA_AUTO_FREE(capsa_json) qvl_again = NULL;
    assert_ok(capsa_collateral_parse_qvl(qvl, &of_qvl));
    assert_ok(capsa_collateral_write_v3(&of_qvl, &v3));
    assert_ok(capsa_collateral_parse_v3(v3, &of_v3));
    assert_ok(capsa_collateral_write_qvl(&of_v3, capsa_platform_by_ual(platform), &qvl_again));
    assert_members_same(qvl, qvl_again);
}

static void recorded_reports_go_from_qvl_to_v3_and_back_byte_by_byte(void **state)
{
    (void)state;
    static struct attestation_case cases[ATTESTATION_FOLDERS];
    size_t intel = 0;
    size_t count = attestation_folders("attestation", "ual_report.json", cases);
    for (size_t i = 0; i < count; i++) {
        char path[VECTOR_PATH];
        if (attestation_has(cases[i].name, "quote.bin", path)) {
            check_report(cases[i].name);
            intel++;
        }
    }
    assert_true(intel >= 28);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

#define SIGNATURE_HEX                                                                              \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                             \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

typedef capsa_result (*parser)(const struct capsa_json *object, capsa_collateral *ret_collateral);

static void assert_refused(parser parse, const char *text, enum capsa_code code, const char *says)
{
    CAPSA_AUTO_FREE(capsa_json) json = parsed(capsa_bytes_str(text));
    capsa_collateral untouched;
    memset(&untouched, 0x5A, sizeof(untouched));
    capsa_collateral collateral = untouched;
    capsa_result result = parse(json, &collateral);
    if (capsa_code_of(result) != code || strstr(capsa_text_of(result), says) == NULL) {
        fail_msg("%s: %s", text, capsa_text_of(result));
    }
    assert_memory_equal(&collateral, &untouched, sizeof(untouched));
}

static void what_is_wrong_with_an_object_is_said(void **state)
{
    (void)state;
    static const struct {
        parser parse;
        const char *text;
        enum capsa_code code;
        const char *says;
    } bad[] = {
        {capsa_collateral_parse_v3, "[]", CAPSA_E_MALFORMED, "an object wanted, got an array"},
        {capsa_collateral_parse_v3, "{}", CAPSA_E_MALFORMED, "nothing is in it"},
        {capsa_collateral_parse_v3, "{\"tcb_info\":\"\"}", CAPSA_E_MALFORMED, "nothing is in it"},
        {capsa_collateral_parse_v3, "{\"tcb_inf\":\"{}\"}", CAPSA_E_UNKNOWN_FIELD,
         "\"tcb_info\" is the nearest known"},
        {capsa_collateral_parse_v3, "{\"tcb_info\":7}", CAPSA_E_MALFORMED,
         "tcb_info: a string wanted, got an integer"},
        {capsa_collateral_parse_v3, "{\"pck_crl\":\"3xy0\"}", CAPSA_E_MALFORMED, "pck_crl: "},
        {capsa_collateral_parse_v3, "{\"pck_crl\":\"308\"}", CAPSA_E_MALFORMED, "pck_crl: "},
        {capsa_collateral_parse_v3, "{\"pck_crl\":\"\\u20ac\"}", CAPSA_E_MALFORMED, "pck_crl: "},
        {capsa_collateral_parse_v3, "{\"tcb_info_signature\":\"00\"}", CAPSA_E_MALFORMED,
         "tcb_info_signature: 128 hex digits wanted, got 2"},
        {capsa_collateral_parse_v3, "{\"tcb_info\":\"{\\u0000}\"}", CAPSA_E_MALFORMED,
         "tcb_info: a NUL"},
        {capsa_collateral_parse_qvl, "{\"pck_crl\":\"3000\"}", CAPSA_E_MALFORMED, "version"},
        {capsa_collateral_parse_qvl, "{\"version\":2,\"pck_crl\":\"3000\"}", CAPSA_E_UNSUPPORTED,
         "version"},
        {capsa_collateral_parse_qvl, "{\"version\":-3,\"pck_crl\":\"3000\"}", CAPSA_E_UNSUPPORTED,
         "version"},
        {capsa_collateral_parse_qvl, "{\"version\":131075,\"pck_crl\":\"3000\"}",
         CAPSA_E_UNSUPPORTED, "version"},
        {capsa_collateral_parse_qvl, "{\"version\":\"3x\",\"pck_crl\":\"3000\"}", CAPSA_E_MALFORMED,
         "version"},
        {capsa_collateral_parse_qvl, "{\"version\":\"\",\"pck_crl\":\"3000\"}", CAPSA_E_MALFORMED,
         "version"},
        {capsa_collateral_parse_qvl, "{\"version\":3,\"tee_type\":1,\"pck_crl\":\"3000\"}",
         CAPSA_E_UNSUPPORTED, "tee_type"},
        {capsa_collateral_parse_qvl, "{\"version\":3,\"tcb_info\":\"{}\"}", CAPSA_E_MALFORMED,
         "\"tcbInfo\" is missing"},
        {capsa_collateral_parse_qvl, "{\"version\":3,\"tcb_info_signature\":\"\"}",
         CAPSA_E_UNKNOWN_FIELD, "tcb_info_signature"},
        {capsa_collateral_parse_csv, "{\"b64_hsk_cert\":\"AAAA\"}", CAPSA_E_MALFORMED,
         "832 bytes wanted, got 3"},
        {capsa_collateral_parse_csv, "{\"b64_hsk_cert\":\"AA AA\"}", CAPSA_E_MALFORMED,
         "b64_hsk_cert"},
        {capsa_collateral_parse_snp, "{\"b64_vcek\":\"AAAA\",\"b64_vlek\":\"AAAA\"}",
         CAPSA_E_MALFORMED, "only one"},
        {capsa_collateral_parse_snp, "{\"b64_vcek\":\"AAA\"}", CAPSA_E_MALFORMED, "b64_vcek"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_refused(bad[i].parse, bad[i].text, bad[i].code, bad[i].says);
    }
}

static void numbers_of_qvl_are_numbers_or_their_digits(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"version\":\"3\",\"tee_type\":\"129\",\"pck_crl\":\"3000\"}",
        "{\"version\":3,\"tee_type\":129,\"pck_crl\":\"3000\"}",
        "{\"version\":65539,\"tee_type\":0,\"pck_crl\":\"3000\"}",
        "{\"version\":\"65539\",\"pck_crl\":\"3000\"}",
        "{\"version\":1,\"tee_type\":null,\"pck_crl\":\"3000\"}",
        "{\"version\":4,\"pck_crl\":\"3000\",\"tcb_info\":null}",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CAPSA_AUTO_FREE(capsa_json) json = parsed(capsa_bytes_str(good[i]));
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        assert_ok(capsa_collateral_parse_qvl(json, &collateral));
        assert_int_equal(collateral.pck_crl.len, 2);
    }
}

static void what_is_incomplete_is_not_written(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    struct capsa_json *json = NULL;
    assert_ok(capsa_buf_str(&collateral.pck_crl_issuer_chain, "x"));
    capsa_result result = capsa_collateral_write_v3(&collateral, &json);
    assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
    assert_non_null(strstr(capsa_text_of(result), "lacks root_ca_crl"));
    assert_fails(capsa_collateral_write_qvl(&collateral, CAPSA_PLATFORM_SGX, &json), MALFORMED);
    assert_fails(capsa_collateral_write_qvl(&collateral, CAPSA_PLATFORM_CSV, &json), UNSUPPORTED);
    assert_fails(capsa_collateral_write_csv(&collateral, &json), MALFORMED);
    assert_fails(capsa_collateral_write_snp(&collateral, &json), MALFORMED);
    assert_null(json);
}

/* ---- Revocation lists ------------------------------------------------------------------------ */

/* Not a list, but whole DER with a NUL within and one at its end. */
static const uint8_t der[] = {0x30, 0x05, 0x02, 0x03, 0x80, 0x00, 0x00};

static void every_encoding_of_a_list_is_the_same_der(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } forms[] = {
#define FORM(text) {text, sizeof(text) - 1}
        FORM("30050203800000"),
        FORM("30050203800000\n"),
        FORM("30050203800000\0"),
        FORM("\x30\x05\x02\x03\x80\x00\x00"),
        FORM("\x30\x05\x02\x03\x80\x00\x00\n"),
        FORM("\x30\x05\x02\x03\x80\x00\x00\x00"),
        FORM("-----BEGIN X509 CRL-----\nMAUCA4AAAA==\n-----END X509 CRL-----\n"),
        FORM("\n-----BEGIN X509 CRL-----\r\nMAUC\r\nA4AAAA==\r\n-----END X509 CRL-----\r\n\0"),
#undef FORM
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        CAPSA_AUTO(capsa_buf) got = capsa_buf_of(64);
        assert_ok(
            capsa_collateral_crl("pck_crl", capsa_bytes_of(forms[i].text, forms[i].len), &got));
        if (!capsa_bytes_equal(capsa_buf_bytes(&got), capsa_bytes_of(der, sizeof(der)))) {
            fail_msg("form %zu gives %zu bytes", i, got.len);
        }
    }
}

static void a_list_of_characters_in_json_is_its_bytes(void **state)
{
    (void)state;
    static const char text[] = "{\"root_ca_crl\":\"0\\u0005\\u0002\\u0003\\u0080\\u0000\\u0000\"}";
    CAPSA_AUTO_FREE(capsa_json) json = parsed(capsa_bytes_str(text));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_collateral_parse_v3(json, &collateral));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&collateral.root_ca_crl),
                                  capsa_bytes_of(der, sizeof(der))));
}

#define A_CRL    "-----BEGIN X509 CRL-----\nMAUC\n-----END X509 CRL-----\n"
#define TWO_CRLS A_CRL A_CRL

static void what_is_no_list_is_refused_and_nothing_is_added(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n",
        "zz",
        "308",
        "-----BEGIN CERTIFICATE-----\nMAUC\n-----END CERTIFICATE-----\n",
        "-----BEGIN X509 CRL-----\nMAUC\n",
        "-----BEGIN X509 CRL-----\nMAUC\n-----END X509 CRL-----\nMAUC",
        "-----BEGIN X509 CRL-----\nMA=C\n-----END X509 CRL-----\n",
        TWO_CRLS,
        "\x31\x02zz",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO(capsa_buf) got = capsa_buf_of(64);
        assert_fails(capsa_collateral_crl("pck_crl", capsa_bytes_str(bad[i]), &got), MALFORMED);
        assert_int_equal(got.len, 0);
    }
}

/* What stands behind a list is not cut away: it would hide what somebody put there. */
static void A2_junk_behind_a_list_is_left_for_the_verifier(void **state)
{
    (void)state;
    static const char junk[] = "\x30\x05\x02\x03\x80\x00\x00xx";
    CAPSA_AUTO(capsa_buf) got = capsa_buf_of(64);
    assert_ok(capsa_collateral_crl("pck_crl", capsa_bytes_of(junk, sizeof(junk) - 1), &got));
    assert_int_equal(got.len, sizeof(junk) - 1);
}

/* ---- Signed text ----------------------------------------------------------------------------- */

static void assert_signed_text(const char *envelope, const char *wanted)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(64);
    assert_ok(capsa_collateral_signed("tcbInfo", capsa_bytes_str(envelope), &text, &signature));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&text), wanted));
    assert_int_equal(signature.len, 64);
    assert_int_equal(signature.data[63], 0x3F);
}

static void the_signed_text_is_what_stands_between_its_braces(void **state)
{
    (void)state;
    assert_signed_text("{\"tcbInfo\":{\"a\":1},\"signature\":\"" SIGNATURE_HEX "\"}", "{\"a\":1}");
    assert_signed_text("{\"signature\":\"" SIGNATURE_HEX "\",\"tcbInfo\":{\"a\":1}}", "{\"a\":1}");
    assert_signed_text(" { \"signature\" : \"" SIGNATURE_HEX
                       "\" ,\n \"tcbInfo\" :\t{ \"a\" : [ 1 ] } } \n",
                       "{ \"a\" : [ 1 ] }");
    assert_signed_text(
        "{\"tcbInfo\":{\"a\":\"}\\\"}\",\"b\":{\"c\":\"\\\\\"}},\"signature\":\"" SIGNATURE_HEX
        "\"}",
        "{\"a\":\"}\\\"}\",\"b\":{\"c\":\"\\\\\"}}");
    /* A member of that name within the signed text, or a string of it, is not it. */
    assert_signed_text(
        "{\"tcbInfo\":{\"x\":\"tcbInfo\",\"tcbInfo\":{}},\"signature\":\"" SIGNATURE_HEX "\"}",
        "{\"x\":\"tcbInfo\",\"tcbInfo\":{}}");
}

static void assert_signed_refused(const char *envelope, enum capsa_code code, const char *says)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(64);
    capsa_result result =
        capsa_collateral_signed("tcbInfo", capsa_bytes_str(envelope), &text, &signature);
    if (capsa_code_of(result) != code || strstr(capsa_text_of(result), says) == NULL) {
        fail_msg("%s: %s", envelope, capsa_text_of(result));
    }
    assert_int_equal(text.len + signature.len, 0);
}

static void envelopes_with_anything_else_are_refused(void **state)
{
    (void)state;
    assert_signed_refused("[]", CAPSA_E_MALFORMED, "an object wanted");
    assert_signed_refused("{\"signature\":\"" SIGNATURE_HEX "\"}", CAPSA_E_MALFORMED,
                          "\"tcbInfo\" is missing");
    assert_signed_refused("{\"tcbInfo\":[],\"signature\":\"" SIGNATURE_HEX "\"}", CAPSA_E_MALFORMED,
                          "\"tcbInfo\" is missing");
    assert_signed_refused("{\"tcbInfo\":{}}", CAPSA_E_MALFORMED, "signature: 128");
    assert_signed_refused("{\"tcbInfo\":{},\"signature\":\"00\"}", CAPSA_E_MALFORMED,
                          "signature: 128");
    assert_signed_refused("{\"tcbInfo\":{},\"signatur\":\"" SIGNATURE_HEX "\"}",
                          CAPSA_E_UNKNOWN_FIELD, "\"signature\" is the nearest known");
    assert_signed_refused("{\"tcb\\u0049nfo\":{},\"signature\":\"" SIGNATURE_HEX "\"}",
                          CAPSA_E_MALFORMED, "escapes");
    assert_signed_refused("{\"tcbInfo\":{},\"tcbInfo\":{\"a\":1},\"signature\":\"" SIGNATURE_HEX
                          "\"}",
                          CAPSA_E_MALFORMED, "twice");
    assert_signed_refused("{\"tcbInfo\":{\"a\":1,\"a\":2},\"signature\":\"" SIGNATURE_HEX "\"}",
                          CAPSA_E_MALFORMED, "twice");
}

static void A5_text_behind_an_envelope_is_refused(void **state)
{
    (void)state;
    assert_signed_refused("{\"tcbInfo\":{},\"signature\":\"" SIGNATURE_HEX "\"}x",
                          CAPSA_E_MALFORMED, "behind");
    assert_signed_refused("{\"tcbInfo\":{},\"signature\":\"" SIGNATURE_HEX "\"}{}",
                          CAPSA_E_MALFORMED, "behind");
}

static void a_bomb_of_braces_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) bomb = capsa_buf_of(KIB(8));
    assert_ok(capsa_buf_str(&bomb, "{\"tcbInfo\":"));
    for (int i = 0; i < 1000; i++) {
        assert_ok(capsa_buf_str(&bomb, "{\"\":"));
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(64);
    assert_fails(capsa_collateral_signed("tcbInfo", capsa_buf_bytes(&bomb), &text, &signature),
                 TOO_LARGE);
}

static void an_envelope_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const char envelope[] =
        "{\"tcbInfo\":{\"a\":\"\\\"}\",\"b\":[{}]},\"signature\":\"" SIGNATURE_HEX "\"}";
    for (size_t len = 0; len < sizeof(envelope) - 1; len++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
        CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(64);
        assert_fails(
            capsa_collateral_signed("tcbInfo", capsa_bytes_of(envelope, len), &text, &signature),
            MALFORMED);
    }
}

/* A text that closes the object early would have the envelope say more than was signed. */
static void an_envelope_holds_what_it_was_given_or_is_not_written(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "{", "{}x", "{},\"signature\":\"" SIGNATURE_HEX "\"", "{},\"x\":{}", "[]"};
    static const uint8_t signature[64] = {7};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO(capsa_buf) envelope = capsa_buf_of(KIB(4));
        assert_true(capsa_failed(capsa_collateral_envelope(
            "tcbInfo", capsa_bytes_str(bad[i]), capsa_bytes_of(signature, 64), &envelope)));
        assert_int_equal(envelope.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_collateral_goes_from_v3_to_qvl_and_back_unchanged),
        cmocka_unit_test(recorded_reports_go_from_qvl_to_v3_and_back_byte_by_byte),
        cmocka_unit_test(what_is_wrong_with_an_object_is_said),
        cmocka_unit_test(numbers_of_qvl_are_numbers_or_their_digits),
        cmocka_unit_test(what_is_incomplete_is_not_written),
        cmocka_unit_test(every_encoding_of_a_list_is_the_same_der),
        cmocka_unit_test(a_list_of_characters_in_json_is_its_bytes),
        cmocka_unit_test(what_is_no_list_is_refused_and_nothing_is_added),
        cmocka_unit_test(A2_junk_behind_a_list_is_left_for_the_verifier),
        cmocka_unit_test(the_signed_text_is_what_stands_between_its_braces),
        cmocka_unit_test(envelopes_with_anything_else_are_refused),
        cmocka_unit_test(A5_text_behind_an_envelope_is_refused),
        cmocka_unit_test(a_bomb_of_braces_is_refused),
        cmocka_unit_test(an_envelope_cut_anywhere_is_refused),
        cmocka_unit_test(an_envelope_holds_what_it_was_given_or_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
