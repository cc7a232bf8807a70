/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the manager, one call, and the table entry of a method.
 *
 * A handler gets a call whose envelope was opened and whose signer was checked. It reads through
 * the call's transaction, adds what shall change to it, writes its answer, and returns. The
 * dispatcher (keymanager_dispatch.c) commits, and only then lets the answer leave; when somebody
 * else changed what the handler had read, it runs the handler again. So a handler has no other
 * effects.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/crypto.h"
#include "keymanager/keymanager.h"
#include "keymanager/keymanager_notes.h"
#include "keymanager/keymanager_records.h"
#include "wire/capsa.pb-c.h"
#include "wire/capsule_manager.pb-c.h"

#define CAPSA_KM_NAMESPACE "default" /* of every original client */
#define CAPSA_KM_STATUSES  17        /* canonical gRPC codes */
#define CAPSA_KM_SPKI      (2 * CAPSA_SHA256 + 1)

struct capsa_km_envelope; /* keymanager_envelope.h */
struct capsa_km_spent;    /* keymanager_spent.h */
struct capsa_km_denials;  /* keymanager_denials.h */
struct capsa_km_judge;    /* keymanager_evidence.h */

struct capsa_km_signer {
    char party[CAPSA_PARTY_ID];    /* of the last certificate of the chain */
    char spki[CAPSA_KM_SPKI];      /* SHA-256 of the first certificate's key, hex */
    const struct capsa_cert *cert; /* the first: answers are sealed to it */
};

struct capsa_km_call {
    struct capsa_keymanager *manager;
    const struct capsa_rpc_call *rpc;
    const struct capsa_km_method *method;
    capsa_time now;
    const ProtobufCMessage *request; /* of the method's shape */
    struct capsa_km_signer signer;
    struct capsa_km_txn *txn;
    capsa_buf *answer;  /* JSON of the answer's message; empty: none */
    bool native;        /* the native protocol: fields 1000 to 1999 may be answered */
    const uint8_t *jti; /* native: CAPSA_JWS_JTI bytes, good for this request alone */
    bool has_version;   /* of the policy that the call changes, as its signer expects it */
    int64_t version;
    /* For the audit log. Of a success: what was done, by owner; without notes there is one entry,
     * the signer's. Of a refusal: at most one note, of the owner whose policy refused. */
    capsa_km_notes *notes;
    const char *about; /* the resource that is refused, for telling denials apart; or NULL */
};

enum capsa_km_needs {
    CAPSA_KM_SIGNED = 1 << 0,      /* a JWS with x5c around the request */
    CAPSA_KM_SIGNED_BODY = 1 << 1, /* a JWS whose chain stands in the body (RegisterCert) */
    CAPSA_KM_ANSWERS = 1 << 2, /* has an answer; for an original client sealed to the signer, whose
                                  key must be RSA */
    CAPSA_KM_NATIVE = 1 << 3,  /* of the native service alone */
};

struct capsa_km_entry;
typedef CAPSA_RESULT capsa_km_plain(const struct capsa_km_entry *entry,
                                    const ProtobufCMessage *request, capsa_buf *ret_message);

struct capsa_km_method {
    const char *name;
    unsigned needs; /* 0: plain request and answer */
    const ProtobufCMessageDescriptor *shape;
    unsigned audit; /* enum capsa_audit_type of its success; 0: reads, and leaves no entry */
    CAPSA_RESULT (*handle)(struct capsa_km_call *call); /* enveloped */
    /* Plain: a failure becomes the status of `answer`, where the handler has put one. */
    capsa_km_plain *plain;
};

extern const struct capsa_km_method capsa_km_methods[];
extern const size_t capsa_km_method_count;

/* One entry of the RPC table: its context. */
struct capsa_km_entry {
    struct capsa_keymanager *manager;
    const struct capsa_km_method *method;
    bool native;
    char *path;
    atomic_uint_fast64_t answered[CAPSA_KM_STATUSES];
};

struct capsa_keymanager {
    struct capsa_keymanager_options options;
    struct capsa_store *store; /* the ledger's, as are these */
    struct capsa_writer *writer;
    struct capsa_audit_log *log;
    struct capsa_km_envelope *envelope;
    struct capsa_km_spent *spent;
    struct capsa_km_denials *denials;
    struct capsa_cert_cache *certs; /* of signers */
    struct capsa_km_entry *entries;
    size_t entry_count;
    pthread_mutex_t judge_lock; /* for what stands below */
    struct capsa_km_judge *judge;
    atomic_uint reports; /* about this manager, that are being made */
};

/* keymanager_dispatch.c, keymanager_plain.c: the RPC handlers. `context` is a capsa_km_entry. */
CAPSA_RESULT capsa_km_dispatch_enveloped(void *context, const struct capsa_rpc_call *rpc,
                                         capsa_buf *ret_message);
