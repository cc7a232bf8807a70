/* SPDX-License-Identifier: Apache-2.0
 *
 * keymanager: every method, from the bytes of its envelope to those of its answer, with every
 * allocation, read of randomness and call that changes the disk failing in turn, over a store in
 * memory and one on disk. What was answered with success is there whole, what was refused is there
 * whole or not at all, a release that was answered stands, and the manager goes on working.
 */
#include "failing_scene.h"

/* ---- One call of many fails ------------------------------------------------------------------ */

/* The next call to reach the manager, if `armed`. */
static struct {
    bool armed;
    enum failing_what what;
    enum failing_how how;
    size_t nth;
    struct failing_count count;
} fault;

static struct capsa_rpc_method real_methods[32];

/* What gRPC would tell, as an answer, so that the scene can read it. */
static void answer_status(const char *method, enum capsa_code code, capsa_buf *ret_message)
{
    Cm__Status status = CM__STATUS__INIT;
    status.code = capsa_code_status(code);
    status.message = (char[]){"by gRPC"};
    if (strstr(method, "GetRaCert") != NULL) {
        Cm__GetRaCertResponse response = CM__GET_RA_CERT_RESPONSE__INIT;
        response.status = &status;
        assert_ok(capsa_protobuf_write(&response.base, ret_message));
        return;
    }
    Cm__EncryptedResponse response = CM__ENCRYPTED_RESPONSE__INIT;
    response.status = &status;
    assert_ok(capsa_protobuf_write(&response.base, ret_message));
}

static capsa_result handle(void *context, const struct capsa_rpc_call *rpc, capsa_buf *ret_message)
{
    const struct capsa_rpc_method *real = context;
    if (!fault.armed) {
        return real->handler(real->context, rpc, ret_message);
    }
    fault.armed = false;
    failing_arm(fault.what, fault.how, fault.nth);
    capsa_result result = real->handler(real->context, rpc, ret_message);
    fault.count = failing_disarm();
    if (capsa_failed(result)) {
        assert_true(failing_code_fits(fault.what, capsa_code_of(result)));
        assert_int_equal(ret_message->len, 0);
        answer_status(rpc->method, capsa_code_of(result), ret_message);
    }
    return CAPSA_OK;
}

static void methods_wrap(struct house *house)
{
    size_t count = capsa_keymanager_method_count();
    assert_true(count <= sizeof(real_methods) / sizeof(real_methods[0]));
    for (size_t i = 0; i < count; i++) {
        real_methods[i] = house->methods[i];
        house->methods[i].handler = handle;
        house->methods[i].context = &real_methods[i];
    }
}

static void house_make(struct house *house, bool on_disk)
{
    store_open(house, on_disk);
    manager_open(house);
    methods_wrap(house);
}

/* ---- Names that each turn has of its own ----------------------------------------------------- */

static unsigned turn;

static const char *uuid(void)
{
    return text("u%u", turn);
}

static const char *scope(void)
{
    return text("s%u", turn);
}

static int remove_key(const struct house *house, const char *uri)
{
    return call(house, "DeleteDataKey", &alice,
                text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"%s\"}", alice.id, uri));
}

/* Whether the key is there; and then it is not any more. */
static bool take_key(const struct house *house, const char *uri)
{
    return remove_key(house, uri) == 0;
}

/* How many rules Alice's policy of this turn has; -1: no policy. */
static int rules(const struct house *house)
{
    CAPSA_AUTO_FREE(capsa_json) answer = NULL;
    assert_int_equal(
        call_signed(house, "ListDataPolicy", &alice, true,
                    text("{\"owner_party_id\":\"%s\",\"scope\":\"%s\"}", alice.id, scope()),
                    &answer),
        0);
    const struct capsa_json *policies = capsa_json_get(answer, "policies");
    assert_true(capsa_json_count(policies) <= 1);
    if (capsa_json_count(policies) == 0) {
        return -1;
    }
    return (int)capsa_json_count(capsa_json_get(capsa_json_at(policies, 0), "rules"));
}

static int put_policy(const struct house *house)
{
    return call(house, "CreateDataPolicy", &alice,
                text("{\"owner_party_id\":\"%s\",\"scope\":\"%s\",\"policy\":{\"data_uuid\":\"%s\","
                     "\"rules\":[{\"rule_id\":\"r1\",\"grantee_party_ids\":[\"%s\"],\"columns\":"
                     "[\"x\"],\"op_constraints\":[{\"op_name\":\"join\"}]}]}}",
                     alice.id, scope(), uuid(), carol.id));
}

