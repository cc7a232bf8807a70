/* SPDX-License-Identifier: Apache-2.0
 *
 * "sqlite:PATH": records in one SQLite table, in WAL mode with synchronous=FULL, so that a commit
 * is on disk when it returns. One connection writes; READERS others read beside it, each used by
 * one thread at a time. The file is for one process at a time (store_sqlite_file.h).
 */
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "store/store_backend.h"
#include "store/store_sqlite_file.h"

#define READERS 4

/* What the writing connection says; `write_sql` holds the text of each. */
enum write_statement {
    WRITE_BEGIN,
    WRITE_COMMIT,
    WRITE_ROLLBACK,
    WRITE_MARK,
    WRITE_BACK_TO_MARK,
    WRITE_DROP_MARK,
    WRITE_VERSION,
    WRITE_PUT,
    WRITE_REMOVE,
    WRITE_NEXT,
    WRITE_VALUE,
    WRITE_COUNT,
};

static const char *const write_sql[WRITE_COUNT] = {
    [WRITE_BEGIN] = "BEGIN IMMEDIATE",
    [WRITE_COMMIT] = "COMMIT",
    [WRITE_ROLLBACK] = "ROLLBACK",
    [WRITE_MARK] = "SAVEPOINT batch",
    [WRITE_BACK_TO_MARK] = "ROLLBACK TO batch",
    [WRITE_DROP_MARK] = "RELEASE batch",
    [WRITE_VERSION] = "SELECT version FROM record WHERE key = ?1",
    [WRITE_PUT] = "INSERT INTO record(key, version, owners, value) VALUES(?1, ?2, ?3, ?4) "
                  "ON CONFLICT(key) DO UPDATE SET version = excluded.version, "
                  "owners = excluded.owners, value = excluded.value",
    [WRITE_REMOVE] = "DELETE FROM record WHERE key = ?1",
    [WRITE_NEXT] = ("SELECT key, version, owners, value FROM record WHERE key > ?1 "
                    "ORDER BY key LIMIT 1"),
    [WRITE_VALUE] = "UPDATE record SET value = ?2 WHERE key = ?1",
};

struct reader {
    capsa_sqlite file;
    sqlite3_stmt *get;  /* one key */
    sqlite3_stmt *each; /* all keys from one on */
    bool is_taken;
};

struct sqlite_store {
    struct capsa_store base;
    char *path;
    int lock;
    capsa_sqlite_place place;
    capsa_sqlite writer;
    sqlite3_stmt *write[WRITE_COUNT];
    pthread_mutex_t mutex; /* guards is_taken of the readers */
    pthread_cond_t returned;
    struct reader readers[READERS];
};

/* ---- Statements ------------------------------------------------------------------------------ */

static capsa_result prepare(const capsa_sqlite *file, const char *sql, sqlite3_stmt **ret_statement)
{
    if (sqlite3_prepare_v3(file->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL) !=
        SQLITE_OK) {
        return capsa_sqlite_error(file, "prepare a statement for");
    }
    return CAPSA_OK;
}

/* An empty blob, not NULL, for no bytes. They must live until the statement is reset. */
static int bind(sqlite3_stmt *statement, int index, capsa_bytes bytes)
{
    return sqlite3_bind_blob64(statement, index, bytes.len == 0 ? "" : (const void *)bytes.data,
                               bytes.len, SQLITE_STATIC);
}

static void rest(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement); /* repeats the error of the step */
    (void)sqlite3_clear_bindings(statement);
}

