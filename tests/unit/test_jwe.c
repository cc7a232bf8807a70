/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope: JWE, ours and the originals', and every way to break one.
 */
#include "unit.h"

#include "base/alloc.h"
#include "codec/text.h"
#include "envelope/envelope_jwe.h"

#define PLAIN "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"\"}"

/* made once; the second key has the first one's size */
static struct capsa_private_key *key, *other_key, *curve_key;
static struct capsa_public_key *public_key, *other_public, *curve_public;

static int make_keys(void **state)
{
    (void)state;
    assert_ok(capsa_private_key_new_rsa(2048, &key));
    assert_ok(capsa_private_key_new_rsa(2048, &other_key));
    assert_ok(capsa_private_key_new_p256(&curve_key));
    assert_ok(capsa_public_key_of(key, &public_key));
    assert_ok(capsa_public_key_of(other_key, &other_public));
    assert_ok(capsa_public_key_of(curve_key, &curve_public));
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    capsa_private_key_free(key);
    capsa_private_key_free(other_key);
    capsa_private_key_free(curve_key);
    capsa_public_key_free(public_key);
    capsa_public_key_free(other_public);
    capsa_public_key_free(curve_public);
    return 0;
}

/* ---- messages made by hand, as other programs make them -------------------------------------- */

struct craft {
    const char *header; /* NULL: RSA-OAEP-256 and A128GCM, compact */
    enum capsa_oaep hash;
    const struct capsa_public_key *to; /* NULL: public_key */
    size_t cek_len, iv_len;            /* 0: 16 and 12 */
    const char *aad;
};

#define OAEP_256 "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A128GCM\"}"

static char *b64u(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(8));
    char *taken = NULL;
    assert_ok(capsa_base64_write(bytes, CAPSA_BASE64_URL, &text));
    assert_ok(capsa_buf_take_str(&text, &taken));
    return taken;
}

static capsa_jwe_out craft(struct craft want)
{
    uint8_t cek[64], iv[64], tag[CAPSA_GCM_TAG];
    size_t cek_len = want.cek_len == 0 ? 16 : want.cek_len;
    size_t iv_len = want.iv_len == 0 ? 12 : want.iv_len;
    const char *aad = want.aad == NULL ? "" : want.aad;
    assert_ok(capsa_random(cek, sizeof(cek)));
    assert_ok(capsa_random(iv, sizeof(iv)));
    CAPSA_AUTO(capsa_buf) sealed_key = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
    assert_ok(capsa_oaep_seal(want.to == NULL ? public_key : want.to, want.hash,
                              (capsa_secret_bytes){cek, cek_len}, &sealed_key));
    bool aes = cek_len == 16 || cek_len == 24 || cek_len == 32;
    assert_ok(capsa_gcm_seal((capsa_secret_bytes){cek, aes ? cek_len : 16},
                             capsa_bytes_of(iv, iv_len), capsa_bytes_str(aad),
                             CAPSA_BYTES_LITERAL(PLAIN), &text, tag));
    return (capsa_jwe_out){
        .protected_header = b64u(capsa_bytes_str(want.header == NULL ? OAEP_256 : want.header)),
        .encrypted_key = b64u(capsa_buf_bytes(&sealed_key)),
        .iv = b64u(capsa_bytes_of(iv, iv_len)),
        .ciphertext = b64u(capsa_buf_bytes(&text)),
        .tag = b64u(capsa_bytes_of(tag, sizeof(tag))),
        .aad = b64u(capsa_bytes_str(aad)),
    };
}

/* Both steps, as a server makes them. */
static capsa_result open_with(const struct capsa_jwe *jwe, const struct capsa_private_key *with,
                              capsa_buf *plaintext)
{
    CAPSA_AUTO(capsa_jwe_parsed) parsed = {0};
    CAPSA_TRY(capsa_jwe_parse(jwe, &parsed));
    return capsa_jwe_open(&parsed, with, plaintext);
}

