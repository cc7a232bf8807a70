/* SPDX-License-Identifier: Apache-2.0
 *
 * Attesters that read and write files: Gramine's, and configfs-tsm of TDX and SEV-SNP guests, each
 * against a file system that behaves as the real one (fake_gramine.c, fake_tsm.c), and misbehaves
 * on demand.
 */
#include "fake_scene.h"

#include <pthread.h>

#define TSM "/sys/kernel/config/tsm/report"

static struct fake_scene scene; /* one at a time: made by the group */

static int scene_make(void **state)
{
    (void)state;
    fake_scene_make(&scene);
    return 0;
}

static int scene_drop(void **state)
{
    (void)state;
    fake_scene_drop(&scene);
    return 0;
}

static int scene_stop(void **state)
{
    (void)state;
    fake_stop(&scene);
    return 0;
}

static void start_tsm_recorded(const char *provider, const char *fault, const char *certs,
                               const char *report)
{
    char mount[256];
    fake_make(&scene, TSM, true);
    (void)snprintf(mount, sizeof(mount), "%s" TSM, scene.root);
    const char *argv[] = {
        CAPSA_FAKES "/fake_tsm", mount, provider, scene.sim, fault, certs, report, NULL};
    fake_mount(&scene, argv);
}

static void start_tsm(const char *provider, const char *fault, const char *certs)
{
    start_tsm_recorded(provider, fault, certs, NULL);
}

static void start_gramine(const char *fault)
{
    char mount[256];
    fake_make(&scene, "/dev/attestation", true);
    (void)snprintf(mount, sizeof(mount), "%s/dev/attestation", scene.root);
    const char *argv[] = {CAPSA_FAKES "/fake_gramine", mount, scene.sim, fault, NULL};
    fake_mount(&scene, argv);
}

static void assert_no_directory_left(void)
{
    char mount[256];
    (void)snprintf(mount, sizeof(mount), "%s" TSM, scene.root);
    assert_int_equal(test_count_files(mount), 0);
}

/* ---- One question ---------------------------------------------------------------------------- */

struct expected {
    const char *fault;
    enum capsa_code code;
    const char *says; /* in the error's text */
};

static void ask(const char *name, unsigned number, const struct expected *expected)
{
    const struct capsa_attester *attester = capsa_attester_by_name(name);
    const struct capsa_attester_options options = {.root = scene.root, .tries = 3};
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    fake_report_data(number, report_data);
    assert_non_null(attester);
    assert_true(attester->present(attester, &options));
    capsa_result result =
        attester->collect(attester, &options, report_data, &evidence, &collateral);
    if (capsa_code_of(result) != expected->code) {
        fail_msg("%s, %s: wanted %s, got %s: %s", name, expected->fault,
                 capsa_code_name(expected->code), capsa_code_name(capsa_code_of(result)),
                 capsa_text_of(result));
    }
    if (expected->code == CAPSA_E_OK) {
        assert_binds(attester->platform, capsa_buf_bytes(&evidence), report_data);
        return;
    }
    assert_int_equal(evidence.len, 0);
    assert_true(capsa_collateral_is_empty(&collateral));
    if (strstr(capsa_text_of(result), expected->says) == NULL) {
        fail_msg("%s, %s: \"%s\" is not in \"%s\"", name, expected->fault, expected->says,
                 capsa_text_of(result));
    }
}

/* ---- Gramine --------------------------------------------------------------------------------- */

static void gramine_makes_a_quote_and_says_what_hinders_it(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"none", CAPSA_E_OK, ""},
        {"none_type", CAPSA_E_UNSUPPORTED, "says \"none\""},
        {"forbidden", CAPSA_E_IO, "/dev/attestation/quote: Permission denied"},
        {"other_data", CAPSA_E_EVIDENCE, "binds other report data"},
        {"other_platform", CAPSA_E_EVIDENCE, "evidence of Intel TDX, and Intel SGX was asked for"},
        {"short", CAPSA_E_TRUNCATED, "Gramine"},
        {"oversize", CAPSA_E_TOO_LARGE, "/dev/attestation/quote"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start_gramine(cases[i].fault);
        ask("sgx", i, &cases[i]);
        fake_stop(&scene);
    }
}

#define THREADS 4
#define ROUNDS  8

/* The files are the process's: without a lock threads bind each other's bytes. */
static void *collect_some(void *data)
{
    unsigned *thread = data, bad = 0;
    const struct capsa_attester_options options = {.root = scene.root, .tries = 1};
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t report_data[CAPSA_REPORT_DATA];
        CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(MIB(1));
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        fake_report_data(*thread * ROUNDS + i, report_data);
        const struct capsa_attester *sgx = capsa_attester_by_name("sgx");
        bad += capsa_failed(sgx->collect(sgx, &options, report_data, &evidence, &collateral));
    }
    *thread = bad;
    return NULL;
}

