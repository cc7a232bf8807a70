/* SPDX-License-Identifier: Apache-2.0
 *
 * keymanager: who may do what, asked through the RPC handlers with real envelopes, over a sealed
 * memory store. The wire itself is tested in test_rpc.c and tests/interop, hostile timing and
 * hostile databases in test_keymanager_hostile.c.
 */
#include "keymanager_scene.h"

#include "keymanager/keymanager_records.h"

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_granted_job_gets_the_keys_in_order(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, &answer), 0);
    const struct capsa_json *keys = capsa_json_get(answer, "data_keys");
    assert_int_equal(capsa_json_count(keys), 2);
    assert_string_equal(capsa_json_string(capsa_json_get(capsa_json_at(keys, 0), "data_key_b64")),
                        KEY_B64);
    assert_string_equal(capsa_json_string(capsa_json_get(capsa_json_at(keys, 1), "data_key_b64")),
                        KEY2_B64);
    assert_string_equal(capsa_json_string(capsa_json_get(capsa_json_at(keys, 1), "resource_uri")),
                        "b");
    house_close(&house);
}

static void what_is_not_granted_is_refused_whole_and_plainly(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;
    assert_int_equal(get_keys(&house, &carol, "train", BOTH, &answer), 7);
    assert_non_null(strstr(status_text, "train"));
    assert_int_equal(get_keys(&house, &carol, "join",
                              "[{\"resource_uri\":\"a\",\"columns\":[\"x\",\"z\"]}]", &answer),
                     7);
    assert_non_null(strstr(status_text, "\"z\""));
    assert_int_equal(get_keys(&house, &carol, "join", "[{\"resource_uri\":\"a\"}]", &answer), 7);
    assert_non_null(strstr(status_text, "insecure_empty_columns_pass"));
    /* one of two is not enough for either */
    assert_int_equal(get_keys(&house, &carol, "join",
                              "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]},"
                              "{\"resource_uri\":\"c\",\"columns\":[\"x\"]}]",
                              &answer),
                     7);
    assert_null(answer);
    house_close(&house);
}

static void absence_and_denial_look_the_same_to_a_stranger(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    char denied[CAPSA_ERROR_TEXT];
    int code =
        get_keys(&house, &mallory, "join", "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]", NULL);
    (void)snprintf(denied, sizeof(denied), "%s", status_text);
    *strstr(denied, " (decision ") = '\0';
    assert_int_equal(code, get_keys(&house, &mallory, "join",
                                    "[{\"resource_uri\":\"q\",\"columns\":[\"x\"]}]", NULL));
    *strstr(status_text, " (decision ") = '\0';
    status_text[strstr(status_text, "\"q\"") - status_text + 1] = 'a';
    assert_string_equal(denied, status_text);
    house_close(&house);
}

static void what_is_too_much_to_ask_is_told_as_that(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    for (int over = 0; over < 2; over++) {
        CAPSA_AUTO(capsa_buf) columns = capsa_buf_of(MIB(1));
        CAPSA_AUTO(capsa_buf) uri = capsa_buf_of(MIB(1));
        const char *columns_text, *uri_text;
        assert_ok(capsa_buf_str(&columns, "[{\"resource_uri\":\"a\",\"columns\":[\"x\""));
        for (int i = 1; i < CAPSA_LIMIT_columns + over; i++) {
            assert_ok(capsa_buf_str(&columns, ",\"x\""));
        }
        assert_ok(capsa_buf_str(&columns, "]}]"));
        assert_ok(capsa_buf_cstr(&columns, &columns_text));
        assert_int_equal(get_keys(&house, &carol, "join", columns_text, NULL), over ? 3 : 0);
        assert_ok(capsa_buf_format(&uri, "[{\"resource_uri\":\"%0*d\",\"columns\":[\"x\"]}]",
                                   CAPSA_LIMIT_id_bytes + over, 0));
        assert_ok(capsa_buf_cstr(&uri, &uri_text));
        assert_int_equal(get_keys(&house, &carol, "join", uri_text, NULL), over ? 3 : 7);
        assert_true((strstr(status_text, "resources[0]") != NULL) == (over == 1));
    }
    house_close(&house);
}