/* Run a statement that answers no rows. */
static capsa_result run(struct sqlite_store *store, enum write_statement which, const char *doing)
{
    int rc = sqlite3_step(store->write[which]);
    capsa_result result = rc == SQLITE_DONE ? CAPSA_OK : capsa_sqlite_error(&store->writer, doing);
    rest(store->write[which]);
    return result;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static capsa_result read_blob(sqlite3_stmt *row, int column, capsa_buf *ret_buf)
{
    CAPSA_REQUIRE(sqlite3_column_type(row, column) == SQLITE_BLOB, TAMPERED,
                  "a record with a column that is no blob");
    const void *data = sqlite3_column_blob(row, column); /* before _bytes; NULL when empty */
    size_t len = (size_t)sqlite3_column_bytes(row, column);
    CAPSA_REQUIRE(data != NULL || len == 0, NOMEM, "out of memory");
    *ret_buf = capsa_buf_of(len);
    return capsa_buf_append(ret_buf, capsa_bytes_of(data, len));
}

static capsa_result read_version(sqlite3_stmt *row, int column, uint64_t *ret_version)
{
    int64_t version = sqlite3_column_int64(row, column);
    CAPSA_REQUIRE(sqlite3_column_type(row, column) == SQLITE_INTEGER && version > 0, TAMPERED,
                  "a record without a version");
    *ret_version = (uint64_t)version;
    return CAPSA_OK;
}

/* Columns `first` and on: version, owners, value. */
static capsa_result read_record(sqlite3_stmt *row, int first, capsa_record *ret_record)
{
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(read_version(row, first, &record.version));
    CAPSA_TRY(read_blob(row, first + 1, &record.owners));
    CAPSA_TRY(read_blob(row, first + 2, &record.value));
    *ret_record = record;
    record = (capsa_record){0}; /* handed over */
    return CAPSA_OK;
}

/* The place of a free reader, or READERS. */
static size_t reader_free_at(const struct sqlite_store *store)
{
    size_t at = 0;
    while (at < READERS && store->readers[at].is_taken) {
        at++;
    }
    return at;
}

static struct reader *reader_take(struct sqlite_store *store)
{
    (void)pthread_mutex_lock(&store->mutex);
    size_t at = reader_free_at(store);
    while (at == READERS) {
        (void)pthread_cond_wait(&store->returned, &store->mutex);
        at = reader_free_at(store);
    }
    store->readers[at].is_taken = true;
    (void)pthread_mutex_unlock(&store->mutex);
    return &store->readers[at];
}

static void reader_return(struct sqlite_store *store, struct reader *reader)
{
    (void)pthread_mutex_lock(&store->mutex);
    reader->is_taken = false;
    (void)pthread_cond_signal(&store->returned);
    (void)pthread_mutex_unlock(&store->mutex);
}

static capsa_result get_by(struct reader *reader, capsa_bytes key, capsa_record *ret_record)
{
    if (bind(reader->get, 1, key) != SQLITE_OK) {
        return capsa_sqlite_error(&reader->file, "read");
    }
    int rc = sqlite3_step(reader->get);
    if (rc == SQLITE_DONE) {
        return CAPSA_OK;
    }
    if (rc != SQLITE_ROW) {
        return capsa_sqlite_error(&reader->file, "read");
    }
    return read_record(reader->get, 0, ret_record);
}

static capsa_result sqlite_get(struct capsa_store *base, capsa_bytes key, capsa_record *ret_record)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    struct reader *reader = reader_take(store);
    capsa_result result = get_by(reader, key, ret_record);
    rest(reader->get);
    reader_return(store, reader);
    return result;
}

/* One row: true in *ret_stop also behind the last key with the prefix. */
static capsa_result visit_row(sqlite3_stmt *row, capsa_bytes prefix, capsa_store_row_visit visit,
                              void *context, bool *ret_stop)
{
    CAPSA_AUTO(capsa_buf) key = {0};
    CAPSA_AUTO(capsa_record) record = {0};
    CAPSA_TRY(read_blob(row, 0, &key));
    capsa_bytes begin = capsa_bytes_of(key.data, key.len < prefix.len ? key.len : prefix.len);
    if (!capsa_bytes_equal(begin, prefix)) {
        *ret_stop = true;
        return CAPSA_OK;
    }
    CAPSA_TRY(read_record(row, 1, &record));
    return visit(context, capsa_buf_bytes(&key), &record, ret_stop);
}

static capsa_result each_by(struct reader *reader, capsa_bytes prefix, capsa_store_row_visit visit,
                            void *context)
{
    if (bind(reader->each, 1, prefix) != SQLITE_OK) {
        return capsa_sqlite_error(&reader->file, "read");
    }
    bool stop = false;
    int rc = sqlite3_step(reader->each);
    while (rc == SQLITE_ROW && !stop) {
        CAPSA_TRY(visit_row(reader->each, prefix, visit, context, &stop));
        rc = stop ? SQLITE_DONE : sqlite3_step(reader->each);
    }
    if (rc != SQLITE_DONE) {
        return capsa_sqlite_error(&reader->file, "read");
    }
    return CAPSA_OK;
}

