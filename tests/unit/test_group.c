/* SPDX-License-Identifier: Apache-2.0
 *
 * keymanager: GetTlsAsset. Who shares a TLS key with whom, when there is a new one, and that it
 * goes to nobody who would not get the data keys. What TLS libraries say to the certificate is
 * tested in tests/interop/test_group.py.
 */
#include "keymanager_native.h"

#include "keymanager/keymanager_call.h"
#include "store/store_backend.h"

#define DAY INT64_C(86400)
#define BA                                                                                         \
    "[{\"resource_uri\":\"b\",\"columns\":[\"y\"]},{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]"
#define A "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]"
#define B "[{\"resource_uri\":\"b\",\"columns\":[\"y\"]}]"

static const struct capsa_keymanager_options plain = {.rsa_bits = 0};

/* ---- members --------------------------------------------------------------------------------- */

static int grant_two(const struct house *house, const struct party *owner, const char *uuid,
                     const char *scope)
{
    return call(house, "CreateDataPolicy", owner,
                text("{\"owner_party_id\":\"%s\",\"scope\":\"%s\",\"policy\":{\"data_uuid\":"
                     "\"%s\",\"rules\":[{\"rule_id\":\"r1\",\"grantee_party_ids\":[\"%s\",\"%s\"],"
                     "\"columns\":[\"*\"],\"op_constraints\":[{\"op_name\":\"*\"}]}]}}",
                     owner->id, scope, uuid, carol.id, mallory.id));
}

/* Alice's "a" and Bob's "b"; Carol and Mallory may use both for anything. */
static void furnish_two(const struct house *house)
{
    furnish(house);
    assert_int_equal(grant_two(house, &alice, "a", "default"), 0);
    assert_int_equal(grant_two(house, &bob, "b", "default"), 0);
}

static int get_asset(const struct house *house, const struct party *job, const char *scope,
                     const char *op, const char *resources, struct capsa_json **ret_json)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
    const char *json_text;
    key_request(job, scope, op, resources, &json);
    assert_ok(capsa_buf_cstr(&json, &json_text));
    return call_signed(house, "GetTlsAsset", job, true, json_text, ret_json);
}

/* Certificate and key as one text; capsa_dealloc. */
static char *pair_of(const struct capsa_json *answer)
{
    const struct capsa_json *asset = capsa_json_get(answer, "tls_asset");
    assert_non_null(asset);
    CAPSA_AUTO(capsa_buf) both = capsa_buf_of(KIB(64));
    assert_ok(capsa_buf_str(&both, capsa_json_string(capsa_json_get(asset, "cert"))));
    assert_ok(capsa_buf_str(&both, capsa_json_string(capsa_json_get(asset, "private_key"))));
    char *pair;
    assert_ok(capsa_buf_take_str(&both, &pair));
    return pair;
}

static char *pair_for(const struct house *house, const struct party *job, const char *scope,
                      const char *op, const char *resources)
{
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;
    assert_int_equal(get_asset(house, job, scope, op, resources, &answer), 0);
    return pair_of(answer);
}

/* The same for Carol's join of the default scope. */
static char *pair_now(const struct house *house, const char *resources)
{
    return pair_for(house, &carol, "default", "join", resources);
}

static void assert_same(char *one, char *other)
{
    assert_string_equal(one, other);
    capsa_dealloc(one);
    capsa_dealloc(other);
}

/* Neither certificate nor key is that of the other. */
static void assert_differ(char *one, char *other)
{
    const char *key = strstr(one, "-----BEGIN PRIVATE KEY");
    const char *other_key = strstr(other, "-----BEGIN PRIVATE KEY");
    assert_non_null(key);
    assert_non_null(other_key);
    assert_string_not_equal(key, other_key);
    assert_false(strncmp(one, other, 400) == 0);
    capsa_dealloc(one);
    capsa_dealloc(other);
}

static capsa_result count_one(void *context, const struct capsa_record_key *key,
                              const capsa_record *record, bool *ret_stop)
{
    (void)key;
    (void)record;
    (void)ret_stop;
    *(int *)context += 1;
    return CAPSA_OK;
}

static int count_records(const struct house *house, const char *kind)
{
    const struct capsa_record_key prefix = CAPSA_RECORD_KEY("default", kind, NULL);
    int count = 0;
    assert_ok(capsa_store_each(capsa_ledger_store(house->ledger), &prefix, count_one, &count));
    return count;
}

/* ---- who shares with whom -------------------------------------------------------------------- */

