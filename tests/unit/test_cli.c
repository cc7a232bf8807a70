/* SPDX-License-Identifier: Apache-2.0
 *
 * The command's parts: tables, command line, files it edits, votes, what a manager's status means.
 * What needs a process or a manager is in tests/integration/cli.py.
 */
#include "unit.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "cli/cli_link.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_progress.h"
#include "cli/cli_release.h"
#include "cli/cli_yaml_edit.h"
#include "client/client.h"
#include "client/client_text.h"
#include "client/client_vote.h"
#include "codec/text.h"
#include "codec/yaml.h"

/* ---- tables ---------------------------------------------------------------------------------- */

static void check_options(const struct capsa_cli_noun *noun, const struct capsa_cli_verb *verb)
{
    const struct capsa_cli_option *option;
    for (size_t i = 0; (option = capsa_cli_option_at(noun, verb, i, NULL)) != NULL; i++) {
        assert_true(strlen(option->help) > 3);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(option->name, capsa_cli_option_at(noun, verb, k, NULL)->name);
        }
    }
}

static void every_verb_is_explained_and_has_no_option_twice(void **state)
{
    (void)state;
    for (size_t n = 0; capsa_cli_nouns[n] != NULL; n++) {
        const struct capsa_cli_noun *noun = capsa_cli_nouns[n];
        assert_ptr_equal(capsa_cli_noun_find(noun->name), noun);
        for (const struct capsa_cli_verb *verb = noun->verbs; verb->name != NULL; verb++) {
            assert_ptr_equal(capsa_cli_verb_find(noun, verb->name), verb);
            assert_true(strlen(verb->help) > 10);
            assert_true(verb->help[strlen(verb->help) - 1] == '.');
            assert_true(verb->least <= verb->most);
            assert_non_null(verb->run);
            check_options(noun, verb);
        }
    }
}

static void the_reference_names_every_verb(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) page = capsa_buf_of(MIB(1));
    assert_ok(capsa_cli_reference(&page));
    const char *text;
    assert_ok(capsa_buf_cstr(&page, &text));
    for (size_t n = 0; capsa_cli_nouns[n] != NULL; n++) {
        const struct capsa_cli_noun *noun = capsa_cli_nouns[n];
        for (const struct capsa_cli_verb *verb = noun->verbs; verb->name != NULL; verb++) {
            char title[100];
            (void)snprintf(title, sizeof(title), "### `capsa %s%s%s", noun->name,
                           *verb->name == '\0' ? "" : " ", verb->name);
            assert_non_null(strstr(text, title));
        }
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

static void what_hides_is_shown_as_an_escape(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"plain, \xc3\xa9 and \xf0\x9f\x94\x91", "plain, \xc3\xa9 and \xf0\x9f\x94\x91"},
        {"a\nb\tc\x1b[2J", "a\\x0ab\\x09c\\x1b[2J"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b", "\\x9b"},
        {"\xe2\x80\xae", "\\u202e"},
        {"\xe2\x81\xa6", "\\u2066"},
        {"\xff\xc3", "\\xff\\xc3"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) shown = capsa_buf_of(100);
        assert_ok(capsa_text_show(cases[i].text, &shown));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&shown), cases[i].shown));
        bool same = capsa_streq(cases[i].text, cases[i].shown);
        assert_int_equal(capsa_failed(capsa_text_check("it", cases[i].text)), !same);
    }
}

static void yaml_shows_what_hides_and_keeps_a_line_a_line(void **state)
{
    (void)state;
    char text[200] = "\xe2\x80\xae"
                     "gpj \xd8\x9c";
    CAPSA_AUTO_FREE(capsa_json) hiding = capsa_json_new_string(text);
    CAPSA_AUTO(capsa_buf) yaml = capsa_buf_of(KIB(1));
    assert_ok(capsa_yaml_write(hiding, &yaml));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&yaml), "\"\\u202egpj \\u061c\"\n"));
    CAPSA_AUTO_FREE(capsa_json) back = NULL;
    assert_ok(capsa_yaml_parse(capsa_buf_bytes(&yaml), &back));
    assert_string_equal(capsa_json_string(back), text);
    memset(text, 'A', sizeof(text) - 1);
    CAPSA_AUTO_FREE(capsa_json) signature = capsa_json_new_string(text);
    capsa_buf_clear(&yaml);
    assert_ok(capsa_yaml_write(signature, &yaml));
    assert_int_equal(capsa_bytes_find(capsa_buf_bytes(&yaml), '\n'), sizeof(text) - 1);
}

