/* SPDX-License-Identifier: Apache-2.0
 *
 * What the libraries make: keys and certificates by libra_tls_attest.so, which the verifying one
 * takes; the command gramine-ratls; PEM; and which symbols are seen of each library.
 */
#include "gramine_scene.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct pair {
    uint8_t *key, *crt;
    size_t key_len, crt_len;
};

static void simulate(const struct gramine *scene)
{
    gramine_anything(scene);
    gramine_set("CAPSA_INSECURE_SIMULATION_CODE", GRAMINE_LIBRARIES "/gramine-ratls");
}

static int create(const struct gramine *scene, struct pair *pair)
{
    *pair = (struct pair){.key = NULL};
    return scene->create(&pair->key, &pair->key_len, &pair->crt, &pair->crt_len);
}

static void drop(struct pair *pair)
{
    free(pair->key); /* by the contract: memory of malloc's */
    free(pair->crt);
}

static X509 *read_certificate(const struct pair *pair)
{
    const uint8_t *at = pair->crt;
    X509 *crt = d2i_X509(NULL, &at, (long)pair->crt_len);
    assert_non_null(crt);
    assert_ptr_equal(at, pair->crt + pair->crt_len);
    return crt;
}

/* ---- Keys and certificates ------------------------------------------------------------------- */

static void key_and_certificate_are_as_gramines(void **state)
{
    const struct gramine *scene = *state;
    struct pair pair;
    struct pair other;
    simulate(scene);
    assert_int_equal(create(scene, &pair), 0);
    X509 *crt = read_certificate(&pair);
    const uint8_t *at = pair.key;
    EVP_PKEY *key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, (long)pair.key_len);
    assert_non_null(key);
    assert_ptr_equal(at, pair.key + pair.key_len);
    assert_int_equal(EVP_PKEY_get_bits(key), 384);
    assert_int_equal(X509_check_private_key(crt, key), 1);
    assert_int_equal(X509_verify(crt, key), 1);
    assert_int_equal(pair.key[0], 0x30);
    assert_memory_equal(pair.key + (pair.key[1] < 0x80 ? 2 : 3), "\x02\x01\x01", 3); /* SEC1 */
    ASN1_OBJECT *dice = OBJ_txt2obj("2.23.133.5.4.9", 1);
    ASN1_OBJECT *legacy = OBJ_txt2obj("0.6.9.42.840.113741.1337.6", 1);
    assert_true(X509_get_ext_by_OBJ(crt, dice, -1) >= 0);
    assert_true(X509_get_ext_by_OBJ(crt, legacy, -1) >= 0);
    ASN1_OBJECT_free(legacy);
    ASN1_OBJECT_free(dice);
    int days = 0;
    int seconds = 0;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(crt)), 1);
    assert_in_range(days, 363, 364); /* what makes one certificate and runs for months goes on */
    gramine_expect("made", scene, (struct gramine_crt){pair.crt, pair.crt_len}, 0, AT_NONE);
    assert_int_equal(create(scene, &other), 0);
    assert_true(other.key_len != pair.key_len ||
                memcmp(other.key, pair.key, pair.key_len) != 0); /* a key of its own each time */
    EVP_PKEY_free(key);
    X509_free(crt);
    drop(&other);
    drop(&pair);
}

