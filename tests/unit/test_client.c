/* SPDX-License-Identifier: Apache-2.0
 *
 * client: the native protocol against a manager that lies (fake_manager.h), each lie by itself.
 * What is remembered from run to run is in test_client_memory.c.
 */
#include "fake_manager.h"

#include "client/client_audit.h"
#include "client/client_vote.h"

/* ---- scene ----------------------------------------------------------------------------------- */

struct scene {
    struct capsa_private_key *rsa;
    capsa_party party; /* P-256: signs natively, and could not have an original answer */
    struct capsa_clock clock;
};

static int scene_open(void **state)
{
    struct scene *scene = CAPSA_NEW(struct scene);
    assert_non_null(scene);
    assert_ok(capsa_private_key_new_rsa(2048, &scene->rsa));
    fake_party(&scene->party);
    scene->clock = capsa_clock_at(FAKE_NOW);
    *state = scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    capsa_private_key_free(scene->rsa);
    capsa_party_drop(&scene->party);
    capsa_dealloc(scene);
    return 0;
}

static struct capsa_client *connect_to(const struct scene *scene, const struct fake_manager *fake)
{
    const struct capsa_client_options options = {.target = "manager:8888",
                                                 .party = &scene->party,
                                                 .transport = &fake->transport,
                                                 .clock = &scene->clock};
    struct capsa_client *client = NULL;
    assert_ok(capsa_client_new(&options, &client));
    return client;
}

static capsa_result get_keys(struct capsa_client *client, struct capsa_client_outcome *ret_outcome,
                             ProtobufCMessage **ret_answer)
{
    Cm__GetDataKeysRequest request = CM__GET_DATA_KEYS_REQUEST__INIT;
    return capsa_client_call_with(client, CAPSA_CLIENT_GET_DATA_KEYS, &request.base, NULL,
                                  ret_outcome, ret_answer);
}

