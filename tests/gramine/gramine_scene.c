/* SPDX-License-Identifier: Apache-2.0
 *
 * The scene of Gramine's programs (gramine_scene.h).
 */
#include "gramine_scene.h"

#include <sys/stat.h>

static const char *const variables[] = {
    "RA_TLS_MRENCLAVE",
    "RA_TLS_MRSIGNER",
    "RA_TLS_ISV_PROD_ID",
    "RA_TLS_ISV_SVN",
    "RA_TLS_ALLOW_OUTDATED_TCB_INSECURE",
    "RA_TLS_ALLOW_HW_CONFIG_NEEDED",
    "RA_TLS_ALLOW_SW_HARDENING_NEEDED",
    "RA_TLS_ALLOW_DEBUG_ENCLAVE_INSECURE",
    "RA_TLS_ALLOW_ANY_MEASUREMENT_INSECURE",
    "RA_TLS_CERT_TIMESTAMP_NOT_BEFORE",
    "RA_TLS_CERT_TIMESTAMP_NOT_AFTER",
    "CAPSA_COLLATERAL_BUNDLE",
    "CAPSA_INSECURE_SIMULATION",
    "CAPSA_INSECURE_SIMULATION_CODE",
    "QCNL_CONF_PATH",
};

void gramine_clear(void)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        assert_int_equal(unsetenv(variables[i]), 0);
    }
}

void gramine_set(const char *name, const char *value)
{
    assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

void gramine_anything(const struct gramine *scene)
{
    gramine_clear();
    gramine_set("RA_TLS_MRENCLAVE", "any");
    gramine_set("RA_TLS_MRSIGNER", "any");
    gramine_set("RA_TLS_ISV_PROD_ID", "any");
    gramine_set("RA_TLS_ISV_SVN", "any");
    gramine_set("RA_TLS_ALLOW_ANY_MEASUREMENT_INSECURE", "1");
    gramine_set("CAPSA_INSECURE_SIMULATION", scene->dir);
}

/* ---- Libraries ------------------------------------------------------------------------------- */

/* To stay: what libcapsa makes once for the life of a process is no leak while it is there. */
static void *load(const char *name)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == NULL) {
        fail_msg("%s", dlerror());
    }
    return library;
}

/* POSIX has pointers to functions come out of pointers to objects. */
static void find(void *library, const char *name, void *ret_function)
{
    void *found = dlsym(library, name);
    assert_non_null(found);
    memcpy(ret_function, &found, sizeof(found));
}

int gramine_setup(void **state)
{
    struct gramine *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    (void)snprintf(scene->place, sizeof(scene->place), "/tmp/capsa-gramine-XXXXXX");
    assert_non_null(mkdtemp(scene->place));
    (void)snprintf(scene->dir, sizeof(scene->dir), "%s/sim", scene->place);
    assert_ok(capsa_sim_init(scene->dir, (capsa_time)time(NULL), 30));
    assert_ok(capsa_sim_open(scene->dir, &scene->sim));
    scene->attest_library = load(GRAMINE_LIBRARIES "/libra_tls_attest.so");
    scene->verify_library = load(GRAMINE_LIBRARIES "/libra_tls_verify_dcap.so");
    find(scene->attest_library, "ra_tls_create_key_and_crt_der", &scene->create);
    find(scene->verify_library, "ra_tls_verify_callback_extended_der", &scene->verify);
    find(scene->verify_library, "ra_tls_verify_callback_der", &scene->verify_simply);
    find(scene->verify_library, "ra_tls_set_measurement_callback", &scene->set_callback);
    gramine_clear();
    *state = scene;
    return 0;
}

int gramine_teardown(void **state)
{
    struct gramine *scene = *state;
    if (scene == NULL) {
        return 0; /* it was never set up */
    }
    scene->set_callback(NULL);
    (void)dlclose(scene->attest_library);
    (void)dlclose(scene->verify_library);
    capsa_sim_free(scene->sim);
    test_remove_tree(scene->place);
    free(scene);
    return 0;
}

/* ---- Collateral ------------------------------------------------------------------------------ */

