/* SPDX-License-Identifier: Apache-2.0
 *
 * What calls leave in the audit log, who is shown it, and what it says: releases, changes, refusals
 * and their explanations, and votes that are bound to all that they should be.
 */
#include "keymanager_native.h"

#define A "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]"

/* ---- an owner's list ------------------------------------------------------------------------- */

/* The answer of ListAudit; every entry is checked against its leaf and the checkpoint. */
static struct capsa_json *list(const struct scene *scene, const struct party *owner,
                               const char *more)
{
    struct native_answer answer;
    const struct native_request request = {.method = "ListAudit",
                                           .signer = owner,
                                           .json =
                                               text("{\"party_id\":\"%s\"%s}", owner->id, more)};
    assert_int_equal(native_call(&scene->house, &scene->announced, &request, &answer), 0);
    assert_false(answer.has_leaf); /* reading leaves no entry */
    return answer.body;
}

static capsa_bytes decode(const struct capsa_json *value, capsa_buf *bytes)
{
    *bytes = capsa_buf_of(MIB(1));
    assert_ok(
        capsa_base64_parse(capsa_bytes_str(capsa_json_string(value)), CAPSA_BASE64_STD, bytes));
    return capsa_buf_bytes(bytes);
}

/* The details of an entry, once leaf, salt, owner and proof hold. */
static struct capsa_json *open_entry(const struct scene *scene, const struct party *owner,
                                     const struct capsa_json *entry, const char *note,
                                     struct capsa_audit_leaf *ret_leaf)
{
    CAPSA_AUTO(capsa_buf) leaf_bytes = {0};
    CAPSA_AUTO(capsa_buf) salt = {0};
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
    const char *details = capsa_json_string(capsa_json_get(entry, "details"));
    capsa_bytes leaf = decode(capsa_json_get(entry, "leaf"), &leaf_bytes);
    assert_ok(capsa_audit_leaf_parse(leaf, ret_leaf));
    assert_int_equal(decode(capsa_json_get(entry, "salt"), &salt).len, CAPSA_AUDIT_SALT);
    assert_ok(capsa_audit_leaf_check(ret_leaf, owner->id, salt.data, capsa_bytes_str(details)));
    const struct capsa_json *proof = capsa_json_get(entry, "proof");
    const struct capsa_json *list_of = capsa_json_get(proof, "hashes");
    for (size_t i = 0; i < capsa_json_count(list_of); i++) {
        CAPSA_AUTO(capsa_buf) hash = {0};
        assert_ok(capsa_buf_append(&hashes, decode(capsa_json_at(list_of, i), &hash)));
    }
    struct capsa_checkpoint checkpoint;
    uint8_t leaf_hash[CAPSA_TREE_HASH];
    assert_ok(capsa_checkpoint_open(capsa_bytes_str(note), scene->announced.id,
                                    scene->announced.genesis->audit_key.data, &checkpoint));
    capsa_tree_leaf_hash(leaf, leaf_hash);
    assert_ok(capsa_tree_inclusion_check(
        leaf_hash, strtoull(capsa_json_string(capsa_json_get(proof, "index")), NULL, 10),
        checkpoint.size, capsa_buf_bytes(&hashes), checkpoint.root));
    struct capsa_json *parsed;
    assert_ok(capsa_json_parse(capsa_bytes_str(details), &parsed));
    return parsed;
}

/* The owner's newest entry. */
static struct capsa_json *newest(const struct scene *scene, const struct party *owner,
                                 struct capsa_audit_leaf *ret_leaf)
{
    CAPSA_AUTO_FREE(capsa_json) answer = list(scene, owner, ",\"limit\":1");
    const char *note = capsa_json_string(capsa_json_get(answer, "checkpoint"));
    return open_entry(scene, owner, capsa_json_at(capsa_json_get(answer, "entries"), 0), note,
                      ret_leaf);
}

static size_t count_entries(const struct scene *scene, const struct party *owner)
{
    CAPSA_AUTO_FREE(capsa_json) answer = list(scene, owner, "");
    return capsa_json_count(capsa_json_get(answer, "entries"));
}

/* An int64 is text in protobuf's JSON. */
static int64_t number(const struct capsa_json *value)
{
    const char *digits = capsa_json_string(value);
    assert_non_null(digits);
    return strtoll(digits, NULL, 10);
}

