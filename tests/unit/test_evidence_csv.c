/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: Hygon CSV reports and certificates.
 */
#include "crypto/crypto_evidence.h"
#include "evidence/evidence_csv.h"
#include "evidence_bytes.h"

#define REPORT CAPSA_CSV_REPORT_BYTES
#define ANONCE 0x70d178abu

static capsa_result parse(const uint8_t *report, struct capsa_csv_report *ret_report)
{
    return capsa_csv_report_parse(capsa_bytes_of(report, REPORT), ret_report);
}

static void assert_pattern(const uint8_t *field, size_t at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(field[i], pattern_byte(at + i));
    }
}

static void every_field_is_given_in_clear(void **state)
{
    (void)state;
    static const uint32_t anonces[] = {0, ANONCE, 0xffffffff, 0x01000000};
    for (size_t i = 0; i < sizeof(anonces) / sizeof(anonces[0]); i++) {
        uint8_t report[REPORT], pek[CAPSA_CSV_CERT_BYTES];
        struct capsa_csv_report csv;
        make_csv(anonces[i], report);
        make_csv_cert(pek);
        assert_ok(parse(report, &csv));
        assert_int_equal(csv.anonce, anonces[i]);
        assert_pattern(csv.user_pubkey_digest, 0, 32);
        assert_pattern(csv.vm_id, 32, 16);
        assert_pattern(csv.vm_version, 48, 16);
        assert_pattern(csv.user_data, 64, 64);
        assert_pattern(csv.mnonce, 128, 16);
        assert_pattern(csv.measure, 144, 32);
        assert_int_equal(csv.policy, 0x45);
        assert_int_equal(csv.sig_usage, 0x1002);
        assert_int_equal(csv.sig_algo, 4);
        for (size_t j = 0; j < 32; j++) {
            assert_int_equal(csv.signature[j], pattern_byte(192 + 31 - j));
            assert_int_equal(csv.signature[32 + j], pattern_byte(264 + 31 - j));
        }
        assert_memory_equal(csv.pek, pek, sizeof(pek));
        assert_string_equal(csv.chip_id, "CHIP0000000001");
        assert_ptr_equal(csv.signed_region.data, report); /* as it was delivered */
        assert_int_equal(csv.signed_region.len, 180);
    }
}

static void A22_parsing_twice_gives_the_same_and_changes_nothing(void **state)
{
    (void)state;
    uint8_t report[REPORT], before[REPORT];
    struct capsa_csv_report first, second;
    struct capsa_claims claims, again;
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    make_csv(ANONCE, report);
    memcpy(before, report, sizeof(before));
    assert_ok(parse(report, &first));
    assert_ok(capsa_csv_claims(&first, &claims));
    assert_memory_equal(report, before, sizeof(before));
    assert_ok(parse(report, &second));
    assert_ok(capsa_csv_claims(&second, &again));
    assert_memory_equal(report, before, sizeof(before));
    assert_memory_equal(first.pek, second.pek, sizeof(first.pek));
    assert_memory_equal(first.user_data, second.user_data, sizeof(first.user_data));
    for (size_t i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        assert_true(capsa_bytes_equal(capsa_claim_bytes(&claims, (enum capsa_claim)i),
                                      capsa_claim_bytes(&again, (enum capsa_claim)i)));
    }
}

static bool holds_secret(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i + 4 <= len; i++) {
        if (bytes[i] == CSV_SECRET && bytes[i + 1] == CSV_SECRET && bytes[i + 2] == CSV_SECRET &&
            bytes[i + 3] == CSV_SECRET) {
            return true;
        }
    }
    return false;
}

static void secret_bytes_are_never_handed_out(void **state)
{
    (void)state;
    uint8_t report[REPORT], plain[REPORT];
    struct capsa_csv_report csv;
    struct capsa_claims claims;
    make_csv(0, report); /* without a mask, the secret would be plain to see */
    assert_true(holds_secret(report, sizeof(report)));
    memset(&csv, 0, sizeof(csv));
    assert_ok(parse(report, &csv));
    assert_ok(capsa_csv_claims(&csv, &claims));
    assert_ok(capsa_csv_report_unmask(capsa_bytes_of(report, sizeof(report)), plain));
    assert_false(holds_secret(&csv, sizeof(csv)));
    assert_false(holds_secret(&claims, sizeof(claims)));
    assert_false(holds_secret(plain, sizeof(plain)));
    assert_memory_equal(plain + 2516, report + 2516, 32);
}

