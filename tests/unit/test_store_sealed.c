/* SPDX-License-Identifier: Apache-2.0
 *
 * store: what a hostile holder of the database can try, the root key and its file, and what only
 * SQLite does (modes, lock, format, full disk, backup). The attacker here is a plain SQLite
 * connection to the same file, to a stopped and to a live store.
 */
#include "store_place.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "codec/text.h"
#include "crypto/crypto.h"
#include "store/store_writer.h"

static const struct {
    const char *sql;
    const char *victims[3];
} attacks[] = {
    /* two rows' values, or all but their keys, change places */
    {"CREATE TEMP TABLE t AS SELECT * FROM record WHERE " ROW(
         "one") ";"
                "UPDATE record SET value = (SELECT value FROM record WHERE " ROW(
                    "two") ") WHERE " ROW("one") ";UPDATE record SET value = (SELECT value FROM t) "
                                                 "WHERE " ROW("two"),
     {"one", "two"}},
    /* a row moves to another key, or is copied to one of its own */
    {"DELETE FROM record WHERE " ROW("two") ";UPDATE record SET key = " RENAMED(
         "two") " WHERE " ROW("one"),
     {"two"}},
    {"INSERT INTO record SELECT " RENAMED("six") ", version, owners, value FROM record WHERE " ROW(
         "one"),
     {"six"}},
    {"UPDATE record SET version = 2 WHERE " ROW("one"), {"one"}},
    {"UPDATE record SET version = 9223372036854775807 WHERE " ROW("one"), {"one"}},
    {"UPDATE record SET owners = x'' WHERE " ROW("one"), {"one"}},
    {"UPDATE record SET owners = x'000000056d616c6c79' WHERE " ROW("one"), {"one"}},
    {"UPDATE record SET owners = zeroblob(400000) WHERE " ROW("one"), {"one"}},
    {"UPDATE record SET value = x'' WHERE " ROW("one"), {"one"}},
    {"UPDATE record SET value = substr(value, 1, length(value) - 1) WHERE " ROW("one"), {"one"}},
    {"UPDATE record SET value = CAST(value || x'00' AS BLOB) WHERE " ROW("one"), {"one"}},
    {"UPDATE record SET value = zeroblob(4000000) WHERE " ROW("one"), {"one"}},
};

static void run_attack(struct place *place, size_t index, bool live)
{
    if (!live) {
        place_close(place);
    }
    attack(place->path, attacks[index].sql);
    if (!live) {
        place->store = open_store(place);
    }
    for (size_t i = 0; attacks[index].victims[i] != NULL; i++) {
        assert_tampered(place->store, attacks[index].victims[i]);
    }
    assert_fails(walk(place->store), TAMPERED);
}

static void each_attack_on_a_row_is_noticed_in_a_live_and_in_a_stopped_store(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        for (int live = 0; live < 2; live++) {
            void *own = NULL;
            assert_int_equal(place_up(&own), 0);
            run_attack(own, i, live == 1);
            assert_int_equal(place_down(&own), 0);
        }
    }
}

static void rows_whose_columns_are_no_columns_of_ours_are_refused(void **state)
{
    struct place *place = *state;
    /* STRICT keeps other types out of the table, so the attacker makes it lax and back. */
    attack(place->path,
           "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, ', STRICT', '');"
           "PRAGMA writable_schema=RESET; UPDATE record SET version = 'x' WHERE " ROW(
               "one") ";"
                      "UPDATE record SET value = 7 WHERE " ROW("two"));
    CAPSA_AUTO(capsa_record) record = {0};
    assert_fails(get(place->store, "one", &record), TAMPERED);
    assert_fails(get(place->store, "two", &record), TAMPERED);
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    const struct capsa_record_key key = KEY("one");
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, &key, 1, NULL, VALUE("x")));
    assert_fails(capsa_store_commit(place->store, batch), TAMPERED);
}

static void a_key_that_is_none_fails_the_walk(void **state)
{
    struct place *place = *state;
    attack(place->path, "INSERT INTO record VALUES(x'0000000764656661756c74000000036b6579ff', 1, "
                        "x'', x'00')");
    assert_fails(walk(place->store), TAMPERED);
}