static void assert_text(const struct capsa_json *details, const char *name, const char *wanted)
{
    const char *got = capsa_json_string(capsa_json_get(details, name));
    assert_non_null(got);
    assert_string_equal(got, wanted);
}

static void every_change_and_release_is_an_entry_of_its_owner(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    assert_int_equal(count_entries(&scene, &alice), 2); /* key, policy */
    assert_int_equal(get_keys(&scene.house, &carol, "join", BOTH, NULL), 0);
    assert_int_equal(count_entries(&scene, &alice), 3);
    assert_int_equal(count_entries(&scene, &bob), 3);
    assert_int_equal(count_entries(&scene, &carol), 0);
    struct capsa_audit_leaf of_alice, of_bob;
    CAPSA_AUTO_FREE(capsa_json) alices = newest(&scene, &alice, &of_alice);
    CAPSA_AUTO_FREE(capsa_json) bobs = newest(&scene, &bob, &of_bob);
    assert_int_equal(of_alice.type, CAPSA_AUDIT_KEY_RELEASE);
    assert_text(alices, "method", "GetDataKeys");
    assert_text(alices, "signer", carol.id);
    assert_text(alices, "op_name", "join");
    assert_text(alices, "scope", "default");
    /* One decision, two entries, each with its owner's data alone. */
    assert_memory_equal(of_alice.decision_id, of_bob.decision_id, CAPSA_AUDIT_ID);
    assert_memory_not_equal(of_alice.commitment, of_bob.commitment, CAPSA_SHA256);
    assert_memory_not_equal(of_alice.owner, of_bob.owner, CAPSA_AUDIT_ID);
    const struct capsa_json *resources = capsa_json_get(alices, "resources");
    assert_int_equal(capsa_json_count(resources), 1);
    assert_text(capsa_json_at(resources, 0), "resource_uri", "a");
    assert_text(capsa_json_at(capsa_json_get(bobs, "resources"), 0), "resource_uri", "b");
    scene_close(&scene);
}

static void a_result_is_told_to_the_owners_of_its_originals(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    assert_int_equal(get_keys(&scene.house, &carol, "join", BOTH, NULL), 0);
    assert_int_equal(register_result(&scene.house, &carol, "r", "[\"a\",\"b\"]"), 0);
    struct capsa_audit_leaf leaf;
    CAPSA_AUTO_FREE(capsa_json) bobs = newest(&scene, &bob, &leaf);
    assert_int_equal(leaf.type, CAPSA_AUDIT_RESULT_CREATE);
    assert_text(capsa_json_at(capsa_json_get(bobs, "resources"), 0), "resource_uri", "r");
    scene_close(&scene);
}

static void nobody_lists_for_another(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    assert_int_equal(native(&scene.house, &scene.announced, "ListAudit", &bob,
                            text("{\"party_id\":\"%s\"}", alice.id)),
                     16);
    scene_close(&scene);
}

static void a_list_is_paged_to_its_beginning(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(register_key(&scene.house, i % 3 == 0 ? &bob : &alice,
                                      text("%s/%d", i % 3 == 0 ? "b" : "a", i), KEY_B64),
                         0);
    }
    size_t found = 0;
    int64_t before = 0;
    do {
        CAPSA_AUTO_FREE(capsa_json)
        page = list(&scene, &alice, text(",\"limit\":2,\"before\":%lld", (long long)before));
        found += capsa_json_count(capsa_json_get(page, "entries"));
        assert_true(capsa_json_count(capsa_json_get(page, "entries")) <= 2);
        before = number(capsa_json_get(page, "next"));
    } while (before > 0);
    assert_int_equal(found, 6);
    scene_close(&scene);
}

/* ---- refusals -------------------------------------------------------------------------------- */

/* "... (decision 32 hex digits)" */
static const char *decision_of(const char *status)
{
    const char *at = strstr(status, "(decision ");
    assert_non_null(at);
    return text("%.32s", at + strlen("(decision "));
}

