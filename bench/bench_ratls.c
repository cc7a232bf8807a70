/* SPDX-License-Identifier: Apache-2.0
 *
 * New connections a second, and bytes a second on one, of plain TLS 1.3 and of attested channels.
 *
 *   bench_ratls SIM CODE
 *
 * SIM is a folder of `capsa sim init`, CODE the file that is the code of the simulated enclaves.
 * Reads lines, and answers each with one line of JSON, so that whoever runs it can measure in
 * between what the machine can do:
 *
 *   handshake KIND KEY SECONDS   KIND: blind, plain, unbound, bound, passport; "-mutual" behind.
 *                                Of it making_us is CPU time of making evidence: simulated
 *   data KIND SECONDS            a direction of one connection over a socket pair, two threads
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/time.h"
#include "bench_channel.h"

#define BLOCK 16384

struct scene {
    const char *sim, *code;
};

static const char *const kind_names[BENCH_KIND_COUNT] = {"blind", "plain", "unbound", "bound",
                                                         "passport"};

/* "bound-mutual" */
static CAPSA_RESULT kind_by_name(const char *name, enum bench_kind *ret_kind, bool *ret_mutual)
{
    size_t len = strcspn(name, "-");
    bool mutual = capsa_streq(name + len, "-mutual");
    for (int i = 0; i < BENCH_KIND_COUNT && (mutual || name[len] == '\0'); i++) {
        if (strlen(kind_names[i]) == len && strncmp(kind_names[i], name, len) == 0) {
            *ret_kind = (enum bench_kind)i;
            *ret_mutual = mutual;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "\"%s\" is no kind of channel", name);
}

static double cpu_seconds(void)
{
    struct timespec cpu;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
}

/* ---- Connections --------------------------------------------------------------------------------
 */

static CAPSA_RESULT repeat(struct bench_ends *ends, double seconds)
{
    CAPSA_TRY(bench_handshake(ends)); /* warm: the platform's collateral is known */
    double cpu = cpu_seconds();
    int64_t making = ends->making_ns;
    int64_t began = capsa_monotonic_us();
    int64_t until = began + (int64_t)(seconds * 1e6);
    size_t done = 0;
    while (capsa_monotonic_us() < until) {
        CAPSA_TRY(bench_handshake(ends));
        done++;
    }
    double elapsed = (double)(capsa_monotonic_us() - began) / 1e6;
    (void)printf("{\"per_second\":%.1f,\"cpu_us\":%.2f,\"making_us\":%.2f}\n",
                 (double)done / elapsed, (cpu_seconds() - cpu) * 1e6 / (double)done,
                 (double)(ends->making_ns - making) / 1e3 / (double)done);
    return CAPSA_OK;
}

static CAPSA_RESULT handshakes(const struct scene *all, char *const *words)
{
    enum bench_kind kind;
    bool mutual;
    struct bench_ends ends;
    CAPSA_TRY(kind_by_name(words[0], &kind, &mutual));
    capsa_result result = bench_ends_open(kind, mutual, words[1], all->sim, all->code, &ends);
    if (!capsa_failed(result)) {
        result = repeat(&ends, strtod(words[2], NULL));
    }
    bench_ends_close(&ends);
    return result;
}

/* ---- Data ---------------------------------------------------------------------------------------
 */

struct flow {
    struct bench_ends *ends;
    int fd;
    int64_t until_us;
    double bytes, seconds; /* what came, and from the first byte to the last how long that took */
    struct capsa_error error;
};

static CAPSA_RESULT pour_plain(struct flow *flow, const uint8_t *block)
{
    SSL *session = NULL;
    CAPSA_TRY(bench_plain_open(flow->ends, false, flow->fd, &session));
    while (capsa_monotonic_us() < flow->until_us && SSL_write(session, block, BLOCK) == BLOCK) {
    }
    (void)SSL_shutdown(session);
    SSL_free(session);
    return CAPSA_OK;
}

static CAPSA_RESULT pour(struct flow *flow, const uint8_t *block)
{
    if (bench_is_plain(flow->ends)) {
        return pour_plain(flow, block);
    }
    CAPSA_AUTO_FREE(capsa_net_stream) stream = NULL;
    int64_t deadline = flow->until_us + INT64_C(30000000);
    CAPSA_TRY(bench_stream_open(flow->ends, false, flow->fd, &stream));
    while (capsa_monotonic_us() < flow->until_us) {
        CAPSA_TRY(capsa_net_stream_send(stream, capsa_bytes_of(block, BLOCK), deadline));
    }
    return capsa_net_stream_end(stream, deadline);
}

static CAPSA_RESULT drink_plain(struct flow *flow, uint8_t *block)
{
    SSL *session = NULL;
    CAPSA_TRY(bench_plain_open(flow->ends, true, flow->fd, &session));
    int64_t began = capsa_monotonic_us();
    int got;
    while ((got = SSL_read(session, block, BLOCK)) > 0) {
        flow->bytes += got;
    }
    flow->seconds = (double)(capsa_monotonic_us() - began) / 1e6;
    SSL_free(session);
    return CAPSA_OK;
}

static CAPSA_RESULT drink(struct flow *flow, uint8_t *block)
{
    if (bench_is_plain(flow->ends)) {
        return drink_plain(flow, block);
    }
    CAPSA_AUTO_FREE(capsa_net_stream) stream = NULL;
    int64_t deadline = flow->until_us + INT64_C(30000000);
    CAPSA_TRY(bench_stream_open(flow->ends, true, flow->fd, &stream));
    int64_t began = capsa_monotonic_us();
    size_t got = 1;
    while (got > 0) {
        CAPSA_TRY(capsa_net_stream_receive(stream, block, BLOCK, deadline, &got));
        flow->bytes += (double)got;
    }
    flow->seconds = (double)(capsa_monotonic_us() - began) / 1e6;
    return CAPSA_OK;
}

static void *pour_in_thread(void *context)
{
    static const uint8_t block[BLOCK] = {0};
    struct flow *flow = context;
    capsa_error_keep(pour(flow, block), &flow->error);
    return NULL;
}

static CAPSA_RESULT flow_through(struct bench_ends *ends, double seconds)
{
    int both[2];
    uint8_t block[BLOCK];
    pthread_t pouring;
    CAPSA_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0, IO,
                  "no socket pair");
    const int64_t until = capsa_monotonic_us() + (int64_t)(seconds * 1e6);
    struct flow out = {.ends = ends, .fd = both[0], .until_us = until};
    struct flow in = {.ends = ends, .fd = both[1], .until_us = until};
    CAPSA_REQUIRE(pthread_create(&pouring, NULL, pour_in_thread, &out) == 0, INTERNAL, "no thread");
    double cpu = cpu_seconds();
    capsa_result result = drink(&in, block);
    (void)pthread_join(pouring, NULL);
    CAPSA_TRY(result);
    CAPSA_TRY(capsa_error_again(&out.error));
    (void)printf("{\"mib_per_second\":%.1f,\"cpu_us_per_mib\":%.2f}\n",
                 in.bytes / in.seconds / 1048576.0,
                 (cpu_seconds() - cpu) * 1e6 / (in.bytes / 1048576.0));
    return CAPSA_OK;
}

