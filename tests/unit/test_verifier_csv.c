/* SPDX-License-Identifier: Apache-2.0
 *
 * Hygon CSV: recorded chains and reports, and ones forged under a root of our own, where every
 * signature holds and only the lie is wrong.
 */
#include "crypto/crypto_evidence.h"
#include "crypto/crypto_pki.h"
#include "verifier/verifier_csv.h"
#include "verifier_case.h"

#define CSV_NOW ((capsa_time)1795000000)

enum { HRK, HSK, CEK, PEK, OTHER, KEYS };
static const char *const ids[KEYS] = {"HYGON-SSD-HRK", "HYGON-SSD-HSK", "HYGON-SSD-CEK",
                                      "HYGON-SSD-PEK", "HYGON-SSD-OCA"};

static struct capsa_private_key *keys[KEYS];
static struct capsa_verify_cache *cache; /* NULL: none */
static uint8_t hrk[CAPSA_CSV_ROOT_CERT_BYTES], hsk[CAPSA_CSV_ROOT_CERT_BYTES],
    cek[CAPSA_CSV_CERT_BYTES], pek[CAPSA_CSV_CERT_BYTES], report[CAPSA_CSV_REPORT_BYTES];

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        assert_ok(capsa_private_key_new_sm2(&keys[i]));
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        capsa_private_key_free(keys[i]);
    }
    return 0;
}

/* ---- forging ----------------------------------------------------------------------------------
 */

static void write32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Two numbers, each little-endian in the low 32 of its 72 bytes. */
static void write_numbers(uint8_t *at, const uint8_t big[64])
{
    for (int i = 0; i < 32; i++) {
        at[i] = big[31 - i];
        at[72 + i] = big[63 - i];
    }
}

static void write_key(uint8_t *at, int whose)
{
    CAPSA_AUTO_FREE(capsa_public_key) key = NULL;
    CAPSA_AUTO(capsa_buf) xy = capsa_buf_of(64);
    assert_ok(capsa_public_key_of(keys[whose], &key));
    assert_ok(capsa_public_key_point(key, &xy));
    write32(at, 3); /* SM2-256 */
    write_numbers(at + 4, xy.data);
    at[148] = (uint8_t)strlen(ids[whose]);
    memcpy(at + 150, ids[whose], strlen(ids[whose]));
}

static void sign(uint8_t *to, int signer, const char *id, const uint8_t *from, size_t len)
{
    CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(64);
    assert_ok(capsa_sm2_sign(keys[signer], capsa_bytes_str(id), capsa_bytes_of(from, len), &rs));
    write_numbers(to, rs.data);
}

static void make_root(uint8_t *cert, int whose, int signer, uint32_t usage)
{
    memset(cert, 0, CAPSA_CSV_ROOT_CERT_BYTES);
    write32(cert, 1);
    memset(cert + 4, 0xa0 + whose, 16);
    memset(cert + 20, 0xa0 + signer, 16);
    write32(cert + 36, usage);
    write_key(cert + 64, whose);
    sign(cert + 576, signer, ids[signer], cert, 576);
}

static void sign_slot(uint8_t *cert, int slot, int signer, uint32_t usage)
{
    uint8_t *at = cert + (slot == 0 ? 1044 : 1564);
    write32(at, usage);
    write32(at + 4, 4);
    sign(at + 8, signer, ids[signer], cert, 1044);
}

static void make_cert(uint8_t *cert, int whose, uint32_t usage)
{
    memset(cert, 0, CAPSA_CSV_CERT_BYTES);
    write32(cert, 1);
    cert[4] = 1;
    write32(cert + 8, usage);
    write32(cert + 12, 4);
    write_key(cert + 16, whose);
    write32(cert + 1044, 0x1000); /* no signature yet */
    write32(cert + 1564, 0x1000);
}

static void hide(uint8_t *at, size_t len, uint32_t anonce)
{
    for (size_t i = 0; i < len; i++) {
        at[i] ^= (uint8_t)(anonce >> (8 * (i % 4)));
    }
}

