/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin listener of capsad: /healthz (the process lives), /readyz (it can do its work, else 503
 * and why), /metrics (Prometheus text). Plain HTTP; meant for loopback. Names no resource and no
 * party.
 */
#pragma once

#include "base/result.h"
#include "keymanager/keymanager.h"
#include "ledger/ledger.h"
#include "net/net.h"
#include "rpc/rpc_server.h"

struct capsad_admin;

/* `listen`: "ADDRESS:PORT"; port 0 takes any free one. Until _opened, /readyz says which phase of
 * opening the store is in. The rest is borrowed. */
CAPSA_RESULT capsad_admin_new(struct capsa_net_loop *loop, const char *listen, const char *mode,
                              const struct capsa_store_progress *progress,
                              struct capsad_admin **ret_admin);
/* On the loop's thread. NULL is fine. */
void capsad_admin_opened(struct capsad_admin *admin, struct capsa_rpc_server *server,
                         struct capsa_ledger *ledger, struct capsa_keymanager *manager);
void capsad_admin_free(struct capsad_admin *admin); /* NULL is fine */
const char *capsad_admin_address(const struct capsad_admin *admin);
/* From now on /readyz is 503. NULL is fine. */
void capsad_admin_stopping(struct capsad_admin *admin);