static void S6_an_initiator_is_not_merely_claimed(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    struct party liar = mallory;
    memcpy(liar.id, carol.id, sizeof(liar.id));
    assert_int_equal(get_keys(&house, &liar, "join", BOTH, NULL), 7);
    assert_non_null(strstr(status_text, "insecure_claimed_initiator"));
    /* nor can the answer go to a key that did not sign */
    struct party thief = carol;
    thief.key = mallory.key;
    thief.chain = mallory.chain;
    memcpy(thief.id, mallory.id, sizeof(thief.id));
    assert_int_equal(get_keys(&house, &thief, "join", BOTH, NULL), 16);
    house_close(&house);
    house_open(&house, (struct capsa_keymanager_options){.insecure_claimed_initiator = true});
    furnish(&house);
    assert_int_equal(get_keys(&house, &liar, "join", BOTH, NULL), 0);
    house_close(&house);
}

static void nobody_touches_what_is_anothers(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    assert_int_equal(register_key(&house, &mallory, "a", KEY2_B64), 7);
    assert_int_equal(register_key(&house, &mallory, "a/part", KEY2_B64), 7);
    assert_int_equal(grant(&house, &mallory, "a", &mallory, "join", "[\"*\"]"), 7);
    const char *rule = text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":\"a\","
                            "\"rule\":{\"rule_id\":\"x\"}}",
                            mallory.id);
    assert_int_equal(call(&house, "AddDataRule", &mallory, rule), 7);
    assert_int_equal(call(&house, "DeleteDataRule", &mallory,
                          text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":"
                               "\"a\",\"rule_id\":\"r1\"}",
                               mallory.id)),
                     7);
    assert_int_equal(call(&house, "DeleteDataPolicy", &mallory,
                          text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":"
                               "\"a\"}",
                               mallory.id)),
                     7);
    assert_int_equal(call(&house, "DeleteDataKey", &mallory,
                          text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"a\"}", mallory.id)),
                     5);
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, NULL), 0);
    house_close(&house);
}

static void a_policy_written_first_does_not_bind_the_later_owner(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    assert_int_equal(grant(&house, &mallory, "a", &mallory, "join", "[\"*\"]"), 0);
    assert_int_equal(grant(&house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    assert_int_equal(register_key(&house, &alice, "a", KEY_B64), 0);
    const char *a = "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]";
    assert_int_equal(get_keys(&house, &mallory, "join", a, NULL), 7);
    assert_int_equal(get_keys(&house, &carol, "join", a, NULL), 0);
    house_close(&house);
}

static void a_batch_of_keys_is_everything_or_nothing(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    assert_int_equal(call(&house, "CreateDataKeys", &alice,
                          text("{\"owner_party_id\":\"%s\",\"data_keys\":["
                               "{\"resource_uri\":\"new\",\"data_key_b64\":\"" KEY_B64 "\"},"
                               "{\"resource_uri\":\"b\",\"data_key_b64\":\"" KEY_B64 "\"}]}",
                               alice.id)),
                     7);
    assert_non_null(strstr(status_text, "data_keys[1]"));
    /* "new" is still free: somebody else may have it */
    assert_int_equal(register_key(&house, &mallory, "new", KEY_B64), 0);
    assert_int_equal(register_key(&house, &mallory, "new/p/1/x", KEY_B64), 3);
    assert_int_equal(register_key(&house, &mallory, "new2", "AAEC="), 3);
    house_close(&house);
}

static void a_deleted_uuid_stays_its_owners(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    const char *gone = text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"a\"}", alice.id);
    const char *a = "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]";
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, NULL), 0);
    assert_int_equal(call(&house, "DeleteDataKey", &alice, gone), 0);
    assert_int_equal(get_keys(&house, &carol, "join", a, NULL), 5);
    assert_int_equal(register_key(&house, &mallory, "a", KEY_B64), 7);
    assert_int_equal(register_key(&house, &alice, "a", KEY2_B64), 0);
    /* what was released was another incarnation */
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"b\"]"), 7);
    assert_int_equal(get_keys(&house, &carol, "join", a, NULL), 0);
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"b\"]"), 0);
    house_close(&house);
}