static capsa_result sqlite_each(struct capsa_store *base, capsa_bytes prefix,
                                capsa_store_row_visit visit, void *context)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    struct reader *reader = reader_take(store);
    capsa_result result = each_by(reader, prefix, visit, context);
    rest(reader->each);
    reader_return(store, reader);
    return result;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static capsa_result version_of(struct sqlite_store *store, capsa_bytes key, uint64_t *ret_version)
{
    sqlite3_stmt *statement = store->write[WRITE_VERSION];
    int rc = bind(statement, 1, key);
    rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
    capsa_result result = CAPSA_OK;
    if (rc == SQLITE_ROW) {
        result = read_version(statement, 0, ret_version);
    } else if (rc == SQLITE_DONE) {
        *ret_version = 0;
    } else {
        result = capsa_sqlite_error(&store->writer, "read");
    }
    rest(statement);
    return result;
}

static capsa_result put(struct sqlite_store *store, const struct capsa_step *step)
{
    sqlite3_stmt *statement = store->write[WRITE_PUT];
    if (bind(statement, 1, capsa_buf_bytes(&step->key)) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, (int64_t)step->expected + 1) != SQLITE_OK ||
        bind(statement, 3, capsa_buf_bytes(&step->owners)) != SQLITE_OK ||
        bind(statement, 4, capsa_buf_bytes(&step->value)) != SQLITE_OK) {
        return capsa_sqlite_error(&store->writer, "write");
    }
    return run(store, WRITE_PUT, "write");
}

static capsa_result drop(struct sqlite_store *store, const struct capsa_step *step)
{
    if (bind(store->write[WRITE_REMOVE], 1, capsa_buf_bytes(&step->key)) != SQLITE_OK) {
        return capsa_sqlite_error(&store->writer, "write");
    }
    return run(store, WRITE_REMOVE, "write");
}

static capsa_result take_step(struct sqlite_store *store, const struct capsa_step *step)
{
    uint64_t found = 0;
    CAPSA_TRY(version_of(store, capsa_buf_bytes(&step->key), &found));
    if (!capsa_step_holds(step, found)) {
        return capsa_step_conflict(step, found);
    }
    switch (step->kind) {
    case CAPSA_STEP_PUT:
        return put(store, step);
    case CAPSA_STEP_REMOVE:
        return drop(store, step);
    case CAPSA_STEP_CHECK:
        return CAPSA_OK;
    }
    CAPSA_FAIL(INTERNAL, "a step of no known kind");
}

static capsa_result take_steps(struct sqlite_store *store, const struct capsa_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        CAPSA_TRY(take_step(store, &batch->steps[i]));
    }
    return CAPSA_OK;
}

/* All of the batch or nothing of it; a conflict goes to *ret_why, other failures end the group. */
static capsa_result take_batch(struct sqlite_store *store, const struct capsa_batch *batch,
                               struct capsa_error *ret_why)
{
    CAPSA_TRY(run(store, WRITE_MARK, "write"));
    capsa_result result = take_steps(store, batch);
    if (capsa_failed(result) && capsa_code_of(result) != CAPSA_E_CONFLICT) {
        return result;
    }
    capsa_error_keep(result, ret_why);
    if (capsa_failed(result)) {
        CAPSA_TRY(run(store, WRITE_BACK_TO_MARK, "write"));
    }
    return run(store, WRITE_DROP_MARK, "write");
}

static capsa_result take_last(struct sqlite_store *store, const struct capsa_group *group)
{
    CAPSA_AUTO_FREE(capsa_batch) last = NULL;
    CAPSA_TRY(capsa_batch_new(&last));
    CAPSA_TRY(group->finish(group->context, group, last));
    return take_steps(store, last);
}

static capsa_result take_batches(struct sqlite_store *store, const struct capsa_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        CAPSA_TRY(take_batch(store, group->batches[i], &group->results[i]));
    }
    return CAPSA_OK;
}

static capsa_result take_end(struct sqlite_store *store, const struct capsa_group *group)
{
    if (group->finish != NULL && capsa_group_has_taken(group)) {
        CAPSA_TRY(take_last(store, group));
    }
    return run(store, WRITE_COMMIT, "commit to");
}

