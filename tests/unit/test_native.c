/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope: native requests and answers, the recorded ones of ours and of another implementation,
 * and every way to break one.
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/file.h"
#include "codec/json.h"
#include "codec/text.h"
#include "envelope/envelope_native.h"

#define PLAIN  "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"\"}"
#define ANSWER "{\"status\":{\"code\":0},\"body\":\"{}\"}"

enum { P256, X25519, CURVES };
static struct capsa_private_key *keys[CURVES], *others[CURVES]; /* made once */
static struct capsa_public_key *publics[CURVES], *other_publics[CURVES];

static int make_keys(void **state)
{
    (void)state;
    assert_ok(capsa_private_key_new_p256(&keys[P256]));
    assert_ok(capsa_private_key_new_p256(&others[P256]));
    assert_ok(capsa_private_key_new_x25519(&keys[X25519]));
    assert_ok(capsa_private_key_new_x25519(&others[X25519]));
    for (size_t i = 0; i < CURVES; i++) {
        assert_ok(capsa_public_key_of(keys[i], &publics[i]));
        assert_ok(capsa_public_key_of(others[i], &other_publics[i]));
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < CURVES; i++) {
        capsa_private_key_free(keys[i]);
        capsa_private_key_free(others[i]);
        capsa_public_key_free(publics[i]);
        capsa_public_key_free(other_publics[i]);
    }
    return 0;
}

/* ---- messages made by hand, as other programs make them -------------------------------------- */

static char *b64u(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(8));
    char *taken = NULL;
    assert_ok(capsa_base64_write(bytes, CAPSA_BASE64_URL, &text));
    assert_ok(capsa_buf_take_str(&text, &taken));
    return taken;
}

/* JSON text of an object: names and values in turn. NULL as a name: left out. */
#define MEMBERS 6
struct object {
    const char *names[MEMBERS];
    char values[MEMBERS][512];
    size_t count;
};

static void object_add(struct object *object, const char *name, const char *value)
{
    assert_true(object->count < MEMBERS && strlen(value) < sizeof(object->values[0]));
    object->names[object->count] = name;
    strcpy(object->values[object->count++], value);
}

static void object_text(const struct object *object, char text[2048])
{
    size_t at = 0;
    at += (size_t)snprintf(text + at, 2048 - at, "{");
    for (size_t i = 0; i < object->count; i++) {
        if (object->names[i] != NULL) {
            at += (size_t)snprintf(text + at, 2048 - at, "%s\"%s\":%s", at == 1 ? "" : ",",
                                   object->names[i], object->values[i]);
        }
    }
    assert_true(snprintf(text + at, 2048 - at, "}") == 1);
}

static void quoted(capsa_bytes bytes, char text[512])
{
    char *encoded = b64u(bytes);
    assert_true(snprintf(text, 512, "\"%s\"", encoded) < 512);
    capsa_dealloc(encoded);
}

static struct object jwk_of(const struct capsa_public_key *key)
{
    struct object jwk = {.count = 0};
    uint8_t x[32], y[32];
    char text[512];
    bool p256 = capsa_public_key_kind(key) == CAPSA_KEY_P256;
    assert_ok(p256 ? capsa_public_key_p256_xy(key, x, y) : capsa_public_key_raw(key, x));
    object_add(&jwk, "kty", p256 ? "\"EC\"" : "\"OKP\"");
    object_add(&jwk, "crv", p256 ? "\"P-256\"" : "\"X25519\"");
    quoted(capsa_bytes_of(x, 32), text);
    object_add(&jwk, "x", text);
    if (p256) {
        quoted(capsa_bytes_of(y, 32), text);
        object_add(&jwk, "y", text);
    }
    return jwk;
}

static struct object header_of(const struct capsa_public_key *key, const struct object *jwk)
{
    struct object header = {.count = 0};
    char text[2048], kid[CAPSA_KID];
    capsa_public_key_kid(key, kid);
    assert_true(snprintf(text, sizeof(text), "\"%s\"", kid) > 0);
    object_add(&header, "alg", "\"ECDH-ES+A256KW\"");
    object_add(&header, "enc", "\"A256GCM\"");
    object_add(&header, "kid", text);
    object_text(jwk, text);
    object_add(&header, "epk", text);
    object_add(&header, "capsa", "1");
    return header;
}

/* A message for `key` whose header says whatever `write` makes of the ephemeral key. */
static capsa_jwe_out craft(const struct capsa_public_key *key,
                           void (*write)(const struct capsa_public_key *key,
                                         const struct capsa_public_key *epk, char text[2048]))
{
    uint8_t cek[CAPSA_ECDH_KEY] = {9}, wrapped[CAPSA_ECDH_WRAPPED], iv[12] = {1}, tag[16];
    CAPSA_AUTO_FREE(capsa_public_key) epk = NULL;
    assert_ok(capsa_ecdh_seal(key, cek, &epk, wrapped));
    char text[2048];
    write(key, epk, text);
    char *header = b64u(capsa_bytes_str(text));
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(1));
    assert_ok(capsa_gcm_seal((capsa_secret_bytes){cek, 32}, capsa_bytes_of(iv, 12),
                             capsa_bytes_str(header), CAPSA_BYTES_LITERAL(PLAIN), &sealed, tag));
    return (capsa_jwe_out){.protected_header = header,
                           .encrypted_key = b64u(capsa_bytes_of(wrapped, sizeof(wrapped))),
                           .iv = b64u(capsa_bytes_of(iv, 12)),
                           .ciphertext = b64u(capsa_buf_bytes(&sealed)),
                           .tag = b64u(capsa_bytes_of(tag, 16)),
                           .aad = b64u(capsa_bytes_of(NULL, 0))};
}

