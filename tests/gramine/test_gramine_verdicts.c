/* SPDX-License-Identifier: Apache-2.0
 *
 * What is accepted of platforms and enclaves: every result of Intel's against every combination of
 * flags, attributes, the measurement callback, and what Gramine lets pass and this does not.
 */
#include "gramine_scene.h"

#include <pthread.h>

/* ---- Results and flags ------------------------------------------------------------------------
 */

enum { OUTDATED = 1, HW = 2, SW = 4, ALL_FLAGS = 8, NEVER = 8 };

static void set_flags(unsigned flags)
{
    gramine_set("RA_TLS_ALLOW_OUTDATED_TCB_INSECURE", (flags & OUTDATED) != 0 ? "1" : NULL);
    gramine_set("RA_TLS_ALLOW_HW_CONFIG_NEEDED", (flags & HW) != 0 ? "1" : NULL);
    gramine_set("RA_TLS_ALLOW_SW_HARDENING_NEEDED", (flags & SW) != 0 ? "1" : NULL);
}

static const struct {
    const char *name;
    int result;
    unsigned needs; /* flags; NEVER: no flag helps */
    struct capsa_sim_turn turn;
} platforms[] = {
    {"up to date", 0, 0, {"tcb-status", "UpToDate"}},
    {"configuration needed", 0xa001, HW, {"tcb-status", "ConfigurationNeeded"}},
    {"out of date", 0xa002, OUTDATED, {"tcb-status", "OutOfDate"}},
    {"out of date, configuration needed",
     0xa003,
     OUTDATED | HW,
     {"tcb-status", "OutOfDateConfigurationNeeded"}},
    {"bad signature", 0xa004, NEVER, {"damage", "tcb-info"}},
    {"revoked", 0xa005, NEVER, {"tcb-status", "Revoked"}},
    {"unspecified", 0xa006, NEVER, {"out-of-reach", ""}},
    {"software hardening needed", 0xa007, SW, {"tcb-status", "SWHardeningNeeded"}},
    {"configuration and software hardening needed",
     0xa008,
     HW | SW,
     {"tcb-status", "ConfigurationAndSWHardeningNeeded"}},
    {"up to date, with expired collateral", 0, OUTDATED, {"expire", "tcb-info"}},
};

static void A6_every_result_wants_exactly_its_flags(void **state)
{
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
        gramine_anything(*state);
        gramine_collateral(*state, &platforms[i].turn, 1);
        for (unsigned flags = 0; flags < ALL_FLAGS; flags++) {
            struct gramine_results results;
            char said[2048];
            char what[128];
            const bool passes = (platforms[i].needs & ~flags) == 0;
            (void)snprintf(what, sizeof(what), "%s, flags %u", platforms[i].name, flags);
            set_flags(flags);
            gramine_expect(what, *state, crt, passes ? 0 : VERIFY_FAILED,
                           passes ? AT_NONE : AT_VERIFY);
            (void)gramine_judge(*state, crt, &results, said);
            if (results.qv_result != platforms[i].result) {
                fail_msg("%s: result 0x%x: %s", what, results.qv_result, said);
            }
        }
    }
    free(crt.der);
}

/* As the original: of what is wrong with both, the platform's is told. */
static void the_platform_is_judged_before_the_enclave_with_any_flags(void **state)
{
    struct gramine_enclave enclave = gramine_enclave();
    enclave.debug = true;
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
        gramine_anything(*state);
        gramine_collateral(*state, &platforms[i].turn, 1);
        for (unsigned flags = 0; flags < ALL_FLAGS; flags++) {
            const bool passes = (platforms[i].needs & ~flags) == 0;
            set_flags(flags);
            gramine_expect(platforms[i].name, *state, crt, VERIFY_FAILED,
                           passes ? AT_ATTRIBUTES : AT_VERIFY);
        }
    }
    free(crt.der);
}

static void expired_and_more_wants_both(void **state)
{
    static const struct capsa_sim_turn turns[] = {{"expire", "tcb-info"},
                                                  {"tcb-status", "ConfigurationNeeded"}};
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    gramine_anything(*state);
    gramine_collateral(*state, turns, 2);
    for (unsigned flags = 0; flags < ALL_FLAGS; flags++) {
        const bool passes = (flags & (OUTDATED | HW)) == (OUTDATED | HW);
        set_flags(flags);
        gramine_expect("expired", *state, crt, passes ? 0 : VERIFY_FAILED,
                       passes ? AT_NONE : AT_VERIFY);
    }
    free(crt.der);
}