/* The PEK as it stands goes in; fields are in clear until here. */
static void finish_report(uint32_t anonce, int signer, const char *id)
{
    memcpy(report + 336, pek, sizeof(pek));
    memcpy(report + 2420, "TEST0000000001", 14);
    write32(report + 188, anonce);
    hide(report, 188, anonce);
    hide(report + 336, sizeof(pek), anonce);
    hide(report + 2420, 64, anonce);
    sign(report + 192, signer, id, report, 180);
}

static void begin_report(void)
{
    memset(report, 0, sizeof(report));
    memset(report + 64, 0x5a, 64);
    memset(report + 144, 0x77, 32);
    write32(report + 176, 0x45);
    write32(report + 180, 0x1002);
    write32(report + 184, 4);
}

/* An honest platform. */
static void make_all(uint32_t anonce)
{
    make_root(hrk, HRK, HRK, 0);
    make_root(hsk, HSK, HRK, 0x13);
    make_cert(cek, CEK, 0x1004);
    sign_slot(cek, 0, HSK, 0x13);
    make_cert(pek, PEK, 0x1002);
    sign_slot(pek, 0, CEK, 0x1004);
    begin_report();
    finish_report(anonce, PEK, ids[PEK]);
}

static void put(capsa_buf *to, const uint8_t *bytes, size_t len)
{
    assert_ok(capsa_buf_append(to, capsa_bytes_of(bytes, len)));
}

static struct capsa_verdict judge(void)
{
    struct capsa_verdict verdict;
    capsa_collateral collateral;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    test_collateral_init(&collateral);
    put(&collateral.csv_hsk, hsk, sizeof(hsk));
    put(&collateral.csv_cek, cek, sizeof(cek));
    assert_ok(capsa_anchors_new_custom(capsa_bytes_of(hrk, sizeof(hrk)), &anchors));
    const struct capsa_verify_input input = {
        .platform = CAPSA_PLATFORM_CSV,
        .evidence = capsa_bytes_of(report, sizeof(report)),
        .collateral = &collateral,
        .now = CSV_NOW,
        .anchors = anchors,
        .cache = cache,
    };
    (void)test_accepts(&input, &verdict);
    test_collateral_drop(&collateral);
    return verdict;
}

static void expect_at(int line, enum capsa_check check)
{
    struct capsa_verdict verdict = judge();
    if (verdict.failed_check != check) {
        fail_msg("line %d: wanted check \"%s\", got \"%s\": %s", line, capsa_check_name(check),
                 capsa_check_name(verdict.failed_check), verdict.reason);
    }
}
#define expect(check) expect_at(__LINE__, CAPSA_CHECK_##check)

/* ---- recorded ---------------------------------------------------------------------------------
 */

static void anchors_of(const struct test_case *test, struct capsa_anchors **ret_anchors)
{
    if (test->root.len == 0) {
        assert_ok(capsa_anchors_new_vendor(ret_anchors));
        return;
    }
    assert_ok(capsa_anchors_new_custom(capsa_buf_bytes(&test->root), ret_anchors));
}

static void check_recorded(const char *folder, void *context)
{
    (void)context;
    struct test_case test;
    struct capsa_verdict verdict;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    test_case_load(folder, true, &test);
    if (test.evidence.len == 0 && strstr(folder, "truncated") == NULL) {
        test_case_drop(&test); /* a chain without a report has a test of its own */
        return;
    }
    anchors_of(&test, &anchors);
    struct capsa_verify_input input = test_case_input(&test, true, anchors);
    bool accepted = test_accepts(&input, &verdict);
    if (accepted != test.accept_debug || (accepted && verdict.claims.debug == test.accept)) {
        fail_msg("%s: %s, debug %d: %s", folder, accepted ? "accepted" : "refused",
                 verdict.claims.debug, verdict.reason);
    }
    test_case_drop(&test);
}

