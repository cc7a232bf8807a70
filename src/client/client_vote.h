/* SPDX-License-Identifier: Apache-2.0
 *
 * Votes on exporting a key: documents that are made offline and passed from hand to hand.
 *   request  {cert_chain[], body, vote_request_signature}: somebody asks; body is the base64 of
 *            {"type", "approved_threshold", "approved_action": "tee/download,URI"}
 *   vote     {cert_chain[], body, voter_signature}: an owner answers; body is {"action"}
 *   result   {vote_request, vote_invite[]}: what the manager is shown
 * In the native protocol a request's body also has "capsa" (docs/explanation/PROTOCOL.md, section
 * 8): for which manager, which incarnation of the resource and which key it is, and how long.
 * A request is signed over the text of its base64 body; a vote over its own base64 body with the
 * request's signature behind it. RS256 only: nothing else is understood at the other end.
 *
 * Pure: values in, values out. How they lie in files is the command's business. These checks spare
 * people a refusal by the manager; the manager makes its own.
 */
#pragma once

#include "audit/audit_note.h"
#include "base/result.h"
#include "base/time.h"
#include "client/client_party.h"
#include "codec/json.h"

/* `terms` is the object that becomes the body, as the asker wrote it. */
CAPSA_RESULT capsa_vote_request_make(const capsa_party *asker, const struct capsa_json *terms,
                                     struct capsa_json **ret_request);
/* `answer` becomes the body: {"action": "APPROVE"}. */
CAPSA_RESULT capsa_vote_make(const capsa_party *voter, const char *request_signature,
                             const struct capsa_json *answer, struct capsa_json **ret_vote);
/* The terms for one resource. A URI with a comma cannot be voted on (USAGE): the form of
 * approved_action has no room for one. Nor can one with control characters (client_text.h), here
 * or in a request: who votes on it must see what it says. */
CAPSA_RESULT capsa_vote_terms(const char *resource_uri, int64_t threshold,
                              struct capsa_json **ret_terms);

#define CAPSA_VOTE_HEX (2 * CAPSA_SHA256 + 1)

/* What ties a request to one place, one key and a time. The texts come from GetVoteTerms; all are
 * copied into the terms. `expires` at most CAPSA_VOTE_DAYS_MAX days ahead. */
#define CAPSA_VOTE_DAYS_MAX 90
struct capsa_vote_bond {
    const char *manager;   /* 64 hex digits */
    const char *resource;  /* a token: this incarnation of the resource and no other */
    const char *requester; /* hex SHA-256 of the requester's SubjectPublicKeyInfo */
    const char *nonce;     /* 32 hex digits */
    capsa_time expires;
};
/* What a manager gave is about that manager and the key of that certificate: else UNAUTHENTIC. */
CAPSA_RESULT capsa_vote_bond_check(const struct capsa_vote_bond *bond, const char *manager_id,
                                   const struct capsa_cert *requester);
CAPSA_RESULT capsa_vote_terms_bind(struct capsa_json *terms, const struct capsa_vote_bond *bond);

/* What a checked document says. Owns its strings. Start from {0}. */
typedef struct capsa_vote_view {
    char party[CAPSA_PARTY_ID]; /* who signed: the last certificate of the chain */
    char *resource_uri;         /* of a request */
    int64_t threshold;          /* of a request */
    char *action;               /* of a vote: "APPROVE" or "REJECT" */
    /* Of a request that is bound; its texts are plain hex or were checked as names are. */
    bool is_bound;
    char manager[CAPSA_MANAGER_ID];
    char requester[CAPSA_VOTE_HEX];
    char *resource;
    capsa_time expires;
} capsa_vote_view;
void capsa_vote_view_drop(capsa_vote_view *view); /* callable twice, and on zeros */

/* Form, chain (as of `now`) and signature of a request. UNAUTHENTIC, EXPIRED (a certificate) or
 * MALFORMED. */
CAPSA_RESULT capsa_vote_request_check(const struct capsa_json *request, capsa_time now,
                                      capsa_vote_view *ret_view);
/* EXPIRED when a bound request's time is over, and its votes count no more. */
CAPSA_RESULT capsa_vote_live_check(const capsa_vote_view *view, capsa_time now);
/* The form, chain and signature of a vote, which must be on this very request. */
CAPSA_RESULT capsa_vote_check(const struct capsa_json *vote, const struct capsa_json *request,
                              capsa_time now, capsa_vote_view *ret_view);

/* Put together without checking; both are copied. */
CAPSA_RESULT capsa_vote_result_new(const struct capsa_json *request,
                                   struct capsa_json **ret_result);
CAPSA_RESULT capsa_vote_result_add(struct capsa_json *result, const struct capsa_json *vote);
