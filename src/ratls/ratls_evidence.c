/* SPDX-License-Identifier: Apache-2.0
 *
 * Legacy evidence (ratls_evidence.h; contracts, ra-tls 1 and 9).
 */
#include "ratls/ratls_evidence.h"

#include <inttypes.h>

#include "base/reader.h"
#include "codec/der.h"
#include "evidence/evidence_quote.h"

#define OE_VERSION      1
#define OE_TYPE         2 /* a report for remote attestation */
#define GRPC_DUMMY      32
#define GRPC_LENGTHS    8 /* two of 32 bits, before a quote and claims */
#define QUOTE_FIRST_MIN 3 /* versions of quotes, as their first byte */
#define QUOTE_FIRST_MAX 5

static bool is_quote_like(capsa_bytes bytes)
{
    return bytes.len > 2 && bytes.data[0] >= QUOTE_FIRST_MIN && bytes.data[0] <= QUOTE_FIRST_MAX &&
           bytes.data[1] == 0;
}

bool capsa_ratls_is_evidence(enum capsa_ratls_form form, capsa_bytes content)
{
    bool is_sequence = content.len > 0 && content.data[0] == CAPSA_DER_SEQUENCE;
    return form != CAPSA_RATLS_INTEL_SDK || !is_sequence;
}

/* ---- Open Enclave ---------------------------------------------------------------------------- */

static capsa_result strip_oe(capsa_bytes content, capsa_bytes *ret_quote)
{
    struct capsa_reader reader = capsa_reader_of(content);
    uint32_t version = 0, type = 0;
    uint64_t size = 0;
    CAPSA_TRY(capsa_read_le32(&reader, &version));
    CAPSA_TRY(capsa_read_le32(&reader, &type));
    CAPSA_TRY(capsa_read_le64(&reader, &size));
    CAPSA_REQUIRE(version == OE_VERSION && type == OE_TYPE, MALFORMED,
                  "version %" PRIu32 " and type %" PRIu32 ", wanted %d and %d", version, type,
                  OE_VERSION, OE_TYPE);
    CAPSA_REQUIRE(size == capsa_reader_left(&reader), MALFORMED,
                  "a quote of %" PRIu64 " bytes, and %zu are there", size,
                  capsa_reader_left(&reader));
    return capsa_read_bytes(&reader, (size_t)size, ret_quote);
}

/* ---- grpc-ra-tls ----------------------------------------------------------------------------- */

static bool has_lengths(capsa_bytes content)
{
    struct capsa_reader reader = capsa_reader_of(content);
    uint32_t quote = 0, claims = 0;
    return !capsa_failed(capsa_read_le32(&reader, &quote)) &&
           !capsa_failed(capsa_read_le32(&reader, &claims)) &&
           (uint64_t)quote + claims == content.len - GRPC_LENGTHS &&
           is_quote_like(capsa_bytes_from(content, GRPC_LENGTHS));
}

/* Three of its back-ends put something there that says nothing of the certificate's key: anybody
 * could take it from one certificate and put it into his own. */
static capsa_result strip_grpc(capsa_bytes content, capsa_bytes *ret_quote)
{
    CAPSA_REQUIRE(
        content.len != GRPC_DUMMY, UNSUPPORTED,
        "a bare hash and no evidence: grpc-ra-tls's dummy back-end, which proves nothing");
    CAPSA_REQUIRE(is_quote_like(content) || !has_lengths(content), UNSUPPORTED,
                  "grpc-ra-tls's back-end for TDX in clouds (lengths, a quote, claims), whose "
                  "quote binds no key");
    struct capsa_quote quote;
    CAPSA_TRY(capsa_quote_parse(content, &quote));
    CAPSA_REQUIRE(quote.trailing == 0, UNSUPPORTED,
                  "%zu bytes behind the quote: grpc-ra-tls's back-end for TDX keeps the key's hash "
                  "there, where the quote does not bind it",
                  quote.trailing);
    *ret_quote = content;
    return CAPSA_OK;
}

/* ---- All ------------------------------------------------------------------------------------- */

static capsa_result strip_nothing(capsa_bytes content, capsa_bytes *ret_quote)
{
    *ret_quote = content;
    return CAPSA_OK;
}

typedef capsa_result strip(capsa_bytes content, capsa_bytes *ret_quote);
static strip *const strips[CAPSA_RATLS_FORM_COUNT] = {
    [CAPSA_RATLS_GRAMINE] = strip_nothing,   [CAPSA_RATLS_GRAMINE_MEANT] = strip_nothing,
    [CAPSA_RATLS_INTEL_SDK] = strip_nothing, [CAPSA_RATLS_GRPC] = strip_grpc,
    [CAPSA_RATLS_OE_V1] = strip_oe,          [CAPSA_RATLS_OE_OLD_V1] = strip_oe,
};

/* Legacy generations are of SGX; grpc-ra-tls has TDX, refused above or bound as SGX is. */
static capsa_result check_platform(enum capsa_ratls_form form, enum capsa_platform platform)
{
    bool is_taken = platform == CAPSA_PLATFORM_SGX ||
                    (platform == CAPSA_PLATFORM_TDX && form == CAPSA_RATLS_GRPC);
    CAPSA_REQUIRE(is_taken, UNSUPPORTED, "evidence of %s, where this form has only quotes of SGX",
                  capsa_platform_what(platform));
    return CAPSA_OK;
}

static capsa_result read_legacy(enum capsa_ratls_form form, capsa_bytes content,
                                capsa_evidence *ret_evidence)
{
    CAPSA_REQUIRE(strips[form] != NULL, INTERNAL, "not a legacy form");
    capsa_bytes quote = {NULL, 0};
    CAPSA_TRY(strips[form](content, &quote));
    enum capsa_platform platform = CAPSA_PLATFORM_NONE;
    CAPSA_TRY(capsa_evidence_recognise(quote, &platform));
    CAPSA_TRY(check_platform(form, platform));
    return capsa_evidence_of_bytes(quote, ret_evidence);
}

CAPSA_RESULT capsa_ratls_legacy_evidence(enum capsa_ratls_form form, capsa_bytes content,
                                         capsa_evidence *ret_evidence)
{
    CAPSA_TRY_AT(read_legacy(form, content, ret_evidence), "%s", capsa_ratls_form_type(form)->what);
    return CAPSA_OK;
}
