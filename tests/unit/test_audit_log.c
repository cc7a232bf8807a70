/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: the log over a store, as it should be: receipts, groups, restarts, failures of the
 * back-end, reading. What an attacker does to it: test_audit_log_hostile.c.
 */
#include "audit_scene.h"

#include <pthread.h>

#include "audit/audit_file.h"
#include "base/alloc.h"

/* ---- Commits --------------------------------------------------------------------------------- */

static void the_first_commit_begins_with_the_genesis(void **state)
{
    struct scene *scene = *state;
    CAPSA_AUTO(capsa_audit_receipt) receipt = {.index = 0};
    struct capsa_batch *batch = scene_batch();
    assert_true(scene_size(scene) == 0);
    CAPSA_AUTO(capsa_buf) none = capsa_buf_of(KIB(1));
    assert_fails(capsa_audit_log_checkpoint(scene->log, &none), NOT_FOUND);
    scene_entry(scene, batch, &receipt);
    scene_commit(scene, batch);
    assert_true(scene_size(scene) == 2);
    assert_true(receipt.index == 1);
    scene_assert_receipt(scene, &receipt);
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_log_read(scene->log, 0, &kept));
    assert_ok(capsa_audit_leaf_parse(capsa_buf_bytes(&kept.leaf), &leaf));
    assert_int_equal(leaf.type, CAPSA_AUDIT_GENESIS);
    assert_true(leaf.time == SCENE_START);
}

static void an_entry_is_kept_as_it_was_added(void **state)
{
    struct scene *scene = *state;
    uint8_t spent[CAPSA_SHA256] = {7};
    CAPSA_AUTO(capsa_audit_receipt) first = {.index = 0};
    CAPSA_AUTO(capsa_audit_receipt) second = {.index = 0};
    struct capsa_batch *batch = scene_batch();
    struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_KEY_EXPORT,
                                      .time = SCENE_START + 5,
                                      .owner = "ALICE",
                                      .details = CAPSA_BYTES_LITERAL("{\"a\":1}"),
                                      .spent = spent};
    assert_ok(capsa_audit_add(batch, &entry, &first));
    entry.owner = "BOB";
    entry.spent = NULL;
    entry.decision_id = first.decision_id;
    assert_ok(capsa_audit_add(batch, &entry, &second));
    scene_commit(scene, batch);
    scene_assert_receipt(scene, &first);
    scene_assert_receipt(scene, &second);
    assert_memory_equal(first.decision_id, second.decision_id, CAPSA_AUDIT_ID);

    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_log_read(scene->log, first.index, &kept));
    assert_memory_equal(kept.leaf.data, first.leaf, CAPSA_AUDIT_LEAF);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&kept.owner), "ALICE"));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&kept.details), "{\"a\":1}"));
    assert_memory_equal(kept.spent.data, spent, sizeof(spent));
    assert_int_equal(kept.note.len, 0);
    assert_ok(capsa_audit_leaf_parse(capsa_buf_bytes(&kept.leaf), &leaf));
    assert_ok(capsa_audit_leaf_check(&leaf, "ALICE", kept.salt.data, entry.details));
    assert_ok(capsa_audit_log_read(scene->log, second.index, &kept));
    assert_int_equal(kept.spent.len, 0);
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&kept.note), capsa_buf_bytes(&second.note)));
    assert_fails(capsa_audit_log_read(scene->log, second.index + 1, &kept), NOT_FOUND);
}

static void a_leaf_holds_the_state_of_the_store_after_it(void **state)
{
    struct scene *scene = *state;
    CAPSA_AUTO(capsa_audit_receipt) receipt = {.index = 0};
    struct capsa_audit_leaf leaf;
    uint8_t store_state[CAPSA_STORE_STATE];
    struct capsa_batch *batch = scene_batch();
    scene_put(batch, "one", 0, "x");
    scene_entry(scene, batch, &receipt);
    scene_commit(scene, batch);
    assert_ok(capsa_audit_leaf_parse(capsa_bytes_of(receipt.leaf, CAPSA_AUDIT_LEAF), &leaf));
    assert_ok(capsa_store_state(scene->store, store_state));
    assert_memory_equal(leaf.state, store_state, sizeof(store_state));
}

