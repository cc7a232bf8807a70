/* SPDX-License-Identifier: Apache-2.0
 *
 * Load for a running capsad: requests are made beforehand, then sent by a number of clients, each
 * on a connection of its own, and the time of the answers is taken.
 *
 *   bench_manager HOST:PORT PID FOLDER KEYS
 *
 * PID is the manager's, whose CPU time is read; FOLDER and KEYS are those of bench_fill. Reads
 * lines "KIND METHOD CLIENTS SECONDS", and answers each with one line of JSON; so whoever runs it
 * can measure what the machine can do in between. Only for a manager on this machine: it registers
 * keys and floods it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "bench_requests.h"
#include "rpc/rpc_client.h"

#define CLIENTS_MAX 64
#define CHECKED     4096 /* the key to each answer lies in pages of its own, which are few */

struct bench {
    const char *target;
    const char *pid;
    const char *folder;
    size_t keys;
};

struct run {
    const struct bench *bench;
    const struct bench_kind *kind;
    char path[128];
    bench_request *requests;
    uint32_t *latencies; /* us, of each answer */
    size_t count;
    int64_t until_us;
    atomic_size_t next;
    atomic_size_t answered;
    atomic_size_t failed;
};

/* ---- sending --------------------------------------------------------------------------------- */

/* The next request, or NULL when there is none, or no time, left. */
static const bench_request *next_request(struct run *run, int64_t now)
{
    size_t index = atomic_fetch_add(&run->next, 1);
    return now >= run->until_us || index >= run->count ? NULL : &run->requests[index];
}

/* Failures are told one by one: there should be none. */
static void note(struct run *run, capsa_result result, int64_t elapsed_us)
{
    if (capsa_failed(result)) {
        atomic_fetch_add(&run->failed, 1);
        (void)fprintf(stderr, "bench_manager: %s: %s\n", run->path, capsa_text_of(result));
        return;
    }
    run->latencies[atomic_fetch_add(&run->answered, 1)] = (uint32_t)elapsed_us;
}

static capsa_result call(const struct run *run, struct capsa_rpc_client *client,
                         const bench_request *request, int64_t *ret_elapsed_us)
{
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(CAPSA_LIMIT_grpc_message);
    int64_t before = capsa_monotonic_us();
    CAPSA_TRY(
        capsa_rpc_call_unary(client, run->path, capsa_buf_bytes(&request->bytes), &answer, NULL));
    *ret_elapsed_us = capsa_monotonic_us() - before;
    return bench_answer_check(run->kind, request, capsa_buf_bytes(&answer));
}

static void *send_until_late(void *context)
{
    struct run *run = context;
    const struct capsa_rpc_client_options options = {.target = run->bench->target};
    struct capsa_rpc_client *client = NULL;
    if (capsa_failed(capsa_rpc_client_new(&options, &client))) {
        atomic_fetch_add(&run->failed, 1);
        return NULL;
    }
    for (const bench_request *request = next_request(run, capsa_monotonic_us()); request != NULL;
         request = next_request(run, capsa_monotonic_us())) {
        int64_t elapsed_us = 0;
        capsa_result result = call(run, client, request, &elapsed_us);
        note(run, result, elapsed_us);
    }
    capsa_rpc_client_free(client);
    return NULL;
}

