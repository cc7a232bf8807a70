/* SPDX-License-Identifier: Apache-2.0
 *
 * The native protocol at the key manager: for whom, for what, when and how often a request is good,
 * and what every answer proves. The envelope's own bytes are test_native.c's.
 */
#include "keymanager_native.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "keymanager/keymanager_envelope.h"

/* ---- who the manager is ---------------------------------------------------------------------- */

static void the_certificate_announces_genesis_keys_and_anchor(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    assert_string_equal(scene.announced.genesis->mode, "simulation");
    assert_string_equal(scene.announced.id, capsa_ledger_manager_id(scene.house.ledger));
    assert_string_equal(scene.announced.info->anchor, "none");
    assert_int_equal(scene.announced.info->n_keys, 3);
    char own[CAPSA_KID];
    capsa_public_key_kid(capsa_cert_key(scene.house.cert), own);
    assert_string_equal(scene.announced.info->keys[0]->kid, own);
    capsa_time from, to;
    capsa_cert_validity(scene.house.cert, &from, &to);
    assert_int_equal(to, NOW + 86400 + 600);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(scene.announced.info->keys[i]->not_after, NOW + 86400 + 600);
    }
    scene_close(&scene);
}

static void both_curves_and_every_method_work(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    static const enum capsa_key_kind kinds[] = {CAPSA_KEY_P256, CAPSA_KEY_X25519};
    for (size_t i = 0; i < 2; i++) {
        struct native_answer answer;
        const struct native_request create = {.method = "CreateDataKeys",
                                              .signer = &alice,
                                              .json = create_json(&alice, i == 0 ? "a" : "a/2"),
                                              .kind = kinds[i]};
        assert_int_equal(native_call(&scene.house, &scene.announced, &create, &answer), 0);
        assert_true(answer.has_leaf);
        assert_int_equal(answer.leaf.type, CAPSA_AUDIT_KEY_CREATE);
        native_answer_free(&answer);
    }
    assert_int_equal(grant(&scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    struct native_answer answer;
    const struct native_request get = {
        .method = "GetDataKeys", .signer = &carol, .json = get_json(&carol, "join", "a", "x")};
    assert_int_equal(native_call(&scene.house, &scene.announced, &get, &answer), 0);
    const struct capsa_json *keys = capsa_json_get(answer.body, "data_keys");
    assert_int_equal(capsa_json_count(keys), 1);
    assert_string_equal(capsa_json_string(capsa_json_get(capsa_json_at(keys, 0), "data_key_b64")),
                        KEY_B64);
    assert_int_equal(answer.leaf.type, CAPSA_AUDIT_KEY_RELEASE);
    native_answer_free(&answer);
    scene_close(&scene);
}

/* A party whose key is P-256 cannot be answered by the original protocol, and can by this one. */
static void an_ec_party_is_answered_natively(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    struct party erin = {.key = NULL};
    const struct capsa_cert_request request = {.not_before = NOW - 100, .not_after = NOW + 100000};
    assert_ok(capsa_private_key_new_p256(&erin.key));
    assert_ok(capsa_cert_self_sign(erin.key, &request, &erin.chain.certs[0]));
    erin.chain.count = 1;
    assert_ok(capsa_cert_party_id(erin.chain.certs[0], erin.id));
    const char *json = text("{\"owner_party_id\":\"%s\",\"scope\":\"default\"}", erin.id);
    assert_int_equal(call(&scene.house, "ListDataPolicy", &erin, json), 12);
    assert_int_equal(native(&scene.house, &scene.announced, "ListDataPolicy", &erin, json), 0);
    capsa_private_key_free(erin.key);
    capsa_chain_drop(&erin.chain);
    scene_close(&scene);
}

static void an_sm2_party_signs_with_sm3_and_nothing_else(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    struct party mei = {.key = NULL};
    const struct capsa_cert_request request = {.not_before = NOW - 100, .not_after = NOW + 100000};
    assert_ok(capsa_private_key_new_sm2(&mei.key));
    assert_ok(capsa_cert_self_sign(mei.key, &request, &mei.chain.certs[0]));
    mei.chain.count = 1;
    assert_ok(capsa_cert_party_id(mei.chain.certs[0], mei.id));
    assert_int_equal(
        native(&scene.house, &scene.announced, "CreateDataKeys", &mei, create_json(&mei, "m")), 0);
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(KIB(1));
    assert_fails(capsa_sign(mei.key, CAPSA_ES256, CAPSA_BYTES_LITERAL("x"), &signature),
                 UNAUTHENTIC);
    capsa_private_key_free(mei.key);
    capsa_chain_drop(&mei.chain);
    scene_close(&scene);
}

/* ---- what a request is good for -------------------------------------------------------------- */

static void a_request_is_for_one_manager_one_method_and_now(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    static const char other[] = "00000000000000000000000000000000000000000000000000000000000000aa";
    const struct native_request wrong[] = {
        {.aud = other},
        {.claimed_method = "DeleteDataKey"},
        {.iat = NOW - 301},
        {.iat = NOW + 301},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct native_request request = wrong[i];
        request.method = "CreateDataKeys";
        request.signer = &alice;
        request.json = create_json(&alice, "a");
        struct native_answer answer;
        assert_int_equal(native_call(&scene.house, &scene.announced, &request, &answer), 16);
        native_answer_free(&answer);
    }
    const struct native_request edge[] = {{.iat = NOW - 300}, {.iat = NOW + 300}};
    for (size_t i = 0; i < 2; i++) {
        struct native_request request = edge[i];
        request.method = "CreateDataKeys";
        request.signer = &alice;
        request.json = create_json(&alice, "a");
        struct native_answer answer;
        assert_int_equal(native_call(&scene.house, &scene.announced, &request, &answer), 0);
        native_answer_free(&answer);
    }
    scene_close(&scene);
}

static void a_native_request_is_spent_across_methods_and_envelopes(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_native_channel) channel = {.response_key = NULL};
    static const uint8_t jti[16] = "0123456789abcdef";
    const struct native_request create = {
        .method = "CreateDataKeys", .signer = &alice, .json = create_json(&alice, "a"), .jti = jti};
    native_wrap(&scene.announced, &create, &bytes, &channel);
    struct native_answer answer;
    native_send(&scene.house, &scene.announced, "CreateDataKeys", capsa_buf_bytes(&bytes), &channel,
                &answer);
    assert_int_equal(answer.code, 0);
    native_send(&scene.house, &scene.announced, "CreateDataKeys", capsa_buf_bytes(&bytes), &channel,
                &answer);
    assert_int_equal(answer.code, 6);
    /* The same number in another envelope, and for another method. */
    struct native_request again = create;
    again.kind = CAPSA_KEY_P256;
    assert_int_equal(native_call(&scene.house, &scene.announced, &again, &answer), 6);
    again.method = "DeleteDataKey";
    again.json = text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"a\"}", alice.id);
    assert_int_equal(native_call(&scene.house, &scene.announced, &again, &answer), 6);
    /* Another key may have come upon the same number. */
    struct native_request others = create;
    others.signer = &bob;
    others.json = create_json(&bob, "b");
    assert_int_equal(native_call(&scene.house, &scene.announced, &others, &answer), 0);
    native_answer_free(&answer);
    scene_close(&scene);
}

