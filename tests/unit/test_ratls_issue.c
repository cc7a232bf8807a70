/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: certificates that are made. Each is judged by the real appraiser; what peers of other
 * makers look for is looked for as they do it, in the bytes.
 */
#include "identity_scene.h"

#define CASE(name) cmocka_unit_test_setup(name, identity_scene_reset)

static X509 *openssl_read(capsa_bytes der)
{
    const unsigned char *at = der.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(x509);
    return x509;
}

/* The content of the extension with this number. */
static capsa_bytes extension_of(X509 *x509, const char *oid)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    assert_non_null(object);
    int at = X509_get_ext_by_OBJ(x509, object, -1);
    ASN1_OBJECT_free(object);
    assert_true(at >= 0);
    const ASN1_OCTET_STRING *content = X509_EXTENSION_get_data(X509_get_ext(x509, at));
    return capsa_bytes_of(ASN1_STRING_get0_data(content), (size_t)ASN1_STRING_length(content));
}

static const uint8_t *found_in(capsa_bytes bytes, const void *what, size_t len)
{
    return memmem(bytes.data, bytes.len, what, len);
}

/* ---- Everything that can be asked for --------------------------------------------------------
 */

static void every_form_key_and_hash_is_accepted(void **state)
{
    struct identity_scene *scene = *state;
    static const char *const forms[] = {"dice",         "gramine",        "intel-sdk",
                                        "dice,gramine", "intel-sdk,dice", "dice,gramine,intel-sdk"};
    static const struct {
        const char *key, *hash;
    } kinds[] = {{"p256", "sha256"}, {"p256", "sha384"}, {"p384", "sha512"}, {"rsa3072", "sha256"}};
    const struct capsa_ratls_rules rules = {.native = true};
    for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            struct capsa_ratls_profile profile = identity_profile(forms[f], kinds[k].key);
            assert_ok(capsa_ratls_profile_hash(&profile, kinds[k].hash));
            CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
            struct capsa_ratls_report report;
            assert_ok(
                identity_judge(scene, capsa_ratls_credential_der(made), &rules, SIM_NOW, &report));
            assert_true(report.verdict.accepted);
            assert_string_equal(report.warning, "");
            assert_int_equal(report.hash, profile.dice ? profile.hash : 0);
            uint8_t spki[CAPSA_SHA256];
            capsa_ratls_credential_spki(made, spki);
            assert_memory_equal(report.spki_sha256, spki, sizeof(spki));
            assert_int_equal(capsa_private_key_kind(capsa_ratls_credential_key(made)), profile.key);
        }
    }
}

static void openssl_verifies_the_signature_and_finds_no_fault(void **state)
{
    struct identity_scene *scene = *state;
    static const char *const keys[] = {"p256", "p384", "rsa3072"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct capsa_ratls_profile profile = identity_profile("dice,gramine", keys[i]);
        CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
        X509 *x509 = openssl_read(capsa_ratls_credential_der(made));
        EVP_PKEY *key = X509_get0_pubkey(x509);
        assert_int_equal(X509_verify(x509, key), 1);
        assert_int_equal(EVP_PKEY_get_bits(key), profile.key == CAPSA_KEY_RSA    ? 3072
                                                 : profile.key == CAPSA_KEY_P384 ? 384
                                                                                 : 256);
        assert_int_equal(X509_check_purpose(x509, X509_PURPOSE_SSL_SERVER, 0), 1);
        assert_int_equal(X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0), 1);
        int digest = 0;
        assert_int_equal(X509_get_signature_info(x509, &digest, NULL, NULL, NULL), 1);
        assert_int_equal(digest, NID_sha256);
        X509_free(x509);
    }
}

static void intels_extension_of_tdx_stands_beside_dice(void **state)
{
    struct identity_scene *scene = *state;
    struct capsa_ratls_profile profile = identity_profile("dice,intel-sdk", "p256");
    profile.wide = true;
    scene->attester.platform = CAPSA_PLATFORM_TDX;
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
    struct capsa_ratls_report report;
    const struct capsa_ratls_rules rules = {.native = true};
    assert_ok(identity_judge(scene, capsa_ratls_credential_der(made), &rules, SIM_NOW, &report));
    assert_int_equal(scene->collected, 1);
}

/* As everybody's certificates have them: BC, SKI, AKI, legacy, DICE; no key usage; none critical.
 */
