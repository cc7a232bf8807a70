/* SPDX-License-Identifier: Apache-2.0
 *
 * store: the slots that hold its root, how it begins and opens, and how it gets another root, whole
 * or not at all, whatever fails on the way.
 */
#include "store_place.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "codec/text.h"
#include "store/store_backend.h"

/* ---- Providers ------------------------------------------------------------------------------- */

static void a_provider_that_is_not_built_says_so_and_an_unknown_one_lists_them(void **state)
{
    (void)state;
    static const char *const planned[] = {"sgx-mrenclave", "sgx-mrsigner",  "snp-derived",
                                          "csv-sealing",   "vault-transit", "peer",
                                          "quorum"};
    const struct capsa_slot_provider *provider = NULL;
    for (size_t i = 0; i < sizeof(planned) / sizeof(planned[0]); i++) {
        capsa_result result = capsa_slot_provider_find(planned[i], &provider);
        assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
        assert_non_null(strstr(capsa_text_of(result), planned[i]));
        assert_non_null(strstr(capsa_text_of(result), "not built yet"));
    }
    capsa_result result = capsa_slot_provider_find("tdx", &provider);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
    assert_non_null(strstr(capsa_text_of(result), "a peer, a quorum or an external root"));
    result = capsa_slot_provider_find("fil", &provider);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
    for (size_t i = 0; capsa_slot_providers[i] != NULL; i++) {
        assert_non_null(strstr(capsa_text_of(result), capsa_slot_providers[i]->name));
    }
    assert_null(provider);
    assert_ok(capsa_slot_provider_find("file", &provider));
    assert_int_equal(provider->trust_class, CAPSA_SLOT_SIMULATION);
    struct capsa_store_options options = test_store_options("memory:", NULL);
    struct capsa_store *store = NULL;
    options.provider = "peer";
    assert_fails(capsa_store_open_sealed(&options, &store), UNSUPPORTED);
}

static void make_slot(const char *where, capsa_slot *ret_slot)
{
    *ret_slot = (capsa_slot){.provider = &capsa_slot_file, .epoch = 3};
    memset(ret_slot->manager_id, 0x5a, sizeof(ret_slot->manager_id));
    ret_slot->id = capsa_strdup("one");
    assert_non_null(ret_slot->id);
    ret_slot->parameters = capsa_buf_of(KIB(1));
    assert_ok(capsa_slot_file.prepare(where, &ret_slot->parameters));
}

#define ROOT_BYTES "0123456789abcdef0123456789abcdef"

static void a_root_comes_out_of_its_own_slot_and_of_no_other(void **state)
{
    struct place *place = *state;
    CAPSA_AUTO(capsa_slot) slot = {.id = NULL};
    const capsa_secret_bytes root = {(const uint8_t *)ROOT_BYTES, 32};
    struct capsa_secret *again = NULL;
    make_slot(place->root, &slot);
    assert_ok(capsa_slot_wrap(&slot, place->root, root));
    assert_null(memmem(slot.wrapped.data, slot.wrapped.len, "01234567", 8));
    assert_ok(capsa_slot_unwrap(&slot, place->root, NULL, NULL, &again));
    assert_true(capsa_equal_ct(capsa_secret_borrow(again), root));
    capsa_secret_free(again);
    again = NULL;

    slot.epoch++;
    assert_fails(capsa_slot_unwrap(&slot, place->root, NULL, NULL, &again), TAMPERED);
    slot.epoch--;
    slot.manager_id[31] ^= 1;
    assert_fails(capsa_slot_unwrap(&slot, place->root, NULL, NULL, &again), TAMPERED);
    slot.manager_id[31] ^= 1;
    slot.id[0] = 'O';
    assert_fails(capsa_slot_unwrap(&slot, place->root, NULL, NULL, &again), TAMPERED);
    slot.id[0] = 'o';
    slot.parameters.data[0] ^= 1;
    assert_fails(capsa_slot_unwrap(&slot, place->root, NULL, NULL, &again), DENIED);
    slot.parameters.data[0] ^= 1;
    for (size_t i = 0; i < slot.wrapped.len; i++) {
        slot.wrapped.data[i] ^= 0x10;
        assert_fails(capsa_slot_unwrap(&slot, place->root, NULL, NULL, &again), TAMPERED);
        slot.wrapped.data[i] ^= 0x10;
    }
    assert_null(again);
}