static void the_file_holds_neither_values_nor_what_was_overwritten(void **state)
{
    struct place *place = *state;
    put(place->store, "one", 1, "another secret");
    static const char *const suffixes[] = {"", "-wal"};
    for (size_t i = 0; i < 2; i++) {
        char path[160];
        (void)snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(MIB(16));
        assert_ok(capsa_file_read(path, &content));
        assert_true(content.len > 0);
        assert_null(memmem(content.data, content.len, "secret", 6));
    }
}

static void every_changed_or_missing_byte_of_a_sealed_value_is_noticed(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    assert_ok(capsa_root_new(&root));
    const struct capsa_record_key name = KEY("one");
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(KIB(1));
    assert_ok(capsa_record_key_write(&name, &key));
    const char *const ids[] = {"alice", NULL};
    CAPSA_AUTO(capsa_buf) owners = capsa_buf_of(KIB(1));
    assert_ok(capsa_owners_write(ids, &owners));
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(1));
    capsa_bytes k = capsa_buf_bytes(&key), o = capsa_buf_bytes(&owners);
    assert_ok(capsa_record_seal(root, k, 3, o, VALUE("value"), &sealed));

    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(KIB(1));
    assert_ok(capsa_record_open(root, k, 3, o, capsa_buf_bytes(&sealed), &value));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&value), "value"));
    capsa_buf_clear(&value);
    for (size_t i = 0; i < sealed.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            sealed.data[i] ^= (uint8_t)(1U << bit);
            assert_fails(capsa_record_open(root, k, 3, o, capsa_buf_bytes(&sealed), &value),
                         TAMPERED);
            sealed.data[i] ^= (uint8_t)(1U << bit);
        }
        assert_fails(capsa_record_open(root, k, 3, o, capsa_bytes_of(sealed.data, i), &value),
                     TAMPERED);
    }
    assert_fails(capsa_record_open(root, k, 4, o, capsa_buf_bytes(&sealed), &value), TAMPERED);
    assert_fails(capsa_record_open(root, k, 3, VALUE(""), capsa_buf_bytes(&sealed), &value),
                 TAMPERED);
    for (size_t i = 0; i < key.len; i++) { /* the namespace, the kind, each part */
        key.data[i] ^= 1;
        assert_true(
            capsa_failed(capsa_record_open(root, k, 3, o, capsa_buf_bytes(&sealed), &value)));
        key.data[i] ^= 1;
    }
    assert_int_equal(value.len, 0);
    assert_ok(capsa_record_open(root, k, 3, o, capsa_buf_bytes(&sealed), &value));
}

/* Made from the description in store_sealed.h by another program (Python's cryptography): version 7
 * of default/policy/scope/uuid, owners alice and bob, under the root key 00 01 .. 1f. A change here
 * is a change of format. */
static const char known_root[] =
    "capsa-root 1\nid b883064286186931\nepoch 1\n"
    "key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    "check 2ae4fd8b3e539ec0\n";
static const char known_sealed[] =
    "01b883064286186931000000016465666768696a6b6c6d6e6f707172737475767778797a7be257fc"
    "e696f4f32d001751cfc884204f7f8d703dc5a1467e2ebbf2a65cb539fd";

static void a_record_sealed_by_another_program_opens(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    assert_ok(capsa_root_parse(VALUE(known_root), &root));
    const struct capsa_record_key name = CAPSA_RECORD_KEY("default", "policy", "scope", "uuid");
    const char *const ids[] = {"bob", "alice", NULL};
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) owners = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(KIB(1));
    assert_ok(capsa_record_key_write(&name, &key));
    assert_ok(capsa_owners_write(ids, &owners));
    assert_ok(capsa_hex_parse(VALUE(known_sealed), &sealed));
    assert_ok(capsa_record_open(root, capsa_buf_bytes(&key), 7, capsa_buf_bytes(&owners),
                                capsa_buf_bytes(&sealed), &value));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&value), "rest in the case"));
}

static void the_same_value_is_never_sealed_the_same_twice(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    assert_ok(capsa_root_new(&root));
    const struct capsa_record_key name = KEY("one");
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(KIB(1));
    assert_ok(capsa_record_key_write(&name, &key));
    CAPSA_AUTO(capsa_buf) first = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) second = capsa_buf_of(KIB(1));
    capsa_bytes none = {NULL, 0};
    assert_ok(capsa_record_seal(root, capsa_buf_bytes(&key), 1, none, VALUE("value"), &first));
    assert_ok(capsa_record_seal(root, capsa_buf_bytes(&key), 1, none, VALUE("value"), &second));
    assert_int_equal(first.len, second.len);
    for (size_t at = 13; at + 8 <= first.len; at += 8) { /* behind format, key id and epoch */
        assert_memory_not_equal(first.data + at, second.data + at, 8);
    }
}

