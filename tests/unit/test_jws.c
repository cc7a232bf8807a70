/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope: JWS, ours and the originals', and every way to break one; and the recorded requests
 * through both envelopes.
 */
#include "unit.h"

#include "base/alloc.h"
#include "certs.h"
#include "codec/json.h"
#include "codec/text.h"
#include "envelope/envelope_jwe.h"
#include "envelope/envelope_jws.h"
#include "vectors.h"
#include "wire/capsule_manager.pb-c.h"

#define PAYLOAD "{\"owner_party_id\":\"x\"}"

static EVP_PKEY *rsa_key, *curve_key, *root_key, *p384_key; /* made once */
static struct capsa_private_key *rsa, *curve;
static capsa_chain rsa_chain, curve_chain, rooted_chain, p384_chain;

static void chain_of(EVP_PKEY *leaf, bool rooted, capsa_chain *chain)
{
    X509 *root =
        test_cert_make((struct test_cert){.key = root_key, .name = "root", .extensions = TEST_CA});
    X509 *made =
        rooted ? test_cert_make((struct test_cert){
                     .key = leaf, .name = "leaf", .issuer = root, .issuer_key = root_key})
               : test_cert_make((struct test_cert){.key = leaf}); /* empty subject, as documented */
    test_chain_add(chain, made);
    if (rooted) {
        test_chain_add(chain, root);
    }
    X509_free(made);
    X509_free(root);
}

static int make_keys(void **state)
{
    (void)state;
    rsa_key = EVP_RSA_gen(2048);
    curve_key = EVP_EC_gen("P-256");
    root_key = EVP_EC_gen("P-256");
    p384_key = EVP_EC_gen("P-384");
    rsa = test_private_key(rsa_key);
    curve = test_private_key(curve_key);
    chain_of(rsa_key, false, &rsa_chain);
    chain_of(curve_key, false, &curve_chain);
    chain_of(rsa_key, true, &rooted_chain);
    chain_of(p384_key, false, &p384_chain);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(curve_key);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(p384_key);
    capsa_private_key_free(rsa);
    capsa_private_key_free(curve);
    capsa_chain_drop(&rsa_chain);
    capsa_chain_drop(&curve_chain);
    capsa_chain_drop(&rooted_chain);
    capsa_chain_drop(&p384_chain);
    return 0;
}

/* ---- texts made by hand ---------------------------------------------------------------------- */

/* `header` may hold one %s, where x5c's content goes: the chain as quoted base64. */
struct craft {
    const char *header;
    const capsa_chain *chain;
    const struct capsa_private_key *signer; /* NULL: an empty signature */
    enum capsa_scheme scheme;
};

static void x5c_text(const capsa_chain *chain, capsa_buf *text)
{
    for (size_t i = 0; chain != NULL && i < chain->count; i++) {
        CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(64));
        assert_ok(capsa_cert_write_der(chain->certs[i], &der));
        assert_ok(capsa_buf_str(text, i == 0 ? "\"" : ",\""));
        assert_ok(capsa_base64_write(capsa_buf_bytes(&der), CAPSA_BASE64_STD, text));
        assert_ok(capsa_buf_str(text, "\""));
    }
}

static void header_text(const struct craft *want, capsa_buf *text)
{
    const char *hole = strstr(want->header, "%s");
    if (hole == NULL) {
        assert_ok(capsa_buf_str(text, want->header));
        return;
    }
    assert_ok(capsa_buf_append(text, capsa_bytes_of(want->header, (size_t)(hole - want->header))));
    x5c_text(want->chain, text);
    assert_ok(capsa_buf_str(text, hole + 2));
}

