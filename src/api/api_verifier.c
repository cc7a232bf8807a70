/* SPDX-License-Identifier: Apache-2.0
 *
 * Verifiers across the public interface (capsa/verify.h): trust anchors, policy and cache, set up
 * once and then only read, by as many threads as like.
 */
#include "api/api_verifier.h"
#include "base/alloc.h"
#include "base/limits.h"

/* ---- The cache: the caller's, and that of every verifier that uses it -------------------------
 */

struct libcapsa_cache {
    capsa_api_references references;
    struct capsa_verify_cache *held;
};

static capsa_result new_cache(size_t entries, libcapsa_cache **ret_cache)
{
    CAPSA_API_GIVEN(ret_cache);
    CAPSA_REQUIRE(entries > 0, USAGE, "a cache of no entries keeps nothing");
    struct capsa_verify_cache *held = NULL;
    CAPSA_TRY(capsa_verify_cache_new(entries, &held));
    struct libcapsa_cache *cache = CAPSA_NEW(struct libcapsa_cache);
    if (cache == NULL) {
        capsa_verify_cache_free(held);
        CAPSA_REQUIRE_MEMORY(cache);
    }
    atomic_init(&cache->references, 1);
    cache->held = held;
    *ret_cache = cache;
    return CAPSA_OK;
}

int libcapsa_cache_new(size_t entries, libcapsa_cache **ret_cache, libcapsa_error *ret_error)
{
    return capsa_api_end(new_cache(entries, ret_cache), ret_error);
}

void libcapsa_cache_free(libcapsa_cache *cache)
{
    if (cache == NULL || !capsa_api_let_go(&cache->references)) {
        return;
    }
    capsa_verify_cache_free(cache->held);
    capsa_dealloc(cache);
}

static libcapsa_cache *share(libcapsa_cache *cache)
{
    if (cache != NULL) {
        capsa_api_hold(&cache->references);
    }
    return cache;
}

/* ---- Making ---------------------------------------------------------------------------------- */

CAPSA_RESULT capsa_api_verifier_new(libcapsa_verifier **ret_verifier)
{
    CAPSA_API_GIVEN(ret_verifier);
    CAPSA_AUTO_FREE(libcapsa_verifier) verifier = CAPSA_NEW(struct libcapsa_verifier);
    CAPSA_REQUIRE_MEMORY(verifier);
    atomic_init(&verifier->references, 1);
    CAPSA_TRY(capsa_anchors_new_vendor(&verifier->anchors));
    CAPSA_TRY(capsa_appraisal_policy_new(&verifier->policy));
    *ret_verifier = verifier;
    verifier = NULL;
    return CAPSA_OK;
}

int libcapsa_verifier_new(libcapsa_verifier **ret_verifier, libcapsa_error *ret_error)
{
    return capsa_api_end(capsa_api_verifier_new(ret_verifier), ret_error);
}

void libcapsa_verifier_free(libcapsa_verifier *verifier)
{
    if (verifier == NULL || !capsa_api_let_go(&verifier->references)) {
        return;
    }
    capsa_api_set_getter(verifier, (struct capsa_collateral_getter){.get = NULL}, NULL);
    capsa_anchors_free(verifier->anchors);
    capsa_appraisal_policy_free(verifier->policy);
    libcapsa_cache_free(verifier->cache);
    capsa_dealloc(verifier);
}

/* Whoever uses it counts himself, and changes nothing else of it. */
libcapsa_verifier *capsa_api_verifier_share(const libcapsa_verifier *verifier)
{
    libcapsa_verifier *shared = (libcapsa_verifier *)(uintptr_t)verifier;
    if (shared != NULL) {
        capsa_api_hold(&shared->references);
    }
    return shared;
}

struct capsa_verify_cache *capsa_api_cache(const libcapsa_verifier *verifier)
{
    return verifier->cache == NULL ? NULL : verifier->cache->held;
}

/* ---- The policy ------------------------------------------------------------------------------ */

CAPSA_RESULT capsa_api_set_policy(libcapsa_verifier *verifier, const void *text, size_t len)
{
    CAPSA_API_GIVEN(verifier);
    capsa_bytes given;
    CAPSA_TRY(capsa_api_bytes("text", text, len, &given));
    struct capsa_appraisal_policy *policy = NULL;
    CAPSA_TRY(capsa_appraisal_policy_load(given, &policy));
    capsa_appraisal_policy_free(verifier->policy);
    verifier->policy = policy;
    return CAPSA_OK;
}

