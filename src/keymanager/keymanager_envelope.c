/* SPDX-License-Identifier: Apache-2.0
 *
 * The manager's envelope keys (keymanager_envelope.h).
 */
#include "keymanager/keymanager_envelope.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "keymanager/keymanager_call.h"

#define CERT_EARLIER 86400 /* clients' clocks may be behind */
#define INFO_OID     "1.2.840.113556.1.8000.2554.35527.355.40132.19456.35205.9612017.2054100"

struct capsa_km_envelope {
    struct capsa_keymanager_options options;
    struct capsa_km_spent *spent;
    bool injected;
    pthread_mutex_t turning; /* one rotation at a time */
    pthread_mutex_t lock;    /* for what stands below */
    struct capsa_km_generation *current, *previous;
    capsa_buf cert_pem;
};

/* ---- generations ----------------------------------------------------------------------------- */

static void generation_free(struct capsa_km_generation *generation)
{
    if (generation == NULL) {
        return;
    }
    capsa_private_key_free(generation->rsa);
    capsa_private_key_free(generation->p256);
    capsa_private_key_free(generation->x25519);
    capsa_dealloc(generation);
}

/* With the lock held. */
static void generation_put(struct capsa_km_generation *generation)
{
    if (generation != NULL && --generation->uses == 0) {
        generation_free(generation);
    }
}

static capsa_result name_key(const struct capsa_private_key *key, char ret_kid[CAPSA_KID])
{
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_TRY(capsa_public_key_of(key, &public_key));
    capsa_public_key_kid(public_key, ret_kid);
    return CAPSA_OK;
}

static capsa_result name_keys(struct capsa_km_generation *generation)
{
    CAPSA_TRY(name_key(generation->rsa, generation->rsa_kid));
    if (generation->p256 == NULL) {
        return CAPSA_OK;
    }
    CAPSA_TRY(name_key(generation->p256, generation->p256_kid));
    return name_key(generation->x25519, generation->x25519_kid);
}

static capsa_result generation_new(const struct capsa_keymanager_options *options,
                                   struct capsa_km_generation **ret_generation)
{
    struct capsa_km_generation *generation = CAPSA_NEW(struct capsa_km_generation);
    CAPSA_REQUIRE_MEMORY(generation);
    generation->uses = 1;
    generation->created_at = capsa_now(options->clock);
    capsa_result result = capsa_private_key_new_rsa(options->rsa_bits, &generation->rsa);
    result = capsa_failed(result) ? result : capsa_private_key_new_p256(&generation->p256);
    result = capsa_failed(result) ? result : capsa_private_key_new_x25519(&generation->x25519);
    result = capsa_failed(result) ? result : name_keys(generation);
    if (capsa_failed(result)) {
        generation_free(generation);
        return result;
    }
    *ret_generation = generation;
    return CAPSA_OK;
}

/* ---- in the store ---------------------------------------------------------------------------- */

static capsa_result key_text(const struct capsa_private_key *key, capsa_buf *pem, char **ret_text)
{
    CAPSA_TRY(capsa_private_key_write(key, pem));
    CAPSA_TRY(capsa_buf_u8(pem, '\0'));
    *ret_text = (char *)pem->data;
    return CAPSA_OK;
}

static capsa_result generation_save(struct capsa_km_txn *txn, const char *which,
                                    const struct capsa_km_generation *generation)
{
    CAPSA_AUTO(capsa_buf) rsa = capsa_buf_of(KIB(32));
    CAPSA_AUTO(capsa_buf) p256 = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) x25519 = capsa_buf_of(KIB(4));
    Rec__EnvelopeKeys record = REC__ENVELOPE_KEYS__INIT;
    record.created_at = generation->created_at;
    CAPSA_TRY(key_text(generation->rsa, &rsa, &record.rsa));
    CAPSA_TRY(key_text(generation->p256, &p256, &record.p256));
    CAPSA_TRY(key_text(generation->x25519, &x25519, &record.x25519));
    return capsa_km_envelope_keys_put(txn, which, &record);
}

static capsa_result parse_keys(const Rec__EnvelopeKeys *record,
                               struct capsa_km_generation *generation)
{
    generation->created_at = record->created_at;
    CAPSA_TRY(capsa_private_key_parse(capsa_bytes_str(record->rsa), &generation->rsa));
    CAPSA_TRY(capsa_private_key_parse(capsa_bytes_str(record->p256), &generation->p256));
    CAPSA_TRY(capsa_private_key_parse(capsa_bytes_str(record->x25519), &generation->x25519));
    return name_keys(generation);
}

