/* SPDX-License-Identifier: Apache-2.0
 *
 * Full verifications (the verifier, then the default policy) of one piece of evidence, at the
 * library's interface: the evidence comes as bytes that nobody has parsed, its collateral prepared.
 *
 *   bench_evidence EVIDENCE COLLATERAL TIME [ROOT]
 *
 * Reads lines "KNOWN THREADS SECONDS", and answers each with one line of JSON; so whoever runs it
 * can measure what the machine can do in between. KNOWN is what was verified before:
 *
 *   nothing      there is no cache
 *   collateral   each time it is another platform's evidence, under collateral that is known
 *   platform     all but the evidence itself
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "appraisal/appraisal.h"
#include "base/file.h"
#include "base/limits.h"
#include "bench_memory.h"
#include "evidence/evidence_quote.h"

#define THREADS_MAX   64
#define CACHE_ENTRIES 1024

struct scene {
    capsa_evidence evidence;
    capsa_collateral collateral;
    struct capsa_anchors *anchors;
    struct capsa_appraisal_policy *policy;
    capsa_time now;
};
typedef struct scene scene;

static void scene_drop(scene *all)
{
    capsa_evidence_drop(&all->evidence);
    capsa_collateral_drop(&all->collateral);
    capsa_anchors_free(all->anchors);
    capsa_appraisal_policy_free(all->policy);
}

enum known { NOTHING, COLLATERAL, PLATFORM, KNOWN_COUNT };
static const char *const known_names[KNOWN_COUNT] = {"nothing", "collateral", "platform"};

/* ---- Another platform each time ----------------------------------------------------------------
 *
 * What makes a platform is every byte of its certification data, of which the white space between
 * certificates is signed by nobody. So other white space is another platform, as far as a cache
 * can tell, whose evidence is as authentic and takes as long.
 */

#define SPACES 24

static void add_le32(const uint8_t *field, const capsa_buf *evidence, uint8_t *changed)
{
    uint8_t *at = changed + (field - evidence->data);
    uint32_t value =
        (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    value += SPACES;
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* The evidence, ending in as many spaces, which its lengths count. */
static CAPSA_RESULT with_spaces(const capsa_evidence *evidence, capsa_buf *ret_bytes)
{
    enum { LENGTH = 4, PCK_CHAIN = 5 };
    struct capsa_quote quote;
    CAPSA_TRY(capsa_quote_parse(capsa_buf_bytes(&evidence->bytes), &quote));
    CAPSA_REQUIRE(quote.cert_type == PCK_CHAIN, UNSUPPORTED, "the quote holds no PCK chain");
    const uint8_t *end = quote.cert_data.data + quote.cert_data.len;
    size_t len = (size_t)(end - evidence->bytes.data);
    CAPSA_TRY(capsa_buf_append(ret_bytes, capsa_bytes_of(evidence->bytes.data, len)));
    uint8_t *room = NULL;
    CAPSA_TRY(capsa_buf_extend(ret_bytes, SPACES, &room));
    memset(room, ' ', SPACES);
    add_le32(quote.cert_data.data - LENGTH, &evidence->bytes, ret_bytes->data);
    add_le32(quote.signature.data - LENGTH, &evidence->bytes, ret_bytes->data);
    if (quote.version > 3) {
        add_le32(quote.qe_report.data - LENGTH, &evidence->bytes, ret_bytes->data);
    }
    return CAPSA_OK;
}

static void renumber(capsa_buf *evidence, size_t number)
{
    for (unsigned i = 0; i < SPACES; i++) {
        evidence->data[evidence->len - 1 - i] = (number >> i & 1) != 0 ? '\n' : ' ';
    }
}

/* ---- Verifying ---------------------------------------------------------------------------------
 */

struct run {
    const scene *all;
    enum known known;
    struct capsa_verify_cache *cache; /* NULL: none */
    int64_t until_us;
    atomic_size_t next;
    atomic_size_t done;
    atomic_size_t cpu_ns;
    atomic_bool failed;
};

static CAPSA_RESULT verify(const struct run *run, capsa_bytes evidence)
{
    const struct capsa_verify_input input = {
        .platform = run->all->evidence.platform,
        .evidence = evidence,
        .collateral = &run->all->collateral,
        .now = run->all->now,
        .anchors = run->all->anchors,
        .cache = run->cache,
    };
    struct capsa_verdict verdict;
    return capsa_appraise(&input, run->all->policy, NULL, &verdict);
}

static CAPSA_RESULT evidence_for(const struct run *run, capsa_buf *ret_bytes)
{
    return run->known == COLLATERAL
               ? with_spaces(&run->all->evidence, ret_bytes)
               : capsa_buf_append(ret_bytes, capsa_buf_bytes(&run->all->evidence.bytes));
}

static CAPSA_RESULT verify_until_late(struct run *run)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_TRY(evidence_for(run, &bytes));
    size_t done = 0;
    while (capsa_monotonic_us() < run->until_us) {
        if (run->known == COLLATERAL) {
            renumber(&bytes, atomic_fetch_add(&run->next, 1));
        }
        CAPSA_TRY(verify(run, capsa_buf_bytes(&bytes)));
        done++;
    }
    struct timespec cpu;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    (void)atomic_fetch_add(&run->done, done);
    (void)atomic_fetch_add(&run->cpu_ns, (size_t)cpu.tv_sec * 1000000000u + (size_t)cpu.tv_nsec);
    return CAPSA_OK;
}

static void *verify_in_thread(void *context)
{
    struct run *run = context;
    capsa_result result = verify_until_late(run);
    if (capsa_failed(result)) {
        (void)fprintf(stderr, "bench_evidence: %s\n", capsa_text_of(result));
        atomic_store(&run->failed, true);
    }
    return NULL;
}

static CAPSA_RESULT run_threads(struct run *run, size_t threads)
{
    pthread_t running[THREADS_MAX];
    size_t started = 0;
    while (started < threads &&
           pthread_create(&running[started], NULL, verify_in_thread, run) == 0) {
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(running[i], NULL);
    }
    CAPSA_REQUIRE(started == threads && !atomic_load(&run->failed), INTERNAL,
                  "%zu threads of %zu ran, and all must succeed", started, threads);
    return CAPSA_OK;
}

/* ---- Measuring ---------------------------------------------------------------------------------
 */

/* What a verification takes while it runs, and what it leaves in the cache. */
static CAPSA_RESULT measure_memory(const struct run *run, struct bench_memory *ret_memory)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_TRY(evidence_for(run, &bytes));
    bench_memory_begin();
    capsa_result result = verify(run, capsa_buf_bytes(&bytes));
    *ret_memory = bench_memory_end();
    return result;
}