/* ---- both steps, as a server makes them ------------------------------------------------------ */

static capsa_result open_with(const struct capsa_jwe *jwe, const struct capsa_private_key *key,
                              capsa_buf *plaintext, capsa_native_channel *channel)
{
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    CAPSA_TRY(capsa_native_parse(jwe, &parsed));
    return capsa_native_open(&parsed, key, plaintext, channel);
}

static capsa_result open_one(const struct capsa_jwe *jwe, const struct capsa_private_key *key)
{
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_native_channel) channel = {NULL};
    capsa_result opened = open_with(jwe, key, &plaintext, &channel);
    assert_int_equal(plaintext.len, capsa_failed(opened) ? 0 : strlen(PLAIN));
    assert_int_equal(channel.response_key == NULL, capsa_failed(opened));
    return opened;
}

/* One failure for all that only the private key could tell apart. */
static void assert_not_opened(const struct capsa_jwe *jwe, const struct capsa_private_key *key)
{
    capsa_result opened = open_one(jwe, key);
    assert_int_equal(capsa_code_of(opened), CAPSA_E_UNAUTHENTIC);
    assert_string_equal(capsa_text_of(opened), "the message cannot be opened: it is sealed for "
                                               "another key or was changed");
}

struct exchange {
    capsa_jwe_out request, answer;
    capsa_native_channel client, server;
};

static struct exchange exchange(size_t curve)
{
    struct exchange made = {.client = {NULL}};
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    assert_ok(
        capsa_native_seal(publics[curve], CAPSA_BYTES_LITERAL(PLAIN), &made.request, &made.client));
    const struct capsa_jwe jwe = capsa_jwe_of(&made.request);
    assert_ok(open_with(&jwe, keys[curve], &plaintext, &made.server));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&plaintext), PLAIN));
    assert_ok(capsa_native_answer_seal(&made.server, CAPSA_BYTES_LITERAL(ANSWER), &made.answer));
    return made;
}

static void exchange_drop(struct exchange *exchange)
{
    capsa_jwe_out_drop(&exchange->request);
    capsa_jwe_out_drop(&exchange->answer);
    capsa_native_channel_drop(&exchange->client);
    capsa_native_channel_drop(&exchange->server);
}

static capsa_result answer_open(const capsa_native_channel *channel, const struct capsa_jwe *jwe)
{
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    capsa_result opened = capsa_native_answer_open(channel, jwe, &plaintext);
    assert_int_equal(plaintext.len, capsa_failed(opened) ? 0 : strlen(ANSWER));
    return opened;
}

/* ---- good ------------------------------------------------------------------------------------ */

static void requests_and_answers_of_every_size_go_round(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, MIB(1), MIB(4)};
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(4));
    uint8_t *room = NULL;
    assert_ok(capsa_buf_extend(&text, MIB(4), &room));
    memset(room, 'x', MIB(4));
    for (size_t i = 0; i < CURVES * 5; i++) {
        size_t curve = i % CURVES;
        const capsa_bytes plain = {text.data, sizes[i / CURVES]};
        CAPSA_AUTO(capsa_jwe_out) request = {0};
        CAPSA_AUTO(capsa_jwe_out) answer = {0};
        CAPSA_AUTO(capsa_native_channel) client = {NULL};
        CAPSA_AUTO(capsa_native_channel) server = {NULL};
        CAPSA_AUTO(capsa_buf) opened = capsa_buf_of(MIB(4));
        assert_ok(capsa_native_seal(publics[curve], plain, &request, &client));
        const struct capsa_jwe jwe = capsa_jwe_of(&request);
        assert_ok(open_with(&jwe, keys[curve], &opened, &server));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&opened), plain));
        assert_true(capsa_equal_ct(capsa_secret_borrow(client.response_key),
                                   capsa_secret_borrow(server.response_key)));
        assert_ok(capsa_native_answer_seal(&server, plain, &answer));
        const struct capsa_jwe answered = capsa_jwe_of(&answer);
        capsa_buf_clear(&opened);
        assert_ok(capsa_native_answer_open(&client, &answered, &opened));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&opened), plain));
    }
}