static void what_is_said_is_formatted_and_shown(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    struct capsa_cli cli = {.out = open_memstream(&text, &len), .err = stderr};
    assert_non_null(cli.out);
    capsa_cli_say(&cli, "%-4s|%3s|%zu %d %u %lld%%\n", "a\n", "b", (size_t)7, -1, 2U, -3LL);
    capsa_cli_say(&cli, "%12zu|%-3s|\n", (size_t)1 << 40, "");
    (void)fclose(cli.out);
    assert_string_equal(text, "a\\x0a|  b|7 -1 2 -3%\n1099511627776|   |\n");
    free(text); /* open_memstream's own */
}

/* ---- command line ---------------------------------------------------------------------------- */

/* Parses into `cli`, which the caller drops. */
static capsa_result parse(struct capsa_cli *cli, const char *const *words)
{
    static const struct capsa_cli_places nowhere = {.host = NULL};
    char *argv[16] = {NULL};
    int argc = 0;
    union {
        const char *in;
        char *out;
    } word = {.in = "capsa"};
    argv[argc++] = word.out;
    for (; *words != NULL; words++) {
        word.in = *words;
        argv[argc++] = word.out;
    }
    *cli = (struct capsa_cli){.out = stdout, .err = stderr, .places = &nowhere};
    return capsa_cli_parse(cli, argc, argv);
}

#define PARSE(cli, ...) parse((cli), (const char *const[]){__VA_ARGS__, NULL})

static void options_and_words_may_be_mixed(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_cli) cli = {.words = NULL};
    assert_ok(PARSE(&cli, "key", "register", "u1", "--data-key", "a", "u2", "--data-key=b", "-o",
                    "json", "--host", "h:1"));
    assert_true(cli.json);
    assert_int_equal(cli.words_count, 2);
    assert_string_equal(cli.words[1], "u2");
    assert_int_equal(capsa_cli_option_count(&cli, "data-key"), 2);
    assert_string_equal(capsa_cli_option_nth(&cli, "data-key", 1), "b");
    assert_null(capsa_cli_option_nth(&cli, "data-key", 2));
    assert_string_equal(capsa_cli_option(&cli, "host"), "h:1");
    assert_null(capsa_cli_option(&cli, "key"));
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_cli) cli = {.words = NULL};
    assert_ok(PARSE(&cli, "key", "delete", "--", "--host"));
    assert_int_equal(cli.words_count, 1);
    assert_string_equal(cli.words[0], "--host");
    assert_false(capsa_cli_flag(&cli, "host"));
}

static void an_expression_is_taken_literally(void **state)
{
    (void)state;
    static const char *const expressions[] = {"-1 < 2", "-r.x == 1", "- 1 == 1", "-"};
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
        CAPSA_AUTO(capsa_cli) cli = {.words = NULL};
        assert_ok(PARSE(&cli, "policy", "eval", "--request", "r", expressions[i]));
        assert_string_equal(cli.words[0], expressions[i]);
    }
    CAPSA_AUTO(capsa_cli) cli = {.words = NULL};
    assert_ok(PARSE(&cli, "policy", "eval", "--request", "r", "--", "--1 == 1"));
    assert_string_equal(cli.words[0], "--1 == 1");
}

static void wrong_use(const char *const *words, const char *said)
{
    CAPSA_AUTO(capsa_cli) cli = {.words = NULL};
    capsa_result result = parse(&cli, words);
    assert_fails(result, USAGE);
    if (strstr(capsa_text_of(result), said) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", capsa_text_of(result), said);
    }
}

#define WRONG(said, ...) wrong_use((const char *const[]){__VA_ARGS__, NULL}, said)

static void wrong_use_says_what_was_meant(void **state)
{
    (void)state;
    WRONG("did you mean \"key\"", "kex", "get");
    WRONG("did you mean \"register\"", "key", "regster");
    WRONG("did you mean --data-key", "key", "register", "--data-kye", "f");
    WRONG("capsa key what", "key");
    WRONG("--out is given twice", "key", "new", "--out", "a", "--out", "b");
    WRONG("--out wants a value: FILE", "key", "new", "--out");
    WRONG("--out wants a value: FILE", "key", "new", "--out", "--force");
    WRONG("--force takes no value", "key", "new", "--force=yes", "--out", "a");
    WRONG("--out FILE is needed", "key", "new");
    WRONG("capsa policy put FILE", "policy", "put");
    WRONG("too many words", "policy", "put", "a", "b");
    WRONG("takes no further word: \"x\"", "key", "new", "x", "--out", "f");
    WRONG("-o is json or text", "version", "-o", "xml");
    WRONG("no -o json", "cms", "get-data-policys", "-o", "json");
    WRONG("a command comes first", "--host", "x");
    WRONG("unknown option -x", "key", "new", "-x");
}

