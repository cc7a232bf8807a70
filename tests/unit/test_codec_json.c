/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: JSON values, their text, and decoding by a table.
 */
#include "unit.h"

#include <jansson.h>

#include "base/limits.h"
#include "codec/json.h"
#include "codec_failing.h"

static struct capsa_json *parsed(const char *text)
{
    struct capsa_json *value = NULL;
    assert_ok(capsa_json_parse(capsa_bytes_str(text), &value));
    return value;
}

static void assert_written(const struct capsa_json *value, enum capsa_json_style style,
                           const char *wanted)
{
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(64));
    const char *text;
    assert_ok(capsa_json_write(value, style, &buf));
    assert_ok(capsa_buf_cstr(&buf, &text));
    assert_string_equal(text, wanted);
}

/* ---- Parsing -------------------------------------------------------------------------------- */

static void what_is_not_strict_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } bad[] = {
        {"", "JSON wanted, got empty text"},
        {" ", "JSON line 1 column 1: the text ends too early"},
        {"[x]", "JSON line 1 column 2: not JSON"},
        {"{\"a\":1,\"a\":2}", "JSON line 1 column 10: an object has the same member twice"},
        {"{\"a\":\n1}x", "JSON line 2 column 3: text behind the value"},
        {"{\"a\":1", "JSON line 1 column 6: the text ends too early"},
        {"[1,]", NULL},
        {"[1 2]", NULL},
        {"{a:1}", NULL},
        {"{'a':1}", NULL},
        {"{\"a\" 1}", NULL},
        {"[01]", NULL},
        {"[+1]", NULL},
        {"[.5]", NULL},
        {"[1.]", NULL},
        {"[0x10]", NULL},
        {"[NaN]", NULL},
        {"[Infinity]", NULL},
        {"[1e400]", NULL},
        {"[-1e400]", NULL},
        {"[9223372036854775808]", NULL},
        {"[-9223372036854775809]", NULL},
        {"[True]", NULL},
        {"// x\n1", NULL},
        {"\xef\xbb\xbf{}", NULL},
        {"[\"\\ud800\"]", NULL},
        {"[\"\\udc00\\ud800\"]", NULL},
        {"[\"\\u0000\"]", NULL},
        {"{\"a\\u0000b\":1}", NULL},
        {"[\"\\x41\"]", NULL},
        {"[\"a\nb\"]", NULL},
        {"[\"\xff\"]", NULL},
        {"[\"\xc0\xaf\"]", NULL},
        {"[\"\xed\xa0\x80\"]", NULL},
        {"]", NULL},
        {"[}", NULL},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct capsa_json *value = NULL;
        capsa_result result = capsa_json_parse(capsa_bytes_str(bad[i].text), &value);
        if (capsa_code_of(result) != CAPSA_E_MALFORMED) {
            fail_msg("%s: %s", bad[i].text, capsa_text_of(result));
        }
        assert_null(value);
        if (bad[i].error != NULL) {
            assert_string_equal(capsa_text_of(result), bad[i].error);
        }
    }
    struct capsa_json *value = NULL;
    assert_fails(capsa_json_parse(CAPSA_BYTES_LITERAL("[1]\0"), &value), MALFORMED);
    assert_fails(capsa_json_parse(CAPSA_BYTES_LITERAL("[\"a\0\"]"), &value), MALFORMED);
}

static void every_prefix_of_a_document_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5e3,\"\\u00e9\\\"\",true,null],\"b\":{}}";
    for (size_t len = 0; len + 1 < sizeof(text); len++) {
        struct capsa_json *value = NULL;
        assert_fails(capsa_json_parse(capsa_bytes_of(text, len), &value), MALFORMED);
    }
    capsa_json_free(parsed(text));
}

