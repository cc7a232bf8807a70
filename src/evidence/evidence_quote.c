/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of an Intel quote (evidence_quote.h): header, which body, authentication data. Every
 * length is used up exactly, except that bytes behind the authentication data are ignored. Intel's
 * library tolerates unsigned slack within it in some versions; nobody makes such quotes, and bytes
 * that no reader looks at are a place to hide things.
 */
#include "evidence/evidence_quote.h"

#include "base/limits.h"
#include "base/reader.h"
#include "evidence/evidence_layout.h"

#define TEE_SGX       0x00000000u
#define TEE_TDX       0x00000081u
#define KEY_P256      2
#define OUTER_TYPE    6
#define CERT_PLATFORM 7

static const uint8_t intel_vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                         0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

#define FIELD(member, size, kind)                                                                  \
    {                                                                                              \
#member, size, CAPSA_LAYOUT_##kind, offsetof(struct capsa_quote, member), 0, NULL          \
    }
const struct capsa_layout capsa_quote_header_layout[] = {
    FIELD(version, 2, NUMBER),   FIELD(key_type, 2, NUMBER),
    FIELD(tee_type, 4, NUMBER),  FIELD(qe_svn, 2, NUMBER),
    FIELD(pce_svn, 2, NUMBER),   FIELD(qe_vendor_id, 16, BYTES),
    FIELD(user_data, 20, BYTES), {0},
};

/* Signature and key; in versions 4 and 5 the frame of type 6 stands behind them, and then what the
 * quoting enclave says, alike in all versions. */
static const struct capsa_layout signature_layout[] = {
    FIELD(signature, 64, BYTES),
    FIELD(attestation_key, 64, BYTES),
    {0},
};
static const struct capsa_layout qe_layout[] = {
    FIELD(qe_report, CAPSA_SGX_REPORT_BYTES, BYTES),
    FIELD(qe_signature, 64, BYTES),
    {0},
};

static const struct body {
    size_t size;
    uint32_t tee;
    const char *what;
} bodies[] = {
    [CAPSA_BODY_SGX] = {CAPSA_SGX_REPORT_BYTES, TEE_SGX, "an SGX report"},
    [CAPSA_BODY_TD10] = {CAPSA_TD10_REPORT_BYTES, TEE_TDX, "a TD 1.0 report"},
    [CAPSA_BODY_TD15] = {CAPSA_TD15_REPORT_BYTES, TEE_TDX, "a TD 1.5 report"},
};

static capsa_result read_header(struct capsa_reader *reader, struct capsa_quote *ret_quote)
{
    CAPSA_TRY(capsa_layout_read(capsa_quote_header_layout, reader, ret_quote));
    const struct capsa_quote *quote = ret_quote;
    CAPSA_REQUIRE(quote->version >= 3 && quote->version <= 5, UNSUPPORTED,
                  "at offset 0: version %u; 3, 4 and 5 are known", quote->version);
    CAPSA_REQUIRE(quote->key_type == KEY_P256, UNSUPPORTED,
                  "at offset 2: attestation key type %u; 2 (ECDSA, P-256) is known",
                  quote->key_type);
    CAPSA_REQUIRE(quote->tee_type == TEE_SGX || quote->tee_type == TEE_TDX, UNSUPPORTED,
                  "at offset 4: TEE type 0x%08x; 0x00 (SGX) and 0x81 (TDX) are known",
                  quote->tee_type);
    CAPSA_REQUIRE(quote->version > 3 || quote->tee_type == TEE_SGX, MALFORMED,
                  "at offset 4: TEE type 0x%08x in version 3, which is of SGX alone",
                  quote->tee_type);
    CAPSA_REQUIRE(
        capsa_bytes_equal(quote->qe_vendor_id, capsa_bytes_of(intel_vendor, sizeof(intel_vendor))),
        UNSUPPORTED, "at offset 12: the quoting enclave's vendor is not Intel");
    return CAPSA_OK;
}

/* Version 5 names its body; before, the TEE decides. */
static capsa_result read_body_kind(struct capsa_reader *reader, struct capsa_quote *ret_quote)
{
    if (ret_quote->version < 5) {
        ret_quote->body_kind = ret_quote->tee_type == TEE_TDX ? CAPSA_BODY_TD10 : CAPSA_BODY_SGX;
        return CAPSA_OK;
    }
    const size_t at = reader->at;
    uint16_t kind;
    uint32_t size;
    CAPSA_TRY_AT(capsa_read_le16(reader, &kind), "body type");
    CAPSA_TRY_AT(capsa_read_le32(reader, &size), "body size");
    CAPSA_REQUIRE(kind >= CAPSA_BODY_SGX && kind <= CAPSA_BODY_TD15, UNSUPPORTED,
                  "at offset %zu: body type %u; 1, 2 and 3 are known", at, kind);
    CAPSA_REQUIRE(size == bodies[kind].size, MALFORMED,
                  "at offset %zu: body size %u; %s has %zu bytes", at + 2, size, bodies[kind].what,
                  bodies[kind].size);
    CAPSA_REQUIRE(ret_quote->tee_type == bodies[kind].tee, MALFORMED,
                  "at offset %zu: body type %u (%s) under TEE type 0x%02x", at, kind,
                  bodies[kind].what, ret_quote->tee_type);
    ret_quote->body_kind = (enum capsa_quote_body)kind;
    return CAPSA_OK;
}

