/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading native requests and answers; see envelope_native.h for what they are.
 */
#include "envelope/envelope_native.h"

#include "codec/text.h"
#include "envelope/envelope_native_fields.h"
#include "envelope/envelope_text.h"

#define COORDINATE   32
#define NAME_SHOWN   32 /* of a foreign alg and the like, in errors */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CANNOT_OPEN "the message cannot be opened: it is sealed for another key or was changed"

const struct capsa_native_curve capsa_native_curves[NATIVE_CURVES] = {
    {CAPSA_KEY_P256, "EC", "P-256", true},
    {CAPSA_KEY_X25519, "OKP", "X25519", false},
};

/* ---- the header -------------------------------------------------------------------------------
 */

struct jwk {
    const char *kty, *crv, *x, *y; /* y NULL: absent */
};

struct header {
    const char *alg, *enc, *kid;
    struct jwk epk;
    int64_t version;
};

#define TEXT(of, json, member, how)                                                                \
    {                                                                                              \
        .name = (json), .type = CAPSA_FIELD_STRING, .offset = offsetof(struct of, member),         \
        .flags = (how)                                                                             \
    }
#define VERSION                                                                                    \
    {                                                                                              \
        .name = "capsa", .type = CAPSA_FIELD_INT, .offset = offsetof(struct header, version),      \
        .flags = CAPSA_FIELD_REQUIRED                                                              \
    }

static const struct capsa_json_field jwk_fields[] = {
    TEXT(jwk, "kty", kty, CAPSA_FIELD_REQUIRED),
    TEXT(jwk, "crv", crv, CAPSA_FIELD_REQUIRED),
    TEXT(jwk, "x", x, CAPSA_FIELD_REQUIRED),
    TEXT(jwk, "y", y, 0),
    {.name = NULL},
};

static const struct capsa_json_field header_fields[] = {
    TEXT(header, "alg", alg, CAPSA_FIELD_REQUIRED),
    TEXT(header, "enc", enc, CAPSA_FIELD_REQUIRED),
    TEXT(header, "kid", kid, CAPSA_FIELD_REQUIRED),
    {.name = "epk",
     .type = CAPSA_FIELD_OBJECT,
     .offset = offsetof(struct header, epk),
     .flags = CAPSA_FIELD_REQUIRED,
     .sub = jwk_fields},
    VERSION,
    {.name = NULL},
};

static const struct capsa_json_field answer_fields[] = {
    TEXT(header, "alg", alg, CAPSA_FIELD_REQUIRED),
    TEXT(header, "enc", enc, CAPSA_FIELD_REQUIRED),
    VERSION,
    {.name = NULL},
};

static capsa_result words_check(const struct header *header, const char *alg)
{
    CAPSA_REQUIRE(header->version == NATIVE_VERSION, UNSUPPORTED,
                  "protected_header: version %lld of the protocol (\"capsa\"); %d is done",
                  (long long)header->version, NATIVE_VERSION);
    CAPSA_REQUIRE(capsa_streq(header->alg, alg), UNSUPPORTED,
                  "protected_header: alg \"%.*s\", not %s", NAME_SHOWN, header->alg, alg);
    CAPSA_REQUIRE(capsa_streq(header->enc, NATIVE_ENC), UNSUPPORTED,
                  "protected_header: enc \"%.*s\", not %s", NAME_SHOWN, header->enc, NATIVE_ENC);
    return CAPSA_OK;
}

/* base64url of exactly `len` bytes. */
static capsa_result exact_parse(const char *text, const char *name, size_t len, uint8_t *ret_bytes)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(len);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_URL, &bytes), "%s", name);
    CAPSA_REQUIRE(bytes.len == len, MALFORMED, "%s: %zu bytes, not %zu", name, bytes.len, len);
    memcpy(ret_bytes, bytes.data, len);
    return CAPSA_OK;
}

