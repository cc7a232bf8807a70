/* SPDX-License-Identifier: Apache-2.0
 *
 * PEM (ratls_pem.h). Text before the block, a second block and header lines are refused: other
 * readers skip them, and two readers could see two certificates. OpenSSL writes what it trusts a
 * certificate for behind it under the label TRUSTED CERTIFICATE, which Gramine's tool uses too.
 */
#include "ratls/ratls_pem.h"

#include "base/limits.h"
#include "codec/der.h"
#include "codec/text.h"

#define LINE     64
#define TEXT_MAX ((size_t)CAPSA_LIMIT_ratls_certificate * 2)

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result write_lines(capsa_bytes base64, capsa_buf *pem)
{
    for (size_t at = 0; at < base64.len; at += LINE) {
        capsa_bytes line = capsa_bytes_from(base64, at);
        line.len = line.len > LINE ? LINE : line.len;
        CAPSA_TRY(capsa_buf_append(pem, line));
        CAPSA_TRY(capsa_buf_u8(pem, '\n'));
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_pem_write(const char *label, capsa_bytes der, capsa_buf *ret_pem)
{
    const size_t max = der.len * 2 + KIB(1);
    CAPSA_AUTO(capsa_buf) base64 = capsa_buf_of(max);
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(max);
    CAPSA_TRY(capsa_base64_write(der, CAPSA_BASE64_STD, &base64));
    CAPSA_TRY(capsa_buf_format(&pem, "-----BEGIN %s-----\n", label));
    CAPSA_TRY(write_lines(capsa_buf_bytes(&base64), &pem));
    CAPSA_TRY(capsa_buf_format(&pem, "-----END %s-----\n", label));
    return capsa_buf_append(ret_pem, capsa_buf_bytes(&pem));
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static capsa_bytes trimmed(capsa_bytes text)
{
    while (text.len > 0 && (text.data[text.len - 1] == 0 || is_space(text.data[text.len - 1]))) {
        text.len--;
    }
    while (text.len > 0 && is_space(text.data[0])) {
        text = capsa_bytes_from(text, 1);
    }
    return text;
}

static bool starts_with(capsa_bytes text, capsa_bytes prefix)
{
    return text.len >= prefix.len &&
           capsa_bytes_equal(capsa_bytes_of(text.data, prefix.len), prefix);
}

#define LINE_OF(text)                                                                              \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define LABEL(name, trusted)                                                                       \
    {                                                                                              \
        LINE_OF("-----BEGIN " name "-----"), LINE_OF("-----END " name "-----"), trusted            \
    }
static const struct label {
    capsa_bytes begin, end;
    bool is_trusted;
} labels[] = {
    LABEL("CERTIFICATE", false),
    LABEL("TRUSTED CERTIFICATE", true),
};
#define LABELS (sizeof(labels) / sizeof(labels[0]))

static const struct label *label_of(capsa_bytes text)
{
    for (size_t i = 0; i < LABELS; i++) {
        if (starts_with(text, labels[i].begin)) {
            return &labels[i];
        }
    }
    return NULL;
}

static capsa_result read_lines(const struct label *label, capsa_bytes block, capsa_buf *ret_der)
{
    capsa_bytes body = capsa_bytes_from(block, label->begin.len);
    size_t stop = capsa_bytes_find(body, '-');
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_bytes_from(body, stop), label->end), MALFORMED,
                  "PEM: one block wanted, which ends in %s and has nothing behind it",
                  (const char *)label->end.data);
    CAPSA_AUTO(capsa_buf) base64 = capsa_buf_of(TEXT_MAX);
    for (size_t i = 0; i < stop; i++) {
        if (!is_space(body.data[i])) {
            CAPSA_TRY(capsa_buf_u8(&base64, body.data[i]));
        }
    }
    CAPSA_TRY_AT(capsa_base64_parse(capsa_buf_bytes(&base64), CAPSA_BASE64_STD, ret_der), "PEM");
    return CAPSA_OK;
}

/* What OpenSSL appends is one structure; what it says of trust says nothing here. */
static capsa_result cut_trust(capsa_buf *der)
{
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(der));
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY_AT(capsa_der_read(&reader, CAPSA_DER_SEQUENCE, &content), "the certificate");
    size_t end = reader.at;
    if (capsa_reader_left(&reader) > 0) {
        CAPSA_TRY_AT(capsa_der_read(&reader, CAPSA_DER_SEQUENCE, &content),
                     "what stands behind the TRUSTED CERTIFICATE");
        CAPSA_TRY_AT(capsa_read_end(&reader), "what stands behind the TRUSTED CERTIFICATE");
    }
    capsa_buf_cut(der, end);
    return CAPSA_OK;
}

static capsa_result read_pem(capsa_bytes block, capsa_buf *ret_der)
{
    const struct label *label = label_of(block);
    CAPSA_REQUIRE(label != NULL, MALFORMED,
                  "not a certificate: neither DER nor a PEM block CERTIFICATE or TRUSTED "
                  "CERTIFICATE");
    CAPSA_AUTO(capsa_buf) der = capsa_buf_of(CAPSA_LIMIT_ratls_certificate);
    CAPSA_TRY(read_lines(label, block, &der));
    if (label->is_trusted) {
        CAPSA_TRY(cut_trust(&der));
    }
    return capsa_buf_append(ret_der, capsa_buf_bytes(&der));
}

CAPSA_RESULT capsa_ratls_pem_certificate(capsa_bytes text, capsa_buf *ret_der)
{
    CAPSA_REQUIRE(text.len <= TEXT_MAX, TOO_LARGE, "a certificate of %zu bytes, at most %zu",
                  text.len, TEXT_MAX);
    CAPSA_REQUIRE(text.len > 0, MALFORMED, "an empty certificate");
    if (text.data[0] != CAPSA_DER_SEQUENCE) {
        return read_pem(trimmed(text), ret_der);
    }
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_ratls_certificate, TOO_LARGE,
                  "a certificate of %zu bytes, at most %d", text.len,
                  CAPSA_LIMIT_ratls_certificate);
    return capsa_buf_append(ret_der, text);
}