void gramine_collateral(const struct gramine *scene, const struct capsa_sim_turn *turns,
                        size_t count)
{
    char path[192];
    capsa_sim_forgery forgery = {.platform = CAPSA_PLATFORM_SGX};
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    assert_ok(capsa_sim_forge(scene->sim, (capsa_time)time(NULL), turns, count, &forgery));
    assert_ok(capsa_sim_forgery_collateral(&forgery, &text));
    capsa_sim_forgery_drop(&forgery);
    (void)snprintf(path, sizeof(path), "%s/bundle.json", scene->place);
    assert_ok(capsa_file_write(path, capsa_buf_bytes(&text), 0600, true));
    gramine_set("CAPSA_COLLATERAL_BUNDLE", path);
}

/* ---- Quotes ---------------------------------------------------------------------------------- */

struct gramine_enclave gramine_enclave(void)
{
    struct gramine_enclave enclave = {.isv_prod_id = 7, .isv_svn = 4, .dice = true};
    memset(enclave.mr_enclave, 0x11, sizeof(enclave.mr_enclave));
    memset(enclave.mr_signer, 0x12, sizeof(enclave.mr_signer));
    return enclave;
}

#define SIGNED_LEN    432 /* of a quote of version 3: header and body */
#define SIGNATURE_AT  436
#define ATTRIBUTES_AT (48 + 48)

/* Attributes that the simulation never sets, set and signed anew. */
static void flip_attributes(const struct gramine *scene, const struct capsa_sim_claims *claims,
                            uint64_t flip, capsa_buf *quote)
{
    struct capsa_sim_recipe recipe;
    CAPSA_AUTO(capsa_buf) rs = capsa_buf_of(KIB(1));
    for (size_t i = 0; i < 8; i++) {
        quote->data[ATTRIBUTES_AT + i] ^= (uint8_t)(flip >> 8 * i);
    }
    assert_ok(capsa_sim_recipe_make(scene->sim, claims, (capsa_time)time(NULL), 30, &recipe));
    assert_ok(capsa_sim_sign(scene->sim, &recipe, CAPSA_SIM_QUOTE,
                             capsa_bytes_of(quote->data, SIGNED_LEN), &rs));
    assert_int_equal(rs.len, 64);
    memcpy(quote->data + SIGNATURE_AT, rs.data, rs.len);
}

static void make_quote(const struct gramine *scene, const struct gramine_enclave *enclave,
                       const uint8_t digest[32], capsa_buf *quote)
{
    struct capsa_sim_claims claims = {
        .platform = enclave->tdx ? CAPSA_PLATFORM_TDX : CAPSA_PLATFORM_SGX,
        .isv_prod_id = enclave->isv_prod_id,
        .isv_svn = enclave->isv_svn,
        .debug = enclave->debug,
    };
    memcpy(claims.mr_enclave, enclave->mr_enclave, 32);
    memcpy(claims.mr_signer, enclave->mr_signer, 32);
    memcpy(claims.report_data, digest, 32);
    claims.report_data[63] = enclave->last_byte;
    assert_ok(capsa_sim_quote(scene->sim, &claims, quote));
    if (enclave->flip != 0) {
        flip_attributes(scene, &claims, enclave->flip, quote);
    }
}

/* ---- Certificates ---------------------------------------------------------------------------- */

static void sha256(const uint8_t *bytes, size_t len, uint8_t digest[32])
{
    assert_int_equal(EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL), 1);
}

static void digest_of(EVP_PKEY *key, uint8_t digest[32])
{
    uint8_t *der = NULL;
    const int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    sha256(der, (size_t)len, digest);
    OPENSSL_free(der);
}