static void all_members_get_the_same_bytes_in_whatever_order_they_ask(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish_two(&house);
    char *first = pair_now(&house, BOTH);
    assert_same(first, pair_for(&house, &mallory, "default", "join", BA));
    assert_same(pair_now(&house, BOTH), pair_now(&house, BOTH));
    /* what only policies look at does not count */
    assert_same(pair_now(&house, A),
                pair_now(&house, "[{\"resource_uri\":\"a\",\"columns\":[\"q\",\"x\"],"
                                 "\"attrs\":\"{}\"}]"));
    house_close(&house);
}

static void another_scope_operation_or_set_of_resources_is_another_group(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish_two(&house);
    assert_int_equal(grant_two(&house, &alice, "a", "other"), 0);
    assert_int_equal(grant_two(&house, &bob, "b", "other"), 0);
    char *first = pair_now(&house, BOTH);
    assert_differ(pair_now(&house, BOTH), pair_for(&house, &carol, "other", "join", BOTH));
    assert_differ(pair_now(&house, BOTH), pair_for(&house, &carol, "default", "train", BOTH));
    assert_differ(pair_now(&house, BOTH), pair_now(&house, A));
    assert_differ(pair_now(&house, A), pair_now(&house, B));
    /* no two lists of names run together */
    assert_int_equal(register_key(&house, &alice, "ab", KEY_B64), 0);
    assert_int_equal(grant_two(&house, &alice, "ab", "default"), 0);
    assert_differ(pair_now(&house, BOTH),
                  pair_now(&house, "[{\"resource_uri\":\"ab\",\"columns\":[\"x\"]}]"));
    assert_int_equal(grant_two(&house, &alice, "a", "defaultj"), 0);
    assert_differ(pair_now(&house, A), pair_for(&house, &carol, "defaultj", "oin", A));
    assert_same(first, pair_now(&house, BOTH)); /* nor did any take the place of another */
    assert_int_equal(count_records(&house, "group"), 7);
    house_close(&house);
}

static void parts_of_a_resource_are_resources_of_their_own(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish_two(&house);
    static const char one[] = "[{\"resource_uri\":\"a/1\",\"columns\":[\"x\"]}]";
    static const char two[] = "[{\"resource_uri\":\"a/2\",\"columns\":[\"x\"]}]";
    assert_int_equal(register_key(&house, &alice, "a/1", KEY_B64), 0);
    assert_int_equal(register_key(&house, &alice, "a/2", KEY_B64), 0);
    assert_differ(pair_now(&house, one), pair_now(&house, two));
    assert_differ(pair_now(&house, A), pair_now(&house, one));
    /* a part that catches up with the version of another does not get its group */
    char *second = pair_now(&house, two);
    assert_int_equal(register_key(&house, &alice, "a/1", KEY2_B64), 0);
    char *rotated = pair_now(&house, one);
    assert_same(second, pair_now(&house, two));
    assert_int_equal(register_key(&house, &alice, "a/2", KEY2_B64), 0);
    assert_differ(rotated, pair_now(&house, two));
    house_close(&house);
}

static void the_data_keys_come_along_and_the_manager_says_who_it_is(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish(&house);
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;
    CAPSA_AUTO_FREE(capsa_json) keys = NULL;
    assert_int_equal(get_asset(&house, &carol, "default", "join", BOTH, &answer), 0);
    assert_int_equal(get_keys(&house, &carol, "join", BOTH, &keys), 0);
    static const char *const shared[] = {"data_keys", "cert"};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf) one = capsa_buf_of(KIB(64));
        CAPSA_AUTO(capsa_buf) other = capsa_buf_of(KIB(64));
        assert_ok(capsa_json_write(capsa_json_get(answer, shared[i]), CAPSA_JSON_COMPACT, &one));
        assert_ok(capsa_json_write(capsa_json_get(keys, shared[i]), CAPSA_JSON_COMPACT, &other));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&one), capsa_buf_bytes(&other)));
    }
    /* original clients refuse an answer with members that they do not know */
    assert_int_equal(capsa_json_count(answer), 3);
    assert_int_equal(capsa_json_count(capsa_json_get(answer, "tls_asset")), 2);
    house_close(&house);
}

/* ---- who does not get it --------------------------------------------------------------------- */

