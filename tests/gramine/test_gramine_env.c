/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment that tells what is accepted: each variable by a table of its values. What the
 * original reads as zero, cuts short or leaves aside is refused here, by the variable's name.
 */
#include "gramine_scene.h"

#define D8  "11111111"
#define HEX D8 D8 D8 D8 D8 D8 D8

struct value {
    const char *variable, *value; /* NULL: unset */
    int code, step;
};

#define PASSES             0, AT_NONE
#define OF_ANOTHER_PROGRAM VERIFY_FAILED, AT_MEASURED
#define IS_GARBAGE         BAD_INPUT, AT_MEASURED

/* Around what gramine_enclave() is. */
static void set_right(const struct gramine *scene)
{
    gramine_anything(scene);
    gramine_set("RA_TLS_ALLOW_ANY_MEASUREMENT_INSECURE", NULL);
    gramine_set("RA_TLS_MRENCLAVE", HEX D8);
    gramine_set("RA_TLS_MRSIGNER",
                "1212121212121212121212121212121212121212121212121212121212121212");
    gramine_set("RA_TLS_ISV_PROD_ID", "7");
    gramine_set("RA_TLS_ISV_SVN", "4");
}

static void try_values(const struct gramine *scene, const struct value *values, size_t count)
{
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(scene, &enclave);
    for (size_t i = 0; i < count; i++) {
        struct gramine_results results;
        char said[2048];
        char what[256];
        (void)snprintf(what, sizeof(what), "%s=%.100s", values[i].variable,
                       values[i].value == NULL ? "(unset)" : values[i].value);
        set_right(scene);
        gramine_set(values[i].variable, values[i].value);
        gramine_expect(what, scene, crt, values[i].code, values[i].step);
        (void)gramine_judge(scene, crt, &results, said);
        if (values[i].code == BAD_INPUT && strstr(said, values[i].variable) == NULL) {
            fail_msg("%s: is not named: %s", what, said);
        }
    }
    free(crt.der);
}

/* ---- Measurements ---------------------------------------------------------------------------- */

static void a_measurement_is_64_hex_digits_or_any_and_nothing_else(void **state)
{
    static const char *const wrong[] = {
        NULL,
        "",
        "ANY",
        "Any",
        "any ",
        " any",
        "anyone",
        "*",
        "0",
        HEX "1111111",
        HEX D8 "1",
        "0x" HEX D8,
        "0x" HEX "111111",
        HEX "1111111g",
        HEX "1111111 ",
        " " HEX "1111111",
        HEX D8 "\n",
        HEX D8 " any",
        "-" HEX "1111111",
        "\x1b[31m" HEX,
        /* what no program has matches too much: refused where it is set */
        "0000000000000000000000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const bool is_zero = wrong[i] != NULL && strncmp(wrong[i], "000000", 6) == 0;
        const struct value values[] = {
            {"RA_TLS_MRENCLAVE", wrong[i], IS_GARBAGE},
            {"RA_TLS_MRSIGNER", wrong[i], IS_GARBAGE},
        };
        if (!is_zero) {
            try_values(*state, values, 2);
            continue;
        }
        const struct gramine_enclave enclave = gramine_enclave();
        struct gramine_crt crt = gramine_certificate(*state, &enclave);
        set_right(*state);
        gramine_set("RA_TLS_MRENCLAVE", wrong[i]);
        gramine_expect("all zero", *state, crt, IS_GARBAGE);
        free(crt.der);
    }
}

