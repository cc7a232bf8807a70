/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated platform: its folder, its quotes of every version judged by the very verifier of
 * silicon's, and its attesters.
 */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attester/attester.h"
#include "evidence/evidence_quote.h"
#include "sim_scene.h"

static const struct {
    enum capsa_platform platform;
    unsigned version;
    bool td15;
} kinds[] = {
    {CAPSA_PLATFORM_SGX, 3, false}, {CAPSA_PLATFORM_SGX, 4, false}, {CAPSA_PLATFORM_SGX, 5, false},
    {CAPSA_PLATFORM_TDX, 4, false}, {CAPSA_PLATFORM_TDX, 5, false}, {CAPSA_PLATFORM_TDX, 5, true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void fill(uint8_t *bytes, size_t len, uint8_t with)
{
    memset(bytes, with, len);
}

/* Every field with a value of its own. */
static struct capsa_sim_claims claims_of(size_t kind)
{
    struct capsa_sim_claims claims = {.platform = kinds[kind].platform,
                                      .quote_version = kinds[kind].version,
                                      .td15 = kinds[kind].td15,
                                      .isv_prod_id = 0x1234,
                                      .isv_svn = 0x5678};
    fill(claims.mr_enclave, sizeof(claims.mr_enclave), 0x11);
    fill(claims.mr_signer, sizeof(claims.mr_signer), 0x12);
    fill(claims.mr_td, sizeof(claims.mr_td), 0x13);
    for (size_t i = 0; i < 4; i++) {
        fill(claims.rtmr[i], sizeof(claims.rtmr[i]), (uint8_t)(0x20 + i));
    }
    fill(claims.mr_config_id, sizeof(claims.mr_config_id), 0x14);
    fill(claims.mr_owner, sizeof(claims.mr_owner), 0x15);
    fill(claims.mr_owner_config, sizeof(claims.mr_owner_config), 0x16);
    fill(claims.report_data, sizeof(claims.report_data), 0x17);
    return claims;
}

static void assert_claim(const struct capsa_verdict *verdict, enum capsa_claim claim, uint8_t with)
{
    capsa_bytes bytes = capsa_claim_bytes(&verdict->claims, claim);
    assert_int_equal(bytes.len, capsa_claim_type(claim)->size);
    for (size_t i = 0; i < bytes.len; i++) {
        assert_int_equal(bytes.data[i], with);
    }
}

static void judge(const struct sim_scene *scene, enum capsa_platform platform, capsa_bytes evidence,
                  capsa_time now, struct capsa_verdict *ret_verdict)
{
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_collateral(scene->sim, platform, &collateral));
    const struct capsa_verify_input input = {.platform = platform,
                                             .evidence = evidence,
                                             .collateral = &collateral,
                                             .now = now,
                                             .anchors = scene->anchors};
    capsa_ignore(capsa_appraise(&input, scene->policy, NULL, ret_verdict),
                 "what failed stands in the verdict");
}

static void quotes_say_what_they_shall(void **state)
{
    const struct sim_scene *scene = *state;
    for (size_t i = 0; i < KINDS; i++) {
        const struct capsa_sim_claims claims = claims_of(i);
        CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
        assert_ok(capsa_sim_quote(scene->sim, &claims, &quote));
        struct capsa_quote parsed;
        assert_ok(capsa_quote_parse(capsa_buf_bytes(&quote), &parsed));
        assert_int_equal(parsed.version, kinds[i].version);
        assert_int_equal(parsed.trailing, 0);
        struct capsa_verdict verdict;
        judge(scene, claims.platform, capsa_buf_bytes(&quote), SIM_NOW + 1, &verdict);
        if (!verdict.accepted) {
            fail_msg("kind %zu: %s", i, verdict.reason);
        }
        assert_int_equal(verdict.tcb_status, CAPSA_TCB_UP_TO_DATE);
        assert_int_equal(verdict.anchor_kind, CAPSA_ANCHOR_SIMULATION);
        assert_false(verdict.claims.debug);
        if (claims.platform == CAPSA_PLATFORM_SGX) {
            assert_claim(&verdict, CAPSA_CLAIM_SGX_MR_ENCLAVE, 0x11);
            assert_claim(&verdict, CAPSA_CLAIM_SGX_MR_SIGNER, 0x12);
            assert_claim(&verdict, CAPSA_CLAIM_SGX_REPORT_DATA, 0x17);
            assert_int_equal(verdict.claims.values[CAPSA_CLAIM_SGX_ISV_PROD_ID].number, 0x1234);
            assert_int_equal(verdict.claims.values[CAPSA_CLAIM_SGX_ISV_SVN].number, 0x5678);
            continue;
        }
        assert_claim(&verdict, CAPSA_CLAIM_TDX_MR_TD, 0x13);
        assert_claim(&verdict, CAPSA_CLAIM_TDX_RTMR0, 0x20);
        assert_claim(&verdict, CAPSA_CLAIM_TDX_RTMR1, 0x21);
        assert_claim(&verdict, CAPSA_CLAIM_TDX_RTMR2, 0x22);
        assert_claim(&verdict, CAPSA_CLAIM_TDX_RTMR3, 0x23);
        assert_claim(&verdict, CAPSA_CLAIM_TDX_MR_CONFIG_ID, 0x14);
        assert_claim(&verdict, CAPSA_CLAIM_TDX_MR_OWNER, 0x15);
        assert_claim(&verdict, CAPSA_CLAIM_TDX_MR_OWNER_CONFIG, 0x16);
        assert_claim(&verdict, CAPSA_CLAIM_TDX_REPORT_DATA, 0x17);
        assert_int_equal(capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_TDX_MR_SERVICE_TD).len,
                         claims.td15 ? 48 : 0);
    }
}