static void what_did_not_go_in_leaves_no_entry(void **state)
{
    struct scene *scene = *state;
    capsa_audit_receipt receipt[3] = {{.index = 0}};
    struct capsa_error results[3];
    struct capsa_batch *batches[3];
    for (size_t i = 0; i < 3; i++) {
        batches[i] = scene_batch();
        scene_put(batches[i], i == 2 ? "other" : "same", 0, "x"); /* the second is in conflict */
        scene_entry(scene, batches[i], &receipt[i]);
    }
    assert_ok(scene_apply(scene, batches, 3, results));
    assert_int_equal(results[0].code, CAPSA_E_OK);
    assert_int_equal(results[1].code, CAPSA_E_CONFLICT);
    assert_int_equal(results[2].code, CAPSA_E_OK);
    assert_true(scene_size(scene) == 3); /* and the genesis */
    scene_assert_receipt(scene, &receipt[0]);
    scene_assert_receipt(scene, &receipt[2]);
    assert_true(receipt[0].index == 1 && receipt[2].index == 2);
    assert_int_equal(receipt[1].note.len, 0);
    assert_true(receipt[1].size == 0);
    for (size_t i = 0; i < 3; i++) {
        capsa_batch_free(batches[i]);
        capsa_audit_receipt_drop(&receipt[i]);
    }
}

static void a_group_all_in_conflict_leaves_the_log_as_it_was(void **state)
{
    struct scene *scene = *state;
    scene_grow(scene, 3, 1);
    struct capsa_batch *batch = scene_batch();
    scene_put(batch, "one", 9, "x");
    scene_entry(scene, batch, NULL);
    assert_fails(scene_try(scene, batch), CONFLICT);
    assert_true(scene_size(scene) == 4);
}

static void changes_without_an_entry_get_one(void **state)
{
    struct scene *scene = *state;
    scene_grow(scene, 1, 1);
    struct capsa_batch *batch = scene_batch();
    scene_put(batch, "one", 0, "x");
    scene_commit(scene, batch);
    assert_true(scene_size(scene) == 3);
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_log_read(scene->log, 2, &kept));
    assert_ok(capsa_audit_leaf_parse(capsa_buf_bytes(&kept.leaf), &leaf));
    assert_int_equal(leaf.type, CAPSA_AUDIT_UPKEEP);
    scene_close(scene);
    assert_ok(scene_open(scene)); /* the states agree */
}

/* Whoever reads back from the newest entry to some time would stop there. */
static void the_logs_own_entries_do_not_go_back_with_the_clock(void **state)
{
    struct scene *scene = *state;
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    struct capsa_audit_leaf leaf;
    struct capsa_batch *batch;
    scene_grow(scene, 100, 50); /* a second each */
    scene->clock = capsa_clock_at(SCENE_START - 86400);
    batch = scene_batch();
    scene_put(batch, "one", 0, "x"); /* without an entry: the log makes one */
    scene_commit(scene, batch);
    assert_ok(capsa_audit_log_read(scene->log, scene_size(scene) - 1, &kept));
    assert_ok(capsa_audit_leaf_parse(capsa_buf_bytes(&kept.leaf), &leaf));
    assert_int_equal(leaf.type, CAPSA_AUDIT_UPKEEP);
    assert_int_equal(leaf.time, SCENE_START + 100);
}

static void checks_alone_get_no_entry(void **state)
{
    struct scene *scene = *state;
    const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "thing", "one");
    scene_grow(scene, 1, 1);
    struct capsa_batch *batch = scene_batch();
    assert_ok(capsa_batch_check(batch, &key, 0));
    scene_commit(scene, batch);
    assert_true(scene_size(scene) == 2);
}

