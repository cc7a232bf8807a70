/* SPDX-License-Identifier: Apache-2.0
 *
 * SGX and TDX quotes: which check refuses what, each of the known defects of other verifiers by its
 * number, the order in which checks speak, anchors, and that nothing of the input is changed.
 */
#include "dcap_case.h"

#include <pthread.h>

#include "base/alloc.h"
#include "codec/text.h"
#include "crypto/crypto.h"
#include "verifier/verifier_cache.h"

static const char sgx_good[] = "sgx_v3_swh_2025";
static const char tdx_good[] = "tdx_v5_uptodate";

static struct capsa_verdict verify_as(const struct capsa_verify_input *input, enum capsa_code code)
{
    struct capsa_verdict verdict;
    capsa_result result = capsa_verify(input, &verdict);
    if (capsa_code_of(result) != code) {
        fail_msg("wanted %s, got %s: %s", capsa_code_name(code),
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
    assert_string_equal(verdict.reason, capsa_failed(result) ? capsa_text_of(result) : "");
    return verdict;
}

static void assert_check(const char *what, const struct capsa_verdict *verdict,
                         enum capsa_check check)
{
    if (verdict->failed_check != check) {
        fail_msg("%s: wanted \"%s\", got \"%s\": %s", what, capsa_check_name(check),
                 capsa_check_name(verdict->failed_check), verdict->reason);
    }
}

/* The recorded case is refused by this very check. */
static void assert_case(const char *folder, enum capsa_check check, enum capsa_code code)
{
    struct dcap_case one;
    dcap_case_load(folder, &one);
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, code);
    assert_check(folder, &verdict, check);
    dcap_case_drop(&one);
}

#define REFUSED(folder, check) assert_case(folder, CAPSA_CHECK_##check, CAPSA_E_EVIDENCE)

/* A good case with one byte of its quote changed. */
static void assert_quote_changed(const char *folder, size_t offset, uint8_t bits,
                                 enum capsa_check check)
{
    struct dcap_case one;
    dcap_case_load(folder, &one);
    assert_true(offset < one.quote.len);
    one.quote.data[offset] ^= bits;
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check(folder, &verdict, check);
    dcap_case_drop(&one);
}

/* ---- A1 to A5, A22, A28 ------------------------------------------------------------------------
 */

static void A1_a_quoting_enclave_that_is_not_intels_is_refused(void **state)
{
    (void)state;
    REFUSED("synthetic/qe_report_not_signed_by_pck", QE_REPORT_SIGNATURE);
    REFUSED("synthetic/qe_report_hash_wrong", QE_REPORT_BINDING);
    REFUSED("synthetic/qe_prodid_wrong", QE_REPORT);
    REFUSED("synthetic/qe_debug", QE_REPORT);
    REFUSED("synthetic/qe_identity_is_tdqe", QE_IDENTITY);
}

static void A1_an_identity_that_intel_did_not_sign_is_refused(void **state)
{
    (void)state;
    REFUSED("synthetic/qe_identity_sig_wrong_key", QE_IDENTITY_SIGNATURE);
    REFUSED("synthetic/qe_identity_signed_by_pck", QE_IDENTITY_SIGNATURE);
    REFUSED("synthetic/qe_identity_no_levels", QE_IDENTITY);
    struct dcap_case one;
    dcap_case_load(sgx_good, &one);
    char *mr_signer =
        memmem(one.collateral.qe_identity.data, one.collateral.qe_identity.len, "8C4F57", 6);
    assert_non_null(mr_signer);
    mr_signer[0] = '9';
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("changed mrsigner", &verdict, CAPSA_CHECK_QE_IDENTITY_SIGNATURE);
    assert_int_equal(verdict.intel_result, 0xa004);
    dcap_case_drop(&one);
}

static void A1_a_quoting_enclave_below_every_level_has_no_status(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load("synthetic/qe_svn_too_low", &one);
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
    assert_true(verdict.tcb_unsupported);
    assert_int_equal(verdict.tcb_status, CAPSA_TCB_ABSENT);
    assert_int_equal(verdict.intel_result, 0xa006);
    dcap_case_drop(&one);
}

static void A2_revocation_lists_of_others_are_refused(void **state)
{
    (void)state;
    REFUSED("synthetic/pck_crl_wrong_key", CRL);
    REFUSED("synthetic/root_crl_wrong_key", CRL);
    REFUSED("synthetic/pck_crl_issuer_processor", CRL);
}

static void A2_revoked_certificates_are_refused(void **state)
{
    (void)state;
    REFUSED("synthetic/pck_revoked", REVOKED);
    REFUSED("synthetic/intermediate_revoked", REVOKED);
}

static void A2_bytes_behind_a_revocation_list_are_refused(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load(sgx_good, &one);
    capsa_buf *const lists[] = {&one.collateral.root_ca_crl, &one.collateral.pck_crl};
    for (size_t i = 0; i < 2; i++) {
        size_t len = lists[i]->len;
        assert_ok(capsa_buf_u8(lists[i], 0));
        struct capsa_verify_input input = dcap_input(&one);
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
        assert_check("a byte more", &verdict, CAPSA_CHECK_CRL);
        capsa_buf_cut(lists[i], len);
    }
    dcap_case_drop(&one);
}

static void A2_an_expired_revocation_list_ends_the_window(void **state)
{
    (void)state;
    static const char *const folders[] = {
        "synthetic/pck_crl_expired",   "synthetic/root_crl_expired",
        "synthetic/tcbinfo_expired",   "synthetic/qe_identity_expired",
        "synthetic/cert_leaf_expired", "synthetic/cert_inter_expired",
        "synthetic/cert_root_expired", "synthetic/cert_tcb_expired"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct dcap_case one;
        dcap_case_load(folders[i], &one);
        struct capsa_verify_input input = dcap_input(&one);
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
        if (verdict.collateral_expires >= input.now || verdict.collateral_status != 1) {
            fail_msg("%s has not expired", folders[i]);
        }
        dcap_case_drop(&one);
    }
}

static void A2_what_is_not_valid_yet_begins_the_window(void **state)
{
    (void)state;
    static const char *const folders[] = {"synthetic/pck_crl_not_yet", "synthetic/tcbinfo_future",
                                          "synthetic/qe_identity_future",
                                          "synthetic/cert_leaf_not_yet_valid"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct dcap_case one;
        dcap_case_load(folders[i], &one);
        struct capsa_verify_input input = dcap_input(&one);
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
        if (verdict.collateral_issued <= input.now) {
            fail_msg("%s is valid already", folders[i]);
        }
        dcap_case_drop(&one);
    }
}

static void A3_a_revoked_status_stands_in_the_verdict(void **state)
{
    (void)state;
    static const char *const folders[] = {
        "synthetic/sgx_UpToDate_qerevoked", "synthetic/sgx_Revoked_qeood",
        "synthetic/tdx_UpToDate_module_Revoked", "synthetic/tdx_Revoked_qeok"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct dcap_case one;
        dcap_case_load(folders[i], &one);
        struct capsa_verify_input input = dcap_input(&one);
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
        assert_int_equal(verdict.tcb_status, CAPSA_TCB_REVOKED);
        assert_int_equal(verdict.intel_result, 0xa005);
        dcap_case_drop(&one);
    }
}

static void A3_levels_are_sorted_before_one_is_chosen(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load("synthetic/levels_unsorted", &one);
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
    assert_int_equal(verdict.tcb_status, CAPSA_TCB_UP_TO_DATE);
    dcap_case_drop(&one);
}

static void A4_debug_is_told_and_modules_of_others_are_refused(void **state)
{
    (void)state;
    REFUSED("synthetic/tdx_seamattributes_nonzero", TDX_MODULE);
    REFUSED("synthetic/tdx_module_id_missing", TDX_MODULE);
    REFUSED("synthetic/tdx_module_identities_absent", TDX_MODULE);
    REFUSED("synthetic/relaunch_svn2_unknown_module", TDX_MODULE);
    static const char *const debuggable[] = {"tdx_v4_debug_td", "sgx_v3_debug_swh",
                                             "synthetic/sgx_debug"};
    for (size_t i = 0; i < sizeof(debuggable) / sizeof(debuggable[0]); i++) {
        struct dcap_case one;
        dcap_case_load(debuggable[i], &one);
        struct capsa_verify_input input = dcap_input(&one);
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
        assert_true(verdict.claims.debug);
        dcap_case_drop(&one);
    }
}

static void A5_another_vendor_of_quoting_enclaves_is_refused(void **state)
{
    (void)state;
    assert_quote_changed(sgx_good, 12, 0x01, CAPSA_CHECK_FORMAT);
    assert_quote_changed(tdx_good, 27, 0x80, CAPSA_CHECK_FORMAT);
}

static void A5_data_behind_signed_json_is_refused(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load(sgx_good, &one);
    assert_ok(capsa_buf_str(&one.collateral.tcb_info, "{}"));
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("{} behind it", &verdict, CAPSA_CHECK_TCB_INFO_SIGNATURE);
    dcap_case_drop(&one);
}

static void A22_verifying_twice_gives_one_answer_and_changes_no_input(void **state)
{
    (void)state;
    static const char *const folders[] = {sgx_good, tdx_good, "tdx_v4_uptodate_90C06F"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct dcap_case one, other;
        dcap_case_load(folders[i], &one);
        dcap_case_load(folders[i], &other);
        struct capsa_verify_input input = dcap_input(&one);
        CAPSA_AUTO_FREE(capsa_json) first = NULL;
        CAPSA_AUTO_FREE(capsa_json) second = NULL;
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
        assert_ok(capsa_verdict_json(&verdict, &first));
        verdict = verify_as(&input, CAPSA_E_OK);
        assert_ok(capsa_verdict_json(&verdict, &second));
        CAPSA_AUTO(capsa_buf) a = capsa_buf_of(MIB(1));
        CAPSA_AUTO(capsa_buf) b = capsa_buf_of(MIB(1));
        assert_ok(capsa_json_write(first, CAPSA_JSON_COMPACT, &a));
        assert_ok(capsa_json_write(second, CAPSA_JSON_COMPACT, &b));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&a), capsa_buf_bytes(&b)));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&one.quote), capsa_buf_bytes(&other.quote)));
        const capsa_buf *parts = (const capsa_buf *)(const void *)&one.collateral;
        const capsa_buf *others = (const capsa_buf *)(const void *)&other.collateral;
        for (size_t p = 0; p < sizeof(one.collateral) / sizeof(capsa_buf); p++) {
            assert_true(capsa_bytes_equal(capsa_buf_bytes(&parts[p]), capsa_buf_bytes(&others[p])));
        }
        dcap_case_drop(&one);
        dcap_case_drop(&other);
    }
}