/* Nothing of what was refused comes out. */
static void refuses_keys(struct capsa_client *client, enum capsa_code code, const char *said)
{
    static ProtobufCMessage untouched;
    ProtobufCMessage *answer = &untouched;
    capsa_result result = get_keys(client, NULL, &answer);
    if (capsa_code_of(result) != code || strstr(capsa_text_of(result), said) == NULL) {
        fail_msg("wanted %s, \"%s\"; got %s: %s", capsa_code_name(code), said,
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
    assert_ptr_equal(answer, &untouched);
}

/* ---- an honest manager ----------------------------------------------------------------------- */

static void an_honest_answer_comes_with_its_record(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    for (int i = 0; i < 5; i++) {
        fake_add(fake, CAPSA_AUDIT_KEY_CREATE, "OWNER", "{}");
    }
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    for (unsigned i = 0; i < 3; i++) {
        struct capsa_client_outcome outcome;
        CAPSA_AUTO_MESSAGE message = NULL;
        assert_ok(get_keys(client, &outcome, &message));
        const Cm__GetDataKeysResponse *answer =
            (const Cm__GetDataKeysResponse *)(const void *)message;
        assert_int_equal(answer->n_data_keys, 1);
        assert_string_equal(answer->data_keys[0]->data_key_b64, "a2V5");
        assert_true(outcome.has_leaf);
        assert_int_equal(outcome.index, 7 + i);
        assert_int_equal(outcome.checkpoint.size, 8 + i);
        assert_int_equal(outcome.leaf.type, CAPSA_AUDIT_KEY_RELEASE);
        assert_int_equal(strlen(outcome.decision_id), 32);
    }
    assert_int_equal(fake->ra_certs, 1);
    assert_int_equal(fake->consistencies, 2);
    assert_string_equal(fake->last_method, "GetDataKeys");
    fake_free(fake);
}

static void a_method_without_a_body_succeeds_without_one(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    Cm__DeleteDataKeyRequest request = CM__DELETE_DATA_KEY_REQUEST__INIT;
    ProtobufCMessage *answer = &request.base;
    assert_ok(capsa_client_call(client, CAPSA_CLIENT_DELETE_DATA_KEY, &request.base, &answer));
    assert_null(answer);
    fake_free(fake);
}

static void a_refusal_names_its_decision(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    fake->denies = true;
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    struct capsa_client_outcome outcome;
    ProtobufCMessage *answer = NULL;
    assert_fails(get_keys(client, &outcome, &answer), DENIED);
    assert_true(outcome.has_leaf);
    assert_int_equal(outcome.leaf.type, CAPSA_AUDIT_DENIAL);
    char id[CAPSA_AUDIT_ID_TEXT];
    capsa_audit_id_text(outcome.leaf.decision_id, id);
    assert_string_equal(outcome.decision_id, id);
    fake_free(fake);
}

static void a_version_is_asked_of_policies_only(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    Cm__DeleteDataPolicyRequest request = CM__DELETE_DATA_POLICY_REQUEST__INIT;
    const int64_t version = 3;
    ProtobufCMessage *answer;
    assert_ok(capsa_client_call_with(client, CAPSA_CLIENT_DELETE_DATA_POLICY, &request.base,
                                     &version, NULL, &answer));
    assert_int_equal(fake->last_version, 3);
    assert_ok(capsa_client_call(client, CAPSA_CLIENT_DELETE_DATA_POLICY, &request.base, &answer));
    assert_int_equal(fake->last_version, -1);
    Cm__DeleteDataKeyRequest other = CM__DELETE_DATA_KEY_REQUEST__INIT;
    assert_fails(capsa_client_call_with(client, CAPSA_CLIENT_DELETE_DATA_KEY, &other.base, &version,
                                        NULL, &answer),
                 UNSUPPORTED);
    fake_free(fake);
}

static void native_methods_are_none_of_the_originals(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    const struct capsa_client_options options = {.target = "manager:8888",
                                                 .party = &scene->party,
                                                 .original = true,
                                                 .transport = &fake->transport,
                                                 .clock = &scene->clock};
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    assert_ok(capsa_client_new(&options, &client));
    Native__VoteTermsRequest request = NATIVE__VOTE_TERMS_REQUEST__INIT;
    ProtobufCMessage *answer;
    assert_fails(capsa_client_call(client, CAPSA_CLIENT_GET_VOTE_TERMS, &request.base, &answer),
                 UNSUPPORTED);
    assert_int_equal(fake->calls, 0);
    fake_free(fake);
}

static void p256_serves_where_there_is_no_x25519(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    capsa_private_key_free(fake->native);
    assert_ok(capsa_private_key_new_p256(&fake->native));
    fake_announce(fake);
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    CAPSA_AUTO_MESSAGE answer = NULL;
    assert_ok(get_keys(client, NULL, &answer));
    fake_free(fake);
}

static void x25519_is_chosen_wherever_it_stands(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    assert_ok(capsa_private_key_new_p256(&fake->p256));
    for (int first = 0; first < 2; first++) {
        fake->p256_first = first == 1;
        fake_announce(fake);
        CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
        CAPSA_AUTO_MESSAGE answer = NULL;
        assert_ok(get_keys(client, NULL, &answer));
        assert_int_equal(fake->calls, 1 + first);
    }
    fake_free(fake);
}

static void new_keys_of_the_manager_are_fetched_once(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    CAPSA_AUTO_MESSAGE first = NULL;
    assert_ok(get_keys(client, NULL, &first));
    fake_rotate(fake);
    CAPSA_AUTO_MESSAGE second = NULL;
    assert_ok(get_keys(client, NULL, &second));
    assert_int_equal(fake->ra_certs, 2);
    assert_int_equal(fake->calls, 3);
    fake->lie = FAKE_KID_UNKNOWN_FOR_EVER;
    refuses_keys(client, CAPSA_E_UNAUTHENTIC, "kid:");
    assert_int_equal(fake->ra_certs, 3);
    assert_int_equal(fake->calls, 5);
    fake_free(fake);
}

static void a_refusal_that_was_put_in_has_nothing_done_twice(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    fake->lie = FAKE_KID_REFUSAL_PUT_IN;
    refuses_keys(client, CAPSA_E_UNAUTHENTIC, "kid:");
    assert_int_equal(fake->calls, 2);
    assert_memory_equal(fake->jti_before, fake->last_jti, CAPSA_JWS_JTI);
    refuses_keys(client, CAPSA_E_UNAUTHENTIC, "kid:");
    assert_int_equal(fake->calls, 4);
    assert_memory_equal(fake->jti_before, fake->last_jti, CAPSA_JWS_JTI);
    fake->lie = FAKE_HONEST;
    CAPSA_AUTO_MESSAGE answer = NULL;
    assert_ok(get_keys(client, NULL, &answer));
    assert_memory_not_equal(fake->jti_before, fake->last_jti, CAPSA_JWS_JTI);
    fake_free(fake);
}

static void keys_that_end_while_the_client_lives_are_fetched_anew(void **state)
{
    struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    fake->lie = FAKE_KEYS_EXPIRED;
    fake_announce(fake);
    scene->clock.fixed = FAKE_NOW - 100;
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    const struct capsa_cert *cert;
    assert_ok(capsa_client_manager(client, &cert));
    scene->clock.fixed = FAKE_NOW;
    fake->lie = FAKE_HONEST;
    fake_announce(fake);
    CAPSA_AUTO_MESSAGE answer = NULL;
    assert_ok(get_keys(client, NULL, &answer));
    assert_int_equal(fake->ra_certs, 2);
    fake_free(fake);
}

static void a_manager_that_becomes_another_is_refused(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    struct fake_manager *other = fake_new(scene->rsa, "simulation");
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    CAPSA_AUTO_MESSAGE answer = NULL;
    assert_ok(get_keys(client, NULL, &answer));
    char *own = fake->cert;
    fake->cert = other->cert;
    fake->lie = FAKE_KID_UNKNOWN_FOR_EVER;
    refuses_keys(client, CAPSA_E_UNAUTHENTIC, other->id);
    fake->cert = own;
    fake_free(fake);
    fake_free(other);
}

/* ---- lies about itself ----------------------------------------------------------------------- */

struct lie {
    enum fake_lie lie;
    enum capsa_code code;
    const char *said;
};

static void lies_about_itself_are_seen_before_anything_is_sent(void **state)
{
    static const struct lie lies[] = {
        {FAKE_NO_EXTENSION, CAPSA_E_UNSUPPORTED, "--original"},
        {FAKE_INFO_SIGNED_BY_ANOTHER, CAPSA_E_UNAUTHENTIC, "says of itself"},
        {FAKE_INFO_CHANGED, CAPSA_E_UNAUTHENTIC, "says of itself"},
        {FAKE_GENESIS_OF_ANOTHER, CAPSA_E_UNAUTHENTIC, "says of itself"},
        {FAKE_KID_OF_ANOTHER, CAPSA_E_UNAUTHENTIC, "keys[1]: kid"},
        {FAKE_CERT_KEY_NOT_LISTED, CAPSA_E_UNAUTHENTIC, "not among"},
        {FAKE_ONLY_RSA, CAPSA_E_UNSUPPORTED, "no key of the native protocol"},
        {FAKE_KEYS_EXPIRED, CAPSA_E_EXPIRED, "ended at"},
        {FAKE_MODE_UNKNOWN, CAPSA_E_MALFORMED, "mode: simulation or production"},
    };
    const struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct fake_manager *fake = fake_new(scene->rsa, "simulation");
        fake->lie = lies[i].lie;
        fake_write_genesis(fake);
        fake_announce(fake);
        CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
        refuses_keys(client, lies[i].code, lies[i].said);
        assert_int_equal(fake->calls, 0);
        fake_free(fake);
    }
}

/* ---- lies in answers ------------------------------------------------------------------------- */

static void lies_in_an_answer_are_seen_before_its_keys_are_used(void **state)
{
    static const struct lie lies[] = {
        {FAKE_ANSWER_IN_THE_CLEAR, CAPSA_E_UNAUTHENTIC, "not sealed"},
        {FAKE_ANSWER_OF_BEFORE, CAPSA_E_UNAUTHENTIC, "the manager's answer"},
        {FAKE_NO_STATUS, CAPSA_E_MALFORMED, "no status"},
        {FAKE_NO_CHECKPOINT, CAPSA_E_MALFORMED, "checkpoint"},
        {FAKE_CHECKPOINT_OF_ANOTHER, CAPSA_E_UNAUTHENTIC, "checkpoint"},
        {FAKE_CHECKPOINT_SIGNED_BY_ANOTHER, CAPSA_E_UNAUTHENTIC, "checkpoint"},
        {FAKE_CHECKPOINT_HUGE, CAPSA_E_MALFORMED, "prove its log"},
        {FAKE_NO_LEAF, CAPSA_E_UNAUTHENTIC, "without a record"},
        {FAKE_LEAF_OF_BEFORE, CAPSA_E_UNAUTHENTIC, "older than the request"},
        {FAKE_LEAF_OF_ANOTHER_KIND, CAPSA_E_UNAUTHENTIC, "key-create"},
        {FAKE_LEAF_CHANGED, CAPSA_E_UNAUTHENTIC, "proof that the record"},
        {FAKE_LEAF_OF_ANOTHER_DECISION, CAPSA_E_UNAUTHENTIC, "another decision"},
        {FAKE_NO_PROOF, CAPSA_E_UNAUTHENTIC, "missing"},
        {FAKE_PROOF_CHANGED, CAPSA_E_UNAUTHENTIC, "proof that the record"},
        {FAKE_PROOF_SHORT, CAPSA_E_UNAUTHENTIC, "proof that the record"},
        {FAKE_PROOF_LONG, CAPSA_E_UNAUTHENTIC, "proof that the record"},
        {FAKE_PROOF_HASH_SHORT, CAPSA_E_MALFORMED, "31 bytes"},
        {FAKE_PROOF_INDEX_NEGATIVE, CAPSA_E_MALFORMED, "index: -1"},
        {FAKE_PROOF_INDEX_OUTSIDE, CAPSA_E_UNAUTHENTIC, "proof that the record"},
        {FAKE_NO_BODY, CAPSA_E_MALFORMED, "no body"},
        {FAKE_CONSISTENCY_CHANGED, CAPSA_E_TAMPERED, "forked"},
        {FAKE_CONSISTENCY_SHORT, CAPSA_E_TAMPERED, "forked"},
        {FAKE_CONSISTENCY_LONG, CAPSA_E_TAMPERED, "forked"},
        {FAKE_CONSISTENCY_REFUSED, CAPSA_E_MALFORMED, "prove its log"},
    };
    const struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct fake_manager *fake = fake_new(scene->rsa, "simulation");
        fake_add(fake, CAPSA_AUDIT_KEY_CREATE, "OWNER", "{}");
        CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
        CAPSA_AUTO_MESSAGE before = NULL;
        assert_ok(get_keys(client, NULL, &before));
        fake->lie = lies[i].lie;
        refuses_keys(client, lies[i].code, lies[i].said);
        fake->lie = FAKE_HONEST; /* and the client goes on as if nothing had been */
        CAPSA_AUTO_MESSAGE after = NULL;
        assert_ok(get_keys(client, NULL, &after));
        fake_free(fake);
    }
}

