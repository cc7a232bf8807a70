/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: the certificate table beside an SEV-SNP report, which the host wrote. What is given
 * lies within the table and behind its entries.
 */
#include <stdlib.h>

#include "evidence/evidence_snp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_snp_certs certs = {.ask = {data, 77}};
    if (capsa_failed(capsa_snp_certs_parse(capsa_bytes_of(data, size), &certs))) {
        must(certs.ask.data == data && certs.ask.len == 77); /* untouched on failure */
        return 0;
    }
    const capsa_bytes parts[] = {certs.vcek, certs.vlek, certs.ask, certs.ark, certs.crl};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        must(parts[i].len == 0 || (parts[i].data >= data + 48 && parts[i].len <= size &&
                                   (size_t)(parts[i].data - data) <= size - parts[i].len));
    }
    return 0;
}
