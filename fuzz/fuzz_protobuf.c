/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages from the wire, read as each of a few shapes: what is accepted has one encoding, and
 * holds nothing unknown.
 */
#include <stdlib.h>

#include "codec/protobuf.h"
#include "wire/capsule_manager.pb-c.h"
#include "wire/health.pb-c.h"

static const ProtobufCMessageDescriptor *const shapes[] = {
    &cm__encrypted_request__descriptor,     &cm__get_ra_cert_response__descriptor,
    &cm__get_data_keys_request__descriptor, &cm__create_data_policy_request__descriptor,
    &cm__sgx_ql_qve_collateral__descriptor, &health__health_check_response__descriptor,
};

static void check(const ProtobufCMessageDescriptor *shape, capsa_bytes wire,
                  enum capsa_unknown unknown)
{
    CAPSA_AUTO_MESSAGE message = NULL;
    if (capsa_failed(capsa_protobuf_parse(shape, wire, unknown, &message))) {
        return;
    }
    CAPSA_AUTO(capsa_buf) first = capsa_buf_of(MIB(16));
    CAPSA_AUTO(capsa_buf) second = capsa_buf_of(MIB(16));
    CAPSA_AUTO_MESSAGE again = NULL;
    if (capsa_failed(capsa_protobuf_write(message, &first)) ||
        capsa_failed(
            capsa_protobuf_parse(shape, capsa_buf_bytes(&first), CAPSA_UNKNOWN_REFUSED, &again)) ||
        capsa_failed(capsa_protobuf_write(again, &second)) ||
        !capsa_bytes_equal(capsa_buf_bytes(&first), capsa_buf_bytes(&second))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        check(shapes[i], capsa_bytes_of(data, size), CAPSA_UNKNOWN_REFUSED);
        check(shapes[i], capsa_bytes_of(data, size), CAPSA_UNKNOWN_SKIPPED);
    }
    return 0;
}