/* ---- The methods ----------------------------------------------------------------------------- */

static void nothing(const struct house *house)
{
    (void)house;
}

static void registered(const struct house *house)
{
    assert_int_equal(register_key(house, &alice, uuid(), KEY_B64), 0);
}

static void with_policy(const struct house *house)
{
    registered(house);
    assert_int_equal(put_policy(house), 0);
}

static void granted(const struct house *house)
{
    registered(house);
    assert_int_equal(grant(house, &alice, uuid(), &carol, "join", "[\"x\"]"), 0);
}

static const char *resources(void)
{
    return text("[{\"resource_uri\":\"%s\",\"columns\":[\"x\"]}]", uuid());
}

static void released(const struct house *house)
{
    granted(house);
    assert_int_equal(get_keys(house, &carol, "join", resources(), NULL), 0);
}

static int put_result(const struct house *house)
{
    return register_result(house, &carol, text("r%u", turn), text("[\"%s\"]", uuid()));
}

static void with_result(const struct house *house)
{
    released(house);
    assert_int_equal(put_result(house), 0);
}

static struct capsa_json *given; /* the body of an answer, or NULL */

static int create_keys(const struct house *house)
{
    return call(house, "CreateDataKeys", &alice,
                text("{\"owner_party_id\":\"%s\",\"data_keys\":["
                     "{\"resource_uri\":\"%s\",\"data_key_b64\":\"" KEY_B64 "\"},"
                     "{\"resource_uri\":\"%s/part\",\"data_key_b64\":\"" KEY2_B64 "\"},"
                     "{\"resource_uri\":\"other-%s\",\"data_key_b64\":\"" KEY2_B64 "\"}]}",
                     alice.id, uuid(), uuid(), uuid()));
}

static void check_create_keys(const struct house *house, int code)
{
    int there = take_key(house, text("%s/part", uuid())) + take_key(house, uuid()) +
                take_key(house, text("other-%s", uuid()));
    assert_true(there == 3 || (code != 0 && there == 0));
}

static int delete_key(const struct house *house)
{
    return remove_key(house, uuid());
}

static void check_delete_key(const struct house *house, int code)
{
    bool there = take_key(house, uuid());
    assert_true(!there || code != 0);
}

static void check_put_policy(const struct house *house, int code)
{
    int count = rules(house);
    assert_true(count == 1 || (code != 0 && count == -1));
}

static int list_policies(const struct house *house)
{
    return call_signed(house, "ListDataPolicy", &alice, true,
                       text("{\"owner_party_id\":\"%s\",\"scope\":\"%s\"}", alice.id, scope()),
                       &given);
}

static void check_list(const struct house *house, int code)
{
    (void)house;
    assert_true((code == 0) == (capsa_json_count(capsa_json_get(given, "policies")) == 1));
}

static int add_rule(const struct house *house)
{
    return call(house, "AddDataRule", &alice,
                text("{\"owner_party_id\":\"%s\",\"scope\":\"%s\",\"data_uuid\":\"%s\",\"rule\":{"
                     "\"rule_id\":\"r2\",\"grantee_party_ids\":[\"%s\"],\"columns\":[\"*\"],"
                     "\"op_constraints\":[{\"op_name\":\"*\"}]}}",
                     alice.id, scope(), uuid(), carol.id));
}

static void check_add_rule(const struct house *house, int code)
{
    int count = rules(house);
    assert_true(count == 2 || (code != 0 && count == 1));
}

static int delete_rule(const struct house *house)
{
    return call(house, "DeleteDataRule", &alice,
                text("{\"owner_party_id\":\"%s\",\"scope\":\"%s\",\"data_uuid\":\"%s\","
                     "\"rule_id\":\"r1\"}",
                     alice.id, scope(), uuid()));
}

static void check_delete_rule(const struct house *house, int code)
{
    int count = rules(house);
    assert_true(count == 0 || (code != 0 && count == 1));
}

static int delete_policy(const struct house *house)
{
    return call(house, "DeleteDataPolicy", &alice,
                text("{\"owner_party_id\":\"%s\",\"scope\":\"%s\",\"data_uuid\":\"%s\"}", alice.id,
                     scope(), uuid()));
}

