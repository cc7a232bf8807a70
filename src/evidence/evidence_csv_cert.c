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
#define ROOT_REST     112
#define SLOT_REST     368
#define ROOT_KEY_REST 108
#define CERT_KEY_REST 624

/* ---- The key, alike in both ------------------------------------------------------------------ */

struct key_raw {
    uint32_t curve;
    struct capsa_csv_key key;
    uint16_t id_len;
    capsa_bytes id;
};
#define NONE CAPSA_LAYOUT_NOWHERE
const struct capsa_layout capsa_csv_key_layout[] = {
    {"curve", 4, CAPSA_LAYOUT_NUMBER, offsetof(struct key_raw, curve), 0, NULL},
    {"qx", SCALAR, CAPSA_LAYOUT_SCALAR, offsetof(struct key_raw, key.x), 32, NULL},
    {"qy", SCALAR, CAPSA_LAYOUT_SCALAR, offsetof(struct key_raw, key.y), 32, NULL},
    {"user_id_length", 2, CAPSA_LAYOUT_NUMBER, offsetof(struct key_raw, id_len), 0, NULL},
    {"user_id", USER_ID_BYTES, CAPSA_LAYOUT_BYTES, offsetof(struct key_raw, id), 0, NULL},
    {0},
};

static capsa_result read_key(struct capsa_reader *reader, struct capsa_csv_key *ret_key)
{
    const size_t at = reader->at;
    struct key_raw raw = {0};
    CAPSA_TRY_AT(capsa_layout_read(capsa_csv_key_layout, reader, &raw), "public key");
    CAPSA_REQUIRE(raw.curve == CURVE_SM2, UNSUPPORTED,
                  "at offset %zu: a key on curve %u; 3 (SM2, 256 bits) is known", at, raw.curve);
    CAPSA_REQUIRE(raw.id_len <= USER_ID_BYTES, MALFORMED,
                  "at offset %zu: a user id of %u bytes in a field of %d",
                  at + 4 + (size_t)2 * SCALAR, raw.id_len, USER_ID_BYTES);
    *ret_key = raw.key;
    ret_key->user_id = capsa_bytes_of(raw.id.data, raw.id_len);
    return CAPSA_OK;
}

/* ---- HRK, HSK -------------------------------------------------------------------------------- */

static const struct capsa_layout root_head[] = {
    {"version", 4, CAPSA_LAYOUT_NUMBER, offsetof(struct capsa_csv_root_cert, version), 0, NULL},
    {"key_id", 16, CAPSA_LAYOUT_BYTES, offsetof(struct capsa_csv_root_cert, key_id), 0, NULL},
    {"certifying_id", 16, CAPSA_LAYOUT_BYTES, offsetof(struct capsa_csv_root_cert, certifying_id),
     0, NULL},
    {"key_usage", 4, CAPSA_LAYOUT_NUMBER, offsetof(struct capsa_csv_root_cert, key_usage), 0, NULL},
    {"reserved1", 24, CAPSA_LAYOUT_RESERVED, NONE, 0, NULL},
    {0},
};
static const struct capsa_layout root_tail[] = {
    {"reserved2", ROOT_KEY_REST, CAPSA_LAYOUT_RESERVED, NONE, 0, NULL},
    {"signature r", SCALAR, CAPSA_LAYOUT_SCALAR, offsetof(struct capsa_csv_root_cert, signature),
     32, NULL},
    {"signature s", SCALAR, CAPSA_LAYOUT_SCALAR,
     offsetof(struct capsa_csv_root_cert, signature) + 32, 32, NULL},
    {"reserved3", ROOT_REST, CAPSA_LAYOUT_RESERVED, NONE, 0, NULL},
    {0},
};

static capsa_result check_length(capsa_bytes bytes, size_t wanted)
{
    CAPSA_REQUIRE(bytes.len >= wanted, TRUNCATED, "%zu bytes; it has %zu", bytes.len, wanted);
    CAPSA_REQUIRE(bytes.len == wanted, MALFORMED, "%zu bytes; it has %zu", bytes.len, wanted);
    return CAPSA_OK;
}

