/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of a message as text; see envelope_text.h.
 */
#include "envelope/envelope_text.h"

#include "codec/text.h"

#define TEXT_IV     12
#define TEXT_MAX(n) ((n) / 3 * 4 + 4)

CAPSA_RESULT capsa_envelope_encode(capsa_bytes bytes, char **ret_text)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(TEXT_MAX(bytes.len));
    CAPSA_TRY(capsa_base64_write(bytes, CAPSA_BASE64_URL, &text));
    return capsa_buf_take_str(&text, ret_text);
}

CAPSA_RESULT capsa_envelope_seal(capsa_secret_bytes key, capsa_bytes additional,
                                 capsa_bytes plaintext, capsa_jwe_out *out)
{
    uint8_t iv[TEXT_IV], tag[CAPSA_GCM_TAG];
    CAPSA_TRY(capsa_random(iv, sizeof(iv)));
    CAPSA_AUTO(capsa_buf) ciphertext = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_TRY(capsa_gcm_seal(key, capsa_bytes_of(iv, sizeof(iv)), additional, plaintext,
                             &ciphertext, tag));
    CAPSA_TRY(capsa_envelope_encode(capsa_bytes_of(iv, sizeof(iv)), &out->iv));
    CAPSA_TRY(capsa_envelope_encode(capsa_buf_bytes(&ciphertext), &out->ciphertext));
    CAPSA_TRY(capsa_envelope_encode(capsa_bytes_of(tag, sizeof(tag)), &out->tag));
    return capsa_envelope_encode(capsa_bytes_of(NULL, 0), &out->aad);
}

void capsa_envelope_replay_key(capsa_bytes iv, capsa_bytes ciphertext, capsa_bytes tag,
                               uint8_t ret_key[CAPSA_SHA256])
{
    const capsa_bytes parts[] = {iv, ciphertext, tag};
    capsa_sha256_parts(parts, 3, ret_key);
}

CAPSA_RESULT capsa_envelope_header_parse(const char *text, struct capsa_json **ret_header)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_jose_header);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_URL, &bytes),
                 "protected_header");
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY_AT(capsa_json_parse(capsa_buf_bytes(&bytes), &value), "protected_header");
    CAPSA_REQUIRE(capsa_json_kind_of(value) == CAPSA_JSON_OBJECT, MALFORMED,
                  "protected_header: an object wanted, got %s",
                  capsa_json_kind_name(capsa_json_kind_of(value)));
    *ret_header = value;
    value = NULL;
    return CAPSA_OK;
}
