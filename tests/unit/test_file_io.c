/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing and opening files: threads, pipes, progress, and what is left at the destination when
 * something fails.
 */
#include "file_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "envelope/envelope_file_format.h"

/* ---- threads and pipes ----------------------------------------------------------------------- */

static void the_number_of_threads_makes_no_difference(void **state)
{
    (void)state;
    static const unsigned threads[] = {1, 4, 16, 1000};
    put_made("plain", MIB(9) + 12345);
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned i = 0; i < 4; i++) {
            struct capsa_file_options sealing = *formats[f];
            struct capsa_file_options opening = {.threads = threads[3 - i], .replace = true};
            sealing.threads = threads[i];
            sealing.replace = true;
            assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &sealing));
            assert_ok(capsa_file_open(at("sealed"), at("opened"), key, &opening));
            assert_same("plain", "opened");
        }
    }
}

/* The format's largest chunk with many threads stays within the limit on buffers, and works. */
static void the_largest_chunk_opens(void **state)
{
    (void)state;
    struct capsa_file_options large = {.chunk = CAPSA_FILE_CHUNK_MAX, .threads = 16};
    put_made("plain", 3 * CAPSA_FILE_CHUNK_MAX + 1);
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &large));
    assert_ok(reopen("sealed", &(struct capsa_file_options){.threads = 16}));
    assert_same("plain", "opened");
}

struct feeder {
    const char *from, *to;
};

/* Writes one file into a pipe in pieces that fit nothing. */
static void *feed(void *argument)
{
    const struct feeder *feeder = argument;
    int from = open(feeder->from, O_RDONLY | O_CLOEXEC);
    int to = open(feeder->to, O_WRONLY | O_CLOEXEC);
    uint8_t bytes[4099];
    ssize_t got = from < 0 || to < 0 ? -1 : read(from, bytes, sizeof(bytes));
    while (got > 0 && write(to, bytes, (size_t)got) == got) {
        got = read(from, bytes, sizeof(bytes));
    }
    (void)close(from);
    (void)close(to);
    return NULL;
}

/* Seal or open with a pipe as source and, for "-", a file that was given as standard output. */
static capsa_result through_pipe(bool sealing, const char *from, const char *destination,
                                 const struct capsa_file_options *options)
{
    char source[128];
    char path[128];
    (void)snprintf(source, sizeof(source), "%s", at(from));
    (void)snprintf(path, sizeof(path), "%s", at("pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    struct feeder feeder = {source, path};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, feed, &feeder), 0);
    capsa_result result = sealing ? capsa_file_seal(path, destination, key, options)
                                  : capsa_file_open(path, destination, key, options);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(unlink(path), 0);
    return result;
}

static int stdout_to(const char *name)
{
    (void)fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(kept >= 0 && fd >= 0);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(fd);
    return kept;
}

static void stdout_back(int kept)
{
    assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(kept);
}

static void pipes_carry_what_files_do(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,        1,      CHUNK,      CHUNK + 1,  8126,
                                   2 * 8126, MIB(1), MIB(1) + 1, 129 * 8126, MIB(5) + 3};
    struct capsa_file_options any = {.threads = 3, .replace = true};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        put_made("plain", sizes[i]);
        for (unsigned f = 0; f < 2; f++) {
            struct capsa_file_options sealing = *formats[f];
            sealing.threads = 3;
            sealing.replace = true;
            assert_ok(through_pipe(true, "plain", at("sealed"), &sealing));
            assert_ok(through_pipe(false, "sealed", at("opened"), &any));
            assert_same("plain", "opened");
            int kept = stdout_to("sealed");
            capsa_result sealed = capsa_file_seal(at("plain"), "-", key, &sealing);
            stdout_back(kept);
            if (f == 1 && sizes[i] == 0) { /* may be a kernel's file: its size is not known */
                assert_fails(sealed, UNSUPPORTED);
                continue;
            }
            assert_ok(sealed);
            kept = stdout_to("opened");
            capsa_result opened = through_pipe(false, "sealed", "-", &any);
            stdout_back(kept);
            assert_ok(opened);
            assert_same("plain", "opened");
        }
    }
    assert_int_equal(test_count_files(folder), 3);
}

