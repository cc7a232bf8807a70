/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities through the public interface: made in every kind on a simulated platform, and judged
 * by a verifier that trusts it.
 */
#include "api_ratls.h"

#include <pthread.h>

static int judge(const struct ratls_scene *scene, const libcapsa_identity *identity, unsigned rules,
                 int64_t when, libcapsa_verdict **ret_verdict, libcapsa_error *error)
{
    uint8_t *der = NULL;
    size_t len = 0;
    assert_success(libcapsa_identity_certificate(identity, "der", &der, &len, error), error);
    const int code = libcapsa_verifier_judge_certificate(scene->verifier, der, len, rules, NULL,
                                                         when, ret_verdict, error);
    libcapsa_free(der);
    return code;
}

static void expect_form(const libcapsa_identity *identity, const char *form)
{
    uint8_t *pem = NULL;
    size_t len = 0;
    libcapsa_certificate *certificate = NULL;
    assert_success(libcapsa_identity_certificate(identity, "pem", &pem, &len, NULL), NULL);
    assert_memory_equal(pem, "-----BEGIN CERTIFICATE-----", 27);
    assert_success(libcapsa_certificate_parse(pem, len, &certificate, NULL), NULL);
    assert_string_equal(libcapsa_certificate_form(certificate), form);
    libcapsa_certificate_free(certificate);
    libcapsa_free(pem);
}

/* SEC1 of a curve and PKCS#1 of RSA are both a SEQUENCE, with versions 1 and 0. */
static void expect_key(const libcapsa_identity *identity, bool is_rsa)
{
    uint8_t *key = NULL;
    size_t len = 0;
    assert_success(libcapsa_identity_key(identity, "pem", &key, &len, NULL), NULL);
    assert_memory_equal(key, "-----BEGIN PRIVATE KEY-----", 27);
    libcapsa_free(key);
    assert_success(libcapsa_identity_key(identity, "der", &key, &len, NULL), NULL);
    static const uint8_t rsa[] = {0x30, 0x82}, version_0[] = {2, 1, 0}, version_1[] = {2, 1, 1};
    assert_memory_equal(key, rsa, is_rsa ? 2 : 1);
    assert_memory_equal(is_rsa ? key + 4 : key + (len > 129 ? 3 : 2),
                        is_rsa ? version_0 : version_1, 3);
    libcapsa_free(key);
}

struct kind {
    const char *key, *forms, *hash, *form;
};

static void identities_of_every_kind_are_accepted(void **state)
{
    const struct ratls_scene *scene = *state;
    static const struct kind kinds[] = {
        {"p256", "dice", "sha256", "dice"},
        {"p384", "dice", "sha384", "dice"},
        {"rsa3072", "dice", "sha512", "dice"},
        {"p384", "dice,gramine", "sha256", "dice"},
        {"p256", "dice,intel-sdk", "sha256", "dice"},
        {"p384", "gramine", "sha256", "gramine"},
        {"p256", "intel-sdk", "sha256", "intel-sdk"},
        {"rsa3072", "dice,gramine,intel-sdk", "sha256", "dice"},
    };
    libcapsa_error *error = libcapsa_error_new();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        libcapsa_identity *identity = scene_identity(scene);
        libcapsa_verdict *verdict = NULL;
        assert_success(libcapsa_identity_set_key(identity, kinds[i].key, error), error);
        assert_success(libcapsa_identity_set_forms(identity, kinds[i].forms, error), error);
        assert_success(libcapsa_identity_set_hash(identity, kinds[i].hash, error), error);
        assert_success(libcapsa_identity_make(identity, time(NULL), error), error);
        expect_form(identity, kinds[i].form);
        expect_key(identity, *kinds[i].key == 'r');
        assert_success(
            judge(scene, identity, LIBCAPSA_CERTIFICATE_NATIVE, time(NULL), &verdict, error),
            error);
        assert_string_equal(libcapsa_verdict_anchor_kind(verdict), "simulation");
        assert_non_null(libcapsa_verdict_claim(verdict, "sgx.mr_enclave"));
        libcapsa_verdict_free(verdict);
        libcapsa_identity_free(identity);
    }
    libcapsa_error_free(error);
}

