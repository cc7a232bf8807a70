/* SPDX-License-Identifier: Apache-2.0
 *
 * keymanager against bad timing and bad company: changes between a handler's reads and its answer,
 * rows taken out of the database, votes and policies that are recycled or overgrown, requests that
 * make a great deal of work.
 */
#include "keymanager_scene.h"

#include "codec/text.h"
#include "store/store_backend.h"

/* ---- a store in which something happens just before a read ----------------------------------- */

struct slow_store {
    struct capsa_store base;
    struct capsa_store *inner;
    const char *kind; /* before the next read of a record of this kind */
    void (*happens)(const struct house *house);
    const struct house *house;
};
static struct slow_store slow;

static capsa_result slow_get(struct capsa_store *store, capsa_bytes key, capsa_record *ret_record)
{
    (void)store;
    void (*happens)(const struct house *) = slow.happens;
    if (happens != NULL && memmem(key.data, key.len, slow.kind, strlen(slow.kind)) != NULL) {
        slow.happens = NULL;
        happens(slow.house);
    }
    return slow.inner->ops->get(slow.inner, key, ret_record);
}

static capsa_result slow_each(struct capsa_store *store, capsa_bytes prefix,
                              capsa_store_row_visit visit, void *context)
{
    (void)store;
    return slow.inner->ops->each(slow.inner, prefix, visit, context);
}

static capsa_result slow_apply(struct capsa_store *store, const struct capsa_group *group)
{
    (void)store;
    return slow.inner->ops->apply(slow.inner, group);
}

static void slow_close(struct capsa_store *store)
{
    (void)store;
    capsa_store_free(slow.inner);
}

static const struct capsa_store_ops slow_ops = {.scheme = "memory",
                                                .get = slow_get,
                                                .each = slow_each,
                                                .apply = slow_apply,
                                                .close = slow_close};

static void slow_house_open(struct house *house)
{
    *house = (struct house){.ledger = NULL};
    slow = (struct slow_store){.base.ops = &slow_ops, .house = house};
    assert_ok(capsa_store_open("memory:", &slow.inner));
    struct capsa_ledger_options options = ledger_options(NULL, NULL);
    options.inner = &slow.base;
    assert_ok(capsa_ledger_open(&options, &house->ledger));
    house_open_on(house, (struct capsa_keymanager_options){.rsa_bits = 0});
    house_learn_cert(house);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void alice_revokes(const struct house *house)
{
    assert_int_equal(call(house, "DeleteDataPolicy", &alice,
                          text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":"
                               "\"a\"}",
                               alice.id)),
                     0);
}

static void alice_revokes_and_rotates(const struct house *house)
{
    alice_revokes(house);
    assert_int_equal(register_key(house, &alice, "a", KEY2_B64), 0);
}

static void alice_revokes_grants_bob_and_rotates(const struct house *house)
{
    alice_revokes(house);
    assert_int_equal(grant(house, &alice, "a", &bob, "join", "[\"x\"]"), 0);
    assert_int_equal(register_key(house, &alice, "a", KEY2_B64), 0);
}

static void alice_registers_another_part(const struct house *house)
{
    assert_int_equal(register_key(house, &alice, "a/2", KEY2_B64), 0);
}

#define A "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]"

static void a_key_rotated_after_a_revocation_reaches_no_call_in_flight(void **state)
{
    (void)state;
    static void (*const changes[])(const struct house *) = {
        alice_revokes_and_rotates,
        alice_revokes_grants_bob_and_rotates, /* the policy's version must not come round again */
    };
    for (size_t i = 0; i < 2; i++) {
        for (int released_before = 0; released_before < 2; released_before++) {
            struct house house;
            slow_house_open(&house);
            furnish(&house);
            if (released_before) { /* then the call has nothing to write */
                assert_int_equal(get_keys(&house, &carol, "join", A, NULL), 0);
            }
            slow.kind = "\x03key"; /* the kind, behind the last byte of its length */
            slow.happens = changes[i];
            CAPSA_AUTO_FREE(capsa_json) answer = NULL;
            assert_int_equal(get_keys(&house, &carol, "join", A, &answer), 7);
            assert_null(slow.happens); /* it did happen */
            assert_null(answer);
            house_close(&house);
        }
    }
}

static void a_deletion_does_not_bury_what_was_registered_meanwhile(void **state)
{
    (void)state;
    struct house house;
    slow_house_open(&house);
    furnish(&house);
    slow.kind = "\x03key";
    slow.happens = alice_registers_another_part;
    assert_int_equal(call(&house, "DeleteDataKey", &alice,
                          text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"a\"}", alice.id)),
                     0);
    assert_null(slow.happens);
    assert_int_equal(
        get_keys(&house, &carol, "join", "[{\"resource_uri\":\"a/2\",\"columns\":[\"x\"]}]", NULL),
        0);
    assert_int_equal(register_key(&house, &alice, "a/3", KEY_B64), 0);
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\"]"), 0);
    house_close(&house);
}

