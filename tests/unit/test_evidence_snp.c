/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: SEV-SNP reports and the certificate table beside them.
 */
#include "evidence/evidence_snp.h"
#include "evidence_bytes.h"

#define REPORT CAPSA_SNP_REPORT_BYTES

static capsa_result parse(const uint8_t *report, struct capsa_snp_report *ret_report)
{
    return capsa_snp_report_parse(capsa_bytes_of(report, REPORT), ret_report);
}

static void assert_at(capsa_bytes field, const uint8_t *report, size_t at, size_t len)
{
    assert_int_equal(field.len, len);
    assert_ptr_equal(field.data, report + at);
}

static void every_field_stands_where_the_format_puts_it(void **state)
{
    (void)state;
    uint8_t report[REPORT];
    struct capsa_snp_report snp;
    make_snp(5, report);
    report[0x48] = 0x1f;
    assert_ok(parse(report, &snp));
    assert_int_equal(snp.version, 5);
    assert_int_equal(snp.guest_svn, get_le(report + 4, 4));
    assert_true(snp.policy == get_le(report + 8, 8));
    assert_at(snp.family_id, report, 0x10, 16);
    assert_at(snp.image_id, report, 0x20, 16);
    assert_int_equal(snp.vmpl, get_le(report + 0x30, 4));
    assert_int_equal(snp.signature_algo, 1);
    assert_at(snp.current_tcb, report, 0x38, 8);
    assert_true(snp.platform_info == get_le(report + 0x40, 8));
    assert_at(snp.report_data, report, 0x50, 64);
    assert_at(snp.measurement, report, 0x90, 48);
    assert_at(snp.host_data, report, 0xc0, 32);
    assert_at(snp.id_key_digest, report, 0xe0, 48);
    assert_at(snp.author_key_digest, report, 0x110, 48);
    assert_at(snp.report_id, report, 0x140, 32);
    assert_at(snp.report_id_ma, report, 0x160, 32);
    assert_at(snp.reported_tcb, report, 0x180, 8);
    assert_int_equal(snp.cpuid_family, report[0x188]);
    assert_int_equal(snp.cpuid_model, report[0x189]);
    assert_int_equal(snp.cpuid_stepping, report[0x18a]);
    assert_at(snp.chip_id, report, 0x1a0, 64);
    assert_at(snp.committed_tcb, report, 0x1e0, 8);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(snp.current_version[i], report[0x1e8 + 2 - i]);
        assert_int_equal(snp.committed_version[i], report[0x1ec + 2 - i]);
    }
    assert_at(snp.launch_tcb, report, 0x1f0, 8);
    assert_true(snp.launch_mitigation == get_le(report + 0x1f8, 8));
    assert_true(snp.current_mitigation == get_le(report + 0x200, 8));
    assert_at(snp.signed_region, report, 0, 0x2a0);
    for (size_t i = 0; i < 48; i++) {
        assert_int_equal(snp.signature[i], report[0x2a0 + 47 - i]);
        assert_int_equal(snp.signature[48 + i], report[0x2a0 + 72 + 47 - i]);
    }
    assert_true(snp.author_key && snp.mask_chip_key);
    assert_int_equal(snp.signing_key, CAPSA_SNP_NO_KEY);
    report[0x48] = 0x06;
    assert_ok(parse(report, &snp));
    assert_true(!snp.author_key && snp.mask_chip_key);
    assert_int_equal(snp.signing_key, CAPSA_SNP_VLEK);
}

static void A11_versions_that_are_not_known_are_refused(void **state)
{
    (void)state;
    uint8_t report[REPORT];
    struct capsa_snp_report snp = {.vmpl = 77};
    for (unsigned version = 0; version < 300; version++) {
        make_snp(version, report);
        if (version >= 2 && version <= 5) {
            assert_ok(parse(report, &snp));
            assert_int_equal(snp.version, version);
        } else {
            assert_fails(parse(report, &snp), UNSUPPORTED);
        }
    }
    make_snp(2, report);
    report[3] = 1;
    assert_fails(parse(report, &snp), UNSUPPORTED);
}