static capsa_result parse_root(capsa_bytes bytes, struct capsa_csv_root_cert *ret_cert)
{
    struct capsa_csv_root_cert cert = {0};
    struct capsa_reader reader = capsa_reader_of(bytes);
    CAPSA_TRY(check_length(bytes, CAPSA_CSV_ROOT_CERT_BYTES));
    CAPSA_TRY(capsa_layout_read(root_head, &reader, &cert));
    CAPSA_TRY(read_key(&reader, &cert.key));
    CAPSA_TRY(capsa_layout_read(root_tail, &reader, &cert));
    CAPSA_TRY(capsa_read_end(&reader));
    cert.signed_region = capsa_bytes_of(bytes.data, ROOT_SIGNED);
    *ret_cert = cert;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_csv_root_cert_parse(capsa_bytes bytes, struct capsa_csv_root_cert *ret_cert)
{
    CAPSA_TRY_AT(parse_root(bytes, ret_cert), "HRK or HSK certificate");
    return CAPSA_OK;
}

/* ---- CEK, PEK -------------------------------------------------------------------------------- */

const struct capsa_layout capsa_csv_cert_layout[] = {
    {"version", 4, CAPSA_LAYOUT_NUMBER, offsetof(struct capsa_csv_cert, version), 0, NULL},
    {"api_major", 1, CAPSA_LAYOUT_NUMBER, offsetof(struct capsa_csv_cert, api_major), 0, NULL},
    {"api_minor", 1, CAPSA_LAYOUT_NUMBER, offsetof(struct capsa_csv_cert, api_minor), 0, NULL},
    {"reserved1", 2, CAPSA_LAYOUT_RESERVED, NONE, 0, NULL},
    {"pubkey_usage", 4, CAPSA_LAYOUT_NUMBER, offsetof(struct capsa_csv_cert, pubkey_usage), 0,
     NULL},
    {"pubkey_algo", 4, CAPSA_LAYOUT_NUMBER, offsetof(struct capsa_csv_cert, pubkey_algo), 0, NULL},
    {0},
};

/* An unused slot may hold anything; nothing of it is handed on. */
static capsa_result read_slot(struct capsa_reader *reader, size_t index,
                              struct capsa_csv_cert *cert)
{
    uint32_t usage, algo;
    capsa_bytes r, s, rest;
    CAPSA_TRY(capsa_read_le32(reader, &usage));
    CAPSA_TRY(capsa_read_le32(reader, &algo));
    CAPSA_TRY(capsa_read_bytes(reader, SCALAR, &r));
    CAPSA_TRY(capsa_read_bytes(reader, SCALAR, &s));
    CAPSA_TRY(capsa_read_bytes(reader, SLOT_REST, &rest));
    cert->sigs[index].usage = usage;
    cert->sigs[index].algo = algo;
    if (usage == USAGE_NONE) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_layout_scalar("r", r, 32, cert->sigs[index].signature));
    CAPSA_TRY(capsa_layout_scalar("s", s, 32, cert->sigs[index].signature + 32));
    return CAPSA_OK;
}

static capsa_result parse_cert(capsa_bytes bytes, struct capsa_csv_cert *ret_cert)
{
    struct capsa_csv_cert cert = {0};
    struct capsa_reader reader = capsa_reader_of(bytes);
    capsa_bytes reserved;
    CAPSA_TRY(check_length(bytes, CAPSA_CSV_CERT_BYTES));
    CAPSA_TRY(capsa_layout_read(capsa_csv_cert_layout, &reader, &cert));
    CAPSA_TRY(read_key(&reader, &cert.key));
    CAPSA_TRY(capsa_read_bytes(&reader, CERT_KEY_REST, &reserved));
    cert.signed_region = capsa_bytes_of(bytes.data, reader.at);
    for (size_t i = 0; i < 2; i++) {
        CAPSA_TRY_AT(read_slot(&reader, i, &cert), "signature %zu", i + 1);
    }
    CAPSA_TRY(capsa_read_end(&reader));
    *ret_cert = cert;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_csv_cert_parse(capsa_bytes bytes, struct capsa_csv_cert *ret_cert)
{
    CAPSA_TRY_AT(parse_cert(bytes, ret_cert), "CEK or PEK certificate");
    return CAPSA_OK;
}