static void A28_only_2548_bytes_or_a_padded_page_are_a_report(void **state)
{
    (void)state;
    uint8_t page[5000] = {0};
    make_csv(ANONCE, page);
    for (size_t len = 0; len < sizeof(page); len++) {
        uint8_t *copy = exact_copy(page, len);
        struct capsa_csv_report csv = {.policy = 77};
        capsa_result parsed = capsa_csv_report_parse(capsa_bytes_of(copy, len), &csv);
        assert_int_equal(capsa_code_of(parsed), len < REPORT                   ? CAPSA_E_TRUNCATED
                                                : len == REPORT || len == 4096 ? CAPSA_E_OK
                                                : len == 3380                  ? CAPSA_E_UNSUPPORTED
                                                                               : CAPSA_E_MALFORMED);
        assert_int_equal(csv.policy == 77, len != REPORT && len != 4096);
        free(copy);
    }
    struct capsa_csv_report csv;
    page[4095] = 1;
    assert_fails(capsa_csv_report_parse(capsa_bytes_of(page, 4096), &csv), MALFORMED);
}

static void reports_of_version_2_are_recognised_and_refused(void **state)
{
    (void)state;
    uint8_t wrapper[16 + 4 + 4096] = "ATTESTATION_EXT";
    uint8_t *page = wrapper + 20;
    struct capsa_csv_report csv;
    put_le(wrapper + 16, 1, 4);
    for (size_t i = 0; i < 3380; i++) {
        page[i] = pattern_byte(i);
    }
    const capsa_bytes forms[] = {{wrapper, sizeof(wrapper)}, {page, 4096}, {page, 3380}};
    for (size_t i = 0; i < 3; i++) {
        capsa_result parsed = capsa_csv_report_parse(forms[i], &csv);
        assert_int_equal(capsa_code_of(parsed), CAPSA_E_UNSUPPORTED);
        assert_non_null(strstr(capsa_text_of(parsed), "version 2"));
    }
}

static void numbers_over_32_bytes_are_refused(void **state)
{
    (void)state;
    uint8_t report[REPORT];
    struct capsa_csv_report csv;
    make_csv(ANONCE, report);
    for (size_t i = 192; i < 336; i++) {
        const bool upper = (i - 192) % 72 >= 32;
        report[i] ^= 0x80;
        assert_int_equal(capsa_failed(parse(report, &csv)), upper);
        report[i] ^= 0x80;
    }
}

static void a_chip_id_is_text_to_its_first_nul(void **state)
{
    (void)state;
    uint8_t report[REPORT];
    struct capsa_csv_report csv;
    make_csv(0, report);
    report[2420 + 15] = 'x'; /* behind the NUL */
    assert_ok(parse(report, &csv));
    assert_string_equal(csv.chip_id, "CHIP0000000001");
    assert_int_equal(csv.chip_id[15], 0);
    memset(report + 2420, 'A', 64);
    assert_ok(parse(report, &csv));
    assert_int_equal(strlen(csv.chip_id), 64);
    static const uint8_t wrong[] = {0x01, 0x1f, 0x7f, 0x80, 0xff, '\n'};
    for (size_t i = 0; i < sizeof(wrong); i++) {
        report[2420 + 63] = wrong[i];
        assert_fails(parse(report, &csv), MALFORMED);
    }
}

/* Then anonce is authenticated by nothing. */
static void a_pek_stored_in_clear_is_no_pek(void **state)
{
    (void)state;
    uint8_t report[REPORT];
    struct capsa_csv_report csv;
    make_csv(ANONCE, report);
    make_csv_cert(report + 336);
    assert_ok(parse(report, &csv)); /* the chip id is masked still */
    struct capsa_csv_cert pek;
    assert_true(capsa_failed(capsa_csv_cert_parse(capsa_bytes_of(csv.pek, sizeof(csv.pek)), &pek)));
    memset(report + 2420, 0, 64);
    memcpy(report + 2420, "CHIP0000000001", 14);
    assert_fails(parse(report, &csv), MALFORMED);
}

