/* SPDX-License-Identifier: Apache-2.0
 *
 * AMD's extensions of a VCEK or VLEK: a byte that says which, then each extension behind its length
 * in one byte: product, five versions, HWID, CSP id. What is read must be of that kind, and the
 * same when it is read again.
 */
#include <stdlib.h>

#include "verifier/verifier_snp_chain.h"

#define EXTENSIONS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void split(capsa_bytes bytes, capsa_bytes parts[EXTENSIONS])
{
    for (size_t i = 0; i < EXTENSIONS; i++) {
        size_t len = bytes.len == 0 ? 0 : bytes.data[0];
        bytes = capsa_bytes_from(bytes, 1);
        len = len < bytes.len ? len : bytes.len;
        parts[i] = capsa_bytes_of(bytes.data, len);
        bytes = capsa_bytes_from(bytes, len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    capsa_bytes parts[EXTENSIONS];
    split(capsa_bytes_of(data + 1, size - 1), parts);
    enum capsa_snp_key kind = data[0] % 2 == 0 ? CAPSA_SNP_VCEK : CAPSA_SNP_VLEK;
    const struct capsa_snp_extensions extensions = {
        parts[0], {parts[1], parts[2], parts[3], parts[4], parts[5]}, parts[6], parts[7]};
    struct capsa_snp_leaf leaf, again;
    if (capsa_failed(capsa_snp_leaf_read(kind, &extensions, &leaf))) {
        return 0;
    }
    must(leaf.kind == kind && leaf.product != CAPSA_SNP_UNKNOWN);
    must((kind == CAPSA_SNP_VCEK) == (leaf.hwid_len > 0));
    must(leaf.hwid_len == extensions.hwid.len);
    must(!capsa_failed(capsa_snp_leaf_read(kind, &extensions, &again)));
    must(leaf.product == again.product && leaf.hwid_len == again.hwid_len);
    must(memcmp(leaf.parts, again.parts, sizeof(leaf.parts)) == 0);
    must(memcmp(leaf.hwid, again.hwid, sizeof(leaf.hwid)) == 0);
    return 0;
}
