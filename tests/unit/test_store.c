/* SPDX-License-Identifier: Apache-2.0
 *
 * store: what every store must do, run for each line of the table of back-ends and for the sealed
 * decorator over each; then the writer. What only sealing or only SQLite does is in
 * test_store_sealed.c, kill -9 in test_store_crash.c.
 */
#include "unit.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "store/store.h"
#include "store/store_backend.h"
#include "store/store_sealed.h"
#include "store/store_writer.h"
#include "store_fixture.h"

/* ---- One store of each kind ------------------------------------------------------------------ */

struct kind {
    const struct capsa_store_ops *ops;
    bool sealed;
};

struct place {
    struct kind kind;
    char dir[64];
    char location[128];
    char root[128];
    struct capsa_store *store;
};

static void place_open(struct place *place)
{
    if (place->kind.sealed) {
        assert_ok(test_store_open(place->location, place->root, &place->store));
    } else {
        assert_ok(capsa_store_open(place->location, &place->store));
    }
}

static bool is_kept(const struct place *place)
{
    return place->kind.ops->backup != NULL;
}

static int place_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    place->kind = *(const struct kind *)*state;
    (void)snprintf(place->dir, sizeof(place->dir), "/tmp/capsa-store-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    bool kept = is_kept(place);
    (void)snprintf(place->location, sizeof(place->location), "%s:%s%s", place->kind.ops->scheme,
                   kept ? place->dir : "", kept ? "/data/test.db" : "");
    (void)snprintf(place->root, sizeof(place->root), "%s/root.key", place->dir);
    place_open(place);
    *state = place;
    return 0;
}

static int place_down(void **state)
{
    struct place *place = *state;
    capsa_store_free(place->store);
    test_remove_tree(place->dir);
    free(place);
    return 0;
}

static struct capsa_store *store_of(void **state)
{
    return ((struct place *)*state)->store;
}

/* ---- Short words ----------------------------------------------------------------------------- */

#define KEY(...)     CAPSA_RECORD_KEY("default", "thing", __VA_ARGS__)
#define LOG_KEY(...) CAPSA_RECORD_KEY(CAPSA_STORE_LOG_NAMESPACE, "leaf", __VA_ARGS__)
#define VALUE(text)  capsa_bytes_str(text)

static struct capsa_batch *new_batch(void)
{
    struct capsa_batch *batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    return batch;
}

static void add_put(struct capsa_batch *batch, const char *name, uint64_t expected,
                    const char *value)
{
    const struct capsa_record_key key = KEY(name);
    assert_ok(capsa_batch_put(batch, &key, expected, NULL, VALUE(value)));
}

static void add_remove(struct capsa_batch *batch, const char *name, uint64_t expected)
{
    const struct capsa_record_key key = KEY(name);
    assert_ok(capsa_batch_remove(batch, &key, expected));
}

static void add_check(struct capsa_batch *batch, const char *name, uint64_t expected)
{
    const struct capsa_record_key key = KEY(name);
    assert_ok(capsa_batch_check(batch, &key, expected));
}

static void put(struct capsa_store *store, const char *name, uint64_t expected, const char *value)
{
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, name, expected, value);
    assert_ok(capsa_store_commit(store, batch));
}

static void assert_has_key(struct capsa_store *store, const struct capsa_record_key *key,
                           uint64_t version, const char *value)
{
    CAPSA_AUTO(capsa_record) record = {0};
    assert_ok(capsa_store_find(store, key, &record));
    assert_int_equal(record.version, version);
    assert_true(version == 0 || capsa_bytes_is(capsa_buf_bytes(&record.value), value));
}

/* Version 0: it must not be there. */
static void assert_has(struct capsa_store *store, const char *name, uint64_t version,
                       const char *value)
{
    const struct capsa_record_key key = KEY(name);
    assert_has_key(store, &key, version, value);
}

static void assert_has_leaf(struct capsa_store *store, const char *name, uint64_t version)
{
    const struct capsa_record_key key = LOG_KEY(name);
    assert_has_key(store, &key, version, "leaf");
}

/* ---- Records --------------------------------------------------------------------------------- */

static void a_record_is_read_back_with_its_version_owners_and_bytes(void **state)
{
    struct capsa_store *store = store_of(state);
    const struct capsa_record_key key = KEY("a", "b");
    const char *const owners[] = {"zoe", "alice", "zoe", NULL};
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    const uint8_t bytes[] = {0, 0xff, '\n', 0};
    assert_ok(capsa_batch_put(batch, &key, 0, owners, capsa_bytes_of(bytes, sizeof(bytes))));
    assert_ok(capsa_store_commit(store, batch));

    CAPSA_AUTO(capsa_record) record = {0};
    assert_ok(capsa_store_get(store, &key, &record));
    assert_int_equal(record.version, 1);
    assert_true(
        capsa_bytes_equal(capsa_buf_bytes(&record.value), capsa_bytes_of(bytes, sizeof(bytes))));
    capsa_bytes set = capsa_buf_bytes(&record.owners);
    assert_int_equal(capsa_owners_count(set), 2);
    assert_true(capsa_bytes_is(capsa_owners_at(set, 0), "alice"));
    assert_true(capsa_bytes_is(capsa_owners_at(set, 1), "zoe"));
    assert_true(capsa_owners_has(set, "zoe"));
    assert_false(capsa_owners_has(set, "zo"));
    assert_false(capsa_owners_has(set, ""));
}

static void a_record_that_is_not_there_is_said_so(void **state)
{
    struct capsa_store *store = store_of(state);
    const struct capsa_record_key key = KEY("a");
    CAPSA_AUTO(capsa_record) record = {.version = 7};
    assert_fails(capsa_store_get(store, &key, &record), NOT_FOUND);
    assert_int_equal(record.version, 7);
    assert_ok(capsa_store_find(store, &key, &record));
    assert_int_equal(record.version, 0);
}

