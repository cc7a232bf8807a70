/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in DICE's two extensions (contracts, ra-tls 2 and 3), as CBOR: evidence with the
 * claims that it binds, and endorsements. Read strictly: definite lengths, the right types and
 * counts, nothing twice and nothing behind the end; only the widths of numbers are free. Borrowed.
 */
#pragma once

#include "evidence/evidence.h"
#include "ratls/ratls_certificate.h"

/* Digest bytes of a hash, into `ret_digest`, which has room for 64; returns how many. */
#define CAPSA_RATLS_DIGEST 64
size_t capsa_ratls_digest(enum capsa_ratls_hash hash, capsa_bytes bytes,
                          uint8_t ret_digest[CAPSA_RATLS_DIGEST]);

/* ---- Reading ------------------------------------------------------------------------------------
 */

struct capsa_ratls_dice {
    uint64_t tag;
    capsa_bytes evidence; /* as it stands there */
    capsa_bytes claims;   /* the claims-buffer */
};
/* The content of the extension. UNSUPPORTED names a tag that is known and not read. */
CAPSA_RESULT capsa_ratls_dice_read_evidence(capsa_bytes content, struct capsa_ratls_dice *ret_dice);
/* Is evidence of `platform` what this tag says? MALFORMED. */
CAPSA_RESULT capsa_ratls_dice_check_platform(uint64_t tag, enum capsa_platform platform);

struct capsa_ratls_claims {
    enum capsa_ratls_hash hash;
    capsa_bytes key_digest;
    capsa_bytes nonce; /* NULL data: none */
};
/* Exactly one "pubkey-hash", at most one "nonce", others passed over. */
CAPSA_RESULT capsa_ratls_dice_read_claims(capsa_bytes claims,
                                          struct capsa_ratls_claims *ret_claims);

/* Collateral of Intel's, unverified; *ret_collateral is overwritten: hand in a fresh one. */
CAPSA_RESULT capsa_ratls_dice_read_endorsements(capsa_bytes content,
                                                capsa_collateral *ret_collateral);

/* ---- Writing: appended; on failure `ret` is as it was -------------------------------------------
 */

/* "pubkey-hash" of the key, and "nonce" unless its data is NULL. */
CAPSA_RESULT capsa_ratls_dice_write_claims(enum capsa_ratls_hash hash, capsa_bytes spki,
                                           capsa_bytes nonce, capsa_buf *ret);
CAPSA_RESULT capsa_ratls_dice_write_evidence(enum capsa_platform platform, capsa_bytes evidence,
                                             capsa_bytes claims, capsa_buf *ret);
/* Version 1, which is that of lists in PEM; texts end in a NUL, as in Intel's structures. MALFORMED
 * names what is missing. */
CAPSA_RESULT capsa_ratls_dice_write_endorsements(const capsa_collateral *collateral,
                                                 capsa_buf *ret);