static void a_slot_is_read_back_and_damage_is_noticed_or_harmless(void **state)
{
    struct place *place = *state;
    CAPSA_AUTO(capsa_slot) slot = {.id = NULL};
    CAPSA_AUTO(capsa_slot) parsed = {.id = NULL};
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(4));
    make_slot(place->root, &slot);
    assert_ok(
        capsa_slot_wrap(&slot, place->root, (capsa_secret_bytes){(const uint8_t *)ROOT_BYTES, 32}));
    assert_ok(capsa_slot_write(&slot, &bytes));
    assert_ok(capsa_slot_parse(capsa_buf_bytes(&bytes), &parsed));
    assert_string_equal(parsed.id, "one");
    assert_ptr_equal(parsed.provider, &capsa_slot_file);
    assert_int_equal(parsed.epoch, 3);
    assert_memory_equal(parsed.manager_id, slot.manager_id, CAPSA_SHA256);
    assert_true(
        capsa_bytes_equal(capsa_buf_bytes(&parsed.wrapped), capsa_buf_bytes(&slot.wrapped)));
    for (size_t i = 0; i < bytes.len; i++) {
        CAPSA_AUTO(capsa_slot) none = {.id = NULL};
        struct capsa_secret *root = NULL;
        bytes.data[i] ^= 1;
        capsa_result result = capsa_slot_parse(capsa_buf_bytes(&bytes), &none);
        if (!capsa_failed(result)) { /* then it is another slot, and gives out nothing */
            result = capsa_slot_unwrap(&none, place->root, NULL, NULL, &root);
        }
        assert_true(capsa_failed(result));
        assert_true(capsa_failed(capsa_slot_parse(capsa_bytes_of(bytes.data, i), &none)));
        bytes.data[i] ^= 1;
    }
}

/* A provider that asks somebody else: the answer comes from another thread. */
struct asked {
    pthread_t thread;
    capsa_slot_done done;
    void *context;
    atomic_bool told; /* the caller knows that it takes longer */
    bool refuses;
};

static void *answer(void *context)
{
    struct asked *asked = context;
    while (!atomic_load(&asked->told)) {
        (void)sched_yield();
    }
    capsa_result result = asked->refuses ? capsa_error_make(CAPSA_E_DENIED, __FILE__, __LINE__,
                                                            "the peer does not know this manager")
                                         : CAPSA_OK;
    asked->done(asked->context, result, (capsa_secret_bytes){(const uint8_t *)ROOT_BYTES, 32});
    return NULL;
}

static struct asked asked; /* the provider's functions have no context of their own */

static enum capsa_slot_progress ask(const char *where, const struct capsa_slot *slot,
                                    capsa_slot_done done, void *context)
{
    (void)where;
    (void)slot;
    asked.done = done;
    asked.context = context;
    assert_int_equal(pthread_create(&asked.thread, NULL, answer, &asked), 0);
    return CAPSA_SLOT_PENDING;
}

static void note_pending(void *context)
{
    (void)context;
    atomic_store(&asked.told, true);
}

static void a_provider_that_takes_longer_is_waited_for(void **state)
{
    (void)state;
    static const struct capsa_slot_provider asking = {.name = "asking", .unwrap = ask};
    const capsa_slot slot = {.provider = &asking};
    for (int refuses = 0; refuses < 2; refuses++) {
        struct capsa_secret *root = NULL;
        asked = (struct asked){.refuses = refuses == 1};
        capsa_result result = capsa_slot_unwrap(&slot, NULL, note_pending, NULL, &root);
        assert_int_equal(pthread_join(asked.thread, NULL), 0);
        assert_int_equal(capsa_code_of(result), refuses == 1 ? CAPSA_E_DENIED : CAPSA_E_OK);
        assert_int_equal(root != NULL, refuses == 0);
        assert_true(refuses == 0 || strstr(capsa_text_of(result), "does not know") != NULL);
        capsa_secret_free(root);
    }
}

/* ---- Beginning and opening ------------------------------------------------------------------- */

static capsa_result begin_with_key(void *context, capsa_buf *ret_genesis, struct capsa_batch *first)
{
    const struct capsa_record_key key = CAPSA_RECORD_KEY("capsa", "audit_key");
    CAPSA_TRY(capsa_batch_put(first, &key, 0, NULL, VALUE("a private key")));
    CAPSA_TRY(capsa_buf_str(ret_genesis, context));
    return CAPSA_OK;
}