static void a_clear_refusal_is_a_failure_with_its_words(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    fake->lie = FAKE_KID_UNKNOWN_FOR_EVER;
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    refuses_keys(client, CAPSA_E_UNAUTHENTIC, "not one of this manager's keys");
    fake_free(fake);
}

/* ---- a log that is not what it was ----------------------------------------------------------- */

static void a_log_that_became_shorter_was_put_back(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    for (int i = 0; i < 3; i++) {
        CAPSA_AUTO_MESSAGE answer = NULL;
        assert_ok(get_keys(client, NULL, &answer));
    }
    fake->count -= 2;
    refuses_keys(client, CAPSA_E_TAMPERED, "has 4 entries, and it had 5");
    fake_free(fake);
}

/* Another entry in the place of the last one, and `more` behind it. */
static void fork_log(struct fake_manager *fake, int more)
{
    fake->count--;
    fake_add(fake, CAPSA_AUDIT_UPKEEP, "", "{}");
    for (int i = 0; i < more; i++) {
        fake_add(fake, CAPSA_AUDIT_UPKEEP, "", "{}");
    }
}

static void a_log_with_another_past_was_forked(void **state)
{
    const struct scene *scene = *state;
    for (int more = 0; more < 4; more++) {
        struct fake_manager *fake = fake_new(scene->rsa, "simulation");
        CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
        CAPSA_AUTO_MESSAGE before = NULL;
        assert_ok(get_keys(client, NULL, &before));
        fork_log(fake, more);
        refuses_keys(client, CAPSA_E_TAMPERED, "forked");
        fake_free(fake);
    }
}