/* Set each byte that a version reserves, one after the other. */
static void reserved_bytes_must_be_zero(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 5; version++) {
        uint8_t report[REPORT];
        struct capsa_snp_report snp = {.vmpl = 77};
        size_t reserved = 0;
        make_snp(version, report);
        for (size_t i = 0; i < REPORT; i++) {
            const bool zero = (i >= 0x49 && i < 0x50) || (i >= 0x18b && i < 0x1a0) || i == 0x1eb ||
                              i == 0x1ef || (i >= 0x208 && i < 0x2a0) ||
                              (i >= 0x2d0 && i < 0x2e8) || i >= 0x318 ||
                              (version < 3 && i >= 0x188 && i < 0x18b) ||
                              (version < 3 && i >= 0x1f8 && i < 0x208);
            if (!zero) {
                continue;
            }
            report[i] = 0x80;
            assert_fails(parse(report, &snp), MALFORMED);
            assert_int_equal(snp.vmpl, 77);
            report[i] = 0;
            reserved++;
        }
        assert_ok(parse(report, &snp));
        assert_int_equal(reserved, 7 + 21 + 2 + 152 + 24 + 392 + (version < 3 ? 3 : 0) +
                                       (version < 3 ? 16 : 0));
    }
}

static void A28_only_the_exact_length_is_a_report(void **state)
{
    (void)state;
    uint8_t report[REPORT + 100] = {0};
    struct capsa_snp_report snp = {.vmpl = 77};
    make_snp(3, report);
    for (size_t len = 0; len < sizeof(report); len++) {
        uint8_t *copy = exact_copy(report, len);
        capsa_result parsed = capsa_snp_report_parse(capsa_bytes_of(copy, len), &snp);
        assert_int_equal(capsa_code_of(parsed), len < REPORT    ? CAPSA_E_TRUNCATED
                                                : len == REPORT ? CAPSA_E_OK
                                                                : CAPSA_E_MALFORMED);
        assert_int_equal(snp.vmpl == 77, len < REPORT);
        free(copy);
    }
}

static void the_header_of_the_ioctl_is_taken_off(void **state)
{
    (void)state;
    uint8_t answer[32 + REPORT] = {0};
    struct capsa_snp_report snp;
    const capsa_bytes bytes = capsa_bytes_of(answer, sizeof(answer));
    put_le(answer + 4, REPORT, 4);
    make_snp(3, answer + 32);
    assert_ok(capsa_snp_report_parse(bytes, &snp));
    assert_ptr_equal(snp.signed_region.data, answer + 32);
    answer[0] = 0x16;
    assert_fails(capsa_snp_report_parse(bytes, &snp), MALFORMED);
    answer[0] = 0;
    answer[4]++;
    assert_fails(capsa_snp_report_parse(bytes, &snp), MALFORMED);
    answer[4]--;
    answer[31] = 1;
    assert_fails(capsa_snp_report_parse(bytes, &snp), MALFORMED);
}

