/* SPDX-License-Identifier: Apache-2.0
 *
 * Every recorded SGX and TDX case: real quotes, more than a thousand mutations of them, and a
 * synthetic suite, each with the verdict, status and advisories that are expected. Then all of them
 * again through one cache, in order, warm, and shuffled: whole verdicts have to be the same.
 */
#include "dcap_case.h"

#include <dirent.h>

#include "base/alloc.h"

/* ---- What is expected -------------------------------------------------------------------------
 */

static const char *text_of(const struct capsa_json *object, const char *name)
{
    const char *text = capsa_json_string(capsa_json_get(object, name));
    return text == NULL ? "" : text;
}

static bool lists(const struct capsa_json *array, const char *id)
{
    for (size_t i = 0; i < capsa_json_count(array); i++) {
        if (capsa_streq(capsa_json_string(capsa_json_at(array, i)), id)) {
            return true;
        }
    }
    return false;
}

/* As sets: the order of a union is ours. */
static void check_advisories(const char *folder, const struct capsa_json *wanted,
                             const struct capsa_advisories *got)
{
    if (capsa_json_kind_of(wanted) != CAPSA_JSON_ARRAY) {
        return;
    }
    if (got->count != capsa_json_count(wanted)) {
        fail_msg("%s: %zu advisories, wanted %zu", folder, got->count, capsa_json_count(wanted));
    }
    for (size_t i = 0; i < got->count; i++) {
        if (!lists(wanted, got->ids[i])) {
            fail_msg("%s: advisory %s is not expected", folder, got->ids[i]);
        }
    }
}

static void check_text(const char *folder, const struct capsa_json *expected, const char *name,
                       const char *got)
{
    const char *wanted = text_of(expected, name);
    if (*wanted != '\0' && !capsa_streq(wanted, got)) {
        fail_msg("%s: %s is \"%s\", wanted \"%s\"", folder, name, got, wanted);
    }
}

static void check_found(const char *folder, const struct capsa_json *expected,
                        const struct capsa_verdict *verdict)
{
    check_text(folder, expected, "tcb_status", capsa_tcb_status_name(verdict->tcb_status));
    check_text(folder, expected, "qe_tcb_status", capsa_tcb_status_name(verdict->qe_tcb_status));
    check_text(folder, expected, "tdx_module_tcb_status",
               capsa_tcb_status_name(verdict->module_tcb_status));
    char date[CAPSA_TIME_TEXT];
    capsa_time_text(verdict->tcb_date, date);
    check_text(folder, expected, "tcb_date", date);
    check_advisories(folder, capsa_json_get(expected, "advisory_ids"), &verdict->advisories);
    check_advisories(folder, capsa_json_get(expected, "advisory_ids_tcb_level_only"),
                     &verdict->level_advisories);
}

static void check_case(const char *folder)
{
    struct dcap_case one;
    dcap_case_load(folder, &one);
    const struct capsa_json *expected = one.expected;
    const char *wanted = text_of(expected, "recommended_verdict");
    wanted = *wanted == '\0' ? text_of(expected, "verdict") : wanted;
    struct capsa_verify_input input = dcap_input(&one);
    struct capsa_verdict verdict;
    bool accepts = one.has_collateral && dcap_accepts(&input, &verdict);
    if (!capsa_streq(wanted, "either") && accepts != capsa_streq(wanted, "accept")) {
        fail_msg("%s: %s, wanted %s: %s %s", folder, accepts ? "accept" : "reject", wanted,
                 capsa_check_name(verdict.failed_check), verdict.reason);
    }
    if (accepts || verdict.failed_check == CAPSA_CHECK_NONE) {
        check_found(folder, expected, &verdict);
    }
    dcap_case_drop(&one);
}

/* ---- All of them ------------------------------------------------------------------------------
 */

#define FOLDERS_MAX 512
#define FOLDER_NAME 128