static void extensions_stand_in_the_usual_order_and_none_is_critical(void **state)
{
    struct identity_scene *scene = *state;
    struct capsa_ratls_profile profile = identity_profile("dice,gramine,intel-sdk", "p256");
    profile.endorsements = true;
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
    static const char *const wanted[] = {"2.5.29.19",
                                         "2.5.29.14",
                                         "2.5.29.35",
                                         "0.6.9.42.840.113741.1337.6",
                                         "1.2.840.113741.1.13.1",
                                         "2.23.133.5.4.9",
                                         "2.23.133.5.4.2"};
    X509 *x509 = openssl_read(capsa_ratls_credential_der(made));
    assert_int_equal(X509_get_ext_count(x509), sizeof(wanted) / sizeof(wanted[0]));
    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        char oid[64];
        X509_EXTENSION *extension = X509_get_ext(x509, i);
        (void)OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(extension), 1);
        assert_string_equal(oid, wanted[i]);
        assert_int_equal(X509_EXTENSION_get_critical(extension), 0);
    }
    assert_int_equal(X509_check_ca(x509), 0);
    X509_free(x509);
}

/* ---- Bytes that others look for --------------------------------------------------------------
 */

static void the_evidence_has_the_canonical_layout(void **state)
{
    struct identity_scene *scene = *state;
    static const struct {
        const char *hash;
        const char *claims_head; /* of the claims-buffer's string, its map and the digest's */
        size_t head_len, digest_len;
    } cases[] = {
        {"sha256", "\x58\x33\xA1\x6Bpubkey-hash\x58\x24\x82\x01\x58\x20", 21, 32},
        {"sha384", "\x58\x43\xA1\x6Bpubkey-hash\x58\x34\x82\x07\x58\x30", 21, 48},
        {"sha512", "\x58\x53\xA1\x6Bpubkey-hash\x58\x44\x82\x08\x58\x40", 21, 64},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct capsa_ratls_profile profile = identity_profile("dice", "p256");
        assert_ok(capsa_ratls_profile_hash(&profile, cases[i].hash));
        CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
        X509 *x509 = openssl_read(capsa_ratls_credential_der(made));
        capsa_bytes content = extension_of(x509, "2.23.133.5.4.9");
        assert_memory_equal(content.data, "\xD9\xEA\x60\x82\x59", 5);
        size_t quote_len = (size_t)content.data[5] << 8 | content.data[6];
        const uint8_t *claims = content.data + 7 + quote_len;
        assert_int_equal(content.len, 7 + quote_len + cases[i].head_len + cases[i].digest_len);
        assert_memory_equal(claims, cases[i].claims_head, cases[i].head_len);
        unsigned char *spki = NULL;
        unsigned char digest[EVP_MAX_MD_SIZE], bound[CAPSA_REPORT_DATA] = {0};
        int spki_len = i2d_PUBKEY(X509_get0_pubkey(x509), &spki);
        const EVP_MD *md = EVP_get_digestbyname(cases[i].hash);
        assert_int_equal(EVP_Digest(spki, (size_t)spki_len, digest, NULL, md, NULL), 1);
        assert_memory_equal(claims + cases[i].head_len, digest, cases[i].digest_len);
        /* SHA-256 of the claims-buffer, whatever the key is hashed with; then zeros */
        assert_int_equal(EVP_Digest(claims + 2, cases[i].head_len - 2 + cases[i].digest_len, bound,
                                    NULL, EVP_sha256(), NULL),
                         1);
        const uint8_t *quote = content.data + 7; /* version 3: the body is at 48 */
        assert_memory_equal(quote + 48 + 320, bound, sizeof(bound));
        OPENSSL_free(spki);
        X509_free(x509);
    }
}

/* Gramine's verifier knows no X.509: it looks for these bytes, then reads a length of two bytes. */
static void gramines_search_finds_its_bytes_and_a_quote_behind_them(void **state)
{
    struct identity_scene *scene = *state;
    static const uint8_t searched[] = {0x06, 0x09, 0x2A, 0x86, 0x48, 0x86,
                                       0xF8, 0x4D, 0x8A, 0x39, 0x06};
    static const char *const forms[] = {"gramine", "dice,gramine"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const struct capsa_ratls_profile profile = identity_profile(forms[i], "p384");
        CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
        capsa_bytes der = capsa_ratls_credential_der(made);
        const uint8_t *at = found_in(der, searched, sizeof(searched));
        assert_non_null(at);
        assert_memory_equal(at - 2, "\x06\x0B", 2); /* the number as Gramine writes it */
        at += sizeof(searched);
        assert_memory_equal(at, "\x04\x82", 2);
        size_t len = (size_t)at[2] << 8 | at[3];
        const uint8_t *quote = at + 4;
        assert_true(quote + len < der.data + der.len);
        assert_memory_equal(quote, "\x03\x00\x02\x00", 4);
        uint8_t bound[CAPSA_REPORT_DATA] = {0};
        capsa_ratls_credential_spki(made, bound); /* its first half */
        assert_memory_equal(quote + 48 + 320, bound, sizeof(bound));
    }
}

