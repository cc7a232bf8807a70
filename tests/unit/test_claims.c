/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: the tables of claims, composites, and claims as JSON.
 */
#include "evidence/claims.h"
#include "evidence_bytes.h"

static void platforms_are_found_by_both_their_names(void **state)
{
    (void)state;
    static const struct {
        enum capsa_platform platform;
        const char *name, *ual;
    } known[] = {{CAPSA_PLATFORM_SGX, "sgx", "SGX_DCAP"},
                 {CAPSA_PLATFORM_TDX, "tdx", "TDX"},
                 {CAPSA_PLATFORM_SNP, "snp", "SNP"},
                 {CAPSA_PLATFORM_CSV, "csv", "CSV"}};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(capsa_platform_name(known[i].platform), known[i].name);
        assert_string_equal(capsa_platform_ual(known[i].platform), known[i].ual);
        assert_int_equal(capsa_platform_by_name(known[i].name), known[i].platform);
        assert_int_equal(capsa_platform_by_ual(known[i].ual), known[i].platform);
    }
    assert_int_equal(CAPSA_PLATFORM_COUNT, 5);
    assert_string_equal(capsa_platform_name(CAPSA_PLATFORM_NONE), "none");
    assert_string_equal(capsa_platform_name((enum capsa_platform)99), "none");
    /* Nothing is found by the name of nothing. */
    static const char *const unknown[] = {"", "none", "SGX", "sgx ", "sgx_dcap", "sim"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(capsa_platform_by_name(unknown[i]), CAPSA_PLATFORM_NONE);
        assert_int_equal(capsa_platform_by_ual(capsa_streq(unknown[i], "SGX") ? "sgx" : unknown[i]),
                         CAPSA_PLATFORM_NONE);
    }
}

static void names_of_claims_are_unique_on_their_platform(void **state)
{
    (void)state;
    for (size_t i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        const struct capsa_claim_type *type = capsa_claim_type((enum capsa_claim)i);
        enum capsa_claim found;
        assert_true(capsa_claim_by_name(type->platform, type->name, &found));
        assert_int_equal(found, i);
        assert_int_equal(type->kind == CAPSA_CLAIM_NUMBER, type->size == 0);
        assert_true(type->size <= CAPSA_CLAIM_BYTES);
        for (size_t j = 0; j < capsa_composites_count; j++) {
            assert_false(capsa_composites[j].platform == type->platform &&
                         capsa_streq(capsa_composites[j].name, type->name));
        }
    }
    enum capsa_claim claim = CAPSA_CLAIM_SNP_VMPL;
    assert_false(capsa_claim_by_name(CAPSA_PLATFORM_SGX, "mr_td", &claim));
    assert_false(capsa_claim_by_name(CAPSA_PLATFORM_NONE, "mr_td", &claim));
    assert_int_equal(claim, CAPSA_CLAIM_SNP_VMPL);
    assert_true(capsa_claim_by_name(CAPSA_PLATFORM_TDX, "mr_td", &claim));
    assert_int_equal(claim, CAPSA_CLAIM_TDX_MR_TD);
    assert_null(capsa_claim_type(CAPSA_CLAIM_COUNT));
}

static void who_speaks_for_a_claim_is_named(void **state)
{
    (void)state;
    static const struct {
        enum capsa_claim claim;
        const char *provenance;
    } known[] = {{CAPSA_CLAIM_SGX_MR_ENCLAVE, "measured"}, {CAPSA_CLAIM_SGX_CONFIG_ID, "host"},
                 {CAPSA_CLAIM_TDX_RTMR3, "guest"},         {CAPSA_CLAIM_TDX_FMSPC, "endorsed"},
                 {CAPSA_CLAIM_SNP_HOST_DATA, "host"},      {CAPSA_CLAIM_CSV_CHIP_ID, "asserted"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_string_equal(capsa_provenance_name(capsa_claim_type(known[i].claim)->provenance),
                            known[i].provenance);
    }
    assert_string_equal(capsa_provenance_name((enum capsa_provenance)77), "unknown");
}

/* A8: a value of a wrong size must not become a shorter or an empty one that something matches. */
static void A8_a_value_of_a_wrong_size_is_absent(void **state)
{
    (void)state;
    static const uint8_t bytes[80] = {1, 2, 3};
    struct capsa_claims claims = {.platform = CAPSA_PLATFORM_SGX};
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        capsa_claim_set_bytes(&claims, CAPSA_CLAIM_SGX_MR_ENCLAVE, capsa_bytes_of(bytes, len));
        assert_int_equal(claims.values[CAPSA_CLAIM_SGX_MR_ENCLAVE].present, len == 32);
        assert_int_equal(capsa_claim_bytes(&claims, CAPSA_CLAIM_SGX_MR_ENCLAVE).len,
                         len == 32 ? 32 : 0);
        capsa_claim_set_bytes(&claims, CAPSA_CLAIM_CSV_CHIP_ID, capsa_bytes_of(bytes, len));
        assert_int_equal(claims.values[CAPSA_CLAIM_CSV_CHIP_ID].present, len <= 64);
    }
    capsa_claim_set_bytes(&claims, CAPSA_CLAIM_SGX_ISV_SVN, capsa_bytes_of(bytes, 0));
    assert_false(claims.values[CAPSA_CLAIM_SGX_ISV_SVN].present);
    capsa_claim_set_number(&claims, CAPSA_CLAIM_SGX_MR_SIGNER, 1);
    assert_false(claims.values[CAPSA_CLAIM_SGX_MR_SIGNER].present);
    capsa_claim_set_number(&claims, CAPSA_CLAIM_SGX_ISV_SVN, 0);
    assert_true(claims.values[CAPSA_CLAIM_SGX_ISV_SVN].present);
}