/* The cache has seen the evidence as it is; so a platform in other white space is a new one. */
static CAPSA_RESULT prepare(struct run *run)
{
    if (run->known != NOTHING) {
        CAPSA_TRY(capsa_verify_cache_new(CACHE_ENTRIES, &run->cache));
    }
    return verify(run, capsa_buf_bytes(&run->all->evidence.bytes));
}

static CAPSA_RESULT measure(struct run *run, size_t threads, double seconds)
{
    struct bench_memory memory;
    CAPSA_TRY(prepare(run));
    CAPSA_TRY(measure_memory(run, &memory));
    int64_t began = capsa_monotonic_us();
    run->until_us = began + (int64_t)(seconds * 1e6);
    CAPSA_TRY(run_threads(run, threads));
    double elapsed = (double)(capsa_monotonic_us() - began) / 1e6;
    double done = (double)atomic_load(&run->done);
    (void)printf("{\"per_second\":%.1f,\"cpu_us\":%.2f,\"peak_bytes\":%ld,\"kept_bytes\":%ld,"
                 "\"allocations\":%ld}\n",
                 done / elapsed, (double)atomic_load(&run->cpu_ns) / 1e3 / done, memory.peak,
                 memory.live, memory.count);
    (void)fflush(stdout);
    return CAPSA_OK;
}

/* ---- One line ----------------------------------------------------------------------------------
 */

static CAPSA_RESULT known_by_name(const char *name, enum known *ret_known)
{
    for (int i = 0; i < KNOWN_COUNT; i++) {
        if (capsa_streq(known_names[i], name)) {
            *ret_known = (enum known)i;
            return CAPSA_OK;
        }
    }
    CAPSA_FAIL(USAGE, "\"nothing\", \"collateral\" or \"platform\" is known, not \"%s\"", name);
}

static CAPSA_RESULT obey(const scene *all, const char *line)
{
    char name[16];
    size_t threads = 0;
    double seconds = 0;
    CAPSA_REQUIRE(sscanf(line, "%15s %zu %lf", name, &threads, &seconds) == 3 && threads > 0 &&
                      threads <= THREADS_MAX,
                  USAGE, "\"KNOWN THREADS SECONDS\" wanted, got: %s", line);
    struct run run = {.all = all};
    CAPSA_TRY(known_by_name(name, &run.known));
    capsa_result result = measure(&run, threads, seconds);
    capsa_verify_cache_free(run.cache);
    return result;
}

static CAPSA_RESULT load_anchors(const char *root, struct capsa_anchors **ret_anchors)
{
    if (root == NULL) {
        return capsa_anchors_new_vendor(ret_anchors);
    }
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_file_read(root, &bytes));
    return capsa_anchors_new_custom(capsa_buf_bytes(&bytes), ret_anchors);
}

static CAPSA_RESULT load(char *const *words, scene *all)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_evidence_bytes);
    CAPSA_TRY(capsa_file_read(words[0], &bytes));
    CAPSA_TRY(capsa_evidence_of_bytes(capsa_buf_bytes(&bytes), &all->evidence));
    CAPSA_TRY(capsa_collateral_load(words[1], &all->collateral));
    all->now = strtoll(words[2], NULL, 10);
    CAPSA_TRY(load_anchors(words[3], &all->anchors));
    return capsa_appraisal_policy_new(&all->policy);
}

static CAPSA_RESULT run_all(char *const *words)
{
    char line[128];
    CAPSA_AUTO(scene) all = {.anchors = NULL};
    capsa_collateral_init(&all.collateral);
    CAPSA_TRY(load(words, &all));
    while (fgets(line, sizeof(line), stdin) != NULL) {
        CAPSA_TRY(obey(&all, line));
    }
    return CAPSA_OK;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        (void)fprintf(stderr, "bench_evidence EVIDENCE COLLATERAL TIME [ROOT]\n");
        return 1;
    }
    capsa_result result = run_all(argv + 1); /* argv ends in NULL */
    if (capsa_failed(result)) {
        (void)fprintf(stderr, "bench_evidence: %s\n", capsa_text_of(result));
        return 1;
    }
    return 0;
}