static void the_product_follows_from_family_and_model(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        uint8_t family, model;
        enum capsa_snp_product product;
    } known[] = {
        {3, 0x19, 0x00, CAPSA_SNP_MILAN},   {3, 0x19, 0x0f, CAPSA_SNP_MILAN},
        {3, 0x19, 0x10, CAPSA_SNP_GENOA},   {3, 0x19, 0x1f, CAPSA_SNP_GENOA},
        {3, 0x19, 0x20, CAPSA_SNP_UNKNOWN}, {3, 0x19, 0x9f, CAPSA_SNP_UNKNOWN},
        {4, 0x19, 0xa0, CAPSA_SNP_GENOA},   {5, 0x19, 0xaf, CAPSA_SNP_GENOA},
        {5, 0x19, 0xb0, CAPSA_SNP_UNKNOWN}, {5, 0x1a, 0x00, CAPSA_SNP_TURIN},
        {5, 0x1a, 0x11, CAPSA_SNP_TURIN},   {5, 0x1a, 0x12, CAPSA_SNP_UNKNOWN},
        {5, 0x18, 0x01, CAPSA_SNP_UNKNOWN}, {2, 0x00, 0x00, CAPSA_SNP_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint8_t report[REPORT];
        struct capsa_snp_report snp;
        make_snp(known[i].version, report);
        report[0x188] = known[i].family;
        report[0x189] = known[i].model;
        assert_ok(parse(report, &snp));
        assert_int_equal(snp.product, known[i].product);
    }
}

static void parts_of_a_tcb_stand_by_product(void **state)
{
    (void)state;
    const uint8_t tcb[] = {10, 11, 12, 13, 14, 15, 16, 17};
    static const int wanted[][CAPSA_SNP_PARTS] = {
        [CAPSA_SNP_UNKNOWN] = {-1, -1, -1, -1, -1},
        [CAPSA_SNP_MILAN] = {10, 11, 16, 17, -1},
        [CAPSA_SNP_GENOA] = {10, 11, 16, 17, -1},
        [CAPSA_SNP_TURIN] = {11, 12, 13, 17, 10},
    };
    for (unsigned product = 0; product < 4; product++) {
        for (unsigned part = 0; part < CAPSA_SNP_PARTS; part++) {
            assert_int_equal(capsa_snp_tcb_part((enum capsa_snp_product)product,
                                                capsa_bytes_of(tcb, 8), (enum capsa_snp_part)part),
                             wanted[product][part]);
        }
    }
    assert_int_equal(capsa_snp_tcb_part(CAPSA_SNP_TURIN, capsa_bytes_of(tcb, 7), CAPSA_SNP_FMC),
                     -1);
    assert_int_equal(
        capsa_snp_tcb_part((enum capsa_snp_product)9, capsa_bytes_of(tcb, 8), CAPSA_SNP_BL), -1);
}

static void claims_are_the_fields_as_in_memory(void **state)
{
    (void)state;
    uint8_t report[REPORT];
    struct capsa_snp_report snp;
    struct capsa_claims claims;
    make_snp(5, report);
    report[10] = 0x03;
    assert_ok(parse(report, &snp));
    assert_ok(capsa_snp_claims(&snp, &claims));
    assert_int_equal(claims.platform, CAPSA_PLATFORM_SNP);
    assert_false(claims.debug);
    assert_true(capsa_bytes_equal(capsa_claim_bytes(&claims, CAPSA_CLAIM_SNP_POLICY),
                                  capsa_bytes_of(report + 8, 8)));
    assert_true(capsa_bytes_equal(capsa_claim_bytes(&claims, CAPSA_CLAIM_SNP_PLATFORM_INFO),
                                  capsa_bytes_of(report + 0x40, 8)));
    assert_true(
        capsa_bytes_equal(capsa_claims_report_data(&claims), capsa_bytes_of(report + 0x50, 64)));
    /* The product is its certificate's to endorse. */
    assert_false(claims.values[CAPSA_CLAIM_SNP_PRODUCT].present);
    report[10] = 0x0b;
    assert_ok(parse(report, &snp));
    assert_ok(capsa_snp_claims(&snp, &claims));
    assert_true(claims.debug);
}

/* ---- Certificate table ----------------------------------------------------------------------- */

static const uint8_t vcek_guid[16] = {0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45,
                                      0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd};

