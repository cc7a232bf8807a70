/* SPDX-License-Identifier: Apache-2.0
 *
 * store: every allocation, read of randomness and call that changes the disk fails in turn, while a
 * store is opened, written, read, copied and put back. What was acknowledged is there, what failed
 * is not, nothing is there by half, and the store goes on working; also when it is opened anew.
 */
#include "failing.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/store_fixture.h"
#include "store/store.h"
#include "store/store_backend.h"
#include "store/store_writer.h"

#define VALUE KIB(24) /* so that the log of the database is folded into it now and then */

static char folder[64];

static int folder_make(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/dev/shm/capsa-failing-XXXXXX");
    if (mkdtemp(folder) != NULL) {
        return 0;
    }
    (void)snprintf(folder, sizeof(folder), "/tmp/capsa-failing-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int folder_remove(void **state)
{
    (void)state;
    test_remove_tree(folder);
    return 0;
}

static const char *at(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void folder_empty(void)
{
    test_remove_tree(folder);
    assert_int_equal(mkdir(folder, 0700), 0);
}

static capsa_result open_store(const char *scheme, struct capsa_store **ret_store)
{
    if (capsa_streq(scheme, "memory")) {
        return test_store_open("memory:", NULL, ret_store);
    }
    char location[160];
    (void)snprintf(location, sizeof(location), "sqlite:%s", at("data/x.db"));
    return test_store_open(location, at("data/root.key"), ret_store);
}

static const char *const schemes[] = {"memory", "sqlite"};

/* ---- Two records that always have the same version ------------------------------------------- */

static const struct capsa_record_key halves[] = {
    {.ns = "default", .kind = "half", .parts = {"one"}},
    {.ns = "default", .kind = "half", .parts = {"two"}},
};

static uint64_t version_of(struct capsa_store *store)
{
    uint64_t versions[2];
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_record) record = {0};
        assert_ok(capsa_store_find(store, &halves[i], &record));
        versions[i] = record.version;
        if (record.version > 0) {
            assert_int_equal(record.value.len, VALUE);
            assert_int_equal(record.value.data[VALUE - 1], (uint8_t)record.version);
        }
    }
    assert_int_equal(versions[0], versions[1]);
    return versions[0];
}

static const struct capsa_record_key behind = {.ns = CAPSA_STORE_LOG_NAMESPACE, .kind = "behind"};

static void batch_put_half(struct capsa_batch *batch, size_t half, uint64_t version)
{
    static uint8_t value[VALUE];
    static const char *const owners[] = {"alice", NULL};
    memset(value, (int)(uint8_t)(version + 1), sizeof(value));
    assert_ok(capsa_batch_put(batch, &halves[half], version, owners,
                              capsa_bytes_of(value, sizeof(value))));
}

static struct capsa_batch *half_batch(size_t half, uint64_t version)
{
    struct capsa_batch *batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    batch_put_half(batch, half, version);
    return batch;
}

static struct capsa_batch *next_batch(uint64_t version)
{
    struct capsa_batch *batch = half_batch(0, version);
    batch_put_half(batch, 1, version);
    return batch;
}

static void commit_next(struct capsa_store *store)
{
    CAPSA_AUTO_FREE(capsa_batch) batch = next_batch(version_of(store));
    assert_ok(capsa_store_commit(store, batch));
}

static void assert_fits(const char *about, enum failing_what what, size_t nth,
                        struct failing_count count, capsa_result result)
{
    if (count.failed == 0 || !failing_code_fits(what, capsa_code_of(result))) {
        fail_msg("%s, kind %d, call %zu (%zu failed): %s: %s", about, (int)what, nth, count.failed,
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
}

/* Each kind of fault, once and from then on, until `once` says that no call failed. */
static void each_fault(bool (*once)(void *context, enum failing_what, enum failing_how, size_t),
                       void *context)
{
    for (int what = FAILING_MEMORY; what <= FAILING_DISK; what++) {
        for (int how = FAILING_ONCE; how <= FAILING_EVER; how++) {
            size_t nth = 0;
            while (!once(context, (enum failing_what)what, (enum failing_how)how, nth)) {
                nth = failing_next(nth);
            }
        }
    }
    failing_check_leaks();
}

/* ---- Opening --------------------------------------------------------------------------------- */

static bool open_failing(void *context, enum failing_what what, enum failing_how how, size_t nth)
{
    folder_empty();
    struct capsa_store *store = FAILING_MARK;
    failing_arm(what, how, nth);
    capsa_result result = open_store(context, &store);
    struct failing_count count = failing_disarm();
    assert_true(capsa_failed(result) || !failing_must_fail(what, count));
    if (capsa_failed(result)) {
        assert_fits("opening", what, nth, count, result);
        assert_ptr_equal(store, FAILING_MARK);
        assert_ok(open_store(context, &store)); /* whatever of it was made already */
    }
    commit_next(store);
    assert_int_equal(version_of(store), 1);
    capsa_store_free(store);
    return count.failed == 0;
}

static void a_store_that_could_not_be_opened_can_be_opened_later(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char scheme[8];
        (void)snprintf(scheme, sizeof(scheme), "%s", schemes[i]);
        each_fault(open_failing, scheme);
    }
}

/* ---- Writing --------------------------------------------------------------------------------- */

struct writing {
    const char *scheme;
    struct capsa_store *store;
    struct capsa_writer *writer;
};

static bool commit_failing(void *context, enum failing_what what, enum failing_how how, size_t nth)
{
    const struct writing *writing = context;
    uint64_t before = version_of(writing->store);
    CAPSA_AUTO_FREE(capsa_batch) batch = next_batch(before);
    failing_arm(what, how, nth);
    capsa_result result = capsa_writer_commit(writing->writer, batch);
    struct failing_count count = failing_disarm();
    if (capsa_failed(result)) {
        assert_fits("commit", what, nth, count, result);
        assert_int_equal(version_of(writing->store), before);
        assert_ok(capsa_writer_commit(writing->writer, batch));
    }
    assert_true(capsa_failed(result) || !failing_must_fail(what, count));
    assert_true(capsa_failed(result) || what != FAILING_DISK || count.syncs > 0 ||
                capsa_streq(writing->scheme, "memory"));
    /* Folding the log into the database, many calls, may fail: then it is folded in later. */
    assert_true(capsa_failed(result) || count.lost == 0 || count.calls > 100);
    assert_int_equal(version_of(writing->store), before + 1);
    return count.failed == 0;
}

static void a_commit_that_failed_left_nothing_and_the_next_one_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct writing writing = {.scheme = schemes[i]};
        folder_empty();
        assert_ok(open_store(writing.scheme, &writing.store));
        assert_ok(capsa_writer_new(writing.store, NULL, &writing.writer));
        each_fault(commit_failing, &writing);
        uint64_t version = version_of(writing.store);
        capsa_writer_free(writing.writer);
        capsa_store_free(writing.store);
        if (i == 1) {
            assert_ok(open_store(writing.scheme, &writing.store));
            assert_int_equal(version_of(writing.store), version);
            capsa_store_free(writing.store);
        }
    }
}

