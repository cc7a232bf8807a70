/* SPDX-License-Identifier: Apache-2.0
 *
 * base: results, buffers, readers, secrets, time, log, files.
 */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/secret.h"
#include "base/time.h"

static capsa_result fail_with(const char *text)
{
    CAPSA_FAIL(MALFORMED, "field %s", text);
}

static void an_error_carries_code_place_and_message(void **state)
{
    (void)state;
    capsa_result result = fail_with("iv");
    assert_true(capsa_failed(result));
    assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
    assert_string_equal(capsa_text_of(result), "field iv");
    assert_non_null(strstr(result.error->file, "test_base.c"));
    result = capsa_error_within(result, "record %d", 3);
    assert_string_equal(capsa_text_of(result), "record 3: field iv");
    assert_int_equal(capsa_code_of(result), CAPSA_E_MALFORMED);
}

static void an_error_survives_the_failures_of_its_clean_up(void **state)
{
    (void)state;
    capsa_result first = fail_with("first");
    for (int i = 0; i < CAPSA_ERROR_RING - 1; i++) {
        capsa_ignore(fail_with("later"), "the test wants them in the ring");
    }
    assert_string_equal(capsa_text_of(first), "field first");
}

static void a_kept_error_is_made_again_and_lives_on(void **state)
{
    (void)state;
    struct capsa_error kept;
    capsa_error_keep(fail_with("100% iv"), &kept);
    const char *file = kept.file;
    int line = kept.line;
    capsa_result again = capsa_error_again(&kept);
    memset(&kept, 0, sizeof(kept));
    assert_int_equal(capsa_code_of(again), CAPSA_E_MALFORMED);
    assert_string_equal(capsa_text_of(again), "field 100% iv");
    assert_string_equal(again.error->file, file);
    assert_int_equal(again.error->line, line);
    capsa_error_keep(CAPSA_OK, &kept);
    assert_false(capsa_failed(capsa_error_again(&kept)));
}

static void a_hostile_name_cannot_forge_a_line(void **state)
{
    (void)state;
    capsa_result result = fail_with("a\nERROR forged\x1b[2J");
    assert_null(strchr(capsa_text_of(result), '\n'));
    assert_null(strchr(capsa_text_of(result), 0x1b));
}

static void a_message_is_well_formed_whatever_was_quoted(void **state)
{
    (void)state;
    static const char *const quoted[] = {
        "\xff", "\xc3", "\xc3(", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\x80"};
    for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
        const char *text = capsa_text_of(fail_with(quoted[i]));
        assert_non_null(strchr(text, '?'));
        for (const char *at = text; *at != '\0'; at++) {
            assert_true((unsigned char)*at < 0x80);
        }
    }
    assert_string_equal(capsa_text_of(fail_with("\xe2\x82\xac\xf0\x9f\x94\x91")),
                        "field \xe2\x82\xac\xf0\x9f\x94\x91");
}

static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    char name[CAPSA_ERROR_TEXT * 2 + 1];
    for (size_t i = 0; i + 1 < sizeof(name); i += 2) {
        memcpy(name + i, "\xc3\xa9", 2);
    }
    name[sizeof(name) - 1] = '\0';
    for (int pad = 0; pad < 2; pad++) {
        capsa_result result = fail_with(name + 2 * pad);
        const char *text = capsa_text_of(result);
        size_t len = strlen(text);
        assert_true(len < CAPSA_ERROR_TEXT);
        assert_int_equal((unsigned char)text[len - 1], 0xa9);
        result = capsa_error_within(result, "%s", pad == 0 ? "x" : "xy");
        len = strlen(capsa_text_of(result));
        assert_int_equal((unsigned char)capsa_text_of(result)[len - 1], 0xa9);
    }
}

static void a_buffer_refuses_to_pass_its_maximum_and_stays_as_it_was(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(5);
    assert_ok(capsa_buf_str(&buf, "abcd"));
    assert_fails(capsa_buf_str(&buf, "ef"), TOO_LARGE);
    assert_fails(capsa_buf_field(&buf, CAPSA_BYTES_LITERAL("e")), TOO_LARGE);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&buf), "abcd"));
    assert_ok(capsa_buf_u8(&buf, 'e'));
    const char *text;
    assert_ok(capsa_buf_cstr(&buf, &text));
    assert_string_equal(text, "abcde");
}

