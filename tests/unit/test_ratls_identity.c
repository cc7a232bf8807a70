/* SPDX-License-Identifier: Apache-2.0
 *
 * ratls: credentials and identities: shared, renewed while others use them, written to files of
 * which a reader never finds a certificate without its key.
 */
#include "identity_scene.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define CASE(name) cmocka_unit_test_setup(name, identity_scene_reset)

static struct capsa_ratls_identity *identity_of_scene(const struct identity_scene *scene)
{
    const struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    struct capsa_ratls_identity *identity = NULL;
    assert_ok(capsa_ratls_identity_new(&scene->attester, &profile, &identity));
    return identity;
}

static void assert_same_key(const struct capsa_ratls_credential *a,
                            const struct capsa_ratls_credential *b, bool same)
{
    uint8_t first[CAPSA_SHA256], second[CAPSA_SHA256];
    capsa_ratls_credential_spki(a, first);
    capsa_ratls_credential_spki(b, second);
    assert_int_equal(memcmp(first, second, sizeof(first)) == 0, same);
}

/* ---- Renewing --------------------------------------------------------------------------------
 */

static void every_renewal_makes_a_new_key_and_leaves_the_old_one_to_who_has_it(void **state)
{
    const struct identity_scene *scene = *state;
    CAPSA_AUTO_FREE(capsa_ratls_identity) identity = identity_of_scene(scene);
    assert_null(capsa_ratls_identity_current(identity));
    assert_ok(capsa_ratls_identity_renew(identity, SIM_NOW));
    CAPSA_AUTO_FREE(capsa_ratls_credential) old = capsa_ratls_identity_current(identity);
    assert_ok(capsa_ratls_identity_renew(identity, SIM_NOW + 100));
    CAPSA_AUTO_FREE(capsa_ratls_credential) now = capsa_ratls_identity_current(identity);
    assert_same_key(old, now, false);
    assert_int_equal(capsa_ratls_credential_not_after(now),
                     capsa_ratls_credential_not_after(old) + 100);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) read = identity_read(old); /* it is still there */
    assert_non_null(read);
}

static void a_renewal_that_fails_leaves_what_is_there(void **state)
{
    struct identity_scene *scene = *state;
    CAPSA_AUTO_FREE(capsa_ratls_identity) identity = identity_of_scene(scene);
    scene->fails = true;
    assert_fails(capsa_ratls_identity_renew(identity, SIM_NOW), NETWORK);
    assert_null(capsa_ratls_identity_current(identity));
    scene->fails = false;
    assert_ok(capsa_ratls_identity_renew(identity, SIM_NOW));
    CAPSA_AUTO_FREE(capsa_ratls_credential) old = capsa_ratls_identity_current(identity);
    scene->fails = true;
    assert_fails(capsa_ratls_identity_renew(identity, SIM_NOW), NETWORK);
    CAPSA_AUTO_FREE(capsa_ratls_credential) now = capsa_ratls_identity_current(identity);
    assert_ptr_equal(old, now);
}

static void a_profile_is_checked_and_copied_at_once(void **state)
{
    const struct identity_scene *scene = *state;
    struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    struct capsa_ratls_identity *none = NULL;
    profile.life_seconds = 1;
    assert_fails(capsa_ratls_identity_new(&scene->attester, &profile, &none), USAGE);
    assert_null(none);
    char nonce[] = "mine";
    profile.life_seconds = 60;
    profile.nonce = capsa_bytes_str(nonce);
    CAPSA_AUTO_FREE(capsa_ratls_identity) identity = NULL;
    assert_ok(capsa_ratls_identity_new(&scene->attester, &profile, &identity));
    memset(nonce, 'x', sizeof(nonce) - 1);
    assert_ok(capsa_ratls_identity_renew(identity, SIM_NOW));
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = capsa_ratls_identity_current(identity);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) read = identity_read(made);
    assert_true(capsa_bytes_is(read->nonce, "mine"));
}

/* ---- Others' ---------------------------------------------------------------------------------
 */

struct pair {
    capsa_buf cert, key;
};

static struct pair pair_of(const struct capsa_ratls_credential *credential)
{
    struct pair pair = {capsa_buf_of(MIB(1)), capsa_buf_of(KIB(64))};
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    assert_ok(capsa_cert_parse_der(capsa_ratls_credential_der(credential), &cert));
    assert_ok(capsa_cert_write_pem(cert, &pair.cert));
    assert_ok(capsa_private_key_write(capsa_ratls_credential_key(credential), &pair.key));
    return pair;
}

static void pair_drop(struct pair *pair)
{
    capsa_buf_drop(&pair->cert);
    capsa_buf_drop(&pair->key);
}

