/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope: messages and sealed files; every allocation, read of randomness and call that changes
 * the disk fails in turn. And whole small files (base/file.h), which are below them.
 */
#include "failing.h"

#include "../unit/file_fixture.h"
#include "base/alloc.h"
#include "base/file.h"
#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"

#define NOW     ((capsa_time)1780000000)
#define PAYLOAD CAPSA_BYTES_LITERAL("{\"owner_party_id\":\"somebody who asks for something\"}")

/* ---- Messages -------------------------------------------------------------------------------- */

/* Made while nothing fails. */
static struct capsa_private_key *rsa;
static capsa_chain chain;
static capsa_jwe_out sealed;
static capsa_buf signed_text;

static int messages_make(void **state)
{
    (void)state;
    const struct capsa_cert_request request = {.not_before = NOW - 10, .not_after = NOW + 10};
    assert_ok(capsa_private_key_new_rsa(2048, &rsa));
    assert_ok(capsa_cert_self_sign(rsa, &request, &chain.certs[0]));
    chain.count = 1;
    signed_text = capsa_buf_of(KIB(64));
    assert_ok(capsa_jwe_seal(capsa_cert_key(chain.certs[0]), CAPSA_JWE_RSA_OAEP, CAPSA_JWE_A128GCM,
                             PAYLOAD, &sealed));
    assert_ok(capsa_jws_make(rsa, &chain, PAYLOAD, &signed_text));
    return 0;
}

static int messages_free(void **state)
{
    (void)state;
    capsa_private_key_free(rsa);
    capsa_chain_drop(&chain);
    capsa_jwe_out_drop(&sealed);
    capsa_buf_drop(&signed_text);
    return 0;
}

static capsa_result jwe_seal(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_jwe_out) made = {.iv = NULL};
    capsa_result result = capsa_jwe_seal(capsa_cert_key(chain.certs[0]), CAPSA_JWE_RSA_OAEP_256,
                                         CAPSA_JWE_A256GCM, PAYLOAD, &made);
    assert_true(capsa_failed(result) == (made.iv == NULL));
    return result;
}

static capsa_result jwe_open(struct failing_out *out)
{
    CAPSA_AUTO(capsa_jwe_parsed) parsed = {.iv = {NULL, 0, 0, 0}};
    const struct capsa_jwe jwe = capsa_jwe_of(&sealed);
    CAPSA_TRY(capsa_jwe_parse(&jwe, &parsed));
    return capsa_jwe_open(&parsed, rsa, &out->buf);
}

static capsa_result jws_make(struct failing_out *out)
{
    return capsa_jws_make(rsa, &chain, PAYLOAD, &out->buf);
}

static capsa_result jws_check(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO(capsa_jws) jws = {.has_x5c = false};
    char party[CAPSA_PARTY_ID] = "nobody";
    CAPSA_TRY(capsa_jws_parse(capsa_buf_bytes(&signed_text), &jws));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&jws.payload), PAYLOAD));
    capsa_result result = capsa_jws_check_x5c(&jws, NOW, party);
    assert_true(capsa_failed(result) == capsa_streq(party, "nobody"));
    return result;
}

static void messages_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"jwe_seal", jwe_seal, NULL, false, false},
        /* what goes wrong from the private key on has one failure (envelope_jwe.h) */
        {"jwe_open", jwe_open, NULL, true, false},
        {"jws_make", jws_make, NULL, false, false},
        {"jws_check_x5c", jws_check, NULL, true, false},
    };
    FAILING_TRY_ALL(cases);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* One way to write a file at("out") in the folder, which holds at("plain"), at("capsa"),
 * at("sdc1"): those two sealed. */
struct writing {
    const char *name;
    capsa_result (*run)(bool replace);
    const char *content; /* name of the file whose content the destination has then, or NULL */
};

static capsa_result write_small(bool replace)
{
    return capsa_file_write(at("out"), CAPSA_BYTES_LITERAL("new"), 0600, replace);
}

static capsa_result seal_as(enum capsa_file_format format, bool replace)
{
    const struct capsa_file_options options = {
        .format = format,
        .chunk = format == CAPSA_FILE_CAPSA ? CHUNK : 0,
        .threads = 1,
        .replace = replace,
    };
    return capsa_file_seal(at("plain"), at("out"), key, &options);
}

