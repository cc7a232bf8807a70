/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: told apart, taken out of unified reports, put into them; what report data binds.
 */
#include "attestation.h"

#include "evidence/evidence_csv.h"

#define QUOTE  "attestation/sgx_v3_swh_2025"
#define REPORT "attestation/csv_v1_synthetic_ok"

static void assert_is(const capsa_buf *buf, const uint8_t *bytes, size_t len)
{
    assert_true(capsa_bytes_equal(capsa_buf_bytes(buf), capsa_bytes_of(bytes, len)));
}

/* ---- Telling apart --------------------------------------------------------------------------- */

static void recorded_evidence_is_told_apart_by_its_bytes(void **state)
{
    (void)state;
    static struct attestation_case cases[ATTESTATION_FOLDERS];
    static const char *const files[] = {"quote.bin", "report.bin"};
    size_t all = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t count = attestation_folders("attestation", files[i], cases);
        for (size_t k = 0; k < count; k++) {
            CAPSA_AUTO(capsa_buf) file = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
            enum capsa_platform platform;
            attestation_read(cases[k].name, files[i], &file);
            assert_ok(capsa_evidence_recognise(capsa_buf_bytes(&file), &platform));
            const char *name = cases[k].name + strlen("attestation/");
            assert_memory_equal(name, capsa_platform_name(platform), 3);
        }
        all += count;
    }
    assert_true(all >= 40);
}

static void what_is_no_evidence_says_what_was_looked_for(void **state)
{
    (void)state;
    static const uint8_t zeros[CAPSA_CSV_REPORT_BYTES + 1];
    static const size_t lengths[] = {0, 1, 7, 48, 1183, 1185, 1217, 2547, 2549};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        enum capsa_platform platform = CAPSA_PLATFORM_COUNT;
        capsa_result result =
            capsa_evidence_recognise(capsa_bytes_of(zeros, lengths[i]), &platform);
        assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
        assert_non_null(strstr(capsa_text_of(result), "SNP report (1184) or a CSV report (2548)"));
        assert_int_equal(platform, CAPSA_PLATFORM_COUNT);
    }
}

static void a_quote_as_long_as_a_report_is_a_quote(void **state)
{
    (void)state;
    static const size_t lengths[] = {1184, 1216, 2548, 4096};
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    attestation_read(QUOTE, "quote.bin", &quote);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        enum capsa_platform platform;
        assert_ok(capsa_evidence_recognise(capsa_bytes_of(quote.data, lengths[i]), &platform));
        assert_int_equal(platform, CAPSA_PLATFORM_SGX);
    }
}

static void a_quote_of_an_unknown_tee_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    attestation_read(QUOTE, "quote.bin", &quote);
    quote.data[4] = 0x80;
    enum capsa_platform platform;
    capsa_result result = capsa_evidence_recognise(capsa_buf_bytes(&quote), &platform);
    assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
    assert_non_null(strstr(capsa_text_of(result), "0x00000080"));
}

/* ---- Taking off ------------------------------------------------------------------------------ */

static void the_secret_bytes_of_a_csv_report_are_zeroed(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) page = capsa_buf_of(4096);
    attestation_read(REPORT, "report.bin", &page);
    memset(page.data + CAPSA_CSV_SECRET_OFFSET, 0xA5, CAPSA_CSV_SECRET_BYTES);
    uint8_t *padding;
    assert_ok(capsa_buf_extend(&page, 4096 - CAPSA_CSV_REPORT_BYTES, &padding));
    memset(padding, 0, 4096 - CAPSA_CSV_REPORT_BYTES);
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    assert_ok(capsa_evidence_of_bytes(capsa_buf_bytes(&page), &evidence));
    assert_int_equal(evidence.bytes.len, CAPSA_CSV_REPORT_BYTES);
    static const uint8_t zeros[CAPSA_CSV_SECRET_BYTES];
    assert_memory_equal(evidence.bytes.data + CAPSA_CSV_SECRET_OFFSET, zeros, sizeof(zeros));
    assert_memory_equal(evidence.bytes.data, page.data, CAPSA_CSV_SECRET_OFFSET);
    assert_memory_equal(evidence.bytes.data + CAPSA_CSV_SECRET_OFFSET + CAPSA_CSV_SECRET_BYTES,
                        page.data + CAPSA_CSV_SECRET_OFFSET + CAPSA_CSV_SECRET_BYTES, 32);
    assert_int_equal(page.data[CAPSA_CSV_SECRET_OFFSET], 0xA5); /* A22: the input stays */
    page.data[4095] = 1;
    assert_fails(capsa_evidence_of_bytes(capsa_buf_bytes(&page), &evidence), MALFORMED);
}

