/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: messages on the wire and as JSON.
 */
#include "unit.h"

#include "base/limits.h"
#include "codec/protobuf.h"
#include "codec/text.h"
#include "codec_failing.h"
#include "vectors.h"
#include "wire/capsule_manager.pb-c.h"
#include "wire/health.pb-c.h"

#define WIRE(text) CAPSA_BYTES_LITERAL(text)

/* ---- On the wire ---------------------------------------------------------------------------- */

static void wire_that_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    static const struct {
        const ProtobufCMessageDescriptor *shape;
        capsa_bytes wire;
        const char *error;
    } bad[] = {
        {&cm__data_key__descriptor,
         {(const uint8_t *)"\x0a\x01\xff", 3},
         "DataKey: resource_uri: text is not UTF-8 at byte 0"},
        {&cm__data_key__descriptor,
         {(const uint8_t *)"\x0a\x03\x61\x00\x62", 5},
         "DataKey: resource_uri: text has a NUL at byte 1"},
        {&cm__data_key__descriptor,
         {(const uint8_t *)"\x0a\x01\x61\x0a\x01\x62", 6},
         "DataKey: resource_uri: comes twice"},
        {&cm__get_export_data_key_response__descriptor,
         {(const uint8_t *)"\x0a\x00\x0a\x00", 4},
         "GetExportDataKeyResponse: data_key: comes twice"},
        {&cm__encrypted_request__descriptor,
         {(const uint8_t *)"\x18\x00\x18\x00", 4},
         "EncryptedRequest: has_signature: comes twice"},
        {&cm__data_key__descriptor,
         {(const uint8_t *)"\x08\x01", 2},
         "DataKey: resource_uri: wire type 2 wanted, got 0"},
        {&cm__encrypted_request__descriptor,
         {(const uint8_t *)"\x1a\x01\x01", 3},
         "EncryptedRequest: has_signature: wire type 0 wanted, got 2"},
        {&cm__status__descriptor,
         {(const uint8_t *)"\x0d\x01\x00\x00\x00", 5},
         "Status: code: wire type 0 wanted, got 5"},
        {&cm__data_key__descriptor,
         {(const uint8_t *)"\x0b\x0c", 2},
         "DataKey: resource_uri: wire type 2 wanted, got 3"},
        {&cm__data_key__descriptor,
         {(const uint8_t *)"\x02\x00", 2},
         "DataKey: a field number that does not exist"},
        {&cm__data_key__descriptor,
         {(const uint8_t *)"\x8a\x80\x80\x80\x10\x00", 6},
         "DataKey: a field number that does not exist"},
        {&cm__status__descriptor,
         {(const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11},
         "Status: code: at offset 10: a number of more than 64 bits"},
        {&cm__status__descriptor,
         {(const uint8_t *)"\x08\x80\x80\x80\x80\x08", 6},
         "Status: code: a number that 32 bits do not hold"},
        {&cm__status__descriptor,
         {(const uint8_t *)"\x08\xff\xff\xff\xff\xf7\xff\xff\xff\xff\x01", 11},
         "Status: code: a number that 32 bits do not hold"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (int unknown = CAPSA_UNKNOWN_REFUSED; unknown <= CAPSA_UNKNOWN_SKIPPED; unknown++) {
            ProtobufCMessage *message = NULL;
            capsa_result result = capsa_protobuf_parse(bad[i].shape, bad[i].wire,
                                                       (enum capsa_unknown)unknown, &message);
            assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
            assert_string_equal(capsa_text_of(result), bad[i].error);
            assert_null(message);
        }
    }
}

static void groups_are_refused_even_where_unknown_fields_are_skipped(void **state)
{
    (void)state;
    static const capsa_bytes groups[] = {
        {(const uint8_t *)"\x1b\x1c", 2}, /* an empty group 3 */
        {(const uint8_t *)"\x1c", 1},     /* an end without a start */
        {(const uint8_t *)"\x1e", 1},     /* wire type 6 */
        {(const uint8_t *)"\x1f", 1},
    };
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        ProtobufCMessage *message = NULL;
        assert_fails(capsa_protobuf_parse(&cm__data_key__descriptor, groups[i],
                                          CAPSA_UNKNOWN_SKIPPED, &message),
                     MALFORMED);
    }
}