static void threads_under_gramine_bind_each_their_own(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    unsigned data[THREADS];
    start_gramine("none");
    for (unsigned i = 0; i < THREADS; i++) {
        data[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, collect_some, &data[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(data[i], 0);
    }
}

/* ---- configfs-tsm ---------------------------------------------------------------------------- */

static const struct expected tsm_cases[] = {
    {"none", CAPSA_E_OK, ""},
    {"mkdir_busy_once", CAPSA_E_OK, ""},
    {"write_busy_once", CAPSA_E_OK, ""},
    {"read_busy_once", CAPSA_E_OK, ""},
    {"read_interrupted_once", CAPSA_E_OK, ""},
    {"read_timeout_once", CAPSA_E_OK, ""},
    {"write_race_once", CAPSA_E_OK, ""},
    {"read_race_once", CAPSA_E_OK, ""},
    {"race", CAPSA_E_BUSY, "generation 43, wanted 42"},
    {"busy", CAPSA_E_BUSY, "inblob"},
    {"forbidden", CAPSA_E_IO, "Permission denied"},
    {"gone", CAPSA_E_UNSUPPORTED, "inblob: No such device or address"},
    {"empty", CAPSA_E_TRUNCATED, "outblob is empty"},
    {"short", CAPSA_E_MALFORMED, "configfs-tsm"},
    {"oversize", CAPSA_E_TOO_LARGE, "outblob"},
    {"other_data", CAPSA_E_EVIDENCE, "binds other report data"},
    {"other_platform", CAPSA_E_EVIDENCE, "was asked for"},
};

static void try_tsm(const char *name, const char *provider)
{
    for (unsigned i = 0; i < sizeof(tsm_cases) / sizeof(tsm_cases[0]); i++) {
        struct expected expected = tsm_cases[i];
        if (strcmp(expected.fault, "short") == 0 && strcmp(name, "tdx") == 0) {
            expected.code = CAPSA_E_TRUNCATED; /* its header is still that of a quote */
        }
        start_tsm(provider, expected.fault, NULL);
        ask(name, i, &expected);
        assert_no_directory_left();
        fake_stop(&scene);
    }
}

static void tdx_reports_by_configfs(void **state)
{
    (void)state;
    try_tsm("tdx", "tdx_guest");
}

static void snp_reports_by_configfs(void **state)
{
    (void)state;
    try_tsm("snp", "sev_guest");
}

static void a_provider_of_another_platform_is_refused(void **state)
{
    (void)state;
    static const struct expected sev = {"none", CAPSA_E_EVIDENCE, "\"sev_guest\""};
    static const struct expected arm = {"none", CAPSA_E_EVIDENCE, "\"arm_cca_guest\""};
    start_tsm("sev_guest", "none", NULL);
    ask("tdx", 1, &sev);
    assert_no_directory_left();
    fake_stop(&scene);
    start_tsm("arm_cca_guest", "none", NULL);
    ask("snp", 2, &arm);
    assert_no_directory_left();
}

/* Below an SVSM: without having asked for its own level the fake, as the kernel, says EINVAL. */
static void a_guest_below_another_asks_for_its_own_level(void **state)
{
    (void)state;
    static const struct expected good = {"floor", CAPSA_E_OK, ""};
    start_tsm("sev_guest", "floor", NULL);
    ask("snp", 3, &good);
    assert_no_directory_left();
}

static void certificates_beside_a_report_are_collateral(void **state)
{
    (void)state;
    const struct capsa_attester_options options = {.root = scene.root, .tries = 3};
    uint8_t report_data[CAPSA_REPORT_DATA];
    char certs[256];
    if (!fake_certs_file(&scene, certs)) {
        skip();
    }
    start_tsm("sev_guest", "none", certs);
    CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    fake_report_data(4, report_data);
    const struct capsa_attester *snp = capsa_attester_by_name("snp");
    assert_ok(snp->collect(snp, &options, report_data, &evidence, &collateral));
    assert_true(collateral.snp_leaf.len > 0);
    assert_true(collateral.snp_ask.len > 0);
    assert_int_equal(collateral.snp_ark.len, 0);
}

static void a_table_of_certificates_that_points_outside_is_refused(void **state)
{
    (void)state;
    static const struct expected bad = {"none", CAPSA_E_MALFORMED, "certificate table"};
    char certs[256];
    uint8_t table[48] = {0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45, 0xad, 0xc5, 0xf4,
                         0xb9, 0x3b, 0xe8, 0xac, 0xcd, 48,   0,    0,    0,    9};
    (void)snprintf(certs, sizeof(certs), "%s/certs", scene.top);
    assert_ok(capsa_file_write(certs, capsa_bytes_of(table, sizeof(table)), 0600, true));
    start_tsm("sev_guest", "none", certs);
    ask("snp", 5, &bad);
    assert_no_directory_left();
}

/* What real hardware made, asked for with what it binds, comes out byte by byte; asked for with
 * anything else it does not. */
static void recorded_reports_come_out_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *name, *provider, *file;
    } cases[] = {
        {"tdx", "tdx_guest", "attestation/tdx_v4_uptodate_20A06F/quote.bin"},
        {"tdx", "tdx_guest", "attestation/tdx_v5_uptodate/quote.bin"},
        {"snp", "sev_guest", "attestation/snp_v2_milan_vcek/report.bin"},
        {"snp", "sev_guest", "attestation/snp_v3_milan_vlek/report.bin"},
        {"snp", "sev_guest", "attestation/snp_v5_turin_vcek/report.bin"},
    };
    char path[VECTOR_PATH];
    test_vector_path(cases[0].file, path);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no recorded vector at %s\n", path);
        skip();
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct capsa_attester *attester = capsa_attester_by_name(cases[i].name);
        const struct capsa_attester_options options = {.root = scene.root, .tries = 1};
        uint8_t wanted[CAPSA_REPORT_DATA];
        struct capsa_claims claims;
        test_vector_path(cases[i].file, path);
        start_tsm_recorded(cases[i].provider, "none", "-", path);
        CAPSA_AUTO(capsa_buf) recorded = capsa_buf_of(MIB(1));
        CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(MIB(1));
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        assert_ok(capsa_file_read(path, &recorded));
        assert_ok(capsa_evidence_claims(attester->platform, capsa_buf_bytes(&recorded), &claims));
        memcpy(wanted, capsa_claims_report_data(&claims).data, sizeof(wanted));
        assert_ok(attester->collect(attester, &options, wanted, &evidence, &collateral));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&evidence), capsa_buf_bytes(&recorded)));
        capsa_buf_clear(&evidence);
        wanted[CAPSA_REPORT_DATA - 1] ^= 0x80;
        assert_fails(attester->collect(attester, &options, wanted, &evidence, &collateral),
                     EVIDENCE);
        assert_int_equal(evidence.len, 0);
        fake_stop(&scene);
    }
}