static void neither_protocol_is_taken_for_the_other(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    CAPSA_AUTO(capsa_buf) original = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) reply = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_native_channel) channel = {.response_key = NULL};
    struct native_answer answer;
    wrap(&scene.house, &alice, true, create_json(&alice, "a"), &original);
    native_send(&scene.house, &scene.announced, "CreateDataKeys", capsa_buf_bytes(&original),
                &channel, &answer);
    assert_int_equal(answer.code, -1);
    assert_int_not_equal(answer.outer, 0);
    const struct native_request create = {
        .method = "CreateDataKeys", .signer = &alice, .json = create_json(&alice, "a")};
    native_wrap(&scene.announced, &create, &bytes, &channel);
    ask(&scene.house, "CreateDataKeys", capsa_buf_bytes(&bytes), &reply);
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(&cm__encrypted_response__descriptor, capsa_buf_bytes(&reply),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    assert_int_equal(((const Cm__EncryptedResponse *)message)->status->code, 12);
    /* Nothing was registered by either. */
    assert_int_equal(register_key(&scene.house, &bob, "a", KEY_B64), 0);
    scene_close(&scene);
}

static void whoever_puts_native_claims_into_an_original_request_is_held_to_them(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    for (int fits = 0; fits < 2; fits++) {
        struct capsa_jws_claims claims = {.aud = scene.announced.id,
                                          .method = fits ? "CreateDataKeys" : "DeleteDataKey",
                                          .iat = NOW};
        assert_ok(capsa_random(claims.jti, sizeof(claims.jti)));
        CAPSA_AUTO(capsa_buf) jws = capsa_buf_of(MIB(1));
        assert_ok(capsa_jws_make_native(alice.key, &alice.chain, &claims,
                                        capsa_bytes_str(create_json(&alice, "a")), &jws));
        assert_int_equal(send_jws(&scene.house, "CreateDataKeys", &jws), fits ? 0 : 16);
    }
    scene_close(&scene);
}