static void empty_and_largest_values_are_kept_and_a_larger_one_is_refused(void **state)
{
    struct capsa_store *store = store_of(state);
    size_t most = CAPSA_LIMIT_record_value;
    uint8_t *bytes = capsa_alloc(most + 1);
    memset(bytes, 0xa5, most + 1);
    const struct capsa_record_key large = KEY("large");
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, "", 0, "");
    assert_fails(capsa_batch_put(batch, &large, 0, NULL, capsa_bytes_of(bytes, most + 1)),
                 TOO_LARGE);
    assert_ok(capsa_batch_put(batch, &large, 0, NULL, capsa_bytes_of(bytes, most)));
    assert_ok(capsa_store_commit(store, batch));
    assert_has(store, "", 1, "");
    CAPSA_AUTO(capsa_record) record = {0};
    assert_ok(capsa_store_get(store, &large, &record));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&record.value), capsa_bytes_of(bytes, most)));
    capsa_dealloc(bytes);
}

static void keys_that_read_the_same_when_joined_are_different(void **state)
{
    struct capsa_store *store = store_of(state);
    const struct capsa_record_key keys[] = {
        KEY("a", "bc"),
        KEY("ab", "c"),
        KEY("a/bc"),
        KEY("abc"),
        KEY("abc", ""),
        KEY("", "abc"),
        KEY("a", "b", "c"),
        CAPSA_RECORD_KEY("default", "thinga", "bc"),
        CAPSA_RECORD_KEY("defaultt", "hing", "abc"),
    };
    size_t count = sizeof(keys) / sizeof(keys[0]);
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    for (size_t i = 0; i < count; i++) {
        const uint8_t number = (uint8_t)i;
        assert_ok(capsa_batch_put(batch, &keys[i], 0, NULL, capsa_bytes_of(&number, 1)));
    }
    assert_ok(capsa_store_commit(store, batch));
    for (size_t i = 0; i < count; i++) {
        CAPSA_AUTO(capsa_record) record = {0};
        assert_ok(capsa_store_get(store, &keys[i], &record));
        assert_int_equal(record.value.data[0], i);
    }
}

static void a_removed_record_is_gone_and_a_new_one_begins_at_version_one(void **state)
{
    struct capsa_store *store = store_of(state);
    put(store, "a", 0, "one");
    put(store, "a", 1, "two");
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_remove(batch, "a", 2);
    add_remove(batch, "never there", CAPSA_VERSION_ANY);
    assert_ok(capsa_store_commit(store, batch));
    assert_has(store, "a", 0, NULL);
    put(store, "a", 0, "three");
    assert_has(store, "a", 1, "three");
    CAPSA_AUTO_FREE(capsa_batch) blind = new_batch();
    add_remove(blind, "a", CAPSA_VERSION_ANY);
    assert_ok(capsa_store_commit(store, blind));
    assert_has(store, "a", 0, NULL);
}

/* ---- Batches --------------------------------------------------------------------------------- */

static void a_wrong_expectation_is_a_conflict_that_names_the_key(void **state)
{
    struct capsa_store *store = store_of(state);
    put(store, "a", 0, "one");
    static const struct {
        enum capsa_step_kind kind;
        const char *name;
        uint64_t expected;
    } wrong[] = {
        {CAPSA_STEP_PUT, "a", 0},    {CAPSA_STEP_PUT, "a", 2},    {CAPSA_STEP_PUT, "b", 1},
        {CAPSA_STEP_REMOVE, "a", 2}, {CAPSA_STEP_REMOVE, "b", 1}, {CAPSA_STEP_CHECK, "a", 0},
        {CAPSA_STEP_CHECK, "a", 2},  {CAPSA_STEP_CHECK, "b", 1},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
        if (wrong[i].kind == CAPSA_STEP_PUT) {
            add_put(batch, wrong[i].name, wrong[i].expected, "x");
        } else if (wrong[i].kind == CAPSA_STEP_REMOVE) {
            add_remove(batch, wrong[i].name, wrong[i].expected);
        } else {
            add_check(batch, wrong[i].name, wrong[i].expected);
        }
        capsa_result result = capsa_store_commit(store, batch);
        assert_int_equal(capsa_code_of(result), CAPSA_E_CONFLICT);
        char named[32];
        (void)snprintf(named, sizeof(named), "default/thing/%s", wrong[i].name);
        assert_non_null(strstr(capsa_text_of(result), named));
    }
    assert_has(store, "a", 1, "one");
    assert_has(store, "b", 0, NULL);
}

static void a_batch_is_everything_or_nothing(void **state)
{
    struct capsa_store *store = store_of(state);
    put(store, "changed", 0, "old");
    put(store, "removed", 0, "old");
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, "new", 0, "x");
    add_put(batch, "new", 1, "y");
    add_put(batch, "changed", 1, "x");
    add_put(batch, "changed", 2, "y");
    add_remove(batch, "removed", 1);
    add_put(batch, "removed", 0, "again");
    add_put(batch, "gone", 0, "x");
    add_remove(batch, "gone", 1);
    add_check(batch, "changed", 1); /* no longer */
    assert_fails(capsa_store_commit(store, batch), CONFLICT);
    assert_has(store, "new", 0, NULL);
    assert_has(store, "gone", 0, NULL);
    assert_has(store, "changed", 1, "old");
    assert_has(store, "removed", 1, "old");
}

static void each_step_sees_what_those_before_it_did(void **state)
{
    struct capsa_store *store = store_of(state);
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_check(batch, "a", 0);
    add_put(batch, "a", 0, "one");
    add_check(batch, "a", 1);
    add_put(batch, "a", 1, "two");
    add_remove(batch, "a", 2);
    add_check(batch, "a", 0);
    add_put(batch, "a", 0, "three");
    assert_ok(capsa_store_commit(store, batch));
    assert_has(store, "a", 1, "three");
}

static void an_unversioned_put_cannot_be_said(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    const struct capsa_record_key key = KEY("a");
    assert_fails(capsa_batch_put(batch, &key, CAPSA_VERSION_ANY, NULL, VALUE("x")), USAGE);
    assert_fails(capsa_batch_check(batch, &key, CAPSA_VERSION_ANY), USAGE);
    assert_fails(capsa_batch_remove(batch, &key, 0), USAGE);
    assert_fails(capsa_batch_put_owned(batch, &key, 0, VALUE("not a set"), VALUE("x")), TOO_LARGE);
    const struct capsa_record_key prefix = {.ns = "default"};
    assert_fails(capsa_batch_put(batch, &prefix, 0, NULL, VALUE("x")), USAGE);
    assert_true(capsa_batch_is_empty(batch));
}

