/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading and making native envelopes share: their words. Not for other folders.
 */
#pragma once

#include "envelope/envelope_native.h"

#define NATIVE_ALG        "ECDH-ES+A256KW"
#define NATIVE_ANSWER_ALG "dir"
#define NATIVE_ENC        "A256GCM"
#define NATIVE_VERSION    1

struct capsa_native_curve {
    enum capsa_key_kind kind;
    const char *kty, *crv;
    bool has_y;
};
#define NATIVE_CURVES 2
extern const struct capsa_native_curve capsa_native_curves[NATIVE_CURVES];

/* SHA-256 of the compact form. */
CAPSA_RESULT capsa_native_request_hash(const struct capsa_jwe *jwe, uint8_t ret_hash[CAPSA_SHA256]);
/* HKDF of the CEK for the answer to the request with this hash. */
CAPSA_RESULT capsa_native_channel_init(capsa_native_channel *ret_channel, capsa_secret_bytes cek,
                                       const uint8_t request_hash[CAPSA_SHA256]);
