/* SPDX-License-Identifier: Apache-2.0
 *
 * GetDataKeys, and the judging of requests for keys (keymanager_release.h). That keys were given is
 * written in the same commit, before they leave. What does not exist and what is not granted look
 * the same to who was granted nothing.
 */
#include "keymanager/keymanager_release.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "keymanager/keymanager_envelope.h"
#include "keymanager/keymanager_evidence.h"
#include "keymanager/keymanager_lineage.h"
#include "policy/policy.h"

/* One request in the works. */
typedef struct {
    struct capsa_km_call *call;
    const Cm__ResourceRequest *request;
    capsa_km_evidence evidence;
    bool only_pinned_code;  /* of the rules: the initiator is vouched for by evidence */
    struct capsa_json *env; /* r.env */
    size_t steps_left;      /* for all resources together */
    Cm__Policy *policy;     /* of policy_uuid: the last one that was looked at */
    capsa_buf policy_uuid;
} km_asked;

static void km_asked_drop(km_asked *asked)
{
    capsa_json_free(asked->env);
    capsa_message_free(asked->policy == NULL ? NULL : &asked->policy->base);
    capsa_buf_drop(&asked->policy_uuid);
}

/* ---- who asks -------------------------------------------------------------------------------- */

/* `cert` is one certificate, of the key that signed the request: the answer is for no other. */
static capsa_result check_cert(const struct capsa_km_call *call, const char *pem)
{
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_REQUIRE(*pem != '\0', MALFORMED, "cert: missing");
    CAPSA_TRY_AT(capsa_cert_cache_pem(call->manager->certs, capsa_bytes_str(pem), &cert), "cert");
    CAPSA_REQUIRE(capsa_cert_same_key(cert, call->signer.cert), UNAUTHENTIC,
                  "cert: holds another key than the one that signs the request");
    return CAPSA_OK;
}

/* The initiator is the signer; or evidence vouches for him, and then only rules count that say
 * which code may ask: of that code the owner knows whom it obeys. */
static capsa_result check_initiator(km_asked *asked)
{
    const char *initiator = asked->request->initiator_party_id;
    const struct capsa_km_call *call = asked->call;
    bool is_signer = capsa_streq(initiator, call->signer.party);
    asked->only_pinned_code = !is_signer && !call->manager->options.insecure_claimed_initiator;
    CAPSA_REQUIRE(!asked->only_pinned_code || asked->evidence.present, DENIED,
                  "initiator_party_id is %s, but %s signs the request; a mere claim counts only "
                  "with evidence, or with insecure_claimed_initiator",
                  initiator, call->signer.party);
    return CAPSA_OK;
}

/* ---- r.env ----------------------------------------------------------------------------------- */

static bool is_platform(const char *name)
{
    return name != NULL && capsa_platform_by_name(name) != CAPSA_PLATFORM_NONE;
}

/* What the client says of itself, as the original's simulation takes it: request_time and tee
 * alone. A missing tee is null, which no constraint survives. */
static capsa_result env_of_client(const char *text, struct capsa_json *env)
{
    CAPSA_AUTO_FREE(capsa_json) claimed = NULL;
    CAPSA_TRY_AT(capsa_json_parse(capsa_bytes_str(text), &claimed), "env");
    CAPSA_REQUIRE(capsa_json_kind_of(claimed) == CAPSA_JSON_OBJECT, MALFORMED,
                  "env: an object wanted");
    const struct capsa_json *tee = capsa_json_get(claimed, "tee");
    const struct capsa_json *time = capsa_json_get(claimed, "request_time");
    const char *time_text = time == NULL ? NULL : capsa_json_string(time);
    if (tee != NULL && capsa_json_kind_of(tee) == CAPSA_JSON_OBJECT) {
        const struct capsa_json *platform = capsa_json_get(tee, "platform");
        CAPSA_REQUIRE(platform != NULL && is_platform(capsa_json_string(platform)), MALFORMED,
                      "env: tee.platform must be sgx, tdx, snp or csv");
    }
    CAPSA_TRY(capsa_json_set(env, "request_time",
                             capsa_json_new_string(time_text == NULL ? "" : time_text)));
    return capsa_json_set(env, "tee", tee == NULL ? capsa_json_new_null() : capsa_json_copy(tee));
}