static void A28_a_quote_cut_at_any_length_is_refused(void **state)
{
    (void)state;
    static const char *const folders[] = {sgx_good, tdx_good};
    for (size_t i = 0; i < 2; i++) {
        struct dcap_case one;
        dcap_case_load(folders[i], &one);
        struct capsa_verify_input input = dcap_input(&one);
        size_t whole = input.evidence.len;
        while (one.quote.data[whole - 1] == 0) {
            whole--; /* padding behind the quote is nobody's */
        }
        for (size_t len = 0; len < whole - 1; len++) {
            /* A copy of that very length, so that a read behind it is seen. */
            uint8_t *copy = capsa_alloc(len);
            assert_non_null(copy);
            memcpy(copy, one.quote.data, len);
            input.evidence = capsa_bytes_of(copy, len);
            struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
            assert_check("cut", &verdict, CAPSA_CHECK_FORMAT);
            capsa_dealloc(copy);
        }
        dcap_case_drop(&one);
    }
}

/* ---- Which check speaks -----------------------------------------------------------------------
 */

static void forged_chains_are_refused_as_chains(void **state)
{
    (void)state;
    REFUSED("synthetic/cert_leaf_cn_wrong", CHAIN);
    REFUSED("synthetic/cert_leaf_no_sgx_ext", CHAIN);
    REFUSED("synthetic/cert_leaf_sgx_ext_no_fmspc", CHAIN);
    REFUSED("synthetic/cert_leaf_sgx_ext_no_tcb", CHAIN);
    REFUSED("synthetic/cert_leaf_is_ca", CHAIN);
    REFUSED("synthetic/cert_inter_not_ca", CHAIN);
    REFUSED("synthetic/qeid_chain_root_missing", CHAIN);
    REFUSED("synthetic/tcb_chain_is_pck_chain", CHAIN);
    REFUSED("sgx_v3_corrupt_pck_cert", CHAIN);
}

