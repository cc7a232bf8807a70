/* SPDX-License-Identifier: Apache-2.0
 *
 * A request is good once also when things go wrong: across a restart, whoever made the envelope
 * keys; when threads that were held up write old times into the log; when a commit is told as a
 * failure.
 */
#include "keymanager_native.h"

#include <sys/stat.h>
#include <unistd.h>

#include "keymanager/keymanager_envelope.h"
#include "keymanager/keymanager_spent.h"

static int send_original(const struct house *house, const char *method, const capsa_buf *request)
{
    CAPSA_AUTO(capsa_buf) reply = capsa_buf_of(MIB(1));
    CAPSA_AUTO_MESSAGE message = NULL;
    ask(house, method, capsa_buf_bytes(request), &reply);
    assert_ok(capsa_protobuf_parse(&cm__encrypted_response__descriptor, capsa_buf_bytes(&reply),
                                   CAPSA_UNKNOWN_REFUSED, &message));
    return ((const Cm__EncryptedResponse *)message)->status->code;
}

/* ---- a restart ------------------------------------------------------------------------------- */

/* As with cm_private_key_path: the key that requests are sealed to is the same after each start. */
static void a_restart_with_a_key_from_files_forgets_no_request(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_AUTO(capsa_buf) key_pem = capsa_buf_of(KIB(16));
    CAPSA_AUTO(capsa_buf) cert_pem = capsa_buf_of(KIB(16));
    const struct capsa_cert_request request = {.not_before = NOW - 100, .not_after = NOW + 1000000};
    assert_ok(capsa_private_key_new_rsa(2048, &key));
    assert_ok(capsa_cert_self_sign(key, &request, &cert));
    assert_ok(capsa_private_key_write(key, &key_pem));
    assert_ok(capsa_cert_write_pem(cert, &cert_pem));
    const struct capsa_keymanager_options injected = {.injected_key = capsa_buf_bytes(&key_pem),
                                                      .injected_cert = capsa_buf_bytes(&cert_pem)};
    struct house house;
    test_clock.fixed = NOW;
    house_open(&house, injected);
    CAPSA_AUTO(capsa_buf) captured = capsa_buf_of(MIB(1));
    wrap(&house, &alice, true, create_json(&alice, "a"), &captured);
    assert_int_equal(send_original(&house, "CreateDataKeys", &captured), 0);
    assert_int_equal(register_key(&house, &alice, "a", KEY2_B64), 0);
    test_clock.fixed = NOW + 3600;
    house_stop(&house);
    house_open_on(&house, injected);
    house_learn_cert(&house);
    assert_int_equal(send_original(&house, "CreateDataKeys", &captured), 6);
    house_close(&house);
}

/* ---- held up --------------------------------------------------------------------------------- */

/* A clock at whose n-th question something happens; whoever asked is told the time from before. */
static struct {
    int questions;
    struct house *house;
    void (*happens)(struct house *house);
} held;

static capsa_time held_now(const struct capsa_clock *clock)
{
    capsa_time now = clock->fixed;
    if (held.happens != NULL && --held.questions == 0) {
        void (*happens)(struct house *) = held.happens;
        held.happens = NULL;
        happens(held.house);
    }
    return now;
}

static void next_generation(struct house *house)
{
    bool renewed;
    test_clock.fixed += CAPSA_KM_GENERATION_SECONDS;
    assert_ok(capsa_keymanager_renew(house->manager, &renewed));
    assert_true(renewed);
    capsa_cert_free(house->cert);
    house_learn_cert(house);
}

static capsa_buf captured;

static void two_generations_pass_and_alice_registers(struct house *house)
{
    next_generation(house);
    next_generation(house);
    wrap(house, &alice, true, create_json(&alice, "a"), &captured);
    assert_int_equal(send_original(house, "CreateDataKeys", &captured), 0);
}

/* What is written late has the time at which it was begun. It must not end the look back for those
 * requests that were spent before it. */