static void what_does_not_fit_the_buffer_is_too_large_and_leaves_it_alone(void **state)
{
    (void)state;
    struct exchange made = exchange(P256);
    const struct capsa_jwe request = capsa_jwe_of(&made.request);
    const struct capsa_jwe answer = capsa_jwe_of(&made.answer);
    CAPSA_AUTO(capsa_buf) small = capsa_buf_of(strlen(ANSWER) + 1);
    CAPSA_AUTO(capsa_native_channel) channel = {NULL};
    assert_ok(capsa_buf_str(&small, "ab"));
    assert_fails(open_with(&request, keys[P256], &small, &channel), TOO_LARGE);
    assert_fails(capsa_native_answer_open(&made.client, &answer, &small), TOO_LARGE);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&small), "ab"));
    assert_null(channel.response_key);
    exchange_drop(&made);
}

static void the_parsed_request_says_what_the_page_says(void **state)
{
    (void)state;
    for (size_t curve = 0; curve < CURVES; curve++) {
        struct exchange made = exchange(curve);
        const struct capsa_jwe jwe = capsa_jwe_of(&made.request);
        CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
        assert_ok(capsa_native_parse(&jwe, &parsed));
        char kid[CAPSA_KID];
        capsa_public_key_kid(publics[curve], kid);
        assert_string_equal(parsed.kid, kid);
        assert_int_equal(parsed.kind, capsa_private_key_kind(keys[curve]));
        assert_true(capsa_bytes_is(capsa_buf_bytes(&parsed.protected_text), jwe.protected_header));
        CAPSA_AUTO(capsa_buf) compact = capsa_buf_of(KIB(64));
        uint8_t hash[CAPSA_SHA256];
        assert_ok(capsa_buf_format(&compact, "%s.%s.%s.%s.%s", jwe.protected_header,
                                   jwe.encrypted_key, jwe.iv, jwe.ciphertext, jwe.tag));
        capsa_sha256(capsa_buf_bytes(&compact), hash);
        assert_memory_equal(parsed.request_hash, hash, sizeof(hash));
        const capsa_bytes identity[] = {
            {parsed.iv, 12}, capsa_buf_bytes(&parsed.ciphertext), {parsed.tag, 16}};
        capsa_sha256_parts(identity, 3, hash);
        assert_memory_equal(parsed.replay_key, hash, sizeof(hash));
        exchange_drop(&made);
    }
}

static void write_backwards(const struct capsa_public_key *key, const struct capsa_public_key *epk,
                            char text[2048])
{
    struct object jwk = jwk_of(epk), header = header_of(key, &jwk), turned = {.count = 0};
    for (size_t i = header.count; i > 0; i--) {
        object_add(&turned, header.names[i - 1], header.values[i - 1]);
    }
    char compact[2048];
    object_text(&turned, compact);
    assert_true(snprintf(text, 2048, " \n%s\t", compact) < 2048);
}

static void members_may_stand_in_any_order_with_white_space(void **state)
{
    (void)state;
    for (size_t curve = 0; curve < CURVES; curve++) {
        CAPSA_AUTO(capsa_jwe_out) out = craft(publics[curve], write_backwards);
        const struct capsa_jwe jwe = capsa_jwe_of(&out);
        assert_ok(open_one(&jwe, keys[curve]));
        assert_not_opened(&jwe, others[curve]);
    }
}

static void two_seals_of_one_text_share_nothing(void **state)
{
    (void)state;
    struct exchange a = exchange(X25519), b = exchange(X25519);
    assert_string_not_equal(a.request.protected_header, b.request.protected_header);
    assert_string_not_equal(a.request.encrypted_key, b.request.encrypted_key);
    assert_string_not_equal(a.request.iv, b.request.iv);
    assert_string_not_equal(a.request.ciphertext, b.request.ciphertext);
    assert_string_not_equal(a.answer.iv, b.answer.iv);
    assert_string_not_equal(a.answer.ciphertext, b.answer.ciphertext);
    exchange_drop(&a);
    exchange_drop(&b);
}

/* ---- recorded -------------------------------------------------------------------------------- */

static const char *text_of(const struct capsa_json *object, const char *name)
{
    const char *text = capsa_json_string(capsa_json_get(object, name));
    assert_non_null(text);
    return text;
}

static struct capsa_jwe jwe_of(const struct capsa_json *object, bool request)
{
    return (struct capsa_jwe){.protected_header = text_of(object, "protected"),
                              .encrypted_key = request ? text_of(object, "encrypted_key") : NULL,
                              .iv = text_of(object, "iv"),
                              .ciphertext = text_of(object, "ciphertext"),
                              .tag = text_of(object, "tag")};
}

static void assert_hex(capsa_bytes bytes, const char *hex)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
    assert_ok(capsa_hex_write(bytes, &text));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&text), hex));
}

