/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: what whoever holds the database does to the log and to the records it is about, while the
 * store is closed and while it is open, and what an anchor notices of the rest.
 */
#include "audit_scene.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void assert_tampered(capsa_result result, const char *text)
{
    if (capsa_code_of(result) != CAPSA_E_TAMPERED ||
        (text != NULL && strstr(capsa_text_of(result), text) == NULL)) {
        fail_msg("wanted TAMPERED with \"%s\", got %s: %s", text,
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
}

/* ---- The log's rows, while the store is closed ----------------------------------------------- */

#define LEAF(index) ROW(index)
#define TILE        "instr(key, CAST('tile' AS BLOB)) > 0"
#define HEAD        ROW("head")
#define LOG         "instr(key, CAST('capsa.log' AS BLOB)) > 0"

/* 300 entries: one full tile of 256, and 44 behind it. */
struct attack {
    const char *what, *sql, *text;
};

static const struct attack closed_attacks[] = {
    {"a leaf edited",
     "UPDATE record SET value = " OTHER_BYTE(80, 81, 82) " WHERE " LEAF("000000000000012b"),
     "leaf/000000000000012b"},
    {"a leaf removed", "DELETE FROM record WHERE " LEAF("0000000000000110"), "entry 272"},
    {"the last leaf removed", "DELETE FROM record WHERE " LEAF("000000000000012b"), "entry 299"},
    {"two leaves swapped",
     "UPDATE record SET value = (SELECT o.value FROM record AS o WHERE "
     "substr(o.key, -16) = CAST('0000000000000111' AS BLOB)) WHERE " LEAF("0000000000000110"),
     "leaf/0000000000000110"},
    {"a tile edited", "UPDATE record SET value = " OTHER_BYTE(80, 81, 82) " WHERE " TILE, "tile/"},
    {"a tile removed", "DELETE FROM record WHERE " TILE, "tile 0/0"},
    {"the head edited", "UPDATE record SET value = " OTHER_BYTE(80, 81, 82) " WHERE " HEAD,
     "capsa.log/head"},
    {"the head removed", "DELETE FROM record WHERE " HEAD, "the head of the audit log was removed"},
    {"the head's version put back", "UPDATE record SET version = version - 1 WHERE " HEAD,
     "capsa.log/head"},
    {"the log removed", "DELETE FROM record WHERE " LOG, "the audit log was removed"},
};

static void damage_of_the_log_is_told_at_the_start(void **state)
{
    struct scene *scene = *state;
    struct capsa_batch *batch = scene_batch();
    char copy[128];
    scene_put(batch, "one", 0, "x");
    scene_commit(scene, batch); /* genesis: 0 */
    scene_grow(scene, 299, 50);
    assert_true(scene_size(scene) == 300);
    scene_close(scene);
    scene_save(scene, copy);
    for (size_t i = 0; i < sizeof(closed_attacks) / sizeof(closed_attacks[0]); i++) {
        const struct attack *attack = &closed_attacks[i];
        scene_attack(scene, attack->sql);
        capsa_result result = scene_open(scene);
        if (capsa_code_of(result) != CAPSA_E_TAMPERED ||
            strstr(capsa_text_of(result), attack->text) == NULL) {
            fail_msg("%s: %s", attack->what, capsa_text_of(result));
        }
        scene_close(scene);
        scene_put_back(scene, copy);
    }
    assert_ok(scene_open(scene));
}

/* What lies in full tiles is not read at the start. */
static void damage_of_an_old_entry_is_told_when_it_is_read(void **state)
{
    struct scene *scene = *state;
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    scene_grow(scene, 600, 100);
    scene_close(scene);
    scene_attack(scene, "DELETE FROM record WHERE " LEAF("0000000000000007"));
    scene_attack(scene, "UPDATE record SET value = (SELECT o.value FROM record AS o WHERE "
                        "substr(o.key, -16) = CAST('0000000000000009' AS BLOB)) "
                        "WHERE " LEAF("0000000000000008"));
    assert_ok(scene_open(scene));
    assert_tampered(capsa_audit_log_read(scene->log, 7, &kept), "entry 7");
    assert_tampered(capsa_audit_log_read(scene->log, 8, &kept), "0000000000000008");
    assert_int_equal(kept.leaf.len, 0);
    assert_ok(capsa_audit_log_read(scene->log, 9, &kept));
}

static void damage_of_a_live_log_is_told_when_it_is_read(void **state)
{
    struct scene *scene = *state;
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    scene_grow(scene, 600, 100);
    scene_attack(scene, "DELETE FROM record WHERE " LEAF("0000000000000250"));
    assert_tampered(capsa_audit_log_read(scene->log, 0x250, &kept), "entry 592");
    scene_attack(scene, "DELETE FROM record WHERE " TILE);
    assert_tampered(capsa_audit_log_inclusion(scene->log, 3, 601, &hashes), "tile 0/0");
    assert_tampered(capsa_audit_log_consistency(scene->log, 3, 0, &hashes, &note), "tile 0/0");
    assert_tampered(capsa_audit_log_read(scene->log, 3, &kept), "tile 0/0");
    assert_int_equal(hashes.len, 0);
    assert_int_equal(note.len, 0);
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&kept.leaf), capsa_bytes_of(NULL, 0)));
}

