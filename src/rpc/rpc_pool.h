/* SPDX-License-Identifier: Apache-2.0
 *
 * Within rpc only: the threads that run handlers, so that slow work (RSA, the store) never stops
 * the event loop. A bounded queue, first come first served, of which one address can take a part
 * only; what was cancelled or came too late is not run.
 */
#pragma once

#include "base/result.h"
#include "net/net.h"
#include "rpc/rpc_work.h"

struct capsa_rpc_pool;

/* At most `queue_max` pieces of work wait, `address_max` of them for one address. `done` is woken
 * when there is finished work to take. It outlives the pool. */
CAPSA_RESULT capsa_rpc_pool_new(unsigned threads, size_t queue_max, size_t address_max,
                                struct capsa_net_wake *done, struct capsa_rpc_pool **ret_pool);
/* Waits for running handlers. What had not begun counts as done: take it. */
void capsa_rpc_pool_stop(struct capsa_rpc_pool *pool);
void capsa_rpc_pool_free(struct capsa_rpc_pool *pool); /* stops; NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_rpc_pool)

/* BUSY when the queue, or the part of it that is for the peer's address, is full: the work stays
 * the caller's. */
CAPSA_RESULT capsa_rpc_pool_submit(struct capsa_rpc_pool *pool, struct capsa_rpc_work *work);
/* True: it had not begun, and is the caller's again. */
bool capsa_rpc_pool_withdraw(struct capsa_rpc_pool *pool, struct capsa_rpc_work *work);
/* A list of finished work, linked by `after`; NULL: none. It is the caller's. */
struct capsa_rpc_work *capsa_rpc_pool_take_done(struct capsa_rpc_pool *pool);
size_t capsa_rpc_pool_queued(struct capsa_rpc_pool *pool);