static void debug_is_a_claim(void **state)
{
    const struct sim_scene *scene = *state;
    for (size_t i = 0; i < KINDS; i++) {
        struct capsa_sim_claims claims = claims_of(i);
        claims.debug = true;
        CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
        assert_ok(capsa_sim_quote(scene->sim, &claims, &quote));
        struct capsa_verdict verdict;
        judge(scene, claims.platform, capsa_buf_bytes(&quote), SIM_NOW + 1, &verdict);
        assert_false(verdict.accepted);
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_DEBUG);
    }
}

static void what_no_quote_is_is_refused(void **state)
{
    const struct sim_scene *scene = *state;
    const struct capsa_sim_claims wrong[] = {
        {.platform = CAPSA_PLATFORM_TDX, .quote_version = 3},
        {.platform = CAPSA_PLATFORM_SGX, .quote_version = 2},
        {.platform = CAPSA_PLATFORM_SGX, .quote_version = 6},
        {.platform = CAPSA_PLATFORM_SGX, .td15 = true, .quote_version = 5},
        {.platform = CAPSA_PLATFORM_TDX, .td15 = true, .quote_version = 4},
        {.platform = CAPSA_PLATFORM_SNP},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
        assert_fails(capsa_sim_quote(scene->sim, &wrong[i], &quote), USAGE);
        assert_int_equal(quote.len, 0);
    }
}

/* Collateral expires when it says, and renewing it is enough. */
static void renewed_collateral_is_fresh(void **state)
{
    const struct sim_scene *scene = *state;
    const capsa_time later = SIM_NOW + 31 * 86400;
    const struct capsa_sim_claims claims = claims_of(0);
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    assert_ok(capsa_sim_quote(scene->sim, &claims, &quote));
    struct capsa_verdict verdict;
    judge(scene, claims.platform, capsa_buf_bytes(&quote), later, &verdict);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_EXPIRED);
    judge(scene, claims.platform, capsa_buf_bytes(&quote), SIM_NOW - 1, &verdict);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_NOT_YET_VALID);
    assert_ok(capsa_sim_renew(scene->dir, later, 7));
    judge(scene, claims.platform, capsa_buf_bytes(&quote), later, &verdict);
    assert_true(verdict.accepted);
    assert_int_equal(verdict.collateral_expires, later + 7 * 86400);
    assert_ok(capsa_sim_renew(scene->dir, SIM_NOW, 30));
}

static void keys_are_the_owners_alone(void **state)
{
    const struct sim_scene *scene = *state;
    struct stat status;
    assert_int_equal(stat(scene->dir, &status), 0);
    assert_int_equal(status.st_mode & 0777U, 0700);
    int keys = 0;
    DIR *folder = opendir(scene->dir);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *ending = strrchr(entry->d_name, '.');
        if (ending != NULL && capsa_streq(ending, ".key")) {
            char path[512];
            (void)snprintf(path, sizeof(path), "%s/%s", scene->dir, entry->d_name);
            assert_int_equal(stat(path, &status), 0);
            assert_int_equal(status.st_mode & 0777U, 0600);
            keys++;
        }
    }
    (void)closedir(folder);
    assert_int_equal(keys, 6);
}

static void a_folder_in_use_is_left_alone(void **state)
{
    const struct sim_scene *scene = *state;
    assert_fails(capsa_sim_init(scene->dir, SIM_NOW, 30), EXISTS);
    struct capsa_sim *again = NULL;
    assert_ok(capsa_sim_open(scene->dir, &again));
    capsa_sim_free(again);
}