static void unknown_fields_are_refused_or_gone(void **state)
{
    (void)state;
    /* DataKey within GetExportDataKeyResponse; unknown fields 3 and 100 of every wire type. */
    capsa_bytes wire = WIRE("\x0a\x11\x0a\x01\x61\x18\x05\x1a\x02xy\x1d\x01\x02\x03\x04\x12\x01\x62"
                            "\xa1\x06\x01\x02\x03\x04\x05\x06\x07\x08");
    ProtobufCMessage *none = NULL;
    capsa_result result = capsa_protobuf_parse(&cm__get_export_data_key_response__descriptor, wire,
                                               CAPSA_UNKNOWN_REFUSED, &none);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNKNOWN_FIELD);
    assert_string_equal(capsa_text_of(result),
                        "GetExportDataKeyResponse: data_key: unknown field 3");
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(&cm__get_export_data_key_response__descriptor, wire,
                                   CAPSA_UNKNOWN_SKIPPED, &message));
    const Cm__GetExportDataKeyResponse *response = (const void *)message;
    assert_int_equal(response->base.n_unknown_fields, 0);
    assert_int_equal(response->data_key->base.n_unknown_fields, 0);
    assert_string_equal(response->data_key->resource_uri, "a");
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(64);
    assert_ok(capsa_protobuf_write(message, &again));
    assert_true(
        capsa_bytes_equal(capsa_buf_bytes(&again), WIRE("\x0a\x06\x0a\x01\x61\x12\x01\x62")));
}

static void unknown_fields_are_gone_from_repeated_messages_too(void **state)
{
    (void)state;
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(&cm__create_data_keys_request__descriptor,
                                   WIRE("\x12\x05\x0a\x01\x61\x18\x05\x12\x02\x18\x05"),
                                   CAPSA_UNKNOWN_SKIPPED, &message));
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(64);
    assert_ok(capsa_protobuf_write(message, &again));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&again), WIRE("\x12\x03\x0a\x01\x61\x12\x00")));
}

static void numbers_at_the_edge_are_read(void **state)
{
    (void)state;
    static const struct {
        capsa_bytes wire;
        int32_t code;
    } edges[] = {
        {{(const uint8_t *)"\x08\xff\xff\xff\xff\x07", 6}, INT32_MAX},
        {{(const uint8_t *)"\x08\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01", 11}, INT32_MIN},
        {{(const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, -1},
        {{(const uint8_t *)"", 0}, 0},
    };
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        CAPSA_AUTO_MESSAGE message = NULL;
        assert_ok(capsa_protobuf_parse(&cm__status__descriptor, edges[i].wire,
                                       CAPSA_UNKNOWN_REFUSED, &message));
        assert_int_equal(((const Cm__Status *)(const void *)message)->code, edges[i].code);
    }
}

/* No message of ours is as deep as the limit: a shape of our own that holds itself. */
static ProtobufCFieldDescriptor self_field = {
    .name = "self",
    .id = 1,
    .label = PROTOBUF_C_LABEL_NONE,
    .type = PROTOBUF_C_TYPE_MESSAGE,
    .offset = sizeof(ProtobufCMessage),
};
static const ProtobufCMessageDescriptor self_shape;
static void self_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(ProtobufCMessage) + sizeof(void *));
    message->descriptor = &self_shape;
}
static const unsigned self_by_name[] = {0};
static const ProtobufCIntRange self_numbers[] = {{1, 0}, {0, 1}};
static const ProtobufCMessageDescriptor self_shape = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "test.Self",
    .short_name = "Self",
    .sizeof_message = sizeof(ProtobufCMessage) + sizeof(void *),
    .n_fields = 1,
    .fields = &self_field,
    .fields_sorted_by_name = self_by_name,
    .n_field_ranges = 1,
    .field_ranges = self_numbers,
    .message_init = self_init,
};

