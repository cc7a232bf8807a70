/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates that carry evidence, through the public interface alone: three real ones of other
 * people's, read and judged, and what is refused at which check.
 */
#include "api_test.h"

#include <capsa/ratls.h>

struct real {
    const char *file;
    const char *form;
    int64_t in_its_life;
};
/* All of debug enclaves, and of a time whose collateral nobody has any more. */
static const struct real reals[] = {
    {"gramine.der", "dice", 1700000000},
    {"intel-sgxsdk.der", "dice", 1700000000},
    {"rats-tls.der", "dice", 0},
};
#define REALS (sizeof(reals) / sizeof(reals[0]))

static struct api_bytes read_real(const char *file)
{
    return api_read("../ra-tls", file);
}

/* A life of a year is in its middle; the others lie about 2023. */
static int64_t time_of(const struct real *real, struct api_bytes der)
{
    libcapsa_certificate *certificate = NULL;
    assert_success(libcapsa_certificate_parse(der.data, der.len, &certificate, NULL), NULL);
    const int64_t not_before = libcapsa_certificate_not_before(certificate);
    assert_true(not_before < libcapsa_certificate_not_after(certificate));
    libcapsa_certificate_free(certificate);
    return real->in_its_life > 0 ? real->in_its_life : not_before + 3600;
}

/* ---- Read ------------------------------------------------------------------------------------ */

static void real_certificates_are_read(void **state)
{
    struct api_case *test = *state;
    for (size_t i = 0; i < REALS; i++) {
        struct api_bytes der = read_real(reals[i].file);
        libcapsa_certificate *certificate = NULL;
        assert_success(libcapsa_certificate_parse(der.data, der.len, &certificate, test->error),
                       test->error);
        assert_string_equal(libcapsa_certificate_form(certificate), reals[i].form);
        size_t len = 0;
        const uint8_t *bytes = libcapsa_certificate_der(certificate, &len);
        assert_int_equal(len, der.len);
        assert_memory_equal(bytes, der.data, len);
        const libcapsa_evidence *evidence = libcapsa_certificate_evidence(certificate);
        assert_string_equal(libcapsa_evidence_platform(evidence), "sgx");
        assert_null(libcapsa_evidence_collateral(evidence));
        uint8_t bound[LIBCAPSA_REPORT_DATA];
        assert_success(libcapsa_evidence_report_data(evidence, bound, test->error), test->error);
        for (size_t at = 32; at < sizeof(bound); at++) {
            assert_int_equal(bound[at], 0);
        }
        libcapsa_certificate_free(certificate);
        free(der.data);
    }
}

/* The decoded sample of the contract: SHA-256 of its SubjectPublicKeyInfo. */
static void a_certificate_is_shown_with_its_key(void **state)
{
    struct api_case *test = *state;
    struct api_bytes der = read_real("rats-tls.der");
    libcapsa_certificate *certificate = NULL;
    char *text = NULL;
    assert_success(libcapsa_certificate_parse(der.data, der.len, &certificate, test->error),
                   test->error);
    assert_success(libcapsa_certificate_show(certificate, &text, test->error), test->error);
    assert_non_null(
        strstr(text, "72c0b70c2092741a4cfda0c2465487faf132998617b0aad53118aa5d6e180006"));
    assert_non_null(strstr(text, "\"dice\""));
    libcapsa_free(text);
    libcapsa_certificate_free(certificate);
    free(der.data);
}

static void what_is_no_certificate_is_malformed_and_leaves_the_output(void **state)
{
    struct api_case *test = *state;
    static const char text[] = "not a certificate";
    libcapsa_certificate *certificate = NULL;
    assert_code(libcapsa_certificate_parse(text, sizeof(text), &certificate, test->error),
                LIBCAPSA_E_MALFORMED, test->error);
    assert_code(libcapsa_certificate_parse(NULL, 0, &certificate, test->error),
                LIBCAPSA_E_MALFORMED, test->error);
    assert_code(libcapsa_certificate_parse(NULL, 1, &certificate, test->error), LIBCAPSA_E_USAGE,
                test->error);
    assert_code(libcapsa_certificate_parse(text, sizeof(text), NULL, test->error), LIBCAPSA_E_USAGE,
                test->error);
    assert_null(certificate);
}

static void nothing_is_known_of_no_certificate(void **state)
{
    (void)state;
    size_t len = 1;
    char *text = NULL;
    libcapsa_certificate_free(NULL);
    assert_string_equal(libcapsa_certificate_form(NULL), "");
    assert_null(libcapsa_certificate_evidence(NULL));
    assert_null(libcapsa_certificate_der(NULL, &len));
    assert_int_equal(len, 0);
    assert_int_equal(libcapsa_certificate_not_before(NULL), 0);
    assert_int_equal(libcapsa_certificate_not_after(NULL), 0);
    assert_code(libcapsa_certificate_show(NULL, &text, NULL), LIBCAPSA_E_USAGE,
                (libcapsa_error *)NULL);
    assert_null(text);
}