static void a_store_begins_with_its_genesis_and_is_known_by_it(void **state)
{
    struct place *place = *state;
    char location[200];
    char genesis[] = "genesis bytes";
    uint8_t id[CAPSA_SHA256];
    capsa_sha256(VALUE(genesis), id);
    (void)snprintf(location, sizeof(location), "sqlite:%s/begun.db", place->dir);
    struct capsa_store_options options = test_store_options(location, place->root);
    struct capsa_store *store = NULL;
    options.begin = NULL;
    capsa_result result = capsa_store_open_sealed(&options, &store);
    assert_int_equal(capsa_code_of(result), CAPSA_E_NOT_FOUND);
    assert_non_null(strstr(capsa_text_of(result), "no store yet"));
    options.begin = begin_with_key;
    options.context = genesis;
    for (int i = 0; i < 3; i++) {
        struct capsa_store_progress progress = {.checked = 0};
        options.progress = &progress;
        assert_ok(capsa_store_open_sealed(&options, &store));
        assert_int_equal(atomic_load(&progress.phase), CAPSA_STORE_OPEN);
        assert_int_equal(atomic_load(&progress.checked), i == 0 ? 0 : i == 1 ? 4 : 5);
        assert_memory_equal(capsa_store_manager_id(store), id, sizeof(id));
        assert_true(capsa_bytes_is(capsa_store_genesis(store), genesis));
        assert_int_equal(capsa_store_epoch(store), 1);
        /* begun, and nothing changed since; the second opening changes something */
        assert_int_equal(capsa_store_was_begun(store), i < 2);
        const struct capsa_record_key key = CAPSA_RECORD_KEY("capsa", "audit_key");
        CAPSA_AUTO(capsa_record) record = {0};
        assert_ok(capsa_store_get(store, &key, &record));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&record.value), "a private key"));
        if (i == 1) {
            put(store, "x", 0, "y");
        }
        capsa_store_free(store);
        options.begin = NULL; /* needed no more */
    }
}

static void phases_have_names(void **state)
{
    (void)state;
    assert_string_equal(capsa_store_phase_name(CAPSA_STORE_UNINITIALISED), "uninitialised");
    assert_string_equal(capsa_store_phase_name(CAPSA_STORE_SEALED), "sealed");
    assert_string_equal(capsa_store_phase_name(CAPSA_STORE_JOINING), "joining");
    assert_string_equal(capsa_store_phase_name(CAPSA_STORE_OPEN), "open");
}

static void a_store_that_stays_closed_says_sealed(void **state)
{
    struct place *place = *state;
    place_close(place);
    struct capsa_store_progress progress = {.checked = 0};
    struct capsa_store_options options = test_store_options(place->location, "/nowhere/root.key");
    options.progress = &progress;
    assert_fails(capsa_store_open_sealed(&options, &place->store), STORE);
    assert_int_equal(atomic_load(&progress.phase), CAPSA_STORE_SEALED);
}

static void a_beginner_that_fails_or_says_nothing_leaves_no_store(void **state)
{
    struct place *place = *state;
    char location[200];
    (void)snprintf(location, sizeof(location), "sqlite:%s/begun.db", place->dir);
    struct capsa_store_options options = test_store_options(location, place->root);
    struct capsa_store *store = NULL;
    char nothing[] = "";
    options.begin = begin_with_key;
    options.context = nothing;
    assert_fails(capsa_store_open_sealed(&options, &store), USAGE);
    options.begin = NULL;
    assert_fails(capsa_store_open_sealed(&options, &store), NOT_FOUND);
}

static void a_store_of_an_earlier_version_is_told_from_a_damaged_one(void **state)
{
    struct place *place = *state;
    place_close(place);
    attack(place->path, "DELETE FROM record; INSERT INTO record VALUES("
                        "x'0000000563617073610000000573746f7265', 1, x'', zeroblob(69))");
    capsa_result result = test_store_open(place->location, place->root, &place->store);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
    assert_non_null(strstr(capsa_text_of(result), "an earlier version"));
}

