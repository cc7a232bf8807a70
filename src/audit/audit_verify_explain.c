/* SPDX-License-Identifier: Apache-2.0
 *
 * Guesses about a stretch of entries (audit_verify_explain.h). Near ones come first, and a budget
 * ends the search: a stretch of some hundred entries is searched whole.
 */
#include "audit/audit_verify_explain.h"

#include "base/alloc.h"

#define COUNT_MAX   ((size_t)65536)
#define BUDGET      ((size_t)2 << 20)
#define EDGE_HASHES 32 /* about what a root costs beside the entries */

void capsa_stretch_drop(capsa_stretch *stretch)
{
    capsa_dealloc(stretch->hashes);
    *stretch = (capsa_stretch){.hashes = NULL};
}

void capsa_stretch_begin(capsa_stretch *stretch, const struct capsa_tree_edge *begin)
{
    stretch->begin = *begin;
    stretch->count = 0;
    stretch->is_whole = true;
    stretch->budget = BUDGET;
}

CAPSA_RESULT capsa_stretch_add(capsa_stretch *stretch, const uint8_t hash[CAPSA_TREE_HASH])
{
    if (stretch->count == COUNT_MAX) {
        stretch->is_whole = false;
        return CAPSA_OK;
    }
    if (stretch->count == stretch->capacity) {
        size_t capacity = stretch->capacity == 0 ? 64 : 2 * stretch->capacity;
        void *grown = capsa_realloc(stretch->hashes, capacity * CAPSA_TREE_HASH);
        CAPSA_REQUIRE_MEMORY(grown);
        stretch->hashes = grown;
        stretch->capacity = capacity;
    }
    memcpy(stretch->hashes + stretch->count * CAPSA_TREE_HASH, hash, CAPSA_TREE_HASH);
    stretch->count++;
    return CAPSA_OK;
}

static const uint8_t *hash_at(const capsa_stretch *stretch, size_t at)
{
    return stretch->hashes + at * CAPSA_TREE_HASH;
}

bool capsa_stretch_edge(const capsa_stretch *stretch, size_t count,
                        struct capsa_tree_edge *ret_edge)
{
    if (count > stretch->count) {
        return false;
    }
    *ret_edge = stretch->begin;
    for (size_t i = 0; i < count; i++) {
        capsa_tree_edge_append(ret_edge, hash_at(stretch, i));
    }
    return true;
}

/* ---- Guesses --------------------------------------------------------------------------------- */

/* A guess: which entry of the stretch (or OTHER) stands at a place. */
#define OTHER SIZE_MAX
typedef size_t (*guess)(size_t place, size_t a, size_t b);

static size_t swapped(size_t place, size_t a, size_t b)
{
    return place == a ? b : place == b ? a : place;
}

/* What stands at a belongs to b, and those between one further up. */
static size_t moved_up(size_t place, size_t a, size_t b)
{
    return place < a || place > b ? place : place == b ? a : place + 1;
}

static size_t moved_down(size_t place, size_t a, size_t b)
{
    return place < a || place > b ? place : place == a ? b : place - 1;
}

static size_t without(size_t place, size_t a, size_t b)
{
    (void)b;
    return place < a ? place : place + 1;
}

static size_t replaced(size_t place, size_t a, size_t b)
{
    (void)b;
    return place == a ? OTHER : place;
}

static size_t inserted(size_t place, size_t a, size_t b)
{
    (void)b;
    return place < a ? place : place == a ? OTHER : place - 1;
}

struct trial {
    capsa_stretch *stretch;
    size_t count; /* of entries that were signed */
    const uint8_t *other;
    const uint8_t *root;
};

/* Whether one more guess can be paid for. */
static bool goes_on(const struct trial *trial)
{
    return trial->stretch->is_whole && trial->stretch->budget >= trial->count + EDGE_HASHES;
}

static bool gives_root(struct trial *trial, guess at, size_t a, size_t b)
{
    if (!goes_on(trial)) {
        return false;
    }
    trial->stretch->budget -= trial->count + EDGE_HASHES;
    struct capsa_tree_edge edge = trial->stretch->begin;
    for (size_t place = 0; place < trial->count; place++) {
        size_t from = at(place, a, b);
        capsa_tree_edge_append(&edge, from == OTHER ? trial->other : hash_at(trial->stretch, from));
    }
    uint8_t root[CAPSA_TREE_HASH];
    capsa_tree_edge_root(&edge, root);
    return memcmp(root, trial->root, sizeof(root)) == 0;
}

bool capsa_stretch_is_reordered(capsa_stretch *stretch, const uint8_t root[CAPSA_TREE_HASH],
                                size_t *ret_at)
{
    struct trial trial = {.stretch = stretch, .count = stretch->count, .root = root};
    for (size_t distance = 1; distance < stretch->count && goes_on(&trial); distance++) {
        for (size_t a = 0; a + distance < stretch->count && goes_on(&trial); a++) {
            size_t b = a + distance;
            if (gives_root(&trial, swapped, a, b) ||
                (distance > 1 &&
                 (gives_root(&trial, moved_up, a, b) || gives_root(&trial, moved_down, a, b)))) {
                *ret_at = a;
                return true;
            }
        }
    }
    return false;
}

bool capsa_stretch_has_extra(capsa_stretch *stretch, size_t count,
                             const uint8_t root[CAPSA_TREE_HASH], size_t *ret_at)
{
    struct trial trial = {.stretch = stretch, .count = count, .root = root};
    for (size_t a = 0; count < stretch->count && a <= count && goes_on(&trial); a++) {
        if (gives_root(&trial, without, a, 0)) {
            *ret_at = a;
            return true;
        }
    }
    return false;
}

bool capsa_stretch_lacks(capsa_stretch *stretch, const uint8_t later[CAPSA_TREE_HASH],
                         bool is_missing, const uint8_t root[CAPSA_TREE_HASH], size_t *ret_at)
{
    size_t count = stretch->count + (is_missing ? 1 : 0);
    struct trial trial = {.stretch = stretch, .count = count, .other = later, .root = root};
    for (size_t a = 0; a < count && goes_on(&trial); a++) {
        if (gives_root(&trial, is_missing ? inserted : replaced, a, 0)) {
            *ret_at = a;
            return true;
        }
    }
    return false;
}
