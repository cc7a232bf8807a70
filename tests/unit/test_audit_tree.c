/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: the Merkle tree, against published roots and the naive recursion of RFC 6962, and its
 * proofs: each one made holds, and none that was changed does.
 */
#include "audit_kept.h"

#include "codec/text.h"

static void assert_root(const uint8_t root[CAPSA_TREE_HASH], const char *hex)
{
    CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(CAPSA_TREE_HASH);
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &wanted));
    assert_memory_equal(root, wanted.data, CAPSA_TREE_HASH);
}

/* The tree of the reference implementation of Certificate Transparency. */
static const struct {
    const char *leaf, *root;
} published[] = {
    {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"606162636465666768696a6b6c6d6e6f",
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static void roots_are_the_published_ones(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_tree) tree = {0};
    uint8_t hash[CAPSA_TREE_HASH];
    capsa_tree_root(&tree, hash);
    assert_root(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        CAPSA_AUTO(capsa_buf) leaf = capsa_buf_of(64);
        assert_ok(capsa_hex_parse(capsa_bytes_str(published[i].leaf), &leaf));
        capsa_tree_leaf_hash(capsa_buf_bytes(&leaf), hash);
        assert_ok(capsa_tree_append(&tree, hash, NULL, NULL));
        capsa_tree_root(&tree, hash);
        assert_root(hash, published[i].root);
    }
}

/* Published with that tree: index and size, and the path, the nearest hash first. */
static void proofs_are_the_published_ones(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_tree) tree = {0};
    uint8_t hash[CAPSA_TREE_HASH];
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        CAPSA_AUTO(capsa_buf) leaf = capsa_buf_of(64);
        assert_ok(capsa_hex_parse(capsa_bytes_str(published[i].leaf), &leaf));
        capsa_tree_leaf_hash(capsa_buf_bytes(&leaf), hash);
        assert_ok(capsa_tree_append(&tree, hash, NULL, NULL));
    }
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&tree, kept_fetch, NULL, &prover));
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(8));
    const char *text;
    assert_ok(capsa_tree_inclusion(prover, 5, 8, &path));
    assert_ok(capsa_hex_write(capsa_buf_bytes(&path), &hex));
    assert_ok(capsa_buf_cstr(&hex, &text));
    assert_string_equal(text, "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
                              "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
                              "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7");
    capsa_buf_clear(&path);
    capsa_buf_clear(&hex);
    assert_ok(capsa_tree_consistency(prover, 2, 5, &path));
    assert_ok(capsa_hex_write(capsa_buf_bytes(&path), &hex));
    assert_ok(capsa_buf_cstr(&hex, &text));
    assert_string_equal(text, "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
                              "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b");
}

/* ---- Proofs that were changed ---------------------------------------------------------------- */

/* `check` answers for one proof; every change of it must be refused. */
typedef bool (*holds)(const void *context, capsa_bytes hashes);