static void craft(struct craft want, capsa_buf *text)
{
    CAPSA_AUTO(capsa_buf) header = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_buf) input = capsa_buf_of(KIB(256));
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(KIB(1));
    header_text(&want, &header);
    assert_ok(capsa_base64_write(capsa_buf_bytes(&header), CAPSA_BASE64_URL, &input));
    size_t header_len = input.len;
    assert_ok(capsa_buf_str(&input, "."));
    assert_ok(capsa_base64_write(CAPSA_BYTES_LITERAL(PAYLOAD), CAPSA_BASE64_URL, &input));
    if (want.signer != NULL) {
        assert_ok(capsa_sign(want.signer, want.scheme, capsa_buf_bytes(&input), &signature));
    }
    assert_ok(capsa_buf_format(text, "{\n  \"protected\": \"%.*s\",\n  \"payload\": \"%.*s\",\n",
                               (int)header_len, (const char *)input.data,
                               (int)(input.len - header_len - 1),
                               (const char *)input.data + header_len + 1));
    assert_ok(capsa_buf_str(text, "  \"signature\": \""));
    assert_ok(capsa_base64_write(capsa_buf_bytes(&signature), CAPSA_BASE64_URL, text));
    assert_ok(capsa_buf_str(text, "\"\n}"));
}

static capsa_result check_text(capsa_bytes text, char ret_party[CAPSA_PARTY_ID])
{
    CAPSA_AUTO(capsa_jws) jws = {0};
    CAPSA_TRY(capsa_jws_parse(text, &jws));
    CAPSA_TRY(capsa_jws_check_x5c(&jws, TEST_NOW, ret_party));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&jws.payload), PAYLOAD));
    return CAPSA_OK;
}

static capsa_result check_crafted(struct craft want)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    craft(want, &text);
    char party[CAPSA_PARTY_ID] = "untouched";
    capsa_result checked = check_text(capsa_buf_bytes(&text), party);
    if (capsa_failed(checked)) {
        assert_string_equal(party, "untouched");
    }
    return checked;
}