static capsa_result send_all(struct run *run, size_t clients)
{
    pthread_t threads[CLIENTS_MAX];
    size_t started = 0;
    while (started < clients &&
           pthread_create(&threads[started], NULL, send_until_late, run) == 0) {
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CAPSA_REQUIRE(started == clients, IO, "cannot start %zu threads", clients);
    size_t failed = atomic_load(&run->failed);
    CAPSA_REQUIRE(failed == 0 && atomic_load(&run->answered) > 0, INTERNAL,
                  "%s: %zu calls failed, %zu succeeded", run->path, failed,
                  atomic_load(&run->answered));
    return CAPSA_OK;
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* User and system time that the manager has had. */
static capsa_result cpu_us(const char *pid, double *ret_us)
{
    char path[64], line[1024];
    unsigned long user = 0, kernel = 0;
    (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *stat = fopen(path, "r");
    size_t len = stat == NULL ? 0 : fread(line, 1, sizeof(line) - 1, stat);
    if (stat != NULL) {
        (void)fclose(stat);
    }
    line[len] = '\0';
    const char *behind_name = strrchr(line, ')');
    CAPSA_REQUIRE(behind_name != NULL &&
                      sscanf(behind_name + 1,
                             " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                             &kernel) == 2,
                  IO, "cannot read %s", path);
    *ret_us = (double)(user + kernel) * 1e6 / (double)sysconf(_SC_CLK_TCK);
    return CAPSA_OK;
}

static int by_value(const void *a, const void *b)
{
    uint32_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static void print(const struct run *run, double elapsed, double cpu)
{
    size_t answered = atomic_load(&run->answered);
    qsort(run->latencies, answered, sizeof(*run->latencies), by_value);
    (void)printf("{\"per_second\":%.1f,\"cpu_us\":%.1f,\"p50_us\":%u,\"p99_us\":%u}\n",
                 (double)answered / elapsed, cpu / (double)answered, run->latencies[answered / 2],
                 run->latencies[answered * 99 / 100]);
    (void)fflush(stdout);
}

static capsa_result measure(struct run *run, size_t clients, double seconds)
{
    double cpu_before, cpu_after;
    CAPSA_TRY(cpu_us(run->bench->pid, &cpu_before));
    int64_t began = capsa_monotonic_us();
    run->until_us = began + (int64_t)(seconds * 1e6);
    CAPSA_TRY(send_all(run, clients));
    double elapsed = (double)(capsa_monotonic_us() - began) / 1e6;
    CAPSA_TRY(cpu_us(run->bench->pid, &cpu_after));
    print(run, elapsed, cpu_after - cpu_before);
    return CAPSA_OK;
}

/* ---- one line -------------------------------------------------------------------------------- */

struct order {
    char kind[16], method[32];
    size_t clients;
    double seconds;
};

static capsa_result order_parse(const char *line, struct order *ret_order)
{
    CAPSA_REQUIRE(sscanf(line, "%15s %31s %zu %lf", ret_order->kind, ret_order->method,
                         &ret_order->clients, &ret_order->seconds) == 4 &&
                      ret_order->clients > 0 && ret_order->clients <= CLIENTS_MAX,
                  USAGE, "\"KIND METHOD CLIENTS SECONDS\" wanted, got: %s", line);
    return CAPSA_OK;
}

/* Spread over all keys of the store. */
static capsa_result prepare(struct run *run, const bench_scene *scene, const char *method)
{
    for (size_t i = 0; i < run->count; i++) {
        size_t index = scene->keys < run->count ? i % scene->keys : i * (scene->keys / run->count);
        CAPSA_TRY(bench_request_make(run->kind, scene, method, index, &run->requests[i]));
        if (i >= CHECKED) {
            capsa_native_channel_drop(&run->requests[i].channel);
        }
    }
    return CAPSA_OK;
}

static capsa_result prepare_and_measure(struct run *run, const struct order *order)
{
    CAPSA_AUTO(capsa_party) party = {.key = NULL};
    CAPSA_AUTO(bench_scene) scene = {.party = &party, .keys = run->bench->keys};
    scene.party_type = run->kind->party_type;
    CAPSA_TRY(bench_party_load(run->kind->party_type, run->bench->folder, &party));
    CAPSA_TRY(bench_scene_open(run->kind, run->bench->target, &scene));
    CAPSA_TRY(prepare(run, &scene, order->method));
    return measure(run, order->clients, order->seconds);
}

static capsa_result obey(const struct bench *bench, const char *line)
{
    struct order order;
    CAPSA_TRY(order_parse(line, &order));
    struct run run = {.bench = bench, .kind = bench_kind_by_name(order.kind)};
    CAPSA_REQUIRE(run.kind != NULL, USAGE, "there is no kind of envelope \"%s\"", order.kind);
    run.count = (size_t)(order.seconds * (double)run.kind->a_second) + 1;
    (void)snprintf(run.path, sizeof(run.path), "%s%s", run.kind->service, order.method);
    run.requests = capsa_alloc_array(run.count, sizeof(*run.requests));
    run.latencies = capsa_alloc_array(run.count, sizeof(*run.latencies));
    capsa_result result = CAPSA_OK;
    if (run.requests == NULL || run.latencies == NULL) {
        result = capsa_error_make(CAPSA_E_NOMEM, __FILE__, __LINE__, "out of memory");
    } else {
        result = prepare_and_measure(&run, &order);
    }
    for (size_t i = 0; run.requests != NULL && i < run.count; i++) {
        bench_request_drop(&run.requests[i]);
    }
    capsa_dealloc(run.requests);
    capsa_dealloc(run.latencies);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "bench_manager HOST:PORT PID FOLDER KEYS\n");
        return 1;
    }
    const struct bench bench = {argv[1], argv[2], argv[3], strtoul(argv[4], NULL, 10)};
    char line[128];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        capsa_result result = obey(&bench, line);
        if (capsa_failed(result)) {
            (void)fprintf(stderr, "bench_manager: %s\n", capsa_text_of(result));
            return 1;
        }
    }
    return 0;
}
