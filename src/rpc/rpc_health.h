/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc.health.v1.Health, Check and Watch (grpc/doc/health-checking.md): a status for each named
 * service and one for the whole server (""). Thread-safe. Put capsa_rpc_health_methods into the
 * server's table.
 */
#pragma once

#include "base/result.h"
#include "rpc/rpc_method.h"

enum capsa_rpc_health_status {
    CAPSA_RPC_HEALTH_UNKNOWN = 0,
    CAPSA_RPC_HEALTH_SERVING = 1,
    CAPSA_RPC_HEALTH_NOT_SERVING = 2,
    CAPSA_RPC_HEALTH_SERVICE_UNKNOWN = 3, /* Watch only */
};

struct capsa_rpc_health;

/* `names` are copied; "" is always there. All start as NOT_SERVING. */
CAPSA_RESULT capsa_rpc_health_new(const char *const *names, size_t count,
                                  struct capsa_rpc_health **ret_health);
void capsa_rpc_health_free(struct capsa_rpc_health *health); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_rpc_health)

/* NULL: all of them. A name that was not given at the start is ignored. Any thread. */
void capsa_rpc_health_set(struct capsa_rpc_health *health, const char *name,
                          enum capsa_rpc_health_status status);

#define CAPSA_RPC_HEALTH_METHODS 2
/* Two entries for the method table, with `health` as their context. */
void capsa_rpc_health_methods(struct capsa_rpc_health *health,
                              struct capsa_rpc_method ret_methods[CAPSA_RPC_HEALTH_METHODS]);