static void a_change_may_name_the_version_that_it_changes(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    assert_int_equal(register_key(&scene.house, &alice, "a", KEY_B64), 0);
    const char *policy = text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"policy\":"
                              "{\"data_uuid\":\"a\",\"rules\":[]}}",
                              alice.id);
    const struct {
        int64_t version;
        int code;
    } steps[] = {{1, 10}, {0, 0}, {0, 10}, {1, 0}, {2, 0}, {2, 10}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const struct native_request put = {.method = "CreateDataPolicy",
                                           .signer = &alice,
                                           .json = policy,
                                           .has_version = true,
                                           .version = steps[i].version};
        struct native_answer answer;
        assert_int_equal(native_call(&scene.house, &scene.announced, &put, &answer), steps[i].code);
        native_answer_free(&answer);
    }
    struct native_answer answer;
    const struct native_request list = {
        .method = "ListDataPolicy",
        .signer = &alice,
        .json = text("{\"owner_party_id\":\"%s\",\"scope\":\"default\"}", alice.id)};
    assert_int_equal(native_call(&scene.house, &scene.announced, &list, &answer), 0);
    const struct capsa_json *listed = capsa_json_at(capsa_json_get(answer.body, "policies"), 0);
    assert_string_equal(capsa_json_string(capsa_json_get(listed, "version")), "3");
    native_answer_free(&answer);
    /* Original clients refuse members that they do not know. */
    CAPSA_AUTO_FREE(capsa_json) original = NULL;
    assert_int_equal(
        call_signed(&scene.house, "ListDataPolicy", &alice, true, list.json, &original), 0);
    listed = capsa_json_at(capsa_json_get(original, "policies"), 0);
    assert_null(capsa_json_get(listed, "version"));
    scene_close(&scene);
}

/* ---- original requests ----------------------------------------------------------------------- */

static int send_original(const struct house *house, const char *method, capsa_bytes request)
{
    CAPSA_AUTO(capsa_buf) reply = capsa_buf_of(MIB(1));
    CAPSA_AUTO_MESSAGE message = NULL;
    ask(house, method, request, &reply);
    assert_ok(capsa_protobuf_parse(&cm__encrypted_response__descriptor, capsa_buf_bytes(&reply),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    return ((const Cm__EncryptedResponse *)message)->status->code;
}

static void an_original_request_is_spent_across_methods(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    CAPSA_AUTO(capsa_buf) request = capsa_buf_of(MIB(1));
    wrap(&scene.house, &alice, true, create_json(&alice, "a"), &request);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&request)), 0);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&request)), 6);
    assert_int_equal(send_original(&scene.house, "ListDataPolicy", capsa_buf_bytes(&request)), 6);
    /* One that was refused is spent as well. */
    CAPSA_AUTO(capsa_buf) refused = capsa_buf_of(MIB(1));
    wrap(&scene.house, &mallory, true, create_json(&mallory, "a"), &refused);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&refused)), 7);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&refused)), 6);
    scene_close(&scene);
}

