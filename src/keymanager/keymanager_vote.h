/* SPDX-License-Identifier: Apache-2.0
 *
 * A vote result: a request to export one resource, signed by who asks, and signed votes on it.
 * Pure: checks signatures and form; who has to vote is the caller's business.
 */
#pragma once

#include "base/time.h"
#include "crypto/crypto.h"

struct capsa_km_vote {
    char party[CAPSA_PARTY_ID];
    bool approves;
};

/* What a native vote request binds itself to (docs/explanation/PROTOCOL.md, section 8). */
#define CAPSA_KM_VOTE_HEX 65
struct capsa_km_vote_terms {
    bool is_there;
    char manager[CAPSA_KM_VOTE_HEX];
    char resource[CAPSA_KM_VOTE_HEX];
    char requester[CAPSA_KM_VOTE_HEX]; /* SHA-256 of the SubjectPublicKeyInfo */
    capsa_time expires;
};

typedef struct capsa_km_vote_result {
    char requester[CAPSA_PARTY_ID];
    struct capsa_km_vote_terms terms;
    uint8_t id[CAPSA_SHA256]; /* SHA-256 of the request's signature as text */
    char *resource_uri;
    int64_t approved_threshold;
    struct capsa_km_vote *votes; /* every one verified */
    size_t count;
} capsa_km_vote_result;

/* Parse and verify the text. Each chain is checked link by link and for validity at `now`; each
 * signature with its chain's first key; each vote over the very request it goes with. One that does
 * not hold fails the whole, and the error names it ("vote_invite[1]: ..."). */
CAPSA_RESULT capsa_km_vote_result_parse(capsa_bytes text, capsa_time now,
                                        capsa_km_vote_result *ret_result);
void capsa_km_vote_result_drop(capsa_km_vote_result *result);
