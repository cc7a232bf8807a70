/* SPDX-License-Identifier: Apache-2.0
 *
 * From a quote to what is asked of Intel's servers, and their answers' encodings
 * (collateral_intel.h). Source: contracts, quote-verification sections 1.6, 3 and 12.
 */
#include "collateral/collateral_intel.h"

#include "base/limits.h"
#include "base/reader.h"
#include "codec/text.h"
#include "crypto/crypto_pki.h"

#define EXTENSION_MAX KIB(16)

/* ---- From a chain ---------------------------------------------------------------------------- */

static capsa_result read_leaf(const struct capsa_cert *leaf, capsa_bytes extension,
                              struct capsa_intel_platform *ret_platform)
{
    struct capsa_pck pck;
    char issuer[CAPSA_COMMON_NAME];
    CAPSA_TRY(capsa_pck_parse(extension, &pck));
    CAPSA_TRY(capsa_cert_issuer_name(leaf, issuer));
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(sizeof(pck.fmspc) * 2);
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(pck.fmspc, sizeof(pck.fmspc)), &hex));
    memcpy(ret_platform->fmspc, hex.data, hex.len);
    ret_platform->fmspc[hex.len] = '\0';
    ret_platform->is_platform_ca = strstr(issuer, "Platform") != NULL;
    return CAPSA_OK;
}

/* The leaf is the one certificate with Intel's extension. */
CAPSA_RESULT capsa_intel_platform_of_chain(capsa_bytes text,
                                           struct capsa_intel_platform *ret_platform)
{
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY_AT(capsa_certs_parse(text, &chain), "PCK chain");
    for (size_t i = 0; i < chain.count; i++) {
        CAPSA_AUTO(capsa_buf) extension = capsa_buf_of(EXTENSION_MAX);
        capsa_result found = capsa_cert_extension(chain.certs[i], CAPSA_PCK_OID, &extension);
        if (capsa_code_of(found) == CAPSA_E_NOT_FOUND) {
            continue;
        }
        CAPSA_TRY_AT(found, "PCK certificate");
        CAPSA_TRY_AT(read_leaf(chain.certs[i], capsa_buf_bytes(&extension), ret_platform),
                     "PCK certificate");
        return CAPSA_OK;
    }
    CAPSA_FAIL(MALFORMED, "PCK chain: no certificate has Intel's SGX extension");
}

CAPSA_RESULT capsa_intel_platform_of_quote(const struct capsa_quote *quote,
                                           struct capsa_intel_platform *ret_platform)
{
    CAPSA_REQUIRE(quote->cert_type == 5 || quote->cert_type == 4, UNSUPPORTED,
                  "certification data of type %u carries no PCK certificate", quote->cert_type);
    return capsa_intel_platform_of_chain(quote->cert_data, ret_platform);
}

/* ---- From an encrypted PPID ------------------------------------------------------------------ */

#define QE_ID_BYTES 16

static const struct {
    uint16_t cert_type;
    size_t ppid_bytes;
} encrypted[] = {{2, 256}, {3, 384}};

static capsa_result add_parameter(struct capsa_reader *reader, const char *name, size_t len,
                                  capsa_buf *query)
{
    capsa_bytes bytes;
    CAPSA_TRY_AT(capsa_read_bytes(reader, len, &bytes), "certification data: %s", name);
    CAPSA_TRY(capsa_buf_format(query, "%s%s=", query->len == 0 ? "" : "&", name));
    return capsa_hex_write(bytes, query);
}

