/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints: signed notes (c2sp.org/signed-note) of one Ed25519 signature whose text is a tree
 * head (c2sp.org/tlog-checkpoint): origin, size, root. The origin is the manager id, and the key's
 * name too. Read strictly: one form only, what we would write ourselves. Pure.
 */
#pragma once

#include "audit/audit_tree.h"
#include "base/limits.h"

#define CAPSA_MANAGER_ID 65 /* 64 hex digits and a NUL */

struct capsa_checkpoint {
    char origin[CAPSA_MANAGER_ID];
    uint64_t size;
    uint8_t root[CAPSA_TREE_HASH];
};

CAPSA_RESULT capsa_checkpoint_sign(const struct capsa_checkpoint *checkpoint,
                                   const struct capsa_private_key *audit_key, capsa_buf *note);
/* The same for whoever has the raw public key of `audit_key` at hand: a third of the time. */
CAPSA_RESULT capsa_checkpoint_sign_as(const struct capsa_checkpoint *checkpoint,
                                      const struct capsa_private_key *audit_key,
                                      const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                                      capsa_buf *note);
/* Parses and verifies; `public_key` is the raw Ed25519 key. UNAUTHENTIC: another origin than
 * `origin`, another key, a signature that does not hold. MALFORMED: no checkpoint. */
CAPSA_RESULT capsa_checkpoint_open(capsa_bytes note, const char *origin,
                                   const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                                   struct capsa_checkpoint *ret_checkpoint);
