/* SPDX-License-Identifier: Apache-2.0
 *
 * Hygon's two kinds of certificate (evidence_csv.h): HRK and HSK, 832 bytes; CEK and PEK, 2084.
 * Numbers are little-endian, 32 bytes in fields of 72.
 */
#include "base/reader.h"
#include "evidence/evidence_csv.h"
#include "evidence/evidence_layout.h"

#define CURVE_SM2     3
#define USER_ID_BYTES 254
#define SCALAR        72
#define USAGE_NONE    0x1000
#define ROOT_SIGNED   576
#define CERT_SIGNED   1044

/* What stands in the bytes beside what a caller gets. */
struct key_raw {
    uint32_t curve;
    uint16_t id_len;
    capsa_bytes id;
};
struct root_raw {
    struct capsa_csv_root_cert cert;
    struct key_raw key;
};
struct cert_raw {
    struct capsa_csv_cert cert;
    struct key_raw key;
    struct {
        capsa_bytes r, s; /* not numbers yet: an unused slot may hold anything */
    } slots[2];
};

#define FIELD(name, size, kind, of, member)                                                        \
    {                                                                                              \
        name, size, CAPSA_LAYOUT_##kind, offsetof(struct of, member), 0, NULL                      \
    }
#define NUMBER_32(name, place)                                                                     \
    {                                                                                              \
        name, SCALAR, CAPSA_LAYOUT_SCALAR, place, 32, NULL                                         \
    }
#define SKIP(name, size)                                                                           \
    {                                                                                              \
        name, size, CAPSA_LAYOUT_RESERVED, CAPSA_LAYOUT_NOWHERE, 0, NULL                           \
    }
#define KEY(of)                                                                                    \
    FIELD("curve", 4, NUMBER, of, key.curve), NUMBER_32("qx", offsetof(struct of, cert.key.x)),    \
        NUMBER_32("qy", offsetof(struct of, cert.key.y)),                                          \
        FIELD("user_id_length", 2, NUMBER, of, key.id_len),                                        \
        FIELD("user_id", USER_ID_BYTES, BYTES, of, key.id)
#define SLOT(prefix, index)                                                                        \
    FIELD(prefix "_usage", 4, NUMBER, cert_raw, cert.sigs[index].usage),                           \
        FIELD(prefix "_algo", 4, NUMBER, cert_raw, cert.sigs[index].algo),                         \
        FIELD(prefix "_r", SCALAR, BYTES, cert_raw, slots[index].r),                               \
        FIELD(prefix "_s", SCALAR, BYTES, cert_raw, slots[index].s), SKIP(prefix "_reserved", 368)

static const struct capsa_layout root_layout[] = {
    FIELD("version", 4, NUMBER, root_raw, cert.version),
    FIELD("key_id", 16, BYTES, root_raw, cert.key_id),
    FIELD("certifying_id", 16, BYTES, root_raw, cert.certifying_id),
    FIELD("key_usage", 4, NUMBER, root_raw, cert.key_usage),
    SKIP("reserved1", 24),
    KEY(root_raw),
    SKIP("reserved2", 108),
    NUMBER_32("signature_r", offsetof(struct root_raw, cert.signature)),
    NUMBER_32("signature_s", offsetof(struct root_raw, cert.signature) + 32),
    SKIP("reserved3", 112),
    {0},
};
const struct capsa_layout capsa_csv_cert_layout[] = {
    FIELD("version", 4, NUMBER, cert_raw, cert.version),
    FIELD("api_major", 1, NUMBER, cert_raw, cert.api_major),
    FIELD("api_minor", 1, NUMBER, cert_raw, cert.api_minor),
    SKIP("reserved1", 2),
    FIELD("pubkey_usage", 4, NUMBER, cert_raw, cert.pubkey_usage),
    FIELD("pubkey_algo", 4, NUMBER, cert_raw, cert.pubkey_algo),
    KEY(cert_raw),
    SKIP("reserved2", 624),
    SLOT("sig1", 0),
    SLOT("sig2", 1),
    {0},
};

/* A certificate of a wrong length is found by its first field that is missing, or by what is left.
 */
static capsa_result read_all(const struct capsa_layout *table, capsa_bytes bytes, void *ret_raw)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    const size_t size = capsa_layout_size(table);
    CAPSA_TRY_AT(capsa_layout_read(table, &reader, ret_raw), "%zu bytes, of %zu", bytes.len, size);
    CAPSA_REQUIRE(bytes.len == size, MALFORMED, "%zu bytes; it has %zu", bytes.len, size);
    return CAPSA_OK;
}

static capsa_result take_key(const struct key_raw *raw, struct capsa_csv_key *key)
{
    CAPSA_REQUIRE(raw->curve == CURVE_SM2, UNSUPPORTED,
                  "a key on curve %u; 3 (SM2, 256 bits) is known", raw->curve);
    CAPSA_REQUIRE(raw->id_len <= USER_ID_BYTES, MALFORMED, "a user id of %u bytes in a field of %d",
                  raw->id_len, USER_ID_BYTES);
    key->user_id = capsa_bytes_of(raw->id.data, raw->id_len);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_csv_root_cert_parse(capsa_bytes bytes, struct capsa_csv_root_cert *ret_cert)
{
    struct root_raw raw = {0};
    CAPSA_TRY_AT(read_all(root_layout, bytes, &raw), "HRK or HSK certificate");
    CAPSA_TRY_AT(take_key(&raw.key, &raw.cert.key), "HRK or HSK certificate");
    raw.cert.signed_region = capsa_bytes_of(bytes.data, ROOT_SIGNED);
    *ret_cert = raw.cert;
    return CAPSA_OK;
}

/* Of an unused slot nothing is handed on. */
static capsa_result take_slots(struct cert_raw *raw)
{
    for (size_t i = 0; i < 2; i++) {
        uint8_t *signature = raw->cert.sigs[i].signature;
        if (raw->cert.sigs[i].usage != USAGE_NONE) {
            CAPSA_TRY_AT(capsa_layout_scalar("r", raw->slots[i].r, 32, signature), "signature %zu",
                         i + 1);
            CAPSA_TRY_AT(capsa_layout_scalar("s", raw->slots[i].s, 32, signature + 32),
                         "signature %zu", i + 1);
        }
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_csv_cert_parse(capsa_bytes bytes, struct capsa_csv_cert *ret_cert)
{
    struct cert_raw raw = {0};
    CAPSA_TRY_AT(read_all(capsa_csv_cert_layout, bytes, &raw), "CEK or PEK certificate");
    CAPSA_TRY_AT(take_key(&raw.key, &raw.cert.key), "CEK or PEK certificate");
    CAPSA_TRY_AT(take_slots(&raw), "CEK or PEK certificate");
    raw.cert.signed_region = capsa_bytes_of(bytes.data, CERT_SIGNED);
    *ret_cert = raw.cert;
    return CAPSA_OK;
}