static void nothing_is_given_or_made_unless_everything_is_granted(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish(&house);
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;
    assert_int_equal(get_asset(&house, &mallory, "default", "join", BOTH, &answer), 7);
    assert_int_equal(get_asset(&house, &carol, "default", "train", BOTH, &answer), 7);
    assert_int_equal(grant(&house, &bob, "b", &alice, "join", "[\"*\"]"), 0);
    assert_int_equal(get_asset(&house, &carol, "default", "join", BOTH, &answer), 7);
    assert_int_equal(get_asset(&house, &carol, "default", "join",
                               "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]},"
                               "{\"resource_uri\":\"none\",\"columns\":[\"x\"]}]",
                               &answer),
                     7);
    assert_int_equal(get_asset(&house, &carol, "default", "join", "[]", &answer), 3);
    assert_null(answer);
    assert_int_equal(count_records(&house, "group"), 0);
    assert_int_equal(count_records(&house, "release"), 0);
    house_close(&house);
}

static void the_initiator_and_the_certificate_are_the_signers(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish(&house);
    struct party liar = mallory;
    memcpy(liar.id, carol.id, sizeof(liar.id));
    assert_int_equal(get_asset(&house, &liar, "default", "join", BOTH, NULL), 7);
    struct party thief = mallory;
    thief.pem = carol.pem;
    assert_int_equal(get_asset(&house, &thief, "default", "join", BOTH, NULL), 16);
    assert_int_equal(count_records(&house, "group"), 0);
    house_close(&house);
}

static void a_tls_key_is_a_release_of_the_data(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish(&house);
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"b\"]"), 7);
    assert_int_equal(get_asset(&house, &carol, "default", "join", BOTH, NULL), 0);
    assert_int_equal(register_result(&house, &carol, "r", "[\"a\",\"b\"]"), 0);
    house_close(&house);
}

static void who_is_denied_now_gets_nothing_though_the_group_is_there(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish_two(&house);
    char *first = pair_now(&house, BOTH);
    assert_int_equal(grant(&house, &bob, "b", &mallory, "join", "[\"*\"]"), 0);
    assert_int_equal(get_asset(&house, &carol, "default", "join", BOTH, NULL), 7);
    assert_same(first, pair_for(&house, &mallory, "default", "join", BOTH));
    house_close(&house);
}

/* ---- epochs ---------------------------------------------------------------------------------- */

static void a_data_key_registered_anew_makes_a_new_group(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish_two(&house);
    char *first = pair_now(&house, BOTH);
    char *of_a = pair_now(&house, A);
    assert_int_equal(register_key(&house, &bob, "b", KEY2_B64), 0); /* the same bytes, again */
    char *second = pair_now(&house, BOTH);
    assert_differ(first, capsa_strdup(second));
    assert_same(second, pair_for(&house, &mallory, "default", "join", BA));
    assert_same(of_a, pair_now(&house, A));
    /* also by way of a deletion */
    char *before = pair_now(&house, BOTH);
    assert_int_equal(call(&house, "DeleteDataKey", &bob,
                          text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"b\"}", bob.id)),
                     0);
    assert_int_equal(get_asset(&house, &carol, "default", "join", BOTH, NULL), 5);
    assert_int_equal(register_key(&house, &bob, "b", KEY2_B64), 0);
    assert_differ(before, pair_now(&house, BOTH));
    house_close(&house);
}

/* Another certificate for the same key: the parties' own end too soon for some tests. */
static void live_longer(struct party *party)
{
    const struct capsa_cert_request request = {.not_before = NOW - 100,
                                               .not_after = NOW + 400 * DAY};
    capsa_cert_free(party->chain.certs[0]);
    assert_ok(capsa_cert_self_sign(party->key, &request, &party->chain.certs[0]));
}

static void a_certificate_near_its_end_is_followed_by_another(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish(&house);
    char *first = pair_now(&house, BOTH);
    test_clock.fixed = NOW + (365 - 30) * DAY; /* exactly 30 days are left */
    live_longer(&carol);
    assert_same(first, pair_now(&house, BOTH));
    char *kept = pair_now(&house, BOTH);
    test_clock.fixed += 1;
    char *renewed = pair_now(&house, BOTH);
    assert_differ(kept, capsa_strdup(renewed));
    assert_same(renewed, pair_now(&house, BOTH));
    test_clock.fixed = NOW;
    house_close(&house);
}

/* ---- one first ------------------------------------------------------------------------------- */

/* A store in which something happens once, right behind a read of a record of some kind. */
struct busy_store {
    struct capsa_store base;
    struct capsa_store *inner;
    const char *kind;
    void (*happens)(const struct house *house);
    const struct house *house;
};
static struct busy_store busy;

