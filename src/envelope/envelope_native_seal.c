/* SPDX-License-Identifier: Apache-2.0
 *
 * Making native requests and answers, and the key between the two.
 */
#include "codec/text.h"
#include "envelope/envelope_native_fields.h"
#include "envelope/envelope_text.h"

#define RESPONSE_KEY 32

/* ---- the channel ------------------------------------------------------------------------------
 */

CAPSA_RESULT capsa_native_channel_init(capsa_native_channel *ret_channel, capsa_secret_bytes cek,
                                       const uint8_t request_hash[CAPSA_SHA256])
{
    CAPSA_AUTO_FREE(capsa_secret) key = NULL;
    CAPSA_TRY(capsa_secret_new(RESPONSE_KEY, &key));
    CAPSA_TRY(capsa_hkdf(cek, capsa_bytes_of(request_hash, CAPSA_SHA256),
                         CAPSA_BYTES_LITERAL("capsa response"), capsa_secret_room(key),
                         RESPONSE_KEY));
    ret_channel->response_key = key;
    key = NULL;
    return CAPSA_OK;
}

void capsa_native_channel_drop(capsa_native_channel *channel)
{
    capsa_secret_free(channel->response_key);
    channel->response_key = NULL;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static capsa_result write_x25519(const struct capsa_public_key *key, capsa_buf *json)
{
    uint8_t x[32];
    CAPSA_TRY(capsa_public_key_raw(key, x));
    return capsa_base64_write(capsa_bytes_of(x, sizeof(x)), CAPSA_BASE64_URL, json);
}

static capsa_result write_p256(const struct capsa_public_key *key, capsa_buf *json)
{
    uint8_t x[32], y[32];
    CAPSA_TRY(capsa_public_key_p256_xy(key, x, y));
    CAPSA_TRY(capsa_base64_write(capsa_bytes_of(x, sizeof(x)), CAPSA_BASE64_URL, json));
    CAPSA_TRY(capsa_buf_str(json, "\",\"y\":\""));
    return capsa_base64_write(capsa_bytes_of(y, sizeof(y)), CAPSA_BASE64_URL, json);
}

static capsa_result write_jwk(const struct capsa_public_key *key, capsa_buf *json)
{
    const struct capsa_native_curve *curve = capsa_native_curves;
    while (curve->kind != capsa_public_key_kind(key)) { /* seal_key took no other kind */
        curve++;
    }
    CAPSA_TRY(
        capsa_buf_format(json, "{\"kty\":\"%s\",\"crv\":\"%s\",\"x\":\"", curve->kty, curve->crv));
    CAPSA_TRY(curve->has_y ? write_p256(key, json) : write_x25519(key, json));
    return capsa_buf_str(json, "\"}");
}

static capsa_result seal_header(const struct capsa_public_key *key,
                                const struct capsa_public_key *ephemeral, char **ret_text)
{
    char kid[CAPSA_KID];
    capsa_public_key_kid(key, kid);
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&json, "{\"alg\":\"%s\",\"enc\":\"%s\",\"kid\":\"%s\",\"epk\":",
                               NATIVE_ALG, NATIVE_ENC, kid));
    CAPSA_TRY(write_jwk(ephemeral, &json));
    CAPSA_TRY(capsa_buf_format(&json, ",\"capsa\":%d}", NATIVE_VERSION));
    return capsa_envelope_encode(capsa_buf_bytes(&json), ret_text);
}

/* Header and encrypted key. */
static capsa_result seal_key(const struct capsa_public_key *key, struct capsa_secret *cek,
                             capsa_jwe_out *out)
{
    CAPSA_AUTO_FREE(capsa_public_key) ephemeral = NULL;
    uint8_t wrapped[CAPSA_ECDH_WRAPPED];
    CAPSA_TRY(capsa_random(capsa_secret_room(cek), CAPSA_ECDH_KEY));
    CAPSA_TRY(capsa_ecdh_seal(key, capsa_secret_room(cek), &ephemeral, wrapped));
    CAPSA_TRY(seal_header(key, ephemeral, &out->protected_header));
    return capsa_envelope_encode(capsa_bytes_of(wrapped, sizeof(wrapped)), &out->encrypted_key);
}

CAPSA_RESULT capsa_native_seal(const struct capsa_public_key *key, capsa_bytes plaintext,
                               capsa_jwe_out *ret_out, capsa_native_channel *ret_channel)
{
    CAPSA_AUTO_FREE(capsa_secret) cek = NULL;
    CAPSA_AUTO(capsa_jwe_out) out = {0};
    CAPSA_TRY(capsa_secret_new(CAPSA_ECDH_KEY, &cek));
    CAPSA_TRY(seal_key(key, cek, &out));
    CAPSA_TRY(capsa_envelope_seal(capsa_secret_borrow(cek), capsa_bytes_str(out.protected_header),
                                  plaintext, &out));
    const struct capsa_jwe jwe = capsa_jwe_of(&out);
    uint8_t request_hash[CAPSA_SHA256];
    CAPSA_TRY(capsa_native_request_hash(&jwe, request_hash));
    CAPSA_TRY(capsa_native_channel_init(ret_channel, capsa_secret_borrow(cek), request_hash));
    *ret_out = out;
    out = (capsa_jwe_out){0};
    return CAPSA_OK;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

CAPSA_RESULT capsa_native_answer_seal(const capsa_native_channel *channel, capsa_bytes plaintext,
                                      capsa_jwe_out *ret_out)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&json, "{\"alg\":\"%s\",\"enc\":\"%s\",\"capsa\":%d}",
                               NATIVE_ANSWER_ALG, NATIVE_ENC, NATIVE_VERSION));
    CAPSA_AUTO(capsa_jwe_out) out = {0};
    CAPSA_TRY(capsa_envelope_encode(capsa_buf_bytes(&json), &out.protected_header));
    CAPSA_TRY(capsa_envelope_encode(capsa_bytes_of(NULL, 0), &out.encrypted_key));
    CAPSA_TRY(capsa_envelope_seal(capsa_secret_borrow(channel->response_key),
                                  capsa_bytes_str(out.protected_header), plaintext, &out));
    *ret_out = out;
    out = (capsa_jwe_out){0};
    return CAPSA_OK;
}
