/* SPDX-License-Identifier: Apache-2.0
 *
 * URLs and their answers (collateral_web.h). An entry of the table is one URL: what was answered
 * last, how the last question failed, and whether somebody is asking just now. The lock is never
 * held while a server or the disk is waited for.
 */
#include "collateral/collateral_web.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "collateral/collateral_cache.h"
#include "crypto/crypto.h"

#define ORIGINS           16 /* three sources, and whoever changes their URLs at run time: nobody */
#define LATER_SECONDS_MAX 3600
#define FIRST_SECONDS     1
#define DOUBLINGS         6
#define REFUSED_SECONDS   60

struct entry {
    uint8_t key[CAPSA_SHA256]; /* of the URL */
    bool is_known;             /* the place is taken */
    bool is_asking;
    unsigned users;
    uint64_t rounds; /* questions that came to an end */
    uint64_t used;   /* when last, for what gives way */
    bool has;        /* `answer` is one */
    capsa_web_answer answer;
    capsa_time until;
    bool failed; /* the last question did, with `error` */
    capsa_time failed_at;
    struct capsa_error error;
};

/* A server that is left alone. */
struct origin {
    uint8_t key[CAPSA_SHA256];
    bool is_known;
    unsigned failures; /* in a row */
    capsa_time until;
    struct capsa_error error;
};

struct capsa_collateral_web {
    const struct capsa_collateral_options *options;
    pthread_mutex_t mutex;
    pthread_cond_t asked;
    uint64_t clock;
    struct capsa_collateral_numbers numbers;
    size_t blocked; /* threads that ask, or wait for who asks */
    struct origin origins[ORIGINS];
    size_t next_origin;
    struct entry entries[CAPSA_LIMIT_web_answers];
};

CAPSA_RESULT capsa_collateral_web_new(const struct capsa_collateral_options *options,
                                      struct capsa_collateral_web **ret_web)
{
    if (options->cache_dir != NULL) {
        CAPSA_TRY(capsa_collateral_cache_prepare(options->cache_dir));
    }
    struct capsa_collateral_web *web = CAPSA_NEW(struct capsa_collateral_web);
    CAPSA_REQUIRE_MEMORY(web);
    web->options = options;
    (void)pthread_mutex_init(&web->mutex, NULL);
    (void)pthread_cond_init(&web->asked, NULL);
    *ret_web = web;
    return CAPSA_OK;
}

void capsa_collateral_web_free(struct capsa_collateral_web *web)
{
    if (web == NULL) {
        return;
    }
    for (size_t i = 0; i < CAPSA_LIMIT_web_answers; i++) {
        capsa_web_answer_drop(&web->entries[i].answer);
    }
    (void)pthread_cond_destroy(&web->asked);
    (void)pthread_mutex_destroy(&web->mutex);
    capsa_dealloc(web);
}

struct capsa_collateral_numbers capsa_collateral_web_numbers(struct capsa_collateral_web *web)
{
    (void)pthread_mutex_lock(&web->mutex);
    struct capsa_collateral_numbers numbers = web->numbers;
    (void)pthread_mutex_unlock(&web->mutex);
    return numbers;
}

/* ---- Servers that are left alone (locked) ---------------------------------------------------- */

static void origin_key(const char *url, uint8_t ret_key[CAPSA_SHA256])
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    size_t len = (size_t)(host - url) + strcspn(host, "/?#");
    capsa_sha256(capsa_bytes_of(url, len), ret_key);
}

static struct origin *find_origin(struct capsa_collateral_web *web, const char *url)
{
    uint8_t key[CAPSA_SHA256];
    origin_key(url, key);
    for (size_t i = 0; i < ORIGINS; i++) {
        struct origin *origin = &web->origins[i];
        if (origin->is_known && memcmp(origin->key, key, sizeof(key)) == 0) {
            return origin;
        }
    }
    struct origin *origin = &web->origins[web->next_origin++ % ORIGINS];
    *origin = (struct origin){.is_known = true};
    memcpy(origin->key, key, sizeof(key));
    return origin;
}