static void parts_of_one_uuid_are_one_incarnation(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    assert_int_equal(call(&house, "CreateDataKeys", &alice,
                          text("{\"owner_party_id\":\"%s\",\"data_keys\":["
                               "{\"resource_uri\":\"p/1\",\"data_key_b64\":\"" KEY_B64 "\"},"
                               "{\"resource_uri\":\"p/2\",\"data_key_b64\":\"" KEY_B64 "\"}]}",
                               alice.id)),
                     0);
    assert_int_equal(register_key(&house, &alice, "p/3", KEY_B64), 0);
    assert_int_equal(grant(&house, &alice, "p", &carol, "join", "[\"x\"]"), 0);
    assert_int_equal(get_keys(&house, &carol, "join",
                              "[{\"resource_uri\":\"p/1\",\"columns\":[\"x\"]},"
                              "{\"resource_uri\":\"p/2\",\"columns\":[\"x\"]},"
                              "{\"resource_uri\":\"p/3\",\"columns\":[\"x\"]}]",
                              NULL),
                     0);
    house_close(&house);
}

/* ---- a hostile database ---------------------------------------------------------------------- */

static void a_resource_taken_out_leaves_no_key_for_the_next(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "resource", "a");
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_remove(batch, &key, CAPSA_VERSION_ANY));
    assert_ok(capsa_writer_commit(capsa_ledger_writer(house.ledger), batch));
    assert_int_equal(register_key(&house, &mallory, "a/x", KEY2_B64), 15);
    assert_int_equal(grant(&house, &mallory, "a", &mallory, "join", "[\"x\"]"), 0);
    assert_int_equal(get_keys(&house, &mallory, "join", A, NULL), 7);
    house_close(&house);
}

static void a_key_put_under_another_resource_is_not_given_out(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    /* Resource "a" as if it had been registered anew: the key beside it is an older one's. */
    const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "resource", "a");
    CAPSA_AUTO(capsa_record) record = {0};
    assert_ok(capsa_store_get(capsa_ledger_store(house.ledger), &key, &record));
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(KIB(1));
    assert_ok(capsa_buf_append(&value, capsa_buf_bytes(&record.value)));
    static const uint8_t incarnation_2[] = {0x20, 0x02}; /* field 4, and the last one counts */
    const uint8_t *one = memmem(value.data, value.len, "\x20\x01", 2);
    assert_non_null(one);
    memcpy(value.data + (one - value.data), incarnation_2, sizeof(incarnation_2));
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    assert_ok(capsa_batch_new(&batch));
    assert_ok(capsa_batch_put_owned(batch, &key, record.version, capsa_buf_bytes(&record.owners),
                                    capsa_buf_bytes(&value)));
    assert_ok(capsa_writer_commit(capsa_ledger_writer(house.ledger), batch));
    assert_int_equal(get_keys(&house, &carol, "join", A, NULL), 15);
    house_close(&house);
}

/* ---- recycled, overgrown, overworked --------------------------------------------------------- */

static void a_vote_is_for_the_data_as_it_was(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    const struct ballot yes = {&alice, {&alice}, 1, "APPROVE"};
    assert_int_equal(export(&house, &bob, "a", "a", 1, &yes, 1, NULL), 0);
    assert_int_equal(export(&house, &bob, "a", "a", 1, &yes, 1, NULL), 0); /* RS256 repeats */
    assert_int_equal(call(&house, "DeleteDataKey", &alice,
                          text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"a\"}", alice.id)),
                     0);
    assert_int_equal(register_key(&house, &alice, "a", KEY2_B64), 0);
    assert_int_equal(export(&house, &bob, "a", "a", 1, &yes, 1, NULL), 7);
    house_close(&house);
}

/* {"rule_id": ID, "columns": [count texts of `bytes` bytes]} as AddDataRule of Alice's "a". */
static int add_large_rule(const struct house *house, const char *id, size_t count, size_t bytes)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(3));
    assert_ok(capsa_buf_format(&json,
                               "{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":"
                               "\"a\",\"rule\":{\"rule_id\":\"%s\",\"columns\":[",
                               alice.id, id));
    for (size_t i = 0; i < count; i++) {
        assert_ok(capsa_buf_format(&json, "%s\"%0*zu\"", i == 0 ? "" : ",", (int)bytes, i));
    }
    assert_ok(capsa_buf_str(&json, "]}}"));
    const char *json_text;
    assert_ok(capsa_buf_cstr(&json, &json_text));
    return call(house, "AddDataRule", &alice, json_text);
}

