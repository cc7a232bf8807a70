/* SPDX-License-Identifier: Apache-2.0
 *
 * Data keys as their owners handle them: CreateDataKeys and DeleteDataKey. Who registers a
 * data_uuid first owns it for good; deleting its last key leaves the owner's name on it.
 */
#include "keymanager/keymanager_call.h"

#include "base/limits.h"

const char *capsa_km_holder(const Rec__Resource *resource)
{
    return resource->is_result ? resource->registrant : resource->owner_party_id;
}

CAPSA_RESULT capsa_km_key_take(struct capsa_km_txn *txn, const char *uuid, const char *resource_uri,
                               const Rec__Resource *resource, Rec__Key **ret_key)
{
    CAPSA_AUTO_RECORD(Rec__Key) key = NULL;
    CAPSA_TRY(capsa_km_key_find(txn, uuid, resource_uri, &key));
    CAPSA_REQUIRE(key != NULL, NOT_FOUND, "\"%s\": there is no key of that name", resource_uri);
    CAPSA_REQUIRE(capsa_streq(key->holder, capsa_km_holder(resource)) &&
                      key->incarnation == resource->incarnation,
                  TAMPERED, "the key \"%s\" is not that of the resource \"%s\"", resource_uri,
                  uuid);
    *ret_key = key;
    key = NULL;
    return CAPSA_OK;
}

/* Whoever writes the database could remove a resource and leave its keys, for the next to claim. */
static capsa_result check_no_orphans(struct capsa_km_call *call, const char *uuid)
{
    bool has_keys;
    CAPSA_TRY(capsa_km_key_has_other(call->txn, uuid, "", &has_keys));
    CAPSA_REQUIRE(!has_keys, TAMPERED, "\"%s\" has keys but no owner", uuid);
    return CAPSA_OK;
}

/* What the resource of a uuid becomes when `call`'s signer registers a key for it. It is put each
 * time, so that a deletion that saw no other key cannot slip in between. */
static capsa_result claim_original(struct capsa_km_call *call, const char *uuid,
                                   int64_t *ret_incarnation)
{
    char *party = call->signer.party;
    CAPSA_AUTO_RECORD(Rec__Resource) found = NULL;
    CAPSA_TRY(capsa_km_resource_find(call->txn, uuid, &found));
    Rec__Resource resource = REC__RESOURCE__INIT;
    resource.owner_party_id = party;
    resource.incarnation = 1;
    resource.created_at = call->now;
    if (found != NULL) {
        CAPSA_REQUIRE(!found->is_result, DENIED,
                      "\"%s\" is a result; its keys come from CreateResultDataKey", uuid);
        CAPSA_REQUIRE(capsa_streq(found->owner_party_id, party), DENIED,
                      "\"%s\" belongs to another party", uuid);
        resource.incarnation = found->incarnation + (found->is_deleted ? 1 : 0);
        resource.created_at = found->is_deleted ? call->now : found->created_at;
    } else {
        CAPSA_TRY(check_no_orphans(call, uuid));
    }
    *ret_incarnation = resource.incarnation;
    return capsa_km_resource_put(call->txn, uuid, (const char *const[]){party, NULL}, &resource);
}

static capsa_result create_one(struct capsa_km_call *call, const Cm__DataKey *wanted)
{
    CAPSA_AUTO(capsa_buf) uuid_buf = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    const char *uuid;
    CAPSA_TRY(capsa_km_uri_parse(wanted->resource_uri, &uuid_buf));
    CAPSA_TRY(capsa_buf_cstr(&uuid_buf, &uuid));
    CAPSA_TRY(capsa_km_data_key_check("data_key_b64", wanted->data_key_b64));
    Rec__Key key = REC__KEY__INIT;
    key.data_key_b64 = wanted->data_key_b64;
    key.holder = call->signer.party;
    CAPSA_TRY(claim_original(call, uuid, &key.incarnation));
    return capsa_km_key_put(call->txn, uuid, wanted->resource_uri,
                            (const char *const[]){call->signer.party, NULL}, &key);
}

