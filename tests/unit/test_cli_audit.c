/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa audit verify on files, by its exit status; and entries as lines. Which fault is which is
 * the verifier's affair (test_audit_file.c): here it is that the command tells it, and whose log it
 * is.
 */
#include "fake_manager.h"

#include <stdlib.h>

#include "audit/audit_file.h"
#include "base/file.h"
#include "cli/cli_explain.h"
#include "cli/cli_print.h"

#define ENTRIES 6

struct scene {
    struct fake_manager *fake;
    struct capsa_private_key *rsa;
    char folder[40];
    char path[80];
    char since[80];
    char memory[80];
};

static int scene_open(void **state)
{
    struct scene *scene = CAPSA_NEW(struct scene);
    assert_non_null(scene);
    assert_ok(capsa_private_key_new_rsa(2048, &scene->rsa));
    scene->fake = fake_new(scene->rsa, "simulation");
    while (scene->fake->count < ENTRIES) {
        fake_add(scene->fake, CAPSA_AUDIT_UPKEEP, "", "{}");
    }
    (void)snprintf(scene->folder, sizeof(scene->folder), "/tmp/capsa-audit-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    (void)snprintf(scene->path, sizeof(scene->path), "%s/log", scene->folder);
    (void)snprintf(scene->since, sizeof(scene->since), "%s/since", scene->folder);
    (void)snprintf(scene->memory, sizeof(scene->memory), "%s/memory", scene->folder);
    *state = scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    test_remove_tree(scene->folder);
    fake_free(scene->fake);
    capsa_private_key_free(scene->rsa);
    capsa_dealloc(scene);
    return 0;
}

/* The log of the fake as a file holds it. */
static void write_log(const struct fake_manager *fake, capsa_buf *text)
{
    assert_ok(capsa_audit_line_first(text));
    assert_ok(capsa_audit_line_genesis(capsa_buf_bytes(&fake->genesis), text));
    for (size_t i = 0; i < fake->count; i++) {
        assert_ok(capsa_audit_line_entry(i, capsa_bytes_of(fake->entries[i].leaf, CAPSA_AUDIT_LEAF),
                                         text));
    }
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(2));
    fake_note(fake, fake->count, &note);
    assert_ok(capsa_audit_line_checkpoint(capsa_buf_bytes(&note), text));
}

/* Exit status of `capsa audit verify FILE [option value]`. */
static int verify(const struct scene *scene, const capsa_buf *text, const char *option,
                  const char *value)
{
    assert_ok(capsa_file_write(scene->path, capsa_buf_bytes(text), 0600, true));
    const char *words[] = {"capsa", "audit", "verify", scene->path, option, value, NULL};
    union {
        const char **in;
        char *const *out;
    } argv = {.in = words};
    const struct capsa_cli_places places = {.memory = scene->memory};
    return capsa_cli_main(option == NULL ? 4 : 6, argv.out, &places, NULL);
}

/* The number-th line, from 0. */
static uint8_t *line_at(capsa_buf *text, size_t number)
{
    size_t at = 0;
    for (; number > 0; number--) {
        at += capsa_bytes_find(capsa_bytes_from(capsa_buf_bytes(text), at), '\n') + 1;
    }
    assert_true(at < text->len);
    return text->data + at;
}

#define LINE_OF_ENTRY(index) ((index) + 2)

static void a_sound_log_is_told_by_status_0(void **state)
{
    const struct scene *scene = *state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    write_log(scene->fake, &text);
    assert_int_equal(verify(scene, &text, NULL, NULL), 0);
    assert_int_equal(verify(scene, &text, "--manager-id", scene->fake->id), 0);
    assert_int_equal(verify(scene, &text, "-o", "json"), 0);
}

static void the_log_of_another_manager_is_refused(void **state)
{
    const struct scene *scene = *state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    write_log(scene->fake, &text);
    char other[CAPSA_MANAGER_ID];
    memset(other, 'a', sizeof(other) - 1);
    other[sizeof(other) - 1] = '\0';
    assert_int_equal(verify(scene, &text, "--manager-id", other), 2);
}

static void each_kind_of_damage_has_its_status(void **state)
{
    const struct scene *scene = *state;
    for (size_t index = 0; index < ENTRIES; index++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
        write_log(scene->fake, &text);
        uint8_t *line = line_at(&text, LINE_OF_ENTRY(index));
        line[20] = line[20] == 'A' ? 'B' : 'A'; /* in its hash */
        assert_int_equal(verify(scene, &text, NULL, NULL), CAPSA_AUDIT_EDITED);
        line[20] = '!'; /* not even base64 */
        assert_int_equal(verify(scene, &text, NULL, NULL), CAPSA_AUDIT_EDITED);
    }
    CAPSA_AUTO(capsa_buf) removed = capsa_buf_of(KIB(64));
    write_log(scene->fake, &removed);
    uint8_t *from = line_at(&removed, LINE_OF_ENTRY(2));
    size_t len = (size_t)(line_at(&removed, LINE_OF_ENTRY(3)) - from);
    memmove(from, from + len, removed.len - (size_t)(from - removed.data) - len);
    capsa_buf_cut(&removed, removed.len - len);
    assert_int_equal(verify(scene, &removed, NULL, NULL), CAPSA_AUDIT_REMOVED);
    CAPSA_AUTO(capsa_buf) bare = capsa_buf_of(KIB(64));
    write_log(scene->fake, &bare);
    capsa_buf_cut(&bare, (size_t)(line_at(&bare, LINE_OF_ENTRY(ENTRIES)) - bare.data));
    assert_int_equal(verify(scene, &bare, NULL, NULL), CAPSA_AUDIT_UNSIGNED);
    assert_ok(capsa_buf_str(&bare, "checkpoint !!\n"));
    assert_int_equal(verify(scene, &bare, NULL, NULL), CAPSA_AUDIT_UNSIGNED);
}