static CAPSA_RESULT data(const struct scene *all, char *const *words)
{
    enum bench_kind kind;
    bool mutual;
    struct bench_ends ends;
    CAPSA_TRY(kind_by_name(words[0], &kind, &mutual));
    capsa_result result = bench_ends_open(kind, mutual, "p256", all->sim, all->code, &ends);
    if (!capsa_failed(result)) {
        result = flow_through(&ends, strtod(words[1], NULL));
    }
    bench_ends_close(&ends);
    return result;
}

/* ---- One line -----------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    int words;
    capsa_result (*measure)(const struct scene *all, char *const *words);
} measures[] = {{"handshake", 3, handshakes}, {"data", 2, data}};

static CAPSA_RESULT obey(const struct scene *all, char *line)
{
    char *words[4] = {NULL, NULL, NULL, NULL};
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < 4;
         word = strtok_r(NULL, " \n", &rest)) {
        words[count++] = word;
    }
    for (size_t i = 0; count > 0 && i < sizeof(measures) / sizeof(measures[0]); i++) {
        if (capsa_streq(measures[i].name, words[0]) && measures[i].words == count - 1) {
            CAPSA_TRY(measures[i].measure(all, words + 1));
            (void)fflush(stdout);
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "what is to be measured? not \"%s\"", line);
}

static CAPSA_RESULT obey_all(const struct scene *all)
{
    char line[128];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        CAPSA_TRY(obey(all, line));
    }
    return CAPSA_OK;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "bench_ratls SIM CODE\n");
        return 1;
    }
    const struct scene all = {.sim = argv[1], .code = argv[2]};
    capsa_result result = obey_all(&all);
    if (capsa_failed(result)) {
        (void)fprintf(stderr, "bench_ratls: %s\n", capsa_text_of(result));
        return 1;
    }
    return 0;
}