static void depth_is_limited(void **state)
{
    (void)state;
    self_field.descriptor = &self_shape;
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(4));
    for (size_t depth = CAPSA_LIMIT_protobuf_depth; depth <= CAPSA_LIMIT_protobuf_depth + 1;
         depth++) {
        capsa_buf_clear(&wire);
        capsa_buf_clear(&json);
        for (size_t left = depth - 1; left > 0; left--) {
            assert_ok(capsa_buf_u8(&wire, 0x0a));
            assert_ok(capsa_buf_u8(&wire, (uint8_t)(2 * (left - 1))));
            assert_ok(capsa_buf_str(&json, "{\"self\":"));
        }
        assert_ok(capsa_buf_str(&json, "{}"));
        for (size_t left = depth - 1; left > 0; left--) {
            assert_ok(capsa_buf_str(&json, "}"));
        }
        CAPSA_AUTO_MESSAGE message = NULL;
        CAPSA_AUTO_MESSAGE from_json = NULL;
        capsa_result by_wire = capsa_protobuf_parse(&self_shape, capsa_buf_bytes(&wire),
                                                    CAPSA_UNKNOWN_REFUSED, &message);
        capsa_result by_json = capsa_protojson_parse(&self_shape, capsa_buf_bytes(&json),
                                                     CAPSA_UNKNOWN_REFUSED, &from_json);
        enum capsa_code wanted =
            depth > CAPSA_LIMIT_protobuf_depth ? CAPSA_E_TOO_LARGE : CAPSA_E_OK;
        assert_int_equal(capsa_code_of(by_wire), wanted);
        assert_int_equal(capsa_code_of(by_json), wanted);
    }
}

static void messages_side_by_side_are_not_depth(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(4));
    assert_ok(capsa_buf_str(&json, "{\"data_keys\":[{}"));
    for (size_t i = 0; i < 2 * CAPSA_LIMIT_protobuf_depth; i++) {
        assert_ok(capsa_buf_str(&json, ",{}"));
    }
    assert_ok(capsa_buf_str(&json, "]}"));
    CAPSA_AUTO_MESSAGE from_json = NULL;
    assert_ok(capsa_protojson_parse(&cm__create_data_keys_request__descriptor,
                                    capsa_buf_bytes(&json), CAPSA_UNKNOWN_REFUSED, &from_json));
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(KIB(4));
    assert_ok(capsa_protobuf_write(from_json, &wire));
    CAPSA_AUTO_MESSAGE from_wire = NULL;
    assert_ok(capsa_protobuf_parse(&cm__create_data_keys_request__descriptor,
                                   capsa_buf_bytes(&wire), CAPSA_UNKNOWN_REFUSED, &from_wire));
}

static void the_number_of_fields_is_limited(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(MIB(1));
    for (size_t i = 0; i < CAPSA_LIMIT_protobuf_fields; i++) {
        assert_ok(capsa_buf_append(&wire, WIRE("\x12\x00")));
    }
    ProtobufCMessage *message = NULL;
    assert_ok(capsa_protobuf_parse(&cm__register_cert_request__descriptor, capsa_buf_bytes(&wire),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    capsa_message_free(message);
    assert_ok(capsa_buf_append(&wire, WIRE("\x12\x00")));
    assert_fails(capsa_protobuf_parse(&cm__register_cert_request__descriptor,
                                      capsa_buf_bytes(&wire), CAPSA_UNKNOWN_REFUSED, &message),
                 TOO_LARGE);
}

/* A shape with `repeated int32 n = 1`, which protobuf-c reads packed and not. */
struct numbers {
    ProtobufCMessage base;
    size_t n_n;
    int32_t *n;
};
static const ProtobufCMessageDescriptor numbers_shape;
static void numbers_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct numbers));
    message->descriptor = &numbers_shape;
}
static const ProtobufCFieldDescriptor numbers_field = {
    .name = "n",
    .id = 1,
    .label = PROTOBUF_C_LABEL_REPEATED,
    .type = PROTOBUF_C_TYPE_INT32,
    .quantifier_offset = offsetof(struct numbers, n_n),
    .offset = offsetof(struct numbers, n),
    .flags = PROTOBUF_C_FIELD_FLAG_PACKED,
};
static const ProtobufCMessageDescriptor numbers_shape = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "test.Numbers",
    .short_name = "Numbers",
    .sizeof_message = sizeof(struct numbers),
    .n_fields = 1,
    .fields = &numbers_field,
    .fields_sorted_by_name = self_by_name,
    .n_field_ranges = 1,
    .field_ranges = self_numbers,
    .message_init = numbers_init,
};