static void assert_changes_fail(capsa_buf *proof, holds check, const void *context, size_t step)
{
    size_t len = proof->len;
    for (size_t bit = 0; bit < 8 * len; bit += step) {
        proof->data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_false(check(context, capsa_buf_bytes(proof)));
        proof->data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    for (size_t cut = 0; cut < len; cut += CAPSA_TREE_HASH / 2) {
        assert_false(check(context, capsa_bytes_of(proof->data, cut)));
    }
    assert_ok(capsa_buf_append(
        proof, capsa_bytes_of((const uint8_t[CAPSA_TREE_HASH]){0}, CAPSA_TREE_HASH)));
    assert_false(check(context, capsa_buf_bytes(proof)));
    assert_false(check(context, capsa_bytes_of(proof->data, len + 1)));
    capsa_buf_cut(proof, len);
    assert_true(check(context, capsa_buf_bytes(proof)));
}

struct inclusion {
    uint64_t index, size;
    uint8_t leaf[CAPSA_TREE_HASH], root[CAPSA_TREE_HASH];
};

static bool included(const void *context, capsa_bytes hashes)
{
    const struct inclusion *of = context;
    capsa_result result =
        capsa_tree_inclusion_check(of->leaf, of->index, of->size, hashes, of->root);
    assert_true(!capsa_failed(result) || capsa_code_of(result) == CAPSA_E_UNAUTHENTIC);
    return !capsa_failed(result);
}

static void assert_inclusion(struct capsa_tree_prover *prover, uint64_t index, uint64_t size,
                             const uint8_t root[CAPSA_TREE_HASH], size_t step)
{
    struct inclusion of = {.index = index, .size = size};
    number_leaf(index, of.leaf);
    memcpy(of.root, root, sizeof(of.root));
    CAPSA_AUTO(capsa_buf) proof = capsa_buf_of(KIB(4));
    assert_ok(capsa_tree_inclusion(prover, index, size, &proof));
    assert_true(included(&of, capsa_buf_bytes(&proof)));
    assert_changes_fail(&proof, included, &of, step);
    of.index++;
    assert_false(included(&of, capsa_buf_bytes(&proof)));
    of.index--;
    of.root[7] ^= 1;
    assert_false(included(&of, capsa_buf_bytes(&proof)));
    of.root[7] ^= 1;
    of.leaf[3] ^= 1;
    assert_false(included(&of, capsa_buf_bytes(&proof)));
    of.index = size;
    assert_false(included(&of, capsa_buf_bytes(&proof)));
}

struct consistency {
    uint64_t first, second;
    uint8_t first_root[CAPSA_TREE_HASH], second_root[CAPSA_TREE_HASH];
};

static bool consistent(const void *context, capsa_bytes hashes)
{
    const struct consistency *of = context;
    capsa_result result = capsa_tree_consistency_check(of->first, of->first_root, of->second,
                                                       of->second_root, hashes);
    assert_true(!capsa_failed(result) || capsa_code_of(result) == CAPSA_E_UNAUTHENTIC);
    return !capsa_failed(result);
}

static void assert_consistency(struct capsa_tree_prover *prover, uint64_t first, uint64_t second,
                               const uint8_t first_root[CAPSA_TREE_HASH],
                               const uint8_t second_root[CAPSA_TREE_HASH], size_t step)
{
    struct consistency of = {.first = first, .second = second};
    memcpy(of.first_root, first_root, CAPSA_TREE_HASH);
    memcpy(of.second_root, second_root, CAPSA_TREE_HASH);
    CAPSA_AUTO(capsa_buf) proof = capsa_buf_of(KIB(4));
    assert_ok(capsa_tree_consistency(prover, first, second, &proof));
    assert_true(consistent(&of, capsa_buf_bytes(&proof)));
    assert_changes_fail(&proof, consistent, &of, step);
    of.first_root[31] ^= 0x80;
    assert_false(consistent(&of, capsa_buf_bytes(&proof)));
    of.first_root[31] ^= 0x80;
    if (first != 0) { /* the empty tree is the beginning of any */
        of.second_root[0] ^= 1;
        assert_false(consistent(&of, capsa_buf_bytes(&proof)));
    }
}

/* ---- All sizes ------------------------------------------------------------------------------- */

#define SMALL 300

static void roots_of_all_small_sizes_are_those_of_the_naive_recursion(void **state)
{
    (void)state;
    struct kept_tree kept = {.count = 0};
    kept_grow(&kept, SMALL);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&kept.tree, kept_fetch, &kept, &prover));
    struct kept_tree growing = {.count = 0};
    for (uint64_t size = 0; size <= SMALL; size++) {
        uint8_t wanted[CAPSA_TREE_HASH], root[CAPSA_TREE_HASH];
        naive_root(0, size, wanted);
        kept_grow(&growing, size);
        capsa_tree_root(&growing.tree, root);
        assert_memory_equal(root, wanted, sizeof(root));
        assert_ok(capsa_tree_root_at(prover, size, root));
        assert_memory_equal(root, wanted, sizeof(root));
    }
    kept_drop(&growing);
    kept_drop(&kept);
}