static void the_slot_of_another_manager_is_refused(void **state)
{
    struct place *place = *state;
    place_close(place);
    char other[160], location[200], sql[400];
    (void)snprintf(other, sizeof(other), "%s/other.db", place->dir);
    (void)snprintf(location, sizeof(location), "sqlite:%s", other);
    struct capsa_store_options options = test_store_options(location, place->root);
    char genesis[] = "another";
    struct capsa_store *store = NULL;
    options.begin = begin_with_key;
    options.context = genesis;
    assert_ok(capsa_store_open_sealed(&options, &store));
    capsa_store_free(store);
    (void)snprintf(sql, sizeof(sql),
                   "ATTACH '%s' AS other; REPLACE INTO record SELECT * FROM other.record "
                   "WHERE instr(key, CAST('slot' AS BLOB))",
                   other);
    attack(place->path, sql);
    assert_fails(test_store_open(place->location, place->root, &place->store), TAMPERED);
}

/* The same root in a slot that says another manager: not to be had without the root key. */
static capsa_result give_to_another(void *context, const struct capsa_slot *slot, uint64_t version,
                                    bool *ret_stop)
{
    (void)version;
    (void)ret_stop;
    const struct place *place = context;
    CAPSA_AUTO_FREE(capsa_secret) root = NULL;
    CAPSA_AUTO(capsa_slot) other = {.id = NULL};
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(8));
    const char *text;
    char sql[2000];
    make_slot(place->root, &other);
    other.epoch = slot->epoch;
    capsa_dealloc(other.id);
    other.id = capsa_strdup(slot->id);
    assert_ok(capsa_slot_unwrap(slot, place->root, NULL, NULL, &root));
    assert_ok(capsa_slot_wrap(&other, place->root, capsa_secret_borrow(root)));
    assert_ok(capsa_slot_write(&other, &bytes));
    assert_ok(capsa_hex_write(capsa_buf_bytes(&bytes), &hex));
    assert_ok(capsa_buf_cstr(&hex, &text));
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE record SET value = x'%s' WHERE instr(key, CAST('slot' AS BLOB))", text);
    attack(place->path, sql);
    return CAPSA_OK;
}

static void a_genesis_that_is_not_the_managers_is_refused(void **state)
{
    struct place *place = *state;
    assert_ok(capsa_store_slots(place->store, give_to_another, place));
    place_close(place);
    capsa_result result = test_store_open(place->location, place->root, &place->store);
    assert_int_equal(capsa_code_of(result), CAPSA_E_TAMPERED);
    assert_non_null(strstr(capsa_text_of(result), "another manager"));
}

struct slots_seen {
    unsigned count;
    uint32_t epoch;
    uint64_t version;
};

static capsa_result see_slot(void *context, const struct capsa_slot *slot, uint64_t version,
                             bool *ret_stop)
{
    (void)ret_stop;
    struct slots_seen *seen = context;
    assert_string_equal(slot->id, "file");
    seen->count++;
    seen->epoch = slot->epoch;
    seen->version = version;
    return CAPSA_OK;
}

static void slots_are_listed_of_a_sealed_and_of_a_plain_store(void **state)
{
    struct place *place = *state;
    struct slots_seen seen = {.count = 0};
    assert_ok(capsa_store_slots(place->store, see_slot, &seen));
    assert_int_equal(seen.count, 1);
    place_close(place);
    struct capsa_store *plain = NULL;
    assert_ok(capsa_store_open(place->location, &plain));
    assert_ok(capsa_store_slots(plain, see_slot, &seen));
    assert_int_equal(seen.count, 2);
    capsa_store_free(plain);
    attack(place->path, "UPDATE record SET value = x'ff' WHERE instr(key, CAST('slot' AS BLOB))");
    assert_fails(test_store_open(place->location, place->root, &place->store), TAMPERED);
}

/* ---- Another root ---------------------------------------------------------------------------- */

static capsa_result note_leaf(void *context, const struct capsa_group *group,
                              struct capsa_batch *last)
{
    uint8_t *state = context;
    memcpy(state, group->state, CAPSA_STORE_STATE);
    const struct capsa_leaf *leaf = &group->batches[0]->leaves[0];
    const struct capsa_record_key key = CAPSA_RECORD_KEY(CAPSA_STORE_LOG_NAMESPACE, "leaf", "0");
    CAPSA_REQUIRE(leaf->context == context, INTERNAL, "a leaf without its context");
    return capsa_batch_put(last, &key, 0, NULL, capsa_buf_bytes(&leaf->bytes));
}

static capsa_result settle_leaf(void *context, const struct capsa_group *group, bool committed)
{
    (void)group;
    ((uint8_t *)context)[CAPSA_STORE_STATE] = committed ? 1 : 2;
    return CAPSA_OK;
}