static void check_recorded(const struct capsa_json *recorded)
{
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    CAPSA_AUTO(capsa_native_channel) channel = {NULL};
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    assert_ok(capsa_private_key_parse(capsa_bytes_str(text_of(recorded, "manager_key")), &key));
    assert_ok(capsa_public_key_of(key, &public_key));
    char kid[CAPSA_KID];
    capsa_public_key_kid(public_key, kid);
    assert_string_equal(kid, text_of(recorded, "kid"));
    const struct capsa_jwe request = jwe_of(recorded, true);
    assert_ok(capsa_native_parse(&request, &parsed));
    assert_string_equal(parsed.kid, kid);
    assert_hex(capsa_bytes_of(parsed.request_hash, CAPSA_SHA256),
               text_of(recorded, "request_hash"));
    assert_ok(capsa_native_open(&parsed, key, &plaintext, &channel));
    assert_true(
        capsa_bytes_is(capsa_buf_bytes(&plaintext), text_of(recorded, "request_plaintext")));
    assert_hex(capsa_declassify(capsa_secret_borrow(channel.response_key), "a recorded vector"),
               text_of(recorded, "response_key"));
    const struct capsa_jwe answer = jwe_of(capsa_json_get(recorded, "answer"), false);
    capsa_buf_clear(&plaintext);
    assert_ok(capsa_native_answer_open(&channel, &answer, &plaintext));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&plaintext), text_of(recorded, "answer_plaintext")));
}

static void recorded_envelopes_of_ours_and_of_jwcrypto_open(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    assert_ok(capsa_file_read(CAPSA_SOURCE_ROOT "/tests/vectors/native.json", &text));
    assert_ok(capsa_json_parse(capsa_buf_bytes(&text), &value));
    const struct capsa_json *list = capsa_json_get(value, "envelopes");
    size_t theirs = 0;
    for (size_t i = 0; i < capsa_json_count(list); i++) {
        const struct capsa_json *recorded = capsa_json_at(list, i);
        theirs += capsa_streq(text_of(recorded, "made_by"), "jwcrypto");
        check_recorded(recorded);
    }
    assert_true(capsa_json_count(list) >= 4);
    assert_true(theirs >= 2);
}

/* ---- the header ------------------------------------------------------------------------------ */

static capsa_result parse_header(const char *text)
{
    static struct exchange good; /* only its other fields matter */
    if (good.client.response_key == NULL) {
        good = exchange(P256);
    }
    if (text == NULL) {
        exchange_drop(&good);
        return CAPSA_OK;
    }
    char *header = b64u(capsa_bytes_str(text));
    struct capsa_jwe jwe = capsa_jwe_of(&good.request);
    jwe.protected_header = header;
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    capsa_result result = capsa_native_parse(&jwe, &parsed);
    assert_int_equal(capsa_failed(result), parsed.epk == NULL);
    capsa_dealloc(header);
    return result;
}

static capsa_result parse_members(const struct object *header, const struct object *jwk)
{
    struct object whole = *header;
    char text[2048];
    object_text(jwk, text);
    for (size_t i = 0; i < whole.count; i++) {
        if (whole.names[i] != NULL && capsa_streq(whole.names[i], "epk") &&
            whole.values[i][0] == '{') {
            assert_true(strlen(text) < sizeof(whole.values[i]));
            strcpy(whole.values[i], text);
        }
    }
    object_text(&whole, text);
    return parse_header(text);
}

/* Each member of `broken` in turn: gone, there twice, null, a number (or text, where it is one), an
 * array, under another name. `broken` is `header` or `jwk`. */
static void break_members(struct object *header, struct object *jwk, struct object *broken)
{
    assert_ok(parse_members(header, jwk));
    const struct object good = *broken;
    for (size_t i = 0; i < good.count; i++) {
        static const char *const values[] = {"null", "[]", "true", "1.0"};
        broken->names[i] = NULL;
        assert_fails(parse_members(header, jwk), MALFORMED);
        broken->names[i] = "Epk";
        assert_fails(parse_members(header, jwk), UNKNOWN_FIELD);
        broken->names[i] = good.names[i];
        object_add(broken, good.names[i], good.values[i]);
        assert_fails(parse_members(header, jwk), MALFORMED);
        *broken = good;
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            strcpy(broken->values[i], values[k]);
            assert_fails(parse_members(header, jwk), MALFORMED);
        }
        strcpy(broken->values[i], capsa_streq(good.names[i], "capsa") ? "\"1\"" : "7");
        assert_fails(parse_members(header, jwk), MALFORMED);
        strcpy(broken->values[i], "\"\"");
        assert_true(capsa_failed(parse_members(header, jwk)));
        *broken = good;
    }
}

static void every_member_of_the_header_is_needed_once_and_in_its_type(void **state)
{
    (void)state;
    for (size_t curve = 0; curve < CURVES; curve++) {
        struct object jwk = jwk_of(publics[curve]), header = header_of(publics[curve], &jwk);
        break_members(&header, &jwk, &header);
        break_members(&header, &jwk, &jwk);
    }
}

static void no_other_member_is_taken(void **state)
{
    (void)state;
    static const char *const names[] = {"crit", "zip", "apu", "apv", "cty", "typ", "x5c",
                                        "jku",  "jwk", "p2c", "ALG", "",    "d"};
    for (size_t curve = 0; curve < CURVES; curve++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            struct object jwk = jwk_of(publics[curve]), header = header_of(publics[curve], &jwk);
            const struct object good = header;
            object_add(&header, names[i], "\"\"");
            assert_fails(parse_members(&header, &jwk), UNKNOWN_FIELD);
            object_add(&jwk, names[i], "\"\"");
            assert_fails(parse_members(&good, &jwk), UNKNOWN_FIELD);
        }
    }
}

