/* SPDX-License-Identifier: Apache-2.0
 *
 * client: which manager is taken for the right one, and what is remembered of managers from run to
 * run. The protocol itself is in test_client.c.
 */
#include "fake_manager.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "client/client_audit.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct scene {
    struct capsa_private_key *rsa;
    capsa_party party;
    struct capsa_clock clock;
    char top[40];
    char folder[80]; /* does not exist at first */
    struct capsa_client_memory memory;
};

static int keys_make(void **state)
{
    struct scene *scene = CAPSA_NEW(struct scene);
    assert_non_null(scene);
    assert_ok(capsa_private_key_new_rsa(2048, &scene->rsa));
    fake_party(&scene->party);
    scene->clock = capsa_clock_at(FAKE_NOW);
    *state = scene;
    return 0;
}

static int keys_drop(void **state)
{
    struct scene *scene = *state;
    capsa_private_key_free(scene->rsa);
    capsa_party_drop(&scene->party);
    capsa_dealloc(scene);
    return 0;
}

static int folder_make(void **state)
{
    struct scene *scene = *state;
    (void)snprintf(scene->top, sizeof(scene->top), "/tmp/capsa-memory-XXXXXX");
    assert_non_null(mkdtemp(scene->top));
    (void)snprintf(scene->folder, sizeof(scene->folder), "%s/config/capsa", scene->top);
    scene->memory.folder = scene->folder;
    return 0;
}

static int folder_drop(void **state)
{
    const struct scene *scene = *state;
    test_remove_tree(scene->top);
    return 0;
}

static struct capsa_client_options options_of(const struct scene *scene,
                                              const struct fake_manager *fake)
{
    return (struct capsa_client_options){.target = "manager:8888",
                                         .party = &scene->party,
                                         .memory = &scene->memory,
                                         .transport = &fake->transport,
                                         .clock = &scene->clock};
}

/* One run of a command: a client of its own that asks for keys. */
static capsa_result run(const struct capsa_client_options *options)
{
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    CAPSA_TRY(capsa_client_new(options, &client));
    Cm__GetDataKeysRequest request = CM__GET_DATA_KEYS_REQUEST__INIT;
    CAPSA_AUTO_MESSAGE answer = NULL;
    return capsa_client_call(client, CAPSA_CLIENT_GET_DATA_KEYS, &request.base, &answer);
}

static capsa_result run_once(const struct scene *scene, const struct fake_manager *fake)
{
    const struct capsa_client_options options = options_of(scene, fake);
    return run(&options);
}

static void says(capsa_result result, enum capsa_code code, const char *said)
{
    if (capsa_code_of(result) != code || strstr(capsa_text_of(result), said) == NULL) {
        fail_msg("wanted %s, \"%s\"; got %s: %s", capsa_code_name(code), said,
                 capsa_code_name(capsa_code_of(result)), capsa_text_of(result));
    }
}

static bool is_known(const struct scene *scene, struct capsa_known *ret_known)
{
    bool found = false;
    assert_ok(capsa_memory_find(&scene->memory, "manager:8888", &found, ret_known));
    return found;
}

/* ---- which manager --------------------------------------------------------------------------- */

static void a_simulation_is_remembered_at_first_contact(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    struct capsa_known known;
    assert_false(is_known(scene, &known));
    for (int i = 0; i < 2; i++) {
        const struct capsa_client_options options = options_of(scene, fake);
        CAPSA_AUTO_FREE(capsa_client) client = NULL;
        assert_ok(capsa_client_new(&options, &client));
        const struct capsa_cert *cert;
        assert_ok(capsa_client_manager(client, &cert));
        assert_int_equal(capsa_client_has_met(client), i == 0);
        assert_true(is_known(scene, &known));
        assert_string_equal(known.id, fake->id);
        assert_string_equal(known.mode, "simulation");
    }
    fake_free(fake);
}

