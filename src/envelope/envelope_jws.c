/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading, checking and making the JWS; see envelope_jws.h.
 */
#include "envelope/envelope_jws.h"

#include "base/alloc.h"
#include "codec/json.h"
#include "codec/text.h"

#define JWS_SIGNATURE_MAX ((size_t)CAPSA_LIMIT_rsa_bits_max / 8)
#define JWS_NAME_SHOWN    32 /* of a foreign alg, in errors */
#define JWS_CLAIM_SHOWN   64

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
    const char *aud, *method, *jti;
    int64_t iat, version;
};

static const struct capsa_json_field header_fields[] = {
    {.name = "alg",
     .type = CAPSA_FIELD_STRING,
     .offset = offsetof(struct header, alg),
     .flags = CAPSA_FIELD_REQUIRED},
    {.name = "x5c", .type = CAPSA_FIELD_STRINGS, .offset = offsetof(struct header, x5c)},
    {.name = "aud", .type = CAPSA_FIELD_STRING, .offset = offsetof(struct header, aud)},
    {.name = "method", .type = CAPSA_FIELD_STRING, .offset = offsetof(struct header, method)},
    {.name = "jti", .type = CAPSA_FIELD_STRING, .offset = offsetof(struct header, jti)},
    {.name = "iat",
     .type = CAPSA_FIELD_INT,
     .offset = offsetof(struct header, iat),
     .max = INT64_MAX},
    {.name = "version",
     .type = CAPSA_FIELD_INT,
     .offset = offsetof(struct header, version),
     .max = CAPSA_JWS_VERSION_MAX},
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

static capsa_result text_copy(const char *text, char **ret_copy)
{
    if (text != NULL) {
        *ret_copy = capsa_strdup(text);
        CAPSA_REQUIRE_MEMORY(*ret_copy);
    }
    return CAPSA_OK;
}

static capsa_result jti_parse(const char *text, capsa_jws *jws)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_JWS_JTI);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_URL, &bytes),
                 "protected.jti");
    CAPSA_REQUIRE(bytes.len == CAPSA_JWS_JTI, MALFORMED, "protected.jti: %zu bytes, not %d",
                  bytes.len, CAPSA_JWS_JTI);
    memcpy(jws->jti, bytes.data, CAPSA_JWS_JTI);
    return CAPSA_OK;
}

