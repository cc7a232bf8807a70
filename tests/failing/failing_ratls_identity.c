/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: making, renewing and writing certificates, with every allocation, read of randomness and
 * call that changes the disk failing in turn. What failed leaves the identity and both files as
 * they were; what did not is a key with its own certificate.
 */
#include "failing.h"

#include "../unit/identity_scene.h"

#include <unistd.h>

static struct identity_scene *scene;
static struct capsa_ratls_identity *identity;
static struct capsa_ratls_credential *first, *second;
static capsa_buf cert_pem, key_pem; /* of the first */
static char folder[64] = "/tmp/capsa-failing-XXXXXX";
static char cert_path[96], key_path[96];

static int fixtures_make(void **state)
{
    void *made = NULL;
    (void)state;
    assert_int_equal(identity_scene_setup(&made), 0);
    scene = made;
    const struct capsa_ratls_profile profile = identity_profile("dice,gramine", "p256");
    assert_ok(capsa_ratls_identity_new(&scene->attester, &profile, &identity));
    assert_ok(capsa_ratls_identity_renew(identity, SIM_NOW));
    first = identity_made(scene, &profile);
    second = identity_made(scene, &profile);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(cert_path, sizeof(cert_path), "%s/tls.crt", folder);
    (void)snprintf(key_path, sizeof(key_path), "%s/tls.key", folder);
    assert_ok(capsa_ratls_credential_write(first, cert_path, key_path));
    cert_pem = key_pem = capsa_buf_of(MIB(1));
    assert_ok(capsa_file_read(cert_path, &cert_pem));
    assert_ok(capsa_file_read(key_path, &key_pem));
    return 0;
}

static int fixtures_free(void **state)
{
    (void)state;
    void *made = scene;
    capsa_buf_drop(&cert_pem);
    capsa_buf_drop(&key_pem);
    capsa_ratls_credential_free(first);
    capsa_ratls_credential_free(second);
    capsa_ratls_identity_free(identity);
    test_remove_tree(folder);
    return identity_scene_teardown(&made);
}

static void free_credential(void *made)
{
    capsa_ratls_credential_free(made);
}

/* ---- Making and renewing ---------------------------------------------------------------------
 */

static capsa_result make_of(const char *forms, const char *key, bool endorsements,
                            struct failing_out *out)
{
    struct capsa_ratls_profile profile = identity_profile(forms, key);
    struct capsa_ratls_credential *made = out->made;
    profile.endorsements = endorsements;
    profile.nonce = CAPSA_BYTES_LITERAL("nonce");
    capsa_result result = capsa_ratls_make(&scene->attester, &profile, SIM_NOW, &made);
    out->made = made;
    return result;
}

static capsa_result make_p256(struct failing_out *out)
{
    return make_of("dice,gramine,intel-sdk", "p256", false, out);
}

static capsa_result make_endorsed(struct failing_out *out)
{
    return make_of("dice", "p256", true, out);
}

static capsa_result make_p384(struct failing_out *out)
{
    return make_of("dice", "p384", false, out);
}

static capsa_result renew(struct failing_out *out)
{
    (void)out;
    CAPSA_AUTO_FREE(capsa_ratls_credential) before = capsa_ratls_identity_current(identity);
    capsa_result result = capsa_ratls_identity_renew(identity, SIM_NOW);
    CAPSA_AUTO_FREE(capsa_ratls_credential) now = capsa_ratls_identity_current(identity);
    assert_int_equal(before == now, capsa_failed(result));
    return result;
}

static capsa_result take_foreign(struct failing_out *out)
{
    struct capsa_ratls_credential *made = out->made;
    capsa_result result =
        capsa_ratls_credential_of(capsa_buf_bytes(&cert_pem), capsa_buf_bytes(&key_pem), &made);
    out->made = made;
    return result;
}