static capsa_result open_one(const struct capsa_jwe *jwe)
{
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(64));
    capsa_result opened = open_with(jwe, key, &plaintext);
    if (capsa_failed(opened)) {
        assert_int_equal(plaintext.len, 0);
    } else {
        assert_true(capsa_bytes_is(capsa_buf_bytes(&plaintext), PLAIN));
    }
    return opened;
}

static capsa_result open_crafted(struct craft want)
{
    CAPSA_AUTO(capsa_jwe_out) out = craft(want);
    const struct capsa_jwe jwe = capsa_jwe_of(&out);
    return open_one(&jwe);
}

/* ---- good ------------------------------------------------------------------------------------ */

static void what_is_sealed_opens_with_every_algorithm_and_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, MIB(1)};
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    uint8_t *room = NULL;
    assert_ok(capsa_buf_extend(&text, MIB(1), &room));
    memset(room, 'x', MIB(1));
    for (size_t i = 0; i < 2 * 2 * 4; i++) {
        enum capsa_jwe_alg alg = i & 1 ? CAPSA_JWE_RSA_OAEP_256 : CAPSA_JWE_RSA_OAEP;
        enum capsa_jwe_enc enc = i & 2 ? CAPSA_JWE_A256GCM : CAPSA_JWE_A128GCM;
        capsa_bytes plain = {text.data, sizes[i / 4]};
        CAPSA_AUTO(capsa_jwe_out) out = {0};
        CAPSA_AUTO(capsa_jwe_parsed) parsed = {0};
        CAPSA_AUTO(capsa_buf) opened = capsa_buf_of(MIB(1));
        assert_ok(capsa_jwe_seal(public_key, alg, enc, plain, &out));
        const struct capsa_jwe jwe = capsa_jwe_of(&out);
        assert_ok(capsa_jwe_parse(&jwe, &parsed));
        assert_int_equal(parsed.alg, alg);
        assert_int_equal(parsed.enc, enc);
        assert_int_equal(parsed.iv.len, 12);
        assert_ok(capsa_jwe_open(&parsed, key, &opened));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&opened), plain));
    }
}

static void an_answer_has_exactly_the_header_that_strict_clients_take(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_jwe_out) out = {0};
    assert_ok(capsa_jwe_seal(public_key, CAPSA_JWE_RSA_OAEP, CAPSA_JWE_A128GCM,
                             capsa_bytes_str("{}"), &out));
    CAPSA_AUTO(capsa_buf) header = capsa_buf_of(KIB(1));
    assert_ok(capsa_base64_parse(capsa_bytes_str(out.protected_header), CAPSA_BASE64_URL, &header));
    assert_true(
        capsa_bytes_is(capsa_buf_bytes(&header), "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}"));
    assert_string_equal(out.aad, "");
    assert_int_equal(strlen(out.iv), 16);
    assert_int_equal(strlen(out.tag), 22);
    CAPSA_AUTO(capsa_jwe_out) next = {0};
    assert_ok(capsa_jwe_seal(public_key, CAPSA_JWE_RSA_OAEP, CAPSA_JWE_A128GCM,
                             capsa_bytes_str("{}"), &next));
    assert_string_not_equal(out.iv, next.iv);
    assert_string_not_equal(out.ciphertext, next.ciphertext);
}

