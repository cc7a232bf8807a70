/* SPDX-License-Identifier: Apache-2.0
 *
 * base and codec: every allocation and read of randomness fails in turn.
 */
#include "failing.h"

#include "base/alloc.h"
#include "base/reader.h"
#include "base/secret.h"
#include "codec/json.h"
#include "codec/protobuf.h"
#include "codec/text.h"
#include "codec/yaml.h"
#include "wire/capsule_manager.pb-c.h"

#define LONG_TEXT                                                                                  \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"
#define JSON                                                                                       \
    "{\"name\":\"" LONG_TEXT                                                                       \
    "\",\"list\":[1,true,null,\"x\",2.5],\"deep\":{\"in\":{\"\\u00e9\":0}}}"
#define RULES                                                                                      \
    "{\"data_uuid\":\"" LONG_TEXT "\",\"rules\":[{\"rule_id\":\"r\",\"grantee_party_ids\":"        \
    "[\"a\",\"b\"],\"columns\":[\"x\"],\"op_constraints\":[{\"op_name\":\"*\",\"constraints\":"    \
    "[\"r.x == 1\"]}],\"global_constraints\":[\"true\"]}]}"
#define YAML                                                                                       \
    "name: " LONG_TEXT "\nlist:\n  - 1\n  - 'two'\n  - [a, b]\ndeep:\n  in: {x: y}\n  text: |\n"   \
    "    many\n    lines\n"

/* Made while nothing fails. */
static struct capsa_json *json;
static ProtobufCMessage *message;
static capsa_buf wire;

static int fixtures_make(void **state)
{
    (void)state;
    wire = capsa_buf_of(MIB(1));
    assert_ok(capsa_json_parse(CAPSA_BYTES_LITERAL(JSON), &json));
    assert_ok(capsa_protojson_parse(&cm__policy__descriptor, CAPSA_BYTES_LITERAL(RULES),
                                    CAPSA_UNKNOWN_REFUSED, &message));
    assert_ok(capsa_protobuf_write(message, &wire));
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    capsa_json_free(json);
    capsa_message_free(message);
    capsa_buf_drop(&wire);
    return 0;
}

static void expect(const struct failing_out *out, const char *behind)
{
    const char *before = "before";
    assert_int_equal(out->buf.len, strlen(before) + strlen(behind));
    assert_memory_equal(out->buf.data, before, strlen(before));
    assert_memory_equal(out->buf.data + strlen(before), behind, strlen(behind));
}

/* ---- base ------------------------------------------------------------------------------------ */

static capsa_result buf_append(struct failing_out *out)
{
    CAPSA_TRY(capsa_buf_append(&out->buf, CAPSA_BYTES_LITERAL(LONG_TEXT)));
    expect(out, LONG_TEXT);
    return CAPSA_OK;
}

static capsa_result buf_format(struct failing_out *out)
{
    CAPSA_TRY(capsa_buf_format(&out->buf, "%s-%d", LONG_TEXT, 7));
    expect(out, LONG_TEXT "-7");
    return CAPSA_OK;
}

static capsa_result buf_field(struct failing_out *out)
{
    CAPSA_TRY(capsa_buf_field(&out->buf, CAPSA_BYTES_LITERAL(LONG_TEXT)));
    assert_int_equal(out->buf.len, 6 + 4 + sizeof(LONG_TEXT) - 1);
    return CAPSA_OK;
}

static capsa_result buf_take(struct failing_out *out)
{
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(1));
    char *text = out->made;
    CAPSA_TRY(capsa_buf_str(&buf, LONG_TEXT));
    CAPSA_TRY(capsa_buf_take_str(&buf, &text));
    assert_string_equal(text, LONG_TEXT);
    out->made = text;
    return CAPSA_OK;
}

static capsa_result secret_copy(struct failing_out *out)
{
    struct capsa_secret *secret = out->made;
    capsa_result result = capsa_secret_copy(CAPSA_BYTES_LITERAL(LONG_TEXT), &secret);
    out->made = secret;
    return result;
}

static void free_secret(void *made)
{
    capsa_secret_free(made);
}

static void base_survives_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"buf_append", buf_append, NULL, false, false},
        {"buf_format", buf_format, NULL, false, false},
        {"buf_field", buf_field, NULL, false, false},
        {"buf_take_str", buf_take, capsa_dealloc, false, false},
        {"secret_copy", secret_copy, free_secret, false, false},
    };
    FAILING_TRY_ALL(cases);
}

