/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk over a certificate (ratls_x509.h), in the order of its fields.
 */
#include "ratls/ratls_x509.h"

#include <stdio.h>

#include "codec/der.h"
#include "ratls/ratls_form.h"

#define TAG_VERSION    0xa0 /* [0], explicit */
#define TAG_ISSUER_ID  0x81 /* [1], [2]: unique ids, which nobody uses */
#define TAG_SUBJECT_ID 0x82
#define TAG_EXTENSIONS 0xa3 /* [3], explicit */
#define TAG_UTC        0x17
#define TAG_GENERAL    0x18
#define VERSION_3      2
#define SERIAL_MAX     20
#define UTC_LEN        13  /* YYMMDDHHMMSSZ */
#define GENERAL_LEN    15  /* YYYYMMDDHHMMSSZ */
#define CENTURY_TURN   '5' /* RFC 5280 §4.1.2.5.1: years from 50 on are of the 20th century */

/* The next element, which must have this tag: the whole of it. */
static capsa_result read_whole(struct capsa_reader *reader, uint8_t tag, capsa_bytes *ret_whole)
{
    size_t from = reader->at;
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_der_read(reader, tag, &content));
    *ret_whole = capsa_bytes_of(reader->bytes.data + from, reader->at - from);
    return CAPSA_OK;
}

static bool next_is(const struct capsa_reader *reader, uint8_t tag)
{
    return capsa_reader_left(reader) > 0 && reader->bytes.data[reader->at] == tag;
}

/* ---- Version, serial number, dates ----------------------------------------------------------- */

/* Version 1 is the default, which DER leaves out. */
static capsa_result read_version(struct capsa_reader *tbs, int *ret_version)
{
    if (!next_is(tbs, TAG_VERSION)) {
        *ret_version = 1;
        return CAPSA_OK;
    }
    capsa_bytes content = {NULL, 0};
    uint64_t version = 0;
    CAPSA_TRY(capsa_der_read(tbs, TAG_VERSION, &content));
    struct capsa_reader reader = capsa_reader_of(content);
    CAPSA_TRY(capsa_der_unsigned(&reader, CAPSA_DER_INTEGER, UINT32_MAX, &version));
    CAPSA_TRY(capsa_read_end(&reader));
    CAPSA_REQUIRE(version == VERSION_3, MALFORMED,
                  "its number is %u, which is neither that of "
                  "version 3 (2) nor left out",
                  (unsigned)version);
    *ret_version = 3;
    return CAPSA_OK;
}

static capsa_result read_serial(struct capsa_reader *tbs, capsa_bytes *ret_serial)
{
    CAPSA_TRY(capsa_der_read(tbs, CAPSA_DER_INTEGER, ret_serial));
    CAPSA_REQUIRE(ret_serial->len > 0 && ret_serial->len <= SERIAL_MAX, MALFORMED,
                  "%zu bytes, 1 to %d", ret_serial->len, SERIAL_MAX);
    return CAPSA_OK;
}

/* "20261121120000Z" as RFC 3339, whose reader knows what a date is. */
static capsa_result time_of(const char *digits, capsa_time *ret_time)
{
    char text[CAPSA_TIME_TEXT];
    (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", digits, digits + 4,
                   digits + 6, digits + 8, digits + 10, digits + 12);
    return capsa_time_parse(capsa_bytes_str(text), ret_time);
}

/* RFC 5280 wants UTCTime up to 2049; some write GeneralizedTime before, which says the same. */
static capsa_result read_time(struct capsa_reader *validity, capsa_time *ret_time)
{
    uint8_t tag = 0;
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_der_any(validity, &tag, &content));
    size_t len = tag == TAG_UTC ? UTC_LEN : GENERAL_LEN;
    CAPSA_REQUIRE((tag == TAG_UTC || tag == TAG_GENERAL) && content.len == len &&
                      content.data[len - 1] == 'Z',
                  MALFORMED, "neither YYMMDDHHMMSSZ nor YYYYMMDDHHMMSSZ");
    char digits[GENERAL_LEN + 1] = {0};
    size_t century = GENERAL_LEN - len;
    memcpy(digits, content.data[0] >= CENTURY_TURN ? "19" : "20", century);
    memcpy(digits + century, content.data, len);
    for (size_t i = 0; i + 1 < GENERAL_LEN; i++) {
        CAPSA_REQUIRE(digits[i] >= '0' && digits[i] <= '9', MALFORMED,
                      "a date of other than digits");
    }
    return time_of(digits, ret_time);
}