static void recorded_reports_give_the_expected_verdict(void **state)
{
    (void)state;
    assert_true(test_vector_each("attestation", "csv_", check_recorded, NULL) >= 5);
}

static void changed_reports_are_refused(void **state)
{
    (void)state;
    assert_true(test_vector_each("attestation/mutations_csv", "neg_", check_recorded, NULL) >= 41);
}

/* Without the root that they stand under, recorded reports are nobody's: a root that lies beside
 * evidence is none. */
static void A15_a_root_beside_the_evidence_is_none(void **state)
{
    (void)state;
    struct test_case test;
    struct capsa_verdict verdict;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    test_case_load("attestation/csv_v1_synthetic_ok", true, &test);
    assert_ok(capsa_anchors_new_vendor(&anchors));
    struct capsa_verify_input input = test_case_input(&test, true, anchors);
    assert_fails(capsa_verify(&input, &verdict), EVIDENCE);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_ANCHOR);
    assert_string_equal(verdict.anchor, "");
    test_case_drop(&test);
}

static void hygons_own_chain_stands_under_hygons_own_root(void **state)
{
    (void)state;
    struct test_case test;
    struct capsa_csv_cert read;
    size_t anchor = 9;
    struct capsa_verdict verdict = {0};
    CAPSA_AUTO_FREE(capsa_anchors) vendor = NULL;
    CAPSA_AUTO_FREE(capsa_anchors) given = NULL;
    test_case_load("attestation/csv_real_chain_hrk_hsk_cek", true, &test);
    assert_ok(capsa_anchors_new_vendor(&vendor));
    struct capsa_verify_input input = test_case_input(&test, true, vendor);
    input.vendor_only = true;
    assert_ok(capsa_csv_chain_judge(&input, &verdict, &anchor, &read));
    assert_string_equal(verdict.anchor, "hygon-hrk");
    assert_int_equal(anchor, 0);
    assert_int_equal(read.pubkey_usage, CAPSA_CSV_USAGE_CEK);
    assert_ok(capsa_anchors_new_custom(capsa_buf_bytes(&test.root), &given));
    input.anchors = given;
    assert_fails(capsa_csv_chain_judge(&input, &verdict, &anchor, &read), EVIDENCE);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_ANCHOR_KIND);
    test_case_drop(&test);
}

/* A real report without its chain proves nothing; with PEK and chip id in clear it is no report. */
static void a_report_without_its_chain_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum capsa_check check;
    } forms[] = {{"report.bin", CAPSA_CHECK_COLLATERAL_MISSING},
                 {"report_pek_clear.bin", CAPSA_CHECK_FORMAT}};
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    assert_ok(capsa_anchors_new_vendor(&anchors));
    for (size_t i = 0; i < 2; i++) {
        struct test_case test;
        struct capsa_verdict verdict;
        test_case_load("attestation/csv_real_report_pek_only", true, &test);
        capsa_buf_clear(&test.evidence);
        test_case_read("attestation/csv_real_report_pek_only", forms[i].file, &test.evidence);
        assert_int_equal(test.evidence.len, CAPSA_CSV_REPORT_BYTES);
        struct capsa_verify_input input = test_case_input(&test, true, anchors);
        assert_false(test_accepts(&input, &verdict));
        assert_int_equal(verdict.failed_check, forms[i].check);
        test_case_drop(&test);
    }
}

/* ---- forged -----------------------------------------------------------------------------------
 */

static void honest_platforms_pass(void **state)
{
    (void)state;
    static const uint32_t anonces[] = {0, 0x70d178ab, UINT32_MAX};
    for (size_t i = 0; i < sizeof(anonces) / sizeof(anonces[0]); i++) {
        make_all(anonces[i]);
        struct capsa_verdict verdict = judge();
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_NONE);
        assert_true(strncmp(verdict.anchor, "custom:", 7) == 0);
        assert_int_equal(verdict.collateral_issued, 0);
        assert_int_equal(verdict.collateral_expires, 0);
        assert_int_equal(verdict.collateral_status, 0);
        assert_int_equal(verdict.tcb_status, CAPSA_TCB_ABSENT);
        assert_false(verdict.claims.debug);
        capsa_bytes measure = capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_CSV_MEASURE);
        assert_int_equal(measure.len, 32);
        assert_int_equal(measure.data[0], 0x77);
    }
}