static void two_roots_for_one_size_are_a_fork(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    struct capsa_checkpoint checkpoint;
    assert_ok(capsa_client_checkpoint(client, NULL, &checkpoint));
    assert_int_equal(checkpoint.size, 2);
    fork_log(fake, 0);
    assert_fails(capsa_client_checkpoint(client, NULL, &checkpoint), TAMPERED);
    assert_int_equal(fake->consistencies, 0);
    fake_free(fake);
}

/* ---- one's own entries ----------------------------------------------------------------------- */

struct seen {
    uint64_t indexes[FAKE_MAX];
    size_t count;
    size_t enough; /* 0: all */
};

static capsa_result see(void *context, const struct capsa_audit_own *entry, bool *ret_enough)
{
    struct seen *seen = context;
    assert_string_equal(capsa_json_string(capsa_json_get(entry->details, "op_name")), "join");
    seen->indexes[seen->count++] = entry->index;
    *ret_enough = seen->count == seen->enough;
    return CAPSA_OK;
}

static capsa_result see_all(struct capsa_client *client, const char *decision_id, struct seen *seen)
{
    struct capsa_audit_query query = {.decision_id = decision_id};
    bool enough = false;
    while (!enough && !query.ended) {
        CAPSA_TRY(capsa_client_audit_page(client, &query, see, seen, &enough));
    }
    return CAPSA_OK;
}

