/* SPDX-License-Identifier: Apache-2.0
 *
 * The genesis of a store: what is read is one, and allows no start in another mode.
 */
#include <stdlib.h>

#include "codec/protobuf.h"
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Native__Genesis *genesis = NULL;
    if (capsa_failed(capsa_genesis_parse(capsa_bytes_of(data, size), &genesis))) {
        return 0;
    }
    bool simulation = !capsa_failed(capsa_genesis_allows(genesis, "simulation", NULL));
    bool production = !capsa_failed(capsa_genesis_allows(genesis, "production", NULL));
    if (simulation == production || genesis->audit_key.len != CAPSA_ED25519_PUBLIC) {
        abort();
    }
    capsa_message_free(&genesis->base);
    return 0;
}
