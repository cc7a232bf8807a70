/* SPDX-License-Identifier: Apache-2.0
 *
 * The store that services use, as a decorator over any back-end: what the back-end sees is sealed
 * (store_record.h) under a root that rests in slots (store_slots.h), and every row is held against
 * what this process knows to have been written last (store_freshness.h). A row that is edited,
 * moved, removed, put back as it once was, or added is CAPSA_E_TAMPERED when it is read, and the
 * error names it; so is a list with a row less. While the store was closed, all that can be told is
 * its state, which whoever keeps the audit log compares with the one of the last leaf.
 *
 * A store begins with a genesis, opaque here, whose SHA-256 is the manager's id. Slots are not
 * seen, and records in CAPSA_STORE_LOG_NAMESPACE are sealed but no members of the state.
 */
#pragma once

#include <stdatomic.h>

#include "crypto/crypto.h"
#include "store/store.h"
#include "store/store_freshness.h"
#include "store/store_record.h"
#include "store/store_slots.h"
#include "store/store_writer.h"

#define CAPSA_STORE_LOG_NAMESPACE "capsa.log" /* of the audit log: its tree holds them */

/* ---- Opening --------------------------------------------------------------------------------- */

enum capsa_store_phase {
    CAPSA_STORE_UNINITIALISED, /* nothing is known yet, or there is no store */
    CAPSA_STORE_SEALED,  /* there is one; its root is not at hand, or its rows are looked at */
    CAPSA_STORE_JOINING, /* a slot's provider waits for somebody */
    CAPSA_STORE_OPEN,
};
const char *capsa_store_phase_name(enum capsa_store_phase phase); /* "sealed" */

/* May be read by any thread while another opens. Start from {0}. */
struct capsa_store_progress {
    _Atomic(enum capsa_store_phase) phase;
    atomic_uint_fast64_t checked; /* rows looked at so far */
};

struct capsa_store_options {
    const char *location;       /* for capsa_store_open_sealed */
    const char *provider;       /* whose slot opens the store, or is made: "file" */
    const char *provider_where; /* its place: the path of root.key; NULL only for "memory:" */
    /* Called for a store that is empty: append the genesis, and add what shall be in the same
     * transaction. NULL: an empty store is NOT_FOUND. */
    capsa_result (*begin)(void *context, capsa_buf *ret_genesis, struct capsa_batch *first);
    void *context;
    struct capsa_store_progress *progress; /* or NULL */
};

/* Open `location`, find the root, look at every row. A wrong root key is DENIED, naming both ids; a
 * store with records and no root key is STORE, never a new key; one by an earlier version, without
 * slots, is UNSUPPORTED. */
CAPSA_RESULT capsa_store_open_sealed(const struct capsa_store_options *options,
                                     struct capsa_store **ret_store);
/* The same over a store that is open; it is taken over, also on failure. */
CAPSA_RESULT capsa_store_seal(struct capsa_store *inner, const struct capsa_store_options *options,
                              struct capsa_store **ret_store);

/* ---- What it is; of what was opened above ---------------------------------------------------- */

const uint8_t *capsa_store_manager_id(const struct capsa_store *store); /* CAPSA_SHA256 bytes */
capsa_bytes capsa_store_genesis(const struct capsa_store *store);       /* borrowed */
uint32_t capsa_store_epoch(const struct capsa_store *store);            /* of the root */
/* By this opening; or by one before, and no record was changed since (which happens when a program
 * is killed at its first start). */
bool capsa_store_was_begun(const struct capsa_store *store);
/* Which records the store holds, as of the last commit. Any thread. */
CAPSA_RESULT capsa_store_state(struct capsa_store *store, uint8_t ret_state[CAPSA_STORE_STATE]);
struct capsa_store_size {
    uint64_t records; /* without slots and log */
    uint64_t bytes;   /* of memory, for what freshness keeps */
};
CAPSA_RESULT capsa_store_size(struct capsa_store *store, struct capsa_store_size *ret_size);

/* ---- When the state is not the one of the last audit leaf ------------------------------------ */

/* Whether the row of this canonical key is a sound one of this version (0: that there is none).
 * TAMPERED says what is wrong: removed, put back to version 3 of 5, edited. */
CAPSA_RESULT capsa_store_blame(struct capsa_store *store, capsa_bytes key, uint64_t version);
/* Visits each row that does not open, with the reason. */
typedef capsa_result (*capsa_store_damage_visit)(void *context, capsa_bytes key, capsa_result why,
                                                 bool *ret_stop);
CAPSA_RESULT capsa_store_find_damaged(struct capsa_store *store, capsa_store_damage_visit visit,
                                      void *context);

/* ---- Another root ---------------------------------------------------------------------------- */

/* Seal every record anew under a fresh root of the next epoch and wrap that for each slot, in one
 * transaction, together with what `audit` makes of `batch` (NULL: nothing): its finish sees the new
 * state. A store with an audit log cannot do without (UNSUPPORTED). Afterwards the store is used
 * on. `where` as in the options. No other thread may use the store meanwhile. On failure nothing
 * was changed. */
CAPSA_RESULT capsa_store_rekey(struct capsa_store *store, const char *where,
                               const struct capsa_batch *batch,
                               const struct capsa_writer_audit *audit);