static void the_header_of_an_snp_ioctl_is_taken_off(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) report = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(4));
    static const uint8_t reserved[24];
    attestation_read("attestation/snp_v3_milan_vcek", "report.bin", &report);
    assert_ok(capsa_buf_le32(&answer, 0));
    assert_ok(capsa_buf_le32(&answer, 1184));
    assert_ok(capsa_buf_append(&answer, capsa_bytes_of(reserved, sizeof(reserved))));
    assert_ok(capsa_buf_append(&answer, capsa_buf_bytes(&report)));
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    assert_ok(capsa_evidence_of_bytes(capsa_buf_bytes(&answer), &evidence));
    assert_int_equal(evidence.platform, CAPSA_PLATFORM_SNP);
    assert_is(&evidence.bytes, report.data, report.len);
    answer.data[0] = 0x16; /* the firmware's error */
    assert_fails(capsa_evidence_of_bytes(capsa_buf_bytes(&answer), &evidence), MALFORMED);
}

static void A24_evidence_over_its_limit_is_not_copied(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) large = capsa_buf_of((size_t)CAPSA_LIMIT_evidence_bytes * 2);
    attestation_read(QUOTE, "quote.bin", &large);
    uint8_t *more;
    assert_ok(capsa_buf_extend(&large, CAPSA_LIMIT_evidence_bytes, &more));
    CAPSA_AUTO(capsa_evidence) evidence = {.platform = CAPSA_PLATFORM_NONE};
    assert_fails(capsa_evidence_of_bytes(capsa_buf_bytes(&large), &evidence), TOO_LARGE);
}

/* ---- Reports that were recorded -------------------------------------------------------------- */

struct opened {
    capsa_evidence evidence;
    capsa_collateral collateral;
    enum capsa_report_type type;
};
typedef struct opened opened;

static void opened_drop(opened *report)
{
    capsa_evidence_drop(&report->evidence);
    capsa_collateral_drop(&report->collateral);
}

static void check_recorded(const char *folder)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_AUTO(capsa_buf) raw = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_buf) written = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    char path[VECTOR_PATH];
    bool is_quote = attestation_has(folder, "quote.bin", path);
    attestation_read(folder, "ual_report.json", &text);
    attestation_read(folder, is_quote ? "quote.bin" : "report.bin", &raw);
    CAPSA_AUTO(opened) first = {.type = CAPSA_REPORT_BACKGROUND_CHECK};
    CAPSA_AUTO(opened) second = {.type = CAPSA_REPORT_BACKGROUND_CHECK};
    assert_ok(
        capsa_ual_parse(capsa_buf_bytes(&text), &first.evidence, &first.collateral, &first.type));
    assert_int_equal(first.type, CAPSA_REPORT_PASSPORT);
    if (!is_quote) {
        memset(raw.data + CAPSA_CSV_SECRET_OFFSET, 0, CAPSA_CSV_SECRET_BYTES);
    }
    assert_is(&first.evidence.bytes, raw.data, raw.len);
    assert_ok(capsa_ual_write(first.evidence.platform, capsa_buf_bytes(&raw), &first.collateral,
                              &written));
    assert_ok(capsa_ual_parse(capsa_buf_bytes(&written), &second.evidence, &second.collateral,
                              &second.type));
    assert_is(&second.evidence.bytes, raw.data, raw.len);
    assert_ok(capsa_collateral_take(&first.collateral, &second.collateral)); /* the same */
}

static void recorded_reports_are_read_and_written(void **state)
{
    (void)state;
    static struct attestation_case cases[ATTESTATION_FOLDERS];
    size_t count = attestation_folders("attestation", "ual_report.json", cases);
    for (size_t i = 0; i < count; i++) {
        check_recorded(cases[i].name);
    }
    assert_true(count >= 30);
}

/* What a reader of the originals sees: the same members, in the same order, with the same text. */
static void a_report_is_written_as_the_originals_write_it(void **state)
{
    (void)state;
    static const char *const folders[] = {QUOTE, "attestation/tdx_v5_uptodate", REPORT};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
        CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
        CAPSA_AUTO(capsa_buf) written = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
        CAPSA_AUTO(opened) report = {.type = CAPSA_REPORT_PASSPORT};
        CAPSA_AUTO_FREE(capsa_json) json = NULL;
        attestation_read(folders[i], "ual_report.json", &text);
        assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &json));
        assert_ok(capsa_json_write(json, CAPSA_JSON_COMPACT, &wanted));
        assert_ok(capsa_evidence_parse(capsa_buf_bytes(&text), &report.evidence, &report.collateral,
                                       NULL));
        assert_ok(capsa_ual_write(report.evidence.platform, capsa_buf_bytes(&report.evidence.bytes),
                                  &report.collateral, &written));
        assert_is(&written, wanted.data, wanted.len);
    }
}

