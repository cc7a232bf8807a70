/* SPDX-License-Identifier: Apache-2.0
 *
 * A program's request for keys, judged: what GetDataKeys and GetTlsAsset have in common. Every
 * resource named must be granted by the policies of all its originals, or nothing is given.
 */
#pragma once

#include "keymanager/keymanager_call.h"

/* What a granted request is answered with. The data keys borrow from the request and from `keys`.
 */
typedef struct {
    size_t count;
    Rec__Key **keys;
    Cm__DataKey *given;
    Cm__DataKey **data_keys; /* `count` of them, in the order of the request */
    char *cert;              /* the manager's, PEM */
} capsa_km_released;
void capsa_km_released_drop(capsa_km_released *released); /* callable twice, and on zeros */

/* Judge the request, and record in the call's transaction that the keys were given to the signer.
 * Start from {0}; on failure `released` holds nothing of use, and is to be dropped all the same. */
CAPSA_RESULT capsa_km_release(struct capsa_km_call *call,
                              const Cm__UnifiedAttestationReport *report, const char *cert,
                              const Cm__ResourceRequest *request, capsa_km_released *released);
