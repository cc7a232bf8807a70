/* SPDX-License-Identifier: Apache-2.0
 *
 * SEV-SNP: real reports and recorded changes of them, and reports forged field by field under a
 * root of our own, where every signature holds and only the lie is wrong.
 */
#include "snp_scene.h"
#include "verifier/verifier_snp_chain.h"

static struct snp_scene scene; /* RSA and P-384 keys are loaded once */

static int open_scene(void **state)
{
    (void)state;
    snp_scene_open(&scene);
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    snp_scene_close(&scene);
    return 0;
}

static void vendor_anchors(struct capsa_anchors **ret_anchors)
{
    assert_ok(capsa_anchors_new_vendor(ret_anchors));
}

/* ---- recorded ---------------------------------------------------------------------------------
 */

static void check_recorded(const char *folder, void *context)
{
    (void)context;
    struct test_case test;
    struct capsa_verdict verdict;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    test_case_load(folder, false, &test);
    vendor_anchors(&anchors);
    struct capsa_verify_input input = test_case_input(&test, false, anchors);
    bool accepted = test_accepts(&input, &verdict);
    if (accepted != test.accept_debug || (accepted && verdict.claims.debug == test.accept)) {
        fail_msg("%s: %s, debug %d: %s", folder, accepted ? "accepted" : "refused",
                 verdict.claims.debug, verdict.reason);
    }
    if (accepted) {
        assert_int_equal(verdict.tcb_status, CAPSA_TCB_ABSENT);
        assert_int_equal(verdict.anchor_kind, CAPSA_ANCHOR_VENDOR);
        assert_true(strncmp(verdict.anchor, "amd-ark-", 8) == 0);
    }
    test_case_drop(&test);
}

static void real_reports_give_the_expected_verdict(void **state)
{
    (void)state;
    assert_true(test_vector_each("attestation", "snp_", check_recorded, NULL) >= 10);
}

static void changed_reports_are_refused(void **state)
{
    (void)state;
    assert_true(test_vector_each("attestation/mutations_snp", "neg_", check_recorded, NULL) >= 64);
}

/* Which product, whose it is and until when, of one report that was read by hand. */
static void a_real_report_tells_product_and_window(void **state)
{
    (void)state;
    struct test_case test;
    struct capsa_verdict verdict;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    test_case_load("attestation/snp_v5_turin_vcek", false, &test);
    vendor_anchors(&anchors);
    struct capsa_verify_input input = test_case_input(&test, false, anchors);
    input.vendor_only = true;
    assert_ok(capsa_verify(&input, &verdict));
    assert_string_equal(verdict.anchor, "amd-ark-turin");
    assert_true(
        capsa_bytes_is(capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_SNP_PRODUCT), "Turin"));
    assert_int_equal(verdict.collateral_issued, 1752771886);  /* 2025-07-17T17:04:46Z, the VCEK */
    assert_int_equal(verdict.collateral_expires, 1973696686); /* 2032-07-17T17:04:46Z */
    assert_int_equal(verdict.collateral_status, 0);
    input.now = verdict.collateral_expires;
    assert_ok(capsa_verify(&input, &verdict)); /* expiry is the appraisal's */
    assert_int_equal(verdict.collateral_status, 1);
    test_case_drop(&test);
}

/* Every byte that a signature covers, and the signatures. */
static void A10_every_byte_of_a_real_report_counts(void **state)
{
    (void)state;
    struct test_case test;
    struct capsa_verdict verdict;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    test_case_load("attestation/snp_v3_milan_vcek", false, &test);
    vendor_anchors(&anchors);
    struct capsa_verify_input input = test_case_input(&test, false, anchors);
    assert_true(test_accepts(&input, &verdict));
    for (size_t i = 0; i < CAPSA_SNP_REPORT_BYTES; i++) {
        bool is_number = (i >= 0x2a0 && i < 0x2a0 + 144);
        if (i >= CAPSA_SNP_SIGNED_BYTES && !is_number) {
            continue; /* behind the signature: reserved */
        }
        test.evidence.data[i] ^= (uint8_t)(1u << (i % 8));
        if (test_accepts(&input, &verdict)) {
            fail_msg("byte 0x%zx may be changed", i);
        }
        test.evidence.data[i] ^= (uint8_t)(1u << (i % 8));
    }
    assert_true(test_accepts(&input, &verdict));
    test_case_drop(&test);
}