static void assert_whole(struct capsa_store *store)
{
    assert_has(store, "one", "the first secret");
    assert_has(store, "two", "the other secret");
    assert_ok(walk(store));
}

static void a_rekeyed_store_is_the_same_under_another_root(void **state)
{
    struct place *place = *state;
    uint8_t before[CAPSA_STORE_STATE], after[CAPSA_STORE_STATE + 1] = {0}, now[CAPSA_STORE_STATE];
    const struct capsa_writer_audit audit = {note_leaf, settle_leaf, after};
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    char kept[160], location[200];
    (void)snprintf(kept, sizeof(kept), "%s/kept.db", place->dir);
    (void)snprintf(location, sizeof(location), "sqlite:%s", kept);
    assert_ok(capsa_store_backup(place->location, kept));
    assert_ok(capsa_store_state(place->store, before));
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_leaf(batch, VALUE("rekeyed"), after));
    assert_fails(capsa_store_rekey(place->store, place->root, batch, NULL), UNSUPPORTED);
    assert_ok(capsa_store_rekey(place->store, place->root, batch, &audit));
    assert_int_equal(after[CAPSA_STORE_STATE], 1);
    for (int i = 0; i < 2; i++) {
        struct slots_seen seen = {.count = 0};
        assert_int_equal(capsa_store_epoch(place->store), 2);
        assert_ok(capsa_store_slots(place->store, see_slot, &seen));
        assert_int_equal(seen.epoch, 2);
        assert_ok(capsa_store_state(place->store, now));
        assert_memory_equal(now, after, sizeof(now));
        assert_memory_not_equal(now, before, sizeof(now));
        assert_whole(place->store);
        const struct capsa_record_key leaf =
            CAPSA_RECORD_KEY(CAPSA_STORE_LOG_NAMESPACE, "leaf", "0");
        CAPSA_AUTO(capsa_record) record = {0};
        assert_ok(capsa_store_get(place->store, &leaf, &record));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&record.value), "rekeyed"));
        place_close(place);
        place->store = open_store(place);
    }
    put(place->store, "one", 1, "changed"); /* its version went along */
    capsa_result untold = capsa_store_rekey(place->store, place->root, NULL, NULL);
    assert_int_equal(capsa_code_of(untold), CAPSA_E_UNSUPPORTED);
    assert_non_null(strstr(capsa_text_of(untold), "audit log"));
    /* a row from before is of another root; a whole store from before opens as it was */
    attack(place->path, "ATTACH '' AS x"); /* the file is not locked by what failed */
    struct capsa_store *old = NULL;
    assert_ok(test_store_open(location, place->root, &old));
    assert_int_equal(capsa_store_epoch(old), 1);
    assert_whole(old);
    capsa_store_free(old);
    char sql[400];
    (void)snprintf(
        sql, sizeof(sql),
        "ATTACH '%s' AS kept; REPLACE INTO record SELECT * FROM kept.record WHERE " ROW("two"),
        kept);
    attack(place->path, sql);
    assert_tampered(place->store, "two");
}

/* Its rows must not be left under a root that no slot holds. */
static void a_rekey_whose_batch_meets_a_conflict_changes_nothing(void **state)
{
    struct place *place = *state;
    const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "key", "one");
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, &key, 5, NULL, VALUE("late")));
    assert_fails(capsa_store_rekey(place->store, place->root, batch, NULL), CONFLICT);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(capsa_store_epoch(place->store), 1);
        assert_whole(place->store);
        place_close(place);
        place->store = open_store(place);
    }
}

static void nothing_that_was_tampered_with_is_sealed_anew(void **state)
{
    (void)state;
    static const char *const sql[] = {
        "DELETE FROM record WHERE " ROW("two"),
        "UPDATE record SET version = 2 WHERE " ROW("two"),
        "UPDATE record SET owners = x'' WHERE " ROW("two"),
    };
    for (size_t i = 0; i < 3; i++) {
        void *own = NULL;
        assert_int_equal(place_up(&own), 0);
        struct place *place = own;
        attack(place->path, sql[i]);
        assert_fails(capsa_store_rekey(place->store, place->root, NULL, NULL), TAMPERED);
        assert_int_equal(capsa_store_epoch(place->store), 1);
        assert_has(place->store, "one", "the first secret");
        assert_int_equal(place_down(&own), 0);
    }
}