static capsa_result check_origin(struct capsa_collateral_web *web, const char *url)
{
    const struct origin *origin = find_origin(web, url);
    capsa_time left = origin->until - capsa_now(web->options->clock);
    /* Longer than anybody was told to wait: the clock was set back. */
    CAPSA_REQUIRE(left <= 0 || left > LATER_SECONDS_MAX, BUSY,
                  "not asked again for %lld s, since the last time: %s", (long long)left,
                  origin->error.text);
    return CAPSA_OK;
}

static void note_origin(struct capsa_collateral_web *web, const char *url, capsa_result asked,
                        int64_t retry_after)
{
    struct origin *origin = find_origin(web, url);
    enum capsa_code code = capsa_code_of(asked);
    bool is_down = code == CAPSA_E_BUSY || code == CAPSA_E_NETWORK || code == CAPSA_E_TIMEOUT;
    if (!is_down) {
        origin->failures = 0;
        origin->until = 0;
        return;
    }
    unsigned doublings = origin->failures < DOUBLINGS ? origin->failures : DOUBLINGS;
    int64_t seconds = code == CAPSA_E_BUSY && retry_after >= 0
                          ? retry_after
                          : (int64_t)FIRST_SECONDS << doublings;
    seconds = seconds > LATER_SECONDS_MAX ? LATER_SECONDS_MAX : seconds;
    origin->failures++;
    origin->until = capsa_now(web->options->clock) + (seconds < 1 ? 1 : seconds);
    capsa_error_keep(asked, &origin->error);
}

/* ---- One question (not locked) --------------------------------------------------------------- */

struct outcome {
    bool has;
    capsa_web_answer answer;
    capsa_time until;
};
typedef struct outcome outcome;

static void outcome_drop(outcome *found)
{
    capsa_web_answer_drop(&found->answer);
}

static capsa_result look_on_disk(const struct capsa_collateral_web *web,
                                 const struct capsa_web_wish *wish, outcome *found)
{
    CAPSA_TRY(
        capsa_collateral_cache_load(web->options->cache_dir, wish->url, wish->max, &found->answer));
    CAPSA_TRY(wish->check(wish, &found->answer, &found->until));
    found->has = true;
    return CAPSA_OK;
}

/* A cache that has nothing, or nothing of use, only costs a question. */
static bool is_on_disk(const struct capsa_collateral_web *web, const struct capsa_web_wish *wish,
                       outcome *found)
{
    if (web->options->cache_dir == NULL) {
        return false;
    }
    if (capsa_failed(look_on_disk(web, wish, found))) {
        capsa_web_answer_drop(&found->answer);
        capsa_web_answer_init(&found->answer, wish->max);
        return false;
    }
    return !capsa_web_is_due(web->options, found->answer.fetched, found->until);
}

static capsa_result ask_server(struct capsa_collateral_web *web, const struct capsa_web_wish *wish,
                               outcome *ret_found, int64_t *ret_retry_after)
{
    CAPSA_AUTO(outcome) found = {.has = true};
    CAPSA_TRY(capsa_web_ask(web->options, wish, &found.answer, ret_retry_after));
    CAPSA_TRY_AT(wish->check(wish, &found.answer, &found.until), "%.160s", wish->url);
    capsa_web_answer_drop(&ret_found->answer);
    *ret_found = found;
    found = (outcome){.has = false};
    return CAPSA_OK;
}

