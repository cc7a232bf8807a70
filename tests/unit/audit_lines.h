/* SPDX-License-Identifier: Apache-2.0
 *
 * An exported log as a list of lines that tests can damage, and what the verifier says of it. It
 * goes through the text: lines are written, parsed and handed to the verifier as the command does.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "audit/audit_file.h"
#include "codec/text.h"
#include "unit.h"

#define LINES_ORIGIN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LINES_MAX    128

struct line {
    bool is_checkpoint;
    uint64_t index;
    uint8_t hash[CAPSA_TREE_HASH];
    uint8_t leaf[CAPSA_AUDIT_LEAF];
    char note[CAPSA_LIMIT_checkpoint_bytes];
};

struct lines {
    struct line at[LINES_MAX];
    size_t count;
    struct capsa_private_key *key;
    uint8_t raw[CAPSA_ED25519_PUBLIC];
    struct capsa_tree_edge tree;
};

static inline void lines_sign(const struct capsa_private_key *key,
                              const struct capsa_tree_edge *tree,
                              struct capsa_checkpoint *ret_checkpoint, struct line *ret_line)
{
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(CAPSA_LIMIT_checkpoint_bytes);
    const char *text;
    *ret_checkpoint = (struct capsa_checkpoint){.origin = LINES_ORIGIN, .size = tree->size};
    capsa_tree_edge_root(tree, ret_checkpoint->root);
    assert_ok(capsa_checkpoint_sign(ret_checkpoint, key, &note));
    assert_ok(capsa_buf_cstr(&note, &text));
    *ret_line = (struct line){.is_checkpoint = true};
    (void)snprintf(ret_line->note, sizeof(ret_line->note), "%s", text);
}

/* Leaf and hash of a decision of one entry that says `number`. */
static inline struct line lines_entry(uint64_t index, unsigned number)
{
    const uint8_t salt[CAPSA_AUDIT_SALT] = {(uint8_t)number, (uint8_t)(number >> 8)};
    struct line line = {.index = index};
    struct capsa_audit_leaf leaf;
    assert_ok(capsa_audit_leaf_make(CAPSA_AUDIT_KEY_RELEASE, 1800000000 + number, "ALICE", salt,
                                    CAPSA_BYTES_LITERAL("{}"), NULL, &leaf));
    capsa_audit_leaf_write(&leaf, line.leaf);
    capsa_tree_leaf_hash(capsa_bytes_of(line.leaf, sizeof(line.leaf)), line.hash);
    return line;
}

static inline void lines_insert(struct lines *lines, size_t at, struct line line)
{
    assert_true(lines->count < LINES_MAX);
    memmove(&lines->at[at + 1], &lines->at[at], (lines->count - at) * sizeof(line));
    lines->at[at] = line;
    lines->count++;
}

static inline void lines_group(struct lines *lines, size_t count)
{
    struct capsa_checkpoint checkpoint;
    struct line line;
    for (size_t i = 0; i < count; i++) {
        line = lines_entry(lines->tree.size, (unsigned)lines->tree.size);
        lines_insert(lines, lines->count, line);
        capsa_tree_edge_append(&lines->tree, line.hash);
    }
    lines_sign(lines->key, &lines->tree, &checkpoint, &line);
    lines_insert(lines, lines->count, line);
}

static inline void lines_key(struct capsa_private_key **ret_key, uint8_t ret_raw[])
{
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    assert_ok(capsa_private_key_new_ed25519(ret_key));
    assert_ok(capsa_public_key_of(*ret_key, &public_key));
    assert_ok(capsa_public_key_raw(public_key, ret_raw));
}

/* Where entry `number` or the checkpoint of `number` entries stands. */
static inline size_t lines_find(const struct lines *lines, bool is_checkpoint, uint64_t number)
{
    char size[32];
    (void)snprintf(size, sizeof(size), "\n%u\n", (unsigned)number);
    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->at[i];
        if (line->is_checkpoint == is_checkpoint &&
            (is_checkpoint ? strstr(line->note, size) != NULL : line->index == number)) {
            return i;
        }
    }
    fail_msg("no line %u", (unsigned)number);
    return 0;
}

static inline void lines_remove(struct lines *lines, size_t at)
{
    memmove(&lines->at[at], &lines->at[at + 1], (lines->count - at - 1) * sizeof(lines->at[0]));
    lines->count--;
}

static inline void lines_renumber(struct lines *lines)
{
    uint64_t next = 0;
    for (size_t i = 0; i < lines->count; i++) {
        if (!lines->at[i].is_checkpoint) {
            lines->at[i].index = next++;
        }
    }
}

static inline void lines_rehash(struct line *line)
{
    capsa_tree_leaf_hash(capsa_bytes_of(line->leaf, sizeof(line->leaf)), line->hash);
}

/* The text of a line; an entry's hash as it is, for it may be damaged. */
static inline void lines_write(const struct line *line, capsa_buf *text)
{
    if (line->is_checkpoint) {
        assert_ok(capsa_audit_line_checkpoint(capsa_bytes_str(line->note), text));
        return;
    }
    CAPSA_AUTO(capsa_buf) whole = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) hash = capsa_buf_of(64);
    assert_ok(capsa_audit_line_entry(line->index, capsa_bytes_of(line->leaf, sizeof(line->leaf)),
                                     &whole));
    assert_ok(capsa_base64_write(capsa_bytes_of(line->hash, sizeof(line->hash)), CAPSA_BASE64_STD,
                                 &hash));
    size_t begin = capsa_bytes_find(capsa_bytes_from(capsa_buf_bytes(&whole), 6), ' ') + 7;
    memcpy(whole.data + begin, hash.data, hash.len);
    assert_ok(capsa_buf_append(text, capsa_buf_bytes(&whole)));
}

static inline void lines_give(struct capsa_audit_verifier *verifier, const struct line *line,
                              capsa_buf *scratch)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(2));
    struct capsa_audit_parsed_line parsed;
    lines_write(line, &text);
    capsa_buf_cut(&text, text.len - 1);
    assert_ok(capsa_audit_line_parse(capsa_buf_bytes(&text), scratch, &parsed));
    if (parsed.kind == CAPSA_AUDIT_LINE_ENTRY) {
        assert_ok(
            capsa_audit_verifier_entry(verifier, parsed.index, parsed.leaf_hash, parsed.bytes));
    } else {
        assert_int_equal(parsed.kind, CAPSA_AUDIT_LINE_CHECKPOINT);
        assert_ok(capsa_audit_verifier_checkpoint(verifier, parsed.bytes));
    }
}

static inline struct capsa_audit_verdict lines_verdict(const struct lines *lines,
                                                       const struct capsa_checkpoint *since)
{
    struct capsa_audit_verdict verdict;
    CAPSA_AUTO(capsa_buf) scratch = capsa_buf_of(KIB(64));
    CAPSA_AUTO_FREE(capsa_audit_verifier) verifier = NULL;
    assert_ok(capsa_audit_verifier_new(LINES_ORIGIN, lines->raw, since, &verifier));
    for (size_t i = 0; i < lines->count; i++) {
        lines_give(verifier, &lines->at[i], &scratch);
    }
    capsa_audit_verifier_end(verifier, &verdict);
    return verdict;
}