static void an_untrusted_root_is_no_anchor(void **state)
{
    (void)state;
    REFUSED("tdx_v4_untrusted_root", ANCHOR);
    REFUSED("synthetic/cert_root_not_pinned", ANCHOR);
}

static void a_root_that_lies_in_the_evidence_is_no_anchor(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load("synthetic/sgx_UpToDate_qeood", &one);
    CAPSA_AUTO_FREE(capsa_anchors) vendors = NULL;
    assert_ok(capsa_anchors_new_vendor(&vendors));
    struct capsa_verify_input input = dcap_input(&one);
    input.anchors = vendors;
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("own root", &verdict, CAPSA_CHECK_ANCHOR);
    assert_string_equal(verdict.anchor, "");
    dcap_case_drop(&one);
}

static void signatures_are_refused_as_what_they_are(void **state)
{
    (void)state;
    REFUSED("synthetic/quote_not_signed_by_ak", SIGNATURE);
    REFUSED("synthetic/tcbinfo_sig_wrong_key", TCB_INFO_SIGNATURE);
    assert_quote_changed(sgx_good, 48 + 64, 0x01, CAPSA_CHECK_SIGNATURE);     /* MRENCLAVE */
    assert_quote_changed(sgx_good, 28, 0x01, CAPSA_CHECK_SIGNATURE);          /* user data */
    assert_quote_changed(sgx_good, 436, 0x01, CAPSA_CHECK_SIGNATURE);         /* the signature */
    assert_quote_changed(sgx_good, 500, 0x01, CAPSA_CHECK_QE_REPORT_BINDING); /* the key */
    assert_quote_changed(sgx_good, 564, 0x01, CAPSA_CHECK_QE_REPORT_SIGNATURE);
}

