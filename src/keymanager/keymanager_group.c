/* SPDX-License-Identifier: Apache-2.0
 *
 * GetTlsAsset: one TLS key and certificate for all programs that may use the same data for the same
 * operation, so that they know each other by it. Who may have it is who may have the data keys
 * (keymanager_release.h); they come along.
 *
 * A group is (namespace, scope, operation, resources with the versions of their keys). Its key is
 * random and never derived from a data key, whose owner would know it; it is made at the first call
 * and kept, so every member gets the same bytes. Each member shows the certificate and has it as
 * its only trust anchor, which works when it is its own issuer, may sign, and is the very same.
 *
 * A member that is denied later still has the key. What puts it out is a new epoch: another key and
 * certificate, made when the owner of one of the resources registers its data key anew, or when the
 * certificate is near its end.
 */
#include "base/limits.h"
#include "codec/text.h"
#include "keymanager/keymanager_envelope.h"
#include "keymanager/keymanager_lineage.h"
#include "keymanager/keymanager_release.h"

#define CERT_DAYS  365
#define RENEW_DAYS 30
#define DAY        86400
/* The one name that members check, where their TLS checks names; it resolves nowhere. */
#define GROUP_NAME "group.capsa.internal"
/* For so long the certificate of the epoch before is named to members: a renewed one lasts that. */
#define OVERLAP_DAYS RENEW_DAYS
#define INPUT_MAX    MIB(4) /* over what CAPSA_LIMIT_resources URIs of CAPSA_LIMIT_id_bytes need */

/* ---- which group ----------------------------------------------------------------------------- */

typedef struct {
    char request[2 * CAPSA_SHA256 + 1]; /* of what is asked for */
    char name[2 * CAPSA_SHA256 + 1];    /* of that and the versions of its keys: the group */
} group_id;

static capsa_result digest(const capsa_buf *input, char ret_text[2 * CAPSA_SHA256 + 1])
{
    uint8_t bytes[CAPSA_SHA256];
    capsa_sha256(capsa_buf_bytes(input), bytes);
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(2 * CAPSA_SHA256);
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(bytes, sizeof(bytes)), &hex));
    memcpy(ret_text, hex.data, hex.len);
    ret_text[hex.len] = '\0';
    return CAPSA_OK;
}

/* Every part behind its length: no two groups share an input. */
static capsa_result input_begin(const char *what, const Cm__ResourceRequest *request,
                                capsa_buf *input)
{
    const char *const parts[] = {what, CAPSA_KM_NAMESPACE, request->scope, request->op_name};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        CAPSA_TRY(capsa_buf_field(input, capsa_bytes_str(parts[i])));
    }
    return CAPSA_OK;
}

static capsa_result version_add(struct capsa_km_txn *txn, const char *resource_uri,
                                capsa_buf *input)
{
    CAPSA_AUTO(capsa_buf) uuid_buf = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    const char *uuid;
    uint64_t version;
    CAPSA_TRY(capsa_km_uri_parse(resource_uri, &uuid_buf));
    CAPSA_TRY(capsa_buf_cstr(&uuid_buf, &uuid));
    CAPSA_TRY(capsa_km_key_version(txn, uuid, resource_uri, &version));
    CAPSA_TRY(capsa_buf_be32(input, sizeof(version)));
    return capsa_buf_be64(input, version);
}

/* In whatever order the resources stand; their columns and attributes are for policies alone. */
static capsa_result identify(struct capsa_km_txn *txn, const Cm__ResourceRequest *request,
                             group_id *ret_id)
{
    CAPSA_AUTO(capsa_km_set) uris = {NULL, 0};
    for (size_t i = 0; i < request->n_resources; i++) {
        CAPSA_TRY(capsa_km_set_add(&uris, request->resources[i]->resource_uri));
    }
    CAPSA_AUTO(capsa_buf) asked = capsa_buf_of(INPUT_MAX);
    CAPSA_AUTO(capsa_buf) group = capsa_buf_of(INPUT_MAX);
    CAPSA_TRY(input_begin("capsa group request", request, &asked));
    CAPSA_TRY(input_begin("capsa group", request, &group));
    for (size_t i = 0; i < uris.count; i++) {
        CAPSA_TRY(capsa_buf_field(&asked, capsa_bytes_str(uris.items[i])));
        CAPSA_TRY(capsa_buf_field(&group, capsa_bytes_str(uris.items[i])));
        CAPSA_TRY(version_add(txn, uris.items[i], &group));
    }
    CAPSA_TRY(digest(&asked, ret_id->request));
    return digest(&group, ret_id->name);
}