static void add_extension(X509 *crt, const char *oid, const uint8_t *bytes, size_t len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    assert_non_null(object);
    assert_non_null(value);
    assert_int_equal(ASN1_OCTET_STRING_set(value, bytes, (int)len), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(crt, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
}

#define CLAIMS 51

static void add_dice(const struct gramine *scene, const struct gramine_enclave *enclave,
                     const uint8_t key_digest[32], X509 *crt)
{
    uint8_t claims[CLAIMS] = "\xa1\x6bpubkey-hash\x58\x24\x82\x01\x58\x20";
    uint8_t digest[32];
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(KIB(16));
    CAPSA_AUTO(capsa_buf) cbor = capsa_buf_of(KIB(16));
    memcpy(claims + CLAIMS - 32, key_digest, 32);
    if (enclave->no_key_hash) {
        claims[2] = 'q';
    }
    sha256(claims, CLAIMS, digest);
    make_quote(scene, enclave, digest, &quote);
    if (enclave->damage_dice) {
        quote.data[SIGNATURE_AT] ^= 1;
    }
    const uint8_t head[] = {
        0xd9, 0xea, 0x60, 0x82, 0x59, (uint8_t)(quote.len >> 8), (uint8_t)quote.len};
    const uint8_t claims_head[] = {0x58, CLAIMS};
    assert_ok(capsa_buf_append(&cbor, capsa_bytes_of(head, sizeof(head))));
    assert_ok(capsa_buf_append(&cbor, capsa_buf_bytes(&quote)));
    assert_ok(capsa_buf_append(&cbor, capsa_bytes_of(claims_head, sizeof(claims_head))));
    assert_ok(capsa_buf_append(&cbor, capsa_bytes_of(claims, CLAIMS)));
    add_extension(crt, "2.23.133.5.4.9", cbor.data, cbor.len);
}

static void add_legacy(const struct gramine *scene, const struct gramine_enclave *enclave,
                       const uint8_t key_digest[32], X509 *crt)
{
    CAPSA_AUTO(capsa_buf) quote = capsa_buf_of(KIB(16));
    make_quote(scene, enclave, key_digest, &quote);
    add_extension(crt, "0.6.9.42.840.113741.1337.6", quote.data, quote.len);
}

static X509 *new_certificate(EVP_PKEY *key)
{
    X509 *crt = X509_new();
    assert_non_null(crt);
    assert_int_equal(X509_set_version(crt, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(crt), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(crt), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(crt), 86400));
    X509_NAME *name = X509_get_subject_name(crt);
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"RATLS", -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(crt, name), 1);
    assert_int_equal(X509_set_pubkey(crt, key), 1);
    return crt;
}

struct gramine_crt gramine_certificate(const struct gramine *scene,
                                       const struct gramine_enclave *enclave)
{
    EVP_PKEY *key = EVP_EC_gen("P-384");
    EVP_PKEY *other = EVP_EC_gen("P-384");
    X509 *crt = new_certificate(key);
    uint8_t digest[32];
    digest_of(enclave->other_key ? other : key, digest);
    if (enclave->legacy) {
        add_legacy(scene, enclave, digest, crt);
    }
    if (enclave->dice) {
        add_dice(scene, enclave, digest, crt);
    }
    assert_true(X509_sign(crt, enclave->damage_signature ? other : key, EVP_sha256()) > 0);
    struct gramine_crt made = {NULL, 0};
    uint8_t *der = NULL;
    const int len = i2d_X509(crt, &der);
    assert_true(len > 0);
    made.len = (size_t)len;
    made.der = malloc(made.len); /* exactly as long, so that a read behind the end is seen */
    assert_non_null(made.der);
    memcpy(made.der, der, made.len);
    OPENSSL_free(der);
    X509_free(crt);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    return made;
}

/* ---- Asserts --------------------------------------------------------------------------------- */

int gramine_judge(const struct gramine *scene, struct gramine_crt crt,
                  struct gramine_results *ret_results, char said[2048])
{
    char path[192];
    (void)snprintf(path, sizeof(path), "%s/stderr", scene->place);
    const int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    const int before = dup(STDERR_FILENO);
    assert_true(file >= 0 && before >= 0);
    (void)fflush(stderr);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    memset(ret_results, 0x5a, sizeof(*ret_results));
    const int code = scene->verify(crt.der, crt.len, ret_results);
    (void)fflush(stderr);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    const ssize_t len = pread(file, said, 2047, 0);
    assert_true(len >= 0);
    said[len] = '\0';
    (void)close(before);
    (void)close(file);
    return code;
}

void gramine_expect(const char *what, const struct gramine *scene, struct gramine_crt crt, int code,
                    int step)
{
    struct gramine_results results;
    char said[2048];
    const int got = gramine_judge(scene, crt, &results, said);
    if (got != code || results.err_loc != step) {
        fail_msg("%s: wanted -0x%x at step %d, got -0x%x at step %d: %s", what, -code, step, -got,
                 results.err_loc, said);
    }
    assert_int_equal(results.scheme, 2);
    if (got != 0 && said[0] == '\0') {
        fail_msg("%s: was refused without a word", what);
    }
}
