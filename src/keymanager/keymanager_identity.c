/* SPDX-License-Identifier: Apache-2.0
 *
 * The manager's identity (keymanager_identity.h).
 */
#include "keymanager/keymanager_identity.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "keymanager/keymanager_call.h"

#define DAY 86400

struct capsa_km_identity {
    struct capsa_keymanager_options options;
    struct capsa_private_key *key;
    bool injected;
    bool is_new;
    pthread_mutex_t lock; /* for what stands below */
    capsa_buf cert_pem;
    capsa_time not_after;
};

void capsa_km_identity_free(struct capsa_km_identity *identity)
{
    if (identity == NULL) {
        return;
    }
    capsa_private_key_free(identity->key);
    capsa_buf_drop(&identity->cert_pem);
    (void)pthread_mutex_destroy(&identity->lock);
    capsa_dealloc(identity);
}

const struct capsa_private_key *capsa_km_identity_key(const struct capsa_km_identity *identity)
{
    return identity->key;
}

bool capsa_km_identity_is_new(const struct capsa_km_identity *identity)
{
    return identity->is_new;
}

CAPSA_RESULT capsa_km_identity_cert(struct capsa_km_identity *identity, capsa_buf *pem)
{
    (void)pthread_mutex_lock(&identity->lock);
    capsa_result result = capsa_buf_append(pem, capsa_buf_bytes(&identity->cert_pem));
    (void)pthread_mutex_unlock(&identity->lock);
    return result;
}

/* Adopt a certificate: its text as it is, its end from within. It must hold the key. */
static capsa_result adopt_cert(struct capsa_km_identity *identity, capsa_bytes pem)
{
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY_AT(capsa_cert_parse_pem(pem, &cert), "the manager's certificate");
    CAPSA_AUTO_FREE(capsa_public_key) own = NULL;
    CAPSA_TRY(capsa_public_key_of(identity->key, &own));
    CAPSA_AUTO(capsa_buf) own_spki = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_buf) cert_spki = capsa_buf_of(KIB(4));
    CAPSA_TRY(capsa_public_key_spki(own, &own_spki));
    CAPSA_TRY(capsa_public_key_spki(capsa_cert_key(cert), &cert_spki));
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_buf_bytes(&own_spki), capsa_buf_bytes(&cert_spki)),
                  MALFORMED, "the manager's certificate holds another key than the manager's");
    capsa_time not_before, not_after;
    capsa_cert_validity(cert, &not_before, &not_after);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_buf_append(&text, pem));
    (void)pthread_mutex_lock(&identity->lock);
    capsa_buf_drop(&identity->cert_pem);
    identity->cert_pem = text;
    identity->not_after = not_after;
    (void)pthread_mutex_unlock(&identity->lock);
    text = capsa_buf_of(0);
    return CAPSA_OK;
}

static capsa_result make_cert(const struct capsa_km_identity *identity, capsa_buf *pem)
{
    capsa_time now = capsa_now(identity->options.clock);
    const struct capsa_cert_request request = {
        .common_name = "CapsuleManager",
        .not_before = now - DAY, /* clients' clocks may be behind */
        .not_after = now + (capsa_time)CAPSA_KM_CERT_DAYS * DAY,
        .is_ca = true,
        .signs_digitally = true,
    };
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY(capsa_cert_self_sign(identity->key, &request, &cert));
    return capsa_cert_write_pem(cert, pem);
}

/* Make a certificate, keep key and certificate in the store, adopt it. */
static capsa_result issue(struct capsa_km_identity *identity, struct capsa_km_txn *txn)
{
    CAPSA_AUTO(capsa_buf) cert_pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_AUTO(capsa_buf) key_pem = capsa_buf_of(KIB(32));
    CAPSA_TRY(make_cert(identity, &cert_pem));
    CAPSA_TRY(capsa_private_key_write(identity->key, &key_pem));
    CAPSA_TRY(capsa_buf_u8(&cert_pem, '\0'));
    CAPSA_TRY(capsa_buf_u8(&key_pem, '\0'));
    Rec__Identity record = REC__IDENTITY__INIT;
    record.private_key = (char *)key_pem.data;
    record.cert = (char *)cert_pem.data;
    CAPSA_TRY(capsa_km_identity_put(txn, &record));
    CAPSA_TRY(capsa_km_txn_commit(txn, identity->options.writer));
    return adopt_cert(identity, capsa_bytes_str(record.cert));
}

static capsa_result load_injected(struct capsa_km_identity *identity)
{
    CAPSA_TRY_AT(capsa_private_key_parse(identity->options.injected_key, &identity->key),
                 "the manager's key");
    CAPSA_REQUIRE(capsa_private_key_kind(identity->key) == CAPSA_KEY_RSA, UNSUPPORTED,
                  "the manager's key must be RSA");
    return adopt_cert(identity, identity->options.injected_cert);
}

static capsa_result load_own(struct capsa_km_identity *identity)
{
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(identity->options.store, &txn));
    CAPSA_AUTO_RECORD(Rec__Identity) record = NULL;
    CAPSA_TRY(capsa_km_identity_find(txn, &record));
    if (record == NULL) {
        CAPSA_TRY(capsa_private_key_new_rsa(identity->options.rsa_bits, &identity->key));
        identity->is_new = true;
        return issue(identity, txn);
    }
    CAPSA_TRY_AT(capsa_private_key_parse(capsa_bytes_str(record->private_key), &identity->key),
                 "the manager's stored key");
    CAPSA_TRY(adopt_cert(identity, capsa_bytes_str(record->cert)));
    return capsa_km_identity_renew(identity);
}

CAPSA_RESULT capsa_km_identity_renew(struct capsa_km_identity *identity)
{
    (void)pthread_mutex_lock(&identity->lock);
    capsa_time left = identity->not_after - capsa_now(identity->options.clock);
    (void)pthread_mutex_unlock(&identity->lock);
    if (identity->injected || left >= (capsa_time)CAPSA_KM_RENEW_DAYS * DAY) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_km_txn) txn = NULL;
    CAPSA_TRY(capsa_km_txn_new(identity->options.store, &txn));
    return issue(identity, txn);
}

CAPSA_RESULT capsa_km_identity_load(const struct capsa_keymanager_options *options,
                                    struct capsa_km_identity **ret_identity)
{
    struct capsa_km_identity *identity = CAPSA_NEW(struct capsa_km_identity);
    CAPSA_REQUIRE_MEMORY(identity);
    identity->options = *options;
    identity->injected = options->injected_key.len > 0;
    (void)pthread_mutex_init(&identity->lock, NULL);
    capsa_result result = identity->injected ? load_injected(identity) : load_own(identity);
    if (capsa_failed(result)) {
        capsa_km_identity_free(identity);
        return result;
    }
    *ret_identity = identity;
    return CAPSA_OK;
}