/* P28: a captured policy, sent again after its rule was revoked. */
static void P28_a_captured_policy_does_not_come_back(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    CAPSA_AUTO(capsa_buf) captured = capsa_buf_of(MIB(1));
    wrap(&scene.house, &alice, true,
         text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"policy\":{\"data_uuid\":\"a\","
              "\"rules\":[{\"rule_id\":\"r1\",\"grantee_party_ids\":[\"%s\"],\"columns\":[\"x\"],"
              "\"op_constraints\":[{\"op_name\":\"join\"}]}]}}",
              alice.id, mallory.id),
         &captured);
    assert_int_equal(send_original(&scene.house, "CreateDataPolicy", capsa_buf_bytes(&captured)),
                     0);
    assert_int_equal(grant(&scene.house, &alice, "a", &carol, "join", "[\"x\"]"), 0);
    assert_int_equal(send_original(&scene.house, "CreateDataPolicy", capsa_buf_bytes(&captured)),
                     6);
    assert_int_equal(get_keys(&scene.house, &mallory, "join",
                              "[{\"resource_uri\":\"a\",\"columns\":[\"x\"]}]", NULL),
                     7);
    scene_close(&scene);
}

/* The host turns the clock back for a moment, and starts the manager again. */
static void an_hour_that_came_twice_forgets_no_spent_request(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    CAPSA_AUTO(capsa_buf) captured = capsa_buf_of(MIB(1));
    wrap(&scene.house, &alice, true, create_json(&alice, "a"), &captured);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&captured)), 0);
    test_clock.fixed = NOW - 3 * 86400;
    assert_ok(capsa_keymanager_probe(scene.house.manager)); /* a change that nobody asked for */
    test_clock.fixed = NOW;
    house_stop(&scene.house);
    house_open_on(&scene.house, (struct capsa_keymanager_options){.rsa_bits = 0});
    house_learn_cert(&scene.house);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&captured)), 6);
    scene_close(&scene);
}

/* ---- an anchor that fails -------------------------------------------------------------------- */

struct anchored {
    struct house house;
    char dir[64], path[96], location[128];
    capsa_buf note; /* as it was when it failed */
};

static void anchored_open(struct anchored *anchored)
{
    *anchored = (struct anchored){.note = capsa_buf_of(KIB(4))};
    struct capsa_ledger_options ledger = ledger_options("memory:", NULL);
    (void)snprintf(anchored->dir, sizeof(anchored->dir), "/tmp/capsa-anchored-XXXXXX");
    assert_non_null(mkdtemp(anchored->dir));
    (void)snprintf(anchored->path, sizeof(anchored->path), "%s/anchor", anchored->dir);
    (void)snprintf(anchored->location, sizeof(anchored->location), "file:%s", anchored->path);
    ledger.anchor = anchored->location;
    assert_ok(capsa_ledger_open(&ledger, &anchored->house.ledger));
    house_open_on(&anchored->house, (struct capsa_keymanager_options){.rsa_bits = 0});
    house_learn_cert(&anchored->house);
}

static void anchored_close(struct anchored *anchored)
{
    char lock[112];
    house_close(&anchored->house);
    capsa_buf_drop(&anchored->note);
    (void)snprintf(lock, sizeof(lock), "%s.lock", anchored->path);
    (void)unlink(anchored->path);
    (void)unlink(lock);
    (void)rmdir(anchored->dir);
}

/* A folder stands where the file would be written. */
static void anchor_break(struct anchored *anchored)
{
    assert_ok(capsa_file_read(anchored->path, &anchored->note));
    assert_int_equal(unlink(anchored->path), 0);
    assert_int_equal(mkdir(anchored->path, 0700), 0);
}

static void anchor_mend(struct anchored *anchored)
{
    assert_int_equal(rmdir(anchored->path), 0);
    assert_ok(capsa_file_write(anchored->path, capsa_buf_bytes(&anchored->note), 0600, false));
}

/* What is in the log happened, though the answer was that the manager failed: it is spent. What is
 * not there did not, and may be sent again. */
static void a_request_that_the_anchor_did_not_follow_is_spent_all_the_same(void **state)
{
    (void)state;
    struct anchored scene;
    anchored_open(&scene);
    CAPSA_AUTO(capsa_buf) captured = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) refused = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) waiting = capsa_buf_of(MIB(1));
    furnish(&scene.house);
    wrap(&scene.house, &alice, true, create_json(&alice, "new"), &captured);
    wrap(&scene.house, &mallory, true, create_json(&mallory, "a"), &refused);
    wrap(&scene.house, &alice, true, create_json(&alice, "other"), &waiting);

    anchor_break(&scene);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&captured)), 14);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&waiting)), 14);
    anchor_mend(&scene);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&waiting)), 0);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&captured)), 6);

    capsa_buf_clear(&scene.note);
    anchor_break(&scene);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&refused)), 14);
    anchor_mend(&scene);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&refused)), 6);
    anchored_close(&scene);
}