static void a_policy_refuses_what_is_genuine_and_something_else(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_verdict *verdict = NULL;
    assert_success(libcapsa_verifier_set_policy(scene->verifier, POLICY_OF_OTHERS,
                                                strlen(POLICY_OF_OTHERS), error),
                   error);
    assert_code(judge(scene, scene->identity, 0, time(NULL), &verdict, error), LIBCAPSA_E_DENIED,
                error);
    assert_string_equal(libcapsa_error_check(error), "reference-values");
    assert_int_equal(libcapsa_verdict_authentic(verdict), 1);
    libcapsa_verdict_free(verdict);
    libcapsa_error_free(error);
}

static void it_lives_as_long_as_it_was_told_to(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *identity = scene_identity(scene);
    const int64_t now = time(NULL);
    assert_int_equal(libcapsa_identity_renew_at(identity), 0);
    assert_success(libcapsa_identity_set_lifetime(identity, 3600, error), error);
    assert_success(libcapsa_identity_make(identity, now, error), error);
    const int64_t renew_at = libcapsa_identity_renew_at(identity);
    assert_true(renew_at > now + 1800 && renew_at <= now + 2400);
    assert_success(judge(scene, identity, 0, now + 3000, NULL, error), error);
    assert_code(judge(scene, identity, 0, now + 3601, NULL, error), LIBCAPSA_E_TCB, error);
    assert_string_equal(libcapsa_error_check(error), "certificate-time");
    libcapsa_identity_free(identity);
    identity = scene_identity(scene);
    assert_success(libcapsa_identity_set_dates(identity, 978307200, 1924991999, error), error);
    assert_success(libcapsa_identity_make(identity, now, error), error);
    assert_success(judge(scene, identity, 0, now, NULL, error), error);
    assert_code(judge(scene, identity, LIBCAPSA_CERTIFICATE_NATIVE, now, NULL, error),
                LIBCAPSA_E_DENIED, error);
    assert_string_equal(libcapsa_error_check(error), "certificate-lifetime");
    libcapsa_identity_free(identity);
    libcapsa_error_free(error);
}

/* Numbers that no certificate can hold; a millisecond's is among them. */
static void times_that_are_none_are_usage_and_overflow_nothing(void **state)
{
    const struct ratls_scene *scene = *state;
    static const int64_t none[] = {INT64_MIN, -1, INT64_C(253402300799), INT64_MAX - 3600,
                                   INT64_MAX};
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *identity = scene_identity(scene);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_code(libcapsa_identity_make(identity, none[i], error), LIBCAPSA_E_USAGE, error);
        assert_code(libcapsa_identity_set_dates(identity, 1, none[i], error), LIBCAPSA_E_USAGE,
                    error);
        assert_code(judge(scene, scene->identity, 0, none[i], NULL, error), LIBCAPSA_E_TCB, error);
        assert_string_equal(libcapsa_error_check(error), "certificate-time");
    }
    assert_code(libcapsa_identity_make(identity, time(NULL) * 1000, error), LIBCAPSA_E_USAGE,
                error);
    assert_int_equal(libcapsa_identity_renew_at(identity), 0);
    assert_success(libcapsa_identity_make(identity, time(NULL), error), error);
    libcapsa_identity_free(identity);
    libcapsa_error_free(error);
}

static void embedded_collateral_proves_it_to_who_has_none(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *identity = scene_identity(scene);
    assert_success(libcapsa_identity_set_endorsements(identity, 1, error), error);
    assert_success(libcapsa_identity_make(identity, time(NULL), error), error);
    assert_success(libcapsa_verifier_set_getter(scene->verifier, NULL, NULL, error), error);
    assert_success(judge(scene, identity, 0, time(NULL), NULL, error), error);
    assert_code(judge(scene, scene->identity, 0, time(NULL), NULL, error), LIBCAPSA_E_TCB, error);
    assert_string_equal(libcapsa_error_check(error), "collateral-missing");
    libcapsa_identity_free(identity);
    libcapsa_error_free(error);
}

/* What the certificate brings is its maker's choice; what the caller has is not. */
static void the_callers_collateral_counts_before_the_embedded(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *identity = scene_identity(scene);
    libcapsa_collateral *empty = libcapsa_collateral_new();
    uint8_t *der = NULL;
    size_t len = 0;
    assert_success(libcapsa_identity_set_endorsements(identity, 1, error), error);
    assert_success(libcapsa_identity_make(identity, time(NULL), error), error);
    assert_success(libcapsa_verifier_set_getter(scene->verifier, NULL, NULL, error), error);
    assert_success(libcapsa_identity_certificate(identity, "der", &der, &len, error), error);
    assert_code(libcapsa_verifier_judge_certificate(scene->verifier, der, len, 0, empty, time(NULL),
                                                    NULL, error),
                LIBCAPSA_E_TCB, error);
    assert_string_equal(libcapsa_error_check(error), "collateral-missing");
    libcapsa_free(der);
    libcapsa_collateral_free(empty);
    libcapsa_identity_free(identity);
    libcapsa_error_free(error);
}

