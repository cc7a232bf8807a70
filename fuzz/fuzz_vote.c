/* SPDX-License-Identifier: Apache-2.0
 *
 * A vote result from a requester: read, never crash, and never hold with a signature that is not
 * there. What is accepted has a requester and a resource.
 */
#include <stdlib.h>

#include "keymanager/keymanager_vote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO(capsa_km_vote_result) result = {.resource_uri = NULL};
    if (capsa_failed(capsa_km_vote_result_parse(capsa_bytes_of(data, size), 1800000000, &result))) {
        if (result.resource_uri != NULL || result.votes != NULL) {
            abort(); /* outputs are untouched on failure */
        }
        return 0;
    }
    if (result.resource_uri == NULL || result.requester[0] == '\0') {
        abort();
    }
    return 0;
}