/* ---- How often the platform is asked ---------------------------------------------------------
 */

static void evidence_is_made_once_for_each_thing_to_bind(void **state)
{
    struct identity_scene *scene = *state;
    static const struct {
        const char *forms;
        int collected;
    } cases[] = {{"dice", 1},           {"gramine", 1},      {"intel-sdk", 1},
                 {"intel-sdk,dice", 1}, {"dice,gramine", 2}, {"dice,gramine,intel-sdk", 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scene->collected = 0;
        const struct capsa_ratls_profile profile = identity_profile(cases[i].forms, "p256");
        capsa_ratls_credential_free(identity_made(scene, &profile));
        assert_int_equal(scene->collected, cases[i].collected);
    }
}

static void intels_quote_beside_dice_is_the_very_same(void **state)
{
    struct identity_scene *scene = *state;
    const struct capsa_ratls_profile profile = identity_profile("dice,gramine,intel-sdk", "p256");
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
    X509 *x509 = openssl_read(capsa_ratls_credential_der(made));
    capsa_bytes dice = extension_of(x509, "2.23.133.5.4.9");
    capsa_bytes intel = extension_of(x509, "1.2.840.113741.1.13.1");
    capsa_bytes gramine = extension_of(x509, "0.6.9.42.840.113741.1337.6");
    assert_ptr_equal(found_in(dice, intel.data, intel.len), dice.data + 7);
    assert_null(found_in(dice, gramine.data, gramine.len));
    X509_free(x509);
}

/* ---- What goes along -------------------------------------------------------------------------
 */

static void a_nonce_stands_in_the_claims(void **state)
{
    struct identity_scene *scene = *state;
    struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    profile.nonce = CAPSA_BYTES_LITERAL("fresh");
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) read = identity_read(made);
    assert_true(capsa_bytes_is(read->nonce, "fresh"));
    struct capsa_ratls_rules rules = {.has_nonce = true, .nonce = CAPSA_BYTES_LITERAL("fresh")};
    struct capsa_ratls_report report;
    capsa_bytes der = capsa_ratls_credential_der(made);
    assert_ok(identity_judge(scene, der, &rules, SIM_NOW, &report));
    rules.nonce = CAPSA_BYTES_LITERAL("other");
    assert_fails(identity_judge(scene, der, &rules, SIM_NOW, &report), DENIED);
}

static void wide_certificates_of_tdx_bind_sha384_of_the_claims(void **state)
{
    struct identity_scene *scene = *state;
    struct capsa_ratls_profile profile = identity_profile("dice", "p384");
    profile.hash = CAPSA_RATLS_SHA384;
    scene->attester.platform = CAPSA_PLATFORM_TDX;
    for (int wide = 0; wide < 2; wide++) {
        profile.wide = wide != 0;
        CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
        CAPSA_AUTO_FREE(capsa_ratls_certificate) read = identity_read(made);
        uint8_t bound[CAPSA_REPORT_DATA], wanted[CAPSA_REPORT_DATA] = {0};
        assert_ok(capsa_ratls_bound(read, bound));
        if (profile.wide) {
            capsa_sha384(read->claims, wanted);
        } else {
            capsa_sha256(read->claims, wanted);
        }
        assert_memory_equal(bound, wanted, sizeof(bound));
        struct capsa_ratls_report report;
        const struct capsa_ratls_rules rules = {.native = true};
        assert_ok(
            identity_judge(scene, capsa_ratls_credential_der(made), &rules, SIM_NOW, &report));
    }
}