static capsa_result read_validity(struct capsa_reader *tbs, struct capsa_ratls_x509 *x509)
{
    capsa_bytes content = {NULL, 0};
    CAPSA_TRY(capsa_der_read(tbs, CAPSA_DER_SEQUENCE, &content));
    struct capsa_reader reader = capsa_reader_of(content);
    CAPSA_TRY_AT(read_time(&reader, &x509->not_before), "notBefore");
    CAPSA_TRY_AT(read_time(&reader, &x509->not_after), "notAfter");
    return capsa_read_end(&reader);
}

/* ---- Extensions ------------------------------------------------------------------------------ */

/* Those that others mark critical and that forbid nothing here: what a key or a name is for is not
 * what a certificate with evidence is asked. basicConstraints, keyUsage, subjectAltName,
 * extKeyUsage, all below id-ce (2.5.29). */
static const uint8_t harmless[] = {19, 15, 17, 37};

static bool is_known(capsa_bytes oid)
{
    if (capsa_ratls_form_by_oid(oid) != CAPSA_RATLS_NONE) {
        return true;
    }
    return oid.len == 3 && oid.data[0] == 0x55 && oid.data[1] == 0x1d &&
           memchr(harmless, oid.data[2], sizeof(harmless)) != NULL;
}

/* DER leaves out a FALSE; those who write it out say the same. */
static capsa_result read_extension(struct capsa_reader *list, struct capsa_ratls_extension *ret)
{
    capsa_bytes content = {NULL, 0};
    struct capsa_ratls_extension extension = {.critical = false};
    CAPSA_TRY(capsa_der_read(list, CAPSA_DER_SEQUENCE, &content));
    struct capsa_reader reader = capsa_reader_of(content);
    CAPSA_TRY(capsa_der_read(&reader, CAPSA_DER_OID, &extension.oid));
    if (next_is(&reader, CAPSA_DER_BOOLEAN)) {
        CAPSA_TRY(capsa_der_boolean(&reader, &extension.critical));
    }
    CAPSA_TRY(capsa_der_read(&reader, CAPSA_DER_OCTET_STRING, &extension.content));
    CAPSA_TRY(capsa_read_end(&reader));
    CAPSA_REQUIRE(!extension.critical || is_known(extension.oid), UNSUPPORTED,
                  "it is critical, and not known here");
    *ret = extension;
    return CAPSA_OK;
}

static capsa_result add_extension(struct capsa_reader *list, struct capsa_ratls_x509 *x509)
{
    CAPSA_REQUIRE(x509->count < CAPSA_LIMIT_ratls_extensions, TOO_LARGE, "at most %d are read",
                  CAPSA_LIMIT_ratls_extensions);
    struct capsa_ratls_extension *extension = &x509->extensions[x509->count];
    CAPSA_TRY(read_extension(list, extension));
    for (size_t i = 0; i < x509->count; i++) {
        CAPSA_REQUIRE(!capsa_bytes_equal(x509->extensions[i].oid, extension->oid), MALFORMED,
                      "the same one as number %zu: no extension may stand there twice", i + 1);
    }
    x509->count++;
    return CAPSA_OK;
}

