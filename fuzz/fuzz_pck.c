/* SPDX-License-Identifier: Apache-2.0
 *
 * The extension of a PCK certificate.
 */
#include <stdlib.h>

#include "verifier/verifier_dcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_pck pck;
    if (!capsa_failed(capsa_pck_parse(capsa_bytes_of(data, size), &pck)) &&
        (pck.sgx_type > 2 || (!pck.has_instance && pck.dynamic_platform))) {
        abort();
    }
    return 0;
}
