/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads behind envelope_file (envelope_file_pipe.h). What they share is in struct shared:
 * `mutex` guards all of it that is not atomic, and reading from a pipe happens under it.
 */
#include "envelope/envelope_file_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

struct shared {
    const struct capsa_file_work *work;
    size_t batch_in, batch_out; /* bytes of every batch but the last */
    uint32_t record_in, record_out, records_per_batch;
    uint64_t batches; /* the input seeks: how many there are */

    pthread_mutex_t mutex;
    pthread_cond_t turned;    /* `turn` changed, or `failed` */
    _Atomic uint64_t next;    /* the batch to take */
    _Atomic uint64_t bytes;   /* of input, done */
    _Atomic uint64_t records; /* done */
    atomic_bool failed;       /* stop; `error` says why */
    uint64_t turn;            /* the output cannot seek: the batch to write */
    bool ended;               /* the input cannot seek: its end was read */
    struct capsa_error error; /* of the first failure, on whichever thread */
};

struct batch {
    uint64_t number;
    bool last;
    size_t len;
};

/* One thread's. */
struct worker {
    struct shared *shared;
    bool tells; /* the caller's thread: reports progress */
    struct capsa_file_hand hand;
    capsa_buf in, out;
};

/* ---- bytes in and out ------------------------------------------------------------------------ */