static capsa_result busy_get(struct capsa_store *store, capsa_bytes key, capsa_record *ret_record)
{
    (void)store;
    capsa_result result = busy.inner->ops->get(busy.inner, key, ret_record);
    void (*happens)(const struct house *) = busy.happens;
    if (happens != NULL && memmem(key.data, key.len, busy.kind, strlen(busy.kind)) != NULL) {
        struct capsa_error kept;
        capsa_error_keep(result, &kept);
        busy.happens = NULL;
        happens(busy.house);
        return kept.code == CAPSA_E_OK
                   ? result
                   : capsa_error_make(kept.code, kept.file, kept.line, "%s", kept.text);
    }
    return result;
}

static capsa_result busy_each(struct capsa_store *store, capsa_bytes prefix,
                              capsa_store_row_visit visit, void *context)
{
    (void)store;
    return busy.inner->ops->each(busy.inner, prefix, visit, context);
}

static capsa_result busy_apply(struct capsa_store *store, const struct capsa_group *group)
{
    (void)store;
    return busy.inner->ops->apply(busy.inner, group);
}

static void busy_close(struct capsa_store *store)
{
    (void)store;
    capsa_store_free(busy.inner);
}

static const struct capsa_store_ops busy_ops = {.scheme = "memory",
                                                .get = busy_get,
                                                .each = busy_each,
                                                .apply = busy_apply,
                                                .close = busy_close};

static void busy_house_open(struct house *house)
{
    *house = (struct house){.ledger = NULL};
    busy = (struct busy_store){.base.ops = &busy_ops, .house = house};
    assert_ok(capsa_store_open("memory:", &busy.inner));
    struct capsa_ledger_options options = ledger_options(NULL, NULL);
    options.inner = &busy.base;
    assert_ok(capsa_ledger_open(&options, &house->ledger));
    house_open_on(house, plain);
    house_learn_cert(house);
}

static char *mallorys;

static void mallory_is_first(const struct house *house)
{
    mallorys = pair_for(house, &mallory, "default", "join", BOTH);
}

static void of_two_first_callers_both_get_the_firsts(void **state)
{
    (void)state;
    struct house house;
    busy_house_open(&house);
    furnish_two(&house);
    mallorys = NULL;
    busy.kind = "group";
    busy.happens = mallory_is_first;
    char *carols = pair_now(&house, BOTH);
    assert_non_null(mallorys);
    assert_same(carols, mallorys);
    assert_int_equal(count_records(&house, "group"), 1);
    house_close(&house);
}

static void bob_rotates(const struct house *house)
{
    assert_int_equal(register_key(house, &bob, "b", KEY_B64), 0);
}

static void a_key_registered_meanwhile_is_that_of_the_group(void **state)
{
    (void)state;
    struct house house;
    busy_house_open(&house);
    furnish_two(&house);
    busy.kind = "group";
    busy.happens = bob_rotates;
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;
    assert_int_equal(get_asset(&house, &carol, "default", "join", BOTH, &answer), 0);
    const struct capsa_json *key = capsa_json_at(capsa_json_get(answer, "data_keys"), 1);
    assert_string_equal(capsa_json_string(capsa_json_get(key, "data_key_b64")), KEY_B64);
    assert_same(pair_of(answer), pair_now(&house, BOTH));
    house_close(&house);
}

static void the_group_is_there_after_a_restart(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish_two(&house);
    char *first = pair_now(&house, BOTH);
    house_stop(&house);
    house_open_on(&house, plain);
    house_learn_cert(&house);
    assert_same(first, pair_for(&house, &mallory, "default", "join", BOTH));
    house_close(&house);
}

/* ---- the native protocol's answer ------------------------------------------------------------ */

static void native_asset(const struct house *house, bool natively, struct capsa_json **ret_answer)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(1));
    const char *json_text;
    key_request(&carol, "default", "join", BOTH, &json);
    assert_ok(capsa_buf_cstr(&json, &json_text));
    capsa_json_free(*ret_answer);
    *ret_answer = NULL;
    if (!natively) {
        assert_int_equal(call_signed(house, "GetTlsAsset", &carol, true, json_text, ret_answer), 0);
        return;
    }
    struct announced announced;
    struct native_answer answer;
    const struct native_request request = {
        .method = "GetTlsAsset", .signer = &carol, .json = json_text};
    announced_learn(house, &announced);
    assert_int_equal(native_call(house, &announced, &request, &answer), 0);
    assert_int_equal(answer.leaf.type, CAPSA_AUDIT_GROUP_RELEASE);
    *ret_answer = answer.body;
    announced_free(&announced);
}