static void a_folder_that_lacks_a_file_is_refused(void **state)
{
    (void)state;
    struct sim_scene scene;
    sim_scene_open(&scene);
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/pck.key", scene.dir);
    assert_int_equal(remove(path), 0);
    struct capsa_sim *opened = NULL;
    assert_fails(capsa_sim_open(scene.dir, &opened), IO);
    assert_null(opened);
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("no key"), 0600, true));
    assert_fails(capsa_sim_open(scene.dir, &opened), MALFORMED);
    sim_scene_close(&scene);
}

/* Two platforms are two: nothing of one is accepted under the root of the other. */
static void A15_each_platform_has_a_root_of_its_own(void **state)
{
    const struct sim_scene *scene = *state;
    struct sim_scene other;
    sim_scene_open(&other);
    const struct capsa_sim_claims claims = claims_of(0);
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    assert_ok(capsa_sim_quote(other.sim, &claims, &quote));
    struct capsa_verdict verdict;
    judge(&other, claims.platform, capsa_buf_bytes(&quote), SIM_NOW + 1, &verdict);
    assert_true(verdict.accepted);
    const uint8_t *ppid = capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_SGX_PPID).data;
    uint8_t other_ppid[16];
    memcpy(other_ppid, ppid, sizeof(other_ppid));
    judge(scene, claims.platform, capsa_buf_bytes(&quote), SIM_NOW + 1, &verdict);
    assert_false(verdict.accepted);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_ANCHOR);
    capsa_buf_clear(&quote);
    assert_ok(capsa_sim_quote(scene->sim, &claims, &quote));
    judge(scene, claims.platform, capsa_buf_bytes(&quote), SIM_NOW + 1, &verdict);
    assert_true(verdict.accepted);
    assert_memory_not_equal(capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_SGX_PPID).data,
                            other_ppid, sizeof(other_ppid));
    sim_scene_close(&other);
}

/* ---- measurements and attesters ---------------------------------------------------------------
 */

static void one_byte_of_code_is_another_measurement(void **state)
{
    const struct sim_scene *scene = *state;
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/../capsa-sim-code-%d", scene->dir, (int)getpid());
    struct capsa_sim_claims claims[3] = {{.platform = CAPSA_PLATFORM_SGX},
                                         {.platform = CAPSA_PLATFORM_SGX},
                                         {.platform = CAPSA_PLATFORM_TDX}};
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("a program"), 0600, true));
    assert_ok(capsa_sim_measure(path, &claims[0]));
    assert_ok(capsa_sim_measure(path, &claims[2]));
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("a prograM"), 0600, true));
    assert_ok(capsa_sim_measure(path, &claims[1]));
    assert_memory_not_equal(claims[0].mr_enclave, claims[1].mr_enclave, 32);
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL(""), 0600, true));
    assert_fails(capsa_sim_measure(path, &claims[1]), USAGE);
    assert_int_equal(remove(path), 0);
    /* SHA-256 and SHA-384 over be32 20, "capsa sim mr_enclave", be32 9, "a program", and the like:
     * printf '\0\0\0\24capsa sim mr_enclave\0\0\0\11a program' | sha256sum */
    static const uint8_t enclave[32] = {0xfa, 0xb0, 0xbf, 0xc5, 0xe4, 0x13, 0xc4, 0x00,
                                        0x86, 0xc1, 0x85, 0x43, 0x2a, 0x33, 0x95, 0x54,
                                        0x35, 0x20, 0xa9, 0xc5, 0x64, 0xe8, 0xef, 0x8c,
                                        0xf7, 0x37, 0x7c, 0x11, 0x01, 0x68, 0x7b, 0xa1};
    static const uint8_t td[48] = {0x9e, 0xeb, 0x4a, 0x87, 0x7c, 0x10, 0x31, 0xb6, 0x81, 0xd0,
                                   0xca, 0x7b, 0x63, 0x41, 0x90, 0xc2, 0x2d, 0x4e, 0xdc, 0x41,
                                   0x64, 0x18, 0x68, 0x16, 0x59, 0x7e, 0x47, 0x7e, 0x5d, 0x8b,
                                   0x85, 0x72, 0x18, 0xc8, 0x96, 0x9c, 0x3e, 0x04, 0x16, 0x76,
                                   0xed, 0xbb, 0xd3, 0x7c, 0x9c, 0xc1, 0x2b, 0xea};
    assert_memory_equal(claims[0].mr_enclave, enclave, sizeof(enclave));
    assert_memory_equal(claims[2].mr_td, td, sizeof(td));
}