static void what_others_made_is_taken_with_its_own_key_alone(void **state)
{
    const struct identity_scene *scene = *state;
    const struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    CAPSA_AUTO_FREE(capsa_ratls_credential) a = identity_made(scene, &profile);
    CAPSA_AUTO_FREE(capsa_ratls_credential) b = identity_made(scene, &profile);
    struct pair first = pair_of(a), second = pair_of(b);
    CAPSA_AUTO_FREE(capsa_ratls_credential) taken = NULL;
    assert_fails(capsa_ratls_credential_of(capsa_buf_bytes(&first.cert),
                                           capsa_buf_bytes(&second.key), &taken),
                 USAGE);
    assert_null(taken);
    assert_ok(capsa_buf_u8(&first.cert, 0)); /* as Gramine writes it */
    assert_ok(capsa_ratls_credential_of(capsa_buf_bytes(&first.cert), capsa_buf_bytes(&first.key),
                                        &taken));
    assert_true(
        capsa_bytes_equal(capsa_ratls_credential_der(a), capsa_ratls_credential_der(taken)));
    assert_same_key(a, taken, true);
    CAPSA_AUTO_FREE(capsa_ratls_identity) identity = NULL;
    assert_ok(capsa_ratls_identity_of(taken, NULL, &identity));
    assert_null(capsa_ratls_identity_attester(identity));
    assert_fails(capsa_ratls_identity_renew(identity, SIM_NOW), USAGE);
    CAPSA_AUTO_FREE(capsa_ratls_credential) current = capsa_ratls_identity_current(identity);
    assert_ptr_equal(current, taken);
    CAPSA_AUTO_FREE(capsa_ratls_identity) attesting = NULL;
    assert_ok(capsa_ratls_identity_of(taken, &scene->attester, &attesting));
    assert_ptr_equal(capsa_ratls_identity_attester(attesting)->context, scene->attester.context);
    pair_drop(&first);
    pair_drop(&second);
}

static void a_certificate_without_evidence_can_be_presented_too(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_AUTO_FREE(capsa_ratls_credential) taken = NULL;
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(KIB(16));
    CAPSA_AUTO(capsa_buf) key_der = capsa_buf_of(KIB(16));
    const struct capsa_cert_request request = {
        .common_name = "plain", .not_before = SIM_NOW, .not_after = SIM_NOW + 300};
    assert_ok(capsa_private_key_new_p384(&key));
    assert_ok(capsa_cert_self_sign(key, &request, &cert));
    assert_ok(capsa_cert_write_der(cert, &der));
    assert_ok(capsa_private_key_write_der(key, &key_der));
    assert_ok(capsa_ratls_credential_of(capsa_buf_bytes(&der), capsa_buf_bytes(&key_der), &taken));
    assert_int_equal(capsa_ratls_credential_renew_at(taken), SIM_NOW + 200);
}

/* ---- Files -----------------------------------------------------------------------------------
 */

struct place {
    char folder[64], cert[96], key[96];
};

