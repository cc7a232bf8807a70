/* SPDX-License-Identifier: Apache-2.0
 *
 * client: what binds a request for votes to one manager, one resource, one key and a time
 * (docs/explanation/PROTOCOL.md, section 8). The documents themselves are in test_cli.c.
 */
#include "unit.h"

#include "client/client_vote.h"
#include "codec/text.h"

#define NOW      ((capsa_time)1795000000)
#define MANAGER  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NONCE    "00112233445566778899aabbccddeeff"
#define RESOURCE "token"

struct scene {
    capsa_party asker;
    char requester[CAPSA_VOTE_HEX];
};

static int scene_open(void **state)
{
    static struct scene scene;
    const struct capsa_cert_request request = {
        .common_name = "asker", .not_before = NOW - 100, .not_after = NOW + 10000};
    assert_ok(capsa_private_key_new_rsa(2048, &scene.asker.key));
    assert_ok(capsa_cert_self_sign(scene.asker.key, &request, &scene.asker.chain.certs[0]));
    scene.asker.chain.count = 1;
    uint8_t digest[CAPSA_SHA256];
    assert_ok(capsa_cert_spki_digest(scene.asker.chain.certs[0], digest));
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(100);
    assert_ok(capsa_hex_write(capsa_bytes_of(digest, sizeof(digest)), &hex));
    memcpy(scene.requester, hex.data, hex.len);
    *state = &scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    capsa_party_drop(&scene->asker);
    return 0;
}

static struct capsa_vote_bond bond_of(const struct scene *scene)
{
    return (struct capsa_vote_bond){MANAGER, RESOURCE, scene->requester, NONCE, NOW + 50};
}

static struct capsa_json *terms_of(const struct capsa_vote_bond *bond)
{
    struct capsa_json *terms;
    assert_ok(capsa_vote_terms("u", 1, &terms));
    assert_ok(capsa_vote_terms_bind(terms, bond));
    return terms;
}

static capsa_result sign_and_check(const struct scene *scene, const struct capsa_json *terms,
                                   capsa_vote_view *ret_view)
{
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    assert_ok(capsa_vote_request_make(&scene->asker, terms, &request));
    return capsa_vote_request_check(request, NOW, ret_view);
}

static void a_bound_request_says_what_it_is_bound_to(void **state)
{
    const struct scene *scene = *state;
    const struct capsa_vote_bond bond = bond_of(scene);
    CAPSA_AUTO_FREE(capsa_json) terms = terms_of(&bond);
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    assert_ok(sign_and_check(scene, terms, &view));
    assert_true(view.is_bound);
    assert_string_equal(view.manager, MANAGER);
    assert_string_equal(view.resource, RESOURCE);
    assert_string_equal(view.requester, scene->requester);
    assert_int_equal(view.expires, NOW + 50);
    assert_ok(capsa_vote_live_check(&view, NOW + 49));
    assert_fails(capsa_vote_live_check(&view, NOW + 50), EXPIRED);
}

static void a_request_of_the_original_is_bound_to_nothing(void **state)
{
    const struct scene *scene = *state;
    CAPSA_AUTO_FREE(capsa_json) terms = NULL;
    assert_ok(capsa_vote_terms("u", 1, &terms));
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    assert_ok(sign_and_check(scene, terms, &view));
    assert_false(view.is_bound);
    assert_ok(capsa_vote_live_check(&view, INT64_MAX));
}

static void terms_for_others_are_refused(void **state)
{
    const struct scene *scene = *state;
    const struct capsa_cert *cert = scene->asker.chain.certs[0];
    struct capsa_vote_bond bond = bond_of(scene);
    assert_ok(capsa_vote_bond_check(&bond, MANAGER, cert));
    assert_fails(capsa_vote_bond_check(&bond, OTHER, cert), UNAUTHENTIC);
    bond.requester = OTHER;
    assert_fails(capsa_vote_bond_check(&bond, MANAGER, cert), UNAUTHENTIC);
}

static void a_bond_of_another_form_is_refused(void **state)
{
    const struct scene *scene = *state;
    static const struct {
        const char *manager, *resource, *requester, *nonce;
    } cases[] = {
        {"", RESOURCE, OTHER, NONCE},
        {"AAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", RESOURCE, OTHER,
         NONCE},
        {MANAGER, "", OTHER, NONCE},
        {MANAGER, RESOURCE, "cc", NONCE},
        {MANAGER, RESOURCE, OTHER, "0011"},
        {MANAGER, RESOURCE, OTHER, NONCE "00"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct capsa_vote_bond bond = {cases[i].manager, cases[i].resource,
                                             cases[i].requester, cases[i].nonce, NOW};
        CAPSA_AUTO_FREE(capsa_json) terms = NULL;
        assert_ok(capsa_vote_terms("u", 1, &terms));
        assert_fails(capsa_vote_terms_bind(terms, &bond), MALFORMED);
        assert_null(capsa_json_get(terms, "capsa"));
    }
    const struct capsa_vote_bond hiding = {MANAGER, "a\x1b[2J", scene->requester, NONCE, NOW};
    CAPSA_AUTO_FREE(capsa_json) terms = NULL;
    assert_ok(capsa_vote_terms("u", 1, &terms));
    assert_fails(capsa_vote_terms_bind(terms, &hiding), USAGE);
}

static void a_bond_that_cannot_be_read_makes_the_request_none(void **state)
{
    static const char *const members[] = {"manager", "resource", "requester", "expires", "nonce"};
    const struct scene *scene = *state;
    const struct capsa_vote_bond bond = bond_of(scene);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        CAPSA_AUTO_FREE(capsa_json) terms = terms_of(&bond);
        CAPSA_AUTO_FREE(capsa_json) member = capsa_json_copy(capsa_json_get(terms, "capsa"));
        assert_ok(capsa_json_set(member, members[i], capsa_json_new_int(5)));
        assert_ok(capsa_json_set(terms, "capsa", capsa_json_copy(member)));
        CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
        assert_fails(sign_and_check(scene, terms, &view), MALFORMED);
        assert_null(view.resource_uri);
    }
    CAPSA_AUTO_FREE(capsa_json) terms = terms_of(&bond);
    CAPSA_AUTO_FREE(capsa_json) more = capsa_json_copy(capsa_json_get(terms, "capsa"));
    assert_ok(capsa_json_set(more, "until", capsa_json_new_string("x")));
    assert_ok(capsa_json_set(terms, "capsa", capsa_json_copy(more)));
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    assert_fails(sign_and_check(scene, terms, &view), UNKNOWN_FIELD);
    assert_ok(capsa_json_set(terms, "capsa", capsa_json_new_null()));
    assert_true(capsa_failed(sign_and_check(scene, terms, &view)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_request_says_what_it_is_bound_to),
        cmocka_unit_test(a_request_of_the_original_is_bound_to_nothing),
        cmocka_unit_test(terms_for_others_are_refused),
        cmocka_unit_test(a_bond_of_another_form_is_refused),
        cmocka_unit_test(a_bond_that_cannot_be_read_makes_the_request_none),
    };
    return cmocka_run_group_tests(tests, scene_open, scene_close);
}