static capsa_result read_outer(struct capsa_reader *reader)
{
    const size_t at = reader->at;
    uint16_t type;
    uint32_t size;
    CAPSA_TRY_AT(capsa_read_le16(reader, &type), "outer certification type");
    CAPSA_REQUIRE(type == OUTER_TYPE, MALFORMED,
                  "at offset %zu: outer certification type %u; it must be 6", at, type);
    CAPSA_TRY_AT(capsa_read_le32(reader, &size), "outer certification size");
    CAPSA_REQUIRE(size == capsa_reader_left(reader), MALFORMED,
                  "at offset %zu: outer certification size %u; the authentication data has %zu "
                  "bytes left",
                  at + 2, size, capsa_reader_left(reader));
    return CAPSA_OK;
}

static bool cert_type_is_known(uint16_t version, uint16_t type)
{
    return (type >= 1 && type <= 5) || (version == 3 && type == CERT_PLATFORM);
}

static capsa_result read_certification(struct capsa_reader *reader, struct capsa_quote *ret_quote)
{
    const size_t start = reader->at;
    uint16_t auth_size;
    uint32_t cert_size;
    CAPSA_TRY(capsa_layout_read(qe_layout, reader, ret_quote));
    CAPSA_TRY_AT(capsa_read_le16(reader, &auth_size), "size of the QE authentication data");
    CAPSA_TRY_AT(capsa_read_bytes(reader, auth_size, &ret_quote->qe_auth),
                 "QE authentication data");
    const size_t at = reader->at;
    CAPSA_TRY_AT(capsa_read_le16(reader, &ret_quote->cert_type), "certification type");
    CAPSA_REQUIRE(cert_type_is_known(ret_quote->version, ret_quote->cert_type), UNSUPPORTED,
                  "at offset %zu: certification type %u; 1 to 5 are known%s", at,
                  ret_quote->cert_type, ret_quote->version == 3 ? ", and 7" : "");
    CAPSA_TRY_AT(capsa_read_le32(reader, &cert_size), "size of the certification data");
    CAPSA_TRY_AT(capsa_read_bytes(reader, cert_size, &ret_quote->cert_data), "certification data");
    CAPSA_TRY_AT(capsa_read_end(reader), "authentication data");
    ret_quote->certification =
        capsa_bytes_of(capsa_bytes_from(reader->bytes, start).data, reader->at - start);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_quote_parse(capsa_bytes bytes, struct capsa_quote *ret_quote)
{
    CAPSA_REQUIRE(bytes.len <= CAPSA_LIMIT_evidence_bytes, TOO_LARGE,
                  "a quote of %zu bytes; the limit is %d", bytes.len, CAPSA_LIMIT_evidence_bytes);
    struct capsa_quote quote = {0};
    struct capsa_reader reader = capsa_reader_of(bytes);
    CAPSA_TRY_AT(read_header(&reader, &quote), "quote header");
    CAPSA_TRY_AT(read_body_kind(&reader, &quote), "quote");
    CAPSA_TRY_AT(capsa_read_bytes(&reader, bodies[quote.body_kind].size, &quote.body),
                 "quote body");
    quote.signed_region = capsa_bytes_of(bytes.data, reader.at);

    uint32_t auth_size;
    capsa_bytes auth;
    CAPSA_TRY_AT(capsa_read_le32(&reader, &auth_size), "size of the quote's authentication data");
    struct capsa_reader ahead = reader;
    CAPSA_TRY_AT(capsa_read_bytes(&ahead, auth_size, &auth), "quote authentication data");
    quote.trailing = capsa_reader_left(&ahead);
    reader.bytes.len = ahead.at; /* offsets stay those of the quote; nothing behind is seen */
    CAPSA_TRY_AT(capsa_layout_read(signature_layout, &reader, &quote), "quote");
    if (quote.version > 3) {
        CAPSA_TRY_AT(read_outer(&reader), "quote");
    }
    CAPSA_TRY_AT(read_certification(&reader, &quote), "quote");
    *ret_quote = quote;
    return CAPSA_OK;
}