static char *collateral_of(const libcapsa_identity *identity)
{
    uint8_t *der = NULL;
    size_t len = 0;
    libcapsa_certificate *certificate = NULL;
    char *text = NULL;
    assert_success(libcapsa_identity_certificate(identity, "der", &der, &len, NULL), NULL);
    assert_success(libcapsa_certificate_parse(der, len, &certificate, NULL), NULL);
    const libcapsa_collateral *came =
        libcapsa_evidence_collateral(libcapsa_certificate_evidence(certificate));
    assert_non_null(came);
    assert_success(libcapsa_collateral_json(came, "sgx", &text, NULL), NULL);
    libcapsa_certificate_free(certificate);
    libcapsa_free(der);
    return text;
}

/* The attester's own was signed anew since the source's was kept: they differ. */
static void a_source_has_what_is_embedded(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *identity = scene_identity(scene);
    libcapsa_source *source = NULL;
    char from[96], to[96];
    (void)snprintf(from, sizeof(from), "%s/sgx/collateral.json", scene->folder);
    (void)snprintf(to, sizeof(to), "%s/kept.json", scene->folder);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(capsa_code_of(capsa_sim_renew(scene->folder, time(NULL) - 60, 7)), CAPSA_E_OK);
    assert_success(libcapsa_source_new(&source, error), error);
    assert_success(libcapsa_source_set(source, "bundle", to, error), error);
    assert_success(libcapsa_identity_set_source(identity, source, error), error);
    assert_success(libcapsa_identity_set_endorsements(identity, 1, error), error);
    assert_success(libcapsa_identity_make(identity, time(NULL), error), error);
    libcapsa_collateral *kept = libcapsa_collateral_new();
    char *wanted = NULL;
    char *got = collateral_of(identity);
    assert_success(libcapsa_collateral_load(kept, to, error), error);
    assert_success(libcapsa_collateral_json(kept, "sgx", &wanted, error), error);
    assert_string_equal(got, wanted);
    assert_success(judge(scene, identity, 0, time(NULL), NULL, error), error);
    assert_code(libcapsa_identity_set_source(identity, source, error), LIBCAPSA_E_USAGE, error);
    libcapsa_source_free(source);
    libcapsa_free(got);
    libcapsa_free(wanted);
    libcapsa_collateral_free(kept);
    libcapsa_identity_free(identity);
    libcapsa_error_free(error);
}

static void a_source_that_fails_leaves_what_the_attester_has(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *identity = scene_identity(scene);
    libcapsa_source *source = NULL;
    assert_success(libcapsa_source_new(&source, error), error);
    assert_success(libcapsa_source_set(source, "bundle", "/nowhere/at/all", error), error);
    assert_success(libcapsa_identity_set_source(identity, source, error), error);
    libcapsa_source_free(source);
    assert_success(libcapsa_identity_make(identity, time(NULL), error), error);
    assert_success(judge(scene, identity, 0, time(NULL), NULL, error), error);
    libcapsa_identity_free(identity);
    libcapsa_error_free(error);
}

/* ---- Wrong use ------------------------------------------------------------------------------- */

