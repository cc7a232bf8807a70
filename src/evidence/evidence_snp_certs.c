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

/* As they lie in memory: the first three groups little-endian. */
static const struct {
    const char *name;
    size_t place;
    uint8_t guid[GUID];
} kinds[] = {
    {"VCEK",
     offsetof(struct capsa_snp_certs, vcek),
     {0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
      0xcd}},
    {"VLEK",
     offsetof(struct capsa_snp_certs, vlek),
     {0xc2, 0x4b, 0x07, 0xa8, 0x5a, 0xa2, 0x3e, 0x48, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8,
      0xa1}},
    {"ASK",
     offsetof(struct capsa_snp_certs, ask),
     {0x79, 0xb3, 0xb7, 0x4a, 0xac, 0xbb, 0xe4, 0x4f, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
      0x82}},
    {"ARK",
     offsetof(struct capsa_snp_certs, ark),
     {0xa4, 0x06, 0xb4, 0xc0, 0x03, 0xa8, 0x52, 0x49, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0,
      0xae}},
    {"CRL",
     offsetof(struct capsa_snp_certs, crl),
     {0xc3, 0x1b, 0xf8, 0x92, 0x11, 0x58, 0x3d, 0x4d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67,
      0xea}},
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
