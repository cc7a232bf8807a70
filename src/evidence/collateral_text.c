/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts within collateral: revocation lists in their encodings, and the signed JSON of Intel,
 * whose signature is over the bytes of one member exactly as they stand. That member is cut out and
 * never written anew: what was verified is what is read afterwards.
 */
#include "base/limits.h"
#include "base/reader.h"
#include "codec/der.h"
#include "codec/text.h"
#include "evidence/collateral_internal.h"

/* ---- Ends ------------------------------------------------------------------------------------ */

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

capsa_bytes capsa_collateral_unended(capsa_bytes text)
{
    while (text.len > 0 && text.data[text.len - 1] == 0) {
        text.len--;
    }
    return text;
}

capsa_bytes capsa_collateral_trimmed(capsa_bytes text)
{
    while (text.len > 0 && (text.data[text.len - 1] == 0 || is_space(text.data[text.len - 1]))) {
        text.len--;
    }
    size_t from = 0;
    while (from < text.len && is_space(text.data[from])) {
        from++;
    }
    return capsa_bytes_from(text, from);
}

static bool starts_with(capsa_bytes text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len &&
           capsa_bytes_equal(capsa_bytes_of(text.data, len), capsa_bytes_str(prefix));
}

bool capsa_collateral_is_pem(capsa_bytes text, const char *label)
{
    capsa_bytes trimmed = capsa_collateral_trimmed(text);
    if (!starts_with(trimmed, "-----BEGIN ")) {
        return false;
    }
    capsa_bytes rest = capsa_bytes_from(trimmed, strlen("-----BEGIN "));
    return starts_with(rest, label) && starts_with(capsa_bytes_from(rest, strlen(label)), "-----");
}

bool capsa_collateral_is_hex(capsa_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (!((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
              (byte >= 'A' && byte <= 'F'))) {
            return false;
        }
    }
    return text.len >= 2;
}

CAPSA_RESULT capsa_collateral_base64(const char *field, const char *text, capsa_buf *ret_bytes)
{
    size_t len = strlen(text);
    CAPSA_REQUIRE(len / 4 * 3 <= ret_bytes->max + 2, TOO_LARGE, "%s: more than %zu bytes", field,
                  ret_bytes->max);
    CAPSA_TRY_AT(capsa_base64_parse(capsa_bytes_of(text, len), CAPSA_BASE64_STD, ret_bytes), "%s",
                 field);
    return CAPSA_OK;
}

/* ---- Revocation lists ------------------------------------------------------------------------ */

/* The base64 between the two lines of a PEM block, without its line ends. */
static capsa_result pem_body(const char *field, capsa_bytes pem, capsa_buf *ret_base64)
{
    static const char begin[] = "-----BEGIN X509 CRL-----";
    static const char end[] = "-----END X509 CRL-----";
    CAPSA_REQUIRE(starts_with(pem, begin), MALFORMED, "%s: PEM, but not of an X509 CRL", field);
    capsa_bytes body = capsa_bytes_from(pem, sizeof(begin) - 1);
    size_t stop = capsa_bytes_find(body, '-');
    CAPSA_REQUIRE(capsa_bytes_is(capsa_bytes_from(body, stop), end), MALFORMED,
                  "%s: one PEM block wanted, that ends in %s", field, end);
    for (size_t i = 0; i < stop; i++) {
        if (!is_space(body.data[i])) {
            CAPSA_TRY_AT(capsa_buf_u8(ret_base64, body.data[i]), "%s", field);
        }
    }
    return CAPSA_OK;
}

static capsa_result crl_of_pem(const char *field, capsa_bytes pem, capsa_buf *ret_der)
{
    CAPSA_AUTO(capsa_buf) base64 = capsa_buf_of((size_t)CAPSA_LIMIT_collateral_crl * 2);
    CAPSA_TRY(pem_body(field, pem, &base64));
    CAPSA_TRY_AT(capsa_base64_parse(capsa_buf_bytes(&base64), CAPSA_BASE64_STD, ret_der), "%s",
                 field);
    return CAPSA_OK;
}

