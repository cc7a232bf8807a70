/* SPDX-License-Identifier: Apache-2.0
 *
 * The manager's own key and certificate: what clients seal their requests to. Made at first start,
 * kept in the store, the certificate renewed under the same key before it ends; or injected from
 * files, and then served as it is. Thread-safe.
 */
#pragma once

#include "crypto/crypto.h"
#include "keymanager/keymanager.h"

struct capsa_km_identity;

CAPSA_RESULT capsa_km_identity_load(const struct capsa_keymanager_options *options,
                                    struct capsa_km_identity **ret_identity);
void capsa_km_identity_free(struct capsa_km_identity *identity);

/* Good until _free. */
const struct capsa_private_key *capsa_km_identity_key(const struct capsa_km_identity *identity);
/* Append the certificate's PEM, as GetRaCert returns it. */
CAPSA_RESULT capsa_km_identity_cert(struct capsa_km_identity *identity, capsa_buf *pem);
/* The key was made by this _load: the store had none. */
bool capsa_km_identity_is_new(const struct capsa_km_identity *identity);
/* New certificate, same key, when fewer than CAPSA_KM_RENEW_DAYS days are left. */
CAPSA_RESULT capsa_km_identity_renew(struct capsa_km_identity *identity);

#define CAPSA_KM_CERT_DAYS  365
#define CAPSA_KM_RENEW_DAYS 30
