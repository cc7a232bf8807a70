/* SPDX-License-Identifier: Apache-2.0
 *
 * Another root for a store (capsa_store_rekey): every row is opened under the old root and sealed
 * under the new one, the slots are wrapped anew, and the audit log has its say, all within one
 * transaction of the back-end. Each row is held against what is known of it on the way, and the
 * rows together against the list of everything: nothing that was tampered with gets a fresh seal.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "store/store_sealed_internal.h"

struct rekey {
    struct sealed_store *store; /* .core: the old root */
    struct sealed_core core;    /* the new one */
    struct capsa_freshness_walk checks;
    bool is_told;                     /* the audit log has its part */
    const struct capsa_group *sealed; /* the group as the decorator made it */
};

static capsa_result change_row(void *context, capsa_bytes key, const capsa_record *row,
                               capsa_buf *ret_value, bool *ret_keep)
{
    struct rekey *rekey = context;
    if (sealed_is_slot(key)) {
        *ret_keep = true;
        return CAPSA_OK;
    }
    /* Its last leaf would hold a state that the store no longer has. */
    CAPSA_REQUIRE(rekey->is_told || capsa_freshness_covers(key), UNSUPPORTED,
                  "the store has an audit log, which would not be told of its new root");
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(sealed_open_row(rekey->store->core.root, key, row, &record));
    CAPSA_TRY(capsa_freshness_walk_check(rekey->store->core.freshness, &rekey->checks, key, row));
    CAPSA_TRY(capsa_record_seal(rekey->core.root, key, row->version, capsa_buf_bytes(&row->owners),
                                capsa_buf_bytes(&record.value), ret_value));
    const capsa_record changed = {row->version, row->owners, *ret_value};
    return capsa_freshness_learn(rekey->core.freshness, key, &changed);
}

/* Behind the last row, and before what the group adds. */
static capsa_result finish_rows(void *context, const struct capsa_group *group,
                                struct capsa_batch *last)
{
    (void)group;
    struct rekey *rekey = context;
    CAPSA_TRY(capsa_freshness_walk_end(rekey->store->core.freshness, &rekey->checks));
    CAPSA_TRY(capsa_freshness_learned(rekey->core.freshness));
    return rekey->sealed->finish(rekey->sealed->context, rekey->sealed, last);
}

static capsa_result rewrite(void *context, const struct capsa_group *sealed)
{
    struct rekey *rekey = context;
    struct capsa_store *inner = rekey->store->base.inner;
    struct capsa_group group = *sealed;
    group.finish = finish_rows;
    group.context = rekey;
    rekey->sealed = sealed;
    capsa_freshness_walk_begin(rekey->store->core.freshness, capsa_bytes_of(NULL, 0),
                               &rekey->checks);
    capsa_result result = inner->ops->rewrite(inner, change_row, rekey, &group);
    capsa_freshness_leave(rekey->store->core.freshness, &rekey->checks.reader);
    return result;
}

/* ---- slots ----------------------------------------------------------------------------------- */

struct rewrapping {
    const struct rekey *rekey;
    const char *where;
    struct capsa_batch *out;
};

static capsa_result copy_slot(const struct capsa_slot *slot, uint32_t epoch, capsa_slot *ret_copy)
{
    CAPSA_AUTO(capsa_slot) copy = {.provider = slot->provider, .epoch = epoch};
    memcpy(copy.manager_id, slot->manager_id, sizeof(copy.manager_id));
    copy.id = capsa_strdup(slot->id);
    CAPSA_REQUIRE_MEMORY(copy.id);
    copy.parameters = capsa_buf_of(slot->parameters.len);
    CAPSA_TRY(capsa_buf_append(&copy.parameters, capsa_buf_bytes(&slot->parameters)));
    *ret_copy = copy;
    copy = (capsa_slot){.id = NULL}; /* handed over */
    return CAPSA_OK;
}