static void A23_the_debug_bit_is_a_claim(void **state)
{
    (void)state;
    make_all(0);
    begin_report();
    write32(report + 176, 0x44); /* without NODBG */
    finish_report(0x01020304, PEK, ids[PEK]);
    struct capsa_verdict verdict = judge();
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_NONE);
    assert_true(verdict.claims.debug);
    begin_report();
    write32(report + 176, 0x01); /* and with nothing else */
    finish_report(0x01020304, PEK, ids[PEK]);
    verdict = judge();
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_NONE);
    assert_false(verdict.claims.debug);
}

/* anonce is not signed. Changed alone, it makes another key of the PEK, which nobody signed. */
static void an_anonce_changed_alone_is_refused(void **state)
{
    (void)state;
    for (int bit = 0; bit < 32; bit++) {
        make_all(0x70d178ab);
        write32(report + 188, 0x70d178ab ^ (1u << bit));
        struct capsa_verdict verdict = judge();
        assert_int_not_equal(verdict.failed_check, CAPSA_CHECK_NONE);
        hide(report + 2420, 64, 1u << bit); /* the chip id, which nobody signs, reads right again */
        expect(CHAIN);
    }
}

/* The trap: the PEK hidden anew, so that it reads right with the changed word, and the usage put
 * right as well; neither is signed. All signatures then hold, and every field reads as the old one
 * XORed with one word of the forger's. No verifier can see it, but the debug bit cannot be turned
 * without turning the measurement, which therefore has to be asked for (docs/decisions.md). */
static void a_changed_anonce_turns_the_measurement_too(void **state)
{
    (void)state;
    make_all(0x70d178ab);
    write32(report + 188, 0x70d178aa);
    memcpy(report + 336, pek, sizeof(pek));
    hide(report + 336, sizeof(pek), 0x70d178aa);
    hide(report + 2420, 64, 1);
    expect(SIGNATURE); /* sig_usage reads 0x1003 */
    report[180] ^= 1;
    report[184] ^= 1;
    struct capsa_verdict verdict = judge();
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_NONE);
    assert_true(verdict.claims.debug); /* NODBG was set */
    for (size_t i = 0; i < 32; i++) {
        capsa_bytes measure = capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_CSV_MEASURE);
        assert_int_equal(measure.data[i], i % 4 == 0 ? 0x76 : 0x77);
    }
}

/* The form in which the PEK lies in clear beside a hidden report. */
static void a_pek_in_clear_is_refused(void **state)
{
    (void)state;
    make_all(0x70d178ab);
    memcpy(report + 336, pek, sizeof(pek));
    expect(CHAIN);
    make_all(0x70d178ab);
    hide(report + 2420, 64, 0x70d178ab); /* the chip id too */
    expect(FORMAT);
}

static void the_report_is_signed_as_delivered(void **state)
{
    (void)state;
    make_all(0x70d178ab);
    sign(report + 192, OTHER, ids[PEK], report, 180);
    expect(SIGNATURE);
    sign(report + 192, CEK, ids[CEK], report, 180);
    expect(SIGNATURE);
    sign(report + 192, PEK, "1234567812345678", report, 180);
    expect(SIGNATURE);
    sign(report + 192, PEK, ids[CEK], report, 180);
    expect(SIGNATURE);
    hide(report, 180, 0x70d178ab);
    sign(report + 192, PEK, ids[PEK], report, 180); /* over what it means */
    hide(report, 180, 0x70d178ab);
    expect(SIGNATURE);
    sign(report + 192, PEK, ids[PEK], report, 180);
    expect(NONE);
    memset(report + 192, 0, 144);
    expect(SIGNATURE);
}