/* ---- Without any ----------------------------------------------------------------------------- */

static void a_machine_without_an_interface_is_told_what_was_looked_for(void **state)
{
    (void)state;
    static const struct {
        const char *name, *says;
    } cases[] = {{"sgx", "Gramine's /dev/attestation, Occlum's /dev/sgx"},
                 {"tdx", "/dev/tdx_guest"},
                 {"snp", "/dev/sev-guest"},
                 {"csv", "/dev/csv-guest"}};
    const struct capsa_attester_options options = {.root = "/nonexistent"};
    static const uint8_t report_data[CAPSA_REPORT_DATA];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct capsa_attester *attester = capsa_attester_by_name(cases[i].name);
        CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(MIB(1));
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        assert_non_null(attester);
        assert_string_equal(attester->name, capsa_platform_name(attester->platform));
        assert_false(attester->present(attester, &options));
        capsa_result result =
            attester->collect(attester, &options, report_data, &evidence, &collateral);
        assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
        assert_non_null(strstr(capsa_text_of(result), cases[i].says));
    }
    assert_null(capsa_attester_by_name("SGX"));
    assert_null(capsa_attester_by_name(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_an_interface_is_told_what_was_looked_for),
        cmocka_unit_test_teardown(gramine_makes_a_quote_and_says_what_hinders_it, scene_stop),
        cmocka_unit_test_teardown(threads_under_gramine_bind_each_their_own, scene_stop),
        cmocka_unit_test_teardown(recorded_reports_come_out_as_they_are, scene_stop),
        cmocka_unit_test_teardown(tdx_reports_by_configfs, scene_stop),
        cmocka_unit_test_teardown(snp_reports_by_configfs, scene_stop),
        cmocka_unit_test_teardown(a_provider_of_another_platform_is_refused, scene_stop),
        cmocka_unit_test_teardown(a_guest_below_another_asks_for_its_own_level, scene_stop),
        cmocka_unit_test_teardown(certificates_beside_a_report_are_collateral, scene_stop),
        cmocka_unit_test_teardown(a_table_of_certificates_that_points_outside_is_refused,
                                  scene_stop),
    };
    return cmocka_run_group_tests_name("attesters of files", tests, scene_make, scene_drop);
}
