/* SPDX-License-Identifier: Apache-2.0
 *
 * One sealed record (store_record.h).
 */
#include "store/store_record.h"

#include "base/limits.h"
#include "base/reader.h"
#include "crypto/crypto.h"

#define LABEL CAPSA_BYTES_LITERAL("capsa record v1")
#define NONCE 24
_Static_assert(CAPSA_RECORD_OVERHEAD == 1 + CAPSA_ROOT_ID + 4 + NONCE + CAPSA_GCM_TAG, "record v1");
#define KEY_LEN    32
#define IV_LEN     12
#define OWNERS_MAX ((size_t)CAPSA_LIMIT_record_owners * (CAPSA_LIMIT_id_bytes + 4))

struct head {
    uint8_t format;
    uint8_t root_id[CAPSA_ROOT_ID];
    uint32_t epoch;
    uint8_t nonce[NONCE];
};

static capsa_result write_head(const struct head *head, capsa_buf *buf)
{
    CAPSA_TRY(capsa_buf_u8(buf, head->format));
    CAPSA_TRY(capsa_buf_append(buf, capsa_bytes_of(head->root_id, CAPSA_ROOT_ID)));
    CAPSA_TRY(capsa_buf_be32(buf, head->epoch));
    return capsa_buf_append(buf, capsa_bytes_of(head->nonce, NONCE));
}

static capsa_result read_head(struct capsa_reader *reader, struct head *ret_head)
{
    CAPSA_TRY(capsa_read_u8(reader, &ret_head->format));
    CAPSA_TRY(capsa_read_into(reader, ret_head->root_id, CAPSA_ROOT_ID));
    CAPSA_TRY(capsa_read_be32(reader, &ret_head->epoch));
    return capsa_read_into(reader, ret_head->nonce, NONCE);
}

/* Everything that the value must not be parted from. */
static capsa_result write_aad(const struct head *head, capsa_bytes key, uint64_t version,
                              capsa_bytes owners, capsa_buf *aad)
{
    CAPSA_TRY(capsa_buf_append(aad, LABEL));
    CAPSA_TRY(capsa_buf_u8(aad, head->format));
    CAPSA_TRY(capsa_buf_append(aad, capsa_bytes_of(head->root_id, CAPSA_ROOT_ID)));
    CAPSA_TRY(capsa_buf_be32(aad, head->epoch));
    CAPSA_TRY(capsa_buf_be64(aad, version));
    CAPSA_TRY(capsa_buf_append(aad, capsa_bytes_of(head->nonce, NONCE)));
    CAPSA_TRY(capsa_buf_field(aad, key));
    return capsa_buf_field(aad, owners);
}

/* Key and IV of one record: `ret_keys` holds both, one behind the other. */
static capsa_result derive(const struct capsa_root *root, const struct head *head, capsa_bytes key,
                           capsa_buf *ret_keys)
{
    struct capsa_reader reader = capsa_reader_of(key);
    capsa_bytes ns, kind;
    CAPSA_TRY(capsa_read_field(&reader, CAPSA_LIMIT_record_key, &ns));
    CAPSA_TRY(capsa_read_field(&reader, CAPSA_LIMIT_record_key, &kind));
    CAPSA_AUTO(capsa_buf) info = capsa_buf_of(CAPSA_LIMIT_record_key + 64);
    CAPSA_TRY(capsa_buf_append(&info, LABEL));
    CAPSA_TRY(capsa_buf_field(&info, kind));
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(ret_keys, KEY_LEN + IV_LEN, &room));
    return capsa_hkdf(capsa_secret_borrow(root->key), capsa_bytes_of(head->nonce, NONCE),
                      capsa_buf_bytes(&info), room, KEY_LEN + IV_LEN);
}

static capsa_secret_bytes key_of(const capsa_buf *keys)
{
    return (capsa_secret_bytes){keys->data, KEY_LEN};
}

static capsa_bytes iv_of(const capsa_buf *keys)
{
    return capsa_bytes_of(keys->data + KEY_LEN, IV_LEN);
}

