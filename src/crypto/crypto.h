/* SPDX-License-Identifier: Apache-2.0
 *
 * A thin, misuse-proof face of libcrypto: only the algorithms that Capsa's protocols use, each with
 * its parameters fixed. Thread-safe: objects are read-only after they are made.
 * OpenSSL's own error texts never leave this folder (they tell oracles apart).
 */
#pragma once

#include "base/buf.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"

/* ---- digests, mac, kdf, random --------------------------------------------------------------- */

#define CAPSA_SHA256 32
void capsa_sha256(capsa_bytes bytes, uint8_t ret_digest[CAPSA_SHA256]);
/* SHA-256 over be32-length-prefixed parts: no two lists of parts share an input. */
void capsa_sha256_parts(const capsa_bytes *parts, size_t count, uint8_t ret_digest[CAPSA_SHA256]);
void capsa_hmac_sha256(capsa_secret_bytes key, capsa_bytes bytes, uint8_t ret_mac[CAPSA_SHA256]);
/* RFC 5869, SHA-256; `len` at most 255 * 32. */
CAPSA_RESULT capsa_hkdf(capsa_secret_bytes key, capsa_bytes salt, capsa_bytes info,
                        uint8_t *ret_key, size_t len);
/* Concat KDF of RFC 7518 §4.6.2 (NIST SP 800-56A §5.8.1), SHA-256; `len` is 1 to 32. */
CAPSA_RESULT capsa_concat_kdf(capsa_secret_bytes secret, capsa_bytes algorithm, capsa_bytes party_u,
                              capsa_bytes party_v, uint8_t *ret_key, size_t len);
CAPSA_RESULT capsa_random(void *ret_data, size_t len);
/* For tests: asked before each read of randomness; non-zero makes it fail. */
void capsa_random_set_hook(int (*hook)(size_t len));

/* ---- AES-GCM --------------------------------------------------------------------------------- */

#define CAPSA_GCM_TAG 16
/* Key 16, 24 or 32 bytes; iv 12, 16 or 32 bytes; tag always 16 bytes. Appends to `buf`. */
CAPSA_RESULT capsa_gcm_seal(capsa_secret_bytes key, capsa_bytes iv, capsa_bytes aad,
                            capsa_bytes plaintext, capsa_buf *buf, uint8_t ret_tag[CAPSA_GCM_TAG]);
/* A wrong tag is CAPSA_E_UNAUTHENTIC, and nothing of the plaintext is left in `buf`. */
CAPSA_RESULT capsa_gcm_open(capsa_secret_bytes key, capsa_bytes iv, capsa_bytes aad,
                            capsa_bytes ciphertext, capsa_bytes tag, capsa_buf *buf);
/* The same in place and without allocation, for bulk data: `out` has room for `in.len` bytes and
 * may be `in`. A context belongs to one thread and one key. */
struct capsa_gcm;
CAPSA_RESULT capsa_gcm_new(capsa_secret_bytes key, struct capsa_gcm **ret_gcm);
void capsa_gcm_free(struct capsa_gcm *gcm);
CAPSA_DEFINE_AUTO_FREE(capsa_gcm)
CAPSA_RESULT capsa_gcm_seal_block(struct capsa_gcm *gcm, const uint8_t iv[12], capsa_bytes aad,
                                  capsa_bytes in, uint8_t *out, uint8_t ret_tag[CAPSA_GCM_TAG]);
CAPSA_RESULT capsa_gcm_open_block(struct capsa_gcm *gcm, const uint8_t iv[12], capsa_bytes aad,
                                  capsa_bytes in, const uint8_t tag[CAPSA_GCM_TAG], uint8_t *out);

/* ---- AES key wrap -----------------------------------------------------------------------------
 */

/* RFC 3394 under a 256-bit key. What is wrapped has 16 to 4096 bytes, a multiple of 8; that with 8
 * bytes more is appended. */
CAPSA_RESULT capsa_aes_kw_wrap(capsa_secret_bytes kek, capsa_secret_bytes key, capsa_buf *wrapped);
/* Another key or changed bytes are UNAUTHENTIC; a length that no wrapping has is MALFORMED. */
CAPSA_RESULT capsa_aes_kw_unwrap(capsa_secret_bytes kek, capsa_bytes wrapped,
                                 struct capsa_secret **ret_key);

/* ---- keys ------------------------------------------------------------------------------------ */

enum capsa_key_kind {
    CAPSA_KEY_RSA,
    CAPSA_KEY_P256,
    CAPSA_KEY_P384,
    CAPSA_KEY_SM2,
    CAPSA_KEY_X25519,  /* agrees, never signs */
    CAPSA_KEY_ED25519, /* signs checkpoints and announcements; no party's key */
    CAPSA_KEY_OTHER,   /* parsed, good for a party id, for nothing else */
};