static void collateral_that_is_exchanged_counts_at_the_next_call(void **state)
{
    static const struct capsa_sim_turn revoked = {"tcb-status", "Revoked"};
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    gramine_anything(*state);
    gramine_collateral(*state, NULL, 0);
    gramine_expect("good", *state, crt, 0, AT_NONE);
    gramine_collateral(*state, &revoked, 1);
    gramine_expect("revoked", *state, crt, VERIFY_FAILED, AT_VERIFY);
    free(crt.der);
}

/* ---- Enclaves -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t flip;
    int code;
} attributes[] = {
    {"not initialised", 1U << 0, VERIFY_FAILED},
    {"not of 64 bits", 1U << 2, VERIFY_FAILED},
    {"with the provisioning key", 1U << 4, VERIFY_FAILED},
    {"with the launch token key", 1U << 5, VERIFY_FAILED},
    {"with CET", 1U << 6, 0},
    {"with KSS", 1U << 7, 0},
};

static void enclaves_have_the_attributes_that_they_should(void **state)
{
    gramine_anything(*state);
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        struct gramine_enclave enclave = gramine_enclave();
        enclave.flip = attributes[i].flip;
        struct gramine_crt crt = gramine_certificate(*state, &enclave);
        gramine_expect(attributes[i].name, *state, crt, attributes[i].code,
                       attributes[i].code == 0 ? AT_NONE : AT_ATTRIBUTES);
        free(crt.der);
    }
}

/* As the original: its platform first, then what it is. */
static void the_platform_is_looked_at_before_the_enclave(void **state)
{
    static const struct capsa_sim_turn turn = {"tcb-status", "OutOfDate"};
    struct gramine_enclave enclave = gramine_enclave();
    enclave.debug = true;
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    gramine_anything(*state);
    gramine_set("RA_TLS_MRENCLAVE",
                "abababababababababababababababababababababababababababababababab");
    gramine_collateral(*state, &turn, 1);
    gramine_expect("all wrong", *state, crt, VERIFY_FAILED, AT_VERIFY);
    set_flags(OUTDATED);
    gramine_expect("debug, and another", *state, crt, VERIFY_FAILED, AT_ATTRIBUTES);
    gramine_set("RA_TLS_ALLOW_DEBUG_ENCLAVE_INSECURE", "1");
    gramine_expect("another", *state, crt, VERIFY_FAILED, AT_MEASURED);
    free(crt.der);
}

static void a_td_is_no_enclave(void **state)
{
    struct gramine_enclave enclave = gramine_enclave();
    char path[200];
    enclave.tdx = true;
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    gramine_anything(*state);
    (void)snprintf(path, sizeof(path), "%s/tdx", ((struct gramine *)*state)->dir);
    gramine_set("CAPSA_COLLATERAL_BUNDLE", path);
    gramine_expect("TDX", *state, crt, VERIFY_FAILED, AT_VERIFY);
    struct gramine_results results;
    char said[2048];
    (void)gramine_judge(*state, crt, &results, said);
    if (strstr(said, "(platform)") == NULL) { /* it is genuine, and of the wrong kind */
        fail_msg("TDX: %s", said);
    }
    free(crt.der);
}

/* ---- What Gramine lets pass ------------------------------------------------------------------ */