static void packed_numbers_are_checked_one_by_one(void **state)
{
    (void)state;
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(&numbers_shape, WIRE("\x0a\x03\x05\x96\x01\x08\x07"),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    const struct numbers *numbers = (const void *)message;
    assert_int_equal(numbers->n_n, 3);
    assert_int_equal(numbers->n[1], 150);
    assert_int_equal(numbers->n[2], 7);
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(64);
    assert_ok(capsa_protojson_write(message, CAPSA_PROTOJSON_ALL, &json));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&json), "{\"n\":[5,150,7]}"));
    CAPSA_AUTO_MESSAGE again = NULL;
    assert_ok(capsa_protojson_parse(&numbers_shape, capsa_buf_bytes(&json), CAPSA_UNKNOWN_REFUSED,
                                    &again));
    assert_int_equal(((const struct numbers *)(const void *)again)->n[1], 150);
    ProtobufCMessage *none = NULL;
    assert_fails(capsa_protobuf_parse(&numbers_shape, WIRE("\x0a\x02\x05\x96"),
                                      CAPSA_UNKNOWN_REFUSED, &none),
                 TRUNCATED);
    assert_fails(capsa_protobuf_parse(&numbers_shape, WIRE("\x0a\x05\xff\xff\xff\xff\x0f"),
                                      CAPSA_UNKNOWN_REFUSED, &none),
                 MALFORMED);
}

static void a_map_on_the_wire_is_an_object_in_json(void **state)
{
    (void)state;
    /* {"a": "b", "c": "", "a": "z"}: the last of a key holds. */
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(
        &cm__request_header__descriptor,
        WIRE(
            "\x0a\x06\x0a\x01\x61\x12\x01\x62\x0a\x03\x0a\x01\x63\x0a\x06\x0a\x01\x61\x12\x01\x7a"),
        CAPSA_UNKNOWN_REFUSED, &message));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(256);
    assert_ok(capsa_protojson_write(message, CAPSA_PROTOJSON_MINIMAL, &json));
    assert_true(
        capsa_bytes_is(capsa_buf_bytes(&json), "{\"custom_headers\":{\"a\":\"z\",\"c\":\"\"}}"));
    CAPSA_AUTO_MESSAGE again = NULL;
    assert_ok(capsa_protojson_parse(&cm__request_header__descriptor, capsa_buf_bytes(&json),
                                    CAPSA_UNKNOWN_REFUSED, &again));
    const Cm__RequestHeader *header = (const void *)again;
    assert_int_equal(header->n_custom_headers, 2);
    assert_string_equal(header->custom_headers[0]->key, "a");
    assert_string_equal(header->custom_headers[0]->value, "z");
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    ProtobufCMessage *message = NULL;
    ASSERT_FAILS_CLEANLY(capsa_protobuf_parse(
        &cm__create_data_keys_request__descriptor,
        WIRE("\x0a\x01\x70\x12\x06\x0a\x01\x61\x12\x01\x62\x12\x03\x0a\x01\x63\x98\x06\x01"),
        CAPSA_UNKNOWN_SKIPPED, &message));
    capsa_message_free(message);
    message = NULL;
    ASSERT_FAILS_CLEANLY(capsa_protojson_parse(
        &cm__encrypted_response__descriptor,
        CAPSA_BYTES_LITERAL("{\"status\":{\"code\":1,\"message\":\"m\",\"details\":[{\"value\":"
                            "\"AAEC\"}]},\"message\":{\"iv\":\"x\"}}"),
        CAPSA_UNKNOWN_REFUSED, &message));
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(256);
    assert_ok(capsa_protojson_write(message, CAPSA_PROTOJSON_MINIMAL, &json));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&json),
                               "{\"status\":{\"code\":1,\"message\":\"m\",\"details\":[{\"value\":"
                               "\"AAEC\"}]},\"message\":{\"iv\":\"x\"}}"));
    capsa_message_free(message);
}