static void signed_json_that_is_wrong_is_refused(void **state)
{
    (void)state;
    REFUSED("synthetic/tcbinfo_no_levels", TCB_INFO);
    REFUSED("synthetic/tcbinfo_tcbtype_1", TCB_INFO);
    REFUSED("synthetic/tcbinfo_version_4", TCB_INFO);
    REFUSED("synthetic/sgx_tcb_v2_for_tdx_quote", COLLATERAL_MATCH);
}

static void collateral_of_another_platform_is_refused(void **state)
{
    (void)state;
    struct dcap_case one, other;
    dcap_case_load(sgx_good, &one);
    dcap_case_load("sgx_v3_outofdate_processor_ca_2025", &other);
    struct capsa_verify_input input = dcap_input(&one);
    capsa_collateral mixed = one.collateral; /* borrowed */
    mixed.tcb_info = other.collateral.tcb_info;
    mixed.tcb_info_signature = other.collateral.tcb_info_signature;
    mixed.tcb_info_issuer_chain = other.collateral.tcb_info_issuer_chain;
    input.collateral = &mixed;
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("another FMSPC", &verdict, CAPSA_CHECK_COLLATERAL_MATCH);
    assert_non_null(strstr(verdict.reason, "FMSPC"));
    dcap_case_drop(&one);
    dcap_case_drop(&other);
}

static void missing_collateral_is_named(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load(sgx_good, &one);
    static const struct {
        const char *name;
        size_t offset;
    } parts[] = {
        {"root_ca_crl", offsetof(capsa_collateral, root_ca_crl)},
        {"pck_crl", offsetof(capsa_collateral, pck_crl)},
        {"tcb_info_issuer_chain", offsetof(capsa_collateral, tcb_info_issuer_chain)},
        {"tcb_info", offsetof(capsa_collateral, tcb_info)},
        {"tcb_info_signature", offsetof(capsa_collateral, tcb_info_signature)},
        {"qe_identity_issuer_chain", offsetof(capsa_collateral, qe_identity_issuer_chain)},
        {"qe_identity", offsetof(capsa_collateral, qe_identity)},
        {"qe_identity_signature", offsetof(capsa_collateral, qe_identity_signature)},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        capsa_collateral less = one.collateral; /* borrowed */
        capsa_buf none = {NULL, 0, 0, 0};
        memcpy((uint8_t *)&less + parts[i].offset, &none, sizeof(none));
        struct capsa_verify_input input = dcap_input(&one);
        input.collateral = &less;
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_TCB);
        assert_check(parts[i].name, &verdict, CAPSA_CHECK_COLLATERAL_MISSING);
        assert_non_null(strstr(verdict.reason, parts[i].name));
    }
    dcap_case_drop(&one);
    assert_case("sgx_v3_certtype3_eppid", CAPSA_CHECK_COLLATERAL_MISSING, CAPSA_E_TCB);
}

/* Whoever forges must not be told merely that something is missing or out of date. */
static void what_is_forged_is_called_that_first(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load(sgx_good, &one);
    capsa_collateral none;
    capsa_collateral_init(&none);
    struct capsa_verify_input input = dcap_input(&one);
    input.collateral = &none;
    input.now = 0;
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_TCB);
    assert_check("nothing there", &verdict, CAPSA_CHECK_COLLATERAL_MISSING);
    one.quote.data[48 + 64] ^= 1;
    verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("forged, and nothing there", &verdict, CAPSA_CHECK_SIGNATURE);
    capsa_collateral_drop(&none);
    dcap_case_drop(&one);
}

static void times_that_are_none_are_refused(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load(tdx_good, &one);
    static const capsa_time times[] = {0, -1, INT64_MIN};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct capsa_verify_input input = dcap_input(&one);
        input.now = times[i];
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_TCB);
        assert_check("no time", &verdict, CAPSA_CHECK_TIME);
        assert_int_equal(verdict.intel_result, 0xa006);
    }
    dcap_case_drop(&one);
}

static void evidence_of_another_platform_is_refused(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load(tdx_good, &one);
    struct capsa_verify_input input = dcap_input(&one);
    input.platform = CAPSA_PLATFORM_SGX;
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("a TDX quote as SGX", &verdict, CAPSA_CHECK_FORMAT);
    input.platform = CAPSA_PLATFORM_NONE;
    verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("of no platform", &verdict, CAPSA_CHECK_FORMAT);
    dcap_case_drop(&one);
}

