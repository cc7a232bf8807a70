/* SPDX-License-Identifier: Apache-2.0
 *
 * One record sealed: encrypted under a key of its own and bound to where it lies, so that a row
 * that is edited, moved to another key, swapped with another, given other owners or another version
 * does not open any more. Pure. That a row is the latest is told elsewhere (store_freshness.h).
 *
 * Record v1, what a back-end keeps as the value:
 *   format (1) | root key id (8) | root epoch (be32) | nonce (24) | ciphertext | tag (16)
 * Key and IV of a record: HKDF-SHA256(root, salt nonce, info "capsa record v1" and the kind behind
 * its be32 length), 32 and 12 bytes. AES-256-GCM; associated data, in this order:
 *   "capsa record v1" | format | root key id | root epoch | version (be64) | nonce |
 *   namespace, kind and parts: be32 length of the canonical key, then the key |
 *   owners: be32 length of the canonical set, then the set
 */
#pragma once

#include "store/store.h"
#include "store/store_root.h"

#define CAPSA_RECORD_FORMAT   1
#define CAPSA_RECORD_OVERHEAD 53 /* what a sealed value is longer */

/* `key` is canonical. The output is appended. Opening what was not sealed so is TAMPERED and names
 * the record. */
CAPSA_RESULT capsa_record_seal(const struct capsa_root *root, capsa_bytes key, uint64_t version,
                               capsa_bytes owners, capsa_bytes value, capsa_buf *ret_sealed);
CAPSA_RESULT capsa_record_open(const struct capsa_root *root, capsa_bytes key, uint64_t version,
                               capsa_bytes owners, capsa_bytes sealed, capsa_buf *ret_value);
