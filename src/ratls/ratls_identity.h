/* SPDX-License-Identifier: Apache-2.0
 *
 * A key and the certificates that carry evidence of it: made, kept, renewed. Every renewal makes a
 * new key: a key never outlives its certificate. Any thread; what somebody uses lives until he lets
 * go. Never logs; no libssl.
 */
#pragma once

#include "crypto/crypto.h"
#include "ratls/ratls_certificate.h"

/* Who makes evidence of this program. Blocks; any thread. */
struct capsa_ratls_attester {
    void *context;
    enum capsa_platform platform;
    /* As capsa_attester's collect: the bytes, and the collateral that comes beside them. */
    CAPSA_RESULT(*collect)
    (void *context, const uint8_t report_data[CAPSA_REPORT_DATA], capsa_buf *ret_evidence,
     capsa_collateral *ret_collateral);
};

struct capsa_ratls_profile {
    enum capsa_key_kind
        key;        /* P256 (the default, when zeroed by _default), P384, RSA (3072 bits) */
    bool dice;      /* the extension of today; at least one of these */
    bool gramine;   /* Gramine's legacy one beside it, or alone */
    bool intel_sdk; /* Intel's legacy one: with DICE the same quote, alone SHA-256 of the PEM key */
    enum capsa_ratls_hash hash; /* of the key, in DICE's claims */
    bool wide;                  /* of TDX: report data as Intel's SDK has it (SHA-384) */
    bool endorsements;          /* embed the collateral that comes with the evidence */
    capsa_bytes nonce;          /* DICE's claim; NULL data: none. Copied. */
    char common_name[65];
    int64_t life_seconds; /* 60 to 366 days; begins up to a minute before now, for peers whose
                             clocks are behind, and is counted from there */
    capsa_time not_before,
        not_after; /* both not 0: these instead of the life (Gramine's environment) */
};
/* P-256, DICE, SHA-256, 24 hours, "Capsa RA-TLS". */
void capsa_ratls_profile_default(struct capsa_ratls_profile *ret_profile);
/* A comma-separated list of "dice", "gramine", "intel-sdk"; USAGE for others. */
CAPSA_RESULT capsa_ratls_profile_forms(struct capsa_ratls_profile *profile, const char *forms);
/* "p256", "p384", "rsa3072"; USAGE for others. */
CAPSA_RESULT capsa_ratls_profile_key(struct capsa_ratls_profile *profile, const char *key);
/* "sha256", "sha384", "sha512"; USAGE for others. */
CAPSA_RESULT capsa_ratls_profile_hash(struct capsa_ratls_profile *profile, const char *hash);

/* A key with its certificate; never changes. */
struct capsa_ratls_credential;
/* Makes both: key, evidence (one quote for each report data that the forms need), certificate. */
CAPSA_RESULT capsa_ratls_make(const struct capsa_ratls_attester *attester,
                              const struct capsa_ratls_profile *profile, capsa_time now,
                              struct capsa_ratls_credential **ret_credential);
/* A key and a certificate that somebody else made (a foreign tool's); the key must be the
 * certificate's. The certificate need not carry evidence. */
CAPSA_RESULT capsa_ratls_credential_of(capsa_bytes certificate, capsa_bytes key,
                                       struct capsa_ratls_credential **ret_credential);
struct capsa_ratls_credential *
capsa_ratls_credential_share(struct capsa_ratls_credential *credential);
void capsa_ratls_credential_free(struct capsa_ratls_credential *credential); /* lets go */
CAPSA_DEFINE_AUTO_FREE(capsa_ratls_credential)
capsa_bytes capsa_ratls_credential_der(const struct capsa_ratls_credential *credential);
const struct capsa_private_key *
capsa_ratls_credential_key(const struct capsa_ratls_credential *credential);
/* SHA-256 over its SubjectPublicKeyInfo. */
void capsa_ratls_credential_spki(const struct capsa_ratls_credential *credential,
                                 uint8_t ret_digest[32]);
/* When two thirds of its life are over; and when it ends. */
capsa_time capsa_ratls_credential_renew_at(const struct capsa_ratls_credential *credential);
capsa_time capsa_ratls_credential_not_after(const struct capsa_ratls_credential *credential);
/* PEM CERTIFICATE and PKCS#8, each written beside its place and renamed: the key first, mode 0600,
 * so that a reader who finds the new certificate finds its key. IO. */
CAPSA_RESULT capsa_ratls_credential_write(const struct capsa_ratls_credential *credential,
                                          const char *cert_path, const char *key_path);

/* What a server or client presents: the credential of now, exchanged as a whole. */
struct capsa_ratls_identity;
CAPSA_RESULT capsa_ratls_identity_new(const struct capsa_ratls_attester *attester,
                                      const struct capsa_ratls_profile *profile,
                                      struct capsa_ratls_identity **ret_identity);
/* One that never renews itself: a foreign credential. Takes a share of it; `attester` (NULL: none)
 * makes the evidence of sessions. */
CAPSA_RESULT capsa_ratls_identity_of(struct capsa_ratls_credential *credential,
                                     const struct capsa_ratls_attester *attester,
                                     struct capsa_ratls_identity **ret_identity);
struct capsa_ratls_identity *capsa_ratls_identity_share(struct capsa_ratls_identity *identity);
void capsa_ratls_identity_free(struct capsa_ratls_identity *identity); /* lets go */
CAPSA_DEFINE_AUTO_FREE(capsa_ratls_identity)
/* Makes a new credential, and only then lets go of the old one: after a failure the old one stays.
 */
CAPSA_RESULT capsa_ratls_identity_renew(struct capsa_ratls_identity *identity, capsa_time now);
/* NULL before the first renewal. To be freed. */
struct capsa_ratls_credential *capsa_ratls_identity_current(struct capsa_ratls_identity *identity);
/* NULL: it can make no evidence. Lives as long as the identity. */
const struct capsa_ratls_attester *
capsa_ratls_identity_attester(const struct capsa_ratls_identity *identity);
