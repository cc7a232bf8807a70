/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions and typed records (keymanager_records.h). The kinds and tuples of keys stand here
 * and nowhere else.
 */
#include "keymanager/keymanager_records.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "keymanager/keymanager_call.h"

/* A record that this transaction read or wrote, as it would be after it. */
struct touched {
    capsa_buf key; /* canonical */
    uint64_t version;
    uint64_t read;   /* the version before this transaction's own writes */
    bool is_written; /* then `value` is what it holds; else the store is asked again */
    capsa_buf value;
};

struct capsa_km_txn {
    struct capsa_store *store;
    struct capsa_batch *batch;
    struct touched *touched;
    size_t count, capacity;
    uint32_t *index; /* open addressing: 1 + place in `touched`, 0: free */
    size_t index_size;
    size_t work_left;
};

CAPSA_RESULT capsa_km_txn_new(struct capsa_store *store, struct capsa_km_txn **ret_txn)
{
    struct capsa_km_txn *txn = CAPSA_NEW(struct capsa_km_txn);
    CAPSA_REQUIRE_MEMORY(txn);
    txn->store = store;
    txn->work_left = CAPSA_LIMIT_txn_work;
    capsa_result result = capsa_batch_new(&txn->batch);
    if (capsa_failed(result)) {
        capsa_km_txn_free(txn);
        return result;
    }
    *ret_txn = txn;
    return CAPSA_OK;
}

void capsa_km_txn_free(struct capsa_km_txn *txn)
{
    if (txn == NULL) {
        return;
    }
    for (size_t i = 0; i < txn->count; i++) {
        capsa_buf_drop(&txn->touched[i].key);
        capsa_buf_drop(&txn->touched[i].value);
    }
    capsa_dealloc(txn->touched);
    capsa_dealloc(txn->index);
    capsa_batch_free(txn->batch);
    capsa_dealloc(txn);
}

struct capsa_batch *capsa_km_txn_batch(struct capsa_km_txn *txn)
{
    return txn->batch;
}

CAPSA_RESULT capsa_km_txn_commit(struct capsa_km_txn *txn, struct capsa_writer *writer)
{
    return capsa_batch_is_empty(txn->batch) ? CAPSA_OK : capsa_writer_commit(writer, txn->batch);
}

static capsa_result charge(struct capsa_km_txn *txn, size_t work)
{
    if (work > txn->work_left) {
        txn->work_left = 0;
        CAPSA_FAIL(TOO_LARGE, "the request takes too much work; ask for less at once");
    }
    txn->work_left -= work;
    return CAPSA_OK;
}

/* ---- what was touched ------------------------------------------------------------------------ */

/* FNV-1a; an attacker who finds collisions slows down one transaction of CAPSA_LIMIT_txn_records.
 */
static size_t hash(capsa_bytes key)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.len; i++) {
        sum = (sum ^ key.data[i]) * UINT64_C(0x100000001b3);
    }
    return (size_t)(sum ^ sum >> 32);
}

/* The slot of a key: where it is, or where it would go. */
static uint32_t *slot_of(const struct capsa_km_txn *txn, capsa_bytes key)
{
    size_t at = hash(key) & (txn->index_size - 1);
    while (txn->index[at] != 0 &&
           !capsa_bytes_equal(capsa_buf_bytes(&txn->touched[txn->index[at] - 1].key), key)) {
        at = (at + 1) & (txn->index_size - 1);
    }
    return &txn->index[at];
}

static capsa_result index_grow(struct capsa_km_txn *txn)
{
    uint32_t *old = txn->index;
    size_t size = txn->index_size == 0 ? 32 : txn->index_size * 2;
    uint32_t *index = capsa_alloc_array(size, sizeof(*index));
    CAPSA_REQUIRE_MEMORY(index);
    txn->index = index;
    txn->index_size = size;
    for (size_t i = 0; i < txn->count; i++) {
        *slot_of(txn, capsa_buf_bytes(&txn->touched[i].key)) = (uint32_t)i + 1;
    }
    capsa_dealloc(old);
    return CAPSA_OK;
}

static struct touched *touched_find(const struct capsa_km_txn *txn, capsa_bytes key)
{
    uint32_t place = txn->index_size == 0 ? 0 : *slot_of(txn, key);
    return place == 0 ? NULL : &txn->touched[place - 1];
}

