/* SPDX-License-Identifier: Apache-2.0
 *
 * Bundles of collateral, and any other file that may lie in one. What was read and is written must
 * be read again as just as many entries.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "collateral/collateral_bundle.h"

static void check_again(const capsa_collateral_entries *entries)
{
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(CAPSA_LIMIT_json_bytes);
    CAPSA_AUTO(capsa_collateral_entries) again;
    capsa_collateral_entries_init(&again);
    if (capsa_failed(capsa_collateral_entries_write(entries, &text))) {
        return; /* over the limit of a file */
    }
    if (capsa_failed(
            capsa_collateral_entries_add(&again, "b.json", capsa_buf_bytes(&text), false)) ||
        again.count != entries->count || !capsa_collateral_is_empty(&again.parts)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    capsa_bytes bytes = capsa_bytes_of(data, size);
    CAPSA_AUTO(capsa_collateral_entries) entries;
    CAPSA_AUTO(capsa_collateral) taken;
    capsa_collateral_entries_init(&entries);
    capsa_collateral_init(&taken);
    capsa_result added = capsa_collateral_entries_add(&entries, "x.json", bytes, true);
    if (!capsa_failed(added) && entries.count > 0) {
        check_again(&entries);
    }
    for (int i = 1; i < CAPSA_PLATFORM_COUNT; i++) {
        capsa_ignore(capsa_collateral_entries_take(&entries, (enum capsa_platform)i, bytes, &taken),
                     "the input is no evidence, or some");
    }
    return 0;
}