/* ---- As JSON -------------------------------------------------------------------------------- */

static const char policy_json[] =
    "{\"owner_party_id\":\"P\",\"scope\":\"\",\"policy\":{\"data_uuid\":\"d\",\"rules\":[{"
    "\"rule_id\":\"r\",\"grantee_party_ids\":[\"*\"],\"op_constraints\":[],\"columns\":[\"id\"],"
    "\"global_constraints\":[]}]}}";

static void the_styles_differ_in_defaults_and_space_only(void **state)
{
    (void)state;
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protojson_parse(&cm__create_data_policy_request__descriptor,
                                    capsa_bytes_str(policy_json), CAPSA_UNKNOWN_REFUSED, &message));
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(4));
    const char *text;
    assert_ok(capsa_protojson_write(message, CAPSA_PROTOJSON_ALL, &buf));
    assert_ok(capsa_buf_cstr(&buf, &text));
    assert_string_equal(text, policy_json);
    capsa_buf_clear(&buf);
    assert_ok(capsa_protojson_write(message, CAPSA_PROTOJSON_MINIMAL, &buf));
    assert_ok(capsa_buf_cstr(&buf, &text));
    assert_string_equal(text, "{\"owner_party_id\":\"P\",\"policy\":{\"data_uuid\":\"d\",\"rules\":"
                              "[{\"rule_id\":\"r\",\"grantee_party_ids\":[\"*\"],\"columns\":"
                              "[\"id\"]}]}}");
}

static void absent_messages_are_omitted_and_defaults_are_printed_when_asked(void **state)
{
    (void)state;
    Cm__EncryptedResponse response = CM__ENCRYPTED_RESPONSE__INIT;
    Cm__Status status = CM__STATUS__INIT;
    response.status = &status;
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(4));
    assert_ok(capsa_protojson_write(&response.base, CAPSA_PROTOJSON_ALL, &buf));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&buf),
                               "{\"status\":{\"code\":0,\"message\":\"\",\"details\":[]}}"));
    capsa_buf_clear(&buf);
    assert_ok(capsa_protojson_write(&response.base, CAPSA_PROTOJSON_PRETTY, &buf));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&buf), "{\n  \"status\": {}\n}"));
    capsa_buf_clear(&buf);
    status.message = NULL;
    assert_ok(capsa_protojson_write(&response.base, CAPSA_PROTOJSON_MINIMAL, &buf));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&buf), "{\"status\":{}}"));
    char broken[] = "\xff";
    status.message = broken;
    assert_fails(capsa_protojson_write(&response.base, CAPSA_PROTOJSON_ALL, &buf), MALFORMED);
    assert_int_equal(buf.len, strlen("{\"status\":{}}"));
}

static void null_is_an_absent_message_and_nothing_else(void **state)
{
    (void)state;
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(
        capsa_protojson_parse(&cm__get_data_keys_request__descriptor,
                              CAPSA_BYTES_LITERAL("{\"attestation_report\":null,\"cert\":\"c\"}"),
                              CAPSA_UNKNOWN_REFUSED, &message));
    const Cm__GetDataKeysRequest *request = (const void *)message;
    assert_null(request->attestation_report);
    assert_null(request->resource_request);
    assert_string_equal(request->cert, "c");
}