/* NULL when there is none. */
static capsa_result generation_load(struct capsa_km_txn *txn, const char *which,
                                    struct capsa_km_generation **ret_generation)
{
    CAPSA_AUTO_RECORD(Rec__EnvelopeKeys) record = NULL;
    CAPSA_TRY(capsa_km_envelope_keys_find(txn, which, &record));
    if (record == NULL) {
        return CAPSA_OK;
    }
    struct capsa_km_generation *generation = CAPSA_NEW(struct capsa_km_generation);
    CAPSA_REQUIRE_MEMORY(generation);
    generation->uses = 1;
    capsa_result result = parse_keys(record, generation);
    if (capsa_failed(result)) {
        generation_free(generation);
        return capsa_error_within(result, "the stored envelope keys (%s)", which);
    }
    *ret_generation = generation;
    return CAPSA_OK;
}

/* ---- the certificate ------------------------------------------------------------------------- */

/* What the announcement says of one key; the bytes live in `spki`. */
static capsa_result describe(const struct capsa_private_key *key, char *kid, const char *alg,
                             capsa_time not_after, capsa_buf *spki,
                             Native__ManagerInfo__EnvelopeKey *ret_key)
{
    CAPSA_AUTO_FREE(capsa_public_key) public_key = NULL;
    CAPSA_TRY(capsa_public_key_of(key, &public_key));
    CAPSA_TRY(capsa_public_key_spki(public_key, spki));
    native__manager_info__envelope_key__init(ret_key);
    ret_key->kid = kid;
    ret_key->alg = capsa_km_field(alg);
    ret_key->spki = (ProtobufCBinaryData){spki->len, spki->data};
    ret_key->not_after = not_after;
    return CAPSA_OK;
}

static capsa_time end_of(const struct capsa_km_generation *generation)
{
    return generation->created_at + CAPSA_KM_GENERATION_SECONDS + CAPSA_KM_OVERLAP_SECONDS;
}

static capsa_result announce(const struct capsa_km_envelope *envelope,
                             struct capsa_km_generation *generation, capsa_buf *ret_info)
{
    Native__ManagerInfo__EnvelopeKey keys[3];
    Native__ManagerInfo__EnvelopeKey *list[] = {&keys[0], &keys[1], &keys[2]};
    CAPSA_AUTO(capsa_buf) rsa = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) p256 = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) x25519 = capsa_buf_of(KIB(1));
    capsa_time end = end_of(generation);
    CAPSA_TRY(describe(generation->rsa, generation->rsa_kid, "RSA-OAEP-256", end, &rsa, &keys[0]));
    CAPSA_TRY(
        describe(generation->p256, generation->p256_kid, "ECDH-ES+A256KW", end, &p256, &keys[1]));
    CAPSA_TRY(describe(generation->x25519, generation->x25519_kid, "ECDH-ES+A256KW", end, &x25519,
                       &keys[2]));
    return capsa_ledger_announce(envelope->options.ledger, list, 3, ret_info);
}

static capsa_result make_cert(const struct capsa_km_envelope *envelope,
                              struct capsa_km_generation *generation, capsa_buf *pem)
{
    CAPSA_AUTO(capsa_buf) info = capsa_buf_of(CAPSA_LIMIT_cert_pem / 2);
    CAPSA_TRY(announce(envelope, generation, &info));
    const struct capsa_cert_request request = {
        .common_name = "CapsuleManager",
        .not_before = generation->created_at - CERT_EARLIER,
        .not_after = end_of(generation),
        .is_ca = true,
        .extension_oid = INFO_OID,
        .extension = capsa_buf_bytes(&info),
    };
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY(capsa_cert_self_sign(generation->rsa, &request, &cert));
    return capsa_cert_write_pem(cert, pem);
}

/* ---- loading --------------------------------------------------------------------------------- */

