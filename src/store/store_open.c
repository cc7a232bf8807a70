/* SPDX-License-Identifier: Apache-2.0
 *
 * How a sealed store begins and opens (store_sealed.h). The slot row, the genesis and whatever the
 * beginner adds go into one transaction, so that a store is there whole or not at all. Opening goes
 * slot, root, genesis, then every row once.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "store/store_sealed_internal.h"

/* What versions before slots and genesis began a store with. */
#define EARLIER_FIRST CAPSA_RECORD_KEY("capsa", "store")

const char *capsa_store_phase_name(enum capsa_store_phase phase)
{
    static const char *const names[] = {
        [CAPSA_STORE_UNINITIALISED] = "uninitialised",
        [CAPSA_STORE_SEALED] = "sealed",
        [CAPSA_STORE_JOINING] = "joining",
        [CAPSA_STORE_OPEN] = "open",
    };
    return names[phase];
}

static void set_phase(const struct capsa_store_options *options, enum capsa_store_phase phase)
{
    if (options->progress != NULL) {
        atomic_store(&options->progress->phase, phase);
    }
}

/* ---- Beginning ------------------------------------------------------------------------------- */

/* The one slot of a new store: its id is the provider's name. */
static capsa_result make_slot(const struct capsa_store_options *options,
                              const struct sealed_store *store, struct capsa_batch *out)
{
    CAPSA_AUTO(capsa_slot) slot = {.epoch = store->core.root->epoch};
    CAPSA_TRY(capsa_slot_provider_find(options->provider, &slot.provider));
    memcpy(slot.manager_id, store->manager_id, sizeof(slot.manager_id));
    slot.id = capsa_strdup(slot.provider->name);
    CAPSA_REQUIRE_MEMORY(slot.id);
    slot.parameters = capsa_buf_of(CAPSA_LIMIT_slot_bytes);
    CAPSA_TRY(slot.provider->prepare(options->provider_where, &slot.parameters));
    CAPSA_TRY(capsa_slot_wrap(&slot, options->provider_where,
                              capsa_secret_borrow(store->core.root->key)));
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(CAPSA_LIMIT_slot_bytes);
    CAPSA_TRY(capsa_slot_write(&slot, &value));
    const struct capsa_record_key key =
        CAPSA_RECORD_KEY(CAPSA_SLOT_NAMESPACE, CAPSA_SLOT_KIND, slot.id);
    return capsa_batch_put(out, &key, 0, NULL, capsa_buf_bytes(&value));
}

/* A record of the store's own. */
static capsa_result seal_own(const struct sealed_store *store, const struct capsa_record_key *key,
                             capsa_bytes value, struct capsa_batch *out)
{
    CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(value.len + CAPSA_RECORD_OVERHEAD);
    const capsa_bytes none = {NULL, 0};
    CAPSA_TRY(capsa_record_key_write(key, &canonical));
    CAPSA_TRY(
        capsa_record_seal(store->core.root, capsa_buf_bytes(&canonical), 1, none, value, &sealed));
    return capsa_batch_step(out, CAPSA_STEP_PUT, capsa_buf_bytes(&canonical), 0, none,
                            capsa_buf_bytes(&sealed));
}

/* The state that the steps so far would make. */
static capsa_result state_of_steps(struct capsa_freshness *freshness,
                                   const struct capsa_batch *batch,
                                   uint8_t ret_state[CAPSA_STORE_STATE])
{
    capsa_result result = CAPSA_OK;
    for (size_t i = 0; i < batch->count && !capsa_failed(result); i++) {
        result = capsa_freshness_step(freshness, &batch->steps[i]);
    }
    if (!capsa_failed(result)) {
        result = capsa_freshness_ready(freshness, ret_state);
    }
    capsa_freshness_settle(freshness, false);
    return result;
}

/* One batch that makes the whole store. */
static capsa_result commit_first(struct sealed_store *store, const struct capsa_batch *batch)
{
    struct capsa_error error = {.code = CAPSA_E_OK};
    const struct capsa_group group = {.batches = &batch, .count = 1, .results = &error};
    CAPSA_TRY(sealed_apply_with(&store->core, &group, group.batches, sealed_commit_inner,
                                store->base.inner));
    return capsa_error_again(&error);
}

