/* SPDX-License-Identifier: Apache-2.0
 *
 * Real evidence with one bit of it changed, byte by byte, in everything that comes from outside:
 * each must be refused, but for the bytes that nobody signs. Those are listed here, exactly, so
 * that a byte which a change of the code stops looking at fails the test. Also with a cache that
 * knows the genuine evidence.
 */
#include "dcap_case.h"

#include "crypto/crypto_pki.h"
#include "evidence/collateral_internal.h"
#include "evidence/evidence_quote.h"
#include "verifier_case.h"

/* With 1 every byte is changed, which takes minutes (-Dc_args=-DSTRIDE=1). Short parts always are.
 */
#ifndef STRIDE
#define STRIDE 31
#endif
#define SHORT 200

/* ---- Judging ----------------------------------------------------------------------------------
 */

struct flips {
    struct capsa_verify_input input;
    const char *name;
    size_t tried, passed;
};

static bool passes(const struct flips *flips, struct capsa_verify_cache *cache)
{
    struct capsa_verify_input input = flips->input;
    struct capsa_verdict verdict;
    input.cache = cache;
    capsa_result verified = capsa_verify(&input, &verdict);
    assert_false(verdict.accepted);
    assert_int_equal(capsa_failed(verified), verdict.failed_check != CAPSA_CHECK_NONE);
    return !capsa_failed(verified);
}

enum wanted { REFUSED, PASSES, EITHER };

/* NULL for `wanted_of`: all must be refused. */
static void flip(struct flips *flips, capsa_buf *part,
                 enum wanted (*wanted_of)(const void *context, size_t at, capsa_bytes changed),
                 const void *context)
{
    size_t step = part->len > SHORT ? STRIDE : 1;
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(16, &cache));
    assert_true(passes(flips, cache));
    for (size_t at = 0; at < part->len; at += step) {
        uint8_t bit = (uint8_t)(1u << at % 8);
        part->data[at] ^= bit;
        bool passed = passes(flips, cache);
        enum wanted wanted =
            wanted_of == NULL ? REFUSED : wanted_of(context, at, capsa_buf_bytes(part));
        part->data[at] ^= bit;
        if (wanted != EITHER && passed != (wanted == PASSES)) {
            fail_msg("%s: byte %zu of %zu changed by 0x%02x: %s", flips->name, at, part->len, bit,
                     passed ? "nobody noticed" : "refused, though nobody signs it");
        }
        flips->tried++;
        flips->passed += passed;
    }
    assert_true(passes(flips, cache));
}

/* ---- What nobody signs ------------------------------------------------------------------------
 */

/* PEM may be written in more than one way, as long as it is the same certificates. */
static bool is_same_chain(capsa_bytes a, capsa_bytes b)
{
    CAPSA_AUTO(capsa_chain) left = {.count = 0};
    CAPSA_AUTO(capsa_chain) right = {.count = 0};
    assert_ok(capsa_certs_parse(a, &left));
    if (capsa_failed(capsa_certs_parse(b, &right)) || left.count != right.count) {
        return false;
    }
    bool same = true;
    for (size_t i = 0; i < left.count; i++) {
        same = same &&
               capsa_bytes_equal(capsa_cert_der(left.certs[i]), capsa_cert_der(right.certs[i]));
    }
    return same;
}

static enum wanted of_chain(const void *context, size_t at, capsa_bytes changed)
{
    (void)at;
    return is_same_chain(capsa_buf_bytes(context), changed) ? PASSES : REFUSED;
}

/* Of a quote: another spelling of the chain, and what stands behind the authentication data. */
static enum wanted of_quote(const void *context, size_t at, capsa_bytes changed)
{
    const capsa_buf *genuine = context;
    struct capsa_quote quote;
    assert_ok(capsa_quote_parse(capsa_buf_bytes(genuine), &quote));
    size_t chain = (size_t)(quote.cert_data.data - genuine->data);
    if (at >= genuine->len - quote.trailing) {
        return PASSES;
    }
    bool is_respelt =
        at >= chain && at < chain + quote.cert_data.len &&
        is_same_chain(quote.cert_data, capsa_bytes_of(changed.data + chain, quote.cert_data.len));
    return is_respelt ? PASSES : REFUSED;
}

static enum wanted of_what_nobody_reads(const void *context, size_t at, capsa_bytes changed)
{
    (void)context, (void)at, (void)changed;
    return PASSES;
}

/* ---- Intel ------------------------------------------------------------------------------------
 */

static void copy_of(const capsa_buf *from, capsa_buf *to)
{
    *to = capsa_buf_of(from->max);
    assert_ok(capsa_buf_append(to, capsa_buf_bytes(from)));
}

static void flip_quote(const char *folder)
{
    struct dcap_case one;
    dcap_case_load(folder, &one);
    CAPSA_AUTO(capsa_buf) genuine;
    copy_of(&one.quote, &genuine);
    struct flips flips = {.input = dcap_input(&one), .name = folder};
    flip(&flips, &one.quote, of_quote, &genuine);
    assert_true(flips.tried >= one.quote.len / STRIDE);
    dcap_case_drop(&one);
}