static capsa_result curve_find(const struct jwk *jwk, const struct capsa_native_curve **ret_curve)
{
    for (size_t i = 0; i < NATIVE_CURVES; i++) {
        const struct capsa_native_curve *curve = &capsa_native_curves[i];
        if (capsa_streq(jwk->kty, curve->kty) && capsa_streq(jwk->crv, curve->crv)) {
            CAPSA_REQUIRE((jwk->y != NULL) == curve->has_y, MALFORMED,
                          "protected_header.epk: a key on %s has %s y", curve->crv,
                          curve->has_y ? "a" : "no");
            *ret_curve = curve;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(UNSUPPORTED,
               "protected_header.epk: kty \"%.*s\" with crv \"%.*s\"; EC with P-256 and OKP with "
               "X25519 are done",
               NAME_SHOWN, jwk->kty, NAME_SHOWN, jwk->crv);
}

static capsa_result epk_parse(const struct jwk *jwk, capsa_native_parsed *parsed)
{
    const struct capsa_native_curve *curve = NULL;
    CAPSA_TRY(curve_find(jwk, &curve));
    uint8_t x[COORDINATE], y[COORDINATE] = {0};
    CAPSA_TRY(exact_parse(jwk->x, "protected_header.epk.x", sizeof(x), x));
    if (curve->has_y) {
        CAPSA_TRY(exact_parse(jwk->y, "protected_header.epk.y", sizeof(y), y));
    }
    const capsa_bytes x_bytes = {x, sizeof(x)}, y_bytes = {y, sizeof(y)};
    parsed->kind = curve->kind;
    CAPSA_TRY_AT(curve->has_y ? capsa_public_key_of_p256(x_bytes, y_bytes, &parsed->epk)
                              : capsa_public_key_of_x25519(x_bytes, &parsed->epk),
                 "protected_header.epk");
    return CAPSA_OK;
}

static capsa_result kid_parse(const char *kid, capsa_native_parsed *parsed)
{
    uint8_t digest[CAPSA_SHA256]; /* only its form matters here */
    CAPSA_TRY(exact_parse(kid, "protected_header.kid", sizeof(digest), digest));
    memcpy(parsed->kid, kid, CAPSA_KID);
    return CAPSA_OK;
}

static capsa_result header_parse(const char *text, capsa_native_parsed *parsed)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(capsa_envelope_header_parse(text, &value));
    struct header header = {.alg = NULL};
    CAPSA_TRY_AT(capsa_json_decode(value, header_fields, CAPSA_JSON_UNKNOWN_REFUSED, &header),
                 "protected_header");
    CAPSA_TRY(words_check(&header, NATIVE_ALG));
    CAPSA_TRY(kid_parse(header.kid, parsed));
    CAPSA_TRY(epk_parse(&header.epk, parsed));
    parsed->protected_text = capsa_buf_of(strlen(text));
    return capsa_buf_str(&parsed->protected_text, text);
}

/* ---- the other fields -------------------------------------------------------------------------
 */

static capsa_result must_be_empty(const char *text, const char *name)
{
    CAPSA_REQUIRE(text == NULL || *text == '\0', MALFORMED, "%s: it must be empty", name);
    return CAPSA_OK;
}

static capsa_result ciphertext_parse(const char *text, capsa_buf *ciphertext)
{
    *ciphertext = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_URL, ciphertext),
                 "ciphertext");
    return CAPSA_OK;
}

static capsa_result fields_parse(const struct capsa_jwe *jwe, capsa_native_parsed *parsed)
{
    CAPSA_TRY(exact_parse(jwe->encrypted_key, "encrypted_key", sizeof(parsed->encrypted_key),
                          parsed->encrypted_key));
    CAPSA_TRY(exact_parse(jwe->iv, "iv", sizeof(parsed->iv), parsed->iv));
    CAPSA_TRY(exact_parse(jwe->tag, "tag", sizeof(parsed->tag), parsed->tag));
    CAPSA_TRY(must_be_empty(jwe->aad, "aad"));
    return ciphertext_parse(jwe->ciphertext, &parsed->ciphertext);
}

