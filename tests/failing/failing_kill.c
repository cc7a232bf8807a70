/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 at each point where the disk is changed. A child runs a script of requests to a manager
 * over a new store, and ends by SIGKILL before, half way through, or right behind its n-th write,
 * sync, cut, rename ... of all, for n = 0, 1 ... ; what it leaves is opened, and must be the state
 * that some number of whole requests leads to: those that were answered, and at most the one that
 * was not yet. Then the script goes on from there to its end (not each time in the long form).
 * CAPSA_FULL=1: a longer script, and more than 1,000 kills; else a sample.
 *
 * tests/unit/test_store_crash.c kills at random moments, with several threads at work.
 */
#include "failing_scene.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define STEPS_MAX 96

static unsigned steps;

/* What the child tells as it goes: how many requests were answered. */
static struct told {
    volatile unsigned answered;
} * told;

/* ---- The script ------------------------------------------------------------------------------ */

static const char *uuid_of(unsigned round)
{
    return text("u%u", round);
}

static int rule_add(const struct house *house, const char *uuid)
{
    return call(house, "AddDataRule", &alice,
                text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":\"%s\","
                     "\"rule\":{\"rule_id\":\"r2\",\"grantee_party_ids\":[\"%s\"],\"columns\":"
                     "[\"*\"],\"op_constraints\":[{\"op_name\":\"*\"}]}}",
                     alice.id, uuid, bob.id));
}

static int rule_delete(const struct house *house, const char *uuid)
{
    return call(house, "DeleteDataRule", &alice,
                text("{\"owner_party_id\":\"%s\",\"scope\":\"default\",\"data_uuid\":\"%s\","
                     "\"rule_id\":\"r2\"}",
                     alice.id, uuid));
}

static int keys_create(const struct house *house, const char *uuid)
{
    return call(house, "CreateDataKeys", &alice,
                text("{\"owner_party_id\":\"%s\",\"data_keys\":["
                     "{\"resource_uri\":\"%s\",\"data_key_b64\":\"" KEY_B64 "\"},"
                     "{\"resource_uri\":\"%s/part\",\"data_key_b64\":\"" KEY2_B64 "\"},"
                     "{\"resource_uri\":\"other-%s\",\"data_key_b64\":\"" KEY2_B64 "\"}]}",
                     alice.id, uuid, uuid, uuid));
}

static int key_delete(const struct house *house, const char *uuid)
{
    return call(house, "DeleteDataKey", &alice,
                text("{\"owner_party_id\":\"%s\",\"resource_uri\":\"other-%s\"}", alice.id, uuid));
}

/* Each changes the store in one commit of several records. */
static int step(const struct house *house, unsigned number)
{
    const char *uuid = uuid_of(number / 8);
    switch (number % 8) {
    case 0:
        return keys_create(house, uuid);
    case 1:
        return grant(house, &alice, uuid, &carol, "join", "[\"x\"]");
    case 2:
        return get_keys(house, &carol, "join",
                        text("[{\"resource_uri\":\"%s\",\"columns\":[\"x\"]}]", uuid), NULL);
    case 3:
        return register_result(house, &carol, text("r-%s", uuid), text("[\"%s\"]", uuid));
    case 4:
        return rule_add(house, uuid);
    case 5:
        return rule_delete(house, uuid);
    case 6:
        return key_delete(house, uuid);
    default:
        return register_key(house, &bob, text("b-%s", uuid), KEY2_B64);
    }
}

static void run_from(const struct house *house, unsigned first)
{
    for (unsigned i = first; i < steps; i++) {
        assert_int_equal(step(house, i), 0);
        told->answered = i + 1;
    }
}

/* ---- The state ------------------------------------------------------------------------------- */

