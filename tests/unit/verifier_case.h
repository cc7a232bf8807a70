/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded SNP and CSV cases: a folder with evidence, certificates, and expected.json. What the
 * verifier leaves to the appraisal (debug, windows) is judged here as the default policy does.
 */
#pragma once

#include "codec/json.h"
#include "unit.h"
#include "vectors.h"
#include "verifier/verifier.h"

struct test_case {
    capsa_buf evidence, root; /* root: empty where the vendors' anchors are meant */
    capsa_collateral collateral;
    capsa_time now;
    bool accept, accept_debug;
};

static inline void test_collateral_init(capsa_collateral *collateral)
{
    *collateral = (capsa_collateral){
        .snp_leaf = capsa_buf_of(KIB(64)),
        .snp_ask = capsa_buf_of(KIB(64)),
        .snp_ark = capsa_buf_of(KIB(64)),
        .snp_crl = capsa_buf_of(KIB(64)),
        .csv_hsk = capsa_buf_of(KIB(64)),
        .csv_cek = capsa_buf_of(KIB(64)),
    };
}

static inline void test_collateral_drop(capsa_collateral *collateral)
{
    capsa_buf *const parts[] = {&collateral->snp_leaf, &collateral->snp_ask, &collateral->snp_ark,
                                &collateral->snp_crl,  &collateral->csv_hsk, &collateral->csv_cek};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        capsa_buf_drop(parts[i]);
    }
}

static inline void test_case_drop(struct test_case *test)
{
    capsa_buf_drop(&test->evidence);
    capsa_buf_drop(&test->root);
    test_collateral_drop(&test->collateral);
}

static inline void test_case_expected(const char *folder, struct test_case *test)
{
    char name[VECTOR_PATH];
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    (void)snprintf(name, sizeof(name), "%s/expected.json", folder);
    test_vector_read(name, &text);
    test_vector_without_nuls(&text);
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &json));
    const struct capsa_json *expected = capsa_json_get(json, "expected");
    const char *verdict = capsa_json_string(capsa_json_get(expected, "verdict"));
    const char *debug = capsa_json_string(capsa_json_get(expected, "verdict_if_debug_allowed"));
    assert_non_null(verdict);
    test->accept = capsa_streq(verdict, "accept");
    test->accept_debug = test->accept || (debug != NULL && capsa_streq(debug, "accept"));
    test->now = capsa_json_int(capsa_json_get(json, "verification_time_unix"));
    if (test->now == 0) {
        test->now = 1795000000; /* Hygon's have no time: nothing of theirs expires */
    }
}

/* A file that the folder may lack. */
static inline void test_case_read(const char *folder, const char *file, capsa_buf *to)
{
    char name[VECTOR_PATH], path[VECTOR_PATH];
    (void)snprintf(name, sizeof(name), "%s/%s", folder, file);
    test_vector_path(name, path);
    if (access(path, R_OK) == 0) {
        assert_ok(capsa_file_read(path, to));
    }
}

/* The test is skipped where there are no vectors. */
static inline void test_case_load(const char *folder, bool csv, struct test_case *test)
{
    *test = (struct test_case){.evidence = capsa_buf_of(KIB(64)), .root = capsa_buf_of(KIB(64))};
    test_collateral_init(&test->collateral);
    test_case_expected(folder, test);
    test_case_read(folder, "report.bin", &test->evidence);
    if (csv) {
        test_case_read(folder, "hsk.cert", &test->collateral.csv_hsk);
        test_case_read(folder, "cek.cert", &test->collateral.csv_cek);
        test_case_read(folder, "hrk.cert", &test->root);
    } else {
        test_case_read(folder, "leaf.der", &test->collateral.snp_leaf);
        test_case_read(folder, "ask.pem", &test->collateral.snp_ask);
        test_case_read(folder, "ark.pem", &test->collateral.snp_ark);
    }
}

static inline struct capsa_verify_input test_case_input(const struct test_case *test, bool csv,
                                                        const struct capsa_anchors *anchors)
{
    return (struct capsa_verify_input){
        .platform = csv ? CAPSA_PLATFORM_CSV : CAPSA_PLATFORM_SNP,
        .evidence = capsa_buf_bytes(&test->evidence),
        .collateral = &test->collateral,
        .now = test->now,
        .anchors = anchors,
    };
}

/* Authentic, and within every window; debug is another question. */
static inline bool test_accepts(const struct capsa_verify_input *input,
                                struct capsa_verdict *verdict)
{
    capsa_result verified = capsa_verify(input, verdict);
    assert_false(verdict->accepted); /* that is never the verifier's to say */
    if (capsa_failed(verified)) {
        assert_int_not_equal(verdict->failed_check, CAPSA_CHECK_NONE);
        assert_true(strlen(verdict->reason) > 0);
        return false;
    }
    assert_int_equal(verdict->failed_check, CAPSA_CHECK_NONE);
    assert_true(strlen(verdict->anchor) > 0);
    return verdict->collateral_issued <= input->now &&
           (verdict->collateral_expires == 0 || input->now <= verdict->collateral_expires);
}
