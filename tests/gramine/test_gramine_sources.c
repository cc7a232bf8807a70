/* SPDX-License-Identifier: Apache-2.0
 *
 * Where collateral comes from, and what becomes of certificates of the field: those that Gramine,
 * Intel's SDK and rats-tls made, recorded beside the repository.
 */
#include "gramine_scene.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <capsa/ratls.h>

/* ---- Sources --------------------------------------------------------------------------------- */

static void write_file(const struct gramine *scene, const char *name, const char *text,
                       char ret_path[192])
{
    (void)snprintf(ret_path, 192, "%s/%s", scene->place, name);
    assert_ok(capsa_file_write(ret_path, capsa_bytes_str(text), 0600, true));
}

static void the_simulations_own_collateral_is_used_where_there_is_no_bundle(void **state)
{
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(*state, &enclave);
    gramine_anything(*state);
    gramine_expect("its own", *state, crt, 0, AT_NONE);
    /* A bundle goes before, also when it has nothing for this platform. */
    static const struct capsa_sim_turn other = {"fmspc", "001122334455"};
    gramine_collateral(*state, &other, 1);
    struct gramine_results results;
    char said[2048];
    assert_true(gramine_judge(*state, crt, &results, said) < 0);
    assert_int_equal(results.err_loc, AT_VERIFY);
    free(crt.der);
}

static void a_folder_is_a_bundle_too(void **state)
{
    const struct gramine *scene = *state;
    const struct gramine_enclave enclave = gramine_enclave();
    struct gramine_crt crt = gramine_certificate(scene, &enclave);
    char path[200];
    gramine_anything(scene);
    (void)snprintf(path, sizeof(path), "%s/sgx", scene->dir);
    gramine_set("CAPSA_COLLATERAL_BUNDLE", path);
    gramine_expect("folder", scene, crt, 0, AT_NONE);
    free(crt.der);
}

/* Of this platform, with its own collateral in it. */
static struct gramine_crt with_endorsements(const struct gramine *scene)
{
    libcapsa_attester *attester = NULL;
    libcapsa_identity *identity = NULL;
    struct gramine_crt crt = {NULL, 0};
    assert_int_equal(libcapsa_attester_new("sim-sgx", &attester, NULL), 0);
    assert_int_equal(libcapsa_attester_insecure_set_simulation(attester, scene->dir, NULL, NULL),
                     0);
    assert_int_equal(libcapsa_identity_new(attester, &identity, NULL), 0);
    assert_int_equal(libcapsa_identity_set_endorsements(identity, 1, NULL), 0);
    assert_int_equal(libcapsa_identity_make(identity, (int64_t)time(NULL), NULL), 0);
    assert_int_equal(libcapsa_identity_certificate(identity, "der", &crt.der, &crt.len, NULL), 0);
    libcapsa_identity_free(identity);
    libcapsa_attester_free(attester);
    return crt;
}

/* A platform that was found wanting, or is revoked, would bring what was said of it before. */
static void what_the_certificate_brings_counts_for_nothing(void **state)
{
    static const struct capsa_sim_turn late = {"tcb-status", "OutOfDate"};
    static const struct capsa_sim_turn other = {"fmspc", "001122334455"};
    struct gramine_crt crt = with_endorsements(*state);
    gramine_anything(*state);
    gramine_expect("as the platform says", *state, crt, 0, AT_NONE);
    gramine_collateral(*state, &late, 1);
    gramine_expect("out of date by now", *state, crt, VERIFY_FAILED, AT_VERIFY);
    gramine_collateral(*state, &other, 1);
    gramine_expect("nothing at hand", *state, crt, VERIFY_FAILED, AT_VERIFY);
    libcapsa_free(crt.der);
}

#define GRAMINES_END INT64_C(1924991999) /* 2030-12-31T23:59:59Z */

