/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources of collateral through the public interface: settings, a bundle of recorded collateral,
 * and servers that have nothing or are not there. fetch.py has one that has it all.
 */
#include "api_test.h"

#include <pthread.h>

#include <capsa/fetch.h>

#include "http_server.h"

#define VECTOR "sgx_v3_swh_2025"

struct source_case {
    libcapsa_error *error;
    libcapsa_source *source;
    libcapsa_evidence *evidence; /* of VECTOR */
    int64_t time;
    char folder[API_PATH]; /* where its collateral lies */
};

static int source_setup(void **state)
{
    struct source_case *test = calloc(1, sizeof(*test));
    assert_non_null(test);
    *state = test;
    test->error = libcapsa_error_new();
    assert_non_null(test->error);
    assert_success(libcapsa_source_new(&test->source, test->error), test->error);
    api_path(VECTOR, test->folder);
    return 0;
}

static int source_teardown(void **state)
{
    struct source_case *test = *state;
    libcapsa_evidence_free(test->evidence);
    libcapsa_source_free(test->source);
    libcapsa_error_free(test->error);
    free(test);
    return 0;
}

static void need_evidence(struct source_case *test)
{
    struct api_bytes quote = api_read(VECTOR, "quote.bin");
    test->time = api_time(VECTOR);
    assert_success(libcapsa_evidence_parse(quote.data, quote.len, &test->evidence, test->error),
                   test->error);
    free(quote.data);
}

static void set(struct source_case *test, const char *name, const char *value)
{
    assert_success(libcapsa_source_set(test->source, name, value, test->error), test->error);
}

/* ---- A bundle -------------------------------------------------------------------------------- */

static void a_bundle_proves_what_is_in_it(void **state)
{
    struct source_case *test = *state;
    libcapsa_collateral *got = NULL;
    libcapsa_verifier *verifier = NULL;
    need_evidence(test);
    set(test, "bundle", test->folder);
    assert_success(libcapsa_source_get(test->source, test->evidence, &got, test->error),
                   test->error);
    assert_int_equal(libcapsa_collateral_is_empty(got), 0);
    assert_success(libcapsa_verifier_new(&verifier, test->error), test->error);
    assert_success(libcapsa_verifier_judge(verifier, test->evidence, got, test->time, NULL, 0, NULL,
                                           test->error),
                   test->error);
    libcapsa_collateral_free(got);
    libcapsa_verifier_free(verifier);
}

static int judge(struct source_case *test, const libcapsa_verifier *verifier)
{
    return libcapsa_verifier_judge(verifier, test->evidence, NULL, test->time, NULL, 0, NULL,
                                   test->error);
}

static void a_verifier_keeps_its_source_and_lets_go_of_it(void **state)
{
    struct source_case *test = *state;
    libcapsa_verifier *verifier = NULL;
    need_evidence(test);
    set(test, "bundle", test->folder);
    assert_success(libcapsa_verifier_new(&verifier, test->error), test->error);
    assert_success(libcapsa_verifier_set_source(verifier, test->source, test->error), test->error);
    assert_success(libcapsa_verifier_set_source(verifier, test->source, test->error), test->error);
    libcapsa_source_free(test->source);
    test->source = NULL;
    assert_success(judge(test, verifier), test->error);
    assert_success(libcapsa_verifier_set_source(verifier, NULL, test->error), test->error);
    assert_code(judge(test, verifier), LIBCAPSA_E_TCB, test->error);
    assert_string_equal(libcapsa_error_check(test->error), "collateral-missing");
    libcapsa_verifier_free(verifier);
}

#define THREADS 6

static void *get_some(void *context)
{
    struct source_case *test = context;
    libcapsa_collateral *got = NULL;
    const int code = libcapsa_source_get(test->source, test->evidence, &got, NULL);
    libcapsa_collateral_free(got);
    return code == LIBCAPSA_OK ? NULL : context;
}

static void many_threads_come_first_at_once(void **state)
{
    struct source_case *test = *state;
    pthread_t threads[THREADS];
    need_evidence(test);
    set(test, "bundle", test->folder);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, get_some, test), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

/* ---- Servers that are of no use -------------------------------------------------------------- */

static void what_a_server_does_not_have_is_not_found(void **state)
{
    struct source_case *test = *state;
    struct http_server server;
    libcapsa_collateral *got = NULL;
    need_evidence(test);
    http_server_start(&server);
    http_server_answer(&server, "404 Not Found", "", "");
    set(test, "pccs-url", server.url);
    assert_code(libcapsa_source_get(test->source, test->evidence, &got, test->error),
                LIBCAPSA_E_NOT_FOUND, test->error);
    assert_non_null(strstr(libcapsa_error_text(test->error), server.url));
    assert_true(atomic_load(&server.requests) > 0);
    assert_null(got);
    http_server_stop(&server);
}