static capsa_result native_parse(const struct capsa_json *value, const struct header *header,
                                 capsa_jws *jws)
{
    jws->has_iat = capsa_json_get(value, "iat") != NULL;
    jws->has_version = capsa_json_get(value, "version") != NULL;
    jws->has_jti = header->jti != NULL;
    jws->has_native = header->aud != NULL || header->method != NULL || jws->has_iat ||
                      jws->has_jti || jws->has_version;
    jws->iat = header->iat;
    jws->version = header->version;
    CAPSA_TRY(text_copy(header->aud, &jws->aud));
    CAPSA_TRY(text_copy(header->method, &jws->method));
    return jws->has_jti ? jti_parse(header->jti, jws) : CAPSA_OK;
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
    struct header header = {.alg = NULL};
    CAPSA_TRY_AT(capsa_json_decode(value, header_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &header),
                 "protected");
    CAPSA_REQUIRE(capsa_scheme_by_name(header.alg, &jws->scheme), UNSUPPORTED,
                  "protected: alg \"%.*s\"; RS256, RS384, RS512, PS256, PS384, PS512, ES256 and "
                  "SM2-SM3 are done",
                  JWS_NAME_SHOWN, header.alg);
    jws->has_x5c = header.x5c != NULL;
    if (jws->has_x5c) {
        CAPSA_TRY_AT(x5c_parse(header.x5c, cache, &jws->x5c), "protected");
    }
    return native_parse(value, &header, jws);
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
    capsa_dealloc(jws->aud);
    capsa_dealloc(jws->method);
    jws->aud = jws->method = NULL;
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

static capsa_result claims_check_present(const capsa_jws *jws)
{
    const struct {
        const char *name;
        bool there;
    } wanted[] = {{"aud", jws->aud != NULL},
                  {"method", jws->method != NULL},
                  {"iat", jws->has_iat},
                  {"jti", jws->has_jti}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        CAPSA_REQUIRE(wanted[i].there, MALFORMED, "JWS: the protected header has no %s",
                      wanted[i].name);
    }
    return CAPSA_OK;
}

static capsa_result claims_check_time(capsa_time iat, capsa_time now)
{
    char said[CAPSA_TIME_TEXT], is[CAPSA_TIME_TEXT];
    capsa_time_text(iat, said);
    capsa_time_text(now, is);
    CAPSA_REQUIRE(iat >= now - CAPSA_JWS_SKEW && iat <= now + CAPSA_JWS_SKEW, EXPIRED,
                  "JWS: iat is %s, and the manager's time is %s; at most %d seconds between them",
                  said, is, CAPSA_JWS_SKEW);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_jws_claims_check(const capsa_jws *jws, const char *aud, const char *method,
                                    capsa_time now)
{
    CAPSA_TRY(claims_check_present(jws));
    CAPSA_REQUIRE(capsa_streq(jws->aud, aud), UNAUTHENTIC,
                  "JWS: it is for the manager %.*s (aud), and this is %s", JWS_CLAIM_SHOWN,
                  jws->aud, aud);
    CAPSA_REQUIRE(capsa_streq(jws->method, method), UNAUTHENTIC,
                  "JWS: it is for the method %.*s, and this is %s", JWS_CLAIM_SHOWN, jws->method,
                  method);
    return claims_check_time(jws->iat, now);
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

static capsa_result make_claims(const struct capsa_jws_claims *claims, struct capsa_json *header)
{
    CAPSA_AUTO(capsa_buf) jti = capsa_buf_of(KIB(1));
    const char *jti_text = NULL;
    CAPSA_TRY(
        capsa_base64_write(capsa_bytes_of(claims->jti, CAPSA_JWS_JTI), CAPSA_BASE64_URL, &jti));
    CAPSA_TRY(capsa_buf_cstr(&jti, &jti_text));
    CAPSA_TRY(capsa_json_set(header, "aud", capsa_json_new_string(claims->aud)));
    CAPSA_TRY(capsa_json_set(header, "method", capsa_json_new_string(claims->method)));
    CAPSA_TRY(capsa_json_set(header, "iat", capsa_json_new_int(claims->iat)));
    CAPSA_TRY(capsa_json_set(header, "jti", capsa_json_new_string(jti_text)));
    return claims->has_version
               ? capsa_json_set(header, "version", capsa_json_new_int(claims->version))
               : CAPSA_OK;
}

/* Appends base64url of the header. */
static capsa_result make_header(enum capsa_scheme scheme, const capsa_chain *chain,
                                const struct capsa_jws_claims *claims, capsa_buf *text)
{
    CAPSA_AUTO_FREE(capsa_json) header = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(header);
    CAPSA_TRY(capsa_json_set(header, "alg", capsa_json_new_string(capsa_scheme_name(scheme))));
    if (chain != NULL) {
        CAPSA_TRY(make_x5c(chain, header));
    }
    if (claims != NULL) {
        CAPSA_TRY(make_claims(claims, header));
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

static capsa_result put_parts(capsa_bytes header, capsa_bytes payload, const capsa_buf *signature,
                              capsa_buf *text)
{
    CAPSA_TRY(capsa_buf_str(text, "{\"protected\":\""));
    CAPSA_TRY(capsa_buf_append(text, header));
    CAPSA_TRY(capsa_buf_str(text, "\",\"payload\":\""));
    CAPSA_TRY(capsa_buf_append(text, payload));
    CAPSA_TRY(capsa_buf_str(text, "\",\"signature\":\""));
    CAPSA_TRY(capsa_base64_write(capsa_buf_bytes(signature), CAPSA_BASE64_URL, text));
    return capsa_buf_str(text, "\"}");
}

static capsa_result make(const struct capsa_private_key *key, const capsa_chain *chain,
                         const struct capsa_jws_claims *claims, capsa_bytes payload,
                         capsa_buf *text)
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
    CAPSA_TRY(make_header(scheme, chain, claims, &input));
    size_t header_len = input.len;
    CAPSA_TRY(capsa_buf_str(&input, "."));
    CAPSA_TRY(capsa_base64_write(payload, CAPSA_BASE64_URL, &input));
    CAPSA_TRY(capsa_sign(key, scheme, capsa_buf_bytes(&input), &signature));
    size_t before = text->len;
    capsa_result written =
        put_parts(capsa_bytes_of(input.data, header_len),
                  capsa_bytes_from(capsa_buf_bytes(&input), header_len + 1), &signature, text);
    if (capsa_failed(written)) {
        capsa_buf_cut(text, before);
    }
    return written;
}

CAPSA_RESULT capsa_jws_make(const struct capsa_private_key *key, const capsa_chain *chain,
                            capsa_bytes payload, capsa_buf *text)
{
    return make(key, chain, NULL, payload, text);
}

CAPSA_RESULT capsa_jws_make_native(const struct capsa_private_key *key, const capsa_chain *chain,
                                   const struct capsa_jws_claims *claims, capsa_bytes payload,
                                   capsa_buf *text)
{
    CAPSA_REQUIRE(chain != NULL, USAGE, "a native request names its signer's chain");
    return make(key, chain, claims, payload, text);
}