static void a_refusal_is_explained_to_the_owner(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    assert_int_equal(get_keys(&scene.house, &carol, "train", A, NULL), 7);
    const char *id = decision_of(status_text);
    CAPSA_AUTO_FREE(capsa_json) answer = list(&scene, &alice, text(",\"decision_id\":\"%s\"", id));
    const struct capsa_json *entries = capsa_json_get(answer, "entries");
    assert_int_equal(capsa_json_count(entries), 1);
    struct capsa_audit_leaf leaf;
    CAPSA_AUTO_FREE(capsa_json)
    details = open_entry(&scene, &alice, capsa_json_at(entries, 0),
                         capsa_json_string(capsa_json_get(answer, "checkpoint")), &leaf);
    assert_int_equal(leaf.type, CAPSA_AUDIT_DENIAL);
    assert_text(details, "rule_id", "r1");
    assert_text(details, "clause", "operation");
    assert_text(details, "op_name", "train");
    assert_text(details, "signer", carol.id);
    assert_non_null(capsa_json_string(capsa_json_get(details, "expected")));
    assert_non_null(strstr(capsa_json_string(capsa_json_get(details, "got")), "train"));
    scene_close(&scene);
}

static void the_native_answer_to_a_refusal_is_sealed_and_proves_its_entry(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    struct native_answer answer;
    const struct native_request get = {
        .method = "GetDataKeys", .signer = &carol, .json = get_json(&carol, "train", "a", "x")};
    assert_int_equal(native_call(&scene.house, &scene.announced, &get, &answer), 7);
    assert_true(answer.has_leaf);
    assert_int_equal(answer.leaf.type, CAPSA_AUDIT_DENIAL);
    assert_null(answer.body);
    assert_int_equal(strlen(answer.decision), 32);
    assert_null(strstr(answer.text, "decision"));
    native_answer_free(&answer);
    scene_close(&scene);
}

/* With two owners, each sees of an explanation only what is his. */
static void an_owner_is_not_told_of_anothers_policy_or_data(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    assert_int_equal(
        get_keys(&scene.house, &carol, "join",
                 "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]},{\"resource_uri\":\"b\","
                 "\"columns\":[\"secret of b\"]}]",
                 NULL),
        7);
    size_t alices = count_entries(&scene, &alice);
    struct capsa_audit_leaf leaf;
    CAPSA_AUTO_FREE(capsa_json) bobs = newest(&scene, &bob, &leaf);
    assert_text(bobs, "clause", "columns");
    assert_int_equal(alices, 2);
    assert_int_equal(capsa_json_count(capsa_json_get(bobs, "resources")), 1);
    CAPSA_AUTO_FREE(capsa_json)
    asked = list(&scene, &alice, text(",\"decision_id\":\"%s\"", decision_of(status_text)));
    assert_int_equal(capsa_json_count(capsa_json_get(asked, "entries")), 0);
    scene_close(&scene);
}

static uint64_t log_size(const struct scene *scene)
{
    struct capsa_audit_head head;
    capsa_audit_log_head(capsa_ledger_log(scene->house.ledger), &head);
    return head.size;
}

static void what_is_absent_and_what_is_refused_look_the_same_and_leave_the_same(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    char texts[2][CAPSA_ERROR_TEXT];
    uint64_t grown[2];
    static const char *const resources[] = {A, "[{\"resource_uri\":\"z\",\"columns\":[\"x\"]}]"};
    for (size_t i = 0; i < 2; i++) {
        uint64_t before = log_size(&scene);
        assert_int_equal(get_keys(&scene.house, &mallory, "join", resources[i], NULL), 7);
        grown[i] = log_size(&scene) - before;
        /* But for the name that he asked for himself, and the decision. */
        (void)snprintf(texts[i], sizeof(texts[i]), "%.*s",
                       (int)(strstr(status_text, "(decision ") - status_text), status_text);
        char *name = strstr(texts[i], i == 0 ? "\"a\"" : "\"z\"");
        assert_non_null(name);
        name[1] = '?';
    }
    assert_string_equal(texts[0], texts[1]);
    assert_int_equal(grown[0], grown[1]);
    scene_close(&scene);
}

static void the_same_refusal_within_a_minute_is_spoken_for_by_the_first(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    assert_int_equal(get_keys(&scene.house, &mallory, "join", A, NULL), 7);
    const char *first = decision_of(status_text);
    uint64_t size = log_size(&scene);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(get_keys(&scene.house, &mallory, "join", A, NULL), 7);
        assert_string_equal(decision_of(status_text), first);
    }
    assert_int_equal(log_size(&scene), size);
    /* Another reason is another entry. */
    assert_int_equal(get_keys(&scene.house, &carol, "train", A, NULL), 7);
    assert_int_equal(log_size(&scene), size + 1);
    test_clock.fixed += 60;
    assert_int_equal(get_keys(&scene.house, &mallory, "join", A, NULL), 7);
    assert_string_not_equal(decision_of(status_text), first);
    struct capsa_audit_leaf leaf;
    CAPSA_AUTO_FREE(capsa_json) details = newest(&scene, &alice, &leaf);
    assert_int_equal(capsa_json_int(capsa_json_get(details, "repeated")), 20);
    scene_close(&scene);
}

