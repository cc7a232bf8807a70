/* SPDX-License-Identifier: Apache-2.0
 *
 * What the key manager does not tell: to who is refused, whether there is such a resource; to one
 * owner, what was asked of another's data; and how little work anybody can have it do about its
 * log.
 */
#include "keymanager_native.h"

/* ---- absent or refused ----------------------------------------------------------------------- */

static void the_leaf_of_a_refusal_does_not_tell_whether_there_was_an_owner(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    static const char *const uris[] = {"a", "z"};
    static const uint8_t zeros[CAPSA_AUDIT_ID];
    for (size_t i = 0; i < 2; i++) {
        struct native_answer answer;
        const struct native_request get = {.method = "GetDataKeys",
                                           .signer = &mallory,
                                           .json = get_json(&mallory, "join", uris[i], "x")};
        assert_int_equal(native_call(&scene.house, &scene.announced, &get, &answer), 7);
        assert_true(answer.has_leaf);
        assert_memory_not_equal(answer.leaf.owner, zeros, sizeof(zeros));
        native_answer_free(&answer);
    }
    scene_close(&scene);
}

/* The terms of a vote on `uri`, as GetVoteTerms has them. */
static void terms_ask(const struct scene *scene, const char *uri, char ret_resource[65],
                      char ret_requester[65])
{
    struct native_answer answer;
    const struct native_request request = {
        .method = "GetVoteTerms",
        .signer = &mallory,
        .json = text("{\"party_id\":\"%s\",\"resource_uri\":\"%s\"}", mallory.id, uri)};
    assert_int_equal(native_call(&scene->house, &scene->announced, &request, &answer), 0);
    (void)snprintf(ret_resource, 65, "%s",
                   capsa_json_string(capsa_json_get(answer.body, "resource")));
    (void)snprintf(ret_requester, 65, "%s",
                   capsa_json_string(capsa_json_get(answer.body, "requester")));
    native_answer_free(&answer);
}

enum terms { NO_TERMS, WRONG_RESOURCE, EXPIRED_TERMS, GOOD_TERMS, TERMS };

static const char *terms_of(const struct scene *scene, const char *uri, enum terms kind)
{
    char resource[65], requester[65], expires[CAPSA_TIME_TEXT];
    terms_ask(scene, uri, resource, requester);
    resource[0] ^= kind == WRONG_RESOURCE ? 1 : 0;
    resource[0] = (char)(strchr("0123456789abcdef", resource[0]) == NULL ? 'e' : resource[0]);
    capsa_time_text(kind == EXPIRED_TERMS ? NOW - 1 : NOW + 3600, expires);
    return kind == NO_TERMS
               ? ""
               : text(", \"capsa\": {\"manager\": \"%s\", \"resource\": \"%s\", \"requester\": "
                      "\"%s\", \"expires\": \"%s\", \"nonce\": "
                      "\"00112233445566778899aabbccddeeff\"}",
                      scene->announced.id, resource, requester, expires);
}

/* A request for `uri` with a vote result in which only Mallory votes. */
static void export_json(const char *uri, const char *terms, capsa_buf *ret_json)
{
    const struct party *links[] = {&mallory};
    struct capsa_json *asked =
        statement(&mallory, links, 1,
                  text("{\"type\": \"TEE_DOWNLOAD\", \"approved_threshold\": "
                       "1, \"approved_action\": \"tee/download,%s\"%s}",
                       uri, terms),
                  "", "vote_request_signature");
    CAPSA_AUTO_FREE(capsa_json) votes = capsa_json_new_object();
    assert_ok(capsa_json_set(votes, "vote_request", asked));
    assert_ok(capsa_json_set(votes, "vote_invite", capsa_json_new_array()));
    CAPSA_AUTO(capsa_buf) votes_json = capsa_buf_of(KIB(64));
    const char *votes_text;
    assert_ok(capsa_json_write(votes, CAPSA_JSON_COMPACT, &votes_json));
    assert_ok(capsa_buf_cstr(&votes_json, &votes_text));
    CAPSA_AUTO_FREE(capsa_json) request = capsa_json_new_object();
    assert_ok(capsa_json_set(request, "request_party_id", capsa_json_new_string(mallory.id)));
    assert_ok(capsa_json_set(request, "resource_uri", capsa_json_new_string(uri)));
    assert_ok(
        capsa_json_set(request, "data_export_certificate", capsa_json_new_string(votes_text)));
    assert_ok(capsa_json_write(request, CAPSA_JSON_COMPACT, ret_json));
}