static void every_byte_of_a_real_leaf_counts(void **state)
{
    (void)state;
    struct test_case test;
    struct capsa_verdict verdict;
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    test_case_load("attestation/snp_v2_genoa_vcek", false, &test);
    vendor_anchors(&anchors);
    struct capsa_verify_input input = test_case_input(&test, false, anchors);
    capsa_buf *leaf = &test.collateral.snp_leaf;
    for (size_t i = 0; i < leaf->len; i += 3) {
        leaf->data[i] ^= 0x10;
        if (test_accepts(&input, &verdict)) {
            fail_msg("byte %zu of the leaf may be changed", i);
        }
        leaf->data[i] ^= 0x10;
    }
    assert_true(test_accepts(&input, &verdict));
    test_case_drop(&test);
}

/* ---- forged, under a root of our own -----------------------------------------------------------
 */

static void honest_platforms_pass(void **state)
{
    (void)state;
    const struct snp_plan plans[] = {snp_plan_milan(), snp_plan_vlek(), snp_plan_turin()};
    static const char *const products[] = {"Milan", "Milan", "Turin"};
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        struct capsa_verdict verdict;
        snp_try(&scene, &plans[i], CAPSA_CHECK_NONE);
        struct capsa_verify_input input = snp_input(&scene);
        assert_true(test_accepts(&input, &verdict));
        assert_true(strncmp(verdict.anchor, "custom:", 7) == 0);
        assert_int_equal(verdict.anchor_kind, CAPSA_ANCHOR_CUSTOM);
        assert_false(verdict.claims.debug);
        assert_true(capsa_bytes_is(capsa_claim_bytes(&verdict.claims, CAPSA_CLAIM_SNP_PRODUCT),
                                   products[i]));
    }
}

/* One byte of an honest report set, and the report signed again. */
static void try_byte(size_t at, uint8_t value, enum capsa_check check)
{
    uint8_t old = scene.report[at];
    scene.report[at] = value;
    snp_sign(&scene);
    snp_expect(&scene, check);
    scene.report[at] = old;
}

static void A10_a_signed_report_must_be_of_the_leafs_chip_and_versions(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_make(&scene, &plan);
    snp_report(&scene, &plan);
    static const struct {
        size_t at;
        uint8_t value;
        enum capsa_check check;
    } lies[] = {
        {0x180, 4, CAPSA_CHECK_CHIP},    /* boot loader 3 */
        {0x180, 2, CAPSA_CHECK_CHIP},    /* lower is no better: another key then */
        {0x181, 1, CAPSA_CHECK_CHIP},    /* TEE 0 */
        {0x186, 9, CAPSA_CHECK_CHIP},    /* SNP 8 */
        {0x187, 0xdc, CAPSA_CHECK_CHIP}, /* microcode 0xdb */
        {0x1a0, '1', CAPSA_CHECK_CHIP},  /* chip id, first byte */
        {0x1df, '0', CAPSA_CHECK_CHIP},  /* and its last */
        {0x188, 0x1a, CAPSA_CHECK_CHIP}, /* family of Turin, model 1 */
        {0x189, 0x11, CAPSA_CHECK_CHIP}, /* model of Genoa */
        {0x188, 0x17, CAPSA_CHECK_CHIP}, /* no family that has SNP */
        {0x038, 4, CAPSA_CHECK_NONE},    /* current_tcb: the key was not derived of it */
        {0x034, 2, CAPSA_CHECK_FORMAT},  /* signature_algo */
        {0x034, 0, CAPSA_CHECK_FORMAT},
        {0x048, 7 << 2, CAPSA_CHECK_FORMAT}, /* signed by no key */
        {0x048, 2 << 2, CAPSA_CHECK_FORMAT}, /* a key nobody knows */
        {0x048, 1 << 2, CAPSA_CHECK_CHAIN},  /* VLEK */
        {0x030, 3, CAPSA_CHECK_NONE},        /* VMPL: for the policy */
        {0x00a, 0x01, CAPSA_CHECK_FORMAT},   /* policy without the bit that is always one */
        {0x1f8, 1, CAPSA_CHECK_NONE},        /* mitigation vectors stand in version 3 too */
        {0x200, 1, CAPSA_CHECK_NONE},
    };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        try_byte(lies[i].at, lies[i].value, lies[i].check);
    }
    snp_sign(&scene);
    snp_expect(&scene, CAPSA_CHECK_NONE);
}

