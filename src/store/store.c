/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of back-ends, and the checks that stand before each of their slots (store_backend.h).
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "store/store_backend.h"

const struct capsa_store_ops *const capsa_store_backends[] = {
    &capsa_store_sqlite,
    &capsa_store_memory,
    NULL,
};

static capsa_result unknown_scheme(const char *location)
{
    CAPSA_AUTO(capsa_buf) known = capsa_buf_of(CAPSA_ERROR_TEXT);
    for (size_t i = 0; capsa_store_backends[i] != NULL; i++) {
        CAPSA_TRY(
            capsa_buf_format(&known, "%s%s:", i == 0 ? "" : ", ", capsa_store_backends[i]->scheme));
    }
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&known, &text));
    CAPSA_FAIL(UNSUPPORTED, "no store of the kind of \"%s\"; there are %s", location, text);
}

static capsa_result find_backend(const char *location, const struct capsa_store_ops **ret_ops,
                                 const char **ret_where)
{
    for (size_t i = 0; capsa_store_backends[i] != NULL; i++) {
        const char *scheme = capsa_store_backends[i]->scheme;
        size_t len = strlen(scheme);
        if (strncmp(location, scheme, len) == 0 && location[len] == ':') {
            *ret_ops = capsa_store_backends[i];
            *ret_where = location + len + 1;
            return CAPSA_OK;
        }
    }
    return unknown_scheme(location);
}

CAPSA_RESULT capsa_store_open(const char *location, struct capsa_store **ret_store)
{
    const struct capsa_store_ops *ops;
    const char *where;
    CAPSA_TRY(find_backend(location, &ops, &where));
    return ops->open(where, ret_store);
}

void capsa_store_free(struct capsa_store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}

const char *capsa_store_scheme(const struct capsa_store *store)
{
    while (store->inner != NULL) {
        store = store->inner;
    }
    return store->ops->scheme;
}

