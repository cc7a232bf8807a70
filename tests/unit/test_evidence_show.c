/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: what `capsa evidence show` prints of it.
 */
#include "evidence/evidence_csv.h"
#include "evidence/evidence_quote.h"
#include "evidence/evidence_show.h"
#include "evidence/evidence_snp.h"
#include "evidence_bytes.h"

/* The value at "a.b.c" below. */
static const struct capsa_json *at(const struct capsa_json *value, const char *path)
{
    char name[64];
    while (*path != 0) {
        const size_t len = strcspn(path, ".");
        assert_true(len < sizeof(name));
        memcpy(name, path, len);
        name[len] = 0;
        value = capsa_json_get(value, name);
        path += path[len] == '.' ? len + 1 : len;
    }
    return value;
}

static const char *text_at(const struct capsa_json *value, const char *path)
{
    const char *text = capsa_json_string(at(value, path));
    if (text == NULL) {
        fail_msg("nothing at %s", path);
    }
    return text;
}

static void assert_flags(const struct capsa_json *value, const char *path, const char *wanted)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
    assert_non_null(at(value, path));
    assert_ok(capsa_json_write(at(value, path), CAPSA_JSON_COMPACT, &text));
    if (!capsa_bytes_is(capsa_buf_bytes(&text), wanted)) {
        fail_msg("%s: wanted %s, got %.*s", path, wanted, (int)text.len, (const char *)text.data);
    }
}

static enum capsa_platform platform_of(const struct quote_plan *plan)
{
    return plan->tee == 0 ? CAPSA_PLATFORM_SGX : CAPSA_PLATFORM_TDX;
}

static void quotes_are_shown_from_header_to_trailing_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_PLANS; i++) {
        struct quote_plan plan = quote_plans[i];
        struct capsa_json *json = NULL;
        struct capsa_quote quote;
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
        plan.trailing = 5;
        const struct quote_places places = make_quote(&plan, &bytes);
        const bool sgx = plan.body_type == 1;
        memset(bytes.data + places.body + (sgx ? 48 : 120), 0, 8);
        bytes.data[places.body + (sgx ? 48 : 120)] = sgx ? 0x05 : 0x01;
        bytes.data[places.body + (sgx ? 51 : 123)] = 0x30;
        assert_ok(capsa_evidence_show(platform_of(&plan), capsa_buf_bytes(&bytes), &json));
        assert_ok(capsa_quote_parse(capsa_buf_bytes(&bytes), &quote));
        assert_int_equal(capsa_json_int(at(json, "header.version")), plan.version);
        assert_int_equal(capsa_json_int(at(json, "header.pce_svn")), 0x0e0d);
        assert_string_equal(text_at(json, "header.qe_vendor_id"),
                            "939a7233f79c4ca9940a0db3957f0607");
        assert_int_equal(at(json, "body_type") != NULL, plan.version == 5);
        if (sgx) {
            assert_flags(json, "body.attributes_flags",
                         "[\"init\",\"mode64bit\",\"bit 28\",\"bit 29\"]");
            assert_hex_equal(capsa_bytes_of(quote.body.data + 64, 32),
                             text_at(json, "body.mr_enclave"), "mr_enclave");
            assert_non_null(at(json, "body.reserved1"));
        } else {
            assert_flags(json, "body.td_attributes_flags",
                         "[\"debug\",\"sept_ve_disable\",\"bit 29\"]");
            assert_hex_equal(capsa_bytes_of(quote.body.data + 472, 48), text_at(json, "body.rtmr3"),
                             "rtmr3");
        }
        assert_int_equal(at(json, "body.mr_service_td") != NULL, plan.body_type == 3);
        assert_int_equal(capsa_json_int(at(json, "authentication.size")),
                         bytes.len - 5 - places.auth_size - 4);
        assert_int_equal(at(json, "authentication.outer_certification_size") != NULL,
                         plan.version > 3);
        assert_int_equal(capsa_json_int(at(json, "authentication.qe_authentication_data_size")),
                         32);
        assert_non_null(at(json, "authentication.qe_report.isv_svn"));
        assert_int_equal(capsa_json_int(at(json, "authentication.certification.type")), 5);
        assert_string_equal(text_at(json, "authentication.certification.data"), plan.cert);
        assert_int_equal(capsa_json_int(at(json, "trailing_bytes")), 5);
        capsa_json_free(json);
    }
}

static void a_ppid_is_taken_apart(void **state)
{
    (void)state;
    struct quote_plan plan = quote_plans[0];
    char cert[256 + 20 + 1];
    memset(cert, 'p', sizeof(cert) - 1);
    memcpy(cert + 256, "cccccccccccccccc\x0d\x01\x02\x03", 21);
    plan.cert_type = 2;
    plan.cert = cert;
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_json *json = NULL;
    make_quote(&plan, &bytes);
    assert_ok(capsa_evidence_show(CAPSA_PLATFORM_SGX, capsa_buf_bytes(&bytes), &json));
    assert_int_equal(strlen(text_at(json, "authentication.certification.encrypted_ppid")), 512);
    assert_string_equal(text_at(json, "authentication.certification.cpu_svn"),
                        "63636363636363636363636363636363");
    assert_int_equal(capsa_json_int(at(json, "authentication.certification.pce_svn")), 0x010d);
    capsa_json_free(json);
    plan.cert = "\xff\x01"; /* too short to be one, and no text */
    capsa_buf_clear(&bytes);
    make_quote(&plan, &bytes);
    assert_ok(capsa_evidence_show(CAPSA_PLATFORM_SGX, capsa_buf_bytes(&bytes), &json));
    assert_string_equal(text_at(json, "authentication.certification.data"), "ff01");
    capsa_json_free(json);
}