static void json_of_another_shape_is_refused_with_its_path(void **state)
{
    (void)state;
    static const struct {
        const ProtobufCMessageDescriptor *shape;
        const char *text;
        const char *error;
    } bad[] = {
        {&cm__create_data_policy_request__descriptor,
         "{\"policy\":{\"rules\":[{},{\"columns\":[\"a\",1]}]}}",
         "policy.rules[1].columns[1]: a string wanted, got an integer"},
        {&cm__create_data_policy_request__descriptor, "{\"policy\":{\"rules\":null}}",
         "policy.rules: an array wanted, got null"},
        {&cm__create_data_policy_request__descriptor, "{\"policy\":{\"rules\":[null]}}",
         "policy.rules[0]: an object wanted, got null"},
        {&cm__create_data_policy_request__descriptor, "{\"policy\":[]}",
         "policy: an object wanted, got an array"},
        {&cm__create_data_policy_request__descriptor, "{\"scope\":null}",
         "scope: a string wanted, got null"},
        {&cm__create_data_policy_request__descriptor, "{\"scope\":1}",
         "scope: a string wanted, got an integer"},
        {&cm__create_data_policy_request__descriptor, "[]", "an object wanted, got an array"},
        {&cm__create_data_policy_request__descriptor, "null", "an object wanted, got null"},
        {&cm__encrypted_request__descriptor, "{\"has_signature\":\"true\"}",
         "has_signature: true or false wanted, got a string"},
        {&cm__encrypted_request__descriptor, "{\"has_signature\":null}",
         "has_signature: true or false wanted, got null"},
        {&cm__request_header__descriptor, "{\"custom_headers\":{\"a\":1}}",
         "custom_headers.a: a string wanted, got an integer"},
        {&cm__request_header__descriptor, "{\"custom_headers\":[]}",
         "custom_headers: an object wanted, got an array"},
        {&cm__status__descriptor, "{\"code\":2147483648}", "code: 2147483648 does not fit 32 bits"},
        {&cm__status__descriptor, "{\"code\":-2147483649}",
         "code: -2147483649 does not fit 32 bits"},
        {&cm__status__descriptor, "{\"code\":1.5}",
         "code: an integer of 32 bits wanted, got a number with a fraction"},
        {&cm__status__descriptor, "{\"code\":\"\"}",
         "code: an integer of 32 bits wanted, got a string"},
        {&cm__status__descriptor, "{\"code\":\" 1\"}", NULL},
        {&cm__status__descriptor, "{\"code\":\"1 \"}", NULL},
        {&cm__status__descriptor, "{\"code\":\"+1\"}", NULL},
        {&cm__status__descriptor, "{\"code\":\"0x1\"}", NULL},
        {&cm__status__descriptor, "{\"code\":\"-\"}", NULL},
        {&cm__status__descriptor, "{\"details\":[{\"value\":\"A\"}]}",
         "details[0].value: base64 with padding wanted"},
        {&cm__sgx_ql_qve_collateral__descriptor, "{\"version\":\"9223372036854775808\"}",
         "version: an integer of 64 bits wanted, got a string"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ProtobufCMessage *message = NULL;
        capsa_result result = capsa_protojson_parse(bad[i].shape, capsa_bytes_str(bad[i].text),
                                                    CAPSA_UNKNOWN_SKIPPED, &message);
        assert_null(message);
        assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
        if (bad[i].error != NULL) {
            assert_string_equal(capsa_text_of(result), bad[i].error);
        }
    }
    ProtobufCMessage *message = NULL;
    assert_fails(capsa_protojson_parse(&health__health_check_response__descriptor,
                                       CAPSA_BYTES_LITERAL("{\"status\":1}"), CAPSA_UNKNOWN_SKIPPED,
                                       &message),
                 UNSUPPORTED);
}

static void unknown_members_are_refused_or_skipped(void **state)
{
    (void)state;
    capsa_bytes text =
        CAPSA_BYTES_LITERAL("{\"policy\":{\"rules\":[{\"ruleId\":\"x\",\"rule_id\":\"y\"}]}}");
    CAPSA_AUTO_MESSAGE message = NULL;
    capsa_result result = capsa_protojson_parse(&cm__create_data_policy_request__descriptor, text,
                                                CAPSA_UNKNOWN_REFUSED, &message);
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNKNOWN_FIELD);
    assert_string_equal(capsa_text_of(result), "policy.rules[0]: unknown member \"ruleId\"");
    assert_ok(capsa_protojson_parse(&cm__create_data_policy_request__descriptor, text,
                                    CAPSA_UNKNOWN_SKIPPED, &message));
    const Cm__CreateDataPolicyRequest *request = (const void *)message;
    assert_string_equal(request->policy->rules[0]->rule_id, "y");
}

