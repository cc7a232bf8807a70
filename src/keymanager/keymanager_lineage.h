/* SPDX-License-Identifier: Apache-2.0
 *
 * Lineage as a set: a result has the originals that it was computed from, however many results lie
 * between, and no policy of its own. A request for it passes when the policy of each of its
 * originals, as it stands now, allows it; so what an owner revokes, results lose too.
 */
#pragma once

#include "keymanager/keymanager_call.h"

/* A sorted set of strings that owns them. */
typedef struct {
    char **items;
    size_t count;
} capsa_km_set;
CAPSA_RESULT capsa_km_set_add(capsa_km_set *set, const char *item);
bool capsa_km_set_has(const capsa_km_set *set, const char *item);
void capsa_km_set_drop(capsa_km_set *set);

/* Add the originals of a resource: itself, or what it comes from. */
CAPSA_RESULT capsa_km_origins_add(const char *uuid, const Rec__Resource *resource,
                                  capsa_km_set *origins);
/* The parties that own the originals of a resource. */
CAPSA_RESULT capsa_km_owners_find(struct capsa_km_txn *txn, const char *uuid,
                                  const Rec__Resource *resource, capsa_km_set *ret_owners);