static void an_option_of_the_noun_may_stand_before_the_verb(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_cli) cli = {.words = NULL};
    assert_ok(PARSE(&cli, "cms", "--config-file", "f.yaml", "get-data-policys"));
    assert_string_equal(capsa_cli_option(&cli, "config-file"), "f.yaml");
    CAPSA_AUTO(capsa_cli) behind = {.words = NULL};
    assert_ok(PARSE(&behind, "cms-util", "generate-data-key-b64", "--bit-len=256"));
    assert_string_equal(behind.noun->name, "cms_util");
}

static void numbers_are_whole_and_within_their_range(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "1x", "0", "3601", "99999999999999999999"};
    int64_t number;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO(capsa_cli) cli = {.words = NULL};
        char word[64];
        (void)snprintf(word, sizeof(word), "--timeout=%s", bad[i]);
        assert_ok(PARSE(&cli, "manager", "show", word));
        assert_fails(capsa_cli_number(&cli, "timeout", 1, 3600, 7, &number), USAGE);
    }
    CAPSA_AUTO(capsa_cli) cli = {.words = NULL};
    assert_ok(PARSE(&cli, "manager", "show"));
    assert_ok(capsa_cli_number(&cli, "timeout", 1, 3600, 7, &number));
    assert_int_equal(number, 7);
}

/* ---- what verbs are made of ------------------------------------------------------------------ */

static void a_key_file_stays_in_its_folder_whatever_its_uri(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"alice-table", "alice-table.key"},
        {"u/p/1", "u%2Fp%2F1.key"},
        {"../../etc/x", "%2E.%2F..%2Fetc%2Fx.key"},
        {".", "%2E.key"},
        {"-x", "%2Dx.key"},
        {"a b%", "a%20b%25.key"},
        {"\xc3\xa9", "%C3%A9.key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(1));
        assert_ok(capsa_cli_key_file_name(cases[i][0], &name));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&name), cases[i][1]));
    }
}

static void names_with_commas_are_split_and_empty_ones_refused(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json) array = capsa_json_new_array();
    assert_ok(capsa_cli_push_parts(array, "--columns", "a,b c,*"));
    assert_int_equal(capsa_json_count(array), 3);
    assert_string_equal(capsa_json_string(capsa_json_at(array, 1)), "b c");
    static const char *const bad[] = {"", ",", "a,", ",a", "a,,b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_fails(capsa_cli_push_parts(array, "--columns", bad[i]), USAGE);
    }
}

static void text_that_is_not_utf8_is_wrong_use(void **state)
{
    (void)state;
    struct capsa_json *object;
    assert_fails(
        capsa_cli_object((const struct capsa_cli_pair[]){{"resource_uri", "\xff"}, {NULL, NULL}},
                         &object),
        USAGE);
}

static void a_progress_bar_is_full_at_the_end(void **state)
{
    (void)state;
    char text[160];
    capsa_cli_progress_text("sealing x", 0, 100, 0, text, sizeof(text));
    assert_string_equal(text, "sealing x  [..............................]   0%  0 MB/s");
    capsa_cli_progress_text("sealing x", 2000000, 2000000, 1000000, text, sizeof(text));
    assert_string_equal(text, "sealing x  [##############################] 100%  2 MB/s");
    capsa_cli_progress_text("sealing x", 3000000, 0, 1000000, text, sizeof(text));
    assert_string_equal(text, "sealing x  3 MB  3 MB/s");
}

/* ---- YAML ------------------------------------------------------------------------------------ */

static void edits(const char *before, const char *path, struct capsa_json *value, const char *after)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
    assert_ok(capsa_buf_str(&text, before));
    assert_ok(capsa_yaml_set(&text, path, value));
    const char *got;
    assert_ok(capsa_buf_cstr(&text, &got));
    assert_string_equal(got, after);
    capsa_json_free(value);
}

static struct capsa_json *list_of(const char *a, const char *b)
{
    struct capsa_json *list = capsa_json_new_array();
    assert_ok(capsa_json_push(list, capsa_json_new_string(a)));
    assert_ok(capsa_json_push(list, capsa_json_new_string(b)));
    return list;
}

