/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls to a capsule manager, ours or the original, over its own protocol. A request goes as JSON
 * in a signature (x5c) in an envelope sealed to the manager's certificate; an answer comes back
 * sealed to the caller's key. One call at a time, one thread at a time, blocking.
 *
 * A refusal by the manager is a failure with the code that its status stands for and its own words.
 * What this does not do: verify evidence. A manager that should prove what it is cannot be used
 * with it; what can be done is to pin its certificate.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "base/result.h"
#include "client/client_party.h"
#include "crypto/crypto.h"
#include "wire/capsule_manager.pb-c.h"

struct capsa_client;

/* Everything is borrowed and outlives the client. */
struct capsa_client_options {
    const char *target; /* "host:port" */
    /* TLS. Without ca_path the connection is not encrypted, and neither are certificates wanted.
     * tls_certs is NULL-ended, leaf first (NULL: the client shows none), and needs tls_key. */
    const char *ca_path;
    const char *const *tls_certs;
    const char *tls_key;
    const capsa_party *party;         /* who signs; NULL: capsa_client_manager alone works */
    const struct capsa_cert *manager; /* its key is the only one accepted; NULL: any */
    int64_t timeout_us;               /* each call; 0: 30 seconds */
};

/* Connects to nobody yet. */
CAPSA_RESULT capsa_client_new(const struct capsa_client_options *options,
                              struct capsa_client **ret_client);
void capsa_client_free(struct capsa_client *client); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_client)

/* GetRaCert, asked once for each client: the manager's certificate, borrowed. One with another key
 * than the pinned one is UNAUTHENTIC. */
CAPSA_RESULT capsa_client_manager(struct capsa_client *client, const struct capsa_cert **ret_cert);

/* request message             answer message (in brackets: none) */
enum capsa_client_method {
    CAPSA_CLIENT_CREATE_DATA_KEYS, /* Cm__CreateDataKeysRequest         - */
    CAPSA_CLIENT_GET_DATA_KEYS,    /* Cm__GetDataKeysRequest            Cm__GetDataKeysResponse */
    CAPSA_CLIENT_DELETE_DATA_KEY,  /* Cm__DeleteDataKeyRequest          - */
    CAPSA_CLIENT_GET_EXPORT_DATA_KEY, /* Cm__GetExportDataKeyRequest  Cm__GetExportDataKeyResponse
                                       */
    CAPSA_CLIENT_REGISTER_CERT,       /* Cm__RegisterCertRequest           - */
    CAPSA_CLIENT_CREATE_DATA_POLICY,  /* Cm__CreateDataPolicyRequest       - */
    CAPSA_CLIENT_LIST_DATA_POLICY,   /* Cm__ListDataPolicyRequest         Cm__ListDataPolicyResponse
                                      */
    CAPSA_CLIENT_ADD_DATA_RULE,      /* Cm__AddDataRuleRequest            - */
    CAPSA_CLIENT_DELETE_DATA_POLICY, /* Cm__DeleteDataPolicyRequest       - */
    CAPSA_CLIENT_DELETE_DATA_RULE,   /* Cm__DeleteDataRuleRequest         - */
    CAPSA_CLIENT_CREATE_RESULT_DATA_KEY, /* Cm__CreateResultDataKeyRequest - */
    CAPSA_CLIENT_GET_TLS_ASSET, /* Cm__GetTlsAssetRequest            Cm__GetTlsAssetResponse */
};

/* The shape of a method's request: what capsa_protojson_decode makes one with. */
const ProtobufCMessageDescriptor *capsa_client_shape(enum capsa_client_method method);

/* `request` must be of the method's shape (USAGE). `ret_answer` gets the answer where the method
 * has one (capsa_message_free), and NULL otherwise.
 *
 * Errors of the manager: MALFORMED, NOT_FOUND, EXISTS, DENIED, CONFLICT, UNSUPPORTED, UNAUTHENTIC,
 * INTERNAL ..., by the status it answers with. Own ones: NETWORK, TIMEOUT, MALFORMED (an answer
 * that is none), UNAUTHENTIC (one that was not sealed to the party). */
CAPSA_RESULT capsa_client_call(struct capsa_client *client, enum capsa_client_method method,
                               const ProtobufCMessage *request, ProtobufCMessage **ret_answer);

/* The failure that a status stands for; success for code 0. Pure; for tests. */
CAPSA_RESULT capsa_client_status(int code, const char *message);
