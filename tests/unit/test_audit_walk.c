/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: what the verifier finds in a store's own rows after whoever holds the database was there:
 * the same faults, at the same places, as in a file.
 */
#include "audit/audit_file.h"
#include "audit_scene.h"

#define LEAF(index) ROW(index)
#define HEAD        ROW("head")

struct walked {
    struct capsa_audit_verifier *verifier;
    size_t entries, checkpoints;
};

static capsa_result see_entry(void *context, uint64_t index, capsa_bytes leaf)
{
    struct walked *walked = context;
    uint8_t hash[CAPSA_TREE_HASH] = {0};
    if (leaf.len == CAPSA_AUDIT_LEAF) {
        capsa_tree_leaf_hash(leaf, hash);
    }
    walked->entries++;
    return capsa_audit_verifier_entry(walked->verifier, index, hash, leaf);
}

static capsa_result see_checkpoint(void *context, capsa_bytes note)
{
    struct walked *walked = context;
    walked->checkpoints++;
    return capsa_audit_verifier_checkpoint(walked->verifier, note);
}

static void walk(struct scene *scene, const struct capsa_checkpoint *since,
                 struct capsa_audit_verdict *ret_verdict)
{
    struct walked walked = {.verifier = NULL};
    const struct capsa_audit_walk visitor = {see_entry, see_checkpoint, &walked};
    assert_ok(capsa_audit_verifier_new(SCENE_ORIGIN, scene->raw, since, &walked.verifier));
    assert_ok(test_store_open(scene->location, scene->root, &scene->store));
    assert_ok(capsa_audit_walk_store(scene->store, &visitor));
    scene_close(scene);
    capsa_audit_verifier_end(walked.verifier, ret_verdict);
    assert_true(walked.entries == ret_verdict->entries);
    assert_true(walked.checkpoints == ret_verdict->checkpoints);
    capsa_audit_verifier_free(walked.verifier);
}

static void a_sound_log_is_shown_whole_with_a_checkpoint_for_each_commit(void **state)
{
    struct scene *scene = *state;
    struct capsa_audit_verdict verdict;
    scene_grow(scene, 299, 50); /* with the genesis: 300, in 6 commits */
    scene_close(scene);
    walk(scene, NULL, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_SOUND);
    assert_int_equal(verdict.entries, 300);
    assert_int_equal(verdict.checkpoints, 6);
    assert_int_equal(verdict.last.size, 300);
}

static void a_store_without_entries_has_no_signed_log(void **state)
{
    struct scene *scene = *state;
    struct capsa_audit_verdict verdict;
    scene_close(scene);
    walk(scene, NULL, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_UNSIGNED);
}

/* 300 entries: the last commit is of those from 251. */
static const struct attack {
    const char *what, *sql;
    enum capsa_audit_fault fault;
    uint64_t index;
} attacks[] = {
    {"an entry edited",
     "UPDATE record SET value = " OTHER_BYTE(80, 81, 82) " WHERE " LEAF("0000000000000007"),
     CAPSA_AUDIT_EDITED, 7},
    {"an entry emptied", "UPDATE record SET value = x'' WHERE " LEAF("0000000000000007"),
     CAPSA_AUDIT_EDITED, 7},
    {"one entry put over another",
     "UPDATE record SET value = (SELECT o.value FROM record AS o WHERE "
     "substr(o.key, -16) = CAST('0000000000000009' AS BLOB)) WHERE " LEAF("0000000000000008"),
     CAPSA_AUDIT_EDITED, 8},
    {"the first entry removed", "DELETE FROM record WHERE " LEAF("0000000000000000"),
     CAPSA_AUDIT_REMOVED, 0},
    {"an entry removed", "DELETE FROM record WHERE " LEAF("0000000000000110"), CAPSA_AUDIT_REMOVED,
     0x110},
    {"the last entry removed", "DELETE FROM record WHERE " LEAF("000000000000012b"),
     CAPSA_AUDIT_CUT, 299},
    {"the last commit removed",
     "DELETE FROM record WHERE instr(key, CAST('leaf' AS BLOB)) > 0 AND "
     "substr(key, -16) > CAST('00000000000000fa' AS BLOB)",
     CAPSA_AUDIT_CUT, 251},
    {"all entries removed", "DELETE FROM record WHERE instr(key, CAST('leaf' AS BLOB)) > 0",
     CAPSA_AUDIT_CUT, 0},
    {"an entry put in",
     "INSERT INTO record SELECT CAST(substr(key, 1, length(key) - 16) || '000000000000012c' AS "
     "BLOB), version, owners, value FROM record WHERE " LEAF("000000000000012b"),
     CAPSA_AUDIT_EDITED, 300},
    {"one put far away",
     "INSERT INTO record SELECT CAST(substr(key, 1, length(key) - 16) || 'ffffffffffffffff' AS "
     "BLOB), version, owners, value FROM record WHERE " LEAF("000000000000012b"),
     CAPSA_AUDIT_EDITED, UINT64_MAX},
    {"the head removed", "DELETE FROM record WHERE " HEAD, CAPSA_AUDIT_UNSIGNED, 300},
    {"the head edited", "UPDATE record SET value = " OTHER_BYTE(80, 81, 82) " WHERE " HEAD,
     CAPSA_AUDIT_UNSIGNED, 300},
};

