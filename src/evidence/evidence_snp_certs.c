/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate table beside an SNP report (evidence_snp.h): entries of GUID, offset and length,
 * closed by an entry of zeros, and the certificates behind them.
 */
#include "base/limits.h"
#include "base/reader.h"
#include "evidence/evidence_layout.h"
#include "evidence/evidence_snp.h"

#define GUID 16

/* GUIDs as they lie in memory: the first three groups little-endian. */
static const struct {
    const char *name;
    size_t place;
    const char *guid;
} kinds[] = {
    {"VCEK", offsetof(struct capsa_snp_certs, vcek),
     "\x8d\x75\xda\x63\x64\xe6\x64\x45\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd"},
    {"VLEK", offsetof(struct capsa_snp_certs, vlek),
     "\xc2\x4b\x07\xa8\x5a\xa2\x3e\x48\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1"},
    {"ASK", offsetof(struct capsa_snp_certs, ask),
     "\x79\xb3\xb7\x4a\xac\xbb\xe4\x4f\xa0\x2f\x05\xae\xf3\x27\xc7\x82"},
    {"ARK", offsetof(struct capsa_snp_certs, ark),
     "\xa4\x06\xb4\xc0\x03\xa8\x52\x49\x97\x43\x3f\xb6\x01\x4c\xd0\xae"},
    {"CRL", offsetof(struct capsa_snp_certs, crl),
     "\xc3\x1b\xf8\x92\x11\x58\x3d\x4d\x97\xff\xd1\x9f\x88\xdc\x67\xea"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct entry {
    capsa_bytes guid;
    uint32_t offset, length;
    size_t at; /* of the entry itself */
};

static capsa_result read_entry(struct capsa_reader *reader, struct entry *ret_entry)
{
    struct entry entry = {.at = reader->at};
    CAPSA_TRY(capsa_read_bytes(reader, GUID, &entry.guid));
    CAPSA_TRY(capsa_read_le32(reader, &entry.offset));
    CAPSA_TRY(capsa_read_le32(reader, &entry.length));
    *ret_entry = entry;
    return CAPSA_OK;
}

static bool closes(const struct entry *entry)
{
    return capsa_all_zero(entry->guid) && entry->offset == 0 && entry->length == 0;
}

/* The entries end where the one of zeros does; certificates lie behind that. */
static capsa_result find_end(capsa_bytes table, size_t *ret_end)
{
    struct capsa_reader reader = capsa_reader_of(table);
    struct entry entry;
    size_t count = 0;
    do {
        CAPSA_REQUIRE(count++ <= CAPSA_LIMIT_snp_certs, TOO_LARGE,
                      "more than %d entries, none of which closes the table",
                      CAPSA_LIMIT_snp_certs);
        CAPSA_TRY_AT(read_entry(&reader, &entry), "entry %zu, and no entry of zeros before it",
                     count);
    } while (!closes(&entry));
    *ret_end = reader.at;
    return CAPSA_OK;
}

static capsa_result put(const struct entry *entry, capsa_bytes bytes, unsigned *seen,
                        struct capsa_snp_certs *certs)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (!capsa_bytes_equal(entry->guid, capsa_bytes_of(kinds[i].guid, GUID))) {
            continue;
        }
        CAPSA_REQUIRE((*seen & 1u << i) == 0, MALFORMED, "at offset %zu: the %s twice", entry->at,
                      kinds[i].name);
        *seen |= 1u << i;
        memcpy((uint8_t *)certs + kinds[i].place, &bytes, sizeof(bytes));
    }
    return CAPSA_OK;
}

static capsa_result parse(capsa_bytes table, struct capsa_snp_certs *ret_certs)
{
    struct capsa_snp_certs certs = {0};
    struct capsa_reader reader = capsa_reader_of(table);
    size_t end;
    unsigned seen = 0;
    CAPSA_TRY(find_end(table, &end));
    for (;;) {
        struct entry entry;
        capsa_bytes bytes;
        CAPSA_TRY(read_entry(&reader, &entry));
        if (closes(&entry)) {
            break;
        }
        CAPSA_REQUIRE(entry.offset >= end, MALFORMED,
                      "at offset %zu: a certificate at %u, among the entries, which end at %zu",
                      entry.at, entry.offset, end);
        CAPSA_REQUIRE(entry.offset <= table.len && entry.length <= table.len - entry.offset,
                      MALFORMED,
                      "at offset %zu: a certificate of %u bytes at %u; the table has %zu", entry.at,
                      entry.length, entry.offset, table.len);
        struct capsa_reader there = {table, entry.offset};
        CAPSA_TRY(capsa_read_bytes(&there, entry.length, &bytes));
        CAPSA_TRY(put(&entry, bytes, &seen, &certs));
    }
    *ret_certs = certs;
    return CAPSA_OK;
}

/* No bytes at all are no certificates: so an auxblob is when the host has none. */
CAPSA_RESULT capsa_snp_certs_parse(capsa_bytes table, struct capsa_snp_certs *ret_certs)
{
    CAPSA_REQUIRE(table.len <= CAPSA_LIMIT_evidence_bytes, TOO_LARGE,
                  "SNP certificate table: %zu bytes; the limit is %d", table.len,
                  CAPSA_LIMIT_evidence_bytes);
    if (table.len == 0) {
        *ret_certs = (struct capsa_snp_certs){0};
        return CAPSA_OK;
    }
    CAPSA_TRY_AT(parse(table, ret_certs), "SNP certificate table");
    return CAPSA_OK;
}