/* 63da758d-e664-... as it is printed, to the bytes of an entry. */
static void guid_bytes(const char *text, uint8_t guid[16])
{
    static const size_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(64);
    CAPSA_AUTO(capsa_buf) plain = capsa_buf_of(64);
    for (; *text != 0; text++) {
        if (*text != '-') {
            assert_ok(capsa_buf_append(&hex, capsa_bytes_of(text, 1)));
        }
    }
    assert_ok(capsa_hex_parse(capsa_buf_bytes(&hex), &plain));
    assert_int_equal(plain.len, 16);
    for (size_t i = 0; i < 16; i++) {
        guid[i] = plain.data[order[i]];
    }
}

static void entry(uint8_t *at, const uint8_t guid[16], uint32_t offset, uint32_t length)
{
    memcpy(at, guid, 16);
    put_le(at + 16, offset, 4);
    put_le(at + 20, length, 4);
}

enum { ENTRIES = 6, HEADER = 24 * (ENTRIES + 1), EACH = 10, TABLE = HEADER + EACH * ENTRIES };

/* All five kinds and one that nobody knows. */
static void make_table(uint8_t table[TABLE])
{
    static const char *const guids[ENTRIES] = {
        "63da758d-e664-4564-adc5-f4b93be8accd", "a8074bc2-a25a-483e-aae6-39c045a0b8a1",
        "4ab7b379-bbac-4fe4-a02f-05aef327c782", "c0b406a4-a803-4952-9743-3fb6014cd0ae",
        "92f81bc3-5811-4d3d-97ff-d19f88dc67ea", "00112233-4455-6677-8899-aabbccddeeff"};
    memset(table, 0, TABLE);
    for (size_t i = 0; i < ENTRIES; i++) {
        uint8_t guid[16];
        guid_bytes(guids[i], guid);
        entry(table + 24 * i, guid, (uint32_t)(HEADER + EACH * i), EACH);
        memset(table + HEADER + EACH * i, 'a' + (int)i, EACH);
    }
}

static void certificates_are_told_by_their_guid(void **state)
{
    (void)state;
    uint8_t table[TABLE];
    struct capsa_snp_certs certs;
    make_table(table);
    assert_memory_equal(table, vcek_guid, 16);
    assert_ok(capsa_snp_certs_parse(capsa_bytes_of(table, TABLE), &certs));
    const capsa_bytes *all[] = {&certs.vcek, &certs.vlek, &certs.ask, &certs.ark, &certs.crl};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(all[i]->len, EACH);
        assert_ptr_equal(all[i]->data, table + HEADER + EACH * i);
    }
    assert_ok(capsa_snp_certs_parse(capsa_bytes_of(NULL, 0), &certs));
    assert_int_equal(certs.vcek.len + certs.vlek.len + certs.ask.len, 0);
    assert_ok(capsa_snp_certs_parse(capsa_bytes_of(table + 24 * ENTRIES, 24), &certs));
    assert_int_equal(certs.vcek.len, 0);
}

static void A28_no_truncated_table_is_parsed_or_read_behind_its_end(void **state)
{
    (void)state;
    uint8_t table[TABLE];
    make_table(table);
    for (size_t len = 1; len < TABLE; len++) {
        uint8_t *copy = exact_copy(table, len);
        struct capsa_snp_certs certs = {.ask = {copy, 77}};
        assert_true(capsa_failed(capsa_snp_certs_parse(capsa_bytes_of(copy, len), &certs)));
        assert_int_equal(certs.ask.len, 77);
        free(copy);
    }
}