static void endorsements_make_a_certificate_that_needs_nothing_else(void **state)
{
    struct identity_scene *scene = *state;
    struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    const struct capsa_ratls_appraiser appraiser = {scene->appraiser, sim_judge};
    const struct capsa_ratls_rules rules = {.native = true};
    struct capsa_ratls_report report;
    CAPSA_AUTO_FREE(capsa_ratls_credential) bare = identity_made(scene, &profile);
    assert_fails(capsa_ratls_judge(capsa_ratls_credential_der(bare), &rules, &appraiser, NULL,
                                   SIM_NOW, &report),
                 TCB);
    profile.endorsements = true;
    CAPSA_AUTO_FREE(capsa_ratls_credential) whole = identity_made(scene, &profile);
    assert_ok(capsa_ratls_judge(capsa_ratls_credential_der(whole), &rules, &appraiser, NULL,
                                SIM_NOW, &report));
    scene->without_extras = true;
    struct capsa_ratls_credential *none = NULL;
    assert_fails(capsa_ratls_make(&scene->attester, &profile, SIM_NOW, &none), USAGE);
    assert_null(none);
}

/* ---- When -------------------------------------------------------------------------------------
 */

static void a_life_is_as_long_as_asked_and_begins_a_little_early(void **state)
{
    struct identity_scene *scene = *state;
    static const struct {
        int64_t life, skew;
    } cases[] = {{60, 6}, {86400, 60}, {INT64_C(366) * 86400, 60}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct capsa_ratls_profile profile = identity_profile("dice", "p256");
        profile.life_seconds = cases[i].life;
        CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
        CAPSA_AUTO_FREE(capsa_ratls_certificate) read = identity_read(made);
        assert_int_equal(read->not_before, SIM_NOW - cases[i].skew);
        assert_int_equal(read->not_after, read->not_before + cases[i].life);
        assert_int_equal(capsa_ratls_credential_not_after(made), read->not_after);
        int64_t left = cases[i].life - cases[i].skew;
        assert_int_equal(capsa_ratls_credential_renew_at(made), SIM_NOW + left / 3 * 2);
    }
}

/* The others' live from 2001 to 2030, or twenty years. */
static void P24_a_certificate_lives_a_day_unless_asked_for_more(void **state)
{
    struct identity_scene *scene = *state;
    struct capsa_ratls_profile profile;
    capsa_ratls_profile_default(&profile);
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) read = identity_read(made);
    assert_int_equal(read->not_after - read->not_before, 24 * 3600);
    assert_int_equal(read->form, CAPSA_RATLS_DICE);
    struct capsa_ratls_report report;
    const struct capsa_ratls_rules rules = {.native = true};
    capsa_bytes der = capsa_ratls_credential_der(made);
    assert_ok(identity_judge(scene, der, &rules, SIM_NOW + 23 * 3600, &report));
    assert_fails(identity_judge(scene, der, &rules, SIM_NOW + 24 * 3600, &report), TCB);
    assert_int_equal(report.verdict.failed_check, CAPSA_CHECK_CERTIFICATE_TIME);
}

static void fixed_dates_stand_as_they_are(void **state)
{
    struct identity_scene *scene = *state;
    struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    profile.not_before = 978307200; /* 2001-01-01 and 2030-12-31, as Gramine has them */
    profile.not_after = 1924991999;
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = identity_made(scene, &profile);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) read = identity_read(made);
    assert_int_equal(read->not_before, profile.not_before);
    assert_int_equal(read->not_after, profile.not_after);
    assert_true(capsa_ratls_credential_renew_at(made) > SIM_NOW); /* not at once, for ever */
}

/* ---- What is not made ------------------------------------------------------------------------
 */

static void evidence_that_binds_something_else_makes_no_certificate(void **state)
{
    struct identity_scene *scene = *state;
    const struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    struct capsa_ratls_credential *made = NULL;
    scene->binds_another = true;
    assert_fails(capsa_ratls_make(&scene->attester, &profile, SIM_NOW, &made), EVIDENCE);
    scene->fails = true;
    assert_fails(capsa_ratls_make(&scene->attester, &profile, SIM_NOW, &made), NETWORK);
    assert_null(made);
}

static void assert_not_made(struct identity_scene *scene, enum capsa_platform platform,
                            const struct capsa_ratls_profile *profile, enum capsa_code code)
{
    struct capsa_ratls_credential *made = NULL;
    scene->attester.platform = platform;
    capsa_result result = capsa_ratls_make(&scene->attester, profile, SIM_NOW, &made);
    if (capsa_code_of(result) != code || made != NULL || scene->collected != 0) {
        fail_msg("wanted %s, got %s", capsa_code_name(code), capsa_text_of(result));
    }
}