/* What base64url says of bytes has one form only, so the text is as good as they are. */
CAPSA_RESULT capsa_native_request_hash(const struct capsa_jwe *jwe, uint8_t ret_hash[CAPSA_SHA256])
{
    const capsa_bytes parts[] = {capsa_bytes_str(jwe->protected_header),
                                 capsa_bytes_str(jwe->encrypted_key), capsa_bytes_str(jwe->iv),
                                 capsa_bytes_str(jwe->ciphertext), capsa_bytes_str(jwe->tag)};
    size_t len = COUNT(parts) - 1;
    for (size_t i = 0; i < COUNT(parts); i++) {
        len += parts[i].len;
    }
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(len);
    for (size_t i = 0; i < COUNT(parts); i++) {
        CAPSA_TRY(capsa_buf_append(&text, parts[i]));
        CAPSA_TRY(capsa_buf_str(&text, i + 1 < COUNT(parts) ? "." : ""));
    }
    capsa_sha256(capsa_buf_bytes(&text), ret_hash);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_native_parse(const struct capsa_jwe *jwe, capsa_native_parsed *ret_parsed)
{
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    CAPSA_TRY(header_parse(jwe->protected_header, &parsed));
    CAPSA_TRY(fields_parse(jwe, &parsed));
    CAPSA_TRY(capsa_native_request_hash(jwe, parsed.request_hash));
    capsa_envelope_replay_key(capsa_bytes_of(parsed.iv, sizeof(parsed.iv)),
                              capsa_buf_bytes(&parsed.ciphertext),
                              capsa_bytes_of(parsed.tag, sizeof(parsed.tag)), parsed.replay_key);
    *ret_parsed = parsed;
    parsed = (capsa_native_parsed){.epk = NULL};
    return CAPSA_OK;
}

void capsa_native_parsed_drop(capsa_native_parsed *parsed)
{
    capsa_public_key_free(parsed->epk);
    parsed->epk = NULL;
    capsa_buf_drop(&parsed->protected_text);
    capsa_buf_drop(&parsed->ciphertext);
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static capsa_result open_text(capsa_secret_bytes key, capsa_bytes iv, capsa_bytes additional,
                              capsa_bytes ciphertext, capsa_bytes tag, capsa_buf *plaintext)
{
    CAPSA_REQUIRE(ciphertext.len <= plaintext->max - plaintext->len, TOO_LARGE,
                  "ciphertext: %zu bytes, at most %zu", ciphertext.len,
                  plaintext->max - plaintext->len);
    capsa_result opened = capsa_gcm_open(key, iv, additional, ciphertext, tag, plaintext);
    CAPSA_REQUIRE(capsa_code_of(opened) != CAPSA_E_UNAUTHENTIC, UNAUTHENTIC, CANNOT_OPEN);
    return opened;
}

CAPSA_RESULT capsa_native_open(const capsa_native_parsed *parsed,
                               const struct capsa_private_key *key, capsa_buf *plaintext,
                               capsa_native_channel *ret_channel)
{
    CAPSA_REQUIRE(capsa_private_key_kind(key) == parsed->kind, MALFORMED,
                  "protected_header.epk: it is on another curve than the key of the kid");
    size_t before = plaintext->len;
    /* RFC 7516 §11.5: from here to the tag, nothing tells what was wrong. */
    CAPSA_AUTO_FREE(capsa_secret) cek = NULL;
    CAPSA_TRY(capsa_ecdh_open(key, parsed->epk, parsed->encrypted_key, &cek));
    CAPSA_TRY(open_text(capsa_secret_borrow(cek), capsa_bytes_of(parsed->iv, sizeof(parsed->iv)),
                        capsa_buf_bytes(&parsed->protected_text),
                        capsa_buf_bytes(&parsed->ciphertext),
                        capsa_bytes_of(parsed->tag, sizeof(parsed->tag)), plaintext));
    capsa_result derived =
        capsa_native_channel_init(ret_channel, capsa_secret_borrow(cek), parsed->request_hash);
    if (capsa_failed(derived)) {
        capsa_buf_cut(plaintext, before);
    }
    return derived;
}

static capsa_result answer_header_check(const char *text)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(capsa_envelope_header_parse(text, &value));
    struct header header = {.alg = NULL};
    CAPSA_TRY_AT(capsa_json_decode(value, answer_fields, CAPSA_JSON_UNKNOWN_REFUSED, &header),
                 "protected_header");
    return words_check(&header, NATIVE_ANSWER_ALG);
}

CAPSA_RESULT capsa_native_answer_open(const capsa_native_channel *channel,
                                      const struct capsa_jwe *jwe, capsa_buf *plaintext)
{
    CAPSA_TRY(answer_header_check(jwe->protected_header));
    uint8_t iv[CAPSA_NATIVE_IV], tag[CAPSA_GCM_TAG];
    CAPSA_TRY(must_be_empty(jwe->encrypted_key, "encrypted_key"));
    CAPSA_TRY(must_be_empty(jwe->aad, "aad"));
    CAPSA_TRY(exact_parse(jwe->iv, "iv", sizeof(iv), iv));
    CAPSA_TRY(exact_parse(jwe->tag, "tag", sizeof(tag), tag));
    CAPSA_AUTO(capsa_buf) ciphertext = capsa_buf_of(0);
    CAPSA_TRY(ciphertext_parse(jwe->ciphertext, &ciphertext));
    return open_text(capsa_secret_borrow(channel->response_key), capsa_bytes_of(iv, sizeof(iv)),
                     capsa_bytes_str(jwe->protected_header), capsa_buf_bytes(&ciphertext),
                     capsa_bytes_of(tag, sizeof(tag)), plaintext);
}