static void the_signature_must_be_for_reports(void **state)
{
    (void)state;
    make_all(0);
    write32(report + 180, 0x1003);
    expect(SIGNATURE);
    make_all(0);
    write32(report + 184, 1);
    expect(SIGNATURE);
}

static void every_signed_byte_of_the_report_counts(void **state)
{
    (void)state;
    make_all(0x70d178ab);
    for (size_t i = 0; i < CAPSA_CSV_SIGNED_BYTES; i++) {
        report[i] ^= (uint8_t)(1u << (i % 8));
        expect(SIGNATURE);
        report[i] ^= (uint8_t)(1u << (i % 8));
    }
    expect(NONE);
}

/* ---- certificates -----------------------------------------------------------------------------
 */

static void either_place_may_hold_the_signature(void **state)
{
    (void)state;
    make_all(0);
    make_cert(cek, CEK, 0x1004);
    sign_slot(cek, 1, HSK, 0x13);
    make_cert(pek, PEK, 0x1002);
    sign_slot(pek, 0, OTHER, 0x1001); /* the owner's */
    sign_slot(pek, 1, CEK, 0x1004);
    begin_report();
    finish_report(7, PEK, ids[PEK]);
    expect(NONE);
    sign_slot(pek, 0, OTHER, 0x1004); /* one that is wrong, one that holds */
    begin_report();
    finish_report(7, PEK, ids[PEK]);
    expect(NONE);
}

static void signatures_of_the_wrong_kind(void **state)
{
    (void)state;
    make_all(0);
    sign_slot(cek, 0, HSK, 0x1004); /* by the right key, for another use */
    expect(CHAIN);
    make_all(0);
    sign_slot(cek, 0, OTHER, 0x13);
    expect(CHAIN);
    make_all(0);
    sign_slot(pek, 0, CEK, 0x1001);
    begin_report();
    finish_report(7, PEK, ids[PEK]);
    expect(CHAIN);
    make_all(0);
    sign_slot(pek, 0, HSK, 0x1004);
    begin_report();
    finish_report(7, PEK, ids[PEK]);
    expect(CHAIN);
    make_all(0);
    make_cert(pek, PEK, 0x1002); /* none at all */
    begin_report();
    finish_report(7, PEK, ids[PEK]);
    expect(CHAIN);
}

static void certificates_of_the_wrong_role(void **state)
{
    (void)state;
    static const uint32_t roles[] = {0, 0x13, 0x1000, 0x1001, 0x1002, 0x1003, 0x1004};
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        make_all(0);
        make_root(hsk, HSK, HRK, roles[i]);
        expect_at(__LINE__, roles[i] == 0x13 ? CAPSA_CHECK_NONE : CAPSA_CHECK_CHAIN);
        make_all(0);
        make_cert(cek, CEK, roles[i]);
        sign_slot(cek, 0, HSK, 0x13);
        expect_at(__LINE__, roles[i] == 0x1004 ? CAPSA_CHECK_NONE : CAPSA_CHECK_CHAIN);
        make_all(0);
        make_cert(pek, PEK, roles[i]);
        sign_slot(pek, 0, CEK, 0x1004);
        begin_report();
        finish_report(7, PEK, ids[PEK]);
        expect_at(__LINE__, roles[i] == 0x1002 ? CAPSA_CHECK_NONE : CAPSA_CHECK_CHAIN);
    }
}

static void the_intermediate_names_its_root_and_is_signed_by_it(void **state)
{
    (void)state;
    make_all(0);
    memset(hsk + 20, 0xee, 16); /* another root's id */
    sign(hsk + 576, HRK, ids[HRK], hsk, 576);
    expect(ANCHOR);
    make_all(0);
    memset(hsk + 20, 0xa0 + HRK, 16);
    sign(hsk + 576, OTHER, ids[HRK], hsk, 576);
    expect(ANCHOR);
    make_all(0);
    sign(hsk + 576, HRK, "1234567812345678", hsk, 576);
    expect(ANCHOR);
    make_all(0);
    memcpy(hsk, hrk, sizeof(hsk));
    expect(CHAIN);
}

