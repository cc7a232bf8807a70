/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages from JSON, read as each of a few shapes: written as JSON in any style, or as bytes, and
 * read again, they are the same message.
 */
#include <stdlib.h>

#include "codec/protobuf.h"
#include "wire/capsule_manager.pb-c.h"

static const ProtobufCMessageDescriptor *const shapes[] = {
    &cm__create_data_policy_request__descriptor, &cm__get_data_keys_request__descriptor,
    &cm__create_data_keys_request__descriptor,   &cm__request_header__descriptor,
    &cm__sgx_ql_qve_collateral__descriptor,      &cm__status__descriptor,
};

static void expect_same(const ProtobufCMessage *message, capsa_bytes wire)
{
    CAPSA_AUTO(capsa_buf) other = capsa_buf_of(MIB(16));
    if (capsa_failed(capsa_protobuf_write(message, &other)) ||
        !capsa_bytes_equal(capsa_buf_bytes(&other), wire)) {
        abort();
    }
}

static void check(const ProtobufCMessageDescriptor *shape, capsa_bytes text)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    if (capsa_failed(capsa_protojson_parse(shape, text, CAPSA_UNKNOWN_SKIPPED, &message))) {
        return;
    }
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(MIB(16));
    CAPSA_AUTO_MESSAGE from_wire = NULL;
    if (capsa_failed(capsa_protobuf_write(message, &wire)) ||
        capsa_failed(capsa_protobuf_parse(shape, capsa_buf_bytes(&wire), CAPSA_UNKNOWN_REFUSED,
                                          &from_wire))) {
        abort();
    }
    expect_same(from_wire, capsa_buf_bytes(&wire));
    for (int style = CAPSA_PROTOJSON_ALL; style <= CAPSA_PROTOJSON_PRETTY; style++) {
        CAPSA_AUTO(capsa_buf) json = capsa_buf_of(MIB(16));
        CAPSA_AUTO_MESSAGE from_json = NULL;
        if (capsa_failed(
                capsa_protojson_write(message, (enum capsa_protojson_style)style, &json)) ||
            capsa_failed(capsa_protojson_parse(shape, capsa_buf_bytes(&json), CAPSA_UNKNOWN_REFUSED,
                                               &from_json))) {
            abort();
        }
        expect_same(from_json, capsa_buf_bytes(&wire));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; size <= KIB(64) && i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        check(shapes[i], capsa_bytes_of(data, size));
    }
    return 0;
}
