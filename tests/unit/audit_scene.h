/* SPDX-License-Identifier: Apache-2.0
 *
 * A store with an audit log, in memory or in a folder of its own, and the file's attacker.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include "audit/audit_log.h"
#include "base/file.h"
#include "store/store_backend.h"
#include "store_fixture.h"
#include "unit.h"

#define SCENE_ORIGIN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SCENE_START  1800000000

struct scene {
    char dir[64], path[96], location[160], root[96], anchor_path[96], anchor_location[128];
    struct capsa_clock clock;
    struct capsa_private_key *key;
    uint8_t raw[CAPSA_ED25519_PUBLIC];
    struct capsa_store *store;
    struct capsa_anchor *anchor; /* NULL unless a test opens it */
    struct capsa_audit_log *log;
    struct capsa_writer_audit audit;
    unsigned entries; /* made so far, so that each says something else */
};

static inline void scene_key(struct scene *scene)
{
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    assert_ok(capsa_private_key_new_ed25519(&scene->key));
    assert_ok(capsa_public_key_of(scene->key, &public_key));
    assert_ok(capsa_public_key_raw(public_key, scene->raw));
}

static inline capsa_result scene_open_log(struct scene *scene)
{
    struct capsa_audit_log_options options = {.store = scene->store,
                                              .audit_key = scene->key,
                                              .anchor = scene->anchor,
                                              .clock = &scene->clock};
    memcpy(options.origin, SCENE_ORIGIN, sizeof(options.origin));
    CAPSA_TRY(capsa_audit_log_open(&options, &scene->log));
    scene->audit = capsa_audit_log_writer(scene->log);
    return CAPSA_OK;
}

static inline capsa_result scene_open(struct scene *scene)
{
    CAPSA_TRY(test_store_open(scene->location, scene->root, &scene->store));
    return scene_open_log(scene);
}

static inline void scene_close(struct scene *scene)
{
    capsa_audit_log_free(scene->log);
    capsa_store_free(scene->store);
    scene->log = NULL;
    scene->store = NULL;
}

static inline struct scene *scene_new(const char *location)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->clock = capsa_clock_at(SCENE_START);
    (void)snprintf(scene->dir, sizeof(scene->dir), "/tmp/capsa-audit-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    (void)snprintf(scene->path, sizeof(scene->path), "%s/audit.db", scene->dir);
    (void)snprintf(scene->root, sizeof(scene->root), "%s/root.key", scene->dir);
    (void)snprintf(scene->anchor_path, sizeof(scene->anchor_path), "%s/anchor", scene->dir);
    (void)snprintf(scene->anchor_location, sizeof(scene->anchor_location), "file:%s",
                   scene->anchor_path);
    if (location == NULL) {
        (void)snprintf(scene->location, sizeof(scene->location), "sqlite:%s", scene->path);
    } else {
        (void)snprintf(scene->location, sizeof(scene->location), "%s", location);
    }
    scene_key(scene);
    return scene;
}

static inline int scene_sqlite(void **state)
{
    struct scene *scene = scene_new(NULL);
    assert_ok(scene_open(scene));
    *state = scene;
    return 0;
}

static inline int scene_memory(void **state)
{
    struct scene *scene = scene_new("memory:");
    assert_ok(scene_open(scene));
    *state = scene;
    return 0;
}

static inline int scene_down(void **state)
{
    struct scene *scene = *state;
    scene_close(scene);
    capsa_anchor_close(scene->anchor);
    capsa_private_key_free(scene->key);
    test_remove_tree(scene->dir);
    free(scene);
    return 0;
}

/* ---- Mutations ------------------------------------------------------------------------------- */

static inline struct capsa_batch *scene_batch(void)
{
    struct capsa_batch *batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    return batch;
}

/* An entry of its own about alice; time goes on. */
static inline void scene_entry(struct scene *scene, struct capsa_batch *batch,
                               capsa_audit_receipt *receipt)
{
    char details[64];
    (void)snprintf(details, sizeof(details), "{\"number\":%u}", ++scene->entries);
    const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_KEY_RELEASE,
                                            .time = SCENE_START + scene->entries,
                                            .owner = "ALICE",
                                            .details = capsa_bytes_str(details)};
    assert_ok(capsa_audit_add(batch, &entry, receipt));
}

static inline void scene_put(struct capsa_batch *batch, const char *name, uint64_t expected,
                             const char *value)
{
    const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "thing", name);
    assert_ok(capsa_batch_put(batch, &key, expected, NULL, capsa_bytes_str(value)));
}

static inline void scene_remove(struct capsa_batch *batch, const char *name, uint64_t expected)
{
    const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "thing", name);
    assert_ok(capsa_batch_remove(batch, &key, expected));
}