static void a_background_check_has_no_collateral(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_AUTO(opened) report = {.type = CAPSA_REPORT_PASSPORT};
    attestation_read(QUOTE, "quote.bin", &quote);
    assert_ok(capsa_ual_write(CAPSA_PLATFORM_SGX, capsa_buf_bytes(&quote), NULL, &text));
    assert_ok(capsa_ual_parse(capsa_buf_bytes(&text), &report.evidence, &report.collateral,
                              &report.type));
    assert_int_equal(report.type, CAPSA_REPORT_BACKGROUND_CHECK);
    assert_true(capsa_collateral_is_empty(&report.collateral));
    capsa_buf_clear(&text);
    assert_fails(capsa_ual_write(CAPSA_PLATFORM_TDX, capsa_buf_bytes(&quote), NULL, &text),
                 MALFORMED);
    assert_int_equal(text.len, 0);
}

/* ---- Reports that are wrong ------------------------------------------------------------------ */

static void assert_fields_refused(const struct capsa_ual_fields *fields, enum capsa_code code,
                                  const char *says)
{
    opened untouched;
    memset(&untouched, 0x5A, sizeof(untouched));
    opened report = untouched;
    capsa_result result =
        capsa_ual_parse_fields(fields, &report.evidence, &report.collateral, &report.type);
    if (capsa_code_of(result) != code || strstr(capsa_text_of(result), says) == NULL) {
        fail_msg("wanted %s: \"%s\", got %s: %s", capsa_code_name(code), says,
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
    assert_memory_equal(&report, &untouched, sizeof(untouched));
}

static void what_is_wrong_with_a_report_is_said(void **state)
{
    (void)state;
    static const struct {
        struct capsa_ual_fields fields;
        enum capsa_code code;
        const char *says;
    } bad[] = {
        {{"", "Passport", "SGX_DCAP", "{}"}, CAPSA_E_MALFORMED, "str_report_version: \"1.0\""},
        {{"1.1", "Passport", "SGX_DCAP", "{}"}, CAPSA_E_MALFORMED, "got \"1.1\""},
        {{"1.0", "passport", "SGX_DCAP", "{}"}, CAPSA_E_MALFORMED, "got \"passport\""},
        {{"1.0", "", "SGX_DCAP", "{}"}, CAPSA_E_MALFORMED, "str_report_type"},
        {{"1.0", "Passport", "SGX", "{}"}, CAPSA_E_UNSUPPORTED, "\"SGX\""},
        {{"1.0", "Passport", "", "{}"}, CAPSA_E_UNSUPPORTED, "str_tee_platform"},
        {{"1.0", "Passport", "SGX_DCAP", ""}, CAPSA_E_MALFORMED, "json_report: JSON wanted"},
        {{"1.0", "Passport", "SGX_DCAP", "[]"}, CAPSA_E_MALFORMED, "an object wanted"},
        {{"1.0", "Passport", "SGX_DCAP", "{}"}, CAPSA_E_MALFORMED, "b64_quote"},
        {{"1.0", "Passport", "SGX_DCAP", "{\"b64_quot\":\"\"}"},
         CAPSA_E_UNKNOWN_FIELD,
         "\"b64_quote\" is the nearest known"},
        {{"1.0", "Passport", "SGX_DCAP", "{\"str_chip_id\":\"\"}"},
         CAPSA_E_UNKNOWN_FIELD,
         "str_chip_id"},
        {{"1.0", "Passport", "SGX_DCAP", "{\"b64_quote\":1}"},
         CAPSA_E_MALFORMED,
         "b64_quote: a string wanted, got an integer"},
        {{"1.0", "Passport", "SGX_DCAP", "{\"b64_quote\":\"AAAA\"}"},
         CAPSA_E_MALFORMED,
         "not evidence"},
        {{"1.0", "Passport", "SGX_DCAP", "{\"b64_quote\":\"AAA\"}"},
         CAPSA_E_MALFORMED,
         "b64_quote"},
        {{"1.0", "Passport", "SGX_DCAP", "{\"b64_quote\":\"AA\\u0000AA\"}"},
         CAPSA_E_MALFORMED,
         "a NUL"},
        {{"1.0", "Passport", "CSV", "{\"b64_quote\":\"AA\\u0000AA\"}"}, CAPSA_E_MALFORMED, "a NUL"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_fields_refused(&bad[i].fields, bad[i].code, bad[i].says);
    }
}

static void A15_a_report_does_not_say_which_platform_its_evidence_is_of(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_AUTO(capsa_buf) inner = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    const char *text;
    attestation_read(QUOTE, "quote.bin", &quote);
    assert_ok(
        capsa_ual_write_json_report(CAPSA_PLATFORM_SGX, capsa_buf_bytes(&quote), NULL, &inner));
    assert_ok(capsa_buf_cstr(&inner, &text));
    const struct capsa_ual_fields fields = {"1.0", "BackgroundCheck", "TDX", text};
    assert_fields_refused(&fields, CAPSA_E_MALFORMED,
                          "evidence of Intel SGX, where str_tee_platform says Intel TDX");
    const struct capsa_ual_fields passport = {"1.0", "Passport", "SGX_DCAP", text};
    assert_fields_refused(&passport, CAPSA_E_MALFORMED, "json_collateral: a Passport has to have");
}

static void a_background_check_that_ships_collateral_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    attestation_read(REPORT, "ual_report.json", &text);
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &json));
    const struct capsa_ual_fields fields = {"1.0", "BackgroundCheck", "CSV",
                                            capsa_json_string(capsa_json_get(json, "json_report"))};
    assert_fields_refused(&fields, CAPSA_E_MALFORMED, "json_cert_chain: a BackgroundCheck");
}