static void a_batch_in_conflict_harms_no_other_in_its_group(void **state)
{
    struct capsa_store *store = store_of(state);
    put(store, "seen", 0, "one");
    struct capsa_batch *batches[4];
    for (size_t i = 0; i < 4; i++) {
        batches[i] = new_batch();
    }
    add_put(batches[0], "a", 0, "first");
    add_put(batches[1], "b", 0, "second");
    add_put(batches[1], "a", 0, "second"); /* the first batch was there before */
    add_put(batches[2], "a", 1, "third");  /* and this one goes on from it */
    add_check(batches[3], "seen", 9);
    struct capsa_error results[4];
    const struct capsa_group group = {
        .batches = (const struct capsa_batch *const *)batches, .count = 4, .results = results};
    assert_ok(capsa_store_apply(store, &group));
    assert_int_equal(results[0].code, CAPSA_E_OK);
    assert_int_equal(results[1].code, CAPSA_E_CONFLICT);
    assert_int_equal(results[2].code, CAPSA_E_OK);
    assert_int_equal(results[3].code, CAPSA_E_CONFLICT);
    assert_has(store, "a", 2, "third");
    assert_has(store, "b", 0, NULL);
    for (size_t i = 0; i < 4; i++) {
        capsa_batch_free(batches[i]);
    }
}

/* Puts one record per batch that was taken, named by its first leaf. */
struct auditor {
    int calls;
    int taken;
    enum { AUDIT_WELL, AUDIT_FAILS, AUDIT_CONFLICTS } mode;
};

static capsa_result audit_finish(void *context, const struct capsa_group *group,
                                 struct capsa_batch *last)
{
    struct auditor *auditor = context;
    auditor->calls++;
    for (size_t i = 0; i < group->count; i++) {
        if (group->results[i].code != CAPSA_E_OK || group->batches[i]->leaf_count == 0) {
            continue;
        }
        auditor->taken++;
        char name[64];
        (void)snprintf(name, sizeof(name), "audit-%.*s",
                       (int)group->batches[i]->leaves[0].bytes.len,
                       (const char *)group->batches[i]->leaves[0].bytes.data);
        const struct capsa_record_key key = LOG_KEY(name);
        CAPSA_TRY(capsa_batch_put(last, &key, auditor->mode == AUDIT_CONFLICTS ? 5 : 0, NULL,
                                  VALUE("leaf")));
    }
    CAPSA_REQUIRE(auditor->mode != AUDIT_FAILS, IO, "the audit log cannot be written");
    return CAPSA_OK;
}

static capsa_result apply_audited(struct capsa_store *store, struct auditor *auditor,
                                  const char *name, uint64_t expected, struct capsa_error *result)
{
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, name, expected, "x");
    assert_ok(capsa_batch_leaf(batch, VALUE(name), NULL));
    const struct capsa_batch *batches[] = {batch};
    const struct capsa_group group = {.batches = batches,
                                      .count = 1,
                                      .results = result,
                                      .finish = audit_finish,
                                      .context = auditor};
    return capsa_store_apply(store, &group);
}

static void leaves_are_committed_with_their_batch_or_neither_is(void **state)
{
    struct capsa_store *store = store_of(state);
    struct auditor auditor = {0};
    struct capsa_error result;
    assert_ok(apply_audited(store, &auditor, "a", 0, &result));
    assert_int_equal(auditor.calls, 1);
    assert_has(store, "a", 1, "x");
    assert_has_leaf(store, "audit-a", 1);

    /* Nothing taken, nothing recorded. */
    assert_ok(apply_audited(store, &auditor, "b", 3, &result));
    assert_int_equal(result.code, CAPSA_E_CONFLICT);
    assert_int_equal(auditor.calls, 1);

    auditor.mode = AUDIT_FAILS;
    assert_fails(apply_audited(store, &auditor, "b", 0, &result), IO);
    assert_int_equal(result.code, CAPSA_E_IO);
    auditor.mode = AUDIT_CONFLICTS; /* is nobody's conflict */
    assert_fails(apply_audited(store, &auditor, "b", 0, &result), INTERNAL);
    assert_int_equal(result.code, CAPSA_E_INTERNAL);
    assert_has(store, "b", 0, NULL);
    assert_has_leaf(store, "audit-b", 0);

    auditor.mode = AUDIT_WELL;
    assert_ok(apply_audited(store, &auditor, "b", 0, &result));
    assert_has_leaf(store, "audit-b", 1);
}

static void a_leaf_that_nobody_takes_is_refused(void **state)
{
    struct capsa_store *store = store_of(state);
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, "a", 0, "x");
    assert_ok(capsa_batch_leaf(batch, VALUE("leaf"), NULL));
    assert_fails(capsa_store_commit(store, batch), UNSUPPORTED);
    assert_has(store, "a", 0, NULL);
}

/* ---- Walking --------------------------------------------------------------------------------- */

struct seen {
    char text[512];
    size_t stop_after;
    size_t count;
    enum capsa_code fail;
};

