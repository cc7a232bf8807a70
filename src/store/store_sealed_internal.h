/* SPDX-License-Identifier: Apache-2.0
 *
 * The sealed store from within: what its files share. store_sealed.c reads and writes,
 * store_open.c begins and opens, store_rekey.c changes the root, store_blame.c names culprits.
 */
#pragma once

#include "store/store_backend.h"
#include "store/store_sealed.h"

#define SEALED_GENESIS CAPSA_RECORD_KEY("capsa", "genesis")
/* Holds the state that the store had without this record when it was begun. */
#define SEALED_BEGUN CAPSA_RECORD_KEY("capsa", "begun")

/* The root, and what is known of the rows sealed under it. */
struct sealed_core {
    struct capsa_root *root;
    struct capsa_freshness *freshness;
};

struct sealed_store {
    struct capsa_store base; /* .inner is ours */
    struct sealed_core core;
    uint8_t manager_id[CAPSA_SHA256];
    capsa_buf genesis;
    bool was_begun;
};

extern const struct capsa_store_ops sealed_ops;

/* The sealed store, or USAGE. */
CAPSA_RESULT sealed_of(struct capsa_store *store, struct sealed_store **ret_store);
bool sealed_is_slot(capsa_bytes key);

/* Opens what `row` holds; `ret_record` gets owners and value of its own. */
CAPSA_RESULT sealed_open_row(const struct capsa_root *root, capsa_bytes key,
                             const capsa_record *row, capsa_record *ret_record);
/* Adds the steps of `in`, sealed, to `out`; steps on the store's own records are USAGE. */
CAPSA_RESULT sealed_seal_batch(const struct capsa_root *root, const struct capsa_batch *in,
                               struct capsa_batch *out);

/* Commit a group whose batches are sealed already: its marks and its state, then its finish, whose
 * records are sealed. `outer` is the group as its caller sees it; `commit` the back-end's part. */
typedef CAPSA_RESULT (*sealed_commit)(void *context, const struct capsa_group *sealed);
CAPSA_RESULT sealed_apply_with(const struct sealed_core *core, const struct capsa_group *outer,
                               const struct capsa_batch *const *batches, sealed_commit commit,
                               void *context);
/* Of the back-end that `inner` is: its apply. */
CAPSA_RESULT sealed_commit_inner(void *inner, const struct capsa_group *sealed);

void sealed_core_drop(struct sealed_core *core);