static void A28_entries_at_their_extremes_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset, length;
        bool taken;
    } places[] = {
        {HEADER, TABLE - HEADER, true}, /* certificates may lie in each other */
        {TABLE, 0, true},
        {HEADER, 0, true},
        {HEADER - 1, 1, false},
        {0, 1, false},
        {0, 0, false},
        {HEADER, TABLE - HEADER + 1, false},
        {TABLE, 1, false},
        {TABLE - 1, 2, false},
        {TABLE + 1, 0, false},
        {UINT32_MAX, 0, false},
        {UINT32_MAX, 1, false},
        {UINT32_MAX, UINT32_MAX, false},
        {HEADER, UINT32_MAX, false},
        {HEADER, UINT32_MAX - HEADER + 1, false},
        {HEADER, 0x80000000, false},
    };
    for (size_t last = 0; last < 2; last++) { /* of a kind that is known, and of none */
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            uint8_t table[TABLE];
            struct capsa_snp_certs certs;
            make_table(table);
            put_le(table + (last ? 24 * 5 : 0) + 16, places[i].offset, 4);
            put_le(table + (last ? 24 * 5 : 0) + 20, places[i].length, 4);
            capsa_result parsed = capsa_snp_certs_parse(capsa_bytes_of(table, TABLE), &certs);
            if (capsa_failed(parsed) == places[i].taken) {
                fail_msg("place %zu: %s", i, capsa_text_of(parsed));
            }
        }
    }
}

static void a_certificate_twice_or_a_table_without_end_is_refused(void **state)
{
    (void)state;
    uint8_t table[TABLE];
    struct capsa_snp_certs certs;
    make_table(table);
    memcpy(table + 24 * 5, vcek_guid, 16);
    assert_fails(capsa_snp_certs_parse(capsa_bytes_of(table, TABLE), &certs), MALFORMED);

    CAPSA_AUTO(capsa_buf) endless = capsa_buf_of(EVIDENCE_MAX);
    append_pattern(&endless, (size_t)24 * 66);
    assert_fails(capsa_snp_certs_parse(capsa_buf_bytes(&endless), &certs), TOO_LARGE);
    /* 64 entries of no known kind, and the one that closes. */
    for (size_t i = 0; i < 64; i++) {
        put_le(endless.data + 24 * i + 16, 24 * 65, 4);
        put_le(endless.data + 24 * i + 20, 1, 4);
    }
    memset(endless.data + (size_t)24 * 64, 0, 24);
    assert_ok(capsa_snp_certs_parse(capsa_buf_bytes(&endless), &certs));
}

/* ---- Recorded vectors ------------------------------------------------------------------------ */

struct seen {
    size_t reports, claims;
};

static uint64_t number_of(const struct capsa_json *fields, const char *name)
{
    const struct capsa_json *value = capsa_json_get(fields, name);
    assert_non_null(value);
    return capsa_json_kind_of(value) == CAPSA_JSON_STRING
               ? strtoull(capsa_json_string(value), NULL, 0)
               : (uint64_t)capsa_json_int(value);
}

static void compare_report(const char *name, const struct capsa_snp_report *snp,
                           const struct capsa_json *fields)
{
    const struct {
        const char *field;
        uint64_t got;
    } numbers[] = {
        {"version", snp->version},
        {"guest_svn", snp->guest_svn},
        {"policy", snp->policy},
        {"vmpl", snp->vmpl},
        {"signature_algo", snp->signature_algo},
        {"platform_info", snp->platform_info},
        {"flags", snp->flags},
        {"author_key_en", snp->author_key},
        {"mask_chip_key", snp->mask_chip_key},
        {"signing_key", snp->signing_key},
        {"policy_debug", (snp->policy & CAPSA_SNP_POLICY_DEBUG) != 0},
        {"policy_smt", (snp->policy & CAPSA_SNP_POLICY_SMT) != 0},
        {"policy_migrate_ma", (snp->policy & CAPSA_SNP_POLICY_MIGRATION) != 0},
        {"policy_single_socket", (snp->policy & CAPSA_SNP_POLICY_SINGLE_SOCKET) != 0},
    };
    char version[32];
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (number_of(fields, numbers[i].field) != numbers[i].got) {
            fail_msg("%s: %s differs", name, numbers[i].field);
        }
    }
    (void)snprintf(version, sizeof(version), "%u.%u.%u", snp->current_version[0],
                   snp->current_version[1], snp->current_version[2]);
    assert_string_equal(version, capsa_json_string(capsa_json_get(fields, "current_version")));
    (void)snprintf(version, sizeof(version), "%u.%u.%u", snp->committed_version[0],
                   snp->committed_version[1], snp->committed_version[2]);
    assert_string_equal(version, capsa_json_string(capsa_json_get(fields, "committed_version")));
    if (snp->version >= 3) {
        assert_int_equal(number_of(fields, "cpuid_fam_id"), snp->cpuid_family);
        assert_int_equal(number_of(fields, "cpuid_mod_id"), snp->cpuid_model);
        assert_int_equal(number_of(fields, "cpuid_step"), snp->cpuid_stepping);
    }
}

