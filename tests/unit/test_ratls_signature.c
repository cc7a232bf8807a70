/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: a certificate is signed by its own key, in one of few ways, and no byte of it may change.
 */
#include "codec/der.h"
#include "ratls/ratls_x509.h"
#include "ratls_scene.h"

static const struct capsa_ratls_rules compat = {.native = false};
static const struct capsa_ratls_rules native = {.native = true};
static const struct capsa_ratls_rules old = {.insecure_old_x509 = true};

/* ---- Signatures ------------------------------------------------------------------------------ */

static void every_algorithm_of_today_is_taken(void **state)
{
    const struct ratls_scene *scene = *state;
    EVP_PKEY *const keys[] = {scene->p256, scene->p384, scene->rsa, scene->rsa};
    const EVP_MD *const digests[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    for (size_t i = 0; i < 12; i++) {
        CAPSA_AUTO(capsa_buf)
        der = ratls_signed(
            scene,
            (struct ratls_plan){.key = keys[i / 3], .digest = digests[i % 3], .pss = i / 3 == 3});
        ratls_assert_accepted(scene, capsa_buf_bytes(&der), &native);
        der.data[der.len - 9] ^= 0x10;
        ratls_assert_refused(scene, capsa_buf_bytes(&der), &native,
                             CAPSA_CHECK_CERTIFICATE_SIGNATURE, "own key");
    }
}

static void other_algorithms_and_keys_are_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    EVP_PKEY *small = EVP_RSA_gen(1024);
    EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *p521 = EVP_EC_gen("P-521");
    const struct {
        struct ratls_plan plan;
        const char *reason;
    } cases[] = {
        {{.key = scene->p256, .signer = scene->p384}, "own key"},
        {{.key = scene->rsa, .signer = scene->p256}, "an algorithm of ECDSA, and a key of RSA"},
        {{.key = scene->p256, .signer = scene->rsa}, "an algorithm of RSA, and a key of a curve"},
        {{.key = small}, "an RSA key of 1024 bits"},
        {{.key = edwards, .signer = scene->p256}, "neither on P-256 nor on P-384 nor RSA"},
        {{.key = p521}, "neither on P-256 nor on P-384 nor RSA"},
        {{.key = scene->rsa, .digest = EVP_sha224()}, "neither ECDSA nor RSA"},
        {{.key = scene->p256, .digest = EVP_sha3_256()}, "neither ECDSA nor RSA"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = ratls_signed(scene, cases[i].plan);
        ratls_assert_refused(scene, capsa_buf_bytes(&der), &compat,
                             CAPSA_CHECK_CERTIFICATE_SIGNATURE, cases[i].reason);
    }
    EVP_PKEY_free(small);
    EVP_PKEY_free(edwards);
    EVP_PKEY_free(p521);
}

static void old_X509_is_taken_where_that_is_said_alone(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf)
    sha1 = ratls_signed(scene, (struct ratls_plan){.key = scene->rsa, .digest = EVP_sha1()});
    CAPSA_AUTO(capsa_buf)
    v1 = ratls_signed(scene, (struct ratls_plan){.key = scene->rsa, .version = 1});
    CAPSA_AUTO(capsa_buf)
    both = ratls_signed(scene, (struct ratls_plan){.key = scene->rsa,
                                                   .version = 1,
                                                   .digest = EVP_sha1(),
                                                   .from = SIM_NOW,
                                                   .to = (capsa_time)SIM_NOW + 630720000});
    const struct capsa_ratls_rules *rules[] = {&compat, &native};
    for (size_t i = 0; i < 2; i++) {
        ratls_assert_refused(scene, capsa_buf_bytes(&sha1), rules[i],
                             CAPSA_CHECK_CERTIFICATE_SIGNATURE, "SHA-1");
        ratls_assert_refused(scene, capsa_buf_bytes(&v1), rules[i], CAPSA_CHECK_CERTIFICATE,
                             "version 1, wanted 3");
        ratls_assert_refused(scene, capsa_buf_bytes(&both), rules[i], CAPSA_CHECK_CERTIFICATE,
                             "version 1");
    }
    ratls_assert_accepted(scene, capsa_buf_bytes(&sha1), &old);
    ratls_assert_accepted(scene, capsa_buf_bytes(&v1), &old);
    ratls_assert_accepted(scene, capsa_buf_bytes(&both), &old);
    both.data[both.len - 9] ^= 1; /* taken, but checked all the same */
    ratls_assert_refused(scene, capsa_buf_bytes(&both), &old, CAPSA_CHECK_CERTIFICATE_SIGNATURE,
                         "own key");
    CAPSA_AUTO_FREE(capsa_ratls_certificate) read = NULL;
    assert_ok(capsa_ratls_read(capsa_buf_bytes(&sha1), &read));
    assert_true(read->signed_with_sha1);
}