static void the_latest_time_of_any_entry_is_told(void **state)
{
    struct scene *scene = *state;
    struct capsa_audit_head head;
    static const capsa_time times[] = {SCENE_START + 100, SCENE_START + 50};
    for (size_t i = 0; i < 2; i++) {
        struct capsa_batch *batch = scene_batch();
        const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_DENIAL, .time = times[i]};
        assert_ok(capsa_audit_add(batch, &entry, NULL));
        scene_commit(scene, batch);
        capsa_audit_log_head(scene->log, &head);
        assert_true(head.time == SCENE_START + 100);
    }
    scene_close(scene);
    assert_ok(scene_open(scene));
    capsa_audit_log_head(scene->log, &head);
    assert_true(head.time == SCENE_START + 100);
}

static void an_entry_over_its_limit_is_refused_before_it_can_harm_others(void **state)
{
    struct scene *scene = *state;
    uint8_t *large = calloc(1, CAPSA_LIMIT_audit_details + 1);
    assert_non_null(large);
    struct capsa_batch *batch = scene_batch();
    struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_DENIAL, .time = SCENE_START};
    entry.details = capsa_bytes_of(large, CAPSA_LIMIT_audit_details + 1);
    assert_fails(capsa_audit_add(batch, &entry, NULL), TOO_LARGE);
    entry.details.len--;
    assert_ok(capsa_audit_add(batch, &entry, NULL));
    entry.time = -1;
    assert_fails(capsa_audit_add(batch, &entry, NULL), USAGE);
    scene_commit(scene, batch);
    assert_true(scene_size(scene) == 2);
    free(large);
}

/* ---- A back-end that fails ------------------------------------------------------------------- */

struct failing_store {
    struct capsa_store base;
    const struct capsa_group *outer;
    bool fails;
};

static capsa_result finish_and_fail(void *context, const struct capsa_group *group,
                                    struct capsa_batch *last)
{
    const struct failing_store *store = context;
    (void)group;
    CAPSA_TRY(store->outer->finish(store->outer->context, store->outer, last));
    CAPSA_REQUIRE(!store->fails, STORE, "the disk is full");
    return CAPSA_OK;
}

static capsa_result failing_apply(struct capsa_store *base, const struct capsa_group *group)
{
    struct failing_store *store = (struct failing_store *)base;
    struct capsa_group inner = *group;
    inner.finish = finish_and_fail;
    inner.context = store;
    store->outer = group;
    return base->inner->ops->apply(base->inner, &inner);
}

static capsa_result failing_get(struct capsa_store *base, capsa_bytes key, capsa_record *ret_record)
{
    return base->inner->ops->get(base->inner, key, ret_record);
}

static capsa_result failing_each(struct capsa_store *base, capsa_bytes prefix,
                                 capsa_store_row_visit visit, void *context)
{
    return base->inner->ops->each(base->inner, prefix, visit, context);
}

static void failing_close(struct capsa_store *base)
{
    capsa_store_free(base->inner);
    free(base);
}

static const struct capsa_store_ops failing_ops = {
    .close = failing_close, .get = failing_get, .each = failing_each, .apply = failing_apply};

static void a_commit_that_fails_leaves_the_log_as_it_was(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    struct failing_store *failing = calloc(1, sizeof(*failing));
    assert_non_null(failing);
    failing->base.ops = &failing_ops;
    assert_ok(capsa_store_open("memory:", &failing->base.inner));
    const struct capsa_store_options options = test_store_options(NULL, NULL);
    assert_ok(capsa_store_seal(&failing->base, &options, &scene->store));
    assert_ok(scene_open_log(scene));

    for (size_t round = 0; round < 5; round++) { /* over the border of a tile as well */
        scene_grow(scene, 130, 65);
        struct capsa_checkpoint before = scene_checkpoint(scene);
        CAPSA_AUTO(capsa_audit_receipt) receipt = {.index = 0};
        struct capsa_batch *batch = scene_batch();
        for (size_t i = 0; i < 200; i++) {
            scene_entry(scene, batch, i == 0 ? &receipt : NULL);
        }
        failing->fails = true;
        assert_fails(scene_try(scene, batch), STORE);
        failing->fails = false;
        struct capsa_checkpoint after = scene_checkpoint(scene);
        assert_memory_equal(&after, &before, sizeof(before));
        assert_true(receipt.size == 0 && receipt.note.len == 0 && receipt.proof.len == 0);
    }
    assert_true(scene_size(scene) == 1 + 5 * 130);
    capsa_audit_log_free(scene->log); /* what is in the store says the same */
    scene->log = NULL;
    assert_ok(scene_open_log(scene));
    assert_true(scene_size(scene) == 1 + 5 * 130);
}