/* Whole DER with NULs or a newline behind it is cut; anything else is the verifier's to refuse. */
static capsa_bytes unpadded_der(capsa_bytes der)
{
    struct capsa_reader reader = capsa_reader_of(der);
    uint8_t tag;
    capsa_bytes content;
    if (capsa_failed(capsa_der_any(&reader, &tag, &content)) ||
        capsa_collateral_trimmed(capsa_bytes_from(der, reader.at)).len > 0) {
        return der;
    }
    der.len = reader.at;
    return der;
}

CAPSA_RESULT capsa_collateral_crl(const char *field, capsa_bytes text, capsa_buf *ret_der)
{
    CAPSA_REQUIRE(text.len <= (size_t)CAPSA_LIMIT_collateral_crl * 2, TOO_LARGE,
                  "%s: over %d bytes", field, CAPSA_LIMIT_collateral_crl);
    capsa_bytes trimmed = capsa_collateral_trimmed(text);
    if (starts_with(trimmed, "-----BEGIN ")) {
        return crl_of_pem(field, trimmed, ret_der);
    }
    if (capsa_collateral_is_hex(trimmed)) {
        CAPSA_TRY_AT(capsa_hex_parse(trimmed, ret_der), "%s", field);
        return CAPSA_OK;
    }
    CAPSA_REQUIRE(text.len > 0 && text.data[0] == CAPSA_DER_SEQUENCE, MALFORMED,
                  "%s: a revocation list as PEM, hex or DER wanted", field);
    CAPSA_TRY_AT(capsa_buf_append(ret_der, unpadded_der(text)), "%s", field);
    return CAPSA_OK;
}

/* ---- Signed JSON ----------------------------------------------------------------------------- */

/* A walk over text that the strict parser has taken already; bounds are kept all the same. */
struct scan {
    capsa_bytes text;
    size_t at;
};

static uint8_t here(const struct scan *scan)
{
    return scan->at < scan->text.len ? scan->text.data[scan->at] : 0;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->text.len && is_space(here(scan))) {
        scan->at++;
    }
}

/* From a quote to behind the quote that ends it; what stands between. */
static capsa_bytes take_string(struct scan *scan)
{
    size_t begin = ++scan->at;
    while (scan->at < scan->text.len && here(scan) != '"') {
        scan->at += here(scan) == '\\' ? 2 : 1;
    }
    size_t end = scan->at < scan->text.len ? scan->at : scan->text.len;
    scan->at = end + 1;
    return capsa_bytes_of(scan->text.data + begin, end - (begin < end ? begin : end));
}

/* Braces and brackets count only outside strings. */
static void skip_container(struct scan *scan)
{
    size_t depth = 0;
    do {
        uint8_t byte = here(scan);
        if (byte == '"') {
            (void)take_string(scan);
            continue;
        }
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        scan->at++;
    } while (depth > 0 && scan->at < scan->text.len);
}

static void skip_value(struct scan *scan)
{
    uint8_t first = here(scan);
    if (first == '"') {
        (void)take_string(scan);
    } else if (first == '{' || first == '[') {
        skip_container(scan);
    } else {
        while (scan->at < scan->text.len && here(scan) != ',' && here(scan) != '}') {
            scan->at++;
        }
    }
}

/* The bytes of a member's value in an object that is known to have it. */
static capsa_result find_value(capsa_bytes object, const char *member, capsa_bytes *ret_value)
{
    struct scan scan = {object, 0};
    skip_space(&scan);
    do {
        scan.at++; /* over { or , */
        skip_space(&scan);
        capsa_bytes name = take_string(&scan);
        skip_space(&scan);
        scan.at++; /* over : */
        skip_space(&scan);
        size_t begin = scan.at;
        skip_value(&scan);
        if (capsa_bytes_is(name, member) && scan.at <= object.len) {
            *ret_value = capsa_bytes_of(object.data + begin, scan.at - begin);
            return CAPSA_OK;
        }
        skip_space(&scan);
    } while (here(&scan) == ',');
    CAPSA_FAIL(MALFORMED, "the name \"%s\" is written with escapes", member);
}

CAPSA_RESULT capsa_collateral_members(const char *what, const struct capsa_json *object,
                                      const char *const *names)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        size_t i = 0;
        while (names[i] != NULL && !capsa_streq(names[i], name)) {
            i++;
        }
        if (names[i] != NULL) {
            continue;
        }
        const char *nearest = capsa_nearest_name(name, names);
        CAPSA_REQUIRE(nearest == NULL, UNKNOWN_FIELD,
                      "%s: unknown member \"%.64s\"; \"%s\" is the nearest known", what, name,
                      nearest);
        CAPSA_FAIL(UNKNOWN_FIELD, "%s: unknown member \"%.64s\"", what, name);
    }
    return CAPSA_OK;
}