static void nuls_are_read_only_in_members_that_may_have_them(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", NULL};
    static const char *const bad[] = {
        "{\"c\":\"x\\u0000\"}",
        "{\"a\":[\"x\\u0000\"]}",
        "{\"c\":{\"a\":\"x\\u0000\"}}",
        "{\"a\":{\"a\":\"x\\u0000\"}}",
        "[\"x\\u0000\"]",
        "\"x\\u0000\"",
        "{\"a\\u0000\":1}",
        "{\"a\":\"x\0\"}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct capsa_json *value = NULL;
        assert_fails(capsa_json_parse_nul(capsa_bytes_str(bad[i]), names, &value), MALFORMED);
        assert_null(value);
    }
    static const char good[] = "{\"a\":\"x\\u0000y\\u0000\",\"c\":\"z\",\"n\":1}";
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    assert_ok(capsa_json_parse_nul(capsa_bytes_str(good), names, &value));
    assert_true(capsa_bytes_equal(capsa_json_bytes(capsa_json_get(value, "a")),
                                  CAPSA_BYTES_LITERAL("x\0y\0")));
    assert_string_equal(capsa_json_string(capsa_json_get(value, "a")), "x");
    assert_true(capsa_bytes_is(capsa_json_bytes(capsa_json_get(value, "c")), "z"));
    assert_int_equal(capsa_json_bytes(capsa_json_get(value, "n")).len, 0);
    assert_int_equal(capsa_json_bytes(NULL).len, 0);
}

/* Holds when both refuse the text, or read the same from it. */
static void assert_read_as_by_jansson(capsa_bytes text)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    capsa_result result = capsa_json_parse(text, &value);
    json_t *other = json_loadb((const char *)text.data, text.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (capsa_failed(result) != (other == NULL) ||
        (other != NULL && !json_equal(other, (const json_t *)value))) {
        fail_msg("%.*s: %s", (int)text.len, (const char *)text.data, capsa_text_of(result));
    }
    json_decref(other);
}

static void text_with_any_byte_changed_is_read_as_by_jansson(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":[1,-20,\"x\\n\\\"y\\\\\",true,false,null, {} ,[]],\"bc\":{\"a\":\"\xc3\xa9\"}}",
        " [ 999999999999999999 , -999999999999999999 , 9223372036854775807,0,-0, 10 ] ",
        "{\"a\":\"1\",\"b\":\"2\",\"\\u0061\":3}",
        "[\"\\b\\f\\n\\r\\t\\/\",1e5,2.5]",
        "\"\\\\\"",
        "-7",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
        assert_ok(capsa_buf_str(&text, texts[i]));
        assert_read_as_by_jansson(capsa_buf_bytes(&text));
        for (size_t at = 0; at < text.len; at++) {
            uint8_t before = text.data[at];
            for (unsigned byte = 0; byte < 256; byte++) {
                text.data[at] = (uint8_t)byte;
                assert_read_as_by_jansson(capsa_buf_bytes(&text));
                assert_read_as_by_jansson(capsa_bytes_from(capsa_buf_bytes(&text), at));
                assert_read_as_by_jansson(capsa_bytes_of(text.data, at + 1));
            }
            text.data[at] = before;
        }
    }
}

static void errors_do_not_quote_the_input(void **state)
{
    (void)state;
    static const char *const texts[] = {"[\"topsecret", "{\"topsecret\" 1}", "[topsecret]",
                                        "{\"topsecret\":1,\"topsecret\":2}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct capsa_json *value = NULL;
        capsa_result result = capsa_json_parse(capsa_bytes_str(texts[i]), &value);
        assert_true(capsa_failed(result));
        assert_null(strstr(capsa_text_of(result), "secret"));
    }
}

static void nested(capsa_buf *buf, const char *open, const char *inner, const char *close,
                   size_t depth)
{
    capsa_buf_clear(buf);
    for (size_t i = 0; i < depth; i++) {
        assert_ok(capsa_buf_str(buf, open));
    }
    assert_ok(capsa_buf_str(buf, inner));
    for (size_t i = 0; i < depth; i++) {
        assert_ok(capsa_buf_str(buf, close));
    }
}

static void depth_is_limited(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    static const char *const forms[][3] = {{"[", "0", "]"}, {"{\"a\":", "{}", "}"}};
    for (size_t form = 0; form < 2; form++) {
        size_t deepest = CAPSA_LIMIT_json_depth - form; /* the inner {} is a level too */
        CAPSA_AUTO_FREE(capsa_json) value = NULL;
        nested(&text, forms[form][0], forms[form][1], forms[form][2], deepest);
        assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &value));
        nested(&text, forms[form][0], forms[form][1], forms[form][2], deepest + 1);
        struct capsa_json *deeper = NULL;
        assert_fails(capsa_json_parse(capsa_buf_bytes(&text), &deeper), TOO_LARGE);
    }
    nested(&text, "[", "", "", MIB(1));
    struct capsa_json *bomb = NULL;
    assert_fails(capsa_json_parse(capsa_buf_bytes(&text), &bomb), TOO_LARGE);
}