static int export_try(const struct scene *scene, bool natively, const char *uri, const char *terms,
                      char ret_text[CAPSA_ERROR_TEXT])
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(256));
    const char *json_text;
    export_json(uri, terms, &json);
    assert_ok(capsa_buf_cstr(&json, &json_text));
    int code;
    if (natively) {
        struct native_answer answer;
        const struct native_request request = {
            .method = "GetExportDataKey", .signer = &mallory, .json = json_text};
        code = native_call(&scene->house, &scene->announced, &request, &answer);
        (void)snprintf(ret_text, CAPSA_ERROR_TEXT, "%s", answer.text);
        native_answer_free(&answer);
    } else {
        code = call(&scene->house, "GetExportDataKey", &mallory, json_text);
        const char *end = strstr(status_text, " (decision ");
        (void)snprintf(ret_text, CAPSA_ERROR_TEXT, "%.*s",
                       (int)(end == NULL ? strlen(status_text) : (size_t)(end - status_text)),
                       status_text);
    }
    for (char *name = strstr(ret_text, text("\"%s\"", uri)); name != NULL;
         name = strstr(ret_text, text("\"%s\"", uri))) {
        name[1] = '?';
    }
    return code;
}

static void an_export_is_refused_alike_whether_or_not_there_is_something(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    for (int natively = 0; natively < 2; natively++) {
        for (enum terms kind = NO_TERMS; kind < TERMS; kind++) {
            char there[CAPSA_ERROR_TEXT], absent[CAPSA_ERROR_TEXT];
            int code = export_try(&scene, natively, "a", terms_of(&scene, "a", kind), there);
            assert_int_not_equal(code, 0);
            assert_int_equal(export_try(&scene, natively, "z", terms_of(&scene, "z", kind), absent),
                             code);
            assert_string_equal(there, absent);
        }
    }
    scene_close(&scene);
}

/* ---- owners ---------------------------------------------------------------------------------- */

static size_t count_denials(const struct scene *scene, const char *owner)
{
    struct capsa_audit_log *log = capsa_ledger_log(scene->house.ledger);
    struct capsa_audit_head head;
    size_t count = 0;
    capsa_audit_log_head(log, &head);
    for (uint64_t i = 0; i < head.size; i++) {
        CAPSA_AUTO(capsa_audit_kept) kept = {.index = 0};
        struct capsa_audit_leaf leaf;
        assert_ok(capsa_audit_log_read(log, i, &kept));
        assert_ok(capsa_audit_leaf_parse(capsa_buf_bytes(&kept.leaf), &leaf));
        count +=
            leaf.type == CAPSA_AUDIT_DENIAL && capsa_bytes_is(capsa_buf_bytes(&kept.owner), owner);
    }
    return count;
}

/* Alice's policy granted, Bob's too, but Bob has no such key: that is for Bob to know. */
static void a_key_that_is_missing_is_told_to_its_owner_and_not_to_another(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    assert_int_equal(get_keys(&scene.house, &carol, "join",
                              "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]},{\"resource_uri\":"
                              "\"b/secret\",\"columns\":[\"y\"]}]",
                              NULL),
                     5);
    assert_int_equal(count_denials(&scene, alice.id), 0);
    assert_int_equal(count_denials(&scene, bob.id), 1);
    scene_close(&scene);
}

/* ---- work for anybody ------------------------------------------------------------------------ */

#define LARGE   24
#define DETAILS (MIB(1) - KIB(64))

/* Entries that are as large as they can be. */
static void fill_log(const struct scene *scene)
{
    CAPSA_AUTO(capsa_buf) details = capsa_buf_of(DETAILS);
    assert_ok(capsa_buf_str(&details, "{\"x\":\""));
    while (details.len < DETAILS - 2) {
        assert_ok(capsa_buf_u8(&details, 'x'));
    }
    assert_ok(capsa_buf_str(&details, "\"}"));
    const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_KEY_CREATE,
                                            .time = NOW,
                                            .owner = alice.id,
                                            .details = capsa_buf_bytes(&details)};
    for (size_t i = 0; i < LARGE; i++) {
        CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
        assert_ok(capsa_batch_new(&batch));
        assert_ok(capsa_audit_add(batch, &entry, NULL));
        assert_ok(capsa_writer_commit(capsa_ledger_writer(scene->house.ledger), batch));
    }
}