/* Somebody reformatted the JSON on its way: what was signed is found again, and nothing else. */
static void white_space_outside_strings_does_no_harm(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load(sgx_good, &one);
    struct capsa_verify_input input = dcap_input(&one);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    assert_ok(capsa_buf_append(&text, capsa_buf_bytes(&one.collateral.tcb_info)));
    capsa_buf_clear(&one.collateral.tcb_info);
    for (size_t i = 0; i < text.len; i++) {
        assert_ok(capsa_buf_u8(&one.collateral.tcb_info, text.data[i]));
        if (text.data[i] == '{' || text.data[i] == ',') {
            assert_ok(capsa_buf_str(&one.collateral.tcb_info, "\r\n\t "));
        }
    }
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
    assert_int_equal(verdict.tcb_status, CAPSA_TCB_SW_HARDENING_NEEDED);

    uint8_t *date = memmem(one.collateral.tcb_info.data, one.collateral.tcb_info.len, "20", 2);
    assert_non_null(date);
    capsa_buf_clear(&one.collateral.tcb_info);
    assert_ok(capsa_buf_append(&one.collateral.tcb_info, capsa_buf_bytes(&text)));
    date = memmem(one.collateral.tcb_info.data, one.collateral.tcb_info.len, "\"OS/VMM\"", 8);
    assert_non_null(date);
    date[3] = ' ';
    verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("a space within a string", &verdict, CAPSA_CHECK_TCB_INFO_SIGNATURE);
    dcap_case_drop(&one);
}

/* ---- The verdict ------------------------------------------------------------------------------
 */

static void the_verdict_holds_what_was_found(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load("tdx_v5_relaunch_advised_2025", &one);
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
    assert_string_equal(verdict.anchor, "intel-sgx-root");
    assert_int_equal(verdict.anchor_kind, CAPSA_ANCHOR_VENDOR);
    assert_int_equal(verdict.platform_tcb_status, CAPSA_TCB_UP_TO_DATE);
    assert_int_equal(verdict.module_tcb_status, CAPSA_TCB_OUT_OF_DATE);
    assert_int_equal(verdict.tcb_status, CAPSA_TCB_TD_RELAUNCH_ADVISED);
    assert_int_equal(verdict.intel_result, 0xa009);
    assert_int_equal(verdict.level_advisories.count, 0);
    assert_int_equal(verdict.module_advisories.count, 2);
    assert_int_equal(verdict.tcb_evaluation, 18);
    CAPSA_AUTO(capsa_buf) ppid = capsa_buf_of(64);
    assert_ok(capsa_hex_write(capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_TDX_PPID), &ppid));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&ppid), "b2aa3c4797ef131754214cd614bbfaca"));
    CAPSA_AUTO(capsa_buf) fmspc = capsa_buf_of(64);
    assert_ok(capsa_hex_write(capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_TDX_FMSPC), &fmspc));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&fmspc), "90c06f000000"));
    /* "valid_window_unix" of the recording was found by another program. */
    const struct capsa_json *window = capsa_json_get(one.document, "valid_window_unix");
    assert_int_equal(verdict.collateral_issued, capsa_json_int(capsa_json_at(window, 0)));
    assert_int_equal(verdict.collateral_expires, capsa_json_int(capsa_json_at(window, 1)));
    assert_int_equal(verdict.collateral_status, 0);
    assert_true(verdict.signed_at > 0 && verdict.signed_at <= verdict.collateral_issued);
    dcap_case_drop(&one);
}

static void a_refusal_is_shown_with_what_was_learnt(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load("synthetic/pck_revoked", &one);
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    assert_ok(capsa_verdict_json(&verdict, &json));
    assert_string_equal(capsa_json_string(capsa_json_get(json, "verdict")), "reject");
    assert_string_equal(capsa_json_string(capsa_json_get(json, "platform")), "sgx");
    assert_string_equal(capsa_json_string(capsa_json_get(json, "failed_check")), "revoked");
    assert_non_null(strstr(capsa_json_string(capsa_json_get(json, "anchor")), "custom:"));
    assert_int_equal(capsa_json_kind_of(capsa_json_get(json, "tcb_status")), CAPSA_JSON_NULL);
    assert_int_equal(capsa_json_kind_of(capsa_json_get(json, "claims")), CAPSA_JSON_OBJECT);
    dcap_case_drop(&one);
}

