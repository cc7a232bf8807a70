/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting calls, and making the n-th fail (failing.h); the disk's are in failing_disk.c.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_METHOD: the one way to count libcrypto's randomness */
#include "failing_calls.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sqlite3.h>

#include "base/alloc.h"
#include "crypto/crypto.h"

char failing_mark;

static struct {
    atomic_int what;
    atomic_int how;
    atomic_size_t nth;
    atomic_size_t calls;
    atomic_size_t failed;
    atomic_size_t lost;
    atomic_size_t syncs;
} armed;

void failing_arm(enum failing_what what, enum failing_how how, size_t nth)
{
    atomic_store(&armed.how, (int)how);
    atomic_store(&armed.nth, nth);
    atomic_store(&armed.calls, 0);
    atomic_store(&armed.failed, 0);
    atomic_store(&armed.lost, 0);
    atomic_store(&armed.syncs, 0);
    atomic_store(&armed.what, (int)what);
}

struct failing_count failing_disarm(void)
{
    atomic_store(&armed.what, FAILING_NOTHING);
    return (struct failing_count){atomic_load(&armed.calls), atomic_load(&armed.failed),
                                  atomic_load(&armed.lost), atomic_load(&armed.syncs)};
}

void failing_synced(void)
{
    (void)atomic_fetch_add(&armed.syncs, 1);
}

void failing_lost(void)
{
    (void)atomic_fetch_add(&armed.lost, 1);
}

enum failing_fate failing_fate_of(enum failing_what what)
{
    if (atomic_load(&armed.what) != (int)what) {
        return FAILING_FATE_NONE;
    }
    size_t call = atomic_fetch_add(&armed.calls, 1);
    size_t nth = atomic_load(&armed.nth);
    int how = atomic_load(&armed.how);
    if (call < nth || (call > nth && how != FAILING_EVER)) {
        return FAILING_FATE_NONE;
    }
    (void)atomic_fetch_add(&armed.failed, 1);
    static const enum failing_fate fates[] = {
        [FAILING_ONCE] = FAILING_FATE_FAILS,    [FAILING_EVER] = FAILING_FATE_FAILS,
        [FAILING_KILLED] = FAILING_FATE_KILLED, [FAILING_HALFWAY] = FAILING_FATE_HALFWAY,
        [FAILING_BEHIND] = FAILING_FATE_BEHIND,
    };
    bool cut_short = how == FAILING_EVER && call == nth;
    return cut_short ? FAILING_FATE_SHORT : fates[how];
}

static bool fails(enum failing_what what)
{
    return failing_fate_of(what) != FAILING_FATE_NONE;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static int own_allocation(size_t size)
{
    (void)size;
    return fails(FAILING_MEMORY);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails(FAILING_LIBRARIES) ? NULL : malloc(size);
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails(FAILING_LIBRARIES) ? NULL : realloc(old, size);
}

static void crypto_free(void *pointer, const char *file, int line)
{
    (void)file;
    (void)line;
    free(pointer);
}

static sqlite3_mem_methods sqlite_own; /* what SQLite would use */

static void *sqlite_malloc(int size)
{
    return fails(FAILING_LIBRARIES) ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
    return fails(FAILING_LIBRARIES) ? NULL : sqlite_own.xRealloc(old, size);
}

static void hook_sqlite(void)
{
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own), SQLITE_OK);
    sqlite3_mem_methods counted = sqlite_own;
    counted.xMalloc = sqlite_malloc;
    counted.xRealloc = sqlite_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &counted), SQLITE_OK);
    /* Memory that SQLite keeps for itself in advance would hide a failure. */
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0), SQLITE_OK);
}

/* libyaml calls its own by these names through the linker, so that a program may have others. */
#define FAILING_PUBLIC __attribute__((visibility("default"), used))
FAILING_PUBLIC void *yaml_malloc(size_t size);
FAILING_PUBLIC void *yaml_malloc(size_t size)
{
    return fails(FAILING_LIBRARIES) ? NULL : malloc(size == 0 ? 1 : size);
}

FAILING_PUBLIC void *yaml_realloc(void *old, size_t size);
FAILING_PUBLIC void *yaml_realloc(void *old, size_t size)
{
    return fails(FAILING_LIBRARIES) ? NULL : realloc(old, size == 0 ? 1 : size);
}

/* ---- Randomness ------------------------------------------------------------------------------ */

static int own_random(size_t len)
{
    (void)len;
    return fails(FAILING_RANDOM);
}

static int crypto_random(unsigned char *data, int len)
{
    if (fails(FAILING_RANDOM)) {
        return 0;
    }
    return getrandom(data, (size_t)len, 0) == len;
}

static int crypto_random_status(void)
{
    return 1;
}

void failing_install(void)
{
    static const RAND_METHOD method = {
        .bytes = crypto_random,
        .pseudorand = crypto_random,
        .status = crypto_random_status,
    };
    assert_int_equal(CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free), 1);
    assert_int_equal(RAND_set_rand_method(&method), 1);
    hook_sqlite();
    capsa_alloc_set_hook(own_allocation);
    capsa_random_set_hook(own_random);
}

/* ---- Trying ---------------------------------------------------------------------------------- */

bool failing_is_full(void)
{
    const char *full = getenv("CAPSA_FULL");
    return full != NULL && strcmp(full, "0") != 0;
}

static size_t sample_dense = 60;

void failing_sample(size_t dense)
{
    sample_dense = dense;
}

size_t failing_next(size_t nth)
{
    bool each = nth < sample_dense || failing_is_full();
    return each ? nth + 1 : nth + 1 + nth * 3 / (2 * sample_dense);
}