static int no_random(size_t len)
{
    (void)len;
    return 1;
}

static void nothing_is_sealed_without_randomness(void **state)
{
    struct place *place = *state;
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    const struct capsa_record_key key = KEY("six");
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, &key, 0, NULL, VALUE("x")));
    capsa_random_set_hook(no_random);
    assert_true(capsa_failed(capsa_store_commit(place->store, batch)));
    capsa_random_set_hook(NULL);
    CAPSA_AUTO(capsa_record) record = {0};
    assert_fails(get(place->store, "six", &record), NOT_FOUND);
    assert_ok(capsa_store_commit(place->store, batch));
}

/* ---- The root key ---------------------------------------------------------------------------- */

static void a_wrong_root_key_is_told_from_a_damaged_store(void **state)
{
    struct place *place = *state;
    place_close(place);
    char other[160];
    (void)snprintf(other, sizeof(other), "%s/other.key", place->dir);
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    assert_ok(capsa_root_new(&root));
    assert_ok(capsa_root_save(root, other));
    capsa_result result = test_store_open(place->location, other, &place->store);
    assert_int_equal(capsa_code_of(result), CAPSA_E_DENIED);
    char id[CAPSA_ROOT_ID_TEXT];
    capsa_root_id_text(root->id, id);
    assert_non_null(strstr(capsa_text_of(result), id));
    assert_null(place->store);
    place->store = open_store(place);
    assert_has(place->store, "one", "the first secret");
}

static void a_store_without_its_root_key_is_an_error_and_never_a_new_key(void **state)
{
    struct place *place = *state;
    place_close(place);
    char away[160];
    (void)snprintf(away, sizeof(away), "%s/away.key", place->dir);
    assert_int_equal(rename(place->root, away), 0);
    capsa_result result = test_store_open(place->location, place->root, &place->store);
    assert_int_equal(capsa_code_of(result), CAPSA_E_STORE);
    assert_non_null(strstr(capsa_text_of(result), "root.key"));
    assert_int_equal(access(place->root, F_OK), -1);
    assert_int_equal(rename(away, place->root), 0);
    place->store = open_store(place);
    assert_has(place->store, "one", "the first secret");
    char unkept[200];
    (void)snprintf(unkept, sizeof(unkept), "sqlite:%s/unkept.db", place->dir);
    struct capsa_store *store = NULL;
    assert_fails(test_store_open(unkept, NULL, &store), USAGE);
}

static void a_store_that_lost_what_it_began_with_is_refused(void **state)
{
    (void)state;
    static const char *const kinds[] = {"slot", "genesis", "begun"};
    for (size_t i = 0; i < 3; i++) {
        void *own = NULL;
        char sql[160];
        assert_int_equal(place_up(&own), 0);
        struct place *place = own;
        place_close(place);
        (void)snprintf(sql, sizeof(sql),
                       "DELETE FROM record WHERE instr(key, CAST('capsa' AS BLOB)) AND "
                       "instr(key, CAST('%s' AS BLOB))",
                       kinds[i]);
        attack(place->path, sql);
        assert_fails(test_store_open(place->location, place->root, &place->store), TAMPERED);
        assert_int_equal(place_down(&own), 0);
    }
}

static void a_first_start_that_ended_between_key_and_store_goes_on(void **state)
{
    struct place *place = *state;
    place_close(place);
    char fresh[160];
    (void)snprintf(fresh, sizeof(fresh), "sqlite:%s/fresh.db", place->dir);
    assert_ok(test_store_open(fresh, place->root, &place->store));
    put(place->store, "x", 0, "y");
}