static void containers_side_by_side_are_not_depth(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(4));
    assert_ok(capsa_buf_str(&text, "[0"));
    for (size_t i = 0; i < 2 * CAPSA_LIMIT_json_depth; i++) {
        assert_ok(capsa_buf_str(&text, ",[],{}"));
    }
    assert_ok(capsa_buf_str(&text, "]"));
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &value));
}

static void brackets_in_strings_are_not_depth(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json)
    value = parsed(
        "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]");
    assert_int_equal(capsa_json_count(value), 1);
}

static void the_number_of_values_is_limited(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    assert_ok(capsa_buf_str(&text, "["));
    for (size_t i = 2; i < CAPSA_LIMIT_json_values; i++) {
        assert_ok(capsa_buf_str(&text, "0,"));
    }
    size_t before = text.len;
    assert_ok(capsa_buf_str(&text, "0]"));
    struct capsa_json *value = NULL;
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &value));
    capsa_json_free(value);
    capsa_buf_cut(&text, before);
    assert_ok(capsa_buf_str(&text, "0,0,0]"));
    assert_fails(capsa_json_parse(capsa_buf_bytes(&text), &value), TOO_LARGE);
}

static void text_over_the_limit_is_not_looked_at(void **state)
{
    (void)state;
    static const uint8_t byte[1] = {'['};
    struct capsa_json *value = NULL;
    assert_fails(capsa_json_parse(capsa_bytes_of(byte, CAPSA_LIMIT_json_bytes + 1), &value),
                 TOO_LARGE);
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    capsa_json_free(parsed("1")); /* what is made once */
    struct capsa_json *value = NULL;
    ASSERT_FAILS_CLEANLY(capsa_json_parse(
        CAPSA_BYTES_LITERAL("{\"a\":[1,2.5,\"text\",{\"b\":null}],\"c\":\"d\"}"), &value));
    capsa_json_free(value);
}

/* ---- Reading and building ------------------------------------------------------------------- */

static void values_are_read_by_kind(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json)
    value = parsed(
        "{\"s\":\"x\",\"i\":-9223372036854775808,\"r\":2.5,\"t\":true,\"n\":null,\"a\":[1,2]}");
    assert_int_equal(capsa_json_kind_of(value), CAPSA_JSON_OBJECT);
    assert_int_equal(capsa_json_count(value), 6);
    assert_string_equal(capsa_json_string(capsa_json_get(value, "s")), "x");
    assert_true(capsa_json_int(capsa_json_get(value, "i")) == INT64_MIN);
    assert_true(capsa_json_real(capsa_json_get(value, "r")) == 2.5);
    assert_true(capsa_json_bool(capsa_json_get(value, "t")));
    assert_int_equal(capsa_json_kind_of(capsa_json_get(value, "n")), CAPSA_JSON_NULL);
    const struct capsa_json *array = capsa_json_get(value, "a");
    assert_true(capsa_json_int(capsa_json_at(array, 1)) == 2);
    assert_true(capsa_json_real(capsa_json_at(array, 1)) == 2.0);
    assert_null(capsa_json_at(array, 2));
    assert_null(capsa_json_get(value, "absent"));
    assert_null(capsa_json_get(array, "a"));
    assert_null(capsa_json_string(array));
    assert_false(capsa_json_bool(array));
    assert_true(capsa_json_int(capsa_json_get(value, "s")) == 0);
    assert_int_equal(capsa_json_count(capsa_json_get(value, "s")), 0);
    assert_int_equal(capsa_json_kind_of(NULL), CAPSA_JSON_NULL);
}