CAPSA_RESULT capsa_km_create_data_keys(struct capsa_km_call *call)
{
    const Cm__CreateDataKeysRequest *request = (const Cm__CreateDataKeysRequest *)call->request;
    CAPSA_TRY(capsa_km_party_check(call, "owner_party_id", request->owner_party_id));
    CAPSA_REQUIRE(request->n_data_keys > 0, MALFORMED, "data_keys: must not be empty");
    CAPSA_REQUIRE(request->n_data_keys <= CAPSA_LIMIT_data_keys, TOO_LARGE,
                  "data_keys: over %d keys", CAPSA_LIMIT_data_keys);
    for (size_t i = 0; i < request->n_data_keys; i++) {
        for (size_t k = 0; k < i; k++) {
            CAPSA_REQUIRE(!capsa_streq(request->data_keys[i]->resource_uri,
                                       request->data_keys[k]->resource_uri),
                          MALFORMED, "data_keys[%zu]: \"%s\" stands there twice", i,
                          request->data_keys[i]->resource_uri);
        }
        CAPSA_TRY_AT(create_one(call, request->data_keys[i]), "data_keys[%zu]", i);
    }
    return CAPSA_OK;
}

/* Of a result, the one party that all its originals belong to, if there is only one. */
static capsa_result may_delete(struct capsa_km_call *call, const Rec__Resource *resource,
                               bool *ret_may)
{
    if (!resource->is_result) {
        *ret_may = capsa_streq(resource->owner_party_id, call->signer.party);
        return CAPSA_OK;
    }
    bool may = resource->n_origins > 0;
    for (size_t i = 0; i < resource->n_origins; i++) {
        CAPSA_AUTO_RECORD(Rec__Resource) origin = NULL;
        CAPSA_TRY(capsa_km_resource_find(call->txn, resource->origins[i], &origin));
        may = may && origin != NULL && capsa_streq(origin->owner_party_id, call->signer.party);
    }
    *ret_may = may;
    return CAPSA_OK;
}

/* The last key goes: the name stays the owner's. */
static capsa_result bury(struct capsa_km_call *call, const char *uuid, Rec__Resource *resource)
{
    resource->is_deleted = true;
    return capsa_km_resource_put(call->txn, uuid, (const char *const[]){call->signer.party, NULL},
                                 resource);
}

CAPSA_RESULT capsa_km_delete_data_key(struct capsa_km_call *call)
{
    const Cm__DeleteDataKeyRequest *request = (const Cm__DeleteDataKeyRequest *)call->request;
    CAPSA_TRY(capsa_km_party_check(call, "owner_party_id", request->owner_party_id));
    CAPSA_AUTO(capsa_buf) uuid_buf = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    const char *uuid;
    CAPSA_TRY(capsa_km_uri_parse(request->resource_uri, &uuid_buf));
    CAPSA_TRY(capsa_buf_cstr(&uuid_buf, &uuid));

    CAPSA_AUTO_RECORD(Rec__Resource) resource = NULL;
    CAPSA_AUTO_RECORD(Rec__Key) key = NULL;
    CAPSA_TRY(capsa_km_resource_find(call->txn, uuid, &resource));
    CAPSA_TRY(capsa_km_key_find(call->txn, uuid, request->resource_uri, &key));
    bool may = false;
    if (resource != NULL) {
        CAPSA_TRY(may_delete(call, resource, &may));
    }
    CAPSA_REQUIRE(may && key != NULL, NOT_FOUND, "\"%s\" is no data key of %s",
                  request->resource_uri, call->signer.party);

    bool has_other;
    CAPSA_TRY(capsa_km_key_has_other(call->txn, uuid, request->resource_uri, &has_other));
    CAPSA_TRY(capsa_km_key_remove(call->txn, uuid, request->resource_uri));
    if (!has_other) {
        return bury(call, uuid, resource);
    }
    return capsa_km_resource_put(call->txn, uuid, (const char *const[]){call->signer.party, NULL},
                                 resource);
}