/* ---- Text and JSON --------------------------------------------------------------------------- */

static capsa_result base64_write(struct failing_out *out)
{
    return capsa_base64_write(CAPSA_BYTES_LITERAL(LONG_TEXT), CAPSA_BASE64_STD, &out->buf);
}

static capsa_result base64_parse(struct failing_out *out)
{
    return capsa_base64_parse(CAPSA_BYTES_LITERAL(LONG_TEXT), CAPSA_BASE64_URL, &out->buf);
}

static capsa_result base32_write(struct failing_out *out)
{
    return capsa_base32_write(CAPSA_BYTES_LITERAL(LONG_TEXT), &out->buf);
}

static capsa_result hex_write(struct failing_out *out)
{
    return capsa_hex_write(CAPSA_BYTES_LITERAL(LONG_TEXT), &out->buf);
}

static capsa_result hex_parse(struct failing_out *out)
{
    return capsa_hex_parse(CAPSA_BYTES_LITERAL("00112233445566778899"
                                               "00112233445566778899"
                                               "00112233445566778899"
                                               "00112233445566778899"
                                               "00112233445566778899"
                                               "00112233445566778899"
                                               "00112233445566778899"
                                               "00112233445566778899"),
                           &out->buf);
}

static capsa_result json_parse(struct failing_out *out)
{
    struct capsa_json *value = out->made;
    capsa_result result = capsa_json_parse(CAPSA_BYTES_LITERAL(JSON), &value);
    out->made = value;
    return result;
}

/* Strings that only jansson's own reader takes, of every length, so that each byte of one is the
 * first that has no room. From the first failure on it must get no memory: it would write past it.
 */
static void a_reader_that_ran_out_of_memory_gets_no_more(void **state)
{
    (void)state;
    for (int len = 0; len < 150; len++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
        assert_ok(capsa_buf_format(&text, "[\"\\u0061%.*s\",1.25]", len, LONG_TEXT LONG_TEXT));
        size_t failed = 1;
        for (size_t nth = 0; failed > 0; nth++) {
            CAPSA_AUTO_FREE(capsa_json) value = NULL;
            failing_arm(FAILING_MEMORY, FAILING_ONCE, nth);
            capsa_result result = capsa_json_parse(capsa_buf_bytes(&text), &value);
            struct failing_count count = failing_disarm();
            failed = count.failed;
            assert_int_equal(capsa_code_of(result), failed > 0 ? CAPSA_E_NOMEM : CAPSA_E_OK);
            assert_true(failed == 0 || count.calls == nth + 1);
        }
    }
    failing_check_leaks();
}

static void free_json(void *made)
{
    assert_int_equal(capsa_json_kind_of(made), CAPSA_JSON_OBJECT);
    capsa_json_free(made);
}

static capsa_result json_copy(struct failing_out *out)
{
    struct capsa_json *copy = capsa_json_copy(json);
    CAPSA_REQUIRE_MEMORY(copy);
    assert_int_equal(capsa_json_count(copy), 3);
    out->made = copy;
    return CAPSA_OK;
}

static capsa_result json_build(struct failing_out *out)
{
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_AUTO_FREE(capsa_json) array = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_REQUIRE_MEMORY(array);
    CAPSA_TRY(capsa_json_push(array, capsa_json_new_string(LONG_TEXT)));
    CAPSA_TRY(capsa_json_push(array, capsa_json_new_int(7)));
    CAPSA_TRY(capsa_json_set(object, "flag", capsa_json_new_bool(true)));
    CAPSA_TRY(capsa_json_set(object, "copy", capsa_json_copy(array)));
    out->made = object;
    object = NULL;
    return CAPSA_OK;
}

static capsa_result json_compact(struct failing_out *out)
{
    return capsa_json_write(json, CAPSA_JSON_COMPACT, &out->buf);
}

static capsa_result json_python(struct failing_out *out)
{
    return capsa_json_write(json, CAPSA_JSON_PYTHON, &out->buf);
}

