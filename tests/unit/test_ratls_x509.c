/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: the structure of certificates, the numbers of extensions, and PEM.
 */
#include "codec/der.h"
#include "ratls_scene.h"

/* The last place of some bytes. */
static uint8_t *last_of(const capsa_buf *buf, capsa_bytes wanted)
{
    for (size_t at = buf->len - wanted.len + 1; at > 0; at--) {
        if (memcmp(buf->data + at - 1, wanted.data, wanted.len) == 0) {
            return buf->data + at - 1;
        }
    }
    fail_msg("not there");
    return NULL;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static void every_number_of_the_table_is_known_and_no_other(void **state)
{
    (void)state;
    for (int i = CAPSA_RATLS_NONE + 1; i < CAPSA_RATLS_FORM_COUNT; i++) {
        const struct capsa_ratls_form_type *type = capsa_ratls_form_type((enum capsa_ratls_form)i);
        CAPSA_AUTO(capsa_buf) oid = capsa_buf_of(64);
        assert_ok(capsa_der_oid(type->oid, &oid));
        assert_int_equal(capsa_ratls_form_by_oid(capsa_buf_bytes(&oid)), i);
        for (size_t len = 0; len < oid.len; len++) { /* 1.2.840.113741.1 begins others */
            capsa_bytes cut = capsa_bytes_of(oid.data, len);
            assert_int_not_equal(capsa_ratls_form_by_oid(cut), i);
        }
        assert_ok(capsa_buf_u8(&oid, 1));
        assert_int_not_equal(capsa_ratls_form_by_oid(capsa_buf_bytes(&oid)), i);
    }
    static const char *const others[] = {
        "",                         /* nothing */
        "67810505800409",           /* a number that is not in its shortest form */
        "80678105050409",           /* nor here */
        "67810505040980",           /* one that goes on behind the end */
        "88df8785858484888988",     /* the same, and long */
        "67ffffffffffffffffffff7f", /* more than 64 bits */
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CAPSA_AUTO(capsa_buf) oid = hex_of(others[i]);
        assert_int_equal(capsa_ratls_form_by_oid(capsa_buf_bytes(&oid)), CAPSA_RATLS_NONE);
    }
    uint8_t ones[200];
    memset(ones, 1, sizeof(ones));
    assert_int_equal(capsa_ratls_form_by_oid(capsa_bytes_of(ones, sizeof(ones))), CAPSA_RATLS_NONE);
}

/* The bytes of the contract's table. */
static void numbers_are_those_that_stand_in_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *oid;
        enum capsa_ratls_form form;
    } cases[] = {
        {"678105050409", CAPSA_RATLS_DICE},
        {"678105050402", CAPSA_RATLS_ENDORSEMENTS},
        {"06092a864886f84d8a3906", CAPSA_RATLS_GRAMINE},
        {"2a864886f84d8a3906", CAPSA_RATLS_GRAMINE_MEANT},
        {"2a864886f84d010d01", CAPSA_RATLS_INTEL_SDK},
        {"2a864886f84d01", CAPSA_RATLS_GRPC},
        {"2b060104018237"
         "6901",
         CAPSA_RATLS_OE_V1},
        {"2b060104018237"
         "6902",
         CAPSA_RATLS_OE_V2},
        {"2a864886f7140a0101", CAPSA_RATLS_OE_OLD_V1},
        {"2b0601040183e73d0101", CAPSA_RATLS_DSTACK_QUOTE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) oid = hex_of(cases[i].oid);
        assert_int_equal(capsa_ratls_form_by_oid(capsa_buf_bytes(&oid)), cases[i].form);
    }
}

/* ---- X.509 ----------------------------------------------------------------------------------- */

static void extensions_that_stand_there_twice_are_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    static const char *const oids[] = {"2.23.133.5.4.9", "2.5.29.14", "1.3.6.1.4.1.99999.1"};
    for (size_t i = 0; i < 3; i++) {
        struct ratls_plan plan = {.key = scene->p256};
        ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
        ratls_add(&plan, oids[i], capsa_buf_bytes(&dice), false);
        if (i > 0) {
            ratls_add(&plan, oids[i], CAPSA_BYTES_LITERAL("another"), false);
        }
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &der);
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "twice");
    }
}

static void critical_evidence_is_read_and_what_is_critical_and_unknown_is_not(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    CAPSA_AUTO(capsa_buf)
    der = ratls_single(scene->p256, RATLS_OID(DICE), capsa_buf_bytes(&dice), true);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = read_or_fail(capsa_buf_bytes(&der));
    assert_true(certificate->critical);
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &no_rules);
    /* FALSE, written out; then a truth that DER has not. */
    uint8_t *truth = last_of(&der, CAPSA_BYTES_LITERAL("\x05\x05\x04\x09\x01\x01\xff")) + 6;
    *truth = 0;
    CAPSA_AUTO_FREE(capsa_ratls_certificate) written_out = read_or_fail(capsa_buf_bytes(&der));
    assert_false(written_out->critical);
    *truth = 1;
    ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "truth value");

    static const struct {
        const char *oid;
        bool is_known;
    } cases[] = {{"2.5.29.19", true}, {"2.5.29.15", true},   {"2.5.29.17", true},
                 {"2.5.29.37", true}, {"2.5.29.30", false},  {"2.5.29.14", false},
                 {"1.2.3.4", false},  {"2.5.29.19.1", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ratls_plan plan = {.key = scene->p256};
        ratls_add(&plan, cases[i].oid, CAPSA_BYTES_LITERAL("\x30\x00"), true);
        ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
        CAPSA_AUTO(capsa_buf) other = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &other);
        if (cases[i].is_known) {
            capsa_ratls_certificate_free(read_or_fail(capsa_buf_bytes(&other)));
        } else {
            ratls_assert_unread(capsa_buf_bytes(&other), CAPSA_E_UNSUPPORTED,
                                "extension 1: it is critical, and not known here");
        }
    }
}

