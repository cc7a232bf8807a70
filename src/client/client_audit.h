/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a manager's log through its native protocol (docs/explanation/PROTOCOL.md, sections 6 and
 * 7): one's own entries with what they are about, and the whole log as leaves that tell no names.
 * Nothing comes out of here that was not proven. That an owner was shown all of his entries no
 * proof can say; whoever doubts it compares with the whole log.
 */
#pragma once

#include "client/client.h"
#include "codec/json.h"

/* ---- one's own entries ----------------------------------------------------------------------- */

struct capsa_audit_own {
    uint64_t index;
    struct capsa_audit_leaf leaf;
    const char *text;                 /* the details as they were committed to */
    const struct capsa_json *details; /* the same, read */
};

/* Where one stands. Start from {.decision_id = ...}. */
struct capsa_audit_query {
    const char *decision_id; /* of one decision; NULL: all */
    uint64_t before;         /* exclusive; 0: from the newest */
    uint64_t looked_at;      /* entries of the log that were passed so far */
    bool ended;              /* the log's beginning was reached */
};

/* Called for each entry, newest first; a failure ends the walk, as does *ret_enough. The entry
 * lives as long as the call. */
typedef CAPSA_RESULT (*capsa_audit_each)(void *context, const struct capsa_audit_own *entry,
                                         bool *ret_enough);

/* The next page of entries: opened (salt, details, owner), proven, in order. Moves the query on.
 * UNAUTHENTIC: what the manager shows is not what it recorded. */
CAPSA_RESULT capsa_client_audit_page(struct capsa_client *client, struct capsa_audit_query *query,
                                     capsa_audit_each each, void *context, bool *ret_enough);

/* ---- the whole log --------------------------------------------------------------------------- */

/* The latest checkpoint, checked and kept as with any answer. `note` gets its text (may be NULL).
 */
CAPSA_RESULT capsa_client_checkpoint(struct capsa_client *client, capsa_buf *note,
                                     struct capsa_checkpoint *ret_checkpoint);

/* The same, but that it is only signed: not compared with what is known, and not kept. For
 * verifiers, which compare by themselves and say better what is wrong. */
CAPSA_RESULT capsa_client_checkpoint_signed(struct capsa_client *client, capsa_buf *note,
                                            struct capsa_checkpoint *ret_checkpoint);

typedef CAPSA_RESULT (*capsa_audit_leaf_each)(void *context, uint64_t index, capsa_bytes leaf);
/* The leaves from `start` on, at least one and never `end` or behind it; *ret_next is the one that
 * follows. They are what the manager sent: whether they are its log, a verifier tells
 * (audit_file.h). */
CAPSA_RESULT capsa_client_audit_leaves(struct capsa_client *client, uint64_t start, uint64_t end,
                                       capsa_audit_leaf_each each, void *context,
                                       uint64_t *ret_next);