static void proofs_of_all_small_sizes_hold_and_no_changed_one_does(void **state)
{
    (void)state;
    struct kept_tree kept = {.count = 0};
    kept_grow(&kept, SMALL);
    static uint8_t roots[SMALL + 1][CAPSA_TREE_HASH];
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&kept.tree, kept_fetch, &kept, &prover));
    for (uint64_t size = 0; size <= SMALL; size++) {
        assert_ok(capsa_tree_root_at(prover, size, roots[size]));
    }
    for (uint64_t size = 1; size <= SMALL; size++) {
        /* Bits of each byte of the smaller ones, a part of those of the others. */
        size_t step = size <= 33 ? 7 : 1009;
        for (uint64_t index = 0; index < size; index += size <= 70 ? 1 : 23) {
            assert_inclusion(prover, index, size, roots[size], step);
            assert_consistency(prover, index, size, roots[index], roots[size], step);
        }
        assert_inclusion(prover, size - 1, size, roots[size], step);
        assert_consistency(prover, size, size, roots[size], roots[size], step);
    }
    kept_drop(&kept);
}

/* Around the borders of tiles, where indices of two levels meet. */
static void proofs_hold_at_the_borders_of_tiles(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1,     2,     255,   256,   257,   511,   512,   513,
                                     32768, 65279, 65280, 65281, 65535, 65536, 65537, 65793};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    static uint8_t roots[sizeof(sizes) / sizeof(sizes[0])][CAPSA_TREE_HASH];
    struct kept_tree kept = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        kept_grow(&kept, sizes[i]);
        capsa_tree_root(&kept.tree, roots[i]);
        uint8_t wanted[CAPSA_TREE_HASH];
        naive_root(0, sizes[i], wanted);
        assert_memory_equal(roots[i], wanted, sizeof(wanted));
    }
    assert_int_equal(kept.count, 257 + 1); /* tiles of leaves, and one of their roots */
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&kept.tree, kept_fetch, &kept, &prover));
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j <= i; j++) {
            assert_inclusion(prover, sizes[j] - 1, sizes[i], roots[i], 61);
            assert_consistency(prover, sizes[j], sizes[i], roots[j], roots[i], 61);
        }
        assert_inclusion(prover, 0, sizes[i], roots[i], 61);
    }
    kept_drop(&kept);
}

/* Who chooses the hash of the leaf could name the root, or a node on the way to it. */
static void a_node_is_not_taken_for_a_leaf(void **state)
{
    (void)state;
    uint8_t root[CAPSA_TREE_HASH], left[CAPSA_TREE_HASH], right[CAPSA_TREE_HASH];
    naive_root(0, 4, root);
    naive_root(0, 2, left);
    naive_root(2, 4, right);
    const capsa_bytes none = {NULL, 0}, sibling = capsa_bytes_of(right, sizeof(right));
    assert_fails(capsa_tree_inclusion_check(root, 0, 4, none, root), UNAUTHENTIC);
    assert_fails(capsa_tree_inclusion_check(left, 0, 4, sibling, root), UNAUTHENTIC);
    assert_ok(
        capsa_tree_inclusion_check(left, 0, 2, sibling, root)); /* what is wrong with it is its
                                                                   size, which is signed */
}

static void a_proof_that_the_tree_does_not_have_is_refused_and_adds_nothing(void **state)
{
    (void)state;
    struct kept_tree kept = {.count = 0};
    kept_grow(&kept, 10);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&kept.tree, kept_fetch, &kept, &prover));
    CAPSA_AUTO(capsa_buf) proof = capsa_buf_of(KIB(4));
    uint8_t root[CAPSA_TREE_HASH];
    assert_fails(capsa_tree_inclusion(prover, 10, 10, &proof), USAGE);
    assert_fails(capsa_tree_inclusion(prover, 0, 11, &proof), USAGE);
    assert_fails(capsa_tree_inclusion(prover, 0, 0, &proof), USAGE);
    assert_fails(capsa_tree_consistency(prover, 3, 11, &proof), USAGE);
    assert_fails(capsa_tree_consistency(prover, 4, 3, &proof), USAGE);
    assert_fails(capsa_tree_root_at(prover, 11, root), USAGE);
    assert_fails(capsa_tree_leaf_at(prover, 10, root), USAGE);
    assert_int_equal(proof.len, 0);
    kept_drop(&kept);
}

