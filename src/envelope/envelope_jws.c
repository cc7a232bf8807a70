/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading, checking and making the JWS; see envelope_jws.h.
 */
#include "envelope/envelope_jws.h"

#include "codec/json.h"
#include "codec/text.h"

#define JWS_SIGNATURE_MAX ((size_t)CAPSA_LIMIT_rsa_bits_max / 8)
#define JWS_NAME_SHOWN    32 /* of a foreign alg, in errors */

/* ---- reading --------------------------------------------------------------------------------- */

struct members {
    const char *protected_header;
    const char *payload;
    const char *signature;
};

#define MEMBER(json, field)                                                                        \
    {                                                                                              \
        .name = (json), .type = CAPSA_FIELD_STRING, .offset = offsetof(struct members, field),     \
        .flags = CAPSA_FIELD_REQUIRED                                                              \
    }

static const struct capsa_json_field member_fields[] = {
    MEMBER("protected", protected_header),
    MEMBER("payload", payload),
    MEMBER("signature", signature),
    {.name = NULL},
};

struct header {
    const char *alg;
    const struct capsa_json *x5c; /* NULL: absent */
};

static const struct capsa_json_field header_fields[] = {
    {.name = "alg",
     .type = CAPSA_FIELD_STRING,
     .offset = offsetof(struct header, alg),
     .flags = CAPSA_FIELD_REQUIRED},
    {.name = "x5c", .type = CAPSA_FIELD_STRINGS, .offset = offsetof(struct header, x5c)},
    {.name = NULL},
};

static capsa_result require_object(const struct capsa_json *value, const char *what)
{
    CAPSA_REQUIRE(capsa_json_kind_of(value) == CAPSA_JSON_OBJECT, MALFORMED,
                  "%s: an object wanted, got %s", what,
                  capsa_json_kind_name(capsa_json_kind_of(value)));
    return CAPSA_OK;
}

static capsa_result x5c_parse(const struct capsa_json *x5c, struct capsa_cert_cache *cache,
                              capsa_chain *chain)
{
    size_t count = capsa_json_count(x5c);
    CAPSA_REQUIRE(count > 0, MALFORMED, "x5c: it is empty");
    CAPSA_REQUIRE(count <= CAPSA_LIMIT_x5c_certs, TOO_LARGE, "x5c: %zu certificates, at most %d",
                  count, CAPSA_LIMIT_x5c_certs);
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    for (size_t i = 0; i < count; i++) {
        capsa_buf_clear(&der);
        const char *text = capsa_json_string(capsa_json_at(x5c, i));
        CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_STD, &der),
                     "x5c[%zu] (standard base64 with padding)", i);
        CAPSA_TRY_AT(capsa_chain_add_cached(chain, cache, capsa_buf_bytes(&der)), "x5c");
    }
    return CAPSA_OK;
}

static capsa_result header_parse(const char *text, struct capsa_cert_cache *cache, capsa_jws *jws)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_jose_header);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_URL, &bytes), "protected");
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY_AT(capsa_json_parse(capsa_buf_bytes(&bytes), &value), "protected");
    CAPSA_TRY(require_object(value, "protected"));
    CAPSA_REQUIRE(capsa_json_get(value, "crit") == NULL, UNSUPPORTED,
                  "protected: \"crit\" is not supported");
    struct header header = {NULL, NULL};
    CAPSA_TRY_AT(capsa_json_decode(value, header_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &header),
                 "protected");
    CAPSA_REQUIRE(capsa_scheme_by_name(header.alg, &jws->scheme), UNSUPPORTED,
                  "protected: alg \"%.*s\"; RS256, RS384, RS512, PS256, PS384, PS512 and ES256 are "
                  "done",
                  JWS_NAME_SHOWN, header.alg);
    jws->has_x5c = header.x5c != NULL;
    if (jws->has_x5c) {
        CAPSA_TRY_AT(x5c_parse(header.x5c, cache, &jws->x5c), "protected");
    }
    return CAPSA_OK;
}

static capsa_result bytes_parse(const char *text, const char *name, capsa_buf *buf)
{
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_URL, buf), "%s", name);
    return CAPSA_OK;
}

/* RFC 7515 §5.2 step 8: the strings as they came, not encoded anew. */
static capsa_result signing_input(const char *header, const char *payload, capsa_buf *buf)
{
    CAPSA_TRY(capsa_buf_str(buf, header));
    CAPSA_TRY(capsa_buf_str(buf, "."));
    return capsa_buf_str(buf, payload);
}

CAPSA_RESULT capsa_jws_parse_cached(capsa_bytes text, struct capsa_cert_cache *cache,
                                    capsa_jws *ret_jws)
{
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_json_bytes, TOO_LARGE, "a JWS of %zu bytes, at most %d",
                  text.len, CAPSA_LIMIT_json_bytes);
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY_AT(capsa_json_parse(text, &value), "JWS");
    CAPSA_TRY(require_object(value, "JWS"));
    struct members members = {NULL, NULL, NULL};
    CAPSA_TRY_AT(capsa_json_decode(value, member_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &members),
                 "JWS");
    CAPSA_AUTO(capsa_jws)
    jws = {
        .payload = capsa_buf_of(CAPSA_LIMIT_json_bytes),
        .signature = capsa_buf_of(JWS_SIGNATURE_MAX),
        .signing_input = capsa_buf_of(CAPSA_LIMIT_json_bytes),
    };
    CAPSA_TRY_AT(header_parse(members.protected_header, cache, &jws), "JWS");
    CAPSA_TRY_AT(bytes_parse(members.payload, "payload", &jws.payload), "JWS");
    CAPSA_TRY_AT(bytes_parse(members.signature, "signature", &jws.signature), "JWS");
    CAPSA_TRY(signing_input(members.protected_header, members.payload, &jws.signing_input));
    *ret_jws = jws;
    jws = (capsa_jws){0};
    return CAPSA_OK;
}

