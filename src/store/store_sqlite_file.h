/* SPDX-License-Identifier: Apache-2.0
 *
 * The file below store_sqlite.c: its lock, its connections, its format, its copies. Only the two
 * store_sqlite files include it.
 */
#pragma once

#include <stdint.h>

#include <sqlite3.h>

#include "base/result.h"

/* What user_version of the file says. A newer file is refused; an older one is brought up to date
 * by the steps in store_sqlite_file.c, when there are any. */
#define CAPSA_SQLITE_FORMAT 1

/* A connection belongs to one thread at a time. */
typedef struct {
    sqlite3 *db;
    const char *path; /* borrowed: for messages */
} capsa_sqlite;
void capsa_sqlite_drop(capsa_sqlite *file);

enum capsa_sqlite_use {
    CAPSA_SQLITE_READ,
    CAPSA_SQLITE_WRITE,
};

/* Take the store for this process: flock on "<path>.lock". BUSY names who has it. Close the
 * descriptor to give it back; the file stays. Makes the folder. */
CAPSA_RESULT capsa_sqlite_lock(const char *path, int *ret_fd);
/* Make an empty database with mode 0600 unless there is one; tighten the mode of one that is. */
CAPSA_RESULT capsa_sqlite_touch(const char *path);
/* Connect to a file that exists, hardened against what a hostile file may hold. */
CAPSA_RESULT capsa_sqlite_connect(const char *path, enum capsa_sqlite_use use,
                                  capsa_sqlite *ret_file);
/* Is it a Capsa store, of our format, with our table and nothing else? */
CAPSA_RESULT capsa_sqlite_check(const capsa_sqlite *file);
/* The same for a file that may be empty or of an older format: it is brought to ours. */
CAPSA_RESULT capsa_sqlite_migrate(const capsa_sqlite *file);

/* Which files a path named when the store was opened: the database and its log. A commit into files
 * that lie there no more, or that others took the place of, would be lost; _check is STORE then. It
 * allocates nothing: it also stands behind a commit. */
typedef struct capsa_sqlite_place {
    char *names[2];
    struct {
        uint64_t device, inode;
    } files[2];
} capsa_sqlite_place;
void capsa_sqlite_place_drop(capsa_sqlite_place *place);
CAPSA_RESULT capsa_sqlite_place_find(const char *path, capsa_sqlite_place *ret_place);
CAPSA_RESULT capsa_sqlite_place_check(const capsa_sqlite_place *place);

/* From here on a commit on this connection is on disk when it returns, and what is deleted is
 * overwritten. Sees to it that SQLite agrees. */
CAPSA_RESULT capsa_sqlite_make_durable(const capsa_sqlite *file);

CAPSA_RESULT capsa_sqlite_run(const capsa_sqlite *file, const char *sql);
/* The error of the call that just failed on this connection, in our terms. */
capsa_result capsa_sqlite_error(const capsa_sqlite *file, const char *doing);

/* The slots (store_backend.h). */
CAPSA_RESULT capsa_sqlite_backup(const char *path, const char *to);
CAPSA_RESULT capsa_sqlite_restore(const char *path, const char *from);
