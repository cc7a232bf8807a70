/* SPDX-License-Identifier: Apache-2.0
 *
 * Within rpc only: one call on its way from a stream to a worker and back. The loop's thread makes
 * and frees it; between submit and done a worker owns everything but `stream` and what is charged.
 */
#pragma once

#include <stdatomic.h>

#include "net/net_address.h"
#include "rpc/rpc_method.h"

struct capsa_rpc_stream; /* rpc_session.c */
struct capsa_rpc_service;

struct capsa_rpc_work {
    struct capsa_rpc_call call;
    const struct capsa_rpc_method *method;
    capsa_buf request;
    capsa_buf answer;
    bool failed; /* then `failure` says why */
    struct capsa_error failure;
    atomic_bool abandoned; /* nobody waits for the answer */
    char peer[CAPSA_NET_ADDRESS_TEXT];

    struct capsa_rpc_stream *stream; /* NULL: gone. Loop's thread only */
    struct capsa_rpc_service *service;
    size_t request_charged; /* bytes counted against the body limits */
    size_t answer_charged;

    struct capsa_rpc_work *before; /* the pool's queue and list of finished work */
    struct capsa_rpc_work *after;
    bool queued; /* guarded by the pool's lock */
    size_t slot; /* the pool's, of the peer's address */
};

void capsa_rpc_work_free(struct capsa_rpc_work *work); /* loop's thread; NULL is fine */

/* A failed one is like any answer: its text goes to the caller. */
static inline void capsa_rpc_work_keep(struct capsa_rpc_work *work, capsa_result result)
{
    work->failed = capsa_failed(result);
    capsa_error_keep(result, &work->failure);
}
