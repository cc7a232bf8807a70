/* SPDX-License-Identifier: Apache-2.0
 *
 * Making proofs (RFC 6962 §2.1.1, §2.1.2). Every hash of a proof is the root of a range of leaves,
 * which falls into perfect subtrees; and each of those lies in one tile, where it is hashed once.
 */
#include <inttypes.h>

#include "audit/audit_tree.h"
#include "base/alloc.h"

/* A tile as a binary heap: node 1 is its root, node 256 + i its i-th hash. */
struct tile {
    uint64_t index;
    bool is_there;
    bool known[2 * CAPSA_TREE_TILE];
    uint8_t nodes[2 * CAPSA_TREE_TILE][CAPSA_TREE_HASH];
};

struct capsa_tree_prover {
    const capsa_tree *tree;
    capsa_tree_fetch fetch;
    void *context;
    struct tile *tiles[CAPSA_TREE_LEVELS];
};

CAPSA_RESULT capsa_tree_prover_new(const capsa_tree *tree, capsa_tree_fetch fetch, void *context,
                                   struct capsa_tree_prover **ret_prover)
{
    struct capsa_tree_prover *prover = CAPSA_NEW(struct capsa_tree_prover);
    CAPSA_REQUIRE_MEMORY(prover);
    *prover = (struct capsa_tree_prover){.tree = tree, .fetch = fetch, .context = context};
    *ret_prover = prover;
    return CAPSA_OK;
}

void capsa_tree_prover_free(struct capsa_tree_prover *prover)
{
    if (prover == NULL) {
        return;
    }
    for (size_t level = 0; level < CAPSA_TREE_LEVELS; level++) {
        capsa_dealloc(prover->tiles[level]);
    }
    capsa_dealloc(prover);
}

/* ---- Tiles ----------------------------------------------------------------------------------- */

static capsa_result fill(struct capsa_tree_prover *prover, unsigned level, uint64_t index,
                         struct tile *tile)
{
    uint64_t hashes = prover->tree->size >> (8 * level);
    size_t count = CAPSA_TREE_TILE;
    uint8_t *leaves = tile->nodes[CAPSA_TREE_TILE];
    memset(tile->known, 0, sizeof(tile->known));
    if (index == hashes / CAPSA_TREE_TILE) { /* the unfinished one */
        count = (size_t)(hashes % CAPSA_TREE_TILE);
        if (count > 0) {
            memcpy(leaves, prover->tree->partial[level], count * CAPSA_TREE_HASH);
        }
    } else {
        CAPSA_TRY(prover->fetch(prover->context, level, index, leaves));
    }
    memset(&tile->known[CAPSA_TREE_TILE], true, count);
    tile->index = index;
    tile->is_there = true;
    return CAPSA_OK;
}

static capsa_result tile_at(struct capsa_tree_prover *prover, unsigned level, uint64_t index,
                            struct tile **ret_tile)
{
    if (prover->tiles[level] == NULL) {
        prover->tiles[level] = CAPSA_NEW(struct tile);
        CAPSA_REQUIRE_MEMORY(prover->tiles[level]);
    }
    struct tile *tile = prover->tiles[level];
    if (!tile->is_there || tile->index != index) {
        tile->is_there = false;
        CAPSA_TRY(fill(prover, level, index, tile));
    }
    *ret_tile = tile;
    return CAPSA_OK;
}

/* At most eight levels deep, over hashes that are there. */
static const uint8_t *node(struct tile *tile, size_t at)
{
    if (!tile->known[at]) {
        capsa_tree_node_hash(node(tile, 2 * at), node(tile, 2 * at + 1), tile->nodes[at]);
        tile->known[at] = true;
    }
    return tile->nodes[at];
}

/* The root of the leaves [index << height, (index + 1) << height), all of which are in the tree. */
static capsa_result perfect(struct capsa_tree_prover *prover, unsigned height, uint64_t index,
                            uint8_t ret_hash[CAPSA_TREE_HASH])
{
    unsigned within = height % 8;
    uint64_t first = index << within; /* hash of the level of tiles */
    struct tile *tile;
    CAPSA_TRY(tile_at(prover, height / 8, first / CAPSA_TREE_TILE, &tile));
    size_t at = (size_t)(CAPSA_TREE_TILE + first % CAPSA_TREE_TILE) >> within;
    memcpy(ret_hash, node(tile, at), CAPSA_TREE_HASH);
    return CAPSA_OK;
}

/* ---- Ranges ---------------------------------------------------------------------------------- */

struct range {
    uint64_t begin, end;
};

/* The root of a range that a tree of its size would split off: it begins at a multiple of the
 * smallest power of two that is not less than its length. Perfect subtrees are joined from the
 * right, the smallest first. */