static void lineage_follows_every_original_as_it_stands_now(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"b\"]"), 7); /* not released */
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, NULL), 0);
    assert_int_equal(register_result(&house, &mallory, "r", "[\"a\",\"b\"]"), 7);
    assert_int_equal(register_result(&house, &carol, "r", "[]"), 3);
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"r\"]"), 3);
    assert_int_equal(register_result(&house, &carol, "b", "[\"a\"]"), 7); /* an original's name */
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"b\"]"), 0);
    assert_int_equal(register_result(&house, &carol, "r", "[\"b\",\"a\",\"a\"]"), 0); /* again */
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\"]"), 7);
    assert_int_equal(grant(&house, &carol, "r", &mallory, "join", "[\"*\"]"), 7);

    const char *r = "[{\"resource_uri\":\"r\"}]";
    assert_int_equal(get_keys(&house, &carol, "join", r, NULL), 0); /* columns are not checked */
    assert_int_equal(get_keys(&house, &carol, "train", r, NULL), 7);
    /* a result of a result comes from the originals */
    assert_int_equal(register_result(&house, &carol, "rr", "[\"r\"]"), 0);
    /* nor can it come to descend from what descends from it */
    assert_int_equal(get_keys(&house, &carol, "join", "[{\"resource_uri\":\"rr\"}]", NULL), 0);
    assert_int_equal(register_result(&house, &carol, "r", "[\"rr\"]"), 7);
    const char *rr = "[{\"resource_uri\":\"rr\"}]";
    assert_int_equal(get_keys(&house, &carol, "join", rr, NULL), 0);
    assert_int_equal(call(&house, "DeleteDataPolicy", &bob,
                          text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":"
                               "\"b\"}",
                               bob.id)),
                     0);
    assert_int_equal(get_keys(&house, &carol, "join", rr, NULL), 7);
    assert_int_equal(get_keys(&house, &carol, "join", r, NULL), 7);
    house_close(&house);
}

static void what_was_released_is_known_after_a_restart(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, NULL), 0);
    char before[CAPSA_KID], after[CAPSA_KID];
    capsa_public_key_kid(capsa_cert_key(house.cert), before);
    house_stop(&house);
    house_open_on(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    house_learn_cert(&house);
    capsa_public_key_kid(capsa_cert_key(house.cert), after);
    assert_string_equal(before, after);
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"b\"]"), 0);
    house_close(&house);
}

static void an_export_takes_every_owner_once(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, NULL), 0);
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"b\"]"), 0);
    const struct ballot yes = {&bob, {&bob}, 1, "APPROVE"};
    const struct ballot no = {&bob, {&bob}, 1, "REJECT"};
    const struct ballot carols = {&carol, {&carol}, 1, "APPROVE"};
    const struct ballot own = {&alice, {&alice}, 1, "APPROVE"};
    const struct ballot S1_forged = {&mallory, {&mallory, &bob}, 2, "APPROVE"};
    const struct ballot stolen = {&mallory, {&bob}, 1, "APPROVE"};
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;

    assert_int_equal(export(&house, &alice, "r", "r", 1, NULL, 0, NULL), 7);
    assert_int_equal(export(&house, &alice, "r", "r", 0, &no, 1, NULL), 7);
    assert_int_equal(export(&house, &alice, "r", "r", 0, &carols, 1, NULL), 7);
    assert_int_equal(export(&house, &alice, "r", "r", 0, &own, 1, NULL), 7);
    assert_true(export(&house, &alice, "r", "r", 0, &S1_forged, 1, NULL) != 0);
    assert_true(export(&house, &alice, "r", "r", 0, &stolen, 1, NULL) != 0);
    assert_int_equal(export(&house, &alice, "r", "a", 0, &yes, 1, NULL), 7);
    assert_int_equal(export(&house, &carol, "r", "r", 0, (struct ballot[]){yes, yes}, 2, NULL),
                     7); /* S2: twice is once */
    assert_int_equal(export(&house, &alice, "r", "r", 2, (struct ballot[]){yes, yes}, 2, NULL), 7);
    assert_int_equal(export(&house, &alice, "nothing", "nothing", 0, &yes, 1, NULL), 7);
    assert_int_equal(export(&house, &alice, "r", "r", 1, &yes, 1, &answer), 0);
    const struct capsa_json *key = capsa_json_get(answer, "data_key");
    assert_string_equal(capsa_json_string(capsa_json_get(key, "data_key_b64")), KEY2_B64);
    assert_int_equal(export(&house, &carol, "r", "r", 0, (struct ballot[]){yes, own}, 2, NULL), 0);
    /* a sole owner needs nobody */
    assert_int_equal(export(&house, &alice, "a", "a", 0, NULL, 0, NULL), 0);
    house_close(&house);
}

