/* SPDX-License-Identifier: Apache-2.0
 *
 * Leaves (audit_leaf.h): 106 bytes, one form.
 */
#include "audit/audit_leaf.h"

#include "base/reader.h"
#include "codec/text.h"

#define FORMAT 1

/* What the salted hashes begin with. */
#define OF_DETAILS 0x01
#define OF_OWNER   0x02

#define DECISION_LABEL CAPSA_BYTES_LITERAL("capsa decision v1")

const char *capsa_audit_type_name(unsigned type)
{
    static const struct {
        unsigned number;
        const char *name;
    } types[] = {
#define CAPSA_AUDIT_TYPE(symbol, number_, name_, what) {number_, name_},
#include "audit/audit_types.def"
#undef CAPSA_AUDIT_TYPE
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].number == type) {
            return types[i].name;
        }
    }
    return "unknown";
}

/* ---- What is committed to -------------------------------------------------------------------- */

static capsa_result salted(const uint8_t salt[CAPSA_AUDIT_SALT], uint8_t what, capsa_bytes bytes,
                           uint8_t ret_mac[CAPSA_SHA256])
{
    CAPSA_AUTO(capsa_buf) message = capsa_buf_of(bytes.len + 1);
    CAPSA_TRY(capsa_buf_u8(&message, what));
    CAPSA_TRY(capsa_buf_append(&message, bytes));
    capsa_hmac_sha256((capsa_secret_bytes){salt, CAPSA_AUDIT_SALT}, capsa_buf_bytes(&message),
                      ret_mac);
    return CAPSA_OK;
}

/* Whoever is refused sees the leaf. That nobody owns what he asked for must not show in it: a
 * denial that is nobody's is blinded as if its owner's id were empty. */
static capsa_result blind(unsigned type, const uint8_t salt[CAPSA_AUDIT_SALT], const char *owner,
                          uint8_t ret_blinded[CAPSA_AUDIT_ID])
{
    uint8_t mac[CAPSA_SHA256] = {0};
    capsa_bytes id = capsa_bytes_str(owner);
    if (id.len > 0 || type == CAPSA_AUDIT_DENIAL) {
        CAPSA_TRY(salted(salt, OF_OWNER, id, mac));
    }
    memcpy(ret_blinded, mac, CAPSA_AUDIT_ID);
    return CAPSA_OK;
}

void capsa_audit_leaf_own_id(const struct capsa_audit_leaf *leaf, uint8_t ret_id[CAPSA_AUDIT_ID])
{
    uint8_t bytes[CAPSA_AUDIT_LEAF];
    uint8_t message[17 + 1 + 8 + CAPSA_AUDIT_ID + CAPSA_SHA256];
    uint8_t digest[CAPSA_SHA256];
    capsa_audit_leaf_write(leaf, bytes);
    memcpy(message, DECISION_LABEL.data, 17);
    memcpy(message + 17, bytes + 1, 9);                              /* type, time */
    memcpy(message + 26, bytes + 26, CAPSA_AUDIT_ID + CAPSA_SHA256); /* owner, commitment */
    capsa_sha256(capsa_bytes_of(message, sizeof(message)), digest);
    memcpy(ret_id, digest, CAPSA_AUDIT_ID);
}