static void members_come_in_the_order_of_insertion(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json) value = parsed("{\"z\":0,\"a\":1,\"m\":2}");
    static const char *const names[] = {"z", "a", "m"};
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *member;
    for (size_t i = 0; i < 3; i++) {
        assert_true(capsa_json_next(value, &walk, &name, &member));
        assert_string_equal(name, names[i]);
        assert_true(capsa_json_int(member) == (int64_t)i);
        assert_true(capsa_json_member(value, i, &name, &member));
        assert_string_equal(name, names[i]);
    }
    assert_false(capsa_json_next(value, &walk, &name, &member));
    assert_false(capsa_json_next(value, &walk, &name, &member));
    assert_false(capsa_json_member(value, 3, &name, &member));
    assert_false(capsa_json_member(capsa_json_get(value, "z"), 0, &name, &member));
}

static void values_are_built_and_their_makers_failures_noticed(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    struct capsa_json *array = capsa_json_new_array();
    assert_ok(capsa_json_push(array, capsa_json_new_int(INT64_MAX)));
    assert_ok(capsa_json_push(array, capsa_json_new_null()));
    assert_ok(capsa_json_set(object, "list", array));
    assert_ok(capsa_json_set(object, "t", capsa_json_new_bool(false)));
    assert_ok(capsa_json_set(object, "t", capsa_json_new_bool(true)));
    assert_fails(capsa_json_set(object, "x", NULL), NOMEM);
    assert_fails(capsa_json_push(array, NULL), NOMEM);
    assert_fails(capsa_json_set(object, "\xff", capsa_json_new_string("freed")), MALFORMED);
    assert_fails(capsa_json_set(array, "x", capsa_json_new_string("freed")), INTERNAL);
    assert_fails(capsa_json_push(object, capsa_json_new_string("freed")), INTERNAL);
    assert_null(capsa_json_new_string("\xc0\x80"));
    CAPSA_AUTO_FREE(capsa_json) copy = capsa_json_copy(object);
    assert_ok(capsa_json_push(array, capsa_json_new_int(1)));
    assert_written(copy, CAPSA_JSON_COMPACT, "{\"list\":[9223372036854775807,null],\"t\":true}");
}

/* ---- Writing -------------------------------------------------------------------------------- */

static void each_style_is_exact(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json)
    value = parsed("{\"b\":[1,{},[],{\"c\":null}],\"a\":\"\\u00e9\\ud83d\\ude00 \\\"\\\\\\/"
                   "\\b\\f\\n\\r\\t\\u0001\\u007f\"}");
    assert_written(value, CAPSA_JSON_COMPACT,
                   "{\"b\":[1,{},[],{\"c\":null}],\"a\":\"\xc3\xa9\xf0\x9f\x98\x80 \\\"\\\\/"
                   "\\b\\f\\n\\r\\t\\u0001\x7f\"}");
    assert_written(value, CAPSA_JSON_PYTHON,
                   "{\"b\": [1, {}, [], {\"c\": null}], \"a\": \"\\u00e9\\ud83d\\ude00 \\\"\\\\/"
                   "\\b\\f\\n\\r\\t\\u0001\x7f\"}");
    assert_written(
        value, CAPSA_JSON_PRETTY,
        "{\n  \"b\": [\n    1,\n    {},\n    [],\n    {\n      \"c\": null\n    }\n  "
        "],\n  \"a\": \"\xc3\xa9\xf0\x9f\x98\x80 \\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\"\n}");
}

static void reals_are_written_shortest_and_read_back_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *written;
    } reals[] = {
        {"0.1", "0.1"},
        {"0.10000000000000001", "0.1"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"1.0", "1.0"},
        {"-0.0", "-0.0"},
        {"100.0", "100.0"},
        {"123456.789", "123456.789"},
        {"1e15", "1000000000000000.0"},
        {"1e16", "1e+16"},
        {"1.5e16", "1.5e+16"},
        {"123456789012345678.0", "1.2345678901234568e+17"},
        {"1e-4", "0.0001"},
        {"0.00012", "0.00012"},
        {"1e-5", "1e-05"},
        {"5e-324", "5e-324"},
        {"2.2250738585072014e-308", "2.2250738585072014e-308"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"9007199254740993.0", "9007199254740992.0"},
    };
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
        CAPSA_AUTO_FREE(capsa_json) value = parsed(reals[i].text);
        assert_written(value, CAPSA_JSON_COMPACT, reals[i].written);
        CAPSA_AUTO_FREE(capsa_json) again = parsed(reals[i].written);
        assert_true(capsa_json_real(value) == capsa_json_real(again));
    }
}

