/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a client share: the client itself, one call in the works, and what a protocol
 * is. Of this folder only.
 */
#pragma once

#include "client/client.h"
#include "codec/protobuf.h"
#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"
#include "envelope/envelope_native.h"
#include "rpc/rpc_client.h"

#define CAPSA_CLIENT_NOTE_MAX KIB(4) /* a checkpoint is about 300 bytes */

/* Which part of a request its evidence binds. */
enum capsa_client_evidence {
    CAPSA_CLIENT_EVIDENCE_NONE, /* it carries none */
    CAPSA_CLIENT_EVIDENCE_OF_REQUEST,
    CAPSA_CLIENT_EVIDENCE_OF_BODY,
};

struct capsa_client_method_entry {
    const char *name;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *answer; /* NULL: no body */
    bool without_x5c;                         /* original: the chain stands in the body */
    bool releases;                            /* its answer holds keys: native: it must be proven */
    bool changes_policy;                      /* may be asked of one version only */
    bool native_only;
    enum capsa_client_evidence evidence;
};

struct capsa_client {
    struct capsa_client_options options;
    const struct capsa_client_protocol *protocol;
    const struct capsa_clock *clock;
    struct capsa_net_tls *tls;
    int tls_certs_fd; /* several certificate files as one; -1: none */
    struct capsa_rpc_client *rpc;
    struct capsa_cert *cert; /* the manager's; NULL: not asked yet */
    capsa_manager manager;
    bool has_identity; /* `manager` is filled */
    bool has_met;
    /* The newest checkpoint seen, of `manager`. */
    bool has_checkpoint;
    struct capsa_checkpoint checkpoint;
};

/* One call. */
typedef struct capsa_client_exchange {
    const struct capsa_client_method_entry *method;
    const ProtobufCMessage *request;
    const int64_t *if_version;
    struct capsa_client_outcome *outcome;
    uint64_t log_size;          /* that the manager's log had before, as far as is known */
    uint8_t jti[CAPSA_JWS_JTI]; /* of both attempts, so that at most one of them is done */
    capsa_native_channel channel;
    bool key_unknown; /* the manager does not know the key that the request was sealed to */
} capsa_client_exchange;
void capsa_client_exchange_drop(capsa_client_exchange *call); /* callable twice */

struct capsa_client_protocol {
    const char *service; /* "/package.Service/" */
    /* Is the manager one that this protocol can be spoken with now? */
    CAPSA_RESULT (*check)(struct capsa_client *client);
    CAPSA_RESULT(*seal)
    (struct capsa_client *client, capsa_client_exchange *call, capsa_jwe_out *ret_sealed);
    CAPSA_RESULT(*open)
    (struct capsa_client *client, capsa_client_exchange *call,
     const Cm__EncryptedResponse *response, ProtobufCMessage **ret_answer);
};

extern const struct capsa_client_protocol capsa_client_original;
extern const struct capsa_client_protocol capsa_client_native;

/* client.c: send a message and parse the answer, which is not yet believed. */
CAPSA_RESULT capsa_client_send(struct capsa_client *client, const char *service, const char *name,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *shape,
                               ProtobufCMessage **ret_answer);
CAPSA_RESULT capsa_client_check_status(const Cm__Status *status);

/* client_contact.c: ask for the manager's certificate (again), and decide whether it is the one
 * wanted. */
CAPSA_RESULT capsa_client_contact(struct capsa_client *client);

/* client_evidence.c */

/* By what a manager is vouched for beside its id. */
struct capsa_client_vouched {
    bool shown;     /* evidence was wanted, shown and accepted */
    bool by_code;   /* and the policy says which code */
    bool by_vendor; /* and a vendor's trust anchor */
};
CAPSA_RESULT capsa_client_evidence_check(const struct capsa_client *client,
                                         const Cm__GetRaCertResponse *answer, const char *nonce,
                                         struct capsa_client_vouched *ret_vouched);

/* The copy of a request that has evidence beside it. Start from {0}. */
typedef struct {
    Cm__UnifiedAttestationReport report;
    capsa_buf json_report;
    union {
        Cm__GetDataKeysRequest keys;
        Cm__GetTlsAssetRequest tls;
        Cm__CreateResultDataKeyRequest result;
    };
} capsa_client_attested;
void capsa_client_attested_drop(capsa_client_attested *attested); /* callable twice, and on zeros */
/* Where the client makes evidence and the method carries it, call->request becomes that copy. */
CAPSA_RESULT capsa_client_evidence_attach(const struct capsa_client *client,
                                          capsa_client_exchange *call,
                                          capsa_client_attested *attested);

/* A text as a field of a message that is only written: protobuf-c's fields have no const. */
static inline char *capsa_client_field(const char *text)
{
    union {
        const char *text;
        char *field;
    } same = {text};
    return same.field;
}

/* client_log.c: the manager's log, as far as answers show it. */

/* The newest checkpoint that is known before a call; its size is what the log cannot be below. */
CAPSA_RESULT capsa_client_log_begin(struct capsa_client *client, uint64_t *ret_size);
/* A checkpoint that came with an answer: signed by the manager, and no more. */
CAPSA_RESULT capsa_client_log_open(const struct capsa_client *client, const char *note,
                                   struct capsa_checkpoint *ret_checkpoint);
/* The same, and of a log of at least `least` entries, and of the
 * same log as the newest one kept; then it is kept if it is newer. */
CAPSA_RESULT capsa_client_log_take(struct capsa_client *client, const char *note, uint64_t least,
                                   struct capsa_checkpoint *ret_checkpoint);
/* A checkpoint that proofs in the body of an answer lead to: signed, and of the same log as the
 * answer's own. */
CAPSA_RESULT capsa_client_log_compare(struct capsa_client *client, const char *note,
                                      const struct capsa_checkpoint *with,
                                      struct capsa_checkpoint *ret_checkpoint);
/* The leaf stands where the proof says in the tree of the checkpoint. */
CAPSA_RESULT capsa_client_log_prove(capsa_bytes leaf, const Native__InclusionProof *proof,
                                    const struct capsa_checkpoint *checkpoint,
                                    struct capsa_audit_leaf *ret_leaf, uint64_t *ret_index);