static capsa_result load_injected(struct capsa_km_envelope *envelope)
{
    const struct capsa_keymanager_options *options = &envelope->options;
    struct capsa_km_generation *generation = CAPSA_NEW(struct capsa_km_generation);
    CAPSA_REQUIRE_MEMORY(generation);
    generation->uses = 1;
    generation->created_at =
        0; /* how old it is nobody knows: every request of the log may be to it */
    envelope->current = generation;
    CAPSA_TRY_AT(capsa_private_key_parse(options->injected_key, &generation->rsa),
                 "the manager's key");
    CAPSA_REQUIRE(capsa_private_key_kind(generation->rsa) == CAPSA_KEY_RSA, UNSUPPORTED,
                  "the manager's key must be RSA");
    CAPSA_TRY(name_keys(generation));
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY_AT(capsa_cert_parse_pem(options->injected_cert, &cert), "the manager's certificate");
    char kid[CAPSA_KID];
    capsa_public_key_kid(capsa_cert_key(cert), kid);
    CAPSA_REQUIRE(capsa_streq(kid, generation->rsa_kid), MALFORMED,
                  "the manager's certificate holds another key than the manager's");
    return capsa_buf_append(&envelope->cert_pem, options->injected_cert);
}

static capsa_result load_own(struct capsa_km_envelope *envelope)
{
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(capsa_ledger_store(envelope->options.ledger), &txn));
    CAPSA_TRY(generation_load(txn, "current", &envelope->current));
    CAPSA_TRY(generation_load(txn, "previous", &envelope->previous));
    bool rotated;
    if (envelope->current == NULL) {
        return capsa_km_envelope_rotate(envelope, false, &rotated);
    }
    CAPSA_TRY(make_cert(envelope, envelope->current, &envelope->cert_pem));
    return capsa_km_envelope_rotate(envelope, false, &rotated);
}

CAPSA_RESULT capsa_km_envelope_load(const struct capsa_keymanager_options *options,
                                    struct capsa_km_spent *spent,
                                    struct capsa_km_envelope **ret_envelope)
{
    struct capsa_km_envelope *envelope = CAPSA_NEW(struct capsa_km_envelope);
    CAPSA_REQUIRE_MEMORY(envelope);
    envelope->options = *options;
    envelope->spent = spent;
    envelope->injected = options->injected_key.len > 0;
    envelope->cert_pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    (void)pthread_mutex_init(&envelope->turning, NULL);
    (void)pthread_mutex_init(&envelope->lock, NULL);
    capsa_result result = envelope->injected ? load_injected(envelope) : load_own(envelope);
    if (capsa_failed(result)) {
        capsa_km_envelope_free(envelope);
        return result;
    }
    *ret_envelope = envelope;
    return CAPSA_OK;
}

void capsa_km_envelope_free(struct capsa_km_envelope *envelope)
{
    if (envelope == NULL) {
        return;
    }
    generation_put(envelope->current);
    generation_put(envelope->previous);
    capsa_buf_drop(&envelope->cert_pem);
    (void)pthread_mutex_destroy(&envelope->lock);
    (void)pthread_mutex_destroy(&envelope->turning);
    capsa_dealloc(envelope);
}

/* ---- using ----------------------------------------------------------------------------------- */

void capsa_km_generations_take(struct capsa_km_envelope *envelope, capsa_time now,
                               capsa_km_generations *ret_taken)
{
    (void)pthread_mutex_lock(&envelope->lock);
    *ret_taken =
        (capsa_km_generations){.envelope = envelope, .items = {envelope->current}, .count = 1};
    envelope->current->uses++;
    if (envelope->previous != NULL &&
        now < envelope->current->created_at + CAPSA_KM_OVERLAP_SECONDS) {
        envelope->previous->uses++;
        ret_taken->items[ret_taken->count++] = envelope->previous;
    }
    (void)pthread_mutex_unlock(&envelope->lock);
}

void capsa_km_generations_drop(capsa_km_generations *taken)
{
    if (taken->envelope == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&taken->envelope->lock);
    for (size_t i = 0; i < taken->count; i++) {
        generation_put(taken->items[i]);
    }
    (void)pthread_mutex_unlock(&taken->envelope->lock);
    *taken = (capsa_km_generations){.envelope = NULL};
}

/* The oldest is retired first. */
bool capsa_km_generations_are_good(const capsa_km_generations *taken)
{
    const struct capsa_km_generation *oldest = taken->items[taken->count - 1];
    (void)pthread_mutex_lock(&taken->envelope->lock);
    bool good = oldest == taken->envelope->current || oldest == taken->envelope->previous;
    (void)pthread_mutex_unlock(&taken->envelope->lock);
    return good;
}