/* The generator of the originals writes all 64 characters of the chip's id. */
static void a_chip_id_may_end_in_nuls_and_is_written_without(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) raw = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) inner = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_AUTO(capsa_buf) padded = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    CAPSA_AUTO(opened) report = {.type = CAPSA_REPORT_PASSPORT};
    attestation_read(REPORT, "report.bin", &raw);
    assert_ok(capsa_ual_write_json_report(CAPSA_PLATFORM_CSV, capsa_buf_bytes(&raw), NULL, &inner));
    const char *text;
    assert_ok(capsa_buf_cstr(&inner, &text));
    const char *end = strstr(text, "\"str_chip_id\":\"SYNTH0000000001\"}");
    assert_non_null(end);
    assert_ok(capsa_buf_append(&padded, capsa_bytes_of(text, (size_t)(end - text))));
    assert_ok(capsa_buf_str(&padded, "\"str_chip_id\":\"SYNTH0000000001\\u0000\\u0000\"}"));
    assert_ok(capsa_buf_cstr(&padded, &text));
    const struct capsa_ual_fields fields = {"1.0", "BackgroundCheck", "CSV", text};
    assert_ok(capsa_ual_parse_fields(&fields, &report.evidence, &report.collateral, &report.type));
    assert_int_equal(report.evidence.bytes.len, CAPSA_CSV_REPORT_BYTES);
}

static void A28_a_report_cut_anywhere_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_ual_bytes);
    attestation_read(REPORT, "ual_report.json", &text);
    while (text.len > 0 && text.data[text.len - 1] != '}') {
        capsa_buf_cut(&text, text.len - 1);
    }
    for (size_t len = 0; len < text.len; len++) {
        CAPSA_AUTO(opened) report = {.type = CAPSA_REPORT_PASSPORT};
        assert_true(capsa_failed(capsa_ual_parse(capsa_bytes_of(text.data, len), &report.evidence,
                                                 &report.collateral, &report.type)));
        assert_int_equal(report.evidence.bytes.len, 0);
    }
}

static void the_whole_is_read_strictly_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum capsa_code code;
    } bad[] = {
        {"", CAPSA_E_MALFORMED},
        {"[]", CAPSA_E_MALFORMED},
        {"{}", CAPSA_E_MALFORMED},
        {"{\"str_report_version\":1}", CAPSA_E_MALFORMED},
        {"{\"str_report_versoin\":\"1.0\"}", CAPSA_E_UNKNOWN_FIELD},
        {"{\"json_nested_reports\":\"[]\"}", CAPSA_E_UNSUPPORTED},
        {"{\"json_report\":\"{}\",\"json_report\":\"{}\"}", CAPSA_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO(opened) report = {.type = CAPSA_REPORT_PASSPORT};
        capsa_result result = capsa_ual_parse(capsa_bytes_str(bad[i].text), &report.evidence,
                                              &report.collateral, &report.type);
        assert_int_equal(capsa_code_of(result), bad[i].code);
    }
    CAPSA_AUTO(capsa_buf) large = capsa_buf_of((size_t)CAPSA_LIMIT_ual_bytes * 2);
    uint8_t *blanks;
    assert_ok(capsa_buf_extend(&large, (size_t)CAPSA_LIMIT_ual_bytes + 1, &blanks));
    memset(blanks, ' ', large.len);
    CAPSA_AUTO(opened) report = {.type = CAPSA_REPORT_PASSPORT};
    assert_fails(capsa_ual_parse(capsa_buf_bytes(&large), &report.evidence, &report.collateral,
                                 &report.type),
                 TOO_LARGE);
}