CAPSA_RESULT capsa_intel_pck_query(const struct capsa_quote *quote, capsa_buf *ret_query)
{
    size_t ppid_bytes = 0;
    for (size_t i = 0; i < sizeof(encrypted) / sizeof(encrypted[0]); i++) {
        ppid_bytes =
            encrypted[i].cert_type == quote->cert_type ? encrypted[i].ppid_bytes : ppid_bytes;
    }
    CAPSA_REQUIRE(ppid_bytes > 0, UNSUPPORTED,
                  "a quote with certification data of type %u: neither a PCK certificate nor an "
                  "encrypted PPID is in it",
                  quote->cert_type);
    CAPSA_AUTO(capsa_buf) query = capsa_buf_of(KIB(2));
    struct capsa_reader data = capsa_reader_of(quote->cert_data);
    CAPSA_TRY(add_parameter(&data, "encrypted_ppid", ppid_bytes, &query));
    CAPSA_TRY(add_parameter(&data, "cpusvn", 16, &query));
    CAPSA_TRY(add_parameter(&data, "pcesvn", 2, &query));
    CAPSA_TRY(add_parameter(&data, "pceid", 2, &query));
    CAPSA_TRY_AT(capsa_read_end(&data), "certification data");
    struct capsa_reader user_data = capsa_reader_of(quote->user_data);
    CAPSA_TRY(add_parameter(&user_data, "qeid", QE_ID_BYTES, &query));
    return capsa_buf_append(ret_query, capsa_buf_bytes(&query));
}

/* ---- The chain in a header ------------------------------------------------------------------- */

static bool hex_digit(uint8_t byte, unsigned *ret_digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at =
        byte == 0 ? NULL : strchr(digits, byte >= 'A' && byte <= 'F' ? byte + 32 : byte);
    *ret_digit = at == NULL ? 0 : (unsigned)(at - digits);
    return at != NULL;
}

static capsa_result decode_byte(struct capsa_reader *reader, uint8_t *ret_byte)
{
    uint8_t byte, high, low;
    unsigned high_digit, low_digit;
    size_t at = reader->at;
    CAPSA_TRY(capsa_read_u8(reader, &byte));
    if (byte == '%') {
        CAPSA_TRY(capsa_read_u8(reader, &high));
        CAPSA_TRY(capsa_read_u8(reader, &low));
        CAPSA_REQUIRE(hex_digit(high, &high_digit) && hex_digit(low, &low_digit), MALFORMED,
                      "two hex digits wanted behind %% at offset %zu", at);
        byte = (uint8_t)(high_digit << 4 | low_digit);
    }
    bool is_text = (byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\r';
    CAPSA_REQUIRE(is_text, MALFORMED, "byte 0x%02x at offset %zu is none of PEM", byte, at);
    *ret_byte = byte;
    return CAPSA_OK;
}

static capsa_result decode_all(capsa_bytes value, capsa_buf *pem)
{
    struct capsa_reader reader = capsa_reader_of(value);
    while (capsa_reader_left(&reader) > 0) {
        uint8_t byte;
        CAPSA_TRY(decode_byte(&reader, &byte));
        CAPSA_TRY(capsa_buf_u8(pem, byte));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_intel_chain_decode(capsa_bytes value, capsa_buf *ret_pem)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_collateral_chain);
    CAPSA_AUTO(capsa_chain) chain = {.count = 0};
    CAPSA_TRY_AT(decode_all(value, &pem), "issuer chain");
    CAPSA_TRY_AT(capsa_certs_parse(capsa_buf_bytes(&pem), &chain), "issuer chain");
    CAPSA_REQUIRE(chain.count > 0, MALFORMED, "issuer chain: no certificate in it");
    return capsa_buf_append(ret_pem, capsa_buf_bytes(&pem));
}

/* ---- Until when ------------------------------------------------------------------------------ */

CAPSA_RESULT capsa_intel_signed_until(capsa_bytes text, capsa_time *ret_until)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_json_parse(text, &json));
    capsa_bytes next = capsa_json_bytes(capsa_json_get(json, "nextUpdate"));
    CAPSA_TRY_AT(capsa_time_parse(next, ret_until), "nextUpdate");
    return CAPSA_OK;
}

/* A list without an end is one for ever by its own account; it is asked for daily all the same. */
#define ENDLESS_CRL_SECONDS (INT64_C(2) * 24 * 3600)

CAPSA_RESULT capsa_collateral_crl_until(capsa_bytes der, capsa_time *ret_until)
{
    CAPSA_AUTO_FREE(capsa_crl) crl = NULL;
    capsa_time this_update, next_update;
    CAPSA_TRY(capsa_crl_parse(der, &crl));
    capsa_crl_validity(crl, &this_update, &next_update);
    *ret_until = next_update != 0 ? next_update : this_update + ENDLESS_CRL_SECONDS;
    return CAPSA_OK;
}