static void an_edit_changes_its_value_and_nothing_else(void **state)
{
    (void)state;
    edits("# c\nhost: a # where\n\ntee: x\n", "host", capsa_json_new_string("b"),
          "# c\nhost: b # where\n\ntee: x\n");
    edits("host: 'a # b'\n", "host", capsa_json_new_string("c"), "host: c\n");
    edits("a:\n    b: 1\n    # why\n    c:\n    - x\n    - y\nd: 2\n", "a.c", list_of("p", "q"),
          "a:\n    b: 1\n    # why\n    c:\n      - p\n      - q\nd: 2\n");
    edits("list:\n- x\n- y\n# end\nd: 2\n", "list", capsa_json_new_string("z"),
          "list: z\n# end\nd: 2\n");
    edits("a:\n  b: 1\nd: 2", "a.n", capsa_json_new_string("no"), "a:\n  b: 1\n  n: \"no\"\nd: 2");
    edits("a: 1", "s.t.u", capsa_json_new_string("x: y"), "a: 1\ns:\n  t:\n    u: \"x: y\"\n");
    edits("s:\nb: 1\n", "s.t", capsa_json_new_string("v"), "s:\n  t: v\nb: 1\n");
    edits("", "host", capsa_json_new_string("v"), "host: v\n");
}

static void what_cannot_be_edited_is_left_as_it_was(void **state)
{
    (void)state;
    static const char *const cases[] = {"{host: a}\n", "'host': a\n", "a: {b: 1}\n"};
    static const char *const paths[] = {"host", "host", "a.b"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_yaml_bytes);
        assert_ok(capsa_buf_str(&text, cases[i]));
        CAPSA_AUTO_FREE(capsa_json) value = capsa_json_new_string("z");
        assert_fails(capsa_yaml_set(&text, paths[i], value), UNSUPPORTED);
        assert_true(capsa_bytes_is(capsa_buf_bytes(&text), cases[i]));
    }
}

/* ---- the manager's words --------------------------------------------------------------------- */

static void a_status_becomes_the_failure_that_it_stands_for(void **state)
{
    (void)state;
    assert_ok(capsa_client_status(0, "success"));
    assert_fails(capsa_client_status(3, "x"), MALFORMED);
    assert_fails(capsa_client_status(5, "x"), NOT_FOUND);
    assert_fails(capsa_client_status(6, "x"), EXISTS);
    assert_fails(capsa_client_status(7, "x"), DENIED);
    assert_fails(capsa_client_status(10, "x"), CONFLICT);
    assert_fails(capsa_client_status(12, "x"), UNSUPPORTED);
    assert_fails(capsa_client_status(16, "x"), UNAUTHENTIC);
    assert_fails(capsa_client_status(13, "x"), INTERNAL);
    assert_fails(capsa_client_status(-1, "x"), INTERNAL);
    assert_fails(capsa_client_status(100, NULL), INTERNAL);
    capsa_result result = capsa_client_status(7, "not granted\n\x1b[2J");
    assert_non_null(strstr(capsa_text_of(result), "not granted"));
    assert_null(strchr(capsa_text_of(result), '\x1b'));
}

/* ---- votes ----------------------------------------------------------------------------------- */

static capsa_time now(void)
{
    return capsa_now(&capsa_clock_system);
}

/* 2048 bits are enough here, and quicker to make. */
static void make_party(capsa_party *party, bool rsa)
{
    assert_ok(rsa ? capsa_private_key_new_rsa(2048, &party->key)
                  : capsa_private_key_new_p256(&party->key));
    const struct capsa_cert_request request = {
        .common_name = "x", .not_before = now() - 10, .not_after = now() + 1000, .is_ca = true};
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_self_sign(party->key, &request, &cert));
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    assert_ok(capsa_cert_write_pem(cert, &pem));
    assert_ok(capsa_chain_add_text(&party->chain, capsa_buf_bytes(&pem)));
    assert_ok(capsa_cert_party_id(cert, party->id));
}

static struct capsa_json *make_request(const capsa_party *party, const char *uri)
{
    CAPSA_AUTO_FREE(capsa_json) terms = NULL;
    assert_ok(capsa_vote_terms(uri, 1, &terms));
    struct capsa_json *request;
    assert_ok(capsa_vote_request_make(party, terms, &request));
    return request;
}

