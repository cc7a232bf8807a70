/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies as their authors handle them: create, list, extend, delete. A policy stands under
 * (author, scope, data_uuid), so nobody's writing reaches what is another's; it binds when its
 * author owns the data. What a policy means is decided in policy/.
 */
#include "keymanager/keymanager_call.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "codec/text.h"
#include "policy/policy.h"

/* The data is the signer's, or nobody's yet. */
static capsa_result may_rule(struct capsa_km_call *call, const char *uuid)
{
    CAPSA_AUTO_RECORD(Rec__Resource) resource = NULL;
    CAPSA_TRY(capsa_km_resource_find(call->txn, uuid, &resource));
    if (resource == NULL) {
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(!resource->is_result, DENIED,
                  "\"%s\" is a result; the policies of its originals govern it", uuid);
    CAPSA_REQUIRE(capsa_streq(resource->owner_party_id, call->signer.party), DENIED,
                  "\"%s\" belongs to another party", uuid);
    return CAPSA_OK;
}

/* Who signs a change may say which version of the policy he means to change. */
static capsa_result version_check(struct capsa_km_call *call, const char *scope, const char *uuid)
{
    if (!call->has_version) {
        return CAPSA_OK;
    }
    uint64_t version = 0;
    CAPSA_TRY(capsa_km_policy_version(call->txn, call->signer.party, scope, uuid, &version));
    CAPSA_REQUIRE(version == (uint64_t)call->version, CONFLICT,
                  "the policy of \"%s\" is at version %llu, not at %lld", uuid,
                  (unsigned long long)version, (long long)call->version);
    return CAPSA_OK;
}

static capsa_result note_change(struct capsa_km_call *call, const char *scope, const char *uuid)
{
    CAPSA_TRY(capsa_km_notes_text(call->notes, call->signer.party, "data_uuid", uuid));
    return capsa_km_notes_text(call->notes, call->signer.party, "scope", scope);
}

static capsa_result check_names(struct capsa_km_call *call, const char *owner, const char *scope,
                                const char *uuid)
{
    CAPSA_TRY(capsa_km_party_check(call, "owner_party_id", owner));
    CAPSA_TRY(capsa_km_scope_check(scope));
    CAPSA_TRY(capsa_km_name_check("data_uuid", uuid));
    call->about = uuid;
    CAPSA_TRY(may_rule(call, uuid));
    CAPSA_TRY(version_check(call, scope, uuid));
    return note_change(call, scope, uuid);
}

/* A rule needs an id to be deleted by; one that came without gets one of its own. */
#define FRESH_ID_BYTES 12
typedef struct {
    char **texts; /* what was made here */
    size_t count;
} fresh_ids;

static void fresh_ids_drop(fresh_ids *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        capsa_dealloc(ids->texts[i]);
    }
    capsa_dealloc(ids->texts);
}

static capsa_result fresh_id_make(char **ret_id)
{
    uint8_t random[FRESH_ID_BYTES];
    CAPSA_TRY(capsa_random(random, sizeof(random)));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(64);
    CAPSA_TRY(capsa_buf_str(&text, "rule-"));
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(random, sizeof(random)), &text));
    return capsa_buf_take_str(&text, ret_id);
}

/* Point the empty ids of `rules` at fresh ones, which live in `ids`. */
static capsa_result fresh_ids_fill(Cm__Rule **rules, size_t count, fresh_ids *ids)
{
    ids->texts = capsa_alloc_array(count, sizeof(char *));
    CAPSA_REQUIRE_MEMORY(ids->texts);
    for (size_t i = 0; i < count; i++) {
        if (*rules[i]->rule_id == '\0') {
            CAPSA_TRY(fresh_id_make(&ids->texts[ids->count]));
            rules[i]->rule_id = ids->texts[ids->count++];
        }
    }
    return CAPSA_OK;
}

static capsa_result rule_id_check(const char *id)
{
    return *id == '\0' ? CAPSA_OK : capsa_km_name_check("rule_id", id);
}