static void long_integers_are_strings_in_json_and_read_from_both(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"version\":-9223372036854775808,\"tee_type\":\"129\"}",
                                        "{\"version\":\"-9223372036854775808\",\"tee_type\":129}"};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO_MESSAGE message = NULL;
        assert_ok(capsa_protojson_parse(&cm__sgx_ql_qve_collateral__descriptor,
                                        capsa_bytes_str(texts[i]), CAPSA_UNKNOWN_REFUSED,
                                        &message));
        CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(4));
        assert_ok(capsa_protojson_write(message, CAPSA_PROTOJSON_MINIMAL, &buf));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&buf),
                                   "{\"version\":\"-9223372036854775808\",\"tee_type\":\"129\"}"));
    }
}

static void the_pretty_style_escapes_as_python_does(void **state)
{
    (void)state;
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protojson_parse(&cm__data_key__descriptor,
                                    CAPSA_BYTES_LITERAL("{\"resource_uri\":\"\xc3\xa9\xf0\x9f\x98"
                                                        "\x80/\"}"),
                                    CAPSA_UNKNOWN_REFUSED, &message));
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(KIB(4));
    assert_ok(capsa_protojson_write(message, CAPSA_PROTOJSON_PRETTY, &buf));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&buf),
                               "{\n  \"resource_uri\": \"\\u00e9\\ud83d\\ude00/\"\n}"));
}

/* ---- What the original SDK sent ------------------------------------------------------------- */

static const struct recorded {
    const char *name;
    const ProtobufCMessageDescriptor *shape;
} recorded[] = {
    {"RegisterCert", &cm__register_cert_request__descriptor},
    {"CreateDataKeys", &cm__create_data_keys_request__descriptor},
    {"CreateDataPolicy", &cm__create_data_policy_request__descriptor},
    {"ListDataPolicy", &cm__list_data_policy_request__descriptor},
    {"AddDataRule", &cm__add_data_rule_request__descriptor},
    {"DeleteDataRule", &cm__delete_data_rule_request__descriptor},
    {"DeleteDataPolicy", &cm__delete_data_policy_request__descriptor},
    {"GetExportDataKey", &cm__get_export_data_key_request__descriptor},
    {"DeleteDataKey", &cm__delete_data_key_request__descriptor},
};

static void recorded_payloads_are_written_again_to_the_letter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
        char name[128];
        (void)snprintf(name, sizeof(name), "capsule-manager/%s.payload.json", recorded[i].name);
        CAPSA_AUTO(capsa_buf) payload = capsa_buf_of(KIB(64));
        CAPSA_AUTO(capsa_buf) again = capsa_buf_of(KIB(64));
        test_vector_read(name, &payload);
        CAPSA_AUTO_MESSAGE message = NULL;
        assert_ok(capsa_protojson_parse(recorded[i].shape, capsa_buf_bytes(&payload),
                                        CAPSA_UNKNOWN_REFUSED, &message));
        assert_ok(capsa_protojson_write(message, CAPSA_PROTOJSON_PRETTY, &again));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&payload), capsa_buf_bytes(&again)));
    }
}

static void expect_same_bytes(const char *method, const ProtobufCMessageDescriptor *shape)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "capsule-manager/%s.request.bin", method);
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(KIB(64));
    test_vector_read(name, &wire);
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protobuf_parse(shape, capsa_buf_bytes(&wire), CAPSA_UNKNOWN_REFUSED, &message));
    assert_ok(capsa_protobuf_write(message, &again));
    assert_true(capsa_bytes_equal(capsa_buf_bytes(&wire), capsa_buf_bytes(&again)));
    for (size_t len = 1; len < wire.len; len += 7) {
        ProtobufCMessage *cut = NULL;
        capsa_result result = capsa_protobuf_parse(shape, capsa_bytes_of(wire.data, len),
                                                   CAPSA_UNKNOWN_REFUSED, &cut);
        /* Between two fields a message may end. */
        assert_true(capsa_code_of(result) == CAPSA_E_TRUNCATED || cut != NULL);
        capsa_message_free(cut);
    }
}

