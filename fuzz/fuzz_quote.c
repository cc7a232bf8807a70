/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence: an Intel quote from anywhere. Whatever parses lies within the input, claims something,
 * and can be shown.
 */
#include <stdlib.h>

#include "evidence/evidence_quote.h"
#include "evidence/evidence_show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void must_lie_within(capsa_bytes part, const uint8_t *data, size_t size)
{
    must(part.len == 0 ||
         (part.data >= data && part.len <= size && (size_t)(part.data - data) <= size - part.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capsa_quote quote = {.version = 77};
    struct capsa_claims claims;
    struct capsa_json *json = NULL;
    const capsa_bytes bytes = capsa_bytes_of(data, size);
    if (capsa_failed(capsa_quote_parse(bytes, &quote))) {
        must(quote.version == 77); /* outputs are untouched on failure */
        return 0;
    }
    const capsa_bytes parts[] = {quote.body,         quote.signed_region, quote.signature,
                                 quote.qe_report,    quote.qe_signature,  quote.attestation_key,
                                 quote.qe_auth,      quote.cert_data,     quote.certification,
                                 quote.qe_vendor_id, quote.user_data};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        must_lie_within(parts[i], data, size);
    }
    /* Every byte is signed, a length, authentication data, or trailing: none is counted twice. */
    const size_t outer = quote.version > 3 ? 6 : 0;
    must(quote.signed_region.len + 4 + 128 + outer + quote.certification.len + quote.trailing ==
         size);
    must(!capsa_failed(capsa_quote_claims(&quote, &claims)));
    must(capsa_claims_report_data(&claims).len == 64);
    must(!capsa_failed(capsa_claims_json(&claims, &json)));
    capsa_json_free(json);
    must(!capsa_failed(capsa_evidence_show(claims.platform, bytes, &json)));
    capsa_json_free(json);
    return 0;
}