static void try_real(const char *name, const struct capsa_json *expected, void *context)
{
    struct seen *seen = context;
    const struct capsa_json *fields = capsa_json_get(expected, "fields");
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_snp_report snp;
    struct capsa_claims claims;
    if (!capsa_streq(capsa_json_string(capsa_json_get(expected, "platform")), "snp")) {
        return;
    }
    assert_true(vector_file(name, "report.bin", &bytes));
    capsa_result parsed = capsa_snp_report_parse(capsa_buf_bytes(&bytes), &snp);
    if (capsa_failed(parsed)) {
        fail_msg("%s: %s", name, capsa_text_of(parsed));
    }
    compare_report(name, &snp, fields);
    if (snp.version >= 3) {
        assert_string_equal(capsa_snp_product_name(snp.product),
                            capsa_json_string(capsa_json_get(expected, "product")));
    }
    assert_ok(capsa_snp_claims(&snp, &claims));
    seen->claims += compare_claims(name, fields, &claims);
    seen->reports++;
}

static void real_reports_say_what_was_recorded(void **state)
{
    (void)state;
    struct seen seen = {0, 0};
    (void)each_vector("", try_real, &seen);
    assert_true(seen.reports >= 10);
    assert_true(seen.claims >= 12 * seen.reports);
}

static void try_mutation(const char *name, const struct capsa_json *expected, void *context)
{
    static const char *const broken[] = {"_empty",     "_extended",  "_truncated_0x2a0",
                                         "_truncated", "_version_0", "_version_9"};
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(EVIDENCE_MAX);
    struct capsa_snp_report snp;
    bool is_broken = false;
    (void)expected;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        is_broken = is_broken || strstr(name, broken[i]) != NULL;
    }
    assert_true(vector_file(name, "report.bin", &bytes));
    capsa_result parsed = capsa_snp_report_parse(capsa_buf_bytes(&bytes), &snp);
    if (capsa_failed(parsed) != is_broken) {
        fail_msg("%s: %s", name, capsa_text_of(parsed));
    }
    *(size_t *)context += 1;
}

static void mutations_parse_unless_their_structure_is_wrong(void **state)
{
    (void)state;
    size_t count = 0;
    (void)each_vector("mutations_snp", try_mutation, &count);
    assert_true(count >= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_stands_where_the_format_puts_it),
        cmocka_unit_test(A11_versions_that_are_not_known_are_refused),
        cmocka_unit_test(reserved_bytes_must_be_zero),
        cmocka_unit_test(A28_only_the_exact_length_is_a_report),
        cmocka_unit_test(the_header_of_the_ioctl_is_taken_off),
        cmocka_unit_test(the_product_follows_from_family_and_model),
        cmocka_unit_test(parts_of_a_tcb_stand_by_product),
        cmocka_unit_test(claims_are_the_fields_as_in_memory),
        cmocka_unit_test(certificates_are_told_by_their_guid),
        cmocka_unit_test(A28_no_truncated_table_is_parsed_or_read_behind_its_end),
        cmocka_unit_test(A28_entries_at_their_extremes_are_refused),
        cmocka_unit_test(a_certificate_twice_or_a_table_without_end_is_refused),
        cmocka_unit_test(real_reports_say_what_was_recorded),
        cmocka_unit_test(mutations_parse_unless_their_structure_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