/* An injected key stays the same, so what was sealed to it opens for ever. */
static void requests_to_an_injected_key_are_spent_however_old_they_are(void **state)
{
    (void)state;
    struct house house;
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) request = capsa_buf_of(MIB(1));
    assert_ok(capsa_private_key_write(mallory.key, &key));
    const struct capsa_keymanager_options options = {.injected_key = capsa_buf_bytes(&key),
                                                     .injected_cert = capsa_bytes_str(mallory.pem)};
    house_open(&house, options);
    wrap(&house, &alice, true, create_json(&alice, "a"), &request);
    assert_int_equal(send_original(&house, "CreateDataKeys", capsa_buf_bytes(&request)), 0);
    for (int day = 1; day <= 3; day++) {
        bool renewed;
        house_stop(&house);
        test_clock.fixed = NOW + (capsa_time)day * 86400;
        house_open_on(&house, options);
        assert_ok(capsa_keymanager_renew(house.manager, &renewed));
        assert_false(renewed);
        assert_int_equal(send_original(&house, "CreateDataKeys", capsa_buf_bytes(&request)), 6);
    }
    house_close(&house);
    test_clock.fixed = NOW;
}

/* ---- envelope keys --------------------------------------------------------------------------- */

static bool renew(struct scene *scene)
{
    bool renewed;
    assert_ok(capsa_keymanager_renew(scene->house.manager, &renewed));
    return renewed;
}

static void envelope_keys_live_a_day_and_ten_minutes(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    CAPSA_AUTO(capsa_buf) early = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) late = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) last = capsa_buf_of(MIB(1));
    wrap(&scene.house, &alice, true, create_json(&alice, "a"), &early);
    wrap(&scene.house, &alice, true, create_json(&alice, "a/2"), &late);
    wrap(&scene.house, &alice, true, create_json(&alice, "a/3"), &last);
    test_clock.fixed = NOW + 86399;
    assert_false(renew(&scene));
    test_clock.fixed = NOW + 86400;
    assert_true(renew(&scene));
    assert_false(renew(&scene));
    /* An original client that fetched its certificate before notices nothing. */
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&early)), 0);
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&early)), 6);
    test_clock.fixed = NOW + 86400 + 599;
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&late)), 0);
    test_clock.fixed = NOW + 86400 + 600;
    assert_int_equal(send_original(&scene.house, "CreateDataKeys", capsa_buf_bytes(&last)), 16);
    /* The next certificate is another key's, and the same manager's. */
    struct announced after;
    char before_kid[CAPSA_KID], after_kid[CAPSA_KID];
    capsa_public_key_kid(capsa_cert_key(scene.house.cert), before_kid);
    capsa_cert_free(scene.house.cert);
    house_learn_cert(&scene.house);
    capsa_public_key_kid(capsa_cert_key(scene.house.cert), after_kid);
    announced_learn(&scene.house, &after);
    assert_string_not_equal(before_kid, after_kid);
    assert_string_equal(after.id, scene.announced.id);
    assert_int_equal(
        native(&scene.house, &after, "CreateDataKeys", &alice, create_json(&alice, "a/4")), 0);
    announced_free(&after);
    scene_close(&scene);
}

static void a_retired_kid_is_named_as_such_in_the_clear(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    struct native_request create = {
        .method = "CreateDataKeys", .signer = &alice, .json = create_json(&alice, "a")};
    struct native_answer answer;
    test_clock.fixed = NOW + 86400;
    assert_true(renew(&scene));
    assert_int_equal(native_call(&scene.house, &scene.announced, &create, &answer), 0);
    test_clock.fixed = NOW + 86400 + 600;
    assert_int_equal(native_call(&scene.house, &scene.announced, &create, &answer), -1);
    assert_int_equal(answer.outer, 16);
    assert_memory_equal(answer.text, "kid:", 4);
    native_answer_free(&answer);
    scene_close(&scene);
}