static void A11_versions_of_the_report(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_make(&scene, &plan);
    snp_report(&scene, &plan);
    for (unsigned version = 0; version < 12; version++) {
        bool known = version >= 2 && version <= 5;
        uint8_t model = scene.report[0x188];
        if (version == 2) {
            memset(scene.report + 0x188, 0, 3); /* does not tell family and model */
        }
        try_byte(0, (uint8_t)version, known ? CAPSA_CHECK_NONE : CAPSA_CHECK_FORMAT);
        scene.report[0x188] = model;
        scene.report[0x189] = scene.report[0x18a] = 1;
    }
}

/* In a verdict zero says that nothing expires. */
static void a_leaf_that_ended_at_the_epoch_has_expired(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    struct capsa_verdict verdict;
    plan.from = -SNP_YEAR;
    plan.to = 0;
    snp_make(&scene, &plan);
    snp_report(&scene, &plan);
    struct capsa_verify_input input = snp_input(&scene);
    assert_ok(capsa_verify(&input, &verdict));
    assert_true(verdict.collateral_expires < 0);
}

static void the_debug_bit_is_a_claim(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    struct capsa_verdict verdict;
    snp_make(&scene, &plan);
    snp_report(&scene, &plan);
    scene.report[0x00a] |= 1 << 3;
    snp_sign(&scene);
    struct capsa_verify_input input = snp_input(&scene);
    assert_ok(capsa_verify(&input, &verdict));
    assert_true(verdict.claims.debug);
    scene.report[0x050] ^= 1; /* shown on a refusal too */
    assert_fails(capsa_verify(&input, &verdict), EVIDENCE);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_SIGNATURE);
    assert_true(verdict.claims.debug);
}

static void A10_turin_has_its_own_layout(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_turin();
    snp_make(&scene, &plan);
    snp_report(&scene, &plan);
    try_byte(0x180, 3, CAPSA_CHECK_CHIP);   /* FMC 2 */
    try_byte(0x181, 4, CAPSA_CHECK_CHIP);   /* boot loader 3 */
    try_byte(0x182, 1, CAPSA_CHECK_CHIP);   /* TEE 0 */
    try_byte(0x183, 9, CAPSA_CHECK_CHIP);   /* SNP 8 */
    try_byte(0x187, 0, CAPSA_CHECK_CHIP);   /* microcode */
    try_byte(0x1a7, '6', CAPSA_CHECK_CHIP); /* HWID has 8 bytes */
    try_byte(0x1a8, 1, CAPSA_CHECK_CHIP);   /* and zeros follow */
    try_byte(0x1df, 1, CAPSA_CHECK_CHIP);
    plan.parts[CAPSA_SNP_FMC] = -1;
    snp_make(&scene, &plan);
    snp_expect(&scene, CAPSA_CHECK_CHAIN);
}

static void A11_a_vlek_is_no_vcek(void **state)
{
    (void)state;
    struct snp_plan vcek = snp_plan_milan(), vlek = snp_plan_vlek();
    snp_make(&scene, &vlek);
    snp_report(&scene, &vcek); /* says VCEK, and names a chip */
    snp_expect(&scene, CAPSA_CHECK_CHAIN);
    snp_report(&scene, &vlek);
    snp_expect(&scene, CAPSA_CHECK_NONE);
    try_byte(0x1a0, 1, CAPSA_CHECK_CHIP); /* a VLEK's report names no chip */
    snp_make(&scene, &vcek);
    snp_sign(&scene);
    snp_expect(&scene, CAPSA_CHECK_CHAIN);
}