static void who_varies_his_request_does_not_fill_the_log(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    uint64_t size = log_size(&scene);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(get_keys(&scene.house, &carol, text("op%d", i), A, NULL), 7);
        assert_non_null(strstr(status_text, "(decision "));
    }
    assert_true(log_size(&scene) - size <= 8);
    scene_close(&scene);
}

static void unauthentic_requests_are_no_entries(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    uint64_t size = log_size(&scene);
    CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(MIB(1));
    assert_ok(
        capsa_jws_make(alice.key, &alice.chain, capsa_bytes_str(create_json(&alice, "a")), &jws));
    jws.data[jws.len - 10] = jws.data[jws.len - 10] == 'A' ? 'B' : 'A';
    assert_int_equal(send_jws(&scene.house, "CreateDataKeys", &jws), 16);
    assert_int_equal(log_size(&scene), size);
    scene_close(&scene);
}

/* ---- votes ----------------------------------------------------------------------------------- */

struct vote_terms {
    char manager[65], resource[65], requester[65];
};

static void terms_ask(const struct scene *scene, const struct party *asker, const char *uri,
                      struct vote_terms *ret)
{
    struct native_answer answer;
    const struct native_request request = {
        .method = "GetVoteTerms",
        .signer = asker,
        .json = text("{\"party_id\":\"%s\",\"resource_uri\":\"%s\"}", asker->id, uri)};
    assert_int_equal(native_call(&scene->house, &scene->announced, &request, &answer), 0);
    (void)snprintf(ret->manager, 65, "%s",
                   capsa_json_string(capsa_json_get(answer.body, "manager")));
    (void)snprintf(ret->resource, 65, "%s",
                   capsa_json_string(capsa_json_get(answer.body, "resource")));
    (void)snprintf(ret->requester, 65, "%s",
                   capsa_json_string(capsa_json_get(answer.body, "requester")));
    assert_int_equal(strlen(capsa_json_string(capsa_json_get(answer.body, "nonce"))), 32);
    native_answer_free(&answer);
}

/* A vote result of one approval by `voter`, with these terms (NULL: none). */
static char *vote_result(const struct party *asker, const struct party *voter, const char *uri,
                         const struct vote_terms *terms, const char *expires)
{
    const char *bound =
        terms == NULL
            ? ""
            : text(", \"capsa\": {\"manager\": \"%s\", \"resource\": \"%s\", \"requester\": "
                   "\"%s\", \"expires\": \"%s\", \"nonce\": "
                   "\"00112233445566778899aabbccddeeff\"}",
                   terms->manager, terms->resource, terms->requester, expires);
    const struct party *askers[] = {asker};
    const struct party *voters[] = {voter};
    struct capsa_json *asked =
        statement(asker, askers, 1,
                  text("{\"type\": \"TEE_DOWNLOAD\", \"approved_threshold\": "
                       "1, \"approved_action\": \"tee/download,%s\"%s}",
                       uri, bound),
                  "", "vote_request_signature");
    const char *suffix = capsa_json_string(capsa_json_get(asked, "vote_request_signature"));
    struct capsa_json *invites = capsa_json_new_array();
    assert_ok(capsa_json_push(invites, statement(voter, voters, 1, "{\"action\": \"APPROVE\"}",
                                                 suffix, "voter_signature")));
    CAPSA_AUTO_FREE(capsa_json) votes = capsa_json_new_object();
    assert_ok(capsa_json_set(votes, "vote_request", asked));
    assert_ok(capsa_json_set(votes, "vote_invite", invites));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(64));
    char *string;
    assert_ok(capsa_json_write(votes, CAPSA_JSON_COMPACT, &json));
    assert_ok(capsa_buf_take_str(&json, &string));
    return string;
}