static capsa_result ask_beginner(const struct capsa_store_options *options,
                                 struct sealed_store *store, struct capsa_batch *first)
{
    CAPSA_REQUIRE(options->begin != NULL, NOT_FOUND, "there is no store yet");
    store->genesis = capsa_buf_of(CAPSA_LIMIT_record_value);
    CAPSA_TRY(options->begin(options->context, &store->genesis, first));
    CAPSA_REQUIRE(store->genesis.len > 0, USAGE, "a store that is begun with an empty genesis");
    CAPSA_REQUIRE(first->leaf_count == 0, UNSUPPORTED, "a store that is begun with audit leaves");
    capsa_sha256(capsa_buf_bytes(&store->genesis), store->manager_id);
    return CAPSA_OK;
}

static capsa_result begin(const struct capsa_store_options *options, struct sealed_store *store)
{
    const struct capsa_record_key genesis = SEALED_GENESIS;
    const struct capsa_record_key begun = SEALED_BEGUN;
    uint8_t state[CAPSA_STORE_STATE];
    CAPSA_AUTO_FREE(capsa_batch) first = NULL;
    CAPSA_AUTO_FREE(capsa_batch) sealed = NULL;
    CAPSA_TRY(capsa_batch_new(&first));
    CAPSA_TRY(capsa_batch_new(&sealed));
    CAPSA_TRY(ask_beginner(options, store, first));
    CAPSA_TRY(capsa_root_new(&store->core.root));
    CAPSA_TRY(capsa_freshness_new(store->core.root, &store->core.freshness));
    CAPSA_TRY(seal_own(store, &genesis, capsa_buf_bytes(&store->genesis), sealed));
    CAPSA_TRY(sealed_seal_batch(store->core.root, first, sealed));
    CAPSA_TRY(state_of_steps(store->core.freshness, sealed, state));
    CAPSA_TRY(seal_own(store, &begun, capsa_bytes_of(state, sizeof(state)), sealed));
    CAPSA_TRY(make_slot(options, store, sealed));
    CAPSA_TRY(commit_first(store, sealed));
    store->was_begun = true;
    return CAPSA_OK;
}

/* ---- Finding the root ------------------------------------------------------------------------ */

struct found_slots {
    const struct capsa_store_options *options;
    size_t count;        /* of any provider */
    size_t tried;        /* of the provider asked for */
    const char *another; /* a provider that a slot has */
    struct capsa_error why;
    struct capsa_secret *root;
    uint32_t epoch;
    uint8_t manager_id[CAPSA_SHA256];
};

static void on_pending(void *context)
{
    set_phase(context, CAPSA_STORE_JOINING);
}

/* The options are only lent to a callback that takes any context. */
static void *lent(const struct capsa_store_options *options)
{
    return (void *)(uintptr_t)options;
}

static capsa_result try_slot(struct found_slots *found, const struct capsa_slot *slot)
{
    const struct capsa_store_options *options = found->options;
    found->tried++;
    capsa_result result =
        capsa_slot_unwrap(slot, options->provider_where, on_pending, lent(options), &found->root);
    set_phase(options, CAPSA_STORE_SEALED);
    if (capsa_failed(result)) {
        capsa_error_keep(result, &found->why);
        return CAPSA_OK; /* another slot may do */
    }
    found->epoch = slot->epoch;
    memcpy(found->manager_id, slot->manager_id, sizeof(found->manager_id));
    return CAPSA_OK;
}

static capsa_result see_slot(void *context, const struct capsa_slot *slot, uint64_t version,
                             bool *ret_stop)
{
    (void)version;
    struct found_slots *found = context;
    found->count++;
    found->another = slot->provider->name;
    CAPSA_REQUIRE(found->count <= CAPSA_LIMIT_slots, TAMPERED, "the store has more than %d slots",
                  CAPSA_LIMIT_slots);
    if (capsa_streq(slot->provider->name, found->options->provider)) {
        CAPSA_TRY(try_slot(found, slot));
    }
    *ret_stop = found->root != NULL;
    return CAPSA_OK;
}

