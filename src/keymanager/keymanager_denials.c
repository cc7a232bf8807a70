/* SPDX-License-Identifier: Apache-2.0
 *
 * Which denials are recorded (keymanager_denials.h). Two small tables by a keyed digest, in which a
 * newer kind takes the place of an older one: of kinds, and of pairs (signer, resource), so that
 * somebody who varies his request gets a few entries and not thousands. Above both a bucket for all
 * of them: it fills at REFILL a second and holds BURST; an entry takes one and more if it is large.
 */
#include "keymanager/keymanager_denials.h"

#include <pthread.h>

#include "base/alloc.h"

#define PLACES      4096 /* a power of two */
#define WINDOW      60   /* seconds */
#define PAIR_MOST   8    /* entries of one pair in a window */
#define BURST       2000
#define REFILL      50
#define DIGEST_KEPT 16
#define PIECE       KIB(4) /* of an explanation: each takes one from the bucket */

struct place {
    uint8_t digest[DIGEST_KEPT];
    uint8_t decision_id[CAPSA_AUDIT_ID];
    capsa_time since; /* 0: free */
    uint64_t count;   /* of a kind: spoken for since the entry; of a pair: entries in the window */
};

struct capsa_km_denials {
    pthread_mutex_t lock;
    uint8_t secret[CAPSA_SHA256];
    struct place kinds[PLACES], pairs[PLACES];
    int64_t tokens;
    capsa_time filled_at;
    uint64_t coalesced;
};

CAPSA_RESULT capsa_km_denials_new(struct capsa_km_denials **ret_denials)
{
    struct capsa_km_denials *denials = CAPSA_NEW(struct capsa_km_denials);
    CAPSA_REQUIRE_MEMORY(denials);
    (void)pthread_mutex_init(&denials->lock, NULL);
    denials->tokens = BURST;
    capsa_result result = capsa_random(denials->secret, sizeof(denials->secret));
    if (capsa_failed(result)) {
        capsa_km_denials_free(denials);
        return result;
    }
    *ret_denials = denials;
    return CAPSA_OK;
}

void capsa_km_denials_free(struct capsa_km_denials *denials)
{
    if (denials != NULL) {
        (void)pthread_mutex_destroy(&denials->lock);
        capsa_dealloc(denials);
    }
}

/* ---- places ---------------------------------------------------------------------------------- */

/* The place of some parts, which may be somebody else's. */
static struct place *place_of(const struct capsa_km_denials *denials, struct place *places,
                              const capsa_bytes *parts, size_t count,
                              uint8_t ret_digest[CAPSA_SHA256])
{
    uint8_t plain[CAPSA_SHA256];
    capsa_sha256_parts(parts, count, plain);
    capsa_hmac_sha256((capsa_secret_bytes){denials->secret, sizeof(denials->secret)},
                      capsa_bytes_of(plain, sizeof(plain)), ret_digest);
    size_t at = ((size_t)ret_digest[DIGEST_KEPT] << 8 | ret_digest[DIGEST_KEPT + 1]) % PLACES;
    return &places[at];
}

static bool is_live(const struct place *place, const uint8_t *digest, capsa_time now)
{
    return place->since != 0 && memcmp(place->digest, digest, DIGEST_KEPT) == 0 &&
           now >= place->since && now - place->since < WINDOW;
}

static void occupy(struct place *place, const uint8_t *digest, capsa_time now)
{
    memcpy(place->digest, digest, DIGEST_KEPT);
    place->since = now;
    place->count = 0;
}

static void refill(struct capsa_km_denials *denials, capsa_time now)
{
    if (now > denials->filled_at) {
        capsa_time passed = now - denials->filled_at;
        int64_t more = passed > BURST / REFILL ? BURST : passed * REFILL;
        denials->tokens = denials->tokens + more > BURST ? BURST : denials->tokens + more;
    }
    denials->filled_at = now; /* also backwards: a clock that was put back earns nothing */
}

/* Who is refused decides how long the explanation is. */
static int64_t price_of(const struct capsa_km_denial *denial)
{
    return 1 + (int64_t)(denial->explanation.len / PIECE);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void repeat(struct capsa_km_denials *denials, const struct place *place,
                   struct capsa_km_denial_answer *answer)
{
    answer->verdict = CAPSA_KM_DENIAL_REPEATED;
    memcpy(answer->decision_id, place->decision_id, CAPSA_AUDIT_ID);
    denials->coalesced++;
}

static void judge(struct capsa_km_denials *denials, capsa_time now,
                  const struct capsa_km_denial *denial, struct capsa_km_denial_answer *answer)
{
    const capsa_bytes parts[] = {denial->signer, denial->resource, denial->explanation};
    uint8_t digest[CAPSA_SHA256];
    struct place *kind = place_of(denials, denials->kinds, parts, 3, digest);
    if (is_live(kind, digest, now)) {
        kind->count++;
        repeat(denials, kind, answer);
        return;
    }
    bool is_old = kind->since != 0 && memcmp(kind->digest, digest, DIGEST_KEPT) == 0;
    answer->repeated = is_old ? kind->count : 0;
    struct place *pair = place_of(denials, denials->pairs, parts, 2, digest);
    bool pair_lives = is_live(pair, digest, now);
    refill(denials, now);
    if (pair_lives && (pair->count >= PAIR_MOST || denials->tokens <= 0)) {
        repeat(denials, pair, answer);
        return;
    }
    answer->verdict = denials->tokens > 0 ? CAPSA_KM_DENIAL_RECORD : CAPSA_KM_DENIAL_TOO_MANY;
    denials->tokens -= denials->tokens > 0 ? price_of(denial) : 0;
}

void capsa_km_denials_ask(struct capsa_km_denials *denials, capsa_time now,
                          const struct capsa_km_denial *denial,
                          struct capsa_km_denial_answer *ret_answer)
{
    struct capsa_km_denial_answer answer = {.verdict = CAPSA_KM_DENIAL_RECORD};
    (void)pthread_mutex_lock(&denials->lock);
    judge(denials, now, denial, &answer);
    (void)pthread_mutex_unlock(&denials->lock);
    *ret_answer = answer;
}

void capsa_km_denials_note(struct capsa_km_denials *denials, capsa_time now,
                           const struct capsa_km_denial *denial,
                           const uint8_t decision_id[CAPSA_AUDIT_ID])
{
    const capsa_bytes parts[] = {denial->signer, denial->resource, denial->explanation};
    uint8_t digest[CAPSA_SHA256];
    (void)pthread_mutex_lock(&denials->lock);
    struct place *kind = place_of(denials, denials->kinds, parts, 3, digest);
    occupy(kind, digest, now);
    memcpy(kind->decision_id, decision_id, CAPSA_AUDIT_ID);
    struct place *pair = place_of(denials, denials->pairs, parts, 2, digest);
    if (!is_live(pair, digest, now)) {
        occupy(pair, digest, now);
    }
    pair->count++;
    memcpy(pair->decision_id, decision_id, CAPSA_AUDIT_ID);
    (void)pthread_mutex_unlock(&denials->lock);
}

uint64_t capsa_km_denials_coalesced(struct capsa_km_denials *denials)
{
    (void)pthread_mutex_lock(&denials->lock);
    uint64_t coalesced = denials->coalesced;
    (void)pthread_mutex_unlock(&denials->lock);
    return coalesced;
}