static void every_member_has_the_one_value_that_it_can_have(void **state)
{
    (void)state;
    static const struct {
        bool of_jwk;
        const char *name, *value;
        enum capsa_code code;
    } cases[] = {
        {false, "alg", "\"ECDH-ES\"", CAPSA_E_UNSUPPORTED},
        {false, "alg", "\"ECDH-ES+A128KW\"", CAPSA_E_UNSUPPORTED},
        {false, "alg", "\"RSA-OAEP-256\"", CAPSA_E_UNSUPPORTED},
        {false, "alg", "\"dir\"", CAPSA_E_UNSUPPORTED},
        {false, "alg", "\"none\"", CAPSA_E_UNSUPPORTED},
        {false, "alg", "\"ecdh-es+a256kw\"", CAPSA_E_UNSUPPORTED},
        {false, "enc", "\"A128GCM\"", CAPSA_E_UNSUPPORTED},
        {false, "enc", "\"A256CBC-HS512\"", CAPSA_E_UNSUPPORTED},
        {false, "capsa", "0", CAPSA_E_UNSUPPORTED},
        {false, "capsa", "2", CAPSA_E_UNSUPPORTED},
        {false, "capsa", "-1", CAPSA_E_UNSUPPORTED},
        {false, "kid", "\"AAAA\"", CAPSA_E_MALFORMED},
        {false, "kid", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"", CAPSA_E_TOO_LARGE},
        {false, "kid", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"", CAPSA_E_MALFORMED},
        {false, "kid", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", CAPSA_E_TOO_LARGE},
        {false, "kid", "\"AAAAAAAAAAAAAAAAAAAAA+/AAAAAAAAAAAAAAAAAAAA\"", CAPSA_E_MALFORMED},
        {false, "epk", "\"text\"", CAPSA_E_MALFORMED},
        {true, "kty", "\"RSA\"", CAPSA_E_UNSUPPORTED},
        {true, "crv", "\"P-384\"", CAPSA_E_UNSUPPORTED},
        {true, "crv", "\"Ed25519\"", CAPSA_E_UNSUPPORTED},
        {true, "crv", "\"SM2\"", CAPSA_E_UNSUPPORTED},
        {true, "x", "\"AAAA\"", CAPSA_E_MALFORMED},
        {true, "x", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", CAPSA_E_TOO_LARGE},
        {true, "x", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"", CAPSA_E_MALFORMED},
    };
    for (size_t i = 0; i < CURVES * sizeof(cases) / sizeof(cases[0]); i++) {
        size_t curve = i % CURVES, at = i / CURVES;
        struct object jwk = jwk_of(publics[curve]), header = header_of(publics[curve], &jwk);
        struct object *changed = cases[at].of_jwk ? &jwk : &header;
        for (size_t k = 0; k < changed->count; k++) {
            if (capsa_streq(changed->names[k], cases[at].name)) {
                strcpy(changed->values[k], cases[at].value);
            }
        }
        capsa_result parsed = parse_members(&header, &jwk);
        if (capsa_code_of(parsed) != cases[at].code) {
            fail_msg("%s %s: %s", cases[at].name, cases[at].value, capsa_text_of(parsed));
        }
        assert_non_null(strstr(capsa_text_of(parsed), "protected_header"));
    }
}

static void a_header_is_one_json_object_in_base64url(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "null", "[]", "\"x\"", "1", "{", "{}", "{}{}", "\xff"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_fails(parse_header(texts[i]), MALFORMED);
    }
    const struct capsa_jwe empty = {.protected_header = NULL};
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    assert_fails(capsa_native_parse(&empty, &parsed), MALFORMED);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void write_other_kid(const struct capsa_public_key *key, const struct capsa_public_key *epk,
                            char text[2048])
{
    bool p256 = capsa_public_key_kind(key) == CAPSA_KEY_P256;
    struct object jwk = jwk_of(epk), header = header_of(other_publics[p256 ? P256 : X25519], &jwk);
    object_text(&header, text);
}

static void the_kid_cannot_be_exchanged(void **state)
{
    (void)state;
    for (size_t curve = 0; curve < CURVES; curve++) {
        /* sealed for one key and addressed to another, which is the one that is asked */
        CAPSA_AUTO(capsa_jwe_out) out = craft(publics[curve], write_other_kid);
        struct capsa_jwe jwe = capsa_jwe_of(&out);
        CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
        char kid[CAPSA_KID];
        capsa_public_key_kid(other_publics[curve], kid);
        assert_ok(capsa_native_parse(&jwe, &parsed));
        assert_string_equal(parsed.kid, kid);
        assert_not_opened(&jwe, others[curve]);
        /* and a kid put in place of the right one on the way */
        struct exchange made = exchange(curve);
        jwe = capsa_jwe_of(&made.request);
        CAPSA_AUTO(capsa_buf) header = capsa_buf_of(KIB(4));
        char own[CAPSA_KID];
        capsa_public_key_kid(publics[curve], own);
        assert_ok(
            capsa_base64_parse(capsa_bytes_str(jwe.protected_header), CAPSA_BASE64_URL, &header));
        uint8_t *at = memmem(header.data, header.len, own, CAPSA_KID - 1);
        assert_non_null(at);
        memcpy(at, kid, CAPSA_KID - 1);
        char *text = b64u(capsa_buf_bytes(&header));
        jwe.protected_header = text;
        assert_not_opened(&jwe, keys[curve]);
        capsa_dealloc(text);
        exchange_drop(&made);
    }
}

static void a_key_of_another_kind_is_told_by_its_curve(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) rsa = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) rsa_public = NULL;
    assert_ok(capsa_private_key_new_rsa(2048, &rsa));
    assert_ok(capsa_public_key_of(rsa, &rsa_public));
    for (size_t curve = 0; curve < CURVES; curve++) {
        struct exchange made = exchange(curve);
        const struct capsa_jwe jwe = capsa_jwe_of(&made.request);
        assert_fails(open_one(&jwe, keys[1 - curve]), MALFORMED);
        assert_fails(open_one(&jwe, rsa), MALFORMED);
        exchange_drop(&made);
    }
    CAPSA_AUTO(capsa_jwe_out) out = {0};
    CAPSA_AUTO(capsa_native_channel) channel = {NULL};
    assert_fails(capsa_native_seal(rsa_public, CAPSA_BYTES_LITERAL(PLAIN), &out, &channel),
                 UNSUPPORTED);
    assert_null(out.protected_header);
    assert_null(channel.response_key);
}

