/* SPDX-License-Identifier: Apache-2.0
 *
 * Which denials get an entry of their own in the audit log: the first of a kind does; the same one
 * again within a minute is spoken for by that entry; and nobody fills the log with refusals. In
 * memory; a kind is (signer, resource, explanation). Thread-safe.
 */
#pragma once

#include "audit/audit_leaf.h"
#include "base/time.h"

struct capsa_km_denials;
CAPSA_RESULT capsa_km_denials_new(struct capsa_km_denials **ret_denials);
void capsa_km_denials_free(struct capsa_km_denials *denials); /* NULL is fine */

struct capsa_km_denial {
    capsa_bytes signer, resource, explanation;
};

enum capsa_km_denial_verdict {
    CAPSA_KM_DENIAL_RECORD,   /* give it an entry; `repeated` earlier ones of its kind had none */
    CAPSA_KM_DENIAL_REPEATED, /* the entry `decision_id` speaks for it */
    CAPSA_KM_DENIAL_TOO_MANY, /* neither: refuse to say */
};
struct capsa_km_denial_answer {
    enum capsa_km_denial_verdict verdict;
    uint8_t decision_id[CAPSA_AUDIT_ID];
    uint64_t repeated;
};
void capsa_km_denials_ask(struct capsa_km_denials *denials, capsa_time now,
                          const struct capsa_km_denial *denial,
                          struct capsa_km_denial_answer *ret_answer);
/* It has an entry now. */
void capsa_km_denials_note(struct capsa_km_denials *denials, capsa_time now,
                           const struct capsa_km_denial *denial,
                           const uint8_t decision_id[CAPSA_AUDIT_ID]);
/* How many were spoken for by others, since the start. */
uint64_t capsa_km_denials_coalesced(struct capsa_km_denials *denials);
