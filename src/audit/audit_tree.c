/* SPDX-License-Identifier: Apache-2.0
 *
 * A Merkle tree that grows (audit_tree.h). Of each level of tiles the hashes of the last,
 * unfinished tile are kept: with a leaf the tile of level 0 grows by one hash; a tile that becomes
 * full is handed to its keeper, and its root is one more hash of the level above.
 */
#include "audit/audit_tree.h"

#include <stdlib.h>

#include "base/alloc.h"

void capsa_tree_leaf_hash(capsa_bytes leaf, uint8_t ret_hash[CAPSA_TREE_HASH])
{
    uint8_t message[1 + CAPSA_TREE_LEAF_MAX] = {0x00};
    if (leaf.len > CAPSA_TREE_LEAF_MAX) {
        abort(); /* no caller could go on safely with the hash of something else */
    }
    if (leaf.len > 0) {
        memcpy(message + 1, leaf.data, leaf.len);
    }
    capsa_sha256(capsa_bytes_of(message, 1 + leaf.len), ret_hash);
}

void capsa_tree_node_hash(const uint8_t left[CAPSA_TREE_HASH], const uint8_t right[CAPSA_TREE_HASH],
                          uint8_t ret_hash[CAPSA_TREE_HASH])
{
    uint8_t message[1 + 2 * CAPSA_TREE_HASH];
    message[0] = 0x01;
    memcpy(message + 1, left, CAPSA_TREE_HASH);
    memcpy(message + 1 + CAPSA_TREE_HASH, right, CAPSA_TREE_HASH);
    capsa_sha256(capsa_bytes_of(message, sizeof(message)), ret_hash);
}

/* ---- Growing --------------------------------------------------------------------------------- */

void capsa_tree_drop(capsa_tree *tree)
{
    for (size_t level = 0; level < CAPSA_TREE_LEVELS; level++) {
        capsa_dealloc(tree->partial[level]);
    }
    *tree = (capsa_tree){0};
}

/* How many hashes the unfinished tile of a level has. */
static size_t partial_count(uint64_t size, unsigned level)
{
    return (size_t)(size >> (8 * level)) % CAPSA_TREE_TILE;
}