static void attesters_collect_what_verifies(void **state)
{
    const struct sim_scene *scene = *state;
    static const struct {
        const char *name;
        enum capsa_claim code;
    } attesters[] = {{"sim-sgx", CAPSA_CLAIM_SGX_MR_ENCLAVE}, {"sim-tdx", CAPSA_CLAIM_TDX_MR_TD}};
    const struct capsa_attester_options options = {.sim_dir = scene->dir};
    uint8_t report_data[CAPSA_REPORT_DATA];
    fill(report_data, sizeof(report_data), 0x42);
    for (size_t i = 0; i < sizeof(attesters) / sizeof(attesters[0]); i++) {
        const struct capsa_attester *attester = capsa_attester_by_name(attesters[i].name);
        assert_non_null(attester);
        assert_true(attester->present(attester, &options));
        CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(MIB(1));
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        assert_ok(attester->collect(attester, &options, report_data, &evidence, &collateral));
        const struct capsa_verify_input input = {.platform = attester->platform,
                                                 .evidence = capsa_buf_bytes(&evidence),
                                                 .collateral = &collateral,
                                                 .now = SIM_NOW + 1,
                                                 .anchors = scene->anchors};
        struct capsa_verdict verdict;
        assert_ok(capsa_appraise(&input, scene->policy, report_data, &verdict));
        struct capsa_sim_claims own = {.platform = attester->platform};
        assert_ok(capsa_sim_measure("/proc/self/exe", &own));
        bool tdx = attester->platform == CAPSA_PLATFORM_TDX;
        capsa_bytes code = capsa_claim_bytes(&verdict.claims, attesters[i].code);
        assert_memory_equal(code.data, tdx ? own.mr_td : own.mr_enclave, code.len);
        report_data[0] ^= 1;
        assert_fails(capsa_appraise(&input, scene->policy, report_data, &verdict), DENIED);
        report_data[0] ^= 1;
    }
}

static void attesters_want_a_platform(void **state)
{
    (void)state;
    const struct capsa_attester *attester = capsa_attester_by_name("sim-sgx");
    const struct capsa_attester_options nowhere = {.sim_dir = "/nonexistent"};
    const struct capsa_attester_options nothing = {.sim_dir = NULL};
    const uint8_t report_data[CAPSA_REPORT_DATA] = {0};
    CAPSA_AUTO(capsa_buf) evidence = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_false(attester->present(attester, &nowhere));
    assert_false(attester->present(attester, &nothing));
    assert_fails(attester->collect(attester, &nowhere, report_data, &evidence, &collateral), IO);
    assert_fails(attester->collect(attester, &nothing, report_data, &evidence, &collateral), USAGE);
    assert_int_equal(evidence.len, 0);
    assert_null(capsa_attester_by_name("sim"));
}

/* Evidence is judged as what it was called, by the verifier of that name or by none. */
static void A20_nothing_stands_in_for_what_is_not_there(void **state)
{
    const struct sim_scene *scene = *state;
    const struct capsa_sim_claims claims = claims_of(0);
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(MIB(1));
    assert_ok(capsa_sim_quote(scene->sim, &claims, &quote));
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    assert_ok(capsa_sim_collateral(scene->sim, CAPSA_PLATFORM_SGX, &collateral));
    for (unsigned platform = 0; platform <= CAPSA_PLATFORM_COUNT; platform++) {
        const struct capsa_verify_input input = {.platform = (enum capsa_platform)platform,
                                                 .evidence = capsa_buf_bytes(&quote),
                                                 .collateral = &collateral,
                                                 .now = SIM_NOW + 1,
                                                 .anchors = scene->anchors};
        struct capsa_verdict verdict;
        if (platform == CAPSA_PLATFORM_SGX) {
            assert_ok(capsa_appraise(&input, scene->policy, NULL, &verdict));
            continue;
        }
        assert_fails(capsa_appraise(&input, scene->policy, NULL, &verdict), EVIDENCE);
        assert_false(verdict.accepted);
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_FORMAT);
    }
    static const char *const strangers[] = {"", "none", "null", "sim", "SGX", "sgx "};
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        assert_null(capsa_attester_by_name(strangers[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_say_what_they_shall),
        cmocka_unit_test(debug_is_a_claim),
        cmocka_unit_test(what_no_quote_is_is_refused),
        cmocka_unit_test(renewed_collateral_is_fresh),
        cmocka_unit_test(keys_are_the_owners_alone),
        cmocka_unit_test(a_folder_in_use_is_left_alone),
        cmocka_unit_test(a_folder_that_lacks_a_file_is_refused),
        cmocka_unit_test(A15_each_platform_has_a_root_of_its_own),
        cmocka_unit_test(one_byte_of_code_is_another_measurement),
        cmocka_unit_test(attesters_collect_what_verifies),
        cmocka_unit_test(attesters_want_a_platform),
        cmocka_unit_test(A20_nothing_stands_in_for_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, sim_scene_setup, sim_scene_teardown);
}