static void an_entry_that_was_held_up_hides_none_before_it(void **state)
{
    (void)state;
    struct house house;
    test_clock = capsa_clock_at(NOW);
    test_clock.now = held_now;
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    captured = capsa_buf_of(MIB(1));
    held.questions = 2; /* the envelope's keys are chosen; now the time of what is recorded */
    held.house = &house;
    held.happens = two_generations_pass_and_alice_registers;
    assert_int_equal(register_key(&house, &bob, "b", KEY_B64), 0);
    assert_null(held.happens);
    test_clock.fixed += 60;
    house_stop(&house);
    house_open_on(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    house_learn_cert(&house);
    assert_int_equal(send_original(&house, "CreateDataKeys", &captured), 6);
    capsa_buf_drop(&captured);
    house_close(&house);
    test_clock = capsa_clock_at(NOW);
}

/* ---- the keys' and the requests' generations ------------------------------------------------- */

/* Whoever was given keys learns whether the requests sealed to them are remembered still: else one
 * that was held up for two generations would be new again. */
static void keys_that_were_held_too_long_are_no_keys(void **state)
{
    (void)state;
    struct house house;
    test_clock = capsa_clock_at(NOW);
    house_open(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    CAPSA_AUTO_FREE(capsa_km_spent) spent = NULL;
    CAPSA_AUTO_FREE(capsa_km_envelope) envelope = NULL;
    const struct capsa_keymanager_options options = {
        .ledger = house.ledger, .clock = &test_clock, .rsa_bits = 2048};
    assert_ok(capsa_km_spent_new(&spent));
    assert_ok(capsa_km_envelope_load(&options, spent, &envelope));
    static const uint8_t id[CAPSA_SHA256] = {1};
    CAPSA_AUTO(capsa_km_generations) taken = {.envelope = NULL};
    capsa_km_generations_take(envelope, NOW, &taken);
    assert_ok(capsa_km_spent_take(spent, id));
    for (int i = 1; i <= 2; i++) {
        bool rotated;
        test_clock.fixed += CAPSA_KM_GENERATION_SECONDS;
        assert_ok(capsa_km_envelope_rotate(envelope, false, &rotated));
        assert_true(rotated);
        assert_int_equal(capsa_km_generations_are_good(&taken), i == 1);
        assert_int_equal(capsa_code_of(capsa_km_spent_take(spent, id)),
                         i == 1 ? CAPSA_E_REPLAYED : CAPSA_E_OK);
    }
    capsa_km_generations_drop(&taken);
    house_close(&house);
    test_clock = capsa_clock_at(NOW);
}

/* ---- a commit that is told as a failure ------------------------------------------------------ */

/* The anchor fails behind the commit: what was asked for is done, and recorded. */
static void what_was_committed_is_spent_whatever_the_answer_says(void **state)
{
    (void)state;
    char dir[] = "/tmp/capsa-replay-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[64], place[80], away[80], lock[80];
    (void)snprintf(path, sizeof(path), "%s/anchor", dir);
    (void)snprintf(place, sizeof(place), "file:%s", path);
    (void)snprintf(away, sizeof(away), "%s/away", dir);
    (void)snprintf(lock, sizeof(lock), "%s.lock", path);
    struct house house = {.ledger = NULL};
    test_clock = capsa_clock_at(NOW);
    struct capsa_ledger_options options = ledger_options("memory:", NULL);
    options.anchor = place;
    assert_ok(capsa_ledger_open(&options, &house.ledger));
    house_open_on(&house, (struct capsa_keymanager_options){.rsa_bits = 0});
    house_learn_cert(&house);
    CAPSA_AUTO(capsa_buf) request = capsa_buf_of(MIB(1));
    wrap(&house, &alice, true, create_json(&alice, "a"), &request);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(send_original(&house, "CreateDataKeys", &request), 14);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(away, path), 0);
    assert_int_equal(send_original(&house, "CreateDataKeys", &request), 6);
    assert_int_equal(register_key(&house, &alice, "a", KEY2_B64), 0); /* and it goes on */
    house_close(&house);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_with_a_key_from_files_forgets_no_request),
        cmocka_unit_test(an_entry_that_was_held_up_hides_none_before_it),
        cmocka_unit_test(keys_that_were_held_too_long_are_no_keys),
        cmocka_unit_test(what_was_committed_is_spent_whatever_the_answer_says),
    };
    return cmocka_run_group_tests(tests, parties_make, parties_free);
}