static void check_delete_policy(const struct house *house, int code)
{
    int count = rules(house);
    assert_true(count == -1 || (code != 0 && count == 1));
}

static int get_data_keys(const struct house *house)
{
    return get_keys(house, &carol, "join", resources(), &given);
}

/* A key that was given out is on record: what Carol makes of it may name where it came from. */
static void check_get_data_keys(const struct house *house, int code)
{
    assert_true((code == 0) == (given != NULL));
    if (code == 0) {
        const struct capsa_json *keys = capsa_json_get(given, "data_keys");
        assert_string_equal(
            capsa_json_string(capsa_json_get(capsa_json_at(keys, 0), "data_key_b64")), KEY_B64);
        assert_int_equal(put_result(house), 0);
    }
}

static void check_put_result(const struct house *house, int code)
{
    bool there = take_key(house, text("r%u", turn));
    assert_true(there || code != 0);
}

static int export_key(const struct house *house)
{
    const char *uri = text("r%u", turn);
    return export(house, &alice, uri, uri, 0, NULL, 0, &given);
}

static void check_export(const struct house *house, int code)
{
    (void)house;
    assert_true((code == 0) == (given != NULL));
    if (code == 0) {
        assert_string_equal(
            capsa_json_string(capsa_json_get(capsa_json_get(given, "data_key"), "data_key_b64")),
            KEY2_B64);
    }
}

static int register_cert(const struct house *house)
{
    CAPSA_AUTO_FREE(capsa_json) request = capsa_json_new_object();
    const struct party *links[] = {&bob};
    assert_ok(capsa_json_set(request, "owner_party_id", capsa_json_new_string(bob.id)));
    assert_ok(capsa_json_set(request, "certs", chain_json(links, 1)));
    assert_ok(capsa_json_set(request, "scheme", capsa_json_new_string("RSA")));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(64));
    const char *json_text;
    assert_ok(capsa_json_write(request, CAPSA_JSON_COMPACT, &json));
    assert_ok(capsa_buf_cstr(&json, &json_text));
    return call_signed(house, "RegisterCert", &bob, false, json_text, NULL);
}

static int get_ra_cert(const struct house *house)
{
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(MIB(1));
    ask(house, "GetRaCert", CAPSA_BYTES_LITERAL(""), &answer);
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(&cm__get_ra_cert_response__descriptor, capsa_buf_bytes(&answer),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const Cm__GetRaCertResponse *response = (const Cm__GetRaCertResponse *)message;
    assert_true((response->status->code == 0) == (response->cert[0] != '\0'));
    return response->status->code;
}

static void no_check(const struct house *house, int code)
{
    (void)house;
    (void)code;
}

static const struct act {
    const char *name;
    void (*prepare)(const struct house *house);
    int (*run)(const struct house *house); /* its first call is the one that fails */
    void (*check)(const struct house *house, int code);
} acts[] = {
    {"GetRaCert", nothing, get_ra_cert, no_check},
    {"CreateDataKeys", nothing, create_keys, check_create_keys},
    {"DeleteDataKey", registered, delete_key, check_delete_key},
    {"CreateDataPolicy", registered, put_policy, check_put_policy},
    {"ListDataPolicy", with_policy, list_policies, check_list},
    {"AddDataRule", with_policy, add_rule, check_add_rule},
    {"DeleteDataRule", with_policy, delete_rule, check_delete_rule},
    {"DeleteDataPolicy", with_policy, delete_policy, check_delete_policy},
    {"GetDataKeys", granted, get_data_keys, check_get_data_keys},
    {"CreateResultDataKey", released, put_result, check_put_result},
    {"GetExportDataKey", with_result, export_key, check_export},
    {"RegisterCert", nothing, register_cert, no_check},
};

/* ---- The faults ------------------------------------------------------------------------------ */

/* The status that a fault may lead to. What libcrypto had no memory for may also be refused. */
static bool status_fits(enum failing_what what, int code)
{
    static const int fitting[FAILING_KINDS][6] = {
        [FAILING_MEMORY] = {8},
        [FAILING_LIBRARIES] = {8, 13, 14, 16, 3, 12},
        [FAILING_RANDOM] = {14, 13},
        [FAILING_DISK] = {14},
    };
    for (size_t i = 0; i < 6; i++) {
        if (code != 0 && fitting[what][i] == code) {
            return true;
        }
    }
    return false;
}

/* The manager answers again; after a fault in libcrypto's RSA, within 32 calls (failing.c). */
static void settle(const struct house *house)
{
    size_t tries = fault.what == FAILING_LIBRARIES ? 33 : 1;
    int code = 1;
    for (size_t i = 0; i < tries && code != 0; i++) {
        code = register_key(house, &bob, "settle", KEY_B64);
    }
    assert_int_equal(code, 0);
}

/* True when no call failed. */
static bool act_failing(const struct house *house, const struct act *act)
{
    turn++;
    capsa_json_free(given);
    given = NULL;
    act->prepare(house);
    fault.armed = true;
    int code = act->run(house);
    assert_false(fault.armed);
    if (code != 0 && (fault.count.failed == 0 || !status_fits(fault.what, code))) {
        fail_msg("%s, kind %d, call %zu: %d: %s", act->name, (int)fault.what, fault.nth, code,
                 status_text);
    }
    assert_true(code != 0 || !failing_must_fail(fault.what, fault.count));
    if (fault.count.failed > 0) {
        settle(house);
    }
    act->check(house, code);
    return fault.count.failed == 0;
}

static void each_fault(const struct house *house, const struct act *act)
{
    for (int what = FAILING_MEMORY; what <= FAILING_DISK; what++) {
        bool twice = what == FAILING_DISK || (what == FAILING_MEMORY && failing_is_full());
        for (int how = FAILING_ONCE; how <= (twice ? FAILING_EVER : FAILING_ONCE); how++) {
            fault.what = (enum failing_what)what;
            fault.how = (enum failing_how)how;
            fault.nth = 0;
            while (!act_failing(house, act)) {
                fault.nth = failing_next(fault.nth);
            }
        }
    }
}

static void whatever_fails_an_answer_is_true(bool on_disk)
{
    struct house house;
    house_make(&house, on_disk);
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        each_fault(&house, &acts[i]);
    }
    capsa_json_free(given);
    given = NULL;
    house_close(&house);
    failing_check_leaks();
}

