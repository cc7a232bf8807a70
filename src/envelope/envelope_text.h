/* SPDX-License-Identifier: Apache-2.0
 *
 * What the original's envelope and the native one share: members of a message as text. Not for
 * other folders.
 */
#pragma once

#include "base/secret.h"
#include "codec/json.h"
#include "envelope/envelope_jwe.h"

/* base64url of `bytes` as an owned string. */
CAPSA_RESULT capsa_envelope_encode(capsa_bytes bytes, char **ret_text);
/* Seal with AES-GCM under `key` and a fresh IV of 12 bytes: iv, ciphertext and tag. */
CAPSA_RESULT capsa_envelope_seal(capsa_secret_bytes key, capsa_bytes additional,
                                 capsa_bytes plaintext, capsa_jwe_out *out);
/* The identity of a message, however its key was wrapped: SHA-256 of its length-prefixed parts. */
void capsa_envelope_replay_key(capsa_bytes iv, capsa_bytes ciphertext, capsa_bytes tag,
                               uint8_t ret_key[CAPSA_SHA256]);
/* The JSON value of a protected header, which is an object. */
CAPSA_RESULT capsa_envelope_header_parse(const char *text, struct capsa_json **ret_header);
