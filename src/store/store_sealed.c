/* SPDX-License-Identifier: Apache-2.0
 *
 * The sealing decorator (store_sealed.h). A store's first record, under FIRST_KEY, is sealed like
 * any other and says under which root key the store was begun; opening it is how a wrong root key
 * is told from a damaged store.
 */
#include "store/store_sealed.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/reader.h"
#include "crypto/crypto.h"
#include "store/store_backend.h"

#define LABEL      CAPSA_BYTES_LITERAL("capsa record v1")
#define NONCE      24
#define HEAD       (1 + CAPSA_ROOT_ID + 4 + NONCE)
#define OVERHEAD   (HEAD + CAPSA_GCM_TAG)
#define KEY_LEN    32
#define IV_LEN     12
#define STORE_ID   16
#define FIRST_KEY  CAPSA_RECORD_KEY("capsa", "store")
#define OWNERS_MAX ((size_t)CAPSA_LIMIT_record_owners * (CAPSA_LIMIT_id_bytes + 4))

struct sealed_store {
    struct capsa_store base; /* .inner is ours */
    struct capsa_root *root;
};

/* ---- One record ------------------------------------------------------------------------------ */

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

    CAPSA_AUTO(capsa_buf) sealed = capsa_buf_of(value.len + OVERHEAD);
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
    if (sealed.len < OVERHEAD) {
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

/* ---- Reading --------------------------------------------------------------------------------- */

/* `ret_record` gets what `found` holds, opened; its owners are a copy. */
static capsa_result open_record(const struct sealed_store *store, capsa_bytes key,
                                const capsa_record *found, capsa_record *ret_record)
{
    CAPSA_AUTO(capsa_record) record = {.version = found->version};
    record.owners = capsa_buf_of(found->owners.len);
    record.value = capsa_buf_of(found->value.len);
    CAPSA_TRY(capsa_record_open(store->root, key, found->version, capsa_buf_bytes(&found->owners),
                                capsa_buf_bytes(&found->value), &record.value));
    CAPSA_TRY(capsa_buf_append(&record.owners, capsa_buf_bytes(&found->owners)));
    *ret_record = record;
    record = (capsa_record){0}; /* handed over */
    return CAPSA_OK;
}

static capsa_result sealed_get(struct capsa_store *base, capsa_bytes key, capsa_record *ret_record)
{
    CAPSA_AUTO(capsa_record) found = {0};
    CAPSA_TRY(base->inner->ops->get(base->inner, key, &found));
    if (found.version == 0) {
        return CAPSA_OK;
    }
    return open_record((const struct sealed_store *)base, key, &found, ret_record);
}

struct walk {
    const struct sealed_store *store;
    capsa_store_row_visit visit;
    void *context;
};

static capsa_result visit_sealed(void *context, capsa_bytes key, const capsa_record *found,
                                 bool *ret_stop)
{
    const struct walk *walk = context;
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(open_record(walk->store, key, found, &record));
    return walk->visit(walk->context, key, &record, ret_stop);
}

static capsa_result sealed_each(struct capsa_store *base, capsa_bytes prefix,
                                capsa_store_row_visit visit, void *context)
{
    struct walk walk = {(const struct sealed_store *)base, visit, context};
    return base->inner->ops->each(base->inner, prefix, visit_sealed, &walk);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result seal_step(const struct capsa_root *root, const struct capsa_step *step,
                              struct capsa_batch *out)
{
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(step->value.len + OVERHEAD);
    if (step->kind == CAPSA_STEP_PUT) {
        CAPSA_TRY(capsa_record_seal(root, capsa_buf_bytes(&step->key), step->expected + 1,
                                    capsa_buf_bytes(&step->owners), capsa_buf_bytes(&step->value),
                                    &value));
    }
    return capsa_batch_step(out, step->kind, capsa_buf_bytes(&step->key), step->expected,
                            capsa_buf_bytes(&step->owners), capsa_buf_bytes(&value));
}

static capsa_result seal_batch(const struct capsa_root *root, const struct capsa_batch *in,
                               struct capsa_batch *out)
{
    for (size_t i = 0; i < in->count; i++) {
        CAPSA_TRY(seal_step(root, &in->steps[i], out));
    }
    return CAPSA_OK;
}

struct finishing {
    const struct sealed_store *store;
    const struct capsa_group *group; /* as it came: not sealed, with its leaves */
};

static capsa_result finish_sealed(void *context, const struct capsa_group *inner,
                                  struct capsa_batch *last)
{
    (void)inner; /* shares its results with the group outside */
    const struct finishing *finishing = context;
    const struct capsa_group *group = finishing->group;
    CAPSA_AUTO_FREE(capsa_batch) clear = NULL;
    CAPSA_TRY(capsa_batch_new(&clear));
    CAPSA_TRY(group->finish(group->context, group, clear));
    return seal_batch(finishing->store->root, clear, last);
}

/* The batches of a group, sealed. `batches` has room for them; what is not made stays NULL. */
static capsa_result seal_group(const struct sealed_store *store, const struct capsa_group *group,
                               struct capsa_batch **batches)
{
    for (size_t i = 0; i < group->count; i++) {
        CAPSA_TRY(capsa_batch_new(&batches[i]));
        CAPSA_TRY(seal_batch(store->root, group->batches[i], batches[i]));
    }
    struct finishing finishing = {store, group};
    const struct capsa_group inner = {
        .batches = (const struct capsa_batch *const *)batches,
        .count = group->count,
        .results = group->results,
        .finish = group->finish == NULL ? NULL : finish_sealed,
        .context = &finishing,
    };
    return store->base.inner->ops->apply(store->base.inner, &inner);
}

static capsa_result sealed_apply(struct capsa_store *base, const struct capsa_group *group)
{
    struct capsa_batch **batches = capsa_alloc_array(group->count, sizeof(*batches));
    CAPSA_REQUIRE_MEMORY(batches);
    capsa_result result = seal_group((const struct sealed_store *)base, group, batches);
    for (size_t i = 0; i < group->count; i++) {
        capsa_batch_free(batches[i]);
    }
    capsa_dealloc(batches);
    return result;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void sealed_close(struct capsa_store *base)
{
    struct sealed_store *store = (struct sealed_store *)base;
    capsa_store_free(base->inner);
    capsa_root_free(store->root);
    capsa_dealloc(store);
}

static const struct capsa_store_ops sealed_ops = {
    .close = sealed_close,
    .get = sealed_get,
    .each = sealed_each,
    .apply = sealed_apply,
};

static capsa_result note_row(void *context, capsa_bytes key, const capsa_record *record,
                             bool *ret_stop)
{
    (void)key;
    (void)record;
    *(bool *)context = true;
    *ret_stop = true;
    return CAPSA_OK;
}

static capsa_result has_rows(struct capsa_store *inner, bool *ret_has)
{
    bool has = false;
    CAPSA_TRY(inner->ops->each(inner, capsa_bytes_of(NULL, 0), note_row, &has));
    *ret_has = has;
    return CAPSA_OK;
}

static capsa_result begin(struct sealed_store *store)
{
    bool has = false;
    CAPSA_TRY(has_rows(store->base.inner, &has));
    CAPSA_REQUIRE(!has, TAMPERED, "the store holds records, but not the one that it began with");
    const struct capsa_record_key key = FIRST_KEY;
    uint8_t id[STORE_ID];
    CAPSA_TRY(capsa_random(id, sizeof(id)));
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(capsa_batch_put(batch, &key, 0, NULL, capsa_bytes_of(id, sizeof(id))));
    return capsa_store_commit(&store->base, batch);
}

/* The root key of the first record is told from its head, before anything is opened with it. */
static capsa_result check_root(const struct capsa_root *root, const capsa_record *first)
{
    struct head head;
    struct capsa_reader reader = capsa_reader_of(capsa_buf_bytes(&first->value));
    CAPSA_REQUIRE(!capsa_failed(read_head(&reader, &head)), TAMPERED,
                  "the first record of the store is cut short");
    char begun[CAPSA_ROOT_ID_TEXT], given[CAPSA_ROOT_ID_TEXT];
    capsa_root_id_text(head.root_id, begun);
    capsa_root_id_text(root->id, given);
    CAPSA_REQUIRE(capsa_streq(begun, given), DENIED,
                  "the store was begun under root key %s; the root key given is %s", begun, given);
    return CAPSA_OK;
}

static capsa_result begin_or_check(struct sealed_store *store)
{
    const struct capsa_record_key key = FIRST_KEY;
    CAPSA_AUTO(capsa_record) sealed = {0};
    CAPSA_TRY(capsa_store_find(store->base.inner, &key, &sealed));
    if (sealed.version == 0) {
        return begin(store);
    }
    CAPSA_TRY(check_root(store->root, &sealed));
    CAPSA_AUTO(capsa_record) opened = {0};
    return capsa_store_get(&store->base, &key, &opened);
}

CAPSA_RESULT capsa_store_seal(struct capsa_store *inner, struct capsa_root *root,
                              struct capsa_store **ret_store)
{
    struct sealed_store *store = CAPSA_NEW(struct sealed_store);
    if (store == NULL) {
        capsa_store_free(inner);
        capsa_root_free(root);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    store->base.ops = &sealed_ops;
    store->base.inner = inner;
    store->root = root;
    capsa_result result = begin_or_check(store);
    if (capsa_failed(result)) {
        sealed_close(&store->base);
        return result;
    }
    *ret_store = &store->base;
    return CAPSA_OK;
}

/* A new root key, and its file, for a store that is empty. */
static capsa_result make_root(struct capsa_store *inner, const char *path,
                              struct capsa_root **ret_root)
{
    bool has = false;
    CAPSA_TRY(has_rows(inner, &has));
    CAPSA_REQUIRE(!has, STORE,
                  "the store holds records, but its root key %s is missing: put it back; no other "
                  "key opens them",
                  path);
    CAPSA_AUTO_FREE(capsa_root) root = NULL;
    CAPSA_TRY(capsa_root_new(&root));
    CAPSA_TRY(capsa_root_save(root, path));
    *ret_root = root;
    root = NULL; /* handed over */
    return CAPSA_OK;
}

static capsa_result find_root(struct capsa_store *inner, const char *path,
                              struct capsa_root **ret_root)
{
    if (path == NULL) {
        CAPSA_REQUIRE(inner->ops->backup == NULL, USAGE,
                      "a store that is kept needs a file for its root key");
        return capsa_root_new(ret_root);
    }
    capsa_result loaded = capsa_root_load(path, ret_root);
    return capsa_code_of(loaded) == CAPSA_E_NOT_FOUND ? make_root(inner, path, ret_root) : loaded;
}

CAPSA_RESULT capsa_store_open_sealed(const char *location, const char *root_path,
                                     struct capsa_store **ret_store)
{
    CAPSA_AUTO_FREE(capsa_store) inner = NULL;
    CAPSA_TRY(capsa_store_open(location, &inner));
    struct capsa_root *root = NULL;
    CAPSA_TRY(find_root(inner, root_path, &root));
    struct capsa_store *taken = inner;
    inner = NULL; /* _seal takes it over */
    return capsa_store_seal(taken, root, ret_store);
}