CAPSA_RESULT capsa_file_read_at(const struct capsa_file_input *in, uint64_t at, uint8_t *data,
                                size_t len, size_t *ret_len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(in->fd, data + done, len - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        CAPSA_REQUIRE(got >= 0, IO, "cannot read %s: %s", in->name, strerror(errno));
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_len = done;
    return CAPSA_OK;
}

static size_t take_ahead(struct capsa_file_input *in, uint8_t *data, size_t len)
{
    size_t some = len < in->ahead_len ? len : in->ahead_len;
    memcpy(data, in->ahead, some);
    memmove(in->ahead, in->ahead + some, in->ahead_len - some);
    in->ahead_len -= some;
    return some;
}

CAPSA_RESULT capsa_file_read_next(struct capsa_file_input *in, uint8_t *data, size_t len,
                                  size_t *ret_len)
{
    size_t done = take_ahead(in, data, len);
    while (done < len) {
        ssize_t got = read(in->fd, data + done, len - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        CAPSA_REQUIRE(got >= 0, IO, "cannot read %s: %s", in->name, strerror(errno));
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_len = done;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_file_write_at(const struct capsa_file_output *out, uint64_t at,
                                 capsa_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t wrote = pwrite(out->fd, bytes.data, bytes.len, (off_t)at);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        CAPSA_REQUIRE(wrote > 0, IO, "cannot write %s: %s", out->name, strerror(errno));
        bytes = capsa_bytes_from(bytes, (size_t)wrote);
        at += (uint64_t)wrote;
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_file_write_next(const struct capsa_file_output *out, capsa_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t wrote = write(out->fd, bytes.data, bytes.len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        CAPSA_REQUIRE(wrote > 0, IO, "cannot write %s: %s", out->name, strerror(errno));
        bytes = capsa_bytes_from(bytes, (size_t)wrote);
    }
    return CAPSA_OK;
}

/* ---- taking and putting batches -------------------------------------------------------------- */

static capsa_result take_seeking(struct worker *worker, bool *ret_taken, struct batch *ret_batch)
{
    struct shared *shared = worker->shared;
    const struct capsa_file_input *in = shared->work->in;
    struct batch batch = {.number = atomic_fetch_add(&shared->next, 1)};
    if (batch.number >= shared->batches) {
        *ret_taken = false;
        return CAPSA_OK;
    }
    batch.last = batch.number + 1 == shared->batches;
    uint64_t at = batch.number * shared->batch_in;
    size_t wanted = batch.last ? (size_t)(in->size - at) : shared->batch_in;
    CAPSA_TRY(capsa_file_read_at(in, in->base + at, worker->in.data, wanted, &batch.len));
    CAPSA_REQUIRE(batch.len == wanted, IO, "%s became shorter while it was read", in->name);
    *ret_taken = true;
    *ret_batch = batch;
    return CAPSA_OK;
}

/* Whether a batch is the last shows only when nothing comes behind it: one byte is read ahead. */
static capsa_result fill(struct shared *shared, uint8_t *data, struct batch *batch)
{
    struct capsa_file_input *in = shared->work->in;
    CAPSA_TRY(capsa_file_read_next(in, data, shared->batch_in, &batch->len));
    uint8_t peek[1];
    size_t more = 0;
    if (batch->len == shared->batch_in && in->ahead_len == 0) {
        CAPSA_TRY(capsa_file_read_next(in, peek, sizeof(peek), &more));
        memcpy(in->ahead, peek, more);
        in->ahead_len = more;
    }
    batch->last = in->ahead_len == 0;
    shared->ended = batch->last;
    return CAPSA_OK;
}

static capsa_result take_in_turn(struct worker *worker, bool *ret_taken, struct batch *ret_batch)
{
    struct shared *shared = worker->shared;
    struct batch batch = {0};
    (void)pthread_mutex_lock(&shared->mutex);
    bool taken = !shared->ended && !atomic_load(&shared->failed);
    capsa_result result = CAPSA_OK;
    if (taken) {
        result = fill(shared, worker->in.data, &batch);
        batch.number = atomic_fetch_add(&shared->next, 1);
    }
    (void)pthread_mutex_unlock(&shared->mutex);
    CAPSA_TRY(result);
    *ret_taken = taken;
    *ret_batch = batch;
    return CAPSA_OK;
}

static capsa_result put_in_turn(struct shared *shared, uint64_t number, capsa_bytes bytes)
{
    (void)pthread_mutex_lock(&shared->mutex);
    while (shared->turn != number && !atomic_load(&shared->failed)) {
        (void)pthread_cond_wait(&shared->turned, &shared->mutex);
    }
    bool go = shared->turn == number && !atomic_load(&shared->failed);
    (void)pthread_mutex_unlock(&shared->mutex);
    if (!go) { /* another thread failed before this batch's turn, and has said why */
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_file_write_next(shared->work->out, bytes));
    (void)pthread_mutex_lock(&shared->mutex);
    shared->turn++;
    (void)pthread_cond_broadcast(&shared->turned);
    (void)pthread_mutex_unlock(&shared->mutex);
    return CAPSA_OK;
}

static capsa_result put(struct shared *shared, uint64_t number, capsa_bytes bytes)
{
    const struct capsa_file_output *out = shared->work->out;
    if (!out->seeks) {
        return put_in_turn(shared, number, bytes);
    }
    uint64_t at = out->base + number * shared->batch_out;
    CAPSA_TRY(capsa_file_write_at(out, at, bytes));
    /* Only starts the disk on it, so that the sync at the end finds little left to do. No harm
     * where that cannot be. */
    (void)sync_file_range(out->fd, (off_t)at, (off_t)bytes.len, SYNC_FILE_RANGE_WRITE);
    return CAPSA_OK;
}

/* ---- one thread ------------------------------------------------------------------------------ */

static capsa_result do_records(struct worker *worker, const struct batch *batch, size_t *ret_len)
{
    struct shared *shared = worker->shared;
    const struct capsa_file_codec *codec = shared->work->codec;
    bool sealing = shared->work->sealing;
    capsa_file_record_fn record = sealing ? codec->rules->seal : codec->rules->open;
    uint32_t overhead = capsa_file_overhead(codec);
    uint64_t count = capsa_file_count(batch->len, shared->record_in);
    uint8_t *out = worker->out.data;
    for (uint64_t i = 0; i < count; i++) {
        bool at_end = i + 1 == count;
        size_t from = (size_t)i * shared->record_in;
        size_t len = at_end ? batch->len - from : shared->record_in;
        CAPSA_TRY_AT(record(&worker->hand, batch->number * shared->records_per_batch + i,
                            at_end && batch->last, capsa_bytes_of(worker->in.data + from, len),
                            out),
                     "%s", shared->work->in->name);
        out += sealing ? len + overhead : len - overhead;
    }
    (void)atomic_fetch_add(&shared->records, count);
    *ret_len = (size_t)(out - worker->out.data);
    return CAPSA_OK;
}

static capsa_result tell(const struct shared *shared)
{
    const struct capsa_file_work *work = shared->work;
    if (work->options->progress == NULL) {
        return CAPSA_OK;
    }
    uint64_t done = work->header_in + atomic_load(&shared->bytes);
    uint64_t total = work->in->seeks ? work->header_in + work->in->size : 0;
    CAPSA_REQUIRE(work->options->progress(work->options->context, done, total), CANCELLED,
                  "stopped on request");
    return CAPSA_OK;
}

static capsa_result work_through(struct worker *worker)
{
    struct shared *shared = worker->shared;
    while (!atomic_load(&shared->failed)) {
        struct batch batch = {0};
        bool taken = false;
        size_t len = 0;
        CAPSA_TRY(shared->work->in->seeks ? take_seeking(worker, &taken, &batch)
                                          : take_in_turn(worker, &taken, &batch));
        if (!taken) {
            break;
        }
        CAPSA_TRY(do_records(worker, &batch, &len));
        CAPSA_TRY(put(shared, batch.number, capsa_bytes_of(worker->out.data, len)));
        (void)atomic_fetch_add(&shared->bytes, batch.len);
        if (worker->tells) {
            CAPSA_TRY(tell(shared));
        }
    }
    return CAPSA_OK;
}

static capsa_result worker_init(struct worker *worker, struct shared *shared)
{
    *worker = (struct worker){
        .shared = shared,
        .in = capsa_buf_of(shared->batch_in),
        .out = capsa_buf_of(shared->batch_out),
    };
    uint8_t *ignored = NULL;
    CAPSA_TRY(capsa_file_hand_init(&worker->hand, shared->work->codec));
    CAPSA_TRY(capsa_buf_extend(&worker->in, shared->batch_in, &ignored));
    return capsa_buf_extend(&worker->out, shared->batch_out, &ignored);
}

static void worker_drop(struct worker *worker)
{
    capsa_file_hand_drop(&worker->hand);
    capsa_buf_drop(&worker->in);
    capsa_buf_drop(&worker->out);
}

/* Errors live on the thread that made them; keep the first for the caller's. */
static void fail(struct shared *shared, capsa_result result)
{
    (void)pthread_mutex_lock(&shared->mutex);
    if (!atomic_load(&shared->failed)) {
        capsa_error_keep(result, &shared->error);
        atomic_store(&shared->failed, true);
    }
    (void)pthread_cond_broadcast(&shared->turned);
    (void)pthread_mutex_unlock(&shared->mutex);
}

static void work_as(struct shared *shared, bool tells)
{
    struct worker worker;
    capsa_result result = worker_init(&worker, shared);
    worker.tells = tells;
    if (!capsa_failed(result)) {
        result = work_through(&worker);
    }
    if (capsa_failed(result)) {
        fail(shared, result);
    }
    worker_drop(&worker);
}

static void *thread_main(void *argument)
{
    work_as(argument, false);
    return NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static unsigned processors(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more of them than the set holds */
    return online < 1 ? 1 : (unsigned)online;
}

static unsigned threads_wanted(const struct shared *shared)
{
    unsigned threads = shared->work->options->threads;
    threads = threads == 0 ? processors() : threads;
    size_t fit = CAPSA_LIMIT_file_buffers / (shared->batch_in + shared->batch_out);
    threads = threads < fit ? threads : (unsigned)fit;
    threads = threads < CAPSA_LIMIT_file_threads ? threads : CAPSA_LIMIT_file_threads;
    if (shared->work->in->seeks && shared->batches < threads) {
        threads = (unsigned)shared->batches;
    }
    return threads;
}

/* The caller's thread is one of them. Signals stay with it: the program's handlers expect that. A
 * thread that cannot be had only makes it slower. */
static void run_threads(struct shared *shared, unsigned threads)
{
    pthread_t others[CAPSA_LIMIT_file_threads];
    unsigned started = 0;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started + 1 < threads &&
           pthread_create(&others[started], NULL, thread_main, shared) == 0) {
        started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    work_as(shared, true);
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(others[i], NULL);
    }
}

static void sizes_set(struct shared *shared)
{
    const struct capsa_file_work *work = shared->work;
    const struct capsa_file_codec *codec = work->codec;
    uint32_t per_batch = CAPSA_FILE_BATCH / codec->plain_record;
    shared->records_per_batch = per_batch == 0 ? 1 : per_batch;
    shared->record_in = work->sealing ? codec->plain_record : codec->sealed_record;
    shared->record_out = work->sealing ? codec->sealed_record : codec->plain_record;
    /* A small file needs small buffers. */
    if (work->in->seeks) {
        uint64_t records = capsa_file_count(work->in->size, shared->record_in);
        if (records < shared->records_per_batch) {
            shared->records_per_batch = (uint32_t)records;
        }
    }
    shared->batch_in = (size_t)shared->records_per_batch * shared->record_in;
    shared->batch_out = (size_t)shared->records_per_batch * shared->record_out;
    shared->batches = capsa_file_count(work->in->size, (uint32_t)shared->batch_in);
}

CAPSA_RESULT capsa_file_run(const struct capsa_file_work *work, uint64_t *ret_records,
                            uint64_t *ret_bytes_in)
{
    struct shared shared = {
        .work = work,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .turned = PTHREAD_COND_INITIALIZER,
    };
    sizes_set(&shared);
    run_threads(&shared, threads_wanted(&shared));
    (void)pthread_cond_destroy(&shared.turned);
    (void)pthread_mutex_destroy(&shared.mutex);
    if (atomic_load(&shared.failed)) {
        return capsa_error_made(capsa_error_again(&shared.error));
    }
    *ret_records = atomic_load(&shared.records);
    *ret_bytes_in = atomic_load(&shared.bytes);
    return CAPSA_OK;
}