/* ---- What is bound --------------------------------------------------------------------------- */

static void assert_hex(const uint8_t *bytes, size_t len, const char *wanted)
{
    char text[2 * CAPSA_REPORT_DATA + 1];
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(snprintf(text + 2 * i, 3, "%02x", bytes[i]), 2);
    }
    assert_string_equal(text, wanted);
}

static void native_report_data_is_a_hash_of_purpose_and_fields(void **state)
{
    (void)state;
    const capsa_bytes fields[] = {CAPSA_BYTES_LITERAL("ab"), CAPSA_BYTES_LITERAL("c")};
    const capsa_bytes moved[] = {CAPSA_BYTES_LITERAL("a"), CAPSA_BYTES_LITERAL("bc")};
    uint8_t data[CAPSA_REPORT_DATA];
    uint8_t other[CAPSA_REPORT_DATA];
    assert_ok(capsa_report_data_native("ra-cert", fields, 2, data));
    assert_hex(data, 64,
               "6bbe0f245f12ba9739c020d676cc46051ea6d4bfe2365ff0b6275fa5707e10c1"
               "acc6802785327cdfd20787ce4f632ff36ae364583abf9350b4a53338491abf05");
    assert_ok(capsa_report_data_native("ra-cert", moved, 2, other));
    assert_memory_not_equal(data, other, sizeof(data));
    assert_ok(capsa_report_data_native("ra-data", fields, 2, other));
    assert_memory_not_equal(data, other, sizeof(data));
    assert_fails(capsa_report_data_native("", fields, 2, other), INTERNAL);
    assert_fails(capsa_report_data_native("x", fields, 17, other), TOO_LARGE);
}

static void the_originals_report_data_has_a_zero_half(void **state)
{
    (void)state;
    const capsa_bytes parts[] = {CAPSA_BYTES_LITERAL("cert"), CAPSA_BYTES_LITERAL("nonce")};
    uint8_t data[CAPSA_REPORT_DATA];
    memset(data, 0xFF, sizeof(data));
    assert_ok(capsa_report_data_original(parts, 2, data));
    assert_hex(data, 64,
               "4543a3b5f28a6573c86597af47e3f6f345b9183176308eb9933e838e8c3a4ce0"
               "0000000000000000000000000000000000000000000000000000000000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_evidence_is_told_apart_by_its_bytes),
        cmocka_unit_test(what_is_no_evidence_says_what_was_looked_for),
        cmocka_unit_test(a_quote_as_long_as_a_report_is_a_quote),
        cmocka_unit_test(a_quote_of_an_unknown_tee_is_refused),
        cmocka_unit_test(the_secret_bytes_of_a_csv_report_are_zeroed),
        cmocka_unit_test(the_header_of_an_snp_ioctl_is_taken_off),
        cmocka_unit_test(A24_evidence_over_its_limit_is_not_copied),
        cmocka_unit_test(recorded_reports_are_read_and_written),
        cmocka_unit_test(a_report_is_written_as_the_originals_write_it),
        cmocka_unit_test(a_background_check_has_no_collateral),
        cmocka_unit_test(what_is_wrong_with_a_report_is_said),
        cmocka_unit_test(A15_a_report_does_not_say_which_platform_its_evidence_is_of),
        cmocka_unit_test(a_background_check_that_ships_collateral_is_refused),
        cmocka_unit_test(a_chip_id_may_end_in_nuls_and_is_written_without),
        cmocka_unit_test(A28_a_report_cut_anywhere_is_refused),
        cmocka_unit_test(the_whole_is_read_strictly_and_bounded),
        cmocka_unit_test(native_report_data_is_a_hash_of_purpose_and_fields),
        cmocka_unit_test(the_originals_report_data_has_a_zero_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
