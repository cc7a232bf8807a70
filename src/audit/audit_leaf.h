/* SPDX-License-Identifier: Apache-2.0
 *
 * One entry of the audit log: its leaf, which is public and tells a time and a kind of event, and
 * what its owner is given to open it with (docs/explanation/PROTOCOL.md, section 6). Pure.
 */
#pragma once

#include "base/time.h"
#include "crypto/crypto.h"

enum capsa_audit_type {
#define CAPSA_AUDIT_TYPE(symbol, number, name, what) CAPSA_AUDIT_##symbol = number,
#include "audit/audit_types.def"
#undef CAPSA_AUDIT_TYPE
};
const char *capsa_audit_type_name(unsigned type); /* "key-release"; "unknown" for other numbers */

#define CAPSA_AUDIT_LEAF    106
#define CAPSA_AUDIT_SALT    32
#define CAPSA_AUDIT_ID      16
#define CAPSA_AUDIT_ID_TEXT (2 * CAPSA_AUDIT_ID + 1)
#define CAPSA_AUDIT_STATE   32

struct capsa_audit_leaf {
    unsigned type;
    capsa_time time;
    uint8_t decision_id[CAPSA_AUDIT_ID];
    uint8_t owner[CAPSA_AUDIT_ID]; /* blinded; zeros: none (but of a denial) */
    uint8_t commitment[CAPSA_SHA256];
    uint8_t state[CAPSA_AUDIT_STATE];
};

/* Commitment, blinded owner (NULL or "": none) and, unless `decision_id` is given, the decision id;
 * the state is left zero, for it is known at the commit. */
CAPSA_RESULT capsa_audit_leaf_make(enum capsa_audit_type type, capsa_time time, const char *owner,
                                   const uint8_t salt[CAPSA_AUDIT_SALT], capsa_bytes details,
                                   const uint8_t *decision_id, struct capsa_audit_leaf *ret_leaf);
/* `type` is one byte. */
void capsa_audit_leaf_write(const struct capsa_audit_leaf *leaf,
                            uint8_t ret_bytes[CAPSA_AUDIT_LEAF]);
CAPSA_RESULT capsa_audit_leaf_parse(capsa_bytes bytes, struct capsa_audit_leaf *ret_leaf);

/* The decision id of a leaf that is its decision's first. */
void capsa_audit_leaf_own_id(const struct capsa_audit_leaf *leaf, uint8_t ret_id[CAPSA_AUDIT_ID]);

/* Holds when salt, details and (unless NULL) owner are those that the leaf commits to; else
 * UNAUTHENTIC. */
CAPSA_RESULT capsa_audit_leaf_check(const struct capsa_audit_leaf *leaf, const char *owner,
                                    const uint8_t salt[CAPSA_AUDIT_SALT], capsa_bytes details);

void capsa_audit_id_text(const uint8_t id[CAPSA_AUDIT_ID], char ret_text[CAPSA_AUDIT_ID_TEXT]);
CAPSA_RESULT capsa_audit_id_parse(const char *text, uint8_t ret_id[CAPSA_AUDIT_ID]);
