/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates with evidence, right and wrong: signed with libcrypto directly, because the product
 * rightly makes no wrong ones; their evidence is a simulated platform's, so that what is right is
 * accepted all the way by a real appraiser.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/limits.h"
#include "crypto/crypto_evidence.h"
#include "evidence_bytes.h"
#include "ratls/ratls_certificate.h"
#include "ratls/ratls_dice.h"
#include "ratls/ratls_pem.h"
#include "sim_scene.h"

#define RATLS_MAX       KIB(256)
#define RATLS_OID(form) (capsa_ratls_form_type(CAPSA_RATLS_##form)->oid)

struct ratls_scene {
    struct sim_scene sim;
    struct capsa_appraiser *appraiser; /* with the scene's anchors and policy */
    EVP_PKEY *p256, *p384, *rsa;
    capsa_collateral sgx, tdx;
};

static inline struct capsa_ratls_appraiser ratls_appraiser(const struct ratls_scene *scene);

static inline int ratls_scene_setup(void **state)
{
    struct ratls_scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    sim_scene_open(&scene->sim);
    scene->appraiser = sim_scene_appraiser(&scene->sim);
    scene->p256 = EVP_EC_gen("P-256");
    scene->p384 = EVP_EC_gen("P-384");
    scene->rsa = EVP_RSA_gen(2048);
    capsa_collateral_init(&scene->sgx);
    capsa_collateral_init(&scene->tdx);
    assert_ok(capsa_sim_collateral(scene->sim.sim, CAPSA_PLATFORM_SGX, &scene->sgx));
    assert_ok(capsa_sim_collateral(scene->sim.sim, CAPSA_PLATFORM_TDX, &scene->tdx));
    *state = scene;
    return 0;
}

static inline int ratls_scene_teardown(void **state)
{
    struct ratls_scene *scene = *state;
    capsa_collateral_drop(&scene->sgx);
    capsa_collateral_drop(&scene->tdx);
    EVP_PKEY_free(scene->p256);
    EVP_PKEY_free(scene->p384);
    EVP_PKEY_free(scene->rsa);
    capsa_appraiser_free(scene->appraiser);
    sim_scene_close(&scene->sim);
    free(scene);
    return 0;
}

static const struct capsa_ratls_rules no_rules = {.native = false};

static inline capsa_buf hex_of(const char *hex)
{
    capsa_buf bytes = capsa_buf_of(KIB(8));
    assert_ok(capsa_hex_parse(capsa_bytes_str(hex), &bytes));
    return bytes;
}

/* ---- Certificates ---------------------------------------------------------------------------- */

struct ratls_extension {
    const char *oid;
    capsa_bytes content;
    bool critical;
};

/* Zeros are what is usual. */
struct ratls_plan {
    EVP_PKEY *key, *signer; /* signer NULL: the key */
    const EVP_MD *digest;   /* NULL: SHA-256 */
    bool pss;
    int version;         /* 0: 3 */
    capsa_time from, to; /* both 0: a day around SIM_NOW */
    struct ratls_extension extensions[CAPSA_LIMIT_ratls_extensions + 1];
    size_t count;
};

static inline void ratls_add(struct ratls_plan *plan, const char *oid, capsa_bytes content,
                             bool critical)
{
    assert_true(plan->count < sizeof(plan->extensions) / sizeof(plan->extensions[0]));
    plan->extensions[plan->count++] = (struct ratls_extension){oid, content, critical};
}

static inline void ratls_put_extension(X509 *x509, const struct ratls_extension *wanted)
{
    ASN1_OBJECT *object = OBJ_txt2obj(wanted->oid, 1);
    ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
    assert_non_null(object);
    assert_int_equal(ASN1_OCTET_STRING_set(content, wanted->content.data, (int)wanted->content.len),
                     1);
    X509_EXTENSION *extension =
        X509_EXTENSION_create_by_OBJ(NULL, object, wanted->critical ? 1 : 0, content);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(content);
    ASN1_OBJECT_free(object);
}