/* ---- Several batches in one commit, and what is put behind them ------------------------------ */

/* As audit does it: a record of the same transaction. */
static capsa_result put_behind(void *context, const struct capsa_group *group,
                               struct capsa_batch *last)
{
    const uint64_t *version = context;
    assert_int_equal(group->results[0].code, CAPSA_E_OK);
    return capsa_batch_put(last, &behind, *version, NULL, CAPSA_BYTES_LITERAL("behind"));
}

static bool group_failing(void *context, enum failing_what what, enum failing_how how, size_t nth)
{
    const struct writing *writing = context;
    uint64_t before = version_of(writing->store);
    CAPSA_AUTO_FREE(capsa_batch) first = half_batch(0, before);
    CAPSA_AUTO_FREE(capsa_batch) second = half_batch(1, before);
    const struct capsa_batch *const batches[] = {first, second};
    struct capsa_error results[2];
    const struct capsa_group group = {.batches = batches,
                                      .count = 2,
                                      .results = results,
                                      .finish = put_behind,
                                      .context = &before};
    failing_arm(what, how, nth);
    capsa_result result = capsa_store_apply(writing->store, &group);
    struct failing_count count = failing_disarm();
    CAPSA_AUTO(capsa_record) last = {0};
    if (capsa_failed(result)) {
        assert_fits("group", what, nth, count, result);
        assert_int_equal(version_of(writing->store), before);
        assert_int_equal(results[0].code, capsa_code_of(result));
        assert_int_equal(results[1].code, capsa_code_of(result));
        assert_ok(capsa_store_apply(writing->store, &group));
    }
    assert_int_equal(version_of(writing->store), before + 1);
    assert_ok(capsa_store_get(writing->store, &behind, &last));
    assert_int_equal(last.version, before + 1);
    return count.failed == 0;
}

static void a_group_that_failed_left_none_of_its_batches(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct writing writing = {.scheme = schemes[i]};
        folder_empty();
        assert_ok(open_store(writing.scheme, &writing.store));
        each_fault(group_failing, &writing);
        capsa_store_free(writing.store);
    }
}

/* ---- Reading --------------------------------------------------------------------------------- */

static struct capsa_store *read_store;

static capsa_result store_get(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_record) record = {.version = 7};
    capsa_result result = capsa_store_get(read_store, &halves[0], &record);
    assert_int_equal(record.version, capsa_failed(result) ? 7 : 1);
    assert_int_equal(record.value.len, capsa_failed(result) ? 0 : VALUE);
    return result;
}

static capsa_result see(void *context, const struct capsa_record_key *key,
                        const capsa_record *record, bool *ret_stop)
{
    (void)key;
    (void)ret_stop;
    *(size_t *)context += record->value.len == VALUE;
    return CAPSA_OK;
}