static void nothing_is_written_when_it_fails(void **state)
{
    const struct gramine *scene = *state;
    uint8_t *key = (uint8_t *)state;
    uint8_t *crt = (uint8_t *)state;
    size_t key_len = 1;
    size_t crt_len = 2;
    simulate(scene);
    assert_int_equal(scene->create(NULL, &key_len, &crt, &crt_len), -EINVAL);
    assert_int_equal(scene->create(&key, NULL, &crt, &crt_len), -EINVAL);
    assert_int_equal(scene->create(&key, &key_len, NULL, &crt_len), -EINVAL);
    assert_int_equal(scene->create(&key, &key_len, &crt, NULL), -EINVAL);
    gramine_set("CAPSA_INSECURE_SIMULATION", "/nowhere/at/all");
    assert_true(scene->create(&key, &key_len, &crt, &crt_len) < 0);
    if (access("/dev/attestation", F_OK) != 0) {
        gramine_clear(); /* no enclave, and nothing else is taken instead of one */
        assert_int_equal(scene->create(&key, &key_len, &crt, &crt_len), FILE_IO);
    }
    assert_ptr_equal(key, state);
    assert_ptr_equal(crt, state);
    assert_int_equal(key_len, 1);
    assert_int_equal(crt_len, 2);
}

#define NOT_BEFORE "RA_TLS_CERT_TIMESTAMP_NOT_BEFORE"
#define NOT_AFTER  "RA_TLS_CERT_TIMESTAMP_NOT_AFTER"

static void dates_have_14_digits_and_are_of_the_calendar(void **state)
{
    static const char *const wrong[] = {
        "",
        "20300101",
        "2030010100000",
        "203001010000000",
        "20301301000000",
        "20300001000000",
        "20300100000000",
        "20300132000000",
        "20300230000000",
        "20310229000000",
        "20300101240000",
        "20300101006000",
        "20300101000060",
        "2030-01-01T000",
        " 2030010100000",
        "2030010100000Z",
    };
    const struct gramine *scene = *state;
    struct pair pair;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        simulate(scene);
        gramine_set(NOT_BEFORE, wrong[i]);
        if (create(scene, &pair) != BAD_INPUT) {
            fail_msg(NOT_BEFORE "=%s", wrong[i]);
        }
        gramine_set(NOT_BEFORE, NULL);
        gramine_set(NOT_AFTER, wrong[i]);
        if (create(scene, &pair) != BAD_INPUT) {
            fail_msg(NOT_AFTER "=%s", wrong[i]);
        }
    }
    simulate(scene);
    gramine_set(NOT_BEFORE, "20300101000000");
    gramine_set(NOT_AFTER, "20300101000000");
    assert_int_equal(create(scene, &pair), BAD_INPUT);
}

static void assert_date(const ASN1_TIME *time, const char *wanted)
{
    struct tm broken;
    char text[32];
    assert_int_equal(ASN1_TIME_to_tm(time, &broken), 1);
    assert_int_equal(strftime(text, sizeof(text), "%Y%m%d%H%M%S", &broken), 14);
    assert_string_equal(text, wanted);
}

static void P24_dates_are_those_that_were_asked_for_and_are_checked(void **state)
{
    static const struct {
        const char *from, *to;
        int code, step;
    } cases[] = {
        {"20010101000000", "20301231235959", 0, AT_NONE}, /* as Gramine's */
        {"20010101000000", "20200229235959", VERIFY_FAILED, AT_EXTRACT},
        {"20900101000000", "20901231235959", VERIFY_FAILED, AT_EXTRACT},
    };
    const struct gramine *scene = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pair pair;
        simulate(scene);
        gramine_set(NOT_BEFORE, cases[i].from);
        gramine_set(NOT_AFTER, cases[i].to);
        assert_int_equal(create(scene, &pair), 0);
        X509 *crt = read_certificate(&pair);
        assert_date(X509_get0_notBefore(crt), cases[i].from);
        assert_date(X509_get0_notAfter(crt), cases[i].to);
        gramine_expect(cases[i].from, scene, (struct gramine_crt){pair.crt, pair.crt_len},
                       cases[i].code, cases[i].step);
        X509_free(crt);
        drop(&pair);
    }
}

/* ---- PEM ------------------------------------------------------------------------------------- */

#define HEADER "-----BEGIN THING-----\n"
#define FOOTER "-----END THING-----\n"

typedef int (*pem_writer)(const char *, const char *, const uint8_t *, size_t, uint8_t *, size_t,
                          size_t *);

