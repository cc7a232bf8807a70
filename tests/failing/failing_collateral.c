/* SPDX-License-Identifier: Apache-2.0
 *
 * collateral: every allocation fails in turn while bundles are read, written and searched, and
 * every call of the disk while answers are cached. What was lost to it must never look like
 * collateral that is not there, nor a torn file like an answer.
 */
#include "failing.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "collateral/collateral_bundle.h"
#include "collateral/collateral_cache.h"
#include "collateral/collateral_intel.h"
#include "collateral/collateral_qcnl.h"

#define CORPUS CAPSA_SOURCE_ROOT "/fuzz/corpus"
#define URL    "http://h/x"

/* Made while nothing fails. */
static capsa_buf bundle, report, chain, qcnl;
static capsa_web_answer answer;
static char folder[64];

static capsa_buf content_of(const char *path)
{
    capsa_buf content = capsa_buf_of(CAPSA_LIMIT_collateral_file);
    assert_ok(capsa_file_read(path, &content));
    return content;
}

static int fixtures_make(void **state)
{
    (void)state;
    capsa_evidence evidence = {.platform = CAPSA_PLATFORM_NONE};
    CAPSA_AUTO(capsa_collateral) shipped;
    capsa_collateral_init(&shipped);
    bundle = content_of(CORPUS "/collateral_bundle/two.json");
    chain = content_of(CORPUS "/collateral_answer/chain");
    qcnl = content_of(CORPUS "/qcnl/json");
    CAPSA_AUTO(capsa_buf) ual = content_of(CORPUS "/ual/snp.json");
    assert_ok(capsa_evidence_parse(capsa_buf_bytes(&ual), &evidence, &shipped, NULL));
    report = evidence.bytes;
    capsa_web_answer_init(&answer, 64);
    answer.fetched = 7;
    assert_ok(capsa_buf_str(&answer.body, "body"));
    strcpy(folder, "/tmp/capsa-failing-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    capsa_buf_drop(&bundle);
    capsa_buf_drop(&report);
    capsa_buf_drop(&chain);
    capsa_buf_drop(&qcnl);
    capsa_web_answer_drop(&answer);
    test_remove_tree(folder);
    return 0;
}

/* ---- Bundles --------------------------------------------------------------------------------- */

static capsa_result read_bundle(capsa_collateral_entries *entries)
{
    capsa_collateral_entries_init(entries);
    CAPSA_TRY(capsa_collateral_entries_add(entries, "two.json", capsa_buf_bytes(&bundle), true));
    return capsa_collateral_entries_end(entries);
}

static capsa_result write_bundle(struct failing_out *out)
{
    CAPSA_AUTO(capsa_collateral_entries) entries;
    CAPSA_TRY(read_bundle(&entries));
    assert_int_equal(entries.count, 2);
    return capsa_collateral_entries_write(&entries, &out->buf);
}

/* The report's entry is among them: that it is not found would be wrong. */
static capsa_result search_bundle(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_collateral_entries) entries;
    CAPSA_AUTO(capsa_collateral) taken;
    capsa_collateral_init(&taken);
    CAPSA_TRY(read_bundle(&entries));
    capsa_result found = capsa_collateral_entries_take(&entries, CAPSA_PLATFORM_SNP,
                                                       capsa_buf_bytes(&report), &taken);
    assert_int_equal(capsa_collateral_is_empty(&taken), capsa_failed(found));
    return found;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static capsa_result decode_chain(struct failing_out *out)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_collateral_chain);
    CAPSA_TRY(capsa_intel_chain_decode(capsa_buf_bytes(&chain), &pem));
    return capsa_buf_append(&out->buf, capsa_buf_bytes(&pem));
}

static capsa_result read_qcnl(struct failing_out *out)
{
    CAPSA_AUTO(capsa_qcnl) read = {.pccs_url = NULL};
    capsa_result parsed = capsa_qcnl_parse(capsa_buf_bytes(&qcnl), &read);
    assert_int_equal(read.pccs_url == NULL, capsa_failed(parsed));
    CAPSA_TRY(parsed);
    return capsa_buf_str(&out->buf, read.pccs_url);
}

/* Kept or not: what is found afterwards is the answer, or nothing. */
static capsa_result keep_answer(struct failing_out *out)
{
    (void)out;
    return capsa_collateral_cache_keep(folder, URL, &answer);
}

static capsa_result load_answer(struct failing_out *out)
{
    CAPSA_AUTO(capsa_web_answer) back;
    capsa_web_answer_init(&back, 0);
    CAPSA_TRY(capsa_collateral_cache_load(folder, URL, 64, &back));
    assert_int_equal(back.fetched, 7);
    return capsa_buf_append(&out->buf, capsa_buf_bytes(&back.body));
}

static void collateral_survives_every_failure(void **state)
{
    (void)state;
    assert_ok(keep_answer(NULL));
    static const struct failing_case cases[] = {
        {"entries_write", write_bundle, NULL, true, false},
        {"entries_take", search_bundle, NULL, true, false},
        {"chain_decode", decode_chain, NULL, true, false},
        {"qcnl_parse", read_qcnl, NULL, false, false},
        {"cache_keep", keep_answer, NULL, false, false},
        {"cache_load", load_answer, NULL, false, false},
    };
    FAILING_TRY_ALL(cases);
}

/* A write that fails leaves what was there before: a torn file is never read as an answer. */
static void a_cache_survives_every_failure_of_the_disk(void **state)
{
    (void)state;
    assert_ok(keep_answer(NULL));
    static const enum failing_how hows[] = {FAILING_ONCE, FAILING_EVER};
    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
        for (size_t nth = 0; nth < 32; nth++) {
            failing_arm(FAILING_DISK, hows[i], nth);
            capsa_result kept = keep_answer(NULL);
            struct failing_count count = failing_disarm();
            assert_true(!capsa_failed(kept) || capsa_code_of(kept) == CAPSA_E_IO);
            assert_true(!capsa_failed(kept) || count.failed > 0);
            CAPSA_AUTO(capsa_web_answer) back;
            capsa_web_answer_init(&back, 0);
            assert_ok(capsa_collateral_cache_load(folder, URL, 64, &back));
            assert_true(capsa_bytes_is(capsa_buf_bytes(&back.body), "body"));
        }
    }
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collateral_survives_every_failure),
        cmocka_unit_test(a_cache_survives_every_failure_of_the_disk),
    };
    return cmocka_run_group_tests_name("collateral, failing", tests, fixtures_make, fixtures_free);
}