static const char *asset_text(const struct capsa_json *answer, const char *name)
{
    const struct capsa_json *member = capsa_json_get(capsa_json_get(answer, "tls_asset"), name);
    return member == NULL ? NULL : capsa_json_string(member);
}

static void native_answers_tell_the_epoch_the_end_and_the_certificate_before(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish(&house);
    CAPSA_AUTO_FREE(capsa_json) first = NULL;
    CAPSA_AUTO_FREE(capsa_json) next = NULL;
    native_asset(&house, false, &first);
    assert_int_equal(capsa_json_count(capsa_json_get(first, "tls_asset")), 2);
    native_asset(&house, true, &first);
    assert_string_equal(asset_text(first, "epoch"), "1");
    assert_string_equal(asset_text(first, "not_after"), text("%lld", (long long)(NOW + 365 * DAY)));
    assert_null(asset_text(first, "previous_cert"));
    assert_int_equal(register_key(&house, &alice, "a", KEY2_B64), 0);
    for (int64_t day = 0; day <= 30; day += 15) {
        test_clock.fixed = NOW + day * DAY;
        native_asset(&house, true, &next);
        assert_string_equal(asset_text(next, "epoch"), "2");
        assert_string_not_equal(asset_text(next, "cert"), asset_text(first, "cert"));
        if (day < 30) {
            assert_string_equal(asset_text(next, "previous_cert"), asset_text(first, "cert"));
        } else { /* no longer trusted than a renewed certificate would be good */
            assert_null(asset_text(next, "previous_cert"));
        }
    }
    test_clock.fixed = NOW + 340 * DAY;
    CAPSA_AUTO_FREE(capsa_json) last = NULL;
    native_asset(&house, true, &last);
    assert_string_equal(asset_text(last, "epoch"), "3");
    assert_string_equal(asset_text(last, "previous_cert"), asset_text(next, "cert"));
    test_clock.fixed = NOW;
    house_close(&house);
}

static void the_certificate_is_that_of_the_key_for_a_year(void **state)
{
    (void)state;
    struct house house;
    house_open(&house, plain);
    furnish(&house);
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;
    assert_int_equal(get_asset(&house, &carol, "default", "join", BOTH, &answer), 0);
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) public = NULL;
    assert_ok(capsa_cert_parse_pem(capsa_bytes_str(asset_text(answer, "cert")), &cert));
    assert_ok(capsa_private_key_parse(capsa_bytes_str(asset_text(answer, "private_key")), &key));
    assert_ok(capsa_public_key_of(key, &public));
    assert_true(capsa_public_key_same(public, capsa_cert_key(cert)));
    assert_int_equal(capsa_private_key_kind(key), CAPSA_KEY_P256);
    capsa_time not_before, not_after;
    capsa_cert_validity(cert, &not_before, &not_after);
    assert_int_equal(not_before, NOW - DAY);
    assert_int_equal(not_after, NOW + 365 * DAY);
    assert_ok(capsa_chain_check(&cert, 1, NOW));
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_members_get_the_same_bytes_in_whatever_order_they_ask),
        cmocka_unit_test(another_scope_operation_or_set_of_resources_is_another_group),
        cmocka_unit_test(parts_of_a_resource_are_resources_of_their_own),
        cmocka_unit_test(the_data_keys_come_along_and_the_manager_says_who_it_is),
        cmocka_unit_test(nothing_is_given_or_made_unless_everything_is_granted),
        cmocka_unit_test(the_initiator_and_the_certificate_are_the_signers),
        cmocka_unit_test(a_tls_key_is_a_release_of_the_data),
        cmocka_unit_test(who_is_denied_now_gets_nothing_though_the_group_is_there),
        cmocka_unit_test(a_data_key_registered_anew_makes_a_new_group),
        cmocka_unit_test(a_certificate_near_its_end_is_followed_by_another),
        cmocka_unit_test(of_two_first_callers_both_get_the_firsts),
        cmocka_unit_test(a_key_registered_meanwhile_is_that_of_the_group),
        cmocka_unit_test(the_group_is_there_after_a_restart),
        cmocka_unit_test(native_answers_tell_the_epoch_the_end_and_the_certificate_before),
        cmocka_unit_test(the_certificate_is_that_of_the_key_for_a_year),
    };
    return cmocka_run_group_tests(tests, parties_make, parties_free);
}
