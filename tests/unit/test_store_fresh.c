/* SPDX-License-Identifier: Apache-2.0
 *
 * store: freshness. Whoever has the file edits rows, swaps them, removes them, puts them back as
 * they once were, under a live store and a stopped one: a live one notices at the read, a stopped
 * one by its state. And nobody who only reads beside a writer is ever told that.
 */
#include "store_place.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "store/store_backend.h"
#include "store/store_marks.h"

/* A list with a parent of its own, beside the rows of kind "key". */
#define MEMBER(name) CAPSA_RECORD_KEY("default", "list", "a", name)

static void put_key(struct capsa_store *store, const struct capsa_record_key *key,
                    uint64_t expected, const char *value)
{
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, key, expected, NULL, VALUE(value)));
    assert_ok(capsa_store_commit(store, batch));
}

static void remove_key(struct capsa_store *store, const struct capsa_record_key *key,
                       uint64_t version)
{
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_remove(batch, key, version));
    assert_ok(capsa_store_commit(store, batch));
}

static void state_of(struct capsa_store *store, uint8_t ret_state[CAPSA_STORE_STATE])
{
    assert_ok(capsa_store_state(store, ret_state));
}

static void assert_state(struct capsa_store *store, const uint8_t wanted[CAPSA_STORE_STATE])
{
    uint8_t state[CAPSA_STORE_STATE];
    state_of(store, state);
    assert_memory_equal(state, wanted, sizeof(state));
}

static void assert_other_state(struct capsa_store *store, const uint8_t other[CAPSA_STORE_STATE])
{
    uint8_t state[CAPSA_STORE_STATE];
    state_of(store, state);
    assert_memory_not_equal(state, other, sizeof(state));
}

/* ---- Four attacks, and what is named --------------------------------------------------------- */

/* `before` is done while the store is honest; then the file is saved into table "kept" of another
 * file; `after` is honest again; then comes the attack. */
static void nothing(struct place *place)
{
    (void)place;
}

static void change_one(struct place *place)
{
    put(place->store, "one", 1, "changed");
}

static void remove_one(struct place *place)
{
    const struct capsa_record_key key = KEY("one");
    remove_key(place->store, &key, 1);
}

#define KEPT_ONE "(SELECT * FROM kept.record WHERE " ROW("one") ")"

static const struct {
    void (*after)(struct place *place);
    const char *sql;
    const char *victims[3];
    const char *said;
    const char *blame; /* of the first victim, at the version that it has in truth */
    uint64_t version;
} attacks[] = {
    {nothing,
     "UPDATE record SET value = CAST(substr(value, 1, length(value) - 16) || zeroblob(16) AS BLOB) "
     "WHERE " ROW("one"),
     {"one"},
     "is not as it was sealed",
     NULL,
     1},
    {nothing,
     "UPDATE record SET value = (SELECT k.value FROM kept.record AS k WHERE k.key = "
     "CAST(substr(record.key, 1, length(record.key) - 3) || CASE substr(record.key, -3) WHEN "
     "CAST('one' AS BLOB) THEN CAST('two' AS BLOB) ELSE CAST('one' AS BLOB) END AS BLOB)) WHERE "
     "substr(key, -3) IN (CAST('one' AS BLOB), CAST('two' AS BLOB))",
     {"one", "two"},
     "is not as it was sealed",
     NULL,
     1},
    {nothing,
     "UPDATE record SET owners = x'' WHERE " ROW("one"),
     {"one"},
     "is not as it was sealed",
     NULL,
     1},
    {nothing,
     "UPDATE record SET version = 2 WHERE " ROW("one"),
     {"one"},
     "is not as it was sealed",
     NULL,
     1},
    {nothing,
     "DELETE FROM record WHERE " ROW("one"),
     {"one"},
     "was removed",
     "was removed (it had version 1)",
     1},
    {change_one,
     "REPLACE INTO record SELECT * FROM kept.record WHERE " ROW("one"),
     {"one"},
     "put back",
     "was put back to version 1 of 2",
     2},
    {remove_one,
     "INSERT INTO record SELECT * FROM kept.record WHERE " ROW("one"),
     {"one"},
     "should not be there",
     "was put back after it had been removed",
     0},
};