/* With the head of before, whose version and seal are right, and later rows left. */
static void a_head_put_back_is_told(void **state)
{
    struct scene *scene = *state;
    char copy[128], sql[512];
    scene_grow(scene, 5, 1);
    scene_close(scene);
    scene_save(scene, copy);
    assert_ok(scene_open(scene));
    scene_grow(scene, 2, 1);
    scene_close(scene);
    (void)snprintf(sql, sizeof(sql),
                   "ATTACH '%s' AS old; DELETE FROM main.record WHERE " HEAD
                   "; INSERT INTO main.record SELECT * FROM old.record WHERE " HEAD,
                   copy);
    scene_attack(scene, sql);
    assert_tampered(scene_open(scene), "the head of the audit log was put back");
}

/* A copy of the store that went another way has the same root key: its rows open here. */
static void a_tile_of_a_copy_is_told(void **state)
{
    struct scene *scene = *state;
    char before[128], copy[160], sql[512];
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    (void)snprintf(copy, sizeof(copy), "%s.copy", scene->path);
    scene_grow(scene, 100, 50);
    scene_close(scene);
    scene_save(scene, before);
    assert_ok(scene_open(scene));
    scene_grow(scene, 500, 50);
    scene_close(scene);
    scene_copy(scene->path, copy);
    scene_put_back(scene, before);
    assert_ok(scene_open(scene));
    scene_grow(scene, 500, 50);
    (void)snprintf(sql, sizeof(sql),
                   "ATTACH '%s' AS other; UPDATE main.record SET value = (SELECT o.value FROM "
                   "other.record AS o WHERE o.key = main.record.key) WHERE " TILE,
                   copy);
    scene_attack(scene, sql);
    assert_tampered(capsa_audit_log_inclusion(scene->log, 200, 601, &hashes), "not its own");
    assert_tampered(capsa_audit_log_consistency(scene->log, 300, 0, &hashes, &note), "not its own");
    assert_tampered(capsa_audit_log_read(scene->log, 200, &kept), "entry 200");
    assert_int_equal(hashes.len, 0);
    scene_close(scene);
    assert_tampered(scene_open(scene), "not those that its last checkpoint");
}

/* ---- Two copies of a store, put together ----------------------------------------------------- */

/* Everything as it was before the copies parted, and as the one ended; the other goes on here. */
struct copies {
    char before[128], other[160];
};

static void part(struct scene *scene, struct copies *copies)
{
    (void)snprintf(copies->other, sizeof(copies->other), "%s.other", scene->path);
    scene_close(scene);
    scene_save(scene, copies->before);
    assert_ok(scene_open(scene));
}

static void turn(struct scene *scene, const struct copies *copies)
{
    scene_close(scene);
    scene_copy(scene->path, copies->other);
    scene_put_back(scene, copies->before);
    assert_ok(scene_open(scene));
}