/* A back-end that fails at the n-th row of a rewrite, or within its group. */
struct failing {
    struct capsa_store base;
    struct capsa_store *inner;
    int rows_left;
    bool dies;
    capsa_store_row_change change;
    void *context;
};

static capsa_result failing_change(void *context, capsa_bytes key, const capsa_record *row,
                                   capsa_buf *ret_value, bool *ret_keep)
{
    struct failing *failing = context;
    if (failing->dies && failing->rows_left == 0) {
        (void)kill(getpid(), SIGKILL);
    }
    CAPSA_REQUIRE(failing->rows_left-- > 0, STORE, "the disk is full");
    return failing->change(failing->context, key, row, ret_value, ret_keep);
}

static capsa_result failing_rewrite(struct capsa_store *base, capsa_store_row_change change,
                                    void *context, const struct capsa_group *group)
{
    struct failing *failing = (struct failing *)base;
    failing->change = change;
    failing->context = context;
    return failing->inner->ops->rewrite(failing->inner, failing_change, failing, group);
}

static capsa_result failing_get(struct capsa_store *base, capsa_bytes key, capsa_record *ret_record)
{
    struct failing *failing = (struct failing *)base;
    return failing->inner->ops->get(failing->inner, key, ret_record);
}

static capsa_result failing_each(struct capsa_store *base, capsa_bytes prefix,
                                 capsa_store_row_visit visit, void *context)
{
    struct failing *failing = (struct failing *)base;
    return failing->inner->ops->each(failing->inner, prefix, visit, context);
}

static capsa_result failing_apply(struct capsa_store *base, const struct capsa_group *group)
{
    struct failing *failing = (struct failing *)base;
    return failing->inner->ops->apply(failing->inner, group);
}

static void failing_close(struct capsa_store *base)
{
    capsa_store_free(((struct failing *)base)->inner);
}

static const struct capsa_store_ops failing_ops = {.scheme = "failing",
                                                   .get = failing_get,
                                                   .each = failing_each,
                                                   .apply = failing_apply,
                                                   .rewrite = failing_rewrite,
                                                   .close = failing_close};

static void a_rekey_that_fails_at_any_row_changes_nothing(void **state)
{
    struct place *place = *state;
    static const char *const locations[] = {"memory:", NULL};
    for (size_t i = 0; i < 2; i++) {
        struct failing failing = {.base = {.ops = &failing_ops}};
        struct capsa_store *store = NULL;
        char fresh[200];
        (void)snprintf(fresh, sizeof(fresh), "sqlite:%s/fresh.db", place->dir);
        const struct capsa_store_options options = test_store_options("failing:", place->root);
        assert_ok(capsa_store_open(locations[i] == NULL ? fresh : locations[i], &failing.inner));
        assert_ok(capsa_store_seal(&failing.base, &options, &store));
        put(store, "one", 0, "the first secret");
        put(store, "two", 0, "the other secret");
        int rows = 0;
        uint8_t before[CAPSA_STORE_STATE], after[CAPSA_STORE_STATE];
        assert_ok(capsa_store_state(store, before));
        for (;; rows++) {
            failing.rows_left = rows;
            capsa_result result = capsa_store_rekey(store, place->root, NULL, NULL);
            assert_whole(store);
            if (!capsa_failed(result)) {
                break;
            }
            assert_int_equal(capsa_code_of(result), CAPSA_E_STORE);
            assert_ok(capsa_store_state(store, after));
            assert_memory_equal(after, before, sizeof(before));
            assert_int_equal(capsa_store_epoch(store), 1);
        }
        assert_int_equal(rows, 5); /* slot, genesis, begun, and two */
        assert_int_equal(capsa_store_epoch(store), 2);
        capsa_store_free(store);
    }
}