static void every_check_and_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (enum capsa_check a = CAPSA_CHECK_NONE + 1; a < CAPSA_CHECK_COUNT; a++) {
        assert_true(strlen(capsa_check_name(a)) > 0 && strlen(capsa_check_what(a)) > 0);
        for (enum capsa_check b = CAPSA_CHECK_NONE; b < a; b++) {
            assert_string_not_equal(capsa_check_name(a), capsa_check_name(b));
        }
    }
    for (enum capsa_tcb_status s = CAPSA_TCB_UP_TO_DATE; s < CAPSA_TCB_STATUS_COUNT; s++) {
        assert_int_equal(capsa_tcb_status_by_name(capsa_bytes_str(capsa_tcb_status_name(s))), s);
    }
    assert_int_equal(capsa_tcb_status_by_name(capsa_bytes_str("")), CAPSA_TCB_ABSENT);
    assert_int_equal(capsa_tcb_status_by_name(capsa_bytes_str("uptodate")), CAPSA_TCB_ABSENT);
}

/* ---- Anchors ----------------------------------------------------------------------------------
 */

static void A15_a_custom_root_is_told_and_refused_where_a_vendors_is_demanded(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load("synthetic/sgx_SWHardeningNeeded_qeok", &one);
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_OK);
    assert_int_equal(verdict.anchor_kind, CAPSA_ANCHOR_CUSTOM);
    assert_int_equal(strncmp(verdict.anchor, "custom:", 7), 0);
    assert_int_equal(strlen(verdict.anchor), 7 + 64);
    input.vendor_only = true;
    verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("vendor only", &verdict, CAPSA_CHECK_ANCHOR_KIND);
    /* Also when everything of it is in the cache already. */
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(16, &cache));
    input.cache = cache;
    input.vendor_only = false;
    (void)verify_as(&input, CAPSA_E_OK);
    input.vendor_only = true;
    verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("vendor only, cached", &verdict, CAPSA_CHECK_ANCHOR_KIND);
    dcap_case_drop(&one);
}

static void stays(struct capsa_kept *kept)
{
    (void)kept;
}

static bool is_kept(struct capsa_verify_cache *cache, capsa_bytes part)
{
    struct capsa_kept kept;
    capsa_kept_init(&kept, stays);
    const struct capsa_cache_key key = {"test", &part, 1};
    capsa_verify_cache_keep(cache, &key, &kept);
    struct capsa_kept *found = capsa_verify_cache_find(cache, &key);
    assert_true(found == NULL || found == &kept);
    capsa_kept_release(found);
    capsa_verify_cache_free(cache);
    capsa_kept_release(&kept);
    return found != NULL;
}

/* Genuine chains padded with white space are genuine: a cache is bounded in bytes too. */
static void a_cache_keeps_nothing_of_absurd_size(void **state)
{
    (void)state;
    static const uint8_t zeros[MIB(1)];
    static const struct {
        size_t len;
        bool kept;
    } parts[] = {{0, true}, {KIB(60), true}, {KIB(64), false}, {MIB(1), false}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct capsa_verify_cache *cache = NULL;
        assert_ok(capsa_verify_cache_new(16, &cache));
        assert_int_equal(is_kept(cache, capsa_bytes_of(zeros, parts[i].len)), parts[i].kept);
    }
}

static void what_was_verified_under_one_anchor_is_not_under_another(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load("synthetic/sgx_SWHardeningNeeded_qeok", &one);
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(16, &cache));
    struct capsa_verify_input input = dcap_input(&one);
    input.cache = cache;
    (void)verify_as(&input, CAPSA_E_OK);
    CAPSA_AUTO_FREE(capsa_anchors) vendors = NULL;
    assert_ok(capsa_anchors_new_vendor(&vendors));
    input.anchors = vendors;
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("another anchor", &verdict, CAPSA_CHECK_ANCHOR);
    dcap_case_drop(&one);
}

/* Signatures held, so all of it is kept; that the leaf is revoked is found anew each time. */
static void revocation_is_judged_on_warm_platforms_too(void **state)
{
    (void)state;
    struct dcap_case revoked;
    dcap_case_load("synthetic/pck_revoked", &revoked);
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(16, &cache));
    struct capsa_verify_input input = dcap_input(&revoked);
    input.cache = cache;
    for (int i = 0; i < 2; i++) { /* the second has all of it warm */
        struct capsa_verdict verdict = verify_as(&input, CAPSA_E_EVIDENCE);
        assert_check("revoked", &verdict, CAPSA_CHECK_REVOKED);
    }
    dcap_case_drop(&revoked);
}