static capsa_result ids_check(const Cm__Policy *policy)
{
    for (size_t i = 0; i < policy->n_rules; i++) {
        CAPSA_TRY(rule_id_check(policy->rules[i]->rule_id));
        for (size_t k = 0; k < i; k++) {
            CAPSA_REQUIRE(*policy->rules[i]->rule_id == '\0' ||
                              !capsa_streq(policy->rules[i]->rule_id, policy->rules[k]->rule_id),
                          MALFORMED, "rule_id \"%s\" stands there twice",
                          policy->rules[i]->rule_id);
        }
    }
    return CAPSA_OK;
}

/* A policy that grew rule by rule is within the limits of one that came at once, and can be read.
 */
static capsa_result check_whole(const Cm__Policy *policy)
{
    CAPSA_TRY_AT(capsa_policy_check(policy), "policy");
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(CAPSA_LIMIT_policy_bytes);
    CAPSA_AUTO_MESSAGE again = NULL;
    CAPSA_TRY_AT(capsa_protobuf_write(&policy->base, &wire), "policy");
    CAPSA_TRY_AT(capsa_protobuf_parse(&cm__policy__descriptor, capsa_buf_bytes(&wire),
                                      CAPSA_UNKNOWN_REFUSED, &again),
                 "policy");
    return CAPSA_OK;
}

/* Store `policy` with `rules` in the place of its own. */
static capsa_result put_rules(struct capsa_km_call *call, const char *scope, const char *uuid,
                              const Cm__Policy *policy, Cm__Rule *const *rules, size_t count)
{
    /* Copies of the rules' heads, so that filling in ids leaves the request as it is. */
    Cm__Rule *heads = capsa_alloc_array(count, sizeof(*heads));
    Cm__Rule **pointers = capsa_alloc_array(count, sizeof(*pointers));
    CAPSA_AUTO(fresh_ids) ids = {NULL, 0};
    capsa_result result = heads == NULL || pointers == NULL
                              ? capsa_error_make(CAPSA_E_NOMEM, __FILE__, __LINE__, "out of memory")
                              : CAPSA_OK;
    if (!capsa_failed(result)) {
        for (size_t i = 0; i < count; i++) {
            heads[i] = *rules[i];
            pointers[i] = &heads[i];
        }
        result = fresh_ids_fill(pointers, count, &ids);
    }
    if (!capsa_failed(result)) {
        Cm__Policy stored = *policy;
        stored.rules = pointers;
        stored.n_rules = count;
        result = check_whole(&stored);
        if (!capsa_failed(result)) {
            result = capsa_km_policy_put(call->txn, call->signer.party, scope, uuid, &stored);
        }
    }
    capsa_dealloc(heads);
    capsa_dealloc(pointers);
    return result;
}

CAPSA_RESULT capsa_km_create_data_policy(struct capsa_km_call *call)
{
    const Cm__CreateDataPolicyRequest *request = (const Cm__CreateDataPolicyRequest *)call->request;
    const Cm__Policy *policy = request->policy;
    CAPSA_REQUIRE(policy != NULL, MALFORMED, "policy: missing");
    CAPSA_REQUIRE(policy->version == 0, UNKNOWN_FIELD,
                  "policy.version: not in a request; the signature's header has a place for it");
    CAPSA_TRY(check_names(call, request->owner_party_id, request->scope, policy->data_uuid));
    CAPSA_TRY_AT(ids_check(policy), "policy");
    return put_rules(call, request->scope, policy->data_uuid, policy, policy->rules,
                     policy->n_rules);
}