static const char *const zeros = "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";

static void a_point_off_the_curve_is_told_by_its_form(void **state)
{
    (void)state;
    struct object jwk = jwk_of(publics[P256]), header = header_of(publics[P256], &jwk);
    const struct object good = jwk;
    strcpy(jwk.values[2], zeros); /* x */
    assert_fails(parse_members(&header, &jwk), MALFORMED);
    strcpy(jwk.values[3], zeros); /* and y */
    assert_fails(parse_members(&header, &jwk), MALFORMED);
    jwk = good;
    jwk.values[3][1] = jwk.values[3][1] == 'A' ? 'B' : 'A';
    assert_fails(parse_members(&header, &jwk), MALFORMED);
    /* a key on one curve under the name of the other */
    jwk = jwk_of(publics[X25519]);
    strcpy(jwk.values[0], "\"EC\"");
    strcpy(jwk.values[1], "\"P-256\"");
    assert_fails(parse_members(&header, &jwk), MALFORMED);
    object_add(&jwk, "y", zeros);
    assert_fails(parse_members(&header, &jwk), MALFORMED);
    jwk = good;
    strcpy(jwk.values[0], "\"OKP\"");
    strcpy(jwk.values[1], "\"X25519\"");
    assert_fails(parse_members(&header, &jwk), MALFORMED);
}

static const char *low_order; /* hex: what the header claims as its epk */

static void write_low_order(const struct capsa_public_key *key, const struct capsa_public_key *epk,
                            char text[2048])
{
    struct object jwk = jwk_of(epk);
    CAPSA_AUTO(capsa_buf) point = capsa_buf_of(32);
    assert_ok(capsa_hex_parse(capsa_bytes_str(low_order), &point));
    quoted(capsa_buf_bytes(&point), jwk.values[2]);
    struct object header = header_of(key, &jwk);
    object_text(&header, text);
}

static void points_of_low_order_fail_as_everything_else(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        low_order = points[i];
        CAPSA_AUTO(capsa_jwe_out) out = craft(publics[X25519], write_low_order);
        const struct capsa_jwe jwe = capsa_jwe_of(&out);
        assert_not_opened(&jwe, keys[X25519]);
    }
}

/* ---- changes --------------------------------------------------------------------------------- */

#define FIELDS 6
static const size_t field_places[FIELDS] = {offsetof(struct capsa_jwe, protected_header),
                                            offsetof(struct capsa_jwe, encrypted_key),
                                            offsetof(struct capsa_jwe, iv),
                                            offsetof(struct capsa_jwe, ciphertext),
                                            offsetof(struct capsa_jwe, tag),
                                            offsetof(struct capsa_jwe, aad)};

static const char **field_at(struct capsa_jwe *jwe, size_t field)
{
    return (const char **)(void *)((uint8_t *)jwe + field_places[field]);
}

/* Every character of every field changed, every field cut at every place and made longer by one.
 * `check` gets each such message. */
static void change_everything(const capsa_jwe_out *good,
                              void (*check)(const struct capsa_jwe *jwe, void *context),
                              void *context)
{
    for (size_t field = 0; field < FIELDS; field++) {
        struct capsa_jwe jwe = capsa_jwe_of(good);
        const char *original = *field_at(&jwe, field);
        size_t len = strlen(original);
        char *copy = capsa_alloc(len + 2);
        assert_non_null(copy);
        *field_at(&jwe, field) = copy;
        for (size_t i = 0; i < len; i++) {
            static const char others_of[] = "AQ-_=";
            for (size_t k = 0; k < strlen(others_of); k++) {
                strcpy(copy, original);
                copy[i] = others_of[k];
                if (copy[i] != original[i]) {
                    check(&jwe, context);
                }
            }
            strcpy(copy, original);
            copy[i] = '\0';
            check(&jwe, context);
        }
        strcpy(copy, original);
        strcpy(copy + len, "A");
        check(&jwe, context);
        capsa_dealloc(copy);
    }
}