CAPSA_RESULT capsa_jws_parse(capsa_bytes text, capsa_jws *ret_jws)
{
    return capsa_jws_parse_cached(text, NULL, ret_jws);
}

void capsa_jws_drop(capsa_jws *jws)
{
    capsa_chain_drop(&jws->x5c);
    capsa_buf_drop(&jws->payload);
    capsa_buf_drop(&jws->signature);
    capsa_buf_drop(&jws->signing_input);
}

/* ---- checking -------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_jws_check(const capsa_jws *jws, const capsa_chain *chain, capsa_time now,
                             char ret_party[CAPSA_PARTY_ID])
{
    CAPSA_TRY(capsa_chain_check(chain->certs, chain->count, now));
    CAPSA_TRY_AT(capsa_sign_check(capsa_cert_key(chain->certs[0]), jws->scheme,
                                  capsa_buf_bytes(&jws->signing_input),
                                  capsa_buf_bytes(&jws->signature)),
                 "JWS");
    return capsa_cert_party_id(chain->certs[chain->count - 1], ret_party);
}

CAPSA_RESULT capsa_jws_check_x5c(const capsa_jws *jws, capsa_time now,
                                 char ret_party[CAPSA_PARTY_ID])
{
    CAPSA_REQUIRE(jws->has_x5c, NOT_FOUND,
                  "JWS: the protected header has no x5c, so nobody knows who signed");
    return capsa_jws_check(jws, &jws->x5c, now, ret_party);
}

/* ---- making ---------------------------------------------------------------------------------- */

static capsa_result make_x5c(const capsa_chain *chain, struct capsa_json *header)
{
    CAPSA_AUTO_FREE(capsa_json) list = capsa_json_new_array();
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of((size_t)2 * CAPSA_LIMIT_cert_pem);
    CAPSA_REQUIRE_MEMORY(list);
    for (size_t i = 0; i < chain->count; i++) {
        capsa_buf_clear(&der);
        capsa_buf_clear(&text);
        CAPSA_TRY(capsa_cert_write_der(chain->certs[i], &der));
        CAPSA_TRY(capsa_base64_write(capsa_buf_bytes(&der), CAPSA_BASE64_STD, &text));
        const char *item = NULL;
        CAPSA_TRY(capsa_buf_cstr(&text, &item));
        CAPSA_TRY(capsa_json_push(list, capsa_json_new_string(item)));
    }
    struct capsa_json *handed_over = list;
    list = NULL;
    return capsa_json_set(header, "x5c", handed_over);
}

/* Appends base64url of the header. */
static capsa_result make_header(enum capsa_scheme scheme, const capsa_chain *chain, capsa_buf *text)
{
    CAPSA_AUTO_FREE(capsa_json) header = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(header);
    CAPSA_TRY(capsa_json_set(header, "alg", capsa_json_new_string(capsa_scheme_name(scheme))));
    if (chain != NULL) {
        CAPSA_TRY(make_x5c(chain, header));
    }
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(CAPSA_LIMIT_jose_header);
    CAPSA_TRY_AT(capsa_json_write(header, CAPSA_JSON_COMPACT, &json), "the JWS header");
    return capsa_base64_write(capsa_buf_bytes(&json), CAPSA_BASE64_URL, text);
}

static capsa_result check_first_key(const struct capsa_private_key *key, const capsa_chain *chain)
{
    CAPSA_REQUIRE(chain->count > 0, USAGE, "a chain without certificates");
    CAPSA_AUTO_FREE(capsa_public_key) own = NULL;
    CAPSA_TRY(capsa_public_key_of(key, &own));
    CAPSA_REQUIRE(capsa_public_key_same(own, capsa_cert_key(chain->certs[0])), USAGE,
                  "the first certificate of the chain belongs to another key than the private one");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_jws_make(const struct capsa_private_key *key, const capsa_chain *chain,
                            capsa_bytes payload, capsa_buf *text)
{
    enum capsa_scheme scheme = CAPSA_RS256;
    CAPSA_TRY(capsa_scheme_for_kind(capsa_private_key_kind(key), &scheme));
    if (chain != NULL) {
        CAPSA_TRY(check_first_key(key, chain));
    }
    /* header "." payload is the signing input; the two parts go into the text as they stand there
     */
    CAPSA_AUTO(capsa_buf) input = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(JWS_SIGNATURE_MAX);
    CAPSA_TRY(make_header(scheme, chain, &input));
    size_t header_len = input.len;
    CAPSA_TRY(capsa_buf_str(&input, "."));
    CAPSA_TRY(capsa_base64_write(payload, CAPSA_BASE64_URL, &input));
    CAPSA_TRY(capsa_sign(key, scheme, capsa_buf_bytes(&input), &signature));
    CAPSA_TRY(capsa_buf_str(text, "{\"protected\":\""));
    CAPSA_TRY(capsa_buf_append(text, capsa_bytes_of(input.data, header_len)));
    CAPSA_TRY(capsa_buf_str(text, "\",\"payload\":\""));
    CAPSA_TRY(capsa_buf_append(text, capsa_bytes_from(capsa_buf_bytes(&input), header_len + 1)));
    CAPSA_TRY(capsa_buf_str(text, "\",\"signature\":\""));
    CAPSA_TRY(capsa_base64_write(capsa_buf_bytes(&signature), CAPSA_BASE64_URL, text));
    return capsa_buf_str(text, "\"}");
}