#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

static void attack_with_kept(const struct place *place, const char *sql)
{
    char all[1200];
    (void)snprintf(all, sizeof(all), "ATTACH '%s/kept.db' AS kept; %s", place->dir, sql);
    attack(place->path, all);
}

static void keep(const struct place *place)
{
    char to[160];
    (void)snprintf(to, sizeof(to), "%s/kept.db", place->dir);
    assert_ok(capsa_store_backup(place->location, to));
}

static void assert_said(struct capsa_store *store, const char *name, const char *said)
{
    CAPSA_AUTO(capsa_record) record = {0};
    capsa_result result = get(store, name, &record);
    char named[64];
    (void)snprintf(named, sizeof(named), "default/key/%s ", name);
    if (capsa_code_of(result) != CAPSA_E_TAMPERED || strstr(capsa_text_of(result), named) == NULL ||
        strstr(capsa_text_of(result), said) == NULL) {
        fail_msg("wanted TAMPERED with \"%s\" and \"%s\", got %s", named, said,
                 capsa_text_of(result));
    }
}

static void a_live_store_notices_each_attack_at_the_read_and_in_the_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < ATTACKS; i++) {
        void *own = NULL;
        assert_int_equal(place_up(&own), 0);
        struct place *place = own;
        keep(place);
        attacks[i].after(place);
        assert_ok(walk(place->store));
        attack_with_kept(place, attacks[i].sql);
        for (size_t j = 0; attacks[i].victims[j] != NULL; j++) {
            assert_said(place->store, attacks[i].victims[j], attacks[i].said);
        }
        assert_fails(walk(place->store), TAMPERED);
        assert_int_equal(place_down(&own), 0);
    }
}

struct damaged {
    char names[256];
};

static capsa_result see_damaged(void *context, capsa_bytes key, capsa_result why, bool *ret_stop)
{
    (void)ret_stop;
    struct damaged *damaged = context;
    char text[CAPSA_RECORD_KEY_TEXT];
    capsa_record_key_text(key, text);
    assert_int_equal(capsa_code_of(why), CAPSA_E_TAMPERED);
    size_t len = strlen(damaged->names);
    (void)snprintf(damaged->names + len, sizeof(damaged->names) - len, "%s ", text);
    return CAPSA_OK;
}

static void assert_culprit(struct place *place, size_t index)
{
    struct damaged damaged = {.names = ""};
    assert_ok(capsa_store_find_damaged(place->store, see_damaged, &damaged));
    if (attacks[index].blame == NULL) {
        for (size_t j = 0; attacks[index].victims[j] != NULL; j++) {
            assert_non_null(strstr(damaged.names, attacks[index].victims[j]));
        }
        return;
    }
    assert_string_equal(damaged.names, "");
    CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(KIB(1));
    const struct capsa_record_key key = KEY(attacks[index].victims[0]);
    assert_ok(capsa_record_key_write(&key, &canonical));
    capsa_result result =
        capsa_store_blame(place->store, capsa_buf_bytes(&canonical), attacks[index].version);
    assert_int_equal(capsa_code_of(result), CAPSA_E_TAMPERED);
    assert_non_null(strstr(capsa_text_of(result), "default/key/one "));
    assert_non_null(strstr(capsa_text_of(result), attacks[index].blame));
}

static void a_stopped_store_has_another_state_after_each_attack_and_names_the_culprit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ATTACKS; i++) {
        void *own = NULL;
        uint8_t before[CAPSA_STORE_STATE];
        assert_int_equal(place_up(&own), 0);
        struct place *place = own;
        keep(place);
        attacks[i].after(place);
        state_of(place->store, before);
        place_close(place);
        place->store = open_store(place);
        assert_state(place->store, before);
        CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(KIB(1));
        const struct capsa_record_key key = KEY("one");
        assert_ok(capsa_record_key_write(&key, &canonical));
        assert_ok(capsa_store_blame(place->store, capsa_buf_bytes(&canonical), attacks[i].version));
        place_close(place);
        attack_with_kept(place, attacks[i].sql);
        place->store = open_store(place);
        assert_other_state(place->store, before);
        assert_culprit(place, i);
        assert_int_equal(place_down(&own), 0);
    }
}