const struct capsa_private_key *capsa_km_generations_find(const capsa_km_generations *taken,
                                                          const char *kid)
{
    for (size_t i = 0; i < taken->count; i++) {
        const struct capsa_km_generation *generation = taken->items[i];
        if (generation->p256 != NULL && capsa_streq(kid, generation->p256_kid)) {
            return generation->p256;
        }
        if (generation->x25519 != NULL && capsa_streq(kid, generation->x25519_kid)) {
            return generation->x25519;
        }
    }
    return NULL;
}

CAPSA_RESULT capsa_km_envelope_cert(struct capsa_km_envelope *envelope, capsa_buf *pem)
{
    (void)pthread_mutex_lock(&envelope->lock);
    capsa_result result = capsa_buf_append(pem, capsa_buf_bytes(&envelope->cert_pem));
    (void)pthread_mutex_unlock(&envelope->lock);
    return result;
}

unsigned capsa_km_envelope_turns(const struct capsa_km_envelope *envelope)
{
    return envelope->injected ? 0 : CAPSA_KM_GENERATIONS;
}

/* ---- the next generation --------------------------------------------------------------------- */

static capsa_result record_rotation(const struct capsa_km_envelope *envelope,
                                    struct capsa_km_txn *txn,
                                    const struct capsa_km_generation *next)
{
    CAPSA_AUTO(capsa_buf) details = capsa_buf_of(KIB(1));
    CAPSA_TRY(capsa_buf_format(&details, "{\"keys\":[\"%s\",\"%s\",\"%s\"]}", next->rsa_kid,
                               next->p256_kid, next->x25519_kid));
    const struct capsa_audit_entry entry = {.type = CAPSA_AUDIT_ENVELOPE_KEYS,
                                            .time = next->created_at,
                                            .details = capsa_buf_bytes(&details)};
    CAPSA_TRY(capsa_audit_add(capsa_km_txn_batch(txn), &entry, NULL));
    return capsa_km_txn_commit(txn, capsa_ledger_writer(envelope->options.ledger));
}

static capsa_result save(const struct capsa_km_envelope *envelope,
                         const struct capsa_km_generation *next)
{
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(capsa_ledger_store(envelope->options.ledger), &txn));
    if (envelope->current != NULL) {
        CAPSA_TRY(generation_save(txn, "previous", envelope->current));
    }
    CAPSA_TRY(generation_save(txn, "current", next));
    return record_rotation(envelope, txn, next);
}

/* With the keys, in one step, the sets of what is spent: between the two a request sealed to the
 * new keys would be put where it is forgotten too early. */
static void adopt(struct capsa_km_envelope *envelope, struct capsa_km_generation *next,
                  capsa_buf *cert_pem)
{
    (void)pthread_mutex_lock(&envelope->lock);
    generation_put(envelope->previous);
    envelope->previous = envelope->current;
    envelope->current = next;
    capsa_km_spent_turn(envelope->spent);
    capsa_buf before = envelope->cert_pem;
    envelope->cert_pem = *cert_pem;
    *cert_pem = before; /* the caller drops it */
    (void)pthread_mutex_unlock(&envelope->lock);
}

static capsa_result turn(struct capsa_km_envelope *envelope)
{
    CAPSA_AUTO(capsa_buf) cert_pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    struct capsa_km_generation *next = NULL;
    CAPSA_TRY(generation_new(&envelope->options, &next));
    capsa_result result = make_cert(envelope, next, &cert_pem);
    result = capsa_failed(result) ? result : save(envelope, next);
    if (capsa_failed(result)) {
        generation_free(next);
        return result;
    }
    adopt(envelope, next, &cert_pem);
    return CAPSA_OK;
}

/* Only a rotation changes `current`, and there is one at a time. */
static bool is_due(const struct capsa_km_envelope *envelope, bool early)
{
    if (envelope->injected) {
        return false;
    }
    capsa_time age = envelope->current == NULL
                         ? CAPSA_KM_GENERATION_SECONDS
                         : capsa_now(envelope->options.clock) - envelope->current->created_at;
    return age >= (early ? CAPSA_KM_OVERLAP_SECONDS : CAPSA_KM_GENERATION_SECONDS);
}

CAPSA_RESULT capsa_km_envelope_rotate(struct capsa_km_envelope *envelope, bool early,
                                      bool *ret_rotated)
{
    (void)pthread_mutex_lock(&envelope->turning);
    bool due = is_due(envelope, early);
    capsa_result result = due ? turn(envelope) : CAPSA_OK;
    (void)pthread_mutex_unlock(&envelope->turning);
    *ret_rotated = due && !capsa_failed(result);
    return result;
}
