/* SPDX-License-Identifier: Apache-2.0
 *
 * From options, environment and config file to a party and a connection. An option wins over the
 * environment, and that over the file.
 */
#pragma once

#include "cli/cli_read.h"
#include "cli/cli_trust.h"
#include "cli/cli_verb.h"
#include "client/client.h"

/* Everything that a connection stands on. Start from {0}. */
typedef struct capsa_cli_link {
    struct capsa_cli *cli; /* borrowed */
    capsa_party party;
    capsa_texts tls_certs;
    struct capsa_cert *manager;
    struct capsa_client *client;
    bool tls;
    bool met; /* that the manager was met was said */
    struct capsa_client_memory memory;
    capsa_cli_evidence evidence;
    int64_t if_version;
    bool has_version;                    /* --if-version: for calls that change a policy */
    struct capsa_client_outcome outcome; /* of the last call */
} capsa_cli_link;
void capsa_cli_link_drop(capsa_cli_link *link); /* callable twice, and on zeros */

/* The party of --cert and, if `with_key`, --key. */
CAPSA_RESULT capsa_cli_party(struct capsa_cli *cli, bool with_key, capsa_party *party);

/* Warn, once in a run, of a private key file of one's own whose mode is wider than 0640. */
void capsa_cli_warn_open(struct capsa_cli *cli, const char *key_path);

/* Does the run speak the original's protocol? --original, and whatever the originals' commands do.
 */
bool capsa_cli_is_original(const struct capsa_cli *cli);
/* Where managers are remembered; false: nowhere. The originals' commands remember none. */
bool capsa_cli_memory(const struct capsa_cli *cli, struct capsa_client_memory *ret_memory);

/* Party (if `signs`) and client. Connects to nobody yet. */
CAPSA_RESULT capsa_cli_link_open(struct capsa_cli *cli, bool signs, capsa_cli_link *link);
/* The same for a look at the manager: one that is not known is neither refused nor remembered. */
CAPSA_RESULT capsa_cli_link_look(struct capsa_cli *cli, capsa_cli_link *link);

/* The manager's certificate (capsa_client_manager), with a hint where TLS is on at one end only,
 * and a word on standard error when it was met for the first time. */
CAPSA_RESULT capsa_cli_manager(capsa_cli_link *link, const struct capsa_cert **ret_cert);

/* Make the method's request of `request`, whose ownership is taken, and call. NULL for `ret_answer`
 * where no answer is wanted. A refusal that was recorded names its decision, and how its owner
 * learns why. */
CAPSA_RESULT capsa_cli_call(capsa_cli_link *link, enum capsa_client_method method,
                            struct capsa_json *request, ProtobufCMessage **ret_answer);

/* --if-version, for the tables of verbs that change a policy. */
#define CAPSA_CLI_IF_VERSION                                                                       \
    {                                                                                              \
        "if-version", "N", "only if the policy's version is N now (capsa policy list); 0: none", 0 \
    }