/* The same certificate with other parameters of its algorithm, signed anew. */
static capsa_buf with_algorithm(const struct ratls_scene *scene, capsa_bytes algorithm)
{
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    struct capsa_ratls_x509 x509;
    assert_ok(capsa_ratls_x509_parse(capsa_buf_bytes(&der), &x509));
    capsa_bytes inside;
    assert_ok(capsa_der_whole(x509.tbs, CAPSA_DER_SEQUENCE, &inside));
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(RATLS_MAX);
    size_t before = (size_t)(x509.algorithm.data - inside.data);
    assert_ok(capsa_buf_append(&content, capsa_bytes_of(inside.data, before)));
    assert_ok(capsa_buf_append(&content, algorithm));
    assert_ok(capsa_buf_append(&content, capsa_bytes_from(inside, before + x509.algorithm.len)));
    CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_der_write(&whole, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&content)));
    uint8_t bits[128] = {0};
    size_t len = sizeof(bits) - 1;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, scene->p256), 1);
    assert_int_equal(EVP_DigestSign(context, bits + 1, &len, whole.data, whole.len), 1);
    EVP_MD_CTX_free(context);
    assert_ok(capsa_buf_append(&whole, algorithm));
    assert_ok(capsa_der_write(&whole, CAPSA_DER_BIT_STRING, capsa_bytes_of(bits, len + 1)));
    capsa_buf certificate = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_der_write(&certificate, CAPSA_DER_SEQUENCE, capsa_buf_bytes(&whole)));
    return certificate;
}

#define ECDSA "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"

static void parameters_are_none_or_NULL_and_nothing_else(void **state)
{
    const struct ratls_scene *scene = *state;
    const struct {
        capsa_bytes algorithm;
        bool is_taken;
    } cases[] = {
        {CAPSA_BYTES_LITERAL("\x30\x0a" ECDSA), true},
        {CAPSA_BYTES_LITERAL("\x30\x0c" ECDSA "\x05\x00"), true}, /* old mbedTLS, so Gramine */
        {CAPSA_BYTES_LITERAL("\x30\x0e" ECDSA "\x05\x00\x05\x00"), false},
        {CAPSA_BYTES_LITERAL("\x30\x0c" ECDSA "\x30\x00"), false},
        {CAPSA_BYTES_LITERAL("\x30\x0d" ECDSA "\x02\x01\x00"), false},
        {CAPSA_BYTES_LITERAL("\x30\x00"), false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) der = with_algorithm(scene, cases[i].algorithm);
        if (cases[i].is_taken) {
            ratls_assert_accepted(scene, capsa_buf_bytes(&der), &native);
        } else {
            ratls_assert_refused(scene, capsa_buf_bytes(&der), &native,
                                 CAPSA_CHECK_CERTIFICATE_SIGNATURE, "neither ECDSA nor RSA");
        }
    }
}

/* Every byte is signed, or is the signature, or a length around them: none may change. */
static void a_certificate_with_any_byte_changed_is_refused(void **state)
{
    const struct ratls_scene *scene = *state;
    CAPSA_AUTO(capsa_buf) der = ratls_right(scene);
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &native);
    for (size_t i = 0; i < der.len; i++) {
        struct capsa_ratls_report report;
        der.data[i] ^= (uint8_t)(1U << (i % 8));
        capsa_result judged = ratls_judge(scene, capsa_buf_bytes(&der), &native, &report);
        if (!capsa_failed(judged) || report.verdict.accepted ||
            (report.verdict.failed_check != CAPSA_CHECK_CERTIFICATE &&
             report.verdict.failed_check != CAPSA_CHECK_CERTIFICATE_SIGNATURE)) {
            fail_msg("byte %zu: %s", i, capsa_check_name(report.verdict.failed_check));
        }
        der.data[i] ^= (uint8_t)(1U << (i % 8));
    }
    ratls_assert_accepted(scene, capsa_buf_bytes(&der), &native);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_of_today_is_taken),
        cmocka_unit_test(other_algorithms_and_keys_are_refused),
        cmocka_unit_test(old_X509_is_taken_where_that_is_said_alone),
        cmocka_unit_test(parameters_are_none_or_NULL_and_nothing_else),
        cmocka_unit_test(a_certificate_with_any_byte_changed_is_refused),
    };
    return cmocka_run_group_tests(tests, ratls_scene_setup, ratls_scene_teardown);
}