static void a_cut_pipe_is_refused_too(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(MIB(4));
    static const size_t lengths[] = {0, 10, 20, 76, 1000, 76 + 2 * (CHUNK + 16), 20 + 3 * 8192};
    for (unsigned f = 0; f < 2; f++) {
        put_made("plain", MIB(1) + 1);
        (void)unlink(at("sealed"));
        assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, formats[f]));
        get("sealed", &sealed);
        for (unsigned i = 0; i < 7; i++) {
            put("cut", capsa_bytes_of(sealed.data, lengths[i]));
            assert_true(capsa_failed(through_pipe(false, "cut", at("opened"), NULL)));
        }
        assert_ok(capsa_buf_u8(&sealed, 0));
        put("cut", capsa_buf_bytes(&sealed));
        assert_true(capsa_failed(through_pipe(false, "cut", at("opened"), NULL)));
    }
    assert_nothing_left(3);
}

/* A pipe's size is not known beforehand, so the count is met block by block. */
static void the_count_of_sdc1_holds_in_a_pipe(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(KIB(64));
    put_made("plain", (size_t)3 * 8126);
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &sdc1));
    get("sealed", &sealed);
    put("cut", capsa_bytes_of(sealed.data, 20 + 2 * 8192));
    assert_fails(through_pipe(false, "cut", at("opened"), NULL), TRUNCATED);
    put("cut", capsa_bytes_of(sealed.data, 20 + 2 * 8192 + 65));
    assert_fails(through_pipe(false, "cut", at("opened"), NULL), TRUNCATED);
    assert_ok(capsa_buf_u8(&sealed, 0));
    put("cut", capsa_buf_bytes(&sealed));
    assert_fails(through_pipe(false, "cut", at("opened"), NULL), MALFORMED);
    capsa_buf_cut(&sealed, sealed.len - 1);
    CAPSA_AUTO(capsa_buf) block = capsa_buf_of(8192);
    assert_ok(capsa_buf_append(&block, capsa_bytes_of(sealed.data + 20, 8192)));
    assert_ok(capsa_buf_append(&sealed, capsa_buf_bytes(&block))); /* an authentic one */
    put("cut", capsa_buf_bytes(&sealed));
    assert_fails(through_pipe(false, "cut", at("opened"), NULL), MALFORMED);
    assert_nothing_left(3);
}

static void sdc1_from_a_pipe_to_standard_output_is_refused_before_any_output(void **state)
{
    (void)state;
    put_made("plain", 30);
    int kept = stdout_to("out");
    capsa_result sealed = through_pipe(true, "plain", "-", &sdc1);
    stdout_back(kept);
    assert_fails(sealed, UNSUPPORTED);
    assert_holds("out", "");
}

/* ---- the destination ------------------------------------------------------------------------- */

static void a_file_seals_and_opens_in_place(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        struct capsa_file_options here = *formats[f];
        struct capsa_file_options any = {.replace = true};
        here.replace = true;
        put_made("plain", 3 * MIB(1));
        put_made("file", 3 * MIB(1));
        assert_int_equal(chmod(at("file"), 0640), 0);
        (void)unlink(at("link"));
        assert_int_equal(symlink("file", at("link")), 0);
        assert_ok(capsa_file_seal(at("link"), at("link"), key, &here));
        struct stat status;
        assert_int_equal(lstat(at("link"), &status), 0);
        assert_true(S_ISLNK(status.st_mode)); /* the plaintext does not live on behind the link */
        struct capsa_file_info info;
        assert_ok(capsa_file_show(at("file"), &info));
        assert_ok(capsa_file_open(at("file"), at("file"), key, &any));
        assert_same("plain", "file");
        assert_int_equal(stat(at("file"), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0640);
    }
}

static void failing_in_place_leaves_the_file_as_it_was(void **state)
{
    (void)state;
    struct capsa_file_options here = {.replace = true};
    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(MIB(4));
    put_made("plain", 3 * MIB(1));
    assert_ok(capsa_file_seal(at("plain"), at("file"), key, &here));
    get("file", &sealed);
    sealed.data[sealed.len - 1] ^= 1;
    put("file", capsa_buf_bytes(&sealed));
    put("copy", capsa_buf_bytes(&sealed));
    assert_fails(capsa_file_open(at("file"), at("file"), key, &here), UNAUTHENTIC);
    assert_same("copy", "file");
    assert_int_equal(test_count_files(folder), 3);
}

