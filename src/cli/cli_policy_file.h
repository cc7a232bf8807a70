/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies and rules as files hold them (YAML or JSON), into the messages of the wire.
 *
 *   scope: default                 # may be left out
 *   data_uuid: alice-table
 *   rules:
 *     - rule_id: join
 *       grantee_party_ids: [ID]
 *       columns: [id, radius]
 *       op_constraints: [{op_name: join, constraints: ['r.env.tee.platform == "tdx"']}]
 *       global_constraints: []
 *
 * The same may stand under register_data_policy, as in the file of cms, or with data_uuid and rules
 * under policy, as in a request; or several of them as the list `policies`, beside a scope for all,
 * as capsa policy list prints them. Null is as good as absent; unknown members are refused.
 */
#pragma once

#include "cli/cli_verb.h"
#include "codec/protobuf.h"
#include "wire/capsule_manager.pb-c.h"

#define CAPSA_CLI_SCOPE "default"

/* How many policies a document holds: those of its list, or itself. */
size_t capsa_cli_policies_count(const struct capsa_json *document);
/* The index-th of them. The scope lives as long as the document; --scope wins over it. `ret_scope`
 * may be NULL. */
CAPSA_RESULT capsa_cli_policy_of(const struct capsa_cli *cli, const struct capsa_json *document,
                                 size_t index, const char **ret_scope,
                                 struct capsa_json **ret_policy);
CAPSA_RESULT capsa_cli_policy_message(const struct capsa_json *policy,
                                      ProtobufCMessage **ret_message);
/* Would a manager take it? Lint's warnings go to standard error. */
CAPSA_RESULT capsa_cli_policy_check(struct capsa_cli *cli, const struct capsa_json *policy);
