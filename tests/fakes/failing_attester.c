/* SPDX-License-Identifier: Apache-2.0
 *
 * An attester of files while every allocation and every read of randomness fails in turn: no leak,
 * nothing left in configfs, and outputs as they were.
 */
#include "../failing/failing.h"

#include "fake_scene.h"

static struct fake_scene scene; /* one at a time: made by the group */
static char certs[256];
static bool has_certs;

static int scene_make(void **state)
{
    (void)state;
    fake_scene_make(&scene);
    has_certs = fake_certs_file(&scene, certs);
    return 0;
}

static int scene_drop(void **state)
{
    (void)state;
    fake_scene_drop(&scene);
    return 0;
}

static capsa_result collect(struct failing_out *out)
{
    const struct capsa_attester_options options = {.root = scene.root, .tries = 1};
    const size_t before = out->buf.len;
    uint8_t report_data[CAPSA_REPORT_DATA];
    CAPSA_AUTO(capsa_collateral) collateral;
    capsa_collateral_init(&collateral);
    fake_report_data(77, report_data);
    const struct capsa_attester *snp = capsa_attester_by_name("snp");
    capsa_result result = snp->collect(snp, &options, report_data, &out->buf, &collateral);
    if (capsa_failed(result)) {
        assert_true(capsa_collateral_is_empty(&collateral));
        return result;
    }
    assert_int_equal(out->buf.len, before + 1184);
    assert_int_equal(collateral.snp_leaf.len > 0, has_certs);
    return CAPSA_OK;
}

static void an_attester_survives_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {{"collect", collect, NULL, true, false}};
    char mount[256];
    fake_make(&scene, "/sys/kernel/config/tsm/report", true);
    (void)snprintf(mount, sizeof(mount), "%s/sys/kernel/config/tsm/report", scene.root);
    const char *argv[] = {CAPSA_FAKES "/fake_tsm", mount, "sev_guest", scene.sim, "none",
                          has_certs ? certs : "-", NULL};
    fake_mount(&scene, argv);
    FAILING_TRY_ALL(cases);
    assert_int_equal(test_count_files(mount), 0);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attester_survives_every_failure),
    };
    return cmocka_run_group_tests_name("attesters, failing", tests, scene_make, scene_drop);
}
