/* SPDX-License-Identifier: Apache-2.0
 *
 * What a native vote binds itself to: this manager, this incarnation of the resource, the key of
 * who asks, and an end (docs/explanation/PROTOCOL.md, section 8).
 */
#pragma once

#include "keymanager/keymanager_call.h"
#include "keymanager/keymanager_vote.h"

#define CAPSA_KM_VOTE_DAYS 90 /* the longest that a vote is good for */

/* Holds when the terms are those of this call on this resource; also when there are none and the
 * call is not native. */
CAPSA_RESULT capsa_km_vote_terms_check(const struct capsa_km_call *call,
                                       const struct capsa_km_vote_terms *terms, const char *uuid,
                                       int64_t incarnation);