static void take_rows(const struct scene *scene, const struct copies *copies, const char *rows)
{
    char sql[1024];
    (void)snprintf(sql, sizeof(sql),
                   "ATTACH '%s' AS other; DELETE FROM main.record WHERE %s; "
                   "INSERT INTO main.record SELECT * FROM other.record WHERE %s",
                   copies->other, rows, rows);
    scene_attack(scene, sql);
}

/* The last leaf tells the state, and lies in a tile that is full. */
static void the_last_leaf_of_a_copy_brings_no_state_with_it(void **state)
{
    struct scene *scene = *state;
    struct copies copies;
    struct capsa_batch *batch = scene_batch();
    scene_put(batch, "one", 0, "granted");
    scene_commit(scene, batch);
    scene_grow(scene, 254, 50);
    part(scene, &copies);
    scene_grow(scene, 1, 1); /* "one" stays granted */
    assert_true(scene_size(scene) == 256);
    turn(scene, &copies);
    batch = scene_batch();
    scene_put(batch, "one", 1, "revoked");
    scene_entry(scene, batch, NULL);
    scene_commit(scene, batch);
    assert_true(scene_size(scene) == 256);
    scene_close(scene);
    take_rows(scene, &copies, LEAF("00000000000000ff"));
    take_rows(scene, &copies, "instr(key, CAST('thing' AS BLOB)) > 0");
    assert_tampered(scene_open(scene), "entry 255");
}

/* Tile and entry agree with each other, and not with what was signed. */
static void an_entry_of_a_copy_is_told_though_its_tile_comes_along(void **state)
{
    struct scene *scene = *state;
    struct copies copies;
    CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
    scene_grow(scene, 100, 50);
    part(scene, &copies);
    scene_grow(scene, 500, 50);
    turn(scene, &copies);
    scene_grow(scene, 500, 50);
    assert_ok(capsa_audit_log_read(scene->log, 500, &kept)); /* of another tile */
    take_rows(scene, &copies, LOG " AND NOT " HEAD);
    assert_tampered(capsa_audit_log_read(scene->log, 200, &kept), "entry 200");
    assert_true(kept.index == 500);
}

/* ---- The records that the log is about ------------------------------------------------------- */

#define THING(name) "instr(key, CAST('thing' AS BLOB)) > 0 AND " ROW(name)

/* Three things: "two" has two versions, "gone" was removed. The copy is from when both had one. */
static void make_things(struct scene *scene, char ret_copy[128])
{
    struct capsa_batch *batch = scene_batch();
    scene_put(batch, "three", 0, "x"); /* twice in one list: the last counts */
    scene_put(batch, "three", 1, "y");
    scene_put(batch, "one", 0, "x");
    scene_put(batch, "two", 0, "x");
    scene_put(batch, "gone", 0, "x");
    scene_entry(scene, batch, NULL);
    scene_commit(scene, batch);
    scene_close(scene);
    scene_save(scene, ret_copy);
    assert_ok(scene_open(scene));
    batch = scene_batch();
    scene_put(batch, "two", 1, "y");
    scene_entry(scene, batch, NULL);
    scene_commit(scene, batch);
    batch = scene_batch();
    scene_remove(batch, "gone", 1); /* without an entry */
    scene_commit(scene, batch);
    scene_grow(scene, 5, 5);
    scene_close(scene);
}

static const struct attack record_attacks[] = {
    {"put back",
     "DELETE FROM main.record WHERE " THING("two") "; INSERT INTO main.record "
                                                   "SELECT * FROM old.record WHERE " THING("two"),
     "thing/two was put back to version 1 of 2"},
    {"removed", "DELETE FROM main.record WHERE " THING("one"), "thing/one was removed"},
    {"removed, that was changed", "DELETE FROM main.record WHERE " THING("two"),
     "thing/two was removed"},
    {"put in again", "INSERT INTO main.record SELECT * FROM old.record WHERE " THING("gone"),
     "thing/gone was put back after it had been removed"},
    {"edited", "UPDATE main.record SET value = " OTHER_BYTE(60, 61, 62) " WHERE " THING("one"),
     "thing/one"},
    {"swapped",
     "UPDATE main.record SET value = (SELECT o.value FROM main.record AS o WHERE "
     "substr(o.key, -3) = CAST('two' AS BLOB)) WHERE " THING("one"),
     "thing/one"},
};

