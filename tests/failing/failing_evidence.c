/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: every allocation fails in turn while reports and collateral are read and written. A
 * part that was lost to it must never look like a part that was not there.
 */
#include "failing.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "evidence/collateral_show.h"
#include "evidence/evidence.h"

#define CORPUS CAPSA_SOURCE_ROOT "/fuzz/corpus"

/* Made while nothing fails. */
static capsa_buf report, snp_report, qvl, leaf, crl;
static capsa_evidence evidence;
static capsa_collateral collateral;

static capsa_buf content_of(const char *path)
{
    capsa_buf content = capsa_buf_of(CAPSA_LIMIT_collateral_file);
    assert_ok(capsa_file_read(path, &content));
    return content;
}

static int fixtures_make(void **state)
{
    (void)state;
    report = content_of(CORPUS "/ual/csv.json");
    snp_report = content_of(CORPUS "/ual/snp.json");
    qvl = content_of(CORPUS "/collateral/qvl.json");
    leaf = content_of(CORPUS "/collateral/leaf.der");
    crl = content_of(CORPUS "/collateral/pck.pem");
    assert_ok(capsa_evidence_parse(capsa_buf_bytes(&report), &evidence, &collateral, NULL));
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    capsa_buf_drop(&report);
    capsa_buf_drop(&snp_report);
    capsa_buf_drop(&qvl);
    capsa_buf_drop(&leaf);
    capsa_buf_drop(&crl);
    capsa_evidence_drop(&evidence);
    capsa_collateral_drop(&collateral);
    return 0;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static capsa_result read_report(const capsa_buf *text)
{
    CAPSA_AUTO(capsa_evidence) got = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) shipped;
    capsa_collateral_init(&shipped);
    enum capsa_report_type type;
    capsa_result result = capsa_ual_parse(capsa_buf_bytes(text), &got, &shipped, &type);
    assert_int_equal(got.bytes.len > 0, !capsa_failed(result));
    assert_int_equal(capsa_collateral_is_empty(&shipped), capsa_failed(result));
    return result;
}

static capsa_result read_csv(struct failing_out *out)
{
    (void)out;
    return read_report(&report);
}

static capsa_result read_snp(struct failing_out *out)
{
    (void)out;
    return read_report(&snp_report);
}

static capsa_result add(const char *name, const capsa_buf *file)
{
    CAPSA_AUTO(capsa_collateral) got;
    capsa_collateral_init(&got);
    capsa_result result = capsa_collateral_add(&got, name, capsa_buf_bytes(file));
    assert_int_equal(capsa_collateral_is_empty(&got), capsa_failed(result));
    return result;
}

static capsa_result add_qvl(struct failing_out *out)
{
    (void)out;
    return add("c.json", &qvl);
}

static capsa_result add_leaf(struct failing_out *out)
{
    (void)out;
    return add("x", &leaf);
}

static capsa_result add_crl(struct failing_out *out)
{
    (void)out;
    return add("x", &crl);
}

static capsa_result load_folder(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_collateral) got;
    capsa_collateral_init(&got);
    capsa_result result =
        capsa_collateral_load(CAPSA_SOURCE_ROOT "/tests/failing/collateral", &got);
    bool is_whole = got.csv_hsk.len > 0 && got.csv_cek.len > 0 && got.snp_leaf.len > 0;
    assert_int_equal(is_whole, !capsa_failed(result));
    return result;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result write_report(struct failing_out *out)
{
    return capsa_ual_write(CAPSA_PLATFORM_CSV, capsa_buf_bytes(&evidence.bytes), &collateral,
                           &out->buf);
}

static capsa_result show_collateral(struct failing_out *out)
{
    struct capsa_json *shown = out->made;
    CAPSA_TRY(capsa_collateral_show(&collateral, &shown));
    assert_int_equal(capsa_json_count(shown), 2);
    assert_null(capsa_json_get(capsa_json_get(shown, "csv_hsk"), "error"));
    out->made = shown;
    return CAPSA_OK;
}

static void free_json(void *made)
{
    capsa_json_free(made);
}

static void reports_and_collateral_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"ual_parse CSV", read_csv, NULL, false, false},
        {"ual_parse SNP", read_snp, NULL, false, false},
        {"collateral_add qvl", add_qvl, NULL, false, false},
        {"collateral_add certificate", add_leaf, NULL, true, false},
        {"collateral_add list", add_crl, NULL, true, false},
        {"collateral_load", load_folder, NULL, true, false},
        {"ual_write", write_report, NULL, false, false},
        {"collateral_show", show_collateral, free_json, false, false},
    };
    FAILING_TRY_ALL(cases);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_and_collateral_survive_every_failure),
    };
    return cmocka_run_group_tests_name("evidence, failing", tests, fixtures_make, fixtures_free);
}