static void assert_says(capsa_result result, enum capsa_code code, const char *why)
{
    if (capsa_code_of(result) != code || strstr(capsa_text_of(result), why) == NULL) {
        fail_msg("wanted %s and \"%s\", got %s: %s", capsa_code_name(code), why,
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
}

/* ---- good ------------------------------------------------------------------------------------ */

static void what_we_make_holds_and_names_the_last_certificates_party(void **state)
{
    (void)state;
    const struct {
        const struct capsa_private_key *key;
        const capsa_chain *chain;
    } made[] = {{rsa, &rsa_chain}, {curve, &curve_chain}, {rsa, &rooted_chain}};
    for (size_t i = 0; i < 3; i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
        assert_ok(capsa_jws_make(made[i].key, made[i].chain, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
        char party[CAPSA_PARTY_ID], wanted[CAPSA_PARTY_ID];
        assert_ok(check_text(capsa_buf_bytes(&text), party));
        assert_ok(capsa_cert_party_id(made[i].chain->certs[made[i].chain->count - 1], wanted));
        assert_string_equal(party, wanted);
    }
}

static void every_scheme_of_the_table_holds(void **state)
{
    (void)state;
    for (enum capsa_scheme scheme = CAPSA_RS256; scheme <= CAPSA_ES256; scheme++) {
        char header[64];
        (void)snprintf(header, sizeof(header), "{\"alg\": \"%s\", \"x5c\": [%%s], \"kid\": \"1\"}",
                       capsa_scheme_name(scheme));
        bool ec = scheme == CAPSA_ES256;
        assert_ok(check_crafted((struct craft){.header = header,
                                               .chain = ec ? &curve_chain : &rooted_chain,
                                               .signer = ec ? curve : rsa,
                                               .scheme = scheme}));
    }
}

static void without_x5c_the_chain_must_come_from_elsewhere(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_jws) jws = {0};
    assert_ok(capsa_jws_make(rsa, NULL, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
    assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
    assert_false(jws.has_x5c);
    char party[CAPSA_PARTY_ID], wanted[CAPSA_PARTY_ID];
    assert_says(capsa_jws_check_x5c(&jws, TEST_NOW, party), CAPSA_E_NOT_FOUND, "no x5c");
    assert_ok(capsa_jws_check(&jws, &rooted_chain, TEST_NOW, party));
    assert_ok(capsa_cert_party_id(rooted_chain.certs[1], wanted));
    assert_string_equal(party, wanted);
    assert_fails(capsa_jws_check(&jws, &curve_chain, TEST_NOW, party), UNAUTHENTIC);
    const capsa_chain empty = {0};
    assert_fails(capsa_jws_check(&jws, &empty, TEST_NOW, party), MALFORMED);
}

static void we_do_not_sign_for_another_keys_certificate(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    const capsa_chain empty = {0};
    assert_fails(capsa_jws_make(curve, &rsa_chain, capsa_bytes_str("x"), &text), USAGE);
    assert_fails(capsa_jws_make(curve, &empty, capsa_bytes_str("x"), &text), USAGE);
    CAPSA_AUTO_FREE(capsa_private_key) p384 = test_private_key(p384_key);
    assert_fails(capsa_jws_make(p384, &p384_chain, capsa_bytes_str("x"), &text), UNSUPPORTED);
    assert_int_equal(text.len, 0);
}

/* ---- bad ------------------------------------------------------------------------------------- */

static void a_text_that_is_no_jws_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        {"", "JWS"},
        {"[]", "object"},
        {"{}", "protected"},
        {"{\"protected\":\"e30\",\"payload\":\"e30\"}", "signature"},
        {"{\"protected\":\"e30\",\"signature\":\"\"}", "payload"},
        {"{\"payload\":\"e30\",\"signature\":\"\"}", "protected"},
        {"{\"protected\":{},\"payload\":\"e30\",\"signature\":\"\"}", "protected"},
        {"{\"protected\":\"e30=\",\"payload\":\"e30\",\"signature\":\"\"}", "protected"},
        {"{\"protected\":\"W10\",\"payload\":\"e30\",\"signature\":\"\"}", "object"},
        {"{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"\"}", "alg"},
        {"{\"protected\":\"e30\",\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\"}",
         "twice"},
        {"e30.e30.e30", "JWS"},
    };
    CAPSA_AUTO(capsa_jws) jws = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_says(capsa_jws_parse(capsa_bytes_str(bad[i].text), &jws), CAPSA_E_MALFORMED,
                    bad[i].why);
    }
    static char large[CAPSA_LIMIT_json_bytes + 1];
    assert_fails(capsa_jws_parse(capsa_bytes_of(large, sizeof(large)), &jws), TOO_LARGE);
}

static void a_header_that_is_not_ours_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum capsa_code code;
        const char *why;
    } bad[] = {
        {"{\"alg\":\"none\",\"x5c\":[%s]}", CAPSA_E_UNSUPPORTED, "none"},
        {"{\"alg\":\"None\",\"x5c\":[%s]}", CAPSA_E_UNSUPPORTED, "None"},
        {"{\"alg\":\"\",\"x5c\":[%s]}", CAPSA_E_UNSUPPORTED, "alg \"\""},
        {"{\"alg\":\"HS256\",\"x5c\":[%s]}", CAPSA_E_UNSUPPORTED, "HS256"},
        {"{\"alg\":\"ES384\",\"x5c\":[%s]}", CAPSA_E_UNSUPPORTED, "ES384"},
        {"{\"alg\":\"EdDSA\",\"x5c\":[%s]}", CAPSA_E_UNSUPPORTED, "EdDSA"},
        {"{\"alg\":null,\"x5c\":[%s]}", CAPSA_E_MALFORMED, "alg"},
        {"{\"alg\":[\"RS256\"],\"x5c\":[%s]}", CAPSA_E_MALFORMED, "alg"},
        {"{\"x5c\":[%s]}", CAPSA_E_MALFORMED, "alg"},
        {"{\"alg\":\"RS256\",\"x5c\":[]}", CAPSA_E_MALFORMED, "x5c: it is empty"},
        {"{\"alg\":\"RS256\",\"x5c\":%s}", CAPSA_E_MALFORMED, "x5c"},
        {"{\"alg\":\"RS256\",\"x5c\":null}", CAPSA_E_MALFORMED, "x5c"},
        {"{\"alg\":\"RS256\",\"x5c\":[1]}", CAPSA_E_MALFORMED, "x5c"},
        {"{\"alg\":\"RS256\",\"x5c\":[\"AAAA\"]}", CAPSA_E_MALFORMED, "certificate 0"},
        {"{\"alg\":\"RS256\",\"x5c\":[%s,\"\"]}", CAPSA_E_MALFORMED, "certificate 1"},
        {"{\"alg\":\"RS256\",\"x5c\":[\"A-_A\"]}", CAPSA_E_MALFORMED, "x5c[0]"},
        {"{\"alg\":\"RS256\",\"x5c\":[%s],\"crit\":[\"b64\"],\"b64\":false}", CAPSA_E_UNSUPPORTED,
         "crit"},
        {"{\"alg\":\"RS256\",\"alg\":\"RS256\",\"x5c\":[%s]}", CAPSA_E_MALFORMED, "twice"},
        {"{\"alg\":\"RS256\",\"x5c\":[%s,%s]}", CAPSA_E_MALFORMED, "protected"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        capsa_result result = check_crafted((struct craft){
            .header = bad[i].header, .chain = &rsa_chain, .signer = rsa, .scheme = CAPSA_RS256});
        assert_says(result, bad[i].code, bad[i].why);
    }
}

/* Standard base64 is padded; a certificate whose text leaves the padding away is refused, and the
 * error says what was wanted. */
static void x5c_without_padding_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) list = capsa_buf_of(KIB(64));
    CAPSA_AUTO(capsa_chain) chain = {0};
    for (int i = 0; i < 9 && (list.len < 3 || list.data[list.len - 2] != '='); i++) {
        char name[16] = "nnnnnnnnnnnnnnn"; /* a name long enough makes the length need padding */
        name[i] = '\0';
        capsa_buf_clear(&list);
        capsa_chain_drop(&chain);
        X509 *x509 = test_cert_make((struct test_cert){.key = curve_key, .name = name + (i == 0)});
        test_chain_add(&chain, x509);
        X509_free(x509);
        x5c_text(&chain, &list);
    }
    assert_int_equal(list.data[list.len - 2], '=');
    while (list.data[list.len - 2] == '=') {
        list.data[list.len - 2] = '"';
        capsa_buf_cut(&list, list.len - 1);
    }
    const char *x5c = NULL;
    assert_ok(capsa_buf_cstr(&list, &x5c));
    CAPSA_AUTO(capsa_buf) header = capsa_buf_of(KIB(64));
    assert_ok(capsa_buf_format(&header, "{\"alg\":\"ES256\",\"x5c\":[%s]}", x5c));
    const char *text = NULL;
    assert_ok(capsa_buf_cstr(&header, &text));
    capsa_result result =
        check_crafted((struct craft){.header = text, .signer = curve, .scheme = CAPSA_ES256});
    assert_says(result, CAPSA_E_MALFORMED, "x5c[0] (standard base64 with padding)");
}