/* ---- The writer ------------------------------------------------------------------------------ */

#define THREADS 6
#define EACH    40

struct caller {
    struct scene *scene;
    struct capsa_writer *writer;
    unsigned number;
    bool proves;
};

/* Threads keep to themselves what cmocka would not take from them: the outcome. */
static capsa_result commit_some(const struct caller *caller)
{
    for (unsigned i = 0; i < EACH; i++) {
        CAPSA_AUTO(capsa_audit_receipt) receipt = {.index = 0};
        CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
        CAPSA_TRY(capsa_batch_new(&batch));
        const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_KEY_RELEASE,
                                                .time = SCENE_START + caller->number,
                                                .owner = "ALICE",
                                                .details = CAPSA_BYTES_LITERAL("{}")};
        CAPSA_TRY(capsa_audit_add(batch, &entry, &receipt));
        CAPSA_TRY(capsa_writer_commit(caller->writer, batch));
        struct capsa_checkpoint checkpoint;
        CAPSA_TRY(capsa_checkpoint_open(capsa_buf_bytes(&receipt.note), SCENE_ORIGIN,
                                        caller->scene->raw, &checkpoint));
        uint8_t hash[CAPSA_TREE_HASH];
        capsa_tree_leaf_hash(capsa_bytes_of(receipt.leaf, CAPSA_AUDIT_LEAF), hash);
        CAPSA_TRY(capsa_tree_inclusion_check(hash, receipt.index, receipt.size,
                                             capsa_buf_bytes(&receipt.proof), checkpoint.root));
    }
    return CAPSA_OK;
}

/* Reads beside the writer: what it gets is of one moment. */
static capsa_result prove_some(const struct caller *caller)
{
    struct capsa_audit_log *log = caller->scene->log;
    for (unsigned i = 0; i < EACH; i++) {
        struct capsa_audit_head head;
        capsa_audit_log_head(log, &head);
        CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
        CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
        CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
        CAPSA_TRY(capsa_audit_log_consistency(log, head.size / 2 + 1, 0, &hashes, &note));
        CAPSA_TRY(capsa_audit_log_inclusion(log, head.size - 1, head.size, &hashes));
        CAPSA_TRY(capsa_audit_log_read(log, head.size - 1, &kept));
    }
    return CAPSA_OK;
}

static void *call(void *context)
{
    struct caller *caller = context;
    capsa_result result = caller->proves ? prove_some(caller) : commit_some(caller);
    return capsa_failed(result) ? strdup(capsa_text_of(result)) : NULL;
}

static void many_threads_get_a_proof_each(void **state)
{
    struct scene *scene = *state;
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    scene_grow(scene, 3, 1);
    assert_ok(capsa_writer_new(scene->store, &scene->audit, &writer));
    pthread_t threads[THREADS];
    struct caller callers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){scene, writer, i, i == 0};
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *why = NULL;
        assert_int_equal(pthread_join(threads[i], &why), 0);
        if (why != NULL) {
            fail_msg("%s", (const char *)why);
        }
    }
    assert_true(scene_size(scene) == 1 + 3 + (THREADS - 1) * EACH);
}

/* ---- A long log ------------------------------------------------------------------------------ */