static capsa_result see(void *context, const struct capsa_record_key *key,
                        const capsa_record *record, bool *ret_stop)
{
    struct seen *seen = context;
    CAPSA_REQUIRE(seen->fail == CAPSA_E_OK, DENIED, "enough");
    CAPSA_REQUIRE(record->version == 1, INTERNAL, "a version");
    size_t len = strlen(seen->text);
    (void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s", key->kind);
    for (size_t i = 0; key->parts[i] != NULL; i++) {
        len = strlen(seen->text);
        (void)snprintf(seen->text + len, sizeof(seen->text) - len, "/%s", key->parts[i]);
    }
    len = strlen(seen->text);
    (void)snprintf(seen->text + len, sizeof(seen->text) - len, "=%.*s ", (int)record->value.len,
                   (const char *)record->value.data);
    seen->count++;
    *ret_stop = seen->count == seen->stop_after;
    return CAPSA_OK;
}

static void fill_for_walks(struct capsa_store *store)
{
    static const char *const tuples[][2] = {{"b", "2"},  {"a", "1"}, {"ab", "1"},  {"a", NULL},
                                            {"a", "10"}, {"a", "2"}, {"\xff", "1"}};
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    for (size_t i = 0; i < sizeof(tuples) / sizeof(tuples[0]); i++) {
        const struct capsa_record_key key = KEY(tuples[i][0], tuples[i][1]);
        assert_ok(capsa_batch_put(batch, &key, 0, NULL, VALUE("v")));
    }
    const struct capsa_record_key other = CAPSA_RECORD_KEY("default", "thing2", "a");
    const struct capsa_record_key tenant = CAPSA_RECORD_KEY("tenant", "thing", "a");
    assert_ok(capsa_batch_put(batch, &other, 0, NULL, VALUE("v")));
    assert_ok(capsa_batch_put(batch, &tenant, 0, NULL, VALUE("v")));
    assert_ok(capsa_store_commit(store, batch));
}

static void a_walk_visits_what_is_under_the_prefix_and_nothing_else(void **state)
{
    struct capsa_store *store = store_of(state);
    fill_for_walks(store);
    static const struct {
        struct capsa_record_key prefix;
        const char *wanted;
    } walks[] = {
        {KEY("a"), "thing/a=v thing/a/1=v thing/a/2=v thing/a/10=v "},
        {KEY("a", "1"), "thing/a/1=v "},
        {KEY("\xff"), "thing/\xff/1=v "},
        {KEY("c"), ""},
        {{.ns = "default", .kind = "thing"},
         "thing/a=v thing/a/1=v thing/a/2=v thing/a/10=v thing/b/2=v thing/\xff/1=v thing/ab/1=v "},
        {{.ns = "default", .kind = "thing2"}, "thing2/a=v "},
        {{.ns = "tenant"}, "thing/a=v "},
        {{.ns = "tenan"}, ""},
    };
    for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
        struct seen seen = {.count = 0};
        assert_ok(capsa_store_each(store, &walks[i].prefix, see, &seen));
        assert_string_equal(seen.text, walks[i].wanted);
    }
    struct seen all = {.count = 0};
    const struct capsa_record_key everything = {.ns = NULL};
    assert_ok(capsa_store_each(store, &everything, see, &all));
    assert_true(all.count == 9 || all.count == 11); /* a sealed store has two of its own */
}

static void a_walk_stops_when_told_and_fails_when_the_visit_fails(void **state)
{
    struct capsa_store *store = store_of(state);
    fill_for_walks(store);
    const struct capsa_record_key prefix = KEY("a");
    struct seen seen = {.stop_after = 2};
    assert_ok(capsa_store_each(store, &prefix, see, &seen));
    assert_int_equal(seen.count, 2);
    struct seen failing = {.fail = CAPSA_E_DENIED};
    assert_fails(capsa_store_each(store, &prefix, see, &failing), DENIED);
    put(store, "after", 0, "x"); /* the walk gave back what it held */
}

/* ---- Many steps, against a plain model ------------------------------------------------------- */

#define MODEL_KEYS 12

struct model {
    uint64_t version[MODEL_KEYS];
    unsigned value[MODEL_KEYS];
};

static void model_name(size_t index, char name[16])
{
    (void)snprintf(name, 16, "%.*s%zu", (int)(index % 4), "xxxx", index);
}

/* Adds one random step to the batch and takes it in the model; false: it will conflict. */
static bool random_step(struct model *model, struct capsa_batch *batch, unsigned *seed)
{
    size_t index = (size_t)rand_r(seed) % MODEL_KEYS;
    char name[16], text[16];
    model_name(index, name);
    bool right = rand_r(seed) % 10 != 0;
    uint64_t now = model->version[index];
    uint64_t expected = right ? now : now + 1;
    unsigned value = (unsigned)rand_r(seed);
    int what = rand_r(seed) % 4;
    if (what == 0 && expected > 0) {
        add_remove(batch, name, expected);
        model->version[index] = 0;
    } else if (what == 1) {
        add_check(batch, name, expected);
    } else {
        (void)snprintf(text, sizeof(text), "%u", value);
        add_put(batch, name, expected, text);
        model->version[index]++;
        model->value[index] = value;
    }
    return right;
}

static void assert_model(struct capsa_store *store, const struct model *model)
{
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        char name[16], text[16];
        model_name(i, name);
        (void)snprintf(text, sizeof(text), "%u", model->value[i]);
        assert_has(store, name, model->version[i], text);
    }
}

static void random_batches_leave_what_a_plain_model_says(void **state)
{
    struct place *place = *state;
    struct model model = {{0}, {0}};
    unsigned seed = 20261121;
    for (int round = 0; round < 60; round++) {
        struct model kept = model; /* as it is after the batches that were taken */
        struct capsa_batch *batches[5];
        bool taken[5];
        struct capsa_error results[5];
        for (size_t i = 0; i < 5; i++) {
            batches[i] = new_batch();
            taken[i] = true;
            model = kept;
            for (int steps = rand_r(&seed) % 5 + 1; steps > 0 && taken[i]; steps--) {
                taken[i] = random_step(&model, batches[i], &seed);
            }
            kept = taken[i] ? model : kept;
        }
        model = kept;
        const struct capsa_group group = {
            .batches = (const struct capsa_batch *const *)batches, .count = 5, .results = results};
        assert_ok(capsa_store_apply(place->store, &group));
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(results[i].code == CAPSA_E_OK, taken[i]);
            capsa_batch_free(batches[i]);
        }
        assert_model(place->store, &model);
        if (is_kept(place) && round % 20 == 19) {
            capsa_store_free(place->store);
            place_open(place);
            assert_model(place->store, &model);
        }
    }
}

/* ---- Many threads ---------------------------------------------------------------------------- */

#define PAIRS 200

struct pair_reader {
    struct capsa_store *store;
    atomic_bool *done;
    unsigned walks;
    bool torn;
};

struct pair_seen {
    char first[16];
    size_t count;
    bool torn;
};

static capsa_result see_pair(void *context, const struct capsa_record_key *key,
                             const capsa_record *record, bool *ret_stop)
{
    (void)key;
    (void)ret_stop;
    struct pair_seen *seen = context;
    char text[16];
    (void)snprintf(text, sizeof(text), "%.*s", (int)record->value.len,
                   (const char *)record->value.data);
    if (seen->count == 0) {
        memcpy(seen->first, text, sizeof(text));
    } else {
        seen->torn = seen->torn || strcmp(seen->first, text) != 0;
    }
    seen->count++;
    return CAPSA_OK;
}