CAPSA_RESULT capsa_audit_leaf_make(enum capsa_audit_type type, capsa_time time, const char *owner,
                                   const uint8_t salt[CAPSA_AUDIT_SALT], capsa_bytes details,
                                   const uint8_t *decision_id, struct capsa_audit_leaf *ret_leaf)
{
    CAPSA_REQUIRE(time >= 0, USAGE, "an audit entry of a time before 1970");
    struct capsa_audit_leaf leaf = {.type = type, .time = time};
    CAPSA_TRY(blind(type, salt, owner, leaf.owner));
    CAPSA_TRY(salted(salt, OF_DETAILS, details, leaf.commitment));
    if (decision_id == NULL) {
        capsa_audit_leaf_own_id(&leaf, leaf.decision_id);
    } else {
        memcpy(leaf.decision_id, decision_id, CAPSA_AUDIT_ID);
    }
    *ret_leaf = leaf;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_audit_leaf_check(const struct capsa_audit_leaf *leaf, const char *owner,
                                    const uint8_t salt[CAPSA_AUDIT_SALT], capsa_bytes details)
{
    uint8_t commitment[CAPSA_SHA256];
    uint8_t blinded[CAPSA_AUDIT_ID];
    CAPSA_TRY(salted(salt, OF_DETAILS, details, commitment));
    CAPSA_REQUIRE(memcmp(commitment, leaf->commitment, sizeof(commitment)) == 0, UNAUTHENTIC,
                  "the details are not those that the log commits to");
    if (owner == NULL) {
        return CAPSA_OK;
    }
    CAPSA_TRY(blind(leaf->type, salt, owner, blinded));
    CAPSA_REQUIRE(memcmp(blinded, leaf->owner, sizeof(blinded)) == 0, UNAUTHENTIC,
                  "the entry is another owner's");
    return CAPSA_OK;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

void capsa_audit_leaf_write(const struct capsa_audit_leaf *leaf,
                            uint8_t ret_bytes[CAPSA_AUDIT_LEAF])
{
    uint8_t *at = ret_bytes;
    *at++ = FORMAT;
    *at++ = (uint8_t)leaf->type;
    for (unsigned shift = 64; shift > 0; shift -= 8) {
        *at++ = (uint8_t)((uint64_t)leaf->time >> (shift - 8));
    }
    memcpy(at, leaf->decision_id, CAPSA_AUDIT_ID);
    memcpy(at + CAPSA_AUDIT_ID, leaf->owner, CAPSA_AUDIT_ID);
    at += (size_t)2 * CAPSA_AUDIT_ID;
    memcpy(at, leaf->commitment, CAPSA_SHA256);
    memcpy(at + CAPSA_SHA256, leaf->state, CAPSA_AUDIT_STATE);
}

static capsa_result read_leaf(struct capsa_reader *reader, struct capsa_audit_leaf *leaf)
{
    uint8_t format, type;
    uint64_t time;
    CAPSA_TRY(capsa_read_u8(reader, &format));
    CAPSA_REQUIRE(format == FORMAT, MALFORMED, "a leaf of format %u; this program knows %d", format,
                  FORMAT);
    CAPSA_TRY(capsa_read_u8(reader, &type));
    CAPSA_TRY(capsa_read_be64(reader, &time));
    CAPSA_REQUIRE(time <= INT64_MAX, MALFORMED, "a leaf of no possible time");
    leaf->type = type;
    leaf->time = (capsa_time)time;
    CAPSA_TRY(capsa_read_into(reader, leaf->decision_id, sizeof(leaf->decision_id)));
    CAPSA_TRY(capsa_read_into(reader, leaf->owner, sizeof(leaf->owner)));
    CAPSA_TRY(capsa_read_into(reader, leaf->commitment, sizeof(leaf->commitment)));
    return capsa_read_into(reader, leaf->state, sizeof(leaf->state));
}

CAPSA_RESULT capsa_audit_leaf_parse(capsa_bytes bytes, struct capsa_audit_leaf *ret_leaf)
{
    struct capsa_reader reader = capsa_reader_of(bytes);
    struct capsa_audit_leaf leaf = {0};
    CAPSA_REQUIRE(bytes.len == CAPSA_AUDIT_LEAF, MALFORMED, "a leaf of %zu bytes, not %d",
                  bytes.len, CAPSA_AUDIT_LEAF);
    CAPSA_TRY(read_leaf(&reader, &leaf));
    *ret_leaf = leaf;
    return CAPSA_OK;
}

/* ---- Decision ids ---------------------------------------------------------------------------- */

void capsa_audit_id_text(const uint8_t id[CAPSA_AUDIT_ID], char ret_text[CAPSA_AUDIT_ID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < CAPSA_AUDIT_ID; i++) {
        ret_text[2 * i] = digits[id[i] >> 4];
        ret_text[2 * i + 1] = digits[id[i] & 15];
    }
    ret_text[2 * CAPSA_AUDIT_ID] = '\0';
}

CAPSA_RESULT capsa_audit_id_parse(const char *text, uint8_t ret_id[CAPSA_AUDIT_ID])
{
    CAPSA_AUTO(capsa_buf) id = capsa_buf_of(CAPSA_AUDIT_ID);
    CAPSA_REQUIRE(strlen(text) == CAPSA_AUDIT_ID_TEXT - 1, MALFORMED,
                  "a decision id is %d hex digits", CAPSA_AUDIT_ID_TEXT - 1);
    CAPSA_TRY_AT(capsa_hex_parse(capsa_bytes_str(text), &id), "a decision id");
    memcpy(ret_id, id.data, CAPSA_AUDIT_ID);
    return CAPSA_OK;
}
