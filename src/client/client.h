/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls to a manager, in one of two protocols: the native one (docs/explanation/PROTOCOL.md), where
 * answers prove who gave them and what was recorded, or that of the original capsule manager. One
 * call at a time, one thread at a time, blocking.
 *
 * A refusal by the manager is a failure with the code that its status stands for and its own words.
 * Nothing is sent to a manager whose identity is not the one wanted, and no answer is used before
 * its checkpoint and its proof held. There is no way from the native protocol to the other but the
 * caller's word.
 * Evidence of the manager is judged where a policy for it is given; else what can be done is to pin
 * the manager's id.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "appraisal/appraisal.h"
#include "attester/attester.h"
#include "audit/audit_leaf.h"
#include "base/result.h"
#include "base/time.h"
#include "client/client_manager.h"
#include "client/client_memory.h"
#include "client/client_party.h"
#include "crypto/crypto.h"
#include "wire/capsa.pb-c.h"
#include "wire/capsule_manager.pb-c.h"

struct capsa_client;

/* How messages come to the manager and back. */
struct capsa_client_transport {
    /* Append the answer's message. Errors as capsa_rpc_call_unary has them. */
    CAPSA_RESULT(*exchange)
    (const struct capsa_client_transport *transport, const char *path, capsa_bytes request,
     capsa_buf *ret_answer);
};

/* What a manager's evidence has to be. It must be shown, and be accepted. */
struct capsa_client_trust {
    struct capsa_appraiser *appraiser;
    enum capsa_platform platform; /* NONE: any that the policy takes */
    /* The policy says which code a manager on that platform may be: that vouches for it as its id
     * does. Else an id is needed too, or insecure_unpinned_manager. */
    bool pins_code[CAPSA_PLATFORM_COUNT];
    bool insecure_unpinned_manager;
};

/* How evidence of this program is made, for the requests that carry it. */
struct capsa_client_attest {
    const struct capsa_attester *attester;
    const struct capsa_attester_options *where;
    const capsa_collateral *collateral; /* that proves it; NULL: the interface's own, or none */
};

/* Everything is borrowed and outlives the client. */
struct capsa_client_options {
    const char *target; /* "host:port" */
    /* TLS. Without ca_path the connection is not encrypted, and neither are certificates wanted.
     * tls_certs is NULL-ended, leaf first (NULL: the client shows none), and needs tls_key. */
    const char *ca_path;
    const char *const *tls_certs;
    const char *tls_key;
    const capsa_party *party; /* who signs; NULL: only what needs no signature works */
    const struct capsa_cert
        *manager;       /* its key is the only one accepted; NULL: any. Original only */
    int64_t timeout_us; /* each call; 0: 30 seconds */
    bool original;      /* speak the original's protocol */
    const struct capsa_client_trust *trust;   /* NULL: evidence is not looked at */
    const struct capsa_client_attest *attest; /* NULL: none of one's own */
    const char *manager_id; /* the only manager accepted; NULL: any that is known, or new */
    const struct capsa_client_memory *memory;       /* NULL: nothing is known and nothing kept */
    bool introduces;                                /* only to look: a manager that is not known is
                                                       neither refused nor remembered */
    const struct capsa_client_transport *transport; /* NULL: gRPC to the target */
    const struct capsa_clock *clock;                /* NULL: the system's */
};

/* Connects to nobody yet. */
CAPSA_RESULT capsa_client_new(const struct capsa_client_options *options,
                              struct capsa_client **ret_client);
void capsa_client_free(struct capsa_client *client); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_client)

/* GetRaCert, asked once for each client: the manager's certificate, borrowed. UNAUTHENTIC, with
 * what to do: another key than the pinned one, another id than the pinned or the known one, or a
 * production manager that nobody has vouched for. EVIDENCE, TCB, DENIED: its evidence is not what
 * options.trust wants, with what was expected and what came. */
CAPSA_RESULT capsa_client_manager(struct capsa_client *client, const struct capsa_cert **ret_cert);
/* Who it says that it is, from the same certificate, borrowed; NULL when it says nothing, as the
 * original does. */
CAPSA_RESULT capsa_client_identity(struct capsa_client *client, const capsa_manager **ret_manager);
/* This client was the first to meet the manager at this address, and has remembered it. */
bool capsa_client_has_met(const struct capsa_client *client);

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
    CAPSA_CLIENT_GET_TLS_ASSET,  /* Cm__GetTlsAssetRequest            Cm__GetTlsAssetResponse */
    CAPSA_CLIENT_LIST_AUDIT,     /* Native__ListAuditRequest  Native__ListAuditResponse; native */
    CAPSA_CLIENT_GET_VOTE_TERMS, /* Native__VoteTermsRequest  Native__VoteTermsResponse; native */
};

/* Whether a call may name the version that the policy must have. */
bool capsa_client_changes_policy(enum capsa_client_method method);
/* The shape of a method's request: what capsa_protojson_decode makes one with. */
const ProtobufCMessageDescriptor *capsa_client_shape(enum capsa_client_method method);

/* `request` must be of the method's shape (USAGE). `ret_answer` gets the answer where the method
 * has one (capsa_message_free), and NULL otherwise.
 *
 * Errors of the manager: MALFORMED, NOT_FOUND, EXISTS, DENIED, CONFLICT, UNSUPPORTED, UNAUTHENTIC,
 * INTERNAL ..., by the status it answers with. Own ones: NETWORK, TIMEOUT, MALFORMED (an answer
 * that is none), UNAUTHENTIC (one that was not sealed to the party; natively: that this manager did
 * not give to this request, or that proves nothing), TAMPERED (its log is not what it was). */
CAPSA_RESULT capsa_client_call(struct capsa_client *client, enum capsa_client_method method,
                               const ProtobufCMessage *request, ProtobufCMessage **ret_answer);

/* What a native answer proves beside its body. */
struct capsa_client_outcome {
    char decision_id[CAPSA_AUDIT_ID_TEXT]; /* "": the call was not recorded */
    bool has_leaf;
    struct capsa_audit_leaf leaf; /* of the record, which stands in the log: */
    uint64_t index;
    struct capsa_checkpoint checkpoint;
};

/* The same, and more. `if_version` (NULL: any): the version that the policy must have now, for
 * methods that change one; native only. `ret_outcome` (or NULL) is zeros in the original protocol;
 * it is the one output that is set on failure too, because a refusal is recorded and proven as
 * well.
 */
CAPSA_RESULT capsa_client_call_with(struct capsa_client *client, enum capsa_client_method method,
                                    const ProtobufCMessage *request, const int64_t *if_version,
                                    struct capsa_client_outcome *ret_outcome,
                                    ProtobufCMessage **ret_answer);

/* The failure that a status stands for; success for code 0. Pure; for tests. */
CAPSA_RESULT capsa_client_status(int code, const char *message);