static void check_request(const struct capsa_jwe *jwe, void *context)
{
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    capsa_result result = capsa_native_parse(jwe, &parsed);
    if (!capsa_failed(result)) {
        assert_not_opened(jwe, context);
    } else {
        assert_int_not_equal(capsa_code_of(result), CAPSA_E_UNAUTHENTIC);
        assert_int_not_equal(capsa_code_of(result), CAPSA_E_INTERNAL);
    }
}

static void every_change_of_a_request_is_noticed(void **state)
{
    (void)state;
    for (size_t curve = 0; curve < CURVES; curve++) {
        struct exchange made = exchange(curve);
        change_everything(&made.request, check_request, keys[curve]);
        exchange_drop(&made);
    }
}

static void check_answer(const struct capsa_jwe *jwe, void *context)
{
    capsa_result opened = answer_open(context, jwe);
    assert_true(capsa_failed(opened));
    assert_int_not_equal(capsa_code_of(opened), CAPSA_E_INTERNAL);
}

static void every_change_of_an_answer_is_noticed(void **state)
{
    (void)state;
    struct exchange made = exchange(X25519);
    const struct capsa_jwe answer = capsa_jwe_of(&made.answer);
    assert_ok(answer_open(&made.client, &answer));
    change_everything(&made.answer, check_answer, &made.client);
    exchange_drop(&made);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void an_answer_fits_its_own_request_and_no_other(void **state)
{
    (void)state;
    struct exchange a = exchange(P256), b = exchange(P256);
    const struct capsa_jwe answer_a = capsa_jwe_of(&a.answer), answer_b = capsa_jwe_of(&b.answer);
    assert_ok(answer_open(&a.client, &answer_a));
    assert_fails(answer_open(&a.client, &answer_b), UNAUTHENTIC);
    assert_fails(answer_open(&b.client, &answer_a), UNAUTHENTIC);
    exchange_drop(&a);
    exchange_drop(&b);
}

/* The CEK alone is not enough: the same one in a request that differs in nothing but its iv. */
static void an_answer_is_bound_to_the_whole_request(void **state)
{
    (void)state;
    struct exchange made = exchange(P256);
    struct capsa_jwe jwe = capsa_jwe_of(&made.request);
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    CAPSA_AUTO(capsa_native_channel) other = {NULL};
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    assert_ok(capsa_native_parse(&jwe, &parsed));
    parsed.request_hash[31] ^= 1;
    assert_ok(capsa_native_open(&parsed, keys[P256], &plaintext, &other));
    const struct capsa_jwe answer = capsa_jwe_of(&made.answer);
    assert_fails(answer_open(&other, &answer), UNAUTHENTIC);
    exchange_drop(&made);
}

static void an_answer_has_one_header(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum capsa_code code;
    } cases[] = {
        {"{\"capsa\":1,\"enc\":\"A256GCM\",\"alg\":\"dir\"}", CAPSA_E_OK},
        {"{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", CAPSA_E_MALFORMED},
        {"{\"alg\":\"dir\",\"capsa\":1}", CAPSA_E_MALFORMED},
        {"{\"enc\":\"A256GCM\",\"capsa\":1}", CAPSA_E_MALFORMED},
        {"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"capsa\":2}", CAPSA_E_UNSUPPORTED},
        {"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"capsa\":\"1\"}", CAPSA_E_MALFORMED},
        {"{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"capsa\":1}", CAPSA_E_UNSUPPORTED},
        {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"capsa\":1}", CAPSA_E_UNSUPPORTED},
        {"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"capsa\":1,\"kid\":\"x\"}", CAPSA_E_UNKNOWN_FIELD},
        {"{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"capsa\":1,\"capsa\":1}", CAPSA_E_MALFORMED},
        {"[]", CAPSA_E_MALFORMED},
    };
    struct exchange made = exchange(P256);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t iv[12] = {2}, tag[16];
        CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(1));
        char *header = b64u(capsa_bytes_str(cases[i].header));
        assert_ok(capsa_gcm_seal(capsa_secret_borrow(made.server.response_key),
                                 capsa_bytes_of(iv, 12), capsa_bytes_str(header),
                                 CAPSA_BYTES_LITERAL(ANSWER), &sealed, tag));
        CAPSA_AUTO(capsa_jwe_out)
        out = {.protected_header = header,
               .iv = b64u(capsa_bytes_of(iv, 12)),
               .ciphertext = b64u(capsa_buf_bytes(&sealed)),
               .tag = b64u(capsa_bytes_of(tag, 16))};
        struct capsa_jwe jwe = capsa_jwe_of(&out);
        assert_int_equal(capsa_code_of(answer_open(&made.client, &jwe)), cases[i].code);
        if (cases[i].code == CAPSA_E_OK) {
            jwe.encrypted_key = "AAAA";
            assert_fails(answer_open(&made.client, &jwe), MALFORMED);
        }
    }
    exchange_drop(&made);
}