static void numbers_read_as_they_were_written(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(100);
    assert_ok(capsa_buf_be16(&buf, 0x0102));
    assert_ok(capsa_buf_be64(&buf, 0x0102030405060708));
    assert_ok(capsa_buf_le32(&buf, 0x01020304));
    assert_ok(capsa_buf_field(&buf, CAPSA_BYTES_LITERAL("xyz")));
    assert_int_equal(buf.data[0], 1);
    assert_int_equal(buf.data[10], 4);
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&buf));
    uint16_t two;
    uint64_t eight;
    uint32_t four;
    capsa_bytes field;
    assert_ok(capsa_read_be16(&reader, &two));
    assert_ok(capsa_read_be64(&reader, &eight));
    assert_ok(capsa_read_le32(&reader, &four));
    assert_fails(capsa_read_field(&reader, 2, &field), TOO_LARGE);
    assert_ok(capsa_read_field(&reader, 3, &field));
    assert_int_equal(two, 0x0102);
    assert_true(eight == 0x0102030405060708);
    assert_int_equal(four, 0x01020304);
    assert_true(capsa_bytes_is(field, "xyz"));
    assert_ok(capsa_read_end(&reader));
}

static void a_reader_says_where_the_input_ends(void **state)
{
    (void)state;
    struct capsa_reader reader = capsa_reader_of(CAPSA_BYTES_LITERAL("\0\0\0\x09"
                                                                     "ab"));
    capsa_bytes field;
    assert_fails(capsa_read_field(&reader, 100, &field), TRUNCATED);
    assert_int_equal(reader.at, 0);
    uint64_t eight = 7;
    assert_fails(capsa_read_be64(&reader, &eight), TRUNCATED);
    assert_int_equal(eight, 7);
}

static void reading_past_a_secret_faults(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct capsa_secret *secret = NULL;
        if (capsa_failed(capsa_secret_new(64, &secret))) {
            _exit(3);
        }
        capsa_secret_free(secret); /* the next has its place, and another length */
        if (capsa_failed(capsa_secret_new(32, &secret))) {
            _exit(3);
        }
        volatile const uint8_t *bytes = capsa_secret_borrow(secret).data;
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka and sanitizers catch it */
        _exit(bytes[32] == 0 ? 1 : 2);
    }
    int status;
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void a_secret_begins_as_zeros_whatever_was_there(void **state)
{
    (void)state;
    static const size_t lengths[] = {16, 4096, 32, 1, 100, 16, 8192, 4096};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct capsa_secret *secret = NULL;
        assert_ok(capsa_secret_new(lengths[i], &secret));
        for (size_t at = 0; at < lengths[i]; at++) {
            assert_int_equal(capsa_secret_borrow(secret).data[at], 0);
        }
        memset(capsa_secret_room(secret), 0xff, lengths[i]);
        capsa_secret_free(secret);
    }
}

static void secrets_that_are_there_at_once_share_nothing(void **state)
{
    (void)state;
    enum { MANY = 200 }; /* more than are kept for the next */
    struct capsa_secret *secrets[MANY];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            assert_ok(capsa_secret_new(32, &secrets[i]));
            memset(capsa_secret_room(secrets[i]), (int)i, 32);
        }
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(capsa_secret_borrow(secrets[i]).data[0], i);
            assert_int_equal(capsa_secret_borrow(secrets[i]).data[31], i);
            capsa_secret_free(secrets[i]);
        }
    }
}

static void a_process_that_forbids_dumps_leaves_none(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit core;
        bool forbidden = !capsa_failed(capsa_secret_forbid_dumps()) &&
                         getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
                         prctl(PR_GET_DUMPABLE) == 0;
        _exit(forbidden ? 0 : 1);
    }
    int status;
    assert_true(waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
}

static void secrets_compare_by_content_and_length(void **state)
{
    (void)state;
    CAPSA_AUTO_FREE(capsa_secret) a = NULL;
    CAPSA_AUTO_FREE(capsa_secret) b = NULL;
    assert_ok(capsa_secret_copy(CAPSA_BYTES_LITERAL("0123456789abcdef"), &a));
    assert_ok(capsa_secret_copy(CAPSA_BYTES_LITERAL("0123456789abcdef"), &b));
    assert_true(capsa_equal_ct(capsa_secret_borrow(a), capsa_secret_borrow(b)));
    capsa_secret_room(b)[15] ^= 1;
    assert_false(capsa_equal_ct(capsa_secret_borrow(a), capsa_secret_borrow(b)));
    capsa_secret_bytes shorter = capsa_secret_borrow(a);
    shorter.len--;
    assert_false(capsa_equal_ct(capsa_secret_borrow(a), shorter));
}