static struct place place_new(void)
{
    struct place place = {.folder = "/tmp/capsa-identity-XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    (void)snprintf(place.cert, sizeof(place.cert), "%s/tls.crt", place.folder);
    (void)snprintf(place.key, sizeof(place.key), "%s/tls.key", place.folder);
    return place;
}

/* Both files are this credential's. */
static void assert_holds(const struct place *place, const struct capsa_ratls_credential *credential)
{
    CAPSA_AUTO(capsa_buf) cert = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(MIB(1));
    CAPSA_AUTO_FREE(capsa_ratls_credential) read = NULL;
    assert_ok(capsa_file_read(place->cert, &cert));
    assert_ok(capsa_file_read(place->key, &key));
    assert_ok(capsa_ratls_credential_of(capsa_buf_bytes(&cert), capsa_buf_bytes(&key), &read));
    assert_same_key(credential, read, true);
    assert_int_equal(test_count_files(place->folder), 2);
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 0777U;
}

static void files_are_replaced_and_the_key_is_its_owners_alone(void **state)
{
    const struct identity_scene *scene = *state;
    const struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    CAPSA_AUTO_FREE(capsa_ratls_credential) a = identity_made(scene, &profile);
    CAPSA_AUTO_FREE(capsa_ratls_credential) b = identity_made(scene, &profile);
    struct place place = place_new();
    mode_t before = umask(0);
    assert_ok(capsa_ratls_credential_write(a, place.cert, place.key));
    assert_holds(&place, a);
    assert_int_equal(mode_of(place.key), 0600);
    assert_int_equal(mode_of(place.cert), 0644);
    assert_int_equal(chmod(place.key, 0666), 0); /* whoever did that */
    assert_ok(capsa_ratls_credential_write(b, place.cert, place.key));
    assert_holds(&place, b);
    assert_int_equal(mode_of(place.key), 0600);
    (void)umask(before);
    test_remove_tree(place.folder);
}

static void a_write_that_fails_leaves_both_files(void **state)
{
    const struct identity_scene *scene = *state;
    const struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    CAPSA_AUTO_FREE(capsa_ratls_credential) a = identity_made(scene, &profile);
    CAPSA_AUTO_FREE(capsa_ratls_credential) b = identity_made(scene, &profile);
    struct place place = place_new();
    char nowhere[128];
    (void)snprintf(nowhere, sizeof(nowhere), "%s/no/tls.crt", place.folder);
    assert_ok(capsa_ratls_credential_write(a, place.cert, place.key));
    assert_fails(capsa_ratls_credential_write(b, nowhere, place.key), IO);
    assert_fails(capsa_ratls_credential_write(b, place.folder, place.key), IO);
    assert_fails(capsa_ratls_credential_write(b, place.cert, nowhere), IO);
    assert_fails(capsa_ratls_credential_write(b, place.cert, place.cert), USAGE);
    assert_holds(&place, a);
    test_remove_tree(place.folder);
}

static void links_stay_and_one_file_is_not_both(void **state)
{
    const struct identity_scene *scene = *state;
    const struct capsa_ratls_profile profile = identity_profile("dice", "p256");
    CAPSA_AUTO_FREE(capsa_ratls_credential) a = identity_made(scene, &profile);
    struct place place = place_new();
    char link[128];
    (void)snprintf(link, sizeof(link), "%s/.link", place.folder);
    assert_ok(capsa_ratls_credential_write(a, place.cert, place.key));
    assert_int_equal(symlink("tls.key", link), 0);
    assert_fails(capsa_ratls_credential_write(a, link, place.key), USAGE);
    assert_ok(capsa_ratls_credential_write(a, place.cert, link));
    assert_holds(&place, a);
    struct stat status;
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    test_remove_tree(place.folder);
}

/* ---- Many at once ----------------------------------------------------------------------------
 */

#define TAKERS   3
#define RENEWALS 20

struct crowd {
    struct capsa_ratls_identity *identity;
    atomic_bool over;
    atomic_size_t taken;
};

static void *take(void *context)
{
    struct crowd *crowd = context;
    size_t wrong = 0;
    do {
        struct capsa_ratls_credential *current = capsa_ratls_identity_current(crowd->identity);
        uint8_t wanted[CAPSA_SHA256], got[CAPSA_SHA256];
        struct capsa_public_key *key = NULL;
        capsa_buf spki = capsa_buf_of(KIB(1));
        capsa_ratls_credential_spki(current, wanted);
        wrong += capsa_failed(capsa_public_key_of(capsa_ratls_credential_key(current), &key)) ||
                 capsa_failed(capsa_public_key_spki(key, &spki));
        capsa_sha256(capsa_buf_bytes(&spki), got); /* the key is that of this certificate */
        wrong += memcmp(wanted, got, sizeof(got)) != 0;
        capsa_buf_drop(&spki);
        capsa_public_key_free(key);
        capsa_ratls_credential_free(current);
        (void)atomic_fetch_add(&crowd->taken, 1);
    } while (!atomic_load(&crowd->over));
    return wrong == 0 ? NULL : context;
}

static void *renew(void *context)
{
    struct crowd *crowd = context;
    for (int i = 0; i < RENEWALS; i++) {
        if (capsa_failed(capsa_ratls_identity_renew(crowd->identity, SIM_NOW + i))) {
            return context;
        }
    }
    return NULL;
}

static void renewing_while_others_take_it_gives_whole_ones(void **state)
{
    const struct identity_scene *scene = *state;
    struct crowd crowd = {.identity = identity_of_scene(scene)};
    pthread_t takers[TAKERS], renewers[2];
    void *failed;
    assert_ok(capsa_ratls_identity_renew(crowd.identity, SIM_NOW));
    for (size_t i = 0; i < TAKERS; i++) {
        assert_int_equal(pthread_create(&takers[i], NULL, take, &crowd), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&renewers[i], NULL, renew, &crowd), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(renewers[i], &failed), 0);
        assert_null(failed);
    }
    atomic_store(&crowd.over, true);
    for (size_t i = 0; i < TAKERS; i++) {
        assert_int_equal(pthread_join(takers[i], &failed), 0);
        assert_null(failed);
    }
    assert_true(atomic_load(&crowd.taken) >= TAKERS);
    /* an identity lives as long as somebody has a share of it */
    struct capsa_ratls_identity *share = capsa_ratls_identity_share(crowd.identity);
    capsa_ratls_identity_free(crowd.identity);
    assert_ok(capsa_ratls_identity_renew(share, SIM_NOW));
    capsa_ratls_identity_free(share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_renewal_makes_a_new_key_and_leaves_the_old_one_to_who_has_it),
        CASE(a_renewal_that_fails_leaves_what_is_there),
        CASE(a_profile_is_checked_and_copied_at_once),
        CASE(what_others_made_is_taken_with_its_own_key_alone),
        CASE(a_certificate_without_evidence_can_be_presented_too),
        CASE(files_are_replaced_and_the_key_is_its_owners_alone),
        CASE(a_write_that_fails_leaves_both_files),
        CASE(links_stay_and_one_file_is_not_both),
        CASE(renewing_while_others_take_it_gives_whole_ones),
    };
    return cmocka_run_group_tests_name("ratls identity", tests, identity_scene_setup,
                                       identity_scene_teardown);
}