static void requests_and_answers_are_not_taken_for_each_other(void **state)
{
    (void)state;
    struct exchange made = exchange(P256);
    const struct capsa_jwe request = capsa_jwe_of(&made.request);
    const struct capsa_jwe answer = capsa_jwe_of(&made.answer);
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    assert_fails(capsa_native_parse(&answer, &parsed), MALFORMED);
    assert_fails(answer_open(&made.client, &request), UNKNOWN_FIELD);
    exchange_drop(&made);
}

/* ---- the original's envelope ----------------------------------------------------------------- */

static void neither_protocol_takes_the_envelope_of_the_other(void **state)
{
    (void)state;
    struct exchange made = exchange(P256);
    const struct capsa_jwe native = capsa_jwe_of(&made.request);
    CAPSA_AUTO(capsa_jwe_parsed) original = {0};
    assert_fails(capsa_jwe_parse(&native, &original), UNSUPPORTED);
    exchange_drop(&made);
    CAPSA_AUTO_FREE(capsa_private_key) rsa = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) rsa_public = NULL;
    CAPSA_AUTO(capsa_jwe_out) out = {0};
    CAPSA_AUTO(capsa_native_parsed) parsed = {.epk = NULL};
    assert_ok(capsa_private_key_new_rsa(2048, &rsa));
    assert_ok(capsa_public_key_of(rsa, &rsa_public));
    assert_ok(capsa_jwe_seal(rsa_public, CAPSA_JWE_RSA_OAEP_256, CAPSA_JWE_A256GCM,
                             CAPSA_BYTES_LITERAL(PLAIN), &out));
    const struct capsa_jwe old = capsa_jwe_of(&out);
    assert_fails(capsa_native_parse(&old, &parsed), MALFORMED);
    assert_null(parsed.epk);
}

/* ---- failures -------------------------------------------------------------------------------- */

static int no_randomness(size_t len)
{
    (void)len;
    return 1;
}

static void without_randomness_nothing_is_sealed_or_opened(void **state)
{
    (void)state;
    struct exchange made = exchange(X25519);
    const struct capsa_jwe request = capsa_jwe_of(&made.request);
    CAPSA_AUTO(capsa_jwe_out) out = {0};
    CAPSA_AUTO(capsa_native_channel) channel = {NULL};
    capsa_random_set_hook(no_randomness);
    capsa_result sealed =
        capsa_native_seal(publics[X25519], CAPSA_BYTES_LITERAL(PLAIN), &out, &channel);
    capsa_result answered =
        capsa_native_answer_seal(&made.server, CAPSA_BYTES_LITERAL(ANSWER), &out);
    capsa_result opened = open_one(&request, keys[X25519]);
    capsa_random_set_hook(NULL);
    assert_int_equal(capsa_code_of(sealed), CAPSA_E_IO);
    assert_int_equal(capsa_code_of(answered), CAPSA_E_IO);
    assert_int_equal(capsa_code_of(opened), CAPSA_E_IO);
    assert_null(out.protected_header);
    assert_null(channel.response_key);
    exchange_drop(&made);
}

static int drop_static(void **state)
{
    capsa_ignore(parse_header(NULL), "it frees what it kept");
    return free_keys(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_and_answers_of_every_size_go_round),
        cmocka_unit_test(what_does_not_fit_the_buffer_is_too_large_and_leaves_it_alone),
        cmocka_unit_test(the_parsed_request_says_what_the_page_says),
        cmocka_unit_test(members_may_stand_in_any_order_with_white_space),
        cmocka_unit_test(two_seals_of_one_text_share_nothing),
        cmocka_unit_test(recorded_envelopes_of_ours_and_of_jwcrypto_open),
        cmocka_unit_test(every_member_of_the_header_is_needed_once_and_in_its_type),
        cmocka_unit_test(no_other_member_is_taken),
        cmocka_unit_test(every_member_has_the_one_value_that_it_can_have),
        cmocka_unit_test(a_header_is_one_json_object_in_base64url),
        cmocka_unit_test(the_kid_cannot_be_exchanged),
        cmocka_unit_test(a_key_of_another_kind_is_told_by_its_curve),
        cmocka_unit_test(a_point_off_the_curve_is_told_by_its_form),
        cmocka_unit_test(points_of_low_order_fail_as_everything_else),
        cmocka_unit_test(every_change_of_a_request_is_noticed),
        cmocka_unit_test(every_change_of_an_answer_is_noticed),
        cmocka_unit_test(an_answer_fits_its_own_request_and_no_other),
        cmocka_unit_test(an_answer_is_bound_to_the_whole_request),
        cmocka_unit_test(an_answer_has_one_header),
        cmocka_unit_test(requests_and_answers_are_not_taken_for_each_other),
        cmocka_unit_test(neither_protocol_takes_the_envelope_of_the_other),
        cmocka_unit_test(without_randomness_nothing_is_sealed_or_opened),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_static);
}