static void signatures_are_needed_and_belong_to_the_party(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    const char *json = text("{\"owner_party_id\":\"%s\",\"data_keys\":[{\"resource_uri\":\"a\","
                            "\"data_key_b64\":\"" KEY_B64 "\"}]}",
                            alice.id);
    assert_int_equal(call_signed(&house, "CreateDataKeys", &alice, false, json, NULL), 16);
    assert_int_equal(call(&house, "CreateDataKeys", &mallory, json), 16);
    /* RegisterCert's JWS has no x5c; and changes nothing for the others */
    const char *certs =
        text("{\"owner_party_id\":\"%s\",\"certs\":[\"%s\"],\"scheme\":\"RSA\"}", alice.id, "PEM");
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    assert_ok(capsa_json_parse(capsa_bytes_str(certs), &request));
    struct capsa_json *list = capsa_json_new_array();
    assert_ok(capsa_json_push(list, capsa_json_new_string(alice.pem)));
    assert_ok(capsa_json_set(request, "certs", list));
    CAPSA_AUTO(capsa_buf) body = capsa_buf_of(KIB(64));
    const char *body_text;
    assert_ok(capsa_json_write(request, CAPSA_JSON_COMPACT, &body));
    assert_ok(capsa_buf_cstr(&body, &body_text));
    assert_true(call_signed(&house, "RegisterCert", &mallory, false, body_text, NULL) != 0);
    assert_int_equal(call_signed(&house, "RegisterCert", &alice, false, body_text, NULL), 0);
    assert_int_equal(call_signed(&house, "RegisterCert", &alice, false, body_text, NULL), 0);
    assert_int_equal(call_signed(&house, "CreateDataKeys", &alice, false, json, NULL), 16);
    assert_int_equal(call(&house, "CreateDataKeys", &alice, json), 0);
    house_close(&house);
}

static void a_request_for_one_method_is_none_for_another(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    const char *add = text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":\"a\","
                           "\"rule\":{\"rule_id\":\"x\"}}",
                           alice.id);
    assert_int_equal(call(&house, "DeleteDataPolicy", &alice, add), 3);
    assert_non_null(strstr(status_text, "rule"));
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, NULL), 0);
    house_close(&house);
}

static void malformed_requests_are_told_and_change_nothing(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    static const char *const bodies[] = {
        "",
        "[]",
        "{",
        "{\"owner_party_id\":\"\"}",
        "{\"owner_party_id\":1}",
        "{\"owner_party_id\":null}",
        "{\"owner_party_id\":\"x\",\"owner_party_id\":\"x\"}",
        "{\"ownerPartyId\":\"x\"}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        for (size_t m = 0; m < capsa_keymanager_method_count(); m++) {
            const char *name = strrchr(house.methods[m].path, '/') + 1;
            if (strstr(house.methods[m].path, CAPSA_KEYMANAGER_SERVICE) != NULL &&
                !capsa_streq(name, "GetRaCert")) {
                assert_true(call(&house, name, &alice, bodies[i]) != 0);
                assert_true(strlen(status_text) > 3);
            }
        }
    }
    static const char garbage[] = "\x12\xff\xff\xff\xff\x7f";
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    for (size_t m = 0; m < capsa_keymanager_method_count(); m++) {
        ask_method(&house.methods[m], capsa_bytes_of(garbage, sizeof(garbage) - 1), &answer);
        ask_method(&house.methods[m], CAPSA_BYTES_LITERAL(""), &answer);
    }
    house_close(&house);
}

struct racer {
    const struct house *house;
    const struct party *party;
    int won;
};