static capsa_result take_group(struct sqlite_store *store, const struct capsa_group *group)
{
    CAPSA_TRY(take_batches(store, group));
    return take_end(store, group);
}

/* The end of a transaction that `result` is the outcome of. */
static capsa_result end_transaction(struct sqlite_store *store, capsa_result result)
{
    if (capsa_failed(result) && sqlite3_get_autocommit(store->writer.db) == 0) {
        struct capsa_error why;
        capsa_error_keep(result, &why);
        capsa_ignore(run(store, WRITE_ROLLBACK, "roll back"),
                     "the first failure is the one to tell");
        result = capsa_error_again(&why);
    }
    return result;
}

static capsa_result sqlite_apply(struct capsa_store *base, const struct capsa_group *group)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    CAPSA_TRY(capsa_sqlite_place_check(&store->place));
    CAPSA_TRY(run(store, WRITE_BEGIN, "begin a commit to"));
    CAPSA_TRY(end_transaction(store, take_group(store, group)));
    return capsa_sqlite_place_check(&store->place);
}

/* The row behind `key`, which becomes that of the row; false: there is none. */
static capsa_result next_row(struct sqlite_store *store, capsa_buf *key, capsa_record *ret_record,
                             bool *ret_is)
{
    sqlite3_stmt *statement = store->write[WRITE_NEXT];
    int rc = bind(statement, 1, capsa_buf_bytes(key));
    rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
    CAPSA_AUTO(capsa_buf) next = {0};
    capsa_result result = rc == SQLITE_ROW || rc == SQLITE_DONE
                              ? CAPSA_OK
                              : capsa_sqlite_error(&store->writer, "read");
    if (rc == SQLITE_ROW) {
        result = read_blob(statement, 0, &next);
    }
    if (rc == SQLITE_ROW && !capsa_failed(result)) {
        result = read_record(statement, 1, ret_record);
    }
    rest(statement);
    CAPSA_TRY(result);
    *ret_is = rc == SQLITE_ROW;
    capsa_buf_drop(key);
    *key = next;
    next = (capsa_buf){0}; /* handed over */
    return CAPSA_OK;
}

static capsa_result put_value(struct sqlite_store *store, capsa_bytes key, capsa_bytes value)
{
    sqlite3_stmt *statement = store->write[WRITE_VALUE];
    if (bind(statement, 1, key) != SQLITE_OK || bind(statement, 2, value) != SQLITE_OK) {
        return capsa_sqlite_error(&store->writer, "write");
    }
    return run(store, WRITE_VALUE, "write");
}

static capsa_result rewrite_rows(struct sqlite_store *store, capsa_store_row_change change,
                                 void *context)
{
    CAPSA_AUTO(capsa_buf) key = {0};
    for (bool is = true; is;) {
        CAPSA_AUTO(capsa_record) record = {0};
        CAPSA_AUTO(capsa_buf) value = capsa_buf_of(CAPSA_LIMIT_record_value + KIB(4));
        bool keep = false;
        CAPSA_TRY(next_row(store, &key, &record, &is));
        if (is) {
            CAPSA_TRY(change(context, capsa_buf_bytes(&key), &record, &value, &keep));
        }
        if (is && !keep) {
            CAPSA_TRY(put_value(store, capsa_buf_bytes(&key), capsa_buf_bytes(&value)));
        }
    }
    return CAPSA_OK;
}

static capsa_result rewrite_with(struct sqlite_store *store, capsa_store_row_change change,
                                 void *context, const struct capsa_group *group)
{
    CAPSA_TRY(rewrite_rows(store, change, context));
    CAPSA_TRY(take_batches(store, group));
    CAPSA_TRY(capsa_group_is_whole(group));
    return take_end(store, group);
}

