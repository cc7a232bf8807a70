/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates that were read before (crypto.h). A table in which each certificate has one place,
 * by its SHA-256: a new one takes it over from whoever was there. So the table never grows, and
 * somebody who sends ever new certificates makes others' slow to read again, and no more.
 *
 * What is kept is what the bytes say, never whether to believe them: chains are checked each time.
 */
#include "crypto/crypto_x509.h"

#include <pthread.h>

#include "base/alloc.h"

#define TEXT_MAX KIB(6) /* larger ones are read anew: they would let few peers hold much memory */

struct kept {
    uint8_t digest[CAPSA_SHA256]; /* of the DER, or of the PEM: no text is both */
    struct capsa_cert *cert;      /* NULL: nothing here yet */
};

struct capsa_cert_cache {
    pthread_mutex_t mutex;
    size_t places;
    struct kept kept[];
};

CAPSA_RESULT capsa_cert_cache_new(struct capsa_cert_cache **ret_cache)
{
    return capsa_cert_cache_new_of(CAPSA_LIMIT_cert_cache, ret_cache);
}

CAPSA_RESULT capsa_cert_cache_new_of(size_t places, struct capsa_cert_cache **ret_cache)
{
    CAPSA_REQUIRE(places > 0 && places <= CAPSA_LIMIT_cert_cache, USAGE,
                  "a cache of %zu certificates; 1 to %d", places, CAPSA_LIMIT_cert_cache);
    struct capsa_cert_cache *cache =
        capsa_alloc(sizeof(struct capsa_cert_cache) + places * sizeof(struct kept));
    CAPSA_REQUIRE_MEMORY(cache);
    cache->places = places;
    (void)pthread_mutex_init(&cache->mutex, NULL); /* cannot fail without attributes */
    *ret_cache = cache;
    return CAPSA_OK;
}

void capsa_cert_cache_free(struct capsa_cert_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < cache->places; i++) {
        capsa_cert_free(cache->kept[i].cert);
    }
    (void)pthread_mutex_destroy(&cache->mutex);
    capsa_dealloc(cache);
}

static struct kept *place_of(struct capsa_cert_cache *cache, const uint8_t digest[CAPSA_SHA256])
{
    uint64_t number;
    memcpy(&number, digest, sizeof(number));
    return &cache->kept[number % cache->places];
}

static struct capsa_cert *find(struct capsa_cert_cache *cache, const uint8_t digest[CAPSA_SHA256],
                               bool is_bare)
{
    struct capsa_cert *found = NULL;
    (void)pthread_mutex_lock(&cache->mutex);
    const struct kept *kept = place_of(cache, digest);
    if (kept->cert != NULL && kept->cert->is_bare == is_bare &&
        memcmp(kept->digest, digest, CAPSA_SHA256) == 0) {
        found = capsa_crypto_cert_share(kept->cert);
    }
    (void)pthread_mutex_unlock(&cache->mutex);
    return found;
}

static void keep(struct capsa_cert_cache *cache, const uint8_t digest[CAPSA_SHA256],
                 struct capsa_cert *cert)
{
    (void)pthread_mutex_lock(&cache->mutex);
    struct kept *kept = place_of(cache, digest);
    struct capsa_cert *before = kept->cert;
    kept->cert = capsa_crypto_cert_share(cert);
    memcpy(kept->digest, digest, CAPSA_SHA256);
    (void)pthread_mutex_unlock(&cache->mutex);
    capsa_cert_free(before);
}

CAPSA_RESULT capsa_crypto_cert_cached(struct capsa_cert_cache *cache, capsa_bytes text,
                                      bool is_bare, crypto_cert_reader *parse,
                                      struct capsa_cert **ret_cert)
{
    if (cache == NULL || text.len > TEXT_MAX) {
        return parse(text, ret_cert);
    }
    uint8_t digest[CAPSA_SHA256];
    capsa_sha256(text, digest);
    struct capsa_cert *cert = find(cache, digest, is_bare);
    if (cert == NULL) {
        CAPSA_TRY(parse(text, &cert));
        keep(cache, digest, cert);
    }
    *ret_cert = cert;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cert_cache_der(struct capsa_cert_cache *cache, capsa_bytes der,
                                  struct capsa_cert **ret_cert)
{
    return capsa_crypto_cert_cached(cache, der, false, capsa_cert_parse_der, ret_cert);
}

CAPSA_RESULT capsa_cert_cache_pem(struct capsa_cert_cache *cache, capsa_bytes pem,
                                  struct capsa_cert **ret_cert)
{
    return capsa_crypto_cert_cached(cache, pem, false, capsa_cert_parse_pem, ret_cert);
}

CAPSA_RESULT capsa_chain_add_cached(capsa_chain *chain, struct capsa_cert_cache *cache,
                                    capsa_bytes der)
{
    CAPSA_REQUIRE(chain->count < CAPSA_LIMIT_x5c_certs, TOO_LARGE,
                  "a chain of more than %d certificates", CAPSA_LIMIT_x5c_certs);
    CAPSA_TRY_AT(capsa_cert_cache_der(cache, der, &chain->certs[chain->count]),
                 "certificate %zu of the chain", chain->count);
    chain->count++;
    return CAPSA_OK;
}