static void report_data_is_found_on_every_platform(void **state)
{
    (void)state;
    static const enum capsa_claim data[] = {
        CAPSA_CLAIM_SGX_REPORT_DATA, CAPSA_CLAIM_TDX_REPORT_DATA, CAPSA_CLAIM_SNP_REPORT_DATA,
        CAPSA_CLAIM_CSV_REPORT_DATA};
    uint8_t bytes[64];
    memset(bytes, 9, sizeof(bytes));
    for (size_t i = 0; i < 4; i++) {
        struct capsa_claims claims = {.platform = capsa_claim_type(data[i])->platform};
        assert_int_equal(capsa_claims_report_data(&claims).len, 0);
        capsa_claim_set_bytes(&claims, data[i], capsa_bytes_of(bytes, 64));
        assert_int_equal(capsa_claims_report_data(&claims).len, 64);
        assert_int_equal(capsa_claims_report_data(&claims).data[63], 9);
        claims.platform = CAPSA_PLATFORM_NONE;
        assert_int_equal(capsa_claims_report_data(&claims).len, 0);
    }
}

/* ---- Composites ------------------------------------------------------------------------------ */

/* Every claim's bytes are its own number. */
static void fill(enum capsa_platform platform, struct capsa_claims *claims)
{
    *claims = (struct capsa_claims){.platform = platform};
    for (size_t i = 0; i < CAPSA_CLAIM_COUNT; i++) {
        const enum capsa_claim claim = (enum capsa_claim)i;
        const struct capsa_claim_type *type = capsa_claim_type(claim);
        uint8_t bytes[CAPSA_CLAIM_BYTES];
        memset(bytes, (int)(i + 1), sizeof(bytes));
        if (type->platform != platform) {
            continue;
        }
        if (type->kind == CAPSA_CLAIM_NUMBER) {
            capsa_claim_set_number(claims, claim, i + 1);
        } else if (type->kind == CAPSA_CLAIM_TEXT) {
            capsa_claim_set_bytes(claims, claim, capsa_bytes_str("Milan"));
        } else {
            capsa_claim_set_bytes(claims, claim, capsa_bytes_of(bytes, type->size));
        }
    }
}

static const struct capsa_composite *composite(enum capsa_platform platform, const char *name)
{
    for (size_t i = 0; i < capsa_composites_count; i++) {
        if (capsa_composites[i].platform == platform &&
            capsa_streq(capsa_composites[i].name, name)) {
            return &capsa_composites[i];
        }
    }
    fail_msg("no composite %s", name);
    return NULL;
}

static void composites_are_their_parts_in_the_originals_order(void **state)
{
    (void)state;
    static const struct {
        enum capsa_platform platform;
        const char *name;
        enum capsa_claim parts[7];
        size_t count;
    } known[] = {
        {CAPSA_PLATFORM_TDX,
         "mr_plat",
         {CAPSA_CLAIM_TDX_MR_SEAM, CAPSA_CLAIM_TDX_MR_SIGNER_SEAM, CAPSA_CLAIM_TDX_MR_TD,
          CAPSA_CLAIM_TDX_MR_CONFIG_ID, CAPSA_CLAIM_TDX_MR_OWNER, CAPSA_CLAIM_TDX_MR_OWNER_CONFIG},
         6},
        {CAPSA_PLATFORM_TDX, "mr_boot", {CAPSA_CLAIM_TDX_RTMR0, CAPSA_CLAIM_TDX_RTMR1}, 2},
        {CAPSA_PLATFORM_TDX, "mr_ta", {CAPSA_CLAIM_TDX_RTMR2, CAPSA_CLAIM_TDX_RTMR3}, 2},
        {CAPSA_PLATFORM_CSV, "mr_boot", {CAPSA_CLAIM_CSV_MEASURE}, 1},
    };
    assert_int_equal(capsa_composites_count, 4);
    for (size_t i = 0; i < 4; i++) {
        struct capsa_claims claims;
        CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(KIB(2));
        CAPSA_AUTO(capsa_buf) got = capsa_buf_of(KIB(2));
        fill(known[i].platform, &claims);
        for (size_t j = 0; j < known[i].count; j++) {
            assert_ok(capsa_hex_write(capsa_claim_bytes(&claims, known[i].parts[j]), &wanted));
        }
        assert_ok(capsa_composite_hex(&claims, composite(known[i].platform, known[i].name), &got));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&got), capsa_buf_bytes(&wanted)));
    }
}