static void *read_pairs(void *context)
{
    struct pair_reader *reader = context;
    const struct capsa_record_key prefix = KEY("pair");
    do {
        struct pair_seen seen = {.count = 0};
        capsa_result result = capsa_store_each(reader->store, &prefix, see_pair, &seen);
        reader->torn = reader->torn || capsa_failed(result) || seen.torn || seen.count % 2 != 0;
        reader->walks++;
    } while (!atomic_load(reader->done));
    return NULL;
}

static void readers_beside_a_writer_see_whole_batches_only(void **state)
{
    struct capsa_store *store = store_of(state);
    atomic_bool done = false;
    pthread_t threads[6]; /* more than there are reading connections */
    struct pair_reader readers[6];
    for (size_t i = 0; i < 6; i++) {
        readers[i] = (struct pair_reader){.store = store, .done = &done};
        assert_int_equal(pthread_create(&threads[i], NULL, read_pairs, &readers[i]), 0);
    }
    const struct capsa_record_key a = KEY("pair", "a"), b = KEY("pair", "b");
    for (uint64_t i = 0; i < PAIRS; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%" PRIu64, i);
        CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
        assert_ok(capsa_batch_put(batch, &a, i, NULL, VALUE(text)));
        assert_ok(capsa_batch_put(batch, &b, i, NULL, VALUE(text)));
        assert_ok(capsa_store_commit(store, batch));
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(readers[i].torn);
        assert_true(readers[i].walks > 0);
    }
}

#define COUNTERS   8
#define INCREMENTS 25

struct counter {
    struct capsa_store *store;
    struct capsa_writer *writer;
    unsigned conflicts;
    bool failed;
};

/* The optimistic way: read, compute, commit on the version read, again when it was too late. */
static capsa_result increment(struct counter *counter, enum capsa_code *ret_code)
{
    const struct capsa_record_key key = KEY("counter");
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_TRY(capsa_store_find(counter->store, &key, &record));
    uint8_t number = record.version == 0 ? 0 : record.value.data[0];
    number++;
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(capsa_batch_put(batch, &key, record.version, NULL, capsa_bytes_of(&number, 1)));
    capsa_result result = capsa_writer_commit(counter->writer, batch);
    *ret_code = capsa_code_of(result);
    return *ret_code == CAPSA_E_CONFLICT ? CAPSA_OK : result;
}

static void *count_up(void *context)
{
    struct counter *counter = context;
    for (int done = 0; done < INCREMENTS;) {
        enum capsa_code code = CAPSA_E_INTERNAL;
        if (capsa_failed(increment(counter, &code))) {
            counter->failed = true;
            return NULL;
        }
        done += code == CAPSA_E_OK;
        counter->conflicts += code == CAPSA_E_CONFLICT;
    }
    return NULL;
}

static void no_increment_of_many_threads_is_lost(void **state)
{
    struct capsa_store *store = store_of(state);
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    assert_ok(capsa_writer_new(store, NULL, &writer));
    pthread_t threads[COUNTERS];
    struct counter counters[COUNTERS];
    uint64_t conflicts = 0;
    for (size_t i = 0; i < COUNTERS; i++) {
        counters[i] = (struct counter){.store = store, .writer = writer};
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &counters[i]), 0);
    }
    for (size_t i = 0; i < COUNTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(counters[i].failed);
        conflicts += counters[i].conflicts;
    }
    const struct capsa_record_key key = KEY("counter");
    CAPSA_AUTO(capsa_record) record = {0};
    assert_ok(capsa_store_get(store, &key, &record));
    assert_int_equal(record.version, COUNTERS * INCREMENTS);
    assert_int_equal(record.value.data[0], COUNTERS * INCREMENTS);
    struct capsa_writer_state told;
    capsa_writer_state(writer, &told);
    assert_int_equal(told.batches, COUNTERS * INCREMENTS);
    assert_int_equal(told.conflicts, conflicts);
    assert_int_equal(told.failures, 0);
    assert_int_equal(told.waiting, 0);
}

/* ---- The writer, over a store that obeys the test -------------------------------------------- */

struct gated {
    struct capsa_store base;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_shut, is_inside;
    bool fails;
};

static capsa_result gated_apply(struct capsa_store *base, const struct capsa_group *group)
{
    struct gated *gated = (struct gated *)base;
    (void)pthread_mutex_lock(&gated->mutex);
    gated->is_inside = true;
    (void)pthread_cond_broadcast(&gated->changed);
    while (gated->is_shut) {
        (void)pthread_cond_wait(&gated->changed, &gated->mutex);
    }
    gated->is_inside = false;
    bool fails = gated->fails;
    (void)pthread_mutex_unlock(&gated->mutex);
    CAPSA_REQUIRE(!fails, STORE, "the disk is full");
    return base->inner->ops->apply(base->inner, group);
}

static const struct capsa_store_ops gated_ops = {.apply = gated_apply};

static void gated_init(struct gated *gated, struct capsa_store *inner)
{
    *gated = (struct gated){.base = {&gated_ops, inner}};
    assert_int_equal(pthread_mutex_init(&gated->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&gated->changed, NULL), 0);
}

static void gated_set(struct gated *gated, bool shut, bool fails)
{
    (void)pthread_mutex_lock(&gated->mutex);
    gated->is_shut = shut;
    gated->fails = fails;
    (void)pthread_cond_broadcast(&gated->changed);
    (void)pthread_mutex_unlock(&gated->mutex);
}

static void gated_wait_inside(struct gated *gated)
{
    (void)pthread_mutex_lock(&gated->mutex);
    while (!gated->is_inside) {
        (void)pthread_cond_wait(&gated->changed, &gated->mutex);
    }
    (void)pthread_mutex_unlock(&gated->mutex);
}

struct committer {
    pthread_t thread;
    struct capsa_writer *writer;
    char name[16];
    uint64_t expected;
    enum capsa_code code;
};

static void *commit_one(void *context)
{
    struct committer *committer = context;
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, committer->name, committer->expected, "x");
    committer->code = capsa_code_of(capsa_writer_commit(committer->writer, batch));
    return NULL;
}