static unsigned mode_of(const char *name)
{
    struct stat status;
    assert_int_equal(stat(at(name), &status), 0);
    return status.st_mode & 07777;
}

static void opened_data_is_its_owners_alone(void **state)
{
    (void)state;
    put_made("plain", 10);
    assert_int_equal(chmod(at("plain"), 0755), 0);
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, NULL));
    assert_int_equal(mode_of("sealed"), 0644);
    assert_ok(reopen("sealed", NULL));
    assert_int_equal(mode_of("opened"), 0600);
    assert_ok(reopen("sealed", &(struct capsa_file_options){.mode = 0640}));
    assert_int_equal(mode_of("opened"), 0640);
}

static void what_is_no_destination_or_source_is_said_so(void **state)
{
    (void)state;
    struct capsa_file_options replace = {.replace = true};
    put_made("plain", 10);
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, NULL));
    assert_fails(capsa_file_seal(at("plain"), at("sealed"), key, NULL), EXISTS);
    assert_fails(capsa_file_seal(at("plain"), folder, key, &replace), IO);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0); /* a device would be the same, but dearer */
    assert_fails(capsa_file_seal(at("plain"), at("fifo"), key, &replace), IO);
    assert_int_equal(unlink(at("fifo")), 0);
    assert_fails(capsa_file_seal(at("plain"), at("none/x"), key, &replace), IO);
    assert_fails(capsa_file_seal(at("none"), at("x"), key, &replace), IO);
    assert_fails(capsa_file_seal(folder, at("x"), key, &replace), IO);
    assert_fails(capsa_file_open(at("plain"), at("x"), key, &replace), MALFORMED);
    assert_int_equal(symlink("none", at("dangling")), 0);
    assert_fails(capsa_file_seal(at("plain"), at("dangling"), key, &replace), IO);
    assert_int_equal(unlink(at("dangling")), 0);
    assert_int_equal(test_count_files(folder), 2);
}

/* ---- failures on the way --------------------------------------------------------------------- */

/* The limit on a file's size stands in for a full disk: both fail in the same calls. */
static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    put_made("plain", MIB(3));
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, NULL));
    struct rlimit before;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {MIB(2), before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    capsa_result sealed = capsa_file_seal(at("plain"), at("opened"), key, NULL);
    capsa_result piped = through_pipe(true, "plain", at("opened"), NULL); /* found while writing */
    capsa_result opened = capsa_file_open(at("sealed"), at("opened"), key, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_fails(sealed, IO);
    assert_fails(piped, IO);
    assert_fails(opened, IO);
    assert_non_null(strstr(capsa_text_of(piped), "opened"));
    assert_nothing_left(2);
}

static int no_randomness(size_t len)
{
    return len == sizeof(((struct capsa_file_hand *)NULL)->ivs) || len == CAPSA_FILE_SALT;
}

static void without_randomness_nothing_is_sealed(void **state)
{
    (void)state;
    put_made("plain", MIB(1));
    capsa_random_set_hook(no_randomness);
    capsa_result one = capsa_file_seal(at("plain"), at("opened"), key, &own);
    capsa_result two = capsa_file_seal(at("plain"), at("opened"), key, &sdc1);
    capsa_random_set_hook(NULL);
    assert_true(capsa_failed(one));
    assert_true(capsa_failed(two));
    assert_nothing_left(1);
}

static atomic_int allocations_left;

static int allocation_hook(size_t size)
{
    (void)size;
    return atomic_fetch_sub(&allocations_left, 1) <= 0;
}

static void no_memory_is_an_error_and_leaves_nothing_behind(void **state)
{
    (void)state;
    struct capsa_file_options opening = {.threads = 2};
    put_made("plain", MIB(3));
    assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, NULL));
    for (int n = 0;; n++) {
        assert_true(n < 1000);
        atomic_store(&allocations_left, n);
        capsa_alloc_set_hook(allocation_hook);
        capsa_result opened = capsa_file_open(at("sealed"), at("opened"), key, &opening);
        capsa_alloc_set_hook(NULL);
        if (!capsa_failed(opened)) {
            break;
        }
        assert_fails(opened, NOMEM);
        assert_nothing_left(2);
    }
    assert_same("plain", "opened");
}