static struct fake_manager *fake_with_entries(const struct scene *scene)
{
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    for (int i = 0; i < 6; i++) {
        bool own = i % 2 == 0;
        fake_add(fake, CAPSA_AUDIT_KEY_RELEASE, own ? scene->party.id : "OTHER",
                 "{\"op_name\":\"join\"}");
    }
    return fake;
}

static void own_entries_come_newest_first_from_all_pages(void **state)
{
    const struct scene *scene = *state;
    for (size_t page = 0; page < 9; page++) {
        struct fake_manager *fake = fake_with_entries(scene);
        fake->page = page;
        CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
        struct seen seen = {.count = 0};
        assert_ok(see_all(client, NULL, &seen));
        assert_int_equal(seen.count, 3);
        assert_int_equal(seen.indexes[0], 6);
        assert_int_equal(seen.indexes[2], 2);
        struct seen one = {.enough = 1};
        assert_ok(see_all(client, NULL, &one));
        assert_int_equal(one.count, 1);
        fake_free(fake);
    }
}

static void one_decision_is_found_by_its_id(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_with_entries(scene);
    fake->page = 2;
    struct capsa_audit_leaf leaf;
    assert_ok(
        capsa_audit_leaf_parse(capsa_bytes_of(fake->entries[4].leaf, CAPSA_AUDIT_LEAF), &leaf));
    char id[CAPSA_AUDIT_ID_TEXT];
    capsa_audit_id_text(leaf.decision_id, id);
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    struct seen seen = {.count = 0};
    assert_ok(see_all(client, id, &seen));
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.indexes[0], 4);
    fake_free(fake);
}

static void lies_in_lists_are_seen(void **state)
{
    static const struct lie lies[] = {
        {FAKE_DETAILS_CHANGED, CAPSA_E_UNAUTHENTIC, "entry 6"},
        {FAKE_SALT_CHANGED, CAPSA_E_UNAUTHENTIC, "entry 6"},
        {FAKE_SALT_SHORT, CAPSA_E_MALFORMED, "salt: 31 bytes"},
        {FAKE_ENTRY_OF_ANOTHER_OWNER, CAPSA_E_UNAUTHENTIC, "entry 7"},
        {FAKE_ENTRIES_OLDEST_FIRST, CAPSA_E_UNAUTHENTIC, "not older"},
        {FAKE_ENTRY_TWICE, CAPSA_E_UNAUTHENTIC, "not older"},
        {FAKE_NEXT_STAYS, CAPSA_E_MALFORMED, "next: 8"},
        {FAKE_NEXT_GROWS, CAPSA_E_MALFORMED, "next: 9"},
        {FAKE_NEXT_NEGATIVE, CAPSA_E_MALFORMED, "next: -1"},
        {FAKE_PAGE_CHECKPOINT_OF_ANOTHER, CAPSA_E_UNAUTHENTIC, "checkpoint"},
    };
    const struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct fake_manager *fake = fake_with_entries(scene);
        fake->lie = lies[i].lie;
        CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
        struct seen seen = {.count = 0};
        capsa_result result = see_all(client, NULL, &seen);
        if (capsa_code_of(result) != lies[i].code ||
            strstr(capsa_text_of(result), lies[i].said) == NULL) {
            fail_msg("lie %d: wanted \"%s\", got %s: %s", (int)lies[i].lie, lies[i].said,
                     capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
        }
        fake_free(fake);
    }
}

static void an_empty_page_that_leads_nowhere_is_refused(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_with_entries(scene);
    fake->page = 1; /* the newest entry is another's */
    fake->lie = FAKE_NEXT_STAYS;
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    struct seen seen = {.count = 0};
    assert_fails(see_all(client, NULL, &seen), MALFORMED);
    assert_int_equal(seen.count, 0);
    fake_free(fake);
}

static void an_entry_of_another_decision_than_asked_for_is_refused(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_with_entries(scene);
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    struct seen seen = {.count = 0};
    assert_ok(see_all(client, "00112233445566778899aabbccddeeff", &seen));
    assert_int_equal(seen.count, 0);
    fake->lie = FAKE_ENTRY_OF_ANOTHER_DECISION;
    assert_fails(see_all(client, "00112233445566778899aabbccddeeff", &seen), UNAUTHENTIC);
    assert_int_equal(seen.count, 0);
    fake_free(fake);
}