static capsa_buf aad_buf(void)
{
    return capsa_buf_of(CAPSA_LIMIT_record_key + OWNERS_MAX + 128);
}

CAPSA_RESULT capsa_record_seal(const struct capsa_root *root, capsa_bytes key, uint64_t version,
                               capsa_bytes owners, capsa_bytes value, capsa_buf *ret_sealed)
{
    struct head head = {.format = CAPSA_RECORD_FORMAT, .epoch = root->epoch};
    memcpy(head.root_id, root->id, CAPSA_ROOT_ID);
    CAPSA_TRY(capsa_random(head.nonce, NONCE));
    CAPSA_AUTO(capsa_buf) keys = capsa_buf_of(KEY_LEN + IV_LEN);
    CAPSA_TRY(derive(root, &head, key, &keys));
    CAPSA_AUTO(capsa_buf) aad = aad_buf();
    CAPSA_TRY(write_aad(&head, key, version, owners, &aad));

    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(value.len + CAPSA_RECORD_OVERHEAD);
    uint8_t tag[CAPSA_GCM_TAG];
    CAPSA_TRY(write_head(&head, &sealed));
    CAPSA_TRY(
        capsa_gcm_seal(key_of(&keys), iv_of(&keys), capsa_buf_bytes(&aad), value, &sealed, tag));
    CAPSA_TRY(capsa_buf_append(&sealed, capsa_bytes_of(tag, sizeof(tag))));
    return capsa_buf_append(ret_sealed, capsa_buf_bytes(&sealed));
}

static capsa_result tampered(capsa_bytes key, const char *how)
{
    char name[CAPSA_RECORD_KEY_TEXT];
    capsa_record_key_text(key, name);
    CAPSA_FAIL(TAMPERED, "the record %s %s", name, how);
}

/* Splits a sealed value and checks its head against the root. */
static capsa_result split(const struct capsa_root *root, capsa_bytes key, capsa_bytes sealed,
                          struct head *ret_head, capsa_bytes *ret_ciphertext, capsa_bytes *ret_tag)
{
    struct capsa_reader reader = capsa_reader_of(sealed);
    if (sealed.len < CAPSA_RECORD_OVERHEAD) {
        return tampered(key, "is shorter than any sealed one");
    }
    CAPSA_TRY(read_head(&reader, ret_head));
    if (ret_head->format != CAPSA_RECORD_FORMAT) {
        return tampered(key, "has a format that this program does not know");
    }
    if (memcmp(ret_head->root_id, root->id, CAPSA_ROOT_ID) != 0 || ret_head->epoch != root->epoch) {
        return tampered(key, "was sealed under another root key");
    }
    CAPSA_TRY(
        capsa_read_bytes(&reader, capsa_reader_left(&reader) - CAPSA_GCM_TAG, ret_ciphertext));
    return capsa_read_bytes(&reader, CAPSA_GCM_TAG, ret_tag);
}

CAPSA_RESULT capsa_record_open(const struct capsa_root *root, capsa_bytes key, uint64_t version,
                               capsa_bytes owners, capsa_bytes sealed, capsa_buf *ret_value)
{
    struct head head;
    capsa_bytes ciphertext, tag;
    CAPSA_TRY(split(root, key, sealed, &head, &ciphertext, &tag));
    if (owners.len > OWNERS_MAX || key.len > CAPSA_LIMIT_record_key) {
        return tampered(key, "has more key or owners than any sealed one");
    }
    CAPSA_AUTO(capsa_buf) keys = capsa_buf_of(KEY_LEN + IV_LEN);
    CAPSA_TRY(derive(root, &head, key, &keys));
    CAPSA_AUTO(capsa_buf) aad = aad_buf();
    CAPSA_TRY(write_aad(&head, key, version, owners, &aad));
    capsa_result result = capsa_gcm_open(key_of(&keys), iv_of(&keys), capsa_buf_bytes(&aad),
                                         ciphertext, tag, ret_value);
    if (capsa_code_of(result) == CAPSA_E_UNAUTHENTIC) {
        return tampered(key, "is not as it was sealed: edited, moved or put together from others");
    }
    return result;
}
