/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: YAML in and out.
 */
#include "unit.h"

#include "base/limits.h"
#include "codec/yaml.h"
#include "codec_failing.h"

static struct capsa_json *parsed(const char *text)
{
    struct capsa_json *value = NULL;
    assert_ok(capsa_yaml_parse(capsa_bytes_str(text), &value));
    return value;
}

static void assert_json(const struct capsa_json *value, const char *wanted)
{
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(64));
    const char *text;
    assert_ok(capsa_json_write(value, CAPSA_JSON_COMPACT, &buf));
    assert_ok(capsa_buf_cstr(&buf, &text));
    assert_string_equal(text, wanted);
}

static void yaml_as_people_write_it_reads_as_json(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *json;
    } pairs[] = {
        {"", "null"},
        {"# nothing\n", "null"},
        {"---\n", "null"},
        {"%YAML 1.1\n---\na: 1\n", "{\"a\":1}"},
        {"a: 1\n...\n", "{\"a\":1}"},
        {"a: 1\nb: -2 # c\nc: \"x\\ty\"\nd: 'it''s'\ne: two words\n",
         "{\"a\":1,\"b\":-2,\"c\":\"x\\ty\",\"d\":\"it's\",\"e\":\"two words\"}"},
        {"a:\nb: ~\nc: null\nd: Null\ne: NULL\nf: ''\ng: nULL\n",
         "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":\"\",\"g\":\"nULL\"}"},
        {"[true, True, TRUE, tRUE, false, False, FALSE, yes, on, 'true']",
         "[true,true,true,\"tRUE\",false,false,false,\"yes\",\"on\",\"true\"]"},
        {"[0, -0, 007, +1, 1.5, 1e3, 0x10, 0o7, 12:30, 1_000, '5', -, 9223372036854775807, "
         "-9223372036854775808, 9223372036854775808]",
         "[0,\"-0\",\"007\",\"+1\",\"1.5\",\"1e3\",\"0x10\",\"0o7\",\"12:30\",\"1_000\",\"5\",\"-"
         "\","
         "9223372036854775807,-9223372036854775808,\"9223372036854775808\"]"},
        {"list:\n  - a\n  - b: 1\n    c: 2\n  -\n    - d\nflow: {x: [1, {y: z}], w: }\n",
         "{\"list\":[\"a\",{\"b\":1,\"c\":2},[\"d\"]],\"flow\":{\"x\":[1,{\"y\":\"z\"}],\"w\":null}"
         "}"},
        {"lit: |\n  one\n   two\n\n  three\nfold: >-\n  a\n  b\n",
         "{\"lit\":\"one\\n two\\n\\nthree\\n\",\"fold\":\"a b\"}"},
        {"caf\xc3\xa9: \"\\u00e9\"\n", "{\"caf\xc3\xa9\":\"\xc3\xa9\"}"},
        {"'1': a\n\"true\": b\n", "{\"1\":\"a\",\"true\":\"b\"}"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CAPSA_AUTO_FREE(capsa_json) value = parsed(pairs[i].yaml);
        assert_json(value, pairs[i].json);
    }
}

static void what_is_not_supported_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *error;
    } bad[] = {
        {"a: 1\nb: 2\na: 3\n", "YAML line 3 column 1: the key \"a\" stands here twice"},
        {"a: 1\n'a': 3\n", "YAML line 2 column 1: the key \"a\" stands here twice"},
        {"a: &x 1\n", "YAML line 1 column 4: anchors are not supported"},
        {"a: &x {b: 1}\n", "YAML line 1 column 4: anchors are not supported"},
        {"a: &x [1]\n", "YAML line 1 column 4: anchors are not supported"},
        {"&x a: 1\n", NULL},
        {"a: *x\n", "YAML line 1 column 4: aliases are not supported"},
        {"*x : 1\n", "YAML line 1 column 1: aliases are not supported"},
        {"a: !!str 1\n", "YAML line 1 column 4: tags are not supported"},
        {"a: !x {b: 1}\n", "YAML line 1 column 4: tags are not supported"},
        {"a: !x [b]\n", "YAML line 1 column 4: tags are not supported"},
        {"!!str a: 1\n", NULL},
        {"! a\n", NULL},
        {"1: a\n", "YAML line 1 column 1: a key must be a string: put \"1\" in quotes"},
        {"true: a\n", "YAML line 1 column 1: a key must be a string: put \"true\" in quotes"},
        {"~: a\n", NULL},
        {": a\n", NULL},
        {"? [1, 2]\n: a\n", "YAML line 1 column 3: a key must be a string"},
        {"<<: {a: 1}\n", "YAML line 1 column 1: merge keys are not supported"},
        {"a: 1\n---\nb: 2\n", "YAML line 2 column 1: a second document; only one is read"},
        {"a: \"\\0\"\n", "YAML line 1 column 4: text has a NUL at byte 0"},
        {"a: [1\n", NULL},
        {"a: }\n", NULL},
        {"\ta: 1\n", NULL},
        {"a: 1\n b: 2\n", NULL},
        {"a: \"x\n", NULL},
        {"\xff\xfe", NULL},
        {"a: \xc0\x80\n", NULL},
        {"a: \x01\n", NULL},
        {"%TAG ! x\n---\n!a b\n", NULL},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct capsa_json *value = NULL;
        capsa_result result = capsa_yaml_parse(capsa_bytes_str(bad[i].yaml), &value);
        if (capsa_code_of(result) != CAPSA_E_MALFORMED) {
            fail_msg("%s: %s", bad[i].yaml, capsa_text_of(result));
        }
        assert_null(value);
        if (bad[i].error != NULL) {
            assert_string_equal(capsa_text_of(result), bad[i].error);
        }
    }
}