static void each_fault_of_the_rows_is_told_and_ends_no_walk(void **state)
{
    struct scene *scene = *state;
    char copy[128];
    scene_grow(scene, 299, 50);
    scene_close(scene);
    scene_save(scene, copy);
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        const struct attack *attack = &attacks[i];
        struct capsa_audit_verdict verdict;
        scene_attack(scene, attack->sql);
        walk(scene, NULL, &verdict);
        if (verdict.fault != attack->fault || verdict.index != attack->index) {
            fail_msg("%s: %s at %llu: %s", attack->what, capsa_audit_fault_name(verdict.fault),
                     (unsigned long long)verdict.index, verdict.text);
        }
        scene_put_back(scene, copy);
    }
}

/* Rows that no entry has as its key are read by nobody. */
static void other_rows_of_the_log_are_passed_over(void **state)
{
    struct scene *scene = *state;
    struct capsa_audit_verdict verdict;
    scene_grow(scene, 9, 3);
    scene_close(scene);
    scene_attack(scene, "INSERT INTO record SELECT CAST(substr(key, 1, length(key) - 16) || "
                        "'000000000000000G' AS BLOB), version, owners, value FROM record "
                        "WHERE " LEAF("0000000000000003"));
    scene_attack(scene,
                 "INSERT INTO record SELECT CAST(key || x'00000001' || 'x' AS BLOB), version, "
                 "owners, value FROM record WHERE " LEAF("0000000000000003"));
    walk(scene, NULL, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_SOUND);
    assert_int_equal(verdict.entries, 10);
}

static void a_head_that_was_put_back_does_not_stand_behind_its_entries(void **state)
{
    struct scene *scene = *state;
    struct capsa_audit_verdict verdict;
    char copy[128], sql[512];
    scene_grow(scene, 9, 3);
    scene_close(scene);
    scene_save(scene, copy);
    assert_ok(scene_open(scene));
    scene_grow(scene, 3, 3);
    scene_close(scene);
    (void)snprintf(sql, sizeof(sql),
                   "ATTACH '%s' AS old; REPLACE INTO record SELECT * FROM old.record WHERE " HEAD,
                   copy);
    scene_attack(scene, sql);
    walk(scene, NULL, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_REORDERED);
    assert_int_equal(verdict.index, 10);
}

/* All of it put back is sound in itself: only who kept a checkpoint can tell. */
static void a_log_put_back_as_a_whole_is_told_by_an_earlier_checkpoint(void **state)
{
    struct scene *scene = *state;
    struct capsa_audit_verdict verdict;
    char copy[128];
    scene_grow(scene, 9, 3);
    scene_close(scene);
    scene_save(scene, copy);
    assert_ok(scene_open(scene));
    scene_grow(scene, 3, 3);
    const struct capsa_checkpoint since = scene_checkpoint(scene);
    scene_close(scene);
    walk(scene, &since, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_SOUND);
    scene_put_back(scene, copy);
    walk(scene, NULL, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_SOUND);
    walk(scene, &since, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_CUT);
    assert_int_equal(verdict.index, 10);
}

#define SQLITE(test) cmocka_unit_test_setup_teardown(test, scene_sqlite, scene_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQLITE(a_sound_log_is_shown_whole_with_a_checkpoint_for_each_commit),
        SQLITE(a_store_without_entries_has_no_signed_log),
        SQLITE(each_fault_of_the_rows_is_told_and_ends_no_walk),
        SQLITE(other_rows_of_the_log_are_passed_over),
        SQLITE(a_head_that_was_put_back_does_not_stand_behind_its_entries),
        SQLITE(a_log_put_back_as_a_whole_is_told_by_an_earlier_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