static struct capsa_json *make_vote(const capsa_party *party, const struct capsa_json *request,
                                    const char *action)
{
    CAPSA_AUTO_FREE(capsa_json) body = NULL;
    assert_ok(
        capsa_cli_object((const struct capsa_cli_pair[]){{"action", action}, {NULL, NULL}}, &body));
    struct capsa_json *vote;
    assert_ok(capsa_vote_make(
        party, capsa_json_string(capsa_json_get(request, "vote_request_signature")), body, &vote));
    return vote;
}

static void a_vote_is_good_for_its_request_alone(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_party) asker = {.key = NULL};
    CAPSA_AUTO(capsa_party) owner = {.key = NULL};
    make_party(&asker, true);
    make_party(&owner, true);
    CAPSA_AUTO_FREE(capsa_json) request = make_request(&asker, "u1");
    CAPSA_AUTO_FREE(capsa_json) other = make_request(&asker, "u2");
    CAPSA_AUTO_FREE(capsa_json) vote = make_vote(&owner, request, "APPROVE");
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    assert_ok(capsa_vote_request_check(request, now(), &view));
    assert_string_equal(view.party, asker.id);
    assert_string_equal(view.resource_uri, "u1");
    assert_int_equal(view.threshold, 1);
    CAPSA_AUTO(capsa_vote_view) cast = {.resource_uri = NULL};
    assert_ok(capsa_vote_check(vote, request, now(), &cast));
    assert_string_equal(cast.party, owner.id);
    assert_string_equal(cast.action, "APPROVE");
    assert_fails(capsa_vote_check(vote, other, now(), &cast), UNAUTHENTIC);
    assert_fails(capsa_vote_check(vote, request, now() + 2000, &cast), EXPIRED);
}

static void the_body_of_a_request_is_what_python_would_write(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_party) asker = {.key = NULL};
    make_party(&asker, true);
    CAPSA_AUTO_FREE(capsa_json) request = make_request(&asker, "u1");
    CAPSA_AUTO(capsa_buf) body = capsa_buf_of(KIB(1));
    assert_ok(
        capsa_base64_parse(capsa_bytes_str(capsa_json_string(capsa_json_get(request, "body"))),
                           CAPSA_BASE64_STD, &body));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&body),
                               "{\"type\": \"TEE_DOWNLOAD\", \"approved_threshold\": 1, "
                               "\"approved_action\": \"tee/download,u1\"}"));
}

/* Replace a member of a copy. */
static struct capsa_json *altered(const struct capsa_json *document, const char *name,
                                  struct capsa_json *value)
{
    struct capsa_json *copy = capsa_json_copy(document);
    assert_ok(capsa_json_set(copy, name, value));
    return copy;
}

static void altered_votes_are_noticed(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_party) asker = {.key = NULL};
    CAPSA_AUTO(capsa_party) owner = {.key = NULL};
    make_party(&asker, true);
    make_party(&owner, true);
    CAPSA_AUTO_FREE(capsa_json) request = make_request(&asker, "u1");
    CAPSA_AUTO_FREE(capsa_json) other = make_request(&asker, "u2");
    CAPSA_AUTO(capsa_vote_view) view = {.resource_uri = NULL};
    CAPSA_AUTO_FREE(capsa_json)
    body = altered(request, "body", capsa_json_copy(capsa_json_get(other, "body")));
    assert_fails(capsa_vote_request_check(body, now(), &view), UNAUTHENTIC);
    /* [the signer's own certificate, the victim's]: the victim has not signed anything */
    struct capsa_json *certs;
    assert_ok(capsa_party_certs(&asker, &certs));
    struct capsa_json *victims;
    assert_ok(capsa_party_certs(&owner, &victims));
    assert_ok(capsa_json_push(certs, capsa_json_copy(capsa_json_at(victims, 0))));
    capsa_json_free(victims);
    CAPSA_AUTO_FREE(capsa_json) forged = altered(request, "cert_chain", certs);
    assert_fails(capsa_vote_request_check(forged, now(), &view), UNAUTHENTIC);
    CAPSA_AUTO_FREE(capsa_json) empty = altered(request, "cert_chain", capsa_json_new_array());
    assert_fails(capsa_vote_request_check(empty, now(), &view), MALFORMED);
    CAPSA_AUTO_FREE(capsa_json) extra = altered(request, "extra", capsa_json_new_int(1));
    assert_fails(capsa_vote_request_check(extra, now(), &view), UNKNOWN_FIELD);
}