static void too_many_certificates_are_refused_before_they_are_read(void **state)
{
    (void)state;
    capsa_result result = check_crafted((struct craft){
        .header = "{\"alg\":\"RS256\",\"x5c\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}"});
    assert_says(result, CAPSA_E_TOO_LARGE, "9 certificates, at most 8");
}

static void an_alg_must_go_with_the_key(void **state)
{
    (void)state;
    static const char rs256[] = "{\"alg\":\"RS256\",\"x5c\":[%s]}";
    static const char ps256[] = "{\"alg\":\"PS256\",\"x5c\":[%s]}";
    static const char es256[] = "{\"alg\":\"ES256\",\"x5c\":[%s]}";
    const struct craft bad[] = {
        {rs256, &curve_chain, curve, CAPSA_ES256}, /* EC certificate, RSA alg */
        {es256, &rsa_chain, rsa, CAPSA_RS256},
        {ps256, &rsa_chain, rsa, CAPSA_RS256}, /* made as another alg than it says */
        {rs256, &rsa_chain, rsa, CAPSA_PS256},
        {rs256, &rsa_chain, rsa, CAPSA_RS512},
        {es256, &p384_chain, curve, CAPSA_ES256},
        {es256, &rooted_chain, curve, CAPSA_ES256}, /* the root's type, not the leaf's */
        {rs256, &rsa_chain, NULL, CAPSA_RS256},     /* no signature */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_says(check_crafted(bad[i]), CAPSA_E_UNAUTHENTIC, "JWS");
    }
}