bool failing_code_fits(enum failing_what what, enum capsa_code code)
{
    static const enum capsa_code fitting[FAILING_KINDS][4] = {
        [FAILING_MEMORY] = {CAPSA_E_NOMEM},
        [FAILING_LIBRARIES] = {CAPSA_E_NOMEM, CAPSA_E_INTERNAL, CAPSA_E_STORE},
        [FAILING_RANDOM] = {CAPSA_E_IO, CAPSA_E_INTERNAL},
        [FAILING_DISK] = {CAPSA_E_IO, CAPSA_E_STORE},
    };
    for (size_t i = 0; i < 4 && fitting[what][i] != CAPSA_E_OK; i++) {
        if (fitting[what][i] == code) {
            return true;
        }
    }
    return false;
}

/* All that is wrong is told, not only the first. */
static size_t complaints;

static void complain(const struct failing_case *one, enum failing_what what, size_t nth,
                     const char *about)
{
    static const char *const names[FAILING_KINDS] = {"nothing", "memory", "libraries", "random",
                                                     "disk"};
    print_error("%s, %s, call %zu: %s\n", one->name, names[what], nth, about);
    complaints++;
}

bool failing_must_fail(enum failing_what what, struct failing_count count)
{
    return what == FAILING_RANDOM && count.failed > 0;
}

static bool refuses(const struct failing_case *one, enum failing_what what, enum capsa_code code)
{
    return one->may_refuse && what == FAILING_LIBRARIES &&
           (code == CAPSA_E_MALFORMED || code == CAPSA_E_UNAUTHENTIC);
}

static void check_failure(const struct failing_case *one, enum failing_what what, size_t nth,
                          const struct failing_out *out, capsa_result result)
{
    if (!refuses(one, what, capsa_code_of(result)) &&
        !failing_code_fits(what, capsa_code_of(result))) {
        char text[CAPSA_ERROR_TEXT + 32];
        (void)snprintf(text, sizeof(text), "%s: %s", capsa_code_name(capsa_code_of(result)),
                       capsa_text_of(result));
        complain(one, what, nth, text);
    }
    if (out->made != FAILING_MARK) {
        complain(one, what, nth, "failed, and changed its output");
    }
    if (!capsa_bytes_is(capsa_buf_bytes(&out->buf), "before")) {
        complain(one, what, nth, "failed, and left something in its buffer");
    }
}

/* Whatever the fault broke off, the next run works. One thing takes longer: where libcrypto ran out
 * of memory while it renewed the blinding of an RSA key, the key gives wrong results until it makes
 * a new blinding, every 32nd use (BN_BLINDING_COUNTER). */
static void settle(const struct failing_case *one, enum failing_what what, size_t nth)
{
    size_t tries = what == FAILING_LIBRARIES ? 33 : 1;
    bool works = false;
    for (size_t i = 0; i < tries && !works; i++) {
        CAPSA_AUTO(capsa_buf) before = capsa_buf_of(MIB(16));
        assert_ok(capsa_buf_str(&before, "before"));
        struct failing_out out = {.buf = before, .made = FAILING_MARK};
        works = !capsa_failed(one->run(&out));
        before = out.buf;
        if (works && one->drop != NULL) {
            one->drop(out.made);
        }
    }
    if (!works) {
        complain(one, what, nth, "does not work any more after it failed");
    }
}

/* One run: true when no call failed in it. */
static bool try_one(const struct failing_case *one, enum failing_what what, enum failing_how how,
                    size_t nth)
{
    CAPSA_AUTO(capsa_buf) before = capsa_buf_of(MIB(16));
    assert_ok(capsa_buf_str(&before, "before"));
    struct failing_out out = {.buf = before, .made = FAILING_MARK};
    failing_arm(what, how, nth);
    capsa_result result = one->run(&out);
    struct failing_count count = failing_disarm();
    before = out.buf;
    if (capsa_failed(result)) {
        check_failure(one, count.failed == 0 ? FAILING_NOTHING : what, nth, &out, result);
        settle(one, what, nth);
    } else if (failing_must_fail(what, count)) {
        complain(one, what, nth, "went on without randomness");
    }
    if (!capsa_failed(result) && one->drop != NULL) {
        assert_ptr_not_equal(out.made, FAILING_MARK);
        one->drop(out.made);
    }
    return count.failed == 0;
}

void failing_try(const struct failing_case *one, enum failing_what what, enum failing_how how)
{
    size_t nth = 0;
    size_t before = complaints;
    while (!try_one(one, what, how, nth) && complaints < before + 4) {
        nth = failing_next(nth);
    }
    if (getenv("CAPSA_FAILING_SHOW") != NULL) {
        print_message("%s: kind %d: %zu\n", one->name, (int)what, nth);
    }
}

void failing_try_all(const struct failing_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(try_one(&cases[i], FAILING_NOTHING, FAILING_ONCE, 0));
        for (int what = FAILING_MEMORY; what <= FAILING_RANDOM; what++) {
            if (what == FAILING_LIBRARIES && cases[i].spares_libraries) {
                continue;
            }
            failing_try(&cases[i], (enum failing_what)what, FAILING_ONCE);
            failing_try(&cases[i], (enum failing_what)what, FAILING_EVER);
        }
    }
    assert_int_equal(complaints, 0);
    failing_check_leaks();
}

/* There in builds with the sanitizer, and only there. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void failing_check_leaks(void)
{
    if (__lsan_do_recoverable_leak_check != NULL) {
        assert_int_equal(__lsan_do_recoverable_leak_check(), 0);
    }
}