/* Readers that decide on what they read commit on its version; a row put back at that moment must
 * not make an outdated decision hold. */
static void a_commit_on_a_version_that_was_put_back_fails(void **state)
{
    struct place *place = *state;
    keep(place);
    put(place->store, "one", 1, "changed");
    attack_with_kept(place, "REPLACE INTO record SELECT * FROM kept.record WHERE " ROW("one"));
    const struct capsa_record_key one = KEY("one"), six = KEY("six");
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_check(batch, &one, 1));
    assert_ok(capsa_batch_put(batch, &six, 0, NULL, VALUE("x")));
    assert_fails(capsa_store_commit(place->store, batch), TAMPERED);
    CAPSA_AUTO(capsa_record) record = {0};
    assert_fails(get(place->store, "six", &record), NOT_FOUND);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static void fill_list(struct place *place)
{
    static const char *const names[] = {"m-1", "m-2", "m-3"};
    for (size_t i = 0; i < 3; i++) {
        const struct capsa_record_key key = MEMBER(names[i]);
        put_key(place->store, &key, 0, "x");
    }
    const struct capsa_record_key other = CAPSA_RECORD_KEY("default", "list", "ab", "m-1");
    put_key(place->store, &other, 0, "x");
}

static capsa_result walk_prefix(struct place *place, struct capsa_record_key prefix)
{
    return capsa_store_each(place->store, &prefix, see_nothing, NULL);
}

static void a_list_with_a_row_less_is_no_list(void **state)
{
    struct place *place = *state;
    const struct capsa_record_key list = CAPSA_RECORD_KEY("default", "list", "a");
    const struct capsa_record_key other = CAPSA_RECORD_KEY("default", "list", "ab");
    const struct capsa_record_key kind = {.ns = "default", .kind = "list"};
    const struct capsa_record_key all = {.ns = NULL};
    fill_list(place);
    assert_ok(walk_prefix(place, list));
    assert_ok(walk_prefix(place, all));
    attack(place->path, "DELETE FROM record WHERE " ROW("m-2"));
    assert_fails(walk_prefix(place, list), TAMPERED);
    assert_fails(walk_prefix(place, kind), TAMPERED);
    assert_fails(walk_prefix(place, all), TAMPERED);
    assert_ok(walk_prefix(place, other)); /* has all that it had */
    attack(place->path, "DELETE FROM record WHERE " ROW("m-1") " OR " ROW("m-3"));
    assert_fails(walk_prefix(place, list), TAMPERED); /* empty, and should not be */
}

static void a_list_follows_what_is_added_and_removed_to_the_last_member(void **state)
{
    struct place *place = *state;
    const struct capsa_record_key list = CAPSA_RECORD_KEY("default", "list", "a");
    const struct capsa_record_key first = MEMBER("m-1"), second = MEMBER("m-2");
    assert_ok(walk_prefix(place, list));
    put_key(place->store, &list, 0, "the list's own record");
    put_key(place->store, &first, 0, "x");
    put_key(place->store, &second, 0, "x");
    put_key(place->store, &first, 1, "y");
    assert_ok(walk_prefix(place, list));
    remove_key(place->store, &first, 2);
    assert_ok(walk_prefix(place, list));
    remove_key(place->store, &second, 1);
    assert_ok(walk_prefix(place, list));
    place_close(place);
    place->store = open_store(place);
    assert_ok(walk_prefix(place, list));
    attack(place->path, "DELETE FROM record WHERE key = x'0000000764656661756c74"
                        "000000046c6973740000000161'"); /* the list's own record */
    assert_fails(walk_prefix(place, list), TAMPERED);
}

static capsa_result stop_at_once(void *context, const struct capsa_record_key *key,
                                 const capsa_record *record, bool *ret_stop)
{
    (void)context;
    (void)key;
    (void)record;
    *ret_stop = true;
    return CAPSA_OK;
}

static void a_walk_that_is_stopped_is_not_held_to_be_incomplete(void **state)
{
    struct place *place = *state;
    fill_list(place);
    const struct capsa_record_key list = CAPSA_RECORD_KEY("default", "list", "a");
    assert_ok(capsa_store_each(place->store, &list, stop_at_once, NULL));
}