struct capsa_private_key;
CAPSA_RESULT capsa_private_key_new_rsa(unsigned bits, struct capsa_private_key **ret_key);
CAPSA_RESULT capsa_private_key_new_p256(struct capsa_private_key **ret_key);
CAPSA_RESULT capsa_private_key_new_ed25519(struct capsa_private_key **ret_key);
CAPSA_RESULT capsa_private_key_new_x25519(struct capsa_private_key **ret_key);
CAPSA_RESULT capsa_private_key_new_sm2(struct capsa_private_key **ret_key);
/* PEM (PKCS#8, PKCS#1, SEC1; not encrypted) or DER PKCS#8. */
CAPSA_RESULT capsa_private_key_parse(capsa_bytes text, struct capsa_private_key **ret_key);
CAPSA_RESULT capsa_private_key_write(const struct capsa_private_key *key,
                                     capsa_buf *pem); /* PKCS#8 */
/* As old TLS libraries take keys: SEC1 of a curve, PKCS#1 of RSA. UNSUPPORTED for other kinds. */
CAPSA_RESULT capsa_private_key_write_der(const struct capsa_private_key *key, capsa_buf *ret_der);
void capsa_private_key_free(struct capsa_private_key *key);
CAPSA_DEFINE_AUTO_FREE(capsa_private_key)
enum capsa_key_kind capsa_private_key_kind(const struct capsa_private_key *key);
/* RSA: bytes of the modulus, which every sealed key and signature is long; 0 for other kinds. */
size_t capsa_private_key_rsa_size(const struct capsa_private_key *key);

struct capsa_public_key;
CAPSA_RESULT capsa_public_key_of(const struct capsa_private_key *key,
                                 struct capsa_public_key **ret_key);
CAPSA_RESULT capsa_public_key_write(const struct capsa_public_key *key, capsa_buf *pem); /* SPKI */
CAPSA_RESULT capsa_public_key_spki(const struct capsa_public_key *key, capsa_buf *der);
void capsa_public_key_free(struct capsa_public_key *key);
CAPSA_DEFINE_AUTO_FREE(capsa_public_key)
enum capsa_key_kind capsa_public_key_kind(const struct capsa_public_key *key);
size_t capsa_public_key_rsa_size(const struct capsa_public_key *key);
/* DER SubjectPublicKeyInfo, the whole of it, in the one form that DER has for it. */
CAPSA_RESULT capsa_public_key_parse(capsa_bytes spki, struct capsa_public_key **ret_key);
/* The key itself of an Ed25519 or X25519 one; others are UNSUPPORTED. */
CAPSA_RESULT capsa_public_key_raw(const struct capsa_public_key *key, uint8_t ret_raw[32]);
#define CAPSA_KID 44
/* base64url of SHA-256 over DER SubjectPublicKeyInfo, 43 characters and a NUL. */
void capsa_public_key_kid(const struct capsa_public_key *key, char ret_kid[CAPSA_KID]);
/* True when both are the same SubjectPublicKeyInfo. */
bool capsa_public_key_same(const struct capsa_public_key *a, const struct capsa_public_key *b);

/* RSA-OAEP with SHA-1 or SHA-256 for both the hash and MGF1, empty label. */
enum capsa_oaep { CAPSA_OAEP_SHA1, CAPSA_OAEP_SHA256 };
CAPSA_RESULT capsa_oaep_seal(const struct capsa_public_key *key, enum capsa_oaep hash,
                             capsa_secret_bytes secret, capsa_buf *buf);
/* Never tells whether padding or length was wrong: in either case the key handed out is random, of
 * `len` bytes, so that the tag fails later on the same path (trust.md, Envelopes; the RFC 7516
 * §11.5 countermeasure). Fails only for an out-of-memory or a key that is not RSA. Constant-time
 * choice. */
CAPSA_RESULT capsa_oaep_open(const struct capsa_private_key *key, enum capsa_oaep hash,
                             capsa_bytes sealed, size_t len, struct capsa_secret **ret_secret);

/* ECDH on P-256 (the X coordinate) or X25519, 32 bytes. Both keys of one kind. A peer's key that
 * makes the secret the same for everybody (of low order) is MALFORMED. */
CAPSA_RESULT capsa_agree(const struct capsa_private_key *key, const struct capsa_public_key *peer,
                         struct capsa_secret **ret_secret);
/* Keys as JWK has them, each coordinate 32 bytes (RFC 7518 §6.2.1, RFC 8037 §2). A point that is
 * not on the curve is MALFORMED. */