static capsa_result read_extensions(struct capsa_reader *tbs, struct capsa_ratls_x509 *x509)
{
    if (!next_is(tbs, TAG_EXTENSIONS)) {
        return CAPSA_OK;
    }
    capsa_bytes wrapped = {NULL, 0}, content = {NULL, 0};
    CAPSA_TRY(capsa_der_read(tbs, TAG_EXTENSIONS, &wrapped));
    CAPSA_TRY_AT(capsa_der_whole(wrapped, CAPSA_DER_SEQUENCE, &content), "the extensions");
    struct capsa_reader list = capsa_reader_of(content);
    CAPSA_REQUIRE(content.len > 0, MALFORMED, "an empty list of extensions");
    while (capsa_reader_left(&list) > 0) {
        CAPSA_TRY_AT(add_extension(&list, x509), "extension %zu", x509->count + 1);
    }
    return CAPSA_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static capsa_result skip_id(struct capsa_reader *tbs, uint8_t tag)
{
    capsa_bytes content = {NULL, 0};
    return next_is(tbs, tag) ? capsa_der_read(tbs, tag, &content) : CAPSA_OK;
}

static capsa_result read_tbs(struct capsa_reader *tbs, struct capsa_ratls_x509 *x509)
{
    capsa_bytes name = {NULL, 0};
    CAPSA_TRY_AT(read_version(tbs, &x509->version), "the version");
    CAPSA_TRY_AT(read_serial(tbs, &x509->serial), "the serial number");
    CAPSA_TRY_AT(read_whole(tbs, CAPSA_DER_SEQUENCE, &x509->algorithm), "the algorithm");
    CAPSA_TRY_AT(capsa_der_read(tbs, CAPSA_DER_SEQUENCE, &name), "the issuer");
    CAPSA_TRY_AT(read_validity(tbs, x509), "the validity");
    CAPSA_TRY_AT(capsa_der_read(tbs, CAPSA_DER_SEQUENCE, &name), "the subject");
    CAPSA_TRY_AT(read_whole(tbs, CAPSA_DER_SEQUENCE, &x509->spki), "the public key");
    CAPSA_TRY_AT(skip_id(tbs, TAG_ISSUER_ID), "the issuer's id");
    CAPSA_TRY_AT(skip_id(tbs, TAG_SUBJECT_ID), "the subject's id");
    CAPSA_TRY(read_extensions(tbs, x509));
    CAPSA_TRY_AT(capsa_read_end(tbs), "what is signed");
    return CAPSA_OK;
}

static capsa_result read_signature(struct capsa_reader *reader, struct capsa_ratls_x509 *x509)
{
    capsa_bytes outer = {NULL, 0}, bits = {NULL, 0};
    CAPSA_TRY(read_whole(reader, CAPSA_DER_SEQUENCE, &outer));
    CAPSA_REQUIRE(capsa_bytes_equal(outer, x509->algorithm), MALFORMED,
                  "two algorithms, one inside what is signed and another outside");
    CAPSA_TRY(capsa_der_read(reader, CAPSA_DER_BIT_STRING, &bits));
    CAPSA_REQUIRE(bits.len > 1 && bits.data[0] == 0, MALFORMED, "not a whole number of bytes");
    x509->signature = capsa_bytes_from(bits, 1);
    return capsa_read_end(reader);
}

CAPSA_RESULT capsa_ratls_x509_parse(capsa_bytes der, struct capsa_ratls_x509 *ret_x509)
{
    struct capsa_ratls_x509 x509 = {.version = 0};
    capsa_bytes content = {NULL, 0}, inside = {NULL, 0};
    CAPSA_TRY_AT(capsa_der_whole(der, CAPSA_DER_SEQUENCE, &content), "the certificate");
    struct capsa_reader reader = capsa_reader_of(content);
    CAPSA_TRY_AT(read_whole(&reader, CAPSA_DER_SEQUENCE, &x509.tbs), "the certificate");
    CAPSA_TRY_AT(capsa_der_whole(x509.tbs, CAPSA_DER_SEQUENCE, &inside), "the certificate");
    struct capsa_reader tbs = capsa_reader_of(inside);
    CAPSA_TRY_AT(read_tbs(&tbs, &x509), "the certificate");
    CAPSA_TRY_AT(read_signature(&reader, &x509), "the certificate's signature");
    *ret_x509 = x509;
    return CAPSA_OK;
}