static void a_production_manager_wants_somebody_who_vouches(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "production");
    says(run_once(scene, fake), CAPSA_E_UNAUTHENTIC, fake->id);
    struct capsa_known known;
    assert_false(is_known(scene, &known));
    assert_int_equal(fake->calls, 0);
    struct capsa_client_options options = options_of(scene, fake);
    options.memory = NULL;
    says(run(&options), CAPSA_E_UNAUTHENTIC, "--manager-id");
    options = options_of(scene, fake);
    options.manager_id = fake->id;
    assert_ok(run(&options));
    assert_ok(run_once(scene, fake)); /* known by now */
    assert_true(is_known(scene, &known));
    assert_string_equal(known.mode, "production");
    fake_free(fake);
}

static void a_look_neither_trusts_nor_remembers(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "production");
    struct capsa_client_options options = options_of(scene, fake);
    options.introduces = true;
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    assert_ok(capsa_client_new(&options, &client));
    const capsa_manager *manager;
    assert_ok(capsa_client_identity(client, &manager));
    assert_string_equal(manager->id, fake->id);
    struct capsa_checkpoint checkpoint;
    assert_ok(capsa_client_checkpoint(client, NULL, &checkpoint));
    assert_int_equal(test_count_files(scene->top), 0);
    fake_free(fake);
}

static void another_manager_than_the_pinned_one_is_refused(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    struct capsa_client_options options = options_of(scene, fake);
    options.manager_id = ID_A;
    capsa_result result = run(&options);
    says(result, CAPSA_E_UNAUTHENTIC, ID_A);
    says(result, CAPSA_E_UNAUTHENTIC, fake->id);
    assert_int_equal(fake->calls, 0);
    options.manager_id = "AAAA";
    assert_fails(run(&options), USAGE);
    fake_free(fake);
}

static void another_manager_at_a_known_address_is_refused(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    struct fake_manager *other = fake_new(scene->rsa, "simulation");
    assert_ok(run_once(scene, fake));
    capsa_result result = run_once(scene, other);
    says(result, CAPSA_E_UNAUTHENTIC, fake->id);
    says(result, CAPSA_E_UNAUTHENTIC, other->id);
    says(result, CAPSA_E_UNAUTHENTIC, "capsa manager forget manager:8888");
    struct capsa_client_options options = options_of(scene, other);
    options.manager_id = other->id; /* what was met before still stands against it */
    assert_fails(run(&options), UNAUTHENTIC);
    options = options_of(scene, other);
    options.introduces = true;
    assert_fails(run(&options), UNAUTHENTIC);
    assert_int_equal(other->calls, 0);
    struct capsa_known known;
    assert_ok(capsa_memory_forget(&scene->memory, "manager:8888", &known));
    assert_string_equal(known.id, fake->id);
    assert_ok(run_once(scene, other));
    fake_free(fake);
    fake_free(other);
}

static capsa_result meet_as_original(const struct scene *scene, const struct fake_manager *fake,
                                     const char *manager_id)
{
    struct capsa_client_options options = options_of(scene, fake);
    options.original = true;
    options.manager_id = manager_id;
    CAPSA_AUTO_FREE(capsa_client) client = NULL;
    CAPSA_TRY(capsa_client_new(&options, &client));
    const struct capsa_cert *cert;
    return capsa_client_manager(client, &cert);
}

static void the_original_protocol_is_held_to_known_managers_too(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *nameless = fake_new(scene->rsa, "simulation");
    nameless->lie = FAKE_NO_EXTENSION;
    fake_announce(nameless);
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    struct fake_manager *other = fake_new(scene->rsa, "simulation");
    assert_ok(meet_as_original(scene, nameless, NULL)); /* the original says nothing of itself */
    says(meet_as_original(scene, nameless, ID_A), CAPSA_E_UNAUTHENTIC, ID_A);
    assert_ok(meet_as_original(scene, fake, NULL));
    assert_fails(meet_as_original(scene, other, NULL), UNAUTHENTIC);
    says(meet_as_original(scene, nameless, NULL), CAPSA_E_UNAUTHENTIC, "does not say who it is");
    other->lie = FAKE_CERT_KEY_NOT_LISTED;
    fake_announce(other);
    assert_fails(meet_as_original(scene, other, other->id), UNAUTHENTIC);
    fake_free(nameless);
    fake_free(fake);
    fake_free(other);
}