static void a_verdict_says_why_nothing_could_be_fetched(void **state)
{
    struct source_case *test = *state;
    struct http_server server;
    libcapsa_verifier *verifier = NULL;
    need_evidence(test);
    http_server_start(&server);
    http_server_stop(&server); /* its address is nobody's now */
    set(test, "pccs-url", server.url);
    assert_success(libcapsa_verifier_new(&verifier, test->error), test->error);
    assert_success(libcapsa_verifier_set_source(verifier, test->source, test->error), test->error);
    assert_code(judge(test, verifier), LIBCAPSA_E_TCB, test->error);
    assert_string_equal(libcapsa_error_check(test->error), "collateral-missing");
    assert_non_null(strstr(libcapsa_error_text(test->error), "none could be fetched"));
    libcapsa_verifier_free(verifier);
}

/* ---- Settings -------------------------------------------------------------------------------- */

static void settings_are_checked_by_name_and_stand_once_used(void **state)
{
    struct source_case *test = *state;
    libcapsa_source *source = test->source;
    libcapsa_error *error = test->error;
    libcapsa_collateral *got = NULL;
    static const char *const names[] = {"pccs-url", "root-crl-url", "kds-url",   "hygon-url",
                                        "ca-file",  "bundle",       "cache-dir", "timeout-seconds"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        set(test, names[i], "7");
        set(test, names[i], NULL);
    }
    assert_code(libcapsa_source_set(source, "pccs", "x", error), LIBCAPSA_E_USAGE, error);
    assert_non_null(strstr(libcapsa_error_text(error), "pccs"));
    static const char *const times[] = {"0", "3601", "", "1x", "-1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        assert_code(libcapsa_source_set(source, "timeout-seconds", times[i], error),
                    LIBCAPSA_E_USAGE, error);
    }
    need_evidence(test);
    set(test, "pccs-url", "no url at all");
    assert_code(libcapsa_source_get(source, test->evidence, &got, error), LIBCAPSA_E_USAGE, error);
    set(test, "pccs-url", NULL); /* it was not used, and may be set right */
    set(test, "bundle", test->folder);
    assert_success(libcapsa_source_get(source, test->evidence, &got, error), error);
    assert_code(libcapsa_source_set(source, "bundle", NULL, error), LIBCAPSA_E_USAGE, error);
    assert_code(libcapsa_source_insecure_set_tls(source, 1, error), LIBCAPSA_E_USAGE, error);
    libcapsa_collateral_free(got);
}

static void the_configuration_of_intels_client_is_read(void **state)
{
    struct source_case *test = *state;
    char path[] = "/tmp/capsa-qcnl-XXXXXX";
    struct http_server server;
    libcapsa_collateral *got = NULL;
    need_evidence(test);
    http_server_start(&server);
    http_server_answer(&server, "404 Not Found", "", "");
    const int fd = mkstemp(path);
    FILE *out = fdopen(fd, "w");
    assert_non_null(out);
    (void)fprintf(out, "// a comment\n{\"pccs_url\": \"%s\", \"use_secure_cert\": false}\n",
                  server.url);
    (void)fclose(out);
    assert_success(libcapsa_source_load_qcnl(test->source, path, test->error), test->error);
    assert_code(libcapsa_source_get(test->source, test->evidence, &got, test->error),
                LIBCAPSA_E_NOT_FOUND, test->error);
    assert_non_null(strstr(libcapsa_error_text(test->error), server.url));
    assert_int_equal(truncate(path, 10), 0);
    assert_code(libcapsa_source_load_qcnl(test->source, path, test->error), LIBCAPSA_E_MALFORMED,
                test->error);
    assert_non_null(strstr(libcapsa_error_text(test->error), path));
    assert_int_equal(remove(path), 0);
    assert_code(libcapsa_source_load_qcnl(test->source, path, test->error), LIBCAPSA_E_IO,
                test->error);
    http_server_stop(&server);
}

static void nothing_is_usage_and_no_crash(void **state)
{
    struct source_case *test = *state;
    libcapsa_collateral *got = NULL;
    need_evidence(test);
    libcapsa_source_free(NULL);
    const int usages[] = {
        libcapsa_source_new(NULL, NULL),
        libcapsa_source_set(NULL, "bundle", "x", NULL),
        libcapsa_source_set(test->source, NULL, "x", NULL),
        libcapsa_source_insecure_set_tls(NULL, 1, NULL),
        libcapsa_source_load_qcnl(NULL, "x", NULL),
        libcapsa_source_load_qcnl(test->source, NULL, NULL),
        libcapsa_source_get(NULL, test->evidence, &got, NULL),
        libcapsa_source_get(test->source, NULL, &got, NULL),
        libcapsa_source_get(test->source, test->evidence, NULL, NULL),
        libcapsa_verifier_set_source(NULL, test->source, NULL),
    };
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        assert_int_equal(usages[i], LIBCAPSA_E_USAGE);
    }
    assert_null(got);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, source_setup, source_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bundle_proves_what_is_in_it),
        TEST(a_verifier_keeps_its_source_and_lets_go_of_it),
        TEST(many_threads_come_first_at_once),
        TEST(what_a_server_does_not_have_is_not_found),
        TEST(a_verdict_says_why_nothing_could_be_fetched),
        TEST(settings_are_checked_by_name_and_stand_once_used),
        TEST(the_configuration_of_intels_client_is_read),
        TEST(nothing_is_usage_and_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