static void committer_start(struct committer *committer, struct capsa_writer *writer,
                            const char *name, uint64_t expected)
{
    *committer = (struct committer){.writer = writer, .expected = expected};
    (void)snprintf(committer->name, sizeof(committer->name), "%s", name);
    assert_int_equal(pthread_create(&committer->thread, NULL, commit_one, committer), 0);
}

static void wait_for_line(struct capsa_writer *writer, size_t waiting)
{
    struct capsa_writer_state told;
    do {
        (void)sched_yield();
        capsa_writer_state(writer, &told);
    } while (told.waiting != waiting);
}

#define LINE 12

static void what_gathers_during_a_commit_goes_into_the_next_one(void **state)
{
    struct capsa_store *store = store_of(state);
    struct gated gated;
    gated_init(&gated, store);
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    assert_ok(capsa_writer_new(&gated.base, NULL, &writer));
    gated_set(&gated, true, false);
    struct committer first, line[LINE];
    committer_start(&first, writer, "first", 0);
    gated_wait_inside(&gated);
    for (size_t i = 0; i < LINE; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "line-%zu", i);
        committer_start(&line[i], writer, i % 4 == 3 ? "first" : name, 0); /* every 4th conflicts */
    }
    wait_for_line(writer, LINE);
    gated_set(&gated, false, false);
    assert_int_equal(pthread_join(first.thread, NULL), 0);
    assert_int_equal(first.code, CAPSA_E_OK);
    for (size_t i = 0; i < LINE; i++) {
        assert_int_equal(pthread_join(line[i].thread, NULL), 0);
        assert_int_equal(line[i].code, i % 4 == 3 ? CAPSA_E_CONFLICT : CAPSA_E_OK);
        assert_has(store, line[i].name, 1, "x");
    }
    struct capsa_writer_state told;
    capsa_writer_state(writer, &told);
    assert_int_equal(told.commits, 2);
    assert_int_equal(told.batches, 1 + LINE - LINE / 4);
    assert_int_equal(told.conflicts, LINE / 4);
}

static void a_failed_commit_fails_its_batches_and_the_next_is_tried(void **state)
{
    struct capsa_store *store = store_of(state);
    struct gated gated;
    gated_init(&gated, store);
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    assert_ok(capsa_writer_new(&gated.base, NULL, &writer));
    gated_set(&gated, false, true);
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, "a", 0, "x");
    assert_fails(capsa_writer_commit(writer, batch), STORE);
    struct capsa_writer_state told;
    capsa_writer_state(writer, &told);
    assert_int_equal(told.failures, 1);
    assert_int_equal(told.commits, 0);
    assert_string_equal(told.last.text, "the disk is full");
    assert_has(store, "a", 0, NULL);

    gated_set(&gated, false, false);
    assert_ok(capsa_writer_commit(writer, batch)); /* the batch is as it was */
    assert_has(store, "a", 1, "x");
    capsa_writer_state(writer, &told);
    assert_int_equal(told.last.code, CAPSA_E_OK);
}

static void a_stopping_writer_finishes_what_it_has_and_takes_no_more(void **state)
{
    struct capsa_store *store = store_of(state);
    struct gated gated;
    gated_init(&gated, store);
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    assert_ok(capsa_writer_new(&gated.base, NULL, &writer));
    gated_set(&gated, true, false);
    struct committer first, second;
    committer_start(&first, writer, "first", 0);
    gated_wait_inside(&gated);
    committer_start(&second, writer, "second", 0);
    wait_for_line(writer, 1);
    capsa_writer_stop(writer);
    CAPSA_AUTO_FREE(capsa_batch) late = new_batch();
    add_put(late, "late", 0, "x");
    assert_fails(capsa_writer_commit(writer, late), CANCELLED);
    gated_set(&gated, false, false);
    assert_int_equal(pthread_join(first.thread, NULL), 0);
    assert_int_equal(pthread_join(second.thread, NULL), 0);
    assert_int_equal(first.code, CAPSA_E_OK);
    assert_int_equal(second.code, CAPSA_E_OK);
    assert_has(store, "second", 1, "x");
    assert_has(store, "late", 0, NULL);
}

static void the_writer_hands_leaves_to_the_audit_and_refuses_them_without(void **state)
{
    struct capsa_store *store = store_of(state);
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, "a", 0, "x");
    assert_ok(capsa_batch_leaf(batch, VALUE("a"), NULL));
    CAPSA_AUTO_FREE(capsa_batch) empty = new_batch();
    struct capsa_writer *writer = NULL;
    assert_ok(capsa_writer_new(store, NULL, &writer));
    assert_fails(capsa_writer_commit(writer, batch), UNSUPPORTED);
    assert_ok(capsa_writer_commit(writer, empty));
    capsa_writer_free(writer);
    assert_has(store, "a", 0, NULL);

    struct auditor auditor = {0};
    const struct capsa_writer_audit audit = {.finish = audit_finish, .context = &auditor};
    assert_ok(capsa_writer_new(store, &audit, &writer));
    assert_ok(capsa_writer_commit(writer, batch));
    capsa_writer_free(writer);
    assert_int_equal(auditor.taken, 1);
    assert_has_leaf(store, "audit-a", 1);
}

struct settler {
    struct gated gated;
    unsigned calls, committed;
    enum capsa_code fails;
    void *context_seen;
    unsigned told; /* how many callers had been told when it was called */
    atomic_uint callers_told;
};

static capsa_result settler_finish(void *context, const struct capsa_group *group,
                                   struct capsa_batch *last)
{
    (void)last;
    struct settler *settler = context;
    settler->context_seen = group->batches[0]->leaves[0].context;
    return CAPSA_OK;
}

static capsa_result settler_settle(void *context, const struct capsa_group *group, bool committed)
{
    struct settler *settler = context;
    settler->calls++;
    settler->committed += committed;
    settler->told = atomic_load(&settler->callers_told);
    for (size_t i = 0; !committed && i < group->count; i++) {
        CAPSA_REQUIRE(group->results[i].code == CAPSA_E_STORE, INTERNAL, "another outcome");
    }
    CAPSA_REQUIRE(settler->fails == CAPSA_E_OK, STORE, "committed, but the anchor is away");
    return CAPSA_OK;
}

