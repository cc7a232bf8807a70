/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this evidence authentic, and what does it say? A pure function of (evidence, collateral, time,
 * trust anchors): no network, no clock, no logging, inputs const, the same answer twice. What the
 * claims are good for is the appraisal's business: debug, validity windows, TCB status and
 * reference values are judged there, from what stands in the verdict.
 *
 * Judged here, in this order: structure, anchors, chains, the evidence's own signature, collateral,
 * revocation, identities, TCB level; so what is forged is called that before anybody asks what is
 * missing or out of date. Refused here whatever any policy says: everything of contracts,
 * quote-verification section 9 except expiry, debug, the status, and that no level fits.
 */
#pragma once

#include "evidence/evidence.h"
#include "evidence/evidence_snp.h"
#include "verifier/verdict.h"

/* ---- Trust anchors ------------------------------------------------------------------------------
 */

/* One anchor: the key that a chain must end in. */
struct capsa_anchor_key {
    char id[CAPSA_ANCHOR_TEXT]; /* "intel-sgx-root", "amd-ark-milan", "hygon-hrk", "custom:.." */
    enum capsa_anchor_kind kind;
    enum capsa_platform platforms[2]; /* those it may vouch for; NONE fills */
    enum capsa_snp_product product;   /* AMD; UNKNOWN: any */
    capsa_buf
        spki; /* DER, of an X.509 root; empty for Hygon, and where the digest is all we have */
    uint8_t spki_sha256[32];
    capsa_buf hrk; /* Hygon's 832 bytes, or made of the pinned key; empty for others */
};
struct capsa_anchors;
/* The compiled table: Intel, AMD Milan, Genoa, Turin, Hygon; all of kind vendor. */
CAPSA_RESULT capsa_anchors_new_vendor(struct capsa_anchors **ret_anchors);
/* One root given by hand instead of the vendors' (PEM or DER certificate, or Hygon's 832 bytes),
 * for every platform whose format it fits. Its own signature is not looked at: it is trusted by
 * being given. */
CAPSA_RESULT capsa_anchors_new_custom(capsa_bytes root, struct capsa_anchors **ret_anchors);
#ifdef CAPSA_SIMULATION
/* The vendors', and the root of a simulated platform (kind simulation). */
CAPSA_RESULT capsa_anchors_new_simulation(capsa_bytes root, struct capsa_anchors **ret_anchors);
#endif
void capsa_anchors_free(struct capsa_anchors *anchors);
CAPSA_DEFINE_AUTO_FREE(capsa_anchors)
/* Does an X.509 root key anchor evidence of `platform`? NULL: no. */
const struct capsa_anchor_key *capsa_anchors_find(const struct capsa_anchors *anchors,
                                                  enum capsa_platform platform, capsa_bytes spki);
/* Every anchor of `platform` in turn; NULL behind the last. */
const struct capsa_anchor_key *capsa_anchors_at(const struct capsa_anchors *anchors,
                                                enum capsa_platform platform, size_t index);
/* What a verifier asks of the key that its chain ends in, before it checks any signature: ANCHOR
 * fails when nobody trusts it, ANCHOR_KIND when only a vendor's will do. Notes it in the verdict.
 */
struct capsa_verify_input;
CAPSA_RESULT capsa_anchors_judge(const struct capsa_verify_input *input, capsa_bytes spki,
                                 struct capsa_verdict *verdict,
                                 const struct capsa_anchor_key **ret_key);
/* The same for an anchor that was found in another way (Hygon's). */
CAPSA_RESULT capsa_anchor_use(const struct capsa_verify_input *input,
                              const struct capsa_anchor_key *key, struct capsa_verdict *verdict);
/* SHA-256 over all anchors: part of what caches are keyed by. */
void capsa_anchors_digest(const struct capsa_anchors *anchors, uint8_t ret_digest[32]);

/* ---- Verifying ----------------------------------------------------------------------------------
 */

/* Signature checks that held, found again by every byte that went in and by the anchors. Bounded,
 * thread-safe, holds successes only. Leaves every answer as it is and makes it faster: revocation,
 * identities, TCB and the anchor are judged on every call. `entries`: platforms and collateral
 * together, some 30 to 100 KiB each; at most CAPSA_LIMIT_verify_cache. */
struct capsa_verify_cache;
CAPSA_RESULT capsa_verify_cache_new(size_t entries, struct capsa_verify_cache **ret_cache);
void capsa_verify_cache_free(struct capsa_verify_cache *cache);
CAPSA_DEFINE_AUTO_FREE(capsa_verify_cache)

struct capsa_verify_input {
    enum capsa_platform platform; /* of the evidence */
    capsa_bytes evidence;         /* as capsa_evidence has it */
    const capsa_collateral *collateral;
    capsa_time now; /* > 0 */
    const struct capsa_anchors *anchors;
    bool vendor_only; /* production: the first check is that the anchor is a vendor's */
    struct capsa_verify_cache *cache; /* NULL: none */
};

/* Fills in *verdict (zeroed first) and leaves .accepted false: see capsa_appraise. Success: the
 * evidence is authentic, and the verdict holds all of it; whether it has expired, is debug, or has
 * which status is for the appraisal. A failure stands in the verdict, except those that say nothing
 * about the evidence (NOMEM, INTERNAL). */
CAPSA_RESULT capsa_verify(const struct capsa_verify_input *input, struct capsa_verdict *verdict);

/* One per kind of evidence; verifier_dcap.c (SGX and TDX), verifier_snp.c, verifier_csv.c. */
struct capsa_verifier {
    enum capsa_platform platform;
    CAPSA_RESULT (*verify)(const struct capsa_verify_input *input, struct capsa_verdict *verdict);
};
extern const struct capsa_verifier capsa_verifier_sgx, capsa_verifier_tdx, capsa_verifier_snp,
    capsa_verifier_csv;
