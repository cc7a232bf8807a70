/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots of provider "file": the root is wrapped under a key in a file (store_root.h), for
 * simulation. Where there is no file (a store in memory) the wrapping key is made and forgotten:
 * such a store is never opened again.
 *
 * Wrapped: nonce (24) | ciphertext (32) | tag (16). Key and IV: HKDF-SHA256(wrapping key, salt
 * nonce, info "capsa slot v1"), 32 and 12 bytes; AES-256-GCM with capsa_slot_aad. Parameters: the
 * id of the wrapping key.
 */
#include "base/limits.h"
#include "store/store_root.h"
#include "store/store_slots.h"

#define NONCE   24
#define KEY_LEN 32
#define IV_LEN  12
#define WRAPPED (NONCE + CAPSA_ROOT_KEY + CAPSA_GCM_TAG)

static capsa_result find_or_make(const char *where, struct capsa_root **ret_key)
{
    capsa_result loaded = capsa_root_load(where, ret_key);
    if (capsa_code_of(loaded) != CAPSA_E_NOT_FOUND) {
        return loaded;
    }
    CAPSA_AUTO_FREE(capsa_root) key = NULL;
    CAPSA_TRY(capsa_root_new(&key));
    CAPSA_TRY(capsa_root_save(key, where));
    *ret_key = key;
    key = NULL; /* handed over */
    return CAPSA_OK;
}

static capsa_result file_prepare(const char *where, capsa_buf *ret_parameters)
{
    if (where == NULL) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_root) key = NULL;
    CAPSA_TRY(find_or_make(where, &key));
    return capsa_buf_append(ret_parameters, capsa_bytes_of(key->id, CAPSA_ROOT_ID));
}

/* The key of the file, if it is the one that the slot names. */
static capsa_result load_key(const char *where, const struct capsa_slot *slot,
                             struct capsa_root **ret_key)
{
    CAPSA_AUTO_FREE(capsa_root) key = NULL;
    capsa_result loaded = capsa_root_load(where, &key);
    CAPSA_REQUIRE(capsa_code_of(loaded) != CAPSA_E_NOT_FOUND, STORE,
                  "the store holds records, but its root key %s is missing: put it back; no other "
                  "key opens them",
                  where);
    CAPSA_TRY(loaded);
    CAPSA_REQUIRE(slot->parameters.len == CAPSA_ROOT_ID, TAMPERED,
                  "the slot \"%s\" of the store does not name its root key", slot->id);
    char begun[CAPSA_ROOT_ID_TEXT], given[CAPSA_ROOT_ID_TEXT];
    capsa_root_id_text(slot->parameters.data, begun);
    capsa_root_id_text(key->id, given);
    CAPSA_REQUIRE(capsa_streq(begun, given), DENIED,
                  "the store was begun under root key %s; the root key given is %s", begun, given);
    *ret_key = key;
    key = NULL; /* handed over */
    return CAPSA_OK;
}

/* Key and IV of one wrapping, one behind the other. */
static capsa_result derive(const struct capsa_root *key, capsa_bytes nonce, capsa_buf *ret_keys)
{
    uint8_t *room;
    CAPSA_TRY(capsa_buf_extend(ret_keys, KEY_LEN + IV_LEN, &room));
    return capsa_hkdf(capsa_secret_borrow(key->key), nonce, CAPSA_BYTES_LITERAL("capsa slot v1"),
                      room, KEY_LEN + IV_LEN);
}