struct folders {
    size_t count;
    char names[FOLDERS_MAX][FOLDER_NAME];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void find_folders(const char *below, const char *prefix, struct folders *folders)
{
    char name[VECTOR_PATH], path[VECTOR_PATH];
    (void)snprintf(name, sizeof(name), "attestation/%s", below);
    test_vector_path(name, path);
    DIR *directory = opendir(path);
    if (directory == NULL) {
        print_message("skipped: no recorded vectors at %s\n", path);
        skip();
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            assert_true(folders->count < FOLDERS_MAX);
            (void)snprintf(folders->names[folders->count++], FOLDER_NAME, "%s%.100s", below,
                           entry->d_name);
        }
    }
    (void)closedir(directory);
    qsort(folders->names, folders->count, FOLDER_NAME, by_name);
}

static void check_folders(const char *below, const char *prefix, size_t at_least)
{
    struct folders *folders = CAPSA_NEW(struct folders);
    assert_non_null(folders);
    find_folders(below, prefix, folders);
    for (size_t i = 0; i < folders->count; i++) {
        check_case(folders->names[i]);
    }
    assert_true(folders->count >= at_least);
    capsa_dealloc(folders);
}

static void real_sgx_quotes_are_judged_as_expected(void **state)
{
    (void)state;
    check_folders("", "sgx_", 12);
}

static void real_tdx_quotes_are_judged_as_expected(void **state)
{
    (void)state;
    check_folders("", "tdx_", 15);
}

static void the_synthetic_suite_is_judged_as_expected(void **state)
{
    (void)state;
    check_folders("synthetic/", "", 120);
}

/* ---- Mutations --------------------------------------------------------------------------------
 */

static void load_mutation(const struct capsa_json *line, struct dcap_case *one)
{
    *one = (struct dcap_case){.quote = capsa_buf_of(KIB(256)), .root = capsa_buf_of(KIB(64))};
    char name[VECTOR_PATH], path[VECTOR_PATH];
    (void)snprintf(name, sizeof(name), "attestation/mutations/%s", text_of(line, "quote"));
    test_vector_path(name, path);
    assert_true(dcap_try_read(path, &one->quote));
    (void)snprintf(name, sizeof(name), "attestation/mutations/%s", text_of(line, "collateral"));
    test_vector_path(name, path);
    dcap_read_collateral(path, one);
    one->now = capsa_json_int(capsa_json_get(line, "verification_time_unix"));
    dcap_read_anchors(one);
}

static void each_mutation(void (*each)(void *context, const char *id, const struct dcap_case *one),
                          void *context, size_t *ret_count)
{
    CAPSA_AUTO(capsa_buf) manifest = capsa_buf_of(MIB(4));
    test_vector_read("attestation/mutations/manifest.jsonl", &manifest);
    capsa_bytes rest = capsa_buf_bytes(&manifest);
    size_t count = 0;
    while (rest.len > 0) {
        size_t end = capsa_bytes_find(rest, '\n');
        CAPSA_AUTO_FREE(capsa_json) line = NULL;
        assert_ok(capsa_json_parse(capsa_bytes_of(rest.data, end), &line));
        struct dcap_case one;
        load_mutation(line, &one);
        char id[VECTOR_PATH];
        (void)snprintf(id, sizeof(id), "%s of %s", text_of(line, "id"), text_of(line, "base"));
        each(context, id, &one);
        dcap_case_drop(&one);
        rest = capsa_bytes_from(rest, end + 1);
        count++;
    }
    *ret_count = count;
}

static void check_refused(void *context, const char *id, const struct dcap_case *one)
{
    struct capsa_verify_input input = dcap_input(one);
    input.cache = context;
    struct capsa_verdict verdict;
    if (one->has_collateral && dcap_accepts(&input, &verdict)) {
        fail_msg("%s is accepted", id);
    }
}

static void every_mutation_is_refused(void **state)
{
    (void)state;
    size_t count = 0;
    each_mutation(check_refused, NULL, &count);
    assert_true(count >= 1143);
}

/* ---- Caches -----------------------------------------------------------------------------------
 */

