/* SPDX-License-Identifier: Apache-2.0
 *
 * Within this folder: a context as channels use it.
 */
#pragma once

#include <pthread.h>

#include "api/api_internal.h"
#include "capsa/ratls.h"
#include "ratls/ratls_context.h"

struct libcapsa_ratls {
    capsa_api_references references;
    bool is_server;
    libcapsa_verifier *verifier; /* a reference, or NULL */
    libcapsa_identity *identity; /* a reference, or NULL */
    bool unbound, tls12, any_code;
    int64_t handshake_ms, evidence_ms;   /* never 0 */
    pthread_mutex_t lock;                /* of the context's making */
    struct capsa_ratls_context *context; /* NULL: not used yet */
};

/* One more that uses it; libcapsa_ratls_free lets go. */
libcapsa_ratls *capsa_api_ratls_share(const libcapsa_ratls *ratls);
/* Lent; made by the first who asks. */
CAPSA_RESULT capsa_api_ratls_context(const libcapsa_ratls *ratls,
                                     struct capsa_ratls_context **ret_context);