/* What the client claims is never mixed with what is verified. */
static capsa_result env_fill(const km_asked *asked, struct capsa_json *env)
{
    const struct capsa_km_call *call = asked->call;
    if (!asked->evidence.present && call->manager->options.insecure_client_env &&
        *asked->request->env != '\0') {
        return env_of_client(asked->request->env, env);
    }
    char now[CAPSA_TIME_TEXT];
    capsa_time_text(call->now, now);
    CAPSA_TRY(capsa_json_set(env, "request_time", capsa_json_new_string(now)));
    return capsa_km_evidence_env(&asked->evidence, env);
}

static capsa_result env_make(km_asked *asked)
{
    asked->env = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(asked->env);
    return env_fill(asked, asked->env);
}

/* ---- one resource ---------------------------------------------------------------------------- */

/* The policy of one original, kept for the next resource: requests name many parts of one uuid. */
static capsa_result policy_of(km_asked *asked, const char *owner, const char *uuid,
                              const Cm__Policy **ret_policy)
{
    bool kept =
        asked->policy_uuid.len > 0 && capsa_bytes_is(capsa_buf_bytes(&asked->policy_uuid), uuid);
    if (!kept) {
        capsa_buf_clear(&asked->policy_uuid);
        capsa_message_free(asked->policy == NULL ? NULL : &asked->policy->base);
        asked->policy = NULL;
        CAPSA_TRY(capsa_km_policy_find(asked->call->txn, owner, asked->request->scope, uuid,
                                       &asked->policy));
        CAPSA_TRY(capsa_buf_str(&asked->policy_uuid, uuid));
    }
    *ret_policy = asked->policy;
    return CAPSA_OK;
}

/* Building `r` and looking through columns is work as constraints are. */
static capsa_result charge(km_asked *asked, const Cm__ResourceRequest__Resource *wanted)
{
    size_t work = 16 + wanted->n_columns + strlen(wanted->attrs) / 16;
    if (work > asked->steps_left) {
        asked->steps_left = 0;
        CAPSA_FAIL(TOO_LARGE, "the request takes too much work; ask for less at once");
    }
    asked->steps_left -= work;
    return CAPSA_OK;
}

/* What the request is, in the details of one owner. */
static capsa_result note_request(const km_asked *asked, const char *owner)
{
    capsa_km_notes *notes = asked->call->notes;
    CAPSA_TRY(capsa_km_notes_text(notes, owner, "initiator", asked->request->initiator_party_id));
    CAPSA_TRY(capsa_km_notes_text(notes, owner, "scope", asked->request->scope));
    CAPSA_TRY(capsa_km_notes_text(notes, owner, "op_name", asked->request->op_name));
    return capsa_km_evidence_note(&asked->evidence, notes, owner);
}

/* For the owner of the policy that refuses: his own clause, and what was asked of his data. */
static capsa_result note_refusal(const km_asked *asked, const Cm__ResourceRequest__Resource *wanted,
                                 const char *owner, const struct capsa_decision *decision)
{
    capsa_km_notes *notes = asked->call->notes;
    capsa_km_notes_drop(notes); /* what was granted before comes to nothing */
    CAPSA_TRY(capsa_km_notes_resource(notes, owner, wanted->resource_uri, wanted->columns,
                                      wanted->n_columns));
    CAPSA_TRY(note_request(asked, owner));
    const struct {
        const char *name;
        const char *text;
    } texts[] = {
        {"rule_id", decision->rule_id},
        {"clause", capsa_clause_name(decision->clause)},
        {"expected", decision->expected},
        {"got", decision->got},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CAPSA_TRY(capsa_km_notes_text(notes, owner, texts[i].name, texts[i].text));
    }
    struct capsa_km_note *note;
    CAPSA_TRY(capsa_km_notes_of(notes, owner, &note));
    CAPSA_TRY(
        capsa_json_set(note->details, "rule", capsa_json_new_int((int64_t)decision->rule + 1)));
    CAPSA_TRY(
        capsa_json_set(note->details, "entry", capsa_json_new_int((int64_t)decision->entry + 1)));
    return capsa_json_set(note->details, "constraint",
                          capsa_json_new_int((int64_t)decision->constraint + 1));
}

/* One original's policy for this request, and whose it is. NULL: a policy without rules, as of what
 * is not there, and nobody's. */
