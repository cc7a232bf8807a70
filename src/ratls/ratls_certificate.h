/* SPDX-License-Identifier: Apache-2.0
 *
 * A certificate that carries evidence, read and judged. Reading believes nothing; capsa_ratls_judge
 * is the one place where a certificate becomes accepted. Found by parsing: X.509's structure, then
 * the one extension that counts, then what is in it. Pure; never logs; no libssl.
 */
#pragma once

#include "evidence/evidence.h"
#include "ratls/ratls_form.h"
#include "verifier/verdict.h"

/* ---- Reading ------------------------------------------------------------------------------------
 */

enum capsa_ratls_hash { CAPSA_RATLS_SHA256 = 1, CAPSA_RATLS_SHA384 = 7, CAPSA_RATLS_SHA512 = 8 };
const char *capsa_ratls_hash_name(enum capsa_ratls_hash hash); /* "sha256" */

struct capsa_ratls_certificate {
    capsa_buf der;              /* the whole, owned; all capsa_bytes below lie in it */
    enum capsa_ratls_form form; /* of the evidence that counts */
    bool has_legacy;            /* a legacy extension stands beside DICE's, and was not looked at */
    capsa_evidence evidence;
    capsa_collateral endorsements; /* empty: none */
    int x509_version;              /* 1 or 3 */
    bool signed_with_sha1;
    bool critical; /* the extension of the evidence is marked so */
    capsa_time not_before, not_after;
    capsa_bytes tbs, algorithm, signature; /* what its own key signed, how, and the signature */
    capsa_bytes spki;                      /* DER, as it stands there */
    uint8_t spki_sha256[32];
    /* Of DICE; 0 and empty of others. */
    capsa_bytes claims; /* the claims-buffer */
    enum capsa_ratls_hash hash;
    capsa_bytes key_digest; /* "pubkey-hash" */
    capsa_bytes nonce;      /* the claim of that name; NULL data: none */
};

/* DER, or one PEM block CERTIFICATE or TRUSTED CERTIFICATE (NULs and white space behind it are
 * fine; what OpenSSL appends to a TRUSTED one is not looked at). MALFORMED (not a certificate; no
 * evidence; two of them; duplicated extensions; bad content, and where), UNSUPPORTED (evidence of a
 * kind that is recognised and not read; a critical extension that is not known), TOO_LARGE. */
CAPSA_RESULT capsa_ratls_read(capsa_bytes text, struct capsa_ratls_certificate **ret_certificate);
void capsa_ratls_certificate_free(struct capsa_ratls_certificate *certificate);
typedef struct capsa_ratls_certificate capsa_ratls_certificate;
CAPSA_DEFINE_AUTO_FREE(capsa_ratls_certificate)
/* Every field as JSON, for people; unverified. */
CAPSA_RESULT capsa_ratls_show(const struct capsa_ratls_certificate *certificate,
                              struct capsa_json **ret_json);

/* ---- What evidence binds (contracts, ra-tls 1 and 2) --------------------------------------------
 */

/* The report data of a certificate of `form` with this key; `claims` of DICE's. `wide`: Intel's for
 * TDX, SHA-384 over the claims. UNSUPPORTED for forms that bind nothing. */
CAPSA_RESULT capsa_ratls_report_data(enum capsa_ratls_form form, bool wide, capsa_bytes spki,
                                     capsa_bytes claims,
                                     uint8_t ret_report_data[CAPSA_REPORT_DATA]);
/* The 64 bytes that this certificate's evidence must bind, of those that its form allows: the one
 * that it does bind. UNAUTHENTIC: none of them (another key; a tail that is not zero), saying what
 * was expected. The key digest of DICE's claims is compared here too. */
CAPSA_RESULT capsa_ratls_bound(const struct capsa_ratls_certificate *certificate,
                               uint8_t ret_report_data[CAPSA_REPORT_DATA]);

/* ---- How long they live -------------------------------------------------------------------------
 */

#define CAPSA_RATLS_LIFE_MIN 60
#define CAPSA_RATLS_LIFE_MAX (INT64_C(366) * 24 * 3600) /* seconds: a year */
/* 9999-12-31T23:59:59Z, RFC 5280's "no end": nobody takes a certificate that ends then. */
#define CAPSA_RATLS_NEVER INT64_C(253402300799)

/* ---- Judging ------------------------------------------------------------------------------------
 */

/* Who judges evidence: capsa_appraiser_judge, or the public interface's verifier. Any thread. */
struct capsa_ratls_appraiser {
    void *context;
    CAPSA_RESULT(*judge)
    (void *context, enum capsa_platform platform, capsa_bytes evidence,
     const capsa_collateral *shipped, capsa_time now, const uint8_t *report_data,
     struct capsa_verdict *verdict);
};

struct capsa_ratls_rules {
    bool native;            /* a life over a year is refused, not just told */
    bool insecure_old_x509; /* X.509 version 1 and SHA-1 are taken: grpc-ra-tls's certificates */
    /* Remembers accepted certificates, whose own signature is not checked again for the same bytes;
     * everything else is. NULL: it always is. May be shared, by threads and rules of any kind. */
    struct capsa_verify_cache *cache;
    bool has_nonce; /* the claim "nonce" must be these bytes */
    capsa_bytes nonce;
};

#define CAPSA_RATLS_WARNING 160
struct capsa_ratls_report {
    struct capsa_verdict verdict;
    enum capsa_ratls_form form;
    enum capsa_ratls_hash hash; /* 0: not DICE's */
    capsa_time not_before, not_after;
    uint8_t spki_sha256[32];
    char warning[CAPSA_RATLS_WARNING]; /* "" nothing; stands in verdict.note too */
    bool session_bound;                /* set by ratls_session.h alone */
};

/* Checks in this order: certificate, certificate-signature, certificate-time, certificate-lifetime,
 * certificate-nonce, certificate-key, then those of evidence by `appraiser`. `collateral` (NULL:
 * none) is used where the certificate has no endorsements. Success: accepted. A refusal is an error
 * of the check's code, and stands in the report. The report is zeroed first. */
CAPSA_RESULT capsa_ratls_judge(capsa_bytes certificate, const struct capsa_ratls_rules *rules,
                               const struct capsa_ratls_appraiser *appraiser,
                               const capsa_collateral *collateral, capsa_time now,
                               struct capsa_ratls_report *ret_report);
/* capsa_verdict_json, and a member "certificate": {form, hash, not_before, not_after, spki_sha256,
 * session_bound, warning}. */
CAPSA_RESULT capsa_ratls_report_json(const struct capsa_ratls_report *report,
                                     struct capsa_json **ret_json);