static void making_survives_every_fault(void **state)
{
    (void)state;
    static const struct failing_case cases[] = {
        {"make", make_p256, free_credential, .may_refuse = true},
        {"make with endorsements", make_endorsed, free_credential, .may_refuse = true},
        {"renew", renew, NULL, .may_refuse = true},
        {"a foreign one", take_foreign, free_credential, .may_refuse = true},
    };
    failing_sample(20); /* hundreds of allocations, most of them libcrypto's within a signature */
    failing_try_all(cases, sizeof(cases) / sizeof(cases[0]));
}

/* Checking its own signature, libcrypto blinds numbers on this curve that are public, and goes on
 * without: so of randomness only the memory is tried. */
static void making_on_p384_survives_every_want_of_memory(void **state)
{
    (void)state;
    static const struct failing_case one = {"make on P-384", make_p384, free_credential,
                                            .may_refuse = true};
    failing_try(&one, FAILING_MEMORY, FAILING_ONCE);
    failing_try(&one, FAILING_LIBRARIES, FAILING_ONCE);
    failing_check_leaks();
}

/* ---- Writing ---------------------------------------------------------------------------------
 */

static bool holds(const struct capsa_ratls_credential *credential)
{
    CAPSA_AUTO(capsa_buf) cert = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(MIB(1));
    CAPSA_AUTO_FREE(capsa_ratls_credential) read = NULL;
    assert_ok(capsa_file_read(cert_path, &cert));
    assert_ok(capsa_file_read(key_path, &key));
    assert_ok(capsa_ratls_credential_of(capsa_buf_bytes(&cert), capsa_buf_bytes(&key), &read));
    return capsa_bytes_equal(capsa_ratls_credential_der(credential),
                             capsa_ratls_credential_der(read));
}

/* One fault, and the pair belongs together, the old or the new one: also where the certificate did
 * not get to its place when the key was at its own. */
static void a_fault_of_the_disk_parts_no_certificate_from_its_key(void **state)
{
    (void)state;
    static const enum failing_what kinds[] = {FAILING_DISK, FAILING_MEMORY};
    size_t old = 0, torn_back = 0;
    for (size_t k = 0; k < 2; k++) {
        bool done = false;
        for (size_t nth = 0; !done; nth++) {
            assert_ok(capsa_ratls_credential_write(first, cert_path, key_path));
            failing_arm(kinds[k], FAILING_ONCE, nth);
            capsa_result result = capsa_ratls_credential_write(second, cert_path, key_path);
            struct failing_count count = failing_disarm();
            done = count.failed == 0;
            bool is_new = holds(second);
            assert_true(is_new || holds(first));
            assert_true(is_new || capsa_failed(result));
            old += !is_new;
            torn_back += capsa_failed(result) && is_new; /* the folder's sync alone */
        }
    }
    assert_true(old > 6); /* opening, writing, syncing, naming: of both */
    assert_true(torn_back <= 2);
}

/* The first time: where there was no key, none is left without a certificate. */
static void a_first_write_that_fails_leaves_nothing(void **state)
{
    (void)state;
    bool done = false;
    for (size_t nth = 0; !done; nth++) {
        (void)unlink(cert_path);
        (void)unlink(key_path);
        failing_arm(FAILING_DISK, FAILING_ONCE, nth);
        capsa_result result = capsa_ratls_credential_write(second, cert_path, key_path);
        done = failing_disarm().failed == 0;
        int files = test_count_files(folder);
        assert_true(files == 2 ? holds(second) : files == 0 && capsa_failed(result));
    }
    failing_check_leaks();
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_survives_every_fault),
        cmocka_unit_test(making_on_p384_survives_every_want_of_memory),
        cmocka_unit_test(a_fault_of_the_disk_parts_no_certificate_from_its_key),
        cmocka_unit_test(a_first_write_that_fails_leaves_nothing),
    };
    return cmocka_run_group_tests_name("failing ratls identity", tests, fixtures_make,
                                       fixtures_free);
}
