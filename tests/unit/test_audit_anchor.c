/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: anchors: the lease, compare and swap, and a file that holds anything else.
 */
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/audit_anchor.h"
#include "base/file.h"

struct place {
    char dir[64];
    char path[96];
    char location[128];
};

static int up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    (void)snprintf(place->dir, sizeof(place->dir), "/tmp/capsa-anchor-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->path, sizeof(place->path), "%s/anchor", place->dir);
    (void)snprintf(place->location, sizeof(place->location), "file:%s", place->path);
    *state = place;
    return 0;
}

static int down(void **state)
{
    struct place *place = *state;
    test_remove_tree(place->dir);
    free(place);
    return 0;
}

#define NOTE(text) capsa_bytes_str(text)
#define NO_NOTE    ((capsa_bytes){NULL, 0})

static void assert_has(struct capsa_anchor *anchor, const char *wanted)
{
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    assert_ok(anchor->ops->get(anchor, &note));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&note), wanted));
}

static void names_that_are_not_there_are_told_those_that_are(void **state)
{
    (void)state;
    struct capsa_anchor *anchor = (struct capsa_anchor *)(uintptr_t)1;
    static const char *const bad[] = {
        "witness", "witness:https://x", "peers:a",  "tpm",        "etcd:a",
        "",        "nonesuch",          "files:/x", "/var/anchor"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        capsa_result result = capsa_anchor_open(bad[i], &anchor);
        assert_int_equal(capsa_code_of(result), CAPSA_E_UNSUPPORTED);
        assert_non_null(strstr(capsa_text_of(result), "file:PATH"));
    }
    assert_fails(capsa_anchor_open("tpm:0", &anchor), UNSUPPORTED);
    assert_non_null(strstr(capsa_text_of(capsa_anchor_open("tpm:0", &anchor)), "not built yet"));
    assert_fails(capsa_anchor_open("file", &anchor), USAGE);
    assert_fails(capsa_anchor_open("file:", &anchor), USAGE);
    assert_ok(capsa_anchor_open("none", &anchor));
    assert_null(anchor);
    assert_string_equal(capsa_anchor_name(anchor), "none");
    capsa_anchor_close(anchor);
}

static void an_anchor_moves_from_what_it_is_alone(void **state)
{
    const struct place *place = *state;
    struct capsa_anchor *anchor;
    assert_ok(capsa_anchor_open(place->location, &anchor));
    assert_string_equal(capsa_anchor_name(anchor), "file");
    assert_has(anchor, "");
    assert_fails(anchor->ops->advance(anchor, NOTE("one"), NOTE("two")), CONFLICT);
    assert_ok(anchor->ops->advance(anchor, NO_NOTE, NOTE("one")));
    assert_has(anchor, "one");
    assert_fails(anchor->ops->advance(anchor, NO_NOTE, NOTE("two")), CONFLICT);
    assert_fails(anchor->ops->advance(anchor, NOTE("on"), NOTE("two")), CONFLICT);
    assert_has(anchor, "one");
    assert_ok(anchor->ops->advance(anchor, NOTE("one"), NOTE("two")));
    assert_has(anchor, "two");
    struct stat status;
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    capsa_anchor_close(anchor);
    assert_ok(capsa_anchor_open(place->location, &anchor));
    assert_has(anchor, "two");
    capsa_anchor_close(anchor);
    assert_int_equal(test_count_files(place->dir), 2); /* it and its lock */
}

static void one_holder_at_a_time(void **state)
{
    const struct place *place = *state;
    struct capsa_anchor *anchor, *other = NULL;
    assert_ok(capsa_anchor_open(place->location, &anchor));
    assert_fails(capsa_anchor_open(place->location, &other), BUSY);
    assert_null(other);
    capsa_anchor_close(anchor);
    assert_ok(capsa_anchor_open(place->location, &other));
    capsa_anchor_close(other);
}

/* A holder that was killed holds nothing any more. */
static void the_lease_ends_with_its_process(void **state)
{
    const struct place *place = *state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct capsa_anchor *anchor;
        char word = capsa_failed(capsa_anchor_open(place->location, &anchor)) ? 'n' : 'y';
        (void)!write(ready[1], &word, 1);
        (void)pause();
        _exit(0);
    }
    char word = 0;
    struct capsa_anchor *anchor = NULL;
    assert_int_equal(read(ready[0], &word, 1), 1);
    assert_int_equal(word, 'y');
    assert_fails(capsa_anchor_open(place->location, &anchor), BUSY);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_ok(capsa_anchor_open(place->location, &anchor));
    capsa_anchor_close(anchor);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void a_file_that_is_no_checkpoint_is_told(void **state)
{
    const struct place *place = *state;
    struct capsa_anchor *anchor;
    uint8_t large[CAPSA_LIMIT_checkpoint_bytes + 1] = {'x'};
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(1));
    assert_ok(capsa_anchor_open(place->location, &anchor));
    assert_ok(capsa_file_write(place->path, capsa_bytes_of(large, sizeof(large)), 0600, true));
    assert_fails(anchor->ops->get(anchor, &note), TAMPERED);
    assert_fails(anchor->ops->advance(anchor, NO_NOTE, NOTE("one")), TAMPERED);
    assert_ok(capsa_file_write(place->path, NO_NOTE, 0600, true));
    assert_fails(anchor->ops->get(anchor, &note), TAMPERED);
    assert_int_equal(remove(place->path), 0);
    assert_int_equal(mkdir(place->path, 0700), 0);
    assert_fails(anchor->ops->get(anchor, &note), IO);
    assert_int_equal(note.len, 0);
    capsa_anchor_close(anchor);
}

static void a_place_that_cannot_be_written_is_told(void **state)
{
    const struct place *place = *state;
    struct capsa_anchor *anchor;
    char location[160];
    (void)snprintf(location, sizeof(location), "file:%s/not/there/anchor", place->dir);
    assert_fails(capsa_anchor_open(location, &anchor), IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_not_there_are_told_those_that_are),
        cmocka_unit_test_setup_teardown(an_anchor_moves_from_what_it_is_alone, up, down),
        cmocka_unit_test_setup_teardown(one_holder_at_a_time, up, down),
        cmocka_unit_test_setup_teardown(the_lease_ends_with_its_process, up, down),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_checkpoint_is_told, up, down),
        cmocka_unit_test_setup_teardown(a_place_that_cannot_be_written_is_told, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