static void times_read_as_they_were_written(void **state)
{
    (void)state;
    char text[CAPSA_TIME_TEXT];
    capsa_time time;
    capsa_time_text(1692881752, text);
    assert_string_equal(text, "2023-08-24T12:55:52Z");
    assert_ok(capsa_time_parse(capsa_bytes_str(text), &time));
    assert_true(time == 1692881752);
    assert_ok(capsa_time_parse(CAPSA_BYTES_LITERAL("2023-08-24T14:55:52.25+02:00"), &time));
    assert_true(time == 1692881752);
    static const char *const bad[] = {
        "",
        "2023-08-24",
        "2023-02-30T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-08-24T24:00:00Z",
        "2023-08-24T12:55:52",
        "2023-08-24T12:55:52.Z",
        "2023-08-24T12:55:52Zx",
        "2023-08-24T12:55:52+2:00",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(capsa_failed(capsa_time_parse(capsa_bytes_str(bad[i]), &time)));
    }
    struct capsa_clock clock = capsa_clock_at(5);
    assert_true(capsa_now(&clock) == 5);
    clock.fixed = 6;
    assert_true(capsa_now(&clock) == 6);
}

static void a_log_line_is_one_line_and_rolls(void **state)
{
    (void)state;
    char directory[] = "/tmp/capsa-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct capsa_clock clock = capsa_clock_at(0);
    struct capsa_log_options options = {.level = CAPSA_LOG_INFO,
                                        .directory = directory,
                                        .file_name = "capsule_manager.log",
                                        .roll_at = 100,
                                        .clock = &clock};
    struct capsa_log *log;
    assert_ok(capsa_log_open(&options, &log));
    capsa_log_event(log, CAPSA_LOG_DEBUG, "hidden", CAPSA_LOG_INT("n", 1));
    capsa_log_event(log, CAPSA_LOG_WARN, "request", CAPSA_LOG_STR("name", "a b\n\"c\""),
                    CAPSA_LOG_INT("ms", 12));
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/capsule_manager.log", directory);
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(KIB(4));
    assert_ok(capsa_file_read(path, &content));
    assert_true(
        capsa_bytes_is(capsa_buf_bytes(&content),
                       "1970-01-01T00:00:00Z WARN  request name=\"a b?\\\"c\\\"\" ms=12\n"));
    capsa_log_event(log, CAPSA_LOG_INFO, "a-line-that-goes-over-the-limit", CAPSA_LOG_INT("n", 1));
    capsa_log_close(log);
    (void)snprintf(path, sizeof(path), "%s/capsule_manager.log.1", directory);
    capsa_buf_clear(&content);
    assert_ok(capsa_file_read(path, &content));
    assert_non_null(strstr((char *)content.data, "request"));
    test_remove_tree(directory);
}

static void a_file_is_complete_or_as_it_was(void **state)
{
    (void)state;
    char directory[] = "/tmp/capsa-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/file", directory);
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("one"), 0600, false));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_fails(capsa_file_write(path, CAPSA_BYTES_LITERAL("two"), 0600, false), EXISTS);
    {
        CAPSA_AUTO(capsa_file_out) out = {.fd = -1};
        assert_ok(capsa_file_out_open(path, 0600, true, &out));
        assert_ok(capsa_file_out_write(&out, CAPSA_BYTES_LITERAL("half")));
    }
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(100);
    assert_ok(capsa_file_read(path, &content));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&content), "one"));
    assert_int_equal(test_count_files(directory), 1);
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("three"), 0644, true));
    CAPSA_AUTO(capsa_buf) small = capsa_buf_of(4);
    assert_fails(capsa_file_read(path, &small), TOO_LARGE);
    test_remove_tree(directory);
}

static void a_link_stays_and_what_it_names_is_written(void **state)
{
    (void)state;
    char directory[] = "/tmp/capsa-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char path[100];
    char link[100];
    char missing[100];
    (void)snprintf(path, sizeof(path), "%s/file", directory);
    (void)snprintf(link, sizeof(link), "%s/link", directory);
    (void)snprintf(missing, sizeof(missing), "%s/none/file", directory);
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("one"), 0600, false));
    assert_int_equal(symlink("file", link), 0);
    assert_fails(capsa_file_write(link, CAPSA_BYTES_LITERAL("two"), 0600, false), EXISTS);
    assert_ok(capsa_file_write(link, CAPSA_BYTES_LITERAL("two"), 0600, true));
    struct stat status;
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    CAPSA_AUTO(capsa_buf) content = capsa_buf_of(100);
    assert_ok(capsa_file_read(path, &content));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&content), "two"));
    struct capsa_file_place place;
    assert_fails(capsa_file_place_find(directory, &place), IO);
    assert_fails(capsa_file_place_find(missing, &place), IO);
    assert_int_equal(unlink(path), 0);
    assert_fails(capsa_file_write(link, CAPSA_BYTES_LITERAL("x"), 0600, true), IO);
    test_remove_tree(directory);
}