static void a_write_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json) value = parsed("[1,2,3,4,5]");
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(10);
    assert_ok(capsa_buf_str(&buf, "x"));
    assert_fails(capsa_json_write(value, CAPSA_JSON_COMPACT, &buf), TOO_LARGE);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&buf), "x"));
}

static void what_could_not_be_read_again_is_not_written(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json) value = capsa_json_new_array();
    for (size_t i = 0; i < CAPSA_LIMIT_json_depth; i++) {
        struct capsa_json *outer = capsa_json_new_array();
        assert_ok(capsa_json_push(outer, value));
        value = outer;
    }
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(1));
    assert_fails(capsa_json_write(value, CAPSA_JSON_COMPACT, &buf), TOO_LARGE);
}

/* ---- Decoding by a table -------------------------------------------------------------------- */

struct tls {
    bool on;
    const char *cert;
};

struct server {
    int64_t port;
    const char *host;
    const char *note;
    const struct capsa_json *tags;
    const struct capsa_json *extra;
    struct tls tls;
};

static const struct capsa_json_field tls_fields[] = {
    {.name = "enable_tls",
     .type = CAPSA_FIELD_BOOL,
     .offset = offsetof(struct tls, on),
     .flags = CAPSA_FIELD_REQUIRED},
    {.name = "cert", .type = CAPSA_FIELD_STRING, .offset = offsetof(struct tls, cert)},
    {.name = NULL},
};

static const struct capsa_json_field server_fields[] = {
    {.name = "port",
     .type = CAPSA_FIELD_INT,
     .offset = offsetof(struct server, port),
     .min = 0,
     .max = 65535},
    {.name = "host",
     .type = CAPSA_FIELD_STRING,
     .offset = offsetof(struct server, host),
     .flags = CAPSA_FIELD_REQUIRED | CAPSA_FIELD_NOT_EMPTY},
    {.name = "note",
     .type = CAPSA_FIELD_STRING,
     .offset = offsetof(struct server, note),
     .flags = CAPSA_FIELD_NULLABLE},
    {.name = "tags", .type = CAPSA_FIELD_STRINGS, .offset = offsetof(struct server, tags)},
    {.name = "extra", .type = CAPSA_FIELD_VALUE, .offset = offsetof(struct server, extra)},
    {.name = "tls_config",
     .type = CAPSA_FIELD_OBJECT,
     .offset = offsetof(struct server, tls),
     .sub = tls_fields},
    {.name = NULL},
};

static void an_object_decodes_into_a_struct(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json)
    value = parsed("{\"port\":65535,\"host\":\"h\",\"note\":null,\"tags\":[\"a\",\"b\"],"
                   "\"extra\":{\"any\":1},\"tls_config\":{\"enable_tls\":true,\"cert\":\"c\"}}");
    struct server server = {.note = "default"};
    assert_ok(capsa_json_decode(value, server_fields, CAPSA_JSON_UNKNOWN_REFUSED, &server));
    assert_true(server.port == 65535);
    assert_string_equal(server.host, "h");
    assert_string_equal(server.note, "default");
    assert_int_equal(capsa_json_count(server.tags), 2);
    assert_int_equal(capsa_json_kind_of(server.extra), CAPSA_JSON_OBJECT);
    assert_true(server.tls.on);
    assert_string_equal(server.tls.cert, "c");
}

