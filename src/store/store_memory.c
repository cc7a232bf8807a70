/* SPDX-License-Identifier: Apache-2.0
 *
 * "memory:": records in a skip list, in the order of their keys, gone with the process. It is the
 * store of tests and of trials, and the plainest example of a back-end: no disk, one lock.
 *
 * A group is applied in place under the write lock, and every change leaves an undo entry: a batch
 * in conflict is undone back to its beginning, a failed group back to its own. Undoing allocates
 * nothing, so it cannot fail. `each` holds the read lock for the whole walk: one committed state.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "store/store_backend.h"

#define HEIGHT_MAX 24

struct node {
    uint64_t version;
    capsa_buf key, owners, value;
    unsigned height;
    struct node *next[]; /* `height` of them */
};

struct memory_store {
    struct capsa_store base;
    pthread_rwlock_t lock;
    uint64_t dice; /* xorshift; heights need no secrecy, and keys cannot choose them */
    struct node *first[HEIGHT_MAX];
};

enum change {
    CHANGE_ADDED,
    CHANGE_REPLACED,
    CHANGE_REMOVED,
};

struct undo {
    struct undo *before;
    enum change change;
    struct node *node;
    uint64_t version; /* REPLACED: what the node held; so the two buffers */
    capsa_buf owners, value;
};

/* ---- The list -------------------------------------------------------------------------------- */