CAPSA_RESULT capsa_public_key_of_p256(capsa_bytes x, capsa_bytes y,
                                      struct capsa_public_key **ret_key);
CAPSA_RESULT capsa_public_key_of_x25519(capsa_bytes x, struct capsa_public_key **ret_key);
CAPSA_RESULT capsa_public_key_p256_xy(const struct capsa_public_key *key, uint8_t ret_x[32],
                                      uint8_t ret_y[32]);

/* ECDH-ES+A256KW (RFC 7518 §4.6, RFC 8037 §3.2), no party info, around a key of 32 bytes. */
#define CAPSA_ECDH_KEY     32
#define CAPSA_ECDH_WRAPPED 40
CAPSA_RESULT capsa_ecdh_seal(const struct capsa_public_key *peer,
                             const uint8_t secret[CAPSA_ECDH_KEY],
                             struct capsa_public_key **ret_ephemeral,
                             uint8_t ret_wrapped[CAPSA_ECDH_WRAPPED]);
/* As capsa_oaep_open: where the agreement or the unwrapping fails, the key handed out is random, so
 * that the tag fails later on the same path. Fails only for an out-of-memory, or keys that are not
 * on one curve. */
CAPSA_RESULT capsa_ecdh_open(const struct capsa_private_key *key,
                             const struct capsa_public_key *ephemeral,
                             const uint8_t wrapped[CAPSA_ECDH_WRAPPED],
                             struct capsa_secret **ret_secret);

/* Ed25519 (RFC 8032), pure. */
#define CAPSA_ED25519_PUBLIC    32
#define CAPSA_ED25519_SIGNATURE 64
CAPSA_RESULT capsa_ed25519_sign(const struct capsa_private_key *key, capsa_bytes message,
                                uint8_t ret_signature[CAPSA_ED25519_SIGNATURE]);
/* Holds, or CAPSA_E_UNAUTHENTIC. */
CAPSA_RESULT capsa_ed25519_check(const uint8_t public_key[CAPSA_ED25519_PUBLIC],
                                 capsa_bytes message, capsa_bytes signature);

/* JOSE signature schemes (RFC 7518 §3), and our own SM2-SM3. Those of curves are r||s, 64 bytes. */
enum capsa_scheme {
    CAPSA_RS256,
    CAPSA_RS384,
    CAPSA_RS512,
    CAPSA_PS256,
    CAPSA_PS384,
    CAPSA_PS512, /* salt length = hash length, MGF1 with the same hash */
    CAPSA_ES256,
    CAPSA_SM2_SM3, /* GB/T 32918.2 with SM3 and the id 1234567812345678 */
};
const char *capsa_scheme_name(enum capsa_scheme scheme); /* "RS256" */
bool capsa_scheme_by_name(const char *name, enum capsa_scheme *ret_scheme);
/* The scheme in which our own keys of a kind sign: RS256, ES256, SM2-SM3; else
 * CAPSA_E_UNSUPPORTED. */
CAPSA_RESULT capsa_scheme_for_kind(enum capsa_key_kind kind, enum capsa_scheme *ret_scheme);
CAPSA_RESULT capsa_sign(const struct capsa_private_key *key, enum capsa_scheme scheme,
                        capsa_bytes message, capsa_buf *signature);
/* Holds, or CAPSA_E_UNAUTHENTIC; a scheme that does not go with the key's kind is refused, as are
 * RSA keys outside CAPSA_LIMIT_rsa_bits_min.._max. */
CAPSA_RESULT capsa_sign_check(const struct capsa_public_key *key, enum capsa_scheme scheme,
                              capsa_bytes message, capsa_bytes signature);

/* ---- X.509 ----------------------------------------------------------------------------------- */

struct capsa_cert;
CAPSA_RESULT capsa_cert_parse_der(capsa_bytes der, struct capsa_cert **ret_cert);
/* Exactly one PEM CERTIFICATE block, white space around it allowed. */
CAPSA_RESULT capsa_cert_parse_pem(capsa_bytes pem, struct capsa_cert **ret_cert);
void capsa_cert_free(struct capsa_cert *cert);
CAPSA_DEFINE_AUTO_FREE(capsa_cert)
CAPSA_RESULT capsa_cert_write_pem(const struct capsa_cert *cert, capsa_buf *pem);
CAPSA_RESULT capsa_cert_write_der(const struct capsa_cert *cert, capsa_buf *der);
const struct capsa_public_key *capsa_cert_key(const struct capsa_cert *cert); /* borrowed */
void capsa_cert_validity(const struct capsa_cert *cert, capsa_time *ret_not_before,
                         capsa_time *ret_not_after);