static void the_compiled_anchors_are_the_vendors(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    assert_ok(capsa_anchors_new_vendor(&anchors));
    static const struct {
        const char *file, *id;
        enum capsa_snp_product product;
    } arks[] = {
        {"attestation/snp_v2_milan_vcek/ark.pem", "amd-ark-milan", CAPSA_SNP_MILAN},
        {"attestation/snp_v3_genoa_azure/ark.pem", "amd-ark-genoa", CAPSA_SNP_GENOA},
        {"attestation/snp_v5_turin_vcek/ark.pem", "amd-ark-turin", CAPSA_SNP_TURIN},
    };
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(64));
        CAPSA_AUTO(capsa_buf) spki = capsa_buf_of(KIB(64));
        test_vector_read(arks[i].file, &pem);
        CAPSA_AUTO_FREE(capsa_cert) ark = NULL;
        assert_ok(capsa_cert_parse_pem(capsa_buf_bytes(&pem), &ark));
        assert_ok(capsa_public_key_spki(capsa_cert_key(ark), &spki));
        const struct capsa_anchor_key *key =
            capsa_anchors_find(anchors, CAPSA_PLATFORM_SNP, capsa_buf_bytes(&spki));
        assert_non_null(key);
        assert_string_equal(key->id, arks[i].id);
        assert_int_equal(key->product, arks[i].product);
        assert_int_equal(key->kind, CAPSA_ANCHOR_VENDOR);
        assert_null(capsa_anchors_find(anchors, CAPSA_PLATFORM_SGX, capsa_buf_bytes(&spki)));
    }
    const struct capsa_anchor_key *hygon = capsa_anchors_at(anchors, CAPSA_PLATFORM_CSV, 0);
    assert_non_null(hygon);
    CAPSA_AUTO(capsa_buf) hrk = capsa_buf_of(KIB(64));
    test_vector_read("attestation/csv_real_chain_hrk_hsk_cek/hrk.cert", &hrk);
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&hrk), capsa_buf_bytes(&hygon->hrk)));
    assert_null(capsa_anchors_at(anchors, CAPSA_PLATFORM_CSV, 1));
    uint8_t zeros[1] = {0};
    assert_null(capsa_anchors_find(anchors, CAPSA_PLATFORM_CSV, capsa_bytes_of(zeros, 0)));
}

static void roots_given_by_hand_fit_their_platforms(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum capsa_platform platform;
    } roots[] = {
        {"attestation/synthetic/sgx_debug/trusted_root.pem", CAPSA_PLATFORM_TDX},
        {"attestation/snp_v2_milan_vcek/ark.pem", CAPSA_PLATFORM_SNP},
        {"attestation/csv_v1_synthetic_ok/hrk.cert", CAPSA_PLATFORM_CSV},
    };
    uint8_t digests[3][32];
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) root = capsa_buf_of(KIB(64));
        test_vector_read(roots[i].file, &root);
        CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
        assert_ok(capsa_anchors_new_custom(capsa_buf_bytes(&root), &anchors));
        for (enum capsa_platform p = CAPSA_PLATFORM_NONE + 1; p < CAPSA_PLATFORM_COUNT; p++) {
            bool is_sibling = p == CAPSA_PLATFORM_SGX && roots[i].platform == CAPSA_PLATFORM_TDX;
            bool fits = capsa_anchors_at(anchors, p, 0) != NULL;
            assert_int_equal(fits, p == roots[i].platform || is_sibling);
        }
        capsa_anchors_digest(anchors, digests[i]);
    }
    assert_memory_not_equal(digests[0], digests[1], 32);
    assert_memory_not_equal(digests[1], digests[2], 32);
}

static void roots_that_are_none_are_refused(void **state)
{
    (void)state;
    struct capsa_anchors *anchors = NULL;
    static const uint8_t zeros[832];
    assert_true(capsa_failed(capsa_anchors_new_custom((capsa_bytes){NULL, 0}, &anchors)));
    assert_true(
        capsa_failed(capsa_anchors_new_custom(capsa_bytes_of(zeros, sizeof(zeros)), &anchors)));
    assert_true(capsa_failed(capsa_anchors_new_custom(CAPSA_BYTES_LITERAL("root"), &anchors)));
    assert_null(anchors);
}

/* ---- One cache, many threads ------------------------------------------------------------------
 */

enum { THREADS = 4, ROUNDS = 25, SHARED = 4 };

struct worker {
    const struct capsa_verify_input *inputs;
    enum capsa_tcb_status wanted[SHARED];
    size_t first;
    bool failed; /* asserts belong to the main thread */
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (size_t i = 0; i < ROUNDS * SHARED; i++) {
        size_t which = (worker->first + i) % SHARED;
        struct capsa_verdict verdict;
        capsa_result result = capsa_verify(&worker->inputs[which], &verdict);
        worker->failed |= capsa_failed(result) || verdict.tcb_status != worker->wanted[which];
    }
    return NULL;
}