/* ---- its key and certificate ----------------------------------------------------------------- */

static capsa_result key_make(capsa_time now, capsa_time not_after, capsa_buf *key_pem,
                             capsa_buf *cert_pem)
{
    const struct capsa_cert_request request = {
        .common_name = "Capsa group",
        .not_before = now - DAY, /* members' clocks may be behind */
        .not_after = not_after,
        .is_ca = true, /* some TLS libraries want that of a trust anchor, and that it may sign */
        .signs_digitally = true,
        .dns_names = (const char *const[]){GROUP_NAME, NULL},
        .server_use = true,
        .client_use = true,
    };
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY(capsa_private_key_new_p256(&key));
    CAPSA_TRY(capsa_cert_self_sign(key, &request, &cert));
    CAPSA_TRY(capsa_private_key_write(key, key_pem));
    return capsa_cert_write_pem(cert, cert_pem);
}

/* The next epoch; `old` is the one before, or NULL. */
static capsa_result issue(struct capsa_km_call *call, const group_id *id, const Rec__Group *old)
{
    CAPSA_AUTO(capsa_buf) key_buf = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_AUTO(capsa_buf) cert_buf = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    const char *key, *cert;
    Rec__Group group = REC__GROUP__INIT;
    group.epoch = old == NULL ? 1 : old->epoch + 1;
    group.issued_at = call->now;
    group.not_after = call->now + (capsa_time)CERT_DAYS * DAY;
    CAPSA_TRY(key_make(call->now, group.not_after, &key_buf, &cert_buf));
    CAPSA_TRY(capsa_buf_cstr(&key_buf, &key));
    CAPSA_TRY(capsa_buf_cstr(&cert_buf, &cert));
    group.name = capsa_km_field(id->name);
    group.private_key = capsa_km_field(key);
    group.cert = capsa_km_field(cert);
    if (old != NULL) {
        group.previous_cert = old->cert;
    }
    return capsa_km_group_put(call->txn, id->request, &group);
}

static bool is_good(const Rec__Group *group, const group_id *id, capsa_time now)
{
    return group != NULL && capsa_streq(group->name, id->name) &&
           group->not_after - now >= (capsa_time)RENEW_DAYS * DAY;
}

/* The group as it is, or as it becomes with this call. Of two first callers one commits; the other
 * begins again and finds the first's. */
static capsa_result take(struct capsa_km_call *call, const Cm__ResourceRequest *request,
                         Rec__Group **ret_group)
{
    group_id id;
    CAPSA_TRY(identify(call->txn, request, &id));
    CAPSA_AUTO_RECORD(Rec__Group) found = NULL;
    CAPSA_TRY(capsa_km_group_find(call->txn, id.request, &found));
    if (is_good(found, &id, call->now)) {
        *ret_group = found;
        found = NULL;
        return CAPSA_OK;
    }
    CAPSA_TRY(issue(call, &id, found));
    return capsa_km_group_find(call->txn, id.request, ret_group);
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* What only the native protocol has room for. */
static void say_more(const Rec__Group *group, capsa_time now, Cm__TlsAsset *asset)
{
    asset->epoch = group->epoch;
    asset->not_after = group->not_after;
    if (now < group->issued_at + (capsa_time)OVERLAP_DAYS * DAY) {
        asset->previous_cert = group->previous_cert;
    }
}

CAPSA_RESULT capsa_km_get_tls_asset(struct capsa_km_call *call)
{
    const Cm__GetTlsAssetRequest *message = (const Cm__GetTlsAssetRequest *)call->request;
    CAPSA_AUTO(capsa_km_released) released = {.count = 0};
    CAPSA_TRY(capsa_km_release(call, message->attestation_report, message->cert,
                               message->resource_request, &released));
    CAPSA_AUTO_RECORD(Rec__Group) group = NULL;
    CAPSA_TRY(take(call, message->resource_request, &group));
    Cm__TlsAsset asset = CM__TLS_ASSET__INIT;
    asset.cert = group->cert;
    asset.private_key = group->private_key;
    if (call->native) {
        say_more(group, call->now, &asset);
    }
    Cm__GetTlsAssetResponse response = CM__GET_TLS_ASSET_RESPONSE__INIT;
    response.data_keys = released.data_keys;
    response.n_data_keys = released.count;
    response.tls_asset = &asset;
    response.cert = released.cert;
    /* MINIMAL: of what original clients know nothing is ever empty, and the rest they must not see
     */
    return capsa_protojson_write(&response.base, CAPSA_PROTOJSON_MINIMAL, call->answer);
}