static capsa_result touched_add(struct capsa_km_txn *txn, capsa_bytes key, uint64_t version,
                                struct touched **ret_touched)
{
    CAPSA_REQUIRE(txn->count < CAPSA_LIMIT_txn_records, TOO_LARGE,
                  "the request takes too much work; ask for less at once");
    if (txn->count == txn->capacity) {
        size_t capacity = txn->capacity == 0 ? 8 : txn->capacity * 2;
        struct touched *grown = capsa_realloc(txn->touched, capacity * sizeof(*grown));
        CAPSA_REQUIRE_MEMORY(grown);
        txn->touched = grown;
        txn->capacity = capacity;
    }
    if (txn->count * 2 >= txn->index_size) {
        CAPSA_TRY(index_grow(txn));
    }
    struct touched *touched = &txn->touched[txn->count];
    *touched = (struct touched){.key = capsa_buf_of(CAPSA_LIMIT_record_key),
                                .version = version,
                                .read = version,
                                .value = capsa_buf_of(CAPSA_LIMIT_record_value)};
    CAPSA_TRY(capsa_buf_append(&touched->key, key));
    *slot_of(txn, key) = (uint32_t)++txn->count;
    *ret_touched = touched;
    return CAPSA_OK;
}

/* ---- reading and writing --------------------------------------------------------------------- */

/* The record as this transaction sees it, its value appended to `value`: empty when there is none.
 */
static capsa_result touch(struct capsa_km_txn *txn, const struct capsa_record_key *key,
                          capsa_buf *value, struct touched **ret_touched)
{
    CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_TRY(capsa_record_key_write(key, &canonical));
    struct touched *touched = touched_find(txn, capsa_buf_bytes(&canonical));
    if (touched != NULL && touched->is_written) {
        *ret_touched = touched;
        return capsa_buf_append(value, capsa_buf_bytes(&touched->value));
    }
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(capsa_store_find(txn->store, key, &record));
    CAPSA_TRY(charge(txn, KIB(1) + record.value.len));
    if (touched == NULL) {
        CAPSA_TRY(capsa_batch_check(txn->batch, key, record.version));
        CAPSA_TRY(touched_add(txn, capsa_buf_bytes(&canonical), record.version, &touched));
    }
    CAPSA_REQUIRE(touched->version == record.version, CONFLICT, "a %s changed meanwhile",
                  key->kind);
    *ret_touched = touched;
    return capsa_buf_append(value, capsa_buf_bytes(&record.value));
}

static capsa_result find(struct capsa_km_txn *txn, const struct capsa_record_key *key,
                         const ProtobufCMessageDescriptor *shape, void *ret_message)
{
    struct touched *touched;
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(CAPSA_LIMIT_record_value);
    CAPSA_TRY(touch(txn, key, &value, &touched));
    ProtobufCMessage *message = NULL;
    if (value.len > 0) {
        CAPSA_TRY_AT(
            capsa_protobuf_parse(shape, capsa_buf_bytes(&value), CAPSA_UNKNOWN_REFUSED, &message),
            "a stored %s", key->kind);
    }
    memcpy(ret_message, &message, sizeof(message)); /* a Rec__Something ** */
    return CAPSA_OK;
}

/* An empty value is a record that was removed. */
static capsa_result put_value(struct capsa_km_txn *txn, const struct capsa_record_key *key,
                              const char *const *owners, capsa_bytes value)
{
    struct touched *touched;
    CAPSA_AUTO(capsa_buf) old = capsa_buf_of(CAPSA_LIMIT_record_value);
    CAPSA_TRY(touch(txn, key, &old, &touched));
    if (value.len == 0 && old.len == 0) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_batch_put(txn->batch, key, touched->version, owners, value));
    touched->version++;
    touched->is_written = true;
    capsa_buf_clear(&touched->value);
    return capsa_buf_append(&touched->value, value);
}

static capsa_result put(struct capsa_km_txn *txn, const struct capsa_record_key *key,
                        const char *const *owners, const ProtobufCMessage *message)
{
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(CAPSA_LIMIT_record_value);
    CAPSA_TRY(capsa_protobuf_write(message, &value));
    CAPSA_REQUIRE(value.len > 0, INTERNAL, "a %s with nothing in it", key->kind);
    return put_value(txn, key, owners, capsa_buf_bytes(&value));
}

static capsa_result drop(struct capsa_km_txn *txn, const struct capsa_record_key *key)
{
    return put_value(txn, key, NULL, (capsa_bytes){NULL, 0});
}

CAPSA_RESULT capsa_km_txn_still_holds(const struct capsa_km_txn *txn)
{
    for (size_t i = 0; i < txn->count; i++) {
        CAPSA_AUTO(capsa_buf) texts = capsa_buf_of(2 * CAPSA_LIMIT_record_key);
        CAPSA_AUTO(capsa_record) record = {0};
        struct capsa_record_key key;
        CAPSA_TRY(capsa_record_key_parse(capsa_buf_bytes(&txn->touched[i].key), &texts, &key));
        CAPSA_TRY(capsa_store_find(txn->store, &key, &record));
        CAPSA_REQUIRE(record.version == txn->touched[i].read, CONFLICT, "a %s changed meanwhile",
                      key.kind);
    }
    return CAPSA_OK;
}