static void votes_that_cannot_count_are_not_made(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    make_party(&party, false);
    CAPSA_AUTO_FREE(capsa_json) terms = NULL;
    assert_fails(capsa_vote_terms("a,b", 0, &terms), USAGE);
    assert_fails(capsa_vote_terms("", 0, &terms), USAGE);
    assert_ok(capsa_vote_terms("u", 0, &terms));
    struct capsa_json *request;
    assert_fails(capsa_vote_request_make(&party, terms, &request), UNSUPPORTED);
}

/* ---- parties --------------------------------------------------------------------------------- */

static void a_file_may_hold_a_whole_chain(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_party) a = {.key = NULL};
    CAPSA_AUTO(capsa_party) b = {.key = NULL};
    make_party(&a, false);
    make_party(&b, false);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    assert_ok(capsa_buf_str(&text, "subject=a\n"));
    assert_ok(capsa_party_cert(&a, &text));
    assert_ok(capsa_buf_str(&text, "\nsubject=b\n"));
    assert_ok(capsa_party_cert(&b, &text));
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    assert_ok(capsa_chain_add_text(&chain, capsa_buf_bytes(&text)));
    assert_int_equal(chain.count, 2);
    assert_true(capsa_cert_same_key(chain.certs[1], b.chain.certs[0]));
    CAPSA_AUTO(capsa_chain) none = {.count = 0};
    assert_fails(capsa_chain_add_text(&none, CAPSA_BYTES_LITERAL("")), MALFORMED);
    assert_fails(capsa_chain_add_text(&none, CAPSA_BYTES_LITERAL("-----BEGIN CERTIFICATE-----")),
                 MALFORMED);
    capsa_buf_cut(&text, 60);
    assert_fails(capsa_chain_add_text(&none, capsa_buf_bytes(&text)), MALFORMED);
}

static void a_call_refuses_a_message_of_another_method(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    const struct capsa_client_options options = {.target = "127.0.0.1:1"};
    assert_ok(capsa_client_new(&options, &client));
    Cm__DeleteDataKeyRequest request;
    cm__delete_data_key_request__init(&request);
    ProtobufCMessage *answer;
    assert_fails(capsa_client_call(client, CAPSA_CLIENT_CREATE_DATA_KEYS, &request.base, &answer),
                 USAGE);
    assert_fails(capsa_client_call(client, CAPSA_CLIENT_DELETE_DATA_KEY, &request.base, &answer),
                 USAGE); /* nobody signs */
}

static void half_of_the_tls_files_is_refused(void **state)
{
    (void)state;
    static const char *const certs[] = {"c.pem", NULL};
    const struct capsa_client_options cases[] = {
        {.target = "h:1", .tls_certs = certs},
        {.target = "h:1", .tls_key = "k"},
        {.target = "h:1", .tls_certs = certs, .tls_key = "k"},
        {.target = "h:1", .ca_path = "ca", .tls_key = "k"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct capsa_client *client;
        assert_fails(capsa_client_new(&cases[i], &client), USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_is_explained_and_has_no_option_twice),
        cmocka_unit_test(the_reference_names_every_verb),
        cmocka_unit_test(what_hides_is_shown_as_an_escape),
        cmocka_unit_test(what_is_said_is_formatted_and_shown),
        cmocka_unit_test(yaml_shows_what_hides_and_keeps_a_line_a_line),
        cmocka_unit_test(options_and_words_may_be_mixed),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(an_expression_is_taken_literally),
        cmocka_unit_test(wrong_use_says_what_was_meant),
        cmocka_unit_test(an_option_of_the_noun_may_stand_before_the_verb),
        cmocka_unit_test(numbers_are_whole_and_within_their_range),
        cmocka_unit_test(a_key_file_stays_in_its_folder_whatever_its_uri),
        cmocka_unit_test(names_with_commas_are_split_and_empty_ones_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_wrong_use),
        cmocka_unit_test(a_progress_bar_is_full_at_the_end),
        cmocka_unit_test(an_edit_changes_its_value_and_nothing_else),
        cmocka_unit_test(what_cannot_be_edited_is_left_as_it_was),
        cmocka_unit_test(a_status_becomes_the_failure_that_it_stands_for),
        cmocka_unit_test(a_vote_is_good_for_its_request_alone),
        cmocka_unit_test(the_body_of_a_request_is_what_python_would_write),
        cmocka_unit_test(altered_votes_are_noticed),
        cmocka_unit_test(votes_that_cannot_count_are_not_made),
        cmocka_unit_test(a_file_may_hold_a_whole_chain),
        cmocka_unit_test(a_call_refuses_a_message_of_another_method),
        cmocka_unit_test(half_of_the_tls_files_is_refused),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