static inline void ratls_sign(X509 *x509, const struct ratls_plan *plan)
{
    EVP_PKEY *signer = plan->signer == NULL ? plan->key : plan->signer;
    const EVP_MD *digest = plan->digest == NULL ? EVP_sha256() : plan->digest;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    assert_int_equal(EVP_DigestSignInit(context, &parameters, digest, NULL, signer), 1);
    if (plan->pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_true(X509_sign_ctx(x509, context) > 0);
    EVP_MD_CTX_free(context);
}

static inline void ratls_make(const struct ratls_plan *plan, capsa_buf *ret_der)
{
    X509 *x509 = X509_new();
    assert_non_null(x509);
    assert_int_equal(X509_set_version(x509, plan->version == 1 ? X509_VERSION_1 : X509_VERSION_3),
                     1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1), 1);
    bool usual = plan->from == 0 && plan->to == 0;
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x509), usual ? SIM_NOW - 3600 : plan->from));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x509), usual ? SIM_NOW + 82800 : plan->to));
    X509_NAME *name = X509_get_subject_name(x509);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)"test", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(x509, name), 1);
    assert_int_equal(X509_set_pubkey(x509, plan->key), 1);
    for (size_t i = 0; i < plan->count; i++) {
        ratls_put_extension(x509, &plan->extensions[i]);
    }
    ratls_sign(x509, plan);
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    assert_true(len > 0);
    assert_ok(capsa_buf_append(ret_der, capsa_bytes_of(der, (size_t)len)));
    OPENSSL_free(der);
    X509_free(x509);
}

/* ---- What goes into them --------------------------------------------------------------------- */

static inline capsa_buf ratls_spki(EVP_PKEY *key)
{
    capsa_buf spki = capsa_buf_of(KIB(4));
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    assert_ok(capsa_buf_append(&spki, capsa_bytes_of(der, (size_t)len)));
    OPENSSL_free(der);
    return spki;
}

static inline capsa_buf ratls_quote(const struct ratls_scene *scene, enum capsa_platform platform,
                                    const uint8_t report_data[CAPSA_REPORT_DATA])
{
    capsa_buf quote = capsa_buf_of(RATLS_MAX);
    struct capsa_sim_claims claims = {.platform = platform, .isv_prod_id = 7, .isv_svn = 3};
    memset(claims.mr_enclave, 0x41, sizeof(claims.mr_enclave));
    memset(claims.mr_signer, 0x42, sizeof(claims.mr_signer));
    memset(claims.mr_td, 0x43, sizeof(claims.mr_td));
    memcpy(claims.report_data, report_data, sizeof(claims.report_data));
    assert_ok(capsa_sim_quote(scene->sim.sim, &claims, &quote));
    return quote;
}

/* A quote that binds what `form` wants of this key. */
static inline capsa_buf ratls_bound_quote(const struct ratls_scene *scene,
                                          enum capsa_platform platform, enum capsa_ratls_form form,
                                          bool wide, EVP_PKEY *key, capsa_bytes claims)
{
    CAPSA_AUTO(capsa_buf) spki = ratls_spki(key);
    uint8_t data[CAPSA_REPORT_DATA];
    assert_ok(capsa_ratls_report_data(form, wide, capsa_buf_bytes(&spki), claims, data));
    return ratls_quote(scene, platform, data);
}

/* The content of a DICE extension: `claims` and a quote that binds them. */
static inline capsa_buf ratls_dice_of(const struct ratls_scene *scene, enum capsa_platform platform,
                                      bool wide, EVP_PKEY *key, capsa_bytes claims)
{
    CAPSA_AUTO(capsa_buf)
    quote = ratls_bound_quote(scene, platform, CAPSA_RATLS_DICE, wide, key, claims);
    capsa_buf content = capsa_buf_of(RATLS_MAX);
    assert_ok(capsa_ratls_dice_write_evidence(platform, capsa_buf_bytes(&quote), claims, &content));
    return content;
}

static inline capsa_buf ratls_claims_of(EVP_PKEY *key, enum capsa_ratls_hash hash,
                                        capsa_bytes nonce)
{
    CAPSA_AUTO(capsa_buf) spki = ratls_spki(key);
    capsa_buf claims = capsa_buf_of(KIB(8));
    assert_ok(capsa_ratls_dice_write_claims(hash, capsa_buf_bytes(&spki), nonce, &claims));
    return claims;
}

