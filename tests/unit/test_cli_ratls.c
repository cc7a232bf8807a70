/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa ratls cert, show and verify as a program sees them: exit status and files. Renewing and
 * signals are in tests/integration/ratls_cert.py.
 */
#include "sim_scene.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_nouns.h"

static const struct capsa_cli_places places;
static char folder[] = "/tmp/capsa-cli-ratls-XXXXXX";
static char sim[96], root[112], cert[96], key[96], code[96], policy[96], other[96];

static int run(const char *const *words)
{
    int argc = 0;
    while (words[argc] != NULL) {
        argc++;
    }
    return capsa_cli_main(argc, (char *const *)(uintptr_t)words, &places, NULL);
}

#define RUN(...) run((const char *const[]){"capsa", "ratls", __VA_ARGS__, NULL})
#define CERT(...)                                                                                  \
    RUN("cert", "--platform", "sim-sgx", "--sim-dir", sim, "--sim-code", code, "--out-cert", cert, \
        "--out-key", key, __VA_ARGS__)
#define VERIFY(...) RUN("verify", "--cert", cert, __VA_ARGS__)

static void put(const char *path, const char *text)
{
    assert_ok(capsa_file_write(path, capsa_bytes_str(text), 0644, true));
}

/* A policy that wants this code. */
static void put_policy(const char *path, const char *measured)
{
    struct capsa_sim_claims claims = {.platform = CAPSA_PLATFORM_SGX};
    char hex[65], text[256];
    assert_ok(capsa_sim_measure(measured, &claims));
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", claims.mr_enclave[i]);
    }
    (void)snprintf(text, sizeof(text), "reference_values:\n  - sgx: {mr_enclave: \"%s\"}\n", hex);
    put(path, text);
}

static int make(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(sim, sizeof(sim), "%s/sim", folder);
    (void)snprintf(root, sizeof(root), "%s/root.pem", sim);
    (void)snprintf(cert, sizeof(cert), "%s/tls.crt", folder);
    (void)snprintf(key, sizeof(key), "%s/tls.key", folder);
    (void)snprintf(code, sizeof(code), "%s/code", folder);
    (void)snprintf(policy, sizeof(policy), "%s/policy.yaml", folder);
    (void)snprintf(other, sizeof(other), "%s/other", folder);
    put(code, "the program");
    put(other, "another program");
    assert_ok(capsa_sim_init(sim, capsa_now(&capsa_clock_system), 30));
    return 0;
}

static int drop(void **state)
{
    (void)state;
    test_remove_tree(folder);
    return 0;
}

static int remove_made(void **state)
{
    (void)state;
    (void)unlink(cert);
    (void)unlink(key);
    return 0;
}

/* ---- cert ------------------------------------------------------------------------------------ */

static void what_is_made_is_accepted_for_what_it_is(void **state)
{
    (void)state;
    assert_int_equal(CERT("--nonce", "c0ffee"), 0);
    assert_int_equal(VERIFY("--sim-root", sim), 0);
    assert_int_equal(VERIFY("--sim-root", sim, "--native", "--nonce", "c0ffee"), 0);
    assert_int_equal(VERIFY("--sim-root", sim, "--nonce", "c0ff"), 2);
    assert_int_equal(VERIFY("-o", "text"), 3);       /* it stands under nobody's root that counts */
    assert_int_equal(VERIFY("--sim-root", root), 4); /* without the folder: no collateral */
    char collateral[128];
    (void)snprintf(collateral, sizeof(collateral), "%s/sgx", sim);
    assert_int_equal(VERIFY("--sim-root", root, "--collateral", collateral), 0);
    assert_int_equal(RUN("show", cert), 0);
}

static void the_policy_decides_which_code_it_is(void **state)
{
    (void)state;
    assert_int_equal(CERT("--endorsements"), 0);
    put_policy(policy, code);
    assert_int_equal(VERIFY("--sim-root", root, "--policy", policy), 0);
    put_policy(policy, other);
    assert_int_equal(VERIFY("--sim-root", root, "--policy", policy), 2);
}

static void a_certificate_is_judged_as_of_a_time(void **state)
{
    (void)state;
    char later[32];
    assert_int_equal(CERT("--life", "60"), 0);
    (void)snprintf(later, sizeof(later), "%lld", (long long)capsa_now(&capsa_clock_system) + 120);
    assert_int_equal(VERIFY("--sim-root", sim, "--time", later), 4);
    assert_int_equal(VERIFY("--sim-root", sim, "--time", "0"), 1);
}

static void files_that_are_there_are_kept_unless_force_is_given(void **state)
{
    (void)state;
    put(key, "somebody's");
    assert_int_equal(CERT("--key", "p384"), 1);
    assert_int_not_equal(access(cert, F_OK), 0);
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(1));
    assert_ok(capsa_file_read(key, &content));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&content), "somebody's"));
    assert_int_equal(CERT("--key", "p384", "--force"), 0);
    struct stat status;
    assert_int_equal(stat(key, &status), 0);
    assert_int_equal(status.st_mode & 0777U, 0600);
}

