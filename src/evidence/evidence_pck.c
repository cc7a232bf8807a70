/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's extension of a PCK certificate: a SEQUENCE of SEQUENCE{OID, value}, in any order. Fixed
 * numbers of entries, each once: an extension with one less, one more or one twice is refused, for
 * what is missing here would count as a security version of zero or as an empty FMSPC.
 */
#include "evidence/evidence_pck.h"

#include "codec/der.h"

/* 1.2.840.113741.1.13.1, content octets; those of an entry go on with its own numbers. */
static const uint8_t prefix[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

/* The next SEQUENCE{OID, value}: the numbers of its OID behind `parent`, and a reader of the value,
 * which has to be the last thing in it. */
static CAPSA_RESULT read_entry(struct capsa_reader *entries, capsa_bytes parent, uint8_t *ret_id,
                               struct capsa_reader *ret_value)
{
    capsa_bytes entry, oid;
    CAPSA_TRY(capsa_der_read(entries, CAPSA_DER_SEQUENCE, &entry));
    struct capsa_reader reader = capsa_reader_of(entry);
    CAPSA_TRY(capsa_der_read(&reader, CAPSA_DER_OID, &oid));
    /* One more number, below 128: one byte. */
    CAPSA_REQUIRE(oid.len == parent.len + 1 &&
                      capsa_bytes_equal(capsa_bytes_of(oid.data, parent.len), parent) &&
                      oid.data[parent.len] > 0 && oid.data[parent.len] < 32,
                  MALFORMED, "an entry's OID is not one of Intel's below this one");
    *ret_id = oid.data[parent.len];
    *ret_value = reader;
    return CAPSA_OK;
}

static CAPSA_RESULT mark_seen(uint32_t *seen, uint8_t id)
{
    uint32_t bit = UINT32_C(1) << id;
    CAPSA_REQUIRE((*seen & bit) == 0, MALFORMED, "entry .%u stands in it twice", id);
    *seen |= bit;
    return CAPSA_OK;
}

static CAPSA_RESULT read_octets(struct capsa_reader *value, uint8_t *out, size_t size)
{
    capsa_bytes content;
    CAPSA_TRY(capsa_der_read(value, CAPSA_DER_OCTET_STRING, &content));
    CAPSA_REQUIRE(content.len == size, MALFORMED, "%zu bytes, %zu are wanted", content.len, size);
    memcpy(out, content.data, size);
    return CAPSA_OK;
}

/* ---- The TCB entry ----------------------------------------------------------------------------
 */

enum { TCB_PCESVN = 17, TCB_CPUSVN = 18 };

static CAPSA_RESULT read_tcb_value(uint8_t id, struct capsa_reader *value, struct capsa_pck *pck)
{
    if (id == TCB_CPUSVN) {
        return read_octets(value, pck->cpu_svn, sizeof(pck->cpu_svn));
    }
    CAPSA_REQUIRE(id < TCB_CPUSVN, MALFORMED, "no such entry of a TCB");
    uint64_t number = 0;
    CAPSA_TRY(capsa_der_unsigned(value, CAPSA_DER_INTEGER,
                                 id == TCB_PCESVN ? UINT16_MAX : UINT8_MAX, &number));
    if (id == TCB_PCESVN) {
        pck->pce_svn = (uint16_t)number;
    } else {
        pck->components[id - 1] = (uint8_t)number;
    }
    return CAPSA_OK;
}

static CAPSA_RESULT read_tcb(struct capsa_reader *value, struct capsa_pck *pck)
{
    uint8_t parent[sizeof(prefix) + 1];
    memcpy(parent, prefix, sizeof(prefix));
    parent[sizeof(prefix)] = 2;
    capsa_bytes content;
    CAPSA_TRY(capsa_der_read(value, CAPSA_DER_SEQUENCE, &content));
    struct capsa_reader entries = capsa_reader_of(content);
    uint32_t seen = 0;
    for (size_t i = 0; i < TCB_CPUSVN; i++) {
        uint8_t id = 0;
        struct capsa_reader inner;
        CAPSA_TRY_AT(read_entry(&entries, capsa_bytes_of(parent, sizeof(parent)), &id, &inner),
                     "entry %zu of %d", i + 1, TCB_CPUSVN);
        CAPSA_TRY(mark_seen(&seen, id));
        CAPSA_TRY_AT(read_tcb_value(id, &inner, pck), "entry .2.%u", id);
        CAPSA_TRY_AT(capsa_read_end(&inner), "entry .2.%u", id);
    }
    return capsa_read_end(&entries);
}

/* ---- The others -------------------------------------------------------------------------------
 */

static CAPSA_RESULT read_configuration(struct capsa_reader *value, struct capsa_pck *pck)
{
    uint8_t parent[sizeof(prefix) + 1];
    memcpy(parent, prefix, sizeof(prefix));
    parent[sizeof(prefix)] = 7;
    bool *const flags[] = {&pck->dynamic_platform, &pck->cached_keys, &pck->smt};
    capsa_bytes content;
    CAPSA_TRY(capsa_der_read(value, CAPSA_DER_SEQUENCE, &content));
    struct capsa_reader entries = capsa_reader_of(content);
    uint32_t seen = 0;
    while (capsa_reader_left(&entries) > 0) {
        uint8_t id = 0;
        struct capsa_reader inner;
        CAPSA_TRY(read_entry(&entries, capsa_bytes_of(parent, sizeof(parent)), &id, &inner));
        CAPSA_TRY(mark_seen(&seen, id));
        CAPSA_REQUIRE(id <= sizeof(flags) / sizeof(flags[0]), MALFORMED,
                      "entry .7.%u is not one of a configuration", id);
        CAPSA_TRY_AT(capsa_der_boolean(&inner, flags[id - 1]), "entry .7.%u", id);
        CAPSA_TRY_AT(capsa_read_end(&inner), "entry .7.%u", id);
    }
    return CAPSA_OK;
}

static CAPSA_RESULT read_sgx_type(struct capsa_reader *value, struct capsa_pck *pck)
{
    uint64_t number = 0;
    CAPSA_TRY(capsa_der_unsigned(value, CAPSA_DER_ENUMERATED, 2, &number));
    pck->sgx_type = (uint8_t)number;
    return CAPSA_OK;
}

static CAPSA_RESULT read_ppid(struct capsa_reader *value, struct capsa_pck *pck)
{
    return read_octets(value, pck->ppid, sizeof(pck->ppid));
}

static CAPSA_RESULT read_pce_id(struct capsa_reader *value, struct capsa_pck *pck)
{
    return read_octets(value, pck->pce_id, sizeof(pck->pce_id));
}

static CAPSA_RESULT read_fmspc(struct capsa_reader *value, struct capsa_pck *pck)
{
    return read_octets(value, pck->fmspc, sizeof(pck->fmspc));
}

static CAPSA_RESULT read_instance(struct capsa_reader *value, struct capsa_pck *pck)
{
    return read_octets(value, pck->instance, sizeof(pck->instance));
}

/* By id, from 1. The Processor CA writes the first five, the Platform CA all of them. */
static const struct {
    const char *name;
    CAPSA_RESULT (*read)(struct capsa_reader *value, struct capsa_pck *pck);
} entries_known[] = {
    {"PPID", read_ppid},
    {"TCB", read_tcb},
    {"PCE-ID", read_pce_id},
    {"FMSPC", read_fmspc},
    {"SGX type", read_sgx_type},
    {"platform instance id", read_instance},
    {"configuration", read_configuration},
};
enum { KNOWN = sizeof(entries_known) / sizeof(entries_known[0]) };
#define SEEN_OF_PROCESSOR 0x3eu
#define SEEN_OF_PLATFORM  0xfeu

static CAPSA_RESULT read_all(struct capsa_reader *entries, struct capsa_pck *pck,
                             uint32_t *ret_seen)
{
    uint32_t seen = 0;
    while (capsa_reader_left(entries) > 0) {
        uint8_t id = 0;
        struct capsa_reader value;
        CAPSA_TRY(read_entry(entries, capsa_bytes_of(prefix, sizeof(prefix)), &id, &value));
        CAPSA_REQUIRE(id <= KNOWN, MALFORMED, "entry .%u is none of Intel's", id);
        CAPSA_TRY(mark_seen(&seen, id));
        CAPSA_TRY_AT(entries_known[id - 1].read(&value, pck), "%s", entries_known[id - 1].name);
        CAPSA_TRY_AT(capsa_read_end(&value), "%s", entries_known[id - 1].name);
    }
    *ret_seen = seen;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_pck_parse(capsa_bytes extension, struct capsa_pck *ret_pck)
{
    struct capsa_pck pck = {.has_instance = false};
    capsa_bytes content;
    CAPSA_TRY_AT(capsa_der_whole(extension, CAPSA_DER_SEQUENCE, &content), "SGX extension");
    struct capsa_reader entries = capsa_reader_of(content);
    uint32_t seen = 0;
    CAPSA_TRY_AT(read_all(&entries, &pck, &seen), "SGX extension");
    CAPSA_REQUIRE(seen == SEEN_OF_PROCESSOR || seen == SEEN_OF_PLATFORM, MALFORMED,
                  "SGX extension: entries 0x%x, wanted are .1 to .5 (0x%x) or .1 to .7 (0x%x)",
                  seen, SEEN_OF_PROCESSOR, SEEN_OF_PLATFORM);
    pck.has_instance = seen == SEEN_OF_PLATFORM;
    *ret_pck = pck;
    return CAPSA_OK;
}
