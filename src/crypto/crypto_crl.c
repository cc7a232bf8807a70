/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocation lists (RFC 5280 §5). Read by hand and not by libcrypto, which allocates several
 * objects for each entry: a list is read each time evidence comes with one. Here it is kept as its
 * bytes and its serial numbers in order.
 *
 * A list that covers only a part of what its issuer signed, or others' certificates too, would have
 * to be read otherwise; such a list is read and never holds.
 */
#include "crypto/crypto_pki.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "crypto/crypto_x509.h"

#define TAG_BOOLEAN      0x01
#define TAG_INTEGER      0x02
#define TAG_OCTET_STRING 0x04
#define TAG_OID          0x06
#define TAG_UTC_TIME     0x17
#define TAG_TIME         0x18 /* GeneralizedTime */
#define TAG_SEQUENCE     0x30
#define TAG_EXTENSIONS   0xa0 /* [0] */
#define TAG_POINT        0xa0 /* [0] of an issuing distribution point: where the list is to be had */
#define VERSION_2        1

struct capsa_crl {
    struct crypto_signed parts; /* of `der`, as is all that is borrowed here */
    capsa_bytes issuer, revoked, extensions;
    capsa_time this_update, next_update;
    bool has_number, has_aki;
    const char *fault;    /* why it never holds; or NULL */
    capsa_bytes *serials; /* in order */
    size_t count;
    size_t der_len;
    uint8_t der[];
};

/* ---- extensions ------------------------------------------------------------------------------ */

/* The last byte of 2.5.29.x, which all that RFC 5280 has for lists begin with. */
enum {
    OF_NUMBER = 20,
    OF_REASON = 21,
    OF_INVALIDITY = 24,
    OF_DELTA = 27,
    OF_POINT = 28,
    OF_ENTRY_ISSUER = 29,
    OF_AKI = 35,
};

struct extension {
    int number; /* as above; -1: another one */
    bool critical;
    capsa_bytes content;
};

static bool parse_extension(capsa_bytes *rest, struct extension *ret_extension)
{
    static const uint8_t prefix[] = {0x55, 0x1d};
    struct crypto_element whole, oid, critical, content;
    if (!capsa_crypto_element_of(rest, TAG_SEQUENCE, &whole)) {
        return false;
    }
    capsa_bytes inside = whole.content;
    bool named = capsa_crypto_element_of(&inside, TAG_OID, &oid);
    bool said = capsa_crypto_element_of(&inside, TAG_BOOLEAN, &critical);
    if (!named || (said && critical.content.len != 1) ||
        !capsa_crypto_element_of(&inside, TAG_OCTET_STRING, &content) || inside.len != 0) {
        return false;
    }
    bool known = oid.content.len == sizeof(prefix) + 1 &&
                 memcmp(oid.content.data, prefix, sizeof(prefix)) == 0;
    *ret_extension = (struct extension){known ? oid.content.data[sizeof(prefix)] : -1,
                                        said && critical.content.data[0] != 0, content.content};
    return true;
}

/* §5.2.5. One that only says where the list is to be had restricts nothing. */
static bool point_restricts(capsa_bytes content)
{
    struct crypto_element whole, field;
    if (!capsa_crypto_element_of(&content, TAG_SEQUENCE, &whole) || content.len != 0) {
        return true;
    }
    capsa_bytes inside = whole.content;
    (void)capsa_crypto_element_of(&inside, TAG_POINT, &field);
    return inside.len != 0;
}

static const char *list_fault(struct extension extension)
{
    switch (extension.number) {
    case OF_NUMBER:
    case OF_AKI:
        return NULL;
    case OF_DELTA:
        return "tells only what changed since another one";
    case OF_POINT:
        return point_restricts(extension.content) ? "covers only some certificates, or others' too"
                                                  : NULL;
    default:
        return extension.critical ? "has a critical extension that is not understood" : NULL;
    }
}

static const char *entry_fault(struct extension extension)
{
    switch (extension.number) {
    case OF_REASON:
    case OF_INVALIDITY:
        return NULL;
    case OF_ENTRY_ISSUER:
        return "covers other issuers' certificates";
    default:
        return extension.critical ? "has an entry with a critical extension that is not understood"
                                  : NULL;
    }
}

/* `seen` has a bit for each number below 64, so that none comes twice. */
static bool is_new(struct extension extension, uint64_t *seen)
{
    bool small = extension.number >= 0 && extension.number < 64;
    uint64_t bit = small ? (uint64_t)1 << extension.number : 0;
    bool fresh = (*seen & bit) == 0;
    *seen |= bit;
    return fresh;
}

