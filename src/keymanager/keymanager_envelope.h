/* SPDX-License-Identifier: Apache-2.0
 *
 * The manager's envelope keys: what clients seal their requests to. One generation is an RSA key
 * for original clients, a P-256 and an X25519 key for native ones. A generation lives
 * CAPSA_KM_GENERATION_SECONDS; then the next one takes its place, and for CAPSA_KM_OVERLAP_SECONDS
 * more the manager opens what was sealed to the one before. Kept in the store; or, injected from
 * files, one RSA key that stays, with a certificate that is served as it is and tells native
 * clients nothing. Thread-safe.
 */
#pragma once

#include "crypto/crypto.h"
#include "keymanager/keymanager.h"
#include "keymanager/keymanager_spent.h"

#define CAPSA_KM_GENERATION_SECONDS 86400
#define CAPSA_KM_OVERLAP_SECONDS    600

/* Read-only, and counted: whoever was given one gives it back. */
struct capsa_km_generation {
    capsa_time created_at;
    struct capsa_private_key *rsa, *p256, *x25519; /* the last two: NULL when injected */
    char rsa_kid[CAPSA_KID], p256_kid[CAPSA_KID], x25519_kid[CAPSA_KID];
    unsigned uses; /* under the lock of the envelope */
};

/* `spent` outlives it: with each new generation its sets turn, at the same moment. */
struct capsa_km_envelope;
CAPSA_RESULT capsa_km_envelope_load(const struct capsa_keymanager_options *options,
                                    struct capsa_km_spent *spent,
                                    struct capsa_km_envelope **ret_envelope);
void capsa_km_envelope_free(struct capsa_km_envelope *envelope); /* NULL is fine */
CAPSA_DEFINE_AUTO_FREE(capsa_km_envelope)

/* The generations that are good at `now`, newest first: one or two of them. */
#define CAPSA_KM_GENERATIONS 2
typedef struct capsa_km_generations {
    struct capsa_km_envelope *envelope;
    struct capsa_km_generation *items[CAPSA_KM_GENERATIONS];
    size_t count;
} capsa_km_generations;
void capsa_km_generations_take(struct capsa_km_envelope *envelope, capsa_time now,
                               capsa_km_generations *ret_taken);
void capsa_km_generations_drop(capsa_km_generations *taken); /* callable twice, and on zeros */
/* None of them is retired since. While that holds, every request that was spent and is sealed to
 * one of them is remembered. */
bool capsa_km_generations_are_good(const capsa_km_generations *taken);
/* The native key of that name, or NULL. */
const struct capsa_private_key *capsa_km_generations_find(const capsa_km_generations *taken,
                                                          const char *kid);

/* Append the certificate's PEM, as GetRaCert returns it. */
CAPSA_RESULT capsa_km_envelope_cert(struct capsa_km_envelope *envelope, capsa_buf *pem);
/* How many of the log's latest ENVELOPE_KEYS entries are about keys that still open requests: what
 * was sealed to those stands behind them. 0: it may stand anywhere, for the key was injected. */
unsigned capsa_km_envelope_turns(const struct capsa_km_envelope *envelope);
/* The next generation, when it is time, or when `early` and the overlap with the last one is over;
 * takes as long as making an RSA key. *ret_rotated says whether there is one. */
CAPSA_RESULT capsa_km_envelope_rotate(struct capsa_km_envelope *envelope, bool early,
                                      bool *ret_rotated);