/* ---- States ---------------------------------------------------------------------------------- */

static void the_state_is_that_of_the_records_and_of_nothing_else(void **state)
{
    struct place *place = *state;
    uint8_t before[CAPSA_STORE_STATE], after[CAPSA_STORE_STATE];
    state_of(place->store, before);
    put(place->store, "one", 1, "changed");
    assert_other_state(place->store, before);
    state_of(place->store, after);
    place_close(place);
    place->store = open_store(place);
    assert_state(place->store, after);

    /* conflicts, checks and removes of nothing leave it */
    const struct capsa_record_key one = KEY("one"), none = KEY("none");
    CAPSA_AUTO_FREE(capsa_batch) conflict = NULL;
    CAPSA_AUTO_FREE(capsa_batch) idle = NULL;
    assert_ok(capsa_batch_new(&conflict));
    assert_ok(capsa_batch_put(conflict, &one, 7, NULL, VALUE("x")));
    assert_fails(capsa_store_commit(place->store, conflict), CONFLICT);
    assert_ok(capsa_batch_new(&idle));
    assert_ok(capsa_batch_check(idle, &one, 2));
    assert_ok(capsa_batch_remove(idle, &none, CAPSA_VERSION_ANY));
    assert_ok(capsa_store_commit(place->store, idle));
    assert_state(place->store, after);
    /* the same content again is another record */
    put(place->store, "one", 2, "changed");
    assert_other_state(place->store, after);
}

struct log_seen {
    uint8_t state[CAPSA_STORE_STATE];
    int calls;
    bool strays;
};

static capsa_result write_log(void *context, const struct capsa_group *group,
                              struct capsa_batch *last)
{
    struct log_seen *seen = context;
    char name[16];
    memcpy(seen->state, group->state, sizeof(seen->state));
    (void)snprintf(name, sizeof(name), "%d", seen->calls++);
    const struct capsa_record_key key = CAPSA_RECORD_KEY(CAPSA_STORE_LOG_NAMESPACE, "leaf", name);
    const struct capsa_record_key stray = CAPSA_RECORD_KEY("default", "leaf", name);
    return capsa_batch_put(last, seen->strays ? &stray : &key, 0, NULL, VALUE("leaf"));
}

static void the_audit_log_is_told_the_state_that_its_group_makes(void **state)
{
    struct place *place = *state;
    struct log_seen seen = {.calls = 0};
    const struct capsa_writer_audit audit = {.finish = write_log, .context = &seen};
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    assert_ok(capsa_writer_new(place->store, &audit, &writer));
    for (uint64_t i = 0; i < 4; i++) {
        const struct capsa_record_key key = KEY("one");
        CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
        assert_ok(capsa_batch_new(&batch));
        assert_ok(capsa_batch_put(batch, &key, i + 1, NULL, VALUE("x")));
        assert_ok(capsa_writer_commit(writer, batch));
        assert_state(place->store, seen.state); /* the leaf itself is not in it */
    }
    assert_int_equal(seen.calls, 4);
    capsa_writer_free(writer);
    writer = NULL;
    place_close(place);
    place->store = open_store(place);
    assert_state(place->store, seen.state);
}

static void a_log_that_writes_elsewhere_fails_its_group(void **state)
{
    struct place *place = *state;
    uint8_t before[CAPSA_STORE_STATE];
    struct log_seen seen = {.strays = true};
    const struct capsa_writer_audit audit = {.finish = write_log, .context = &seen};
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    const struct capsa_record_key key = KEY("one");
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    state_of(place->store, before);
    assert_ok(capsa_writer_new(place->store, &audit, &writer));
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, &key, 1, NULL, VALUE("x")));
    assert_fails(capsa_writer_commit(writer, batch), INTERNAL);
    assert_state(place->store, before);
    assert_has(place->store, "one", "the first secret");
}