static void measurements_are_compared_whole_in_either_case(void **state)
{
    struct gramine_enclave enclave = gramine_enclave();
    memset(enclave.mr_enclave, 0xab, 32);
    memset(enclave.mr_signer, 0xcd, 32);
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    static const struct {
        const char *mr_enclave, *mr_signer;
        int code, step;
    } cases[] = {
        {"abababababababababababababababababababababababababababababababab", "any", PASSES},
        {"ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB", "any", PASSES},
        {"aBAbabababababababababababababABababababababababababababababABab", "any", PASSES},
        {"any", "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", PASSES},
        {"abababababababababababababababababababababababababababababababab",
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", PASSES},
        {"abababababababababababababababababababababababababababababababac", "any",
         OF_ANOTHER_PROGRAM},
        {"bbababababababababababababababababababababababababababababababab", "any",
         OF_ANOTHER_PROGRAM},
        {"any", "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdce",
         OF_ANOTHER_PROGRAM},
        {"abababababababababababababababababababababababababababababababab",
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdce", OF_ANOTHER_PROGRAM},
        /* one in the other's place */
        {"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "any",
         OF_ANOTHER_PROGRAM},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_right(*state);
        gramine_set("RA_TLS_MRENCLAVE", cases[i].mr_enclave);
        gramine_set("RA_TLS_MRSIGNER", cases[i].mr_signer);
        gramine_expect(cases[i].mr_enclave, *state, crt, cases[i].code, cases[i].step);
    }
    free(crt.der);
}

static void product_and_version_are_decimal_numbers_of_16_bits_or_any(void **state)
{
    static const char *const wrong[] = {
        NULL,    "",     "ANY",  "70000",  "65536", "99999", "100000", "99999999999999999999",
        "-1",    "+7",   " 7",   "7 ",     "7\n",   "0x7",   "7.0",    "7,",
        "seven", "any7", "7any", "000007",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct value values[] = {
            {"RA_TLS_ISV_PROD_ID", wrong[i], IS_GARBAGE},
            {"RA_TLS_ISV_SVN", wrong[i], IS_GARBAGE},
        };
        try_values(*state, values, 2);
    }
}

static void the_product_is_equal_and_the_version_a_minimum(void **state)
{
    static const struct value values[] = {
        {"RA_TLS_ISV_PROD_ID", "7", PASSES},
        {"RA_TLS_ISV_PROD_ID", "007", PASSES},
        {"RA_TLS_ISV_PROD_ID", "any", PASSES},
        {"RA_TLS_ISV_PROD_ID", "0", OF_ANOTHER_PROGRAM},
        {"RA_TLS_ISV_PROD_ID", "6", OF_ANOTHER_PROGRAM},
        {"RA_TLS_ISV_PROD_ID", "8", OF_ANOTHER_PROGRAM},
        {"RA_TLS_ISV_PROD_ID", "65535", OF_ANOTHER_PROGRAM},
        {"RA_TLS_ISV_SVN", "0", PASSES},
        {"RA_TLS_ISV_SVN", "3", PASSES},
        {"RA_TLS_ISV_SVN", "4", PASSES},
        {"RA_TLS_ISV_SVN", "any", PASSES},
        {"RA_TLS_ISV_SVN", "5", OF_ANOTHER_PROGRAM},
        {"RA_TLS_ISV_SVN", "65535", OF_ANOTHER_PROGRAM},
    };
    try_values(*state, values, sizeof(values) / sizeof(values[0]));
}

static void A8_any_for_both_measurements_wants_the_variable_that_says_insecure(void **state)
{
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    static const struct {
        const char *value;
        int code, step;
    } cases[] = {
        {NULL, IS_GARBAGE}, {"", IS_GARBAGE},   {"0", IS_GARBAGE}, {"true", IS_GARBAGE},
        {"1 ", IS_GARBAGE}, {"11", IS_GARBAGE}, {"1", PASSES},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gramine_results results;
        char said[2048];
        gramine_anything(*state);
        gramine_set("RA_TLS_ISV_PROD_ID", "7"); /* which alone says nothing of the code */
        gramine_set("RA_TLS_ALLOW_ANY_MEASUREMENT_INSECURE", cases[i].value);
        gramine_expect("any", *state, crt, cases[i].code, cases[i].step);
        (void)gramine_judge(*state, crt, &results, said);
        assert_true(cases[i].code == 0 ||
                    strstr(said, "RA_TLS_ALLOW_ANY_MEASUREMENT_INSECURE=1") != NULL);
    }
    gramine_anything(*state); /* allowed, and still compared is what is not any */
    gramine_set("RA_TLS_ISV_PROD_ID", "8");
    gramine_expect("any of product 8", *state, crt, OF_ANOTHER_PROGRAM);
    free(crt.der);
}

/* ---- Flags ----------------------------------------------------------------------------------- */

static void only_the_digit_1_allows_anything(void **state)
{
    static const char *const off[] = {NULL, "",   "0",  "true", "TRUE", "yes",
                                      "01", "1 ", " 1", "11",   "+1"};
    struct gramine_enclave enclave = gramine_enclave();
    enclave.debug = true;
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        set_right(*state);
        gramine_set("RA_TLS_ALLOW_DEBUG_ENCLAVE_INSECURE", off[i]);
        gramine_expect("debug", *state, crt, VERIFY_FAILED, AT_ATTRIBUTES);
    }
    gramine_set("RA_TLS_ALLOW_DEBUG_ENCLAVE_INSECURE", "1");
    gramine_expect("debug, allowed", *state, crt, PASSES);
    free(crt.der);
}

static void the_environment_is_that_of_the_call(void **state)
{
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    for (int i = 0; i < 3; i++) {
        struct gramine_results results;
        char said[2048];
        set_right(*state);
        gramine_expect("right", *state, crt, PASSES);
        gramine_set("RA_TLS_ISV_SVN", "3"); /* what is accepted goes without saying, and insecure
                                               things are said once */
        assert_int_equal(gramine_judge(*state, crt, &results, said), 0);
        assert_string_equal(said, "");
        gramine_set("RA_TLS_ISV_SVN", "5");
        gramine_expect("higher", *state, crt, OF_ANOTHER_PROGRAM);
        gramine_set("RA_TLS_ISV_SVN", NULL);
        gramine_expect("none", *state, crt, IS_GARBAGE);
    }
    free(crt.der);
}

/* ---- Where collateral comes from --------------------------------------------------------------
 */

static void sources_that_cannot_be_read_are_failures_by_name(void **state)
{
    static const struct {
        const char *variable, *value;
        int code;
        bool simulated; /* stands beside the simulation */
    } cases[] = {
        {"CAPSA_COLLATERAL_BUNDLE", "/nowhere/at/all", 0, true},
        {"CAPSA_COLLATERAL_BUNDLE", "", BAD_INPUT, true},
        {"CAPSA_INSECURE_SIMULATION", "/nowhere/at/all", 0, false},
        {"CAPSA_INSECURE_SIMULATION", "", BAD_INPUT, false},
        {"QCNL_CONF_PATH", "/nowhere/at/all", 0, false},
        {"QCNL_CONF_PATH", "", BAD_INPUT, false},
    };
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gramine_results results;
        char said[2048];
        set_right(*state);
        if (!cases[i].simulated) {
            gramine_set("CAPSA_INSECURE_SIMULATION", NULL);
        }
        gramine_set(cases[i].variable, cases[i].value);
        const int code = gramine_judge(*state, crt, &results, said);
        assert_true(code < 0);
        assert_true(cases[i].code == 0 || code == cases[i].code);
        if (strstr(said, *cases[i].value == '\0' ? cases[i].variable : cases[i].value) == NULL) {
            fail_msg("%s=%s: %s", cases[i].variable, cases[i].value, said);
        }
    }
    free(crt.der);
}

