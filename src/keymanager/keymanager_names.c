/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of the names and keys that a request carries, in one place, so that a message is the same
 * whichever method found it.
 */
#include "keymanager/keymanager_call.h"

#include "base/limits.h"
#include "codec/text.h"

static capsa_result length_check(const char *field, const char *value)
{
    CAPSA_REQUIRE(strlen(value) <= CAPSA_LIMIT_id_bytes, TOO_LARGE, "%s: over %d bytes", field,
                  CAPSA_LIMIT_id_bytes);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_name_check(const char *field, const char *value)
{
    CAPSA_REQUIRE(*value != '\0', MALFORMED, "%s: must not be empty", field);
    return length_check(field, value);
}

CAPSA_RESULT capsa_km_scope_check(const char *scope)
{
    return length_check("scope", scope);
}

CAPSA_RESULT capsa_km_party_check(const struct capsa_km_call *call, const char *field,
                                  const char *claimed)
{
    CAPSA_TRY(capsa_km_name_check(field, claimed));
    CAPSA_REQUIRE(capsa_streq(claimed, call->signer.party), UNAUTHENTIC,
                  "%s is %s, but the request is signed by %s", field, claimed, call->signer.party);
    return CAPSA_OK;
}

/* An unsigned 32-bit number, with a leading "+" as the original reads it. */
static capsa_result number_check(const char *field, capsa_bytes text)
{
    if (text.len > 1 && text.data[0] == '+') {
        text = capsa_bytes_from(text, 1);
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        CAPSA_REQUIRE(text.data[i] >= '0' && text.data[i] <= '9', MALFORMED,
                      "resource_uri: the %s must be a number", field);
        value = value * 10 + (uint64_t)(text.data[i] - '0');
        CAPSA_REQUIRE(value <= UINT32_MAX, MALFORMED, "resource_uri: the %s is over 32 bits",
                      field);
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_uri_parse(const char *resource_uri, capsa_buf *ret_uuid)
{
    CAPSA_TRY(capsa_km_name_check("resource_uri", resource_uri));
    capsa_bytes rest = capsa_bytes_str(resource_uri);
    capsa_bytes uuid = {rest.data, capsa_bytes_find(rest, '/')};
    CAPSA_REQUIRE(uuid.len > 0, MALFORMED, "resource_uri \"%s\": no data_uuid before the first /",
                  resource_uri);
    /* data_uuid / partition / segment / shard; what follows is ignored, and an empty part ends it
     */
    static const char *const numbered[] = {NULL, "segment id", "shard id"};
    rest = capsa_bytes_from(rest, uuid.len + 1);
    for (size_t i = 0; i < 3 && rest.len > 0; i++) {
        capsa_bytes part = {rest.data, capsa_bytes_find(rest, '/')};
        if (part.len == 0) {
            break;
        }
        if (numbered[i] != NULL) {
            CAPSA_TRY(number_check(numbered[i], part));
        }
        rest = capsa_bytes_from(rest, part.len + 1);
    }
    return capsa_buf_append(ret_uuid, uuid);
}

CAPSA_RESULT capsa_km_data_key_check(const char *field, const char *data_key_b64)
{
    CAPSA_REQUIRE(*data_key_b64 != '\0', MALFORMED, "%s: must not be empty", field);
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(CAPSA_LIMIT_data_key_bytes);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(data_key_b64), CAPSA_BASE64_STD, &key), "%s",
                 field);
    return CAPSA_OK;
}