static void depth_and_nodes_are_limited(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    struct capsa_json *value = NULL;
    for (size_t depth = CAPSA_LIMIT_yaml_depth; depth <= CAPSA_LIMIT_yaml_depth + 1; depth++) {
        capsa_buf_clear(&text);
        for (size_t i = 0; i < depth; i++) {
            assert_ok(capsa_buf_str(&text, i % 2 == 0 ? "[" : "{a: "));
        }
        for (size_t i = depth; i-- > 0;) {
            assert_ok(capsa_buf_str(&text, i % 2 == 0 ? "]" : "}"));
        }
        if (depth == CAPSA_LIMIT_yaml_depth) {
            assert_ok(capsa_yaml_parse(capsa_buf_bytes(&text), &value));
            capsa_json_free(value);
        } else {
            assert_fails(capsa_yaml_parse(capsa_buf_bytes(&text), &value), TOO_LARGE);
        }
    }
    capsa_buf_clear(&text);
    for (size_t i = 0; i < 100000; i++) {
        assert_ok(capsa_buf_str(&text, "["));
    }
    assert_fails(capsa_yaml_parse(capsa_buf_bytes(&text), &value), TOO_LARGE);
    capsa_buf_clear(&text);
    assert_ok(capsa_buf_str(&text, "["));
    for (size_t i = 0; i < CAPSA_LIMIT_yaml_nodes; i++) {
        assert_ok(capsa_buf_str(&text, "a, "));
    }
    assert_ok(capsa_buf_str(&text, "]"));
    assert_fails(capsa_yaml_parse(capsa_buf_bytes(&text), &value), TOO_LARGE);
    static const uint8_t byte[1] = {'a'};
    assert_fails(capsa_yaml_parse(capsa_bytes_of(byte, CAPSA_LIMIT_yaml_bytes + 1), &value),
                 TOO_LARGE);
}

static void containers_side_by_side_are_not_depth(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
    for (size_t i = 0; i < 2 * CAPSA_LIMIT_yaml_depth; i++) {
        assert_ok(capsa_buf_str(&text, "- []\n- {}\n"));
    }
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    assert_ok(capsa_yaml_parse(capsa_buf_bytes(&text), &value));
}

static void a_text_full_of_directives_is_refused_at_once(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    for (size_t i = 0; i < 50000; i++) {
        assert_ok(capsa_buf_format(&text, "%%TAG !t%zu! x\n", i));
    }
    assert_ok(capsa_buf_str(&text, "---\na: 1\n"));
    struct capsa_json *value = NULL;
    capsa_result result = capsa_yaml_parse(capsa_buf_bytes(&text), &value);
    assert_string_equal(capsa_text_of(result), "YAML: tags are not supported");
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    capsa_json_free(parsed("1"));
    struct capsa_json *value = NULL;
    ASSERT_FAILS_CLEANLY(
        capsa_yaml_parse(CAPSA_BYTES_LITERAL("a: [1, two, {b: ~}]\nc: |\n  x\n"), &value));
    capsa_json_free(value);
}

