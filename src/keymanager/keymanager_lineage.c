/* SPDX-License-Identifier: Apache-2.0
 *
 * CreateResultDataKey, and the sets that lineage consists of (keymanager_lineage.h).
 *
 * Who may register a result: the key to which the manager released every ancestor that it declares
 * (release records, so also after a restart). Beyond that, that a program declares all it used is
 * as good as the code that the owners allowed.
 */
#include "keymanager/keymanager_lineage.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "keymanager/keymanager_evidence.h"

/* Index of the first item that is not before `item`. */
static size_t set_place(const capsa_km_set *set, const char *item)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(set->items[middle], item) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool capsa_km_set_has(const capsa_km_set *set, const char *item)
{
    size_t place = set_place(set, item);
    return place < set->count && capsa_streq(set->items[place], item);
}

/* One slot stays free behind the last item: the array is NULL-ended. */
CAPSA_RESULT capsa_km_set_add(capsa_km_set *set, const char *item)
{
    if (capsa_km_set_has(set, item)) {
        return CAPSA_OK;
    }
    char **items = capsa_realloc(set->items, (set->count + 2) * sizeof(*items));
    CAPSA_REQUIRE_MEMORY(items);
    set->items = items;
    char *copy = capsa_strdup(item);
    CAPSA_REQUIRE_MEMORY(copy);
    size_t place = set_place(set, item);
    memmove(&items[place + 1], &items[place], (set->count - place) * sizeof(*items));
    items[place] = copy;
    set->count++;
    items[set->count] = NULL;
    return CAPSA_OK;
}

void capsa_km_set_drop(capsa_km_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        capsa_dealloc(set->items[i]);
    }
    capsa_dealloc(set->items);
    *set = (capsa_km_set){NULL, 0};
}