static void threads_share_a_cache(void **state)
{
    (void)state;
    static const char *const folders[SHARED] = {sgx_good, tdx_good, "tdx_v5_relaunch_advised_2025",
                                                "sgx_v3_outofdate_2023"};
    struct dcap_case cases[SHARED];
    struct capsa_verify_input inputs[SHARED];
    struct worker workers[THREADS] = {{.failed = false}};
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(4, &cache)); /* one set: places change hands all the time */
    for (size_t i = 0; i < SHARED; i++) {
        dcap_case_load(folders[i], &cases[i]);
        inputs[i] = dcap_input(&cases[i]);
        struct capsa_verdict verdict = verify_as(&inputs[i], CAPSA_E_OK);
        inputs[i].cache = cache;
        for (size_t t = 0; t < THREADS; t++) {
            workers[t].wanted[i] = verdict.tcb_status;
        }
    }
    pthread_t threads[THREADS];
    for (size_t t = 0; t < THREADS; t++) {
        workers[t].inputs = inputs;
        workers[t].first = t;
        assert_int_equal(pthread_create(&threads[t], NULL, work, &workers[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
        assert_false(workers[t].failed);
    }
    for (size_t i = 0; i < SHARED; i++) {
        dcap_case_drop(&cases[i]);
    }
}

static void a_quote_without_a_chain_is_forged_first_and_incomplete_then(void **state)
{
    (void)state;
    struct dcap_case one;
    dcap_case_load("sgx_v3_certtype3_eppid", &one);
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict = verify_as(&input, CAPSA_E_TCB);
    assert_check("no chain", &verdict, CAPSA_CHECK_COLLATERAL_MISSING);
    one.quote.data[48 + 64] ^= 1;
    verdict = verify_as(&input, CAPSA_E_EVIDENCE);
    assert_check("forged, no chain", &verdict, CAPSA_CHECK_SIGNATURE);
    dcap_case_drop(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A1_a_quoting_enclave_that_is_not_intels_is_refused),
        cmocka_unit_test(A1_an_identity_that_intel_did_not_sign_is_refused),
        cmocka_unit_test(A1_a_quoting_enclave_below_every_level_has_no_status),
        cmocka_unit_test(A2_revocation_lists_of_others_are_refused),
        cmocka_unit_test(A2_revoked_certificates_are_refused),
        cmocka_unit_test(A2_bytes_behind_a_revocation_list_are_refused),
        cmocka_unit_test(A2_an_expired_revocation_list_ends_the_window),
        cmocka_unit_test(A2_what_is_not_valid_yet_begins_the_window),
        cmocka_unit_test(A3_a_revoked_status_stands_in_the_verdict),
        cmocka_unit_test(A3_levels_are_sorted_before_one_is_chosen),
        cmocka_unit_test(A4_debug_is_told_and_modules_of_others_are_refused),
        cmocka_unit_test(A5_another_vendor_of_quoting_enclaves_is_refused),
        cmocka_unit_test(A5_data_behind_signed_json_is_refused),
        cmocka_unit_test(A15_a_custom_root_is_told_and_refused_where_a_vendors_is_demanded),
        cmocka_unit_test(A22_verifying_twice_gives_one_answer_and_changes_no_input),
        cmocka_unit_test(A28_a_quote_cut_at_any_length_is_refused),
        cmocka_unit_test(forged_chains_are_refused_as_chains),
        cmocka_unit_test(an_untrusted_root_is_no_anchor),
        cmocka_unit_test(a_root_that_lies_in_the_evidence_is_no_anchor),
        cmocka_unit_test(signatures_are_refused_as_what_they_are),
        cmocka_unit_test(signed_json_that_is_wrong_is_refused),
        cmocka_unit_test(collateral_of_another_platform_is_refused),
        cmocka_unit_test(missing_collateral_is_named),
        cmocka_unit_test(what_is_forged_is_called_that_first),
        cmocka_unit_test(times_that_are_none_are_refused),
        cmocka_unit_test(evidence_of_another_platform_is_refused),
        cmocka_unit_test(white_space_outside_strings_does_no_harm),
        cmocka_unit_test(the_verdict_holds_what_was_found),
        cmocka_unit_test(a_refusal_is_shown_with_what_was_learnt),
        cmocka_unit_test(every_check_and_status_has_a_name_of_its_own),
        cmocka_unit_test(a_cache_keeps_nothing_of_absurd_size),
        cmocka_unit_test(what_was_verified_under_one_anchor_is_not_under_another),
        cmocka_unit_test(revocation_is_judged_on_warm_platforms_too),
        cmocka_unit_test(the_compiled_anchors_are_the_vendors),
        cmocka_unit_test(roots_given_by_hand_fit_their_platforms),
        cmocka_unit_test(roots_that_are_none_are_refused),
        cmocka_unit_test(threads_share_a_cache),
        cmocka_unit_test(a_quote_without_a_chain_is_forged_first_and_incomplete_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