static void A24_more_extensions_than_the_limit_are_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    char oids[CAPSA_LIMIT_ratls_extensions][24];
    struct ratls_plan plan = {.key = scene->p256};
    ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
    for (int i = 0; i < CAPSA_LIMIT_ratls_extensions; i++) {
        (void)snprintf(oids[i], sizeof(oids[i]), "1.2.3.%d", i);
        ratls_add(&plan, oids[i], CAPSA_BYTES_LITERAL("x"), false);
    }
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &der);
    ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_TOO_LARGE, "at most 32");
    plan.count--;
    CAPSA_AUTO(capsa_buf) fits = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &fits);
    capsa_ratls_certificate_free(read_or_fail(capsa_buf_bytes(&fits)));
}

static void A24_oversized_certificates_are_refused_before_they_are_read(void **state)
{
    (void)state;
    static uint8_t zeros[CAPSA_LIMIT_ratls_certificate * 2 + 1];
    zeros[0] = 0x30;
    ratls_assert_unread(capsa_bytes_of(zeros, CAPSA_LIMIT_ratls_certificate + 1), CAPSA_E_TOO_LARGE,
                        "at most 131072");
    ratls_assert_unread(capsa_bytes_of(zeros, CAPSA_LIMIT_ratls_certificate), CAPSA_E_MALFORMED,
                        "the certificate");
    ratls_assert_unread(capsa_bytes_of(zeros, sizeof(zeros)), CAPSA_E_TOO_LARGE, "at most 262144");
    ratls_assert_unread((capsa_bytes){NULL, 0}, CAPSA_E_MALFORMED, "empty");
}

static void what_is_no_certificate_by_its_structure_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct {
        const char *find;
        size_t at; /* of the byte to change, from there */
        uint8_t to;
        const char *reason;
    } cases[] = {
        {"a003020102020101", 4, 1, "the version"},          /* 2 */
        {"a003020102020101", 4, 0, "the version"},          /* 1, written out */
        {"a003020102020101", 4, 3, "the version"},          /* 4 */
        {"a003020102020101", 5, 0x04, "the serial number"}, /* no INTEGER */
        {"170d", 0, 0x18, "notBefore"},                     /* its length is UTCTime's */
        {"170d", 0, 0x16, "notBefore"},                     /* no time */
        {"2a8648ce3d040302", 7, 3, "two algorithms"},       /* the outer one */
        {"06066781050504090482", 8, 0x24, "extension 1"},   /* no OCTET STRING */
        {"06066781050504090482", 0, 0x05, "extension 1"},   /* no OID */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
        CAPSA_AUTO(capsa_buf) find = hex_of(cases[i].find);
        uint8_t *place = cases[i].find[0] == '2' ? last_of(&der, capsa_buf_bytes(&find))
                                                 : memmem(der.data, der.len, find.data, find.len);
        assert_non_null(place);
        place[cases[i].at] = cases[i].to;
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, cases[i].reason);
    }
}

static void dates_are_read_in_both_forms_and_strictly(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) dice = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    static const capsa_time times[] = {-631152000, -1,          0,          1,
                                       946684799,  1709164800,  2524607999, 2524608000,
                                       4102444800, 253402300799};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct ratls_plan plan = {.key = scene->p256, .from = times[i], .to = times[i] + 1};
        if (i + 1 == sizeof(times) / sizeof(times[0])) {
            plan.to = times[i];
        }
        ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&dice), false);
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(RATLS_MAX);
        ratls_make(&plan, &der);
        CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = read_or_fail(capsa_buf_bytes(&der));
        assert_true(certificate->not_before == plan.from);
        assert_true(certificate->not_after == plan.to);
    }
    static const char *const refused[] = {"271301080000Z", "270132080000Z", "270229080000Z",
                                          "270115240000Z", "270115086000Z", "2701150800 0Z",
                                          "27011508000-Z", "270115080000z", "27011508000Z0",
                                          "270115080000+", "2700150800 0Z", "270100080000Z"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
        uint8_t *place = memmem(der.data, der.len, "\x17\x0d", 2);
        assert_non_null(place);
        memcpy(place + 2, refused[i], 13);
        ratls_assert_unread(capsa_buf_bytes(&der), CAPSA_E_MALFORMED, "notBefore");
    }
}