/* The attack on the original's votes: a chain of the attacker's certificate and the victim's. */
static void a_strangers_root_behind_ones_own_certificate_is_refused(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_chain) forged = {0};
    X509 *victim =
        test_cert_make((struct test_cert){.key = root_key, .name = "root", .extensions = TEST_CA});
    X509 *own = test_cert_make((struct test_cert){.key = curve_key, .name = "me"});
    X509 *claiming = test_cert_make((struct test_cert){
        .key = curve_key, .name = "me", .issuer = victim, .issuer_key = curve_key});
    X509 *const firsts[] = {own, claiming};
    for (size_t i = 0; i < 2; i++) {
        capsa_chain_drop(&forged);
        test_chain_add(&forged, firsts[i]);
        test_chain_add(&forged, victim);
        assert_fails(check_crafted((struct craft){.header = "{\"alg\":\"ES256\",\"x5c\":[%s]}",
                                                  .chain = &forged,
                                                  .signer = curve,
                                                  .scheme = CAPSA_ES256}),
                     UNAUTHENTIC);
    }
    X509_free(own);
    X509_free(claiming);
    X509_free(victim);
}

static void an_expired_signer_is_refused_with_the_date(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_jws) jws = {0};
    char party[CAPSA_PARTY_ID];
    assert_ok(capsa_jws_make(rsa, &rsa_chain, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
    assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
    assert_says(capsa_jws_check_x5c(&jws, TEST_NOW + 31 * 86400, party), CAPSA_E_EXPIRED,
                "expired at 2026-12-18T");
    assert_says(capsa_jws_check_x5c(&jws, TEST_NOW - 2 * 86400, party), CAPSA_E_EXPIRED,
                "not valid before 2026-11-17T");
}

/* Change the text of one member of a good JWS at every place: it never holds. */
static void a_changed_jws_never_holds(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    char party[CAPSA_PARTY_ID];
    assert_ok(capsa_jws_make(curve, &curve_chain, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
    assert_ok(check_text(capsa_buf_bytes(&text), party));
    for (size_t i = 0; i < text.len; i++) {
        uint8_t was = text.data[i];
        text.data[i] = was == 'A' ? 'B' : 'A';
        assert_true(capsa_failed(check_text(capsa_buf_bytes(&text), party)));
        text.data[i] = was;
    }
    for (size_t len = 0; len < text.len; len++) {
        CAPSA_AUTO(capsa_jws) jws = {0};
        assert_fails(capsa_jws_parse(capsa_bytes_of(text.data, len), &jws), MALFORMED);
    }
}

/* ---- out of memory --------------------------------------------------------------------------- */

static int allocations_left; /* before one fails, and every later one */

static int fail_allocation(size_t size)
{
    (void)size;
    return allocations_left-- <= 0;
}

static capsa_result make_and_check(void)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    char party[CAPSA_PARTY_ID];
    CAPSA_TRY(capsa_jws_make(curve, &curve_chain, CAPSA_BYTES_LITERAL(PAYLOAD), &text));
    return check_text(capsa_buf_bytes(&text), party);
}

static void every_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    capsa_result result = CAPSA_OK;
    int n = 0;
    capsa_alloc_set_hook(fail_allocation);
    do {
        allocations_left = n++;
        result = make_and_check();
    } while (capsa_code_of(result) == CAPSA_E_NOMEM && n < 10000);
    capsa_alloc_set_hook(NULL);
    assert_ok(result);
    assert_true(n > 20);
}

/* ---- the recorded requests ------------------------------------------------------------------- */

static void recorded_key(struct capsa_private_key **ret_key)
{
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    test_vector_read("capsule-manager/cm.key.der", &der);
    assert_ok(capsa_private_key_parse(capsa_buf_bytes(&der), ret_key));
}

static void recorded_chain(capsa_chain *chain)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(KIB(16));
    test_vector_read("capsule-manager/alice.crt", &pem);
    assert_ok(capsa_chain_add_pem(chain, capsa_buf_bytes(&pem)));
}