static void A11_chip_ids_may_be_masked_only_by_saying_so(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_make(&scene, &plan);
    snp_report(&scene, &plan);
    memset(scene.report + 0x1a0, 0, 64);
    snp_sign(&scene);
    snp_expect(&scene, CAPSA_CHECK_CHIP);
    try_byte(0x048, 1 << 1, CAPSA_CHECK_NONE);
}

/* Names and extensions as another role's; each certificate is signed as it should be. */
static void A11_certificates_of_the_wrong_role(void **state)
{
    (void)state;
    struct snp_plan plans[16];
    size_t count = 0;
    for (size_t i = 0; i < 16; i++) {
        plans[i] = snp_plan_milan();
    }
    plans[count++].hwid_len = 0; /* a VCEK of no chip */
    plans[count++].hwid_len = 63;
    plans[count++].hwid_len = 8;           /* as Turin's */
    plans[count++].csp = true;             /* of a chip and a cloud */
    plans[count++].ask = "SEV-VLEK-Milan"; /* the issuer of the other kind */
    plans[count++].ask = "SEV-Genoa";
    plans[count++].ask = "ARK-Milan";
    plans[count++].ark = "ARK-Genoa";
    plans[count++].leaf = "SEV-VCEK-Milan";
    plans[count++].leaf = "SEV-VLEK"; /* with the extensions of a VCEK */
    plans[count++].product = "Genoa";
    plans[count++].product = "Milano";
    plans[count++].product = NULL;
    plans[count++].parts[CAPSA_SNP_UCODE] = -1;
    plans[count++].leaf_is_ca = true;
    plans[count++].ask_is_no_ca = true;
    for (size_t i = 0; i < count; i++) {
        struct snp_plan plan = snp_plan_milan();
        snp_make(&scene, &plans[i]);
        snp_report(&scene, &plan);
        struct capsa_verdict verdict;
        struct capsa_verify_input input = snp_input(&scene);
        (void)test_accepts(&input, &verdict);
        if (verdict.failed_check != CAPSA_CHECK_CHAIN) {
            fail_msg("plan %zu: wanted chain, got %s: %s", i,
                     capsa_check_name(verdict.failed_check), verdict.reason);
        }
    }
}

static void A11_a_vlek_without_an_owner(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_vlek(), report = plan;
    plan.csp = false;
    snp_make(&scene, &plan);
    snp_report(&scene, &report);
    snp_expect(&scene, CAPSA_CHECK_CHAIN);
    plan.csp = true;
    plan.hwid_len = 64;
    snp_make(&scene, &plan);
    snp_expect(&scene, CAPSA_CHECK_CHAIN);
}

static void a_leaf_that_another_signed(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    plan.leaf_signer = scene.ark_key;
    snp_try(&scene, &plan, CAPSA_CHECK_CHAIN);
}

static void a_leaf_with_a_key_of_another_kind(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    struct capsa_private_key *p384 = scene.leaf_key;
    snp_make(&scene, &plan);
    snp_report(&scene, &plan);
    assert_ok(capsa_private_key_new_p256(&scene.leaf_key));
    snp_make(&scene, &plan);
    snp_expect(&scene, CAPSA_CHECK_CHAIN);
    capsa_private_key_free(scene.leaf_key);
    scene.leaf_key = p384;
}

/* A root that lies in the collateral is none. */
static void A11_the_root_is_never_taken_from_the_collateral(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    struct capsa_verdict verdict;
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    CAPSA_AUTO_FREE(capsa_anchors) vendor = NULL;
    vendor_anchors(&vendor);
    struct capsa_verify_input input = snp_input(&scene);
    input.anchors = vendor;
    assert_fails(capsa_verify(&input, &verdict), EVIDENCE);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_ANCHOR);
    assert_string_equal(verdict.anchor, "");
    input.anchors = scene.anchors;
    input.vendor_only = true;
    assert_fails(capsa_verify(&input, &verdict), EVIDENCE);
    assert_int_equal(verdict.failed_check, CAPSA_CHECK_ANCHOR_KIND);
}