static void an_old_certificate_is_refused_by_the_original_protocol(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    fake->lie = FAKE_KEYS_EXPIRED;
    fake_announce(fake);
    struct capsa_client_options options = options_of(scene, fake);
    options.original = true;
    assert_fails(run(&options), EXPIRED);
    assert_int_equal(fake->calls, 0);
    fake_free(fake);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static void read_kept(const struct scene *scene, const struct fake_manager *fake, capsa_buf *note)
{
    capsa_buf_clear(note);
    assert_ok(capsa_memory_checkpoint(&scene->memory, fake->id, note));
}

static uint64_t kept_size(const struct scene *scene, const struct fake_manager *fake)
{
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(4));
    read_kept(scene, fake, &note);
    struct capsa_checkpoint checkpoint;
    uint8_t key[CAPSA_ED25519_PUBLIC];
    fake_raw(fake->audit, key);
    assert_ok(capsa_checkpoint_open(capsa_buf_bytes(&note), fake->id, key, &checkpoint));
    return checkpoint.size;
}

static void the_last_checkpoint_is_kept_from_run_to_run(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    for (unsigned i = 0; i < 4; i++) {
        assert_ok(run_once(scene, fake));
        assert_int_equal(kept_size(scene, fake), 3 + i);
    }
    assert_int_equal(fake->consistencies, 3);
    fake_free(fake);
}

static void what_is_refused_leaves_the_kept_checkpoint_alone(void **state)
{
    static const enum fake_lie lies[] = {FAKE_CONSISTENCY_CHANGED, FAKE_CONSISTENCY_SHORT,
                                         FAKE_CHECKPOINT_OF_ANOTHER,
                                         FAKE_CHECKPOINT_SIGNED_BY_ANOTHER};
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    assert_ok(run_once(scene, fake));
    CAPSA_AUTO(capsa_buf) before = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) after = capsa_buf_of(KIB(4));
    read_kept(scene, fake, &before);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        fake->lie = lies[i];
        assert_true(capsa_failed(run_once(scene, fake)));
        read_kept(scene, fake, &after);
        assert_true(capsa_bytes_equal(capsa_buf_bytes(&before), capsa_buf_bytes(&after)));
    }
    fake->lie = FAKE_HONEST;
    assert_ok(run_once(scene, fake));
    fake_free(fake);
}

static void a_log_that_was_put_back_between_two_runs_is_refused(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    for (int i = 0; i < 3; i++) {
        assert_ok(run_once(scene, fake));
    }
    fake->count = 3;
    says(run_once(scene, fake), CAPSA_E_TAMPERED, "has 4 entries, and it had 5");
    assert_int_equal(kept_size(scene, fake), 5);
    fake->count = 4; /* and grown again to the same size, and over it */
    for (int i = 0; i < 3; i++) {
        says(run_once(scene, fake), CAPSA_E_TAMPERED, "forked");
    }
    struct capsa_known known;
    assert_ok(capsa_memory_forget(&scene->memory, "manager:8888", &known));
    assert_ok(run_once(scene, fake));
    fake_free(fake);
}

/* While a call is under way another command has kept a newer checkpoint. */
struct meanwhile {
    struct capsa_client_transport transport;
    const struct scene *scene;
    struct fake_manager *fake;
    bool done;
};

static capsa_result exchange_meanwhile(const struct capsa_client_transport *transport,
                                       const char *path, capsa_bytes request, capsa_buf *ret_answer)
{
    union {
        const struct capsa_client_transport *in;
        struct meanwhile *out;
    } self = {.in = transport};
    struct meanwhile *meanwhile = self.out;
    CAPSA_TRY(fake_exchange(&meanwhile->fake->transport, path, request, ret_answer));
    if (strstr(path, "GetDataKeys") != NULL && !meanwhile->done) {
        meanwhile->done = true;
        assert_ok(run_once(meanwhile->scene, meanwhile->fake));
    }
    return CAPSA_OK;
}

