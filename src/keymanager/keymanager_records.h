/* SPDX-License-Identifier: Apache-2.0
 *
 * The manager's records (proto/records.proto) read and written within a transaction.
 *
 * A transaction remembers the version of everything it read and checks it again at the commit, so
 * what was decided by one state of the store is never written into another, nor answered from it:
 * a call that only reads is committed too. It sees its own writes. What is removed stays as an
 * empty record, so that versions never start again. One thread.
 *
 * Reading is work, and a request that makes much of it is refused: TOO_LARGE when more than
 * CAPSA_LIMIT_txn_work bytes were read and decoded, or CAPSA_LIMIT_txn_records records touched.
 */
#pragma once

#include "base/result.h"
#include "codec/protobuf.h"
#include "records.pb-c.h"
#include "store/store.h"
#include "store/store_writer.h"
#include "wire/capsule_manager.pb-c.h"

struct capsa_km_txn;
CAPSA_RESULT capsa_km_txn_new(struct capsa_store *store, struct capsa_km_txn **ret_txn);
void capsa_km_txn_free(struct capsa_km_txn *txn);
CAPSA_DEFINE_AUTO_FREE(capsa_km_txn)
/* Holds when all that was read is still so, and makes the changes. CONFLICT: begin again with a new
 * transaction. */
CAPSA_RESULT capsa_km_txn_commit(struct capsa_km_txn *txn, struct capsa_writer *writer);

/* Holds when all that was read is still so; CONFLICT. Asked when what was read does not go
 * together: records are read one by one, and somebody may have committed in between. */
CAPSA_RESULT capsa_km_txn_still_holds(const struct capsa_km_txn *txn);

/* To add audit entries to. */
struct capsa_batch *capsa_km_txn_batch(struct capsa_km_txn *txn);
/* The version of a policy as this transaction sees it; 0: there is none. */
CAPSA_RESULT capsa_km_policy_version(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                     const char *uuid, uint64_t *ret_version);

/* Reading: *ret is NULL when there is none. What is returned belongs to the caller
 * (capsa_message_free, or CAPSA_AUTO_RECORD). */
CAPSA_RESULT capsa_km_resource_find(struct capsa_km_txn *txn, const char *uuid,
                                    Rec__Resource **ret_resource);
CAPSA_RESULT capsa_km_key_find(struct capsa_km_txn *txn, const char *uuid, const char *resource_uri,
                               Rec__Key **ret_key);
CAPSA_RESULT capsa_km_policy_find(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                  const char *uuid, Cm__Policy **ret_policy);
CAPSA_RESULT capsa_km_release_find(struct capsa_km_txn *txn, const char *spki, const char *uuid,
                                   Rec__Release **ret_release);
CAPSA_RESULT capsa_km_vote_find(struct capsa_km_txn *txn, const char *vote, Rec__Vote **ret_vote);
CAPSA_RESULT capsa_km_certs_find(struct capsa_km_txn *txn, const char *party,
                                 Rec__Certs **ret_certs);
CAPSA_RESULT capsa_km_group_find(struct capsa_km_txn *txn, const char *request,
                                 Rec__Group **ret_group);
/* `which`: "current" or "previous". */
CAPSA_RESULT capsa_km_envelope_keys_find(struct capsa_km_txn *txn, const char *which,
                                         Rec__EnvelopeKeys **ret_keys);

/* How often a key that this transaction has read was registered or removed: one more each time. */
CAPSA_RESULT capsa_km_key_version(struct capsa_km_txn *txn, const char *uuid,
                                  const char *resource_uri, uint64_t *ret_version);

/* Writing. `owners`: whose record it is; NULL-ended. */
CAPSA_RESULT capsa_km_resource_put(struct capsa_km_txn *txn, const char *uuid,
                                   const char *const *owners, const Rec__Resource *resource);
CAPSA_RESULT capsa_km_key_put(struct capsa_km_txn *txn, const char *uuid, const char *resource_uri,
                              const char *const *owners, const Rec__Key *key);
CAPSA_RESULT capsa_km_policy_put(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                 const char *uuid, const Cm__Policy *policy);
CAPSA_RESULT capsa_km_release_put(struct capsa_km_txn *txn, const char *spki, const char *uuid,
                                  const Rec__Release *release);
CAPSA_RESULT capsa_km_vote_put(struct capsa_km_txn *txn, const char *vote, const Rec__Vote *record);
CAPSA_RESULT capsa_km_certs_put(struct capsa_km_txn *txn, const char *party,
                                const Rec__Certs *certs);
CAPSA_RESULT capsa_km_group_put(struct capsa_km_txn *txn, const char *request,
                                const Rec__Group *group);
CAPSA_RESULT capsa_km_envelope_keys_put(struct capsa_km_txn *txn, const char *which,
                                        const Rec__EnvelopeKeys *keys);

/* A record that nobody reads, different each second. */
CAPSA_RESULT capsa_km_probe_put(struct capsa_km_txn *txn, int64_t now);

/* Removing what was found before in this transaction; nothing there is fine. */
CAPSA_RESULT capsa_km_key_remove(struct capsa_km_txn *txn, const char *uuid,
                                 const char *resource_uri);
CAPSA_RESULT capsa_km_policy_remove(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                    const char *uuid);

/* Whether the uuid has a key, in this transaction or in the store as it was committed last. */
CAPSA_RESULT capsa_km_key_has_any(struct capsa_km_txn *txn, const char *uuid, bool *ret_has);
/* Every policy of (owner, scope), in the order of their uuids. Ends at the callback's failure. */
typedef CAPSA_RESULT (*capsa_km_policy_fn)(void *context, const Cm__Policy *policy,
                                           uint64_t version);
CAPSA_RESULT capsa_km_policy_each(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                  capsa_km_policy_fn each, void *context);

#define CAPSA_DEFINE_AUTO_RECORD(type)                                                             \
    static inline void type##_free_message(type **at)                                              \
    {                                                                                              \
        if (*at != NULL) {                                                                         \
            capsa_message_free(&(*at)->base);                                                      \
        }                                                                                          \
    }
CAPSA_DEFINE_AUTO_RECORD(Rec__Resource)
CAPSA_DEFINE_AUTO_RECORD(Rec__Key)
CAPSA_DEFINE_AUTO_RECORD(Rec__Release)
CAPSA_DEFINE_AUTO_RECORD(Rec__Vote)
CAPSA_DEFINE_AUTO_RECORD(Rec__Certs)
CAPSA_DEFINE_AUTO_RECORD(Rec__Group)
CAPSA_DEFINE_AUTO_RECORD(Rec__EnvelopeKeys)
CAPSA_DEFINE_AUTO_RECORD(Cm__Policy)
#define CAPSA_AUTO_RECORD(type) __attribute__((cleanup(type##_free_message))) type *