static void keys_for_another_algorithm(void **state)
{
    (void)state;
    make_all(0);
    write32(cek + 12, 1);
    sign_slot(cek, 0, HSK, 0x13);
    expect(CHAIN);
    make_all(0);
    write32(cek + 1048, 1); /* of its signature */
    expect(CHAIN);
}

/* Anchors none of which is Hygon's. */
static void no_root_of_hygons(void **state)
{
    (void)state;
    struct capsa_verdict verdict;
    capsa_collateral collateral;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_AUTO_FREE(capsa_cert) root = NULL;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    assert_ok(capsa_private_key_new_p256(&key));
    assert_ok(capsa_public_key_of(key, &public_key));
    const struct capsa_cert_issue issue = {
        .common_name = "a root of Intel's kind",
        .issuer_key = key,
        .key = public_key,
        .kind = CAPSA_LINK_P256_SHA256,
        .not_after = CSV_NOW,
        .is_ca = true,
    };
    assert_ok(capsa_cert_issue(&issue, &root));
    assert_ok(capsa_anchors_new_custom(capsa_cert_der(root), &anchors));
    make_all(0);
    test_collateral_init(&collateral);
    put(&collateral.csv_hsk, hsk, sizeof(hsk));
    put(&collateral.csv_cek, cek, sizeof(cek));
    const struct capsa_verify_input input = {
        .platform = CAPSA_PLATFORM_CSV,
        .evidence = capsa_bytes_of(report, sizeof(report)),
        .collateral = &collateral,
        .now = CSV_NOW,
        .anchors = anchors,
    };
    assert_fails(capsa_verify(&input, &verdict), EVIDENCE);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_ANCHOR);
    test_collateral_drop(&collateral);
}

/* A key of no curve, and zeros, in each certificate. */
static void keys_that_are_none(void **state)
{
    (void)state;
    make_all(0);
    hsk[68] ^= 1;
    sign(hsk + 576, HRK, ids[HRK], hsk, 576);
    assert_int_not_equal(judge().failed_check, CAPSA_CHECK_NONE);
    make_all(0);
    memset(cek + 20, 0, 144);
    sign_slot(cek, 0, HSK, 0x13);
    assert_int_not_equal(judge().failed_check, CAPSA_CHECK_NONE);
    make_all(0);
    pek[20] ^= 1;
    sign_slot(pek, 0, CEK, 0x1004);
    begin_report();
    finish_report(7, PEK, ids[PEK]);
    assert_int_not_equal(judge().failed_check, CAPSA_CHECK_NONE);
}

/* ---- sizes, and always the same ----------------------------------------------------------------
 */

static void try_lengths(struct capsa_verify_input *input, capsa_buf *part, enum capsa_check check)
{
    size_t whole = part->len;
    struct capsa_verdict verdict;
    for (size_t len = 1; len < whole; len++) {
        part->len = len;
        assert_false(test_accepts(input, &verdict));
        assert_int_equal(verdict.failed_check, check);
    }
    part->len = 0;
    assert_false(test_accepts(input, &verdict));
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_COLLATERAL_MISSING);
    assert_int_equal(part->data == NULL, 0);
    part->len = whole;
}

static void cut_input_is_refused_at_every_length(void **state)
{
    (void)state;
    capsa_collateral collateral;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    make_all(0x01020304);
    test_collateral_init(&collateral);
    put(&collateral.csv_hsk, hsk, sizeof(hsk));
    put(&collateral.csv_cek, cek, sizeof(cek));
    assert_ok(capsa_anchors_new_custom(capsa_bytes_of(hrk, sizeof(hrk)), &anchors));
    struct capsa_verify_input input = {
        .platform = CAPSA_PLATFORM_CSV,
        .evidence = capsa_bytes_of(report, sizeof(report)),
        .collateral = &collateral,
        .now = CSV_NOW,
        .anchors = anchors,
    };
    try_lengths(&input, &collateral.csv_hsk, CAPSA_CHECK_COLLATERAL_FORMAT);
    try_lengths(&input, &collateral.csv_cek, CAPSA_CHECK_COLLATERAL_FORMAT);
    struct capsa_verdict verdict;
    for (size_t len = 0; len < sizeof(report); len++) {
        uint8_t *exact = malloc(len + 1); /* so that a read past the end is seen */
        assert_non_null(exact);
        memcpy(exact + 1, report, len);
        input.evidence = capsa_bytes_of(exact + 1, len);
        assert_false(test_accepts(&input, &verdict));
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_FORMAT);
        free(exact);
    }
    test_collateral_drop(&collateral);
}

