/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate behind crypto.h's opaque one, for the files of this folder.
 */
#pragma once

#include <stdatomic.h>

#include <openssl/x509v3.h>

#include "crypto/crypto_internal.h"

struct capsa_cert {
    atomic_uint owners; /* _free takes one away */
    X509 *x509;         /* its extensions were read; not changed any more */
    struct capsa_public_key *key;
    capsa_time not_before, not_after;
};

/* True for kinds of keys that may sign certificates. */
bool capsa_crypto_certifies(enum capsa_key_kind kind);

CRYPTO_DEFINE_AUTO(ASN1_OBJECT)
/* The object that a dotted number names; to be freed. USAGE when it is no such number. */
CAPSA_RESULT capsa_crypto_object(const char *oid, ASN1_OBJECT **ret_object);

/* One owner more of what nobody changes. Returns `cert`. */
struct capsa_cert *capsa_crypto_cert_share(struct capsa_cert *cert);