static capsa_result json_decode(struct failing_out *out)
{
    struct wanted {
        const char *name;
        const struct capsa_json *list, *deep;
    };
    static const struct capsa_json_field table[] = {
        {.name = "name", .type = CAPSA_FIELD_STRING, .offset = offsetof(struct wanted, name)},
        {.name = "list", .type = CAPSA_FIELD_VALUE, .offset = offsetof(struct wanted, list)},
        {.name = "deep", .type = CAPSA_FIELD_VALUE, .offset = offsetof(struct wanted, deep)},
        {.name = NULL},
    };
    (void)out;
    struct wanted wanted = {.name = NULL};
    CAPSA_TRY(capsa_json_decode(json, table, CAPSA_JSON_UNKNOWN_REFUSED, &wanted));
    assert_string_equal(wanted.name, LONG_TEXT);
    return CAPSA_OK;
}

static void text_and_json_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"base64_write", base64_write, NULL, false, false},
        {"base64_parse", base64_parse, NULL, false, false},
        {"base32_write", base32_write, NULL, false, false},
        {"hex_write", hex_write, NULL, false, false},
        {"hex_parse", hex_parse, NULL, false, false},
        {"json_parse", json_parse, free_json, false, false},
        {"json_copy", json_copy, free_json, false, false},
        {"json_build", json_build, free_json, false, false},
        {"json_write compact", json_compact, NULL, false, false},
        {"json_write python", json_python, NULL, false, false},
        {"json_decode", json_decode, NULL, false, false},
    };
    FAILING_TRY_ALL(cases);
}

/* ---- YAML and messages ----------------------------------------------------------------------- */

static capsa_result yaml_parse(struct failing_out *out)
{
    struct capsa_json *value = out->made;
    capsa_result result = capsa_yaml_parse(CAPSA_BYTES_LITERAL(YAML), &value);
    out->made = value;
    return result;
}

static capsa_result yaml_write(struct failing_out *out)
{
    return capsa_yaml_write(json, &out->buf);
}

static capsa_result protobuf_parse(struct failing_out *out)
{
    ProtobufCMessage *made = out->made;
    capsa_result result = capsa_protobuf_parse(&cm__policy__descriptor, capsa_buf_bytes(&wire),
                                               CAPSA_UNKNOWN_REFUSED, &made);
    out->made = made;
    return result;
}

static capsa_result protobuf_write(struct failing_out *out)
{
    return capsa_protobuf_write(message, &out->buf);
}

static capsa_result protojson_parse(struct failing_out *out)
{
    ProtobufCMessage *made = out->made;
    capsa_result result = capsa_protojson_parse(&cm__policy__descriptor, CAPSA_BYTES_LITERAL(RULES),
                                                CAPSA_UNKNOWN_REFUSED, &made);
    out->made = made;
    return result;
}

static capsa_result protojson_write(struct failing_out *out)
{
    return capsa_protojson_write(message, CAPSA_PROTOJSON_ALL, &out->buf);
}

static capsa_result protojson_pretty(struct failing_out *out)
{
    return capsa_protojson_write(message, CAPSA_PROTOJSON_PRETTY, &out->buf);
}

static void free_message(void *made)
{
    const Cm__Policy *policy = made;
    assert_string_equal(policy->data_uuid, LONG_TEXT);
    assert_int_equal(policy->n_rules, 1);
    assert_int_equal(policy->rules[0]->n_grantee_party_ids, 2);
    capsa_message_free(made);
}

static void yaml_and_messages_survive_every_failure(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"yaml_parse", yaml_parse, free_json, false, false},
        {"yaml_write", yaml_write, NULL, false, false},
        {"protobuf_parse", protobuf_parse, free_message, false, false},
        {"protobuf_write", protobuf_write, NULL, false, false},
        {"protojson_parse", protojson_parse, free_message, false, false},
        {"protojson_write", protojson_write, NULL, false, false},
        {"protojson_write pretty", protojson_pretty, NULL, false, false},
    };
    FAILING_TRY_ALL(cases);
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_survives_every_failure),
        cmocka_unit_test(text_and_json_survive_every_failure),
        cmocka_unit_test(a_reader_that_ran_out_of_memory_gets_no_more),
        cmocka_unit_test(yaml_and_messages_survive_every_failure),
    };
    return cmocka_run_group_tests_name("base and codec, failing", tests, fixtures_make,
                                       fixtures_free);
}