/* ---- the whole log --------------------------------------------------------------------------- */

static capsa_result count_leaf(void *context, uint64_t index, capsa_bytes leaf)
{
    uint64_t *count = context;
    assert_int_equal(index, *count);
    assert_int_equal(leaf.len, CAPSA_AUDIT_LEAF);
    (*count)++;
    return CAPSA_OK;
}

static void the_whole_log_is_fetched_in_pieces_and_no_further_than_wanted(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_with_entries(scene);
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    fake->page = 3;
    uint64_t count = 0;
    uint64_t next = 0;
    while (next < 7) {
        assert_ok(capsa_client_audit_leaves(client, next, 7, count_leaf, &count, &next));
    }
    assert_int_equal(count, 7);
    fake->lie = FAKE_LEAVES_NONE;
    assert_fails(capsa_client_audit_leaves(client, 0, 7, count_leaf, &count, &next), UNAUTHENTIC);
    fake_free(fake);
}

/* ---- votes ----------------------------------------------------------------------------------- */

static capsa_result get_terms(const struct scene *scene, const struct fake_manager *fake)
{
    CAPSA_AUTO_FREE(capsa_client) client = connect_to(scene, fake);
    Native__VoteTermsRequest request = NATIVE__VOTE_TERMS_REQUEST__INIT;
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_client_call(client, CAPSA_CLIENT_GET_VOTE_TERMS, &request.base, &message));
    const Native__VoteTermsResponse *given =
        (const Native__VoteTermsResponse *)(const void *)message;
    const struct capsa_vote_bond bond = {given->manager, given->resource, given->requester,
                                         given->nonce, FAKE_NOW};
    const capsa_manager *manager;
    CAPSA_TRY(capsa_client_identity(client, &manager));
    return capsa_vote_bond_check(&bond, manager->id, scene->party.chain.certs[0]);
}

static void terms_of_votes_are_this_managers_and_for_this_key(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    assert_ok(get_terms(scene, fake));
    fake->lie = FAKE_TERMS_OF_ANOTHER_MANAGER;
    assert_fails(get_terms(scene, fake), UNAUTHENTIC);
    fake->lie = FAKE_TERMS_FOR_ANOTHER_KEY;
    assert_fails(get_terms(scene, fake), UNAUTHENTIC);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_answer_comes_with_its_record),
        cmocka_unit_test(a_method_without_a_body_succeeds_without_one),
        cmocka_unit_test(a_refusal_names_its_decision),
        cmocka_unit_test(a_version_is_asked_of_policies_only),
        cmocka_unit_test(native_methods_are_none_of_the_originals),
        cmocka_unit_test(p256_serves_where_there_is_no_x25519),
        cmocka_unit_test(x25519_is_chosen_wherever_it_stands),
        cmocka_unit_test(new_keys_of_the_manager_are_fetched_once),
        cmocka_unit_test(a_refusal_that_was_put_in_has_nothing_done_twice),
        cmocka_unit_test(keys_that_end_while_the_client_lives_are_fetched_anew),
        cmocka_unit_test(a_manager_that_becomes_another_is_refused),
        cmocka_unit_test(lies_about_itself_are_seen_before_anything_is_sent),
        cmocka_unit_test(lies_in_an_answer_are_seen_before_its_keys_are_used),
        cmocka_unit_test(a_clear_refusal_is_a_failure_with_its_words),
        cmocka_unit_test(a_log_that_became_shorter_was_put_back),
        cmocka_unit_test(a_log_with_another_past_was_forked),
        cmocka_unit_test(two_roots_for_one_size_are_a_fork),
        cmocka_unit_test(own_entries_come_newest_first_from_all_pages),
        cmocka_unit_test(one_decision_is_found_by_its_id),
        cmocka_unit_test(lies_in_lists_are_seen),
        cmocka_unit_test(an_empty_page_that_leads_nowhere_is_refused),
        cmocka_unit_test(an_entry_of_another_decision_than_asked_for_is_refused),
        cmocka_unit_test(terms_of_votes_are_this_managers_and_for_this_key),
        cmocka_unit_test(the_whole_log_is_fetched_in_pieces_and_no_further_than_wanted),
    };
    return cmocka_run_group_tests(tests, scene_open, scene_close);
}