static capsa_result range_root(struct capsa_tree_prover *prover, struct range range,
                               uint8_t ret_root[CAPSA_TREE_HASH])
{
    uint8_t peak[CAPSA_TREE_HASH];
    uint64_t end = range.end;
    bool is_first = true;
    for (unsigned height = 0; end > range.begin; height++) {
        if (((end - range.begin) >> height & 1) == 0) {
            continue;
        }
        end -= UINT64_C(1) << height;
        CAPSA_TRY(perfect(prover, height, end >> height, peak));
        if (is_first) {
            memcpy(ret_root, peak, sizeof(peak));
        } else {
            capsa_tree_node_hash(peak, ret_root, ret_root);
        }
        is_first = false;
    }
    return CAPSA_OK;
}

/* Where a range of more than one leaf is split: "the largest power of two smaller than n". */
static uint64_t split_at(struct range range)
{
    uint64_t k = UINT64_C(1) << (63 - __builtin_clzll(range.end - range.begin - 1));
    return range.begin + k;
}

/* Down from the whole tree to `wanted`, or to one leaf: the siblings on the way, the topmost first.
 */
struct descent {
    struct range at;
    struct range siblings[CAPSA_TREE_PATH_MAX];
    size_t count;
};

static void descend(struct descent *descent, bool to_left)
{
    uint64_t split = split_at(descent->at);
    struct range left = {descent->at.begin, split};
    struct range right = {split, descent->at.end};
    descent->at = to_left ? left : right;
    descent->siblings[descent->count++] = to_left ? right : left;
}

static capsa_result append_root(struct capsa_tree_prover *prover, struct range range,
                                capsa_buf *hashes)
{
    uint8_t root[CAPSA_TREE_HASH];
    CAPSA_TRY(range_root(prover, range, root));
    return capsa_buf_append(hashes, capsa_bytes_of(root, sizeof(root)));
}

/* Proofs begin at the bottom. */
static capsa_result append_siblings(struct capsa_tree_prover *prover, const struct descent *descent,
                                    capsa_buf *hashes)
{
    for (size_t i = descent->count; i > 0; i--) {
        CAPSA_TRY(append_root(prover, descent->siblings[i - 1], hashes));
    }
    return CAPSA_OK;
}

/* ---- Proofs ---------------------------------------------------------------------------------- */

static capsa_result require_size(const struct capsa_tree_prover *prover, uint64_t size)
{
    CAPSA_REQUIRE(size <= prover->tree->size, USAGE,
                  "the log has %" PRIu64 " entries, not %" PRIu64, prover->tree->size, size);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_tree_inclusion(struct capsa_tree_prover *prover, uint64_t index, uint64_t size,
                                  capsa_buf *hashes)
{
    CAPSA_TRY(require_size(prover, size));
    CAPSA_REQUIRE(index < size, USAGE, "no entry %" PRIu64 " among the first %" PRIu64, index,
                  size);
    struct descent descent = {.at = {0, size}};
    while (descent.at.end - descent.at.begin > 1) {
        descend(&descent, index < split_at(descent.at));
    }
    size_t before = hashes->len;
    capsa_result result = append_siblings(prover, &descent, hashes);
    if (capsa_failed(result)) {
        capsa_buf_cut(hashes, before);
    }
    return result;
}

/* RFC 6962 §2.1.2, SUBPROOF: down to where the first tree ends; what lies there is a part of it
 * alone, and its hash is left out when it is the whole first tree. */
static capsa_result subproof(struct capsa_tree_prover *prover, uint64_t first, uint64_t second,
                             capsa_buf *hashes)
{
    struct descent descent = {.at = {0, second}};
    while (descent.at.end != first) {
        descend(&descent, first <= split_at(descent.at));
    }
    if (descent.at.begin > 0) {
        CAPSA_TRY(append_root(prover, descent.at, hashes));
    }
    return append_siblings(prover, &descent, hashes);
}

CAPSA_RESULT capsa_tree_consistency(struct capsa_tree_prover *prover, uint64_t first,
                                    uint64_t second, capsa_buf *hashes)
{
    CAPSA_TRY(require_size(prover, second));
    CAPSA_REQUIRE(first <= second, USAGE, "%" PRIu64 " entries cannot be the beginning of %" PRIu64,
                  first, second);
    if (first == 0 || first == second) {
        return CAPSA_OK;
    }
    size_t before = hashes->len;
    capsa_result result = subproof(prover, first, second, hashes);
    if (capsa_failed(result)) {
        capsa_buf_cut(hashes, before);
    }
    return result;
}

CAPSA_RESULT capsa_tree_root_at(struct capsa_tree_prover *prover, uint64_t size,
                                uint8_t ret_root[CAPSA_TREE_HASH])
{
    CAPSA_TRY(require_size(prover, size));
    uint8_t root[CAPSA_TREE_HASH];
    if (size == 0) {
        capsa_sha256(capsa_bytes_of(NULL, 0), root);
    } else {
        CAPSA_TRY(range_root(prover, (struct range){0, size}, root));
    }
    memcpy(ret_root, root, sizeof(root));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_tree_leaf_at(struct capsa_tree_prover *prover, uint64_t index,
                                uint8_t ret_hash[CAPSA_TREE_HASH])
{
    CAPSA_REQUIRE(index < prover->tree->size, USAGE, "the log has %" PRIu64 " entries",
                  prover->tree->size);
    return perfect(prover, 0, index, ret_hash);
}
