/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that were spent: a request is good once, whatever came of it, across all methods. In
 * memory, because there is one active writer; what a crash would lose stands in the audit log,
 * whose entries name the request that they are about, and is read from there at start. A set lasts
 * as long as the envelope keys of its generation and the overlap behind them; then nothing sealed
 * to those keys opens any more. Thread-safe.
 */
#pragma once

#include "base/result.h"
#include "crypto/crypto.h"

struct capsa_km_spent;
CAPSA_RESULT capsa_km_spent_new(struct capsa_km_spent **ret_spent);
void capsa_km_spent_free(struct capsa_km_spent *spent); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_km_spent)

/* REPLAYED: it was spent before. BUSY: the set is full (it is emptied by the next generation). */
CAPSA_RESULT capsa_km_spent_take(struct capsa_km_spent *spent, const uint8_t id[CAPSA_SHA256]);
/* One that the log remembers, at start: also beyond the limit. */
CAPSA_RESULT capsa_km_spent_restore(struct capsa_km_spent *spent, const uint8_t id[CAPSA_SHA256]);
/* The request came to nothing that was recorded, by no fault of its own: it may be sent again. */
void capsa_km_spent_return(struct capsa_km_spent *spent, const uint8_t id[CAPSA_SHA256]);
/* A new generation: what was taken before the last call is forgotten. For the envelope's keys to
 * call. */
void capsa_km_spent_turn(struct capsa_km_spent *spent);
/* More than half full: time for the next generation. */
bool capsa_km_spent_is_filling(struct capsa_km_spent *spent);
size_t capsa_km_spent_count(struct capsa_km_spent *spent);