static void messages_of_other_programs_open(void **state)
{
    (void)state;
    static const char sdk[] = "{\n  \"alg\": \"RSA-OAEP-256\",\n  \"enc\": \"A128GCM\"\n}";
    static const char apps[] = "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}";
    static const char large[] = "{\"enc\":\"A256GCM\",\"alg\":\"RSA-OAEP-256\"}";
    static const char more[] = "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A128GCM\",\"typ\":\"JWE\","
                               "\"cty\":{\"a\":[1]}}";
    const struct craft good[] = {
        {.header = sdk, .hash = CAPSA_OAEP_SHA256, .iv_len = 32},
        {.header = apps, .hash = CAPSA_OAEP_SHA1},
        {.header = large, .hash = CAPSA_OAEP_SHA256, .cek_len = 32, .iv_len = 16},
        {.header = more, .hash = CAPSA_OAEP_SHA256, .aad = "{\"alg\":\"RSA-OAEP-256\"}"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_ok(open_crafted(good[i]));
    }
    CAPSA_AUTO(capsa_jwe_out) out = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
    struct capsa_jwe jwe = capsa_jwe_of(&out);
    jwe.aad = NULL; /* absent is empty */
    assert_ok(open_one(&jwe));
}

static void a_copy_has_the_same_replay_key_however_it_is_wrapped(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_jwe_out) out = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
    CAPSA_AUTO(capsa_jwe_out) other = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
    struct capsa_jwe jwe = capsa_jwe_of(&out);
    CAPSA_AUTO(capsa_jwe_parsed) first = {0};
    CAPSA_AUTO(capsa_jwe_parsed) copy = {0};
    CAPSA_AUTO(capsa_jwe_parsed) another = {0};
    assert_ok(capsa_jwe_parse(&jwe, &first));
    char *spaced =
        b64u(CAPSA_BYTES_LITERAL("{ \"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\", \"x\":1}"));
    jwe.protected_header = spaced;
    jwe.encrypted_key = other.encrypted_key;
    assert_ok(capsa_jwe_parse(&jwe, &copy));
    assert_memory_equal(first.replay_key, copy.replay_key, CAPSA_SHA256);
    jwe.tag = other.tag;
    assert_ok(capsa_jwe_parse(&jwe, &another));
    assert_memory_not_equal(first.replay_key, another.replay_key, CAPSA_SHA256);
    capsa_dealloc(spaced);
}

/* ---- what everybody can see ------------------------------------------------------------------ */

static void a_header_that_is_not_ours_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum capsa_code code;
        const char *why;
    } bad[] = {
        {"", CAPSA_E_MALFORMED, "protected_header"},
        {"[]", CAPSA_E_MALFORMED, "object"},
        {"{\"alg\":\"RSA-OAEP\"", CAPSA_E_MALFORMED, "protected_header"},
        {"{}", CAPSA_E_MALFORMED, "alg"},
        {"{\"alg\":\"RSA-OAEP\"}", CAPSA_E_MALFORMED, "enc"},
        {"{\"enc\":\"A128GCM\"}", CAPSA_E_MALFORMED, "alg"},
        {"{\"alg\":1,\"enc\":\"A128GCM\"}", CAPSA_E_MALFORMED, "alg"},
        {"{\"alg\":null,\"enc\":\"A128GCM\"}", CAPSA_E_MALFORMED, "alg"},
        {"{\"alg\":\"RSA-OAEP\",\"enc\":[\"A128GCM\"]}", CAPSA_E_MALFORMED, "enc"},
        {"{\"alg\":\"RSA-OAEP\",\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}", CAPSA_E_MALFORMED,
         "twice"},
        {"{\"alg\":\"RSA1_5\",\"enc\":\"A128GCM\"}", CAPSA_E_UNSUPPORTED, "RSA1_5"},
        {"{\"alg\":\"dir\",\"enc\":\"A128GCM\"}", CAPSA_E_UNSUPPORTED, "dir"},
        {"{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\"}", CAPSA_E_UNSUPPORTED, "ECDH-ES"},
        {"{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A128GCM\"}", CAPSA_E_UNSUPPORTED, "PBES2"},
        {"{\"alg\":\"rsa-oaep\",\"enc\":\"A128GCM\"}", CAPSA_E_UNSUPPORTED, "rsa-oaep"},
        {"{\"alg\":\"RSA-OAEP\",\"enc\":\"A192GCM\"}", CAPSA_E_UNSUPPORTED, "A192GCM"},
        {"{\"alg\":\"RSA-OAEP\",\"enc\":\"A128CBC-HS256\"}", CAPSA_E_UNSUPPORTED, "A128CBC"},
        {"{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\",\"crit\":[\"x\"]}", CAPSA_E_UNSUPPORTED,
         "crit"},
        {"{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\",\"zip\":\"DEF\"}", CAPSA_E_UNSUPPORTED, "zip"},
        {"{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\",\"zip\":null}", CAPSA_E_UNSUPPORTED, "zip"},
        {"{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\",\"capsa\":1}", CAPSA_E_UNSUPPORTED, "capsa"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        capsa_result result = open_crafted((struct craft){.header = bad[i].header});
        assert_int_equal(capsa_code_of(result), bad[i].code);
        if (strstr(capsa_text_of(result), bad[i].why) == NULL) {
            fail_msg("%s: wanted \"%s\" in \"%s\"", bad[i].header, bad[i].why,
                     capsa_text_of(result));
        }
    }
}