static void a_start_names_the_record_that_was_changed(void **state)
{
    struct scene *scene = *state;
    char old[128], now[160], sql[1024];
    make_things(scene, old);
    (void)snprintf(now, sizeof(now), "%s.now", scene->path);
    scene_copy(scene->path, now);
    for (size_t i = 0; i < sizeof(record_attacks) / sizeof(record_attacks[0]); i++) {
        const struct attack *attack = &record_attacks[i];
        (void)snprintf(sql, sizeof(sql), "ATTACH '%s' AS old; %s", old, attack->sql);
        scene_attack(scene, sql);
        capsa_result result = scene_open(scene);
        if (capsa_code_of(result) != CAPSA_E_TAMPERED ||
            strstr(capsa_text_of(result), attack->text) == NULL) {
            fail_msg("%s: %s", attack->what, capsa_text_of(result));
        }
        scene_close(scene);
        scene_copy(now, scene->path);
    }
    assert_ok(scene_open(scene));
}

/* The list of what was changed is left out where it is too long; the state tells all the same. */
static void a_change_that_is_not_listed_is_told_without_a_name(void **state)
{
    struct scene *scene = *state;
    struct capsa_batch *batch = scene_batch();
    char name[512];
    for (unsigned i = 0; i < 600; i++) {
        (void)snprintf(name, sizeof(name), "%0480u", i);
        scene_put(batch, name, 0, "x");
    }
    scene_entry(scene, batch, NULL);
    scene_commit(scene, batch);
    scene_close(scene);
    scene_attack(scene, "DELETE FROM record WHERE " THING("123"));
    assert_tampered(scene_open(scene), "is not known");
}

/* A program that is killed at its first start leaves a store without a log. */
static void a_store_that_was_begun_and_no_more_opens_again(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    assert_ok(scene_open(scene));
    scene_grow(scene, 1, 1);
    assert_true(scene_size(scene) == 2);
}

static void another_audit_key_does_not_open_the_log(void **state)
{
    struct scene *scene = *state;
    struct capsa_private_key *own = scene->key;
    scene_grow(scene, 3, 1);
    scene_close(scene);
    scene_key(scene);
    capsa_result result = scene_open(scene);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNAUTHENTIC);
    scene_close(scene);
    capsa_private_key_free(scene->key);
    scene->key = own;
}

/* ---- Anchors --------------------------------------------------------------------------------- */

static void open_anchor(struct scene *scene)
{
    assert_ok(capsa_anchor_open(scene->anchor_location, &scene->anchor));
}

static void close_anchor(struct scene *scene)
{
    capsa_anchor_close(scene->anchor);
    scene->anchor = NULL;
}

static int anchored_up(void **state)
{
    struct scene *scene = scene_new(NULL);
    open_anchor(scene);
    assert_ok(scene_open(scene));
    scene_grow(scene, 5, 1);
    *state = scene;
    return 0;
}

static void assert_anchor_is_here(struct scene *scene)
{
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) seen = capsa_buf_of(KIB(1));
    assert_ok(capsa_audit_log_checkpoint(scene->log, &note));
    assert_ok(capsa_file_read(scene->anchor_path, &seen));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&note), capsa_buf_bytes(&seen)));
}

static void the_anchor_follows_each_commit(void **state)
{
    struct scene *scene = *state;
    assert_anchor_is_here(scene);
    scene_grow(scene, 3, 1);
    assert_anchor_is_here(scene);
}