static void a_retired_keys_spent_requests_go_with_it_and_newer_ones_stay(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    static const uint8_t jti[16] = "0123456789abcdef";
    struct native_request create = {
        .method = "CreateDataKeys", .signer = &alice, .json = create_json(&alice, "a"), .jti = jti};
    struct native_answer answer;
    assert_int_equal(native_call(&scene.house, &scene.announced, &create, &answer), 0);
    for (int day = 1; day <= 2; day++) {
        test_clock.fixed = NOW + (capsa_time)day * 86400;
        assert_true(renew(&scene));
        announced_free(&scene.announced);
        capsa_cert_free(scene.house.cert);
        house_learn_cert(&scene.house);
        announced_learn(&scene.house, &scene.announced);
        assert_int_equal(native_call(&scene.house, &scene.announced, &create, &answer),
                         day == 1 ? 6 : 0);
    }
    native_answer_free(&answer);
    scene_close(&scene);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static void below_the_latest_entry_nothing_is_released_or_changed(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    test_clock.fixed = NOW + 100;
    assert_int_equal(get_keys(&scene.house, &carol, "join", BOTH, NULL), 0);
    test_clock.fixed = NOW + 99;
    assert_int_equal(get_keys(&scene.house, &carol, "join", BOTH, NULL), 14);
    assert_int_equal(register_key(&scene.house, &alice, "a/2", KEY_B64), 14);
    /* Reading one's own state still works, and says nothing of the time. */
    assert_int_equal(call(&scene.house, "ListDataPolicy", &alice,
                          text("{\"owner_party_id\":\"%s\",\"scope\":\"default\"}", alice.id)),
                     0);
    test_clock.fixed = NOW + 100;
    assert_int_equal(get_keys(&scene.house, &carol, "join", BOTH, NULL), 0);
    scene_close(&scene);
}

static void a_clock_that_jumped_ahead_and_back_releases_nothing(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene);
    furnish(&scene.house);
    test_clock.fixed = NOW + 50000;
    assert_int_equal(register_key(&scene.house, &alice, "a/2", KEY_B64), 0);
    test_clock.fixed = NOW;
    assert_int_equal(get_keys(&scene.house, &carol, "join", BOTH, NULL), 14);
    struct native_answer answer;
    const struct native_request get = {
        .method = "GetDataKeys", .signer = &carol, .json = get_json(&carol, "join", "a", "x")};
    assert_int_equal(native_call(&scene.house, &scene.announced, &get, &answer), 14);
    native_answer_free(&answer);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_certificate_announces_genesis_keys_and_anchor),
        cmocka_unit_test(both_curves_and_every_method_work),
        cmocka_unit_test(an_ec_party_is_answered_natively),
        cmocka_unit_test(an_sm2_party_signs_with_sm3_and_nothing_else),
        cmocka_unit_test(a_request_is_for_one_manager_one_method_and_now),
        cmocka_unit_test(a_native_request_is_spent_across_methods_and_envelopes),
        cmocka_unit_test(neither_protocol_is_taken_for_the_other),
        cmocka_unit_test(whoever_puts_native_claims_into_an_original_request_is_held_to_them),
        cmocka_unit_test(a_change_may_name_the_version_that_it_changes),
        cmocka_unit_test(an_original_request_is_spent_across_methods),
        cmocka_unit_test(P28_a_captured_policy_does_not_come_back),
        cmocka_unit_test(an_hour_that_came_twice_forgets_no_spent_request),
        cmocka_unit_test(a_request_that_the_anchor_did_not_follow_is_spent_all_the_same),
        cmocka_unit_test(requests_to_an_injected_key_are_spent_however_old_they_are),
        cmocka_unit_test(envelope_keys_live_a_day_and_ten_minutes),
        cmocka_unit_test(a_retired_kid_is_named_as_such_in_the_clear),
        cmocka_unit_test(a_retired_keys_spent_requests_go_with_it_and_newer_ones_stay),
        cmocka_unit_test(below_the_latest_entry_nothing_is_released_or_changed),
        cmocka_unit_test(a_clock_that_jumped_ahead_and_back_releases_nothing),
    };
    return cmocka_run_group_tests(tests, parties_make, parties_free);
}
