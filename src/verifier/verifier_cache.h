/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache from within the verifiers (verifier.h has its outside): objects that were made of bytes
 * whose signatures held. An object is found again for the very same bytes and for no others: they
 * are kept and compared, all of them, which takes a tenth of the time that hashing them would.
 */
#pragma once

#include <stdatomic.h>

#include "verifier/verifier.h"

/* The head of whatever is kept. Made with one reference; immutable once it is shared. */
struct capsa_kept {
    atomic_size_t references;
    void (*destroy)(struct capsa_kept *kept);
    uint8_t *key; /* what it was made of, once it is in a cache */
    size_t key_len;
};
void capsa_kept_init(struct capsa_kept *kept, void (*destroy)(struct capsa_kept *kept));
struct capsa_kept *capsa_kept_share(struct capsa_kept *kept);
void capsa_kept_release(struct capsa_kept *kept); /* NULL is fine */

/* What an object is made of. No two lists of parts are the same; `kind` tells apart who keeps what.
 */
struct capsa_cache_key {
    const char *kind; /* a literal */
    const capsa_bytes *parts;
    size_t count;
};
/* A reference, or NULL. `cache` may be NULL. */
struct capsa_kept *capsa_verify_cache_find(struct capsa_verify_cache *cache,
                                           const struct capsa_cache_key *key);
/* Keeps a reference of its own. An object is kept once, by whoever made it, and after everything
 * that it stands for was checked. What fails here only makes the next call slower. */
void capsa_verify_cache_keep(struct capsa_verify_cache *cache, const struct capsa_cache_key *key,
                             struct capsa_kept *kept);
/* Certificates that were read before; NULL for no cache. */
struct capsa_cert_cache *capsa_verify_cache_certs(struct capsa_verify_cache *cache);
