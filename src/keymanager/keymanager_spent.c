/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that were spent (keymanager_spent.h): two sets of shortened ids, of this generation and
 * of the one before, each an open-addressed table that grows by doubling. The ids are digests of
 * what an attacker may choose freely, so they are mixed with a secret of this process before they
 * pick a slot.
 */
#include "keymanager/keymanager_spent.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/limits.h"

#define ID       16 /* bytes kept: nobody finds two requests that share them */
#define SMALLEST 1024

struct set {
    uint8_t (*slots)[ID]; /* all zero: free */
    size_t size, count;
};

struct capsa_km_spent {
    pthread_mutex_t lock;
    uint8_t secret[CAPSA_SHA256];
    struct set current, previous;
};

static const uint8_t nothing[ID];

static bool is_free(const uint8_t *slot)
{
    return memcmp(slot, nothing, ID) == 0;
}

/* The slot of an id: where it is, or where it would go. */
static size_t slot_of(const struct set *set, const uint8_t *id)
{
    uint64_t start;
    memcpy(&start, id, sizeof(start));
    size_t at = (size_t)start & (set->size - 1);
    while (!is_free(set->slots[at]) && memcmp(set->slots[at], id, ID) != 0) {
        at = (at + 1) & (set->size - 1);
    }
    return at;
}

static bool has(const struct set *set, const uint8_t *id)
{
    return set->size > 0 && !is_free(set->slots[slot_of(set, id)]);
}

static capsa_result grow(struct set *set)
{
    struct set grown = {.size = set->size == 0 ? SMALLEST : set->size * 2, .count = set->count};
    grown.slots = capsa_alloc_array(grown.size, ID);
    CAPSA_REQUIRE_MEMORY(grown.slots);
    for (size_t i = 0; i < set->size; i++) {
        if (!is_free(set->slots[i])) {
            memcpy(grown.slots[slot_of(&grown, set->slots[i])], set->slots[i], ID);
        }
    }
    capsa_dealloc(set->slots);
    *set = grown;
    return CAPSA_OK;
}

static capsa_result add(struct set *set, const uint8_t *id)
{
    if (set->count * 4 >= set->size * 3) {
        CAPSA_TRY(grow(set));
    }
    memcpy(set->slots[slot_of(set, id)], id, ID);
    set->count++;
    return CAPSA_OK;
}

/* Those behind a freed slot move up, so that every search still ends where it should. */
static void take_out(struct set *set, const uint8_t *id)
{
    if (!has(set, id)) {
        return;
    }
    size_t hole = slot_of(set, id);
    memset(set->slots[hole], 0, ID);
    set->count--;
    for (size_t at = (hole + 1) & (set->size - 1); !is_free(set->slots[at]);
         at = (at + 1) & (set->size - 1)) {
        uint8_t moved[ID];
        memcpy(moved, set->slots[at], ID);
        memset(set->slots[at], 0, ID);
        memcpy(set->slots[slot_of(set, moved)], moved, ID);
    }
}

static void mix(const struct capsa_km_spent *spent, const uint8_t id[CAPSA_SHA256],
                uint8_t ret_mixed[CAPSA_SHA256])
{
    capsa_hmac_sha256((capsa_secret_bytes){spent->secret, sizeof(spent->secret)},
                      capsa_bytes_of(id, CAPSA_SHA256), ret_mixed);
    ret_mixed[0] |= 1; /* never all zero */
}

/* ---- the two sets ---------------------------------------------------------------------------- */

CAPSA_RESULT capsa_km_spent_new(struct capsa_km_spent **ret_spent)
{
    struct capsa_km_spent *spent = CAPSA_NEW(struct capsa_km_spent);
    CAPSA_REQUIRE_MEMORY(spent);
    (void)pthread_mutex_init(&spent->lock, NULL);
    capsa_result result = capsa_random(spent->secret, sizeof(spent->secret));
    if (capsa_failed(result)) {
        capsa_km_spent_free(spent);
        return result;
    }
    *ret_spent = spent;
    return CAPSA_OK;
}

void capsa_km_spent_free(struct capsa_km_spent *spent)
{
    if (spent != NULL) {
        capsa_dealloc(spent->current.slots);
        capsa_dealloc(spent->previous.slots);
        (void)pthread_mutex_destroy(&spent->lock);
        capsa_dealloc(spent);
    }
}

CAPSA_RESULT capsa_km_spent_take(struct capsa_km_spent *spent, const uint8_t id[CAPSA_SHA256])
{
    uint8_t mixed[CAPSA_SHA256];
    mix(spent, id, mixed);
    (void)pthread_mutex_lock(&spent->lock);
    bool known = has(&spent->current, mixed) || has(&spent->previous, mixed);
    bool full = spent->current.count >= CAPSA_LIMIT_spent_requests;
    capsa_result result = known || full ? CAPSA_OK : add(&spent->current, mixed);
    (void)pthread_mutex_unlock(&spent->lock);
    CAPSA_REQUIRE(!known, REPLAYED, "this request was sent before; a request is good once");
    CAPSA_REQUIRE(!full, BUSY,
                  "the manager remembers %d requests and takes no more until its next envelope "
                  "keys; ask again in some minutes",
                  CAPSA_LIMIT_spent_requests);
    return result;
}

CAPSA_RESULT capsa_km_spent_restore(struct capsa_km_spent *spent, const uint8_t id[CAPSA_SHA256])
{
    uint8_t mixed[CAPSA_SHA256];
    mix(spent, id, mixed);
    (void)pthread_mutex_lock(&spent->lock);
    capsa_result result = has(&spent->current, mixed) ? CAPSA_OK : add(&spent->current, mixed);
    (void)pthread_mutex_unlock(&spent->lock);
    return result;
}

void capsa_km_spent_return(struct capsa_km_spent *spent, const uint8_t id[CAPSA_SHA256])
{
    uint8_t mixed[CAPSA_SHA256];
    mix(spent, id, mixed);
    (void)pthread_mutex_lock(&spent->lock);
    take_out(&spent->current, mixed);
    (void)pthread_mutex_unlock(&spent->lock);
}

void capsa_km_spent_turn(struct capsa_km_spent *spent)
{
    (void)pthread_mutex_lock(&spent->lock);
    capsa_dealloc(spent->previous.slots);
    spent->previous = spent->current;
    spent->current = (struct set){.slots = NULL};
    (void)pthread_mutex_unlock(&spent->lock);
}

bool capsa_km_spent_is_filling(struct capsa_km_spent *spent)
{
    (void)pthread_mutex_lock(&spent->lock);
    bool filling = spent->current.count > CAPSA_LIMIT_spent_requests / 2;
    (void)pthread_mutex_unlock(&spent->lock);
    return filling;
}

size_t capsa_km_spent_count(struct capsa_km_spent *spent)
{
    (void)pthread_mutex_lock(&spent->lock);
    size_t count = spent->current.count + spent->previous.count;
    (void)pthread_mutex_unlock(&spent->lock);
    return count;
}