static capsa_result ask(struct capsa_collateral_web *web, const struct capsa_web_wish *wish,
                        outcome *found)
{
    int64_t retry_after = -1;
    (void)pthread_mutex_lock(&web->mutex);
    capsa_result result = check_origin(web, wish->url);
    web->numbers.requests += capsa_failed(result) ? 0 : 1;
    (void)pthread_mutex_unlock(&web->mutex);
    CAPSA_TRY(result);
    result = ask_server(web, wish, found, &retry_after);
    (void)pthread_mutex_lock(&web->mutex);
    note_origin(web, wish->url, result, retry_after);
    (void)pthread_mutex_unlock(&web->mutex);
    CAPSA_TRY(result);
    if (web->options->cache_dir != NULL) {
        capsa_ignore(
            capsa_collateral_cache_keep(web->options->cache_dir, wish->url, &found->answer),
            "a full disk must not keep anybody from an answer that is here");
    }
    return CAPSA_OK;
}

/* ---- Entries (locked) ------------------------------------------------------------------------ */

/* What has no answer goes first: anybody's evidence makes URLs, and shall not push out answers. */
static bool gives_way(const struct entry *entry, const struct entry *other)
{
    return entry->has != other->has ? other->has : entry->used < other->used;
}

static struct entry *find_entry(struct capsa_collateral_web *web, const uint8_t key[CAPSA_SHA256])
{
    struct entry *free_one = NULL;
    for (size_t i = 0; i < CAPSA_LIMIT_web_answers; i++) {
        struct entry *entry = &web->entries[i];
        if (entry->is_known && memcmp(entry->key, key, CAPSA_SHA256) == 0) {
            return entry;
        }
        if (entry->users == 0 && (free_one == NULL || gives_way(entry, free_one))) {
            free_one = entry;
        }
    }
    if (free_one != NULL) {
        capsa_web_answer_drop(&free_one->answer);
        *free_one = (struct entry){.is_known = true};
        memcpy(free_one->key, key, CAPSA_SHA256);
    }
    return free_one;
}

/* What a source's failure may be covered up with, when that is allowed: not what it denies. */
static bool is_stale_good(const struct capsa_collateral_web *web, const struct entry *entry)
{
    static const enum capsa_code troubles[] = {CAPSA_E_NETWORK,   CAPSA_E_TIMEOUT,
                                               CAPSA_E_BUSY,      CAPSA_E_UNAUTHENTIC,
                                               CAPSA_E_MALFORMED, CAPSA_E_TOO_LARGE};
    bool is_trouble = false;
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        is_trouble |= entry->error.code == troubles[i];
    }
    return web->options->stale_while_error && is_trouble && entry->has &&
           (entry->until == 0 || capsa_now(web->options->clock) <= entry->until);
}

static capsa_result hand_over(const struct capsa_collateral_web *web, const struct entry *entry,
                              const struct capsa_web_wish *wish, capsa_web_answer *ret_answer)
{
    if (entry->failed && !is_stale_good(web, entry)) {
        return capsa_error_again(&entry->error);
    }
    CAPSA_AUTO(capsa_web_answer) answer;
    capsa_web_answer_init(&answer, wish->max);
    CAPSA_TRY(capsa_buf_append(&answer.body, capsa_buf_bytes(&entry->answer.body)));
    CAPSA_TRY(capsa_buf_append(&answer.header, capsa_buf_bytes(&entry->answer.header)));
    answer.fetched = entry->answer.fetched;
    *ret_answer = answer;
    capsa_web_answer_init(&answer, 0);
    return CAPSA_OK;
}

/* A server that is up and refused just now will do so again; one that is down is its origin's
 * affair. */
static bool is_refused(const struct capsa_collateral_web *web, const struct entry *entry)
{
    static const enum capsa_code refusals[] = {CAPSA_E_NOT_FOUND, CAPSA_E_DENIED, CAPSA_E_MALFORMED,
                                               CAPSA_E_TOO_LARGE, CAPSA_E_UNAUTHENTIC};
    capsa_time age = capsa_now(web->options->clock) - entry->failed_at;
    bool is_refusal = false;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        is_refusal |= entry->error.code == refusals[i];
    }
    return entry->failed && is_refusal && age >= 0 && age < REFUSED_SECONDS;
}

