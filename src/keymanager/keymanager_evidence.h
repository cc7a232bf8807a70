/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence in the key manager: judging what requests bring, and telling constraints, owners and
 * requesters of it. Whoever asks learns which check failed; what the operator's policy wants is for
 * the owners of the data alone.
 */
#pragma once

#include "keymanager/keymanager_call.h"

/* What evidence says of the program that asks. Start from {0}. */
typedef struct {
    bool present;
    struct capsa_verdict verdict; /* accepted, or the failed check: then nothing may be released */
} capsa_km_evidence;

/* What one request's evidence has to bind. */
struct capsa_km_bound {
    const char *cert;                /* the request's, or NULL where it has none */
    const ProtobufCMessage *message; /* resource_request, or body */
};

/* Success: there is none and none is required, or it is accepted. `evidence` is filled in on
 * failure too. EVIDENCE: required and missing, or not authentic; TCB, DENIED: as judged; MALFORMED:
 * no report; UNSUPPORTED: of an unknown platform. */
CAPSA_RESULT capsa_km_evidence_judge(const struct capsa_km_call *call,
                                     const Cm__UnifiedAttestationReport *report,
                                     const struct capsa_km_bound *bound,
                                     capsa_km_evidence *evidence);

/* By what evidence is judged: counted, for it may be replaced while a call uses it. */
struct capsa_km_judge;
void capsa_km_judge_put(struct capsa_keymanager *manager, struct capsa_km_judge *judge);

/* r.env.tee of verified evidence (docs/reference/constraints.md); nothing when there is none. */
CAPSA_RESULT capsa_km_evidence_env(const capsa_km_evidence *evidence, struct capsa_json *env);

/* The member "evidence" of an owner's details: platform, code, status, what failed; nothing when
 * there is none. */
CAPSA_RESULT capsa_km_evidence_note(const capsa_km_evidence *evidence, capsa_km_notes *notes,
                                    const char *owner);

/* ---- The manager's own ----------------------------------------------------------------------- */

/* A report about this manager, for GetRaCert: binds `cert` and `nonce` in the form of the protocol.
 * Start from {0}. */
typedef struct {
    Cm__UnifiedAttestationReport message; /* borrows from json_report */
    capsa_buf json_report;
} capsa_km_report;
void capsa_km_report_drop(capsa_km_report *report); /* callable twice, and on zeros */

/* BUSY when too many are being made. */
CAPSA_RESULT capsa_km_report_make(struct capsa_keymanager *manager, bool native, capsa_bytes cert,
                                  const char *nonce, capsa_km_report *ret_report);