static void A23_debug_is_that_nodbg_is_not_set(void **state)
{
    (void)state;
    uint8_t report[REPORT];
    struct capsa_csv_report csv;
    struct capsa_claims claims;
    make_csv(ANONCE, report);
    assert_ok(parse(report, &csv));
    assert_ok(capsa_csv_claims(&csv, &claims));
    assert_false(claims.debug);
    assert_hex_equal(capsa_claim_bytes(&claims, CAPSA_CLAIM_CSV_POLICY), "45000000", "policy");
    report[176] ^= 1;
    assert_ok(parse(report, &csv));
    assert_ok(capsa_csv_claims(&csv, &claims));
    assert_true(claims.debug);
}

static void the_mac_is_checked_over_what_was_delivered(void **state)
{
    (void)state;
    uint8_t report[REPORT], mnonce[16];
    const capsa_bytes bytes = capsa_bytes_of(report, sizeof(report));
    make_csv(ANONCE, report);
    for (size_t i = 0; i < 16; i++) {
        mnonce[i] = pattern_byte(128 + i);
    }
    assert_fails(capsa_csv_report_check_mac(bytes, mnonce), UNAUTHENTIC);
    assert_ok(capsa_hmac_sm3((capsa_secret_bytes){mnonce, 16}, capsa_bytes_of(report + 336, 2180),
                             report + 2516));
    assert_ok(capsa_csv_report_check_mac(bytes, mnonce));
    static const size_t covered[] = {336, 2419, 2484, 2515, 2516, 2547};
    for (size_t i = 0; i < sizeof(covered) / sizeof(covered[0]); i++) {
        report[covered[i]] ^= 1;
        assert_fails(capsa_csv_report_check_mac(bytes, mnonce), UNAUTHENTIC);
        report[covered[i]] ^= 1;
    }
    mnonce[15] ^= 1; /* an answer to another question, its MAC as it should be */
    assert_ok(capsa_hmac_sm3((capsa_secret_bytes){mnonce, 16}, capsa_bytes_of(report + 336, 2180),
                             report + 2516));
    assert_fails(capsa_csv_report_check_mac(bytes, mnonce), UNAUTHENTIC);
}

/* ---- Certificates ---------------------------------------------------------------------------- */

static void make_root(uint8_t cert[832])
{
    memset(cert, 0, 832);
    put_le(cert, 1, 4);
    for (size_t i = 4; i < 36; i++) {
        cert[i] = pattern_byte(i);
    }
    put_le(cert + 36, 0x13, 4);
    put_le(cert + 64, 3, 4);
    static const size_t scalars[] = {68, 140, 576, 648};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 32; j++) {
            cert[scalars[i] + j] = pattern_byte(scalars[i] + j);
        }
    }
    put_le(cert + 212, 13, 2);
    memcpy(cert + 214, "HYGON-SSD-HSK", 13);
}

static void assert_big_endian(const uint8_t number[32], size_t at)
{
    for (size_t i = 0; i < 32; i++) {
        assert_int_equal(number[i], pattern_byte(at + 31 - i));
    }
}

static void root_certificates_are_read_field_by_field(void **state)
{
    (void)state;
    uint8_t bytes[832];
    struct capsa_csv_root_cert cert;
    make_root(bytes);
    assert_ok(capsa_csv_root_cert_parse(capsa_bytes_of(bytes, 832), &cert));
    assert_int_equal(cert.version, 1);
    assert_int_equal(cert.key_usage, CAPSA_CSV_USAGE_HSK);
    assert_ptr_equal(cert.key_id.data, bytes + 4);
    assert_ptr_equal(cert.certifying_id.data, bytes + 20);
    assert_int_equal(cert.certifying_id.len, 16);
    assert_ptr_equal(cert.signed_region.data, bytes);
    assert_int_equal(cert.signed_region.len, 576);
    assert_true(capsa_bytes_is(cert.key.user_id, "HYGON-SSD-HSK"));
    assert_big_endian(cert.key.x, 68);
    assert_big_endian(cert.key.y, 140);
    assert_big_endian(cert.signature, 576);
    assert_big_endian(cert.signature + 32, 648);
}