static void whatever_fails_an_answer_is_true_in_memory(void **state)
{
    (void)state;
    whatever_fails_an_answer_is_true(false);
}

static void whatever_fails_an_answer_is_true_on_disk(void **state)
{
    (void)state;
    whatever_fails_an_answer_is_true(true);
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* A manager of its own making. libcrypto's allocations are left out: it breaks when it has no
 * memory for signing a certificate (failing_crypto.c). */
static bool start_failing(enum failing_what what, enum failing_how how, size_t nth)
{
    struct house house;
    store_open(&house, true);
    const struct capsa_keymanager_options options = {
        .ledger = house.ledger, .clock = &test_clock, .rsa_bits = 2048};
    struct capsa_keymanager *manager = NULL;
    failing_arm(what, how, nth);
    capsa_result result = capsa_keymanager_new(&options, &manager);
    struct failing_count count = failing_disarm();
    if (capsa_failed(result)) {
        assert_true(count.failed > 0 && failing_code_fits(what, capsa_code_of(result)));
        assert_null(manager);
        assert_ok(capsa_keymanager_new(&options, &manager));
    }
    house_adopt(&house, manager);
    char first[CAPSA_KID], second[CAPSA_KID];
    capsa_public_key_kid(capsa_cert_key(house.cert), first);
    house_stop(&house);
    assert_ok(capsa_keymanager_new(&options, &manager));
    house_adopt(&house, manager);
    capsa_public_key_kid(capsa_cert_key(house.cert), second);
    assert_string_equal(first, second);
    house_close(&house);
    return count.failed == 0;
}

static void a_manager_that_could_not_start_starts_later_and_stays_itself(void **state)
{
    (void)state;
    static const enum failing_what kinds[] = {FAILING_MEMORY, FAILING_RANDOM, FAILING_DISK};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        bool done = false;
        for (size_t nth = 0; !done; nth += failing_is_full() ? 1 : 1 + nth) {
            folder_empty();
            done = start_failing(kinds[i], FAILING_ONCE, nth);
        }
    }
    failing_check_leaks();
}

int main(void)
{
    failing_install();
    failing_sample(5);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_fails_an_answer_is_true_in_memory),
        cmocka_unit_test(whatever_fails_an_answer_is_true_on_disk),
        cmocka_unit_test(a_manager_that_could_not_start_starts_later_and_stays_itself),
    };
    return cmocka_run_group_tests_name("keymanager, failing", tests, scene_make, scene_free);
}