static capsa_result decide(km_asked *asked, const Cm__ResourceRequest__Resource *wanted,
                           const char *owner, const Cm__Policy *policy, bool is_result)
{
    const struct capsa_request request = {
        .resource_uri = wanted->resource_uri,
        .initiator_party_id = asked->request->initiator_party_id,
        .scope = asked->request->scope,
        .op_name = asked->request->op_name,
        .attrs = wanted->attrs,
        .columns = wanted->columns,
        .columns_count = wanted->n_columns,
        .env = asked->env,
        .is_result = is_result,
        .only_pinned_code = asked->only_pinned_code,
        .steps_left = &asked->steps_left,
        .empty_columns_pass = asked->call->manager->options.insecure_empty_columns_pass,
    };
    struct capsa_decision decision;
    CAPSA_TRY(capsa_policy_decide(policy, &request, &decision));
    if (!decision.allowed) {
        asked->call->about = wanted->resource_uri;
        CAPSA_TRY(note_refusal(asked, wanted, owner, &decision));
    }
    return capsa_decision_result(&decision);
}

/* Every original of the resource must allow it, as its policy stands now. */
static capsa_result decide_all(km_asked *asked, const Cm__ResourceRequest__Resource *wanted,
                               const char *uuid, const Rec__Resource *resource)
{
    if (resource == NULL) {
        return decide(asked, wanted, NULL, NULL, false);
    }
    CAPSA_AUTO(capsa_km_set) origins = {NULL, 0};
    CAPSA_TRY(capsa_km_origins_add(uuid, resource, &origins));
    CAPSA_REQUIRE(origins.count > 0, TAMPERED, "\"%s\" comes from nothing", uuid);
    for (size_t i = 0; i < origins.count; i++) {
        CAPSA_AUTO_RECORD(Rec__Resource) origin = NULL;
        const Cm__Policy *policy = NULL;
        CAPSA_TRY(charge(asked, wanted));
        CAPSA_TRY(capsa_km_resource_find(asked->call->txn, origins.items[i], &origin));
        if (origin != NULL) {
            CAPSA_TRY(policy_of(asked, origin->owner_party_id, origins.items[i], &policy));
        }
        const char *owner = origin == NULL ? NULL : origin->owner_party_id;
        CAPSA_TRY(decide(asked, wanted, owner, policy, resource->is_result));
        CAPSA_TRY(capsa_km_notes_resource(asked->call->notes, owner, wanted->resource_uri,
                                          wanted->columns, wanted->n_columns));
    }
    return CAPSA_OK;
}

/* Remember that this key was given this resource; nothing to write when that stands already. */
static capsa_result record_release(const km_asked *asked, const char *uuid,
                                   const Rec__Resource *resource)
{
    struct capsa_km_call *call = asked->call;
    CAPSA_AUTO_RECORD(Rec__Release) found = NULL;
    CAPSA_TRY(capsa_km_release_find(call->txn, call->signer.spki, uuid, &found));
    if (found != NULL && found->incarnation == resource->incarnation) {
        return CAPSA_OK;
    }
    Rec__Release release = REC__RELEASE__INIT;
    release.incarnation = resource->incarnation;
    release.released_at = call->now;
    release.scope = asked->request->scope;
    release.op_name = asked->request->op_name;
    return capsa_km_release_put(call->txn, call->signer.spki, uuid, &release);
}

/* Granted, and not there: for the owner of what is missing, not for those of what was granted
 * before. */
static capsa_result note_missing(const km_asked *asked, const Cm__ResourceRequest__Resource *wanted,
                                 const Rec__Resource *resource)
{
    const char *owner = resource->is_result ? NULL : resource->owner_party_id;
    asked->call->about = wanted->resource_uri;
    capsa_km_notes_drop(asked->call->notes);
    CAPSA_TRY(capsa_km_notes_resource(asked->call->notes, owner, wanted->resource_uri,
                                      wanted->columns, wanted->n_columns));
    return note_request(asked, owner);
}

static capsa_result take_key(const km_asked *asked, const Cm__ResourceRequest__Resource *wanted,
                             const char *uuid, const Rec__Resource *resource, Rec__Key **ret_key)
{
    capsa_result result =
        capsa_km_key_take(asked->call->txn, uuid, wanted->resource_uri, resource, ret_key);
    if (capsa_code_of(result) == CAPSA_E_NOT_FOUND) {
        CAPSA_TRY(note_missing(asked, wanted, resource));
    }
    return result;
}