static struct gramine_crt recorded(const char *name)
{
    const char *folder = getenv("CAPSA_VECTORS");
    char path[1024];
    const int len =
        folder != NULL
            ? snprintf(path, sizeof(path), "%s/ra-tls/%s", folder, name)
            : snprintf(path, sizeof(path), CAPSA_SOURCE_ROOT "/../shared/vectors/ra-tls/%s", name);
    assert_true(len > 0 && len < (int)sizeof(path));
    if (access(path, R_OK) != 0) {
        print_message("skipped: no recorded certificate at %s\n", path);
        skip();
    }
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(32));
    assert_ok(capsa_file_read(path, &content));
    struct gramine_crt crt = {malloc(content.len), content.len};
    assert_non_null(crt.der);
    memcpy(crt.der, content.data, content.len);
    return crt;
}

/* A port of which nobody but us knows, and on which nobody answers. */
static int closed_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static void qcnl_says_whom_to_ask_and_silence_is_no_yes(void **state)
{
    const struct gramine *scene = *state;
    if ((int64_t)time(NULL) > GRAMINES_END) {
        print_message("skipped: the recorded certificate is over\n");
        skip();
    }
    struct gramine_crt crt = recorded("gramine.der"); /* under Intel's root, and without more */
    struct gramine_results results;
    char path[192];
    char text[256];
    char said[2048];
    (void)snprintf(text, sizeof(text),
                   "{\"pccs_url\": \"https://127.0.0.1:%d/sgx/certification/v4/\","
                   " \"use_secure_cert\": false}",
                   closed_port());
    write_file(scene, "qcnl.conf", text, path);
    gramine_anything(scene);
    gramine_set("CAPSA_INSECURE_SIMULATION", NULL);
    gramine_set("QCNL_CONF_PATH", path);
    assert_int_equal(gramine_judge(scene, crt, &results, said), VERIFY_FAILED);
    assert_int_equal(results.err_loc, AT_VERIFY);
    assert_int_equal(results.func_result, 0xe01b);
    assert_int_not_equal(results.qv_result, 0);
    if (strstr(said, "127.0.0.1") == NULL) {
        fail_msg("whom it asked is not named: %s", said);
    }
    write_file(scene, "qcnl.conf", "{\"pccs_url\": 7}", path);
    assert_true(gramine_judge(scene, crt, &results, said) < 0);
    assert_int_equal(results.err_loc, AT_INIT);
    assert_non_null(strstr(said, "pccs_url"));
    free(crt.der);
}

/* ---- Certificates of the field ----------------------------------------------------------------
 */

/* Read, bound to their keys, and then stopped: nobody has their collateral. The one of
 * rats-tls is long over. */
static void certificates_of_the_field_are_read_and_bind_their_keys(void **state)
{
    static const struct {
        const char *name, *check;
        int step;
    } cases[] = {
        {"gramine.der", "(chain)", AT_VERIFY}, /* the collateral is another platform's */
        {"intel-sgxsdk.der", "(chain)", AT_VERIFY},
        {"rats-tls.der", "(certificate-time)", AT_EXTRACT},
    };
    gramine_anything(*state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gramine_results results;
        char said[2048];
        struct gramine_crt crt = recorded(cases[i].name);
        const bool is_over = i == 0 && (int64_t)time(NULL) > GRAMINES_END;
        assert_true(gramine_judge(*state, crt, &results, said) < 0);
        if (!is_over &&
            (results.err_loc != cases[i].step || strstr(said, cases[i].check) == NULL)) {
            fail_msg("%s: step %d: %s", cases[i].name, results.err_loc, said);
        }
        assert_int_not_equal(results.qv_result, 0);
        free(crt.der);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulations_own_collateral_is_used_where_there_is_no_bundle),
        cmocka_unit_test(a_folder_is_a_bundle_too),
        cmocka_unit_test(what_the_certificate_brings_counts_for_nothing),
        cmocka_unit_test(qcnl_says_whom_to_ask_and_silence_is_no_yes),
        cmocka_unit_test(certificates_of_the_field_are_read_and_bind_their_keys),
    };
    return cmocka_run_group_tests(tests, gramine_setup, gramine_teardown);
}