static enum capsa_code commit_with_leaf(struct capsa_writer *writer, struct settler *settler,
                                        const char *name, uint64_t expected)
{
    CAPSA_AUTO_FREE(capsa_batch) batch = new_batch();
    add_put(batch, name, expected, "x");
    assert_ok(capsa_batch_leaf(batch, VALUE(name), batch));
    capsa_result result = capsa_writer_commit(writer, batch);
    atomic_fetch_add(&settler->callers_told, 1);
    assert_true(capsa_failed(result) || settler->context_seen == batch);
    return capsa_code_of(result);
}

static void a_group_is_settled_before_anybody_is_told_and_that_may_fail_it(void **state)
{
    struct capsa_store *store = store_of(state);
    struct settler settler = {.calls = 0};
    struct capsa_writer_state told;
    gated_init(&settler.gated, store);
    const struct capsa_writer_audit audit = {settler_finish, settler_settle, &settler};
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    assert_ok(capsa_writer_new(&settler.gated.base, &audit, &writer));
    assert_int_equal(commit_with_leaf(writer, &settler, "a", 0), CAPSA_E_OK);
    assert_int_equal(settler.told, 0);
    assert_int_equal(settler.committed, 1);

    settler.fails = CAPSA_E_STORE; /* what is committed stays so */
    assert_int_equal(commit_with_leaf(writer, &settler, "b", 0), CAPSA_E_STORE);
    assert_has(store, "b", 1, "x");
    capsa_writer_state(writer, &told);
    assert_int_equal(told.failures, 1);
    assert_string_equal(told.last.text, "committed, but the anchor is away");
    assert_int_equal(commit_with_leaf(writer, &settler, "b", 5), CAPSA_E_CONFLICT);

    settler.fails = CAPSA_E_OK;
    assert_int_equal(commit_with_leaf(writer, &settler, "b", 1), CAPSA_E_OK);
    gated_set(&settler.gated, false, true);
    assert_int_equal(commit_with_leaf(writer, &settler, "c", 0), CAPSA_E_STORE);
    assert_int_equal(settler.calls, 5);
    assert_int_equal(settler.committed, 4);
    assert_has(store, "c", 0, NULL);
}

/* ---- Out of memory --------------------------------------------------------------------------- */

static int fail_at; /* allocations still to succeed; tests of this part run on one thread */

static int fail_hook(size_t size)
{
    (void)size;
    return fail_at-- == 0;
}

static capsa_result put_two(struct capsa_store *store)
{
    const struct capsa_record_key a = KEY("a"), b = KEY("b");
    const char *const owners[] = {"alice", NULL};
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(capsa_store_find(store, &a, &record));
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(capsa_batch_put(batch, &a, record.version, owners, VALUE("new")));
    CAPSA_TRY(capsa_batch_put(batch, &b, 0, owners, VALUE("new")));
    return capsa_store_commit(store, batch);
}

static void running_out_of_memory_at_any_point_changes_nothing(void **state)
{
    struct capsa_store *store = store_of(state);
    put(store, "a", 0, "old");
    capsa_alloc_set_hook(fail_hook);
    capsa_result result = CAPSA_OK;
    int n = 0;
    do {
        fail_at = n++;
        result = put_two(store);
        fail_at = -1;
        if (capsa_failed(result)) {
            assert_int_equal(capsa_code_of(result), CAPSA_E_NOMEM);
            assert_has(store, "a", 1, "old");
            assert_has(store, "b", 0, NULL);
        }
    } while (capsa_failed(result));
    capsa_alloc_set_hook(NULL);
    assert_true(n > 5);
    assert_has(store, "a", 2, "new");
    assert_has(store, "b", 1, "new");
}

/* ---- Without a store ------------------------------------------------------------------------- */

static void an_unknown_scheme_is_refused_with_those_there_are(void **state)
{
    (void)state;
    static const char *const locations[] = {"mysql://root@db", "sqlite", "", "SQLITE:/x",
                                            "sqlitex:/tmp/x"};
    for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
        struct capsa_store *store = NULL;
        capsa_result result = capsa_store_open(locations[i], &store);
        assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
        assert_non_null(strstr(capsa_text_of(result), "sqlite:"));
        assert_non_null(strstr(capsa_text_of(result), "memory:"));
        assert_null(store);
    }
    struct capsa_store *store = NULL;
    assert_fails(capsa_store_open("memory:x", &store), USAGE);
    assert_fails(capsa_store_open("sqlite:", &store), USAGE);
    assert_fails(capsa_store_open("sqlite::memory:", &store), USAGE);
    assert_fails(capsa_store_backup("memory:", "/tmp/x"), UNSUPPORTED);
    assert_fails(capsa_store_restore("memory:", "/tmp/x"), UNSUPPORTED);
}

static void a_key_is_read_back_from_its_bytes_and_from_no_others(void **state)
{
    (void)state;
    const struct capsa_record_key key = KEY("scope", "", "u/1");
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(8));
    assert_ok(capsa_record_key_write(&key, &bytes));
    CAPSA_AUTO(capsa_buf) texts = capsa_buf_of(KIB(8));
    struct capsa_record_key parsed;
    assert_ok(capsa_record_key_parse(capsa_buf_bytes(&bytes), &texts, &parsed));
    assert_string_equal(parsed.ns, "default");
    assert_string_equal(parsed.parts[1], "");
    assert_string_equal(parsed.parts[2], "u/1");
    assert_null(parsed.parts[3]);
    char text[CAPSA_RECORD_KEY_TEXT];
    capsa_record_key_text(capsa_buf_bytes(&bytes), text);
    assert_string_equal(text, "default/thing/scope//u/1");
    for (size_t len = 0; len < bytes.len; len++) {
        capsa_result result =
            capsa_record_key_parse(capsa_bytes_of(bytes.data, len), &texts, &parsed);
        assert_true(!capsa_failed(result) == (len == 20 || len == 29 || len == 33));
    }
    bytes.data[5] = 0;
    assert_fails(capsa_record_key_parse(capsa_buf_bytes(&bytes), &texts, &parsed), MALFORMED);
    capsa_record_key_text(VALUE("no key"), text);
    assert_string_equal(text, "(unreadable key)");
}