/* What the writer does with a group, on this thread. */
static inline capsa_result scene_apply(struct scene *scene, struct capsa_batch *const *batches,
                                       size_t count, struct capsa_error *results)
{
    uint8_t store_state[CAPSA_STORE_STATE] = {0};
    const struct capsa_group group = {.batches = (const struct capsa_batch *const *)batches,
                                      .count = count,
                                      .results = results,
                                      .finish = scene->audit.finish,
                                      .context = scene->audit.context,
                                      .state = store_state};
    capsa_result outcome = capsa_store_apply(scene->store, &group);
    return capsa_writer_audit_settle(&scene->audit, &group, outcome);
}

/* Commits and frees. */
static inline capsa_result scene_try(struct scene *scene, struct capsa_batch *batch)
{
    struct capsa_error error = {.code = CAPSA_E_OK};
    capsa_result result = scene_apply(scene, &batch, 1, &error);
    capsa_batch_free(batch);
    CAPSA_TRY(result);
    return error.code == CAPSA_E_OK
               ? CAPSA_OK
               : capsa_error_make(error.code, error.file, error.line, "%s", error.text);
}

static inline void scene_commit(struct scene *scene, struct capsa_batch *batch)
{
    assert_ok(scene_try(scene, batch));
}

/* So many entries, in groups. */
static inline void scene_grow(struct scene *scene, size_t entries, size_t group)
{
    while (entries > 0) {
        struct capsa_batch *batch = scene_batch();
        for (size_t i = 0; i < group && entries > 0; i++, entries--) {
            scene_entry(scene, batch, NULL);
        }
        scene_commit(scene, batch);
    }
}

static inline uint64_t scene_size(struct scene *scene)
{
    struct capsa_audit_head head;
    capsa_audit_log_head(scene->log, &head);
    return head.size;
}

static inline struct capsa_checkpoint scene_checkpoint(struct scene *scene)
{
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    struct capsa_checkpoint checkpoint;
    assert_ok(capsa_audit_log_checkpoint(scene->log, &note));
    assert_ok(capsa_checkpoint_open(capsa_buf_bytes(&note), SCENE_ORIGIN, scene->raw, &checkpoint));
    return checkpoint;
}

/* A receipt proves that its leaf stands in the log of its checkpoint. */
static inline void scene_assert_receipt(const struct scene *scene,
                                        const capsa_audit_receipt *receipt)
{
    struct capsa_checkpoint checkpoint;
    struct capsa_audit_leaf leaf;
    uint8_t hash[CAPSA_TREE_HASH];
    assert_ok(capsa_checkpoint_open(capsa_buf_bytes(&receipt->note), SCENE_ORIGIN, scene->raw,
                                    &checkpoint));
    assert_true(checkpoint.size == receipt->size);
    assert_ok(capsa_audit_leaf_parse(capsa_bytes_of(receipt->leaf, CAPSA_AUDIT_LEAF), &leaf));
    assert_memory_equal(leaf.decision_id, receipt->decision_id, CAPSA_AUDIT_ID);
    capsa_tree_leaf_hash(capsa_bytes_of(receipt->leaf, CAPSA_AUDIT_LEAF), hash);
    assert_ok(capsa_tree_inclusion_check(hash, receipt->index, receipt->size,
                                         capsa_buf_bytes(&receipt->proof), checkpoint.root));
}

/* ---- The attacker ---------------------------------------------------------------------------- */

static inline void scene_attack(const struct scene *scene, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(scene->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, 10000), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s: %s", sql, why);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Rows by how their keys end. */
/* A value that differs from the present one in the byte behind the first `before`, whatever that
 * was: `at` is its number from 1, `behind` the next one's.
 */
#define OTHER_BYTE(before, at, behind)                                                             \
    "CAST(substr(value, 1, " #before ") || CASE substr(value, " #at ", 1) WHEN CAST('x' AS BLOB) " \
    "THEN 'y' ELSE 'x' END || substr(value, " #behind ") AS BLOB)"
#define ROW(name) "substr(key, -length(CAST('" name "' AS BLOB))) = CAST('" name "' AS BLOB)"

/* Everything as it is now, while the store is closed; and back again. */
static inline void scene_copy(const char *from, const char *to)
{
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(MIB(64));
    assert_ok(capsa_file_read(from, &content));
    assert_ok(capsa_file_write(to, capsa_buf_bytes(&content), 0600, true));
}

static inline void scene_save(const struct scene *scene, char ret_copy[128])
{
    (void)snprintf(ret_copy, 128, "%s.saved", scene->path);
    scene_copy(scene->path, ret_copy);
}

static inline void scene_put_back(const struct scene *scene, const char *copy)
{
    scene_copy(copy, scene->path);
}