static capsa_result judge_one(km_asked *asked, const Cm__ResourceRequest__Resource *wanted,
                              Rec__Key **ret_key)
{
    CAPSA_AUTO(capsa_buf) uuid_buf = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    const char *uuid;
    CAPSA_TRY(capsa_km_uri_parse(wanted->resource_uri, &uuid_buf));
    CAPSA_TRY(capsa_buf_cstr(&uuid_buf, &uuid));
    CAPSA_AUTO_RECORD(Rec__Resource) resource = NULL;
    CAPSA_TRY(capsa_km_resource_find(asked->call->txn, uuid, &resource));
    CAPSA_TRY(decide_all(asked, wanted, uuid, resource));
    CAPSA_TRY(take_key(asked, wanted, uuid, resource, ret_key));
    return record_release(asked, uuid, resource);
}

/* How much work a resource makes tells of what lies behind it. So when the work runs out, the
 * answer is the same as for what is not there; the log says why. */
static capsa_result release_one(km_asked *asked, const Cm__ResourceRequest__Resource *wanted,
                                Rec__Key **ret_key)
{
    CAPSA_TRY(capsa_km_still_wanted(asked->call));
    capsa_result result = judge_one(asked, wanted, ret_key);
    if (capsa_code_of(result) != CAPSA_E_TOO_LARGE) {
        return result;
    }
    capsa_log_event(asked->call->manager->options.log, CAPSA_LOG_WARN, "work",
                    CAPSA_LOG_INT("id", asked->call->rpc->id), CAPSA_LOG_CODE("why", result));
    asked->steps_left = 0;
    return decide(asked, wanted, NULL, NULL, false);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* What a request may not be, told before anything is looked up: later, too much is a denial. */
static capsa_result check_resource(const Cm__ResourceRequest *request, size_t index)
{
    const Cm__ResourceRequest__Resource *wanted = request->resources[index];
    CAPSA_TRY(capsa_km_name_check("resource_uri", wanted->resource_uri));
    CAPSA_REQUIRE(wanted->n_columns <= CAPSA_LIMIT_columns, TOO_LARGE, "columns: over %d",
                  CAPSA_LIMIT_columns);
    for (size_t i = 0; i < index; i++) {
        CAPSA_REQUIRE(!capsa_streq(wanted->resource_uri, request->resources[i]->resource_uri),
                      MALFORMED, "\"%s\" stands there twice", wanted->resource_uri);
    }
    return CAPSA_OK;
}

static capsa_result check_request(const Cm__ResourceRequest *request)
{
    CAPSA_TRY(capsa_km_scope_check(request->scope));
    CAPSA_REQUIRE(strlen(request->op_name) <= CAPSA_LIMIT_id_bytes, TOO_LARGE,
                  "op_name: over %d bytes", CAPSA_LIMIT_id_bytes);
    CAPSA_REQUIRE(request->n_resources > 0, MALFORMED, "resources: must not be empty");
    CAPSA_REQUIRE(request->n_resources <= CAPSA_LIMIT_resources, TOO_LARGE, "resources: over %d",
                  CAPSA_LIMIT_resources);
    for (size_t i = 0; i < request->n_resources; i++) {
        CAPSA_TRY_AT(check_resource(request, i), "resources[%zu]", i);
    }
    return CAPSA_OK;
}

/* Evidence that is refused is told to an owner of the first of the data asked for: there is one
 * entry for a refusal. */
static capsa_result note_evidence(km_asked *asked)
{
    const Cm__ResourceRequest__Resource *wanted = asked->request->resources[0];
    CAPSA_AUTO(capsa_buf) uuid_buf = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    CAPSA_AUTO_RECORD(Rec__Resource) resource = NULL;
    CAPSA_AUTO(capsa_km_set) owners = {NULL, 0};
    const char *uuid;
    CAPSA_TRY(capsa_km_uri_parse(wanted->resource_uri, &uuid_buf));
    CAPSA_TRY(capsa_buf_cstr(&uuid_buf, &uuid));
    CAPSA_TRY(capsa_km_resource_find(asked->call->txn, uuid, &resource));
    if (resource != NULL) {
        CAPSA_TRY(capsa_km_owners_find(asked->call->txn, uuid, resource, &owners));
    }
    const char *owner = owners.count == 0 ? NULL : owners.items[0];
    asked->call->about = wanted->resource_uri;
    CAPSA_TRY(capsa_km_notes_resource(asked->call->notes, owner, wanted->resource_uri,
                                      wanted->columns, wanted->n_columns));
    return note_request(asked, owner);
}

static capsa_result check_evidence(km_asked *asked, const Cm__UnifiedAttestationReport *report,
                                   const char *cert)
{
    const struct capsa_km_bound bound = {cert, &asked->request->base};
    capsa_result judged = capsa_km_evidence_judge(asked->call, report, &bound, &asked->evidence);
    if (!capsa_failed(judged)) {
        return CAPSA_OK;
    }
    struct capsa_error why;
    capsa_error_keep(judged, &why);
    CAPSA_TRY(note_evidence(asked));
    return capsa_error_again(&why);
}

void capsa_km_released_drop(capsa_km_released *released)
{
    for (size_t i = 0; released->keys != NULL && i < released->count; i++) {
        if (released->keys[i] != NULL) {
            capsa_message_free(&released->keys[i]->base);
        }
    }
    capsa_dealloc(released->keys);
    capsa_dealloc(released->given);
    capsa_dealloc(released->data_keys);
    capsa_dealloc(released->cert);
    *released = (capsa_km_released){.count = 0};
}

static capsa_result released_room(size_t count, capsa_km_released *released)
{
    released->count = count;
    released->keys = capsa_alloc_array(count, sizeof(Rec__Key *));
    released->given = capsa_alloc_array(count, sizeof(*released->given));
    released->data_keys = capsa_alloc_array(count, sizeof(Cm__DataKey *));
    CAPSA_REQUIRE_MEMORY(released->keys);
    CAPSA_REQUIRE_MEMORY(released->given);
    CAPSA_REQUIRE_MEMORY(released->data_keys);
    return CAPSA_OK;
}

static capsa_result release_all(km_asked *asked, capsa_km_released *released)
{
    for (size_t i = 0; i < released->count; i++) {
        const Cm__ResourceRequest__Resource *wanted = asked->request->resources[i];
        CAPSA_TRY(release_one(asked, wanted, &released->keys[i]));
        cm__data_key__init(&released->given[i]);
        released->given[i].resource_uri = wanted->resource_uri;
        released->given[i].data_key_b64 = released->keys[i]->data_key_b64;
        released->data_keys[i] = &released->given[i];
    }
    for (size_t i = 0; i < asked->call->notes->count; i++) {
        CAPSA_TRY(note_request(asked, asked->call->notes->items[i].owner));
    }
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_km_envelope_cert(asked->call->manager->envelope, &pem));
    return capsa_buf_take_str(&pem, &released->cert);
}

