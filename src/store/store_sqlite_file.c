/* SPDX-License-Identifier: Apache-2.0
 *
 * An SQLite file as a store wants it (store_sqlite_file.h). Whoever holds the database is hostile
 * (architecture.md, rule 3): a file may come with triggers, views, a table that only looks like
 * ours, or damaged pages. So triggers and views are off, the schema must be ours to the letter, the
 * file can't make SQLite load or write anything else, and damage is an error, never a crash.
 */
#include "store/store_sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "store/store_backend.h"

#define APPLICATION_ID 0x63617073 /* "caps" */
#define BUSY_MS        10000      /* longer than any checkpoint; then the call fails */

#define TABLE_SQL                                                                                  \
    "CREATE TABLE record(key BLOB NOT NULL PRIMARY KEY, version INTEGER NOT NULL, "                \
    "owners BLOB NOT NULL, value BLOB NOT NULL) WITHOUT ROWID, STRICT"

/* ---- Errors ---------------------------------------------------------------------------------- */

static enum capsa_code code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return CAPSA_E_NOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_TOOBIG: /* our own rows are all within the limit */
        return CAPSA_E_TAMPERED;
    default:
        return CAPSA_E_STORE;
    }
}

capsa_result capsa_sqlite_error(const capsa_sqlite *file, const char *doing)
{
    int rc = sqlite3_extended_errcode(file->db);
    int system = sqlite3_system_errno(file->db);
    bool from_system = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
    return capsa_error_make(code_of(rc), __FILE__, __LINE__, "cannot %s %s: %s%s%s (SQLite %d)",
                            doing, file->path, sqlite3_errmsg(file->db),
                            from_system && system != 0 ? ": " : "",
                            from_system && system != 0 ? strerror(system) : "", rc);
}

CAPSA_RESULT capsa_sqlite_run(const capsa_sqlite *file, const char *sql)
{
    if (sqlite3_exec(file->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return capsa_sqlite_error(file, "set up");
    }
    return CAPSA_OK;
}

/* The first column of the first row, as text; "" when there is none. */
static capsa_result ask(const capsa_sqlite *file, const char *sql, capsa_buf *ret_answer)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
    capsa_result result = CAPSA_OK;
    if (rc == SQLITE_ROW) {
        result = capsa_buf_str(ret_answer, (const char *)sqlite3_column_text(statement, 0));
    } else if (rc != SQLITE_DONE) {
        result = capsa_sqlite_error(file, "read");
    }
    (void)sqlite3_finalize(statement); /* repeats the error of the step, if any */
    return result;
}

static capsa_result ask_number(const capsa_sqlite *file, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
    capsa_result result = CAPSA_OK;
    if (rc == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
    } else {
        result = capsa_sqlite_error(file, "read");
    }
    (void)sqlite3_finalize(statement);
    return result;
}

static capsa_result must_answer(const capsa_sqlite *file, const char *sql, const char *wanted)
{
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(64));
    CAPSA_TRY(ask(file, sql, &answer));
    const char *text;
    CAPSA_TRY(capsa_buf_cstr(&answer, &text));
    CAPSA_REQUIRE(capsa_streq(text, wanted), STORE, "%s: \"%s\" answers \"%s\", not \"%s\"",
                  file->path, sql, text, wanted);
    return CAPSA_OK;
}

/* ---- Lock and file --------------------------------------------------------------------------- */

static capsa_result held_by_other(const char *path, int fd)
{
    char pid[16] = "?";
    ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[got > 0 ? got : 0] = '\0';
    pid[strcspn(pid, " \n")] = '\0';
    CAPSA_FAIL(BUSY, "%s is in use by another process (pid %s)", path, pid);
}