static void csv_certificates_are_read_field_by_field(void **state)
{
    (void)state;
    uint8_t bytes[2084];
    struct capsa_csv_cert cert;
    make_csv_cert(bytes);
    assert_ok(capsa_csv_cert_parse(capsa_bytes_of(bytes, 2084), &cert));
    assert_int_equal(cert.version, 1);
    assert_int_equal(cert.api_major, 1);
    assert_int_equal(cert.api_minor, 3);
    assert_int_equal(cert.pubkey_usage, CAPSA_CSV_USAGE_PEK);
    assert_int_equal(cert.pubkey_algo, 4);
    assert_ptr_equal(cert.signed_region.data, bytes);
    assert_int_equal(cert.signed_region.len, 1044);
    assert_true(capsa_bytes_is(cert.key.user_id, "HYGON-SSD-PEK"));
    assert_big_endian(cert.key.x, 20);
    assert_big_endian(cert.key.y, 92);
    assert_int_equal(cert.sigs[0].usage, CAPSA_CSV_USAGE_CEK);
    assert_int_equal(cert.sigs[1].usage, CAPSA_CSV_USAGE_OCA);
    assert_int_equal(cert.sigs[0].algo, 4);
    assert_big_endian(cert.sigs[0].signature, 1052);
    assert_big_endian(cert.sigs[0].signature + 32, 1124);
    assert_big_endian(cert.sigs[1].signature, 1572);
    assert_big_endian(cert.sigs[1].signature + 32, 1644);
}

static void an_unused_signature_is_given_as_zeros(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    uint8_t bytes[2084];
    struct capsa_csv_cert cert;
    make_csv_cert(bytes);
    memset(bytes + 1572, 0xff, 144);
    assert_fails(capsa_csv_cert_parse(capsa_bytes_of(bytes, 2084), &cert), MALFORMED);
    put_le(bytes + 1564, 0x1000, 4);
    assert_ok(capsa_csv_cert_parse(capsa_bytes_of(bytes, 2084), &cert));
    assert_int_equal(cert.sigs[1].usage, 0x1000);
    assert_memory_equal(cert.sigs[1].signature, zeros, 64);
    memset(bytes + 1564, 0, 152);
    assert_ok(capsa_csv_cert_parse(capsa_bytes_of(bytes, 2084), &cert));
    assert_memory_equal(cert.sigs[1].signature, zeros, 64);
}

static void A28_certificates_have_one_length_and_numbers_fit(void **state)
{
    (void)state;
    static const size_t upper[] = {20 + 32, 92 - 1, 92 + 32, 163, 1052 + 32, 1124 + 71};
    static const size_t root_upper[] = {68 + 32, 139, 140 + 32, 211, 576 + 32, 648 + 71};
    uint8_t bytes[2200], root[900];
    struct capsa_csv_cert cert;
    struct capsa_csv_root_cert root_cert;
    memset(bytes, 0, sizeof(bytes));
    memset(root, 0, sizeof(root));
    make_csv_cert(bytes);
    make_root(root);
    for (size_t len = 0; len < sizeof(bytes); len++) {
        uint8_t *copy = exact_copy(bytes, len);
        assert_int_equal(capsa_code_of(capsa_csv_cert_parse(capsa_bytes_of(copy, len), &cert)),
                         len < 2084    ? CAPSA_E_TRUNCATED
                         : len == 2084 ? CAPSA_E_OK
                                       : CAPSA_E_MALFORMED);
        free(copy);
    }
    for (size_t len = 0; len < sizeof(root); len++) {
        uint8_t *copy = exact_copy(root, len);
        assert_int_equal(
            capsa_code_of(capsa_csv_root_cert_parse(capsa_bytes_of(copy, len), &root_cert)),
            len < 832    ? CAPSA_E_TRUNCATED
            : len == 832 ? CAPSA_E_OK
                         : CAPSA_E_MALFORMED);
        free(copy);
    }
    for (size_t i = 0; i < 6; i++) {
        bytes[upper[i]] = root[root_upper[i]] = 1;
        assert_fails(capsa_csv_cert_parse(capsa_bytes_of(bytes, 2084), &cert), MALFORMED);
        assert_fails(capsa_csv_root_cert_parse(capsa_bytes_of(root, 832), &root_cert), MALFORMED);
        bytes[upper[i]] = root[root_upper[i]] = 0;
    }
}