/* The first step alone, which has no key. */
static enum capsa_code parse_code(const struct capsa_jwe *jwe)
{
    CAPSA_AUTO(capsa_jwe_parsed) parsed = {0};
    return capsa_code_of(capsa_jwe_parse(jwe, &parsed));
}

static void fields_of_wrong_sizes_are_refused_before_the_key_is_used(void **state)
{
    (void)state;
    uint8_t bytes[300] = {0};
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        CAPSA_AUTO(capsa_jwe_out) out = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
        char *text = b64u(capsa_bytes_of(bytes, len));
        struct capsa_jwe jwe = capsa_jwe_of(&out);
        jwe.iv = text;
        enum capsa_code iv = parse_code(&jwe);
        jwe = capsa_jwe_of(&out);
        jwe.tag = text;
        enum capsa_code tag = parse_code(&jwe);
        jwe = capsa_jwe_of(&out);
        jwe.encrypted_key = text;
        enum capsa_code encrypted_key = capsa_code_of(open_one(&jwe));
        bool iv_fits = len == 12 || len == 16 || len == 32;
        assert_true(iv_fits ? iv == CAPSA_E_OK
                            : iv == CAPSA_E_MALFORMED || (len > 32 && iv == CAPSA_E_TOO_LARGE));
        assert_true(len == 16 ? tag == CAPSA_E_OK
                              : tag == CAPSA_E_MALFORMED || (len > 16 && tag == CAPSA_E_TOO_LARGE));
        assert_int_equal(encrypted_key, len == 256 ? CAPSA_E_UNAUTHENTIC : CAPSA_E_MALFORMED);
        capsa_dealloc(text);
    }
}

/* All fields of a message by number, to break one after the other. */
static const char **field_of(struct capsa_jwe *jwe, size_t i)
{
    const char **const all[] = {&jwe->protected_header, &jwe->encrypted_key, &jwe->iv,
                                &jwe->ciphertext,       &jwe->tag,           &jwe->aad};
    return all[i];
}

static void base64_that_is_not_canonical_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"protected_header", "encrypted_key", "iv",
                                        "ciphertext",       "tag",           "aad"};
    static const char *const endings[] = {"=", "==", " ", "\n", "+", "%"};
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < sizeof(endings) / sizeof(endings[0]); j++) {
            CAPSA_AUTO(capsa_jwe_out)
            out = craft((struct craft){.hash = CAPSA_OAEP_SHA256, .iv_len = 16, .aad = "a"});
            struct capsa_jwe jwe = capsa_jwe_of(&out);
            char text[1024];
            (void)snprintf(text, sizeof(text), "%s%s", *field_of(&jwe, i), endings[j]);
            *field_of(&jwe, i) = text;
            capsa_result result = open_one(&jwe);
            assert_true(capsa_code_of(result) == CAPSA_E_MALFORMED ||
                        capsa_code_of(result) == CAPSA_E_TOO_LARGE);
            assert_non_null(strstr(capsa_text_of(result), names[i]));
        }
    }
    /* 16 bytes leave four bits over, which must be zero */
    CAPSA_AUTO(capsa_jwe_out) out = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
    out.tag[21] = out.tag[21] == 'A' ? 'B' : (char)(out.tag[21] + 1);
    const struct capsa_jwe jwe = capsa_jwe_of(&out);
    assert_fails(open_one(&jwe), MALFORMED);
}