static void A22_the_same_answer_twice(void **state)
{
    (void)state;
    uint8_t before[CAPSA_CSV_REPORT_BYTES];
    make_all(0x70d178ab);
    for (int round = 0; round < 2; round++) {
        memcpy(before, report, sizeof(before));
        struct capsa_verdict first = judge(), second = judge();
        assert_memory_equal(&first, &second, sizeof(first));
        assert_memory_equal(before, report, sizeof(before));
        report[0] ^= 1; /* then one that is refused */
    }
}

static void a_cache_changes_no_answer(void **state)
{
    (void)state;
    make_all(0x70d178ab);
    struct capsa_verdict cold = judge();
    assert_ok(capsa_verify_cache_new(16, &cache));
    for (int round = 0; round < 3; round++) {
        struct capsa_verdict again = judge();
        assert_memory_equal(&cold, &again, sizeof(cold));
    }
    report[0] ^= 1;
    expect(SIGNATURE);
    report[0] ^= 1;
    uint8_t *const parts[] = {hsk + 500, cek + 1000, report + 336 + 1000};
    static const enum capsa_check checks[] = {CAPSA_CHECK_ANCHOR, CAPSA_CHECK_CHAIN,
                                              CAPSA_CHECK_CHAIN};
    for (size_t i = 0; i < 6; i++) { /* twice each: a refusal is not kept as anything else */
        *parts[i / 2] ^= 1;
        expect_at(__LINE__, checks[i / 2]);
        *parts[i / 2] ^= 1;
    }
    make_root(hrk, OTHER, OTHER, 0); /* another anchor, which signed nothing */
    expect(ANCHOR);
    make_root(hrk, HRK, HRK, 0);
    expect(NONE);
    capsa_verify_cache_free(cache);
    cache = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_reports_give_the_expected_verdict),
        cmocka_unit_test(changed_reports_are_refused),
        cmocka_unit_test(A15_a_root_beside_the_evidence_is_none),
        cmocka_unit_test(hygons_own_chain_stands_under_hygons_own_root),
        cmocka_unit_test(a_report_without_its_chain_is_refused),
        cmocka_unit_test(honest_platforms_pass),
        cmocka_unit_test(A23_the_debug_bit_is_a_claim),
        cmocka_unit_test(an_anonce_changed_alone_is_refused),
        cmocka_unit_test(a_changed_anonce_turns_the_measurement_too),
        cmocka_unit_test(a_pek_in_clear_is_refused),
        cmocka_unit_test(the_report_is_signed_as_delivered),
        cmocka_unit_test(the_signature_must_be_for_reports),
        cmocka_unit_test(every_signed_byte_of_the_report_counts),
        cmocka_unit_test(either_place_may_hold_the_signature),
        cmocka_unit_test(signatures_of_the_wrong_kind),
        cmocka_unit_test(certificates_of_the_wrong_role),
        cmocka_unit_test(the_intermediate_names_its_root_and_is_signed_by_it),
        cmocka_unit_test(keys_for_another_algorithm),
        cmocka_unit_test(no_root_of_hygons),
        cmocka_unit_test(keys_that_are_none),
        cmocka_unit_test(cut_input_is_refused_at_every_length),
        cmocka_unit_test(A22_the_same_answer_twice),
        cmocka_unit_test(a_cache_changes_no_answer),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