/* ---- the kinds ------------------------------------------------------------------------------- */

static struct capsa_record_key resource_key(const char *uuid)
{
    return CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "resource", uuid);
}

static struct capsa_record_key key_key(const char *uuid, const char *resource_uri)
{
    return CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "key", uuid, resource_uri);
}

static struct capsa_record_key policy_key(const char *owner, const char *scope, const char *uuid)
{
    return CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "policy", owner, scope, uuid);
}

static struct capsa_record_key release_key(const char *spki, const char *uuid)
{
    return CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "release", spki, uuid);
}

static struct capsa_record_key vote_key(const char *vote)
{
    return CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "vote", vote);
}

static struct capsa_record_key certs_key(const char *party)
{
    return CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "cert", party);
}

static struct capsa_record_key group_key(const char *request)
{
    return CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "group", request);
}

static struct capsa_record_key envelope_keys_key(const char *which)
{
    return CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "envelope", which);
}

CAPSA_RESULT capsa_km_resource_find(struct capsa_km_txn *txn, const char *uuid,
                                    Rec__Resource **ret_resource)
{
    const struct capsa_record_key key = resource_key(uuid);
    return find(txn, &key, &rec__resource__descriptor, ret_resource);
}

CAPSA_RESULT capsa_km_key_find(struct capsa_km_txn *txn, const char *uuid, const char *resource_uri,
                               Rec__Key **ret_key)
{
    const struct capsa_record_key key = key_key(uuid, resource_uri);
    return find(txn, &key, &rec__key__descriptor, ret_key);
}

CAPSA_RESULT capsa_km_policy_find(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                  const char *uuid, Cm__Policy **ret_policy)
{
    const struct capsa_record_key key = policy_key(owner, scope, uuid);
    return find(txn, &key, &cm__policy__descriptor, ret_policy);
}

