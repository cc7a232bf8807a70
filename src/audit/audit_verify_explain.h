/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of a stretch of entries whose root is not the signed one, by trying: are two of them
 * swapped, was one moved, is one too many, does a later one belong here? Hashes that were made anew
 * tell nothing by themselves; but when a guess gives the signed root, it is what happened.
 */
#pragma once

#include "audit/audit_tree.h"

/* Entries behind the last checkpoint that held. */
typedef struct capsa_stretch {
    struct capsa_tree_edge begin; /* the tree before them */
    uint8_t *hashes;              /* of their leaves, one behind the other */
    size_t count, capacity;
    bool is_whole; /* false: there were more than are kept, and nothing can be tried */
    size_t budget; /* hashes that may still be spent on trying */
} capsa_stretch;
void capsa_stretch_drop(capsa_stretch *stretch);
/* A stretch begins behind `begin`. */
void capsa_stretch_begin(capsa_stretch *stretch, const struct capsa_tree_edge *begin);
CAPSA_RESULT capsa_stretch_add(capsa_stretch *stretch, const uint8_t hash[CAPSA_TREE_HASH]);

/* The edge behind its first `count` entries; false when they are not all kept. */
bool capsa_stretch_edge(const capsa_stretch *stretch, size_t count,
                        struct capsa_tree_edge *ret_edge);

/* Each: true when a guess gives `root`, and which entry of the stretch it is about, the first one.
 */
bool capsa_stretch_is_reordered(capsa_stretch *stretch, const uint8_t root[CAPSA_TREE_HASH],
                                size_t *ret_at);
/* One too many among the first `count` + 1. */
bool capsa_stretch_has_extra(capsa_stretch *stretch, size_t count,
                             const uint8_t root[CAPSA_TREE_HASH], size_t *ret_at);
/* `later` in the place of an entry, or between two where `is_missing`. */
bool capsa_stretch_lacks(capsa_stretch *stretch, const uint8_t later[CAPSA_TREE_HASH],
                         bool is_missing, const uint8_t root[CAPSA_TREE_HASH], size_t *ret_at);