static void values_are_written_for_people(void **state)
{
    (void)state;
    static const char json[] =
        "{\"name\":\"x\",\"num\":-5,\"t\":true,\"nothing\":null,\"real\":0.5,"
        "\"list\":[\"a b\",\"*\",{\"k\":1,\"l\":[1,2]},[\"in\"],[],{}],"
        "\"quoted\":[\"\",\"true\",\"Yes\",\"12\",\"1.5\",\"-\",\"~\",\"null\",\"a: b\",\"a #b\","
        "\" x\",\"x \",\"'\",\"#\",\"&a\",\"2020-01-01\",\"\\u0085\\u2028\\u007f\\u0001\",\"a:\"],"
        "\"pem\":\"-----BEGIN-----\\nAB==\\n-----END-----\\n\","
        "\"no end\":\"a\\nb\",\"ends\":\"a\\n\\n\",\"tab\":\"\\tx\\ny\",\"n\":1}";
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    assert_ok(capsa_json_parse(CAPSA_BYTES_LITERAL(json), &value));
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(64));
    assert_ok(capsa_yaml_write(value, &buf));
    const char *text;
    assert_ok(capsa_buf_cstr(&buf, &text));
    assert_string_equal(text, "name: x\n"
                              "num: -5\n"
                              "t: true\n"
                              "nothing: null\n"
                              "real: 0.5\n"
                              "list:\n"
                              "  - a b\n"
                              "  - \"*\"\n"
                              "  - k: 1\n"
                              "    l:\n"
                              "      - 1\n"
                              "      - 2\n"
                              "  - - in\n"
                              "  - []\n"
                              "  - {}\n"
                              "quoted:\n"
                              "  - \"\"\n"
                              "  - \"true\"\n"
                              "  - \"Yes\"\n"
                              "  - \"12\"\n"
                              "  - \"1.5\"\n"
                              "  - \"-\"\n"
                              "  - \"~\"\n"
                              "  - \"null\"\n"
                              "  - \"a: b\"\n"
                              "  - \"a #b\"\n"
                              "  - \" x\"\n"
                              "  - \"x \"\n"
                              "  - \"'\"\n"
                              "  - \"#\"\n"
                              "  - \"&a\"\n"
                              "  - \"2020-01-01\"\n"
                              "  - \"\\u0085\\u2028\\u007f\\u0001\"\n"
                              "  - \"a:\"\n"
                              "pem: |\n"
                              "  -----BEGIN-----\n"
                              "  AB==\n"
                              "  -----END-----\n"
                              "no end: |-\n"
                              "  a\n"
                              "  b\n"
                              "ends: |+\n"
                              "  a\n"
                              "\n"
                              "tab: \"\\u0009x\\ny\"\n"
                              "\"n\": 1\n");
    CAPSA_AUTO_FREE(capsa_json) again = parsed(text);
    CAPSA_AUTO(capsa_buf) compact = capsa_buf_of(KIB(64));
    assert_ok(capsa_json_write(value, CAPSA_JSON_COMPACT, &compact));
    const char *wanted;
    assert_ok(capsa_buf_cstr(&compact, &wanted));
    CAPSA_AUTO(capsa_buf) got = capsa_buf_of(KIB(64));
    assert_ok(capsa_json_write(again, CAPSA_JSON_COMPACT, &got));
    /* YAML here has no reals: they come back as their text. */
    assert_non_null(strstr(wanted, "\"real\":0.5"));
    const char *got_text;
    assert_ok(capsa_buf_cstr(&got, &got_text));
    assert_non_null(strstr(got_text, "\"real\":\"0.5\""));
    assert_string_equal(strstr(got_text, "\"list\""), strstr(wanted, "\"list\""));
}

static void strings_of_every_kind_come_back(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",  "\n", " ",        "\t",           "-", ":",   "#", "'", "\"",
        "\\", "|",  "\xc3\xa9", "\xe2\x80\xa8", "1", "true"};
    const size_t count = sizeof(pieces) / sizeof(pieces[0]);
    for (size_t i = 0; i < count * count * count; i++) {
        char text[128] = "";
        (void)strcat(text, pieces[i % count]);
        (void)strcat(text, pieces[i / count % count]);
        (void)strcat(text, pieces[i / count / count]);
        CAPSA_AUTO_FREE(capsa_json) value = capsa_json_new_object();
        struct capsa_json *array = capsa_json_new_array();
        assert_ok(capsa_json_push(array, capsa_json_new_string(text)));
        assert_ok(capsa_json_push(array, capsa_json_new_string("behind")));
        assert_ok(capsa_json_set(value, text, array));
        CAPSA_AUTO(capsa_buf) yaml = capsa_buf_of(KIB(4));
        assert_ok(capsa_yaml_write(value, &yaml));
        CAPSA_AUTO_FREE(capsa_json) again = NULL;
        assert_ok(capsa_yaml_parse(capsa_buf_bytes(&yaml), &again));
        const struct capsa_json *back = capsa_json_get(again, text);
        assert_int_equal(capsa_json_count(back), 2);
        assert_string_equal(capsa_json_string(capsa_json_at(back, 0)), text);
    }
}

static void a_key_that_no_reader_takes_is_not_written(void **state)
{
    (void)state;
    char key[1200];
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    CAPSA_AUTO_FREE(capsa_json) value = capsa_json_new_object();
    assert_ok(capsa_json_set(value, key, capsa_json_new_null()));
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(4));
    assert_fails(capsa_yaml_write(value, &buf), TOO_LARGE);
    assert_int_equal(buf.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_as_people_write_it_reads_as_json),
        cmocka_unit_test(what_is_not_supported_is_refused_with_its_place),
        cmocka_unit_test(depth_and_nodes_are_limited),
        cmocka_unit_test(containers_side_by_side_are_not_depth),
        cmocka_unit_test(a_text_full_of_directives_is_refused_at_once),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
        cmocka_unit_test(values_are_written_for_people),
        cmocka_unit_test(strings_of_every_kind_come_back),
        cmocka_unit_test(a_key_that_no_reader_takes_is_not_written),
    };
    return cmocka_run_group_tests_name("codec yaml", tests, NULL, NULL);
}