static void settle(capsa_time now, struct entry *entry, capsa_result asked, outcome *found)
{
    entry->failed = capsa_failed(asked);
    entry->failed_at = now;
    capsa_error_keep(asked, &entry->error);
    /* What a failed question left is from the disk, and may be older than what is here. */
    bool is_newer = !entry->has || !entry->failed || found->answer.fetched >= entry->answer.fetched;
    if (found->has && is_newer) {
        capsa_web_answer_drop(&entry->answer);
        entry->answer = found->answer;
        entry->until = found->until;
        entry->has = true;
        *found = (outcome){.has = false};
    }
    entry->is_asking = false;
    entry->rounds++;
}

static void ask_for_all(struct capsa_collateral_web *web, struct entry *entry,
                        const struct capsa_web_wish *wish)
{
    CAPSA_AUTO(outcome) found = {.has = false};
    capsa_web_answer_init(&found.answer, wish->max);
    entry->is_asking = true;
    (void)pthread_mutex_unlock(&web->mutex);
    capsa_result result = is_on_disk(web, wish, &found) ? CAPSA_OK : ask(web, wish, &found);
    (void)pthread_mutex_lock(&web->mutex);
    settle(capsa_now(web->options->clock), entry, result, &found);
    (void)pthread_cond_broadcast(&web->asked);
}

static bool must_wait(const struct capsa_collateral_web *web, const struct entry *entry)
{
    bool is_fresh = entry->has && !entry->failed &&
                    !capsa_web_is_due(web->options, entry->answer.fetched, entry->until);
    return entry->is_asking || (!is_fresh && !is_refused(web, entry));
}

static void wait_for_answer(struct capsa_collateral_web *web, struct entry *entry,
                            const struct capsa_web_wish *wish)
{
    if (!entry->is_asking) {
        ask_for_all(web, entry, wish);
        return;
    }
    uint64_t rounds = entry->rounds;
    web->numbers.waiting++;
    while (entry->is_asking && entry->rounds == rounds) {
        (void)pthread_cond_wait(&web->asked, &web->mutex);
    }
    web->numbers.waiting--;
}

/* The threads that wait here, asking or for who asks, answer nobody meanwhile; and whose evidence
 * it is chooses what is asked for. */
static capsa_result get_of(struct capsa_collateral_web *web, struct entry *entry,
                           const struct capsa_web_wish *wish, capsa_web_answer *ret_answer)
{
    if (must_wait(web, entry)) {
        CAPSA_REQUIRE(web->blocked < CAPSA_LIMIT_fetches_at_once, BUSY,
                      "%.160s: %d others wait for servers of collateral already", wish->url,
                      CAPSA_LIMIT_fetches_at_once);
        web->blocked++;
        wait_for_answer(web, entry, wish);
        web->blocked--;
    }
    return hand_over(web, entry, wish, ret_answer);
}

CAPSA_RESULT capsa_web_get(struct capsa_collateral_web *web, const struct capsa_web_wish *wish,
                           capsa_web_answer *ret_answer)
{
    uint8_t key[CAPSA_SHA256];
    capsa_sha256(capsa_bytes_str(wish->url), key);
    (void)pthread_mutex_lock(&web->mutex);
    struct entry *entry = find_entry(web, key);
    capsa_result result = CAPSA_OK;
    if (entry == NULL) {
        result = capsa_error_make(CAPSA_E_BUSY, __FILE__, __LINE__,
                                  "%.160s: more than %d URLs are being fetched", wish->url,
                                  CAPSA_LIMIT_web_answers);
    } else {
        entry->used = ++web->clock;
        entry->users++;
        result = get_of(web, entry, wish, ret_answer);
        entry->users--;
    }
    (void)pthread_mutex_unlock(&web->mutex);
    return result;
}