static void write_verdict(const struct dcap_case *one, struct capsa_verify_cache *cache,
                          capsa_buf *text)
{
    struct capsa_verify_input input = dcap_input(one);
    input.cache = cache;
    struct capsa_verdict verdict;
    capsa_result result = capsa_verify(&input, &verdict);
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    assert_ok(capsa_verdict_json(&verdict, &json));
    capsa_buf_clear(text);
    assert_ok(capsa_buf_format(text, "%s %s %d %d ", capsa_code_name(capsa_code_of(result)),
                               capsa_text_of(result), verdict.tcb_unsupported,
                               verdict.claims.debug));
    assert_ok(capsa_json_write(json, CAPSA_JSON_COMPACT, text));
}

static void check_same_verdict(const char *id, const struct dcap_case *one,
                               struct capsa_verify_cache *cache)
{
    if (!one->has_collateral) {
        return;
    }
    CAPSA_AUTO(capsa_buf) without = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) with = capsa_buf_of(MIB(1));
    write_verdict(one, NULL, &without);
    for (int i = 0; i < 2; i++) { /* the second is as warm as can be */
        write_verdict(one, cache, &with);
        if (!capsa_bytes_equal(capsa_buf_bytes(&without), capsa_buf_bytes(&with))) {
            const char *a = NULL, *b = NULL;
            assert_ok(capsa_buf_cstr(&without, &a));
            assert_ok(capsa_buf_cstr(&with, &b));
            fail_msg("%s: without a cache\n%s\nwith one, call %d\n%s", id, a, i + 1, b);
        }
    }
}

static void check_mutation_cached(void *context, const char *id, const struct dcap_case *one)
{
    check_same_verdict(id, one, context);
}

/* Deterministic, so that a failure comes again. */
static void shuffle(struct folders *folders)
{
    uint64_t state = 20261127;
    for (size_t i = folders->count; i > 1; i--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t other = (size_t)(state >> 33) % i;
        char kept[FOLDER_NAME];
        memcpy(kept, folders->names[i - 1], FOLDER_NAME);
        memcpy(folders->names[i - 1], folders->names[other], FOLDER_NAME);
        memcpy(folders->names[other], kept, FOLDER_NAME);
    }
}

static void run_cached(const struct folders *folders, struct capsa_verify_cache *cache)
{
    for (size_t i = 0; i < folders->count; i++) {
        struct dcap_case one;
        dcap_case_load(folders->names[i], &one);
        check_same_verdict(folders->names[i], &one, cache);
        dcap_case_drop(&one);
    }
}

static void a_cache_leaves_every_verdict_as_it_is(void **state)
{
    (void)state;
    struct folders *folders = CAPSA_NEW(struct folders);
    assert_non_null(folders);
    find_folders("", "sgx_", folders);
    find_folders("", "tdx_", folders);
    find_folders("synthetic/", "", folders);
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(1024, &cache));
    run_cached(folders, cache);
    shuffle(folders);
    run_cached(folders, cache);
    /* Everything genuine is warm now: mutations of it must gain nothing by that. */
    size_t count = 0;
    each_mutation(check_mutation_cached, cache, &count);
    capsa_dealloc(folders);
}

static void a_cache_of_one_set_gives_way_and_stays_right(void **state)
{
    (void)state;
    struct folders *folders = CAPSA_NEW(struct folders);
    assert_non_null(folders);
    find_folders("", "tdx_", folders);
    CAPSA_AUTO_FREE(capsa_verify_cache) cache = NULL;
    assert_ok(capsa_verify_cache_new(1, &cache));
    run_cached(folders, cache);
    capsa_dealloc(folders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_sgx_quotes_are_judged_as_expected),
        cmocka_unit_test(real_tdx_quotes_are_judged_as_expected),
        cmocka_unit_test(the_synthetic_suite_is_judged_as_expected),
        cmocka_unit_test(every_mutation_is_refused),
        cmocka_unit_test(a_cache_leaves_every_verdict_as_it_is),
        cmocka_unit_test(a_cache_of_one_set_gives_way_and_stays_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