static void assert_is_pem_of(const char *pem, const uint8_t *der, size_t len)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    char *name = NULL;
    char *header = NULL;
    uint8_t *got = NULL;
    long got_len = 0;
    assert_int_equal(PEM_read_bio(bio, &name, &header, &got, &got_len), 1);
    assert_string_equal(name, "THING");
    assert_int_equal(got_len, len);
    assert_memory_equal(got, der, len);
    for (const char *line = pem; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_non_null(strchr(line, '\n'));
        assert_true(strchr(line, '\n') - line <= 64);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(got);
    BIO_free(bio);
}

static void pem_is_probed_and_written_at_every_length(void **state)
{
    (void)state;
    void *library = dlopen(GRAMINE_LIBRARIES "/libmbedtls_gramine.so", RTLD_NOW);
    assert_non_null(library);
    void *found = dlsym(library, "mbedtls_pem_write_buffer");
    assert_non_null(found);
    pem_writer write = NULL;
    memcpy(&write, &found, sizeof(found));
    uint8_t der[300];
    for (size_t i = 0; i < sizeof(der); i++) {
        der[i] = (uint8_t)(i * 89 + 7);
    }
    for (size_t len = 1; len <= sizeof(der); len++) {
        size_t size = 0;
        size_t written = 0;
        assert_int_equal(write(HEADER, FOOTER, der, len, NULL, 0, &size), -42);
        uint8_t *room = malloc(size); /* exactly */
        assert_non_null(room);
        assert_int_equal(write(HEADER, FOOTER, der, len, room, size - 1, &written), -42);
        assert_int_equal(written, size);
        assert_int_equal(write(HEADER, FOOTER, der, len, room, size, &written), 0);
        assert_int_equal(written, size);
        assert_int_equal(strlen((const char *)room), size - 1);
        assert_is_pem_of((const char *)room, der, len);
        free(room);
    }
    size_t size = 0;
    assert_int_equal(write(HEADER, FOOTER, NULL, 1, NULL, 0, &size), -0x1480);
    assert_int_equal(write(HEADER, FOOTER, der, SIZE_MAX, NULL, 0, &size), -0x1480);
    assert_int_equal(write(NULL, FOOTER, der, 1, NULL, 0, &size), -0x1480);
    assert_int_equal(dlclose(library), 0);
}

/* ---- Symbols --------------------------------------------------------------------------------- */

static void each_library_has_its_functions_and_not_the_others(void **state)
{
    (void)state;
    static const char *const verifying[] = {"ra_tls_verify_callback_der",
                                            "ra_tls_verify_callback_extended_der",
                                            "ra_tls_set_measurement_callback"};
    static const char *const libraries[] = {"libra_tls_verify_dcap.so",
                                            "libra_tls_verify_dcap_gramine.so"};
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        (void)snprintf(path, sizeof(path), GRAMINE_LIBRARIES "/%s", libraries[i]);
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        assert_non_null(library);
        for (size_t s = 0; s < 3; s++) {
            assert_non_null(dlsym(library, verifying[s]));
        }
        assert_null(dlsym(library, "ra_tls_create_key_and_crt_der"));
        assert_null(dlsym(library, "ra_tls_verify_callback")); /* mbedTLS's types: gone since 1.4 */
        assert_int_equal(dlclose(library), 0);
    }
}

/* ---- The command ----------------------------------------------------------------------------- */

static int run(const char *const *arguments)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int nothing = open("/dev/null", O_WRONLY);
        (void)dup2(nothing, STDERR_FILENO);
        (void)execv(GRAMINE_LIBRARIES "/gramine-ratls", (char *const *)(uintptr_t)arguments);
        _exit(99);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static capsa_buf slurp(const char *path)
{
    capsa_buf content = capsa_buf_of(KIB(64));
    assert_ok(capsa_file_read(path, &content));
    return content;
}