static capsa_result store_each(struct failing_out *out)
{
    (void)out;
    const struct capsa_record_key prefix = {.ns = "default", .kind = "half"};
    size_t seen = 0;
    CAPSA_TRY(capsa_store_each(read_store, &prefix, see, &seen));
    assert_int_equal(seen, 2); /* an incomplete list is no list */
    return CAPSA_OK;
}

static capsa_result batch_make(struct failing_out *out)
{
    static const uint8_t value[128];
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(capsa_batch_put(batch, &halves[0], 1, NULL, capsa_bytes_of(value, sizeof(value))));
    CAPSA_TRY(capsa_batch_remove(batch, &halves[1], 1));
    out->made = batch;
    batch = NULL;
    return CAPSA_OK;
}

static void free_batch(void *made)
{
    capsa_batch_free(made);
}

static void reading_fails_cleanly_and_never_by_half(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"store_get", store_get, NULL, false, false},
        {"store_each", store_each, NULL, false, false},
        {"batch", batch_make, free_batch, false, false},
    };
    for (size_t i = 0; i < 2; i++) {
        folder_empty();
        assert_ok(open_store(schemes[i], &read_store));
        commit_next(read_store);
        FAILING_TRY_ALL(cases);
        capsa_store_free(read_store);
    }
}

/* ---- Copies ---------------------------------------------------------------------------------- */

static const char *location(void)
{
    static char text[160];
    (void)snprintf(text, sizeof(text), "sqlite:%s", at("data/x.db"));
    return text;
}

static void assert_store_has(uint64_t version)
{
    struct capsa_store *store = NULL;
    assert_ok(open_store("sqlite", &store));
    assert_int_equal(version_of(store), version);
    capsa_store_free(store);
}

static bool backup_failing(void *context, enum failing_what what, enum failing_how how, size_t nth)
{
    (void)context;
    (void)unlink(at("copy"));
    failing_arm(what, how, nth);
    capsa_result result = capsa_store_backup(location(), at("copy"));
    struct failing_count count = failing_disarm();
    if (capsa_failed(result)) {
        assert_fits("backup", what, nth, count, result);
        bool named = strstr(capsa_text_of(result), "sync the folder") != NULL;
        assert_int_equal(access(at("copy"), F_OK), named ? 0 : -1);
    }
    if (access(at("copy"), F_OK) == 0) { /* then it is a whole one */
        test_remove_tree(at("data"));
        assert_int_equal(mkdir(at("data"), 0700), 0);
        assert_int_equal(link(at("root.key"), at("data/root.key")), 0);
        assert_ok(capsa_store_restore(location(), at("copy")));
        assert_store_has(2);
    }
    return count.failed == 0;
}

static void keep_root_key(void)
{
    assert_int_equal(link(at("data/root.key"), at("root.key")), 0);
}

static void a_copy_is_whole_or_not_there(void **state)
{
    (void)state;
    folder_empty();
    struct capsa_store *store = NULL;
    assert_ok(open_store("sqlite", &store));
    commit_next(store);
    commit_next(store);
    capsa_store_free(store);
    keep_root_key();
    each_fault(backup_failing, NULL);
}

static bool restore_failing(void *context, enum failing_what what, enum failing_how how, size_t nth)
{
    (void)context;
    (void)unlink(at("data/x.db" CAPSA_STORE_KEPT));
    failing_arm(what, how, nth);
    capsa_result result = capsa_store_restore(location(), at("copy"));
    struct failing_count count = failing_disarm();
    struct capsa_store *store = NULL;
    assert_ok(open_store("sqlite", &store));
    uint64_t version = version_of(store);
    if (capsa_failed(result)) {
        /* SQLite's check of a file takes a page that there was no memory for as damage */
        if (what != FAILING_LIBRARIES || capsa_code_of(result) != CAPSA_E_TAMPERED) {
            assert_fits("restore", what, nth, count, result);
        }
        /* what failed behind the commit, such as folding the log in, left the copy in place */
        assert_true(version == 1 || version == 2);
    } else {
        assert_int_equal(version, 1);
    }
    if (version == 1) {
        commit_next(store);
    }
    capsa_store_free(store);
    return count.failed == 0;
}

static void a_store_is_put_back_whole_or_stays(void **state)
{
    (void)state;
    folder_empty();
    struct capsa_store *store = NULL;
    assert_ok(open_store("sqlite", &store));
    commit_next(store);
    capsa_store_free(store);
    assert_ok(capsa_store_backup(location(), at("copy")));
    assert_ok(open_store("sqlite", &store));
    commit_next(store);
    capsa_store_free(store);
    each_fault(restore_failing, NULL);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_could_not_be_opened_can_be_opened_later),
        cmocka_unit_test(a_commit_that_failed_left_nothing_and_the_next_one_holds),
        cmocka_unit_test(a_group_that_failed_left_none_of_its_batches),
        cmocka_unit_test(reading_fails_cleanly_and_never_by_half),
        cmocka_unit_test(a_copy_is_whole_or_not_there),
        cmocka_unit_test(a_store_is_put_back_whole_or_stays),
    };
    return cmocka_run_group_tests_name("store, failing", tests, folder_make, folder_remove);
}