static void an_anchor_that_is_new_or_behind_is_brought_up_to_date(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    close_anchor(scene);
    assert_ok(scene_open(scene)); /* without it */
    scene_grow(scene, 300, 10);
    scene_close(scene);
    open_anchor(scene);
    assert_ok(scene_open(scene));
    assert_anchor_is_here(scene);
    scene_close(scene);
    assert_int_equal(remove(scene->anchor_path), 0);
    assert_ok(scene_open(scene));
    assert_anchor_is_here(scene);
}

static void everything_put_back_is_told_by_the_anchor(void **state)
{
    struct scene *scene = *state;
    char copy[128];
    scene_close(scene);
    scene_save(scene, copy);
    assert_ok(scene_open(scene));
    scene_grow(scene, 3, 1);
    scene_close(scene);
    scene_put_back(scene, copy);
    assert_tampered(scene_open(scene), "the anchor has seen 9 entries of the audit log, the store "
                                       "has 6");
    scene_close(scene);
    close_anchor(scene); /* without an anchor nothing tells */
    assert_ok(scene_open(scene));
}

static void a_copy_that_went_another_way_is_told_by_the_anchor(void **state)
{
    struct scene *scene = *state;
    char copy[128];
    scene_close(scene);
    scene_save(scene, copy);
    assert_ok(scene_open(scene));
    scene_grow(scene, 3, 1);
    scene_close(scene);
    for (size_t more = 3; more <= 4; more++) { /* as many, and more */
        struct capsa_anchor *kept = scene->anchor;
        scene_put_back(scene, copy);
        scene->anchor = NULL;
        assert_ok(scene_open(scene));
        scene_grow(scene, more, 1);
        scene_close(scene);
        scene->anchor = kept;
        assert_tampered(scene_open(scene), "the first 9 entries");
        scene_close(scene);
    }
}

/* A store whose first tile is its own when it is loaded, and that of a copy from then on: whoever
 * holds the file may change it between two looks. */
struct turning {
    struct capsa_store base; /* .inner: the store's own */
    struct capsa_store *copy;
    int fetched; /* how often the tile was */
};

static bool is_first_tile(capsa_bytes key)
{
    static const char end[] = "0000000000000000";
    return memmem(key.data, key.len, "tile", 4) != NULL && key.len > sizeof(end) &&
           memcmp(key.data + key.len - (sizeof(end) - 1), end, sizeof(end) - 1) == 0;
}

static capsa_result turning_get(struct capsa_store *base, capsa_bytes key, capsa_record *ret_record)
{
    struct turning *turning = (struct turning *)base;
    struct capsa_store *from =
        is_first_tile(key) && turning->fetched++ > 0 ? turning->copy : base->inner;
    return from->ops->get(from, key, ret_record);
}

static capsa_result turning_each(struct capsa_store *base, capsa_bytes prefix,
                                 capsa_store_row_visit visit, void *context)
{
    return base->inner->ops->each(base->inner, prefix, visit, context);
}

static capsa_result turning_apply(struct capsa_store *base, const struct capsa_group *group)
{
    return base->inner->ops->apply(base->inner, group);
}

static void turning_close(struct capsa_store *base)
{
    struct turning *turning = (struct turning *)base;
    capsa_store_free(base->inner);
    capsa_store_free(turning->copy);
    free(turning);
}

static const struct capsa_store_ops turning_ops = {
    .close = turning_close, .get = turning_get, .each = turning_each, .apply = turning_apply};

static capsa_result open_turning(struct scene *scene, const char *copy)
{
    char location[200];
    struct turning *turning = calloc(1, sizeof(*turning));
    const struct capsa_store_options options = test_store_options(scene->location, scene->root);
    assert_non_null(turning);
    turning->base.ops = &turning_ops;
    (void)snprintf(location, sizeof(location), "sqlite:%s", copy);
    assert_ok(capsa_store_open(scene->location, &turning->base.inner));
    assert_ok(capsa_store_open(location, &turning->copy));
    assert_ok(capsa_store_seal(&turning->base, &options, &scene->store));
    return scene_open_log(scene);
}

/* The anchor saw 9 entries of one copy; the other, which went another way behind 6, shows its tile.
 */