CAPSA_RESULT capsa_km_add_data_rule(struct capsa_km_call *call)
{
    const Cm__AddDataRuleRequest *request = (const Cm__AddDataRuleRequest *)call->request;
    CAPSA_REQUIRE(request->rule != NULL, MALFORMED, "rule: missing");
    CAPSA_TRY(check_names(call, request->owner_party_id, request->scope, request->data_uuid));
    CAPSA_TRY_AT(capsa_rule_check(request->rule, 1), "rule");
    CAPSA_TRY(rule_id_check(request->rule->rule_id));

    CAPSA_AUTO_RECORD(Cm__Policy) found = NULL;
    CAPSA_TRY(capsa_km_policy_find(call->txn, call->signer.party, request->scope,
                                   request->data_uuid, &found));
    Cm__Policy fresh = CM__POLICY__INIT;
    fresh.data_uuid = request->data_uuid;
    const Cm__Policy *policy = found == NULL ? &fresh : found;
    CAPSA_REQUIRE(policy->n_rules < CAPSA_LIMIT_rules, TOO_LARGE, "the policy has %d rules already",
                  CAPSA_LIMIT_rules);
    Cm__Rule **rules = capsa_alloc_array(policy->n_rules + 1, sizeof(*rules));
    CAPSA_REQUIRE_MEMORY(rules);
    capsa_result result = CAPSA_OK;
    for (size_t i = 0; i < policy->n_rules; i++) {
        rules[i] = policy->rules[i];
        if (capsa_streq(rules[i]->rule_id, request->rule->rule_id)) {
            result = capsa_error_make(CAPSA_E_EXISTS, __FILE__, __LINE__,
                                      "rule \"%s\" is there already; delete it first",
                                      request->rule->rule_id);
        }
    }
    rules[policy->n_rules] = request->rule;
    if (!capsa_failed(result)) {
        result =
            put_rules(call, request->scope, request->data_uuid, policy, rules, policy->n_rules + 1);
    }
    capsa_dealloc(rules);
    return result;
}

CAPSA_RESULT capsa_km_delete_data_rule(struct capsa_km_call *call)
{
    const Cm__DeleteDataRuleRequest *request = (const Cm__DeleteDataRuleRequest *)call->request;
    CAPSA_TRY(check_names(call, request->owner_party_id, request->scope, request->data_uuid));
    CAPSA_TRY(capsa_km_name_check("rule_id", request->rule_id));
    CAPSA_AUTO_RECORD(Cm__Policy) policy = NULL;
    CAPSA_TRY(capsa_km_policy_find(call->txn, call->signer.party, request->scope,
                                   request->data_uuid, &policy));
    if (policy == NULL) {
        return CAPSA_OK;
    }
    Cm__Rule **rules = capsa_alloc_array(policy->n_rules, sizeof(*rules));
    CAPSA_REQUIRE_MEMORY(rules);
    size_t kept = 0;
    for (size_t i = 0; i < policy->n_rules; i++) {
        if (!capsa_streq(policy->rules[i]->rule_id, request->rule_id)) {
            rules[kept++] = policy->rules[i];
        }
    }
    capsa_result result = CAPSA_OK;
    if (kept < policy->n_rules) {
        result = put_rules(call, request->scope, request->data_uuid, policy, rules, kept);
    }
    capsa_dealloc(rules);
    return result;
}

CAPSA_RESULT capsa_km_delete_data_policy(struct capsa_km_call *call)
{
    const Cm__DeleteDataPolicyRequest *request = (const Cm__DeleteDataPolicyRequest *)call->request;
    CAPSA_TRY(check_names(call, request->owner_party_id, request->scope, request->data_uuid));
    return capsa_km_policy_remove(call->txn, call->signer.party, request->scope,
                                  request->data_uuid);
}

/* ---- listing --------------------------------------------------------------------------------- */

/* The answer is written one policy at a time: {"policies":[ ... ]}. Native clients are told
 * versions. */
static capsa_result list_one(void *context, const Cm__Policy *policy, uint64_t version)
{
    const struct capsa_km_call *call = context;
    if (call->answer->data[call->answer->len - 1] != '[') {
        CAPSA_TRY(capsa_buf_u8(call->answer, ','));
    }
    Cm__Policy listed = *policy;
    listed.version = call->native ? (int64_t)version : 0;
    return capsa_protojson_write(&listed.base, CAPSA_PROTOJSON_ALL, call->answer);
}

CAPSA_RESULT capsa_km_list_data_policy(struct capsa_km_call *call)
{
    const Cm__ListDataPolicyRequest *request = (const Cm__ListDataPolicyRequest *)call->request;
    CAPSA_TRY(capsa_km_party_check(call, "owner_party_id", request->owner_party_id));
    CAPSA_TRY(capsa_km_scope_check(request->scope));
    CAPSA_TRY(capsa_buf_str(call->answer, "{\"policies\":["));
    CAPSA_TRY(capsa_km_policy_each(call->txn, call->signer.party, request->scope, list_one, call));
    return capsa_buf_str(call->answer, "]}");
}