static void recorded_requests_are_encoded_again_to_the_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
        expect_same_bytes(recorded[i].name, &cm__encrypted_request__descriptor);
    }
    expect_same_bytes("GetRaCert", &cm__get_ra_cert_request__descriptor);
}

static void expect_wire(const ProtobufCMessageDescriptor *shape, const char *json, const char *hex)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    assert_ok(capsa_protojson_parse(shape, capsa_bytes_str(json), CAPSA_UNKNOWN_REFUSED, &message));
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(8));
    assert_ok(capsa_protobuf_write(message, &wire));
    assert_ok(capsa_hex_write(capsa_buf_bytes(&wire), &text));
    const char *got;
    assert_ok(capsa_buf_cstr(&text, &got));
    assert_string_equal(got, hex);
}

/* What evidence is bound to; the bytes were recorded from the original's encoder. */
static void the_canonical_encoding_is_the_originals(void **state)
{
    (void)state;
    expect_wire(
        &cm__resource_request__descriptor,
        "{\"resources\":[{\"resource_uri\":\"data-uuid-1\",\"columns\":[\"id\",\"f1\"],"
        "\"attrs\":\"\"},{\"resource_uri\":\"data-uuid-2\",\"columns\":[]}],\"env\":\"\","
        "\"op_name\":\"psi\",\"scope\":\"default\","
        "\"initiator_party_id\":\"G4FNVUI53TLW3BCHXI2CWEXF6QRTV5VRGFTI6VUMFBKYP66FUUXQ\"}",
        "0a344734464e5655493533544c573342434858493243574558463651525456355652474654493656554d46424b"
        "595036364655555851120764656661756c741a0370736922150a0b646174612d757569642d3112026964120266"
        "31220d0a0b646174612d757569642d32");
    expect_wire(
        &cm__create_result_data_key_request__body__descriptor,
        "{\"owner_id\":\"\",\"resource_uri\":\"result-1\",\"scope\":\"default\","
        "\"data_key_b64\":\"AAECAwQFBgcICQoLDA0ODw==\","
        "\"ancestor_uuids\":[\"data-uuid-1\",\"data-uuid-2\"]}",
        "1208726573756c742d311a0764656661756c74221841414543417751464267634943516f4c4441304f44"
        "773d3d2a0b646174612d757569642d312a0b646174612d757569642d32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_that_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(groups_are_refused_even_where_unknown_fields_are_skipped),
        cmocka_unit_test(unknown_fields_are_refused_or_gone),
        cmocka_unit_test(unknown_fields_are_gone_from_repeated_messages_too),
        cmocka_unit_test(numbers_at_the_edge_are_read),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(messages_side_by_side_are_not_depth),
        cmocka_unit_test(the_number_of_fields_is_limited),
        cmocka_unit_test(packed_numbers_are_checked_one_by_one),
        cmocka_unit_test(a_map_on_the_wire_is_an_object_in_json),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
        cmocka_unit_test(the_styles_differ_in_defaults_and_space_only),
        cmocka_unit_test(absent_messages_are_omitted_and_defaults_are_printed_when_asked),
        cmocka_unit_test(null_is_an_absent_message_and_nothing_else),
        cmocka_unit_test(json_of_another_shape_is_refused_with_its_path),
        cmocka_unit_test(unknown_members_are_refused_or_skipped),
        cmocka_unit_test(long_integers_are_strings_in_json_and_read_from_both),
        cmocka_unit_test(the_pretty_style_escapes_as_python_does),
        cmocka_unit_test(recorded_payloads_are_written_again_to_the_letter),
        cmocka_unit_test(recorded_requests_are_encoded_again_to_the_byte),
        cmocka_unit_test(the_canonical_encoding_is_the_originals),
    };
    return cmocka_run_group_tests_name("codec protobuf", tests, NULL, NULL);
}