static void a_policy_cannot_outgrow_its_limits_rule_by_rule(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    assert_int_equal(add_large_rule(&house, "big1", 700, 1000), 0);
    assert_int_equal(add_large_rule(&house, "big2", 700, 1000), 3);
    CAPSA_AUTO_FREE(capsa_json) list = NULL;
    assert_int_equal(
        call_signed(&house, "ListDataPolicy", &alice, true,
                    text("{\"owner_party_id\":\"%s\",\"scope\":\"default\"}", alice.id), &list),
        0);
    assert_int_equal(capsa_json_count(capsa_json_get(list, "policies")), 1);
    assert_int_equal(call(&house, "DeleteDataRule", &alice,
                          text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":"
                               "\"a\",\"rule_id\":\"big1\"}",
                               alice.id)),
                     0);
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, NULL), 0);
    house_close(&house);
}

/* Resources "m0".."mN", each with a policy of its own that takes long to read. */
static void work_runs_out_before_patience_and_tells_nothing(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    furnish(&house);
    enum { MANY = 48 };
    CAPSA_AUTO(capsa_buf) columns = capsa_buf_of(MIB(1));
    assert_ok(capsa_buf_u8(&columns, '['));
    for (int i = 0; i < 790; i++) {
        assert_ok(capsa_buf_format(&columns, "%s\"%01000d\"", i == 0 ? "" : ",", i));
    }
    assert_ok(capsa_buf_str(&columns, ",\"x\"]"));
    const char *columns_text;
    assert_ok(capsa_buf_cstr(&columns, &columns_text));
    CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(KIB(64));
    assert_ok(capsa_buf_u8(&wanted, '['));
    for (int i = 0; i < MANY; i++) {
        char uuid[16];
        (void)snprintf(uuid, sizeof(uuid), "m%d", i);
        assert_int_equal(register_key(&house, &mallory, uuid, KEY_B64), 0);
        CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
        const char *json_text;
        assert_ok(capsa_buf_format(
            &json,
            "{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"policy\":{\"data_uuid\":\"%s\","
            "\"rules\":[{\"rule_id\":\"r\",\"grantee_party_ids\":[\"%s\"],\"columns\":%s,"
            "\"op_constraints\":[{\"op_name\":\"join\"}]}]}}",
            mallory.id, uuid, mallory.id, columns_text));
        assert_ok(capsa_buf_cstr(&json, &json_text));
        assert_int_equal(call(&house, "CreateDataPolicy", &mallory, json_text), 0);
        assert_ok(
            capsa_buf_format(&wanted, "{\"resource_uri\":\"%s\",\"columns\":[\"x\"]},", uuid));
    }
    char texts[2][CAPSA_ERROR_TEXT];
    for (int i = 0; i < 2; i++) { /* what is there and not hers, and what is not there */
        CAPSA_AUTO(capsa_buf) all = capsa_buf_of(KIB(64));
        const char *all_text;
        assert_ok(capsa_buf_append(&all, capsa_buf_bytes(&wanted)));
        assert_ok(capsa_buf_format(&all, "{\"resource_uri\":\"%s\",\"columns\":[\"x\"]}]",
                                   i == 0 ? "a" : "q"));
        assert_ok(capsa_buf_cstr(&all, &all_text));
        assert_int_equal(get_keys(&house, &mallory, "join", all_text, NULL), 7);
        (void)snprintf(texts[i], sizeof(texts[i]), "%s", status_text);
    }
    assert_string_equal(texts[0], texts[1]);
    house_close(&house);
}

static void a_status_quotes_nothing_that_is_no_text(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(4));
    const char *json_text;
    assert_ok(capsa_buf_str(&json, "{\"x"));
    for (int i = 0; i < 200; i++) {
        assert_ok(capsa_buf_str(&json, "\xc3\xa9"));
    }
    assert_ok(capsa_buf_str(&json, "\":1}"));
    assert_ok(capsa_buf_cstr(&json, &json_text));
    assert_int_equal(call(&house, "DeleteDataKey", &alice, json_text), 3);
    assert_ok(capsa_utf8_check(capsa_bytes_str(status_text)));
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_rotated_after_a_revocation_reaches_no_call_in_flight),
        cmocka_unit_test(a_deletion_does_not_bury_what_was_registered_meanwhile),
        cmocka_unit_test(parts_of_one_uuid_are_one_incarnation),
        cmocka_unit_test(a_resource_taken_out_leaves_no_key_for_the_next),
        cmocka_unit_test(a_key_put_under_another_resource_is_not_given_out),
        cmocka_unit_test(a_vote_is_for_the_data_as_it_was),
        cmocka_unit_test(a_policy_cannot_outgrow_its_limits_rule_by_rule),
        cmocka_unit_test(work_runs_out_before_patience_and_tells_nothing),
        cmocka_unit_test(a_status_quotes_nothing_that_is_no_text),
    };
    return cmocka_run_group_tests_name("keymanager_hostile", tests, parties_make, parties_free);
}
