/* SPDX-License-Identifier: Apache-2.0
 *
 * What a TD's host sends: the answer of its quoting service, and the file that says where that is.
 */
#include "attester/attester_qgs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const capsa_bytes bytes = capsa_bytes_of(data, size);
    capsa_bytes quote = {NULL, 0};
    unsigned port = 0;
    if (!capsa_failed(capsa_qgs_parse_answer(bytes, &quote)) &&
        (quote.len == 0 || quote.data < data || quote.data + quote.len != data + size)) {
        __builtin_trap(); /* a quote is the end of its answer */
    }
    if (!capsa_failed(capsa_qgs_parse_conf(bytes, &port)) && port == 0) {
        __builtin_trap();
    }
    return 0;
}