static capsa_result room_for(capsa_tree *tree, unsigned level)
{
    if (tree->partial[level] == NULL) {
        tree->partial[level] = capsa_alloc((size_t)CAPSA_TREE_TILE * CAPSA_TREE_HASH);
        CAPSA_REQUIRE_MEMORY(tree->partial[level]);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_tree_copy(const capsa_tree *tree, capsa_tree *copy)
{
    for (unsigned level = 0; level < CAPSA_TREE_LEVELS; level++) {
        if (partial_count(tree->size, level) > 0) {
            CAPSA_TRY(room_for(copy, level));
        }
    }
    for (unsigned level = 0; level < CAPSA_TREE_LEVELS; level++) {
        size_t len = partial_count(tree->size, level) * CAPSA_TREE_HASH;
        if (len > 0) {
            memcpy(copy->partial[level], tree->partial[level], len);
        }
    }
    copy->size = tree->size;
    return CAPSA_OK;
}

/* Over 2^height hashes that lie one behind the other; they are hashed in place. */
static void fold(uint8_t *hashes, size_t count, uint8_t ret_root[CAPSA_TREE_HASH])
{
    for (; count > 1; count /= 2) {
        for (size_t i = 0; i < count / 2; i++) {
            const uint8_t *pair = hashes + 2 * i * CAPSA_TREE_HASH;
            capsa_tree_node_hash(pair, pair + CAPSA_TREE_HASH, hashes + i * CAPSA_TREE_HASH);
        }
    }
    memcpy(ret_root, hashes, CAPSA_TREE_HASH);
}

/* A hash more at the end of a level; *ret_full, and its root, when the tile became full by it. The
 * content of a full tile is not needed any more. */
static capsa_result extend_level(capsa_tree *tree, unsigned level, uint64_t at,
                                 capsa_tree_keep keep, void *context, uint8_t hash[CAPSA_TREE_HASH],
                                 bool *ret_full)
{
    CAPSA_TRY(room_for(tree, level));
    uint8_t *tile = tree->partial[level];
    size_t place = (size_t)(at % CAPSA_TREE_TILE);
    memcpy(tile + place * CAPSA_TREE_HASH, hash, CAPSA_TREE_HASH);
    *ret_full = place == CAPSA_TREE_TILE - 1;
    if (*ret_full) {
        if (keep != NULL) {
            CAPSA_TRY(keep(context, level, at / CAPSA_TREE_TILE, tile));
        }
        fold(tile, CAPSA_TREE_TILE, hash);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_tree_append(capsa_tree *tree, const uint8_t leaf_hash[CAPSA_TREE_HASH],
                               capsa_tree_keep keep, void *context)
{
    CAPSA_REQUIRE(tree->size < CAPSA_TREE_SIZE_MAX, TOO_LARGE, "a tree with no room for more");
    uint8_t hash[CAPSA_TREE_HASH];
    memcpy(hash, leaf_hash, sizeof(hash));
    uint64_t at = tree->size;
    bool full = true;
    for (unsigned level = 0; full && level < CAPSA_TREE_LEVELS; level++) {
        CAPSA_TRY(extend_level(tree, level, at, keep, context, hash, &full));
        at /= CAPSA_TREE_TILE;
    }
    tree->size++;
    return CAPSA_OK;
}

/* The perfect subtrees of `count` hashes are joined from the right, the smallest first; `acc` is
 * what lies right of them. */
static void join_peaks(const uint8_t *hashes, size_t count, uint8_t acc[CAPSA_TREE_HASH],
                       bool *has_acc)
{
    uint8_t work[CAPSA_TREE_TILE * CAPSA_TREE_HASH];
    uint8_t peak[CAPSA_TREE_HASH];
    for (size_t width = 1; width < CAPSA_TREE_TILE; width *= 2) {
        if ((count & width) == 0) {
            continue;
        }
        count -= width;
        memcpy(work, hashes + count * CAPSA_TREE_HASH, width * CAPSA_TREE_HASH);
        fold(work, width, peak);
        if (*has_acc) {
            capsa_tree_node_hash(peak, acc, acc);
        } else {
            memcpy(acc, peak, sizeof(peak));
        }
        *has_acc = true;
    }
}

void capsa_tree_root(const capsa_tree *tree, uint8_t ret_root[CAPSA_TREE_HASH])
{
    bool has_root = false;
    for (unsigned level = 0; level < CAPSA_TREE_LEVELS; level++) {
        size_t count = partial_count(tree->size, level);
        if (count > 0) {
            join_peaks(tree->partial[level], count, ret_root, &has_root);
        }
    }
    if (!has_root) { /* RFC 6962 §2.1: "the hash of an empty list is the hash of an empty string" */
        capsa_sha256(capsa_bytes_of(NULL, 0), ret_root);
    }
}

/* ---- The edge -------------------------------------------------------------------------------- */

void capsa_tree_edge_append(struct capsa_tree_edge *edge, const uint8_t leaf_hash[CAPSA_TREE_HASH])
{
    uint8_t hash[CAPSA_TREE_HASH];
    unsigned height = 0;
    memcpy(hash, leaf_hash, sizeof(hash));
    for (; (edge->size >> height & 1) != 0; height++) {
        capsa_tree_node_hash(edge->peaks[height], hash, hash);
    }
    memcpy(edge->peaks[height], hash, sizeof(hash));
    edge->size++;
}

void capsa_tree_edge_root(const struct capsa_tree_edge *edge, uint8_t ret_root[CAPSA_TREE_HASH])
{
    bool has_root = false;
    for (unsigned height = 0; height < 64; height++) {
        if ((edge->size >> height & 1) == 0) {
            continue;
        }
        if (has_root) {
            capsa_tree_node_hash(edge->peaks[height], ret_root, ret_root);
        } else {
            memcpy(ret_root, edge->peaks[height], CAPSA_TREE_HASH);
        }
        has_root = true;
    }
    if (!has_root) {
        capsa_sha256(capsa_bytes_of(NULL, 0), ret_root);
    }
}

/* ---- Loading --------------------------------------------------------------------------------- */

struct loading {
    capsa_tree_fetch fetch;
    capsa_tree_leaf leaf;
    void *context;
    uint8_t tile[CAPSA_TREE_TILE * CAPSA_TREE_HASH];
};

/* A hash of an unfinished tile: a leaf's, or the root of a full tile of the level below. */
static capsa_result load_hash(struct loading *loading, unsigned level, uint64_t index,
                              uint8_t ret_hash[CAPSA_TREE_HASH])
{
    if (level == 0) {
        return loading->leaf(loading->context, index, ret_hash);
    }
    CAPSA_TRY(loading->fetch(loading->context, level - 1, index, loading->tile));
    fold(loading->tile, CAPSA_TREE_TILE, ret_hash);
    return CAPSA_OK;
}

static capsa_result load_level(struct loading *loading, unsigned level, capsa_tree *tree)
{
    size_t count = partial_count(tree->size, level);
    uint64_t first = (tree->size >> (8 * level)) - count;
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(room_for(tree, level));
        CAPSA_TRY(load_hash(loading, level, first + i, tree->partial[level] + i * CAPSA_TREE_HASH));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_tree_load(uint64_t size, capsa_tree_fetch fetch, capsa_tree_leaf leaf,
                             void *context, capsa_tree *ret_tree)
{
    CAPSA_REQUIRE(size <= CAPSA_TREE_SIZE_MAX, MALFORMED,
                  "a tree of more leaves than there can be");
    struct loading loading = {.fetch = fetch, .leaf = leaf, .context = context};
    CAPSA_AUTO(capsa_tree) tree = {.size = size};
    for (unsigned level = 0; level < CAPSA_TREE_LEVELS; level++) {
        CAPSA_TRY(load_level(&loading, level, &tree));
    }
    *ret_tree = tree;
    tree = (capsa_tree){0}; /* handed over */
    return CAPSA_OK;
}
