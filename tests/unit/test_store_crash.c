/* SPDX-License-Identifier: Apache-2.0
 *
 * store: kill -9 at any moment. A child commits numbered batches from several threads and tells
 * each one through a pipe once its commit has returned; the parent kills it after a random number
 * of those, opens what is left, and finds everything that was told, and no batch in part. The store
 * lives through all rounds, the first of which kill its making. CAPSA_FULL=1 runs 1,000 rounds.
 *
 * What this cannot show is a power cut: the system's cache outlives a process. That a commit waits
 * for the disk is asked of SQLite when the store opens (capsa_sqlite_make_durable).
 */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "store/store_sealed.h"
#include "store/store_writer.h"
#include "store_fixture.h"

#define THREADS 4
#define KEPT    5 /* a batch removes the records of the one that lies so far back */

struct told {
    uint32_t thread;
    uint64_t number;
};

/* ---- The child ------------------------------------------------------------------------------- */

struct worker {
    struct capsa_writer *writer;
    int pipe;
    uint32_t thread;
    uint64_t from;
};

static capsa_result add_halves(struct capsa_batch *batch, const char *thread, uint64_t number)
{
    static const char *const halves[] = {"a", "b"};
    char name[24];
    (void)snprintf(name, sizeof(name), "%" PRIu64, number);
    for (size_t i = 0; i < 2; i++) {
        const struct capsa_record_key key =
            CAPSA_RECORD_KEY("default", "half", thread, halves[i], name);
        CAPSA_TRY(capsa_batch_put(batch, &key, 0, NULL, capsa_bytes_str(name)));
    }
    if (number <= KEPT) {
        return CAPSA_OK;
    }
    (void)snprintf(name, sizeof(name), "%" PRIu64, number - KEPT);
    for (size_t i = 0; i < 2; i++) {
        const struct capsa_record_key key =
            CAPSA_RECORD_KEY("default", "half", thread, halves[i], name);
        CAPSA_TRY(capsa_batch_remove(batch, &key, 1));
    }
    return CAPSA_OK;
}

/* Both halves of `number`, and the counter of the thread, which is also its version. */
static capsa_result commit_number(struct worker *worker, uint64_t number)
{
    char thread[8], text[24];
    (void)snprintf(thread, sizeof(thread), "%u", worker->thread);
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    const struct capsa_record_key counter = CAPSA_RECORD_KEY("default", "counter", thread);
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(add_halves(batch, thread, number));
    CAPSA_TRY(capsa_batch_put(batch, &counter, number - 1, NULL, capsa_bytes_str(text)));
    return capsa_writer_commit(worker->writer, batch);
}

static void *work(void *context)
{
    struct worker *worker = context;
    for (uint64_t number = worker->from + 1;; number++) {
        capsa_result result = commit_number(worker, number);
        const struct told told = {worker->thread, number};
        if (capsa_failed(result) || write(worker->pipe, &told, sizeof(told)) != sizeof(told)) {
            (void)fprintf(stderr, "child: %s\n", capsa_text_of(result));
            _exit(1);
        }
    }
    return NULL;
}

static capsa_result counter_of(struct capsa_store *store, uint32_t thread, uint64_t *ret_number)
{
    char name[8];
    (void)snprintf(name, sizeof(name), "%u", thread);
    const struct capsa_record_key key = CAPSA_RECORD_KEY("default", "counter", name);
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(capsa_store_find(store, &key, &record));
    *ret_number = record.version;
    return CAPSA_OK;
}

static capsa_result child(const char *location, const char *root, int out)
{
    struct capsa_store *store = NULL;
    struct capsa_writer *writer = NULL;
    CAPSA_TRY(test_store_open(location, root, &store));
    CAPSA_TRY(capsa_writer_new(store, NULL, &writer));
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.writer = writer, .pipe = out, .thread = i};
        CAPSA_TRY(counter_of(store, i, &workers[i].from));
    }
    for (size_t i = 0; i < THREADS; i++) {
        CAPSA_REQUIRE(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, INTERNAL,
                      "cannot start a thread");
    }
    (void)pthread_join(threads[0], NULL); /* never: the parent kills us */
    return CAPSA_OK;
}

/* ---- The parent ------------------------------------------------------------------------------ */

