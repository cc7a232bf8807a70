/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and making the JWE-like message; see envelope_jwe.h for what it is and what is refused.
 */
#include "envelope/envelope_jwe.h"

#include "base/alloc.h"
#include "codec/json.h"
#include "codec/text.h"
#include "envelope/envelope_text.h"

#define JWE_TAG        CAPSA_GCM_TAG
#define JWE_RSA_MAX    ((size_t)CAPSA_LIMIT_rsa_bits_max / 8)
#define JWE_NAME_SHOWN 32 /* of a foreign alg or enc, in errors */

/* ---- algorithms ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    enum capsa_oaep oaep;
} algs[] = {
    [CAPSA_JWE_RSA_OAEP] = {"RSA-OAEP", CAPSA_OAEP_SHA1},
    [CAPSA_JWE_RSA_OAEP_256] = {"RSA-OAEP-256", CAPSA_OAEP_SHA256},
};

static const struct {
    const char *name;
    size_t key_len;
} encs[] = {
    [CAPSA_JWE_A128GCM] = {"A128GCM", 16},
    [CAPSA_JWE_A256GCM] = {"A256GCM", 32},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static capsa_result alg_by_name(const char *name, enum capsa_jwe_alg *ret_alg)
{
    for (size_t i = 0; i < COUNT(algs); i++) {
        if (capsa_streq(name, algs[i].name)) {
            *ret_alg = (enum capsa_jwe_alg)i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(UNSUPPORTED, "protected_header: alg \"%.*s\"; RSA-OAEP and RSA-OAEP-256 are done",
               JWE_NAME_SHOWN, name);
}

static capsa_result enc_by_name(const char *name, enum capsa_jwe_enc *ret_enc)
{
    for (size_t i = 0; i < COUNT(encs); i++) {
        if (capsa_streq(name, encs[i].name)) {
            *ret_enc = (enum capsa_jwe_enc)i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(UNSUPPORTED, "protected_header: enc \"%.*s\"; A128GCM and A256GCM are done",
               JWE_NAME_SHOWN, name);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct header {
    const char *alg;
    const char *enc;
};

static const struct capsa_json_field header_fields[] = {
    {.name = "alg",
     .type = CAPSA_FIELD_STRING,
     .offset = offsetof(struct header, alg),
     .flags = CAPSA_FIELD_REQUIRED},
    {.name = "enc",
     .type = CAPSA_FIELD_STRING,
     .offset = offsetof(struct header, enc),
     .flags = CAPSA_FIELD_REQUIRED},
    {.name = NULL},
};

/* Members that change what the rest means, so that they cannot be passed over. */
static const char *const refused_members[] = {"crit", "zip", "capsa"};

static capsa_result header_parse(const char *text, capsa_jwe_parsed *parsed)
{
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    CAPSA_TRY(capsa_envelope_header_parse(text, &value));
    for (size_t i = 0; i < COUNT(refused_members); i++) {
        CAPSA_REQUIRE(capsa_json_get(value, refused_members[i]) == NULL, UNSUPPORTED,
                      "protected_header: \"%s\" is not supported", refused_members[i]);
    }
    struct header header = {NULL, NULL};
    CAPSA_TRY_AT(capsa_json_decode(value, header_fields, CAPSA_JSON_UNKNOWN_SKIPPED, &header),
                 "protected_header");
    CAPSA_TRY(alg_by_name(header.alg, &parsed->alg));
    return enc_by_name(header.enc, &parsed->enc);
}

static const struct {
    const char *name;
    size_t from; /* in struct capsa_jwe */
    size_t to;   /* in capsa_jwe_parsed */
    size_t max;
} fields[] = {
    {"encrypted_key", offsetof(struct capsa_jwe, encrypted_key),
     offsetof(capsa_jwe_parsed, encrypted_key), JWE_RSA_MAX},
    {"iv", offsetof(struct capsa_jwe, iv), offsetof(capsa_jwe_parsed, iv), 32},
    {"ciphertext", offsetof(struct capsa_jwe, ciphertext), offsetof(capsa_jwe_parsed, ciphertext),
     CAPSA_LIMIT_grpc_message},
    {"tag", offsetof(struct capsa_jwe, tag), offsetof(capsa_jwe_parsed, tag), JWE_TAG},
    {"aad", offsetof(struct capsa_jwe, aad), offsetof(capsa_jwe_parsed, aad),
     CAPSA_LIMIT_jose_header},
};

static capsa_result fields_parse(const struct capsa_jwe *jwe, capsa_jwe_parsed *parsed)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        const char *text = NULL;
        memcpy(&text, (const uint8_t *)jwe + fields[i].from, sizeof(text));
        capsa_buf *buf = (capsa_buf *)(void *)((uint8_t *)parsed + fields[i].to);
        *buf = capsa_buf_of(fields[i].max);
        CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_str(text), CAPSA_BASE64_URL, buf), "%s",
                     fields[i].name);
    }
    return CAPSA_OK;
}

