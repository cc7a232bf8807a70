/* SPDX-License-Identifier: Apache-2.0
 *
 * The verifiers' cache: a table of sets, four places each, in which the longest unused gives way.
 * So it never grows, and who brings ever new evidence (it has to be authentic) makes others' slower
 * to verify again, and no more; what is far larger than anything genuine is not kept at all. Only
 * successes are kept, never an answer: whoever finds an object judges with it anew.
 */
#include "verifier/verifier_cache.h"

#include <pthread.h>

#include "base/alloc.h"
#include "crypto/crypto.h"

#define WAYS 4

struct place {
    uint64_t mark, used;
    struct capsa_kept *kept; /* NULL: nothing here yet */
};

struct capsa_verify_cache {
    pthread_mutex_t mutex;
    struct capsa_cert_cache *certs;
    uint64_t clock;
    size_t sets;
    struct place places[];
};

/* ---- What is kept -----------------------------------------------------------------------------
 */

void capsa_kept_init(struct capsa_kept *kept, void (*destroy)(struct capsa_kept *kept))
{
    atomic_init(&kept->references, 1);
    kept->destroy = destroy;
    kept->key = NULL;
    kept->key_len = 0;
}

struct capsa_kept *capsa_kept_share(struct capsa_kept *kept)
{
    (void)atomic_fetch_add_explicit(&kept->references, 1, memory_order_relaxed);
    return kept;
}

void capsa_kept_release(struct capsa_kept *kept)
{
    if (kept == NULL || atomic_fetch_sub_explicit(&kept->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    capsa_dealloc(kept->key);
    kept->destroy(kept);
}

/* ---- Keys -------------------------------------------------------------------------------------
 */

#define SAMPLE 32

static uint64_t mix(uint64_t mark, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        mark = (mark ^ data[i]) * UINT64_C(0x100000001b3);
    }
    return mark;
}

/* Where to look, and nothing more. The ends of signed things are what differs among them. */
static uint64_t mark_of(const struct capsa_cache_key *key)
{
    uint64_t mark =
        mix(UINT64_C(0xcbf29ce484222325), (const uint8_t *)key->kind, strlen(key->kind));
    for (size_t i = 0; i < key->count; i++) {
        capsa_bytes part = key->parts[i];
        size_t sample = part.len < SAMPLE ? part.len : SAMPLE;
        mark = mix(mark, (const uint8_t *)&part.len, sizeof(part.len));
        mark = sample == 0 ? mark : mix(mark, part.data + part.len - sample, sample);
    }
    return mark ^ mark >> 32;
}

/* A length before each part, the kind's too. */
static size_t key_bytes(const struct capsa_cache_key *key)
{
    size_t total = sizeof(size_t) + strlen(key->kind);
    for (size_t i = 0; i < key->count; i++) {
        total += sizeof(size_t) + key->parts[i].len;
    }
    return total;
}

static uint8_t *write_part(uint8_t *at, capsa_bytes part)
{
    memcpy(at, &part.len, sizeof(part.len));
    at += sizeof(part.len);
    if (part.len > 0) {
        memcpy(at, part.data, part.len);
    }
    return at + part.len;
}

static bool write_key(const struct capsa_cache_key *key, struct capsa_kept *kept)
{
    size_t len = key_bytes(key);
    uint8_t *bytes = len > CAPSA_LIMIT_verify_cache_key ? NULL : capsa_alloc(len);
    if (bytes == NULL) {
        return false;
    }
    uint8_t *at = write_part(bytes, capsa_bytes_str(key->kind));
    for (size_t i = 0; i < key->count; i++) {
        at = write_part(at, key->parts[i]);
    }
    kept->key = bytes;
    kept->key_len = len;
    return true;
}

/* The next part of a kept key is this one; *at moves behind it. */
static bool is_part(const uint8_t **at, capsa_bytes part)
{
    size_t len = 0;
    memcpy(&len, *at, sizeof(len));
    if (len != part.len) {
        return false;
    }
    const uint8_t *data = *at + sizeof(len);
    *at = data + len;
    return len == 0 || memcmp(data, part.data, len) == 0;
}

static bool is_key(const struct capsa_kept *kept, const struct capsa_cache_key *key)
{
    if (kept->key_len != key_bytes(key)) {
        return false;
    }
    const uint8_t *at = kept->key;
    bool same = is_part(&at, capsa_bytes_str(key->kind));
    for (size_t i = 0; i < key->count && same; i++) {
        same = is_part(&at, key->parts[i]);
    }
    return same;
}

/* ---- The table --------------------------------------------------------------------------------
 */

CAPSA_RESULT capsa_verify_cache_new(size_t entries, struct capsa_verify_cache **ret_cache)
{
    size_t sets = entries / WAYS + (entries % WAYS != 0) + (entries == 0);
    CAPSA_REQUIRE(sets <= CAPSA_LIMIT_verify_cache / WAYS, TOO_LARGE,
                  "a cache of %zu entries, at most %d", entries, CAPSA_LIMIT_verify_cache);
    struct capsa_verify_cache *cache =
        capsa_alloc(sizeof(*cache) + sets * WAYS * sizeof(cache->places[0]));
    CAPSA_REQUIRE_MEMORY(cache);
    capsa_result made = capsa_cert_cache_new(&cache->certs);
    if (capsa_failed(made)) {
        capsa_dealloc(cache);
        return made;
    }
    (void)pthread_mutex_init(&cache->mutex, NULL); /* cannot fail without attributes */
    cache->sets = sets;
    *ret_cache = cache;
    return CAPSA_OK;
}

void capsa_verify_cache_free(struct capsa_verify_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < cache->sets * WAYS; i++) {
        capsa_kept_release(cache->places[i].kept);
    }
    capsa_cert_cache_free(cache->certs);
    (void)pthread_mutex_destroy(&cache->mutex);
    capsa_dealloc(cache);
}