static void snp_words_are_taken_apart_by_product(void **state)
{
    (void)state;
    uint8_t report[CAPSA_SNP_REPORT_BYTES];
    struct capsa_json *json = NULL;
    make_snp(5, report);
    put_le(report + 8, 0x80b0037, 8);
    report[0x48] = 0x06;
    report[0x188] = 0x1a;
    report[0x189] = 0x02;
    assert_ok(
        capsa_evidence_show(CAPSA_PLATFORM_SNP, capsa_bytes_of(report, sizeof(report)), &json));
    assert_string_equal(text_at(json, "report.policy"), "0x00000000080b0037");
    assert_flags(json, "report.policy_flags", "[\"smt\",\"reserved_one\",\"debug\",\"bit 27\"]");
    assert_flags(json, "report.flags_flags", "[\"mask_chip_key\"]");
    assert_string_equal(text_at(json, "meaning.signing_key"), "VLEK");
    assert_string_equal(text_at(json, "meaning.product"), "Turin");
    assert_string_equal(text_at(json, "meaning.policy_abi"), "0.55");
    assert_int_equal(capsa_json_int(at(json, "meaning.reported_tcb.fmc")), report[0x180]);
    assert_int_equal(capsa_json_int(at(json, "meaning.launch_tcb.snp")), report[0x1f3]);
    assert_int_equal(strlen(text_at(json, "signature.r")), 96);
    capsa_json_free(json);
}

static void secret_bytes_of_a_csv_report_are_not_shown(void **state)
{
    (void)state;
    static const uint32_t anonces[] = {0, 0x70d178ab};
    for (size_t i = 0; i < 2; i++) {
        uint8_t report[CAPSA_CSV_REPORT_BYTES];
        struct capsa_json *json = NULL;
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(EVIDENCE_MAX);
        const char *all = NULL;
        make_csv(anonces[i], report);
        assert_ok(
            capsa_evidence_show(CAPSA_PLATFORM_CSV, capsa_bytes_of(report, sizeof(report)), &json));
        assert_string_equal(text_at(json, "report.reserved"), "(secret)");
        assert_ok(capsa_json_write(json, CAPSA_JSON_PRETTY, &text));
        assert_ok(capsa_buf_cstr(&text, &all));
        assert_null(strstr(all, "a5a5a5a5"));
        assert_null(strstr(all, "0edd740e")); /* the secret under the mask */
        assert_string_equal(text_at(json, "report.chip_id"), "CHIP0000000001");
        assert_flags(json, "report.policy_flags", "[\"nodbg\",\"es\",\"csv3\"]");
        assert_string_equal(text_at(json, "report.pek.user_id"), "HYGON-SSD-PEK");
        assert_int_equal(capsa_json_int(at(json, "report.pek.sig1_usage")), 0x1004);
        capsa_json_free(json);
    }
}

static void what_is_no_evidence_of_the_platform_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_json *json = NULL;
    make_quote(&quote_plans[2], &quote);
    const capsa_bytes bytes = capsa_buf_bytes(&quote);
    assert_fails(capsa_evidence_show(CAPSA_PLATFORM_NONE, bytes, &json), UNSUPPORTED);
    assert_fails(capsa_evidence_show((enum capsa_platform)99, bytes, &json), UNSUPPORTED);
    assert_fails(capsa_evidence_show(CAPSA_PLATFORM_SGX, bytes, &json), MALFORMED);
    assert_true(capsa_failed(capsa_evidence_show(CAPSA_PLATFORM_SNP, bytes, &json)));
    assert_true(capsa_failed(capsa_evidence_show(CAPSA_PLATFORM_CSV, bytes, &json)));
    assert_true(
        capsa_failed(capsa_evidence_show(CAPSA_PLATFORM_TDX, capsa_bytes_of(NULL, 0), &json)));
    assert_null(json);
}

/* Everything that was recorded, real, synthetic or changed, if it parses at all. */
static void try_show(const char *name, const struct capsa_json *expected, void *context)
{
    const char *platform_name = capsa_json_string(capsa_json_get(expected, "platform"));
    const enum capsa_platform platform = capsa_platform_by_name(platform_name);
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_json *json = NULL;
    if (!vector_file(name, "quote.bin", &bytes) && !vector_file(name, "report.bin", &bytes)) {
        return;
    }
    if (!capsa_failed(capsa_evidence_show(platform, capsa_buf_bytes(&bytes), &json))) {
        assert_ok(capsa_json_write(json, CAPSA_JSON_PRETTY, &text));
        assert_string_equal(text_at(json, "platform"), platform_name);
        *(size_t *)context += 1;
    }
    capsa_json_free(json);
}

static void recorded_evidence_is_shown(void **state)
{
    (void)state;
    static const struct {
        const char *under;
        size_t at_least;
    } folders[] = {{"", 44}, {"synthetic", 120}, {"mutations_snp", 40}, {"mutations_csv", 30}};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t shown = 0;
        (void)each_vector(folders[i].under, try_show, &shown);
        if (shown < folders[i].at_least) {
            fail_msg("attestation/%s: only %zu were shown", folders[i].under, shown);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_are_shown_from_header_to_trailing_bytes),
        cmocka_unit_test(a_ppid_is_taken_apart),
        cmocka_unit_test(snp_words_are_taken_apart_by_product),
        cmocka_unit_test(secret_bytes_of_a_csv_report_are_not_shown),
        cmocka_unit_test(what_is_no_evidence_of_the_platform_is_refused),
        cmocka_unit_test(recorded_evidence_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
