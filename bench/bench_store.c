/* SPDX-License-Identifier: Apache-2.0
 *
 * Durable mutations per second: many threads, each handing the writer of a ledger one small record
 * after the other, with its entry in the audit log, and waiting until both are on disk. Prints one
 * line of JSON.
 *
 *   bench_store FOLDER THREADS SECONDS
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "ledger/ledger.h"

#define THREADS_MAX 1024
#define VALUE       96 /* bytes: about those of a data key's record */
#define DETAILS     "{\"keys\":[\"some-uuid/some-part\"],\"peer\":\"127.0.0.1:40000\"}"

struct load {
    struct capsa_writer *writer;
    int64_t until_us;
    atomic_size_t next; /* number of the next record */
    atomic_bool failed;
};

static capsa_result put_one(struct load *load)
{
    static const uint8_t value[VALUE];
    static const char *const owners[] = {"some-party", NULL};
    char name[24];
    (void)snprintf(name, sizeof(name), "%zu", atomic_fetch_add(&load->next, 1));
    const struct capsa_record_key key = CAPSA_RECORD_KEY("bench", "key", "uuid", name);
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(capsa_batch_put(batch, &key, 0, owners, capsa_bytes_of(value, sizeof(value))));
    const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_KEY_CREATE,
                                            .time = capsa_now(&capsa_clock_system),
                                            .owner = owners[0],
                                            .details = capsa_bytes_str(DETAILS)};
    CAPSA_TRY(capsa_audit_add(batch, &entry, NULL));
    return capsa_writer_commit(load->writer, batch);
}

static void *put_until_late(void *context)
{
    struct load *load = context;
    while (capsa_monotonic_us() < load->until_us && !atomic_load(&load->failed)) {
        capsa_result result = put_one(load);
        if (capsa_failed(result)) {
            (void)fprintf(stderr, "bench_store: %s\n", capsa_text_of(result));
            atomic_store(&load->failed, true);
        }
    }
    return NULL;
}

static capsa_result run(struct load *load, size_t threads, double seconds)
{
    static pthread_t running[THREADS_MAX];
    size_t started = 0;
    int64_t began = capsa_monotonic_us();
    load->until_us = began + (int64_t)(seconds * 1e6);
    while (started < threads &&
           pthread_create(&running[started], NULL, put_until_late, load) == 0) {
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(running[i], NULL);
    }
    double elapsed = (double)(capsa_monotonic_us() - began) / 1e6;
    CAPSA_REQUIRE(started == threads && !atomic_load(&load->failed), INTERNAL, "it failed");
    struct capsa_writer_state state;
    capsa_writer_state(load->writer, &state);
    (void)printf("{\"per_second\":%.1f,\"commits_per_second\":%.1f,\"a_commit\":%.1f}\n",
                 (double)state.batches / elapsed, (double)state.commits / elapsed,
                 (double)state.batches / (double)state.commits);
    return CAPSA_OK;
}

static capsa_result open_and_run(const char *folder, size_t threads, double seconds)
{
    char location[4096], root[4096];
    (void)snprintf(location, sizeof(location), "sqlite:%s/capsa.db", folder);
    (void)snprintf(root, sizeof(root), "%s/root.key", folder);
    CAPSA_REQUIRE(threads > 0 && threads <= THREADS_MAX, USAGE, "1 to %d threads", THREADS_MAX);
    const struct capsa_ledger_options options = {.location = location,
                                                 .root_key_path = root,
                                                 .mode = "simulation",
                                                 .clock = &capsa_clock_system};
    CAPSA_AUTO_FREE(capsa_ledger) ledger = NULL;
    CAPSA_TRY(capsa_ledger_open(&options, &ledger));
    struct load load = {.writer = capsa_ledger_writer(ledger)};
    return run(&load, threads, seconds);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "bench_store FOLDER THREADS SECONDS\n");
        return 1;
    }
    capsa_result result = open_and_run(argv[1], strtoul(argv[2], NULL, 10), strtod(argv[3], NULL));
    if (capsa_failed(result)) {
        (void)fprintf(stderr, "bench_store: %s\n", capsa_text_of(result));
        return 1;
    }
    return 0;
}