/* A16: a missing register is not "do not care". */
static void A16_half_a_composite_is_none(void **state)
{
    (void)state;
    struct capsa_claims claims;
    CAPSA_AUTO(capsa_buf) got = capsa_buf_of(KIB(2));
    fill(CAPSA_PLATFORM_TDX, &claims);
    claims.values[CAPSA_CLAIM_TDX_RTMR1].present = false;
    assert_fails(capsa_composite_hex(&claims, composite(CAPSA_PLATFORM_TDX, "mr_boot"), &got),
                 NOT_FOUND);
    assert_fails(capsa_composite_hex(&claims, composite(CAPSA_PLATFORM_CSV, "mr_boot"), &got),
                 NOT_FOUND);
    assert_int_equal(got.len, 0);
    got.max = 100; /* too small: nothing stays */
    assert_fails(capsa_composite_hex(&claims, composite(CAPSA_PLATFORM_TDX, "mr_plat"), &got),
                 TOO_LARGE);
    assert_int_equal(got.len, 0);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_holds_what_is_present_and_nothing_else(void **state)
{
    (void)state;
    for (unsigned i = 1; i < CAPSA_PLATFORM_COUNT; i++) {
        const enum capsa_platform platform = (enum capsa_platform)i;
        struct capsa_claims claims;
        struct capsa_json *json = NULL;
        size_t present = 0, composites = 0;
        fill(platform, &claims);
        claims.debug = i % 2 == 1;
        for (size_t j = 0; j < CAPSA_CLAIM_COUNT; j++) {
            present += claims.values[j].present;
        }
        for (size_t j = 0; j < capsa_composites_count; j++) {
            composites += capsa_composites[j].platform == platform;
        }
        assert_ok(capsa_claims_json(&claims, &json));
        assert_int_equal(capsa_json_count(json), 3);
        assert_string_equal(capsa_json_string(capsa_json_get(json, "platform")),
                            capsa_platform_name(platform));
        assert_int_equal(capsa_json_bool(capsa_json_get(json, "debug")), claims.debug);
        assert_int_equal(capsa_json_count(capsa_json_get(json, capsa_platform_name(platform))),
                         present + composites);
        capsa_json_free(json);
    }
}

static void json_is_written_as_documented(void **state)
{
    (void)state;
    struct capsa_claims claims = {.platform = CAPSA_PLATFORM_CSV, .debug = true};
    struct capsa_json *json = NULL;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
    uint8_t policy[4] = {0x45, 0, 0, 0xab};
    capsa_claim_set_bytes(&claims, CAPSA_CLAIM_CSV_POLICY, capsa_bytes_of(policy, 4));
    capsa_claim_set_bytes(&claims, CAPSA_CLAIM_CSV_CHIP_ID, capsa_bytes_str("CHIP1"));
    capsa_claim_set_number(&claims, CAPSA_CLAIM_SGX_ISV_SVN, 3); /* of another platform */
    assert_ok(capsa_claims_json(&claims, &json));
    assert_ok(capsa_json_write(json, CAPSA_JSON_COMPACT, &text));
    capsa_json_free(json);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&text),
                               "{\"platform\":\"csv\",\"debug\":true,\"csv\":{\"policy\":\"450000ab"
                               "\",\"chip_id\":\"CHIP1\"}}"));
    json = NULL;
    capsa_claim_set_bytes(&claims, CAPSA_CLAIM_CSV_CHIP_ID, capsa_bytes_str("\xff\xfe"));
    assert_fails(capsa_claims_json(&claims, &json), MALFORMED);
    assert_null(json);
    claims = (struct capsa_claims){.platform = CAPSA_PLATFORM_SGX};
    capsa_claim_set_number(&claims, CAPSA_CLAIM_SGX_ISV_SVN, UINT64_MAX);
    assert_fails(capsa_claims_json(&claims, &json), MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(platforms_are_found_by_both_their_names),
        cmocka_unit_test(names_of_claims_are_unique_on_their_platform),
        cmocka_unit_test(who_speaks_for_a_claim_is_named),
        cmocka_unit_test(A8_a_value_of_a_wrong_size_is_absent),
        cmocka_unit_test(report_data_is_found_on_every_platform),
        cmocka_unit_test(composites_are_their_parts_in_the_originals_order),
        cmocka_unit_test(A16_half_a_composite_is_none),
        cmocka_unit_test(json_holds_what_is_present_and_nothing_else),
        cmocka_unit_test(json_is_written_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
