/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: a checkpoint from anywhere. What opens is one of those that were signed, the seeds, whose
 * texts are told apart by their sizes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_checkpoint checkpoint = {.size = 77};
    char begin[128];
    if (capsa_failed(capsa_checkpoint_open(capsa_bytes_of(data, size), FUZZ_ORIGIN, fuzz_audit_key,
                                           &checkpoint))) {
        must(checkpoint.size == 77); /* outputs are untouched on failure */
        return 0;
    }
    must(checkpoint.size == 0 || checkpoint.size == 3 || checkpoint.size == INT64_MAX);
    must(strcmp(checkpoint.origin, FUZZ_ORIGIN) == 0);
    int len = snprintf(begin, sizeof(begin), FUZZ_ORIGIN "\n%" PRIu64 "\n", checkpoint.size);
    must(len > 0 && (size_t)len < size && memcmp(begin, data, (size_t)len) == 0);
    return 0;
}