static void an_answer_that_another_command_overtook_is_no_fault(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    assert_ok(run_once(scene, fake));
    struct meanwhile meanwhile = {{exchange_meanwhile}, scene, fake, false};
    struct capsa_client_options options = options_of(scene, fake);
    options.transport = &meanwhile.transport;
    assert_ok(run(&options));
    assert_int_equal(kept_size(scene, fake), 5); /* the other's, which is newer */
    fake_free(fake);
}

static void a_kept_checkpoint_that_is_none_is_named(void **state)
{
    const struct scene *scene = *state;
    struct fake_manager *fake = fake_new(scene->rsa, "simulation");
    assert_ok(run_once(scene, fake));
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(KIB(4));
    assert_ok(capsa_memory_checkpoint_path(&scene->memory, fake->id, &path));
    const char *name;
    assert_ok(capsa_buf_cstr(&path, &name));
    assert_ok(capsa_file_write(name, CAPSA_BYTES_LITERAL("x\n"), 0600, true));
    int calls = fake->calls;
    says(run_once(scene, fake), CAPSA_E_MALFORMED, fake->id);
    assert_int_equal(fake->calls, calls);
    fake_free(fake);
}

/* ---- files ----------------------------------------------------------------------------------- */

static struct capsa_known entry(const char *address, const char *id)
{
    struct capsa_known known = {.mode = "simulation"};
    (void)snprintf(known.address, sizeof(known.address), "%s", address);
    (void)snprintf(known.id, sizeof(known.id), "%s", id);
    return known;
}

static bool has_checkpoint(const struct scene *scene, const char *id)
{
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(4));
    assert_ok(capsa_memory_checkpoint(&scene->memory, id, &note));
    return note.len > 0;
}

static void a_checkpoint_goes_with_the_last_address_of_its_manager(void **state)
{
    const struct scene *scene = *state;
    const struct capsa_known first = entry("a:1", ID_A);
    const struct capsa_known second = entry("b:1", ID_A);
    assert_ok(capsa_memory_remember(&scene->memory, &first));
    assert_ok(capsa_memory_remember(&scene->memory, &second));
    assert_ok(capsa_memory_remember(&scene->memory, &second)); /* again is fine */
    const struct capsa_known other = entry("b:1", ID_B);
    assert_fails(capsa_memory_remember(&scene->memory, &other), EXISTS);
    bool done;
    assert_ok(capsa_memory_advance(&scene->memory, ID_A, (capsa_bytes){NULL, 0},
                                   CAPSA_BYTES_LITERAL("note"), &done));
    assert_true(done);
    struct capsa_known gone;
    assert_ok(capsa_memory_forget(&scene->memory, "a:1", &gone));
    assert_true(has_checkpoint(scene, ID_A));
    assert_ok(capsa_memory_forget(&scene->memory, "b:1", &gone));
    assert_false(has_checkpoint(scene, ID_A));
    assert_fails(capsa_memory_forget(&scene->memory, "b:1", &gone), NOT_FOUND);
}

static void a_checkpoint_is_replaced_only_by_who_knew_it(void **state)
{
    const struct scene *scene = *state;
    const capsa_bytes nothing = {NULL, 0};
    const capsa_bytes one = CAPSA_BYTES_LITERAL("one");
    const capsa_bytes two = CAPSA_BYTES_LITERAL("two");
    bool done;
    assert_ok(capsa_memory_advance(&scene->memory, ID_A, one, two, &done));
    assert_false(done);
    assert_ok(capsa_memory_advance(&scene->memory, ID_A, nothing, one, &done));
    assert_true(done);
    assert_ok(capsa_memory_advance(&scene->memory, ID_A, nothing, two, &done));
    assert_false(done);
    assert_ok(capsa_memory_advance(&scene->memory, ID_A, one, two, &done));
    assert_true(done);
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(100);
    assert_ok(capsa_memory_checkpoint(&scene->memory, ID_A, &note));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&note), "two"));
}

