/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes from servers of collateral and from the cache on disk: chains in headers, cached
 * files, and what a quote is asked by.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "collateral/collateral_cache.h"
#include "collateral/collateral_intel.h"
#include "crypto/crypto.h"
#include "net/net_fetch.h"

#define URL "http://h/x"

static void check_cache(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_web_answer) answer;
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(MIB(1));
    capsa_web_answer_init(&answer, 0);
    if (capsa_failed(capsa_collateral_cache_decode(URL, bytes, KIB(256), &answer))) {
        return;
    }
    if (capsa_failed(capsa_collateral_cache_encode(URL, &answer, &file)) ||
        !capsa_bytes_equal(capsa_buf_bytes(&file), bytes)) {
        abort();
    }
}

/* The digest at the end hides the reader behind it from changes: it is put right. */
static void check_cache_inside(capsa_bytes bytes)
{
    uint8_t digest[CAPSA_SHA256];
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(MIB(2));
    capsa_sha256(bytes, digest);
    if (!capsa_failed(capsa_buf_append(&file, bytes)) &&
        !capsa_failed(capsa_buf_append(&file, capsa_bytes_of(digest, sizeof(digest))))) {
        check_cache(capsa_buf_bytes(&file));
    }
}

static void check_headers(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_net_answer)
    answer = {.body = capsa_buf_of(0), .headers = capsa_buf_of(MIB(2))};
    if (!capsa_failed(capsa_buf_append(&answer.headers, bytes)) &&
        capsa_net_answer_retry_after(&answer, 0) < -1) {
        abort();
    }
}

static void check_quote(capsa_bytes bytes)
{
    struct capsa_quote quote;
    struct capsa_intel_platform about;
    CAPSA_AUTO(capsa_buf) query = capsa_buf_of(KIB(4));
    if (capsa_failed(capsa_quote_parse(bytes, &quote))) {
        return;
    }
    capsa_ignore(capsa_intel_platform_of_quote(&quote, &about), "any chain may come");
    capsa_ignore(capsa_intel_pck_query(&quote, &query), "any data may come");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    capsa_bytes bytes = capsa_bytes_of(data, size);
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_collateral_chain);
    capsa_time until;
    if (capsa_failed(capsa_intel_chain_decode(bytes, &pem)) != (pem.len == 0)) {
        abort();
    }
    check_cache(bytes);
    check_cache_inside(bytes);
    check_headers(bytes);
    check_quote(bytes);
    capsa_ignore(capsa_intel_signed_until(bytes, &until), "any JSON may come");
    capsa_ignore(capsa_collateral_crl_until(bytes, &until), "any list may come");
    return 0;
}
