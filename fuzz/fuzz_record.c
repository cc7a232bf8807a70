/* SPDX-License-Identifier: Apache-2.0
 *
 * store: whatever a hostile database may hand back, and a root key file that is none. The first
 * byte of the input says what the rest is taken for.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "store/store.h"
#include "store/store_sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A key that is read is written back as the same bytes. */
static void try_key(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_buf) texts = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(CAPSA_LIMIT_record_key);
    struct capsa_record_key key;
    char text[CAPSA_RECORD_KEY_TEXT];
    capsa_record_key_text(bytes, text);
    must(strlen(text) < sizeof(text));
    if (!capsa_failed(capsa_record_key_parse(bytes, &texts, &key))) {
        must(!capsa_failed(capsa_record_key_write(&key, &again)));
        must(capsa_bytes_equal(capsa_buf_bytes(&again), bytes));
    }
}

static void try_owners(capsa_bytes bytes)
{
    size_t count = capsa_owners_count(bytes);
    (void)capsa_owners_has(bytes, "alice");
    if (!capsa_failed(capsa_owners_check(bytes))) {
        must(count <= CAPSA_LIMIT_record_owners);
        must(count == 0 || capsa_owners_at(bytes, count - 1).data != NULL);
        must(capsa_owners_at(bytes, count).data == NULL);
    }
}

/* Nothing that was not sealed opens. */
static void try_sealed(capsa_bytes bytes)
{
    const struct capsa_record_key name = CAPSA_RECORD_KEY("default", "key", "one");
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(KIB(1));
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(MIB(8));
    CAPSA_AUTO(capsa_buf) head = capsa_buf_of(MIB(8));
    must(!capsa_failed(capsa_root_new(&root)));
    must(!capsa_failed(capsa_record_key_write(&name, &key)));
    capsa_bytes k = capsa_buf_bytes(&key), none = {NULL, 0};
    must(capsa_failed(capsa_record_open(root, k, 1, none, bytes, &value)));
    must(capsa_failed(capsa_record_open(root, bytes, 1, bytes, bytes, &value)));
    /* The same behind a head that names the right root key. */
    must(!capsa_failed(capsa_buf_u8(&head, CAPSA_RECORD_FORMAT)));
    must(!capsa_failed(capsa_buf_append(&head, capsa_bytes_of(root->id, CAPSA_ROOT_ID))));
    must(!capsa_failed(capsa_buf_be32(&head, root->epoch)));
    must(!capsa_failed(capsa_buf_append(&head, bytes)));
    must(capsa_failed(capsa_record_open(root, k, 1, none, capsa_buf_bytes(&head), &value)));
    must(value.len == 0);
}

static void try_root(capsa_bytes bytes)
{
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    CAPSA_AUTO(capsa_buf) again = capsa_buf_of(KIB(1));
    if (!capsa_failed(capsa_root_parse(bytes, &root))) {
        must(!capsa_failed(capsa_root_write(root, &again)));
        must(capsa_bytes_equal(capsa_buf_bytes(&again), bytes));
    }
}

/* A slot that is read is written again, and that is read as the same; its root is not found. */
static void try_slot(capsa_bytes bytes)
{
    CAPSA_AUTO(capsa_slot) slot = {.id = NULL};
    CAPSA_AUTO(capsa_slot) again = {.id = NULL};
    CAPSA_AUTO(capsa_buf) first = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) second = capsa_buf_of(MIB(1));
    if (capsa_failed(capsa_slot_parse(bytes, &slot))) {
        must(slot.id == NULL);
        return;
    }
    must(!capsa_failed(capsa_slot_write(&slot, &first)));
    must(!capsa_failed(capsa_slot_parse(capsa_buf_bytes(&first), &again)));
    must(!capsa_failed(capsa_slot_write(&again, &second)));
    must(capsa_bytes_equal(capsa_buf_bytes(&first), capsa_buf_bytes(&second)));
    struct capsa_secret *root = NULL;
    must(capsa_failed(capsa_slot_unwrap(&slot, "/nowhere/root.key", NULL, NULL, &root)));
    must(root == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(capsa_bytes) = {try_key, try_owners, try_sealed, try_root,
                                                 try_slot};
    if (size > 0) {
        tries[data[0] % (sizeof(tries) / sizeof(tries[0]))](capsa_bytes_of(data + 1, size - 1));
    }
    return 0;
}
