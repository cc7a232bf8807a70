/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole verification of DCAP: root, quote and every part of collateral as fields with a length
 * before each (be32), so that the seeds verify and changes of them reach everything. A refusal
 * names its check, nothing is ever accepted here, and a cache that knows the seeds changes no
 * answer.
 */
#include <stdlib.h>

#include "base/reader.h"
#include "verifier/verifier.h"

#define FUZZ_NOW ((capsa_time)1780000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static struct capsa_verify_cache *cache; /* of the whole run */

struct fields {
    capsa_bytes root, quote;
    capsa_collateral collateral;
};

static bool read_fields(struct capsa_reader *reader, struct fields *fields)
{
    capsa_buf *const parts[] = {
        &fields->collateral.root_ca_crl,           &fields->collateral.pck_crl,
        &fields->collateral.tcb_info_issuer_chain, &fields->collateral.tcb_info,
        &fields->collateral.tcb_info_signature,    &fields->collateral.qe_identity_issuer_chain,
        &fields->collateral.qe_identity,           &fields->collateral.qe_identity_signature,
        &fields->collateral.pck_certificate_chain,
    };
    if (capsa_failed(capsa_read_field(reader, KIB(64), &fields->root)) ||
        capsa_failed(capsa_read_field(reader, KIB(64), &fields->quote))) {
        return false;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        capsa_bytes part;
        if (capsa_failed(capsa_read_field(reader, KIB(256), &part)) ||
            capsa_failed(capsa_buf_append(parts[i], part))) {
            return false;
        }
    }
    return true;
}

static void verify(const struct fields *fields, const struct capsa_anchors *anchors,
                   enum capsa_platform platform)
{
    struct capsa_verify_input input = {
        .platform = platform,
        .evidence = fields->quote,
        .collateral = &fields->collateral,
        .now = FUZZ_NOW,
        .anchors = anchors,
    };
    struct capsa_verdict without, with;
    capsa_result result = capsa_verify(&input, &without);
    must(!without.accepted);
    must(capsa_failed(result) == (without.failed_check != CAPSA_CHECK_NONE));
    input.cache = cache;
    result = capsa_verify(&input, &with);
    must(with.failed_check == without.failed_check && with.tcb_status == without.tcb_status &&
         strcmp(with.reason, without.reason) == 0 &&
         with.collateral_expires == without.collateral_expires);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (cache == NULL) {
        must(!capsa_failed(capsa_verify_cache_new(64, &cache)));
    }
    struct fields fields;
    capsa_collateral_init(&fields.collateral);
    struct capsa_reader reader = capsa_reader_of(capsa_bytes_of(data, size));
    CAPSA_AUTO_FREE(capsa_anchors) anchors = NULL;
    if (read_fields(&reader, &fields) &&
        !capsa_failed(capsa_anchors_new_custom(fields.root, &anchors))) {
        verify(&fields, anchors, CAPSA_PLATFORM_SGX);
        verify(&fields, anchors, CAPSA_PLATFORM_TDX);
    }
    capsa_collateral_drop(&fields.collateral);
    return 0;
}