static void a_wrong_member_is_named_by_its_path_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } bad[] = {
        {"{}", "host: is missing"},
        {"{\"host\":\"\"}", "host: must not be empty"},
        {"{\"host\":null}", "host: a string wanted, got null"},
        {"{\"host\":\"h\",\"port\":65536}", "port: 0 to 65535 wanted, got 65536"},
        {"{\"host\":\"h\",\"port\":-1}", "port: 0 to 65535 wanted, got -1"},
        {"{\"host\":\"h\",\"port\":\"1\"}", "port: an integer wanted, got a string"},
        {"{\"host\":\"h\",\"port\":1.5}", "port: an integer wanted, got a number with a fraction"},
        {"{\"host\":\"h\",\"tags\":\"a\"}", "tags: an array wanted, got a string"},
        {"{\"host\":\"h\",\"tags\":[\"a\",1]}", "tags[1]: a string wanted, got an integer"},
        {"{\"host\":\"h\",\"tls_config\":null}", "tls_config: an object wanted, got null"},
        {"{\"host\":\"h\",\"tls_config\":{}}", "tls_config.enable_tls: is missing"},
        {"{\"host\":\"h\",\"tls_config\":{\"enable_tls\":\"true\"}}",
         "tls_config.enable_tls: true or false wanted, got a string"},
        {"[]", "an object wanted, got an array"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CAPSA_AUTO_FREE(capsa_json) value = parsed(bad[i].text);
        struct server server = {.port = 7};
        struct server before = server;
        capsa_result result =
            capsa_json_decode(value, server_fields, CAPSA_JSON_UNKNOWN_REFUSED, &server);
        assert_string_equal(capsa_text_of(result), bad[i].error);
        assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
        assert_memory_equal(&server, &before, sizeof(server));
    }
}

static void unknown_members_are_refused_with_the_nearest_name_or_skipped(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_json)
    value = parsed("{\"host\":\"h\",\"tls_config\":{\"enable_tls\":true,\"crt\":\"c\"}}");
    struct server server = {.port = 7};
    capsa_result result =
        capsa_json_decode(value, server_fields, CAPSA_JSON_UNKNOWN_REFUSED, &server);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNKNOWN_FIELD);
    assert_string_equal(capsa_text_of(result),
                        "tls_config: unknown member \"crt\"; \"cert\" is the nearest known");
    assert_ok(capsa_json_decode(value, server_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &server));
    assert_true(server.tls.on);
    assert_true(server.port == 7);
    CAPSA_AUTO_FREE(capsa_json) far = parsed("{\"host\":\"h\",\"quux\":1}");
    result = capsa_json_decode(far, server_fields, CAPSA_JSON_UNKNOWN_REFUSED, &server);
    assert_string_equal(capsa_text_of(result), "unknown member \"quux\"");
}

static void the_nearest_name_is_found_when_one_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"port", "ports", "log_level", "enable_tls", NULL};
    assert_string_equal(capsa_nearest_name("prot", names), "port");
    assert_string_equal(capsa_nearest_name("portss", names), "ports");
    assert_string_equal(capsa_nearest_name("port", names), "port");
    assert_string_equal(capsa_nearest_name("enable-tls", names), "enable_tls");
    assert_string_equal(capsa_nearest_name("loglevel", names), "log_level");
    assert_null(capsa_nearest_name("storage", names));
    assert_null(capsa_nearest_name("", (const char *const[]){"ab", NULL}));
    assert_null(capsa_nearest_name("x", (const char *const[]){NULL}));
    char endless[200];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_null(capsa_nearest_name(endless, names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_strict_json_is_refused),
        cmocka_unit_test(every_prefix_of_a_document_is_refused),
        cmocka_unit_test(nuls_are_read_only_in_members_that_may_have_them),
        cmocka_unit_test(text_with_any_byte_changed_is_read_as_by_jansson),
        cmocka_unit_test(errors_do_not_quote_the_input),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(containers_side_by_side_are_not_depth),
        cmocka_unit_test(brackets_in_strings_are_not_depth),
        cmocka_unit_test(the_number_of_values_is_limited),
        cmocka_unit_test(text_over_the_limit_is_not_looked_at),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
        cmocka_unit_test(values_are_read_by_kind),
        cmocka_unit_test(members_come_in_the_order_of_insertion),
        cmocka_unit_test(values_are_built_and_their_makers_failures_noticed),
        cmocka_unit_test(each_style_is_exact),
        cmocka_unit_test(reals_are_written_shortest_and_read_back_the_same),
        cmocka_unit_test(a_write_that_does_not_fit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(what_could_not_be_read_again_is_not_written),
        cmocka_unit_test(an_object_decodes_into_a_struct),
        cmocka_unit_test(a_wrong_member_is_named_by_its_path_and_changes_nothing),
        cmocka_unit_test(unknown_members_are_refused_with_the_nearest_name_or_skipped),
        cmocka_unit_test(the_nearest_name_is_found_when_one_is_near),
    };
    return cmocka_run_group_tests_name("codec json", tests, NULL, NULL);
}
