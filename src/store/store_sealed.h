/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing, as a decorator over any store: what the back-end sees is encrypted under a key that it
 * never sees, and bound to where it lies. A row that is edited, moved to another key, swapped with
 * another, given other owners or another version is CAPSA_E_TAMPERED when it is read, and the error
 * names it. Not noticed here, by construction: a row removed, or put back as it once was (freshness
 * is a member of every record's set, which audit leaves will anchor).
 *
 * Record v1, what the back-end keeps as the value:
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

#define CAPSA_RECORD_FORMAT 1

/* Takes over `inner` and `root`, also on failure. A store that was begun under another root key is
 * refused (DENIED, naming both ids). A store that is empty is begun under this one. */
CAPSA_RESULT capsa_store_seal(struct capsa_store *inner, struct capsa_root *root,
                              struct capsa_store **ret_store);

/* Open `location` and the root key in `root_path`, and seal. The root key file is made when there
 * is none and the store is empty; a store with records and no root key file is an error (STORE),
 * never a new key. For a store that keeps nothing ("memory:"), `root_path` NULL makes a root key
 * that lives as long. */
CAPSA_RESULT capsa_store_open_sealed(const char *location, const char *root_path,
                                     struct capsa_store **ret_store);

/* One value, pure: what the decorator does with each record. `key` is canonical. `value` is
 * appended to the output. Opening what was not sealed so is TAMPERED and names the record. */
CAPSA_RESULT capsa_record_seal(const struct capsa_root *root, capsa_bytes key, uint64_t version,
                               capsa_bytes owners, capsa_bytes value, capsa_buf *ret_sealed);
CAPSA_RESULT capsa_record_open(const struct capsa_root *root, capsa_bytes key, uint64_t version,
                               capsa_bytes owners, capsa_bytes sealed, capsa_buf *ret_value);
