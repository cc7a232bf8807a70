/* SPDX-License-Identifier: Apache-2.0
 *
 * What evidence is signed and hashed with: ECDSA on raw points and r||s, SM2 under the signer's own
 * id, the digests beside SHA-256. Thread-safe as crypto.h is; numbers are big-endian.
 */
#pragma once

#include "crypto/crypto.h"

#define CAPSA_SHA384 48
#define CAPSA_SHA512 64
#define CAPSA_SM3    32
void capsa_sha384(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SHA384]);
void capsa_sha512(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SHA512]);
/* SHA-512 over be32-length-prefixed parts, as capsa_sha256_parts. */
void capsa_sha512_parts(const capsa_bytes *parts, size_t count, uint8_t ret_digest[CAPSA_SHA512]);
/* libcrypto has no SM3 that does not allocate: unlike the others these can fail. */
CAPSA_RESULT capsa_sm3(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SM3]);
CAPSA_RESULT capsa_hmac_sm3(capsa_secret_bytes key, capsa_bytes bytes, uint8_t ret_mac[CAPSA_SM3]);

/* A P256, P384 or SM2 key from its point, each coordinate as long as the field (32 or 48).
 * MALFORMED for a point that is not on the curve, and for zeros. */
CAPSA_RESULT capsa_public_key_of_point(enum capsa_key_kind kind, capsa_bytes x, capsa_bytes y,
                                       struct capsa_public_key **ret_key);
/* x||y of a P256, P384 or SM2 key, appended. */
CAPSA_RESULT capsa_public_key_point(const struct capsa_public_key *key, capsa_buf *ret_xy);
CAPSA_RESULT capsa_private_key_new_p384(struct capsa_private_key **ret_key);

/* ECDSA, P-256 with SHA-256 or P-384 with SHA-384 by the key's kind; r||s, 64 or 96 bytes. A high s
 * is as good as a low one; r or s of zero, or not below the order, is not. Holds, or UNAUTHENTIC.
 */
CAPSA_RESULT capsa_ecdsa_check(const struct capsa_public_key *key, capsa_bytes message,
                               capsa_bytes rs);
CAPSA_RESULT capsa_ecdsa_sign(const struct capsa_private_key *key, capsa_bytes message,
                              capsa_buf *ret_rs);
/* SM2 with SM3 (GB/T 32918.2); `id` is the signer's, any length to 8190 bytes, never defaulted. */
CAPSA_RESULT capsa_sm2_check(const struct capsa_public_key *key, capsa_bytes id,
                             capsa_bytes message, capsa_bytes rs);
CAPSA_RESULT capsa_sm2_sign(const struct capsa_private_key *key, capsa_bytes id,
                            capsa_bytes message, capsa_buf *ret_rs);