static capsa_result sqlite_rewrite(struct capsa_store *base, capsa_store_row_change change,
                                   void *context, const struct capsa_group *group)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    CAPSA_TRY(capsa_sqlite_place_check(&store->place));
    CAPSA_TRY(run(store, WRITE_BEGIN, "begin a commit to"));
    CAPSA_TRY(end_transaction(store, rewrite_with(store, change, context, group)));
    return capsa_sqlite_place_check(&store->place);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static void sqlite_close(struct capsa_store *base)
{
    struct sqlite_store *store = (struct sqlite_store *)base;
    for (size_t i = 0; i < READERS; i++) {
        (void)sqlite3_finalize(store->readers[i].get);
        (void)sqlite3_finalize(store->readers[i].each);
        capsa_sqlite_drop(&store->readers[i].file);
    }
    for (size_t i = 0; i < WRITE_COUNT; i++) {
        (void)sqlite3_finalize(store->write[i]);
    }
    capsa_sqlite_drop(&store->writer); /* the last one out folds the WAL into the file */
    if (store->lock >= 0) {
        (void)close(store->lock);
    }
    (void)pthread_cond_destroy(&store->returned);
    (void)pthread_mutex_destroy(&store->mutex);
    capsa_sqlite_place_drop(&store->place);
    capsa_dealloc(store->path);
    capsa_dealloc(store);
}

static capsa_result open_writer(struct sqlite_store *store)
{
    CAPSA_TRY(capsa_sqlite_connect(store->path, CAPSA_SQLITE_WRITE, &store->writer));
    CAPSA_TRY(capsa_sqlite_migrate(&store->writer));
    CAPSA_TRY(capsa_sqlite_make_durable(&store->writer));
    for (size_t i = 0; i < WRITE_COUNT; i++) {
        CAPSA_TRY(prepare(&store->writer, write_sql[i], &store->write[i]));
    }
    return CAPSA_OK;
}

static capsa_result open_reader(struct sqlite_store *store, struct reader *reader)
{
    CAPSA_TRY(capsa_sqlite_connect(store->path, CAPSA_SQLITE_READ, &reader->file));
    CAPSA_TRY(prepare(&reader->file, "SELECT version, owners, value FROM record WHERE key = ?1",
                      &reader->get));
    return prepare(&reader->file,
                   "SELECT key, version, owners, value FROM record WHERE key >= ?1 ORDER BY key",
                   &reader->each);
}

static capsa_result open_files(struct sqlite_store *store)
{
    CAPSA_TRY(capsa_sqlite_lock(store->path, &store->lock));
    CAPSA_TRY(capsa_sqlite_touch(store->path));
    CAPSA_TRY(open_writer(store));
    for (size_t i = 0; i < READERS; i++) {
        CAPSA_TRY(open_reader(store, &store->readers[i]));
    }
    return capsa_sqlite_place_find(store->path, &store->place);
}

static capsa_result check_path(const char *path)
{
    CAPSA_REQUIRE(path[0] != '\0', USAGE, "an sqlite store needs a path: \"sqlite:PATH\"");
    CAPSA_REQUIRE(path[0] != ':', USAGE,
                  "\"%s\" is no path of an sqlite store; \"memory:\" keeps records in memory",
                  path);
    return CAPSA_OK;
}

static capsa_result sqlite_open(const char *path, struct capsa_store **ret_store)
{
    CAPSA_TRY(check_path(path));
    struct sqlite_store *store = CAPSA_NEW(struct sqlite_store);
    CAPSA_REQUIRE_MEMORY(store);
    store->base.ops = &capsa_store_sqlite;
    store->lock = -1;
    (void)pthread_mutex_init(&store->mutex, NULL); /* cannot fail without attributes */
    (void)pthread_cond_init(&store->returned, NULL);
    store->path = capsa_strdup(path);
    capsa_result result = store->path == NULL
                              ? capsa_error_make(CAPSA_E_NOMEM, __FILE__, __LINE__, "out of memory")
                              : open_files(store);
    if (capsa_failed(result)) {
        sqlite_close(&store->base);
        return result;
    }
    *ret_store = &store->base;
    return CAPSA_OK;
}

static capsa_result sqlite_backup(const char *path, const char *to)
{
    CAPSA_TRY(check_path(path));
    return capsa_sqlite_backup(path, to);
}

static capsa_result sqlite_restore(const char *path, const char *from)
{
    CAPSA_TRY(check_path(path));
    return capsa_sqlite_restore(path, from);
}

const struct capsa_store_ops capsa_store_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .get = sqlite_get,
    .each = sqlite_each,
    .apply = sqlite_apply,
    .rewrite = sqlite_rewrite,
    .backup = sqlite_backup,
    .restore = sqlite_restore,
};