static void a_root_key_that_others_may_read_is_refused_with_what_to_type(void **state)
{
    struct place *place = *state;
    place_close(place);
    struct stat status;
    assert_int_equal(stat(place->root, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    static const mode_t loose[] = {0640, 0604, 0620, 0601, 0666};
    for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
        assert_int_equal(chmod(place->root, loose[i]), 0);
        capsa_result result = test_store_open(place->location, place->root, &place->store);
        assert_int_equal(capsa_code_of(result), CAPSA_E_DENIED);
        assert_non_null(strstr(capsa_text_of(result), "chmod 600"));
    }
    assert_int_equal(chmod(place->root, 0400), 0);
    place->store = open_store(place);
    if (geteuid() == 0) { /* only root can give a file away */
        place_close(place);
        assert_int_equal(chown(place->root, 65534, 65534), 0);
        assert_fails(test_store_open(place->location, place->root, &place->store), DENIED);
    }
}

static void a_root_key_file_is_read_back_and_any_damage_is_noticed(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    CAPSA_AUTO_FREE(capsa_root) again = NULL;
    assert_ok(capsa_root_new(&root));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
    assert_ok(capsa_root_write(root, &text));
    assert_ok(capsa_root_parse(capsa_buf_bytes(&text), &again));
    assert_memory_equal(again->id, root->id, CAPSA_ROOT_ID);
    assert_int_equal(again->epoch, 1);
    assert_true(capsa_equal_ct(capsa_secret_borrow(again->key), capsa_secret_borrow(root->key)));
    for (size_t i = 0; i < text.len; i++) {
        struct capsa_root *none = NULL;
        for (unsigned bit = 0; bit < 8; bit++) {
            text.data[i] ^= (uint8_t)(1U << bit);
            assert_true(capsa_failed(capsa_root_parse(capsa_buf_bytes(&text), &none)));
            text.data[i] ^= (uint8_t)(1U << bit);
        }
        assert_true(capsa_failed(capsa_root_parse(capsa_bytes_of(text.data, i), &none)));
        assert_null(none);
    }
    assert_ok(capsa_buf_str(&text, "\n"));
    struct capsa_root *none = NULL;
    assert_fails(capsa_root_parse(capsa_buf_bytes(&text), &none), MALFORMED);
}

static void a_root_key_file_is_never_overwritten(void **state)
{
    struct place *place = *state;
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    assert_ok(capsa_root_new(&root));
    assert_fails(capsa_root_save(root, place->root), EXISTS);
    place_close(place);
    place->store = open_store(place);
    assert_has(place->store, "one", "the first secret");
}

/* ---- SQLite ---------------------------------------------------------------------------------- */

static void assert_mode(const char *path, mode_t mode)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, mode);
}

static void files_are_for_their_owner_alone(void **state)
{
    struct place *place = *state;
    char path[160];
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        assert_mode(path, 0600);
    }
    (void)snprintf(path, sizeof(path), "%s/data", place->dir);
    assert_mode(path, 0700);
    place_close(place);
    assert_int_equal(chmod(place->path, 0644), 0);
    place->store = open_store(place);
    assert_mode(place->path, 0600);
}

static void a_second_opener_is_refused_and_told_who_has_it(void **state)
{
    struct place *place = *state;
    struct capsa_store *second = NULL;
    capsa_result result = test_store_open(place->location, place->root, &second);
    assert_int_equal(capsa_code_of(result), CAPSA_E_BUSY);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "(pid %ld)", (long)getpid());
    assert_non_null(strstr(capsa_text_of(result), pid));
    assert_null(second);
    assert_fails(capsa_store_restore(place->location, place->path), BUSY);
    place_close(place);
    place->store = open_store(place);
}

static void a_newer_format_is_refused_and_both_are_named(void **state)
{
    struct place *place = *state;
    place_close(place);
    attack(place->path, "PRAGMA user_version=7");
    capsa_result result = test_store_open(place->location, place->root, &place->store);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
    assert_non_null(strstr(capsa_text_of(result), "format 7"));
    assert_non_null(strstr(capsa_text_of(result), "up to 1"));
}