CAPSA_RESULT capsa_sqlite_lock(const char *path, int *ret_fd)
{
    CAPSA_TRY(capsa_store_folder_make(path));
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(8));
    CAPSA_TRY(capsa_buf_format(&name, "%s.lock", path));
    const char *lock_path;
    CAPSA_TRY(capsa_buf_cstr(&name, &lock_path));
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    CAPSA_REQUIRE(fd >= 0, IO, "cannot open %s: %s", lock_path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        capsa_result result = held_by_other(path, fd);
        (void)close(fd);
        return result;
    }
    char pid[16]; /* padded, so that it overwrites what was there */
    int len = snprintf(pid, sizeof(pid), "%-12ld\n", (long)getpid());
    ssize_t wrote = pwrite(fd, pid, (size_t)len, 0);
    (void)wrote; /* the lock holds; the number is only for people */
    *ret_fd = fd;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sqlite_touch(const char *path)
{
    if (access(path, F_OK) != 0) {
        capsa_result made = capsa_file_write(path, capsa_bytes_of(NULL, 0), 0600, false);
        if (capsa_code_of(made) != CAPSA_E_EXISTS) {
            return made;
        }
    }
    struct stat status;
    CAPSA_REQUIRE(stat(path, &status) == 0, IO, "cannot look at %s: %s", path, strerror(errno));
    CAPSA_REQUIRE(S_ISREG(status.st_mode), USAGE, "%s is not a file", path);
    CAPSA_REQUIRE((status.st_mode & 077) == 0 || chmod(path, 0600) == 0, IO,
                  "others may read %s, and its mode cannot be changed: %s", path, strerror(errno));
    return CAPSA_OK;
}

/* ---- Place ----------------------------------------------------------------------------------- */

void capsa_sqlite_place_drop(capsa_sqlite_place *place)
{
    for (size_t i = 0; i < 2; i++) {
        capsa_dealloc(place->names[i]);
        place->names[i] = NULL;
    }
}