void capsa_record_drop(capsa_record *record)
{
    capsa_buf_drop(&record->owners);
    capsa_buf_drop(&record->value);
    record->version = 0;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static capsa_result find(struct capsa_store *store, const struct capsa_record_key *key,
                         capsa_record *ret_record, bool wanted)
{
    CAPSA_REQUIRE(key->ns != NULL && key->kind != NULL, USAGE,
                  "a record key without namespace and kind");
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_TRY(capsa_record_key_write(key, &bytes));
    capsa_record found = {0};
    capsa_result result = store->ops->get(store, capsa_buf_bytes(&bytes), &found);
    if (!capsa_failed(result) && found.version == 0 && wanted) {
        char text[CAPSA_RECORD_KEY_TEXT];
        capsa_record_key_text(capsa_buf_bytes(&bytes), text);
        result = capsa_error_make(CAPSA_E_NOT_FOUND, __FILE__, __LINE__, "%s is not there", text);
    }
    if (capsa_failed(result)) {
        capsa_record_drop(&found);
        return result;
    }
    capsa_record_drop(ret_record);
    *ret_record = found;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_store_get(struct capsa_store *store, const struct capsa_record_key *key,
                             capsa_record *ret_record)
{
    return find(store, key, ret_record, true);
}

CAPSA_RESULT capsa_store_find(struct capsa_store *store, const struct capsa_record_key *key,
                              capsa_record *ret_record)
{
    return find(store, key, ret_record, false);
}

struct walk {
    capsa_store_visit visit;
    void *context;
    capsa_buf texts;
};

static capsa_result visit_row(void *context, capsa_bytes key, const capsa_record *record,
                              bool *ret_stop)
{
    struct walk *walk = context;
    struct capsa_record_key parsed;
    capsa_result result = capsa_record_key_parse(key, &walk->texts, &parsed);
    if (capsa_failed(result) && capsa_code_of(result) != CAPSA_E_NOMEM) {
        CAPSA_FAIL(TAMPERED, "the store holds a key that is none: %s", capsa_text_of(result));
    }
    CAPSA_TRY(result);
    return walk->visit(walk->context, &parsed, record, ret_stop);
}

CAPSA_RESULT capsa_store_each(struct capsa_store *store, const struct capsa_record_key *prefix,
                              capsa_store_visit visit, void *context)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(CAPSA_LIMIT_record_key);
    CAPSA_TRY(capsa_record_key_write(prefix, &bytes));
    /* Every name trades its length of four bytes for one NUL. */
    struct walk walk = {visit, context, capsa_buf_of(CAPSA_LIMIT_record_key)};
    capsa_result result = store->ops->each(store, capsa_buf_bytes(&bytes), visit_row, &walk);
    capsa_buf_drop(&walk.texts);
    return result;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void fail_all(const struct capsa_group *group, capsa_result why)
{
    for (size_t i = 0; i < group->count; i++) {
        capsa_error_keep(why, &group->results[i]);
    }
}

static capsa_result check_leaves(const struct capsa_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        CAPSA_REQUIRE(group->finish != NULL || group->batches[i]->leaf_count == 0, UNSUPPORTED,
                      "a mutation with audit leaves, and no audit log to take them");
    }
    return CAPSA_OK;
}

CAPSA_RESULT capsa_store_apply(struct capsa_store *store, const struct capsa_group *group)
{
    fail_all(group, CAPSA_OK);
    capsa_result result = check_leaves(group);
    if (!capsa_failed(result)) {
        result = store->ops->apply(store, group);
    }
    if (capsa_code_of(result) == CAPSA_E_CONFLICT) { /* of `last`: no batch is to blame */
        result = capsa_error_make(CAPSA_E_INTERNAL, __FILE__, __LINE__, "the end of a commit: %s",
                                  capsa_text_of(result));
    }
    if (capsa_failed(result)) {
        fail_all(group, result);
    }
    return result;
}

CAPSA_RESULT capsa_store_commit(struct capsa_store *store, const struct capsa_batch *batch)
{
    struct capsa_error error = {.code = CAPSA_E_OK};
    const struct capsa_group group = {.batches = &batch, .count = 1, .results = &error};
    CAPSA_TRY(capsa_store_apply(store, &group));
    return capsa_error_again(&error);
}

/* ---- As a file ------------------------------------------------------------------------------- */

static capsa_result find_kept(const char *location, const struct capsa_store_ops **ret_ops,
                              const char **ret_where)
{
    CAPSA_TRY(find_backend(location, ret_ops, ret_where));
    CAPSA_REQUIRE((*ret_ops)->backup != NULL, UNSUPPORTED,
                  "a store of kind %s: keeps nothing on disk to back up or restore",
                  (*ret_ops)->scheme);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_store_backup(const char *location, const char *to)
{
    const struct capsa_store_ops *ops;
    const char *where;
    CAPSA_TRY(find_kept(location, &ops, &where));
    return ops->backup(where, to);
}

CAPSA_RESULT capsa_store_restore(const char *location, const char *from)
{
    const struct capsa_store_ops *ops;
    const char *where;
    CAPSA_TRY(find_kept(location, &ops, &where));
    return ops->restore(where, from);
}

/* A folder that was just made is in the folder above for good only when that is on disk. */
static capsa_result sync_parent(const char *folder)
{
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(8));
    const char *parent;
    CAPSA_TRY(capsa_buf_format(&name, "%s/..", folder));
    CAPSA_TRY(capsa_buf_cstr(&name, &parent));
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int synced = fd < 0 ? -1 : fsync(fd);
    int why = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    CAPSA_REQUIRE(synced == 0 || why == EINVAL, IO, "cannot sync the folder of %s: %s", folder,
                  strerror(why));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_store_folder_make(const char *path)
{
    char *copy = capsa_strdup(path);
    CAPSA_REQUIRE_MEMORY(copy);
    const char *folder = dirname(copy);
    int made = mkdir(folder, 0700);
    int why = made == 0 ? 0 : errno;
    capsa_result result = why == 0 ? sync_parent(folder) : CAPSA_OK;
    capsa_dealloc(copy);
    CAPSA_REQUIRE(why == 0 || why == EEXIST, IO, "cannot make the folder of %s: %s", path,
                  strerror(why));
    return result;
}