struct capsa_cert_cache *capsa_verify_cache_certs(struct capsa_verify_cache *cache)
{
    return cache == NULL ? NULL : cache->certs;
}

static struct place *set_of(struct capsa_verify_cache *cache, uint64_t mark)
{
    return &cache->places[mark % cache->sets * WAYS];
}

struct capsa_kept *capsa_verify_cache_find(struct capsa_verify_cache *cache,
                                           const struct capsa_cache_key *key)
{
    if (cache == NULL) {
        return NULL;
    }
    uint64_t mark = mark_of(key);
    struct capsa_kept *found = NULL;
    (void)pthread_mutex_lock(&cache->mutex);
    struct place *set = set_of(cache, mark);
    for (size_t i = 0; i < WAYS && found == NULL; i++) {
        if (set[i].kept != NULL && set[i].mark == mark) {
            set[i].used = ++cache->clock;
            found = capsa_kept_share(set[i].kept);
        }
    }
    (void)pthread_mutex_unlock(&cache->mutex);
    /* Outside: it takes the longest, and a reference keeps what is compared. */
    if (found != NULL && !is_key(found, key)) {
        capsa_kept_release(found);
        return NULL;
    }
    return found;
}

/* The one of the same mark, an empty one, or the longest unused. */
static struct place *place_for(struct place *set, uint64_t mark)
{
    struct place *chosen = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].kept != NULL && set[i].mark == mark) {
            return &set[i];
        }
        bool better = chosen->kept != NULL && (set[i].kept == NULL || set[i].used < chosen->used);
        chosen = better ? &set[i] : chosen;
    }
    return chosen;
}

void capsa_verify_cache_keep(struct capsa_verify_cache *cache, const struct capsa_cache_key *key,
                             struct capsa_kept *kept)
{
    if (cache == NULL || kept->key != NULL || !write_key(key, kept)) {
        return;
    }
    uint64_t mark = mark_of(key);
    (void)pthread_mutex_lock(&cache->mutex);
    struct place *place = place_for(set_of(cache, mark), mark);
    struct capsa_kept *before = place->kept;
    *place = (struct place){mark, ++cache->clock, capsa_kept_share(kept)};
    (void)pthread_mutex_unlock(&cache->mutex);
    capsa_kept_release(before);
}