static void a_rekey_on_a_disk_that_is_full_at_any_size_changes_nothing(void **state)
{
    struct place *place = *state;
    char name[16];
    for (int i = 0; i < 150; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        put(place->store, name, 0, "some value that takes a little room on the disk ...........");
    }
    place_close(place);
    place->store = open_store(place); /* with an empty log */
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    unsigned failures = 0;
    for (rlim_t size = KIB(4); capsa_store_epoch(place->store) == 1; size += KIB(8)) {
        low = (struct rlimit){.rlim_cur = size, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
        capsa_result result = capsa_store_rekey(place->store, place->root, NULL, NULL);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        failures += capsa_failed(result);
        assert_true(size < MIB(8)); /* the whole store is far smaller */
        assert_int_equal(capsa_store_epoch(place->store), capsa_failed(result) ? 1 : 2);
        assert_whole(place->store);
    }
    (void)signal(SIGXFSZ, handler);
    assert_true(failures > 3);
    place_close(place);
    place->store = open_store(place);
    assert_int_equal(capsa_store_epoch(place->store), 2);
    assert_whole(place->store);
}

static capsa_result die(void *context, const struct capsa_group *group, struct capsa_batch *last)
{
    (void)context;
    (void)group;
    (void)last;
    (void)kill(getpid(), SIGKILL);
    return CAPSA_OK;
}

/* Ends by its own hand at the given row, or in the log's part when there are fewer. */
static void rekey_and_die(const struct place *place, int row)
{
    struct failing failing = {.base = {.ops = &failing_ops}, .rows_left = row, .dies = true};
    const struct capsa_store_options options = test_store_options("failing:", place->root);
    const struct capsa_writer_audit audit = {.finish = die};
    struct capsa_store *store = NULL;
    capsa_result result = capsa_store_open(place->location, &failing.inner);
    if (!capsa_failed(result)) {
        result = capsa_store_seal(&failing.base, &options, &store);
    }
    if (!capsa_failed(result)) {
        result = capsa_store_rekey(store, place->root, NULL, &audit);
    }
    (void)fprintf(stderr, "child: %s\n", capsa_text_of(result));
    _exit(1);
}

static void kill_9_at_each_row_of_a_rekey_leaves_the_old_store(void **state)
{
    struct place *place = *state;
    place_close(place);
    for (int row = 0; row <= 5; row++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            rekey_and_die(place, row);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        place->store = open_store(place);
        assert_int_equal(capsa_store_epoch(place->store), 1);
        assert_whole(place->store);
        place_close(place);
    }
}

/* Rekeys without end, and tells each. */
static void rekey_for_ever(const struct place *place, int out)
{
    struct capsa_store *store = NULL;
    capsa_result result = test_store_open(place->location, place->root, &store);
    while (!capsa_failed(result)) {
        result = capsa_store_rekey(store, place->root, NULL, NULL);
        uint32_t epoch = capsa_store_epoch(store);
        if (capsa_failed(result) || write(out, &epoch, sizeof(epoch)) != sizeof(epoch)) {
            break;
        }
    }
    (void)fprintf(stderr, "child: %s\n", capsa_text_of(result));
    _exit(1);
}

static uint32_t run_and_kill(const struct place *place, unsigned wanted, uint32_t epoch)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(ends[0]);
        rekey_for_ever(place, ends[1]);
    }
    (void)close(ends[1]);
    struct pollfd waiting = {.fd = ends[0], .events = POLLIN};
    bool more = true;
    for (unsigned i = 0; i < wanted && more; i++) {
        more = poll(&waiting, 1, 10000) == 1 && read(ends[0], &epoch, sizeof(epoch)) == 4;
        assert_true(more); /* or the child ended by itself */
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(ends[0], &epoch, sizeof(epoch)) == sizeof(epoch)) {
        /* told before it died */
    }
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return epoch;
}

static void kill_9_between_and_in_rekeys_leaves_the_old_store_or_the_new_one(void **state)
{
    struct place *place = *state;
    char name[16];
    for (int i = 0; i < 60; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        put(place->store, name, 0, "value");
    }
    place_close(place);
    uint32_t epoch = 1;
    for (unsigned round = 0; round < 12; round++) {
        epoch = run_and_kill(place, 1 + round % 3, epoch);
        place->store = open_store(place);
        uint32_t found = capsa_store_epoch(place->store);
        assert_true(found == epoch || found == epoch + 1);
        epoch = found;
        assert_whole(place->store);
        assert_has(place->store, "n59", "value");
        place_close(place);
    }
}

/* ---- A file that goes away ------------------------------------------------------------------- */

static void assert_gone(struct place *place, const char *name)
{
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    const struct capsa_record_key key = KEY("later");
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put(batch, &key, 0, NULL, VALUE("x")));
    capsa_result result = capsa_store_commit(place->store, batch);
    assert_int_equal(capsa_code_of(result), CAPSA_E_STORE);
    assert_non_null(strstr(capsa_text_of(result), name));
    assert_fails(capsa_store_rekey(place->store, place->root, NULL, NULL), STORE);
    CAPSA_AUTO(capsa_record) record = {0};
    assert_fails(get(place->store, "later", &record), NOT_FOUND);
}

