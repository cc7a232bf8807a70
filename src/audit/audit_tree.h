/* SPDX-License-Identifier: Apache-2.0
 *
 * The Merkle tree of RFC 6962 §2.1: hashes, roots, and both kinds of proofs, made and checked.
 * Pure; where stored hashes are needed they are asked for, tile by tile (c2sp.org/tlog-tiles: 256
 * hashes of one level, 8 levels of the tree to a tile).
 */
#pragma once

#include "base/buf.h"
#include "crypto/crypto.h"

#define CAPSA_TREE_HASH     CAPSA_SHA256
#define CAPSA_TREE_TILE     256
#define CAPSA_TREE_LEVELS   8                     /* of tiles: 256^8 leaves */
#define CAPSA_TREE_SIZE_MAX ((uint64_t)INT64_MAX) /* what a number of the protocol can say */
#define CAPSA_TREE_LEAF_MAX 255
#define CAPSA_TREE_PATH_MAX 64 /* hashes of a proof; a consistency proof has at most one more */

/* A leaf has at most CAPSA_TREE_LEAF_MAX bytes. */
void capsa_tree_leaf_hash(capsa_bytes leaf, uint8_t ret_hash[CAPSA_TREE_HASH]);
void capsa_tree_node_hash(const uint8_t left[CAPSA_TREE_HASH], const uint8_t right[CAPSA_TREE_HASH],
                          uint8_t ret_hash[CAPSA_TREE_HASH]);

/* ---- checking (RFC 9162 §2.1.3.2, §2.1.4.2) -------------------------------------------------- */

/* `hashes`: one behind the other, CAPSA_TREE_HASH bytes each. Too many, too few or wrong ones, an
 * index outside the tree, or a first that is greater than second: UNAUTHENTIC, saying which. */
CAPSA_RESULT capsa_tree_inclusion_check(const uint8_t leaf_hash[CAPSA_TREE_HASH], uint64_t index,
                                        uint64_t size, capsa_bytes hashes,
                                        const uint8_t root[CAPSA_TREE_HASH]);
CAPSA_RESULT capsa_tree_consistency_check(uint64_t first, const uint8_t first_root[CAPSA_TREE_HASH],
                                          uint64_t second,
                                          const uint8_t second_root[CAPSA_TREE_HASH],
                                          capsa_bytes hashes);

/* ---- a tree that grows ----------------------------------------------------------------------- */

/* What appending needs: for each level of tiles the hashes of its last, unfinished tile. About 64
 * KiB at the most, allocated as levels appear. Start from {0}. */
typedef struct capsa_tree {
    uint64_t size;
    uint8_t *partial[CAPSA_TREE_LEVELS]; /* NULL, or room for CAPSA_TREE_TILE hashes */
} capsa_tree;
void capsa_tree_drop(capsa_tree *tree); /* callable twice, and on zeros */
/* `copy` may be zeros or a tree, whose memory is used again; what is copied is the hashes that
 * there are, about 4 KiB a level. On failure `copy` is the tree that it was. */
CAPSA_RESULT capsa_tree_copy(const capsa_tree *tree, capsa_tree *copy);

/* Told of each tile that became full: it must be kept. */
typedef CAPSA_RESULT (*capsa_tree_keep)(void *context, unsigned level, uint64_t index,
                                        const uint8_t hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH]);
/* On failure the tree is not to be used any more. */
CAPSA_RESULT capsa_tree_append(capsa_tree *tree, const uint8_t leaf_hash[CAPSA_TREE_HASH],
                               capsa_tree_keep keep, void *context);
/* Of no leaves: SHA-256 of nothing. */
void capsa_tree_root(const capsa_tree *tree, uint8_t ret_root[CAPSA_TREE_HASH]);

/* The right edge of a tree: the roots of its perfect subtrees. Enough to append and to know the
 * root, and no tiles can be made of it. A value; start from {0}. */
struct capsa_tree_edge {
    uint64_t size; /* bit h: there is a subtree of height h */
    uint8_t peaks[64][CAPSA_TREE_HASH];
};
void capsa_tree_edge_append(struct capsa_tree_edge *edge, const uint8_t leaf_hash[CAPSA_TREE_HASH]);
void capsa_tree_edge_root(const struct capsa_tree_edge *edge, uint8_t ret_root[CAPSA_TREE_HASH]);

/* ---- making proofs --------------------------------------------------------------------------- */

/* Gives a full tile that was kept. */
typedef CAPSA_RESULT (*capsa_tree_fetch)(void *context, unsigned level, uint64_t index,
                                         uint8_t ret_hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH]);

/* Makes proofs about one tree, which it borrows, and which must not change. Of each level it keeps
 * the tile that it had last, and what it hashed of it, so that proofs of neighbours cost little.
 * One thread at a time. */
struct capsa_tree_prover;
CAPSA_RESULT capsa_tree_prover_new(const capsa_tree *tree, capsa_tree_fetch fetch, void *context,
                                   struct capsa_tree_prover **ret_prover);
void capsa_tree_prover_free(struct capsa_tree_prover *prover); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_tree_prover)

/* Appends the hashes of the proof, nothing on failure; USAGE for an index or size that the tree
 * does not have. The tree of no leaves is the beginning of any, and its proof is empty. */
CAPSA_RESULT capsa_tree_inclusion(struct capsa_tree_prover *prover, uint64_t index, uint64_t size,
                                  capsa_buf *hashes);
CAPSA_RESULT capsa_tree_consistency(struct capsa_tree_prover *prover, uint64_t first,
                                    uint64_t second, capsa_buf *hashes);
/* The root as it was at an earlier size. */
CAPSA_RESULT capsa_tree_root_at(struct capsa_tree_prover *prover, uint64_t size,
                                uint8_t ret_root[CAPSA_TREE_HASH]);
/* The hash of one leaf. */
CAPSA_RESULT capsa_tree_leaf_at(struct capsa_tree_prover *prover, uint64_t index,
                                uint8_t ret_hash[CAPSA_TREE_HASH]);

/* A tree of `size` leaves out of kept tiles; `leaf` gives the hashes behind the last full one. */
typedef CAPSA_RESULT (*capsa_tree_leaf)(void *context, uint64_t index,
                                        uint8_t ret_hash[CAPSA_TREE_HASH]);
CAPSA_RESULT capsa_tree_load(uint64_t size, capsa_tree_fetch fetch, capsa_tree_leaf leaf,
                             void *context, capsa_tree *ret_tree);