static capsa_result note_row(void *context, capsa_bytes key, const capsa_record *record,
                             bool *ret_stop)
{
    (void)key;
    (void)record;
    *(bool *)context = true;
    *ret_stop = true;
    return CAPSA_OK;
}

/* Holds when there is nothing in it at all. */
static capsa_result check_empty(struct capsa_store *inner)
{
    const struct capsa_record_key earlier = EARLIER_FIRST;
    CAPSA_AUTO(capsa_record) first = {0};
    CAPSA_TRY(capsa_store_find(inner, &earlier, &first));
    CAPSA_REQUIRE(first.version == 0, UNSUPPORTED,
                  "the store was made by an earlier version of this program, which had no genesis; "
                  "this one cannot open it: begin a new store and register the keys again");
    bool has = false;
    CAPSA_TRY(inner->ops->each(inner, capsa_bytes_of(NULL, 0), note_row, &has));
    CAPSA_REQUIRE(!has, TAMPERED, "the store holds records, but no slot that its root would be in");
    return CAPSA_OK;
}

static capsa_result take_root(struct found_slots *found, struct sealed_store *store)
{
    if (found->root == NULL && found->tried > 0) {
        return capsa_error_again(&found->why);
    }
    CAPSA_REQUIRE(found->root != NULL, DENIED,
                  "the store has no slot of provider %s, but of provider %s",
                  found->options->provider, found->another);
    memcpy(store->manager_id, found->manager_id, sizeof(store->manager_id));
    return capsa_root_of(capsa_secret_borrow(found->root), found->epoch, &store->core.root);
}

/* ---- Looking at everything ------------------------------------------------------------------- */

/* Reads one of the store's own records, and what its row is. */
static capsa_result read_own(struct sealed_store *store, const struct capsa_record_key *key,
                             capsa_buf *ret_canonical, capsa_record *ret_row,
                             capsa_record *ret_record)
{
    CAPSA_TRY(capsa_record_key_write(key, ret_canonical));
    CAPSA_TRY(capsa_store_find(store->base.inner, key, ret_row));
    CAPSA_REQUIRE(ret_row->version != 0, TAMPERED,
                  "the store lost the record %s/%s that it began "
                  "with",
                  key->ns, key->kind);
    return sealed_open_row(store->core.root, capsa_buf_bytes(ret_canonical), ret_row, ret_record);
}

static capsa_result read_genesis(struct sealed_store *store)
{
    const struct capsa_record_key key = SEALED_GENESIS;
    CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_AUTO(capsa_record) row = {0};
    CAPSA_AUTO(capsa_record) record = {0};
    uint8_t digest[CAPSA_SHA256];
    CAPSA_TRY(read_own(store, &key, &canonical, &row, &record));
    capsa_sha256(capsa_buf_bytes(&record.value), digest);
    CAPSA_REQUIRE(memcmp(digest, store->manager_id, sizeof(digest)) == 0, TAMPERED,
                  "the slots of the store are those of another manager");
    store->genesis = capsa_buf_of(record.value.len);
    return capsa_buf_append(&store->genesis, capsa_buf_bytes(&record.value));
}

static capsa_result read_begun(struct sealed_store *store)
{
    const struct capsa_record_key key = SEALED_BEGUN;
    CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_AUTO(capsa_record) row = {0};
    CAPSA_AUTO(capsa_record) record = {0};
    uint8_t state[CAPSA_STORE_STATE];
    CAPSA_TRY(read_own(store, &key, &canonical, &row, &record));
    capsa_freshness_state_without(store->core.freshness, capsa_buf_bytes(&canonical), &row, state);
    store->was_begun =
        capsa_bytes_equal(capsa_buf_bytes(&record.value), capsa_bytes_of(state, sizeof(state)));
    return CAPSA_OK;
}

struct scan {
    struct capsa_freshness *freshness;
    struct capsa_store_progress *progress;
};