CAPSA_RESULT capsa_km_policy_version(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                     const char *uuid, uint64_t *ret_version)
{
    const struct capsa_record_key key = policy_key(owner, scope, uuid);
    struct touched *touched;
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(CAPSA_LIMIT_record_value);
    CAPSA_TRY(touch(txn, &key, &value, &touched));
    *ret_version = value.len == 0 ? 0 : touched->version;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_release_find(struct capsa_km_txn *txn, const char *spki, const char *uuid,
                                   Rec__Release **ret_release)
{
    const struct capsa_record_key key = release_key(spki, uuid);
    return find(txn, &key, &rec__release__descriptor, ret_release);
}

CAPSA_RESULT capsa_km_vote_find(struct capsa_km_txn *txn, const char *vote, Rec__Vote **ret_vote)
{
    const struct capsa_record_key key = vote_key(vote);
    return find(txn, &key, &rec__vote__descriptor, ret_vote);
}

CAPSA_RESULT capsa_km_certs_find(struct capsa_km_txn *txn, const char *party,
                                 Rec__Certs **ret_certs)
{
    const struct capsa_record_key key = certs_key(party);
    return find(txn, &key, &rec__certs__descriptor, ret_certs);
}

CAPSA_RESULT capsa_km_group_find(struct capsa_km_txn *txn, const char *request,
                                 Rec__Group **ret_group)
{
    const struct capsa_record_key key = group_key(request);
    return find(txn, &key, &rec__group__descriptor, ret_group);
}

CAPSA_RESULT capsa_km_envelope_keys_find(struct capsa_km_txn *txn, const char *which,
                                         Rec__EnvelopeKeys **ret_keys)
{
    const struct capsa_record_key key = envelope_keys_key(which);
    return find(txn, &key, &rec__envelope_keys__descriptor, ret_keys);
}

CAPSA_RESULT capsa_km_key_version(struct capsa_km_txn *txn, const char *uuid,
                                  const char *resource_uri, uint64_t *ret_version)
{
    const struct capsa_record_key key = key_key(uuid, resource_uri);
    CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_TRY(capsa_record_key_write(&key, &canonical));
    const struct touched *touched = touched_find(txn, capsa_buf_bytes(&canonical));
    CAPSA_REQUIRE(touched != NULL, INTERNAL, "the key \"%s\" was not read", resource_uri);
    *ret_version = touched->version;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_resource_put(struct capsa_km_txn *txn, const char *uuid,
                                   const char *const *owners, const Rec__Resource *resource)
{
    const struct capsa_record_key key = resource_key(uuid);
    return put(txn, &key, owners, &resource->base);
}

CAPSA_RESULT capsa_km_key_put(struct capsa_km_txn *txn, const char *uuid, const char *resource_uri,
                              const char *const *owners, const Rec__Key *data_key)
{
    const struct capsa_record_key key = key_key(uuid, resource_uri);
    return put(txn, &key, owners, &data_key->base);
}

CAPSA_RESULT capsa_km_policy_put(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                 const char *uuid, const Cm__Policy *policy)
{
    const struct capsa_record_key key = policy_key(owner, scope, uuid);
    return put(txn, &key, (const char *const[]){owner, NULL}, &policy->base);
}

CAPSA_RESULT capsa_km_release_put(struct capsa_km_txn *txn, const char *spki, const char *uuid,
                                  const Rec__Release *release)
{
    const struct capsa_record_key key = release_key(spki, uuid);
    return put(txn, &key, NULL, &release->base);
}

CAPSA_RESULT capsa_km_vote_put(struct capsa_km_txn *txn, const char *vote, const Rec__Vote *record)
{
    const struct capsa_record_key key = vote_key(vote);
    return put(txn, &key, NULL, &record->base);
}

CAPSA_RESULT capsa_km_certs_put(struct capsa_km_txn *txn, const char *party,
                                const Rec__Certs *certs)
{
    const struct capsa_record_key key = certs_key(party);
    return put(txn, &key, (const char *const[]){party, NULL}, &certs->base);
}

CAPSA_RESULT capsa_km_group_put(struct capsa_km_txn *txn, const char *request,
                                const Rec__Group *group)
{
    const struct capsa_record_key key = group_key(request);
    return put(txn, &key, NULL, &group->base);
}

CAPSA_RESULT capsa_km_envelope_keys_put(struct capsa_km_txn *txn, const char *which,
                                        const Rec__EnvelopeKeys *keys)
{
    const struct capsa_record_key key = envelope_keys_key(which);
    return put(txn, &key, NULL, &keys->base);
}

CAPSA_RESULT capsa_km_probe_put(struct capsa_km_txn *txn, int64_t now)
{
    const struct capsa_record_key key = CAPSA_RECORD_KEY(CAPSA_KM_NAMESPACE, "probe", NULL);
    return put_value(txn, &key, NULL, capsa_bytes_of(&now, sizeof(now)));
}

CAPSA_RESULT capsa_km_key_remove(struct capsa_km_txn *txn, const char *uuid,
                                 const char *resource_uri)
{
    const struct capsa_record_key key = key_key(uuid, resource_uri);
    return drop(txn, &key);
}

CAPSA_RESULT capsa_km_policy_remove(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                    const char *uuid)
{
    const struct capsa_record_key key = policy_key(owner, scope, uuid);
    return drop(txn, &key);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static capsa_result see_key(void *context, const struct capsa_record_key *key,
                            const capsa_record *record, bool *ret_stop)
{
    (void)key;
    bool *found = context;
    *found = *ret_stop = record->value.len > 0;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_key_has_any(struct capsa_km_txn *txn, const char *uuid, bool *ret_has)
{
    const struct capsa_record_key prefix = key_key(uuid, NULL);
    CAPSA_AUTO(capsa_buf) canonical = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_TRY(capsa_record_key_write(&prefix, &canonical));
    bool found = false;
    for (size_t i = 0; i < txn->count && !found; i++) {
        const struct touched *touched = &txn->touched[i];
        found = touched->is_written && touched->value.len > 0 && touched->key.len > canonical.len &&
                memcmp(touched->key.data, canonical.data, canonical.len) == 0;
    }
    if (!found) {
        CAPSA_TRY(charge(txn, KIB(1)));
        CAPSA_TRY(capsa_store_each(txn->store, &prefix, see_key, &found));
    }
    *ret_has = found;
    return CAPSA_OK;
}

struct policy_walk {
    capsa_km_policy_fn each;
    void *context;
};

static capsa_result see_policy(void *context, const struct capsa_record_key *key,
                               const capsa_record *record, bool *ret_stop)
{
    (void)key;
    (void)ret_stop;
    const struct policy_walk *walk = context;
    if (record->value.len == 0) { /* removed */
        return CAPSA_OK;
    }
    CAPSA_AUTO_MESSAGE policy = NULL;
    CAPSA_TRY(capsa_protobuf_parse(&cm__policy__descriptor, capsa_buf_bytes(&record->value),
                                   CAPSA_UNKNOWN_REFUSED, &policy));
    return walk->each(walk->context, (const Cm__Policy *)policy, record->version);
}

CAPSA_RESULT capsa_km_policy_each(struct capsa_km_txn *txn, const char *owner, const char *scope,
                                  capsa_km_policy_fn each, void *context)
{
    const struct capsa_record_key prefix = policy_key(owner, scope, NULL);
    struct policy_walk walk = {each, context};
    return capsa_store_each(txn->store, &prefix, see_policy, &walk);
}
