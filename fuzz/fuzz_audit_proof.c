/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: proofs about small trees, whose roots the naive recursion of RFC 6962 §2.1 says. A proof
 * holds when it is the one of RFC 6962 §2.1.1 or §2.1.2, made here by their words, and no other
 * does.
 *
 * Input: what is asked (bit 0: consistency; bit 1: the rest is xored into the right proof), two
 * numbers, and the proof.
 */
#include <stdlib.h>

#include "audit/audit_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_LIMIT 40

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void leaf_hash(uint64_t number, uint8_t ret_hash[CAPSA_TREE_HASH])
{
    uint8_t leaf = (uint8_t)number;
    capsa_tree_leaf_hash(capsa_bytes_of(&leaf, 1), ret_hash);
}

static uint64_t split(uint64_t n)
{
    uint64_t k = 1;
    while (2 * k < n) {
        k *= 2;
    }
    return k;
}

/* MTH(D[begin:end]) */
static void mth(uint64_t begin, uint64_t end, uint8_t ret_root[CAPSA_TREE_HASH])
{
    uint8_t left[CAPSA_TREE_HASH], right[CAPSA_TREE_HASH];
    if (begin == end) {
        capsa_sha256(capsa_bytes_of(NULL, 0), ret_root);
    } else if (end - begin == 1) {
        leaf_hash(begin, ret_root);
    } else {
        uint64_t k = split(end - begin);
        mth(begin, begin + k, left);
        mth(begin + k, end, right);
        capsa_tree_node_hash(left, right, ret_root);
    }
}

static void append_mth(uint64_t begin, uint64_t end, capsa_buf *proof)
{
    uint8_t root[CAPSA_TREE_HASH];
    mth(begin, end, root);
    must(!capsa_failed(capsa_buf_append(proof, capsa_bytes_of(root, sizeof(root)))));
}

/* PATH(m, D[begin:end]) */
static void path(uint64_t m, uint64_t begin, uint64_t end, capsa_buf *proof)
{
    if (end - begin == 1) {
        return;
    }
    uint64_t k = split(end - begin);
    if (m < k) {
        path(m, begin, begin + k, proof);
        append_mth(begin + k, end, proof);
    } else {
        path(m - k, begin + k, end, proof);
        append_mth(begin, begin + k, proof);
    }
}

/* SUBPROOF(m, D[begin:end], b) */
static void subproof(uint64_t m, uint64_t begin, uint64_t end, bool b, capsa_buf *proof)
{
    if (m == end - begin) {
        if (!b) {
            append_mth(begin, end, proof);
        }
        return;
    }
    uint64_t k = split(end - begin);
    if (m <= k) {
        subproof(m, begin, begin + k, b, proof);
        append_mth(begin + k, end, proof);
    } else {
        subproof(m - k, begin + k, end, false, proof);
        append_mth(begin, begin + k, proof);
    }
}

static void try_inclusion(uint64_t index, uint64_t size, capsa_bytes given, bool is_right)
{
    uint8_t leaf[CAPSA_TREE_HASH], root[CAPSA_TREE_HASH];
    leaf_hash(index, leaf);
    mth(0, size, root);
    bool holds = !capsa_failed(capsa_tree_inclusion_check(leaf, index, size, given, root));
    must(holds == is_right);
    root[0] ^= 1;
    must(capsa_failed(capsa_tree_inclusion_check(leaf, index, size, given, root)));
}

static void try_consistency(uint64_t first, uint64_t second, capsa_bytes given, bool is_right)
{
    uint8_t first_root[CAPSA_TREE_HASH], second_root[CAPSA_TREE_HASH];
    mth(0, first, first_root);
    mth(0, second, second_root);
    bool holds =
        !capsa_failed(capsa_tree_consistency_check(first, first_root, second, second_root, given));
    must(holds == is_right);
    first_root[0] ^= 1;
    must(capsa_failed(capsa_tree_consistency_check(first, first_root, second, second_root, given)));
}

/* What prover and RFC say must be the same. */
static void try_prover(bool is_consistency, uint64_t a, uint64_t b, const capsa_buf *right)
{
    CAPSA_AUTO(capsa_tree) tree = {0};
    CAPSA_AUTO_FREE(capsa_tree_prover) prover = NULL;
    CAPSA_AUTO(capsa_buf) made = capsa_buf_of(KIB(4));
    for (uint64_t i = 0; i < SIZE_LIMIT; i++) {
        uint8_t hash[CAPSA_TREE_HASH];
        leaf_hash(i, hash);
        must(!capsa_failed(capsa_tree_append(&tree, hash, NULL, NULL)));
    }
    must(!capsa_failed(capsa_tree_prover_new(&tree, NULL, NULL, &prover)));
    capsa_result result = is_consistency ? capsa_tree_consistency(prover, a, b, &made)
                                         : capsa_tree_inclusion(prover, a, b, &made);
    must(!capsa_failed(result));
    must(capsa_bytes_equal(capsa_buf_bytes(&made), capsa_buf_bytes(right)));
}

/* The proof that is tried: the rest of the input, or the right one changed by it. */
static void make_given(bool is_changed, capsa_bytes rest, const capsa_buf *right, capsa_buf *given)
{
    capsa_bytes begin = is_changed ? capsa_buf_bytes(right) : rest;
    must(!capsa_failed(capsa_buf_append(given, begin)));
    for (size_t i = 0; is_changed && i < rest.len && i < given->len; i++) {
        given->data[i] ^= rest.data[i];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > KIB(3)) {
        return 0;
    }
    bool is_consistency = (data[0] & 1) != 0;
    uint64_t b = data[2] % SIZE_LIMIT + 1, a = data[1] % (b + (is_consistency ? 1 : 0));
    CAPSA_AUTO(capsa_buf) right = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) given = capsa_buf_of(KIB(4));
    if (!is_consistency) {
        path(a, 0, b, &right);
    } else if (a > 0 && a < b) {
        subproof(a, 0, b, true, &right);
    }
    try_prover(is_consistency, a, b, &right);
    make_given((data[0] & 2) != 0, capsa_bytes_of(data + 3, size - 3), &right, &given);
    bool is_right = capsa_bytes_equal(capsa_buf_bytes(&given), capsa_buf_bytes(&right));
    if (is_consistency) {
        try_consistency(a, b, capsa_buf_bytes(&given), is_right);
    } else {
        try_inclusion(a, b, capsa_buf_bytes(&given), is_right);
    }
    return 0;
}