static void what_the_store_keeps_for_itself_is_nobodys_to_change(void **state)
{
    struct place *place = *state;
    const struct capsa_record_key keys[] = {CAPSA_RECORD_KEY("capsa", "genesis"),
                                            CAPSA_RECORD_KEY("capsa", "begun"),
                                            CAPSA_RECORD_KEY("capsa", "slot", "file")};
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
        assert_ok(capsa_batch_new(&batch));
        assert_ok(capsa_batch_put(batch, &keys[i], 1, NULL, VALUE("x")));
        assert_fails(capsa_store_commit(place->store, batch), USAGE);
    }
    CAPSA_AUTO(capsa_record) record = {0};
    assert_fails(capsa_store_get(place->store, &keys[2], &record), NOT_FOUND);
}

/* ---- Readers beside a writer ----------------------------------------------------------------- */

#define HAMMERS 6
#define COMMITS 300

struct hammer {
    struct capsa_store *store;
    atomic_bool *done;
    uint64_t reads;
    struct capsa_error why;
};

static capsa_result read_everything(struct hammer *hammer)
{
    static const char *const names[] = {"a", "b", "c", "gone"};
    const struct capsa_record_key list = CAPSA_RECORD_KEY("default", "list", "a");
    const struct capsa_record_key kind = {.ns = "default", .kind = "list"};
    const struct capsa_record_key all = {.ns = NULL};
    for (size_t i = 0; i < 4; i++) {
        const struct capsa_record_key key = MEMBER(names[i]);
        CAPSA_AUTO(capsa_record) record = {0};
        CAPSA_TRY(capsa_store_find(hammer->store, &key, &record));
    }
    CAPSA_TRY(capsa_store_each(hammer->store, &list, see_nothing, NULL));
    CAPSA_TRY(capsa_store_each(hammer->store, &kind, see_nothing, NULL));
    return capsa_store_each(hammer->store, &all, see_nothing, NULL);
}

static void *hammer_away(void *context)
{
    struct hammer *hammer = context;
    do {
        capsa_error_keep(read_everything(hammer), &hammer->why);
        hammer->reads++;
    } while (!atomic_load(hammer->done) && hammer->why.code == CAPSA_E_OK);
    return NULL;
}

/* Three records that always change, and one that comes and goes; every third group fails. */
static void commit_round(struct capsa_store *store, uint64_t round)
{
    static const char *const names[] = {"a", "b", "c"};
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    for (size_t i = 0; i < 3; i++) {
        const struct capsa_record_key key = MEMBER(names[i]);
        assert_ok(capsa_batch_put(batch, &key, round, NULL, VALUE("x")));
    }
    const struct capsa_record_key gone = MEMBER("gone");
    if (round % 2 == 0) {
        assert_ok(capsa_batch_put(batch, &gone, 0, NULL, VALUE("x")));
    } else {
        assert_ok(capsa_batch_remove(batch, &gone, 1));
    }
    assert_ok(capsa_store_commit(store, batch));
}

static void hammer_store(struct capsa_store *store)
{
    atomic_bool done = false;
    pthread_t threads[HAMMERS];
    struct hammer hammers[HAMMERS];
    for (size_t i = 0; i < HAMMERS; i++) {
        hammers[i] = (struct hammer){.store = store, .done = &done};
        assert_int_equal(pthread_create(&threads[i], NULL, hammer_away, &hammers[i]), 0);
    }
    for (uint64_t round = 0; round < COMMITS; round++) {
        commit_round(store, round);
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < HAMMERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(hammers[i].reads > 0);
        if (hammers[i].why.code != CAPSA_E_OK) {
            fail_msg("a reader: %s", hammers[i].why.text);
        }
    }
}

static void readers_beside_a_writer_are_never_told_of_tampering(void **state)
{
    struct place *place = *state;
    hammer_store(place->store);
    CAPSA_AUTO_FREE(capsa_store) memory = NULL;
    assert_ok(test_store_open("memory:", NULL, &memory));
    hammer_store(memory);
}

/* A reader that waits inside the back-end while commits pass, and is handed a row older than when
 * it began: the row that stood then is right, the one before it is not. */
struct slow {
    struct capsa_store base;
    struct capsa_store *inner;
    struct capsa_store *sealed; /* commits to it within the next get */
    uint64_t commits;
    capsa_record *answer; /* what the get gives, instead */
};