static void A28_user_ids_stay_within_their_field(void **state)
{
    (void)state;
    static const struct {
        unsigned len;
        bool taken;
    } lengths[] = {{0, true},    {1, true},    {253, true},     {254, true},
                   {255, false}, {256, false}, {0x7fff, false}, {0xffff, false}};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint8_t bytes[2084], root[832];
        struct capsa_csv_cert cert;
        struct capsa_csv_root_cert root_cert;
        make_csv_cert(bytes);
        make_root(root);
        put_le(bytes + 164, lengths[i].len, 2);
        put_le(root + 212, lengths[i].len, 2);
        capsa_result one = capsa_csv_cert_parse(capsa_bytes_of(bytes, 2084), &cert);
        capsa_result other = capsa_csv_root_cert_parse(capsa_bytes_of(root, 832), &root_cert);
        assert_int_equal(capsa_failed(one), !lengths[i].taken);
        assert_int_equal(capsa_failed(other), !lengths[i].taken);
        if (lengths[i].taken) {
            assert_int_equal(cert.key.user_id.len, lengths[i].len);
            assert_int_equal(root_cert.key.user_id.len, lengths[i].len);
        }
    }
    uint8_t bytes[2084];
    struct capsa_csv_cert cert;
    make_csv_cert(bytes);
    bytes[16] = 2;
    assert_fails(capsa_csv_cert_parse(capsa_bytes_of(bytes, 2084), &cert), UNSUPPORTED);
}

/* ---- Recorded vectors ------------------------------------------------------------------------ */

struct seen {
    size_t reports, broken, claims, chains;
};

static void compare_report(const char *name, const struct capsa_csv_report *csv,
                           const struct capsa_json *fields)
{
    const struct {
        const char *field;
        uint32_t got;
    } numbers[] = {{"anonce", csv->anonce}, {"policy", csv->policy}, {"sig_usage", csv->sig_usage}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *wanted = capsa_json_string(capsa_json_get(fields, numbers[i].field));
        assert_non_null(wanted);
        if (strtoul(wanted, NULL, 0) != numbers[i].got) {
            fail_msg("%s: %s differs", name, numbers[i].field);
        }
    }
    assert_int_equal(capsa_json_int(capsa_json_get(fields, "sig_algo")), csv->sig_algo);
    assert_hex_equal(capsa_bytes_of(csv->user_data, 64),
                     capsa_json_string(capsa_json_get(fields, "user_data")), name);
    assert_int_equal(capsa_json_int(capsa_json_get(fields, "policy_nodbg")), csv->policy & 1);
}

static void try_report(const char *name, const struct capsa_json *expected, void *context)
{
    struct seen *seen = context;
    const struct capsa_json *fields = capsa_json_get(expected, "fields");
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_csv_report csv;
    struct capsa_claims claims;
    if (!capsa_streq(capsa_json_string(capsa_json_get(expected, "platform")), "csv") ||
        !vector_file(name, "report.bin", &bytes)) {
        return;
    }
    capsa_result parsed = capsa_csv_report_parse(capsa_buf_bytes(&bytes), &csv);
    if (capsa_failed(parsed) != (strstr(name, "csv_truncated") != NULL)) {
        fail_msg("%s: %s", name, capsa_text_of(parsed));
    }
    if (capsa_failed(parsed)) {
        seen->broken++;
        return;
    }
    compare_report(name, &csv, fields);
    assert_ok(capsa_csv_claims(&csv, &claims));
    assert_int_equal(claims.debug, (csv.policy & 1) == 0);
    seen->claims += compare_claims(name, fields, &claims);
    /* Behind its NUL a chip id says nothing; the recorder kept what stands there. */
    const char *chip_id = capsa_json_string(capsa_json_get(fields, "chip_id"));
    assert_non_null(chip_id);
    assert_int_equal(strlen(csv.chip_id), strcspn(chip_id, "\x01"));
    assert_memory_equal(csv.chip_id, chip_id, strlen(csv.chip_id));
    seen->reports++;
}