static void the_tiles_of_the_right_copy_do_not_deceive_the_anchor(void **state)
{
    struct scene *scene = *state;
    struct copies copies;
    part(scene, &copies);
    scene_grow(scene, 3, 1);
    struct capsa_anchor *anchor = scene->anchor;
    scene_close(scene);
    scene->anchor = NULL;
    assert_ok(scene_open(scene));
    scene_grow(scene, 300, 50);
    turn(scene, &copies);
    scene_grow(scene, 400, 50);
    scene_close(scene);
    scene->anchor = anchor;
    assert_tampered(open_turning(scene, copies.other), "the first 9 entries");
}

static void a_store_begun_anew_is_told_by_the_anchor(void **state)
{
    struct scene *scene = *state;
    char root[160];
    scene_close(scene);
    assert_int_equal(remove(scene->path), 0);
    (void)snprintf(root, sizeof(root), "%s", scene->root);
    assert_int_equal(remove(root), 0);
    assert_tampered(scene_open(scene), "the store has 0");
}

static void an_anchor_of_another_manager_is_refused(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    assert_ok(capsa_file_write(scene->anchor_path, CAPSA_BYTES_LITERAL("nonsense\n"), 0600, true));
    assert_fails(scene_open(scene), MALFORMED);
    scene_close(scene);
    struct capsa_private_key *other = NULL;
    struct capsa_checkpoint forged = {.origin = SCENE_ORIGIN, .size = 1};
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    assert_ok(capsa_private_key_new_ed25519(&other));
    assert_ok(capsa_checkpoint_sign(&forged, other, &note));
    capsa_private_key_free(other);
    assert_ok(capsa_file_write(scene->anchor_path, capsa_buf_bytes(&note), 0600, true));
    assert_fails(scene_open(scene), UNAUTHENTIC);
}

/* The folder cannot be written in: root may, so a folder stands where the file would. */
static void break_anchor(const struct scene *scene)
{
    assert_int_equal(remove(scene->anchor_path), 0);
    assert_int_equal(mkdir(scene->anchor_path, 0700), 0);
}

static void an_anchor_that_fails_is_told_and_stops_commits_until_it_follows(void **state)
{
    struct scene *scene = *state;
    struct capsa_error why;
    char copy[160];
    (void)snprintf(copy, sizeof(copy), "%s.kept", scene->anchor_path);
    scene_copy(scene->anchor_path, copy);
    break_anchor(scene);

    CAPSA_AUTO(capsa_audit_receipt) receipt = {.index = 0};
    struct capsa_batch *batch = scene_batch();
    scene_entry(scene, batch, &receipt);
    capsa_result result = scene_try(scene, batch);
    assert_int_equal(capsa_code_of(result), CAPSA_E_STORE);
    assert_non_null(strstr(capsa_text_of(result), "committed, but the anchor"));
    assert_true(scene_size(scene) == 7);
    capsa_audit_log_anchor(scene->log, &why);
    assert_int_equal(why.code, CAPSA_E_IO);

    batch = scene_batch();
    scene_entry(scene, batch, NULL);
    result = scene_try(scene, batch);
    assert_int_equal(capsa_code_of(result), CAPSA_E_STORE);
    assert_non_null(strstr(capsa_text_of(result), "nothing is committed"));
    assert_true(scene_size(scene) == 7);

    assert_int_equal(rmdir(scene->anchor_path), 0);
    scene_copy(copy, scene->anchor_path);
    scene_grow(scene, 1, 1);
    assert_true(scene_size(scene) == 8);
    assert_anchor_is_here(scene);
    capsa_audit_log_anchor(scene->log, &why);
    assert_int_equal(why.code, CAPSA_E_OK);
}

static void an_anchor_moved_by_somebody_else_stops_commits(void **state)
{
    struct scene *scene = *state;
    struct capsa_checkpoint other = {.origin = SCENE_ORIGIN, .size = 7};
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    assert_ok(capsa_checkpoint_sign(&other, scene->key, &note)); /* a running copy's */
    assert_ok(capsa_file_write(scene->anchor_path, capsa_buf_bytes(&note), 0600, true));
    struct capsa_batch *batch = scene_batch();
    scene_entry(scene, batch, NULL);
    assert_fails(scene_try(scene, batch), STORE);
    batch = scene_batch();
    scene_entry(scene, batch, NULL);
    assert_fails(scene_try(scene, batch), STORE);
    assert_true(scene_size(scene) == 7);
}

