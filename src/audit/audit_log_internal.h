/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the audit log share. Entries become records in audit_log_group.c, on the
 * writer's thread; readers see the head as of the last commit, and never wait for one.
 */
#pragma once

#include <pthread.h>

#include "audit/audit_log.h"
#include "records.pb-c.h"

#define TILE_BYTES ((size_t)CAPSA_TREE_TILE * CAPSA_TREE_HASH)

#define AUDIT_HEAD_KEY        CAPSA_RECORD_KEY(CAPSA_AUDIT_NAMESPACE, "head")
#define AUDIT_LEAF_KEY(index) CAPSA_RECORD_KEY(CAPSA_AUDIT_NAMESPACE, "leaf", (index))
#define AUDIT_TILE_KEY(level, index)                                                               \
    CAPSA_RECORD_KEY(CAPSA_AUDIT_NAMESPACE, "tile", (level), (index))

#define AUDIT_INDEX_TEXT 17
void audit_index_text(uint64_t index, char ret_text[AUDIT_INDEX_TEXT]); /* 16 hex digits */

/* Where the log ends. */
struct audit_head {
    capsa_tree tree;
    capsa_buf note;   /* the checkpoint; empty: there are no entries */
    uint64_t version; /* of the head's record */
    capsa_time time;
    uint8_t state[CAPSA_AUDIT_STATE]; /* of the last leaf */
};
void audit_head_drop(struct audit_head *head);

/* A full tile. */
struct audit_tile {
    unsigned level;
    uint64_t index;
    uint8_t hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH];
};

/* An entry of the group that is being committed. */
struct audit_pending {
    ProtobufCMessage *message;     /* a Rec__Entry */
    capsa_audit_receipt *receipt;  /* or NULL; the caller's, who waits */
    size_t first_batch, end_batch; /* whose changes it keeps */
    capsa_buf proof, note;         /* for the receipt */
};

struct capsa_audit_log {
    struct capsa_audit_log_options options;
    uint8_t public_key[CAPSA_ED25519_PUBLIC];

    pthread_mutex_t mutex; /* guards what follows; never held while the store is called */
    struct audit_head
        now; /* as it is committed; the writer alone changes it, and reads it freely */
    struct audit_tile *recent; /* the tile of leaves that was fetched last, and judged; or NULL */
    struct capsa_error anchor_error;

    /* The writer's own: the group that is being committed. */
    struct audit_head next;
    struct audit_pending *pending;
    size_t count, capacity;
    struct audit_tile **tiles; /* that became full */
    size_t tile_count, tile_capacity;
    capsa_buf anchored; /* the note that the anchor has */
};

/* ---- audit_entry.c --------------------------------------------------------------------------- */

/* A serialized Rec__Entry, its leaf's state zero; appended to `bytes`. */
CAPSA_RESULT audit_entry_make(const struct capsa_audit_entry *entry,
                              uint8_t ret_decision_id[CAPSA_AUDIT_ID], capsa_buf *bytes);
CAPSA_RESULT audit_entry_parse(capsa_bytes bytes, ProtobufCMessage **ret_message);
static inline Rec__Entry *audit_entry_of(ProtobufCMessage *message)
{
    return (Rec__Entry *)(void *)message;
}
static inline ProtobufCBinaryData audit_field(const uint8_t *data, size_t len)
{
    ProtobufCBinaryData field = {.len = len};
    memcpy(&field.data, &data, sizeof(data)); /* protobuf-c's is not const, though only read */
    return field;
}
static inline capsa_bytes audit_bytes(ProtobufCBinaryData field)
{
    return capsa_bytes_of(field.data, field.len);
}

/* ---- audit_log_read.c ------------------------------------------------------------------------ */

/* The record of an entry; one that is not there is TAMPERED. */
CAPSA_RESULT audit_read_entry(struct capsa_store *store, uint64_t index,
                              ProtobufCMessage **ret_message);
/* Holds when the leaf is the one of the tree that was signed. */
CAPSA_RESULT audit_require_own(struct capsa_audit_log *log, uint64_t index, capsa_bytes leaf);
/* capsa_tree_fetch and capsa_tree_leaf; the context is the log. */
CAPSA_RESULT audit_fetch_tile(void *context, unsigned level, uint64_t index,
                              uint8_t ret_hashes[CAPSA_TREE_TILE * CAPSA_TREE_HASH]);
CAPSA_RESULT audit_fetch_leaf(void *context, uint64_t index, uint8_t ret_hash[CAPSA_TREE_HASH]);

/* ---- audit_log_group.c: struct capsa_writer_audit -------------------------------------------- */

CAPSA_RESULT audit_finish(void *context, const struct capsa_group *group, struct capsa_batch *last);
CAPSA_RESULT audit_settle(void *context, const struct capsa_group *group, bool committed);
void audit_group_drop(struct capsa_audit_log *log);

/* ---- audit_log_open.c, audit_log_blame.c, audit_log_anchor.c --------------------------------- */

CAPSA_RESULT audit_load(struct capsa_audit_log *log);
/* The state is not the one of the last leaf: TAMPERED, naming what is wrong. */
CAPSA_RESULT audit_blame(struct capsa_audit_log *log);
/* At the opening: the anchor has seen no later log and no other; then it follows. */
CAPSA_RESULT audit_anchor_check(struct capsa_audit_log *log);
/* Brings the anchor to where the log is, if it is behind. */
CAPSA_RESULT audit_anchor_follow(struct capsa_audit_log *log);
