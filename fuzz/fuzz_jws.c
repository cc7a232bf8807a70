/* SPDX-License-Identifier: Apache-2.0
 *
 * JWS texts, with the checks of their claims, chain and signature at a fixed time.
 */
#include <stdlib.h>

#include "envelope/envelope_jws.h"

#define FUZZ_NOW ((capsa_time)1795000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_claims(const capsa_jws *jws)
{
    bool any =
        jws->aud != NULL || jws->method != NULL || jws->has_iat || jws->has_jti || jws->has_version;
    must(jws->has_native == any && jws->version >= 0);
    bool held = !capsa_failed(capsa_jws_claims_check(jws, "manager", "Method", FUZZ_NOW));
    must(!held || (capsa_streq(jws->aud, "manager") && capsa_streq(jws->method, "Method") &&
                   jws->has_jti && jws->has_iat));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CAPSA_AUTO(capsa_jws) jws = {0};
    char party[CAPSA_PARTY_ID] = "";
    if (capsa_failed(capsa_jws_parse(capsa_bytes_of(data, size), &jws))) {
        must(jws.x5c.count == 0 && jws.payload.len == 0);
        return 0;
    }
    must(jws.has_x5c == (jws.x5c.count > 0));
    check_claims(&jws);
    if (!capsa_failed(capsa_jws_check_x5c(&jws, FUZZ_NOW, party))) {
        must(strlen(party) + 1 == CAPSA_PARTY_ID);
        must(!capsa_failed(capsa_jws_check(&jws, &jws.x5c, FUZZ_NOW, party)));
    }
    return 0;
}