static void lives_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *life;
        int status;
    } cases[] = {
        {"60", 0},   {"61s", 0},   {"1m", 0}, {"24h", 0}, {"366d", 0},
        {"59", 1},   {"367d", 1},  {"", 1},   {"h", 1},   {"1 h", 1},
        {"-60", 1},  {"1h30", 1},  {"1w", 1}, {"24H", 1}, {"99999999999999999999", 1},
        {"0x60", 1}, {"60.5s", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (CERT("--force", "--life", cases[i].life) != cases[i].status) {
            fail_msg("--life \"%s\"", cases[i].life);
        }
    }
}

static void what_does_not_go_together_is_wrong_use(void **state)
{
    (void)state;
    assert_int_equal(RUN("cert", "--out-cert", cert, "--out-key", key), 1);
    assert_int_equal(RUN("cert", "--platform", "sim-sgx", "--sim-dir", sim, "--out-cert", cert), 1);
    assert_int_equal(RUN("cert", "--platform", "sim-sgx", "--sim-dir", sim, "--out-cert", cert,
                         "--out-key", cert),
                     1);
    assert_int_equal(
        RUN("cert", "--platform", "sim-sgx", "--sim-dir", sim, "--out-cert", "-", "--out-key", key),
        1);
    assert_int_equal(RUN("cert", "--platform", "sim-sxg", "--sim-dir", sim, "--out-cert", cert,
                         "--out-key", key),
                     1);
    assert_int_equal(CERT("--on-renew", "true"), 1);
    assert_int_equal(CERT("--keep", "-o", "json"), 1);
    assert_int_equal(CERT("--forms", "dice,gramin"), 1);
    assert_int_equal(CERT("--forms", "gramine,intel-sdk"), 1);
    assert_int_equal(CERT("--forms", "gramine", "--nonce", "00"), 1);
    assert_int_equal(CERT("--key", "rsa"), 1);
    assert_int_equal(CERT("--hash", "md5"), 1);
    assert_int_equal(CERT("--nonce", "0"), 1);
    assert_int_equal(CERT("--nonce", ""), 1);
    assert_int_equal(CERT("--wide"), 1); /* of SGX */
    assert_int_not_equal(access(cert, F_OK), 0);
    assert_int_not_equal(access(key, F_OK), 0);
}

static void a_platform_that_fails_leaves_no_files(void **state)
{
    (void)state;
    assert_int_not_equal(RUN("cert", "--platform", "sim-sgx", "--sim-dir", "/nonexistent",
                             "--out-cert", cert, "--out-key", key),
                         0);
    assert_int_not_equal(CERT("--endorsements-from", "/nonexistent"), 0);
    assert_int_not_equal(access(cert, F_OK), 0);
    assert_int_not_equal(access(key, F_OK), 0);
}

/* ---- show and verify -------------------------------------------------------------------------
 */

static void what_is_no_certificate_is_refused(void **state)
{
    (void)state;
    put(cert, "");
    assert_int_equal(VERIFY("--sim-root", sim), 3);
    assert_int_equal(RUN("show", cert), 1);
    assert_int_equal(RUN("verify", "--cert", root, "--sim-root", sim), 3); /* without evidence */
    assert_int_equal(RUN("show", root), 1);
    assert_int_equal(RUN("verify", "--cert", "/nonexistent"), 1);
    assert_int_equal(RUN("verify", "--cert", folder), 1);
}

static void wrong_use_of_verify_is_told_from_refusals(void **state)
{
    (void)state;
    assert_int_equal(CERT("--hash", "sha512"), 0);
    assert_int_equal(VERIFY("--sim-root", sim, "--root", root), 1);
    assert_int_equal(VERIFY("--sim-root", "/nonexistent"), 1);
    assert_int_equal(VERIFY("--sim-root", sim, "--policy", "/nonexistent"), 1);
    assert_int_equal(VERIFY("--sim-root", sim, "--nonce", ""), 1);
    assert_int_equal(VERIFY("--sim-root", sim, "--fetch"), 1);
    assert_int_equal(VERIFY("--sim-root", sim, "--pccs-url", "https://localhost"), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, remove_made)
    const struct CMUnitTest tests[] = {
        CASE(what_is_made_is_accepted_for_what_it_is),
        CASE(the_policy_decides_which_code_it_is),
        CASE(a_certificate_is_judged_as_of_a_time),
        CASE(files_that_are_there_are_kept_unless_force_is_given),
        CASE(lives_have_units),
        CASE(what_does_not_go_together_is_wrong_use),
        CASE(a_platform_that_fails_leaves_no_files),
        CASE(what_is_no_certificate_is_refused),
        CASE(wrong_use_of_verify_is_told_from_refusals),
    };
    return cmocka_run_group_tests_name("capsa ratls", tests, make, drop);
}
