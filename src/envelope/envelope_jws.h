/* SPDX-License-Identifier: Apache-2.0
 *
 * The JWS of the capsule manager protocol (RFC 7515, flattened JSON form without an unprotected
 * header): {"protected", "payload", "signature"}, each base64url without padding. The protected
 * header names `alg` and, where the signer says who it is, `x5c`: the chain of certificates, leaf
 * first, root last, each standard base64 with padding of DER (RFC 7515 §4.1.6).
 *
 * Accepted algs: RS256/384/512, PS256/384/512, ES256, SM2-SM3. `none`, HS* and every other one are
 * refused by name. The signer's party is the party id of the *last* certificate of the chain.
 *
 * Parsing and checking are two steps, because a certificate registration carries its chain in the
 * body. Nothing of a parsed message is to be believed before a check succeeded.
 * Header members `crit` and duplicates are refused, other ones tolerated; keys and URLs in a header
 * (jwk, jku, x5u) are never used.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"
#include "crypto/crypto.h"

/* What a request of the native protocol signs beside its payload (docs/explanation/PROTOCOL.md,
 * section 4). */
#define CAPSA_JWS_JTI         16  /* bytes */
#define CAPSA_JWS_SKEW        300 /* seconds between iat and the manager's clock, either way */
#define CAPSA_JWS_VERSION_MAX ((int64_t)1 << 53) /* what every JSON reader holds exactly */

struct capsa_jws_claims {
    const char *aud;    /* the manager id */
    const char *method; /* as "CreateDataKeys" */
    capsa_time iat;
    uint8_t jti[CAPSA_JWS_JTI];
    bool has_version;
    int64_t version; /* 0: of a policy that is not there */
};

typedef struct capsa_jws {
    enum capsa_scheme scheme; /* what alg says */
    bool has_x5c;
    capsa_chain x5c; /* parsed, not checked; empty without x5c */
    capsa_buf payload;
    capsa_buf signature;
    capsa_buf signing_input; /* ASCII of protected "." payload as they came */
    /* The native members; one that is absent is NULL, or has_... is false. */
    bool has_native; /* any of them is there */
    bool has_iat, has_jti, has_version;
    char *aud, *method;
    capsa_time iat;
    uint8_t jti[CAPSA_JWS_JTI];
    int64_t version; /* 0 to CAPSA_JWS_VERSION_MAX */
} capsa_jws;

/* Other members of the text are ignored, as the original does. An unknown alg is
 * CAPSA_E_UNSUPPORTED; an empty or overlong x5c and all other faults of form are CAPSA_E_MALFORMED
 * or CAPSA_E_TOO_LARGE. */
CAPSA_RESULT capsa_jws_parse(capsa_bytes text, capsa_jws *ret_jws);
/* The same, with certificates that were read before. */
CAPSA_RESULT capsa_jws_parse_cached(capsa_bytes text, struct capsa_cert_cache *cache,
                                    capsa_jws *ret_jws);
void capsa_jws_drop(capsa_jws *jws); /* callable twice, and on zeros */

/* Holds when `chain` is a good chain at `now` (capsa_chain_check) and its first certificate's key
 * made the signature. Then `ret_party` is the signer. Not authentic: CAPSA_E_UNAUTHENTIC; a
 * certificate outside its validity: CAPSA_E_EXPIRED; an alg that does not go with the key's type:
 * CAPSA_E_UNAUTHENTIC. */
CAPSA_RESULT capsa_jws_check(const capsa_jws *jws, const capsa_chain *chain, capsa_time now,
                             char ret_party[CAPSA_PARTY_ID]);
/* The same with the chain of its own header. Without x5c: CAPSA_E_NOT_FOUND, and no other failure
 * has that code. */
CAPSA_RESULT capsa_jws_check_x5c(const capsa_jws *jws, capsa_time now,
                                 char ret_party[CAPSA_PARTY_ID]);

/* Holds when the header has all native members but version, which is optional, and they are for
 * this manager, this method and this time. The first that is missing is CAPSA_E_MALFORMED, one that
 * differs CAPSA_E_UNAUTHENTIC, an iat too far from `now` CAPSA_E_EXPIRED; each says what and what
 * was wanted. Looks at no signature, and not at whether the jti is new. */
CAPSA_RESULT capsa_jws_claims_check(const capsa_jws *jws, const char *aud, const char *method,
                                    capsa_time now);

/* Append the JWS of `payload` as compact JSON. RSA keys sign RS256, P-256 keys ES256, SM2 keys
 * SM2-SM3, other ones are CAPSA_E_UNSUPPORTED. `chain` NULL: no x5c. Whether the chain's first key
 * is `key` is checked.
 */
CAPSA_RESULT capsa_jws_make(const struct capsa_private_key *key, const capsa_chain *chain,
                            capsa_bytes payload, capsa_buf *text);
/* The same for the native protocol: with these members, and the chain, in its header. */
CAPSA_RESULT capsa_jws_make_native(const struct capsa_private_key *key, const capsa_chain *chain,
                                   const struct capsa_jws_claims *claims, capsa_bytes payload,
                                   capsa_buf *text);