static int export_with(const struct scene *scene, bool natively, const struct party *asker,
                       const char *uri, char *votes)
{
    CAPSA_AUTO_FREE(capsa_json) request = capsa_json_new_object();
    assert_ok(capsa_json_set(request, "request_party_id", capsa_json_new_string(asker->id)));
    assert_ok(capsa_json_set(request, "resource_uri", capsa_json_new_string(uri)));
    assert_ok(capsa_json_set(request, "data_export_certificate", capsa_json_new_string(votes)));
    capsa_dealloc(votes);
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(256));
    const char *json_text;
    assert_ok(capsa_json_write(request, CAPSA_JSON_COMPACT, &json));
    assert_ok(capsa_buf_cstr(&json, &json_text));
    return natively ? native(&scene->house, &scene->announced, "GetExportDataKey", asker, json_text)
                    : call(&scene->house, "GetExportDataKey", asker, json_text);
}

static void native_votes_bind_manager_resource_key_and_end(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    struct vote_terms good;
    terms_ask(&scene, &bob, "a", &good);
    char soon[CAPSA_TIME_TEXT], past[CAPSA_TIME_TEXT], far[CAPSA_TIME_TEXT];
    capsa_time_text(NOW + 3600, soon);
    capsa_time_text(NOW, past);
    capsa_time_text(NOW + 91 * 86400, far);
    struct vote_terms wrong[3] = {good, good, good};
    wrong[0].manager[0] = wrong[0].manager[0] == '0' ? '1' : '0';
    wrong[1].resource[0] = wrong[1].resource[0] == '0' ? '1' : '0';
    wrong[2].requester[0] = wrong[2].requester[0] == '0' ? '1' : '0';
    for (int natively = 0; natively < 2; natively++) {
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(export_with(&scene, natively, &bob, "a",
                                         vote_result(&bob, &alice, "a", &wrong[i], soon)),
                             7);
        }
        assert_int_equal(
            export_with(&scene, natively, &bob, "a", vote_result(&bob, &alice, "a", &good, past)),
            16);
        assert_int_equal(
            export_with(&scene, natively, &bob, "a", vote_result(&bob, &alice, "a", &good, far)),
            7);
        assert_int_equal(
            export_with(&scene, natively, &bob, "a", vote_result(&bob, &alice, "a", &good, soon)),
            0);
    }
    /* Without terms: as the original, and not natively. */
    assert_int_equal(
        export_with(&scene, false, &bob, "a", vote_result(&bob, &alice, "a", NULL, "")), 0);
    assert_int_equal(export_with(&scene, true, &bob, "a", vote_result(&bob, &alice, "a", NULL, "")),
                     7);
    scene_close(&scene);
}

static void terms_tell_nothing_of_what_exists(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    struct vote_terms there, again, absent;
    terms_ask(&scene, &mallory, "a", &there);
    terms_ask(&scene, &mallory, "a", &again);
    terms_ask(&scene, &mallory, "z", &absent);
    assert_string_equal(there.resource, again.resource);
    assert_string_not_equal(there.resource, absent.resource);
    /* Registered anew, it has another name. */
    assert_int_equal(call(&scene.house, "DeleteDataKey", &alice,
                          text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"a\"}", alice.id)),
                     0);
    assert_int_equal(register_key(&scene.house, &alice, "a", KEY2_B64), 0);
    terms_ask(&scene, &mallory, "a", &again);
    assert_string_not_equal(there.resource, again.resource);
    scene_close(&scene);
}

/* ---- the log for anybody --------------------------------------------------------------------- */

static void ask_plain(const struct scene *scene, const char *method,
                      const ProtobufCMessage *request, const ProtobufCMessageDescriptor *shape,
                      ProtobufCMessage **ret)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) reply = capsa_buf_of(MIB(4));
    assert_ok(capsa_protobuf_write(request, &bytes));
    ask_method(method_of(&scene->house, CAPSA_KEYMANAGER_NATIVE_SERVICE, method),
               capsa_buf_bytes(&bytes), &reply);
    assert_ok(capsa_protobuf_parse(shape, capsa_buf_bytes(&reply), CAPSA_UNKNOWN_REFUSED, ret));
}