/* The pinned key in a certificate of somebody's own: its names and dates are lies. */
static void a_root_certificate_must_be_signed_by_its_key(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    const struct capsa_cert_issue issue = {
        .common_name = "ARK-Milan",
        .issuer_key = scene.ask_key,
        .not_before = SNP_NOW - SNP_YEAR,
        .not_after = SNP_NOW + 90 * SNP_YEAR,
        .is_ca = true,
    };
    CAPSA_AUTO_FREE(capsa_cert) forged = NULL;
    snp_issue(&issue, scene.ark_key, &forged);
    snp_put(&scene.collateral.snp_ark, forged);
    snp_expect(&scene, CAPSA_CHECK_CHAIN);
}

/* ---- collateral -------------------------------------------------------------------------------
 */

static void what_is_missing_is_named(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    capsa_buf *const parts[] = {&scene.collateral.snp_leaf, &scene.collateral.snp_ask,
                                &scene.collateral.snp_ark};
    static const char *const names[] = {"VCEK", "ASK", "ARK"};
    for (size_t i = 0; i < 3; i++) {
        struct capsa_verdict verdict;
        struct capsa_verify_input input = snp_input(&scene);
        size_t len = parts[i]->len;
        parts[i]->len = 0;
        assert_fails(capsa_verify(&input, &verdict), TCB);
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_COLLATERAL_MISSING);
        assert_non_null(strstr(verdict.reason, names[i]));
        parts[i]->len = len;
    }
    snp_expect(&scene, CAPSA_CHECK_NONE);
}

static void cut_certificates_are_refused(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    capsa_buf *leaf = &scene.collateral.snp_leaf;
    size_t whole = leaf->len;
    for (size_t len = 1; len < whole; len++) {
        leaf->len = len;
        snp_expect(&scene, CAPSA_CHECK_COLLATERAL_FORMAT);
    }
    leaf->len = whole;
    assert_ok(capsa_buf_append(leaf, capsa_cert_der(scene.ask))); /* two where one belongs */
    snp_expect(&scene, CAPSA_CHECK_COLLATERAL_FORMAT);
}

static void cut_reports_are_refused(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    for (size_t len = 0; len < CAPSA_SNP_REPORT_BYTES; len++) {
        struct capsa_verdict verdict;
        struct capsa_verify_input input = snp_input(&scene);
        uint8_t *exact = malloc(len + 1); /* so that a read past the end is seen */
        assert_non_null(exact);
        memcpy(exact + 1, scene.report, len);
        input.evidence = capsa_bytes_of(exact + 1, len);
        assert_false(test_accepts(&input, &verdict));
        assert_int_equal(verdict.failed_check, CAPSA_CHECK_FORMAT);
        free(exact);
    }
}

static void the_narrowest_window_counts(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    struct capsa_verdict verdict;
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    struct capsa_verify_input input = snp_input(&scene);
    assert_ok(capsa_verify(&input, &verdict));
    assert_int_equal(verdict.collateral_issued, plan.from);
    assert_int_equal(verdict.collateral_expires, plan.to);
    assert_int_equal(verdict.signed_at, 0);
    plan.from = SNP_NOW - 30 * SNP_YEAR; /* now others' are narrower */
    plan.to = SNP_NOW + 30 * SNP_YEAR;
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    input = snp_input(&scene);
    assert_ok(capsa_verify(&input, &verdict));
    assert_int_equal(verdict.collateral_issued, SNP_NOW - 19 * SNP_YEAR);
    assert_int_equal(verdict.collateral_expires, SNP_NOW + 20 * SNP_YEAR);
}

/* ---- revocation --------------------------------------------------------------------------------
 */

struct list {
    const struct capsa_cert *issuer;
    const struct capsa_private_key *key;
    const struct capsa_cert *revoked; /* NULL: none */
    capsa_time from, to;
};

static void try_list(const struct list *list, enum capsa_check check)
{
    const struct capsa_crl_issue issue = {
        .issuer = list->issuer == NULL ? scene.ark : list->issuer,
        .issuer_key = list->key == NULL ? scene.ark_key : list->key,
        .kind = CAPSA_LINK_RSA_PSS_SHA384,
        .this_update = list->from == 0 ? SNP_NOW - 10 : list->from,
        .next_update = list->to == 0 ? SNP_NOW + 10 : list->to,
        .revoked = &list->revoked,
        .revoked_count = list->revoked == NULL ? 0 : 1,
    };
    capsa_buf_clear(&scene.collateral.snp_crl);
    assert_ok(capsa_crl_issue(&issue, &scene.collateral.snp_crl));
    snp_expect(&scene, check);
}