static void bad_settings_are_refused_and_change_nothing(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *identity = scene_identity(scene);
    static const uint8_t nonce[4097];
    assert_code(libcapsa_identity_set_key(identity, "p255", error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_key(identity, NULL, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_forms(identity, "dice,", error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_forms(identity, "", error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_hash(identity, "md5", error), LIBCAPSA_E_USAGE, error);
    assert_non_null(strstr(libcapsa_error_text(error), "md5"));
    assert_code(libcapsa_identity_set_nonce(identity, nonce, sizeof(nonce), error),
                LIBCAPSA_E_TOO_LARGE, error);
    assert_code(libcapsa_identity_set_nonce(identity, NULL, 1, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_lifetime(identity, 59, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_lifetime(identity, 366 * 86400 + 1, error), LIBCAPSA_E_USAGE,
                error);
    assert_code(libcapsa_identity_set_dates(identity, 2000, 2000, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_dates(identity, 0, 2000, error), LIBCAPSA_E_USAGE, error);
    assert_success(libcapsa_identity_make(identity, time(NULL), error), error);
    expect_form(identity, "dice");
    expect_key(identity, false);
    libcapsa_identity_free(identity);
    libcapsa_error_free(error);
}

static void settings_stand_once_it_is_made(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *made = scene->identity;
    assert_code(libcapsa_identity_set_key(made, "p384", error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_forms(made, "gramine", error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_hash(made, "sha512", error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_nonce(made, "x", 1, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_lifetime(made, 3600, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_dates(made, 1, 2, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_identity_set_endorsements(made, 1, error), LIBCAPSA_E_USAGE, error);
    libcapsa_error_free(error);
}

static void nothing_is_usage_and_no_crash(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *made = scene->identity;
    libcapsa_identity *none = NULL;
    libcapsa_identity *unmade = scene_identity(scene);
    uint8_t *bytes = NULL;
    size_t len = 0;
    libcapsa_identity_free(NULL);
    const int usages[] = {
        libcapsa_identity_new(NULL, &none, NULL),
        libcapsa_identity_new(scene->attester, NULL, NULL),
        libcapsa_identity_set_key(NULL, "p256", NULL),
        libcapsa_identity_set_forms(NULL, "dice", NULL),
        libcapsa_identity_set_hash(NULL, "sha256", NULL),
        libcapsa_identity_set_nonce(NULL, NULL, 0, NULL),
        libcapsa_identity_set_lifetime(NULL, 3600, NULL),
        libcapsa_identity_set_dates(NULL, 1, 2, NULL),
        libcapsa_identity_set_endorsements(NULL, 0, NULL),
        libcapsa_identity_set_source(NULL, NULL, NULL),
        libcapsa_identity_make(NULL, 1, NULL),
        libcapsa_identity_certificate(NULL, "pem", &bytes, &len, NULL),
        libcapsa_identity_certificate(made, NULL, &bytes, &len, NULL),
        libcapsa_identity_certificate(made, "txt", &bytes, &len, NULL),
        libcapsa_identity_certificate(made, "pem", NULL, &len, NULL),
        libcapsa_identity_certificate(made, "pem", &bytes, NULL, NULL),
        libcapsa_identity_certificate(unmade, "pem", &bytes, &len, NULL),
        libcapsa_identity_key(NULL, "pem", &bytes, &len, NULL),
        libcapsa_identity_key(unmade, "der", &bytes, &len, NULL),
        libcapsa_identity_write(NULL, "a", "b", NULL),
        libcapsa_identity_write(made, NULL, "b", NULL),
        libcapsa_identity_write(made, "a", NULL, NULL),
        libcapsa_identity_write(unmade, "a", "b", NULL),
    };
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        assert_int_equal(usages[i], LIBCAPSA_E_USAGE);
    }
    assert_null(none);
    assert_null(bytes);
    assert_int_equal(libcapsa_identity_renew_at(NULL), 0);
    libcapsa_identity_free(unmade);
    libcapsa_error_free(error);
}

static void a_failure_leaves_what_was_made(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    uint8_t *before = NULL, *after = NULL;
    size_t before_len = 0, after_len = 0;
    char aside[80];
    (void)snprintf(aside, sizeof(aside), "%s-aside", scene->folder);
    assert_success(
        libcapsa_identity_certificate(scene->identity, "der", &before, &before_len, error), error);
    assert_int_equal(rename(scene->folder, aside), 0);
    assert_int_not_equal(libcapsa_identity_make(scene->identity, time(NULL), error), LIBCAPSA_OK);
    assert_non_null(strstr(libcapsa_error_text(error), scene->folder));
    assert_int_equal(rename(aside, scene->folder), 0);
    assert_success(libcapsa_identity_certificate(scene->identity, "der", &after, &after_len, error),
                   error);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, after_len);
    libcapsa_free(after);
    assert_success(libcapsa_identity_make(scene->identity, time(NULL), error), error);
    assert_success(libcapsa_identity_certificate(scene->identity, "der", &after, &after_len, error),
                   error);
    assert_true(before_len != after_len || memcmp(before, after, after_len) != 0);
    libcapsa_free(before);
    libcapsa_free(after);
    libcapsa_error_free(error);
}

/* ---- Files, and threads ---------------------------------------------------------------------- */

static void files_are_a_pair_and_the_key_is_its_owners(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    char cert[96], key[96];
    struct stat status;
    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", scene->folder);
    (void)snprintf(key, sizeof(key), "%s/key.pem", scene->folder);
    assert_success(libcapsa_identity_write(scene->identity, cert, key, error), error);
    assert_int_equal(stat(key, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    uint8_t *wanted = NULL;
    size_t len = 0;
    assert_success(libcapsa_identity_key(scene->identity, "pem", &wanted, &len, error), error);
    uint8_t room[4096];
    FILE *in = fopen(key, "rb");
    assert_non_null(in);
    assert_int_equal(fread(room, 1, sizeof(room), in), len);
    assert_memory_equal(room, wanted, len);
    (void)fclose(in);
    libcapsa_free(wanted);
    assert_code(libcapsa_identity_write(scene->identity, "/nowhere/at/all.pem", key, error),
                LIBCAPSA_E_IO, error);
    assert_non_null(strstr(libcapsa_error_text(error), "/nowhere/at/all.pem"));
    libcapsa_error_free(error);
}

#define THREADS 4
#define TURNS   8

static void *make_and_read(void *context)
{
    libcapsa_identity *identity = context;
    for (int i = 0; i < TURNS; i++) {
        uint8_t *bytes = NULL;
        size_t len = 0;
        if (libcapsa_identity_make(identity, time(NULL), NULL) != LIBCAPSA_OK ||
            libcapsa_identity_certificate(identity, "der", &bytes, &len, NULL) != LIBCAPSA_OK ||
            libcapsa_identity_renew_at(identity) == 0) {
            return context;
        }
        libcapsa_free(bytes);
    }
    return NULL;
}

static void any_thread_makes_it_the_first_time_too(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_identity *identity = scene_identity(scene);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_and_read, identity), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    libcapsa_identity_free(identity);
}

/* ---- A simulated platform's folder ----------------------------------------------------------- */

static void the_folder_is_read_anew_whenever_it_is_asked(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    libcapsa_identity *identity = scene_identity(scene);
    const int64_t later = time(NULL) + 40 * 86400; /* the collateral is good for 30 days */
    assert_success(libcapsa_identity_make(identity, later, error), error);
    assert_code(judge(scene, identity, 0, later, NULL, error), LIBCAPSA_E_TCB, error);
    assert_string_equal(libcapsa_error_check(error), "expired");
    assert_int_equal(capsa_code_of(capsa_sim_renew(scene->folder, later - 60, 30)), CAPSA_E_OK);
    assert_success(judge(scene, identity, 0, later, NULL, error), error);
    libcapsa_identity_free(identity);
    libcapsa_error_free(error);
}

static void a_folder_that_is_none_changes_nothing(void **state)
{
    const struct ratls_scene *scene = *state;
    libcapsa_error *error = libcapsa_error_new();
    assert_code(libcapsa_verifier_insecure_set_simulation(scene->verifier, "/nowhere", error),
                LIBCAPSA_E_IO, error);
    assert_non_null(strstr(libcapsa_error_text(error), "/nowhere"));
    assert_code(libcapsa_verifier_insecure_set_simulation(scene->verifier, NULL, error),
                LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_verifier_insecure_set_simulation(NULL, scene->folder, error),
                LIBCAPSA_E_USAGE, error);
    assert_success(judge(scene, scene->identity, 0, time(NULL), NULL, error), error);
    libcapsa_error_free(error);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identities_of_every_kind_are_accepted),
        TEST(a_policy_refuses_what_is_genuine_and_something_else),
        TEST(it_lives_as_long_as_it_was_told_to),
        TEST(times_that_are_none_are_usage_and_overflow_nothing),
        TEST(embedded_collateral_proves_it_to_who_has_none),
        TEST(the_callers_collateral_counts_before_the_embedded),
        TEST(a_source_has_what_is_embedded),
        TEST(a_source_that_fails_leaves_what_the_attester_has),
        TEST(bad_settings_are_refused_and_change_nothing),
        TEST(settings_stand_once_it_is_made),
        TEST(nothing_is_usage_and_no_crash),
        TEST(a_failure_leaves_what_was_made),
        TEST(files_are_a_pair_and_the_key_is_its_owners),
        TEST(any_thread_makes_it_the_first_time_too),
        TEST(the_folder_is_read_anew_whenever_it_is_asked),
        TEST(a_folder_that_is_none_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