static void what_makes_no_sense_is_refused_before_the_platform_is_asked(void **state)
{
    struct identity_scene *scene = *state;
    struct capsa_ratls_profile good = identity_profile("dice", "p256"), bad = good;
    const enum capsa_platform sgx = CAPSA_PLATFORM_SGX, tdx = CAPSA_PLATFORM_TDX;
    bad.dice = false;
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad.gramine = bad.intel_sdk = true;
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad.intel_sdk = false;
    bad.nonce = CAPSA_BYTES_LITERAL("n");
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad = good;
    bad.gramine = true;
    assert_not_made(scene, tdx, &bad, CAPSA_E_UNSUPPORTED);
    bad = good;
    bad.wide = true;
    assert_not_made(scene, sgx, &bad, CAPSA_E_UNSUPPORTED);
    bad = good;
    bad.intel_sdk = true;
    assert_not_made(scene, CAPSA_PLATFORM_SNP, &bad, CAPSA_E_UNSUPPORTED);
    bad.dice = false;
    assert_not_made(scene, tdx, &bad, CAPSA_E_UNSUPPORTED);
    bad = good;
    bad.endorsements = true;
    assert_not_made(scene, CAPSA_PLATFORM_CSV, &bad, CAPSA_E_UNSUPPORTED);
    bad = good;
    bad.life_seconds = 59;
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad.life_seconds = INT64_C(366) * 86400 + 1;
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad = good;
    bad.not_before = SIM_NOW;
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad.not_after = SIM_NOW - 1;
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad = good;
    bad.key = CAPSA_KEY_SM2;
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad = good;
    bad.hash = (enum capsa_ratls_hash)2;
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    bad = good;
    bad.common_name[0] = '\0';
    assert_not_made(scene, sgx, &bad, CAPSA_E_USAGE);
    static const uint8_t long_nonce[CAPSA_LIMIT_ratls_nonce + 1];
    bad = good;
    bad.nonce = capsa_bytes_of(long_nonce, sizeof(long_nonce));
    assert_not_made(scene, sgx, &bad, CAPSA_E_TOO_LARGE);
}

static void names_that_are_none_change_nothing(void **state)
{
    (void)state;
    static const char *const forms[] = {"",
                                        ",",
                                        "dice,",
                                        ",dice",
                                        "dice,dice",
                                        "Dice",
                                        "dice ",
                                        "gramine-1337.6",
                                        "dice-endorsements"};
    struct capsa_ratls_profile profile = identity_profile("gramine", "p384");
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        assert_fails(capsa_ratls_profile_forms(&profile, forms[i]), USAGE);
    }
    assert_fails(capsa_ratls_profile_key(&profile, "rsa2048"), USAGE);
    assert_fails(capsa_ratls_profile_key(&profile, ""), USAGE);
    assert_fails(capsa_ratls_profile_hash(&profile, "sha1"), USAGE);
    assert_true(profile.gramine && !profile.dice && !profile.intel_sdk);
    assert_int_equal(profile.key, CAPSA_KEY_P384);
    assert_int_equal(profile.hash, CAPSA_RATLS_SHA256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_form_key_and_hash_is_accepted),
        CASE(openssl_verifies_the_signature_and_finds_no_fault),
        CASE(intels_extension_of_tdx_stands_beside_dice),
        CASE(extensions_stand_in_the_usual_order_and_none_is_critical),
        CASE(the_evidence_has_the_canonical_layout),
        CASE(gramines_search_finds_its_bytes_and_a_quote_behind_them),
        CASE(evidence_is_made_once_for_each_thing_to_bind),
        CASE(intels_quote_beside_dice_is_the_very_same),
        CASE(a_nonce_stands_in_the_claims),
        CASE(wide_certificates_of_tdx_bind_sha384_of_the_claims),
        CASE(endorsements_make_a_certificate_that_needs_nothing_else),
        CASE(a_life_is_as_long_as_asked_and_begins_a_little_early),
        CASE(P24_a_certificate_lives_a_day_unless_asked_for_more),
        CASE(fixed_dates_stand_as_they_are),
        CASE(evidence_that_binds_something_else_makes_no_certificate),
        CASE(what_makes_no_sense_is_refused_before_the_platform_is_asked),
        CASE(names_that_are_none_change_nothing),
    };
    return cmocka_run_group_tests_name("ratls issue", tests, identity_scene_setup,
                                       identity_scene_teardown);
}
