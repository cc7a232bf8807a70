/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: an exported log from anywhere, line by line, and the verifier. What it calls sound has the
 * entries that were signed, in their order and with their numbers: the root over them is the last
 * checkpoint's.
 */
#include <stdlib.h>

#include "audit/audit_file.h"
#include "audit_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct seen {
    struct capsa_tree_edge tree;
    bool is_in_order;
};

static void give(struct capsa_audit_verifier *verifier, const struct capsa_audit_parsed_line *line,
                 struct seen *seen)
{
    uint8_t hash[CAPSA_TREE_HASH] = {0};
    if (line->kind == CAPSA_AUDIT_LINE_ENTRY) {
        if (line->bytes.len <= CAPSA_TREE_LEAF_MAX) {
            capsa_tree_leaf_hash(line->bytes, hash);
        }
        seen->is_in_order = seen->is_in_order && line->index == seen->tree.size &&
                            memcmp(hash, line->leaf_hash, sizeof(hash)) == 0;
        capsa_tree_edge_append(&seen->tree, hash);
        must(!capsa_failed(
            capsa_audit_verifier_entry(verifier, line->index, line->leaf_hash, line->bytes)));
    }
    if (line->kind == CAPSA_AUDIT_LINE_CHECKPOINT) {
        must(!capsa_failed(capsa_audit_verifier_checkpoint(verifier, line->bytes)));
    }
}

static void judge(struct capsa_audit_verifier *verifier, const struct seen *seen)
{
    struct capsa_audit_verdict verdict;
    uint8_t root[CAPSA_TREE_HASH];
    capsa_audit_verifier_end(verifier, &verdict);
    must(verdict.text[0] != '\0');
    must(capsa_audit_fault_name(verdict.fault)[0] != '\0');
    if (verdict.fault == CAPSA_AUDIT_SOUND) {
        capsa_tree_edge_root(&seen->tree, root);
        must(seen->is_in_order);
        must(verdict.last.size == seen->tree.size && verdict.entries == seen->tree.size);
        must(memcmp(root, verdict.last.root, sizeof(root)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {.is_in_order = true};
    CAPSA_AUTO(capsa_buf) scratch = capsa_buf_of(CAPSA_LIMIT_audit_line);
    CAPSA_AUTO_FREE(capsa_audit_verifier) verifier = NULL;
    capsa_bytes rest = capsa_bytes_of(data, size);
    must(!capsa_failed(capsa_audit_verifier_new(FUZZ_ORIGIN, fuzz_audit_key, NULL, &verifier)));
    while (rest.len > 0) {
        struct capsa_audit_parsed_line line;
        size_t len = capsa_bytes_find(rest, '\n');
        if (!capsa_failed(
                capsa_audit_line_parse(capsa_bytes_of(rest.data, len), &scratch, &line))) {
            give(verifier, &line, &seen);
        }
        rest = capsa_bytes_from(rest, len + 1);
    }
    judge(verifier, &seen);
    return 0;
}