CAPSA_RESULT capsa_km_dispatch_plain(void *context, const struct capsa_rpc_call *rpc,
                                     capsa_buf *ret_message);
/* Faults of the manager's own house are told to its operator; the peer learns that there is one. */
capsa_result capsa_km_for_peer(capsa_result result);
/* In-band status of an outcome; its text is the outcome's. */
Cm__Status capsa_km_status(capsa_result result);
/* CANCELLED when the caller has left or its deadline passed: asked between steps of long work. */
CAPSA_RESULT capsa_km_still_wanted(const struct capsa_km_call *call);
/* Log and count one answered call. */
void capsa_km_answered(struct capsa_km_entry *entry, const struct capsa_rpc_call *rpc,
                       int64_t started_us, const char *party, capsa_result result);

/* The handlers, by file. keymanager_keys.c: */
CAPSA_RESULT capsa_km_create_data_keys(struct capsa_km_call *call);
CAPSA_RESULT capsa_km_delete_data_key(struct capsa_km_call *call);
/* keymanager_release.c: */
CAPSA_RESULT capsa_km_get_data_keys(struct capsa_km_call *call);
/* keymanager_group.c: */
CAPSA_RESULT capsa_km_get_tls_asset(struct capsa_km_call *call);
/* keymanager_lineage.c: */
CAPSA_RESULT capsa_km_create_result_data_key(struct capsa_km_call *call);
/* keymanager_policies.c: */
CAPSA_RESULT capsa_km_create_data_policy(struct capsa_km_call *call);
CAPSA_RESULT capsa_km_list_data_policy(struct capsa_km_call *call);
CAPSA_RESULT capsa_km_delete_data_policy(struct capsa_km_call *call);
CAPSA_RESULT capsa_km_add_data_rule(struct capsa_km_call *call);
CAPSA_RESULT capsa_km_delete_data_rule(struct capsa_km_call *call);
/* keymanager_export.c: */
CAPSA_RESULT capsa_km_get_export_data_key(struct capsa_km_call *call);
/* keymanager_audit.c: */
CAPSA_RESULT capsa_km_list_audit(struct capsa_km_call *call);
CAPSA_RESULT capsa_km_get_consistency(const struct capsa_km_entry *entry,
                                      const ProtobufCMessage *request, capsa_buf *ret_message);
CAPSA_RESULT capsa_km_get_audit_log(const struct capsa_km_entry *entry,
                                    const ProtobufCMessage *request, capsa_buf *ret_message);
/* keymanager_plain.c: */
CAPSA_RESULT capsa_km_get_ra_cert(const struct capsa_km_entry *entry,
                                  const ProtobufCMessage *request, capsa_buf *ret_message);
/* keymanager_terms.c: */
CAPSA_RESULT capsa_km_get_vote_terms(struct capsa_km_call *call);
/* keymanager_certs.c: */
CAPSA_RESULT capsa_km_register_cert(struct capsa_km_call *call);
/* Asked by the dispatcher before it believes a RegisterCert: checks the JWS with the body's chain.
 */
struct capsa_jws;
CAPSA_RESULT capsa_km_register_cert_check(const struct capsa_jws *jws,
                                          const Cm__RegisterCertRequest *request, capsa_time now,
                                          capsa_chain *ret_chain, char ret_party[CAPSA_PARTY_ID]);

/* The holder of a resource's keys (Rec__Key.holder). */
const char *capsa_km_holder(const Rec__Resource *resource);
/* The key, which the caller may be given, as text: NOT_FOUND when there is none of that name,
 * TAMPERED when the record is not this resource's. Belongs to the caller. */
CAPSA_RESULT capsa_km_key_take(struct capsa_km_txn *txn, const char *uuid, const char *resource_uri,
                               const Rec__Resource *resource, Rec__Key **ret_key);

/* A text as a field of a message that is only written: protobuf-c's fields have no const. */
static inline char *capsa_km_field(const char *text)
{
    union {
        const char *text;
        char *field;
    } same = {text};
    return same.field;
}

/* keymanager_names.c: checks of what requests name. `field` is for the message. */
CAPSA_RESULT capsa_km_name_check(const char *field,
                                 const char *value);  /* not empty, not too long */
CAPSA_RESULT capsa_km_scope_check(const char *scope); /* may be empty */
/* The claimed party is the signer. */
CAPSA_RESULT capsa_km_party_check(const struct capsa_km_call *call, const char *field,
                                  const char *claimed);
/* "uuid[/partition[/segment[/shard]]]" to its data_uuid. */
CAPSA_RESULT capsa_km_uri_parse(const char *resource_uri, capsa_buf *ret_uuid);
/* Standard base64 of 1 to CAPSA_LIMIT_data_key_bytes bytes. */
CAPSA_RESULT capsa_km_data_key_check(const char *field, const char *data_key_b64);