static inline capsa_buf ratls_dice(const struct ratls_scene *scene, enum capsa_platform platform,
                                   EVP_PKEY *key)
{
    CAPSA_AUTO(capsa_buf)
    claims = ratls_claims_of(key, CAPSA_RATLS_SHA256, (capsa_bytes){NULL, 0});
    return ratls_dice_of(scene, platform, false, key, capsa_buf_bytes(&claims));
}

/* A right certificate: DICE, SGX, P-256. */
static inline capsa_buf ratls_right(const struct ratls_scene *scene)
{
    CAPSA_AUTO(capsa_buf) content = ratls_dice(scene, CAPSA_PLATFORM_SGX, scene->p256);
    struct ratls_plan plan = {.key = scene->p256};
    ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
    capsa_buf der = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &der);
    return der;
}

/* A certificate by plan, with DICE evidence of its key. */
static inline capsa_buf ratls_signed(const struct ratls_scene *scene, struct ratls_plan plan)
{
    CAPSA_AUTO(capsa_buf) content = ratls_dice(scene, CAPSA_PLATFORM_SGX, plan.key);
    ratls_add(&plan, RATLS_OID(DICE), capsa_buf_bytes(&content), false);
    capsa_buf der = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &der);
    return der;
}

/* A certificate of this key with one extension. */
static inline capsa_buf ratls_single(EVP_PKEY *key, const char *oid, capsa_bytes content,
                                     bool critical)
{
    struct ratls_plan plan = {.key = key};
    ratls_add(&plan, oid, content, critical);
    capsa_buf der = capsa_buf_of(RATLS_MAX);
    ratls_make(&plan, &der);
    return der;
}

/* ---- Reading and judging --------------------------------------------------------------------- */

static inline struct capsa_ratls_certificate *read_or_fail(capsa_bytes text)
{
    struct capsa_ratls_certificate *certificate = NULL;
    assert_ok(capsa_ratls_read(text, &certificate));
    return certificate;
}

/* Not read, by this code, with all of `reason` in the error. */
static inline void ratls_assert_unread(capsa_bytes certificate, enum capsa_code code,
                                       const char *reason)
{
    struct capsa_ratls_certificate *read = NULL;
    capsa_result result = capsa_ratls_read(certificate, &read);
    if (capsa_code_of(result) != code || read != NULL ||
        strstr(capsa_text_of(result), reason) == NULL) {
        capsa_ratls_certificate_free(read);
        fail_msg("wanted %s with \"%s\", got %s: %s", capsa_code_name(code), reason,
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
}

static inline struct capsa_ratls_appraiser ratls_appraiser(const struct ratls_scene *scene)
{
    return (struct capsa_ratls_appraiser){scene->appraiser, sim_judge};
}

static inline capsa_result ratls_judge(const struct ratls_scene *scene, capsa_bytes certificate,
                                       const struct capsa_ratls_rules *rules,
                                       struct capsa_ratls_report *report)
{
    const struct capsa_ratls_appraiser appraiser = ratls_appraiser(scene);
    return capsa_ratls_judge(certificate, rules, &appraiser, &scene->sgx, SIM_NOW, report);
}

static inline void ratls_assert_accepted(const struct ratls_scene *scene, capsa_bytes certificate,
                                         const struct capsa_ratls_rules *rules)
{
    struct capsa_ratls_report report;
    assert_ok(ratls_judge(scene, certificate, rules, &report));
    assert_true(report.verdict.accepted);
    assert_int_equal(report.verdict.failed_check, CAPSA_CHECK_NONE);
}

static inline void ratls_assert_refused(const struct ratls_scene *scene, capsa_bytes certificate,
                                        const struct capsa_ratls_rules *rules,
                                        enum capsa_check check, const char *reason)
{
    struct capsa_ratls_report report;
    capsa_result judged = ratls_judge(scene, certificate, rules, &report);
    if (!capsa_failed(judged) || report.verdict.accepted || report.verdict.failed_check != check ||
        strstr(report.verdict.reason, reason) == NULL) {
        fail_msg("wanted a refusal by %s with \"%s\", got %s: %s", capsa_check_name(check), reason,
                 capsa_check_name(report.verdict.failed_check), report.verdict.reason);
    }
}
