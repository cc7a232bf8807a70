/* SPDX-License-Identifier: Apache-2.0
 *
 * What a party has at the manager: its policies of a scope. Deleting is idempotent at the manager,
 * so whether a name was mistyped has to be looked up before.
 */
#pragma once

#include "cli/cli_link.h"
#include "codec/protobuf.h"
#include "wire/capsule_manager.pb-c.h"

/* --scope, or the default. */
const char *capsa_cli_scope(const struct capsa_cli *cli);

/* The party's policies of the scope; *ret_message is the answer that holds them. */
CAPSA_RESULT capsa_cli_own_policies(capsa_cli_link *link, const char *scope,
                                    ProtobufCMessage **ret_message,
                                    const Cm__ListDataPolicyResponse **ret_answer);

/* There is a policy of `uuid`, and in it, unless `rule_id` is NULL, that rule; else NOT_FOUND, as a
 * refusal, with the names that there are. */
CAPSA_RESULT capsa_cli_own_check(capsa_cli_link *link, const char *scope, const char *uuid,
                                 const char *rule_id);