static capsa_result seal_capsa(bool replace)
{
    return seal_as(CAPSA_FILE_CAPSA, replace);
}

static capsa_result seal_sdc1(bool replace)
{
    return seal_as(CAPSA_FILE_SDC1, replace);
}

static capsa_result open_named(const char *name, bool replace)
{
    const struct capsa_file_options options = {.threads = 1, .replace = replace};
    return capsa_file_open(at(name), at("out"), key, &options);
}

static capsa_result open_capsa(bool replace)
{
    return open_named("capsa", replace);
}

static capsa_result open_sdc1(bool replace)
{
    return open_named("sdc1", replace);
}

static const struct writing writings[] = {
    {"file_write", write_small, NULL},      {"file_seal capsa", seal_capsa, NULL},
    {"file_seal sdc1", seal_sdc1, NULL},    {"file_open capsa", open_capsa, "plain"},
    {"file_open sdc1", open_sdc1, "plain"},
};

static void furnish_folder(void)
{
    put_made("plain", 3 * CHUNK + 17);
    const struct capsa_file_options capsa = {.format = CAPSA_FILE_CAPSA, .chunk = CHUNK};
    assert_ok(capsa_file_seal(at("plain"), at("capsa"), key, &capsa));
    assert_ok(capsa_file_seal(at("plain"), at("sdc1"), key, &sdc1));
}

/* The destination is as it was, or, when only the folder's sync failed, complete; and nothing lies
 * beside it. A temporary file stays only when removing it was what failed. */
static void check_after_failure(const struct writing *one, bool was_there, const char *text)
{
    bool is_old = is_there("out") == was_there;
    if (is_old && was_there) {
        CAPSA_AUTO(capsa_buf) content = capsa_buf_of(MIB(1));
        get("out", &content);
        is_old = capsa_bytes_is(capsa_buf_bytes(&content), "old");
    }
    if (!is_old) {
        assert_non_null(strstr(text, "sync the folder"));
        if (one->content != NULL) {
            assert_same("out", one->content);
        }
    }
}

/* True when no call failed. */
static bool write_failing(const struct writing *one, bool replace, enum failing_what what,
                          enum failing_how how, size_t nth)
{
    (void)unlink(at("out"));
    if (replace) {
        put("out", CAPSA_BYTES_LITERAL("old"));
    }
    int files = test_count_files(folder);
    failing_arm(what, how, nth);
    capsa_result result = one->run(replace);
    struct failing_count count = failing_disarm();
    if (!capsa_failed(result)) {
        assert_int_equal(count.lost, 0);
        assert_true(one->content == NULL || is_there("out"));
        if (one->content != NULL) {
            assert_same("out", one->content);
        }
        return count.failed == 0;
    }
    if (count.failed == 0 || !failing_code_fits(what, capsa_code_of(result))) {
        fail_msg("%s, kind %d, call %zu: %s: %s", one->name, (int)what, nth,
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
    check_after_failure(one, replace, capsa_text_of(result));
    bool may_stay = what == FAILING_DISK && how == FAILING_EVER; /* unlink fails, too */
    int left = test_count_files(folder) - files - (!replace && is_there("out"));
    if (left != 0 && !may_stay) {
        fail_msg("%s, kind %d, call %zu: %d files are left", one->name, (int)what, nth, left);
    }
    if (left != 0) {
        test_remove_tree(folder);
        assert_int_equal(mkdir(folder, 0700), 0);
        furnish_folder();
    }
    return false;
}

static void a_destination_is_as_it_was_or_complete_whatever_fails(void **state)
{
    (void)state;
    furnish_folder();
    for (size_t i = 0; i < sizeof(writings) / sizeof(writings[0]); i++) {
        for (int what = FAILING_MEMORY; what <= FAILING_DISK; what++) {
            for (int variant = 0; variant < 4; variant++) {
                enum failing_how how = variant % 2 == 0 ? FAILING_ONCE : FAILING_EVER;
                size_t nth = 0;
                while (!write_failing(&writings[i], variant / 2 == 1, (enum failing_what)what, how,
                                      nth)) {
                    nth = failing_next(nth);
                }
            }
        }
    }
    failing_check_leaks();
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_survive_every_failure, messages_make,
                                        messages_free),
        in_folder(a_destination_is_as_it_was_or_complete_whatever_fails),
    };
    return cmocka_run_group_tests_name("envelope, failing", tests, NULL, NULL);
}