static capsa_result look_at(const char *name, struct stat *ret_status)
{
    CAPSA_REQUIRE(stat(name, ret_status) == 0, STORE, "the store lost its file %s: %s", name,
                  strerror(errno));
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sqlite_place_find(const char *path, capsa_sqlite_place *ret_place)
{
    static const char *const suffixes[2] = {"", "-wal"};
    CAPSA_AUTO(capsa_sqlite_place) place = {.names = {NULL}};
    for (size_t i = 0; i < 2; i++) {
        CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(8));
        struct stat status;
        CAPSA_TRY(capsa_buf_format(&name, "%s%s", path, suffixes[i]));
        CAPSA_TRY(capsa_buf_take_str(&name, &place.names[i]));
        CAPSA_TRY(look_at(place.names[i], &status));
        place.files[i].device = (uint64_t)status.st_dev;
        place.files[i].inode = (uint64_t)status.st_ino;
    }
    *ret_place = place;
    place = (capsa_sqlite_place){.names = {NULL}}; /* handed over */
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sqlite_place_check(const capsa_sqlite_place *place)
{
    for (size_t i = 0; i < 2; i++) {
        struct stat status;
        CAPSA_TRY(look_at(place->names[i], &status));
        CAPSA_REQUIRE((uint64_t)status.st_dev == place->files[i].device &&
                          (uint64_t)status.st_ino == place->files[i].inode,
                      STORE,
                      "another file lies where the store's %s was: nothing is written any more; "
                      "start again",
                      place->names[i]);
    }
    return CAPSA_OK;
}

/* ---- Connections ----------------------------------------------------------------------------- */

void capsa_sqlite_drop(capsa_sqlite *file)
{
    (void)sqlite3_close(file->db); /* NULL is fine; statements are finalized by then */
    file->db = NULL;
}

static capsa_result harden(const capsa_sqlite *file)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 0},    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (sqlite3_db_config(file->db, options[i].option, options[i].value, NULL) != SQLITE_OK) {
            return capsa_sqlite_error(file, "set up");
        }
    }
    (void)sqlite3_limit(file->db, SQLITE_LIMIT_LENGTH, CAPSA_LIMIT_record_value + (1 << 20));
    (void)sqlite3_limit(file->db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_extended_result_codes(file->db, 1);
    (void)sqlite3_busy_timeout(file->db, BUSY_MS);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sqlite_connect(const char *path, enum capsa_sqlite_use use,
                                  capsa_sqlite *ret_file)
{
    int flags = SQLITE_OPEN_NOMUTEX |
                (use == CAPSA_SQLITE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    CAPSA_AUTO(capsa_sqlite) file = {.path = path};
    int rc = sqlite3_open_v2(path, &file.db, flags, NULL);
    CAPSA_REQUIRE(file.db != NULL, NOMEM, "out of memory");
    if (rc != SQLITE_OK) {
        return capsa_sqlite_error(&file, "open");
    }
    CAPSA_TRY(harden(&file));
    CAPSA_TRY(capsa_sqlite_run(&file, "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
                                      "PRAGMA cell_size_check=ON; PRAGMA cache_size=-4096;"));
    *ret_file = file;
    file.db = NULL; /* handed over */
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sqlite_make_durable(const capsa_sqlite *file)
{
    CAPSA_TRY(must_answer(file, "PRAGMA journal_mode=WAL", "wal"));
    CAPSA_TRY(capsa_sqlite_run(file, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                                     "PRAGMA journal_size_limit=67108864"));
    CAPSA_TRY(must_answer(file, "PRAGMA synchronous", "2"));
    return must_answer(file, "PRAGMA secure_delete", "1");
}

/* ---- Format ---------------------------------------------------------------------------------- */

static capsa_result check_format(const capsa_sqlite *file, int64_t *ret_format)
{
    int64_t application = 0;
    int64_t format = 0;
    int64_t objects = 0;
    CAPSA_TRY(ask_number(file, "PRAGMA application_id", &application));
    CAPSA_TRY(ask_number(file, "PRAGMA user_version", &format));
    CAPSA_TRY(ask_number(file, "SELECT count(*) FROM sqlite_schema", &objects));
    bool is_empty = application == 0 && format == 0 && objects == 0;
    CAPSA_REQUIRE(is_empty || application == APPLICATION_ID, STORE,
                  "%s is an SQLite database of something else", file->path);
    CAPSA_REQUIRE(format <= CAPSA_SQLITE_FORMAT, UNSUPPORTED,
                  "%s has store format %lld; this program knows formats up to %d", file->path,
                  (long long)format, CAPSA_SQLITE_FORMAT);
    CAPSA_REQUIRE(is_empty || format > 0, TAMPERED, "%s has no store format", file->path);
    *ret_format = format;
    return CAPSA_OK;
}

static capsa_result check_schema(const capsa_sqlite *file)
{
    CAPSA_AUTO(capsa_buf) found = capsa_buf_of(KIB(64));
    CAPSA_TRY(ask(file, "SELECT group_concat(sql, '; ') FROM sqlite_schema", &found));
    CAPSA_REQUIRE(capsa_bytes_is(capsa_buf_bytes(&found), TABLE_SQL), TAMPERED,
                  "%s holds tables, views or triggers that are not ours", file->path);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_sqlite_check(const capsa_sqlite *file)
{
    int64_t format = 0;
    CAPSA_TRY(check_format(file, &format));
    CAPSA_REQUIRE(format == CAPSA_SQLITE_FORMAT, UNSUPPORTED,
                  "%s has store format %lld, not %d: open it once with capsad", file->path,
                  (long long)format, CAPSA_SQLITE_FORMAT);
    return check_schema(file);
}

/* The step from format n to n + 1 stands at index n; each ends by setting user_version. */
static const char *const migrations[CAPSA_SQLITE_FORMAT] = {
    TABLE_SQL ";PRAGMA application_id=0x63617073;PRAGMA user_version=1",
};

CAPSA_RESULT capsa_sqlite_migrate(const capsa_sqlite *file)
{
    int64_t format = 0;
    CAPSA_TRY(check_format(file, &format));
    for (; format < CAPSA_SQLITE_FORMAT; format++) {
        CAPSA_TRY(capsa_sqlite_run(file, "BEGIN IMMEDIATE"));
        CAPSA_TRY(capsa_sqlite_run(file, migrations[format])); /* closing rolls back */
        CAPSA_TRY(capsa_sqlite_run(file, "COMMIT"));
    }
    return check_schema(file);
}

/* ---- Copies ---------------------------------------------------------------------------------- */

/* All pages in one step: in WAL mode that blocks no writer, and the copy is of one moment. */
static capsa_result copy_pages(const capsa_sqlite *from, const capsa_sqlite *to)
{
    sqlite3_backup *copy = sqlite3_backup_init(to->db, "main", from->db, "main");
    if (copy == NULL) {
        return capsa_sqlite_error(to, "write");
    }
    int stepped = sqlite3_backup_step(copy, -1);
    int finished = sqlite3_backup_finish(copy);
    if (finished != SQLITE_OK) { /* what failed is told by the destination's connection */
        return capsa_sqlite_error(to, "write");
    }
    CAPSA_REQUIRE(stepped == SQLITE_DONE, BUSY, "%s is locked", from->path);
    return CAPSA_OK;
}

/* Fill the temporary file of a backup. It is thrown away unless all of this succeeds and an fsync
 * after it, so it needs no journal. */
static capsa_result fill_copy(const capsa_sqlite *from, const char *temporary)
{
    CAPSA_AUTO(capsa_sqlite) to = {0};
    CAPSA_TRY(capsa_sqlite_connect(temporary, CAPSA_SQLITE_WRITE, &to));
    CAPSA_TRY(capsa_sqlite_run(&to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF"));
    return copy_pages(from, &to);
}

/* The pages say "WAL"; a backup is one file that needs no others beside it. */
static capsa_result make_single(const char *temporary)
{
    CAPSA_AUTO(capsa_sqlite) file = {0};
    CAPSA_TRY(capsa_sqlite_connect(temporary, CAPSA_SQLITE_WRITE, &file));
    CAPSA_TRY(must_answer(&file, "PRAGMA journal_mode=DELETE", "delete"));
    return capsa_sqlite_check(&file);
}

CAPSA_RESULT capsa_sqlite_backup(const char *path, const char *to)
{
    CAPSA_REQUIRE(access(path, R_OK) == 0, NOT_FOUND, "cannot read a store %s: %s", path,
                  strerror(errno));
    /* A writing connection can recover what a killed daemon left; it changes nothing else. */
    CAPSA_AUTO(capsa_sqlite) from = {0};
    CAPSA_TRY(capsa_sqlite_connect(path, CAPSA_SQLITE_WRITE, &from));
    CAPSA_TRY(capsa_sqlite_check(&from));
    CAPSA_AUTO(capsa_file_out) out = {.fd = -1};
    CAPSA_TRY(capsa_file_out_open(to, 0600, false, &out));
    CAPSA_REQUIRE(out.temporary != NULL, USAGE, "%s is no file that a backup could be", to);
    CAPSA_TRY(fill_copy(&from, out.temporary));
    CAPSA_TRY(make_single(out.temporary));
    return capsa_file_out_commit(&out);
}

static capsa_result check_copy(const capsa_sqlite *from)
{
    CAPSA_TRY(capsa_sqlite_check(from));
    CAPSA_AUTO(capsa_buf) answer = capsa_buf_of(KIB(64));
    CAPSA_TRY(ask(from, "PRAGMA integrity_check(1)", &answer));
    CAPSA_REQUIRE(capsa_bytes_is(capsa_buf_bytes(&answer), "ok"), TAMPERED, "%s is damaged",
                  from->path);
    return CAPSA_OK;
}

/* What is about to be replaced stays beside it: the wrong backup must not cost the right store. */
static capsa_result keep_present(const char *path)
{
    if (access(path, F_OK) != 0) {
        return CAPSA_OK;
    }
    CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(8));
    const char *kept;
    CAPSA_TRY(capsa_buf_format(&name, "%s" CAPSA_STORE_KEPT, path));
    CAPSA_TRY(capsa_buf_cstr(&name, &kept));
    CAPSA_REQUIRE(access(kept, F_OK) != 0, EXISTS,
                  "%s holds what the last restore replaced; move it away first", kept);
    return capsa_sqlite_backup(path, kept);
}

static capsa_result restore_locked(const char *path, const char *from_path)
{
    CAPSA_AUTO(capsa_sqlite) from = {0};
    CAPSA_TRY(capsa_sqlite_connect(from_path, CAPSA_SQLITE_READ, &from));
    CAPSA_TRY_AT(check_copy(&from), "the backup");
    CAPSA_TRY_AT(keep_present(path), "what is to be replaced (move it away if it is lost)");
    CAPSA_TRY(capsa_sqlite_touch(path));
    CAPSA_AUTO(capsa_sqlite) to = {0};
    CAPSA_TRY(capsa_sqlite_connect(path, CAPSA_SQLITE_WRITE, &to));
    int64_t format = 0; /* any of ours may be replaced, and an empty file; nobody else's */
    CAPSA_TRY_AT(check_format(&to, &format), "what is to be replaced (move it away if it is lost)");
    CAPSA_TRY(capsa_sqlite_make_durable(&to));
    CAPSA_TRY(copy_pages(&from, &to));
    return capsa_sqlite_check(&to);
}

CAPSA_RESULT capsa_sqlite_restore(const char *path, const char *from)
{
    CAPSA_REQUIRE(access(from, F_OK) == 0, NOT_FOUND, "there is no backup %s", from);
    int lock = -1;
    CAPSA_TRY(capsa_sqlite_lock(path, &lock));
    capsa_result result = restore_locked(path, from);
    (void)close(lock);
    return result;
}