static void what_the_original_takes_too_easily_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct gramine_enclave but;
        int code, step;
    } cases[] = {
        {"DICE", {.dice = true}, 0, AT_NONE},
        {"legacy", {.legacy = true}, 0, AT_NONE},
        {"both", {.dice = true, .legacy = true}, 0, AT_NONE},
        {"DICE with a tail", {.dice = true, .last_byte = 1}, SIG_MISMATCH, AT_EXTRACT},
        {"legacy with a tail", {.legacy = true, .last_byte = 1}, SIG_MISMATCH, AT_EXTRACT},
        {"claims without the key",
         {.dice = true, .no_key_hash = true},
         INVALID_EXTENSIONS,
         AT_EXTRACT},
        {"DICE of another key", {.dice = true, .other_key = true}, SIG_MISMATCH, AT_EXTRACT},
        {"legacy of another key", {.legacy = true, .other_key = true}, SIG_MISMATCH, AT_EXTRACT},
        {"not signed by itself",
         {.dice = true, .damage_signature = true},
         SIG_MISMATCH,
         AT_EXTRACT},
        {"bad DICE beside good legacy",
         {.dice = true, .legacy = true, .damage_dice = true},
         VERIFY_FAILED,
         AT_VERIFY},
        {"bad DICE alone", {.dice = true, .damage_dice = true}, VERIFY_FAILED, AT_VERIFY},
        {"no evidence", {.dice = false}, INVALID_EXTENSIONS, AT_EXTRACT},
    };
    gramine_anything(*state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gramine_enclave enclave = cases[i].but;
        memset(enclave.mr_enclave, 0x11, 32);
        memset(enclave.mr_signer, 0x12, 32);
        struct gramine_crt crt = gramine_certificate(*state, &enclave);
        gramine_expect(cases[i].name, *state, crt, cases[i].code, cases[i].step);
        free(crt.der);
    }
}

static void what_is_no_certificate_is_said_to_be_none(void **state)
{
    const struct gramine *scene = *state;
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(scene, &enclave);
    struct gramine_results results;
    uint8_t junk[] = "-----BEGIN CERTIFICATE-----\n";
    gramine_anything(scene);
    assert_int_equal(scene->verify(NULL, 10, &results), BAD_INPUT);
    assert_int_equal(results.err_loc, AT_INIT);
    assert_int_equal(results.qv_result, 0xa006); /* not 0, which is success */
    assert_int_equal(scene->verify(crt.der, 0, NULL), BAD_INPUT);
    gramine_expect("PEM", scene, (struct gramine_crt){junk, sizeof(junk)}, INVALID_FORMAT,
                   AT_EXTRACT);
    for (size_t len = 1; len < crt.len; len += len < 64 ? 1 : 97) {
        uint8_t *cut = malloc(len);
        assert_non_null(cut);
        memcpy(cut, crt.der, len);
        gramine_expect("cut", scene, (struct gramine_crt){cut, len}, INVALID_FORMAT, AT_EXTRACT);
        free(cut);
    }
    uint8_t *more = calloc(1, crt.len + 1);
    assert_non_null(more);
    memcpy(more, crt.der, crt.len);
    gramine_expect("a byte behind it", scene, (struct gramine_crt){more, crt.len + 1},
                   INVALID_FORMAT, AT_EXTRACT);
    free(more);
    assert_int_equal(scene->verify(crt.der, crt.len, NULL), 0);
    assert_int_equal(scene->verify_simply(crt.der, crt.len), 0);
    free(crt.der);
}

/* ---- The callback ---------------------------------------------------------------------------- */

static int answer;
static unsigned asked;

static int callback(const char *mr_enclave, const char *mr_signer, const char *product,
                    const char *version)
{
    uint8_t wanted[32];
    memset(wanted, 0x11, sizeof(wanted));
    assert_memory_equal(mr_enclave, wanted, 32);
    memset(wanted, 0x12, sizeof(wanted));
    assert_memory_equal(mr_signer, wanted, 32);
    assert_memory_equal(product, "\x34\x12", 2);
    assert_memory_equal(version, "\x02\x01", 2);
    asked++;
    return answer;
}

static struct gramine_crt make_for_callback(const struct gramine *scene, bool debug)
{
    struct gramine_enclave enclave = gramine_enclave();
    enclave.isv_prod_id = 0x1234;
    enclave.isv_svn = 0x0102;
    enclave.debug = debug;
    return gramine_certificate(scene, &enclave);
}