static capsa_result sizes_check(const capsa_jwe_parsed *parsed)
{
    size_t iv = parsed->iv.len;
    CAPSA_REQUIRE(iv == 12 || iv == 16 || iv == 32, MALFORMED, "iv: %zu bytes; 12, 16 or 32", iv);
    CAPSA_REQUIRE(parsed->tag.len == JWE_TAG, MALFORMED, "tag: %zu bytes, not %d", parsed->tag.len,
                  JWE_TAG);
    CAPSA_REQUIRE(parsed->encrypted_key.len > 0, MALFORMED, "encrypted_key: it is empty");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_jwe_parse(const struct capsa_jwe *jwe, capsa_jwe_parsed *ret_parsed)
{
    CAPSA_AUTO(capsa_jwe_parsed) parsed = {0};
    CAPSA_TRY(header_parse(jwe->protected_header, &parsed));
    CAPSA_TRY(fields_parse(jwe, &parsed));
    CAPSA_TRY(sizes_check(&parsed));
    capsa_envelope_replay_key(capsa_buf_bytes(&parsed.iv), capsa_buf_bytes(&parsed.ciphertext),
                              capsa_buf_bytes(&parsed.tag), parsed.replay_key);
    *ret_parsed = parsed;
    parsed = (capsa_jwe_parsed){0};
    return CAPSA_OK;
}

void capsa_jwe_parsed_drop(capsa_jwe_parsed *parsed)
{
    capsa_buf_drop(&parsed->encrypted_key);
    capsa_buf_drop(&parsed->iv);
    capsa_buf_drop(&parsed->ciphertext);
    capsa_buf_drop(&parsed->tag);
    capsa_buf_drop(&parsed->aad);
}

CAPSA_RESULT capsa_jwe_open(const capsa_jwe_parsed *parsed, const struct capsa_private_key *key,
                            capsa_buf *plaintext)
{
    size_t modulus = capsa_private_key_rsa_size(key);
    CAPSA_REQUIRE(modulus > 0, UNSUPPORTED, "%s wants an RSA key", algs[parsed->alg].name);
    CAPSA_REQUIRE(parsed->encrypted_key.len == modulus, MALFORMED,
                  "encrypted_key: %zu bytes, and the key it should be sealed for makes %zu",
                  parsed->encrypted_key.len, modulus);
    CAPSA_REQUIRE(parsed->ciphertext.len <= plaintext->max - plaintext->len, TOO_LARGE,
                  "ciphertext: %zu bytes, at most %zu", parsed->ciphertext.len,
                  plaintext->max - plaintext->len);
    /* RFC 7516 §11.5: from here to the tag, nothing tells what was wrong. */
    CAPSA_AUTO_FREE(capsa_secret) cek = NULL;
    CAPSA_TRY(capsa_oaep_open(key, algs[parsed->alg].oaep, capsa_buf_bytes(&parsed->encrypted_key),
                              encs[parsed->enc].key_len, &cek));
    capsa_result opened = capsa_gcm_open(
        capsa_secret_borrow(cek), capsa_buf_bytes(&parsed->iv), capsa_buf_bytes(&parsed->aad),
        capsa_buf_bytes(&parsed->ciphertext), capsa_buf_bytes(&parsed->tag), plaintext);
    CAPSA_REQUIRE(capsa_code_of(opened) != CAPSA_E_UNAUTHENTIC, UNAUTHENTIC,
                  "the message cannot be opened: it is sealed for another key or was changed");
    return opened;
}

/* ---- making ---------------------------------------------------------------------------------- */

static capsa_result seal_header(enum capsa_jwe_alg alg, enum capsa_jwe_enc enc, char **ret_text)
{
    CAPSA_AUTO(capsa_buf) json = capsa_buf_of(KIB(1));
    CAPSA_TRY(
        capsa_buf_format(&json, "{\"alg\":\"%s\",\"enc\":\"%s\"}", algs[alg].name, encs[enc].name));
    return capsa_envelope_encode(capsa_buf_bytes(&json), ret_text);
}

static capsa_result seal_key(const struct capsa_public_key *key, enum capsa_jwe_alg alg,
                             const struct capsa_secret *cek, char **ret_text)
{
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(JWE_RSA_MAX);
    CAPSA_TRY(capsa_oaep_seal(key, algs[alg].oaep, capsa_secret_borrow(cek), &sealed));
    return capsa_envelope_encode(capsa_buf_bytes(&sealed), ret_text);
}

CAPSA_RESULT capsa_jwe_seal(const struct capsa_public_key *key, enum capsa_jwe_alg alg,
                            enum capsa_jwe_enc enc, capsa_bytes plaintext, capsa_jwe_out *ret_out)
{
    CAPSA_AUTO_FREE(capsa_secret) cek = NULL;
    CAPSA_TRY(capsa_secret_new(encs[enc].key_len, &cek));
    CAPSA_TRY(capsa_random(capsa_secret_room(cek), encs[enc].key_len));
    CAPSA_AUTO(capsa_jwe_out) out = {0};
    CAPSA_TRY(seal_header(alg, enc, &out.protected_header));
    CAPSA_TRY(seal_key(key, alg, cek, &out.encrypted_key));
    CAPSA_TRY(
        capsa_envelope_seal(capsa_secret_borrow(cek), capsa_bytes_of(NULL, 0), plaintext, &out));
    *ret_out = out;
    out = (capsa_jwe_out){0};
    return CAPSA_OK;
}

void capsa_jwe_out_drop(capsa_jwe_out *out)
{
    capsa_dealloc(out->protected_header);
    capsa_dealloc(out->encrypted_key);
    capsa_dealloc(out->iv);
    capsa_dealloc(out->ciphertext);
    capsa_dealloc(out->tag);
    capsa_dealloc(out->aad);
    *out = (capsa_jwe_out){0};
}
