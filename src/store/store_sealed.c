/* SPDX-License-Identifier: Apache-2.0
 *
 * The sealed store's slots (store_sealed.h): every row that is read is opened and held against
 * what is known of it; every group that is written is sealed, and known before anybody can see it.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "store/store_sealed_internal.h"

static bool begins_with(capsa_bytes bytes, capsa_bytes with)
{
    return bytes.len >= with.len && capsa_bytes_equal(capsa_bytes_of(bytes.data, with.len), with);
}

/* The canonical forms of what this folder keeps for itself. */
#define KEY_SLOTS                                                                                  \
    CAPSA_BYTES_LITERAL("\0\0\0\x05"                                                               \
                        "capsa"                                                                    \
                        "\0\0\0\x04"                                                               \
                        "slot")
#define KEY_GENESIS                                                                                \
    CAPSA_BYTES_LITERAL("\0\0\0\x05"                                                               \
                        "capsa"                                                                    \
                        "\0\0\0\x07"                                                               \
                        "genesis")
#define KEY_BEGUN                                                                                  \
    CAPSA_BYTES_LITERAL("\0\0\0\x05"                                                               \
                        "capsa"                                                                    \
                        "\0\0\0\x05"                                                               \
                        "begun")
#define KEY_LOG CAPSA_BYTES_LITERAL("\0\0\0\x09" CAPSA_STORE_LOG_NAMESPACE)

bool sealed_is_slot(capsa_bytes key)
{
    return begins_with(key, KEY_SLOTS);
}

static bool is_own(capsa_bytes key)
{
    return sealed_is_slot(key) || capsa_bytes_equal(key, KEY_GENESIS) ||
           capsa_bytes_equal(key, KEY_BEGUN);
}

CAPSA_RESULT sealed_of(struct capsa_store *store, struct sealed_store **ret_store)
{
    CAPSA_REQUIRE(store->ops == &sealed_ops, USAGE, "a store that is not sealed");
    *ret_store = (struct sealed_store *)store;
    return CAPSA_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

CAPSA_RESULT sealed_open_row(const struct capsa_root *root, capsa_bytes key,
                             const capsa_record *row, capsa_record *ret_record)
{
    CAPSA_AUTO(capsa_record) record = {.version = row->version};
    record.owners = capsa_buf_of(row->owners.len);
    record.value = capsa_buf_of(row->value.len);
    CAPSA_TRY(capsa_record_open(root, key, row->version, capsa_buf_bytes(&row->owners),
                                capsa_buf_bytes(&row->value), &record.value));
    CAPSA_TRY(capsa_buf_append(&record.owners, capsa_buf_bytes(&row->owners)));
    *ret_record = record;
    record = (capsa_record){0}; /* handed over */
    return CAPSA_OK;
}

/* Opened first: of a row that was edited that says more than that it is not the latest. */
static capsa_result get_checked(struct sealed_store *store,
                                const struct capsa_freshness_reader *reader, capsa_bytes key,
                                capsa_record *ret_record)
{
    CAPSA_AUTO(capsa_record) row = {0};
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(store->base.inner->ops->get(store->base.inner, key, &row));
    if (row.version != 0) {
        CAPSA_TRY(sealed_open_row(store->core.root, key, &row, &record));
    }
    CAPSA_TRY(capsa_freshness_check(store->core.freshness, reader, key, &row));
    if (row.version != 0) {
        *ret_record = record;
        record = (capsa_record){0}; /* handed over */
    }
    return CAPSA_OK;
}

static capsa_result sealed_get(struct capsa_store *base, capsa_bytes key, capsa_record *ret_record)
{
    struct sealed_store *store = (struct sealed_store *)base;
    if (sealed_is_slot(key)) {
        return CAPSA_OK;
    }
    struct capsa_freshness_reader reader;
    capsa_freshness_enter(store->core.freshness, &reader);
    capsa_result result = get_checked(store, &reader, key, ret_record);
    capsa_freshness_leave(store->core.freshness, &reader);
    return result;
}

struct walk {
    struct sealed_store *store;
    struct capsa_freshness_walk checks;
    capsa_store_row_visit visit;
    void *context;
    bool stopped;
};

static capsa_result visit_sealed(void *context, capsa_bytes key, const capsa_record *row,
                                 bool *ret_stop)
{
    struct walk *walk = context;
    if (sealed_is_slot(key)) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(sealed_open_row(walk->store->core.root, key, row, &record));
    CAPSA_TRY(capsa_freshness_walk_check(walk->store->core.freshness, &walk->checks, key, row));
    CAPSA_TRY(walk->visit(walk->context, key, &record, ret_stop));
    walk->stopped = *ret_stop;
    return CAPSA_OK;
}

static capsa_result sealed_each(struct capsa_store *base, capsa_bytes prefix,
                                capsa_store_row_visit visit, void *context)
{
    struct sealed_store *store = (struct sealed_store *)base;
    struct walk walk = {.store = store, .visit = visit, .context = context};
    capsa_freshness_walk_begin(store->core.freshness, prefix, &walk.checks);
    capsa_result result = base->inner->ops->each(base->inner, prefix, visit_sealed, &walk);
    if (!capsa_failed(result) && !walk.stopped) {
        result = capsa_freshness_walk_end(store->core.freshness, &walk.checks);
    }
    capsa_freshness_leave(store->core.freshness, &walk.checks.reader);
    return result;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result seal_step(const struct capsa_root *root, const struct capsa_step *step,
                              struct capsa_batch *out)
{
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(step->value.len + CAPSA_RECORD_OVERHEAD);
    if (step->kind == CAPSA_STEP_PUT) {
        CAPSA_TRY(capsa_record_seal(root, capsa_buf_bytes(&step->key), step->expected + 1,
                                    capsa_buf_bytes(&step->owners), capsa_buf_bytes(&step->value),
                                    &value));
    }
    return capsa_batch_step(out, step->kind, capsa_buf_bytes(&step->key), step->expected,
                            capsa_buf_bytes(&step->owners), capsa_buf_bytes(&value));
}

CAPSA_RESULT sealed_seal_batch(const struct capsa_root *root, const struct capsa_batch *in,
                               struct capsa_batch *out)
{
    for (size_t i = 0; i < in->count; i++) {
        CAPSA_REQUIRE(!is_own(capsa_buf_bytes(&in->steps[i].key)), USAGE,
                      "a mutation of what the store keeps for itself");
        CAPSA_TRY(seal_step(root, &in->steps[i], out));
    }
    return CAPSA_OK;
}

struct applying {
    const struct sealed_core *core;
    const struct capsa_group *outer; /* as it came: not sealed, with its leaves */
};

static capsa_result learn_group(const struct sealed_core *core, const struct capsa_group *sealed)
{
    for (size_t i = 0; i < sealed->count; i++) {
        const struct capsa_batch *batch = sealed->batches[i];
        for (size_t j = 0; sealed->results[i].code == CAPSA_E_OK && j < batch->count; j++) {
            CAPSA_TRY(capsa_freshness_step(core->freshness, &batch->steps[j]));
        }
    }
    return CAPSA_OK;
}

/* What the end of a group adds is told by the state before it, so it must not change it. */
static capsa_result check_log_only(const struct capsa_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        CAPSA_REQUIRE(begins_with(capsa_buf_bytes(&batch->steps[i].key), KEY_LOG), INTERNAL,
                      "the end of a commit writes outside of " CAPSA_STORE_LOG_NAMESPACE);
    }
    return CAPSA_OK;
}

/* Within the transaction, before anybody can see the rows: readers learn now what they may see. */
static capsa_result finish_sealed(void *context, const struct capsa_group *sealed,
                                  struct capsa_batch *last)
{
    const struct applying *applying = context;
    const struct sealed_core *core = applying->core;
    const struct capsa_group *outer = applying->outer;
    uint8_t state[CAPSA_STORE_STATE];
    CAPSA_TRY(learn_group(core, sealed));
    CAPSA_TRY(capsa_freshness_ready(core->freshness, state));
    if (outer->state != NULL) {
        memcpy(outer->state, state, sizeof(state));
    }
    if (outer->finish == NULL) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_batch) clear = NULL;
    CAPSA_TRY(capsa_batch_new(&clear));
    CAPSA_TRY(outer->finish(outer->context, outer, clear));
    CAPSA_TRY(check_log_only(clear));
    return sealed_seal_batch(core->root, clear, last);
}