static void assert_file(const char *path, const char *start, unsigned mode)
{
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, mode);
    capsa_buf content = slurp(path);
    assert_true(content.len > strlen(start));
    assert_memory_equal(content.data, start, strlen(start));
    if (start[0] == '-') {
        assert_int_equal(content.data[content.len - 1], '\n'); /* and no NUL behind it */
    }
    capsa_buf_drop(&content);
}

static void the_command_writes_files_and_runs_what_follows(void **state)
{
    const struct gramine *scene = *state;
    char crt[192];
    char key[192];
    char done[192];
    (void)snprintf(crt, sizeof(crt), "%s/crt", scene->place);
    (void)snprintf(key, sizeof(key), "%s/key", scene->place);
    (void)snprintf(done, sizeof(done), "%s/done", scene->place);
    static const struct {
        const char *option, *crt, *key;
    } kinds[] = {
        {"-P", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN EC PRIVATE KEY-----\n"},
        {"-T", "-----BEGIN TRUSTED CERTIFICATE-----\n", "-----BEGIN EC PRIVATE KEY-----\n"},
        {"-D", "\x30\x82", "\x30\x81"},
    };
    simulate(scene);
    for (size_t i = 0; i < 3; i++) {
        (void)unlink(done);
        const char *const arguments[] = {
            "gramine-ratls", kinds[i].option, crt, key, "--", "touch", done, NULL};
        assert_int_equal(run(arguments), 0);
        assert_file(crt, kinds[i].crt, 0644);
        assert_file(key, kinds[i].key, 0600);
        assert_int_equal(access(done, F_OK), 0);
    }
    capsa_buf der = slurp(crt); /* the last was DER */
    gramine_expect("by the command", scene, (struct gramine_crt){der.data, der.len}, 0, AT_NONE);
    capsa_buf_drop(&der);
}

static void the_command_says_no_and_runs_nothing(void **state)
{
    const struct gramine *scene = *state;
    char done[192];
    char crt[192];
    (void)snprintf(done, sizeof(done), "%s/not-done", scene->place);
    (void)snprintf(crt, sizeof(crt), "%s/never", scene->place);
    const char *const wrong[][8] = {
        {"gramine-ratls", NULL},
        {"gramine-ratls", crt, NULL},
        {"gramine-ratls", crt, crt, crt, NULL},
        {"gramine-ratls", crt, crt, "--", NULL},
        {"gramine-ratls", "-X", crt, crt, "--", "touch", done, NULL},
        {"gramine-ratls", "-D", "-T", crt, crt, NULL},
        {"gramine-ratls", "/nowhere/crt", "/nowhere/key", "--", "touch", done, NULL},
    };
    simulate(scene);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(run(wrong[i]), 1);
    }
    gramine_set("CAPSA_INSECURE_SIMULATION", "/nowhere/at/all");
    const char *const right[] = {"gramine-ratls", crt, crt, "--", "touch", done, NULL};
    assert_int_equal(run(right), 1);
    assert_int_not_equal(access(done, F_OK), 0);
    assert_int_not_equal(access(crt, F_OK), 0);
    const char *const help[] = {"gramine-ratls", "-h", NULL};
    assert_int_equal(run(help), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_and_certificate_are_as_gramines),
        cmocka_unit_test(nothing_is_written_when_it_fails),
        cmocka_unit_test(dates_have_14_digits_and_are_of_the_calendar),
        cmocka_unit_test(P24_dates_are_those_that_were_asked_for_and_are_checked),
        cmocka_unit_test(pem_is_probed_and_written_at_every_length),
        cmocka_unit_test(each_library_has_its_functions_and_not_the_others),
        cmocka_unit_test(the_command_writes_files_and_runs_what_follows),
        cmocka_unit_test(the_command_says_no_and_runs_nothing),
    };
    return cmocka_run_group_tests(tests, gramine_setup, gramine_teardown);
}