struct told {
    uint64_t done, total;
    unsigned calls;
    unsigned stop_at; /* 0: never */
    const char *cut;  /* a file to change at the first call */
    off_t cut_to;
};

static bool tell(void *context, uint64_t done, uint64_t total)
{
    struct told *told = context;
    assert_true(done >= told->done);
    assert_true(total == 0 || done <= total);
    told->done = done;
    told->total = total;
    told->calls++;
    if (told->calls == 1 && told->cut != NULL) {
        assert_int_equal(truncate(told->cut, told->cut_to), 0);
    }
    return told->calls != told->stop_at;
}

static void progress_only_rises_and_ends_at_the_total(void **state)
{
    (void)state;
    put_made("plain", MIB(5) + 1);
    for (unsigned f = 0; f < 2; f++) {
        struct told told = {0};
        struct capsa_file_options options = *formats[f];
        options.progress = tell;
        options.context = &told;
        options.replace = true;
        assert_ok(capsa_file_seal(at("plain"), at("sealed"), key, &options));
        assert_int_equal(told.total, MIB(5) + 1);
        assert_int_equal(told.done, told.total);
        assert_true(told.calls > 1);
        struct stat status;
        assert_int_equal(stat(at("sealed"), &status), 0);
        told = (struct told){0};
        options.format = CAPSA_FILE_ANY;
        assert_ok(capsa_file_open(at("sealed"), at("opened"), key, &options));
        assert_int_equal(told.total, status.st_size);
        assert_int_equal(told.done, told.total);
        told = (struct told){0};
        assert_ok(through_pipe(false, "sealed", at("opened"), &options));
        assert_int_equal(told.done, status.st_size);
        assert_int_equal(told.total, status.st_size);
    }
}

static void progress_can_stop_the_work(void **state)
{
    (void)state;
    put_made("plain", MIB(5));
    for (unsigned stop_at = 1; stop_at < 4; stop_at++) {
        struct told told = {.stop_at = stop_at};
        struct capsa_file_options options = {.progress = tell, .context = &told, .threads = 1};
        assert_fails(capsa_file_seal(at("plain"), at("opened"), key, &options), CANCELLED);
        assert_nothing_left(1);
    }
}

static void a_source_that_changes_meanwhile_is_refused(void **state)
{
    (void)state;
    static const off_t sizes[] = {1000, (off_t)MIB(3) - 1, (off_t)MIB(6)};
    for (unsigned i = 0; i < 3; i++) {
        put_made("plain", MIB(4));
        struct told told = {.cut = at("plain"), .cut_to = sizes[i]};
        struct capsa_file_options options = {.progress = tell, .context = &told, .threads = 1};
        assert_fails(capsa_file_seal(at("plain"), at("opened"), key, &options), IO);
        assert_nothing_left(1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(the_number_of_threads_makes_no_difference),
        in_folder(the_largest_chunk_opens),
        in_folder(pipes_carry_what_files_do),
        in_folder(a_cut_pipe_is_refused_too),
        in_folder(the_count_of_sdc1_holds_in_a_pipe),
        in_folder(sdc1_from_a_pipe_to_standard_output_is_refused_before_any_output),
        in_folder(a_file_seals_and_opens_in_place),
        in_folder(failing_in_place_leaves_the_file_as_it_was),
        in_folder(opened_data_is_its_owners_alone),
        in_folder(what_is_no_destination_or_source_is_said_so),
        in_folder(a_full_disk_leaves_nothing_behind),
        in_folder(without_randomness_nothing_is_sealed),
        in_folder(no_memory_is_an_error_and_leaves_nothing_behind),
        in_folder(progress_only_rises_and_ends_at_the_total),
        in_folder(progress_can_stop_the_work),
        in_folder(a_source_that_changes_meanwhile_is_refused),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* pipes whose reader fails early */
    return cmocka_run_group_tests_name("file_io", tests, NULL, NULL);
}