static void a_right_certificate_cut_anywhere_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    for (size_t len = 0; len < der.len; len++) {
        struct capsa_ratls_certificate *read = NULL;
        assert_fails(capsa_ratls_read(capsa_bytes_of(der.data, len), &read), MALFORMED);
        assert_null(read);
    }
}

/* ---- PEM ------------------------------------------------------------------------------------- */

static void PEM_is_read_under_both_labels_and_with_NULs_behind(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    static const struct {
        const char *label, *before, *behind;
        size_t behind_len;
    } cases[] = {
        {"CERTIFICATE", "", "", 0},
        {"TRUSTED CERTIFICATE", "", "", 0},
        {"TRUSTED CERTIFICATE", "", "\0", 1}, /* as Gramine's tool writes it */
        {"CERTIFICATE", "\n \t\r\n", "\n\n\0\0 \0", 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_buf_str(&pem, cases[i].before));
        assert_ok(capsa_ratls_pem_write(cases[i].label, capsa_buf_bytes(&der), &pem));
        assert_ok(capsa_buf_append(&pem, capsa_bytes_of(cases[i].behind, cases[i].behind_len)));
        CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = read_or_fail(capsa_buf_bytes(&pem));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&certificate->der), capsa_buf_bytes(&der)));
    }
}

/* Under its own label OpenSSL appends what it trusts a certificate for: one SEQUENCE. */
static void what_OpenSSL_appends_is_cut_off_under_its_label_alone(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    static const struct {
        const char *label, *aux;
        bool is_taken;
    } cases[] = {
        {"TRUSTED CERTIFICATE", "3000", true},
        {"TRUSTED CERTIFICATE", "300c300a06082b06010505070301", true},
        {"TRUSTED CERTIFICATE", "30003000", false},
        {"TRUSTED CERTIFICATE", "0500", false},
        {"TRUSTED CERTIFICATE", "3001", false},
        {"TRUSTED CERTIFICATE", "00", false},
        {"CERTIFICATE", "3000", false},
        {"CERTIFICATE", "00", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) both = capsa_buf_of(RATLS_MAX);
        CAPSA_AUTO(capsa_buf) aux = hex_of(cases[i].aux);
        CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_buf_append(&both, capsa_buf_bytes(&der)));
        assert_ok(capsa_buf_append(&both, capsa_buf_bytes(&aux)));
        assert_ok(capsa_ratls_pem_write(cases[i].label, capsa_buf_bytes(&both), &pem));
        struct capsa_ratls_certificate *read = NULL;
        capsa_result result = capsa_ratls_read(capsa_buf_bytes(&pem), &read);
        if (capsa_failed(result) == cases[i].is_taken) {
            fail_msg("%s with %s: %s", cases[i].label, cases[i].aux, capsa_text_of(result));
        }
        assert_true(read == NULL || read->der.len == der.len);
        capsa_ratls_certificate_free(read);
    }
}

static void PEM_that_two_readers_could_read_in_two_ways_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_ratls_pem_write("CERTIFICATE", capsa_buf_bytes(&der), &pem));
    static const struct {
        const char *before, *behind;
    } cases[] = {
        {"text\n", ""},
        {"", "text"},
        {"", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"},
        {"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", ""},
        {"-----BEGIN CERTIFICATE-----\n", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(RATLS_MAX);
        assert_ok(capsa_buf_str(&whole, cases[i].before));
        assert_ok(capsa_buf_append(&whole, capsa_buf_bytes(&pem)));
        assert_ok(capsa_buf_str(&whole, cases[i].behind));
        struct capsa_ratls_certificate *read = NULL;
        assert_fails(capsa_ratls_read(capsa_buf_bytes(&whole), &read), MALFORMED);
    }
    static const char *const refused[] = {
        "-----BEGIN X509 CERTIFICATE-----\nMAA=\n-----END X509 CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4\n\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN ",
        "certificate",
        "\n",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct capsa_ratls_certificate *read = NULL;
        assert_fails(capsa_ratls_read(capsa_bytes_str(refused[i]), &read), MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_the_table_is_known_and_no_other),
        cmocka_unit_test(numbers_are_those_that_stand_in_certificates),
        cmocka_unit_test(extensions_that_stand_there_twice_are_refused),
        cmocka_unit_test(critical_evidence_is_read_and_what_is_critical_and_unknown_is_not),
        cmocka_unit_test(A24_more_extensions_than_the_limit_are_refused),
        cmocka_unit_test(A24_oversized_certificates_are_refused_before_they_are_read),
        cmocka_unit_test(what_is_no_certificate_by_its_structure_is_refused),
        cmocka_unit_test(dates_are_read_in_both_forms_and_strictly),
        cmocka_unit_test(a_right_certificate_cut_anywhere_is_refused),
        cmocka_unit_test(PEM_is_read_under_both_labels_and_with_NULs_behind),
        cmocka_unit_test(what_OpenSSL_appends_is_cut_off_under_its_label_alone),
        cmocka_unit_test(PEM_that_two_readers_could_read_in_two_ways_is_refused),
    };
    return cmocka_run_group_tests(tests, ratls_scene_setup, ratls_scene_teardown);
}