static capsa_result wrap(const struct capsa_root *key, const struct capsa_slot *slot,
                         capsa_secret_bytes root, capsa_buf *ret_wrapped)
{
    uint8_t nonce[NONCE];
    uint8_t tag[CAPSA_GCM_TAG];
    CAPSA_TRY(capsa_random(nonce, sizeof(nonce)));
    CAPSA_AUTO(capsa_buf) keys = capsa_buf_of(KEY_LEN + IV_LEN);
    CAPSA_AUTO(capsa_buf) aad = capsa_buf_of(2 * CAPSA_LIMIT_slot_bytes);
    CAPSA_TRY(derive(key, capsa_bytes_of(nonce, sizeof(nonce)), &keys));
    CAPSA_TRY(capsa_slot_aad(slot, &aad));
    CAPSA_TRY(capsa_buf_append(ret_wrapped, capsa_bytes_of(nonce, sizeof(nonce))));
    CAPSA_TRY(capsa_gcm_seal((capsa_secret_bytes){keys.data, KEY_LEN},
                             capsa_bytes_of(keys.data + KEY_LEN, IV_LEN), capsa_buf_bytes(&aad),
                             capsa_declassify(root, "it is sealed here"), ret_wrapped, tag));
    return capsa_buf_append(ret_wrapped, capsa_bytes_of(tag, sizeof(tag)));
}

static capsa_result unwrap(const struct capsa_root *key, const struct capsa_slot *slot,
                           capsa_buf *ret_root)
{
    capsa_bytes wrapped = capsa_buf_bytes(&slot->wrapped);
    CAPSA_REQUIRE(wrapped.len == WRAPPED, TAMPERED, "the slot \"%s\" holds %zu bytes, not %d",
                  slot->id, wrapped.len, WRAPPED);
    capsa_bytes sealed = capsa_bytes_of(wrapped.data + NONCE, CAPSA_ROOT_KEY);
    capsa_bytes tag = capsa_bytes_from(wrapped, NONCE + CAPSA_ROOT_KEY);
    CAPSA_AUTO(capsa_buf) keys = capsa_buf_of(KEY_LEN + IV_LEN);
    CAPSA_AUTO(capsa_buf) aad = capsa_buf_of(2 * CAPSA_LIMIT_slot_bytes);
    CAPSA_TRY(derive(key, capsa_bytes_of(wrapped.data, NONCE), &keys));
    CAPSA_TRY(capsa_slot_aad(slot, &aad));
    capsa_result opened = capsa_gcm_open((capsa_secret_bytes){keys.data, KEY_LEN},
                                         capsa_bytes_of(keys.data + KEY_LEN, IV_LEN),
                                         capsa_buf_bytes(&aad), sealed, tag, ret_root);
    CAPSA_REQUIRE(capsa_code_of(opened) != CAPSA_E_UNAUTHENTIC, TAMPERED,
                  "the slot \"%s\" of the store is not as it was wrapped", slot->id);
    return opened;
}

static enum capsa_slot_progress file_wrap(const char *where, const struct capsa_slot *slot,
                                          capsa_secret_bytes root, capsa_slot_done done,
                                          void *context)
{
    CAPSA_AUTO_FREE(capsa_root) key = NULL;
    CAPSA_AUTO(capsa_buf) wrapped = capsa_buf_of(WRAPPED);
    capsa_result result = where == NULL ? capsa_root_new(&key) : load_key(where, slot, &key);
    if (!capsa_failed(result)) {
        result = wrap(key, slot, root, &wrapped);
    }
    done(context, result, capsa_secret_of_buf(&wrapped));
    return CAPSA_SLOT_DONE;
}

static enum capsa_slot_progress file_unwrap(const char *where, const struct capsa_slot *slot,
                                            capsa_slot_done done, void *context)
{
    CAPSA_AUTO_FREE(capsa_root) key = NULL;
    CAPSA_AUTO(capsa_buf) root = capsa_buf_of(CAPSA_ROOT_KEY);
    capsa_result result = load_key(where, slot, &key);
    if (!capsa_failed(result)) {
        result = unwrap(key, slot, &root);
    }
    done(context, result, capsa_secret_of_buf(&root));
    return CAPSA_SLOT_DONE;
}

const struct capsa_slot_provider capsa_slot_file = {
    .name = "file",
    .trust_class = CAPSA_SLOT_SIMULATION,
    .prepare = file_prepare,
    .wrap = file_wrap,
    .unwrap = file_unwrap,
};
