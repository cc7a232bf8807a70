/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree with its kept tiles in memory, for tests: leaves are numbers, and the naive recursion of
 * RFC 6962 §2.1 says what their roots are.
 */
#pragma once

#include <stdlib.h>

#include "audit/audit_tree.h"
#include "unit.h"

#define TILE_BYTES ((size_t)CAPSA_TREE_TILE * CAPSA_TREE_HASH)

struct kept_tile {
    unsigned level;
    uint64_t index;
    uint8_t hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH];
};

struct kept_tree {
    capsa_tree tree;
    struct kept_tile *tiles;
    size_t count;
    size_t fetches;
};

static inline capsa_result kept_keep(void *context, unsigned level, uint64_t index,
                                     const uint8_t hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH])
{
    struct kept_tree *kept = context;
    kept->tiles = realloc(kept->tiles, (kept->count + 1) * sizeof(*kept->tiles));
    assert_non_null(kept->tiles);
    struct kept_tile *tile = &kept->tiles[kept->count++];
    tile->level = level;
    tile->index = index;
    memcpy(tile->hashes, hashes, TILE_BYTES);
    return CAPSA_OK;
}

static inline capsa_result kept_fetch(void *context, unsigned level, uint64_t index,
                                      uint8_t ret_hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH])
{
    struct kept_tree *kept = context;
    kept->fetches++;
    for (size_t i = 0; i < kept->count; i++) {
        if (kept->tiles[i].level == level && kept->tiles[i].index == index) {
            memcpy(ret_hashes, kept->tiles[i].hashes, TILE_BYTES);
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(NOT_FOUND, "no tile %u/%d", level, (int)index);
}

static inline void number_leaf(uint64_t number, uint8_t ret_hash[CAPSA_TREE_HASH])
{
    uint8_t leaf[8];
    for (size_t i = 0; i < sizeof(leaf); i++) {
        leaf[i] = (uint8_t)(number >> (8 * i));
    }
    capsa_tree_leaf_hash(capsa_bytes_of(leaf, sizeof(leaf)), ret_hash);
}

static inline void kept_grow(struct kept_tree *kept, uint64_t size)
{
    while (kept->tree.size < size) {
        uint8_t hash[CAPSA_TREE_HASH];
        number_leaf(kept->tree.size, hash);
        assert_ok(capsa_tree_append(&kept->tree, hash, kept_keep, kept));
    }
}

static inline void kept_drop(struct kept_tree *kept)
{
    capsa_tree_drop(&kept->tree);
    free(kept->tiles);
}

/* RFC 6962 §2.1, word by word, over the leaves [begin, end). */
static inline void naive_root(uint64_t begin, uint64_t end, uint8_t ret_root[CAPSA_TREE_HASH])
{
    if (end == begin) {
        capsa_sha256(capsa_bytes_of(NULL, 0), ret_root);
        return;
    }
    if (end - begin == 1) {
        number_leaf(begin, ret_root);
        return;
    }
    uint64_t k = 1;
    while (2 * k < end - begin) {
        k *= 2;
    }
    uint8_t left[CAPSA_TREE_HASH], right[CAPSA_TREE_HASH];
    naive_root(begin, begin + k, left);
    naive_root(begin + k, end, right);
    capsa_tree_node_hash(left, right, ret_root);
}