static capsa_result check_envelope(const char *member, capsa_bytes envelope, capsa_buf *signature)
{
    CAPSA_AUTO_FREE(capsa_json) json = NULL;
    CAPSA_TRY(capsa_json_parse(envelope, &json));
    CAPSA_REQUIRE(capsa_json_kind_of(json) == CAPSA_JSON_OBJECT, MALFORMED, "an object wanted");
    const char *const names[] = {member, "signature", NULL};
    CAPSA_TRY(capsa_collateral_members("signed JSON", json, names));
    CAPSA_REQUIRE(capsa_json_kind_of(capsa_json_get(json, member)) == CAPSA_JSON_OBJECT, MALFORMED,
                  "the object \"%s\" is missing", member);
    const char *hex = capsa_json_string(capsa_json_get(json, "signature"));
    CAPSA_REQUIRE(hex != NULL && strlen(hex) == (size_t)CAPSA_COLLATERAL_SIGNATURE * 2, MALFORMED,
                  "signature: %d hex digits wanted", CAPSA_COLLATERAL_SIGNATURE * 2);
    CAPSA_TRY_AT(capsa_hex_parse(capsa_bytes_str(hex), signature), "signature");
    return CAPSA_OK;
}

static capsa_result read_signed(const char *member, capsa_bytes envelope, capsa_buf *ret_text,
                                capsa_buf *ret_signature)
{
    CAPSA_REQUIRE(envelope.len <= CAPSA_LIMIT_collateral_signed, TOO_LARGE, "over %d bytes",
                  CAPSA_LIMIT_collateral_signed);
    CAPSA_AUTO(capsa_buf) signature = capsa_buf_of(CAPSA_COLLATERAL_SIGNATURE);
    CAPSA_TRY(check_envelope(member, envelope, &signature));
    capsa_bytes text;
    CAPSA_TRY(find_value(envelope, member, &text));
    size_t before = ret_text->len;
    CAPSA_TRY(capsa_buf_append(ret_text, text));
    capsa_result appended = capsa_buf_append(ret_signature, capsa_buf_bytes(&signature));
    if (capsa_failed(appended)) {
        capsa_buf_cut(ret_text, before);
    }
    return appended;
}

CAPSA_RESULT capsa_collateral_signed(const char *member, capsa_bytes envelope, capsa_buf *ret_text,
                                     capsa_buf *ret_signature)
{
    CAPSA_TRY_AT(read_signed(member, capsa_collateral_unended(envelope), ret_text, ret_signature),
                 "%s", member);
    return CAPSA_OK;
}

/* Text that is no JSON object would write an envelope that says something else: it is read back. */
CAPSA_RESULT capsa_collateral_envelope(const char *member, capsa_bytes text, capsa_bytes signature,
                                       capsa_buf *ret_envelope)
{
    CAPSA_AUTO(capsa_buf) written = capsa_buf_of((size_t)CAPSA_LIMIT_collateral_signed + KIB(1));
    CAPSA_TRY(capsa_buf_format(&written, "{\"%s\":", member));
    CAPSA_TRY(capsa_buf_append(&written, text));
    CAPSA_TRY(capsa_buf_str(&written, ",\"signature\":\""));
    CAPSA_TRY(capsa_hex_write(signature, &written));
    CAPSA_TRY(capsa_buf_str(&written, "\"}"));
    CAPSA_AUTO(capsa_buf) text_back = capsa_buf_of(CAPSA_LIMIT_collateral_signed);
    CAPSA_AUTO(capsa_buf) signature_back = capsa_buf_of(CAPSA_COLLATERAL_SIGNATURE);
    CAPSA_TRY(
        capsa_collateral_signed(member, capsa_buf_bytes(&written), &text_back, &signature_back));
    CAPSA_REQUIRE(capsa_bytes_equal(capsa_buf_bytes(&text_back), text) &&
                      capsa_bytes_equal(capsa_buf_bytes(&signature_back), signature),
                  MALFORMED, "%s: the signed text is not one JSON object", member);
    return capsa_buf_append(ret_envelope, capsa_buf_bytes(&written));
}