static void note_fault(struct capsa_crl *crl, const char *fault)
{
    crl->fault = crl->fault != NULL ? crl->fault : fault;
}

/* `content` is a SEQUENCE OF Extension, of the list or of an entry. */
static bool parse_extensions(capsa_bytes content, struct capsa_crl *crl, bool of_entry)
{
    struct crypto_element whole;
    if (!capsa_crypto_element_of(&content, TAG_SEQUENCE, &whole) || content.len != 0) {
        return false;
    }
    capsa_bytes rest = whole.content;
    uint64_t seen = 0;
    while (rest.len > 0) {
        struct extension extension;
        if (!parse_extension(&rest, &extension) || !is_new(extension, &seen)) {
            return false;
        }
        note_fault(crl, of_entry ? entry_fault(extension) : list_fault(extension));
    }
    if (!of_entry) {
        crl->has_number = (seen & (uint64_t)1 << OF_NUMBER) != 0;
        crl->has_aki = (seen & (uint64_t)1 << OF_AKI) != 0;
    }
    return true;
}

/* ---- entries --------------------------------------------------------------------------------- */

static bool is_time(const struct crypto_element *element)
{
    return element->tag == TAG_UTC_TIME || element->tag == TAG_TIME;
}

/* In the form that DER has for it, so that one number has one form. */
static capsa_bytes shortest(capsa_bytes serial)
{
    while (serial.len > 1 && serial.data[0] == 0 && serial.data[1] < 0x80) {
        serial = capsa_bytes_from(serial, 1);
    }
    return serial;
}

static int by_serial(const void *a_at, const void *b_at)
{
    const capsa_bytes *a = a_at, *b = b_at;
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }
    return a->len == 0 ? 0 : memcmp(a->data, b->data, a->len);
}

static bool parse_entry(capsa_bytes *rest, struct capsa_crl *crl, capsa_bytes *ret_serial)
{
    struct crypto_element whole, serial, date;
    if (!capsa_crypto_element_of(rest, TAG_SEQUENCE, &whole)) {
        return false;
    }
    capsa_bytes inside = whole.content;
    if (!capsa_crypto_element_of(&inside, TAG_INTEGER, &serial) || serial.content.len == 0 ||
        !capsa_crypto_element(&inside, &date) || !is_time(&date)) {
        return false;
    }
    *ret_serial = shortest(serial.content);
    return inside.len == 0 || parse_extensions(inside, crl, true);
}

static capsa_result count_entries(struct capsa_crl *crl)
{
    capsa_bytes rest = crl->revoked;
    while (rest.len > 0) {
        capsa_bytes serial;
        CAPSA_REQUIRE(parse_entry(&rest, crl, &serial), MALFORMED,
                      "entry %zu of the revocation list cannot be read", crl->count);
        crl->count++;
    }
    return CAPSA_OK;
}

static capsa_result sort_entries(struct capsa_crl *crl)
{
    CAPSA_TRY(count_entries(crl));
    if (crl->count == 0) {
        return CAPSA_OK;
    }
    crl->serials = capsa_alloc_array(crl->count, sizeof(crl->serials[0]));
    CAPSA_REQUIRE_MEMORY(crl->serials);
    capsa_bytes rest = crl->revoked;
    for (size_t i = 0; i < crl->count; i++) {
        (void)parse_entry(&rest, crl, &crl->serials[i]); /* as just before */
    }
    qsort(crl->serials, crl->count, sizeof(crl->serials[0]), by_serial);
    return CAPSA_OK;
}

/* ---- the list -------------------------------------------------------------------------------- */

static capsa_result time_of(const struct crypto_element *element, const char *what,
                            capsa_time *ret_time)
{
    const unsigned char *at = element->whole.data;
    ASN1_TIME *time = d2i_ASN1_TIME(NULL, &at, (long)element->whole.len);
    bool read = time != NULL && capsa_crypto_time_of(time, ret_time);
    ASN1_TIME_free(time);
    CRYPTO_REQUIRE_MEMORY_UNLESS(read);
    CAPSA_REQUIRE(read, MALFORMED, "the %s of the revocation list is no time", what);
    return CAPSA_OK;
}

static capsa_result parse_times(struct capsa_crl *crl, capsa_bytes *rest)
{
    struct crypto_element element;
    capsa_bytes ahead = *rest;
    CAPSA_REQUIRE(capsa_crypto_element(&ahead, &element) && is_time(&element), MALFORMED,
                  "the revocation list has no thisUpdate");
    CAPSA_TRY(time_of(&element, "thisUpdate", &crl->this_update));
    *rest = ahead;
    if (capsa_crypto_element(&ahead, &element) && is_time(&element)) {
        CAPSA_TRY(time_of(&element, "nextUpdate", &crl->next_update));
        *rest = ahead;
    }
    return CAPSA_OK;
}

