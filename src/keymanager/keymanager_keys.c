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

/* What a uuid is when nobody has registered it yet. Whoever writes the database could take a
 * resource out and leave its keys, for the next to claim. */
static capsa_result check_unclaimed(const char *uuid, bool has_keys)
{
    CAPSA_REQUIRE(!has_keys, TAMPERED, "\"%s\" has keys but no owner", uuid);
    return CAPSA_OK;
}

static capsa_result check_mine(const struct capsa_km_call *call, const char *uuid,
                               const Rec__Resource *found)
{
    CAPSA_REQUIRE(!found->is_result, DENIED,
                  "\"%s\" is a result; its keys come from CreateResultDataKey", uuid);
    CAPSA_REQUIRE(capsa_streq(found->owner_party_id, call->signer.party), DENIED,
                  "\"%s\" belongs to another party", uuid);
    return CAPSA_OK;
}

/* The resource of a uuid that `call`'s signer registers a key for: made, or begun anew when its
 * last key was deleted, else as it is. */
static capsa_result claim_original(struct capsa_km_call *call, const char *uuid,
                                   int64_t *ret_incarnation)
{
    char *party = call->signer.party;
    CAPSA_AUTO_RECORD(Rec__Resource) found = NULL;
    bool has_keys;
    CAPSA_TRY(capsa_km_resource_find(call->txn, uuid, &found));
    CAPSA_TRY(capsa_km_key_has_any(call->txn, uuid, &has_keys));
    CAPSA_TRY(found == NULL ? check_unclaimed(uuid, has_keys) : check_mine(call, uuid, found));
    if (found != NULL && has_keys) {
        *ret_incarnation = found->incarnation;
        return CAPSA_OK;
    }
    Rec__Resource resource = REC__RESOURCE__INIT;
    resource.owner_party_id = party;
    resource.incarnation = found == NULL ? 1 : found->incarnation + 1;
    resource.created_at = call->now;
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
        call->about = request->data_keys[i]->resource_uri;
        CAPSA_TRY_AT(create_one(call, request->data_keys[i]), "data_keys[%zu]", i);
        CAPSA_TRY(capsa_km_notes_resource(call->notes, call->signer.party,
                                          request->data_keys[i]->resource_uri, NULL, 0));
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
    call->about = request->resource_uri;
    CAPSA_REQUIRE(may && key != NULL, NOT_FOUND, "\"%s\" is no data key of %s",
                  request->resource_uri, call->signer.party);
    CAPSA_TRY(
        capsa_km_notes_resource(call->notes, call->signer.party, request->resource_uri, NULL, 0));
    return capsa_km_key_remove(call->txn, uuid, request->resource_uri);
}
