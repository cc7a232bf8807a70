/* SPDX-License-Identifier: Apache-2.0
 *
 * What sealing alone cannot tell: whether a row is the one that was written last, and whether one
 * is missing. The one active writer keeps in memory a mark for each record, which is a keyed digest
 * of its row, and for each list the sum of the marks of its members; built from the rows when the
 * store opens, changed with each commit. The sum of everything, under a key, is the store's state:
 * 32 bytes that each audit leaf holds, and that a store must still have when it opens.
 *
 *   name of a record  first 12 bytes of SHA-256(K1 || 01 || key)
 *   name of a list    first 12 bytes of SHA-256(K1 || 02 || prefix)
 *   mark of a record  be: first 12 bytes of SHA-256 over K2, key, version, owners, sealed value,
 * each behind its be32 length; then the low 4 bytes of the version mark of a list    sum of its
 * members' marks mod 2^128; no entry when it has none state             HMAC-SHA256(K3, sum of all
 * marks (16, be) || count (be64)) K1, K2, K3        HKDF(root, "", "capsa freshness"), 32 bytes
 * each
 *
 * Lists are: everything; each namespace and kind; each key without its last part, where a part is
 * left. Outside of all of it: the slots, and CAPSA_STORE_LOG_NAMESPACE, whose records the tree of
 * the audit log holds. A row that somebody puts back is then no member of the set, and a list with
 * a row less has another sum: nobody without the keys can know, choose or balance marks.
 *
 * A reader and a commit may meet: the row was read before, its mark is looked at after. So a reader
 * says when it begins, and a mark is right if it was right at some moment since then.
 */
#pragma once

#include "store/store_backend.h"
#include "store/store_marks.h"
#include "store/store_root.h"

struct capsa_freshness;
CAPSA_RESULT capsa_freshness_new(const struct capsa_root *root,
                                 struct capsa_freshness **ret_freshness);
void capsa_freshness_free(struct capsa_freshness *freshness);
CAPSA_DEFINE_AUTO_FREE(capsa_freshness)

/* False for slots and the log. */
bool capsa_freshness_covers(capsa_bytes key);

/* While nobody reads: one more row, as the back-end holds it; rows come in any order, neighbours
 * sooner. _learned ends it. */
CAPSA_RESULT capsa_freshness_learn(struct capsa_freshness *freshness, capsa_bytes key,
                                   const capsa_record *row);
CAPSA_RESULT capsa_freshness_learned(struct capsa_freshness *freshness);

/* ---- changing; one thread -------------------------------------------------------------------- */

/* One step that a group took, sealed, in order; TAMPERED when what it found in the store was not
 * what is known. Then _ready (what readers may see from now on, and the state that it makes), the
 * back-end's commit, and _settle. A failure of the first two is followed by _settle(false). */
CAPSA_RESULT capsa_freshness_step(struct capsa_freshness *freshness, const struct capsa_step *step);
CAPSA_RESULT capsa_freshness_ready(struct capsa_freshness *freshness,
                                   uint8_t ret_state[CAPSA_STORE_STATE]);
void capsa_freshness_settle(struct capsa_freshness *freshness, bool committed);

/* ---- reading; any thread --------------------------------------------------------------------- */

struct capsa_freshness_reader {
    uint64_t since;
    unsigned era;
};
/* Before the store is read, and after the last check. */
void capsa_freshness_enter(struct capsa_freshness *freshness,
                           struct capsa_freshness_reader *ret_reader);
void capsa_freshness_leave(struct capsa_freshness *freshness,
                           const struct capsa_freshness_reader *reader);
/* Holds when the row is as it should be; version 0: that there is none. TAMPERED names it. */
CAPSA_RESULT capsa_freshness_check(struct capsa_freshness *freshness,
                                   const struct capsa_freshness_reader *reader, capsa_bytes key,
                                   const capsa_record *row);

/* A walk over all rows under a prefix. */
struct capsa_freshness_walk {
    capsa_bytes prefix; /* canonical; borrowed */
    struct capsa_freshness_reader reader;
    capsa_mark sum;
    bool saw_itself; /* the record whose key the prefix is */
};
void capsa_freshness_walk_begin(struct capsa_freshness *freshness, capsa_bytes prefix,
                                struct capsa_freshness_walk *ret_walk);
CAPSA_RESULT capsa_freshness_walk_check(struct capsa_freshness *freshness,
                                        struct capsa_freshness_walk *walk, capsa_bytes key,
                                        const capsa_record *row);
/* Behind the last row: TAMPERED when one of the list was not there. Prefixes that are no list are
 * not judged. */
CAPSA_RESULT capsa_freshness_walk_end(struct capsa_freshness *freshness,
                                      struct capsa_freshness_walk *walk);

/* ---- as a whole ------------------------------------------------------------------------------ */

void capsa_freshness_state(struct capsa_freshness *freshness, uint8_t ret_state[CAPSA_STORE_STATE]);
/* The state as it would be without this one row. */
void capsa_freshness_state_without(struct capsa_freshness *freshness, capsa_bytes key,
                                   const capsa_record *row, uint8_t ret_state[CAPSA_STORE_STATE]);
uint64_t capsa_freshness_count(struct capsa_freshness *freshness);
size_t capsa_freshness_bytes(struct capsa_freshness *freshness); /* of memory */