CAPSA_RESULT sealed_apply_with(const struct sealed_core *core, const struct capsa_group *outer,
                               const struct capsa_batch *const *batches, sealed_commit commit,
                               void *context)
{
    struct applying applying = {core, outer};
    const struct capsa_group sealed = {
        .batches = batches,
        .count = outer->count,
        .results = outer->results,
        .finish = finish_sealed,
        .context = &applying,
    };
    capsa_result result = commit(context, &sealed);
    capsa_freshness_settle(core->freshness, !capsa_failed(result));
    return result;
}

CAPSA_RESULT sealed_commit_inner(void *context, const struct capsa_group *sealed)
{
    struct capsa_store *inner = context;
    return inner->ops->apply(inner, sealed);
}

/* `batches` has room for the group's; what is not made stays NULL. */
static capsa_result seal_group(const struct sealed_store *store, const struct capsa_group *group,
                               struct capsa_batch **batches)
{
    for (size_t i = 0; i < group->count; i++) {
        CAPSA_TRY(capsa_batch_new(&batches[i]));
        CAPSA_TRY(sealed_seal_batch(store->core.root, group->batches[i], batches[i]));
    }
    return sealed_apply_with(&store->core, group, (const struct capsa_batch *const *)batches,
                             sealed_commit_inner, store->base.inner);
}

static capsa_result sealed_apply(struct capsa_store *base, const struct capsa_group *group)
{
    struct capsa_batch **batches = capsa_alloc_array(group->count, sizeof(*batches));
    CAPSA_REQUIRE_MEMORY(batches);
    capsa_result result = seal_group((const struct sealed_store *)base, group, batches);
    for (size_t i = 0; i < group->count; i++) {
        capsa_batch_free(batches[i]);
    }
    capsa_dealloc(batches);
    return result;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void sealed_core_drop(struct sealed_core *core)
{
    capsa_root_free(core->root);
    capsa_freshness_free(core->freshness);
    *core = (struct sealed_core){.root = NULL};
}

static void sealed_close(struct capsa_store *base)
{
    struct sealed_store *store = (struct sealed_store *)base;
    capsa_store_free(base->inner);
    sealed_core_drop(&store->core);
    capsa_buf_drop(&store->genesis);
    capsa_dealloc(store);
}

const struct capsa_store_ops sealed_ops = {
    .close = sealed_close,
    .get = sealed_get,
    .each = sealed_each,
    .apply = sealed_apply,
};