static void recorded_reports_say_what_was_recorded(void **state)
{
    (void)state;
    struct seen seen = {0};
    (void)each_vector("", try_report, &seen);
    assert_int_equal(seen.reports, 4);
    assert_int_equal(seen.broken, 0);
    (void)each_vector("mutations_csv", try_report, &seen);
    assert_true(seen.reports >= 30);
    assert_true(seen.broken >= 5);
    assert_true(seen.claims >= 5 * seen.reports);
}

static void try_chain(const char *name, const struct capsa_json *expected, void *context)
{
    struct seen *seen = context;
    CAPSA_AUTO(capsa_buf) hrk = capsa_buf_of(EVIDENCE_MAX);
    CAPSA_AUTO(capsa_buf) hsk = capsa_buf_of(EVIDENCE_MAX);
    CAPSA_AUTO(capsa_buf) cek = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_csv_root_cert root;
    struct capsa_csv_cert cert;
    (void)expected;
    if (!vector_file(name, "hrk.cert", &hrk) || !vector_file(name, "hsk.cert", &hsk) ||
        !vector_file(name, "cek.cert", &cek)) {
        return;
    }
    assert_ok(capsa_csv_root_cert_parse(capsa_buf_bytes(&hrk), &root));
    assert_int_equal(root.key_usage, CAPSA_CSV_USAGE_HRK);
    assert_true(capsa_bytes_is(root.key.user_id, "HYGON-SSD-HRK"));
    assert_true(capsa_bytes_equal(root.key_id, root.certifying_id));
    if (strstr(name, "real_chain") != NULL) {
        assert_hex_equal(capsa_bytes_of(root.key.x, 32),
                         "be62e14d62a4f14cf3d702db09563a75c80935e785cd1f502af5f21d92c2f62d", "x");
        assert_hex_equal(capsa_bytes_of(root.key.y, 32),
                         "3bab123a57bb7015584f8b97164e95384a640c10b9be884738744d68b41eb946", "y");
    }
    assert_ok(capsa_csv_root_cert_parse(capsa_buf_bytes(&hsk), &root));
    assert_int_equal(root.key_usage, CAPSA_CSV_USAGE_HSK);
    assert_ok(capsa_csv_cert_parse(capsa_buf_bytes(&cek), &cert));
    assert_int_equal(cert.pubkey_usage, CAPSA_CSV_USAGE_CEK);
    assert_int_equal(cert.sigs[0].usage, CAPSA_CSV_USAGE_HSK);
    assert_true(capsa_bytes_is(cert.key.user_id, "HYGON-SSD-CEK"));
    seen->chains++;
}

static void recorded_certificates_are_what_they_are(void **state)
{
    (void)state;
    struct seen seen = {0};
    (void)each_vector("", try_chain, &seen);
    assert_int_equal(seen.chains, 4);
}

static void the_form_with_its_pek_in_clear_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_csv_report csv;
    test_vector_read("attestation/csv_real_report_pek_only/report_pek_clear.bin", &bytes);
    assert_fails(capsa_csv_report_parse(capsa_buf_bytes(&bytes), &csv), MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_given_in_clear),
        cmocka_unit_test(A22_parsing_twice_gives_the_same_and_changes_nothing),
        cmocka_unit_test(secret_bytes_are_never_handed_out),
        cmocka_unit_test(A28_only_2548_bytes_or_a_padded_page_are_a_report),
        cmocka_unit_test(reports_of_version_2_are_recognised_and_refused),
        cmocka_unit_test(numbers_over_32_bytes_are_refused),
        cmocka_unit_test(a_chip_id_is_text_to_its_first_nul),
        cmocka_unit_test(a_pek_stored_in_clear_is_no_pek),
        cmocka_unit_test(A23_debug_is_that_nodbg_is_not_set),
        cmocka_unit_test(the_mac_is_checked_over_what_was_delivered),
        cmocka_unit_test(root_certificates_are_read_field_by_field),
        cmocka_unit_test(csv_certificates_are_read_field_by_field),
        cmocka_unit_test(an_unused_signature_is_given_as_zeros),
        cmocka_unit_test(A28_certificates_have_one_length_and_numbers_fit),
        cmocka_unit_test(A28_user_ids_stay_within_their_field),
        cmocka_unit_test(recorded_reports_say_what_was_recorded),
        cmocka_unit_test(recorded_certificates_are_what_they_are),
        cmocka_unit_test(the_form_with_its_pek_in_clear_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