static capsa_result learn_row(void *context, capsa_bytes key, const capsa_record *row,
                              bool *ret_stop)
{
    (void)ret_stop;
    const struct scan *scan = context;
    if (scan->progress != NULL) {
        atomic_fetch_add_explicit(&scan->progress->checked, 1, memory_order_relaxed);
    }
    return capsa_freshness_learn(scan->freshness, key, row);
}

static capsa_result learn_rows(const struct capsa_store_options *options,
                               struct sealed_store *store)
{
    struct capsa_store *inner = store->base.inner;
    CAPSA_TRY(capsa_freshness_new(store->core.root, &store->core.freshness));
    struct scan scan = {store->core.freshness, options->progress};
    CAPSA_TRY(inner->ops->each(inner, capsa_bytes_of(NULL, 0), learn_row, &scan));
    return capsa_freshness_learned(store->core.freshness);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static capsa_result open_found(const struct capsa_store_options *options, struct found_slots *found,
                               struct sealed_store *store)
{
    CAPSA_TRY(take_root(found, store));
    CAPSA_TRY(read_genesis(store));
    CAPSA_TRY(learn_rows(options, store));
    return read_begun(store);
}

static capsa_result begin_or_open(const struct capsa_store_options *options,
                                  struct sealed_store *store)
{
    const struct capsa_slot_provider *provider;
    CAPSA_TRY(capsa_slot_provider_find(options->provider, &provider));
    CAPSA_REQUIRE(options->provider_where != NULL || store->base.inner->ops->backup == NULL, USAGE,
                  "a store that is kept needs a file for its root key");
    struct found_slots found = {.options = options};
    CAPSA_TRY(capsa_store_slots(store->base.inner, see_slot, &found));
    if (found.count == 0) {
        CAPSA_TRY(check_empty(store->base.inner));
        CAPSA_TRY(begin(options, store));
    } else {
        set_phase(options, CAPSA_STORE_SEALED);
        capsa_result result = open_found(options, &found, store);
        capsa_secret_free(found.root);
        CAPSA_TRY(result);
    }
    set_phase(options, CAPSA_STORE_OPEN);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_store_seal(struct capsa_store *inner, const struct capsa_store_options *options,
                              struct capsa_store **ret_store)
{
    struct sealed_store *store = CAPSA_NEW(struct sealed_store);
    if (store == NULL) {
        capsa_store_free(inner);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    store->base.ops = &sealed_ops;
    store->base.inner = inner;
    capsa_result result = begin_or_open(options, store);
    if (capsa_failed(result)) {
        capsa_store_free(&store->base);
        return result;
    }
    *ret_store = &store->base;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_store_open_sealed(const struct capsa_store_options *options,
                                     struct capsa_store **ret_store)
{
    struct capsa_store *inner = NULL;
    CAPSA_TRY(capsa_store_open(options->location, &inner));
    return capsa_store_seal(inner, options, ret_store);
}

/* ---- What it is ------------------------------------------------------------------------------ */

static const struct sealed_store *known(const struct capsa_store *store)
{
    return (const struct sealed_store *)store;
}

const uint8_t *capsa_store_manager_id(const struct capsa_store *store)
{
    return known(store)->manager_id;
}

capsa_bytes capsa_store_genesis(const struct capsa_store *store)
{
    return capsa_buf_bytes(&known(store)->genesis);
}

uint32_t capsa_store_epoch(const struct capsa_store *store)
{
    return known(store)->core.root->epoch;
}

bool capsa_store_was_begun(const struct capsa_store *store)
{
    return known(store)->was_begun;
}

CAPSA_RESULT capsa_store_state(struct capsa_store *store, uint8_t ret_state[CAPSA_STORE_STATE])
{
    struct sealed_store *sealed;
    CAPSA_TRY(sealed_of(store, &sealed));
    capsa_freshness_state(sealed->core.freshness, ret_state);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_store_size(struct capsa_store *store, struct capsa_store_size *ret_size)
{
    struct sealed_store *sealed;
    CAPSA_TRY(sealed_of(store, &sealed));
    *ret_size = (struct capsa_store_size){capsa_freshness_count(sealed->core.freshness),
                                          capsa_freshness_bytes(sealed->core.freshness)};
    return CAPSA_OK;
}
