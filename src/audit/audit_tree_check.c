/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking proofs (RFC 9162 §2.1.3.2 and §2.1.4.2), with no tree at hand. Indices and sizes are
 * public; what must not happen is that a proof holds for a root that is not the tree's.
 */
#include <inttypes.h>

#include "audit/audit_tree.h"

struct path {
    const uint8_t *at;
    size_t left; /* hashes */
};

static capsa_result path_of(capsa_bytes hashes, struct path *ret_path)
{
    CAPSA_REQUIRE(hashes.len % CAPSA_TREE_HASH == 0, UNAUTHENTIC,
                  "a proof that is no whole number of hashes");
    CAPSA_REQUIRE(hashes.len / CAPSA_TREE_HASH <= CAPSA_TREE_PATH_MAX + 1, UNAUTHENTIC,
                  "a proof of more hashes than any tree has levels");
    *ret_path = (struct path){hashes.data, hashes.len / CAPSA_TREE_HASH};
    return CAPSA_OK;
}

/* The next hash, or NULL. */
static const uint8_t *next(struct path *path)
{
    if (path->left == 0) {
        return NULL;
    }
    const uint8_t *hash = path->at;
    path->at += CAPSA_TREE_HASH;
    path->left--;
    return hash;
}

static bool same(const uint8_t a[CAPSA_TREE_HASH], const uint8_t b[CAPSA_TREE_HASH])
{
    return memcmp(a, b, CAPSA_TREE_HASH) == 0;
}

/* Up over the levels on which the node is the last one and has no sibling. */
static void skip_alone(uint64_t *fn, uint64_t *sn)
{
    while ((*fn & 1) == 0 && *fn != 0) {
        *fn >>= 1;
        *sn >>= 1;
    }
}

CAPSA_RESULT capsa_tree_inclusion_check(const uint8_t leaf_hash[CAPSA_TREE_HASH], uint64_t index,
                                        uint64_t size, capsa_bytes hashes,
                                        const uint8_t root[CAPSA_TREE_HASH])
{
    struct path path;
    CAPSA_REQUIRE(index < size, UNAUTHENTIC, "a proof for leaf %" PRIu64 " of a tree of %" PRIu64,
                  index, size);
    CAPSA_TRY(path_of(hashes, &path));
    uint8_t r[CAPSA_TREE_HASH];
    memcpy(r, leaf_hash, sizeof(r));
    uint64_t fn = index, sn = size - 1;
    for (const uint8_t *p = next(&path); p != NULL; p = next(&path)) {
        CAPSA_REQUIRE(sn != 0, UNAUTHENTIC, "a proof of inclusion with too many hashes");
        if ((fn & 1) == 1 || fn == sn) {
            capsa_tree_node_hash(p, r, r);
            skip_alone(&fn, &sn);
        } else {
            capsa_tree_node_hash(r, p, r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    CAPSA_REQUIRE(sn == 0, UNAUTHENTIC, "a proof of inclusion with too few hashes");
    CAPSA_REQUIRE(same(r, root), UNAUTHENTIC,
                  "a proof of inclusion that does not lead to the root of the tree");
    return CAPSA_OK;
}

/* Both roots out of the same hashes: `fr` of the first tree, `sr` of the second. */
static capsa_result climb(struct path *path, uint64_t fn, uint64_t sn, uint8_t fr[CAPSA_TREE_HASH],
                          uint8_t sr[CAPSA_TREE_HASH])
{
    for (const uint8_t *c = next(path); c != NULL; c = next(path)) {
        CAPSA_REQUIRE(sn != 0, UNAUTHENTIC, "a proof of consistency with too many hashes");
        if ((fn & 1) == 1 || fn == sn) {
            capsa_tree_node_hash(c, fr, fr);
            capsa_tree_node_hash(c, sr, sr);
            skip_alone(&fn, &sn);
        } else {
            capsa_tree_node_hash(sr, c, sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    CAPSA_REQUIRE(sn == 0, UNAUTHENTIC, "a proof of consistency with too few hashes");
    return CAPSA_OK;
}

/* 0 < first < second. */
static capsa_result check_growth(uint64_t first, const uint8_t first_root[CAPSA_TREE_HASH],
                                 uint64_t second, const uint8_t second_root[CAPSA_TREE_HASH],
                                 struct path *path)
{
    uint64_t fn = first - 1, sn = second - 1;
    while ((fn & 1) == 1) {
        fn >>= 1;
        sn >>= 1;
    }
    /* "If first is an exact power of 2, then prepend first_hash to the consistency_path." */
    const uint8_t *begin = (first & (first - 1)) == 0 ? first_root : next(path);
    CAPSA_REQUIRE(begin != NULL, UNAUTHENTIC, "a proof of consistency with too few hashes");
    uint8_t fr[CAPSA_TREE_HASH], sr[CAPSA_TREE_HASH];
    memcpy(fr, begin, sizeof(fr));
    memcpy(sr, begin, sizeof(sr));
    CAPSA_TRY(climb(path, fn, sn, fr, sr));
    CAPSA_REQUIRE(same(fr, first_root), UNAUTHENTIC,
                  "a proof of consistency that does not lead to the root of the first tree");
    CAPSA_REQUIRE(same(sr, second_root), UNAUTHENTIC,
                  "a proof of consistency that does not lead to the root of the second tree");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_tree_consistency_check(uint64_t first, const uint8_t first_root[CAPSA_TREE_HASH],
                                          uint64_t second,
                                          const uint8_t second_root[CAPSA_TREE_HASH],
                                          capsa_bytes hashes)
{
    struct path path;
    CAPSA_REQUIRE(first <= second, UNAUTHENTIC,
                  "a tree of %" PRIu64 " leaves is no beginning of one of %" PRIu64, first, second);
    CAPSA_TRY(path_of(hashes, &path));
    if (first > 0 && first < second) {
        return check_growth(first, first_root, second, second_root, &path);
    }
    CAPSA_REQUIRE(path.left == 0, UNAUTHENTIC, "a proof of consistency with too many hashes");
    if (first == second) {
        CAPSA_REQUIRE(same(first_root, second_root), UNAUTHENTIC,
                      "two trees of %" PRIu64 " leaves with different roots", first);
        return CAPSA_OK;
    }
    uint8_t nothing[CAPSA_TREE_HASH];
    capsa_sha256(capsa_bytes_of(NULL, 0), nothing);
    CAPSA_REQUIRE(same(first_root, nothing), UNAUTHENTIC, "a tree of no leaves with a root");
    return CAPSA_OK;
}