static void a_key_over_its_limit_is_refused_and_a_long_one_is_cut_for_people(void **state)
{
    (void)state;
    char *longest = capsa_alloc(CAPSA_LIMIT_record_key);
    memset(longest, 'x', CAPSA_LIMIT_record_key - 1);
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(64));
    struct capsa_record_key key = KEY(longest);
    assert_fails(capsa_record_key_write(&key, &bytes), TOO_LARGE);
    longest[1000] = '\0';
    assert_ok(capsa_record_key_write(&key, &bytes));
    char text[CAPSA_RECORD_KEY_TEXT];
    capsa_record_key_text(capsa_buf_bytes(&bytes), text);
    assert_int_equal(strlen(text), CAPSA_RECORD_KEY_TEXT - 1);
    assert_string_equal(text + CAPSA_RECORD_KEY_TEXT - 5, "x...");
    capsa_dealloc(longest);
}

static void an_owner_set_has_one_form(void **state)
{
    (void)state;
    static const struct {
        capsa_bytes bytes;
        bool good;
    } sets[] = {
        {CAPSA_BYTES_LITERAL(""), true},
        {CAPSA_BYTES_LITERAL("\0\0\0\1a\0\0\0\1b"), true},
        {CAPSA_BYTES_LITERAL("\0\0\0\1b\0\0\0\1a"), false}, /* not in order */
        {CAPSA_BYTES_LITERAL("\0\0\0\1a\0\0\0\1a"), false}, /* twice */
        {CAPSA_BYTES_LITERAL("\0\0\0\2a\0"), false},        /* a NUL */
        {CAPSA_BYTES_LITERAL("\0\0\0\2a"), false},
        {CAPSA_BYTES_LITERAL("\0\0\0"), false},
        {CAPSA_BYTES_LITERAL("\0\0\0\0"), false}, /* nobody */
    };
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        assert_int_equal(!capsa_failed(capsa_owners_check(sets[i].bytes)), sets[i].good);
    }
    const char *many[CAPSA_LIMIT_record_owners + 2];
    char names[CAPSA_LIMIT_record_owners + 1][8];
    for (size_t i = 0; i <= CAPSA_LIMIT_record_owners; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%03zu", i);
        many[i] = names[i];
        many[i + 1] = NULL;
    }
    CAPSA_AUTO(capsa_buf) set = capsa_buf_of(KIB(64));
    const char *const nobody[] = {"alice", "", NULL};
    assert_fails(capsa_owners_write(nobody, &set), USAGE);
    assert_fails(capsa_owners_write(many, &set), TOO_LARGE);
    many[CAPSA_LIMIT_record_owners] = NULL;
    assert_ok(capsa_owners_write(many, &set));
    assert_ok(capsa_owners_check(capsa_buf_bytes(&set)));
    assert_int_equal(capsa_owners_count(capsa_buf_bytes(&set)), CAPSA_LIMIT_record_owners);
}

/* ---- The table ------------------------------------------------------------------------------- */

#define TEST(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }

static const struct {
    const char *name;
    CMUnitTestFunction function;
} conformance[] = {
    TEST(a_record_is_read_back_with_its_version_owners_and_bytes),
    TEST(a_record_that_is_not_there_is_said_so),
    TEST(empty_and_largest_values_are_kept_and_a_larger_one_is_refused),
    TEST(keys_that_read_the_same_when_joined_are_different),
    TEST(a_removed_record_is_gone_and_a_new_one_begins_at_version_one),
    TEST(a_wrong_expectation_is_a_conflict_that_names_the_key),
    TEST(a_batch_is_everything_or_nothing),
    TEST(each_step_sees_what_those_before_it_did),
    TEST(an_unversioned_put_cannot_be_said),
    TEST(a_batch_in_conflict_harms_no_other_in_its_group),
    TEST(leaves_are_committed_with_their_batch_or_neither_is),
    TEST(a_leaf_that_nobody_takes_is_refused),
    TEST(a_walk_visits_what_is_under_the_prefix_and_nothing_else),
    TEST(a_walk_stops_when_told_and_fails_when_the_visit_fails),
    TEST(random_batches_leave_what_a_plain_model_says),
    TEST(readers_beside_a_writer_see_whole_batches_only),
    TEST(no_increment_of_many_threads_is_lost),
    TEST(what_gathers_during_a_commit_goes_into_the_next_one),
    TEST(a_failed_commit_fails_its_batches_and_the_next_is_tried),
    TEST(a_stopping_writer_finishes_what_it_has_and_takes_no_more),
    TEST(the_writer_hands_leaves_to_the_audit_and_refuses_them_without),
    TEST(a_group_is_settled_before_anybody_is_told_and_that_may_fail_it),
    TEST(running_out_of_memory_at_any_point_changes_nothing),
};

#define CONFORMANCE (sizeof(conformance) / sizeof(conformance[0]))
#define KINDS_MAX   16

static int run_conformance(void)
{
    struct kind kinds[KINDS_MAX];
    size_t count = 0;
    for (size_t i = 0; capsa_store_backends[i] != NULL && count + 2 <= KINDS_MAX; i++) {
        kinds[count++] = (struct kind){capsa_store_backends[i], false};
        kinds[count++] = (struct kind){capsa_store_backends[i], true};
    }
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        struct CMUnitTest tests[CONFORMANCE];
        for (size_t j = 0; j < CONFORMANCE; j++) {
            tests[j] = (struct CMUnitTest){conformance[j].name, conformance[j].function, place_up,
                                           place_down, &kinds[i]};
        }
        char name[64];
        (void)snprintf(name, sizeof(name), "%s%s", kinds[i].ops->scheme,
                       kinds[i].sealed ? ", sealed" : "");
        failed += _cmocka_run_group_tests(name, tests, CONFORMANCE, NULL, NULL);
    }
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_scheme_is_refused_with_those_there_are),
        cmocka_unit_test(a_key_is_read_back_from_its_bytes_and_from_no_others),
        cmocka_unit_test(a_key_over_its_limit_is_refused_and_a_long_one_is_cut_for_people),
        cmocka_unit_test(an_owner_set_has_one_form),
    };
    int failed = cmocka_run_group_tests_name("store", tests, NULL, NULL);
    return failed + run_conformance();
}
