/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests made beforehand, by kind of envelope. A kind is a line of a table: the protocol and the
 * keys that its envelopes use, and how one is made and its answer looked at.
 */
#pragma once

#include "bench_party.h"
#include "client/client.h"

struct bench_scene {
    const capsa_party *party;
    const char *party_type;
    struct capsa_client *client; /* of the same party, to ask the manager what it is */
    const struct capsa_cert *manager;
    size_t keys; /* that the party has in the store */
};

struct bench_kind {
    const char *name;
    const char *service;
    const char *party_type; /* of the signer */
    bool once;              /* a request is good for one call */
    CAPSA_RESULT(*seal)
    (const struct bench_scene *scene, const char *method, capsa_bytes json, capsa_buf *ret_request);
};
const struct bench_kind *bench_kind_by_name(const char *name); /* NULL: there is none */

/* `method` is CreateDataKeys or GetDataKeys; `index` says for which of the party's keys. */
CAPSA_RESULT bench_request_make(const struct bench_kind *kind, const struct bench_scene *scene,
                                const char *method, size_t index, capsa_buf *ret_request);
/* Whether the manager did what it was asked, as far as that stands outside the envelope. */
bool bench_answer_is_success(capsa_bytes answer);