/* As `capsa audit export` and `capsa audit verify`. */
static void assert_export_is_sound(struct scene *scene, const struct capsa_checkpoint *since)
{
    CAPSA_AUTO_FREE(capsa_audit_verifier) verifier = NULL;
    assert_ok(capsa_audit_verifier_new(SCENE_ORIGIN, scene->raw, since, &verifier));
    uint64_t size = scene_size(scene);
    for (uint64_t index = 0; index < size; index++) {
        CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
        uint8_t hash[CAPSA_TREE_HASH];
        assert_ok(capsa_audit_log_read(scene->log, index, &kept));
        capsa_tree_leaf_hash(capsa_buf_bytes(&kept.leaf), hash);
        assert_ok(capsa_audit_verifier_entry(verifier, index, hash, capsa_buf_bytes(&kept.leaf)));
        if (kept.note.len > 0) {
            assert_ok(capsa_audit_verifier_checkpoint(verifier, capsa_buf_bytes(&kept.note)));
        }
    }
    struct capsa_audit_verdict verdict;
    capsa_audit_verifier_end(verifier, &verdict);
    if (verdict.fault != CAPSA_AUDIT_SOUND) {
        fail_msg("%s", verdict.text);
    }
    assert_true(verdict.entries == size);
}

static void assert_consistent(struct scene *scene, const struct capsa_checkpoint *first)
{
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    struct capsa_checkpoint latest;
    assert_ok(capsa_audit_log_consistency(scene->log, first->size, 0, &hashes, &note));
    assert_ok(capsa_checkpoint_open(capsa_buf_bytes(&note), SCENE_ORIGIN, scene->raw, &latest));
    assert_ok(capsa_tree_consistency_check(first->size, first->root, latest.size, latest.root,
                                           capsa_buf_bytes(&hashes)));
}

static void assert_included(struct scene *scene, uint64_t index)
{
    struct capsa_checkpoint latest = scene_checkpoint(scene);
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    uint8_t hash[CAPSA_TREE_HASH];
    assert_ok(capsa_audit_log_read(scene->log, index, &kept));
    capsa_tree_leaf_hash(capsa_buf_bytes(&kept.leaf), hash);
    assert_ok(capsa_audit_log_inclusion(scene->log, index, latest.size, &hashes));
    assert_ok(capsa_tree_inclusion_check(hash, index, latest.size, capsa_buf_bytes(&hashes),
                                         latest.root));
}

static void ten_thousand_entries_over_restarts_are_one_log(void **state)
{
    struct scene *scene = *state;
    scene_grow(scene, 1, 1);
    struct capsa_checkpoint first = scene_checkpoint(scene), middle;
    static const size_t steps[] = {253, 1, 1, 1, 4000, 1300, 4442}; /* 254, 255, 256, 257 ... */
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        middle = scene_checkpoint(scene);
        scene_grow(scene, steps[i], 97);
        assert_consistent(scene, &first);
        assert_consistent(scene, &middle);
        scene_close(scene);
        assert_ok(scene_open(scene));
        assert_consistent(scene, &first);
        assert_consistent(scene, &middle);
        assert_included(scene, 0);
        assert_included(scene, middle.size - 1);
        assert_included(scene, scene_size(scene) - 1);
    }
    assert_true(scene_size(scene) == 10000);
    assert_export_is_sound(scene, &middle);
}

static void proofs_that_the_log_does_not_have_are_refused(void **state)
{
    struct scene *scene = *state;
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    scene_grow(scene, 9, 3);
    assert_fails(capsa_audit_log_consistency(scene->log, 5, 11, &hashes, &note), USAGE);
    assert_fails(capsa_audit_log_consistency(scene->log, 11, 0, &hashes, &note), USAGE);
    assert_fails(capsa_audit_log_inclusion(scene->log, 10, 10, &hashes), USAGE);
    assert_fails(capsa_audit_log_inclusion(scene->log, 0, 11, &hashes), USAGE);
    assert_int_equal(hashes.len, 0);
    assert_int_equal(note.len, 0);
    assert_ok(capsa_audit_log_consistency(scene->log, 5, 9, &hashes, &note));
    assert_int_equal(note.len, 0); /* no latest one was asked for */
}