CAPSA_RESULT capsa_km_release(struct capsa_km_call *call,
                              const Cm__UnifiedAttestationReport *report, const char *cert,
                              const Cm__ResourceRequest *request, capsa_km_released *released)
{
    CAPSA_REQUIRE(request != NULL, MALFORMED, "resource_request: missing");
    CAPSA_TRY(check_cert(call, cert));
    CAPSA_TRY(capsa_km_name_check("initiator_party_id", request->initiator_party_id));
    CAPSA_TRY(check_request(request));
    CAPSA_AUTO(km_asked) asked = {.call = call, .request = request};
    asked.steps_left = CAPSA_LIMIT_policy_steps;
    asked.policy_uuid = capsa_buf_of(CAPSA_LIMIT_id_bytes);
    CAPSA_TRY(check_evidence(&asked, report, cert));
    CAPSA_TRY(check_initiator(&asked));
    CAPSA_TRY(env_make(&asked));
    CAPSA_TRY(released_room(request->n_resources, released));
    return release_all(&asked, released);
}

CAPSA_RESULT capsa_km_get_data_keys(struct capsa_km_call *call)
{
    const Cm__GetDataKeysRequest *message = (const Cm__GetDataKeysRequest *)call->request;
    CAPSA_AUTO(capsa_km_released) released = {.count = 0};
    CAPSA_TRY(capsa_km_release(call, message->attestation_report, message->cert,
                               message->resource_request, &released));
    Cm__GetDataKeysResponse response = CM__GET_DATA_KEYS_RESPONSE__INIT;
    response.data_keys = released.data_keys;
    response.n_data_keys = released.count;
    response.cert = released.cert;
    return capsa_protojson_write(&response.base, CAPSA_PROTOJSON_ALL, call->answer);
}
