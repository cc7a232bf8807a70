/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded SGX and TDX cases: a quote, collateral, a root where it is not Intel's, a time, and what
 * is expected. What the verifier leaves to the appraisal (debug, windows, Revoked, no fitting
 * level) is judged here as the contract's word "accept" means it.
 */
#pragma once

#include "codec/json.h"
#include "unit.h"
#include "vectors.h"
#include "verifier/verifier.h"

struct dcap_case {
    capsa_buf quote, root; /* root: empty where Intel's is meant */
    capsa_collateral collateral;
    bool has_collateral; /* false: it is no collateral at all */
    capsa_time now;
    struct capsa_json *document;       /* expected.json */
    const struct capsa_json *expected; /* within it */
    struct capsa_anchors *anchors;
};

static inline void dcap_case_drop(struct dcap_case *one)
{
    capsa_buf_drop(&one->quote);
    capsa_buf_drop(&one->root);
    capsa_collateral_drop(&one->collateral);
    capsa_json_free(one->document);
    capsa_anchors_free(one->anchors);
}

static inline bool dcap_try_read(const char *path, capsa_buf *to)
{
    if (access(path, R_OK) != 0) {
        return false;
    }
    assert_ok(capsa_file_read(path, to));
    return true;
}

/* A cut or foreign file of collateral is a case too. */
static inline void dcap_read_collateral(const char *path, struct dcap_case *one)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    assert_true(dcap_try_read(path, &text));
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &json));
    capsa_collateral_init(&one->collateral);
    one->has_collateral = !capsa_failed(capsa_collateral_parse_v3(json, &one->collateral));
}

static inline void dcap_read_anchors(struct dcap_case *one)
{
    if (one->root.len == 0) {
        assert_ok(capsa_anchors_new_vendor(&one->anchors));
    } else {
        assert_ok(capsa_anchors_new_custom(capsa_buf_bytes(&one->root), &one->anchors));
    }
}

/* The folder below "attestation/"; the test is skipped where there are no vectors. */
static inline void dcap_case_load(const char *folder, struct dcap_case *one)
{
    *one = (struct dcap_case){.quote = capsa_buf_of(KIB(256)), .root = capsa_buf_of(KIB(64))};
    char name[VECTOR_PATH], path[VECTOR_PATH];
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    (void)snprintf(name, sizeof(name), "attestation/%s/expected.json", folder);
    test_vector_read(name, &text);
    test_vector_without_nuls(&text);
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &one->document));
    one->expected = capsa_json_get(one->document, "expected");
    assert_non_null(one->expected);
    one->now = capsa_json_int(capsa_json_get(one->document, "verification_time_unix"));
    (void)snprintf(name, sizeof(name), "attestation/%s/quote.bin", folder);
    test_vector_read(name, &one->quote);
    (void)snprintf(name, sizeof(name), "attestation/%s/trusted_root.pem", folder);
    test_vector_path(name, path);
    (void)dcap_try_read(path, &one->root);
    (void)snprintf(name, sizeof(name), "attestation/%s/collateral.json", folder);
    test_vector_path(name, path);
    dcap_read_collateral(path, one);
    dcap_read_anchors(one);
}

static inline struct capsa_verify_input dcap_input(const struct dcap_case *one)
{
    struct capsa_verify_input input = {
        .evidence = capsa_buf_bytes(&one->quote),
        .collateral = &one->collateral,
        .now = one->now,
        .anchors = one->anchors,
    };
    enum capsa_platform platform = CAPSA_PLATFORM_SGX;
    if (capsa_failed(capsa_evidence_recognise(input.evidence, &platform))) {
        platform = CAPSA_PLATFORM_SGX;
    }
    input.platform = platform;
    return input;
}

/* Authentic, unexpired, not debug, neither Revoked nor without a level. */
static inline bool dcap_accepts(const struct capsa_verify_input *input,
                                struct capsa_verdict *verdict)
{
    capsa_result verified = capsa_verify(input, verdict);
    assert_false(verdict->accepted); /* that is never the verifier's to say */
    if (capsa_failed(verified)) {
        assert_int_not_equal(verdict->failed_check, CAPSA_CHECK_NONE);
        assert_true(strlen(verdict->reason) > 0);
        assert_true(verdict->intel_result == 0xa004 || verdict->intel_result == 0xa006);
        return false;
    }
    assert_int_equal(verdict->failed_check, CAPSA_CHECK_NONE);
    assert_true(strlen(verdict->anchor) > 0);
    return !verdict->claims.debug && verdict->collateral_issued <= input->now &&
           input->now <= verdict->collateral_expires && verdict->tcb_status != CAPSA_TCB_REVOKED &&
           !verdict->tcb_unsupported;
}