static void a_file_that_is_no_store_of_ours_is_refused_and_left_alone(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *sql;
        enum capsa_code code;
    } files[] = {
        {"PRAGMA application_id=0", CAPSA_E_STORE},
        {"PRAGMA user_version=0", CAPSA_E_TAMPERED},
        {"CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END", CAPSA_E_TAMPERED},
        {"CREATE VIEW v AS SELECT * FROM record", CAPSA_E_TAMPERED},
        {"CREATE TABLE other(x)", CAPSA_E_TAMPERED},
        {"ALTER TABLE record RENAME TO r; CREATE VIEW record AS SELECT * FROM r", CAPSA_E_TAMPERED},
        {"DROP TABLE record", CAPSA_E_TAMPERED},
    };
    place_close(place);
    char copy[160], location[200];
    (void)snprintf(copy, sizeof(copy), "%s/copy.db", place->dir);
    (void)snprintf(location, sizeof(location), "sqlite:%s", copy);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        assert_ok(capsa_store_backup(place->location, copy));
        attack(copy, files[i].sql);
        struct capsa_store *store = NULL;
        capsa_result result = test_store_open(location, place->root, &store);
        assert_int_equal(capsa_code_of(result), files[i].code);
        assert_int_equal(unlink(copy), 0);
    }
    assert_ok(capsa_file_write(copy, VALUE("this is not a database, whatever it is called ....."),
                               0600, false));
    struct capsa_store *store = NULL;
    assert_fails(test_store_open(location, place->root, &store), TAMPERED);
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(1));
    assert_ok(capsa_file_read(copy, &content));
    assert_int_equal(content.len, 51);
}

static void damaged_pages_are_errors_and_never_a_crash(void **state)
{
    struct place *place = *state;
    for (int i = 0; i < 200; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "n%d", i);
        put(place->store, name, 0, "value");
    }
    place_close(place);
    CAPSA_AUTO(capsa_buf) good = capsa_buf_of(MIB(4));
    assert_ok(capsa_file_read(place->path, &good));
    unsigned seed = 20261121;
    for (int round = 0; round < 60; round++) {
        CAPSA_AUTO(capsa_buf) bad = capsa_buf_of(MIB(4));
        assert_ok(capsa_buf_append(&bad, capsa_buf_bytes(&good)));
        for (int i = 0; i < 8; i++) {
            bad.data[(size_t)rand_r(&seed) % bad.len] ^= (uint8_t)(1 + rand_r(&seed) % 255);
        }
        if (round % 4 == 0) {
            capsa_buf_cut(&bad, (size_t)rand_r(&seed) % bad.len);
        }
        assert_ok(capsa_file_write(place->path, capsa_buf_bytes(&bad), 0600, true));
        struct capsa_store *store = NULL;
        capsa_result result = test_store_open(place->location, place->root, &store);
        if (!capsa_failed(result)) {
            result = walk(store); /* may well succeed: the damage hit free space */
        }
        enum capsa_code code = capsa_code_of(result);
        assert_true(code == CAPSA_E_OK || code == CAPSA_E_TAMPERED || code == CAPSA_E_STORE ||
                    code == CAPSA_E_DENIED || code == CAPSA_E_UNSUPPORTED);
        capsa_store_free(store);
    }
    assert_ok(capsa_file_write(place->path, capsa_buf_bytes(&good), 0600, true));
    place->store = open_store(place);
    assert_has(place->store, "n199", "value");
}

static void a_full_disk_fails_the_commit_and_the_store_goes_on(void **state)
{
    struct place *place = *state;
    CAPSA_AUTO_FREE(capsa_writer) writer = NULL;
    assert_ok(capsa_writer_new(place->store, NULL, &writer));
    CAPSA_AUTO(capsa_buf) large = capsa_buf_of(MIB(1));
    uint8_t *room = NULL;
    assert_ok(capsa_buf_extend(&large, MIB(1), &room));
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    const struct capsa_record_key key = KEY("large");
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, &key, 0, NULL, capsa_buf_bytes(&large)));
    const struct capsa_record_key small = KEY("small");
    assert_ok(capsa_batch_put(batch, &small, 0, NULL, VALUE("x")));

    /* The log may not grow past 512 KiB: as good as a full disk, and no privilege is needed. */
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = (struct rlimit){.rlim_cur = KIB(512), .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    capsa_result result = capsa_writer_commit(writer, batch);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(capsa_code_of(result), CAPSA_E_STORE);

    struct capsa_writer_state told;
    capsa_writer_state(writer, &told);
    assert_int_equal(told.failures, 1);
    CAPSA_AUTO(capsa_record) record = {0};
    assert_fails(get(place->store, "small", &record), NOT_FOUND);
    assert_has(place->store, "one", "the first secret");
    assert_ok(capsa_writer_commit(writer, batch));
    assert_has(place->store, "small", "x");
    capsa_writer_free(writer);
    writer = NULL;
    place_close(place);
    place->store = open_store(place);
    assert_has(place->store, "small", "x");
}