static void without_the_simulation_its_evidence_is_refused(void **state)
{
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    struct gramine_results results;
    set_right(*state);
    gramine_collateral(*state, NULL, 0);
    gramine_expect("simulated", *state, crt, PASSES);
    gramine_set("CAPSA_INSECURE_SIMULATION", NULL);
    gramine_expect("not simulated", *state, crt, VERIFY_FAILED, AT_VERIFY);
    assert_int_equal(((struct gramine *)*state)->verify(crt.der, crt.len, &results), VERIFY_FAILED);
    assert_int_not_equal(results.qv_result, 0);
    free(crt.der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_measurement_is_64_hex_digits_or_any_and_nothing_else),
        cmocka_unit_test(measurements_are_compared_whole_in_either_case),
        cmocka_unit_test(product_and_version_are_decimal_numbers_of_16_bits_or_any),
        cmocka_unit_test(the_product_is_equal_and_the_version_a_minimum),
        cmocka_unit_test(A8_any_for_both_measurements_wants_the_variable_that_says_insecure),
        cmocka_unit_test(only_the_digit_1_allows_anything),
        cmocka_unit_test(the_environment_is_that_of_the_call),
        cmocka_unit_test(sources_that_cannot_be_read_are_failures_by_name),
        cmocka_unit_test(without_the_simulation_its_evidence_is_refused),
    };
    return cmocka_run_group_tests(tests, gramine_setup, gramine_teardown);
}