/* A process that runs on a copy of everything: it finds the lease taken; and where it does not see
 * the lock, one of the two is stopped by the swap. */
static void of_two_processes_one_is_stopped(void **state)
{
    struct scene *scene = *state;
    struct capsa_anchor *anchor = NULL;
    assert_fails(capsa_anchor_open(scene->anchor_location, &anchor), BUSY);
    scene_close(scene);
    close_anchor(scene);
    char copy[128], lock[160];
    scene_save(scene, copy);
    (void)snprintf(lock, sizeof(lock), "%s.lock", scene->anchor_path);

    int go[2], done[2];
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* commits once, then waits */
        char word = 'n';
        open_anchor(scene);
        if (!capsa_failed(scene_open(scene))) {
            scene_grow(scene, 1, 1);
            word = 'y';
        }
        (void)!write(done[1], &word, 1);
        (void)!read(go[0], &word, 1);
        struct capsa_batch *batch = scene_batch();
        scene_entry(scene, batch, NULL);
        word = capsa_failed(scene_try(scene, batch)) ? 'n' : 'y';
        (void)!write(done[1], &word, 1);
        _exit(0);
    }
    char word = 0;
    assert_int_equal(read(done[0], &word, 1), 1);
    assert_int_equal(word, 'y');
    assert_fails(capsa_anchor_open(scene->anchor_location, &scene->anchor), BUSY);
    assert_int_equal(remove(lock), 0); /* somebody helps */
    open_anchor(scene);
    (void)snprintf(scene->location, sizeof(scene->location), "sqlite:%s", copy);
    assert_tampered(scene_open(scene), "everything was put back"); /* the copy is behind */
    scene_close(scene);
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(read(done[0], &word, 1), 1);
    assert_int_equal(word, 'y'); /* the other goes on */
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (size_t i = 0; i < 2; i++) {
        (void)close(go[i]);
        (void)close(done[i]);
    }
}

#define SQLITE(test)   cmocka_unit_test_setup_teardown(test, scene_sqlite, scene_down)
#define ANCHORED(test) cmocka_unit_test_setup_teardown(test, anchored_up, scene_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQLITE(damage_of_the_log_is_told_at_the_start),
        SQLITE(damage_of_an_old_entry_is_told_when_it_is_read),
        SQLITE(damage_of_a_live_log_is_told_when_it_is_read),
        SQLITE(a_head_put_back_is_told),
        SQLITE(a_tile_of_a_copy_is_told),
        SQLITE(the_last_leaf_of_a_copy_brings_no_state_with_it),
        SQLITE(an_entry_of_a_copy_is_told_though_its_tile_comes_along),
        SQLITE(a_start_names_the_record_that_was_changed),
        SQLITE(a_change_that_is_not_listed_is_told_without_a_name),
        SQLITE(a_store_that_was_begun_and_no_more_opens_again),
        SQLITE(another_audit_key_does_not_open_the_log),
        ANCHORED(the_anchor_follows_each_commit),
        ANCHORED(an_anchor_that_is_new_or_behind_is_brought_up_to_date),
        ANCHORED(everything_put_back_is_told_by_the_anchor),
        ANCHORED(a_copy_that_went_another_way_is_told_by_the_anchor),
        ANCHORED(the_tiles_of_the_right_copy_do_not_deceive_the_anchor),
        ANCHORED(a_store_begun_anew_is_told_by_the_anchor),
        ANCHORED(an_anchor_of_another_manager_is_refused),
        ANCHORED(an_anchor_that_fails_is_told_and_stops_commits_until_it_follows),
        ANCHORED(an_anchor_moved_by_somebody_else_stops_commits),
        ANCHORED(of_two_processes_one_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