static void *race(void *context)
{
    struct racer *racer = context;
    CAPSA_AUTO(capsa_buf) request = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    for (int i = 0; i < 20; i++) {
        char json[512];
        (void)snprintf(json, sizeof(json),
                       "{\"owner_party_id\":\"%s\",\"data_keys\":[{\"resource_uri\":\"race%d\","
                       "\"data_key_b64\":\"" KEY_B64 "\"}]}",
                       racer->party->id, i);
        capsa_buf_clear(&request);
        capsa_buf_clear(&answer);
        wrap(racer->house, racer->party, true, json, &request);
        ask(racer->house, "CreateDataKeys", capsa_buf_bytes(&request), &answer);
        CAPSA_AUTO_MESSAGE message = NULL;
        assert_ok(capsa_protobuf_parse(&cm__encrypted_response__descriptor,
                                       capsa_buf_bytes(&answer), CAPSA_UNKNOWN_REFUSED, &message));
        racer->won += ((const Cm__EncryptedResponse *)message)->status->code == 0;
    }
    return NULL;
}

static void of_two_who_claim_a_uuid_one_gets_it(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    struct racer racers[] = {{&house, &alice, 0}, {&house, &bob, 0}, {&house, &mallory, 0}};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    int won = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        won += racers[i].won;
    }
    assert_int_equal(won, 20);
    house_close(&house);
}

/* Records are read one by one. What does not go together may be two moments of the store, and then
 * is no tampering: the request is done again. */
static void what_was_read_at_two_moments_is_told_from_tampering(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_AUTO_RECORD(Rec__Resource) found = NULL;
    bool has_keys;
    assert_ok(capsa_km_txn_new(capsa_ledger_store(house.ledger), &txn));
    assert_ok(capsa_km_resource_find(txn, "a", &found));
    assert_null(found);
    assert_ok(capsa_km_txn_still_holds(txn));
    assert_int_equal(register_key(&house, &alice, "a", KEY_B64), 0);
    assert_ok(capsa_km_key_has_any(txn, "a", &has_keys));
    assert_true(has_keys); /* keys but no owner */
    assert_fails(capsa_km_txn_still_holds(txn), CONFLICT);
    /* What it wrote itself is no change of somebody else. */
    CAPSA_AUTO_FREE(capsa_km_txn) second = NULL;
    CAPSA_AUTO_RECORD(Rec__Resource) mine = NULL;
    assert_ok(capsa_km_txn_new(capsa_ledger_store(house.ledger), &second));
    assert_ok(capsa_km_resource_find(second, "a", &mine));
    assert_non_null(mine);
    assert_ok(capsa_km_resource_put(second, "a", (const char *const[]){alice.id, NULL}, mine));
    assert_ok(capsa_km_txn_still_holds(second));
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_granted_job_gets_the_keys_in_order),
        cmocka_unit_test(what_is_not_granted_is_refused_whole_and_plainly),
        cmocka_unit_test(absence_and_denial_look_the_same_to_a_stranger),
        cmocka_unit_test(what_is_too_much_to_ask_is_told_as_that),
        cmocka_unit_test(S6_an_initiator_is_not_merely_claimed),
        cmocka_unit_test(nobody_touches_what_is_anothers),
        cmocka_unit_test(a_policy_written_first_does_not_bind_the_later_owner),
        cmocka_unit_test(a_batch_of_keys_is_everything_or_nothing),
        cmocka_unit_test(a_deleted_uuid_stays_its_owners),
        cmocka_unit_test(lineage_follows_every_original_as_it_stands_now),
        cmocka_unit_test(what_was_released_is_known_after_a_restart),
        cmocka_unit_test(an_export_takes_every_owner_once),
        cmocka_unit_test(signatures_are_needed_and_belong_to_the_party),
        cmocka_unit_test(a_request_for_one_method_is_none_for_another),
        cmocka_unit_test(malformed_requests_are_told_and_change_nothing),
        cmocka_unit_test(of_two_who_claim_a_uuid_one_gets_it),
        cmocka_unit_test(what_was_read_at_two_moments_is_told_from_tampering),
    };
    return cmocka_run_group_tests_name("keymanager", tests, parties_make, parties_free);
}