/* ---- Judged ---------------------------------------------------------------------------------- */

struct wanted {
    unsigned rules;
    int code;
    const char *check;
};

static void expect(struct api_case *test, struct api_bytes der, int64_t time, struct wanted wanted)
{
    libcapsa_verdict *verdict = NULL;
    assert_code(libcapsa_verifier_judge_certificate(test->verifier, der.data, der.len, wanted.rules,
                                                    NULL, time, &verdict, test->error),
                wanted.code, test->error);
    assert_string_equal(libcapsa_error_check(test->error), wanted.check);
    assert_string_equal(libcapsa_verdict_failed_check(verdict), wanted.check);
    assert_int_equal(libcapsa_verdict_accepted(verdict), 0);
    assert_int_equal(libcapsa_verdict_authentic(verdict), 0);
    libcapsa_verdict_free(verdict);
}

static void real_certificates_hold_and_their_evidence_lacks_its_collateral(void **state)
{
    struct api_case *test = *state;
    for (size_t i = 0; i < REALS; i++) {
        struct api_bytes der = read_real(reals[i].file);
        expect(test, der, time_of(&reals[i], der),
               (struct wanted){LIBCAPSA_CERTIFICATE_COMPAT, LIBCAPSA_E_TCB, "collateral-missing"});
        free(der.data);
    }
}

static void P24_a_life_of_decades_is_refused_natively(void **state)
{
    struct api_case *test = *state;
    struct api_bytes der = read_real("gramine.der");
    expect(test, der, time_of(&reals[0], der),
           (struct wanted){LIBCAPSA_CERTIFICATE_NATIVE, LIBCAPSA_E_DENIED, "certificate-lifetime"});
    free(der.data);
}

static void what_is_wrong_with_a_certificate_has_the_name_of_its_check(void **state)
{
    struct api_case *test = *state;
    struct api_bytes der = read_real("intel-sgxsdk.der");
    const int64_t now = time_of(&reals[1], der);
    expect(test, der, INT64_C(4102444800), (struct wanted){0, LIBCAPSA_E_TCB, "certificate-time"});
    der.data[der.len - 1] ^= 1; /* of the signature */
    expect(test, der, now, (struct wanted){0, LIBCAPSA_E_EVIDENCE, "certificate-signature"});
    der.len--;
    expect(test, der, now, (struct wanted){0, LIBCAPSA_E_EVIDENCE, "certificate"});
    free(der.data);
}

static void judging_wrongly_is_an_error_and_no_verdict(void **state)
{
    struct api_case *test = *state;
    libcapsa_verdict *verdict = NULL;
    const struct {
        const libcapsa_verifier *verifier;
        const void *bytes;
        size_t len;
        unsigned rules;
    } wrong[] = {{NULL, "x", 1, 0}, {test->verifier, NULL, 1, 0}, {test->verifier, "x", 1, 4}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_code(libcapsa_verifier_judge_certificate(wrong[i].verifier, wrong[i].bytes,
                                                        wrong[i].len, wrong[i].rules, NULL, 1,
                                                        &verdict, test->error),
                    LIBCAPSA_E_USAGE, test->error);
        assert_null(verdict);
        assert_string_equal(libcapsa_error_check(test->error), "");
    }
    /* No certificate at all is one that cannot be read. */
    expect(test, (struct api_bytes){NULL, 0}, 1,
           (struct wanted){0, LIBCAPSA_E_EVIDENCE, "certificate"});
}

static void the_verdict_tells_of_its_certificate(void **state)
{
    struct api_case *test = *state;
    struct api_bytes der = read_real("gramine.der");
    libcapsa_verdict *verdict = NULL;
    char *text = NULL;
    (void)libcapsa_verifier_judge_certificate(test->verifier, der.data, der.len, 0, NULL,
                                              time_of(&reals[0], der), &verdict, NULL);
    assert_success(libcapsa_verdict_json(verdict, &text, test->error), test->error);
    assert_non_null(strstr(text, "\"certificate\":{"));
    assert_non_null(strstr(text, "\"form\":\"dice\""));
    assert_non_null(
        strstr(text, "5a5a5b2d177433048e9d62409d1acc4ec526c06e294d09e69a36cff9369e4851"));
    assert_string_equal(libcapsa_verdict_platform(verdict), "sgx");
    libcapsa_free(text);
    libcapsa_verdict_free(verdict);
    free(der.data);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(real_certificates_are_read),
        TEST(a_certificate_is_shown_with_its_key),
        TEST(what_is_no_certificate_is_malformed_and_leaves_the_output),
        TEST(nothing_is_known_of_no_certificate),
        TEST(real_certificates_hold_and_their_evidence_lacks_its_collateral),
        TEST(P24_a_life_of_decades_is_refused_natively),
        TEST(what_is_wrong_with_a_certificate_has_the_name_of_its_check),
        TEST(judging_wrongly_is_an_error_and_no_verdict),
        TEST(the_verdict_tells_of_its_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