static void A13_a_list_that_is_there_counts(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    try_list(&(struct list){0}, CAPSA_CHECK_NONE);
    try_list(&(struct list){.revoked = scene.ask}, CAPSA_CHECK_REVOKED);
    try_list(&(struct list){.revoked = scene.leaf}, CAPSA_CHECK_REVOKED);
    try_list(&(struct list){.revoked = scene.ark}, CAPSA_CHECK_REVOKED);
    /* of another issuer, or only in its name */
    try_list(&(struct list){.issuer = scene.ask, .key = scene.ask_key}, CAPSA_CHECK_CRL);
    try_list(&(struct list){.key = scene.ask_key}, CAPSA_CHECK_CRL);
    scene.collateral.snp_crl.len -= 1;
    snp_expect(&scene, CAPSA_CHECK_COLLATERAL_FORMAT);
}

static void A13_the_lists_window_is_noted(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    struct capsa_verdict verdict;
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    try_list(&(struct list){.from = SNP_NOW - 100, .to = SNP_NOW - 1}, CAPSA_CHECK_NONE);
    struct capsa_verify_input input = snp_input(&scene);
    assert_false(test_accepts(&input, &verdict)); /* expired */
    assert_int_equal(verdict.signed_at, SNP_NOW - 100);
    assert_int_equal(verdict.collateral_issued, SNP_NOW - 100);
    assert_int_equal(verdict.collateral_expires, SNP_NOW - 1);
    assert_int_equal(verdict.collateral_status, 1);
}

/* The root's certificate anew, of the same key, that may sign certificates and nothing else. */
static void a_root_that_may_not_sign_lists(void **state)
{
    (void)state;
    static const uint8_t cert_sign_only[] = {CAPSA_DER_BIT_STRING, 2, 2, 4};
    const struct capsa_cert_extra usage = {"2.5.29.15",
                                           capsa_bytes_of(cert_sign_only, sizeof(cert_sign_only))};
    struct snp_plan plan = snp_plan_milan();
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    const struct capsa_cert_issue issue = {
        .common_name = "ARK-Milan",
        .issuer_key = scene.ark_key,
        .not_before = SNP_NOW - SNP_YEAR,
        .not_after = SNP_NOW + SNP_YEAR,
        .is_ca = true,
        .extra = &usage,
        .extra_count = 1,
    };
    CAPSA_AUTO_FREE(capsa_cert) root = NULL;
    snp_issue(&issue, scene.ark_key, &root);
    snp_put(&scene.collateral.snp_ark, root);
    snp_expect(&scene, CAPSA_CHECK_NONE); /* the key is what counts, and no list is asked for */
    try_list(&(struct list){0}, CAPSA_CHECK_CRL);
}

/* ---- extensions alone --------------------------------------------------------------------------
 */

static const char product_milan[] = {0x16, 5, 'M', 'i', 'l', 'a', 'n'};
static const char two_bytes[] = {2, 2, 0, (char)0xdb}, one_byte[] = {2, 1, 7};
static const char csp_name[] = {0x16, 4, 'C', 'N', '=', 'x'}, csp_empty[] = {0x16, 0};

static struct capsa_snp_extensions milan_extensions(void)
{
    capsa_bytes one = capsa_bytes_of(one_byte, sizeof(one_byte));
    return (struct capsa_snp_extensions){
        .product = capsa_bytes_of(product_milan, sizeof(product_milan)),
        .parts = {one, one, one, capsa_bytes_of(two_bytes, sizeof(two_bytes))},
        .hwid = capsa_bytes_of(SNP_HWID, 64),
    };
}