static void the_limit_of_the_reader_is_kept(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_jwe_out) out = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
    const struct capsa_jwe jwe = capsa_jwe_of(&out);
    CAPSA_AUTO(capsa_buf) small = capsa_buf_of(sizeof(PLAIN) - 2);
    assert_fails(open_with(&jwe, key, &small), TOO_LARGE);
    CAPSA_AUTO(capsa_buf) exact = capsa_buf_of(sizeof(PLAIN) - 1);
    assert_ok(open_with(&jwe, key, &exact));
}

static void a_key_that_is_not_rsa_neither_opens_nor_seals(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_jwe_out) out = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
    CAPSA_AUTO(capsa_jwe_out) none = {0};
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(1));
    const struct capsa_jwe jwe = capsa_jwe_of(&out);
    assert_fails(open_with(&jwe, curve_key, &plaintext), UNSUPPORTED);
    assert_fails(capsa_jwe_seal(curve_public, CAPSA_JWE_RSA_OAEP, CAPSA_JWE_A128GCM,
                                capsa_bytes_str("x"), &none),
                 UNSUPPORTED);
    assert_null(none.ciphertext);
}

/* ---- from the private key to the tag: one answer --------------------------------------------- */

static const char *one_answer(void)
{
    return "the message cannot be opened: it is sealed for another key or was changed";
}

static void assert_one_answer(capsa_result result)
{
    assert_int_equal(capsa_code_of(result), CAPSA_E_UNAUTHENTIC);
    assert_string_equal(capsa_text_of(result), one_answer());
}

static void what_only_the_private_key_can_see_has_one_answer(void **state)
{
    (void)state;
    static const char large[] = "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"}";
    static const char sha1[] = "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}";
    const struct craft bad[] = {
        {.hash = CAPSA_OAEP_SHA1},                                          /* wrong padding */
        {.header = sha1, .hash = CAPSA_OAEP_SHA256},                        /* the other way */
        {.hash = CAPSA_OAEP_SHA256, .to = other_public},                    /* another key */
        {.hash = CAPSA_OAEP_SHA256, .cek_len = 32},                         /* key too long */
        {.hash = CAPSA_OAEP_SHA256, .cek_len = 24},                         /* AES, but not A128 */
        {.hash = CAPSA_OAEP_SHA256, .cek_len = 1},                          /* far too short */
        {.header = large, .hash = CAPSA_OAEP_SHA256, .cek_len = 16},        /* too short */
        {.header = large, .hash = CAPSA_OAEP_SHA1, .cek_len = 32},          /* both */
        {.hash = CAPSA_OAEP_SHA256, .cek_len = 64, .iv_len = 32, .aad = ""} /* no AES key at all */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_one_answer(open_crafted(bad[i]));
    }
}

