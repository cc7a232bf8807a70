/* SPDX-License-Identifier: Apache-2.0
 *
 * A sealed store on disk with two records, and somebody who has the file too: a plain SQLite
 * connection of his own.
 */
#pragma once

#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/store.h"
#include "store_fixture.h"

#define KEY(...)    CAPSA_RECORD_KEY("default", "key", __VA_ARGS__)
#define VALUE(text) capsa_bytes_str(text)

struct place {
    char dir[64];
    char path[128];
    char location[160];
    char root[128];
    struct capsa_store *store;
};

static inline struct capsa_store *open_store(const struct place *place)
{
    struct capsa_store *store = NULL;
    assert_ok(test_store_open(place->location, place->root, &store));
    return store;
}

static inline void put(struct capsa_store *store, const char *name, uint64_t expected,
                       const char *value)
{
    const struct capsa_record_key key = KEY(name);
    const char *const owners[] = {"alice", "bob", NULL};
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, &key, expected, owners, VALUE(value)));
    assert_ok(capsa_store_commit(store, batch));
}

static inline capsa_result get(struct capsa_store *store, const char *name, capsa_record *record)
{
    const struct capsa_record_key key = KEY(name);
    return capsa_store_get(store, &key, record);
}

static inline void assert_has(struct capsa_store *store, const char *name, const char *value)
{
    CAPSA_AUTO(capsa_record) record = {0};
    assert_ok(get(store, name, &record));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&record.value), value));
}

static inline int place_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    (void)snprintf(place->dir, sizeof(place->dir), "/tmp/capsa-sealed-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->path, sizeof(place->path), "%s/data/test.db", place->dir);
    (void)snprintf(place->location, sizeof(place->location), "sqlite:%s", place->path);
    (void)snprintf(place->root, sizeof(place->root), "%s/data/root.key", place->dir);
    place->store = open_store(place);
    put(place->store, "one", 0, "the first secret");
    put(place->store, "two", 0, "the other secret");
    *state = place;
    return 0;
}

static inline int place_down(void **state)
{
    struct place *place = *state;
    capsa_store_free(place->store);
    test_remove_tree(place->dir);
    free(place);
    return 0;
}

static inline void place_close(struct place *place)
{
    capsa_store_free(place->store);
    place->store = NULL;
}

/* ---- The attacker ---------------------------------------------------------------------------- */

static inline sqlite3 *attach(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, 10000), SQLITE_OK);
    return db;
}

static inline void attack(const char *path, const char *sql)
{
    sqlite3 *db = attach(path);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s: %s", sql, why);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Rows of kind "key" end in their names, "one" and "two". */
#define ROW(name) "substr(key, -3) = CAST('" name "' AS BLOB)"

#define RENAMED(name) "CAST(substr(key, 1, length(key) - 3) || CAST('" name "' AS BLOB) AS BLOB)"

static inline void assert_tampered(struct capsa_store *store, const char *name)
{
    CAPSA_AUTO(capsa_record) record = {0};
    capsa_result result = get(store, name, &record);
    char named[64];
    (void)snprintf(named, sizeof(named), "default/key/%s", name);
    if (capsa_code_of(result) != CAPSA_E_TAMPERED || strstr(capsa_text_of(result), named) == NULL) {
        fail_msg("wanted TAMPERED naming %s, got %s", named, capsa_text_of(result));
    }
    assert_int_equal(record.version, 0);
    assert_int_equal(record.value.len, 0);
}

static inline capsa_result see_nothing(void *context, const struct capsa_record_key *key,
                                       const capsa_record *record, bool *ret_stop)
{
    (void)context;
    (void)key;
    (void)record;
    (void)ret_stop;
    return CAPSA_OK;
}

static inline capsa_result walk(struct capsa_store *store)
{
    const struct capsa_record_key prefix = {.ns = "default", .kind = "key"};
    return capsa_store_each(store, &prefix, see_nothing, NULL);
}