static void the_log_proves_that_it_only_grew(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(4));
    struct capsa_checkpoint first, second;
    assert_ok(capsa_audit_log_checkpoint(capsa_ledger_log(scene.house.ledger), &note));
    assert_ok(capsa_checkpoint_open(capsa_buf_bytes(&note), scene.announced.id,
                                    scene.announced.genesis->audit_key.data, &first));
    furnish(&scene.house);
    Native__ConsistencyRequest request = NATIVE__CONSISTENCY_REQUEST__INIT;
    request.first = (int64_t)first.size;
    CAPSA_AUTO_MESSAGE message = NULL;
    ask_plain(&scene, "GetConsistency", &request.base, &native__consistency_response__descriptor,
              &message);
    const Native__ConsistencyResponse *response = (const Native__ConsistencyResponse *)message;
    assert_int_equal(response->status->code, 0);
    assert_ok(capsa_checkpoint_open(capsa_bytes_str(response->checkpoint), scene.announced.id,
                                    scene.announced.genesis->audit_key.data, &second));
    assert_int_equal(second.size, first.size + 4);
    CAPSA_AUTO(capsa_buf) hashes = capsa_buf_of(KIB(4));
    for (size_t i = 0; i < response->n_hashes; i++) {
        assert_ok(capsa_buf_append(
            &hashes, capsa_bytes_of(response->hashes[i].data, response->hashes[i].len)));
    }
    assert_ok(capsa_tree_consistency_check(first.size, first.root, second.size, second.root,
                                           capsa_buf_bytes(&hashes)));
    scene_close(&scene);
}

static void ranges_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    static const int64_t ranges[][2] = {{-1, 0}, {0, -1}, {5, 3}, {1, INT64_MAX}, {INT64_MAX, 0}};
    for (size_t i = 0; i < 5; i++) {
        Native__ConsistencyRequest request = NATIVE__CONSISTENCY_REQUEST__INIT;
        request.first = ranges[i][0];
        request.second = ranges[i][1];
        CAPSA_AUTO_MESSAGE message = NULL;
        ask_plain(&scene, "GetConsistency", &request.base,
                  &native__consistency_response__descriptor, &message);
        assert_int_equal(((const Native__ConsistencyResponse *)message)->status->code, 3);
    }
    static const int64_t pages[][3] = {
        {-1, 0, 3}, {0, -1, 3}, {INT64_MAX, 1, 0}, {1, INT64_MAX, 0}};
    for (size_t i = 0; i < 4; i++) {
        Native__AuditLogRequest request = NATIVE__AUDIT_LOG_REQUEST__INIT;
        request.start = pages[i][0];
        request.limit = pages[i][1];
        CAPSA_AUTO_MESSAGE message = NULL;
        ask_plain(&scene, "GetAuditLog", &request.base, &native__audit_log_response__descriptor,
                  &message);
        assert_int_equal(((const Native__AuditLogResponse *)message)->status->code, pages[i][2]);
    }
    assert_int_equal(native(&scene.house, &scene.announced, "ListAudit", &alice,
                            text("{\"party_id\":\"%s\",\"before\":-1}", alice.id)),
                     3);
    assert_int_equal(native(&scene.house, &scene.announced, "ListAudit", &alice,
                            text("{\"party_id\":\"%s\",\"decision_id\":\"xyz\"}", alice.id)),
                     3);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_and_release_is_an_entry_of_its_owner),
        cmocka_unit_test(a_result_is_told_to_the_owners_of_its_originals),
        cmocka_unit_test(nobody_lists_for_another),
        cmocka_unit_test(a_list_is_paged_to_its_beginning),
        cmocka_unit_test(a_refusal_is_explained_to_the_owner),
        cmocka_unit_test(the_native_answer_to_a_refusal_is_sealed_and_proves_its_entry),
        cmocka_unit_test(an_owner_is_not_told_of_anothers_policy_or_data),
        cmocka_unit_test(what_is_absent_and_what_is_refused_look_the_same_and_leave_the_same),
        cmocka_unit_test(the_same_refusal_within_a_minute_is_spoken_for_by_the_first),
        cmocka_unit_test(who_varies_his_request_does_not_fill_the_log),
        cmocka_unit_test(unauthentic_requests_are_no_entries),
        cmocka_unit_test(native_votes_bind_manager_resource_key_and_end),
        cmocka_unit_test(terms_tell_nothing_of_what_exists),
        cmocka_unit_test(the_log_proves_that_it_only_grew),
        cmocka_unit_test(ranges_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, parties_make, parties_free);
}
