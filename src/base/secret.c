/* SPDX-License-Identifier: Apache-2.0
 *
 * Guarded memory for secrets (secret.h). Layout of one mapping:
 *   [guard page][header | ... padding ... | bytes][guard page]
 * The bytes end at the second guard page, so that the first byte read past them faults.
 *
 * Making such a mapping and giving it back are six calls of the kernel, and a request has several
 * short-lived keys; so a few mappings of one page are kept, wiped, for the next secret.
 */
#include "base/secret.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"

#define SECRET_MAX MIB(1)
#define SPARES_MAX 64

struct capsa_secret {
    size_t len;
    uint8_t *bytes;
    uint8_t *map;
    size_t map_len;
    struct capsa_secret *next; /* in the list of spares */
};

static atomic_bool lock_failed;

bool capsa_secret_lock_failed(void)
{
    return atomic_load(&lock_failed);
}

CAPSA_RESULT capsa_secret_forbid_dumps(void)
{
    const struct rlimit none = {0, 0};
    CAPSA_REQUIRE(setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0, INTERNAL,
                  "cannot switch core dumps off");
    return CAPSA_OK;
}

void capsa_wipe(void *data, size_t len)
{
    if (len > 0) {
        explicit_bzero(data, len);
    }
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes between the guard pages. */
static size_t inner_size(size_t len)
{
    size_t page = page_size();
    return len == 0 ? page : (len + page - 1) / page * page;
}

/* ---- Mappings -------------------------------------------------------------------------------- */

static capsa_result map_new(size_t inner, struct capsa_secret **ret_secret)
{
    size_t page = page_size();
    struct capsa_secret *secret = CAPSA_NEW(struct capsa_secret);
    CAPSA_REQUIRE_MEMORY(secret);
    secret->map_len = inner + 2 * page;
    uint8_t *map =
        mmap(NULL, secret->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, inner, PROT_READ | PROT_WRITE) != 0) {
        if (map != MAP_FAILED) {
            (void)munmap(map, secret->map_len);
        }
        capsa_dealloc(secret);
        CAPSA_FAIL(NOMEM, "cannot map memory for a secret");
    }
    if (mlock(map + page, inner) != 0) {
        atomic_store(&lock_failed, true);
    }
    (void)madvise(map + page, inner, MADV_DONTDUMP); /* best effort: not on every kernel */
    (void)madvise(map + page, inner, MADV_WIPEONFORK);
    secret->map = map;
    *ret_secret = secret;
    return CAPSA_OK;
}

static void map_free(struct capsa_secret *secret)
{
    (void)munmap(secret->map, secret->map_len); /* also unlocks */
    capsa_dealloc(secret);
}

/* The one list of spares of the process, as malloc has its own. Nobody waits for it: whoever finds
 * it taken, be it by a thread that a fork left behind, does without. Locks do not reach into a
 * forked child; no program of ours has secrets and forks. */
static struct {
    pthread_mutex_t mutex;
    struct capsa_secret *first;
    size_t count;
} spares = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct capsa_secret *spare_take(void)
{
    struct capsa_secret *secret = NULL;
    if (pthread_mutex_trylock(&spares.mutex) == 0) {
        secret = spares.first;
        if (secret != NULL) {
            spares.first = secret->next;
            spares.count--;
        }
        (void)pthread_mutex_unlock(&spares.mutex);
    }
    return secret;
}

static bool spare_keep(struct capsa_secret *secret)
{
    bool kept = false;
    if (pthread_mutex_trylock(&spares.mutex) == 0) {
        kept = spares.count < SPARES_MAX;
        if (kept) {
            secret->next = spares.first;
            spares.first = secret;
            spares.count++;
        }
        (void)pthread_mutex_unlock(&spares.mutex);
    }
    return kept;
}

/* ---- Secrets --------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_secret_new(size_t len, struct capsa_secret **ret_secret)
{
    CAPSA_REQUIRE(len <= SECRET_MAX, TOO_LARGE, "a secret of %zu bytes, at most %zu", len,
                  SECRET_MAX);
    size_t inner = inner_size(len);
    struct capsa_secret *secret = inner == page_size() ? spare_take() : NULL;
    if (secret == NULL) {
        CAPSA_TRY(map_new(inner, &secret));
    }
    secret->len = len;
    secret->bytes = secret->map + page_size() + inner - len;
    *ret_secret = secret;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_secret_copy(capsa_bytes bytes, struct capsa_secret **ret_secret)
{
    CAPSA_TRY(capsa_secret_new(bytes.len, ret_secret));
    if (bytes.len > 0) {
        memcpy((*ret_secret)->bytes, bytes.data, bytes.len);
    }
    return CAPSA_OK;
}

void capsa_secret_free(struct capsa_secret *secret)
{
    if (secret == NULL) {
        return;
    }
    capsa_wipe(secret->bytes, secret->len);
    if (secret->map_len != 3 * page_size() || !spare_keep(secret)) {
        map_free(secret);
    }
}

uint8_t *capsa_secret_room(struct capsa_secret *secret)
{
    return secret->bytes;
}

capsa_secret_bytes capsa_secret_borrow(const struct capsa_secret *secret)
{
    return (capsa_secret_bytes){secret->bytes, secret->len};
}

bool capsa_equal_ct(capsa_secret_bytes a, capsa_secret_bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    uint8_t difference = 0;
    for (size_t i = 0; i < a.len; i++) {
        difference |= (uint8_t)(a.data[i] ^ b.data[i]);
        __asm__ volatile("" : "+r"(difference)); /* no early exit by the optimiser */
    }
    return difference == 0;
}