static int compare(capsa_bytes a, capsa_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The links that would point to `key` on each level, and the node that is not before it, or NULL.
 */
static struct node *seek(struct memory_store *store, capsa_bytes key,
                         struct node **ret_links[HEIGHT_MAX])
{
    struct node **row = store->first; /* the next-array of the node we stand at */
    for (size_t level = HEIGHT_MAX; level-- > 0;) {
        while (row[level] != NULL && compare(capsa_buf_bytes(&row[level]->key), key) < 0) {
            row = row[level]->next;
        }
        ret_links[level] = &row[level];
    }
    return row[0];
}

static struct node *find(struct memory_store *store, capsa_bytes key)
{
    struct node **links[HEIGHT_MAX];
    struct node *node = seek(store, key, links);
    return node != NULL && capsa_bytes_equal(capsa_buf_bytes(&node->key), key) ? node : NULL;
}

static void link_node(struct memory_store *store, struct node *node)
{
    struct node **links[HEIGHT_MAX];
    (void)seek(store, capsa_buf_bytes(&node->key), links);
    for (size_t level = 0; level < node->height; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
}

static void unlink_node(struct memory_store *store, struct node *node)
{
    struct node **links[HEIGHT_MAX];
    (void)seek(store, capsa_buf_bytes(&node->key), links);
    for (size_t level = 0; level < node->height; level++) {
        *links[level] = node->next[level];
    }
}

static unsigned throw_height(struct memory_store *store)
{
    store->dice ^= store->dice << 13;
    store->dice ^= store->dice >> 7;
    store->dice ^= store->dice << 17;
    unsigned height = 1;
    for (uint64_t bits = store->dice; (bits & 3) == 0 && height < HEIGHT_MAX; bits >>= 2) {
        height++;
    }
    return height;
}

static void node_free(struct node *node)
{
    if (node != NULL) {
        capsa_buf_drop(&node->key);
        capsa_buf_drop(&node->owners);
        capsa_buf_drop(&node->value);
        capsa_dealloc(node);
    }
}

static capsa_result copy(const capsa_buf *from, capsa_buf *ret_to)
{
    *ret_to = capsa_buf_of(from->len);
    return capsa_buf_append(ret_to, capsa_buf_bytes(from));
}

static capsa_result node_new(struct memory_store *store, const capsa_buf *key,
                             struct node **ret_node)
{
    unsigned height = throw_height(store);
    struct node *node = capsa_alloc(sizeof(*node) + height * sizeof(node->next[0]));
    CAPSA_REQUIRE_MEMORY(node);
    node->height = height;
    capsa_result result = copy(key, &node->key);
    if (capsa_failed(result)) {
        node_free(node);
        return result;
    }
    *ret_node = node;
    return CAPSA_OK;
}

/* ---- Changes, and taking them back ----------------------------------------------------------- */

static void undo_pop(struct undo **top)
{
    struct undo *undo = *top;
    *top = undo->before;
    capsa_buf_drop(&undo->owners);
    capsa_buf_drop(&undo->value);
    capsa_dealloc(undo);
}

static void undo_one(struct memory_store *store, const struct undo *undo)
{
    struct node *node = undo->node;
    switch (undo->change) {
    case CHANGE_ADDED:
        unlink_node(store, node);
        node_free(node);
        break;
    case CHANGE_REPLACED:
        capsa_buf_drop(&node->owners);
        capsa_buf_drop(&node->value);
        node->version = undo->version;
        node->owners = undo->owners;
        node->value = undo->value;
        break;
    case CHANGE_REMOVED:
        link_node(store, node);
        break;
    }
}

static void undo_back_to(struct memory_store *store, struct undo **top, const struct undo *mark)
{
    while (*top != mark) {
        undo_one(store, *top);
        (*top)->owners = (capsa_buf){0}; /* given back to the node */
        (*top)->value = (capsa_buf){0};
        undo_pop(top);
    }
}

static void undo_forget(struct undo **top)
{
    while (*top != NULL) {
        if ((*top)->change == CHANGE_REMOVED) {
            node_free((*top)->node);
        }
        undo_pop(top);
    }
}

static capsa_result put_new(struct memory_store *store, const struct capsa_step *step,
                            struct undo *undo)
{
    CAPSA_TRY(node_new(store, &step->key, &undo->node));
    undo->change = CHANGE_ADDED;
    return CAPSA_OK;
}

/* The new content goes into the node, the old one into the undo entry. */
static void swap_content(struct node *node, struct undo *undo, capsa_buf owners, capsa_buf value,
                         uint64_t version)
{
    undo->version = node->version;
    undo->owners = node->owners;
    undo->value = node->value;
    node->version = version;
    node->owners = owners;
    node->value = value;
}

static capsa_result put(struct memory_store *store, const struct capsa_step *step,
                        struct undo *undo)
{
    CAPSA_AUTO(capsa_buf) owners = {0};
    CAPSA_AUTO(capsa_buf) value = {0};
    CAPSA_TRY(copy(&step->owners, &owners));
    CAPSA_TRY(copy(&step->value, &value));
    bool is_new = undo->node == NULL;
    if (is_new) {
        CAPSA_TRY(put_new(store, step, undo));
        link_node(store, undo->node);
    } else {
        undo->change = CHANGE_REPLACED;
    }
    swap_content(undo->node, undo, owners, value, step->expected + 1);
    owners = (capsa_buf){0}; /* handed over */
    value = (capsa_buf){0};
    return CAPSA_OK;
}

/* Takes a step whose expectation holds; undo->node is the record's node or NULL. */
static capsa_result take(struct memory_store *store, const struct capsa_step *step,
                         struct undo *undo)
{
    if (step->kind == CAPSA_STEP_PUT) {
        return put(store, step, undo);
    }
    undo->change = CHANGE_REMOVED;
    unlink_node(store, undo->node);
    return CAPSA_OK;
}

static capsa_result take_step(struct memory_store *store, const struct capsa_step *step,
                              struct undo **top)
{
    struct node *node = find(store, capsa_buf_bytes(&step->key));
    uint64_t found = node == NULL ? 0 : node->version;
    if (!capsa_step_holds(step, found)) {
        return capsa_step_conflict(step, found);
    }
    if (step->kind == CAPSA_STEP_CHECK || (step->kind == CAPSA_STEP_REMOVE && node == NULL)) {
        return CAPSA_OK;
    }
    struct undo *undo = CAPSA_NEW(struct undo);
    CAPSA_REQUIRE_MEMORY(undo);
    undo->node = node;
    capsa_result result = take(store, step, undo);
    if (capsa_failed(result)) {
        capsa_dealloc(undo);
        return result;
    }
    undo->before = *top;
    *top = undo;
    return CAPSA_OK;
}

static capsa_result take_batch(struct memory_store *store, const struct capsa_batch *batch,
                               struct undo **top)
{
    const struct undo *mark = *top;
    for (size_t i = 0; i < batch->count; i++) {
        capsa_result result = take_step(store, &batch->steps[i], top);
        if (capsa_failed(result)) {
            undo_back_to(store, top, mark);
            return result;
        }
    }
    return CAPSA_OK;
}

static capsa_result take_last(struct memory_store *store, const struct capsa_group *group,
                              struct undo **top)
{
    if (group->finish == NULL || !capsa_group_has_taken(group)) {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_batch) last = NULL;
    CAPSA_TRY(capsa_batch_new(&last));
    CAPSA_TRY(group->finish(group->context, group, last));
    return take_batch(store, last, top);
}

static capsa_result take_batches(struct memory_store *store, const struct capsa_group *group,
                                 struct undo **top)
{
    for (size_t i = 0; i < group->count; i++) {
        capsa_result result = take_batch(store, group->batches[i], top);
        if (capsa_failed(result) && capsa_code_of(result) != CAPSA_E_CONFLICT) {
            return result;
        }
        capsa_error_keep(result, &group->results[i]);
    }
    return CAPSA_OK;
}

static capsa_result take_group(struct memory_store *store, const struct capsa_group *group,
                               struct undo **top)
{
    CAPSA_TRY(take_batches(store, group, top));
    return take_last(store, group, top);
}

/* ---- The slots ------------------------------------------------------------------------------- */

/* A waiting writer goes before new readers: many of them would otherwise keep it out for good. */
static bool lock_init(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;
    (void)pthread_rwlockattr_init(&attributes);
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int made = pthread_rwlock_init(lock, &attributes);
    (void)pthread_rwlockattr_destroy(&attributes);
    return made == 0;
}

static capsa_result memory_open(const char *where, struct capsa_store **ret_store)
{
    CAPSA_REQUIRE(where[0] == '\0', USAGE,
                  "a memory store has no place: \"memory:\", not "
                  "\"memory:%s\"",
                  where);
    struct memory_store *store = CAPSA_NEW(struct memory_store);
    CAPSA_REQUIRE_MEMORY(store);
    if (!lock_init(&store->lock)) {
        capsa_dealloc(store);
        CAPSA_FAIL(NOMEM, "cannot make a lock");
    }
    store->base.ops = &capsa_store_memory;
    store->dice = 0x9e3779b97f4a7c15U;
    *ret_store = &store->base;
    return CAPSA_OK;
}

static void memory_close(struct capsa_store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    struct node *node = store->first[0];
    while (node != NULL) {
        struct node *next = node->next[0];
        node_free(node);
        node = next;
    }
    (void)pthread_rwlock_destroy(&store->lock);
    capsa_dealloc(store);
}

static capsa_result memory_get(struct capsa_store *base, capsa_bytes key, capsa_record *ret_record)
{
    struct memory_store *store = (struct memory_store *)base;
    CAPSA_AUTO(capsa_record) record = {0};
    (void)pthread_rwlock_rdlock(&store->lock);
    const struct node *node = find(store, key);
    capsa_result result = CAPSA_OK;
    if (node != NULL) {
        record.version = node->version;
        result = copy(&node->owners, &record.owners);
    }
    if (node != NULL && !capsa_failed(result)) {
        result = copy(&node->value, &record.value);
    }
    (void)pthread_rwlock_unlock(&store->lock);
    if (!capsa_failed(result)) {
        *ret_record = record;
        record = (capsa_record){0}; /* handed over */
    }
    return result;
}

static bool begins_with(const struct node *node, capsa_bytes prefix)
{
    return node->key.len >= prefix.len &&
           (prefix.len == 0 || memcmp(node->key.data, prefix.data, prefix.len) == 0);
}

static capsa_result memory_each(struct capsa_store *base, capsa_bytes prefix,
                                capsa_store_row_visit visit, void *context)
{
    struct memory_store *store = (struct memory_store *)base;
    struct node **links[HEIGHT_MAX];
    bool stop = false;
    capsa_result result = CAPSA_OK;
    (void)pthread_rwlock_rdlock(&store->lock);
    for (const struct node *node = seek(store, prefix, links);
         node != NULL && begins_with(node, prefix) && !stop && !capsa_failed(result);
         node = node->next[0]) {
        const capsa_record record = {node->version, node->owners, node->value};
        result = visit(context, capsa_buf_bytes(&node->key), &record, &stop);
    }
    (void)pthread_rwlock_unlock(&store->lock);
    return result;
}

static capsa_result memory_apply(struct capsa_store *base, const struct capsa_group *group)
{
    struct memory_store *store = (struct memory_store *)base;
    struct undo *top = NULL;
    (void)pthread_rwlock_wrlock(&store->lock);
    capsa_result result = take_group(store, group, &top);
    if (capsa_failed(result)) {
        undo_back_to(store, &top, NULL);
    }
    undo_forget(&top);
    (void)pthread_rwlock_unlock(&store->lock);
    return result;
}

static capsa_result rewrite_node(struct node *node, capsa_store_row_change change, void *context,
                                 struct undo **top)
{
    const capsa_record record = {node->version, node->owners, node->value};
    bool keep = false;
    CAPSA_AUTO(capsa_buf) owners = {0};
    CAPSA_AUTO(capsa_buf) value = capsa_buf_of(CAPSA_LIMIT_record_value + KIB(4));
    CAPSA_TRY(change(context, capsa_buf_bytes(&node->key), &record, &value, &keep));
    if (keep) {
        return CAPSA_OK;
    }
    CAPSA_TRY(copy(&node->owners, &owners));
    struct undo *undo = CAPSA_NEW(struct undo);
    CAPSA_REQUIRE_MEMORY(undo);
    undo->change = CHANGE_REPLACED;
    undo->node = node;
    undo->before = *top;
    *top = undo;
    swap_content(node, undo, owners, value, node->version);
    owners = (capsa_buf){0}; /* handed over */
    value = (capsa_buf){0};
    return CAPSA_OK;
}

static capsa_result rewrite_all(struct memory_store *store, capsa_store_row_change change,
                                void *context, struct undo **top)
{
    for (struct node *node = store->first[0]; node != NULL; node = node->next[0]) {
        CAPSA_TRY(rewrite_node(node, change, context, top));
    }
    return CAPSA_OK;
}

static capsa_result rewrite_with(struct memory_store *store, capsa_store_row_change change,
                                 void *context, const struct capsa_group *group, struct undo **top)
{
    CAPSA_TRY(rewrite_all(store, change, context, top));
    CAPSA_TRY(take_batches(store, group, top));
    CAPSA_TRY(capsa_group_is_whole(group));
    return take_last(store, group, top);
}

static capsa_result memory_rewrite(struct capsa_store *base, capsa_store_row_change change,
                                   void *context, const struct capsa_group *group)
{
    struct memory_store *store = (struct memory_store *)base;
    struct undo *top = NULL;
    (void)pthread_rwlock_wrlock(&store->lock);
    capsa_result result = rewrite_with(store, change, context, group, &top);
    if (capsa_failed(result)) {
        undo_back_to(store, &top, NULL);
    }
    undo_forget(&top);
    (void)pthread_rwlock_unlock(&store->lock);
    return result;
}

const struct capsa_store_ops capsa_store_memory = {
    .scheme = "memory",
    .open = memory_open,
    .close = memory_close,
    .get = memory_get,
    .each = memory_each,
    .apply = memory_apply,
    .rewrite = memory_rewrite,
};