static capsa_result slow_get(struct capsa_store *base, capsa_bytes key, capsa_record *ret_record)
{
    struct slow *slow = (struct slow *)base;
    capsa_record *answer = slow->answer;
    slow->answer = NULL;
    for (; answer != NULL && slow->commits > 0; slow->commits--) {
        const struct capsa_record_key name = KEY("x");
        CAPSA_AUTO(capsa_record) record = {0};
        CAPSA_TRY(capsa_store_find(slow->sealed, &name, &record));
        put(slow->sealed, "x", record.version, "newer");
    }
    if (answer == NULL) {
        return slow->inner->ops->get(slow->inner, key, ret_record);
    }
    *ret_record = *answer;
    *answer = (capsa_record){0};
    return CAPSA_OK;
}

static capsa_result slow_each(struct capsa_store *base, capsa_bytes prefix,
                              capsa_store_row_visit visit, void *context)
{
    struct slow *slow = (struct slow *)base;
    return slow->inner->ops->each(slow->inner, prefix, visit, context);
}

static capsa_result slow_apply(struct capsa_store *base, const struct capsa_group *group)
{
    struct slow *slow = (struct slow *)base;
    return slow->inner->ops->apply(slow->inner, group);
}

static void slow_close(struct capsa_store *base)
{
    capsa_store_free(((struct slow *)base)->inner);
}

static const struct capsa_store_ops slow_ops = {
    .scheme = "slow", .get = slow_get, .each = slow_each, .apply = slow_apply, .close = slow_close};

static void raw_row(struct capsa_store *inner, const char *name, capsa_record *ret_row)
{
    const struct capsa_record_key key = KEY(name);
    assert_ok(capsa_store_find(inner, &key, ret_row));
}

static void a_reader_may_see_what_stood_when_it_began_and_nothing_older(void **state)
{
    (void)state;
    struct slow slow = {.base = {.ops = &slow_ops}};
    const struct capsa_store_options options = test_store_options("slow:", NULL);
    assert_ok(capsa_store_open("memory:", &slow.inner));
    assert_ok(capsa_store_seal(&slow.base, &options, &slow.sealed));
    CAPSA_AUTO(capsa_record) first = {0};
    CAPSA_AUTO(capsa_record) second = {0};
    CAPSA_AUTO(capsa_record) again = {0};
    CAPSA_AUTO(capsa_record) seen = {0};
    put(slow.sealed, "x", 0, "first");
    raw_row(slow.inner, "x", &first);
    put(slow.sealed, "x", 1, "second");
    raw_row(slow.inner, "x", &second);
    raw_row(slow.inner, "x", &again);

    slow.commits = 3; /* while it reads, three commits pass */
    slow.answer = &second;
    assert_ok(get(slow.sealed, "x", &seen));
    assert_int_equal(seen.version, 2);
    slow.answer = &again; /* and now that is an old row put back */
    assert_fails(get(slow.sealed, "x", &seen), TAMPERED);
    slow.commits = 3; /* which others' commits do not excuse */
    slow.answer = &first;
    assert_fails(get(slow.sealed, "x", &seen), TAMPERED);
    capsa_store_free(slow.sealed);
}

/* ---- The table ------------------------------------------------------------------------------- */

#define NAMES 600

static struct capsa_mark_name name_of_number(unsigned number)
{
    struct capsa_mark_name name = {.bytes = {0}};
    /* homes close together, at both ends of their piece, so that chains are long and wrap */
    memset(name.bytes + 1, 0xff, 7);
    name.bytes[0] = (uint8_t)(number % 2);
    name.bytes[8] = (uint8_t)((number % 4 == 0 ? 0 : 0xf0) + number % 16);
    name.bytes[9] = (uint8_t)(number >> 8);
    name.bytes[10] = (uint8_t)number;
    name.bytes[11] = 1;
    return name;
}

