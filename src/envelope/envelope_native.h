/* SPDX-License-Identifier: Apache-2.0
 *
 * The envelopes of the native protocol (docs/explanation/PROTOCOL.md, sections 3 and 5): RFC 7516
 * with ECDH-ES+A256KW on P-256 or X25519 and A256GCM, where the header is the additional data; and
 * answers under a key that only whoever opened the request can derive.
 *
 * Reading a request has two steps. capsa_native_parse decides by public bytes, needs no key, and
 * says plainly what is wrong. capsa_native_open uses the private key and has one failure: from the
 * agreement to the tag there is one code, one text and one path (RFC 7516 §11.5).
 *
 * Nothing is negotiated: a header has exactly the members of that page, and each has the one value
 * that goes with the key. What this does not do: know keys by their kid, methods, parties, replays.
 */
#pragma once

#include "envelope/envelope_jwe.h"

#define CAPSA_NATIVE_IV 12

/* A request whose form was checked, decoded. Owns what it points at. */
typedef struct capsa_native_parsed {
    char kid[CAPSA_KID];          /* whose key must open it */
    enum capsa_key_kind kind;     /* the curve of epk: P256 or X25519 */
    struct capsa_public_key *epk; /* a point on that curve */
    capsa_buf protected_text;     /* as sent: the additional data */
    capsa_buf ciphertext;
    uint8_t encrypted_key[CAPSA_ECDH_WRAPPED];
    uint8_t iv[CAPSA_NATIVE_IV];
    uint8_t tag[CAPSA_GCM_TAG];
    uint8_t request_hash[CAPSA_SHA256]; /* of the compact form */
    uint8_t replay_key[CAPSA_SHA256];   /* as in capsa_jwe_parsed */
} capsa_native_parsed;

/* CAPSA_E_UNSUPPORTED names an alg, enc, curve or version that Capsa does not do;
 * CAPSA_E_UNKNOWN_FIELD a member that does not belong there; CAPSA_E_MALFORMED (or _TOO_LARGE) the
 * field and what is wrong with it. */
CAPSA_RESULT capsa_native_parse(const struct capsa_jwe *jwe, capsa_native_parsed *ret_parsed);
void capsa_native_parsed_drop(capsa_native_parsed *parsed); /* callable twice, and on zeros */

/* What a request leaves behind for its answer. */
typedef struct capsa_native_channel {
    struct capsa_secret *response_key;
} capsa_native_channel;
void capsa_native_channel_drop(capsa_native_channel *channel); /* callable twice, and on zeros */

/* `key` is the one that is registered for parsed->kid; a header that names another curve than the
 * key's is CAPSA_E_MALFORMED, which everybody can see without the key, all else
 * CAPSA_E_UNAUTHENTIC with one text. Appends the plaintext to `plaintext`, whose max is the limit;
 * on failure it is as it was. */
CAPSA_RESULT capsa_native_open(const capsa_native_parsed *parsed,
                               const struct capsa_private_key *key, capsa_buf *plaintext,
                               capsa_native_channel *ret_channel);
/* A channel is good for one answer: the key never changes, and ivs are drawn by chance. */
CAPSA_RESULT capsa_native_answer_seal(const capsa_native_channel *channel, capsa_bytes plaintext,
                                      capsa_jwe_out *ret_out);

/* The client's side: seal for the holder of `key`, on P-256 or X25519, with a fresh ephemeral key,
 * CEK and IV. */
CAPSA_RESULT capsa_native_seal(const struct capsa_public_key *key, capsa_bytes plaintext,
                               capsa_jwe_out *ret_out, capsa_native_channel *ret_channel);
/* An answer to another request, or by somebody who did not open this one, is CAPSA_E_UNAUTHENTIC;
 * what is no answer at all, CAPSA_E_MALFORMED and the like. */
CAPSA_RESULT capsa_native_answer_open(const capsa_native_channel *channel,
                                      const struct capsa_jwe *jwe, capsa_buf *plaintext);