static void refused(enum capsa_snp_key kind, const struct capsa_snp_extensions *extensions,
                    const char *text)
{
    struct capsa_snp_leaf leaf = {.hwid_len = 99};
    capsa_result read = capsa_snp_leaf_read(kind, extensions, &leaf);
    assert_true(capsa_failed(read));
    if (strstr(capsa_text_of(read), text) == NULL) {
        fail_msg("wanted \"%s\": %s", text, capsa_text_of(read));
    }
    assert_int_equal(leaf.hwid_len, 99); /* untouched */
}

static void extensions_are_whole_and_in_their_form(void **state)
{
    (void)state;
    struct capsa_snp_extensions all = milan_extensions();
    struct capsa_snp_leaf leaf;
    assert_ok(capsa_snp_leaf_read(CAPSA_SNP_VCEK, &all, &leaf));
    assert_int_equal(leaf.parts[CAPSA_SNP_UCODE], 0xdb);
    assert_int_equal(leaf.parts[CAPSA_SNP_TEE], 7);
    const struct {
        capsa_bytes *extension;
        const char *missing, *cut;
    } cuts[] = {
        {&all.product, "product's name is missing", "product name"},
        {&all.parts[CAPSA_SNP_BL], "boot_loader is missing", "version of boot_loader"},
        {&all.parts[CAPSA_SNP_UCODE], "microcode is missing", "version of microcode"},
        {&all.hwid, "without a HWID", "HWID of"},
    };
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        size_t whole = cuts[i].extension->len;
        for (size_t len = 0; len < whole; len++) {
            cuts[i].extension->len = len;
            refused(CAPSA_SNP_VCEK, &all, len == 0 ? cuts[i].missing : cuts[i].cut);
        }
        cuts[i].extension->len = whole;
    }
}

static void versions_are_bytes(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x02\x02\x01\x00", "\x02\x01\xff",     "\x02\x02\x00\x07",
                                      "\x0a\x01\x07",     "\x02\x01\x07\x07", "\x02\x81\x01\x07"};
    static const size_t lens[] = {4, 3, 4, 3, 4, 4};
    struct capsa_snp_extensions all = milan_extensions();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        all.parts[CAPSA_SNP_SNP] = capsa_bytes_of(bad[i], lens[i]);
        refused(CAPSA_SNP_VCEK, &all, "version of snp");
    }
}

static void a_vlek_names_its_cloud(void **state)
{
    (void)state;
    struct capsa_snp_extensions all = milan_extensions();
    struct capsa_snp_leaf leaf;
    all.hwid.len = 0;
    refused(CAPSA_SNP_VLEK, &all, "without a CSP id");
    all.csp = capsa_bytes_of(csp_empty, sizeof(csp_empty));
    refused(CAPSA_SNP_VLEK, &all, "CSP id: it is empty");
    all.csp = capsa_bytes_of(csp_name, sizeof(csp_name));
    assert_ok(capsa_snp_leaf_read(CAPSA_SNP_VLEK, &all, &leaf));
    assert_int_equal(leaf.hwid_len, 0);
    all.csp.len--;
    refused(CAPSA_SNP_VLEK, &all, "CSP id");
}

/* ---- always the same ---------------------------------------------------------------------------
 */

static void A22_the_same_answer_twice(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    for (int round = 0; round < 2; round++) {
        struct capsa_verdict first, second;
        uint8_t before[CAPSA_SNP_REPORT_BYTES];
        struct capsa_verify_input input = snp_input(&scene);
        memcpy(before, scene.report, sizeof(before));
        (void)test_accepts(&input, &first);
        (void)test_accepts(&input, &second);
        assert_memory_equal(&first, &second, sizeof(first));
        assert_memory_equal(before, scene.report, sizeof(before));
        scene.report[0x90] ^= 1; /* then one that is refused */
    }
}

static struct capsa_verdict warm(const struct capsa_anchors *anchors, bool vendor_only)
{
    struct capsa_verdict verdict;
    struct capsa_verify_input input = snp_input(&scene);
    input.anchors = anchors;
    input.vendor_only = vendor_only;
    (void)test_accepts(&input, &verdict);
    return verdict;
}