/* True when both hold the same SubjectPublicKeyInfo. */
bool capsa_cert_same_key(const struct capsa_cert *a, const struct capsa_cert *b);

/* Certificates that were read before, at most CAPSA_LIMIT_cert_cache of them: reading one takes
 * OpenSSL longer than checking a signature, and a signer's requests all carry the same. Any thread;
 * what it hands out is shared, and freed as any other. It knows what certificates say, and not
 * whether to believe them. `cache` NULL: reads it anew. */
struct capsa_cert_cache;
CAPSA_RESULT capsa_cert_cache_new(struct capsa_cert_cache **ret_cache);
CAPSA_RESULT capsa_cert_cache_new_of(size_t places, struct capsa_cert_cache **ret_cache);
void capsa_cert_cache_free(struct capsa_cert_cache *cache); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_cert_cache)
CAPSA_RESULT capsa_cert_cache_der(struct capsa_cert_cache *cache, capsa_bytes der,
                                  struct capsa_cert **ret_cert);
CAPSA_RESULT capsa_cert_cache_pem(struct capsa_cert_cache *cache, capsa_bytes pem,
                                  struct capsa_cert **ret_cert);

#define CAPSA_PARTY_ID 53
/* The party: base32 (no padding, 52 characters) of SHA-256 over DER SubjectPublicKeyInfo. */
CAPSA_RESULT capsa_cert_party_id(const struct capsa_cert *cert, char ret_id[CAPSA_PARTY_ID]);
/* Append the content of the extension with this dotted number, whatever it says of being critical.
 * NOT_FOUND when there is none, MALFORMED when there are two. */
CAPSA_RESULT capsa_cert_extension(const struct capsa_cert *cert, const char *oid,
                                  capsa_buf *ret_content);
/* SHA-256 over DER SubjectPublicKeyInfo. */
CAPSA_RESULT capsa_cert_spki_digest(const struct capsa_cert *cert, uint8_t ret[CAPSA_SHA256]);

/* A chain as parties present it: leaf first, root last, 1 to CAPSA_LIMIT_x5c_certs. Holds when each
 * certificate's signature verifies under the next one's key, the next one's subject is its issuer
 * and may sign certificates (basicConstraints CA, keyUsage keyCertSign where present; a version 1
 * certificate or one with no extensions counts as a CA only as the last one), and `now` lies in
 * every one's validity. A single certificate must be valid now. Says which certificate and why. */
CAPSA_RESULT capsa_chain_check(struct capsa_cert *const *chain, size_t count, capsa_time now);

/* A chain that owns its certificates. */
typedef struct capsa_chain {
    struct capsa_cert *certs[CAPSA_LIMIT_x5c_certs]; /* leaf first, root last */
    size_t count;
} capsa_chain;
void capsa_chain_drop(capsa_chain *chain); /* callable twice, and on zeros */
/* Append the next certificate up; one too many is CAPSA_E_TOO_LARGE and leaves the chain as it is.
 */
CAPSA_RESULT capsa_chain_add_der(capsa_chain *chain, capsa_bytes der);
CAPSA_RESULT capsa_chain_add_pem(capsa_chain *chain, capsa_bytes pem);
CAPSA_RESULT capsa_chain_add_cached(capsa_chain *chain, struct capsa_cert_cache *cache,
                                    capsa_bytes der);

/* A further extension, not critical. */
struct capsa_cert_extra {
    const char *oid;     /* dotted */
    capsa_bytes content; /* what stands in its OCTET STRING */
};

struct capsa_cert_request {
    const char *common_name;  /* NULL: an empty subject */
    const char *organization; /* NULL: none */
    capsa_time not_before, not_after;
    bool is_ca;           /* keyUsage keyCertSign, cRLSign */
    bool signs_digitally; /* keyUsage digitalSignature beside them; what is no CA always has it */
    const char *const *dns_names; /* NULL-ended, or NULL */
    const char *const *ip_addresses;
    bool server_use, client_use; /* extendedKeyUsage */
    const char *extension_oid;   /* dotted number of one more extension, not critical; NULL: none */
    capsa_bytes extension;       /* what stands in its OCTET STRING */
    /* Of a certificate whose evidence says what its key may do, and nothing else: no keyUsage,
     * basicConstraints not critical, an authority key id behind the subject's. No CA, and without
     * names and uses. */
    bool is_bare;
    const struct capsa_cert_extra *extra; /* behind all others, in this order */
    size_t extra_count;
};
/* v3, SHA-256, random positive 128-bit serial, subject key id. */
CAPSA_RESULT capsa_cert_self_sign(const struct capsa_private_key *key,
                                  const struct capsa_cert_request *request,
                                  struct capsa_cert **ret_cert);
