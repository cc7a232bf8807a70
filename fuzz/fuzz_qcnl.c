/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of Intel's collateral client, with its comments.
 */
#include <stdlib.h>

#include "collateral/collateral_qcnl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO(capsa_qcnl) qcnl = {.pccs_url = NULL};
    capsa_result parsed = capsa_qcnl_parse(capsa_bytes_of(data, size), &qcnl);
    if (capsa_failed(parsed) != (qcnl.pccs_url == NULL) ||
        (qcnl.pccs_url != NULL && *qcnl.pccs_url == '\0')) {
        abort();
    }
    return 0;
}
