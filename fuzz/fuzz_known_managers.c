/* SPDX-License-Identifier: Apache-2.0
 *
 * The file known_managers: what can be read is found again by its address, can be taken out, and
 * then put back; comments and other entries do not change by it.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "client/client_known.h"

static capsa_result copy(void *context, const struct capsa_known *known)
{
    *(struct capsa_known *)context = *known;
    return CAPSA_OK;
}

static bool has(capsa_bytes text, const char *address)
{
    bool found = false;
    struct capsa_known known;
    if (capsa_failed(capsa_known_find(text, address, &found, &known))) {
        abort();
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    capsa_bytes text = capsa_bytes_of(data, size);
    struct capsa_known last = {.address = ""};
    bool found = false;
    struct capsa_known known;
    if (capsa_failed(capsa_known_walk(text, copy, &last)) || last.address[0] == '\0' ||
        capsa_failed(capsa_known_find(text, last.address, &found, &known))) {
        return 0;
    }
    if (!found || !capsa_streq(known.id, last.id)) {
        abort();
    }
    CAPSA_AUTO(capsa_buf) less = capsa_buf_of(2 * (size_t)CAPSA_LIMIT_known_managers);
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(2 * (size_t)CAPSA_LIMIT_known_managers);
    if (capsa_failed(capsa_known_remove(text, last.address, &less)) ||
        has(capsa_buf_bytes(&less), last.address) ||
        capsa_failed(capsa_known_add(capsa_buf_bytes(&less), &last, &again)) ||
        !has(capsa_buf_bytes(&again), last.address)) {
        abort();
    }
    return 0;
}