static void a_commit_into_a_file_that_was_deleted_or_replaced_fails(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal"};
    for (size_t i = 0; i < 4; i++) {
        void *own = NULL;
        char path[160], away[192];
        assert_int_equal(place_up(&own), 0);
        struct place *place = own;
        (void)snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i % 2]);
        (void)snprintf(away, sizeof(away), "%s.away", path);
        assert_int_equal(rename(path, away), 0);
        if (i < 2) { /* replaced by a copy of itself */
            CAPSA_AUTO(capsa_buf) content = capsa_buf_of(MIB(16));
            assert_ok(capsa_file_read(away, &content));
            assert_ok(capsa_file_write(path, capsa_buf_bytes(&content), 0600, false));
        }
        assert_gone(place, path);
        assert_int_equal(rename(away, path), 0);
        put(place->store, "later", 0, "x"); /* it is back */
        assert_int_equal(place_down(&own), 0);
    }
}

static capsa_result move_away(void *context, const struct capsa_group *group,
                              struct capsa_batch *last)
{
    (void)group;
    (void)last;
    const struct place *place = context;
    char away[192];
    (void)snprintf(away, sizeof(away), "%s.away", place->path);
    CAPSA_REQUIRE(rename(place->path, away) == 0, INTERNAL, "a rename");
    return CAPSA_OK;
}

static void what_went_into_a_file_that_goes_away_meanwhile_is_not_acknowledged(void **state)
{
    (void)state;
    for (int rekeys = 0; rekeys < 2; rekeys++) {
        void *own = NULL;
        assert_int_equal(place_up(&own), 0);
        struct place *place = own;
        const struct capsa_writer_audit audit = {.finish = move_away, .context = place};
        if (rekeys == 1) {
            assert_fails(capsa_store_rekey(place->store, place->root, NULL, &audit), STORE);
        } else {
            const struct capsa_record_key key = KEY("later");
            struct capsa_writer *writer = NULL;
            CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
            assert_ok(capsa_writer_new(place->store, &audit, &writer));
            assert_ok(capsa_batch_new(&batch));
            assert_ok(capsa_batch_put(batch, &key, 0, NULL, VALUE("x")));
            assert_fails(capsa_writer_commit(writer, batch), STORE);
            capsa_writer_free(writer);
        }
        assert_int_equal(place_down(&own), 0);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_up, place_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_provider_that_is_not_built_says_so_and_an_unknown_one_lists_them),
        TEST(a_root_comes_out_of_its_own_slot_and_of_no_other),
        TEST(a_slot_is_read_back_and_damage_is_noticed_or_harmless),
        cmocka_unit_test(a_provider_that_takes_longer_is_waited_for),
        TEST(a_store_begins_with_its_genesis_and_is_known_by_it),
        cmocka_unit_test(phases_have_names),
        TEST(a_store_that_stays_closed_says_sealed),
        TEST(a_beginner_that_fails_or_says_nothing_leaves_no_store),
        TEST(a_store_of_an_earlier_version_is_told_from_a_damaged_one),
        TEST(the_slot_of_another_manager_is_refused),
        TEST(a_genesis_that_is_not_the_managers_is_refused),
        TEST(slots_are_listed_of_a_sealed_and_of_a_plain_store),
        TEST(a_rekeyed_store_is_the_same_under_another_root),
        cmocka_unit_test(nothing_that_was_tampered_with_is_sealed_anew),
        TEST(a_rekey_whose_batch_meets_a_conflict_changes_nothing),
        TEST(a_rekey_that_fails_at_any_row_changes_nothing),
        TEST(a_rekey_on_a_disk_that_is_full_at_any_size_changes_nothing),
        TEST(kill_9_at_each_row_of_a_rekey_leaves_the_old_store),
        TEST(kill_9_between_and_in_rekeys_leaves_the_old_store_or_the_new_one),
        cmocka_unit_test(a_commit_into_a_file_that_was_deleted_or_replaced_fails),
        cmocka_unit_test(what_went_into_a_file_that_goes_away_meanwhile_is_not_acknowledged),
    };
    return cmocka_run_group_tests_name("store, slots", tests, NULL, NULL);
}