struct sums {
    uint64_t last[THREADS]; /* highest number told, or found */
    uint64_t total;
};

static bool read_told(int in, struct sums *sums)
{
    struct told told;
    ssize_t got = read(in, &told, sizeof(told));
    if (got != sizeof(told)) {
        return false;
    }
    assert_true(told.thread < THREADS);
    assert_int_equal(told.number, sums->last[told.thread] + 1);
    sums->last[told.thread] = told.number;
    sums->total++;
    return true;
}

/* Runs the child until it has told `wanted` numbers, or for `ms` at most, and kills it. */
static void run_and_kill(const char *location, const char *root, unsigned wanted, int ms,
                         struct sums *sums)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(ends[0]);
        capsa_result result = child(location, root, ends[1]);
        (void)fprintf(stderr, "child: %s\n", capsa_text_of(result));
        _exit(1);
    }
    (void)close(ends[1]);
    struct pollfd waiting = {.fd = ends[0], .events = POLLIN};
    for (unsigned i = 0; i < wanted && poll(&waiting, 1, ms) == 1; i++) {
        assert_true(read_told(ends[0], sums)); /* or the child ended by itself */
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read_told(ends[0], sums)) {
        /* told before it died */
    }
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

struct found {
    uint64_t sums[THREADS][2]; /* of the numbers of both halves */
    uint64_t count[THREADS][2];
};

static capsa_result see_half(void *context, const struct capsa_record_key *key,
                             const capsa_record *record, bool *ret_stop)
{
    (void)ret_stop;
    struct found *found = context;
    CAPSA_REQUIRE(capsa_bytes_is(capsa_buf_bytes(&record->value), key->parts[2]), TAMPERED,
                  "a half with another's value");
    size_t thread = (size_t)strtoul(key->parts[0], NULL, 10);
    size_t half = key->parts[1][0] == 'b';
    found->sums[thread][half] += strtoull(key->parts[2], NULL, 10);
    found->count[thread][half]++;
    return CAPSA_OK;
}

/* The sum of the numbers that batch n leaves behind: n, n-1, ... KEPT of them. */
static uint64_t sum_left(uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < KEPT && i < n; i++) {
        sum += n - i;
    }
    return sum;
}

static void check(struct capsa_store *store, struct sums *sums)
{
    struct found found = {.count = {{0}}};
    const struct capsa_record_key prefix = {.ns = "default", .kind = "half"};
    assert_ok(capsa_store_each(store, &prefix, see_half, &found));
    for (uint32_t i = 0; i < THREADS; i++) {
        uint64_t number = 0;
        assert_ok(counter_of(store, i, &number));
        /* What was told is there; one more may be: committed, and killed before it could tell. */
        assert_true(number == sums->last[i] || number == sums->last[i] + 1);
        for (size_t half = 0; half < 2; half++) {
            assert_int_equal(found.count[i][half], number < KEPT ? number : KEPT);
            assert_int_equal(found.sums[i][half], sum_left(number));
        }
        sums->last[i] = number;
    }
}

static void kill_9_at_any_moment_loses_nothing_told_and_leaves_no_half_batch(void **state)
{
    (void)state;
    const char *full = getenv("CAPSA_FULL");
    int rounds = full != NULL && strcmp(full, "0") != 0 ? 1000 : 24;
    char dir[] = "/tmp/capsa-crash-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char location[128], root[128];
    (void)snprintf(location, sizeof(location), "sqlite:%s/data/x.db", dir);
    (void)snprintf(root, sizeof(root), "%s/data/root.key", dir);
    struct sums sums = {.total = 0};
    unsigned seed = 20261121;
    for (int round = 0; round < rounds; round++) {
        /* The first rounds do not wait for a commit: they hit the making of the store. */
        int ms = round < 8 ? round : 10000;
        unsigned wanted = round < 8 ? 1 : (unsigned)(rand_r(&seed) % 300);
        run_and_kill(location, root, wanted, ms, &sums);
        struct capsa_store *store = NULL;
        assert_ok(test_store_open(location, root, &store));
        check(store, &sums);
        capsa_store_free(store);
    }
    assert_true(sums.total > 100);
    test_remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_9_at_any_moment_loses_nothing_told_and_leaves_no_half_batch),
    };
    return cmocka_run_group_tests_name("store, killed", tests, NULL, NULL);
}
