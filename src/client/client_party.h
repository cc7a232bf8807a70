/* SPDX-License-Identifier: Apache-2.0
 *
 * Who speaks: a party's chain of certificates and its private key, read from PEM files. The party
 * id is that of the last certificate; signatures are made with the key of the first.
 *
 * Only the form is checked here, and that key and certificate belong together: whether a chain is
 * good is for the manager to say, which has its own clock and its own rules.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"
#include "codec/json.h"
#include "crypto/crypto.h"

/* Start from {0}. Either may be absent: a chain alone names a party, and cannot sign. */
typedef struct capsa_party {
    capsa_chain chain;
    struct capsa_private_key *key;
    char id[CAPSA_PARTY_ID]; /* "" without a chain */
} capsa_party;
void capsa_party_drop(capsa_party *party); /* callable twice, and on zeros */

/* All CERTIFICATE blocks of the text, in their order, appended to the chain. Text between blocks is
 * skipped, as OpenSSL writes some. No block at all is MALFORMED. */
CAPSA_RESULT capsa_chain_add_text(capsa_chain *chain, capsa_bytes text);

/* The files in their order (NULL-ended): leaf, intermediates, root; a file may hold several. */
CAPSA_RESULT capsa_party_load_chain(capsa_party *party, const char *const *cert_paths);
/* Needs the chain: a key that is not that of its first certificate is USAGE, and says so. */
CAPSA_RESULT capsa_party_load_key(capsa_party *party, const char *key_path);

/* The chain as an array of PEM texts, leaf first: how requests and votes carry it. */
CAPSA_RESULT capsa_party_certs(const capsa_party *party, struct capsa_json **ret_certs);
/* The first certificate as PEM: the one that answers are sealed to. */
CAPSA_RESULT capsa_party_cert(const capsa_party *party, capsa_buf *pem);