static capsa_result rewrap(void *context, const struct capsa_slot *slot, uint64_t version,
                           bool *ret_stop)
{
    (void)ret_stop;
    const struct rewrapping *rewrapping = context;
    const struct capsa_root *root = rewrapping->rekey->core.root;
    CAPSA_AUTO(capsa_slot) fresh = {.id = NULL};
    const struct capsa_slot_provider *provider;
    CAPSA_TRY_AT(capsa_slot_provider_find(slot->provider->name, &provider), "the slot \"%s\"",
                 slot->id);
    CAPSA_REQUIRE(memcmp(slot->manager_id, rewrapping->rekey->store->manager_id, CAPSA_SHA256) == 0,
                  TAMPERED, "the slot \"%s\" is that of another manager", slot->id);
    CAPSA_TRY(copy_slot(slot, root->epoch, &fresh));
    CAPSA_TRY(capsa_slot_wrap(&fresh, rewrapping->where, capsa_secret_borrow(root->key)));
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(CAPSA_LIMIT_slot_bytes);
    CAPSA_TRY(capsa_slot_write(&fresh, &value));
    const struct capsa_record_key key =
        CAPSA_RECORD_KEY(CAPSA_SLOT_NAMESPACE, CAPSA_SLOT_KIND, slot->id);
    return capsa_batch_put(rewrapping->out, &key, version, NULL, capsa_buf_bytes(&value));
}

/* ---- all of it ------------------------------------------------------------------------------- */

static capsa_result make_core(const struct sealed_store *store, struct sealed_core *core)
{
    CAPSA_REQUIRE(store->core.root->epoch < UINT32_MAX, UNSUPPORTED, "a store in its last epoch");
    CAPSA_TRY(capsa_root_new(&core->root));
    core->root->epoch = store->core.root->epoch + 1;
    return capsa_freshness_new(core->root, &core->freshness);
}

static capsa_result commit(struct rekey *rekey, const struct capsa_batch *batch,
                           const struct capsa_batch *sealed, const struct capsa_writer_audit *audit)
{
    static const struct capsa_writer_audit no_audit;
    const struct capsa_writer_audit *hooks = audit == NULL ? &no_audit : audit;
    struct capsa_error error = {.code = CAPSA_E_OK};
    uint8_t state[CAPSA_STORE_STATE] = {0};
    const struct capsa_group group = {
        .batches = &batch,
        .count = 1,
        .results = &error,
        .finish = hooks->finish,
        .context = hooks->context,
        .state = state,
    };
    capsa_result result = sealed_apply_with(&rekey->core, &group, &sealed, rewrite, rekey);
    if (!capsa_failed(result)) {
        sealed_core_drop(&rekey->store->core);
        rekey->store->core = rekey->core;
        rekey->core = (struct sealed_core){.root = NULL};
    }
    result = capsa_writer_audit_settle(hooks, &group, result);
    CAPSA_TRY(result);
    return capsa_error_again(&error);
}

static capsa_result prepare(struct rekey *rekey, const char *where, const struct capsa_batch *batch,
                            struct capsa_batch *ret_sealed)
{
    CAPSA_TRY(make_core(rekey->store, &rekey->core));
    struct rewrapping rewrapping = {rekey, where, ret_sealed};
    CAPSA_TRY(capsa_store_slots(&rekey->store->base, rewrap, &rewrapping));
    return sealed_seal_batch(rekey->core.root, batch, ret_sealed);
}

CAPSA_RESULT capsa_store_rekey(struct capsa_store *store, const char *where,
                               const struct capsa_batch *batch,
                               const struct capsa_writer_audit *audit)
{
    struct rekey rekey = {.is_told = audit != NULL && audit->finish != NULL};
    CAPSA_TRY(sealed_of(store, &rekey.store));
    CAPSA_REQUIRE(store->inner->ops->rewrite != NULL, UNSUPPORTED,
                  "a store of kind %s cannot change its root", capsa_store_scheme(store));
    CAPSA_REQUIRE(batch == NULL || batch->leaf_count == 0 || rekey.is_told, UNSUPPORTED,
                  "a rekey with audit leaves, and no audit log to take them");
    CAPSA_AUTO_FREE(capsa_batch) nothing = NULL;
    CAPSA_AUTO_FREE(capsa_batch) sealed = NULL;
    CAPSA_TRY(capsa_batch_new(&nothing));
    CAPSA_TRY(capsa_batch_new(&sealed));
    const struct capsa_batch *added = batch == NULL ? nothing : batch;
    capsa_result result = prepare(&rekey, where, added, sealed);
    if (!capsa_failed(result)) {
        result = commit(&rekey, added, sealed, audit);
    }
    sealed_core_drop(&rekey.core);
    return result;
}