CAPSA_RESULT capsa_km_origins_add(const char *uuid, const Rec__Resource *resource,
                                  capsa_km_set *origins)
{
    if (!resource->is_result) {
        return capsa_km_set_add(origins, uuid);
    }
    for (size_t i = 0; i < resource->n_origins; i++) {
        CAPSA_TRY(capsa_km_set_add(origins, resource->origins[i]));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_owners_find(struct capsa_km_txn *txn, const char *uuid,
                                  const Rec__Resource *resource, capsa_km_set *ret_owners)
{
    CAPSA_AUTO(capsa_km_set) origins = {NULL, 0};
    CAPSA_TRY(capsa_km_origins_add(uuid, resource, &origins));
    CAPSA_REQUIRE(origins.count > 0, TAMPERED, "\"%s\" comes from nothing", uuid);
    for (size_t i = 0; i < origins.count; i++) {
        CAPSA_AUTO_RECORD(Rec__Resource) origin = NULL;
        CAPSA_TRY(capsa_km_resource_find(txn, origins.items[i], &origin));
        CAPSA_REQUIRE(origin != NULL && !origin->is_result && *origin->owner_party_id != '\0',
                      TAMPERED, "\"%s\", an original of \"%s\", has no owner", origins.items[i],
                      uuid);
        CAPSA_TRY(capsa_km_set_add(ret_owners, origin->owner_party_id));
    }
    return CAPSA_OK;
}

/* ---- CreateResultDataKey --------------------------------------------------------------------- */

#define NO_ANCESTORS "ancestor_uuids: a result comes from something; name at least one"

/* What a result is declared to come from, and the originals that this amounts to. */
typedef struct {
    capsa_km_set ancestors;
    capsa_km_set origins;
} lineage;

static void lineage_drop(lineage *line)
{
    capsa_km_set_drop(&line->ancestors);
    capsa_km_set_drop(&line->origins);
}

/* One text for an ancestor that does not exist (any more) and one that was not released. */
static capsa_result ancestor_add(struct capsa_km_call *call, const char *ancestor, lineage *line)
{
    CAPSA_TRY(capsa_km_name_check("ancestor_uuids", ancestor));
    CAPSA_AUTO_RECORD(Rec__Resource) resource = NULL;
    CAPSA_AUTO_RECORD(Rec__Release) release = NULL;
    CAPSA_TRY(capsa_km_resource_find(call->txn, ancestor, &resource));
    CAPSA_TRY(capsa_km_release_find(call->txn, call->signer.spki, ancestor, &release));
    bool has_keys;
    CAPSA_TRY(capsa_km_key_has_any(call->txn, ancestor, &has_keys));
    CAPSA_REQUIRE(resource != NULL && has_keys && release != NULL &&
                      release->incarnation == resource->incarnation,
                  DENIED, "ancestor \"%s\" was not released to the key that signs this", ancestor);
    CAPSA_TRY(capsa_km_set_add(&line->ancestors, ancestor));
    return capsa_km_origins_add(ancestor, resource, &line->origins);
}

static capsa_result ancestors_collect(struct capsa_km_call *call,
                                      const Cm__CreateResultDataKeyRequest__Body *body,
                                      const char *uuid, lineage *line)
{
    CAPSA_REQUIRE(body->n_ancestor_uuids > 0, MALFORMED, NO_ANCESTORS);
    CAPSA_REQUIRE(body->n_ancestor_uuids <= CAPSA_LIMIT_ancestors, TOO_LARGE,
                  "ancestor_uuids: over %d", CAPSA_LIMIT_ancestors);
    for (size_t i = 0; i < body->n_ancestor_uuids; i++) {
        CAPSA_REQUIRE(!capsa_streq(body->ancestor_uuids[i], uuid), MALFORMED,
                      "ancestor_uuids[%zu]: \"%s\" cannot be its own ancestor", i, uuid);
        CAPSA_TRY(ancestor_add(call, body->ancestor_uuids[i], line));
    }
    CAPSA_REQUIRE(line->origins.count <= CAPSA_LIMIT_ancestors, TOO_LARGE,
                  "the result comes from %zu originals, at most %d", line->origins.count,
                  CAPSA_LIMIT_ancestors);
    return CAPSA_OK;
}

/* A uuid that is taken is only good for the same key with the same ancestors. So no result can come
 * to descend from itself: what exists keeps its lineage. */
static capsa_result may_register(const struct capsa_km_call *call, const char *uuid,
                                 const Rec__Resource *found, const lineage *line)
{
    CAPSA_REQUIRE(found->is_result, DENIED,
                  "\"%s\" is original data; a result cannot take its place", uuid);
    bool same = capsa_streq(found->registrant, call->signer.spki) &&
                found->n_ancestors == line->ancestors.count;
    for (size_t i = 0; same && i < found->n_ancestors; i++) {
        same = capsa_streq(found->ancestors[i], line->ancestors.items[i]);
    }
    CAPSA_REQUIRE(same, DENIED,
                  "\"%s\" is a result already; only the same key with the same ancestors may "
                  "register it again",
                  uuid);
    return CAPSA_OK;
}

static capsa_result result_put(struct capsa_km_call *call, const char *uuid,
                               const Rec__Resource *found, const lineage *line,
                               const Cm__CreateResultDataKeyRequest__Body *body,
                               const capsa_km_evidence *evidence)
{
    bool has_keys;
    CAPSA_TRY(capsa_km_key_has_any(call->txn, uuid, &has_keys));
    Rec__Resource resource = REC__RESOURCE__INIT;
    resource.is_result = true;
    resource.incarnation = found == NULL ? 1 : found->incarnation + (has_keys ? 0 : 1);
    resource.created_at = found == NULL ? call->now : found->created_at;
    resource.origins = line->origins.items;
    resource.n_origins = line->origins.count;
    resource.ancestors = line->ancestors.items;
    resource.n_ancestors = line->ancestors.count;
    resource.registrant = call->signer.spki;
    CAPSA_AUTO(capsa_km_set) owners = {NULL, 0};
    CAPSA_TRY(capsa_km_owners_find(call->txn, uuid, &resource, &owners));
    const char *const *owner_list = (const char *const *)owners.items;
    for (size_t i = 0; i < owners.count; i++) {
        CAPSA_TRY(
            capsa_km_notes_resource(call->notes, owners.items[i], body->resource_uri, NULL, 0));
        CAPSA_TRY(capsa_km_notes_text(call->notes, owners.items[i], "scope", body->scope));
        CAPSA_TRY(capsa_km_evidence_note(evidence, call->notes, owners.items[i]));
    }
    CAPSA_TRY(capsa_km_resource_put(call->txn, uuid, owner_list, &resource));
    Rec__Key key = REC__KEY__INIT;
    key.data_key_b64 = body->data_key_b64;
    key.holder = call->signer.spki;
    key.incarnation = resource.incarnation;
    return capsa_km_key_put(call->txn, uuid, body->resource_uri, owner_list, &key);
}

/* Evidence that is refused is told to an owner of the first of the data that the result is said to
 * come from, as it is for keys. */
static capsa_result note_evidence(struct capsa_km_call *call,
                                  const Cm__CreateResultDataKeyRequest__Body *body,
                                  const capsa_km_evidence *evidence)
{
    CAPSA_AUTO_RECORD(Rec__Resource) resource = NULL;
    CAPSA_AUTO(capsa_km_set) owners = {NULL, 0};
    CAPSA_REQUIRE(body->n_ancestor_uuids > 0, MALFORMED, NO_ANCESTORS);
    const char *first = body->ancestor_uuids[0];
    CAPSA_TRY(capsa_km_name_check("ancestor_uuids", first));
    CAPSA_TRY(capsa_km_name_check("resource_uri", body->resource_uri));
    CAPSA_TRY(capsa_km_resource_find(call->txn, first, &resource));
    if (resource != NULL) {
        CAPSA_TRY(capsa_km_owners_find(call->txn, first, resource, &owners));
    }
    const char *owner = owners.count == 0 ? NULL : owners.items[0];
    call->about = body->resource_uri;
    CAPSA_TRY(capsa_km_notes_resource(call->notes, owner, body->resource_uri, NULL, 0));
    CAPSA_TRY(capsa_km_notes_text(call->notes, owner, "scope", body->scope));
    return capsa_km_evidence_note(evidence, call->notes, owner);
}

static capsa_result check_evidence(struct capsa_km_call *call,
                                   const Cm__CreateResultDataKeyRequest *request,
                                   capsa_km_evidence *evidence)
{
    const struct capsa_km_bound bound = {NULL, &request->body->base};
    capsa_result judged =
        capsa_km_evidence_judge(call, request->attestation_report, &bound, evidence);
    if (!capsa_failed(judged)) {
        return CAPSA_OK;
    }
    struct capsa_error why;
    capsa_error_keep(judged, &why);
    CAPSA_TRY(note_evidence(call, request->body, evidence));
    return capsa_error_again(&why);
}

CAPSA_RESULT capsa_km_create_result_data_key(struct capsa_km_call *call)
{
    const Cm__CreateResultDataKeyRequest *request =
        (const Cm__CreateResultDataKeyRequest *)call->request;
    const Cm__CreateResultDataKeyRequest__Body *body = request->body;
    CAPSA_REQUIRE(body != NULL, MALFORMED, "body: missing");
    CAPSA_TRY(capsa_km_scope_check(body->scope));
    capsa_km_evidence evidence;
    CAPSA_TRY(check_evidence(call, request, &evidence));
    if (*body->owner_id != '\0') { /* programs leave it empty */
        CAPSA_TRY(capsa_km_party_check(call, "owner_id", body->owner_id));
    }
    CAPSA_TRY(capsa_km_data_key_check("data_key_b64", body->data_key_b64));
    CAPSA_AUTO(capsa_buf) uuid_buf = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    const char *uuid;
    CAPSA_TRY(capsa_km_uri_parse(body->resource_uri, &uuid_buf));
    CAPSA_TRY(capsa_buf_cstr(&uuid_buf, &uuid));

    call->about = body->resource_uri;
    CAPSA_AUTO(lineage) line = {{NULL, 0}, {NULL, 0}};
    CAPSA_TRY(ancestors_collect(call, body, uuid, &line));
    CAPSA_AUTO_RECORD(Rec__Resource) found = NULL;
    CAPSA_TRY(capsa_km_resource_find(call->txn, uuid, &found));
    if (found != NULL) {
        CAPSA_TRY(may_register(call, uuid, found, &line));
    }
    return result_put(call, uuid, found, &line, body, &evidence);
}