static void a_proof_over_a_tile_that_is_missing_fails_and_adds_nothing(void **state)
{
    (void)state;
    struct kept_tree kept = {.count = 0};
    kept_grow(&kept, 600);
    kept.tiles[0].index = 77; /* 0/0 is not there any more */
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&kept.tree, kept_fetch, &kept, &prover));
    CAPSA_AUTO(capsa_buf) proof = capsa_buf_of(KIB(4));
    assert_fails(capsa_tree_inclusion(prover, 3, 600, &proof), NOT_FOUND);
    assert_int_equal(proof.len, 0);
    assert_ok(capsa_tree_inclusion(prover, 590, 600, &proof)); /* needs its root alone */
    kept_drop(&kept);
}

/* ---- Loading and copying --------------------------------------------------------------------- */

static capsa_result leaf_by_number(void *context, uint64_t index, uint8_t ret_hash[CAPSA_TREE_HASH])
{
    (void)context;
    number_leaf(index, ret_hash);
    return CAPSA_OK;
}

static void a_tree_is_loaded_out_of_its_tiles_and_grows_on(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 255, 256, 257, 1000, 65535, 65536, 65540};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct kept_tree kept = {.count = 0};
        kept_grow(&kept, sizes[i]);
        struct kept_tree loaded = {.count = 0};
        assert_ok(capsa_tree_load(sizes[i], kept_fetch, leaf_by_number, &kept, &loaded.tree));
        kept_grow(&kept, sizes[i] + 300);
        kept_grow(&loaded, sizes[i] + 300);
        uint8_t wanted[CAPSA_TREE_HASH], root[CAPSA_TREE_HASH];
        capsa_tree_root(&kept.tree, wanted);
        capsa_tree_root(&loaded.tree, root);
        assert_memory_equal(root, wanted, sizeof(root));
        kept_drop(&loaded);
        kept_drop(&kept);
    }
}

static void a_copy_goes_its_own_way(void **state)
{
    (void)state;
    struct kept_tree kept = {.count = 0};
    kept_grow(&kept, 511);
    struct kept_tree copy = {.count = 0};
    assert_ok(capsa_tree_copy(&kept.tree, &copy.tree));
    kept_grow(&copy, 700); /* over the border of a tile, which the original must not see */
    uint8_t wanted[CAPSA_TREE_HASH], root[CAPSA_TREE_HASH];
    naive_root(0, 511, wanted);
    capsa_tree_root(&kept.tree, root);
    assert_memory_equal(root, wanted, sizeof(root));
    naive_root(0, 700, wanted);
    capsa_tree_root(&copy.tree, root);
    assert_memory_equal(root, wanted, sizeof(root));
    assert_ok(capsa_tree_copy(&kept.tree, &copy.tree)); /* and back, into the same memory */
    naive_root(0, 511, wanted);
    capsa_tree_root(&copy.tree, root);
    assert_memory_equal(root, wanted, sizeof(root));
    kept_drop(&copy);
    kept_drop(&kept);
}

static void proofs_of_neighbours_fetch_a_tile_once(void **state)
{
    (void)state;
    struct kept_tree kept = {.count = 0};
    kept_grow(&kept, 1024);
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    assert_ok(capsa_tree_prover_new(&kept.tree, kept_fetch, &kept, &prover));
    for (uint64_t index = 0; index < 256; index++) {
        CAPSA_AUTO(capsa_buf) proof = capsa_buf_of(KIB(4));
        assert_ok(capsa_tree_inclusion(prover, index, 1024, &proof));
    }
    assert_int_equal(kept.fetches, 1);
    kept_drop(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_the_published_ones),
        cmocka_unit_test(proofs_are_the_published_ones),
        cmocka_unit_test(roots_of_all_small_sizes_are_those_of_the_naive_recursion),
        cmocka_unit_test(proofs_of_all_small_sizes_hold_and_no_changed_one_does),
        cmocka_unit_test(proofs_hold_at_the_borders_of_tiles),
        cmocka_unit_test(a_node_is_not_taken_for_a_leaf),
        cmocka_unit_test(a_proof_that_the_tree_does_not_have_is_refused_and_adds_nothing),
        cmocka_unit_test(a_proof_over_a_tile_that_is_missing_fails_and_adds_nothing),
        cmocka_unit_test(a_tree_is_loaded_out_of_its_tiles_and_grows_on),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(proofs_of_neighbours_fetch_a_tile_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