static void the_callback_sees_binary_values_and_only_zero_accepts(void **state)
{
    static const struct {
        int answer, code, step;
    } cases[] = {{0, 0, AT_NONE},
                 {-1, VERIFY_FAILED, AT_MEASURED},
                 {1, VERIFY_FAILED, AT_MEASURED}, /* which the original takes for a yes */
                 {INT32_MAX, VERIFY_FAILED, AT_MEASURED}};
    const struct gramine *scene = *state;
    struct gramine_crt crt = make_for_callback(scene, false);
    gramine_clear(); /* the variables with measurements are not asked for */
    gramine_set("CAPSA_INSECURE_SIMULATION", scene->dir);
    scene->set_callback(callback);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer = cases[i].answer;
        asked = 0;
        gramine_expect("callback", scene, crt, cases[i].code, cases[i].step);
        assert_int_equal(asked, 1);
    }
    answer = 0;
    scene->set_callback(NULL);
    gramine_expect("no callback any more", scene, crt, BAD_INPUT, AT_MEASURED);
    free(crt.der);
}

static void the_callback_is_not_asked_about_what_is_refused_anyway(void **state)
{
    const struct gramine *scene = *state;
    struct gramine_crt crt = make_for_callback(scene, true);
    gramine_clear();
    gramine_set("CAPSA_INSECURE_SIMULATION", scene->dir);
    scene->set_callback(callback);
    answer = 0;
    asked = 0;
    gramine_expect("debug", scene, crt, VERIFY_FAILED, AT_ATTRIBUTES);
    assert_int_equal(asked, 0);
    gramine_set("RA_TLS_ALLOW_DEBUG_ENCLAVE_INSECURE", "1");
    gramine_expect("debug, allowed", scene, crt, 0, AT_NONE);
    assert_int_equal(asked, 1);
    scene->set_callback(NULL);
    free(crt.der);
}

/* ---- Threads --------------------------------------------------------------------------------- */

struct work {
    const struct gramine *scene;
    struct gramine_crt good, bad;
    int wrong;
};

static int accepting(const char *mr_enclave, const char *mr_signer, const char *product,
                     const char *version)
{
    (void)mr_signer;
    (void)product;
    (void)version;
    return mr_enclave[0] == 0x11 ? 0 : -1;
}

static void *judge_many(void *context)
{
    struct work *work = context;
    for (int i = 0; i < 20; i++) {
        work->wrong += work->scene->verify(work->good.der, work->good.len, NULL) != 0;
        work->wrong += work->scene->verify_simply(work->bad.der, work->bad.len) != VERIFY_FAILED;
    }
    return NULL;
}

/* Each of the changes of the callback makes another verifier the one that is kept. */
static void threads_judge_while_the_callback_changes(void **state)
{
    const struct gramine *scene = *state;
    struct gramine_enclave enclave = gramine_enclave();
    struct work works[4];
    pthread_t threads[4];
    gramine_anything(scene);
    gramine_set("RA_TLS_MRENCLAVE",
                "1111111111111111111111111111111111111111111111111111111111111111");
    struct gramine_crt good = gramine_certificate(scene, &enclave);
    memset(enclave.mr_enclave, 0x13, 32);
    struct gramine_crt bad = gramine_certificate(scene, &enclave);
    for (size_t i = 0; i < 4; i++) {
        works[i] = (struct work){scene, good, bad, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, judge_many, &works[i]), 0);
    }
    for (int i = 0; i < 50; i++) {
        scene->set_callback(i % 2 == 0 ? accepting : NULL);
        (void)scene->verify(good.der, good.len, NULL);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(works[i].wrong, 0);
    }
    scene->set_callback(NULL);
    free(good.der);
    free(bad.der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A6_every_result_wants_exactly_its_flags),
        cmocka_unit_test(the_platform_is_judged_before_the_enclave_with_any_flags),
        cmocka_unit_test(expired_and_more_wants_both),
        cmocka_unit_test(collateral_that_is_exchanged_counts_at_the_next_call),
        cmocka_unit_test(enclaves_have_the_attributes_that_they_should),
        cmocka_unit_test(the_platform_is_looked_at_before_the_enclave),
        cmocka_unit_test(a_td_is_no_enclave),
        cmocka_unit_test(what_the_original_takes_too_easily_is_refused),
        cmocka_unit_test(what_is_no_certificate_is_said_to_be_none),
        cmocka_unit_test(the_callback_sees_binary_values_and_only_zero_accepts),
        cmocka_unit_test(the_callback_is_not_asked_about_what_is_refused_anyway),
        cmocka_unit_test(threads_judge_while_the_callback_changes),
    };
    return cmocka_run_group_tests(tests, gramine_setup, gramine_teardown);
}