/* What follows the inner algorithm: issuer, times, entries, extensions. Version 1 has none of the
 * latter. */
static capsa_result parse_list(struct capsa_crl *crl)
{
    struct crypto_element tbs, element;
    capsa_bytes whole = crl->parts.tbs;
    (void)capsa_crypto_element(&whole, &tbs); /* as capsa_crypto_signed_parse did */
    capsa_bytes rest = capsa_bytes_from(tbs.content, crl->parts.after_inner);
    CAPSA_REQUIRE(capsa_crypto_element_of(&rest, TAG_SEQUENCE, &element), MALFORMED,
                  "the revocation list has no issuer");
    crl->issuer = element.whole;
    CAPSA_TRY(parse_times(crl, &rest));
    if (capsa_crypto_element_of(&rest, TAG_SEQUENCE, &element)) {
        crl->revoked = element.content;
    }
    if (capsa_crypto_element_of(&rest, TAG_EXTENSIONS, &element)) {
        CAPSA_REQUIRE(parse_extensions(element.content, crl, false), MALFORMED,
                      "the extensions of the revocation list cannot be read");
    }
    CAPSA_REQUIRE(rest.len == 0, MALFORMED,
                  "%zu bytes in the revocation list that belong to nothing", rest.len);
    return sort_entries(crl);
}

static capsa_result check_version(const struct crypto_signed *parts)
{
    capsa_bytes version = parts->serial;
    bool first = version.len == 0;
    bool second = version.len == 1 && version.data[0] == VERSION_2;
    CAPSA_REQUIRE(first || second, MALFORMED, "a revocation list of another version than 1 and 2");
    return CAPSA_OK;
}

CAPSA_RESULT capsa_crl_parse(capsa_bytes der, struct capsa_crl **ret_crl)
{
    CAPSA_REQUIRE(der.len > 0, MALFORMED, "an empty revocation list");
    CAPSA_REQUIRE(der.len <= CAPSA_LIMIT_crl_bytes, TOO_LARGE,
                  "a revocation list of %zu bytes, at most %d", der.len, CAPSA_LIMIT_crl_bytes);
    CAPSA_AUTO_FREE(capsa_crl) crl = capsa_alloc(sizeof(struct capsa_crl) + der.len);
    CAPSA_REQUIRE_MEMORY(crl);
    memcpy(crl->der, der.data, der.len);
    crl->der_len = der.len;
    CAPSA_TRY_AT(capsa_crypto_signed_parse(capsa_bytes_of(crl->der, crl->der_len), &crl->parts),
                 "the revocation list");
    CAPSA_TRY(check_version(&crl->parts));
    CAPSA_TRY(parse_list(crl));
    *ret_crl = crl;
    crl = NULL;
    return CAPSA_OK;
}

void capsa_crl_free(struct capsa_crl *crl)
{
    if (crl != NULL) {
        capsa_dealloc(crl->serials);
        capsa_dealloc(crl);
    }
}

capsa_bytes capsa_crl_issuer(const struct capsa_crl *crl)
{
    return crl->issuer;
}

void capsa_crl_validity(const struct capsa_crl *crl, capsa_time *ret_this_update,
                        capsa_time *ret_next_update)
{
    *ret_this_update = crl->this_update;
    *ret_next_update = crl->next_update;
}

bool capsa_crl_has_number_and_aki(const struct capsa_crl *crl)
{
    return crl->has_number && crl->has_aki;
}

size_t capsa_crl_count(const struct capsa_crl *crl)
{
    return crl->count;
}

CAPSA_RESULT capsa_crl_check(const struct capsa_crl *crl, const struct capsa_cert *issuer,
                             enum capsa_link kind)
{
    CAPSA_REQUIRE(capsa_bytes_equal(crl->issuer, capsa_cert_subject(issuer)), UNAUTHENTIC,
                  "the revocation list is another issuer's");
    CAPSA_REQUIRE(crl->fault == NULL, UNAUTHENTIC, "the revocation list %s", crl->fault);
    return capsa_crypto_signed_check(&crl->parts, issuer->key, kind, "revocation list");
}

/* By the number alone. That the list is one of the certificate's issuer was checked before; were it
 * asked here too, a mistake there would make this say "not revoked". */
bool capsa_crl_revokes(const struct capsa_crl *crl, const struct capsa_cert *cert)
{
    capsa_bytes serial = shortest(capsa_cert_serial(cert));
    return crl->count > 0 &&
           bsearch(&serial, crl->serials, crl->count, sizeof(crl->serials[0]), by_serial) != NULL;
}