static void flip_collateral(const char *folder)
{
    struct dcap_case one;
    dcap_case_load(folder, &one);
    size_t parts = 0;
    for (size_t i = 0; i < capsa_collateral_parts_count; i++) {
        capsa_buf *part =
            capsa_collateral_part_at(&one.collateral, capsa_collateral_parts[i].offset);
        CAPSA_AUTO(capsa_buf) genuine;
        copy_of(part, &genuine);
        bool is_unread = part == &one.collateral.pck_crl_issuer_chain;
        bool is_chain = part == &one.collateral.tcb_info_issuer_chain ||
                        part == &one.collateral.qe_identity_issuer_chain;
        struct flips flips = {.input = dcap_input(&one), .name = capsa_collateral_parts[i].name};
        flip(&flips, part, is_unread ? of_what_nobody_reads : is_chain ? of_chain : NULL, &genuine);
        parts += flips.tried > 0;
    }
    assert_int_equal(parts, 9);
    dcap_case_drop(&one);
}

static void every_byte_of_a_real_sgx_quote_counts(void **state)
{
    (void)state;
    flip_quote("sgx_v3_swh_2025");
}

static void every_byte_of_real_tdx_quotes_counts(void **state)
{
    (void)state;
    flip_quote("tdx_v4_uptodate_90C06F");
    flip_quote("tdx_v5_uptodate");
}

static void every_byte_of_real_collateral_counts(void **state)
{
    (void)state;
    flip_collateral("sgx_v3_swh_2025");
    flip_collateral("tdx_v4_uptodate_90C06F");
    flip_collateral("tdx_v5_uptodate");
}

/* ---- AMD and Hygon ----------------------------------------------------------------------------
 */

static void load_other(const char *folder, bool csv, struct test_case *test,
                       struct capsa_anchors **ret_anchors)
{
    test_case_load(folder, csv, test);
    assert_ok(csv ? capsa_anchors_new_custom(capsa_buf_bytes(&test->root), ret_anchors)
                  : capsa_anchors_new_vendor(ret_anchors));
}

static void every_byte_of_real_snp_evidence_counts(void **state)
{
    (void)state;
    static const char *const folders[] = {"attestation/snp_v3_milan_vlek",
                                          "attestation/snp_v5_turin_vcek"};
    for (size_t i = 0; i < 2; i++) {
        struct test_case test;
        CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
        load_other(folders[i], false, &test, &anchors);
        capsa_buf *const parts[] = {&test.evidence, &test.collateral.snp_leaf,
                                    &test.collateral.snp_ask, &test.collateral.snp_ark};
        for (size_t part = 0; part < 4; part++) {
            CAPSA_AUTO(capsa_buf) genuine;
            copy_of(parts[part], &genuine);
            struct flips flips = {.input = test_case_input(&test, false, anchors),
                                  .name = folders[i]};
            flip(&flips, parts[part], part >= 2 ? of_chain : NULL, &genuine);
            assert_true(part >= 2 || flips.passed == 0);
        }
        test_case_drop(&test);
    }
}

struct span {
    size_t from, to;
    enum wanted wanted;
};

static enum wanted of_spans(const void *context, size_t at, capsa_bytes changed)
{
    (void)changed;
    for (const struct span *span = context; span->to != 0; span++) {
        if (at >= span->from && at < span->to) {
            return span->wanted;
        }
    }
    return REFUSED;
}

/* Bytes that no signature and no comparison covers. What is read of the chip id must be text. */
#define PEK 336
static const struct span csv_report_spans[] = {
    {PEK + 1196, PEK + 2084, PASSES}, /* behind the CEK's signature: an owner's, or none */
    {2420, 2484, EITHER},             /* chip id */
    {2484, 2548, PASSES},             /* what was secret, and the guest's MAC */
    {0, 0, REFUSED},
};
static const struct span csv_hsk_spans[] = {
    {720, 832, PASSES},
    {0, 0, REFUSED},
};
static const struct span csv_cek_spans[] = {
    {1196, 2084, PASSES},
    {0, 0, REFUSED},
};

static void every_byte_of_csv_evidence_counts_but_those_that_nobody_signs(void **state)
{
    (void)state;
    struct test_case test;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    load_other("attestation/csv_v1_synthetic_ok", true, &test, &anchors);
    const struct {
        capsa_buf *part;
        const struct span *spans;
    } parts[] = {{&test.evidence, csv_report_spans},
                 {&test.collateral.csv_hsk, csv_hsk_spans},
                 {&test.collateral.csv_cek, csv_cek_spans}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct flips flips = {.input = test_case_input(&test, true, anchors), .name = "CSV"};
        flip(&flips, parts[i].part, of_spans, parts[i].spans);
    }
    test_case_drop(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_a_real_sgx_quote_counts),
        cmocka_unit_test(every_byte_of_real_tdx_quotes_counts),
        cmocka_unit_test(every_byte_of_real_collateral_counts),
        cmocka_unit_test(every_byte_of_real_snp_evidence_counts),
        cmocka_unit_test(every_byte_of_csv_evidence_counts_but_those_that_nobody_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
