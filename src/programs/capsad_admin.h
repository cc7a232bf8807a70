/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin listener of capsad: /healthz (the process lives), /readyz (it can do its work, else 503
 * and why), /metrics (Prometheus text). Plain HTTP; meant for loopback. Names no resource and no
 * party.
 */
#pragma once

#include "base/result.h"
#include "keymanager/keymanager.h"
#include "net/net.h"
#include "rpc/rpc_server.h"
#include "store/store_writer.h"

struct capsad_admin;

struct capsad_admin_parts { /* all outlive it */
    struct capsa_net_loop *loop;
    struct capsa_rpc_server *server;
    struct capsa_writer *writer;
    struct capsa_keymanager *manager;
    const char *mode;
};

/* `listen`: "ADDRESS:PORT"; port 0 takes any free one. */
CAPSA_RESULT capsad_admin_new(const struct capsad_admin_parts *parts, const char *listen,
                              struct capsad_admin **ret_admin);
void capsad_admin_free(struct capsad_admin *admin); /* NULL is fine */
const char *capsad_admin_address(const struct capsad_admin *admin);
/* From now on /readyz is 503. NULL is fine. */
void capsad_admin_stopping(struct capsad_admin *admin);