static void open_recorded(const char *method, const struct capsa_private_key *key,
                          capsa_buf *plaintext)
{
    char name[128];
    CAPSA_AUTO(capsa_buf) wire = capsa_buf_of(KIB(64));
    (void)snprintf(name, sizeof(name), "capsule-manager/%s.request.bin", method);
    test_vector_read(name, &wire);
    Cm__EncryptedRequest *request = cm__encrypted_request__unpack(NULL, wire.len, wire.data);
    assert_non_null(request);
    assert_non_null(request->message);
    const Cm__Jwe *message = request->message;
    const struct capsa_jwe jwe = {message->protected_header, message->encrypted_key, message->iv,
                                  message->ciphertext,       message->tag,           message->aad};
    CAPSA_AUTO(capsa_jwe_parsed) parsed = {0};
    assert_ok(capsa_jwe_parse(&jwe, &parsed));
    assert_int_equal(parsed.alg, CAPSA_JWE_RSA_OAEP_256);
    assert_int_equal(parsed.iv.len, 32);
    assert_ok(capsa_jwe_open(&parsed, key, plaintext));
    cm__encrypted_request__free_unpacked(request, NULL);
}

static void recorded_requests_open_and_hold(void **state)
{
    (void)state;
    static const char *const methods[] = {
        "CreateDataKeys", "CreateDataPolicy", "ListDataPolicy",   "AddDataRule",  "DeleteDataRule",
        "DeleteDataKey",  "DeleteDataPolicy", "GetExportDataKey", "RegisterCert",
    };
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO(capsa_chain) alice = {0};
    recorded_key(&key);
    recorded_chain(&alice);
    capsa_time from = 0, to = 0;
    capsa_cert_validity(alice.certs[0], &from, &to);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
        CAPSA_AUTO(capsa_buf) wanted = capsa_buf_of(KIB(64));
        CAPSA_AUTO(capsa_jws) jws = {0};
        char name[128], party[CAPSA_PARTY_ID];
        (void)snprintf(name, sizeof(name), "capsule-manager/%s.payload.json", methods[i]);
        test_vector_read(name, &wanted);
        open_recorded(methods[i], key, &text);
        assert_ok(capsa_jws_parse(capsa_buf_bytes(&text), &jws));
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&jws.payload), capsa_buf_bytes(&wanted)));
        bool registers = capsa_streq(methods[i], "RegisterCert");
        assert_int_equal(jws.has_x5c, !registers);
        assert_ok(registers ? capsa_jws_check(&jws, &alice, from, party)
                            : capsa_jws_check_x5c(&jws, from, party));
        assert_string_equal(party, "G4FNVUI53TLW3BCHXI2CWEXF6QRTV5VRGFTI6VUMFBKYP66FUUXQ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_make_holds_and_names_the_last_certificates_party),
        cmocka_unit_test(every_scheme_of_the_table_holds),
        cmocka_unit_test(without_x5c_the_chain_must_come_from_elsewhere),
        cmocka_unit_test(we_do_not_sign_for_another_keys_certificate),
        cmocka_unit_test(a_text_that_is_no_jws_is_refused),
        cmocka_unit_test(a_header_that_is_not_ours_is_refused_by_name),
        cmocka_unit_test(x5c_without_padding_is_refused),
        cmocka_unit_test(too_many_certificates_are_refused_before_they_are_read),
        cmocka_unit_test(an_alg_must_go_with_the_key),
        cmocka_unit_test(a_strangers_root_behind_ones_own_certificate_is_refused),
        cmocka_unit_test(an_expired_signer_is_refused_with_the_date),
        cmocka_unit_test(a_changed_jws_never_holds),
        cmocka_unit_test(every_failed_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(recorded_requests_open_and_hold),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