static void a_cache_changes_no_answer(void **state)
{
    (void)state;
    struct snp_plan plan = snp_plan_milan();
    CAPSA_AUTO_FREE(capsa_anchors) vendor = NULL;
    vendor_anchors(&vendor);
    snp_try(&scene, &plan, CAPSA_CHECK_NONE);
    struct capsa_verdict cold = warm(scene.anchors, false), again;
    assert_ok(capsa_verify_cache_new(16, &scene.cache));
    for (int round = 0; round < 3; round++) {
        again = warm(scene.anchors, false);
        assert_memory_equal(&cold, &again, sizeof(cold));
    }
    /* what is judged anew each time */
    assert_int_equal(warm(vendor, false).failed_check, CAPSA_CHECK_ANCHOR);
    assert_int_equal(warm(scene.anchors, true).failed_check, CAPSA_CHECK_ANCHOR_KIND);
    scene.report[0x90] ^= 1;
    snp_expect(&scene, CAPSA_CHECK_SIGNATURE);
    scene.report[0x90] ^= 1;
    try_byte(0x180, 4, CAPSA_CHECK_CHIP);
    snp_sign(&scene);
    /* other bytes are others */
    capsa_buf *const parts[] = {&scene.collateral.snp_leaf, &scene.collateral.snp_ask,
                                &scene.collateral.snp_ark};
    for (size_t i = 0; i < 3; i++) {
        for (int round = 0; round < 2; round++) { /* nor is a refusal forgotten */
            parts[i]->data[parts[i]->len - 100] ^= 1;
            snp_expect(&scene, CAPSA_CHECK_CHAIN);
            parts[i]->data[parts[i]->len - 100] ^= 1;
        }
    }
    try_list(&(struct list){0}, CAPSA_CHECK_NONE);
    try_list(&(struct list){.revoked = scene.leaf}, CAPSA_CHECK_REVOKED);
    try_list(&(struct list){.revoked = scene.leaf}, CAPSA_CHECK_REVOKED);
    capsa_buf_clear(&scene.collateral.snp_crl);
    again = warm(scene.anchors, false);
    assert_memory_equal(&cold, &again, sizeof(cold));
    capsa_verify_cache_free(scene.cache);
    scene.cache = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_reports_give_the_expected_verdict),
        cmocka_unit_test(changed_reports_are_refused),
        cmocka_unit_test(a_real_report_tells_product_and_window),
        cmocka_unit_test(A10_every_byte_of_a_real_report_counts),
        cmocka_unit_test(every_byte_of_a_real_leaf_counts),
        cmocka_unit_test(honest_platforms_pass),
        cmocka_unit_test(A10_a_signed_report_must_be_of_the_leafs_chip_and_versions),
        cmocka_unit_test(A11_versions_of_the_report),
        cmocka_unit_test(a_leaf_that_ended_at_the_epoch_has_expired),
        cmocka_unit_test(the_debug_bit_is_a_claim),
        cmocka_unit_test(A10_turin_has_its_own_layout),
        cmocka_unit_test(A11_a_vlek_is_no_vcek),
        cmocka_unit_test(A11_chip_ids_may_be_masked_only_by_saying_so),
        cmocka_unit_test(A11_certificates_of_the_wrong_role),
        cmocka_unit_test(A11_a_vlek_without_an_owner),
        cmocka_unit_test(a_leaf_that_another_signed),
        cmocka_unit_test(a_leaf_with_a_key_of_another_kind),
        cmocka_unit_test(A11_the_root_is_never_taken_from_the_collateral),
        cmocka_unit_test(a_root_certificate_must_be_signed_by_its_key),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(cut_certificates_are_refused),
        cmocka_unit_test(cut_reports_are_refused),
        cmocka_unit_test(the_narrowest_window_counts),
        cmocka_unit_test(A13_a_list_that_is_there_counts),
        cmocka_unit_test(A13_the_lists_window_is_noted),
        cmocka_unit_test(a_root_that_may_not_sign_lists),
        cmocka_unit_test(extensions_are_whole_and_in_their_form),
        cmocka_unit_test(versions_are_bytes),
        cmocka_unit_test(a_vlek_names_its_cloud),
        cmocka_unit_test(A22_the_same_answer_twice),
        cmocka_unit_test(a_cache_changes_no_answer),
    };
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