static void what_is_no_log_is_bad_input(void **state)
{
    static const char *const texts[] = {"",
                                        "x\n",
                                        "capsa-audit-log 1\n",
                                        "capsa-audit-log 2\n",
                                        "capsa-audit-log 1\ngenesis AAAA\n",
                                        "capsa-audit-log 1\ncheckpoint AAAA\n"};
    const struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(1));
        assert_ok(capsa_buf_str(&text, texts[i]));
        int status = verify(scene, &text, NULL, NULL);
        assert_true(status > 0 && status < CAPSA_AUDIT_EDITED);
    }
    CAPSA_AUTO(capsa_buf) twice = capsa_buf_of(KIB(64));
    write_log(scene->fake, &twice);
    assert_ok(capsa_audit_line_genesis(capsa_buf_bytes(&scene->fake->genesis), &twice));
    assert_int_equal(verify(scene, &twice, NULL, NULL), 1);
}

static void keep_since(const struct scene *scene, const struct fake_manager *fake, size_t size)
{
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(2));
    fake_note(fake, size, &note);
    assert_ok(capsa_file_write(scene->since, capsa_buf_bytes(&note), 0600, true));
}

static void a_log_is_compared_with_an_earlier_checkpoint(void **state)
{
    const struct scene *scene = *state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    write_log(scene->fake, &text);
    keep_since(scene, scene->fake, 3);
    assert_int_equal(verify(scene, &text, "--since", scene->since), 0);
    scene->fake->entries[1].leaf[30] ^= 1; /* another past */
    keep_since(scene, scene->fake, 3);
    scene->fake->entries[1].leaf[30] ^= 1;
    assert_int_equal(verify(scene, &text, "--since", scene->since), CAPSA_AUDIT_FORKED);
    scene->fake->lie = FAKE_CHECKPOINT_SIGNED_BY_ANOTHER;
    keep_since(scene, scene->fake, 3);
    scene->fake->lie = FAKE_HONEST;
    assert_int_equal(verify(scene, &text, "--since", scene->since), 2);
}

static void a_log_is_compared_with_what_was_kept_of_it(void **state)
{
    const struct scene *scene = *state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    write_log(scene->fake, &text);
    assert_int_equal(verify(scene, &text, "--since", "known"), 1); /* nothing was kept */
    const struct capsa_client_memory memory = {scene->memory};
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(KIB(2));
    fake_note(scene->fake, 4, &note);
    bool done;
    assert_ok(capsa_memory_advance(&memory, scene->fake->id, (capsa_bytes){NULL, 0},
                                   capsa_buf_bytes(&note), &done));
    assert_int_equal(verify(scene, &text, "--since", "known"), 0);
    fake_add(scene->fake, CAPSA_AUDIT_UPKEEP, "", "{}");
    capsa_buf_clear(&note);
    fake_note(scene->fake, ENTRIES + 1, &note);
    scene->fake->count--;
    assert_ok(capsa_file_write(scene->since, capsa_buf_bytes(&note), 0600, true));
    assert_int_equal(verify(scene, &text, "--since", scene->since), CAPSA_AUDIT_CUT);
}

static void an_entry_is_told_in_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *details, *line;
    } cases[] = {
        {"{}", ""},
        {"{\"op_name\":\"join\",\"resources\":[{\"resource_uri\":\"t\",\"columns\":[\"a\",\"b\"]},"
         "{\"resource_uri\":\"u\"}],\"signer\":\"BOB\",\"reason\":\"no\"}",
         "join on t (a, b), u by BOB - no"},
        {"{\"data_uuid\":\"t\",\"rule_id\":\"r\",\"scope\":\"s\",\"reason\":\"\"}", "on t rule r"},
        {"{\"resources\":[7,null,{\"x\":1}],\"signer\":null}", "on 7, null, {\"x\":1}"},
        {"[1]", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO_FREE(capsa_json) details = NULL;
        assert_ok(capsa_json_parse(capsa_bytes_str(cases[i].details), &details));
        CAPSA_AUTO(capsa_buf) line = capsa_buf_of(KIB(1));
        assert_ok(capsa_cli_entry_line(details, &line));
        const char *text;
        assert_ok(capsa_buf_cstr(&line, &text));
        assert_string_equal(text, cases[i].line);
    }
}

#define with_scene(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_scene(a_sound_log_is_told_by_status_0),
        with_scene(the_log_of_another_manager_is_refused),
        with_scene(each_kind_of_damage_has_its_status),
        with_scene(what_is_no_log_is_bad_input),
        with_scene(a_log_is_compared_with_an_earlier_checkpoint),
        with_scene(a_log_is_compared_with_what_was_kept_of_it),
        cmocka_unit_test(an_entry_is_told_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