static capsa_result take_in(void *context, const struct capsa_record_key *key,
                            const capsa_record *record, bool *ret_stop)
{
    (void)ret_stop;
    capsa_buf *seen = context;
    CAPSA_TRY(capsa_buf_str(seen, key->kind));
    for (size_t i = 0; key->parts[i] != NULL; i++) {
        CAPSA_TRY(capsa_buf_field(seen, capsa_bytes_str(key->parts[i])));
    }
    CAPSA_TRY(capsa_buf_be64(seen, record->version));
    return capsa_buf_be64(seen, record->value.len); /* not the value: some of it is by chance */
}

/* Every record of the services, with its version: two states with the same digest are the same. */
static void state_of(struct capsa_store *store, uint8_t ret_digest[CAPSA_SHA256])
{
    CAPSA_AUTO(capsa_buf) seen = capsa_buf_of(MIB(4));
    const struct capsa_record_key prefix = {.ns = "default", .kind = NULL};
    assert_ok(capsa_store_each(store, &prefix, take_in, &seen));
    capsa_sha256(capsa_buf_bytes(&seen), ret_digest);
}

static uint8_t states[STEPS_MAX + 1][CAPSA_SHA256]; /* after so many steps */

static void learn_states(void)
{
    struct house house;
    folder_empty();
    store_open(&house, true);
    state_of(capsa_ledger_store(house.ledger), states[0]);
    manager_open(&house);
    for (unsigned i = 0; i < steps; i++) {
        assert_int_equal(step(&house, i), 0);
        state_of(capsa_ledger_store(house.ledger), states[i + 1]);
        assert_memory_not_equal(states[i], states[i + 1], CAPSA_SHA256);
    }
    house_close(&house);
}

/* ---- The kills ------------------------------------------------------------------------------- */

/* True when the child was killed; false when it came to the end of the script before. */
static bool run_child(enum failing_how how, size_t nth)
{
    told->answered = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct house house;
        failing_arm(FAILING_DISK, how, nth);
        store_open(&house, true);
        manager_open(&house);
        run_from(&house, 0);
        house_close(&house); /* which folds the log into the database */
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    assert_true(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return killed;
}

static void check_what_is_left(enum failing_how how, size_t nth)
{
    unsigned answered = told->answered;
    struct house house;
    uint8_t state[CAPSA_SHA256];
    store_open(&house, true);
    state_of(capsa_ledger_store(house.ledger), state);
    bool all = memcmp(state, states[answered], sizeof(state)) == 0;
    bool one_more = answered < steps && memcmp(state, states[answered + 1], sizeof(state)) == 0;
    if (!all && !one_more) {
        fail_msg("killed (%d) at call %zu with %u requests answered: another state", (int)how, nth,
                 answered);
    }
    if (nth % (failing_is_full() ? 8 : 1) == 0) {
        manager_open(&house);
        run_from(&house, answered + (one_more ? 1 : 0));
        state_of(capsa_ledger_store(house.ledger), state);
        assert_memory_equal(state, states[steps], sizeof(state));
        house_stop(&house);
    }
    capsa_ledger_free(house.ledger);
}

static void killed_anywhere_it_keeps_what_it_answered_and_nothing_by_half(void **state)
{
    (void)state;
    steps = failing_is_full() ? STEPS_MAX : 16;
    size_t stride = failing_is_full() ? 1 : 5;
    size_t kills = 0;
    learn_states();
    for (int how = FAILING_KILLED; how <= FAILING_BEHIND; how++) {
        bool killed = true;
        for (size_t nth = (size_t)how % stride; killed; nth += stride) {
            folder_empty();
            killed = run_child((enum failing_how)how, nth);
            check_what_is_left((enum failing_how)how, nth);
            kills += killed;
        }
    }
    print_message("%zu kills\n", kills);
    assert_true(kills >= (failing_is_full() ? 1000 : 50));
}

static int shared_make(void **state)
{
    told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(told, MAP_FAILED);
    return scene_make(state);
}

static int shared_free(void **state)
{
    return scene_free(state) + munmap(told, sizeof(*told));
}

int main(void)
{
    failing_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_anywhere_it_keeps_what_it_answered_and_nothing_by_half),
    };
    return cmocka_run_group_tests_name("manager, killed", tests, shared_make, shared_free);
}