/* ---- Another root ---------------------------------------------------------------------------- */

static void a_log_goes_on_after_a_rekey(void **state)
{
    struct scene *scene = *state;
    struct capsa_batch *batch = scene_batch();
    scene_put(batch, "one", 0, "x");
    scene_commit(scene, batch);
    scene_grow(scene, 300, 50);
    struct capsa_checkpoint before = scene_checkpoint(scene);
    struct capsa_batch *rekey = scene_batch();
    const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_REKEY,
                                            .time = SCENE_START + scene->entries};
    assert_ok(capsa_audit_add(rekey, &entry, NULL));
    assert_ok(capsa_store_rekey(scene->store, scene->root, rekey, &scene->audit));
    capsa_batch_free(rekey);
    scene_close(scene);
    assert_ok(scene_open(scene));
    assert_true(scene_size(scene) == before.size + 1);
    assert_consistent(scene, &before);
    scene_grow(scene, 10, 5);
    assert_export_is_sound(scene, &before);
}

/* ---- Memory that runs out -------------------------------------------------------------------- */

static int allocations_left;

static int fail_at_last(size_t size)
{
    (void)size;
    return --allocations_left < 0;
}

static void memory_that_runs_out_at_any_point_leaves_a_log_that_goes_on(void **state)
{
    struct scene *scene = *state;
    scene_grow(scene, 253, 253);
    uint64_t size = scene_size(scene);
    bool done = false;
    for (int allowed = 0; !done && allowed < 5000; allowed++) {
        struct capsa_batch *batch = scene_batch();
        CAPSA_AUTO(capsa_audit_receipt) receipt = {.index = 0};
        for (size_t i = 0; i < 4; i++) { /* a tile becomes full */
            scene_entry(scene, batch, i == 3 ? &receipt : NULL);
        }
        struct capsa_error error = {.code = CAPSA_E_OK};
        allocations_left = allowed;
        capsa_alloc_set_hook(fail_at_last);
        capsa_result result = scene_apply(scene, &batch, 1, &error);
        capsa_alloc_set_hook(NULL);
        done = !capsa_failed(result);
        assert_true(scene_size(scene) == size + (done ? 4 : 0));
        assert_true(done || receipt.size == 0);
        capsa_batch_free(batch);
        if (done) {
            scene_assert_receipt(scene, &receipt);
        }
    }
    assert_true(done);
    scene_grow(scene, 1, 1);
    assert_export_is_sound(scene, NULL);
}

#define SQLITE(test) cmocka_unit_test_setup_teardown(test, scene_sqlite, scene_down)
#define MEMORY(test) cmocka_unit_test_setup_teardown(test, scene_memory, scene_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMORY(the_first_commit_begins_with_the_genesis),
        MEMORY(an_entry_is_kept_as_it_was_added),
        MEMORY(a_leaf_holds_the_state_of_the_store_after_it),
        MEMORY(what_did_not_go_in_leaves_no_entry),
        SQLITE(what_did_not_go_in_leaves_no_entry),
        MEMORY(a_group_all_in_conflict_leaves_the_log_as_it_was),
        SQLITE(changes_without_an_entry_get_one),
        SQLITE(the_logs_own_entries_do_not_go_back_with_the_clock),
        MEMORY(checks_alone_get_no_entry),
        SQLITE(the_latest_time_of_any_entry_is_told),
        MEMORY(an_entry_over_its_limit_is_refused_before_it_can_harm_others),
        MEMORY(a_commit_that_fails_leaves_the_log_as_it_was),
        MEMORY(many_threads_get_a_proof_each),
        SQLITE(many_threads_get_a_proof_each),
        SQLITE(ten_thousand_entries_over_restarts_are_one_log),
        MEMORY(proofs_that_the_log_does_not_have_are_refused),
        SQLITE(a_log_goes_on_after_a_rekey),
        MEMORY(memory_that_runs_out_at_any_point_leaves_a_log_that_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
