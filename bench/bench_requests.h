/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests made beforehand, by kind of envelope. A kind is a line of a table: the protocol and the
 * keys that its envelopes use, and how one is made and its answer looked at.
 */
#pragma once

#include "audit/audit_note.h"
#include "bench_party.h"
#include "envelope/envelope_native.h"
#include "wire/capsule_manager.pb-c.h"

/* Start from {0}. */
typedef struct bench_scene {
    const capsa_party *party;
    const char *party_type;
    size_t keys;                           /* that the party has in the store */
    struct capsa_public_key *envelope_key; /* the one of the kind */
    char manager_id[CAPSA_MANAGER_ID];
} bench_scene;
void bench_scene_drop(bench_scene *scene);

/* A request is good for one call. */
typedef struct bench_request {
    capsa_buf bytes;
    capsa_native_channel channel; /* of native ones */
} bench_request;
void bench_request_drop(bench_request *request); /* on zeros too */

struct bench_kind {
    const char *name;
    const char *service;
    const char *party_type;   /* of the signer */
    enum capsa_key_kind kind; /* of the manager's key */
    size_t a_second;          /* requests to have ready for each: more than are answered */
    capsa_result (*seal)(const bench_scene *scene, const char *method, capsa_bytes json,
                         bench_request *ret_request);
    capsa_result (*check)(const bench_request *request, const Cm__EncryptedResponse *response);
};
const struct bench_kind *bench_kind_by_name(const char *name); /* NULL: there is none */

/* Ask the manager who it is, and take the key of this kind. */
CAPSA_RESULT bench_scene_open(const struct bench_kind *kind, const char *target,
                              bench_scene *scene);
/* `method` is CreateDataKeys or GetDataKeys; `index` says for which of the party's keys. */
CAPSA_RESULT bench_request_make(const struct bench_kind *kind, const bench_scene *scene,
                                const char *method, size_t index, bench_request *ret_request);
/* Holds when the manager did what it was asked, as far as can be seen: what a native one says
 * cannot be read once its channel was dropped. */
CAPSA_RESULT bench_answer_check(const struct bench_kind *kind, const bench_request *request,
                                capsa_bytes answer);