/* ---- Backup and restore ---------------------------------------------------------------------- */

struct pairs {
    struct capsa_store *store;
    atomic_bool done;
    bool failed;
    atomic_uint written;
};

static void *write_pairs(void *context)
{
    struct pairs *pairs = context;
    const struct capsa_record_key a = CAPSA_RECORD_KEY("default", "pair", "a");
    const struct capsa_record_key b = CAPSA_RECORD_KEY("default", "pair", "b");
    for (uint64_t i = 0; !atomic_load(&pairs->done) && !pairs->failed; i++) {
        CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
        pairs->failed = capsa_failed(capsa_batch_new(&batch)) ||
                        capsa_failed(capsa_batch_put(batch, &a, i, NULL, VALUE("x"))) ||
                        capsa_failed(capsa_batch_put(batch, &b, i, NULL, VALUE("x"))) ||
                        capsa_failed(capsa_store_commit(pairs->store, batch));
        atomic_fetch_add(&pairs->written, 1);
    }
    return NULL;
}

static uint64_t version_of_pair(struct capsa_store *store)
{
    const struct capsa_record_key a = CAPSA_RECORD_KEY("default", "pair", "a");
    const struct capsa_record_key b = CAPSA_RECORD_KEY("default", "pair", "b");
    CAPSA_AUTO(capsa_record) first = {0};
    CAPSA_AUTO(capsa_record) second = {0};
    assert_ok(capsa_store_get(store, &a, &first));
    assert_ok(capsa_store_get(store, &b, &second));
    assert_int_equal(first.version, second.version);
    return first.version;
}

static void backups_taken_during_writes_are_each_of_one_moment(void **state)
{
    struct place *place = *state;
    struct pairs pairs = {.store = place->store};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_pairs, &pairs), 0);
    uint64_t last = 0;
    for (int i = 0; i < 4; i++) {
        unsigned before = atomic_load(&pairs.written);
        while (atomic_load(&pairs.written) < before + 5) {
            (void)sched_yield();
        }
        char copy[160], restored[200];
        (void)snprintf(copy, sizeof(copy), "%s/backup-%d", place->dir, i);
        (void)snprintf(restored, sizeof(restored), "sqlite:%s/restored-%d/x.db", place->dir, i);
        assert_ok(capsa_store_backup(place->location, copy));
        assert_mode(copy, 0600);
        assert_ok(capsa_store_restore(restored, copy));
        struct capsa_store *store = NULL;
        assert_ok(test_store_open(restored, place->root, &store));
        uint64_t version = version_of_pair(store);
        assert_true(version > last);
        last = version;
        assert_has(store, "one", "the first secret");
        capsa_store_free(store);
    }
    atomic_store(&pairs.done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(pairs.failed);
}

static void a_backup_never_overwrites_and_leaves_nothing_when_it_fails(void **state)
{
    struct place *place = *state;
    char copy[160];
    (void)snprintf(copy, sizeof(copy), "%s/backup", place->dir);
    assert_ok(capsa_store_backup(place->location, copy));
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(MIB(1));
    assert_ok(capsa_file_read(copy, &content));
    assert_int_equal(content.data[18], 1); /* needs no log beside it: 2 would be WAL */
    assert_int_equal(content.data[19], 1);
    assert_fails(capsa_store_backup(place->location, copy), EXISTS);
    int files = test_count_files(place->dir);
    (void)snprintf(copy, sizeof(copy), "%s/none/backup", place->dir);
    assert_fails(capsa_store_backup(place->location, copy), IO);
    assert_fails(capsa_store_backup("sqlite:/tmp/capsa-none.db", copy), NOT_FOUND);
    assert_int_equal(access("/tmp/capsa-none.db", F_OK), -1);
    assert_int_equal(test_count_files(place->dir), files);
}