static void every_flipped_bit_of_a_sealed_field_has_the_same_answer(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_jwe_out)
    out = craft((struct craft){.hash = CAPSA_OAEP_SHA256, .aad = "bound"});
    const struct capsa_jwe good = capsa_jwe_of(&out);
    assert_ok(open_one(&good));
    for (size_t i = 1; i < 6; i++) {
        struct capsa_jwe jwe = good;
        CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(KIB(1));
        assert_ok(
            capsa_base64_parse(capsa_bytes_str(*field_of(&jwe, i)), CAPSA_BASE64_URL, &bytes));
        size_t step = i == 1 ? 31 : 1; /* the private key's operations take their time */
        for (size_t bit = 0; bit < bytes.len * 8; bit += step) {
            bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            char *text = b64u(capsa_buf_bytes(&bytes));
            *field_of(&jwe, i) = text;
            assert_one_answer(open_one(&jwe));
            capsa_dealloc(text);
            bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void a_changed_header_never_opens_to_something_else(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_jwe_out) out = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
    struct capsa_jwe jwe = capsa_jwe_of(&out);
    char header[] = OAEP_256;
    for (size_t bit = 0; bit < (sizeof(header) - 1) * 8; bit++) {
        header[bit / 8] = (char)(header[bit / 8] ^ (char)(1U << bit % 8));
        char *text = b64u(capsa_bytes_str(header));
        jwe.protected_header = text;
        assert_true(capsa_failed(open_one(&jwe)));
        capsa_dealloc(text);
        header[bit / 8] = (char)(header[bit / 8] ^ (char)(1U << bit % 8));
    }
}

static void short_inputs_never_crash(void **state)
{
    (void)state;
    uint8_t bytes[64];
    assert_ok(capsa_random(bytes, sizeof(bytes)));
    for (size_t field = 0; field < 6; field++) {
        for (size_t len = 0; len <= sizeof(bytes); len++) {
            CAPSA_AUTO(capsa_jwe_out) out = craft((struct craft){.hash = CAPSA_OAEP_SHA256});
            struct capsa_jwe jwe = capsa_jwe_of(&out);
            char *text = b64u(capsa_bytes_of(bytes, len));
            *field_of(&jwe, field) = text;
            capsa_result result = open_one(&jwe);
            assert_true(capsa_failed(result) || (field == 5 && len == 0));
            capsa_dealloc(text);
        }
    }
    const struct capsa_jwe nothing = {0};
    assert_fails(open_one(&nothing), MALFORMED);
}

/* ---- out of memory --------------------------------------------------------------------------- */

static int allocations_left; /* before one fails, and every later one */

static int fail_allocation(size_t size)
{
    (void)size;
    return allocations_left-- <= 0;
}

static capsa_result seal_and_open(void)
{
    CAPSA_AUTO(capsa_jwe_out) out = {0};
    CAPSA_AUTO(capsa_buf) plaintext = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_jwe_seal(public_key, CAPSA_JWE_RSA_OAEP_256, CAPSA_JWE_A256GCM,
                             CAPSA_BYTES_LITERAL(PLAIN), &out));
    const struct capsa_jwe jwe = capsa_jwe_of(&out);
    return open_with(&jwe, key, &plaintext);
}

static void every_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    capsa_result result = CAPSA_OK;
    int n = 0;
    capsa_alloc_set_hook(fail_allocation);
    do {
        allocations_left = n++;
        result = seal_and_open();
    } while (capsa_code_of(result) == CAPSA_E_NOMEM && n < 10000);
    capsa_alloc_set_hook(NULL);
    assert_ok(result);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_with_every_algorithm_and_size),
        cmocka_unit_test(an_answer_has_exactly_the_header_that_strict_clients_take),
        cmocka_unit_test(messages_of_other_programs_open),
        cmocka_unit_test(a_copy_has_the_same_replay_key_however_it_is_wrapped),
        cmocka_unit_test(a_header_that_is_not_ours_is_refused_by_name),
        cmocka_unit_test(fields_of_wrong_sizes_are_refused_before_the_key_is_used),
        cmocka_unit_test(base64_that_is_not_canonical_is_refused),
        cmocka_unit_test(the_limit_of_the_reader_is_kept),
        cmocka_unit_test(a_key_that_is_not_rsa_neither_opens_nor_seals),
        cmocka_unit_test(what_only_the_private_key_can_see_has_one_answer),
        cmocka_unit_test(every_flipped_bit_of_a_sealed_field_has_the_same_answer),
        cmocka_unit_test(a_changed_header_never_opens_to_something_else),
        cmocka_unit_test(short_inputs_never_crash),
        cmocka_unit_test(every_failed_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
