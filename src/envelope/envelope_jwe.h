/* SPDX-License-Identifier: Apache-2.0
 *
 * The JWE-like message of the capsule manager protocol: six base64url fields, RSA-OAEP or
 * RSA-OAEP-256 around a random AES-GCM key. It differs from RFC 7516 in one thing: the additional
 * data of the tag is the decoded `aad` field alone, so the header is not authenticated. That is
 * harmless here, because every header that is not the sender's leads to another key.
 *
 * Reading has two steps. capsa_jwe_parse decides by public bytes, needs no key, and says plainly
 * what is wrong. capsa_jwe_open uses the private key and has one failure: from the private-key
 * operation to the tag there is one code, one text and one path (RFC 7516 §11.5).
 *
 * Refused: RSA1_5, `dir` and every other alg and enc, `crit`, `zip`, duplicate members, padding,
 * non-zero trailing bits, tags that are not 16 bytes, IVs other than 12, 16 or 32 bytes.
 * Other members of the header are tolerated, because the original tolerates them.
 * What this does not do: know methods, parties or replays (it only gives the replay key).
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"
#include "crypto/crypto.h"

enum capsa_jwe_alg {
    CAPSA_JWE_RSA_OAEP,     /* SHA-1 for hash and MGF1 */
    CAPSA_JWE_RSA_OAEP_256, /* SHA-256 for both */
};

enum capsa_jwe_enc {
    CAPSA_JWE_A128GCM,
    CAPSA_JWE_A256GCM,
};

/* The message as it travels: base64url text without padding. All borrowed; NULL is the same as "".
 */
struct capsa_jwe {
    const char *protected_header;
    const char *encrypted_key;
    const char *iv;
    const char *ciphertext;
    const char *tag;
    const char *aad;
};

/* A message whose form was checked, decoded. Owns its buffers. */
typedef struct capsa_jwe_parsed {
    enum capsa_jwe_alg alg; /* answers mirror it */
    enum capsa_jwe_enc enc;
    capsa_buf encrypted_key;
    capsa_buf iv;
    capsa_buf ciphertext;
    capsa_buf tag;
    capsa_buf aad;
    /* SHA-256 over the length-prefixed decoded iv, ciphertext and tag: equal for two messages only
     * if one is a copy of the other, however it was wrapped. Trust it after capsa_jwe_open. */
    uint8_t replay_key[CAPSA_SHA256];
} capsa_jwe_parsed;

/* CAPSA_E_UNSUPPORTED names an alg, enc or header member that Capsa does not do; CAPSA_E_MALFORMED
 * (or _TOO_LARGE) names the field and what is wrong with it. */
CAPSA_RESULT capsa_jwe_parse(const struct capsa_jwe *jwe, capsa_jwe_parsed *ret_parsed);
void capsa_jwe_parsed_drop(capsa_jwe_parsed *parsed); /* callable twice, and on zeros */

/* Appends the plaintext to `plaintext`, whose max is the limit. An encrypted_key that is not as
 * long as the key's modulus is CAPSA_E_MALFORMED, which everybody can see without the key; all else
 * is CAPSA_E_UNAUTHENTIC with one text. On failure `plaintext` is as it was. */
CAPSA_RESULT capsa_jwe_open(const capsa_jwe_parsed *parsed, const struct capsa_private_key *key,
                            capsa_buf *plaintext);

/* A message of our own, as owned strings. */
typedef struct capsa_jwe_out {
    char *protected_header; /* base64url of {"alg":"...","enc":"..."}, nothing else: clients are
                               strict */
    char *encrypted_key;
    char *iv; /* 12 bytes */
    char *ciphertext;
    char *tag;
    char *aad; /* "" */
} capsa_jwe_out;

void capsa_jwe_out_drop(capsa_jwe_out *out); /* callable twice, and on zeros */

/* Seal for the holder of `key`, which must be RSA: fresh key, fresh 12-byte IV, empty aad.
 * Answers use the alg of the request and A128GCM. */
CAPSA_RESULT capsa_jwe_seal(const struct capsa_public_key *key, enum capsa_jwe_alg alg,
                            enum capsa_jwe_enc enc, capsa_bytes plaintext, capsa_jwe_out *ret_out);

/* The same message as a reader takes it; borrowed from `out`. */
static inline struct capsa_jwe capsa_jwe_of(const capsa_jwe_out *out)
{
    return (struct capsa_jwe){out->protected_header, out->encrypted_key, out->iv,
                              out->ciphertext,       out->tag,           out->aad};
}