static size_t ask_leaves(const struct scene *scene, int64_t start)
{
    Native__AuditLogRequest request = NATIVE__AUDIT_LOG_REQUEST__INIT;
    request.start = start;
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) reply = capsa_buf_of(MIB(4));
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_write(&request.base, &bytes));
    ask_method(method_of(&scene->house, CAPSA_KEYMANAGER_NATIVE_SERVICE, "GetAuditLog"),
               capsa_buf_bytes(&bytes), &reply);
    assert_ok(capsa_protobuf_parse(&native__audit_log_response__descriptor, capsa_buf_bytes(&reply),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Native__AuditLogResponse *response = (const Native__AuditLogResponse *)message;
    assert_int_equal(response->status->code, 0);
    return response->n_leaves;
}

static void one_call_reads_no_more_of_the_log_than_its_share(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    fill_log(&scene);
    struct capsa_audit_head head;
    capsa_audit_log_head(capsa_ledger_log(scene.house.ledger), &head);
    uint64_t start = 0;
    size_t pages = 0;
    while (start < head.size) {
        size_t leaves = ask_leaves(&scene, (int64_t)start);
        assert_in_range(leaves, 1, 16);
        start += leaves;
        pages++;
    }
    assert_int_equal(start, head.size);
    assert_true(pages > 1);
    scene_close(&scene);
}

/* Bob has no entries here; looking through Alice's is work all the same. */
static void looking_through_others_entries_is_work_too(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    fill_log(&scene);
    struct capsa_audit_head head;
    capsa_audit_log_head(capsa_ledger_log(scene.house.ledger), &head);
    uint64_t before = head.size;
    size_t pages = 0;
    while (before > 0) {
        struct native_answer answer;
        const struct native_request request = {.method = "ListAudit",
                                               .signer = &bob,
                                               .json =
                                                   text("{\"party_id\":\"%s\",\"before\":\"%llu\"}",
                                                        bob.id, (unsigned long long)before)};
        assert_int_equal(native_call(&scene.house, &scene.announced, &request, &answer), 0);
        assert_int_equal(capsa_json_count(capsa_json_get(answer.body, "entries")), 0);
        uint64_t next = strtoull(capsa_json_string(capsa_json_get(answer.body, "next")), NULL, 10);
        assert_in_range(before - next, 1, 16);
        before = next;
        pages++;
        native_answer_free(&answer);
    }
    assert_true(pages > 1);
    scene_close(&scene);
}

/* Anybody can be refused. How much of the log that takes is bounded by its bytes, too. */
static void large_refusals_are_fewer(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    CAPSA_AUTO(capsa_buf) column = capsa_buf_of(KIB(64));
    const char *column_text;
    while (column.len < KIB(60)) {
        assert_ok(capsa_buf_u8(&column, 'x'));
    }
    assert_ok(capsa_buf_cstr(&column, &column_text));
    int code = 7;
    int asked = 0;
    for (; code == 7 && asked < 300; asked++) {
        CAPSA_AUTO(capsa_buf) resources = capsa_buf_of(KIB(128));
        const char *json;
        assert_ok(capsa_buf_format(&resources, "[{\"resource_uri\":\"z%d\",\"columns\":[\"%s\"]}]",
                                   asked, column_text));
        assert_ok(capsa_buf_cstr(&resources, &json));
        code = get_keys(&scene.house, &mallory, "join", json, NULL);
    }
    assert_int_equal(code, 14);
    assert_in_range(asked, 50, 200);
    test_clock.fixed += 60;
    assert_int_equal(get_keys(&scene.house, &mallory, "join", BOTH, NULL), 7);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_leaf_of_a_refusal_does_not_tell_whether_there_was_an_owner),
        cmocka_unit_test(an_export_is_refused_alike_whether_or_not_there_is_something),
        cmocka_unit_test(a_key_that_is_missing_is_told_to_its_owner_and_not_to_another),
        cmocka_unit_test(one_call_reads_no_more_of_the_log_than_its_share),
        cmocka_unit_test(looking_through_others_entries_is_work_too),
        cmocka_unit_test(large_refusals_are_fewer),
    };
    return cmocka_run_group_tests(tests, parties_make, parties_free);
}
