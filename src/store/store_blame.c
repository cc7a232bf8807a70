/* SPDX-License-Identifier: Apache-2.0
 *
 * Naming the culprits in a store whose state is not the one of the last audit leaf
 * (store_sealed.h): rows that do not open, and rows that are not at the version that the log knows.
 */
#include <inttypes.h>

#include "store/store_sealed_internal.h"

static capsa_result blame(capsa_bytes key, uint64_t found, uint64_t version)
{
    char name[CAPSA_RECORD_KEY_TEXT];
    capsa_record_key_text(key, name);
    CAPSA_REQUIRE(found != 0, TAMPERED, "the record %s was removed (it had version %" PRIu64 ")",
                  name, version);
    CAPSA_REQUIRE(version != 0, TAMPERED, "the record %s was put back after it had been removed",
                  name);
    CAPSA_REQUIRE(found > version, TAMPERED,
                  "the record %s was put back to version %" PRIu64 " of %" PRIu64, name, found,
                  version);
    CAPSA_FAIL(TAMPERED, "the record %s has version %" PRIu64 ", and was last written as %" PRIu64,
               name, found, version);
}

CAPSA_RESULT capsa_store_blame(struct capsa_store *store, capsa_bytes key, uint64_t version)
{
    struct sealed_store *sealed;
    CAPSA_TRY(sealed_of(store, &sealed));
    CAPSA_AUTO(capsa_record) row = {0};
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(store->inner->ops->get(store->inner, key, &row));
    if (row.version != 0) {
        CAPSA_TRY(sealed_open_row(sealed->core.root, key, &row, &record));
    }
    return row.version == version ? CAPSA_OK : blame(key, row.version, version);
}

struct damage_walk {
    const struct sealed_store *store;
    capsa_store_damage_visit visit;
    void *context;
};

static capsa_result try_row(void *context, capsa_bytes key, const capsa_record *row, bool *ret_stop)
{
    const struct damage_walk *walk = context;
    if (sealed_is_slot(key)) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_record) record = {0};
    capsa_result opened = sealed_open_row(walk->store->core.root, key, row, &record);
    if (capsa_code_of(opened) == CAPSA_E_NOMEM) {
        return opened;
    }
    return capsa_failed(opened) ? walk->visit(walk->context, key, opened, ret_stop) : CAPSA_OK;
}

CAPSA_RESULT capsa_store_find_damaged(struct capsa_store *store, capsa_store_damage_visit visit,
                                      void *context)
{
    struct sealed_store *sealed;
    CAPSA_TRY(sealed_of(store, &sealed));
    struct damage_walk walk = {sealed, visit, context};
    return store->inner->ops->each(store->inner, capsa_bytes_of(NULL, 0), try_row, &walk);
}