static void a_fifo_is_written_and_stays(void **state)
{
    (void)state;
    char directory[] = "/tmp/capsa-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    struct capsa_file_place place;
    assert_ok(capsa_file_place_find(path, &place));
    assert_true(place.direct && !place.exists);
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("x"), 0600, false));
    assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("y"), 0600, true));
    char got[4];
    assert_int_equal(read(reader, got, sizeof(got)), 2);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
    assert_int_equal(test_count_files(directory), 1);
    (void)close(reader);
    test_remove_tree(directory);
}

static void a_file_that_appears_meanwhile_is_spared(void **state)
{
    (void)state;
    char directory[] = "/tmp/capsa-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/file", directory);
    {
        CAPSA_AUTO(capsa_file_out) out = {.fd = -1};
        assert_ok(capsa_file_out_open(path, 0600, false, &out));
        assert_ok(capsa_file_out_write(&out, CAPSA_BYTES_LITERAL("late")));
        assert_ok(capsa_file_write(path, CAPSA_BYTES_LITERAL("first"), 0600, false));
        assert_fails(capsa_file_out_commit(&out), EXISTS);
    }
    {
        CAPSA_AUTO(capsa_file_out) out = {.fd = -1};
        assert_ok(capsa_file_out_open(path, 0600, true, &out));
        out.replace = false;
        assert_int_equal(unlink(path), 0);
        assert_int_equal(unlink(out.temporary), 0);
        assert_fails(capsa_file_out_commit(&out), IO); /* not EXISTS: nothing does */
    }
    assert_int_equal(test_count_files(directory), 0);
    test_remove_tree(directory);
}

static int refuse_all(size_t size)
{
    (void)size;
    return 1;
}

static void no_memory_is_an_error_and_changes_nothing(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) buf = capsa_buf_of(1000);
    assert_ok(capsa_buf_str(&buf, "abc"));
    char long_text[200];
    memset(long_text, 'x', sizeof(long_text));
    capsa_alloc_set_hook(refuse_all);
    capsa_result result = capsa_buf_append(&buf, capsa_bytes_of(long_text, sizeof(long_text)));
    capsa_alloc_set_hook(NULL);
    assert_fails(result, NOMEM);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&buf), "abc"));
}

static void every_limit_says_what_it_stops(void **state)
{
    (void)state;
    for (size_t i = 0; i < capsa_limits_count; i++) {
        assert_true(strlen(capsa_limits[i].stops) > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_carries_code_place_and_message),
        cmocka_unit_test(an_error_survives_the_failures_of_its_clean_up),
        cmocka_unit_test(a_kept_error_is_made_again_and_lives_on),
        cmocka_unit_test(a_hostile_name_cannot_forge_a_line),
        cmocka_unit_test(a_message_is_well_formed_whatever_was_quoted),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(a_buffer_refuses_to_pass_its_maximum_and_stays_as_it_was),
        cmocka_unit_test(numbers_read_as_they_were_written),
        cmocka_unit_test(a_reader_says_where_the_input_ends),
        cmocka_unit_test(reading_past_a_secret_faults),
        cmocka_unit_test(a_secret_begins_as_zeros_whatever_was_there),
        cmocka_unit_test(secrets_that_are_there_at_once_share_nothing),
        cmocka_unit_test(a_process_that_forbids_dumps_leaves_none),
        cmocka_unit_test(secrets_compare_by_content_and_length),
        cmocka_unit_test(times_read_as_they_were_written),
        cmocka_unit_test(a_log_line_is_one_line_and_rolls),
        cmocka_unit_test(a_file_is_complete_or_as_it_was),
        cmocka_unit_test(a_link_stays_and_what_it_names_is_written),
        cmocka_unit_test(a_fifo_is_written_and_stays),
        cmocka_unit_test(a_file_that_appears_meanwhile_is_spared),
        cmocka_unit_test(no_memory_is_an_error_and_changes_nothing),
        cmocka_unit_test(every_limit_says_what_it_stops),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