static void assert_model(const capsa_marks *marks, const uint8_t *model)
{
    size_t count = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        const struct capsa_mark_name name = name_of_number(i);
        capsa_mark mark = 77;
        assert_int_equal(capsa_marks_find(marks, &name, &mark), model[i] != 0);
        assert_true(mark == (model[i] == 0 ? 77 : model[i]));
        count += model[i] != 0;
    }
    assert_int_equal(capsa_marks_count(marks), count);
    size_t at = 0, seen = 0;
    while (capsa_marks_next(marks, &at) != NULL) {
        seen++;
    }
    assert_int_equal(seen, count);
}

static void the_table_of_marks_is_what_a_plain_array_says(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_marks) marks = {.piece_count = 2};
    uint8_t model[NAMES] = {0};
    unsigned seed = 20261127;
    for (int i = 0; i < 6000; i++) {
        unsigned number = (unsigned)rand_r(&seed) % NAMES;
        const struct capsa_mark_name name = name_of_number(number);
        bool sets = rand_r(&seed) % 100 < (i < 3000 ? 70 : 30);
        if (sets) {
            model[number] = (uint8_t)(1 + rand_r(&seed) % 255);
            assert_ok(capsa_marks_set(&marks, &name, model[number]));
        } else {
            model[number] = 0;
            capsa_marks_erase(&marks, &name);
        }
        if (i % 500 == 0) {
            assert_model(&marks, model);
        }
    }
    assert_model(&marks, model);
}

static int no_memory(size_t size)
{
    (void)size;
    return 1;
}

static void what_was_reserved_is_set_without_memory(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_marks) marks = {.piece_count = 2};
    for (unsigned i = 0; i < NAMES; i++) {
        const struct capsa_mark_name name = name_of_number(i);
        assert_ok(capsa_marks_reserve(&marks, &name));
    }
    capsa_alloc_set_hook(no_memory);
    capsa_result result = CAPSA_OK;
    for (unsigned i = 0; i < NAMES && !capsa_failed(result); i++) {
        const struct capsa_mark_name name = name_of_number(i);
        result = capsa_marks_set(&marks, &name, i + 1);
    }
    capsa_alloc_set_hook(NULL);
    assert_ok(result);
    capsa_marks_release(&marks);
    assert_int_equal(capsa_marks_count(&marks), NAMES);
    assert_true(capsa_marks_bytes(&marks) < NAMES * 28 * 3 / 2);
}

static void the_memory_that_freshness_takes_goes_with_the_records(void **state)
{
    (void)state;
    struct capsa_store *store = NULL;
    struct capsa_store_size before, after;
    assert_ok(test_store_open("memory:", NULL, &store));
    put(store, "x", 0, "y");
    assert_ok(capsa_store_size(store, &before));
    for (uint64_t i = 1; i < 500; i++) {
        put(store, "x", i, "y");
    }
    assert_ok(capsa_store_size(store, &after));
    assert_int_equal(after.records, 3); /* with two of the store's own */
    assert_int_equal(after.records, before.records);
    assert_int_equal(after.bytes, before.bytes);
    capsa_store_free(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_up, place_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_store_notices_each_attack_at_the_read_and_in_the_list),
        cmocka_unit_test(a_stopped_store_has_another_state_after_each_attack_and_names_the_culprit),
        TEST(a_commit_on_a_version_that_was_put_back_fails),
        TEST(a_list_with_a_row_less_is_no_list),
        TEST(a_list_follows_what_is_added_and_removed_to_the_last_member),
        TEST(a_walk_that_is_stopped_is_not_held_to_be_incomplete),
        TEST(the_state_is_that_of_the_records_and_of_nothing_else),
        TEST(the_audit_log_is_told_the_state_that_its_group_makes),
        TEST(a_log_that_writes_elsewhere_fails_its_group),
        TEST(what_the_store_keeps_for_itself_is_nobodys_to_change),
        TEST(readers_beside_a_writer_are_never_told_of_tampering),
        cmocka_unit_test(a_reader_may_see_what_stood_when_it_began_and_nothing_older),
        cmocka_unit_test(the_memory_that_freshness_takes_goes_with_the_records),
        cmocka_unit_test(the_table_of_marks_is_what_a_plain_array_says),
        cmocka_unit_test(what_was_reserved_is_set_without_memory),
    };
    return cmocka_run_group_tests_name("store, fresh", tests, NULL, NULL);
}