#define LINE_A "a:1 " ID_A " simulation\n"
#define LINE_B "[::1]:8888\t" ID_B "  production\r\n"

static void what_a_person_wrote_into_the_file_stays(void **state)
{
    (void)state;
    const capsa_bytes text =
        CAPSA_BYTES_LITERAL("# mine\n\n" LINE_A "   # indented\n" LINE_B "#last");
    bool found;
    struct capsa_known known;
    assert_ok(capsa_known_find(text, "[::1]:8888", &found, &known));
    assert_true(found);
    assert_string_equal(known.id, ID_B);
    assert_string_equal(known.mode, "production");
    CAPSA_AUTO(capsa_buf) more = capsa_buf_of(KIB(4));
    const struct capsa_known third = entry("c:1", ID_A);
    assert_ok(capsa_known_add(text, &third, &more));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&more),
                               "# mine\n\n" LINE_A "   # indented\n" LINE_B "#last\n"
                               "c:1 " ID_A " simulation\n"));
    CAPSA_AUTO(capsa_buf) less = capsa_buf_of(KIB(4));
    assert_ok(capsa_known_remove(capsa_buf_bytes(&more), "a:1", &less));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&less), "# mine\n\n   # indented\n" LINE_B
                                                       "#last\nc:1 " ID_A " simulation\n"));
    assert_ok(capsa_known_find(capsa_buf_bytes(&less), "a:1", &found, &known));
    assert_false(found);
}

static void a_line_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"a:1\n", "line 1: HOST:PORT MANAGER-ID MODE wanted, got fewer"},
        {LINE_A "a:2 " ID_A "\n", "line 2"},
        {"a:1 " ID_A " simulation extra\n", "got more"},
        {"a " ID_A " simulation\n", "no address"},
        {"a:1 AA simulation\n", "no manager id"},
        {"a:1 " ID_A "a simulation\n", "manager id: over 64"},
        {"a:1 " ID_A " test\n", "neither simulation nor production"},
        {"a:1 " ID_A " simulation-and-more-than-that\n", "the mode: over 15"},
        {"a\x1b:1 " ID_A " simulation\n", "no plain letter"},
        {LINE_A LINE_A, "line 2: a:1 stands in a line before"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool found = false;
        struct capsa_known known;
        says(capsa_known_find(capsa_bytes_str(cases[i].text), "a:1", &found, &known),
             CAPSA_E_MALFORMED, "line");
        capsa_result result =
            capsa_known_find(capsa_bytes_str(cases[i].text), "a:1", &found, &known);
        assert_non_null(strstr(capsa_text_of(result), cases[i].said));
        assert_false(found);
    }
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_folder(a_simulation_is_remembered_at_first_contact),
        with_folder(a_production_manager_wants_somebody_who_vouches),
        with_folder(a_look_neither_trusts_nor_remembers),
        with_folder(another_manager_than_the_pinned_one_is_refused),
        with_folder(another_manager_at_a_known_address_is_refused),
        with_folder(the_original_protocol_is_held_to_known_managers_too),
        with_folder(an_old_certificate_is_refused_by_the_original_protocol),
        with_folder(the_last_checkpoint_is_kept_from_run_to_run),
        with_folder(what_is_refused_leaves_the_kept_checkpoint_alone),
        with_folder(a_log_that_was_put_back_between_two_runs_is_refused),
        with_folder(an_answer_that_another_command_overtook_is_no_fault),
        with_folder(a_kept_checkpoint_that_is_none_is_named),
        with_folder(a_checkpoint_goes_with_the_last_address_of_its_manager),
        with_folder(a_checkpoint_is_replaced_only_by_who_knew_it),
        cmocka_unit_test(what_a_person_wrote_into_the_file_stays),
        cmocka_unit_test(a_line_that_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, keys_make, keys_drop);
}