int libcapsa_verifier_set_policy(libcapsa_verifier *verifier, const void *text, size_t len,
                                 libcapsa_error *ret_error)
{
    return capsa_api_end(capsa_api_set_policy(verifier, text, len), ret_error);
}

static capsa_result load_policy(libcapsa_verifier *verifier, const char *path)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(0);
    CAPSA_TRY(capsa_api_read(path, CAPSA_LIMIT_json_bytes, &text));
    CAPSA_TRY_AT(capsa_api_set_policy(verifier, text.data, text.len), "%s", path);
    return CAPSA_OK;
}

int libcapsa_verifier_load_policy(libcapsa_verifier *verifier, const char *path,
                                  libcapsa_error *ret_error)
{
    return capsa_api_end(load_policy(verifier, path), ret_error);
}

int libcapsa_verifier_pins_code(const libcapsa_verifier *verifier, const char *platform)
{
    if (verifier == NULL || platform == NULL) {
        return 0;
    }
    const enum capsa_platform of = capsa_platform_by_name(platform);
    return of != CAPSA_PLATFORM_NONE && capsa_appraisal_policy_pins_code(verifier->policy, of);
}

/* ---- Trust anchors --------------------------------------------------------------------------- */

static capsa_result use_anchors(libcapsa_verifier *verifier, const void *root, size_t len,
                                capsa_result (*make)(capsa_bytes, struct capsa_anchors **))
{
    CAPSA_API_GIVEN(verifier);
    capsa_bytes given;
    CAPSA_TRY(capsa_api_bytes("root", root, len, &given));
    struct capsa_anchors *anchors = NULL;
    CAPSA_TRY(make(given, &anchors));
    capsa_anchors_free(verifier->anchors);
    verifier->anchors = anchors;
    return CAPSA_OK;
}

int libcapsa_verifier_set_root(libcapsa_verifier *verifier, const void *root, size_t len,
                               libcapsa_error *ret_error)
{
    return capsa_api_end(use_anchors(verifier, root, len, capsa_anchors_new_custom), ret_error);
}

static capsa_result load_root(libcapsa_verifier *verifier, const char *path)
{
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(0);
    CAPSA_TRY(capsa_api_read(path, CAPSA_LIMIT_cert_pem, &root));
    CAPSA_TRY_AT(use_anchors(verifier, root.data, root.len, capsa_anchors_new_custom), "%s", path);
    return CAPSA_OK;
}

int libcapsa_verifier_load_root(libcapsa_verifier *verifier, const char *path,
                                libcapsa_error *ret_error)
{
    return capsa_api_end(load_root(verifier, path), ret_error);
}

static capsa_result make_simulated(capsa_bytes root, struct capsa_anchors **ret_anchors)
{
#ifdef CAPSA_SIMULATION
    return capsa_anchors_new_simulation(root, ret_anchors);
#else
    (void)root;
    (void)ret_anchors;
    CAPSA_FAIL(UNSUPPORTED, "this build has no simulation, and trusts no simulated root");
#endif
}

int libcapsa_verifier_insecure_set_simulated_root(libcapsa_verifier *verifier, const void *root,
                                                  size_t len, libcapsa_error *ret_error)
{
    return capsa_api_end(use_anchors(verifier, root, len, make_simulated), ret_error);
}

static capsa_result set_vendor_only(libcapsa_verifier *verifier, int vendor_only)
{
    CAPSA_API_GIVEN(verifier);
    verifier->vendor_only = vendor_only != 0;
    return CAPSA_OK;
}

int libcapsa_verifier_set_vendor_only(libcapsa_verifier *verifier, int vendor_only,
                                      libcapsa_error *ret_error)
{
    return capsa_api_end(set_vendor_only(verifier, vendor_only), ret_error);
}

/* ---- The cache in it ------------------------------------------------------------------------- */

static capsa_result set_cache(libcapsa_verifier *verifier, libcapsa_cache *cache)
{
    CAPSA_API_GIVEN(verifier);
    libcapsa_cache *before = verifier->cache;
    verifier->cache = share(cache); /* first: it may be the same one */
    libcapsa_cache_free(before);
    return CAPSA_OK;
}

int libcapsa_verifier_set_cache(libcapsa_verifier *verifier, libcapsa_cache *cache,
                                libcapsa_error *ret_error)
{
    return capsa_api_end(set_cache(verifier, cache), ret_error);
}