static void a_restore_replaces_everything_and_a_bad_file_nothing(void **state)
{
    struct place *place = *state;
    char copy[160], bad[160];
    (void)snprintf(copy, sizeof(copy), "%s/backup", place->dir);
    (void)snprintf(bad, sizeof(bad), "%s/bad", place->dir);
    assert_ok(capsa_store_backup(place->location, copy));
    put(place->store, "one", 1, "changed");
    put(place->store, "later", 0, "x");
    place_close(place);

    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(MIB(1));
    assert_ok(capsa_file_read(copy, &content));
    assert_ok(capsa_file_write(bad, capsa_bytes_of(content.data, content.len / 2), 0600, false));
    assert_fails(capsa_store_restore(place->location, bad), TAMPERED);
    assert_ok(capsa_file_write(bad, VALUE("not a backup"), 0600, true));
    assert_fails(capsa_store_restore(place->location, bad), TAMPERED);
    assert_ok(capsa_file_write(bad, VALUE(""), 0600, true));
    assert_true(capsa_failed(capsa_store_restore(place->location, bad)));
    assert_fails(capsa_store_restore(place->location, "/tmp/capsa-none.db"), NOT_FOUND);
    assert_int_equal(unlink(bad), 0); /* a database of something else is not overwritten */
    attack(bad, "CREATE TABLE other(x)");
    char other[200];
    (void)snprintf(other, sizeof(other), "sqlite:%s", bad);
    assert_fails(capsa_store_restore(other, copy), STORE);
    place->store = open_store(place);
    assert_has(place->store, "later", "x");
    place_close(place);

    assert_ok(capsa_store_restore(place->location, copy));
    place->store = open_store(place);
    assert_has(place->store, "one", "the first secret");
    CAPSA_AUTO(capsa_record) record = {0};
    assert_fails(get(place->store, "later", &record), NOT_FOUND);
    put(place->store, "later", 0, "again");
    place_close(place);

    /* what was replaced is still there, is a backup itself, and is not replaced in its turn */
    char kept[200];
    (void)snprintf(kept, sizeof(kept), "%s" CAPSA_STORE_KEPT, strchr(place->location, ':') + 1);
    assert_mode(kept, 0600);
    assert_fails(capsa_store_restore(place->location, copy), EXISTS);
    (void)snprintf(bad, sizeof(bad), "%s/moved", place->dir);
    assert_int_equal(rename(kept, bad), 0);
    assert_ok(capsa_store_restore(place->location, bad));
    place->store = open_store(place);
    assert_has(place->store, "later", "x");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_up, place_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attack_on_a_row_is_noticed_in_a_live_and_in_a_stopped_store),
        TEST(rows_whose_columns_are_no_columns_of_ours_are_refused),
        TEST(a_key_that_is_none_fails_the_walk),
        TEST(the_file_holds_neither_values_nor_what_was_overwritten),
        cmocka_unit_test(every_changed_or_missing_byte_of_a_sealed_value_is_noticed),
        cmocka_unit_test(a_record_sealed_by_another_program_opens),
        cmocka_unit_test(the_same_value_is_never_sealed_the_same_twice),
        TEST(nothing_is_sealed_without_randomness),
        TEST(a_wrong_root_key_is_told_from_a_damaged_store),
        TEST(a_store_without_its_root_key_is_an_error_and_never_a_new_key),
        cmocka_unit_test(a_store_that_lost_what_it_began_with_is_refused),
        TEST(a_first_start_that_ended_between_key_and_store_goes_on),
        TEST(a_root_key_that_others_may_read_is_refused_with_what_to_type),
        cmocka_unit_test(a_root_key_file_is_read_back_and_any_damage_is_noticed),
        TEST(a_root_key_file_is_never_overwritten),
        TEST(files_are_for_their_owner_alone),
        TEST(a_second_opener_is_refused_and_told_who_has_it),
        TEST(a_newer_format_is_refused_and_both_are_named),
        TEST(a_file_that_is_no_store_of_ours_is_refused_and_left_alone),
        TEST(damaged_pages_are_errors_and_never_a_crash),
        TEST(a_full_disk_fails_the_commit_and_the_store_goes_on),
        TEST(backups_taken_during_writes_are_each_of_one_moment),
        TEST(a_backup_never_overwrites_and_leaves_nothing_when_it_fails),
        TEST(a_restore_replaces_everything_and_a_bad_file_nothing),
    };
    return cmocka_run_group_tests_name("store, sealed and on disk", tests, NULL, NULL);
}
